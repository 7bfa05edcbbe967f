//! Running means of the gradient and of its square, as Adam and its kin keep them.
//!
//! Both start at 0 and are too small at first: after t steps, βᵗ of their weight is still on it.

use super::flush;
use wengert::Float;

/// β₁ and β₂ with what is left of each to 1, as numbers of the parameters.
#[derive(Clone, Copy)]
pub(super) struct Moments<T> {
    beta1: T,
    rest1: T,
    beta2: T,
    rest2: T,
}

impl<T: Float> Moments<T> {
    pub(super) fn new((b1, b2): (f64, f64)) -> Moments<T> {
        let [beta1, rest1, beta2, rest2] = [b1, 1.0 - b1, b2, 1.0 - b2].map(T::from_f64);
        Moments { beta1, rest1, beta2, rest2 }
    }

    /// m ← β₁·m + (1 - β₁)·g.
    #[inline(always)]
    pub(super) fn mean(&self, g: T, m: T) -> T {
        flush(self.beta1 * m + self.rest1 * g)
    }

    /// The mean and v ← β₂·v + (1 - β₂)·g².
    #[inline(always)]
    pub(super) fn next(&self, g: T, m: T, v: T) -> (T, T) {
        (self.mean(g, m), flush(self.beta2 * v + self.rest2 * g * g))
    }
}

/// 1 - βᵗ, by which the running mean after `t` steps is divided.
pub(super) fn correction(beta: f64, t: f64) -> f64 {
    1.0 - beta.powf(t)
}
