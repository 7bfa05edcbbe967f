//! What the program prints: text for people, or one JSON object a line.

use crate::program::fit_seconds;
use crate::text::Text;
use serde_json::json;
use std::path::Path;
use wengert_nn::prelude::*;

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

pub fn end(json: bool, history: &History, start: &str, written: &str) {
    let seconds = fit_seconds(history);
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
