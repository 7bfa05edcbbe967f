//! Why a picture or a page cannot be made.

use crate::checkpoint::atomic::Refused;
use std::io;
use std::path::PathBuf;

/// Why a picture or a page cannot be made. A file that was to be written is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The system refused.
    #[error("{}: cannot {what}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, such as `write it`.
        what: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The name of the file promises something else.
    #[error("{}: the name must end in {expected}", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// The ending that is right.
        expected: &'static str,
    },
    /// There is nothing to draw.
    #[error("the history has no epochs; expected at least one, as Trainer::fit returns it")]
    NoEpochs,
    /// The images are not those of the mistakes, or no images.
    #[error("the images have shape {found:?}; expected {expected}")]
    Images {
        /// Their shape.
        found: Vec<usize>,
        /// What would be right.
        expected: String,
    },
}

impl From<Refused> for PlotError {
    fn from(Refused { path, what, error }: Refused) -> PlotError {
        PlotError::Io { path, what, error }
    }
}
