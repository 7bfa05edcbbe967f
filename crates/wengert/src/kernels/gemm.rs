//! Matrix products C = A·B and C += A·B, any strides: the only caller of matrixmultiply.
//!
//! matrixmultiply picks AVX-512, AVX2 or portable code itself, packs both operands, so that no
//! transpose is ever copied by us, and adds into C (beta). What is done here is to cut large
//! products over the thread pool: its own threading scales worse. Tall products go in panels, whose
//! part of C stays in cache while k runs: 71 GFLOP/s instead of 63 for 43264x288x64 (f32, one core).
//! Thin ones have [loops of their own](thin).
//!
//! An element's products are added in an order that depends on k alone, whatever part it falls
//! into: so its bits do not depend on the number of threads.

use super::simd::Level;
use super::{Lane, Matrix, thin};
use std::ops::Range;

/// Multiply-adds that are worth a thread of their own: some microseconds.
const GRAIN: usize = 1 << 19;

/// Parts are multiples of this many rows or columns, as matrixmultiply's tiles are.
const TILE: usize = 32;

/// Rows that are multiplied in one call.
const PANEL: usize = 2048;

/// matrixmultiply's entry for one type.
pub(crate) trait Gemm: Sized {
    /// C = A·B + beta·C.
    ///
    /// # Safety
    /// Every index of the three matrices is inside its buffer; C's rows do not overlap.
    unsafe fn product(a: Matrix<Self>, b: Matrix<Self>, accumulate: bool, c: *mut Self, row_stride: usize);
}

macro_rules! gemm {
    ($t:ident, $gemm:ident) => {
        impl Gemm for $t {
            #[inline]
            unsafe fn product(a: Matrix<$t>, b: Matrix<$t>, accumulate: bool, c: *mut $t, row_stride: usize) {
                let beta = if accumulate { 1.0 } else { 0.0 };
                let ([ars, acs], [brs, bcs]) = (a.strides(), b.strides());
                let (a_data, b_data) = (a.data.as_ptr(), b.data.as_ptr());
                // SAFETY: the caller's promise.
                unsafe {
                    matrixmultiply::$gemm(
                        a.rows,
                        a.cols,
                        b.cols,
                        1.0,
                        a_data,
                        ars,
                        acs,
                        b_data,
                        brs,
                        bcs,
                        beta,
                        c,
                        row_stride as isize,
                        1,
                    )
                }
            }
        }
    };
}

gemm!(f32, sgemm);
gemm!(f64, dgemm);

impl<'a, T> Matrix<'a, T> {
    fn strides(&self) -> [isize; 2] {
        [self.row_stride as isize, self.col_stride as isize]
    }

    /// Whether every index is inside the data.
    fn fits(&self) -> bool {
        let last = |n: usize, stride: usize| (n as u128).saturating_sub(1) * stride as u128;
        let empty = self.rows == 0 || self.cols == 0;
        empty || last(self.rows, self.row_stride) + last(self.cols, self.col_stride) < self.data.len() as u128
    }

    pub(crate) fn cut_rows(self, rows: Range<usize>) -> Matrix<'a, T> {
        Matrix { data: &self.data[rows.start * self.row_stride..], rows: rows.len(), ..self }
    }

    pub(crate) fn cut_cols(self, cols: Range<usize>) -> Matrix<'a, T> {
        self.t().cut_rows(cols).t()
    }
}

pub(crate) fn gemm<T: Lane>(level: Level, a: Matrix<T>, b: Matrix<T>, accumulate: bool, c: &mut [T]) {
    assert_eq!(a.cols, b.rows, "gemm: inner dimensions differ");
    assert_eq!(c.len(), a.rows * b.cols, "gemm: the result has another size");
    assert!(a.fits() && b.fits(), "gemm: a matrix reaches beyond its data");
    if c.is_empty() {
        return;
    }
    if a.cols == 0 {
        if !accumulate {
            c.fill(T::ZERO);
        }
        return;
    }
    // A column is a row of the transposed product.
    let (a, b) = if b.cols == 1 { (b.t(), a.t()) } else { (a, b) };
    if thin::is_thin(&a, &b) {
        return thin::product(level, a, b, accumulate, c);
    }
    let product = Product { a, b, accumulate, c: c.as_mut_ptr(), c_row: b.cols };
    let work = a.rows * a.cols * b.cols / GRAIN;
    // SAFETY: the matrices fit, and C has room for its rows and is borrowed for this call.
    unsafe { product.cut(if work < 2 { 1 } else { work.min(rayon::current_num_threads()) }) }
}

/// C's part that is computed from some rows of A and some columns of B.
#[derive(Clone, Copy)]
struct Product<'a, T> {
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    accumulate: bool,
    c: *mut T,
    c_row: usize,
}

// SAFETY: the parts that threads get are disjoint, and each is used by one of them alone.
unsafe impl<T: Send + Sync> Send for Product<'_, T> {}

impl<T: Lane> Product<'_, T> {
    /// Computes the product in `parts` of about the same size.
    ///
    /// # Safety
    /// A and B fit, and C is this product's own.
    unsafe fn cut(self, parts: usize) {
        let (m, n) = (self.a.rows, self.b.cols);
        // Each part packs the operand that is not cut again: the smaller one.
        let rows = m > n;
        let units = if rows { m } else { n }.div_ceil(TILE);
        if parts == 1 || units == 1 {
            let Product { a, b, accumulate, c, c_row } = self;
            for start in (0..m).step_by(PANEL) {
                let rows = start..m.min(start + PANEL);
                // SAFETY: the caller's promise.
                unsafe { T::product(a.cut_rows(rows), b, accumulate, c.wrapping_add(start * c_row), c_row) }
            }
            return;
        }
        let first = (units * (parts / 2) / parts).max(1) * TILE;
        let (left, right) = if rows {
            let (a, c) = (self.a.cut_rows(first..m), self.c.wrapping_add(first * self.c_row));
            (Product { a: self.a.cut_rows(0..first), ..self }, Product { a, c, ..self })
        } else {
            let (b, c) = (self.b.cut_cols(first..n), self.c.wrapping_add(first));
            (Product { b: self.b.cut_cols(0..first), ..self }, Product { b, c, ..self })
        };
        // SAFETY: the halves are parts of this product, and no element of C is in both.
        rayon::join(move || unsafe { left.cut(parts / 2) }, move || unsafe { right.cut(parts - parts / 2) });
    }
}
