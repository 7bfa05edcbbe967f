//! Each operation's rule alone, against central differences, to second order.
//!
//! Points are informative ones of the operation's own domain: not where it is flat or saturated,
//! away from kinks, of both signs where both are allowed. (A test of `tanh` at 20 passes with the
//! rule zero.) The table is held against the operations' own lists: one without a case fails.

use crate::common::{
    ABOVE_ONE, BOTH, Function, Intervals, NO_POLES, NO_STEPS, PIECES, POSITIVE, UNIT, alternate, apart,
    assert_close, distinct, dot, from_intervals, regular, uniform,
};
use std::collections::BTreeSet;
use wengert::ops::{Binary, Conv, Index, Linalg, Pool2d, Reduce, Scan, Softmax, Sort, Unary, View};
use wengert::real::Real;
use wengert::{ConvOptions, GradientTape, PoolOptions, Span, Tensor, Var, gradcheck, tensor};

struct Case {
    /// The operation, as its enum prints it.
    covers: String,
    /// What a line of the tape has in it where it is recorded.
    on_tape: String,
    f: Function,
    inputs: Vec<Tensor<f64>>,
}

fn case(covers: impl std::fmt::Debug, name: &str, f: Function, inputs: Vec<Tensor<f64>>) -> Case {
    Case { covers: format!("{covers:?}"), on_tape: format!("= {name} "), f, inputs }
}

/// A case that is listed under the operation's name on the tape.
fn named(name: &str, f: Function, inputs: Vec<Tensor<f64>>) -> Case {
    Case { covers: name.into(), on_tape: format!("= {name} "), f, inputs }
}

const SCALAR: &[usize] = &[];
/// The longest is for vector instructions and what is left over.
const SHAPES: [&[usize]; 9] = [SCALAR, &[1], &[5], &[3, 4], &[1, 1], &[2, 1, 3], &[0], &[2, 0, 3], &[71]];

/// Pairs that broadcast in each direction, along each kind of axis.
const PAIRS: [(&[usize], &[usize]); 14] = [
    (SCALAR, SCALAR),
    (&[4], &[4]),
    (&[3, 4], &[4]),
    (&[4], &[3, 4]),
    (&[3, 1], &[1, 4]),
    (SCALAR, &[2, 3]),
    (&[2, 3], SCALAR),
    (SCALAR, &[1]),
    (&[1], &[5]),
    (&[2, 3, 4], &[3, 1]),
    (&[2, 1, 4], &[3, 1]),
    (&[0], &[1]),
    (&[2, 0], &[2, 1]),
    (SCALAR, &[0]),
];

fn unary_cases() -> Vec<Case> {
    let table: Vec<(Unary, Function, Intervals)> = vec![
        (Unary::Neg, |v| -v[0], BOTH),
        (Unary::Exp, |v| v[0].exp(), BOTH),
        (Unary::Exp2, |v| v[0].exp2(), BOTH),
        (Unary::ExpM1, |v| v[0].exp_m1(), BOTH),
        (Unary::Ln, |v| v[0].ln(), POSITIVE),
        (Unary::Log2, |v| v[0].log2(), POSITIVE),
        (Unary::Log10, |v| v[0].log10(), POSITIVE),
        (Unary::Ln1p, |v| v[0].ln_1p(), UNIT),
        (Unary::Sqrt, |v| v[0].sqrt(), POSITIVE),
        (Unary::Rsqrt, |v| v[0].rsqrt(), POSITIVE),
        (Unary::Cbrt, |v| v[0].cbrt(), BOTH),
        (Unary::Sin, |v| v[0].sin(), BOTH),
        (Unary::Cos, |v| v[0].cos(), BOTH),
        (Unary::Tan, |v| v[0].tan(), BOTH),
        (Unary::Asin, |v| v[0].asin(), UNIT),
        (Unary::Acos, |v| v[0].acos(), UNIT),
        (Unary::Atan, |v| v[0].atan(), BOTH),
        (Unary::Sinh, |v| v[0].sinh(), BOTH),
        (Unary::Cosh, |v| v[0].cosh(), BOTH),
        (Unary::Tanh, |v| v[0].tanh(), BOTH),
        (Unary::Asinh, |v| v[0].asinh(), BOTH),
        (Unary::Acosh, |v| v[0].acosh(), ABOVE_ONE),
        (Unary::Atanh, |v| v[0].atanh(), UNIT),
        (Unary::Erf, |v| v[0].erf(), BOTH),
        (Unary::Erfc, |v| v[0].erfc(), BOTH),
        (Unary::Lgamma, |v| v[0].lgamma(), NO_POLES),
        (Unary::Digamma, |v| v[0].digamma(), NO_POLES),
        (Unary::Polygamma, |v| v[0].polygamma(1), NO_POLES),
        (Unary::Polygamma, |v| v[0].polygamma(2), NO_POLES),
        (Unary::Sigmoid, |v| v[0].sigmoid(), BOTH),
        (Unary::LogSigmoid, |v| v[0].log_sigmoid(), BOTH),
        (Unary::Softplus, |v| v[0].softplus(), BOTH),
        (Unary::Softsign, |v| v[0].softsign(), BOTH),
        (Unary::Relu, |v| v[0].relu(), BOTH),
        (Unary::Relu6, |v| v[0].relu6(), PIECES),
        (Unary::LeakyRelu, |v| v[0].leaky_relu(0.1), BOTH),
        (Unary::Elu, |v| v[0].elu(0.7), BOTH),
        (Unary::Selu, |v| v[0].selu(), BOTH),
        (Unary::Gelu, |v| v[0].gelu(), BOTH),
        (Unary::GeluTanh, |v| v[0].gelu_tanh(), BOTH),
        (Unary::Silu, |v| v[0].silu(), BOTH),
        (Unary::Mish, |v| v[0].mish(), BOTH),
        (Unary::HardSigmoid, |v| v[0].hard_sigmoid(), PIECES),
        (Unary::HardSwish, |v| v[0].hard_swish(), PIECES),
        (Unary::HardTanh, |v| v[0].hard_tanh(), PIECES),
        (Unary::Clamp, |v| v[0].clamp(-0.6, 1.1), PIECES),
        (Unary::Square, |v| v[0].square(), BOTH),
        (Unary::Abs, |v| v[0].abs(), BOTH),
        (Unary::Sign, |v| v[0].sign() * v[0], BOTH),
        (Unary::Floor, |v| v[0].floor() * v[0], NO_STEPS),
        (Unary::Ceil, |v| v[0].ceil() * v[0], NO_STEPS),
        (Unary::Trunc, |v| v[0].trunc() * v[0], NO_STEPS),
        (Unary::Round, |v| v[0].round() * v[0], NO_STEPS),
        (Unary::Positive, |v| v[0].positive() * v[0], BOTH),
        (Unary::Plus, |v| v[0] + 1.7, BOTH),
        (Unary::Plus, |v| 1.7 + v[0], BOTH),
        (Unary::Minus, |v| v[0] - 1.7, BOTH),
        (Unary::MinusFrom, |v| 1.7 - v[0], BOTH),
        (Unary::Times, |v| v[0] * -2.5, BOTH),
        (Unary::Times, |v| -2.5 * v[0], BOTH),
        (Unary::Over, |v| v[0] / -0.4, BOTH),
        (Unary::Divide, |v| -1.2 / v[0], BOTH),
        (Unary::Powi, |v| v[0].powi(-2), BOTH),
        (Unary::Powi, |v| v[0].powi(0), BOTH),
        (Unary::Powi, |v| v[0].powi(1), BOTH),
        (Unary::Powi, |v| v[0].powi(2), BOTH),
        (Unary::Powi, |v| v[0].powi(5), BOTH),
        (Unary::Powf, |v| v[0].powf(-1.5), POSITIVE),
        (Unary::Powf, |v| v[0].powf(0.0), POSITIVE),
        (Unary::Powf, |v| v[0].powf(0.5), POSITIVE),
        (Unary::Powf, |v| v[0].powf(2.5), POSITIVE),
    ];
    let over_shapes = |(i, (op, f, intervals)): (usize, (Unary, Function, Intervals))| {
        let inputs = move |shape: &[usize]| vec![from_intervals(shape, intervals, i as u64)];
        SHAPES.into_iter().map(move |shape| case(op, op.name(), f, inputs(shape)))
    };
    table.into_iter().enumerate().flat_map(over_shapes).collect()
}

fn binary_function(op: Binary) -> Function {
    match op {
        Binary::Add => |v| v[0] + v[1],
        Binary::Sub => |v| v[0] - v[1],
        Binary::Mul => |v| v[0] * v[1],
        Binary::Div => |v| v[0] / v[1],
        Binary::Pow => |v| v[0].pow(v[1]),
        Binary::Atan2 => |v| v[0].atan2(v[1]),
        Binary::Hypot => |v| v[0].hypot(v[1]),
        Binary::Maximum => |v| v[0].maximum(v[1]),
        Binary::Minimum => |v| v[0].minimum(v[1]),
        Binary::Wins => |v| v[0].wins(v[1]) * v[0],
        Binary::Equal => |v| v[0].equal(v[1]) + v[1],
        Binary::Mul0 => |v| v[0].mul0(v[1]),
        Binary::Keep => |v| v[0].positive().keep(v[1]),
        other => panic!("{other:?} needs a line here"),
    }
}

fn binary_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &op in Binary::ALL {
        let f = binary_function(op);
        let input = |shape: &[usize], i: usize| match op {
            Binary::Maximum | Binary::Minimum | Binary::Wins | Binary::Equal => {
                distinct(shape, 0.5 * i as f64, 1)
            }
            Binary::Pow if i == 0 => from_intervals(shape, POSITIVE, 2),
            _ => from_intervals(shape, BOTH, 3 + i as u64),
        };
        for (a, b) in PAIRS {
            cases.push(case(op, op.name(), f, vec![input(a, 0), input(b, 1)]));
        }
    }
    cases
}

fn reduce_cases() -> Vec<Case> {
    let table: [(Reduce, Function, &[usize]); 30] = [
        (Reduce::Sum, |v| v[0].sum(), &[2, 3, 4]),
        (Reduce::Sum, |v| v[0].sum(), SCALAR),
        (Reduce::Sum, |v| v[0].sum(), &[0]),
        (Reduce::Sum, |v| v[0].sum_axes(&[0], false), &[0, 3]),
        (Reduce::Sum, |v| v[0].sum_axes(&[1], true), &[2, 3, 4]),
        (Reduce::Sum, |v| v[0].sum_axes(&[0, -1], false), &[2, 3, 4]),
        (Reduce::Sum, |v| v[0].sum_axes(&[], false), &[2, 3]),
        (Reduce::Mean, |v| v[0].mean(), &[2, 3, 4]),
        (Reduce::Mean, |v| v[0].mean(), &[1]),
        (Reduce::Mean, |v| v[0].mean_axes(&[0], false), &[2, 3, 4]),
        (Reduce::Mean, |v| v[0].mean_axes(&[0, 2], true), &[2, 3, 4]),
        (Reduce::Mean, |v| v[0].mean_axes(&[1], false), &[0, 3]),
        (Reduce::Max, |v| v[0].max(), &[2, 3, 4]),
        (Reduce::Max, |v| v[0].max(), SCALAR),
        (Reduce::Max, |v| v[0].max_axes(&[1], false), &[2, 3, 4]),
        (Reduce::Max, |v| v[0].max_axes(&[0, 2], true), &[2, 3, 4]),
        (Reduce::Max, |v| v[0].max_axes(&[-1], false), &[0, 3]),
        (Reduce::Max, |v| v[0].max_axes(&[0], false), &[1, 3]),
        (Reduce::Min, |v| v[0].min(), &[2, 3, 4]),
        (Reduce::Min, |v| v[0].min(), SCALAR),
        (Reduce::Min, |v| v[0].min_axes(&[1], false), &[2, 3, 4]),
        (Reduce::Min, |v| v[0].min_axes(&[0, 2], true), &[2, 3, 4]),
        (Reduce::Min, |v| v[0].min_axes(&[-1], false), &[0, 3]),
        (Reduce::Min, |v| v[0].min_axes(&[0], false), &[1, 3]),
        (Reduce::LogSumExp, |v| v[0].logsumexp(), &[2, 3, 4]),
        (Reduce::LogSumExp, |v| v[0].logsumexp(), &[1]),
        (Reduce::LogSumExp, |v| v[0].logsumexp_axes(&[0], false), &[2, 3, 4]),
        (Reduce::LogSumExp, |v| v[0].logsumexp_axes(&[-1], true), &[2, 3, 4]),
        (Reduce::LogSumExp, |v| v[0].logsumexp_axes(&[0, 2], false), &[2, 3, 4]),
        (Reduce::LogSumExp, |v| v[0].logsumexp_axes(&[1], false), &[0, 3]),
    ];
    table.into_iter().map(|(op, f, shape)| case(op, op.name(), f, vec![distinct(shape, 0.0, 4)])).collect()
}

/// Zeros with v[1] written into a slice of them: the transpose of slicing, as the sweep records it.
fn unslice<'t>(x: Var<'t, f64>, part: Var<'t, f64>, spans: &[Span]) -> Var<'t, f64> {
    x.tape().gradient((x.slice(spans) * part).sum(), &[x])[0]
}

fn view_cases() -> Vec<Case> {
    let table: Vec<(View, Function, Vec<&[usize]>)> = vec![
        (View::Reshape, |v| v[0].reshape(&[4, 6]), vec![&[2, 3, 4]]),
        (View::Reshape, |v| v[0].reshape(&[1, 1]), vec![SCALAR]),
        (View::Reshape, |v| v[0].reshape(&[]), vec![&[1, 1]]),
        (View::Reshape, |v| v[0].reshape(&[3, 0]), vec![&[0]]),
        (View::BroadcastTo, |v| v[0].broadcast_to(&[5, 3, 4]), vec![&[1, 3, 1]]),
        (View::BroadcastTo, |v| v[0].broadcast_to(&[2, 3]), vec![SCALAR]),
        (View::BroadcastTo, |v| v[0].broadcast_to(&[1, 1, 3]), vec![&[3]]),
        (View::BroadcastTo, |v| v[0].broadcast_to(&[0, 3]), vec![&[3]]),
        (View::Permute, |v| v[0].permute(&[2, 0, 1]), vec![&[2, 3, 4]]),
        (View::Permute, |v| v[0].permute(&[-1, 0, 1, 2]), vec![&[2, 1, 3, 2]]),
        (View::Permute, |v| v[0].permute(&[]), vec![SCALAR]),
        (View::Permute, |v| v[0].transpose(0, -1), vec![&[2, 3, 4]]),
        (View::Permute, |v| v[0].transpose(0, 1), vec![&[0, 3]]),
        (View::Slice, |v| v[0].slice(&[(0..2).into(), (1..3).into(), (.., 2).into()]), vec![&[2, 4, 5]]),
        (View::Slice, |v| v[0].slice(&[(.., -1).into(), (-1..0, -2).into()]), vec![&[3, 6]]),
        (View::Slice, |v| v[0].slice(&[(2..2).into()]), vec![&[4, 2]]),
        (View::Slice, |v| v[0].slice(&[]), vec![SCALAR]),
        (View::Unslice, |v| unslice(v[0], v[1], &[(1..3).into()]), vec![&[4, 2], &[2, 2]]),
        (View::Unslice, |v| unslice(v[0], v[1], &[(..).into(), (.., -3).into()]), vec![&[2, 7], &[2, 3]]),
        (View::Unslice, |v| unslice(v[0], v[1], &[(0..0).into()]), vec![&[3], &[0]]),
        (View::Concat, |v| v[0].tape().concat(v, 0), vec![&[2, 3]]),
        (View::Concat, |v| v[0].tape().concat(v, 1), vec![&[2, 3], &[2, 5]]),
        (View::Concat, |v| v[0].tape().concat(v, -2), vec![&[2, 1, 3], &[2, 4, 3], &[2, 0, 3]]),
        (View::Concat, |v| v[0].tape().concat(&[v[0], v[1], v[0]], 0), vec![&[2], &[3]]),
        (View::Band, |v| v[0].tril(0), vec![&[3, 4]]),
        (View::Band, |v| v[0].tril(-1), vec![&[2, 4, 3]]),
        (View::Band, |v| v[0].triu(1), vec![&[4, 4]]),
        (View::Band, |v| v[0].triu(-9), vec![&[2, 3]]),
        (View::Band, |v| v[0].tril(isize::MIN), vec![&[2, 3]]),
        (View::Band, |v| v[0].triu(isize::MAX), vec![&[0, 3]]),
        // Composed of the above.
        (View::Permute, |v| v[0].t(), vec![&[2, 3, 4]]),
        (View::Reshape, |v| v[0].flatten(), vec![&[2, 3]]),
        (View::Reshape, |v| v[0].squeeze(1), vec![&[2, 1, 3]]),
        (View::Reshape, |v| v[0].squeeze_all(), vec![&[1, 2, 1]]),
        (View::Reshape, |v| v[0].expand_dims(-2), vec![&[2, 3]]),
        (View::Slice, |v| v[0].flip(&[0, -1]), vec![&[2, 3, 2]]),
        (View::Concat, |v| v[0].roll(2, 1), vec![&[2, 5]]),
        (View::Concat, |v| v[0].roll(-7, 0), vec![&[4, 2]]),
        (View::BroadcastTo, |v| v[0].tile(&[2, 3]), vec![&[2, 3]]),
        (View::BroadcastTo, |v| v[0].tile(&[2, 1, 3]), vec![&[2]]),
        (View::BroadcastTo, |v| v[0].tile(&[2]), vec![&[2, 3]]),
        (View::BroadcastTo, |v| v[0].tile(&[0, 2]), vec![SCALAR]),
        (View::Unslice, |v| v[0].pad(&[[0, 1], [1, 2]], 0.0), vec![&[3, 2]]),
        (View::Unslice, |v| v[0].pad(&[[2, 0], [0, 1]], -0.5), vec![&[2, 2]]),
        (View::Unslice, |v| v[0].diag(), vec![&[3]]),
        (View::Slice, |v| v[0].diag(), vec![&[3, 4]]),
        (View::Slice, |v| v[0].diagonal(0), vec![&[2, 3, 4]]),
        (View::Slice, |v| v[0].diagonal(2), vec![&[3, 4]]),
        (View::Slice, |v| v[0].diagonal(-1), vec![&[3, 2]]),
        (View::Slice, |v| v[0].diagonal(isize::MIN), vec![&[3, 2]]),
        (View::Slice, |v| v[0].trace(), vec![&[2, 3, 3]]),
        (View::Concat, |v| v[0].tape().stack(v, 1), vec![&[2, 3], &[2, 3]]),
        (View::Concat, |v| v[0].tape().stack(v, -1), vec![SCALAR, SCALAR]),
        (View::Slice, |v| v[0].split(&[2, 0, 1], 1)[0] * 2.0, vec![&[2, 3]]),
        (View::Slice, |v| v[0].chunk(3, -1).into_iter().reduce(|a, b| a * b).unwrap(), vec![&[2, 6]]),
        (View::Slice, |v| v[0].unbind(0).into_iter().reduce(|a, b| a * b).unwrap(), vec![&[3, 2]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(5..).map(|(s, seed)| uniform(s, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| case(op, op.name(), f, inputs(shapes))).collect()
}

fn index_cases() -> Vec<Case> {
    let table: [(Index, Function, Vec<&[usize]>); 12] = [
        (Index::Select, |v| v[0].index_select(0, &tensor![2, 0, 2]), vec![&[3, 4]]),
        (Index::Select, |v| v[0].index_select(1, &tensor![[0, 1], [1, 1]]), vec![&[2, 3, 2]]),
        (Index::Select, |v| v[0].index_select(-1, &Tensor::scalar(1)), vec![&[2, 3]]),
        (Index::Select, |v| v[0].index_select(0, &Tensor::zeros(&[0])), vec![&[3, 2]]),
        (Index::Select, |v| v[0].embedding(&tensor![[1, 0], [1, 2]]), vec![&[3, 2]]),
        (Index::Select, |v| v[0].gather(1, &tensor![[0, 2], [1, 1], [2, 0]]), vec![&[3, 4]]),
        (Index::Select, |v| v[0].gather(0, &tensor![[1, 0, 1]]), vec![&[2, 3]]),
        (Index::Select, |v| v[0].gather(-1, &Tensor::zeros(&[2, 0])), vec![&[2, 3]]),
        (Index::Add, |v| v[0].scatter_add(1, &tensor![[0, 2], [1, 1]], v[1]), vec![&[2, 3], &[2, 2]]),
        (Index::Add, |v| v[0].scatter_add(0, &tensor![[1, 1, 0]], v[1]), vec![&[2, 3], &[1, 3]]),
        (Index::Add, |v| v[0].scatter_add(0, &Tensor::zeros(&[0]), v[1]), vec![&[2], &[0]]),
        (Index::Add, |v| v[0].scatter_add(0, &tensor![1, 0], v[0]), vec![&[2]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(12..).map(|(s, seed)| uniform(s, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| case(op, op.name(), f, inputs(shapes))).collect()
}

/// v[1] put back where the sorted elements of v[0] came from, as the sweep records it.
fn unsort<'t>(x: Var<'t, f64>, values: Var<'t, f64>, axis: isize) -> Var<'t, f64> {
    x.tape().gradient((x.sort(axis, true) * values).sum(), &[x])[0]
}

/// v[1] in the order of v[0], as the sweep of the above records it.
fn sort_by<'t>(keys: Var<'t, f64>, values: Var<'t, f64>, axis: isize) -> Var<'t, f64> {
    let zeros = keys.tape().var(Tensor::zeros(&keys.shape()));
    keys.tape().gradient((unsort(keys, zeros, axis) * values).sum(), &[zeros])[0]
}

fn sort_cases() -> Vec<Case> {
    let table: [(Sort, Function, Vec<&[usize]>); 11] = [
        (Sort::Sort, |v| v[0].sort(0, false), vec![&[5]]),
        (Sort::Sort, |v| v[0].sort(1, true), vec![&[2, 4, 3]]),
        (Sort::Sort, |v| v[0].sort(-1, false), vec![&[2, 0]]),
        (Sort::Sort, |v| v[0].topk(2, 0).0, vec![&[5]]),
        (Sort::Sort, |v| v[0].topk(1, 1).0, vec![&[2, 4, 3]]),
        (Sort::Sort, |v| v[0].topk(0, -1).0, vec![&[2, 3]]),
        (Sort::Unsort, |v| unsort(v[0], v[1], 0), vec![&[5], &[5]]),
        (Sort::Unsort, |v| unsort(v[0], v[1], 1), vec![&[2, 4, 3], &[2, 4, 3]]),
        (
            Sort::Unsort,
            |v| v[0].tape().gradient((v[0].topk(2, 0).0 * v[1]).sum(), v)[0],
            vec![&[4, 2], &[2, 2]],
        ),
        (Sort::SortBy, |v| sort_by(v[0], v[1], 0), vec![&[5], &[5]]),
        (Sort::SortBy, |v| sort_by(v[0], v[1], 1), vec![&[2, 4, 3], &[2, 4, 3]]),
    ];
    let inputs =
        |shapes: Vec<&[usize]>| shapes.iter().zip(13..).map(|(s, seed)| distinct(s, 0.0, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| case(op, op.name(), f, inputs(shapes))).collect()
}

/// The sums that the sweep of a recurrence with the factors v[1] records.
fn recurrence0<'t>(y_bar: Var<'t, f64>, factors: Var<'t, f64>, axis: isize) -> Var<'t, f64> {
    let zeros = y_bar.tape().var(Tensor::zeros(&y_bar.shape()));
    y_bar.tape().gradient((zeros.recurrence(factors, axis, true) * y_bar).sum(), &[zeros])[0]
}

fn scan_cases() -> Vec<Case> {
    let table: [(Scan, Function, Vec<&[usize]>); 17] = [
        (Scan::Sum, |v| v[0].cumsum(0), vec![&[4]]),
        (Scan::Sum, |v| v[0].cumsum(1), vec![&[2, 3, 4]]),
        (Scan::Sum, |v| v[0].cumsum(-1), vec![&[2, 3, 4]]),
        (Scan::Sum, |v| v[0].cumsum(0), vec![&[0, 3]]),
        (Scan::Sum, |v| v[0].cumsum(1), vec![&[3, 1]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 0, false), vec![&[5], &[5]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 0, true), vec![&[5], SCALAR]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 1, false), vec![&[2, 4, 3], &[4, 1]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 1, true), vec![&[2, 4, 3], &[2, 4, 3]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[0], -1, true), vec![&[2, 3]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 0, false), vec![&[0, 2], &[0, 2]]),
        (Scan::Recurrence, |v| v[0].recurrence(v[1], 0, true), vec![&[1, 2], &[1, 2]]),
        (Scan::Recurrence0, |v| recurrence0(v[0], v[1], 0), vec![&[5], &[5]]),
        (Scan::Recurrence0, |v| recurrence0(v[0], v[1], 1), vec![&[2, 4, 3], &[4, 1]]),
        (Scan::Recurrence, |v| v[0].cumprod(0), vec![&[4]]),
        (Scan::Recurrence, |v| v[0].cumprod(1), vec![&[2, 4, 3]]),
        (Scan::Recurrence, |v| v[0].cumprod(-1), vec![&[3, 1]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(15..).map(|(s, seed)| uniform(s, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| case(op, op.name(), f, inputs(shapes))).collect()
}

/// Reductions that are composed, with an operation that each records.
fn statistics_cases() -> Vec<Case> {
    let table: [(&str, &str, Function, &[usize]); 15] = [
        ("Mul", "mul", |v| v[0].prod(), &[7]),
        ("Mul", "mul", |v| v[0].prod_axes(&[1], false), &[2, 3, 4]),
        ("Mul", "mul", |v| v[0].prod_axes(&[0, 2], true), &[2, 3, 2]),
        ("Sum", "sum", |v| v[0].prod_axes(&[0], false), &[0, 3]),
        ("Reshape", "reshape", |v| v[0].prod(), SCALAR),
        ("Mean", "mean", |v| v[0].var(), &[2, 3]),
        ("Mean", "mean", |v| v[0].var_axes(&[1], true), &[2, 3, 4]),
        ("Mean", "mean", |v| v[0].var_axes(&[0, 2], false), &[2, 3, 4]),
        ("Mean", "mean", |v| v[0].var_axes(&[1], true), &[0, 3]),
        ("Sqrt", "sqrt", |v| v[0].std(), &[2, 3]),
        ("Sqrt", "sqrt", |v| v[0].std_axes(&[0], true), &[3, 2, 4]),
        ("Sqrt", "sqrt", |v| v[0].std_axes(&[0, 2], false), &[2, 3, 4]),
        ("Sqrt", "sqrt", |v| v[0].norm(), &[2, 3]),
        ("Sqrt", "sqrt", |v| v[0].norm_axes(&[-1], false), &[2, 3, 4]),
        ("Sqrt", "sqrt", |v| v[0].norm_axes(&[0], true), &[0, 3]),
    ];
    let case = |(covers, name, f, shape): (&str, &str, Function, &[usize])| Case {
        covers: covers.into(),
        on_tape: format!("= {name} "),
        f,
        inputs: vec![distinct(shape, 0.5, 17)],
    };
    table.into_iter().map(case).collect()
}

fn softmax_cases() -> Vec<Case> {
    let table: [(Softmax, Function, &[usize]); 10] = [
        (Softmax::Softmax, |v| v[0].softmax(0), &[2, 3, 4]),
        (Softmax::Softmax, |v| v[0].softmax(1), &[2, 3, 4]),
        (Softmax::Softmax, |v| v[0].softmax(-1), &[2, 3, 4]),
        (Softmax::Softmax, |v| v[0].softmax(0), &[1]),
        (Softmax::Softmax, |v| v[0].softmax(-1), &[3, 0]),
        (Softmax::LogSoftmax, |v| v[0].log_softmax(0), &[2, 3, 4]),
        (Softmax::LogSoftmax, |v| v[0].log_softmax(1), &[2, 3, 4]),
        (Softmax::LogSoftmax, |v| v[0].log_softmax(-1), &[2, 3, 4]),
        (Softmax::LogSoftmax, |v| v[0].log_softmax(-1), &[3, 1]),
        (Softmax::LogSoftmax, |v| v[0].log_softmax(0), &[0, 3]),
    ];
    table.into_iter().map(|(op, f, shape)| case(op, op.name(), f, vec![uniform(shape, 9)])).collect()
}

/// Aᵀ·B, which the sweep records for the second operand of A·B.
fn product_tn<'t>(a: Var<'t, f64>, y_bar: Var<'t, f64>, b: Var<'t, f64>) -> Var<'t, f64> {
    a.tape().gradient((a.matmul(b) * y_bar).sum(), &[b])[0]
}

fn product_cases() -> Vec<Case> {
    let table: Vec<(&str, &str, Function, Vec<&[usize]>)> = vec![
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[3, 4], &[4, 5]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[4], &[4]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[3, 4], &[4]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[4], &[4, 5]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[2, 3, 4], &[2, 4, 5]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[2, 3, 4], &[4, 5]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[2, 3, 4], &[4]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[4], &[2, 4, 3]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[1, 3, 4], &[3, 4, 2]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[2, 1, 3, 4], &[2, 4, 2]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[3, 4], &[2, 4, 2]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[0, 4], &[4, 2]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[1]), vec![&[3, 0], &[0, 2]]),
        ("matmul NN", "= matmul ", |v| v[0].matmul(v[0]), vec![&[3, 3]]),
        ("matmul NN", "= matmul ", |v| v[0].dot(v[1]), vec![&[4], &[4]]),
        ("matmul NN", "= matmul ", |v| v[0].dot(v[0]), vec![&[0]]),
        ("Mul", "= mul ", |v| v[0].outer(v[1]), vec![&[3], &[4]]),
        ("matmul NT", "ᵀ ", |v| v[0].matmul_nt(v[1]), vec![&[3, 4], &[5, 4]]),
        ("matmul NT", "ᵀ ", |v| v[0].matmul_nt(v[1]), vec![&[2, 3, 4], &[5, 4]]),
        ("matmul NT", "ᵀ ", |v| v[0].matmul_nt(v[1]), vec![&[2, 3, 4], &[2, 5, 4]]),
        ("matmul NT", "ᵀ ", |v| v[0].matmul_nt(v[1]), vec![&[4], &[5, 4]]),
        ("matmul NT", "ᵀ ", |v| v[0].matmul_nt(v[0]), vec![&[3, 4]]),
        ("matmul TN", "ᵀ, ", |v| product_tn(v[0], v[1], v[2]), vec![&[3, 4], &[3, 5], &[4, 5]]),
        ("matmul TN", "ᵀ, ", |v| product_tn(v[0], v[1], v[2]), vec![&[2, 3, 4], &[2, 3, 5], &[2, 4, 5]]),
        ("matmul TN", "ᵀ, ", |v| product_tn(v[0], v[1], v[2]), vec![&[3, 4], &[2, 3, 5], &[2, 4, 5]]),
        ("linear", "= linear ", |v| v[0].linear(v[1], v[2]), vec![&[3, 4], &[5, 4], &[5]]),
        ("linear", "= linear ", |v| v[0].linear(v[1], v[2]), vec![&[4], &[5, 4], &[5]]),
        ("linear", "= linear ", |v| v[0].linear(v[1], v[2]), vec![&[2, 3, 4], &[1, 4], &[1]]),
        ("linear", "= linear ", |v| v[0].linear(v[1], v[2]), vec![&[0, 4], &[5, 4], &[5]]),
        ("linear", "= linear ", |v| v[0].linear(v[0], v[1]), vec![&[3, 3], &[3]]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[4]), v[1]), vec![&[3, 4], &[3, 4]]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[3, 4]), v[1]), vec![&[4], &[3, 1]]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[2, 1, 4]), v[1]), vec![SCALAR, &[3, 1]]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[]), v[1]), vec![SCALAR, SCALAR]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[0]), v[1]), vec![&[2, 0], &[1]]),
        ("where", "= where ", |v| v[0].where_(&alternate(&[3]), v[0]), vec![&[3]]),
        ("cross_entropy", "= cross_entropy ", |v| v[0].cross_entropy(&tensor![2, 0]), vec![&[2, 3]]),
        ("cross_entropy", "= cross_entropy ", |v| v[0].cross_entropy_rows(&tensor![2, 0]), vec![&[2, 3]]),
        ("cross_entropy", "= cross_entropy ", |v| v[0].cross_entropy(&Tensor::scalar(1)), vec![&[3]]),
        (
            "cross_entropy",
            "= cross_entropy ",
            |v| v[0].cross_entropy_rows(&tensor![[1, 1, 0], [0, 1, 1]]),
            vec![&[2, 3, 2]],
        ),
        ("cross_entropy", "= cross_entropy ", |v| v[0].cross_entropy_rows(&tensor![]), vec![&[0, 3]]),
        // What is detached is locally constant, so that differences agree.
        ("detach", "= detach ", |v| v[0] * v[0].sign().detach(), vec![&[3]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(11..).map(|(s, seed)| uniform(s, seed)).collect();
    let case = |(covers, on_tape, f, shapes): (&str, &str, Function, _)| Case {
        covers: covers.into(),
        on_tape: on_tape.into(),
        f,
        inputs: inputs(shapes),
    };
    table.into_iter().map(case).collect()
}

/// What the convolution of v[0] and v[1], weighted with v[2], gives back to its kernels.
fn conv_weight<'t>(v: &[Var<'t, f64>], options: ConvOptions) -> Var<'t, f64> {
    v[0].tape().gradient((v[0].conv2d(v[1], options) * v[2]).sum(), &[v[1]])[0]
}

fn conv_cases() -> Vec<Case> {
    fn mixed() -> ConvOptions {
        ConvOptions::new().stride([2, 1]).padding([1, 2]).dilation([1, 2])
    }
    fn wide() -> ConvOptions {
        ConvOptions::new().stride([3, 2]).padding([1, 0]).output_padding([2, 1])
    }
    let table: Vec<(Conv, Function, Vec<&[usize]>)> = vec![
        (Conv::Forward, |v| v[0].conv2d(v[1], ConvOptions::new()), vec![&[2, 2, 3, 4], &[3, 2, 2, 2]]),
        (Conv::Forward, |v| v[0].conv2d(v[1], ConvOptions::new()), vec![&[2, 2, 2, 3], &[3, 2, 1, 1]]),
        (Conv::Forward, |v| v[0].conv2d(v[1], mixed()), vec![&[1, 2, 4, 3], &[2, 2, 3, 2]]),
        (Conv::Forward, |v| v[0].conv2d(v[1], mixed().groups(2)), vec![&[2, 4, 3, 2], &[2, 2, 2, 3]]),
        (Conv::Forward, |v| v[0].conv2d(v[0], ConvOptions::new()), vec![&[2, 2, 2, 2]]),
        (Conv::Forward, |v| v[0].conv2d(v[1], ConvOptions::new()), vec![&[0, 2, 3, 3], &[3, 2, 2, 2]]),
        (Conv::Forward, |v| v[0].conv2d(v[1], ConvOptions::new()), vec![&[2, 0, 3, 3], &[3, 0, 2, 2]]),
        (
            Conv::Forward,
            |v| v[0].conv2d(v[1], ConvOptions::new().padding(1)),
            vec![&[1, 1, 0, 2], &[1, 1, 2, 2]],
        ),
        // Channels that fill lanes.
        (Conv::Forward, |v| v[0].conv2d(v[1], mixed()), vec![&[1, 6, 3, 3], &[6, 6, 2, 2]]),
        (Conv::Forward, |v| v[0].conv2d_bias(v[1], v[2], mixed()), vec![&[2, 2, 4, 3], &[3, 2, 3, 2], &[3]]),
        (
            Conv::Forward,
            |v| v[0].conv2d_bias(v[1], v[2], ConvOptions::new().groups(2)),
            vec![&[2, 2, 2, 2], &[16, 1, 2, 2], &[16]],
        ),
        (Conv::Forward, |v| v[0].conv1d(v[1], mixed()), vec![&[2, 3, 5], &[2, 3, 3]]),
        (Conv::Forward, |v| v[0].conv1d(v[1], mixed().groups(3)), vec![&[1, 3, 4], &[3, 1, 2]]),
        (
            Conv::Input,
            |v| v[0].conv_transpose2d(v[1], ConvOptions::new()),
            vec![&[2, 2, 2, 3], &[2, 3, 2, 2]],
        ),
        (Conv::Input, |v| v[0].conv_transpose2d(v[1], wide()), vec![&[1, 2, 2, 3], &[2, 2, 2, 2]]),
        (Conv::Input, |v| v[0].conv_transpose2d(v[1], wide().groups(2)), vec![&[2, 2, 3, 1], &[2, 2, 2, 2]]),
        (
            Conv::Input,
            |v| v[0].conv_transpose2d(v[1], ConvOptions::new().dilation(3).output_padding([2, 0])),
            vec![&[1, 1, 2, 1], &[1, 2, 2, 2]],
        ),
        (
            Conv::Weight,
            |v| conv_weight(v, ConvOptions::new()),
            vec![&[2, 2, 3, 3], &[2, 2, 2, 2], &[2, 2, 2, 2]],
        ),
        (Conv::Weight, |v| conv_weight(v, mixed()), vec![&[1, 1, 3, 3], &[2, 1, 2, 2], &[1, 2, 2, 5]]),
        (
            Conv::Weight,
            |v| conv_weight(v, mixed().groups(2)),
            vec![&[9, 2, 1, 2], &[2, 1, 2, 2], &[9, 2, 1, 4]],
        ),
        (
            Conv::Weight,
            |v| conv_weight(v, ConvOptions::new()),
            vec![&[0, 2, 3, 3], &[2, 2, 2, 2], &[0, 2, 2, 2]],
        ),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(31..).map(|(s, seed)| uniform(s, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| named(op.name(), f, inputs(shapes))).collect()
}

/// v[1] put where the windows of v[0] have their largest elements.
fn unpick<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    v[0].tape().gradient((v[0].max_pool2d(overlapping()) * v[1]).sum(), &[v[0]])[0]
}

/// The elements of v[2] at those places.
fn pick<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    v[0].tape().gradient((unpick(v) * v[2]).sum(), &[v[1]])[0]
}

/// What the mean over windows of v[0], weighted with v[1], gives back.
fn avg_unpool<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    v[0].tape().gradient((v[0].avg_pool2d(overlapping()) * v[1]).sum(), &[v[0]])[0]
}

fn overlapping() -> PoolOptions {
    PoolOptions::new([2, 3]).stride([1, 2]).padding([1, 1])
}

fn pool_cases() -> Vec<Case> {
    let table: Vec<(&str, Function, Vec<&[usize]>)> = vec![
        ("max_pool2d", |v| v[0].max_pool2d(2), vec![&[2, 2, 4, 5]]),
        ("max_pool2d", |v| v[0].max_pool2d(overlapping()), vec![&[2, 3, 4]]),
        ("max_pool2d", |v| v[0].max_pool2d([1, 1]), vec![&[2, 2]]),
        ("max_pool2d", |v| v[0].max_pool2d(1), vec![&[0, 2, 2]]),
        ("max_pool2d", |v| v[0].max_pool1d(PoolOptions::new(3).stride(1).padding(1)), vec![&[5]]),
        ("max_pool2d", |v| v[0].global_max_pool2d(), vec![&[2, 3, 3, 2]]),
        ("avg_pool2d", |v| v[0].avg_pool2d((2, 1)), vec![&[2, 2, 4, 3]]),
        ("avg_pool2d", |v| v[0].avg_pool2d(overlapping()), vec![&[2, 3, 4]]),
        ("avg_pool2d", |v| v[0].avg_pool1d(PoolOptions::new(2).padding(1)), vec![&[2, 5]]),
        ("avg_unpool2d", avg_unpool, vec![&[3, 4], &[4, 2]]),
        ("max_unpick2d", unpick, vec![&[3, 4], &[4, 2]]),
        ("max_pick2d", pick, vec![&[3, 4], &[4, 2], &[3, 4]]),
        ("dropout", |v| v[0].dropout(0.4), vec![&[3, 7]]),
        ("dropout", |v| v[0].dropout(1.0), vec![&[4]]),
        ("dropout", |v| v[0].dropout(0.5) * v[0].dropout(0.5), vec![&[20]]),
        ("dropout", |v| v[0].dropout(0.5), vec![SCALAR]),
        ("dropout", |v| v[0].dropout(0.5), vec![&[0, 3]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(35..).map(|(s, i)| distinct(s, 0.0, i)).collect();
    table.into_iter().map(|(name, f, shapes)| named(name, f, inputs(shapes))).collect()
}

/// V·tanh(w)·Vᵀ, whose value does not depend on the signs of eigenvectors.
fn tanh_of_matrix<'t>(a: Var<'t, f64>) -> Var<'t, f64> {
    let (w, v) = a.eigh();
    let row: Vec<usize> = w.shape().iter().copied().chain([1]).collect();
    (v * w.tanh().reshape(&row).transpose(-1, -2)).matmul(v.transpose(-1, -2))
}

/// U·tanh(s)·Vᵀ, whose value does not depend on the signs of singular vectors.
fn tanh_of_singular_values<'t>(a: Var<'t, f64>) -> Var<'t, f64> {
    let (u, s, vt) = a.svd();
    let row: Vec<usize> = s.shape().iter().copied().chain([1]).collect();
    (u * s.tanh().reshape(&row).transpose(-1, -2)).matmul(vt)
}

fn linalg_cases() -> Vec<Case> {
    let table: Vec<(Linalg, Function, Vec<&[usize]>)> = vec![
        (Linalg::Inverse, |v| regular(v[0]).inverse(), vec![&[3, 3]]),
        (Linalg::Inverse, |v| regular(v[0]).inverse(), vec![&[2, 1, 2, 2]]),
        (Linalg::Inverse, |v| regular(v[0]).inverse(), vec![&[1, 1]]),
        (Linalg::Inverse, |v| regular(v[0]).inverse(), vec![&[0, 0]]),
        (Linalg::Inverse, |v| regular(v[0]).inverse(), vec![&[0, 2, 2]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[3, 3], &[3, 2]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[3, 3], &[3]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[4, 2, 2], &[4, 2]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[4, 2, 2], &[2]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[2, 2], &[3, 2, 1]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[2, 1, 2, 2], &[3, 2, 3]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[2, 2], &[2, 0]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[1]), vec![&[0, 0], &[0, 2]]),
        (Linalg::Solve, |v| regular(v[0]).solve(v[0]), vec![&[3, 3]]),
        (Linalg::Det, |v| v[0].det(), vec![&[3, 3]]),
        (Linalg::Det, |v| v[0].det(), vec![&[2, 3, 4, 4]]),
        (Linalg::Det, |v| v[0].det(), vec![&[1, 1]]),
        (Linalg::Det, |v| v[0].det(), vec![&[0, 0]]),
        (Linalg::Det, |v| v[0].det(), vec![&[2, 0, 0]]),
        // Of rank 1 and 2: the second and first derivatives of a cube's volume are not 0.
        (Linalg::Det, |v| v[0].matmul(v[1]).det(), vec![&[3, 2], &[2, 3]]),
        (Linalg::Det, |v| (v[0] * v[1]).det(), vec![&[3, 1], &[3]]),
        (Linalg::LogDet, |v| regular(v[0]).log_det(), vec![&[3, 3]]),
        (Linalg::LogDet, |v| regular(v[0]).log_det(), vec![&[2, 2, 2]]),
        (Linalg::LogDet, |v| regular(v[0]).log_det(), vec![&[0, 0]]),
        (Linalg::Cholesky, |v| regular(v[0]).cholesky(), vec![&[3, 3]]),
        (Linalg::Cholesky, |v| regular(v[0]).cholesky(), vec![&[2, 3, 2, 2]]),
        (Linalg::Cholesky, |v| regular(v[0]).cholesky(), vec![&[1, 1]]),
        (Linalg::Cholesky, |v| regular(v[0]).cholesky(), vec![&[0, 0]]),
        (Linalg::Eigh, |v| apart(v[0]).eigh().0, vec![&[4, 4]]),
        (Linalg::Eigh, |v| apart(v[0]).eigh().0, vec![&[2, 1, 2, 2]]),
        (Linalg::Eigh, |v| apart(v[0]).eigh().1, vec![&[3, 3]]),
        (Linalg::Eigh, |v| apart(v[0]).eigh().1, vec![&[0, 0]]),
        (Linalg::Eigh, |v| tanh_of_matrix(apart(v[0])), vec![&[3, 3]]),
        (Linalg::Eigh, |v| tanh_of_matrix(v[0]), vec![&[2, 2, 2]]),
        (Linalg::Svd, |v| v[0].svd().1, vec![&[3, 3]]),
        (Linalg::Svd, |v| v[0].svd().1, vec![&[2, 4, 2]]),
        (Linalg::Svd, |v| v[0].svd().1, vec![&[1, 3]]),
        (Linalg::Svd, |v| v[0].svd().0, vec![&[4, 2]]),
        (Linalg::Svd, |v| v[0].svd().2, vec![&[4, 2]]),
        (Linalg::Svd, |v| v[0].svd().2, vec![&[0, 3]]),
        (Linalg::Svd, |v| tanh_of_singular_values(v[0]), vec![&[3, 3]]),
        (Linalg::Svd, |v| tanh_of_singular_values(v[0]), vec![&[2, 4, 2]]),
        (Linalg::Svd, |v| tanh_of_singular_values(v[0]), vec![&[2, 4]]),
        (Linalg::Svd, |v| tanh_of_singular_values(v[0]), vec![&[3, 1]]),
    ];
    let inputs = |shapes: Vec<&[usize]>| shapes.iter().zip(60..).map(|(s, seed)| uniform(s, seed)).collect();
    table.into_iter().map(|(op, f, shapes)| case(op, op.name(), f, inputs(shapes))).collect()
}

fn all_cases() -> Vec<Case> {
    let families = [
        unary_cases(),
        binary_cases(),
        reduce_cases(),
        statistics_cases(),
        view_cases(),
        index_cases(),
        sort_cases(),
        scan_cases(),
        softmax_cases(),
        product_cases(),
        conv_cases(),
        pool_cases(),
        linalg_cases(),
    ];
    families.into_iter().flatten().collect()
}

/// Every operation. Those of a family are in its `ALL`; the others are listed by hand.
fn all_operations() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = Unary::ALL.iter().map(|op| format!("{op:?}")).collect();
    all.extend(Binary::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Reduce::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(View::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Index::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Sort::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Scan::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Softmax::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Linalg::ALL.iter().map(|op| format!("{op:?}")));
    all.extend(Conv::ALL.iter().map(|op| op.name().to_string()));
    all.extend(Pool2d::ALL.iter().map(|op| op.name().to_string()));
    let others =
        ["matmul NN", "matmul NT", "matmul TN", "linear", "where", "cross_entropy", "detach", "dropout"];
    all.extend(others.map(String::from));
    all
}

#[test]
fn every_operation_has_a_case_that_records_it() {
    let cases = all_cases();
    let covered: BTreeSet<String> = cases.iter().map(|case| case.covers.clone()).collect();
    assert_eq!(covered, all_operations(), "cases on the left, operations on the right");
    for Case { covers, on_tape, f, inputs } in &cases {
        let tape = GradientTape::new();
        let vars: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
        f(&vars);
        assert!(tape.to_string().contains(&on_tape[..]), "the case of {covers} does not record it:\n{tape}");
    }
}

#[test]
fn rules_agree_with_differences_to_second_order() {
    for Case { covers, f, inputs, .. } in all_cases() {
        let shapes: Vec<_> = inputs.iter().map(Tensor::shape).collect();
        let entries: usize = inputs.iter().map(Tensor::len).sum();
        let report = gradcheck(f, &inputs).unwrap_or_else(|e| panic!("{covers} over {shapes:?}: {e}"));
        assert_eq!(report.checked, 2 * entries, "{covers} over {shapes:?}");
    }
}

/// Differences only see the rules in numbers at first order; recorded ones must agree with them.
#[test]
fn rules_give_the_same_recorded_as_in_numbers() {
    for Case { covers, f, inputs, .. } in all_cases() {
        let tape = GradientTape::new();
        let vars: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
        let y = f(&vars);
        let seed = from_intervals(&y.shape(), BOTH, 40);
        let numbers = y.backward_with(&seed);
        let recorded = tape.try_gradient((y * tape.constant(seed)).sum(), &vars);
        for (x, recorded) in vars.iter().zip(recorded) {
            let what = format!("{covers} over {}", x.shape());
            match (numbers.get(*x), recorded) {
                (Some(numeric), Ok(recorded)) => assert_close(numeric, &recorded.value(), 1e-15, &what),
                (numeric, recorded) => assert_eq!(numeric.is_none(), recorded.is_err(), "{what}"),
            }
        }
    }
}

/// <J v, w> = <v, Jᵀ w>, where J v is forward mode, which uses no rule; then the same of the
/// recorded gradient, whose Jacobian is the Hessian. No step size, so nearly all digits agree.
#[test]
fn rules_are_the_transpose_of_forward_mode() {
    for Case { covers, f, inputs, .. } in all_cases() {
        let tape = GradientTape::new();
        let vars: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
        let along: Vec<Tensor<f64>> =
            inputs.iter().zip(50..).map(|(x, seed)| uniform(x.shape(), seed)).collect();
        let mut y = f(&vars);
        for order in 1..=2 {
            let seed = from_intervals(&y.shape(), BOTH, 41);
            let forward = dot(&tape.jvp(&[y], &vars, &along)[0], &seed);
            let grads = y.backward_with(&seed);
            let terms = vars.iter().zip(&along).map(|(x, v)| grads.get(*x).map_or(0.0, |g| dot(g, v)));
            let reverse: f64 = terms.sum();
            let scale = 1f64.max(forward.abs()).max(reverse.abs());
            assert!(
                (forward - reverse).abs() <= 1e-11 * scale,
                "{covers}, order {order}: forward {forward:e}, reverse {reverse:e}"
            );
            let recorded = tape.gradient((y * tape.constant(seed)).sum(), &vars);
            let terms = recorded.into_iter().zip(&along).map(|(g, v)| (g * tape.constant(v)).sum());
            y = terms.reduce(|a, b| a + b).expect("at least one input");
        }
    }
}

#[test]
fn an_operand_used_twice_gets_both_contributions() {
    for &op in Binary::ALL {
        let on_itself: Function = match op {
            Binary::Add => |v| (v[0] + v[0]) * v[0],
            Binary::Sub => |v| (v[0] - v[0]) * v[0],
            Binary::Mul => |v| (v[0] * v[0]) * v[0],
            Binary::Div => |v| (v[0] / v[0]) * v[0],
            Binary::Pow => |v| v[0].pow(v[0]) * v[0],
            Binary::Atan2 => |v| v[0].atan2(v[0]) * v[0],
            Binary::Hypot => |v| v[0].hypot(v[0]) * v[0],
            Binary::Maximum => |v| v[0].maximum(v[0]) * v[0],
            Binary::Minimum => |v| v[0].minimum(v[0]) * v[0],
            Binary::Wins => |v| v[0].wins(v[0]) * v[0],
            Binary::Equal => |v| v[0].equal(v[0]) * v[0],
            Binary::Mul0 => |v| v[0].mul0(v[0]) * v[0],
            Binary::Keep => |v| v[0].keep(v[0]) * v[0],
            other => panic!("{other:?} needs a line here"),
        };
        for shape in [SCALAR, &[4], &[2, 3]] {
            gradcheck(on_itself, &[from_intervals(shape, POSITIVE, 20)])
                .unwrap_or_else(|e| panic!("{op:?}: {e}"));
        }
    }
    // Whole and reduced, so that one contribution is summed before it is added.
    gradcheck(|v| v[0] * v[0].sum_axes(&[1], true), &[uniform(&[3, 4], 21)]).unwrap();
    gradcheck(|v| v[0] / (v[0].square().mean() + 1.0), &[uniform(&[3, 4], 22)]).unwrap();
    gradcheck(|v| v[0].matmul(v[0].transpose(0, 1)).matmul(v[0]), &[uniform(&[2, 3], 23)]).unwrap();
    gradcheck(|v| v[0].softmax(0) * v[0].softmax(1) + v[0], &[uniform(&[3, 3], 24)]).unwrap();
}

/// The first `orders` derivatives of `f` at `x`, by sweeping recorded sweeps.
fn derivatives(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: f64, orders: usize) -> Vec<f64> {
    let tape = GradientTape::new();
    let x = tape.var(x);
    let mut y = f(x);
    let mut all = Vec::new();
    for _ in 0..orders {
        y = tape.gradient(y, &[x])[0];
        all.push(y.item());
    }
    all
}

fn assert_all_close(found: &[f64], expected: &[f64]) {
    assert_close(&Tensor::from(found.to_vec()), &Tensor::from(expected.to_vec()), 1e-12, "derivatives");
}

#[test]
fn third_derivatives_are_those_of_the_textbook() {
    let x: f64 = 0.7;
    assert_eq!(derivatives(|x| x.square(), 0.0, 3), [0.0, 2.0, 0.0]);
    assert_eq!(derivatives(|x| x * x, 0.0, 3), [0.0, 2.0, 0.0]);
    assert_all_close(
        &derivatives(|x| x.sqrt(), x, 3),
        &[0.5 * x.powf(-0.5), -0.25 * x.powf(-1.5), 0.375 * x.powf(-2.5)],
    );
    assert_all_close(&derivatives(|x| 1.0 / x, x, 3), &[-x.powi(-2), 2.0 * x.powi(-3), -6.0 * x.powi(-4)]);
    assert_all_close(&derivatives(|x| x.ln(), x, 3), &[1.0 / x, -x.powi(-2), 2.0 * x.powi(-3)]);
    assert_all_close(&derivatives(|x| x.powi(4), x, 3), &[4.0 * x.powi(3), 12.0 * x * x, 24.0 * x]);
    assert_all_close(
        &derivatives(|x| x.powf(2.5), x, 3),
        &[2.5 * x.powf(1.5), 3.75 * x.sqrt(), 1.875 / x.sqrt()],
    );
    let s = 1.0 / (1.0 + (-x).exp());
    let ds = s * (1.0 - s);
    assert_all_close(
        &derivatives(|x| x.sigmoid(), x, 3),
        &[ds, ds * (1.0 - 2.0 * s), ds * (1.0 - 6.0 * s + 6.0 * s * s)],
    );
    let r = 1.0 / (x * x + 1.0);
    assert_all_close(
        &derivatives(|x| x.asinh(), x, 3),
        &[r.sqrt(), -x * r.powf(1.5), (2.0 * x * x - 1.0) * r.powf(2.5)],
    );
    let (above, r) = (1.6f64, 1.0 / (1.6f64 * 1.6 - 1.0));
    assert_all_close(
        &derivatives(|x| x.acosh(), above, 3),
        &[r.sqrt(), -above * r.powf(1.5), (2.0 * above * above + 1.0) * r.powf(2.5)],
    );
    let density = std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
    assert_all_close(
        &derivatives(|x| x.erf(), x, 3),
        &[density, -2.0 * x * density, (4.0 * x * x - 2.0) * density],
    );
    // -γ, ζ(2) and -2·ζ(3): Euler's constant, Basel's problem, Apéry's constant.
    assert_all_close(
        &derivatives(|x| x.lgamma(), 1.0, 3),
        &[-0.577_215_664_901_532_9, std::f64::consts::PI.powi(2) / 6.0, -2.404_113_806_319_188_6],
    );
    assert_all_close(&derivatives(|x| x.softplus(), x, 3), &[s, ds, ds * (1.0 - 2.0 * s)]);
    // d/dx of x·|x| is 2|x|, of a pair 2·sign, then 0.
    assert_all_close(&derivatives(|x| x * x.abs(), -x, 3), &[2.0 * x, -2.0, 0.0]);
}

/// With t = tanh x, d/dx (P(t)·eᵗ) = (1 - t²)·(P′(t) + P(t))·eᵗ: so a polynomial, from P = 1 on,
/// gives every derivative of exp(tanh x).
#[test]
fn fifth_derivatives_are_those_of_the_recurrence() {
    let x: f64 = 0.4;
    let t = x.tanh();
    let mut p = vec![1.0];
    let mut expected = Vec::new();
    for _ in 0..5 {
        let mut sum = p.clone();
        (1..p.len()).for_each(|i| sum[i - 1] += i as f64 * p[i]);
        p = vec![0.0; sum.len() + 2];
        for (i, c) in sum.into_iter().enumerate() {
            p[i] += c;
            p[i + 2] -= c;
        }
        let at_t: f64 = p.iter().rev().fold(0.0, |value, c| value * t + c);
        expected.push(at_t * t.exp());
    }
    assert_all_close(&derivatives(|x| x.tanh().exp(), x, 5), &expected);
}

#[test]
fn derivatives_of_tensors_go_to_any_order_too() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[2, 3], 30));
    let mut y = x.exp();
    for _ in 0..4 {
        y = tape.gradient(y.sum(), &[x])[0];
    }
    assert_close(&y.value(), &x.exp().value(), 1e-14, "exp is its own derivative");
}
