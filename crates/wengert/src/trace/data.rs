//! What a trace is made of, as plain data: what is written to a file and read back.
//!
//! Numbers are kept in `f64`, which holds every `f32` exactly. Tensors are shortened where they are
//! too large to be shown, and then say so. Nothing that can be derived is stored: events, running
//! totals and pending counts follow from the sweep's visits.

use super::formula::short;
use crate::element::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::fmt;

/// The version that this library writes.
pub const FORMAT: &str = "wengert.trace/1";

/// The number type of a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

impl Dtype {
    pub(crate) fn of<T: Float>() -> Dtype {
        if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
    }

    /// a + b, rounded as the engine rounds it.
    pub(crate) fn add(self, a: f64, b: f64) -> f64 {
        match self {
            Dtype::F32 => (a as f32 + b as f32) as f64,
            Dtype::F64 => a + b,
        }
    }
}

/// How much of a sweep is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Detail {
    /// Fused operations in their plain steps.
    Teaching,
    /// The operations as they were recorded.
    #[default]
    Full,
    /// Statistics instead of elements.
    Summary,
}

/// A tensor as a trace keeps it: all its elements, or what is left of a large one.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// All elements.
    Whole(Tensor<f64>),
    /// The ends, and statistics of all.
    Shortened(Box<Shortened>),
}

/// What is left of a tensor that was too large to be kept.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Shortened {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Always true: what tells it from a whole one in a file.
    pub shortened: bool,
    /// The first elements, at most eight.
    #[cfg_attr(feature = "serde", serde(with = "super::serial::numbers"))]
    pub first: Vec<f64>,
    /// The last elements that are not among the first, at most eight.
    #[cfg_attr(feature = "serde", serde(with = "super::serial::numbers"))]
    pub last: Vec<f64>,
    /// The least finite element; 0 if there is none.
    pub min: f64,
    /// The largest finite element; 0 if there is none.
    pub max: f64,
    /// The mean of the finite elements.
    pub mean: f64,
    /// Their standard deviation, divided by n.
    pub std: f64,
    /// The square root of the sum of their squares.
    pub norm: f64,
    /// How many are 0.
    pub zeros: usize,
    /// How many are NaN.
    pub nans: usize,
    /// How many are infinite.
    pub infinities: usize,
    /// How many are below 0.
    pub negatives: usize,
}

const ENDS: usize = 8;

impl Shown {
    /// All of it.
    pub(crate) fn whole<T: Float>(x: &Tensor<T>) -> Shown {
        Shown::Whole(x.cast())
    }

    /// Its ends and statistics.
    pub(crate) fn shortened(x: &Tensor<f64>) -> Shown {
        let all = x.as_slice();
        let count = |f: fn(&f64) -> bool| all.iter().filter(|x| f(x)).count();
        let finite = || all.iter().copied().filter(|x| x.is_finite());
        let n = finite().count().max(1) as f64;
        let mean = finite().sum::<f64>() / n;
        let head = all.len().min(ENDS);
        let or_zero = |x: Option<f64>| x.unwrap_or(0.0);
        Shown::Shortened(Box::new(Shortened {
            shape: x.shape().to_vec(),
            shortened: true,
            first: all[..head].to_vec(),
            last: all[all.len().saturating_sub(ENDS).max(head)..].to_vec(),
            min: or_zero(finite().reduce(f64::min)),
            max: or_zero(finite().reduce(f64::max)),
            mean: mean.clamp(-f64::MAX, f64::MAX),
            std: (finite().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt().min(f64::MAX),
            norm: finite().map(|x| x * x).sum::<f64>().sqrt().min(f64::MAX),
            zeros: count(|x| *x == 0.0),
            nans: count(|x| x.is_nan()),
            infinities: count(|x| x.is_infinite()),
            negatives: count(|x| *x < 0.0),
        }))
    }

    /// The shape of the tensor.
    pub fn shape(&self) -> &[usize] {
        match self {
            Shown::Whole(x) => x.shape(),
            Shown::Shortened(x) => &x.shape,
        }
    }

    /// All elements, unless it was shortened.
    pub fn tensor(&self) -> Option<&Tensor<f64>> {
        match self {
            Shown::Whole(x) => Some(x),
            Shown::Shortened(_) => None,
        }
    }

    /// In a line: the number, few elements, or else shape and norm; six digits.
    ///
    /// ```
    /// use wengert::{Tensor, trace::Shown};
    /// assert_eq!(Shown::Whole(Tensor::scalar(1.0 / 3.0)).brief(), "0.333333");
    /// assert_eq!(Shown::Whole(Tensor::ones(&[2])).brief(), "[1, 1]");
    /// assert_eq!(Shown::Whole(Tensor::ones(&[4, 4])).brief(), "[4, 4] of norm 4");
    /// ```
    pub fn brief(&self) -> String {
        match self {
            Shown::Whole(x) if x.shape().is_empty() => short(x.item()),
            Shown::Whole(x) if x.len() <= 6 => {
                let numbers: Vec<String> = x.as_slice().iter().map(|&x| short(x)).collect();
                format!("[{}]", numbers.join(", "))
            }
            other => format!("{:?} of norm {}", other.shape(), short(other.norm())),
        }
    }

    /// The square root of the sum of squares; of the finite elements where it was shortened.
    pub fn norm(&self) -> f64 {
        match self {
            // Scaled by the largest, so that nothing overflows.
            Shown::Whole(x) => {
                let largest = x.as_slice().iter().fold(0.0f64, |m, x| m.max(x.abs()));
                if largest == 0.0 || !largest.is_finite() {
                    return x.as_slice().iter().map(|x| x.abs()).fold(0.0, |a, b| a + b);
                }
                let sum: f64 = x.as_slice().iter().map(|x| (x / largest).powi(2)).sum();
                largest * sum.sqrt()
            }
            Shown::Shortened(x) => x.norm,
        }
    }

    /// Whether two are the same, to the bit; one NaN is as good as another.
    pub fn same(&self, other: &Shown) -> bool {
        match (self, other) {
            (Shown::Whole(a), Shown::Whole(b)) => same(a, b),
            (Shown::Shortened(a), Shown::Shortened(b)) => a == b,
            _ => false,
        }
    }

    /// Whether all elements are finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Shown::Whole(x) => x.as_slice().iter().all(|x| x.is_finite()),
            Shown::Shortened(x) => x.nans + x.infinities == 0,
        }
    }

    /// Whether all elements are 0; not so if there are none.
    pub fn is_zero(&self) -> bool {
        match self {
            Shown::Whole(x) => !x.is_empty() && x.as_slice().iter().all(|x| *x == 0.0),
            Shown::Shortened(x) => x.zeros == x.shape.iter().product::<usize>(),
        }
    }
}

/// A number, or a tensor as `Tensor` prints it; of a shortened one its shape and statistics.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Whole(x) => fmt::Display::fmt(x, f),
            Shown::Shortened(x) => {
                let shape: Shape = x.shape.iter().copied().collect();
                write!(f, "{shape} in {}..{}, mean {}, norm {} (shortened)", x.min, x.max, x.mean, x.norm)
            }
        }
    }
}

/// Whether two tensors are the same, to the bit; one NaN is as good as another.
pub(crate) fn same(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape() && a.as_slice().iter().zip(b.as_slice()).all(|(&a, &b)| same_number(a, b))
}

pub(crate) fn same_number(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// The formulas of an operation; see [`crate::trace`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct OpDoc {
    /// The result `y` of the operands `x`, or `a`, `b`, ... where there are several.
    pub forward: String,
    /// For each operand what it is given of `ȳ`, the adjoint of y.
    pub rules: Vec<String>,
}

/// What an operation needs besides its operands.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Attributes {
    /// Which of the operations of this name.
    pub kind: String,
    /// The numbers in the operation: c, d.
    #[cfg_attr(feature = "serde", serde(with = "super::serial::numbers"))]
    pub numbers: Vec<f64>,
    /// Lengths, axes and choices; negative ones as they are.
    pub list: Vec<i64>,
    /// Indices and labels, with their shape.
    pub indices: Vec<usize>,
    /// The shape of the indices.
    pub indices_shape: Vec<usize>,
}

/// What a numerical check of one node's rule found.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Check {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    #[cfg_attr(feature = "serde", serde(default))]
    pub note: String,
    /// The slope of differences to the left.
    #[cfg_attr(feature = "serde", serde(default))]
    pub left: f64,
    /// The slope of differences to the right.
    #[cfg_attr(feature = "serde", serde(default))]
    pub right: f64,
}

/// Whether a rule agrees with differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Verdict {
    /// It does.
    Pass,
    /// It does not.
    Fail,
    /// The function has a corner here, and the rule lies between the slopes on both sides.
    Kink,
    /// It could not be checked; the note says why.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Kink => "kink",
            Verdict::Skipped => "skipped",
        })
    }
}

/// One node of the tape.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TraceNode {
    /// The operation's name; `var`, `parameter` or `constant` for a leaf.
    pub op: String,
    /// The operation as the tape prints it: `mul %0, 4.9`.
    pub text: String,
    /// What the user calls it; empty if there is no name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub name: String,
    /// The operands' ids, in order; an operand that is used twice stands there twice.
    pub inputs: Vec<usize>,
    /// What it needs besides.
    #[cfg_attr(feature = "serde", serde(default))]
    pub attrs: Attributes,
    /// Whether it can be computed again from a file.
    #[cfg_attr(feature = "serde", serde(default))]
    pub replayable: bool,
    /// The shape of its value.
    pub shape: Vec<usize>,
    /// Its value.
    pub value: Shown,
    /// Whether a gradient can flow to or through it.
    pub wants: bool,
    /// The scopes around it, joined by `/`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scope: String,
    /// The user's file, line and column.
    #[cfg_attr(feature = "serde", serde(default))]
    pub file: String,
    /// The line, from 1.
    #[cfg_attr(feature = "serde", serde(default))]
    pub line: u32,
    /// The column, from 1.
    #[cfg_attr(feature = "serde", serde(default))]
    pub column: u32,
    /// Its formulas.
    #[cfg_attr(feature = "serde", serde(default))]
    pub doc: OpDoc,
    /// The adjoint that the engine found; none if none arrived.
    pub adjoint: Option<Shown>,
    /// Why there is no adjoint, or why all of it is 0; empty otherwise.
    #[cfg_attr(feature = "serde", serde(default))]
    pub why: String,
    /// What a numerical check of its rule found.
    #[cfg_attr(feature = "serde", serde(default))]
    pub check: Option<Check>,
}

/// Where the sweep begins.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Root {
    /// The node.
    pub node: usize,
    /// Its adjoint at the beginning.
    pub seed: Shown,
}

/// The sweep at one node: what it hands to each of its inputs.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Visit {
    /// The node.
    pub node: usize,
    /// One edge an operand, in order.
    pub edges: Vec<Edge>,
}

/// Why nothing flows along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Skip {
    /// The operand is a constant, or computed from constants alone.
    Constant,
    /// It is cut off by `detach`.
    Detached,
    /// It was recorded while the tape was paused.
    Unwanted,
    /// The derivative is 0 wherever it exists.
    Flat,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skip::Constant => "a constant, so its derivative is not wanted",
            Skip::Detached => "cut off by `detach`",
            Skip::Unwanted => "recorded while the tape was paused",
            Skip::Flat => "flat wherever it has a derivative",
        })
    }
}

/// One operand of one node: what is handed to it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Edge {
    /// Which operand, from 0.
    pub slot: usize,
    /// The operand's id.
    pub input: usize,
    /// Why nothing is handed over.
    #[cfg_attr(feature = "serde", serde(default))]
    pub skip: Option<Skip>,
    /// ∂y/∂x element by element, where the operation is elementwise.
    #[cfg_attr(feature = "serde", serde(default))]
    pub local: Option<Shown>,
    /// The contribution before broadcasting is undone, in y's shape.
    #[cfg_attr(feature = "serde", serde(default))]
    pub raw: Option<Shown>,
    /// The axes of y that undoing it sums over.
    #[cfg_attr(feature = "serde", serde(default))]
    pub axes: Vec<usize>,
    /// The contribution, in the operand's shape; none if it is skipped.
    #[cfg_attr(feature = "serde", serde(default))]
    pub delta: Option<Shown>,
    /// Whether the kernel added inside, so that `after` is not `before + delta` to the bit.
    #[cfg_attr(feature = "serde", serde(default))]
    pub fused: bool,
    /// The operand's adjoint afterwards, where it is fused.
    #[cfg_attr(feature = "serde", serde(default))]
    pub after: Option<Shown>,
}

/// How a trace was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Recorded {
    /// How much.
    pub detail: Detail,
    /// Bytes that elements may take.
    #[cfg_attr(feature = "serde", serde(default))]
    pub budget: Option<usize>,
    /// How many tensors were shortened.
    #[cfg_attr(feature = "serde", serde(default))]
    pub shortened: usize,
}

/// A whole trace as data; [`Trace::from_data`](super::Trace::from_data) checks it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TraceData {
    /// [`FORMAT`].
    pub format: String,
    /// Which library wrote it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub producer: String,
    /// The number type.
    pub dtype: Dtype,
    /// What the user calls it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub title: String,
    /// How it was recorded.
    #[cfg_attr(feature = "serde", serde(default))]
    pub options: Recorded,
    /// The tape, up to the last root.
    pub nodes: Vec<TraceNode>,
    /// Where the sweep begins.
    pub roots: Vec<Root>,
    /// The sweep, in its order.
    pub sweep: Vec<Visit>,
    /// Lines of the user's files: file, then line.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sources: BTreeMap<String, BTreeMap<u32, String>>,
}
