//! Losses: how far a value is from its target.
//!
//! The cross-entropy of logits with integer labels is an operation of its own, for stability and
//! speed: ln(softmax) of a label is one pass over its row, no probability is ever divided or
//! logarithmised, and the rule is softmax - one_hot. The others are composed, in forms that overflow
//! nowhere and have no corner where the loss has none. Values and reductions are PyTorch's.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::real::Real;
use crate::shape::Shape;
use crate::tape::{GradientTape, IntoVar};
use crate::tensor::Tensor;
use crate::var::Var;

/// One loss a row: the labels' shape.
pub(crate) fn shape(op: &'static str, logits: &Shape, labels: &Tensor<usize>) -> Result<Shape, ShapeError> {
    let rows = logits.split_last().map(|(_, rows)| rows);
    if rows != Some(&labels.shape()[..]) {
        return Err(ShapeError::Expected {
            op,
            expected: format!(
                "logits of shape [.., classes] and one label a row, for labels {}",
                labels.shape()
            ),
            given: format!("logits {logits}"),
        });
    }
    let classes = logits[logits.len() - 1];
    match labels.as_slice().iter().position(|&label| label >= classes) {
        None => Ok(labels.shape().clone()),
        Some(row) => Err(ShapeError::Expected {
            op,
            expected: format!("labels below {classes}, the number of classes"),
            given: format!("label {} in row {row}", labels.as_slice()[row]),
        }),
    }
}

pub(crate) fn forward<T: Kernels>(
    logits: &Tensor<T>,
    labels: &Tensor<usize>,
    shape: Shape,
    pool: &mut Pool<T>,
) -> Tensor<T> {
    let classes = logits.shape()[logits.ndim() - 1];
    pool.build(shape, |out| T::cross_entropy(logits.as_slice(), labels.as_slice(), classes, out))
}

/// ȳ·(softmax(x) - one_hot), row by row, in recordable operations.
#[track_caller]
pub(crate) fn recorded_vjp<'t, T: Float>(at: At, logits: Var<'t, T>, y_bar: Var<'t, T>) -> Var<'t, T> {
    let labels = logits.tape().arena.borrow().attributes.indices(at).clone();
    let shape = logits.shape();
    let column: Shape = shape[..shape.len() - 1].iter().copied().chain([1]).collect();
    y_bar.reshape(&column) * (logits.softmax(-1) - one_hot(logits, &labels))
}

/// A constant of the shape of `x`: 1 at each row's label, else 0.
#[track_caller]
fn one_hot<'t, T: Float>(x: Var<'t, T>, labels: &Tensor<usize>) -> Var<'t, T> {
    let (tape, shape) = (x.tape(), x.shape());
    let classes = shape[shape.len() - 1];
    let one_hot = tape.pool.borrow_mut().build(shape, |out| {
        out.fill(T::zero());
        labels.as_slice().iter().enumerate().for_each(|(row, &label)| out[row * classes + label] = T::one());
    });
    tape.constant(one_hot)
}

/// How the losses of elements or rows become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They stay as they are.
    None,
}

/// Values and targets have one shape: a broadcast would compare each value with every target.
fn same_shape(op: &'static str, x: &Shape, target: &Shape) -> Result<(), ShapeError> {
    if x == target {
        return Ok(());
    }
    ShapeError::expected(op, format!("a target of the value's shape {x}"), target.to_string())
}

impl<'t, T: Float> Var<'t, T> {
    /// Mean over rows of -ln softmax(logits)\[label\], from logits `[.., classes]`.
    ///
    /// # Panics
    /// There is not one label a row, or a label is not below the number of classes.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let logits = tape.var(tensor![[0.0, 0.0], [1.0, 1.0]]);
    /// let loss = logits.cross_entropy(&tensor![0, 1]);
    /// assert_eq!(loss.item(), 2f64.ln());
    /// assert_eq!(loss.backward().wrt(logits), &tensor![[-0.25, 0.25], [0.25, -0.25]]);
    /// ```
    #[track_caller]
    pub fn cross_entropy(self, labels: &Tensor<usize>) -> Var<'t, T> {
        self.cross_entropy_rows(labels).mean()
    }

    /// -ln softmax(logits)\[label\] of each row: the labels' shape.
    ///
    /// # Panics
    /// There is not one label a row, or a label is not below the number of classes.
    #[track_caller]
    pub fn cross_entropy_rows(self, labels: &Tensor<usize>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_cross_entropy_rows(labels))
    }

    /// [`cross_entropy_rows`](Var::cross_entropy_rows) with an error instead of a panic: labels
    /// often come from outside.
    ///
    /// # Errors
    /// There is not one label a row, or a label is not below the number of classes.
    #[track_caller]
    pub fn try_cross_entropy_rows(self, labels: &Tensor<usize>) -> Result<Var<'t, T>, ShapeError> {
        let at = self.tape().push_indices(labels.clone());
        self.tape().try_record(Op::CrossEntropy(at), &[self])
    }

    #[track_caller]
    fn reduced(self, reduction: Reduction) -> Var<'t, T> {
        match reduction {
            Reduction::Mean => self.mean(),
            Reduction::Sum => self.sum(),
            Reduction::None => self,
        }
    }

    /// The target as a variable, if it has this one's shape.
    #[track_caller]
    fn target(self, op: &'static str, target: impl IntoVar<'t, T>) -> Var<'t, T> {
        let target = target.into_var(self.tape());
        self.tape().own(target);
        GradientTape::<T>::fit(same_shape(op, &self.shape(), &target.shape()));
        target
    }

    /// (x - target)², differentiable in both.
    ///
    /// # Panics
    /// The target has another shape.
    ///
    /// ```
    /// use wengert::{GradientTape, Reduction, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 5.0]);
    /// assert_eq!(x.mse_loss(tensor![0.0, 2.0], Reduction::Mean).item(), 5.0);
    /// assert_eq!(x.mse_loss(tensor![0.0, 2.0], Reduction::None).value(), tensor![1.0, 9.0]);
    /// ```
    #[track_caller]
    pub fn mse_loss(self, target: impl IntoVar<'t, T>, reduction: Reduction) -> Var<'t, T> {
        (self - self.target("mse_loss", target)).square().reduced(reduction)
    }

    /// |x - target|, with slope 0 where they are equal; differentiable in both.
    ///
    /// # Panics
    /// The target has another shape.
    #[track_caller]
    pub fn mae_loss(self, target: impl IntoVar<'t, T>, reduction: Reduction) -> Var<'t, T> {
        (self - self.target("mae_loss", target)).abs().reduced(reduction)
    }

    /// d²/2 where |d| <= delta, else delta·(|d| - delta/2), with d = x - target; differentiable in
    /// both. (P. J. Huber, "Robust estimation of a location parameter", 1964.)
    ///
    /// # Panics
    /// The target has another shape, or delta is not above 0.
    ///
    /// ```
    /// use wengert::{GradientTape, Reduction, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, -5.0]);
    /// let loss = x.huber_loss(tensor![0.0, 0.0], 2.0, Reduction::Sum);
    /// assert_eq!(loss.item(), 0.5 + 8.0);
    /// assert_eq!(loss.backward().wrt(x), &tensor![1.0, -2.0]);
    /// ```
    #[track_caller]
    pub fn huber_loss(self, target: impl IntoVar<'t, T>, delta: f64, reduction: Reduction) -> Var<'t, T> {
        let d = self - self.target("huber_loss", target);
        if delta <= 0.0 || delta.is_nan() {
            panic!("huber_loss: expected a delta above 0, got {delta}");
        }
        // With q = d, but no further than delta from 0, it is q·(d - q/2), which is smooth at 0.
        let q = d.clamp(-delta, delta);
        (q * (d - q * 0.5)).reduced(reduction)
    }

    /// -(target·ln x + (1 - target)·ln(1 - x)) of probabilities x, each logarithm bounded below by
    /// -100; differentiable in both. Where a logarithm is bounded, nothing flows back through it:
    /// [`bce_with_logits_loss`](Var::bce_with_logits_loss) has no such place.
    ///
    /// # Panics
    /// The target has another shape.
    #[track_caller]
    pub fn bce_loss(self, target: impl IntoVar<'t, T>, reduction: Reduction) -> Var<'t, T> {
        let target = self.target("bce_loss", target);
        let least = self.tape().constant(T::from_f64(-100.0));
        let (ln_p, ln_q) = (self.ln().maximum(least), (-self).ln_1p().maximum(least));
        ((target - 1.0) * ln_q - target * ln_p).reduced(reduction)
    }

    /// ln(1 + eˣ) - target·x: the binary cross-entropy of the probabilities sigmoid(x), without
    /// overflow; differentiable in both.
    ///
    /// # Panics
    /// The target has another shape.
    ///
    /// ```
    /// use wengert::{GradientTape, Reduction, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![0.0, 1000.0, -1000.0]);
    /// let loss = x.bce_with_logits_loss(tensor![1.0, 1.0, 1.0], Reduction::None);
    /// assert_eq!(loss.value(), tensor![2f64.ln(), 0.0, 1000.0]);
    /// assert_eq!(loss.sum().backward().wrt(x), &tensor![-0.5, 0.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn bce_with_logits_loss(self, target: impl IntoVar<'t, T>, reduction: Reduction) -> Var<'t, T> {
        let target = self.target("bce_with_logits_loss", target);
        (self.softplus() - target * self).reduced(reduction)
    }

    /// [`cross_entropy_rows`](Var::cross_entropy_rows), reduced, with targets that give
    /// `label_smoothing` of each row's probability to all classes alike:
    /// (1 - s)·loss + s·(mean over classes of -ln softmax). (C. Szegedy et al., "Rethinking the
    /// inception architecture for computer vision", 2016.)
    ///
    /// # Panics
    /// There is not one label a row, a label is not below the number of classes, or the smoothing is
    /// not in 0..=1.
    ///
    /// ```
    /// use wengert::{GradientTape, Reduction, tensor};
    /// let tape = GradientTape::new();
    /// let logits = tape.var(tensor![[2.0, 0.0]]);
    /// let loss = |s| logits.cross_entropy_loss(&tensor![0], s, Reduction::Sum).item();
    /// let more: f64 = loss(0.5) - loss(0.0);
    /// assert!((more - 0.5).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn cross_entropy_loss(
        self,
        labels: &Tensor<usize>,
        label_smoothing: f64,
        reduction: Reduction,
    ) -> Var<'t, T> {
        if !(0.0..=1.0).contains(&label_smoothing) {
            panic!("cross_entropy_loss: expected a label smoothing from 0 to 1, got {label_smoothing}");
        }
        let rows = self.cross_entropy_rows(labels);
        if label_smoothing == 0.0 {
            return rows.reduced(reduction);
        }
        let alike = self.logsumexp_axes(&[-1], false) - self.mean_axes(&[-1], false);
        (rows * (1.0 - label_smoothing) + alike * label_smoothing).reduced(reduction)
    }

    /// -x\[label\] of each row, for logarithms of probabilities `[.., classes]`.
    ///
    /// # Panics
    /// There is not one label a row, or a label is not below the number of classes.
    #[track_caller]
    pub fn nll_loss(self, labels: &Tensor<usize>, reduction: Reduction) -> Var<'t, T> {
        GradientTape::<T>::fit(shape("nll_loss", &self.shape(), labels));
        // What is not the label's counts nothing, even if its logarithm is -∞.
        let picked = one_hot(self, labels).mul0(self);
        (-picked.sum_axes(&[-1], false)).reduced(reduction)
    }

    /// target·(ln target - x) for logarithms x of probabilities and probabilities as the target, 0
    /// where the target is 0: the divergence of Kullback and Leibler; differentiable in both.
    /// [`Reduction::Mean`] divides the sum by the length of the first axis, the batch.
    ///
    /// # Panics
    /// The target has another shape.
    ///
    /// ```
    /// use wengert::{GradientTape, Reduction, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[0.5, 0.5]]).ln();
    /// let loss = x.kl_div_loss(tensor![[1.0, 0.0]], Reduction::Mean);
    /// assert_eq!(loss.item(), 2f64.ln());
    /// ```
    #[track_caller]
    pub fn kl_div_loss(self, target: impl IntoVar<'t, T>, reduction: Reduction) -> Var<'t, T> {
        let target = self.target("kl_div_loss", target);
        let loss = target.mul0(target.ln() - self);
        match (reduction, self.shape().first()) {
            (Reduction::Mean, Some(&batch)) => loss.sum() / batch as f64,
            _ => loss.reduced(reduction),
        }
    }
}
