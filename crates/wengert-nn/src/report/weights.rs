//! How the numbers of each parameter are distributed: dead layers, outliers and first values that never
//! moved are seen at a glance.

use crate::module::Module;
use crate::plot::axis::{clean, short};
use maud::{Markup, html};
use std::fmt::Write as _;
use wengert::{Element, Float};

/// How many parameters are shown.
const SHOWN: usize = 60;
/// Bars of a histogram.
const BARS: usize = 40;
/// Units of a histogram.
const WIDTH: usize = 240;
/// Their height.
const HEIGHT: usize = 72;

/// The distribution of a parameter's numbers.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    name: String,
    shape: Vec<usize>,
    /// What sets it apart, if anything does.
    remark: &'static str,
    counts: Vec<usize>,
    low: f64,
    high: f64,
    mean: f64,
    deviation: f64,
    not_finite: usize,
}

pub(super) fn histograms<T: Float>(model: &(impl Module<T> + ?Sized)) -> Vec<Histogram> {
    let of = |(name, parameter): (String, &wengert::Parameter<T>)| {
        let remark = match (parameter.is_state(), parameter.is_trainable()) {
            (true, _) => "state",
            (_, false) => "frozen",
            _ => "",
        };
        let elements = parameter.value().as_slice().iter().map(|&x| Element::to_f64(x));
        let finite: Vec<f64> = elements.filter(|x| x.is_finite()).collect();
        let not_finite = parameter.value().len() - finite.len();
        let n = finite.len().max(1) as f64;
        let mean = finite.iter().sum::<f64>() / n;
        let deviation = (finite.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        let (low, high) =
            finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
        let mut counts = vec![0; BARS];
        for x in &finite {
            // Equal numbers stand in the middle.
            let share = if high > low { (x - low) / (high - low) } else { 0.5 };
            counts[((share * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        let shape = parameter.value().shape().to_vec();
        Histogram { name, shape, remark, counts, low, high, mean, deviation, not_finite }
    };
    model.parameters().into_iter().map(of).collect()
}

pub(super) fn section(all: &[Histogram]) -> Markup {
    html! {
        section {
            h2 { "Weights" }
            p {
                "How the numbers of each parameter are distributed, from the least to the greatest."
                @if all.len() > SHOWN { " The first " (SHOWN) " of " (all.len()) " parameters:" }
            }
            ul.weights {
                @for histogram in all.iter().take(SHOWN) { (histogram.draw()) }
            }
        }
    }
}

impl Histogram {
    fn draw(&self) -> Markup {
        let empty = self.counts.iter().all(|&count| count == 0);
        let label = format!(
            "{}: from {} to {}, mean {}, standard deviation {}",
            self.name,
            short(self.low),
            short(self.high),
            short(self.mean),
            short(self.deviation)
        );
        html! {
            li {
                h3 { code { (clean(&self.name)) } }
                p.soft {
                    (format!("{:?}", self.shape))
                    @if !self.remark.is_empty() { ", " (self.remark) }
                    @if self.not_finite > 0 { ", " b.taken { (self.not_finite) " not finite" } }
                }
                @if empty { p { "No finite numbers." } }
                @else {
                    svg.histogram viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(clean(&label)) {
                        path.bars d=(self.bars()) {}
                        path.base d=(format!("M0 {HEIGHT}H{WIDTH}")) {}
                    }
                    p.ends { span { (short(self.low)) } span { (short(self.high)) } }
                    p.soft { "mean " (short(self.mean)) ", deviation " (short(self.deviation)) }
                }
            }
        }
    }

    /// A path of rectangles; what occurs at all is at least one unit high.
    fn bars(&self) -> String {
        let most = self.counts.iter().max().copied().unwrap_or(0).max(1);
        let each = WIDTH as f64 / BARS as f64;
        let mut path = String::new();
        for (i, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = (count as f64 / most as f64 * (HEIGHT - 4) as f64).max(1.0);
            let (x, wide) = (i as f64 * each + 0.5, each - 1.0);
            let _ = write!(path, "M{x:.1} {HEIGHT}v-{height:.1}h{wide:.1}v{height:.1}z");
        }
        path
    }
}
