//! Losses of models whose outputs say how values are distributed.

use super::values::per_row;
use super::{Loss, Target};
use crate::trainer::TrainError;
use wengert::{Float, Reduction, Span, Var};

/// Σ target·ln(target / probability) of each row, 0 where the target is 0: the divergence of Kullback and
/// Leibler.
#[derive(Clone, Copy, Debug)]
pub struct KlDivergence {
    from_logarithms: bool,
}

impl KlDivergence {
    /// The model's outputs are probabilities. As in Keras, outputs and targets below 10⁻⁷ count as 10⁻⁷.
    pub fn from_probabilities() -> Self {
        KlDivergence { from_logarithms: false }
    }

    /// The model's outputs are logarithms of probabilities: PyTorch's formula, whose `batchmean` is the
    /// mean over rows.
    pub fn from_log_probabilities() -> Self {
        KlDivergence { from_logarithms: true }
    }
}

impl<T: Float> Loss<T> for KlDivergence {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("Kullback-Leibler divergence", &output.shape())?;
        let others: Vec<isize> = (1..output.shape().len() as isize).collect();
        if self.from_logarithms {
            return Ok(output.kl_div_loss(values, Reduction::None).sum_axes(&others, false));
        }
        let (p, t) = (output.clamp(1e-7, 1.0), output.tape().constant(values).clamp(1e-7, 1.0));
        Ok((t * (t / p).ln()).sum_axes(&others, false))
    }
}

/// -ln of the density that a normal distribution gives the target: ½·(ln v + (target - m)² / v), without
/// the constant ½·ln 2π. The last axis of the outputs has means m and then logarithms of variances v, so
/// it is twice as long as the targets'. The mean over each row's values (Nix and Weigend, "Estimating the
/// mean and variance of the target probability distribution", 1994).
///
/// ```
/// use wengert_nn::{losses::{GaussianNll, Target}, prelude::*};
/// let tape = GradientTape::<f32>::new();
/// let output = tape.var(tensor![[1.0, 0.0]]); // mean 1, variance 1
/// let rows = GaussianNll::new().rows(output, Target::Values(&tensor![[3.0]]))?;
/// assert_eq!(rows.value(), tensor![2.0]);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GaussianNll {
    full: bool,
}

impl GaussianNll {
    /// Without the constant.
    pub fn new() -> Self {
        GaussianNll { full: false }
    }

    /// With the constant ½·ln 2π.
    pub fn full() -> Self {
        GaussianNll { full: true }
    }
}

impl<T: Float> Loss<T> for GaussianNll {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let (loss, mut shape) = ("Gaussian negative log-likelihood", output.shape().to_vec());
        match shape.last_mut() {
            Some(last) if *last % 2 == 0 && output.shape().len() > 1 => *last /= 2,
            _ => return Err(TrainError::Output { loss, expected: "[rows, .., 2 · values]", found: shape }),
        }
        let values = target.values(loss, &shape)?;
        let (mut spans, k) = (vec![Span::from(..); shape.len()], shape[shape.len() - 1] as isize);
        let mut half = |span: Span| {
            *spans.last_mut().expect("there is an axis") = span;
            spans.clone()
        };
        let (means, logs) = (half(Span::new(0, k)), half(Span::new(k, None)));
        let (mean, ln_v) = (output.slice(&means), output.slice(&logs));
        let d = mean - output.tape().constant(values);
        let rows = (ln_v + d.square() * (-ln_v).exp()) * 0.5;
        let constant = if self.full { 0.5 * std::f64::consts::TAU.ln() } else { 0.0 };
        Ok(per_row(if self.full { rows + constant } else { rows }))
    }
}

/// Of counts: rate - target·ln(rate), which is -ln of the probability that a Poisson distribution gives
/// the target, up to what does not depend on the model. The mean over each row's values.
#[derive(Clone, Copy, Debug)]
pub struct Poisson {
    from_logarithms: bool,
}

impl Poisson {
    /// The model's outputs are rates. As in Keras 10⁻⁷ is added before the logarithm.
    pub fn from_rates() -> Self {
        Poisson { from_logarithms: false }
    }

    /// The model's outputs are logarithms of rates, as PyTorch's `log_input`: the stable way.
    pub fn from_log_rates() -> Self {
        Poisson { from_logarithms: true }
    }
}

impl<T: Float> Loss<T> for Poisson {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let values = target.values("Poisson loss", &output.shape())?;
        let t = output.tape().constant(values);
        Ok(per_row(match self.from_logarithms {
            true => output.exp() - t * output,
            false => output - t * (output + 1e-7).ln(),
        }))
    }
}
