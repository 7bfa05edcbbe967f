//! Files written as a training goes on, as Keras' callback of that name does.

use super::monitor::{Best, Mode, Quantity};
use super::{Callback, CallbackError, Context};
use crate::checkpoint::{Checkpoint, SaveOptions, Weights};
use crate::state::{State, StateError};
use crate::trainer::Epoch;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use wengert::Float;

/// Saves the model, and all that is needed to go on, after epochs.
///
/// The path may name the epoch, the step and quantities of the epoch in braces, with a format as in
/// Rust or Python: `{epoch:03}`, `{val_loss:.4f}`. Files are replaced as a whole: a process that is
/// killed, or ended with Ctrl-C, loses nothing that was saved. Add this callback last, so that it
/// saves what the others know after the epoch. Go on with
/// [`FitOptions::resume`](crate::FitOptions::resume).
///
/// ```
/// use wengert_nn::callbacks::{Mode, ModelCheckpoint};
/// let all = ModelCheckpoint::new("runs/{epoch:03}.safetensors").keep_last(3);
/// let best = ModelCheckpoint::new("runs/best-{val_accuracy:.4}.safetensors")
///     .monitor("val_accuracy")
///     .mode(Mode::Max)
///     .save_best_only()
///     .save_weights_only();
/// ```
#[derive(Debug)]
pub struct ModelCheckpoint {
    pattern: String,
    quantity: Quantity,
    best: Best,
    best_only: bool,
    weights_only: bool,
    every: usize,
    keep: Option<usize>,
    /// What it has written and may remove, the oldest first; the last file where all are kept.
    saved: Vec<PathBuf>,
}

impl ModelCheckpoint {
    /// Saves after every epoch to a path with places for quantities, whose name ends in
    /// `.safetensors`. Folders are made.
    pub fn new(path: impl AsRef<Path>) -> ModelCheckpoint {
        ModelCheckpoint {
            pattern: path.as_ref().to_string_lossy().into_owned(),
            quantity: Quantity::new("val_loss"),
            best: Best::new(),
            best_only: false,
            weights_only: false,
            every: 1,
            keep: None,
            saved: Vec::new(),
        }
    }

    /// The quantity by which epochs are better than others. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.quantity.name = name.into();
        self
    }

    /// Which way is better. Default by the name.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.quantity.mode = mode;
        self
    }

    /// Saves only after epochs that were better than all others after which it would have saved.
    pub fn save_best_only(self) -> Self {
        ModelCheckpoint { best_only: true, ..self }
    }

    /// Saves weights without what is needed to go on: the model's, or their averages where the trainer
    /// keeps [some](crate::Trainer::ema), since it is those that were validated. The name may end in
    /// `.npz` too.
    pub fn save_weights_only(self) -> Self {
        ModelCheckpoint { weights_only: true, ..self }
    }

    /// Saves after each `n`th epoch and after the last one.
    ///
    /// # Panics
    /// `n` is 0.
    #[track_caller]
    pub fn every(self, n: usize) -> Self {
        assert!(n > 0, "ModelCheckpoint: every 0 epochs; it must be at least 1");
        ModelCheckpoint { every: n, ..self }
    }

    /// Removes all but the last `n` files that it has written, also before an interruption.
    ///
    /// # Panics
    /// `n` is 0.
    #[track_caller]
    pub fn keep_last(self, n: usize) -> Self {
        assert!(n > 0, "ModelCheckpoint: keep the last 0 files; it must be at least 1");
        ModelCheckpoint { keep: Some(n), ..self }
    }

    /// The file that was written last.
    pub fn last_saved(&self) -> Option<&Path> {
        self.saved.last().map(PathBuf::as_path)
    }

    fn save<T: Float>(&mut self, path: &Path, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        if self.weights_only {
            let averages = context.ema.as_deref_mut();
            let Some(ema) = averages else { return Ok(context.model.save(path)?) };
            ema.swap(context.model);
            let saved = context.model.save_with(path, &SaveOptions::new());
            ema.swap(context.model);
            return Ok(saved?);
        }
        let mut state = context.state();
        let own = Callback::<T>::state(self).expect("it has one");
        state.insert(&format!("callbacks.{}", context.others[0].len()), own);
        Ok(Checkpoint::new(context.model, state).save(path)?)
    }
}

impl<T: Float> Callback<T> for ModelCheckpoint {
    fn on_train_begin(&mut self, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        // A pattern that cannot be read is no news for after the first epoch.
        fill(&self.pattern, |_| Some(Quantified::Count(0))).map(|_| ())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let last = epoch.epoch >= context.epochs || context.is_stopped();
        if !epoch.epoch.is_multiple_of(self.every) && !last {
            return Ok(());
        }
        if self.best_only {
            let value = self.quantity.read(epoch)?;
            if !self.best.improves(value, self.quantity.is_better_up()) {
                return Ok(());
            }
        }
        let path = fill(&self.pattern, |name| match name {
            "epoch" => Some(Quantified::Count(epoch.epoch as u64)),
            "step" => Some(Quantified::Count(context.step)),
            name => epoch.value(name).map(Quantified::Number),
        })?;
        let path = PathBuf::from(path);
        // What the file says of itself is what is true once it is there.
        let before = self.saved.clone();
        self.saved.retain(|saved| *saved != path);
        self.saved.push(path.clone());
        let old = self.saved.len().saturating_sub(self.keep.unwrap_or(1));
        let mut old: Vec<PathBuf> = self.saved.drain(..old).collect();
        if self.keep.is_none() {
            old.clear();
        }
        if let Err(error) = self.save(&path, context) {
            self.saved = before;
            return Err(error);
        }
        for path in old {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{}: cannot remove it: {error}", path.display()).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<State<T>> {
        let mut state = State::new("model_checkpoint");
        if let Some(best) = self.best.value {
            state.set_number("best", best);
        }
        for (i, path) in self.saved.iter().enumerate() {
            state.set_text(format!("saved.{i:06}"), path.to_string_lossy());
        }
        Some(state)
    }

    fn restore(&mut self, state: &State<T>) -> Result<(), StateError> {
        state.must_be("model_checkpoint")?;
        self.best.value = state.number("best").ok();
        self.saved = state.texts().map(|(_, path)| path.into()).collect();
        Ok(())
    }
}

/// What stands for a name in a pattern.
enum Quantified {
    Count(u64),
    Number(f64),
}

/// The pattern with its places filled.
fn fill(pattern: &str, value: impl Fn(&str) -> Option<Quantified>) -> Result<String, CallbackError> {
    let wrong = |why: String| format!("the path `{pattern}` {why}");
    let (mut out, mut rest) = (String::new(), pattern);
    while let Some((text, after)) = rest.split_once('{') {
        out += text;
        let (place, after) =
            after.split_once('}').ok_or_else(|| wrong("has a `{` without its `}`".into()))?;
        rest = after;
        let (name, spec) = place.split_once(':').unwrap_or((place, ""));
        let known = value(name).ok_or_else(|| {
            wrong(format!("names `{name}`; there are epoch, step and the quantities of the epoch's logs"))
        })?;
        let expected = "expected one such as `03`, `.4` or `8.3`";
        let (zeros, width, digits) =
            format(spec).ok_or_else(|| wrong(format!("has the format `{spec}`; {expected}")))?;
        let text = match (known, digits) {
            (Quantified::Count(n), _) => n.to_string(),
            (Quantified::Number(x), Some(digits)) => std::format!("{x:.digits$}"),
            (Quantified::Number(x), None) => x.to_string(),
        };
        let fill = if zeros { "0" } else { " " };
        out += &fill.repeat(width.saturating_sub(text.chars().count()));
        let _ = write!(out, "{text}");
    }
    Ok(out + rest)
}

/// Whether zeros come in front, the width, and the digits after the point.
fn format(spec: &str) -> Option<(bool, usize, Option<usize>)> {
    let spec = spec.strip_suffix(['d', 'f']).unwrap_or(spec);
    let (width, digits) = match spec.split_once('.') {
        Some((width, digits)) => (width, Some(digits.parse().ok().filter(|&digits| digits <= 30)?)),
        None => (spec, None),
    };
    let number = if width.is_empty() { 0 } else { width.parse().ok().filter(|&width| width <= 100)? };
    Some((width.starts_with('0'), number, digits))
}
