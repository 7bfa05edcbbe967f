//! What the program prints: text for people, or one JSON object a line.

use crate::Task;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use wengert_nn::callbacks::{Callback, CallbackError, Context};
use wengert_nn::prelude::*;
use wengert_nn::{Epoch, Evaluation};

/// `println!` that stays silent where nobody reads any more, as behind `| head -1`.
macro_rules! say {
    ($($text:tt)*) => {{ let _ = writeln!(std::io::stdout(), $($text)*); }};
}

pub fn not_found(json: bool) {
    let line = "MNIST not found: training on the embedded 8x8 digits. For MNIST, put its four files into a folder and name it with --data DIR or $MNIST_DIR";
    match json {
        true => say!("{}", json!({"event": "notice", "message": line})),
        false => say!("{line}"),
    }
}

pub fn start(json: bool, task: &Task, parameters: usize, resumed: Option<&Path>) {
    let (train, test) = (task.train.len(), task.test.len());
    if json {
        let threads = rayon::current_num_threads();
        say!(
            "{}",
            json!({"event": "start", "dataset": task.name, "train": train, "test": test, "parameters": parameters,
                   "epochs": task.epochs, "batch_size": task.batch_size, "threads": threads,
                   "resumed": resumed.map(|path| path.display().to_string())})
        );
        return;
    }
    say!("{}: {train} images to train on, {test} to test with", task.name);
    say!("two convolutions, two dense layers: {parameters} parameters");
    if let Some(path) = resumed {
        say!("going on from {}", path.display());
    }
}

/// One line an epoch.
pub struct JsonLines;

impl Callback for JsonLines {
    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_>) -> Result<(), CallbackError> {
        let accuracy = epoch.value("accuracy");
        say!(
            "{}",
            json!({"event": "epoch", "epoch": epoch.epoch, "loss": epoch.loss, "accuracy": accuracy, "seconds": epoch.seconds})
        );
        Ok(())
    }
}

pub fn end(json: bool, task: &Task, history: &History, evaluation: &Evaluation) {
    let accuracy = evaluation.metric("accuracy");
    let fit_seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    let steps = history.epochs.len() * task.train.len().div_ceil(task.batch_size);
    let step_ms = fit_seconds * 1e3 / steps.max(1) as f64;
    if json {
        let train_accuracy = history.epochs.last().and_then(|epoch| epoch.value("accuracy"));
        say!(
            "{}",
            json!({"event": "result", "dataset": task.name, "test_loss": evaluation.loss, "test_accuracy": accuracy,
                   "train_accuracy": train_accuracy, "fit_seconds": fit_seconds, "step_ms": step_ms})
        );
        return;
    }
    say!("\ntest loss {:.4}, test accuracy {:.4}", evaluation.loss, accuracy.unwrap_or(f64::NAN));
    say!("{fit_seconds:.2} s of training, {step_ms:.2} ms a step");
}

/// Where a file is; programs that read JSON know what they asked for.
pub fn written(json: bool, what: &str, path: &Path) {
    if !json {
        say!("{what}: {} (open it in a browser)", path.display());
    }
}
