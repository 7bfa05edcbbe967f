//! Recurrent layers: sequences of different lengths against each by itself, states that are handed on,
//! names of parameters.

use wengert_nn::layers::RecurrentStates;
use wengert_nn::prelude::*;

fn uniform(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, -1.0, 1.0, &mut seeded(seed))
}

#[track_caller]
fn assert_close(found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
    let all = found.as_slice().iter().zip(expected.as_slice());
    assert!(all.clone().all(close), "{found} is not {expected}");
}

fn options() -> RecurrentOptions {
    RecurrentOptions::new().layers(2).bidirectional(true)
}

/// Outputs and states of a batch with lengths against those of each sequence alone, cut to its length.
fn compare_with_each_alone(
    of_lengths: impl for<'t> Fn(Var<'t, f64>, &[usize]) -> RecurrentStates<'t, f64>,
    of_one: impl for<'t> Fn(Var<'t, f64>) -> RecurrentStates<'t, f64>,
) {
    let lengths = [3, 5, 1, 3, 6];
    let x = uniform(&[5, 7, 2], 4);
    let tape = GradientTape::new();
    let together = of_lengths(tape.constant(&x), &lengths);
    assert_eq!(together.outputs.shape()[..], [5, 7, 6]);
    for (i, &length) in lengths.iter().enumerate() {
        let row = i as isize..i as isize + 1;
        let own = tape.constant(&x).slice(&[row.clone().into(), (0..length as isize).into()]);
        let alone = of_one(own);
        let outputs = together.outputs.slice(&[row.clone().into(), (0..length as isize).into()]);
        assert_close(&outputs.value(), &alone.outputs.value());
        let behind = together.outputs.slice(&[row.clone().into(), (length as isize..).into()]);
        assert!(behind.value().as_slice().iter().all(|&y| y == 0.0), "behind the end are zeros");
        let state = |all: Var<'_, f64>| all.slice(&[(..).into(), row.clone().into()]).value();
        assert_close(&state(together.hidden), &alone.hidden.value());
        if let (Some(cells), Some(cell)) = (together.cell, alone.cell) {
            assert_close(&state(cells), &cell.value());
        }
    }
}

#[test]
fn a_batch_of_different_lengths_is_each_sequence_by_itself() {
    let rng = &mut seeded(1);
    let rnn: Rnn<f64> = Rnn::with_options(2, 3, options(), rng);
    compare_with_each_alone(|x, n| rnn.states_of_lengths(x, n), |x| rnn.states(x));
    let lstm: Lstm<f64> = Lstm::with_options(2, 3, options(), rng);
    compare_with_each_alone(|x, n| lstm.states_of_lengths(x, n), |x| lstm.states(x));
    let gru: Gru<f64> = Gru::with_options(2, 3, options(), rng);
    compare_with_each_alone(|x, n| gru.states_of_lengths(x, n), |x| gru.states(x));
}

#[test]
fn what_is_behind_the_end_of_a_sequence_is_not_looked_at() {
    let lstm: Lstm<f64> = Lstm::with_options(2, 3, options(), &mut seeded(1));
    let tape = GradientTape::new();
    let x = uniform(&[2, 4, 2], 2);
    let mut spoiled = x.to_vec();
    spoiled[2 * 2..4 * 2].fill(f64::NAN); // the last two steps of the first sequence
    let spoiled = tape.var(Tensor::from_vec(spoiled, &[2, 4, 2]).unwrap());
    let [clean, other] = [tape.var(x), spoiled].map(|x| lstm.states_of_lengths(x, &[2, 4]));
    assert_eq!(clean.outputs.value(), other.outputs.value());
    let gradient = other.outputs.sum().backward().wrt(spoiled).clone();
    assert!(gradient.as_slice()[4..8].iter().all(|&g| g == 0.0), "{gradient}");
}

#[test]
fn equal_lengths_are_as_none() {
    let gru: Gru<f64> = Gru::with_options(2, 3, options(), &mut seeded(1));
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[3, 4, 2], 2));
    let (with, without) = (gru.states_of_lengths(x, &[4; 3]), gru.states(x));
    assert_close(&with.outputs.value(), &without.outputs.value());
    assert_close(&with.hidden.value(), &without.hidden.value());
}

#[test]
fn a_sequence_in_two_halves_is_the_whole_if_states_are_handed_on() {
    let options = RecurrentOptions::new().layers(2).batch_first(false);
    let lstm: Lstm<f64> = Lstm::with_options(2, 3, options, &mut seeded(1));
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[6, 2, 2], 2));
    let whole = lstm.states(x);
    let first = lstm.states(x.slice(&[(..4).into()]));
    let second = lstm.states_from(x.slice(&[(4..).into()]), first.hidden, first.cell.unwrap());
    let joined = tape.concat(&[first.outputs, second.outputs], 0);
    assert_close(&joined.value(), &whole.outputs.value());
    assert_close(&second.hidden.value(), &whole.hidden.value());
    assert_close(&second.cell.unwrap().value(), &whole.cell.unwrap().value());
}

#[test]
fn the_last_output_is_that_of_both_directions_after_their_last_step() {
    let options = options().return_sequences(false);
    let gru: Gru<f64> = Gru::with_options(2, 3, options, &mut seeded(1));
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[2, 4, 2], 2));
    let (last, states) = (gru.forward(x).value(), gru.states(x));
    let outputs = states.outputs;
    let forwards = outputs.slice(&[(..).into(), (3..4).into(), (..3).into()]).reshape(&[2, 3]);
    let backwards = outputs.slice(&[(..).into(), (0..1).into(), (3..).into()]).reshape(&[2, 3]);
    assert_eq!(last, tape.concat(&[forwards, backwards], -1).value());
}

#[test]
fn batches_may_come_second() {
    let rng = || seeded(1);
    let first: Rnn<f64> = Rnn::with_options(2, 3, options(), &mut rng());
    let second: Rnn<f64> = Rnn::with_options(2, 3, options().batch_first(false), &mut rng());
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[2, 4, 2], 2));
    let y = second.forward(x.transpose(0, 1)).transpose(0, 1);
    assert_eq!(first.forward(x).value(), y.value());
}

#[test]
fn parameters_have_the_names_and_first_values_that_the_docs_say() {
    let options = RecurrentOptions::new().layers(2).bidirectional(true);
    let lstm: Lstm<f64> = Lstm::with_options(5, 3, options, &mut seeded(1));
    let names: Vec<String> = lstm.parameters().into_iter().map(|(name, _)| name).collect();
    let mut expected = Vec::new();
    for suffix in ["l0", "l0_reverse", "l1", "l1_reverse"] {
        expected.extend(["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|n| format!("{n}_{suffix}")));
    }
    assert_eq!(names, expected);
    let value = |name: &str| {
        let found = lstm.parameters().into_iter().find(|(n, _)| n == name).expect("it is there");
        found.1.value().clone()
    };
    let u = value("weight_hh_l0");
    assert_close(&u.t().matmul(&u), &Tensor::eye(3));
    assert_eq!(value("weight_ih_l1_reverse").shape()[..], [12, 6]);
    let [zero, one] = [0.0, 1.0];
    let gates = [zero, zero, zero, one, one, one, zero, zero, zero, zero, zero, zero];
    assert_eq!(value("bias_ih_l0").as_slice(), gates);
    assert_eq!(value("bias_hh_l0"), Tensor::zeros(&[12]));
}

#[test]
fn dropout_between_layers_is_for_training_and_repeats_by_seed() {
    let options = RecurrentOptions::new().layers(2).dropout(0.5);
    let lstm: Lstm<f64> = Lstm::with_options(2, 8, options, &mut seeded(1));
    let x = uniform(&[2, 4, 2], 2);
    let run = |seed: u64, training: bool| {
        let tape = GradientTape::new();
        tape.seed(seed);
        tape.set_training(training);
        lstm.forward(tape.constant(&x)).value()
    };
    assert_eq!(run(1, true), run(1, true));
    assert_ne!(run(1, true), run(2, true));
    assert_eq!(run(1, false), run(2, false));
}
