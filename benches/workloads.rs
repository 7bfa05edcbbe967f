//! The workloads that wengert is compared with other systems by; see `benches/README.md`.
//!
//! `cargo bench --bench workloads -- [NAME..] --threads N --json`. A name also stands for all that
//! begin with it; none stands for all. Each step of a network sees another batch, of a cycle as
//! long as an epoch: on one batch alone, caches and dead units would make it too fast.

use clap::Parser;
use std::hint::black_box;
use std::time::{Duration, Instant};
use wengert::fused;
use wengert::rand::{Rng, RngExt};
use wengert_nn::prelude::*;

/// One step of a workload.
type Step = Box<dyn FnMut() + Send>;

/// How long steps take, in which unit.
struct Unit {
    name: &'static str,
    /// From seconds.
    of: fn(f64) -> f64,
}

const MS: Unit = Unit { name: "ms", of: |seconds| seconds * 1e3 };
const US: Unit = Unit { name: "us", of: |seconds| seconds * 1e6 };

/// Makes a workload's step.
type Make = fn() -> Step;

const WORKLOADS: &[(&str, Unit, Make)] = &[
    ("mlp", MS, mlp),
    ("cnn", MS, cnn),
    ("lstm", MS, lstm),
    ("scalar", Unit { name: "ns/op", of: |seconds| seconds * 1e9 / 791.0 }, scalar),
    ("small", US, small),
    ("elementwise", MS, elementwise),
    ("elementwise-fused", MS, elementwise_fused),
    ("attention", MS, attention),
    ("matmul-128x784x512", gflops::<128, 784, 512>(), || matmul([128, 784, 512])),
    ("matmul-1024", gflops::<1024, 1024, 1024>(), || matmul([1024, 1024, 1024])),
    ("matmul-43264x288x64", gflops::<43264, 288, 64>(), || matmul([43264, 288, 64])),
];

const fn gflops<const M: usize, const K: usize, const N: usize>() -> Unit {
    Unit { name: "GFLOP/s", of: |seconds| 2e-9 * (M * K * N) as f64 / seconds }
}

/// Standard normal numbers with labels of ten classes.
fn labelled(shape: &[usize], labels: usize, rng: &mut impl Rng) -> (Tensor<f32>, Tensor<usize>) {
    let of_ten = (0..labels).map(|_| rng.random_range(0..10)).collect();
    (Tensor::randn(shape, rng), Tensor::from_vec(of_ten, &[labels]).expect("that many"))
}

/// `count` batches of them, one label an image.
fn batches(count: usize, shape: &[usize], rng: &mut impl Rng) -> Vec<(Tensor<f32>, Tensor<usize>)> {
    (0..count).map(|_| labelled(shape, shape[0], rng)).collect()
}

/// Steps that train a model on each batch in turn.
fn training<M>(
    mut model: M,
    mut optimizer: impl Optimizer + Send + 'static,
    batches: Vec<(Tensor<f32>, Tensor<usize>)>,
    logits: for<'t> fn(&M, &'t GradientTape, &Tensor<f32>) -> Var<'t>,
) -> Step
where
    M: Module + Send + 'static,
{
    let mut tape = GradientTape::new();
    let mut turn = 0;
    Box::new(move || {
        let (x, labels) = &batches[turn % batches.len()];
        let grads = logits(&model, &tape, x).cross_entropy(labels).backward();
        tape.reset();
        optimizer.step(&mut model, &grads).expect("finite gradients");
        turn += 1;
    })
}

/// Batch 128, 784-512-10, relu, cross-entropy, RMSprop.
fn mlp() -> Step {
    #[derive(Module)]
    struct Mlp {
        hidden: Dense,
        out: Dense,
    }
    let rng = &mut seeded(0);
    let model = Mlp { hidden: Dense::new(784, 512, rng), out: Dense::new(512, 10, rng) };
    training(model, RmsProp::new(1e-3), batches(469, &[128, 784], rng), |model, tape, x| {
        model.out.forward(model.hidden.forward(tape.constant(x)).relu())
    })
}

/// Batch 64 of 1x28x28, two blocks of convolution 3x3, relu and max-pooling 2x2, Dense 10, Adam.
fn cnn() -> Step {
    #[derive(Module)]
    struct Cnn {
        kernels: [Parameter; 2],
        biases: [Parameter; 2],
        out: Dense,
    }
    let rng = &mut seeded(0);
    let mut kernels = |shape: &[usize]| {
        let bound = 1.0 / (shape[1..].iter().product::<usize>() as f32).sqrt();
        Parameter::new(Tensor::uniform(shape, -bound, bound, rng))
    };
    let kernels = [kernels(&[32, 1, 3, 3]), kernels(&[64, 32, 3, 3])];
    let biases = [32, 64].map(|n| Parameter::new(Tensor::zeros(&[n])));
    let model = Cnn { kernels, biases, out: Dense::new(1600, 10, rng) };
    training(model, Adam::new(1e-3), batches(128, &[64, 1, 28, 28], rng), |model, tape, x| {
        let mut x = tape.constant(x);
        for (kernels, bias) in model.kernels.iter().zip(&model.biases) {
            let bias = tape.parameter(bias);
            x = x.conv2d_bias(tape.parameter(kernels), bias, ConvOptions::new()).relu().max_pool2d(2);
        }
        model.out.forward(x.reshape(&[64, 1600]))
    })
}

/// Batch 32, 64 steps of 64 inputs, 128 hidden, Dense 10 on the last state, SGD.
fn lstm() -> Step {
    #[derive(Module)]
    struct Network {
        weights: [Parameter; 2],
        biases: [Parameter; 2],
        out: Dense,
    }
    let rng = &mut seeded(0);
    let bound = 1.0 / 128f32.sqrt();
    let mut uniform = |shape: &[usize]| Parameter::new(Tensor::uniform(shape, -bound, bound, rng));
    let weights = [uniform(&[512, 64]), uniform(&[512, 128])];
    let biases = [uniform(&[512]), uniform(&[512])];
    let model = Network { weights, biases, out: Dense::new(128, 10, rng) };
    let batches = (0..128).map(|_| labelled(&[64, 32, 64], 32, rng)).collect();
    training(model, Sgd::new(0.01), batches, |model, tape, x| {
        let [w, u] = model.weights.each_ref().map(|p| tape.parameter(p));
        let [b, c] = model.biases.each_ref().map(|p| tape.parameter(p));
        model.out.forward(tape.constant(x).lstm(w, u, Some((b, c)), None).last())
    })
}

/// Rosenbrock's function of 100 variables, element by element, in f64: 791 operations.
fn scalar() -> Step {
    let mut tape = GradientTape::<f64>::new();
    Box::new(move || {
        let x: Vec<Var<f64>> = (0..100).map(|i| tape.var(0.5 + 0.01 * i as f64)).collect();
        let term = |i: usize| {
            let (t, u) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
            100.0 * (t * t) + u * u
        };
        let mut sum = term(0);
        for i in 1..99 {
            sum += term(i);
        }
        drop(black_box(sum.backward()));
        tape.reset();
    })
}

/// Batch 1, 16-32-1 with tanh, forward and backward.
fn small() -> Step {
    let rng = &mut seeded(0);
    let (hidden, out): (Dense, Dense) = (Dense::new(16, 32, rng), Dense::new(32, 1, rng));
    let x = Tensor::randn(&[1, 16], rng);
    let mut tape = GradientTape::new();
    Box::new(move || {
        let y = out.forward(hidden.forward(tape.constant(&x)).tanh()).sum();
        drop(black_box(y.backward()));
        tape.reset();
    })
}

/// The sum of a function of three times a million numbers, and all its partial derivatives.
fn of_a_million(f: for<'t> fn([Var<'t>; 3]) -> Var<'t>) -> Step {
    let rng = &mut seeded(0);
    let inputs: [Tensor; 3] = std::array::from_fn(|_| Tensor::randn(&[1_000_000], rng));
    let mut tape = GradientTape::new();
    Box::new(move || {
        let inputs = inputs.each_ref().map(|x| tape.var(x));
        drop(black_box(f(inputs).sum().backward()));
        tape.reset();
    })
}

fn elementwise() -> Step {
    of_a_million(|[x, w, b]| (x * w + b).tanh() * x.sigmoid())
}

fn elementwise_fused() -> Step {
    of_a_million(|inputs| fused!(|x, w, b| (x * w + b).tanh() * x.sigmoid()).of(inputs))
}

/// Causal self-attention with its projections: batch 8, 128 positions, 256 wide, 8 heads.
fn attention() -> Step {
    let rng = &mut seeded(0);
    let (qkv, out): (Dense, Dense) = (Dense::new(256, 768, rng), Dense::new(256, 256, rng));
    let x = Tensor::randn(&[8, 128, 256], rng);
    let mut tape = GradientTape::new();
    Box::new(move || {
        let causal = AttentionOptions::new().causal(true);
        let y = out.forward(qkv.forward(tape.var(&x)).self_attention(8, causal));
        drop(black_box(y.square().mean().backward()));
        tape.reset();
    })
}

fn matmul([m, k, n]: [usize; 3]) -> Step {
    let rng = &mut seeded(0);
    let (a, b): (Tensor, Tensor) = (Tensor::randn(&[m, k], rng), Tensor::randn(&[k, n], rng));
    let mut tape = GradientTape::new();
    Box::new(move || {
        black_box(tape.constant(&a).matmul(tape.constant(&b)));
        tape.reset();
    })
}

/// Seconds a step, in order: after a warm-up of a third of `seconds`, for `seconds`. Clock readings
/// are at least 0.2 ms apart.
fn measure(step: &mut Step, seconds: f64) -> Vec<f64> {
    let timed = |step: &mut Step, repeats: u32| {
        let start = Instant::now();
        (0..repeats).for_each(|_| step());
        start.elapsed() / repeats
    };
    let limit = |seconds: f64| (Instant::now(), Duration::from_secs_f64(seconds));
    let (mut once, (start, warm_up)) = (Duration::MAX, limit(seconds / 3.0));
    while once == Duration::MAX || start.elapsed() < warm_up {
        once = once.min(timed(step, 1));
    }
    let repeats = (200_000 / once.as_nanos().max(1)).max(1) as u32;
    let (mut times, (start, most)) = (Vec::new(), limit(seconds));
    while times.len() < 5 || start.elapsed() < most {
        times.push(timed(step, repeats).as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Times the workloads that wengert is compared with other systems by.
#[derive(Parser)]
struct Arguments {
    /// Workloads, or how their names begin; none stands for all.
    names: Vec<String>,
    /// Threads of the pool.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How long each is measured.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// One JSON line each instead of a table.
    #[arg(long)]
    json: bool,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
    /// `cargo test --benches` only wants to know that each runs.
    #[arg(long, hide = true)]
    test: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let Arguments { names, threads, seconds, json, .. } = &arguments;
    let known = |name: &String| WORKLOADS.iter().any(|(known, ..)| known.starts_with(name));
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = WORKLOADS.iter().map(|(name, ..)| *name).collect();
        eprintln!("no workload is called '{name}'; there are {}", all.join(", "));
        std::process::exit(2);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(*threads).build().expect("threads can be started");
    if !json {
        println!("{:<20} {:>7} {:>9} {:>9} {:>9}", "workload", "threads", "median", "min", "p90");
    }
    for (name, unit, workload) in WORKLOADS {
        if !names.is_empty() && !names.iter().any(|begin| name.starts_with(begin)) {
            continue;
        }
        pool.install(|| {
            let mut step = workload();
            if arguments.test {
                return step();
            }
            let times = measure(&mut step, *seconds);
            let [median, min, p90] = [times.len() / 2, 0, times.len() * 9 / 10].map(|i| (unit.of)(times[i]));
            let unit = unit.name;
            if *json {
                println!(
                    r#"{{"workload":"{name}","threads":{threads},"median":{median:.4},"min":{min:.4},"p90":{p90:.4},"unit":"{unit}"}}"#
                );
            } else {
                println!("{name:<20} {threads:>7} {median:>9.3} {min:>9.3} {p90:>9.3} {unit}");
            }
        });
    }
}
