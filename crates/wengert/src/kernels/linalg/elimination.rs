//! Gaussian elimination: A = P·L·U with row exchanges, and A = L·Lᵀ.
//!
//! Written over [`Number`], so that dual numbers go through the same steps and bring their
//! derivative along, without any rule. Inner loops run along rows of a row-major matrix. Costs
//! 2n³/3 and n³/3 operations; a system 2n² a right side. (Golub, Van Loan: Matrix Computations,
//! sections 3.4 and 4.2.)

use crate::element::Element;
use crate::kernels::simd::{Kernel, Level};
use crate::real::Real;

/// What is eliminated over: `f64`, and dual numbers.
pub(in crate::kernels) trait Number: Real + Element {
    /// `y -= f·x`.
    fn subtract(level: Level, f: Self, x: &[Self], y: &mut [Self]);
}

/// y - f·x, the inner loop of all elimination.
struct Subtract<'a> {
    f: f64,
    x: &'a [f64],
    y: &'a mut [f64],
}

impl Kernel for Subtract<'_> {
    #[inline(always)]
    fn run(self) {
        let Subtract { f, x, y } = self;
        let x = &x[..y.len()];
        for i in 0..y.len() {
            y[i] -= f * x[i];
        }
    }
}

impl Number for f64 {
    #[inline]
    fn subtract(level: Level, f: f64, x: &[f64], y: &mut [f64]) {
        level.run(Subtract { f, x, y });
    }
}

/// A square matrix as P·L·U.
pub(in crate::kernels) struct Lu<N> {
    level: Level,
    n: usize,
    /// U with its diagonal, and below it L, whose diagonal is 1.
    lu: Vec<N>,
    /// Row i of L·U is row `rows[i]` of the matrix.
    rows: Vec<usize>,
    /// Whether rows were exchanged an odd number of times.
    odd: bool,
    /// The first pivot that is 0: that column depends on those before it.
    pub singular: Option<usize>,
}

impl<N: Number> Lu<N> {
    pub(in crate::kernels) fn new(level: Level, a: &[N], n: usize) -> Lu<N> {
        let mut this = Lu { level, n, lu: a.to_vec(), rows: (0..n).collect(), odd: false, singular: None };
        for j in 0..n {
            this.exchange(j);
            let (above, below) = this.lu.split_at_mut((j + 1) * n);
            let pivot_row = &above[j * n..];
            let pivot = pivot_row[j];
            if pivot.to_f64() == 0.0 {
                // So is all below it.
                this.singular.get_or_insert(j);
                continue;
            }
            for row in below.chunks_exact_mut(n) {
                row[j] = row[j] / pivot;
                let f = row[j];
                N::subtract(level, f, &pivot_row[j + 1..], &mut row[j + 1..]);
            }
        }
        this
    }

    /// Brings the first of the largest of column j, from the diagonal on, to the diagonal. A NaN
    /// counts as the largest, so that it spreads.
    fn exchange(&mut self, j: usize) {
        let n = self.n;
        let size = |i: usize| self.lu[i * n + j].to_f64().abs();
        let best = (j..n).rev().max_by(|&a, &b| size(a).total_cmp(&size(b))).expect("j is a column");
        if best != j {
            let (above, below) = self.lu.split_at_mut(best * n);
            above[j * n..(j + 1) * n].swap_with_slice(&mut below[..n]);
            self.rows.swap(j, best);
            self.odd ^= true;
        }
    }

    pub(in crate::kernels) fn pivots(&self) -> impl Iterator<Item = N> {
        self.lu.iter().step_by(self.n + 1).copied()
    }

    /// The product of the pivots.
    pub(in crate::kernels) fn det(&self) -> N {
        let one = N::from_f64(if self.odd { -1.0 } else { 1.0 });
        self.pivots().fold(one, |product, pivot| product * pivot)
    }

    /// ln(det), which cannot overflow; NaN if det is negative.
    pub(in crate::kernels) fn log_det(&self) -> N {
        let negative = self.pivots().filter(|pivot| pivot.to_f64() < 0.0).count() % 2 == 1;
        let sum = self.pivots().fold(N::from_f64(0.0), |sum, pivot| sum + pivot.abs().ln());
        let undefined = negative != self.odd && self.singular.is_none();
        if undefined { sum + N::from_f64(f64::NAN) } else { sum }
    }

    /// x with A·x = b, both `[n, k]`; NaN if A is singular.
    pub(in crate::kernels) fn solve(&self, b: &[N], k: usize, x: &mut [N]) {
        let n = self.n;
        if self.singular.is_some() {
            return x.fill(N::from_f64(f64::NAN));
        }
        for (i, &from) in self.rows.iter().enumerate() {
            x[i * k..(i + 1) * k].copy_from_slice(&b[from * k..(from + 1) * k]);
        }
        for i in 1..n {
            let (done, rest) = x.split_at_mut(i * k);
            for j in 0..i {
                N::subtract(self.level, self.lu[i * n + j], &done[j * k..(j + 1) * k], &mut rest[..k]);
            }
        }
        for i in (0..n).rev() {
            let (rest, done) = x.split_at_mut((i + 1) * k);
            let row = &mut rest[i * k..];
            for j in i + 1..n {
                let x_j = &done[(j - i - 1) * k..(j - i) * k];
                N::subtract(self.level, self.lu[i * n + j], x_j, row);
            }
            row.iter_mut().for_each(|x| *x = *x / self.lu[i * n + i]);
        }
    }

    pub(in crate::kernels) fn inverse(&self, out: &mut [N]) {
        self.solve(&identity(self.n), self.n, out);
    }
}

/// L with L·Lᵀ = (A + Aᵀ)/2, and zeros above its diagonal.
///
/// # Errors
/// The first pivot that is not positive, and its value: the matrix is not positive definite.
pub(in crate::kernels) fn cholesky<N: Number>(
    level: Level,
    a: &[N],
    n: usize,
    out: &mut [N],
) -> Result<(), (usize, f64)> {
    // Lᵀ is made instead, whose rows lie together.
    let mut upper = a.to_vec();
    for i in 0..n {
        for j in i..n {
            upper[i * n + j] = a[i * n + j].times(0.5) + a[j * n + i].times(0.5);
        }
    }
    for j in 0..n {
        let (done, rest) = upper.split_at_mut((j + 1) * n);
        let row = &mut done[j * n..];
        let pivot = row[j].to_f64();
        // Not `pivot <= 0`: NaN is not positive either.
        if !matches!(pivot.partial_cmp(&0.0), Some(std::cmp::Ordering::Greater)) {
            return Err((j, pivot));
        }
        let root = row[j].sqrt();
        row[j] = root;
        row[j + 1..].iter_mut().for_each(|x| *x = *x / root);
        for (i, below) in (j + 1..n).zip(rest.chunks_exact_mut(n)) {
            N::subtract(level, row[i], &row[i..], &mut below[i..]);
        }
    }
    out.fill(N::from_f64(0.0));
    for i in 0..n {
        for j in 0..=i {
            out[i * n + j] = upper[j * n + i];
        }
    }
    Ok(())
}

pub(super) fn identity<N: Element>(n: usize) -> Vec<N> {
    (0..n * n).map(|at| N::from_f64(if at / n == at % n { 1.0 } else { 0.0 })).collect()
}
