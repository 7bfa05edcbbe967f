//! `Tensor<T>`: a shape and a shared, contiguous, row-major buffer of immutable elements.
//!
//! Cloning shares the buffer; a scalar is held in place, without one. There are no strided views:
//! what would be a view is either free (a reshape shares the buffer) or a copy that the kernels
//! make once, so that every kernel may assume contiguous slices.

mod create;
mod methods;
mod operators;
mod print;

use crate::element::Element;
use crate::error::ShapeError;
use crate::shape::Shape;
use std::sync::Arc;

/// An n-dimensional array of `f32`, `f64`, `u8`, `i64`, `usize` or `bool`.
///
/// ```
/// use wengert::{Tensor, tensor};
/// let a = tensor![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(a.shape()[..], [2, 2]);
/// assert_eq!(a.get(&[1, 0]), Some(3.0));
/// assert_eq!(a.to_string(), "[[1. 2.]\n [3. 4.]]");
/// let b = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// assert_eq!(a, b);
/// # Ok::<(), wengert::ShapeError>(())
/// ```
#[derive(Clone)]
pub struct Tensor<T = f32> {
    shape: Shape,
    data: Data<T>,
}

/// Where the elements are. The whole `Arc` goes back to a tape's pool, so that reusing a buffer
/// allocates neither the elements nor the counts.
#[derive(Clone)]
enum Data<T> {
    Scalar(T),
    Shared(Arc<Vec<T>>),
}

impl<T: Element> Tensor<T> {
    /// A tensor of `shape` from its elements in row-major order.
    ///
    /// # Errors
    /// The number of elements is not the product of the axes, or the shape is too large.
    ///
    /// ```
    /// let e = wengert::Tensor::from_vec(vec![1.0, 2.0], &[3]).unwrap_err();
    /// assert_eq!(e.to_string(), "from_vec: 2 elements do not fill shape [3], which has 3");
    /// ```
    pub fn from_vec(elements: Vec<T>, shape: &[usize]) -> Result<Tensor<T>, ShapeError> {
        let shape = Shape::new(shape)?;
        if shape.elements() != elements.len() {
            return Err(ShapeError::Elements { op: "from_vec", given: elements.len(), shape });
        }
        Ok(Tensor::from_buffer(Arc::new(elements), shape))
    }

    /// A tensor without axes.
    #[inline]
    pub fn scalar(value: T) -> Tensor<T> {
        Tensor { shape: Shape::scalar(), data: Data::Scalar(value) }
    }

    /// A tensor over a buffer whose length is known to fit.
    pub(crate) fn from_buffer(buffer: Arc<Vec<T>>, shape: Shape) -> Tensor<T> {
        debug_assert_eq!(buffer.len(), shape.elements());
        if shape.is_empty() {
            return Tensor::scalar(buffer[0]);
        }
        Tensor { shape, data: Data::Shared(buffer) }
    }

    /// The lengths of the axes.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no elements: an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements in row-major order.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        match &self.data {
            Data::Scalar(x) => std::slice::from_ref(x),
            Data::Shared(buffer) => buffer,
        }
    }

    /// The elements as a vector of their own.
    pub fn to_vec(&self) -> Vec<T> {
        self.as_slice().to_vec()
    }

    /// The element at `index`, one number an axis; `None` outside the shape.
    pub fn get(&self, index: &[usize]) -> Option<T> {
        if index.len() != self.ndim() || index.iter().zip(self.shape.iter()).any(|(i, n)| i >= n) {
            return None;
        }
        let offset: usize = index.iter().zip(self.shape.strides()).map(|(i, stride)| i * stride).sum();
        Some(self.as_slice()[offset])
    }

    /// The only element of a tensor that has just one, whatever its shape.
    ///
    /// # Panics
    /// There are no or several elements.
    #[track_caller]
    pub fn item(&self) -> T {
        match self.as_slice() {
            [x] => *x,
            _ => panic!("item: a tensor of shape {} has {} elements, not one", self.shape, self.len()),
        }
    }

    /// The same elements under another shape; the buffer is shared, not copied.
    ///
    /// # Errors
    /// The number of elements differs.
    ///
    /// ```
    /// use wengert::Tensor;
    /// let a = Tensor::<f32>::arange(6).reshape(&[2, 3])?;
    /// assert_eq!(a.shape()[..], [2, 3]);
    /// # Ok::<(), wengert::ShapeError>(())
    /// ```
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor<T>, ShapeError> {
        let shape = Shape::new(shape)?;
        if shape.elements() != self.len() {
            return Err(ShapeError::Elements { op: "reshape", given: self.len(), shape });
        }
        Ok(self.reshaped(shape))
    }

    /// `reshape` to a shape that is known to fit.
    pub(crate) fn reshaped(&self, shape: Shape) -> Tensor<T> {
        debug_assert_eq!(shape.elements(), self.len());
        match &self.data {
            Data::Shared(buffer) => Tensor::from_buffer(buffer.clone(), shape),
            Data::Scalar(x) if shape.is_empty() => Tensor::scalar(*x),
            Data::Scalar(x) => Tensor { shape, data: Data::Shared(Arc::new(vec![*x])) },
        }
    }

    /// Every element converted as Rust's `as` does: saturating, towards zero, NaN to 0.
    ///
    /// Integers pass through `f64`: above 2^53 they are rounded.
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// assert_eq!(tensor![1.9, -3.0].cast::<u8>(), tensor![1u8, 0]);
    /// ```
    pub fn cast<U: Element>(&self) -> Tensor<U> {
        let convert = |x: &T| U::from_f64(x.to_f64());
        match &self.data {
            Data::Scalar(x) => Tensor::scalar(convert(x)),
            Data::Shared(buffer) => {
                let elements = buffer.iter().map(convert).collect();
                Tensor { shape: self.shape.clone(), data: Data::Shared(Arc::new(elements)) }
            }
        }
    }

    /// The shape alone, without the elements; for a tape that will compute them again.
    pub(crate) fn hollow(&self, nothing: &Arc<Vec<T>>) -> Tensor<T> {
        Tensor { shape: self.shape.clone(), data: Data::Shared(nothing.clone()) }
    }

    /// Whether the elements are missing; never so if there are none.
    pub(crate) fn is_hollow(&self) -> bool {
        self.len() < self.shape.elements()
    }

    /// The elements for writing, if nobody else holds the buffer.
    ///
    /// ```
    /// let mut a = wengert::Tensor::<f32>::zeros(&[2]);
    /// a.get_mut().unwrap()[0] = 1.0;
    /// let b = a.clone();
    /// assert!(a.get_mut().is_none(), "b shares it");
    /// # drop(b);
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut [T]> {
        match &mut self.data {
            Data::Scalar(x) => Some(std::slice::from_mut(x)),
            Data::Shared(buffer) if is_shared(buffer) => None,
            Data::Shared(buffer) => Arc::get_mut(buffer).map(Vec::as_mut_slice),
        }
    }

    /// Whether there is a buffer that nobody else holds, as far as one look tells.
    #[inline]
    pub(crate) fn is_unshared(&self) -> bool {
        matches!(&self.data, Data::Shared(buffer) if !is_shared(buffer))
    }

    /// The buffer, if this is its only holder; a scalar has none.
    pub(crate) fn into_buffer(self) -> Option<Arc<Vec<T>>> {
        match self.data {
            Data::Scalar(_) => None,
            Data::Shared(buffer) if is_shared(&buffer) => None,
            Data::Shared(mut buffer) => Arc::get_mut(&mut buffer).is_some().then_some(buffer),
        }
    }
}

/// Whether others hold the buffer, as far as one look tells: it spares `Arc::get_mut`'s locked
/// instructions where that is sure to say no.
fn is_shared<T>(buffer: &Arc<Vec<T>>) -> bool {
    Arc::strong_count(buffer) > 1
}

/// Same shape and equal elements, so NaN is not equal to itself.
impl<T: Element> PartialEq for Tensor<T> {
    fn eq(&self, other: &Tensor<T>) -> bool {
        self.shape == other.shape && self.as_slice() == other.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shares_and_a_scalar_needs_no_buffer() {
        let a = Tensor::from_vec(vec![1.0, 2.0], &[2]).unwrap();
        assert_eq!(a.as_slice().as_ptr(), a.clone().as_slice().as_ptr());
        assert_eq!(a.as_slice().as_ptr(), a.reshape(&[2, 1]).unwrap().as_slice().as_ptr());
        assert!(Tensor::from_vec(vec![1.0], &[]).unwrap().into_buffer().is_none());
    }

    #[test]
    fn get_looks_up_and_says_none_outside() {
        let a = Tensor::from_vec((0..6).collect::<Vec<usize>>(), &[2, 3]).unwrap();
        assert_eq!(a.get(&[1, 2]), Some(5));
        assert_eq!((a.get(&[2, 0]), a.get(&[0]), a.get(&[0, 0, 0])), (None, None, None));
    }

    #[test]
    fn equality_needs_the_same_shape() {
        let a = Tensor::from_vec(vec![1u8, 2], &[2]).unwrap();
        assert_ne!(a, a.reshape(&[1, 2]).unwrap());
        assert_eq!(a, a.clone());
    }
}
