//! What says that a value is right, where the golden file does not know the operation.

use crate::common::assert_close;
use crate::rows::{Function, labels};
use wengert::{ConvOptions, Tensor, Var, tensor};

/// What the value of an operation is compared with.
#[derive(Clone, Copy)]
pub enum Value {
    /// The numbers of the test of this name.
    Test(&'static str),
    /// The same from other operations, or element by element.
    Formula(Function<f64>),
}
use Value::{Formula, Test};

impl Value {
    pub fn of(name: &str) -> Option<Value> {
        ALL.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
    }
}

pub const ALL: &[(&str, Value)] = &[
    ("x + c", Formula(|v| each(v[0], |x| x + 1.7))),
    ("c + x", Formula(|v| each(v[0], |x| 1.7 + x))),
    ("x - c", Formula(|v| each(v[0], |x| x - 1.7))),
    ("c - x", Formula(|v| each(v[0], |x| 1.7 - x))),
    ("x * c", Formula(|v| each(v[0], |x| x * -2.5))),
    ("c * x", Formula(|v| each(v[0], |x| -2.5 * x))),
    ("x / c", Formula(|v| each(v[0], |x| x / -0.4))),
    ("c / x", Formula(|v| each(v[0], |x| -1.2 / x))),
    ("cbrt", Formula(|v| each(v[0], f64::cbrt))),
    ("fract", Formula(|v| each(v[0], f64::fract))),
    ("ceil", Formula(|v| each(v[0], f64::ceil))),
    ("trunc", Formula(|v| each(v[0], f64::trunc))),
    ("polygamma", Formula(|v| each(v[0], trigamma))),
    ("detach", Formula(|v| each(v[0], |x| x))),
    ("dropout", Test("dropout_scales_what_it_keeps_and_drops_the_rest")),
    ("min", Formula(|v| -(-v[0]).max())),
    ("logsumexp", Formula(|v| v[0].exp().sum().ln())),
    ("var", Test("statistics_divide_by_the_number_of_elements")),
    ("std", Test("statistics_divide_by_the_number_of_elements")),
    ("norm", Test("statistics_divide_by_the_number_of_elements")),
    ("recurrence", Test("scans_run_along_their_axis")),
    ("flatten", Test("axes_come_and_go")),
    ("squeeze_all", Test("axes_come_and_go")),
    ("t", Test("axes_come_and_go")),
    ("split", Test("what_is_put_together_comes_apart_again")),
    ("chunk", Test("what_is_put_together_comes_apart_again")),
    ("unbind", Test("what_is_put_together_comes_apart_again")),
    ("embedding", Formula(|v| v[0].index_select(0, &tensor![[1, 0], [1, 2]]))),
    ("scatter_add", Test("indices_pick_slices_or_each_row_its_own")),
    ("sort", Test("equal_elements_keep_their_order_and_nan_comes_last")),
    ("topk", Test("equal_elements_keep_their_order_and_nan_comes_last")),
    ("argsort", Test("equal_elements_keep_their_order_and_nan_comes_last")),
    ("argmax", Test("equal_elements_keep_their_order_and_nan_comes_last")),
    ("argmin", Test("equal_elements_keep_their_order_and_nan_comes_last")),
    ("matmul_nt", Formula(|v| v[0].matmul(v[1].t()))),
    (
        "conv2d_bias",
        Formula(|v| v[0].conv2d(v[1], ConvOptions::new()) + v[2].reshape(&[v[2].shape()[0], 1, 1])),
    ),
    ("linear", Formula(|v| v[0].matmul(v[1].t()) + v[2])),
    ("eigh", Test("eigenvectors_are_orthonormal_and_give_the_matrix_back")),
    ("svd", Test("singular_vectors_are_orthonormal_and_give_the_matrix_back")),
    ("max_pool1d", Formula(|v| v[0].reshape(&[2, 2, 2]).max_axes(&[-1], false))),
    ("avg_pool1d", Test("one_dimension_is_an_image_of_one_row")),
    ("global_max_pool2d", Formula(|v| v[0].max_axes(&[-2, -1], false))),
    ("global_avg_pool2d", Formula(|v| v[0].mean_axes(&[-2, -1], false))),
    ("adaptive_avg_pool2d", Test("adaptive_parts_are_means_that_cover_the_image")),
    ("upsample_nearest2d", Formula(nearest)),
    ("upsample_bilinear2d", Test("bilinear_upsampling_interpolates_between_the_four_neighbours")),
    ("batch_norm_statistics", Test("batch_norm_with_its_own_statistics_is_batch_norm")),
    ("batch_norm_with", Formula(|v| (v[0] - v[1]) / (v[2].square() + 0.5).sqrt() * v[3] + v[4])),
    ("instance_norm", Formula(|v| v[0].group_norm(2, v[1], v[2], 1e-3))),
    ("rnn", Test("without_biases_and_states_these_are_zeros")),
    ("lstm", Test("without_biases_and_states_these_are_zeros")),
    ("gru", Test("without_biases_and_states_these_are_zeros")),
    ("self_attention", Test("heads_that_lie_side_by_side_are_separate_attentions")),
    (
        "attention_with_bias",
        Formula(|v| (v[0].matmul(v[1].t()) / 2f64.sqrt() + v[3]).softmax(-1).matmul(v[2])),
    ),
    ("cross_entropy", Formula(|v| v[0].log_softmax(-1).nll_loss(&labels(v[0]), wengert::Reduction::Mean))),
    (
        "cross_entropy_rows",
        Formula(|v| v[0].log_softmax(-1).nll_loss(&labels(v[0]), wengert::Reduction::None)),
    ),
    ("tape.custom_gradient", Formula(|v| v[0].tanh())),
    ("map_gradient", Test("gradients_are_scaled_clipped_and_shown_on_their_way_back")),
    ("on_gradient", Formula(|v| v[0])),
    ("clip_gradient", Test("gradients_are_scaled_clipped_and_shown_on_their_way_back")),
    ("straight_through", Test("straight_through_keeps_the_value_of_the_function_exactly")),
    ("tape.custom", Formula(|v| v[0] * v[1])),
    ("fused!", Formula(|v| (v[0] * v[1]).tanh() + 2.0 / v[1])),
];

/// Element by element, by the standard library.
fn each<'t>(x: Var<'t, f64>, f: impl FnMut(f64) -> f64) -> Var<'t, f64> {
    x.tape().constant(x.value().map(f))
}

/// Each element of a [2, 3], twice down and three times along.
fn nearest<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    let x = v[0].value();
    let copies = Tensor::from_fn(&[4, 9], |i| x.as_slice()[i[0] / 2 * 3 + i[1] / 3]);
    v[0].tape().constant(copies)
}

/// ψ₁(x) = Σ 1/(x + k)², the first 60 terms of it and Euler's and Maclaurin's formula for the others.
fn trigamma(x: f64) -> f64 {
    let z = x + 60.0;
    let head: f64 = (0..60).rev().map(|k| (x + k as f64).powi(-2)).sum();
    head + 1.0 / z + 0.5 / (z * z) + 1.0 / (6.0 * z.powi(3)) - 1.0 / (30.0 * z.powi(5))
}

#[test]
fn dropout_scales_what_it_keeps_and_drops_the_rest() {
    let tape = wengert::GradientTape::new();
    let x = Tensor::<f64>::arange(1000) + 1.0;
    let y = tape.constant(&x).dropout(0.6).value();
    let kept = y.zip_map(&x, |y, x| if y == 0.0 { 0.0 } else { x / 0.4 });
    assert_close(&y, &kept, 1e-15, "kept elements are scaled by 1 / (1 - rate)");
    let dropped = y.as_slice().iter().filter(|&&y| y == 0.0).count();
    assert!((530..670).contains(&dropped), "{dropped} of 1000 are dropped at rate 0.6");
}
