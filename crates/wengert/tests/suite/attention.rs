//! Attention's kernels against its composition, which `attention_with_bias` still is, at sizes that
//! fill blocks, miss them, and broadcast; and the same bits on any number of threads.

use crate::common::{assert_close, bits, uniform, value_and_gradients};
use wengert::{AttentionOptions, Float, GradientTape, Tensor, Var, gradcheck};

fn composed<'t, T: Float>(v: &[Var<'t, T>], options: AttentionOptions) -> Var<'t, T> {
    let none = v[0].tape().constant(T::zero());
    v[0].attention_with_bias(v[1], v[2], none, options)
}

/// Queries, keys and values of some shapes.
type Shapes<'a> = [&'a [usize]; 3];

const SHAPES: [Shapes; 7] = [
    [&[3, 4], &[5, 4], &[5, 2]],
    [&[2, 33, 8], &[2, 33, 8], &[2, 33, 8]],
    [&[2, 3, 64, 5], &[2, 1, 70, 5], &[3, 70, 6]],
    [&[100, 1], &[31, 1], &[31, 1]],
    [&[1, 7], &[200, 7], &[200, 3]],
    [&[2, 300, 4], &[2, 300, 4], &[300, 4]],
    [&[2, 0, 4], &[2, 3, 4], &[2, 3, 4]],
];

fn inputs(shapes: Shapes) -> Vec<Tensor<f64>> {
    (1..).zip(shapes).map(|(seed, shape)| uniform(shape, seed)).collect()
}

fn options(shapes: Shapes) -> [AttentionOptions; 4] {
    let [q, k, _] = shapes.map(|shape| shape[shape.len() - 2]);
    let mask = Tensor::from_fn(&[q, k], |i| (i[0] * 7 + i[1] * 3) % 5 > 1 && i[0] != 2);
    let new = AttentionOptions::new;
    [new(), new().causal(true), new().mask(mask.clone()).scale(1.5), new().mask(mask).causal(true)]
}

#[test]
fn the_kernels_compute_the_composition() {
    for shapes in SHAPES {
        let inputs = inputs(shapes);
        for options in options(shapes) {
            let (fast, plain) = (options.clone(), options);
            let name = format!("{shapes:?} {plain:?}");
            let want = value_and_gradients::<f64>(&inputs, |v| composed(v, plain.clone()));
            let got = value_and_gradients::<f64>(&inputs, |v| v[0].attention(v[1], v[2], fast.clone()));
            for (got, want) in got.iter().zip(&want) {
                assert_close(got, want, 1e-12, &name);
            }
            let got = value_and_gradients::<f32>(&inputs, |v| v[0].attention(v[1], v[2], fast.clone()));
            for (got, want) in got.iter().zip(&want) {
                assert_close(got, want, 2e-5, &name);
            }
        }
    }
}

/// Heads side by side are those of a projection that is cut apart by hand.
#[test]
fn heads_that_lie_side_by_side_are_separate_attentions() {
    for (outer, length, heads, d) in
        [(&[2][..], 5, 2, 3), (&[], 65, 1, 4), (&[2, 2], 34, 3, 1), (&[3], 0, 2, 2)]
    {
        let width = heads * d;
        let shape: Vec<usize> = outer.iter().copied().chain([length, 3 * width]).collect();
        let x = uniform(&shape, 5);
        for causal in [false, true] {
            let options = || AttentionOptions::new().causal(causal);
            let got = value_and_gradients::<f64>(std::slice::from_ref(&x), |v| {
                v[0].self_attention(heads, options())
            });
            let want = value_and_gradients::<f64>(std::slice::from_ref(&x), |v| {
                let apart: Vec<usize> = outer.iter().copied().chain([length, heads, d]).collect();
                let parts: Vec<Var<f64>> = v[0]
                    .split(&[width; 3], -1)
                    .iter()
                    .map(|part| part.reshape(&apart).transpose(-3, -2))
                    .collect();
                let joined: Vec<usize> = outer.iter().copied().chain([length, width]).collect();
                composed(&parts, options()).transpose(-3, -2).reshape(&joined)
            });
            for (got, want) in got.iter().zip(&want) {
                assert_close(got, want, 1e-12, &format!("{shape:?}, {heads} heads"));
            }
        }
    }
}

#[test]
fn heads_side_by_side_are_right_to_second_order() {
    let options = || AttentionOptions::new().causal(true).scale(0.8);
    gradcheck(|v| v[0].self_attention(2, options()), &[uniform(&[2, 3, 12], 3)]).unwrap();
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let x = uniform(&[4, 70, 3 * 32], 1);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            value_and_gradients::<f32>(std::slice::from_ref(&x), |v| {
                v[0].self_attention(4, AttentionOptions::new().causal(true))
            })
        })
    };
    let one = with(1);
    for threads in [2, 3] {
        for (a, b) in one.iter().zip(with(threads)) {
            assert_eq!(bits(a), bits(&b));
        }
    }
}

#[test]
#[should_panic(
    expected = "self_attention: expected x [.., length, 3 · width] with a width that 4 heads divide, got [5, 18]"
)]
fn a_width_that_the_heads_do_not_divide_is_named() {
    GradientTape::<f64>::new().constant(Tensor::ones(&[5, 18])).self_attention(4, AttentionOptions::new());
}
