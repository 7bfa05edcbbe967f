//! Reductions composed of others: products, variances, standard deviations and norms.
//!
//! A product is halved until one element is left: every step multiplies two tensors, so its
//! derivatives are right wherever the zeros are, to any order, where a quotient by the element
//! itself would be NaN. It costs about three passes and as much memory; a kernel of its own would
//! need a rule that multiplies just so.

use super::reduce::{groups, reduced_last};
use super::{Reduce, View};
use crate::element::Float;
use crate::kernels::Groups;
use crate::real::Real;
use crate::shape::Axes;
use crate::tape::GradientTape;
use crate::var::Var;

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn product_over(self, axes: Axes, keepdim: bool) -> Var<'t, T> {
        let shape = self.shape();
        let reduced = shape.reduced(axes, keepdim);
        let (moved, Groups { outer, mut n, inner }) = match groups(axes, &shape) {
            Some(groups) => (self, groups),
            None => {
                let n = axes.iter().map(|i| shape[i]).product();
                let order = reduced_last(axes, shape.len());
                (self.record_view(View::Permute, &order), Groups { outer: reduced.elements(), n, inner: 1 })
            }
        };
        let mut product = moved.reshape(&[outer, n, inner]);
        if n == 0 {
            return product.sum_axes(&[1], false).reshape(&reduced) + 1.0;
        }
        let mut left_over: Option<Var<'t, T>> = None;
        while n > 1 {
            if n % 2 == 1 {
                let last = product.part(1, n - 1, 1);
                left_over = Some(match left_over {
                    Some(before) => before * last,
                    None => last,
                });
            }
            n /= 2;
            product = product.part(1, 0, n) * product.part(1, n, n);
        }
        if let Some(last) = left_over {
            product *= last;
        }
        product.reshape(&reduced)
    }

    #[track_caller]
    fn variance_over(self, axes: Axes, keepdim: bool) -> Var<'t, T> {
        let centred = self - self.reduce(Reduce::Mean, axes, true);
        centred.square().reduce(Reduce::Mean, axes, keepdim)
    }

    #[track_caller]
    fn norm_over(self, axes: Axes, keepdim: bool) -> Var<'t, T> {
        self.square().reduce(Reduce::Sum, axes, keepdim).sqrt_or_zero()
    }

    /// √x for x ≥ 0, with every derivative 0 at 0: there it is 0·√1.
    #[track_caller]
    fn sqrt_or_zero(self) -> Var<'t, T> {
        let positive = Real::positive(self);
        positive * (self + (1.0 - positive)).sqrt()
    }

    /// The product of all elements, a scalar; of nothing, 1. Gradients are right where elements
    /// are 0.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![2.0, 0.0, 3.0]);
    /// let y = x.prod();
    /// assert_eq!((y.item(), y.backward().wrt(x)), (0.0, &tensor![0.0, 6.0, 0.0]));
    /// ```
    #[track_caller]
    pub fn prod(self) -> Var<'t, T> {
        self.product_over(Axes::all(self.shape().len()), false)
    }

    /// The product over `axes`, as [`sum_axes`](Var::sum_axes).
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn prod_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("prod", axes));
        self.product_over(axes, keepdim)
    }

    /// The variance of all elements, mean((x - mean(x))²), a scalar; of nothing, NaN.
    ///
    /// It divides by the number of elements n, as NumPy does; for the unbiased estimate multiply
    /// by n / (n - 1).
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0, 3.0, 6.0]);
    /// assert_eq!(x.var().item(), 3.5);
    /// ```
    #[track_caller]
    pub fn var(self) -> Var<'t, T> {
        self.variance_over(Axes::all(self.shape().len()), false)
    }

    /// The variance over `axes`, as [`sum_axes`](Var::sum_axes); it divides by their number of
    /// elements.
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn var_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("var", axes));
        self.variance_over(axes, keepdim)
    }

    /// The standard deviation of all elements, the root of [`var`](Var::var), a scalar. Where all
    /// elements are equal the gradient is 0.
    #[track_caller]
    pub fn std(self) -> Var<'t, T> {
        self.variance_over(Axes::all(self.shape().len()), false).sqrt_or_zero()
    }

    /// The standard deviation over `axes`, as [`sum_axes`](Var::sum_axes), the root of
    /// [`var_axes`](Var::var_axes). Where all elements are equal the gradient is 0.
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn std_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("std", axes));
        self.variance_over(axes, keepdim).sqrt_or_zero()
    }

    /// The Euclidean norm √(sum(x²)) of all elements, a scalar; of nothing, 0. The gradient of
    /// the norm at 0 is 0.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![0.0, -2.0]);
    /// let y = x.norm();
    /// assert_eq!((y.item(), y.backward().wrt(x)), (2.0, &tensor![0.0, -1.0]));
    /// ```
    #[track_caller]
    pub fn norm(self) -> Var<'t, T> {
        self.norm_over(Axes::all(self.shape().len()), false)
    }

    /// The Euclidean norm over `axes`, as [`sum_axes`](Var::sum_axes).
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn norm_axes(self, axes: &[isize], keepdim: bool) -> Var<'t, T> {
        let axes = GradientTape::<T>::fit(self.shape().axes("norm", axes));
        self.norm_over(axes, keepdim)
    }
}
