//! Elementwise loops over slices of equal length: one pass over memory for each operation.
//!
//! The `match` over operations is outside of the loops: each arm has a constant operation, so that
//! only its own arithmetic is left inside.

use super::Lane;
use super::parallel;
use super::simd::{Kernel, Level};
use crate::ops::binary::{Binary, each_binary};
use crate::ops::unary::{Unary, each_unary};
use crate::tape::Numbers;

/// Elements of a tile: 1 or 2 KiB, which stay in the first-level cache.
const TILE: usize = 256;

/// A loop that reads `N` slices and writes one, all of equal length.
pub(crate) trait Map<T, const N: usize>: Copy + Sync {
    /// Must be `#[inline(always)]`.
    fn map(self, inputs: [&[T]; N], out: &mut [T]);
}

/// A [`Map`] with its slices.
pub(crate) struct Mapping<'a, T, M, const N: usize> {
    pub map: M,
    pub inputs: [&'a [T]; N],
    pub out: &'a mut [T],
}

impl<T: Lane, M: Map<T, N>, const N: usize> Kernel for Mapping<'_, T, M, N> {
    #[inline(always)]
    fn run(self) {
        self.map.map(self.inputs, self.out);
    }
}

/// Runs a loop over all of the slices, in parallel where they are long.
pub(crate) fn over<T: Lane, const N: usize>(
    level: Level,
    map: impl Map<T, N>,
    inputs: [&[T]; N],
    out: &mut [T],
) {
    let n = out.len();
    assert!(inputs.iter().all(|x| x.len() == n), "elementwise kernels take slices of one length");
    parallel::run(n, 1, out, |range, out| {
        level.run(Mapping { map, inputs: inputs.map(|x| &x[range.clone()]), out });
    });
}

#[derive(Clone, Copy)]
struct Value(Unary, Numbers);

impl<T: Lane> Map<T, 1> for Value {
    #[inline(always)]
    fn map(self, [x]: [&[T]; 1], out: &mut [T]) {
        let x = &x[..out.len()];
        each_unary!(self.0, k => for i in 0..out.len() {
            out[i] = k.value(self.1, x[i]);
        })
    }
}

/// Turns `out`, the adjoint of y, into that of x.
#[derive(Clone, Copy)]
struct VjpInPlace(Unary, Numbers);

impl<T: Lane> Map<T, 2> for VjpInPlace {
    #[inline(always)]
    fn map(self, [x, y]: [&[T]; 2], out: &mut [T]) {
        let n = out.len();
        let (x, y) = (&x[..n], &y[..n]);
        each_unary!(self.0, k => for i in 0..n {
            out[i] = k.vjp(self.1, x[i], y[i], out[i]);
        })
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Value2(pub Binary);

impl<T: Lane> Map<T, 2> for Value2 {
    #[inline(always)]
    fn map(self, [a, b]: [&[T]; 2], out: &mut [T]) {
        let n = out.len();
        let (a, b) = (&a[..n], &b[..n]);
        each_binary!(self.0, k => for i in 0..n {
            out[i] = k.value(a[i], b[i]);
        })
    }
}

/// The rule of operand `self.1`.
#[derive(Clone, Copy)]
pub(crate) struct Vjp2(pub Binary, pub usize);

impl<T: Lane> Map<T, 4> for Vjp2 {
    #[inline(always)]
    fn map(self, [a, b, y, y_bar]: [&[T]; 4], out: &mut [T]) {
        let n = out.len();
        let (a, b, y, y_bar) = (&a[..n], &b[..n], &y[..n], &y_bar[..n]);
        each_binary!(self.0, k => if self.1 == 0 {
            for i in 0..n {
                out[i] = k.vjp(0, a[i], b[i], y[i], y_bar[i]);
            }
        } else {
            for i in 0..n {
                out[i] = k.vjp(1, a[i], b[i], y[i], y_bar[i]);
            }
        })
    }
}

#[derive(Clone, Copy)]
struct Add;

impl<T: Lane> Map<T, 1> for Add {
    #[inline(always)]
    fn map(self, [x]: [&[T]; 1], out: &mut [T]) {
        let x = &x[..out.len()];
        for i in 0..out.len() {
            out[i] += x[i];
        }
    }
}

/// x² by one multiplication instead of a call, with the same bits in value and rule.
fn simplest(op: Unary, [c, _]: Numbers) -> Unary {
    if op == Unary::Powi && c == 2.0 { Unary::Square } else { op }
}

pub(crate) fn unary<T: Lane>(level: Level, op: Unary, c: Numbers, x: &[T], out: &mut [T]) {
    over(level, Value(simplest(op, c), c), [x], out);
}

/// In tiles, through the loop that is there already.
pub(crate) fn unary_in_place<T: Lane>(level: Level, op: Unary, c: Numbers, x: &mut [T]) {
    let map = Value(simplest(op, c), c);
    parallel::run(x.len(), 1, x, |_, x| {
        let mut tile = [T::ZERO; TILE];
        for x in x.chunks_mut(TILE) {
            let tile = &mut tile[..x.len()];
            tile.copy_from_slice(x);
            level.run(Mapping { map, inputs: [tile], out: x });
        }
    });
}

/// In tiles, so that each rule is compiled in one loop, that in place, not in two.
pub(crate) fn unary_vjp<T: Lane>(
    level: Level,
    op: Unary,
    c: Numbers,
    x: &[T],
    y: &[T],
    y_bar: &[T],
    x_bar: &mut [T],
) {
    let n = x_bar.len();
    assert!([x, y, y_bar].iter().all(|x| x.len() == n), "elementwise kernels take slices of one length");
    let map = VjpInPlace(simplest(op, c), c);
    parallel::run(n, 1, x_bar, |range, x_bar| {
        let mut tile = [T::ZERO; TILE];
        for (start, x_bar) in range.step_by(TILE).zip(x_bar.chunks_mut(TILE)) {
            let part = start..start + x_bar.len();
            let tile = &mut tile[..x_bar.len()];
            tile.copy_from_slice(&y_bar[part.clone()]);
            level.run(Mapping { map, inputs: [&x[part.clone()], &y[part]], out: tile });
            level.run(Mapping { map: Add, inputs: [tile], out: x_bar });
        }
    });
}

/// The same where ȳ is one number everywhere, written over what `x_bar` held.
pub(crate) fn unary_vjp_of_one<T: Lane>(
    level: Level,
    op: Unary,
    c: Numbers,
    x: &[T],
    y: &[T],
    y_bar: T,
    x_bar: &mut [T],
) {
    let n = x_bar.len();
    assert!([x, y].iter().all(|x| x.len() == n), "elementwise kernels take slices of one length");
    let map = VjpInPlace(simplest(op, c), c);
    parallel::run(n, 1, x_bar, |range, x_bar| {
        for (start, x_bar) in range.step_by(TILE).zip(x_bar.chunks_mut(TILE)) {
            let part = start..start + x_bar.len();
            x_bar.fill(y_bar);
            level.run(Mapping { map, inputs: [&x[part.clone()], &y[part]], out: x_bar });
        }
    });
}

pub(crate) fn unary_vjp_in_place<T: Lane>(
    level: Level,
    op: Unary,
    c: Numbers,
    x: &[T],
    y: &[T],
    y_bar: &mut [T],
) {
    over(level, VjpInPlace(simplest(op, c), c), [x, y], y_bar);
}

pub(crate) fn add_assign<T: Lane>(level: Level, acc: &mut [T], x: &[T]) {
    over(level, Add, [x], acc);
}
