//! Slopes from values alone, each with an estimate of its own error.
//!
//! A quotient of differences is off by truncation, which falls with the step, and by rounding,
//! which rises. Over steps h, h/2, h/4, .. truncation is a power series in h, so Richardson's
//! extrapolation removes its terms one after another; the number of the triangle that differs
//! least from its neighbours is the estimate, and that difference its error (C. J. F. Ridders 1982;
//! Numerical Recipes, section 5.7). How much rounding adds, the caller knows.
//!
//! No quotient uses the value at the point itself. So those of one side alone are the slope of
//! that side also where the function jumps, and two sides that disagree are a kink.
//!
//! One scale of steps can deceive: wide steps reach beyond a nearby kink or pole, small ones drown
//! in rounding. So a ladder of scales is climbed from the narrowest rung, whose answer is local but
//! coarse, and each wider one may sharpen the answer as long as it does not contradict it.

use std::fmt;

/// What differences say of a slope.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Slope {
    /// Both sides agree.
    Smooth(Estimate),
    /// The sides disagree, or the function jumps: its derivative is a choice between both.
    Kink {
        /// The slope below the point.
        left: Estimate,
        /// The slope above it.
        right: Estimate,
    },
    /// No finite values around the point.
    Unknown,
}

/// A number, and by how much it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// How far the truth may be, as far as the differences can know.
    pub error: f64,
}

/// `1.25 ± 3e-12`.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ± {:.0e}", super::report::number(self.value), self.error)
    }
}

/// A series may not be the one that is assumed: error estimates are multiplied by this.
const CAUTION: f64 = 4.0;

impl Estimate {
    /// That of a function `factor` times as large.
    pub(super) fn times(self, factor: f64) -> Estimate {
        Estimate { value: self.value * factor, error: self.error * factor.abs() }
    }

    /// Ridders' triangle over quotients at h, h/2, h/4, .. whose error is a series in h^power;
    /// at least two of them.
    fn extrapolated(quotients: &[f64], power: i32) -> Option<Estimate> {
        let mut column = quotients.to_vec();
        let mut best = Estimate { value: *column.last()?, error: f64::INFINITY };
        for removed in 1..column.len() {
            let factor = 2f64.powi(power * removed as i32) - 1.0;
            for i in (removed..column.len()).rev() {
                let (wide, narrow) = (column[i - 1], column[i]);
                let value = narrow + (narrow - wide) / factor;
                let error = CAUTION * (value - narrow).abs().max((value - wide).abs());
                if error <= best.error {
                    best = Estimate { value, error };
                }
                column[i] = value;
            }
        }
        best.error.is_finite().then_some(best)
    }

    fn wider(self, by: f64) -> Estimate {
        Estimate { error: self.error + by, ..self }
    }
}

/// Changes of a function's results at ±h, ±h/2, ..: the samples of one scale.
pub(super) struct Rung {
    /// The smallest step.
    narrowest: f64,
    /// At each step: itself, the changes above, the changes below.
    rows: Vec<(f64, Vec<f64>, Vec<f64>)>,
}

/// Left, central and right slope, where they are finite.
type Sides = [Option<Estimate>; 3];

impl Rung {
    /// Samples the changes at ±h and at `rows - 1` halvings of it.
    pub(super) fn sample<E>(
        h: f64,
        rows: u32,
        mut changes: impl FnMut(f64) -> Result<Vec<f64>, E>,
    ) -> Result<Rung, E> {
        let steps = (0..rows).map(|k| h / f64::from(1 << k));
        let rows = steps.map(|h| Ok((h, changes(h)?, changes(-h)?)));
        Ok(Rung { narrowest: h / f64::from(1 << (rows.len() - 1)), rows: rows.collect::<Result<_, E>>()? })
    }

    /// (f(h) - f(-h)) / 2h of a combination `f` of the results.
    fn central(&self, f: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
        self.rows.iter().map(|(h, above, below)| (f(above) - f(below)) / (2.0 * h)).collect()
    }

    /// (f(h) - f(h/2)) / (h/2) to each side, as slopes.
    fn one_sided(&self, f: &dyn Fn(&[f64]) -> f64) -> [Vec<f64>; 2] {
        let pairs = || self.rows.windows(2).map(|pair| (&pair[0], &pair[1]));
        let left = pairs().map(|(wide, narrow)| (f(&narrow.2) - f(&wide.2)) / narrow.0);
        let right = pairs().map(|(wide, narrow)| (f(&wide.1) - f(&narrow.1)) / narrow.0);
        [left.collect(), right.collect()]
    }

    /// The central slope, if both sides look alike at first sight: then a quotient's neighbours
    /// change by the curvature, which is the same on both.
    pub(super) fn smooth(&self, noise: f64, f: &dyn Fn(&[f64]) -> f64) -> Option<Estimate> {
        let [left, right] = self.one_sided(f).map(|q| (2.0 * q[1] - q[0], q[1].abs()));
        let apart = (right.0 - left.0).abs();
        let central = Estimate::extrapolated(&self.central(f), 2)?.wider(noise / self.narrowest);
        (apart <= 0.01 * left.1.max(right.1) + 8.0 * noise / self.narrowest).then_some(central)
    }

    /// Whether the values above and below are further apart than the slopes of both sides explain.
    fn jumps(&self, noise: f64, slopes: f64, f: &dyn Fn(&[f64]) -> f64) -> bool {
        let nearest = self.rows.last();
        nearest.is_some_and(|(h, above, below)| (f(above) - f(below) - h * slopes).abs() > 8.0 * noise)
    }

    fn sides(&self, noise: f64, f: &dyn Fn(&[f64]) -> f64) -> Sides {
        let rounding = noise / self.narrowest;
        let [left, right] = self.one_sided(f);
        // Differences of neighbours, extrapolated in every power of h, multiply rounding by about 8.
        let side = |q: Vec<f64>| Some(Estimate::extrapolated(&q, 1)?.wider(8.0 * rounding));
        let central = Estimate::extrapolated(&self.central(f), 2).map(|e| e.wider(rounding));
        [side(left), central, side(right)]
    }
}

/// The scales to sample at, narrowest first: from `first` down to where three quarters of the digits
/// are lost, and around `own`, the size of what is moved, if that is smaller.
pub(super) fn scales(first: f64, own: f64, unit: f64, epsilon: f64) -> Vec<f64> {
    let narrowest = epsilon.powf(0.75) * unit;
    let mut scales: Vec<f64> = std::iter::successors(Some(first), |h| Some(h / 16.0))
        .take_while(|&h| h >= narrowest.min(first))
        .collect();
    if own < first {
        scales.extend([16.0, 256.0, 4096.0].map(|part| own / part).into_iter().filter(|&h| h > 0.0));
    }
    scales.sort_by(f64::total_cmp);
    scales
}

/// The slope of a combination `f` of the results, from all rungs, narrowest first; slopes nearer to
/// each other than `same` are equal.
pub(super) fn slope(rungs: &[Rung], noise: f64, same: f64, f: &dyn Fn(&[f64]) -> f64) -> Slope {
    let sides: Vec<Sides> = rungs.iter().map(|rung| rung.sides(noise, f)).collect();
    match [0, 1, 2].map(|side| climbed(sides.iter().filter_map(|sides| sides[side]))) {
        [Some(left), Some(central), Some(right)] => {
            let error = left.error + right.error;
            let apart = (right.value - left.value).abs() > 3.0 * error + same;
            let jump = || rungs.first().is_some_and(|rung| rung.jumps(noise, left.value + right.value, f));
            if apart || (central.error > 10.0 * error + same && jump()) {
                Slope::Kink { left, right }
            } else {
                Slope::Smooth(central)
            }
        }
        // At the end of a domain there is one side.
        [Some(side), None, None] | [None, None, Some(side)] => Slope::Smooth(side),
        [_, Some(central), _] => Slope::Smooth(central),
        _ => Slope::Unknown,
    }
}

/// The narrowest estimate, sharpened by wider ones that do not contradict it.
fn climbed(estimates: impl Iterator<Item = Estimate>) -> Option<Estimate> {
    estimates.reduce(|narrow, wide| {
        let contradicts = (wide.value - narrow.value).abs() > 2.0 * (wide.error + narrow.error);
        if wide.error < narrow.error && !contradicts { wide } else { narrow }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope_of(f: impl Fn(f64) -> f64, first: f64, own: f64) -> Slope {
        let at = |h: f64| Ok::<_, ()>(vec![f(h)]);
        let rungs: Vec<Rung> = scales(first, own, 1.0, f64::EPSILON)
            .into_iter()
            .map(|h| Rung::sample(h, 4, at).unwrap())
            .collect();
        slope(&rungs, 2.0 * f64::EPSILON, 1e-9, &|y| y[0])
    }

    #[track_caller]
    fn assert_smooth(f: impl Fn(f64) -> f64, own: f64, expected: f64, within: f64) {
        match slope_of(f, 1.0 / 128.0, own) {
            Slope::Smooth(e) => {
                assert!((e.value - expected).abs() <= e.error, "{e} but {expected}");
                assert!(e.error <= within * expected.abs(), "{e}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_true_slope_is_within_the_estimated_error_and_that_is_small() {
        assert_smooth(|h| (0.3 + h).exp(), 0.3, 0.3f64.exp(), 1e-10);
        assert_smooth(|h| (0.3 + h).sin(), 0.3, 0.3f64.cos(), 1e-10);
        assert_smooth(|h| (1e4 * h).tanh(), f64::INFINITY, 1e4, 1e-8);
        assert_smooth(|h| (1e-8 + h).ln(), 1e-8, 1e8, 1e-6);
        assert_smooth(|h| 1.0 / (1e-3 + h), 1e-3, -1e6, 1e-7);
    }

    #[test]
    fn a_kink_nearby_is_not_one_at_the_point() {
        for distance in [1e-3, 1e-4, 1e-5, 1e-6] {
            assert_smooth(|h| (h + distance).abs(), distance, 1.0, 1e-4);
        }
    }

    #[test]
    fn a_kink_has_two_slopes_and_a_jump_too() {
        let near = |e: Estimate, x: f64| (e.value - x).abs() <= e.error + 1e-9 && e.error < 1e-6;
        let two = |f: fn(f64) -> f64, l: f64, r: f64| match slope_of(f, 1.0 / 128.0, f64::INFINITY) {
            Slope::Kink { left, right } => assert!(near(left, l) && near(right, r), "{left} {right}"),
            other => panic!("{other:?}"),
        };
        two(|h| h.abs(), -1.0, 1.0);
        two(|h| h.max(0.0) + h.exp(), 1.0, 2.0);
        two(|h| h.signum() + 2.0 * h, 2.0, 2.0);
    }

    #[test]
    fn where_a_side_has_no_values_the_other_is_the_slope() {
        assert_smooth(|h| if h < 0.0 { f64::NAN } else { h.exp() }, f64::INFINITY, 1.0, 1e-7);
        assert_eq!(slope_of(|_| f64::NAN, 0.01, 1.0), Slope::Unknown);
    }
}
