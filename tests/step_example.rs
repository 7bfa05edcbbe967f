//! The example `step`: a network of 47 parameters, whose every gradient is known in closed form.

#[path = "../examples/step/images.rs"]
mod images;
#[path = "../examples/step/network.rs"]
mod network;
#[path = "../examples/step/on_paper.rs"]
mod on_paper;

use images::{drawn, images};
use network::{Weights, scalars, score, tensors, trained};
use on_paper::closed_form;
use std::collections::HashSet;
use wengert::GradientTape;
use wengert::trace::{TraceOptions, Verdict};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-14 + 1e-12 * b.abs()
}

/// Set by hand, and after some steps.
fn networks() -> [Weights; 2] {
    [Weights::by_hand(), trained(Weights::random(0), &images(), 30, 0.5)]
}

#[test]
fn there_are_sixty_four_different_images() {
    let all = images();
    let pixels: HashSet<String> = all.iter().map(|(image, _)| drawn(image)).collect();
    assert_eq!((all.len(), pixels.len()), (64, 64));
    assert_eq!(all.iter().filter(|(_, label)| *label == 1).count(), 32);
}

#[test]
fn the_network_set_by_hand_tells_all_images_apart_and_a_trained_one_is_surer() {
    let all = images();
    let by_hand = Weights::by_hand();
    let (by_hand, right) = score(&by_hand, &all);
    assert_eq!(right, 64);
    let random = Weights::random(0);
    let before = score(&random, &all).0;
    let (after, right) = score(&trained(random, &all, 200, 0.5), &all);
    assert_eq!(right, 64);
    assert!(after < by_hand / 4.0 && after < before / 20.0, "{after}; {before} before; {by_hand} by hand");
}

#[test]
fn there_are_forty_seven_parameters_and_ten_operations_or_ninety_five() {
    let weights = Weights::by_hand();
    assert_eq!(weights.named().iter().map(|(_, w)| w.len()).sum::<usize>(), 47);
    let (image, label) = images()[0];
    let tape = GradientTape::new();
    let network = tensors(&tape, &weights, &image, label);
    let leaves = 6;
    assert_eq!(network.cost.id().index() + 1 - leaves, 10);
    let tape = GradientTape::new();
    let network = scalars(&tape, &weights, &image, label);
    let leaves = 12 + 47 + 2;
    assert_eq!(network.cost.id().index() + 1 - leaves, 95);
}

#[test]
fn gradients_are_those_of_the_formulas_on_both_tapes() {
    for weights in networks() {
        for (image, label) in images() {
            let expected = closed_form(&weights, &image, label);
            let tape = GradientTape::new();
            let network = tensors(&tape, &weights, &image, label);
            let grads = network.cost.backward();
            let whole = network.parameters.map(|w| grads.wrt(w).to_vec());
            let tape = GradientTape::new();
            let network = scalars(&tape, &weights, &image, label);
            let grads = network.cost.backward();
            let single = network.parameters.map(|w| w.iter().map(|&w| grads.item(w)).collect::<Vec<f64>>());
            for (i, expected) in expected.iter().enumerate() {
                for (j, &expected) in expected.iter().enumerate() {
                    assert!(close(whole[i][j], expected), "{} against {expected}", whole[i][j]);
                    assert!(close(single[i][j], expected), "{} against {expected}", single[i][j]);
                }
            }
        }
    }
}

#[test]
fn both_traces_say_what_backward_says_and_verify() {
    let weights = &networks()[1];
    let (image, label) = images()[40];
    let tape = GradientTape::new();
    let network = scalars(&tape, weights, &image, label);
    let grads = network.cost.backward();
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new())).unwrap();
    for &w in network.parameters.iter().flatten() {
        let traced = trace.adjoint(w.id(), trace.end()).unwrap().item();
        assert_eq!(traced.to_bits(), grads.item(w).to_bits());
    }
    assert_eq!(trace.find("w1[2,5]").unwrap(), network.parameters[0][16].id());
    let verification = trace.verify();
    assert!(verification.is_ok() && verification.count(Verdict::Pass) == 95, "{verification}");

    let tape = GradientTape::new();
    let network = tensors(&tape, weights, &image, label);
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new())).unwrap();
    let verification = trace.verify();
    assert!(verification.is_ok() && verification.count(Verdict::Fail) == 0, "{verification}");
}
