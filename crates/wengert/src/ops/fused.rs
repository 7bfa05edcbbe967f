//! `fused!`: one elementwise operation of several inputs from one line of plain Rust.
//!
//! Written out, `(x * w + b).tanh() * x.sigmoid()` is four operations, each a pass over memory in
//! the forward sweep and one or two in the reverse. Fused it is one pass each: the expression
//! becomes a function that is generic over its numbers, and runs on vector lanes for the value, on
//! dual numbers for value and partial derivatives side by side, and on variables where the rule
//! is itself to be differentiated.

use super::composed::through;
use super::custom::{Bars, Extension};
use super::operand;
use crate::dual::{Dual, Jet};
use crate::element::{Element, Float};
use crate::error::ShapeError;
use crate::pool::Pool;
use crate::real::Real;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use std::ops::{Add, Div, Mul, Sub};
use std::sync::Arc;

/// A number that a fused expression is computed with: [`Real`], and arithmetic with plain `f64`.
///
/// Implemented by all that [`fused!`](crate::fused) needs; there is nothing to implement.
pub trait Formula:
    Real + Add<f64, Output = Self> + Sub<f64, Output = Self> + Mul<f64, Output = Self> + Div<f64, Output = Self>
{
}

impl<R> Formula for R where
    R: Real + Add<f64, Output = R> + Sub<f64, Output = R> + Mul<f64, Output = R> + Div<f64, Output = R>
{
}

/// A function of `N` numbers that is applied to tensors element by element; made by
/// [`fused!`](crate::fused).
pub trait Elementwise<const N: usize>: Copy + Send + Sync + 'static {
    /// The function, for numbers of any kind.
    fn apply<R>(self, x: [R; N]) -> R
    where
        R: Formula,
        f64: Add<R, Output = R> + Sub<R, Output = R> + Mul<R, Output = R> + Div<R, Output = R>,
        f64: Add<Output = f64> + Sub<Output = f64> + Mul<Output = f64> + Div<Output = f64>;

    /// The expression as it was written.
    fn text(self) -> &'static str;
}

/// An elementwise operation of `N` inputs, made by [`fused!`](crate::fused).
#[derive(Clone, Copy, Debug)]
pub struct Fused<E, const N: usize>(#[doc(hidden)] pub E);

impl<E: Elementwise<N>, const N: usize> Fused<E, N> {
    /// Records the operation, with broadcasting, as one node.
    ///
    /// # Panics
    /// The shapes do not broadcast, or the inputs belong to different tapes.
    #[track_caller]
    pub fn of<'t, T: Float>(self, inputs: [Var<'t, T>; N]) -> Var<'t, T> {
        let tape = inputs[0].tape();
        GradientTape::<T>::fit(tape.record_extension(Arc::new(self), &inputs))
    }

    fn shape<'s>(self, shapes: impl IntoIterator<Item = &'s Shape>) -> Result<Shape, ShapeError> {
        shapes.into_iter().try_fold(Shape::scalar(), |all, shape| Shape::broadcast("fused", &all, shape))
    }
}

impl<T: Float, E: Elementwise<N>, const N: usize> Extension<T> for Fused<E, N> {
    fn name(&self) -> &'static str {
        "fused"
    }

    fn takes_one(&self) -> bool {
        true
    }

    fn describe(&self) -> Option<String> {
        Some(self.0.text().into())
    }

    fn forward(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let shape = self.shape(inputs.iter().map(|x| x.shape()))?;
        let operands = std::array::from_fn(|i| operand(inputs[i]));
        Ok(pool.build(shape.clone(), |out| T::fused(self.0, operands, &shape, out)))
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        _: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let shape = y.shape();
        let operands = std::array::from_fn(|i| operand(inputs[i]));
        let mut bars: [Tensor<T>; N] = std::array::from_fn(|_| pool.build(shape.clone(), |_| {}));
        let outs = bars.each_mut().map(|bar| bar.get_mut().expect("it has just been made"));
        T::fused_vjp(self.0, operands, shape, operand(y_bar), outs);
        bars.into_iter().map(Some).collect()
    }

    fn recorded_vjp<'t>(&self, inputs: &[Var<'t, T>], _: Var<'t, T>, y_bar: Var<'t, T>) -> Bars<Var<'t, T>> {
        through(inputs, y_bar, |x| self.0.apply(std::array::from_fn(|i| x[i])))
    }

    fn jvp(&self, inputs: &[&Tensor<T>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64> {
        let shape = self.shape(inputs.iter().map(|x| x.shape())).expect("it was recorded with these shapes");
        let stretched = |i: usize| {
            let zeros = || Tensor::zeros(inputs[i].shape());
            let x = inputs[i].cast::<f64>().broadcast_to(&shape);
            x.zip_map(&tangents[i].map_or_else(zeros, Tensor::clone).broadcast_to(&shape), |re, eps| Jet {
                re,
                eps: [eps],
            })
        };
        let inputs: [Tensor<Dual>; N] = std::array::from_fn(stretched);
        let at = |j: usize| self.0.apply(std::array::from_fn(|i| inputs[i].as_slice()[j])).eps[0].to_f64();
        Tensor::from_vec((0..shape.elements()).map(at).collect(), &shape).expect("one element each")
    }
}

/// One elementwise operation of several inputs from one line of plain Rust: one node on the tape,
/// one pass over memory for the value, one for all partial derivatives; it broadcasts, and can be
/// differentiated again.
///
/// Between the bars stand the inputs, of which there may be any number, then the expression: operators,
/// plain `f64` numbers and the functions of [`Real`](crate::real::Real). Numbers that are known
/// at run time only stand after a semicolon: `|x, y; alpha| ..` takes the `f64` variable `alpha`
/// from around it. What comes out is applied with [`of`](crate::ops::Fused::of).
///
/// ```
/// use wengert::{GradientTape, fused, gradcheck, tensor};
/// let gate = fused!(|x, w, b| (x * w + b).tanh() * x.sigmoid());
/// let tape = GradientTape::new();
/// let (x, w, b) = (tape.var(tensor![[0.1, -0.2], [0.3, 0.4]]), tape.var(tensor![1.0, 2.0]), tape.var(0.5));
/// let y = gate.of([x, w, b]);
/// assert_eq!(y.shape()[..], [2, 2]);
/// assert!(tape.to_string().contains("fused %0, %1, %2, (x * w + b).tanh() * x.sigmoid()"));
/// gradcheck(|v| gate.of([v[0], v[1], v[2]]), &[x.value(), w.value(), b.value()])?;
///
/// let slope = 0.1;
/// let leaky = fused!(|x; slope| x.relu() - slope * (-x).relu());
/// assert_eq!(leaky.of([x]).value(), tensor![[0.1, -0.2 * slope], [0.3, 0.4]]);
/// # Ok::<(), wengert::GradCheckError>(())
/// ```
#[macro_export]
macro_rules! fused {
    (|$($x:ident),+ $(,)? $(; $($c:ident),+)?| $body:expr) => {{
        #[derive(Clone, Copy, Debug)]
        #[allow(non_camel_case_types)]
        struct Expression {
            $($($c: f64,)+)?
        }
        impl $crate::ops::Elementwise<{ [$(stringify!($x)),+].len() }> for Expression {
            #[inline(always)]
            fn apply<R>(self, [$($x),+]: [R; { [$(stringify!($x)),+].len() }]) -> R
            where
                R: $crate::ops::Formula,
                f64: ::std::ops::Add<R, Output = R>
                    + ::std::ops::Sub<R, Output = R>
                    + ::std::ops::Mul<R, Output = R>
                    + ::std::ops::Div<R, Output = R>,
                // Said again, or the line above would hide it: arithmetic among numbers.
                f64: ::std::ops::Add<Output = f64>
                    + ::std::ops::Sub<Output = f64>
                    + ::std::ops::Mul<Output = f64>
                    + ::std::ops::Div<Output = f64>,
            {
                $(let Expression { $($c),+ } = self;)?
                $body
            }
            fn text(self) -> &'static str {
                stringify!($body)
            }
        }
        $crate::ops::Fused(Expression { $($($c),+)? })
    }};
}
