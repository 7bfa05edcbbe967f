//! Cosine annealing with restarts.

use super::{Schedule, cosine};

/// Half a wave of a cosine from `rate` to a minimum, again and again (Loshchilov and Hutter, "SGDR:
/// stochastic gradient descent with warm restarts", 2017, equation 5). PyTorch's
/// `CosineAnnealingWarmRestarts`, Keras' `CosineDecayRestarts`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = CosineRestarts::new(1.0, 10).longer(2).lower(0.5);
/// assert_eq!([0, 10, 30, 70].map(|step| schedule.at(step)), [1.0, 0.5, 0.25, 0.125]);
/// assert!(schedule.at(9) < 0.05 && schedule.at(29) < 0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineRestarts {
    rate: f64,
    steps: u64,
    minimum: f64,
    longer: u64,
    lower: f64,
}

impl CosineRestarts {
    /// Waves of `steps` steps, each from `rate` to 0.
    ///
    /// # Panics
    /// `steps` is 0.
    #[track_caller]
    pub fn new(rate: f64, steps: u64) -> CosineRestarts {
        assert!(steps > 0, "CosineRestarts: half a wave in 0 steps; at least 1 is needed");
        CosineRestarts { rate, steps, minimum: 0.0, longer: 1, lower: 1.0 }
    }

    /// The rate that each wave falls to.
    pub fn minimum(self, minimum: f64) -> CosineRestarts {
        CosineRestarts { minimum, ..self }
    }

    /// How many times as long as the one before each wave is.
    ///
    /// # Panics
    /// It is 0.
    #[track_caller]
    pub fn longer(self, times: u64) -> CosineRestarts {
        assert!(times > 0, "CosineRestarts: waves 0 times as long; at least 1 is needed");
        CosineRestarts { longer: times, ..self }
    }

    /// What the first rate of a wave is multiplied by to give the next one's.
    pub fn lower(self, factor: f64) -> CosineRestarts {
        CosineRestarts { lower: factor, ..self }
    }
}

impl Schedule for CosineRestarts {
    fn at(&self, step: u64) -> f64 {
        let (mut wave, mut within, mut length) = (0, step, self.steps);
        if self.longer == 1 {
            (wave, within) = (step / length, step % length);
        } else {
            // At most 64 waves, each at least twice as long.
            while within >= length {
                within -= length;
                length = length.saturating_mul(self.longer);
                wave += 1;
            }
        }
        let rate = self.rate * self.lower.powf(wave as f64);
        cosine(rate, self.minimum, within as f64 / length as f64)
    }
}
