//! The rules of linear algebra, in recordable operations.
//!
//! Sources: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
//! differentiation, 2008; I. Murray, Differentiation of the Cholesky decomposition, 2016;
//! J. Townsend, Differentiating the singular value decomposition, 2016.

use super::{Linalg, columns};
use crate::element::{Element, Float};
use crate::kernels::linalg::{NullVectors, null_vectors};
use crate::ops::{Binary, Op, Product, Reduce, Unary, View};
use crate::shape::{Axes, Shape};
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;
use smallvec::SmallVec;

fn linalg<T: Float, V: TensorOps<T>>(op: Linalg, inputs: &[&V]) -> V {
    V::apply(Op::Linalg(op), inputs)
}

/// Aᵀ of each matrix.
fn transposed<T: Float, V: TensorOps<T>>(a: &V) -> V {
    let n = a.shape().len();
    let order: SmallVec<[usize; 6]> = (0..n - 2).chain([n - 1, n - 2]).collect();
    a.view(View::Permute, &order)
}

/// `[..]` as `[.., 1, 1]`.
fn as_matrices<T: Float, V: TensorOps<T>>(x: &V) -> V {
    x.reshape(&x.shape().iter().copied().chain([1, 1]).collect())
}

/// The list of a slice of `count` rows of the last two axes.
pub(super) fn rows_of(shape: &Shape, first: usize, count: usize) -> SmallVec<[usize; 18]> {
    slice_of(shape, shape.len() - 2, first, count)
}

/// The list of a slice of `count` places along an axis.
fn slice_of(shape: &Shape, axis: usize, first: usize, count: usize) -> SmallVec<[usize; 18]> {
    let span = |(i, &n): (usize, &usize)| if i == axis { [first, count, 1] } else { [0, n, 1] };
    shape.iter().enumerate().flat_map(span).collect()
}

/// `[n, n]` from its elements.
fn matrix<T: Float>(n: usize, at: impl Fn(usize, usize) -> f64) -> Tensor<T> {
    Tensor::from_fn(&[n, n], |index| T::from_f64(at(index[0], index[1])))
}

fn rounding<T: Float>() -> f64 {
    Element::to_f64(T::epsilon())
}

/// Y = A⁻¹: Ā = -Yᵀ·Ȳ·Yᵀ.
pub(super) fn inverse<T: Float, V: TensorOps<T>>(y: &V, y_bar: &V) -> V {
    let product = V::matmul(Product::NT, &V::matmul(Product::TN, y, y_bar), y);
    product.apply_unary(Unary::Neg, 0.0)
}

/// A·X = B: B̄ = A⁻ᵀ·X̄ and Ā = -B̄·Xᵀ.
pub(super) fn solve<T: Float, V: TensorOps<T>>(wrt: usize, a: &V, b: &V, x: &V, x_bar: &V) -> V {
    let vector = columns(&a.shape(), &b.shape()) != b.shape();
    let shape = x.shape();
    let column = |x: &V| {
        if vector { x.reshape(&shape.iter().copied().chain([1]).collect()) } else { x.clone() }
    };
    let b_bar = linalg(Linalg::Solve, &[&transposed(a), &column(x_bar)]);
    match wrt {
        0 => V::matmul(Product::NT, &b_bar, &column(x)).apply_unary(Unary::Neg, 0.0),
        _ => b_bar.reshape(&shape),
    }
}

/// y = ln(det A): Ā = ȳ·A⁻ᵀ, which is not there where A is singular.
pub(super) fn log_det<T: Float, V: TensorOps<T>>(a: &V, y_bar: &V) -> V {
    as_matrices(y_bar).binary(Binary::Mul0, &transposed(&linalg(Linalg::Inverse, &[a])))
}

/// y = det A: Ā = ȳ·C, where C is the matrix of cofactors.
pub(super) fn det<T: Float, V: TensorOps<T>>(a: &V, y: &V, y_bar: &V) -> V {
    as_matrices(y_bar).binary(Binary::Mul, &cofactors(a, y))
}

/// C = det(A)·A⁻ᵀ for a regular matrix. Of a batch with singular ones, each run of matrices with
/// equally many null vectors is taken together.
///
/// Near a singular matrix derivatives of that formula are differences of large numbers, so that
/// whatever is singular to half of the digits counts as singular.
fn cofactors<T: Float, V: TensorOps<T>>(a: &V, y: &V) -> V {
    let (shape, value) = (a.shape(), a.value());
    let n = shape[shape.len() - 1];
    let part = rounding::<T>().sqrt();
    let matrices = value.as_slice().chunks_exact((n * n).max(1));
    let nulls: Vec<NullVectors> = matrices.map(|a| null_vectors(a, n, part)).collect();
    if nulls.iter().all(|null| null.count == 0) {
        return regular_cofactors(a, y);
    }
    let flat = a.reshape(&[nulls.len(), n, n].into());
    let mut first = 0;
    let parts: Vec<V> = nulls
        .chunk_by(|x, y| x.count == y.count)
        .map(|run| {
            let a = flat.view(View::Slice, &slice_of(&flat.shape(), 0, first, run.len()));
            first += run.len();
            match run[0].count {
                0 => regular_cofactors(&a, &linalg(Linalg::Det, &[&a])),
                count => singular_cofactors(&a, run, count),
            }
        })
        .collect();
    let at = a.list(&[0]);
    V::apply(Op::View(View::Concat, at), &parts.iter().collect::<Vec<_>>()).reshape(&shape)
}

fn regular_cofactors<T: Float, V: TensorOps<T>>(a: &V, det: &V) -> V {
    as_matrices(det).binary(Binary::Mul, &transposed(&linalg(Linalg::Inverse, &[a])))
}

/// Cofactors of matrices `[r, n, n]` that have k null vectors each.
///
/// With W = σ·(left null vectors) and Z = (right ones) as constants, B = A + W·Zᵀ is regular, and
/// by the matrix determinant lemma det A = det B · det M, where M = Zᵀ·B⁻¹·A·Z = 1 - Zᵀ·B⁻¹·W is
/// `[k, k]` and small. This holds for every A, so what is derived from it is right to any order:
/// C = det B · (det M · B⁻¹ + B⁻¹·W·adj(M)·Zᵀ·B⁻¹)ᵀ.
fn singular_cofactors<T: Float, V: TensorOps<T>>(a: &V, nulls: &[NullVectors], k: usize) -> V {
    let n = a.shape()[2];
    let constant = |of: fn(&NullVectors) -> &Vec<f64>| {
        let all: Vec<T> = nulls.iter().flat_map(of).map(|&x| T::from_f64(x)).collect();
        a.constant(Tensor::from_vec(all, &[nulls.len(), k, n]).expect("k vectors for each matrix"))
    };
    let (wt, zt) = (constant(|null| &null.left), constant(|null| &null.right));
    let b = a.binary(Binary::Add, &V::matmul(Product::TN, &wt, &zt));
    let inverse = linalg(Linalg::Inverse, &[&b]);
    let (left, right) = (V::matmul(Product::NT, &inverse, &wt), V::matmul(Product::NN, &zt, &inverse));
    let m = V::matmul(Product::NN, &right, &V::matmul(Product::NT, a, &zt));
    let (adjugate, det_m) = adjugate(&m, k);
    let through = V::matmul(Product::NN, &V::matmul(Product::NN, &left, &adjugate), &right);
    let sum = det_m.binary(Binary::Mul, &inverse).binary(Binary::Add, &through);
    as_matrices(&linalg(Linalg::Det, &[&b])).binary(Binary::Mul, &transposed(&sum))
}

/// adj(M) and det(M), `[.., 1, 1]`, of `[.., k, k]` by Faddeev's and Le Verrier's recurrence: sums
/// and products alone, so that M may be singular, or 0. Stable enough for what is small.
fn adjugate<T: Float, V: TensorOps<T>>(m: &V, k: usize) -> (V, V) {
    let eye = m.constant(Tensor::eye(k));
    let ndim = m.shape().len();
    let axes = Axes::NONE.with(ndim - 2).with(ndim - 1);
    let trace = |x: &V| x.binary(Binary::Mul, &eye).reduce(Reduce::Sum, axes, true);
    let mut sum = eye.clone();
    for i in 1..k {
        let product = V::matmul(Product::NN, m, &sum);
        let c = trace(&product).times(-1.0 / i as f64);
        sum = product.binary(Binary::Add, &c.binary(Binary::Mul, &eye));
    }
    let adjugate = sum.times(if k.is_multiple_of(2) { -1.0 } else { 1.0 });
    let det = trace(&V::matmul(Product::NN, m, &adjugate)).times(1.0 / k as f64);
    (adjugate, det)
}

/// With P = Φ(Lᵀ·L̄), where Φ keeps the lower triangle and half of the diagonal:
/// Ā = ½·L⁻ᵀ·(P + Pᵀ)·L⁻¹.
pub(super) fn cholesky<T: Float, V: TensorOps<T>>(l: &V, l_bar: &V) -> V {
    let shape = l.shape();
    let n = shape[shape.len() - 1];
    let lower = l.constant(matrix(n, |i, j| if i >= j { 1.0 } else { 0.0 }));
    let phi = l.constant(matrix(n, |i, j| if i == j { 0.5 } else { (i > j) as u8 as f64 }));
    let l_bar = l_bar.binary(Binary::Mul, &lower);
    let p = V::matmul(Product::TN, l, &l_bar).binary(Binary::Mul, &phi);
    let sum = p.binary(Binary::Add, &transposed(&p));
    let inverse = linalg(Linalg::Inverse, &[l]);
    V::matmul(Product::NN, &V::matmul(Product::TN, &inverse, &sum), &inverse).times(0.5)
}

/// What rounding makes of the largest of `values`, a row of n for each matrix, in sums of `terms`.
fn roundings<T: Float>(values: &Tensor<T>, n: usize, terms: usize) -> Vec<f64> {
    let largest = |row: &[T]| row.iter().fold(0.0, |m: f64, x| m.max(Element::to_f64(*x).abs()));
    let rounding = terms as f64 * rounding::<T>();
    values.as_slice().chunks_exact(n.max(1)).map(|row| rounding * largest(row)).collect()
}

/// x, and 0 where it is not above what rounding makes of a matrix.
fn without_rounding<T: Float, V: TensorOps<T>>(x: &V, roundings: &[f64]) -> V {
    let value = x.value();
    let each = value.len() / roundings.len().max(1);
    let keep = |(i, x): (usize, &T)| Element::to_f64(*x).abs() > roundings[i / each];
    let keep = value.as_slice().iter().enumerate().map(keep).map(|k| T::from_f64(k as u8 as f64)).collect();
    let keep = Tensor::from_vec(keep, value.shape()).expect("one element each");
    x.binary(Binary::Mul, &x.constant(keep))
}

/// 1 / x off the diagonal, infinite where x is 0, to be multiplied by `mul0`; 0 on the diagonal.
fn reciprocals<T: Float, V: TensorOps<T>>(x: &V) -> V {
    let n = x.shape()[x.shape().len() - 1];
    let eye = x.constant(Tensor::eye(n));
    let off = x.constant(matrix(n, |i, j| (i != j) as u8 as f64));
    // Where x has its diagonal it may have any element.
    let x = x.binary(Binary::Mul, &off).binary(Binary::Add, &eye);
    off.binary(Binary::Div, &x)
}

/// A·V = V·diag(w): Ā = V·(diag(w̄) + F∘(Vᵀ·V̄))·Vᵀ, symmetrised, where F has 1 / (w_j - w_i) off
/// its diagonal. In the packed form w is the first row, V is below.
pub(super) fn eigh<T: Float, V: TensorOps<T>>(packed: &V, packed_bar: &V) -> V {
    let shape = packed.shape();
    let n = shape[shape.len() - 1];
    let part = |x: &V, first, count| x.view(View::Slice, &rows_of(&shape, first, count));
    let (w, v) = (part(packed, 0, 1), part(packed, 1, n));
    let (w_bar, v_bar) = (part(packed_bar, 0, 1), part(packed_bar, 1, n));
    let gaps = w.binary(Binary::Sub, &transposed(&w));
    let gaps = without_rounding(&gaps, &roundings(&w.value(), n, n));
    let turn = V::matmul(Product::TN, &v, &v_bar).binary(Binary::Mul0, &reciprocals(&gaps));
    let inner = w_bar.binary(Binary::Mul, &w.constant(Tensor::eye(n))).binary(Binary::Add, &turn);
    let outer = V::matmul(Product::NT, &V::matmul(Product::NN, &v, &inner), &v);
    outer.binary(Binary::Add, &transposed(&outer)).times(0.5)
}

/// Ā = U·(diag(s̄) + X)·Vᵀ + (1 - U·Uᵀ)·Ū·S⁻¹·Vᵀ + U·S⁻¹·V̄ᵀ·(1 - V·Vᵀ). With P = Uᵀ·Ū and
/// Q = Vᵀ·V̄, X is ((P - Pᵀ)·S + S·(Q - Qᵀ)) / (s_j² - s_i²), element by element off the diagonal; that
/// is E + Eᵀ + D - Dᵀ, where E = ½·(P + Q) / (s_j - s_i) and D = ½·(P - Q) / (s_j + s_i), a form
/// that keeps its digits where s_j and s_i are close, and is not finite where they are equal and E
/// is not 0. In the packed form U, s as a row and V are below each other.
pub(super) fn svd<T: Float, V: TensorOps<T>>(a: &Shape, packed: &V, packed_bar: &V) -> V {
    let [.., m, n] = a[..] else { unreachable!("a matrix") };
    let (shape, k) = (packed.shape(), m.min(n));
    let part = |x: &V, first, count| x.view(View::Slice, &rows_of(&shape, first, count));
    let parts = |x: &V| (part(x, 0, m), part(x, m, 1), part(x, m + 1, n));
    let ((u, s, v), (u_bar, s_bar, v_bar)) = (parts(packed), parts(packed_bar));
    let roundings = roundings(&s.value(), k, m.max(n));

    let (p, q) = (V::matmul(Product::TN, &u, &u_bar), V::matmul(Product::TN, &v, &v_bar));
    let over =
        |x: V, gaps: V| x.times(0.5).binary(Binary::Mul0, &reciprocals(&without_rounding(&gaps, &roundings)));
    let st = transposed(&s);
    let e = over(p.binary(Binary::Add, &q), s.binary(Binary::Sub, &st));
    let d = over(p.binary(Binary::Sub, &q), s.binary(Binary::Add, &st));
    let inner = s_bar
        .binary(Binary::Mul, &s.constant(Tensor::eye(k)))
        .binary(Binary::Add, &e.binary(Binary::Add, &transposed(&e)))
        .binary(Binary::Add, &d.binary(Binary::Sub, &transposed(&d)));
    let mut a_bar = V::matmul(Product::NT, &V::matmul(Product::NN, &u, &inner), &v);

    // What leaves the space that the columns of a basis span; nothing where they span all.
    let leave = |basis: &V, bar: &V| {
        let inside = V::matmul(Product::NN, basis, &V::matmul(Product::TN, basis, bar));
        let over_s = without_rounding(&s, &roundings).apply_unary(Unary::Divide, 1.0);
        bar.binary(Binary::Sub, &inside).binary(Binary::Mul0, &over_s)
    };
    if m > k {
        a_bar = a_bar.binary(Binary::Add, &V::matmul(Product::NT, &leave(&u, &u_bar), &v));
    }
    if n > k {
        a_bar = a_bar.binary(Binary::Add, &V::matmul(Product::NT, &u, &leave(&v, &v_bar)));
    }
    a_bar
}
