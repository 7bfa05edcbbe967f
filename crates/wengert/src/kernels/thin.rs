//! Products with few rows: matrix-vector products, a step of a recurrent cell.
//!
//! Packing costs as much as multiplying here, so B is read where it lies: row by row, added up with
//! factors from A, or column by column, one dot product each. On one core with AVX-512, 1x784x512:
//! 20 µs (f32) where a packing library takes 130; 1x16x32: 0.1 against 0.3.

use super::fold::{self, Products, Sum};
use super::parallel;
use super::simd::{Kernel, Level};
use super::{Lane, Matrix};

/// Rows up to which this pays.
const FEW: usize = 4;
/// Columns from this length on are multiplied vector by vector.
const LONG: usize = 64;

/// Whether [`product`] is the better way.
pub(crate) fn is_thin<T>(a: &Matrix<T>, b: &Matrix<T>) -> bool {
    let by_columns = b.row_stride == 1 && a.col_stride == 1 && (a.rows == 1 || b.rows >= LONG);
    a.rows <= FEW && (b.col_stride == 1 || by_columns)
}

/// `c = a·b`, or `c += a·b`, row by row.
pub(crate) fn product<T: Lane>(
    level: Level,
    a: Matrix<T>,
    b: Matrix<T>,
    accumulate: bool,
    c: &mut [T],
    c_row: usize,
) {
    for (i, c) in c.chunks_mut(c_row).enumerate().take(a.rows) {
        let row = a.cut_rows(i..i + 1);
        parallel::run(b.cols, b.rows, &mut c[..b.cols], |range, c| {
            level.run(Row { level, row, b: b.cut_cols(range), accumulate, c });
        });
    }
}

struct Row<'a, T> {
    level: Level,
    row: Matrix<'a, T>,
    b: Matrix<'a, T>,
    accumulate: bool,
    c: &'a mut [T],
}

impl<T: Lane> Kernel for Row<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Row { level, row, b, accumulate, c } = self;
        let k = b.rows;
        let factor = |i: usize| row.data[i * row.col_stride];
        if !accumulate {
            c.fill(T::ZERO);
        }
        if b.col_stride == 1 {
            let n = c.len();
            let b_row = |i: usize| &b.data[i * b.row_stride..][..n];
            let fours = k / 4 * 4;
            for i in (0..fours).step_by(4) {
                let (f, r) = ([0, 1, 2, 3].map(|j| factor(i + j)), [0, 1, 2, 3].map(|j| b_row(i + j)));
                for j in 0..n {
                    c[j] = (((c[j] + f[0] * r[0][j]) + f[1] * r[1][j]) + f[2] * r[2][j]) + f[3] * r[3][j];
                }
            }
            for i in fours..k {
                let (f, r) = (factor(i), b_row(i));
                for j in 0..n {
                    c[j] += f * r[j];
                }
            }
        } else if k >= LONG {
            for (j, c) in c.iter_mut().enumerate() {
                let column = &b.data[j * b.col_stride..][..k];
                *c += fold::row::<T, Sum, _>(level, Products(&row.data[..k], column));
            }
        } else {
            for (j, c) in c.iter_mut().enumerate() {
                let column = &b.data[j * b.col_stride..][..k];
                let mut sum = T::ZERO;
                for i in 0..k {
                    sum += factor(i) * column[i];
                }
                *c += sum;
            }
        }
    }
}
