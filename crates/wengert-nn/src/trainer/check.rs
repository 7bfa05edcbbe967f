//! A look at a training before it begins: what usually goes wrong, and is seen too late.
//!
//! It costs a few hundred small steps. What it finds is said in words, with what to do; thresholds are
//! wide, so that what it names is worth a look.

mod report;
mod scales;

pub use report::{About, Check, Finding};

use super::step::{Part, mean_loss, mix};
use super::{TrainError, Trainer};
use crate::forward::Model;
use crate::losses::{AsTarget, Target};
use crate::module::Path;
use crate::optimizers::{Adam, Optimizer};
use wengert::{Element, Float, Gradients, Tensor};
use wengert_datasets::Dataset;

/// Rows of the batch that is looked at.
const ROWS: usize = 32;
/// Steps on that batch, for each learning rate.
const STEPS: usize = 300;
/// How far its loss must fall to have been learned by heart.
const LEARNED: f64 = 0.2;

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// Looks for what is wrong before a training, on one batch from all over `data`:
    ///
    /// - inputs and activations are finite, and neither huge nor all alike;
    /// - the first loss is near what [chance](crate::Loss::of_chance) gives;
    /// - every parameter gets a gradient, none is huge or tiny beside the others;
    /// - the batch can be learned by heart, with [`Adam`] and a few hundred steps.
    ///
    /// Model, optimizer, metrics and counts are as before when it returns. A [custom
    /// step](Trainer::train_step) is not asked: the usual one is looked at.
    ///
    /// ```
    /// use wengert_nn::{datasets::TensorDataset, prelude::*};
    /// # let mut rng = seeded(0);
    /// # let x: Tensor = Tensor::randn(&[64, 3], &mut rng);
    /// # let labels = x.as_slice().chunks(3).map(|x| usize::from(x[0] > 0.0)).collect::<Vec<_>>();
    /// # let data = TensorDataset::new(x, Tensor::from(labels))?;
    /// let model: Sequential =
    ///     Sequential::new().layer(Dense::new(3, 32, &mut rng)).layer(Tanh).layer(Dense::new(32, 2, &mut rng));
    /// let mut trainer = Trainer::new(model, Adam::new(1e-3), SparseCategoricalCrossEntropy::from_logits());
    /// let check = trainer.check(&data)?;
    /// println!("{check}");
    /// assert!(check.is_good());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No data, or a target that the loss cannot take.
    #[track_caller]
    pub fn check<D>(&mut self, data: &D) -> Result<Check, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        if data.is_empty() {
            return Err(TrainError::NoData);
        }
        let n = data.len().min(ROWS);
        // From all over the data, which may be sorted.
        let rows: Vec<usize> = (0..n).map(|i| i * data.len() / n).collect();
        let mut batch = None;
        data.gather(&rows, &mut batch);
        let (input, target) = batch.as_ref().expect("a data set gathers the rows it is asked for");
        let part = Part { input, target: target.as_target(), weights: None, rows: n };

        let mut check = Check::new(n);
        check_labels(&mut check, part.target);
        let finite = self.check_first_step(&mut check, part)?;
        if finite {
            let before = self.parameters();
            let learned = self.learn_by_heart(part);
            self.restore_parameters(&before);
            let learned = learned?;
            if learned.last > LEARNED * learned.first.abs() && learned.first != 0.0 {
                check.find(
                    About::Learning,
                    format!(
                        "one batch of {n} rows cannot be learned by heart: its loss fell from {:.4} to {:.4} only, in {STEPS} steps of Adam",
                        learned.first, learned.last
                    ),
                    "look for what keeps the model from seeing its inputs or the loss from seeing its outputs (a detach, a wrong axis, shuffled targets), or for targets that contradict each other; a model that is too small, strong regularisation or label smoothing has this effect too",
                );
            }
            check.learned = Some((learned.first, learned.last));
        }
        self.tapes[0].reset();
        Ok(check)
    }

    /// One forward pass and one sweep; whether all was finite.
    #[track_caller]
    fn check_first_step(
        &mut self,
        check: &mut Check,
        part: Part<'_, M::Input, T>,
    ) -> Result<bool, TrainError> {
        let seed = mix(self.seed, self.at.steps, 0);
        let Trainer { model, loss, tapes, .. } = self;
        let tape = &mut tapes[0];
        tape.reset();
        tape.set_training(true);
        tape.seed(seed);
        let output = model.output(tape, part.input);
        let inner = tape.len();
        let (mean, _) = mean_loss(&**loss, output, part)?;
        let first = Element::to_f64(mean.item());
        check.loss = first;
        check.chance = loss.of_chance(&output.shape(), part.target);
        let grads = mean.backward();
        let mut norm = 0.0;
        model.visit(&Path::root(), &mut |_, p| {
            norm += grads
                .parameter(p)
                .map_or(0.0, |g| g.as_slice().iter().map(|&x| Element::to_f64(x).powi(2)).sum());
        });
        let finite = first.is_finite() && f64::is_finite(norm);
        if !finite {
            let node = tape.find_not_finite(mean).unwrap_or_else(|| format!("the loss is {first}"));
            check.find(
                About::Numbers,
                format!("numbers stop to be finite: {node}"),
                "bound what goes into that operation (a logarithm, a root, a division, an exponential), use the loss from_logits, or look for NaN in the data",
            );
            return Ok(false);
        }
        scales::check(check, tape, inner);
        check_chance(check);
        let mut norms: Vec<(String, f64)> = Vec::new();
        model.visit(&Path::root(), &mut |path, p| {
            if p.is_trainable() {
                check_gradient(check, path, p, &grads, &mut norms);
            }
        });
        check_norms(check, &norms);
        Ok(true)
    }

    #[track_caller]
    fn learn_by_heart(&mut self, part: Part<'_, M::Input, T>) -> Result<Learned, TrainError> {
        let before = self.parameters();
        let mut best = Learned { first: f64::NAN, last: f64::INFINITY };
        for rate in [1e-2, 1e-3] {
            self.restore_parameters(&before);
            let mut optimizer = Adam::new(rate).allow_unused();
            let Trainer { model, loss, tapes, seed, .. } = self;
            let tape = &mut tapes[0];
            for step in 0..STEPS {
                tape.reset();
                // The same masks each time: it is to be learned by heart.
                tape.seed(mix(*seed, 0, 0));
                let output = model.output(tape, part.input);
                let (mean, _) = mean_loss(&**loss, output, part)?;
                let value = Element::to_f64(mean.item());
                if step == 0 {
                    best.first = value;
                }
                if value.is_finite() {
                    best.last = best.last.min(value);
                }
                if value.is_nan() || best.last <= LEARNED * best.first.abs() {
                    break;
                }
                let grads = mean.backward();
                tape.reset();
                optimizer.step(model, &grads)?;
            }
            if best.last <= LEARNED * best.first.abs() {
                break;
            }
        }
        Ok(best)
    }

    fn parameters(&self) -> Vec<Tensor<T>> {
        let mut all = Vec::new();
        self.model.visit(&Path::root(), &mut |_, p| all.push(p.value().clone()));
        all
    }

    fn restore_parameters(&mut self, values: &[Tensor<T>]) {
        let mut values = values.iter();
        self.model.visit_mut(&Path::root(), &mut |_, p| {
            if let Some(value) = values.next() {
                p.replace(value.clone());
            }
        });
    }
}

/// The first and the smallest loss of a batch that is trained on again and again.
struct Learned {
    first: f64,
    last: f64,
}

fn check_labels<T: Float>(check: &mut Check, target: Target<'_, T>) {
    let Target::Classes(labels) = target else { return };
    if let [first, rest @ ..] = labels.as_slice()
        && !rest.is_empty()
        && rest.iter().all(|label| label == first)
    {
        check.find(
            About::Targets,
            format!("all {} labels of the batch are {first}", labels.len()),
            "look how the labels were read; there is nothing to tell apart",
        );
    }
}

fn check_chance(check: &mut Check) {
    let (loss, Some(chance)) = (check.loss, check.chance) else { return };
    if loss > 2.0 * chance {
        check.find(
            About::Loss,
            format!("the first loss is {loss:.4}, and guessing without knowledge would give {chance:.4}"),
            "make the first outputs smaller: scale the inputs to about -1 to 1, and the last layer's first weights down; for values far from 0 scale the targets, or start the last bias at their mean; make sure that the loss is told whether it gets logits or probabilities",
        );
    } else if loss < 0.5 * chance {
        check.find(
            About::Loss,
            format!("the first loss is {loss:.4}, less than half of the {chance:.4} that guessing gives"),
            "if the model is not trained already, look whether its inputs contain the targets",
        );
    }
}

fn check_gradient<T: Float>(
    check: &mut Check,
    path: &Path<'_>,
    parameter: &wengert::Parameter<T>,
    grads: &Gradients<T>,
    norms: &mut Vec<(String, f64)>,
) {
    let Some(gradient) = grads.parameter(parameter) else {
        let reason = grads.why(parameter).map_or(String::new(), |reason| format!(": {reason}"));
        check.find(
            About::Gradients,
            format!("parameter `{path}` gets no gradient{reason}"),
            "use it in the output, leave it out of the model, or freeze it",
        );
        return;
    };
    let squares: f64 = gradient.as_slice().iter().map(|&x| Element::to_f64(x).powi(2)).sum();
    if squares == 0.0 && !gradient.is_empty() {
        check.find(
            About::Gradients,
            format!("the gradient of `{path}` is zero everywhere"),
            "look for activations that are all zero behind it (relu of negative numbers only), or for an operation without a slope; start with other first weights or a smaller learning rate",
        );
    } else if !gradient.is_empty() {
        norms.push((path.to_string(), (squares / gradient.len() as f64).sqrt()));
    }
}

/// Gradients of parameters beside each other, as roots of their mean squares.
fn check_norms(check: &mut Check, norms: &[(String, f64)]) {
    let by = |a: &&(String, f64), b: &&(String, f64)| a.1.total_cmp(&b.1);
    let (Some(small), Some(large)) = (norms.iter().min_by(by), norms.iter().max_by(by)) else { return };
    if large.1 > 1e3 {
        check.find(
            About::Gradients,
            format!("the gradient of `{}` is large: {:.1e} on average", large.0, large.1),
            "scale inputs and targets to about -1 to 1, or shorten gradients with clip_global_norm(1.0)",
        );
    } else if large.1 < 1e-7 {
        check.find(
            About::Gradients,
            format!("all gradients are tiny, at most {:.1e} on average", large.1),
            "look for a loss that is divided too often, or for saturated activations",
        );
    } else if large.1 > 1e6 * small.1 {
        check.find(
            About::Gradients,
            format!(
                "gradients differ by more than a million times: {:.1e} on average at `{}`, {:.1e} at `{}`",
                small.1, small.0, large.1, large.0
            ),
            "keep activations at one scale from layer to layer: first weights for the activation (He's for relu, Glorot's for tanh), normalisation, or residual connections",
        );
    }
}
