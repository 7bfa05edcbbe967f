//! What the program prints: text for people, or one JSON object a line.

use crate::text::Text;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use wengert_nn::Epoch;
use wengert_nn::callbacks::{Callback, CallbackError, Context};
use wengert_nn::prelude::*;

/// `println!` that stays silent where nobody reads any more, as behind `| head -1`.
macro_rules! say {
    ($($text:tt)*) => {{ let _ = writeln!(std::io::stdout(), $($text)*); }};
}

pub fn start(json: bool, text: &Text, passages: usize, parameters: usize, resumed: Option<&Path>) {
    let (length, characters) = (text.numbers.len(), text.characters.len());
    if json {
        let resumed = resumed.map(|path| path.display().to_string());
        say!(
            "{}",
            json!({"event": "start", "dataset": text.name, "length": length, "characters": characters,
                   "passages": passages, "parameters": parameters, "resumed": resumed})
        );
        return;
    }
    say!("{}: {length} characters, {characters} different ones, {passages} passages", text.name);
    say!("an embedding, an LSTM, a dense layer: {parameters} parameters");
    if let Some(path) = resumed {
        say!("going on from {}", path.display());
    }
}

/// One line an epoch.
pub struct JsonLines;

impl Callback for JsonLines {
    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_>) -> Result<(), CallbackError> {
        let (accuracy, perplexity) = (epoch.value("accuracy"), epoch.value("perplexity"));
        say!(
            "{}",
            json!({"event": "epoch", "epoch": epoch.epoch, "loss": epoch.loss, "accuracy": accuracy,
                   "perplexity": perplexity, "seconds": epoch.seconds})
        );
        Ok(())
    }
}

pub fn end(json: bool, history: &History, start: &str, written: &str) {
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    let loss = history.epochs.last().map(|epoch| epoch.loss);
    if json {
        say!(
            "{}",
            json!({"event": "result", "loss": loss, "fit_seconds": seconds, "start": start, "text": written})
        );
        return;
    }
    say!("\n{seconds:.2} s of training; it goes on from the first characters:\n");
    say!("{start}|{written}");
}
