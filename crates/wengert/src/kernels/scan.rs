//! Running sums and linear recurrences along the middle axis, forwards or backwards.
//!
//! Each line needs the one before, so that what runs side by side is the elements inside, and the
//! groups outside among threads. One pass, each element read once.

use super::Groups;
use super::parallel::{self, Rows};
use crate::real::Real;

/// y₀ = x₀, yⱼ = next(yⱼ₋₁, j), where j is the place of an element; from the end if `reverse`.
fn scan<T: Real + Send + Sync>(
    x: &[T],
    g: Groups,
    reverse: bool,
    out: &mut [T],
    next: impl Fn(T, usize) -> T + Sync,
) {
    let Groups { outer, n, inner } = g;
    let size = n * inner;
    parallel::run(outer, size, Rows(out, size), |range, Rows(out, _)| {
        for (o, out) in range.zip(out.chunks_exact_mut(size.max(1))) {
            let start = o * size;
            for step in 0..n {
                let line = inner * if reverse { n - 1 - step } else { step };
                let before = if reverse { line + inner } else { line.wrapping_sub(inner) };
                for i in 0..inner {
                    let place = start + line + i;
                    out[line + i] = if step == 0 { x[place] } else { next(out[before + i], place) };
                }
            }
        }
    });
}

/// yⱼ = xⱼ + yⱼ₋₁
pub(super) fn cumsum<T: Real + Send + Sync>(x: &[T], g: Groups, reverse: bool, out: &mut [T]) {
    scan(x, g, reverse, out, |y, i| y + x[i]);
}

/// yⱼ = xⱼ + yⱼ₋₁·aⱼ, the product being `mul0` if so asked; the first factor is not read.
pub(super) fn recurrence<T: Real + Send + Sync>(
    mul0: bool,
    [x, factors]: [&[T]; 2],
    g: Groups,
    reverse: bool,
    out: &mut [T],
) {
    match mul0 {
        false => scan(x, g, reverse, out, |y, i| x[i] + y * factors[i]),
        true => scan(x, g, reverse, out, |y, i| x[i] + y.mul0(factors[i])),
    }
}
