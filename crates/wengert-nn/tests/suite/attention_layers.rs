//! Attention and transformers: one way to compute it against another, and who may see whom.

use wengert_nn::prelude::*;

fn uniform(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, -1.0, 1.0, &mut seeded(seed))
}

#[track_caller]
fn assert_close(found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape());
    let mut pairs = found.as_slice().iter().zip(expected.as_slice());
    assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-12), "{found} is not {expected}");
}

fn heads() -> MultiHeadAttention<f64> {
    MultiHeadAttention::new(6, 2, &mut seeded(1))
}

#[test]
fn attention_to_others_that_are_itself_is_attention_to_itself() {
    let tape = GradientTape::new();
    let (x, same) = (tape.constant(uniform(&[2, 4, 6], 1)), tape.constant(uniform(&[2, 4, 6], 1)));
    let own = heads().forward(x);
    for (layer, others) in [(heads(), [x, x]), (heads(), [x, same])] {
        let y = layer.attend(x, others[0], others[1], AttentionOptions::new());
        assert_close(&y.value(), &own.value());
    }
}

#[test]
fn no_position_of_a_causal_layer_sees_a_later_one() {
    let layers: [Box<dyn Layer<f64>>; 2] = [
        Box::new(heads().causal(true)),
        Box::new(TransformerEncoderLayer::new(6, 3, 8, &mut seeded(1)).causal(true).dropout(0.0)),
    ];
    for layer in layers {
        let tape = GradientTape::new();
        let x = tape.var(uniform(&[4, 6], 1));
        let y = layer.forward(x);
        for position in 0..4isize {
            let seen = y.slice(&[(position..position + 1).into()]).sum().backward().wrt(x).clone();
            let later = &seen.as_slice()[(position as usize + 1) * 6..];
            assert!(later.iter().all(|&g| g == 0.0), "{position}: {seen}");
        }
    }
}

#[test]
fn what_a_mask_shuts_out_is_as_if_it_were_not_there() {
    let layer = heads();
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[2, 4, 6], 1));
    let lengths = [2, 4];
    let mask = Tensor::from_fn(&[2, 1, 1, 4], |at| at[3] < lengths[at[0]]);
    let masked = layer.forward_with(x, AttentionOptions::new().mask(mask));
    let short = layer.forward(x.slice(&[(0..1).into(), (..2).into()]));
    assert_close(&masked.slice(&[(0..1).into(), (..2).into()]).value(), &short.value());
    let whole = layer.forward(x.slice(&[(1..2).into()]));
    assert_close(&masked.slice(&[(1..2).into()]).value(), &whole.value());
}

#[test]
fn a_dropout_that_drops_nothing_changes_nothing() {
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[2, 4, 6], 1));
    let almost = heads().causal(true).dropout(1e-15);
    assert_close(&almost.forward(x).value(), &heads().causal(true).forward(x).value());
}

#[test]
fn dropout_is_for_training_and_repeats_by_seed() {
    let block: TransformerEncoderLayer<f64> =
        TransformerEncoderLayer::new(6, 2, 8, &mut seeded(1)).dropout(0.5);
    let run = |seed, training| {
        let tape = GradientTape::new();
        tape.seed(seed);
        tape.set_training(training);
        block.forward(tape.constant(uniform(&[2, 4, 6], 1))).value()
    };
    assert_eq!(run(1, true), run(1, true));
    assert_ne!(run(1, true), run(2, true));
    assert_ne!(run(1, true), run(1, false));
    assert_eq!(run(1, false), run(2, false));
}

#[test]
fn heads_are_formulas_of_their_parts() {
    // One head of two numbers, whose projections are the identity: attention itself.
    let mut layer: MultiHeadAttention<f64> = MultiHeadAttention::without_bias(2, 1, &mut seeded(1));
    let eye = Tensor::eye(2);
    let thrice = Tensor::concat(&[&eye, &eye, &eye], 0);
    layer.visit_mut(&wengert_nn::Path::root(), &mut |path, parameter| {
        let is_in = path.to_string() == "in_proj_weight";
        parameter.replace(if is_in { thrice.clone() } else { eye.clone() });
    });
    let tape = GradientTape::new();
    let x = tape.constant(uniform(&[3, 2], 1));
    let expected = ((x / 2f64.sqrt()).matmul(x.t())).softmax(-1).matmul(x);
    assert_close(&layer.forward(x).value(), &expected.value());
}

#[test]
fn stacks_are_their_blocks_one_after_the_other() {
    let rng = &mut seeded(1);
    let blocks: Vec<TransformerDecoderLayer<f64>> =
        (0..2).map(|_| TransformerDecoderLayer::new(6, 2, 8, rng).dropout(0.0).norm_first(true)).collect();
    let norm = LayerNorm::new(6);
    let tape = GradientTape::new();
    let (x, memory) = (tape.constant(uniform(&[2, 4, 6], 1)), tape.constant(uniform(&[2, 3, 6], 2)));
    let by_hand = norm.forward(blocks[1].forward(blocks[0].forward(x, memory), memory)).value();
    let decoder = TransformerDecoder::new(blocks).norm(norm);
    assert_close(&decoder.forward(x, memory).value(), &by_hand);
    let names: Vec<String> = decoder.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[0], "layers.0.self_attn.in_proj_weight");
    assert_eq!(names[4], "layers.0.multihead_attn.in_proj_weight");
    assert_eq!(names.last().map(String::as_str), Some("norm.bias"));
}

#[test]
fn positions_are_sines_of_falling_frequency() {
    let positions: PositionalEncoding<f64> = PositionalEncoding::sinusoidal(50, 6);
    for (p, i) in [(0, 0), (7, 0), (7, 3), (49, 4), (49, 5)] {
        let angle = p as f64 / 10000f64.powf((i / 2 * 2) as f64 / 6.0);
        let expected = if i % 2 == 0 { angle.sin() } else { angle.cos() };
        assert_eq!(positions.table().get(&[p, i]), Some(expected));
    }
    assert!(positions.parameters().is_empty());
    let learned: PositionalEncoding<f64> = PositionalEncoding::learned(50, 6, &mut seeded(1));
    assert_eq!(learned.parameters()[0].0, "weight");
    let tape = GradientTape::new();
    let grads = learned.forward(tape.constant(uniform(&[2, 3, 6], 1))).sum().backward();
    let gradient = grads.parameter(learned.parameters()[0].1).unwrap();
    assert_eq!(gradient.sum().item(), 2.0 * 3.0 * 6.0);
}
