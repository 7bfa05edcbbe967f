//! Files that are either as they were or whole: written beside their place, then moved there.

use crate::ExploreError;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file. One that was there stays as it was until the new one is complete. What is no file, say a
/// pipe or `/dev/stdout`, is written to as it is.
///
/// # Errors
/// The system's, with the path.
pub fn write(path: &Path, text: &str) -> Result<(), ExploreError> {
    written(path, text).map_err(|source| ExploreError::Io { path: path.into(), source })
}

fn written(path: &Path, text: &str) -> io::Result<()> {
    // A link keeps pointing where it does.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    if fs::metadata(&path).is_ok_and(|meta| !meta.is_file()) {
        return OpenOptions::new().write(true).open(&path)?.write_all(text.as_bytes());
    }
    let beside = beside(&path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    drop(file);
    let done = done.and_then(|()| fs::rename(&beside, &path));
    if done.is_err() {
        // What went wrong first is what is told.
        let _ = fs::remove_file(&beside);
    }
    done
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("this names no file"))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(beside))
}
