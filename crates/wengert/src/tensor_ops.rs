//! The handle that structural rules are written over, and the adjoint that they add into.
//!
//! Two things implement [`TensorOps`]: an eager handle that computes (a tensor with sight of the
//! tape's pool), and [`Var`](crate::Var), which computes and records. So one rule serves the
//! numeric sweep and the sweep that can be differentiated again.

use crate::element::Float;
use crate::ops::{At, Binary, Op, Product, Reduce, Softmax, Unary, View};
use crate::shape::{Axes, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// Operations on tensors that compute, or compute and record.
pub(crate) trait TensorOps<T: Float>: Clone {
    /// The shape of the value.
    fn shape(&self) -> Shape;
    /// Stores an attribute list for an operation to come.
    fn list(&self, items: &[usize]) -> At;
    /// An attribute list of the operation that is being differentiated.
    fn attribute_list(&self, at: At) -> SmallVec<[usize; 18]>;
    /// The elements, for rules that depend on where something was found in them.
    fn value(&self) -> Tensor<T>;
    /// A tensor that a rule has made, on the same tape.
    fn constant(&self, value: Tensor<T>) -> Self;
    /// Computes (and records) `op`, whose shapes are known to fit.
    fn apply(op: Op, inputs: &[&Self]) -> Self;
    /// `apply` for an elementwise operation with a number.
    fn apply_unary(&self, op: Unary, c: f64) -> Self;

    /// `self + x`; in place where nobody else holds the buffer.
    fn add_assign(self, x: Self) -> Self;
    /// Adds this, one element, to every element of an adjoint: what a sum hands back.
    fn spread(self, into: &mut Adjoint<Self>) {
        let all = self.broadcast_to(&into.shape);
        into.add(all);
    }
    /// `acc + product`; the product adds into the buffer where nobody else holds it.
    fn add_product(acc: Self, op: Product, a: &Self, b: &Self) -> Self;
    /// The rule of an elementwise operation, added into the adjoint of its input.
    fn unary_vjp(op: Unary, c: [f64; 2], x: &Self, y: &Self, y_bar: Self, into: &mut Adjoint<Self>);
    /// The same for two operands.
    fn binary_vjp(
        op: Binary,
        wrt: usize,
        a: &Self,
        b: &Self,
        y: &Self,
        y_bar: Self,
        into: &mut Adjoint<Self>,
    );
    /// The rule of the cross-entropy of rows with labels `at`.
    fn cross_entropy_vjp(at: At, logits: &Self, y_bar: Self) -> Self;
    /// y·(ȳ - sum(y·ȳ)).
    fn softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self;
    /// ȳ - eʸ·sum(ȳ).
    fn log_softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self;

    fn binary(&self, op: Binary, other: &Self) -> Self {
        Self::apply(Op::Binary(op), &[self, other])
    }

    fn times(&self, c: f64) -> Self {
        self.apply_unary(Unary::Times, c)
    }

    fn reduce(&self, what: Reduce, axes: Axes, keepdim: bool) -> Self {
        Self::apply(Op::Reduce { what, axes, keepdim }, &[self])
    }

    fn softmax(&self, axes: Axes) -> Self {
        Self::apply(Op::Softmax(Softmax::Softmax, axes), &[self])
    }

    fn matmul(op: Product, a: &Self, b: &Self) -> Self {
        Self::apply(Op::Matmul(op), &[a, b])
    }

    fn view(&self, view: View, list: &[usize]) -> Self {
        let at = self.list(list);
        Self::apply(Op::View(view, at), &[self])
    }

    /// Free: the buffer is shared.
    fn reshape(&self, shape: &Shape) -> Self {
        if self.shape() == *shape { self.clone() } else { self.view(View::Reshape, shape) }
    }

    fn broadcast_to(&self, shape: &Shape) -> Self {
        if self.shape() == *shape { self.clone() } else { self.view(View::BroadcastTo, shape) }
    }

    /// Undoes a broadcast: sums over the axes along which `shape` was repeated.
    fn sum_to(self, shape: &Shape) -> Self {
        let mine = self.shape();
        if mine == *shape {
            return self;
        }
        let axes = mine.broadcast_axes(shape);
        if axes.is_empty() {
            return self.reshape(shape);
        }
        self.reduce(Reduce::Sum, axes, false).reshape(shape)
    }
}

/// The adjoint of one node while contributions arrive: the first moves in, later ones are added.
///
/// In the numeric sweep it may be a single element that stands for all, until someone needs more:
/// filling a large tensor with one number and reading it again is a third of the cost of a sum.
pub struct Adjoint<V> {
    pub shape: Shape,
    pub value: Option<V>,
}

impl<V> Adjoint<V> {
    /// Adds a contribution; if the node was broadcast into the result, here is where it is undone.
    pub(crate) fn add<T: Float>(&mut self, contribution: V)
    where
        V: TensorOps<T>,
    {
        let contribution = contribution.sum_to(&self.shape);
        self.value = Some(match self.value.take() {
            None => contribution,
            Some(value) => value.add_assign(contribution),
        });
    }

    /// Adds a matrix product, which accumulates inside where the adjoint is already there.
    pub(crate) fn add_product<T: Float>(&mut self, op: Product, a: &V, b: &V)
    where
        V: TensorOps<T>,
    {
        match self.value.take() {
            Some(value) if op.shape(&a.shape(), &b.shape()).as_ref() == Ok(&self.shape) => {
                self.value = Some(V::add_product(value, op, a, b));
            }
            value => {
                self.value = value;
                self.add(V::matmul(op, a, b));
            }
        }
    }
}
