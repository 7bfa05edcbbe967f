//! Schedules: the learning rate as a function of the step.
//!
//! | here | PyTorch | Keras |
//! |---|---|---|
//! | [`StepDecay`] | `StepLR` | `ExponentialDecay` with `staircase` |
//! | [`MultiStepDecay`] | `MultiStepLR` | `PiecewiseConstantDecay` |
//! | [`ExponentialDecay`] | `ExponentialLR` | `ExponentialDecay` with `decay_steps` 1 |
//! | [`CosineAnnealing`] | `CosineAnnealingLR` | `CosineDecay`, which does not rise again |
//! | [`LinearRamp`] | `LinearLR` | |
//! | [`OneCycle`] | `OneCycleLR`, without its cycle of momenta | |
//! | [`PolynomialDecay`] | `PolynomialLR` | `PolynomialDecay` |
//! | [`CosineRestarts`] | `CosineAnnealingWarmRestarts` | `CosineDecayRestarts` |
//! | [`Schedule::then`] | `SequentialLR` | |
//! | [`Schedule::warmed_up`] | | `warmup_steps` of `CosineDecay` |
//! | [`ReduceOnPlateau`], no function of the step | `ReduceLROnPlateau` | `ReduceLROnPlateau` |
//!
//! Each is a closed formula of the step and keeps nothing in between, unlike PyTorch's, which change
//! the last rate: so a training goes on from any step, and asking twice does no harm. What a step
//! is, the caller says: an update ([`Trainer::schedule`](crate::Trainer::schedule)), or an epoch.

mod compose;
mod plateau;
mod restarts;

pub use compose::{Then, WarmUp};
pub use plateau::ReduceOnPlateau;
pub use restarts::CosineRestarts;

use std::f64::consts::PI;

/// A learning rate for each step.
///
/// Schedules are joined by [`then`](Schedule::then) and begun gently by
/// [`warmed_up`](Schedule::warmed_up). A function from step to rate is one too, which is how they are
/// stretched and resumed:
///
/// ```
/// use wengert_nn::prelude::*;
///
/// let both = LinearRamp::new(0.1, 100).then(100, CosineAnnealing::new(0.1, 900));
/// assert_eq!(both.at(100), 0.1);
///
/// let batches = 469; // in an epoch
/// let per_epoch = move |step: u64| StepDecay::new(0.1, 30).at(step / batches);
/// assert_eq!(per_epoch.at(30 * batches), 0.1 * 0.1);
///
/// let mut optimizer: Sgd = Sgd::new(0.0);
/// optimizer.set_learning_rate(both.at(0));
/// ```
pub trait Schedule {
    /// The learning rate of a step, counted from 0.
    fn at(&self, step: u64) -> f64;

    /// This for so many steps, and then another one, which counts from 0 again.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let schedule = ExponentialDecay::new(1.0, 0.5).then(2, |_: u64| 0.125);
    /// assert_eq!([0, 1, 2, 9].map(|step| schedule.at(step)), [1.0, 0.5, 0.125, 0.125]);
    /// ```
    fn then<S: Schedule>(self, steps: u64, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then { first: self, steps, second: next }
    }

    /// A straight line up to this schedule's first rate, in so many steps, and then this: step i of the n
    /// steps before has (i + 1) / (n + 1) of that rate.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let schedule = CosineAnnealing::new(1.0, 100).warmed_up(3);
    /// assert_eq!([0, 1, 2, 3, 103].map(|step| schedule.at(step)), [0.25, 0.5, 0.75, 1.0, 0.0]);
    /// ```
    fn warmed_up(self, steps: u64) -> WarmUp<Self>
    where
        Self: Sized,
    {
        WarmUp { steps, schedule: self }
    }
}

impl<F: Fn(u64) -> f64> Schedule for F {
    fn at(&self, step: u64) -> f64 {
        self(step)
    }
}

/// `rate`, times a factor after every so many steps: rate · factor^⌊step / every⌋.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = StepDecay::new(1.0, 10).factor(0.5);
/// assert_eq!([9, 10, 25].map(|step| schedule.at(step)), [1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    rate: f64,
    every: u64,
    factor: f64,
}

impl StepDecay {
    /// With the factor 0.1.
    ///
    /// # Panics
    /// `every` is 0.
    #[track_caller]
    pub fn new(rate: f64, every: u64) -> StepDecay {
        assert!(every > 0, "StepDecay: every 0 steps; at least 1 is needed");
        StepDecay { rate, every, factor: 0.1 }
    }

    /// What the rate is multiplied by.
    pub fn factor(self, factor: f64) -> StepDecay {
        StepDecay { factor, ..self }
    }
}

impl Schedule for StepDecay {
    fn at(&self, step: u64) -> f64 {
        self.rate * self.factor.powf((step / self.every) as f64)
    }
}

/// `rate`, times a factor from each milestone on; one that is named twice counts twice.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = MultiStepDecay::new(1.0, [10, 40]).factor(0.5);
/// assert_eq!([9, 10, 40].map(|step| schedule.at(step)), [1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepDecay {
    rate: f64,
    milestones: Vec<u64>,
    factor: f64,
}

impl MultiStepDecay {
    /// With the factor 0.1. The milestones may be in any order.
    pub fn new(rate: f64, milestones: impl Into<Vec<u64>>) -> MultiStepDecay {
        MultiStepDecay { rate, milestones: milestones.into(), factor: 0.1 }
    }

    /// What the rate is multiplied by.
    pub fn factor(self, factor: f64) -> MultiStepDecay {
        MultiStepDecay { factor, ..self }
    }
}

impl Schedule for MultiStepDecay {
    fn at(&self, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|&&milestone| milestone <= step).count();
        self.rate * self.factor.powf(passed as f64)
    }
}

/// `rate`, times a factor after each step: rate · factor^step.
///
/// ```
/// use wengert_nn::prelude::*;
/// assert_eq!(ExponentialDecay::new(1.0, 0.5).at(3), 0.125);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialDecay {
    rate: f64,
    factor: f64,
}

impl ExponentialDecay {
    /// From `rate` down by `factor` a step.
    pub fn new(rate: f64, factor: f64) -> ExponentialDecay {
        ExponentialDecay { rate, factor }
    }
}

impl Schedule for ExponentialDecay {
    fn at(&self, step: u64) -> f64 {
        self.rate * self.factor.powf(step as f64)
    }
}

/// Half a wave of a cosine from `rate` to a minimum in `steps` steps, and in as many back again
/// (Loshchilov and Hutter, 2017, equation 5, without its restarts).
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = CosineAnnealing::new(1.0, 10).minimum(0.5);
/// assert_eq!([0, 10, 20].map(|step| schedule.at(step)), [1.0, 0.5, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineAnnealing {
    rate: f64,
    steps: u64,
    minimum: f64,
}

impl CosineAnnealing {
    /// Down to 0.
    ///
    /// # Panics
    /// `steps` is 0.
    #[track_caller]
    pub fn new(rate: f64, steps: u64) -> CosineAnnealing {
        assert!(steps > 0, "CosineAnnealing: half a wave in 0 steps; at least 1 is needed");
        CosineAnnealing { rate, steps, minimum: 0.0 }
    }

    /// The rate after half a wave.
    pub fn minimum(self, minimum: f64) -> CosineAnnealing {
        CosineAnnealing { minimum, ..self }
    }
}

impl Schedule for CosineAnnealing {
    fn at(&self, step: u64) -> f64 {
        cosine(self.rate, self.minimum, step as f64 / self.steps as f64)
    }
}

/// `rate` times a factor that goes in a straight line from one value to another, and stays there:
/// a warm-up, or its opposite.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = LinearRamp::new(1.0, 4).factors(0.0, 1.0);
/// assert_eq!([0, 1, 4, 9].map(|step| schedule.at(step)), [0.0, 0.25, 1.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearRamp {
    rate: f64,
    steps: u64,
    factors: (f64, f64),
}

impl LinearRamp {
    /// From a third of `rate` to all of it; in 0 steps, at once.
    pub fn new(rate: f64, steps: u64) -> LinearRamp {
        LinearRamp { rate, steps, factors: (1.0 / 3.0, 1.0) }
    }

    /// The first and the last factor.
    pub fn factors(self, first: f64, last: f64) -> LinearRamp {
        LinearRamp { factors: (first, last), ..self }
    }
}

impl Schedule for LinearRamp {
    fn at(&self, step: u64) -> f64 {
        let (first, last) = self.factors;
        self.rate * (first + (last - first) * part(step as f64, self.steps as f64))
    }
}

/// A polynomial from `rate` to 0, where it stays: rate · (1 - step / steps)^power.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = PolynomialDecay::new(1.0, 4).power(2.0);
/// assert_eq!([0, 2, 4, 9].map(|step| schedule.at(step)), [1.0, 0.25, 0.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialDecay {
    rate: f64,
    steps: u64,
    power: f64,
    minimum: f64,
}

impl PolynomialDecay {
    /// With power 1, a straight line; in 0 steps, at its end at once.
    pub fn new(rate: f64, steps: u64) -> PolynomialDecay {
        PolynomialDecay { rate, steps, power: 1.0, minimum: 0.0 }
    }

    /// The exponent.
    pub fn power(self, power: f64) -> PolynomialDecay {
        PolynomialDecay { power, ..self }
    }

    /// The last rate in place of 0, Keras' `end_learning_rate`: the polynomial is of what is above.
    pub fn minimum(self, minimum: f64) -> PolynomialDecay {
        PolynomialDecay { minimum, ..self }
    }
}

impl Schedule for PolynomialDecay {
    fn at(&self, step: u64) -> f64 {
        let rest = 1.0 - part(step as f64, self.steps as f64);
        self.minimum + (self.rate - self.minimum) * rest.powf(self.power)
    }
}

/// Up to a maximum and down to nearly nothing, both in half a wave of a cosine, once in a training
/// of `steps` steps (Smith and Topin, 2018). After them the last rate stays.
///
/// ```
/// use wengert_nn::prelude::*;
/// let schedule = OneCycle::new(1.0, 101).warmup(31.0 / 101.0);
/// assert!((schedule.at(0) - 1.0 / 25.0).abs() < 1e-15);
/// assert_eq!(schedule.at(30), 1.0);
/// assert!(schedule.at(100) < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    maximum: f64,
    steps: u64,
    warmup: f64,
    divisors: (f64, f64),
}

impl OneCycle {
    /// With PyTorch's defaults: up in the first 0.3 of the steps from maximum / 25, down to
    /// 1 / 10,000 of where it started.
    pub fn new(maximum: f64, steps: u64) -> OneCycle {
        OneCycle { maximum, steps, warmup: 0.3, divisors: (25.0, 1e4) }
    }

    /// The part of the steps that goes up, 0 to 1. The maximum is at step warmup · steps - 1, which
    /// need not be whole.
    pub fn warmup(self, warmup: f64) -> OneCycle {
        OneCycle { warmup, ..self }
    }

    /// The maximum over the first rate, and the first rate over the last.
    pub fn divisors(self, first: f64, last: f64) -> OneCycle {
        OneCycle { divisors: (first, last), ..self }
    }
}

impl Schedule for OneCycle {
    fn at(&self, step: u64) -> f64 {
        let (step, steps) = (step as f64, self.steps as f64);
        let (top, first) = (self.warmup * steps - 1.0, self.maximum / self.divisors.0);
        if step <= top && top > 0.0 {
            return cosine(first, self.maximum, step / top);
        }
        cosine(self.maximum, first / self.divisors.1, part(step - top, steps - 1.0 - top))
    }
}

/// How much of `all` has been done, at most 1. Nothing of nothing is all of it: NaN, which `min`
/// passes over.
fn part(done: f64, all: f64) -> f64 {
    (done / all).min(1.0)
}

/// From one value to another in half a wave, of which `part` has passed.
fn cosine(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * part).cos())
}
