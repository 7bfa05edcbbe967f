//! The eager handle: a tensor with sight of the tape's pool, which structural rules compute with
//! in the numeric sweep.
//!
//! Dropping one gives its buffer back to the pool if nobody else holds it, so that whatever
//! temporaries a rule makes, a sweep allocates nothing in the steady state.

use crate::element::Float;
use crate::ops::{At, Binary, Op, Product, Softmax, Unary, operand, reduce};
use crate::shape::{Axes, Shape};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use smallvec::SmallVec;

pub struct Eager<'t, T: Float> {
    tape: &'t GradientTape<T>,
    value: Tensor<T>,
}

impl<'t, T: Float> Eager<'t, T> {
    pub(crate) fn new(tape: &'t GradientTape<T>, value: Tensor<T>) -> Eager<'t, T> {
        Eager { tape, value }
    }

    pub(crate) fn into_value(mut self) -> Tensor<T> {
        self.take()
    }

    /// The tensor; what stays behind is a scalar, which no pool wants back.
    fn take(&mut self) -> Tensor<T> {
        std::mem::replace(&mut self.value, Tensor::scalar(T::zero()))
    }

    fn build(&self, shape: Shape, fill: impl FnOnce(&mut [T])) -> Eager<'t, T> {
        let value = self.tape.pool.borrow_mut().build(shape, fill);
        Eager { tape: self.tape, value }
    }

    /// The handle with a buffer that nobody else holds: its own, or a copy.
    fn unshared(mut self) -> Eager<'t, T> {
        if self.value.get_mut().is_some() {
            return self;
        }
        self.build(self.value.shape().clone(), |out| out.copy_from_slice(self.value.as_slice()))
    }

    /// Whether this is one element that stands for all of a tensor of `shape`.
    fn is_spread(&self, shape: &Shape) -> bool {
        self.value.len() == 1 && self.value.shape() != shape
    }

    /// The adjoint with all its elements.
    pub(crate) fn filled(self, shape: &Shape) -> Eager<'t, T> {
        if !self.is_spread(shape) {
            return self;
        }
        let x = self.value.item();
        self.build(shape.clone(), |out| T::fill(out, x))
    }

    fn elements(&mut self) -> &mut [T] {
        self.value.get_mut().expect("the buffer is unshared")
    }

    fn softmax_like(axes: Axes, y: &Self, y_bar: Self, op: Softmax) -> Self {
        let Some(groups) = reduce::groups(axes, y.value.shape()) else {
            return op.recorded_vjp(axes, y, y_bar);
        };
        let mut x_bar = y_bar.unshared();
        match op {
            Softmax::Softmax => T::softmax_vjp(y.value.as_slice(), groups, x_bar.elements()),
            Softmax::LogSoftmax => T::log_softmax_vjp(y.value.as_slice(), groups, x_bar.elements()),
        }
        x_bar
    }
}

impl<T: Float> Clone for Eager<'_, T> {
    fn clone(&self) -> Self {
        Eager { tape: self.tape, value: self.value.clone() }
    }
}

impl<T: Float> Drop for Eager<'_, T> {
    fn drop(&mut self) {
        if self.value.is_unshared() {
            let value = self.take();
            self.tape.pool.borrow_mut().put(value);
        }
    }
}

impl<T: Float> TensorOps<T> for Eager<'_, T> {
    fn shape(&self) -> Shape {
        self.value.shape().clone()
    }

    fn list(&self, items: &[usize]) -> At {
        self.tape.push_list(items)
    }

    fn attribute_list(&self, at: At) -> SmallVec<[usize; 18]> {
        SmallVec::from_slice(self.tape.arena.borrow().attributes.list(at))
    }

    fn value(&self) -> Tensor<T> {
        self.value.clone()
    }

    fn constant(&self, value: Tensor<T>) -> Self {
        Eager::new(self.tape, value)
    }

    fn apply(op: Op, inputs: &[&Self]) -> Self {
        let tape = inputs[0].tape;
        let arena = tape.arena.borrow();
        let shapes: SmallVec<[&Shape; 4]> = inputs.iter().map(|x| x.value.shape()).collect();
        let shape = op.shape(&shapes, &arena.attributes).expect("rules apply operations that fit");
        let values: SmallVec<[&Tensor<T>; 4]> = inputs.iter().map(|x| &x.value).collect();
        let value = T::forward(op, &values, shape, &arena.attributes, &mut tape.pool.borrow_mut());
        Eager { tape, value }
    }

    fn apply_unary(&self, op: Unary, c: f64) -> Self {
        let x = &self.value;
        self.build(x.shape().clone(), |out| T::unary(op, [c, 0.0], x.as_slice(), out))
    }

    fn add_assign(mut self, mut x: Self) -> Self {
        // Whichever buffer is free takes the sum; addition commutes, so the bits are the same.
        if self.value.get_mut().is_none() && x.value.get_mut().is_some() {
            std::mem::swap(&mut self, &mut x);
        }
        let mut sum = self.unshared();
        T::add_assign(sum.elements(), x.value.as_slice());
        sum
    }

    fn spread(self, into: &mut Adjoint<Self>) {
        match into.value {
            None => into.value = Some(self),
            Some(_) => into.add(self.filled(&into.shape)),
        }
    }

    fn add_product(acc: Self, op: Product, a: &Self, b: &Self) -> Self {
        let mut acc = acc.unshared();
        op.run(&a.value, &b.value, true, acc.elements());
        acc
    }

    fn unary_vjp(op: Unary, c: [f64; 2], x: &Self, y: &Self, y_bar: Self, into: &mut Adjoint<Self>) {
        // The tape may have let go of one that no rule reads: the other stands in for it.
        let (xs, ys) = match (x.value.is_hollow(), y.value.is_hollow()) {
            (true, _) => (y.value.as_slice(), y.value.as_slice()),
            (_, true) => (x.value.as_slice(), x.value.as_slice()),
            _ => (x.value.as_slice(), y.value.as_slice()),
        };
        let one = y_bar.is_spread(y.value.shape());
        if one && into.value.is_none() {
            let one = y_bar.value.item();
            let x_bar =
                y_bar.build(y.value.shape().clone(), |out| T::unary_vjp_of_one(op, c, xs, ys, one, out));
            into.value = Some(x_bar);
            return;
        }
        let y_bar = y_bar.filled(y.value.shape());
        into.value = Some(match into.value.take() {
            Some(x_bar) => {
                let mut x_bar = x_bar.unshared();
                T::unary_vjp(op, c, xs, ys, y_bar.value.as_slice(), x_bar.elements());
                x_bar
            }
            None => {
                let mut x_bar = y_bar.unshared();
                T::unary_vjp_in_place(op, c, xs, ys, x_bar.elements());
                x_bar
            }
        });
    }

    fn binary_vjp(
        op: Binary,
        wrt: usize,
        a: &Self,
        b: &Self,
        y: &Self,
        y_bar: Self,
        into: &mut Adjoint<Self>,
    ) {
        let shape = y.value.shape();
        if let (Binary::Add, _) | (Binary::Sub, 0) = (op, wrt) {
            return match into.shape == *shape && y_bar.is_spread(shape) {
                true => y_bar.spread(into),
                false => into.add(y_bar.filled(shape)),
            };
        }
        let (a, b, bar) = (operand(&a.value), operand(&b.value), operand(&y_bar.value));
        // The tape may have let go of what the rule does not read.
        let y = if y.value.is_hollow() { a } else { operand(&y.value) };
        let x_bar = y_bar.build(shape.clone(), |out| T::binary_vjp(op, wrt, a, b, shape, y, bar, out));
        into.add(x_bar);
    }

    fn cross_entropy_vjp(at: At, logits: &Self, y_bar: Self) -> Self {
        let arena = logits.tape.arena.borrow();
        let labels = arena.attributes.indices(at).as_slice();
        let shape = logits.value.shape();
        let classes = shape[shape.len() - 1];
        logits.build(shape.clone(), |out| {
            T::cross_entropy_vjp(logits.value.as_slice(), labels, classes, y_bar.value.as_slice(), out)
        })
    }

    fn softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self {
        Eager::softmax_like(axes, y, y_bar, Softmax::Softmax)
    }

    fn log_softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self {
        Eager::softmax_like(axes, y, y_bar, Softmax::LogSoftmax)
    }
}
