//! Evaluation and prediction, which change nothing.

use super::batches::Batches;
use super::fit::mean;
use super::step::{Part, count_in, mean_loss};
use super::{Evaluation, TrainError, Trainer};
use crate::forward::Model;
use crate::losses::{AsTarget, Loss, Target};
use std::ops::Range;
use wengert::{Element, Float, Tensor, Var};
use wengert_datasets::Dataset;

/// Rows of a batch in an evaluation: large enough for the matrix products, small enough that no memory
/// is spent that training would not need.
const EVALUATION_ROWS: usize = 512;

/// Which rows of a data set.
pub(super) struct Rows(pub Range<usize>);

/// A batch that has been evaluated.
pub(super) struct Seen<'a, T: Float> {
    pub loss: &'a dyn Loss<T>,
    pub output: Var<'a, T>,
    pub target: Target<'a, T>,
    /// The row of the data that is the batch's first.
    pub first: usize,
}

pub(super) type Look<'l, T> = dyn FnMut(Seen<'_, T>) -> Result<(), TrainError> + 'l;

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// Loss and metrics over all of `data`, in order; nothing is changed. Layers such as dropout do as
    /// they do in use, and [averaged weights](Trainer::ema) are used if there are any.
    ///
    /// # Errors
    /// No data, a target that the loss or a metric cannot take, or a callback that failed.
    #[track_caller]
    pub fn evaluate<D>(&mut self, data: &D) -> Result<Evaluation, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        (self.at.epoch, self.at.batch) = (0, 0);
        self.evaluate_rows(data, Rows(0..data.len()))
    }

    #[track_caller]
    pub(super) fn evaluate_rows<D>(&mut self, data: &D, rows: Rows) -> Result<Evaluation, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        self.evaluate_with(data, rows, &mut |_| Ok(()))
    }

    /// An evaluation in which `look` is shown each batch.
    #[track_caller]
    pub(super) fn evaluate_with<D>(
        &mut self,
        data: &D,
        rows: Rows,
        look: &mut Look<'_, T>,
    ) -> Result<Evaluation, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        if rows.0.is_empty() {
            return Err(TrainError::NoData);
        }
        self.at.batch = 0;
        self.call("before an evaluation", |callback, context| callback.on_test_begin(context))?;
        self.swap_average();
        let evaluation = self.measure(data, rows, look);
        self.swap_average();
        self.tapes[0].reset();
        self.tapes[0].set_training(true);
        let evaluation = evaluation?;
        self.at.batch = 0;
        self.call("after an evaluation", |callback, context| callback.on_test_end(&evaluation, context))?;
        Ok(evaluation)
    }

    #[track_caller]
    fn measure<D>(
        &mut self,
        data: &D,
        Rows(rows): Rows,
        look: &mut Look<'_, T>,
    ) -> Result<Evaluation, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
        D::Target: AsTarget<T>,
    {
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        let rows: Vec<usize> = rows.collect();
        let (mut total, mut counted, mut batches) = (0.0, 0.0, Batches::default());
        for (batch, rows) in rows.chunks(EVALUATION_ROWS).enumerate() {
            self.at.batch = batch + 1;
            self.call("before a batch of an evaluation", |callback, context| {
                callback.on_test_batch_begin(context)
            })?;
            let (input, target) = batches.gather(data, rows, EVALUATION_ROWS);
            let Trainer { model, loss, metrics, tapes, .. } = self;
            let tape = &mut tapes[0];
            tape.reset();
            tape.set_training(false);
            let output = model.output(tape, input);
            let part = Part { input, target: target.as_target(), weights: None, rows: rows.len() };
            let (mean, count) = mean_loss(&**loss, output, part)?;
            total += Element::to_f64(mean.item()) * count;
            counted += count;
            count_in(metrics, || output.value(), part.target)?;
            look(Seen { loss: &**loss, output, target: part.target, first: rows[0] })?;
            self.call("after a batch of an evaluation", |callback, context| {
                callback.on_test_batch_end(context)
            })?;
        }
        Ok(Evaluation { loss: mean(total, counted), metrics: self.metric_values() })
    }

    /// The model's output for one batch of inputs, as [`evaluate`](Trainer::evaluate) computes it.
    ///
    /// # Errors
    /// None yet: a shape that does not fit the model is a panic that names the layer.
    #[track_caller]
    pub fn predict(&mut self, input: &M::Input) -> Result<Tensor<T>, TrainError> {
        self.swap_average();
        self.tapes[0].reset();
        self.tapes[0].set_training(false);
        let output = self.model.output(&self.tapes[0], input).value();
        self.tapes[0].reset();
        self.tapes[0].set_training(true);
        self.swap_average();
        Ok(output)
    }

    /// The model's outputs for all rows of `data`, in order and in batches, one after the other along
    /// the first axis.
    ///
    /// # Errors
    /// No data, or outputs that cannot stand one after the other.
    #[track_caller]
    pub fn predict_all<D>(&mut self, data: &D) -> Result<Tensor<T>, TrainError>
    where
        D: Dataset<T, Input = M::Input>,
    {
        let rows: Vec<usize> = (0..data.len()).collect();
        let (mut elements, mut shape, mut batches) = (Vec::new(), Vec::new(), Batches::default());
        for rows in rows.chunks(EVALUATION_ROWS) {
            let (input, _) = batches.gather(data, rows, EVALUATION_ROWS);
            let output = self.predict(input)?;
            let fits = output.shape().first() == Some(&rows.len());
            if !fits || (!shape.is_empty() && output.shape()[1..] != shape[1..]) {
                let found = output.shape().to_vec();
                return Err(TrainError::Output { loss: "predict_all", expected: "[rows, ..]", found });
            }
            shape = output.shape().to_vec();
            elements.extend_from_slice(output.as_slice());
        }
        let Some(first) = shape.first_mut() else { return Err(TrainError::NoData) };
        *first = rows.len();
        Ok(Tensor::from_vec(elements, &shape).expect("as many elements as rows"))
    }

    /// Exchanges weights and their averages, if there are any.
    fn swap_average(&mut self) {
        if let Some(ema) = &mut self.ema {
            ema.swap(&mut self.model);
        }
    }

    pub(super) fn metric_values(&self) -> Vec<(String, f64)> {
        self.metrics.iter().map(|metric| (metric.name().to_string(), metric.value())).collect()
    }
}
