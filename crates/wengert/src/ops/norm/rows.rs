//! `layer_norm` and `rms_norm` as the tape sees them.

use super::super::composed::Composed;
use super::super::custom::Bars;
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{RowBars, RowNorm};
use crate::pool::Pool;
use crate::tensor::Tensor;
use crate::var::Var;

/// Inputs: x, weight, and a bias if the mean is subtracted.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct RowWise {
    pub centered: bool,
    pub eps: f64,
}

impl RowWise {
    fn problem<'a, T: Float>(&self, inputs: &[&'a Tensor<T>]) -> RowNorm<'a, T> {
        RowNorm {
            x: inputs[0].as_slice(),
            weight: inputs[1].as_slice(),
            bias: inputs.get(2).map(|bias| bias.as_slice()),
            centered: self.centered,
            eps: self.eps,
        }
    }
}

impl Composed for RowWise {
    fn name(&self) -> &'static str {
        if self.centered { "layer_norm" } else { "rms_norm" }
    }

    fn describe(&self) -> Option<String> {
        Some(format!("eps={}", self.eps))
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        inputs[0].normed_rows(inputs[1], inputs.get(2).copied(), self.eps)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        Ok(pool.build(inputs[0].shape().clone(), |y| T::row_norm(&self.problem(inputs), y)))
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        _: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let problem = self.problem(inputs);
        let mut bars = super::bars(inputs, wanted, pool);
        let mut scratch = pool.build([problem.scratch_of_rule()].into(), |_| {});
        let mut places = bars.iter_mut().map(|bar| bar.as_mut().map(super::elements));
        let mut next = || places.next().flatten();
        let into = RowBars { x: next(), weight: next(), bias: next() };
        T::row_norm_vjp(&problem, y_bar.as_slice(), super::elements(&mut scratch), into);
        pool.put(scratch);
        bars
    }
}
