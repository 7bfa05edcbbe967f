//! Softmax and its logarithm over any set of axes.
//!
//! Fused for stability: the largest element is subtracted first, so ±500 is no problem, and a row
//! that is -∞ everywhere (fully masked) gives zeros, not NaN.

use super::reduce::{grouped, groups, permuted, reduced_last};
use super::{Op, Reduce};
use crate::element::Float;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::shape::Axes;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;
use crate::var::Var;
use smallvec::SmallVec;

/// Softmax or its logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Softmax {
    /// eˣ / sum(eˣ)
    Softmax,
    /// x - ln(sum(eˣ))
    LogSoftmax,
}

impl Softmax {
    /// Every operation of this family.
    pub const ALL: &[Softmax] = &[Softmax::Softmax, Softmax::LogSoftmax];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Softmax::Softmax => "softmax",
            Softmax::LogSoftmax => "log_softmax",
        }
    }

    pub(crate) fn forward<T: Kernels>(self, axes: Axes, x: &Tensor<T>, pool: &mut Pool<T>) -> Tensor<T> {
        let y = grouped(axes, x, pool, |x, groups, pool| {
            pool.build(x.shape().clone(), |out| match self {
                Softmax::Softmax => T::softmax(x.as_slice(), groups, out),
                Softmax::LogSoftmax => T::log_softmax(x.as_slice(), groups, out),
            })
        });
        if groups(axes, x.shape()).is_some() {
            return y;
        }
        let order = reduced_last(axes, x.ndim());
        let mut back: SmallVec<[usize; 6]> = SmallVec::from_elem(0, order.len());
        order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
        let result = permuted(&y, &back, pool);
        pool.put(y);
        result
    }

    /// softmax: y·(ȳ - sum(y·ȳ)); its logarithm: ȳ - eʸ·sum(ȳ).
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(self, axes: Axes, y: &V, y_bar: V) -> V {
        match self {
            Softmax::Softmax => V::softmax_vjp(axes, y, y_bar),
            Softmax::LogSoftmax => V::log_softmax_vjp(axes, y, y_bar),
        }
    }

    /// The rule in recordable operations.
    pub(crate) fn recorded_vjp<T: Float, V: TensorOps<T>>(self, axes: Axes, y: &V, y_bar: V) -> V {
        use super::{Binary, Unary};
        match self {
            Softmax::Softmax => {
                let inner = y.binary(Binary::Mul, &y_bar).reduce(Reduce::Sum, axes, true);
                y.binary(Binary::Mul, &y_bar.binary(Binary::Sub, &inner))
            }
            Softmax::LogSoftmax => {
                let total = y_bar.reduce(Reduce::Sum, axes, true);
                let p = y.apply_unary(Unary::Exp, 0.0);
                y_bar.binary(Binary::Sub, &p.binary(Binary::Mul, &total))
            }
        }
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// eˣ / sum(eˣ) along `axis`; a row of -∞ gives zeros.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let p = tape.var(tensor![500.0, 500.0, -500.0]).softmax(-1);
    /// assert_eq!(p.value(), tensor![0.5, 0.5, 0.0]);
    /// ```
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("softmax", &[axis]));
        self.tape().record(Op::Softmax(Softmax::Softmax, axes), &[self])
    }

    /// x - ln(sum(eˣ)) along `axis`.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("log_softmax", &[axis]));
        self.tape().record(Op::Softmax(Softmax::LogSoftmax, axes), &[self])
    }
}
