//! Operands put together along an axis, and taken apart again.

use super::arrange::{new_axis, with_axis, without_axis};
use super::{Op, View};
use crate::element::Float;
use crate::error::ShapeError;
use crate::tape::GradientTape;
use crate::var::Var;
use smallvec::SmallVec;

/// The first of several operands.
fn first_of<V: Copy>(op: &'static str, operands: &[V]) -> Result<V, ShapeError> {
    let none = || ShapeError::Expected { op, expected: "at least one operand".into(), given: "none".into() };
    operands.first().copied().ok_or_else(none)
}

impl<T: Float> GradientTape<T> {
    /// The operands one after the other along `axis`.
    ///
    /// # Panics
    /// No operands, or shapes that differ elsewhere than along `axis`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (a, b) = (tape.var(tensor![[1.0], [2.0]]), tape.var(tensor![[3.0], [4.0]]));
    /// assert_eq!(tape.concat(&[a, b], 1).value(), tensor![[1.0, 3.0], [2.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn concat<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
        Self::fit(self.try_concat(operands, axis))
    }

    /// [`concat`](GradientTape::concat) with an error instead of a panic.
    ///
    /// # Errors
    /// No operands, or shapes that differ elsewhere than along `axis`.
    #[track_caller]
    pub fn try_concat<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Result<Var<'t, T>, ShapeError> {
        let first = first_of("concat", operands)?;
        let axis = first.shape().axis("concat", axis)?;
        let at = self.push_list(&[axis]);
        self.try_record(Op::View(View::Concat, at), operands)
    }

    /// Operands of one shape one after the other along a new axis, before axis `axis` of theirs.
    ///
    /// # Panics
    /// No operands, shapes that differ, or `axis` is outside `-ndim - 1 ..= ndim`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (a, b) = (tape.var(tensor![1.0, 2.0]), tape.var(tensor![3.0, 4.0]));
    /// assert_eq!(tape.stack(&[a, b], 0).value(), tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(tape.stack(&[a, b], 1).value(), tensor![[1.0, 3.0], [2.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn stack<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Var<'t, T> {
        Self::fit(self.try_stack(operands, axis))
    }

    /// [`stack`](GradientTape::stack) with an error instead of a panic.
    ///
    /// # Errors
    /// No operands, shapes that differ, or `axis` is outside `-ndim - 1 ..= ndim`.
    #[track_caller]
    pub fn try_stack<'t>(&'t self, operands: &[Var<'t, T>], axis: isize) -> Result<Var<'t, T>, ShapeError> {
        self.own_all(operands);
        let shape = first_of("stack", operands)?.shape();
        let axis = new_axis("stack", &shape, axis)?;
        if let Some(other) = operands.iter().map(|x| x.shape()).find(|other| *other != shape) {
            return Err(ShapeError::Expected {
                op: "stack",
                expected: format!("operands of one shape, {shape} as the first"),
                given: other.to_string(),
            });
        }
        let list = with_axis(&shape, axis);
        let mut slices: SmallVec<[Var<'t, T>; 4]> = SmallVec::new();
        for x in operands {
            slices.push(x.try_reshape(&list)?);
        }
        self.try_concat(&slices, axis as isize)
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Parts of the given lengths, one after the other along `axis`: what `concat` puts together.
    ///
    /// # Panics
    /// The lengths do not add up to the axis, or the shape does not have it.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let parts = tape.var(tensor![1.0, 2.0, 3.0]).split(&[1, 2], 0);
    /// assert_eq!((parts[0].value(), parts[1].value()), (tensor![1.0], tensor![2.0, 3.0]));
    /// ```
    #[track_caller]
    pub fn split(self, lengths: &[usize], axis: isize) -> Vec<Var<'t, T>> {
        let shape = self.shape();
        let at = GradientTape::<T>::fit(shape.axis("split", axis));
        let total = lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
        if total != Some(shape[at]) {
            panic!(
                "split: expected lengths that add up to {}, the length of axis {axis} of shape {shape}, got {lengths:?}",
                shape[at]
            );
        }
        let (mut parts, mut start) = (Vec::with_capacity(lengths.len()), 0);
        for &n in lengths {
            parts.push(self.part(at, start, n));
            start += n;
        }
        parts
    }

    /// So many parts of equal length, one after the other along `axis`.
    ///
    /// # Panics
    /// The number does not divide the axis, or the shape does not have it.
    #[track_caller]
    pub fn chunk(self, parts: usize, axis: isize) -> Vec<Var<'t, T>> {
        let shape = self.shape();
        let n = shape[GradientTape::<T>::fit(shape.axis("chunk", axis))];
        if parts == 0 || !n.is_multiple_of(parts) {
            panic!(
                "chunk: expected a number of parts that divides {n}, the length of axis {axis} of shape {shape}, got {parts}"
            );
        }
        self.split(&vec![n / parts; parts], axis)
    }

    /// The slices along `axis`, each without it: what `stack` puts together.
    ///
    /// # Panics
    /// An axis that the shape does not have.
    #[track_caller]
    pub fn unbind(self, axis: isize) -> Vec<Var<'t, T>> {
        let shape = self.shape();
        let at = GradientTape::<T>::fit(shape.axis("unbind", axis));
        let list = without_axis(&shape, at);
        let mut slices = Vec::with_capacity(shape[at]);
        for i in 0..shape[at] {
            slices.push(self.part(at, i, 1).reshape(&list));
        }
        slices
    }
}
