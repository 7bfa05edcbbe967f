//! The trainer: `fit`, `evaluate` and `predict`, as in Keras, over the same parts as a loop
//! written by hand.

use crate::callbacks::{Callback, Progress};
use crate::forward::Model;
use crate::losses::{AsTarget, Loss};
use crate::metrics::Metric;
use crate::optimizers::{Optimizer, OptimizerError};
use crate::schedules::Schedule;
use crate::seeded;
use std::ops::ControlFlow;
use std::time::Instant;
use wengert::rand::seq::SliceRandom;
use wengert::{Float, GradientTape, Tensor, Var};
use wengert_datasets::Dataset;

/// Rows of a batch in [`Trainer::evaluate`]: large enough for the matrix products, small enough
/// that no memory is spent that training would not need.
const EVALUATION_ROWS: usize = 512;

/// A model with what trains it.
///
/// ```
/// use wengert_nn::prelude::*;
/// use wengert_nn::datasets::TensorDataset;
///
/// let mut rng = seeded(0);
/// let model: Sequential =
///     Sequential::new().layer(Dense::new(2, 16, &mut rng)).layer(Tanh).layer(Dense::new(16, 2, &mut rng));
/// let xor = TensorDataset::new(
///     tensor![[0f32, 0.], [0., 1.], [1., 0.], [1., 1.]],
///     tensor![0usize, 1, 1, 0],
/// )?;
/// let mut trainer = Trainer::new(model, Adam::new(0.05), SparseCategoricalCrossEntropy::from_logits())
///     .metric(Accuracy::new());
/// let history = trainer.fit(&xor, FitOptions::new().epochs(100).batch_size(4))?;
/// assert!(history.epochs[99].loss < history.epochs[0].loss);
/// let evaluation = trainer.evaluate(&xor)?;
/// assert_eq!(evaluation.metric("accuracy"), Some(1.0));
/// let probabilities = trainer.predict(&tensor![[0., 1.]])?.softmax(-1);
/// assert!(probabilities.get(&[0, 1]).unwrap() > 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<M, T: Float = f32> {
    model: M,
    optimizer: Box<dyn Optimizer<T>>,
    schedule: Option<Box<dyn Schedule>>,
    steps: u64,
    loss: Box<dyn Loss<T>>,
    metrics: Vec<Box<dyn Metric<T>>>,
    callbacks: Vec<Box<dyn Callback>>,
    tape: GradientTape<T>,
}

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// A trainer without metrics and callbacks.
    pub fn new(
        model: M,
        optimizer: impl Optimizer<T> + 'static,
        loss: impl Loss<T> + 'static,
    ) -> Trainer<M, T> {
        model.name_parameters();
        Trainer {
            model,
            optimizer: Box::new(optimizer),
            schedule: None,
            steps: 0,
            loss: Box::new(loss),
            metrics: Vec::new(),
            callbacks: Vec::new(),
            tape: GradientTape::new(),
        }
    }

    /// This trainer with the learning rate of each step, counted from 0 over all calls, from
    /// `schedule` instead of the optimizer's own. One that counts epochs, or goes on from a step
    /// that another trainer reached, is a function: see [`Schedule`].
    #[must_use]
    pub fn schedule(mut self, schedule: impl Schedule + 'static) -> Self {
        self.schedule = Some(Box::new(schedule));
        self
    }

    /// This trainer with one more metric, measured in training, validation and evaluation.
    #[must_use]
    pub fn metric(mut self, metric: impl Metric<T> + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// This trainer with one more callback.
    #[must_use]
    pub fn callback(mut self, callback: impl Callback + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, to change it.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The model as it has been trained.
    pub fn into_model(self) -> M {
        self.model
    }

    /// The optimizer.
    pub fn optimizer_mut(&mut self) -> &mut dyn Optimizer<T> {
        &mut *self.optimizer
    }

    /// Trains on all of `data`, epoch after epoch, in an order shuffled by the options' seed.
    ///
    /// # Errors
    /// A batch size of 0, no data, a target that the loss cannot take, a parameter without a
    /// gradient.
    #[track_caller]
    pub fn fit<D>(&mut self, data: &D, options: FitOptions<'_, D>) -> Result<History, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        let FitOptions { epochs, batch_size, validation, seed, shuffle } = options;
        if batch_size == 0 {
            return Err(TrainError::BatchSize);
        }
        if data.is_empty() || validation.is_some_and(Dataset::is_empty) {
            return Err(TrainError::NoData);
        }
        let mut rows: Vec<usize> = (0..data.len()).collect();
        let mut rng = seeded(seed);
        let mut history = History { epochs: Vec::new() };
        let mut batches = Batches::default();
        self.callbacks.iter_mut().for_each(|callback| callback.on_train_begin(epochs));
        for epoch in 1..=epochs {
            let started = Instant::now();
            self.callbacks.iter_mut().for_each(|callback| callback.on_epoch_begin(epoch));
            self.metrics.iter_mut().for_each(|metric| metric.reset());
            if shuffle {
                rows.shuffle(&mut rng);
            }
            let (mut total, mut done) = (0.0, 0);
            let mut values = self.metric_values();
            for (batch, rows) in rows.chunks(batch_size).enumerate() {
                let (input, target) = batches.gather(data, rows, batch_size);
                total += self.train_on_batch(input, target)? * rows.len() as f64;
                done += rows.len();
                values.iter_mut().zip(&self.metrics).for_each(|((_, value), metric)| *value = metric.value());
                let progress = Progress {
                    epoch,
                    epochs,
                    batch: batch + 1,
                    batches: data.len().div_ceil(batch_size),
                    rows: done,
                    loss: total / done as f64,
                    metrics: &values,
                    elapsed: started.elapsed(),
                };
                self.callbacks.iter_mut().for_each(|callback| callback.on_batch_end(&progress));
            }
            let seconds = started.elapsed().as_secs_f64();
            let validation = match validation {
                Some(data) => Some(self.evaluate(data)?),
                None => None,
            };
            let epoch = Epoch { epoch, loss: total / done as f64, metrics: values, validation, seconds };
            let stop =
                |callback: &mut Box<dyn Callback>| callback.on_epoch_end(&epoch) == ControlFlow::Break(());
            let stops = self.callbacks.iter_mut().filter_map(|callback| stop(callback).then_some(())).count();
            history.epochs.push(epoch);
            if stops > 0 {
                break;
            }
        }
        self.callbacks.iter_mut().for_each(|callback| callback.on_train_end(&history));
        Ok(history)
    }

    /// One step on one batch; counts it in the metrics and gives the mean loss before the step.
    ///
    /// # Errors
    /// A target that the loss cannot take, or a parameter without a gradient.
    #[track_caller]
    pub fn train_on_batch<Y: AsTarget<T>>(
        &mut self,
        input: &M::Input,
        target: &Y,
    ) -> Result<f64, TrainError> {
        self.tape.reset();
        let output = self.model.output(&self.tape, input);
        let loss = self.loss.rows(output, target.as_target())?.mean();
        let value = loss.item().to_f64();
        count(&mut self.metrics, output, target);
        let grads = loss.backward();
        self.tape.reset();
        if let Some(schedule) = &self.schedule {
            self.optimizer.set_learning_rate(schedule.at(self.steps));
        }
        self.optimizer.step(&mut self.model, &grads)?;
        self.steps += 1;
        Ok(value)
    }

    /// Loss and metrics over all of `data`, in order; nothing is changed.
    ///
    /// # Errors
    /// No data, or a target that the loss cannot take.
    #[track_caller]
    pub fn evaluate<D>(&mut self, data: &D) -> Result<Evaluation, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        if data.is_empty() {
            return Err(TrainError::NoData);
        }
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        let rows: Vec<usize> = (0..data.len()).collect();
        let (mut total, mut batches) = (0.0, Batches::default());
        for rows in rows.chunks(EVALUATION_ROWS) {
            let (input, target) = batches.gather(data, rows, EVALUATION_ROWS);
            self.tape.reset();
            let output = self.model.output(&self.tape, input);
            let loss = self.loss.rows(output, target.as_target())?.mean();
            total += loss.item().to_f64() * rows.len() as f64;
            count(&mut self.metrics, output, target);
        }
        self.tape.reset();
        Ok(Evaluation { loss: total / rows.len() as f64, metrics: self.metric_values() })
    }

    /// The model's output for one batch of inputs.
    ///
    /// # Errors
    /// None yet: a shape that does not fit the model is a panic that names the layer.
    #[track_caller]
    pub fn predict(&mut self, input: &M::Input) -> Result<Tensor<T>, TrainError> {
        self.tape.reset();
        let output = self.model.output(&self.tape, input).value();
        self.tape.reset();
        Ok(output)
    }

    fn metric_values(&self) -> Vec<(String, f64)> {
        self.metrics.iter().map(|metric| (metric.name().to_string(), metric.value())).collect()
    }
}

fn count<T: Float, Y: AsTarget<T>>(metrics: &mut [Box<dyn Metric<T>>], output: Var<'_, T>, target: &Y) {
    if !metrics.is_empty() {
        let output = output.value();
        metrics.iter_mut().for_each(|metric| metric.update(&output, target.as_target()));
    }
}

/// Two batches whose tensors are filled again and again: whole ones, and an epoch's last.
struct Batches<B> {
    whole: Option<B>,
    last: Option<B>,
}

impl<B> Default for Batches<B> {
    fn default() -> Self {
        Batches { whole: None, last: None }
    }
}

impl<X, Y> Batches<(X, Y)> {
    fn gather<T, D>(&mut self, data: &D, rows: &[usize], size: usize) -> &(X, Y)
    where
        T: Float,
        D: Dataset<T, Input = X, Target = Y>,
    {
        let batch = if rows.len() == size { &mut self.whole } else { &mut self.last };
        data.gather(rows, batch);
        batch.as_ref().expect("a data set gathers the rows it is asked for")
    }
}

/// How to [`fit`](Trainer::fit): by default 1 epoch, batches of 32, no validation, seed 0.
#[derive(Debug)]
pub struct FitOptions<'v, D> {
    epochs: usize,
    batch_size: usize,
    validation: Option<&'v D>,
    seed: u64,
    shuffle: bool,
}

impl<D> Default for FitOptions<'_, D> {
    fn default() -> Self {
        FitOptions { epochs: 1, batch_size: 32, validation: None, seed: 0, shuffle: true }
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

    /// Rows a step.
    pub fn batch_size(self, batch_size: usize) -> Self {
        FitOptions { batch_size, ..self }
    }

    /// Data to evaluate on after each epoch.
    pub fn validation(self, data: &'v D) -> Self {
        FitOptions { validation: Some(data), ..self }
    }

    /// The seed of the order of rows.
    pub fn seed(self, seed: u64) -> Self {
        FitOptions { seed, ..self }
    }

    /// Whether each epoch has its own order (the default) or the data's.
    pub fn shuffle(self, shuffle: bool) -> Self {
        FitOptions { shuffle, ..self }
    }
}

/// What [`Trainer::fit`] has seen, epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Mean loss over its rows, each measured before the step that used it.
    pub loss: f64,
    /// Names and values of the metrics, measured likewise.
    pub metrics: Vec<(String, f64)>,
    /// Loss and metrics on the validation data after the epoch.
    pub validation: Option<Evaluation>,
    /// Time of the training, without the validation.
    pub seconds: f64,
}

/// Loss and metrics over a data set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean loss over all rows.
    pub loss: f64,
    /// Names and values of the metrics.
    pub metrics: Vec<(String, f64)>,
}

impl Evaluation {
    /// The value of a metric by name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(n, _)| n == name).map(|&(_, value)| value)
    }
}

/// Why a training cannot go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The batch size is 0.
    #[error("the batch size is 0; it must be at least 1")]
    BatchSize,
    /// The data set is empty.
    #[error("the data set has no rows; at least one is needed")]
    NoData,
    /// The target is not what the loss takes.
    #[error("{loss} takes {expected}; the target is {found}")]
    Target {
        /// The loss.
        loss: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: String,
    },
    /// The output is not what the loss takes.
    #[error("{loss} takes an output of shape {expected}; the model's has shape {found:?}")]
    Output {
        /// The loss.
        loss: &'static str,
        /// The shape it takes.
        expected: &'static str,
        /// The shape it was given.
        found: Vec<usize>,
    },
    /// The optimizer refused a step.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
}
