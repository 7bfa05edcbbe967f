//! Pictures of the run: its curves, a page about it, and what TensorBoard shows.

use crate::task::Task;
use crate::{Cnn, Options, report};
use std::error::Error;
use std::path::PathBuf;
use wengert_nn::Report;
use wengert_nn::prelude::*;

/// How many of the worst mistakes the page shows.
const MISTAKES: usize = 24;

/// The name of a picture, refused before the training and not after it.
pub fn svg(name: &str) -> Result<PathBuf, String> {
    ending(name, ".svg")
}

/// The name of a page.
pub fn html(name: &str) -> Result<PathBuf, String> {
    ending(name, ".html")
}

fn ending(name: &str, expected: &str) -> Result<PathBuf, String> {
    let fits = name.to_lowercase().ends_with(expected);
    if fits { Ok(name.into()) } else { Err(format!("expected a name that ends in {expected}")) }
}

/// The trainer, which writes for TensorBoard if it should.
pub fn watched(options: &Options, task: &Task, trainer: Trainer<Cnn>) -> Trainer<Cnn> {
    let Some(folder) = &options.tensorboard else { return trainer };
    let board = TensorBoard::new(folder)
        .batch_loss(10)
        .update_ratios()
        .activations("conv1")
        .hparam("channels", options.channels)
        .hparam("learning_rate", options.lr)
        .hparam("seed", options.seed);
    let images = task.test.batches(4).next().map(|batch| batch.images);
    trainer.sample(images.expect("there are test images")).callback(board)
}

/// Writes what the options ask for.
pub fn write(
    options: &Options,
    task: &Task,
    trainer: &mut Trainer<Cnn>,
    history: &History,
) -> Result<(), Box<dyn Error>> {
    if let Some(path) = &options.plot {
        history.plot(path)?;
        report::written(options.common.json, "the curves", path);
    }
    if let Some(path) = &options.report {
        page(options, task, trainer, history)?.write(path)?;
        report::written(options.common.json, "the report", path);
    }
    Ok(())
}

fn page(
    options: &Options,
    task: &Task,
    trainer: &mut Trainer<Cnn>,
    history: &History,
) -> Result<Report, Box<dyn Error>> {
    let (height, width) = task.size();
    let found = trainer.interpret(&task.test, MISTAKES)?;
    let report = Report::new(format!("A convolutional network on {}", task.name))
        .fact("images to train on", task.train.len())
        .fact("images to test with", task.test.len())
        .fact("validation", "the test images, after each epoch; nothing is chosen by them")
        .fact("optimizer", format!("Adam, one cycle up to {}", options.lr))
        .fact("batch size", task.batch_size)
        .fact("seed", options.seed)
        .fact("threads", rayon::current_num_threads())
        .fact("program", concat!("mnist_cnn ", env!("CARGO_PKG_VERSION")))
        .evaluation(&found.evaluation)
        .history(history)
        .confusion(&found.confusion)
        .summary(&trainer.model().summary(&[0, height * width]))
        .weights(trainer.model());
    Ok(match &found.inputs {
        Some(images) => {
            report.mistakes(&found.mistakes, &images.reshape(&[found.mistakes.len(), height, width])?)?
        }
        None => report,
    })
}
