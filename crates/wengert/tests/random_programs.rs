//! Random programs of up to thirty operations over random small shapes: their gradients agree with
//! central differences, and numbers agree with the recorded sweep, bit for bit.
//!
//! Every operation keeps its results within about ±1 and away from kinks and poles, so that a long
//! program is still smooth enough for differences. An instruction picks operands among all earlier
//! values; where their shapes do not fit, it first makes them fit, so that any list of instructions
//! is a program and can be shrunk.

mod common;

use common::{bits, uniform};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use wengert::{Float, GradCheck, GradientTape, Shape, Span, Tensor, Var, tensor};

/// Operation, operands, and a number that settles the rest.
type Instruction = (u8, u8, u8, u8);

#[derive(Clone, Debug)]
struct Program {
    shapes: Vec<u8>,
    seed: u64,
    instructions: Vec<Instruction>,
}

type Shapes = [&'static [usize]; 9];
const SMALL: Shapes = [&[], &[1], &[3], &[2, 3], &[3, 1], &[1, 3], &[3, 3], &[2, 1, 3], &[2, 3, 2]];
/// Longer than the tiles and strips that kernels work in.
const LARGE: Shapes = [&[], &[1], &[330], &[7, 40], &[40, 1], &[1, 40], &[40, 40], &[7, 1, 40], &[7, 40, 3]];
const OPERATIONS: u8 = 26;

impl Program {
    fn inputs(&self, shapes: &Shapes) -> Vec<Tensor<f64>> {
        let shape = |&i: &u8| shapes[i as usize % shapes.len()];
        self.shapes.iter().zip(self.seed..).map(|(i, seed)| uniform(shape(i), seed)).collect()
    }

    /// All values are used: the result is the sum of their means.
    fn run<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        let mut values = inputs.to_vec();
        for &(op, a, b, c) in &self.instructions {
            let (a, b) = (values[a as usize % values.len()], values[b as usize % values.len()]);
            values.push(apply(op % OPERATIONS, a, b, c as usize));
        }
        let means = values.iter().map(|x| x.mean());
        means.reduce(|a, b| a + b).expect("there is an input")
    }
}

/// `b` if it broadcasts with `a`, else its mean, a scalar.
fn fitted<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    if Shape::broadcast("fit", &a.shape(), &b.shape()).is_ok() { b } else { b.mean() }
}

/// As a matrix, whose rows are the last axis.
fn matrix<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let shape = x.shape();
    let columns = shape.last().copied().unwrap_or(1);
    x.reshape(&[shape.elements() / columns, columns])
}

/// A product whose inner dimensions are made to fit. Its operands are copies of their own, so that
/// no adjoint gathers two products: those are added inside, with one rounding less.
fn product<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, bias: bool) -> Var<'t, T> {
    let (a, b) = (matrix(a) * 1.0, matrix(b) * 1.0);
    let (k, l) = (a.shape()[1], b.shape()[1]);
    let (a, b) = match k == l {
        true => (a, b),
        false => (a.mean_axes(&[1], true), b.mean_axes(&[1], true)),
    };
    let y = match bias {
        true => a.linear(b, b.mean_axes(&[1], false)) * 0.5,
        false => a.matmul_nt(b),
    };
    y / a.shape()[1] as f64
}

/// Batched: `a` over its leading axes.
fn batched<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let (a, b) = (a * 1.0, matrix(b) * 1.0);
    if a.shape().last() == Some(&b.shape()[0]) { a.matmul(b) / b.shape()[0] as f64 } else { a * b.mean() }
}

fn apply<'t, T: Float>(op: u8, a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let even = c.is_multiple_of(2);
    let shape = a.shape();
    let axis = if shape.is_empty() { None } else { Some((c % shape.len()) as isize) };
    let axes: Vec<isize> = axis.into_iter().collect();
    match op {
        0 => (a + fitted(a, b)) * 0.5,
        1 => 0.5 * (a - fitted(a, b)),
        2 => a * fitted(a, b),
        3 => a / (2.0 + fitted(a, b).square()),
        4 => (a.square() + 1.0).pow(fitted(a, b)) * 0.4,
        5 => a.tanh(),
        6 => a.sigmoid(),
        7 => a.tanh().exp() * 0.3,
        8 => (a.square() + 2.0).ln() * 0.5,
        9 => (a.square() + 1.0).sqrt() - 1.0,
        10 => a.powi(3),
        11 => (a.square() + 0.5).powf(-0.75) * 0.5,
        12 => 1.0 / (3.0 - a),
        13 => -a,
        14 => a.sum_axes(&axes, even) / 3.0,
        15 => a.mean_axes(&axes, !even),
        16 => a.logsumexp_axes(&axes, even) * 0.3,
        17 => axis.map_or(a, |axis| a.softmax(axis)),
        18 => axis.map_or(a, |axis| a.log_softmax(axis) * 0.25),
        19 => product(a, b, even),
        20 => batched(a, b),
        21 => match axis {
            Some(axis) => a.tape().concat(&[a, a * fitted_inside(a, b)], axis).slice(&spans(shape.len(), c)),
            None => a,
        },
        22 => a.slice(&spans(shape.len(), c)),
        23 => a.reshape(&[shape.elements()]).reshape(&shape).reshape(&[1, shape.elements()]),
        24 => axis.map_or(a, |axis| a.transpose(axis, -1)),
        25 if shape.len() == 1 => a.cross_entropy(&Tensor::scalar(c % shape[0])) * 0.2,
        _ => a.broadcast_to(&Shape::broadcast("fit", &shape, &fitted(a, b).shape()).expect("it was fitted")),
    }
}

/// `b` if it broadcasts into the shape of `a`, else its mean.
fn fitted_inside<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    match Shape::broadcast("fit", &a.shape(), &b.shape()) {
        Ok(both) if both == a.shape() => b,
        _ => b.mean(),
    }
}

/// At least one element of each axis: forwards, from the second, backwards, or every other.
fn spans(ndim: usize, c: usize) -> Vec<Span> {
    let kinds = [Span::from(..), Span::from(-2..), Span::from((.., -1)), Span::from((.., 2))];
    (0..ndim).map(|axis| kinds[(c >> (2 * axis)) % kinds.len()]).collect()
}

fn programs() -> impl Strategy<Value = Program> {
    let instruction = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>());
    (vec(any::<u8>(), 1..4), 0..1000u64, vec(instruction, 1..=30))
        .prop_map(|(shapes, seed, instructions)| Program { shapes, seed, instructions })
}

/// The same programs in every run.
fn each_program(count: u32, check: impl Fn(Program) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config).run(&programs(), check).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn gradients_agree_with_differences_to_second_order() {
    each_program(300, |program| {
        let check = GradCheck::new().directions(2).seed(program.seed);
        let result = check.check(|v| program.run(v), &program.inputs(&SMALL));
        result.map(|_| ()).map_err(|e| TestCaseError::fail(e.to_string()))
    });
}

/// Both sweeps of one program.
fn same_bits<T: Float>(program: &Program, shapes: &Shapes) -> Result<(), TestCaseError> {
    let tape = GradientTape::<T>::new();
    let inputs: Vec<Var<T>> = program.inputs(shapes).iter().map(|x| tape.var(x.cast())).collect();
    let y = program.run(&inputs);
    let numbers = y.backward();
    let recorded = tape.gradient(y, &inputs);
    for (x, recorded) in inputs.into_iter().zip(recorded) {
        prop_assert_eq!(bits(numbers.wrt(x)), bits(&recorded.value()), "{}", tape);
    }
    Ok(())
}

#[test]
fn numbers_and_recorded_gradients_have_the_same_bits() {
    each_program(500, |program| same_bits::<f64>(&program, &SMALL));
    each_program(500, |program| same_bits::<f32>(&program, &SMALL));
}

#[test]
fn numbers_and_recorded_gradients_of_larger_tensors_have_the_same_bits() {
    each_program(100, |program| same_bits::<f64>(&program, &LARGE));
    each_program(100, |program| same_bits::<f32>(&program, &LARGE));
}

/// The programs above would be no test if some operation never ran in them.
#[test]
fn programs_use_the_whole_vocabulary() {
    let (mut text, mut longest) = (String::new(), 0);
    let seen = std::cell::RefCell::new((&mut text, &mut longest));
    each_program(60, |program| {
        let tape = GradientTape::new();
        let inputs: Vec<Var<f64>> = program.inputs(&SMALL).iter().map(|x| tape.var(x)).collect();
        tape.gradient(program.run(&inputs), &inputs);
        let mut seen = seen.borrow_mut();
        seen.0.push_str(&tape.to_string());
        *seen.1 = program.instructions.len().max(*seen.1);
        Ok(())
    });
    let names = "neg exp ln sqrt tanh sigmoid square add sub mul div powi powf pow mul0 sum mean logsumexp \
                 reshape broadcast_to permute slice unslice concat softmax log_softmax matmul linear cross_entropy";
    for name in names.split_whitespace() {
        assert!(text.contains(&format!("= {name} ")), "no program uses {name}");
    }
    assert_eq!(longest, 30);
}

/// Several products in one adjoint are added inside the product's loop, with one rounding less.
#[test]
fn several_products_in_one_adjoint_agree_but_for_rounding() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[5, 5], 1));
    let others: Vec<Var<f64>> = (2..6).map(|seed| tape.constant(uniform(&[5, 5], seed))).collect();
    let sum = others.iter().fold(x.matmul(x), |sum, w| sum + x.matmul(*w) + w.matmul_nt(x));
    let y = (sum * tape.constant(tensor![0.5, 1.0, -1.0, 2.0, 0.1])).sum();
    let (numbers, recorded) = (y.backward(), tape.gradient(y, &[x])[0].value());
    common::assert_close(numbers.wrt(x), &recorded, 1e-15, "numbers and recorded");
}
