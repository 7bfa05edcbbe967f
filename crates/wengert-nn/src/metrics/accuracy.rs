//! Shares of rows that are right.

use super::{Metric, each_answer, each_class, each_row};
use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Float, Tensor};

/// How many of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    right: u64,
    rows: u64,
}

impl Share {
    fn count(&mut self, right: bool) {
        self.right += u64::from(right);
        self.rows += 1;
    }

    fn value(self) -> f64 {
        self.right as f64 / self.rows as f64
    }
}

/// The share of rows whose largest output is at the target's class.
///
/// Outputs have shape `[rows, .., classes]`. The target is class labels, or distributions, whose
/// largest entry counts. Of equal outputs the first counts.
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
pub struct Accuracy(Share);

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
        each_class("accuracy", output, target, |predicted, truth| self.0.count(predicted == truth))?;
        Ok(())
    }

    fn value(&self) -> f64 {
        self.0.value()
    }
}

/// The share of rows with the target's class among their k largest outputs. Of equal outputs the first
/// counts as the larger; NaN is never larger.
///
/// ```
/// use wengert_nn::{losses::Target, metrics::TopKAccuracy, prelude::*};
/// let mut top = TopKAccuracy::new(2);
/// top.update(&tensor![[0.5f32, 0.3, 0.2], [0.5, 0.3, 0.2]], Target::Classes(&tensor![1, 2]))?;
/// assert_eq!((Metric::<f32>::name(&top), Metric::<f32>::value(&top)), ("top_2_accuracy", 0.5));
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TopKAccuracy {
    k: usize,
    name: String,
    share: Share,
}

impl TopKAccuracy {
    /// The metric, with no batch counted.
    ///
    /// # Panics
    /// `k` is 0.
    #[track_caller]
    pub fn new(k: usize) -> TopKAccuracy {
        assert!(k > 0, "TopKAccuracy: the 0 largest outputs; at least 1 is needed");
        TopKAccuracy { k, name: format!("top_{k}_accuracy"), share: Share::default() }
    }
}

impl<T: Float> Metric<T> for TopKAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&mut self) {
        self.share = Share::default();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        let (k, share) = (self.k, &mut self.share);
        each_row("top-k accuracy", output, target, |row, truth| {
            let own = row[truth];
            let before = |(i, &x): (usize, &T)| x > own || (i < truth && x == own);
            let rank = row.iter().enumerate().filter(|&x| before(x)).count();
            share.count(rank < k && !own.is_nan());
        })?;
        Ok(())
    }

    fn value(&self) -> f64 {
        self.share.value()
    }
}

/// The share of outputs that are on their target's side of a threshold: above it for targets of 1, and
/// not above it for targets of 0.
///
/// ```
/// use wengert_nn::{losses::Target, metrics::BinaryAccuracy, prelude::*};
/// let mut accuracy = BinaryAccuracy::new().threshold(0.0); // of logits
/// accuracy.update(&tensor![[-1.5f32], [2.0]], Target::Classes(&tensor![0, 0]))?;
/// assert_eq!(Metric::<f32>::value(&accuracy), 0.5);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryAccuracy {
    threshold: f64,
    share: Share,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        BinaryAccuracy::new()
    }
}

impl BinaryAccuracy {
    /// The metric of probabilities: with a threshold of a half.
    pub fn new() -> BinaryAccuracy {
        BinaryAccuracy { threshold: 0.5, share: Share::default() }
    }

    /// Another threshold: 0 for logits.
    pub fn threshold(self, threshold: f64) -> BinaryAccuracy {
        BinaryAccuracy { threshold, ..self }
    }
}

impl<T: Float> Metric<T> for BinaryAccuracy {
    fn name(&self) -> &str {
        "binary_accuracy"
    }

    fn reset(&mut self) {
        self.share = Share::default();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        let (threshold, share) = (self.threshold, &mut self.share);
        each_answer("binary accuracy", output, target, |x, truth| {
            share.count(!x.is_nan() && (x > threshold) == truth);
        })
    }

    fn value(&self) -> f64 {
        self.share.value()
    }
}
