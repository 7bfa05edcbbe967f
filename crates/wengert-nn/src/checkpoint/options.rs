//! How to save and to load, as plain choices.

use safetensors::Dtype;
use std::collections::BTreeMap;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// IEEE half precision: 11 bits, up to 65504.
    F16,
    /// The upper half of an `f32`: 8 bits, and its range. Not in npz, which has no such type.
    Bf16,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl Precision {
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Precision::F16 => Dtype::F16,
            Precision::Bf16 => Dtype::BF16,
            Precision::F32 => Dtype::F32,
            Precision::F64 => Dtype::F64,
        }
    }
}

/// How to [save](super::Weights::save_with) weights: by default as they are, under their own names.
///
/// ```
/// use wengert_nn::checkpoint::{Precision, SaveOptions};
/// let half = SaveOptions::new().precision(Precision::F16).metadata("license", "MIT");
/// ```
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    pub(super) precision: Option<Precision>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) prefix: String,
}

impl SaveOptions {
    /// The defaults.
    pub fn new() -> SaveOptions {
        SaveOptions::default()
    }

    /// Stores numbers rounded to this precision instead of the model's.
    pub fn precision(mut self, precision: Precision) -> SaveOptions {
        self.precision = Some(precision);
        self
    }

    /// Adds an entry to the header of a safetensors file, which has `format: pt` by itself. In npz
    /// there is no place for it.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> SaveOptions {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Puts this in front of all names, as in `encoder.`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> SaveOptions {
        self.prefix = prefix.into();
        self
    }
}

/// How to [load](super::Weights::load_with) weights: by default every parameter must be in the file,
/// and nothing else.
///
/// ```
/// use wengert_nn::checkpoint::LoadOptions;
/// // The encoder of a larger model that was saved from Python.
/// let options = LoadOptions::new().strip_prefix("module.encoder.").allow_unexpected();
/// ```
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    pub(super) missing: bool,
    pub(super) unexpected: bool,
    pub(super) strip: String,
    pub(super) add: String,
}

impl LoadOptions {
    /// The defaults.
    pub fn new() -> LoadOptions {
        LoadOptions::default()
    }

    /// Parameters that the file lacks keep their values.
    pub fn allow_missing(mut self) -> LoadOptions {
        self.missing = true;
        self
    }

    /// Tensors that the model has no parameter for are passed over.
    pub fn allow_unexpected(mut self) -> LoadOptions {
        self.unexpected = true;
        self
    }

    /// Takes this off the names in the file. Tensors whose names begin otherwise are unexpected.
    pub fn strip_prefix(mut self, prefix: impl Into<String>) -> LoadOptions {
        self.strip = prefix.into();
        self
    }

    /// Puts this in front of the names in the file, after [`strip_prefix`](LoadOptions::strip_prefix).
    pub fn add_prefix(mut self, prefix: impl Into<String>) -> LoadOptions {
        self.add = prefix.into();
        self
    }

    /// What a tensor of the file is called in the model.
    pub(super) fn rename(&self, name: &str) -> Option<String> {
        Some(format!("{}{}", self.add, name.strip_prefix(&self.strip)?))
    }
}

/// What was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// Parameters that the file lacks, in the model's order.
    pub missing: Vec<String>,
    /// Tensors of the file that the model has no parameter for, in order of their names.
    pub unexpected: Vec<String>,
    /// The texts in the header of a safetensors file, such as `format`.
    pub metadata: BTreeMap<String, String>,
}
