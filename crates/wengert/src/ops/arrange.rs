//! Methods that arrange elements anew, composed of the views.
//!
//! Only the primitives of the family have rules, so these need none: a gradient comes back through
//! the same slices and permutations. Elements that were cut off or written beside never enter a
//! product, so an infinite one there makes no NaN.

use super::view::write_slice;
use super::{Op, Span, View};
use crate::element::Float;
use crate::error::ShapeError;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;

/// A list of axis lengths or places in the making.
type List = SmallVec<[usize; 18]>;

/// Where a new axis goes: -1 is behind the last one.
pub(crate) fn new_axis(op: &'static str, shape: &Shape, axis: isize) -> Result<usize, ShapeError> {
    let last = shape.len() as isize;
    let resolved = if axis < 0 { axis + last + 1 } else { axis };
    if (0..=last).contains(&resolved) {
        return Ok(resolved as usize);
    }
    Err(ShapeError::Expected {
        op,
        expected: format!("a new axis in {}..={last} for shape {shape}", -last - 1),
        given: axis.to_string(),
    })
}

/// `shape` with an axis of length 1 put in.
pub(crate) fn with_axis(shape: &Shape, axis: usize) -> List {
    let mut list = List::from_slice(shape);
    list.insert(axis, 1);
    list
}

/// `shape` without an axis.
pub(crate) fn without_axis(shape: &Shape, axis: usize) -> List {
    let mut list = List::from_slice(shape);
    list.remove(axis);
    list
}

impl<'t, T: Float> Var<'t, T> {
    /// The same elements under another shape; the buffer is shared, not copied.
    ///
    /// # Panics
    /// The number of elements differs.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.reshape(&[2, 2]).value(), tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn reshape(self, shape: &[usize]) -> Var<'t, T> {
        self.record_view(View::Reshape, shape)
    }

    /// [`reshape`](Var::reshape) with an error instead of a panic.
    ///
    /// # Errors
    /// The number of elements differs, or the shape is too large.
    #[track_caller]
    pub fn try_reshape(self, shape: &[usize]) -> Result<Var<'t, T>, ShapeError> {
        let at = self.tape().push_list(shape);
        self.tape().try_record(Op::View(View::Reshape, at), &[self])
    }

    /// Repeats axes of length 1, and missing leading ones, up to `shape`.
    ///
    /// # Panics
    /// The shape does not stretch to `shape` by NumPy's rule.
    #[track_caller]
    pub fn broadcast_to(self, shape: &[usize]) -> Var<'t, T> {
        self.record_view(View::BroadcastTo, shape)
    }

    /// The axes in another order: axis `i` of the result was axis `order[i]`.
    ///
    /// # Panics
    /// `order` does not name each axis once.
    #[track_caller]
    pub fn permute(self, order: &[isize]) -> Var<'t, T> {
        let shape = self.shape();
        GradientTape::<T>::fit(shape.axes("permute", order));
        if order.len() != shape.len() {
            panic!("permute: {order:?} does not name each of the {} axes of shape {shape} once", shape.len());
        }
        let order: Result<SmallVec<[usize; 6]>, _> =
            order.iter().map(|&i| shape.axis("permute", i)).collect();
        let order = GradientTape::<T>::fit(order);
        self.record_view(View::Permute, &order)
    }

    /// Swaps two axes; negative ones count from the end.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    #[track_caller]
    pub fn transpose(self, a: isize, b: isize) -> Var<'t, T> {
        let shape = self.shape();
        let mut order: SmallVec<[usize; 6]> = (0..shape.len()).collect();
        let (a, b) = (shape.axis("transpose", a), shape.axis("transpose", b));
        order.swap(GradientTape::<T>::fit(a), GradientTape::<T>::fit(b));
        self.record_view(View::Permute, &order)
    }

    /// Part of each axis; axes without a span are taken whole. See [`Span`].
    ///
    /// # Panics
    /// More spans than axes, or a step of 0.
    #[track_caller]
    pub fn slice(self, spans: &[Span]) -> Var<'t, T> {
        let shape = self.shape();
        if spans.len() > shape.len() {
            panic!("slice: {} spans for shape {shape}, which has {} axes", spans.len(), shape.len());
        }
        let whole = Span::from(..);
        let spans = spans.iter().copied().chain(std::iter::repeat(whole));
        let mut list: SmallVec<[usize; 18]> = SmallVec::new();
        for (&n, span) in shape.iter().zip(spans) {
            list.extend(GradientTape::<T>::fit(span.resolve(n)));
        }
        self.record_view(View::Slice, &list)
    }

    /// The last two axes swapped: the transpose of a matrix, or of each in a batch.
    ///
    /// # Panics
    /// There are fewer than two axes.
    #[track_caller]
    pub fn t(self) -> Var<'t, T> {
        GradientTape::<T>::fit(super::diagonal::matrices("t", &self.shape()));
        self.transpose(-2, -1)
    }

    /// All elements along one axis, in row-major order; the buffer is shared, not copied.
    #[track_caller]
    pub fn flatten(self) -> Var<'t, T> {
        self.reshape(&[self.shape().elements()])
    }

    /// Removes an axis of length 1.
    ///
    /// # Panics
    /// The axis has another length, or the shape does not have it.
    #[track_caller]
    pub fn squeeze(self, axis: isize) -> Var<'t, T> {
        let shape = self.shape();
        let at = GradientTape::<T>::fit(shape.axis("squeeze", axis));
        if shape[at] != 1 {
            panic!("squeeze: expected an axis of length 1, got axis {axis} of shape {shape}");
        }
        self.reshape(&without_axis(&shape, at))
    }

    /// Removes all axes of length 1.
    #[track_caller]
    pub fn squeeze_all(self) -> Var<'t, T> {
        let list: List = self.shape().iter().copied().filter(|&n| n != 1).collect();
        self.reshape(&list)
    }

    /// Puts in an axis of length 1, before axis `axis`, or behind the last one if that is -1.
    ///
    /// # Panics
    /// `axis` is outside `-ndim - 1 ..= ndim`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// assert_eq!(x.expand_dims(0).value(), tensor![[1.0, 2.0]]);
    /// assert_eq!(x.expand_dims(-1).value(), tensor![[1.0], [2.0]]);
    /// ```
    #[track_caller]
    pub fn expand_dims(self, axis: isize) -> Var<'t, T> {
        let shape = self.shape();
        let axis = GradientTape::<T>::fit(new_axis("expand_dims", &shape, axis));
        self.reshape(&with_axis(&shape, axis))
    }

    /// The elements in reverse order along each of `axes`.
    ///
    /// # Panics
    /// An axis that the shape does not have, or named twice.
    #[track_caller]
    pub fn flip(self, axes: &[isize]) -> Var<'t, T> {
        let shape = self.shape();
        let flipped = GradientTape::<T>::fit(shape.axes("flip", axes));
        let span = |axis| if flipped.has(axis) { Span::from((.., -1)) } else { Span::from(..) };
        let spans: SmallVec<[Span; 6]> = (0..shape.len()).map(span).collect();
        self.slice(&spans)
    }

    /// The elements moved `shift` places along `axis`; those that leave come in at the other end.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(x.roll(1, 0).value(), tensor![4.0, 1.0, 2.0, 3.0]);
    /// assert_eq!(x.roll(-1, 0).value(), tensor![2.0, 3.0, 4.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn roll(self, shift: isize, axis: isize) -> Var<'t, T> {
        let shape = self.shape();
        let axis = GradientTape::<T>::fit(shape.axis("roll", axis));
        let n = shape[axis];
        let last = if n == 0 { 0 } else { shift.rem_euclid(n as isize) as usize };
        if last == 0 {
            return self;
        }
        let (head, tail) = (self.part(axis, 0, n - last), self.part(axis, n - last, last));
        self.tape().concat(&[tail, head], axis as isize)
    }

    /// The tensor laid out `reps` times along each axis, as NumPy's `tile`: `reps` and the shape
    /// are aligned at the last axis, and missing numbers count as 1 on either side.
    ///
    /// # Panics
    /// The result is too large.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// assert_eq!(x.tile(&[2]).value(), tensor![1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(x.tile(&[2, 1]).value(), tensor![[1.0, 2.0], [1.0, 2.0]]);
    /// ```
    #[track_caller]
    pub fn tile(self, reps: &[usize]) -> Var<'t, T> {
        let shape = self.shape();
        let ndim = shape.len().max(reps.len());
        let at = |list: &[usize], i: usize| (i + list.len()).checked_sub(ndim).map_or(1, |own| list[own]);
        // Each repeated axis as two: one of length 1 that is stretched, and itself.
        let (mut apart, mut stretched, mut tiled) = (List::new(), List::new(), List::new());
        for i in 0..ndim {
            let (count, n) = (at(reps, i), at(&shape, i));
            if count != 1 {
                apart.push(1);
                stretched.push(count);
            }
            apart.push(n);
            stretched.push(n);
            tiled.push(count.saturating_mul(n));
        }
        self.reshape(&apart).broadcast_to(&stretched).reshape(&tiled)
    }

    /// `value` around the elements: for each axis, how many of it before and after.
    ///
    /// # Panics
    /// There is not one pair an axis, or the result is too large.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0]]);
    /// let y = x.pad(&[[0, 1], [1, 0]], -1.0);
    /// assert_eq!(y.value(), tensor![[-1.0, 1.0, 2.0], [-1.0, -1.0, -1.0]]);
    /// ```
    #[track_caller]
    pub fn pad(self, pads: &[[usize; 2]], value: f64) -> Var<'t, T> {
        let (tape, shape) = (self.tape(), self.shape());
        if pads.len() != shape.len() {
            panic!("pad: expected [before, after] for each axis of shape {shape}, got {pads:?}");
        }
        let mut list: List = shape.iter().zip(pads).flat_map(|(&n, &[before, _])| [before, n, 1]).collect();
        let spans = list.clone();
        let length =
            |(&n, &[before, after]): (&usize, &[usize; 2])| before.saturating_add(n).saturating_add(after);
        list.extend(shape.iter().zip(pads).map(length));
        let padded = self.record_view(View::Unslice, &list);
        if value == 0.0 {
            return padded;
        }
        // x + -0 is x, for every x, and 0 + value is value.
        let (inside, frame) = (Tensor::full(&shape, T::from_f64(-0.0)), padded.shape());
        let frame = tape.pool.borrow_mut().build(frame.clone(), |out| {
            write_slice(&inside, &spans, T::from_f64(value), &frame, out);
        });
        padded + tape.constant(frame)
    }
}
