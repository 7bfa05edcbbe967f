//! Losses: values by hand, gradients by differences, agreement with each other, and what they say
//! to targets that they cannot take.

use wengert_nn::losses::Target;
use wengert_nn::prelude::*;
use wengert_nn::{TrainError, datasets};

const SPARSE_LOGITS: fn() -> SparseCategoricalCrossEntropy = SparseCategoricalCrossEntropy::from_logits;
const SPARSE: fn() -> SparseCategoricalCrossEntropy = SparseCategoricalCrossEntropy::from_probabilities;
const DENSE_LOGITS: fn() -> CategoricalCrossEntropy = CategoricalCrossEntropy::from_logits;
const DENSE: fn() -> CategoricalCrossEntropy = CategoricalCrossEntropy::from_probabilities;

/// The loss of each row.
fn rows(loss: impl Loss<f64>, output: &Tensor<f64>, target: Target<f64>) -> Result<Tensor<f64>, TrainError> {
    let tape = GradientTape::new();
    loss.rows(tape.var(output), target).map(Var::value)
}

#[track_caller]
fn assert_close(found: &Tensor<f64>, expected: &[f64]) {
    assert_eq!(found.shape()[..], [expected.len()]);
    for (f, e) in found.as_slice().iter().zip(expected) {
        assert!((f - e).abs() <= 1e-14 * e.abs().max(1.0), "{found}, expected {expected:?}");
    }
}

#[test]
fn cross_entropy_of_logits_is_minus_ln_of_the_softmax_at_the_label() {
    // Softmax gives 1/8, 2/8, 5/8; then thirds.
    let logits = tensor![[0.0, 2f64.ln(), 5f64.ln()], [4.0, 4.0, 4.0]];
    let sparse = rows(SPARSE_LOGITS(), &logits, Target::Classes(&tensor![2, 0])).unwrap();
    assert_close(&sparse, &[(8.0f64 / 5.0).ln(), 3f64.ln()]);
    let soft = tensor![[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]];
    let dense = rows(DENSE_LOGITS(), &logits, Target::Values(&soft)).unwrap();
    assert_close(&dense, &[0.5 * 8f64.ln() + 0.25 * 4f64.ln() + 0.25 * 1.6f64.ln(), 3f64.ln()]);
}

#[test]
fn cross_entropy_of_probabilities_is_minus_ln_of_them() {
    let p = tensor![[0.125, 0.25, 0.625], [0.5, 0.25, 0.25]];
    let sparse = rows(SPARSE(), &p, Target::Classes(&tensor![0, 0])).unwrap();
    assert_close(&sparse, &[8f64.ln(), 2f64.ln()]);
    let dense = rows(DENSE(), &p, Target::Values(&tensor![[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])).unwrap();
    assert_close(&dense, &[0.5 * 4f64.ln() + 0.5 * 1.6f64.ln(), 2f64.ln()]);
}

#[test]
fn probabilities_are_divided_by_their_sum_and_bounded_below() {
    let (p, labels) = (tensor![[1.0, 2.0, 5.0], [1.0, 1.0, 0.0]], tensor![2, 2]);
    let expected = [1.6f64.ln(), 7.0 * 10f64.ln()];
    assert_close(&rows(SPARSE(), &p, Target::Classes(&labels)).unwrap(), &expected);
    let one_hot = datasets::to_one_hot(&labels, 3).unwrap();
    assert_close(&rows(DENSE(), &p, Target::Values(&one_hot)).unwrap(), &expected);
}

#[test]
fn the_four_forms_of_cross_entropy_agree() {
    let logits = Tensor::uniform(&[7, 5], -3.0, 3.0, &mut seeded(1));
    let p = logits.softmax(-1);
    let labels = tensor![0, 1, 2, 3, 4, 0, 2];
    let one_hot = datasets::to_one_hot(&labels, 5).unwrap();
    let expected = rows(SPARSE_LOGITS(), &logits, Target::Classes(&labels)).unwrap();
    assert_close(&rows(SPARSE(), &p, Target::Classes(&labels)).unwrap(), expected.as_slice());
    assert_close(&rows(DENSE_LOGITS(), &logits, Target::Values(&one_hot)).unwrap(), expected.as_slice());
    assert_close(&rows(DENSE(), &p, Target::Values(&one_hot)).unwrap(), expected.as_slice());
}

#[test]
fn large_logits_overflow_nowhere() {
    let logits = tensor![[1000.0, 0.0], [-1000.0, 0.0], [1e300, -1e300]];
    let labels = tensor![0, 0, 0];
    let expected = [0.0, 1000.0, 0.0];
    assert_close(&rows(SPARSE_LOGITS(), &logits, Target::Classes(&labels)).unwrap(), &expected);
    let one_hot = datasets::to_one_hot(&labels, 2).unwrap();
    assert_close(&rows(DENSE_LOGITS(), &logits, Target::Values(&one_hot)).unwrap(), &expected);
}

#[test]
fn mean_squared_error_is_the_mean_over_a_rows_values() {
    let output = tensor![[1.0, 2.0], [3.0, 4.0]];
    let target = tensor![[0.0, 2.0], [3.0, 1.0]];
    assert_close(&rows(MeanSquaredError::new(), &output, Target::Values(&target)).unwrap(), &[0.5, 4.5]);
    let images = tensor![[[1.0, 2.0], [3.0, 4.0]]];
    let zeros = Tensor::zeros(&[1, 2, 2]);
    assert_close(&rows(MeanSquaredError::new(), &images, Target::Values(&zeros)).unwrap(), &[7.5]);
    let (numbers, zeros) = (tensor![1.0, -3.0], tensor![0.0, 0.0]);
    assert_close(&rows(MeanSquaredError::new(), &numbers, Target::Values(&zeros)).unwrap(), &[1.0, 9.0]);
}

/// To second order, at outputs from `low` to `high`.
#[track_caller]
fn gradients_are_right(loss: &dyn Loss<f64>, low: f64, high: f64, shape: &[usize], target: Target<f64>) {
    let output = Tensor::uniform(shape, low, high, &mut seeded(2));
    let report = gradcheck(|v| loss.rows(v[0], target).unwrap(), &[output]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(report.checked, 2 * shape.iter().product::<usize>());
}

#[test]
fn gradients_agree_with_differences() {
    let labels = tensor![1, 0, 3];
    let mut soft: Tensor<f64> = Tensor::uniform(&[3, 4], 0.0, 1.0, &mut seeded(3));
    soft = soft.softmax(-1);
    gradients_are_right(&SPARSE_LOGITS(), -3.0, 3.0, &[3, 4], Target::Classes(&labels));
    gradients_are_right(&SPARSE(), 0.2, 1.0, &[3, 4], Target::Classes(&labels));
    gradients_are_right(&DENSE_LOGITS(), -3.0, 3.0, &[3, 4], Target::Values(&soft));
    gradients_are_right(&DENSE(), 0.2, 1.0, &[3, 4], Target::Values(&soft));
    for shape in [&[5][..], &[3, 4], &[2, 3, 2]] {
        let target = Tensor::uniform(shape, -1.0, 1.0, &mut seeded(4));
        gradients_are_right(&MeanSquaredError::new(), -1.0, 1.0, shape, Target::Values(&target));
    }
}

/// (softmax - one-hot) / rows, from logits and from their softmax.
#[test]
fn the_gradient_of_a_mean_cross_entropy_is_softmax_minus_one_hot() {
    let tape = GradientTape::new();
    let logits = tape.var(tensor![[0.0, 2f64.ln(), 5f64.ln()], [0.0, 0.0, 0.0]]);
    let labels = tensor![2, 1];
    let (a, third) = (1.0 / 16.0, 1.0 / 6.0);
    let expected = [a, 2.0 * a, -3.0 * a, third, -2.0 * third, third];
    for (loss, output) in [(SPARSE_LOGITS(), logits), (SPARSE(), logits.softmax(-1))] {
        let mean = loss.rows(output, Target::Classes(&labels)).unwrap().mean();
        assert_close(&mean.backward().wrt(logits).reshape(&[6]).unwrap(), &expected);
    }
}

#[track_caller]
fn refuses(loss: impl Loss<f64>, output: &[usize], target: Target<f64>, expected: &str) {
    let e = rows(loss, &Tensor::zeros(output), target).unwrap_err();
    assert_eq!(e.to_string(), expected);
}

#[test]
fn targets_of_the_wrong_kind_are_named() {
    let (labels, values) = (tensor![0, 1], tensor![[0.0, 1.0], [1.0, 0.0]]);
    let expected = "mean squared error takes values; the target is class labels";
    refuses(MeanSquaredError::new(), &[2, 2], Target::Classes(&labels), expected);
    let expected = "categorical cross-entropy takes values; the target is class labels";
    refuses(DENSE_LOGITS(), &[2, 2], Target::Classes(&labels), expected);
    refuses(DENSE(), &[2, 2], Target::Classes(&labels), expected);
    let expected = "sparse categorical cross-entropy takes class labels; the target is values";
    refuses(SPARSE_LOGITS(), &[2, 2], Target::Values(&values), expected);
    refuses(SPARSE(), &[2, 2], Target::Values(&values), expected);
}

#[test]
fn labels_that_do_not_fit_the_output_are_named() {
    for loss in [SPARSE_LOGITS(), SPARSE()] {
        let expected = "sparse categorical cross-entropy takes labels below the number of classes; the target is label 3 for an output of 3 classes";
        refuses(loss.clone(), &[2, 3], Target::Classes(&tensor![2, 3]), expected);
        let expected = "sparse categorical cross-entropy takes one label a row; the target is labels of shape [2] for 3 rows";
        refuses(loss.clone(), &[3, 3], Target::Classes(&tensor![0, 1]), expected);
        let expected = "sparse categorical cross-entropy takes one label a row; the target is labels of shape [2, 1] for 2 rows";
        refuses(loss.clone(), &[2, 3], Target::Classes(&tensor![[0], [1]]), expected);
        let expected = "sparse categorical cross-entropy takes one label a row; the target is labels of shape [2] for rows of shape [2, 3]";
        refuses(loss.clone(), &[2, 3, 4], Target::Classes(&tensor![0, 1]), expected);
        let expected = "sparse categorical cross-entropy takes an output of shape [rows, .., classes]; the model's has shape [2]";
        refuses(loss.clone(), &[2], Target::Classes(&tensor![0, 1]), expected);
    }
}

#[test]
fn values_of_another_shape_than_the_output_are_named() {
    let values = Tensor::zeros(&[2, 4]);
    for (loss, name) in [
        (Box::new(DENSE_LOGITS()) as Box<dyn Loss<f64>>, "categorical cross-entropy"),
        (Box::new(DENSE()), "categorical cross-entropy"),
        (Box::new(MeanSquaredError::new()), "mean squared error"),
    ] {
        for output in [&[2, 3][..], &[3, 4], &[8], &[2, 4, 1]] {
            let tape = GradientTape::new();
            let e = loss.rows(tape.var(Tensor::zeros(output)), Target::Values(&values)).unwrap_err();
            let expected = format!(
                "{name} takes values of the output's shape; the target is values of shape [2, 4] for an output of shape {output:?}"
            );
            assert_eq!(e.to_string(), expected);
        }
    }
}

#[test]
fn errors_are_data() {
    let e = rows(SPARSE(), &Tensor::zeros(&[1, 2]), Target::Classes(&tensor![2])).unwrap_err();
    let TrainError::Target { loss, expected, found } = e else { panic!("{e:?}") };
    assert_eq!(loss, "sparse categorical cross-entropy");
    assert_eq!(expected, "labels below the number of classes");
    assert_eq!(found, "label 2 for an output of 2 classes");
    let e = rows(SPARSE(), &Tensor::zeros(&[4]), Target::Classes(&tensor![2])).unwrap_err();
    assert!(matches!(e, TrainError::Output { found, .. } if found == [4]));
}

#[test]
fn operations_of_a_loss_carry_the_line_that_called_it() {
    let (labels, values) = (tensor![0], tensor![[1.0, 0.0]]);
    let losses: [(Box<dyn Loss<f64>>, Target<f64>); 5] = [
        (Box::new(SPARSE_LOGITS()), Target::Classes(&labels)),
        (Box::new(SPARSE()), Target::Classes(&labels)),
        (Box::new(DENSE_LOGITS()), Target::Values(&values)),
        (Box::new(DENSE()), Target::Values(&values)),
        (Box::new(MeanSquaredError::new()), Target::Values(&values)),
    ];
    for (loss, target) in losses {
        let tape = GradientTape::new();
        let (output, before) = (tape.var(tensor![[0.25, 0.75]]), tape.len());
        let line = line!() + 1;
        loss.rows(output, target).unwrap();
        let (text, place) = (tape.to_string(), format!("losses.rs:{line}"));
        assert!(tape.len() > before);
        assert!(text.lines().skip(before).all(|node| node.ends_with(&place)), "expected {place}:\n{text}");
    }
}
