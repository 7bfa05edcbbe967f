//! Reductions over any set of axes.
//!
//! The kernels reduce the middle of `[outer, n, inner]`. Neighbouring axes of one kind count as
//! one, so nearly all reductions are of that form; others go run by run of such axes, the last first.

use super::{Binary, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Groups, Kernels, movement};
use crate::pool::Pool;
use crate::shape::{Axes, Shape};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;

/// A reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reduce {
    /// Sum; of nothing, 0.
    Sum,
    /// Mean; of nothing, NaN.
    Mean,
    /// The largest; ties share the gradient evenly.
    Max,
    /// The smallest; ties share the gradient evenly.
    Min,
    /// ln(sum(eˣ)), stable; of nothing, -∞.
    LogSumExp,
}

impl Reduce {
    /// Every operation of this family.
    pub const ALL: &[Reduce] = &[Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min, Reduce::LogSumExp];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Reduce::Sum => "sum",
            Reduce::Mean => "mean",
            Reduce::Max => "max",
            Reduce::Min => "min",
            Reduce::LogSumExp => "logsumexp",
        }
    }

    pub(crate) fn shape(self, axes: Axes, keepdim: bool, x: &Shape) -> Result<Shape, ShapeError> {
        let shape = x.reduced(axes, keepdim);
        if matches!(self, Reduce::Max | Reduce::Min) && x.elements() == 0 && shape.elements() != 0 {
            return Err(ShapeError::Empty { op: self.name(), shape: x.clone() });
        }
        Ok(shape)
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        axes: Axes,
        x: &Tensor<T>,
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let Some(groups) = groups(axes, x.shape()) else {
            let (others, last) = last_run(axes, x.shape());
            let inner = self.forward(last, x, x.shape().reduced(last, true), pool);
            let result = self.forward(others, &inner, shape, pool);
            pool.put(inner);
            return result;
        };
        pool.build(shape, |out| match self {
            Reduce::Sum => T::sum(x.as_slice(), groups, out),
            Reduce::Mean => {
                T::sum(x.as_slice(), groups, out);
                let n = T::from_f64(groups.n as f64);
                out.iter_mut().for_each(|y| *y = T::binary_one(Binary::Div, *y, n));
            }
            Reduce::Max => <T as Kernels>::max(x.as_slice(), groups, out),
            Reduce::Min => <T as Kernels>::min(x.as_slice(), groups, out),
            Reduce::LogSumExp => T::logsumexp(x.as_slice(), groups, out),
        })
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        axes: Axes,
        x: &V,
        y: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let full = x.shape();
        let kept = full.reduced(axes, true);
        let y_bar = y_bar.reshape(&kept);
        let spread = |y_bar: V, into: &mut Adjoint<V>| match kept.elements() {
            1 => y_bar.spread(into),
            _ => into.add(y_bar.broadcast_to(&full)),
        };
        into.add(match self {
            Reduce::Sum => return spread(y_bar, into),
            Reduce::Mean => {
                let n: usize = axes.iter().map(|i| full[i]).product();
                // Of nothing: any finite factor, as 0·∞ would reach the second derivative.
                return spread(y_bar.times(1.0 / n.max(1) as f64), into);
            }
            Reduce::Max | Reduce::Min => {
                let ties = x.binary(Binary::Equal, &y.reshape(&kept));
                let count = ties.reduce(Reduce::Sum, axes, true);
                ties.binary(Binary::Mul, &y_bar.binary(Binary::Div, &count))
            }
            Reduce::LogSumExp => x.softmax(axes).binary(Binary::Mul, &y_bar),
        });
    }
}

/// Hands `f` a tensor whose reduced axes are one run in the middle: `x` itself, or a copy with the
/// reduced axes moved last.
pub(crate) fn grouped<T: Kernels, R>(
    axes: Axes,
    x: &Tensor<T>,
    pool: &mut Pool<T>,
    f: impl FnOnce(&Tensor<T>, Groups, &mut Pool<T>) -> R,
) -> R {
    if let Some(groups) = groups(axes, x.shape()) {
        return f(x, groups, pool);
    }
    let order = reduced_last(axes, x.ndim());
    let moved = permuted(x, &order, pool);
    let n = axes.iter().map(|i| x.shape()[i]).product();
    let outer = x.shape().reduced(axes, false).elements();
    let result = f(&moved, Groups { outer, n, inner: 1 }, pool);
    pool.put(moved);
    result
}

/// The axes without the last of their runs that [`groups`] takes, and that run.
fn last_run(axes: Axes, shape: &Shape) -> (Axes, Axes) {
    let (mut others, mut last) = (axes, Axes::NONE);
    for i in (0..shape.len()).rev().filter(|&i| shape[i] != 1) {
        match axes.has(i) {
            true => (others, last) = (others.without(i), last.with(i)),
            false if last.is_empty() => {}
            false => break,
        }
    }
    (others, last)
}

/// `[outer, n, inner]` if the reduced axes are neighbours; axes of length 1 are of either kind.
pub(crate) fn groups(axes: Axes, shape: &Shape) -> Option<Groups> {
    let first = (0..shape.len()).find(|&i| axes.has(i) && shape[i] != 1).unwrap_or(shape.len());
    let last = (0..shape.len()).rev().find(|&i| axes.has(i) && shape[i] != 1).map_or(first, |i| i + 1);
    let together = (first..last).all(|i| axes.has(i) || shape[i] == 1);
    together.then(|| Groups {
        outer: shape[..first].iter().product(),
        n: shape[first..last].iter().product(),
        inner: shape[last..].iter().product(),
    })
}

/// `[outer, n, inner]` with `axis` in the middle, whatever its length.
pub(crate) fn along(axis: usize, shape: &Shape) -> Groups {
    let product = |axes: &[usize]| axes.iter().product();
    Groups { outer: product(&shape[..axis]), n: shape[axis], inner: product(&shape[axis + 1..]) }
}

/// The order of axes with the reduced ones moved to the end.
pub(crate) fn reduced_last(axes: Axes, ndim: usize) -> SmallVec<[usize; 6]> {
    (0..ndim).filter(|&i| !axes.has(i)).chain(axes.iter()).collect()
}

/// A copy with the axes in another order.
pub(crate) fn permuted<T: Kernels>(x: &Tensor<T>, order: &[usize], pool: &mut Pool<T>) -> Tensor<T> {
    let strides = x.shape().strides();
    let from: SmallVec<[isize; 6]> = order.iter().map(|&i| strides[i] as isize).collect();
    let shape: Shape = order.iter().map(|&i| x.shape()[i]).collect();
    pool.build(shape.clone(), |out| movement::gather(x.as_slice(), 0, &from, &shape, out))
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn reduce_over(self, what: Reduce, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes(what.name(), axes));
        self.reduce(what, axes, keepdim)
    }

    #[track_caller]
    pub(crate) fn reduce(self, what: Reduce, axes: Axes, keepdim: bool) -> Var<'t, T> {
        self.tape().record(Op::Reduce { what, axes, keepdim }, &[self])
    }

    #[track_caller]
    fn reduce_all(self, what: Reduce) -> Var<'t, T> {
        self.reduce(what, Axes::all(self.shape().len()), false)
    }

    /// The sum of all elements, a scalar.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// let grads = x.sum().backward();
    /// assert_eq!(grads.wrt(x), &tensor![1.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn sum(self) -> Var<'t, T> {
        self.reduce_all(Reduce::Sum)
    }

    /// The sum over `axes` (negative ones count from the end), which are removed, or kept with
    /// length 1 if `keepdim`.
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn sum_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        self.reduce_over(Reduce::Sum, axes, keepdim)
    }

    /// The mean of all elements, a scalar.
    #[track_caller]
    pub fn mean(self) -> Var<'t, T> {
        self.reduce_all(Reduce::Mean)
    }

    /// The mean over `axes`, as [`sum_axes`](Var::sum_axes).
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn mean_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        self.reduce_over(Reduce::Mean, axes, keepdim)
    }

    /// The largest element; elements that tie share the gradient evenly.
    ///
    /// # Panics
    /// There are no elements.
    #[track_caller]
    pub fn max(self) -> Var<'t, T> {
        self.reduce_all(Reduce::Max)
    }

    /// The largest over `axes`, as [`sum_axes`](Var::sum_axes); ties share the gradient evenly.
    ///
    /// # Panics
    /// An axis that the shape does not have, is named twice, or is empty.
    #[track_caller]
    pub fn max_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        self.reduce_over(Reduce::Max, axes, keepdim)
    }

    /// The smallest element; elements that tie share the gradient evenly.
    ///
    /// # Panics
    /// There are no elements.
    #[track_caller]
    pub fn min(self) -> Var<'t, T> {
        self.reduce_all(Reduce::Min)
    }

    /// The smallest over `axes`, as [`sum_axes`](Var::sum_axes); ties share the gradient evenly.
    ///
    /// # Panics
    /// An axis that the shape does not have, is named twice, or is empty.
    #[track_caller]
    pub fn min_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        self.reduce_over(Reduce::Min, axes, keepdim)
    }

    /// ln(sum(eˣ)) over all elements, without overflow.
    #[track_caller]
    pub fn logsumexp(self) -> Var<'t, T> {
        self.reduce_all(Reduce::LogSumExp)
    }

    /// ln(sum(eˣ)) over `axes`, as [`sum_axes`](Var::sum_axes), without overflow.
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn logsumexp_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        self.reduce_over(Reduce::LogSumExp, axes, keepdim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_axes_reduce_as_one_group() {
        let of = |shape: &[usize], axes: &[usize]| {
            let set = axes.iter().fold(Axes::NONE, |s, &a| s.with(a));
            groups(set, &Shape::from(shape)).map(|g| [g.outer, g.n, g.inner])
        };
        assert_eq!(of(&[2, 3, 4], &[1]), Some([2, 3, 4]));
        assert_eq!(of(&[2, 3, 4], &[0, 1]), Some([1, 6, 4]));
        assert_eq!(of(&[2, 3, 4], &[0, 2]), None);
        assert_eq!(of(&[2, 1, 4], &[0, 2]), Some([1, 8, 1]), "an axis of length 1 is no obstacle");
        assert_eq!(of(&[2, 3], &[]), Some([6, 1, 1]));
        assert_eq!(of(&[], &[]), Some([1, 1, 1]));
    }
}
