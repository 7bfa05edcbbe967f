//! Why a training cannot go on.

use crate::callbacks::CallbackError;
use crate::optimizers::OptimizerError;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a training cannot go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The batch size is 0.
    #[error("the batch size is 0; it must be at least 1")]
    BatchSize,
    /// The data set is empty.
    #[error("the data set has no rows; at least one is needed")]
    NoData,
    /// An option cannot be met.
    #[error("{option} is {found}; {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it is.
        found: String,
        /// What it could be.
        expected: String,
    },
    /// The target is not what the loss takes.
    #[error("{loss} takes {expected}; the target is {found}")]
    Target {
        /// The loss or the metric.
        loss: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: String,
    },
    /// The output is not what the loss takes.
    #[error("{loss} takes an output of shape {expected}; the model's has shape {found:?}")]
    Output {
        /// The loss or the metric.
        loss: &'static str,
        /// The shape it takes.
        expected: &'static str,
        /// The shape it was given.
        found: Vec<usize>,
    },
    /// The weights of samples or classes do not fit.
    #[error("weights: expected {expected}, got {found}")]
    Weights {
        /// What would fit.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The optimizer refused a step.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A callback failed. The others were told what it was told, and that the training ended.
    #[error("{callback} failed {when}: {error}")]
    Callback {
        /// Its name.
        callback: String,
        /// Where in the training.
        when: String,
        /// What it said.
        #[source]
        error: SharedError,
    },
}

/// An error of a callback, which many may hold. Two are equal if they are the same one.
#[derive(Clone, Debug)]
pub struct SharedError(Arc<dyn Error + Send + Sync>);

impl SharedError {
    /// The error itself, to ask what it is.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl From<CallbackError> for SharedError {
    fn from(error: CallbackError) -> SharedError {
        SharedError(error.into())
    }
}

impl PartialEq for SharedError {
    fn eq(&self, other: &SharedError) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
