//! Losses of directions and of distances between outputs.

use super::values::per_row;
use super::{Loss, Target};
use crate::trainer::TrainError;
use wengert::{Float, Reduction, Var};

/// -cos of the angle between output and target over the last axis: -1 for the same direction, 1 for the
/// opposite one, 0 where either is zero. As Keras' `CosineSimilarity`; the mean over the other axes of
/// each row.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosineSimilarity;

impl CosineSimilarity {
    /// The loss.
    pub fn new() -> Self {
        CosineSimilarity
    }
}

impl<T: Float> Loss<T> for CosineSimilarity {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let shape = output.shape();
        let values = target.values("cosine similarity", &shape)?;
        if shape.len() < 2 {
            let (loss, expected) = ("cosine similarity", "[rows, .., values]");
            return Err(TrainError::Output { loss, expected, found: shape.to_vec() });
        }
        Ok(per_row(-cosine(output, output.tape().constant(values))))
    }
}

/// cos of the angle between `a` and `b` over the last axis; 0 where a length is below 10⁻⁶.
#[track_caller]
fn cosine<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let least = a.tape().constant(T::from_f64(1e-12));
    let squares = [a, b].map(|x| x.square().sum_axes(&[-1], false).maximum(least));
    (a * b).sum_axes(&[-1], false) / (squares[0].sqrt() * squares[1].sqrt())
}

#[track_caller]
fn reduced<T: Float>(x: Var<'_, T>, reduction: Reduction) -> Var<'_, T> {
    match reduction {
        Reduction::None => x,
        Reduction::Sum => x.sum(),
        Reduction::Mean => x.mean(),
    }
}

/// max(0, margin - y·(first - second)): with y = 1 the first shall be larger by the margin, with y = -1
/// the second. PyTorch's `MarginRankingLoss`, for a loop of one's own.
///
/// # Panics
/// The shapes do not broadcast together.
///
/// ```
/// use wengert_nn::{losses::margin_ranking, prelude::*};
/// let tape = GradientTape::<f64>::new();
/// let (a, b) = (tape.var(tensor![1.0, 1.0]), tape.var(tensor![0.5, 3.0]));
/// let loss = margin_ranking(a, b, tape.constant(tensor![1.0, 1.0]), 1.0, Reduction::None);
/// assert_eq!(loss.value(), tensor![0.5, 3.0]);
/// ```
#[track_caller]
pub fn margin_ranking<'t, T: Float>(
    first: Var<'t, T>,
    second: Var<'t, T>,
    y: Var<'t, T>,
    margin: f64,
    reduction: Reduction,
) -> Var<'t, T> {
    reduced((margin - y * (first - second)).relu(), reduction)
}

/// Over the last axis: 1 - cos(first, second) where y is 1, max(0, cos(first, second) - margin) where it
/// is -1. PyTorch's `CosineEmbeddingLoss`, for a loop of one's own.
///
/// # Panics
/// The shapes do not broadcast together.
#[track_caller]
pub fn cosine_embedding<'t, T: Float>(
    first: Var<'t, T>,
    second: Var<'t, T>,
    y: Var<'t, T>,
    margin: f64,
    reduction: Reduction,
) -> Var<'t, T> {
    let cosine = cosine(first, second);
    let alike = (y + 1.0) * 0.5;
    reduced(alike * (1.0 - cosine) + (1.0 - alike) * (cosine - margin).relu(), reduction)
}

/// max(0, |anchor - positive| - |anchor - negative| + margin) with lengths over the last axis: what is
/// alike shall be nearer than what is not, by the margin. PyTorch's `TripletMarginLoss` without its
/// epsilon, for a loop of one's own (Schroff et al., "FaceNet", 2015, with squares).
///
/// # Panics
/// The shapes do not broadcast together.
#[track_caller]
pub fn triplet_margin<'t, T: Float>(
    anchor: Var<'t, T>,
    positive: Var<'t, T>,
    negative: Var<'t, T>,
    margin: f64,
    reduction: Reduction,
) -> Var<'t, T> {
    let [near, far] = [positive, negative].map(|x| (anchor - x).norm_axes(&[-1], false));
    reduced((near - far + margin).relu(), reduction)
}
