//! The other losses, and the options of all: values by plain formulas, gradients to second order by
//! differences, reductions and weights, in both types.

use wengert_nn::TrainError;
use wengert_nn::losses::*;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

fn rows(loss: &dyn Loss<f64>, output: &Tensor<f64>, target: Target<f64>) -> Result<Vec<f64>, TrainError> {
    let tape = GradientTape::new();
    loss.rows(tape.var(output), target).map(|rows| rows.value().to_vec())
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-13 * e.abs().max(1.0), "{found:?}, expected {expected:?}");
    }
}

/// Fails unless the loss of each row is the mean of `of(output, target)` over its values, in f64, in f32,
/// and with gradients as differences say.
#[track_caller]
fn is_mean_of(
    loss: impl Loss<f64> + Loss<f32>,
    (low, high): (f64, f64),
    targets: &[f64],
    of: impl Fn(f64, f64) -> f64,
) {
    let output = Tensor::uniform(&[targets.len() / 2, 2], low, high, &mut seeded(6));
    let target = Tensor::from_vec(targets.to_vec(), output.shape()).unwrap();
    let pairs: Vec<f64> = output.as_slice().iter().zip(targets).map(|(&x, &t)| of(x, t)).collect();
    let expected: Vec<f64> = pairs.chunks(2).map(|x| (x[0] + x[1]) / 2.0).collect();
    assert_close(&rows(&loss, &output, Target::Values(&target)).unwrap(), &expected);
    gradcheck(
        |v| Loss::<f64>::rows(&loss, v[0], Target::Values(&target)).unwrap(),
        std::slice::from_ref(&output),
    )
    .unwrap_or_else(|e| panic!("{e}"));

    let (output, target) = (output.cast::<f32>(), target.cast::<f32>());
    let tape = GradientTape::new();
    let found = loss.rows(tape.var(&output), Target::Values(&target)).unwrap().value();
    for (f, e) in found.as_slice().iter().zip(&expected) {
        assert!((f64::from(*f) - e).abs() < 1e-5 * e.abs().max(1.0), "{f}, expected {e}");
    }
}

#[test]
fn losses_of_values_follow_their_formulas() {
    let targets = [0.3, -1.2, 2.0, 0.7, -0.4, 1.9];
    let wide = (-3.0, 3.0);
    is_mean_of(MeanAbsoluteError::new(), wide, &targets, |x, t| (x - t).abs());
    is_mean_of(MeanSquaredError::new(), wide, &targets, |x, t| (x - t).powi(2));
    let huber = |delta: f64| {
        move |x: f64, t: f64| {
            let d = (x - t).abs();
            if d <= delta { 0.5 * d * d } else { delta * (d - 0.5 * delta) }
        }
    };
    is_mean_of(Huber::default(), wide, &targets, huber(1.0));
    is_mean_of(Huber::new(0.3), wide, &targets, huber(0.3));
    is_mean_of(SmoothL1::new(0.3), wide, &targets, |x, t| huber(0.3)(x, t) / 0.3);
    is_mean_of(SmoothL1::default(), wide, &targets, huber(1.0));
    is_mean_of(LogCosh::new(), wide, &targets, |x, t| (x - t).cosh().ln());
    let counts = [0.0, 1.0, 2.0, 3.0, 0.0, 7.0];
    is_mean_of(Poisson::from_log_rates(), wide, &counts, |x, t| x.exp() - t * x);
    is_mean_of(Poisson::from_rates(), (0.2, 3.0), &counts, |x, t| x - t * (x + 1e-7f64).ln());
}

#[test]
fn the_logarithm_of_a_cosh_overflows_nowhere() {
    let found =
        rows(&LogCosh, &tensor![1000.0, -1000.0, 0.0], Target::Values(&tensor![0.0, 0.0, 0.0])).unwrap();
    assert_close(&found, &[1000.0 - 2f64.ln(), 1000.0 - 2f64.ln(), 0.0]);
}

#[test]
fn binary_losses_follow_their_formulas() {
    let targets = [0.0, 1.0, 1.0, 0.25, 0.0, 1.0];
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let bce = |p: f64, t: f64| -(t * p.ln() + (1.0 - t) * (1.0 - p).ln());
    let (logits, between) = ((-3.0, 3.0), (0.1, 0.9));
    is_mean_of(BinaryCrossEntropy::from_logits(), logits, &targets, |x, t| bce(sigmoid(x), t));
    is_mean_of(BinaryCrossEntropy::from_probabilities(), between, &targets, bce);
    is_mean_of(BinaryCrossEntropy::from_probabilities_pytorch(), between, &targets, bce);
    let smooth = |t: f64| 0.8 * t + 0.1;
    let loss = BinaryCrossEntropy::from_logits().label_smoothing(0.2);
    is_mean_of(loss, logits, &targets, |x, t| bce(sigmoid(x), smooth(t)));
    let weighted = |p: f64, t: f64| -(3.0 * t * p.ln() + (1.0 - t) * (1.0 - p).ln());
    let loss = BinaryCrossEntropy::from_logits().positive_weight(3.0);
    is_mean_of(loss, logits, &targets, |x, t| weighted(sigmoid(x), t));
    is_mean_of(BinaryCrossEntropy::from_probabilities().positive_weight(3.0), between, &targets, weighted);

    let focal =
        |gamma: f64| move |p: f64, t: f64| (1.0 - (t * p + (1.0 - t) * (1.0 - p))).powf(gamma) * bce(p, t);
    is_mean_of(BinaryFocalCrossEntropy::from_logits(), logits, &targets, |x, t| focal(2.0)(sigmoid(x), t));
    is_mean_of(BinaryFocalCrossEntropy::from_probabilities().gamma(1.5), between, &targets, focal(1.5));
    let loss = BinaryFocalCrossEntropy::from_logits().gamma(3.0).alpha(0.25);
    is_mean_of(loss, logits, &targets, |x, t| (0.25 * t + 0.75 * (1.0 - t)) * focal(3.0)(sigmoid(x), t));
    is_mean_of(BinaryFocalCrossEntropy::from_logits().gamma(0.0), logits, &targets, |x, t| {
        bce(sigmoid(x), t)
    });
}

#[test]
fn hinges_take_both_kinds_of_targets() {
    let signs = [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0];
    is_mean_of(Hinge::new(), (-2.0, 2.0), &signs, |x, t| (1.0 - t * x).max(0.0));
    is_mean_of(Hinge::squared(), (-2.0, 2.0), &signs, |x, t| (1.0 - t * x).max(0.0).powi(2));
    let zeros = signs.map(|t| (t + 1.0) / 2.0);
    is_mean_of(Hinge::new(), (-2.0, 2.0), &zeros, |x, t| (1.0 - (2.0 * t - 1.0) * x).max(0.0));
}

#[test]
fn extreme_probabilities_and_logits_are_finite() {
    let (p, t) = (tensor![[0.0], [1.0]], tensor![[1.0], [0.0]]);
    let keras = rows(&BinaryCrossEntropy::from_probabilities(), &p, Target::Values(&t)).unwrap();
    assert!((keras[0] - 7.0 * 10f64.ln()).abs() < 1e-12 && (keras[1] - 7.0 * 10f64.ln()).abs() < 1e-8);
    let pytorch = rows(&BinaryCrossEntropy::from_probabilities_pytorch(), &p, Target::Values(&t)).unwrap();
    assert_eq!(pytorch, [100.0, 100.0]);
    let logits = tensor![[-1e4], [1e4]];
    for loss in
        [BinaryCrossEntropy::from_logits(), BinaryCrossEntropy::from_logits().positive_weight(1.0 + 1e-16)]
    {
        assert_eq!(rows(&loss, &logits, Target::Values(&t)).unwrap(), [1e4, 1e4]);
    }
}

#[test]
fn binary_losses_take_labels_of_either_shape() {
    let loss = BinaryCrossEntropy::from_logits();
    let values = rows(&loss, &tensor![[1.0], [2.0]], Target::Values(&tensor![[0.0], [1.0]])).unwrap();
    for (output, labels) in [
        (tensor![[1.0], [2.0]], tensor![0, 1]),
        (tensor![1.0, 2.0], tensor![0, 1]),
        (tensor![[1.0], [2.0]], tensor![[0], [1]]),
    ] {
        assert_eq!(rows(&loss, &output, Target::Classes(&labels)).unwrap(), values);
    }
    let e = rows(&loss, &tensor![[1.0], [2.0]], Target::Classes(&tensor![0, 2])).unwrap_err();
    assert_eq!(e.to_string(), "binary cross-entropy takes labels 0 and 1; the target is label 2");
    let e = rows(&loss, &tensor![[1.0, 2.0], [3.0, 4.0]], Target::Classes(&tensor![0, 1])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "binary cross-entropy takes one label for each output; the target is labels of shape [2] for an output of shape [2, 2]"
    );
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / sum).collect()
}

#[test]
fn cross_entropy_smooths_weighs_and_ignores() {
    let logits: Tensor<f64> = Tensor::uniform(&[4, 3], -2.0, 2.0, &mut seeded(8));
    let (labels, weights, smoothing) = (tensor![2, 0, 9, 1], [0.5, 2.0, 3.0], 0.3);
    let loss = |s: f64| {
        SparseCategoricalCrossEntropy::from_logits().class_weights(weights).ignore_index(9).label_smoothing(s)
    };
    for s in [0.0, smoothing] {
        let expected = |(row, &label): (&[f64], &usize)| {
            let p = softmax(row);
            let of = |c: usize| -weights[c] * p[c].ln();
            if label == 9 { 0.0 } else { (1.0 - s) * of(label) + s / 3.0 * (of(0) + of(1) + of(2)) }
        };
        let expected: Vec<f64> = logits.as_slice().chunks(3).zip(labels.as_slice()).map(expected).collect();
        assert_close(&rows(&loss(s), &logits, Target::Classes(&labels)).unwrap(), &expected);
        gradcheck(|v| loss(s).rows(v[0], Target::Classes(&labels)).unwrap(), std::slice::from_ref(&logits))
            .unwrap_or_else(|e| panic!("{e}"));

        // PyTorch's mean.
        let tape = GradientTape::new();
        let mean =
            loss(s).reduced(tape.var(&logits), Target::Classes(&labels), None, Reduction::Mean).unwrap();
        assert_close(&[mean.item()], &[expected.iter().sum::<f64>() / (3.0 + 0.5 + 2.0)]);

        // The same of probabilities and their logarithms.
        let p = logits.softmax(-1);
        for (from, output) in [
            (SparseCategoricalCrossEntropy::from_probabilities(), p.clone()),
            (SparseCategoricalCrossEntropy::from_log_probabilities(), logits.log_softmax(-1)),
        ] {
            let loss = from.class_weights(weights).ignore_index(9).label_smoothing(s);
            assert_close(&rows(&loss, &output, Target::Classes(&labels)).unwrap(), &expected);
        }
    }
}

#[test]
fn a_batch_that_is_all_ignored_costs_nothing_and_moves_nothing() {
    let tape = GradientTape::new();
    let logits = tape.var(tensor![[1.0, f64::INFINITY], [0.0, 3.0]]);
    let loss = SparseCategoricalCrossEntropy::from_logits().ignore_index(7);
    let mean = loss.reduced(logits, Target::Classes(&tensor![7, 7]), None, Reduction::Mean).unwrap();
    assert_eq!(mean.item(), 0.0);
    let tape = GradientTape::new();
    let logits = tape.var(tensor![[1.0, 2.0]]);
    let mean = loss.reduced(logits, Target::Classes(&tensor![7]), None, Reduction::Mean).unwrap();
    assert_eq!(mean.backward().wrt(logits), &tensor![[0.0, 0.0]]);
}

#[test]
fn sequences_have_a_label_at_each_place() {
    let logits: Tensor<f64> = Tensor::uniform(&[2, 3, 4], -2.0, 2.0, &mut seeded(8));
    let labels = tensor![[0, 3, 2], [1, 1, 0]];
    for loss in [
        SparseCategoricalCrossEntropy::from_logits(),
        SparseCategoricalCrossEntropy::from_logits().label_smoothing(0.1),
    ] {
        let tape = GradientTape::new();
        let whole = loss.rows(tape.var(&logits), Target::Classes(&labels)).unwrap().value();
        assert_eq!(whole.shape()[..], [2, 3]);
        let flat =
            rows(&loss, &logits.reshape(&[6, 4]).unwrap(), Target::Classes(&labels.reshape(&[6]).unwrap()));
        assert_eq!(whole.to_vec(), flat.unwrap());
        // A weight for each row, or for each place.
        let reduced = |weights: &Tensor<f64>| {
            let tape = GradientTape::new();
            let target = Target::Classes(&labels);
            loss.reduced(tape.var(&logits), target, Some(weights), Reduction::None).map(|x| x.value())
        };
        let by_row = reduced(&tensor![2.0, 0.0]).unwrap();
        assert_eq!(by_row, reduced(&tensor![[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]).unwrap());
        assert_eq!(by_row.as_slice()[..3], whole.as_slice()[..3].iter().map(|x| 2.0 * x).collect::<Vec<_>>());
        let e = reduced(&tensor![1.0, 2.0, 3.0]).unwrap_err();
        assert_eq!(
            e.to_string(),
            "weights: expected one for each of the rows, which have shape [2, 3], got weights of shape [3]"
        );
    }
}

#[test]
fn distributions_smooth_and_weigh_too() {
    let logits: Tensor<f64> = Tensor::uniform(&[3, 4], -2.0, 2.0, &mut seeded(8));
    let target: Tensor<f64> = Tensor::uniform(&[3, 4], -1.0, 1.0, &mut seeded(9)).softmax(-1);
    let (weights, s) = ([1.0, 0.5, 2.0, 0.0], 0.2);
    let loss = CategoricalCrossEntropy::from_logits().class_weights(weights).label_smoothing(s);
    let expected: Vec<f64> = logits
        .as_slice()
        .chunks(4)
        .zip(target.as_slice().chunks(4))
        .map(|(row, t)| {
            let p = softmax(row);
            (0..4).map(|c| -weights[c] * ((1.0 - s) * t[c] + s / 4.0) * p[c].ln()).sum()
        })
        .collect();
    assert_close(&rows(&loss, &logits, Target::Values(&target)).unwrap(), &expected);
    gradcheck(|v| loss.rows(v[0], Target::Values(&target)).unwrap(), &[logits])
        .unwrap_or_else(|e| panic!("{e}"));
    let (p, one_hot) = (tensor![[0.75, 0.25]], tensor![[0.0, 1.0]]);
    let of_logarithms = CategoricalCrossEntropy::from_log_probabilities();
    assert_close(&rows(&of_logarithms, &p.ln(), Target::Values(&one_hot)).unwrap(), &[4f64.ln()]);
    let unfocused = CategoricalFocalCrossEntropy::from_probabilities().gamma(0.0);
    assert_close(&rows(&unfocused, &p, Target::Values(&one_hot)).unwrap(), &[4f64.ln()]);
}

#[test]
fn as_many_class_weights_as_classes_are_needed() {
    let loss = SparseCategoricalCrossEntropy::from_logits().class_weights([1.0, 2.0]);
    let e = rows(&loss, &Tensor::zeros(&[1, 3]), Target::Classes(&tensor![2])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "weights: expected one for each of the 3 classes of sparse categorical cross-entropy, got 2 class weights"
    );
}

#[test]
fn focal_cross_entropy_and_hinge_of_classes_take_labels_and_rows() {
    let logits: Tensor<f64> = Tensor::uniform(&[3, 4], -2.0, 2.0, &mut seeded(8));
    let labels = tensor![3, 0, 1];
    let one_hot = wengert_nn::datasets::to_one_hot::<f64>(&labels, 4).unwrap();
    let focal = CategoricalFocalCrossEntropy::from_logits().gamma(2.0).alpha(0.25);
    let expected = |(row, &label): (&[f64], &usize)| {
        let p = softmax(row)[label];
        -0.25 * (1.0 - p).powi(2) * p.ln()
    };
    let expected: Vec<f64> = logits.as_slice().chunks(4).zip(labels.as_slice()).map(expected).collect();
    let hinge = |(row, &label): (&[f64], &usize)| {
        let other = (0..4).map(|c| if c == label { 0.0 } else { row[c] }).fold(f64::MIN, f64::max);
        (1.0 + other - row[label]).max(0.0)
    };
    let hinge: Vec<f64> = logits.as_slice().chunks(4).zip(labels.as_slice()).map(hinge).collect();
    for target in [Target::Classes(&labels), Target::Values(&one_hot)] {
        assert_close(&rows(&focal, &logits, target).unwrap(), &expected);
        assert_close(&rows(&CategoricalHinge, &logits, target).unwrap(), &hinge);
        gradcheck(|v| focal.rows(v[0], target).unwrap(), std::slice::from_ref(&logits))
            .unwrap_or_else(|e| panic!("{e}"));
        gradcheck(|v| CategoricalHinge.rows(v[0], target).unwrap(), std::slice::from_ref(&logits))
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn divergences_follow_their_formulas() {
    let p: Tensor<f64> = Tensor::uniform(&[2, 3], -1.0, 1.0, &mut seeded(1)).softmax(-1);
    let t = tensor![[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]];
    let divergence = |least: f64| -> Vec<f64> {
        let pairs: Vec<f64> = p
            .as_slice()
            .iter()
            .zip(t.as_slice())
            .map(|(&p, &t): (&f64, &f64)| {
                let t = t.max(least);
                if t == 0.0 { 0.0 } else { t * (t / p).ln() }
            })
            .collect();
        pairs.chunks(3).map(|x| x.iter().sum()).collect()
    };
    assert_close(
        &rows(&KlDivergence::from_probabilities(), &p, Target::Values(&t)).unwrap(),
        &divergence(1e-7),
    );
    assert_close(
        &rows(&KlDivergence::from_log_probabilities(), &p.ln(), Target::Values(&t)).unwrap(),
        &divergence(0.0),
    );
    for (loss, x) in
        [(KlDivergence::from_probabilities(), p.clone()), (KlDivergence::from_log_probabilities(), p.ln())]
    {
        gradcheck(|v| loss.rows(v[0], Target::Values(&t)).unwrap(), &[x]).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn a_gaussian_is_cut_in_means_and_logarithms_of_variances() {
    let output: Tensor<f64> = Tensor::uniform(&[3, 4], -1.0, 1.0, &mut seeded(1));
    let target: Tensor<f64> = Tensor::uniform(&[3, 2], -1.0, 1.0, &mut seeded(2));
    let of = |constant: f64| -> Vec<f64> {
        output
            .as_slice()
            .chunks(4)
            .zip(target.as_slice().chunks(2))
            .map(|(x, t)| {
                let nll = |i: usize| 0.5 * (x[2 + i] + (x[i] - t[i]).powi(2) / x[2 + i].exp()) + constant;
                (nll(0) + nll(1)) / 2.0
            })
            .collect()
    };
    assert_close(&rows(&GaussianNll::new(), &output, Target::Values(&target)).unwrap(), &of(0.0));
    let constant = 0.5 * (2.0 * std::f64::consts::PI).ln();
    assert_close(&rows(&GaussianNll::full(), &output, Target::Values(&target)).unwrap(), &of(constant));
    gradcheck(|v| GaussianNll::new().rows(v[0], Target::Values(&target)).unwrap(), &[output])
        .unwrap_or_else(|e| panic!("{e}"));
    let e = rows(&GaussianNll::new(), &Tensor::zeros(&[2, 3]), Target::Values(&target)).unwrap_err();
    assert_eq!(
        e.to_string(),
        "Gaussian negative log-likelihood takes an output of shape [rows, .., 2 · values]; the model's has shape [2, 3]"
    );
}

#[test]
fn cosines_are_of_angles_and_zero_has_none() {
    let (a, b) = (
        tensor![[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [2.0, 1.0]],
        tensor![[6.0, 8.0], [0.0, -2.0], [1.0, 1.0], [-4.0, -2.0]],
    );
    let found = rows(&CosineSimilarity, &a, Target::Values(&b)).unwrap();
    assert_close(&found, &[-1.0, 0.0, 0.0, 1.0]);
    let a = Tensor::uniform(&[3, 4], 0.2, 1.0, &mut seeded(1));
    let b = Tensor::uniform(&[3, 4], -1.0, 1.0, &mut seeded(2));
    gradcheck(|v| CosineSimilarity.rows(v[0], Target::Values(&b)).unwrap(), &[a])
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn losses_of_pairs_follow_their_formulas() {
    let tape = GradientTape::<f64>::new();
    let [a, b, c] = [3, 4, 5].map(|seed| tape.var(Tensor::uniform(&[2, 3], -1.0, 1.0, &mut seeded(seed))));
    let y = tape.constant(tensor![1.0, -1.0]);
    let [x, z, w] = [a, b, c].map(|x| x.value());
    let row = |x: &Tensor<f64>, i: usize| x.as_slice()[3 * i..3 * i + 3].to_vec();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |i: usize| {
        let (a, b) = (row(&x, i), row(&z, i));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    let found = cosine_embedding(a, b, y, -0.5, Reduction::None).value();
    assert_close(found.as_slice(), &[1.0 - cosine(0), (cosine(1) + 0.5).max(0.0)]);
    let far = |i: usize, other: &Tensor<f64>| {
        let d: Vec<f64> = row(&x, i).iter().zip(row(other, i)).map(|(a, b)| a - b).collect();
        dot(&d, &d).sqrt()
    };
    let expected = [0, 1].map(|i| (far(i, &z) - far(i, &w) + 1.0).max(0.0));
    assert_close(triplet_margin(a, b, c, 1.0, Reduction::None).value().as_slice(), &expected);
    let mean = triplet_margin(a, b, c, 1.0, Reduction::Mean).item();
    assert_close(&[mean], &[(expected[0] + expected[1]) / 2.0]);
    let [s, t] = [tape.var(tensor![1.0, 2.0]), tape.var(tensor![0.5, 1.0])];
    assert_eq!(margin_ranking(s, t, y, 0.25, Reduction::Sum).item(), 1.25);
}

/// What chance gives is what an output that knows nothing gets.
#[test]
fn the_loss_of_chance_is_that_of_an_ignorant_output() {
    fn check<T: Float>()
    where
        Tensor<T>: AsTarget<T>,
    {
        let labels = tensor![0, 2, 1, 1];
        let target = Target::<T>::Classes(&labels);
        let loss = SparseCategoricalCrossEntropy::from_logits();
        assert_eq!(Loss::<T>::of_chance(&loss, &[4, 3], target), Some(3f64.ln()));
        let answers = tensor![0, 1, 1, 0];
        let chance =
            Loss::<T>::of_chance(&BinaryCrossEntropy::from_logits(), &[4, 1], Target::Classes(&answers));
        assert!((chance.unwrap() - 2f64.ln()).abs() < 1e-6);
        let values = Tensor::from_fn(&[4, 1], |at| T::from_f64(at[0] as f64));
        assert_eq!(Loss::<T>::of_chance(&MeanSquaredError, &[4, 1], Target::Values(&values)), Some(1.25));
        let equal = Tensor::<T>::ones(&[4, 1]);
        assert_eq!(Loss::<T>::of_chance(&MeanSquaredError, &[4, 1], Target::Values(&equal)), None);
    }
    check::<f32>();
    check::<f64>();
}
