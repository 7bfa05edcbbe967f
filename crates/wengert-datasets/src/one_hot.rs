//! Labels as rows of zeros with a single one.
//!
//! Cross-entropy takes labels as they are; this is for losses that compare with a vector, such as
//! the mean squared error. It costs `classes` times the memory of the labels.

use crate::DatasetError;
use wengert::{Float, Tensor};

/// One-hot vectors of labels: a tensor of the labels' shape and one more axis, of `classes`, where
/// each row is 1 at its label and 0 elsewhere.
///
/// # Errors
/// A label is not below `classes`, or the result is too large for memory.
///
/// ```
/// use wengert::Tensor;
/// use wengert_datasets::to_one_hot;
/// let labels = Tensor::from_vec(vec![2, 0], &[2])?;
/// let one_hot = to_one_hot::<f32>(&labels, 3)?;
/// assert_eq!(one_hot, Tensor::from_vec(vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0], &[2, 3])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_one_hot<T: Float>(labels: &Tensor<usize>, classes: usize) -> Result<Tensor<T>, DatasetError> {
    if let Some(index) = labels.as_slice().iter().position(|&label| label >= classes) {
        let label = labels.as_slice()[index];
        return Err(DatasetError::Label { path: None, index, label, classes });
    }
    let shape = [labels.shape(), &[classes][..]].concat();
    let too_large = |e: wengert::ShapeError| DatasetError::Argument {
        path: None,
        argument: "classes",
        found: format!("{classes} for labels of shape {}", labels.shape()),
        expected: format!("a result that fits: {e}"),
    };
    let mut elements = vec![T::zero(); wengert::Shape::new(&shape).map_err(too_large)?.elements()];
    for (i, label) in labels.as_slice().iter().enumerate() {
        elements[i * classes + label] = T::one();
    }
    Tensor::from_vec(elements, &shape).map_err(too_large)
}
