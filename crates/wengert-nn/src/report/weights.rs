//! How the numbers of each parameter are distributed: dead layers, outliers and first values that never
//! moved are seen at a glance.

use crate::module::Module;
use crate::plot::draw::{Area, BLUE, Drawn, svg};
use crate::plot::text::{clean, short};
use maud::{Markup, html};
use plotters::prelude::{ChartBuilder, Color, Rectangle};
use wengert::{Element, Float};

/// How many parameters are shown.
const SHOWN: usize = 60;
/// Bars of a histogram.
const BARS: usize = 40;
/// Tenths of a pixel.
const WIDTH: u32 = 2400;
const HEIGHT: u32 = 720;

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
                    svg.wengert-chart.histogram viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
                        role="img" aria-label=(clean(&label)) {
                        (svg((WIDTH, HEIGHT), |area| self.bars(area)))
                    }
                    p.ends { span { (short(self.low)) } span { (short(self.high)) } }
                    p.soft { "mean " (short(self.mean)) ", deviation " (short(self.deviation)) }
                }
            }
        }
    }

    /// A bar for each count; what occurs at all is seen. (plotters' own histogram draws in the order of a
    /// hash map, another each time.)
    fn bars(&self, area: &Area<'_>) -> Drawn {
        let most = self.counts.iter().max().copied().unwrap_or(0) as f64;
        let mut chart = ChartBuilder::on(area).build_cartesian_2d(0..BARS, 0.0..1.05 * most)?;
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        chart.draw_series(counts.map(|(i, &count)| {
            let mut bar =
                Rectangle::new([(i, (count as f64).max(0.015 * most)), (i + 1, 0.0)], BLUE.filled());
            bar.set_margin(0, 0, 5, 5);
            bar
        }))?;
        Ok(())
    }
}
