//! What a batch should have given: class labels, or values; and what a loss says to one that does not
//! fit.

use crate::trainer::TrainError;
use std::borrow::Cow;
use wengert::{Float, Tensor};

/// What a batch should have given: class labels, or values.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a, T: Float = f32> {
    /// A class a row.
    Classes(&'a Tensor<usize>),
    /// Values of the output's shape.
    Values(&'a Tensor<T>),
}

/// What can be a data set's target: a tensor of labels or of values.
pub trait AsTarget<T: Float> {
    /// This, as a loss takes it.
    fn as_target(&self) -> Target<'_, T>;
}

impl<T: Float> AsTarget<T> for Tensor<usize> {
    fn as_target(&self) -> Target<'_, T> {
        Target::Classes(self)
    }
}

impl AsTarget<f32> for Tensor<f32> {
    fn as_target(&self) -> Target<'_, f32> {
        Target::Values(self)
    }
}

impl AsTarget<f64> for Tensor<f64> {
    fn as_target(&self) -> Target<'_, f64> {
        Target::Values(self)
    }
}

impl<'a, T: Float> Target<'a, T> {
    /// The labels, for an output of shape `[rows, .., classes]`: of the shape of all axes but the last.
    ///
    /// # Errors
    /// The target is values, there is not one label a row, or a label is not below `classes`.
    pub fn classes(self, loss: &'static str, output: &[usize]) -> Result<&'a Tensor<usize>, TrainError> {
        self.classes_but(loss, output, None)
    }

    /// [`classes`](Target::classes), where one label may be anything: it is ignored.
    pub(crate) fn classes_but(
        self,
        loss: &'static str,
        output: &[usize],
        ignored: Option<usize>,
    ) -> Result<&'a Tensor<usize>, TrainError> {
        let Target::Classes(labels) = self else {
            return Err(TrainError::Target { loss, expected: "class labels", found: "values".into() });
        };
        let (rows, classes) = match output {
            [rows @ .., classes] if !rows.is_empty() => (rows, *classes),
            _ => {
                return Err(TrainError::Output {
                    loss,
                    expected: "[rows, .., classes]",
                    found: output.into(),
                });
            }
        };
        if labels.shape()[..] != *rows {
            let rows =
                if let [rows] = rows { format!("{rows} rows") } else { format!("rows of shape {rows:?}") };
            let found = format!("labels of shape {} for {rows}", labels.shape());
            return Err(TrainError::Target { loss, expected: "one label a row", found });
        }
        let wrong = |&&label: &&usize| label >= classes && Some(label) != ignored;
        match labels.as_slice().iter().find(wrong) {
            Some(label) => {
                let found = format!("label {label} for an output of {classes} classes");
                Err(TrainError::Target { loss, expected: "labels below the number of classes", found })
            }
            None => Ok(labels),
        }
    }

    /// Zeros and ones of the output's shape: values as they are, or labels 0 and 1, one for each output.
    ///
    /// # Errors
    /// The target has another shape, or a label is not 0 or 1.
    pub fn binary(self, loss: &'static str, output: &[usize]) -> Result<Cow<'a, Tensor<T>>, TrainError> {
        let Target::Classes(labels) = self else { return self.values(loss, output).map(Cow::Borrowed) };
        if let Some(label) = labels.as_slice().iter().find(|&&label| label > 1) {
            let found = format!("label {label}");
            return Err(TrainError::Target { loss, expected: "labels 0 and 1", found });
        }
        // One output a row may have an axis of its own.
        let column = matches!(output, [rows @ .., 1] if *rows == labels.shape()[..]);
        if labels.shape()[..] != *output && !column {
            let found = format!("labels of shape {} for an output of shape {output:?}", labels.shape());
            return Err(TrainError::Target { loss, expected: "one label for each output", found });
        }
        let values = labels.as_slice().iter().map(|&label| T::from_f64(label as f64)).collect();
        Ok(Cow::Owned(Tensor::from_vec(values, output).expect("one label for each output")))
    }

    /// The values, for an output of their shape.
    ///
    /// # Errors
    /// The target is labels, or of another shape.
    pub fn values(self, loss: &'static str, output: &[usize]) -> Result<&'a Tensor<T>, TrainError> {
        match self {
            Target::Values(values) if values.shape()[..] == *output => Ok(values),
            Target::Values(values) => {
                let found = format!("values of shape {} for an output of shape {output:?}", values.shape());
                Err(TrainError::Target { loss, expected: "values of the output's shape", found })
            }
            Target::Classes(_) => {
                Err(TrainError::Target { loss, expected: "values", found: "class labels".into() })
            }
        }
    }
}
