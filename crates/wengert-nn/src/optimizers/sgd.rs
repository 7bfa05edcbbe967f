//! Stochastic gradient descent, with momentum.

use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Stochastic gradient descent.
///
/// With momentum μ, Keras' formula has the learning rate η inside the velocity,
/// v ← μ·v - η·g, w ← w + v, and PyTorch's outside, v ← μ·v + (1 - dampening)·g, w ← w - η·v,
/// v being g itself at the first step. They differ when η changes. Nesterov's form uses the
/// velocity that the next step would have (Sutskever et al., 2013).
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Sgd = Sgd::new(0.01).momentum(0.9).nesterov();
/// assert_eq!(optimizer.learning_rate(), 0.01);
/// ```
#[derive(Debug)]
pub struct Sgd<T: Float = f32> {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    pytorch: bool,
    slots: Slots<T>,
}

impl<T: Float> Sgd<T> {
    /// Keras' formula.
    pub fn new(learning_rate: f64) -> Sgd<T> {
        Sgd {
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
            pytorch: false,
            slots: Slots::new(learning_rate),
        }
    }

    /// PyTorch's formula.
    pub fn pytorch(learning_rate: f64) -> Sgd<T> {
        Sgd { pytorch: true, ..Sgd::new(learning_rate) }
    }

    /// How much of the velocity stays at each step, 0 to 1. Default 0: no velocity.
    pub fn momentum(self, momentum: f64) -> Sgd<T> {
        Sgd { momentum, ..self }
    }

    /// PyTorch's dampening of the gradient in the velocity. Default 0; ignored by Keras' formula.
    pub fn dampening(self, dampening: f64) -> Sgd<T> {
        Sgd { dampening, ..self }
    }

    /// Nesterov's momentum.
    pub fn nesterov(self) -> Sgd<T> {
        Sgd { nesterov: true, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["velocity"] }
    }
}

weight_decay_options!(Sgd);
shared_options!(Sgd: slots);

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let (momentum, nesterov) = (T::from_f64(self.momentum), self.nesterov);
        if self.momentum == 0.0 {
            return self.slots.step(model, grads, |rate| {
                let rate = T::from_f64(rate);
                move |w, g, []| (w - rate * g, [])
            });
        }
        if !self.pytorch {
            return self.slots.step(model, grads, |rate| {
                let rate = T::from_f64(rate);
                move |w, g, [v]| {
                    let v = flush(momentum * v - rate * g);
                    (if nesterov { w + (momentum * v - rate * g) } else { w + v }, [v])
                }
            });
        }
        let first = self.slots.next_step() == 1;
        let share = T::from_f64(if first { 1.0 } else { 1.0 - self.dampening });
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate);
            move |w, g, [v]| {
                let v = flush(momentum * v + share * g);
                (w - rate * if nesterov { g + momentum * v } else { v }, [v])
            }
        })
    }

    shared_methods!("sgd");
}
