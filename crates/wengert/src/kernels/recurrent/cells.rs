//! What a step of each cell does, and its rule: formulas for one element of each plane of a row.
//!
//! The local derivatives are finite, so plain products serve.

use crate::kernels::Lane;

/// A cell whose rows have `S` sums and `P` planes.
pub(super) trait Unit<const S: usize, const P: usize>: Copy {
    /// From the sums to all planes; `memory` is the last step's.
    fn step<T: Lane>(self, sums: [T; S], memory: T) -> [T; P];

    /// From a row and the adjoints of its states to those of its sums, and to what goes on to the states
    /// before directly, not through the product with the hidden state.
    fn back<T: Lane>(self, row: [T; P], memory: T, h_bar: T, c_bar: T) -> ([T; S], [T; 2]);
}

/// The derivative of the sigmoid, from its value.
#[inline(always)]
fn sigmoid_slope<T: Lane>(y: T) -> T {
    y * (T::ONE - y)
}

/// The derivative of tanh, from its value.
#[inline(always)]
fn tanh_slope<T: Lane>(y: T) -> T {
    T::ONE - y * y
}

/// i, f, o = sigmoid, g = tanh; c' = f·c + i·g, h' = o·tanh(c').
#[derive(Clone, Copy)]
pub(super) struct Lstm;

impl Unit<4, 6> for Lstm {
    #[inline(always)]
    fn step<T: Lane>(self, [i, f, g, o]: [T; 4], memory: T) -> [T; 6] {
        let (i, f, g, o) = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid());
        let c = f * memory + i * g;
        [i, f, g, o, c, o * c.tanh()]
    }

    #[inline(always)]
    fn back<T: Lane>(self, [i, f, g, o, c, _]: [T; 6], memory: T, h_bar: T, c_bar: T) -> ([T; 4], [T; 2]) {
        let t = c.tanh();
        let c_bar = c_bar + h_bar * o * tanh_slope(t);
        let to_i = c_bar * g * sigmoid_slope(i);
        let to_f = c_bar * memory * sigmoid_slope(f);
        let to_g = c_bar * i * tanh_slope(g);
        let to_o = h_bar * t * sigmoid_slope(o);
        ([to_i, to_f, to_g, to_o], [T::ZERO, c_bar * f])
    }
}

/// r, z = sigmoid, n = tanh(.. + r·q), where q is the state's part; h' = (1 - z)·n + z·h.
#[derive(Clone, Copy)]
pub(super) struct Gru;

impl Unit<4, 5> for Gru {
    #[inline(always)]
    fn step<T: Lane>(self, [r, z, q, n]: [T; 4], memory: T) -> [T; 5] {
        let (r, z) = (r.sigmoid(), z.sigmoid());
        let n = (n + r * q).tanh();
        [r, z, q, n, (T::ONE - z) * n + z * memory]
    }

    #[inline(always)]
    fn back<T: Lane>(self, [r, z, q, n, _]: [T; 5], memory: T, h_bar: T, _: T) -> ([T; 4], [T; 2]) {
        let to_z = h_bar * (memory - n) * sigmoid_slope(z);
        let to_n = h_bar * (T::ONE - z) * tanh_slope(n);
        let to_r = to_n * q * sigmoid_slope(r);
        ([to_r, to_z, to_n * r, to_n], [h_bar * z, T::ZERO])
    }
}

/// h' = tanh(..).
#[derive(Clone, Copy)]
pub(super) struct Tanh;

impl Unit<1, 1> for Tanh {
    #[inline(always)]
    fn step<T: Lane>(self, [sum]: [T; 1], _: T) -> [T; 1] {
        [sum.tanh()]
    }

    #[inline(always)]
    fn back<T: Lane>(self, [h]: [T; 1], _: T, h_bar: T, _: T) -> ([T; 1], [T; 2]) {
        ([h_bar * tanh_slope(h)], [T::ZERO; 2])
    }
}
