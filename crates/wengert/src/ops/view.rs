//! The same elements arranged in another way, with each operation's transpose beside it:
//! slice and unslice, broadcast and sum, permute and its inverse, concat and slice.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, movement};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

/// A rearrangement; its attribute list is described at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum View {
    /// Another shape for the same buffer. List: the shape.
    Reshape,
    /// Axes repeated by NumPy's rule. List: the shape.
    BroadcastTo,
    /// Axes in another order. List: for each axis of the result, the axis it was.
    Permute,
    /// Every step-th element from start on. List: start, count, step of each axis.
    Slice,
    /// Transpose of slice: zeros with the operand written into a slice of them. List: as the
    /// slice's, then the shape of the result.
    Unslice,
    /// Operands one after the other along an axis. List: the axis.
    Concat,
}

/// Start, count and step along each axis; a step may be negative, as its two's complement.
type Slices<'a> = std::slice::ChunksExact<'a, usize>;

impl View {
    /// Every operation of this family.
    pub const ALL: &[View] =
        &[View::Reshape, View::BroadcastTo, View::Permute, View::Slice, View::Unslice, View::Concat];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            View::Reshape => "reshape",
            View::BroadcastTo => "broadcast_to",
            View::Permute => "permute",
            View::Slice => "slice",
            View::Unslice => "unslice",
            View::Concat => "concat",
        }
    }

    pub(crate) fn shape(self, list: &[usize], inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let x = inputs[0];
        match self {
            View::Reshape => {
                let shape = Shape::new(list)?;
                if shape.elements() != x.elements() {
                    return Err(ShapeError::Elements { op: "reshape", given: x.elements(), shape });
                }
                Ok(shape)
            }
            View::BroadcastTo => {
                let shape = Shape::new(list)?;
                match Shape::broadcast("broadcast_to", x, &shape) {
                    Ok(both) if both == shape => Ok(shape),
                    _ => Err(ShapeError::Expected {
                        op: "broadcast_to",
                        expected: format!("a shape that {x} stretches to"),
                        given: shape.to_string(),
                    }),
                }
            }
            View::Permute => Ok(list.iter().map(|&i| x[i]).collect()),
            View::Slice => Ok(list.chunks_exact(3).map(|s| s[1]).collect()),
            View::Unslice => Shape::new(&list[3 * x.len()..]),
            View::Concat => concat_shape(list[0], inputs),
        }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        list: &[usize],
        inputs: &[&Tensor<T>],
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let x = inputs[0];
        match self {
            // A scalar has no buffer to share.
            View::Reshape if x.shape().is_empty() => {
                pool.build(shape, |out| out.copy_from_slice(x.as_slice()))
            }
            View::Reshape => x.reshaped(shape),
            View::BroadcastTo => {
                let strides = broadcast_strides(x.shape(), &shape);
                pool.build(shape.clone(), |out| movement::gather(x.as_slice(), 0, &strides, &shape, out))
            }
            View::Permute => super::reduce::permuted(x, list, pool),
            View::Slice => {
                let (offset, strides) = slice_strides(x.shape(), list.chunks_exact(3));
                pool.build(shape.clone(), |out| movement::gather(x.as_slice(), offset, &strides, &shape, out))
            }
            View::Unslice => {
                let (offset, strides) = slice_strides(&shape, list[..3 * x.ndim()].chunks_exact(3));
                pool.build(shape, |out| {
                    out.fill(T::default());
                    movement::scatter(x.as_slice(), offset, &strides, x.shape(), out);
                })
            }
            View::Concat => {
                let axis = list[0];
                let strides: SmallVec<[isize; 6]> = shape.strides().iter().map(|&s| s as isize).collect();
                pool.build(shape, |out| {
                    let mut offset = 0;
                    for x in inputs {
                        movement::scatter(x.as_slice(), offset, &strides, x.shape(), out);
                        offset += x.shape()[axis] * strides[axis] as usize;
                    }
                })
            }
        }
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        at: At,
        wrt: usize,
        inputs: &[V],
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let x = &inputs[wrt];
        let list = y_bar.attribute_list(at);
        into.add(match self {
            View::Reshape => y_bar.reshape(&x.shape()),
            // The adjoint undoes broadcasting of every contribution.
            View::BroadcastTo => y_bar,
            View::Permute => {
                let mut inverse: SmallVec<[usize; 6]> = SmallVec::from_elem(0, list.len());
                list.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                y_bar.view(View::Permute, &inverse)
            }
            View::Slice => {
                let mut unslice = list;
                unslice.extend_from_slice(&x.shape());
                y_bar.view(View::Unslice, &unslice)
            }
            View::Unslice => y_bar.view(View::Slice, &list[..3 * x.shape().len()]),
            View::Concat => {
                let axis = list[0];
                let start: usize = inputs[..wrt].iter().map(|x| x.shape()[axis]).sum();
                let slices: SmallVec<[usize; 18]> = x
                    .shape()
                    .iter()
                    .enumerate()
                    .flat_map(|(i, &n)| [if i == axis { start } else { 0 }, n, 1])
                    .collect();
                y_bar.view(View::Slice, &slices)
            }
        });
    }
}

fn concat_shape(axis: usize, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
    let first = inputs[0];
    for other in inputs {
        let fits = other.len() == first.len() && (0..first.len()).all(|i| i == axis || other[i] == first[i]);
        if !fits {
            return Err(ShapeError::Expected {
                op: "concat",
                expected: format!("operands that are equal to {first} but along axis {axis}"),
                given: other.to_string(),
            });
        }
    }
    let total = inputs.iter().map(|x| x[axis]).sum();
    Shape::new(&first.iter().enumerate().map(|(i, &n)| if i == axis { total } else { n }).collect::<Shape>())
}

/// Strides that walk `from` in the order of the larger shape: 0 along repeated axes.
fn broadcast_strides(from: &Shape, to: &Shape) -> SmallVec<[isize; 6]> {
    let missing = to.len() - from.len();
    let strides = from.strides();
    let of = |i: usize| if from[i] == 1 { 0 } else { strides[i] as isize };
    (0..to.len()).map(|i| if i < missing { 0 } else { of(i - missing) }).collect()
}

/// Offset and strides of a slice of a row-major buffer of `shape`.
fn slice_strides(shape: &Shape, slices: Slices<'_>) -> (usize, SmallVec<[isize; 6]>) {
    let strides = shape.strides();
    let mut offset = 0;
    let of = slices.zip(&strides).map(|(s, &stride)| {
        offset += s[0] * stride;
        s[2] as isize * stride as isize
    });
    let steps = of.collect();
    (offset, steps)
}

/// Which elements of an axis: `a..b`, `a..`, `..b`, `..`, `a..=b`, with a step other than 1 as
/// `(a..b, step)`.
///
/// Negative positions count from the end, positions outside are clipped, a negative step walks
/// backwards: as in Python. With a negative step `..` is the whole axis reversed.
///
/// ```
/// use wengert::{GradientTape, Span, tensor};
/// let tape = GradientTape::new();
/// let x = tape.var(tensor![0.0, 1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(x.slice(&[Span::from(1..3)]).value(), tensor![1.0, 2.0]);
/// assert_eq!(x.slice(&[Span::new(1, -1)]).value(), tensor![1.0, 2.0, 3.0]);
/// assert_eq!(x.slice(&[Span::from((.., -2))]).value(), tensor![4.0, 2.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: Option<isize>,
    end: Option<isize>,
    step: isize,
}

impl Span {
    /// From `start` to before `end`, either of them open if `None`: `Span::new(1, -1)`,
    /// `Span::new(None, -2)`. What [`From`] makes of literal ranges, for ends that count from the
    /// end: clippy takes a literal `1..-1` for an empty range.
    pub fn new(start: impl Into<Option<isize>>, end: impl Into<Option<isize>>) -> Span {
        Span { start: start.into(), end: end.into(), step: 1 }
    }

    /// Start, count and step within an axis of length `n`.
    fn resolve(self, n: usize) -> Result<[usize; 3], ShapeError> {
        let n = n as isize;
        let Span { start, end, step } = self;
        if step == 0 {
            return Err(ShapeError::Expected {
                op: "slice",
                expected: "a step other than 0".into(),
                given: "0".into(),
            });
        }
        // Python's rule: clip to 0..=n forwards, to -1..=n-1 backwards.
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let clip = |i: isize| (if i < 0 { i.saturating_add(n) } else { i }).clamp(low, high);
        let start = start.map_or(if step > 0 { low } else { high }, clip);
        let end = end.map_or(if step > 0 { high } else { low }, clip);
        let distance = if step > 0 { end - start } else { start - end };
        let count = if distance > 0 { (distance as usize).div_ceil(step.unsigned_abs()) } else { 0 };
        // An empty slice starts nowhere, which must still be inside; a single element has no next
        // one, so that a huge step cannot overflow a stride.
        let (start, step) = match count {
            0 => (0, 1),
            1 => (start as usize, 1),
            _ => (start as usize, step as usize),
        };
        Ok([start, count, step])
    }
}

macro_rules! span_from {
    ($($range:ty, $r:ident => $start:expr, $end:expr;)*) => {$(
        impl From<$range> for Span {
            fn from($r: $range) -> Span {
                Span { start: $start, end: $end, step: 1 }
            }
        }
    )*};
}

span_from! {
    Range<isize>, r => Some(r.start), Some(r.end);
    RangeFrom<isize>, r => Some(r.start), None;
    RangeTo<isize>, r => None, Some(r.end);
    RangeFull, _r => None, None;
    RangeInclusive<isize>, r => Some(*r.start()), if *r.end() == -1 { None } else { Some(r.end().saturating_add(1)) };
}

impl<R: Into<Span>> From<(R, isize)> for Span {
    fn from((range, step): (R, isize)) -> Span {
        Span { step, ..range.into() }
    }
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    pub(crate) fn record_view(self, view: View, list: &[usize]) -> Var<'t, T> {
        let at = self.tape().push_list(list);
        self.tape().record(Op::View(view, at), &[self])
    }

    /// The same elements under another shape; the buffer is shared, not copied.
    ///
    /// # Panics
    /// The number of elements differs.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.reshape(&[2, 2]).value(), tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn reshape(self, shape: &[usize]) -> Var<'t, T> {
        self.record_view(View::Reshape, shape)
    }

    /// [`reshape`](Var::reshape) with an error instead of a panic.
    ///
    /// # Errors
    /// The number of elements differs, or the shape is too large.
    #[track_caller]
    pub fn try_reshape(self, shape: &[usize]) -> Result<Var<'t, T>, ShapeError> {
        let at = self.tape().push_list(shape);
        self.tape().try_record(Op::View(View::Reshape, at), &[self])
    }

    /// Repeats axes of length 1, and missing leading ones, up to `shape`.
    ///
    /// # Panics
    /// The shape does not stretch to `shape` by NumPy's rule.
    #[track_caller]
    pub fn broadcast_to(self, shape: &[usize]) -> Var<'t, T> {
        self.record_view(View::BroadcastTo, shape)
    }

    /// The axes in another order: axis `i` of the result was axis `order[i]`.
    ///
    /// # Panics
    /// `order` does not name each axis once.
    #[track_caller]
    pub fn permute(self, order: &[isize]) -> Var<'t, T> {
        let shape = self.shape();
        GradientTape::<T>::fit(shape.axes("permute", order));
        if order.len() != shape.len() {
            panic!("permute: {order:?} does not name each of the {} axes of shape {shape} once", shape.len());
        }
        let order: Result<SmallVec<[usize; 6]>, _> =
            order.iter().map(|&i| shape.axis("permute", i)).collect();
        let order = GradientTape::<T>::fit(order);
        self.record_view(View::Permute, &order)
    }

    /// Swaps two axes; negative ones count from the end.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    #[track_caller]
    pub fn transpose(self, a: isize, b: isize) -> Var<'t, T> {
        let shape = self.shape();
        let mut order: SmallVec<[usize; 6]> = (0..shape.len()).collect();
        let (a, b) = (shape.axis("transpose", a), shape.axis("transpose", b));
        order.swap(GradientTape::<T>::fit(a), GradientTape::<T>::fit(b));
        self.record_view(View::Permute, &order)
    }

    /// Part of each axis; axes without a span are taken whole. See [`Span`].
    ///
    /// # Panics
    /// More spans than axes, or a step of 0.
    #[track_caller]
    pub fn slice(self, spans: &[Span]) -> Var<'t, T> {
        let shape = self.shape();
        if spans.len() > shape.len() {
            panic!("slice: {} spans for shape {shape}, which has {} axes", spans.len(), shape.len());
        }
        let whole = Span::from(..);
        let spans = spans.iter().copied().chain(std::iter::repeat(whole));
        let mut list: SmallVec<[usize; 18]> = SmallVec::new();
        for (&n, span) in shape.iter().zip(spans) {
            list.extend(GradientTape::<T>::fit(span.resolve(n)));
        }
        self.record_view(View::Slice, &list)
    }
}

impl<T: Float> GradientTape<T> {
    /// The operands one after the other along `axis`.
    ///
    /// # Panics
    /// No operands, or shapes that differ elsewhere than along `axis`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (a, b) = (tape.var(tensor![[1.0], [2.0]]), tape.var(tensor![[3.0], [4.0]]));
    /// assert_eq!(tape.concat(&[a, b], 1).value(), tensor![[1.0, 3.0], [2.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn concat<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
        Self::fit(self.try_concat(operands, axis))
    }

    /// [`concat`](GradientTape::concat) with an error instead of a panic.
    ///
    /// # Errors
    /// No operands, or shapes that differ elsewhere than along `axis`.
    #[track_caller]
    pub fn try_concat<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Result<Var<'t, T>, ShapeError> {
        let Some(first) = operands.first() else {
            return Err(ShapeError::Expected {
                op: "concat",
                expected: "at least one operand".into(),
                given: "none".into(),
            });
        };
        let axis = first.shape().axis("concat", axis)?;
        let at = self.push_list(&[axis]);
        self.try_record(Op::View(View::Concat, at), operands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `list(range(n))[start:end:step]`.
    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn spans_follow_python() {
        let picked = |span: Span, n: usize| {
            let [start, count, step] = span.resolve(n).unwrap();
            (0..count).map(|i| start as isize + i as isize * step as isize).collect::<Vec<_>>()
        };
        assert_eq!(picked(Span::from(1..3), 5), [1, 2]);
        assert_eq!(picked(Span::new(1, -1), 5), [1, 2, 3]);
        assert_eq!(picked(Span::from(-2..), 5), [3, 4]);
        assert_eq!(picked(Span::from(..-3), 5), [0, 1]);
        assert_eq!(picked(Span::from((.., 2)), 5), [0, 2, 4]);
        assert_eq!(picked(Span::from((.., -1)), 3), [2, 1, 0]);
        assert_eq!(picked(Span::from((3..0, -2)), 5), [3, 1]);
        assert_eq!(picked(Span::from(1..=-1), 4), [1, 2, 3]);
        assert_eq!(picked(Span::from(2..100), 4), [2, 3]);
        assert_eq!(picked(Span::from(3..1), 4), [0isize; 0]);
        assert_eq!(picked(Span::from(..), 0), [0isize; 0]);
        assert_eq!(picked(Span::from(isize::MIN..isize::MAX), 2), [0, 1]);
        assert!(Span::from((.., 0)).resolve(3).is_err());
    }
}
