//! What a classifier takes for what: the same numbers as an evaluation, the worst rows of all batches, and
//! errors that say what it needs.

use wengert_nn::TrainError;
use wengert_nn::datasets::{TensorDataset, to_one_hot};
use wengert_nn::losses::CategoricalFocalCrossEntropy;
use wengert_nn::prelude::*;

/// Logits for rows of three classes, more than one batch of an evaluation.
fn data() -> TensorDataset<f32, usize> {
    let x = Tensor::randn(&[1300, 3], &mut seeded(4));
    TensorDataset::new(x, Tensor::from((0..1300).map(|i| i % 3).collect::<Vec<_>>())).unwrap()
}

/// A trainer of a model that gives back what it gets.
fn trainer(loss: impl Loss + 'static) -> Trainer<Sequential> {
    Trainer::new(Sequential::new(), Sgd::new(0.1), loss).metric(Accuracy::new())
}

#[test]
fn it_is_an_evaluation_and_finds_the_worst_rows_of_all_batches() {
    let data = data();
    let mut trainer = trainer(SparseCategoricalCrossEntropy::from_logits());
    let found = trainer.interpret(&data, 7).unwrap();
    assert_eq!(found.evaluation, trainer.evaluate(&data).unwrap());
    assert_eq!(found.confusion.total(), 1300);
    let accuracy = Metric::<f32>::value(&found.confusion);
    assert_eq!(Some(accuracy), found.evaluation.metric("accuracy"));

    // The same, the long way.
    let p = data.inputs().softmax(-1);
    let mut wrong: Vec<(usize, f32)> = p
        .as_slice()
        .chunks(3)
        .enumerate()
        .filter(|(i, p)| p.iter().any(|x| *x > p[i % 3]))
        .map(|(i, p)| (i, p[i % 3]))
        .collect();
    wrong.sort_by(|a, b| a.1.total_cmp(&b.1));
    let rows: Vec<usize> = found.mistakes.iter().map(|mistake| mistake.row).collect();
    assert_eq!(rows, wrong[..7].iter().map(|(row, _)| *row).collect::<Vec<_>>());
    assert!(rows.iter().any(|row| *row >= 512), "not all are in the first batch: {rows:?}");
    for (mistake, input) in found.mistakes.iter().zip(found.inputs.unwrap().as_slice().chunks(3)) {
        assert_eq!(input, &data.inputs().as_slice()[mistake.row * 3..][..3]);
        assert_eq!(mistake.truth, mistake.row % 3);
        assert!(input[mistake.predicted] >= input[0].max(input[1]).max(input[2]));
        assert!((mistake.loss + mistake.truth_probability.ln()).abs() < 1e-5, "{mistake:?}");
        assert!(mistake.probability > mistake.truth_probability);
    }
}

#[test]
fn all_losses_of_classes_say_what_outputs_mean() {
    let data = data();
    let labels = to_one_hot::<f32>(data.targets(), 3).unwrap();
    let with = |x: Tensor| TensorDataset::new(x, data.targets().clone()).unwrap();
    let probabilities = with(data.inputs().softmax(-1));
    let logarithms = with(data.inputs().log_softmax(-1));
    let rows = TensorDataset::new(data.inputs().clone(), labels).unwrap();
    let expected = trainer(SparseCategoricalCrossEntropy::from_logits()).interpret(&data, 5).unwrap();
    let all = [
        trainer(SparseCategoricalCrossEntropy::from_probabilities()).interpret(&probabilities, 5).unwrap(),
        trainer(SparseCategoricalCrossEntropy::from_log_probabilities()).interpret(&logarithms, 5).unwrap(),
        trainer(CategoricalCrossEntropy::from_logits()).interpret(&rows, 5).unwrap(),
        trainer(CategoricalFocalCrossEntropy::from_logits()).interpret(&data, 5).unwrap(),
    ];
    for found in all {
        assert_eq!(found.confusion, expected.confusion);
        for (mistake, expected) in found.mistakes.iter().zip(&expected.mistakes) {
            assert_eq!((mistake.row, mistake.predicted), (expected.row, expected.predicted));
            assert!((mistake.probability - expected.probability).abs() < 1e-5, "{mistake:?}");
        }
    }
}

#[test]
fn without_mistakes_there_are_no_inputs() {
    let data = TensorDataset::new(tensor![[1f32, 0.0], [0.0, 1.0]], tensor![0usize, 1]).unwrap();
    let found = trainer(SparseCategoricalCrossEntropy::from_logits()).interpret(&data, 5).unwrap();
    assert!(found.mistakes.is_empty() && found.inputs.is_none());
    let found = trainer(SparseCategoricalCrossEntropy::from_logits()).interpret(&self::data(), 0).unwrap();
    assert!(found.mistakes.is_empty() && found.inputs.is_none());
}

#[test]
fn what_is_no_classifier_is_refused() {
    let values = TensorDataset::new(tensor![[1f32, 0.0]], tensor![[1f32, 0.0]]).unwrap();
    let error = trainer(MeanSquaredError::new()).interpret(&values, 5).unwrap_err();
    let expected = "interpret: the loss is one that does not say what outputs mean as probabilities; expected a cross-entropy of classes, or a loss with Loss::probabilities";
    assert_eq!(error.to_string(), expected);
    let sequences = TensorDataset::new(
        Tensor::<f32>::zeros(&[2, 4, 3]),
        Tensor::from_vec(vec![0usize; 8], &[2, 4]).unwrap(),
    );
    let error =
        trainer(SparseCategoricalCrossEntropy::from_logits()).interpret(&sequences.unwrap(), 5).unwrap_err();
    assert!(matches!(&error, TrainError::Output { found, .. } if found[..] == [2, 4, 3]), "{error}");
}
