//! Forward mode of linear algebra: derivatives along a direction, owing nothing to the reverse rules.
//!
//! Elimination runs over dual numbers as it is. Iterations would not tell when a derivative has
//! converged, so that those of eigenvalues and singular values come from formulas (first-order
//! perturbation theory; J. Townsend: Differentiating the singular value decomposition, 2016).

use super::elimination::{Lu, Number, cholesky};
use super::jacobi::{eigh, svd};
use super::{Systems, size_of_result};
use crate::dual::Dual;
use crate::kernels::simd::Level;
use crate::kernels::{Kernels, Matrix};
use crate::ops::Linalg;
use crate::real::Real;

impl Number for Dual {
    fn subtract(_: Level, f: Dual, x: &[Dual], y: &mut [Dual]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = *y - f * x);
    }
}

pub(in crate::kernels) fn run(op: Linalg, a: &[Dual], rows: usize, cols: usize, out: &mut [Dual]) {
    let (each, result, level) = (rows * cols, size_of_result(op, rows, cols), Level::current());
    for (i, y) in out.chunks_exact_mut(result.max(1)).enumerate() {
        let a = &a[i * each..(i + 1) * each];
        match op {
            Linalg::Inverse => Lu::new(level, a, rows).inverse(y),
            Linalg::Det => y[0] = det(a.to_vec(), rows),
            Linalg::LogDet => y[0] = Lu::new(level, a, rows).log_det(),
            Linalg::Cholesky => {
                if cholesky(level, a, rows, y).is_err() {
                    y.fill(Dual { re: f64::NAN, eps: [f64::NAN] });
                }
            }
            Linalg::Eigh => tangent_of_eigh(level, a, rows, y),
            Linalg::Svd => tangent_of_svd(level, a, rows, cols, y),
            Linalg::Solve => unreachable!("it has a function of its own"),
        }
    }
}

pub(in crate::kernels) fn solve(systems: Systems<Dual>, out: &mut [Dual]) {
    let Systems { a, b, n, k, pairs } = systems;
    for (&(i, j), x) in pairs.iter().zip(out.chunks_exact_mut((n * k).max(1))) {
        let a = &a[i * n * n..(i + 1) * n * n];
        Lu::new(Level::current(), a, n).solve(&b[j * n * k..(j + 1) * n * k], k, x);
    }
}

/// By exchanging rows and columns for the largest element left, so that what is 0 comes last, where
/// nothing is divided by it any more: right for singular matrices too.
fn det(mut a: Vec<Dual>, n: usize) -> Dual {
    let mut det = Dual::fixed(1.0);
    for j in 0..n {
        let left = (j..n).flat_map(|row| (j..n).map(move |col| (row, col)));
        let size = |&(row, col): &(usize, usize)| a[row * n + col].re.abs();
        let (row, col) = left.max_by(|x, y| size(x).total_cmp(&size(y))).expect("j is a row and a column");
        if row != j {
            (0..n).for_each(|col| a.swap(j * n + col, row * n + col));
            det = -det;
        }
        if col != j {
            (0..n).for_each(|row| a.swap(row * n + j, row * n + col));
            det = -det;
        }
        let pivot = a[j * n + j];
        if pivot.re == 0.0 && j + 1 < n {
            // Two rows of zeros at least: their determinant does not move.
            return Dual::fixed(0.0);
        }
        det = det * pivot;
        for i in j + 1..n {
            let f = a[i * n + j] / pivot;
            (j + 1..n).for_each(|col| a[i * n + col] = a[i * n + col] - f * a[j * n + col]);
        }
    }
    det
}

/// A row-major matrix of real numbers.
#[derive(Clone)]
struct Dense {
    data: Vec<f64>,
    rows: usize,
    cols: usize,
}

impl Dense {
    fn new(rows: usize, cols: usize, at: impl Fn(usize, usize) -> f64) -> Dense {
        let data = (0..rows * cols).map(|i| at(i / cols, i % cols)).collect();
        Dense { data, rows, cols }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }

    fn t(&self) -> Dense {
        Dense::new(self.cols, self.rows, |i, j| self.at(j, i))
    }

    fn matrix(&self) -> Matrix<'_, f64> {
        Matrix { data: &self.data, rows: self.rows, cols: self.cols, row_stride: self.cols, col_stride: 1 }
    }

    fn times(&self, other: &Dense) -> Dense {
        let mut data = vec![0.0; self.rows * other.cols];
        f64::gemm(self.matrix(), other.matrix(), false, &mut data);
        Dense { data, rows: self.rows, cols: other.cols }
    }

    fn minus(&self, other: &Dense) -> Dense {
        Dense::new(self.rows, self.cols, |i, j| self.at(i, j) - other.at(i, j))
    }

    fn plus(&self, other: &Dense) -> Dense {
        Dense::new(self.rows, self.cols, |i, j| self.at(i, j) + other.at(i, j))
    }
}

/// With P = Vᵀ·dA·V: dw = diag(P), dV = V·(F∘P), where F has 1 / (w_j - w_i) off its diagonal.
fn tangent_of_eigh(level: Level, a: &[Dual], n: usize, out: &mut [Dual]) {
    let re: Vec<f64> = a.iter().map(|a| a.re).collect();
    let mut y = vec![0.0; (n + 1) * n];
    eigh(level, &re, n, &mut y);
    let (w, v) = (&y[..n], Dense::new(n, n, |i, j| y[(i + 1) * n + j]));
    let da = Dense::new(n, n, |i, j| 0.5 * (a[i * n + j].eps[0] + a[j * n + i].eps[0]));
    let p = v.t().times(&da).times(&v);
    let turn = Dense::new(n, n, |i, j| if i == j { 0.0 } else { p.at(i, j).mul0(1.0 / (w[j] - w[i])) });
    let dv = v.times(&turn);
    for (at, out) in out.iter_mut().enumerate() {
        let (row, j) = (at / n, at % n);
        let eps = if row == 0 { p.at(j, j) } else { dv.at(row - 1, j) };
        *out = Dual { re: y[at], eps: [eps] };
    }
}

/// With P = Uᵀ·dA·V and F = 1 / (s_j² - s_i²) off the diagonal: ds = diag(P),
/// dU = U·(F∘(P·S + S·Pᵀ)) + (dA·V - U·P)·S⁻¹, dV = V·(F∘(S·P + Pᵀ·S)) + (dAᵀ·U - V·Pᵀ)·S⁻¹.
fn tangent_of_svd(level: Level, a: &[Dual], m: usize, n: usize, out: &mut [Dual]) {
    let k = m.min(n);
    let re: Vec<f64> = a.iter().map(|a| a.re).collect();
    let mut y = vec![0.0; (m + 1 + n) * k];
    svd(level, &re, m, n, &mut y);
    let u = Dense::new(m, k, |i, j| y[i * k + j]);
    let s = &y[m * k..(m + 1) * k];
    let v = Dense::new(n, k, |i, j| y[(m + 1 + i) * k + j]);
    let da = Dense::new(m, n, |i, j| a[i * n + j].eps[0]);
    let p = u.t().times(&da).times(&v);
    // F∘(P·S + S·Pᵀ), with 1 / (s_j - s_i) and 1 / (s_j + s_i) apart, so that the first meets
    // nothing but what it is for.
    let turn = |p: &Dense| {
        Dense::new(k, k, |i, j| {
            let (even, odd) = (0.5 * (p.at(i, j) + p.at(j, i)), 0.5 * (p.at(i, j) - p.at(j, i)));
            let turned = || even.mul0(1.0 / (s[j] - s[i])) + odd.mul0(1.0 / (s[j] + s[i]));
            if i == j { 0.0 } else { turned() }
        })
    };
    // What leaves the space that the columns span; nothing where they span all.
    let leave = |x: Dense, basis: &Dense, p: &Dense| {
        let outside = x.minus(&basis.times(p));
        let square = basis.rows == basis.cols;
        Dense::new(basis.rows, k, |i, j| if square { 0.0 } else { outside.at(i, j).mul0(1.0 / s[j]) })
    };
    let du = u.times(&turn(&p)).plus(&leave(da.times(&v), &u, &p));
    let dv = v.times(&turn(&p.t())).plus(&leave(da.t().times(&u), &v, &p.t()));
    for (at, out) in out.iter_mut().enumerate() {
        let (row, j) = (at / k, at % k);
        let eps = match row {
            _ if row < m => du.at(row, j),
            _ if row == m => p.at(j, j),
            _ => dv.at(row - m - 1, j),
        };
        *out = Dual { re: y[at], eps: [eps] };
    }
}
