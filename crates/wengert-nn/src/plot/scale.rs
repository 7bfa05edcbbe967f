//! The axis of values: from where to where, in which unit, and what stands beside a tick.
//!
//! How far apart ticks are is plotters' business; it sets them only between the ends that it is given, so
//! the ends are put on ticks here. It compares places with the ε of doubles, which is more than all of an
//! axis if its values are small: hence the unit. For the same reason a logarithmic axis is one of
//! logarithms here, whereas `LogCoord` has no ticks below ε.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::Ranged;
use std::ops::Range;

/// At most so many ticks, and one more at each end.
const TICKS: usize = 6;
/// How much of a step an axis is longer at both ends, that rounding does not take their ticks.
const ROUNDING: f64 = 1e-6;
/// What is as good as 0.
const TINY: f64 = 1e-100;

/// From where to where values are drawn.
pub(crate) struct Scale {
    /// What values are divided by.
    unit: f64,
    pub logarithmic: bool,
    /// The places of the ends.
    pub range: Range<f64>,
    /// From tick to tick.
    step: f64,
    /// How many ticks there are.
    pub ticks: usize,
}

impl Scale {
    /// That of finite values up to 1e100; without any it has no ticks. If `logarithmic` is allowed, it is so
    /// for positive values of which one is a thousand times another.
    pub(crate) fn new(values: impl Iterator<Item = f64>, logarithmic: bool) -> Scale {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (v.min(l), v.max(h)));
        if low > high {
            return Scale { unit: 1.0, logarithmic: false, range: 0.0..1.0, step: 1.0, ticks: 0 };
        }
        let logarithmic = logarithmic && low > TINY && high / low >= 1000.0;
        let (low, high) = if logarithmic { (low.log10(), high.log10()) } else { apart(low, high) };
        let unit = if logarithmic { 1.0 } else { 10f64.powf((high - low).log10().floor()) };
        let inner = RangedCoordf64::from(low / unit..high / unit).key_points(TICKS);
        let step = inner.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1.0);
        let steps = |x: f64| x / unit / step;
        let (first, last) = ((steps(low) + ROUNDING).floor(), (steps(high) - ROUNDING).ceil());
        let range = (first - ROUNDING) * step..(last + ROUNDING) * step;
        Scale { unit, logarithmic, range, step, ticks: (last - first) as usize + 1 }
    }

    /// Where a value is.
    pub(crate) fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value / self.unit }
    }

    /// What stands beside a tick: as many decimals as tell it from its neighbours.
    pub(crate) fn label(&self, place: f64) -> String {
        let power = |x: f64| (x.abs().log10() + 1e-9).floor() as i32;
        let value = if self.logarithmic { 10f64.powf(place) } else { place * self.unit };
        let step = if self.logarithmic { value } else { self.step * self.unit };
        match (power(value), power(step)) {
            _ if value.abs() < 0.5 * step => "0".into(),
            (..6, last @ -5..) => format!("{value:.*}", -last.min(0) as usize),
            (first, last) => format!("{value:.*e}", (first - last).max(0) as usize),
        }
    }
}

/// Two bounds that are further apart than labels can say.
fn apart(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    match () {
        _ if high - low > (1e-6 * size).max(TINY) => (low, high),
        // A constant is shown with its distance from 0.
        _ if size > TINY => (low.min(0.0), high.max(0.0)),
        _ => (-0.5, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: [f64; 2], logarithmic: bool) -> Vec<String> {
        let scale = Scale::new(values.into_iter(), logarithmic);
        for value in values {
            assert!(scale.range.contains(&scale.place(value)), "{value}: {:?}", scale.range);
        }
        let ticks = RangedCoordf64::from(scale.range.clone()).key_points(scale.ticks);
        ticks.into_iter().map(|tick| scale.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(labels([0.03, 0.41], true), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(labels([0.86, 0.99], false), ["0.85", "0.90", "0.95", "1.00"]);
        assert_eq!(labels([-3.0, 1.0], false), ["-3", "-2", "-1", "0", "1"]);
        assert_eq!(labels([0.0, 4.2e8], false), ["0", "1e8", "2e8", "3e8", "4e8", "5e8"]);
        assert_eq!(labels([1e-9, 3e-9], false), ["1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9"]);
        assert_eq!(labels([7.0, 7.0], true), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels([0.002, 30.0], true), ["0.001", "0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels([0.002, 30.0], false), ["0", "5", "10", "15", "20", "25", "30"]);
    }

    #[test]
    fn no_values_make_an_axis_endless() {
        let wild =
            [[0.0, 0.0], [1e16, 1e16 + 2.0], [-1e100, 1e100], [5e-324, 1e-320], [0.0, 5e-324], [1e-99, 1e99]];
        for values in wild {
            for logarithmic in [false, true] {
                let labels = labels(values, logarithmic);
                assert!((2..=8).contains(&labels.len()), "{values:?}: {labels:?}");
            }
        }
    }
}
