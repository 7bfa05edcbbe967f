//! The format npz of NumPy: a zip archive with a file `name.npy` for each tensor.
//!
//! An npy file is a magic number, a version, a header that is a Python dictionary, and the numbers.
//! Entries are stored as `numpy.savez` does, and read also as `numpy.savez_compressed` packs them.

use super::contents::{Contents, Item, Stored};
use super::error::CheckpointError;
use safetensors::Dtype;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;
use wengert::Float;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const MAGIC: &[u8] = b"\x93NUMPY";

/// How types are called, little-endian.
const TYPES: [(&str, Dtype); 11] = [
    ("<f2", Dtype::F16),
    ("<f4", Dtype::F32),
    ("<f8", Dtype::F64),
    ("|b1", Dtype::BOOL),
    ("|i1", Dtype::I8),
    ("|u1", Dtype::U8),
    ("<i2", Dtype::I16),
    ("<u2", Dtype::U16),
    ("<i4", Dtype::I32),
    ("<i8", Dtype::I64),
    ("<u8", Dtype::U64),
];

/// Writes a file.
pub(super) fn write<T: Float>(items: &[Item<'_, T>], out: &mut dyn Write) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(out);
    for item in items {
        // A time of its own would make equal contents differ.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(item.byte_len() >= 1 << 31);
        archive.start_file(format!("{}.npy", item.name), options).map_err(io::Error::from)?;
        archive.write_all(&header(item))?;
        item.write(&mut archive)?;
    }
    archive.finish().map_err(io::Error::from)?;
    Ok(())
}

fn header<T: Float>(item: &Item<'_, T>) -> Vec<u8> {
    let known = TYPES.iter().find(|(_, dtype)| *dtype == item.dtype);
    let (descr, _) = known.expect("weights are stored as F16, F32, F64 or I64");
    let shape: String = item.tensor.shape().iter().map(|n| format!("{n}, ")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // With a line feed at the end, the numbers begin at a multiple of 64.
    let length = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    let mut header = MAGIC.to_vec();
    // Version 1 has two bytes for the length; names of types and a dozen axes fit.
    header.extend([1, 0]);
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{text:<width$}\n", width = length - 1).into_bytes());
    header
}

/// Reads a file that is in memory.
pub(super) fn read<'a>(path: &Path, bytes: &[u8]) -> Result<Contents<'a>, CheckpointError> {
    let refuse = |found: String| {
        let expected = "an npz file, which is a zip archive of .npy files";
        CheckpointError::Format { path: path.into(), found, expected }
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(error.to_string()))?;
    let mut contents = Contents::default();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|error| refuse(format!("entry {i}: {error}")))?;
        let file = entry.name().map_err(|error| refuse(format!("entry {i}: {error}")))?.into_owned();
        let Some(name) = file.strip_suffix(".npy") else {
            return Err(refuse(format!("it has an entry `{file}`")));
        };
        let stored = tensor(&mut entry).map_err(|found| refuse(format!("`{name}`: {found}")))?;
        contents.tensors.insert(name.into(), stored);
    }
    Ok(contents)
}

/// Reads an npy file.
fn tensor(file: &mut impl Read) -> Result<Stored<'static>, String> {
    let cut = |_| "it is damaged or cut off".to_string();
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(cut)?;
    if !start.starts_with(MAGIC) {
        return Err("it does not begin with the magic number of npy".into());
    }
    let mut length = [0; 4];
    let width = if start[6] == 1 { 2 } else { 4 };
    file.read_exact(&mut length[..width]).map_err(cut)?;
    let mut text = String::new();
    let length = u64::from(u32::from_le_bytes(length));
    file.take(length).read_to_string(&mut text).map_err(cut)?;
    let wrong = || format!("its header is {:?}", text.trim());
    let (dtype, fortran, shape) = parse(&text).ok_or_else(wrong)?;
    let elements = shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let width = dtype.bitsize() / 8;
    let total = elements.and_then(|n| n.checked_mul(width)).ok_or_else(wrong)?;
    let mut bytes = Vec::new();
    file.take(total as u64).read_to_end(&mut bytes).map_err(cut)?;
    // One byte more, which also has the archive compare its checksum.
    let goes_on = file.read(&mut [0]).map_err(cut)? > 0;
    if bytes.len() != total || goes_on {
        let found = if goes_on { "more".to_string() } else { bytes.len().to_string() };
        return Err(format!("it has {found} bytes where shape {shape:?} of {dtype} has {total}"));
    }
    let bytes = if fortran { by_rows(&bytes, &shape, width) } else { bytes };
    Ok(Stored { dtype, shape, bytes: bytes.into() })
}

/// Type, whether columns come first, and shape.
fn parse(header: &str) -> Option<(Dtype, bool, Vec<usize>)> {
    let after = |key: &str| Some(header.split_once(key)?.1.trim_start().strip_prefix(':')?.trim_start());
    let descr = after("'descr'")?.strip_prefix('\'')?.split_once('\'')?.0;
    let (_, dtype) = *TYPES.iter().find(|(name, _)| *name == descr)?;
    let fortran = after("'fortran_order'")?.starts_with("True");
    let shape = after("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    Some((dtype, fortran, axes.map(|axis| axis.parse().ok()).collect::<Option<_>>()?))
}

/// Numbers of `width` bytes whose first index runs fastest, in the order in which the last one does.
fn by_rows(bytes: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for i in 0..bytes.len() / width {
        let (mut rest, mut from, mut stride) = (i, 0, bytes.len() / width);
        for &axis in shape.iter().rev() {
            stride /= axis;
            from += rest % axis * stride;
            rest /= axis;
        }
        out.extend(&bytes[from * width..][..width]);
    }
    out
}
