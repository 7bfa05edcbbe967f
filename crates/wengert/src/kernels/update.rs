//! One fused pass over a parameter, its gradient and an optimizer's accumulators.
//!
//! The rule is a closure over one element. Its results go to local arrays, a block at a time, before
//! they go out: so the compiler knows that nothing which the closure has borrowed is written to
//! inside the loop, and vectorises whatever it is. Without it a closure that captures by reference
//! ran one element at a time, and a whole RMSprop step of a 784-512-10 network took 2.7 ms instead
//! of 1.6 (batch 128, one core with AVX-512, a busy machine).

use super::parallel;
use super::simd::{Kernel, Level};
use crate::element::Float;

/// Sets `(w, state) = f(w, g, state)` element by element, in place.
///
/// # Panics
/// The lengths differ.
pub fn update<T: Float, const N: usize>(
    w: &mut [T],
    g: &[T],
    state: [&mut [T]; N],
    f: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
) {
    check(w.len(), g, &state);
    let level = Level::current();
    parallel::run(w.len(), 1, (w, state), |range, (w, state)| {
        level.run(Update { old: None, w, g: &g[range], state, f: &f });
    });
}

/// Sets `(new, state) = f(old, g, state)` element by element, from one buffer to another.
///
/// # Panics
/// The lengths differ.
pub fn update_into<T: Float, const N: usize>(
    old: &[T],
    new: &mut [T],
    g: &[T],
    state: [&mut [T]; N],
    f: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
) {
    check(old.len(), g, &state);
    check(old.len(), new, &[]);
    let level = Level::current();
    parallel::run(old.len(), 1, (new, state), |range, (w, state)| {
        level.run(Update { old: Some(&old[range.clone()]), w, g: &g[range], state, f: &f });
    });
}

fn check<T, const N: usize>(len: usize, g: &[T], state: &[&mut [T]; N]) {
    assert_eq!(g.len(), len, "a parameter and its gradient differ in length");
    assert!(state.iter().all(|s| s.len() == len), "a parameter and its accumulators differ in length");
}

struct Update<'a, T, F, const N: usize> {
    /// Where the weights are read, if not where they are written.
    old: Option<&'a [T]>,
    w: &'a mut [T],
    g: &'a [T],
    state: [&'a mut [T]; N],
    f: &'a F,
}

const BLOCK: usize = 64;

/// Elements of one block, where no vector lies across two cache lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block<T>([T; BLOCK]);

impl<T: Float, F: Fn(T, T, [T; N]) -> (T, [T; N]), const N: usize> Kernel for Update<'_, T, F, N> {
    #[inline(always)]
    fn run(self) {
        let Update { old, w, g, state, f } = self;
        let (len, zero) = (w.len(), Block([T::zero(); BLOCK]));
        let whole = len / BLOCK * BLOCK;
        for start in (0..whole).step_by(BLOCK) {
            let (new, new_state) = block(
                f,
                part(old.unwrap_or(w), start),
                part(g, start),
                std::array::from_fn(|k| part(state[k], start)),
            );
            w[start..start + BLOCK].copy_from_slice(&new.0);
            for k in 0..N {
                state[k][start..start + BLOCK].copy_from_slice(&new_state[k].0);
            }
        }
        if whole < len {
            // The rest, filled up.
            let local = |x: &[T]| {
                let mut local = zero;
                local.0[..len - whole].copy_from_slice(&x[whole..]);
                local
            };
            let s: [Block<T>; N] = std::array::from_fn(|k| local(state[k]));
            let (old, g) = (local(old.unwrap_or(w)), local(g));
            let (new, new_state) = block(f, &old.0, &g.0, std::array::from_fn(|k| &s[k].0));
            w[whole..].copy_from_slice(&new.0[..len - whole]);
            for k in 0..N {
                state[k][whole..].copy_from_slice(&new_state[k].0[..len - whole]);
            }
        }
    }
}

#[inline(always)]
fn part<T>(x: &[T], start: usize) -> &[T; BLOCK] {
    x[start..start + BLOCK].try_into().expect("of that length")
}

#[inline(always)]
fn block<T: Float, F: Fn(T, T, [T; N]) -> (T, [T; N]), const N: usize>(
    f: &F,
    w: &[T; BLOCK],
    g: &[T; BLOCK],
    state: [&[T; BLOCK]; N],
) -> (Block<T>, [Block<T>; N]) {
    let zero = Block([T::zero(); BLOCK]);
    let (mut new, mut new_state) = (zero, [zero; N]);
    for i in 0..BLOCK {
        let mut s = [T::zero(); N];
        for k in 0..N {
            s[k] = state[k][i];
        }
        let (w, s) = f(w[i], g[i], s);
        new.0[i] = w;
        for k in 0..N {
            new_state[k].0[i] = s[k];
        }
    }
    (new, new_state)
}
