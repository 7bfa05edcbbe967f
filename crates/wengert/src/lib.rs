//! Reverse-mode automatic differentiation on a tape that you can read, check and step through.
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub(crate) mod dual;
mod eager;
mod element;
mod engine;
mod error;
mod forward;
pub mod functional;
pub mod gradcheck;
mod gradients;
pub mod kernels;
mod observe;
pub mod ops;
mod parameter;
mod pool;
pub mod real;
mod recorded;
mod shape;
mod sweep;
mod tape;
mod tensor;
mod tensor_ops;
mod var;

pub use element::{Element, Float};
pub use error::MatrixError;
pub use error::ShapeError;
pub use gradcheck::{Entry, GradCheck, GradCheckError, GradCheckReport, gradcheck};
pub use gradients::{Gradients, NoGradient, Source};
pub use ops::einsum::einsum;
pub use ops::{AttentionOptions, ConvOptions, CustomOp, IntoPair, Op, PoolOptions, Reduction, Span};
pub use parameter::{Parameter, ParameterId};
pub use rand;
pub use shape::{Axes, MAX_AXES, Shape};
pub use tape::{GradientTape, IntoValue, IntoVar, NodeId, Numbers, Results, Scope};
pub use tensor::Tensor;
pub use var::Var;

/// What most programs use: `use wengert::prelude::*;`.
pub mod prelude {
    pub use crate::{AttentionOptions, ConvOptions, PoolOptions, Reduction};
    pub use crate::{
        GradientTape, Gradients, Parameter, Shape, Span, Tensor, Var, assert_gradients, gradcheck, tensor,
    };
}
