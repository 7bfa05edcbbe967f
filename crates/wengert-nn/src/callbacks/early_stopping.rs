//! An end of training when nothing gets better any more.

use super::monitor::{Best, Mode, Quantity};
use super::{Callback, CallbackError, Context};
use crate::module::{Module, Path};
use crate::state::{State, StateError};
use crate::trainer::{Epoch, History};
use std::collections::HashMap;
use wengert::{Float, Tensor};

/// Stops when a quantity has not got better for some epochs.
///
/// By default it watches `val_loss`, and stops after the first epoch that is no better.
///
/// ```
/// use wengert_nn::callbacks::{EarlyStopping, Mode};
/// let stopping: EarlyStopping =
///     EarlyStopping::new().monitor("val_accuracy").mode(Mode::Max).patience(3).min_delta(1e-3).restore_best();
/// ```
#[derive(Debug)]
pub struct EarlyStopping<T: Float = f32> {
    quantity: Quantity,
    best_value: Best,
    patience: u64,
    restores: bool,
    best: Vec<(String, Tensor<T>)>,
    best_epoch: usize,
}

impl<T: Float> Default for EarlyStopping<T> {
    fn default() -> Self {
        EarlyStopping::new()
    }
}

impl<T: Float> EarlyStopping<T> {
    /// Watches `val_loss`.
    pub fn new() -> EarlyStopping<T> {
        EarlyStopping {
            quantity: Quantity::new("val_loss"),
            best_value: Best::new(),
            patience: 0,
            restores: false,
            best: Vec::new(),
            best_epoch: 0,
        }
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

    /// How much better counts as better. Default 0: anything.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.best_value.min_delta = min_delta.abs();
        self
    }

    /// After how many epochs without a better one it stops. Default 0, which is at the first, as 1.
    pub fn patience(self, epochs: u64) -> Self {
        EarlyStopping { patience: epochs, ..self }
    }

    /// Gives the model the weights of the best epoch when the training ends, whatever ended it.
    pub fn restore_best(self) -> Self {
        EarlyStopping { restores: true, ..self }
    }

    /// The best epoch so far, from 1; 0 before there was one.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

impl<T: Float> Callback<T> for EarlyStopping<T> {
    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let value = self.quantity.read(epoch)?;
        if self.best_value.improves(value, self.quantity.is_better_up()) {
            self.best_epoch = epoch.epoch;
            if self.restores {
                self.best = snapshot(context.model);
            }
        } else if self.best_value.waited >= self.patience {
            context.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &History, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let mut best: HashMap<String, Tensor<T>> = std::mem::take(&mut self.best).into_iter().collect();
        context.model.visit_mut(&Path::root(), &mut |path, parameter| {
            if let Some(value) = best.remove(&path.to_string()) {
                parameter.replace(value);
            }
        });
        Ok(())
    }

    fn state(&self) -> Option<State<T>> {
        let mut state = State::new("early_stopping");
        state.set_integer("waited", self.best_value.waited);
        state.set_integer("best_epoch", self.best_epoch as u64);
        if let Some(best) = self.best_value.value {
            state.set_number("best", best);
        }
        for (name, value) in &self.best {
            state.set_tensor(format!("weights.{name}"), value.clone());
        }
        Some(state)
    }

    fn restore(&mut self, state: &State<T>) -> Result<(), StateError> {
        state.must_be("early_stopping")?;
        let (waited, best_epoch) = (state.integer("waited")?, state.integer("best_epoch")?);
        (self.best_value.waited, self.best_epoch) = (waited, best_epoch as usize);
        self.best_value.value = state.number("best").ok();
        let names = state.tensors().filter_map(|(name, value)| Some((name.strip_prefix("weights.")?, value)));
        self.best = names.map(|(name, value)| (name.to_string(), value.clone())).collect();
        Ok(())
    }
}

fn snapshot<T: Float>(model: &dyn Module<T>) -> Vec<(String, Tensor<T>)> {
    let mut all = Vec::new();
    model.visit(&Path::root(), &mut |path, p| all.push((path.to_string(), p.value().clone())));
    all
}
