//! One file of events: whole records only, whatever happens to the disk or to the process.
//!
//! A record goes to the system in one call as soon as it is made, so that a process that is killed or
//! ended with Ctrl-C loses nothing, and TensorBoard sees it at once. That costs about two microseconds
//! each; a buffer would need a thread to be written in time. Where a record was written in part, the
//! file is cut back to its last whole one before anything else is written: TensorBoard stops reading
//! a file at its first damaged record.
//!
//! A run is held by a lock on a file beside the events, which the system lets go when the process ends,
//! however it ends. The events themselves are not locked: Windows would not let TensorBoard read them.

use crate::error::Error;
use crate::record::frame;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What records are written to.
pub(crate) trait Sink: Write + Send {
    /// Cuts off what is behind `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until all is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Records, one after the other.
pub(crate) struct EventFile {
    path: PathBuf,
    sink: Box<dyn Sink>,
    /// Bytes of whole records.
    whole: u64,
    /// There may be part of a record behind them.
    torn: bool,
    frame: Vec<u8>,
}

impl EventFile {
    /// A new file in `folder`, of a name that is not taken. `seconds` come first in the name: TensorBoard
    /// reads a run's files in the order of their names.
    pub fn create(folder: &Path, seconds: u64) -> Result<EventFile, Error> {
        static FILES: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = FILES.fetch_add(1, Ordering::Relaxed);
            let name = format!("events.out.tfevents.{seconds:010}.{}.{number:04}", std::process::id());
            let path = folder.join(name);
            // Appending: after a cut, the next record stands at the new end.
            match File::options().append(true).create_new(true).open(&path) {
                Ok(file) => return Ok(EventFile::over(path, file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(&path, "create the file")(error)),
            }
        }
    }

    pub fn over(path: PathBuf, sink: impl Sink + 'static) -> EventFile {
        EventFile { path, sink: Box::new(sink), whole: 0, torn: false, frame: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one record, or nothing.
    pub fn write(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        frame(&mut self.frame, encode);
        self.try_write().map_err(Error::io(&self.path, "write a record"))
    }

    fn try_write(&mut self) -> io::Result<()> {
        if self.torn {
            self.sink.cut(self.whole)?;
        }
        self.torn = true;
        self.sink.write_all(&self.frame)?;
        self.sink.flush()?;
        self.torn = false;
        self.whole += self.frame.len() as u64;
        Ok(())
    }

    /// Waits until all records are on the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.sink.sync().map_err(Error::io(&self.path, "sync the file"))
    }
}

impl Drop for EventFile {
    fn drop(&mut self) {
        if self.torn {
            // Nobody can be told any more, and readers stop at a torn record anyway.
            let _ = self.sink.cut(self.whole);
        }
    }
}

/// Holds a run until it is dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub fn take(folder: &Path) -> Result<Lock, Error> {
        let path = folder.join(".writer.lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(Error::io(&path, "create the file"))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: folder.into() }),
            // On a file system without locks nobody is kept out.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(Lock { _file: file })
            }
            Err(TryLockError::Error(error)) => Err(Error::io(&path, "lock the file")(error)),
        }
    }
}

/// Writes a file as a whole, or leaves what was there.
pub(crate) fn write_whole(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".writing");
    let beside = path.with_file_name(name);
    let written = fs::write(&beside, contents).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Error::io(path, "write the file")(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with room for some bytes.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn set_room(&self, room: usize) {
            self.0.lock().unwrap().1 = room;
        }

        fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().0.clone()
        }
    }

    impl Write for Disk {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let (bytes, room) = &mut *self.0.lock().unwrap();
            let n = data.len().min(*room - bytes.len());
            bytes.extend(&data[..n]);
            if n == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Disk {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.0.lock().unwrap().0.truncate(length as usize);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn record(data: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        frame(&mut record, |out| out.extend(data));
        record
    }

    #[test]
    fn a_record_that_did_not_fit_is_cut_off_before_the_next() {
        let disk = Disk::default();
        disk.set_room(25);
        let mut file = EventFile::over("events".into(), disk.clone());
        file.write(|out| out.extend(b"abc")).unwrap();
        let error = file.write(|out| out.extend(b"def")).unwrap_err();
        assert!(error.to_string().starts_with("events: cannot write a record: "), "{error}");
        assert_eq!(disk.bytes().len(), 25, "part of it is there");
        disk.set_room(1000);
        file.write(|out| out.extend(b"ghi")).unwrap();
        assert_eq!(disk.bytes(), [record(b"abc"), record(b"ghi")].concat());
    }

    #[test]
    fn part_of_a_record_does_not_stay_at_the_end() {
        let disk = Disk::default();
        disk.set_room(25);
        let mut file = EventFile::over("events".into(), disk.clone());
        file.write(|out| out.extend(b"abc")).unwrap();
        file.write(|out| out.extend(b"def")).unwrap_err();
        drop(file);
        assert_eq!(disk.bytes(), record(b"abc"));
    }

    #[test]
    fn a_record_is_on_disk_as_soon_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path(), 7).unwrap();
        file.write(|out| out.extend(b"abc")).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), record(b"abc"));
    }

    #[test]
    fn names_are_unique_and_sorted_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let files = [9, 10, 10].map(|seconds| EventFile::create(folder.path(), seconds).unwrap());
        let names = files.map(|file| file.path().file_name().unwrap().to_owned());
        assert!(names[0] < names[1] && names[1] < names[2], "{names:?}");
        assert!(names.iter().all(|name| name.to_string_lossy().contains("tfevents")));
    }

    #[test]
    fn a_file_that_is_replaced_is_never_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let missing = folder.path().join("none/config");
        assert!(write_whole(&missing, b"x").unwrap_err().to_string().contains("cannot write the file"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
