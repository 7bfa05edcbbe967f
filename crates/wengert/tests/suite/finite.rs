//! `check_finite`: the first number that is not finite stops the program, and is named.

use crate::common::panic_of;
use wengert::{AttentionOptions, GradientTape, Tensor, tensor};

fn checked() -> GradientTape<f64> {
    let tape = GradientTape::new();
    tape.check_finite(true);
    tape
}

#[test]
fn a_value_is_named_with_its_operation_inputs_and_line() {
    let line = line!() + 4;
    let panicked = panic_of(|| {
        let tape = checked();
        let x = tape.var(tensor![[1.0, 2.0], [-0.5, 4.0]]);
        let y = x.ln();
        y.exp();
    });
    let panicked = panicked.unwrap();
    let place = format!("{}:{line}", file!());
    assert_eq!(
        panicked.text,
        format!("check_finite: %1 `ln %0` ({place}) gave NaN at [1, 0]; %0 is [2, 2] between -0.5 and 4.0")
    );
    assert_eq!((panicked.file.as_str(), panicked.line), (file!(), line));
}

#[test]
fn scalars_leaves_and_tensors_of_every_kind_are_checked() {
    let text = |f: fn(&GradientTape<f64>)| panic_of(|| f(&checked())).unwrap().text;
    assert!(text(|t| _ = 1.0 / t.var(0.0)).contains("`div 1, %0`"));
    assert!(
        text(|t| _ = t.var(1e300) * t.var(1e300))
            .contains("gave inf at its only element; %0 is 1e300, %1 is 1e300")
    );
    assert!(text(|t| _ = t.constant(tensor![0.0, f64::NAN])).contains("`constant` "));
    assert!(text(|t| _ = t.var(Tensor::full(&[3], 1e308)).sum()).contains("`sum %0`"));
}

#[test]
fn an_adjoint_is_named_with_the_operation_that_made_it() {
    let panicked = panic_of(|| {
        let tape = checked();
        let x = tape.var(tensor![4.0, 0.0]);
        let loss = x.sqrt().sum();
        loss.backward();
    });
    let text = panicked.unwrap().text;
    assert!(text.starts_with("check_finite: the adjoint that %1 `sqrt %0` ("), "{text}");
    assert!(text.contains("passes to %0 `var` ("), "{text}");
    assert!(text.ends_with("is inf at [1]; its own adjoint is [2] between 1.0 and 1.0"), "{text}");
}

#[test]
fn a_recorded_gradient_is_checked_as_it_is_recorded() {
    let line = line!() + 4;
    let panicked = panic_of(|| {
        let tape = checked();
        let x = tape.var(0.0);
        let y = x.sqrt();
        tape.gradient(y, &[x]);
    });
    let text = panicked.unwrap().text;
    assert!(text.contains(&format!("({}:{line})", file!())), "{text}");
}

#[test]
fn numbers_flow_as_in_ieee_754_unless_told() {
    let tape = GradientTape::new();
    let x = tape.var(-1.0);
    assert!(f64::is_nan(x.ln().item()));
    tape.check_finite(true);
    assert_eq!(x.exp().backward().item(x), (-1f64).exp());
    tape.check_finite(false);
    assert_eq!(x.ln().backward().item(x), -1.0);
}

#[test]
fn a_causal_mask_is_infinite_on_purpose() {
    let tape = checked();
    let x = tape.var(tensor![[1.0, 2.0], [0.5, -1.0]]);
    let y = x.attention(x, x, AttentionOptions::new().causal(true)).sum();
    tape.gradient(tape.gradient(y, &[x])[0].sum(), &[x]);
    assert!(panic_of(|| _ = (x - 5.0).ln()).is_some(), "the check is on again");
}

#[test]
fn a_tape_is_asked_afterwards_where_numbers_stopped_to_be_finite() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![1.0, -0.5]);
    let line = line!() + 1;
    let bad = x.ln();
    let loss = bad.exp().sum();
    let expected = format!("%1 `ln %0` ({}:{line}) gave NaN at [1]; %0 is [2] between -0.5 and 1.0", file!());
    assert_eq!(tape.find_not_finite(loss), Some(expected.clone()));
    assert_eq!(tape.find_not_finite(bad.detach()), Some(expected));
    assert_eq!(tape.find_not_finite(x.exp().sum()), None);
}

#[test]
fn values_that_are_finite_lead_to_the_adjoint_that_is_not() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![4.0, 0.0]);
    let loss = x.sqrt().sum();
    let text = tape.find_not_finite(loss).unwrap();
    assert!(text.starts_with("the adjoint that %1 `sqrt %0` ("), "{text}");
    assert!(text.ends_with("is inf at [1]; its own adjoint is [2] between 1.0 and 1.0"), "{text}");
}

#[test]
fn values_that_a_checkpoint_has_dropped_are_looked_at_too() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![1.0, -0.5]);
    let loss = tape.checkpoint(|| x.ln().exp().relu()).sum();
    let text = tape.find_not_finite(loss).unwrap();
    assert!(text.starts_with("%1 `ln %0` ("), "{text}");
}
