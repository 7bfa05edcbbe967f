//! Softmax, its logarithm, log-sum-exp, and their rules, stable for any finite input.
//!
//! The largest element of a group is subtracted first, so nothing overflows; a NaN that the search
//! for it passes over still makes the whole group NaN, by way of the sum. Short rows are taken
//! several at a time, so that the exponentials run over whole vectors.

use super::fold::{self, Peak, Products, Sum, WIDTH};
use super::parallel::{self, Rows};
use super::simd::{Kernel, Level};
use super::{Groups, Lane};

/// Elements of several short rows that are treated together.
pub(crate) const TILE: usize = 1024;
/// At most so many rows.
pub(crate) const ROWS: usize = 64;

/// What is computed of each group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Softmax,
    LogSoftmax,
}

/// How many rows of `n` elements make a tile.
#[inline(always)]
pub(crate) fn rows_of_a_tile(n: usize) -> usize {
    (TILE / n).clamp(1, ROWS)
}

/// What is subtracted from a group with this largest element: 0 if all is -∞, which would give NaN.
#[inline(always)]
pub(crate) fn shift<T: Lane>(largest: T) -> T {
    if largest == T::LOWEST { T::ZERO } else { largest }
}

/// What a group is divided by whose exponentials have this sum: 1 if all are 0.
#[inline(always)]
pub(crate) fn divisor<T: Lane>(sum: T) -> T {
    if sum == T::ZERO { T::ONE } else { sum }
}

/// Rows of `n` elements.
pub(crate) struct RowForms<'a, T> {
    pub level: Level,
    pub form: Form,
    pub x: &'a [T],
    pub n: usize,
    pub out: &'a mut [T],
}

impl<T: Lane> Kernel for RowForms<'_, T> {
    #[inline(always)]
    fn run(self) {
        let RowForms { level, form, x, n, out } = self;
        let tile = rows_of_a_tile(n) * n;
        let (mut shifts, mut sums) = ([T::ZERO; ROWS], [T::ZERO; ROWS]);
        for (x, out) in x.chunks(tile).zip(out.chunks_mut(tile)) {
            let count = x.len() / n;
            fold::rows::<T, Peak, _>(level, x, n, &mut shifts[..count]);
            for ((x, out), kept) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)).zip(&mut shifts) {
                let shift = shift(*kept);
                *kept = shift;
                for i in 0..n {
                    out[i] = x[i] - shift;
                }
            }
            for y in out.iter_mut() {
                *y = y.exp();
            }
            fold::rows::<T, Sum, _>(level, &*out, n, &mut sums[..count]);
            let rows = x.chunks_exact(n).zip(out.chunks_exact_mut(n));
            for ((x, out), (&shift, &sum)) in rows.zip(shifts.iter().zip(&sums)) {
                let sum = divisor(sum);
                if form == Form::Softmax {
                    for y in out {
                        *y = *y / sum;
                    }
                } else {
                    let ln = sum.ln();
                    for i in 0..n {
                        out[i] = (x[i] - shift) - ln;
                    }
                }
            }
        }
    }
}

/// One group of several columns; at most [`WIDTH`] columns from `first` on are taken.
struct ColumnForms<'a, T> {
    level: Level,
    form: Form,
    x: &'a [T],
    inner: usize,
    first: usize,
    out: &'a mut [T],
}

impl<T: Lane> Kernel for ColumnForms<'_, T> {
    #[inline(always)]
    fn run(self) {
        let ColumnForms { level, form, x, inner, first, out } = self;
        let (mut shifts, mut sums) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH]);
        let width = WIDTH.min(inner - first);
        let (shifts, sums) = (&mut shifts[..width], &mut sums[..width]);
        fold::columns::<T, Peak, _>(level, x, inner, first, shifts);
        for m in shifts.iter_mut() {
            *m = shift(*m);
        }
        let block = first..first + width;
        for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
            let (x, out) = (&x[block.clone()], &mut out[block.clone()]);
            for j in 0..width {
                out[j] = (x[j] - shifts[j]).exp();
            }
        }
        fold::columns::<T, Sum, _>(level, &*out, inner, first, sums);
        for s in sums.iter_mut() {
            let sum = divisor(*s);
            *s = if form == Form::Softmax { sum } else { sum.ln() };
        }
        for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
            let (x, out) = (&x[block.clone()], &mut out[block.clone()]);
            if form == Form::Softmax {
                for j in 0..width {
                    out[j] = out[j] / sums[j];
                }
            } else {
                for j in 0..width {
                    out[j] = (x[j] - shifts[j]) - sums[j];
                }
            }
        }
    }
}

fn check<T>(x: &[T], g: Groups, out: &[T]) {
    assert_eq!(x.len(), g.elements(), "{g:?} has another number of elements");
    assert_eq!(out.len(), x.len(), "softmax gives as many elements as it takes");
}

fn forms<T: Lane>(level: Level, form: Form, x: &[T], g: Groups, out: &mut [T]) {
    check(x, g, out);
    let Groups { outer, n, inner } = g;
    let size = n * inner;
    if x.is_empty() {
        return;
    }
    parallel::run(outer, size, Rows(out, size), |range, Rows(out, _)| {
        let x = &x[range.start * size..range.end * size];
        if inner == 1 {
            return level.run(RowForms { level, form, x, n, out });
        }
        for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
            for first in (0..inner).step_by(WIDTH) {
                level.run(ColumnForms { level, form, x, inner, first, out });
            }
        }
    });
}

pub(crate) fn softmax<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    forms(level, Form::Softmax, x, g, out);
}

pub(crate) fn log_softmax<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    forms(level, Form::LogSoftmax, x, g, out);
}

/// The rule of [`Form`], in place.
struct RowRules<'a, T> {
    level: Level,
    form: Form,
    y: &'a [T],
    n: usize,
    y_bar: &'a mut [T],
}

impl<T: Lane> Kernel for RowRules<'_, T> {
    #[inline(always)]
    fn run(self) {
        let RowRules { level, form, y, n, y_bar } = self;
        let mut sums = [T::ZERO; ROWS];
        for (y, y_bar) in y.chunks(ROWS * n).zip(y_bar.chunks_mut(ROWS * n)) {
            let sums = &mut sums[..y.len() / n];
            if form == Form::Softmax {
                fold::rows::<T, Sum, _>(level, Products(y, y_bar), n, sums);
            } else {
                fold::rows::<T, Sum, _>(level, &*y_bar, n, sums);
            }
            for ((y, y_bar), &sum) in y.chunks_exact(n).zip(y_bar.chunks_exact_mut(n)).zip(&*sums) {
                if form == Form::Softmax {
                    for i in 0..n {
                        y_bar[i] = y[i] * (y_bar[i] - sum);
                    }
                } else {
                    for i in 0..n {
                        y_bar[i] = y_bar[i] - y[i].exp() * sum;
                    }
                }
            }
        }
    }
}

struct ColumnRules<'a, T> {
    level: Level,
    form: Form,
    y: &'a [T],
    inner: usize,
    first: usize,
    y_bar: &'a mut [T],
}

impl<T: Lane> Kernel for ColumnRules<'_, T> {
    #[inline(always)]
    fn run(self) {
        let ColumnRules { level, form, y, inner, first, y_bar } = self;
        let mut sums = [T::ZERO; WIDTH];
        let width = WIDTH.min(inner - first);
        let sums = &mut sums[..width];
        if form == Form::Softmax {
            fold::columns::<T, Sum, _>(level, Products(y, y_bar), inner, first, sums);
        } else {
            fold::columns::<T, Sum, _>(level, &*y_bar, inner, first, sums);
        }
        let block = first..first + width;
        for (y, y_bar) in y.chunks_exact(inner).zip(y_bar.chunks_exact_mut(inner)) {
            let (y, y_bar) = (&y[block.clone()], &mut y_bar[block.clone()]);
            if form == Form::Softmax {
                for j in 0..width {
                    y_bar[j] = y[j] * (y_bar[j] - sums[j]);
                }
            } else {
                for j in 0..width {
                    y_bar[j] = y_bar[j] - y[j].exp() * sums[j];
                }
            }
        }
    }
}

fn rules<T: Lane>(level: Level, form: Form, y: &[T], g: Groups, y_bar: &mut [T]) {
    check(y, g, y_bar);
    let Groups { outer, n, inner } = g;
    let size = n * inner;
    if y.is_empty() {
        return;
    }
    parallel::run(outer, size, Rows(y_bar, size), |range, Rows(y_bar, _)| {
        let y = &y[range.start * size..range.end * size];
        if inner == 1 {
            return level.run(RowRules { level, form, y, n, y_bar });
        }
        for (y, y_bar) in y.chunks_exact(size).zip(y_bar.chunks_exact_mut(size)) {
            for first in (0..inner).step_by(WIDTH) {
                level.run(ColumnRules { level, form, y, inner, first, y_bar });
            }
        }
    });
}

pub(crate) fn softmax_vjp<T: Lane>(level: Level, y: &[T], g: Groups, y_bar: &mut [T]) {
    rules(level, Form::Softmax, y, g, y_bar);
}

pub(crate) fn log_softmax_vjp<T: Lane>(level: Level, y: &[T], g: Groups, y_bar: &mut [T]) {
    rules(level, Form::LogSoftmax, y, g, y_bar);
}
