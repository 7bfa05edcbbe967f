//! Linear algebra: what the results are, and what is promised where matrices are special.
//!
//! The rules are checked in `rules.rs`, values against PyTorch's in `golden.rs`.

use crate::common::{assert_close, bits, panic_of, uniform};
use wengert::{GradCheck, GradientTape, MatrixError, Tensor, Var, gradcheck, tensor};

fn product(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    a.matmul(b)
}

fn transposed(a: &Tensor<f64>) -> Tensor<f64> {
    a.transpose(-2, -1)
}

/// Each matrix of the last two axes with column j times `factors[j]`.
fn scaled(a: &Tensor<f64>, factors: &Tensor<f64>) -> Tensor<f64> {
    let tape = GradientTape::new();
    let shape: Vec<usize> = factors.shape().iter().copied().chain([1]).collect();
    let rows = tape.constant(factors).reshape(&shape).transpose(-2, -1);
    (tape.constant(a) * rows).value()
}

fn largest(a: &Tensor<f64>) -> f64 {
    a.as_slice().iter().fold(0.0, |m: f64, x| m.max(x.abs()))
}

fn over(a: &Tensor<f64>, c: f64) -> Tensor<f64> {
    Tensor::from_vec(a.as_slice().iter().map(|a| a / c).collect(), a.shape()).unwrap()
}

fn square(n: usize, at: impl Fn(usize, usize) -> f64) -> Tensor<f64> {
    Tensor::from_fn(&[n, n], |i| at(i[0], i[1]))
}

/// Symmetric matrices that iterations have failed on: 0, equal eigenvalues, low rank, graded,
/// clustered, close to overflow and to underflow.
fn symmetric() -> Vec<(&'static str, Tensor<f64>)> {
    let random = uniform(&[40, 40], 1);
    let thin = uniform(&[9, 2], 2);
    let hilbert = |i: usize, j: usize| 1.0 / (i + j + 1) as f64;
    let wilkinson = |i: usize, j: usize| match i.abs_diff(j) {
        0 => (i as f64 - 10.0).abs(),
        1 => 1.0,
        _ => 0.0,
    };
    // 0 and 1 alone, most eigenvalues 0 (such a matrix sent another library's iteration round forever).
    let sparse = |i: usize, j: usize| ((i * j) % 7 == 1 && i % 3 == j % 3) as u8 as f64;
    vec![
        ("0", square(4, |_, _| 0.0)),
        ("1", Tensor::eye(5)),
        ("1x1", tensor![[-3.0]]),
        ("ones", square(6, |_, _| 1.0)),
        ("random", product(&random, &transposed(&random))),
        ("indefinite", square(7, |i, j| ((i * i + j * j) as f64).sin())),
        ("rank 2", product(&thin, &transposed(&thin))),
        ("hilbert", square(12, hilbert)),
        ("wilkinson", square(21, wilkinson)),
        ("sparse", square(33, sparse)),
        ("graded", square(8, |i, j| 10f64.powi(-2 * (i + j) as i32))),
        ("large", square(3, |i, j| 1e305 * (1.0 + (i * j) as f64))),
        ("small", square(3, |i, j| 1e-305 * (1.0 + (i * j) as f64))),
        ("permutation", square(6, |i, j| ((i + j) == 5) as u8 as f64)),
    ]
}

/// Any matrices, in all three formats.
fn general() -> Vec<(&'static str, Tensor<f64>)> {
    let mut all = symmetric();
    let zero_column = Tensor::from_fn(&[5, 3], |i| if i[1] == 1 { 0.0 } else { (i[0] + i[1]) as f64 });
    all.extend([
        ("tall", uniform(&[30, 7], 3)),
        ("wide", uniform(&[7, 30], 4)),
        ("a column", uniform(&[5, 1], 5)),
        ("a row", uniform(&[1, 5], 6)),
        ("tall ones", Tensor::ones(&[5, 3])),
        ("wide ones", Tensor::ones(&[3, 5])),
        ("regular", tensor![[1.0, 2.0, 2.0], [2.0, -1.0, -1.0], [2.0, 1.0, -1.0]]),
        ("a column of zeros", zero_column),
        ("tall zeros", Tensor::zeros(&[4, 2])),
        ("triangular", square(20, |i, j| if i == j { 1.0 } else { -((i < j) as u8 as f64) })),
    ]);
    all
}

#[test]
fn eigenvectors_are_orthonormal_and_give_the_matrix_back() {
    for (name, a) in symmetric() {
        let (w, v) = a.eigh();
        let n = a.shape()[0];
        assert!(w.as_slice().is_sorted(), "{name}: {w}");
        assert_close(&product(&transposed(&v), &v), &Tensor::eye(n), 1e-13, name);
        let scale = largest(&a).max(f64::MIN_POSITIVE);
        let back = product(&scaled(&v, &over(&w, scale)), &transposed(&v));
        assert_close(&back, &over(&a, scale), 2e-14 * (n as f64), name);
    }
}

#[test]
fn singular_vectors_are_orthonormal_and_give_the_matrix_back() {
    for (name, a) in general() {
        let (u, s, vt) = a.svd();
        let k = s.len();
        assert!(
            s.as_slice().iter().rev().is_sorted() && s.as_slice().iter().all(|&s| s >= 0.0),
            "{name}: {s}"
        );
        assert_close(&product(&transposed(&u), &u), &Tensor::eye(k), 1e-13, name);
        assert_close(&product(&vt, &transposed(&vt)), &Tensor::eye(k), 1e-13, name);
        let scale = largest(&a).max(f64::MIN_POSITIVE);
        let back = product(&scaled(&u, &over(&s, scale)), &vt);
        assert_close(&back, &over(&a, scale), 1e-14 * (k as f64), name);
    }
}

#[test]
fn singular_values_are_those_known_in_closed_form() {
    let s = Tensor::<f64>::ones(&[3, 5]).svd().1;
    assert_close(&s, &tensor![15f64.sqrt(), 0.0, 0.0], 1e-15, "ones");
    // Small ones too, to all digits: a Jacobi rotation loses none of a column that is small.
    let s = tensor![[1.0, 0.0], [1.0, 1e-20]].svd().1;
    assert!((s.as_slice()[1] / (1e-20 / 2f64.sqrt()) - 1.0).abs() < 1e-14, "{s}");
}

#[test]
fn the_largest_element_of_a_vector_is_positive() {
    for seed in 0..20 {
        let a = uniform(&[4, 4], seed);
        let (u, ..) = a.svd();
        let (_, v) = a.eigh();
        for vectors in [u, v] {
            for j in 0..4 {
                let column: Vec<f64> = (0..4).map(|i| vectors.get(&[i, j]).unwrap()).collect();
                let largest = column.iter().fold(0.0, |m: f64, x| if x.abs() > m.abs() { *x } else { m });
                assert!(largest > 0.0, "{vectors}");
            }
        }
    }
}

#[test]
fn an_inverse_and_a_solution_undo_the_product() {
    for seed in 0..10 {
        let (a, b) = (uniform(&[3, 6, 6], seed), uniform(&[3, 6, 2], 100 + seed));
        let inverse = a.inverse();
        let eye = Tensor::eye(6).broadcast_to(&[3, 6, 6]);
        assert_close(&product(&a, &inverse), &eye, 1e-11, "inverse");
        assert_close(&product(&a, &a.solve(&b)), &b, 1e-12, "solve");
    }
}

#[test]
fn the_first_pivot_may_be_0() {
    let exchange = tensor![[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]];
    assert_eq!((exchange.inverse(), exchange.det().item()), (transposed(&exchange), 1.0));
    assert_eq!(tensor![[0.0, 2.0], [3.0, 0.0]].det().item(), -6.0);
}

#[test]
fn a_matrix_of_a_batch_gives_what_it_gives_alone() {
    let batch = uniform(&[2, 3, 4, 4], 7);
    let alone =
        |i: usize| Tensor::from_vec(batch.as_slice()[16 * i..16 * (i + 1)].to_vec(), &[4, 4]).unwrap();
    let all = [batch.inverse(), batch.det(), batch.eigh().1, batch.svd().2];
    for i in 0..6 {
        let a = alone(i);
        for (all, one) in all.iter().zip([a.inverse(), a.det(), a.eigh().1, a.svd().2]) {
            let n = one.len();
            assert_eq!(bits(&one), bits(all)[n * i..n * (i + 1)]);
        }
    }
}

#[test]
fn right_sides_are_columns_or_vectors_and_batches_broadcast() {
    let (a, b) = (uniform(&[2, 3, 3], 8), uniform(&[3, 3], 9));
    // [3, 3] is not A's shape without its last axis: three columns, the same for both matrices.
    assert_eq!(a.solve(&b).shape()[..], [2, 3, 3]);
    let (vector, vectors) = (uniform(&[3], 10), uniform(&[2, 3], 11));
    assert_eq!(a.solve(&vector).shape()[..], [2, 3]);
    assert_eq!(a.solve(&vectors).shape()[..], [2, 3]);
    let columns = vectors.reshape(&[2, 3, 1]).unwrap();
    assert_eq!(bits(&a.solve(&vectors)), bits(&a.solve(&columns)));
    let one = uniform(&[3, 3], 12);
    assert_eq!(one.solve(&uniform(&[5, 1, 3, 4], 13)).shape()[..], [5, 1, 3, 4]);
}

#[test]
fn symmetric_operations_see_the_symmetric_part_alone() {
    let tape = GradientTape::new();
    let a = tape.var(tensor![[4.0, 3.0], [1.0, 5.0]]);
    let symmetric = tensor![[4.0, 2.0], [2.0, 5.0]];
    assert_eq!(a.cholesky().value(), symmetric.cholesky());
    assert_eq!(a.eigh().1.value(), symmetric.eigh().1);
    for y in [a.cholesky().sum(), a.eigh().0.square().sum(), a.eigh().1.sum()] {
        let gradient = y.backward().wrt(a).clone();
        assert_eq!(bits(&gradient), bits(&transposed(&gradient)));
    }
}

#[test]
fn log_det_is_the_logarithm_of_det_and_does_not_overflow() {
    let a = tensor![[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, -1.0]], [[1.0, 2.0], [2.0, 4.0]]];
    let y = a.log_det();
    assert!((y.as_slice()[0] - 5f64.ln()).abs() < 1e-15);
    assert!(y.as_slice()[1].is_nan(), "det is -1");
    assert_eq!(y.as_slice()[2], f64::NEG_INFINITY);
    // Two negative pivots are a positive determinant.
    assert_eq!(tensor![[-2.0, 0.0], [0.0, -2.0]].log_det().item(), 4f64.ln());
    assert_eq!(square(200, |i, j| if i == j { 1e10 } else { 0.0 }).det().item(), f64::INFINITY);
}

/// (-1)^(i + j) times the determinant of what is left without row i and column j.
fn cofactor(a: &Tensor<f64>, i: usize, j: usize) -> f64 {
    let n = a.shape()[0];
    let skip = |k: usize, without: usize| if k < without { k } else { k + 1 };
    let minor = Tensor::from_fn(&[n - 1, n - 1], |at| a.get(&[skip(at[0], i), skip(at[1], j)]).unwrap());
    minor.det().item() * if (i + j).is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// A random matrix of each rank.
fn of_rank(n: usize, rank: usize, seed: u64) -> Tensor<f64> {
    product(&uniform(&[n, rank], seed), &uniform(&[rank, n], seed + 50))
}

#[test]
fn the_gradient_of_det_is_the_cofactors_whatever_the_rank() {
    for rank in 0..=4 {
        let a = of_rank(4, rank, 20);
        let tape = GradientTape::new();
        let x = tape.var(&a);
        let found = x.det().backward().wrt(x).clone();
        assert_close(&found, &square(4, |i, j| cofactor(&a, i, j)), 1e-14, &format!("rank {rank}"));
    }
    let tape = GradientTape::new();
    let x = tape.var(Tensor::<f32>::from(vec![1.0f32, 2.0, 2.0, 4.0]).reshape(&[2, 2]).unwrap());
    let expected = tensor![[4.0, -2.0], [-2.0, 1.0]];
    assert_close(&x.det().backward().wrt(x).cast(), &expected, 1e-6, "f32");
}

/// A determinant is a polynomial of degree n, which differences follow to any order.
#[test]
fn derivatives_of_det_are_right_to_the_third_order_whatever_the_rank() {
    let third = GradCheck::new().order(3);
    for rank in 0..=3 {
        third.check(|v| v[0].det(), &[of_rank(3, rank, 30)]).unwrap_or_else(|e| panic!("rank {rank}: {e}"));
    }
    // The third derivatives of the product of three numbers, at 0.
    let tape = GradientTape::new();
    let x = tape.var(Tensor::zeros(&[3]));
    let diagonal = |x: Var<'_, f64>| (x * x.tape().constant(Tensor::eye(3))).det().item();
    assert_eq!(diagonal(x), 0.0);
    let mut y = (x * tape.constant(Tensor::eye(3))).det();
    for i in 0..3 {
        y = tape.gradient(y, &[x])[0].slice(&[(i..i + 1).into()]).sum();
    }
    assert!((y.item() - 1.0).abs() < 1e-14, "{}", y.item());
}

#[test]
fn a_batch_may_mix_regular_and_singular_matrices() {
    let ranks = [4, 4, 3, 2, 2, 4, 0, 1];
    let all: Vec<f64> =
        ranks.iter().enumerate().flat_map(|(i, &rank)| of_rank(4, rank, 40 + i as u64).to_vec()).collect();
    gradcheck(|v| v[0].det(), &[Tensor::from_vec(all, &[2, 4, 4, 4]).unwrap()]).unwrap();
}

#[test]
fn nearly_singular_matrices_lose_no_digits_in_derivatives_of_det() {
    for small in [1e-4, 1e-8, 1e-12, 1e-15] {
        let diagonal = square(3, |i, j| if i == j { [1.0, 2.0, small][i] } else { 0.0 });
        let turn = uniform(&[3, 3], 60).eigh().1;
        let a = product(&product(&turn, &diagonal), &transposed(&turn));
        gradcheck(|v| v[0].det(), &[a]).unwrap_or_else(|e| panic!("{small:e}: {e}"));
        // In a graded matrix small cofactors are as right as large ones.
        let tape = GradientTape::new();
        let x = tape.var(diagonal);
        let found = x.det().backward().wrt(x).clone();
        for (i, expected) in [2.0 * small, small, 2.0].into_iter().enumerate() {
            assert!((found.get(&[i, i]).unwrap() / expected - 1.0).abs() < 1e-14, "{small:e}: {found}");
        }
    }
}

#[test]
fn a_function_of_eigenvalues_has_its_gradient_where_they_are_equal() {
    let tape = GradientTape::new();
    // tr(A³) has the gradient 3·A².
    let a = square(4, |i, j| if i == j { [2.0, 2.0, 2.0, 5.0][i] } else { 0.0 });
    let turn = uniform(&[4, 4], 61).eigh().1;
    let x = tape.var(product(&product(&turn, &a), &transposed(&turn)));
    let gradient = x.eigh().0.powi(3).sum().backward().wrt(x).clone();
    let expected = (3.0 * x.matmul(x)).value();
    assert_close(&gradient, &expected, 1e-13, "equal eigenvalues");
    let s = tape.var(Tensor::eye(3));
    assert_eq!(s.svd().1.sum().backward().wrt(s), &Tensor::eye(3));
}

#[test]
fn what_uses_vectors_of_equal_values_has_a_gradient_that_says_so() {
    let tape = GradientTape::new();
    let a = tape.var(square(3, |i, j| if i == j { [1.0, 1.0, 4.0][i] } else { 0.0 }));
    let (_, v) = a.eigh();
    let single = v.slice(&[(..).into(), (2..).into()]);
    let gradient = single.square().slice(&[(..1).into()]).sum().backward().wrt(a).clone();
    assert!(gradient.as_slice().iter().all(|x| x.is_finite()), "the vector of 4 is known: {gradient}");
    let gradient = v.slice(&[(..).into(), (..1).into()]).sum().backward().wrt(a).clone();
    assert!(gradient.as_slice().iter().any(|x| !x.is_finite()), "that of 1 is not: {gradient}");
}

#[test]
fn a_function_of_a_matrix_has_no_gradient_by_equal_values_and_says_so() {
    let tape = GradientTape::new();
    let a = tape.var(Tensor::eye(3));
    let ((w, v), (u, s, vt)) = (a.eigh(), a.svd());
    let weights = tape.constant(uniform(&[3, 3], 62));
    for y in [(v * w.exp()).matmul(v.transpose(0, 1)), (u * s).matmul(vt)] {
        let gradient = (y * weights).sum().backward().wrt(a).clone();
        assert!(gradient.as_slice().iter().any(|x| !x.is_finite()), "{gradient}");
    }
}

/// The rule of U·S·Vᵀ is then that of A itself.
#[test]
fn a_single_singular_value_of_0_is_no_obstacle_in_a_square_matrix() {
    let a = of_rank(4, 3, 70);
    let tape = GradientTape::new();
    let x = tape.var(&a);
    let (u, s, vt) = x.svd();
    let weights = uniform(&[4, 4], 71);
    let back = (u * s).matmul(vt);
    let gradient = back.backward_with(&weights).wrt(x).clone();
    assert_close(&gradient, &weights, 1e-12, "the gradient of the identity");
}

#[test]
fn what_is_not_finite_comes_back_as_nan_and_is_no_error() {
    let all_nan = |x: &Tensor<f64>| x.as_slice().iter().all(|x| x.is_nan());
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let a = square(3, |i, j| if i == j { wrong } else { (i + 2 * j) as f64 });
        let ((w, v), (u, s, vt)) = (a.eigh(), a.svd());
        assert!([w, v, u, s, vt].iter().all(all_nan), "{wrong}");
        // Elimination goes on as IEEE 754 says: 1 / ∞ is 0.
        let b = Tensor::ones(&[3]);
        let all = [a.det(), a.log_det(), a.inverse(), a.solve(&b), a.cholesky()];
        assert!(wrong.is_infinite() || all[..4].iter().all(all_nan), "{wrong}");
        let tape = GradientTape::new();
        let x = tape.var(&a);
        let y = x.det()
            + x.log_det()
            + x.inverse().sum()
            + x.cholesky().sum()
            + x.eigh().1.sum()
            + x.svd().0.sum();
        assert!(y.backward().wrt(x).as_slice().iter().any(|x| x.is_nan()), "{wrong}");
    }
}

#[test]
fn a_single_precision_matrix_is_computed_in_double() {
    // The condition number, 5·10⁵, would leave one digit to f32.
    let a = square(5, |i, j| 1.0 / (i + j + 1) as f64).cast::<f32>();
    let (single, double) = (a.inverse(), a.cast::<f64>().inverse());
    assert_close(&single.cast(), &double, 1e-7, "inverse");
}

#[test]
fn empty_matrices_have_empty_results_and_determinant_1() {
    let none = Tensor::<f64>::zeros(&[0, 0]);
    assert_eq!((none.det().item(), none.log_det().item()), (1.0, 0.0));
    assert_eq!(none.inverse(), none);
    assert_eq!(none.cholesky(), none);
    assert_eq!(none.eigh(), (Tensor::zeros(&[0]), none.clone()));
    assert_eq!(none.solve(&Tensor::zeros(&[0, 3])).shape()[..], [0, 3]);
    let (u, s, vt) = Tensor::<f64>::zeros(&[3, 0]).svd();
    assert_eq!([u.shape(), s.shape(), vt.shape()].map(|x| x.to_vec()), [vec![3, 0], vec![0], vec![0, 0]]);
    assert_eq!(Tensor::<f64>::zeros(&[0, 2, 2]).det().shape()[..], [0]);
    assert_eq!(Tensor::<f64>::zeros(&[4, 0, 0]).det(), Tensor::ones(&[4]));
}

#[test]
fn an_error_names_matrix_and_pivot_and_nothing_is_recorded() {
    let tape = GradientTape::new();
    let eye = Tensor::eye(3).to_vec();
    let singular = vec![1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0];
    let both = Tensor::from_vec([eye.clone(), singular].concat(), &[2, 3, 3]).unwrap();
    let (a, b) = (tape.var(both), tape.var(Tensor::ones(&[3])));
    let indefinite = vec![1.0, 2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let c = tape.var(Tensor::from_vec([eye, indefinite].concat(), &[2, 3, 3]).unwrap());
    let length = tape.len();
    let error = |op| MatrixError::Singular { op, matrix: 1, pivot: 2 };
    assert_eq!(a.try_inverse().unwrap_err(), error("inverse"));
    assert_eq!(a.try_solve(b).unwrap_err(), error("solve"));
    let error = MatrixError::NotPositiveDefinite { op: "cholesky", matrix: 1, pivot: 1, value: -3.0 };
    assert_eq!(c.try_cholesky().unwrap_err(), error);
    assert!(matches!(b.try_inverse().unwrap_err(), MatrixError::Shape(_)));
    assert_eq!(tape.len(), length);
    // The panicking forms say the same.
    assert_eq!(panic_of(|| _ = c.cholesky()).unwrap().text, error.to_string());
    assert!(c.try_inverse().is_ok());
}
