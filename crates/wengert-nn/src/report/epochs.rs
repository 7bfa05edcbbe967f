//! The curves of a training, and its last epochs as a table.

use crate::plot::text::{clean, short};
use crate::plot::{curves, draw};
use crate::trainer::History;
use maud::{Markup, html};

/// How many epochs the table shows.
const SHOWN: usize = 12;

pub(super) fn section(history: &History) -> Markup {
    html! {
        section {
            h2 { "Training" }
            @if history.epochs.is_empty() { p { "No epoch was trained." } }
            div.charts {
                @for chart in curves::charts(history) { (draw::picture(&[chart], 0, None)) }
            }
            (table(history))
        }
    }
}

fn table(history: &History) -> Markup {
    let count = history.epochs.len();
    let shown = &history.epochs[count.saturating_sub(SHOWN)..];
    let mut names: Vec<String> = Vec::new();
    for (name, _) in shown.iter().flat_map(|epoch| epoch.logs()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let spoken = |name: &str| {
        let name = name.strip_prefix("val_").map_or(name.into(), |rest| format!("validation {rest}"));
        clean(&name).replace('_', " ")
    };
    html! {
        @if count > 0 {
            div.wide tabindex="0" role="region" aria-label="Table of epochs" {
                table {
                    caption {
                        @if count > shown.len() { "The last " (shown.len()) " of " (count) " epochs" }
                        @else { "The epochs" }
                    }
                    thead {
                        tr {
                            th scope="col" { "epoch" }
                            @for name in &names {
                                th scope="col" { (spoken(name)) }
                            }
                            th scope="col" { "seconds" }
                        }
                    }
                    tbody {
                        @for epoch in shown {
                            tr {
                                th scope="row" { (epoch.epoch) }
                                @for name in &names { td { (epoch.value(name).map_or("–".into(), short)) } }
                                td { (format!("{:.2}", epoch.seconds)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
