//! The passes of a step over a block's rows: a cell's formulas, element by element.
//!
//! Elements are copied to arrays of a few vectors' length and back: of so many slices the compiler cannot
//! tell that none overlaps, arrays it keeps in registers.

use super::cells::Unit;
use super::parts::Rows;
use crate::kernels::Lane;
use crate::kernels::simd::Kernel;

/// Elements of a plane that are in registers together.
const WIDE: usize = 16;

/// A cell's formulas over something.
pub(super) struct Of<W, U, const S: usize, const P: usize>(pub W, pub U);

/// One step of a block, after its products.
pub(super) struct Step<'a, T> {
    pub hidden: usize,
    pub bias: &'a [T],
    pub memory: Rows<'a, T>,
    pub rows: &'a mut [T],
}

/// One step of a block on the way back, before its product.
pub(super) struct Back<'a, T> {
    pub hidden: usize,
    pub memory: Rows<'a, T>,
    pub rows: &'a [T],
    pub outputs_bar: &'a [T],
    pub hidden_bar: &'a mut [T],
    /// Empty for cells without such a state.
    pub cell_bar: &'a mut [T],
    pub sums_bar: &'a mut [T],
}

/// `W` elements from `j` on.
#[inline(always)]
fn load<T: Lane, const W: usize>(x: &[T], j: usize) -> [T; W] {
    let mut out = [T::ZERO; W];
    out.copy_from_slice(&x[j..j + W]);
    out
}

/// Calls `$f::<W>(j)` for chunks that together make up `0..$n`.
macro_rules! chunks {
    ($n:expr, |$j:ident, $w:ident| $f:expr) => {{
        let whole = $n / WIDE * WIDE;
        for $j in (0..whole).step_by(WIDE) {
            const $w: usize = WIDE;
            $f
        }
        for $j in whole..$n {
            const $w: usize = 1;
            $f
        }
    }};
}

impl<T: Lane, U: Unit<S, P>, const S: usize, const P: usize> Kernel for Of<Step<'_, T>, U, S, P> {
    #[inline(always)]
    fn run(self) {
        let Of(Step { hidden, bias, memory, rows }, unit) = self;
        let bias = &bias[..S * hidden];
        for (i, row) in rows.chunks_exact_mut(P * hidden).enumerate() {
            let memory = memory.row(i, hidden);
            chunks!(hidden, |j, W| step::<T, U, S, P, W>(unit, hidden, j, bias, memory, row));
        }
    }
}

#[inline(always)]
fn step<T: Lane, U: Unit<S, P>, const S: usize, const P: usize, const W: usize>(
    unit: U,
    n: usize,
    j: usize,
    bias: &[T],
    memory: &[T],
    row: &mut [T],
) {
    let (mut planes, mut sums) = ([[T::ZERO; W]; P], [[T::ZERO; W]; S]);
    for s in 0..S {
        let (x, b): ([T; W], [T; W]) = (load(row, s * n + j), load(bias, s * n + j));
        for k in 0..W {
            sums[s][k] = x[k] + b[k];
        }
    }
    let memory: [T; W] = load(memory, j);
    for k in 0..W {
        let mut at = [T::ZERO; S];
        for s in 0..S {
            at[s] = sums[s][k];
        }
        let found = unit.step(at, memory[k]);
        for p in 0..P {
            planes[p][k] = found[p];
        }
    }
    for p in 0..P {
        row[p * n + j..][..W].copy_from_slice(&planes[p]);
    }
}

impl<T: Lane, U: Unit<S, P>, const S: usize, const P: usize> Kernel for Of<Back<'_, T>, U, S, P> {
    #[inline(always)]
    fn run(self) {
        let Of(Back { hidden, memory, rows, outputs_bar, hidden_bar, cell_bar, sums_bar }, unit) = self;
        let states = outputs_bar.chunks_exact(hidden).zip(hidden_bar.chunks_exact_mut(hidden));
        let rows = rows.chunks_exact(P * hidden).zip(sums_bar.chunks_exact_mut(S * hidden)).zip(states);
        for (i, ((row, sums_bar), (y_bar, hidden_bar))) in rows.enumerate() {
            let memory = memory.row(i, hidden);
            let cell_bar = match cell_bar.is_empty() {
                true => &mut [],
                false => &mut cell_bar[i * hidden..][..hidden],
            };
            chunks!(hidden, |j, W| back::<T, U, S, P, W>(
                unit, hidden, j, memory, row, y_bar, hidden_bar, cell_bar, sums_bar
            ));
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn back<T: Lane, U: Unit<S, P>, const S: usize, const P: usize, const W: usize>(
    unit: U,
    n: usize,
    j: usize,
    memory: &[T],
    row: &[T],
    y_bar: &[T],
    hidden_bar: &mut [T],
    cell_bar: &mut [T],
    sums_bar: &mut [T],
) {
    let (mut planes, mut sums) = ([[T::ZERO; W]; P], [[T::ZERO; W]; S]);
    for p in 0..P {
        planes[p] = load(row, p * n + j);
    }
    let (memory, y_bar): ([T; W], [T; W]) = (load(memory, j), load(y_bar, j));
    let (mut h_bar, mut c_bar): ([T; W], [T; W]) = (load(hidden_bar, j), [T::ZERO; W]);
    if !cell_bar.is_empty() {
        c_bar = load(cell_bar, j);
    }
    for k in 0..W {
        let mut at = [T::ZERO; P];
        for p in 0..P {
            at[p] = planes[p][k];
        }
        let (found, states) = unit.back(at, memory[k], y_bar[k] + h_bar[k], c_bar[k]);
        for s in 0..S {
            sums[s][k] = found[s];
        }
        (h_bar[k], c_bar[k]) = (states[0], states[1]);
    }
    for s in 0..S {
        sums_bar[s * n + j..][..W].copy_from_slice(&sums[s]);
    }
    hidden_bar[j..][..W].copy_from_slice(&h_bar);
    if !cell_bar.is_empty() {
        cell_bar[j..][..W].copy_from_slice(&c_bar);
    }
}
