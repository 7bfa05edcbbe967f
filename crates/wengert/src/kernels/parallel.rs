//! Cutting a range in two, again and again, over rayon's current pool.
//!
//! Each piece writes a part of its own, so results do not depend on who runs it. `rayon::join`
//! allocates nothing inside the pool; a join costs well below a microsecond there, some
//! microseconds from a thread outside of it.

use std::ops::Range;

/// Elements below which a loop is not worth cutting.
pub(crate) const GRAIN: usize = 1 << 15;

/// What the pieces of a range write: cut along with it.
pub(crate) trait Split: Sized + Send {
    /// The part of the first `units` units, and the rest.
    fn split(self, units: usize) -> (Self, Self);
}

/// Pieces that find their own places.
impl Split for () {
    fn split(self, _: usize) -> (Self, Self) {
        ((), ())
    }
}

/// One element a unit.
impl<T: Send> Split for &mut [T] {
    fn split(self, units: usize) -> (Self, Self) {
        self.split_at_mut(units)
    }
}

/// As many elements a unit as the number says.
pub(crate) struct Rows<'a, T>(pub &'a mut [T], pub usize);

impl<T: Send> Split for Rows<'_, T> {
    fn split(self, units: usize) -> (Self, Self) {
        let (left, right) = self.0.split_at_mut(units * self.1);
        (Rows(left, self.1), Rows(right, self.1))
    }
}

impl<A: Split, B: Split> Split for (A, B) {
    fn split(self, units: usize) -> (Self, Self) {
        let (a, b) = (self.0.split(units), self.1.split(units));
        ((a.0, b.0), (a.1, b.1))
    }
}

impl<A: Split, const N: usize> Split for [A; N] {
    fn split(self, units: usize) -> (Self, Self) {
        let mut rest = [const { None }; N];
        let mut slots = rest.iter_mut();
        let left = self.map(|a| {
            let (left, right) = a.split(units);
            *slots.next().expect("as many slots as elements") = Some(right);
            left
        });
        (left, rest.map(|a| a.expect("each slot was filled")))
    }
}

/// Calls `f` on ranges that together are `0..units`, with what it is to write for them; in parallel
/// where there is much to do, a unit touching `cost` elements.
pub(crate) fn run<O: Split>(units: usize, cost: usize, out: O, f: impl Fn(Range<usize>, O) + Sync) {
    if is_small(units, cost) || rayon::current_num_threads() == 1 {
        f(0..units, out);
    } else {
        cut(0..units, cost, out, &f);
    }
}

fn is_small(units: usize, cost: usize) -> bool {
    units < 2 || units.saturating_mul(cost) <= GRAIN
}

fn cut<O: Split>(range: Range<usize>, cost: usize, out: O, f: &(impl Fn(Range<usize>, O) + Sync)) {
    if is_small(range.len(), cost) {
        return f(range, out);
    }
    let half = range.len() / 2;
    let middle = range.start + half;
    let (left, right) = out.split(half);
    join(|| cut(range.start..middle, cost, left, f), || cut(middle..range.end, cost, right, f));
}

/// [`rayon::join`], compiled once: what it makes of a closure (jobs, latches, unwinding) was a fifth
/// of this crate's code when each of its hundred loops had one of its own.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let (mut a, mut b) = (Some(a), Some(b));
    let (mut left, mut right) = (None, None);
    both(&mut || left = a.take().map(|a| a()), &mut || right = b.take().map(|b| b()));
    (left.expect("a join runs both"), right.expect("a join runs both"))
}

fn both(a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
    rayon::join(a, b);
}
