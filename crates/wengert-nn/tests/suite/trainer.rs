//! The trainer: what it learns, what it reports, in which order it calls, and that the same seed
//! gives the same bits, with any number of threads and in a loop written by hand.

use crate::common::weights;
use std::cell::RefCell;
use std::rc::Rc;
use wengert_nn::callbacks::{CallbackError, Context, Progress};
use wengert_nn::datasets::{TensorDataset, to_one_hot};
use wengert_nn::losses::Target;
use wengert_nn::prelude::*;
use wengert_nn::wengert::rand::RngExt;
use wengert_nn::{Epoch, OptimizerError, TrainError, shuffle};

type Labelled = TensorDataset<f32, usize>;

/// Points of the plane in two classes, on both sides of the diagonal.
fn points(n: usize) -> Labelled {
    let mut rng = seeded(11);
    let mut x = Vec::new();
    let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
    for label in &labels {
        let (along, away): (f32, f32) = (rng.random_range(-1.0..1.0), rng.random_range(0.2..1.0));
        let away = if *label == 0 { away } else { -away };
        x.extend([along + away, along - away]);
    }
    TensorDataset::new(Tensor::from_vec(x, &[n, 2]).unwrap(), Tensor::from(labels)).unwrap()
}

fn classifier() -> Sequential {
    let mut rng = seeded(5);
    Sequential::new().layer(Dense::new(2, 8, &mut rng)).layer(Tanh).layer(Dense::new(8, 2, &mut rng))
}

fn trainer() -> Trainer<Sequential> {
    Trainer::new(classifier(), Adam::new(0.01), SparseCategoricalCrossEntropy::from_logits())
        .metric(Accuracy::new())
}

/// A trainer whose steps change nothing, so that what it reports can be computed otherwise.
fn still() -> Trainer<Sequential> {
    Trainer::new(classifier(), Sgd::new(0.0), SparseCategoricalCrossEntropy::from_logits())
        .metric(Accuracy::new())
}

#[test]
fn fit_separates_two_classes() {
    let (train, test) = (points(100), points(40));
    let mut trainer = trainer();
    let history = trainer.fit(&train, FitOptions::new().epochs(40).batch_size(16)).unwrap();
    assert!(history.epochs[39].loss < 0.1 * history.epochs[0].loss, "{history:?}");
    let evaluation = trainer.evaluate(&test).unwrap();
    assert_eq!(evaluation.metric("accuracy"), Some(1.0));
    let probabilities = trainer.predict(test.inputs()).unwrap().softmax(-1);
    let likely = probabilities.as_slice().chunks(2).map(|p| usize::from(p[1] > p[0]));
    assert_eq!(likely.collect::<Vec<_>>(), test.targets().as_slice());
}

/// y = 2a - 3b + 0.5, in f64.
fn line() -> TensorDataset<f64, f64> {
    let x: Tensor<f64> = Tensor::uniform(&[20, 2], -1.0, 1.0, &mut seeded(2));
    let y: Vec<f64> = x.as_slice().chunks(2).map(|x| 2.0 * x[0] - 3.0 * x[1] + 0.5).collect();
    TensorDataset::new(x, Tensor::from_vec(y, &[20, 1]).unwrap()).unwrap()
}

#[test]
fn fit_finds_the_coefficients_of_a_line_in_f64() {
    let layer = Dense::<f64>::new(2, 1, &mut seeded(0));
    let mut trainer = Trainer::new(layer, Sgd::new(0.1).momentum(0.9), MeanSquaredError::new());
    let data = line();
    let history = trainer.fit(&data, FitOptions::new().epochs(400).batch_size(20)).unwrap();
    assert!(history.epochs[399].loss < 1e-14, "{:?}", history.epochs[399]);
    let layer = trainer.model();
    let found = [layer.weight().value().as_slice(), layer.bias().unwrap().value().as_slice()].concat();
    for (found, expected) in found.iter().zip([2.0, -3.0, 0.5]) {
        assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
    }
}

#[test]
fn one_hot_targets_and_probabilities_train_too() {
    let labels = points(60);
    let one_hot = to_one_hot::<f32>(labels.targets(), 2).unwrap();
    let data = TensorDataset::new(labels.inputs().clone(), one_hot).unwrap();
    let model = Sequential::new().named("logits", classifier()).layer(Softmax);
    let loss = CategoricalCrossEntropy::from_probabilities();
    let mut trainer = Trainer::new(model, RmsProp::new(0.01), loss).metric(Accuracy::new());
    trainer.fit(&data, FitOptions::new().epochs(40).batch_size(16)).unwrap();
    assert_eq!(trainer.evaluate(&data).unwrap().metric("accuracy"), Some(1.0));
}

#[test]
fn history_has_an_entry_an_epoch() {
    let data = points(10);
    let mut trainer = trainer();
    let history = trainer.fit(&data, FitOptions::new().epochs(3).batch_size(4)).unwrap();
    assert_eq!(history.epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(), [1, 2, 3]);
    for epoch in &history.epochs {
        let names: Vec<&str> = epoch.metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accuracy"]);
        assert!(epoch.seconds >= 0.0 && epoch.validation.is_none());
    }
    let none = trainer.fit(&data, FitOptions::new().epochs(0)).unwrap();
    assert_eq!(none.epochs, []);
}

/// Ten rows in batches of 4, 4 and 2: a mean over batches would be another number.
#[test]
fn losses_and_metrics_are_means_over_rows() {
    let data = points(10);
    let mut trainer = still();
    let logits = trainer.predict(data.inputs()).unwrap();
    let tape = GradientTape::new();
    let expected = tape.constant(&logits).cross_entropy(data.targets()).item() as f64;
    let right = logits.as_slice().chunks(2).zip(data.targets().as_slice());
    let right = right.filter(|(x, label)| usize::from(x[1] > x[0]) == **label).count() as f64 / 10.0;

    let epoch = trainer.fit(&data, FitOptions::new().batch_size(4)).unwrap().epochs.remove(0);
    let evaluation = trainer.evaluate(&data).unwrap();
    assert!((epoch.loss - expected).abs() < 1e-6 && (evaluation.loss - expected).abs() < 1e-6);
    assert_eq!((epoch.metrics[0].1, evaluation.metric("accuracy")), (right, Some(right)));
    assert_eq!(evaluation.metric("precision"), None);
}

#[test]
fn the_loss_of_an_epoch_is_measured_before_each_step() {
    let data = points(8);
    let mut trainer = trainer();
    let before = trainer.evaluate(&data).unwrap();
    let options = FitOptions::new().batch_size(8).shuffle(false);
    let epoch = trainer.fit(&data, options).unwrap().epochs.remove(0);
    assert_eq!((epoch.loss, epoch.metrics), (before.loss, before.metrics));
}

/// More rows than `evaluate` takes at once, and a last batch of another size.
#[test]
fn evaluation_in_several_batches_is_that_of_all_rows() {
    let data = points(1101);
    let mut trainer = still();
    let logits = trainer.predict(data.inputs()).unwrap();
    let expected = GradientTape::new().constant(&logits).cross_entropy(data.targets()).item() as f64;
    assert!((trainer.evaluate(&data).unwrap().loss - expected).abs() < 1e-5);
}

#[test]
fn validation_follows_each_epoch() {
    let (train, val) = (points(20), points(6));
    let mut trainer = trainer();
    let options = FitOptions::new().epochs(3).validation(&val);
    let history = trainer.fit(&train, options).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|e| e.validation.as_ref().unwrap().loss).collect();
    assert!(losses[2] < losses[1] && losses[1] < losses[0], "{losses:?}");
    assert_eq!(history.epochs[2].validation, Some(trainer.evaluate(&val).unwrap()));
}

/// Counts rows.
#[derive(Default)]
struct Rows(usize);

impl Metric for Rows {
    fn name(&self) -> &str {
        "rows"
    }

    fn reset(&mut self) {
        self.0 = 0;
    }

    fn update(&mut self, output: &Tensor, target: Target<'_>) -> Result<(), TrainError> {
        let Target::Classes(labels) = target else { panic!("the targets are labels") };
        assert_eq!(output.shape()[..], [labels.len(), 2]);
        self.0 += labels.len();
        Ok(())
    }

    fn value(&self) -> f64 {
        self.0 as f64
    }
}

#[test]
fn metrics_begin_anew_with_each_epoch_validation_and_evaluation() {
    let (train, val) = (points(10), points(6));
    let mut trainer = still().metric(Rows::default());
    for validation in [None, Some(&val)] {
        let mut options = FitOptions::new().epochs(2).batch_size(4);
        if let Some(val) = validation {
            options = options.validation(val);
        }
        for epoch in trainer.fit(&train, options).unwrap().epochs {
            assert_eq!(epoch.metrics[1], ("rows".to_string(), 10.0));
            let validated = epoch.validation.map(|evaluation| evaluation.metric("rows").unwrap());
            assert_eq!(validated, validation.map(|_| 6.0));
        }
    }
    assert_eq!(trainer.evaluate(&val).unwrap().metric("rows"), Some(6.0));
    assert_eq!(trainer.evaluate(&val).unwrap().metric("rows"), Some(6.0));
}

#[test]
fn evaluate_and_predict_change_nothing() {
    let data = points(10);
    let mut trainer = trainer();
    let before = weights(trainer.model());
    let first = (trainer.evaluate(&data).unwrap(), trainer.predict(data.inputs()).unwrap());
    let second = (trainer.evaluate(&data).unwrap(), trainer.predict(data.inputs()).unwrap());
    assert_eq!(first, second);
    assert_eq!(weights(trainer.model()), before);
    let by_hand = trainer.model().forward(GradientTape::new().constant(data.inputs())).value();
    assert_eq!(first.1, by_hand);
}

/// Writes down every call, and may stop the training after an epoch.
#[derive(Clone)]
struct Log {
    name: &'static str,
    calls: Rc<RefCell<Vec<String>>>,
    stop_after: usize,
}

impl Log {
    fn new(name: &'static str, calls: &Rc<RefCell<Vec<String>>>) -> Log {
        Log { name, calls: calls.clone(), stop_after: usize::MAX }
    }

    fn push(&self, call: String) {
        self.calls.borrow_mut().push(format!("{}: {call}", self.name));
    }
}

type Done = Result<(), CallbackError>;

impl Callback for Log {
    fn on_train_begin(&mut self, context: &mut Context<'_>) -> Done {
        self.push(format!("train of {}", context.epochs));
        Ok(())
    }

    fn on_epoch_begin(&mut self, context: &mut Context<'_>) -> Done {
        self.push(format!("epoch {}", context.epoch));
        Ok(())
    }

    fn on_train_batch_end(&mut self, p: &Progress<'_>, _: &mut Context<'_>) -> Done {
        let Progress { epoch, epochs, batch, batches, rows, .. } = p;
        self.push(format!("epoch {epoch}/{epochs}, batch {batch}/{batches}, {rows} rows"));
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, context: &mut Context<'_>) -> Done {
        let validated = if epoch.validation.is_some() { ", validated" } else { "" };
        self.push(format!("epoch {} ends{validated}", epoch.epoch));
        if epoch.epoch >= self.stop_after {
            context.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, history: &History, _: &mut Context<'_>) -> Done {
        self.push(format!("train ends after {}", history.epochs.len()));
        Ok(())
    }
}

#[test]
fn callbacks_are_called_at_each_turn_with_the_rows_so_far() {
    let calls = Rc::default();
    let (data, val) = (points(10), points(4));
    let options = FitOptions::new().epochs(2).batch_size(4).validation(&val);
    trainer().callback(Log::new("a", &calls)).fit(&data, options).unwrap();
    assert_eq!(
        *calls.borrow(),
        [
            "a: train of 2",
            "a: epoch 1",
            "a: epoch 1/2, batch 1/3, 4 rows",
            "a: epoch 1/2, batch 2/3, 8 rows",
            "a: epoch 1/2, batch 3/3, 10 rows",
            "a: epoch 1 ends, validated",
            "a: epoch 2",
            "a: epoch 2/2, batch 1/3, 4 rows",
            "a: epoch 2/2, batch 2/3, 8 rows",
            "a: epoch 2/2, batch 3/3, 10 rows",
            "a: epoch 2 ends, validated",
            "a: train ends after 2",
        ]
    );
}

#[test]
fn a_break_ends_the_training_after_all_callbacks_were_told() {
    let calls = Rc::default();
    let (data, stop) = (points(4), Log { stop_after: 1, ..Log::new("a", &calls) });
    let mut trainer = trainer().callback(stop).callback(Log::new("b", &calls));
    let history = trainer.fit(&data, FitOptions::new().epochs(5).batch_size(4)).unwrap();
    assert_eq!(history.epochs.len(), 1);
    assert_eq!(
        *calls.borrow(),
        [
            "a: train of 5",
            "b: train of 5",
            "a: epoch 1",
            "b: epoch 1",
            "a: epoch 1/5, batch 1/1, 4 rows",
            "b: epoch 1/5, batch 1/1, 4 rows",
            "a: epoch 1 ends",
            "b: epoch 1 ends",
            "a: train ends after 1",
            "b: train ends after 1",
        ]
    );
}

/// Loss and metrics.
type Numbers = (f64, Vec<(String, f64)>);

/// Keeps what the last batch of each epoch reported.
#[derive(Default)]
struct Last {
    reported: Numbers,
    epochs: Rc<RefCell<Vec<Numbers>>>,
}

impl Callback for Last {
    fn on_train_batch_end(&mut self, progress: &Progress<'_>, _: &mut Context<'_>) -> Done {
        self.reported = (progress.loss, progress.metrics.to_vec());
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &Epoch, _: &mut Context<'_>) -> Done {
        self.epochs.borrow_mut().push(self.reported.clone());
        Ok(())
    }
}

#[test]
fn the_last_batch_reports_the_numbers_of_the_epoch() {
    let last = Last::default();
    let reported = last.epochs.clone();
    let (data, val) = (points(10), points(5));
    let options = FitOptions::new().epochs(3).batch_size(4).validation(&val);
    let history = trainer().callback(last).fit(&data, options).unwrap();
    let epochs: Vec<Numbers> = history.epochs.into_iter().map(|epoch| (epoch.loss, epoch.metrics)).collect();
    assert_eq!(*reported.borrow(), epochs);
}

fn trained(seed: u64, shuffle: bool) -> Vec<(String, Vec<u64>)> {
    let mut trainer = trainer();
    let options = FitOptions::new().epochs(3).batch_size(4).seed(seed).shuffle(shuffle);
    trainer.fit(&points(10), options).unwrap();
    weights(&trainer.into_model())
}

#[test]
fn the_seed_alone_decides_the_order() {
    assert_eq!(trained(1, true), trained(1, true));
    assert_ne!(trained(1, true), trained(2, true));
    assert_ne!(trained(1, true), trained(1, false));
    assert_eq!(trained(1, false), trained(2, false));
}

/// The network of the MNIST example, three steps of 128 images, inside a pool of `threads`.
fn trained_by(threads: usize) -> (History, Vec<(String, Vec<u64>)>) {
    let mut rng = seeded(9);
    let model: Sequential = Sequential::new()
        .layer(Dense::new(784, 512, &mut rng))
        .layer(Relu)
        .layer(Dense::new(512, 10, &mut rng));
    let images = Tensor::uniform(&[384, 784], 0.0, 1.0, &mut rng);
    let labels: Vec<usize> = (0..384).map(|i| i * 7 % 10).collect();
    let data = TensorDataset::new(images, Tensor::from(labels)).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let loss = SparseCategoricalCrossEntropy::from_logits();
        let mut trainer = Trainer::new(model, RmsProp::new(1e-3), loss).metric(Accuracy::new());
        let mut history = trainer.fit(&data, FitOptions::new().batch_size(128)).unwrap();
        history.epochs.iter_mut().for_each(|epoch| epoch.seconds = 0.0);
        (history, weights(trainer.model()))
    })
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let one = trained_by(1);
    assert!(one == trained_by(2), "two threads differ from one");
    assert!(one == trained_by(3), "three threads differ from one");
}

#[test]
fn a_loop_written_by_hand_gives_the_bits_of_the_trainer() {
    let data = points(10);
    let mut trainer = trainer();
    let history = trainer.fit(&data, FitOptions::new().epochs(2).batch_size(4).seed(6)).unwrap();

    let (mut model, mut optimizer) = (classifier(), Adam::new(0.01));
    let mut rows = [0; 10];
    let mut tape = GradientTape::new();
    let mut losses = Vec::new();
    for pass in 0..2 {
        shuffle(&mut rows, 6, pass);
        let mut total = 0.0;
        for rows in rows.chunks(4) {
            let mut batch = None;
            data.gather(rows, &mut batch);
            let (x, labels) = batch.unwrap();
            let loss = model.forward(tape.constant(x)).cross_entropy(&labels);
            total += f64::from(loss.item()) * rows.len() as f64;
            let grads = loss.backward();
            tape.reset();
            optimizer.step(&mut model, &grads).unwrap();
        }
        losses.push(total / 10.0);
    }
    assert_eq!(weights(&model), weights(trainer.model()));
    assert_eq!(losses, history.epochs.iter().map(|epoch| epoch.loss).collect::<Vec<_>>());
}

#[test]
fn single_batches_give_the_bits_of_a_fit_in_order() {
    let data = points(8);
    let (mut fit, mut batches) = (trainer(), trainer());
    fit.fit(&data, FitOptions::new().batch_size(4).shuffle(false)).unwrap();
    for rows in [[0, 1, 2, 3], [4, 5, 6, 7]] {
        let mut batch = None;
        data.gather(&rows, &mut batch);
        let (x, labels) = batch.unwrap();
        batches.train_on_batch(&x, &labels).unwrap();
    }
    assert_eq!(weights(fit.model()), weights(batches.model()));
}

#[test]
fn a_batch_larger_than_the_data_is_all_of_it() {
    let (mut large, mut exact) = (trainer(), trainer());
    large.fit(&points(6), FitOptions::new().batch_size(1000)).unwrap();
    exact.fit(&points(6), FitOptions::new().batch_size(6)).unwrap();
    assert_eq!(weights(large.model()), weights(exact.model()));
}

#[test]
fn a_new_learning_rate_reaches_the_optimizer() {
    let mut trainer = trainer();
    trainer.optimizer_mut().set_learning_rate(0.0);
    let before = weights(trainer.model());
    trainer.fit(&points(6), FitOptions::new()).unwrap();
    assert_eq!(weights(trainer.model()), before);
}

#[test]
fn a_schedule_gives_each_step_its_learning_rate() {
    let data = points(10);
    let schedule = OneCycle::new(0.1, 6);
    let mut scheduled = trainer().schedule(schedule);
    let options = FitOptions::new().epochs(2).batch_size(4).shuffle(false);
    scheduled.fit(&data, options).unwrap();
    assert_eq!(scheduled.optimizer_mut().learning_rate(), schedule.at(5));

    let mut by_hand = trainer();
    for step in 0..6 {
        by_hand.optimizer_mut().set_learning_rate(schedule.at(step));
        let rows = [&[0, 1, 2, 3][..], &[4, 5, 6, 7], &[8, 9]][step as usize % 3];
        let mut batch = None;
        data.gather(rows, &mut batch);
        let (x, labels) = batch.unwrap();
        by_hand.train_on_batch(&x, &labels).unwrap();
    }
    assert_eq!(weights(scheduled.model()), weights(by_hand.model()));
}

#[test]
fn the_steps_of_a_schedule_count_on_over_all_calls() {
    let data = points(10);
    let steps: Rc<RefCell<Vec<u64>>> = Rc::default();
    let seen = steps.clone();
    let mut trainer = trainer().schedule(move |step: u64| {
        seen.borrow_mut().push(step);
        0.01
    });
    trainer.fit(&data, FitOptions::new().epochs(2).batch_size(4)).unwrap();
    trainer.evaluate(&data).unwrap();
    trainer.fit(&data, FitOptions::new().batch_size(5)).unwrap();
    trainer.train_on_batch(data.inputs(), data.targets()).unwrap();
    assert_eq!(*steps.borrow(), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_batch_size_of_zero_and_no_data_are_refused_before_any_call() {
    let calls = Rc::default();
    let empty = TensorDataset::new(Tensor::zeros(&[0, 2]), Tensor::<usize>::zeros(&[0])).unwrap();
    let mut trainer = trainer().callback(Log::new("a", &calls));
    let e = trainer.fit(&points(4), FitOptions::new().batch_size(0)).unwrap_err();
    assert_eq!(
        (e.to_string().as_str(), e),
        ("the batch size is 0; it must be at least 1", TrainError::BatchSize)
    );
    let e = trainer.fit(&empty, FitOptions::new()).unwrap_err();
    assert_eq!(e.to_string(), "the data set has no rows; at least one is needed");
    assert_eq!(e, TrainError::NoData);
    assert_eq!(trainer.evaluate(&empty), Err(TrainError::NoData));
    assert_eq!(*calls.borrow(), [""; 0]);
}

/// At the end of the first epoch an hour of training may be lost.
#[test]
fn empty_validation_data_is_refused_before_any_training() {
    let calls = Rc::default();
    let empty = TensorDataset::new(Tensor::zeros(&[0, 2]), Tensor::<usize>::zeros(&[0])).unwrap();
    let mut trainer = trainer().callback(Log::new("a", &calls));
    let e = trainer.fit(&points(4), FitOptions::new().validation(&empty)).unwrap_err();
    assert_eq!(e, TrainError::NoData);
    assert_eq!(*calls.borrow(), [""; 0]);
}

#[test]
fn a_target_that_the_loss_cannot_take_changes_nothing() {
    let mut trainer = trainer();
    let before = weights(trainer.model());
    let x = Tensor::zeros(&[3, 2]);
    let e = trainer.train_on_batch(&x, &tensor![0usize, 1, 2]).unwrap_err();
    assert_eq!(
        e.to_string(),
        "sparse categorical cross-entropy takes labels below the number of classes; the target is label 2 for an output of 2 classes"
    );
    let e = trainer.train_on_batch(&x, &Tensor::<f32>::zeros(&[3, 2])).unwrap_err();
    assert_eq!(e.to_string(), "sparse categorical cross-entropy takes class labels; the target is values");
    assert_eq!(weights(trainer.model()), before);
    trainer.train_on_batch(&x, &tensor![0usize, 1, 1]).unwrap();
    assert_ne!(weights(trainer.model()), before);
}

#[test]
fn a_parameter_that_is_left_out_of_the_output_is_named() {
    #[derive(Module)]
    struct Forgetful {
        used: Dense,
        forgotten: Dense,
    }
    impl Forward for Forgetful {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.used.forward(x)
        }
    }
    let mut rng = seeded(0);
    let model = Forgetful { used: Dense::new(2, 2, &mut rng), forgotten: Dense::new(2, 2, &mut rng) };
    let mut trainer = Trainer::new(model, Adam::new(0.1), SparseCategoricalCrossEntropy::from_logits());
    let e = trainer.fit(&points(4), FitOptions::new()).unwrap_err();
    let TrainError::Optimizer(OptimizerError::Unused { path, .. }) = &e else { panic!("{e}") };
    assert_eq!(path, "forgotten.weight");
    assert!(e.to_string().starts_with("parameter `forgotten.weight` gets no gradient: "), "{e}");
}

const TOKENS: usize = 7;

/// Gives to each token the logits of the next one.
#[derive(Module)]
struct Bigrams {
    table: Parameter,
}

impl Model for Bigrams {
    type Input = Tensor<usize>;

    fn output<'t>(&self, tape: &'t GradientTape, tokens: &Tensor<usize>) -> Var<'t> {
        let one_hot = to_one_hot(tokens, TOKENS).expect("tokens are below TOKENS");
        tape.constant(one_hot).matmul(tape.parameter(&self.table))
    }
}

#[test]
fn a_model_of_integer_inputs_trains() {
    let tokens: Vec<usize> = (0..3 * TOKENS).map(|i| i % TOKENS).collect();
    let next: Vec<usize> = tokens.iter().map(|token| (3 * token + 1) % TOKENS).collect();
    let data = TensorDataset::new(Tensor::from(tokens.clone()), Tensor::from(next.clone())).unwrap();
    let model = Bigrams { table: Parameter::new(Tensor::zeros(&[TOKENS, TOKENS])) };
    let loss = SparseCategoricalCrossEntropy::from_logits();
    let mut trainer = Trainer::new(model, Adam::new(0.1), loss).metric(Accuracy::new());
    let history = trainer.fit(&data, FitOptions::new().epochs(20).batch_size(5)).unwrap();
    assert!((history.epochs[0].metrics[0].1) < 1.0);
    assert_eq!(trainer.evaluate(&data).unwrap().metric("accuracy"), Some(1.0));
    let logits = trainer.predict(&tensor![2usize]).unwrap();
    let best = (0..TOKENS).max_by(|&a, &b| logits.as_slice()[a].total_cmp(&logits.as_slice()[b]));
    assert_eq!(best, Some(0));
}
