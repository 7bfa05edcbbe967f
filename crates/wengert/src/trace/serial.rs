//! Numbers and tensors in files: those that are not finite as `"NaN"`, `"Infinity"` and `"-Infinity"`.

use super::data::{Shortened, Shown};
use crate::tensor::Tensor;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A number of a file.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_finite() => serializer.serialize_f64(x),
            x if x.is_nan() => serializer.serialize_str("NaN"),
            x if x > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

/// By hand, because a number that is read is one step of a very long loop.
impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one of \"NaN\", \"Infinity\" and \"-Infinity\"")
            }
            fn visit_f64<E: Error>(self, x: f64) -> Result<Number, E> {
                Ok(Number(x))
            }
            fn visit_i64<E: Error>(self, x: i64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_u64<E: Error>(self, x: u64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Number, E> {
                match name {
                    "NaN" => Ok(Number(f64::NAN)),
                    "Infinity" => Ok(Number(f64::INFINITY)),
                    "-Infinity" => Ok(Number(f64::NEG_INFINITY)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Lists of numbers.
pub(crate) mod numbers {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(list: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|&x| Number(x)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<f64>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f64>, A::Error> {
                let mut all = Vec::new();
                while let Some(Number(x)) = list.next_element()? {
                    all.push(x);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    shape: &'a [usize],
    #[serde(with = "numbers")]
    data: &'a [f64],
}

/// What either kind of tensor may have.
#[derive(Deserialize)]
struct Either {
    shape: Vec<usize>,
    data: Option<Data>,
    #[serde(default)]
    shortened: bool,
    #[serde(default, with = "numbers")]
    first: Vec<f64>,
    #[serde(default, with = "numbers")]
    last: Vec<f64>,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    std: Option<f64>,
    norm: Option<f64>,
    zeros: Option<usize>,
    nans: Option<usize>,
    infinities: Option<usize>,
    negatives: Option<usize>,
}

#[derive(Deserialize)]
struct Data(#[serde(with = "numbers")] Vec<f64>);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Whole(x) => Whole { shape: x.shape(), data: x.as_slice() }.serialize(serializer),
            Shown::Shortened(x) => x.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shown, D::Error> {
        let read = Either::deserialize(deserializer)?;
        match read.data {
            Some(Data(data)) if !read.shortened => {
                return Ok(Shown::Whole(Tensor::from_vec(data, &read.shape).map_err(D::Error::custom)?));
            }
            Some(_) => return Err(D::Error::custom("a tensor has `data` or is `shortened`, not both")),
            None if !read.shortened => return Err(D::Error::missing_field("data")),
            None => {}
        }
        let number = |x: Option<f64>, name| x.ok_or_else(|| D::Error::missing_field(name));
        let count = |x: Option<usize>, name| x.ok_or_else(|| D::Error::missing_field(name));
        Ok(Shown::Shortened(Box::new(Shortened {
            shape: read.shape,
            shortened: true,
            first: read.first,
            last: read.last,
            min: number(read.min, "min")?,
            max: number(read.max, "max")?,
            mean: number(read.mean, "mean")?,
            std: number(read.std, "std")?,
            norm: number(read.norm, "norm")?,
            zeros: count(read.zeros, "zeros")?,
            nans: count(read.nans, "nans")?,
            infinities: count(read.infinities, "infinities")?,
            negatives: count(read.negatives, "negatives")?,
        })))
    }
}
