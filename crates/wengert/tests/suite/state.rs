//! Parameters that no gradient moves: frozen ones, and running values that a step brings up to date.

use crate::common::panic_of;
use wengert::{GradientTape, NoGradient, Parameter, Tensor, tensor};

#[test]
fn only_what_the_targets_depend_on_is_brought_up_to_date() {
    let mut state = Parameter::state(tensor![0.0]);
    let tape = GradientTape::new();
    let parts: Vec<_> = [1.0, 10.0, 100.0]
        .into_iter()
        .map(|x| {
            let y = tape.var(x) * 2.0;
            tape.update_state(&state, 1.0, tensor![x], y);
            y.exp()
        })
        .collect();
    let (first, last) = (parts[0].backward(), (parts[0] * parts[2]).backward());
    assert!(last.update_state(&mut state));
    assert_eq!(state.value(), &tensor![101.0]);
    assert!(first.update_state(&mut state));
    assert_eq!(state.value(), &tensor![102.0]);
    let before = tape.var(1.0);
    let none = (before * before).backward();
    assert!(!none.update_state(&mut state));
}

#[test]
fn several_targets_of_one_sweep_bring_all_of_theirs() {
    let mut state = Parameter::state(tensor![1.0]);
    let tape = GradientTape::new();
    let [a, b] = [2.0, 3.0].map(|x| {
        let y = tape.var(x).square();
        tape.update_state(&state, 0.5, tensor![x], y);
        y
    });
    let grads = tape.backward(&[a, b], &[Tensor::scalar(1.0), Tensor::scalar(1.0)]);
    grads.update_state(&mut state);
    assert_eq!(state.value(), &tensor![(1.0 * 0.5 + 2.0) * 0.5 + 3.0]);
}

#[test]
fn a_reset_forgets_what_was_to_be_done() {
    let mut state = Parameter::state(tensor![0.0]);
    let mut tape = GradientTape::new();
    tape.update_state(&state, 1.0, tensor![1.0], tape.var(1.0));
    tape.reset();
    let grads = tape.var(1.0).square().backward();
    assert!(!grads.update_state(&mut state));
}

#[test]
fn other_states_and_trained_parameters_are_left_alone() {
    let (state, mut other, mut weight) =
        (Parameter::state(tensor![0.0]), Parameter::state(tensor![5.0]), Parameter::new(tensor![7.0]));
    let tape = GradientTape::new();
    let y = tape.var(1.0).square();
    tape.update_state(&state, 1.0, tensor![1.0], y);
    let grads = y.backward();
    assert!(!grads.update_state(&mut other) && !grads.update_state(&mut weight));
    assert_eq!((other.value(), weight.value()), (&tensor![5.0], &tensor![7.0]));
}

#[test]
fn what_cannot_be_a_new_state_is_refused_at_the_users_line() {
    let tape = GradientTape::<f64>::new();
    let (state, weight) = (Parameter::state(tensor![0.0]), Parameter::new(tensor![0.0]));
    let x = tape.var(1.0);
    let text = |f: &dyn Fn()| panic_of(f).expect("it panics").text;
    let found = text(&|| tape.update_state(&weight, 1.0, tensor![1.0], x));
    assert_eq!(found, "update_state: expected a parameter made by `Parameter::state`");
    let found = text(&|| tape.update_state(&state, 1.0, tensor![1.0, 2.0], x));
    assert_eq!(found, "update_state: expected an addend of the state's shape [1], got [2]");
    let found = text(&|| tape.substitute(&weight, x));
    assert_eq!(found, "substitute: expected a variable of the parameter's shape [1], got []");
}

#[test]
fn frozen_parameters_are_constants_until_they_are_trained_again() {
    let mut w = Parameter::new(tensor![3.0]);
    w.set_trainable(false);
    assert!(!w.is_trainable() && !w.is_state() && !w.clone().is_trainable());
    let mut tape = GradientTape::new();
    let grads = (tape.parameter(&w) * tape.var(2.0)).sum().backward();
    assert_eq!(grads.why(&w), Some(NoGradient::Constant));
    tape.reset();
    w.set_trainable(true);
    let grads = (tape.parameter(&w) * tape.var(2.0)).sum().backward();
    assert_eq!(grads.wrt(&w), &tensor![2.0]);
    let mut state = Parameter::state(tensor![0.0]);
    state.set_trainable(true);
    assert!(state.is_state() && !state.is_trainable());
}

#[test]
fn names_are_cloned_and_may_change() {
    let w = Parameter::new(tensor![1.0]);
    w.set_name("a.weight");
    let clone = w.clone();
    w.set_name("b.weight");
    assert_eq!((w.name().as_deref(), clone.name().as_deref()), (Some("b.weight"), Some("a.weight")));
}
