//! Derivatives as functions of functions: no tape to be seen.
//!
//! A function takes variables and returns one: a closure written in the call, or a `fn`. Each of
//! these records it on a tape of its own and drops that at the end. What takes a scalar function
//! panics, at the caller's line, if the function returns anything else.

use crate::element::Float;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;

/// Records `f` at `inputs` and hands its value and the inputs' variables to `then`.
macro_rules! on_a_tape {
    ($f:ident, $inputs:ident, |$tape:ident, $x:ident, $y:ident| $then:expr) => {{
        let $tape = GradientTape::new();
        let $x: Vec<Var<T>> = $inputs.iter().map(|x| $tape.var(x)).collect();
        let $y = $f(&$x);
        $then
    }};
}

/// The gradients of a scalar function with respect to each input, at `inputs`; zeros where it
/// does not depend on one.
///
/// # Panics
/// The function's value is not a scalar.
///
/// ```
/// use wengert::{functional::grad, tensor};
/// let g = grad(|v| (v[0] * v[1]).sum(), &[tensor![1.0, 2.0], tensor![3.0, 4.0]]);
/// assert_eq!(g, [tensor![3.0, 4.0], tensor![1.0, 2.0]]);
/// ```
#[track_caller]
pub fn grad<T: Float, F>(f: F, inputs: &[Tensor<T>]) -> Vec<Tensor<T>>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    value_and_grad(f, inputs).1
}

/// The value of a scalar function, and its gradients as [`grad`].
///
/// # Panics
/// The function's value is not a scalar.
///
/// ```
/// use wengert::{functional::value_and_grad, tensor};
/// let (value, g) = value_and_grad(|v| v[0].square().sum(), &[tensor![3.0, 4.0]]);
/// assert_eq!((value, g), (25.0, vec![tensor![6.0, 8.0]]));
/// ```
#[track_caller]
pub fn value_and_grad<T: Float, F>(f: F, inputs: &[Tensor<T>]) -> (T, Vec<Tensor<T>>)
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| {
        y.must_be_scalar("grad");
        (y.item(), gradients(&x, &[y], &[Tensor::scalar(T::one())]))
    })
}

/// The value of a function and Jᵀ·seed: gradients of sum(f · seed), in reverse mode.
///
/// # Panics
/// The seed's shape is not the value's.
///
/// ```
/// use wengert::{functional::vjp, tensor};
/// let (y, bars) = vjp(|v| v[0].square(), &[tensor![1.0, 2.0]], &tensor![1.0, 10.0]);
/// assert_eq!((y, bars), (tensor![1.0, 4.0], vec![tensor![2.0, 40.0]]));
/// ```
#[track_caller]
pub fn vjp<T: Float, F>(f: F, inputs: &[Tensor<T>], seed: &Tensor<T>) -> (Tensor<T>, Vec<Tensor<T>>)
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| (y.value(), gradients(&x, &[y], std::slice::from_ref(seed))))
}

/// The value of a function and J·tangents: how it moves where each input moves by its tangent, in
/// forward mode (dual numbers; see [`GradientTape::jvp`]).
///
/// # Panics
/// There is not one tangent an input, or one has another shape.
///
/// ```
/// use wengert::{functional::jvp, tensor};
/// let (y, moved) = jvp(|v| v[0].square(), &[tensor![1.0, 2.0]], &[tensor![1.0, 0.5]]);
/// assert_eq!((y, moved), (tensor![1.0, 4.0], tensor![2.0, 2.0]));
/// ```
#[track_caller]
pub fn jvp<T: Float, F>(f: F, inputs: &[Tensor<T>], tangents: &[Tensor<T>]) -> (Tensor<T>, Tensor<T>)
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| (y.value(), tape.jvp(&[y], &x, tangents).remove(0)))
}

/// ∂f/∂input for each input: the shape of f's value, then the input's. Column by column in forward
/// mode for an input with fewer elements than the value, else row by row in reverse mode.
///
/// # Panics
/// The shapes have too many axes together.
///
/// ```
/// use wengert::{functional::jacobian, tensor};
/// let j = jacobian(|v| v[0].square(), &[tensor![1.0, 2.0]]);
/// assert_eq!(j, [tensor![[2.0, 0.0], [0.0, 4.0]]]);
/// ```
#[track_caller]
pub fn jacobian<T: Float, F>(f: F, inputs: &[Tensor<T>]) -> Vec<Tensor<T>>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| {
        let mut jacobians = Vec::new();
        for &x in &x {
            let (rows, columns) = (y.shape(), x.shape());
            let shape = GradientTape::<T>::fit(Shape::new(&[&rows[..], &columns[..]].concat()));
            let (m, n) = (rows.elements(), columns.elements());
            let mut all = vec![T::zero(); m * n];
            if n < m {
                for j in 0..n {
                    let column = tape.jvp(&[y], &[x], &[one_hot(&columns, j)]).remove(0);
                    (0..m).for_each(|i| all[i * n + j] = column.as_slice()[i]);
                }
            } else {
                for i in 0..m {
                    let row = gradients(&[x], &[y], &[one_hot(&rows, i)]).remove(0);
                    all[i * n..(i + 1) * n].copy_from_slice(row.as_slice());
                }
            }
            jacobians.push(Tensor::from_vec(all, &shape).expect("one element each"));
        }
        jacobians
    })
}

/// The Hessian of a scalar function: block `[i][j]` is ∂²f/∂input i∂input j, the shape of input i,
/// then that of input j. Forward mode over the recorded gradient, one pass for each entry.
///
/// # Panics
/// The function's value is not a scalar, or shapes have too many axes together.
///
/// ```
/// use wengert::{functional::hessian, tensor};
/// let h = hessian(|v| v[0].powi(3).sum(), &[tensor![1.0, 2.0]]);
/// assert_eq!(h[0][0], tensor![[6.0, 0.0], [0.0, 12.0]]);
/// ```
#[track_caller]
pub fn hessian<T: Float, F>(f: F, inputs: &[Tensor<T>]) -> Vec<Vec<Tensor<T>>>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| {
        y.must_be_scalar("hessian");
        let g = tape.gradient(y, &x);
        let mut blocks = Vec::new();
        for a in &x {
            let mut row = Vec::new();
            for b in &x {
                let both = [&a.shape()[..], &b.shape()[..]].concat();
                row.push(vec![T::zero(); GradientTape::<T>::fit(Shape::new(&both)).elements()]);
            }
            blocks.push(row);
        }
        for (j, b) in x.iter().enumerate() {
            let n = b.shape().elements();
            for column in 0..n {
                let moved = tape.jvp(&g, &[*b], &[one_hot(&b.shape(), column)]);
                for (block, moved) in blocks.iter_mut().zip(&moved) {
                    let rows = moved.as_slice().iter().enumerate();
                    rows.for_each(|(row, &d)| block[j][row * n + column] = d);
                }
            }
        }
        let shaped = |(i, row): (usize, Vec<Vec<T>>)| {
            let both = |j: usize| [&inputs[i].shape()[..], &inputs[j].shape()[..]].concat();
            let blocks = row.into_iter().enumerate();
            blocks.map(|(j, d)| Tensor::from_vec(d, &both(j)).expect("one element each")).collect()
        };
        blocks.into_iter().enumerate().map(shaped).collect()
    })
}

/// H·tangents, one product an input, for a scalar function: the derivative of its gradient along a
/// direction, in forward mode over the recorded gradient. The Hessian itself is never made.
///
/// # Panics
/// The function's value is not a scalar; there is not one tangent an input, or one has another shape.
///
/// ```
/// use wengert::{functional::hvp, tensor};
/// let product = hvp(|v| v[0].powi(3).sum(), &[tensor![1.0, 2.0]], &[tensor![1.0, 0.5]]);
/// assert_eq!(product, [tensor![6.0, 6.0]]);
/// ```
#[track_caller]
pub fn hvp<T: Float, F>(f: F, inputs: &[Tensor<T>], tangents: &[Tensor<T>]) -> Vec<Tensor<T>>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    on_a_tape!(f, inputs, |tape, x, y| {
        y.must_be_scalar("hvp");
        let g = tape.gradient(y, &x);
        tape.jvp(&g, &x, tangents)
    })
}

/// Jᵀ·H·J·tangents, where J is the Jacobian of `model` and H the Hessian of the scalar `loss` at
/// the model's value: the generalised Gauss-Newton product (Schraudolph 2002), which for a convex
/// loss is positive semi-definite whatever the model. Forward mode, then once more, then reverse.
///
/// # Panics
/// The loss is not a scalar; there is not one tangent an input, or one has another shape.
///
/// ```
/// use wengert::{functional::gauss_newton_vp, tensor};
/// // Squares of x²: J = diag(2x), H = 2, so the product is 8x²·v.
/// let v = gauss_newton_vp(|v| v[0].square(), |y| y.square().sum(), &[tensor![1.0, 3.0]], &[tensor![1.0, 1.0]]);
/// assert_eq!(v, [tensor![8.0, 72.0]]);
/// ```
#[track_caller]
pub fn gauss_newton_vp<T: Float>(
    model: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
    loss: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    inputs: &[Tensor<T>],
    tangents: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    on_a_tape!(model, inputs, |tape, x, y| {
        let moved = tape.jvp(&[y], &x, tangents).remove(0);
        let value = y.value();
        let curved = hvp(|v| loss(v[0]), std::slice::from_ref(&value), &[moved]);
        gradients(&x, &[y], &curved)
    })
}

/// The gradients of all inputs, zeros included.
#[track_caller]
fn gradients<T: Float>(x: &[Var<'_, T>], targets: &[Var<'_, T>], seeds: &[Tensor<T>]) -> Vec<Tensor<T>> {
    let Some(tape) = targets.first().map(|target| target.tape()) else { return Vec::new() };
    let grads = tape.backward(targets, seeds);
    x.iter().map(|&x| grads.get(x).cloned().unwrap_or_else(|| Tensor::zeros(&x.shape()))).collect()
}

fn one_hot<T: Float>(shape: &Shape, at: usize) -> Tensor<T> {
    let elements = (0..shape.elements()).map(|i| if i == at { T::one() } else { T::zero() });
    Tensor::from_vec(elements.collect(), shape).expect("one element each")
}
