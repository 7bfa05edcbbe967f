//! burn on its own CPU backend, flex, with its layers, losses and optimizers.

#![recursion_limit = "256"]

use burn::module::Module;
use burn::nn;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, RmsPropConfig, SgdConfig};
use burn::tensor::{Device, Distribution, FloatDType, Int, Tensor, TensorData, activation};
use harness::{BATCHES, MATMULS, MLP_BATCHES, Peer, Random, Unit, start, wanted};
use std::hint::black_box;

const BURN: Peer = Peer { name: "burn", version: "0.22.1" };

#[derive(Module, Debug)]
struct Mlp {
    hidden: nn::Linear,
    output: nn::Linear,
}

#[derive(Module, Debug)]
struct Cnn {
    first: nn::conv::Conv2d,
    second: nn::conv::Conv2d,
    output: nn::Linear,
}

#[derive(Module, Debug)]
struct Lstm {
    cell: nn::Lstm,
    output: nn::Linear,
}

#[derive(Module, Debug)]
struct Attention {
    project: nn::Linear,
    output: nn::Linear,
}

fn main() {
    let device = &Device::flex().autodiff();
    for (name, workload) in [
        ("mlp", mlp as fn(&Device)),
        ("cnn", cnn),
        ("lstm", lstm),
        ("scalar", scalar),
        ("small", small),
        ("elementwise", elementwise),
        ("attention", attention),
    ] {
        if wanted(name) {
            workload(device);
        }
    }
    let device = &Device::flex();
    for (name, m, k, n) in MATMULS {
        if wanted(name) {
            let (a, b): (Tensor<2>, Tensor<2>) = (normal([m, k], device), normal([k, n], device));
            BURN.measure(name, Unit::Gflops(2.0 * (m * k * n) as f64), || {
                black_box(a.clone().matmul(b.clone()));
            });
        }
    }
}

fn normal<const R: usize>(shape: [usize; R], device: &Device) -> Tensor<R> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// Steps over `count` random batches of this shape.
#[expect(clippy::too_many_arguments)]
fn train<M: Module, const R: usize>(
    workload: &str,
    device: &Device,
    count: usize,
    shape: [usize; R],
    mut model: M,
    mut optimizer: ModuleOptimizer,
    learning_rate: f64,
    forward: impl Fn(&M, Tensor<R>) -> Tensor<2>,
) {
    let loss = nn::loss::CrossEntropyLossConfig::new().init(device);
    let mut random = Random::default();
    let batches: Vec<(Tensor<R>, Tensor<1, Int>)> = (0..count)
        .map(|_| {
            let images = random.numbers(shape.iter().product());
            let labels: Vec<i64> = random.labels(shape[0]).into_iter().map(i64::from).collect();
            (
                Tensor::from_data(TensorData::new(images, shape), device),
                Tensor::from_data(TensorData::new(labels, [shape[0]]), device),
            )
        })
        .collect();
    let mut batches = batches.iter().cycle();
    BURN.train(workload, || {
        let (x, y) = batches.next().unwrap().clone();
        let loss = loss.forward(forward(&model, x), y);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(learning_rate, model.clone(), gradients);
        loss.into_data().try_to_vec::<f32>().unwrap()[0]
    });
}

fn mlp(device: &Device) {
    let model = Mlp {
        hidden: nn::LinearConfig::new(784, 512).init(device),
        output: nn::LinearConfig::new(512, 10).init(device),
    };
    let optimizer = RmsPropConfig::new().with_alpha(0.9).with_momentum(0.0).with_epsilon(1e-7).init();
    train("mlp", device, MLP_BATCHES, [128, 784], model, optimizer, 1e-3, |model, x| {
        model.output.forward(activation::relu(model.hidden.forward(x)))
    });
}

fn cnn(device: &Device) {
    let model = Cnn {
        first: nn::conv::Conv2dConfig::new([1, 32], [3, 3]).init(device),
        second: nn::conv::Conv2dConfig::new([32, 64], [3, 3]).init(device),
        output: nn::LinearConfig::new(1600, 10).init(device),
    };
    let pool = nn::pool::MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
    train("cnn", device, BATCHES, [64, 1, 28, 28], model, AdamConfig::new().init(), 1e-3, |model, x| {
        let x = pool.forward(activation::relu(model.first.forward(x)));
        let x = pool.forward(activation::relu(model.second.forward(x)));
        model.output.forward(x.flatten(1, 3))
    });
}

fn lstm(device: &Device) {
    let model = Lstm {
        cell: nn::LstmConfig::new(64, 128, true).init(device),
        output: nn::LinearConfig::new(128, 10).init(device),
    };
    train("lstm", device, BATCHES, [32, 64, 64], model, SgdConfig::new().init(), 0.01, |model, x| {
        model.output.forward(model.cell.forward(x, None).1.hidden)
    });
}

fn scalar(device: &Device) {
    let variable = |value: f64| Tensor::<1>::from_floats([value as f32], device).cast(FloatDType::F64);
    let variables: Vec<Tensor<1>> =
        start().into_iter().map(|value| variable(value).detach().require_grad()).collect();
    BURN.measure("scalar", Unit::NanosecondsAnOperation, || {
        let sum = harness::rosenbrock!(&variables, |x, y| {
            let t = y.clone() - x.clone() * x.clone();
            let u = x.clone().neg() + 1.0;
            t.clone() * t * 100.0 + u.clone() * u
        });
        assert!(variables[0].grad(&sum.backward()).is_some());
    });
}

fn small(device: &Device) {
    let variable = |rows, columns| normal::<2>([rows, columns], device).require_grad();
    let (w1, b1, w2, b2) = (variable(16, 32), variable(1, 32), variable(32, 1), variable(1, 1));
    let x: Tensor<2> = normal([1, 16], device);
    BURN.measure("small", Unit::Microseconds, || {
        let h = (x.clone().matmul(w1.clone()) + b1.clone()).tanh();
        let gradients = (h.matmul(w2.clone()) + b2.clone()).sum().backward();
        assert!([&w1, &b1, &w2, &b2].iter().all(|variable| variable.grad(&gradients).is_some()));
    });
}

fn elementwise(device: &Device) {
    let variable = || normal::<1>([1_000_000], device).require_grad();
    let (x, w, b) = (variable(), variable(), variable());
    BURN.measure("elementwise", Unit::Milliseconds, || {
        let y = (x.clone() * w.clone() + b.clone()).tanh() * activation::sigmoid(x.clone());
        let gradients = y.sum().backward();
        assert!([&x, &w, &b].iter().all(|variable| variable.grad(&gradients).is_some()));
    });
}

fn attention(device: &Device) {
    let model = Attention {
        project: nn::LinearConfig::new(256, 768).init(device),
        output: nn::LinearConfig::new(256, 256).init(device),
    };
    let x = normal::<3>([8, 128, 256], device).require_grad();
    let mask = Tensor::<2>::full([128, 128], -1e9, device).triu(1).reshape([1, 1, 128, 128]);
    BURN.measure("attention", Unit::Milliseconds, || {
        let h = model.project.forward(x.clone()).reshape([8, 128, 3, 8, 32]).permute([2, 0, 3, 1, 4]);
        let part = |i: usize| h.clone().slice([i..i + 1]).reshape([8, 8, 128, 32]);
        let scores = part(0).matmul(part(1).swap_dims(2, 3)).div_scalar(32f32.sqrt()) + mask.clone();
        let y = activation::softmax(scores, 3).matmul(part(2)).swap_dims(1, 2).reshape([8, 128, 256]);
        let gradients = model.output.forward(y).powi_scalar(2).mean().backward();
        assert!(x.grad(&gradients).is_some());
        assert!(GradientsParams::from_grads(gradients, &model).len() == 4);
    });
}
