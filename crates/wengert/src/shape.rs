//! Shapes: pure arithmetic on lists of axis lengths, without data.
//!
//! Everything that can go wrong with a shape is found here, before any number is computed.
//! Row-major order throughout: the last axis varies fastest.

use crate::error::ShapeError;
use smallvec::SmallVec;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// The most axes a tensor may have, NumPy's classic limit: sets of axes are bits of a `u32`.
pub const MAX_AXES: usize = 32;

/// The lengths of a tensor's axes, outermost first; a scalar has none.
///
/// Up to six axes are held without a heap allocation. It derefs to `[usize]`.
///
/// ```
/// use wengert::Shape;
/// let shape = Shape::from([2, 3]);
/// assert_eq!((shape.len(), shape.elements()), (2, 6));
/// assert_eq!(shape.to_string(), "[2, 3]");
/// ```
#[derive(Eq, Default)]
pub struct Shape(SmallVec<[usize; 6]>);

impl Shape {
    /// The shape of a scalar: no axes, one element.
    pub fn scalar() -> Shape {
        Shape(SmallVec::new())
    }

    /// A shape from axis lengths.
    ///
    /// # Errors
    /// More than [`MAX_AXES`] axes, or more elements than an address can count.
    pub fn new(axes: &[usize]) -> Result<Shape, ShapeError> {
        let too_large = || ShapeError::TooLarge { shape: Shape(SmallVec::from_slice(axes)) };
        if axes.len() > MAX_AXES {
            return Err(too_large());
        }
        // Zero-length axes must not hide an overflow of the others.
        axes.iter()
            .filter(|&&n| n != 0)
            .try_fold(1usize, |product, &n| product.checked_mul(n))
            .filter(|&n| n <= isize::MAX as usize / 8)
            .ok_or_else(too_large)?;
        Ok(Shape::of(axes))
    }

    /// A copy of axes that a shape has already. Shapes are copied and compared at every operation,
    /// so the usual lengths are straight-line code: calls of `memcpy` and `memcmp` took longer.
    #[inline]
    fn of(axes: &[usize]) -> Shape {
        let (axes, len) = match *axes {
            [] => ([0; 6], 0),
            [a] => ([a, 0, 0, 0, 0, 0], 1),
            [a, b] => ([a, b, 0, 0, 0, 0], 2),
            [a, b, c] => ([a, b, c, 0, 0, 0], 3),
            [a, b, c, d] => ([a, b, c, d, 0, 0], 4),
            _ => return Shape(SmallVec::from_slice(axes)),
        };
        Shape(SmallVec::from_buf_and_len(axes, len))
    }

    /// How many elements a tensor of this shape has.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The position of the element at `offset` of a row-major buffer, one number an axis.
    pub(crate) fn index_of(&self, mut offset: usize) -> Vec<usize> {
        let step = |stride: usize| {
            let i = offset / stride;
            offset %= stride;
            i
        };
        self.strides().into_iter().map(step).collect()
    }

    /// Distance between neighbours along each axis, in elements, of a row-major buffer.
    pub fn strides(&self) -> SmallVec<[usize; 6]> {
        let mut strides = SmallVec::from_elem(1, self.len());
        for i in (1..self.len()).rev() {
            strides[i - 1] = strides[i] * self[i];
        }
        strides
    }

    /// The axis that `axis` names, where negative numbers count from the end.
    ///
    /// # Errors
    /// [`ShapeError::Axis`] outside `-ndim .. ndim`.
    pub fn axis(&self, op: &'static str, axis: isize) -> Result<usize, ShapeError> {
        let ndim = self.len() as isize;
        let resolved = if axis < 0 { axis + ndim } else { axis };
        if (0..ndim).contains(&resolved) {
            Ok(resolved as usize)
        } else {
            Err(ShapeError::Axis { op, axis, shape: self.clone() })
        }
    }

    /// The set of axes that `axes` names.
    ///
    /// # Errors
    /// An axis outside the shape, or named twice.
    pub fn axes(&self, op: &'static str, axes: &[isize]) -> Result<Axes, ShapeError> {
        let mut set = Axes::NONE;
        for &axis in axes {
            let resolved = self.axis(op, axis)?;
            if set.has(resolved) {
                return Err(ShapeError::RepeatedAxis { op, axis, shape: self.clone() });
            }
            set = set.with(resolved);
        }
        Ok(set)
    }

    /// This shape after a reduction over `axes`: they are removed, or kept with length 1.
    pub fn reduced(&self, axes: Axes, keepdim: bool) -> Shape {
        let kept = self.iter().enumerate().filter(|&(i, _)| keepdim || !axes.has(i));
        kept.map(|(i, &n)| if axes.has(i) { 1 } else { n }).collect()
    }

    /// The shape that both operands are stretched to, by NumPy's rule: aligned at the last axis,
    /// axes of length 1 (or missing ones) repeat.
    ///
    /// # Errors
    /// [`ShapeError::Broadcast`] where two lengths differ and neither is 1.
    pub fn broadcast(op: &'static str, a: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
        if a == b {
            return Ok(a.clone());
        }
        let ndim = a.len().max(b.len());
        let at = |s: &Shape, i: usize| if i + s.len() < ndim { 1 } else { s[i + s.len() - ndim] };
        let mut out = Shape::scalar();
        for i in 0..ndim {
            out.0.push(match (at(a, i), at(b, i)) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => return Err(ShapeError::Broadcast { op, left: a.clone(), right: b.clone() }),
            });
        }
        Shape::new(&out)
    }

    /// The axes of `self` along which a tensor of shape `from` was repeated to get here.
    /// The missing leading axes of `from` count.
    pub fn broadcast_axes(&self, from: &Shape) -> Axes {
        let missing = self.len() - from.len();
        let repeated = |i: usize| i < missing || (from[i - missing] == 1 && self[i] != 1);
        (0..self.len()).filter(|&i| repeated(i)).fold(Axes::NONE, Axes::with)
    }
}

impl Clone for Shape {
    #[inline]
    fn clone(&self) -> Shape {
        Shape::of(self)
    }
}

impl PartialEq for Shape {
    #[inline]
    fn eq(&self, other: &Shape) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    /// # Panics
    /// Where [`Shape::new`] gives an error.
    #[track_caller]
    fn from(axes: [usize; N]) -> Shape {
        Shape::from(&axes[..])
    }
}

impl From<&[usize]> for Shape {
    /// # Panics
    /// Where [`Shape::new`] gives an error.
    #[track_caller]
    fn from(axes: &[usize]) -> Shape {
        match Shape::new(axes) {
            Ok(shape) => shape,
            Err(error) => panic!("{error}"),
        }
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> Shape {
        let mut shape = Shape::scalar();
        for axis in axes {
            shape.0.push(axis);
        }
        shape
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0[..])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of axes of one shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Axes(u32);

impl Axes {
    /// The empty set.
    pub const NONE: Axes = Axes(0);

    /// All axes of a shape of `ndim` axes.
    pub fn all(ndim: usize) -> Axes {
        Axes(if ndim >= 32 { u32::MAX } else { (1 << ndim) - 1 })
    }

    /// This set and `axis`.
    #[must_use]
    pub fn with(self, axis: usize) -> Axes {
        Axes(self.0 | 1 << axis)
    }

    /// This set less `axis`.
    #[must_use]
    pub fn without(self, axis: usize) -> Axes {
        Axes(self.0 & !(1 << axis))
    }

    /// Whether `axis` is in the set.
    pub fn has(self, axis: usize) -> bool {
        self.0 >> axis & 1 == 1
    }

    /// Whether no axis is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_AXES).filter(move |&i| self.has(i))
    }
}

impl fmt::Debug for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        type Case<'a> = (&'a [usize], &'a [usize], Option<&'a [usize]>);
        let cases: [Case; 8] = [
            (&[3, 4], &[3, 4], Some(&[3, 4])),
            (&[3, 4], &[4], Some(&[3, 4])),
            (&[3, 1], &[1, 4], Some(&[3, 4])),
            (&[], &[2, 3], Some(&[2, 3])),
            (&[2, 1, 4], &[3, 1], Some(&[2, 3, 4])),
            (&[0], &[1], Some(&[0])),
            (&[0], &[3], None),
            (&[3, 4], &[3], None),
        ];
        for (a, b, expected) in cases {
            let (a, b) = (Shape::from(a), Shape::from(b));
            assert_eq!(Shape::broadcast("add", &a, &b).ok(), expected.map(Shape::from), "{a} {b}");
            assert_eq!(Shape::broadcast("add", &b, &a).ok(), expected.map(Shape::from), "{b} {a}");
        }
    }

    #[test]
    fn the_axes_that_repeat_are_those_to_sum_over() {
        let axes = |big: &[usize], small: &[usize]| {
            Shape::from(big).broadcast_axes(&Shape::from(small)).iter().collect::<Vec<_>>()
        };
        assert_eq!(axes(&[3, 4], &[4]), [0]);
        assert_eq!(axes(&[3, 4], &[3, 1]), [1]);
        assert_eq!(axes(&[3, 1], &[1]), [0], "a missing axis of the result's length 1 is still removed");
        assert_eq!(axes(&[2, 3], &[2, 3]), [0usize; 0]);
    }

    #[test]
    fn strides_are_row_major() {
        assert_eq!(Shape::from([2, 3, 4]).strides()[..], [12, 4, 1]);
        assert!(Shape::scalar().strides().is_empty());
    }

    #[test]
    fn huge_shapes_are_refused_even_behind_a_zero() {
        assert!(Shape::new(&[0, usize::MAX, 3]).is_err());
        assert!(Shape::new(&[1; 33]).is_err());
        assert!(Shape::new(&[0, 5]).is_ok());
    }

    #[test]
    fn axes_count_from_the_end_too() {
        let s = Shape::from([2, 3]);
        assert_eq!(s.axis("sum", -1), Ok(1));
        let e = s.axis("sum", 2).unwrap_err().to_string();
        assert_eq!(e, "sum: axis 2 is outside shape [2, 3], whose axes are 0..=1 (or -2..=-1)");
        let e = s.axes("sum", &[1, -1]).unwrap_err().to_string();
        assert_eq!(e, "sum: axis -1 of shape [2, 3] is named twice");
    }
}
