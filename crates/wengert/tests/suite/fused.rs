//! Fused operations: the same values and derivatives as the expression operation by operation.

use crate::common::{Function, assert_close, panic_of, uniform};
use wengert::{Float, GradientTape, Tensor, Var, fused, gradcheck, tensor};

fn gate<'t, T: Float>(v: &[Var<'t, T>]) -> Var<'t, T> {
    fused!(|x, w, b| (x * w + b).tanh() * x.sigmoid()).of([v[0], v[1], v[2]])
}

fn gate_in_steps<'t, T: Float>(v: &[Var<'t, T>]) -> Var<'t, T> {
    (v[0] * v[1] + v[2]).tanh() * v[0].sigmoid()
}

fn inputs(shapes: [&[usize]; 3]) -> Vec<Tensor<f64>> {
    shapes.iter().zip(1..).map(|(shape, seed)| uniform(shape, seed)).collect()
}

/// Scalars, vectors beyond one tile and one thread's share, and broadcasts in every direction.
const SHAPES: [[&[usize]; 3]; 7] = [
    [&[], &[], &[]],
    [&[71], &[71], &[71]],
    [&[5, 3], &[3], &[5, 1]],
    [&[], &[2, 3, 4], &[4]],
    [&[300, 301], &[301], &[]],
    [&[2, 0], &[2, 1], &[]],
    [&[1], &[1, 1], &[]],
];

#[test]
fn value_and_gradients_are_those_of_the_steps() {
    for shapes in SHAPES {
        let tape = GradientTape::new();
        let vars: Vec<Var<f64>> = inputs(shapes).iter().map(|x| tape.var(x)).collect();
        let (fused, steps) = (gate(&vars), gate_in_steps(&vars));
        assert_close(&fused.value(), &steps.value(), 1e-15, "value");
        let seed = uniform(&fused.shape(), 9);
        let (a, b) = (fused.backward_with(&seed), steps.backward_with(&seed));
        for x in vars {
            assert_close(a.wrt(x), b.wrt(x), 1e-13, &format!("{shapes:?}"));
        }
    }
}

#[test]
fn a_fused_operation_can_be_differentiated_again() {
    for shapes in SHAPES.into_iter().filter(|shapes| shapes[0].iter().product::<usize>() < 100) {
        gradcheck(gate, &inputs(shapes)).unwrap_or_else(|e| panic!("{shapes:?}: {e}"));
    }
    // An input that depends on another, and one that is used twice.
    let entangled: Function = |v| gate(&[v[0], v[0].exp(), v[0]]);
    gradcheck(entangled, &inputs([&[4], &[], &[]])[..1]).unwrap();
    let tape = GradientTape::new();
    let x = tape.var(0.7);
    let cubed = fused!(|x| x * x * x);
    let mut y = cubed.of([x]);
    let mut derivatives = Vec::new();
    for _ in 0..4 {
        y = tape.gradient(y, &[x])[0];
        derivatives.push(y.item());
    }
    assert_close(&Tensor::from(derivatives), &tensor![3.0 * 0.49, 6.0 * 0.7, 6.0, 0.0], 1e-14, "x³");
}

#[test]
fn forward_mode_agrees_with_the_steps() {
    let tape = GradientTape::new();
    let values = inputs(SHAPES[2]);
    let vars: Vec<Var<f64>> = values.iter().map(|x| tape.var(x)).collect();
    let (fused, steps) = (gate(&vars), gate_in_steps(&vars));
    let along: Vec<Tensor<f64>> = values.iter().zip(20..).map(|(x, seed)| uniform(x.shape(), seed)).collect();
    let moved = tape.jvp(&[fused, steps], &vars, &along);
    assert_close(&moved[0], &moved[1], 1e-14, "tangent");
}

#[test]
fn numbers_from_around_and_single_precision() {
    let (low, high) = (-0.5, 2.0);
    let tape = GradientTape::<f32>::new();
    let x = tape.var(Tensor::from(vec![-1.0f32, 1.0, 3.0]));
    let y = fused!(|x; low, high| x.maximum(x.number(low)) * high - 1.0 / high).of([x]);
    assert_eq!(y.value().to_vec(), [-1.5, 1.5, 5.5]);
    assert_eq!(y.sum().backward().wrt(x).to_vec(), [0.0, 2.0, 2.0]);
}

#[test]
fn an_input_that_does_not_occur_gets_zeros() {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(tensor![1.0, 2.0, 3.0]), tape.var(4.0));
    let y = fused!(|x, w| w * w + 0.0 * x.number(1.0)).of([x, w]);
    assert_eq!(y.value(), tensor![16.0, 16.0, 16.0]);
    let (numbers, recorded) = (y.backward_with(&tensor![1.0, 1.0, 1.0]), tape.gradient(y.sum(), &[x, w]));
    assert_eq!((numbers.item(w), recorded[1].item()), (24.0, 24.0));
    assert_eq!(recorded[0].value(), tensor![0.0, 0.0, 0.0]);
    assert_eq!(tape.jvp(&[recorded[1]], &[w], &[Tensor::scalar(1.0)])[0].item(), 6.0);
}

/// What is not chosen has no say, even where it is infinitely steep.
#[test]
fn at_corners_the_slopes_are_those_of_the_steps() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![0.0, 1.0, 4.0]);
    let y = fused!(|x| x.ln().relu() + x.sqrt().maximum(x)).of([x]).sum();
    let steps = (x.ln().relu() + x.sqrt().maximum(x)).sum();
    assert_eq!(y.backward().wrt(x), steps.backward().wrt(x));
    assert_eq!(tape.gradient(y, &[x])[0].value(), steps.backward().wrt(x).clone());
}

#[test]
fn it_is_one_node_and_shapes_that_do_not_fit_are_the_callers() {
    let tape = GradientTape::new();
    let vars: Vec<Var<f64>> = inputs(SHAPES[2]).iter().map(|x| tape.var(x)).collect();
    let before = tape.len();
    gate(&vars);
    assert_eq!(tape.len(), before + 1);
    let (x, long) = (vars[0], tape.var(tensor![1.0, 2.0, 3.0, 4.0]));
    let line = line!() + 1;
    let panicked = panic_of(|| _ = fused!(|a, b| a + b).of([x, long]));
    let panicked = panicked.unwrap();
    assert_eq!(
        panicked.text,
        "fused: shapes [5, 3] and [4] do not broadcast: aligned at the last axis, lengths must be equal or 1"
    );
    assert_eq!((panicked.file.ends_with("fused.rs"), panicked.line), (true, line));
}
