//! What a node can do: a closed enum of small family enums, so that the tape stays data.
//!
//! Each operation answers four questions, in its family's file: its `name`, the `shape` of its
//! result (pure, and the only source of shape errors), `forward` over tensors, and the `vjp` of
//! one input: how the adjoint of the result, ȳ, contributes to that input's.

mod activation;
mod arrange;
pub(crate) mod attention;
pub(crate) mod binary;
mod composed;
pub(crate) mod conv;
pub(crate) mod custom;
mod diagonal;
pub(crate) mod dropout;
pub(crate) mod einsum;
pub(crate) mod fused;
pub(crate) mod index;
mod join;
pub(crate) mod linalg;
pub(crate) mod loss;
pub(crate) mod matmul;
mod norm;
pub(crate) mod pool2d;
pub(crate) mod recurrent;
pub(crate) mod reduce;
mod resize;
pub(crate) mod scan;
pub(crate) mod select;
pub(crate) mod slide;
pub(crate) mod softmax;
pub(crate) mod sort;
mod span;
mod statistics;
pub(crate) mod unary;
pub(crate) mod view;

use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, Operand};
use crate::pool::Pool;
use crate::shape::{Axes, Shape};
use crate::tape::arena::Attributes;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};

pub use attention::AttentionOptions;
pub use binary::Binary;
pub use conv::{Conv, ConvOptions};
pub use custom::CustomOp;
pub use fused::{Elementwise, Formula, Fused};
pub use index::Index;
pub use linalg::Linalg;
pub use loss::Reduction;
pub use matmul::Product;
pub use pool2d::{Pool2d, PoolOptions};
pub use recurrent::{Cell, HiddenStates, LstmStates};
pub use reduce::Reduce;
pub use scan::{Along, Scan};
pub use slide::IntoPair;
pub use softmax::Softmax;
pub use sort::Sort;
pub use span::Span;
pub use unary::Unary;
pub use view::View;

/// Where an operation's attribute stands in its tape's side tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At(pub(crate) u32);

/// An operation on the tape: eight bytes, `Copy`, to be matched and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// A value that came from outside the tape.
    Leaf(Leaf),
    /// The same value, with its history cut off: no gradient flows back.
    Detach,
    /// Elementwise, one operand.
    Unary(Unary),
    /// Elementwise, two operands, broadcasting.
    Binary(Binary),
    /// By a mask, the first input, from one of two others, broadcasting.
    Where,
    /// A reduction over axes.
    Reduce {
        /// Which reduction.
        what: Reduce,
        /// Over which axes.
        axes: Axes,
        /// Whether they stay, with length 1.
        keepdim: bool,
    },
    /// The same elements arranged in another way.
    View(View, At),
    /// Elements picked or added up by indices.
    Index(Index, At),
    /// Elements along an axis in order.
    Sort(Sort, At),
    /// Running results along an axis.
    Scan(Scan, Along),
    /// A matrix product, batched over leading axes.
    Matmul(Product),
    /// x·Wᵀ + b of a dense layer, in one: the bias is the product's starting value, so that
    /// neither the sum nor its un-broadcast costs a pass over memory.
    Linear,
    /// Softmax and its logarithm over axes: fused for stability.
    Softmax(Softmax, Axes),
    /// Per row of logits, -log of the label's softmax probability: fused for stability.
    CrossEntropy(At),
    /// A convolution or one of its two transposes; a forward one may have a bias as third input, with
    /// which its sums begin.
    Conv(Conv, At),
    /// A maximum or mean over sliding windows.
    Pool2d(Pool2d, At),
    /// Elements dropped at random, the others scaled; its own transpose.
    Dropout(At),
    /// One that a user added.
    Custom(At),
    /// A function of matrices, batched over leading axes.
    Linalg(Linalg),
}

/// How a value came onto the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// Gradients are wanted.
    Var,
    /// Gradients are wanted, and the value lives outside the tape.
    Parameter,
    /// No gradients.
    Constant,
}

impl Op {
    /// The name on the tape.
    pub fn name(self) -> &'static str {
        match self {
            Op::Leaf(Leaf::Var) => "var",
            Op::Leaf(Leaf::Parameter) => "parameter",
            Op::Leaf(Leaf::Constant) => "constant",
            Op::Detach => "detach",
            Op::Unary(op) => op.name(),
            Op::Binary(op) => op.name(),
            Op::Where => "where",
            Op::Reduce { what, .. } => what.name(),
            Op::View(op, _) => op.name(),
            Op::Index(op, _) => op.name(),
            Op::Sort(op, _) => op.name(),
            Op::Scan(op, _) => op.name(),
            Op::Matmul(_) => "matmul",
            Op::Linear => "linear",
            Op::Softmax(op, _) => op.name(),
            Op::CrossEntropy(_) => "cross_entropy",
            Op::Conv(op, _) => op.name(),
            Op::Pool2d(op, _) => op.name(),
            Op::Dropout(_) => "dropout",
            Op::Custom(_) => "custom",
            Op::Linalg(op) => op.name(),
        }
    }

    /// Whether nothing flows back by nature: its derivative is 0 wherever it exists, or cut off.
    pub(crate) fn is_flat(self) -> bool {
        match self {
            Op::Detach => true,
            Op::Unary(op) => op.is_flat(),
            Op::Binary(op) => op.is_flat(),
            _ => false,
        }
    }

    /// The shape of the result.
    pub(crate) fn shape(self, inputs: &[&Shape], attributes: &Attributes) -> Result<Shape, ShapeError> {
        match (self, inputs) {
            (Op::Leaf(_), _) => unreachable!("a leaf has a value, not inputs"),
            (Op::Detach | Op::Unary(_), [x]) => Ok((*x).clone()),
            (Op::Binary(op), [a, b]) => Shape::broadcast(op.name(), a, b),
            (Op::Where, [mask, a, b]) => select::shape(mask, a, b),
            (Op::Reduce { what, axes, keepdim }, [x]) => what.shape(axes, keepdim, x),
            (Op::View(op, at), inputs) => op.shape(attributes.list(at), inputs),
            (Op::Index(op, at), [x]) => op.shape(attributes, at, x),
            (Op::Sort(op, at), inputs) => Ok(op.shape(attributes.list(at), inputs[0])),
            (Op::Scan(op, _), inputs) => op.shape(inputs),
            (Op::Matmul(op), [a, b]) => op.shape(a, b),
            (Op::Linear, [x, w, b]) => matmul::linear_shape(x, w, b),
            (Op::Softmax(..), [x]) => Ok((*x).clone()),
            (Op::CrossEntropy(at), [x]) => loss::shape("cross_entropy", x, attributes.indices(at)),
            (Op::Conv(op, at), [a, b, ..]) => op.shape(attributes.list(at), a, b),
            (Op::Pool2d(op, at), inputs) => op.shape(attributes.list(at), inputs[0]),
            (Op::Dropout(_), [x]) => Ok((*x).clone()),
            (Op::Custom(_), _) => unreachable!("it has its own forward, which knows the shape"),
            (Op::Linalg(op), inputs) => op.shape(inputs),
            (op, inputs) => unreachable!("{} is recorded with {} inputs", op.name(), inputs.len()),
        }
    }

    /// The result, of the shape that [`Op::shape`] found.
    pub(crate) fn forward<T: Kernels>(
        self,
        inputs: &[&Tensor<T>],
        shape: Shape,
        attributes: &Attributes,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        match (self, inputs) {
            (Op::Detach, [x]) => (*x).clone(),
            (Op::Unary(_), _) => unreachable!("recorded with its number"),
            (Op::Binary(op), [a, b]) => {
                let (a, b) = (operand(a), operand(b));
                pool.build(shape.clone(), |out| T::binary(op, a, b, &shape, out))
            }
            (Op::Where, [mask, a, b]) => select::forward(mask, a, b, shape, pool),
            (Op::Reduce { what, axes, .. }, [x]) => what.forward(axes, x, shape, pool),
            (Op::View(op, at), inputs) => op.forward(attributes.list(at), inputs, shape, pool),
            (Op::Index(op, at), [x]) => op.forward(attributes, at, x, shape, pool),
            (Op::Sort(op, at), inputs) => op.forward(attributes.list(at), inputs, shape, pool),
            (Op::Scan(op, along), inputs) => op.forward(along, inputs, pool),
            (Op::Matmul(op), [a, b]) => op.forward(a, b, shape, pool),
            (Op::Linear, [x, w, b]) => matmul::linear(x, w, b, shape, pool),
            (Op::Softmax(op, axes), [x]) => op.forward(axes, x, pool),
            (Op::CrossEntropy(at), [x]) => loss::forward(x, attributes.indices(at), shape, pool),
            (Op::Conv(op, at), inputs) => op.forward(attributes.list(at), inputs, shape, pool),
            (Op::Pool2d(op, at), inputs) => op.forward(attributes.list(at), inputs, shape, pool),
            (Op::Dropout(at), [x]) => dropout::forward(attributes.list(at), x, pool),
            (Op::Linalg(op), inputs) => op.forward(inputs, shape, pool),
            (op, inputs) => unreachable!("{} is recorded with {} inputs", op.name(), inputs.len()),
        }
    }

    /// Whether the rule asks for the result.
    pub(crate) fn reads_result(self) -> bool {
        let sums =
            matches!(self, Op::Binary(Binary::Add | Binary::Sub | Binary::Mul) | Op::Unary(Unary::Square));
        !(sums || matches!(self, Op::Matmul(_) | Op::Linear | Op::Conv(..)))
    }

    /// Whether the rule asks for the inputs.
    pub(crate) fn reads_operands(self) -> bool {
        match self {
            Op::Unary(op) => op.reads_operand(),
            Op::Reduce { what, .. } => !matches!(what, Reduce::Sum | Reduce::Mean),
            _ => true,
        }
    }

    /// Of a node's inputs and itself, those whose values its rule asks for.
    pub(crate) fn read(self, inputs: &[u32], id: u32) -> impl Iterator<Item = u32> {
        let operands = self.reads_operands();
        inputs.iter().copied().filter(move |_| operands).chain(self.reads_result().then_some(id))
    }

    /// Adds what ȳ contributes to the adjoint of input `wrt`.
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        wrt: usize,
        inputs: &[V],
        y: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        match (self, inputs) {
            (Op::Leaf(_) | Op::Detach, _) => {}
            (Op::Unary(_), _) => unreachable!("swept with its number"),
            (Op::Binary(op), [a, b]) => V::binary_vjp(op, wrt, a, b, y, y_bar, into),
            (Op::Where, [mask, _, _]) => select::vjp(wrt, mask, &y_bar, into),
            (Op::Reduce { what, axes, .. }, [x]) => what.vjp(axes, x, y, y_bar, into),
            (Op::View(op, at), inputs) => op.vjp(at, wrt, inputs, y_bar, into),
            (Op::Index(op, at), _) => op.vjp(at, y_bar, into),
            (Op::Sort(op, at), inputs) => op.vjp(at, wrt, &inputs[0], y_bar, into),
            (Op::Scan(op, along), inputs) => op.vjp(along, wrt, inputs, y, y_bar, into),
            (Op::Matmul(op), [a, b]) => op.vjp(wrt, a, b, y_bar, into),
            (Op::Linear, [x, w, _]) => matmul::linear_vjp(wrt, x, w, y_bar, into),
            (Op::Softmax(op, axes), [_]) => into.add(op.vjp(axes, y, y_bar)),
            (Op::CrossEntropy(at), [x]) => into.add(V::cross_entropy_vjp(at, x, y_bar)),
            (Op::Conv(op, at), [a, b, ..]) => op.vjp(at, wrt, a, b, y_bar, into),
            (Op::Pool2d(op, at), inputs) => op.vjp(at, wrt, &inputs[0], y_bar, into),
            (Op::Dropout(at), [_]) => into.add(dropout::vjp(at, y_bar)),
            (Op::Linalg(op), inputs) => into.add(op.vjp(wrt, inputs, y, y_bar)),
            (op, inputs) => unreachable!("{} is recorded with {} inputs", op.name(), inputs.len()),
        }
    }
}

/// A tensor as the broadcasting kernels take it.
pub(crate) fn operand<T: Kernels>(x: &Tensor<T>) -> Operand<'_, T> {
    Operand { data: x.as_slice(), shape: x.shape() }
}
