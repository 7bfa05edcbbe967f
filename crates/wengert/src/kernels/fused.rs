//! A user's elementwise function of several inputs: value, and all partial derivatives, in one pass.
//!
//! The function is generic over the number type. Over a dual number without a direction it is
//! nothing but the value; with one direction an input it gives value and partial derivatives side
//! by side. Inlined into a loop for each instruction set, it vectorises as the built-in operations do.

use super::broadcast::tiles;
use super::simd::{Kernel, Level};
use super::{Lane, Operand};
use crate::dual::Jet;
use crate::ops::fused::Elementwise;

struct Value<'a, T, E, const N: usize> {
    f: E,
    inputs: [&'a [T]; N],
    out: &'a mut [T],
}

impl<T: Lane, E: Elementwise<N>, const N: usize> Kernel for Value<'_, T, E, N> {
    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        let inputs = self.inputs.map(|x| &x[..n]);
        for i in 0..n {
            self.out[i] = self.f.apply(inputs.map(|x| Jet { re: x[i], eps: [] })).re;
        }
    }
}

/// `outs[k] = y_bar · ∂f/∂x[k]`, where `y_bar` may be one number for all.
struct Vjp<'a, T, E, Y, const N: usize> {
    f: E,
    inputs: [&'a [T]; N],
    y_bar: Y,
    outs: [&'a mut [T]; N],
}

impl<T: Lane, E: Elementwise<N>, Y: Fn(usize) -> T, const N: usize> Kernel for Vjp<'_, T, E, Y, N> {
    #[inline(always)]
    fn run(self) {
        let n = self.outs.first().map_or(0, |out| out.len());
        let inputs = self.inputs.map(|x| &x[..n]);
        let outs = self.outs.map(|x| &mut x[..n]);
        for i in 0..n {
            let mut at = [Jet { re: T::ZERO, eps: [T::ZERO; N] }; N];
            for k in 0..N {
                at[k].re = inputs[k][i];
                at[k].eps[k] = T::ONE;
            }
            let slopes = self.f.apply(at).eps;
            for k in 0..N {
                outs[k][i] = (self.y_bar)(i).mul0(slopes[k]);
            }
        }
    }
}

pub(crate) fn value<T: Lane, E: Elementwise<N>, const N: usize>(
    level: Level,
    f: E,
    inputs: [Operand<T>; N],
    shape: &[usize],
    out: &mut [T],
) {
    tiles(inputs, shape, out, |_, inputs, out| level.run(Value { f, inputs, out }));
}

pub(crate) fn vjp<T: Lane, E: Elementwise<N>, const N: usize>(
    level: Level,
    f: E,
    inputs: [Operand<T>; N],
    shape: &[usize],
    y_bar: Operand<T>,
    outs: [&mut [T]; N],
) {
    let y_bar = y_bar.data;
    tiles(inputs, shape, outs, |start, inputs, outs| {
        if let &[one] = y_bar {
            return level.run(Vjp { f, inputs, y_bar: |_| one, outs });
        }
        let y_bar = &y_bar[start..start + outs.first().map_or(0, |out| out.len())];
        level.run(Vjp { f, inputs, y_bar: |i| y_bar[i], outs });
    });
}
