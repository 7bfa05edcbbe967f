//! The trainer: `fit`, `evaluate` and `predict`, as in Keras, over the same parts as a loop
//! written by hand.

mod batches;
mod check;
mod error;
mod evaluate;
mod fit;
mod history;
mod interpret;
mod options;
mod parallel;
mod resume;
mod step;
mod trace;

pub use batches::shuffle;
pub use check::{About, Check, Finding};
pub use error::{SharedError, TrainError};
pub use history::{Epoch, Evaluation, History};
pub use interpret::{Interpretation, Mistake};
pub use options::FitOptions;
pub use step::{StepResult, TrainStep};

use crate::callbacks::{Callback, CallbackError, Context, TrainedModel, Watched};
use crate::ema::Ema;
use crate::forward::Model;
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::optimizers::Optimizer;
use crate::schedules::Schedule;
use step::CustomStep;
use wengert::{Float, GradientTape};

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
///
/// Several models and optimizers in one loop, as of a generative adversarial network, need no
/// trainer: each optimizer is given its own model, and takes from the gradients what is that model's.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let mut generator: Dense = Dense::new(1, 1, &mut rng);
/// let mut discriminator: Dense = Dense::new(1, 1, &mut rng);
/// let (mut of_generator, mut of_discriminator) = (Adam::new(1e-3), Adam::new(1e-3));
/// let (noise, real) = (Tensor::randn(&[8, 1], &mut rng), Tensor::randn(&[8, 1], &mut rng));
/// let (ones, zeros) = (Tensor::ones(&[8, 1]), Tensor::zeros(&[8, 1]));
///
/// let mut tape = GradientTape::new();
/// let fake = generator.forward(tape.constant(&noise));
/// let judge = |x| discriminator.forward(x);
/// let loss = judge(tape.constant(&real)).bce_with_logits_loss(&ones, Reduction::Mean)
///     + judge(fake.detach()).bce_with_logits_loss(&zeros, Reduction::Mean);
/// let grads = loss.backward();
/// tape.reset();
/// of_discriminator.step(&mut discriminator, &grads)?;
///
/// let fake = generator.forward(tape.constant(&noise));
/// let loss = discriminator.forward(fake).bce_with_logits_loss(&ones, Reduction::Mean);
/// let grads = loss.backward();
/// tape.reset();
/// of_generator.step(&mut generator, &grads)?; // the discriminator's gradients are not asked for
/// # Ok::<(), wengert_nn::OptimizerError>(())
/// ```
pub struct Trainer<M: Model<T>, T: Float = f32> {
    model: M,
    optimizer: Box<dyn Optimizer<T>>,
    schedule: Option<Box<dyn Schedule>>,
    loss: Box<dyn Loss<T>>,
    metrics: Vec<Box<dyn Metric<T>>>,
    callbacks: Vec<Box<dyn Callback<T>>>,
    ema: Option<Ema<T>>,
    custom: Option<CustomStep<M, T>>,
    parallel: Option<parallel::Parallel<M, T>>,
    sample: Option<M::Input>,
    /// One for each part of a batch.
    tapes: Vec<GradientTape<T>>,
    seed: u64,
    at: Position,
    history: History,
}

/// How far training has come.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Steps made over all calls.
    steps: u64,
    /// Epochs done in the last fit, with those before its initial one.
    epochs_done: usize,
    epoch: usize,
    epochs: usize,
    batch: usize,
    batches: usize,
    stop: bool,
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
            loss: Box::new(loss),
            metrics: Vec::new(),
            callbacks: Vec::new(),
            ema: None,
            custom: None,
            parallel: None,
            sample: None,
            tapes: vec![GradientTape::new()],
            seed: 0,
            at: Position::default(),
            history: History::default(),
        }
    }

    /// This trainer with the learning rate of each step, counted from 0 over all calls, from
    /// `schedule` instead of the optimizer's own. One that counts epochs is
    /// [`LearningRateScheduler`](crate::callbacks::LearningRateScheduler).
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
    pub fn callback(mut self, callback: impl Callback<T> + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// This trainer with exponential averages of all weights: `decay` of them stays at each step.
    /// Validation, evaluation and prediction use the averages, training the weights themselves.
    ///
    /// # Panics
    /// The decay is not from 0 to 1.
    #[must_use]
    #[track_caller]
    pub fn ema(mut self, decay: f64) -> Self {
        self.ema = Some(Ema::new(decay));
        self
    }

    /// This trainer with another seed of the random layers, such as dropout; by default 0. What they
    /// draw depends on it and on the number of the step alone. The order of rows has a seed of its
    /// own, in [`FitOptions`].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// This trainer with a sample for callbacks to look at what
    /// [layers make of it](crate::callbacks::TrainedModel::activations): a batch, say of one input.
    ///
    /// ```
    /// use wengert_nn::{callbacks::LambdaCallback, datasets::TensorDataset, prelude::*};
    /// # let data = TensorDataset::new(tensor![[1.0f32], [2.0]], tensor![[2.0f32], [4.0]])?;
    /// let model: Dense = Dense::new(1, 1, &mut seeded(0));
    /// let print = LambdaCallback::new().on_epoch_end(|_, context| {
    ///     println!("{}", context.model.activations("dense").expect("there is a sample")?);
    ///     Ok(())
    /// });
    /// let trainer = Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new());
    /// trainer.sample(tensor![[3.0]]).callback(print).fit(&data, FitOptions::new())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sample(mut self, sample: M::Input) -> Self {
        self.sample = Some(sample);
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

    /// The averages of weights, if it [keeps](Trainer::ema) them: swap them into the model to keep
    /// or to save them.
    pub fn ema_mut(&mut self) -> Option<(&mut Ema<T>, &mut M)> {
        Some((self.ema.as_mut()?, &mut self.model))
    }

    /// How many steps it has made, over all calls.
    pub fn steps(&self) -> u64 {
        self.at.steps
    }

    /// How many epochs the last [`fit`](Trainer::fit) has come to, with those before its
    /// [initial one](FitOptions::initial_epoch).
    pub fn epochs_done(&self) -> usize {
        self.at.epochs_done
    }

    /// What the last [`fit`](Trainer::fit) has seen, also if it ended with an error.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Calls a hook of every callback.
    fn call(
        &mut self,
        hook: &str,
        f: impl FnMut(&mut dyn Callback<T>, &mut Context<'_, T>) -> Result<(), CallbackError>,
    ) -> Result<(), TrainError> {
        let Trainer { model, sample, optimizer, ema, callbacks, at, .. } = self;
        let mut watched = Watched { model, sample: sample.as_ref() };
        call(callbacks, (&mut watched, &mut **optimizer, ema.as_mut()), at, hook, f)
    }
}

/// Calls a hook of every callback, whatever the others say; the first error is returned.
fn call<T: Float>(
    callbacks: &mut [Box<dyn Callback<T>>],
    (model, optimizer, mut ema): (&mut dyn TrainedModel<T>, &mut dyn Optimizer<T>, Option<&mut Ema<T>>),
    at: &mut Position,
    hook: &str,
    mut f: impl FnMut(&mut dyn Callback<T>, &mut Context<'_, T>) -> Result<(), CallbackError>,
) -> Result<(), TrainError> {
    let mut result = Ok(());
    for i in 0..callbacks.len() {
        let (before, rest) = callbacks.split_at_mut(i);
        let (this, after) = rest.split_first_mut().expect("i is below the number of callbacks");
        let mut context = Context {
            model: &mut *model,
            optimizer: &mut *optimizer,
            ema: ema.as_deref_mut(),
            epoch: at.epoch,
            epochs: at.epochs,
            batch: at.batch,
            batches: at.batches,
            step: at.steps,
            epochs_done: at.epochs_done,
            stop: &mut at.stop,
            others: [before, after],
        };
        let done = f(&mut **this, &mut context);
        if let (Err(error), Ok(())) = (done, &result) {
            let when = match (at.epoch, at.batch) {
                (0, _) => hook.to_string(),
                (epoch, 0) => format!("{hook}, epoch {epoch}"),
                (epoch, batch) => format!("{hook}, epoch {epoch}, batch {batch}"),
            };
            result = Err(TrainError::Callback { callback: this.name(), when, error: error.into() });
        }
    }
    result
}
