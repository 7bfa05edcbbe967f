//! What the Rust programs share: the clock, the lines they print, and the inputs.
//!
//! A program takes names of workloads as its arguments; none means all. `THREADS` says how many threads it was
//! given, `PEER_SECONDS` how long a workload is measured after a second of warm-up.

use std::time::{Duration, Instant};

/// Distinct batches that the training steps walk through: a whole epoch for the perceptron, so that its data do not
/// stay in the cache.
pub const MLP_BATCHES: usize = 469;
pub const BATCHES: usize = 128;

pub const MATMULS: [(&str, usize, usize, usize); 3] = [
    ("matmul-128x784x512", 128, 784, 512),
    ("matmul-1024", 1024, 1024, 1024),
    ("matmul-43264x288x64", 43264, 288, 64),
];

/// The operations of [`rosenbrock!`] over 100 variables: eight a pair, and 98 additions less one that is free.
const ROSENBROCK_OPERATIONS: f64 = 791.0;

pub fn wanted(workload: &str) -> bool {
    let names: Vec<String> = std::env::args().skip(1).collect();
    names.is_empty() || names.iter().any(|name| name == workload)
}

pub fn threads() -> usize {
    variable("THREADS", 1.0) as usize
}

fn variable(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// What a duration is printed as.
#[derive(Clone, Copy)]
pub enum Unit {
    Milliseconds,
    Microseconds,
    /// Of a program of [`ROSENBROCK_OPERATIONS`].
    NanosecondsAnOperation,
    /// Of this many floating-point operations.
    Gflops(f64),
}

impl Unit {
    fn of(self, seconds: f64) -> f64 {
        match self {
            Unit::Milliseconds => seconds * 1e3,
            Unit::Microseconds => seconds * 1e6,
            Unit::NanosecondsAnOperation => seconds * 1e9 / ROSENBROCK_OPERATIONS,
            Unit::Gflops(operations) => operations / seconds / 1e9,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "us",
            Unit::NanosecondsAnOperation => "ns/op",
            Unit::Gflops(_) => "GFLOP/s",
        }
    }
}

pub struct Peer {
    pub name: &'static str,
    pub version: &'static str,
}

impl Peer {
    /// Prints median, least and 90th percentile of the times of `step`, as one line of JSON.
    pub fn measure(&self, workload: &str, unit: Unit, mut step: impl FnMut()) {
        let start = Instant::now();
        let mut calls = 0;
        while calls < 3 || start.elapsed() < Duration::from_secs(1) {
            step();
            calls += 1;
        }
        // At least 0.2 ms between two looks at the clock.
        let repeats = ((2e-4 * calls as f64 / start.elapsed().as_secs_f64()) as usize).max(1);
        let long = Duration::from_secs_f64(variable("PEER_SECONDS", 3.0));
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 5 || start.elapsed() < long {
            let lap = Instant::now();
            (0..repeats).for_each(|_| step());
            times.push(lap.elapsed().as_secs_f64() / repeats as f64);
        }
        times.sort_by(f64::total_cmp);
        let [median, min, p90] = [times.len() / 2, 0, times.len() * 9 / 10].map(|i| unit.of(times[i]));
        println!(
            r#"{{"workload": "{workload}", "peer": "{}", "version": "{}", "threads": {}, "median": {median:.4}, "min": {min:.4}, "p90": {p90:.4}, "unit": "{}"}}"#,
            self.name,
            self.version,
            threads(),
            unit.name(),
        );
    }

    /// Training steps: each returns its loss, and a loss that is not finite measures nothing.
    pub fn train(&self, workload: &str, mut step: impl FnMut() -> f32) {
        self.measure(workload, Unit::Milliseconds, || {
            assert!(step().is_finite(), "{workload}: the loss is not finite")
        });
    }
}

/// Xorshift: the inputs are random, their quality does not matter.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Random(88172645463325252)
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Uniform in [-1, 1). Centred, because positive inputs soon kill every ReLU of the perceptron; its gradients are then
    /// exactly zero, RMSprop's averages decay into denormals, and the step costs several times as much.
    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    pub fn labels(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| (self.next() >> 33) as u32 % 10).collect()
    }
}

/// The 100 variables of [`rosenbrock!`].
pub fn start() -> Vec<f64> {
    (0..100).map(|i| 0.5 + 0.01 * i as f64).collect()
}

/// Rosenbrock's function of many variables: `$term` (100·(y - x²)² + (1 - x)²) over neighbours, summed one by one.
/// A macro, for the peers' numbers have no trait in common.
#[macro_export]
macro_rules! rosenbrock {
    ($variables:expr, |$x:ident, $y:ident| $term:expr) => {{
        let mut sum = None;
        for pair in $variables.windows(2) {
            let ($x, $y) = (&pair[0], &pair[1]);
            let term = $term;
            sum = Some(match sum {
                None => term,
                Some(sum) => sum + term,
            });
        }
        sum.unwrap()
    }};
}

/// Fails if `gradient` is not Rosenbrock's at [`start`].
pub fn check_rosenbrock(gradient: &[f64]) {
    let x = start();
    let mut expected = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let t = x[i + 1] - x[i] * x[i];
        expected[i] += -400.0 * t * x[i] - 2.0 * (1.0 - x[i]);
        expected[i + 1] += 200.0 * t;
    }
    assert!(gradient.len() == x.len() && gradient.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
}
