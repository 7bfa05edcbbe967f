//! The numbers that elementwise rules are written in.
//!
//! One line of a rule serves every use: the loop over a tensor (`R = f32`), the scalar tape
//! (`R = f64`), the recorded sweep (`R = Var`, differentiable again), and vector lanes.
//! So that it can be all of these, [`Real`] has no `bool` (masks are operations that give 0, ½
//! or 1), no `mul_add` and no rounding instruction (28 and 3 times slower without the right ones).
//! What others make up (minimum, floor, the activations) is written with those.

use crate::kernels::{erf, math, special};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number that elementwise operations and their derivative rules can be computed with.
///
/// Implemented by `f32`, `f64` and [`Var`](crate::Var). Not in the prelude: inside ordinary code
/// the types' own methods are meant.
///
/// ```
/// use wengert::real::Real;
/// // An x·e^x that works on plain numbers and on recorded ones.
/// fn x_exp<R: Real>(x: R) -> R {
///     x * x.exp()
/// }
/// assert!((x_exp(1.0f64) - std::f64::consts::E).abs() < 1e-15);
/// let tape = wengert::GradientTape::<f64>::new();
/// let x = tape.var(1.0);
/// assert!((x_exp(x).backward().item(x) - 2.0 * std::f64::consts::E).abs() < 1e-14);
/// ```
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The constant `c`, of the same kind (and on the same tape) as `self`.
    #[must_use]
    fn number(self, c: f64) -> Self;
    /// `self + c`.
    #[must_use]
    #[inline(always)]
    fn plus(self, c: f64) -> Self {
        self + self.number(c)
    }
    /// `self · c`.
    #[must_use]
    #[inline(always)]
    fn times(self, c: f64) -> Self {
        self * self.number(c)
    }
    /// `c / self`.
    #[must_use]
    #[inline(always)]
    fn divide(self, c: f64) -> Self {
        self.number(c) / self
    }
    /// `self · d`, but 0 where `self` is 0, even if `d` is not finite; differentiated as a product.
    ///
    /// A select instead would give wrong second derivatives: that of (ln x)² at 1 is 2, not 0.
    #[must_use]
    fn mul0(self, d: Self) -> Self;
    /// `x`, but 0 where the mask `self` is 0, whatever `x` or its adjoint is there: a select.
    #[must_use]
    fn keep(self, x: Self) -> Self;
    /// eˣ.
    #[must_use]
    fn exp(self) -> Self;
    /// 2ˣ.
    #[must_use]
    fn exp2(self) -> Self;
    /// eˣ - 1, accurate near 0.
    #[must_use]
    fn exp_m1(self) -> Self;
    /// Natural logarithm; NaN below 0, -∞ at 0.
    #[must_use]
    fn ln(self) -> Self;
    /// Logarithm to base 2.
    #[must_use]
    fn log2(self) -> Self;
    /// Logarithm to base 10.
    #[must_use]
    fn log10(self) -> Self;
    /// ln(1 + x), accurate near 0.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// Square root; NaN below 0.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Cube root.
    #[must_use]
    fn cbrt(self) -> Self;
    /// Sine.
    #[must_use]
    fn sin(self) -> Self;
    /// Cosine.
    #[must_use]
    fn cos(self) -> Self;
    /// Tangent.
    #[must_use]
    fn tan(self) -> Self;
    /// Inverse sine; NaN outside ±1.
    #[must_use]
    fn asin(self) -> Self;
    /// Inverse cosine; NaN outside ±1.
    #[must_use]
    fn acos(self) -> Self;
    /// Inverse tangent.
    #[must_use]
    fn atan(self) -> Self;
    /// Hyperbolic sine.
    #[must_use]
    fn sinh(self) -> Self;
    /// Hyperbolic cosine.
    #[must_use]
    fn cosh(self) -> Self;
    /// Hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// Inverse hyperbolic sine.
    #[must_use]
    fn asinh(self) -> Self;
    /// Inverse hyperbolic cosine; NaN below 1.
    #[must_use]
    fn acosh(self) -> Self;
    /// Inverse hyperbolic tangent; NaN outside ±1.
    #[must_use]
    fn atanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    #[must_use]
    fn sigmoid(self) -> Self;
    /// ln(1 + eˣ), without overflow.
    #[must_use]
    fn softplus(self) -> Self;
    /// The error function, 2/√π · ∫₀ˣ e^(-t²) dt.
    #[must_use]
    fn erf(self) -> Self;
    /// 1 - erf(x), accurate where it is tiny.
    #[must_use]
    fn erfc(self) -> Self;
    /// ln |Γ(x)|.
    #[must_use]
    fn lgamma(self) -> Self;
    /// The derivative of [`lgamma`](Real::lgamma).
    #[must_use]
    fn digamma(self) -> Self;
    /// The `n`th derivative of [`digamma`](Real::digamma).
    #[must_use]
    fn polygamma(self, n: u32) -> Self;
    /// Absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// -1, 0 or 1; 0 at 0 (Rust's `signum` gives 1 there).
    #[must_use]
    fn sign(self) -> Self;
    /// The nearest integer, the even one of two.
    #[must_use]
    fn round(self) -> Self;
    /// 1 where `self` > 0, else 0.
    #[must_use]
    fn positive(self) -> Self;
    /// max(self, 0); NaN stays NaN.
    #[must_use]
    fn relu(self) -> Self;
    /// The larger of both; NaN if either is.
    #[must_use]
    fn maximum(self, other: Self) -> Self;
    /// 1 where `self` is larger, 0 where `other` is, ½ where they are equal.
    #[must_use]
    fn wins(self, other: Self) -> Self;
    /// 1 where both are equal, else 0.
    #[must_use]
    fn equal(self, other: Self) -> Self;
    /// Integer power.
    #[must_use]
    fn powi(self, n: i32) -> Self;
    /// Power with a constant exponent.
    #[must_use]
    fn powf(self, c: f64) -> Self;
    /// Power, both differentiable.
    #[must_use]
    fn pow(self, exponent: Self) -> Self;
    /// The angle of the point (x, self) to the x axis, in ±π; 0 at the origin.
    #[must_use]
    fn atan2(self, x: Self) -> Self;
    /// √(self² + other²), without overflow.
    #[must_use]
    fn hypot(self, other: Self) -> Self;
}

/// Functions that are elsewhere, by the same name: in the standard library; in [`math`] and [`erf`],
/// where they vectorise; in [`special`], in `f64`.
macro_rules! functions {
    (std $t:ident: $($f:ident($($x:ident)?))*) => {$(
        #[inline(always)]
        fn $f(self $(, $x: $t)?) -> $t {
            <$t>::$f(self $(, $x)?)
        }
    )*};
    (vector $from:ident $t:ident: $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> $t {
            $from::$t::$f(self)
        }
    )*};
    (special $t:ident: $($f:ident($($n:ident: $int:ident)?))*) => {$(
        #[inline(always)]
        fn $f(self $(, $n: $int)?) -> $t {
            special::$f(self as f64 $(, $n)?) as $t
        }
    )*};
}

macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
            functions! { vector math $t: exp exp_m1 ln ln_1p tanh sigmoid softplus round }
            functions! { vector erf $t: erf erfc }
            functions! { std $t:
                abs() sqrt() cbrt() exp2() log2() log10() sin() cos() tan() asin() acos() atan() sinh() cosh()
                asinh() atan2(x) hypot(other)
            }
            functions! { special $t: lgamma() digamma() polygamma(n: u32) }
            #[inline(always)]
            fn number(self, c: f64) -> $t {
                c as $t
            }
            #[inline(always)]
            fn mul0(self, d: $t) -> $t {
                let product = self * d;
                if self == 0.0 { 0.0 } else { product }
            }
            #[inline(always)]
            fn keep(self, x: $t) -> $t {
                if self == 0.0 { 0.0 } else { x }
            }
            #[inline(always)]
            fn acosh(self) -> $t {
                // `std` loses half of the digits next to 1.
                let above = self - 1.0;
                (above + above.sqrt() * (self + 1.0).sqrt()).ln_1p()
            }
            #[inline(always)]
            fn atanh(self) -> $t {
                // `std` loses a quarter of them next to -1.
                0.5 * (self.ln_1p() - (-self).ln_1p())
            }
            #[inline(always)]
            fn sign(self) -> $t {
                let negative = if self < 0.0 { -1.0 } else { self * 0.0 };
                if self > 0.0 { 1.0 } else { negative }
            }
            #[inline(always)]
            fn positive(self) -> $t {
                if self > 0.0 { 1.0 } else { 0.0 }
            }
            #[inline(always)]
            fn relu(self) -> $t {
                if self < 0.0 { 0.0 } else { self }
            }
            #[inline(always)]
            fn maximum(self, other: $t) -> $t {
                // The second select keeps a NaN on either side.
                let larger = if self > other { self } else { other };
                if self.is_nan() { self } else { larger }
            }
            #[inline(always)]
            fn wins(self, other: $t) -> $t {
                let not_larger = if self < other { 0.0 } else { 0.5 };
                if self > other { 1.0 } else { not_larger }
            }
            #[inline(always)]
            fn equal(self, other: $t) -> $t {
                if self == other { 1.0 } else { 0.0 }
            }
            #[inline(always)]
            fn powi(self, n: i32) -> $t {
                <$t>::powi(self, n)
            }
            #[inline(always)]
            fn powf(self, c: f64) -> $t {
                <$t>::powf(self, c as $t)
            }
            #[inline(always)]
            fn pow(self, exponent: $t) -> $t {
                <$t>::powf(self, exponent)
            }
        }
    };
}

real!(f32);
real!(f64);

#[cfg(test)]
mod tests {
    use super::Real;

    #[test]
    fn masks_at_their_kinks() {
        assert_eq!([-2.0, 0.0, 3.0].map(Real::sign), [-1.0, 0.0, 1.0]);
        assert_eq!([-2.0, 0.0, 3.0].map(Real::positive), [0.0, 0.0, 1.0]);
        assert_eq!([(1.0, 2.0), (2.0, 2.0), (3.0, 2.0)].map(|(a, b)| Real::wins(a, b)), [0.0, 0.5, 1.0]);
        assert!(f64::NAN.sign().is_nan() && Real::relu(f64::NAN).is_nan());
        assert!(Real::maximum(f64::NAN, 1.0).is_nan() && Real::maximum(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn zero_times_infinity_is_zero_only_from_the_left() {
        assert_eq!(0.0f64.mul0(f64::INFINITY), 0.0);
        assert_eq!(0.0f32.mul0(f32::NAN), 0.0);
        assert_eq!(2.0.mul0(f64::INFINITY), f64::INFINITY);
        assert!(f64::INFINITY.mul0(0.0).is_nan());
    }
    /// Expected values are those of mpmath.
    #[test]
    fn inverse_hyperbolic_functions_keep_their_digits() {
        let cases: [(f64, f64); 12] = [
            (Real::acosh(1.0 + 1e-14), 1.4136482746161714e-7),
            (Real::acosh(1.0001), 0.014142017775251545),
            (Real::acosh(3.0), 1.762747174039086),
            (Real::acosh(1e200), 461.2101657793691),
            (Real::atanh(1e-12), 1e-12),
            (Real::atanh(-0.3), -0.3095196042031117),
            (Real::atanh(0.999999), 7.254328619247669),
            (Real::atanh(-0.999999), -7.254328619247669),
            (Real::asinh(1e-12), 1e-12),
            (Real::asinh(-0.3), -0.29567304756342244),
            (Real::asinh(50.0), 4.605270170991424),
            (Real::asinh(-1e200), -461.2101657793691),
        ];
        for (i, (found, expected)) in cases.into_iter().enumerate() {
            assert!(
                (found - expected).abs() <= 1e-15 * expected.abs(),
                "case {i}: {found:e}, not {expected:e}"
            );
        }
    }
}
