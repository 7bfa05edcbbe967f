//! Derivatives as functions of functions, and derivatives of any order, against closed forms.

use crate::common::{Function, assert_close, dot, panic_of, uniform};
use wengert::functional::{gauss_newton_vp, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp};
use wengert::{GradientTape, Tensor, Var, tensor};

/// tanh(A·x) with A given first.
fn layer<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    v[0].matmul(v[1]).tanh()
}

#[test]
fn jacobians_are_the_same_forward_and_in_reverse() {
    // Three outputs of a matrix of 3·5 and a vector of 5 (in reverse), and of one of 1 (forward).
    for n in [1, 5] {
        let inputs = [uniform(&[3, n], 1), uniform(&[n], 2)];
        let found = jacobian(layer, &inputs);
        let slopes = layer_slopes(&inputs);
        for (i, &slope) in slopes.iter().enumerate() {
            for j in 0..n {
                let by_x = found[1].get(&[i, j]).unwrap();
                assert!((by_x - slope * inputs[0].get(&[i, j]).unwrap()).abs() < 1e-14);
                for k in 0..3 {
                    let expected = if i == k { slope * inputs[1].get(&[j]).unwrap() } else { 0.0 };
                    assert!((found[0].get(&[i, k, j]).unwrap() - expected).abs() < 1e-14);
                }
            }
        }
    }
}

fn layer_slopes(inputs: &[Tensor<f64>; 2]) -> Vec<f64> {
    let y = inputs[0].matmul(&inputs[1]).tanh();
    y.as_slice().iter().map(|y| 1.0 - y * y).collect()
}

#[test]
fn products_with_the_jacobian_are_transposes_of_each_other() {
    let inputs = [uniform(&[3, 5], 1), uniform(&[5], 2)];
    let along = [uniform(&[3, 5], 3), uniform(&[5], 4)];
    let seed = uniform(&[3], 5);
    let (y, moved) = jvp(layer, &inputs, &along);
    let (same, bars) = vjp(layer, &inputs, &seed);
    assert_eq!(y, same);
    let reverse: f64 = bars.iter().zip(&along).map(|(a, b)| dot(a, b)).sum();
    assert!((dot(&moved, &seed) - reverse).abs() < 1e-14);
}

#[test]
fn a_hessian_is_symmetric_and_hvp_multiplies_with_it() {
    let f: Function = |v| layer(v).square().sum() * v[1].exp().sum();
    let inputs = [uniform(&[2, 3], 1), uniform(&[3], 2)];
    let along = [uniform(&[2, 3], 3), uniform(&[3], 4)];
    let h = hessian(f, &inputs);
    assert_eq!(h[0][1].shape()[..], [2, 3, 3]);
    for (i, row) in h.iter().enumerate() {
        for (j, block) in row.iter().enumerate() {
            let (m, n) = (inputs[i].len(), inputs[j].len());
            let (block, mirror) = (block.reshape(&[m, n]).unwrap(), h[j][i].reshape(&[n, m]).unwrap());
            assert_close(&block, &mirror.transpose(0, 1), 1e-13, "symmetry");
        }
    }
    let products = hvp(f, &inputs, &along);
    for (i, product) in products.iter().enumerate() {
        let by = |j: usize| {
            let (m, n) = (inputs[i].len(), inputs[j].len());
            h[i][j].reshape(&[m, n]).unwrap().matmul(&along[j].reshape(&[n]).unwrap())
        };
        assert_close(&product.reshape(&[product.len()]).unwrap(), &(by(0) + by(1)), 1e-13, "product");
    }
}

#[test]
fn gauss_newton_is_the_hessian_where_the_model_is_linear() {
    let (inputs, along, a) = ([uniform(&[4], 1)], [uniform(&[4], 3)], uniform(&[3, 4], 2));
    let found =
        gauss_newton_vp(|v| v[0].tape().constant(&a).matmul(v[0]), |y| y.exp().sum(), &inputs, &along);
    let whole = hvp(|v| v[0].tape().constant(&a).matmul(v[0]).exp().sum(), &inputs, &along);
    assert_close(&found[0], &whole[0], 1e-14, "Gauss-Newton");
    // For a model that is not, it stays positive: vᵀJᵀHJv ≥ 0.
    let found = gauss_newton_vp(|v| v[0].tanh().powi(3), |y| y.square().sum(), &inputs, &along);
    assert!(dot(&found[0], &along[0]) >= 0.0);
}

#[test]
fn inputs_that_do_not_matter_get_zeros() {
    let inputs = [tensor![1.0, 2.0], tensor![3.0]];
    assert_eq!(grad(|v| v[0].sum(), &inputs)[1], tensor![0.0]);
    assert_eq!(value_and_grad(|v| v[0].sum(), &inputs).0, 3.0);
    assert_eq!(jacobian(|v| v[0] * 2.0, &inputs)[1], Tensor::zeros(&[2, 1]));
    assert_eq!(hessian(|v| v[0].square().sum(), &inputs)[1][1], tensor![[0.0]]);
    assert_eq!(hvp(|v| v[0].sum(), &inputs, &[tensor![1.0, 1.0], tensor![1.0]])[0], tensor![0.0, 0.0]);
    assert_eq!(jacobian(|v| v[0].slice(&[(0..0).into()]), &inputs)[0], Tensor::zeros(&[0, 2]));
}

#[test]
fn what_is_no_scalar_is_the_callers_mistake() {
    let line = line!() + 1;
    let panicked = panic_of(|| _ = grad(|v| v[0].exp(), &[tensor![1.0, 2.0]])).unwrap();
    assert!(panicked.text.starts_with("grad needs a scalar, not shape [2]"), "{}", panicked.text);
    assert_eq!((panicked.file.ends_with("functional.rs"), panicked.line), (true, line));
    let panicked = panic_of(|| _ = jvp(|v| v[0].exp(), &[tensor![1.0]], &[])).unwrap();
    assert_eq!(panicked.text, "jvp: 1 sources, but 0 tangents: there must be one each");
}

/// The fifth derivative of sin(eˣ): with u = eˣ, d/dx (P(u)·sin u + Q(u)·cos u) is
/// u·(P′ - Q)·sin u + u·(Q′ + P)·cos u.
fn fifth_of_sin_exp(x: f64) -> f64 {
    let (mut p, mut q) = (vec![1.0], vec![0.0]);
    for _ in 0..5 {
        let step = |f: &[f64], g: &[f64], sign: f64| -> Vec<f64> {
            let mut next = vec![0.0; f.len() + 1];
            (1..f.len()).for_each(|i| next[i] += i as f64 * f[i]);
            (0..g.len()).for_each(|i| next[i + 1] += sign * g[i]);
            next
        };
        (p, q) = (step(&p, &q, -1.0), step(&q, &p, 1.0));
    }
    let at = |f: &[f64], u: f64| f.iter().rev().fold(0.0, |value, c| value * u + c);
    let u = x.exp();
    at(&p, u) * u.sin() + at(&q, u) * u.cos()
}

#[test]
fn the_fifth_derivative_of_sin_exp_is_that_of_the_closed_form() {
    for i in -10..=10 {
        let at = i as f64 / 10.0;
        let tape = GradientTape::new();
        let x = tape.var(at);
        let mut y = x.exp().sin();
        for _ in 0..5 {
            y = tape.gradient(y, &[x])[0];
        }
        let closed = fifth_of_sin_exp(at);
        assert!((y.item() / closed - 1.0).abs() < 1e-9, "at {at}: {} and {closed}", y.item());
    }
}

#[test]
fn mixed_partial_derivatives_are_those_of_the_closed_form() {
    // f = exp(x·y²): ∂⁵f/∂x²∂y³ by the recurrence below, in any order of differentiation.
    let (x0, y0): (f64, f64) = (0.3, 0.7);
    let partial = |order: &[usize]| {
        let tape = GradientTape::new();
        let v = [tape.var(x0), tape.var(y0)];
        let mut f = (v[0] * v[1] * v[1]).exp();
        for &i in order {
            f = tape.gradient(f, &[v[i]])[0];
        }
        f.item()
    };
    // ∂²f/∂x² = y⁴·f, and ∂³/∂y³ (y⁴·e^{xy²}) by Leibniz with f′ = 2xy·f and so on.
    let (x, y) = (x0, y0);
    let f = (x * y * y).exp();
    let f1 = 2.0 * x * y * f;
    let f2 = (2.0 * x + 4.0 * x * x * y * y) * f;
    let f3 = (12.0 * x * x * y + 8.0 * x.powi(3) * y.powi(3)) * f;
    let closed = y.powi(4) * f3 + 3.0 * 4.0 * y.powi(3) * f2 + 3.0 * 12.0 * y * y * f1 + 24.0 * y * f;
    for order in [[0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 0, 1, 1, 0]] {
        let found = partial(&order);
        assert!((found / closed - 1.0).abs() < 1e-9, "{order:?}: {found} and {closed}");
    }
}
