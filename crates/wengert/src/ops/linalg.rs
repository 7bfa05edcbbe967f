//! Linear algebra of the last two axes: inverse, solve, determinants, Cholesky factor, eigenvalues,
//! singular values.
//!
//! A node has one value, so what has two or three results is one tensor with the parts below each
//! other, which slices take apart. The rules are in `rules`.

mod rules;

use super::matmul::{batch_of, broadcast_index};
use super::{Op, View};
use crate::element::Float;
use crate::error::{MatrixError, ShapeError};
use crate::kernels::linalg::failed_pivot;
use crate::kernels::{Kernels, Systems};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;
use crate::var::Var;
use smallvec::SmallVec;

/// A function of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Linalg {
    /// A⁻¹
    Inverse,
    /// x with A·x = b, batches broadcast.
    Solve,
    /// The determinant.
    Det,
    /// ln(det); NaN where det < 0.
    LogDet,
    /// Lower triangular L with L·Lᵀ = (A + Aᵀ)/2.
    Cholesky,
    /// Of (A + Aᵀ)/2 `[n, n]`: eigenvalues in the first row of `[n + 1, n]`, eigenvectors in the
    /// columns below.
    Eigh,
    /// Of `[m, n]`, with k = min(m, n): U, singular values and V below each other, `[m + 1 + n, k]`.
    Svd,
}

impl Linalg {
    /// Every operation of this family.
    pub const ALL: &[Linalg] = &[
        Linalg::Inverse,
        Linalg::Solve,
        Linalg::Det,
        Linalg::LogDet,
        Linalg::Cholesky,
        Linalg::Eigh,
        Linalg::Svd,
    ];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Linalg::Inverse => "inverse",
            Linalg::Solve => "solve",
            Linalg::Det => "det",
            Linalg::LogDet => "log_det",
            Linalg::Cholesky => "cholesky",
            Linalg::Eigh => "eigh",
            Linalg::Svd => "svd",
        }
    }

    pub(crate) fn shape(self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let a = inputs[0];
        let expected = |what: &str, given: String| ShapeError::Expected {
            op: self.name(),
            expected: what.into(),
            given,
        };
        let (batch, m, n) = match &a[..] {
            [batch @ .., m, n] if m == n || self == Linalg::Svd => (batch, *m, *n),
            _ if self == Linalg::Svd => return Err(expected("a matrix [.., m, n]", a.to_string())),
            _ => return Err(expected("a square matrix [.., n, n]", a.to_string())),
        };
        let of = |last: &[usize]| Shape::new(&[batch, last].concat());
        match self {
            Linalg::Inverse | Linalg::Cholesky => Ok(a.clone()),
            Linalg::Det | Linalg::LogDet => of(&[]),
            Linalg::Eigh => of(&[n + 1, n]),
            Linalg::Svd => of(&[(m + 1).saturating_add(n), m.min(n)]),
            Linalg::Solve => {
                let b = inputs[1];
                let columns = columns(a, b);
                let [.., rows, k] = columns[..] else {
                    return Err(expected("right sides [.., n, k] or [.., n]", b.to_string()));
                };
                if rows != n {
                    let what = format!("right sides [.., {n}, k] or [.., {n}] for a matrix {a}");
                    return Err(expected(&what, b.to_string()));
                }
                let batch = Shape::broadcast("solve", &batch_of(a), &batch_of(&columns))?;
                let last = if columns == *b { &[n, k][..] } else { &[n] };
                Shape::new(&[&batch, last].concat())
            }
        }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        inputs: &[&Tensor<T>],
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let a = inputs[0];
        if let &[_, b] = inputs {
            return solve(a, b, shape, pool);
        }
        let [.., rows, cols] = a.shape()[..] else { unreachable!("a matrix") };
        pool.build(shape, |out| T::linalg(self, a.as_slice(), rows, cols, out))
    }

    /// What ȳ contributes to input `wrt`.
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(self, wrt: usize, inputs: &[V], y: &V, y_bar: V) -> V {
        let a = &inputs[0];
        match self {
            Linalg::Inverse => rules::inverse(y, &y_bar),
            Linalg::Solve => rules::solve(wrt, a, &inputs[1], y, &y_bar),
            Linalg::Det => rules::det(a, y, &y_bar),
            Linalg::LogDet => rules::log_det(a, &y_bar),
            Linalg::Cholesky => rules::cholesky(y, &y_bar),
            Linalg::Eigh => rules::eigh(y, &y_bar),
            Linalg::Svd => rules::svd(&a.shape(), y, &y_bar),
        }
    }

    /// An error where a matrix of finite elements has no result.
    fn check<T: Float>(self, a: &Tensor<T>, y: &Tensor<T>) -> Result<(), MatrixError> {
        if !y.as_slice().iter().any(|y| y.is_nan()) {
            return Ok(());
        }
        let n = a.shape()[a.ndim() - 1];
        for (i, a) in a.as_slice().chunks_exact(n * n).enumerate() {
            if a.iter().all(|a| a.is_finite())
                && let Some((pivot, value)) = failed_pivot(self, a, n)
            {
                let (op, matrix) = (self.name(), i);
                return Err(match self {
                    Linalg::Cholesky => MatrixError::NotPositiveDefinite { op, matrix, pivot, value },
                    _ => MatrixError::Singular { op, matrix, pivot },
                });
            }
        }
        Ok(())
    }
}

/// Right sides as they are solved for: a vector, or one for each matrix of a batch, is a column.
fn columns(a: &Shape, b: &Shape) -> Shape {
    let vector = b.len() == 1 || b[..] == a[..a.len() - 1];
    b.iter().copied().chain(vector.then_some(1)).collect()
}

fn solve<T: Kernels>(a: &Tensor<T>, b: &Tensor<T>, shape: Shape, pool: &mut Pool<T>) -> Tensor<T> {
    let columns = columns(a.shape(), b.shape());
    let [.., n, k] = columns[..] else { unreachable!("right sides have two axes") };
    let (batch_a, batch_b) = (batch_of(a.shape()), batch_of(&columns));
    let batch = Shape::broadcast("solve", &batch_a, &batch_b).expect("shape() has passed");
    let pair = |i| (broadcast_index(i, &batch, &batch_a), broadcast_index(i, &batch, &batch_b));
    let pairs: SmallVec<[(usize, usize); 8]> = (0..batch.elements()).map(pair).collect();
    let (a, b) = (a.as_slice(), b.as_slice());
    pool.build(shape, |out| T::solve(Systems { a, b, n, k, pairs: &pairs }, out))
}

impl<'t, T: Float> Var<'t, T> {
    /// A⁻¹ of each matrix, `[.., n, n]`.
    ///
    /// To solve a system, [`solve`](Var::solve) is faster and loses fewer digits.
    ///
    /// # Panics
    /// The last two axes differ, or a matrix is singular: a pivot is exactly 0.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[2.0, 0.0], [1.0, 4.0]]);
    /// assert_eq!(a.inverse().value(), tensor![[0.5, 0.0], [-0.125, 0.25]]);
    /// ```
    #[track_caller]
    pub fn inverse(self) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_inverse())
    }

    /// [`inverse`](Var::inverse) with an error instead of a panic: matrices often come from outside.
    ///
    /// # Errors
    /// The last two axes differ, or a matrix is singular: a pivot is exactly 0.
    ///
    /// ```
    /// use wengert::{GradientTape, MatrixError, tensor};
    /// let tape = GradientTape::new();
    /// let error = tape.var(tensor![[1.0, 2.0], [2.0, 4.0]]).try_inverse().unwrap_err();
    /// assert_eq!(error, MatrixError::Singular { op: "inverse", matrix: 0, pivot: 1 });
    /// ```
    #[track_caller]
    pub fn try_inverse(self) -> Result<Var<'t, T>, MatrixError> {
        self.record_checked(Linalg::Inverse, &[self])
    }

    /// x with A·x = b, for A `[.., n, n]` and right sides b `[.., n, k]`, as columns; x has their
    /// shape, and leading axes broadcast. A vector `[n]`, or one for each matrix (b's shape is A's
    /// without its last axis), counts as one column.
    ///
    /// # Panics
    /// Shapes that do not fit, or a matrix is singular: a pivot is exactly 0.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[2.0, 0.0], [1.0, 4.0]]);
    /// let b = tape.var(tensor![2.0, 9.0]);
    /// let x = a.solve(b);
    /// assert_eq!(x.value(), tensor![1.0, 2.0]);
    /// assert_eq!(x.sum().backward().wrt(b), &tensor![0.375, 0.25]);
    /// ```
    #[track_caller]
    pub fn solve(self, b: Var<'t, T>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_solve(b))
    }

    /// [`solve`](Var::solve) with an error instead of a panic.
    ///
    /// # Errors
    /// Shapes that do not fit, or a matrix is singular: a pivot is exactly 0.
    #[track_caller]
    pub fn try_solve(self, b: Var<'t, T>) -> Result<Var<'t, T>, MatrixError> {
        self.record_checked(Linalg::Solve, &[self, b])
    }

    /// The determinant of each matrix, `[.., n, n]` to `[..]`; 1 of no elements.
    ///
    /// Its gradient, the matrix of cofactors, is right for singular matrices too, to any order.
    ///
    /// # Panics
    /// The last two axes differ.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// let det = a.det();
    /// assert!((det.item() + 2.0f64).abs() < 1e-15);
    /// let singular = tape.var(tensor![[0.0, 0.0], [0.0, 3.0]]);
    /// let cofactors = singular.det().backward();
    /// assert_eq!(cofactors.wrt(singular), &tensor![[3.0, 0.0], [0.0, 0.0]]);
    /// ```
    #[track_caller]
    pub fn det(self) -> Var<'t, T> {
        self.tape().record(Op::Linalg(Linalg::Det), &[self])
    }

    /// ln(det) of each matrix, `[.., n, n]` to `[..]`, where the determinant itself may overflow: -∞
    /// for a singular matrix, whose gradient is NaN, and NaN for a negative determinant.
    ///
    /// # Panics
    /// The last two axes differ.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::new();
    /// let y = tape.var(Tensor::<f64>::eye(400)) * 0.1;
    /// assert_eq!(y.det().item(), 0.0, "10^-400 is no f64");
    /// assert!((y.log_det().item() - 400.0 * 0.1f64.ln()).abs() < 1e-10);
    /// ```
    #[track_caller]
    pub fn log_det(self) -> Var<'t, T> {
        self.tape().record(Op::Linalg(Linalg::LogDet), &[self])
    }

    /// Lower triangular L with L·Lᵀ = (A + Aᵀ)/2 for each matrix, `[.., n, n]`: its gradient is
    /// symmetric. (I. Murray: Differentiation of the Cholesky decomposition, 2016.)
    ///
    /// # Panics
    /// The last two axes differ, or a matrix is not positive definite: a pivot is not above 0.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let l = tape.var(tensor![[4.0, 2.0], [2.0, 10.0]]).cholesky();
    /// assert_eq!(l.value(), tensor![[2.0, 0.0], [1.0, 3.0]]);
    /// ```
    #[track_caller]
    pub fn cholesky(self) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_cholesky())
    }

    /// [`cholesky`](Var::cholesky) with an error instead of a panic.
    ///
    /// # Errors
    /// The last two axes differ, or a matrix is not positive definite: a pivot is not above 0.
    #[track_caller]
    pub fn try_cholesky(self) -> Result<Var<'t, T>, MatrixError> {
        self.record_checked(Linalg::Cholesky, &[self])
    }

    /// Eigenvalues `[.., n]`, ascending, and eigenvectors `[.., n, n]`, as columns, of (A + Aᵀ)/2 for
    /// each matrix, `[.., n, n]`. Of a vector's elements the largest in size (the first of several)
    /// is positive. A matrix with an element that is not finite gives NaN.
    ///
    /// Where eigenvalues are equal (up to rounding), their vectors are any basis of a space and have no
    /// derivative. What uses the values alone has its gradient all the same; where an adjoint that is
    /// not 0 reaches these vectors, the gradient is not finite. One case escapes: V·diag(f(w))·Vᵀ at
    /// equal w with f(w) = 0 gives an adjoint of 0 to vectors that it does use, and that part of its
    /// gradient is missing.
    ///
    /// # Panics
    /// The last two axes differ.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[2.0, 0.0], [0.0, 1.0]]);
    /// let (values, vectors) = a.eigh();
    /// assert_eq!(values.value(), tensor![1.0, 2.0]);
    /// assert_eq!(vectors.value(), tensor![[0.0, 1.0], [1.0, 0.0]]);
    /// // The gradient of an eigenvalue is the square of its vector.
    /// let grads = values.slice(&[(1..).into()]).sum().backward();
    /// assert_eq!(grads.wrt(a), &tensor![[1.0, 0.0], [0.0, 0.0]]);
    /// ```
    #[track_caller]
    pub fn eigh(self) -> (Var<'t, T>, Var<'t, T>) {
        let packed = self.tape().record(Op::Linalg(Linalg::Eigh), &[self]);
        let shape = self.shape();
        let n = shape[shape.len() - 1];
        let values = packed.rows(0, 1).reshape(&shape[..shape.len() - 1]);
        (values, packed.rows(1, n))
    }

    /// The thin singular value decomposition A = U·diag(s)·Vᵀ of each matrix `[.., m, n]`, with
    /// k = min(m, n): U `[.., m, k]`, s `[.., k]`, descending, and Vᵀ `[.., k, n]`. Of the elements
    /// of a column of U the largest in size (the first of several) is positive. A matrix with an
    /// element that is not finite gives NaN.
    ///
    /// Where singular values are equal (up to rounding), or 0, their vectors are any basis of a space
    /// and have no derivative: see [`eigh`](Var::eigh), where the same is said of eigenvalues. (Of a
    /// square matrix a single 0 is no obstacle.)
    ///
    /// # Panics
    /// There are fewer than two axes.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]);
    /// let (u, s, vt) = a.svd();
    /// assert_eq!(u.value(), tensor![[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    /// assert_eq!(s.value(), tensor![2.0, 1.0]);
    /// assert_eq!(vt.value(), tensor![[0.0, 1.0], [1.0, 0.0]]);
    /// // The nuclear norm's gradient is U·Vᵀ.
    /// assert_eq!(s.sum().backward().wrt(a), &u.matmul(vt).value());
    /// ```
    #[track_caller]
    pub fn svd(self) -> (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
        let packed = self.tape().record(Op::Linalg(Linalg::Svd), &[self]);
        let shape = self.shape();
        let [batch @ .., m, n] = &shape[..] else { unreachable!("shape() has passed") };
        let values = Shape::new(&[batch, &[*m.min(n)]].concat());
        let values = packed.rows(*m, 1).reshape(&GradientTape::<T>::fit(values));
        (packed.rows(0, *m), values, packed.rows(m + 1, *n).transpose(-2, -1))
    }

    /// `count` rows of the last two axes.
    #[track_caller]
    fn rows(self, first: usize, count: usize) -> Var<'t, T> {
        self.record_view(View::Slice, &rules::rows_of(&self.shape(), first, count))
    }

    /// Records what has a result for some matrices only.
    #[track_caller]
    fn record_checked(self, op: Linalg, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, MatrixError> {
        let a = inputs[0].value();
        self.tape().try_record_if(Op::Linalg(op), inputs, |y| op.check(&a, y))
    }
}

impl<T: Float> Tensor<T> {
    /// [`Var::eigh`] as a plain computation.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn eigh(&self) -> (Tensor<T>, Tensor<T>) {
        let tape = GradientTape::new();
        let (values, vectors) = tape.constant(self).eigh();
        (values.value(), vectors.value())
    }

    /// [`Var::svd`] as a plain computation.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn svd(&self) -> (Tensor<T>, Tensor<T>, Tensor<T>) {
        let tape = GradientTape::new();
        let (u, s, vt) = tape.constant(self).svd();
        (u.value(), s.value(), vt.value())
    }
}
