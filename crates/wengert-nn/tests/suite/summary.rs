//! Summaries and activations: what a model says of its layers, named by where they are.

use wengert_nn::prelude::*;
use wengert_nn::{LayerSummary, Summary};

/// Path, kind, depth and number of parameters of each row.
fn rows(summary: &Summary) -> Vec<(&str, &str, usize, usize)> {
    let row = |layer: &LayerSummary| layer.parameters;
    summary.layers.iter().map(|l| (l.path.as_str(), l.kind, l.depth, row(l))).collect()
}

#[derive(Module)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm2d,
    scale: Parameter,
}

impl Forward for Block {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let y = MaxPool2d::new(2).forward(Relu.forward(self.norm.forward(self.conv.forward(x))));
        y * x.tape().parameter(&self.scale)
    }
}

#[derive(Module)]
struct Network {
    blocks: Vec<Block>,
    head: Sequential,
}

impl Forward for Network {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.head.forward(self.blocks.forward(x))
    }
}

fn network() -> Network {
    let rng = &mut seeded(0);
    let mut block = |inputs, outputs| Block {
        conv: Conv2d::new(inputs, outputs, 3, rng).padding(1),
        norm: BatchNorm2d::new(outputs),
        scale: Parameter::new(Tensor::scalar(1.0)),
    };
    let blocks = vec![block(1, 4), block(4, 8)];
    let head = Sequential::new().layer(Flatten).named("classes", Dense::new(8 * 2 * 2, 10, rng));
    Network { blocks, head }
}

#[test]
fn a_derived_model_is_shown_by_its_fields() {
    let model = network();
    let summary = model.summary(&[0, 1, 8, 8]);
    assert_eq!(
        rows(&summary),
        [
            ("blocks.0.conv", "conv2d", 0, 40),
            ("blocks.0.norm", "batch_norm2d", 0, 8),
            ("relu", "relu", 0, 0),
            ("max_pool2d", "max_pool2d", 0, 0),
            ("blocks.1.conv", "conv2d", 0, 296),
            ("blocks.1.norm", "batch_norm2d", 0, 16),
            ("relu#2", "relu", 0, 0),
            ("max_pool2d#2", "max_pool2d", 0, 0),
            ("head", "sequential", 0, 0),
            ("head.0", "flatten", 1, 0),
            ("head.classes", "dense", 1, 330),
            ("", "not in a layer", 0, 2),
        ]
    );
    assert_eq!(summary.layers[4].output, [None, Some(8), Some(4), Some(4)]);
    assert_eq!((summary.trainable, summary.not_trainable, summary.state), (692, 0, 8 + 16 + 2));
    assert_eq!(model.parameter_count(), 692);
    assert_eq!(summary.bytes, 4 * (692 + 26));
}

#[test]
fn the_table_is_for_reading() {
    let mut model = network();
    model.blocks[0].conv.set_trainable(false);
    let expected = "\
layer           kind            output        parameters
blocks.0.conv   conv2d          [3, 4, 8, 8]          40
blocks.0.norm   batch_norm2d    [3, 4, 8, 8]           8
relu            relu            [3, 4, 8, 8]           0
max_pool2d      max_pool2d      [3, 4, 4, 4]           0
blocks.1.conv   conv2d          [3, 8, 4, 4]         296
blocks.1.norm   batch_norm2d    [3, 8, 4, 4]          16
relu#2          relu            [3, 8, 4, 4]           0
max_pool2d#2    max_pool2d      [3, 8, 2, 2]           0
head            sequential      [3, 10]                0
  head.0        flatten         [3, 32]                0
  head.classes  dense           [3, 10]              330
                not in a layer                         2

parameters: 692 (2.80 KiB), of which 652 trainable, 40 not trainable
state: 26 numbers
";
    assert_eq!(model.summary(&[3, 1, 8, 8]).to_string(), expected);
}

#[test]
fn blocks_of_the_library_show_their_parts() {
    let rng = &mut seeded(0);
    let blocks = (0..2).map(|_| TransformerEncoderLayer::new(4, 2, 8, rng));
    let encoder: TransformerEncoder = TransformerEncoder::new(blocks);
    let model: Sequential = Sequential::new().named("encoder", encoder).layer(Dense::new(4, 2, rng));
    let summary = model.summary(&[0, 3, 4]);
    let paths: Vec<&str> = summary.layers.iter().map(|layer| layer.path.as_str()).collect();
    let mut expected = vec!["encoder".to_string()];
    for i in 0..2 {
        expected.push(format!("encoder.layers.{i}"));
        for part in ["self_attn", "self_attn.out_proj", "norm1", "linear1", "linear2", "norm2"] {
            expected.push(format!("encoder.layers.{i}.{part}"));
        }
    }
    expected.push("1".into());
    assert_eq!(paths, expected);
    let attention = &summary.layers[2];
    assert_eq!((attention.depth, attention.parameters), (2, 3 * 4 * 4 + 3 * 4));
    assert_eq!(summary.trainable, model.parameter_count());
    let own: usize = summary.layers.iter().map(|layer| layer.parameters).sum();
    assert_eq!(own, model.parameter_count());
}

#[test]
fn a_layer_in_two_places_counts_once() {
    #[derive(Module)]
    struct Twice {
        dense: Dense,
    }
    impl Forward for Twice {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.dense.forward(self.dense.forward(x))
        }
    }
    let summary = Twice { dense: Dense::new(2, 2, &mut seeded(0)) }.summary(&[1, 2]);
    assert_eq!(rows(&summary), [("dense", "dense", 0, 6), ("dense#2", "dense", 0, 0)]);
    assert_eq!(summary.trainable, 6);
}

#[test]
fn activations_are_what_layers_give_in_evaluation() {
    let model = network();
    let x = Tensor::uniform(&[2, 1, 8, 8], 0.0, 1.0, &mut seeded(1));
    let of = |name: &str| model.activations(&x, name).unwrap();
    let tape = GradientTape::new();
    tape.set_training(false);
    let y = model.blocks[0].conv.forward(tape.constant(&x));
    assert_eq!(of("blocks.0.conv"), y.value());
    assert_eq!(of("blocks/0/norm"), model.blocks[0].norm.forward(y).value());
    assert_eq!(of("head.classes"), model.forward(tape.constant(&x)).value());
    assert_eq!(of("relu#2").shape()[..], [2, 8, 4, 4]);
    let error = model.activations(&x, "blocks.0").unwrap_err();
    assert_eq!(error.known.len(), 11);
    assert!(error.to_string().starts_with(
        "the model called no layer `blocks.0`; it called blocks.0.conv, blocks.0.norm, relu, max_pool2d"
    ));
}

#[test]
fn scopes_on_the_tape_are_paths_of_the_model_after_a_step() {
    #[derive(Module)]
    struct Mlp {
        hidden: Dense,
        out: Sequential,
    }
    impl Forward for Mlp {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.out.forward(self.hidden.forward(x))
        }
    }
    let rng = &mut seeded(0);
    let out = Sequential::new().layer(Relu).named("last", Dense::new(3, 2, rng));
    let mut model = Mlp { hidden: Dense::new(2, 3, rng), out };
    let scopes = |model: &Mlp| {
        let tape = GradientTape::new();
        let y = model.forward(tape.constant(Tensor::ones(&[1, 2])));
        let calls: Vec<String> = tape.layer_calls().into_iter().map(|call| call.path).collect();
        (calls, tape.scope_of(y.id()))
    };
    let paths = |all: &[&str]| all.iter().map(|path| path.to_string()).collect::<Vec<_>>();
    assert_eq!(scopes(&model), (paths(&["dense", "0", "last"]), "last".into()));
    let tape = GradientTape::new();
    let grads = model.forward(tape.constant(Tensor::ones(&[1, 2]))).sum().backward();
    Sgd::new(0.1).step(&mut model, &grads).unwrap();
    assert_eq!(scopes(&model), (paths(&["hidden", "out", "out.0", "out.last"]), "out/last".into()));
}
