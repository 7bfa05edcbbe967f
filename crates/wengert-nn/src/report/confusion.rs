//! What was taken for what, as a table whose cells are tinted.
//!
//! A cell of the diagonal is tinted by its share of its row, the others by their share of the most frequent
//! mistake: on one scale, the few mistakes of a good model could not be seen. Tints are so light that the
//! numbers on them can be read.

use super::{Report, grouped};
use crate::metrics::ConfusionMatrix;
use maud::{Markup, html};

/// The largest matrix that is shown.
const CLASSES: usize = 40;
/// How many pairs are listed.
const PAIRS: usize = 8;

pub(super) fn section(matrix: &ConfusionMatrix, report: &Report) -> Markup {
    let (n, total) = (matrix.classes(), matrix.total());
    let right: u64 = (0..n).map(|class| matrix.count(class, class)).sum();
    let pairs = mixed_up(matrix);
    html! {
        section {
            h2 { "What was taken for what" }
            p {
                (grouped(right as usize)) " of " (grouped(total as usize)) " rows are right"
                @if total > 0 { ", " (percent(right, total)) }
                "; "
                @if pairs.is_empty() { "none is wrong." } @else { "these were mixed up most often:" }
            }
            @if !pairs.is_empty() {
                ul.pairs {
                    @for (count, truth, predicted) in pairs.iter().take(PAIRS) {
                        li { b { (report.class(*truth)) } " taken for " b { (report.class(*predicted)) } ", " (times(*count)) }
                    }
                }
            }
            @if n <= CLASSES { (table(matrix, report, pairs.first().map_or(1, |pair| pair.0))) }
            @else { p.soft { "A table of " (n) " classes would be too large to read; up to " (CLASSES) " are shown as one." } }
        }
    }
}

fn table(matrix: &ConfusionMatrix, report: &Report, worst: u64) -> Markup {
    let classes = 0..matrix.classes();
    let of_row = |truth: usize| classes.clone().map(|predicted| matrix.count(truth, predicted)).sum::<u64>();
    let of_column =
        |predicted: usize| classes.clone().map(|truth| matrix.count(truth, predicted)).sum::<u64>();
    html! {
        div.wide tabindex="0" role="region" aria-label="Confusion matrix" {
            table.confusion {
                caption { "A row for each true class, a column for each predicted one" }
                thead {
                    tr {
                        th scope="col" { "true" }
                        @for class in classes.clone() { th scope="col" { (report.class(class)) } }
                        th.margin scope="col" { "recall" }
                    }
                }
                tbody {
                    @for truth in classes.clone() {
                        tr {
                            th scope="row" { (report.class(truth)) }
                            @for predicted in classes.clone() { (cell(matrix.count(truth, predicted), truth == predicted, of_row(truth), worst)) }
                            td.margin { (percent(matrix.count(truth, truth), of_row(truth))) }
                        }
                    }
                }
                tfoot {
                    tr {
                        th.margin scope="row" { "precision" }
                        @for class in classes.clone() {
                            td.margin { (percent(matrix.count(class, class), of_column(class))) }
                        }
                        td.margin {}
                    }
                }
            }
        }
    }
}

fn cell(count: u64, right: bool, of_row: u64, worst: u64) -> Markup {
    let share = |whole: u64| format!("--tint: {:.0}%", 100.0 * count as f64 / whole.max(1) as f64);
    match (count, right) {
        (0, _) => html! { td.none { "0" } },
        (_, true) => html! { td.right style=(share(of_row)) { (count) } },
        (_, false) => html! { td.wrong style=(share(worst)) { (count) } },
    }
}

/// Pairs of different classes with their counts, the most frequent first.
fn mixed_up(matrix: &ConfusionMatrix) -> Vec<(u64, usize, usize)> {
    let n = matrix.classes();
    let all = (0..n * n).map(|i| (matrix.count(i / n, i % n), i / n, i % n));
    let mut pairs: Vec<_> =
        all.filter(|&(count, truth, predicted)| count > 0 && truth != predicted).collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.0));
    pairs
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".into() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}
