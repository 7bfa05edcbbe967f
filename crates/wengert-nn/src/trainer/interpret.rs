//! What a classifier takes for what, and where it is most wrong: fastai's `ClassificationInterpretation`,
//! in one pass over the data.
//!
//! Only the worst mistakes are kept, and their inputs are gathered from the data at the end: the memory is
//! that of an evaluation, however many rows there are.

use super::evaluate::{Rows, Seen};
use super::{Evaluation, TrainError, Trainer};
use crate::forward::Model;
use crate::losses::{AsTarget, Target};
use crate::metrics::{ConfusionMatrix, Metric, each_row, largest};
use wengert::{Element, Float, Tensor};
use wengert_datasets::Dataset;

/// A classifier's evaluation, with what it takes for what and its worst mistakes; made by
/// [`Trainer::interpret`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interpretation<X> {
    /// Loss and metrics, as [`Trainer::evaluate`] gives them.
    pub evaluation: Evaluation,
    /// How many rows of each class were taken for each.
    pub confusion: ConfusionMatrix,
    /// The rows that were taken for another class, those of the highest losses first.
    pub mistakes: Vec<Mistake>,
    /// The inputs of the mistakes in the same order, as one batch of the data; `None` if there are none.
    pub inputs: Option<X>,
}

/// A row that was taken for another class.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The row in the data.
    pub row: usize,
    /// Its class.
    pub truth: usize,
    /// The class that it was taken for: of equal probabilities the first.
    pub predicted: usize,
    /// The probability given to the predicted class.
    pub probability: f64,
    /// The probability given to its own class.
    pub truth_probability: f64,
    /// Its loss.
    pub loss: f64,
}

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// An [evaluation](Trainer::evaluate) of a classifier that also counts what is taken for what, and
    /// keeps the `most` worst mistakes, for a table, a picture or a report (`Report`, with the feature `plot`).
    /// Of equal losses the first row is the worse.
    ///
    /// # Errors
    /// Those of an evaluation; outputs that are not of shape `[rows, classes]`, or one answer a row; a
    /// loss that does not say what outputs mean as [probabilities](crate::Loss::probabilities), as the
    /// cross-entropies do.
    ///
    /// ```
    /// use wengert_nn::{datasets::TensorDataset, prelude::*};
    /// // A model that repeats its input, and a row of class 1 that it takes for class 0.
    /// let model: Sequential = Sequential::new();
    /// let data = TensorDataset::new(tensor![[2f32, 0.], [0., 2.], [3., 0.]], tensor![0usize, 1, 1])?;
    /// let loss = SparseCategoricalCrossEntropy::from_logits();
    /// let mut trainer = Trainer::new(model, Sgd::new(0.1), loss).metric(Accuracy::new());
    /// let found = trainer.interpret(&data, 10)?;
    /// assert_eq!(found.confusion.count(1, 0), 1);
    /// let [worst] = &found.mistakes[..] else { panic!("one is wrong") };
    /// assert_eq!((worst.row, worst.truth, worst.predicted), (2, 1, 0));
    /// assert!((worst.probability - 0.9526).abs() < 1e-4);
    /// assert_eq!(found.inputs.unwrap(), tensor![[3f32, 0.]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn interpret<D>(&mut self, data: &D, most: usize) -> Result<Interpretation<M::Input>, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        (self.at.epoch, self.at.batch) = (0, 0);
        let (mut confusion, mut mistakes) = (ConfusionMatrix::new(), Vec::new());
        let rows = Rows(0..data.len());
        let evaluation =
            self.evaluate_with(data, rows, &mut |seen| count(seen, &mut confusion, &mut mistakes, most))?;
        keep_worst(&mut mistakes, most);
        let rows: Vec<usize> = mistakes.iter().map(|mistake| mistake.row).collect();
        let mut batch = None;
        if !rows.is_empty() {
            data.gather(&rows, &mut batch);
        }
        let inputs = batch.map(|(inputs, _)| inputs);
        Ok(Interpretation { evaluation, confusion, mistakes, inputs })
    }
}

/// Counts a batch, and keeps the worst mistakes of all so far.
fn count<T: Float>(
    seen: Seen<'_, T>,
    confusion: &mut ConfusionMatrix,
    mistakes: &mut Vec<Mistake>,
    most: usize,
) -> Result<(), TrainError> {
    let output = seen.output.value();
    let Some(probabilities) = seen.loss.probabilities(&output) else {
        return Err(TrainError::Option {
            option: "interpret: the loss",
            found: "one that does not say what outputs mean as probabilities".into(),
            expected: "expected a cross-entropy of classes or of one answer a row, or a loss with Loss::probabilities"
                .into(),
        });
    };
    if probabilities.ndim() != 2 {
        let (expected, found) = ("[rows, classes]", output.shape().to_vec());
        return Err(TrainError::Output { loss: "interpret", expected, found });
    }
    // One answer a row stands for two classes, whatever its target is.
    let answers = match probabilities.shape() == output.shape() {
        true => None,
        false => Some(seen.target.binary("interpret", output.shape())?),
    };
    let yes =
        |answers: &Tensor<T>| answers.as_slice().iter().map(|&x| usize::from(x > T::from_f64(0.5))).collect();
    let answers: Option<Vec<usize>> = answers.as_deref().map(yes);
    let labels = answers.map(Tensor::from);
    let target = labels.as_ref().map_or(seen.target, Target::Classes);
    confusion.update(&probabilities, target)?;
    let losses = seen.loss.rows(seen.output, seen.target)?.value();
    let mut losses = losses.as_slice().iter();
    let mut row = seen.first;
    each_row("interpret", &probabilities, target, |p, truth| {
        let (predicted, loss) = (largest(p), losses.next().map_or(f64::NAN, |&loss| loss.to_f64()));
        if predicted != truth {
            let [probability, truth_probability] = [p[predicted], p[truth]].map(Element::to_f64);
            mistakes.push(Mistake { row, truth, predicted, probability, truth_probability, loss });
        }
        row += 1;
    })?;
    if mistakes.len() > most {
        keep_worst(mistakes, most);
    }
    Ok(())
}

/// The sort is stable, so that of equals the first row stays in front.
fn keep_worst(mistakes: &mut Vec<Mistake>, most: usize) {
    mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    mistakes.truncate(most);
}
