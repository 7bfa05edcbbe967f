//! Trains a small convolutional network on handwritten digits: 99 % of MNIST's test images.
//!
//! `cargo run --release --example mnist_cnn` looks for MNIST where the example `mnist` does, and
//! trains on the embedded 8x8 digits if it is nowhere. With `--checkpoint DIR` it saves after each
//! epoch; stop it whenever you like, and go on with `--checkpoint DIR --resume`. `--report FILE` writes a
//! page about the run, with the images that it took for other digits. With `--tensorboard DIR` TensorBoard
//! can be watched while it trains: `tensorboard --logdir DIR`.

mod pictures;
#[macro_use]
#[path = "../common/program.rs"]
mod program;
mod report;
#[path = "../common/saving.rs"]
mod saving;
#[path = "../common/task.rs"]
mod task;

use clap::Parser;
use program::{Common, positive};
use saving::Saving;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use task::{Task, TaskOptions};
use wengert_nn::prelude::*;

#[derive(Parser)]
#[command(about = "Trains a convolutional network on handwritten digits")]
struct Options {
    #[command(flatten)]
    task: TaskOptions,
    /// Images a step [default: 64; 32 for the embedded digits]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch_size: Option<usize>,
    /// Channels of the first convolution; the second has twice as many
    #[arg(long, default_value_t = 16, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    channels: usize,
    /// The largest learning rate: it rises to it, and falls to almost nothing
    #[arg(long, default_value_t = 3e-3, value_parser = positive, allow_hyphen_values = true)]
    lr: f64,
    /// Seed of weights, split, order and dropout
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    saving: Saving,
    /// Write the curves as a picture to this .svg file
    #[arg(long, value_name = "FILE", value_parser = pictures::svg)]
    plot: Option<PathBuf>,
    /// Write a page about the run to this .html file
    #[arg(long, value_name = "FILE", value_parser = pictures::html)]
    report: Option<PathBuf>,
    /// Folder to write to for TensorBoard: curves, weights, gradients, filters, what they make of four
    /// images, the graph
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

/// Two convolutions with pooling, then two dense layers.
#[derive(Module)]
struct Cnn {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    hidden: Dense,
    dropout: Dropout,
    out: Dense,
    /// Height and width of the images.
    size: (usize, usize),
}

impl Cnn {
    fn new((height, width): (usize, usize), channels: usize, classes: usize, seed: u64) -> Cnn {
        let mut rng = seeded(seed);
        let pixels = (height / 4) * (width / 4);
        Cnn {
            conv1: Conv2d::new(1, channels, 3, &mut rng).same_padding(),
            conv2: Conv2d::new(channels, 2 * channels, 3, &mut rng).same_padding(),
            pool: MaxPool2d::new(2),
            hidden: Dense::new(2 * channels * pixels, 128, &mut rng),
            dropout: Dropout::new(0.4),
            out: Dense::new(128, classes, &mut rng),
            size: (height, width),
        }
    }
}

impl Forward for Cnn {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let images = x.shape()[0];
        let x = x.reshape(&[images, 1, self.size.0, self.size.1]);
        let x = self.pool.forward(self.conv1.forward(x).relu());
        let x = self.pool.forward(self.conv2.forward(x).relu());
        let x = self.hidden.forward(Flatten.forward(x)).relu();
        self.out.forward(self.dropout.forward(x))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.common.run(|| run(&options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let json = options.common.json;
    let task = Task::find(&options.task, (options.batch_size, 64), options.seed, json)?;
    let model = Cnn::new(task.size(), options.channels, task.train.classes(), options.seed);
    let mut fit = FitOptions::new().epochs(task.epochs).batch_size(task.batch_size).seed(options.seed);
    let resumed = options.saving.resumed()?;
    report::start(options, &task, model.parameter_count(), resumed.as_deref());
    if let Some(path) = resumed {
        fit = fit.resume(path);
    }
    if options.plot.is_some() || options.report.is_some() || options.tensorboard.is_some() {
        // For the second curve; nothing is chosen by it.
        fit = fit.validation(&task.test);
    }

    let steps = (task.epochs * task.steps()).max(1) as u64;
    let loss = SparseCategoricalCrossEntropy::from_logits();
    let trainer = Trainer::new(model, Adam::new(options.lr), loss)
        .schedule(OneCycle::new(options.lr, steps))
        .seed(options.seed)
        .metric(Accuracy::new());
    let trainer = pictures::watched(options, &task, options.common.watched(trainer));
    let mut trainer = options.saving.saved(trainer);
    let history = trainer.fit(&task.train, fit)?;
    let evaluation = trainer.evaluate(&task.test)?;
    report::end(json, &task, &history, &evaluation);
    pictures::write(options, &task, &mut trainer, &history)
}
