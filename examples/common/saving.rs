//! Training that can be stopped at any moment, and gone on with.

use clap::Args;
use std::path::PathBuf;
use wengert_nn::CheckpointError;
use wengert_nn::prelude::*;

/// Where to save to, and whether to go on from there.
#[derive(Args)]
pub struct Saving {
    /// Folder to save to after each epoch: the last two, and the weights of the best
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Go on from the last checkpoint in that folder, if there is one
    #[arg(long, requires = "checkpoint")]
    resume: bool,
}

impl Saving {
    /// The checkpoint to go on from.
    pub fn resumed(&self) -> Result<Option<PathBuf>, CheckpointError> {
        match &self.checkpoint {
            Some(folder) if self.resume => Checkpoint::<f32>::latest(folder),
            _ => Ok(None),
        }
    }

    /// The trainer, which saves if it is to.
    pub fn saved<M: Model>(&self, trainer: Trainer<M>) -> Trainer<M> {
        let Some(folder) = &self.checkpoint else { return trainer };
        let best = folder.join("best-weights.safetensors");
        trainer
            .callback(ModelCheckpoint::new(best).monitor("loss").save_best_only().save_weights_only())
            .callback(ModelCheckpoint::new(folder.join("epoch-{epoch:03}.safetensors")).keep_last(2))
    }
}
