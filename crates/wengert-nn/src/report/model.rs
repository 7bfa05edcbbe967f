//! The layers of a model.

use super::grouped;
use crate::plot::text::clean;
use crate::summary::{Summary, shape, size};
use maud::{Markup, html};

/// How many layers are shown.
const SHOWN: usize = 200;

pub(super) fn section(summary: &Summary) -> Markup {
    let parameters = summary.trainable + summary.not_trainable;
    let shown = summary.layers.iter().take(SHOWN);
    html! {
        section {
            h2 { "The model" }
            p {
                (grouped(parameters)) " parameters (" (size(summary.bytes)) "), "
                @if summary.not_trainable == 0 { "all of which are trained" }
                @else { "of which " (grouped(summary.not_trainable)) " are frozen" }
                @if summary.state > 0 { "; " (grouped(summary.state)) " numbers of state" }
                "."
                @if summary.layers.len() > SHOWN { " The first " (SHOWN) " of " (summary.layers.len()) " layers:" }
            }
            div.wide tabindex="0" role="region" aria-label="Layers" {
                table.layers {
                    caption { "Layers in the order of their calls; ? is the length of the batch" }
                    thead {
                        tr {
                            th scope="col" { "layer" } th scope="col" { "kind" }
                            th scope="col" { "output" } th.number scope="col" { "parameters" }
                        }
                    }
                    tbody {
                        @for layer in shown {
                            tr {
                                th scope="row" style=(format!("--depth: {}", layer.depth)) { code { (clean(&layer.path)) } }
                                td { (layer.kind) }
                                td { @if !layer.path.is_empty() { code { (shape(&layer.output)) } } }
                                td.number { (grouped(layer.parameters)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
