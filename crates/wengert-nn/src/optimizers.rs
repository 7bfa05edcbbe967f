//! Optimizers: one fused pass over each parameter, its gradient and its accumulators.
//!
//! Where Keras and PyTorch differ by formula, `new` is Keras' and `pytorch` PyTorch's. A step
//! writes in place where nobody else holds a parameter's buffer (after the tape's reset), else
//! into a second buffer that is swapped in; it never copies first. Accumulators that have decayed
//! into denormal numbers are set to zero in the same pass: left alone they slow the arithmetic
//! several times over.
//!
//! `weight_decay` adds to the gradient, as in PyTorch. Keras' argument of that name shrinks the
//! weights themselves, which is `decoupled_weight_decay` here, and what [`AdamW`] is for.
//!
//! Every optimizer has these options:
//!
//! | | |
//! |---|---|
//! | `group` | parameters with a learning rate or a weight decay of their own: [`ParameterGroup`] |
//! | `freeze` | parameters that stay as they are |
//! | `clip_value` `clip_norm` `clip_global_norm` | gradients cut or shortened before they are used |
//! | `accumulate` | one step for several batches |
//! | `allow_unused` | parameters without a gradient are no error |
//!
//! ```
//! use wengert_nn::prelude::*;
//! let optimizer: Sgd = Sgd::new(0.1)
//!     .momentum(0.9)
//!     .weight_decay(1e-4)
//!     .clip_global_norm(1.0)
//!     .accumulate(4)
//!     .freeze(|name| name.starts_with("embedding"));
//! ```

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod clipping;
mod groups;
mod lion;
mod moments;
mod nadam;
mod options;
mod radam;
mod rmsprop;
mod sgd;
mod slots;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use groups::ParameterGroup;
pub use lion::Lion;
pub use nadam::Nadam;
pub use radam::Radam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::module::Module;
use crate::state::{State, StateError};
use wengert::{Float, Gradients, NoGradient};

/// What turns gradients into steps.
pub trait Optimizer<T: Float = f32> {
    /// Moves every parameter of `model` that has a gradient and is not frozen.
    ///
    /// # Errors
    /// At the first step, a parameter without a gradient: it would never learn. Nothing is changed
    /// then. Optimizers permit it with `allow_unused`.
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError>;

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next step, perhaps from a [`Schedule`](crate::Schedule).
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// How many steps were made.
    fn steps(&self) -> u64;

    /// All that it remembers: accumulators by the names of `model`'s parameters, counts, and the
    /// learning rate. What it was made with, such as momentum or groups, is not in it.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut model: Dense = Dense::new(2, 1, &mut seeded(0));
    /// let mut optimizer = Sgd::new(0.1).momentum(0.9);
    /// let step = |optimizer: &mut Sgd, model: &mut Dense| {
    ///     let grads = model.forward(GradientTape::new().constant(tensor![[1.0, 2.0]])).sum().backward();
    ///     optimizer.step(model, &grads)
    /// };
    /// step(&mut optimizer, &mut model)?;
    /// let state = optimizer.state(&model);
    /// assert_eq!(state.tensors().map(|(name, _)| name).collect::<Vec<_>>(), ["bias.velocity", "weight.velocity"]);
    ///
    /// // Another process, where the model has its weights already.
    /// let mut resumed = Sgd::new(0.1).momentum(0.9);
    /// resumed.restore(&model, &state)?;
    /// assert_eq!(resumed.steps(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn state(&self, model: &dyn Module<T>) -> State<T>;

    /// Takes back what [`state`](Optimizer::state) gave: the next steps are those of an optimizer
    /// that never stopped, to the bit.
    ///
    /// # Errors
    /// It is the state of another optimizer or of another model; nothing is changed then.
    fn restore(&mut self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError>;
}

impl<T: Float, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        (**self).step(model, grads)
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        (**self).set_learning_rate(learning_rate);
    }

    fn steps(&self) -> u64 {
        (**self).steps()
    }

    fn state(&self, model: &dyn Module<T>) -> State<T> {
        (**self).state(model)
    }

    fn restore(&mut self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError> {
        (**self).restore(model, state)
    }
}

/// Why a step was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// A parameter of the model gets no gradient.
    #[error(
        "parameter `{path}` gets no gradient: {reason}. It would never learn; leave it out of the model, freeze it, or permit it with allow_unused()"
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
