//! Files with a line for each epoch.
//!
//! Each line is written out when its epoch ends, so that what was learned of a training that was
//! killed can be read.

use super::{Callback, CallbackError, Context};
use crate::trainer::{Epoch, History};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use wengert::Float;

/// Where the lines go.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    append: bool,
    file: Option<File>,
}

impl Log {
    fn new(path: impl AsRef<Path>) -> Log {
        Log { path: path.as_ref().into(), append: false, file: None }
    }

    /// Opens the file; whether it has lines already.
    fn open(&mut self) -> Result<bool, CallbackError> {
        let mut options = File::options();
        match self.append {
            true => options.create(true).append(true),
            false => options.create(true).write(true).truncate(true),
        };
        let file = options.open(&self.path).map_err(|e| self.named(e))?;
        let has_lines = file.metadata().map_err(|e| self.named(e))?.len() > 0;
        // Training on with the same callback goes on in the same file.
        (self.file, self.append) = (Some(file), true);
        Ok(has_lines)
    }

    fn write(&mut self, line: &str) -> Result<(), CallbackError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let done = writeln!(file, "{line}").and_then(|()| file.flush());
        done.map_err(|e| self.named(e))
    }

    fn named(&self, e: std::io::Error) -> CallbackError {
        format!("{}: {e}", self.path.display()).into()
    }
}

/// Writes the quantities of each epoch as comma-separated values, under a line of names.
///
/// ```
/// use wengert_nn::callbacks::CsvLogger;
/// let log = CsvLogger::new("training.csv");
/// let resumed = CsvLogger::new("training.csv").append();
/// ```
#[derive(Debug)]
pub struct CsvLogger {
    log: Log,
    names: Vec<String>,
    has_lines: bool,
}

impl CsvLogger {
    /// Writes to a file at `path`, in place of what is there.
    pub fn new(path: impl AsRef<Path>) -> CsvLogger {
        CsvLogger { log: Log::new(path), names: Vec::new(), has_lines: false }
    }

    /// Adds to what is there: its line of names must be that of this training.
    pub fn append(mut self) -> CsvLogger {
        self.log.append = true;
        self
    }
}

impl<T: Float> Callback<T> for CsvLogger {
    fn on_train_begin(&mut self, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.has_lines = self.log.open()?;
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let logs = epoch.logs();
        if self.names.is_empty() {
            self.names = logs.iter().map(|(name, _)| name.clone()).collect();
            if !self.has_lines {
                let names: Vec<String> = self.names.iter().map(|name| quoted(name)).collect();
                self.log.write(&format!("epoch,{},seconds", names.join(",")))?;
            }
        }
        let mut line = epoch.epoch.to_string();
        for name in &self.names {
            let value = logs.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_string());
            let _ = write!(line, ",{}", value.unwrap_or_default());
        }
        let _ = write!(line, ",{}", epoch.seconds);
        self.log.write(&line)
    }

    fn on_train_end(&mut self, _: &History, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.log.file = None;
        Ok(())
    }
}

/// A name as a field of comma-separated values.
fn quoted(name: &str) -> String {
    match name.contains([',', '"', '\n']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.into(),
    }
}

/// Writes each epoch as one JSON object a line: `epoch`, the quantities by their names, `seconds`.
/// What is not finite is `null`, since JSON has no such numbers.
///
/// ```
/// use wengert_nn::callbacks::JsonLogger;
/// let log = JsonLogger::new("training.jsonl");
/// ```
#[derive(Debug)]
pub struct JsonLogger {
    log: Log,
}

impl JsonLogger {
    /// Writes to a file at `path`, in place of what is there.
    pub fn new(path: impl AsRef<Path>) -> JsonLogger {
        JsonLogger { log: Log::new(path) }
    }

    /// Adds to what is there.
    pub fn append(mut self) -> JsonLogger {
        self.log.append = true;
        self
    }
}

impl<T: Float> Callback<T> for JsonLogger {
    fn on_train_begin(&mut self, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.log.open().map(|_| ())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let mut line = format!("{{\"epoch\":{}", epoch.epoch);
        for (name, value) in epoch.logs().into_iter().chain([("seconds".into(), epoch.seconds)]) {
            let value = if value.is_finite() { format!("{value:?}") } else { "null".into() };
            let _ = write!(line, ",{}:{value}", json_text(&name));
        }
        line.push('}');
        self.log.write(&line)
    }

    fn on_train_end(&mut self, _: &History, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.log.file = None;
        Ok(())
    }
}

/// A JSON string (RFC 8259, section 7).
fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => _ = write!(out, "\\u{:04x}", c as u32),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
