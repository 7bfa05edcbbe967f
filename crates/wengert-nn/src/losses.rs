//! Losses: one number a row, of which the trainer takes the mean.

use crate::trainer::TrainError;
use wengert::{Float, Tensor, Var};

/// What a batch should have given: class labels, or values.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a, T: Float = f32> {
    /// A class a row.
    Classes(&'a Tensor<usize>),
    /// Values of the output's shape.
    Values(&'a Tensor<T>),
}

/// What can be a data set's target: a tensor of labels or of values.
pub trait AsTarget<T: Float> {
    /// This, as a loss takes it.
    fn as_target(&self) -> Target<'_, T>;
}

impl<T: Float> AsTarget<T> for Tensor<usize> {
    fn as_target(&self) -> Target<'_, T> {
        Target::Classes(self)
    }
}

impl AsTarget<f32> for Tensor<f32> {
    fn as_target(&self) -> Target<'_, f32> {
        Target::Values(self)
    }
}

impl AsTarget<f64> for Tensor<f64> {
    fn as_target(&self) -> Target<'_, f64> {
        Target::Values(self)
    }
}

impl<'a, T: Float> Target<'a, T> {
    /// The labels, for an output of shape `[rows, classes]`.
    ///
    /// # Errors
    /// The target is values, there is not one label a row, or a label is not below `classes`.
    pub fn classes(self, loss: &'static str, output: &[usize]) -> Result<&'a Tensor<usize>, TrainError> {
        let Target::Classes(labels) = self else {
            return Err(TrainError::Target { loss, expected: "class labels", found: "values".into() });
        };
        let (rows, classes) = match output {
            [rows, classes] => (*rows, *classes),
            _ => return Err(TrainError::Output { loss, expected: "[rows, classes]", found: output.into() }),
        };
        if labels.shape()[..] != [rows] {
            let found = format!("labels of shape {} for {rows} rows", labels.shape());
            return Err(TrainError::Target { loss, expected: "one label a row", found });
        }
        match labels.as_slice().iter().find(|&&label| label >= classes) {
            Some(label) => {
                let found = format!("label {label} for an output of {classes} classes");
                Err(TrainError::Target { loss, expected: "labels below the number of classes", found })
            }
            None => Ok(labels),
        }
    }

    /// The values, for an output of their shape.
    ///
    /// # Errors
    /// The target is labels, or of another shape.
    pub fn values(self, loss: &'static str, output: &[usize]) -> Result<&'a Tensor<T>, TrainError> {
        match self {
            Target::Values(values) if values.shape()[..] == *output => Ok(values),
            Target::Values(values) => {
                let found = format!("values of shape {} for an output of shape {output:?}", values.shape());
                Err(TrainError::Target { loss, expected: "values of the output's shape", found })
            }
            Target::Classes(_) => {
                Err(TrainError::Target { loss, expected: "values", found: "class labels".into() })
            }
        }
    }
}

/// A loss: how far an output is from its target, one number a row.
///
/// ```
/// use wengert_nn::prelude::*;
/// use wengert_nn::{TrainError, losses::Target};
///
/// /// Mean absolute error.
/// struct MeanAbsoluteError;
///
/// impl Loss for MeanAbsoluteError {
///     fn rows<'t>(&self, output: Var<'t>, target: Target) -> Result<Var<'t>, TrainError> {
///         let values = target.values("mean absolute error", &output.shape())?;
///         Ok((output - output.tape().constant(values)).abs().mean_axes(&[-1], false))
///     }
/// }
/// ```
pub trait Loss<T: Float = f32> {
    /// The loss of each row.
    ///
    /// # Errors
    /// The target is of another kind or shape than the loss takes.
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError>;
}

/// -ln of the probability given to the labelled class.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::<f32>::new();
/// let logits = tape.var(tensor![[2.0, 0.0]]);
/// let loss = SparseCategoricalCrossEntropy::from_logits();
/// let rows = loss.rows(logits, wengert_nn::losses::Target::Classes(&tensor![0]))?;
/// assert!((rows.value().item() - (1.0 + (-2.0f32).exp()).ln()).abs() < 1e-6);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SparseCategoricalCrossEntropy {
    from_logits: bool,
}

impl SparseCategoricalCrossEntropy {
    /// The model's outputs are logits: the stable and fast way.
    pub fn from_logits() -> Self {
        SparseCategoricalCrossEntropy { from_logits: true }
    }

    /// The model's outputs are probabilities, such as a softmax gives. As in Keras they are
    /// divided by their sum, and those below 10⁻⁷ count as 10⁻⁷.
    pub fn from_probabilities() -> Self {
        SparseCategoricalCrossEntropy { from_logits: false }
    }
}

impl<T: Float> Loss<T> for SparseCategoricalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let shape = output.shape();
        let labels = target.classes("sparse categorical cross-entropy", &shape)?;
        if self.from_logits {
            return Ok(output.cross_entropy_rows(labels));
        }
        let one_hot = wengert_datasets::to_one_hot(labels, shape[1]).expect("labels were checked");
        Ok(cross_entropy_of_probabilities(output, &one_hot))
    }
}

/// -sum(target · ln(probability)) of each row, for targets that are distributions themselves.
#[derive(Clone, Copy, Debug)]
pub struct CategoricalCrossEntropy {
    from_logits: bool,
}

impl CategoricalCrossEntropy {
    /// The model's outputs are logits: the stable and fast way.
    pub fn from_logits() -> Self {
        CategoricalCrossEntropy { from_logits: true }
    }

    /// The model's outputs are probabilities; treated as in
    /// [`SparseCategoricalCrossEntropy::from_probabilities`].
    pub fn from_probabilities() -> Self {
        CategoricalCrossEntropy { from_logits: false }
    }
}

impl<T: Float> Loss<T> for CategoricalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("categorical cross-entropy", &output.shape())?;
        if !self.from_logits {
            return Ok(cross_entropy_of_probabilities(output, values));
        }
        let target = output.tape().constant(values);
        Ok(-(target * output.log_softmax(-1)).sum_axes(&[-1], false))
    }
}

#[track_caller]
fn cross_entropy_of_probabilities<'t, T: Float>(p: Var<'t, T>, target: &Tensor<T>) -> Var<'t, T> {
    let tape = p.tape();
    let p = p / p.sum_axes(&[-1], true);
    let ln_p = p.maximum(tape.constant(T::from_f64(1e-7))).ln();
    -(tape.constant(target) * ln_p).sum_axes(&[-1], false)
}

/// The mean over each row's values of (output - target)².
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl MeanSquaredError {
    /// The loss.
    pub fn new() -> Self {
        MeanSquaredError
    }
}

impl<T: Float> Loss<T> for MeanSquaredError {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("mean squared error", &output.shape())?;
        let square = (output - output.tape().constant(values)).square();
        let others: Vec<isize> = (1..square.shape().len() as isize).collect();
        Ok(square.mean_axes(&others, false))
    }
}
