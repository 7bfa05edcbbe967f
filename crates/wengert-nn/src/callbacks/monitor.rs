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

/// The best value so far, and for how long there was none better.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub name: String,
    pub mode: Mode,
    pub min_delta: f64,
    pub best: Option<f64>,
    pub waited: u64,
}

impl Monitor {
    pub(super) fn new(name: &str) -> Monitor {
        Monitor { name: name.into(), mode: Mode::Auto, min_delta: 0.0, best: None, waited: 0 }
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

    /// Takes in a value; whether it is the best so far, by more than `min_delta`. NaN never is.
    pub(super) fn improves(&mut self, value: f64) -> bool {
        let up = match self.mode {
            Mode::Min => false,
            Mode::Max => true,
            Mode::Auto => ["acc", "auc", "precision", "recall", "f1", "r2"].iter().any(|x| self.name.contains(x)),
        };
        let better = match self.best {
            None => !value.is_nan(),
            Some(best) if up => value > best + self.min_delta,
            Some(best) => value < best - self.min_delta,
        };
        if better {
            (self.best, self.waited) = (Some(value), 0);
        } else {
            self.waited += 1;
        }
        better
    }
}
