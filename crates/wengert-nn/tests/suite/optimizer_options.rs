//! What every optimizer can be told: groups, frozen parameters, clipping, several batches a step;
//! and that it goes on from a saved state as if it had never stopped.

use crate::common::{bits, gradients, step, weights};
use wengert_nn::optimizers::ParameterGroup;
use wengert_nn::prelude::*;
use wengert_nn::{Ema, OptimizerError, State, StateError};

#[derive(Module)]
struct Layer {
    weight: Parameter<f64>,
    bias: Parameter<f64>,
}

fn layer() -> Layer {
    Layer { weight: Parameter::new(tensor![1.0, -2.0, 3.0]), bias: Parameter::new(tensor![0.5]) }
}

/// Gradients of both parameters.
fn both(layer: &Layer, weight: &Tensor<f64>, bias: &Tensor<f64>) -> Gradients<f64> {
    let tape = GradientTape::new();
    let parts = [(&layer.weight, weight), (&layer.bias, bias)];
    let [w, b] = parts.map(|(p, g)| (tape.parameter(p) * tape.constant(g)).sum());
    (w + b).backward()
}

fn step_both(
    optimizer: &mut dyn Optimizer<f64>,
    layer: &mut Layer,
    weight: &Tensor<f64>,
    bias: &Tensor<f64>,
) {
    let grads = both(layer, weight, bias);
    optimizer.step(layer, &grads).unwrap();
}

/// Gradients that differ from step to step.
fn at(t: usize) -> (Tensor<f64>, Tensor<f64>) {
    let x = (t as f64 * 1.7).sin();
    (tensor![x, 2.0 - x, -0.5 * x * x], tensor![0.25 + x])
}

type Make = fn() -> Box<dyn Optimizer<f64>>;

/// One of each kind, with all their accumulators.
fn all() -> Vec<Make> {
    vec![
        || Box::new(Sgd::new(0.1)),
        || Box::new(Sgd::new(0.1).momentum(0.9).nesterov()),
        || Box::new(Sgd::pytorch(0.1).momentum(0.9).dampening(0.5)),
        || Box::new(RmsProp::new(0.1)),
        || Box::new(RmsProp::pytorch(0.1).centered().momentum(0.9)),
        || Box::new(Adam::new(0.1)),
        || Box::new(Adam::pytorch(0.1).amsgrad()),
        || Box::new(AdamW::new(0.1)),
        || Box::new(Adagrad::pytorch(0.1).learning_rate_decay(0.1)),
        || Box::new(Adadelta::new(1.0)),
        || Box::new(Nadam::new(0.1)),
        || Box::new(Radam::new(0.1)),
        || Box::new(Adamax::new(0.1)),
        || Box::new(Lion::new(0.1)),
        || Box::new(Adam::new(0.1).accumulate(3).clip_global_norm(0.5)),
    ]
}

#[test]
fn a_group_has_a_learning_rate_of_its_own() {
    for (group, rate) in [
        (ParameterGroup::new(|name| name == "bias").learning_rate(0.4), 0.4),
        (ParameterGroup::new(|name| name == "bias").learning_rate_factor(0.5), 0.05),
    ] {
        let mut optimizer = Adam::new(0.1).group(group);
        let (mut grouped, mut plain) = (layer(), layer());
        let (mut on_weight, mut on_bias) = (Adam::new(0.1), Adam::new(rate));
        for t in 0..5 {
            let (w, b) = at(t);
            step_both(&mut optimizer, &mut grouped, &w, &b);
            step(&mut on_weight, &mut plain.weight, &w);
            step(&mut on_bias, &mut plain.bias, &b);
        }
        assert_eq!(weights(&grouped), weights(&plain));
    }
}

#[test]
fn a_schedule_moves_the_rates_of_factors_and_leaves_those_of_their_own() {
    let run = |group: ParameterGroup| {
        let mut optimizer = Sgd::new(0.1).group(group);
        optimizer.set_learning_rate(0.5);
        let mut bias = Parameter::new(tensor![0.0]);
        step(&mut optimizer, &mut bias, &tensor![1.0]);
        bias.value().item()
    };
    assert_eq!(run(ParameterGroup::new(|_| true).learning_rate_factor(0.5)), -0.25);
    assert_eq!(run(ParameterGroup::new(|_| true).learning_rate(0.125)), -0.125);
}

#[test]
fn a_group_has_a_weight_decay_of_its_own_of_either_kind() {
    let moved = |optimizer: Sgd<f64>| {
        let mut p = Parameter::new(tensor![2.0]);
        step(&mut { optimizer.momentum(0.5).nesterov() }, &mut p, &tensor![0.0]);
        p.value().item()
    };
    let all = |_: &str| true;
    let coupled = moved(Sgd::new(0.1).weight_decay(0.5));
    let decoupled = moved(Sgd::new(0.1).decoupled_weight_decay(0.5));
    assert!(coupled != decoupled, "momentum sees the one and not the other");
    let base = || Sgd::new(0.1).weight_decay(7.0);
    assert_eq!(moved(base().group(ParameterGroup::new(all).weight_decay(0.5))), coupled);
    assert_eq!(moved(base().group(ParameterGroup::new(all).coupled_weight_decay(0.5))), coupled);
    assert_eq!(moved(base().group(ParameterGroup::new(all).decoupled_weight_decay(0.5))), decoupled);
    assert_eq!(moved(base().group(ParameterGroup::new(all).weight_decay(0.0))), 2.0);
}

#[test]
fn of_several_groups_that_fit_the_last_one_counts() {
    let mut optimizer = Sgd::new(0.1)
        .group(ParameterGroup::new(|_| true).learning_rate(1.0))
        .group(ParameterGroup::new(|_| true).learning_rate(2.0))
        .group(ParameterGroup::new(|name| name == "other").learning_rate(3.0));
    let mut p = Parameter::new(tensor![0.0]);
    step(&mut optimizer, &mut p, &tensor![1.0]);
    assert_eq!(p.value(), &tensor![-2.0]);
    let mut optimizer = optimizer.group(ParameterGroup::new(|_| true).learning_rate(4.0));
    step(&mut optimizer, &mut p, &tensor![1.0]);
    assert_eq!(p.value(), &tensor![-6.0], "a group that is added later counts from then on");
}

#[test]
fn what_is_frozen_keeps_its_bits_and_needs_no_gradient() {
    let mut optimizer = Adam::new(0.1).weight_decay(0.5).freeze(|name| name == "bias");
    let mut model = layer();
    let before = weights(&model);
    let grads = both(&model, &tensor![1.0, 1.0, 1.0], &tensor![1.0]);
    optimizer.step(&mut model, &grads).unwrap();
    let grads = gradients(&model.weight, &tensor![1.0, 1.0, 1.0]);
    let mut fresh = Adam::new(0.1).freeze(|name| name == "bias");
    fresh.step(&mut model, &grads).unwrap();
    let after = weights(&model);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
}

/// Fails unless `clipped` goes where plain SGD goes with gradients that `clip` has changed.
#[track_caller]
fn clips(mut clipped: Sgd<f64>, clip: impl Fn(&mut [f64], &mut [f64])) {
    let (mut a, mut b) = (layer(), layer());
    let mut plain = Sgd::new(0.1).momentum(0.9);
    for t in 0..6 {
        let (w, bias) = at(t);
        step_both(&mut clipped, &mut a, &w, &bias);
        let (mut w, mut bias) = (w.to_vec(), bias.to_vec());
        clip(&mut w, &mut bias);
        step_both(&mut plain, &mut b, &Tensor::from(w), &Tensor::from(bias));
        assert_eq!(weights(&a), weights(&b), "step {t}");
    }
}

fn shorten(all: &mut [&mut [f64]], bound: f64) {
    let length = all.iter().flat_map(|x| x.iter()).map(|x| x * x).sum::<f64>().sqrt();
    if length > bound {
        all.iter_mut().flat_map(|x| x.iter_mut()).for_each(|x| *x *= bound / length);
    }
}

#[test]
fn gradients_are_clipped_by_value_by_length_and_by_the_length_of_all() {
    let sgd = || Sgd::new(0.1).momentum(0.9);
    clips(sgd().clip_value(0.5), |w, b| {
        w.iter_mut().chain(b).for_each(|x| *x = x.clamp(-0.5, 0.5));
    });
    clips(sgd().clip_norm(0.75), |w, b| {
        shorten(&mut [w], 0.75);
        shorten(&mut [b], 0.75);
    });
    clips(sgd().clip_global_norm(1.5), |w, b| shorten(&mut [w, b], 1.5));
    clips(sgd().clip_value(1e-9).clip_global_norm(1e9), |_, _| ());
}

#[test]
fn a_frozen_gradient_does_not_count_for_the_length_of_all() {
    let mut optimizer = Sgd::new(1.0).clip_global_norm(1.0).freeze(|name| name == "bias");
    let mut model = layer();
    let grads = both(&model, &tensor![0.6, 0.0, 0.8], &tensor![100.0]);
    optimizer.step(&mut model, &grads).unwrap();
    assert_eq!(model.weight.value(), &tensor![1.0 - 0.6, -2.0, 3.0 - 0.8]);
}

#[test]
fn clipping_hides_no_nan() {
    for mut sgd in
        [Sgd::new(0.1).clip_value(1.0), Sgd::new(0.1).clip_norm(1.0), Sgd::new(0.1).clip_global_norm(1.0)]
    {
        let mut p = Parameter::new(tensor![0.0, 0.0]);
        step(&mut sgd, &mut p, &tensor![f64::NAN, 1.0]);
        assert!(p.value().as_slice()[0].is_nan());
    }
}

#[test]
fn several_batches_make_one_step_with_their_mean() {
    for optimizer in [|| Adam::new(0.1), || Adam::new(0.1).weight_decay(0.5).clip_global_norm(0.25)] {
        let (mut several, mut one) = (optimizer().accumulate(4), optimizer());
        let (mut a, mut b) = (layer(), layer());
        for t in 0..3 {
            let before = weights(&a);
            // Quarters add up without rounding.
            let batches = [1.0, 3.0, -2.0, 6.0].map(|x| (tensor![x, 0.0, t as f64], tensor![2.0 * x]));
            for (i, (w, bias)) in batches.iter().enumerate() {
                assert_eq!(weights(&a), before, "batch {i} changes nothing");
                assert_eq!(several.steps(), t as u64);
                step_both(&mut several, &mut a, w, bias);
            }
            step_both(&mut one, &mut b, &tensor![2.0, 0.0, t as f64], &tensor![4.0]);
            assert_eq!(weights(&a), weights(&b));
        }
    }
}

#[test]
fn of_several_batches_one_with_a_gradient_is_enough() {
    let mut optimizer = Sgd::new(1.0).accumulate(2);
    let mut model = layer();
    let grads = gradients(&model.weight, &tensor![2.0, 0.0, 0.0]);
    optimizer.step(&mut model, &grads).unwrap();
    let grads = both(&model, &tensor![0.0, 0.0, 0.0], &tensor![1.0]);
    optimizer.step(&mut model, &grads).unwrap();
    assert_eq!((model.weight.value(), model.bias.value()), (&tensor![0.0, -2.0, 3.0], &tensor![0.0]));

    let mut optimizer = Sgd::new(1.0).accumulate(2);
    let mut model = layer();
    let before = weights(&model);
    let grads = gradients(&model.weight, &tensor![2.0, 0.0, 0.0]);
    optimizer.step(&mut model, &grads).unwrap();
    let e = optimizer.step(&mut model, &grads).unwrap_err();
    let OptimizerError::Unused { path, .. } = e else { panic!("{e}") };
    assert_eq!(path, "bias");
    assert_eq!(weights(&model), before);
}

#[test]
#[should_panic(expected = "clip_norm: a bound of 0; it must be above 0")]
fn a_bound_of_nothing_is_refused() {
    let _: Sgd = Sgd::new(0.1).clip_norm(0.0);
}

#[test]
#[should_panic(expected = "accumulate: a step every 0 batches; at least 1 is needed")]
fn a_step_every_no_batches_is_refused() {
    let _: Sgd = Sgd::new(0.1).accumulate(0);
}

fn train(optimizer: &mut dyn Optimizer<f64>, model: &mut Layer, steps: std::ops::Range<usize>) {
    for t in steps {
        optimizer.set_learning_rate(0.1 / (1.0 + t as f64));
        let (w, b) = at(t);
        step_both(optimizer, model, &w, &b);
    }
}

/// Another process has the weights, but none of the parameters.
fn copy(model: &Layer) -> Layer {
    Layer { weight: model.weight.clone(), bias: model.bias.clone() }
}

#[test]
fn a_restored_optimizer_goes_on_as_if_it_had_never_stopped() {
    for make in all() {
        for stop in [0, 1, 4, 7] {
            let (mut whole, mut model) = (make(), layer());
            train(&mut *whole, &mut model, 0..11);

            let (mut first, mut half) = (make(), layer());
            train(&mut *first, &mut half, 0..stop);
            let state = first.state(&half);
            let (mut second, mut resumed) = (make(), copy(&half));
            second.restore(&resumed, &state).unwrap();
            assert_eq!(second.state(&resumed), state);
            assert_eq!((second.steps(), second.learning_rate()), (first.steps(), first.learning_rate()));
            train(&mut *second, &mut resumed, stop..11);
            assert_eq!(weights(&resumed), weights(&model), "{} after {stop}", state.kind());
        }
    }
}

#[test]
fn a_state_is_a_snapshot() {
    let (mut optimizer, mut model) = (Adam::new(0.1), layer());
    train(&mut optimizer, &mut model, 0..2);
    let state = optimizer.state(&model);
    let (before, copy) = (format!("{state:?}"), state.clone());
    train(&mut optimizer, &mut model, 2..4);
    assert_eq!((format!("{state:?}"), state), (before, copy));
}

#[test]
fn a_state_says_what_is_kept_of_each_parameter() {
    let (mut optimizer, mut model) = (RmsProp::new(0.1).centered().momentum(0.9), layer());
    train(&mut optimizer, &mut model, 0..2);
    let state = optimizer.state(&model);
    assert_eq!(state.kind(), "rmsprop");
    assert_eq!(state.integer("steps"), Ok(2));
    assert_eq!(state.number("learning_rate"), Ok(0.05));
    let names: Vec<_> = state.tensors().map(|(name, x)| (name, x.shape().to_vec())).collect();
    let expected = |p: &str, shape: &[usize]| {
        ["mean", "mean_square", "velocity"].map(|name| (format!("{p}.{name}"), shape.to_vec()))
    };
    let expected = [expected("bias", &[1]), expected("weight", &[3])].concat();
    assert_eq!(names, expected.iter().map(|(name, x)| (name.as_str(), x.clone())).collect::<Vec<_>>());
}

#[track_caller]
fn refuses(mut optimizer: impl Optimizer<f64>, state: &State<f64>, expected: &str) -> StateError {
    let model = layer();
    let before = optimizer.state(&model);
    let e = optimizer.restore(&model, state).unwrap_err();
    assert_eq!(e.to_string(), expected);
    assert_eq!(optimizer.state(&model), before, "a refused state changes nothing");
    e
}

#[test]
fn a_state_of_something_else_is_refused_by_name() {
    let (mut adam, mut model) = (Adam::new(0.1), layer());
    train(&mut adam, &mut model, 0..2);
    let state = adam.state(&model);
    refuses(Sgd::new(0.1), &state, "this is the state of `adam`; one of `sgd` is needed");
    refuses(
        Adam::new(0.1).amsgrad(),
        &state,
        "the state of `adam` has no tensor `weight.largest_mean_square`",
    );

    let mut other = State::new("adam");
    other.set_integer("steps", 1);
    refuses(Adam::new(0.1), &other, "the state of `adam` has no number `learning_rate`");
    other.set_number("learning_rate", 0.1);
    other.set_tensor("weight.mean", Tensor::zeros(&[3]));
    other.set_tensor("weight.mean_square", Tensor::zeros(&[2, 2]));
    let e = refuses(
        Adam::new(0.1),
        &other,
        "the state of `adam` has `weight.mean_square` of shape [2, 2]; its parameter has shape [3]",
    );
    assert!(matches!(e, StateError::Shape { expected, .. } if expected == [3]));

    let mut other = state.clone();
    other.set_tensor("old.mean", Tensor::zeros(&[3]));
    refuses(
        Adam::new(0.1),
        &other,
        "the state of `adam` has a tensor `old.mean`, which belongs to nothing here: a parameter's name with one of [\"mean\", \"mean_square\"] behind it is expected",
    );
}

#[test]
fn parts_of_a_state_keep_their_names_behind_a_prefix() {
    let mut inner: State<f64> = State::new("adam");
    inner.set_number("learning_rate", 0.5);
    inner.set_integer("steps", u64::MAX);
    let mut all = State::new("trainer");
    all.insert("a", inner.clone());
    all.insert("ab", State::new("sgd"));
    assert_eq!(all.kinds().collect::<Vec<_>>(), [("", "trainer"), ("a", "adam"), ("ab", "sgd")]);
    assert_eq!(all.part("a"), Some(inner));
    assert_eq!(all.part("ab").unwrap().kind(), "sgd");
    assert_eq!(all.part("b"), None);
    let e = all.integer("b.steps").unwrap_err();
    assert_eq!(e.to_string(), "the state of `trainer` has no whole number `b.steps`");
}

#[test]
fn an_average_follows_its_formula_and_swaps_there_and_back() {
    let mut p = Parameter::new(tensor![1.0, -1.0]);
    let (mut ema, mut expected) = (Ema::new(0.9), vec![1.0, -1.0]);
    for t in 0..5 {
        let w = [t as f64, 1.0 / (1.0 + t as f64)];
        p.replace(Tensor::from(w.to_vec()));
        ema.update(&p);
        for (a, w) in expected.iter_mut().zip(w) {
            *a = if t == 0 { w } else { 0.9 * *a + (1.0 - 0.9) * w };
        }
    }
    let before = bits(p.value());
    ema.swap(&mut p);
    assert_eq!((p.value(), ema.is_swapped()), (&Tensor::from(expected), true));
    ema.swap(&mut p);
    assert_eq!((bits(p.value()), ema.is_swapped()), (before, false));
}

#[test]
fn a_restored_average_goes_on_as_if_it_had_never_stopped() {
    let mut model = layer();
    let mut whole = Ema::new(0.5);
    whole.update(&model);
    model.weight.replace(tensor![5.0, 6.0, 7.0]);
    whole.update(&model);
    let other = copy(&model);
    let mut resumed = Ema::new(0.5);
    resumed.restore(&other, &whole.state(&model)).unwrap();
    model.bias.replace(tensor![9.0]);
    let mut other = copy(&model);
    resumed.restore(&other, &whole.state(&model)).unwrap();
    whole.update(&model);
    resumed.update(&other);
    whole.swap(&mut model);
    resumed.swap(&mut other);
    assert_eq!(weights(&model), weights(&other));
    let e = resumed.restore(&other, &State::new("adam")).unwrap_err();
    assert_eq!(e.to_string(), "this is the state of `adam`; one of `ema` is needed");
}

#[test]
#[should_panic(expected = "Ema::update: the averages are in the model; swap the weights back first")]
fn an_average_of_itself_is_refused() {
    let mut p = Parameter::new(tensor![1.0]);
    let mut ema = Ema::new(0.5);
    ema.update(&p);
    ema.swap(&mut p);
    ema.update(&p);
}
