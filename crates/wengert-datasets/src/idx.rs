//! The IDX format, in which MNIST and its family are published.
//!
//! A file is a header, `00 00`, the type of the elements (`08`: unsigned bytes), the number of
//! axes, then the length of each axis as a big-endian 32-bit number, and then the elements in
//! row-major order. [The format's description](http://yann.lecun.com/exdb/mnist/) has no checksum,
//! so the length is checked to the byte; gzip adds a checksum of its own.
//!
//! A header is only a claim: memory is reserved for no more than the file can hold, and
//! decompression stops one byte after the claimed end. Reading streams into the final buffer, so
//! the peak of memory is the data and 64 KB. The four files of MNIST, compressed, take 90 ms.

use crate::DatasetError;
use crate::image_dataset::ImageDataset;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// No byte of deflate gives more than 1032 bytes: 258 for a match, which needs two bits at least.
const MOST_BYTES_PER_BYTE: u64 = 1032;

/// An array of unsigned bytes, as an IDX file holds it.
///
/// ```
/// use wengert_datasets::Idx;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("labels");
/// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])?;
/// let idx = Idx::read(&path)?;
/// assert_eq!((idx.dims, idx.data), (vec![3], vec![7, 2, 1]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The lengths of the axes, outermost first.
    pub dims: Vec<usize>,
    /// The elements in row-major order, as many as the product of `dims`.
    pub data: Vec<u8>,
}

impl Idx {
    /// Reads a file, plain or gzip: its content decides, not its name.
    ///
    /// # Errors
    /// The file cannot be read, is empty, is damaged, is shorter or longer than its header says,
    /// or is no IDX file of unsigned bytes. See [`DatasetError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Idx, DatasetError> {
        let path = path.as_ref();
        let failed = |source| DatasetError::Read { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let file_len = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut start = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut start).map_err(failed)?;
        let named_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let gzip = start.starts_with(&[0x1f, 0x8b]);
        match start.first() {
            None => return Err(DatasetError::Empty { path: path.into() }),
            // Some programs decompress what they download and keep the name: IDX starts with 0.
            Some(&first) if named_gz && !gzip && first != 0 => {
                return Err(DatasetError::NotGzip { path: path.into(), found: start });
            }
            _ => {}
        }
        let whole = Cursor::new(start).chain(reader);
        let at_most = file_len.saturating_mul(MOST_BYTES_PER_BYTE);
        if !gzip {
            return Source { path, reader: whole, gzip, at_most, position: 0 }.parse();
        }
        #[cfg(feature = "gzip")]
        {
            let reader = flate2::bufread::MultiGzDecoder::new(whole);
            Source { path, reader, gzip, at_most, position: 0 }.parse()
        }
        #[cfg(not(feature = "gzip"))]
        Err(DatasetError::GzipDisabled { path: path.into() })
    }
}

/// A stream of bytes, after decompression, and what error texts need to know of it.
struct Source<'a, R> {
    path: &'a Path,
    reader: R,
    gzip: bool,
    /// An upper limit of the stream's length; 0 where the file is no regular one.
    at_most: u64,
    position: usize,
}

impl<R: Read> Source<'_, R> {
    fn parse(mut self) -> Result<Idx, DatasetError> {
        let path = || self.path.into();
        let magic: [u8; 4] = self.take(4, 4)?.try_into().expect("take gives what it is asked for");
        let [0, 0, 8, axes] = magic else {
            return Err(DatasetError::Magic { path: path(), found: magic });
        };
        let header = 4 + 4 * axes as usize;
        let lengths = self.take(4 * axes as usize, header)?;
        let (lengths, _) = lengths.as_chunks::<4>();
        let dims: Vec<usize> = lengths.iter().map(|&n| u32::from_be_bytes(n) as usize).collect();
        let elements = dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        // `isize::MAX` bytes is the most that a vector can hold.
        let Some(elements) = elements.filter(|&n| n <= isize::MAX as usize - header) else {
            return Err(DatasetError::TooLarge { path: path(), dims });
        };
        let data = self.take(elements, header + elements)?;
        self.end()?;
        Ok(Idx { dims, data })
    }

    /// The next `n` bytes of a stream that should have at least `expected` in all.
    fn take(&mut self, n: usize, expected: usize) -> Result<Vec<u8>, DatasetError> {
        let mut bytes = Vec::new();
        // Reserving is only an advantage: where it fails, reading goes on and fails by itself.
        let _ = bytes.try_reserve_exact(n.min(usize::try_from(self.at_most).unwrap_or(usize::MAX)));
        let result = self.reader.by_ref().take(n as u64).read_to_end(&mut bytes);
        self.position += bytes.len();
        match result {
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(self.failed(e)),
            _ if bytes.len() < n => {
                Err(DatasetError::Truncated { path: self.path.into(), found: self.position, expected })
            }
            _ => Ok(bytes),
        }
    }

    /// Checks that nothing follows; only here does gzip compare its checksum.
    fn end(&mut self) -> Result<(), DatasetError> {
        let mut rest = Vec::new();
        match self.reader.by_ref().take(1).read_to_end(&mut rest) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DatasetError::TrailingBytes { path: self.path.into(), expected: self.position }),
            Err(e) => Err(self.failed(e)),
        }
    }

    fn failed(&self, source: io::Error) -> DatasetError {
        let path = self.path.into();
        match self.gzip {
            true => DatasetError::CorruptGzip { path, decoded: self.position, source },
            false => DatasetError::Read { path, source },
        }
    }
}

impl ImageDataset {
    /// Reads a pair of IDX files, images of any size and their labels, each plain or gzip.
    ///
    /// # Errors
    /// All of [`Idx::read`]; the files hold other things than images and labels, or not as many
    /// labels as images; a label is not below `classes`.
    pub fn from_idx(
        images: impl AsRef<Path>,
        labels: impl AsRef<Path>,
        classes: usize,
    ) -> Result<ImageDataset, DatasetError> {
        let (images_path, labels_path) = (images.as_ref(), labels.as_ref());
        let axes = |path: &Path, found, expected, what| {
            Err(DatasetError::Axes { path: path.into(), found, expected, what })
        };
        // Labels first: they are small, and so is the wait for what is wrong with them.
        let labels = Idx::read(labels_path)?;
        if labels.dims.len() != 1 {
            return axes(labels_path, labels.dims, 1, "labels");
        }
        let images = Idx::read(images_path)?;
        let [count, height, width] = images.dims[..] else {
            return axes(images_path, images.dims, 3, "images");
        };
        if count != labels.data.len() {
            return Err(DatasetError::Count {
                images: images_path.into(),
                image_count: count,
                labels: labels_path.into(),
                label_count: labels.data.len(),
            });
        }
        ImageDataset::new(images.data, labels.data, [height, width], classes).map_err(|mut e| {
            match &mut e {
                DatasetError::Label { path, .. } => *path = Some(labels_path.into()),
                DatasetError::Argument { path, .. } => *path = Some(images_path.into()),
                _ => {}
            }
            e
        })
    }
}
