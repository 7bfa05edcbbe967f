//! Elements at given positions, and its transpose: each the rule of the other.
//!
//! It is what rules need that have found places in the values: the maximum of a window gives its
//! gradient to one of them.

use super::{At, Binary, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::arena::Attributes;
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;

/// Positions in the row-major buffer of a tensor. List: where the positions stand among the integer
/// data, then the shape of that tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The elements at these positions, in the positions' shape.
    Take,
    /// Transpose of take: zeros, to which each element is added at its position.
    Put,
}

impl Place {
    /// Every operation of this family.
    pub const ALL: &[Place] = &[Place::Take, Place::Put];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Place::Take => "take",
            Place::Put => "put",
        }
    }

    pub(crate) fn shape(self, at: At, attributes: &Attributes) -> Result<Shape, ShapeError> {
        match self {
            Place::Take => Ok(positions(at, attributes).shape().clone()),
            Place::Put => Shape::new(&attributes.list(at)[1..]),
        }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        at: At,
        attributes: &Attributes,
        x: &Tensor<T>,
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let (x, positions) = (x.as_slice(), positions(at, attributes).as_slice());
        pool.build(shape, |out| match self {
            Place::Take => out.iter_mut().zip(positions).for_each(|(y, &i)| *y = x[i]),
            Place::Put => {
                out.fill(T::default());
                positions.iter().zip(x).for_each(|(&i, &x)| out[i] = T::binary_one(Binary::Add, out[i], x));
            }
        })
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(self, at: At, y_bar: V) -> V {
        let transpose = match self {
            Place::Take => Place::Put,
            Place::Put => Place::Take,
        };
        V::apply(Op::Place(transpose, at), &[&y_bar])
    }

    /// Records this operation for integer data `positions` in a tensor of `shape`.
    pub(crate) fn apply<T: Float, V: TensorOps<T>>(self, x: &V, At(positions): At, shape: &Shape) -> V {
        let list: Shape = [positions as usize].into_iter().chain(shape.iter().copied()).collect();
        V::apply(Op::Place(self, x.list(&list)), &[x])
    }
}

fn positions(at: At, attributes: &Attributes) -> &Tensor<usize> {
    attributes.indices(At(attributes.list(at)[0] as u32))
}
