//! One chart: curves over epochs, and what is said about them.

use super::scale::Scale;
use super::text::short;
use std::fmt::Write as _;

/// How many runs of epochs a note names.
const NAMED: usize = 3;
/// Characters of a title.
const TITLE: usize = 36;

/// A chart over epochs.
pub(crate) struct Chart {
    pub title: String,
    /// The first epoch and the last.
    pub epochs: (usize, usize),
    pub curves: Vec<Curve>,
}

/// A curve of a chart.
pub(crate) struct Curve {
    pub kind: Kind,
    /// Epochs, each with its value if it has one that can be drawn.
    pub values: Vec<(usize, Option<f64>)>,
    /// The epochs whose values are not finite.
    pub left_out: Vec<usize>,
}

/// What a curve is of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Training,
    Validation,
    /// The only one, which needs no name.
    Alone,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Training => "training",
            Kind::Validation => "validation",
            Kind::Alone => "value",
        }
    }
}

impl Chart {
    /// What it shows, in a sentence.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{} by epoch:", self.title);
        for (i, curve) in self.curves.iter().enumerate() {
            let mut drawn = curve.values.iter().filter_map(|(_, value)| *value);
            let separator = if i > 0 { "," } else { "" };
            let _ = match (drawn.next(), drawn.next_back()) {
                (Some(first), Some(last)) => {
                    write!(text, "{separator} {} from {} to {}", curve.kind.name(), short(first), short(last))
                }
                (Some(only), None) => write!(text, "{separator} {} {}", curve.kind.name(), short(only)),
                _ => write!(text, "{separator} {} never finite", curve.kind.name()),
            };
        }
        text + "."
    }

    /// What stands above it.
    pub(crate) fn heading(&self) -> String {
        let logarithmic = self.scale().logarithmic;
        let title = match self.title.char_indices().nth(TITLE) {
            Some((end, _)) => format!("{}…", &self.title[..end]),
            None => self.title.clone(),
        };
        title + if logarithmic { " (logarithmic)" } else { "" }
    }

    /// Its axis of values.
    pub(crate) fn scale(&self) -> Scale {
        let values = self.curves.iter().flat_map(|curve| curve.values.iter().filter_map(|(_, value)| *value));
        Scale::new(values, self.title == "loss")
    }

    /// What is not drawn, and why.
    pub(crate) fn note(&self) -> Option<String> {
        let left_out = |curve: &Curve| {
            let runs = runs(&curve.left_out);
            let named: Vec<String> = runs.iter().take(NAMED).map(run_text).collect();
            let more: usize = runs.iter().skip(NAMED).map(|(first, last)| last - first + 1).sum();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} {}{more}", curve.kind.name(), named.join(", "))
        };
        let parts: Vec<String> =
            self.curves.iter().filter(|curve| !curve.left_out.is_empty()).map(left_out).collect();
        (!parts.is_empty()).then(|| format!("epochs left out, not finite: {}", parts.join("; ")))
    }
}

/// Epochs as first and last ones of those that follow each other.
fn runs(epochs: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &epoch in epochs {
        match runs.last_mut() {
            Some((_, last)) if epoch == *last + 1 => *last = epoch,
            _ => runs.push((epoch, epoch)),
        }
    }
    runs
}

fn run_text((first, last): &(usize, usize)) -> String {
    if first == last { first.to_string() } else { format!("{first}–{last}") }
}
