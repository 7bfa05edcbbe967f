//! How far values are from their targets.
//!
//! Sums are made value after value in double precision, so that batches give the bits of the whole. A
//! variance is Welford's running one ("Note on a method for calculating corrected sums of squares",
//! 1962), which does not cancel.

use super::Metric;
use crate::losses::Target;
use crate::trainer::TrainError;
use wengert::{Element, Float, Tensor};

/// Calls `f` with each output and its target.
fn each<T: Float>(
    metric: &'static str,
    output: &Tensor<T>,
    target: Target<'_, T>,
    mut f: impl FnMut(f64, f64),
) -> Result<(), TrainError> {
    let values = target.values(metric, output.shape())?;
    for (&x, &t) in output.as_slice().iter().zip(values.as_slice()) {
        f(Element::to_f64(x), Element::to_f64(t));
    }
    Ok(())
}

macro_rules! means {
    ($($metric:ident $name:literal, $of:expr, $then:expr; #[doc = $doc:literal])*) => {$(
        #[doc = $doc]
        ///
        /// NaN before the first value.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $metric {
            sum: f64,
            count: u64,
        }

        impl $metric {
            /// With no batch counted.
            pub fn new() -> $metric {
                $metric::default()
            }
        }

        impl<T: Float> Metric<T> for $metric {
            fn name(&self) -> &str {
                $name
            }

            fn reset(&mut self) {
                *self = $metric::new();
            }

            fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
                let of: fn(f64) -> f64 = $of;
                each($name, output, target, |x, t| {
                    self.sum += of(x - t);
                    self.count += 1;
                })
            }

            fn value(&self) -> f64 {
                let then: fn(f64) -> f64 = $then;
                then(self.sum / self.count as f64)
            }
        }
    )*};
}

means! {
    MeanSquaredError "mse", |d| d * d, |mean| mean; #[doc = "The mean over all values of (output - target)²."]
    RootMeanSquaredError "rmse", |d| d * d, f64::sqrt; #[doc = "The root of the mean over all values of (output - target)²."]
    MeanAbsoluteError "mae", f64::abs, |mean| mean; #[doc = "The mean over all values of |output - target|."]
}

/// R²: 1 - Σ (output - target)² / Σ (target - mean)², of each column of outputs `[rows, ..]`, then the
/// mean over columns. 1 is perfect, 0 what the mean of all targets would give.
///
/// Of a column whose targets are all equal it is 1 if all outputs are right, else 0, as in scikit-learn;
/// of fewer than two rows NaN.
///
/// ```
/// use wengert_nn::{losses::Target, metrics::R2Score, prelude::*};
/// let mut r2 = R2Score::new();
/// r2.update(&tensor![[1.0f64], [2.0], [4.0]], Target::Values(&tensor![[1.0], [2.0], [3.0]]))?;
/// assert_eq!(Metric::<f64>::value(&r2), 0.5);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct R2Score {
    rows: u64,
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Column {
    residual: f64,
    mean: f64,
    /// Σ (target - mean)².
    spread: f64,
}

impl R2Score {
    /// With no batch counted.
    pub fn new() -> R2Score {
        R2Score::default()
    }
}

impl<T: Float> Metric<T> for R2Score {
    fn name(&self) -> &str {
        "r2"
    }

    fn reset(&mut self) {
        *self = R2Score::new();
    }

    fn update(&mut self, output: &Tensor<T>, target: Target<'_, T>) -> Result<(), TrainError> {
        let Some((_, columns)) = output.shape().split_first() else {
            let (expected, found) = ("[rows, ..]", output.shape().to_vec());
            return Err(TrainError::Output { loss: "r2", expected, found });
        };
        let columns: usize = columns.iter().product();
        if self.rows > 0 && self.columns.len() != columns {
            let (expected, found) = ("with as many columns as the batches before", output.shape().to_vec());
            return Err(TrainError::Output { loss: "r2", expected, found });
        }
        target.values("r2", output.shape())?;
        self.columns.resize(columns, Column::default());
        let (mut at, rows, all) = (0, &mut self.rows, &mut self.columns);
        each("r2", output, target, |x, t| {
            if at == 0 {
                *rows += 1;
            }
            let column = &mut all[at];
            column.residual += (x - t) * (x - t);
            let before = t - column.mean;
            column.mean += before / *rows as f64;
            column.spread += before * (t - column.mean);
            at = (at + 1) % columns;
        })
    }

    fn value(&self) -> f64 {
        if self.rows < 2 {
            return f64::NAN;
        }
        let of = |column: &Column| match (column.residual == 0.0, column.spread == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            _ => 1.0 - column.residual / column.spread,
        };
        self.columns.iter().map(of).sum::<f64>() / self.columns.len() as f64
    }
}
