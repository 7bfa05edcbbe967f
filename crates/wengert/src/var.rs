//! `Var<'t, T>`: a `Copy` handle of 16 bytes to a node, with operators and elementwise methods.
//!
//! The methods of other families live in the files of their families.

use crate::element::Float;
use crate::ops::{Binary, Op, Unary};
use crate::real::Real;
use crate::shape::Shape;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// A value on a tape: a scalar or a tensor, and how it was computed.
///
/// Operators work between variables, with NumPy's broadcasting, and with plain numbers on either
/// side; numbers are `f64` on every tape (an `f32` of a variable needs `.into()`).
///
/// # Panics
/// Every operation panics, at the caller's line, if shapes do not fit or if its operands belong
/// to different tapes.
///
/// ```
/// let tape = wengert::GradientTape::<f64>::new();
/// let x = tape.var(0.5);
/// let y = 1.0 / (1.0 + (-x).exp());
/// assert!((y.item() - x.sigmoid().item()).abs() < 1e-15);
/// ```
#[derive(Clone, Copy)]
pub struct Var<'t, T: Float = f32> {
    tape: &'t GradientTape<T>,
    id: NodeId,
}

const _: () = assert!(size_of::<Var<f64>>() == 16);

impl<'t, T: Float> Var<'t, T> {
    #[inline(always)]
    pub(crate) fn new(tape: &'t GradientTape<T>, id: NodeId) -> Var<'t, T> {
        Var { tape, id }
    }

    /// The tape that it is on.
    #[inline(always)]
    pub fn tape(self) -> &'t GradientTape<T> {
        self.tape
    }

    /// Its position on the tape.
    #[inline(always)]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The value; a tensor's buffer is shared, not copied.
    pub fn value(self) -> Tensor<T> {
        self.tape.fill([self.id.0]);
        self.tape.arena.borrow().value(self.id.0)
    }

    /// The shape of the value.
    pub fn shape(self) -> Shape {
        let arena = self.tape.arena.borrow();
        let node = &arena.nodes[self.id.index()];
        if node.is_scalar() { Shape::scalar() } else { arena.values[node.slot as usize].shape().clone() }
    }

    /// The only element of the value.
    ///
    /// # Panics
    /// There are no or several elements.
    #[track_caller]
    pub fn item(self) -> T {
        let arena = self.tape.arena.borrow();
        let node = &arena.nodes[self.id.index()];
        if node.is_scalar() {
            return node.scalar;
        }
        drop(arena);
        self.value().item()
    }

    /// The same value, as a constant: no gradient flows back from here.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// assert_eq!((x * x.detach()).backward().item(x), 3.0);
    /// ```
    #[track_caller]
    pub fn detach(self) -> Var<'t, T> {
        self.tape.record(Op::Detach, &[self])
    }

    #[inline(always)]
    #[track_caller]
    fn unary(self, op: Unary) -> Var<'t, T> {
        self.tape.record_unary(op, None, self.id)
    }

    #[inline(always)]
    #[track_caller]
    fn with_number(self, op: Unary, c: f64) -> Var<'t, T> {
        self.tape.record_unary(op, Some([c, 0.0]), self.id)
    }

    #[inline(always)]
    #[track_caller]
    fn binary(self, op: Binary, other: Var<'t, T>) -> Var<'t, T> {
        self.tape.record_binary(op, self, other)
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident $op:ident;)*) => {
        impl<'t, T: Float> Var<'t, T> {$(
            $(#[$doc])*
            #[inline]
            #[track_caller]
            pub fn $method(self) -> Var<'t, T> {
                self.unary(Unary::$op)
            }
        )*}
    };
}

unary_methods! {
    /// eˣ
    exp Exp;
    /// Natural logarithm; -∞ at 0, NaN below.
    ln Ln;
    /// Square root; its slope at 0 is infinite, and 0 where nothing flows back.
    sqrt Sqrt;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// 1 / (1 + e⁻ˣ)
    sigmoid Sigmoid;
    /// max(x, 0), with slope 0 at 0.
    relu Relu;
    /// x²
    square Square;
    /// |x|, with slope 0 at 0.
    abs Abs;
    /// -1, 0 or 1. No gradient flows back: it is 0 wherever it exists.
    sign Sign;
}

impl<'t, T: Float> Var<'t, T> {
    /// xⁿ for an integer n.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(-2.0);
    /// assert_eq!(x.powi(3).backward().item(x), 12.0);
    /// ```
    #[inline]
    #[track_caller]
    pub fn powi(self, n: i32) -> Var<'t, T> {
        self.with_number(Unary::Powi, n as f64)
    }

    /// x to a constant power; NaN for negative x unless `c` is whole.
    #[inline]
    #[track_caller]
    pub fn powf(self, c: f64) -> Var<'t, T> {
        self.with_number(Unary::Powf, c)
    }

    /// x to the power of `exponent`, differentiable in both; broadcasts.
    #[inline]
    #[track_caller]
    pub fn pow(self, exponent: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Pow, exponent)
    }

    /// The larger of both, element by element; equal ones share the gradient half and half.
    #[inline]
    #[track_caller]
    pub fn maximum(self, other: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Maximum, other)
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Assign:ident $assign:ident $op:ident, $last:ident, $first:ident;)*) => {$(
        impl<'t, T: Float> $Trait for Var<'t, T> {
            type Output = Var<'t, T>;
            #[inline]
            #[track_caller]
            fn $method(self, other: Var<'t, T>) -> Var<'t, T> {
                self.binary(Binary::$op, other)
            }
        }
        impl<'t, T: Float> $Trait<f64> for Var<'t, T> {
            type Output = Var<'t, T>;
            #[inline]
            #[track_caller]
            fn $method(self, c: f64) -> Var<'t, T> {
                self.with_number(Unary::$last, c)
            }
        }
        impl<'t, T: Float> $Trait<Var<'t, T>> for f64 {
            type Output = Var<'t, T>;
            #[inline]
            #[track_caller]
            fn $method(self, x: Var<'t, T>) -> Var<'t, T> {
                x.with_number(Unary::$first, self)
            }
        }
        /// The variable then means the result; the old value stays on the tape.
        impl<'t, T: Float> $Assign for Var<'t, T> {
            #[inline]
            #[track_caller]
            fn $assign(&mut self, other: Var<'t, T>) {
                *self = self.binary(Binary::$op, other);
            }
        }
        /// The variable then means the result; the old value stays on the tape.
        impl<'t, T: Float> $Assign<f64> for Var<'t, T> {
            #[inline]
            #[track_caller]
            fn $assign(&mut self, c: f64) {
                *self = self.with_number(Unary::$last, c);
            }
        }
    )*};
}

operators! {
    Add add AddAssign add_assign Add, Plus, Plus;
    Sub sub SubAssign sub_assign Sub, Minus, MinusFrom;
    Mul mul MulAssign mul_assign Mul, Times, Times;
    Div div DivAssign div_assign Div, Over, Divide;
}

impl<'t, T: Float> Neg for Var<'t, T> {
    type Output = Var<'t, T>;
    #[inline]
    #[track_caller]
    fn neg(self) -> Var<'t, T> {
        self.unary(Unary::Neg)
    }
}

/// The recorded sweep: rules written over numbers are recorded, so they can be differentiated.
impl<'t, T: Float> Real for Var<'t, T> {
    #[track_caller]
    fn number(self, c: f64) -> Self {
        self.tape.constant(T::from_f64(c))
    }
    #[track_caller]
    fn plus(self, c: f64) -> Self {
        self.with_number(Unary::Plus, c)
    }
    #[track_caller]
    fn times(self, c: f64) -> Self {
        self.with_number(Unary::Times, c)
    }
    #[track_caller]
    fn divide(self, c: f64) -> Self {
        self.with_number(Unary::Divide, c)
    }
    #[track_caller]
    fn mul0(self, d: Self) -> Self {
        self.binary(Binary::Mul0, d)
    }
    #[track_caller]
    fn exp(self) -> Self {
        self.unary(Unary::Exp)
    }
    #[track_caller]
    fn ln(self) -> Self {
        self.unary(Unary::Ln)
    }
    #[track_caller]
    fn sqrt(self) -> Self {
        self.unary(Unary::Sqrt)
    }
    #[track_caller]
    fn tanh(self) -> Self {
        self.unary(Unary::Tanh)
    }
    #[track_caller]
    fn sigmoid(self) -> Self {
        self.unary(Unary::Sigmoid)
    }
    #[track_caller]
    fn abs(self) -> Self {
        self.unary(Unary::Abs)
    }
    #[track_caller]
    fn sign(self) -> Self {
        self.unary(Unary::Sign)
    }
    #[track_caller]
    fn positive(self) -> Self {
        self.unary(Unary::Positive)
    }
    #[track_caller]
    fn relu(self) -> Self {
        self.unary(Unary::Relu)
    }
    #[track_caller]
    fn maximum(self, other: Self) -> Self {
        self.binary(Binary::Maximum, other)
    }
    #[track_caller]
    fn wins(self, other: Self) -> Self {
        self.binary(Binary::Wins, other)
    }
    #[track_caller]
    fn equal(self, other: Self) -> Self {
        self.binary(Binary::Equal, other)
    }
    #[track_caller]
    fn powi(self, n: i32) -> Self {
        self.with_number(Unary::Powi, n as f64)
    }
    #[track_caller]
    fn powf(self, c: f64) -> Self {
        self.with_number(Unary::Powf, c)
    }
    #[track_caller]
    fn pow(self, exponent: Self) -> Self {
        self.binary(Binary::Pow, exponent)
    }
}

impl<T: Float> fmt::Display for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value(), f)
    }
}

impl<T: Float> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?}", self.id, self.value())
    }
}
