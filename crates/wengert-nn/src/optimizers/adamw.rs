//! AdamW.

use super::options::shared_options;
use super::{Adam, Optimizer, OptimizerError};
use crate::module::Module;
use crate::state::{State, StateError};
use wengert::{Float, Gradients};

/// Adam with decoupled weight decay: each step first shrinks the weights by η·λ of themselves, and
/// the running means see the loss's gradients alone (Loshchilov and Hutter, 2019, algorithm 2).
///
/// w ← (1 - η·λ)·w, then as [`Adam`].
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: AdamW = AdamW::new(1e-3).weight_decay(0.05);
/// assert_eq!(optimizer.learning_rate(), 1e-3);
/// ```
#[derive(Debug)]
pub struct AdamW<T: Float = f32>(Adam<T>);

impl<T: Float> AdamW<T> {
    /// Keras' formula: λ 0.004, β 0.9 and 0.999, ε 10⁻⁷.
    pub fn new(learning_rate: f64) -> AdamW<T> {
        AdamW(Adam::new(learning_rate).decoupled_weight_decay(0.004))
    }

    /// PyTorch's formula: λ 0.01, β 0.9 and 0.999, ε 10⁻⁸.
    pub fn pytorch(learning_rate: f64) -> AdamW<T> {
        AdamW(Adam::pytorch(learning_rate).decoupled_weight_decay(0.01))
    }

    /// How much of mean and mean square stays at each step, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> AdamW<T> {
        AdamW(self.0.betas(first, second))
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> AdamW<T> {
        AdamW(self.0.epsilon(epsilon))
    }

    /// λ: times the learning rate, what each weight loses of itself at a step.
    pub fn weight_decay(self, weight_decay: f64) -> AdamW<T> {
        AdamW(self.0.decoupled_weight_decay(weight_decay))
    }

    /// Divides by the largest mean square so far (Reddi et al., 2018).
    pub fn amsgrad(self) -> AdamW<T> {
        AdamW(self.0.amsgrad())
    }
}

shared_options!(AdamW: 0.slots);

impl<T: Float> Optimizer<T> for AdamW<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        self.0.step(model, grads)
    }

    fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.0.set_learning_rate(learning_rate);
    }

    fn steps(&self) -> u64 {
        self.0.steps()
    }

    /// Of the kind `adam`: what is remembered is the same.
    fn state(&self, model: &dyn Module<T>) -> State<T> {
        self.0.state(model)
    }

    fn restore(&mut self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError> {
        self.0.restore(model, state)
    }
}
