//! Losses of values: what is to be paid for a difference, as a mean over each row's values.

use super::{Loss, Target};
use crate::trainer::TrainError;
use wengert::{Element, Float, GradientTape, Reduction, Tensor, Var};

/// The mean over all axes but the first.
#[track_caller]
pub(super) fn per_row<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let others: Vec<isize> = (1..x.shape().len() as isize).collect();
    x.mean_axes(&others, false)
}

/// The loss of one who always says the mean of a batch's targets.
fn of_means<T: Float>(loss: &dyn Loss<T>, output: &[usize], target: Target<'_, T>) -> Option<f64> {
    let Target::Values(values) = target else { return None };
    let rows = *output.first().filter(|&&rows| rows > 1)?;
    let columns = values.len() / rows;
    let mut means = vec![0.0; columns];
    for (i, &x) in values.as_slice().iter().enumerate() {
        means[i % columns] += Element::to_f64(x) / rows as f64;
    }
    let guess = (0..values.len()).map(|i| T::from_f64(means[i % columns])).collect();
    at(loss, Tensor::from_vec(guess, output).ok()?, target)
}

/// The mean loss of a fixed output.
pub(super) fn at<T: Float>(loss: &dyn Loss<T>, output: Tensor<T>, target: Target<'_, T>) -> Option<f64> {
    let tape = GradientTape::new();
    let loss = loss.reduced(tape.constant(output), target, None, Reduction::Mean).ok()?;
    Some(Element::to_f64(loss.item())).filter(|loss| loss.is_finite() && *loss > 0.0)
}

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
        Ok(per_row(output.mse_loss(values, Reduction::None)))
    }

    /// The variance of the batch's targets.
    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        of_means(self, output, target)
    }
}

/// The mean over each row's values of |output - target|, with slope 0 where they are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanAbsoluteError;

impl MeanAbsoluteError {
    /// The loss.
    pub fn new() -> Self {
        MeanAbsoluteError
    }
}

impl<T: Float> Loss<T> for MeanAbsoluteError {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("mean absolute error", &output.shape())?;
        Ok(per_row(output.mae_loss(values, Reduction::None)))
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        of_means(self, output, target)
    }
}

/// With d = |output - target|: d²/2 up to delta, then delta·(d - delta/2) (P. J. Huber, "Robust
/// estimation of a location parameter", 1964). The mean over each row's values.
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// The loss.
    ///
    /// # Panics
    /// Delta is not above 0.
    #[track_caller]
    pub fn new(delta: f64) -> Self {
        assert!(delta > 0.0, "Huber: a delta of {delta}; it must be above 0");
        Huber { delta }
    }
}

/// Keras' and PyTorch's delta: 1.
impl Default for Huber {
    fn default() -> Self {
        Huber::new(1.0)
    }
}

impl<T: Float> Loss<T> for Huber {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("Huber's loss", &output.shape())?;
        Ok(per_row(output.huber_loss(values, self.delta, Reduction::None)))
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        of_means(self, output, target)
    }
}

/// PyTorch's smooth L1 loss: with d = |output - target|, d²/(2·beta) up to beta, then d - beta/2; that
/// is [`Huber`]'s divided by beta. The mean over each row's values.
#[derive(Clone, Copy, Debug)]
pub struct SmoothL1 {
    beta: f64,
}

impl SmoothL1 {
    /// The loss.
    ///
    /// # Panics
    /// Beta is not above 0.
    #[track_caller]
    pub fn new(beta: f64) -> Self {
        assert!(beta > 0.0, "SmoothL1: a beta of {beta}; it must be above 0");
        SmoothL1 { beta }
    }
}

/// PyTorch's beta: 1.
impl Default for SmoothL1 {
    fn default() -> Self {
        SmoothL1::new(1.0)
    }
}

impl<T: Float> Loss<T> for SmoothL1 {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("smooth L1 loss", &output.shape())?;
        Ok(per_row(output.huber_loss(values, self.beta, Reduction::None)) / self.beta)
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        of_means(self, output, target)
    }
}

/// ln(cosh(output - target)), which is d²/2 for small and |d| - ln 2 for large differences d. The mean
/// over each row's values.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCosh;

impl LogCosh {
    /// The loss.
    pub fn new() -> Self {
        LogCosh
    }
}

impl<T: Float> Loss<T> for LogCosh {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("log-cosh", &output.shape())?;
        let d = output - output.tape().constant(values);
        // ln cosh d = d + ln(1 + e^(-2d)) - ln 2, which overflows nowhere.
        Ok(per_row(d + (d * -2.0).softplus() - std::f64::consts::LN_2))
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        of_means(self, output, target)
    }
}
