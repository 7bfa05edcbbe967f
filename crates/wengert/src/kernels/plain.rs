//! The forward loops over dual numbers, in the plainest form.
//!
//! Forward mode is for checks and for functions of few inputs, so these loops are compiled once,
//! not for each instruction set, and run on one thread.

use super::{
    ConvSizes, Groups, Kernels, Mask, Matrix, Operand, Windows, conv, index, pooling, scan, windows,
};
use super::{Systems, linalg};
use crate::dual::Dual;
use crate::ops::Linalg;
use crate::ops::{Binary, Conv, Unary};
use crate::real::Real;
use crate::tape::Numbers;

/// Replaces every group of `x` by what `f` makes of it: one element, or as many as there were.
fn groups(x: &[Dual], g: Groups, out: &mut [Dual], f: impl Fn(&[Dual]) -> Vec<Dual>) {
    let Groups { outer, n, inner } = g;
    for i in 0..outer * inner {
        let first = |n: usize| i / inner * n * inner + i % inner;
        let group: Vec<Dual> = (0..n).map(|j| x[first(n) + j * inner]).collect();
        let result = f(&group);
        for (j, &y) in result.iter().enumerate() {
            out[first(result.len()) + j * inner] = y;
        }
    }
}

/// NaN wins; the derivative is the mean of those of the largest, as the rule shares ties evenly.
fn max(x: &[Dual]) -> Dual {
    let re = x.iter().fold(f64::NEG_INFINITY, |a, b| Real::maximum(a, b.re));
    let tied: Vec<f64> = x.iter().filter(|x| x.re == re).map(|x| x.eps[0]).collect();
    let eps = if tied.is_empty() { 0.0 } else { tied.iter().sum::<f64>() / tied.len() as f64 };
    Dual { re, eps: [eps] }
}

fn logsumexp(x: &[Dual]) -> Dual {
    let shift = max(x).re;
    if shift == f64::NEG_INFINITY {
        return Dual::fixed(shift);
    }
    let total = x.iter().fold(Dual::default(), |sum, x| sum + x.plus(-shift).exp());
    total.ln().plus(shift)
}

fn log_softmax(x: &[Dual]) -> Vec<Dual> {
    let total = logsumexp(x);
    x.iter().map(|&x| if total.re == f64::NEG_INFINITY { x } else { x - total }).collect()
}

/// Calls `f` with the positions in image and result of every summand of a mean over windows, and
/// its share. A plane is an image of one channel, and a window a kernel of ones.
fn each_mean(w: &Windows, mut f: impl FnMut(usize, usize, f64)) {
    let sizes = ConvSizes { images: w.planes, groups: 1, inputs: 1, outputs: 1, axes: w.axes };
    let share = 1.0 / windows::area(&w.axes) as f64;
    conv::each_product(&sizes, |x, _, y| f(x, y, share));
}

impl Kernels for Dual {
    fn unary_one(op: Unary, c: Numbers, x: Dual) -> Dual {
        op.value(c, x)
    }
    fn binary_one(op: Binary, a: Dual, b: Dual) -> Dual {
        op.value(a, b)
    }
    fn unary(op: Unary, c: Numbers, x: &[Dual], out: &mut [Dual]) {
        for (y, &x) in out.iter_mut().zip(x) {
            *y = op.value(c, x);
        }
    }
    fn binary(op: Binary, a: Operand<Dual>, b: Operand<Dual>, shape: &[usize], out: &mut [Dual]) {
        let at = |x: Operand<Dual>, mut i: usize| {
            let (mut place, mut stride) = (0, 1);
            for (axis, &n) in shape.iter().enumerate().rev() {
                if let Some(own) = (axis + x.shape.len()).checked_sub(shape.len()) {
                    place += if x.shape[own] == 1 { 0 } else { i % n * stride };
                    stride *= x.shape[own];
                }
                i /= n;
            }
            x.data[place]
        };
        for (i, y) in out.iter_mut().enumerate() {
            *y = op.value(at(a, i), at(b, i));
        }
    }
    fn sum(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, |x| vec![x.iter().fold(Dual::default(), |sum, &x| sum + x)]);
    }
    fn max(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, |x| vec![max(x)]);
    }
    fn min(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, |x| vec![-max(&x.iter().map(|&x| -x).collect::<Vec<_>>())]);
    }
    fn logsumexp(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, |x| vec![logsumexp(x)]);
    }
    fn softmax(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, |x| log_softmax(x).into_iter().map(Real::exp).collect());
    }
    fn log_softmax(x: &[Dual], g: Groups, out: &mut [Dual]) {
        groups(x, g, out, log_softmax);
    }
    fn cross_entropy(logits: &[Dual], labels: &[usize], classes: usize, losses: &mut [Dual]) {
        for (i, (&label, loss)) in labels.iter().zip(losses).enumerate() {
            let row = &logits[i * classes..(i + 1) * classes];
            *loss = logsumexp(row) - row[label];
        }
    }
    fn cumsum(x: &[Dual], g: Groups, reverse: bool, out: &mut [Dual]) {
        scan::cumsum(x, g, reverse, out);
    }
    fn recurrence(mul0: bool, x_a: [&[Dual]; 2], g: Groups, reverse: bool, out: &mut [Dual]) {
        scan::recurrence(mul0, x_a, g, reverse, out);
    }
    fn index_add(x: &[Dual], g: Groups, indices: &[usize], out: &mut [Dual]) {
        index::add(x, g, indices, out);
    }
    fn gemm(a: Matrix<Dual>, b: Matrix<Dual>, accumulate: bool, c: &mut [Dual]) {
        let at = |m: &Matrix<Dual>, i: usize, j: usize| m.data[i * m.row_stride + j * m.col_stride];
        for (i, c) in c.iter_mut().enumerate() {
            let (row, col) = (i / b.cols, i % b.cols);
            let start = if accumulate { *c } else { Dual::default() };
            *c = (0..a.cols).fold(start, |sum, k| sum + at(&a, row, k) * at(&b, k, col));
        }
    }
    fn conv_scratch(_: Conv, _: &ConvSizes) -> usize {
        0
    }
    fn conv(
        op: Conv,
        s: &ConvSizes,
        [a, b]: [&[Dual]; 2],
        bias: Option<&[Dual]>,
        _: &mut [Dual],
        out: &mut [Dual],
    ) {
        out.fill(Dual::default());
        let results = windows::count(&s.axes);
        if let Some(bias) = bias {
            out.iter_mut().enumerate().for_each(|(i, y)| *y = bias[i / results % bias.len()]);
        }
        conv::each_product(s, |x, w, y| {
            let [i, j, k] = op.order(x, w, y);
            out[k] = out[k] + a[i] * b[j];
        });
    }
    fn max_pool(x: &[Dual], w: &Windows, out: &mut [Dual]) {
        pooling::pick(x, x, w, out);
    }
    fn max_pick(keys: &[Dual], x: &[Dual], w: &Windows, out: &mut [Dual]) {
        pooling::pick(keys, x, w, out);
    }
    fn max_unpick(keys: &[Dual], y: &[Dual], w: &Windows, out: &mut [Dual]) {
        pooling::unpick(keys, y, w, out);
    }
    fn avg_pool(x: &[Dual], w: &Windows, out: &mut [Dual]) {
        out.fill(Dual::default());
        each_mean(w, |x_at, y_at, share| out[y_at] = out[y_at] + x[x_at].times(share));
    }
    fn avg_unpool(y: &[Dual], w: &Windows, out: &mut [Dual]) {
        out.fill(Dual::default());
        each_mean(w, |x_at, y_at, share| out[x_at] = out[x_at] + y[y_at].times(share));
    }
    fn dropout(x: &[Dual], mask: Mask, out: &mut [Dual]) {
        mask.each(0, x.len(), |i, kept| {
            out[i] = if kept { x[i].times(mask.scale()) } else { Dual::default() };
        });
    }
    fn linalg(op: Linalg, a: &[Dual], rows: usize, cols: usize, out: &mut [Dual]) {
        linalg::forward::run(op, a, rows, cols, out);
    }
    fn solve(systems: Systems<Dual>, out: &mut [Dual]) {
        linalg::forward::solve(systems, out);
    }
}
