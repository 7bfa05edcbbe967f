//! Numbers and names as they stand in pictures and pages.

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
