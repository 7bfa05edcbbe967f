//! Random programs of up to thirty operations over random small shapes: reverse mode, forward mode
//! and central differences agree, to second order; numbers agree with the recorded sweep, for the
//! plainest operations bit for bit.
//!
//! Every operation keeps its results within about ±1 and away from poles, so that a long program is
//! still smooth enough for differences. An instruction picks operands among all earlier values;
//! where their shapes do not fit, it first makes them fit, so that any list of instructions is a
//! program and can be shrunk.

#[path = "../common/vocabulary.rs"]
mod vocabulary;

use crate::common::{assert_close, bits, uniform};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use vocabulary::{FAMILIES, filled, fitted, scalar};
use wengert::ops::{Binary, Conv, Index, Linalg, Pool2d, Reduce, Scan, Softmax, Sort, Unary, View};
use wengert::trace::TraceOptions;
use wengert::{Float, GradientTape, Shape, Span, Tensor, Var, tensor};

/// Operation, operands, and a number that settles the rest.
type Instruction = (u8, u8, u8, u16);

/// How an instruction is carried out.
type Step<T> = for<'t> fn(u8, Var<'t, T>, Var<'t, T>, usize) -> Var<'t, T>;

#[derive(Clone, Debug)]
struct Program {
    shapes: Vec<u8>,
    seed: u64,
    instructions: Vec<Instruction>,
    /// The first and the last instruction inside of a checkpoint.
    checkpoint: (u8, u8),
}

type Shapes = [&'static [usize]];
const SMALL: &Shapes = &[&[], &[1], &[3], &[2, 3], &[3, 1], &[1, 3], &[3, 3], &[2, 1, 3], &[2, 3, 2]];
const SMALL_OR_EMPTY: &Shapes =
    &[&[], &[1], &[3], &[2, 3], &[3, 1], &[1, 3], &[3, 3], &[2, 1, 3], &[2, 3, 2], &[0], &[2, 0, 1]];
/// Longer than the tiles and strips that kernels work in.
const LARGE: &Shapes =
    &[&[], &[1], &[330], &[7, 40], &[40, 1], &[1, 40], &[40, 40], &[7, 1, 40], &[7, 40, 3]];
const PLAIN: u8 = 26;

impl Program {
    fn inputs(&self, shapes: &Shapes) -> Vec<Tensor<f64>> {
        let shape = |&i: &u8| shapes[i as usize % shapes.len()];
        self.shapes.iter().zip(self.seed..).map(|(i, seed)| uniform(shape(i), seed)).collect()
    }

    /// All values are used: the result is the sum of their means.
    fn run<'t, T: Float>(&self, inputs: &[Var<'t, T>], step: Step<T>) -> Var<'t, T> {
        let mut values = inputs.to_vec();
        let (first, last) = (self.checkpoint.0 as usize, self.checkpoint.1 as usize);
        let mut run = |instructions: &[Instruction]| {
            for &(op, a, b, c) in instructions {
                let (a, b) = (values[a as usize % values.len()], values[b as usize % values.len()]);
                values.push(step(op, a, b, c as usize));
            }
            values[values.len() - 1]
        };
        match self.instructions.get(first..=last) {
            // Its other values are read too, so that it is computed again in part.
            Some(inside) => {
                run(&self.instructions[..first]);
                inputs[0].tape().checkpoint(|| run(inside));
                run(&self.instructions[last + 1..]);
            }
            None => {
                run(&self.instructions);
            }
        }
        let means = values.iter().map(|&x| scalar(x));
        means.reduce(|a, b| a + b).expect("there is an input")
    }
}

/// An operation of any family.
fn any_step<'t, T: Float>(op: u8, a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    if op.is_multiple_of(3) && !a.value().is_empty() {
        return plain_step(op / 3, a, filled(b), c);
    }
    vocabulary::step(op as usize / 3 % FAMILIES, a, b, c)
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

/// An operation whose adjoints the two sweeps add up in the same order, to the same bits.
fn plain_step<'t, T: Float>(op: u8, a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let even = c.is_multiple_of(2);
    let shape = a.shape();
    let axis = if shape.is_empty() { None } else { Some((c % shape.len()) as isize) };
    let axes: Vec<isize> = axis.into_iter().collect();
    match op % PLAIN {
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
    let instruction = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>());
    (vec(any::<u8>(), 1..4), 0..1000u64, vec(instruction, 1..=30), (0..30u8, 0..90u8)).prop_map(
        |(shapes, seed, instructions, checkpoint)| Program { shapes, seed, instructions, checkpoint },
    )
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

/// A program along a line through its inputs: p(t) = f(x + t·d).
struct Line<'p> {
    program: &'p Program,
    inputs: Vec<Tensor<f64>>,
    direction: Vec<Tensor<f64>>,
}

impl Line<'_> {
    fn new(program: &Program) -> Line<'_> {
        let inputs = program.inputs(SMALL_OR_EMPTY);
        let direction = inputs.iter().zip(program.seed + 5000..).map(|(x, seed)| uniform(x.shape(), seed));
        Line { program, direction: direction.collect(), inputs }
    }

    fn vars<'t>(&self, tape: &'t GradientTape<f64>, t: f64) -> Vec<Var<'t, f64>> {
        let lines = self.inputs.iter().zip(&self.direction);
        lines.map(|(x, d)| tape.var(x.zip_map(d, |x, d| x + t * d))).collect()
    }

    fn value(&self, t: f64) -> f64 {
        let tape = GradientTape::new();
        self.program.run(&self.vars(&tape, t), any_step).item()
    }

    /// p′(t) in reverse mode.
    fn slope(&self, t: f64) -> f64 {
        let tape = GradientTape::new();
        let vars = self.vars(&tape, t);
        let grads = self.program.run(&vars, any_step).backward();
        let parts = vars.iter().zip(&self.direction).filter_map(|(&x, d)| Some((grads.get(x)?, d)));
        parts.map(|(g, d)| dot(g, d)).sum()
    }

    /// Richardson's extrapolation of central differences, and how far they are from it.
    fn difference(&self) -> (f64, f64) {
        let central = |h: f64| (self.value(h) - self.value(-h)) / (2.0 * h);
        let (coarse, fine) = (central(STEP), central(STEP / 2.0));
        ((4.0 * fine - coarse) / 3.0, (fine - coarse).abs())
    }

    /// Whether a corner, or a bend as sharp as one, is within a step: there the slope changes by
    /// more than the second derivative lets it.
    fn has_corner(&self, slope: f64, curvature: f64) -> bool {
        let bend = |t: f64| (self.slope(t) - slope - t * curvature).abs();
        bend(STEP).max(bend(-STEP)) > STEP * STEP * 1e4 * (1.0 + slope.abs() + curvature.abs())
    }
}

const STEP: f64 = 1e-4;

fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum()
}

/// Three ways to the first derivative, three to the second. Whether differences had their say.
fn check(program: &Program) -> bool {
    let line = Line::new(program);
    let tape = GradientTape::new();
    let x = line.vars(&tape, 0.0);
    let y = program.run(&x, any_step);
    assert!(y.item().is_finite(), "the value is {y}");

    let (numbers, recorded) = (y.backward(), tape.gradient(y, &x));
    for (&x, g) in x.iter().zip(&recorded) {
        let numbers = numbers.get(x).cloned().unwrap_or_else(|| Tensor::zeros(&x.shape()));
        assert_close(&numbers, &g.value(), 1e-11, "numbers against recorded");
    }
    let parts = || recorded.iter().zip(&line.direction).map(|(g, d)| dot(&g.value(), d));
    let (slope, size) = (parts().sum::<f64>(), parts().map(f64::abs).sum::<f64>());
    let forward = tape.jvp(&[y], &x, &line.direction)[0].item();
    assert!((forward - slope).abs() <= 1e-11 * (1.0 + size), "forward mode: {forward:e}, reverse: {slope:e}");

    // H·d: forward over reverse, and reverse over reverse.
    let forward = tape.jvp(&recorded, &x, &line.direction);
    let along = recorded.iter().zip(&line.direction).map(|(g, d)| (*g * tape.constant(d)).sum());
    let along = along.reduce(|a, b| a + b).expect("there is an input");
    let reverse = along.backward();
    let mut curvature = 0.0;
    for ((&x, forward), d) in x.iter().zip(&forward).zip(&line.direction) {
        let reverse = reverse.get(x).cloned().unwrap_or_else(|| Tensor::zeros(&x.shape()));
        assert_close(&reverse, forward, 1e-9, "reverse over reverse against forward over reverse");
        curvature += dot(forward, d);
    }

    if line.has_corner(slope, curvature) {
        return false;
    }
    let (difference, error) = line.difference();
    let allowed = error + 1e-9 * (1.0 + size);
    assert!(
        (difference - slope).abs() <= allowed,
        "differences: {difference:e} ± {error:e}, reverse: {slope:e}"
    );
    true
}

#[test]
fn reverse_and_forward_mode_and_differences_agree_to_second_order() {
    let (mut smooth, mut all) = (0, 0);
    let counts = std::cell::RefCell::new((&mut smooth, &mut all));
    each_program(1000, |program| {
        let is_smooth = check(&program);
        let mut counts = counts.borrow_mut();
        *counts.0 += is_smooth as u32;
        *counts.1 += 1;
        Ok(())
    });
    assert!(smooth * 20 > all * 19, "{smooth} of {all} programs were compared with differences");
}

/// Both sweeps of one program.
fn same_bits<T: Float>(program: &Program, shapes: &Shapes) -> Result<(), TestCaseError> {
    let tape = GradientTape::<T>::new();
    let inputs: Vec<Var<T>> = program.inputs(shapes).iter().map(|x| tape.var(x.cast())).collect();
    let y = program.run(&inputs, plain_step);
    let numbers = y.backward();
    let recorded = tape.gradient(y, &inputs);
    for (x, recorded) in inputs.into_iter().zip(recorded) {
        prop_assert_eq!(bits(numbers.wrt(x)), bits(&recorded.value()), "{}", tape);
    }
    Ok(())
}

#[test]
fn numbers_and_recorded_gradients_have_the_same_bits() {
    each_program(500, |program| same_bits::<f64>(&program, SMALL));
    each_program(500, |program| same_bits::<f32>(&program, SMALL));
}

#[test]
fn numbers_and_recorded_gradients_of_larger_tensors_have_the_same_bits() {
    each_program(100, |program| same_bits::<f64>(&program, LARGE));
    each_program(100, |program| same_bits::<f32>(&program, LARGE));
}

/// A traced sweep of a program against the engine's, and the log against itself.
fn same_trace<T: Float>(program: &Program, shapes: &Shapes, step: Step<T>) -> Result<(), TestCaseError> {
    let tape = GradientTape::<T>::new();
    let inputs: Vec<Var<T>> = program.inputs(shapes).iter().map(|x| tape.var(x.cast())).collect();
    let y = program.run(&inputs, step);
    let grads = y.backward();
    let trace = tape.trace_with(y, TraceOptions::capped(usize::MAX)).expect("a scalar");
    prop_assert_eq!(trace.check_sums(), vec![], "{}", tape);
    for x in inputs {
        let (traced, engine) = (trace.adjoint(x.id(), trace.end()), grads.get(x));
        prop_assert_eq!(traced.as_ref().map(bits), engine.map(|g| bits(&g.cast::<f64>())), "{}", tape);
    }
    let again = trace.replay_with(&[]).expect("the program is there");
    prop_assert_eq!(trace.compare(&again), vec![], "{}", tape);
    Ok(())
}

#[test]
fn a_traced_sweep_gives_the_bits_of_the_engine() {
    each_program(300, |program| same_trace::<f64>(&program, SMALL_OR_EMPTY, any_step));
    each_program(150, |program| same_trace::<f32>(&program, SMALL, any_step));
    each_program(50, |program| same_trace::<f64>(&program, LARGE, plain_step));
}

/// There are no differences of these; `tests/suite/rules.rs` has them.
const JUMPS: [&str; 4] = ["floor", "ceil", "trunc", "round"];

/// The programs above would be no test if some operation never ran in them.
#[test]
fn programs_use_the_whole_vocabulary() {
    let (mut text, mut longest) = (String::new(), 0);
    let seen = std::cell::RefCell::new((&mut text, &mut longest));
    each_program(300, |program| {
        let tape = GradientTape::new();
        let inputs: Vec<Var<f64>> = program.inputs(SMALL_OR_EMPTY).iter().map(|x| tape.var(x)).collect();
        let gradients = tape.gradient(program.run(&inputs, any_step), &inputs);
        tape.gradient(gradients.iter().map(|g| g.square().sum()).reduce(|a, b| a + b).expect("one"), &inputs);
        let mut seen = seen.borrow_mut();
        seen.0.push_str(&tape.to_string());
        *seen.1 = program.instructions.len().max(*seen.1);
        Ok(())
    });
    let mut names: Vec<&str> = "where matmul linear cross_entropy custom_gradient fused".split(' ').collect();
    macro_rules! add {
        ($($Family:ident),*) => { $(names.extend($Family::ALL.iter().map(|op| op.name()));)* };
    }
    add!(Unary, Binary, Reduce, View, Index, Sort, Scan, Softmax, Conv, Pool2d, Linalg);
    names.retain(|name| !text.contains(&format!("= {name} ")));
    assert_eq!(names, JUMPS, "operations that no program uses");
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
    crate::common::assert_close(numbers.wrt(x), &recorded, 1e-15, "numbers and recorded");
}
