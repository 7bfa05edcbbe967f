//! Adadelta.

use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Adadelta: each gradient times the ratio of two running root mean squares, that of the steps and
/// its own, so that a step has the unit of the weight (Zeiler, 2012, algorithm 1).
///
/// v ← ρ·v + (1 - ρ)·g², d = g·√(u + ε) / √(v + ε), u ← ρ·u + (1 - ρ)·d², w ← w - η·d. The paper
/// has no η: it is 1 there. Keras and PyTorch have one formula and different defaults.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Adadelta = Adadelta::new(1.0).rho(0.9);
/// assert_eq!(optimizer.learning_rate(), 1.0);
/// ```
#[derive(Debug)]
pub struct Adadelta<T: Float = f32> {
    rho: f64,
    epsilon: f64,
    slots: Slots<T>,
}

impl<T: Float> Adadelta<T> {
    /// Keras' defaults: ρ 0.95, ε 10⁻⁷.
    pub fn new(learning_rate: f64) -> Adadelta<T> {
        Adadelta { rho: 0.95, epsilon: 1e-7, slots: Slots::new(learning_rate) }
    }

    /// PyTorch's defaults: ρ 0.9, ε 10⁻⁶.
    pub fn pytorch(learning_rate: f64) -> Adadelta<T> {
        Adadelta { rho: 0.9, epsilon: 1e-6, ..Adadelta::new(learning_rate) }
    }

    /// How much of the mean squares stays at each step, 0 to 1.
    pub fn rho(self, rho: f64) -> Adadelta<T> {
        Adadelta { rho, ..self }
    }

    /// What lets the first step move, and keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Adadelta<T> {
        Adadelta { epsilon, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["mean_square", "mean_square_step"]
    }
}

weight_decay_options!(Adadelta);
shared_options!(Adadelta: slots);

impl<T: Float> Optimizer<T> for Adadelta<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let [rho, rest, epsilon] = [self.rho, 1.0 - self.rho, self.epsilon].map(T::from_f64);
        let square = move |v: T, x: T| flush(rho * v + rest * x * x);
        let root = move |v: T| (v + epsilon).sqrt();
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate);
            move |w, g, [v, u]| {
                let v = square(v, g);
                let d = g * root(u) / root(v);
                (w - rate * d, [v, square(u, d)])
            }
        })
    }

    shared_methods!("adadelta");
}
