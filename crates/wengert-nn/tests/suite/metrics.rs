//! Metrics: values by plain definitions, batches that give the bits of the whole, and what they say where
//! there is nothing to measure.

use wengert_nn::TrainError;
use wengert_nn::losses::Target;
use wengert_nn::metrics::*;
use wengert_nn::prelude::{Accuracy, Loss, SparseCategoricalCrossEntropy, Tensor, seeded, tensor};
use wengert_nn::wengert::rand::RngExt;

/// Labels or values of some rows.
#[derive(Clone)]
enum Of {
    Classes(Tensor<usize>),
    Values(Tensor<f64>),
}

impl Of {
    fn target(&self) -> Target<'_, f64> {
        match self {
            Of::Classes(labels) => Target::Classes(labels),
            Of::Values(values) => Target::Values(values),
        }
    }
}

fn part<X: wengert_nn::wengert::Element>(x: &Tensor<X>, rows: std::ops::Range<usize>) -> Tensor<X> {
    let size: usize = x.shape()[1..].iter().product();
    let mut shape = x.shape().to_vec();
    shape[0] = rows.len();
    Tensor::from_vec(x.as_slice()[rows.start * size..rows.end * size].to_vec(), &shape).unwrap()
}

/// The value of all at once, which must be that of any batches, to the bit.
#[track_caller]
fn value(metric: &mut dyn Metric<f64>, output: &Tensor<f64>, target: &Of) -> f64 {
    metric.reset();
    assert!(metric.value().is_nan(), "{} of nothing is {}", metric.name(), metric.value());
    metric.update(output, target.target()).unwrap();
    let whole = metric.value();
    let n = output.shape()[0];
    for size in [1, 2, 3, 7] {
        metric.reset();
        for start in (0..n).step_by(size) {
            let rows = start..n.min(start + size);
            let target = match target {
                Of::Classes(labels) => Of::Classes(part(labels, rows.clone())),
                Of::Values(values) => Of::Values(part(values, rows.clone())),
            };
            metric.update(&part(output, rows), target.target()).unwrap();
        }
        assert_eq!(
            metric.value().to_bits(),
            whole.to_bits(),
            "{} by {size}: {}, not {whole}",
            metric.name(),
            metric.value()
        );
    }
    whole
}

fn scores(n: usize, classes: usize) -> (Tensor<f64>, Of, Vec<usize>) {
    let mut rng = seeded(3);
    // Steps of a quarter, so that there are ties.
    let x = Tensor::from_fn(&[n, classes], |_| (rng.random_range(0..8) as f64) / 4.0);
    let labels: Vec<usize> = (0..n).map(|_| rng.random_range(0..classes)).collect();
    (x, Of::Classes(Tensor::from(labels.clone())), labels)
}

fn largest(row: &[f64]) -> usize {
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
}

#[test]
fn accuracies_are_shares_of_rows() {
    let (x, target, labels) = scores(23, 4);
    let rows: Vec<&[f64]> = x.as_slice().chunks(4).collect();
    let right = rows.iter().zip(&labels).filter(|(row, label)| largest(row) == **label).count();
    assert_eq!(value(&mut Accuracy::new(), &x, &target), right as f64 / 23.0);
    for k in 1..=4 {
        let among = |(row, &label): (&&[f64], &usize)| {
            let mut order: Vec<usize> = (0..4).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a])); // stable: the first of equals is first
            order[..k].contains(&label)
        };
        let right = rows.iter().zip(&labels).filter(|&x| among(x)).count();
        assert_eq!(value(&mut TopKAccuracy::new(k), &x, &target), right as f64 / 23.0);
    }
    let one_hot = wengert_nn::datasets::to_one_hot::<f64>(&Tensor::from(labels), 4).unwrap();
    assert_eq!(value(&mut Accuracy::new(), &x, &Of::Values(one_hot)), right as f64 / 23.0);
}

#[test]
fn answers_are_on_a_side_of_a_threshold() {
    let x = tensor![0.2, 0.5, 0.6, 0.9, f64::NAN];
    let labels = Of::Classes(tensor![0, 0, 0, 1, 0]);
    assert_eq!(value(&mut BinaryAccuracy::new(), &x, &labels), 3.0 / 5.0);
    assert_eq!(value(&mut BinaryAccuracy::new().threshold(0.6), &x, &labels), 4.0 / 5.0);
}

#[test]
fn rates_are_those_of_a_confusion_matrix() {
    // True by predicted: [[2, 1, 0], [0, 3, 1], [0, 0, 0]] of four classes, the last without any row.
    let (truth, predicted) = ([0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 2]);
    let x = wengert_nn::datasets::to_one_hot::<f64>(&Tensor::from(predicted.to_vec()), 4).unwrap();
    let target = Of::Classes(Tensor::from(truth.to_vec()));
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a}, expected {b}");
    close(value(&mut Precision::macro_average(), &x, &target), (1.0 + 0.75 + 0.0) / 3.0);
    close(value(&mut Recall::macro_average(), &x, &target), (2.0 / 3.0 + 0.75 + 0.0) / 3.0);
    close(value(&mut F1Score::macro_average(), &x, &target), (0.8 + 0.75 + 0.0) / 3.0);
    for metric in [
        &mut Precision::micro_average() as &mut dyn Metric<f64>,
        &mut Recall::micro_average(),
        &mut F1Score::micro_average(),
        &mut ConfusionMatrix::new(),
    ] {
        close(value(metric, &x, &target), 5.0 / 7.0);
    }
    let mut confusion = ConfusionMatrix::new();
    confusion.update(&x, target.target()).unwrap();
    assert_eq!((confusion.count(0, 1), confusion.count(1, 1), confusion.count(9, 0)), (1, 3, 0));
    assert_eq!(
        confusion.to_string(),
        "   0  1  2  3\n0  2  1  0  0\n1  0  3  1  0\n2  0  0  0  0\n3  0  0  0  0"
    );
}

#[test]
fn binary_rates_are_of_the_answers_yes() {
    let x = tensor![[0.9], [0.8], [0.7], [0.2], [0.1]];
    let target = Of::Classes(tensor![1, 0, 1, 1, 0]);
    assert_eq!(value(&mut Precision::new(), &x, &target), 2.0 / 3.0);
    assert_eq!(value(&mut Recall::new(), &x, &target), 2.0 / 3.0);
    assert_eq!(value(&mut F1Score::new(), &x, &target), 2.0 / 3.0);
    assert_eq!(value(&mut Recall::of(Average::Binary(0.15)), &x, &target), 1.0);
    // Shares of nothing.
    assert_eq!(value(&mut Precision::of(Average::Binary(1.0)), &x, &target), 0.0);
    assert_eq!(value(&mut Recall::new(), &x, &Of::Classes(tensor![0, 0, 0, 0, 0])), 0.0);
    assert_eq!(value(&mut F1Score::of(Average::Binary(1.0)), &x, &Of::Classes(tensor![0, 0, 0, 0, 0])), 0.0);
}

#[test]
fn auc_is_the_share_of_pairs_in_order_with_ties_as_halves() {
    for n in [2, 5, 40] {
        let (x, ..) = scores(n, 1);
        let labels: Vec<usize> = (0..n).map(|i| (i * 7 + 1) % 3 % 2).collect();
        let (mut ordered, mut pairs) = (0.0, 0.0);
        for i in (0..n).filter(|&i| labels[i] == 1) {
            for j in (0..n).filter(|&j| labels[j] == 0) {
                let (a, b) = (x.as_slice()[i], x.as_slice()[j]);
                ordered += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        let target = Of::Classes(Tensor::from(labels));
        assert_eq!(value(&mut RocAuc::new(), &x, &target), ordered / pairs);
        let both = Tensor::from_fn(&[n, 2], |at| if at[1] == 1 { x.as_slice()[at[0]] } else { 0.0 });
        assert_eq!(value(&mut RocAuc::new(), &both, &target), ordered / pairs);
    }
    let all_equal = Of::Classes(tensor![0, 1, 0, 1]);
    assert_eq!(value(&mut RocAuc::new(), &tensor![0.0, -0.0, 0.0, -0.0], &all_equal), 0.5);
}

#[test]
fn auc_of_one_class_or_of_nan_is_nan() {
    for (x, labels) in [
        (tensor![0.1, 0.2], tensor![1, 1]),
        (tensor![0.1, 0.2], tensor![0, 0]),
        (tensor![f64::NAN, 0.2], tensor![0, 1]),
    ] {
        let mut auc = RocAuc::new();
        auc.update(&x, Target::Classes(&labels)).unwrap();
        assert!(Metric::<f64>::value(&auc).is_nan());
    }
}

#[test]
fn distances_and_r2_follow_their_formulas() {
    let x: Tensor<f64> = Tensor::uniform(&[17, 2], -1.0, 1.0, &mut seeded(1));
    let t: Tensor<f64> = Tensor::uniform(&[17, 2], 1e6, 1e6 + 1.0, &mut seeded(2));
    let x = Tensor::from_fn(&[17, 2], |at| t.get(at).unwrap() + 0.1 * x.get(at).unwrap());
    let d: Vec<f64> = x.as_slice().iter().zip(t.as_slice()).map(|(x, t)| x - t).collect();
    let target = Of::Values(t.clone());
    let mse = d.iter().map(|d| d * d).sum::<f64>() / 34.0;
    assert_eq!(value(&mut MeanSquaredError::new(), &x, &target), mse);
    assert_eq!(value(&mut RootMeanSquaredError::new(), &x, &target), mse.sqrt());
    assert_eq!(
        value(&mut MeanAbsoluteError::new(), &x, &target),
        d.iter().map(|d| d.abs()).sum::<f64>() / 34.0
    );
    let r2 = |column: usize| {
        let all: Vec<f64> = t.as_slice().iter().skip(column).step_by(2).copied().collect();
        let mean = all.iter().sum::<f64>() / 17.0;
        let residual: f64 = d.iter().skip(column).step_by(2).map(|d| d * d).sum();
        1.0 - residual / all.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>()
    };
    let expected = (r2(0) + r2(1)) / 2.0;
    let found = value(&mut R2Score::new(), &x, &target);
    assert!(
        (found - expected).abs() < 1e-9,
        "{found}, expected {expected}: far from 0 a sum of squares would cancel"
    );
}

#[test]
fn r2_of_equal_targets_is_all_or_nothing() {
    let mut r2 = R2Score::new();
    let mut of = |x: Tensor<f64>, t: Tensor<f64>| {
        Metric::<f64>::reset(&mut r2);
        r2.update(&x, Target::Values(&t)).unwrap();
        Metric::<f64>::value(&r2)
    };
    assert_eq!(of(tensor![2.0, 2.0], tensor![2.0, 2.0]), 1.0);
    assert_eq!(of(tensor![2.0, 3.0], tensor![2.0, 2.0]), 0.0);
    assert!(of(tensor![2.0], tensor![2.0]).is_nan());
}

#[test]
fn perplexity_is_e_to_the_mean_cross_entropy() {
    let (x, target, labels) = scores(9, 5);
    let tape = wengert_nn::prelude::GradientTape::new();
    let labels = Tensor::from(labels);
    let loss =
        SparseCategoricalCrossEntropy::from_logits().rows(tape.var(&x), Target::Classes(&labels)).unwrap();
    let expected = loss.mean().item().exp();
    for (metric, x) in
        [(&mut Perplexity::from_logits(), x.clone()), (&mut Perplexity::from_probabilities(), x.softmax(-1))]
    {
        let found = value(metric, &x, &target);
        assert!((found - expected).abs() < 1e-12 * expected, "{found}, expected {expected}");
    }
    let huge = value(&mut Perplexity::from_logits(), &tensor![[1e4, 0.0]], &Of::Classes(tensor![0]));
    assert_eq!(huge, 1.0);
}

#[test]
fn what_does_not_fit_is_refused_and_not_counted() {
    let mut metrics: Vec<Box<dyn Metric<f64>>> = vec![
        Box::new(Accuracy::new()),
        Box::new(TopKAccuracy::new(2)),
        Box::new(Precision::macro_average()),
        Box::new(ConfusionMatrix::new()),
        Box::new(Perplexity::from_logits()),
    ];
    for metric in &mut metrics {
        let e = metric.update(&Tensor::zeros(&[2, 3]), Target::Classes(&tensor![0, 3])).unwrap_err();
        assert!(e.to_string().ends_with("label 3 for an output of 3 classes"), "{e}");
        let e = metric.update(&Tensor::zeros(&[2, 3]), Target::Classes(&tensor![0])).unwrap_err();
        assert!(e.to_string().ends_with("labels of shape [1] for 2 rows"), "{e}");
        assert!(matches!(
            metric.update(&Tensor::zeros(&[2]), Target::Classes(&tensor![0, 0])),
            Err(TrainError::Output { .. })
        ));
        assert!(metric.value().is_nan());
    }
    let mut metrics: Vec<Box<dyn Metric<f64>>> = vec![
        Box::new(MeanSquaredError::new()),
        Box::new(MeanAbsoluteError::new()),
        Box::new(R2Score::new()),
        Box::new(BinaryAccuracy::new()),
        Box::new(RocAuc::new()),
    ];
    for metric in &mut metrics {
        let e = metric.update(&Tensor::zeros(&[2, 3]), Target::Values(&Tensor::zeros(&[3, 2]))).unwrap_err();
        assert!(e.to_string().contains("values of shape [3, 2] for an output of shape [2, 3]"), "{e}");
        assert!(metric.value().is_nan());
    }
    let mut confusion = ConfusionMatrix::new();
    confusion.update(&tensor![[1.0, 0.0]], Target::Classes(&tensor![0])).unwrap();
    let e = confusion.update(&tensor![[1.0, 0.0, 0.0]], Target::Classes(&tensor![0])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "confusion matrix takes an output of shape with as many classes as the batches before; the model's has shape [1, 3]"
    );
}

#[test]
fn batches_without_rows_change_nothing() {
    let mut accuracy = Accuracy::new();
    accuracy.update(&Tensor::<f64>::zeros(&[0, 3]), Target::Classes(&Tensor::zeros(&[0]))).unwrap();
    assert!(Metric::<f64>::value(&accuracy).is_nan());
}
