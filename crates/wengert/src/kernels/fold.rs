//! Sums, maxima and minima of groups, in an order that shapes alone decide.
//!
//! A row is folded into [`LANES`] partial results, element i into lane i mod `LANES`, so that the
//! order is that of vector registers whatever their width; rows longer than [`LEAF`] are cut in
//! two, again and again, and the halves' results combined. This gives the same bits for any number
//! of threads and on every instruction set, and errors that grow with the logarithm of the length.
//! Where other axes lie inside the reduced one, whole rows of them are added up instead.

use super::parallel::{self, GRAIN, Rows};
use super::simd::{Kernel, Level};
use super::{Groups, Lane};
use std::marker::PhantomData;
use std::ops::Range;

/// Partial results of a row.
const LANES: usize = 32;
/// Elements folded in one go.
const LEAF: usize = 4096;
/// Columns folded together where axes lie inside the reduced one.
pub(crate) const WIDTH: usize = 256;
/// Rows of columns folded in one go.
const DEPTH: usize = 128;

/// How two partial results become one.
pub(crate) trait Fold<T>: Copy + Send + Sync {
    const START: T;
    fn join(a: T, b: T) -> T;
}

#[derive(Clone, Copy)]
pub(crate) struct Sum;
impl<T: Lane> Fold<T> for Sum {
    const START: T = T::ZERO;
    #[inline(always)]
    fn join(a: T, b: T) -> T {
        a + b
    }
}

/// NaN wins.
#[derive(Clone, Copy)]
pub(crate) struct Max;
impl<T: Lane> Fold<T> for Max {
    const START: T = T::LOWEST;
    #[inline(always)]
    fn join(a: T, b: T) -> T {
        a.maximum(b)
    }
}

/// NaN wins.
#[derive(Clone, Copy)]
pub(crate) struct Min;
impl<T: Lane> Fold<T> for Min {
    const START: T = T::HIGHEST;
    #[inline(always)]
    fn join(a: T, b: T) -> T {
        -(-a).maximum(-b)
    }
}

/// The largest, if there is no NaN; one instruction.
#[derive(Clone, Copy)]
pub(crate) struct Peak;
impl<T: Lane> Fold<T> for Peak {
    const START: T = T::LOWEST;
    #[inline(always)]
    fn join(a: T, b: T) -> T {
        if b > a { b } else { a }
    }
}

/// What is folded: the elements of a slice, or products of two.
pub(crate) trait Source<T>: Copy + Send + Sync {
    fn slice(self, range: Range<usize>) -> Self;
    fn len(self) -> usize;
    fn at(self, i: usize) -> T;
    /// Joins [`LANES`] elements from `start` on to as many partial results.
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]);
}

impl<T: Lane> Source<T> for &[T] {
    #[inline(always)]
    fn slice(self, range: Range<usize>) -> Self {
        &self[range]
    }
    #[inline(always)]
    fn len(self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn at(self, i: usize) -> T {
        self[i]
    }
    #[inline(always)]
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]) {
        let x = strip(self, start);
        for l in 0..LANES {
            lanes[l] = F::join(lanes[l], x[l]);
        }
    }
}

/// a·b, element by element; both of one length.
#[derive(Clone, Copy)]
pub(crate) struct Products<'a, T>(pub &'a [T], pub &'a [T]);

impl<T: Lane> Source<T> for Products<'_, T> {
    #[inline(always)]
    fn slice(self, range: Range<usize>) -> Self {
        Products(&self.0[range.clone()], &self.1[range])
    }
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn at(self, i: usize) -> T {
        self.0[i] * self.1[i]
    }
    #[inline(always)]
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]) {
        let (a, b) = (strip(self.0, start), strip(self.1, start));
        for l in 0..LANES {
            lanes[l] = F::join(lanes[l], a[l] * b[l]);
        }
    }
}

/// (x - m)², element by element.
#[derive(Clone, Copy)]
pub(crate) struct Squares<'a, T>(pub &'a [T], pub T);

impl<T: Lane> Source<T> for Squares<'_, T> {
    #[inline(always)]
    fn slice(self, range: Range<usize>) -> Self {
        Squares(&self.0[range], self.1)
    }
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn at(self, i: usize) -> T {
        let d = self.0[i] - self.1;
        d * d
    }
    #[inline(always)]
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]) {
        let (x, m) = (strip(self.0, start), self.1);
        for l in 0..LANES {
            lanes[l] = F::join(lanes[l], (x[l] - m) * (x[l] - m));
        }
    }
}

/// a·(x - m), element by element; both of one length.
#[derive(Clone, Copy)]
pub(crate) struct Deviations<'a, T>(pub &'a [T], pub &'a [T], pub T);

impl<T: Lane> Source<T> for Deviations<'_, T> {
    #[inline(always)]
    fn slice(self, range: Range<usize>) -> Self {
        Deviations(&self.0[range.clone()], &self.1[range], self.2)
    }
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn at(self, i: usize) -> T {
        self.0[i] * (self.1[i] - self.2)
    }
    #[inline(always)]
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]) {
        let (a, x, m) = (strip(self.0, start), strip(self.1, start), self.2);
        for l in 0..LANES {
            lanes[l] = F::join(lanes[l], a[l] * (x[l] - m));
        }
    }
}

/// a·b·(x - m), element by element; all of one length.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'a, T>(pub Products<'a, T>, pub &'a [T], pub T);

impl<T: Lane> Source<T> for Weighted<'_, T> {
    #[inline(always)]
    fn slice(self, range: Range<usize>) -> Self {
        Weighted(self.0.slice(range.clone()), &self.1[range], self.2)
    }
    #[inline(always)]
    fn len(self) -> usize {
        self.1.len()
    }
    #[inline(always)]
    fn at(self, i: usize) -> T {
        self.0.at(i) * (self.1[i] - self.2)
    }
    #[inline(always)]
    fn join<F: Fold<T>>(self, start: usize, lanes: &mut [T; LANES]) {
        let (a, b, x) = (strip(self.0.0, start), strip(self.0.1, start), strip(self.1, start));
        for l in 0..LANES {
            lanes[l] = F::join(lanes[l], a[l] * b[l] * (x[l] - self.2));
        }
    }
}

#[inline(always)]
fn strip<T>(x: &[T], start: usize) -> &[T; LANES] {
    x[start..start + LANES].try_into().expect("of that length")
}

/// Folds at most [`LEAF`] elements.
#[inline(always)]
fn leaf<T: Lane, F: Fold<T>, S: Source<T>>(x: S) -> T {
    let len = x.len();
    if len <= LANES / 2 {
        let mut sum = F::START;
        for i in 0..len {
            sum = F::join(sum, x.at(i));
        }
        return sum;
    }
    let mut lanes = [F::START; LANES];
    let whole = len / LANES;
    for i in 0..whole {
        x.join::<F>(i * LANES, &mut lanes);
    }
    let rest = x.slice(whole * LANES..len);
    for i in 0..rest.len() {
        lanes[i] = F::join(lanes[i], rest.at(i));
    }
    tree::<T, F>(lanes)
}

#[inline(always)]
fn tree<T: Lane, F: Fold<T>>(lanes: [T; LANES]) -> T {
    // The compiler would otherwise start from this tree and build the loop above, against the
    // grain, from vectors of two: it is to see both apart.
    let lanes = std::hint::black_box(lanes);
    let (mut halves, mut quarters, mut eighths) = ([F::START; 16], [F::START; 8], [F::START; 4]);
    for l in 0..16 {
        halves[l] = F::join(lanes[l], lanes[l + 16]);
    }
    for l in 0..8 {
        quarters[l] = F::join(halves[l], halves[l + 8]);
    }
    for l in 0..4 {
        eighths[l] = F::join(quarters[l], quarters[l + 4]);
    }
    F::join(F::join(eighths[0], eighths[2]), F::join(eighths[1], eighths[3]))
}

/// Rows of `n` elements, no longer than a leaf.
struct ShortRows<'a, T, F, S> {
    x: S,
    n: usize,
    out: &'a mut [T],
    fold: PhantomData<F>,
}

impl<T: Lane, F: Fold<T>, S: Source<T>> Kernel for ShortRows<'_, T, F, S> {
    #[inline(always)]
    fn run(self) {
        for (i, out) in self.out.iter_mut().enumerate() {
            *out = leaf::<T, F, S>(self.x.slice(i * self.n..(i + 1) * self.n));
        }
    }
}

/// Folds rows of `n` elements, one after the other; a long one in parallel.
pub(crate) fn rows<T: Lane, F: Fold<T>, S: Source<T>>(level: Level, x: S, n: usize, out: &mut [T]) {
    if n <= LEAF {
        return level.run(ShortRows { x, n, out, fold: PhantomData::<F> });
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out = row::<T, F, S>(level, x.slice(i * n..(i + 1) * n));
    }
}

/// The sum of one row of any length, inside a kernel that runs at this level.
#[inline(always)]
pub(crate) fn total<T: Lane, S: Source<T>>(level: Level, x: S) -> T {
    if x.len() <= LEAF { leaf::<T, Sum, S>(x) } else { row::<T, Sum, S>(level, x) }
}

/// The sums of two rows of one length, read in one go; each is what [`total`] gives.
#[inline(always)]
pub(crate) fn totals<T: Lane, A: Source<T>, B: Source<T>>(level: Level, a: A, b: B) -> [T; 2] {
    let len = a.len();
    if len <= LANES / 2 || len > LEAF {
        return [total(level, a), total(level, b)];
    }
    let (mut of_a, mut of_b) = ([T::ZERO; LANES], [T::ZERO; LANES]);
    let whole = len / LANES;
    for i in 0..whole {
        a.join::<Sum>(i * LANES, &mut of_a);
        b.join::<Sum>(i * LANES, &mut of_b);
    }
    let (a, b) = (a.slice(whole * LANES..len), b.slice(whole * LANES..len));
    for i in 0..a.len() {
        of_a[i] += a.at(i);
        of_b[i] += b.at(i);
    }
    [tree::<T, Sum>(of_a), tree::<T, Sum>(of_b)]
}

/// Folds one row of any length.
pub(crate) fn row<T: Lane, F: Fold<T>, S: Source<T>>(level: Level, x: S) -> T {
    let len = x.len();
    if len <= LEAF {
        let mut result = F::START;
        rows::<T, F, S>(level, x, len, std::slice::from_mut(&mut result));
        return result;
    }
    let half = len.div_ceil(2 * LEAF) * LEAF;
    let (left, right) = (x.slice(0..half), x.slice(half..len));
    let (a, b) = both(len > GRAIN, || row::<T, F, S>(level, left), || row::<T, F, S>(level, right));
    F::join(a, b)
}

fn both<A: Send>(parallel: bool, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> A + Send) -> (A, A) {
    if parallel && rayon::current_num_threads() > 1 { parallel::join(a, b) } else { (a(), b()) }
}

/// Strips of neighbouring elements, `step` apart, added element by element; the last may be shorter.
#[derive(Clone, Copy)]
struct Strips<S> {
    x: S,
    step: usize,
    width: usize,
}

struct AddStrips<'a, T, F, S>(Strips<S>, &'a mut [T; WIDTH], PhantomData<F>);

impl<T: Lane, F: Fold<T>, S: Source<T>> Kernel for AddStrips<'_, T, F, S> {
    #[inline(always)]
    fn run(self) {
        let AddStrips(Strips { x, step, width }, sums, _) = self;
        let mut start = 0;
        while start < x.len() {
            let strip = x.slice(start..x.len().min(start + width));
            let sums = &mut sums[..strip.len()];
            for i in 0..sums.len() {
                sums[i] = F::join(sums[i], strip.at(i));
            }
            start += step;
        }
    }
}

impl<S: Copy> Strips<S> {
    fn fold<T: Lane, F: Fold<T>>(self, level: Level) -> [T; WIDTH]
    where
        S: Source<T>,
    {
        let mut sums = [F::START; WIDTH];
        let Strips { x, step, width } = self;
        let count = x.len().div_ceil(step);
        if count <= DEPTH {
            level.run(AddStrips(self, &mut sums, PhantomData::<F>));
            return sums;
        }
        let half = count.div_ceil(2 * DEPTH) * DEPTH * step;
        let (left, right) = (x.slice(0..half), x.slice(half..x.len()));
        let (a, b) = both(
            count * width > GRAIN,
            || Strips { x: left, step, width }.fold::<T, F>(level),
            || Strips { x: right, step, width }.fold::<T, F>(level),
        );
        for i in 0..width {
            sums[i] = F::join(a[i], b[i]);
        }
        sums
    }
}

/// Folds columns `first ..` of one group, `x` of shape `[n, inner]`; at most [`WIDTH`] of them.
pub(crate) fn columns<T: Lane, F: Fold<T>, S: Source<T>>(
    level: Level,
    x: S,
    inner: usize,
    first: usize,
    out: &mut [T],
) {
    // In narrow groups, several rows make one strip.
    let rows = (WIDTH / inner).max(1);
    let (step, width) = if rows > 1 { (rows * inner, rows * inner) } else { (inner, out.len()) };
    let from = if rows > 1 { 0 } else { first };
    let sums = Strips { x: x.slice(from..x.len()), step, width }.fold::<T, F>(level);
    for (j, out) in out.iter_mut().enumerate() {
        let partial = |r: usize| sums[r * inner + j + first - from];
        *out = (1..rows).fold(partial(0), |sum, r| F::join(sum, partial(r)));
    }
}

fn groups<T: Lane, F: Fold<T>>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    let Groups { outer, n, inner } = g;
    assert_eq!(x.len(), outer * n * inner, "{g:?} has another number of elements");
    assert_eq!(out.len(), outer * inner, "{g:?} has another number of groups");
    if x.is_empty() {
        out.fill(F::START);
    } else if inner == 1 {
        parallel::run(outer, n, out, |range, out| {
            rows::<T, F, _>(level, &x[range.start * n..range.end * n], n, out);
        });
    } else if outer == 1 && inner > WIDTH {
        parallel::run(inner, n, out, |range, out| {
            for (first, out) in range.step_by(WIDTH).zip(out.chunks_mut(WIDTH)) {
                columns::<T, F, _>(level, x, inner, first, out);
            }
        });
    } else {
        parallel::run(outer, n * inner, Rows(out, inner), |range, out| {
            let x = &x[range.start * n * inner..range.end * n * inner];
            for (x, out) in x.chunks_exact(n * inner).zip(out.0.chunks_exact_mut(inner)) {
                for (first, out) in (0..inner).step_by(WIDTH).zip(out.chunks_mut(WIDTH)) {
                    columns::<T, F, _>(level, x, inner, first, out);
                }
            }
        });
    }
}

pub(crate) fn sum<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    groups::<T, Sum>(level, x, g, out);
}

pub(crate) fn max<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    groups::<T, Max>(level, x, g, out);
}

pub(crate) fn min<T: Lane>(level: Level, x: &[T], g: Groups, out: &mut [T]) {
    groups::<T, Min>(level, x, g, out);
}
