//! Adam.

use super::moments::{Moments, correction};
use super::options::{shared_methods, shared_options, weight_decay_options};
use super::slots::Slots;
use super::{Optimizer, OptimizerError};
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
    betas: (f64, f64),
    epsilon: f64,
    amsgrad: bool,
    pytorch: bool,
    pub(super) slots: Slots<T>,
}

impl<T: Float> Adam<T> {
    /// Keras' formula: β 0.9 and 0.999, ε 10⁻⁷.
    pub fn new(learning_rate: f64) -> Adam<T> {
        Adam {
            betas: (0.9, 0.999),
            epsilon: 1e-7,
            amsgrad: false,
            pytorch: false,
            slots: Slots::new(learning_rate),
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

    /// Divides by the largest mean square so far (Reddi et al., 2018).
    pub fn amsgrad(self) -> Adam<T> {
        Adam { amsgrad: true, ..self }
    }

    /// What is kept of each parameter.
    fn accumulators(&self) -> &'static [&'static str] {
        match self.amsgrad {
            true => &["mean", "mean_square", "largest_mean_square"],
            false => &["mean", "mean_square"],
        }
    }
}

weight_decay_options!(Adam);
shared_options!(Adam: slots);

impl<T: Float> Optimizer<T> for Adam<T> {
    fn step(&mut self, model: &mut dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let t = self.slots.next_step() as f64;
        let (correct1, correct2) = (correction(self.betas.0, t), correction(self.betas.1, t));
        let (pytorch, epsilon) = (self.pytorch, T::from_f64(self.epsilon));
        // Keras: η·√c₂/c₁ · m/(√v + ε). PyTorch: η/c₁ · m/(√v/√c₂ + ε). One form serves both:
        // rate · m / (√v · scale + ε).
        let moved = |rate: f64| {
            let (rate, scale) = match pytorch {
                true => (rate / correct1, 1.0 / correct2.sqrt()),
                false => (rate * correct2.sqrt() / correct1, 1.0),
            };
            let [rate, scale] = [rate, scale].map(T::from_f64);
            move |w: T, m: T, v: T| w - rate * m / (v.sqrt() * scale + epsilon)
        };
        let moments = Moments::new(self.betas);
        if self.amsgrad {
            return self.slots.step(model, grads, |rate| {
                let moved = moved(rate);
                move |w, g, [m, v, largest]| {
                    let (m, v) = moments.next(g, m, v);
                    let largest = if v > largest { v } else { largest };
                    (moved(w, m, largest), [m, v, largest])
                }
            });
        }
        self.slots.step(model, grads, |rate| {
            let moved = moved(rate);
            move |w, g, [m, v]| {
                let (m, v) = moments.next(g, m, v);
                (moved(w, m, v), [m, v])
            }
        })
    }

    shared_methods!("adam");
}
