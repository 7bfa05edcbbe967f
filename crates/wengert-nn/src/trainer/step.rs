//! One step on one batch: the usual one, one in parts on threads, or one of the user's own.

use super::fit::mean;
use super::{TrainError, Trainer, call};
use crate::callbacks::{Backward, Watched};
use crate::forward::Model;
use crate::losses::{AsTarget, Loss, Target, shared, sum, weighted};
use crate::metrics::Metric;
use crate::optimizers::Optimizer;
use wengert::{Element, Float, GradientTape, Tensor, Var};

/// A batch, or a part of one.
pub(super) struct Part<'a, X, T: Float> {
    pub input: &'a X,
    pub target: Target<'a, T>,
    pub weights: Option<&'a Tensor<T>>,
    pub rows: usize,
}

impl<X, T: Float> Clone for Part<'_, X, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X, T: Float> Copy for Part<'_, X, T> {}

/// The mean loss of a batch, and of how much.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub loss: f64,
    pub count: f64,
}

/// What a [custom step](Trainer::train_step) works with.
pub struct TrainStep<'a, M: Model<T>, T: Float = f32> {
    /// The model.
    pub model: &'a mut M,
    /// The trainer's optimizer, whose learning rate has been set. A step may have others of its own.
    pub optimizer: &'a mut dyn Optimizer<T>,
    /// The trainer's loss.
    pub loss: &'a dyn Loss<T>,
    /// An empty tape, which trains and has the step's seed.
    pub tape: &'a mut GradientTape<T>,
    /// The inputs of the batch.
    pub input: &'a M::Input,
    /// Its targets.
    pub target: Target<'a, T>,
    /// The weights of its rows, if the fit has any.
    pub weights: Option<&'a Tensor<T>>,
    /// The number of the step, from 0.
    pub step: u64,
}

/// What a [custom step](Trainer::train_step) reports.
#[derive(Clone, Debug)]
pub struct StepResult<T: Float = f32> {
    loss: f64,
    output: Option<Tensor<T>>,
}

impl<T: Float> StepResult<T> {
    /// The mean loss of the batch.
    pub fn new(loss: T) -> StepResult<T> {
        StepResult { loss: Element::to_f64(loss), output: None }
    }

    /// With the output that the metrics compare with the targets.
    pub fn output(self, output: Tensor<T>) -> StepResult<T> {
        StepResult { output: Some(output), ..self }
    }
}

pub(super) type CustomStep<M, T> =
    Box<dyn FnMut(&mut TrainStep<'_, M, T>) -> Result<StepResult<T>, TrainError>>;

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// This trainer with a step of its own: `step` computes gradients and has the optimizer use them,
    /// in place of the usual forward pass, loss, sweep and step. All else stays: epochs, schedules,
    /// metrics, callbacks.
    ///
    /// ```
    /// use wengert_nn::{StepResult, datasets::TensorDataset, prelude::*};
    /// # let data = TensorDataset::new(tensor![[1.0f32], [2.0]], tensor![[2.0f32], [4.0]])?;
    /// let model: Dense = Dense::new(1, 1, &mut seeded(0));
    /// let mut trainer = Trainer::new(model, Adam::new(0.1), MeanSquaredError::new()).train_step(|step| {
    ///     // A penalty on how steeply the output depends on the input.
    ///     let x = step.tape.var(step.input);
    ///     let output = step.model.forward(x);
    ///     let slope = step.tape.gradient(output.sum(), &[x])[0];
    ///     let loss = step.loss.reduced(output, step.target, step.weights, Reduction::Mean)?;
    ///     let result = StepResult::new(loss.item()).output(output.value());
    ///     let grads = (loss + slope.square().mean() * 0.01).backward();
    ///     step.tape.reset();
    ///     step.optimizer.step(step.model, &grads)?;
    ///     Ok(result)
    /// });
    /// trainer.fit(&data, FitOptions::new().epochs(2))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// The trainer is [data-parallel](Trainer::data_parallel).
    #[must_use]
    #[track_caller]
    pub fn train_step(
        mut self,
        step: impl FnMut(&mut TrainStep<'_, M, T>) -> Result<StepResult<T>, TrainError> + 'static,
    ) -> Self {
        assert!(self.parallel.is_none(), "train_step: a custom step has to cut its batches itself");
        self.custom = Some(Box::new(step));
        self
    }

    /// One step on one batch; counts it in the metrics and gives the mean loss before the step.
    ///
    /// # Errors
    /// A target that the loss cannot take, or a parameter without a gradient.
    #[track_caller]
    pub fn train_on_batch<Y: AsTarget<T>>(
        &mut self,
        input: &M::Input,
        target: &Y,
    ) -> Result<f64, TrainError> {
        let part = Part { input, target: target.as_target(), weights: None, rows: 0 };
        Ok(self.step(&[part])?.loss)
    }

    #[track_caller]
    pub(super) fn step(&mut self, parts: &[Part<'_, M::Input, T>]) -> Result<Measured, TrainError> {
        if let Some(schedule) = &self.schedule {
            self.optimizer.set_learning_rate(schedule.at(self.at.steps));
        }
        let measured = match (&self.custom, parts) {
            (Some(_), &[part]) => self.custom_step(part)?,
            (None, &[part]) => self.usual_step(part)?,
            _ => self.parallel_step(parts)?,
        };
        self.at.steps += 1;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.model);
        }
        Ok(measured)
    }

    #[track_caller]
    fn usual_step(&mut self, part: Part<'_, M::Input, T>) -> Result<Measured, TrainError> {
        let seed = mix(self.seed, self.at.steps, 0);
        let Trainer { model, sample, optimizer, loss, metrics, callbacks, ema, tapes, at, .. } = self;
        let tape = &mut tapes[0];
        tape.reset();
        tape.set_training(true);
        tape.seed(seed);
        let output = model.output(tape, part.input);
        let (loss, count) = mean_loss(&**loss, output, part)?;
        let value = Element::to_f64(loss.item());
        count_in(metrics, || output.value(), part.target)?;
        let grads = loss.backward();
        let backward = Backward { loss: value, recorded: Some(loss), gradients: &grads };
        let (hook, ema) = ("after the gradients", ema.as_mut());
        let mut watched = Watched { model, sample: sample.as_ref() };
        call(callbacks, (&mut watched, &mut **optimizer, ema), at, hook, |callback, context| {
            callback.on_backward(&backward, context)
        })?;
        tape.reset();
        optimizer.step(model, &grads)?;
        Ok(Measured { loss: value, count })
    }

    #[track_caller]
    fn custom_step(&mut self, part: Part<'_, M::Input, T>) -> Result<Measured, TrainError> {
        let (step, seed) = (self.at.steps, mix(self.seed, self.at.steps, 0));
        let Trainer { model, optimizer, loss, metrics, custom, tapes, .. } = self;
        let tape = &mut tapes[0];
        tape.reset();
        tape.set_training(true);
        tape.seed(seed);
        let Part { input, target, weights, rows } = part;
        let (optimizer, loss) = (&mut **optimizer, &**loss);
        let mut step = TrainStep { model, optimizer, loss, tape, input, target, weights, step };
        let custom = custom.as_mut().expect("there is a custom step");
        let StepResult { loss, output } = custom(&mut step)?;
        tape.reset();
        if let Some(output) = output {
            count_in(metrics, || output, target)?;
        }
        Ok(Measured { loss, count: rows as f64 })
    }
}

/// The mean loss as a variable, and what it is divided by.
#[track_caller]
pub(super) fn mean_loss<'t, T: Float, X>(
    loss: &dyn Loss<T>,
    output: Var<'t, T>,
    part: Part<'_, X, T>,
) -> Result<(Var<'t, T>, f64), TrainError> {
    let rows = weighted(loss.rows(output, part.target)?, part.weights)?;
    Ok(match loss.counts(part.target) {
        None => (rows.mean(), rows.shape().elements() as f64),
        Some(counts) => {
            let count = sum(&counts);
            (shared(rows.sum(), count), count)
        }
    })
}

/// Counts a batch in all metrics.
pub(super) fn count_in<T: Float>(
    metrics: &mut [Box<dyn Metric<T>>],
    output: impl FnOnce() -> Tensor<T>,
    target: Target<'_, T>,
) -> Result<(), TrainError> {
    if metrics.is_empty() {
        return Ok(());
    }
    let output = output();
    metrics.iter_mut().try_for_each(|metric| metric.update(&output, target))
}

/// The seed of a part of a step: a function of all three that no two share by chance (the finaliser of
/// SplitMix64, by Steele, Lea and Flood, 2014).
pub(super) fn mix(seed: u64, step: u64, part: u64) -> u64 {
    let spread = |x: u64| {
        let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    spread(spread(spread(seed) ^ step) ^ part)
}

impl Measured {
    /// Of parts: the sum of their losses, and what it is divided by.
    pub(super) fn of(total: f64, count: f64) -> Measured {
        Measured { loss: mean(total, count), count }
    }
}
