//! Adagrad.

use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Adagrad: each gradient divided by the root of the sum of all its squares so far (Duchi et al.,
/// 2011, figure 1 with diagonal matrices).
///
/// s ← s + g². Keras takes w ← w - η·g / √(s + ε), PyTorch w ← w - η·g / (√s + ε). They start the
/// sum at different values.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Adagrad = Adagrad::new(0.1).initial_accumulator(0.0);
/// assert_eq!(optimizer.learning_rate(), 0.1);
/// ```
#[derive(Debug)]
pub struct Adagrad<T: Float = f32> {
    initial: f64,
    epsilon: f64,
    rate_decay: f64,
    pytorch: bool,
    slots: Slots<T>,
}

impl<T: Float> Adagrad<T> {
    /// Keras' formula: the sum starts at 0.1, ε 10⁻⁷ inside the root.
    pub fn new(learning_rate: f64) -> Adagrad<T> {
        Adagrad {
            initial: 0.1,
            epsilon: 1e-7,
            rate_decay: 0.0,
            pytorch: false,
            slots: Slots::new(learning_rate),
        }
    }

    /// PyTorch's formula: the sum starts at 0, ε 10⁻¹⁰ outside the root.
    pub fn pytorch(learning_rate: f64) -> Adagrad<T> {
        Adagrad { initial: 0.0, epsilon: 1e-10, pytorch: true, ..Adagrad::new(learning_rate) }
    }

    /// Where the sum of squares starts.
    pub fn initial_accumulator(self, initial: f64) -> Adagrad<T> {
        Adagrad { initial, ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Adagrad<T> {
        Adagrad { epsilon, ..self }
    }

    /// PyTorch's `lr_decay` d: step t, from 1, has the learning rate η / (1 + (t - 1)·d). Default 0.
    pub fn learning_rate_decay(self, rate_decay: f64) -> Adagrad<T> {
        Adagrad { rate_decay, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["sum_of_squares"]
    }
}

weight_decay_options!(Adagrad);
shared_options!(Adagrad: slots);

impl<T: Float> Optimizer<T> for Adagrad<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let before = (self.slots.next_step() - 1) as f64;
        let slower = 1.0 + before * self.rate_decay;
        // The accumulator holds what was added to the initial value, and so starts at 0 as all do.
        let (inside, outside) = match self.pytorch {
            true => (self.initial, self.epsilon),
            false => (self.initial + self.epsilon, 0.0),
        };
        let (inside, outside) = (T::from_f64(inside), T::from_f64(outside));
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate / slower);
            move |w, g, [s]| {
                let s = flush(s + g * g);
                (w - rate * g / ((s + inside).sqrt() + outside), [s])
            }
        })
    }

    shared_methods!("adagrad");
}
