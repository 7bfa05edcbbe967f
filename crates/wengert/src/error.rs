//! Errors as data: each variant carries what was wrong, and its text says what would be right.
//!
//! Operators panic with the same sentences that the `try_` forms return, because both come from
//! the same pure `shape` function.

use crate::shape::Shape;

/// Shapes, axes or lengths that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Two shapes that NumPy's rule cannot stretch to a common one.
    #[error("{op}: shapes {left} and {right} do not broadcast: aligned at the last axis, lengths must be equal or 1{}", hint_broadcast(.left, .right))]
    Broadcast {
        /// The operation.
        op: &'static str,
        /// The first operand's shape.
        left: Shape,
        /// The second operand's shape.
        right: Shape,
    },
    /// An axis that the shape does not have.
    #[error("{op}: axis {axis} is outside shape {shape}, {}", hint_axes(.shape))]
    Axis {
        /// The operation.
        op: &'static str,
        /// The axis as it was given.
        axis: isize,
        /// The shape it was looked up in.
        shape: Shape,
    },
    /// An axis that was named twice.
    #[error("{op}: axis {axis} of shape {shape} is named twice")]
    RepeatedAxis {
        /// The operation.
        op: &'static str,
        /// The axis as it was given the second time.
        axis: isize,
        /// The shape it was looked up in.
        shape: Shape,
    },
    /// The inner dimensions of a matrix product differ.
    #[error("matmul: inner dimensions differ: {left} x {right}{}", hint_matmul(.left, .right))]
    Matmul {
        /// The first operand's shape.
        left: Shape,
        /// The second operand's shape.
        right: Shape,
    },
    /// A number of elements that does not fill a shape.
    #[error("{op}: {given} elements do not fill shape {shape}, which has {}", .shape.elements())]
    Elements {
        /// The operation.
        op: &'static str,
        /// How many elements were given.
        given: usize,
        /// The shape to be filled.
        shape: Shape,
    },
    /// A shape that an operation cannot take.
    #[error("{op}: expected {expected}, got {given}")]
    Expected {
        /// The operation.
        op: &'static str,
        /// What would be right, in words.
        expected: String,
        /// What was given, in words.
        given: String,
    },
    /// A reduction over an empty axis that has no neutral element.
    #[error("{op}: shape {shape} has no elements along the reduced axes, and an empty {op} has no value")]
    Empty {
        /// The operation.
        op: &'static str,
        /// The operand's shape.
        shape: Shape,
    },
    /// More axes than [`crate::MAX_AXES`], or more elements than memory can address.
    #[error(
        "shape {shape:?} is too large: at most {} axes, and elements that fit in memory",
        crate::MAX_AXES
    )]
    TooLarge {
        /// The shape.
        shape: Shape,
    },
}

impl ShapeError {
    /// [`ShapeError::Expected`], for a shape function to return.
    pub(crate) fn expected<V>(
        op: &'static str,
        expected: impl Into<String>,
        given: impl Into<String>,
    ) -> Result<V, ShapeError> {
        Err(ShapeError::Expected { op, expected: expected.into(), given: given.into() })
    }
}

/// A matrix that has no inverse, no solution or no Cholesky factor, or shapes that do not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Shapes that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Elimination found a pivot of 0.
    #[error(
        "{op}: matrix {matrix} of the batch is singular: pivot {pivot} is 0, so column {pivot} is a combination of those before it"
    )]
    Singular {
        /// The operation.
        op: &'static str,
        /// Which matrix, in row-major order over the leading axes.
        matrix: usize,
        /// Which pivot, from 0.
        pivot: usize,
    },
    /// Elimination found a pivot that is not positive.
    #[error(
        "{op}: matrix {matrix} of the batch is not positive definite: pivot {pivot} is {value:e} and must be above 0 (where only rounding is to blame, add a small multiple of the identity)"
    )]
    NotPositiveDefinite {
        /// The operation.
        op: &'static str,
        /// Which matrix, in row-major order over the leading axes.
        matrix: usize,
        /// Which pivot, from 0.
        pivot: usize,
        /// The pivot.
        value: f64,
    },
}

fn hint_axes(shape: &Shape) -> String {
    match shape.len() {
        0 => "a scalar, which has no axes".into(),
        n => format!("whose axes are 0..={} (or -{n}..=-1)", n - 1),
    }
}

fn hint_broadcast(left: &Shape, right: &Shape) -> String {
    let (long, short) = if left.len() >= right.len() { (left, right) } else { (right, left) };
    if short.len() == 1 && long.len() == 2 && long[0] == short[0] {
        format!(" (did you mean to reshape {short} to [{}, 1]?)", short[0])
    } else {
        String::new()
    }
}

fn hint_matmul(left: &Shape, right: &Shape) -> &'static str {
    match (&left[..], &right[..]) {
        ([.., k], [.., n, l]) if l == k && n != k => " (did you mean the transpose of the second?)",
        ([.., k, _], [.., l, _]) if l == k => " (did you mean the transpose of the first?)",
        _ => "",
    }
}
