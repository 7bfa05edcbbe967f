//! Checkpoints of trainings: weights and all else that is remembered, in one safetensors file.
//!
//! The weights have their own names, so that the file is also one of weights. Tensors of the state
//! stand behind `training/`, a name that no path of a parameter begins with, and its numbers and
//! texts are JSON in the header. Numbers are written as text there, since JSON has no infinities and
//! its readers round.

use super::contents::{Contents, Item, dtype_of};
use super::error::{CheckpointError, Misfit};
use super::fit::{fit, put};
use super::options::{LoadOptions, SaveOptions};
use super::weights::{Weights, items};
use super::{atomic, safetensors};
use crate::module::Module;
use crate::state::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wengert::{Float, Tensor};

/// The key in the header, and what names of tensors of the state begin with.
const KEY: &str = "wengert.training";
const PREFIX: &str = "training/";
/// What this crate writes, and all that it reads.
const VERSION: u64 = 1;

/// A training at one moment: weights, optimizer, averages, counts, whatever is to be remembered.
///
/// A [`Trainer`](crate::Trainer) makes them with
/// [`save_checkpoint`](crate::Trainer::save_checkpoint), the callback
/// [`ModelCheckpoint`](crate::callbacks::ModelCheckpoint) and
/// [`FitOptions::resume`](crate::FitOptions::resume). By hand:
///
/// ```
/// use wengert_nn::{State, checkpoint::Checkpoint, prelude::*};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("training.safetensors");
/// # let mut rng = seeded(0);
/// # let (model, optimizer): (Dense, Adam) = (Dense::new(2, 1, &mut rng), Adam::new(0.01));
/// let mut state = State::new("my training");
/// state.insert("optimizer", optimizer.state(&model));
/// state.set_rng("order", &rng);
/// state.set_integer("epochs", 3);
/// Checkpoint::new(&model, state).save(&path)?;
///
/// // Another process.
/// # let (mut model, mut optimizer): (Dense, Adam) = (Dense::new(2, 1, &mut seeded(9)), Adam::new(0.01));
/// let checkpoint = Checkpoint::load(&path)?;
/// checkpoint.load_weights(&mut model)?;
/// let state = checkpoint.state();
/// optimizer.restore(&model, &state.part("optimizer").expect("it was put in"))?;
/// let mut rng = state.rng("order")?;
/// assert_eq!(state.integer("epochs")?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<T: Float = f32> {
    /// Where it was read from, for messages.
    path: PathBuf,
    weights: Vec<(String, Tensor<T>)>,
    state: State<T>,
}

impl<T: Float> Checkpoint<T> {
    /// The weights of `model` and a state. Nothing is copied until somebody changes them.
    pub fn new(model: &(impl Module<T> + ?Sized), state: State<T>) -> Checkpoint<T> {
        Checkpoint { path: PathBuf::from("<checkpoint>"), weights: model.state_dict(), state }
    }

    /// Names and values of the weights, in order.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &Tensor<T>)> {
        self.weights.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// All else.
    pub fn state(&self) -> &State<T> {
        &self.state
    }

    /// Gives `model` the weights.
    ///
    /// # Errors
    /// They are those of another model, by name and shape. The model is unchanged then.
    pub fn load_weights(&self, model: &mut (impl Module<T> + ?Sized)) -> Result<(), CheckpointError> {
        let values = self.fit(model)?;
        put(model, values);
        Ok(())
    }

    /// New values for all parameters of `model`.
    pub(crate) fn fit(
        &self,
        model: &(impl Module<T> + ?Sized),
    ) -> Result<Vec<Option<Tensor<T>>>, CheckpointError> {
        let all = items(&self.weights, &SaveOptions::new());
        let tensors = all.iter().map(|item| (item.name.clone(), item.stored())).collect();
        let contents = Contents { tensors, ..Contents::default() };
        Ok(fit(&self.path, model, contents, &LoadOptions::new())?.0)
    }

    /// Writes it to a file, in place of what is there. A process that is killed meanwhile leaves the
    /// old file, whole.
    ///
    /// # Errors
    /// The name does not end in `.safetensors`, or the system refuses.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        check_ending(path)?;
        let mut all = items(&self.weights, &SaveOptions::new());
        all.extend(self.state.tensors().map(|(name, tensor)| Item {
            name: format!("{PREFIX}{name}"),
            dtype: dtype_of::<T>(),
            tensor,
        }));
        let order: Vec<&str> = self.weights.iter().map(|(name, _)| name.as_str()).collect();
        let state = &self.state;
        let numbers: BTreeMap<&str, String> = state.numbers().map(|(k, x)| (k, format!("{x:?}"))).collect();
        let about = json!({
            "version": VERSION,
            "type": dtype_of::<T>(),
            "weights": order,
            "kinds": state.kinds().collect::<BTreeMap<_, _>>(),
            "numbers": numbers,
            "integers": state.integers().collect::<BTreeMap<_, _>>(),
            "texts": state.texts().collect::<BTreeMap<_, _>>(),
        });
        let metadata = [("format".to_string(), "pt".to_string()), (KEY.to_string(), about.to_string())];
        atomic::write(path, |out| safetensors::write(&all, &metadata.into(), out))
    }

    /// Reads what [`save`](Checkpoint::save) has written.
    ///
    /// # Errors
    /// The file cannot be read, is no whole safetensors file, has weights alone, or numbers of another
    /// type than `T`, with which a training would not go on as it was.
    pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint<T>, CheckpointError> {
        let path = path.as_ref();
        check_ending(path)?;
        let bytes = fs::read(path).map_err(CheckpointError::io(path, "read it"))?;
        Checkpoint::read(path, &bytes)
    }

    fn read(path: &Path, bytes: &[u8]) -> Result<Checkpoint<T>, CheckpointError> {
        let contents = safetensors::read(path, bytes)?;
        let Some(about) = contents.metadata.get(KEY) else {
            return Err(CheckpointError::WeightsOnly { path: path.into() });
        };
        let damaged = |found: String| CheckpointError::Format {
            path: path.into(),
            found,
            expected: "what Checkpoint::save writes",
        };
        let about: Value =
            serde_json::from_str(about).map_err(|error| damaged(format!("`{KEY}` is no JSON: {error}")))?;
        if about["version"] != VERSION {
            let found = format!("version {} of a checkpoint", about["version"]);
            let expected = "version 1; a newer release of wengert-nn may read it";
            return Err(CheckpointError::Format { path: path.into(), found, expected });
        }
        let (mut state, part) = (State::default(), |part: &'static str| {
            about[part].as_object().ok_or_else(|| damaged(format!("`{KEY}` has no {part}")))
        });
        let wrong = |name: &str, x: &Value| damaged(format!("`{KEY}` has {x} for `{name}`"));
        for (name, x) in part("kinds")? {
            state.set_kind(name, x.as_str().ok_or_else(|| wrong(name, x))?);
        }
        for (name, x) in part("numbers")? {
            let number = x.as_str().and_then(|x| x.parse().ok());
            state.set_number(name, number.ok_or_else(|| wrong(name, x))?);
        }
        for (name, x) in part("integers")? {
            state.set_integer(name, x.as_u64().ok_or_else(|| wrong(name, x))?);
        }
        for (name, x) in part("texts")? {
            state.set_text(name, x.as_str().ok_or_else(|| wrong(name, x))?);
        }
        let (mut weights, mut misfits) = (BTreeMap::new(), vec![]);
        for (name, stored) in contents.tensors {
            let expected = if size_of::<T>() == 4 { "F32" } else { "F64" };
            let count = super::contents::counts(&name);
            let same = stored.dtype == dtype_of::<T>() || count;
            let Some(numbers) = stored.numbers(count).filter(|_| same) else {
                let found = stored.dtype.to_string();
                misfits.push(Misfit::Type { name, expected, found });
                continue;
            };
            let tensor = Tensor::from_vec(numbers, &stored.shape)
                .map_err(|error| damaged(format!("`{name}`: {error}")))?;
            match name.strip_prefix(PREFIX) {
                Some(name) => state.set_tensor(name, tensor),
                None => _ = weights.insert(name, tensor),
            }
        }
        if !misfits.is_empty() {
            return Err(CheckpointError::Misfits { path: path.into(), misfits, hint: None });
        }
        // In the model's order, and those that somebody has added.
        let order = about["weights"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut ordered: Vec<(String, Tensor<T>)> =
            order.filter_map(|name| weights.remove_entry(name)).collect();
        ordered.extend(weights);
        Ok(Checkpoint { path: path.into(), weights: ordered, state })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint in a folder that has come furthest, by the steps of its trainer, if there is one.
    /// Files that are no checkpoints of a trainer are passed over.
    ///
    /// ```
    /// use wengert_nn::checkpoint::Checkpoint;
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// assert_eq!(Checkpoint::<f32>::latest(folder)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The folder cannot be read. One that does not exist has no checkpoint.
    pub fn latest(folder: impl AsRef<Path>) -> Result<Option<PathBuf>, CheckpointError> {
        let folder = folder.as_ref();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CheckpointError::io(folder, "read the folder")(error)),
        };
        let paths = entries.flatten().map(|entry| entry.path()).filter(|path| check_ending(path).is_ok());
        let found = paths.filter_map(|path| Some((safetensors::header(&path)?, path)));
        let steps = found.filter_map(|(header, path)| {
            let about: Value = serde_json::from_str(header["__metadata__"][KEY].as_str()?).ok()?;
            Some((about["integers"]["steps"].as_u64()?, path))
        });
        Ok(steps.max().map(|(_, path)| path))
    }
}

fn check_ending(path: &Path) -> Result<(), CheckpointError> {
    match path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors")) {
        true => Ok(()),
        false => Err(CheckpointError::Extension { path: path.into(), expected: &[".safetensors"] }),
    }
}

/// Leaves the weights of a checkpoint: what else there is belongs to no model.
pub(super) fn leave_weights(contents: &mut Contents<'_>) {
    if contents.metadata.remove(KEY).is_some() {
        contents.tensors.retain(|name, _| !name.starts_with(PREFIX));
    }
}
