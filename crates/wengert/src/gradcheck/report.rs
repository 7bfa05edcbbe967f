//! What a check has seen: one comparison a derivative, one row an input, and the table of them.

use super::differences::Slope;
use crate::shape::Shape;
use std::fmt;

/// Which derivative was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// With respect to one entry of one input.
    Of {
        /// Which input.
        input: usize,
        /// Which entry, one number an axis.
        index: Vec<usize>,
    },
    /// Along a random direction over all inputs.
    Direction(usize),
}

/// ` at [1, 2]`; a scalar has but one place.
pub(super) fn place(index: &[usize]) -> String {
    if index.is_empty() { String::new() } else { format!(" at {index:?}") }
}

/// `input 0 at [1, 2]`, `direction 3`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Of { input, index } => write!(f, "input {input}{}", place(index)),
            Entry::Direction(i) => write!(f, "direction {i}"),
        }
    }
}

/// What came of a comparison, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// The tape and the differences agree.
    Agrees,
    /// The one-sided slopes disagree, and the tape's derivative lies between them.
    Kink,
    /// The differences are too coarse to tell, but forward mode agrees with the tape, and each
    /// operation with differences of it alone.
    Untrusted,
    /// The tape's derivative is wrong.
    Wrong,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Agrees => "ok",
            Verdict::Kink => "kink",
            Verdict::Untrusted => "untrusted",
            Verdict::Wrong => "FAIL",
        })
    }
}

/// One derivative: what the tape says of it, and what differences say.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// 1 for the gradient, 2 for the gradient of a projection of it, and so on.
    pub order: usize,
    /// Which derivative.
    pub entry: Entry,
    /// What the tape computed.
    pub analytic: f64,
    /// What the differences estimate.
    pub numeric: Slope,
    /// What forward mode computed, if it was asked.
    pub forward: Option<f64>,
    /// By how much analytic and numeric may differ beyond the latter's own error.
    pub allowed: f64,
    /// What came of it.
    pub verdict: Verdict,
}

impl Comparison {
    /// How far the tape's number is from the differences' (at a kink, from the range of both slopes).
    pub fn error(&self) -> f64 {
        match self.numeric {
            Slope::Smooth(numeric) => (self.analytic - numeric.value).abs(),
            Slope::Kink { left, right } => {
                let (low, high) = (left.value.min(right.value), left.value.max(right.value));
                (low - self.analytic).max(self.analytic - high).max(0.0)
            }
            Slope::Unknown => f64::NAN,
        }
    }

    /// `error` in units of the larger number, or of 1 if both are smaller.
    pub fn relative_error(&self) -> f64 {
        let largest = match self.numeric {
            Slope::Smooth(numeric) => numeric.value.abs(),
            Slope::Kink { left, right } => left.value.abs().max(right.value.abs()),
            Slope::Unknown => 0.0,
        };
        self.error() / largest.max(self.analytic.abs()).max(1.0)
    }
}

/// `derivative 1 of input 0 at [2]: the tape says 3, differences say 1.5 ± 2e-13`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { order, entry, analytic, .. } = self;
        write!(f, "derivative {order} of {entry}: the tape says {}, ", number(*analytic))?;
        match self.numeric {
            Slope::Smooth(numeric) => write!(f, "differences say {numeric}")?,
            Slope::Kink { left, right } => write!(f, "slopes are {left} below and {right} above")?,
            Slope::Unknown => write!(f, "nearby values are not finite")?,
        }
        match self.forward {
            Some(forward) => write!(f, ", forward mode says {}", number(forward)),
            None => Ok(()),
        }
    }
}

/// All comparisons of one order and one input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Which derivative.
    pub order: usize,
    /// Which input, and its shape; `None` for random directions over all inputs.
    pub input: Option<(usize, Shape)>,
    /// How many derivatives were compared.
    pub checked: usize,
    /// How many of them are at a kink.
    pub kinks: usize,
    /// For how many the differences cannot tell.
    pub untrusted: usize,
    /// How many are wrong. The row ends at the eighth.
    pub wrong: usize,
    /// The gravest comparison, and among equally grave ones that with the largest error.
    pub worst: Option<Comparison>,
}

impl Row {
    pub(super) fn new(order: usize, input: Option<(usize, Shape)>) -> Row {
        Row { order, input, checked: 0, kinks: 0, untrusted: 0, wrong: 0, worst: None }
    }

    /// Whether this is the gravest so far.
    pub(super) fn add(&mut self, comparison: &Comparison) -> bool {
        self.checked += 1;
        match comparison.verdict {
            Verdict::Agrees => {}
            Verdict::Kink => self.kinks += 1,
            Verdict::Untrusted => self.untrusted += 1,
            Verdict::Wrong => self.wrong += 1,
        }
        let graver = |worst: &Comparison| {
            let errors = (comparison.relative_error(), worst.relative_error());
            comparison.verdict > worst.verdict || (comparison.verdict == worst.verdict && errors.0 > errors.1)
        };
        let gravest = self.worst.as_ref().is_none_or(graver);
        if gravest {
            self.worst = Some(comparison.clone());
        }
        gravest
    }

    fn cells(&self) -> [String; 8] {
        let (name, shape) = match &self.input {
            Some((input, shape)) => (format!("input {input}"), shape.to_string()),
            None => ("directions".into(), "all".into()),
        };
        let checked = match &self.input {
            Some((_, shape)) if self.checked < shape.elements() => {
                format!("{} of {}", self.checked, shape.elements())
            }
            _ => self.checked.to_string(),
        };
        let [mut at, mut tape, mut differences] = [const { String::new() }; 3];
        if let Some(worst) = &self.worst {
            at = match &worst.entry {
                Entry::Of { index, .. } => place(index).replace(" at ", ""),
                Entry::Direction(i) => i.to_string(),
            };
            tape = number(worst.analytic);
            differences = match worst.numeric {
                Slope::Smooth(numeric) => numeric.to_string(),
                Slope::Kink { left, right } => {
                    format!("{} below, {} above", number(left.value), number(right.value))
                }
                Slope::Unknown => "not finite".into(),
            };
        }
        let counts =
            [(self.wrong, Verdict::Wrong), (self.untrusted, Verdict::Untrusted), (self.kinks, Verdict::Kink)];
        let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, verdict)| format!("{verdict} ({n})"));
        let verdict = counts.collect::<Vec<_>>().join(", ");
        let verdict = if verdict.is_empty() { Verdict::Agrees.to_string() } else { verdict };
        [self.order.to_string(), name, shape, checked, at, tape, differences, verdict]
    }
}

/// What a check has seen. It prints as a table: a line for each order and input, with the gravest
/// comparison of each.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GradCheckReport {
    /// The shape of the function's result.
    pub result: Shape,
    /// By order, then by input.
    pub rows: Vec<Row>,
    /// How many derivatives were compared, over all orders.
    pub checked: usize,
    /// The largest |analytic - numeric| / max(1, |analytic|, |numeric|) among those that agree.
    pub worst: f64,
    /// Every comparison at a kink: not wrong, but a choice.
    pub kinks: Vec<Comparison>,
    /// Every comparison that differences cannot decide.
    pub untrusted: Vec<Comparison>,
    /// The largest |<J·v, w> - <v, Jᵀ·w>| / max(1, |either|): forward against reverse mode.
    pub adjoint: f64,
}

impl GradCheckReport {
    pub(super) fn add(&mut self, comparison: Comparison) {
        self.checked += 1;
        match comparison.verdict {
            Verdict::Agrees => self.worst = self.worst.max(comparison.relative_error()),
            Verdict::Kink => self.kinks.push(comparison),
            Verdict::Untrusted => self.untrusted.push(comparison),
            Verdict::Wrong => {}
        }
    }
}

const HEADER: [&str; 8] =
    ["order", "of", "shape", "checked", "worst at", "tape", "differences ± their error", "verdict"];

/// What came of it in a line, then the table.
impl fmt::Display for GradCheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong: usize = self.rows.iter().map(|row| row.wrong).sum();
        let agree = self.checked - self.kinks.len() - self.untrusted.len() - wrong;
        write!(f, "{} derivatives: {agree} agree", self.checked)?;
        let others = [(self.kinks.len(), "at kinks"), (self.untrusted.len(), "untrusted"), (wrong, "wrong")];
        others.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, what)| write!(f, ", {n} {what}"))?;
        writeln!(f)?;
        let rows: Vec<[String; 8]> =
            std::iter::once(HEADER.map(String::from)).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 8] = std::array::from_fn(width);
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let mut line = String::new();
            for (column, (text, width)) in row.iter().zip(widths).enumerate() {
                // Counts to the right; what is read as a text to the left.
                line += &if column == 3 { format!("{text:>width$}   ") } else { format!("{text:width$}   ") };
            }
            write!(f, "{}", line.trim_end())?;
        }
        match self.result.elements() {
            1 => Ok(()),
            _ => write!(
                f,
                "\n(of sum(result · w) with random weights w, since the result has shape {})",
                self.result
            ),
        }
    }
}

/// Nine digits.
pub(super) fn number(x: f64) -> String {
    rounded(x, 9)
}

/// So many digits at most, without zeros at the end; powers of ten where the point would be far away.
pub(super) fn rounded(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.abs().to_string();
    }
    let text = format!("{x:.*e}", digits - 1);
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if (-4..7).contains(&power) {
        let places = (digits as i32 - 1 - power).max(0) as usize;
        return trimmed(&format!("{x:.places$}"));
    }
    format!("{}e{power}", trimmed(mantissa))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_nine_digits_and_no_zeros_at_the_end() {
        let texts = [0.5, -1.0, 1.0 / 3.0, 1234567.891234, 1e-5, 2.5e-9, -1.0 / 3e9, 1e7, 0.0, f64::NAN];
        let expected = [
            "0.5",
            "-1",
            "0.333333333",
            "1234567.89",
            "1e-5",
            "2.5e-9",
            "-3.33333333e-10",
            "1e7",
            "0",
            "NaN",
        ];
        assert_eq!(texts.map(number), expected);
    }
}
