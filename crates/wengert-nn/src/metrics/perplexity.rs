//! Perplexity.

use super::Metric;
use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Element, Float, Tensor};

/// e to the mean of -ln(probability of the label): among how many words a language model hesitates.
/// Outputs have shape `[rows, .., classes]`. NaN before the first row.
///
/// ```
/// use wengert_nn::{losses::Target, metrics::Perplexity, prelude::*};
/// let mut perplexity = Perplexity::from_logits().ignore_index(99);
/// perplexity.update(&tensor![[[0.0f32, 0.0], [5.0, 1.0]]], Target::Classes(&tensor![[1, 99]]))?;
/// assert_eq!(Metric::<f32>::value(&perplexity), 2.0);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Perplexity {
    from_logits: bool,
    ignored: Option<usize>,
    sum: f64,
    rows: u64,
}

impl Perplexity {
    fn of(from_logits: bool) -> Perplexity {
        Perplexity { from_logits, ignored: None, sum: 0.0, rows: 0 }
    }

    /// Of logits.
    pub fn from_logits() -> Perplexity {
        Perplexity::of(true)
    }

    /// Of probabilities.
    pub fn from_probabilities() -> Perplexity {
        Perplexity::of(false)
    }

    /// Does not count rows with this label, such as padding.
    pub fn ignore_index(self, label: usize) -> Perplexity {
        Perplexity { ignored: Some(label), ..self }
    }
}

impl<T: Float> Metric<T> for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    fn reset(&mut self) {
        (self.sum, self.rows) = (0.0, 0);
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        let labels = target.classes_but("perplexity", output.shape(), self.ignored)?;
        let classes = output.shape()[output.ndim() - 1].max(1);
        for (row, &label) in output.as_slice().chunks_exact(classes).zip(labels.as_slice()) {
            if Some(label) == self.ignored {
                continue;
            }
            let x = |i: usize| Element::to_f64(row[i]);
            self.sum += if self.from_logits {
                let largest = (0..classes).map(x).fold(f64::NEG_INFINITY, f64::max);
                let all: f64 = (0..classes).map(|i| (x(i) - largest).exp()).sum();
                all.ln() + largest - x(label)
            } else {
                -x(label).ln()
            };
            self.rows += 1;
        }
        Ok(())
    }

    fn value(&self) -> f64 {
        (self.sum / self.rows as f64).exp()
    }
}
