//! A learning rate that falls when nothing gets better.

/// Multiplies a learning rate by a factor when a value has not got better for some time: PyTorch's and
/// Keras' `ReduceLROnPlateau`. It is no function of the step, so no [`Schedule`](super::Schedule): a loop
/// tells it each value. In a trainer it is the callback
/// [`ReduceLrOnPlateau`](crate::callbacks::ReduceLrOnPlateau).
///
/// ```
/// use wengert_nn::schedules::ReduceOnPlateau;
/// let mut plateau = ReduceOnPlateau::new().factor(0.5).patience(2);
/// let mut rate = 0.1;
/// let mut rates = vec![];
/// for loss in [3.0, 2.0, 2.0, 2.0, 1.0] {
///     rate = plateau.observe(loss, rate);
///     rates.push(rate);
/// }
/// assert_eq!(rates, [0.1, 0.1, 0.1, 0.05, 0.05]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    up: bool,
    min_delta: f64,
    factor: f64,
    patience: u64,
    cooldown: u64,
    minimum: f64,
    pub(crate) best: Option<f64>,
    pub(crate) waited: u64,
    pub(crate) cooling: u64,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        ReduceOnPlateau::new()
    }
}

impl ReduceOnPlateau {
    /// With Keras' defaults: by 0.1 after 10 values that are not smaller than the best by 10⁻⁴.
    pub fn new() -> ReduceOnPlateau {
        ReduceOnPlateau {
            up: false,
            min_delta: 1e-4,
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            minimum: 0.0,
            best: None,
            waited: 0,
            cooling: 0,
        }
    }

    /// Larger values are better.
    pub fn larger_is_better(self, yes: bool) -> ReduceOnPlateau {
        ReduceOnPlateau { up: yes, ..self }
    }

    /// How much better counts as better.
    pub fn min_delta(self, min_delta: f64) -> ReduceOnPlateau {
        ReduceOnPlateau { min_delta: min_delta.abs(), ..self }
    }

    /// What the learning rate is multiplied by.
    pub fn factor(self, factor: f64) -> ReduceOnPlateau {
        ReduceOnPlateau { factor, ..self }
    }

    /// After how many values without a better one.
    pub fn patience(self, values: u64) -> ReduceOnPlateau {
        ReduceOnPlateau { patience: values, ..self }
    }

    /// For how many values after a reduction it does not count. Default 0.
    pub fn cooldown(self, values: u64) -> ReduceOnPlateau {
        ReduceOnPlateau { cooldown: values, ..self }
    }

    /// The learning rate below which it does not go. Default 0.
    pub fn minimum(self, minimum: f64) -> ReduceOnPlateau {
        ReduceOnPlateau { minimum, ..self }
    }

    /// Takes in a value and gives the learning rate after it. NaN is never better.
    pub fn observe(&mut self, value: f64, rate: f64) -> f64 {
        if self.cooling > 0 {
            self.cooling -= 1;
            self.waited = 0;
        }
        let better = match self.best {
            None => !value.is_nan(),
            Some(best) if self.up => value > best + self.min_delta,
            Some(best) => value < best - self.min_delta,
        };
        if better {
            (self.best, self.waited) = (Some(value), 0);
        } else if self.cooling == 0 {
            self.waited += 1;
            if self.waited >= self.patience {
                (self.waited, self.cooling) = (0, self.cooldown);
                return self.minimum.max(rate * self.factor).min(rate);
            }
        }
        rate
    }
}
