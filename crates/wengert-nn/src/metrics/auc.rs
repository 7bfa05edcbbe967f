//! The area under the ROC curve.

use super::{Metric, each_answer};
use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Element, Float, Tensor};

/// How likely a row of class 1 has a higher output than one of class 0, ties counting half: the area
/// under the curve of true over false positives.
///
/// Outputs are scores `[rows]` or `[rows, 1]`, probabilities or logits alike, or `[rows, 2]`, of which the
/// second less the first is the score. The value is exact, not from a set of thresholds: all scores are
/// kept, 16 bytes a row, and pairs are counted in whole numbers. Where one of the classes has no row, or
/// a score is NaN, it is NaN.
///
/// ```
/// use wengert_nn::{losses::Target, metrics::RocAuc, prelude::*};
/// let mut auc = RocAuc::new();
/// auc.update(&tensor![0.1f32, 0.4, 0.4, 0.8], Target::Classes(&tensor![0, 0, 1, 1]))?;
/// assert_eq!(Metric::<f32>::value(&auc), 3.5 / 4.0);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RocAuc {
    scores: Vec<(f64, bool)>,
}

impl RocAuc {
    /// With no batch counted.
    pub fn new() -> RocAuc {
        RocAuc::default()
    }
}

impl<T: Float> Metric<T> for RocAuc {
    fn name(&self) -> &str {
        "auc"
    }

    fn reset(&mut self) {
        self.scores.clear();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        if let ([rows, 2], Target::Classes(_)) = (&output.shape()[..], target) {
            let differences = output
                .as_slice()
                .chunks_exact(2)
                .map(|x| T::from_f64(Element::to_f64(x[1]) - Element::to_f64(x[0])));
            let differences = Tensor::from_vec(differences.collect(), &[*rows]).expect("one a row");
            return each_answer("auc", &differences, target, |x, truth| self.scores.push((x, truth)));
        }
        each_answer("auc", output, target, |x, truth| self.scores.push((x, truth)))
    }

    fn value(&self) -> f64 {
        if self.scores.iter().any(|(x, _)| x.is_nan()) {
            return f64::NAN;
        }
        let mut scores = self.scores.clone();
        // 0 and -0 are the same score.
        scores.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).expect("no score is NaN"));
        // Twice the pairs that are in order, a tie counting once.
        let (mut below, mut positives, mut ordered) = (0u128, 0u128, 0u128);
        for equal in scores.chunk_by(|a, b| a.0 == b.0) {
            let of_one = equal.iter().filter(|(_, truth)| *truth).count() as u128;
            let of_zero = equal.len() as u128 - of_one;
            ordered += of_one * (2 * below + of_zero);
            below += of_zero;
            positives += of_one;
        }
        ordered as f64 / (2 * positives * below) as f64
    }
}
