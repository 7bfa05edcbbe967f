//! Which classes are taken for which.

use super::{Metric, each_answer, each_class};
use crate::losses::Target;
use crate::trainer::TrainError;
use std::fmt;
use wengert::{Float, Tensor};

/// How many rows of each class were taken for each class.
///
/// As a metric of a trainer its value is the accuracy; to look at the counts, update one by hand:
///
/// ```
/// use wengert_nn::{losses::Target, metrics::ConfusionMatrix, prelude::*};
/// let mut confusion = ConfusionMatrix::new();
/// let output: Tensor = tensor![[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]];
/// confusion.update(&output, Target::Classes(&tensor![0, 1, 1]))?;
/// assert_eq!(confusion.count(1, 0), 1); // a 1 that was taken for a 0
/// println!("{confusion}");
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// By true, then by predicted class.
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// With no batch counted.
    pub fn new() -> ConfusionMatrix {
        ConfusionMatrix::default()
    }

    /// The number of classes; 0 before the first batch.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many rows of class `truth` were taken for class `predicted`; 0 for classes that are not there.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        let known = truth < self.classes && predicted < self.classes;
        if known { self.counts[truth * self.classes + predicted] } else { 0 }
    }

    /// All rows.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows of a class that were right, that are of it, and that were taken for it.
    pub(super) fn of(&self, class: usize) -> [u64; 3] {
        let (truth, predicted) = (0..self.classes)
            .fold((0, 0), |(t, p), other| (t + self.count(class, other), p + self.count(other, class)));
        [self.count(class, class), truth, predicted]
    }

    /// Counts outputs `[rows, .., classes]` by their largest entry.
    pub(super) fn add_classes<T: Float>(
        &mut self,
        metric: &'static str,
        output: &Tensor<T>,
        target: Target<'_, T>,
    ) -> Result<(), TrainError> {
        let classes = output.shape().last().copied().unwrap_or(0);
        let mut new = vec![0; classes * classes];
        each_class(metric, output, target, |predicted, truth| new[truth * classes + predicted] += 1)?;
        self.add(metric, output, classes, new)
    }

    /// Counts outputs as 0 or 1 by a threshold.
    pub(super) fn add_answers<T: Float>(
        &mut self,
        metric: &'static str,
        output: &Tensor<T>,
        target: Target<'_, T>,
        threshold: f64,
    ) -> Result<(), TrainError> {
        let mut new = vec![0; 4];
        each_answer(metric, output, target, |x, truth| {
            new[usize::from(truth) * 2 + usize::from(x > threshold)] += 1;
        })?;
        self.add(metric, output, 2, new)
    }

    fn add<T: Float>(
        &mut self,
        metric: &'static str,
        output: &Tensor<T>,
        classes: usize,
        new: Vec<u64>,
    ) -> Result<(), TrainError> {
        if self.counts.is_empty() {
            (self.classes, self.counts) = (classes, new);
            return Ok(());
        }
        if self.classes != classes {
            let (expected, found) = ("with as many classes as the batches before", output.shape().to_vec());
            return Err(TrainError::Output { loss: metric, expected, found });
        }
        self.counts.iter_mut().zip(new).for_each(|(sum, x)| *sum += x);
        Ok(())
    }
}

impl<T: Float> Metric<T> for ConfusionMatrix {
    fn name(&self) -> &str {
        "accuracy_of_confusion"
    }

    fn reset(&mut self) {
        *self = ConfusionMatrix::new();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        self.add_classes("confusion matrix", output, target)
    }

    /// The share of rows on the diagonal.
    fn value(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        right as f64 / self.total() as f64
    }
}

/// A row for each true class, a column for each predicted one.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = self.counts.iter().max().copied().unwrap_or(0).max(self.classes as u64);
        let width = largest.to_string().len();
        write!(f, "{:width$}", "")?;
        (0..self.classes).try_for_each(|class| write!(f, "  {class:>width$}"))?;
        for truth in 0..self.classes {
            write!(f, "\n{truth:>width$}")?;
            (0..self.classes).try_for_each(|class| write!(f, "  {:>width$}", self.count(truth, class)))?;
        }
        Ok(())
    }
}
