//! Cross-entropy from logits, with integer labels.
//!
//! Fused for stability and speed: ln(softmax) of a label is one pass over its row, no
//! probability is ever divided or logarithmised, and the rule is softmax - one_hot.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;

/// One loss a row: the labels' shape.
pub(crate) fn shape(logits: &Shape, labels: &Tensor<usize>) -> Result<Shape, ShapeError> {
    let rows = logits.split_last().map(|(_, rows)| rows);
    if rows != Some(&labels.shape()[..]) {
        return Err(ShapeError::Expected {
            op: "cross_entropy",
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
            op: "cross_entropy",
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
    let (tape, shape) = (logits.tape(), logits.shape());
    let labels = tape.arena.borrow().attributes.indices(at).clone();
    let classes = shape[shape.len() - 1];
    let one_hot = tape.pool.borrow_mut().build(shape.clone(), |out| {
        out.fill(T::zero());
        labels.as_slice().iter().enumerate().for_each(|(row, &label)| out[row * classes + label] = T::one());
    });
    let column: Shape = shape[..shape.len() - 1].iter().copied().chain([1]).collect();
    y_bar.reshape(&column) * (logits.softmax(-1) - tape.constant(one_hot))
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
}
