//! Optimizers: one fused pass over each parameter, its gradient and its accumulators.
//!
//! Where Keras and PyTorch differ by formula, `new` is Keras' and `pytorch` PyTorch's. A step
//! writes in place where nobody else holds a parameter's buffer (after the tape's reset), else
//! into a second buffer that is swapped in; it never copies first. Accumulators that have decayed
//! into denormal numbers are set to zero in the same pass: left alone they slow the arithmetic
//! several times over.
//!
//! `weight_decay` adds to the gradient, as in PyTorch. Keras' argument of that name shrinks the
//! weights themselves, which is [`AdamW`] here, and `decoupled_weight_decay` of [`Nadam`] and
//! [`Radam`].

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod moments;
mod nadam;
mod radam;
mod rmsprop;
mod sgd;
mod slots;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use nadam::Nadam;
pub use radam::Radam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::module::Module;
use wengert::{Float, Gradients, NoGradient};

/// What turns gradients into steps.
pub trait Optimizer<T: Float = f32> {
    /// Moves every parameter of `model` that has a gradient.
    ///
    /// # Errors
    /// At the first step, a parameter without a gradient: it would never learn. Nothing is changed
    /// then. Optimizers permit it with `allow_unused`.
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError>;

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next step, perhaps from a [`Schedule`](crate::Schedule).
    fn set_learning_rate(&mut self, learning_rate: f64);
}

/// Why a step was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// A parameter of the model gets no gradient.
    #[error(
        "parameter `{path}` gets no gradient: {reason}. It would never learn; leave it out of the model, or permit it with allow_unused()"
    )]
    Unused {
        /// Where the parameter is in the model.
        path: String,
        /// Why it has no gradient.
        reason: NoGradient,
    },
}

/// 0 for denormal numbers.
#[inline(always)]
fn flush<T: Float>(x: T) -> T {
    if x.abs() < T::min_positive_value() { T::zero() } else { x }
}
