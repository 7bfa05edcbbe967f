//! Matrices of a batch, one after the other: elimination and Jacobi's rotations.
//!
//! Computed in `f64` whatever the element type: digits are lost here by the condition number, and
//! the loops are compiled once. Nothing is cut inside a matrix; matrices of a batch run in
//! parallel, so the bits are the same for any number of threads. Memory to work in is allocated at
//! each call: beside n³ operations that is nothing.
//!
//! Why not a library: nalgebra 0.35 gives wrong singular values (of the 3x5 matrix of ones 4.54
//! instead of √15) and costs 23 s of a release build on two cores; faer 0.24 costs 57 s, and 6 s
//! more each time that this crate is compiled.

pub(super) mod elimination;
pub(super) mod forward;
mod jacobi;

use super::parallel::{self, Rows};
use super::simd::Level;
use crate::element::Element;
use crate::ops::Linalg;
use elimination::{Lu, cholesky};
use jacobi::{eigh, svd};

/// Solutions of systems of a batch that may be broadcast.
#[derive(Clone, Copy, Debug)]
pub struct Systems<'a, T> {
    /// The matrices, each `[n, n]`.
    pub a: &'a [T],
    /// The right sides, each `[n, k]`.
    pub b: &'a [T],
    /// Rows and columns of a matrix.
    pub n: usize,
    /// How many right sides a system has.
    pub k: usize,
    /// For each system, which matrix and which right sides are its own.
    pub pairs: &'a [(usize, usize)],
}

/// Elements of the result for a matrix of `rows` and `cols`.
pub(super) fn size_of_result(op: Linalg, rows: usize, cols: usize) -> usize {
    match op {
        Linalg::Inverse | Linalg::Cholesky => rows * rows,
        Linalg::Det | Linalg::LogDet => 1,
        Linalg::Eigh => (rows + 1) * rows,
        Linalg::Svd => (rows + 1 + cols) * rows.min(cols),
        Linalg::Solve => unreachable!("it has a function of its own"),
    }
}

pub(super) fn run<T: Element>(level: Level, op: Linalg, a: &[T], rows: usize, cols: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let (each, result) = (rows * cols, size_of_result(op, rows, cols));
    let cost = each.saturating_mul(rows.min(cols)).max(1);
    parallel::run(out.len() / result, cost, Rows(out, result), |range, Rows(out, _)| {
        let mut y = vec![0.0; result];
        for (i, out) in range.zip(out.chunks_exact_mut(result)) {
            one(level, op, &in_f64(&a[i * each..(i + 1) * each]), rows, cols, &mut y);
            store(&y, out);
        }
    });
}

fn one(level: Level, op: Linalg, a: &[f64], rows: usize, cols: usize, y: &mut [f64]) {
    match op {
        Linalg::Inverse => Lu::new(level, a, rows).inverse(y),
        Linalg::Det => y[0] = Lu::new(level, a, rows).det(),
        Linalg::LogDet => y[0] = Lu::new(level, a, rows).log_det(),
        Linalg::Cholesky => {
            if cholesky(level, a, rows, y).is_err() {
                y.fill(f64::NAN);
            }
        }
        Linalg::Eigh => eigh(level, a, rows, y),
        Linalg::Svd => svd(level, a, rows, cols, y),
        Linalg::Solve => unreachable!("it has a function of its own"),
    }
}

pub(super) fn solve<T: Element>(level: Level, systems: Systems<T>, out: &mut [T]) {
    let Systems { a, b, n, k, pairs } = systems;
    let (square, each) = (n * n, n * k);
    if out.is_empty() {
        return;
    }
    parallel::run(pairs.len(), square.saturating_mul(n + k), Rows(out, each), |range, Rows(out, _)| {
        let mut x = vec![0.0; each];
        let mut last: Option<(usize, Lu<f64>)> = None;
        for (&(i, j), out) in pairs[range].iter().zip(out.chunks_exact_mut(each)) {
            // A matrix that serves several systems is eliminated once.
            let known = last.take().filter(|(of, _)| *of == i);
            let lu = known
                .map_or_else(|| Lu::new(level, &in_f64(&a[i * square..(i + 1) * square]), n), |(_, lu)| lu);
            lu.solve(&in_f64(&b[j * each..(j + 1) * each]), k, &mut x);
            store(&x, out);
            last = Some((i, lu));
        }
    });
}

/// The pivot at which elimination of a matrix ended, and its value: the first that is 0, or for
/// [`Linalg::Cholesky`] not positive.
pub(crate) fn failed_pivot<T: Element>(op: Linalg, a: &[T], n: usize) -> Option<(usize, f64)> {
    let (level, a) = (Level::current(), in_f64(a));
    match op {
        Linalg::Cholesky => cholesky(level, &a, n, &mut vec![0.0; n * n]).err(),
        _ => Lu::new(level, &a, n).singular.map(|pivot| (pivot, 0.0)),
    }
}

/// The null spaces of a matrix, up to rounding.
pub(crate) struct NullVectors {
    /// How many there are on either side.
    pub count: usize,
    /// Left ones, a row each, as long as the matrix is large: its largest singular value, or 1.
    pub left: Vec<f64>,
    /// Right ones, a row each, of length 1.
    pub right: Vec<f64>,
}

/// The singular vectors of singular values up to `part` of the largest. Where no pivot is that small
/// there are none: that costs an elimination to know, not a decomposition.
pub(crate) fn null_vectors<T: Element>(a: &[T], n: usize, part: f64) -> NullVectors {
    let (level, a) = (Level::current(), in_f64(a));
    let regular = NullVectors { count: 0, left: Vec::new(), right: Vec::new() };
    let (mut least, mut most) = (f64::INFINITY, 0.0);
    for size in Lu::new(level, &a, n).pivots().map(f64::abs) {
        (least, most) = (size.min(least), size.max(most));
    }
    if least > part * most {
        return regular;
    }
    let mut y = vec![0.0; (2 * n + 1) * n];
    svd(level, &a, n, n, &mut y);
    let s = &y[n * n..(n + 1) * n];
    if s[0].is_nan() {
        return regular;
    }
    let count = s.iter().filter(|&&x| x <= part * s[0]).count();
    let length = if s[0] > 0.0 { s[0] } else { 1.0 };
    let last_columns = |first: usize, length: f64| {
        (n - count..n)
            .flat_map(|j| (first..first + n).map(move |i| i * n + j))
            .map(|at| length * y[at])
            .collect()
    };
    NullVectors { count, left: last_columns(0, length), right: last_columns(n + 1, 1.0) }
}

fn in_f64<T: Element>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn store<T: Element>(x: &[f64], out: &mut [T]) {
    out.iter_mut().zip(x).for_each(|(to, &x)| *to = T::from_f64(x));
}
