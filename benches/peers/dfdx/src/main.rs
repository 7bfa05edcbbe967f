//! dfdx: the perceptron and the small workloads. Its convolutions need nightly Rust, and it has no LSTM; attention and the
//! products alone were not written for it.

use dfdx::optim::{RMSprop, RMSpropConfig};
use dfdx::prelude::*;
use harness::{MLP_BATCHES, Peer, Random, Unit, start, wanted};
use std::hint::black_box;

const DFDX: Peer = Peer { name: "dfdx", version: "0.13.0" };
type Mlp = ((Linear<784, 512>, ReLU), Linear<512, 10>);

fn main() {
    let device = Cpu::default();
    if wanted("mlp") {
        mlp(&device);
    }
    if wanted("scalar") {
        scalar(&device);
    }
    if wanted("small") {
        let w1: Tensor<Rank2<16, 32>, f32, _> = device.sample_normal();
        let b1: Tensor<Rank2<1, 32>, f32, _> = device.sample_normal();
        let w2: Tensor<Rank2<32, 1>, f32, _> = device.sample_normal();
        let b2: Tensor<Rank2<1, 1>, f32, _> = device.sample_normal();
        let x: Tensor<Rank2<1, 16>, f32, _> = device.sample_normal();
        DFDX.measure("small", Unit::Microseconds, || {
            let h = (x.leaky_trace().matmul(w1.clone()) + b1.clone()).tanh();
            let gradients = (h.matmul(w2.clone()) + b2.clone()).sum().backward();
            black_box((gradients.get(&w1), gradients.get(&b1), gradients.get(&w2), gradients.get(&b2)));
        });
    }
    if wanted("elementwise") {
        let sample = || -> Tensor<Rank1<1_000_000>, f32, Cpu> { device.sample_normal() };
        let (x, w, b) = (sample(), sample(), sample());
        DFDX.measure("elementwise", Unit::Milliseconds, || {
            let sigmoid = x.leaky_trace().sigmoid();
            let gradients = ((x.leaky_trace() * w.clone() + b.clone()).tanh() * sigmoid).sum().backward();
            black_box((gradients.get(&x), gradients.get(&w), gradients.get(&b)));
        });
    }
}

fn mlp(device: &Cpu) {
    let mut model = device.build_module::<Mlp, f32>();
    let config = RMSpropConfig {
        lr: 1e-3,
        alpha: 0.9,
        eps: 1e-7,
        momentum: None,
        centered: false,
        weight_decay: None,
    };
    let mut optimizer = RMSprop::new(&model, config);
    let mut random = Random::default();
    let batches: Vec<(Tensor<Rank2<128, 784>, f32, _>, Tensor<Rank2<128, 10>, f32, _>)> = (0..MLP_BATCHES)
        .map(|_| {
            let mut one_hot = vec![0.0; 128 * 10];
            let images = random.numbers(128 * 784);
            random
                .labels(128)
                .into_iter()
                .enumerate()
                .for_each(|(i, label)| one_hot[i * 10 + label as usize] = 1.0);
            (device.tensor(images), device.tensor(one_hot))
        })
        .collect();
    let mut batches = batches.iter().cycle();
    // The gradients' buffers wander: into the forward pass, out of the backward pass, and zeroed into the next step.
    let mut gradients = Some(model.alloc_grads());
    DFDX.train("mlp", || {
        let (x, y) = batches.next().unwrap();
        let logits = model.forward_mut(x.clone().traced(gradients.take().unwrap()));
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        let value = loss.array();
        let mut filled = loss.backward();
        optimizer.update(&mut model, &filled).unwrap();
        model.zero_grads(&mut filled);
        gradients = Some(filled);
        value
    });
}

fn scalar(device: &Cpu) {
    let variables: Vec<Tensor<Rank0, f64, Cpu>> =
        start().into_iter().map(|value| device.tensor(value)).collect();
    DFDX.measure("scalar", Unit::NanosecondsAnOperation, || {
        let sum = harness::rosenbrock!(&variables, |x, y| {
            // Its tape refuses the product of a tensor with itself.
            let t = y.leaky_trace() - x.leaky_trace().square();
            let u = x.leaky_trace() * -1.0 + 1.0;
            t.square() * 100.0 + u.square()
        });
        black_box(sum.backward().get(&variables[0]));
    });
}
