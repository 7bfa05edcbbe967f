//! The format safetensors: the length of a header, the header as JSON, and the numbers.
//!
//! The crate `safetensors` reads and checks. What is written is put together here, since the crate
//! orders texts by chance and wants all numbers in memory a second time: files of equal contents
//! have equal bytes, and numbers are converted piece by piece.

use super::contents::{Contents, Item, Stored};
use super::error::CheckpointError;
use safetensors::tensor::{SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use wengert::Float;

/// Writes a file. Numbers that take more bytes come first, so that each is aligned.
pub(super) fn write<T: Float>(
    items: &[Item<'_, T>],
    metadata: &BTreeMap<String, String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut order: Vec<&Item<'_, T>> = items.iter().collect();
    order.sort_by(|a, b| b.dtype.bitsize().cmp(&a.dtype.bitsize()).then_with(|| a.name.cmp(&b.name)));
    let mut header = Map::from_iter([("__metadata__".to_string(), json!(metadata))]);
    let mut end = 0;
    for item in &order {
        let start = end;
        end += item.byte_len();
        let about =
            json!({"dtype": item.dtype, "shape": item.tensor.shape()[..], "data_offsets": [start, end]});
        header.insert(item.name.clone(), about);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    order.iter().try_for_each(|item| item.write(out))
}

/// Reads a file that is in memory.
pub(super) fn read<'a>(path: &Path, bytes: &'a [u8]) -> Result<Contents<'a>, CheckpointError> {
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(|error| refuse(path, bytes, error))?;
    let texts = header.metadata().iter().flatten();
    let metadata = texts.map(|(key, text)| (key.clone(), text.clone())).collect();
    // The ranges have been checked.
    let numbers = &bytes[length + 8..];
    let stored = header.tensors().into_iter().map(|(name, about)| {
        let (start, end) = about.data_offsets;
        let (dtype, shape, bytes) = (about.dtype, about.shape.clone(), numbers[start..end].into());
        (name, Stored { dtype, shape, bytes })
    });
    Ok(Contents { metadata, tensors: stored.collect() })
}

/// The header of a file alone, if it has one.
pub(super) fn header(path: &Path) -> Option<Value> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    file.take(length.min(LONGEST_HEADER)).read_to_end(&mut header).ok()?;
    serde_json::from_slice(&header).ok()
}

/// The largest header that is read, 100 MB, as in the crate.
const LONGEST_HEADER: u64 = 100_000_000;

fn refuse(path: &Path, bytes: &[u8], error: SafeTensorError) -> CheckpointError {
    let (path, found) = (path.to_path_buf(), bytes.len() as u64);
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return CheckpointError::Truncated { path, found, expected: 8 };
    };
    let length = u64::from_le_bytes(*length);
    let starts_well = rest.first().is_none_or(|&first| first == b'{');
    if starts_well && length <= LONGEST_HEADER && found < length + 8 {
        return CheckpointError::Truncated { path, found, expected: length + 8 };
    }
    if let SafeTensorError::MetadataIncompleteBuffer = error {
        let header: Option<Value> = serde_json::from_slice(&rest[..length as usize]).ok();
        let header = header.as_ref().and_then(Value::as_object);
        let ends = header.into_iter().flatten().filter_map(|(_, about)| about["data_offsets"][1].as_u64());
        let expected = ends.max().unwrap_or(0).saturating_add(length + 8);
        if found < expected {
            return CheckpointError::Truncated { path, found, expected };
        }
    }
    let expected = "a safetensors file, which is the length of its header, the header and numbers";
    CheckpointError::Format { path, found: error.to_string(), expected }
}
