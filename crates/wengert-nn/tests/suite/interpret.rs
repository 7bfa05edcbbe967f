//! What a classifier takes for what: the same numbers as an evaluation, the worst rows of all batches, and
//! errors that say what it needs.

use wengert_nn::TrainError;
use wengert_nn::datasets::{TensorDataset, to_one_hot};
use wengert_nn::losses::{BinaryFocalCrossEntropy, CategoricalFocalCrossEntropy};
use wengert_nn::prelude::*;

/// Logits for rows of three classes, more than one batch of an evaluation.
fn data() -> TensorDataset<f32, usize> {
    let x = Tensor::randn(&[1300, 3], &mut seeded(4));
    TensorDataset::new(x, Tensor::from((0..1300).map(|i| i % 3).collect::<Vec<_>>())).unwrap()
}

/// A trainer of a model that gives back what it gets.
fn trainer_of(loss: impl Loss + 'static) -> Trainer<Sequential> {
    Trainer::new(Sequential::new(), Sgd::new(0.1), loss)
}

/// The same, with the accuracy of classes.
fn trainer(loss: impl Loss + 'static) -> Trainer<Sequential> {
    trainer_of(loss).metric(Accuracy::new())
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
fn one_answer_a_row_is_two_classes() {
    let x = tensor![[2f32], [-1.0], [0.5], [-3.0]];
    let labels = TensorDataset::new(x.clone(), tensor![1usize, 1, 0, 0]).unwrap();
    let values = TensorDataset::new(x.clone(), tensor![[1f32], [1.0], [0.0], [0.0]]).unwrap();
    let probabilities = TensorDataset::new(x.sigmoid(), tensor![1usize, 1, 0, 0]).unwrap();
    let all = [
        trainer_of(BinaryCrossEntropy::from_logits()).interpret(&labels, 5).unwrap(),
        trainer_of(BinaryCrossEntropy::from_logits()).interpret(&values, 5).unwrap(),
        trainer_of(BinaryCrossEntropy::from_probabilities()).interpret(&probabilities, 5).unwrap(),
        trainer_of(BinaryFocalCrossEntropy::from_logits()).interpret(&labels, 5).unwrap(),
    ];
    for found in all {
        let counts =
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(truth, taken)| found.confusion.count(truth, taken));
        assert_eq!(counts, [1, 1, 1, 1]);
        let [first, second] = &found.mistakes[..] else { panic!("two are wrong: {found:?}") };
        assert_eq!((first.row, first.truth, first.predicted), (1, 1, 0));
        assert_eq!((second.row, second.truth, second.predicted), (2, 0, 1));
        assert!((first.probability - 1.0 / (1.0 + (-1f64).exp())).abs() < 1e-6, "{first:?}");
        assert!((first.probability + first.truth_probability - 1.0).abs() < 1e-6, "{first:?}");
    }
    let questions = TensorDataset::new(Tensor::<f32>::zeros(&[2, 3]), Tensor::<f32>::ones(&[2, 3])).unwrap();
    let error = trainer_of(BinaryCrossEntropy::from_logits()).interpret(&questions, 5).unwrap_err();
    assert!(matches!(error, TrainError::Option { .. }), "several answers a row are no classes: {error}");
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
    let expected = "interpret: the loss is one that does not say what outputs mean as probabilities; expected a cross-entropy of classes or of one answer a row, or a loss with Loss::probabilities";
    assert_eq!(error.to_string(), expected);
    let sequences = TensorDataset::new(
        Tensor::<f32>::zeros(&[2, 4, 3]),
        Tensor::from_vec(vec![0usize; 8], &[2, 4]).unwrap(),
    );
    let error =
        trainer(SparseCategoricalCrossEntropy::from_logits()).interpret(&sequences.unwrap(), 5).unwrap_err();
    assert!(matches!(&error, TrainError::Output { found, .. } if found[..] == [2, 4, 3]), "{error}");
}
