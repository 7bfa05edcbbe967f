//! Operations one by one, forward alone and with the sweep, beside what the machine could do.
//!
//! `cargo bench -p wengert --bench ops`; a word after `--` chooses those whose name it is part of, and
//! `WENGERT_BENCH_THREADS=2` in the environment takes as many threads, else it is one. Criterion
//! measures and compares with its last run. The table at the end holds each median against the limit
//! that the same run has measured, a "roofline" (S. Williams et al. 2009): arithmetic against a
//! large matrix product, all else against memory, moving as many bytes as the operation at least must.

use criterion::{Criterion, Throughput};
use rayon::prelude::*;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};
use wengert::prelude::*;
use wengert::rand::SeedableRng;
use wengert::rand::rngs::ChaCha8Rng;

type Function = Box<dyn for<'t> Fn(&[Var<'t>]) -> Var<'t>>;

/// What an operation does at least.
#[derive(Clone, Copy)]
enum Work {
    /// Operands and results, each once: forward the inputs and the value; in the sweep the adjoint that
    /// comes, those that go, and the values that the rule cannot do without.
    Bytes(usize),
    Flops(usize),
}

use Work::{Bytes, Flops};

struct Case {
    family: &'static str,
    name: String,
    inputs: Vec<Vec<usize>>,
    /// Whether gradients of the first input are wanted; always of the others.
    wants_first: bool,
    /// Forward alone, and with the sweep.
    work: [Work; 2],
    function: Function,
}

impl Case {
    fn new(
        family: &'static str,
        name: impl Into<String>,
        inputs: &[&[usize]],
        work: [Work; 2],
        function: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + 'static,
    ) -> Case {
        let inputs = inputs.iter().map(|shape| shape.to_vec()).collect();
        Case { family, name: name.into(), inputs, wants_first: true, work, function: Box::new(function) }
    }
}

/// So many numbers of four bytes.
fn arrays(lengths: &[usize]) -> Work {
    Bytes(4 * lengths.iter().sum::<usize>())
}

fn elementwise() -> Vec<Case> {
    // Within the second level of cache, and beyond all.
    let sizes = [(1 << 16, "2^16"), (1 << 23, "2^23")];
    let each = |(n, size): (usize, &str)| {
        let one = |name: &str, function: for<'t> fn(Var<'t>) -> Var<'t>| {
            // x to y; then ȳ and x or y to x̄.
            let work = [arrays(&[n; 2]), arrays(&[n; 5])];
            Case::new("elementwise", format!("{name} {size}"), &[&[n]], work, move |x| function(x[0]))
        };
        let two = |name: &str, sweep: usize, function: for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>| {
            let work = [arrays(&[n; 3]), arrays(&vec![n; 3 + sweep])];
            Case::new("elementwise", format!("{name} {size}"), &[&[n], &[n]], work, move |x| {
                function(x[0], x[1])
            })
        };
        [
            // Adjoints only change hands.
            two("add", 0, |a, b| a + b),
            two("mul", 5, |a, b| a * b),
            one("exp", |x| x.exp()),
            one("tanh", |x| x.tanh()),
            one("sigmoid", |x| x.sigmoid()),
            one("relu", |x| x.relu()),
        ]
    };
    sizes.into_iter().flat_map(each).collect()
}

fn rows() -> Vec<Case> {
    let labels = |n: usize, classes: usize| {
        Tensor::from_vec((0..n).map(|i| i * 7 % classes).collect(), &[n]).expect("one label a row")
    };
    let (many, few) = (labels(4096, 256), labels(128, 10));
    let (m, n): (usize, usize) = (4096, 256);
    let size = m * n;
    let shape: &[usize] = &[m, n];
    vec![
        Case::new("reduce", "sum over all", &[shape], [arrays(&[size]), arrays(&[size; 2])], |x| x[0].sum()),
        Case::new(
            "reduce",
            "sum over the last axis",
            &[shape],
            [arrays(&[size, m]), arrays(&[size, m, m, size])],
            |x| x[0].sum_axes(&[-1], false),
        ),
        Case::new(
            "reduce",
            "sum over the first axis",
            &[shape],
            [arrays(&[size, n]), arrays(&[size, n, n, size])],
            |x| x[0].sum_axes(&[0], false),
        ),
        Case::new("rows", "softmax", &[shape], [arrays(&[size; 2]), arrays(&[size; 5])], |x| {
            x[0].softmax(-1)
        }),
        Case::new(
            "rows",
            "layer_norm",
            &[shape, &[n], &[n]],
            [arrays(&[size; 2]), arrays(&[size; 5])],
            |x| x[0].layer_norm(x[1], x[2], 1e-5),
        ),
        Case::new("rows", "cross_entropy", &[shape], [arrays(&[size]), arrays(&[size; 3])], move |x| {
            x[0].cross_entropy(&many)
        }),
        Case::new(
            "rows",
            "cross_entropy 128x10",
            &[&[128, 10]],
            [arrays(&[1280]), arrays(&[1280; 3])],
            move |x| x[0].cross_entropy(&few),
        ),
    ]
}

fn matmul() -> Vec<Case> {
    let product = |[batch, m, k, n]: [usize; 4], name: &str| {
        let (a, b, y) = (batch * m * k, batch * k * n, batch * m * n);
        // A single row is read more than it is computed with.
        let work = match m {
            1 => [arrays(&[a, b, y]), arrays(&[a, b, y, y, a, b, a, b])],
            _ => [Flops(2 * batch * m * k * n), Flops(6 * batch * m * k * n)],
        };
        let skip = (batch == 1) as usize;
        Case::new("matmul", name, &[&[batch, m, k][skip..], &[batch, k, n][skip..]], work, |x| {
            x[0].matmul(x[1])
        })
    };
    vec![
        product([1, 128, 784, 512], "128x784x512"),
        product([1, 1024, 1024, 1024], "1024x1024x1024"),
        product([1, 43264, 288, 64], "43264x288x64"),
        product([1, 1, 784, 512], "1x784x512"),
        product([64, 128, 32, 128], "64 of 128x32x128"),
    ]
}

/// The layers of the workload `cnn`; of its images no gradient is wanted.
fn images() -> Vec<Case> {
    let conv = |channels: usize, out: usize, side: usize, both: usize| {
        let flops = 2 * 64 * out * (side - 2) * (side - 2) * channels * 9;
        let (x, w) = ([64, channels, side, side], [out, channels, 3, 3]);
        let name = format!("conv2d {channels} to {out}");
        let work = [Flops(flops), Flops(both * flops)];
        Case::new("images", name, &[&x, &w], work, |x| x[0].conv2d(x[1], ConvOptions::new()))
    };
    let size = 64 * 32 * 26 * 26;
    vec![
        Case { wants_first: false, ..conv(1, 32, 28, 2) },
        conv(32, 64, 13, 3),
        Case::new(
            "images",
            "max_pool2d",
            &[&[64, 32, 26, 26]],
            [arrays(&[size, size / 4]), arrays(&[size, size / 4, size / 4, size, size])],
            |x| x[0].max_pool2d(2),
        ),
    ]
}

/// The least time of `f` in tenths of a second, in seconds; clock readings are at least 20 µs apart.
fn least(mut f: impl FnMut()) -> f64 {
    let mut timed = |repeats: u32| {
        let start = Instant::now();
        (0..repeats).for_each(|_| f());
        start.elapsed() / repeats
    };
    let repeats = (20_000 / timed(1).as_nanos().max(1)).max(1) as u32;
    let start = Instant::now();
    let mut least = Duration::MAX;
    while start.elapsed() < Duration::from_millis(100) {
        least = least.min(timed(repeats));
    }
    least.as_secs_f64()
}

/// What the machine can do, in units a second.
struct Limits {
    flops: f64,
    /// By the number of bytes that are moved.
    bandwidths: HashMap<usize, f64>,
}

impl Limits {
    fn new() -> Limits {
        let flops = product([1024; 3]).max(product([43264, 288, 64]));
        Limits { flops, bandwidths: HashMap::new() }
    }

    /// For as much work.
    fn of(&mut self, work: Work) -> f64 {
        match work {
            Flops(_) => self.flops,
            Bytes(bytes) => *self.bandwidths.entry(bytes).or_insert_with(|| triad(bytes)),
        }
    }
}

/// Of the best of two large products. A loop of nothing but fused multiply-adds would be a few percent
/// faster; it takes instructions that only `unsafe` code may choose at run time.
fn product([m, k, n]: [usize; 3]) -> f64 {
    let (a, b) = (Tensor::<f32>::full(&[m, k], 0.5), Tensor::full(&[k, n], 0.5));
    let mut tape = GradientTape::new();
    let seconds = least(|| {
        black_box(tape.constant(&a).matmul(tape.constant(&b)));
        tape.reset();
    });
    (2 * m * k * n) as f64 / seconds
}

/// Of a = b + s·c, three arrays that are so many bytes together (J. McCalpin's STREAM), in plain Rust.
fn triad(bytes: usize) -> f64 {
    let n = bytes.div_ceil(12);
    let (mut a, b, c) = (vec![0f32; n], vec![1f32; n], vec![2f32; n]);
    let pass = |a: &mut [f32], b: &[f32], c: &[f32]| {
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            *a = b + 0.5 * c;
        }
    };
    let chunk = n.div_ceil(rayon::current_num_threads()).max(1 << 15);
    let seconds = least(|| {
        let operands = b.par_chunks(chunk).zip(c.par_chunks(chunk));
        a.par_chunks_mut(chunk).zip(operands).for_each(|(a, (b, c))| pass(a, b, c));
        black_box(&mut a);
    });
    (3 * 4 * n) as f64 / seconds
}

/// A line of the table.
struct Line {
    name: String,
    seconds: f64,
    work: Work,
    limit: f64,
}

/// Steps of a case on one tape, warm from the first on.
fn stepper(case: &Case, sweep: bool) -> impl FnMut() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let inputs: Vec<Tensor> = case.inputs.iter().map(|shape| Tensor::randn(shape, rng)).collect();
    let mut tape = GradientTape::new();
    let mut seed = None;
    let mut step = move || {
        let leaf = |(i, x)| match sweep && (i > 0 || case.wants_first) {
            true => tape.var(x),
            false => tape.constant(x),
        };
        let inputs: Vec<Var> = inputs.iter().enumerate().map(leaf).collect();
        let y = black_box((case.function)(&inputs));
        if sweep {
            black_box(y.backward_with(seed.get_or_insert_with(|| Tensor::ones(&y.shape()))));
        }
        tape.reset();
    };
    step();
    step
}

const SAMPLES: usize = 20;

/// Has Criterion measure a case, unless its name was not asked for.
fn measure(criterion: &mut Criterion, limits: &mut Limits, case: &Case, sweep: bool) -> Option<Line> {
    let work = case.work[sweep as usize];
    let name = format!("{}{}", case.name, if sweep { ", forward and sweep" } else { "" });
    let mut group = criterion.benchmark_group(case.family);
    group.throughput(match work {
        Bytes(bytes) => Throughput::Bytes(bytes as u64),
        Flops(flops) => Throughput::Elements(flops as u64),
    });
    // Criterion calls the closure for each sample, and not at all if another case was asked for.
    let mut step = None;
    let mut samples = Vec::new();
    group.bench_function(&name, |bencher| {
        let step = step.get_or_insert_with(|| stepper(case, sweep));
        bencher.iter_custom(|repeats| {
            let start = Instant::now();
            (0..repeats).for_each(|_| step());
            let time = start.elapsed();
            samples.push(time.as_secs_f64() / repeats as f64);
            time
        });
    });
    group.finish();
    // The calls before were to warm up.
    let warm_up = samples.len().checked_sub(SAMPLES)?;
    let samples = &mut samples[warm_up..];
    samples.sort_by(f64::total_cmp);
    Some(Line { name, seconds: samples[SAMPLES / 2], work, limit: limits.of(work) })
}

/// Shares above 100 % are within a cache, where the operation has wider vectors than plain Rust, or
/// only reads.
fn print(lines: &[Line]) {
    println!("{:<48} {:>10} {:>9} {:>9} {:>10} {:>7}", "", "median", "rate", "limit", "", "share");
    for Line { name, seconds, work, limit } in lines {
        let (amount, unit) = match *work {
            Bytes(bytes) => (bytes, "GB/s"),
            Flops(flops) => (flops, "GFLOP/s"),
        };
        let (time, rate, limit) = (1e6 * seconds, 1e-9 * amount as f64 / seconds, 1e-9 * limit);
        let share = 100.0 * rate / limit;
        println!("{name:<48} {time:>7.1} us {rate:>9.1} {limit:>9.1} {unit:<10} {share:>5.0} %");
    }
}

fn main() {
    let threads = std::env::var("WENGERT_BENCH_THREADS")
        .map_or(1, |n| n.parse().expect("WENGERT_BENCH_THREADS is a number"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    pool.install(|| {
        let mut criterion = Criterion::default()
            .without_plots()
            .sample_size(SAMPLES)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(700))
            .nresamples(1001)
            .configure_from_args();
        let mut limits = Limits::new();
        let cases = [elementwise(), rows(), matmul(), images()].into_iter().flatten();
        let lines: Vec<Line> = cases
            .flat_map(|case| [false, true].map(|sweep| measure(&mut criterion, &mut limits, &case, sweep)))
            .flatten()
            .collect();
        criterion.final_summary();
        if !lines.is_empty() {
            print(&lines);
        }
    });
}
