//! Why a file cannot be written, read, or taken into a model.

use super::atomic::Refused;
use crate::state::StateError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why weights or a training could not be saved or loaded. The model is unchanged then, and so is a
/// file that was to be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The system refused.
    #[error("{}: cannot {what}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, such as `read it`.
        what: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The name of the file does not say which format it has.
    #[error("{}: the name must end in {}", path.display(), expected.join(" or "))]
    Extension {
        /// The file.
        path: PathBuf,
        /// The endings that are known.
        expected: &'static [&'static str],
    },
    /// The file is not of the format that its name says, or it is damaged.
    #[error("{}: {found}; expected {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The file ends before its contents do.
    #[error("{}: ends after {found} bytes, expected {expected}: it is not whole", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How long it is.
        found: u64,
        /// How long it should be, at least.
        expected: u64,
    },
    /// The tensors are not those of the model.
    #[error("{}: does not fit the model: {}", path.display(), list(misfits, hint))]
    Misfits {
        /// The file.
        path: PathBuf,
        /// Everything that does not fit.
        misfits: Vec<Misfit>,
        /// What might help.
        hint: Option<String>,
    },
    /// The file has weights, but no state of a training.
    #[error(
        "{}: holds weights alone; expected a checkpoint of a training, as Checkpoint::save writes it. Load it with model.load(..)",
        path.display()
    )]
    WeightsOnly {
        /// The file.
        path: PathBuf,
    },
    /// The state of the training does not fit the trainer.
    #[error("{}: {error}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        #[source]
        error: StateError,
    },
}

impl CheckpointError {
    pub(super) fn io(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> CheckpointError {
        move |error| CheckpointError::Io { path: path.into(), what, error }
    }
}

impl From<Refused> for CheckpointError {
    fn from(Refused { path, what, error }: Refused) -> CheckpointError {
        CheckpointError::Io { path, what, error }
    }
}

/// A tensor of a file that does not fit the model, or one of the model that the file lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// The model has a parameter of which the file knows nothing.
    Missing {
        /// The parameter's name, as it should be in the file.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The file has a tensor that the model has no parameter for.
    Unexpected {
        /// The tensor's name in the file.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The shapes differ.
    Shape {
        /// The tensor's name in the file.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
    /// The numbers are of a type that does not become a parameter's.
    Type {
        /// The tensor's name in the file.
        name: String,
        /// The types that do.
        expected: &'static str,
        /// The tensor's type.
        found: String,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Missing { name, shape } => write!(f, "`{name}` of shape {shape:?} is missing"),
            Misfit::Unexpected { name, shape } => {
                write!(f, "`{name}` of shape {shape:?} belongs to no parameter")
            }
            Misfit::Shape { name, expected, found } => {
                write!(f, "`{name}` has shape {found:?}, expected {expected:?}")
            }
            Misfit::Type { name, expected, found } => {
                write!(f, "`{name}` is stored as {found}, expected {expected}")
            }
        }
    }
}

/// How many misfits a message spells out.
const SPELLED: usize = 8;

fn list(misfits: &[Misfit], hint: &Option<String>) -> String {
    let mut parts: Vec<String> = misfits.iter().take(SPELLED).map(Misfit::to_string).collect();
    if misfits.len() > SPELLED {
        parts.push(format!("and {} more", misfits.len() - SPELLED));
    }
    let hint = hint.as_ref().map(|hint| format!(" ({hint})"));
    parts.join("; ") + &hint.unwrap_or_default()
}
