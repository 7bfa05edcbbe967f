//! Nadam.

use super::moments::{Moments, correction};
use super::slots::Slots;
use super::{Optimizer, OptimizerError};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Nadam: Adam with Nesterov's momentum, which grows from step to step (Dozat, 2016, algorithm 8).
///
/// m and v as in [`Adam`](super::Adam). With μₜ = β₁·(1 - ½·0.96^(t·ψ)) and Πₜ = μ₁·…·μₜ,
/// w ← w - η·(μₜ₊₁·m / (1 - Πₜ₊₁) + (1 - μₜ)·g / (1 - Πₜ)) / (√(v / (1 - β₂ᵗ)) + ε). Keras and
/// PyTorch have one formula and different ε and ψ.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Nadam = Nadam::new(2e-3).betas(0.9, 0.99);
/// assert_eq!(optimizer.learning_rate(), 2e-3);
/// ```
#[derive(Debug)]
pub struct Nadam<T: Float = f32> {
    betas: (f64, f64),
    epsilon: f64,
    momentum_decay: f64,
    /// Π of the steps that were made.
    product: f64,
    slots: Slots<T>,
}

impl<T: Float> Nadam<T> {
    /// Keras' defaults: β 0.9 and 0.999, ε 10⁻⁷, ψ 1.
    pub fn new(learning_rate: f64) -> Nadam<T> {
        Nadam {
            betas: (0.9, 0.999),
            epsilon: 1e-7,
            momentum_decay: 1.0,
            product: 1.0,
            slots: Slots::new(learning_rate),
        }
    }

    /// PyTorch's defaults: β 0.9 and 0.999, ε 10⁻⁸, ψ 0.004.
    pub fn pytorch(learning_rate: f64) -> Nadam<T> {
        Nadam { epsilon: 1e-8, momentum_decay: 0.004, ..Nadam::new(learning_rate) }
    }

    /// How much of mean and mean square stays at each step, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> Nadam<T> {
        Nadam { betas: (first, second), ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Nadam<T> {
        Nadam { epsilon, ..self }
    }

    /// ψ: how fast the momentum grows from ½·β₁ to β₁.
    pub fn momentum_decay(self, momentum_decay: f64) -> Nadam<T> {
        Nadam { momentum_decay, ..self }
    }

    /// Adds this much of each weight to its gradient. Default 0.
    pub fn weight_decay(mut self, weight_decay: f64) -> Nadam<T> {
        (self.slots.weight_decay, self.slots.decoupled) = (weight_decay, false);
        self
    }

    /// Shrinks the weights themselves, as [`AdamW`](super::AdamW) does. Default 0.
    pub fn decoupled_weight_decay(mut self, weight_decay: f64) -> Nadam<T> {
        (self.slots.weight_decay, self.slots.decoupled) = (weight_decay, true);
        self
    }

    /// Permits parameters that get no gradient.
    pub fn allow_unused(mut self) -> Nadam<T> {
        self.slots.allow_unused = true;
        self
    }
}

impl<T: Float> Optimizer<T> for Nadam<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let t = self.slots.next_step() as f64;
        let momentum = |t: f64| self.betas.0 * (1.0 - 0.5 * 0.96f64.powf(t * self.momentum_decay));
        let (now, next) = (momentum(t), momentum(t + 1.0));
        let product = self.product * now;
        let rate = self.slots.learning_rate;
        let (rate_m, rate_g) = (rate * next / (1.0 - product * next), rate * (1.0 - now) / (1.0 - product));
        let scale = 1.0 / correction(self.betas.1, t).sqrt();
        let [rate_m, rate_g, scale, epsilon] = [rate_m, rate_g, scale, self.epsilon].map(T::from_f64);
        let moments = Moments::new(self.betas);
        self.slots.step(model, grads, |w, g, [m, v]| {
            let (m, v) = moments.next(g, m, v);
            (w - (rate_m * m + rate_g * g) / (v.sqrt() * scale + epsilon), [m, v])
        })?;
        self.product = product;
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.slots.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.slots.learning_rate = learning_rate;
    }
}
