//! Losses: numbers of rows, of which the trainer takes the mean.
//!
//! A loss gives one number a row (or a position of a row, as of a sequence), so that samples can be
//! weighted and epochs averaged exactly, whatever the sizes of batches are. How the numbers become
//! one is the same for all losses and written once: [`Loss::reduced`].

mod binary;
mod categorical;
mod cross_entropy;
mod distributions;
mod pairs;
mod target;
mod values;

pub use binary::{BinaryCrossEntropy, BinaryFocalCrossEntropy, Hinge};
pub use categorical::{CategoricalFocalCrossEntropy, CategoricalHinge};
pub use cross_entropy::{CategoricalCrossEntropy, SparseCategoricalCrossEntropy};
pub use distributions::{GaussianNll, KlDivergence, Poisson};
pub use pairs::{CosineSimilarity, cosine_embedding, margin_ranking, triplet_margin};
pub use target::{AsTarget, Target};
pub use values::{Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, SmoothL1};

use crate::trainer::TrainError;
use wengert::{Element, Float, Reduction, Tensor, Var};

/// A loss: how far an output is from its target, one number a row.
///
/// ```
/// use wengert_nn::prelude::*;
/// use wengert_nn::{TrainError, losses::Target};
///
/// /// The fourth power of each error.
/// struct Quartic;
///
/// impl Loss for Quartic {
///     fn rows<'t>(&self, output: Var<'t>, target: Target) -> Result<Var<'t>, TrainError> {
///         let values = target.values("quartic", &output.shape())?;
///         Ok((output - output.tape().constant(values)).powi(4).mean_axes(&[-1], false))
///     }
/// }
/// ```
pub trait Loss<T: Float = f32>: Send + Sync {
    /// The loss of each row: a variable whose first axis is the batch's.
    ///
    /// # Errors
    /// The target is of another kind or shape than the loss takes.
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError>;

    /// What each of the rows counts in a mean; `None`, the default, if all count 1. Rows that are
    /// ignored count 0, and classes with weights count as much as their weight, as in PyTorch.
    fn counts(&self, target: Target<'_, T>) -> Option<Tensor<T>> {
        let _ = target;
        None
    }

    /// The mean loss of one who knows nothing but the target's distribution, if that is known: what an
    /// untrained model's should be near. [`Trainer::check`](crate::Trainer::check) compares.
    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        let _ = (output, target);
        None
    }

    /// An output as probabilities of classes, `[rows, .., classes]`, if that is what it stands for: the
    /// softmax of logits, say; of one answer a row the probabilities of 0 and of 1.
    /// [`Trainer::interpret`](crate::Trainer::interpret) asks.
    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        let _ = output;
        None
    }

    /// The loss as one number, or as one a row.
    ///
    /// `weights`, of the shape of the rows or of their first axes, are multiplied to the rows.
    /// [`Reduction::Mean`] divides their sum by what the rows [count](Loss::counts), not by the
    /// weights, as Keras does; where nothing counts it is 0.
    ///
    /// ```
    /// use wengert_nn::{losses::Target, prelude::*};
    /// let tape = GradientTape::<f32>::new();
    /// let output = tape.var(tensor![[1.0], [3.0]]);
    /// let zeros = Tensor::zeros(&[2, 1]);
    /// let loss = |weights, reduction| {
    ///     MeanSquaredError::new().reduced(output, Target::Values(&zeros), weights, reduction).map(|x| x.value())
    /// };
    /// assert_eq!(loss(None, Reduction::Mean)?.item(), 5.0);
    /// let weights = tensor![2.0, 0.0];
    /// assert_eq!(loss(Some(&weights), Reduction::None)?, tensor![2.0, 0.0]);
    /// assert_eq!(loss(Some(&weights), Reduction::Mean)?.item(), 1.0);
    /// # Ok::<(), wengert_nn::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// The target is of another kind or shape than the loss takes, or the weights are.
    #[track_caller]
    fn reduced<'t>(
        &self,
        output: Var<'t, T>,
        target: Target<'_, T>,
        weights: Option<&Tensor<T>>,
        reduction: Reduction,
    ) -> Result<Var<'t, T>, TrainError> {
        let rows = weighted(self.rows(output, target)?, weights)?;
        Ok(match reduction {
            Reduction::None => rows,
            Reduction::Sum => rows.sum(),
            Reduction::Mean => match self.counts(target) {
                None => rows.mean(),
                Some(counts) => shared(rows.sum(), sum(&counts)),
            },
        })
    }
}

/// Boxed losses are losses.
impl<T: Float, L: Loss<T> + ?Sized> Loss<T> for Box<L> {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        (**self).rows(output, target)
    }

    fn counts(&self, target: Target<'_, T>) -> Option<Tensor<T>> {
        (**self).counts(target)
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        (**self).of_chance(output, target)
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        (**self).probabilities(output)
    }
}

/// Rows times weights of the shape of their first axes.
#[track_caller]
pub(crate) fn weighted<'t, T: Float>(
    rows: Var<'t, T>,
    weights: Option<&Tensor<T>>,
) -> Result<Var<'t, T>, TrainError> {
    let Some(weights) = weights else { return Ok(rows) };
    let (shape, own) = (rows.shape(), weights.shape());
    if !shape.starts_with(own) {
        return Err(TrainError::Weights {
            expected: format!("one for each of the rows, which have shape {shape}"),
            found: format!("weights of shape {own}"),
        });
    }
    let mut wide = own.to_vec();
    wide.resize(shape.len(), 1);
    let weights = weights.reshape(&wide).expect("axes of length 1 were added");
    Ok(rows * rows.tape().constant(weights))
}

/// `total / count`, and 0 if nothing counts.
#[track_caller]
pub(crate) fn shared<T: Float>(total: Var<'_, T>, count: f64) -> Var<'_, T> {
    if count == 0.0 { total * 0.0 } else { total / count }
}

/// The sum in double precision.
pub(crate) fn sum<T: Float>(x: &Tensor<T>) -> f64 {
    x.as_slice().iter().map(|&x| Element::to_f64(x)).sum()
}
