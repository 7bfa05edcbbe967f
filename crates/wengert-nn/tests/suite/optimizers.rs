//! What a step does: Keras' formulas against plain loops, parameters without a gradient, buffers
//! that others hold, and accumulators that decay to nothing.

use crate::common::{bits, gradients, step, weights};
use std::fmt::Debug;
use wengert_nn::OptimizerError;
use wengert_nn::prelude::*;
use wengert_nn::wengert::{Float, NoGradient, rand::RngExt};

/// Fails unless `optimizer` moves each element as `element()` does, from weight, gradient and
/// learning rate to the new weight: for 20 steps, of which the last ten have a smaller rate.
#[track_caller]
fn follows<E: FnMut(f64, f64, f64) -> f64>(mut optimizer: impl Optimizer<f64>, element: impl Fn() -> E) {
    const N: usize = 6;
    let rate = optimizer.learning_rate();
    let mut rng = seeded(7);
    let mut w: Vec<f64> = (0..N).map(|_| rng.random_range(-2.0..2.0)).collect();
    let mut elements: Vec<E> = (0..N).map(|_| element()).collect();
    let mut parameter = Parameter::new(Tensor::from(w.clone()));
    for t in 1..=20 {
        let rate = if t > 10 { rate / 8.0 } else { rate };
        optimizer.set_learning_rate(rate);
        // Gradients of all sizes: near the root of ε, ordinary, large; one that is often zero; and
        // one that shrinks, as amsgrad is for.
        let g: [f64; N] = std::array::from_fn(|i| {
            let g: f64 = rng.random_range(-1.0..1.0);
            g * [3e-4, 1.0, 1.0, 100.0, (t % 3) as f64, 0.5f64.powi(t)][i]
        });
        step(&mut optimizer, &mut parameter, &Tensor::from(g.to_vec()));
        for i in 0..N {
            w[i] = elements[i](w[i], g[i], rate);
            let (found, expected) = (parameter.value().as_slice()[i], w[i]);
            let error = (found - expected).abs();
            assert!(
                error <= 1e-13 * expected.abs().max(1.0),
                "step {t}: {i} is {found}, expected {expected}"
            );
        }
    }
}

#[test]
fn sgd_is_that_of_keras() {
    follows(Sgd::new(0.1), || |w, g, rate| w - rate * g);
    follows(Sgd::new(0.1).momentum(0.9), || {
        let mut v = 0.0;
        move |w, g, rate| {
            v = 0.9 * v - rate * g;
            w + v
        }
    });
    follows(Sgd::new(0.1).momentum(0.9).nesterov(), || {
        let mut v = 0.0;
        move |w, g, rate| {
            v = 0.9 * v - rate * g;
            w + 0.9 * v - rate * g
        }
    });
}

#[test]
fn nesterov_without_momentum_is_plain_sgd() {
    follows(Sgd::new(0.1).nesterov(), || |w, g, rate| w - rate * g);
    follows(Sgd::pytorch(0.1).nesterov(), || |w, g, rate| w - rate * g);
}

#[test]
fn rmsprop_is_that_of_keras() {
    follows(RmsProp::new(0.01), || {
        let mut v = 0.0;
        move |w, g, rate| {
            v = 0.9 * v + 0.1 * g * g;
            w - rate * g / (v + 1e-7f64).sqrt()
        }
    });
    follows(RmsProp::new(0.01).rho(0.6).epsilon(1e-3), || {
        let mut v = 0.0;
        move |w, g, rate| {
            v = 0.6 * v + 0.4 * g * g;
            w - rate * g / (v + 1e-3f64).sqrt()
        }
    });
}

#[test]
fn rmsprop_with_momentum_is_that_of_keras() {
    follows(RmsProp::new(0.01).momentum(0.7), || {
        let (mut v, mut m) = (0.0, 0.0);
        move |w, g, rate| {
            v = 0.9 * v + 0.1 * g * g;
            m = 0.7 * m + rate * g / (v + 1e-7f64).sqrt();
            w - m
        }
    });
}

#[test]
fn centered_rmsprop_is_that_of_keras() {
    follows(RmsProp::new(0.01).centered(), || {
        let (mut v, mut mean) = (0.0, 0.0);
        move |w, g, rate| {
            v = 0.9 * v + 0.1 * g * g;
            mean = 0.9 * mean + 0.1 * g;
            w - rate * g / (v - mean * mean + 1e-7f64).sqrt()
        }
    });
    follows(RmsProp::new(0.01).centered().momentum(0.7), || {
        let (mut v, mut mean, mut m) = (0.0, 0.0, 0.0);
        move |w, g, rate| {
            v = 0.9 * v + 0.1 * g * g;
            mean = 0.9 * mean + 0.1 * g;
            m = 0.7 * m + rate * g / (v - mean * mean + 1e-7f64).sqrt();
            w - m
        }
    });
}

/// Keras' Adam for one element.
fn keras_adam(beta1: f64, beta2: f64, epsilon: f64, amsgrad: bool) -> impl FnMut(f64, f64, f64) -> f64 {
    let (mut t, mut m, mut v, mut largest) = (0, 0.0, 0.0, 0.0f64);
    move |w, g, rate| {
        t += 1;
        let alpha = rate * (1.0 - beta2.powi(t)).sqrt() / (1.0 - beta1.powi(t));
        m += (g - m) * (1.0 - beta1);
        v += (g * g - v) * (1.0 - beta2);
        largest = largest.max(v);
        w - m * alpha / (if amsgrad { largest } else { v }.sqrt() + epsilon)
    }
}

#[test]
fn adam_is_that_of_keras() {
    follows(Adam::new(0.01), || keras_adam(0.9, 0.999, 1e-7, false));
    follows(Adam::new(0.01).betas(0.8, 0.9).epsilon(1e-2), || keras_adam(0.8, 0.9, 1e-2, false));
    follows(Adam::new(0.01).betas(0.9, 0.5).amsgrad(), || keras_adam(0.9, 0.5, 1e-7, true));
}

#[test]
fn adamw_shrinks_the_weights_and_then_does_what_adam_does() {
    let shrinks = |decay: f64, mut adam: Box<dyn FnMut(f64, f64, f64) -> f64>| {
        move |w: f64, g: f64, rate: f64| adam(w - rate * decay * w, g, rate)
    };
    follows(AdamW::new(0.01), || shrinks(0.004, Box::new(keras_adam(0.9, 0.999, 1e-7, false))));
    follows(AdamW::new(0.01).betas(0.8, 0.5).epsilon(1e-2).weight_decay(0.5).amsgrad(), || {
        shrinks(0.5, Box::new(keras_adam(0.8, 0.5, 1e-2, true)))
    });
}

#[test]
fn adagrad_is_that_of_keras() {
    let keras = |initial: f64, epsilon: f64| {
        let mut s = initial;
        move |w: f64, g: f64, rate: f64| {
            s += g * g;
            w - rate * g / (s + epsilon).sqrt()
        }
    };
    follows(Adagrad::new(0.1), || keras(0.1, 1e-7));
    follows(Adagrad::new(0.1).initial_accumulator(2.0).epsilon(1e-2), || keras(2.0, 1e-2));
}

#[test]
fn adagrad_of_pytorch_takes_smaller_steps_by_itself() {
    follows(Adagrad::pytorch(0.1).learning_rate_decay(0.5).initial_accumulator(0.25).epsilon(1e-2), || {
        let (mut t, mut s) = (0.0, 0.25f64);
        move |w, g, rate| {
            s += g * g;
            let rate = rate / (1.0 + t * 0.5);
            t += 1.0;
            w - rate * g / (s.sqrt() + 1e-2)
        }
    });
}

#[test]
fn adadelta_is_that_of_keras() {
    let keras = |rho: f64, epsilon: f64| {
        let (mut v, mut u) = (0.0, 0.0);
        move |w: f64, g: f64, rate: f64| {
            v = rho * v + (1.0 - rho) * g * g;
            let d = -g * (u + epsilon).sqrt() / (v + epsilon).sqrt();
            u = rho * u + (1.0 - rho) * d * d;
            w + rate * d
        }
    };
    follows(Adadelta::new(1.0), || keras(0.95, 1e-7));
    follows(Adadelta::new(0.5).rho(0.7).epsilon(1e-3), || keras(0.7, 1e-3));
}

/// Keras' and PyTorch's Nadam for one element.
fn nadam(betas: (f64, f64), epsilon: f64, growth: f64) -> impl FnMut(f64, f64, f64) -> f64 {
    let (mut t, mut m, mut v, mut product) = (0, 0.0, 0.0, 1.0);
    move |w, g, rate| {
        t += 1;
        let momentum = |t: i32| betas.0 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * growth));
        product *= momentum(t);
        m += (g - m) * (1.0 - betas.0);
        v += (g * g - v) * (1.0 - betas.1);
        let m_hat = momentum(t + 1) * m / (1.0 - product * momentum(t + 1))
            + (1.0 - momentum(t)) * g / (1.0 - product);
        w - rate * m_hat / ((v / (1.0 - betas.1.powi(t))).sqrt() + epsilon)
    }
}

#[test]
fn nadam_is_that_of_keras() {
    follows(Nadam::new(0.01), || nadam((0.9, 0.999), 1e-7, 1.0));
    follows(Nadam::new(0.01).betas(0.7, 0.9).epsilon(1e-2), || nadam((0.7, 0.9), 1e-2, 1.0));
    follows(Nadam::pytorch(0.01).momentum_decay(0.1), || nadam((0.9, 0.999), 1e-8, 0.1));
}

#[test]
fn adamax_is_that_of_keras() {
    let keras = |beta1: f64, beta2: f64, epsilon: f64| {
        let (mut t, mut m, mut u) = (0, 0.0, 0.0f64);
        move |w: f64, g: f64, rate: f64| {
            t += 1;
            m += (g - m) * (1.0 - beta1);
            u = (beta2 * u).max(g.abs());
            w - rate * m / ((1.0 - beta1.powi(t)) * (u + epsilon))
        }
    };
    follows(Adamax::new(0.01), || keras(0.9, 0.999, 1e-7));
    follows(Adamax::new(0.01).betas(0.8, 0.5).epsilon(1e-2), || keras(0.8, 0.5, 1e-2));
}

#[test]
fn lion_moves_by_the_sign_of_a_mean() {
    let lion = |beta1: f64, beta2: f64| {
        let mut m = 0.0;
        move |w: f64, g: f64, rate: f64| {
            let c = beta1 * m + (1.0 - beta1) * g;
            m = beta2 * m + (1.0 - beta2) * g;
            if c == 0.0 { w } else { w - rate * c.signum() }
        }
    };
    follows(Lion::new(0.01), || lion(0.9, 0.99));
    follows(Lion::new(0.01).betas(0.5, 0.8), || lion(0.5, 0.8));
}

/// Momentum alone for five steps with β₂ = 0.999, for six with 0.8; for ever with 0.6, whose ρ∞ is 4.
#[test]
fn radam_divides_once_enough_gradients_are_known() {
    let radam = |beta2: f64| {
        let (mut t, mut m, mut v) = (0, 0.0, 0.0f64);
        move |w: f64, g: f64, rate: f64| {
            t += 1;
            m = 0.9 * m + (1.0 - 0.9) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let m_hat = m / (1.0 - 0.9f64.powi(t));
            let fade = beta2.powi(t);
            let rho_inf = 2.0 / (1.0 - beta2) - 1.0;
            let rho = rho_inf - 2.0 * t as f64 * fade / (1.0 - fade);
            if rho <= 5.0 {
                return w - rate * m_hat;
            }
            let r = (rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho);
            w - rate * m_hat * r.sqrt() * (1.0 - fade).sqrt() / (v.sqrt() + 1e-8)
        }
    };
    for beta2 in [0.999, 0.8, 0.6] {
        follows(Radam::new(0.01).betas(0.9, beta2), || radam(beta2));
    }
}

/// Fails unless `decaying` moves a weight along a gradient as `plain` moves what `decay` makes of
/// both.
#[track_caller]
fn is_plain_after(
    decay: impl Fn(f64, f64) -> (f64, f64),
    mut plain: impl Optimizer<f64>,
    mut decaying: impl Optimizer<f64>,
) {
    let (mut a, mut b) = (Parameter::new(tensor![2.0]), Parameter::new(tensor![2.0]));
    for g in [0.5, -1.0, 0.0, 3.0, 2.0, -0.25, 0.0, 0.75] {
        let (w, decayed) = decay(a.value().item(), g);
        a.replace(tensor![w]);
        step(&mut plain, &mut a, &tensor![decayed]);
        step(&mut decaying, &mut b, &tensor![g]);
        assert_eq!(bits(a.value()), bits(b.value()));
    }
}

#[test]
fn weight_decay_adds_to_the_gradient() {
    let adds = |w, g| (w, g + 0.5 * w);
    is_plain_after(adds, Sgd::new(0.1), Sgd::new(0.1).weight_decay(0.5));
    is_plain_after(adds, RmsProp::new(0.1), RmsProp::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Adam::new(0.1), Adam::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Adagrad::new(0.1), Adagrad::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Adadelta::new(1.0), Adadelta::new(1.0).weight_decay(0.5));
    is_plain_after(adds, Adamax::new(0.1), Adamax::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Nadam::new(0.1), Nadam::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Radam::new(0.1), Radam::new(0.1).weight_decay(0.5));
    is_plain_after(adds, Lion::new(0.1), Lion::new(0.1).weight_decay(0.5));
}

#[test]
fn decoupled_weight_decay_shrinks_the_weight() {
    let shrinks = |w, g| ((1.0 - 0.1 * 0.5) * w, g);
    is_plain_after(shrinks, Adam::new(0.1), AdamW::new(0.1).weight_decay(0.5));
    is_plain_after(shrinks, Adam::pytorch(0.1), AdamW::pytorch(0.1).weight_decay(0.5));
    is_plain_after(shrinks, Nadam::new(0.1), Nadam::new(0.1).decoupled_weight_decay(0.5));
    is_plain_after(shrinks, Radam::new(0.1), Radam::new(0.1).decoupled_weight_decay(0.5));
    is_plain_after(shrinks, Sgd::new(0.1), Sgd::new(0.1).decoupled_weight_decay(0.5));
    is_plain_after(shrinks, RmsProp::new(0.1), RmsProp::new(0.1).decoupled_weight_decay(0.5));
    is_plain_after(shrinks, Lion::new(0.1), Lion::new(0.1).decoupled_weight_decay(0.5));
}

#[test]
fn of_two_kinds_of_weight_decay_the_last_one_holds() {
    let adds = |w, g| (w, g + 0.5 * w);
    is_plain_after(adds, Nadam::new(0.1), Nadam::new(0.1).decoupled_weight_decay(7.0).weight_decay(0.5));
    is_plain_after(adds, Radam::new(0.1), Radam::new(0.1).decoupled_weight_decay(7.0).weight_decay(0.5));
}

/// The golden trajectories have one learning rate each, which hides where it stands.
#[test]
fn the_learning_rate_of_pytorch_stands_outside_the_momentum() {
    follows(Sgd::pytorch(0.1).momentum(0.9), || {
        let mut v = 0.0;
        move |w, g, rate| {
            v = 0.9 * v + g;
            w - rate * v
        }
    });
    follows(RmsProp::pytorch(0.01).momentum(0.7), || {
        let (mut v, mut m) = (0.0, 0.0);
        move |w, g, rate| {
            v = 0.99 * v + 0.01 * g * g;
            m = 0.7 * m + g / (v.sqrt() + 1e-8f64);
            w - rate * m
        }
    });
}

#[test]
fn a_new_learning_rate_holds_from_the_next_step() {
    let mut p = Parameter::new(tensor![1.0]);
    let mut sgd: Sgd<f64> = Sgd::new(0.5);
    step(&mut sgd, &mut p, &tensor![1.0]);
    assert_eq!(p.value(), &tensor![0.5]);
    sgd.set_learning_rate(0.25);
    assert_eq!(sgd.learning_rate(), 0.25);
    step(&mut sgd, &mut p, &tensor![1.0]);
    assert_eq!(p.value(), &tensor![0.25]);

    for mut optimizer in all::<f64>() {
        optimizer.set_learning_rate(0.0);
        assert_eq!(optimizer.learning_rate(), 0.0);
        step(&mut *optimizer, &mut p, &tensor![1.0]);
        assert_eq!(p.value(), &tensor![0.25], "a rate of 0 moves nothing");
    }
}

/// The numbers that an optimizer keeps, as its debug print shows them.
fn accumulators(optimizer: &dyn Debug) -> Vec<f32> {
    let text = format!("{optimizer:?}");
    let start = text.find("accumulators: [").expect("the print shows the accumulators") + 15;
    let end = start + text[start..].find("]]").expect("a list of lists ends");
    let numbers = text[start..end].split([',', '[', ']', ' ']).filter(|x| !x.is_empty());
    numbers.map(|x| x.parse().expect("accumulators are numbers")).collect()
}

/// One step with a tiny gradient, then 2,000 steps without: `count` accumulators must become 0
/// without ever being denormal.
fn decays_to_zero(mut optimizer: impl Optimizer + Debug, gradient: f32, count: usize) {
    let mut p = Parameter::new(tensor![0.0f32]);
    step(&mut optimizer, &mut p, &tensor![gradient]);
    let first = accumulators(&optimizer);
    assert_eq!(first.len(), count, "{optimizer:?}");
    assert!(first.iter().all(|x| x.is_normal()), "the test begins with normal numbers: {first:?}");
    let zero = gradients(&p, &tensor![0.0f32]);
    for t in 1..=2000 {
        optimizer.step(&mut p, &zero).unwrap();
        let now = accumulators(&optimizer);
        assert!(!now.iter().any(|x| x.is_subnormal()), "step {t}: {now:?}");
    }
    assert!(accumulators(&optimizer).iter().all(|x| *x == 0.0), "{optimizer:?}");
}

#[test]
fn accumulators_decay_to_zero_and_never_to_denormal_numbers() {
    decays_to_zero(Sgd::new(0.1).momentum(0.9), 1e-36, 1);
    decays_to_zero(Sgd::new(0.1).momentum(0.9).nesterov(), 1e-36, 1);
    decays_to_zero(Sgd::pytorch(0.1).momentum(0.9), 1e-36, 1);
    decays_to_zero(RmsProp::new(0.1), 1e-18, 1);
    decays_to_zero(RmsProp::new(0.1).momentum(0.9), 1e-18, 2);
    decays_to_zero(RmsProp::pytorch(0.1).rho(0.9).centered(), 1e-17, 2);
    decays_to_zero(RmsProp::new(0.1).centered().momentum(0.9), 1e-17, 3);
    // β₂ = 0.999 makes 2,000 steps a factor of 0.135.
    decays_to_zero(Adam::new(0.1), 5e-18, 2);
    decays_to_zero(Adam::pytorch(0.1), 5e-18, 2);
    decays_to_zero(AdamW::new(0.1), 5e-18, 2);
    decays_to_zero(Nadam::new(0.1), 5e-18, 2);
    decays_to_zero(Radam::new(0.1), 5e-18, 2);
    decays_to_zero(Adamax::new(0.1).betas(0.9, 0.9), 3e-37, 2);
    decays_to_zero(Adadelta::new(0.1).rho(0.9), 1e-18, 2);
}

/// One of each kind, with all their accumulators.
fn all<T: Float>() -> Vec<Box<dyn Optimizer<T>>> {
    vec![
        Box::new(Sgd::new(0.1)),
        Box::new(Sgd::new(0.1).momentum(0.9).nesterov()),
        Box::new(Sgd::pytorch(0.1).momentum(0.9).dampening(0.5).weight_decay(0.1)),
        Box::new(RmsProp::new(0.1)),
        Box::new(RmsProp::new(0.1).momentum(0.9)),
        Box::new(RmsProp::pytorch(0.1).centered().momentum(0.9)),
        Box::new(Adam::new(0.1)),
        Box::new(Adam::pytorch(0.1).amsgrad()),
        Box::new(AdamW::new(0.1)),
        Box::new(Adagrad::new(0.1)),
        Box::new(Adadelta::new(1.0)),
        Box::new(Nadam::new(0.1)),
        Box::new(Radam::new(0.1)),
        Box::new(Adamax::new(0.1)),
        Box::new(Adamax::pytorch(0.1).weight_decay(0.1)),
        Box::new(Lion::new(0.1)),
    ]
}

#[derive(Module)]
struct Block {
    weight: Parameter<f64>,
    bias: Parameter<f64>,
}

#[derive(Module)]
struct Model {
    used: Parameter<f64>,
    blocks: Vec<Block>,
}

fn model() -> Model {
    let block = Block { weight: Parameter::new(tensor![3.0]), bias: Parameter::new(tensor![4.0]) };
    Model { used: Parameter::new(tensor![1.0, 2.0]), blocks: vec![block] }
}

/// Gradients of the used parameter alone.
fn some_gradients(model: &Model) -> Gradients<f64> {
    gradients(&model.used, &tensor![0.5, -0.25])
}

fn all_gradients(model: &Model) -> Gradients<f64> {
    let tape = GradientTape::new();
    let Block { weight, bias } = &model.blocks[0];
    let all = [&model.used, weight, bias].map(|p| tape.parameter(p).square().sum());
    (all[0] + all[1] + all[2]).backward()
}

#[test]
fn a_parameter_that_would_never_learn_is_named_at_the_first_step() {
    for mut optimizer in all() {
        let mut model = model();
        let before = weights(&model);
        let grads = some_gradients(&model);
        let e = optimizer.step(&mut model, &grads).unwrap_err();
        assert_eq!(
            e.to_string(),
            "parameter `blocks.0.weight` gets no gradient: the parameter was not used in this recording. It would never learn; leave it out of the model, freeze it, or permit it with allow_unused()"
        );
        let (path, reason) = ("blocks.0.weight".to_string(), NoGradient::NotRecorded);
        assert_eq!(e, OptimizerError::Unused { path, reason });
        assert_eq!(weights(&model), before);
    }
}

#[test]
fn a_refused_step_leaves_no_trace_in_the_optimizer() {
    for (mut refused, mut fresh) in all().into_iter().zip(all()) {
        let (mut a, mut b) = (model(), model());
        let grads = some_gradients(&a);
        refused.step(&mut a, &grads).unwrap_err();
        for _ in 0..3 {
            let (grads_a, grads_b) = (all_gradients(&a), all_gradients(&b));
            refused.step(&mut a, &grads_a).unwrap();
            fresh.step(&mut b, &grads_b).unwrap();
            assert_eq!(weights(&a), weights(&b));
        }
    }
}

#[test]
fn a_parameter_that_is_recorded_off_the_path_is_named_with_that_reason() {
    let mut model = model();
    let tape = GradientTape::new();
    let Block { weight, bias } = &model.blocks[0];
    let all = [&model.used, weight, bias].map(|p| tape.parameter(p).sum());
    let grads = (all[0] + all[1] + all[2].detach()).backward();
    let e = Sgd::new(0.1).step(&mut model, &grads).unwrap_err();
    let start = "parameter `blocks.0.bias` gets no gradient: the target does not depend on it. ";
    assert!(e.to_string().starts_with(start), "{e}");
}

#[test]
fn unused_parameters_may_be_permitted_and_then_keep_their_bits() {
    let all: [Box<dyn Optimizer<f64>>; 10] = [
        Box::new(Sgd::new(0.1).momentum(0.9).allow_unused()),
        Box::new(RmsProp::new(0.1).allow_unused()),
        Box::new(Adam::new(0.1).allow_unused()),
        Box::new(AdamW::new(0.1).allow_unused()),
        Box::new(Adagrad::new(0.1).allow_unused()),
        Box::new(Adadelta::new(1.0).allow_unused()),
        Box::new(Nadam::new(0.1).allow_unused()),
        Box::new(Radam::new(0.1).allow_unused()),
        Box::new(Adamax::new(0.1).allow_unused()),
        Box::new(Lion::new(0.1).allow_unused()),
    ];
    for mut optimizer in all {
        let mut model = model();
        let before = weights(&model);
        for _ in 0..2 {
            let grads = some_gradients(&model);
            optimizer.step(&mut model, &grads).unwrap();
        }
        let after = weights(&model);
        assert_ne!(after[0], before[0]);
        assert_eq!(after[1..], before[1..]);
    }
}

#[test]
fn a_parameter_that_rests_in_a_later_step_keeps_its_bits() {
    for mut optimizer in all() {
        let mut model = model();
        let grads = all_gradients(&model);
        optimizer.step(&mut model, &grads).unwrap();
        let before = weights(&model);
        let grads = some_gradients(&model);
        optimizer.step(&mut model, &grads).unwrap();
        let after = weights(&model);
        assert_ne!(after[0], before[0]);
        assert_eq!(after[1..], before[1..]);
    }
}

#[test]
fn parameters_of_equal_shape_have_accumulators_of_their_own() {
    for ((mut pair, mut first), mut second) in all().into_iter().zip(all()).zip(all()) {
        let start = || Parameter::new(tensor![1.0, -1.0]);
        let (mut both, mut a, mut b) = ((start(), start()), start(), start());
        for t in 1..=3 {
            let g = [tensor![0.5, 1.0], tensor![-2.0, t as f64]];
            let tape = GradientTape::new();
            let [left, right] = [(&both.0, &g[0]), (&both.1, &g[1])]
                .map(|(p, g)| (tape.parameter(p) * tape.constant(g)).sum());
            let grads = (left + right).backward();
            pair.step(&mut both, &grads).unwrap();
            step(&mut *first, &mut a, &g[0]);
            step(&mut *second, &mut b, &g[1]);
            assert_eq!([&both.0, &both.1].map(|p| bits(p.value())), [&a, &b].map(|p| bits(p.value())));
        }
    }
}

/// Weights after five steps of a small network, with the step before or after the tape's reset.
fn train(optimizer: &mut dyn Optimizer, reset_first: bool) -> Vec<(String, Vec<u64>)> {
    let mut rng = seeded(3);
    let mut model: Sequential =
        Sequential::new().layer(Dense::new(5, 7, &mut rng)).layer(Tanh).layer(Dense::new(7, 3, &mut rng));
    let (x, labels) = (Tensor::uniform(&[4, 5], -1.0, 1.0, &mut rng), tensor![0usize, 1, 2, 1]);
    let mut tape = GradientTape::new();
    for _ in 0..5 {
        let grads = model.forward(tape.constant(&x)).cross_entropy(&labels).backward();
        if reset_first {
            tape.reset();
        }
        optimizer.step(&mut model, &grads).unwrap();
        tape.reset();
    }
    weights(&model)
}

/// In place, or into a second buffer while the tape holds the first.
#[test]
fn a_step_before_the_reset_gives_the_bits_of_one_after_it() {
    for (mut before, mut after) in all().into_iter().zip(all()) {
        assert_eq!(train(&mut *before, false), train(&mut *after, true));
    }
}

#[test]
fn a_value_that_is_held_elsewhere_keeps_its_bits() {
    for (mut optimizer, mut alone) in all().into_iter().zip(all()) {
        let start = tensor![1.0f32, -2.0, 3.0];
        let (mut held, mut free) = (Parameter::new(start.clone()), Parameter::new(start));
        let mut history: Vec<(Tensor, Vec<u64>)> = Vec::new();
        for t in 0..6 {
            // Every other value is let go of, so that both buffers take their turns.
            if t % 2 == 0 {
                history.push((held.value().clone(), bits(held.value())));
            }
            let g = tensor![0.5, -0.25, t as f32];
            step(&mut *optimizer, &mut held, &g);
            step(&mut *alone, &mut free, &g);
            assert_eq!(bits(held.value()), bits(free.value()), "step {t}");
            assert!(history.iter().all(|(value, before)| bits(value) == *before), "step {t}");
        }
    }
}

#[test]
fn a_clone_of_a_model_does_not_learn_with_it() {
    let mut layer: Dense = Dense::new(3, 2, &mut seeded(0));
    let clone = layer.clone();
    let before = weights(&clone);
    let tape = GradientTape::new();
    let grads = layer.forward(tape.constant(Tensor::ones(&[1, 3]))).square().sum().backward();
    Adam::new(0.1).step(&mut layer, &grads).unwrap();
    assert_eq!(weights(&clone), before);
    assert_ne!(weights(&layer), before);
}

/// A constant gradient has no variance: v - mean² is zero, up to rounding that may be negative.
/// And where v has become zero for being denormal, mean² need not be.
#[test]
fn centered_rmsprop_stays_finite_where_gradients_do_not_vary() {
    for mut optimizer in [RmsProp::new(1e-3).centered(), RmsProp::pytorch(1e-3).rho(0.9).centered()] {
        let mut p = Parameter::new(Tensor::zeros(&[4]));
        let grads = gradients(&p, &tensor![1.05e-19f32, 3.3, 777.7, 1e5]);
        for t in 1..=500 {
            optimizer.step(&mut p, &grads).unwrap();
            assert!(p.value().as_slice().iter().all(|x| x.is_finite()), "step {t}: {}", p.value());
        }
    }
}
