//! Trains a two-layer network on handwritten digits, with every gradient coming off the tape.
//!
//! `cargo run --release --example mnist` looks for MNIST in `--data DIR`, `$MNIST_DIR` and the
//! user's cache folder, and trains on the embedded 8x8 digits if it is nowhere.

mod report;

use clap::{Parser, ValueEnum};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use wengert_datasets::{ImageDataset, Mnist, digits};
use wengert_nn::prelude::*;

#[derive(Parser)]
#[command(about = "Trains Dense(hidden, relu), Dense(10) on handwritten digits")]
struct Options {
    /// Folder with the four files of MNIST (or of a data set with its format), plain or .gz
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Times to go through the data [default: 5; 20 for the embedded digits]
    #[arg(long)]
    epochs: Option<usize>,
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
    #[arg(long, value_parser = learning_rate, allow_hyphen_values = true)]
    lr: Option<f64>,
    /// Seed of weights, split and order
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerName {
    Sgd,
    Rmsprop,
    Adam,
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a positive number".into()),
    }
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

/// What to train on and to test with.
struct Task {
    name: &'static str,
    train: ImageDataset,
    test: ImageDataset,
    epochs: usize,
    batch_size: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // The whole run happens inside the pool, so that no step waits at its door.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build();
    let result = match pool {
        Ok(pool) => pool.install(|| run(&options).map_err(|error| error.to_string())),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let task = find_task(options)?;
    let (inputs, classes) = (task.train.height() * task.train.width(), task.train.classes());
    let mut rng = seeded(options.seed);
    let model = Mlp {
        hidden: Dense::new(inputs, options.hidden, &mut rng),
        out: Dense::new(options.hidden, classes, &mut rng),
    };
    report::start(options.json, &task, options.hidden, model.parameter_count());

    let loss = SparseCategoricalCrossEntropy::from_logits();
    let trainer = match options.optimizer {
        OptimizerName::Sgd => Trainer::new(model, Sgd::new(options.lr.unwrap_or(0.1)), loss),
        OptimizerName::Rmsprop => Trainer::new(model, RmsProp::new(options.lr.unwrap_or(1e-3)), loss),
        OptimizerName::Adam => Trainer::new(model, Adam::new(options.lr.unwrap_or(1e-3)), loss),
    };
    let trainer = trainer.metric(Accuracy::new());
    let mut trainer = match options.json {
        true => trainer.callback(report::JsonLines),
        false => trainer.callback(ProgressBar::new()),
    };
    let fit = FitOptions::new().epochs(task.epochs).batch_size(task.batch_size).seed(options.seed);
    let history = trainer.fit(&task.train, fit)?;
    let evaluation = trainer.evaluate(&task.test)?;
    let probabilities = trainer.predict(&task.test.images())?.softmax(-1);
    report::end(options.json, &task, &history, &evaluation, &probabilities);
    Ok(())
}

fn find_task(options: &Options) -> Result<Task, Box<dyn Error>> {
    let mut task = match Mnist::find(options.data.as_deref())? {
        Some(Mnist { train, test }) => Task { name: "mnist", train, test, epochs: 5, batch_size: 128 },
        None => {
            report::not_found(options.json);
            let (train, test) = digits().split_stratified(0.2, options.seed);
            Task { name: "digits", train, test, epochs: 20, batch_size: 32 }
        }
    };
    task.epochs = options.epochs.unwrap_or(task.epochs);
    task.batch_size = options.batch_size.unwrap_or(task.batch_size);
    Ok(task)
}
