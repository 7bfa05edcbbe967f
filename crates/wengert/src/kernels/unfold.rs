//! Convolutions as products of unfolded images: a column holds what one window sees, and the kernels
//! are the rows that multiply it.
//!
//! For convolutions of too few channels to fill the lanes of a [direct](super::direct) one. One image
//! at a time and group by group: unfolding a whole batch would take as many times its memory as a
//! kernel has elements. Images are shared out among threads, each with a scratch of its own that the
//! caller brings. Where the kernel is 1x1, without stride and padding, the image is its own
//! unfolding. (K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks
//! for document processing", 2006.)

use super::conv::{ConvSizes, part};
use super::parallel::{self, Rows};
use super::simd::Level;
use super::windows::{self, Slide};
use super::{Lane, Matrix, elementwise, gemm};
use crate::ops::Conv;
use std::ops::Range;

impl ConvSizes {
    /// Elements of the unfolding of one group of an image; none if that is its own.
    fn columns(&self) -> usize {
        let plain = |a: &Slide| (a.kernel, a.stride, a.padding, a.count) == (1, 1, 0, a.image);
        if self.axes.iter().all(plain) { 0 } else { self.taps() * self.windows() }
    }
}

/// How many elements of scratch [`conv`] is to be given.
pub(crate) fn scratch(op: Conv, s: &ConvSizes) -> usize {
    match op {
        Conv::Forward | Conv::Input => s.images.min(rayon::current_num_threads()) * s.columns(),
        Conv::Weight if s.parts() < 2 => s.columns(),
        Conv::Weight => s.parts() * (s.groups * s.kernels() + s.columns()),
    }
}

pub(crate) fn conv<T: Lane>(
    level: Level,
    op: Conv,
    s: &ConvSizes,
    [a, b]: [&[T]; 2],
    bias: Option<&[T]>,
    scratch: &mut [T],
    out: &mut [T],
) {
    match op {
        Conv::Forward => {
            each_image(s, s.groups * s.results(), scratch, out, |i, y, columns| {
                for g in 0..s.groups {
                    let columns = unfolded(part(a, i * s.groups + g, s.image()), s, columns);
                    let w = part(b, g, s.kernels());
                    let y = &mut y[g * s.results()..][..s.results()];
                    let w = matrix(w, s.outputs, s.taps());
                    if let Some(bias) = bias {
                        let rows = y.chunks_exact_mut(s.windows()).zip(part(bias, g, s.outputs));
                        rows.for_each(|(y, &bias)| y.fill(bias));
                    }
                    gemm::gemm(level, w, matrix(columns, s.taps(), s.windows()), bias.is_some(), y);
                }
            });
        }
        Conv::Input => each_image(s, s.groups * s.image(), scratch, out, |i, x, columns| {
            for g in 0..s.groups {
                let y = matrix(part(a, i * s.groups + g, s.results()), s.outputs, s.windows());
                let w = matrix(part(b, g, s.kernels()), s.outputs, s.taps());
                let x = &mut x[g * s.image()..][..s.image()];
                if columns.is_empty() {
                    gemm::gemm(level, w.t(), y, false, x);
                } else {
                    gemm::gemm(level, w.t(), y, false, columns);
                    fold(columns, s, x);
                }
            }
        }),
        Conv::Weight => weight(level, s, a, b, scratch, out),
    }
}

/// Calls `f` with each image's number, its part of `out` and a scratch for its unfolding.
fn each_image<T: Lane>(
    s: &ConvSizes,
    size: usize,
    scratch: &mut [T],
    out: &mut [T],
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    let columns = s.columns();
    let share = s.share(scratch.len().checked_div(columns).unwrap_or(s.images));
    let parts = s.images.div_ceil(share);
    let out = (Rows(out, share * size), Rows(scratch, columns));
    parallel::run(parts, share.saturating_mul(s.cost()), out, |range, (Rows(out, _), Rows(scratch, _))| {
        for (i, out) in out.chunks_exact_mut(size).enumerate() {
            f(range.start * share + i, out, &mut scratch[..columns]);
        }
    });
}

/// w̄ = the sum over images of ȳ·columnsᵀ.
fn weight<T: Lane>(level: Level, s: &ConvSizes, x: &[T], y: &[T], scratch: &mut [T], out: &mut [T]) {
    let sum = |images: Range<usize>, w: &mut [T], columns: &mut [T]| {
        for i in images.clone() {
            for g in 0..s.groups {
                let columns = unfolded(part(x, i * s.groups + g, s.image()), s, columns);
                let y = matrix(part(y, i * s.groups + g, s.results()), s.outputs, s.windows());
                let w = &mut w[g * s.kernels()..][..s.kernels()];
                gemm::gemm(level, y, matrix(columns, s.taps(), s.windows()).t(), i > images.start, w);
            }
        }
    };
    match s.parts() {
        0 => out.fill(T::ZERO),
        1 => sum(0..s.images, out, scratch),
        parts => {
            let (size, share) = (out.len(), s.images.div_ceil(parts));
            let unit = size + s.columns();
            let cost = share.saturating_mul(s.cost());
            parallel::run(parts, cost, Rows(&mut *scratch, unit), |range, Rows(scratch, _)| {
                for (part, scratch) in range.zip(scratch.chunks_exact_mut(unit)) {
                    let (w, columns) = scratch.split_at_mut(size);
                    sum(part * share..s.images.min((part + 1) * share), w, columns);
                }
            });
            let mut sums = scratch.chunks_exact(unit).map(|part| &part[..size]);
            out.copy_from_slice(sums.next().expect("two parts or more"));
            sums.for_each(|sum| elementwise::add_assign(level, out, sum));
        }
    }
}

fn matrix<T>(data: &[T], rows: usize, cols: usize) -> Matrix<'_, T> {
    Matrix { data, rows, cols, row_stride: cols, col_stride: 1 }
}

/// The image unfolded into `columns`, or the image itself where that is the same.
fn unfolded<'a, T: Lane>(image: &'a [T], s: &ConvSizes, columns: &'a mut [T]) -> &'a [T] {
    if columns.is_empty() {
        return image;
    }
    let mut rows = columns.chunks_exact_mut(s.windows());
    for c in 0..s.inputs {
        let plane = part(image, c, windows::image(&s.axes));
        for k in windows::elements(&s.axes) {
            let row = rows.next().expect("a row for each element that a window sees");
            if s.axes.iter().zip(k).any(|(axis, k)| axis.inside(k).0.len() < axis.count) {
                row.fill(T::ZERO);
            }
            windows::each_run(&s.axes, k, |to, from, n| {
                windows::gather(&mut row[to..to + n], &plane[from..], s.axes[1].stride, |_, x| x);
            });
        }
    }
    columns
}

/// The transpose of unfolding: what several windows see is added up.
fn fold<T: Lane>(columns: &[T], s: &ConvSizes, image: &mut [T]) {
    image.fill(T::ZERO);
    let mut rows = columns.chunks_exact(s.windows());
    let area = windows::image(&s.axes);
    for c in 0..s.inputs {
        let plane = &mut image[c * area..][..area];
        for k in windows::elements(&s.axes) {
            let row = rows.next().expect("a row for each element that a window sees");
            windows::each_run(&s.axes, k, |from, to, n| {
                windows::scatter(&row[from..from + n], &mut plane[to..], s.axes[1].stride);
            });
        }
    }
}
