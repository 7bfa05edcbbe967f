//! Runs read back: record by record, with every checksum.

#![allow(dead_code, missing_docs)]

#[path = "../../src/proto.rs"]
pub mod proto;

use prost::Message;
use proto::*;
use std::fs;
use std::path::Path;

/// The events of a run, file after file in the order of names; a record that is not whole is a panic.
pub fn events(folder: &Path) -> Vec<Event> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("tfevents")).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let bytes = fs::read(file).unwrap();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (length, after) = checked(rest, 8);
            let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let (data, after) = checked(after, length);
            all.push(Event::decode(data).unwrap());
            rest = after;
        }
    }
    all
}

/// Bytes whose checksum, which follows, is right; and what comes then.
fn checked(bytes: &[u8], length: usize) -> (&[u8], &[u8]) {
    let (data, rest) = bytes.split_at(length);
    let (stated, rest) = rest.split_at(4);
    let crc = crc32c::crc32c(data);
    let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(u32::from_le_bytes(stated.try_into().unwrap()), masked, "a record is damaged");
    (data, rest)
}

/// Step and value of each summary of a tag.
pub fn values(folder: &Path, tag: &str) -> Vec<(i64, Value)> {
    let summaries = events(folder).into_iter().filter_map(|event| match event.what {
        Some(What::Summary(summary)) => Some((event.step, summary.value[0].clone())),
        _ => None,
    });
    summaries.filter(|(_, value)| value.tag == tag).collect()
}

pub fn tensor(value: &Value) -> (i32, Vec<i64>, &TensorProto) {
    let tensor = value.tensor.as_ref().unwrap();
    let lengths = tensor.tensor_shape.iter().flat_map(|shape| &shape.dim).map(|dim| dim.size).collect();
    (tensor.dtype, lengths, tensor)
}

pub fn plugin(value: &Value) -> (&str, i32) {
    let metadata = value.metadata.as_ref().unwrap();
    (&metadata.plugin_data.as_ref().unwrap().plugin_name, metadata.data_class)
}
