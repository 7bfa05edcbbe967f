//! A function as a layer.

use super::call::Call;
use crate::forward::Forward;
use crate::module::Module;
use std::fmt;
use std::marker::PhantomData;
use wengert::{Float, Var};

/// A function of variables, to stand in a [`Sequential`](super::Sequential): what has no layer of its own.
///
/// ```
/// use wengert_nn::prelude::*;
/// let model: Sequential = Sequential::new().layer(Lambda::new(|x| x / 255.0 - 0.5)).layer(Tanh);
/// let tape = GradientTape::new();
/// assert_eq!(model.forward(tape.constant(tensor![127.5f32])).value(), tensor![0.0]);
/// ```
#[derive(Clone, Module)]
pub struct Lambda<F, T: Float = f32> {
    #[module(skip)]
    f: F,
    number: PhantomData<T>,
}

impl<F, T: Float> Lambda<F, T>
where
    F: for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
{
    /// The layer that is `f`.
    pub fn new(f: F) -> Lambda<F, T> {
        Lambda { f, number: PhantomData }
    }
}

impl<F, T: Float> Forward<T> for Lambda<F, T>
where
    F: for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
{
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let call = Call::enter(self, "lambda", x.tape());
        call.output((self.f)(x))
    }
}

impl<F, T: Float> fmt::Debug for Lambda<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lambda")
    }
}
