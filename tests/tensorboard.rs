//! The callback `TensorBoard`, and the example `mnist_cnn` with `--tensorboard`: what stands in their runs.

#[path = "../crates/wengert-tensorboard/tests/common/mod.rs"]
mod common;

use common::proto::*;
use common::*;
use prost::Message;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use wengert_datasets::TensorDataset;
use wengert_nn::callbacks::{CallbackError, LambdaCallback};
use wengert_nn::prelude::*;

type Data = TensorDataset<f32, usize>;

/// Six images of 1 x 4 x 4 pixels, whose brighter half is their class.
fn data() -> Data {
    let pixels: Vec<f32> =
        (0..96).map(|i| ((i % 16 < 8) == (i / 16 % 2 == 0)) as u8 as f32 + i as f32 / 200.0).collect();
    TensorDataset::new(Tensor::from_vec(pixels, &[6, 1, 4, 4]).unwrap(), tensor![0usize, 1, 0, 1, 0, 1])
        .unwrap()
}

fn trainer() -> Trainer<Sequential> {
    let mut rng = seeded(1);
    let model = Sequential::new()
        .named("conv", Conv2d::new(1, 2, 3, &mut rng).same_padding())
        .layer(Relu)
        .layer(Flatten)
        .named("out", Dense::new(32, 2, &mut rng));
    Trainer::new(model, Sgd::new(0.1), SparseCategoricalCrossEntropy::from_logits()).metric(Accuracy::new())
}

/// Three epochs of two steps.
fn fit<'v>() -> FitOptions<'v, Data> {
    FitOptions::new().epochs(3).batch_size(3)
}

/// A training into a folder that vanishes.
fn run(board: impl FnOnce(TensorBoard) -> TensorBoard) -> (TempDir, History) {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let board = board(TensorBoard::new(folder.path().join("run")));
    let history = trainer().callback(board).fit(&data, fit().validation(&data)).unwrap();
    (folder, history)
}

fn scalars(folder: &Path, tag: &str) -> Vec<(i64, f32)> {
    values(folder, tag).iter().map(|(step, value)| (*step, tensor(value).2.float_val[0])).collect()
}

fn steps(folder: &Path, tag: &str) -> Vec<i64> {
    values(folder, tag).iter().map(|(step, _)| *step).collect()
}

fn tags(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = events(folder)
        .into_iter()
        .filter_map(|event| match event.what {
            Some(What::Summary(summary)) => Some(summary.value[0].tag.clone()),
            _ => None,
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

fn graph(folder: &Path) -> GraphDef {
    let graphs = events(folder).into_iter().filter_map(|event| match event.what {
        Some(What::GraphDef(bytes)) => Some(GraphDef::decode(&bytes[..]).unwrap()),
        _ => None,
    });
    let all: Vec<GraphDef> = graphs.collect();
    assert_eq!(all.len(), 1, "a run shows one graph");
    all.into_iter().next().unwrap()
}

fn attribute(node: &NodeDef, name: &str) -> String {
    match &node.attr[name].value {
        Some(Attr::S(text)) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("{name} of {}: {other:?}", node.name),
    }
}

#[test]
fn training_and_validation_share_their_charts() {
    let (folder, history) = run(|board| board);
    for (run, name, logged) in [
        ("train", "epoch/loss", "loss"),
        ("train", "epoch/accuracy", "accuracy"),
        ("train", "epoch/learning_rate", "learning_rate"),
        ("validation", "epoch/loss", "val_loss"),
        ("validation", "epoch/accuracy", "val_accuracy"),
    ] {
        let expected: Vec<(i64, f32)> =
            (1..).zip(history.values(logged).into_iter().map(|x| x.unwrap() as f32)).collect();
        assert_eq!(scalars(&folder.path().join("run").join(run), name), expected, "{run} {name}");
    }
    assert_eq!(tags(&folder.path().join("run/validation")), ["epoch/accuracy", "epoch/loss"]);
}

#[test]
fn weights_are_looked_at_before_and_after_each_epoch_and_gradients_at_its_end() {
    let (folder, _) = run(|board| board);
    let train = folder.path().join("run/train");
    for path in ["conv.weight", "conv.bias", "out.weight", "out.bias"] {
        assert_eq!(steps(&train, &format!("weights/{path}")), [0, 1, 2, 3]);
        assert_eq!(steps(&train, &format!("gradients/{path}")), [1, 2, 3]);
    }
    let (folder, _) = run(|board| board.histograms(2));
    let train = folder.path().join("run/train");
    assert_eq!(steps(&train, "weights/out.weight"), [0, 2, 3], "and after the last");
    assert_eq!(steps(&train, "gradients/out.weight"), [2, 3]);
    let (folder, _) = run(|board| board.histograms(0));
    let all = tags(&folder.path().join("run/train"));
    assert!(!all.iter().any(|tag| tag.starts_with("weights/") || tag.starts_with("gradients/")), "{all:?}");
}

#[test]
fn every_few_steps_the_loss_of_the_batch_is_written_if_asked_for() {
    let (folder, _) = run(|board| board.batch_loss(2));
    let train = folder.path().join("run/train");
    assert_eq!(steps(&train, "batch/loss"), [2, 4, 6]);
    assert_eq!(scalars(&train, "batch/learning_rate"), [(2, 0.1), (4, 0.1), (6, 0.1)]);
    let (folder, _) = run(|board| board);
    assert!(steps(&folder.path().join("run/train"), "batch/loss").is_empty());
}

#[test]
fn the_update_ratio_is_how_far_a_step_moves_a_parameter_relative_to_its_size() {
    #[derive(Module)]
    struct Line {
        w: Parameter,
    }
    impl Forward for Line {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            x * x.tape().parameter(&self.w)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let data = TensorDataset::<f32, f32>::new(tensor![[1.0]], tensor![[0.0]]).unwrap();
    // loss w², gradient 2w: each step takes 2 * 0.05 of w.
    let line = Line { w: Parameter::new(tensor![8.0]) };
    let mut trainer = Trainer::new(line, Sgd::new(0.05), MeanSquaredError::new())
        .callback(TensorBoard::new(folder.path()).update_ratios());
    trainer.fit(&data, FitOptions::new().epochs(3)).unwrap();
    let ratios = scalars(&folder.path().join("train"), "update_ratio/w");
    assert_eq!(ratios.len(), 3);
    assert!(ratios.iter().all(|(_, ratio)| (ratio - 0.1).abs() < 1e-6), "{ratios:?}");
}

#[test]
fn the_first_step_is_a_graph_with_values_adjoints_and_lines() {
    let (folder, history) = run(|board| board);
    let graph = graph(&folder.path().join("run/train"));
    let nodes: BTreeMap<&str, &NodeDef> = graph.node.iter().map(|node| (node.name.as_str(), node)).collect();
    let weight = nodes["out/weight"];
    assert_eq!((weight.op.as_str(), weight.input.len()), ("parameter", 0));
    let Some(Attr::List(list)) = &weight.attr["_output_shapes"].value else { panic!() };
    assert_eq!(list.shape, [TensorShapeProto::of(&[2, 32])]);
    let linear = graph.node.iter().find(|node| node.input.iter().any(|input| input == "out/weight")).unwrap();
    assert!(linear.name.starts_with("out/"), "{}", linear.name);
    let loss = graph.node.last().unwrap();
    assert_eq!(attribute(loss, "adjoint"), "1");
    assert!(attribute(loss, "value").parse::<f64>().unwrap() > history.epochs[2].loss);
    let norm =
        attribute(weight, "adjoint").split_once(", norm ").map(|(_, norm)| norm.parse::<f64>().unwrap());
    assert!(norm.unwrap() > 0.0);
    assert!(attribute(linear, "source").contains("tensorboard.rs:"), "{}", attribute(linear, "source"));
}

#[test]
fn a_layer_that_is_called_twice_has_a_box_for_each_call() {
    #[derive(Module)]
    struct Twice {
        layer: Dense,
    }
    impl Forward for Twice {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.layer.forward(self.layer.forward(x).tanh())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let data = TensorDataset::<f32, f32>::new(tensor![[1.0, 2.0]], tensor![[0.0, 1.0]]).unwrap();
    let model = Twice { layer: Dense::new(2, 2, &mut seeded(0)) };
    let mut trainer = Trainer::new(model, Sgd::new(0.05), MeanSquaredError::new())
        .callback(TensorBoard::new(folder.path()));
    trainer.fit(&data, FitOptions::new()).unwrap();
    let graph = graph(&folder.path().join("train"));
    let by_op = |op: &str| -> Vec<&str> {
        graph.node.iter().filter(|node| node.op == op).map(|node| node.name.as_str()).collect()
    };
    assert_eq!(by_op("linear"), ["layer/linear", "layer-2/linear"]);
    assert_eq!(by_op("parameter"), ["layer/weight", "layer/bias"]);
}

#[test]
fn a_step_of_more_operations_than_can_be_drawn_is_told_and_not_drawn() {
    #[derive(Module)]
    struct Long {
        w: Parameter,
    }
    impl Forward for Long {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            (0..10_000).fold(x * x.tape().parameter(&self.w), |x, _| x.tanh())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let data = TensorDataset::<f32, f32>::new(tensor![[1.0]], tensor![[0.0]]).unwrap();
    let long = Long { w: Parameter::new(tensor![8.0]) };
    let mut trainer =
        Trainer::new(long, Sgd::new(0.05), MeanSquaredError::new()).callback(TensorBoard::new(folder.path()));
    trainer.fit(&data, FitOptions::new()).unwrap();
    let train = folder.path().join("train");
    assert!(!events(&train).iter().any(|event| matches!(event.what, Some(What::GraphDef(_)))));
    let [(0, text)] = &values(&train, "model/layers")[..] else { panic!() };
    let text = String::from_utf8_lossy(&tensor(text).2.string_val[0]).to_string();
    assert!(text.contains("more than can be drawn (10000)"), "{text}");
}

#[test]
fn hyper_parameters_stand_above_both_runs_with_those_that_were_given() {
    let (folder, _) = run(|board| board.hparam("learning_rate", 0.5).hparam("note", "wide"));
    let [(_, start), (_, end)] = ["session_start_info", "session_end_info"].map(|name| {
        let [value] = &values(&folder.path().join("run"), &format!("_hparams_/{name}"))[..] else { panic!() };
        value.clone()
    });
    let content = |value: &Value| {
        let metadata = value.metadata.as_ref().unwrap().plugin_data.as_ref().unwrap();
        HParamsPluginData::decode(&metadata.content[..]).unwrap().data.unwrap()
    };
    let HParamsData::SessionStartInfo(start) = content(&start) else { panic!() };
    let found: Vec<_> = start.hparams.into_iter().map(|(name, value)| (name, value.kind.unwrap())).collect();
    let expected = [
        ("batch_size", HParamKind::Number(3.0)),
        ("epochs", HParamKind::Number(3.0)),
        ("learning_rate", HParamKind::Number(0.5)),
        ("note", HParamKind::Text("wide".into())),
        ("optimizer", HParamKind::Text("sgd".into())),
        ("parameters", HParamKind::Number(86.0)),
    ];
    assert_eq!(found, expected.map(|(name, kind)| (name.to_string(), kind)));
    let HParamsData::SessionEndInfo(end) = content(&end) else { panic!() };
    assert_eq!(end.status, 1);
}

#[test]
fn a_training_that_ends_with_an_error_has_failed() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let failing = LambdaCallback::new().on_epoch_end(|_, _| Err(CallbackError::from("no more")));
    trainer().callback(failing).callback(TensorBoard::new(folder.path())).fit(&data, fit()).unwrap_err();
    let [(_, end)] = &values(folder.path(), "_hparams_/session_end_info")[..] else { panic!() };
    let content = &end.metadata.as_ref().unwrap().plugin_data.as_ref().unwrap().content;
    let Some(HParamsData::SessionEndInfo(end)) = HParamsPluginData::decode(&content[..]).unwrap().data else {
        panic!()
    };
    assert_eq!(end.status, 2);
}

#[test]
fn filters_and_what_they_make_of_the_sample_are_images_with_their_scale() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let board = TensorBoard::new(folder.path()).activations("conv").activations("out");
    let sample = Tensor::from_vec(data.inputs().as_slice()[..32].to_vec(), &[2, 1, 4, 4]).unwrap();
    trainer().sample(sample).callback(board).fit(&data, fit()).unwrap();
    let train = folder.path().join("train");
    // Width and height stand before the images.
    for (tag, images) in [("filters/conv.weight", 1), ("activations/conv", 2), ("activations/out", 1)] {
        let all = values(&train, tag);
        assert_eq!(steps(&train, tag), [0, 1, 2, 3], "{tag}");
        assert!(all.iter().all(|(_, value)| tensor(value).2.string_val.len() == 2 + images), "{tag}");
        let scales = values(&train, &format!("scales/{tag}"));
        assert!(
            scales.iter().all(|(_, value)| tensor(value).2.string_val[0].starts_with(b"black ")),
            "{tag}"
        );
        assert_eq!(scales.len(), 4);
    }
}

#[test]
fn activations_without_a_sample_or_of_a_layer_that_is_not_there_are_refused_before_training() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let board = || TensorBoard::new(folder.path());
    let error = trainer().callback(board().activations("conv")).fit(&data, fit()).unwrap_err().to_string();
    assert!(error.contains("before training") && error.contains("Trainer::sample"), "{error}");
    let trainer = trainer().sample(Tensor::ones(&[1, 1, 4, 4])).callback(board().activations("conv7"));
    let error = { trainer }.fit(&data, fit()).unwrap_err().to_string();
    assert!(error.contains("no layer `conv7`; it called conv"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_used_ends_the_training_before_it_begins() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut trainer = trainer().callback(TensorBoard::new(&file));
    let error = trainer.fit(&data, fit()).unwrap_err().to_string();
    assert!(error.contains("before training") && error.contains("cannot make the folder"), "{error}");
    assert_eq!(trainer.steps(), 0);
}

#[test]
fn what_cannot_be_written_later_does_not_end_the_training() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    // In the way of the run that is begun after the first epoch.
    fs::write(folder.path().join("validation"), "").unwrap();
    let mut trainer = trainer().callback(TensorBoard::new(folder.path()));
    let history = trainer.fit(&data, fit().validation(&data)).unwrap();
    assert_eq!(history.epochs.len(), 3);
    assert_eq!(steps(&folder.path().join("train"), "epoch/loss"), [1, 2, 3]);
}

#[test]
fn looking_changes_no_bit_of_a_training() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let board = TensorBoard::new(folder.path()).batch_loss(1).update_ratios().activations("conv");
    let mut watched = trainer().sample(Tensor::ones(&[1, 1, 4, 4])).callback(board);
    let mut alone = trainer();
    watched.fit(&data, fit()).unwrap();
    alone.fit(&data, fit()).unwrap();
    for ((path, a), (_, b)) in watched.model().parameters().into_iter().zip(alone.model().parameters()) {
        assert_eq!(a.value(), b.value(), "{path}");
    }
}

#[test]
fn parts_of_batches_have_gradients_and_curves() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = trainer().data_parallel(2).callback(TensorBoard::new(folder.path()));
    trainer.fit(&data, fit()).unwrap();
    let train = folder.path().join("train");
    assert_eq!(steps(&train, "gradients/conv.weight"), [1, 2, 3]);
    assert_eq!(steps(&train, "epoch/loss"), [1, 2, 3]);
}

#[test]
fn a_second_fit_goes_on_in_the_same_run() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = trainer().callback(TensorBoard::new(folder.path()));
    trainer.fit(&data, fit()).unwrap();
    trainer.fit(&data, fit().initial_epoch(3).epochs(5)).unwrap();
    let train = folder.path().join("train");
    assert_eq!(steps(&train, "epoch/loss"), [1, 2, 3, 4, 5]);
    assert_eq!(steps(&train, "weights/out.bias"), [0, 1, 2, 3, 4, 5]);
}

/// Cargo builds examples beside tests: target/<profile>/deps and target/<profile>/examples.
#[test]
fn the_network_of_digits_writes_everything_that_it_promises() {
    let deps = std::env::current_exe().unwrap();
    let profile = deps.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(format!("mnist_cnn{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is missing: build the examples first, `cargo build --examples`",
        program.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(program);
    command.env_remove("MNIST_DIR").env("XDG_CACHE_HOME", folder.path()).env("HOME", folder.path());
    command.env("LOCALAPPDATA", folder.path()).current_dir(folder.path());
    command.args(["--epochs", "1", "--channels", "2", "--tensorboard", "runs/digits"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("tensorboard --logdir runs/digits"), "{text}");
    let all = tags(&folder.path().join("runs/digits/train"));
    for tag in ["epoch/loss", "epoch/accuracy", "batch/loss", "weights/conv1.weight", "gradients/out.bias"] {
        assert!(all.iter().any(|found| found == tag), "{tag} is not among {all:?}");
    }
    for tag in ["filters/conv1.weight", "activations/conv1", "update_ratio/hidden.weight", "model/layers"] {
        assert!(all.iter().any(|found| found == tag), "{tag} is not among {all:?}");
    }
    assert_eq!(steps(&folder.path().join("runs/digits/validation"), "epoch/accuracy"), [1]);
    assert!(
        graph(&folder.path().join("runs/digits/train"))
            .node
            .iter()
            .any(|node| node.name == "max_pool2d-2/max_pool2d")
    );
}
