//! Attention and its rule, head by head and some queries at a time, so that their scores are used
//! while they are in cache and never held for all.
//!
//! Of a block of queries: S = K·(Q·scale)ᵀ, P = softmax of the columns of S, Y = Pᵀ·V. The rule computes
//! P again, as nothing but Y is kept:
//!
//! P̄ = V·Ȳᵀ, S̄ = P∘(P̄ - D), Q̄ = S̄ᵀ·K·scale, K̄ += S̄·Q·scale, V̄ += P·Ȳ,
//!
//! where D are the sums of the columns of P∘P̄. (T. Dao et al., "FlashAttention", 2022.) Scores lie
//! key by key, so that the softmaxes of a block's queries go through vectors side by side. Where
//! attention is causal, a block takes only the keys up to its last query.
//! Each head is the work of one thread, with a scratch of its own that the caller brings.

use super::parallel::{self, Rows};
use super::simd::{Kernel, Level};
use super::softmax::{divisor, shift};
use super::{Lane, Matrix, gemm};
use smallvec::SmallVec;
use std::marker::PhantomData;

/// Queries whose softmaxes go side by side. Blocks are filled up to a multiple with queries of zeros.
const LANES: usize = 32;
/// Most queries of a block.
const QUERIES: usize = 64;
/// Scores of a block of more queries than [`LANES`].
const SCORES: usize = 1 << 14;
/// Keys whose weights are added up in one go.
const DEPTH: usize = 128;

/// Where the heads of an operand lie: element (i, j) of a head's matrix is
/// `data[start + i · row + j · col]`.
#[derive(Clone, Debug)]
pub struct Strides {
    first: usize,
    /// One stride a leading axis.
    strides: SmallVec<[usize; 6]>,
    row: usize,
    col: usize,
}

impl Strides {
    /// One matrix after the other, `[own.., rows, cols]`, stretched to the leading axes `batch`, as
    /// rows and columns of length 1 are.
    pub fn apart(batch: &[usize], own: &[usize], rows: usize, cols: usize) -> Strides {
        let mut size = rows * cols;
        let mut strides = SmallVec::from_elem(0, batch.len());
        for (stride, &n) in strides.iter_mut().rev().zip(own.iter().rev()) {
            *stride = if n == 1 { 0 } else { size };
            size *= n;
        }
        let [row, col] = [(rows, cols), (cols, 1)].map(|(n, stride)| if n == 1 { 0 } else { stride });
        Strides { first: 0, strides, row, col }
    }

    /// Matrix `part` of `parts` in `[.., rows, parts, heads, cols]`, for leading axes `[.., heads]`.
    pub fn woven(batch: &[usize], rows: usize, cols: usize, part: usize, parts: usize) -> Strides {
        let Some((&heads, outer)) = batch.split_last() else { unreachable!("heads are an axis") };
        let row = parts * heads * cols;
        let mut size = rows * row;
        let mut strides: SmallVec<[usize; 6]> = SmallVec::from_elem(0, outer.len());
        for (stride, &n) in strides.iter_mut().rev().zip(outer.iter().rev()) {
            *stride = size;
            size *= n;
        }
        strides.push(cols);
        Strides { first: part * heads * cols, strides, row, col: 1 }
    }

    /// Where matrix `i` of the batch begins.
    fn start(&self, batch: &[usize], mut i: usize) -> usize {
        let mut start = self.first;
        for (&n, &stride) in batch.iter().zip(&self.strides).rev() {
            start += i % n * stride;
            i /= n;
        }
        start
    }
}

/// An operand.
#[derive(Clone, Debug)]
pub struct Heads<'a, T> {
    /// All its elements.
    pub data: &'a [T],
    /// Where the heads are in it.
    pub layout: Strides,
}

impl<'a, T> Heads<'a, T> {
    fn of(&self, batch: &[usize], i: usize, rows: usize, cols: usize) -> Matrix<'a, T> {
        let data = self.data.get(self.layout.start(batch, i)..).unwrap_or_default();
        // A single row or column may have any stride.
        Matrix { data, rows, cols, row_stride: self.layout.row, col_stride: self.layout.col }
    }
}

/// What attends to what.
#[derive(Clone, Debug)]
pub struct Attention<'a, T> {
    /// The leading axes.
    pub batch: &'a [usize],
    /// How many queries a head has, ...
    pub queries: usize,
    /// ... how many keys and values, ...
    pub keys: usize,
    /// ... the length of a query and a key, ...
    pub d: usize,
    /// ... and that of a value.
    pub e: usize,
    /// What scores are multiplied by.
    pub scale: f64,
    /// Whether query i attends only to keys up to i.
    pub causal: bool,
    /// True where a query (row) may attend to a key (column).
    pub mask: Option<Heads<'a, bool>>,
    /// The queries.
    pub q: Heads<'a, T>,
    /// The keys.
    pub k: Heads<'a, T>,
    /// The values.
    pub v: Heads<'a, T>,
    /// Whether results are laid out as [`Strides::woven`], not [`Strides::apart`].
    pub woven: bool,
}

/// Where the rule writes: of queries, keys and values.
pub enum Bars<'a, T> {
    /// Each `[batch.., rows, cols]`; those that are not wanted may lack.
    Apart([Option<&'a mut [T]>; 3]),
    /// Together, `[.., rows, 3, heads, cols]`.
    Woven(&'a mut [T]),
}

impl<T> Attention<'_, T> {
    fn heads(&self) -> usize {
        self.batch.iter().product()
    }

    /// Queries of a block.
    fn block(&self) -> usize {
        // Under the causal mask, half of the last keys' square is computed in vain.
        if self.causal || self.queries <= LANES || QUERIES * self.keys > SCORES { LANES } else { QUERIES }
    }

    /// Heads that are worked on at a time.
    fn parts(&self) -> usize {
        self.heads().min(rayon::current_num_threads()).max(1)
    }

    /// How many elements of scratch the value takes.
    pub fn scratch(&self) -> usize {
        self.parts() * self.scratch_of_head()
    }

    fn scratch_of_head(&self) -> usize {
        self.block() * (self.d + self.keys + self.e)
    }

    /// How many the rule takes.
    pub fn vjp_scratch(&self) -> usize {
        self.parts() * self.vjp_scratch_of_head()
    }

    fn vjp_scratch_of_head(&self) -> usize {
        self.block() * (2 * (self.d + self.keys) + self.e) + self.keys * (self.d + self.e)
    }

    /// The multiply-adds of a head, in the unit that loops over elements are cut by.
    fn cost(&self) -> usize {
        self.queries.saturating_mul(self.keys).saturating_mul(self.d + self.e) / 16
    }

    /// How many keys the first `n` queries look at.
    fn visible(&self, n: usize) -> usize {
        if self.causal { n.min(self.keys) } else { self.keys }
    }

    fn result(&self, rows: usize, cols: usize) -> Strides {
        if self.woven {
            Strides::woven(self.batch, rows, cols, 0, 1)
        } else {
            Strides::apart(self.batch, self.batch, rows, cols)
        }
    }
}

/// Rows of a result: those of different heads are disjoint, but may be interleaved.
#[derive(Clone)]
struct Results<'a, T> {
    data: *mut T,
    len: usize,
    layout: Strides,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: threads write rows of different heads, which are disjoint.
unsafe impl<T: Send> Sync for Results<'_, T> {}

impl<'a, T: Lane> Results<'a, T> {
    fn new(data: &'a mut [T], layout: Strides) -> Results<'a, T> {
        Results { data: data.as_mut_ptr(), len: data.len(), layout, buffer: PhantomData }
    }

    /// Writes rows of `cols` elements, each times its factor, from row `first` of a head on.
    ///
    /// # Safety
    /// No other thread writes or reads this head.
    unsafe fn write(
        &self,
        level: Level,
        start: usize,
        first: usize,
        (rows, cols): (&[T], usize),
        factor: impl Fn(usize) -> T,
    ) {
        let count = rows.len().checked_div(cols).unwrap_or(0);
        let (at, step) = (start + first * self.layout.row, self.layout.row);
        assert!(
            count == 0 || at + (count - 1) * step + cols <= self.len,
            "attention: the result is too short"
        );
        level.run(Write { rows, cols, factor, to: self.data.wrapping_add(at), step });
    }
}

/// Rows that go to others, `step` apart, which [`Results::write`] has shown to be there.
struct Write<'a, T, F> {
    rows: &'a [T],
    cols: usize,
    factor: F,
    to: *mut T,
    step: usize,
}

impl<T: Lane, F: Fn(usize) -> T> Kernel for Write<'_, T, F> {
    #[inline(always)]
    fn run(self) {
        let Write { rows, cols, factor, to, step } = self;
        for (i, row) in rows.chunks_exact(cols.max(1)).enumerate() {
            // SAFETY: the promise of the one place that makes this kernel.
            let to = unsafe { std::slice::from_raw_parts_mut(to.add(i * step), cols) };
            let factor = factor(i);
            for j in 0..cols {
                to[j] = row[j] * factor;
            }
        }
    }
}

/// Calls `f` with each head's number and a scratch.
fn each_head<T: Lane>(a: &Attention<T>, scratch: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let heads = a.heads();
    let parts = scratch.len().checked_div(size).unwrap_or(1).max(1);
    let share = heads.div_ceil(parts);
    let cost = share.saturating_mul(a.cost());
    parallel::run(parts, cost, Rows(scratch, size), |range, Rows(scratch, _)| {
        let mut rest = scratch;
        for part in range {
            let (own, others) = rest.split_at_mut(size);
            rest = others;
            for i in part * share..heads.min((part + 1) * share) {
                f(i, own);
            }
        }
    });
}

/// Copies rows, scaled, and fills up with zeros.
struct Scale<'a, T> {
    from: Matrix<'a, T>,
    factor: T,
    to: &'a mut [T],
}

impl<T: Lane> Kernel for Scale<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Scale { from, factor, to } = self;
        let (rows, rest) = to.split_at_mut(from.rows * from.cols);
        for (i, to) in rows.chunks_exact_mut(from.cols.max(1)).enumerate() {
            let row = &from.data[i * from.row_stride..][..from.cols];
            for j in 0..to.len() {
                to[j] = factor * row[j];
            }
        }
        rest.fill(T::ZERO);
    }
}

#[inline(always)]
fn lanes<T>(row: &[T], first: usize) -> &[T; LANES] {
    row[first..first + LANES].try_into().expect("of that length")
}

#[inline(always)]
fn lanes_mut<T>(row: &mut [T], first: usize) -> &mut [T; LANES] {
    (&mut row[first..first + LANES]).try_into().expect("of that length")
}

/// Turns the scores of `width` queries, key by key, into weights that are still to be divided by
/// their sums.
struct Weigh<'a, T> {
    scores: &'a mut [T],
    width: usize,
    sums: &'a mut [T],
}

impl<T: Lane> Kernel for Weigh<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Weigh { scores, width, sums } = self;
        for first in (0..width).step_by(LANES) {
            // A NaN is passed over here, and makes the sum NaN.
            let mut shifts = [T::LOWEST; LANES];
            for row in scores.chunks_exact(width) {
                let x = lanes(row, first);
                for l in 0..LANES {
                    shifts[l] = if x[l] > shifts[l] { x[l] } else { shifts[l] };
                }
            }
            let shifts = shifts.map(shift);
            let mut sum = [T::ZERO; LANES];
            for rows in scores.chunks_mut(DEPTH * width) {
                let mut part = [T::ZERO; LANES];
                for row in rows.chunks_exact_mut(width) {
                    let x = lanes_mut(row, first);
                    for l in 0..LANES {
                        x[l] = (x[l] - shifts[l]).exp();
                        part[l] += x[l];
                    }
                }
                for l in 0..LANES {
                    sum[l] += part[l];
                }
            }
            *lanes_mut(sums, first) = sum.map(divisor);
        }
    }
}

/// S̄ from P̄, in place, and P from weights that are still to be divided by their sums.
struct Rule<'a, T> {
    weights: &'a mut [T],
    bars: &'a mut [T],
    width: usize,
    sums: &'a [T],
}

impl<T: Lane> Kernel for Rule<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Rule { weights, bars, width, sums } = self;
        for first in (0..width).step_by(LANES) {
            let mut dots = [T::ZERO; LANES];
            for (p, bar) in weights.chunks(DEPTH * width).zip(bars.chunks(DEPTH * width)) {
                let mut part = [T::ZERO; LANES];
                for (p, bar) in p.chunks_exact(width).zip(bar.chunks_exact(width)) {
                    let (p, bar) = (lanes(p, first), lanes(bar, first));
                    for l in 0..LANES {
                        part[l] += p[l] * bar[l];
                    }
                }
                for l in 0..LANES {
                    dots[l] += part[l];
                }
            }
            let factors = lanes(sums, first).map(|sum| T::ONE / sum);
            for l in 0..LANES {
                dots[l] = dots[l] * factors[l];
            }
            for (p, bar) in weights.chunks_exact_mut(width).zip(bars.chunks_exact_mut(width)) {
                let (p, bar) = (lanes_mut(p, first), lanes_mut(bar, first));
                for l in 0..LANES {
                    p[l] = p[l] * factors[l];
                    bar[l] = p[l] * (bar[l] - dots[l]);
                }
            }
        }
    }
}

/// A block of queries.
struct Block<'a, T> {
    /// The first one, and how many there are.
    first: usize,
    count: usize,
    /// These and zeros, times the scale.
    q: Matrix<'a, T>,
    /// Of one key after the other: the weights of these queries, still to be divided by ..
    weights: &'a mut [T],
    /// .. their sums.
    sums: [T; QUERIES],
}

impl<T: Lane> Block<'_, T> {
    /// Calls `f` with one block of a head after the other.
    fn each(
        level: Level,
        a: &Attention<T>,
        head: usize,
        (scaled, scores): (&mut [T], &mut [T]),
        mut f: impl FnMut(Block<T>),
    ) {
        let width = a.block();
        let (queries, keys) = (a.q.of(a.batch, head, a.queries, a.d), a.k.of(a.batch, head, a.keys, a.d));
        let mask = a.mask.as_ref().map(|mask| mask.of(a.batch, head, a.queries, a.keys));
        for first in (0..a.queries).step_by(width) {
            let count = width.min(a.queries - first);
            let visible = a.visible(first + count);
            let weights = &mut scores[..visible * width];
            level.run(Scale {
                from: queries.cut_rows(first..first + count),
                factor: T::from_f64(a.scale),
                to: scaled,
            });
            let q = row_major(scaled, width, a.d);
            gemm::gemm(level, keys.cut_rows(0..visible), q.t(), false, weights);
            for (j, row) in weights.chunks_exact_mut(width).enumerate() {
                if a.causal && j > first {
                    row[..j - first].fill(T::LOWEST);
                }
                if let Some(mask) = &mask {
                    let allowed = |i: usize| mask.data[i * mask.row_stride + j * mask.col_stride];
                    for i in 0..count {
                        row[i] = if allowed(first + i) { row[i] } else { T::LOWEST };
                    }
                }
            }
            let mut sums = [T::ONE; QUERIES];
            level.run(Weigh { scores: weights, width, sums: &mut sums });
            f(Block { first, count, q, weights, sums });
        }
    }
}

fn row_major<T>(data: &[T], rows: usize, cols: usize) -> Matrix<'_, T> {
    Matrix { data, rows, cols, row_stride: cols, col_stride: 1 }
}

pub(crate) fn attention<T: Lane>(level: Level, a: &Attention<T>, scratch: &mut [T], y: &mut [T]) {
    assert_eq!(scratch.len(), a.scratch(), "attention: the scratch has another size");
    if y.is_empty() || a.keys == 0 {
        return y.fill(T::ZERO);
    }
    let y = Results::new(y, a.result(a.queries, a.e));
    let width = a.block();
    each_head(a, scratch, a.scratch_of_head(), |head, scratch| {
        let (q, scratch) = scratch.split_at_mut(width * a.d);
        let (scores, out) = scratch.split_at_mut(width * a.keys);
        let v = a.v.of(a.batch, head, a.keys, a.e);
        let start = y.layout.start(a.batch, head);
        Block::each(level, a, head, (q, scores), |Block { first, count, weights, sums, .. }| {
            let visible = weights.len() / width;
            let p = row_major(weights, visible, width).cut_cols(0..count);
            let out = &mut out[..count * a.e];
            gemm::gemm(level, p.t(), v.cut_rows(0..visible), false, out);
            // SAFETY: each head is one thread's.
            unsafe { y.write(level, start, first, (out, a.e), |i| T::ONE / sums[i]) };
        });
    });
}

pub(crate) fn vjp<T: Lane>(level: Level, a: &Attention<T>, y_bar: &[T], scratch: &mut [T], bars: Bars<T>) {
    assert_eq!(scratch.len(), a.vjp_scratch(), "attention: the scratch has another size");
    let cols = [a.d, a.d, a.e];
    let rows = [a.queries, a.keys, a.keys];
    let apart = |i: usize| Strides::apart(a.batch, a.batch, rows[i], cols[i]);
    let empty = a.queries == 0 || a.keys == 0 || a.heads() == 0;
    let bars: [Option<Results<T>>; 3] = match bars {
        Bars::Apart(bars) => {
            let mut i = 0;
            bars.map(|bar| {
                i += 1;
                bar.map(|bar| {
                    if empty {
                        bar.fill(T::ZERO);
                    }
                    Results::new(bar, apart(i - 1))
                })
            })
        }
        Bars::Woven(bar) => {
            let all = Results::new(bar, apart(0));
            [0, 1, 2].map(|i| {
                Some(Results { layout: Strides::woven(a.batch, rows[i], cols[i], i, 3), ..all.clone() })
            })
        }
    };
    if empty {
        return;
    }
    let y_bar = Heads { data: y_bar, layout: a.result(a.queries, a.e) };
    let scale = T::from_f64(a.scale);
    let [q_bars, k_bars, v_bars] = &bars;
    let width = a.block();
    each_head(a, scratch, a.vjp_scratch_of_head(), |head, scratch| {
        let (q, scratch) = scratch.split_at_mut(width * a.d);
        let (q_bar, scratch) = scratch.split_at_mut(width * a.d);
        let (y_bars, scratch) = scratch.split_at_mut(width * a.e);
        let (k_bar, scratch) = scratch.split_at_mut(a.keys * a.d);
        let (v_bar, scratch) = scratch.split_at_mut(a.keys * a.e);
        let (scores, scores_bar) = scratch.split_at_mut(width * a.keys);
        k_bar.fill(T::ZERO);
        v_bar.fill(T::ZERO);
        let (k, v) = (a.k.of(a.batch, head, a.keys, a.d), a.v.of(a.batch, head, a.keys, a.e));
        let y_bar = y_bar.of(a.batch, head, a.queries, a.e);
        Block::each(level, a, head, (q, scores), |Block { first, count, q, weights, sums }| {
            let visible = weights.len() / width;
            let scores_bar = &mut scores_bar[..visible * width];
            level.run(Scale { from: y_bar.cut_rows(first..first + count), factor: T::ONE, to: y_bars });
            let y_bar = row_major(y_bars, width, a.e);
            gemm::gemm(level, v.cut_rows(0..visible), y_bar.t(), false, scores_bar);
            level.run(Rule { weights, bars: scores_bar, width, sums: &sums[..width] });
            let (p, s_bar) = (row_major(weights, visible, width), row_major(scores_bar, visible, width));
            if let Some(bars) = q_bars {
                let q_bar = &mut q_bar[..count * a.d];
                gemm::gemm(level, s_bar.cut_cols(0..count).t(), k.cut_rows(0..visible), false, q_bar);
                // SAFETY: each head is one thread's.
                unsafe {
                    bars.write(level, bars.layout.start(a.batch, head), first, (q_bar, a.d), |_| scale)
                };
            }
            if k_bars.is_some() {
                gemm::gemm(level, s_bar, q, true, &mut k_bar[..visible * a.d]);
            }
            if v_bars.is_some() {
                gemm::gemm(level, p, y_bar, true, &mut v_bar[..visible * a.e]);
            }
        });
        for (bars, (rows, cols)) in [(k_bars, (&*k_bar, a.d)), (v_bars, (&*v_bar, a.e))] {
            if let Some(bars) = bars {
                // SAFETY: each head is one thread's.
                unsafe { bars.write(level, bars.layout.start(a.batch, head), 0, (rows, cols), |_| T::ONE) };
            }
        }
    });
}
