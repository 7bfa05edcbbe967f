//! Numbers and tensors in files: those that are not finite as `"NaN"`, `"Infinity"` and `"-Infinity"`.

use super::data::{Shortened, Shown};
use crate::tensor::Tensor;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Finite(f64),
    Other(std::borrow::Cow<'a, str>),
}

impl Number<'_> {
    fn new(x: f64) -> Self {
        let name = if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        if x.is_finite() { Number::Finite(x) } else { Number::Other(name.into()) }
    }

    fn get(&self) -> Result<f64, String> {
        match self {
            Number::Finite(x) => Ok(*x),
            Number::Other(name) => match &**name {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                other => {
                    Err(format!("{other:?} is no number: one of \"NaN\", \"Infinity\" and \"-Infinity\""))
                }
            },
        }
    }
}

/// Lists of numbers.
pub(crate) mod numbers {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(list: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|&x| Number::new(x)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let list = Vec::<Number>::deserialize(deserializer)?;
        list.iter().map(|x| x.get().map_err(D::Error::custom)).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct Whole {
    shape: Vec<usize>,
    #[serde(with = "numbers")]
    data: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Whole(Whole),
    Shortened(Box<Shortened>),
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Whole(x) => {
                Whole { shape: x.shape().to_vec(), data: x.as_slice().to_vec() }.serialize(serializer)
            }
            Shown::Shortened(x) => x.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shown, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::Whole(Whole { shape, data }) => {
                Shown::Whole(Tensor::from_vec(data, &shape).map_err(D::Error::custom)?)
            }
            Either::Shortened(x) => Shown::Shortened(x),
        })
    }
}
