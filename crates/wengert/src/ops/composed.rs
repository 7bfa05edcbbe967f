//! Operations that stand for a composition of others, with kernels of their own for speed.
//!
//! The composition is the definition. Recorded sweeps, hence derivatives of any order, and forward
//! mode go through it; value and first derivatives, which is what a training step takes, through
//! the kernels. So a whole layer is one node and few passes over memory, and its kernels are
//! checked against code that can be read in a minute.

use super::View;
use super::custom::{Bars, Extension};
use crate::element::Float;
use crate::error::ShapeError;
use crate::pool::Pool;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;
use crate::var::Var;
use smallvec::SmallVec;
use std::any::Any;
use std::sync::Arc;

/// What such an operation says of itself.
pub(crate) trait Composed: PartialEq + Send + Sync + 'static {
    /// The name on the tape.
    fn name(&self) -> &'static str;

    /// What a print says beside name and inputs.
    fn describe(&self) -> Option<String> {
        None
    }

    /// The composition.
    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T>;

    /// The value, or what is wrong with the inputs' shapes.
    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError>;

    /// The contributions to all inputs in numbers; those that are not `wanted` may be left out.
    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>>;
}

/// One of them as the tape sees it.
struct Whole<C>(C);

impl<T: Float, C: Composed> Extension<T> for Whole<C> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> Option<String> {
        self.0.describe()
    }

    fn forward(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        self.0.forward(inputs, pool)
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        self.0.vjp(inputs, y, y_bar, wanted, pool)
    }

    fn recall(&self) -> Option<&dyn Any> {
        Some(&self.0)
    }

    fn define<'t>(&self, inputs: &[Var<'t, T>]) -> Option<Var<'t, T>> {
        Some(self.0.define(inputs))
    }

    fn recorded_vjp<'t>(&self, inputs: &[Var<'t, T>], _: Var<'t, T>, y_bar: Var<'t, T>) -> Bars<Var<'t, T>> {
        through(inputs, y_bar, |inputs| self.0.define(inputs))
    }

    fn jvp(&self, inputs: &[&Tensor<T>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64> {
        let tape = GradientTape::new();
        let vars: SmallVec<[Var<f64>; 4]> = inputs.iter().map(|x| tape.var(x.cast::<f64>())).collect();
        let (sources, tangents): (Vec<_>, Vec<_>) =
            vars.iter().zip(tangents).filter_map(|(&x, t)| t.map(|t| (x, t.clone()))).unzip();
        tape.jvp(&[self.0.define(&vars)], &sources, &tangents).remove(0)
    }
}

/// The contributions to `inputs` of `f`, recorded anew and swept on their tape.
pub(crate) fn through<'t, T: Float>(
    inputs: &[Var<'t, T>],
    y_bar: Var<'t, T>,
    f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
) -> Bars<Var<'t, T>> {
    // Through copies, so that an input which depends on another one counts by itself alone.
    let copies: SmallVec<[Var<'t, T>; 4]> =
        inputs.iter().map(|x| TensorOps::view(x, View::Reshape, &x.shape())).collect();
    let mut y = f(&copies);
    if y.shape() != y_bar.shape() {
        // An input of the largest shape does not occur in the expression.
        y = y.broadcast_to(&y_bar.shape());
    }
    y.tape().try_vjp(&[y], &[y_bar], &copies).into_iter().map(Result::ok).collect()
}

impl<T: Float> GradientTape<T> {
    /// Records an operation that stands for a composition.
    #[track_caller]
    pub(crate) fn composed<'t>(&'t self, op: impl Composed, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        let recalled = self.arena.borrow_mut().recall(&op);
        Self::fit(self.record_extension(recalled.unwrap_or_else(|| Arc::new(Whole(op))), inputs))
    }
}
