//! The checker, checked: wrong rules that it must reject and name, and right functions, in corners
//! where checkers are often wrong themselves, that it must accept.
//!
//! A wrong rule is a custom operation; or it is built from right ones: `f.detach() + g - g.detach()`
//! has the value of f and the gradient of g.

use crate::common::{Function, from_intervals, panic_of, uniform};
use std::cell::Cell;
use wengert::gradcheck::{Culprit, Operation, Rule, Slope, Verdict};
use wengert::{
    CustomOp, Entry, GradCheck, GradCheckError, GradCheckReport, Tensor, Var, assert_gradients, gradcheck,
    tensor,
};

type Bars<'v> = Vec<Option<Var<'v, f64>>>;
type Vjp = for<'v> fn(&[Var<'v, f64>], Var<'v, f64>, Var<'v, f64>) -> Bars<'v>;

/// A custom operation whose rule may be wrong.
#[derive(Clone, Copy)]
struct Custom {
    name: &'static str,
    forward: fn(&[&Tensor<f64>]) -> Tensor<f64>,
    vjp: Vjp,
}

impl CustomOp<f64> for Custom {
    fn name(&self) -> &'static str {
        self.name
    }
    fn forward(&self, x: &[&Tensor<f64>]) -> Tensor<f64> {
        (self.forward)(x)
    }
    fn vjp<'v>(&self, x: &[Var<'v, f64>], y: Var<'v, f64>, y_bar: Var<'v, f64>) -> Bars<'v> {
        (self.vjp)(x, y, y_bar)
    }
}

/// The failure's order and entry, and who is to blame.
#[track_caller]
fn mismatch(
    result: Result<GradCheckReport, GradCheckError>,
    what: &str,
) -> (usize, Entry, Culprit, GradCheckReport) {
    match result {
        Err(GradCheckError::Mismatch { failure, report, culprit }) => {
            assert_eq!(failure.verdict, Verdict::Wrong, "{what}");
            (failure.order, failure.entry, *culprit, *report)
        }
        other => panic!("{what}: expected a mismatch, got {other:?}"),
    }
}

fn entry(input: usize, index: &[usize]) -> Entry {
    Entry::Of { input, index: index.to_vec() }
}

struct WrongRule {
    op: Custom,
    inputs: Vec<Tensor<f64>>,
    /// The order that fails.
    order: usize,
    /// The input whose rule is wrong, and the entry if it is but one.
    input: usize,
    index: Option<&'static [usize]>,
}

fn wrong_rules() -> Vec<WrongRule> {
    let x = |shape: &[usize]| from_intervals(shape, &[(0.3, 1.2), (-1.2, -0.3)], 1);
    let above_one = || from_intervals(&[4], &[(1.2, 3.0)], 1);
    let (square, pair) = (vec![x(&[3, 3]), uniform(&[3, 3], 2)], vec![x(&[4]), uniform(&[4], 2)]);
    let rule = |name, inputs, forward, vjp| WrongRule {
        op: Custom { name, forward, vjp },
        inputs,
        order: 1,
        input: 0,
        index: None,
    };
    vec![
        rule("zero", vec![x(&[4])], |x| x[0].tanh(), |_, _, y_bar| vec![Some(y_bar * 0.0)]),
        rule("absent", vec![x(&[4])], |x| x[0].tanh(), |_, _, _| vec![None]),
        rule("wrong_sign", vec![x(&[4])], |x| x[0].tanh(), |_, y, y_bar| vec![Some(y_bar * (y * y - 1.0))]),
        rule(
            "factor_two",
            vec![x(&[])],
            |x| x[0].powi(3),
            |x, _, y_bar| vec![Some(y_bar * 6.0 * x[0].square())],
        ),
        rule(
            "transposed",
            square.clone(),
            |x| x[0].matmul(x[1]),
            |x, _, y_bar| vec![Some(y_bar.matmul(x[1])), Some(x[0].transpose(0, 1).matmul(y_bar))],
        ),
        WrongRule {
            input: 1,
            ..rule(
                "first_row_only",
                vec![x(&[3, 4]), x(&[4])],
                |x| x[0] + x[1],
                |_, _, y_bar| {
                    let first = y_bar.slice(&[(0..1).into()]).reshape(&[4]);
                    vec![Some(y_bar), Some(first)]
                },
            )
        },
        rule(
            "acosh",
            vec![above_one()],
            |x| x[0].map(f64::acosh),
            |x, _, y_bar| vec![Some(y_bar / (x[0].square() + 1.0).sqrt())],
        ),
        rule(
            "asinh",
            vec![above_one()],
            |x| x[0].map(f64::asinh),
            |x, _, y_bar| vec![Some(y_bar / (x[0].square() - 1.0).sqrt())],
        ),
        rule("slightly_off", vec![x(&[4])], |x| x[0].exp(), |_, y, y_bar| vec![Some(y_bar * y * 1.0001)]),
        WrongRule {
            index: Some(&[6]),
            ..rule(
                "one_entry",
                vec![x(&[9])],
                |x| x[0].exp(),
                |_, y, y_bar| {
                    let error = Tensor::from_fn(&[9], |i| if i[0] == 6 { 1.001 } else { 1.0 });
                    vec![Some(y_bar * y * y.tape().constant(error))]
                },
            )
        },
        WrongRule {
            input: 1,
            ..rule(
                "one_input",
                pair.clone(),
                |x| x[0] * x[1],
                |x, _, y_bar| vec![Some(y_bar * x[1]), Some(y_bar * x[1])],
            )
        },
        rule("swapped", pair, |x| x[0] - x[1] * 2.0, |_, _, y_bar| vec![Some(y_bar * -2.0), Some(y_bar)]),
        rule("not_linear", vec![x(&[])], |x| x[0].exp(), |_, y, y_bar| vec![Some(y_bar * y_bar * y)]),
        WrongRule {
            order: 2,
            ..rule(
                "detached",
                vec![x(&[4])],
                |x| x[0].tanh(),
                |x, _, y_bar| vec![Some(y_bar * (1.0 - x[0].tanh().square()).detach())],
            )
        },
        WrongRule {
            order: 2,
            ..rule(
                "value_taken",
                vec![x(&[4])],
                |x| x[0].tanh(),
                |_, y, y_bar| {
                    let y = y_bar.tape().constant(y.value());
                    vec![Some(y_bar * (1.0 - y.square()))]
                },
            )
        },
        WrongRule {
            order: 2,
            ..rule(
                "too_much",
                vec![x(&[4])],
                |x| x[0].tanh(),
                |x, y, y_bar| vec![Some(y_bar * (1.0 - y.square() + x[0] - x[0].detach()))],
            )
        },
    ]
}

/// The operation between others that are right, in a scalar; and the line that records it.
fn surrounded<'t>(op: Custom, v: &[Var<'t, f64>]) -> (Var<'t, f64>, u32) {
    let before: Vec<Var<f64>> = v.iter().map(|x| (*x * 2.0) / 2.0).collect();
    let (y, line) = (before[0].tape().custom(op, &before), line!());
    ((y * 3.0).exp().sum(), line)
}

fn check_wrong_rule(rule: &WrongRule, check: GradCheck) {
    let name = rule.op.name;
    let line = Cell::new(0);
    let result = check.check(
        |v| {
            let (y, at) = surrounded(rule.op, v);
            line.set(at);
            y
        },
        &rule.inputs,
    );
    let text = format!("{result:?}");
    let (order, _, culprit, _) = mismatch(result, name);
    assert_eq!(order, rule.order, "{text}");
    match culprit {
        Culprit::Operation { operation, rule: kind, order, input, index, analytic, numeric, .. } => {
            assert_eq!((operation.name, operation.location.line()), (name, line.get()), "{text}");
            assert!(operation.location.file().ends_with("checker.rs"), "{text}");
            assert_eq!((kind, order, input), (Rule::Backward, rule.order, rule.input), "{text}");
            assert!(rule.index.is_none_or(|expected| index == expected), "{text}");
            assert!((analytic - numeric.value).abs() > numeric.error, "{text}");
        }
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn wrong_rules_are_rejected_and_named() {
    for rule in wrong_rules() {
        check_wrong_rule(&rule, GradCheck::new());
    }
}

#[test]
fn random_directions_reject_and_name_them_too() {
    for rule in wrong_rules() {
        check_wrong_rule(&rule, GradCheck::new().directions(2));
    }
}

#[test]
fn other_seeds_reject_and_name_them_too() {
    for rule in wrong_rules() {
        for seed in 1..4 {
            check_wrong_rule(&rule, GradCheck::new().seed(seed));
        }
    }
}

#[test]
fn one_wrong_entry_of_a_thousand_is_found_through_random_directions() {
    let op = Custom {
        name: "one_of_many",
        forward: |x| x[0].exp(),
        vjp: |_, y, y_bar| {
            let error = Tensor::from_fn(&[1000], |i| if i[0] == 517 { 1.01 } else { 1.0 });
            vec![Some(y_bar * y * y.tape().constant(error))]
        },
    };
    let result = gradcheck(|v| v[0].tape().custom(op, &[v[0].tanh()]), &[uniform(&[1000], 1)]);
    let (order, entry_found, culprit, report) = mismatch(result, "one of many");
    assert_eq!((order, entry_found), (1, entry(0, &[517])));
    assert_eq!(culprit.operation().unwrap().name, "one_of_many");
    assert!(matches!(culprit, Culprit::Operation { index, .. } if index == [517]));
    assert_eq!((report.rows[0].input.as_ref(), report.rows[0].checked), (None, 8));
}

/// The line below on which `f` is detached.
const DETACHED: u32 = line!() + 4;

/// The value of `f` with the gradient of `g`.
fn with_rule_of<'t>(f: Var<'t, f64>, g: Var<'t, f64>) -> Var<'t, f64> {
    f.detach() + g - g.detach()
}

fn cut_operation(culprit: Culprit) -> Operation {
    match culprit {
        Culprit::Cut(operation) => operation,
        other => panic!("{other}"),
    }
}

#[test]
fn operations_that_cut_the_gradient_off_are_named() {
    let x = [uniform(&[3], 1)];
    let check = |f: Function, line: u32| {
        let operation = cut_operation(mismatch(gradcheck(f, &x), "cut").2);
        assert_eq!(operation.location.line(), line);
        operation.name
    };
    assert_eq!(check(|v| v[0] * v[0].exp().detach(), line!()), "detach");
    assert_eq!(check(|v| v[0] * v[0].tape().paused(|| v[0].exp() * 2.0), line!()), "exp");
    assert_eq!(check(|v| with_rule_of(v[0].tanh(), v[0].sigmoid()), DETACHED), "detach");
    // Right at first, but the derivative of the slope is forgotten.
    let f: Function =
        |v| v[0].tanh().detach() + (1.0 - v[0].tanh().square()).detach() * (v[0] - v[0].detach());
    let (order, _, culprit, _) = mismatch(gradcheck(f, &x), "second order");
    assert_eq!((order, cut_operation(culprit).name), (2, "detach"));
}

#[test]
fn a_value_computed_outside_of_the_tape_is_named() {
    let f: Function = |v| v[0] * v[0].tape().constant(v[0].value().exp());
    match mismatch(gradcheck(f, &[uniform(&[3], 1)]), "hidden").2 {
        Culprit::Leaf(operation) => {
            assert_eq!((operation.name, operation.location.line()), ("constant", line!() - 3))
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_numbers_of_a_scalar_function_are_its_own() {
    let f: Function = |v| with_rule_of(v[0].square(), 2.0 * v[0].square());
    let Err(GradCheckError::Mismatch { failure, .. }) = gradcheck(f, &[Tensor::scalar(3.0)]) else {
        panic!()
    };
    let Slope::Smooth(numeric) = failure.numeric else { panic!() };
    assert_eq!((failure.order, failure.entry.clone(), failure.analytic), (1, entry(0, &[]), 12.0));
    assert!((numeric.value - 6.0).abs() <= numeric.error && numeric.error < 1e-10, "{failure}");
    assert_eq!(failure.forward, Some(12.0));
    assert!(failure.error() > failure.allowed && (failure.relative_error() - 0.5).abs() < 1e-9);
}

#[test]
fn order_one_does_not_look_at_second_derivatives_and_three_finds_what_two_cannot() {
    let second: Function = |v| v[0].tanh() + (v[0] - v[0].detach()).square();
    let x = [uniform(&[3], 1)];
    assert_eq!(GradCheck::new().order(1).check(second, &x).unwrap().checked, 3);
    assert_eq!(mismatch(GradCheck::new().order(2).check(second, &x), "second derivative").0, 2);
    let third: Function = |v| v[0].tanh() + (v[0] - v[0].detach()).powi(3);
    GradCheck::new().order(2).check(third, &x).unwrap();
    assert_eq!(mismatch(GradCheck::new().order(3).check(third, &x), "third derivative").0, 3);
}

#[test]
fn the_report_counts_every_derivative() {
    let (a, b) = (uniform(&[2, 3], 1), uniform(&[3], 2));
    let f: Function = |v| (v[0] * v[1]).tanh();
    let inputs = [a, b];
    let report = gradcheck(f, &inputs).unwrap();
    assert_eq!(report.checked, 2 * 9, "nine entries, two orders");
    assert!(report.worst > 0.0 && report.worst < 1e-9 && report.adjoint < 1e-14, "{report:?}");
    let rows: Vec<_> = report.rows.iter().map(|row| (row.order, row.input.as_ref().unwrap().0)).collect();
    assert_eq!(rows, [(1, 0), (1, 1), (2, 0), (2, 1)]);
    assert!(report.kinks.is_empty() && report.untrusted.is_empty());
    assert_eq!(GradCheck::new().directions(5).check(f, &inputs).unwrap().checked, 2 * 5);
    assert_eq!(GradCheck::new().order(3).check(f, &inputs).unwrap().checked, 3 * 9);
}

#[test]
fn above_256_entries_eight_random_directions_stand_for_all() {
    let f: Function = |v| v[0].tanh();
    let count = |n: usize, check: GradCheck| check.order(1).check(f, &[uniform(&[n], 1)]).unwrap().checked;
    assert_eq!(count(256, GradCheck::new()), 256);
    assert_eq!(count(257, GradCheck::new()), 8);
    assert_eq!(count(257, GradCheck::new().full()), 257);
}

#[test]
fn tolerances_are_those_that_were_asked_for() {
    let off: Function = |v| with_rule_of(v[0].exp(), 1.001 * v[0].exp());
    let x = [tensor![0.5, -0.5]];
    mismatch(gradcheck(off, &x), "one in a thousand off");
    GradCheck::new().order(1).rtol(1e-2).check(off, &x).unwrap();
    GradCheck::new().order(1).atol(1e-2).check(off, &x).unwrap();
    mismatch(GradCheck::new().order(1).rtol(1e-4).atol(0.0).check(off, &x), "rtol");
    // A first step far too wide is followed by narrower ones.
    GradCheck::new().step(1.0).check(|v| v[0].tanh(), &x).unwrap();
}

#[test]
fn settings_that_allow_no_check_are_refused() {
    let refused = |check: GradCheck| check.check(|v| v[0], &[tensor![1.0]]).unwrap_err().to_string();
    assert_eq!(refused(GradCheck::new().step(0.0)), "step is 0, but must be above 0");
    assert_eq!(refused(GradCheck::new().step(f64::NAN)), "step is NaN, but must be above 0");
    assert_eq!(refused(GradCheck::new().rtol(-1.0)), "rtol is -1, but must be at least 0");
    assert_eq!(refused(GradCheck::new().atol(f64::NAN)), "atol is NaN, but must be at least 0");
    assert_eq!(refused(GradCheck::new().order(0)), "order is 0, but must be at least 1");
}

#[test]
fn badly_scaled_inputs_are_no_failure_and_no_excuse() {
    let x = [tensor![1e-8, 1e8, 3.0]];
    let right: [Function; 6] = [
        |v| v[0].ln(),
        |v| v[0].square(),
        |v| 1.0 / v[0],
        |v| v[0].sqrt().sum(),
        |v| v[0] * 1e-9,
        |v| (v[0] * v[0].tape().constant(tensor![1e8, 1e-8, 1.0])).tanh(),
    ];
    for f in right {
        let report = gradcheck(f, &x).unwrap();
        assert!(report.untrusted.is_empty() && report.kinks.is_empty(), "{report}");
        GradCheck::new().directions(3).check(f, &x).unwrap();
    }
    gradcheck(|v| v[0].ln(), &[tensor![1e-20, 2e-30]]).unwrap();
    // At 1e8 the derivative of ln is 1e-8: a tolerance of its own size would hide that it is wrong.
    let wrong: Function =
        |v| with_rule_of(v[0].ln(), v[0].ln() * v[0].tape().constant(tensor![1.0, 1.001, 1.0]));
    assert_eq!(mismatch(gradcheck(wrong, &x), "at 1e8").1, entry(0, &[1]));
    let wrong: Function = |v| with_rule_of(v[0] * 1e-8, v[0] * 1.01e-8);
    mismatch(gradcheck(wrong, &[tensor![0.5, -0.3]]), "a small function");
    // Something of size 1 at 1e8.
    gradcheck(|v| (v[0] - 1e8).tanh(), &[tensor![1e8, 1e8 + 0.5]]).unwrap();
}

#[test]
fn steep_functions_are_followed() {
    gradcheck(|v| (v[0] * 1e5).tanh(), &[tensor![1e-6, 0.0, -3e-5]]).unwrap();
    gradcheck(|v| (v[0] * 50.0).exp(), &[tensor![1.0, -1.0]]).unwrap();
    gradcheck(|v| v[0].powi(40), &[tensor![1.5, -0.5]]).unwrap();
    gradcheck(|v| 1.0 / v[0], &[tensor![1e-3, -1e-4]]).unwrap();
    gradcheck(|v| v[0].softmax(-1), &[tensor![[800.0, 799.0, -800.0]]]).unwrap();
}

/// Order, entry and both slopes of every kink.
fn kinks(report: &GradCheckReport) -> Vec<(usize, Entry, f64, f64)> {
    let slopes = report.kinks.iter().map(|kink| match kink.numeric {
        Slope::Kink { left, right } => {
            (kink.order, kink.entry.clone(), left.value.round(), right.value.round())
        }
        other => panic!("{other:?}"),
    });
    slopes.collect()
}

#[test]
fn a_kink_is_reported_with_both_slopes_and_is_no_failure() {
    let report = gradcheck(|v| v[0].relu().sum(), &[tensor![-1.0, 0.0, 1.0]]).unwrap();
    assert_eq!(kinks(&report)[0], (1, entry(0, &[1]), 0.0, 1.0));
    assert_eq!((report.rows[0].checked, report.rows[0].kinks), (3, 1));
    let report = gradcheck(|v| (3.0 * v[0].abs()).sum(), &[tensor![0.0]]).unwrap();
    assert_eq!(kinks(&report)[0], (1, entry(0, &[0]), -3.0, 3.0));
    // The largest of three equal ones: down it is another's, up it is this one.
    let report = gradcheck(|v| v[0].max(), &[tensor![0.5, 0.1, 0.5, 0.5]]).unwrap();
    let first: Vec<_> = kinks(&report).into_iter().filter(|(order, ..)| *order == 1).collect();
    assert_eq!(first, [0, 2, 3].map(|i| (1, entry(0, &[i]), 0.0, 1.0)));
    let report = gradcheck(|v| v[0].maximum(v[1]), &[tensor![1.0], tensor![1.0]]).unwrap();
    assert_eq!(report.kinks.len(), 4, "two inputs, two orders");
    // Several results at kinks of their own.
    let both: Function = |v| v[0].tape().concat(&[v[0].relu(), -v[0].abs(), v[0].abs()], 0);
    for seed in 0..8 {
        let report = GradCheck::new().seed(seed).check(both, &[tensor![0.0]]).unwrap();
        assert_eq!(report.kinks.len(), 2, "{report}");
    }
}

#[test]
fn at_a_kink_the_derivative_must_be_between_the_slopes() {
    let x = [tensor![0.0, 1.0]];
    let choice = |c: f64| {
        gradcheck(move |v| with_rule_of(v[0].relu(), v[0] * c).sum(), &[x[0].slice(&[(0..1).into()])])
    };
    for within in [0.0, 0.3, 1.0] {
        choice(within).unwrap();
    }
    for outside in [-0.1, 1.01] {
        let Err(GradCheckError::Mismatch { failure, .. }) = choice(outside) else { panic!("{outside}") };
        assert!(matches!(failure.numeric, Slope::Kink { .. }), "{failure}");
    }
}

#[test]
fn a_kink_nearby_is_not_one_at_the_point() {
    let x = [tensor![1e-3, 1e-4, -1e-5, 1e-6]];
    for f in [|v| v[0].relu(), |v| v[0].abs()] as [Function; 2] {
        let report = gradcheck(f, &x).unwrap();
        assert!(report.kinks.is_empty() && report.untrusted.is_empty(), "{report}");
    }
    // Nearer than that, the differences of the gradient no longer know, and say so.
    let report = gradcheck(|v| v[0].relu(), &[tensor![1e-8]]).unwrap();
    assert_eq!((report.kinks.len(), report.untrusted[0].order, report.untrusted.len()), (0, 2, 1));
    // Thousands of corners are crossed by any step but the smallest.
    let net: Function = |v| v[0].matmul(v[1]).relu().matmul(v[2]).relu().mean();
    let layers = [uniform(&[16, 20], 1), uniform(&[20, 60], 2), uniform(&[60, 10], 3)];
    let report = gradcheck(net, &layers).unwrap();
    assert!(report.kinks.is_empty() && report.untrusted.is_empty(), "{report}");
    assert!(report.worst < 1e-6, "{report}");
    // The slope of the other side.
    mismatch(gradcheck(|v| with_rule_of(v[0].relu(), v[0]), &[tensor![-1e-4]]), "relu at -1e-4");
}

#[test]
fn kinks_whose_choices_do_not_add_up_are_named() {
    let f: Function = |v| 2.0 * v[0].relu() - v[0].abs(); // which is v[0]
    match mismatch(gradcheck(f, &[tensor![0.0]]), "2 relu - abs").2 {
        Culprit::Kinks(operations) => {
            assert_eq!(operations.iter().map(|o| o.name).collect::<Vec<_>>(), ["relu", "abs"])
        }
        other => panic!("{other}"),
    }
}

#[test]
fn where_rounding_drowns_the_differences_forward_mode_decides() {
    let cases: [(Function, Tensor<f64>); 4] = [
        (|v| (1e12 + v[0].exp()) - 1e12, tensor![0.3, -0.7]),
        (|v| (1e18 + v[0].exp()) - 1e18, tensor![0.3, -0.7]),
        (|v| v[0].sum(), tensor![1e16, 1.0, -1e16]),
        (|v| ((v[0] * 1e-14).exp() - 1.0) * 1e14, tensor![0.3, -0.7]),
    ];
    for (f, x) in cases {
        let report = gradcheck(f, &[x]).unwrap();
        assert!(!report.untrusted.is_empty(), "{report}");
        for comparison in &report.untrusted {
            assert_eq!(comparison.verdict, Verdict::Untrusted);
            assert!((comparison.forward.unwrap() - comparison.analytic).abs() < 1e-6, "{comparison}");
        }
    }
}

#[test]
fn where_rounding_drowns_the_differences_a_wrong_rule_is_still_found() {
    let op =
        Custom { name: "drowned", forward: |x| x[0].exp(), vjp: |_, y, y_bar| vec![Some(y_bar * y * 1.01)] };
    let check = GradCheck::new().order(1);
    let result = check.check(|v| (1e15 + v[0].tape().custom(op, &[v[0]])) - 1e15, &[tensor![0.3, -0.7]]);
    let (_, _, culprit, report) = mismatch(result, "drowned");
    assert_eq!(culprit.operation().unwrap().name, "drowned");
    assert_eq!((report.rows[0].wrong, report.untrusted.len()), (0, 2));
}

#[test]
fn a_rule_may_end_at_the_border_of_its_domain() {
    gradcheck(|v| v[0].powf(2.5), &[tensor![0.0, 1.0]]).unwrap();
    // Its second derivative there is infinite, and the tape says so.
    let error = gradcheck(|v| v[0].powf(1.5), &[tensor![0.0, 1.0]]).unwrap_err();
    assert!(matches!(error, GradCheckError::NotFiniteGradient { order: 2, .. }), "{error}");
}

#[test]
fn single_precision_is_refused_until_it_is_allowed() {
    let x = [tensor![0.5f32, -0.1], tensor![2.0f32]];
    fn product<'t>(v: &[Var<'t, f32>]) -> Var<'t, f32> {
        v[0].tanh() * v[1]
    }
    assert_eq!(gradcheck(product, &x).unwrap_err(), GradCheckError::SinglePrecision);
    assert_eq!(GradCheck::new().allow_f32().check(product, &x).unwrap().checked, 6);
    let off = GradCheck::new().allow_f32().check(|v| v[0].tanh() + (v[0] - v[0].detach()) * 0.01, &x);
    assert!(matches!(off, Err(GradCheckError::Mismatch { .. })), "{off:?}");
}

#[test]
fn a_function_that_is_not_deterministic_is_reported() {
    let calls = Cell::new(0);
    let counted = |v: &[Var<'_, f64>]| {
        calls.set(calls.get() + 1);
        let _ = v;
        calls.get() as f64
    };
    match gradcheck(|v| v[0].square() * (1.0 + 1e-15 * counted(v)), &[tensor![0.5, 2.0]]) {
        Err(GradCheckError::NotDeterministic { order: 0, index, first, second, .. }) => {
            assert!(index == [0] && first != second)
        }
        other => panic!("{other:?}"),
    }
    // The value repeats, its gradient does not.
    let calls = Cell::new(0.0);
    let f = gradcheck(
        |v| {
            calls.set(calls.get() + 1.0);
            v[0] + (v[0] - v[0].detach()) * calls.get()
        },
        &[tensor![0.5]],
    );
    assert!(matches!(f, Err(GradCheckError::NotDeterministic { order: 1, .. })), "{f:?}");
}

#[test]
fn what_is_not_finite_is_traced_to_its_operation() {
    match gradcheck(|v| (v[0] + 1.0).ln().exp(), &[tensor![1.0, -3.0]]) {
        Err(GradCheckError::NotFinite { index, value, origin: Some(origin) }) => {
            assert!(index == [1] && value.is_nan());
            assert_eq!((origin.name, origin.location.line()), ("ln", line!() - 3));
        }
        other => panic!("{other:?}"),
    }
    // An infinite mask is not where a NaN comes from.
    let masked: Function =
        |v| ((v[0] + v[0].tape().constant(tensor![f64::NEG_INFINITY, 0.0])).exp() - 2.0).ln();
    match gradcheck(masked, &[tensor![1.0, 1.0]]) {
        Err(GradCheckError::NotFinite { origin: Some(origin), .. }) => assert_eq!(origin.name, "ln"),
        other => panic!("{other:?}"),
    }
    match gradcheck(|v| (v[0] * 2.0).sqrt(), &[tensor![0.0]]) {
        Err(GradCheckError::NotFiniteGradient { order: 1, entry: at, value, origin: Some(origin) }) => {
            assert!(at == entry(0, &[0]) && value.is_infinite() && origin.name == "sqrt");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn odd_functions_and_inputs_end_in_a_result() {
    let none: [Tensor<f64>; 0] = [];
    assert_eq!(gradcheck(|v| v[0], &none).unwrap_err(), GradCheckError::NoInputs);
    let checked = |f: Function, x: Tensor<f64>| gradcheck(f, &[x]).unwrap().checked;
    assert_eq!(checked(|v| v[0].tanh(), Tensor::zeros(&[2, 0])), 0);
    assert_eq!(checked(|v| v[0].slice(&[(0..0).into()]), tensor![1.0, 2.0]), 4);
    assert_eq!(checked(|v| v[0], tensor![1.0, 2.0]), 4);
    assert_eq!(checked(|v| v[0].tape().constant(1.0), Tensor::scalar(2.0)), 2);
    assert_eq!(checked(|v| v[0].detach() * 0.0, Tensor::scalar(2.0)), 2);
    assert_eq!(
        GradCheck::new().directions(2).check(|v| v[0].sum(), &[Tensor::<f64>::zeros(&[0])]).unwrap().checked,
        4
    );

    let tape: &'static wengert::GradientTape<f64> = Box::leak(Box::new(wengert::GradientTape::new()));
    let elsewhere = gradcheck(|_| tape.var(1.0), &[tensor![1.0]]).unwrap_err();
    let text = format!("recorded at {}:{};", file!(), line!() - 1);
    assert!(elsewhere.to_string().contains(&text), "{elsewhere}");

    let shape = |v: &[Var<'_, f64>]| if v[0].item() == 1.0 { 2 } else { 3 };
    match gradcheck(|v| v[0].broadcast_to(&[shape(v)]), &[Tensor::scalar(1.0)]).unwrap_err() {
        GradCheckError::ShapeChanges { first, second } => assert_eq!((first[0], second[0]), (2, 3)),
        other => panic!("{other}"),
    }
}

#[test]
fn functions_with_checkpoints_and_random_masks_are_checked_and_named_too() {
    gradcheck(|v| v[0].dropout(0.5).tanh().dropout(0.3), &[uniform(&[20], 1)]).unwrap();
    let f: Function = |v| v[0].tape().checkpoint(|| v[0].tanh().exp()) * v[0];
    gradcheck(f, &[uniform(&[3], 1)]).unwrap();
    let cut: Function = |v| v[0].tape().checkpoint(|| v[0].tanh().detach().exp()) * v[0];
    assert_eq!(cut_operation(mismatch(gradcheck(cut, &[uniform(&[3], 1)]), "cut").2).name, "detach");
}

/// The numeric rules of softmax, its logarithm and cross-entropy are fused, the recorded ones are
/// not: a check runs both at each order, so that neither can be wrong alone.
#[test]
fn fused_rules_are_checked_in_both_sweeps() {
    let logits = tensor![[0.3, -1.2, 0.8], [1.5, 0.1, -0.4]];
    let checks: [Function; 3] =
        [|v| v[0].softmax(-1), |v| v[0].log_softmax(0), |v| v[0].cross_entropy_rows(&tensor![2, 0])];
    for check in checks {
        assert_eq!(gradcheck(check, std::slice::from_ref(&logits)).map(|report| report.checked), Ok(12));
    }
}

#[test]
fn the_macro_takes_arrays_slices_and_settings_and_panics_where_it_stands() {
    let (a, b) = (tensor![0.3, -0.7], tensor![2.0, 0.5]);
    let report = assert_gradients!(|v| v[0] * v[1], [a, b]);
    assert_eq!(report.checked, 8);
    let inputs = vec![a.clone(), b];
    assert_eq!(assert_gradients!(|v| v[0] / v[1], inputs, order = 1, seed = 3).checked, 4);
    assert_eq!(assert_gradients!(|v| v[0].exp(), [tensor![0.1f32]], allow_f32, order = 1).checked, 1);
    let panicked = panic_of(|| {
        assert_gradients!(|v| v[0] * v[0].detach(), [a]);
    });
    let panicked = panicked.unwrap();
    assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line!() - 3));
    assert!(
        panicked.text.starts_with("gradient check failed: derivative 1 of input 0 at "),
        "{}",
        panicked.text
    );
}

#[test]
fn a_failure_prints_as_a_table_and_the_culprit() {
    let op = Custom {
        name: "cube",
        forward: |x| x[0].powi(3),
        vjp: |x, _, y_bar| vec![Some(y_bar * 2.0 * x[0].square())],
    };
    let error = gradcheck(
        |v| (v[0].tape().custom(op, &[v[0] + 1.0]) * v[1]).sum() + v[2].relu(),
        &[tensor![0.0, 1.0], tensor![[2.0], [-0.5]], Tensor::scalar(0.0)],
    );
    let line = line!() - 3;
    let expected = format!(
        "\
gradient check failed: derivative 1 of input 0 at [0]: the tape says 3, differences say 4.5 ± ERROR, forward mode says 3

5 derivatives: 2 agree, 1 at kinks, 2 wrong
order   of        shape    checked   worst at   tape   differences ± their error   verdict
1       input 0   [2]            2   [0]        3      4.5 ± ERROR                 FAIL (2)
1       input 1   [2, 1]         2   [0, 0]     9      9 ± ERROR                   ok
1       input 2   []             1              0      0 below, 1 above            kink (1)

culprit: %4 `cube %3` ({}:{line})
  its rule gives 3 for %3[2] (input 0) at [0], differences of it alone give 4.5 ± ERROR: off by 1.5, 0.33 relative",
        file!()
    );
    let text = error.unwrap_err().to_string();
    let errors = text
        .split('±')
        .skip(1)
        .map(|rest| rest.split_whitespace().next().unwrap().trim_end_matches([',', ':']));
    let errors: Vec<&str> = errors.filter(|word| *word != "their").collect();
    assert!(errors.iter().all(|error| error.len() == 5 && error.parse::<f64>().unwrap() < 1e-9), "{text}");
    let masked = errors.iter().fold(text.clone(), |text, error| text.replacen(error, "ERROR", 1));
    assert_eq!(masked, expected, "\n{text}");
}

#[test]
fn other_errors_are_sentences() {
    assert_eq!(
        GradCheckError::NoInputs.to_string(),
        "there are no inputs: give at least one tensor to differentiate by"
    );
    let error = gradcheck(|v| v[0].ln(), &[Tensor::scalar(-1.0)]).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        format!(
            "the function is NaN, first from %1 `ln %0` ({}:{}): check at inputs where it is finite",
            file!(),
            line!() - 6
        )
    );
}
