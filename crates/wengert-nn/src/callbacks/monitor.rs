//! A quantity that is watched for whether it gets better.

use super::CallbackError;
use crate::trainer::Epoch;

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the name says: up for what has `accuracy`, `auc`, `precision`, `recall`, `f1` or `r2` in
    /// its name, as in Keras, else down.
    #[default]
    Auto,
    /// Down.
    Min,
    /// Up.
    Max,
}

/// A quantity of epochs, and which way it is better.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    pub name: String,
    pub mode: Mode,
}

impl Quantity {
    pub(super) fn new(name: &str) -> Quantity {
        Quantity { name: name.into(), mode: Mode::Auto }
    }

    /// # Errors
    /// The epoch has no such quantity.
    pub(super) fn read(&self, epoch: &Epoch) -> Result<f64, CallbackError> {
        epoch.value(&self.name).ok_or_else(|| {
            let names: Vec<String> = epoch.logs().into_iter().map(|(name, _)| name).collect();
            let of_validation = self.name.starts_with("val_") && epoch.validation.is_none();
            let hint = if of_validation { " (it needs validation data)" } else { "" };
            format!("there is no quantity `{}` to watch{hint}; there are {}", self.name, names.join(", "))
                .into()
        })
    }

    pub(super) fn is_better_up(&self) -> bool {
        match self.mode {
            Mode::Min => false,
            Mode::Max => true,
            Mode::Auto => {
                ["acc", "auc", "precision", "recall", "f1", "r2"].iter().any(|x| self.name.contains(x))
            }
        }
    }
}

/// The best value so far, and for how long there was none better.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub min_delta: f64,
    pub value: Option<f64>,
    pub waited: u64,
}

impl Best {
    pub(super) fn new() -> Best {
        Best { min_delta: 0.0, value: None, waited: 0 }
    }

    /// Takes in a value; whether it is the best so far, by more than `min_delta`. NaN never is.
    pub(super) fn improves(&mut self, value: f64, up: bool) -> bool {
        let better = match self.value {
            None => !value.is_nan(),
            Some(best) if up => value > best + self.min_delta,
            Some(best) => value < best - self.min_delta,
        };
        if better {
            (self.value, self.waited) = (Some(value), 0);
        } else {
            self.waited += 1;
        }
        better
    }
}
