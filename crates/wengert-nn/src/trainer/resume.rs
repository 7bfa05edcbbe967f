//! A trainer that goes on where another has stopped.

use super::Trainer;
use crate::callbacks::trainer_state;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::forward::Model;
use crate::module::Path as ModelPath;
use crate::state::{State, StateError};
use std::path::Path;
use wengert::Float;

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// All that it remembers besides the model's parameters, which are to be saved too: the
    /// optimizer, averages of weights, how many steps and epochs were made, and what callbacks keep.
    ///
    /// Orders of rows and masks of dropout are functions of seed, epoch and step; schedules are
    /// functions of the step. So with this state the same trainer, made anew, goes on with the same
    /// bits:
    ///
    /// ```
    /// use wengert_nn::{datasets::TensorDataset, prelude::*};
    /// # let data = TensorDataset::new(Tensor::<f32>::arange(8).reshape(&[8, 1])?, Tensor::<f32>::ones(&[8, 1]))?;
    /// let trainer = |model: Dense| Trainer::new(model, Adam::new(0.1), MeanSquaredError::new()).ema(0.9);
    /// let options = || FitOptions::new().batch_size(3);
    /// let mut whole = trainer(Dense::new(1, 1, &mut seeded(0)));
    /// whole.fit(&data, options().epochs(4))?;
    ///
    /// let mut first = trainer(Dense::new(1, 1, &mut seeded(0)));
    /// first.fit(&data, options().epochs(2))?;
    /// let (state, weights) = (first.state(), first.into_model()); // saved, and loaded
    ///
    /// let mut second = trainer(weights);
    /// second.restore(&state)?;
    /// let done = second.epochs_done();
    /// second.fit(&data, options().epochs(4).initial_epoch(done))?;
    /// assert_eq!(second.model().weight().value(), whole.model().weight().value());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> State<T> {
        trainer_state(
            self.optimizer.state(&self.model),
            self.ema.as_ref().map(|ema| ema.state(&self.model)),
            self.callbacks.iter().map(|callback| callback.state()),
            self.at.steps,
            self.at.epochs_done,
        )
    }

    /// Takes back what [`state`](Trainer::state) gave, for a model that has the weights of then and a
    /// trainer that was made alike.
    ///
    /// # Errors
    /// It is the state of a trainer with another optimizer or model, or without what this one has. Parts
    /// before the one that does not fit have been restored then.
    pub fn restore(&mut self, state: &State<T>) -> Result<(), StateError> {
        state.must_be("trainer")?;
        let part = |name: &str| {
            let missing = || StateError::Missing { kind: "trainer".into(), what: "part", name: name.into() };
            state.part(name).ok_or_else(missing)
        };
        let (steps, epochs) = (state.integer("steps")?, state.integer("epochs")?);
        self.optimizer.restore(&self.model, &part("optimizer")?)?;
        if let Some(ema) = &mut self.ema {
            ema.restore(&self.model, &part("ema")?)?;
        }
        for (i, callback) in self.callbacks.iter_mut().enumerate() {
            if let Some(state) = state.part(&format!("callbacks.{i}")) {
                callback.restore(&state)?;
            }
        }
        (self.at.steps, self.at.epochs_done) = (steps, epochs as usize);
        Ok(())
    }

    /// The model's weights and the [`state`](Trainer::state).
    pub fn checkpoint(&self) -> Checkpoint<T> {
        Checkpoint::new(&self.model, self.state())
    }

    /// Writes the [`checkpoint`](Trainer::checkpoint) to a `.safetensors` file: at any moment, the file
    /// is the old or the new one as a whole.
    ///
    /// # Errors
    /// Those of [`Checkpoint::save`].
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        self.checkpoint().save(path)
    }

    /// Takes back what [`save_checkpoint`](Trainer::save_checkpoint) or a
    /// [`ModelCheckpoint`](crate::callbacks::ModelCheckpoint) has written: weights and state.
    /// [`FitOptions::resume`](crate::FitOptions::resume) does it, and goes on with the next epoch.
    ///
    /// # Errors
    /// Those of [`Checkpoint::load`]; weights of another model, a state of another trainer. Nothing is
    /// changed then.
    pub fn load_checkpoint(&mut self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint::load(path)?;
        let before = self.state();
        // Both must fit before anything is changed.
        let mut weights = checkpoint.fit(&self.model)?.into_iter();
        if let Err(error) = self.restore(checkpoint.state()) {
            self.restore(&before).expect("it was this trainer's a moment ago");
            return Err(CheckpointError::State { path: checkpoint.path().into(), error });
        }
        self.model.visit_mut(&ModelPath::root(), &mut |_, parameter| {
            if let Some(weights) = weights.next().flatten() {
                parameter.replace(weights);
            }
        });
        Ok(())
    }
}
