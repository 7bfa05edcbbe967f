//! What the program prints: text for people, or one JSON object a line.

use crate::Options;
use crate::program::fit_seconds;
use crate::task::Task;
use serde_json::json;
use std::path::Path;
use wengert_nn::Evaluation;
use wengert_nn::prelude::*;

pub fn start(options: &Options, task: &Task, parameters: usize, resumed: Option<&Path>) {
    let (train, test) = (task.train.len(), task.test.len());
    if options.common.json {
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
    if let Some(folder) = &options.tensorboard {
        say!("to watch: tensorboard --logdir {}", folder.display());
    }
}

pub fn end(json: bool, task: &Task, history: &History, evaluation: &Evaluation) {
    let accuracy = evaluation.metric("accuracy");
    let (fit_seconds, step_ms) = (fit_seconds(history), task.step_ms(history));
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
