//! RAdam.

use super::moments::{Moments, correction};
use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError};
use crate::module::Module;
use wengert::{Float, Gradients};

/// RAdam: Adam that warms up by itself, with plain momentum while the mean square is of too few
/// gradients to divide by, and then a factor for its variance (Liu et al., 2020, algorithm 2).
///
/// m and v as in [`Adam`](super::Adam). With ρ∞ = 2 / (1 - β₂) - 1 and
/// ρₜ = ρ∞ - 2t·β₂ᵗ / (1 - β₂ᵗ), w ← w - η·m / (1 - β₁ᵗ) while ρₜ ≤ 5, then
/// w ← w - η·r·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), where
/// r² = (ρₜ - 4)·(ρₜ - 2)·ρ∞ / ((ρ∞ - 4)·(ρ∞ - 2)·ρₜ).
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Radam = Radam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(optimizer.learning_rate(), 1e-3);
/// ```
#[derive(Debug)]
pub struct Radam<T: Float = f32> {
    betas: (f64, f64),
    epsilon: f64,
    slots: Slots<T>,
}

impl<T: Float> Radam<T> {
    /// PyTorch's formula, since Keras has none: β 0.9 and 0.999, ε 10⁻⁸.
    pub fn new(learning_rate: f64) -> Radam<T> {
        Radam { betas: (0.9, 0.999), epsilon: 1e-8, slots: Slots::new(learning_rate) }
    }

    /// How much of mean and mean square stays at each step, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> Radam<T> {
        Radam { betas: (first, second), ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Radam<T> {
        Radam { epsilon, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["mean", "mean_square"]
    }
}

weight_decay_options!(Radam);
shared_options!(Radam: slots);

impl<T: Float> Optimizer<T> for Radam<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let (t, beta2) = (self.slots.next_step() as f64, self.betas.1);
        let (correct1, correct2) = (correction(self.betas.0, t), correction(beta2, t));
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        let length = longest - 2.0 * t * beta2.powf(t) / correct2;
        let moments = Moments::new(self.betas);
        if length <= 5.0 {
            return self.slots.step(model, grads, |rate| {
                let rate = T::from_f64(rate / correct1);
                move |w, g, [m, v]| {
                    let (m, v) = moments.next(g, m, v);
                    (w - rate * m, [m, v])
                }
            });
        }
        let rectify =
            (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        let epsilon = T::from_f64(self.epsilon);
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate / correct1 * (rectify * correct2).sqrt());
            move |w, g, [m, v]| {
                let (m, v) = moments.next(g, m, v);
                (w - rate * m / (v.sqrt() + epsilon), [m, v])
            }
        })
    }

    shared_methods!("radam");
}
