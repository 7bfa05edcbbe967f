//! Losses of yes or no: one output for each question, targets 0 and 1 as values or as labels.

use super::cross_entropy::checked_smoothing;
use super::values::{at, per_row};
use super::{Loss, Target};
use crate::trainer::TrainError;
use wengert::{Element, Float, Reduction, Tensor, Var};

/// What a model's outputs are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Logits,
    Probabilities,
    PytorchProbabilities,
}

impl From {
    /// The probabilities of 0 and of 1, where each row has one output.
    fn p<T: Float>(self, output: &Tensor<T>) -> Option<Tensor<T>> {
        let rows = match output.shape()[..] {
            [rows] | [rows, 1] => rows,
            _ => return None,
        };
        let yes = if self == From::Logits { output.sigmoid() } else { output.clone() };
        let both = yes.as_slice().iter().flat_map(|&p| [T::one() - p, p]).collect();
        Some(Tensor::from_vec(both, &[rows, 2]).expect("two for each row"))
    }
}

/// -(target·ln p + (1 - target)·ln(1 - p)), as a mean over each row's outputs.
///
/// ```
/// use wengert_nn::{losses::{BinaryCrossEntropy, Target}, prelude::*};
/// let tape = GradientTape::<f64>::new();
/// let logits = tape.var(tensor![[0.0], [100.0]]);
/// let rows = BinaryCrossEntropy::from_logits().rows(logits, Target::Classes(&tensor![0, 1]))?;
/// assert_eq!(rows.value(), tensor![2f64.ln(), 0.0]);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryCrossEntropy {
    from: From,
    smoothing: f64,
    positive: f64,
}

impl BinaryCrossEntropy {
    fn new(from: From) -> Self {
        BinaryCrossEntropy { from, smoothing: 0.0, positive: 1.0 }
    }

    /// The model's outputs are logits: the stable way.
    pub fn from_logits() -> Self {
        BinaryCrossEntropy::new(From::Logits)
    }

    /// The model's outputs are probabilities, such as a sigmoid gives. As in Keras those nearer to 0 or
    /// 1 than 10⁻⁷ count as that near, and nothing flows back through them.
    pub fn from_probabilities() -> Self {
        BinaryCrossEntropy::new(From::Probabilities)
    }

    /// The model's outputs are probabilities. As in PyTorch logarithms below -100 count as -100.
    pub fn from_probabilities_pytorch() -> Self {
        BinaryCrossEntropy::new(From::PytorchProbabilities)
    }

    /// Moves targets by this part towards 1/2.
    ///
    /// # Panics
    /// It is not from 0 to 1.
    #[track_caller]
    pub fn label_smoothing(self, smoothing: f64) -> Self {
        BinaryCrossEntropy { smoothing: checked_smoothing(smoothing), ..self }
    }

    /// What a target of 1 costs, as PyTorch's `pos_weight`. Default 1.
    pub fn positive_weight(self, weight: f64) -> Self {
        BinaryCrossEntropy { positive: weight, ..self }
    }
}

impl<T: Float> Loss<T> for BinaryCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let target = target.binary("binary cross-entropy", &output.shape())?;
        let (keep, half) = (1.0 - self.smoothing, self.smoothing / 2.0);
        let target =
            if self.smoothing == 0.0 { target.into_owned() } else { map(&target, |t| keep * t + half) };
        let tape = output.tape();
        let x = match self.from {
            From::Logits if self.positive == 1.0 => {
                return Ok(per_row(output.bce_with_logits_loss(target, Reduction::None)));
            }
            From::Logits => {
                // (1 - t)·softplus(x) + w·t·softplus(-x)
                let (no, yes) = (map(&target, |t| 1.0 - t), map(&target, |t| self.positive * t));
                let (no, yes) = (tape.constant(no), tape.constant(yes));
                return Ok(per_row(no * output.softplus() + yes * (-output).softplus()));
            }
            From::Probabilities => output.clamp(1e-7, 1.0 - 1e-7),
            From::PytorchProbabilities => output,
        };
        let rows = x.bce_loss(&target, Reduction::None);
        if self.positive == 1.0 {
            return Ok(per_row(rows));
        }
        // w·t·(-ln p) is the loss of a target that is 1, w·t times.
        let ones = Tensor::ones(&x.shape());
        let more = tape.constant(map(&target, |t| (self.positive - 1.0) * t));
        Ok(per_row(rows + more * x.bce_loss(ones, Reduction::None)))
    }

    /// ln 2.
    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        let guess = if self.from == From::Logits { 0.0 } else { 0.5 };
        at(self, Tensor::full(output, T::from_f64(guess)), target)
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        self.from.p(output)
    }
}

/// Binary cross-entropy that counts what is known already for little: times (1 - p)^gamma, where p is
/// the probability given to the target (Lin et al., "Focal loss for dense object detection", 2017). The
/// mean over each row's outputs.
///
/// ```
/// use wengert_nn::losses::BinaryFocalCrossEntropy;
/// let loss = BinaryFocalCrossEntropy::from_logits().gamma(2.0).alpha(0.25);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryFocalCrossEntropy {
    base: BinaryCrossEntropy,
    gamma: f64,
    alpha: Option<f64>,
}

impl BinaryFocalCrossEntropy {
    fn new(base: BinaryCrossEntropy) -> Self {
        BinaryFocalCrossEntropy { base, gamma: 2.0, alpha: None }
    }

    /// The model's outputs are logits: the stable way. Gamma 2, no alpha.
    pub fn from_logits() -> Self {
        BinaryFocalCrossEntropy::new(BinaryCrossEntropy::from_logits())
    }

    /// The model's outputs are probabilities, treated as in [`BinaryCrossEntropy::from_probabilities`].
    pub fn from_probabilities() -> Self {
        BinaryFocalCrossEntropy::new(BinaryCrossEntropy::from_probabilities())
    }

    /// How little counts what is known: 0 for as much as all else.
    pub fn gamma(self, gamma: f64) -> Self {
        BinaryFocalCrossEntropy { gamma, ..self }
    }

    /// Multiplies by alpha where the target is 1, and by 1 - alpha where it is 0.
    pub fn alpha(self, alpha: f64) -> Self {
        BinaryFocalCrossEntropy { alpha: Some(alpha), ..self }
    }
}

impl<T: Float> Loss<T> for BinaryFocalCrossEntropy {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let target = target.binary("binary focal cross-entropy", &output.shape())?;
        let tape = output.tape();
        let (p, loss) = match self.base.from {
            From::Logits => (output.sigmoid(), output.bce_with_logits_loss(&*target, Reduction::None)),
            _ => {
                let p = output.clamp(1e-7, 1.0 - 1e-7);
                (p, p.bce_loss(&*target, Reduction::None))
            }
        };
        // 1 - (t·p + (1 - t)·(1 - p)) = t + (1 - 2t)·p
        let (t, sign) = (tape.constant(&*target), tape.constant(map(&target, |t| 1.0 - 2.0 * t)));
        let focal = (t + sign * p).powf(self.gamma) * loss;
        Ok(per_row(match self.alpha {
            None => focal,
            Some(alpha) => tape.constant(map(&target, |t| t * alpha + (1.0 - t) * (1.0 - alpha))) * focal,
        }))
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        let guess = if self.base.from == From::Logits { 0.0 } else { 0.5 };
        at(self, Tensor::full(output, T::from_f64(guess)), target)
    }

    fn probabilities(&self, output: &Tensor<T>) -> Option<Tensor<T>> {
        self.base.from.p(output)
    }
}

/// max(1 - y·output, 0) with y = ±1, or its square; the mean over each row's outputs. Targets are -1 and
/// 1, or 0 and 1 as Keras permits.
///
/// ```
/// use wengert_nn::{losses::{Hinge, Target}, prelude::*};
/// let tape = GradientTape::<f32>::new();
/// let output = tape.var(tensor![[0.5], [0.5]]);
/// let rows = Hinge::new().rows(output, Target::Classes(&tensor![0, 1]))?;
/// assert_eq!(rows.value(), tensor![1.5, 0.5]);
/// # Ok::<(), wengert_nn::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Hinge {
    squared: bool,
}

impl Hinge {
    /// The loss.
    pub fn new() -> Self {
        Hinge { squared: false }
    }

    /// Its square.
    pub fn squared() -> Self {
        Hinge { squared: true }
    }
}

impl<T: Float> Loss<T> for Hinge {
    #[track_caller]
    fn rows<'t>(&self, output: Var<'t, T>, target: Target<'_, T>) -> Result<Var<'t, T>, TrainError> {
        let target = target.binary("hinge loss", &output.shape())?;
        let zeros_and_ones = target.as_slice().iter().all(|x| x.is_zero() || x.is_one());
        let y = if zeros_and_ones { map(&target, |t| 2.0 * t - 1.0) } else { target.into_owned() };
        let loss = (1.0 - output.tape().constant(y) * output).relu();
        Ok(per_row(if self.squared { loss.square() } else { loss }))
    }

    fn of_chance(&self, output: &[usize], target: Target<'_, T>) -> Option<f64> {
        at(self, Tensor::zeros(output), target)
    }
}

/// Each element, in double precision.
fn map<T: Float>(x: &Tensor<T>, f: impl Fn(f64) -> f64) -> Tensor<T> {
    let mapped = x.as_slice().iter().map(|&x| T::from_f64(f(Element::to_f64(x)))).collect();
    Tensor::from_vec(mapped, x.shape()).expect("of the same shape")
}
