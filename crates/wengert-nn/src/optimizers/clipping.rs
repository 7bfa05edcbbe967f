//! Gradients that are too large: cut element by element, or shortened to a length.
//!
//! What is done to a gradient is a factor and two bounds, which the fused pass applies; only the
//! lengths cost a pass of their own. Sums of squares are in double precision, in sixteen lanes, so
//! that they neither overflow nor wait for each other.

use wengert::{Element, Float};

/// How gradients are bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Clipping {
    #[default]
    None,
    /// Each element to ±bound.
    Value(f64),
    /// Each parameter's gradient to a length.
    Norm(f64),
    /// All gradients together to a length.
    GlobalNorm(f64),
}

impl Clipping {
    /// # Panics
    /// The bound is not above 0.
    #[track_caller]
    pub(super) fn checked(option: &str, bound: f64, clipping: fn(f64) -> Clipping) -> Clipping {
        assert!(bound > 0.0, "{option}: a bound of {bound}; it must be above 0");
        clipping(bound)
    }
}

/// What shortens a gradient of this length to `bound`. A length that is NaN shortens nothing, so
/// that what is not finite flows on and is seen.
pub(super) fn shortening(length: f64, bound: f64) -> f64 {
    if length > bound { bound / length } else { 1.0 }
}

const LANES: usize = 16;

/// Σ x².
pub(super) fn sum_of_squares<T: Float>(x: &[T]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            let x = Element::to_f64(x);
            *lane += x * x;
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        let x = Element::to_f64(x);
        *lane += x * x;
    }
    lanes.iter().sum()
}
