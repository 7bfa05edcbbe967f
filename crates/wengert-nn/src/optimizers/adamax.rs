//! Adamax.

use super::moments::{Moments, correction};
use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Adamax: Adam with the largest gradient, which fades, in place of the root mean square (Kingma
/// and Ba, 2015, algorithm 2).
///
/// m ← β₁·m + (1 - β₁)·g. Keras takes u ← max(β₂·u, |g|) and w ← w - η / (1 - β₁ᵗ) · m / (u + ε);
/// PyTorch has ε in the maximum, u ← max(β₂·u, |g| + ε) and w ← w - η / (1 - β₁ᵗ) · m / u.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Adamax = Adamax::new(2e-3).betas(0.9, 0.99);
/// assert_eq!(optimizer.learning_rate(), 2e-3);
/// ```
#[derive(Debug)]
pub struct Adamax<T: Float = f32> {
    betas: (f64, f64),
    epsilon: f64,
    pytorch: bool,
    slots: Slots<T>,
}

impl<T: Float> Adamax<T> {
    /// Keras' formula: β 0.9 and 0.999, ε 10⁻⁷.
    pub fn new(learning_rate: f64) -> Adamax<T> {
        Adamax { betas: (0.9, 0.999), epsilon: 1e-7, pytorch: false, slots: Slots::new(learning_rate) }
    }

    /// PyTorch's formula: β 0.9 and 0.999, ε 10⁻⁸.
    pub fn pytorch(learning_rate: f64) -> Adamax<T> {
        Adamax { epsilon: 1e-8, pytorch: true, ..Adamax::new(learning_rate) }
    }

    /// How much of mean and maximum stays at each step, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> Adamax<T> {
        Adamax { betas: (first, second), ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Adamax<T> {
        Adamax { epsilon, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["mean", "largest"]
    }
}

weight_decay_options!(Adamax);
shared_options!(Adamax: slots);

impl<T: Float> Optimizer<T> for Adamax<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let correct = correction(self.betas.0, self.slots.next_step() as f64);
        let (inside, outside) = if self.pytorch { (self.epsilon, 0.0) } else { (0.0, self.epsilon) };
        let [fade, inside, outside] = [self.betas.1, inside, outside].map(T::from_f64);
        let moments = Moments::new(self.betas);
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate / correct);
            move |w, g, [m, u]| {
                let (m, faded, new) = (moments.mean(g, m), flush(fade * u), g.abs() + inside);
                let u = if faded > new { faded } else { new };
                (w - rate * m / (u + outside), [m, u])
            }
        })
    }

    shared_methods!("adamax");
}
