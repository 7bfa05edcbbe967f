//! Elements picked by integer indices, and the transpose: sums in the places that they name.
//!
//! One pair serves all. Slices along an axis are selected, or added up. `gather` and
//! `scatter_add`, whose indices differ from row to row, are the same over the flattened tensor.
//! Indices come from outside: they are checked once, where they come in, with an error that names
//! the index and where it stands; the pair's own rules only pass them on.

use super::reduce::along;
use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Groups, Kernels, index};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tape::arena::Attributes;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// A selection by indices. List: the axis, its length, and the place of the indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Index {
    /// The slices along an axis that indices name; the axes of the indices take its place.
    Select,
    /// The transpose: zeros, with each slice added where its index says.
    Add,
}

impl Index {
    /// Every operation of this family.
    pub const ALL: &[Index] = &[Index::Select, Index::Add];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Index::Select => "index_select",
            Index::Add => "index_add",
        }
    }

    pub(crate) fn shape(self, attributes: &Attributes, at: At, x: &Shape) -> Result<Shape, ShapeError> {
        let (axis, n, indices) = parts(attributes, at);
        let (middle, taken) = match self {
            Index::Select => (&indices.shape()[..], 1),
            Index::Add => (&[n][..], indices.ndim()),
        };
        let (before, after) = (&x[..axis], &x[axis + taken..]);
        Shape::new(&[before, middle, after].concat())
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        attributes: &Attributes,
        at: At,
        x: &Tensor<T>,
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let (axis, _, indices) = parts(attributes, at);
        let (x, indices) = (x, indices.as_slice());
        match self {
            Index::Select => {
                let groups = along(axis, x.shape());
                pool.build(shape, |out| index::select(x.as_slice(), groups, indices, out))
            }
            Index::Add => {
                let groups = along(axis, &shape);
                pool.build(shape, |out| T::index_add(x.as_slice(), groups, indices, out))
            }
        }
    }

    /// Each is the other's transpose, with the same list.
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(self, at: At, y_bar: V, into: &mut Adjoint<V>) {
        let transpose = match self {
            Index::Select => Index::Add,
            Index::Add => Index::Select,
        };
        into.add(V::apply(Op::Index(transpose, at), &[&y_bar]));
    }
}

fn parts(attributes: &Attributes, at: At) -> (usize, usize, &Tensor<usize>) {
    let [axis, n, indices] = attributes.list(at)[..] else { unreachable!("axis, length, indices") };
    (axis, n, attributes.indices(At(indices as u32)))
}

/// The axis that `axis` names, if all indices lie within it.
fn checked(
    op: &'static str,
    shape: &Shape,
    axis: isize,
    indices: &Tensor<usize>,
) -> Result<usize, ShapeError> {
    let at = shape.axis(op, axis)?;
    let n = shape[at];
    let Some(outside) = indices.as_slice().iter().position(|&i| i >= n) else { return Ok(at) };
    let places = indices.shape().iter().zip(indices.shape().strides());
    let place: Vec<usize> = places.map(|(&n, stride)| outside / stride % n).collect();
    Err(ShapeError::Expected {
        op,
        expected: format!("indices below {n}, the length of axis {axis} of shape {shape}"),
        given: format!("{} at {place:?} of the indices", indices.as_slice()[outside]),
    })
}

/// As [`checked`], for indices that differ from row to row: their places in the flattened tensor.
fn flat(
    op: &'static str,
    shape: &Shape,
    axis: isize,
    indices: &Tensor<usize>,
) -> Result<Tensor<usize>, ShapeError> {
    let at = checked(op, shape, axis, indices)?;
    let given = indices.shape();
    if given.len() != shape.len() || (0..shape.len()).any(|i| i != at && given[i] != shape[i]) {
        return Err(ShapeError::Expected {
            op,
            expected: format!("indices of shape {shape} but along axis {axis}"),
            given: given.to_string(),
        });
    }
    let (Groups { n, inner, .. }, k) = (along(at, shape), given[at]);
    let places = indices.as_slice().iter().enumerate();
    let flat: Vec<usize> =
        places.map(|(p, index)| (p / (k * inner) * n + index) * inner + p % inner).collect();
    Ok(Tensor::from(flat).reshaped(given.clone()))
}

impl<'t, T: Float> Var<'t, T> {
    /// Records one of the pair, with indices that are known to fit.
    #[track_caller]
    fn indexed(
        self,
        what: Index,
        axis: usize,
        n: usize,
        indices: &Tensor<usize>,
    ) -> Result<Var<'t, T>, ShapeError> {
        let At(indices) = self.tape().push_indices(indices.clone());
        let at = self.tape().push_list(&[axis, n, indices as usize]);
        self.tape().try_record(Op::Index(what, at), &[self])
    }

    #[track_caller]
    fn select(
        self,
        op: &'static str,
        axis: isize,
        indices: &Tensor<usize>,
    ) -> Result<Var<'t, T>, ShapeError> {
        let shape = self.shape();
        let axis = checked(op, &shape, axis, indices)?;
        self.indexed(Index::Select, axis, shape[axis], indices)
    }

    /// The slices along `axis` that `indices` name, in their order, with repetitions: NumPy's
    /// `take`. Indices of any shape; their axes take the place of `axis`.
    ///
    /// # Panics
    /// An axis that the shape does not have, or an index outside of it.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// let y = x.index_select(0, &tensor![1, 1, 0]);
    /// assert_eq!(y.value(), tensor![[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]);
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![[1.0, 1.0], [2.0, 2.0]]);
    /// ```
    #[track_caller]
    pub fn index_select(self, axis: isize, indices: &Tensor<usize>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_index_select(axis, indices))
    }

    /// [`index_select`](Var::index_select) with an error instead of a panic.
    ///
    /// # Errors
    /// An axis that the shape does not have, or an index outside of it.
    #[track_caller]
    pub fn try_index_select(self, axis: isize, indices: &Tensor<usize>) -> Result<Var<'t, T>, ShapeError> {
        self.select("index_select", axis, indices)
    }

    /// The rows of a table `[count, ..]` that `indices` name: the shape of the indices, then that
    /// of a row.
    ///
    /// # Panics
    /// The table has no axes, or an index is not below the number of rows.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let table = tape.var(tensor![[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]);
    /// let words = table.embedding(&tensor![[2, 0], [1, 1]]);
    /// assert_eq!(words.shape()[..], [2, 2, 2]);
    /// assert_eq!(words.value().get(&[0, 0, 1]), Some(0.6));
    /// ```
    #[track_caller]
    pub fn embedding(self, indices: &Tensor<usize>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_embedding(indices))
    }

    /// [`embedding`](Var::embedding) with an error instead of a panic.
    ///
    /// # Errors
    /// The table has no axes, or an index is not below the number of rows.
    #[track_caller]
    pub fn try_embedding(self, indices: &Tensor<usize>) -> Result<Var<'t, T>, ShapeError> {
        self.select("embedding", 0, indices)
    }

    /// Along `axis`, in each row its own elements: NumPy's `take_along_axis`, PyTorch's `gather`.
    /// `indices` has the shape of the tensor but along `axis`, and the result that of `indices`.
    ///
    /// # Panics
    /// Indices of another shape, an axis that the shape does not have, or an index outside of it.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.gather(1, &tensor![[1], [0]]).value(), tensor![[2.0], [3.0]]);
    /// ```
    #[track_caller]
    pub fn gather(self, axis: isize, indices: &Tensor<usize>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_gather(axis, indices))
    }

    /// [`gather`](Var::gather) with an error instead of a panic.
    ///
    /// # Errors
    /// Indices of another shape, an axis that the shape does not have, or an index outside of it.
    #[track_caller]
    pub fn try_gather(self, axis: isize, indices: &Tensor<usize>) -> Result<Var<'t, T>, ShapeError> {
        let shape = self.shape();
        let places = flat("gather", &shape, axis, indices)?;
        self.flatten().indexed(Index::Select, 0, shape.elements(), &places)
    }

    /// The tensor with the elements of `source` added where [`gather`](Var::gather) with the same
    /// `indices` would read: its transpose, differentiable in both. Indices that are named twice
    /// add up.
    ///
    /// # Panics
    /// `source` and `indices` differ in shape, or what `gather` panics for.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (x, source) = (tape.var(tensor![0.0, 1.0]), tape.var(tensor![2.0, 3.0, 4.0]));
    /// assert_eq!(x.scatter_add(0, &tensor![1, 0, 1], source).value(), tensor![3.0, 7.0]);
    /// ```
    #[track_caller]
    pub fn scatter_add(self, axis: isize, indices: &Tensor<usize>, source: Var<'t, T>) -> Var<'t, T> {
        GradientTape::<T>::fit(self.try_scatter_add(axis, indices, source))
    }

    /// [`scatter_add`](Var::scatter_add) with an error instead of a panic.
    ///
    /// # Errors
    /// `source` and `indices` differ in shape, or what `try_gather` gives an error for.
    #[track_caller]
    pub fn try_scatter_add(
        self,
        axis: isize,
        indices: &Tensor<usize>,
        source: Var<'t, T>,
    ) -> Result<Var<'t, T>, ShapeError> {
        let shape = self.shape();
        self.tape().own(source);
        let places = flat("scatter_add", &shape, axis, indices)?;
        if source.shape() != *places.shape() {
            return Err(ShapeError::Expected {
                op: "scatter_add",
                expected: format!("a source of shape {}, that of the indices", places.shape()),
                given: source.shape().to_string(),
            });
        }
        Ok(self + source.indexed(Index::Add, 0, shape.elements(), &places)?.reshape(&shape))
    }
}
