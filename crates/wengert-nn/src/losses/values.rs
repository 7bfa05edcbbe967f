//! Losses of values: what is to be paid for a difference.

use super::Target;
use crate::losses::Loss;
use crate::trainer::TrainError;
use wengert::{Float, Var};

/// The mean over each row's values of (output - target)².
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl MeanSquaredError {
    /// The loss.
    pub fn new() -> Self {
        MeanSquaredError
    }
}

impl<T: Float> Loss<T> for MeanSquaredError {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("mean squared error", &output.shape())?;
        let square = (output - output.tape().constant(values)).square();
        let others: Vec<isize> = (1..square.shape().len() as isize).collect();
        Ok(square.mean_axes(&others, false))
    }
}
