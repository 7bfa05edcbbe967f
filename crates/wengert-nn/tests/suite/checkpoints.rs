//! Checkpoints of trainings: going on gives the bits of never having stopped, and a process may be
//! killed at any moment.

use crate::common::{rewrite, weights};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use wengert_nn::callbacks::Mode;
use wengert_nn::datasets::TensorDataset;
use wengert_nn::prelude::*;
use wengert_nn::wengert::rand::RngExt;
use wengert_nn::{CheckpointError, Epoch, State, TrainError};

type Data = TensorDataset<f32, usize>;

fn data() -> Data {
    let x: Tensor = Tensor::randn(&[50, 2], &mut seeded(3));
    let labels: Vec<usize> = x.as_slice().chunks(2).map(|x| usize::from(x[0] > x[1])).collect();
    TensorDataset::new(x, Tensor::from(labels)).unwrap()
}

fn model(seed: u64) -> Sequential {
    let mut rng = seeded(seed);
    Sequential::new()
        .layer(Dense::new(2, 8, &mut rng))
        .layer(BatchNorm1d::new(8))
        .layer(Tanh)
        .layer(Dropout::new(0.3))
        .layer(Dense::new(8, 2, &mut rng))
}

/// All that remembers something: moments, averages, running statistics, counts of steps, callbacks.
fn trainer(seed: u64) -> Trainer<Sequential> {
    Trainer::new(model(seed), AdamW::new(0.01), SparseCategoricalCrossEntropy::from_logits())
        .ema(0.9)
        .schedule(CosineAnnealing::new(0.01, 60).warmed_up(5))
        .metric(Accuracy::new())
        .seed(4)
        .callback(EarlyStopping::new().monitor("loss").patience(100).restore_best())
}

fn options<'a>(epochs: usize) -> FitOptions<'a, Data> {
    FitOptions::new().epochs(epochs).batch_size(8).seed(9).validation_split(0.2)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn going_on_gives_the_bits_of_never_having_stopped() {
    let folder = folder();
    let (data, path) = (data(), folder.path().join("{epoch}.safetensors"));
    let mut whole = trainer(1);
    let history = whole.fit(&data, options(6)).unwrap();

    let mut first = trainer(1).callback(ModelCheckpoint::new(&path));
    first.fit(&data, options(3)).unwrap();
    assert_eq!(files(folder.path()), ["1.safetensors", "2.safetensors", "3.safetensors"]);
    let latest = Checkpoint::<f32>::latest(folder.path()).unwrap();
    assert_eq!(latest, Some(folder.path().join("3.safetensors")));

    // Another process, whose weights begin elsewhere.
    for from in 1..=3 {
        let mut second = trainer(2).callback(ModelCheckpoint::new(folder.path().join("again.safetensors")));
        let from_file = folder.path().join(format!("{from}.safetensors"));
        let rest = second.fit(&data, options(6).resume(&from_file)).unwrap();
        let quantities = |epochs: &[Epoch]| epochs.iter().map(|epoch| epoch.logs()).collect::<Vec<_>>();
        assert_eq!(quantities(&rest.epochs), quantities(&history.epochs[from..]));
        assert_eq!(weights(second.model()), weights(whole.model()));
        assert_eq!(second.evaluate(&data).unwrap(), whole.evaluate(&data).unwrap());
        assert_eq!((second.steps(), second.epochs_done()), (whole.steps(), 6));
        // All that it remembers besides, too: what is saved at last is the same.
        let parts = ["optimizer", "ema", "callbacks.0"];
        for part in parts {
            assert_eq!(second.state().part(part), whole.state().part(part));
        }
    }
}

#[test]
fn a_checkpoint_is_a_file_of_weights_too() {
    let folder = folder();
    let path = folder.path().join("training.safetensors");
    let mut trained = trainer(1);
    trained.fit(&data(), options(1)).unwrap();
    trained.save_checkpoint(&path).unwrap();
    let mut model = model(2);
    model.load(&path).unwrap();
    assert_eq!(weights(&model), weights(trained.model()));
    let checkpoint = Checkpoint::load(&path).unwrap();
    assert_eq!(checkpoint.state(), &trained.state());
    assert_eq!(checkpoint.weights().map(|(name, _)| name).next(), Some("0.weight"));
}

#[test]
fn numbers_texts_and_generators_come_back_to_the_bit() {
    let folder = folder();
    let path = folder.path().join("c.safetensors");
    let mut rng = seeded(1);
    rng.set_stream(3);
    let _: [u32; 5] = rng.random();
    let mut state = State::<f64>::new("all kinds");
    for (i, x) in
        [0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 8.0, 1e300, 1.0 / 3.0].into_iter().enumerate()
    {
        state.set_number(format!("{i}"), x);
    }
    state.set_integer("largest", u64::MAX);
    state.set_text("text", "Ünicode, \"quotes\" and\nlines");
    state.set_tensor("tensor", tensor![[0.1, f64::NEG_INFINITY]]);
    state.set_tensor("empty", Tensor::zeros(&[0, 3]));
    state.set_rng("rng", &rng);
    let model: Dense<f64> = Dense::new(1, 1, &mut seeded(0));
    Checkpoint::new(&model, state.clone()).save(&path).unwrap();
    let read = Checkpoint::<f64>::load(&path).unwrap();
    assert_eq!(read.state(), &state);
    assert_eq!(read.state().number("1").unwrap().to_bits(), (-0.0f64).to_bits());
    assert_eq!(read.state().rng("rng").unwrap().random::<u64>(), rng.random::<u64>());

    let error = Checkpoint::<f32>::load(&path).unwrap_err().to_string();
    assert!(error.contains("`bias` is stored as F64, expected F32"), "{error}");
}

#[test]
fn a_checkpoint_that_does_not_fit_changes_nothing() {
    let folder = folder();
    let [path, weights_path, other] =
        ["c", "w", "o"].map(|name| folder.path().join(name).with_extension("safetensors"));
    let mut trained = trainer(1);
    trained.fit(&data(), options(1)).unwrap();
    trained.save_checkpoint(&path).unwrap();
    trained.model().save(&weights_path).unwrap();

    let sgd = Trainer::new(model(2), Sgd::new(0.1), SparseCategoricalCrossEntropy::from_logits());
    let mut sgd = sgd.ema(0.5);
    let before = (weights(sgd.model()), sgd.state());
    let mut refused = |path: &PathBuf| {
        let error = sgd.fit(&data(), options(2).resume(path)).unwrap_err();
        assert!(matches!(error, TrainError::Resume { .. }), "{error:?}");
        assert_eq!((weights(sgd.model()), sgd.state()), before);
        error.to_string()
    };
    let at = |path: &Path| format!("cannot resume: {}", path.display());
    assert_eq!(refused(&path), format!("{}: this is the state of `adam`; one of `sgd` is needed", at(&path)));
    let error = refused(&weights_path);
    assert!(error.starts_with(&at(&weights_path)) && error.contains("holds weights alone"), "{error}");
    let small = Trainer::new(Dense::<f32>::new(2, 2, &mut seeded(0)), Sgd::new(0.1), MeanSquaredError::new());
    small.save_checkpoint(&other).unwrap();
    let error = refused(&other);
    assert!(error.contains("does not fit the model: `0.weight` of shape [8, 2] is missing; "), "{error}");
    let error = refused(&folder.path().join("nowhere.safetensors"));
    assert!(error.contains("nowhere.safetensors: cannot read it: "), "{error}");
}

#[test]
fn damaged_checkpoints_are_no_reason_to_panic() {
    let folder = folder();
    let path = folder.path().join("c.safetensors");
    let small =
        || Trainer::new(Dense::<f32>::new(1, 1, &mut seeded(0)), Sgd::new(0.1), MeanSquaredError::new());
    small().save_checkpoint(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let write = |bytes: &[u8]| rewrite(&path, bytes);
    for end in 0..whole.len() {
        write(&whole[..end]);
        assert!(matches!(Checkpoint::<f32>::load(&path), Err(CheckpointError::Truncated { .. })), "{end}");
    }
    for i in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[i / 8] ^= 1 << (i % 8);
        write(&bytes);
        let mut trainer = small();
        let before = weights(trainer.model());
        if trainer.load_checkpoint(&path).is_err() {
            assert_eq!(weights(trainer.model()), before);
        }
        Checkpoint::<f32>::latest(folder.path()).unwrap();
    }
}

/// A metric that goes as told.
struct Told {
    values: Vec<f64>,
    epoch: usize,
}

impl Metric for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn update(&mut self, _: &Tensor, _: wengert_nn::losses::Target<'_, f32>) -> Result<(), TrainError> {
        Ok(())
    }

    fn value(&self) -> f64 {
        self.values.get(self.epoch.wrapping_sub(1)).copied().unwrap_or(f64::NAN)
    }

    fn reset(&mut self) {
        self.epoch += 1;
    }
}

/// A training in which the metric `told` has these values, epoch by epoch.
fn train(
    values: &[f64],
    done: usize,
    checkpoint: ModelCheckpoint,
    resume: Option<PathBuf>,
) -> Result<(), TrainError> {
    let model = Dense::<f32>::new(1, 1, &mut seeded(0));
    let mut trainer = Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new())
        .metric(Told { values: values.to_vec(), epoch: done })
        .callback(checkpoint);
    let one = TensorDataset::new(Tensor::<f32>::ones(&[1, 1]), Tensor::<f32>::ones(&[1, 1])).unwrap();
    let options = FitOptions::new().epochs(values.len());
    trainer.fit(&one, if let Some(path) = resume { options.resume(path) } else { options }).map(|_| ())
}

#[test]
fn the_best_epochs_alone_are_saved_if_so_wanted() {
    let values = [0.5, f64::NAN, 0.7, 0.6, 0.9, 0.9];
    for (mode, expected) in [(Mode::Max, vec!["1-0.50", "3-0.70", "5-0.90"]), (Mode::Auto, vec!["1-0.50"])] {
        let folder = folder();
        let checkpoint = ModelCheckpoint::new(folder.path().join("{epoch}-{told:.2f}.safetensors"));
        train(&values, 0, checkpoint.monitor("told").mode(mode).save_best_only(), None).unwrap();
        let expected: Vec<String> = expected.iter().map(|name| format!("{name}.safetensors")).collect();
        assert_eq!(files(folder.path()), expected);
    }
}

#[test]
fn what_was_best_and_which_files_are_old_is_known_after_an_interruption() {
    let folder = folder();
    let checkpoint = || {
        let path = folder.path().join("{epoch:02}.safetensors");
        ModelCheckpoint::new(path).monitor("told").mode(Mode::Max).save_best_only().keep_last(2)
    };
    let values = [0.1, 0.5, 0.4, 0.6, 0.7];
    train(&values[..2], 0, checkpoint(), None).unwrap();
    assert_eq!(files(folder.path()), ["01.safetensors", "02.safetensors"]);
    train(&values[..3], 2, checkpoint(), Some(folder.path().join("02.safetensors"))).unwrap();
    assert_eq!(files(folder.path()), ["01.safetensors", "02.safetensors"], "0.4 is not the best");
    train(&values, 2, checkpoint(), Some(folder.path().join("02.safetensors"))).unwrap();
    assert_eq!(files(folder.path()), ["04.safetensors", "05.safetensors"]);
}

#[test]
fn every_few_epochs_and_the_last_are_saved() {
    let folder = folder();
    let path = folder.path().join("deep/er/{epoch:03d}-{step}-{loss:8.3}.npz");
    train(&[0.0; 7], 0, ModelCheckpoint::new(&path).every(3).save_weights_only(), None).unwrap();
    let names = files(&folder.path().join("deep/er"));
    let starts: Vec<&str> = names.iter().map(|name| &name[..6]).collect();
    assert_eq!(starts, ["003-3-", "006-6-", "007-7-"]);
    Dense::<f32>::new(1, 1, &mut seeded(0)).load(folder.path().join("deep/er").join(&names[0])).unwrap();
}

#[test]
fn weights_alone_are_the_averages_that_were_validated() {
    let folder = folder();
    let path = folder.path().join("w.safetensors");
    let mut trained = trainer(1).callback(ModelCheckpoint::new(&path).save_weights_only());
    trained.fit(&data(), options(2)).unwrap();
    // An average of counts is no count: it is rounded.
    let weights = |model: &Sequential| -> Vec<_> {
        weights(model).into_iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")).collect()
    };
    let raw = weights(trained.model());
    let (ema, model) = trained.ema_mut().unwrap();
    ema.swap(model);
    let mut loaded = self::model(5);
    loaded.load(&path).unwrap();
    assert_eq!(weights(&loaded), weights(trained.model()));
    assert_ne!(weights(&loaded), raw);
}

#[test]
fn paths_that_say_nothing_are_refused() {
    let cases = [
        ("{epoch", "has a `{` without its `}`"),
        ("{epoch:x}", "has the format `x`; expected one such as `03`, `.4` or `8.3`"),
        ("{epoch:999}", "has the format `999`"),
        ("{val_loss}", "names `val_loss`; there are epoch, step and the quantities of the epoch's logs"),
    ];
    for (pattern, expected) in cases {
        let folder = folder();
        let path = folder.path().join(format!("{pattern}.safetensors"));
        let error = train(&[0.0], 0, ModelCheckpoint::new(&path), None).unwrap_err().to_string();
        assert!(error.starts_with("ModelCheckpoint failed ") && error.contains(expected), "{error}");
        assert_eq!(files(folder.path()).len(), 0);
    }
    let folder = folder();
    let error = train(&[0.0], 0, ModelCheckpoint::new(folder.path().join("w.npz")), None).unwrap_err();
    assert!(error.to_string().contains("the name must end in .safetensors"), "{error}");
}

/// Which process is told to save until it is killed.
const SAVES: &str = "WENGERT_TEST_SAVES_TO";
/// Large enough that most kills come in the middle of a file.
const NUMBERS: usize = 1 << 17;

/// Does nothing, unless the test below runs it in a process of its own.
#[test]
fn a_process_that_saves_until_it_is_killed() {
    let Ok(path) = std::env::var(SAVES) else { return };
    for n in 0..u64::MAX {
        let value = Tensor::full(&[NUMBERS], n as f32);
        let mut state = State::new("count");
        state.set_integer("n", n);
        state.set_tensor("copy", value.clone());
        Checkpoint::new(&Parameter::new(value), state).save(&path).unwrap();
        if n == 0 {
            println!("\nsaved");
        }
    }
}

#[test]
fn a_process_killed_at_any_moment_leaves_the_last_whole_file() {
    let folder = folder();
    let path = folder.path().join("c.safetensors");
    let mut rng = seeded(0);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..100 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "checkpoints::a_process_that_saves_until_it_is_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(SAVES, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // In the first round a file must be there; later it is.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(lines.any(|line| line.unwrap() == "saved"), "the child has saved");
        std::thread::sleep(Duration::from_micros(rng.random_range(0..30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let checkpoint = Checkpoint::<f32>::load(&path).unwrap_or_else(|error| panic!("{round}: {error}"));
        let n = checkpoint.state().integer("n").unwrap();
        let (_, value) = checkpoint.weights().next().unwrap();
        for tensor in [value, checkpoint.state().tensor("copy").unwrap()] {
            assert!(tensor.as_slice().iter().all(|&x| x == n as f32), "{round}: a mixture");
        }
        seen.insert(n);
        // What the one before has left half-written was removed.
        assert!(files(folder.path()).len() <= 2, "{:?}", files(folder.path()));
    }
    assert!(seen.len() > 1, "it was killed at different moments");
}
