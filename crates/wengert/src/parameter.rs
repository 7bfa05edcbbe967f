//! Parameters: values that live outside the tape and are recorded by reference.

use crate::element::Float;
use crate::tensor::Tensor;
use std::sync::atomic::{AtomicU64, Ordering};

/// What tells parameters apart, over the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(u64);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A value that training changes.
///
/// A tape records it without copying ([`GradientTape::parameter`](crate::GradientTape::parameter)),
/// and gradients are read by it ([`Gradients::parameter`](crate::Gradients::parameter)). A clone
/// has the same value and is another parameter.
///
/// ```
/// use wengert::{GradientTape, Parameter, tensor};
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// let tape = GradientTape::new();
/// let loss = tape.parameter(&w).square().sum();
/// assert_eq!(loss.backward().parameter(&w), Some(&tensor![2.0, 4.0]));
/// assert_ne!(w.clone().id(), w.id());
/// ```
#[derive(Debug)]
pub struct Parameter<T: Float = f32> {
    id: ParameterId,
    value: Tensor<T>,
}

impl<T: Float> Parameter<T> {
    /// A new parameter with a first value.
    pub fn new(value: Tensor<T>) -> Parameter<T> {
        Parameter { id: ParameterId(NEXT.fetch_add(1, Ordering::Relaxed)), value }
    }

    /// What tells it from all other parameters.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// The current value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// Replaces the value and gives the old one back.
    ///
    /// # Panics
    /// The shape differs: everything that was built for the parameter relies on it.
    #[track_caller]
    pub fn replace(&mut self, value: Tensor<T>) -> Tensor<T> {
        let (old, new) = (self.value.shape(), value.shape());
        assert!(old == new, "a parameter of shape {old} cannot take a value of shape {new}");
        std::mem::replace(&mut self.value, value)
    }

    /// The elements for writing in place, if no tape and no clone of the value holds them.
    pub fn get_mut(&mut self) -> Option<&mut [T]> {
        self.value.get_mut()
    }
}

impl<T: Float> Clone for Parameter<T> {
    fn clone(&self) -> Parameter<T> {
        Parameter::new(self.value.clone())
    }
}
