//! Values and slopes of activation functions that take more than a line.
//!
//! In the arithmetic of [`Real`], so that they hold over numbers, recorded values and dual numbers
//! alike; pieces are joined by masks, which dual numbers and sweeps take for constants. None
//! overflows: what multiplies x is 0 before x is infinite, hence `mul0`.

use crate::real::Real;
use std::f64::consts::FRAC_1_SQRT_2;

/// Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks, 2017.
pub(super) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
pub(super) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// 1 where the mask is 0, and the other way round.
#[inline(always)]
fn not<R: Real>(mask: R) -> R {
    (-mask).plus(1.0)
}

/// Whether x > lo, and whether x < hi: corners have slope 0. NaN stays NaN.
#[inline(always)]
pub(super) fn inside<R: Real>(x: R, lo: f64, hi: f64) -> [R; 2] {
    [x.plus(-lo).sign().relu(), (-x).plus(hi).sign().relu()]
}

/// Whether x ≥ lo, and whether x ≤ hi: corners have slope 1.
#[inline(always)]
pub(super) fn within<R: Real>(x: R, lo: f64, hi: f64) -> [R; 2] {
    [not((-x).plus(lo).positive()), not(x.plus(-hi).positive())]
}

/// The slope of [`pieces`].
#[inline(always)]
pub(super) fn both<R: Real>([above_lo, below_hi]: [R; 2]) -> R {
    above_lo * below_hi
}

/// x where both masks are 1, else lo or hi.
#[inline(always)]
pub(super) fn pieces<R: Real>(x: R, [above_lo, below_hi]: [R; 2], lo: f64, hi: f64) -> R {
    let bounds = not(above_lo).keep(x.number(lo)) + not(below_hi).keep(x.number(hi));
    both([above_lo, below_hi]).keep(x) + bounds
}

/// 1 where x > 0, else α.
#[inline(always)]
pub(super) fn leaky_slope<R: Real>(x: R, alpha: f64) -> R {
    let above = x.positive();
    above + not(above).times(alpha)
}

#[inline(always)]
pub(super) fn elu<R: Real>(x: R, alpha: f64) -> R {
    let above = x.positive();
    above.keep(x) + not(above).keep(x).exp_m1().times(alpha)
}

#[inline(always)]
pub(super) fn elu_slope<R: Real>(x: R, alpha: f64) -> R {
    let below = not(x.positive());
    not(below) + below * below.keep(x).exp().times(alpha)
}

/// 1 / (1 + |x|)².
#[inline(always)]
pub(super) fn softsign_slope<R: Real>(x: R) -> R {
    let root = x.abs().plus(1.0).divide(1.0);
    root * root
}

/// Φ(x), the normal distribution: by erfc, which does not cancel where it is tiny.
#[inline(always)]
pub(super) fn normal<R: Real>(x: R) -> R {
    x.times(-FRAC_1_SQRT_2).erfc().times(0.5)
}

/// Φ(x) + x·φ(x), φ the normal density.
#[inline(always)]
pub(super) fn gelu_slope<R: Real>(x: R) -> R {
    /// 1 / √2π
    const DENSITY: f64 = 0.398_942_280_401_432_7;
    normal(x) + (x * x).times(-0.5).exp().times(DENSITY).mul0(x)
}

/// 2·√(2/π), and that times 0.044715: Hendrycks, Gimpel: Gaussian error linear units, 2016.
const LINEAR: f64 = 1.595_769_121_605_730_8;
const CUBIC: f64 = 0.044_715 * LINEAR;

/// Φ by (1 + tanh u) / 2, which is sigmoid(2u).
#[inline(always)]
pub(super) fn normal_by_tanh<R: Real>(x: R) -> R {
    (x * (x * x).times(CUBIC).plus(LINEAR)).sigmoid()
}

#[inline(always)]
pub(super) fn gelu_tanh_slope<R: Real>(x: R) -> R {
    let s = normal_by_tanh(x);
    s + (s - s * s).mul0(x * (x * x).times(3.0 * CUBIC).plus(LINEAR))
}

#[inline(always)]
pub(super) fn silu_slope<R: Real>(x: R) -> R {
    let s = x.sigmoid();
    s + (s - s * s).mul0(x)
}

#[inline(always)]
pub(super) fn mish_slope<R: Real>(x: R) -> R {
    let t = x.softplus().tanh();
    t + ((-(t * t)).plus(1.0) * x.sigmoid()).mul0(x)
}

#[inline(always)]
pub(super) fn hard_sigmoid<R: Real>(x: R) -> R {
    pieces(x, inside(x, -3.0, 3.0), -3.0, 3.0).plus(3.0).times(1.0 / 6.0)
}

#[inline(always)]
pub(super) fn hard_sigmoid_slope<R: Real>(x: R) -> R {
    both(inside(x, -3.0, 3.0)).times(1.0 / 6.0)
}

#[inline(always)]
pub(super) fn hard_swish_slope<R: Real>(x: R) -> R {
    hard_sigmoid(x) + hard_sigmoid_slope(x).mul0(x)
}
