//! The loop over epochs and batches.

use super::batches::{Batches, Order, Weights};
use super::evaluate::Rows;
use super::options::Validation;
use super::step::Part;
use super::{Epoch, FitOptions, History, TrainError, Trainer};
use crate::callbacks::{CallbackError, Progress};
use crate::forward::Model;
use crate::losses::AsTarget;
use std::time::{Duration, Instant};
use wengert::Float;
use wengert_datasets::Dataset;

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// Trains on `data`, epoch after epoch, in an order shuffled by the options' seed.
    ///
    /// # Errors
    /// A batch size of 0, no data, options that do not fit the data, a target that the loss cannot
    /// take, a parameter without a gradient, a callback that failed, a checkpoint that does not fit. What was learned until then stays
    /// in the model, and what was seen in [`history`](Trainer::history).
    #[track_caller]
    pub fn fit<D>(&mut self, data: &D, mut options: FitOptions<'_, D>) -> Result<History, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        let rows = check(data, &options)?;
        let weights = Weights::new(&options, data.len())?;
        if let Some(path) = &options.resume {
            let loaded = self.load_checkpoint(path);
            loaded.map_err(|error| TrainError::Resume { error: CallbackError::from(error).into() })?;
            options.initial_epoch = self.at.epochs_done;
        }
        self.history = History::default();
        self.at.stop = false;
        (self.at.epochs, self.at.epochs_done) = (options.epochs, options.initial_epoch);
        (self.at.epoch, self.at.batch, self.at.batches) = (0, 0, 0);
        let mut trained = self.call("before training", |callback, context| callback.on_train_begin(context));
        if trained.is_ok() {
            trained = self.epochs(data, rows, weights, &options);
        }
        // Also after an error, so that files are closed and the best weights restored.
        let history = std::mem::take(&mut self.history);
        let ended = self.call("after training", |callback, context| callback.on_train_end(&history, context));
        self.history = history;
        (self.at.epoch, self.at.batch, self.at.batches) = (0, 0, 0);
        trained.and(ended)?;
        Ok(self.history.clone())
    }

    #[track_caller]
    fn epochs<D>(
        &mut self,
        data: &D,
        rows: usize,
        mut weights: Weights<'_, T>,
        options: &FitOptions<'_, D>,
    ) -> Result<(), TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        let mut order = Order::new(rows, options);
        let batches = options.steps_per_epoch.unwrap_or(order.batches_per_pass());
        let mut gathered: Vec<Batches<_>> = (0..self.tapes.len()).map(|_| Batches::default()).collect();
        for epoch in options.initial_epoch + 1..=options.epochs {
            if self.at.stop {
                break;
            }
            (self.at.epoch, self.at.batch, self.at.batches) = (epoch, 0, batches);
            let mut started = Instant::now();
            self.call("before an epoch", |callback, context| callback.on_epoch_begin(context))?;
            self.metrics.iter_mut().for_each(|metric| metric.reset());
            let (mut total, mut counted, mut done) = (0.0, 0.0, 0);
            let mut values = self.metric_values();
            for batch in 1..=batches {
                self.at.batch = batch;
                self.call("before a batch", |callback, context| callback.on_train_batch_begin(context))?;
                let number = (epoch as u64 - 1) * batches as u64 + batch as u64 - 1;
                let rows = order.batch(number);
                let measured =
                    self.step_on_rows(data, rows, options.batch_size, &mut gathered, &mut weights)?;
                total += measured.loss * measured.count;
                counted += measured.count;
                done += rows.len();
                values.iter_mut().zip(&self.metrics).for_each(|((_, value), metric)| *value = metric.value());
                let progress = Progress {
                    epoch,
                    epochs: options.epochs,
                    batch,
                    batches,
                    rows: done,
                    batch_loss: measured.loss,
                    loss: mean(total, counted),
                    metrics: &values,
                    elapsed: started.elapsed(),
                };
                self.call("after a batch", |callback, context| {
                    callback.on_train_batch_end(&progress, context)
                })?;
            }
            let seconds = std::mem::replace(&mut started, Instant::now()).elapsed();
            let seconds = Duration::as_secs_f64(&seconds);
            let validation = match options.validation {
                Validation::None => None,
                Validation::Data(data) => Some(self.evaluate_rows(data, Rows(0..data.len()))?),
                Validation::Split(_) => Some(self.evaluate_rows(data, Rows(rows..data.len()))?),
            };
            let learning_rate = self.optimizer.learning_rate();
            let loss = mean(total, counted);
            let epoch = Epoch { epoch, loss, metrics: values, validation, learning_rate, seconds };
            (self.at.epochs_done, self.at.batch) = (epoch.epoch, 0);
            self.history.epochs.push(epoch.clone());
            self.call("after an epoch", |callback, context| callback.on_epoch_end(&epoch, context))?;
        }
        Ok(())
    }

    /// One step on rows of the data: as they are, or in as many parts as there are tapes.
    #[track_caller]
    fn step_on_rows<D>(
        &mut self,
        data: &D,
        rows: &[usize],
        batch_size: usize,
        gathered: &mut [Batches<(D::Input, D::Target)>],
        weights: &mut Weights<'_, T>,
    ) -> Result<super::step::Measured, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        if let [whole] = gathered {
            let (input, target) = whole.gather(data, rows, batch_size);
            let target = target.as_target();
            let weights = weights.of(rows, target)?;
            return self.step(&[Part { input, target, weights, rows: rows.len() }]);
        }
        let n = gathered.len();
        let cut = |k: usize| k * rows.len() / n;
        let mut parts = Vec::with_capacity(n);
        for (k, batches) in gathered.iter_mut().enumerate() {
            let rows = &rows[cut(k)..cut(k + 1)];
            if !rows.is_empty() {
                let (input, target) = batches.gather(data, rows, batch_size.div_ceil(n));
                let target = target.as_target();
                // A clone shares the buffer, and the next part gets another one.
                let weights = weights.of(rows, target)?.cloned();
                parts.push((input, target, weights, rows.len()));
            }
        }
        let mut all = Vec::with_capacity(parts.len());
        for (input, target, weights, rows) in &parts {
            all.push(Part { input: *input, target: *target, weights: weights.as_ref(), rows: *rows });
        }
        self.step(&all)
    }
}

/// How many rows there are to train on.
fn check<T: Float, D: Dataset<T>>(data: &D, options: &FitOptions<'_, D>) -> Result<usize, TrainError> {
    if options.batch_size == 0 {
        return Err(TrainError::BatchSize);
    }
    if options.steps_per_epoch == Some(0) {
        let expected = "an epoch has at least one step".into();
        return Err(TrainError::Option { option: "steps_per_epoch", found: "0".into(), expected });
    }
    let validates_nothing = matches!(options.validation, Validation::Data(data) if data.is_empty());
    if data.is_empty() || validates_nothing {
        return Err(TrainError::NoData);
    }
    options.training_rows(data.len())
}

/// 0 if nothing counted.
pub(super) fn mean(total: f64, count: f64) -> f64 {
    if count == 0.0 { 0.0 } else { total / count }
}
