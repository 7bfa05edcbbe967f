//! The numerical check, checked: wrong rules that it must reject, naming order, input and entry.
//!
//! A wrong rule is built from right ones: `f.detach() + g - g.detach()` has the value of f and the
//! gradient of g.

mod common;

use common::{Function, uniform};
use wengert::{Entry, GradCheck, GradCheckError, Tensor, Var, gradcheck, tensor};

/// The value of `f` with the gradient of `g`.
fn with_rule_of<'t>(f: Var<'t, f64>, g: Var<'t, f64>) -> Var<'t, f64> {
    f.detach() + g - g.detach()
}

/// Order, entry, and both numbers of a rejected check.
#[track_caller]
fn mismatch(
    result: Result<wengert::GradCheckReport, GradCheckError>,
    what: &str,
) -> (usize, Entry, f64, f64) {
    match result {
        Err(GradCheckError::Mismatch { order, entry, analytic, numeric, error, allowed }) => {
            assert_eq!(error.to_bits(), (analytic - numeric).abs().to_bits(), "{what}");
            assert!(error > allowed || error.is_nan(), "{what}");
            (order, entry, analytic, numeric)
        }
        other => panic!("{what}: expected a mismatch, got {other:?}"),
    }
}

fn entry(input: usize, index: &[usize]) -> Entry {
    Entry::Of { input, index: index.to_vec() }
}

struct WrongRule {
    what: &'static str,
    f: Function,
    shapes: &'static [&'static [usize]],
    order: usize,
    /// Where it is found first.
    entry: Entry,
}

fn wrong_rules() -> Vec<WrongRule> {
    let rule = |what, f, shapes, order, entry| WrongRule { what, f, shapes, order, entry };
    vec![
        rule("zero", |v| v[0].tanh().detach() + 0.0 * v[0], &[&[3]], 1, entry(0, &[0])),
        rule("absent", |v| v[0].exp().detach(), &[&[3]], 1, entry(0, &[0])),
        rule("sign", |v| with_rule_of(v[0].tanh(), -v[0].tanh()), &[&[2, 2]], 1, entry(0, &[0, 0])),
        rule("factor two", |v| with_rule_of(v[0].square(), 2.0 * v[0].square()), &[&[]], 1, entry(0, &[])),
        rule("1e-4 off", |v| with_rule_of(v[0].exp(), 1.0001 * v[0].exp()), &[&[2]], 1, entry(0, &[0])),
        rule("another function's", |v| with_rule_of(v[0].tanh(), v[0].sigmoid()), &[&[2]], 1, entry(0, &[0])),
        rule(
            "wrong for the second operand alone",
            |v| with_rule_of(v[0] / v[1].exp(), v[0] / v[1].detach().exp() - v[1]),
            &[&[2], &[2]],
            1,
            entry(1, &[0]),
        ),
        rule(
            "operands swapped",
            |v| with_rule_of(v[0] - 2.0 * v[1], v[1] - 2.0 * v[0]),
            &[&[2], &[2]],
            1,
            entry(0, &[0]),
        ),
        rule(
            "wrong in one entry",
            |v| {
                let last = v[0].slice(&[(2..).into()]);
                with_rule_of(v[0].square().sum(), v[0].square().sum() + last.sum())
            },
            &[&[3]],
            1,
            entry(0, &[2]),
        ),
        rule(
            "broadcast not undone: only the first row counts",
            |v| {
                let rest = v[1].detach().broadcast_to(&[2, 4]);
                let first = v[1].reshape(&[1, 4]);
                with_rule_of(v[0] + v[1], v[0] + v[0].tape().concat(&[first, rest], 0))
            },
            &[&[3, 4], &[4]],
            1,
            entry(1, &[0]),
        ),
        rule(
            "broadcast undone by the mean",
            |v| with_rule_of(v[0] + v[1], v[0] + v[1] / 3.0),
            &[&[3, 4], &[4]],
            1,
            entry(1, &[0]),
        ),
        rule(
            "transposed",
            |v| with_rule_of(v[0].matmul(v[1]), v[0].transpose(0, 1).matmul(v[1])),
            &[&[3, 3], &[3, 3]],
            1,
            entry(0, &[0, 1]),
        ),
        rule(
            "right at first, but its derivative is forgotten",
            |v| v[0].tanh().detach() + (1.0 - v[0].tanh().square()).detach() * (v[0] - v[0].detach()),
            &[&[3]],
            2,
            entry(0, &[0]),
        ),
        rule(
            "right at first, but its derivative has too much",
            |v| v[0].tanh() + (v[0] - v[0].detach()).square(),
            &[&[3]],
            2,
            entry(0, &[0]),
        ),
        rule(
            "right at first, wrong between inputs",
            |v| v[0] * v[1] + (v[0] - v[0].detach()) * (v[1] - v[1].detach()),
            &[&[2], &[2]],
            2,
            entry(0, &[0]),
        ),
    ]
}

fn inputs_of(rule: &WrongRule) -> Vec<Tensor<f64>> {
    rule.shapes.iter().zip(1..).map(|(shape, seed)| uniform(shape, seed)).collect()
}

#[test]
fn wrong_rules_are_rejected_by_order_and_entry() {
    for rule in wrong_rules() {
        let (order, entry, ..) = mismatch(gradcheck(rule.f, &inputs_of(&rule)), rule.what);
        assert_eq!((order, entry), (rule.order, rule.entry), "{}", rule.what);
    }
}

#[test]
fn random_directions_reject_them_too() {
    for rule in wrong_rules() {
        let check = GradCheck::new().directions(3);
        let (order, entry, ..) = mismatch(check.check(rule.f, &inputs_of(&rule)), rule.what);
        assert_eq!((order, entry), (rule.order, Entry::Direction(0)), "{}", rule.what);
    }
}

#[test]
fn other_seeds_reject_them_too() {
    for rule in wrong_rules() {
        for seed in 1..5 {
            mismatch(GradCheck::new().seed(seed).check(rule.f, &inputs_of(&rule)), rule.what);
        }
    }
}

#[test]
fn the_numbers_of_a_rejection_are_the_tapes_and_the_differences() {
    let x = Tensor::scalar(3.0);
    let check = GradCheck::new();
    let f: Function = |v| with_rule_of(v[0].square(), 2.0 * v[0].square());
    let (order, entry, analytic, numeric) = mismatch(check.check(f, &[x]), "factor two");
    assert_eq!((order, entry), (1, Entry::Of { input: 0, index: vec![] }));
    // The projection scales both; the tape's is twice the true one.
    assert!((analytic / numeric - 2.0).abs() < 1e-9, "{analytic} {numeric}");
}

#[test]
fn order_one_does_not_look_at_second_derivatives() {
    let f: Function = |v| v[0].tanh() + (v[0] - v[0].detach()).square();
    let report = GradCheck::new().order(1).check(f, &[uniform(&[3], 1)]).unwrap();
    assert_eq!(report.checked, 3);
    mismatch(GradCheck::new().order(2).check(f, &[uniform(&[3], 1)]), "second derivative");
}

#[test]
fn order_three_finds_what_order_two_cannot() {
    let f: Function = |v| v[0].tanh() + (v[0] - v[0].detach()).powi(3);
    GradCheck::new().order(2).check(f, &[uniform(&[2], 1)]).unwrap();
    let (order, ..) = mismatch(GradCheck::new().order(3).check(f, &[uniform(&[2], 1)]), "third derivative");
    assert_eq!(order, 3);
}

#[test]
fn the_report_counts_every_derivative() {
    let (a, b) = (uniform(&[2, 3], 1), uniform(&[3], 2));
    let f: Function = |v| (v[0] * v[1]).tanh();
    let inputs = [a, b];
    let report = gradcheck(f, &inputs).unwrap();
    assert_eq!(report.checked, 2 * 9, "nine entries, two orders");
    assert!(report.worst > 0.0 && report.worst < 1e-8, "{report:?}");
    assert_eq!(GradCheck::new().directions(5).check(f, &inputs).unwrap().checked, 2 * 5);
    assert_eq!(GradCheck::new().order(3).check(f, &inputs).unwrap().checked, 3 * 9);
    assert_eq!(gradcheck(f, &[uniform(&[2, 0], 1), Tensor::zeros(&[0])]).unwrap().checked, 0);
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
fn tolerances_and_step_are_those_that_were_asked_for() {
    let off: Function = |v| with_rule_of(v[0].exp(), 1.001 * v[0].exp());
    let x = [tensor![0.5, -0.5]];
    mismatch(gradcheck(off, &x), "one in a thousand off");
    GradCheck::new().order(1).rtol(1e-2).check(off, &x).unwrap();
    GradCheck::new().order(1).atol(1e-2).check(off, &x).unwrap();
    mismatch(GradCheck::new().order(1).rtol(1e-4).atol(0.0).check(off, &x), "rtol");
    // A step as wide as the function's own scale estimates badly.
    let tanh: Function = |v| v[0].tanh();
    gradcheck(tanh, &x).unwrap();
    mismatch(GradCheck::new().step(1.0).check(tanh, &x), "a step of one");
    // Without any step there is no estimate, which is no agreement.
    mismatch(GradCheck::new().step(0.0).check(tanh, &x), "a step of zero");
}

#[test]
fn large_entries_are_moved_by_more() {
    gradcheck(|v| v[0].ln(), &[tensor![1e6, 1e-2]]).unwrap();
    gradcheck(|v| v[0].square() * 1e-6, &[tensor![3e3, -2e3]]).unwrap();
}

#[test]
fn a_function_that_is_not_finite_is_no_place_to_check() {
    match gradcheck(|v| v[0].ln(), &[tensor![1.0, -1.0]]) {
        Err(GradCheckError::NotFinite { order: 1, value }) => assert!(value.is_nan()),
        other => panic!("{other:?}"),
    }
    let e = gradcheck(|v| 1.0 / v[0], &[Tensor::scalar(0.0)]).unwrap_err();
    assert!(matches!(e, GradCheckError::NotFinite { order: 1, value } if value.is_infinite()), "{e}");
}

#[test]
fn a_point_on_a_kink_is_rejected_not_passed() {
    // Differences see the average of both slopes, half, where the rule says 0.
    mismatch(gradcheck(|v| v[0].relu(), &[tensor![0.0]]), "relu at 0");
    mismatch(gradcheck(|v| v[0].sqrt(), &[tensor![0.0]]), "sqrt at 0");
}

#[test]
fn messages_name_order_entry_and_both_numbers() {
    let text = |entry| {
        let (analytic, numeric) = (1.5, 3.0);
        GradCheckError::Mismatch { order: 2, entry, analytic, numeric, error: 1.5, allowed: 3.1e-6 }
            .to_string()
    };
    assert_eq!(
        text(entry(1, &[0, 2])),
        "derivative 2 of input 1 at [0, 2]: the tape says 1.5e0, differences say 3e0; they differ by 1.5e0, more than the 3.1e-6 allowed"
    );
    assert_eq!(
        text(Entry::Direction(4)),
        "derivative 2 of random direction 4: the tape says 1.5e0, differences say 3e0; they differ by 1.5e0, more than the 3.1e-6 allowed"
    );
    assert_eq!(
        GradCheckError::NotFinite { order: 1, value: f64::NAN }.to_string(),
        "the function (for derivative 1) is NaN at the given inputs: check at a point where it is finite"
    );
}

/// The numeric rules of softmax, its logarithm and cross-entropy are fused, the recorded ones are
/// not: a check runs both at each order, so that neither can be wrong alone.
#[test]
fn a_check_compares_both_sweeps() {
    let logits = tensor![[0.3, -1.2, 0.8], [1.5, 0.1, -0.4]];
    let checks: [Function; 3] =
        [|v| v[0].softmax(-1), |v| v[0].log_softmax(0), |v| v[0].cross_entropy_rows(&tensor![2, 0])];
    for check in checks {
        assert_eq!(gradcheck(check, std::slice::from_ref(&logits)).map(|report| report.checked), Ok(12));
    }
    let entry = Entry::Of { input: 0, index: vec![1, 2] };
    let error = GradCheckError::Sweeps { order: 1, entry, backward: 0.5, gradient: -0.5 };
    let text = "derivative 1 of input 0 at [1, 2]: backward says 5e-1, gradient says -5e-1";
    assert_eq!(error.to_string(), text);
}
