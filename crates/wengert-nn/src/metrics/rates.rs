//! Precision, recall and F1: what of what was found is right, and what of what is there was found.

use super::{ConfusionMatrix, Metric};
use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Float, Tensor};

/// Whose rate it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Average {
    /// That of class 1, for outputs that are answers: above this threshold they say 1.
    Binary(f64),
    /// That of all rows and classes together, for outputs `[rows, .., classes]`: the accuracy.
    Micro,
    /// The mean of those of the classes that are among targets or predictions, for outputs
    /// `[rows, .., classes]`.
    Macro,
}

macro_rules! rates {
    ($($metric:ident $name:literal $rate:ident #[doc = $doc:literal];)*) => {$(
        #[doc = $doc]
        ///
        /// A share of nothing is 0, as where a class was never predicted; without any row the value is NaN.
        #[derive(Clone, Debug)]
        pub struct $metric {
            average: Average,
            confusion: ConfusionMatrix,
        }

        impl $metric {
            /// Of class 1, for probabilities of it: above a half they say 1.
            pub fn new() -> $metric {
                $metric::of(Average::Binary(0.5))
            }

            /// Of several classes, by a mean over classes.
            pub fn macro_average() -> $metric {
                $metric::of(Average::Macro)
            }

            /// Of several classes, over all rows.
            pub fn micro_average() -> $metric {
                $metric::of(Average::Micro)
            }

            /// By any average, such as of logits: `Average::Binary(0.0)`.
            pub fn of(average: Average) -> $metric {
                $metric { average, confusion: ConfusionMatrix::new() }
            }
        }

        impl Default for $metric {
            fn default() -> Self {
                $metric::new()
            }
        }

        impl<T: Float> Metric<T> for $metric {
            fn name(&self) -> &str {
                $name
            }

            fn reset(&mut self) {
                self.confusion = ConfusionMatrix::new();
            }

            fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
                match self.average {
                    Average::Binary(threshold) => self.confusion.add_answers($name, output, target, threshold),
                    _ => self.confusion.add_classes($name, output, target),
                }
            }

            fn value(&self) -> f64 {
                averaged(&self.confusion, self.average, $rate)
            }
        }
    )*};
}

rates! {
    Precision "precision" precision #[doc = "The share of rows that are of a class among those that were taken for it."];
    Recall "recall" recall #[doc = "The share of rows that were taken for a class among those that are of it."];
    F1Score "f1" f1 #[doc = "The harmonic mean of precision and recall: 2·right / (predicted + true)."];
}

/// A rate of rows that were right, that are of the class, and that were taken for it.
type Rate = fn([u64; 3]) -> f64;

fn precision([right, _, predicted]: [u64; 3]) -> f64 {
    share(right, predicted)
}

fn recall([right, truth, _]: [u64; 3]) -> f64 {
    share(right, truth)
}

fn f1([right, truth, predicted]: [u64; 3]) -> f64 {
    share(2 * right, truth + predicted)
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

fn averaged(confusion: &ConfusionMatrix, average: Average, rate: Rate) -> f64 {
    if confusion.total() == 0 {
        return f64::NAN;
    }
    let all = (0..confusion.classes()).map(|class| confusion.of(class));
    match average {
        Average::Binary(_) => rate(confusion.of(1)),
        Average::Micro => rate(all.fold([0; 3], |sum, x| [sum[0] + x[0], sum[1] + x[1], sum[2] + x[2]])),
        Average::Macro => {
            let rates: Vec<f64> = all.filter(|x| x[1] + x[2] > 0).map(rate).collect();
            rates.iter().sum::<f64>() / rates.len() as f64
        }
    }
}
