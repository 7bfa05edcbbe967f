//! Callbacks: what watches a training, changes it between two steps, and may stop it.
//!
//! The hooks are Keras'. Each is given what has just happened and a [`Context`]: model, optimizer
//! and place in the training, to look at and to change. A hook that fails ends the training with its
//! error; what was learned stays in the trainer.

mod early_stopping;
mod lambda;
mod loggers;
mod model_checkpoint;
mod monitor;
mod schedulers;
#[cfg(feature = "tensorboard")]
mod tensorboard;
mod terminate_on_nan;

pub use crate::progress::ProgressBar;
pub use early_stopping::EarlyStopping;
pub use lambda::LambdaCallback;
pub use loggers::{CsvLogger, JsonLogger};
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::Mode;
pub use schedulers::{LearningRateScheduler, ReduceLrOnPlateau};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
pub use terminate_on_nan::TerminateOnNan;

use crate::ema::Ema;
use crate::forward::Model;
use crate::module::{Module, Path};
use crate::optimizers::Optimizer;
use crate::state::{State, StateError};
use crate::summary::{self, UnknownLayer};
use crate::trainer::{Epoch, Evaluation, History};
use std::error::Error;
use std::time::Duration;
use wengert::{Float, Gradients, Parameter, Tensor, Var};

/// What a hook may fail with: any error.
pub type CallbackError = Box<dyn Error + Send + Sync>;

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
    /// The loss of the last batch.
    pub batch_loss: f64,
    /// The mean loss over the rows done.
    pub loss: f64,
    /// Names and values of the metrics over those rows.
    pub metrics: &'a [(String, f64)],
    /// Time since the epoch began.
    pub elapsed: Duration,
}

/// A step after its sweep and before the optimizer's: nothing has been changed yet.
pub struct Backward<'a, T: Float = f32> {
    /// The mean loss of the batch.
    pub loss: f64,
    /// The loss on its tape, from which all that was recorded can be looked at. None where the parts
    /// of a batch have tapes of their own.
    pub recorded: Option<Var<'a, T>>,
    /// The gradients of the parameters.
    pub gradients: &'a Gradients<T>,
}

/// The model of a training: its parameters, to look at and to change, and what it makes of the trainer's
/// [sample](crate::Trainer::sample).
pub trait TrainedModel<T: Float = f32>: Module<T> {
    /// The output of the layer called `name` (as in a [summary](crate::Summary)) in an evaluation of the
    /// sample; `None` if the trainer has no sample.
    ///
    /// # Errors
    /// The model called no such layer; the error lists those that it called.
    fn activations(&self, name: &str) -> Option<Result<Tensor<T>, UnknownLayer>>;
}

/// A model with the sample that its trainer was given.
pub(crate) struct Watched<'a, M: Model<T>, T: Float> {
    pub model: &'a mut M,
    pub sample: Option<&'a M::Input>,
}

impl<T: Float, M: Model<T>> Module<T> for Watched<'_, M, T> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        self.model.visit(path, f);
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        self.model.visit_mut(path, f);
    }
}

impl<T: Float, M: Model<T>> TrainedModel<T> for Watched<'_, M, T> {
    fn activations(&self, name: &str) -> Option<Result<Tensor<T>, UnknownLayer>> {
        Some(summary::activations(&*self.model, self.sample?, name))
    }
}

/// The training that a hook is called in.
pub struct Context<'a, T: Float = f32> {
    /// The model, to walk over its parameters.
    pub model: &'a mut dyn TrainedModel<T>,
    /// The optimizer, with its learning rate.
    pub optimizer: &'a mut dyn Optimizer<T>,
    /// The averages of weights, if the trainer keeps them.
    pub ema: Option<&'a mut Ema<T>>,
    /// The epoch, from 1; 0 before the first and outside of [`fit`](crate::Trainer::fit).
    pub epoch: usize,
    /// The last epoch there will be.
    pub epochs: usize,
    /// The batch of the epoch or of the evaluation, from 1; 0 before the first.
    pub batch: usize,
    /// Batches of an epoch; 0 outside of [`fit`](crate::Trainer::fit) and before its first epoch.
    pub batches: usize,
    /// How many steps the trainer has made, over all calls.
    pub step: u64,
    pub(crate) epochs_done: usize,
    pub(crate) stop: &'a mut bool,
    pub(crate) others: [&'a [Box<dyn Callback<T>>]; 2],
}

impl<T: Float> Context<'_, T> {
    /// Ends the training after the epoch in which this is called, or before the first.
    pub fn stop(&mut self) {
        *self.stop = true;
    }

    /// Whether the training ends after this epoch.
    pub fn is_stopped(&self) -> bool {
        *self.stop
    }

    /// All that must be saved besides the model's parameters, so that
    /// [`Trainer::restore`](crate::Trainer::restore) can go on from here: optimizer, averages, counts
    /// and what the other callbacks remember, which is what they knew before this hook if they come
    /// later. So add the callback that saves as the last one.
    pub fn state(&self) -> State<T> {
        let callbacks = self.others[0].iter().map(Some).chain([None]).chain(self.others[1].iter().map(Some));
        let all = callbacks.map(|callback| callback.and_then(|callback| callback.state()));
        trainer_state(
            self.optimizer.state(self.model),
            self.ema.as_ref().map(|ema| ema.state(self.model)),
            all,
            self.step,
            self.epochs_done,
        )
    }
}

/// The state of a trainer from the states of its parts.
pub(crate) fn trainer_state<T: Float>(
    optimizer: State<T>,
    ema: Option<State<T>>,
    callbacks: impl Iterator<Item = Option<State<T>>>,
    steps: u64,
    epochs: usize,
) -> State<T> {
    let mut state = State::new("trainer");
    state.set_integer("steps", steps);
    state.set_integer("epochs", epochs as u64);
    state.insert("optimizer", optimizer);
    if let Some(ema) = ema {
        state.insert("ema", ema);
    }
    for (i, callback) in callbacks.enumerate() {
        if let Some(callback) = callback {
            state.insert(&format!("callbacks.{i}"), callback);
        }
    }
    state
}

/// What a [`Trainer`](crate::Trainer) calls at the turns of a training; every hook does nothing
/// unless it is written.
///
/// ```
/// use wengert_nn::callbacks::{Callback, CallbackError, Context};
/// use wengert_nn::Epoch;
///
/// /// Stops when the loss is small enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_>) -> Result<(), CallbackError> {
///         if epoch.loss < self.0 {
///             context.stop();
///         }
///         Ok(())
///     }
/// }
/// ```
#[allow(unused_variables)]
pub trait Callback<T: Float = f32> {
    /// What errors call it: the type's name.
    fn name(&self) -> String {
        let name = std::any::type_name::<Self>();
        let name = name.split_once('<').map_or(name, |(name, _)| name);
        name.rsplit("::").next().unwrap_or(name).to_string()
    }

    /// Before the first epoch.
    fn on_train_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After the last epoch, also where an error has ended the training. The history is that of
    /// whole epochs.
    fn on_train_end(&mut self, history: &History, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// Before an epoch's first batch.
    fn on_epoch_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After an epoch and its validation.
    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// Before each step of training.
    fn on_train_batch_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// In each step of training, between the gradients and the optimizer, which is not asked if this
    /// fails. Not where the [step is custom](crate::Trainer::train_step).
    fn on_backward(
        &mut self,
        backward: &Backward<'_, T>,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After each step of training.
    fn on_train_batch_end(
        &mut self,
        progress: &Progress<'_>,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    /// Before an evaluation, be it a validation or not.
    fn on_test_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After an evaluation.
    fn on_test_end(
        &mut self,
        evaluation: &Evaluation,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    /// Before each batch of an evaluation.
    fn on_test_batch_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// After each batch of an evaluation.
    fn on_test_batch_end(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        Ok(())
    }

    /// What it must remember to go on after an interruption, if anything.
    fn state(&self) -> Option<State<T>> {
        None
    }

    /// Takes back what [`state`](Callback::state) gave.
    ///
    /// # Errors
    /// It is the state of something else.
    fn restore(&mut self, state: &State<T>) -> Result<(), StateError> {
        Ok(())
    }
}
