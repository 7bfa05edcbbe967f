//! Steps in parts: each with a tape of its own on a thread of its own.
//!
//! A batch is cut where its rows and the number of parts say, losses and gradients are added in the
//! order of the parts, and random layers are seeded by step and part: so the same number of parts
//! gives the same bits, on any number of threads. It pays where a model's operations are too small to
//! be cut themselves.

use super::step::{Measured, Part, count_in, mix};
use super::{TrainError, Trainer, call};
use crate::callbacks::{Backward, Watched};
use crate::forward::Model;
use crate::losses::{Loss, shared, sum, weighted};
use std::panic::Location;
use wengert::{Element, Float, GradientTape, Gradients, Tensor};

/// What one part gives.
pub(super) struct Swept<T: Float> {
    /// The sum of its losses.
    total: f64,
    /// What that of the whole batch is divided by.
    count: f64,
    output: Option<Tensor<T>>,
    grads: Gradients<T>,
}

type Result<T> = std::result::Result<T, TrainError>;

/// How much the rows of the whole batch count: known, or as much as this many rows of losses.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Known(f64),
    Rows(usize),
}

/// Sweeps all parts. It is made where the model is known to be [`Sync`], and kept where it is not.
pub(super) type Parallel<M, T> = fn(
    &M,
    &dyn Loss<T>,
    &mut [GradientTape<T>],
    &[Part<'_, <M as Model<T>>::Input, T>],
    Count,
    bool,
    &'static Location<'static>,
) -> Result<Vec<Swept<T>>>;

impl<T: Float, M: Model<T> + Sync> Trainer<M, T>
where
    M::Input: Sync,
{
    /// This trainer with each batch of a [`fit`](Trainer::fit) cut in `n` parts, which are computed
    /// side by side by the threads of rayon's pool. Running statistics, as of batch normalisation, are
    /// those of the first part.
    ///
    /// The bits depend on `n`, and not on the number of threads.
    ///
    /// ```
    /// use wengert_nn::{datasets::TensorDataset, prelude::*};
    /// # let data = TensorDataset::new(tensor![[1.0f32], [2.0]], tensor![[2.0f32], [4.0]])?;
    /// let model: Dense = Dense::new(1, 1, &mut seeded(0));
    /// let mut trainer = Trainer::new(model, Adam::new(0.1), MeanSquaredError::new()).data_parallel(2);
    /// trainer.fit(&data, FitOptions::new().epochs(2))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// `n` is 0, or there is a [custom step](Trainer::train_step).
    #[must_use]
    #[track_caller]
    pub fn data_parallel(mut self, n: usize) -> Self {
        assert!(n > 0, "data_parallel: batches in 0 parts; at least 1 is needed");
        assert!(self.custom.is_none(), "data_parallel: a custom step has to cut its batches itself");
        self.tapes.resize_with(n, GradientTape::new);
        self.parallel = Some(sweep_all);
        self
    }
}

impl<T: Float, M: Model<T>> Trainer<M, T> {
    #[track_caller]
    pub(super) fn parallel_step(&mut self, parts: &[Part<'_, M::Input, T>]) -> Result<Measured> {
        let (seed, step) = (self.seed, self.at.steps);
        let Trainer { model, sample, optimizer, loss, metrics, callbacks, ema, parallel, tapes, at, .. } =
            self;
        let sweep_all = parallel.expect("batches are cut if the trainer is parallel");
        for (k, tape) in tapes.iter_mut().enumerate() {
            tape.reset();
            tape.set_training(true);
            tape.seed(mix(seed, step, k as u64));
        }
        // The mean divides by what all parts count together, so that gradients only have to be added.
        let counts: Option<f64> = parts.iter().map(|part| loss.counts(part.target).map(|x| sum(&x))).sum();
        let rows = parts.iter().map(|part| part.rows).sum();
        let count = counts.map_or(Count::Rows(rows), Count::Known);
        let tapes = &mut tapes[..parts.len()];
        let place = Location::caller();
        let mut swept =
            sweep_all(model, &**loss, tapes, parts, count, !metrics.is_empty(), place)?.into_iter();
        for (part, swept) in parts.iter().zip(swept.as_mut_slice()) {
            if let Some(output) = swept.output.take() {
                count_in(metrics, || output, part.target)?;
            }
        }
        let Swept { mut total, count, mut grads, .. } = swept.next().expect("there is a part");
        for other in swept {
            total += other.total;
            grads.accumulate(&other.grads);
        }
        let measured = Measured::of(total, count);
        let backward = Backward { loss: measured.loss, recorded: None, gradients: &grads };
        let (hook, ema) = ("after the gradients", ema.as_mut());
        let mut watched = Watched { model, sample: sample.as_ref() };
        call(callbacks, (&mut watched, &mut **optimizer, ema), at, hook, |callback, context| {
            callback.on_backward(&backward, context)
        })?;
        tapes.iter_mut().for_each(GradientTape::reset);
        optimizer.step(model, &grads)?;
        Ok(measured)
    }
}

fn sweep_all<T: Float, M: Model<T> + Sync>(
    model: &M,
    loss: &dyn Loss<T>,
    tapes: &mut [GradientTape<T>],
    parts: &[Part<'_, M::Input, T>],
    count: Count,
    wants_output: bool,
    place: &'static Location<'static>,
) -> Result<Vec<Swept<T>>>
where
    M::Input: Sync,
{
    let mut results: Vec<Option<Result<Swept<T>>>> = parts.iter().map(|_| None).collect();
    rayon::scope(|scope| {
        for ((result, tape), part) in results.iter_mut().zip(tapes).zip(parts) {
            scope.spawn(move |_| *result = Some(sweep(model, loss, tape, part, count, wants_output, place)));
        }
    });
    results.into_iter().map(|result| result.expect("every part was swept")).collect()
}

fn sweep<T: Float, M: Model<T>>(
    model: &M,
    loss: &dyn Loss<T>,
    tape: &GradientTape<T>,
    part: &Part<'_, M::Input, T>,
    count: Count,
    wants_output: bool,
    place: &'static Location<'static>,
) -> Result<Swept<T>> {
    let (output, rows) = tape.located(place, || {
        let output = model.output(tape, part.input);
        let rows = weighted(loss.rows(output, part.target)?, part.weights)?;
        Ok::<_, TrainError>((output, rows))
    })?;
    let count = match count {
        Count::Known(count) => count,
        // Each row of the batch has as many losses as each row of this part.
        Count::Rows(all) => (rows.shape().elements() / part.rows * all) as f64,
    };
    let total = rows.sum();
    let grads = shared(total, count).backward();
    let output = wants_output.then(|| output.value());
    Ok(Swept { total: Element::to_f64(total.item()), count, output, grads })
}
