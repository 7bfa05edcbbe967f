//! Cross-entropy of rows of logits with integer labels, and its rule.
//!
//! Fused for stability and speed: ln(sum(eˣ)) - x\[label\] in one pass, without any probability
//! being divided or logarithmised. The rule computes the softmax again rather than keep it.

use super::Lane;
use super::logsumexp::row_sums;
use super::parallel::{self, Rows};
use super::simd::{Kernel, Level};
use super::softmax::{Form, RowForms};

/// Turns the softmax of one row into the rule.
struct Excess<'a, T> {
    label: usize,
    loss_bar: T,
    row: &'a mut [T],
}

impl<T: Lane> Kernel for Excess<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Excess { label, loss_bar, row } = self;
        row[label] = row[label] - T::ONE;
        for y in row {
            *y = loss_bar * *y;
        }
    }
}

fn check<T>(logits: &[T], labels: &[usize], classes: usize) {
    assert_eq!(logits.len(), labels.len() * classes, "there is one label a row of {classes} logits");
    assert!(labels.iter().all(|&label| label < classes), "a label is not below {classes}");
}

pub(crate) fn losses<T: Lane>(
    level: Level,
    logits: &[T],
    labels: &[usize],
    classes: usize,
    losses: &mut [T],
) {
    check(logits, labels, classes);
    assert_eq!(losses.len(), labels.len(), "there is one loss a label");
    if labels.is_empty() {
        return;
    }
    parallel::run(labels.len(), classes, losses, |range, losses| {
        let logits = &logits[range.start * classes..range.end * classes];
        let labels = &labels[range];
        // Differences first: they are small where the logits are large.
        row_sums(level, logits, classes, |i, shift, sum| {
            losses[i] = sum.ln() - (logits[i * classes + labels[i]] - shift);
        });
    });
}

pub(crate) fn vjp<T: Lane>(
    level: Level,
    logits: &[T],
    labels: &[usize],
    classes: usize,
    losses_bar: &[T],
    out: &mut [T],
) {
    check(logits, labels, classes);
    assert_eq!(losses_bar.len(), labels.len(), "there is one loss a label");
    assert_eq!(out.len(), logits.len(), "the rule gives as many elements as there are logits");
    if labels.is_empty() {
        return;
    }
    parallel::run(labels.len(), classes, Rows(out, classes), |range, Rows(out, _)| {
        let logits = &logits[range.start * classes..range.end * classes];
        let (labels, losses_bar) = (&labels[range.clone()], &losses_bar[range]);
        level.run(RowForms { level, form: Form::Softmax, x: logits, n: classes, out });
        for ((row, &label), &loss_bar) in out.chunks_exact_mut(classes).zip(labels).zip(losses_bar) {
            level.run(Excess { label, loss_bar, row });
        }
    });
}
