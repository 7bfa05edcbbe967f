//! One error type for all that can go wrong with a run: arguments that TensorBoard would misread, and
//! the disk.
//!
//! Fields are data; an error can be cloned, so that the writer keeps the first one and still returns it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why something was not written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system could not do what was asked of it.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What failed: `write a record`.
        action: &'static str,
        /// The operating system's reason.
        source: Arc<io::Error>,
    },
    /// Another writer, of this process or another, has the run open.
    #[error("{}: another writer has this run open; wait for its end, or give this run a folder of its own, or the curves of both would be mixed", .folder.display())]
    InUse {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A tag that already holds something else: TensorBoard would show one of them, or neither.
    #[error(
        "tag `{tag}`: found {found}, expected {expected}, which it has held so far; give the {found} another tag"
    )]
    Kind {
        /// The tag.
        tag: String,
        /// What it was to hold.
        found: Kind,
        /// What it holds.
        expected: Kind,
    },
    /// An argument that TensorBoard could not show.
    #[error("{argument}: found {found}, expected {expected}")]
    Argument {
        /// The argument, with the tag or name that it belongs to.
        argument: String,
        /// What was given, in words.
        found: String,
        /// What would be right, in words.
        expected: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { path: path.into(), action, source: Arc::new(source) }
    }

    pub(crate) fn argument(
        argument: impl Into<String>,
        found: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Error {
        Error::Argument { argument: argument.into(), found: found.to_string(), expected: expected.into() }
    }
}

/// What a tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Numbers: a curve.
    Scalar,
    /// Distributions.
    Histogram,
    /// Images.
    Images,
    /// Markdown.
    Text,
}

impl Kind {
    /// The plugin's name.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Kind::Scalar => "scalars",
            Kind::Histogram => "histograms",
            Kind::Images => "images",
            Kind::Text => "text",
        }
    }

    /// `DataClass` of summary.proto.
    pub(crate) fn data_class(self) -> i32 {
        match self {
            Kind::Scalar => 1,
            Kind::Histogram | Kind::Text => 2,
            Kind::Images => 3,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plugin())
    }
}
