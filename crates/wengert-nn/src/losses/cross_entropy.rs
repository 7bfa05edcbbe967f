//! Cross-entropy of several classes.

use super::{Loss, Target};
use crate::trainer::TrainError;
use wengert::{Float, Tensor, Var};

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
