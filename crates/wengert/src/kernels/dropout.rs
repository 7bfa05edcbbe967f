//! Dropout: the mask is drawn where it is used and never stored.
//!
//! Element i is kept or not by word i of a ChaCha8 stream, which can be entered at any word: so
//! the mask is the same however the elements are cut, and whenever it is drawn again.

use super::Lane;
use super::parallel::{self, Rows};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// Which elements are dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    /// The seed of the generator.
    pub seed: u64,
    /// The generator's stream.
    pub stream: u64,
    /// The probability of an element to be dropped, 0 to 1.
    pub rate: f64,
}

impl Mask {
    /// Calls `f` with each of `count` positions from `start` on, and whether it is kept.
    pub(super) fn each(self, start: usize, count: usize, mut f: impl FnMut(usize, bool)) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.stream);
        rng.set_word_pos(start as u128);
        // At rate 1 this is one more than the largest word.
        let least = (self.rate * (1u64 << 32) as f64) as u64;
        for i in 0..count {
            f(i, rng.next_u32() as u64 >= least);
        }
    }

    /// What kept elements are multiplied by, so that the expected value stays.
    pub(super) fn scale(self) -> f64 {
        1.0 / (1.0 - self.rate)
    }
}

/// Elements below which masks are not cut.
const BLOCK: usize = 4096;

/// `out = x / (1 - rate)` where it is kept, else 0.
pub(crate) fn dropout<T: Lane>(x: &[T], mask: Mask, out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "dropout: the result has another size");
    let scale = T::from_f64(mask.scale());
    parallel::run(x.len().div_ceil(BLOCK), BLOCK, Rows(out, BLOCK), |range, Rows(out, _)| {
        let start = range.start * BLOCK;
        let x = &x[start..start + out.len()];
        mask.each(start, out.len(), |i, kept| out[i] = if kept { x[i] * scale } else { T::ZERO });
    });
}
