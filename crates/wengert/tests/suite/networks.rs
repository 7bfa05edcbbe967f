//! Operations of neural networks that are composed of others: gradients by differences, and values at
//! the points where a composition could go wrong.

use crate::common::{Function, assert_close, from_intervals, uniform};
use wengert::{
    AttentionOptions, ConvOptions, Float, GradientTape, PoolOptions, Reduction, Tensor, Var, gradcheck,
    tensor,
};

fn inputs(shapes: &[&[usize]], seed: u64) -> Vec<Tensor<f64>> {
    shapes.iter().zip(seed..).map(|(shape, seed)| uniform(shape, seed)).collect()
}

#[test]
fn gradients_of_compositions_agree_with_differences_to_second_order() {
    let table: Vec<(&str, Function, Vec<&[usize]>)> = vec![
        ("layer_norm", |v| v[0].layer_norm(v[1], v[2], 1e-3), vec![&[2, 3, 4], &[3, 4], &[3, 4]]),
        ("layer_norm", |v| v[0].layer_norm(v[1], v[2], 1e-3), vec![&[5], &[5], &[5]]),
        ("layer_norm", |v| v[0].layer_norm(v[1], v[2], 0.1), vec![&[3, 1], &[1], &[1]]),
        ("layer_norm", |v| v[0].layer_norm(v[1], v[2], 0.1), vec![&[0, 4], &[4], &[4]]),
        ("rms_norm", |v| v[0].rms_norm(v[1], 1e-3), vec![&[2, 3, 4], &[4]]),
        ("batch_norm", |v| v[0].batch_norm(v[1], v[2], 1e-3), vec![&[5, 3], &[3], &[3]]),
        ("batch_norm", |v| v[0].batch_norm(v[1], v[2], 1e-3), vec![&[2, 3, 2, 2], &[3], &[3]]),
        (
            "batch_norm_with",
            |v| v[0].batch_norm_with(v[1], v[2].square(), v[3], v[4], 0.5),
            vec![&[2, 3, 2], &[3], &[3], &[3], &[3]],
        ),
        ("group_norm", |v| v[0].group_norm(2, v[1], v[2], 1e-3), vec![&[2, 4, 3], &[4], &[4]]),
        ("instance_norm", |v| v[0].instance_norm(v[1], v[2], 1e-3), vec![&[2, 2, 2, 2], &[2], &[2]]),
        (
            "attention",
            |v| v[0].attention(v[1], v[2], AttentionOptions::new()),
            vec![&[3, 4], &[5, 4], &[5, 2]],
        ),
        (
            "attention",
            |v| v[0].attention(v[1], v[2], AttentionOptions::new().causal(true).scale(0.7)),
            vec![&[2, 2, 3, 2], &[2, 1, 3, 2], &[2, 3, 2]],
        ),
        (
            "attention_with_bias",
            |v| {
                let mask = tensor![[true, false, true], [false, false, false]];
                v[0].attention_with_bias(v[1], v[2], v[3], AttentionOptions::new().mask(mask))
            },
            vec![&[2, 2, 2], &[2, 3, 2], &[2, 3, 3], &[2, 1, 3]],
        ),
        ("adaptive_avg_pool2d", |v| v[0].adaptive_avg_pool2d([2, 3]), vec![&[2, 2, 5, 7]]),
        ("adaptive_avg_pool2d", |v| v[0].adaptive_avg_pool2d(4), vec![&[3, 2]]),
        ("global_avg_pool2d", |v| v[0].global_avg_pool2d(), vec![&[2, 3, 2, 4]]),
        ("upsample_nearest2d", |v| v[0].upsample_nearest2d([2, 3]), vec![&[2, 2, 3]]),
        ("upsample_bilinear2d", |v| v[0].upsample_bilinear2d([5, 4], false), vec![&[2, 2, 3, 2]]),
        ("upsample_bilinear2d", |v| v[0].upsample_bilinear2d([2, 5], true), vec![&[3, 3]]),
        ("mse_loss", |v| v[0].mse_loss(v[1], Reduction::Mean), vec![&[3, 2], &[3, 2]]),
        ("mae_loss", |v| v[0].mae_loss(v[1], Reduction::Sum), vec![&[3, 2], &[3, 2]]),
        ("huber_loss", |v| v[0].huber_loss(v[1], 0.4, Reduction::None), vec![&[4, 5], &[4, 5]]),
        (
            "bce_loss",
            |v| (v[0] * 0.4 + 0.5).bce_loss(v[1].sigmoid(), Reduction::Mean),
            vec![&[3, 2], &[3, 2]],
        ),
        (
            "bce_with_logits_loss",
            |v| (v[0] * 8.0).bce_with_logits_loss(v[1], Reduction::None),
            vec![&[3, 4], &[3, 4]],
        ),
        (
            "cross_entropy_loss",
            |v| v[0].cross_entropy_loss(&tensor![1, 0, 3], 0.3, Reduction::None),
            vec![&[3, 4]],
        ),
        ("nll_loss", |v| v[0].nll_loss(&tensor![[1], [0]], Reduction::Mean), vec![&[2, 1, 3]]),
        (
            "kl_div_loss",
            |v| v[0].log_softmax(-1).kl_div_loss(v[1].softmax(-1), Reduction::Mean),
            vec![&[3, 4], &[3, 4]],
        ),
    ];
    for (seed, (name, f, shapes)) in table.into_iter().enumerate() {
        let inputs = inputs(&shapes, 10 * seed as u64);
        let report = gradcheck(f, &inputs).unwrap_or_else(|e| panic!("{name} over {shapes:?}: {e}"));
        assert_eq!(report.checked, 2 * inputs.iter().map(Tensor::len).sum::<usize>(), "{name}");
    }
}

/// Value, first and second derivative of `f` at `x`.
fn derivatives<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: f64) -> [f64; 3] {
    let tape = GradientTape::new();
    let x = tape.var(T::from_f64(x));
    let y = f(x);
    let slope = tape.gradient(y, &[x])[0];
    [y, slope, tape.gradient(slope, &[x])[0]].map(|y| wengert::Element::to_f64(y.item()))
}

#[test]
fn smooth_losses_have_no_corner_where_they_are_composed() {
    let target = |t: f64| Tensor::scalar(t);
    assert_eq!(derivatives::<f64>(|x| x.huber_loss(target(0.0), 1.0, Reduction::Sum), 0.0), [0.0, 0.0, 1.0]);
    assert_eq!(derivatives::<f64>(|x| x.huber_loss(target(0.0), 1.0, Reduction::Sum), 1.0)[..2], [0.5, 1.0]);
    let far = derivatives::<f32>(|x| x.huber_loss(Tensor::scalar(0.0), 1.0, Reduction::Sum), -1e20);
    assert_eq!(far, [1e20f32 as f64, -1.0, 0.0]);
    let logits = |x: f64| derivatives::<f64>(|x| x.bce_with_logits_loss(target(0.25), Reduction::Sum), x);
    assert_eq!(logits(0.0), [2f64.ln(), 0.25, 0.25]);
}

#[test]
fn logits_of_a_thousand_overflow_nowhere() {
    fn at<T: Float>(x: f64, target: f64) -> [f64; 3] {
        derivatives(
            |x: Var<T>| x.bce_with_logits_loss(Tensor::scalar(T::from_f64(target)), Reduction::Mean),
            x,
        )
    }
    for (x, target, expected) in [
        (1000.0, 1.0, [0.0, 0.0, 0.0]),
        (1000.0, 0.0, [1000.0, 1.0, 0.0]),
        (-1000.0, 1.0, [1000.0, -1.0, 0.0]),
        (-1000.0, 0.0, [0.0, 0.0, 0.0]),
    ] {
        assert_eq!((at::<f32>(x, target), at::<f64>(x, target)), (expected, expected), "{x} for {target}");
    }
}

#[test]
fn what_has_no_weight_counts_nothing_even_if_its_logarithm_is_infinite() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![[0.0, f64::NEG_INFINITY]]);
    for loss in [
        x.nll_loss(&tensor![0], Reduction::Sum),
        x.kl_div_loss(tensor![[1.0, 0.0]], Reduction::Sum),
        x.exp().bce_loss(tensor![[1.0, 0.0]], Reduction::Sum),
    ] {
        assert_eq!(loss.item(), 0.0);
        let slope = loss.backward().wrt(x).clone();
        assert!(slope.as_slice().iter().all(|x| x.is_finite()), "{slope}");
    }
    assert_eq!(x.nll_loss(&tensor![1], Reduction::Sum).item(), f64::INFINITY);
    assert_eq!(x.exp().bce_loss(tensor![[0.0, 1.0]], Reduction::None).value(), tensor![[100.0, 100.0]]);
}

#[test]
fn reductions_are_mean_sum_and_none() {
    let x = tensor![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]];
    let zeros = Tensor::zeros(&[2, 3]);
    assert_eq!(x.mae_loss(&zeros, Reduction::default()).item(), 2.5);
    assert_eq!(x.mae_loss(&zeros, Reduction::Sum).item(), 15.0);
    assert_eq!(x.mae_loss(&zeros, Reduction::None), x);
    let rows = x.cross_entropy_loss(&tensor![0, 2], 0.1, Reduction::None);
    assert_eq!(rows.shape()[..], [2]);
    let mean = x.cross_entropy_loss(&tensor![0, 2], 0.1, Reduction::Mean).item();
    assert!((mean - rows.as_slice().iter().sum::<f64>() / 2.0).abs() < 1e-15);
    // Divided by the batch of 2, not by 6.
    let p = x.softmax(-1);
    let [sum, mean] = [Reduction::Sum, Reduction::Mean]
        .map(|r| x.log_softmax(-1).kl_div_loss(&p.transpose(0, 1).reshape(&[2, 3]).unwrap(), r).item());
    assert_eq!(mean, sum / 2.0);
}

#[test]
fn a_target_may_be_a_variable_and_gets_its_gradient() {
    let tape = GradientTape::new();
    let (x, t) = (tape.var(tensor![3.0]), tape.var(tensor![1.0]));
    let grads = x.mse_loss(t, Reduction::Sum).backward();
    assert_eq!((grads.wrt(x), grads.wrt(t)), (&tensor![4.0], &tensor![-4.0]));
    let constant = x.mse_loss(t.value(), Reduction::Sum).backward();
    assert_eq!((constant.wrt(x), constant.get(t)), (&tensor![4.0], None));
}

#[test]
fn norms_are_stable_where_the_mean_is_large() {
    let x = tensor![[1e8, 1e8 + 2.0, 1e8 + 4.0]];
    let (ones, zeros) = (Tensor::ones(&[3]), Tensor::zeros(&[3]));
    let root = (8f64 / 3.0).sqrt();
    assert_close(&x.layer_norm(&ones, &zeros, 0.0), &tensor![[-2.0 / root, 0.0, 2.0 / root]], 1e-14, "layer");
    let column = x.reshape(&[3, 1]).unwrap();
    let normed = column.batch_norm(&Tensor::ones(&[1]), &Tensor::zeros(&[1]), 0.0);
    assert_close(&normed, &tensor![[-2.0 / root], [0.0], [2.0 / root]], 1e-14, "batch");
}

#[test]
fn batch_norm_with_its_own_statistics_is_batch_norm() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[4, 3, 2, 5], 1));
    let (weight, bias) = (tape.var(uniform(&[3], 2)), tape.var(uniform(&[3], 3)));
    let (y, mean, variance) = x.batch_norm_statistics(weight, bias, 1e-5);
    assert_close(&mean.value(), &x.mean_axes(&[0, 2, 3], false).value(), 1e-15, "mean");
    let squares = x.square().mean_axes(&[0, 2, 3], false) - mean.square();
    assert_close(&variance.value(), &squares.value(), 1e-14, "variance");
    let with = x.batch_norm_with(mean, variance, weight, bias, 1e-5);
    assert_close(&y.value(), &with.value(), 1e-14, "value");
    // The statistics are part of the function: gradients flow through them in either form.
    let seed = uniform(&[4, 3, 2, 5], 4);
    let (a, b) = (y.backward_with(&seed), with.backward_with(&seed));
    assert_close(a.wrt(x), b.wrt(x), 1e-13, "gradient");
}

#[test]
fn attention_is_the_weighted_mean_of_the_values() {
    let (q, k, v) = (uniform(&[2, 3, 4], 1), uniform(&[2, 5, 4], 2), uniform(&[2, 5, 6], 3));
    let y = q.attention(&k, &v, AttentionOptions::new());
    for (b, i, e) in (0..2).flat_map(|b| (0..3).flat_map(move |i| (0..6).map(move |e| (b, i, e)))) {
        let at = |x: &Tensor<f64>, row: usize, column: usize| x.get(&[b, row, column]).unwrap();
        let weight = |j: usize| ((0..4).map(|d| at(&q, i, d) * at(&k, j, d)).sum::<f64>() / 2.0).exp();
        let total: f64 = (0..5).map(weight).sum();
        let expected: f64 = (0..5).map(|j| weight(j) * at(&v, j, e)).sum::<f64>() / total;
        assert!((at(&y, i, e) - expected).abs() < 1e-14);
    }
}

#[test]
fn a_query_that_attends_to_nothing_gets_zeros_and_gives_none_back() {
    let tape = GradientTape::new();
    let (q, k, v) =
        (tape.var(uniform(&[2, 3], 1)), tape.var(uniform(&[4, 3], 2)), tape.var(uniform(&[4, 2], 3)));
    let mask = Tensor::from_fn(&[2, 1], |index| index[0] == 1);
    let y = q.attention(k, v, AttentionOptions::new().mask(mask));
    assert_eq!(y.value().as_slice()[..2], [0.0, 0.0]);
    let grads = y.backward_with(&Tensor::ones(&[2, 2]));
    assert_eq!(grads.wrt(q).as_slice()[..3], [0.0; 3]);
    assert!(grads.wrt(k).as_slice().iter().chain(grads.wrt(v).as_slice()).all(|x| x.is_finite()));
    // An additive mask of -∞ says the same.
    let bias = tape.constant(tensor![[f64::NEG_INFINITY], [0.0]]);
    let additive = q.attention_with_bias(k, v, bias, AttentionOptions::new());
    assert_close(&additive.value(), &y.value(), 1e-15, "an additive mask");
}

#[test]
fn causal_attention_does_not_see_what_comes_later() {
    let (q, k, v) = (uniform(&[4, 2], 1), uniform(&[4, 2], 2), uniform(&[4, 3], 3));
    let causal = |v: &Tensor<f64>| q.attention(&k, v, AttentionOptions::new().causal(true));
    let mut later = v.to_vec();
    later[6..].fill(7.0);
    let (a, b) = (causal(&v), causal(&Tensor::from_vec(later, &[4, 3]).unwrap()));
    assert_eq!(a.as_slice()[..6], b.as_slice()[..6]);
    assert_ne!(a.as_slice()[6..], b.as_slice()[6..]);
    let lower = Tensor::from_fn(&[4, 4], |index| index[1] <= index[0]);
    let masked = q.attention(&k, &v, AttentionOptions::new().mask(lower));
    assert_eq!(a, masked);
}

/// Each element of the result by the formula for its place in the image.
#[test]
fn bilinear_upsampling_interpolates_between_the_four_neighbours() {
    let x = uniform(&[3, 5], 1);
    for (size, align_corners) in
        [([7, 4], false), ([7, 4], true), ([1, 9], true), ([2, 1], false), ([3, 5], true)]
    {
        let y = x.upsample_bilinear2d(size, align_corners);
        let place = |i: usize, n: usize, len: usize| match align_corners {
            true if n == 1 => 0.0,
            true => i as f64 * (len - 1) as f64 / (n - 1) as f64,
            false => ((i as f64 + 0.5) * len as f64 / n as f64 - 0.5).clamp(0.0, (len - 1) as f64),
        };
        let expected = Tensor::from_fn(&size, |index| {
            let (r, c) = (place(index[0], size[0], 3), place(index[1], size[1], 5));
            let near = |i: usize, j: usize| {
                (1.0 - (r - i as f64).abs()).max(0.0) * (1.0 - (c - j as f64).abs()).max(0.0)
            };
            (0..15).map(|k| near(k / 5, k % 5) * x.as_slice()[k]).sum()
        });
        assert_close(&y, &expected, 1e-14, &format!("{size:?} {align_corners}"));
    }
}

#[test]
fn adaptive_parts_are_means_that_cover_the_image() {
    let x = uniform(&[2, 5, 7], 1);
    let y = x.adaptive_avg_pool2d([3, 2]);
    // Rows 0..2, 1..4 and 3..5, columns 0..4 and 3..7.
    let expected = Tensor::from_fn(&[2, 3, 2], |index| {
        let (rows, cols) = ([0..2, 1..4, 3..5][index[1]].clone(), [0..4, 3..7][index[2]].clone());
        let count = (rows.len() * cols.len()) as f64;
        let at = |(r, c): (usize, usize)| x.get(&[index[0], r, c]).unwrap();
        rows.flat_map(|r| cols.clone().map(move |c| (r, c))).map(at).sum::<f64>() / count
    });
    assert_close(&y, &expected, 1e-14, "parts");
    assert_eq!(x.adaptive_avg_pool2d([5, 7]), x);
    assert_close(&x.adaptive_avg_pool2d(1).reshape(&[2]).unwrap(), &x.global_avg_pool2d(), 1e-15, "whole");
}

#[test]
fn one_dimension_is_an_image_of_one_row() {
    let (x, w) = (uniform(&[2, 3, 9], 1), uniform(&[4, 3, 3], 2));
    let y = x.conv1d(&w, ConvOptions::new().stride([9, 2]).padding([9, 1]));
    let (x2, w2) = (x.reshape(&[2, 3, 1, 9]).unwrap(), w.reshape(&[4, 3, 1, 3]).unwrap());
    let y2 = x2.conv2d(&w2, ConvOptions::new().stride([1, 2]).padding([0, 1]));
    assert_eq!(y, y2.reshape(&[2, 4, 5]).unwrap());
    let options = PoolOptions::new([9, 3]).stride([9, 2]).padding([9, 1]);
    assert_eq!(x.max_pool1d(options).shape()[..], [2, 3, 5]);
    assert_eq!(x.avg_pool1d(3), x.avg_pool2d([1, 3]));
}

#[test]
fn a_transposed_convolution_is_the_gradient_of_the_convolution() {
    let options = ConvOptions::new().stride([2, 3]).padding([1, 2]).groups(2);
    let tape = GradientTape::new();
    let (x, w) = (tape.var(uniform(&[2, 4, 8, 7], 1)), tape.var(uniform(&[6, 2, 3, 2], 2)));
    let y = x.conv2d(w, options);
    let seed = uniform(&y.shape(), 3);
    // 8 rows and 7 columns are not the least that give as many windows.
    let back = seed.conv_transpose2d(&w.value(), options.output_padding([1, 0]));
    assert_eq!(y.backward_with(&seed).wrt(x), &back);
}

#[test]
fn dropout_draws_anew_at_each_call_and_the_same_for_the_same_seed() {
    let x = from_intervals(&[300], &[(0.5, 1.5)], 1);
    let mut tape = GradientTape::new();
    let draw = |tape: &GradientTape<f64>| tape.constant(&x).dropout(0.5).value();
    let (first, second) = (draw(&tape), draw(&tape));
    assert_ne!(first, second);
    tape.reset();
    let third = draw(&tape);
    assert!(third != first && third != second, "a reset does not start the masks anew");
    tape.seed(0);
    assert_eq!([draw(&tape), draw(&tape), draw(&tape)], [first.clone(), second, third]);
    tape.seed(1);
    assert_ne!(draw(&tape), first);
    assert_eq!(GradientTape::new().constant(&x).dropout(0.5).value(), first, "a new tape has seed 0");
}

#[test]
fn dropout_is_the_identity_outside_of_training_and_at_rate_zero() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[50], 1));
    assert_eq!(x.dropout(0.0).id(), x.id());
    assert!(tape.training());
    tape.set_training(false);
    assert_eq!(x.dropout(0.9).id(), x.id());
    tape.set_training(true);
    assert_eq!(x.dropout(1.0).value(), Tensor::zeros(&[50]));
}

#[test]
fn a_checkpoint_draws_the_same_mask_again() {
    let (tape, kept) = (GradientTape::new(), GradientTape::new());
    let values = uniform(&[100], 1);
    let (x, y) = (tape.var(&values), kept.var(&values));
    let again = tape.checkpoint(|| x.exp().dropout(0.5).square()).sum();
    let once = y.exp().dropout(0.5).square().sum();
    assert_eq!(again.item(), once.item());
    assert_eq!(again.backward().wrt(x), once.backward().wrt(y));
}

/// What is dropped is 0 even where it was not a number.
#[test]
fn dropout_replaces_rather_than_multiplies_by_zero() {
    let tape = GradientTape::<f32>::new();
    let x = tape.var(Tensor::full(&[1000], f32::NAN));
    let kept = x.dropout(0.5).value().as_slice().iter().filter(|x| x.is_nan()).count();
    assert!((400..600).contains(&kept), "{kept}");
}

#[test]
fn the_tape_shows_options_that_are_not_as_usual() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(Tensor::ones(&[1, 2, 6, 6]));
    let w = tape.var(Tensor::ones(&[2, 1, 3, 3]));
    x.conv2d(w, ConvOptions::new().stride(2).padding([1, 0]).groups(2))
        .max_pool2d(2)
        .avg_pool2d(1)
        .dropout(0.25);
    let text = tape.to_string();
    for line in [
        "%2 = conv2d %0, %1, stride=[2, 2], padding=[1, 0], groups=2 ",
        "%3 = max_pool2d %2, kernel=[2, 2] ",
        "%4 = avg_pool2d %3, kernel=[1, 1] ",
        "%5 = dropout %4, rate=0.25 ",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn windows_that_see_nothing_but_padding_give_the_bias() {
    // Steps of six over one element between three zeros on each side.
    let f: Function = |v| v[0].conv2d_bias(v[1], v[2], ConvOptions::new().stride(6).padding([0, 3]));
    let inputs = [uniform(&[2, 3, 1, 1], 1), uniform(&[20, 3, 1, 2], 2), uniform(&[20], 3)];
    let tape = GradientTape::<f64>::new();
    let [x, w, b] = inputs.each_ref().map(|x| tape.var(x));
    let y = f(&[x, w, b]);
    assert_eq!(y.shape()[..], [2, 20, 1, 1]);
    assert_eq!(y.value().as_slice()[..20], inputs[2].as_slice()[..]);
    gradcheck(f, &inputs).unwrap_or_else(|error| panic!("{error}"));
}
