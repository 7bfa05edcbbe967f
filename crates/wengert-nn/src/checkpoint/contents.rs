//! What is in a file: tensors as they are stored, and texts; how numbers become bytes and return.

use half::{bf16, f16};
use safetensors::Dtype;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use wengert::{Float, Tensor};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Contents<'a> {
    pub tensors: BTreeMap<String, Stored<'a>>,
    pub metadata: BTreeMap<String, String>,
}

/// A tensor as it is stored: little-endian, row by row. There are as many bytes as the shape asks for.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Cow<'a, [u8]>,
}

/// What is to be written.
pub(super) struct Item<'a, T: Float> {
    pub name: String,
    pub dtype: Dtype,
    pub tensor: &'a Tensor<T>,
}

impl<T: Float> Item<'_, T> {
    pub(super) fn byte_len(&self) -> usize {
        self.tensor.len() * self.dtype.bitsize() / 8
    }

    /// As it would be read again.
    pub(super) fn stored(&self) -> Stored<'static> {
        let mut bytes = Vec::with_capacity(self.byte_len());
        self.write(&mut bytes).expect("a vector takes all that is written");
        Stored { dtype: self.dtype, shape: self.tensor.shape().to_vec(), bytes: bytes.into() }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        fn all<T: Float, const N: usize>(
            x: &[T],
            out: &mut dyn Write,
            bytes: impl Fn(f64) -> [u8; N],
        ) -> io::Result<()> {
            // Pieces that stay in the cache.
            for piece in x.chunks(4096) {
                let piece: Vec<u8> = piece.iter().flat_map(|x| bytes(wengert::Element::to_f64(*x))).collect();
                out.write_all(&piece)?;
            }
            Ok(())
        }
        let x = self.tensor.as_slice();
        match self.dtype {
            Dtype::F16 => all(x, out, |x| f16::from_f64(x).to_le_bytes()),
            Dtype::BF16 => all(x, out, |x| bf16::from_f64(x).to_le_bytes()),
            Dtype::F32 => all(x, out, |x| (x as f32).to_le_bytes()),
            Dtype::I64 => all(x, out, |x| (x.round() as i64).to_le_bytes()),
            _ => all(x, out, f64::to_le_bytes),
        }
    }
}

/// The type of the numbers of `T` in files.
pub(super) fn dtype_of<T: Float>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

/// Whether a parameter counts, as PyTorch stores in integers what is a number like others here.
pub(super) fn counts(name: &str) -> bool {
    name.rsplit('.').next() == Some("num_batches_tracked")
}

impl Stored<'_> {
    /// The numbers, rounded where `T` has fewer bits; None if they are of no type that becomes a `T`.
    pub(super) fn numbers<T: Float>(&self, integers: bool) -> Option<Vec<T>> {
        fn all<T: Float, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<T>> {
            let (numbers, _) = bytes.as_chunks();
            Some(numbers.iter().map(|&bytes| T::from_f64(number(bytes))).collect())
        }
        let bytes = &*self.bytes;
        match self.dtype {
            Dtype::F16 => all(bytes, |x| f16::from_le_bytes(x).to_f64()),
            Dtype::BF16 => all(bytes, |x| bf16::from_le_bytes(x).to_f64()),
            Dtype::F32 => all(bytes, |x| f32::from_le_bytes(x).into()),
            Dtype::F64 => all(bytes, f64::from_le_bytes),
            Dtype::I64 if integers => all(bytes, |x| i64::from_le_bytes(x) as f64),
            Dtype::I32 if integers => all(bytes, |x| i32::from_le_bytes(x).into()),
            _ => None,
        }
    }
}

/// The types that become a parameter's.
pub(super) fn accepted(integers: bool) -> &'static str {
    if integers { "F16, BF16, F32, F64, I32 or I64" } else { "F16, BF16, F32 or F64" }
}
