//! Learning rates that change between epochs.

use super::monitor::{Mode, Quantity};
use super::{Callback, CallbackError, Context};
use crate::schedules::{ReduceOnPlateau, Schedule};
use crate::state::{State, StateError};
use crate::trainer::Epoch;
use wengert::Float;

/// Sets the learning rate before each epoch, from a schedule whose steps are epochs, counted from 0.
///
/// A schedule of steps is [`Trainer::schedule`](crate::Trainer::schedule), which would have the last
/// word: use one of the two.
///
/// ```
/// use wengert_nn::callbacks::LearningRateScheduler;
/// use wengert_nn::prelude::*;
/// let scheduler = LearningRateScheduler::new(StepDecay::new(0.1, 30));
/// let by_hand = LearningRateScheduler::new(|epoch: u64| if epoch < 10 { 0.1 } else { 0.01 });
/// ```
pub struct LearningRateScheduler<S> {
    schedule: S,
}

impl<S: Schedule> LearningRateScheduler<S> {
    /// With a schedule or a function from epoch to learning rate.
    pub fn new(schedule: S) -> LearningRateScheduler<S> {
        LearningRateScheduler { schedule }
    }
}

impl<T: Float, S: Schedule> Callback<T> for LearningRateScheduler<S> {
    fn on_epoch_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        context.optimizer.set_learning_rate(self.schedule.at(context.epoch as u64 - 1));
        Ok(())
    }
}

/// Multiplies the learning rate by a factor when a quantity has not got better for some epochs.
///
/// By default it watches `val_loss`, waits 10 epochs and multiplies by 0.1, as in Keras.
///
/// ```
/// use wengert_nn::callbacks::ReduceLrOnPlateau;
/// let reduce = ReduceLrOnPlateau::new().monitor("loss").factor(0.5).patience(3).minimum(1e-5);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    quantity: Quantity,
    plateau: ReduceOnPlateau,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        ReduceLrOnPlateau::new()
    }
}

impl ReduceLrOnPlateau {
    /// With Keras' defaults.
    pub fn new() -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { quantity: Quantity::new("val_loss"), plateau: ReduceOnPlateau::new() }
    }

    /// Watches this quantity: `loss`, a metric's name, or either of the validation, as `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.quantity.name = name.into();
        self
    }

    /// Which way is better.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.quantity.mode = mode;
        self
    }

    /// How much better counts as better. Default 10⁻⁴.
    pub fn min_delta(self, min_delta: f64) -> Self {
        ReduceLrOnPlateau { plateau: self.plateau.min_delta(min_delta), ..self }
    }

    /// What the learning rate is multiplied by.
    pub fn factor(self, factor: f64) -> Self {
        ReduceLrOnPlateau { plateau: self.plateau.factor(factor), ..self }
    }

    /// After how many epochs without a better one.
    pub fn patience(self, epochs: u64) -> Self {
        ReduceLrOnPlateau { plateau: self.plateau.patience(epochs), ..self }
    }

    /// For how many epochs after a reduction it does not count. Default 0.
    pub fn cooldown(self, epochs: u64) -> Self {
        ReduceLrOnPlateau { plateau: self.plateau.cooldown(epochs), ..self }
    }

    /// The learning rate below which it does not go. Default 0.
    pub fn minimum(self, minimum: f64) -> Self {
        ReduceLrOnPlateau { plateau: self.plateau.minimum(minimum), ..self }
    }
}

impl<T: Float> Callback<T> for ReduceLrOnPlateau {
    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let value = self.quantity.read(epoch)?;
        self.plateau = self.plateau.clone().larger_is_better(self.quantity.is_better_up());
        let rate = context.optimizer.learning_rate();
        let next = self.plateau.observe(value, rate);
        if next != rate {
            context.optimizer.set_learning_rate(next);
        }
        Ok(())
    }

    fn state(&self) -> Option<State<T>> {
        let mut state = State::new("reduce_lr_on_plateau");
        state.set_integer("waited", self.plateau.waited);
        state.set_integer("cooling", self.plateau.cooling);
        if let Some(best) = self.plateau.best {
            state.set_number("best", best);
        }
        Some(state)
    }

    fn restore(&mut self, state: &State<T>) -> Result<(), StateError> {
        state.must_be("reduce_lr_on_plateau")?;
        (self.plateau.waited, self.plateau.cooling) = (state.integer("waited")?, state.integer("cooling")?);
        self.plateau.best = state.number("best").ok();
        Ok(())
    }
}
