//! The same elements arranged in another way: the primitives, a closed family.
//!
//! Each one's transpose is here too: slice and unslice, broadcast and sum, permute and its inverse,
//! concat and slice; a band is its own. Everything else that moves elements is composed of them,
//! so that none of it needs a rule, and nothing that was cut off or covered up is ever read by one.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, movement};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;

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
    /// A band of diagonals of the last two axes, and zeros elsewhere. List: the lowest and the
    /// highest diagonal kept, negative ones as their two's complement; 0 is the main one, positive
    /// ones are above it.
    Band,
}

/// Start, count and step along each axis; a step may be negative, as its two's complement.
type Slices<'a> = std::slice::ChunksExact<'a, usize>;

impl View {
    /// Every operation of this family.
    pub const ALL: &[View] = &[
        View::Reshape,
        View::BroadcastTo,
        View::Permute,
        View::Slice,
        View::Unslice,
        View::Concat,
        View::Band,
    ];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            View::Reshape => "reshape",
            View::BroadcastTo => "broadcast_to",
            View::Permute => "permute",
            View::Slice => "slice",
            View::Unslice => "unslice",
            View::Concat => "concat",
            View::Band => "band",
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
            View::Band => Ok(x.clone()),
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
                let spans = &list[..3 * x.ndim()];
                pool.build(shape.clone(), |out| write_slice(x, spans, T::default(), &shape, out))
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
            View::Band => pool.build(shape.clone(), |out| {
                out.copy_from_slice(x.as_slice());
                clear_outside([list[0] as isize, list[1] as isize], &shape, out);
            }),
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
                let shape = x.shape();
                y_bar.view(View::Slice, &part_of(&shape, axis, start, shape[axis]))
            }
            View::Band => y_bar.view(View::Band, &list),
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

/// Fills a buffer of `shape` with `fill`, and a slice of it with `x`.
pub(crate) fn write_slice<T: Kernels>(x: &Tensor<T>, spans: &[usize], fill: T, shape: &Shape, out: &mut [T]) {
    let (offset, strides) = slice_strides(shape, spans.chunks_exact(3));
    out.fill(fill);
    movement::scatter(x.as_slice(), offset, &strides, x.shape(), out);
}

/// Zeros outside of a band of diagonals.
fn clear_outside<T: Kernels>([lowest, highest]: [isize; 2], shape: &Shape, out: &mut [T]) {
    let [.., rows, columns] = shape[..] else { unreachable!("a band has at least two axes") };
    for (i, row) in out.chunks_exact_mut(columns.max(1)).enumerate() {
        let i = i.checked_rem(rows).unwrap_or(0) as isize;
        let column = |j: isize| j.clamp(0, columns as isize) as usize;
        let (start, end) =
            (column(i.saturating_add(lowest)), column(i.saturating_add(highest).saturating_add(1)));
        row[..start].fill(T::default());
        row[end.max(start)..].fill(T::default());
    }
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    pub(crate) fn record_view(self, view: View, list: &[usize]) -> Var<'t, T> {
        let at = self.tape().push_list(list);
        self.tape().record(Op::View(view, at), &[self])
    }

    /// `count` elements of one axis from `start` on, which are known to be there.
    #[track_caller]
    pub(crate) fn part(self, axis: usize, start: usize, count: usize) -> Var<'t, T> {
        let list = part_of(&self.shape(), axis, start, count);
        self.record_view(View::Slice, &list)
    }
}

/// A slice's list: `count` elements of one axis from `start` on, the others whole.
pub(crate) fn part_of(shape: &Shape, axis: usize, start: usize, count: usize) -> SmallVec<[usize; 18]> {
    let of = |(i, &n)| if i == axis { [start, count, 1] } else { [0, n, 1] };
    shape.iter().enumerate().flat_map(of).collect()
}
