//! Layers and initialisers from outside: values, names, scopes and places on the tape.

use crate::common::{bits, weights};
use wengert_nn::layers::*;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

fn output<T: Float>(layer: &impl Forward<T>, x: Tensor<T>) -> Tensor<T> {
    layer.forward(GradientTape::new().constant(x)).value()
}

#[test]
fn activations_are_their_functions() {
    let x = tensor![[-1.5, 0.0, 2.0]];
    assert_eq!(output(&Relu, x.clone()), tensor![[0.0, 0.0, 2.0]]);
    let close = |layer: &dyn Layer<f64>, f: &dyn Fn(f64) -> f64| {
        let found = layer.forward(GradientTape::new().constant(&x)).value();
        let all = found.as_slice().iter().zip(x.as_slice());
        all.for_each(|(y, &x)| assert!((y - f(x)).abs() < 1e-15, "{y} at {x}"));
    };
    close(&Sigmoid, &|x| 1.0 / (1.0 + (-x).exp()));
    close(&Tanh, &f64::tanh);
    let sum = (-1.5f64).exp() + 1.0 + 2f64.exp();
    close(&Softmax, &|x| x.exp() / sum);
    close(&LogSoftmax, &|x| x - sum.ln());
}

#[test]
fn dense_works_over_the_last_axis_of_any_number() {
    let layer: Dense<f64> = Dense::new(3, 2, &mut seeded(1));
    let x = Tensor::uniform(&[4, 5, 3], -1.0, 1.0, &mut seeded(2));
    let y = output(&layer, x.clone());
    assert_eq!(y.shape()[..], [4, 5, 2]);
    let flat = output(&layer, x.reshape(&[20, 3]).unwrap());
    assert_eq!(y.reshape(&[20, 2]).unwrap(), flat);
    let one = output(&layer, x.reshape(&[60]).unwrap().as_slice()[..3].to_vec().into());
    assert_eq!(one.shape()[..], [2]);
    let row = flat.as_slice()[..2].iter().zip(one.as_slice());
    row.for_each(|(a, b): (&f64, &f64)| assert!((a - b).abs() < 1e-15));
}

#[test]
fn dense_without_bias_has_one_parameter_and_maps_zero_to_zero() {
    let layer: Dense = Dense::without_bias(3, 2, &mut seeded(1));
    assert!(layer.bias().is_none());
    assert_eq!(layer.parameter_count(), 6);
    assert_eq!(output(&layer, Tensor::zeros(&[1, 3])), tensor![[0.0, 0.0]]);
}

#[test]
fn dense_starts_glorot_uniform_and_zero_and_may_start_otherwise() {
    let layer: Dense = Dense::new(3, 2, &mut seeded(1));
    let expected: Tensor<f32> = Init::GlorotUniform.tensor(&[2, 3], &mut seeded(1));
    assert_eq!(layer.weight().value(), &expected);
    assert_eq!(layer.bias().unwrap().value(), &tensor![0.0, 0.0]);
    let layer = layer.weight_init(Init::Constant(0.5), &mut seeded(1));
    assert_eq!(layer.weight().value(), &Tensor::full(&[2, 3], 0.5));
    assert_eq!(layer.parameter_count(), 8);
}

#[test]
#[should_panic(expected = "Dense 3 -> 2: expected [.., 3], got [4, 5]")]
fn inputs_of_another_length_are_named() {
    output(&Dense::<f32>::new(3, 2, &mut seeded(1)), Tensor::zeros(&[4, 5]));
}

#[test]
#[should_panic(expected = "Dense 3 -> 2: expected [.., 3], got []")]
fn a_scalar_input_is_named() {
    output(&Dense::<f32>::new(3, 2, &mut seeded(1)), Tensor::scalar(1.0));
}

#[test]
fn sequential_is_its_layers_one_after_the_other() {
    let mut rng = seeded(1);
    let (a, b): (Dense, Dense) = (Dense::new(3, 4, &mut rng), Dense::new(4, 2, &mut rng));
    let x = Tensor::uniform(&[5, 3], -1.0, 1.0, &mut rng);
    let by_hand = output(&b, output(&Tanh, output(&a, x.clone())));
    let model: Sequential = Sequential::new().layer(a).layer(Tanh).layer(b);
    assert_eq!(bits(&output(&model, x)), bits(&by_hand));
    assert_eq!((model.len(), model.is_empty()), (3, false));
}

#[test]
fn sequential_without_layers_gives_its_input() {
    let model = Sequential::<f64>::new();
    assert!(model.is_empty() && model.parameters().is_empty());
    assert_eq!(output(&model, tensor![1.0, 2.0]), tensor![1.0, 2.0]);
}

#[test]
fn layers_of_a_sequential_are_found_and_listed_by_name() {
    let model: Sequential = Sequential::new().named("hidden", Dense::new(3, 2, &mut seeded(0))).layer(Relu);
    assert_eq!(format!("{model:?}"), r#"Sequential ["hidden", "1"]"#);
    assert_eq!(model.get("hidden").map(|layer| layer.parameter_count()), Some(8));
    assert!(model.get("2").is_none());
}

#[test]
fn lists_and_options_of_layers_are_layers() {
    let rng = &mut seeded(1);
    let layers: Vec<Dense<f64>> = vec![Dense::new(3, 4, rng), Dense::new(4, 2, rng)];
    let x = Tensor::uniform(&[5, 3], -1.0, 1.0, rng);
    let by_hand = output(&layers[1], output(&layers[0], x.clone()));
    assert_eq!(bits(&output(&layers, x.clone())), bits(&by_hand));
    assert_eq!(bits(&output(&Some(Box::new(layers)), x.clone())), bits(&by_hand));
    assert_eq!(output(&None::<Dense<f64>>, x.clone()), x);
    let boxed: [Box<dyn Layer<f64>>; 2] = [Box::new(Tanh), Box::new(Flatten)];
    assert_eq!(output(&boxed, x.clone()), x.tanh());
}

/// Names of layers are scopes, one in the other, and every node has the line that called the model.
#[test]
fn sequential_prints_its_scopes_on_the_tape() {
    let mut rng = seeded(0);
    let encoder: Sequential = Sequential::new().named("hidden", Dense::new(3, 4, &mut rng)).layer(Relu);
    let model: Sequential = Sequential::new().named("encoder", encoder).layer(Dense::new(4, 2, &mut rng));
    let names: Vec<String> = model.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["encoder.hidden.weight", "encoder.hidden.bias", "1.weight", "1.bias"]);

    let tape = GradientTape::new();
    let before = line!() + 1;
    let x = tape.constant(Tensor::ones(&[5, 3]));
    let line = line!() + 1;
    model.forward(x);
    assert_eq!(
        tape.to_string(),
        format!(
            "\
%0 = constant            f32[5, 3]                    layers.rs:{before}
%1 = parameter           f32[4, 3]   encoder/hidden   layers.rs:{line}
%2 = parameter           f32[4]      encoder/hidden   layers.rs:{line}
%3 = linear %0, %1, %2   f32[5, 4]   encoder/hidden   layers.rs:{line}
%4 = relu %3             f32[5, 4]   encoder/1        layers.rs:{line}
%5 = parameter           f32[2, 4]   1                layers.rs:{line}
%6 = parameter           f32[2]      1                layers.rs:{line}
%7 = linear %4, %5, %6   f32[5, 2]   1                layers.rs:{line}
"
        )
    );
}

#[test]
fn the_same_generator_state_gives_the_same_layer() {
    let layer = |seed| weights(&Dense::<f32>::new(3, 2, &mut seeded(seed)));
    assert_eq!(layer(1), layer(1));
    assert_ne!(layer(1), layer(2));
    let mut rng = seeded(1);
    let [first, second] = [0; 2].map(|_| weights(&Dense::<f32>::new(3, 2, &mut rng)));
    assert_ne!(first, second);
}

#[test]
fn constant_initialisers_fill_any_shape() {
    let rng = &mut seeded(0);
    assert_eq!(Init::Zeros.tensor::<f64>(&[2], rng), tensor![0.0, 0.0]);
    assert_eq!(Init::Ones.tensor::<f64>(&[2], rng), tensor![1.0, 1.0]);
    assert_eq!(Init::Constant(-0.5).tensor::<f64>(&[], rng), Tensor::scalar(-0.5));
}

#[test]
fn uniform_initialisers_stay_within_their_limits_and_reach_for_them() {
    for (init, limit) in
        [(Init::GlorotUniform, (6.0f64 / 50.0).sqrt()), (Init::HeUniform, (6.0f64 / 20.0).sqrt())]
    {
        let w: Tensor<f64> = init.tensor(&[30, 20], &mut seeded(4));
        let largest = w.as_slice().iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert!(largest <= limit && largest > 0.98 * limit, "{init:?}: {largest} of {limit}");
    }
}

#[test]
fn initialisers_of_empty_layers_are_empty_and_of_scalars_finite() {
    let random = [Init::GlorotUniform, Init::GlorotNormal, Init::HeUniform, Init::HeNormal];
    for init in random {
        assert!(init.tensor::<f32>(&[0, 5], &mut seeded(0)).is_empty());
        assert!(init.tensor::<f32>(&[5, 0], &mut seeded(0)).is_empty());
        assert!(init.tensor::<f32>(&[], &mut seeded(0)).item().is_finite());
    }
}
