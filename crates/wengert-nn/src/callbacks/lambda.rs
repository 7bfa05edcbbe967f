//! Hooks from closures.

use super::{Callback, CallbackError, Context, Progress};
use crate::trainer::{Epoch, History};
use wengert::Float;

type Done = Result<(), CallbackError>;
type Plain<T> = Box<dyn FnMut(&mut Context<'_, T>) -> Done>;
type After<X, T> = Box<dyn FnMut(&X, &mut Context<'_, T>) -> Done>;
type AfterBatch<T> = Box<dyn FnMut(&Progress<'_>, &mut Context<'_, T>) -> Done>;

/// A callback of closures, one for each hook that is wanted.
///
/// ```
/// use wengert_nn::{callbacks::LambdaCallback, datasets::TensorDataset, prelude::*};
/// let print = LambdaCallback::new().on_epoch_end(|epoch, context| {
///     println!("{}: {:.4} at {}", epoch.epoch, epoch.loss, context.optimizer.learning_rate());
///     Ok(())
/// });
/// # let data = TensorDataset::new(tensor![[1.0f32]], tensor![[2.0f32]])?;
/// # let model: Dense = Dense::new(1, 1, &mut seeded(0));
/// Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new()).callback(print).fit(&data, FitOptions::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LambdaCallback<T: Float = f32> {
    train_begin: Option<Plain<T>>,
    train_end: Option<After<History, T>>,
    epoch_begin: Option<Plain<T>>,
    epoch_end: Option<After<Epoch, T>>,
    batch_begin: Option<Plain<T>>,
    batch_end: Option<AfterBatch<T>>,
}

impl<T: Float> Default for LambdaCallback<T> {
    fn default() -> Self {
        LambdaCallback::new()
    }
}

impl<T: Float> LambdaCallback<T> {
    /// No hooks.
    pub fn new() -> LambdaCallback<T> {
        LambdaCallback {
            train_begin: None,
            train_end: None,
            epoch_begin: None,
            epoch_end: None,
            batch_begin: None,
            batch_end: None,
        }
    }

    /// Before the first epoch.
    pub fn on_train_begin(mut self, f: impl FnMut(&mut Context<'_, T>) -> Done + 'static) -> Self {
        self.train_begin = Some(Box::new(f));
        self
    }

    /// After the last epoch.
    pub fn on_train_end(mut self, f: impl FnMut(&History, &mut Context<'_, T>) -> Done + 'static) -> Self {
        self.train_end = Some(Box::new(f));
        self
    }

    /// Before an epoch's first batch.
    pub fn on_epoch_begin(mut self, f: impl FnMut(&mut Context<'_, T>) -> Done + 'static) -> Self {
        self.epoch_begin = Some(Box::new(f));
        self
    }

    /// After an epoch and its validation.
    pub fn on_epoch_end(mut self, f: impl FnMut(&Epoch, &mut Context<'_, T>) -> Done + 'static) -> Self {
        self.epoch_end = Some(Box::new(f));
        self
    }

    /// Before each step of training.
    pub fn on_train_batch_begin(mut self, f: impl FnMut(&mut Context<'_, T>) -> Done + 'static) -> Self {
        self.batch_begin = Some(Box::new(f));
        self
    }

    /// After each step of training.
    pub fn on_train_batch_end(
        mut self,
        f: impl FnMut(&Progress<'_>, &mut Context<'_, T>) -> Done + 'static,
    ) -> Self {
        self.batch_end = Some(Box::new(f));
        self
    }
}

impl<T: Float> Callback<T> for LambdaCallback<T> {
    fn on_train_begin(&mut self, context: &mut Context<'_, T>) -> Done {
        self.train_begin.as_mut().map_or(Ok(()), |f| f(context))
    }

    fn on_train_end(&mut self, history: &History, context: &mut Context<'_, T>) -> Done {
        self.train_end.as_mut().map_or(Ok(()), |f| f(history, context))
    }

    fn on_epoch_begin(&mut self, context: &mut Context<'_, T>) -> Done {
        self.epoch_begin.as_mut().map_or(Ok(()), |f| f(context))
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Done {
        self.epoch_end.as_mut().map_or(Ok(()), |f| f(epoch, context))
    }

    fn on_train_batch_begin(&mut self, context: &mut Context<'_, T>) -> Done {
        self.batch_begin.as_mut().map_or(Ok(()), |f| f(context))
    }

    fn on_train_batch_end(&mut self, progress: &Progress<'_>, context: &mut Context<'_, T>) -> Done {
        self.batch_end.as_mut().map_or(Ok(()), |f| f(progress, context))
    }
}
