//! Checkpoints: less memory, the same bits, and values that are there when they are asked for.

mod common;

use common::{bits, uniform};
use wengert::{GradientTape, Tensor, Var};

/// A block that makes seven values of the size of its input.
fn block<'t>(x: Var<'t, f64>, w: Var<'t, f64>) -> Var<'t, f64> {
    let h = x.matmul(w).tanh();
    let gate = (h * 0.5).sigmoid() + h.square();
    gate.softmax(-1) + x
}

const WIDTH: usize = 8;
const ROWS: usize = 100;

/// Gradients with respect to input and weights of a chain of blocks, and the bytes on the tape.
fn run(depth: usize, checkpointed: bool) -> (Vec<u64>, Vec<u64>, usize) {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(uniform(&[ROWS, WIDTH], 1)), tape.var(uniform(&[WIDTH, WIDTH], 2)));
    let mut h = x;
    for _ in 0..depth {
        h = if checkpointed { tape.checkpoint(|| block(h, w)) } else { block(h, w) };
    }
    let loss = h.square().sum();
    let grads = loss.backward();
    (bits(grads.wrt(x)), bits(grads.wrt(w)), tape.bytes_of_values())
}

#[test]
fn gradients_have_the_same_bits_and_memory_falls() {
    let (kept, replayed) = (run(12, false), run(12, true));
    assert_eq!((&kept.0, &kept.1), (&replayed.0, &replayed.1));
    let value = ROWS * WIDTH * 8;
    // Each block keeps its result; before and after the chain stand x, w and the square.
    assert!(kept.2 >= 12 * 7 * value, "{} bytes", kept.2);
    assert_eq!(replayed.2, (1 + 12 + 1) * value + WIDTH * WIDTH * 8);
}

#[test]
fn the_pool_serves_one_replayed_block_after_the_other() {
    let bytes = |depth, checkpointed| {
        let tape = GradientTape::new();
        let (x, w) = (tape.var(uniform(&[ROWS, WIDTH], 1)), tape.var(uniform(&[WIDTH, WIDTH], 2)));
        let mut h = x;
        for _ in 0..depth {
            h = if checkpointed { tape.checkpoint(|| block(h, w)) } else { block(h, w) };
        }
        drop(h.sum().backward());
        tape.bytes()
    };
    // All memory, the pool's too: it grows by one value a block, not by eight.
    let value = ROWS * WIDTH * 8;
    let growth = (bytes(20, true) - bytes(10, true)) as f64 / (10 * value) as f64;
    assert!(growth < 1.5, "{growth} values a block");
    assert!((bytes(20, false) - bytes(10, false)) as f64 / (10 * value) as f64 > 7.0);
}

#[test]
fn second_derivatives_and_forward_mode_see_the_whole_program() {
    let derivative = |checkpointed: bool| {
        let tape = GradientTape::new();
        let (x, w) = (tape.var(uniform(&[3, 4], 1)), tape.var(uniform(&[4, 4], 2)));
        let f = || block(block(x, w), w);
        let y = if checkpointed { tape.checkpoint(f) } else { f() };
        let g = tape.gradient(y.square().sum(), &[x, w]);
        let penalty = g[0].square().sum() + g[1].square().sum();
        let moved = tape.jvp(&[y, penalty], &[x], &[uniform(&[3, 4], 3)]);
        let grads = penalty.backward();
        [bits(grads.wrt(x)), bits(grads.wrt(w)), bits(&moved[0]), bits(&moved[1])]
    };
    assert_eq!(derivative(true), derivative(false));
}

#[test]
fn values_in_between_come_back_when_they_are_read() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[50], 1));
    let mut inside = None;
    let y = tape.checkpoint(|| {
        let h = x.exp();
        inside = Some(h);
        h.tanh().sigmoid()
    });
    let (h, expected) = (inside.unwrap(), x.exp().value());
    assert_eq!(h.shape()[..], [50]);
    assert_eq!(bits(&h.value()), bits(&expected));
    // And when they are used further, also by another checkpoint.
    let z = tape.checkpoint(|| (h * 2.0).ln() + y.square());
    let h = x.exp();
    let y = h.tanh().sigmoid();
    let plain = (h * 2.0).ln() + y.square();
    assert_eq!(bits(z.sum().backward().wrt(x)), bits(plain.sum().backward().wrt(x)));
}

#[test]
fn several_results_and_checkpoints_in_checkpoints() {
    let run = |nested: bool| {
        let tape = GradientTape::new();
        let (x, w) = (tape.var(uniform(&[6, 4], 1)), tape.var(uniform(&[4, 4], 2)));
        let inner = |x| if nested { tape.checkpoint(|| block(x, w)) } else { block(x, w) };
        let outer = || {
            let a = inner(x);
            (a, [inner(a).exp(), inner(a).sum_axes(&[0], true)])
        };
        let (a, [b, c]) = if nested { tape.checkpoint(outer) } else { outer() };
        let grads = (a * b + c).sum().backward();
        (bits(grads.wrt(x)), bits(grads.wrt(w)))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_tape_that_is_reset_forgets_its_checkpoints() {
    let mut tape = GradientTape::new();
    for step in 0..3 {
        let x = tape.var(Tensor::<f64>::ones(&[10]));
        let y = tape.checkpoint(|| x.exp().square());
        let slope = y.sum().backward().wrt(x).as_slice()[0];
        assert!((slope - 2.0 * 1f64.exp().powi(2)).abs() < 1e-13, "step {step}: {slope}");
        tape.reset();
        assert_eq!(tape.bytes_of_values(), 0);
    }
}
