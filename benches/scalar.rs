//! The tape of scalar programs, in nanoseconds an operation: recording, the sweep, and a whole
//! step of both with the reset; then tapes of a thousand to ten million operations, with their bytes.
//!
//! `cargo bench --bench scalar`; `-- --json` for one JSON line each. The programs are written out
//! element by element, so that every operation is a node, with location, scope and a rule that can be
//! differentiated again, as always.

use std::hint::black_box;
use std::time::{Duration, Instant};
use wengert::{GradientTape, Var};

type Tape = GradientTape<f64>;
type Program = for<'t> fn(&'t Tape) -> Var<'t, f64>;
/// Runs a program on each tape, and says how long the part took that it is to time.
type Timed = fn(&mut [Tape], Program) -> Duration;

/// Rosenbrock's function of 100 variables: 100·(y - x²)² + (1 - x)² over neighbours, summed.
fn rosenbrock(tape: &Tape) -> Var<'_, f64> {
    let x: Vec<Var<f64>> = (0..100).map(|i| tape.var(0.5 + 0.01 * i as f64)).collect();
    let mut sum = tape.constant(0.0);
    for pair in x.windows(2) {
        let (x, y) = (pair[0], pair[1]);
        sum += 100.0 * (y - x * x).square() + (1.0 - x).square();
    }
    sum
}

/// Products of 40 variables with each other, summed: a value is used twenty times.
fn products(tape: &Tape) -> Var<'_, f64> {
    let x: Vec<Var<f64>> = (0..40).map(|i| tape.var(0.01 * i as f64)).collect();
    let mut sum = tape.constant(0.0);
    for i in 0..400 {
        sum += x[i % 40] * x[i * 7 % 40];
    }
    sum
}

/// A chain, each link on the one before: half of its operations are transcendental.
fn chain(tape: &Tape) -> Var<'_, f64> {
    let mut x = tape.var(0.3);
    for _ in 0..200 {
        x = (x.tanh() * 0.9 + 0.2).sigmoid();
    }
    x
}

/// So many that reading the clock costs below a thousandth.
const TAPES: usize = 32;

/// The nodes that a program records besides its leaves.
fn operations(program: Program) -> u32 {
    let tape = Tape::new();
    program(&tape);
    let is_leaf = |line: &&str| line.contains("= var ") || line.contains("= constant ");
    tape.to_string().lines().filter(|line| !is_leaf(line)).count() as u32
}

/// Nanoseconds an operation: median, least and 90th percentile over [`ROUNDS`].
fn measure(program: Program, timed: Timed) -> [f64; 3] {
    let mut tapes: Vec<Tape> = (0..TAPES).map(|_| Tape::new()).collect();
    let share = (TAPES as u32 * operations(program)) as f64;
    let mut times: Vec<f64> = (0..WARM_UP + ROUNDS)
        .map(|_| timed(&mut tapes, program).as_nanos() as f64 / share)
        .skip(WARM_UP)
        .collect();
    times.sort_by(f64::total_cmp);
    [times[ROUNDS / 2], times[0], times[ROUNDS * 9 / 10]]
}

const WARM_UP: usize = 50;
const ROUNDS: usize = 1000;

fn record(tapes: &mut [Tape], program: Program) -> Duration {
    tapes.iter_mut().for_each(Tape::reset);
    let start = Instant::now();
    tapes.iter().for_each(|tape| _ = black_box(program(tape)));
    start.elapsed()
}

fn sweep(tapes: &mut [Tape], program: Program) -> Duration {
    tapes.iter_mut().for_each(Tape::reset);
    let values: Vec<Var<f64>> = tapes.iter().map(program).collect();
    let start = Instant::now();
    values.iter().for_each(|value| drop(black_box(value.backward())));
    start.elapsed()
}

fn step(tapes: &mut [Tape], program: Program) -> Duration {
    let start = Instant::now();
    for tape in tapes {
        drop(black_box(program(tape).backward()));
        tape.reset();
    }
    start.elapsed()
}

/// A chain of products and sums, and the sum of its links' squares.
fn links(tape: &Tape, operations: usize) -> Var<'_, f64> {
    let (mut x, w, b) = (tape.var(0.5), tape.var(0.9), tape.var(0.05));
    let mut sum = x;
    for _ in 0..operations / 4 {
        x = x * w + b;
        sum += x * x;
    }
    sum
}

/// What an operation takes on a tape of so many: nanoseconds to record it on a new tape, on one that
/// has its memory from before, and to sweep it, each the median; and bytes, without adjoints.
///
/// A new tape of millions is given its memory page by page while it is recorded. Vectors grow by
/// doubling, so bytes are up to twice a node's 40; what has not been written to is not yet memory.
fn at_scale(operations: usize) -> [f64; 4] {
    let share = |start: Instant| start.elapsed().as_nanos() as f64 / operations as f64;
    let mut tape = Tape::new();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..(20_000_000 / operations).clamp(5, 1000) {
        let new = Tape::new();
        let start = Instant::now();
        black_box(links(&new, operations));
        times[0].push(share(start));
        drop(new);
        tape.reset();
        let start = Instant::now();
        let sum = black_box(links(&tape, operations));
        times[1].push(share(start));
        let start = Instant::now();
        black_box(sum.backward());
        times[2].push(share(start));
    }
    let [new, record, sweep] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    [new, record, sweep, tape.bytes() as f64 / operations as f64]
}

fn scale(json: bool) {
    if !json {
        println!(
            "\n{:<12} {:>10} {:>8} {:>8} {:>8} {:>8}",
            "scale", "ops", "new tape", "record", "sweep", "bytes"
        );
    }
    for operations in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let [new, record, sweep, bytes] = at_scale(operations);
        if json {
            println!(
                r#"{{"program":"scale","operations":{operations},"new":{new:.2},"record":{record:.2},"sweep":{sweep:.2},"unit":"ns/op","bytes":{bytes:.1}}}"#
            );
        } else {
            println!("{:<12} {operations:>10} {new:>8.2} {record:>8.2} {sweep:>8.2} {bytes:>8.1}", "ns/op");
        }
    }
}

fn main() {
    let json = std::env::args().any(|word| word == "--json");
    // `cargo test --benches` only wants to know that it runs.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    if !json {
        println!("{:<12} {:<7} {:>6} {:>8} {:>8} {:>8}", "ns/op", "", "ops", "median", "min", "p90");
    }
    for (name, program) in [("rosenbrock", rosenbrock as Program), ("products", products), ("chain", chain)] {
        for (part, timed) in [("record", record as Timed), ("sweep", sweep), ("step", step)] {
            let [median, min, p90] = measure(program, timed);
            if json {
                println!(
                    r#"{{"program":"{name}","part":"{part}","median":{median:.2},"min":{min:.2},"p90":{p90:.2},"unit":"ns/op"}}"#
                );
            } else {
                let ops = operations(program);
                println!("{name:<12} {part:<7} {ops:>6} {median:>8.2} {min:>8.2} {p90:>8.2}");
            }
        }
    }
    scale(json);
}
