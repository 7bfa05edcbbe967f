//! Rows picked by indices, and rows added up where indices say.

use super::Groups;
use super::parallel::{self, Rows};
use crate::element::Element;
use crate::real::Real;

/// Along the middle of `x`, of shape `g`, the rows that `indices` name.
///
/// # Panics
/// An index lies outside of `g.n`.
pub(crate) fn select<T: Element>(x: &[T], g: Groups, indices: &[usize], out: &mut [T]) {
    let Groups { outer, n, inner } = g;
    let k = indices.len();
    parallel::run(outer * k, inner, Rows(out, inner), |range, Rows(out, _)| {
        for (row, out) in range.zip(out.chunks_exact_mut(inner.max(1))) {
            let first = (row / k * n + indices[row % k]) * inner;
            match inner {
                // A call for each element would cost more than the element.
                1 => out[0] = x[first],
                _ => out.copy_from_slice(&x[first..first + inner]),
            }
        }
    });
}

/// Zeros of shape `g`, with the rows of `x`, of shape `[g.outer, indices.len(), g.inner]`, added
/// where `indices` say. One thread adds up all that one `outer` gets, in order.
///
/// # Panics
/// An index lies outside of `g.n`.
pub(crate) fn add<T: Element + Real>(x: &[T], g: Groups, indices: &[usize], out: &mut [T]) {
    let Groups { outer, n, inner } = g;
    let (from, to) = (indices.len() * inner, n * inner);
    parallel::run(outer, from + to, Rows(out, to), |range, Rows(out, _)| {
        out.fill(T::default());
        for (o, out) in range.zip(out.chunks_exact_mut(to.max(1))) {
            let rows = x[o * from..(o + 1) * from].chunks_exact(inner);
            for (row, &index) in rows.zip(indices) {
                for (sum, &x) in out[index * inner..(index + 1) * inner].iter_mut().zip(row) {
                    *sum = *sum + x;
                }
            }
        }
    });
}
