//! Files of weights and of trainings.
//!
//! Weights are written under the names and with the shapes that PyTorch's `state_dict()` gives them,
//! as safetensors or npz, so that files move both ways. A training is the weights and one
//! [`State`](crate::State) in the same format. Two rules hold for all of it: a file is either whole
//! or as it was before, at any moment at which a process may be killed; and a model is either loaded
//! from it or unchanged.

pub(crate) mod atomic;
mod contents;
mod error;
mod fit;
#[cfg(feature = "npz")]
mod npz;
mod options;
mod safetensors;
mod training;
mod weights;

pub use error::{CheckpointError, Misfit};
pub use options::{LoadOptions, Loaded, Precision, SaveOptions};
pub use training::Checkpoint;
pub use weights::Weights;
