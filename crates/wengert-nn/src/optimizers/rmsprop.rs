//! RMSprop.

use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// RMSprop: each gradient divided by the root of its running mean square (Hinton, 2012, lecture 6e).
///
/// v ← ρ·v + (1 - ρ)·g². Keras takes w ← w - η·g / √(v + ε), PyTorch w ← w - η·g / (√v + ε). If
/// centered, v is reduced by the square of the running mean of g.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut optimizer: RmsProp = RmsProp::new(1e-3);
/// optimizer.set_learning_rate(1e-4);
/// ```
#[derive(Debug)]
pub struct RmsProp<T: Float = f32> {
    rho: f64,
    epsilon: f64,
    momentum: f64,
    centered: bool,
    pytorch: bool,
    slots: Slots<T>,
}

impl<T: Float> RmsProp<T> {
    /// Keras' formula: ρ 0.9, ε 10⁻⁷ inside the root.
    pub fn new(learning_rate: f64) -> RmsProp<T> {
        RmsProp {
            rho: 0.9,
            epsilon: 1e-7,
            momentum: 0.0,
            centered: false,
            pytorch: false,
            slots: Slots::new(learning_rate),
        }
    }

    /// PyTorch's formula: ρ (its alpha) 0.99, ε 10⁻⁸ outside the root.
    pub fn pytorch(learning_rate: f64) -> RmsProp<T> {
        RmsProp { rho: 0.99, epsilon: 1e-8, pytorch: true, ..RmsProp::new(learning_rate) }
    }

    /// How much of the mean square stays at each step, 0 to 1.
    pub fn rho(self, rho: f64) -> RmsProp<T> {
        RmsProp { rho, ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> RmsProp<T> {
        RmsProp { epsilon, ..self }
    }

    /// How much of the last step is taken again, 0 to 1. Default 0.
    pub fn momentum(self, momentum: f64) -> RmsProp<T> {
        RmsProp { momentum, ..self }
    }

    /// Divides by the root of the running variance instead of the mean square.
    pub fn centered(self) -> RmsProp<T> {
        RmsProp { centered: true, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["mean_square"],
            (false, true) => &["mean_square", "velocity"],
            (true, false) => &["mean_square", "mean"],
            (true, true) => &["mean_square", "mean", "velocity"],
        }
    }
}

weight_decay_options!(RmsProp);
shared_options!(RmsProp: slots);

impl<T: Float> Optimizer<T> for RmsProp<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let [rho, epsilon, momentum] = [self.rho, self.epsilon, self.momentum].map(T::from_f64);
        let rest = T::from_f64(1.0 - self.rho);
        let (inside, outside) = if self.pytorch { (T::zero(), epsilon) } else { (epsilon, T::zero()) };
        let square = move |v: T, g: T| flush(rho * v + rest * g * g);
        let root = move |v: T| (v + inside).sqrt() + outside;
        // Not below 0, where rounding (or v's flush) would take it if gradients do not vary; NaN stays.
        let variance = |v: T, mean: T| {
            let x = v - mean * mean;
            if x < T::zero() { T::zero() } else { x }
        };
        let number = T::from_f64;
        // Keras has the learning rate inside the repeated step, PyTorch outside.
        let pytorch = self.pytorch;
        let rates = |rate: f64| if pytorch { (T::one(), number(rate)) } else { (number(rate), T::one()) };
        match (self.centered, self.momentum != 0.0) {
            (false, false) => self.slots.step(model, grads, |rate| {
                let rate = number(rate);
                move |w, g, [v]| {
                    let v = square(v, g);
                    (w - rate * g / root(v), [v])
                }
            }),
            (false, true) => self.slots.step(model, grads, |rate| {
                let (early, late) = rates(rate);
                move |w, g, [v, m]| {
                    let v = square(v, g);
                    let m = flush(momentum * m + early * g / root(v));
                    (w - late * m, [v, m])
                }
            }),
            (true, false) => self.slots.step(model, grads, |rate| {
                let rate = number(rate);
                move |w, g, [v, mean]| {
                    let (v, mean) = (square(v, g), flush(rho * mean + rest * g));
                    (w - rate * g / root(variance(v, mean)), [v, mean])
                }
            }),
            (true, true) => self.slots.step(model, grads, |rate| {
                let (early, late) = rates(rate);
                move |w, g, [v, mean, m]| {
                    let (v, mean) = (square(v, g), flush(rho * mean + rest * g));
                    let m = flush(momentum * m + early * g / root(variance(v, mean)));
                    (w - late * m, [v, mean, m])
                }
            }),
        }
    }

    shared_methods!("rmsprop");
}
