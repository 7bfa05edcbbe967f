//! Checkpoints: less memory, the same bits, and values that are there when they are asked for.

use crate::common::{bits, uniform};
use wengert::{AttentionOptions, ConvOptions, GradientTape, Tensor, Var};

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

/// A computation with two variables.
type Of2 = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;

/// An activation of a product of 64 x 64 numbers, and how the operand is used besides.
fn activated<'t>(
    [x, w]: [Var<'t, f64>; 2],
    activation: fn(Var<'t, f64>) -> Var<'t, f64>,
    besides: Of2,
) -> Var<'t, f64> {
    let product = x.matmul(w);
    besides(activation(product), product).sum()
}

#[test]
fn an_activation_writes_over_a_product_that_no_rule_reads() {
    let activations: [fn(Var<'_, f64>) -> Var<'_, f64>; 3] = [|x| x.relu(), |x| x.tanh(), |x| x.sigmoid()];
    for (i, activation) in activations.into_iter().enumerate() {
        let value = 64 * 64 * 8;
        let tape = GradientTape::new();
        let inputs = [1, 2].map(|seed| tape.var(uniform(&[64, 64], seed)));
        let loss = activated(inputs, activation, |y, _| y);
        assert_eq!(tape.bytes_of_values(), 3 * value, "the inputs and the activation's result");
        let grads = loss.backward();
        assert_eq!(tape.bytes_of_values(), 3 * value, "the sweep computed nothing again");

        // Whoever holds the product's buffer keeps it from being written over.
        let other = GradientTape::new();
        let [x, w] = [1, 2].map(|seed| other.var(uniform(&[64, 64], seed)));
        let product = x.matmul(w);
        let held = product.value();
        let expected = activation(product).sum().backward();
        assert_eq!(other.bytes_of_values(), 4 * value);
        assert_eq!(bits(grads.wrt(inputs[0])), bits(expected.wrt(x)), "activation {i}");
        assert_eq!(bits(grads.wrt(inputs[1])), bits(expected.wrt(w)), "activation {i}");
        drop(held);
    }
}

#[test]
fn a_sum_lets_go_of_what_no_rule_reads() {
    let terms: [Of2; 5] =
        [|x, _| x.square(), |x, w| x * w, |x, w| x + w, |x, w| x - w, |x, w| (x * 2.0).matmul(w)];
    for (i, term) in terms.into_iter().enumerate() {
        let gradients = |hold: bool| {
            let tape = GradientTape::new();
            let inputs = [1, 2].map(|seed| tape.var(uniform(&[64, 64], seed)));
            let y = term(inputs[0], inputs[1]);
            let held = hold.then(|| y.value());
            let before = tape.bytes_of_values();
            let loss = y.mean();
            let freed = before - tape.bytes_of_values();
            assert_eq!(freed, if hold { 0 } else { 64 * 64 * 8 }, "term {i}");
            let grads = loss.backward();
            drop(held);
            (bits(grads.wrt(inputs[0])), grads.get(inputs[1]).map(bits), bits(&y.value()))
        };
        assert_eq!(gradients(true), gradients(false), "term {i}");
    }
}

#[test]
fn an_operand_written_over_is_computed_again_for_whoever_asks() {
    let tape = GradientTape::new();
    let inputs = [1, 2].map(|seed| tape.var(uniform(&[64, 64], seed)));
    let product = inputs[0].matmul(inputs[1]);
    let y = product.tanh();
    assert_eq!(product.value(), uniform(&[64, 64], 1).matmul(&uniform(&[64, 64], 2)));
    assert_eq!(product.value().tanh(), y.value());

    // One more use, whose rule reads it, and second derivatives.
    let gradient = |besides: Of2| {
        let tape = GradientTape::new();
        let inputs = [1, 2].map(|seed| tape.var(uniform(&[64, 64], seed) * 0.1));
        let loss = activated(inputs, |x| x.sigmoid(), besides);
        let [slope] = tape.gradient(loss, &[inputs[0]])[..] else { unreachable!("one source") };
        bits(slope.square().sum().backward().wrt(inputs[1]))
    };
    assert_eq!(gradient(|y, x| y * x), gradient(|y, x| x * y));
}

/// Bytes of what a pass keeps for its sweep, parameters aside.
fn kept(tape: &GradientTape, parameters: &[Var<'_>]) -> usize {
    tape.bytes_of_values() - parameters.iter().map(|p| 4 * p.value().len()).sum::<usize>()
}

/// PyTorch 2.15 saves 13,106,180 bytes for this network (`saved_tensors_hooks`, each storage once).
#[test]
fn a_convolutional_network_keeps_less_than_elsewhere() {
    let tape = GradientTape::<f32>::new();
    let zeros = |shape: &[usize]| tape.var(Tensor::zeros(shape));
    let weights = [&[32, 1, 3, 3][..], &[32], &[64, 32, 3, 3], &[64], &[10, 1600], &[10]].map(zeros);
    let [k1, b1, k2, b2, w, b] = weights;
    let mut x = tape.constant(Tensor::zeros(&[64, 1, 28, 28]));
    for (k, b) in [(k1, b1), (k2, b2)] {
        x = x.conv2d_bias(k, b, ConvOptions::new()).relu().max_pool2d(2);
    }
    let loss = x.reshape(&[64, 1600]).linear(w, b).cross_entropy(&Tensor::zeros(&[64]));
    let bytes = kept(&tape, &weights);
    assert!(bytes < 10_000_000, "{bytes} bytes");
    drop(loss.backward());
    assert_eq!(kept(&tape, &weights), bytes, "and computes nothing again");
}

/// PyTorch 2.15 saves 10,485,760 bytes with its plain operations, 6,324,224 with its fused attention.
#[test]
fn attention_keeps_about_as_much_as_fused_elsewhere() {
    let tape = GradientTape::<f32>::new();
    let zeros = |shape: &[usize]| tape.var(Tensor::zeros(shape));
    let weights = [&[768, 256][..], &[768], &[256, 256], &[256]].map(zeros);
    let [w, b, v, c] = weights;
    let attended = zeros(&[8, 128, 256])
        .linear(w, b)
        .self_attention(8, AttentionOptions::new().causal(true))
        .linear(v, c);
    let _loss = attended.square().mean();
    let bytes = kept(&tape, &weights);
    assert!(bytes <= 6_324_224 * 11 / 10, "{bytes} bytes");
}
