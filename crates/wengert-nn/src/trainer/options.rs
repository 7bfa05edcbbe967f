//! How to fit.

use super::TrainError;

/// How to [`fit`](crate::Trainer::fit): by default 1 epoch, batches of 32, no validation, seed 0.
///
/// ```
/// use wengert_nn::{datasets::TensorDataset, prelude::*};
/// let options: FitOptions<TensorDataset<f32, usize>> =
///     FitOptions::new().epochs(20).batch_size(64).validation_split(0.1).class_weights(&[1.0, 5.0]);
/// ```
#[derive(Clone, Debug)]
pub struct FitOptions<'v, D> {
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) batch_size: usize,
    pub(super) steps_per_epoch: Option<usize>,
    pub(super) validation: Validation<'v, D>,
    pub(super) sample_weights: Option<&'v [f64]>,
    pub(super) class_weights: Option<&'v [f64]>,
    pub(super) seed: u64,
    pub(super) shuffle: bool,
}

/// What to evaluate on after each epoch.
#[derive(Debug)]
pub(super) enum Validation<'v, D> {
    None,
    Data(&'v D),
    Split(f64),
}

impl<D> Clone for Validation<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Validation<'_, D> {}

impl<D> Default for FitOptions<'_, D> {
    fn default() -> Self {
        FitOptions {
            epochs: 1,
            initial_epoch: 0,
            batch_size: 32,
            steps_per_epoch: None,
            validation: Validation::None,
            sample_weights: None,
            class_weights: None,
            seed: 0,
            shuffle: true,
        }
    }
}

impl<'v, D> FitOptions<'v, D> {
    /// The defaults.
    pub fn new() -> Self {
        FitOptions::default()
    }

    /// How many times to go through the data.
    pub fn epochs(self, epochs: usize) -> Self {
        FitOptions { epochs, ..self }
    }

    /// How many of the epochs were made before, perhaps by another process: training goes on with
    /// the next one and its order of rows, up to `epochs`.
    /// [`Trainer::epochs_done`](crate::Trainer::epochs_done) knows it after a
    /// [`restore`](crate::Trainer::restore).
    pub fn initial_epoch(self, done: usize) -> Self {
        FitOptions { initial_epoch: done, ..self }
    }

    /// Rows a step.
    pub fn batch_size(self, batch_size: usize) -> Self {
        FitOptions { batch_size, ..self }
    }

    /// Ends an epoch after so many batches. The next epoch goes on where this one has stopped, and
    /// after the last row comes the next order of rows. By default an epoch is once all rows.
    pub fn steps_per_epoch(self, batches: usize) -> Self {
        FitOptions { steps_per_epoch: Some(batches), ..self }
    }

    /// Data to evaluate on after each epoch.
    pub fn validation(self, data: &'v D) -> Self {
        FitOptions { validation: Validation::Data(data), ..self }
    }

    /// Keeps the last part of the data, 0 to 1, out of training and evaluates on it after each epoch.
    /// As in Keras, the rows are those before any shuffling: shuffle the data before, if it is sorted.
    pub fn validation_split(self, part: f64) -> Self {
        FitOptions { validation: Validation::Split(part), ..self }
    }

    /// What the loss of each row of the data is multiplied by in training.
    pub fn sample_weights(self, weights: &'v [f64]) -> Self {
        FitOptions { sample_weights: Some(weights), ..self }
    }

    /// What the losses of each class are multiplied by in training, for targets that are labels: a
    /// class that is rare may count more. As in Keras, means divide by the number of rows.
    pub fn class_weights(self, weights: &'v [f64]) -> Self {
        FitOptions { class_weights: Some(weights), ..self }
    }

    /// The seed of the order of rows.
    pub fn seed(self, seed: u64) -> Self {
        FitOptions { seed, ..self }
    }

    /// Whether each epoch has its own order (the default) or the data's.
    pub fn shuffle(self, shuffle: bool) -> Self {
        FitOptions { shuffle, ..self }
    }

    /// How many of `len` rows to train on; the rest is for validation.
    pub(super) fn training_rows(&self, len: usize) -> Result<usize, TrainError> {
        let Validation::Split(part) = self.validation else { return Ok(len) };
        let rows = (len as f64 * (1.0 - part)).floor() as usize;
        if !(0.0..1.0).contains(&part) || rows == 0 || rows == len {
            return Err(TrainError::Option {
                option: "validation_split",
                found: part.to_string(),
                expected: format!("of {len} rows it must leave some on both sides"),
            });
        }
        Ok(rows)
    }
}
