//! Running sums, linear recurrences and running products along an axis.
//!
//! The transpose of a running sum is the same from the other end, and so is that of a recurrence,
//! with its factors moved by one: the family is closed under its own rules, and each costs one
//! pass. A running product is the recurrence yⱼ = xⱼ·yⱼ₋₁, so that its derivatives divide by
//! nothing and are right where elements are 0, to any order. Doubling steps would be right too, but
//! take a logarithm of passes.

use super::reduce::along;
use super::view::part_of;
use super::{Binary, Op, View};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// An operation along an axis whose every element needs the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scan {
    /// yⱼ = xⱼ + yⱼ₋₁
    Sum,
    /// yⱼ = xⱼ + yⱼ₋₁·aⱼ, of operands x and a of one shape; the first factor is not read.
    Recurrence,
    /// The same with `mul0`, so that a yⱼ₋₁ of 0 makes any product 0: the one that derivative rules
    /// use.
    Recurrence0,
}

/// Along which axis a scan runs, and from which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Along {
    /// The axis.
    pub axis: u8,
    /// Whether it starts at the end.
    pub reverse: bool,
}

impl Scan {
    /// Every operation of this family.
    pub const ALL: &[Scan] = &[Scan::Sum, Scan::Recurrence, Scan::Recurrence0];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Scan::Sum => "cumsum",
            Scan::Recurrence => "recurrence",
            Scan::Recurrence0 => "recurrence0",
        }
    }

    /// The shape of all operands.
    pub(crate) fn shape(self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        match inputs.iter().find(|other| **other != inputs[0]) {
            None => Ok(inputs[0].clone()),
            Some(other) => Err(ShapeError::Expected {
                op: self.name(),
                expected: format!("factors of shape {}", inputs[0]),
                given: other.to_string(),
            }),
        }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        Along { axis, reverse }: Along,
        inputs: &[&Tensor<T>],
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let x = inputs[0];
        let groups = along(axis as usize, x.shape());
        pool.build(x.shape().clone(), |out| match self {
            Scan::Sum => T::cumsum(x.as_slice(), groups, reverse, out),
            Scan::Recurrence | Scan::Recurrence0 => {
                let operands = [x.as_slice(), inputs[1].as_slice()];
                T::recurrence(self == Scan::Recurrence0, operands, groups, reverse, out);
            }
        })
    }

    /// Sum: x̄ⱼ = ȳⱼ + x̄ⱼ₊₁. Recurrence: x̄ⱼ = ȳⱼ + x̄ⱼ₊₁·aⱼ₊₁ and āⱼ = x̄ⱼ·yⱼ₋₁, the products being
    /// `mul0`.
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        Along { axis, reverse }: Along,
        wrt: usize,
        inputs: &[V],
        y: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let back = Along { axis, reverse: !reverse };
        if self == Scan::Sum {
            return into.add(V::apply(Op::Scan(Scan::Sum, back), &[&y_bar]));
        }
        let (full, axis) = (y.shape(), axis as usize);
        let rest = full[axis].saturating_sub(1);
        // Where a factor and the element that it multiplies start: one is a step further on.
        let (factor, before) = if reverse { (0, 1) } else { (1, 0) };
        let part = |x: &V, start: usize| x.view(View::Slice, &part_of(&full, axis, start, rest));
        let placed = |x: &V, start: usize| {
            let mut list = part_of(&full, axis, start, rest);
            list.extend_from_slice(&full);
            x.view(View::Unslice, &list)
        };
        let factors = placed(&part(&inputs[1], factor), before);
        let x_bar = V::apply(Op::Scan(Scan::Recurrence0, back), &[&y_bar, &factors]);
        into.add(match wrt {
            0 => x_bar,
            _ => placed(&part(&x_bar, factor).binary(Binary::Mul0, &part(y, before)), factor),
        });
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Running sums along `axis`: each element and all before it.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0, 3.0]);
    /// let y = x.cumsum(0);
    /// assert_eq!(y.value(), tensor![1.0, 3.0, 6.0]);
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![3.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Var<'t, T> {
        let axis = GradientTape::<T>::fit(self.shape().axis("cumsum", axis)) as u8;
        self.tape().record(Op::Scan(Scan::Sum, Along { axis, reverse: false }), &[self])
    }

    /// yⱼ = xⱼ + aⱼ·yⱼ₋₁ along `axis`, a being `factors`, which broadcast; from the end if
    /// `reverse`: yⱼ = xⱼ + aⱼ·yⱼ₊₁. Moving averages, discounted sums.
    ///
    /// # Panics
    /// An axis that the shape does not have, or `factors` that do not stretch to the shape.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (rewards, discount) = (tape.var(tensor![1.0, 0.0, 8.0]), tape.var(0.5));
    /// let returns = rewards.recurrence(discount, 0, true);
    /// assert_eq!(returns.value(), tensor![3.0, 4.0, 8.0]);
    /// ```
    #[track_caller]
    pub fn recurrence(self, factors: Var<'t, T>, axis: isize, reverse: bool) -> Var<'t, T> {
        let shape = self.shape();
        let axis = GradientTape::<T>::fit(shape.axis("recurrence", axis)) as u8;
        let given = factors.shape();
        if Shape::broadcast("recurrence", &given, &shape).as_ref() != Ok(&shape) {
            panic!("recurrence: expected factors that stretch to shape {shape}, got {given}");
        }
        let factors = if given == shape { factors } else { factors.broadcast_to(&shape) };
        self.tape().record(Op::Scan(Scan::Recurrence, Along { axis, reverse }), &[self, factors])
    }

    /// Running products along `axis`: each element and all before it. Gradients are right where
    /// elements are 0.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![2.0, 0.0, 3.0]);
    /// let y = x.cumprod(0);
    /// assert_eq!(y.value(), tensor![2.0, 0.0, 0.0]);
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![1.0, 8.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Var<'t, T> {
        let shape = self.shape();
        let at = GradientTape::<T>::fit(shape.axis("cumprod", axis));
        if shape[at] == 0 {
            return self;
        }
        // It starts with the first element; all others come in as factors.
        let mut list = part_of(&shape, at, 0, 1);
        list.extend_from_slice(&shape);
        self.part(at, 0, 1).record_view(View::Unslice, &list).recurrence(self, axis, false)
    }
}
