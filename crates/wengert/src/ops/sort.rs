//! Elements in order along an axis, and where they stand.
//!
//! No permutation is stored: the rule finds it again from the keys, so that a recording replayed
//! with other numbers, or differentiated again, still goes by the numbers that it has. Sorting by
//! keys and its transpose are linear in what is moved, and let nothing back to the keys: the order
//! is locally constant. Equal elements keep their order, and NaN comes last.

use super::reduce::along;
use super::{At, Op};
use crate::element::{Element, Float};
use crate::error::ShapeError;
use crate::kernels::Kernels;
use crate::kernels::order::{self, Ranking};
use crate::pool::Pool;
use crate::shape::{Axes, Shape};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// A move of elements along an axis by the order of keys. List: the axis, how many of the first
/// elements in order are kept, and 1 if the order is descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sort {
    /// The elements in order.
    Sort,
    /// Of keys and values, the values in the order of the keys.
    SortBy,
    /// Transpose of sort by, of keys and values: the values back where they came from, zeros for
    /// those that were not kept.
    Unsort,
}

impl Sort {
    /// Every operation of this family.
    pub const ALL: &[Sort] = &[Sort::Sort, Sort::SortBy, Sort::Unsort];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Sort::Sort => "sort",
            Sort::SortBy => "sort_by",
            Sort::Unsort => "unsort",
        }
    }

    pub(crate) fn shape(self, list: &[usize], keys: &Shape) -> Shape {
        match self {
            Sort::Sort | Sort::SortBy => with_length(keys, list[0], list[1]),
            Sort::Unsort => keys.clone(),
        }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        list: &[usize],
        inputs: &[&Tensor<T>],
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let ranking = Ranking { k: list[1], descending: list[2] == 1 };
        let groups = along(list[0], inputs[0].shape());
        let keys = inputs[0].as_slice();
        let values = inputs[inputs.len() - 1].as_slice();
        pool.build(shape, |out| match self {
            Sort::Sort | Sort::SortBy => order::sort_by(keys, values, groups, ranking, out),
            Sort::Unsort => order::unsort(keys, values, groups, ranking, out),
        })
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        at: At,
        wrt: usize,
        keys: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let transpose = match (self, wrt) {
            (Sort::Sort, _) | (Sort::SortBy, 1) => Sort::Unsort,
            (Sort::Unsort, 1) => Sort::SortBy,
            _ => return,
        };
        // Detached, so that whoever asks for a gradient of the keys is told what cuts it off.
        let keys = V::apply(Op::Detach, &[keys]);
        into.add(V::apply(Op::Sort(transpose, at), &[&keys, &y_bar]));
    }
}

/// `shape` with another length of one axis.
fn with_length(shape: &Shape, axis: usize, n: usize) -> Shape {
    shape.iter().enumerate().map(|(i, &m)| if i == axis { n } else { m }).collect()
}

/// The axis of a ranking's first `k`.
fn ranked(op: &'static str, shape: &Shape, axis: isize, k: usize) -> Result<usize, ShapeError> {
    let at = shape.axis(op, axis)?;
    if k <= shape[at] {
        return Ok(at);
    }
    Err(ShapeError::Expected {
        op,
        expected: format!("k of at most {}, the length of axis {axis} of shape {shape}", shape[at]),
        given: k.to_string(),
    })
}

impl<'t, T: Float> Var<'t, T> {
    /// The elements in ascending or descending order along `axis`. Equal ones keep their order,
    /// NaN comes last.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![3.0, 1.0, 2.0]);
    /// let y = x.sort(0, false);
    /// assert_eq!(y.value(), tensor![1.0, 2.0, 3.0]);
    /// let weights = tape.constant(tensor![10.0, 20.0, 30.0]);
    /// assert_eq!((y * weights).sum().backward().wrt(x), &tensor![30.0, 10.0, 20.0]);
    /// ```
    #[track_caller]
    pub fn sort(self, axis: isize, descending: bool) -> Var<'t, T> {
        let shape = self.shape();
        let axis = GradientTape::<T>::fit(shape.axis("sort", axis));
        let at = self.tape().push_list(&[axis, shape[axis], descending as usize]);
        self.tape().record(Op::Sort(Sort::Sort, at), &[self])
    }

    /// The `k` largest elements along `axis`, largest first, and their places. Of equal ones the
    /// first come first and get all of the gradient; NaN comes last.
    ///
    /// # Panics
    /// An axis that the shape does not have, or that is shorter than `k`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![3.0, 1.0, 4.0, 1.0, 5.0]);
    /// let (largest, places) = x.topk(2, 0);
    /// assert_eq!((largest.value(), places), (tensor![5.0, 4.0], tensor![4, 2]));
    /// assert_eq!(largest.sum().backward().wrt(x), &tensor![0.0, 0.0, 1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn topk(self, k: usize, axis: isize) -> (Var<'t, T>, Tensor<usize>) {
        let axis = GradientTape::<T>::fit(ranked("topk", &self.shape(), axis, k));
        let at = self.tape().push_list(&[axis, k, 1]);
        let largest = self.tape().record(Op::Sort(Sort::Sort, at), &[self]);
        (largest, self.value().first_places(axis, Ranking { k, descending: true }))
    }

    /// [`Tensor::argsort`] of the value.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    #[track_caller]
    pub fn argsort(self, axis: isize, descending: bool) -> Tensor<usize> {
        self.value().argsort(axis, descending)
    }

    /// [`Tensor::argmax`] of the value.
    ///
    /// # Panics
    /// An axis that the shape does not have, or that is empty.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Tensor<usize> {
        self.value().argmax(axis)
    }

    /// [`Tensor::argmin`] of the value.
    ///
    /// # Panics
    /// An axis that the shape does not have, or that is empty.
    #[track_caller]
    pub fn argmin(self, axis: isize) -> Tensor<usize> {
        self.value().argmin(axis)
    }
}

/// Elements are compared as `f64`: integers above 2^53 are rounded first.
impl<T: Element> Tensor<T> {
    fn first_places(&self, axis: usize, ranking: Ranking) -> Tensor<usize> {
        let shape = with_length(self.shape(), axis, ranking.k);
        let mut places = vec![0; shape.elements()];
        order::argsort(self.as_slice(), along(axis, self.shape()), ranking, &mut places);
        Tensor::from(places).reshaped(shape)
    }

    /// The places of the elements along `axis` in ascending or descending order. Equal elements
    /// keep their order, NaN comes last.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::tensor;
    /// let x = tensor![[3.0, 1.0, 2.0], [0.0, f64::NAN, 0.0]];
    /// assert_eq!(x.argsort(1, false), tensor![[1, 2, 0], [0, 2, 1]]);
    /// assert_eq!(x.argsort(1, true), tensor![[0, 2, 1], [0, 2, 1]]);
    /// ```
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor<usize> {
        let axis = GradientTape::<f64>::fit(self.shape().axis("argsort", axis));
        self.first_places(axis, Ranking { k: self.shape()[axis], descending })
    }

    /// The place of the largest element along `axis`, which is removed; the first of several. NaN
    /// counts as the largest, as in `max`.
    ///
    /// # Panics
    /// An axis that the shape does not have, or that is empty.
    ///
    /// ```
    /// use wengert::tensor;
    /// let probabilities = tensor![[0.1, 0.7, 0.2], [0.4, 0.2, 0.4]];
    /// assert_eq!(probabilities.argmax(1), tensor![1, 0]);
    /// ```
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<usize> {
        GradientTape::<f64>::fit(self.extremes("argmax", axis, false))
    }

    /// The place of the smallest element along `axis`, which is removed; the first of several. NaN
    /// counts as the smallest, as in `min`.
    ///
    /// # Panics
    /// An axis that the shape does not have, or that is empty.
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<usize> {
        GradientTape::<f64>::fit(self.extremes("argmin", axis, true))
    }

    fn extremes(&self, op: &'static str, axis: isize, smallest: bool) -> Result<Tensor<usize>, ShapeError> {
        let axis = self.shape().axis(op, axis)?;
        let shape = self.shape().reduced(Axes::NONE.with(axis), false);
        if self.shape()[axis] == 0 && shape.elements() != 0 {
            return Err(ShapeError::Empty { op, shape: self.shape().clone() });
        }
        let mut places = vec![0; shape.elements()];
        order::argmax(self.as_slice(), along(axis, self.shape()), smallest, &mut places);
        Ok(Tensor::from(places).reshaped(shape))
    }
}
