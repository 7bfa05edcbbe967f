//! Trains a small convolutional network on handwritten digits: 99 % of MNIST's test images.
//!
//! `cargo run --release --example mnist_cnn` looks for MNIST where the example `mnist` does, and
//! trains on the embedded 8x8 digits if it is nowhere. With `--checkpoint DIR` it saves after each
//! epoch; stop it whenever you like, and go on with `--checkpoint DIR --resume`. `--report FILE` writes a
//! page about the run, with the images that it took for other digits.

mod pictures;
mod report;

use clap::Parser;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use wengert_datasets::{ImageDataset, Mnist, digits};
use wengert_nn::prelude::*;

#[derive(Parser)]
#[command(about = "Trains a convolutional network on handwritten digits")]
struct Options {
    /// Folder with the four files of MNIST (or of a data set with its format), plain or .gz
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Times to go through the data [default: 5; 20 for the embedded digits]
    #[arg(long)]
    epochs: Option<usize>,
    /// Images a step [default: 64; 32 for the embedded digits]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch_size: Option<usize>,
    /// Channels of the first convolution; the second has twice as many
    #[arg(long, default_value_t = 16, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    channels: usize,
    /// The largest learning rate: it rises to it, and falls to almost nothing
    #[arg(long, default_value_t = 3e-3, value_parser = learning_rate, allow_hyphen_values = true)]
    lr: f64,
    /// Seed of weights, split, order and dropout
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: all cores]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,
    /// Folder to save to after each epoch: the last two, and the weights of the best
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Go on from the last checkpoint in that folder, if there is one
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// Write the curves as a picture to this .svg file
    #[arg(long, value_name = "FILE", value_parser = pictures::svg)]
    plot: Option<PathBuf>,
    /// Write a page about the run to this .html file
    #[arg(long, value_name = "FILE", value_parser = pictures::html)]
    report: Option<PathBuf>,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a positive number".into()),
    }
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
    let size = (task.train.height(), task.train.width());
    let model = Cnn::new(size, options.channels, task.train.classes(), options.seed);
    let mut fit = FitOptions::new().epochs(task.epochs).batch_size(task.batch_size).seed(options.seed);
    let resumed = match &options.checkpoint {
        Some(folder) if options.resume => Checkpoint::<f32>::latest(folder)?,
        _ => None,
    };
    report::start(options.json, &task, model.parameter_count(), resumed.as_deref());
    if let Some(path) = resumed {
        fit = fit.resume(path);
    }
    if options.plot.is_some() || options.report.is_some() {
        // For the second curve; nothing is chosen by it.
        fit = fit.validation(&task.test);
    }

    let steps = (task.epochs * task.train.len().div_ceil(task.batch_size)).max(1) as u64;
    let loss = SparseCategoricalCrossEntropy::from_logits();
    let mut trainer = Trainer::new(model, Adam::new(options.lr), loss)
        .schedule(OneCycle::new(options.lr, steps))
        .seed(options.seed)
        .metric(Accuracy::new());
    trainer = match options.json {
        true => trainer.callback(report::JsonLines),
        false => trainer.callback(ProgressBar::new()),
    };
    if let Some(folder) = &options.checkpoint {
        let best = folder.join("best-weights.safetensors");
        trainer = trainer
            .callback(ModelCheckpoint::new(best).monitor("loss").save_best_only().save_weights_only())
            .callback(ModelCheckpoint::new(folder.join("epoch-{epoch:03}.safetensors")).keep_last(2));
    }
    let history = trainer.fit(&task.train, fit)?;
    let evaluation = trainer.evaluate(&task.test)?;
    report::end(options.json, &task, &history, &evaluation);
    pictures::write(options, &task, &mut trainer, &history)
}

fn find_task(options: &Options) -> Result<Task, Box<dyn Error>> {
    let mut task = match Mnist::find(options.data.as_deref())? {
        Some(Mnist { train, test }) => Task { name: "mnist", train, test, epochs: 5, batch_size: 64 },
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
