//! How to write a run.

use std::fmt;
use std::time::SystemTime;

/// Options of a [`SummaryWriter`](crate::SummaryWriter).
///
/// ```
/// use wengert_tensorboard::{SummaryWriter, WriterOptions};
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// # drop(SummaryWriter::create(folder.join("run"))?);
/// // A training that was interrupted after step 1200, and goes on from its checkpoint of step 1000.
/// let options = WriterOptions::new().purge_from(1001);
/// let mut writer = SummaryWriter::create_with(folder.join("run"), options)?;
/// writer.scalar("loss", 1001, 0.25)?;
/// # Ok::<(), wengert_tensorboard::Error>(())
/// ```
pub struct WriterOptions {
    pub(crate) clock: Box<dyn FnMut() -> SystemTime + Send>,
    pub(crate) purge_from: Option<u64>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions::new()
    }
}

impl WriterOptions {
    /// The system's clock, and nothing purged.
    pub fn new() -> WriterOptions {
        WriterOptions { clock: Box::new(SystemTime::now), purge_from: None }
    }

    /// What the time is: asked once for each record. For tests, and for runs that are replayed.
    #[must_use]
    pub fn clock(mut self, clock: impl FnMut() -> SystemTime + Send + 'static) -> WriterOptions {
        self.clock = Box::new(clock);
        self
    }

    /// Makes void what earlier files of the run say from `step` on, since it is going to happen again.
    #[must_use]
    pub fn purge_from(mut self, step: u64) -> WriterOptions {
        self.purge_from = Some(step);
        self
    }
}

impl fmt::Debug for WriterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterOptions").field("purge_from", &self.purge_from).finish_non_exhaustive()
    }
}
