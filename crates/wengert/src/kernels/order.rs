//! The order of elements along an axis, and elements put into it.
//!
//! Elements are compared as `f64`, and equal ones by their place, so that any sort is stable and
//! finds the one permutation; NaN comes last in either direction. Where only the first few are
//! asked for, the others are split off first, in linear time.

use super::Groups;
use super::parallel::{self, Rows};
use crate::element::Element;
use std::cmp::Ordering;

/// Which order, and how many of its first elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranking {
    pub descending: bool,
    pub k: usize,
}

/// A value and its place along the axis.
type Ranked = (f64, usize);

impl Ranking {
    fn compare(self, a: &Ranked, b: &Ranked) -> Ordering {
        let by_value = match a.0.partial_cmp(&b.0) {
            Some(order) if self.descending => order.reverse(),
            Some(order) => order,
            None => a.0.is_nan().cmp(&b.0.is_nan()),
        };
        by_value.then(a.1.cmp(&b.1))
    }

    /// The first `k` in order, at the front.
    fn rank(self, all: &mut [Ranked]) -> &[Ranked] {
        let compare = |a: &Ranked, b: &Ranked| self.compare(a, b);
        if 0 < self.k && self.k < all.len() {
            all.select_nth_unstable_by(self.k - 1, compare);
        }
        all[..self.k].sort_unstable_by(compare);
        &all[..self.k]
    }
}

/// Ranks each group of `keys`, and has `write` fill its part of `out`, of `width · g.inner` elements for each
/// `outer`: it is given the ranked group, `outer`, `inner`, and that part.
fn each<T: Element, U: Send>(
    keys: &[T],
    g: Groups,
    ranking: Ranking,
    out: &mut [U],
    width: usize,
    write: impl Fn(&[Ranked], [usize; 2], &mut [U]) + Sync,
) {
    let Groups { outer, n, inner } = g;
    let size = width * inner;
    parallel::run(outer, n * inner, Rows(out, size), |range, Rows(out, _)| {
        let mut group: Vec<Ranked> = Vec::with_capacity(n);
        for (o, out) in range.zip(out.chunks_exact_mut(size.max(1))) {
            for i in 0..inner {
                group.clear();
                group.extend((0..n).map(|j| (keys[(o * n + j) * inner + i].to_f64(), j)));
                write(ranking.rank(&mut group), [o, i], out);
            }
        }
    });
}

/// The places of each group's first `k` elements, of shape `[outer, k, inner]`.
pub(crate) fn argsort<T: Element>(x: &[T], g: Groups, ranking: Ranking, out: &mut [usize]) {
    each(x, g, ranking, out, ranking.k, |ranked, [_, i], out| {
        for (j, &(_, place)) in ranked.iter().enumerate() {
            out[j * g.inner + i] = place;
        }
    });
}

/// The elements of `v` in the order of `keys`: `[outer, k, inner]` of `[outer, n, inner]`.
pub(crate) fn sort_by<T: Element>(keys: &[T], v: &[T], g: Groups, ranking: Ranking, out: &mut [T]) {
    let Groups { n, inner, .. } = g;
    each(keys, g, ranking, out, ranking.k, |ranked, [o, i], out| {
        for (j, &(_, place)) in ranked.iter().enumerate() {
            out[j * inner + i] = v[(o * n + place) * inner + i];
        }
    });
}

/// The transpose of [`sort_by`]: elements back where they came from, and zeros for the others.
pub(crate) fn unsort<T: Element>(keys: &[T], v: &[T], g: Groups, ranking: Ranking, out: &mut [T]) {
    let Groups { n, inner, .. } = g;
    out.fill(T::default());
    each(keys, g, ranking, out, n, |ranked, [o, i], out| {
        for (j, &(_, place)) in ranked.iter().enumerate() {
            out[place * inner + i] = v[(o * ranking.k + j) * inner + i];
        }
    });
}

/// The place of the largest element of each group, or the smallest; the first of several. As in a
/// maximum, NaN wins.
pub(crate) fn argmax<T: Element>(x: &[T], g: Groups, smallest: bool, out: &mut [usize]) {
    let Groups { n, inner, .. } = g;
    parallel::run(out.len(), n, out, |range, out| {
        for (group, out) in range.zip(out) {
            let at = |j: usize| x[(group / inner * n + j) * inner + group % inner].to_f64();
            let (mut best, mut place) = (at(0), 0);
            for j in 1..n {
                let x = at(j);
                let wins = if smallest { x < best } else { x > best };
                if wins || (x.is_nan() && !best.is_nan()) {
                    (best, place) = (x, j);
                }
            }
            *out = place;
        }
    });
}
