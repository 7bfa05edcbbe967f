//! The reference of each kernel, in the plainest loops: index by index, sums in `f64`.
//!
//! Only tests see it. A fast kernel is right if it agrees with this on random shapes.

use super::{Groups, Lane, Matrix, Operand};
use crate::element::Element;
use crate::ops::{Binary, Unary};
use crate::tape::Numbers;

/// Every index of `shape` in row-major order.
pub(super) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &n| {
        all.iter().flat_map(|i| (0..n).map(|j| [&i[..], &[j]].concat())).collect()
    })
}

/// The operand as a buffer of `shape`: axes of length 1, and missing ones, repeat.
pub(super) fn stretch<T: Lane>(x: Operand<T>, shape: &[usize]) -> Vec<T> {
    let missing = shape.len() - x.shape.len();
    let at = |index: Vec<usize>| {
        let own = index[missing..].iter().zip(x.shape);
        x.data[own.fold(0, |at, (&i, &n)| at * n + if n == 1 { 0 } else { i })]
    };
    indices(shape).into_iter().map(at).collect()
}

pub(super) fn unary<T: Lane>(op: Unary, c: Numbers, x: &[T]) -> Vec<T> {
    x.iter().map(|&x| op.value(c, x)).collect()
}

pub(super) fn unary_vjp<T: Lane>(op: Unary, c: Numbers, x: &[T], y: &[T], y_bar: &[T]) -> Vec<T> {
    (0..x.len()).map(|i| op.vjp(c, x[i], y[i], y_bar[i])).collect()
}

pub(super) fn binary<T: Lane>(op: Binary, a: &[T], b: &[T]) -> Vec<T> {
    (0..a.len()).map(|i| op.value(a[i], b[i])).collect()
}

pub(super) fn binary_vjp<T: Lane>(op: Binary, wrt: usize, a: &[T], b: &[T], y: &[T], y_bar: &[T]) -> Vec<T> {
    (0..a.len()).map(|i| op.vjp(wrt, a[i], b[i], y[i], y_bar[i])).collect()
}

/// Replaces every group of `x` by what `f` makes of it, in `f64`.
pub(super) fn groups<T: Element>(x: &[T], g: Groups, f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let results: Vec<Vec<f64>> = (0..g.outer * g.inner)
        .map(|i| {
            let first = i / g.inner * g.n * g.inner + i % g.inner;
            let group: Vec<f64> = (0..g.n).map(|j| x[first + j * g.inner].to_f64()).collect();
            f(&group)
        })
        .collect();
    let len = results.first().map_or(0, Vec::len);
    let at = |i: usize, j: usize, k: usize| results[i * g.inner + k][j];
    indices(&[g.outer, len, g.inner]).into_iter().map(|i| at(i[0], i[1], i[2])).collect()
}

/// With the rounding errors summed on the side (Neumaier 1974).
pub(super) fn sum(x: &[f64]) -> f64 {
    let (mut sum, mut errors) = (0.0, 0.0);
    for &x in x {
        let next: f64 = sum + x;
        errors += if f64::abs(sum) > x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    sum + errors
}

pub(super) fn max(x: &[f64]) -> f64 {
    x.iter().fold(f64::NEG_INFINITY, |a, &b| if a.is_nan() || a > b { a } else { b })
}

pub(super) fn min(x: &[f64]) -> f64 {
    x.iter().fold(f64::INFINITY, |a, &b| if a.is_nan() || a < b { a } else { b })
}

/// yⱼ = xⱼ + aⱼ·yⱼ₋₁, from the end if `reverse`.
pub(super) fn recurrence(x: &[f64], factors: &[f64], reverse: bool) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    if reverse {
        order.reverse();
    }
    let (mut y, mut last) = (x.to_vec(), None);
    for j in order {
        y[j] += last.map_or(0.0, |last: f64| factors[j] * last);
        last = Some(y[j]);
    }
    y
}

/// The places of the elements in order, equal ones as they are, NaN last.
pub(super) fn argsort(x: &[f64], descending: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..x.len()).filter(|&i| !x[i].is_nan()).collect();
    let ascending = |&a: &usize, &b: &usize| x[a].partial_cmp(&x[b]).expect("no NaN");
    places.sort_by(|a, b| if descending { ascending(b, a) } else { ascending(a, b) });
    places.extend((0..x.len()).filter(|&i| x[i].is_nan()));
    places
}

pub(super) fn logsumexp(x: &[f64]) -> f64 {
    let max = max(x);
    let exps: Vec<f64> = x.iter().map(|x| (x - max).exp()).collect();
    if max.is_infinite() { max } else { max + sum(&exps).ln() }
}

pub(super) fn log_softmax(x: &[f64]) -> Vec<f64> {
    let total = logsumexp(x);
    x.iter().map(|&x| if total == f64::NEG_INFINITY { x } else { x - total }).collect()
}

pub(super) fn softmax(x: &[f64]) -> Vec<f64> {
    log_softmax(x).iter().map(|x| x.exp()).collect()
}

/// Where each index of `shape` lies on the strided side.
pub(super) fn places(offset: usize, strides: &[isize], shape: &[usize]) -> Vec<usize> {
    let place = |index: &Vec<usize>| {
        let steps = index.iter().zip(strides).map(|(&i, &stride)| i as isize * stride);
        (offset as isize + steps.sum::<isize>()) as usize
    };
    indices(shape).iter().map(place).collect()
}

pub(super) fn gemm<T: Element>(a: Matrix<T>, b: Matrix<T>) -> Vec<f64> {
    let at = |m: &Matrix<T>, i: usize, j: usize| m.data[i * m.row_stride + j * m.col_stride].to_f64();
    let dot = |i: &Vec<usize>| (0..a.cols).map(|k| at(&a, i[0], k) * at(&b, k, i[1])).sum();
    indices(&[a.rows, b.cols]).iter().map(dot).collect()
}
