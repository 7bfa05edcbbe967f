//! A trainer that goes on where another has stopped.

use super::Trainer;
use crate::callbacks::trainer_state;
use crate::forward::Model;
use crate::state::{State, StateError};
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
}
