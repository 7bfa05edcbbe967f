//! Cross-entropy of several classes.

use super::{Loss, Target, sum};
use crate::trainer::TrainError;
use wengert::real::Real;
use wengert::{Float, Tensor, Var};

/// What a model's outputs are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum From {
    Logits,
    Probabilities,
    LogProbabilities,
}

impl From {
    /// Logarithms of probabilities over the last axis.
    #[track_caller]
    pub(super) fn ln_p<T: Float>(self, output: Var<'_, T>) -> Var<'_, T> {
        match self {
            From::Logits => output.log_softmax(-1),
            From::LogProbabilities => output,
            From::Probabilities => {
                let p = output / output.sum_axes(&[-1], true);
                p.maximum(output.tape().constant(T::from_f64(1e-7))).ln()
            }
        }
    }

    /// Probabilities over the last axis.
    pub(super) fn p<T: Float>(self, output: &Tensor<T>) -> Tensor<T> {
        match self {
            From::Logits => output.softmax(-1),
            From::LogProbabilities => output.exp(),
            From::Probabilities => output / &output.sum_axes(&[-1], true),
        }
    }
}

/// -ln of the probability given to the labelled class.
///
/// Outputs have shape `[rows, .., classes]`, labels `[rows, ..]`.
///
/// ```
/// use wengert_nn::{losses::Target, prelude::*};
/// let tape = GradientTape::<f32>::new();
/// let logits = tape.var(tensor![[2.0, 0.0]]);
/// let loss = SparseCategoricalCrossEntropy::from_logits();
/// let rows = loss.rows(logits, Target::Classes(&tensor![0]))?;
/// assert!((rows.value().item() - (1.0 + (-2.0f32).exp()).ln()).abs() < 1e-6);
///
/// let loss = SparseCategoricalCrossEntropy::from_logits()
///     .label_smoothing(0.1)
///     .class_weights([1.0, 5.0])
///     .ignore_index(255);
/// # loss.rows(logits, Target::Classes(&tensor![255]))?;
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SparseCategoricalCrossEntropy {
    from: From,
    ignored: Option<usize>,
    smoothing: f64,
    weights: Option<Vec<f64>>,
}

impl SparseCategoricalCrossEntropy {
    fn new(from: From) -> Self {
        SparseCategoricalCrossEntropy { from, ignored: None, smoothing: 0.0, weights: None }
    }

    /// The model's outputs are logits: the stable and fast way.
    pub fn from_logits() -> Self {
        SparseCategoricalCrossEntropy::new(From::Logits)
    }

    /// The model's outputs are probabilities, such as a softmax gives. As in Keras they are
    /// divided by their sum, and those below 10⁻⁷ count as 10⁻⁷.
    pub fn from_probabilities() -> Self {
        SparseCategoricalCrossEntropy::new(From::Probabilities)
    }

    /// The model's outputs are logarithms of probabilities, such as a log-softmax gives: PyTorch's
    /// `NLLLoss`.
    pub fn from_log_probabilities() -> Self {
        SparseCategoricalCrossEntropy::new(From::LogProbabilities)
    }

    /// Rows with this label, which need not be a class, cost nothing and do not count in a mean.
    pub fn ignore_index(self, label: usize) -> Self {
        SparseCategoricalCrossEntropy { ignored: Some(label), ..self }
    }

    /// Targets give this part of a row's probability to all classes alike (Szegedy et al., 2016).
    ///
    /// # Panics
    /// It is not from 0 to 1.
    #[track_caller]
    pub fn label_smoothing(self, smoothing: f64) -> Self {
        SparseCategoricalCrossEntropy { smoothing: checked_smoothing(smoothing), ..self }
    }

    /// What each class costs and counts, as PyTorch's `weight`: means divide by the weights of the
    /// rows. [`FitOptions::class_weights`](crate::FitOptions::class_weights) are Keras', which do not.
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> Self {
        SparseCategoricalCrossEntropy { weights: Some(weights.into()), ..self }
    }

    fn weight(&self, label: usize) -> f64 {
        match &self.weights {
            _ if Some(label) == self.ignored => 0.0,
            Some(weights) => weights.get(label).copied().unwrap_or(0.0),
            None => 1.0,
        }
    }

    /// What each ln(probability) is multiplied by, negated.
    fn coefficients<T: Float>(&self, labels: &Tensor<usize>, shape: &[usize]) -> Tensor<T> {
        let classes = shape[shape.len() - 1];
        let mut all = vec![T::zero(); labels.len() * classes];
        for (row, &label) in all.chunks_exact_mut(classes.max(1)).zip(labels.as_slice()) {
            if Some(label) == self.ignored {
                continue;
            }
            for (class, x) in row.iter_mut().enumerate() {
                let own = if class == label { 1.0 - self.smoothing } else { 0.0 };
                let weight = self.weights.as_ref().map_or(1.0, |weights| weights[class]);
                *x = T::from_f64(weight * (own + self.smoothing / classes as f64));
            }
        }
        Tensor::from_vec(all, shape).expect("a row of coefficients for each label")
    }
}

const SPARSE: &str = "sparse categorical cross-entropy";

impl<T: Float> Loss<T> for SparseCategoricalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let shape = output.shape();
        let labels = target.classes_but(SPARSE, &shape, self.ignored)?;
        check_weights(SPARSE, self.weights.as_deref(), shape[shape.len() - 1])?;
        if self.from == From::Logits && self.smoothing == 0.0 {
            if self.ignored.is_none() && self.weights.is_none() {
                return Ok(output.cross_entropy_rows(labels));
            }
            // An ignored label stands for no class: any will do, its row counts nothing.
            let known = labels.as_slice().iter().map(|&x| if Some(x) == self.ignored { 0 } else { x });
            let known = Tensor::from_vec(known.collect(), labels.shape()).expect("of the same shape");
            let rows = output.cross_entropy_rows(&known);
            let counts = Loss::<T>::counts(self, target).expect("something is weighted or ignored");
            return Ok(output.tape().constant(counts).mul0(rows));
        }
        let coefficients = output.tape().constant(self.coefficients(labels, &shape));
        Ok(-coefficients.mul0(self.from.ln_p(output)).sum_axes(&[-1], false))
    }

    fn counts(&self, target: Target<'_, T>) -> Option<Tensor<T>> {
        let Target::Classes(labels) = target else { return None };
        if self.ignored.is_none() && self.weights.is_none() {
            return None;
        }
        let counts = labels.as_slice().iter().map(|&label| T::from_f64(self.weight(label))).collect();
        Some(Tensor::from_vec(counts, labels.shape()).expect("of the same shape"))
    }

    /// ln(classes).
    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        let counts = Loss::<T>::counts(self, target).map_or(1.0, |counts| sum(&counts));
        output.last().filter(|_| counts > 0.0).map(|&classes| (classes as f64).ln())
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        Some(self.from.p(output))
    }
}

/// -sum(target · ln(probability)) of each row, for targets that are distributions themselves.
#[derive(Clone, Debug)]
pub struct CategoricalCrossEntropy {
    from: From,
    smoothing: f64,
    weights: Option<Vec<f64>>,
}

impl CategoricalCrossEntropy {
    fn new(from: From) -> Self {
        CategoricalCrossEntropy { from, smoothing: 0.0, weights: None }
    }

    /// The model's outputs are logits: the stable and fast way.
    pub fn from_logits() -> Self {
        CategoricalCrossEntropy::new(From::Logits)
    }

    /// The model's outputs are probabilities; treated as in
    /// [`SparseCategoricalCrossEntropy::from_probabilities`].
    pub fn from_probabilities() -> Self {
        CategoricalCrossEntropy::new(From::Probabilities)
    }

    /// The model's outputs are logarithms of probabilities.
    pub fn from_log_probabilities() -> Self {
        CategoricalCrossEntropy::new(From::LogProbabilities)
    }

    /// Gives this part of a row's probability to all classes alike (Szegedy et al., 2016).
    ///
    /// # Panics
    /// It is not from 0 to 1.
    #[track_caller]
    pub fn label_smoothing(self, smoothing: f64) -> Self {
        CategoricalCrossEntropy { smoothing: checked_smoothing(smoothing), ..self }
    }

    /// What each class costs. As in PyTorch, means of distributions divide by the number of rows.
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> Self {
        CategoricalCrossEntropy { weights: Some(weights.into()), ..self }
    }
}

const DENSE: &str = "categorical cross-entropy";

impl<T: Float> Loss<T> for CategoricalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let shape = output.shape();
        let values = target.values(DENSE, &shape)?;
        let classes = match shape[..] {
            [_, .., classes] => classes,
            _ => {
                let (expected, found) = ("[rows, .., classes]", shape.to_vec());
                return Err(TrainError::Output { loss: DENSE, expected, found });
            }
        };
        check_weights(DENSE, self.weights.as_deref(), classes)?;
        let tape = output.tape();
        let mut target = tape.constant(values);
        if self.smoothing != 0.0 || self.weights.is_some() {
            let weight = |class| self.weights.as_ref().map_or(1.0, |weights| weights[class]);
            let (keep, all) = (1.0 - self.smoothing, self.smoothing / classes as f64);
            let changed = values.as_slice().iter().enumerate().map(|(i, &x)| {
                let x = wengert::Element::to_f64(x);
                T::from_f64(weight(i % classes) * (keep * x + all))
            });
            target = tape.constant(Tensor::from_vec(changed.collect(), &shape).expect("of the same shape"));
        }
        Ok(-(target * self.from.ln_p(output)).sum_axes(&[-1], false))
    }

    /// ln(classes).
    fn of_chance(&self, output: &[usize], _: Target<'_, T>) -> Option<f64> {
        output.last().filter(|_| self.weights.is_none()).map(|&classes| (classes as f64).ln())
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        Some(self.from.p(output))
    }
}

#[track_caller]
pub(super) fn checked_smoothing(smoothing: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&smoothing),
        "label_smoothing: a part of {smoothing}; it must be from 0 to 1"
    );
    smoothing
}

fn check_weights(loss: &'static str, weights: Option<&[f64]>, classes: usize) -> Result<(), TrainError> {
    match weights.filter(|weights| weights.len() != classes) {
        None => Ok(()),
        Some(weights) => Err(TrainError::Weights {
            expected: format!("one for each of the {classes} classes of {loss}"),
            found: format!("{} class weights", weights.len()),
        }),
    }
}
