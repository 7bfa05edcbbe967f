//! Reverse-mode automatic differentiation on a tape that you can read, check and step through.
//!
//! Every operation is recorded on a [`GradientTape`] as it is computed (R. E. Wengert's list, 1964),
//! and the tape is replayed in reverse with the chain rule. This page is a tour; each stop links to
//! where its whole story is.
//!
//! # A tape, variables, gradients
//!
//! ```
//! use wengert::prelude::*;
//! let tape = GradientTape::new();
//! let (x, w) = (tape.constant(tensor![[1.0, 2.0], [3.0, 4.0]]), tape.var(tensor![0.5, -0.5]));
//! let loss = (x.matmul(w) - 1.0).square().mean();
//! let grads = loss.backward();
//! assert_eq!(grads.wrt(w), &tensor![-6.0, -9.0]);
//! ```
//!
//! A [`Var`] is a `Copy` handle. Operators and methods follow NumPy's rules of broadcasting; scalar
//! functions have the names of Rust's `f64`, array functions NumPy's, losses and layers' operations
//! PyTorch's. What is only to be computed, without a tape, are methods of the same names of
//! [`Tensor`]. Values never change, and [`Gradients`] are returned, not stored: there is nothing to
//! zero. A missing gradient says why ([`Gradients::why`]): never used, cut off by a `detach` at some
//! line, multiplied by zeros.
//!
//! # Any order, many targets
//!
//! [`Var::backward`] gives numbers, the fast path. [`GradientTape::gradient`] records the same rules, so
//! that its results are variables: to penalise, or to be differentiated again.
//!
//! ```
//! # use wengert::prelude::*;
//! let tape = GradientTape::new();
//! let x = tape.var(2.0);
//! let slope = tape.gradient(x.powi(3), &[x])[0];
//! let curvature = tape.gradient(slope, &[x])[0];
//! assert_eq!((slope.item(), curvature.item()), (12.0, 12.0));
//! ```
//!
//! [`GradientTape::vjp`] takes several targets with seeds, [`GradientTape::jacobian`] and
//! [`GradientTape::batch_jacobian`] give all of it, and [`GradientTape::jvp`] is forward mode: the recorded
//! operations once more over dual numbers, which uses no reverse rule. In [`functional`] the same stands as
//! functions of functions, without a tape to be seen:
//!
//! ```
//! use wengert::{functional, tensor};
//! let product = functional::hvp(|v| v[0].powi(3).sum(), &[tensor![1.0, 2.0]], &[tensor![1.0, 0.5]]);
//! assert_eq!(product, [tensor![6.0, 6.0]]);
//! ```
//!
//! # Checks
//!
//! [`gradcheck()`] compares gradients with differences and with forward mode, to second order, and names the
//! operation to blame:
//!
//! ```
//! use wengert::{gradcheck, tensor};
//! gradcheck(|v| v[0].matmul(v[1]).tanh(), &[tensor![[0.3, -1.2]], tensor![[0.5], [-0.4]]])?;
//! # Ok::<(), wengert::GradCheckError>(())
//! ```
//!
//! [`GradientTape::check_finite`] stops at the first number that is not finite, forward or backward, with its
//! operation, inputs and line.
//!
//! # Stepping
//!
//! [`GradientTape::trace`] records a sweep edge by edge, to be stepped through in both directions, with
//! breakpoints and watches, and to be explained:
//!
//! ```
//! # use wengert::prelude::*;
//! let tape = GradientTape::new();
//! let x = tape.var(2.0);
//! let trace = tape.trace(x.square() * x)?;
//! for step in trace.stepper() {
//!     println!("{step}");
//! }
//! assert_eq!(trace.explain(x.id()).numbers, "1 · 4 + 2 · 2 · 2");
//! # Ok::<(), wengert::trace::TraceError>(())
//! ```
//!
//! The crate `wengert-explore` shows traces: as tables and graphs, in the terminal, and as a page.
//!
//! # Operations of your own
//!
//! [`fused!`] makes one operation, one pass over memory, of an elementwise expression:
//!
//! ```
//! # use wengert::{GradientTape, fused, tensor};
//! let gate = fused!(|x, w, b| (x * w + b).tanh() * x.sigmoid());
//! let tape = GradientTape::new();
//! let (x, w, b) = (tape.var(tensor![0.1, 0.2]), tape.var(2.0), tape.var(0.5));
//! let grads = gate.of([x, w, b]).sum().backward();
//! assert_eq!(grads.wrt(x).len(), 2);
//! ```
//!
//! [`CustomOp`] is the general form: any number of inputs, a forward computation over tensors, a rule over
//! variables, which is differentiable again. [`GradientTape::custom_gradient`] is the same from two closures;
//! [`Var::map_gradient`], [`Var::clip_gradient`], [`Var::on_gradient`] and [`Var::straight_through`] change or show
//! what comes back.
//!
//! # Memory
//!
//! [`GradientTape::reset`] keeps all buffers for the next step, so that a training loop allocates nothing in its
//! steady state. [`GradientTape::checkpoint`] computes a part of the forward pass again in the sweep, to the same
//! bits, instead of keeping it.
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
pub mod stepper;
mod sweep;
mod tape;
mod tensor;
mod tensor_ops;
pub mod trace;
mod var;

pub use element::{Element, Float};
pub use error::{MatrixError, ShapeError};
pub use gradcheck::{Entry, GradCheck, GradCheckError, GradCheckReport, gradcheck};
pub use gradients::{Gradients, NoGradient, Source};
pub use ops::einsum::einsum;
pub use ops::{
    AttentionOptions, ConvOptions, CustomOp, HiddenStates, IntoPair, LstmStates, Op, PoolOptions, Reduction,
    Span,
};
pub use parameter::{Parameter, ParameterId};
pub use rand;
pub use shape::{Axes, MAX_AXES, Shape};
pub use tape::{GradientTape, IntoValue, IntoVar, LayerCall, LayerScope, NodeId, Numbers, Results, Scope};
pub use tensor::Tensor;
pub use var::Var;

/// What most programs use: `use wengert::prelude::*;`.
pub mod prelude {
    pub use crate::{AttentionOptions, ConvOptions, PoolOptions, Reduction};
    pub use crate::{CustomOp, GradientTape, Gradients, Parameter, Shape, Span, Tensor, Var};
    pub use crate::{assert_gradients, fused, gradcheck, tensor};
}
