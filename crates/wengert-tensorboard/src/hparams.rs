//! Hyper-parameters: what a run was made with, so that runs can be compared in a table.
//!
//! TensorBoard's table has a row for each run that says what it was made with, and finds the columns of
//! results in the run's own scalars, and in those of runs in folders below it. So both belong into
//! the same run; a run for the parameters alone, as other writers make one, has no results.

use crate::proto::{HParamKind, HParamValue};

/// The value of a hyper-parameter.
///
/// ```
/// use wengert_tensorboard::HParam;
/// assert_eq!(HParam::from(0.5), HParam::Number(0.5));
/// assert_eq!(HParam::from("adam"), HParam::Text("adam".into()));
/// assert_eq!(HParam::from(true), HParam::Flag(true));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum HParam {
    /// A number. One that is not finite is written as text, since JSON has no such numbers.
    Number(f64),
    /// A text, such as the name of an optimizer.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

impl HParam {
    pub(crate) fn to_proto(&self) -> HParamValue {
        let kind = match self {
            HParam::Number(x) if x.is_finite() => HParamKind::Number(*x),
            HParam::Number(x) => HParamKind::Text(x.to_string()),
            HParam::Text(text) => HParamKind::Text(text.clone()),
            HParam::Flag(flag) => HParamKind::Flag(*flag),
        };
        HParamValue { kind: Some(kind) }
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl From<$number> for HParam {
            fn from(x: $number) -> HParam {
                HParam::Number(x as f64)
            }
        }
    )*};
}

numbers! { f32 f64 i32 i64 u32 u64 usize }

impl From<bool> for HParam {
    fn from(flag: bool) -> HParam {
        HParam::Flag(flag)
    }
}

impl From<&str> for HParam {
    fn from(text: &str) -> HParam {
        HParam::Text(text.into())
    }
}

impl From<String> for HParam {
    fn from(text: String) -> HParam {
        HParam::Text(text)
    }
}

/// How a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it should.
    Success,
    /// With an error.
    Failure,
}
