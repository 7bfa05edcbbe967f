//! Parameters: values that live outside the tape and are recorded by reference.
//!
//! Most are moved by gradients. A running statistic is kept as one too, marked as state: a walk
//! over a model then finds all that has to be saved, and no gradient moves it.

use crate::element::Float;
use crate::tensor::Tensor;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What tells parameters apart, over the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(u64);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Trained,
    Frozen,
    State,
}

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
    role: Role,
    /// Set by walks over a model that is only borrowed, hence the lock.
    name: RwLock<Option<Arc<str>>>,
}

impl<T: Float> Parameter<T> {
    /// A new parameter with a first value.
    pub fn new(value: Tensor<T>) -> Parameter<T> {
        Parameter::with_role(value, Role::Trained)
    }

    /// A value that training changes without a gradient, such as a running mean: a constant on the
    /// tape, which [`GradientTape::update_state`](crate::GradientTape::update_state) gives new values.
    ///
    /// ```
    /// use wengert::{GradientTape, NoGradient, Parameter, tensor};
    /// let mean = Parameter::state(tensor![0.5]);
    /// assert!(mean.is_state() && !mean.is_trainable());
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![2.0]);
    /// let grads = (x - tape.parameter(&mean)).sum().backward();
    /// assert_eq!(grads.why(&mean), Some(NoGradient::Constant));
    /// ```
    pub fn state(value: Tensor<T>) -> Parameter<T> {
        Parameter::with_role(value, Role::State)
    }

    fn with_role(value: Tensor<T>, role: Role) -> Parameter<T> {
        Parameter {
            id: ParameterId(NEXT.fetch_add(1, Ordering::Relaxed)),
            value,
            role,
            name: RwLock::default(),
        }
    }

    /// What tells it from all other parameters.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// The current value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// Whether it is a running value that no gradient moves, made by [`state`](Parameter::state).
    pub fn is_state(&self) -> bool {
        self.role == Role::State
    }

    /// Whether a tape gives it a gradient: it is no state, and not frozen.
    pub fn is_trainable(&self) -> bool {
        self.role == Role::Trained
    }

    /// Freezes it, so that it is a constant on the tapes that record it from here on, or lets it be
    /// trained again. State stays state.
    ///
    /// ```
    /// use wengert::{GradientTape, Parameter, tensor};
    /// let (mut w, x) = (Parameter::new(tensor![3.0]), Parameter::new(tensor![2.0]));
    /// w.set_trainable(false);
    /// let tape = GradientTape::new();
    /// let grads = (tape.parameter(&w) * tape.parameter(&x)).sum().backward();
    /// assert_eq!((grads.parameter(&w), grads.parameter(&x)), (None, Some(&tensor![3.0])));
    /// ```
    pub fn set_trainable(&mut self, trainable: bool) {
        if !self.is_state() {
            self.role = if trainable { Role::Trained } else { Role::Frozen };
        }
    }

    /// Where it stands in its model, such as `encoder.0.weight`, once a walk has said so.
    pub fn name(&self) -> Option<Arc<str>> {
        self.name.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where it stands in its model. Layers call their scopes on the tape by it.
    ///
    /// ```
    /// use wengert::{Parameter, tensor};
    /// let w = Parameter::new(tensor![1.0]);
    /// assert_eq!(w.name(), None);
    /// w.set_name("hidden.weight");
    /// assert_eq!(w.name().as_deref(), Some("hidden.weight"));
    /// ```
    pub fn set_name(&self, name: &str) {
        *self.name.write().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
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
        let clone = Parameter::with_role(self.value.clone(), self.role);
        Parameter { name: RwLock::new(self.name()), ..clone }
    }
}
