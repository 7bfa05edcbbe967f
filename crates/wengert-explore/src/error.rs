//! What can be wrong with a file, or with what is asked of a trace.

use std::path::PathBuf;
use wengert::trace::TraceError;

/// What is wrong, where, and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is larger than a trace should be.
    #[error(
        "{}: {bytes} bytes are more than the {most} that are read; record with `TraceOptions::capped` or `TraceOptions::summary`",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// The text is no JSON, or not the JSON of a trace.
    #[error("line {line}, column {column}{}: {what}", if field.is_empty() { String::new() } else { format!(", at {field}") })]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// Which field, `nodes[3].value`; empty where it is not known.
        field: String,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// The trace contradicts itself, or is of another version.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// One of the above, in a file.
    #[error("{}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ExploreError>,
    },
    /// A drawing has more of something than those who show it accept.
    #[error("the drawing would have {given} {what}, at most {most} are shown: {hint}")]
    Drawing {
        /// `edges` or `characters`.
        what: &'static str,
        /// How many.
        given: usize,
        /// The limit.
        most: usize,
        /// How to shrink it.
        hint: String,
    },
    /// A page would be larger than browsers like to open.
    #[error(
        "the page would have {bytes} bytes, at most {most} are written: record less, with `TraceOptions::capped` or `TraceOptions::summary`"
    )]
    PageTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}
