//! Trains a two-layer network on handwritten digits, with every gradient coming off the tape.
//!
//! `cargo run --release --example mnist` looks for MNIST in `--data DIR`, `$MNIST_DIR` and the
//! user's cache folder, and trains on the embedded 8x8 digits if it is nowhere.

#[macro_use]
#[path = "../common/program.rs"]
mod program;
mod report;
#[path = "../common/task.rs"]
mod task;

use clap::{Parser, ValueEnum};
use program::{Common, positive};
use std::error::Error;
use std::process::ExitCode;
use task::{Task, TaskOptions};
use wengert_nn::prelude::*;

#[derive(Parser)]
#[command(about = "Trains Dense(hidden, relu), Dense(10) on handwritten digits")]
struct Options {
    #[command(flatten)]
    task: TaskOptions,
    /// Images a step [default: 128; 32 for the embedded digits]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch_size: Option<usize>,
    /// Units of the hidden layer
    #[arg(long, default_value_t = 512, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=65536))]
    hidden: usize,
    /// What turns gradients into steps
    #[arg(long, default_value = "rmsprop")]
    optimizer: OptimizerName,
    /// Learning rate [default: 0.001; 0.1 for sgd]
    #[arg(long, value_parser = positive, allow_hyphen_values = true)]
    lr: Option<f64>,
    /// Seed of weights, split and order
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerName {
    Sgd,
    Rmsprop,
    Adam,
}

#[derive(Module)]
struct Mlp {
    hidden: Dense,
    out: Dense,
}

impl Forward for Mlp {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.out.forward(self.hidden.forward(x).relu())
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.common.run(|| run(&options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let json = options.common.json;
    let task = Task::find(&options.task, (options.batch_size, 128), options.seed, json)?;
    let (inputs, classes) = (task.size().0 * task.size().1, task.train.classes());
    let mut rng = seeded(options.seed);
    let model = Mlp {
        hidden: Dense::new(inputs, options.hidden, &mut rng),
        out: Dense::new(options.hidden, classes, &mut rng),
    };
    report::start(json, &task, options.hidden, model.parameter_count());

    let loss = SparseCategoricalCrossEntropy::from_logits();
    let trainer = match options.optimizer {
        OptimizerName::Sgd => Trainer::new(model, Sgd::new(options.lr.unwrap_or(0.1)), loss),
        OptimizerName::Rmsprop => Trainer::new(model, RmsProp::new(options.lr.unwrap_or(1e-3)), loss),
        OptimizerName::Adam => Trainer::new(model, Adam::new(options.lr.unwrap_or(1e-3)), loss),
    };
    let mut trainer = options.common.watched(trainer.metric(Accuracy::new()));
    let fit = FitOptions::new().epochs(task.epochs).batch_size(task.batch_size).seed(options.seed);
    let history = trainer.fit(&task.train, fit)?;
    let evaluation = trainer.evaluate(&task.test)?;
    let probabilities = trainer.predict(&task.test.images())?.softmax(-1);
    report::end(json, &task, &history, &evaluation, &probabilities);
    Ok(())
}
