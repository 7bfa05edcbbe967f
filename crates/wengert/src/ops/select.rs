//! `where_`: from one of two values by a mask, element by element.
//!
//! What is not selected has no say, be it infinite or NaN, and nothing flows back to it, whatever
//! arrives. So it is made of `keep`, which selects, and not of products with the mask: 0·∞ is NaN.
//! An operation of its own, so that it is one line on the tape.

use super::{Binary, Op, Unary, operand};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

pub(crate) fn shape(mask: &Shape, a: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
    Shape::broadcast("where", mask, &Shape::broadcast("where", a, b)?)
}

/// `a` where the mask is 1, `b` where it is 0.
pub(crate) fn forward<T: Kernels>(
    mask: &Tensor<T>,
    a: &Tensor<T>,
    b: &Tensor<T>,
    shape: Shape,
    pool: &mut Pool<T>,
) -> Tensor<T> {
    let mut binary = |op: Binary, a: &Tensor<T>, b: &Tensor<T>| {
        pool.build(shape.clone(), |out| T::binary(op, operand(a), operand(b), &shape, out))
    };
    let not = binary(Binary::Sub, &Tensor::scalar(T::from_f64(1.0)), mask);
    let (from_a, from_b) = (binary(Binary::Keep, mask, a), binary(Binary::Keep, &not, b));
    let y = binary(Binary::Add, &from_a, &from_b);
    [not, from_a, from_b].into_iter().for_each(|x| pool.put(x));
    y
}

/// What arrives goes to what was selected. The mask (`wrt` 0) is a constant.
pub(crate) fn vjp<T: Float, V: TensorOps<T>>(wrt: usize, mask: &V, y_bar: &V, into: &mut Adjoint<V>) {
    match wrt {
        0 => {}
        1 => into.add(mask.binary(Binary::Keep, y_bar)),
        _ => into.add(mask.apply_unary(Unary::MinusFrom, 1.0).binary(Binary::Keep, y_bar)),
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// This value where `mask` is true, `other` where it is false; all three broadcast.
    ///
    /// What is not selected is as if it were not there: where it is infinite or NaN, so that its own
    /// rule would be, value and gradients of any order are those of the other side.
    ///
    /// # Panics
    /// Shapes that do not broadcast.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![0.0, 2.0]);
    /// let y = x.ln().where_(&tensor![false, true], tape.constant(0.0));
    /// assert_eq!(y.value(), tensor![0.0, 2f64.ln()]);
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![0.0, 0.5]);
    /// ```
    #[track_caller]
    pub fn where_(self, mask: &Tensor<bool>, other: Var<'t, T>) -> Var<'t, T> {
        let mask = self.tape().constant(mask.cast::<T>());
        self.tape().record(Op::Where, &[mask, self, other])
    }
}
