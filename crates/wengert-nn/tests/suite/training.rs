//! More of the trainer: weights of samples and classes, parts of epochs, steps of one's own, averages of
//! weights, parts of batches side by side, and going on where another has stopped.

use crate::common::{bits, weights};
use std::cell::RefCell;
use std::rc::Rc;
use wengert_nn::callbacks::{EarlyStopping, LambdaCallback, ReduceLrOnPlateau};
use wengert_nn::datasets::TensorDataset;
use wengert_nn::losses::Target;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;
use wengert_nn::{Ema, State, StateError, StepResult, TrainError, shuffle};

type Labelled = TensorDataset<f32, usize>;

/// Rows that can be told apart, of two classes.
fn data(n: usize) -> Labelled {
    let x: Tensor = Tensor::uniform(&[n, 3], -1.0, 1.0, &mut seeded(4));
    let labels: Vec<usize> = x.as_slice().chunks(3).map(|x| usize::from(x[0] > x[1])).collect();
    TensorDataset::new(x, Tensor::from(labels)).unwrap()
}

/// With dropout, so that random layers are seen.
#[derive(Module)]
struct Net {
    hidden: Dense,
    out: Dense,
}

impl Forward for Net {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.out.forward(self.hidden.forward(x).tanh().dropout(0.25))
    }
}

fn net() -> Net {
    let mut rng = seeded(5);
    Net { hidden: Dense::new(3, 6, &mut rng), out: Dense::new(6, 2, &mut rng) }
}

fn trainer() -> Trainer<Net> {
    Trainer::new(net(), Adam::new(0.05), SparseCategoricalCrossEntropy::from_logits()).metric(Accuracy::new())
}

/// Steps that change nothing, without dropout.
fn still() -> Trainer<Dense> {
    Trainer::new(
        Dense::new(3, 2, &mut seeded(1)),
        Sgd::new(0.0),
        SparseCategoricalCrossEntropy::from_logits(),
    )
}

fn losses(trainer: &mut Trainer<Dense>, data: &Labelled) -> Vec<f64> {
    let logits = trainer.predict(data.inputs()).unwrap();
    let rows = GradientTape::new().constant(&logits).cross_entropy_rows(data.targets()).value();
    rows.as_slice().iter().map(|&x| f64::from(x)).collect()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

#[test]
fn samples_count_as_much_as_their_weights_say() {
    let (data, mut trainer) = (data(10), still());
    let sample_weights: Vec<f64> = (0..10).map(|i| (i % 4) as f64).collect();
    let expected: f64 = losses(&mut trainer, &data).iter().zip(&sample_weights).map(|(x, w)| x * w).sum();
    let options = FitOptions::new().batch_size(4).sample_weights(&sample_weights);
    close(trainer.fit(&data, options).unwrap().epochs[0].loss, expected / 10.0);
}

#[test]
fn classes_count_as_much_as_their_weights_say_and_so_do_both() {
    let (data, mut trainer) = (data(10), still());
    let (of_class, of_sample) = ([0.5, 3.0], [2.0; 10]);
    let labels = data.targets().as_slice();
    let rows = losses(&mut trainer, &data);
    let expected: f64 = rows.iter().zip(labels).map(|(x, &label)| x * of_class[label]).sum();
    let options = || FitOptions::new().batch_size(4).class_weights(&of_class);
    close(trainer.fit(&data, options()).unwrap().epochs[0].loss, expected / 10.0);
    close(trainer.fit(&data, options().sample_weights(&of_sample)).unwrap().epochs[0].loss, expected / 5.0);
}

#[test]
fn a_weight_of_zero_is_a_row_that_is_not_there() {
    let data = data(6);
    let mut some = trainer_without_dropout();
    some.fit(&data, FitOptions::new().batch_size(6).sample_weights(&[2.0, 0.0, 2.0, 0.0, 2.0, 0.0])).unwrap();
    let mut batch = None;
    data.gather(&[0, 2, 4], &mut batch);
    let (x, labels) = batch.unwrap();
    let mut few = trainer_without_dropout();
    few.train_on_batch(&x, &labels).unwrap();
    for ((_, a), (_, b)) in weights(some.model()).iter().zip(&weights(few.model())) {
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (f64::from_bits(*a), f64::from_bits(*b));
            assert!((a - b).abs() < 1e-6, "{a}, expected {b}");
        }
    }
}

fn trainer_without_dropout() -> Trainer<Dense> {
    Trainer::new(
        Dense::new(3, 2, &mut seeded(1)),
        Sgd::new(0.5),
        SparseCategoricalCrossEntropy::from_logits(),
    )
}

#[test]
fn weights_that_do_not_fit_are_refused_before_training() {
    let (data, mut trainer) = (data(4), still());
    let mut error = |options| trainer.fit(&data, options).unwrap_err().to_string();
    assert_eq!(
        error(FitOptions::new().sample_weights(&[1.0])),
        "weights: expected one for each of the 4 rows of the data, got 1 sample weights"
    );
    assert_eq!(
        error(FitOptions::new().class_weights(&[1.0])),
        "weights: expected one for each label up to 1, got 1 class weights"
    );
    let values = TensorDataset::new(Tensor::zeros(&[4, 3]), Tensor::<f32>::zeros(&[4, 2])).unwrap();
    let mut trainer = Trainer::new(Dense::new(3, 2, &mut seeded(0)), Sgd::new(0.1), MeanSquaredError::new());
    let e = trainer.fit(&values, FitOptions::new().class_weights(&[1.0])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "weights: expected class labels to give weights to, got class weights and a target of values"
    );
}

#[test]
fn a_split_trains_on_the_first_rows_and_validates_on_the_last() {
    let all = data(10);
    let part = |rows: std::ops::Range<usize>| {
        let mut batch = None;
        all.gather(&rows.collect::<Vec<_>>(), &mut batch);
        let (x, y) = batch.unwrap();
        TensorDataset::new(x, y).unwrap()
    };
    let (train, val) = (part(0..7), part(7..10));
    let (mut split, mut two) = (trainer(), trainer());
    let options = || FitOptions::new().epochs(3).batch_size(2);
    let a = split.fit(&all, options().validation_split(0.3)).unwrap();
    let b = two.fit(&train, options().validation(&val)).unwrap();
    assert_eq!(a.values("val_loss"), b.values("val_loss"));
    assert_eq!(weights(split.model()), weights(two.model()));
    for part in [0.0, 1.0, -0.5, f64::NAN] {
        let e = split.fit(&all, options().validation_split(part)).unwrap_err();
        let expected = format!("validation_split is {part}; of 10 rows it must leave some on both sides");
        assert_eq!(e.to_string(), expected);
    }
}

#[test]
fn an_epoch_of_some_steps_goes_on_in_the_next() {
    let data = data(10);
    let (mut short, mut long) = (trainer(), trainer());
    let options = || FitOptions::new().batch_size(3).seed(2);
    // Four batches a pass: 6 epochs of 2 are 3 passes.
    let history = short.fit(&data, options().epochs(6).steps_per_epoch(2)).unwrap();
    long.fit(&data, options().epochs(3)).unwrap();
    assert_eq!((history.epochs.len(), short.steps()), (6, 12));
    assert_eq!(weights(short.model()), weights(long.model()));
    let e = short.fit(&data, options().steps_per_epoch(0)).unwrap_err();
    assert_eq!(e.to_string(), "steps_per_epoch is 0; an epoch has at least one step");
}

#[test]
fn each_pass_has_an_order_of_its_own_that_the_seed_decides() {
    let order = |seed, pass| {
        let mut rows = [0; 20];
        shuffle(&mut rows, seed, pass);
        rows
    };
    assert_eq!(order(1, 2), order(1, 2));
    assert_ne!(order(1, 2), order(1, 3));
    assert_ne!(order(1, 2), order(2, 2));
    let mut sorted = order(1, 2);
    sorted.sort();
    assert_eq!(sorted.to_vec(), (0..20).collect::<Vec<_>>());
}

/// All that may have a memory: dropout, shuffling, an average, a schedule, callbacks.
fn remembering(model: Net) -> Trainer<Net> {
    Trainer::new(model, Nadam::new(0.05), SparseCategoricalCrossEntropy::from_logits())
        .ema(0.9)
        .seed(3)
        .callback(EarlyStopping::new().monitor("loss").patience(100).restore_best())
        .callback(ReduceLrOnPlateau::new().monitor("loss").min_delta(10.0).patience(2).factor(0.5))
}

/// The parameters as another process loads them.
fn loaded(trainer: &Trainer<Net>) -> Net {
    let model = trainer.model();
    Net { hidden: model.hidden.clone(), out: model.out.clone() }
}

#[test]
fn a_restored_trainer_goes_on_as_if_it_had_never_stopped() {
    let data = data(11);
    let options = || FitOptions::new().batch_size(3).seed(8);
    let mut whole = remembering(net());
    let history = whole.fit(&data, options().epochs(7)).unwrap();
    assert!(whole.optimizer_mut().learning_rate() < 0.05, "the callback has done something");
    for stop in [1, 3, 4] {
        // Saved at the end of an epoch, from inside: when training ends, the best weights come back.
        let saved: Rc<RefCell<Option<(State, Net)>>> = Rc::default();
        let save = saved.clone();
        let saver = LambdaCallback::new().on_epoch_end(move |epoch, context| {
            if epoch.epoch == stop {
                let mut model = net();
                let mut values = context.model.parameters().into_iter();
                model.visit_mut(&wengert_nn::Path::root(), &mut |_, p| {
                    p.replace(values.next().unwrap().1.value().clone());
                });
                *save.borrow_mut() = Some((context.state(), model));
                context.stop();
            }
            Ok(())
        });
        remembering(net()).callback(saver).fit(&data, options().epochs(7)).unwrap();
        let (state, model) = saved.borrow_mut().take().unwrap();
        let mut second = remembering(model);
        second.restore(&state).unwrap();
        assert_eq!((second.epochs_done(), second.steps()), (stop, 4 * stop as u64));
        assert_eq!(second.state(), state);
        let rest = second.fit(&data, options().epochs(7).initial_epoch(second.epochs_done())).unwrap();
        assert_eq!(rest.values("loss"), history.values("loss")[stop..]);
        assert_eq!(weights(second.model()), weights(whole.model()));
        assert_eq!(second.state(), whole.state());
        assert_eq!(second.evaluate(&data), whole.evaluate(&data));
    }
}

#[test]
fn the_state_of_another_trainer_is_refused() {
    let trained = trainer();
    let mut averaging = trainer().ema(0.5);
    let e = averaging.restore(&trained.state()).unwrap_err();
    assert_eq!(e.to_string(), "the state of `trainer` has no part `ema`");
    let mut other = Trainer::new(net(), Sgd::new(0.1), SparseCategoricalCrossEntropy::from_logits());
    let e = other.restore(&trained.state()).unwrap_err();
    assert_eq!(e, StateError::Kind { expected: "sgd".into(), found: "adam".into() });
    assert_eq!(loaded(&trained).parameter_count(), 3 * 6 + 6 + 6 * 2 + 2);
}

#[test]
fn averages_evaluate_and_weights_train() {
    let data = data(12);
    let (mut averaging, mut plain) = (trainer().ema(0.75), trainer());
    let mut ema = Ema::new(0.75);
    for rows in [[0, 1, 2], [3, 4, 5], [6, 7, 8]] {
        let mut batch = None;
        data.gather(&rows, &mut batch);
        let (x, labels) = batch.unwrap();
        averaging.train_on_batch(&x, &labels).unwrap();
        plain.train_on_batch(&x, &labels).unwrap();
        ema.update(plain.model());
    }
    assert_eq!(weights(averaging.model()), weights(plain.model()), "the weights train on");
    ema.swap(plain.model_mut());
    assert_eq!(averaging.evaluate(&data).unwrap(), plain.evaluate(&data).unwrap());
    assert_eq!(averaging.predict(data.inputs()), plain.predict(data.inputs()));
    let (average, model) = averaging.ema_mut().unwrap();
    average.swap(model);
    assert_eq!(weights(averaging.model()), weights(plain.model()));
}

#[test]
fn random_layers_rest_in_evaluation_and_differ_from_step_to_step() {
    let data = data(8);
    let mut trainer = trainer();
    assert_eq!(trainer.predict(data.inputs()), trainer.predict(data.inputs()));
    let first = trainer.evaluate(&data).unwrap();
    let still = Trainer::new(net(), Sgd::new(0.0), SparseCategoricalCrossEntropy::from_logits());
    let mut still = still.callback(LambdaCallback::new());
    let losses: Vec<f64> =
        (0..3).map(|_| still.train_on_batch(data.inputs(), data.targets()).unwrap()).collect();
    assert!(losses[0] != losses[1] && losses[1] != losses[2] && losses[0] != first.loss, "{losses:?}");
    assert_eq!(trainer.evaluate(&data).unwrap(), first);
}

#[test]
fn outputs_of_many_batches_are_those_of_one() {
    let data = data(1100);
    let mut trainer = trainer();
    let all = trainer.predict_all(&data).unwrap();
    assert_eq!(all.shape()[..], [1100, 2]);
    for (a, b) in all.as_slice().iter().zip(trainer.predict(data.inputs()).unwrap().as_slice()) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn a_step_of_ones_own_that_does_the_usual_gives_its_bits() {
    let data = data(10);
    let mut usual = trainer();
    let mut own = trainer().train_step(|step| {
        let output = step.model.forward(step.tape.constant(step.input));
        let loss = step.loss.reduced(output, step.target, step.weights, Reduction::Mean)?;
        let (result, grads) = (StepResult::new(loss.item()).output(output.value()), loss.backward());
        step.tape.reset();
        step.optimizer.step(step.model, &grads)?;
        Ok(result)
    });
    let options = || FitOptions::new().epochs(3).batch_size(4).class_weights(&[1.0, 2.0]);
    let (a, b) = (usual.fit(&data, options()).unwrap(), own.fit(&data, options()).unwrap());
    assert_eq!((a.values("loss"), a.values("accuracy")), (b.values("loss"), b.values("accuracy")));
    assert_eq!(weights(usual.model()), weights(own.model()));
}

#[test]
fn a_step_of_ones_own_may_fail() {
    let mut trainer = trainer().train_step(|step| match step.step {
        0 => Ok(StepResult::new(0.0)),
        _ => Err(TrainError::NoData),
    });
    assert_eq!(trainer.fit(&data(4), FitOptions::new().batch_size(2)), Err(TrainError::NoData));
    assert_eq!(trainer.steps(), 1);
}

/// Losses, accuracies, and the bits of the weights.
type Trained = (Vec<Option<f64>>, Vec<Option<f64>>, Vec<(String, Vec<u64>)>);

fn in_parts(n: usize, threads: usize, seed: u64) -> Trained {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let (data, mut trainer) = (data(30), trainer().seed(seed).data_parallel(n));
        let options = FitOptions::new().epochs(3).batch_size(8).class_weights(&[1.0, 2.0]);
        let history = trainer.fit(&data, options).unwrap();
        (history.values("loss"), history.values("accuracy"), weights(trainer.model()))
    })
}

#[test]
fn the_same_number_of_parts_gives_the_same_bits() {
    for n in [2, 3, 8, 11] {
        let first = in_parts(n, 1, 0);
        assert!(
            in_parts(n, 1, 0) == first && in_parts(n, 2, 0) == first && in_parts(n, 4, 0) == first,
            "{n}"
        );
        assert!(in_parts(n, 2, 1).2 != first.2, "random layers have the seed");
    }
}

/// A model without random layers learns the same from parts as from the whole, up to rounding.
fn parts_learn_what_the_whole_does<T: Float>(tolerance: f64)
where
    Tensor<T>: wengert_nn::losses::AsTarget<T>,
{
    let x: Tensor<T> = Tensor::uniform(&[21, 2], T::from_f64(-1.0), T::from_f64(1.0), &mut seeded(2));
    let y = Tensor::from_fn(&[21, 1], |at| x.get(&[at[0], 0]).unwrap() + x.get(&[at[0], 1]).unwrap());
    let data = TensorDataset::new(x, y).unwrap();
    let fit = |n: usize| {
        let model = Dense::<T>::new(2, 1, &mut seeded(0));
        let mut trainer = Trainer::new(model, Sgd::new(0.1).momentum(0.9), MeanSquaredError::new());
        if n > 1 {
            trainer = trainer.data_parallel(n);
        }
        let sample_weights: Vec<f64> = (0..21).map(|i| 1.0 + (i % 3) as f64).collect();
        let options = FitOptions::new().epochs(5).batch_size(5).sample_weights(&sample_weights);
        let loss = trainer.fit(&data, options).unwrap().epochs[4].loss;
        (loss, trainer.model().weight().value().as_slice().iter().map(|x| num(*x)).collect::<Vec<f64>>())
    };
    let (loss, whole) = fit(1);
    for n in [2, 3, 5, 7] {
        let (other, parts) = fit(n);
        assert!((loss - other).abs() < tolerance);
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < tolerance), "{whole:?}, {parts:?}");
    }
}

fn num<T: Float>(x: T) -> f64 {
    wengert_nn::wengert::Element::to_f64(x)
}

#[test]
fn parts_learn_what_the_whole_does_in_both_types() {
    parts_learn_what_the_whole_does::<f32>(1e-5);
    parts_learn_what_the_whole_does::<f64>(1e-13);
}

#[test]
fn an_error_in_a_part_changes_nothing() {
    let wrong = TensorDataset::new(Tensor::zeros(&[4, 3]), tensor![0usize, 1, 0, 7]).unwrap();
    let mut trainer = trainer().data_parallel(2);
    let before = weights(trainer.model());
    let e = trainer.fit(&wrong, FitOptions::new().batch_size(4).shuffle(false)).unwrap_err();
    assert!(e.to_string().contains("label 7 for an output of 2 classes"), "{e}");
    assert_eq!(weights(trainer.model()), before);
}

/// A generator learns where the numbers of a distribution are, from a discriminator that tells them
/// from its own: two models and two optimizers in one loop.
#[test]
fn a_generator_and_a_discriminator_train_against_each_other() {
    let mut rng = seeded(3);
    let mut generator: Dense<f64> = Dense::new(1, 1, &mut rng);
    let mut discriminator: Sequential<f64> =
        Sequential::new().layer(Dense::new(1, 16, &mut rng)).layer(Tanh).layer(Dense::new(16, 1, &mut rng));
    let (mut of_generator, mut of_discriminator) =
        (Adam::new(0.02).betas(0.5, 0.9), Adam::new(0.02).betas(0.5, 0.9));
    let (ones, zeros) = (Tensor::ones(&[64, 1]), Tensor::zeros(&[64, 1]));
    let mut tape = GradientTape::new();
    let mean = |x: &Tensor<f64>| x.as_slice().iter().sum::<f64>() / x.len() as f64;
    let mut tail = Vec::new();
    for step in 0..600 {
        let noise = Tensor::randn(&[64, 1], &mut rng);
        let real = Tensor::from_fn(&[64, 1], |_| 3.0).zip_add(&Tensor::randn(&[64, 1], &mut rng));
        let fake = generator.forward(tape.constant(&noise));
        if step >= 500 {
            tail.push(mean(&fake.value()));
        }
        let loss = discriminator.forward(tape.constant(&real)).bce_with_logits_loss(&ones, Reduction::Mean)
            + discriminator.forward(fake.detach()).bce_with_logits_loss(&zeros, Reduction::Mean);
        let grads = loss.backward();
        tape.reset();
        let before = weights(&generator);
        of_discriminator.step(&mut discriminator, &grads).unwrap();
        assert_eq!(weights(&generator), before);

        let fake = generator.forward(tape.constant(&noise));
        let loss = discriminator.forward(fake).bce_with_logits_loss(&ones, Reduction::Mean);
        let grads = loss.backward();
        tape.reset();
        of_generator.step(&mut generator, &grads).unwrap();
    }
    let found = tail.iter().sum::<f64>() / tail.len() as f64;
    assert!((found - 3.0).abs() < 0.5, "the generator's mean is {found}, the data's 3");
}

/// Sums of tensors as plain numbers.
trait ZipAdd {
    fn zip_add(&self, other: &Self) -> Self;
}

impl ZipAdd for Tensor<f64> {
    fn zip_add(&self, other: &Self) -> Self {
        let sums = self.as_slice().iter().zip(other.as_slice()).map(|(a, b)| a + b).collect();
        Tensor::from_vec(sums, self.shape()).unwrap()
    }
}

#[test]
fn a_metric_that_refuses_an_output_ends_the_training_with_its_error() {
    struct Picky;
    impl Metric for Picky {
        fn name(&self) -> &str {
            "picky"
        }
        fn reset(&mut self) {}
        fn update(&mut self, _: &Tensor, _: Target<'_>) -> Result<(), TrainError> {
            Err(TrainError::Output { loss: "picky", expected: "[1]", found: vec![2] })
        }
        fn value(&self) -> f64 {
            0.0
        }
    }
    let mut trainer = trainer().metric(Picky);
    let before = weights(trainer.model());
    let e = trainer.fit(&data(4), FitOptions::new()).unwrap_err();
    assert_eq!(e.to_string(), "picky takes an output of shape [1]; the model's has shape [2]");
    assert_eq!(weights(trainer.model()), before);
    assert_eq!(bits(trainer.model().out.bias().unwrap().value()), [0, 0]);
}

#[test]
#[should_panic(expected = "train_step: a custom step has to cut its batches itself")]
fn a_step_of_ones_own_is_not_cut_in_parts() {
    let _ = trainer().data_parallel(2).train_step(|_| Ok(StepResult::new(0.0)));
}
