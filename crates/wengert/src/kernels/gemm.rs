//! Matrix products C = A·B and C += A·B, any strides: the only caller of a library for them.
//!
//! gemm picks AVX-512, AVX2 or portable code itself, packs what it must, so that no transpose is
//! ever copied by us, and adds into C. What is done here is to cut large products over the thread
//! pool. Thin ones have [loops of their own](thin).
//!
//! An element's products are added in an order that depends on k alone, whatever part it falls
//! into: so its bits do not depend on the number of threads. The library has other orders for
//! results of at most 64x64; hence the least length of a part.

use super::simd::Level;
use super::{Lane, Matrix, parallel, thin};
use gemm_common::Parallelism;
use std::ops::Range;

/// Multiply-adds that are worth a thread of their own: some microseconds.
const GRAIN: usize = 1 << 19;

/// Parts are multiples of this many rows or columns, as the library's tiles are, ...
const TILE: usize = 48;

/// ... and of no fewer tiles than this.
const LEAST: usize = 2;

/// The library's entry for one type.
pub(crate) trait Gemm: Sized {
    /// C = A·B + beta·C.
    ///
    /// # Safety
    /// Every index of the three matrices is inside its buffer; C's rows do not overlap.
    unsafe fn product(a: Matrix<Self>, b: Matrix<Self>, accumulate: bool, c: *mut Self, row_stride: usize);
}

macro_rules! gemm {
    ($t:ident, $gemm:path) => {
        impl Gemm for $t {
            #[inline]
            unsafe fn product(a: Matrix<$t>, b: Matrix<$t>, accumulate: bool, c: *mut $t, row_stride: usize) {
                // It likes results whose columns lie together (3 times faster): so Cᵀ = Bᵀ·Aᵀ.
                let (n, k, m) = (b.cols, a.cols, a.rows);
                let c = (c, row_stride as isize, 1);
                let left = (b.data.as_ptr(), b.row_stride as isize, b.col_stride as isize);
                let right = (a.data.as_ptr(), a.row_stride as isize, a.col_stride as isize);
                let (factor_of_c, factor, conj) = (1.0, 1.0, false);
                let threads = Parallelism::None;
                // SAFETY: the caller's promise.
                unsafe {
                    $gemm()(
                        n,
                        m,
                        k,
                        c.0,
                        c.1,
                        c.2,
                        accumulate,
                        left.0,
                        left.1,
                        left.2,
                        right.0,
                        right.1,
                        right.2,
                        factor_of_c,
                        factor,
                        conj,
                        conj,
                        conj,
                        threads,
                    )
                }
            }
        }
    };
}

gemm!(f32, gemm_f32::gemm::f32::get_gemm_fn);
gemm!(f64, gemm_f64::gemm::f64::get_gemm_fn);

impl<'a, T> Matrix<'a, T> {
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

/// `c = a·b`, or `c += a·b`.
pub(crate) fn gemm<T: Lane>(level: Level, a: Matrix<T>, b: Matrix<T>, accumulate: bool, c: &mut [T]) {
    assert_eq!(c.len(), a.rows * b.cols, "gemm: the result has another size");
    let row = b.cols;
    gemm_rows(level, a, b, accumulate, c, row);
}

/// [`gemm`] into rows that begin `c_row` elements apart, from the first of `c` on.
pub(crate) fn gemm_rows<T: Lane>(
    level: Level,
    a: Matrix<T>,
    b: Matrix<T>,
    accumulate: bool,
    c: &mut [T],
    c_row: usize,
) {
    in_parts(level, rayon::current_num_threads(), [a, b], accumulate, c, c_row);
}

/// [`gemm_rows`] on the calling thread: for one of several products that run at the same time.
pub(crate) fn gemm_rows_alone<T: Lane>(
    level: Level,
    a: Matrix<T>,
    b: Matrix<T>,
    accumulate: bool,
    c: &mut [T],
    c_row: usize,
) {
    in_parts(level, 1, [a, b], accumulate, c, c_row);
}

fn in_parts<T: Lane>(
    level: Level,
    threads: usize,
    [a, b]: [Matrix<T>; 2],
    accumulate: bool,
    c: &mut [T],
    c_row: usize,
) {
    assert_eq!(a.cols, b.rows, "gemm: inner dimensions differ");
    assert!(a.fits() && b.fits(), "gemm: a matrix reaches beyond its data");
    if a.rows == 0 || b.cols == 0 {
        return;
    }
    let result = Matrix { data: &*c, rows: a.rows, cols: b.cols, row_stride: c_row, col_stride: 1 };
    assert!(c_row >= b.cols && result.fits(), "gemm: the result reaches beyond its data");
    if a.cols == 0 {
        if !accumulate {
            c.chunks_mut(c_row).take(a.rows).for_each(|c| c[..b.cols].fill(T::ZERO));
        }
        return;
    }
    if b.cols == 1 && c_row == 1 {
        // A column is a row of the transposed product.
        if thin::is_thin(&b.t(), &a.t()) {
            return thin::product(level, b.t(), a.t(), accumulate, c, a.rows);
        }
    } else if thin::is_thin(&a, &b) {
        return thin::product(level, a, b, accumulate, c, c_row);
    }
    let product = Product { a, b, accumulate, c: c.as_mut_ptr(), c_row };
    let work = a.rows * a.cols * b.cols / GRAIN;
    // SAFETY: the matrices fit, and C has room for its rows and is borrowed for this call.
    unsafe { product.cut(if work < 2 { 1 } else { work.min(threads) }) }
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
        let units = if rows { m } else { n } / TILE;
        if parts == 1 || units < 2 * LEAST {
            let Product { a, b, accumulate, c, c_row } = self;
            // SAFETY: the caller's promise.
            return unsafe { T::product(a, b, accumulate, c, c_row) };
        }
        let first = (units * (parts / 2) / parts).max(LEAST) * TILE;
        let (left, right) = if rows {
            let (a, c) = (self.a.cut_rows(first..m), self.c.wrapping_add(first * self.c_row));
            (Product { a: self.a.cut_rows(0..first), ..self }, Product { a, c, ..self })
        } else {
            let (b, c) = (self.b.cut_cols(first..n), self.c.wrapping_add(first));
            (Product { b: self.b.cut_cols(0..first), ..self }, Product { b, c, ..self })
        };
        // SAFETY: the halves are parts of this product, and no element of C is in both.
        parallel::join(
            move || unsafe { left.cut(parts / 2) },
            move || unsafe { right.cut(parts - parts / 2) },
        );
    }
}
