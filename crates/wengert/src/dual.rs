//! Dual numbers: a value and its derivative along one direction, which forward mode computes with.
//!
//! Evaluating an operation's `value` over them gives its derivative without any reverse rule, so
//! that each of the two can check the other (W. K. Clifford, 1873; R. E. Wengert's paper of 1964
//! is this forward mode). In `f64`, whatever the tape's type: a derivative costs no accuracy.

use crate::element::{Element, sealed};
use crate::real::Real;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `re + eps·ε` with ε² = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Dual {
    pub re: f64,
    pub eps: f64,
}

impl Dual {
    pub(crate) fn new(re: f64, eps: f64) -> Dual {
        Dual { re, eps }
    }

    /// f(x) where f(x.re) is `re` and f′(x.re) is `slope`, which may be infinite where nothing moves.
    fn chain(self, re: f64, slope: f64) -> Dual {
        Dual { re, eps: self.eps.mul0(slope) }
    }
}

impl sealed::Sealed for Dual {}

impl Element for Dual {
    const NAME: &'static str = "dual";
    fn to_f64(self) -> f64 {
        self.re
    }
    fn from_f64(x: f64) -> Dual {
        Dual { re: x, eps: 0.0 }
    }
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, b: Dual) -> Dual {
        Dual { re: self.re + b.re, eps: self.eps + b.eps }
    }
}

impl Sub for Dual {
    type Output = Dual;
    fn sub(self, b: Dual) -> Dual {
        Dual { re: self.re - b.re, eps: self.eps - b.eps }
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, b: Dual) -> Dual {
        Dual { re: self.re * b.re, eps: self.eps.mul0(b.re) + b.eps.mul0(self.re) }
    }
}

impl Div for Dual {
    type Output = Dual;
    fn div(self, b: Dual) -> Dual {
        let re = self.re / b.re;
        Dual { re, eps: self.eps.mul0(1.0 / b.re) - b.eps.mul0(re / b.re) }
    }
}

impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual { re: -self.re, eps: -self.eps }
    }
}

impl Real for Dual {
    fn number(self, c: f64) -> Dual {
        Dual { re: c, eps: 0.0 }
    }
    fn mul0(self, d: Dual) -> Dual {
        Dual { re: self.re.mul0(d.re), eps: self.eps.mul0(d.re) + d.eps.mul0(self.re) }
    }
    fn exp(self) -> Dual {
        let y = Real::exp(self.re);
        self.chain(y, y)
    }
    fn ln(self) -> Dual {
        self.chain(Real::ln(self.re), 1.0 / self.re)
    }
    fn sqrt(self) -> Dual {
        let y = self.re.sqrt();
        self.chain(y, 0.5 / y)
    }
    fn tanh(self) -> Dual {
        let y = Real::tanh(self.re);
        self.chain(y, 1.0 - y * y)
    }
    fn sigmoid(self) -> Dual {
        let y = Real::sigmoid(self.re);
        self.chain(y, y * (1.0 - y))
    }
    fn abs(self) -> Dual {
        self.chain(self.re.abs(), self.re.sign())
    }
    fn sign(self) -> Dual {
        self.number(self.re.sign())
    }
    fn positive(self) -> Dual {
        self.number(self.re.positive())
    }
    fn relu(self) -> Dual {
        self.chain(self.re.relu(), self.re.positive())
    }
    fn maximum(self, b: Dual) -> Dual {
        let eps = self.eps * self.re.wins(b.re) + b.eps * b.re.wins(self.re);
        Dual { re: Real::maximum(self.re, b.re), eps }
    }
    fn wins(self, b: Dual) -> Dual {
        self.number(self.re.wins(b.re))
    }
    fn equal(self, b: Dual) -> Dual {
        self.number(self.re.equal(b.re))
    }
    fn powi(self, n: i32) -> Dual {
        let slope = if n == 0 { 0.0 } else { n as f64 * self.re.powi(n.saturating_sub(1)) };
        self.chain(self.re.powi(n), slope)
    }
    fn powf(self, c: f64) -> Dual {
        let slope = if c == 0.0 { 0.0 } else { c * self.re.powf(c - 1.0) };
        self.chain(self.re.powf(c), slope)
    }
    fn pow(self, b: Dual) -> Dual {
        let re = self.re.powf(b.re);
        let (by_base, by_exponent) = (b.re.mul0(self.re.powf(b.re - 1.0)), re.mul0(self.re.ln()));
        Dual { re, eps: self.eps.mul0(by_base) + b.eps.mul0(by_exponent) }
    }
}
