//! Channels brought to mean 0 and variance 1, each over all its planes in a batch of images, or each
//! together with its neighbours in a group; their statistics, and the rule.
//!
//! x is `[outer, n, inner]`, and what it is moved and scaled by is one number for each of n. Long planes are
//! taken one by one; short ones, down to a single element, as columns of a matrix whose rows are
//! images, some rows in one go. Either way parts that depend on shapes alone are summed apart and
//! then added up. A variance is that of each part around its own mean, and of the parts' means around
//! the whole (T. F. Chan, G. H. Golub, R. J. LeVeque 1983): it is read from memory once, and
//! nothing cancels.
//!
//! Of a set of m elements with one mean and one variance, r = 1 / √(variance + eps):
//!
//! x̄ = w·r·ȳ - r·Σ(w·ȳ)/m - (x - mean)·r³·Σ(w·ȳ·(x - mean))/m, w̄ = r·Σ ȳ·(x - mean), b̄ = Σ ȳ:
//!
//! one pass over x and ȳ for the sums, one for x̄.

use super::fold::{self, Deviations, Squares};
use super::parallel::{self, GRAIN, Rows};
use super::simd::{Kernel, Level};
use super::{Groups, Lane};

/// Elements of a plane from which on it is summed by itself.
const LONG: usize = 64;
/// Images of a part, at least and at most.
const ROWS: [usize; 2] = [16, 128];

/// How sums over images are cut into parts.
#[derive(Clone, Copy)]
struct Parts {
    count: usize,
    /// Sums of a part: one a plane, or one a column.
    width: usize,
    /// Images of a part; the last may have fewer. 0 if planes are summed by themselves.
    rows: usize,
}

impl Parts {
    fn of(g: Groups) -> Parts {
        if g.inner >= LONG || g.outer == 1 {
            return Parts { count: g.outer, width: g.n, rows: 0 };
        }
        let width = g.n * g.inner;
        let rows = (GRAIN / width.max(1)).clamp(ROWS[0], ROWS[1]);
        Parts { count: g.outer.div_ceil(rows), width, rows }
    }

    fn scratch(self) -> usize {
        (2 * self.count + 1) * self.width
    }

    /// The shape with as many channels as there are sums of a part, and how many each was before.
    fn widened(self, g: Groups) -> (Groups, usize) {
        if self.rows == 0 { (g, 1) } else { (Groups { n: self.width, inner: 1, ..g }, g.inner) }
    }

    /// Elements that are summed in each place of part `i`.
    fn elements(self, g: Groups, i: usize) -> usize {
        if self.rows == 0 { g.inner } else { self.rows.min(g.outer - i * self.rows) }
    }

    /// Calls `f` with each piece of both partial sums, the elements of `x` they are of, and the first
    /// of them.
    fn each<T: Lane>(
        self,
        g: Groups,
        sums: [&mut [T]; 2],
        f: impl Fn(std::ops::Range<usize>, [&mut [T]; 2]) + Sync,
    ) {
        if self.rows == 0 {
            return parallel::run(self.count * self.width, g.inner, sums, |planes, sums| {
                f(planes.start * g.inner..planes.end * g.inner, sums);
            });
        }
        let size = self.rows * self.width;
        parallel::run(self.count, size, sums.map(|s| Rows(s, self.width)), |range, [a, b]| {
            let pieces = a.0.chunks_exact_mut(self.width).zip(b.0.chunks_exact_mut(self.width));
            for (i, (a, b)) in range.zip(pieces) {
                f(i * size..(g.outer * self.width).min((i + 1) * size), [a, b]);
            }
        });
    }

    /// The sums over all parts, one a channel.
    fn add_up<T: Lane>(self, level: Level, g: Groups, sums: &[T], space: &mut [T], out: &mut [T]) {
        fold::sum(level, sums, Groups { outer: 1, n: self.count, inner: self.width }, space);
        fold::sum(level, space, Groups { outer: g.n, n: self.width / g.n.max(1), inner: 1 }, out);
    }
}

struct PlaneMoments<'a, T> {
    level: Level,
    x: &'a [T],
    inner: usize,
    sums: &'a mut [T],
    squares: &'a mut [T],
}

impl<T: Lane> Kernel for PlaneMoments<'_, T> {
    #[inline(always)]
    fn run(self) {
        let PlaneMoments { level, x, inner, sums, squares } = self;
        let count = T::from_f64(inner as f64);
        for ((x, sum), square) in x.chunks_exact(inner).zip(sums).zip(squares) {
            *sum = fold::total(level, x);
            *square = fold::total(level, Squares(x, *sum / count));
        }
    }
}

struct ColumnMoments<'a, T> {
    x: &'a [T],
    sums: &'a mut [T],
    squares: &'a mut [T],
}

impl<T: Lane> Kernel for ColumnMoments<'_, T> {
    #[inline(always)]
    fn run(self) {
        let ColumnMoments { x, sums, squares } = self;
        let width = sums.len();
        let squares = &mut squares[..width];
        sums.fill(T::ZERO);
        squares.fill(T::ZERO);
        for x in x.chunks_exact(width) {
            for j in 0..width {
                sums[j] += x[j];
            }
        }
        let share = T::ONE / T::from_f64((x.len() / width) as f64);
        for x in x.chunks_exact(width) {
            for j in 0..width {
                let d = x[j] - sums[j] * share;
                squares[j] += d * d;
            }
        }
    }
}

/// How many elements of scratch memory the moments of `g` take.
pub fn moments_scratch(g: Groups) -> usize {
    Parts::of(g).scratch()
}

pub(crate) fn moments<T: Lane>(level: Level, x: &[T], g: Groups, scratch: &mut [T], out: &mut [T]) {
    let Groups { outer, n, inner } = g;
    assert_eq!(x.len(), g.elements(), "{g:?} has another number of elements");
    assert_eq!(scratch.len(), moments_scratch(g), "moments: scratch memory of another size");
    assert_eq!(out.len(), 2 * n, "a mean and a variance for each channel");
    if x.is_empty() {
        return out.fill(T::from_f64(f64::NAN));
    }
    let parts = Parts::of(g);
    let (sums, rest) = scratch.split_at_mut(parts.count * parts.width);
    let (squares, space) = rest.split_at_mut(parts.count * parts.width);
    parts.each(g, [&mut *sums, &mut *squares], |at, [sums, squares]| {
        let x = &x[at];
        match parts.rows {
            0 => level.run(PlaneMoments { level, x, inner, sums, squares }),
            _ => level.run(ColumnMoments { x, sums, squares }),
        }
    });
    let (means, variances) = out.split_at_mut(n);
    let count = T::from_f64((outer * inner) as f64);
    parts.add_up(level, g, sums, space, means);
    means.iter_mut().for_each(|mean| *mean = *mean / count);
    let each = parts.width / n;
    let pieces = sums.chunks_exact(parts.width).zip(squares.chunks_exact_mut(parts.width));
    for (i, (sums, squares)) in pieces.enumerate() {
        let own = T::from_f64(parts.elements(g, i) as f64);
        let channels = sums.chunks_exact(each).zip(squares.chunks_exact_mut(each));
        for ((sums, squares), &mean) in channels.zip(&*means) {
            for (square, &sum) in squares.iter_mut().zip(sums) {
                let d = sum / own - mean;
                *square += own * d * d;
            }
        }
    }
    parts.add_up(level, g, squares, space, variances);
    variances.iter_mut().for_each(|variance| *variance = *variance / count);
}

/// mean̄ / m + (x - mean)·2·variance̅ / m.
pub(crate) fn moments_vjp<T: Lane>(
    level: Level,
    x: &[T],
    g: Groups,
    moments: &[T],
    bars: &[T],
    scratch: &mut [T],
    x_bar: &mut [T],
) {
    let count = T::from_f64((g.outer * g.inner) as f64);
    for (i, (out, &bar)) in scratch.iter_mut().zip(bars).enumerate() {
        *out = if i < g.n { bar / count } else { (bar + bar) / count };
    }
    let (bias, scale) = scratch.split_at(g.n);
    affine(level, x, g, [&moments[..g.n], scale, bias], x_bar);
}

/// out = (x - mean)·scale + bias, from plane `first` on.
struct Affine<'a, T> {
    x: &'a [T],
    inner: usize,
    first: usize,
    by: [&'a [T]; 3],
    out: &'a mut [T],
}

impl<T: Lane> Kernel for Affine<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Affine { x, inner, first, by: [mean, scale, bias], out } = self;
        let n = mean.len();
        if inner == 1 {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                affine_columns(x, [mean, scale, bias], out);
            }
            return;
        }
        let mut c = first % n;
        for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
            let (mean, scale, bias) = (mean[c], scale[c], bias[c]);
            for i in 0..inner {
                out[i] = (x[i] - mean) * scale + bias;
            }
            c = if c + 1 == n { 0 } else { c + 1 };
        }
    }
}

#[inline(always)]
fn affine_columns<T: Lane>(x: &[T], [mean, scale, bias]: [&[T]; 3], out: &mut [T]) {
    let n = out.len();
    let (x, mean, scale, bias) = (&x[..n], &mean[..n], &scale[..n], &bias[..n]);
    for j in 0..n {
        out[j] = (x[j] - mean[j]) * scale[j] + bias[j];
    }
}

/// Calls `f` with the first plane and the elements of each piece of `out`: planes, or, if they are single
/// elements, whole images.
fn each_plane<T: Lane>(g: Groups, out: &mut [T], f: impl Fn(usize, std::ops::Range<usize>, &mut [T]) + Sync) {
    let Groups { outer, n, inner } = g;
    let (units, size) = if inner == 1 { (outer, n) } else { (outer * n, inner) };
    parallel::run(units, size, Rows(out, size), |range, Rows(out, _)| {
        f(range.start, range.start * size..range.end * size, out);
    });
}

fn affine<T: Lane>(level: Level, x: &[T], g: Groups, by: [&[T]; 3], out: &mut [T]) {
    assert_eq!(x.len(), g.elements(), "{g:?} has another number of elements");
    assert_eq!(out.len(), x.len(), "there are as many results as elements");
    if !x.is_empty() {
        each_plane(g, out, |first, at, out| {
            level.run(Affine { x: &x[at], inner: g.inner, first, by, out });
        });
    }
}

struct PlaneSums<'a, T> {
    level: Level,
    x: &'a [T],
    y_bar: &'a [T],
    inner: usize,
    first: usize,
    means: &'a [T],
    sums: &'a mut [T],
    products: &'a mut [T],
}

impl<T: Lane> Kernel for PlaneSums<'_, T> {
    #[inline(always)]
    fn run(self) {
        let PlaneSums { level, x, y_bar, inner, first, means, sums, products } = self;
        let planes = x.chunks_exact(inner).zip(y_bar.chunks_exact(inner));
        let mut c = first % means.len();
        for ((x, y_bar), (sum, product)) in planes.zip(sums.iter_mut().zip(products)) {
            [*sum, *product] = fold::totals(level, y_bar, Deviations(y_bar, x, means[c]));
            c = if c + 1 == means.len() { 0 } else { c + 1 };
        }
    }
}

struct ColumnSums<'a, T> {
    x: &'a [T],
    y_bar: &'a [T],
    means: &'a [T],
    sums: &'a mut [T],
    products: &'a mut [T],
}

impl<T: Lane> Kernel for ColumnSums<'_, T> {
    #[inline(always)]
    fn run(self) {
        let ColumnSums { x, y_bar, means, sums, products } = self;
        let width = sums.len();
        sums.fill(T::ZERO);
        products.fill(T::ZERO);
        for (x, y_bar) in x.chunks_exact(width).zip(y_bar.chunks_exact(width)) {
            add_columns(x, y_bar, means, sums, products);
        }
    }
}

#[inline(always)]
fn add_columns<T: Lane>(x: &[T], y_bar: &[T], means: &[T], sums: &mut [T], products: &mut [T]) {
    let width = sums.len();
    let (x, y_bar, means, products) = (&x[..width], &y_bar[..width], &means[..width], &mut products[..width]);
    for j in 0..width {
        sums[j] += y_bar[j];
        products[j] += y_bar[j] * (x[j] - means[j]);
    }
}

/// Σ ȳ and Σ ȳ·(x - mean) of each channel; means are one a column, if planes are taken as columns.
fn sums<T: Lane>(
    level: Level,
    [x, y_bar]: [&[T]; 2],
    g: Groups,
    means: &[T],
    scratch: &mut [T],
    out: [&mut [T]; 2],
) {
    if x.is_empty() {
        return out.into_iter().for_each(|out| out.fill(T::ZERO));
    }
    let (parts, inner) = (Parts::of(g), g.inner);
    let (sums, rest) = scratch.split_at_mut(parts.count * parts.width);
    let (products, space) = rest.split_at_mut(parts.count * parts.width);
    parts.each(g, [&mut *sums, &mut *products], |at, [sums, products]| {
        let (first, x, y_bar) = (at.start / inner, &x[at.clone()], &y_bar[at]);
        match parts.rows {
            0 => level.run(PlaneSums { level, x, y_bar, inner, first, means, sums, products }),
            _ => level.run(ColumnSums { x, y_bar, means, sums, products }),
        }
    });
    let [sum, product] = out;
    parts.add_up(level, g, sums, space, sum);
    parts.add_up(level, g, products, space, product);
}

/// out = ȳ·a + ((x - mean)·b + c), from plane `first` on.
struct Rule<'a, T> {
    x: &'a [T],
    y_bar: &'a [T],
    inner: usize,
    first: usize,
    by: [&'a [T]; 4],
    out: &'a mut [T],
}

impl<T: Lane> Kernel for Rule<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Rule { x, y_bar, inner, first, by: [mean, a, b, c], out } = self;
        let n = mean.len();
        if inner == 1 {
            let rows = x.chunks_exact(n).zip(y_bar.chunks_exact(n));
            for ((x, y_bar), out) in rows.zip(out.chunks_exact_mut(n)) {
                rule_columns([x, y_bar], [mean, a, b, c], out);
            }
            return;
        }
        let planes = x.chunks_exact(inner).zip(y_bar.chunks_exact(inner));
        let mut at = first % n;
        for ((x, y_bar), out) in planes.zip(out.chunks_exact_mut(inner)) {
            let (mean, a, b, c) = (mean[at], a[at], b[at], c[at]);
            for i in 0..inner {
                out[i] = y_bar[i] * a + ((x[i] - mean) * b + c);
            }
            at = if at + 1 == n { 0 } else { at + 1 };
        }
    }
}

#[inline(always)]
fn rule_columns<T: Lane>([x, y_bar]: [&[T]; 2], [mean, a, b, c]: [&[T]; 4], out: &mut [T]) {
    let n = out.len();
    let (x, y_bar) = (&x[..n], &y_bar[..n]);
    let (mean, a, b, c) = (&mean[..n], &a[..n], &b[..n], &c[..n]);
    for j in 0..n {
        out[j] = y_bar[j] * a[j] + ((x[j] - mean[j]) * b[j] + c[j]);
    }
}

/// What is brought to which mean and variance.
#[derive(Clone, Copy, Debug)]
pub struct ChannelNorm<'a, T> {
    /// The images.
    pub x: &'a [T],
    /// Their shape, where each of `n` is scaled by itself: channels, or channels of all images.
    pub shape: Groups,
    /// One mean for each set of neighbours among these `n`.
    pub mean: &'a [T],
    /// Likewise.
    pub variance: &'a [T],
    /// One factor a channel, for all images.
    pub weight: &'a [T],
    /// What is added to each channel.
    pub bias: &'a [T],
    /// What is added to the variance.
    pub eps: f64,
    /// Whether mean and variance are operands, not x's own.
    pub given: bool,
}

/// Where the rule writes; what is not wanted lacks.
#[derive(Debug, Default)]
pub struct ChannelBars<'a, T> {
    /// As long as x.
    pub x: Option<&'a mut [T]>,
    /// One a channel.
    pub weight: Option<&'a mut [T]>,
    /// One a channel.
    pub bias: Option<&'a mut [T]>,
    /// One a set, if it is given.
    pub mean: Option<&'a mut [T]>,
    /// One a set, if it is given.
    pub variance: Option<&'a mut [T]>,
}

impl<T> ChannelNorm<'_, T> {
    /// How many neighbours share a mean.
    fn neighbours(&self) -> usize {
        self.shape.n / self.mean.len().max(1)
    }

    fn check(&self) {
        let (n, sets, channels) = (self.shape.n, self.mean.len(), self.weight.len());
        assert_eq!(self.x.len(), self.shape.elements(), "{:?} has another number of elements", self.shape);
        assert_eq!((self.variance.len(), self.bias.len()), (sets, channels), "of one length");
        assert!(n == self.neighbours() * sets && n.is_multiple_of(channels.max(1)), "sets of neighbours");
    }

    /// How many elements of scratch memory the value takes.
    pub fn scratch(&self) -> usize {
        3 * Parts::of(self.shape).widened(self.shape).0.n
    }

    /// How many the rule takes.
    pub fn scratch_of_rule(&self) -> usize {
        let parts = Parts::of(self.shape);
        4 * parts.widened(self.shape).0.n + 2 * self.shape.n + parts.scratch()
    }
}

/// 1 / √(variance + eps)
fn scale<T: Lane>(variance: T, eps: f64) -> T {
    T::ONE / (variance + T::from_f64(eps)).sqrt()
}

pub(crate) fn norm<T: Lane>(level: Level, c: &ChannelNorm<T>, scratch: &mut [T], y: &mut [T]) {
    c.check();
    let (neighbours, channels) = (c.neighbours(), c.weight.len());
    assert_eq!(scratch.len(), c.scratch(), "channel_norm: scratch memory of another size");
    if y.is_empty() {
        return;
    }
    let (g, each) = Parts::of(c.shape).widened(c.shape);
    let (means, rest) = scratch.split_at_mut(g.n);
    let (scales, biases) = rest.split_at_mut(g.n);
    for i in 0..c.shape.n {
        let (set, at) = (i / neighbours, i * each..(i + 1) * each);
        means[at.clone()].fill(c.mean[set]);
        scales[at.clone()].fill(scale(c.variance[set], c.eps) * c.weight[i % channels]);
        biases[at].fill(c.bias[i % channels]);
    }
    affine(level, c.x, g, [means, scales, biases], y);
}

pub(crate) fn vjp<T: Lane>(
    level: Level,
    c: &ChannelNorm<T>,
    y_bar: &[T],
    scratch: &mut [T],
    bars: ChannelBars<T>,
) {
    c.check();
    let (n, neighbours, channels) = (c.shape.n, c.neighbours(), c.weight.len());
    assert_eq!(y_bar.len(), c.x.len(), "there are as many adjoints as elements");
    assert_eq!(scratch.len(), c.scratch_of_rule(), "channel_norm: scratch memory of another size");
    let ChannelBars { x: x_bar, weight, bias, mean: mut mean_bar, variance: mut variance_bar } = bars;
    if y_bar.is_empty() {
        let all = [x_bar, weight, bias, mean_bar, variance_bar];
        return all.into_iter().flatten().for_each(|bar| bar.fill(T::ZERO));
    }
    let (g, each) = Parts::of(c.shape).widened(c.shape);
    let mut rest = scratch;
    let mut take = |len: usize| rest.split_off_mut(..len).expect("scratch memory of that size");
    let [means, a, b, constants] = std::array::from_fn(|_| take(g.n));
    let [sum, product] = std::array::from_fn(|_| take(n));
    for (i, means) in means.chunks_exact_mut(each).enumerate() {
        means.fill(c.mean[i / neighbours]);
    }
    sums(level, [c.x, y_bar], c.shape, means, rest, [&mut *sum, &mut *product]);
    let elements = T::from_f64((g.elements() / c.mean.len()) as f64);
    for (set, &variance) in c.variance.iter().enumerate() {
        let all = set * neighbours..(set + 1) * neighbours;
        let r = scale(variance, c.eps);
        let (mut first, mut second) = (T::ZERO, T::ZERO);
        for i in all.clone() {
            let w = c.weight[i % channels];
            first += w * sum[i];
            second += w * product[i];
            product[i] = product[i] * r;
            a[i * each..(i + 1) * each].fill(w * r);
        }
        (first, second) = (-(r * first), -(r * r * r * second));
        let all = all.start * each..all.end * each;
        b[all.clone()].fill(if c.given { T::ZERO } else { second / elements });
        constants[all].fill(if c.given { T::ZERO } else { first / elements });
        if let Some(mean_bar) = &mut mean_bar {
            mean_bar[set] = first;
        }
        if let Some(variance_bar) = &mut variance_bar {
            variance_bar[set] = second / T::from_f64(2.0);
        }
    }
    let images = Groups { outer: 1, n: n / channels, inner: channels };
    for (partial, out) in [(&*product, weight), (&*sum, bias)] {
        if let Some(out) = out {
            fold::sum(level, partial, images, out);
        }
    }
    match x_bar {
        None => {}
        // Where x is infinite, it would not vanish in the other form.
        Some(x_bar) if c.given => affine(level, y_bar, g, [b, a, constants], x_bar),
        Some(x_bar) => each_plane(g, x_bar, |first, at, out| {
            let (x, y_bar) = (&c.x[at.clone()], &y_bar[at]);
            level.run(Rule { x, y_bar, inner: g.inner, first, by: [means, a, b, constants], out });
        }),
    }
}
