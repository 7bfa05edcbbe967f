//! Dual numbers: a value and its derivatives along some directions, computed side by side.
//!
//! Evaluating an operation's `value` over them gives its derivative without any reverse rule, so
//! that each of the two can check the other (W. K. Clifford, 1873; R. E. Wengert's paper of 1964
//! is this forward mode). Forward mode moves along one direction in `f64`, whatever the tape's
//! type, so that a derivative costs no accuracy. Fused operations compute all partial derivatives
//! at once, on vector lanes: after inlining, a dual number is nothing but registers.

use crate::element::{Element, sealed};
use crate::real::Real;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `re + Σ eps[i]·εᵢ` with εᵢ·εⱼ = 0. Without a direction it is a number as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jet<R, const N: usize> {
    /// The value.
    pub re: R,
    /// Its derivative along each direction.
    pub eps: [R; N],
}

/// What forward mode computes with.
pub(crate) type Dual = Jet<f64, 1>;

impl<R: Real, const N: usize> Jet<R, N> {
    /// f(x) where f(x.re) is `re` and f′(x.re) is `slope`, which may be infinite where nothing moves.
    #[inline(always)]
    fn chain(self, re: R, slope: R) -> Self {
        Jet { re, eps: self.eps.map(|eps| eps.mul0(slope)) }
    }

    /// f(a, b) where f is `re` and its partial derivatives are `by_a` and `by_b`.
    #[inline(always)]
    fn chain2(self, b: Self, re: R, by_a: R, by_b: R) -> Self {
        Jet { re, eps: std::array::from_fn(|i| self.eps[i].mul0(by_a) + b.eps[i].mul0(by_b)) }
    }

    /// A number that does not move.
    #[inline(always)]
    pub(crate) fn fixed(re: R) -> Self {
        Jet { re, eps: [re.number(0.0); N] }
    }
}

impl Default for Dual {
    fn default() -> Dual {
        Dual::fixed(0.0)
    }
}

impl sealed::Sealed for Dual {}

impl Element for Dual {
    const NAME: &'static str = "dual";
    fn to_f64(self) -> f64 {
        self.re
    }
    fn from_f64(x: f64) -> Dual {
        Dual::fixed(x)
    }
}

impl<R: Real, const N: usize> Add for Jet<R, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Jet { re: self.re + b.re, eps: std::array::from_fn(|i| self.eps[i] + b.eps[i]) }
    }
}

impl<R: Real, const N: usize> Sub for Jet<R, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Jet { re: self.re - b.re, eps: std::array::from_fn(|i| self.eps[i] - b.eps[i]) }
    }
}

impl<R: Real, const N: usize> Mul for Jet<R, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.chain2(b, self.re * b.re, b.re, self.re)
    }
}

impl<R: Real, const N: usize> Div for Jet<R, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        let re = self.re / b.re;
        self.chain2(b, re, b.re.divide(1.0), -(re / b.re))
    }
}

impl<R: Real, const N: usize> Neg for Jet<R, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Jet { re: -self.re, eps: self.eps.map(|eps| -eps) }
    }
}

/// Plain numbers on either side, so that a fused expression reads as plain Rust.
macro_rules! with_numbers {
    ($($Trait:ident $method:ident;)*) => {$(
        impl<R: Real, const N: usize> $Trait<f64> for Jet<R, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, c: f64) -> Self {
                self.$method(self.number(c))
            }
        }
        impl<R: Real, const N: usize> $Trait<Jet<R, N>> for f64 {
            type Output = Jet<R, N>;
            #[inline(always)]
            fn $method(self, x: Jet<R, N>) -> Jet<R, N> {
                x.number(self).$method(x)
            }
        }
    )*};
}

with_numbers! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl<R: Real, const N: usize> Real for Jet<R, N> {
    #[inline(always)]
    fn number(self, c: f64) -> Self {
        Jet::fixed(self.re.number(c))
    }
    #[inline(always)]
    fn mul0(self, d: Self) -> Self {
        self.chain2(d, self.re.mul0(d.re), d.re, self.re)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let y = self.re.exp();
        self.chain(y, y)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.re.ln(), self.re.divide(1.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let y = self.re.sqrt();
        self.chain(y, y.divide(0.5))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        let y = self.re.tanh();
        self.chain(y, (-(y * y)).plus(1.0))
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let y = self.re.sigmoid();
        self.chain(y, y - y * y)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.chain(self.re.abs(), self.re.sign())
    }
    #[inline(always)]
    fn sign(self) -> Self {
        Jet::fixed(self.re.sign())
    }
    #[inline(always)]
    fn positive(self) -> Self {
        Jet::fixed(self.re.positive())
    }
    #[inline(always)]
    fn relu(self) -> Self {
        self.chain(self.re.relu(), self.re.positive())
    }
    #[inline(always)]
    fn maximum(self, b: Self) -> Self {
        self.chain2(b, self.re.maximum(b.re), self.re.wins(b.re), b.re.wins(self.re))
    }
    #[inline(always)]
    fn wins(self, b: Self) -> Self {
        Jet::fixed(self.re.wins(b.re))
    }
    #[inline(always)]
    fn equal(self, b: Self) -> Self {
        Jet::fixed(self.re.equal(b.re))
    }
    #[inline(always)]
    fn powi(self, n: i32) -> Self {
        let slope =
            if n == 0 { self.re.number(0.0) } else { self.re.powi(n.saturating_sub(1)).times(n as f64) };
        self.chain(self.re.powi(n), slope)
    }
    #[inline(always)]
    fn powf(self, c: f64) -> Self {
        let slope = if c == 0.0 { self.re.number(0.0) } else { self.re.powf(c - 1.0).times(c) };
        self.chain(self.re.powf(c), slope)
    }
    #[inline(always)]
    fn pow(self, b: Self) -> Self {
        let y = self.re.pow(b.re);
        self.chain2(b, y, b.re.mul0(self.re.pow(b.re.plus(-1.0))), y.mul0(self.re.ln()))
    }
}
