//! Dropout.

use super::call::{Call, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, Var};

/// In training, each element with probability `rate` 0, otherwise divided by 1 - rate; else nothing.
///
/// Masks come from the tape's [seed](wengert::GradientTape::seed): equal seeds, equal masks.
/// (N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.)
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::<f32>::new();
/// let x = tape.constant(Tensor::ones(&[100]));
/// let y = Dropout::new(0.5).forward(x).value();
/// assert!(y.as_slice().iter().all(|&y| y == 0.0 || y == 2.0));
/// tape.set_training(false);
/// assert_eq!(Dropout::new(0.5).forward(x).value(), x.value());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Module)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Dropout of this share of the elements.
    ///
    /// # Panics
    /// The rate is not in 0..=1.
    #[track_caller]
    pub fn new(rate: f64) -> Dropout {
        require((0.0..=1.0).contains(&rate), "Dropout", "a rate from 0 to 1", rate);
        Dropout { rate }
    }

    /// The probability of being dropped.
    pub fn rate(&self) -> f64 {
        self.rate
    }
}

impl<T: Float> Forward<T> for Dropout {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let call = Call::enter(self, "dropout", x.tape());
        call.output(x.dropout(self.rate))
    }
}
