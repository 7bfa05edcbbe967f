//! Every layer checked numerically, to second order, by its inputs and by its parameters; and what holds
//! for all of them: both number types, empty batches, places on the tape.

use wengert_nn::prelude::*;
use wengert_nn::wengert::{Float, GradCheck};

fn uniform(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, -1.0, 1.0, &mut seeded(seed))
}

/// Checks `f` of the inputs, and of all parameters of `module` at random values.
fn check_with<F>(name: &str, module: &dyn Module<f64>, inputs: &[Tensor<f64>], f: F)
where
    F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
{
    let parameters = module.parameters();
    let trained: Vec<&Parameter<f64>> =
        parameters.iter().map(|&(_, parameter)| parameter).filter(|p| p.is_trainable()).collect();
    let mut all = inputs.to_vec();
    all.extend(trained.iter().enumerate().map(|(i, p)| uniform(p.value().shape(), 100 + i as u64)));
    let report = GradCheck::new().check(
        |v| {
            let own = &v[inputs.len()..];
            trained.iter().zip(own).for_each(|(parameter, &var)| var.tape().substitute(parameter, var));
            f(&v[..inputs.len()])
        },
        &all,
    );
    report.unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn check(name: &str, layer: impl Layer<f64>, shape: &[usize]) {
    check_with(name, &layer, &[uniform(shape, 1)], |v| layer.forward(v[0]));
}

#[test]
fn dense_bilinear_and_prelu() {
    let rng = &mut seeded(0);
    check("dense", Dense::new(3, 2, rng), &[4, 3]);
    check("dense without bias", Dense::without_bias(3, 2, rng), &[2, 2, 3]);
    check("prelu", Prelu::new(), &[2, 3]);
    check("prelu of channels", Prelu::of_channels(3), &[2, 3, 2]);
    let layer = Bilinear::new(2, 3, 2, rng);
    check_with("bilinear", &layer, &[uniform(&[4, 2], 1), uniform(&[4, 3], 2)], |v| {
        layer.forward(v[0], v[1])
    });
}

#[test]
fn convolutions() {
    let rng = &mut seeded(0);
    check("conv1d", Conv1d::new(2, 3, 3, rng).padding(1).stride(2), &[2, 2, 6]);
    check("conv1d without bias", Conv1d::without_bias(2, 2, 2, rng).dilation(2), &[1, 2, 5]);
    check("conv2d", Conv2d::new(2, 2, [2, 3], rng).padding([1, 0]).stride([1, 2]), &[2, 2, 3, 5]);
    check("conv2d in groups", Conv2d::new(4, 2, 2, rng).groups(2, rng), &[1, 4, 3, 3]);
    let transposed = ConvTranspose2d::new(2, 3, 3, rng).stride(2).padding(1).output_padding(1);
    check("conv_transpose2d", transposed, &[1, 2, 3, 2]);
    check("conv_transpose2d in groups", ConvTranspose2d::new(2, 4, 2, rng).groups(2, rng), &[1, 2, 2, 2]);
}

#[test]
fn images_and_shapes() {
    check("max_pool2d", MaxPool2d::new(2), &[1, 2, 4, 4]);
    check("avg_pool2d", AvgPool2d::new(3).stride(2).padding(1), &[1, 2, 4, 5]);
    check("global_avg_pool2d", GlobalAvgPool2d, &[2, 2, 3, 2]);
    check("global_max_pool2d", GlobalMaxPool2d, &[2, 2, 3, 2]);
    check("adaptive_avg_pool2d", AdaptiveAvgPool2d::new([2, 3]), &[1, 2, 3, 4]);
    check("upsample nearest", Upsample::nearest(2), &[1, 2, 2, 2]);
    check("upsample bilinear", Upsample::bilinear([2, 3]), &[1, 2, 2, 2]);
    check("upsample aligned", Upsample::bilinear(2).align_corners(), &[1, 1, 3, 2]);
    check("max_pool1d", MaxPool1d::new(3).stride(2).padding(1), &[2, 2, 6]);
    check("avg_pool1d", AvgPool1d::new(2), &[2, 5]);
    check("lambda", Lambda::new(|x| x * x.tanh()), &[2, 3]);
    check("flatten", Flatten, &[2, 3, 2]);
    check("reshape", Reshape::new(&[3, 2]), &[2, 6]);
}

#[test]
fn normalisations() {
    check("batch_norm1d", BatchNorm1d::new(2), &[5, 2]);
    check("batch_norm1d of sequences", BatchNorm1d::new(2), &[2, 2, 3]);
    check("batch_norm2d", BatchNorm2d::new(2).without_affine(), &[2, 2, 2, 2]);
    check("layer_norm", LayerNorm::new(4), &[3, 4]);
    check("layer_norm over two axes", LayerNorm::over(&[2, 3]).without_bias(), &[2, 2, 3]);
    check("layer_norm alone", LayerNorm::new(4).without_affine(), &[2, 4]);
    check("rms_norm", RmsNorm::new(4), &[3, 4]);
    check("group_norm", GroupNorm::new(2, 4), &[2, 4, 2]);
    check("group_norm alone", GroupNorm::new(1, 2).without_affine(), &[2, 2, 2, 2]);
}

#[test]
fn recurrent_networks() {
    let rng = &mut seeded(0);
    let both = RecurrentOptions::new().layers(2).bidirectional(true);
    check("rnn", Rnn::with_options(2, 2, both, rng), &[2, 3, 2]);
    let bare = RecurrentOptions::new().bias(false).batch_first(false).return_sequences(false);
    check("lstm", Lstm::with_options(2, 2, bare, rng), &[3, 2, 2]);
    let gru = Gru::with_options(2, 2, RecurrentOptions::new().bidirectional(true), rng);
    let inputs = [uniform(&[3, 4, 2], 1), uniform(&[2, 3, 2], 2)];
    check_with("gru of lengths", &gru, &inputs[..1], |v| {
        let states = gru.states_of_lengths(v[0], &[2, 4, 1]);
        v[0].tape().concat(&[states.outputs.flatten(), states.hidden.flatten()], 0)
    });
    check_with("gru from a state", &gru, &inputs, |v| gru.states_from(v[0], v[1]).outputs);
    let lstm = Lstm::with_options(2, 2, RecurrentOptions::new().layers(2), rng);
    check_with("lstm of lengths", &lstm, &inputs[..1], |v| {
        let states = lstm.states_of_lengths(v[0], &[4, 1, 3]);
        let all = [states.outputs, states.hidden, states.cell.expect("an LSTM has one")];
        v[0].tape().concat(&all.map(Var::flatten), 0)
    });
}

#[test]
fn attention_and_transformers() {
    let rng = &mut seeded(0);
    check("attention", MultiHeadAttention::new(4, 2, rng).causal(true), &[2, 3, 4]);
    let heads = MultiHeadAttention::without_bias(4, 2, rng);
    let inputs = [uniform(&[2, 3, 4], 1), uniform(&[2, 2, 4], 2), uniform(&[2, 2, 4], 3)];
    check_with("attention to others", &heads, &inputs, |v| {
        heads.attend(v[0], v[1], v[2], AttentionOptions::new())
    });
    let encoder = TransformerEncoderLayer::new(4, 2, 3, rng).dropout(0.0).activation(Activation::Gelu);
    check("encoder", TransformerEncoder::new([encoder.norm_first(true)]).norm(LayerNorm::new(4)), &[1, 2, 4]);
    let decoder = TransformerDecoderLayer::new(4, 2, 3, rng).dropout(0.0).activation(Activation::Silu);
    let decoder = TransformerDecoder::new([decoder.causal(true)]);
    check_with("decoder", &decoder, &[uniform(&[1, 2, 4], 1), uniform(&[1, 3, 4], 2)], |v| {
        decoder.forward(v[0], v[1])
    });
}

#[test]
fn tokens_and_positions() {
    let rng = &mut seeded(0);
    check("positions, learned", PositionalEncoding::learned(5, 2, rng), &[2, 3, 2]);
    check("positions, sines", PositionalEncoding::sinusoidal(5, 3), &[2, 3]);
    let words = Embedding::new(4, 2, rng).then(Dense::new(2, 2, rng));
    check_with("embedding", &words, &[uniform(&[1], 1)], |v| {
        words.forward(v[0].tape(), &tensor![[0usize, 3], [3, 1]]) * v[0]
    });
}

#[test]
fn a_padding_token_is_zero_at_first_and_never_trained() {
    let words = Embedding::<f64>::new(3, 2, &mut seeded(0)).padding(1);
    let tape = GradientTape::new();
    let y = words.forward(&tape, &tensor![[0usize, 1], [1, 2]]);
    assert_eq!(y.value().as_slice()[2..6], [0.0; 4]);
    let grads = y.sum().backward();
    assert_eq!(grads.wrt(words.weight()), &tensor![[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]);
}

#[test]
fn containers_and_activations() {
    let rng = &mut seeded(0);
    let wider = Residual::new(Dense::new(2, 3, rng)).shortcut(Dense::without_bias(2, 3, rng));
    check("residual", Sequential::new().layer(Residual::new(Tanh)).layer(wider), &[2, 2]);
    let all: Vec<(&str, Box<dyn Layer<f64>>)> = vec![
        ("relu", Box::new(Relu)),
        ("relu6", Box::new(Relu6)),
        ("leaky_relu", Box::new(LeakyRelu::new(0.2))),
        ("elu", Box::new(Elu::default())),
        ("selu", Box::new(Selu)),
        ("gelu", Box::new(Gelu)),
        ("gelu_tanh", Box::new(GeluTanh)),
        ("silu", Box::new(Silu)),
        ("mish", Box::new(Mish)),
        ("softplus", Box::new(Softplus)),
        ("softsign", Box::new(Softsign)),
        ("sigmoid", Box::new(Sigmoid)),
        ("log_sigmoid", Box::new(LogSigmoid)),
        ("tanh", Box::new(Tanh)),
        ("hard_sigmoid", Box::new(HardSigmoid)),
        ("hard_swish", Box::new(HardSwish)),
        ("hard_tanh", Box::new(HardTanh)),
        ("softmax", Box::new(Softmax)),
        ("log_softmax", Box::new(LogSoftmax)),
    ];
    for (name, layer) in all {
        check(name, layer, &[2, 3]);
    }
}

/// Name, layer, and the shape of one example.
type Row<T> = (&'static str, Box<dyn Layer<T>>, Vec<usize>);

/// Layers that map a tensor.
fn layers<T: Float>() -> Vec<Row<T>> {
    let rng = &mut seeded(3);
    let both = RecurrentOptions::new().layers(2).bidirectional(true);
    vec![
        ("dense", Box::new(Dense::new(3, 2, rng)), vec![3]),
        ("conv1d", Box::new(Conv1d::new(2, 3, 3, rng)), vec![2, 5]),
        ("conv2d", Box::new(Conv2d::new(2, 3, 3, rng)), vec![2, 5, 4]),
        ("conv_transpose2d", Box::new(ConvTranspose2d::new(2, 3, 3, rng)), vec![2, 3, 3]),
        ("max_pool2d", Box::new(MaxPool2d::new(2)), vec![2, 4, 4]),
        ("avg_pool2d", Box::new(AvgPool2d::new(2)), vec![2, 4, 4]),
        ("global_avg_pool2d", Box::new(GlobalAvgPool2d), vec![2, 4, 4]),
        ("adaptive_avg_pool2d", Box::new(AdaptiveAvgPool2d::new(2)), vec![2, 4, 4]),
        ("flatten", Box::new(Flatten), vec![2, 4]),
        ("reshape", Box::new(Reshape::new(&[4, 2])), vec![2, 4]),
        ("nearest", Box::new(Upsample::nearest(2)), vec![2, 2, 2]),
        ("bilinear", Box::new(Upsample::bilinear(2)), vec![2, 2, 2]),
        ("dropout", Box::new(Dropout::new(0.5)), vec![3]),
        ("batch_norm1d", Box::new(BatchNorm1d::new(3)), vec![3]),
        ("batch_norm2d", Box::new(BatchNorm2d::new(3)), vec![3, 2, 2]),
        ("layer_norm", Box::new(LayerNorm::new(3)), vec![2, 3]),
        ("rms_norm", Box::new(RmsNorm::new(3)), vec![3]),
        ("group_norm", Box::new(GroupNorm::new(2, 4)), vec![4, 2]),
        ("rnn", Box::new(Rnn::with_options(3, 2, both, rng)), vec![4, 3]),
        ("lstm", Box::new(Lstm::with_options(3, 2, both, rng)), vec![4, 3]),
        ("gru", Box::new(Gru::with_options(3, 2, both, rng)), vec![4, 3]),
        ("attention", Box::new(MultiHeadAttention::new(4, 2, rng)), vec![3, 4]),
        ("encoder", Box::new(TransformerEncoderLayer::new(4, 2, 8, rng)), vec![3, 4]),
        ("positions", Box::new(PositionalEncoding::sinusoidal(9, 4)), vec![3, 4]),
        ("prelu", Box::new(Prelu::of_channels(3)), vec![3]),
        ("residual", Box::new(Residual::new(Dense::new(3, 3, rng))), vec![3]),
        ("relu", Box::new(Relu), vec![3]),
    ]
}

#[test]
fn an_empty_batch_gives_an_empty_batch() {
    for (name, layer, example) in layers::<f64>() {
        for training in [true, false] {
            let tape = GradientTape::new();
            tape.set_training(training);
            let shape: Vec<usize> = [0].into_iter().chain(example.clone()).collect();
            let x = tape.var(Tensor::zeros(&shape));
            let y = layer.forward(x);
            assert_eq!(y.shape()[0], 0, "{name}");
            let grads = y.sum().backward();
            for (_, parameter) in layer.parameters().into_iter().filter(|(_, p)| p.is_trainable()) {
                let gradient = grads.wrt(parameter).as_slice();
                assert!(gradient.iter().all(|&g| g == 0.0), "{name}: {gradient:?}");
            }
        }
    }
}

#[test]
fn both_number_types_give_the_same_to_single_precision() {
    for ((name, single, example), (_, double, _)) in layers::<f32>().into_iter().zip(layers::<f64>()) {
        let shape: Vec<usize> = [4].into_iter().chain(example).collect();
        let x = uniform(&shape, 5);
        let (a, b) = (GradientTape::<f32>::new(), GradientTape::<f64>::new());
        a.set_training(false);
        b.set_training(false);
        // Drawn from the same stream, single precision has other first values.
        double.parameters().iter().zip(single.parameters()).for_each(|((_, to), (_, from))| {
            b.substitute(to, b.constant(from.value().cast::<f64>()));
        });
        let (y, z) = (single.forward(a.constant(x.cast::<f32>())), double.forward(b.constant(&x)));
        let (y, z) = (y.value().cast::<f64>(), z.value());
        assert_eq!(y.shape(), z.shape());
        let close = |(y, z): (&f64, &f64)| (y - z).abs() < 1e-5 * z.abs().max(1.0);
        assert!(y.as_slice().iter().zip(z.as_slice()).all(close), "{name}");
    }
}

#[test]
fn every_operation_is_at_the_line_that_called_the_layer() {
    for (name, layer, example) in layers::<f32>() {
        let shape: Vec<usize> = [2].into_iter().chain(example).collect();
        let tape = GradientTape::new();
        let x = tape.constant(Tensor::ones(&shape));
        let place = format!("layer_gradients.rs:{}", line!() + 1);
        layer.forward(x);
        for printed in tape.to_string().lines().skip(1) {
            assert!(printed.ends_with(&place), "{name}: {printed}");
        }
    }
}
