//! The large generic functions, compiled once for each element type, in this crate.
//!
//! A generic function is compiled in every crate that calls it. Rules and forward computations of
//! all operations are large, so without this each test, example and library on top would compile
//! them again. Behind a trait that is implemented for concrete types, they call what is there.

use crate::dual::Dual;
use crate::eager::Eager;
use crate::gradients::Gradients;
use crate::kernels::{Kernels, RuleKernels};
use crate::ops::Op;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::sweep;
use crate::tape::arena::{Attributes, Node};
use crate::tape::{GradientTape, NodeId, Numbers};
use crate::tensor::Tensor;
use crate::tensor_ops::Adjoint;
use crate::var::Var;

/// Forward computations.
pub trait Forward: Kernels {
    /// [`Op::forward`].
    fn forward(
        op: Op,
        inputs: &[&Tensor<Self>],
        shape: Shape,
        attributes: &Attributes,
        pool: &mut Pool<Self>,
    ) -> Tensor<Self>;
}

/// Rules and sweeps.
pub trait Engine: Forward + RuleKernels {
    /// [`sweep::contribute`] in numbers.
    fn contribute<'t>(
        rule: Rule<'_, Self>,
        inputs: &[Eager<'t, Self>],
        y: &Eager<'t, Self>,
        y_bar: Eager<'t, Self>,
        into: &mut Adjoint<Eager<'t, Self>>,
    ) where
        Self: crate::Float;

    /// [`sweep::contribute`], recorded.
    fn contribute_recorded<'t>(
        rule: Rule<'_, Self>,
        inputs: &[Var<'t, Self>],
        y: &Var<'t, Self>,
        y_bar: Var<'t, Self>,
        into: &mut Adjoint<Var<'t, Self>>,
    ) where
        Self: crate::Float;

    /// The numeric sweep.
    fn sweep(
        tape: &GradientTape<Self>,
        roots: &[NodeId],
        seeds: &[Tensor<Self>],
        keep: &[NodeId],
    ) -> Gradients<Self>
    where
        Self: crate::Float;
}

/// Which node's rule, with respect to which of its inputs.
#[derive(Clone, Copy)]
pub struct Rule<'a, T> {
    pub node: &'a Node<T>,
    pub numbers: Numbers,
    pub wrt: usize,
}

macro_rules! forward {
    ($($t:ident)*) => {$(
        impl Forward for $t {
            fn forward(
                op: Op,
                inputs: &[&Tensor<$t>],
                shape: Shape,
                attributes: &Attributes,
                pool: &mut Pool<$t>,
            ) -> Tensor<$t> {
                op.forward(inputs, shape, attributes, pool)
            }
        }
    )*};
}

macro_rules! engine {
    ($($t:ident)*) => {$(
        impl Engine for $t {
            fn contribute<'t>(
                rule: Rule<'_, $t>,
                inputs: &[Eager<'t, $t>],
                y: &Eager<'t, $t>,
                y_bar: Eager<'t, $t>,
                into: &mut Adjoint<Eager<'t, $t>>,
            ) {
                sweep::contribute(rule, inputs, y, y_bar, into);
            }
            fn contribute_recorded<'t>(
                rule: Rule<'_, $t>,
                inputs: &[Var<'t, $t>],
                y: &Var<'t, $t>,
                y_bar: Var<'t, $t>,
                into: &mut Adjoint<Var<'t, $t>>,
            ) {
                sweep::contribute(rule, inputs, y, y_bar, into);
            }
            fn sweep(
                tape: &GradientTape<$t>,
                roots: &[NodeId],
                seeds: &[Tensor<$t>],
                keep: &[NodeId],
            ) -> Gradients<$t> {
                sweep::numeric(tape, roots, seeds, keep)
            }
        }
    )*};
}

forward! { f32 f64 Dual }
engine! { f32 f64 }
