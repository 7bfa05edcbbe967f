//! Lion.

use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Lion: every weight moves by the learning rate, in the direction of a running mean's sign
/// (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2).
///
/// w ← w - η·sign(β₁·m + (1 - β₁)·g), then m ← β₂·m + (1 - β₂)·g. Since steps do not shrink with
/// the gradient, the paper takes a learning rate 3 to 10 times smaller than Adam's, and a
/// `decoupled_weight_decay` larger by as much. It keeps one accumulator where Adam keeps two.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Lion = Lion::new(1e-4).decoupled_weight_decay(0.1);
/// assert_eq!(optimizer.learning_rate(), 1e-4);
/// ```
#[derive(Debug)]
pub struct Lion<T: Float = f32> {
    betas: (f64, f64),
    slots: Slots<T>,
}

impl<T: Float> Lion<T> {
    /// The paper's and Keras' formula: β 0.9 and 0.99.
    pub fn new(learning_rate: f64) -> Lion<T> {
        Lion { betas: (0.9, 0.99), slots: Slots::new(learning_rate) }
    }

    /// How much of the mean counts for the direction, and how much of it stays, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> Lion<T> {
        Lion { betas: (first, second), ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        &["mean"]
    }
}

weight_decay_options!(Lion);
shared_options!(Lion: slots);

impl<T: Float> Optimizer<T> for Lion<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let (b1, b2) = self.betas;
        let [beta1, rest1, beta2, rest2] = [b1, 1.0 - b1, b2, 1.0 - b2].map(T::from_f64);
        self.slots.step(model, grads, |rate| {
            let rate = T::from_f64(rate);
            move |w, g, [m]| {
                let c = beta1 * m + rest1 * g;
                // 0 at 0; NaN stays.
                let sign = match (c > T::zero(), c < T::zero()) {
                    (true, _) => T::one(),
                    (_, true) => -T::one(),
                    _ => c,
                };
                (w - rate * sign, [flush(beta2 * m + rest2 * g)])
            }
        })
    }

    shared_methods!("lion");
}
