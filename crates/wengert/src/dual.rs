//! Dual numbers: a value and its derivatives along some directions, computed side by side.
//!
//! Evaluating an operation's `value` over them gives its derivative without any reverse rule, so
//! that each of the two can check the other (W. K. Clifford, 1873; R. E. Wengert's paper of 1964
//! is this forward mode). Forward mode moves along one direction in `f64`, whatever the tape's
//! type, so that a derivative costs no accuracy. Fused operations compute all partial derivatives
//! at once, on vector lanes: after inlining, a dual number is nothing but registers.

use crate::element::{Element, sealed};
use crate::real::Real;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10};
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

/// eps·slope, where nothing times infinity is nothing from either side: a slope may be infinite
/// where nothing moves, and what moves without bounds may meet a slope of 0, as max(ln x, 0) at 0 does.
/// A reverse sweep says so too, since it comes from the slope's side.
#[inline(always)]
fn times0<R: Real>(eps: R, slope: R) -> R {
    slope.keep(eps.mul0(slope))
}

impl<R: Real, const N: usize> Jet<R, N> {
    /// f(x) where f(x.re) is `re` and f′(x.re) is `slope`.
    #[inline(always)]
    fn chain(self, re: R, slope: R) -> Self {
        Jet { re, eps: self.eps.map(|eps| times0(eps, slope)) }
    }

    /// f(a, b) where f is `re` and its partial derivatives are `by_a` and `by_b`.
    #[inline(always)]
    fn chain2(self, b: Self, re: R, by_a: R, by_b: R) -> Self {
        Jet { re, eps: std::array::from_fn(|i| times0(self.eps[i], by_a) + times0(b.eps[i], by_b)) }
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

/// The functions with their derivatives, given x and y = f(x).
macro_rules! functions {
    ($($f:ident |$x:pat_param, $y:pat_param| $slope:expr;)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            let y = self.re.$f();
            let ($x, $y) = (self.re, y);
            self.chain(y, $slope)
        }
    )*};
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
    functions! {
        exp |_, y| y;
        exp2 |_, y| y.times(LN_2);
        exp_m1 |x, _| x.exp();
        ln |x, _| x.divide(1.0);
        log2 |x, _| x.times(LN_2).divide(1.0);
        log10 |x, _| x.times(LN_10).divide(1.0);
        ln_1p |x, _| x.plus(1.0).divide(1.0);
        sqrt |_, y| y.divide(0.5);
        cbrt |_, y| (y * y).times(3.0).divide(1.0);
        sin |x, _| x.cos();
        cos |x, _| -x.sin();
        tan |x, _| (x.cos() * x.cos()).divide(1.0);
        asin |_, y| y.cos().divide(1.0);
        acos |_, y| y.sin().divide(-1.0);
        atan |_, y| y.cos() * y.cos();
        sinh |x, _| x.cosh();
        cosh |x, _| x.sinh();
        tanh |_, y| (-(y * y)).plus(1.0);
        asinh |_, y| y.cosh().divide(1.0);
        acosh |_, y| y.sinh().divide(1.0);
        atanh |_, y| y.cosh() * y.cosh();
        sigmoid |_, y| y - y * y;
        softplus |x, _| x.sigmoid();
        erf |x, _| (-(x * x)).exp().times(FRAC_2_SQRT_PI);
        erfc |x, _| (-(x * x)).exp().times(-FRAC_2_SQRT_PI);
        lgamma |x, _| x.digamma();
        digamma |x, _| x.polygamma(1);
        abs |x, _| x.sign();
        relu |x, _| x.positive();
        sign |x, _| x.number(0.0);
        round |x, _| x.number(0.0);
        positive |x, _| x.number(0.0);
    }
    #[inline(always)]
    fn polygamma(self, n: u32) -> Self {
        self.chain(self.re.polygamma(n), self.re.polygamma(n.saturating_add(1)))
    }
    #[inline(always)]
    fn keep(self, x: Self) -> Self {
        Jet { re: self.re.keep(x.re), eps: x.eps.map(|eps| self.re.keep(eps)) }
    }
    #[inline(always)]
    fn atan2(self, x: Self) -> Self {
        let (y, distance) = (self.re.atan2(x.re), self.re.hypot(x.re));
        self.chain2(x, y, over(y.cos(), distance), -over(y.sin(), distance))
    }
    #[inline(always)]
    fn hypot(self, b: Self) -> Self {
        let y = self.re.hypot(b.re);
        self.chain2(b, y, over(self.re, y), over(b.re, y))
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

/// a / h, but 0 where h is 0: the origin has no direction.
#[inline(always)]
fn over<R: Real>(a: R, h: R) -> R {
    (-h.equal(h.number(0.0))).plus(1.0).keep(a / h)
}
