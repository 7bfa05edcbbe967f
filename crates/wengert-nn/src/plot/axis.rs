//! Axes: from which value to which, where the ticks are, and what stands beside them.
//!
//! A tick is a whole multiple of a step that is 1, 2 or 5 times a power of ten. Multiples are counted, not
//! added up, so that their number is bounded and their text exact, whatever the values are.

/// An axis of a chart.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    /// Places on the axis, and their texts.
    pub ticks: Vec<(f64, String)>,
    /// Whether places are logarithms of values.
    pub logarithmic: bool,
}

impl Axis {
    /// From a tick below all values to one above them, with about so many steps.
    pub(crate) fn linear(low: f64, high: f64, steps: usize) -> Axis {
        let (low, high) = apart(low, high);
        let (mantissa, exponent) = step(high - low, steps);
        let step = mantissa as f64 * 10f64.powi(exponent);
        let (first, last) = ((low / step + 1e-6).floor() as i64, (high / step - 1e-6).ceil() as i64);
        let tick = |i: i64| (i as f64 * step, decimal(i * mantissa, exponent));
        let ticks: Vec<_> = (first..=last.min(first + 4 * steps as i64)).map(tick).collect();
        Axis { low: first as f64 * step, high: last as f64 * step, ticks, logarithmic: false }
    }

    /// Of numbers of epochs: ticks at whole numbers, and room around a single one.
    pub(crate) fn epochs(first: usize, last: usize, steps: usize) -> Axis {
        let span = (last - first) as f64;
        let (mantissa, exponent) = step(span.max(1.0), steps);
        // No step is less than an epoch.
        let step = if exponent < 0 { 1 } else { mantissa as usize * 10usize.pow(exponent as u32) };
        let multiples = (first / step + 1..=last / step).map(|i| i * step);
        let marked = std::iter::once(first).chain(multiples.filter(|epoch| 2 * (epoch - first) > step));
        let ticks = marked.map(|epoch| (epoch as f64, epoch.to_string())).collect();
        let room = if first == last { 0.5 } else { 0.0 };
        Axis { low: first as f64 - room, high: last as f64 + room, ticks, logarithmic: false }
    }

    /// Of positive values, from a power of ten to another.
    pub(crate) fn logarithmic(low: f64, high: f64, steps: usize) -> Axis {
        let (low, high) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let each = ((high - low) as usize).div_ceil(steps).max(1);
        let ticks = (low..=high).step_by(each).map(|power| (f64::from(power), decimal(1, power))).collect();
        Axis { low: low.into(), high: high.into(), ticks, logarithmic: true }
    }

    /// Where a place is, from 0 to 1.
    pub(crate) fn share(&self, place: f64) -> f64 {
        (place - self.low) / (self.high - self.low)
    }

    /// Where a value is, from 0 to 1.
    pub(crate) fn of(&self, value: f64) -> f64 {
        self.share(if self.logarithmic { value.log10() } else { value })
    }
}

/// Two bounds that are further apart than rounding.
fn apart(low: f64, high: f64) -> (f64, f64) {
    const TINY: f64 = 1e-100;
    let size = low.abs().max(high.abs());
    if high - low > (1e-9 * size).max(TINY) {
        return (low, high);
    }
    // A constant is shown with its distance from 0.
    if size <= TINY { (-0.5, 0.5) } else { (low.min(0.0), high.max(0.0)) }
}

/// The smallest of 1, 2, 5 times a power of ten of which at most `steps` are in the span: its two parts.
fn step(span: f64, steps: usize) -> (i64, i32) {
    let least = span / steps as f64;
    let exponent = least.log10().floor() as i32;
    let found = [1, 2, 5].into_iter().find(|&m| m as f64 * 10f64.powi(exponent) >= least * (1.0 - 1e-9));
    found.map_or((1, exponent + 1), |mantissa| (mantissa, exponent))
}

/// `n` times a power of ten: `0.25`, `1500`, `3e-7`.
fn decimal(n: i64, exponent: i32) -> String {
    let value = n as f64 * 10f64.powi(exponent);
    match exponent {
        _ if n == 0 && exponent >= 0 => "0".into(),
        0.. if value.abs() < 1e6 => format!("{value:.0}"),
        -6..0 if value.abs() < 1e6 => format!("{value:.*}", -exponent as usize),
        _ => {
            let digits = n.to_string().trim_start_matches('-').trim_end_matches('0').len();
            format!("{value:.*e}", digits.saturating_sub(1))
        }
    }
}

/// A value in texts: four decimals from a hundredth to ten, elsewhere about as many digits.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    match value {
        0.0 => "0".into(),
        _ if value.is_nan() => "NaN".into(),
        _ if value.is_infinite() => if value > 0.0 { "∞" } else { "-∞" }.into(),
        _ if !(1e-4..1e6).contains(&size) => format!("{value:.3e}"),
        _ => {
            let power = size.log10().floor() as i32;
            let decimals = if power >= -2 { 4 - power.max(0) } else { 3 - power };
            format!("{value:.*}", decimals.max(1) as usize)
        }
    }
}

/// A name as it can stand in any file: without characters that control, or turn the direction of text.
pub(crate) fn clean(name: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = |c: char| c.is_control() || turns(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    name.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(texts(&Axis::linear(0.03, 0.41, 5)), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(texts(&Axis::linear(-3.0, 1.0, 4)), ["-3", "-2", "-1", "0", "1"]);
        assert_eq!(texts(&Axis::linear(0.0, 4.2e8, 3)), ["0", "2e8", "4e8", "6e8"]);
        assert_eq!(texts(&Axis::linear(1e-9, 3e-9, 3)), ["1e-9", "2e-9", "3e-9"]);
        assert_eq!(texts(&Axis::logarithmic(0.002, 30.0, 5)), ["0.001", "0.01", "0.1", "1", "10", "100"]);
    }

    #[test]
    fn no_values_make_an_axis_endless() {
        let wild =
            [(0.0, 0.0), (7.0, 7.0), (1e16, 1e16 + 2.0), (-1e100, 1e100), (5e-324, 1e-320), (0.0, 5e-324)];
        for (low, high) in wild {
            let axis = Axis::linear(low, high, 5);
            assert!((2..=21).contains(&axis.ticks.len()), "{low} to {high}: {:?}", axis.ticks);
            for place in [low, high] {
                assert!((-1e-5..=1.00001).contains(&axis.of(place)), "{low} to {high}: {}", axis.of(place));
            }
        }
        let axis = Axis::logarithmic(1e-100, 1e100, 5);
        assert!(axis.ticks.len() <= 6 && axis.of(1.0) == 0.5, "{:?}", axis.ticks);
    }

    #[test]
    fn epochs_are_whole_numbers() {
        assert_eq!(texts(&Axis::epochs(1, 5, 10)), ["1", "2", "3", "4", "5"]);
        assert_eq!(texts(&Axis::epochs(1, 40, 10)), ["1", "5", "10", "15", "20", "25", "30", "35", "40"]);
        assert_eq!(texts(&Axis::epochs(7, 8, 10)), ["7", "8"]);
        let one = Axis::epochs(3, 3, 10);
        assert_eq!((texts(&one), one.of(3.0)), (vec!["3"], 0.5));
    }

    #[test]
    fn values_are_short() {
        let all = [
            0.0,
            0.00123456,
            0.12345678,
            1.0,
            12.345678,
            123456.7,
            1.5e-7,
            -2e9,
            f64::NAN,
            f64::NEG_INFINITY,
        ];
        let expected =
            ["0", "0.001235", "0.1235", "1.0000", "12.346", "123456.7", "1.500e-7", "-2.000e9", "NaN", "-∞"];
        assert_eq!(all.map(short), expected);
    }
}
