//! ln(sum(eˣ)) of groups, stable for any finite input.
//!
//! As softmax, but the exponentials only pass through a small buffer on the stack.

use super::fold::{self, Peak, Sum, WIDTH};
use super::parallel::{self, Rows};
use super::simd::{Kernel, Level};
use super::softmax::{ROWS, TILE, rows_of_a_tile, shift};
use super::{Groups, Lane};

/// What is subtracted from a group with this largest element: 0 if it is infinite, so that the
/// result is the same infinity.
#[inline(always)]
fn finite_shift<T: Lane>(largest: T) -> T {
    if largest == T::HIGHEST { T::ZERO } else { shift(largest) }
}

/// What is subtracted from each row of `n` elements, and the sum of the exponentials of the rest.
pub(crate) struct RowSums<'a, T> {
    pub level: Level,
    pub x: &'a [T],
    pub n: usize,
    pub shifts: &'a mut [T],
    pub sums: &'a mut [T],
}

impl<T: Lane> Kernel for RowSums<'_, T> {
    #[inline(always)]
    fn run(self) {
        let RowSums { level, x, n, shifts, sums } = self;
        let mut buffer = [T::ZERO; TILE];
        let rows = rows_of_a_tile(n);
        for ((x, shifts), sums) in x.chunks(rows * n).zip(shifts.chunks_mut(rows)).zip(sums.chunks_mut(rows))
        {
            fold::rows::<T, Peak, _>(level, x, n, shifts);
            for shift in shifts.iter_mut() {
                *shift = finite_shift(*shift);
            }
            sums.fill(T::ZERO);
            // Several short rows pass through the buffer together, a long one in parts.
            let width = n.min(TILE);
            let mut part_sums = [T::ZERO; ROWS];
            for part in x.chunks(rows * width) {
                let exps = &mut buffer[..part.len()];
                let width = width.min(part.len());
                for ((part, exps), &shift) in
                    part.chunks(width).zip(exps.chunks_mut(width)).zip(shifts.iter())
                {
                    for i in 0..width {
                        exps[i] = part[i] - shift;
                    }
                }
                for y in exps.iter_mut() {
                    *y = y.exp();
                }
                let part_sums = &mut part_sums[..exps.len() / width];
                fold::rows::<T, Sum, _>(level, &*exps, width, part_sums);
                for (sum, part) in sums.iter_mut().zip(part_sums) {
                    *sum += *part;
                }
            }
        }
    }
}

/// Calls `f` with the number of each row of `x` and its [`RowSums`], some rows at a time.
pub(crate) fn row_sums<T: Lane>(level: Level, x: &[T], n: usize, mut f: impl FnMut(usize, T, T)) {
    let (mut shifts, mut sums) = ([T::ZERO; ROWS], [T::ZERO; ROWS]);
    for (tile, x) in x.chunks(ROWS * n).enumerate() {
        let (shifts, sums) = (&mut shifts[..x.len() / n], &mut sums[..x.len() / n]);
        level.run(RowSums { level, x, n, shifts, sums });
        for (i, (&shift, &sum)) in shifts.iter().zip(sums.iter()).enumerate() {
            f(tile * ROWS + i, shift, sum);
        }
    }
}

/// At most [`WIDTH`] columns from `first` on of one group.
struct OfColumns<'a, T> {
    level: Level,
    x: &'a [T],
    inner: usize,
    first: usize,
    out: &'a mut [T],
}

impl<T: Lane> Kernel for OfColumns<'_, T> {
    #[inline(always)]
    fn run(self) {
        let OfColumns { level, x, inner, first, out } = self;
        let width = out.len();
        let mut shifts = [T::ZERO; WIDTH];
        let shifts = &mut shifts[..width];
        fold::columns::<T, Peak, _>(level, x, inner, first, shifts);
        for m in shifts.iter_mut() {
            *m = finite_shift(*m);
        }
        out.fill(T::ZERO);
        for x in x.chunks_exact(inner) {
            let x = &x[first..first + width];
            for j in 0..width {
                out[j] += (x[j] - shifts[j]).exp();
            }
        }
        for j in 0..width {
            out[j] = shifts[j] + out[j].ln();
        }
    }
}

pub(crate) fn logsumexp<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    let Groups { outer, n, inner } = g;
    assert_eq!(x.len(), g.elements(), "{g:?} has another number of elements");
    assert_eq!(out.len(), outer * inner, "{g:?} has another number of groups");
    if x.is_empty() {
        return out.fill(T::LOWEST);
    }
    let size = n * inner;
    parallel::run(outer, size, Rows(out, inner), |range, Rows(out, _)| {
        let x = &x[range.start * size..range.end * size];
        if inner == 1 {
            return row_sums(level, x, n, |i, shift, sum| out[i] = shift + sum.ln());
        }
        for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(inner)) {
            for (first, out) in (0..inner).step_by(WIDTH).zip(out.chunks_mut(WIDTH)) {
                level.run(OfColumns { level, x, inner, first, out });
            }
        }
    });
}
