//! One error type for all that can be wrong with data from outside.
//!
//! Fields are data; each text names the place, what was found there and what was expected, so
//! that somebody with a half-downloaded file sees at once which file it is.

use std::path::{Path, PathBuf};

/// What is wrong with a data set, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A folder that is not there.
    #[error("{}: no such folder; expected one with the four files of MNIST, plain or .gz", .folder.display())]
    MissingFolder {
        /// Where the folder was expected.
        folder: PathBuf,
    },
    /// A folder without one of the files that make a data set.
    #[error("{}: {name} is missing; looked for {}", .folder.display(), .tried.join(", "))]
    MissingFile {
        /// The folder, which exists.
        folder: PathBuf,
        /// The file's usual name.
        name: String,
        /// All the names that would have done.
        tried: Vec<String>,
    },
    /// The folder that an environment variable names is not usable.
    #[error("the environment variable {variable} is set, but {source}")]
    Variable {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with the folder.
        source: Box<DatasetError>,
    },
    /// The operating system could not open or read a file.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file of no bytes.
    #[error("{}: the file is empty, expected an IDX file, plain or gzip", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file named `.gz` that is neither gzip nor a plain IDX file, such as a saved error page.
    #[error("{}: is named .gz, but starts with {}, expected gzip, which starts with 1f 8b", .path.display(), hex(.found))]
    NotGzip {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most four.
        found: Vec<u8>,
    },
    /// Compressed data that does not decompress, or whose checksum differs.
    #[error("{}: the gzip data is damaged after {decoded} decompressed bytes: {source}", .path.display())]
    CorruptGzip {
        /// The file.
        path: PathBuf,
        /// How many bytes came out before the damage showed.
        decoded: usize,
        /// The decompressor's reason.
        source: std::io::Error,
    },
    /// A gzip file, in a build that cannot decompress.
    #[error("{}: is gzip, expected a plain file, since wengert-datasets was built without its feature `gzip`", .path.display())]
    GzipDisabled {
        /// The file.
        path: PathBuf,
    },
    /// The first four bytes are not IDX's for unsigned bytes.
    #[error("{}: starts with {}, expected the magic number of an IDX file of unsigned bytes, 00 00 08 and the number of axes", .path.display(), hex(.found))]
    Magic {
        /// The file.
        path: PathBuf,
        /// The first four bytes.
        found: [u8; 4],
    },
    /// An IDX file of another number of axes, such as labels where images belong.
    #[error("{}: the magic number is {:#010x}, expected {:#010x}, {what}", .path.display(), 0x800 | .found.len(), 0x800 | .expected)]
    Axes {
        /// The file.
        path: PathBuf,
        /// The lengths of the axes, by the file's header.
        found: Vec<usize>,
        /// How many axes there should be.
        expected: usize,
        /// What such a file holds, in words.
        what: &'static str,
    },
    /// A file that ends too early.
    #[error("{}: ends after {found} bytes, expected {expected}", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How many bytes there are, after decompression.
        found: usize,
        /// How many the header announces, itself included; or the header's own length.
        expected: usize,
    },
    /// A file that goes on after its data.
    #[error("{}: goes on after {expected} bytes, expected its end there", .path.display())]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// How many bytes the header announces, itself included.
        expected: usize,
    },
    /// A header whose sizes cannot be true.
    #[error("{}: the header announces {dims:?} bytes, expected no more than memory can address", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The lengths of the axes, by the file's header.
        dims: Vec<usize>,
    },
    /// Images of another size.
    #[error("{}: images of {}x{} pixels, expected {}x{}", .path.display(), .found[0], .found[1], .expected[0], .expected[1])]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Height and width, by the file's header.
        found: [usize; 2],
        /// Height and width as they should be.
        expected: [usize; 2],
    },
    /// Images and labels that do not belong together.
    #[error("{}: {label_count} labels, expected {image_count}, as many as there are images in {}", .labels.display(), .images.display())]
    Count {
        /// The file of images.
        images: PathBuf,
        /// How many images it holds.
        image_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// How many labels it holds.
        label_count: usize,
    },
    /// A label that is not a class.
    #[error("{}label {index} is {label}, expected {}", prefix(.path), valid_labels(*.classes))]
    Label {
        /// The file of labels; `None` if they came from the program.
        path: Option<PathBuf>,
        /// The label's place, from 0.
        index: usize,
        /// The label.
        label: usize,
        /// The number of classes, which are 0, 1, ...
        classes: usize,
    },
    /// An argument that does not fit the others.
    #[error("{}{argument}: found {found}, expected {expected}", prefix(.path))]
    Argument {
        /// The file that it comes from; `None` if it came from the program.
        path: Option<PathBuf>,
        /// The argument's name.
        argument: &'static str,
        /// What was given, in words.
        found: String,
        /// What would be right, in words.
        expected: String,
    },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn prefix(path: &Option<PathBuf>) -> String {
    path.as_deref().map(Path::display).map_or(String::new(), |path| format!("{path}: "))
}

fn valid_labels(classes: usize) -> String {
    match classes {
        0 => "no label, as there are no classes".into(),
        n => format!("0 to {}", n - 1),
    }
}
