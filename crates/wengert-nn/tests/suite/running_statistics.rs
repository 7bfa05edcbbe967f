//! Batch normalisation's running statistics: when they change, by what, and what they are used for.

use wengert_nn::prelude::*;

fn batch(seed: u64) -> Tensor<f64> {
    Tensor::uniform(&[6, 2], -1.0, 3.0, &mut seeded(seed))
}

/// Mean and unbiased variance of each channel.
fn statistics(x: &Tensor<f64>) -> [Vec<f64>; 2] {
    let n = x.shape()[0] as f64;
    let column = |c: usize| x.as_slice().iter().skip(c).step_by(2).copied();
    let mean = |c: usize| column(c).sum::<f64>() / n;
    let variance = |c: usize| column(c).map(|x| (x - mean(c)).powi(2)).sum::<f64>() / (n - 1.0);
    [[0, 1].map(mean).to_vec(), [0, 1].map(variance).to_vec()]
}

fn assert_running(norm: &BatchNorm1d<f64>, mean: &[f64], variance: &[f64]) {
    let close = |found: &Tensor<f64>, expected: &[f64]| {
        let all = found.as_slice().iter().zip(expected);
        assert!(all.clone().all(|(a, b)| (a - b).abs() < 1e-12), "{found} is not {expected:?}");
    };
    close(norm.running_mean(), mean);
    close(norm.running_var(), variance);
}

fn mix(old: &[f64], new: &[f64]) -> Vec<f64> {
    old.iter().zip(new).map(|(old, new)| 0.9 * old + 0.1 * new).collect()
}

fn value(norm: &BatchNorm1d<f64>, name: &str) -> Tensor<f64> {
    norm.parameters().into_iter().find(|(n, _)| n == name).expect("it is there").1.value().clone()
}

#[test]
fn they_are_state_and_have_pytorchs_names() {
    let norm: BatchNorm2d = BatchNorm2d::new(3);
    let names: Vec<(String, bool)> =
        norm.parameters().into_iter().map(|(name, p)| (name, p.is_state())).collect();
    let expected = [
        ("weight", false),
        ("bias", false),
        ("running_mean", true),
        ("running_var", true),
        ("num_batches_tracked", true),
    ];
    assert_eq!(names, expected.map(|(name, state)| (name.to_string(), state)));
    assert_eq!(norm.parameter_count(), 6);
}

#[test]
fn a_step_moves_them_by_momentum() {
    let mut norm = BatchNorm1d::new(2);
    let mut optimizer = Sgd::new(0.1);
    let (mut mean, mut variance) = (vec![0.0; 2], vec![1.0; 2]);
    let mut tape = GradientTape::new();
    for seed in 1..4 {
        let x = batch(seed);
        let grads = norm.forward(tape.constant(&x)).square().sum().backward();
        tape.reset();
        optimizer.step(&mut norm, &grads).unwrap();
        let [m, v] = statistics(&x);
        (mean, variance) = (mix(&mean, &m), mix(&variance, &v));
        assert_running(&norm, &mean, &variance);
    }
    assert_eq!(value(&norm, "num_batches_tracked").item(), 3.0);
}

#[test]
fn every_optimizer_moves_them() {
    let all: Vec<Box<dyn Optimizer<f64>>> = vec![
        Box::new(Sgd::new(0.1).momentum(0.9)),
        Box::new(Adam::new(0.1)),
        Box::new(AdamW::new(0.1)),
        Box::new(RmsProp::new(0.1)),
        Box::new(Adagrad::new(0.1)),
        Box::new(Adadelta::new(0.1)),
        Box::new(Nadam::new(0.1)),
        Box::new(Radam::new(0.1)),
        Box::new(Adamax::new(0.1)),
    ];
    for mut optimizer in all {
        let mut norm = BatchNorm1d::new(2);
        let tape = GradientTape::new();
        let grads = norm.forward(tape.constant(batch(1))).square().sum().backward();
        optimizer.step(&mut norm, &grads).unwrap();
        let [m, v] = statistics(&batch(1));
        assert_running(&norm, &mix(&[0.0; 2], &m), &mix(&[1.0; 2], &v));
    }
}

#[test]
fn a_pass_that_nothing_is_done_with_leaves_no_trace() {
    let mut norm = BatchNorm1d::new(2);
    let tape = GradientTape::new();
    norm.forward(tape.constant(batch(7)));
    let swept = norm.forward(tape.constant(batch(1)));
    norm.forward(tape.constant(batch(8)));
    let grads = swept.square().sum().backward();
    assert_running(&norm, &[0.0; 2], &[1.0; 2]); // a sweep alone changes nothing either
    norm.update_state(&grads);
    let [m, v] = statistics(&batch(1));
    assert_running(&norm, &mix(&[0.0; 2], &m), &mix(&[1.0; 2], &v));
}

#[test]
fn two_passes_under_one_loss_count_one_after_the_other() {
    let mut norm = BatchNorm1d::new(2);
    let tape = GradientTape::new();
    let [a, b] = [1, 2].map(|seed| norm.forward(tape.constant(batch(seed))).square().sum());
    norm.update_state(&(a + b).backward());
    let [first, second] = [1, 2].map(|seed| statistics(&batch(seed)));
    let expected = |i: usize, start: f64| mix(&mix(&[start; 2], &first[i]), &second[i]);
    assert_running(&norm, &expected(0, 0.0), &expected(1, 1.0));
    assert_eq!(value(&norm, "num_batches_tracked").item(), 2.0);
}

#[test]
fn evaluation_uses_them_and_changes_nothing() {
    let mut norm = BatchNorm1d::new(2).momentum(1.0);
    let tape = GradientTape::new();
    norm.update_state(&norm.forward(tape.constant(batch(1))).sum().backward());
    let [mean, variance] = statistics(&batch(1));
    tape.set_training(false);
    let x = tape.var(batch(2));
    let y = norm.forward(x);
    for (i, (&y, &x)) in y.value().as_slice().iter().zip(batch(2).as_slice()).enumerate() {
        let expected = (x - mean[i % 2]) / (variance[i % 2] + 1e-5).sqrt();
        assert!((y - expected).abs() < 1e-12, "{y} is not {expected}");
    }
    norm.update_state(&y.sum().backward());
    assert_running(&norm, &mean, &variance);
    assert_eq!(norm.forward(tape.constant(Tensor::ones(&[1, 2]))).shape()[..], [1, 2]);
}

#[test]
fn an_empty_batch_moves_nothing() {
    let mut norm = BatchNorm1d::new(2);
    let tape = GradientTape::new();
    let y = norm.forward(tape.constant(Tensor::zeros(&[0, 2])));
    norm.update_state(&y.sum().backward());
    assert_running(&norm, &[0.0; 2], &[1.0; 2]);
}

#[test]
fn a_checkpoint_counts_once() {
    let mut norm = BatchNorm1d::new(2);
    let tape = GradientTape::new();
    let x = tape.var(batch(1));
    let y = tape.checkpoint(|| norm.forward(x).tanh());
    norm.update_state(&y.sum().backward());
    assert_eq!(value(&norm, "num_batches_tracked").item(), 1.0);
}

#[test]
fn a_trainer_trains_with_them_and_evaluates_by_them() {
    use wengert_nn::datasets::TensorDataset;
    let rng = &mut seeded(0);
    let model: Sequential = Sequential::new()
        .layer(Dense::new(2, 8, rng))
        .named("norm", BatchNorm1d::new(8))
        .layer(Tanh)
        .layer(Dense::new(8, 2, rng));
    let x = tensor![[0f32, 0.], [0., 1.], [1., 0.], [1., 1.]];
    let data = TensorDataset::new(x, tensor![0usize, 1, 1, 0]).unwrap();
    let mut trainer = Trainer::new(model, Adam::new(0.05), SparseCategoricalCrossEntropy::from_logits());
    trainer.fit(&data, FitOptions::new().epochs(60).batch_size(4)).unwrap();
    let tracked = trainer.model().parameters().into_iter().find(|(n, _)| n == "norm.num_batches_tracked");
    assert_eq!(tracked.unwrap().1.value().item(), 60.0);
}
