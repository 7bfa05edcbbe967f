//! Metrics: streaming over batches, exact at the end.

use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Float, Tensor};

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

/// The share of rows whose largest output is at the target's class.
///
/// The target is class labels, or distributions, whose largest entry counts. Of equal outputs the
/// first counts.
///
/// ```
/// use wengert_nn::prelude::*;
/// use wengert_nn::losses::Target;
/// let mut accuracy = Accuracy::new();
/// let output: Tensor = tensor![[0.1, 0.9], [0.8, 0.2]];
/// accuracy.update(&output, Target::Classes(&tensor![1, 1]))?;
/// assert_eq!(Metric::<f32>::value(&accuracy), 0.5);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Accuracy {
    right: usize,
    rows: usize,
}

impl Accuracy {
    /// The metric, with no batch counted.
    pub fn new() -> Accuracy {
        Accuracy::default()
    }
}

impl<T: Float> Metric<T> for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn reset(&mut self) {
        *self = Accuracy::new();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        let Some(&classes) = output.shape().last().filter(|&&classes| classes > 0) else {
            return Ok(());
        };
        let predicted = output.as_slice().chunks_exact(classes).map(largest);
        self.rows += output.len() / classes;
        self.right += match target {
            Target::Classes(labels) => predicted.zip(labels.as_slice()).filter(|(a, b)| a == *b).count(),
            Target::Values(values) => predicted
                .zip(values.as_slice().chunks_exact(classes))
                .filter(|(a, b)| *a == largest(b))
                .count(),
        };
        Ok(())
    }

    fn value(&self) -> f64 {
        self.right as f64 / self.rows as f64
    }
}

/// The first position of the largest element; NaN is never larger.
fn largest<T: Float>(row: &[T]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, &x)| if x > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wengert::tensor;

    #[test]
    fn accuracy_counts_over_batches_and_takes_the_first_of_ties() {
        let mut accuracy = Accuracy::new();
        assert!(Metric::<f64>::value(&accuracy).is_nan());
        accuracy.update(&tensor![[1.0, 1.0], [0.0, 1.0]], Target::Classes(&tensor![0, 0])).unwrap();
        accuracy.update(&tensor![[1.0, 2.0]], Target::Values(&tensor![[0.0, 1.0]])).unwrap();
        assert_eq!(Metric::<f64>::value(&accuracy), 2.0 / 3.0);
    }
}
