//! A training for TensorBoard: curves, distributions, images, the graph, and what it was made with.
//!
//! As in Keras, training and validation are two runs below one folder, so that their curves share
//! charts; what the training was made with is a third one, their parent, where TensorBoard's table of
//! hyper-parameters looks for the results of both. Looking costs what is looked at: steps of which
//! nothing is written cost a comparison, the first step is swept once more for the graph, distributions
//! take a pass over weights and gradients once an epoch.
//!
//! A disk that fills up does not end a training. The first error is said on standard error, what
//! is missing is counted and said at the end. A folder that cannot be used at all ends it before it
//! begins.

mod graph;
mod pictures;

use super::{Backward, Callback, CallbackError, Context, Progress};
use crate::summary::{LayerSummary, Summary};
use crate::trainer::{Epoch, History};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wengert::{Float, Tensor, Var};
use wengert_tensorboard::{Error, HParam, Status, SummaryWriter};

/// Beyond it a page of boxes helps nobody, and takes megabytes.
const MOST_NODES: usize = 10_000;

/// Writes a training for [TensorBoard](https://www.tensorflow.org/tensorboard).
///
/// ```
/// use wengert_nn::{datasets::TensorDataset, prelude::*};
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// # let data = TensorDataset::new(tensor![[1.0f32], [2.0]], tensor![[2.0f32], [4.0]])?;
/// let model: Dense = Dense::new(1, 1, &mut seeded(0));
/// let board = TensorBoard::new("runs/line").hparam("seed", 0).batch_loss(10);
/// let mut trainer = Trainer::new(model, Adam::new(0.1), MeanSquaredError::new()).callback(board);
/// trainer.fit(&data, FitOptions::new().epochs(3))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Show it with `tensorboard --logdir runs`. There are
///
/// - loss and metrics of each epoch, in the runs `train` and `validation`, with the learning rate and
///   the time it took;
/// - the weights before the first epoch and after each, and the gradients of each epoch's last step, as
///   distributions;
/// - the filters of the first convolution, as images;
/// - the first step as a graph: operations in the boxes of their layers, with shapes, formulas, values,
///   adjoints, and lines of source;
/// - the layers with their shapes and numbers of parameters, as text;
/// - optimizer, first learning rate, batch size, numbers of epochs and parameters as hyper-parameters, with
///   those that are [given](TensorBoard::hparam), beside the results.
///
/// TensorBoard keeps ten sets of images of each kind, and more with `--samples_per_plugin images=100`.
///
/// A training that is resumed goes on in the same run. There is no graph and no text where the parts of
/// a batch have [tapes of their own](crate::Trainer::data_parallel), and no gradients either where the
/// step is [custom](crate::Trainer::train_step).
#[derive(Debug)]
pub struct TensorBoard {
    log: Log,
    histograms: usize,
    batch_loss: usize,
    update_ratios: bool,
    filters: bool,
    activations: Vec<String>,
    hparams: Vec<(String, HParam)>,
    /// Whether the first step is still to come.
    first: bool,
    /// The weights before the step whose update is measured.
    before: Vec<(String, Tensor<f64>)>,
}

impl TensorBoard {
    /// Writes to a folder, which is made where it is not there; give each training one of its own.
    pub fn new(folder: impl AsRef<Path>) -> TensorBoard {
        TensorBoard {
            log: Log { folder: folder.as_ref().into(), writers: BTreeMap::new(), missing: 0 },
            histograms: 1,
            batch_loss: 0,
            update_ratios: false,
            filters: true,
            activations: Vec::new(),
            hparams: Vec::new(),
            first: true,
            before: Vec::new(),
        }
    }

    /// Distributions and images every so many epochs, by default each; 0 for none.
    #[must_use]
    pub fn histograms(self, epochs: usize) -> TensorBoard {
        TensorBoard { histograms: epochs, ..self }
    }

    /// Loss and learning rate of every so many steps too, by default of none.
    #[must_use]
    pub fn batch_loss(self, steps: usize) -> TensorBoard {
        TensorBoard { batch_loss: steps, ..self }
    }

    /// How far each epoch's last step moves each parameter, relative to its size: ‖Δw‖ / ‖w‖. About 1e-3 is
    /// usual. It is a curve a parameter, and as many columns in the table of hyper-parameters.
    #[must_use]
    pub fn update_ratios(self) -> TensorBoard {
        TensorBoard { update_ratios: true, ..self }
    }

    /// No images of filters.
    #[must_use]
    pub fn without_filters(self) -> TensorBoard {
        TensorBoard { filters: false, ..self }
    }

    /// What the layer called `name` makes of the trainer's [sample](crate::Trainer::sample), as images.
    /// It can be said of several layers.
    #[must_use]
    pub fn activations(mut self, name: &str) -> TensorBoard {
        self.activations.push(name.into());
        self
    }

    /// One more hyper-parameter: a number, a text or a `bool`.
    #[must_use]
    pub fn hparam(mut self, name: &str, value: impl Into<HParam>) -> TensorBoard {
        self.hparams.push((name.into(), value.into()));
        self
    }

    fn looks_at(&self, epoch: usize, epochs: usize) -> bool {
        self.histograms > 0 && (epoch.is_multiple_of(self.histograms) || epoch == epochs)
    }

    /// Weights and images, as they are after so many epochs.
    fn look<T: Float>(&mut self, context: &Context<'_, T>, epoch: u64) -> Result<(), CallbackError> {
        for (path, parameter) in context.model.parameters() {
            let values = parameter.value().cast::<f64>();
            let tag = tag("weights", &path);
            self.log.write("train", |writer| writer.histogram(&tag, epoch, values.as_slice()));
        }
        if self.filters
            && let Some((path, images)) = pictures::first_filters(context.model)
        {
            self.log.images(&tag("filters", &path), pictures::FILTERS, epoch, images);
        }
        for name in &self.activations {
            let Some(images) = pictures::activations(&of_sample(context, name)?) else { continue };
            self.log.images(&format!("activations/{name}"), pictures::ACTIVATIONS, epoch, images);
        }
        Ok(())
    }

    /// The graph and the layers of the step that was recorded.
    fn draw<T: Float>(&mut self, loss: Var<'_, T>, context: &Context<'_, T>) {
        let mut markdown = table(&Summary::of_recording(context.model, loss.tape()));
        let nodes = loss.id().index() + 1;
        if nodes > MOST_NODES {
            markdown += &format!("\nNo graph: {nodes} operations, more than can be drawn ({MOST_NODES}).\n");
        } else {
            match graph::of_step(loss, context.model) {
                Ok(graph) => self.log.write("train", |writer| writer.graph(&graph)),
                Err(error) => self.log.warn(&error),
            }
        }
        self.log.write("train", |writer| writer.text("model/layers", 0, &markdown));
    }

    fn write_hparams<T: Float>(&mut self, batch_size: usize, context: &Context<'_, T>) {
        let optimizer = context.optimizer.state(context.model);
        let mut all: Vec<(String, HParam)> = vec![
            ("optimizer".into(), optimizer.kind().into()),
            ("learning_rate".into(), context.optimizer.learning_rate().into()),
            ("batch_size".into(), batch_size.into()),
            ("epochs".into(), context.epochs.into()),
            ("parameters".into(), context.model.parameter_count().into()),
        ];
        // What was given counts.
        all.retain(|(name, _)| self.hparams.iter().all(|(given, _)| given != name));
        all.extend(self.hparams.iter().cloned());
        self.log.write("", |writer| writer.hparams(&all));
    }
}

impl<T: Float> Callback<T> for TensorBoard {
    fn on_train_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.log.writer("")?;
        self.log.writer("train")?;
        self.first = true;
        // A training that goes on has been looked at when it stopped.
        if self.histograms > 0 && context.step == 0 {
            self.look(context, 0)?;
        }
        self.activations.iter().try_for_each(|name| of_sample(context, name).map(|_| ()))
    }

    fn on_backward(
        &mut self,
        backward: &Backward<'_, T>,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        if let (true, Some(loss)) = (self.first, backward.recorded) {
            self.draw(loss, context);
        }
        let last = context.batch == context.batches && self.looks_at(context.epoch, context.epochs);
        if !last {
            return Ok(());
        }
        for (path, parameter) in context.model.parameters() {
            let Some(gradient) = backward.gradients.parameter(parameter) else { continue };
            let (tag, values) = (tag("gradients", &path), gradient.cast::<f64>());
            let epoch = context.epoch as u64;
            self.log.write("train", |writer| writer.histogram(&tag, epoch, values.as_slice()));
            if self.update_ratios {
                self.before.push((path, parameter.value().cast()));
            }
        }
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        progress: &Progress<'_>,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        if std::mem::take(&mut self.first) {
            self.write_hparams(progress.rows, context);
        }
        if self.batch_loss > 0 && context.step.is_multiple_of(self.batch_loss as u64) {
            let (step, rate) = (context.step, context.optimizer.learning_rate());
            self.log.write("train", |writer| writer.scalar("batch/loss", step, progress.batch_loss));
            self.log.write("train", |writer| writer.scalar("batch/learning_rate", step, rate));
        }
        if !self.before.is_empty() {
            let before = std::mem::take(&mut self.before);
            let after: BTreeMap<String, _> = context.model.parameters().into_iter().collect();
            for (path, before) in before {
                let Some(after) = after.get(&path) else { continue };
                let moved = after.value().cast::<f64>().zip_map(&before, |a, b| a - b);
                let tag = tag("update_ratio", &path);
                let ratio = norm(&moved) / norm(&before);
                self.log.write("train", |writer| writer.scalar(&tag, context.epoch as u64, ratio));
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let step = epoch.epoch as u64;
        let mut scalar = |run: &'static str, name: &str, value: f64| {
            let tag = format!("epoch/{name}");
            self.log.write(run, |writer| writer.scalar(&tag, step, value));
        };
        scalar("train", "loss", epoch.loss);
        epoch.metrics.iter().for_each(|(name, value)| scalar("train", name, *value));
        scalar("train", "learning_rate", epoch.learning_rate);
        scalar("train", "seconds", epoch.seconds);
        if let Some(validation) = &epoch.validation {
            scalar("validation", "loss", validation.loss);
            validation.metrics.iter().for_each(|(name, value)| scalar("validation", name, *value));
        }
        if self.looks_at(epoch.epoch, context.epochs) {
            self.look(context, step)?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &History, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let whole = context.epochs_done == context.epochs || context.is_stopped();
        let status = if whole { Status::Success } else { Status::Failure };
        if !self.first && self.log.writers.contains_key("") {
            self.log.write("", |writer| writer.hparams_end(status));
        }
        self.log.close();
        Ok(())
    }
}

/// The writers of the runs below a folder, and what they could not write.
#[derive(Debug)]
struct Log {
    folder: PathBuf,
    /// By the run's name; the folder's own is empty.
    writers: BTreeMap<&'static str, SummaryWriter>,
    missing: usize,
}

impl Log {
    fn writer(&mut self, run: &'static str) -> Result<&mut SummaryWriter, Error> {
        if !self.writers.contains_key(run) {
            let folder = if run.is_empty() { self.folder.clone() } else { self.folder.join(run) };
            self.writers.insert(run, SummaryWriter::create(folder)?);
        }
        Ok(self.writers.get_mut(run).expect("it has just been made"))
    }

    /// Writes, and goes on if it cannot.
    fn write(&mut self, run: &'static str, what: impl FnOnce(&mut SummaryWriter) -> Result<(), Error>) {
        if let Err(error) = self.writer(run).and_then(what) {
            self.warn(&error);
        }
    }

    /// Images with what explains them.
    fn images(&mut self, tag: &str, about: &str, step: u64, pictures: Result<pictures::Pictures, Error>) {
        let result = pictures.and_then(|pictures| {
            let writer = self.writer("train")?;
            // Only before the first of a tag.
            let _ = writer.describe(tag, about);
            writer.images(tag, step, &pictures.images)?;
            // As text: a curve of it would stand among the results in the table of hyper-parameters.
            writer.text(&format!("scales/{tag}"), step, &pictures.scale.to_string())
        });
        if let Err(error) = result {
            self.warn(&error);
        }
    }

    /// Says what has failed, the first time.
    fn warn(&mut self, error: &Error) {
        if self.missing == 0 {
            eprintln!("TensorBoard: {error}. The training goes on without it.");
        }
        self.missing += 1;
    }

    fn close(&mut self) {
        if self.missing > 0 {
            eprintln!("TensorBoard: {}: {} records are missing.", self.folder.display(), self.missing);
        }
        self.missing = 0;
        self.writers.clear();
    }
}

/// What a layer makes of the trainer's sample.
fn of_sample<T: Float>(context: &Context<'_, T>, name: &str) -> Result<Tensor<T>, CallbackError> {
    match context.model.activations(name) {
        Some(activations) => Ok(activations?),
        None => {
            let what = format!("there is no sample to look at the activations of `{name}` with");
            Err(format!("{what}: give the trainer one, by Trainer::sample").into())
        }
    }
}

/// The square root of the sum of squares.
fn norm(x: &Tensor<f64>) -> f64 {
    x.as_slice().iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The tag of a parameter; one that is a model by itself has no path.
fn tag(what: &str, path: &str) -> String {
    if path.is_empty() { what.into() } else { format!("{what}/{path}") }
}

/// A summary in Markdown.
fn table(summary: &Summary) -> String {
    let mut text = String::from("| layer | kind | output | parameters |\n|---|---|---|---:|\n");
    for LayerSummary { path, kind, output, parameters, .. } in &summary.layers {
        let output: Vec<String> = output.iter().map(|n| n.map_or("?".into(), |n| n.to_string())).collect();
        text += &format!("| {path} | {kind} | {} | {parameters} |\n", output.join(" x "));
    }
    let Summary { trainable, not_trainable, .. } = summary;
    text + &format!("\n{} parameters, of which {trainable} are trained.\n", trainable + not_trainable)
}
