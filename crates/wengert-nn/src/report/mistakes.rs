//! The images that were taken for something else.

use super::Report;
use super::picture::Pictures;
use crate::plot::PlotError;
use crate::plot::text::short;
use crate::trainer::Mistake;
use maud::{Markup, html};
use wengert::{Float, Tensor};

/// How many are shown.
const SHOWN: usize = 60;

/// A mistake and its image.
#[derive(Clone, Debug)]
pub(super) struct Pictured {
    mistake: Mistake,
    /// As the address of an image.
    image: String,
}

/// The first mistakes with their images.
pub(super) fn pictured<T: Float>(
    mistakes: &[Mistake],
    images: &Tensor<T>,
) -> Result<Vec<Pictured>, PlotError> {
    let pictures = Pictures::new(images, mistakes.len())?;
    let shown = mistakes.iter().take(SHOWN).enumerate();
    Ok(shown.map(|(i, mistake)| Pictured { mistake: mistake.clone(), image: pictures.address(i) }).collect())
}

pub(super) fn section(mistakes: &[Pictured], report: &Report) -> Markup {
    html! {
        section {
            h2 { "The worst mistakes" }
            @if mistakes.is_empty() { p { "No image was taken for another class." } }
            @else { p { "The images of the highest losses among those that were taken for another class." } }
            ul.mistakes {
                @for Pictured { mistake, image } in mistakes {
                    @let (truth, predicted) = (report.class(mistake.truth), report.class(mistake.predicted));
                    li {
                        img src=(image) alt={ "row " (mistake.row) ", which is " (truth) } {}
                        p.verdict { b { (truth) } " taken for " b.taken { (predicted) } }
                        p.soft { (percent(mistake.probability)) " for " (predicted) }
                        p.soft { (percent(mistake.truth_probability)) " for " (truth) }
                        p.soft { "loss " (short(mistake.loss)) }
                        p.soft { "row " (mistake.row) }
                    }
                }
            }
        }
    }
}

fn percent(probability: f64) -> String {
    match probability {
        _ if probability.is_nan() => "NaN".into(),
        p if p > 0.0 && p < 0.0005 => "< 0.1 %".into(),
        p if p < 1.0 && p > 0.9995 => "> 99.9 %".into(),
        p => format!("{:.1} %", 100.0 * p),
    }
}
