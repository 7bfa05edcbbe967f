//! Adam.

use super::slots::Slots;
use super::{Optimizer, OptimizerError, flush};
use crate::module::Module;
use wengert::{Float, Gradients};

/// Adam: running mean over root of running mean square, both corrected for their start at zero
/// (Kingma and Ba, 2015, algorithm 1).
///
/// m ← β₁·m + (1 - β₁)·g, v ← β₂·v + (1 - β₂)·g². PyTorch adds ε to the corrected root,
/// Keras to the uncorrected one (the paper's section 2 remark): with ε̂ = 10⁻⁷ a difference in the
/// first steps only.
///
/// ```
/// use wengert_nn::prelude::*;
/// let optimizer: Adam = Adam::new(1e-3).betas(0.9, 0.99);
/// assert_eq!(optimizer.learning_rate(), 1e-3);
/// ```
#[derive(Debug)]
pub struct Adam<T: Float = f32> {
    learning_rate: f64,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    amsgrad: bool,
    pytorch: bool,
    slots: Slots<T>,
}

impl<T: Float> Adam<T> {
    /// Keras' formula: β 0.9 and 0.999, ε 10⁻⁷.
    pub fn new(learning_rate: f64) -> Adam<T> {
        Adam {
            learning_rate,
            betas: (0.9, 0.999),
            epsilon: 1e-7,
            weight_decay: 0.0,
            amsgrad: false,
            pytorch: false,
            slots: Slots::default(),
        }
    }

    /// PyTorch's formula: β 0.9 and 0.999, ε 10⁻⁸.
    pub fn pytorch(learning_rate: f64) -> Adam<T> {
        Adam { epsilon: 1e-8, pytorch: true, ..Adam::new(learning_rate) }
    }

    /// How much of mean and mean square stays at each step, 0 to 1.
    pub fn betas(self, first: f64, second: f64) -> Adam<T> {
        Adam { betas: (first, second), ..self }
    }

    /// What keeps the division finite.
    pub fn epsilon(self, epsilon: f64) -> Adam<T> {
        Adam { epsilon, ..self }
    }

    /// Adds this much of each weight to its gradient. Default 0.
    pub fn weight_decay(self, weight_decay: f64) -> Adam<T> {
        Adam { weight_decay, ..self }
    }

    /// Divides by the largest mean square so far (Reddi et al., 2018).
    pub fn amsgrad(self) -> Adam<T> {
        Adam { amsgrad: true, ..self }
    }

    /// Permits parameters that get no gradient.
    pub fn allow_unused(mut self) -> Adam<T> {
        self.slots.allow_unused = true;
        self
    }
}

impl<T: Float> Optimizer<T> for Adam<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let (b1, b2) = self.betas;
        let t = self.slots.next_step() as f64;
        let (correct1, correct2) = (1.0 - b1.powf(t), 1.0 - b2.powf(t));
        // Keras: η·√c₂/c₁ · m/(√v + ε). PyTorch: η/c₁ · m/(√v/√c₂ + ε). One form serves both:
        // rate · m / (√v · scale + ε).
        let (rate, scale) = match self.pytorch {
            true => (self.learning_rate / correct1, 1.0 / correct2.sqrt()),
            false => (self.learning_rate * correct2.sqrt() / correct1, 1.0),
        };
        let [rate, scale, epsilon, decay] = [rate, scale, self.epsilon, self.weight_decay].map(T::from_f64);
        let [beta1, rest1, beta2, rest2] = [b1, 1.0 - b1, b2, 1.0 - b2].map(T::from_f64);
        let moments = |w: T, g: T, m: T, v: T| {
            let g = g + decay * w;
            (flush(beta1 * m + rest1 * g), flush(beta2 * v + rest2 * g * g))
        };
        let moved = |w: T, m: T, v: T| w - rate * m / (v.sqrt() * scale + epsilon);
        if self.amsgrad {
            return self.slots.step(model, grads, |w, g, [m, v, largest]| {
                let (m, v) = moments(w, g, m, v);
                let largest = if v > largest { v } else { largest };
                (moved(w, m, largest), [m, v, largest])
            });
        }
        self.slots.step(model, grads, |w, g, [m, v]| {
            let (m, v) = moments(w, g, m, v);
            (moved(w, m, v), [m, v])
        })
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }
}
