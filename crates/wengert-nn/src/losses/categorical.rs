//! Losses of several classes besides cross-entropy, for targets that are labels or rows of a one-hot
//! tensor.

use super::cross_entropy::From;
use super::{Loss, Target};
use crate::trainer::TrainError;
use std::borrow::Cow;
use wengert::{Float, Tensor, Var};

/// Labels as rows, or the rows themselves.
fn one_hot<'a, T: Float>(
    loss: &'static str,
    output: &[usize],
    target: Target<'a, T>,
) -> Result<Cow<'a, Tensor<T>>, TrainError> {
    if let Target::Values(_) = target {
        return target.values(loss, output).map(Cow::Borrowed);
    }
    let labels = target.classes(loss, output)?;
    let classes = output[output.len() - 1];
    Ok(Cow::Owned(wengert_datasets::to_one_hot(labels, classes).expect("labels were checked")))
}

/// Cross-entropy that counts what is known already for little: -Σ alpha·(1 - p)^gamma·target·ln p of each
/// row (Lin et al., "Focal loss for dense object detection", 2017).
///
/// ```
/// use wengert_nn::losses::CategoricalFocalCrossEntropy;
/// let loss = CategoricalFocalCrossEntropy::from_logits().gamma(2.0).alpha(0.25);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CategoricalFocalCrossEntropy {
    from: From,
    gamma: f64,
    alpha: f64,
}

impl CategoricalFocalCrossEntropy {
    /// The model's outputs are logits: the stable way. Gamma 2, alpha 1.
    pub fn from_logits() -> Self {
        CategoricalFocalCrossEntropy { from: From::Logits, gamma: 2.0, alpha: 1.0 }
    }

    /// The model's outputs are probabilities, treated as those of
    /// [`SparseCategoricalCrossEntropy`](super::SparseCategoricalCrossEntropy::from_probabilities).
    pub fn from_probabilities() -> Self {
        CategoricalFocalCrossEntropy { from: From::Probabilities, gamma: 2.0, alpha: 1.0 }
    }

    /// How little counts what is known: 0 for as much as all else.
    pub fn gamma(self, gamma: f64) -> Self {
        CategoricalFocalCrossEntropy { gamma, ..self }
    }

    /// What all is multiplied by. Keras' default is 0.25.
    pub fn alpha(self, alpha: f64) -> Self {
        CategoricalFocalCrossEntropy { alpha, ..self }
    }
}

impl<T: Float> Loss<T> for CategoricalFocalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let target = one_hot("categorical focal cross-entropy", &output.shape(), target)?;
        let ln_p = self.from.ln_p(output);
        let unknown = (-ln_p.exp_m1()).powf(self.gamma);
        let each = output.tape().constant(&*target) * unknown * ln_p;
        Ok(each.sum_axes(&[-1], false) * -self.alpha)
    }

    fn of_chance(&self, output: &[usize], _: Target<'_, T>) -> Option<f64> {
        let classes = *output.last()? as f64;
        Some(self.alpha * (1.0 - 1.0 / classes).powf(self.gamma) * classes.ln())
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        Some(self.from.p(output))
    }
}

/// max(1 + the largest output of another class - the target's output, 0) of each row: Keras'
/// `CategoricalHinge`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalHinge;

impl CategoricalHinge {
    /// The loss.
    pub fn new() -> Self {
        CategoricalHinge
    }
}

impl<T: Float> Loss<T> for CategoricalHinge {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let target = one_hot("categorical hinge loss", &output.shape(), target)?;
        let target = output.tape().constant(&*target);
        let own = (target * output).sum_axes(&[-1], false);
        let other = ((1.0 - target) * output).max_axes(&[-1], false);
        Ok((other - own + 1.0).relu())
    }
}
