//! Traces as files: `wengert.trace/1`, whose schema is `docs/trace.schema.json`.
//!
//! Numbers are written with the fewest digits that give the same number again, and read exactly; those that are
//! not finite are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. A file may come from anywhere: what it
//! says is checked, and what is wrong is named with its place.

use crate::{ExploreError, files};
use serde_json::error::Category;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use wengert::trace::{Trace, TraceData};

/// Larger files are refused: 512 MB.
pub const LARGEST: u64 = 512_000_000;

/// The trace as JSON, in one line.
pub fn to_json(trace: &Trace) -> String {
    serde_json::to_string(trace.data()).expect("all keys are texts or numbers")
}

/// A trace from JSON.
///
/// # Errors
/// It is no JSON, or not of this form or version, or contradicts itself: the message says where.
///
/// ```
/// let error = wengert_explore::json::from_json("{\"format\": \"wengert.trace/1\", \"nodes\": 3}").unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 40, at nodes: invalid type: integer `3`, expected a sequence");
/// ```
pub fn from_json(text: &str) -> Result<Arc<Trace>, ExploreError> {
    from_bytes(text.as_bytes())
}

fn from_bytes(text: &[u8]) -> Result<Arc<Trace>, ExploreError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let data: TraceData = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        described(error.into_inner(), if path == "." { String::new() } else { path })
    })?;
    reader.end().map_err(|error| described(error, String::new()))?;
    Ok(Trace::from_data(data)?)
}

fn described(error: serde_json::Error, field: String) -> ExploreError {
    let (line, column) = (error.line(), error.column());
    let mut what = error.to_string();
    if let Some(at) = what.rfind(" at line ") {
        what.truncate(at);
    }
    match error.classify() {
        Category::Eof => what = format!("it ends too early ({what}): was it cut off?"),
        Category::Syntax => what = format!("this is no JSON: {what}"),
        Category::Data | Category::Io => {}
    }
    ExploreError::Json { line, column, field, what }
}

/// Reads a trace from a file.
///
/// # Errors
/// The file is not there or larger than [`LARGEST`], or its text is not a trace; see [`from_json`].
pub fn read(path: impl AsRef<Path>) -> Result<Arc<Trace>, ExploreError> {
    let path = path.as_ref();
    let failed = |source| ExploreError::Io { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > LARGEST {
        return Err(ExploreError::TooLarge { path: path.into(), bytes, most: LARGEST });
    }
    read_from(file, path)
}

/// Reads a trace from what is no file, say standard input; `name` is what messages call it.
///
/// # Errors
/// As for [`read`].
pub fn read_from(reader: impl Read, name: impl AsRef<Path>) -> Result<Arc<Trace>, ExploreError> {
    let path = name.as_ref();
    let mut text = Vec::new();
    let read = reader.take(LARGEST + 1).read_to_end(&mut text);
    read.map_err(|source| ExploreError::Io { path: path.into(), source })?;
    if text.len() as u64 > LARGEST {
        return Err(ExploreError::TooLarge { path: path.into(), bytes: text.len() as u64, most: LARGEST });
    }
    from_bytes(&text).map_err(|source| ExploreError::In { path: path.into(), source: Box::new(source) })
}

/// Writes a trace to a file, which is there only when it is complete.
///
/// # Errors
/// The system's, with the path.
pub fn write(trace: &Trace, path: impl AsRef<Path>) -> Result<(), ExploreError> {
    files::write(path.as_ref(), &to_json(trace))
}
