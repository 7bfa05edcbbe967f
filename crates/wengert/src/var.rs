//! `Var<'t, T>`: a `Copy` handle of 16 bytes to a node, with operators and elementwise methods.
//!
//! The methods of other families live in the files of their families.

use crate::element::Float;
use crate::ops::{Binary, Op, Unary};
use crate::real::Real;
use crate::shape::Shape;
use crate::tape::{GradientTape, NodeId, Numbers};
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
        self.with_numbers(op, [c, 0.0])
    }

    #[inline(always)]
    #[track_caller]
    fn with_numbers(self, op: Unary, numbers: Numbers) -> Var<'t, T> {
        self.tape.record_unary(op, Some(numbers), self.id)
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
    /// 2ˣ
    exp2 Exp2;
    /// eˣ - 1, accurate near 0.
    exp_m1 ExpM1;
    /// Natural logarithm; -∞ at 0, NaN below.
    ln Ln;
    /// Logarithm to base 2; -∞ at 0, NaN below.
    log2 Log2;
    /// Logarithm to base 10; -∞ at 0, NaN below.
    log10 Log10;
    /// ln(1 + x), accurate near 0; -∞ at -1, NaN below.
    ln_1p Ln1p;
    /// Square root; its slope at 0 is infinite, and 0 where nothing flows back.
    sqrt Sqrt;
    /// 1 / √x; ∞ at 0, NaN below.
    rsqrt Rsqrt;
    /// Cube root, of negative numbers too; its slope at 0 is infinite.
    cbrt Cbrt;
    /// Sine.
    sin Sin;
    /// Cosine.
    cos Cos;
    /// Tangent.
    tan Tan;
    /// Inverse sine, in ±π/2; NaN outside ±1, where its slope is infinite.
    asin Asin;
    /// Inverse cosine, in 0 to π; NaN outside ±1, where its slope is infinite.
    acos Acos;
    /// Inverse tangent, in ±π/2.
    atan Atan;
    /// Hyperbolic sine.
    sinh Sinh;
    /// Hyperbolic cosine.
    cosh Cosh;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// Inverse hyperbolic sine: ln(x + √(x² + 1)).
    asinh Asinh;
    /// Inverse hyperbolic cosine: ln(x + √(x² - 1)); NaN below 1, where its slope is infinite.
    acosh Acosh;
    /// Inverse hyperbolic tangent: ½·ln((1 + x) / (1 - x)); ±∞ at ±1, NaN outside.
    atanh Atanh;
    /// The error function: 2/√π · ∫₀ˣ e^(-t²) dt.
    erf Erf;
    /// 1 - erf(x), accurate where that is tiny.
    erfc Erfc;
    /// ln |Γ(x)|; ∞ at 0 and at negative integers.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(5.0);
    /// assert!((x.lgamma().item() - 24f64.ln()).abs() < 1e-14);
    /// assert_eq!(x.lgamma().backward().item(x), x.digamma().item());
    /// ```
    lgamma Lgamma;
    /// The derivative of [`lgamma`](Var::lgamma): -∞ at 0, NaN at negative integers.
    digamma Digamma;
    /// 1 / (1 + e⁻ˣ)
    sigmoid Sigmoid;
    /// ln(sigmoid(x)) = -ln(1 + e⁻ˣ), accurate at both ends.
    log_sigmoid LogSigmoid;
    /// ln(1 + eˣ), a smooth relu, accurate at both ends.
    softplus Softplus;
    /// x / (1 + |x|)
    softsign Softsign;
    /// max(x, 0), with slope 0 at 0.
    relu Relu;
    /// min(max(x, 0), 6), with slope 0 at 0 and at 6.
    relu6 Relu6;
    /// 1.0507·x where x > 0, else 1.0507·1.6733·(eˣ - 1): keeps mean 0 and variance 1 through layers
    /// (Klambauer et al., Self-normalizing neural networks, 2017).
    selu Selu;
    /// x·Φ(x), with the exact normal distribution Φ (Hendrycks, Gimpel: Gaussian error linear units, 2016).
    gelu Gelu;
    /// [`gelu`](Var::gelu) with Φ(x) ≈ (1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2, as GPT-2 has it.
    gelu_tanh GeluTanh;
    /// x·sigmoid(x), also called swish (Elfwing, Uchibe, Doya: Sigmoid-weighted linear units, 2017).
    silu Silu;
    /// x·tanh(softplus(x)) (Misra: Mish, 2019).
    mish Mish;
    /// (x + 3) / 6 between 0 and 1, with slope 0 at both.
    hard_sigmoid HardSigmoid;
    /// x·hard_sigmoid(x) (Howard et al., Searching for MobileNetV3, 2019).
    hard_swish HardSwish;
    /// x between -1 and 1, with slope 0 at both.
    hard_tanh HardTanh;
    /// x²
    square Square;
    /// |x|, with slope 0 at 0.
    abs Abs;
    /// -1, 0 or 1. No gradient flows back: it is 0 wherever it exists.
    sign Sign;
    /// The integer at or below x. No gradient flows back: it is 0 wherever it exists.
    floor Floor;
    /// The integer at or above x. No gradient flows back: it is 0 wherever it exists.
    ceil Ceil;
    /// The integer towards 0. No gradient flows back: it is 0 wherever it exists.
    trunc Trunc;
    /// The nearest integer, the even one of two (`f64::round` goes away from 0, NumPy and PyTorch do
    /// this). No gradient flows back: it is 0 wherever it exists.
    ///
    /// ```
    /// use wengert::tensor;
    /// assert_eq!(tensor![0.5, 1.5, -2.5, 2.7].round(), tensor![0.0, 2.0, -2.0, 3.0]);
    /// ```
    round Round;
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

    /// 1 / x
    #[inline]
    #[track_caller]
    pub fn recip(self) -> Var<'t, T> {
        self.with_number(Unary::Divide, 1.0)
    }

    /// What is left of x without its integer: x - trunc(x), with the sign of x and slope 1.
    #[inline]
    #[track_caller]
    pub fn fract(self) -> Var<'t, T> {
        self - self.trunc()
    }

    /// x where x > 0, else `alpha`·x; the slope at 0 is `alpha`.
    #[inline]
    #[track_caller]
    pub fn leaky_relu(self, alpha: f64) -> Var<'t, T> {
        self.with_number(Unary::LeakyRelu, alpha)
    }

    /// x where x > 0, else `alpha`·(eˣ - 1); the slope at 0 is `alpha`.
    #[inline]
    #[track_caller]
    pub fn elu(self, alpha: f64) -> Var<'t, T> {
        self.with_number(Unary::Elu, alpha)
    }

    /// x between `lo` and `hi`, which may be infinite; the slope at both is 1.
    ///
    /// # Panics
    /// `lo` is above `hi`, or one is NaN.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![-2.0, 0.5, 1.0, 3.0]);
    /// let y = x.clamp(-1.0, 1.0);
    /// assert_eq!(y.value(), tensor![-1.0, 0.5, 1.0, 1.0]);
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![0.0, 1.0, 1.0, 0.0]);
    /// ```
    #[inline]
    #[track_caller]
    pub fn clamp(self, lo: f64, hi: f64) -> Var<'t, T> {
        assert!(lo <= hi, "clamp: expected a lower bound that is not above the upper one, got {lo} and {hi}");
        self.with_numbers(Unary::Clamp, [lo, hi])
    }

    /// The `n`th derivative of [`digamma`](Var::digamma), the (n + 1)th of [`lgamma`](Var::lgamma);
    /// (-1)ⁿ⁺¹·∞ at 0 and at negative integers, NaN for n above 170, where n! is no `f64`.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(1.0);
    /// // Basel's problem: 1 + 1/4 + 1/9 + ..
    /// assert!((x.polygamma(1).item() - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-14);
    /// ```
    #[inline]
    #[track_caller]
    pub fn polygamma(self, n: u32) -> Var<'t, T> {
        self.with_number(Unary::Polygamma, n as f64)
    }

    /// The angle in ±π of the point (`x`, self) to the x axis; 0, with slopes 0, at the origin.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let (y, x) = (tape.var(1.0), tape.var(-1.0));
    /// let angle = y.atan2(x);
    /// assert_eq!(angle.item(), 0.75 * std::f64::consts::PI);
    /// assert!((angle.backward().item(x) + 0.5).abs() < 1e-15);
    /// ```
    #[inline]
    #[track_caller]
    pub fn atan2(self, x: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Atan2, x)
    }

    /// √(self² + other²), without overflow in between; slopes 0 at the origin.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let (a, b) = (tape.var(3e200), tape.var(4e200));
    /// let slope: f64 = a.hypot(b).backward().item(a);
    /// assert!((slope - 0.6).abs() < 1e-15);
    /// ```
    #[inline]
    #[track_caller]
    pub fn hypot(self, other: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Hypot, other)
    }

    /// The larger of both, element by element; equal ones share the gradient half and half.
    #[inline]
    #[track_caller]
    pub fn maximum(self, other: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Maximum, other)
    }

    /// The smaller of both, element by element; equal ones share the gradient half and half.
    #[inline]
    #[track_caller]
    pub fn minimum(self, other: Var<'t, T>) -> Var<'t, T> {
        self.binary(Binary::Minimum, other)
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

macro_rules! recorded {
    (unary: $($f:ident $op:ident),*) => {$(
        #[track_caller]
        fn $f(self) -> Self {
            self.unary(Unary::$op)
        }
    )*};
    (binary: $($f:ident $op:ident),*) => {$(
        #[track_caller]
        fn $f(self, other: Self) -> Self {
            self.binary(Binary::$op, other)
        }
    )*};
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
    recorded! { unary:
        exp Exp, exp2 Exp2, exp_m1 ExpM1, ln Ln, log2 Log2, log10 Log10, ln_1p Ln1p, sqrt Sqrt, cbrt Cbrt,
        sin Sin, cos Cos, tan Tan, asin Asin, acos Acos, atan Atan,
        sinh Sinh, cosh Cosh, tanh Tanh, asinh Asinh, acosh Acosh, atanh Atanh,
        sigmoid Sigmoid, softplus Softplus, erf Erf, erfc Erfc, lgamma Lgamma, digamma Digamma,
        abs Abs, sign Sign, round Round, positive Positive, relu Relu
    }
    recorded! { binary:
        mul0 Mul0, keep Keep, maximum Maximum, wins Wins, equal Equal, pow Pow, atan2 Atan2, hypot Hypot
    }
    #[track_caller]
    fn polygamma(self, n: u32) -> Self {
        self.with_number(Unary::Polygamma, n as f64)
    }
    #[track_caller]
    fn powi(self, n: i32) -> Self {
        self.with_number(Unary::Powi, n as f64)
    }
    #[track_caller]
    fn powf(self, c: f64) -> Self {
        self.with_number(Unary::Powf, c)
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
