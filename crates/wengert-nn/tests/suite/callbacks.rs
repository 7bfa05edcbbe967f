//! Callbacks: all hooks in order, what each of the library's does, and what happens to a training in
//! which one fails.

use crate::common::weights;
use std::cell::RefCell;
use std::rc::Rc;
use wengert_nn::callbacks::*;
use wengert_nn::datasets::TensorDataset;
use wengert_nn::prelude::*;
use wengert_nn::{Epoch, Evaluation, TrainError};

type Done = Result<(), CallbackError>;
type Values = TensorDataset<f64, f64>;

/// y = x, of which an untrained weight of 0 knows nothing.
fn data() -> Values {
    TensorDataset::new(tensor![[1.0], [2.0], [-1.0], [-2.0]], tensor![[1.0], [2.0], [-1.0], [-2.0]]).unwrap()
}

#[derive(Module)]
struct Line {
    w: Parameter<f64>,
}

impl Forward<f64> for Line {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        x * x.tape().parameter(&self.w)
    }
}

fn trainer(rate: f64) -> Trainer<Line, f64> {
    Trainer::new(Line { w: Parameter::new(tensor![0.0]) }, Sgd::new(rate), MeanSquaredError::new())
}

fn w(trainer: &Trainer<Line, f64>) -> f64 {
    trainer.model().w.value().item()
}

#[derive(Clone, Default)]
struct Hooks(Rc<RefCell<Vec<String>>>);

impl Hooks {
    fn log(&self, hook: &str, context: &Context<'_, f64>) -> Done {
        let Context { epoch, batch, step, .. } = context;
        self.0.borrow_mut().push(format!("{hook} {epoch}.{batch} after {step}"));
        Ok(())
    }
}

impl Callback<f64> for Hooks {
    fn on_train_begin(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("train", context)
    }
    fn on_train_end(&mut self, _: &History, context: &mut Context<'_, f64>) -> Done {
        self.log("train ends", context)
    }
    fn on_epoch_begin(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("epoch", context)
    }
    fn on_epoch_end(&mut self, _: &Epoch, context: &mut Context<'_, f64>) -> Done {
        self.log("epoch ends", context)
    }
    fn on_train_batch_begin(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("batch", context)
    }
    fn on_backward(&mut self, _: &Backward<'_, f64>, context: &mut Context<'_, f64>) -> Done {
        self.log("backward", context)
    }
    fn on_train_batch_end(&mut self, _: &Progress<'_>, context: &mut Context<'_, f64>) -> Done {
        self.log("batch ends", context)
    }
    fn on_test_begin(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("test", context)
    }
    fn on_test_end(&mut self, _: &Evaluation, context: &mut Context<'_, f64>) -> Done {
        self.log("test ends", context)
    }
    fn on_test_batch_begin(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("test batch", context)
    }
    fn on_test_batch_end(&mut self, context: &mut Context<'_, f64>) -> Done {
        self.log("test batch ends", context)
    }
}

#[test]
fn hooks_are_those_of_keras_in_its_order() {
    let (hooks, data) = (Hooks::default(), data());
    let mut trainer = trainer(0.1).callback(hooks.clone());
    trainer.fit(&data, FitOptions::new().batch_size(2).validation(&data)).unwrap();
    trainer.evaluate(&data).unwrap();
    let expected = [
        "train 0.0 after 0",
        "epoch 1.0 after 0",
        "batch 1.1 after 0",
        "backward 1.1 after 0",
        "batch ends 1.1 after 1",
        "batch 1.2 after 1",
        "backward 1.2 after 1",
        "batch ends 1.2 after 2",
        "test 1.0 after 2",
        "test batch 1.1 after 2",
        "test batch ends 1.1 after 2",
        "test ends 1.0 after 2",
        "epoch ends 1.0 after 2",
        "train ends 1.0 after 2",
        "test 0.0 after 2",
        "test batch 0.1 after 2",
        "test batch ends 0.1 after 2",
        "test ends 0.0 after 2",
    ];
    assert_eq!(*hooks.0.borrow(), expected);
}

#[test]
fn an_error_of_a_callback_ends_the_training_and_loses_nothing() {
    let (hooks, data) = (Hooks::default(), data());
    let failing = LambdaCallback::new().on_epoch_end(|epoch, _| match epoch.epoch {
        3 => Err("the disk is full".into()),
        _ => Ok(()),
    });
    let mut failed = trainer(0.1).callback(failing).callback(hooks.clone());
    let e = failed.fit(&data, FitOptions::new().epochs(9).batch_size(4)).unwrap_err();
    assert_eq!(e.to_string(), "LambdaCallback failed after an epoch, epoch 3: the disk is full");
    let TrainError::Callback { error, .. } = &e else { panic!("{e}") };
    assert_eq!(error.inner().to_string(), "the disk is full");
    assert_eq!(e, e.clone());
    let calls = hooks.0.borrow();
    assert_eq!(calls[calls.len() - 2..], ["epoch ends 3.0 after 3", "train ends 3.0 after 3"]);

    let mut three = trainer(0.1);
    let history = three.fit(&data, FitOptions::new().epochs(3).batch_size(4)).unwrap();
    assert_eq!(failed.history().values("loss"), history.values("loss"));
    assert_eq!(weights(failed.model()), weights(three.model()));
    assert_eq!((failed.epochs_done(), failed.steps()), (3, 3));
}

#[test]
fn an_error_before_the_first_epoch_is_no_training() {
    let mut trainer = trainer(0.1).callback(LambdaCallback::new().on_train_begin(|_| Err("no".into())));
    let e = trainer.fit(&data(), FitOptions::new()).unwrap_err();
    assert_eq!(e.to_string(), "LambdaCallback failed before training: no");
    assert_eq!(trainer.steps(), 0);
}

#[test]
fn a_hook_may_change_the_model_and_the_learning_rate() {
    let mut trainer = trainer(0.1).callback(LambdaCallback::new().on_train_batch_begin(|context| {
        context.optimizer.set_learning_rate(0.0);
        context.model.visit_mut(&wengert_nn::Path::root(), &mut |_, p| {
            p.replace(tensor![7.0]);
        });
        Ok(())
    }));
    trainer.fit(&data(), FitOptions::new()).unwrap();
    assert_eq!(w(&trainer), 7.0);
}

/// A training whose `loss` goes through these values, epoch by epoch, and whose weight is the epoch.
fn scripted(values: &'static [f64], callback: impl Callback<f64> + 'static) -> (Trainer<Line, f64>, usize) {
    let mut trainer = trainer(1.0).callback(callback).train_step(move |step| {
        let w = step.model.w.value().item() + 1.0;
        step.model.w.replace(tensor![w]);
        Ok(wengert_nn::StepResult::new(values[w as usize - 1]))
    });
    let history = trainer.fit(&data(), FitOptions::new().epochs(values.len()).batch_size(4)).unwrap();
    (trainer, history.epochs.len())
}

#[test]
fn early_stopping_waits_as_long_as_its_patience() {
    const LOSSES: &[f64] = &[5.0, 4.0, 4.5, 4.2, 3.0, 3.5, 3.4, 3.3, 2.0];
    let stop = || EarlyStopping::new().monitor("loss");
    for (callback, epochs, last) in [
        (stop(), 3, 3.0),
        (stop().patience(1), 3, 3.0),
        (stop().patience(2), 4, 4.0),
        (stop().patience(3), 8, 8.0),
        (stop().patience(3).restore_best(), 8, 5.0),
        (stop().patience(4), 9, 9.0),
        (stop().patience(4).restore_best(), 9, 9.0),
        (stop().min_delta(1.5).patience(3), 4, 4.0),
        (stop().mode(Mode::Max), 2, 2.0),
        (stop().mode(Mode::Max).restore_best(), 2, 1.0),
    ] {
        let (trainer, found) = scripted(LOSSES, callback);
        assert_eq!((found, w(&trainer)), (epochs, last));
    }
}

#[test]
fn nan_is_never_the_best() {
    let stop = EarlyStopping::new().monitor("loss").patience(3).restore_best();
    let (trainer, epochs) = scripted(&[f64::NAN, 3.0, f64::NAN, f64::NAN, f64::NAN, 1.0], stop);
    assert_eq!((epochs, w(&trainer)), (5, 2.0));
}

#[test]
fn the_best_weights_come_back_after_an_error_too() {
    let failing = LambdaCallback::new()
        .on_epoch_end(|epoch, _| if epoch.epoch == 2 { Err("stop".into()) } else { Ok(()) });
    let mut trainer = trainer(2.0)
        .callback(EarlyStopping::new().monitor("loss").patience(9).restore_best())
        .callback(failing);
    trainer.fit(&data(), FitOptions::new().epochs(5).batch_size(4)).unwrap_err();
    // The loss of an epoch is measured before its step, and its weights are those after it.
    let mut one = self::trainer(2.0);
    one.fit(&data(), FitOptions::new().epochs(1).batch_size(4)).unwrap();
    assert_eq!(w(&trainer), w(&one));
}

#[test]
fn a_quantity_that_is_not_there_is_named_with_those_that_are() {
    let mut trainer = trainer(0.1).callback(EarlyStopping::new());
    let e = trainer.fit(&data(), FitOptions::new()).unwrap_err();
    assert_eq!(
        e.to_string(),
        "EarlyStopping failed after an epoch, epoch 1: there is no quantity `val_loss` to watch (it needs validation data); there are loss, learning_rate"
    );
}

#[test]
fn the_rate_is_reduced_when_nothing_gets_better() {
    const LOSSES: &[f64] = &[5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 1.0, 1.0];
    let rates = |callback: ReduceLrOnPlateau| {
        let seen: Rc<RefCell<Vec<f64>>> = Rc::default();
        let log = seen.clone();
        let log = LambdaCallback::new().on_epoch_end(move |_, context: &mut Context<'_, f64>| {
            log.borrow_mut().push(context.optimizer.learning_rate());
            Ok(())
        });
        let mut trainer = trainer(1.0)
            .callback(callback)
            .callback(log)
            .train_step(|step| Ok(wengert_nn::StepResult::new(LOSSES[step.step as usize])));
        trainer.fit(&data(), FitOptions::new().epochs(10).batch_size(4)).unwrap();
        seen.take()
    };
    let reduce = || ReduceLrOnPlateau::new().monitor("loss").factor(0.5);
    assert_eq!(rates(reduce().patience(2)), [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125]);
    assert_eq!(
        rates(reduce().patience(2).cooldown(2)),
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    );
    assert_eq!(rates(reduce().patience(2).minimum(0.3)), [1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]);
    assert_eq!(
        rates(reduce().patience(1).minimum(2.0)),
        [1.0; 10],
        "a minimum above the rate raises nothing"
    );
}

#[test]
fn a_scheduler_sets_the_rate_of_each_epoch() {
    let seen: Rc<RefCell<Vec<f64>>> = Rc::default();
    let log = seen.clone();
    let log = LambdaCallback::new().on_train_batch_end(move |_, context: &mut Context<'_, f64>| {
        log.borrow_mut().push(context.optimizer.learning_rate());
        Ok(())
    });
    let mut trainer =
        trainer(9.0).callback(LearningRateScheduler::new(ExponentialDecay::new(1.0, 0.5))).callback(log);
    let history = trainer.fit(&data(), FitOptions::new().epochs(3).batch_size(2)).unwrap();
    assert_eq!(seen.take(), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(history.values("learning_rate"), [1.0, 0.5, 0.25].map(Some));
}

#[test]
fn training_ends_at_the_operation_that_made_a_nan_before_it_spoils_the_weights() {
    #[derive(Module)]
    struct Root {
        w: Parameter<f64>,
    }
    impl Forward<f64> for Root {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            (x + x.tape().parameter(&self.w)).sqrt()
        }
    }
    let data = TensorDataset::new(tensor![[1.0], [-3.0]], tensor![[1.0], [1.0]]).unwrap();
    let model = Root { w: Parameter::new(tensor![0.5]) };
    let mut trainer =
        Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new()).callback(TerminateOnNan::new());
    let e = trainer.fit(&data, FitOptions::new().batch_size(1).shuffle(false)).unwrap_err().to_string();
    let start = "TerminateOnNan failed after the gradients, epoch 1, batch 2: the loss is NaN: %";
    assert!(e.starts_with(start) && e.contains("`sqrt %") && e.contains("callbacks.rs:"), "{e}");
    assert_eq!(trainer.steps(), 1);
    assert!(trainer.model().w.value().item().is_finite());

    // A loss that is finite, and a gradient that is not.
    let data = TensorDataset::new(tensor![[-0.5]], tensor![[1.0]]).unwrap();
    let model = Root { w: Parameter::new(tensor![0.5]) };
    let mut trainer =
        Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new()).callback(TerminateOnNan::new());
    let e = trainer.fit(&data, FitOptions::new()).unwrap_err().to_string();
    assert!(e.contains("the gradient of `w` has -inf: the adjoint that %"), "{e}");
    assert_eq!(trainer.model().w.value().item(), 0.5);
}

#[test]
fn loggers_write_a_line_an_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let [csv, json] = ["log.csv", "log.jsonl"].map(|name| dir.path().join(name));
    let data = data();
    let mut first = trainer(0.1).callback(CsvLogger::new(&csv)).callback(JsonLogger::new(&json));
    let history = first.fit(&data, FitOptions::new().epochs(2).validation(&data)).unwrap();
    let mut second =
        trainer(0.1).callback(CsvLogger::new(&csv).append()).callback(JsonLogger::new(&json).append());
    second.fit(&data, FitOptions::new().epochs(3).initial_epoch(2).validation(&data)).unwrap();

    let text = std::fs::read_to_string(&csv).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["epoch", "loss", "val_loss", "learning_rate", "seconds"]);
    assert_eq!(lines.len(), 4);
    for (line, epoch) in lines[1..].iter().zip(&history.epochs) {
        let numbers: Vec<f64> = line.iter().map(|x| x.parse().unwrap()).collect();
        let validation = epoch.validation.as_ref().unwrap().loss;
        assert_eq!(numbers, [epoch.epoch as f64, epoch.loss, validation, 0.1, epoch.seconds]);
    }
    assert_eq!(lines[3][0], "3");

    let text = std::fs::read_to_string(&json).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["epoch"], 2);
    assert_eq!(lines[1]["val_loss"].as_f64(), Some(history.epochs[1].validation.as_ref().unwrap().loss));
    assert_eq!(lines[2]["learning_rate"], 0.1);
}

#[test]
fn what_is_not_finite_is_null_in_json_and_a_name_is_quoted() {
    struct Odd;
    impl Metric<f64> for Odd {
        fn name(&self) -> &str {
            "a \"quoted\", odd\tname"
        }
        fn reset(&mut self) {}
        fn update(
            &mut self,
            _: &Tensor<f64>,
            _: wengert_nn::losses::Target<'_, f64>,
        ) -> Result<(), TrainError> {
            Ok(())
        }
        fn value(&self) -> f64 {
            f64::NAN
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let [csv, json] = ["log.csv", "log.jsonl"].map(|name| dir.path().join(name));
    let mut trainer =
        trainer(0.1).metric(Odd).callback(CsvLogger::new(&csv)).callback(JsonLogger::new(&json));
    trainer.fit(&data(), FitOptions::new()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(line["a \"quoted\", odd\tname"], serde_json::Value::Null);
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("epoch,loss,\"a \"\"quoted\"\", odd\tname\",learning_rate,seconds\n"), "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let path = std::path::Path::new("no such folder").join("log.csv");
    let mut trainer = trainer(0.1).callback(CsvLogger::new(&path));
    let e = trainer.fit(&data(), FitOptions::new()).unwrap_err().to_string();
    assert!(e.starts_with(&format!("CsvLogger failed before training: {}: ", path.display())), "{e}");
}

#[test]
fn callbacks_work_in_single_precision_without_being_told() {
    let data = TensorDataset::new(tensor![[1.0f32]], tensor![[2.0f32]]).unwrap();
    let mut trainer = Trainer::new(Dense::new(1, 1, &mut seeded(0)), Adam::new(0.1), MeanSquaredError::new())
        .callback(EarlyStopping::new().monitor("loss").restore_best())
        .callback(ReduceLrOnPlateau::new().monitor("loss"))
        .callback(LearningRateScheduler::new(|_: u64| 0.1))
        .callback(TerminateOnNan)
        .callback(LambdaCallback::new());
    trainer.fit(&data, FitOptions::new().epochs(2)).unwrap();
}
