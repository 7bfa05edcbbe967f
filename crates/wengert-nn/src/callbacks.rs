//! Callbacks: what watches a training, and may stop it.

pub use crate::progress::ProgressBar;
use crate::trainer::{Epoch, History};
use std::ops::ControlFlow;
use std::time::Duration;

/// How far an epoch has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The epoch, from 1.
    pub epoch: usize,
    /// How many epochs there will be.
    pub epochs: usize,
    /// Batches done in this epoch.
    pub batch: usize,
    /// Batches of the epoch.
    pub batches: usize,
    /// Rows done in this epoch.
    pub rows: usize,
    /// The mean loss over those rows.
    pub loss: f64,
    /// Names and values of the metrics over those rows.
    pub metrics: &'a [(String, f64)],
    /// Time since the epoch began.
    pub elapsed: Duration,
}

/// What a [`Trainer`](crate::Trainer) calls at the turns of a training; every hook does nothing
/// unless it is written.
///
/// ```
/// use std::ops::ControlFlow;
/// use wengert_nn::{Epoch, callbacks::Callback};
///
/// /// Stops when the loss is small enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
///         if epoch.loss < self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
/// ```
pub trait Callback {
    /// Before the first epoch.
    fn on_train_begin(&mut self, epochs: usize) {
        let _ = epochs;
    }

    /// Before an epoch's first batch; `epoch` counts from 1.
    fn on_epoch_begin(&mut self, epoch: usize) {
        let _ = epoch;
    }

    /// After each step of training.
    fn on_batch_end(&mut self, progress: &Progress<'_>) {
        let _ = progress;
    }

    /// After an epoch and its validation; `Break` ends the training.
    fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        let _ = epoch;
        ControlFlow::Continue(())
    }

    /// After the last epoch.
    fn on_train_end(&mut self, history: &History) {
        let _ = history;
    }
}
