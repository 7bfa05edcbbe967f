//! Rows brought to mean 0 and variance 1, or to a mean of squares of 1, and the rule: a row is read from
//! memory once.
//!
//! Of a row x of n elements, s = 1 / √(variance + eps), x̂ = (x - mean)·s, y = x̂·w + b:
//!
//! x̄ = s·(w·ȳ - Σ(w·ȳ)/n - x̂·Σ(w·ȳ·x̂)/n), w̄ = Σ ȳ·x̂ and b̄ = Σ ȳ over all rows,
//!
//! without the first sum where no mean is subtracted. Means are taken of deviations from the mean, so
//! that nothing cancels. Nothing but y is kept: to compute mean and s again while the row is in the first
//! cache is cheaper than a second node. Sums over rows are added up in chunks of rows that depend on
//! shapes alone, and then over chunks.

use super::fold::{self, Products, Squares, Weighted};
use super::parallel::{self, GRAIN, Rows};
use super::simd::{Kernel, Level};
use super::{Groups, Lane};

/// Elements of rows whose statistics are computed together: x and y of so many fit the first cache.
const TILE: usize = 4096;
/// At most so many rows.
const ROWS: usize = 64;

/// Rows and what they are scaled with.
#[derive(Clone, Copy, Debug)]
pub struct RowNorm<'a, T> {
    /// The rows, one after the other, each as long as the weight.
    pub x: &'a [T],
    /// One factor for each element of a row.
    pub weight: &'a [T],
    /// What is added to each element of a row.
    pub bias: Option<&'a [T]>,
    /// Whether the mean is subtracted.
    pub centered: bool,
    /// What is added to the variance.
    pub eps: f64,
}

/// Where the rule writes; what is not wanted lacks.
#[derive(Debug)]
pub struct RowBars<'a, T> {
    /// As long as x.
    pub x: Option<&'a mut [T]>,
    /// As long as a row.
    pub weight: Option<&'a mut [T]>,
    /// As long as a row.
    pub bias: Option<&'a mut [T]>,
}

impl<T> RowNorm<'_, T> {
    fn rows(&self) -> usize {
        self.x.len() / self.weight.len().max(1)
    }

    /// Rows of a tile.
    fn tile(&self) -> usize {
        (TILE / self.weight.len()).clamp(1, ROWS)
    }

    /// Rows whose contributions to weight and bias are added up in one go.
    fn chunk(&self) -> usize {
        (GRAIN / self.weight.len().max(1)).clamp(8, 128)
    }

    fn chunks(&self) -> usize {
        self.rows().div_ceil(self.chunk())
    }

    /// How many elements of scratch memory the rule takes.
    pub fn scratch_of_rule(&self) -> usize {
        2 * self.chunks() * self.weight.len()
    }

    fn check(&self) {
        let n = self.weight.len();
        assert_eq!(self.x.len(), self.rows() * n, "rows are as long as their weight");
        assert!(self.bias.is_none_or(|b| b.len() == n), "rows are as long as their bias");
    }
}

/// Means of some rows of `n` elements, zeros if none is subtracted, and 1 / √(variance + eps).
#[inline(always)]
fn statistics<T: Lane>(level: Level, r: &RowNorm<T>, x: &[T], means: &mut [T], scales: &mut [T]) {
    let n = r.weight.len();
    let (count, eps) = (T::from_f64(n as f64), T::from_f64(r.eps));
    means.fill(T::ZERO);
    if r.centered {
        for (x, mean) in x.chunks_exact(n).zip(&mut *means) {
            *mean = fold::total(level, x);
        }
        for mean in &mut *means {
            *mean = *mean / count;
        }
    }
    for ((x, &mean), scale) in x.chunks_exact(n).zip(&*means).zip(&mut *scales) {
        *scale = fold::total(level, Squares(x, mean));
    }
    for scale in scales {
        *scale = T::ONE / (*scale / count + eps).sqrt();
    }
}

/// One row of the result.
#[inline(always)]
fn scaled<T: Lane>(x: &[T], [mean, scale]: [T; 2], w: &[T], b: Option<&[T]>, out: &mut [T]) {
    let n = out.len();
    let (x, w) = (&x[..n], &w[..n]);
    match b {
        Some(b) => {
            let b = &b[..n];
            for i in 0..n {
                out[i] = (x[i] - mean) * scale * w[i] + b[i];
            }
        }
        None => {
            for i in 0..n {
                out[i] = (x[i] - mean) * scale * w[i];
            }
        }
    }
}

struct Forward<'a, T> {
    level: Level,
    r: RowNorm<'a, T>,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Lane> Kernel for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Forward { level, r, x, out } = self;
        let n = r.weight.len();
        let tile = r.tile() * n;
        let (mut means, mut scales) = ([T::ZERO; ROWS], [T::ZERO; ROWS]);
        for (x, out) in x.chunks(tile).zip(out.chunks_mut(tile)) {
            let count = x.len() / n;
            let (means, scales) = (&mut means[..count], &mut scales[..count]);
            statistics(level, &r, x, means, scales);
            let rows = x.chunks_exact(n).zip(out.chunks_exact_mut(n));
            for ((x, out), (&mean, &scale)) in rows.zip(means.iter().zip(&*scales)) {
                scaled(x, [mean, scale], r.weight, r.bias, out);
            }
        }
    }
}

pub(crate) fn rows<T: Lane>(level: Level, r: &RowNorm<T>, out: &mut [T]) {
    r.check();
    assert_eq!(out.len(), r.x.len(), "there are as many results as elements");
    let n = r.weight.len();
    if out.is_empty() {
        return;
    }
    parallel::run(r.rows(), n, Rows(out, n), |range, Rows(out, _)| {
        level.run(Forward { level, r: *r, x: &r.x[range.start * n..range.end * n], out });
    });
}

/// One row of x̄; `means` are those of w·ȳ and, in units of 1 / s², of w·ȳ·x̂.
#[inline(always)]
fn row_rule<T: Lane>(
    [x, y_bar, w]: [&[T]; 3],
    [mean, scale]: [T; 2],
    [first, second]: [T; 2],
    x_bar: &mut [T],
) {
    let n = x_bar.len();
    let (x, y_bar, w) = (&x[..n], &y_bar[..n], &w[..n]);
    for i in 0..n {
        x_bar[i] = ((w[i] * y_bar[i] - first) - (x[i] - mean) * second) * scale;
    }
}

/// Adds one row's share of w̄.
#[inline(always)]
fn add_products<T: Lane>(x: &[T], y_bar: &[T], [mean, scale]: [T; 2], sums: &mut [T]) {
    let n = sums.len();
    let (x, y_bar) = (&x[..n], &y_bar[..n]);
    for i in 0..n {
        sums[i] += y_bar[i] * ((x[i] - mean) * scale);
    }
}

#[inline(always)]
fn add<T: Lane>(y_bar: &[T], sums: &mut [T]) {
    let n = sums.len();
    let y_bar = &y_bar[..n];
    for i in 0..n {
        sums[i] += y_bar[i];
    }
}

/// The rule for some rows; slices are empty for what is not wanted.
struct Backward<'a, T> {
    level: Level,
    r: RowNorm<'a, T>,
    x: &'a [T],
    y_bar: &'a [T],
    x_bar: &'a mut [T],
    weight_bar: &'a mut [T],
    bias_bar: &'a mut [T],
}

impl<T: Lane> Kernel for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Backward { level, r, x, y_bar, x_bar, weight_bar, bias_bar } = self;
        let (w, n) = (r.weight, r.weight.len());
        let count = T::from_f64(n as f64);
        let tile = r.tile();
        let (mut means, mut scales) = ([T::ZERO; ROWS], [T::ZERO; ROWS]);
        weight_bar.fill(T::ZERO);
        bias_bar.fill(T::ZERO);
        for (k, (x, y_bar)) in x.chunks(tile * n).zip(y_bar.chunks(tile * n)).enumerate() {
            let rows = x.len() / n;
            let (means, scales) = (&mut means[..rows], &mut scales[..rows]);
            statistics(level, &r, x, means, scales);
            for (i, (x, y_bar)) in x.chunks_exact(n).zip(y_bar.chunks_exact(n)).enumerate() {
                let (mean, scale) = (means[i], scales[i]);
                if !x_bar.is_empty() {
                    let weighted = Products(w, y_bar);
                    let [first, second] = fold::totals(level, weighted, Weighted(weighted, x, mean));
                    let first = if r.centered { first / count } else { T::ZERO };
                    let second = second / count * scale * scale;
                    let x_bar = &mut x_bar[(k * tile + i) * n..][..n];
                    row_rule([x, y_bar, w], [mean, scale], [first, second], x_bar);
                }
                add_products(x, y_bar, [mean, scale], weight_bar);
                add(y_bar, bias_bar);
            }
        }
    }
}

/// Piece `i` of so many elements, of which the last may have fewer; nothing of nothing.
fn piece<T>(x: &mut [T], i: usize, size: usize) -> &mut [T] {
    let end = x.len().min((i + 1) * size);
    &mut x[end.min(i * size)..end]
}

pub(crate) fn vjp<T: Lane>(level: Level, r: &RowNorm<T>, y_bar: &[T], scratch: &mut [T], bars: RowBars<T>) {
    r.check();
    assert_eq!(y_bar.len(), r.x.len(), "there are as many adjoints as elements");
    assert_eq!(scratch.len(), r.scratch_of_rule(), "row_norm: scratch memory of another size");
    let (n, chunk, chunks) = (r.weight.len(), r.chunk(), r.chunks());
    let (of_weight, of_bias) = scratch.split_at_mut(chunks * n);
    let wanted = |out: &Option<&mut [T]>, size: usize| if out.is_some() { size } else { 0 };
    let (weight_size, bias_size) = (wanted(&bars.weight, n), wanted(&bars.bias, n));
    let of_weight = &mut of_weight[..chunks * weight_size];
    let of_bias = &mut of_bias[..chunks * bias_size];
    let size = wanted(&bars.x, chunk * n);
    let x_bar = bars.x.unwrap_or_default();
    let out = (Rows(x_bar, size), (Rows(&mut *of_weight, weight_size), Rows(&mut *of_bias, bias_size)));
    parallel::run(chunks, chunk * n, out, |range, (x_bar, (of_weight, of_bias))| {
        for (i, at) in range.enumerate() {
            let elements = at * chunk * n..r.x.len().min((at + 1) * chunk * n);
            level.run(Backward {
                level,
                r: *r,
                x: &r.x[elements.clone()],
                y_bar: &y_bar[elements],
                x_bar: piece(x_bar.0, i, size),
                weight_bar: piece(of_weight.0, i, weight_size),
                bias_bar: piece(of_bias.0, i, bias_size),
            });
        }
    });
    for (partial, out) in [(of_weight, bars.weight), (of_bias, bars.bias)] {
        if let Some(out) = out {
            fold::sum(level, partial, Groups { outer: 1, n: chunks, inner: n }, out);
        }
    }
}
