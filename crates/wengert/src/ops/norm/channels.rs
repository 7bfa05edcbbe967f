//! The normalisations of channels as the tape sees them.
//!
//! Where mean and variance are x's own, there are two nodes: the moments, recorded in a pause, and the
//! result. Its rule is that of the whole, reads the moments and goes past them, so that x is read once
//! less and running statistics cost nothing.

use super::super::composed::Composed;
use super::super::custom::Bars;
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{ChannelBars, ChannelNorm, Groups, moments_scratch};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::var::Var;

/// `x [batch, channels, ..]`.
fn planes(x: &Shape) -> Groups {
    Groups { outer: x[0], n: x[1], inner: x[2..].iter().product() }
}

/// Mean and variance of each channel of the batch, or of so many groups of each example: `[2, sets]`.
/// Nothing flows back through it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Moments {
    pub groups: Option<usize>,
}

impl Moments {
    /// x with its sets in the middle.
    fn sets(&self, x: &Shape) -> Groups {
        let g = planes(x);
        match self.groups {
            None => g,
            Some(groups) => Groups { outer: 1, n: g.outer * groups, inner: g.n / groups * g.inner },
        }
    }
}

impl Composed for Moments {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        inputs[0].moments(self.groups)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let sets = self.sets(inputs[0].shape());
        let mut scratch = pool.build([moments_scratch(sets)].into(), |_| {});
        let y = pool.build([2, sets.n].into(), |out| {
            T::channel_moments(inputs[0].as_slice(), sets, super::elements(&mut scratch), out);
        });
        pool.put(scratch);
        Ok(y)
    }

    fn vjp<T: Float>(
        &self,
        _: &[&Tensor<T>],
        _: &Tensor<T>,
        _: &Tensor<T>,
        _: &[bool],
        _: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        unreachable!("recorded in a pause: nothing flows back")
    }
}

/// The moments for those who compute with them. The last input is [`Moments`].
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Kept(pub Moments);

impl Composed for Kept {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        self.0.define(inputs)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], _: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        Ok(inputs[1].clone())
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        _: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let x = inputs[0];
        let mut scratch = pool.build(y.shape().clone(), |_| {});
        let x_bar = pool.build(x.shape().clone(), |out| {
            let (x, sets) = (x.as_slice(), self.0.sets(x.shape()));
            let scratch = super::elements(&mut scratch);
            T::channel_moments_vjp(x, sets, y.as_slice(), y_bar.as_slice(), scratch, out);
        });
        pool.put(scratch);
        [Some(x_bar), None].into_iter().collect()
    }
}

fn value<T: Float>(problem: &ChannelNorm<T>, x: &Shape, pool: &mut Pool<T>) -> Tensor<T> {
    let mut scratch = pool.build([problem.scratch()].into(), |_| {});
    let y = pool.build(x.clone(), |y| T::channel_norm(problem, super::elements(&mut scratch), y));
    pool.put(scratch);
    y
}

fn rule<'a, T: Float>(
    problem: &ChannelNorm<T>,
    y_bar: &Tensor<T>,
    pool: &mut Pool<T>,
    bars: &'a mut Bars<Tensor<T>>,
    order: impl FnOnce([Option<&'a mut [T]>; 5]) -> ChannelBars<'a, T>,
) {
    let mut scratch = pool.build([problem.scratch_of_rule()].into(), |_| {});
    let mut places = bars.iter_mut().map(|bar| bar.as_mut().map(super::elements));
    let into = order(std::array::from_fn(|_| places.next().flatten()));
    T::channel_norm_vjp(problem, y_bar.as_slice(), super::elements(&mut scratch), into);
    pool.put(scratch);
}

/// Inputs: x, weight, bias, and their [`Moments`].
#[derive(Clone, Copy, PartialEq)]
pub(super) struct ChannelWise {
    pub name: &'static str,
    pub groups: Option<usize>,
    pub eps: f64,
}

impl ChannelWise {
    fn problem<'a, T: Float>(&self, inputs: &[&'a Tensor<T>]) -> ChannelNorm<'a, T> {
        let g = planes(inputs[0].shape());
        let shape = match self.groups {
            None => g,
            Some(_) => Groups { outer: 1, n: g.outer * g.n, ..g },
        };
        let moments = inputs[3].as_slice();
        let (mean, variance) = moments.split_at(moments.len() / 2);
        ChannelNorm {
            x: inputs[0].as_slice(),
            shape,
            mean,
            variance,
            weight: inputs[1].as_slice(),
            bias: inputs[2].as_slice(),
            eps: self.eps,
            given: false,
        }
    }
}

impl Composed for ChannelWise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> Option<String> {
        let groups = self.groups.filter(|_| self.name == "group_norm");
        Some(groups.map_or_else(String::new, |n| format!("groups={n} ")) + &format!("eps={}", self.eps))
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        inputs[0].normed_sets(self.groups, inputs[1], inputs[2], self.eps)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        Ok(value(&self.problem(inputs), inputs[0].shape(), pool))
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        _: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let mut bars = super::bars(&inputs[..3], wanted, pool);
        rule(&self.problem(inputs), y_bar, pool, &mut bars, |[x, weight, bias, ..]| ChannelBars {
            x,
            weight,
            bias,
            mean: None,
            variance: None,
        });
        bars.push(None);
        bars
    }
}

/// Inputs: x, mean, variance, weight, bias.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Given {
    pub eps: f64,
}

impl Given {
    fn problem<'a, T: Float>(&self, inputs: &[&'a Tensor<T>]) -> ChannelNorm<'a, T> {
        ChannelNorm {
            x: inputs[0].as_slice(),
            shape: planes(inputs[0].shape()),
            mean: inputs[1].as_slice(),
            variance: inputs[2].as_slice(),
            weight: inputs[3].as_slice(),
            bias: inputs[4].as_slice(),
            eps: self.eps,
            given: true,
        }
    }
}

impl Composed for Given {
    fn name(&self) -> &'static str {
        "batch_norm_with"
    }

    fn describe(&self) -> Option<String> {
        Some(format!("eps={}", self.eps))
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        inputs[0].normed_with([1, 2, 3, 4].map(|i| inputs[i]), self.eps)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        Ok(value(&self.problem(inputs), inputs[0].shape(), pool))
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        _: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let mut bars = super::bars(inputs, wanted, pool);
        rule(&self.problem(inputs), y_bar, pool, &mut bars, |[x, mean, variance, weight, bias]| {
            ChannelBars { x, mean, variance, weight, bias }
        });
        bars
    }
}
