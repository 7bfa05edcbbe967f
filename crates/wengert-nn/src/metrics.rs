//! Metrics: streaming over batches, exact at the end.
//!
//! A metric gives the same value for rows that come in several batches as for all of them at once,
//! to the bit: it adds row after row, in double precision or in whole numbers.

mod accuracy;
mod auc;
mod confusion;
mod perplexity;
mod rates;
mod regression;

pub use accuracy::{Accuracy, BinaryAccuracy, TopKAccuracy};
pub use auc::RocAuc;
pub use confusion::ConfusionMatrix;
pub use perplexity::Perplexity;
pub use rates::{Average, F1Score, Precision, Recall};
pub use regression::{MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError};

use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Element, Float, Tensor};

/// A number that says how good outputs are, gathered batch by batch.
pub trait Metric<T: Float = f32> {
    /// The name in logs, such as `accuracy`.
    fn name(&self) -> &str;
    /// Forgets all batches.
    fn reset(&mut self);
    /// Counts one batch.
    ///
    /// # Errors
    /// The output or the target is not what the metric takes; nothing is counted then.
    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError>;
    /// The value over all batches since the reset; NaN if there were none.
    fn value(&self) -> f64;
}

/// Calls `f` with the predicted and the true class of each row of outputs `[rows, .., classes]`; gives
/// the number of classes.
fn each_class<T: Float>(
    metric: &'static str,
    output: &Tensor<T>,
    target: Target<'_, T>,
    mut f: impl FnMut(usize, usize),
) -> Result<usize, TrainError> {
    each_row(metric, output, target, |row, truth| f(largest(row), truth))
}

/// Calls `f` with each row of outputs `[rows, .., classes]` and its true class, which is a label or the
/// place of the largest entry of a row of values.
pub(crate) fn each_row<T: Float>(
    metric: &'static str,
    output: &Tensor<T>,
    target: Target<'_, T>,
    mut f: impl FnMut(&[T], usize),
) -> Result<usize, TrainError> {
    let classes = match output.shape()[..] {
        [_, .., classes] if classes > 0 => classes,
        _ => {
            let (expected, found) = ("[rows, .., classes]", output.shape().to_vec());
            return Err(TrainError::Output { loss: metric, expected, found });
        }
    };
    let rows = output.as_slice().chunks_exact(classes);
    match target {
        Target::Classes(_) => {
            let labels = target.classes(metric, output.shape())?;
            rows.zip(labels.as_slice()).for_each(|(row, &label)| f(row, label));
        }
        Target::Values(_) => {
            let values = target.values(metric, output.shape())?;
            rows.zip(values.as_slice().chunks_exact(classes)).for_each(|(row, x)| f(row, largest(x)));
        }
    }
    Ok(classes)
}

/// Calls `f` with each output and whether its target is above a half.
fn each_answer<T: Float>(
    metric: &'static str,
    output: &Tensor<T>,
    target: Target<'_, T>,
    mut f: impl FnMut(f64, bool),
) -> Result<(), TrainError> {
    let target = target.binary(metric, output.shape())?;
    for (&x, &t) in output.as_slice().iter().zip(target.as_slice()) {
        f(Element::to_f64(x), Element::to_f64(t) > 0.5);
    }
    Ok(())
}

/// The first position of the largest element; NaN is never larger.
pub(crate) fn largest<T: Float>(row: &[T]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, &x)| if x > row[best] { i } else { best })
}
