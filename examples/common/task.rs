//! The task of the examples that read digits: MNIST, where it is, else the embedded ones.

use clap::Args;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;
use wengert_datasets::{ImageDataset, Mnist, digits};
use wengert_nn::prelude::*;

/// Where to look, and how often.
#[derive(Args)]
pub struct TaskOptions {
    /// Folder with the four files of MNIST (or of a data set with its format), plain or .gz
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Times to go through the data [default: 5; 20 for the embedded digits]
    #[arg(long)]
    epochs: Option<usize>,
}

/// What to train on and to test with.
pub struct Task {
    pub name: &'static str,
    pub train: ImageDataset,
    pub test: ImageDataset,
    pub epochs: usize,
    pub batch_size: usize,
}

impl Task {
    /// The task with these options; for batches of no size that was asked for, MNIST's is `usual`.
    pub fn find(
        options: &TaskOptions,
        (batch_size, usual): (Option<usize>, usize),
        seed: u64,
        json: bool,
    ) -> Result<Task, Box<dyn Error>> {
        let mut task = match Mnist::find(options.data.as_deref())? {
            Some(Mnist { train, test }) => Task { name: "mnist", train, test, epochs: 5, batch_size: usual },
            None => {
                not_found(json);
                let (train, test) = digits().split_stratified(0.2, seed);
                Task { name: "digits", train, test, epochs: 20, batch_size: 32 }
            }
        };
        task.epochs = options.epochs.unwrap_or(task.epochs);
        task.batch_size = batch_size.unwrap_or(task.batch_size);
        Ok(task)
    }

    /// Height and width of an image.
    pub fn size(&self) -> (usize, usize) {
        (self.train.height(), self.train.width())
    }

    /// Steps of an epoch.
    pub fn steps(&self) -> usize {
        self.train.len().div_ceil(self.batch_size)
    }

    /// Mean time of a step in milliseconds.
    pub fn step_ms(&self, history: &History) -> f64 {
        let steps = history.epochs.len() * self.steps();
        crate::program::fit_seconds(history) * 1e3 / steps.max(1) as f64
    }
}

fn not_found(json: bool) {
    let line = "MNIST not found: training on the embedded 8x8 digits. For MNIST, put its four files into a folder and name it with --data DIR or $MNIST_DIR";
    match json {
        true => say!("{}", json!({"event": "notice", "message": line})),
        false => say!("{line}"),
    }
}
