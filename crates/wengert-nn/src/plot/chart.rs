//! One chart: curves over epochs between two axes.
//!
//! Training and validation differ in colour, in dashes and in their marks, so that a print in grey and
//! eyes that see colours otherwise can tell them apart. The colours are two of Okabe and Ito's ("Color
//! universal design", 2008).

use super::axis::{Axis, short};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Units of a chart, which are pixels until someone scales it.
pub(crate) const WIDTH: usize = 560;
/// Its height.
pub(crate) const HEIGHT: usize = 260;
/// Where the axes end: left, right, top, bottom.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 552.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 218.0;
/// The style sheet of charts, light and dark.
pub(crate) const STYLE: &str = include_str!("chart.css");
/// Up to how many epochs have a mark each, which says its value when pointed at.
const MARKED: usize = 60;
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
    fn name(self) -> &'static str {
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

    /// The chart as elements of an SVG picture, at its origin.
    pub(crate) fn draw(&self) -> Markup {
        let x_axis = Axis::epochs(self.epochs.0, self.epochs.1, 10);
        let y_axis = self.y_axis();
        let x = |epoch: usize| LEFT + (RIGHT - LEFT) * x_axis.of(epoch as f64);
        let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share;
        let logarithmic = y_axis.as_ref().is_some_and(|axis| axis.logarithmic);
        html! {
            text.title x="0" y="16" {
                (shortened(&self.title))
                @if logarithmic { tspan.note { " (logarithmic)" } }
            }
            (self.legend())
            @if let Some(note) = self.note() { text.note x="0" y="35" { (note) } }
            @if let Some(axis) = &y_axis {
                @for (place, text) in &axis.ticks {
                    @let y = y(axis.share(*place));
                    path.grid d=(format!("M{LEFT} {y:.1}H{RIGHT}")) {}
                    text.tick x=(LEFT - 8.0) y=(format!("{:.1}", y + 4.0)) { (text) }
                }
            }
            path.axis d=(format!("M{LEFT} {BOTTOM}H{RIGHT}")) {}
            @for (place, text) in &x_axis.ticks {
                @let x = LEFT + (RIGHT - LEFT) * x_axis.share(*place);
                path.axis d=(format!("M{x:.1} {BOTTOM}v5")) {}
                text.epoch x=(format!("{x:.1}")) y=(BOTTOM + 20.0) { (text) }
            }
            text.epoch x=((LEFT + RIGHT) / 2.0) y=(BOTTOM + 38.0) { "epoch" }
            @if let Some(axis) = &y_axis {
                @for curve in &self.curves { (curve.draw(&x, &|value| y(axis.of(value)))) }
            }
        }
    }

    /// None if there is nothing to draw.
    fn y_axis(&self) -> Option<Axis> {
        let drawn =
            || self.curves.iter().flat_map(|curve| curve.values.iter().filter_map(|(_, value)| *value));
        drawn().next()?;
        let (low, high) = drawn().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (v.min(l), v.max(h)));
        let wide = self.title == "loss" && low > 0.0 && high / low >= 1000.0;
        Some(if wide { Axis::logarithmic(low, high, 6) } else { Axis::linear(low, high, 5) })
    }

    /// Names beside samples of the curves, at the right end of the title's line.
    fn legend(&self) -> Markup {
        const EACH: f64 = 104.0;
        let named: Vec<Kind> =
            self.curves.iter().map(|curve| curve.kind).filter(|&k| k != Kind::Alone).collect();
        html! {
            @for (i, kind) in named.iter().enumerate() {
                @let x = RIGHT - EACH * (named.len() - i) as f64;
                g class=(kind.name()) {
                    path.line d=(format!("M{x} 11h28")) {}
                    circle.mark cx=(x + 14.0) cy="11" r="3" {}
                }
                text x=(x + 36.0) y="15" { (kind.name()) }
            }
        }
    }

    /// What is not drawn, and why.
    fn note(&self) -> Option<String> {
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

impl Curve {
    /// Lines between neighbours, and marks where there are few of them, or none.
    fn draw(&self, x: &dyn Fn(usize) -> f64, y: &dyn Fn(f64) -> f64) -> Markup {
        let mut line = String::new();
        let runs = self.values.split(|(_, value)| value.is_none());
        let at = |&(epoch, value): &(usize, Option<f64>)| value.map(|value| (epoch, value));
        let mut marks: Vec<(usize, f64)> = Vec::new();
        for run in runs {
            let points: Vec<(usize, f64)> = run.iter().filter_map(at).collect();
            for (i, &(epoch, value)) in points.iter().enumerate() {
                let _ = write!(line, "{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x(epoch), y(value));
            }
            if points.len() == 1 || self.values.len() <= MARKED {
                marks.extend(points);
            }
        }
        html! {
            g class=(self.kind.name()) {
                path.line d=(line) {}
                @for (epoch, value) in marks {
                    circle.mark cx=(format!("{:.1}", x(epoch))) cy=(format!("{:.1}", y(value))) r="3" {
                        title { "epoch " (epoch) ", " (self.kind.name()) ": " (short(value)) }
                    }
                }
            }
        }
    }
}

fn shortened(title: &str) -> String {
    match title.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title.into(),
    }
}
