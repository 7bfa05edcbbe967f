//! The numbers that elementwise rules are written in.
//!
//! One line of a rule serves every use: the loop over a tensor (`R = f32`), the scalar tape
//! (`R = f64`), the recorded sweep (`R = Var`, differentiable again), and vector lanes.
//! So that it can be all of these, [`Real`] has no `bool` (masks are operations that give 0, ½
//! or 1), no `mul_add` and no rounding (28 and 3 times slower without the right instructions).

use crate::kernels::math;
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
    /// eˣ.
    #[must_use]
    fn exp(self) -> Self;
    /// Natural logarithm; NaN below 0, -∞ at 0.
    #[must_use]
    fn ln(self) -> Self;
    /// Square root; NaN below 0.
    #[must_use]
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    #[must_use]
    fn sigmoid(self) -> Self;
    /// Absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// -1, 0 or 1; 0 at 0 (Rust's `signum` gives 1 there).
    #[must_use]
    fn sign(self) -> Self;
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
}

macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
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
            fn exp(self) -> $t {
                math::$t::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> $t {
                math::$t::ln(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                <$t>::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> $t {
                math::$t::tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> $t {
                math::$t::sigmoid(self)
            }
            #[inline(always)]
            fn abs(self) -> $t {
                <$t>::abs(self)
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
}
