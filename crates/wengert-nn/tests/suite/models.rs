//! Whole models of several kinds of layers, trained until they have learnt what there is to learn.

use wengert_nn::datasets::TensorDataset;
use wengert_nn::prelude::*;

/// Steps of Adam on one batch; the losses.
fn train<M: Model<f32>>(
    model: &mut M,
    steps: usize,
    rate: f64,
    loss: impl for<'t> Fn(&M, &'t GradientTape<f32>) -> Var<'t>,
) -> Vec<f32> {
    let mut optimizer = Adam::new(rate);
    let mut tape = GradientTape::new();
    let mut losses = Vec::new();
    for _ in 0..steps {
        let value = loss(model, &tape);
        losses.push(value.item());
        let grads = value.backward();
        tape.reset();
        optimizer.step(model, &grads).unwrap();
    }
    losses
}

#[test]
fn a_convolutional_network_with_norms_and_dropout_tells_bars_apart() {
    let rng = &mut seeded(0);
    let block = Sequential::new()
        .named("conv", Conv2d::without_bias(8, 8, 3, rng).padding(1))
        .named("norm", BatchNorm2d::new(8))
        .layer(Relu);
    let mut model: Sequential = Sequential::new()
        .named("stem", Conv2d::new(1, 8, 3, rng).padding(1))
        .named("block", Residual::new(block))
        .layer(MaxPool2d::new(2))
        .layer(Dropout::new(0.1))
        .layer(GlobalAvgPool2d)
        .named("classes", Dense::new(8, 2, rng));
    // Rows or columns of ones, at one of six places.
    let images = Tensor::from_fn(&[12, 1, 6, 6], |at| {
        let (kind, place) = (at[0] % 2, at[0] / 2);
        if at[2 + kind] == place { 1.0 } else { 0.0 }
    });
    let labels: Tensor<usize> = (0..12).map(|i| i % 2).collect::<Vec<_>>().into();
    let losses = train(&mut model, 120, 0.02, |model, tape| {
        model.forward(tape.constant(&images)).cross_entropy(&labels)
    });
    assert!(losses[0] > 0.3 && losses[119] < 0.05, "{} to {}", losses[0], losses[119]);
    // In use, by running statistics.
    let tape = GradientTape::new();
    tape.set_training(false);
    let logits = model.forward(tape.constant(&images));
    assert_eq!(logits.argmax(-1), labels);
}

#[test]
fn a_recurrent_model_of_tokens_is_trained_by_a_trainer() {
    let rng = &mut seeded(0);
    let last = RecurrentOptions::new().bidirectional(true).return_sequences(false);
    let model: Embedded = Embedding::new(4, 6, rng).then(
        Sequential::new()
            .named("lstm", Lstm::with_options(6, 8, last, rng))
            .named("classes", Dense::new(16, 2, rng)),
    );
    // Is the first token the last one, too?
    let tokens = Tensor::from_fn(&[64, 3], |at| at[0] / 4usize.pow(at[1] as u32) % 4);
    let labels: Vec<usize> = (0..64).map(|i| (i % 4 == i / 16) as usize).collect();
    let data = TensorDataset::new(tokens, labels.into()).unwrap();
    let loss = SparseCategoricalCrossEntropy::from_logits();
    let mut trainer = Trainer::new(model, Adam::new(0.02), loss).metric(Accuracy::new());
    trainer.fit(&data, FitOptions::new().epochs(150).batch_size(16)).unwrap();
    assert_eq!(trainer.evaluate(&data).unwrap().metric("accuracy"), Some(1.0));
    let names: Vec<String> = trainer.model().parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..2], ["embedding.weight", "layers.lstm.weight_ih_l0"]);
}

#[test]
fn a_transformer_learns_to_turn_sequences_round() {
    #[derive(Module)]
    struct Turner {
        embedding: Embedding,
        positions: PositionalEncoding,
        encoder: TransformerEncoder,
        out: Dense,
    }
    impl Model for Turner {
        type Input = Tensor<usize>;
        fn output<'t>(&self, tape: &'t GradientTape, tokens: &Tensor<usize>) -> Var<'t> {
            let x = self.positions.forward(self.embedding.forward(tape, tokens));
            self.out.forward(self.encoder.forward(x)).reshape(&[tokens.len(), 5])
        }
    }
    let rng = &mut seeded(0);
    let blocks = (0..1).map(|_| TransformerEncoderLayer::new(16, 2, 32, rng).norm_first(true).dropout(0.0));
    let encoder = TransformerEncoder::new(blocks).norm(LayerNorm::new(16));
    let mut model = Turner {
        embedding: Embedding::new(5, 16, rng),
        positions: PositionalEncoding::learned(4, 16, rng),
        encoder,
        out: Dense::new(16, 5, rng),
    };
    let tokens = Tensor::from_fn(&[32, 4], |at| (at[0] * 7 + at[0] / 5 * at[1] + at[1] * at[1]) % 5);
    let turned = Tensor::from_fn(&[128], |at| tokens.get(&[at[0] / 4, 3 - at[0] % 4]).unwrap());
    let losses =
        train(&mut model, 150, 0.01, |model, tape| model.output(tape, &tokens).cross_entropy(&turned));
    assert!(losses[0] > 1.2 && losses[149] < 0.1, "{} to {}", losses[0], losses[149]);
    let summary = wengert_nn::Summary::of(&model, &tokens);
    assert_eq!(summary.layers[0].path, "embedding");
    assert_eq!(summary.trainable, model.parameter_count());
}
