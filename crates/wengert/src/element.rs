//! Element types: what a tensor may hold, and which of them can be differentiated.

use crate::engine::Engine;
use std::fmt::Debug;

/// A type that a [`Tensor`](crate::Tensor) can hold: `f32`, `f64`, `u8`, `i64`, `usize`, `bool`.
///
/// The trait is sealed: these six are all.
pub trait Element: Copy + PartialEq + Default + Debug + Send + Sync + sealed::Sealed + 'static {
    /// The name in prints: `f32`, `usize`, ...
    const NAME: &'static str;
    /// The value as an `f64`; `bool` is 0 or 1. Integers above 2^53 are rounded.
    fn to_f64(self) -> f64;
    /// The nearest value of this type, as Rust's `as` converts: saturating, NaN to 0, `bool` is `x != 0`.
    fn from_f64(x: f64) -> Self;
}

/// A type that gradients can be taken of: `f32` or `f64`.
///
/// It is [`num_traits::Float`], so generic code has `exp`, `sqrt`, `zero`, `infinity` and so on,
/// and it brings the vectorised loops that operations are made of.
///
/// ```
/// fn softplus<T: wengert::Float>(x: T) -> T {
///     x.exp().ln_1p()
/// }
/// assert_eq!(softplus(0.0), 2f64.ln());
/// ```
pub trait Float: num_traits::Float + Element + Engine {}

impl Float for f32 {}
impl Float for f64 {}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($($t:ident $from:expr, $to:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const NAME: &'static str = stringify!($t);
            #[inline]
            fn to_f64(self) -> f64 { let to: fn($t) -> f64 = $to; to(self) }
            #[inline]
            fn from_f64(x: f64) -> $t { let from: fn(f64) -> $t = $from; from(x) }
        }
    )*};
}

element! {
    f32 |x| x as f32, |x| x as f64;
    f64 |x| x, |x| x;
    u8 |x| x as u8, |x| x as f64;
    i64 |x| x as i64, |x| x as f64;
    usize |x| x as usize, |x| x as f64;
    bool |x| x != 0.0, |x| x as u8 as f64;
}
