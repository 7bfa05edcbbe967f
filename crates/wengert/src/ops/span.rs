//! Which elements of an axis a slice takes, with Python's meaning.
//!
//! Resolved against an axis at once, to start, count and step: what is out of bounds is clipped
//! here, so that nothing further on has to think of it.

use crate::error::ShapeError;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

/// Which elements of an axis: `a..b`, `a..`, `..b`, `..`, `a..=b`, with a step other than 1 as
/// `(a..b, step)`.
///
/// Negative positions count from the end, positions outside are clipped, a negative step walks
/// backwards: as in Python. With a negative step `..` is the whole axis reversed.
///
/// ```
/// use wengert::{GradientTape, Span, tensor};
/// let tape = GradientTape::new();
/// let x = tape.var(tensor![0.0, 1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(x.slice(&[Span::from(1..3)]).value(), tensor![1.0, 2.0]);
/// assert_eq!(x.slice(&[Span::new(1, -1)]).value(), tensor![1.0, 2.0, 3.0]);
/// assert_eq!(x.slice(&[Span::from((.., -2))]).value(), tensor![4.0, 2.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: Option<isize>,
    end: Option<isize>,
    step: isize,
}

impl Span {
    /// From `start` to before `end`, either of them open if `None`: `Span::new(1, -1)`,
    /// `Span::new(None, -2)`. What [`From`] makes of literal ranges, for ends that count from the
    /// end: clippy takes a literal `1..-1` for an empty range.
    pub fn new(start: impl Into<Option<isize>>, end: impl Into<Option<isize>>) -> Span {
        Span { start: start.into(), end: end.into(), step: 1 }
    }

    /// Start, count and step within an axis of length `n`.
    pub(crate) fn resolve(self, n: usize) -> Result<[usize; 3], ShapeError> {
        let n = n as isize;
        let Span { start, end, step } = self;
        if step == 0 {
            return Err(ShapeError::Expected {
                op: "slice",
                expected: "a step other than 0".into(),
                given: "0".into(),
            });
        }
        // Python's rule: clip to 0..=n forwards, to -1..=n-1 backwards.
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let clip = |i: isize| (if i < 0 { i.saturating_add(n) } else { i }).clamp(low, high);
        let start = start.map_or(if step > 0 { low } else { high }, clip);
        let end = end.map_or(if step > 0 { high } else { low }, clip);
        let distance = if step > 0 { end - start } else { start - end };
        let count = if distance > 0 { (distance as usize).div_ceil(step.unsigned_abs()) } else { 0 };
        // An empty slice starts nowhere, which must still be inside; a single element has no next
        // one, so that a huge step cannot overflow a stride.
        let (start, step) = match count {
            0 => (0, 1),
            1 => (start as usize, 1),
            _ => (start as usize, step as usize),
        };
        Ok([start, count, step])
    }
}

macro_rules! span_from {
    ($($range:ty, $r:ident => $start:expr, $end:expr;)*) => {$(
        impl From<$range> for Span {
            fn from($r: $range) -> Span {
                Span { start: $start, end: $end, step: 1 }
            }
        }
    )*};
}

span_from! {
    Range<isize>, r => Some(r.start), Some(r.end);
    RangeFrom<isize>, r => Some(r.start), None;
    RangeTo<isize>, r => None, Some(r.end);
    RangeFull, _r => None, None;
    RangeInclusive<isize>, r => Some(*r.start()), if *r.end() == -1 { None } else { Some(r.end().saturating_add(1)) };
}

impl<R: Into<Span>> From<(R, isize)> for Span {
    fn from((range, step): (R, isize)) -> Span {
        Span { step, ..range.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `list(range(n))[start:end:step]`.
    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn spans_follow_python() {
        let picked = |span: Span, n: usize| {
            let [start, count, step] = span.resolve(n).unwrap();
            (0..count).map(|i| start as isize + i as isize * step as isize).collect::<Vec<_>>()
        };
        assert_eq!(picked(Span::from(1..3), 5), [1, 2]);
        assert_eq!(picked(Span::new(1, -1), 5), [1, 2, 3]);
        assert_eq!(picked(Span::from(-2..), 5), [3, 4]);
        assert_eq!(picked(Span::from(..-3), 5), [0, 1]);
        assert_eq!(picked(Span::from((.., 2)), 5), [0, 2, 4]);
        assert_eq!(picked(Span::from((.., -1)), 3), [2, 1, 0]);
        assert_eq!(picked(Span::from((3..0, -2)), 5), [3, 1]);
        assert_eq!(picked(Span::from(1..=-1), 4), [1, 2, 3]);
        assert_eq!(picked(Span::from(2..100), 4), [2, 3]);
        assert_eq!(picked(Span::from(3..1), 4), [0isize; 0]);
        assert_eq!(picked(Span::from(..), 0), [0isize; 0]);
        assert_eq!(picked(Span::from(isize::MIN..isize::MAX), 2), [0, 1]);
        assert!(Span::from((.., 0)).resolve(3).is_err());
    }
}
