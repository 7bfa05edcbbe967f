//! Weights to files and from files, as methods of every module.

use super::contents::{Contents, Item, counts, dtype_of};
use super::error::CheckpointError;
use super::fit::{fit, put};
use super::options::{LoadOptions, Loaded, Precision, SaveOptions};
use super::{atomic, safetensors, training};
use crate::module::{Module, Path};
use ::safetensors::Dtype;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path as FilePath;
use wengert::{Float, Tensor};

/// Saving and loading of weights: every [`Module`] has these methods.
///
/// The file's name says the format: `.safetensors`, or `.npz` with the feature `npz`, which is on by
/// default. Names, layouts and shapes are PyTorch's, so files move both ways: in Python,
/// `module.load_state_dict(safetensors.torch.load_file("w.safetensors"))`. Running statistics are among
/// the weights; `num_batches_tracked` is stored as a 64-bit integer, as in PyTorch.
///
/// ```
/// use wengert_nn::prelude::*;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("w.safetensors");
/// let model: Dense = Dense::new(2, 3, &mut seeded(0));
/// model.save(&path)?;
///
/// let mut other: Dense = Dense::new(2, 3, &mut seeded(1));
/// other.load(&path)?;
/// assert_eq!(other.weight().value(), model.weight().value());
///
/// let error = Dense::<f32>::new(2, 4, &mut seeded(0)).load(&path).unwrap_err().to_string();
/// assert!(error.contains("`weight` has shape [3, 2], expected [4, 2]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Weights<T: Float = f32>: Module<T> {
    /// Names and values of all parameters, in order. The values are shared, not copied.
    fn state_dict(&self) -> Vec<(String, Tensor<T>)> {
        let mut all = Vec::new();
        self.visit(&Path::root(), &mut |path, p| all.push((path.to_string(), p.value().clone())));
        all
    }

    /// Writes the weights to a file, in place of what is there. A process that is killed meanwhile
    /// leaves the old file.
    ///
    /// # Errors
    /// The name ends in no known format, or the system refuses.
    fn save(&self, path: impl AsRef<FilePath>) -> Result<(), CheckpointError> {
        self.save_with(path, &SaveOptions::new())
    }

    /// [`save`](Weights::save) with options.
    ///
    /// # Errors
    /// Those of [`save`](Weights::save); [`Precision::Bf16`] in npz.
    fn save_with(&self, path: impl AsRef<FilePath>, options: &SaveOptions) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        let dict = self.state_dict();
        let items = items(&dict, options);
        match Format::of(path)? {
            Format::Safetensors => {
                atomic::write(path, |out| safetensors::write(&items, &metadata(options), out))
            }
            #[cfg(feature = "npz")]
            Format::Npz => {
                if options.precision == Some(Precision::Bf16) {
                    let found = "npz has no type for BF16".into();
                    let expected = "F16, F32 or F64, or a .safetensors file";
                    return Err(CheckpointError::Format { path: path.into(), found, expected });
                }
                atomic::write(path, |out| super::npz::write(&items, out))
            }
        }
    }

    /// Gives all parameters the values in a file: weights, or a [`Checkpoint`](super::Checkpoint).
    /// Numbers of other precision are rounded to the model's.
    ///
    /// # Errors
    /// The file cannot be read, is no whole file of its format, or has not exactly the parameters of
    /// this model, by name and shape. The model is unchanged then.
    fn load(&mut self, path: impl AsRef<FilePath>) -> Result<Loaded, CheckpointError> {
        self.load_with(path, &LoadOptions::new())
    }

    /// [`load`](Weights::load) with options.
    ///
    /// # Errors
    /// Those of [`load`](Weights::load), but for what the options allow.
    fn load_with(
        &mut self,
        path: impl AsRef<FilePath>,
        options: &LoadOptions,
    ) -> Result<Loaded, CheckpointError> {
        let path = path.as_ref();
        let format = Format::of(path)?;
        let bytes = std::fs::read(path).map_err(CheckpointError::io(path, "read it"))?;
        take(self, path, format.read(path, &bytes)?, options)
    }

    /// The weights as the bytes of a safetensors file.
    fn to_safetensors(&self, options: &SaveOptions) -> Vec<u8> {
        let dict = self.state_dict();
        let mut bytes = Vec::new();
        safetensors::write(&items(&dict, options), &metadata(options), &mut bytes as &mut dyn Write)
            .unwrap_or_else(|error: io::Error| panic!("a vector takes all that is written: {error}"));
        bytes
    }

    /// [`load_with`](Weights::load_with) from the bytes of a safetensors file, such as one that is part
    /// of the program.
    ///
    /// ```
    /// use wengert_nn::{checkpoint::*, prelude::*};
    /// let model: Dense<f64> = Dense::new(2, 3, &mut seeded(0));
    /// let bytes = model.to_safetensors(&SaveOptions::new().precision(Precision::Bf16));
    /// let mut other: Dense = Dense::new(2, 3, &mut seeded(1));
    /// other.load_safetensors(&bytes, &LoadOptions::new())?;
    /// # Ok::<(), CheckpointError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`load`](Weights::load); the file is called `<bytes>`.
    fn load_safetensors(&mut self, bytes: &[u8], options: &LoadOptions) -> Result<Loaded, CheckpointError> {
        let path = FilePath::new("<bytes>");
        take(self, path, safetensors::read(path, bytes)?, options)
    }
}

impl<T: Float, M: Module<T> + ?Sized> Weights<T> for M {}

fn take<T: Float>(
    model: &mut (impl Module<T> + ?Sized),
    path: &FilePath,
    mut contents: Contents<'_>,
    options: &LoadOptions,
) -> Result<Loaded, CheckpointError> {
    training::leave_weights(&mut contents);
    let (values, loaded) = fit(path, model, contents, options)?;
    put(model, values);
    Ok(loaded)
}

pub(super) fn items<'a, T: Float>(
    dict: &'a [(String, Tensor<T>)],
    options: &SaveOptions,
) -> Vec<Item<'a, T>> {
    let usual = options.precision.map_or(dtype_of::<T>(), Precision::dtype);
    let item = |(name, tensor): &'a (String, Tensor<T>)| {
        let dtype = if counts(name) { Dtype::I64 } else { usual };
        Item { name: format!("{}{name}", options.prefix), dtype, tensor }
    };
    dict.iter().map(item).collect()
}

fn metadata(options: &SaveOptions) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    all.extend(options.metadata.clone());
    all
}

/// By the ending of a file's name.
enum Format {
    Safetensors,
    #[cfg(feature = "npz")]
    Npz,
}

impl Format {
    fn of(path: &FilePath) -> Result<Format, CheckpointError> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("safetensors") => Ok(Format::Safetensors),
            #[cfg(feature = "npz")]
            Some("npz") => Ok(Format::Npz),
            _ => {
                let expected: &[&str] = if cfg!(feature = "npz") {
                    &[".safetensors", ".npz"]
                } else {
                    &[".safetensors", ".npz (which needs the feature `npz`)"]
                };
                Err(CheckpointError::Extension { path: path.into(), expected })
            }
        }
    }

    fn read<'a>(&self, path: &FilePath, bytes: &'a [u8]) -> Result<Contents<'a>, CheckpointError> {
        match self {
            Format::Safetensors => safetensors::read(path, bytes),
            #[cfg(feature = "npz")]
            Format::Npz => super::npz::read(path, bytes),
        }
    }
}
