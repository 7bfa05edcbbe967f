//! Why a check failed, and which operation is to blame: data, that prints as sentences.

use super::differences::Estimate;
use super::report::{Comparison, Entry, GradCheckReport, number, place, rounded};
use crate::element::Float;
use crate::shape::Shape;
use crate::tape::{GradientTape, NodeId};
use std::fmt;
use std::panic::Location;

/// Why a check failed.
///
/// `Debug` prints the same text as `Display`: it is what `unwrap` and a `main` that returns the
/// error show, and a table is easier to read than nested fields.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GradCheckError {
    /// Derivatives differ from their numerical estimates.
    #[error("gradient check failed: {failure}\n\n{report}\n\n{culprit}")]
    Mismatch {
        /// The gravest failure of the first order that fails.
        failure: Box<Comparison>,
        /// All comparisons up to that order.
        report: Box<GradCheckReport>,
        /// The operation that is to blame.
        culprit: Box<Culprit>,
    },
    /// The numeric sweep (`backward`) and the recorded one (`gradient`) differ.
    #[error("derivative {order} of {entry}: `backward` says {}, `gradient` says {}\n\n{culprit}", number(*.backward), number(*.gradient))]
    Sweeps {
        /// 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Which derivative.
        entry: Entry,
        /// What the numeric sweep computed.
        backward: f64,
        /// What the recorded sweep computed.
        gradient: f64,
        /// The operation that is to blame.
        culprit: Box<Culprit>,
    },
    /// Forward and reverse mode differ: <J·v, w> is not <v, Jᵀ·w>.
    #[error("derivative {order} along direction {direction}: forward mode says {}, reverse mode says {}\n\n{culprit}", number(*.forward), number(*.reverse))]
    Adjoint {
        /// 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Which random direction.
        direction: usize,
        /// <J·v, w>.
        forward: f64,
        /// <v, Jᵀ·w>.
        reverse: f64,
        /// The operation that is to blame.
        culprit: Box<Culprit>,
    },
    /// The function has no finite value at the inputs.
    #[error("the function is {value}{}{}: check at inputs where it is finite", place(.index), first(.origin))]
    NotFinite {
        /// Where in the result.
        index: Vec<usize>,
        /// What was found there.
        value: f64,
        /// The first operation on the way there that has such a value.
        origin: Option<Box<Operation>>,
    },
    /// A gradient is not finite, while the function is.
    #[error("derivative {order} of {entry} is {value}{}: check at inputs where it is finite", first(.origin))]
    NotFiniteGradient {
        /// 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Which derivative.
        entry: Entry,
        /// What was found there.
        value: f64,
        /// The first operation on the way back that passes such a number on.
        origin: Option<Box<Operation>>,
    },
    /// The function gives other bits for the same inputs the second time.
    #[error("the function is not deterministic: at the same inputs, {} is {first:?}, then {second:?}; fix its seeds", what(.order, .input, .index))]
    NotDeterministic {
        /// 0 for the value, 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Of which input it is the derivative; 0 for the value.
        input: usize,
        /// Which element.
        index: Vec<usize>,
        /// What was computed at first.
        first: f64,
        /// What was computed then.
        second: f64,
    },
    /// The shape of the result depends on the numbers of the inputs.
    #[error(
        "the function's result has shape {first} at the inputs, but {second} near them; it must not depend on their numbers"
    )]
    ShapeChanges {
        /// At the inputs.
        first: Shape,
        /// Somewhere near.
        second: Shape,
    },
    /// The function returned a variable that is not on the tape of those it was given.
    #[error("the function returned a variable of another tape, recorded at {}:{}; it must compute with the variables that it is given", .at.file(), .at.line())]
    OtherTape {
        /// Where that variable was recorded.
        at: &'static Location<'static>,
    },
    /// There are no inputs to differentiate by.
    #[error("there are no inputs: give at least one tensor to differentiate by")]
    NoInputs,
    /// The inputs are `f32`.
    #[error(
        "gradients are checked in f64: differences of f32 lose most of their digits (`cast` the inputs, or say `allow_f32` for tolerances of 1e-3)"
    )]
    SinglePrecision,
    /// A setting that allows no check.
    #[error("{name} is {value}, but must be {expected}")]
    Setting {
        /// The method that set it.
        name: &'static str,
        /// What it was set to.
        value: f64,
        /// What would do.
        expected: &'static str,
    },
}

impl fmt::Debug for GradCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn first(origin: &Option<Box<Operation>>) -> String {
    origin.as_ref().map_or(String::new(), |operation| format!(", first from {operation}"))
}

fn what(order: &usize, input: &usize, index: &[usize]) -> String {
    match order {
        0 => format!("its value{}", place(index)),
        order => format!("derivative {order} of {}", Entry::Of { input: *input, index: index.to_vec() }),
    }
}

/// A node of the tape as an error names it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// Its position on the tape.
    pub id: NodeId,
    /// The operation's name.
    pub name: &'static str,
    /// Name and operands, as the tape prints them.
    pub expression: String,
    /// Its inputs and their shapes.
    pub inputs: Vec<(NodeId, Shape)>,
    /// 0 if the function recorded it, n if a rule did while order n was differentiated.
    pub order: usize,
    /// The line that recorded it; that of the differentiated operation if a rule did.
    pub location: &'static Location<'static>,
}

impl Operation {
    pub(super) fn at<T: Float>(tape: &GradientTape<T>, id: usize, order: usize) -> Operation {
        let arena = tape.arena.borrow();
        let node = &arena.nodes[id];
        let inputs = arena.inputs(node).iter().map(|&i| (NodeId(i), arena.value(i).shape().clone()));
        Operation {
            id: NodeId(id as u32),
            name: arena.name(node),
            expression: tape.expression(node),
            inputs: inputs.collect(),
            order,
            location: node.location,
        }
    }
}

/// ``%2 `mul %0, %1` (src/model.rs:41)``
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.location;
        write!(f, "{} `{}` ({}:{})", self.id, self.expression, at.file(), at.line())?;
        if self.order > 0 { write!(f, ", recorded by the rule of that line") } else { Ok(()) }
    }
}

/// Which of an operation's derivatives is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// What `backward` uses.
    Backward,
    /// What `gradient` records.
    Recorded,
    /// What forward mode computes.
    Forward,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Backward => "its rule",
            Rule::Recorded => "its recorded rule",
            Rule::Forward => "its derivative in forward mode",
        })
    }
}

/// Who is to blame for a wrong derivative: found by checking each node of the tape alone, on the
/// values that it was recorded with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Culprit {
    /// The first operation that has a wrong rule.
    Operation {
        /// The operation.
        operation: Operation,
        /// Which of its derivatives is wrong.
        rule: Rule,
        /// 1 if the rule itself is wrong, 2 if the derivative of the rule is, and so on.
        order: usize,
        /// By which input.
        input: usize,
        /// By which of its entries.
        index: Vec<usize>,
        /// What the rule says: the contribution to this entry, from the adjoint that arrives.
        analytic: f64,
        /// What differences of the operation alone say.
        numeric: Estimate,
    },
    /// No rule is wrong, but this operation lets nothing back, although its value depends on the
    /// inputs: `detach`, or whatever was recorded while the tape was paused.
    Cut(Operation),
    /// No operation is wrong, but this leaf changes with the inputs: its value was computed from
    /// theirs outside of the tape.
    Leaf(Operation),
    /// No operation is wrong by itself, but these are at a kink, and their choices do not add up.
    Kinks(Vec<Operation>),
    /// Every operation agrees with its own differences.
    Unknown,
}

impl Culprit {
    /// The operation, if there is one alone to blame.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Culprit::Operation { operation, .. } | Culprit::Cut(operation) | Culprit::Leaf(operation) => {
                Some(operation)
            }
            Culprit::Kinks(_) | Culprit::Unknown => None,
        }
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Culprit::Operation { operation, rule, order, input, index, analytic, numeric } => {
                let (id, shape) = &operation.inputs[*input];
                let off = (analytic - numeric.value).abs();
                let relative = off / numeric.value.abs().max(analytic.abs());
                let what =
                    if *order == 1 { String::new() } else { format!(", differentiated to order {order},") };
                write!(
                    f,
                    "culprit: {operation}\n  {rule}{what} gives {} for {id}{shape} (input {input}){}, \
                     differences of it alone give {numeric}: off by {}, {} relative",
                    number(*analytic),
                    place(index),
                    rounded(off, 2),
                    rounded(relative, 2),
                )
            }
            Culprit::Cut(operation) => write!(
                f,
                "culprit: {operation}\n  lets no gradient back, but its value depends on the inputs"
            ),
            Culprit::Leaf(operation) => write!(
                f,
                "culprit: {operation}\n  changes with the inputs: its value was computed from theirs outside of the tape"
            ),
            Culprit::Kinks(operations) => {
                write!(
                    f,
                    "no operation is wrong by itself, but these are at a kink, and what they choose there does not add up:"
                )?;
                operations.iter().try_for_each(|operation| write!(f, "\n  {operation}"))
            }
            Culprit::Unknown => {
                f.write_str("culprit: none found; each operation agrees with its own differences")
            }
        }
    }
}
