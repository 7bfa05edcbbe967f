//! Nadam.

use super::moments::{Moments, correction};
use super::options::{shared_methods, shared_options, weight_decay_options};
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
    /// Π of the first `counted` steps.
    product: f64,
    counted: u64,
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
            counted: 0,
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

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["mean", "mean_square"]
    }
}

weight_decay_options!(Nadam);
shared_options!(Nadam: slots);

impl<T: Float> Optimizer<T> for Nadam<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let (betas, decay) = (self.betas, self.momentum_decay);
        let momentum = |t: f64| betas.0 * (1.0 - 0.5 * 0.96f64.powf(t * decay));
        // Of the steps that were made since this was last looked at: one, or all after `restore`.
        while self.counted < self.slots.steps() {
            self.counted += 1;
            self.product *= momentum(self.counted as f64);
        }
        let t = self.slots.next_step() as f64;
        let (now, next) = (momentum(t), momentum(t + 1.0));
        let product = self.product * now;
        let (share_m, share_g) = (next / (1.0 - product * next), (1.0 - now) / (1.0 - product));
        let scale = 1.0 / correction(betas.1, t).sqrt();
        let [scale, epsilon] = [scale, self.epsilon].map(T::from_f64);
        let moments = Moments::new(betas);
        self.slots.step(model, grads, |rate| {
            let [rate_m, rate_g] = [rate * share_m, rate * share_g].map(T::from_f64);
            move |w, g, [m, v]| {
                let (m, v) = moments.next(g, m, v);
                (w - (rate_m * m + rate_g * g) / (v.sqrt() * scale + epsilon), [m, v])
            }
        })
    }

    shared_methods!("nadam");
}
