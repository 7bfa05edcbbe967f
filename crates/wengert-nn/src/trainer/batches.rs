//! Batches: which rows, in which order, with which weights.
//!
//! The order of rows is a function of the seed and of how often the data has been gone through, and
//! of nothing before: so a training goes on from any epoch with the rows it would have had.

use super::TrainError;
use super::options::FitOptions;
use crate::losses::Target;
use crate::seeded;
use wengert::rand::seq::SliceRandom;
use wengert::{Float, Tensor};
use wengert_datasets::{Dataset, refill};

/// Puts the numbers below `rows.len()` into the order of the `pass`-th time through the data, from 0.
///
/// This is how [`Trainer::fit`](crate::Trainer::fit) shuffles; a loop written by hand can do the same.
///
/// ```
/// let mut rows = [0; 5];
/// wengert_nn::shuffle(&mut rows, 7, 3);
/// let mut again = [0; 5];
/// wengert_nn::shuffle(&mut again, 7, 3);
/// assert_eq!(rows, again);
/// ```
pub fn shuffle(rows: &mut [usize], seed: u64, pass: u64) {
    rows.iter_mut().enumerate().for_each(|(i, row)| *row = i);
    let mut rng = seeded(seed);
    rng.set_stream(pass);
    rows.shuffle(&mut rng);
}

/// Two batches whose tensors are filled again and again: whole ones, and an epoch's last.
pub(super) struct Batches<B> {
    whole: Option<B>,
    last: Option<B>,
}

impl<B> Default for Batches<B> {
    fn default() -> Self {
        Batches { whole: None, last: None }
    }
}

impl<X, Y> Batches<(X, Y)> {
    pub(super) fn gather<T, D>(&mut self, data: &D, rows: &[usize], size: usize) -> &(X, Y)
    where
        T: Float,
        D: Dataset<T, Input = X, Target = Y>,
    {
        let batch = if rows.len() == size { &mut self.whole } else { &mut self.last };
        data.gather(rows, batch);
        batch.as_ref().expect("a data set gathers the rows it is asked for")
    }
}

/// Where an epoch's batches are: rows of one pass after the other.
pub(super) struct Order {
    rows: Vec<usize>,
    /// The pass that `rows` are of.
    pass: Option<u64>,
    size: usize,
    seed: u64,
    shuffle: bool,
}

impl Order {
    pub(super) fn new<D>(rows: usize, options: &FitOptions<'_, D>) -> Order {
        let (size, seed, shuffle) = (options.batch_size, options.seed, options.shuffle);
        Order { rows: (0..rows).collect(), pass: None, size, seed, shuffle }
    }

    pub(super) fn batches_per_pass(&self) -> usize {
        self.rows.len().div_ceil(self.size)
    }

    /// The rows of a batch, counted over all passes.
    pub(super) fn batch(&mut self, number: u64) -> &[usize] {
        let batches = self.batches_per_pass() as u64;
        let (pass, batch) = (number / batches, (number % batches) as usize);
        if self.shuffle && self.pass != Some(pass) {
            shuffle(&mut self.rows, self.seed, pass);
            self.pass = Some(pass);
        }
        let end = self.rows.len().min((batch + 1) * self.size);
        &self.rows[batch * self.size..end]
    }
}

/// The weights of samples and classes, as tensors that are filled again.
pub(super) struct Weights<'v, T: Float> {
    samples: Option<&'v [f64]>,
    classes: Option<&'v [f64]>,
    tensor: Option<Tensor<T>>,
}

impl<'v, T: Float> Weights<'v, T> {
    pub(super) fn new<D>(options: &FitOptions<'v, D>, len: usize) -> Result<Self, TrainError> {
        let (samples, classes) = (options.sample_weights, options.class_weights);
        if let Some(samples) = samples.filter(|samples| samples.len() != len) {
            return Err(TrainError::Weights {
                expected: format!("one for each of the {len} rows of the data"),
                found: format!("{} sample weights", samples.len()),
            });
        }
        Ok(Weights { samples, classes, tensor: None })
    }

    /// The weights of a batch, if there are any.
    pub(super) fn of(
        &mut self,
        rows: &[usize],
        target: Target<'_, T>,
    ) -> Result<Option<&Tensor<T>>, TrainError> {
        if self.samples.is_none() && self.classes.is_none() {
            return Ok(None);
        }
        let labels = match (self.classes, target) {
            (None, _) => None,
            (Some(_), Target::Classes(labels)) => Some(labels),
            (Some(_), Target::Values(_)) => {
                let found = "class weights and a target of values".into();
                return Err(TrainError::Weights {
                    expected: "class labels to give weights to".into(),
                    found,
                });
            }
        };
        let classes = self.classes.unwrap_or_default();
        if let Some(label) = labels.and_then(|labels| labels.as_slice().iter().find(|&&x| x >= classes.len()))
        {
            let found = format!("{} class weights", classes.len());
            return Err(TrainError::Weights { expected: format!("one for each label up to {label}"), found });
        }
        let shape = labels.map_or(vec![rows.len()], |labels| labels.shape().to_vec());
        let each = shape[1..].iter().product::<usize>().max(1);
        self.tensor = Some(refill(self.tensor.take(), &shape, |into| {
            for (i, weight) in into.iter_mut().enumerate() {
                let of_sample = self.samples.map_or(1.0, |samples| samples[rows[i / each]]);
                let of_class = labels.map_or(1.0, |labels| classes[labels.as_slice()[i]]);
                *weight = T::from_f64(of_sample * of_class);
            }
        }));
        Ok(self.tensor.as_ref())
    }
}
