//! Diagonals and triangles of matrices, over the last two axes.
//!
//! A diagonal is a slice of the flattened matrix, whose step is one more than a row's length. A
//! triangle is a band, an operation of its own: a mask that is multiplied would let the product of
//! 0 and an infinity through, forwards or backwards.

use super::View;
use crate::element::Float;
use crate::error::ShapeError;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::var::Var;
use smallvec::SmallVec;

/// Rows and columns of the matrices that the last two axes are.
pub(crate) fn matrices(op: &'static str, shape: &Shape) -> Result<[usize; 2], ShapeError> {
    match shape[..] {
        [.., rows, columns] => Ok([rows, columns]),
        _ => Err(ShapeError::Expected {
            op,
            expected: "at least two axes".into(),
            given: format!("shape {shape}"),
        }),
    }
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn diagonal_of(self, op: &'static str, offset: isize) -> Var<'t, T> {
        let shape = self.shape();
        let [rows, columns] = GradientTape::<T>::fit(matrices(op, &shape));
        let skipped = offset.unsigned_abs();
        let [down, right] = if offset < 0 { [skipped, 0] } else { [0, skipped] };
        let count = rows.saturating_sub(down).min(columns.saturating_sub(right));
        let mut flat: SmallVec<[usize; 6]> = SmallVec::from_slice(&shape[..shape.len() - 2]);
        let mut list: SmallVec<[usize; 18]> = flat.iter().flat_map(|&n| [0, n, 1]).collect();
        flat.push(rows * columns);
        match count {
            0 => list.extend([0, 0, 1]),
            _ => list.extend([down * columns + right, count, columns + 1]),
        }
        self.reshape(&flat).record_view(View::Slice, &list)
    }

    #[track_caller]
    fn band(self, op: &'static str, lowest: isize, highest: isize) -> Var<'t, T> {
        GradientTape::<T>::fit(matrices(op, &self.shape()));
        self.record_view(View::Band, &[lowest as usize, highest as usize])
    }

    /// The elements (i, i + `offset`) of the last two axes; negative offsets are below the main
    /// diagonal, and one that the matrix does not have is empty.
    ///
    /// # Panics
    /// There are fewer than two axes.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.diagonal(0).value(), tensor![1.0, 5.0]);
    /// assert_eq!(x.diagonal(1).value(), tensor![2.0, 6.0]);
    /// assert_eq!(x.diagonal(-1).value(), tensor![4.0]);
    /// ```
    #[track_caller]
    pub fn diagonal(self, offset: isize) -> Var<'t, T> {
        self.diagonal_of("diagonal", offset)
    }

    /// Of a vector, the square matrix with it as the main diagonal; of a matrix, its main diagonal.
    ///
    /// # Panics
    /// It is neither a vector nor a matrix.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// assert_eq!(x.diag().value(), tensor![[1.0, 0.0], [0.0, 2.0]]);
    /// assert_eq!(x.diag().diag().value(), x.value());
    /// ```
    #[track_caller]
    pub fn diag(self) -> Var<'t, T> {
        let shape = self.shape();
        match shape[..] {
            [n] => {
                let zeros = [0, n, n + 1, n.saturating_mul(n)];
                self.record_view(View::Unslice, &zeros).reshape(&[n, n])
            }
            [_, _] => self.diagonal_of("diag", 0),
            _ => panic!("diag: expected a vector or a matrix, got shape {shape}"),
        }
    }

    /// The sum of the main diagonal of the last two axes.
    ///
    /// # Panics
    /// There are fewer than two axes.
    #[track_caller]
    pub fn trace(self) -> Var<'t, T> {
        self.diagonal_of("trace", 0).sum_axes(&[-1], false)
    }

    /// The lower triangle of the last two axes: the diagonals up to `k`, and zeros above. 0 is the
    /// main diagonal, a positive `k` keeps some above it. Gradients of the zeros are 0.
    ///
    /// # Panics
    /// There are fewer than two axes.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, f64::INFINITY], [3.0, 4.0]]);
    /// assert_eq!(x.tril(0).value(), tensor![[1.0, 0.0], [3.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn tril(self, k: isize) -> Var<'t, T> {
        self.band("tril", isize::MIN, k)
    }

    /// The upper triangle of the last two axes: the diagonals from `k` on, and zeros below. See
    /// [`tril`](Var::tril).
    ///
    /// # Panics
    /// There are fewer than two axes.
    #[track_caller]
    pub fn triu(self, k: isize) -> Var<'t, T> {
        self.band("triu", k, isize::MAX)
    }
}
