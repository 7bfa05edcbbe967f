//! Files that are whole at any moment: written beside, made to stay, and renamed.
//!
//! A rename replaces the old file by the new one at once, on every system that Rust knows; the file
//! and its folder are synced before and after, so that a power failure keeps the order too. What a
//! killed process leaves behind is removed by the next one that writes the same file: a file that is
//! being written is locked, and the system unlocks those of the dead.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the system refused.
pub(crate) struct Refused {
    pub path: PathBuf,
    /// What was tried, such as `write it`.
    pub what: &'static str,
    pub error: io::Error,
}

impl Refused {
    fn at(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Refused {
        move |error| Refused { path: path.into(), what, error }
    }
}

/// Writes `path` as a whole, or leaves it as it was; the error is one of the caller's own.
pub(crate) fn write<E: From<Refused>>(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), E> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it names no file");
        return Err(Refused::at(path, "write it")(error).into());
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(Refused::at(folder, "make the folder"))?;
    let prefix = format!(".{name}.writing-");
    remove_abandoned(folder, &prefix);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!("{prefix}{}-{number}", std::process::id()));
    let written = write_beside(&beside, contents).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(Refused::at(path, "write it")(error).into());
    }
    sync_folder(folder).map_err(Refused::at(folder, "sync the folder"))?;
    Ok(())
}

fn write_beside(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let file = File::create(path)?;
    // Where files cannot be locked, nothing will be removed either.
    let _ = file.try_lock();
    let mut out = BufWriter::new(file);
    contents(&mut out)?;
    out.into_inner()?.sync_all()
}

/// Removes what processes left that were killed while they wrote.
fn remove_abandoned(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let abandoned = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if abandoned {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A folder's entries are written out by themselves; other systems have no such call.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
