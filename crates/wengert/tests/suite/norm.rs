//! Normalisation's kernels against its compositions, written out here, at sizes that fill rows of
//! vectors, miss them, and are cut into parts; and the same bits on any number of threads.

use crate::common::{assert_close, bits, uniform, value_and_gradients};
use wengert::{Float, GradientTape, Tensor, Var, gradcheck};

fn inputs(shapes: &[&[usize]]) -> Vec<Tensor<f64>> {
    (1..).zip(shapes).map(|(seed, shape)| uniform(shape, seed)).collect()
}

/// (x - mean) / √(variance + eps) over `axes`.
fn normed<'t, T: Float>(x: Var<'t, T>, axes: &[isize], eps: f64) -> Var<'t, T> {
    let centered = x - x.mean_axes(axes, true);
    centered / (centered.square().mean_axes(axes, true) + eps).sqrt()
}

fn assert_all_close(name: &str, got: &[Tensor<f64>], want: &[Tensor<f64>], tolerance: f64) {
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        // A gradient is a sum of many.
        let largest = want.as_slice().iter().fold(1.0, |a: f64, b| a.max(b.abs()));
        assert_close(got, want, tolerance * largest, &format!("{name}, part {i}"));
    }
}

macro_rules! assert_computes {
    ($name:expr, $inputs:expr, $fast:expr, $plain:expr) => {{
        let want = value_and_gradients::<f64>($inputs, $plain);
        assert_all_close($name, &value_and_gradients::<f64>($inputs, $fast), &want, 1e-12);
        assert_all_close($name, &value_and_gradients::<f32>($inputs, $fast), &want, 2e-5);
    }};
}

/// x and weight; long rows are summed in parts, many rows in chunks.
const ROWS: [[&[usize]; 2]; 11] = [
    [&[5], &[5]],
    [&[3, 1], &[1]],
    [&[7, 16], &[16]],
    [&[2, 3, 4], &[3, 4]],
    [&[70, 17], &[17]],
    [&[300, 33], &[33]],
    [&[2, 3, 64], &[64]],
    [&[9, 5000], &[5000]],
    [&[2, 40_000], &[40_000]],
    [&[4000, 40], &[40]],
    [&[0, 4], &[4]],
];

#[test]
fn the_kernels_of_rows_compute_the_composition() {
    for shapes @ [x, weight] in ROWS {
        let axes: Vec<isize> = (1..=weight.len() as isize).map(|i| -i).collect();
        let inputs = inputs(&[x, weight, weight]);
        assert_computes!(
            &format!("layer_norm {shapes:?}"),
            &inputs,
            |v| v[0].layer_norm(v[1], v[2], 1e-2),
            |v| normed(v[0], &axes, 1e-2) * v[1] + v[2]
        );
        assert_computes!(&format!("rms_norm {shapes:?}"), &inputs[..2], |v| v[0].rms_norm(v[1], 1e-2), |v| v
            [0]
            / (v[0].square().mean_axes(&axes, true) + 1e-2).sqrt()
            * v[1]);
    }
}

/// Batches of channels: single elements, short planes and long ones, few and many images.
const IMAGES: [&[usize]; 13] = [
    &[5, 3],
    &[1, 4, 3],
    &[100, 6],
    &[300, 2],
    &[2, 300],
    &[40, 4, 3],
    &[130, 4, 2, 2],
    &[33, 2, 63],
    &[3, 6, 8, 8],
    &[17, 4, 15, 15],
    &[2, 2, 70, 70],
    &[0, 2, 3],
    &[2, 4, 0],
];

/// A vector of channels beside x.
fn along<'t, T: Float>(v: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    let mut shape = vec![1; x.shape().len() - 1];
    shape[0] = x.shape()[1];
    v.reshape(&shape)
}

#[test]
fn the_kernels_of_channels_compute_the_composition() {
    for x in IMAGES {
        let c: &[usize] = &x[1..2];
        let inputs = inputs(&[x, c, c, c, c]);
        let axes: Vec<isize> = (0..x.len() as isize).filter(|&i| i != 1).collect();
        if !inputs[0].is_empty() {
            assert_computes!(
                &format!("batch_norm {x:?}"),
                &inputs[..3],
                |v| v[0].batch_norm(v[1], v[2], 1e-2),
                |v| normed(v[0], &axes, 1e-2) * along(v[1], v[0]) + along(v[2], v[0])
            );
            assert_computes!(
                &format!("batch_norm_statistics {x:?}"),
                &inputs[..3],
                |v| {
                    let (y, mean, variance) = v[0].batch_norm_statistics(v[1], v[2], 1e-2);
                    y * along(mean, v[0]) + along(variance, v[0])
                },
                |v| {
                    let mean = v[0].mean_axes(&axes, true);
                    let variance = (v[0] - mean).square().mean_axes(&axes, true);
                    let y = normed(v[0], &axes, 1e-2) * along(v[1], v[0]) + along(v[2], v[0]);
                    y * mean + variance
                }
            );
        }
        assert_computes!(
            &format!("batch_norm_with {x:?}"),
            &inputs,
            |v| v[0].batch_norm_with(v[1], v[2].square(), v[3], v[4], 1e-1),
            |v| {
                let [mean, variance, weight, bias] = [1, 2, 3, 4].map(|i| along(v[i], v[0]));
                (v[0] - mean) / (variance.square() + 1e-1).sqrt() * weight + bias
            }
        );
    }
}

#[test]
fn the_kernels_of_groups_compute_the_composition() {
    for x in IMAGES {
        let c: &[usize] = &x[1..2];
        let inputs = inputs(&[x, c, c]);
        if inputs[0].is_empty() {
            continue;
        }
        for groups in (1..=x[1]).filter(|groups| x[1].is_multiple_of(*groups)) {
            let sets = [x[0], groups, x[1..].iter().product::<usize>() / groups];
            assert_computes!(
                &format!("group_norm {x:?} of {groups}"),
                &inputs,
                |v| v[0].group_norm(groups, v[1], v[2], 1e-1),
                |v| {
                    let y = normed(v[0].reshape(&sets), &[-1], 1e-1).reshape(x);
                    y * along(v[1], v[0]) + along(v[2], v[0])
                }
            );
        }
        let (instances, groups) = (
            inputs[0].instance_norm(&inputs[1], &inputs[2], 1e-2),
            inputs[0].group_norm(x[1], &inputs[1], &inputs[2], 1e-2),
        );
        assert_eq!(instances, groups);
    }
}

/// Weights of empty batches get zeros.
#[test]
fn nothing_has_a_gradient_of_zeros() {
    let (weight, bias) = (uniform(&[4], 1), uniform(&[4], 2));
    for x in [&[0, 4, 3][..], &[2, 4, 0]] {
        let inputs = [Tensor::zeros(x), weight.clone(), bias.clone()];
        let zeros = [Tensor::zeros(x), Tensor::zeros(x), Tensor::zeros(&[4]), Tensor::zeros(&[4])];
        assert_eq!(value_and_gradients::<f64>(&inputs, |v| v[0].batch_norm(v[1], v[2], 1e-3)), zeros);
        assert_eq!(value_and_gradients::<f64>(&inputs, |v| v[0].group_norm(2, v[1], v[2], 1e-3)), zeros);
    }
}

/// Each input alone: what is not wanted is not computed, and the others do not change.
#[test]
fn a_gradient_is_the_same_without_the_others() {
    type Norm = for<'t> fn(&[Var<'t, f64>]) -> Var<'t, f64>;
    let channels: [&[usize]; 5] = [&[40, 4, 5], &[4], &[4], &[4], &[4]];
    let table: [(Norm, Vec<Tensor<f64>>); 5] = [
        (|v| v[0].layer_norm(v[1], v[2], 0.1), inputs(&[&[300, 20], &[20], &[20]])),
        (|v| v[0].rms_norm(v[1], 0.1), inputs(&[&[300, 20], &[20]])),
        (|v| v[0].batch_norm(v[1], v[2], 0.1), inputs(&channels[..3])),
        (|v| v[0].group_norm(2, v[1], v[2], 0.1), inputs(&channels[..3])),
        (|v| v[0].batch_norm_with(v[1], v[2].square(), v[3], v[4], 0.1), inputs(&channels)),
    ];
    for (k, (f, inputs)) in table.into_iter().enumerate() {
        let together = value_and_gradients(&inputs, f);
        for i in 0..inputs.len() {
            let tape = GradientTape::new();
            let leaf = |(j, x)| if j == i { tape.var(x) } else { tape.constant(x) };
            let vars: Vec<Var<f64>> = inputs.iter().enumerate().map(leaf).collect();
            let y = f(&vars);
            let grads = y.backward_with(&uniform(&y.shape(), 9));
            assert_eq!(grads.wrt(vars[i]), &together[i + 1], "function {k}, input {i}");
        }
    }
}

#[test]
fn norms_are_right_to_second_order() {
    let channels = inputs(&[&[17, 2, 2], &[2], &[2]]);
    gradcheck(|v| v[0].layer_norm(v[1], v[2], 0.1), &inputs(&[&[3, 17], &[17], &[17]])).unwrap();
    gradcheck(|v| v[0].rms_norm(v[1], 0.1), &inputs(&[&[3, 17], &[17]])).unwrap();
    gradcheck(|v| v[0].batch_norm(v[1], v[2], 0.1), &channels).unwrap();
    gradcheck(|v| v[0].group_norm(1, v[1], v[2], 0.1), &inputs(&[&[2, 3, 5], &[3], &[3]])).unwrap();
    gradcheck(
        |v| {
            let (y, mean, variance) = v[0].batch_norm_statistics(v[1], v[2], 0.1);
            y * (mean * variance).sum()
        },
        &channels,
    )
    .unwrap();
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let rows = inputs(&[&[700, 129], &[129], &[129]]);
    let long = inputs(&[&[3, 70_000], &[70_000], &[70_000]]);
    let images = inputs(&[&[40, 16, 13, 13], &[16], &[16]]);
    let columns = inputs(&[&[500, 200], &[200], &[200]]);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut results = Vec::new();
            for x in [&rows, &long] {
                results.extend(value_and_gradients::<f32>(x, |v| v[0].layer_norm(v[1], v[2], 1e-5)));
            }
            for x in [&images, &columns] {
                results.extend(value_and_gradients::<f32>(x, |v| v[0].batch_norm(v[1], v[2], 1e-5)));
                results.extend(value_and_gradients::<f32>(x, |v| v[0].group_norm(4, v[1], v[2], 1e-5)));
            }
            results
        })
    };
    let one = with(1);
    for threads in [2, 3] {
        for (a, b) in one.iter().zip(with(threads)) {
            assert_eq!(bits(a), bits(&b));
        }
    }
}

/// The composition would be exact here, as its mean is.
#[test]
fn nothing_cancels_where_the_mean_is_large() {
    let x = Tensor::from_fn(&[200, 3, 40], |i| 1e8 + ((i[0] * 7 + i[1] + i[2] * 5) % 9) as f64);
    let (weight, bias) = (Tensor::ones(&[3]), Tensor::zeros(&[3]));
    let near = x.map(|x| x - 1e8);
    for (got, want) in [
        (x.batch_norm(&weight, &bias, 0.0), near.batch_norm(&weight, &bias, 0.0)),
        (x.group_norm(1, &weight, &bias, 0.0), near.group_norm(1, &weight, &bias, 0.0)),
    ] {
        assert_close(&got, &want, 1e-7, "shifted");
    }
}
