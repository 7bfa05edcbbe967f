//! Elementwise operations of two operands, with NumPy's broadcasting.
//!
//! A rule is written as if both operands had the result's shape; the sweep undoes broadcasting,
//! in one place, by summing over the axes that were repeated.

use crate::real::Real;

macro_rules! binary {
    ($($op:ident $name:literal #[doc = $doc:literal],)*) => {
        /// An elementwise operation of two operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Binary { $(#[doc = $doc] $op,)* }

        impl Binary {
            /// Every operation of this family.
            pub const ALL: &[Binary] = &[$(Binary::$op),*];

            /// The name on the tape.
            pub const fn name(self) -> &'static str {
                match self { $(Binary::$op => $name),* }
            }
        }

        /// As `each_unary`: the operation as a constant outside the loop.
        macro_rules! each_binary {
            ($the:expr, $k:ident => $body:expr) => {
                match $the { $(Binary::$op => { let $k = Binary::$op; $body })* }
            };
        }
        pub(crate) use each_binary;
    };
}

binary! {
    Add "add" #[doc = "a + b"],
    Sub "sub" #[doc = "a - b"],
    Mul "mul" #[doc = "a · b"],
    Div "div" #[doc = "a / b"],
    Pow "pow" #[doc = "a to the power b."],
    Atan2 "atan2" #[doc = "The angle of the point (b, a) to the x axis; slopes 0 at the origin."],
    Hypot "hypot" #[doc = "√(a² + b²), with slopes 0 at the origin."],
    Maximum "maximum" #[doc = "The larger; equal operands share the gradient half and half."],
    Minimum "minimum" #[doc = "The smaller; equal operands share the gradient half and half."],
    Wins "wins" #[doc = "1 where a > b, ½ where equal, 0 where a < b; no derivative."],
    Equal "equal" #[doc = "1 where a = b, else 0; no derivative."],
    Mul0 "mul0" #[doc = "a · b, but 0 where a is 0: the product that derivative rules use."],
    Keep "keep" #[doc = "b, but 0 where a is 0: a select by the mask a, which gets no gradient."],
}

impl Binary {
    /// y = f(a, b).
    #[inline(always)]
    pub(crate) fn value<R: Real>(self, a: R, b: R) -> R {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow => a.pow(b),
            Binary::Atan2 => a.atan2(b),
            Binary::Hypot => a.hypot(b),
            Binary::Maximum => a.maximum(b),
            Binary::Minimum => -(-a).maximum(-b),
            Binary::Wins => a.wins(b),
            Binary::Equal => a.equal(b),
            Binary::Mul0 => a.mul0(b),
            Binary::Keep => a.keep(b),
        }
    }

    /// ȳ · ∂f/∂a (`wrt` 0) or ȳ · ∂f/∂b (`wrt` 1); `mul0` where the derivative may be infinite.
    #[inline(always)]
    pub(crate) fn vjp<R: Real>(self, wrt: usize, a: R, b: R, y: R, y_bar: R) -> R {
        match (self, wrt) {
            (Binary::Add, _) | (Binary::Sub, 0) => y_bar,
            (Binary::Sub, _) => -y_bar,
            (Binary::Mul | Binary::Mul0, 0) => y_bar.mul0(b),
            (Binary::Mul | Binary::Mul0, _) => y_bar.mul0(a),
            (Binary::Div, 0) => y_bar.mul0(b.divide(1.0)),
            (Binary::Div, _) => y_bar.mul0(-(y / b)),
            (Binary::Pow, 0) => y_bar.mul0(b.mul0(a.pow(b.plus(-1.0)))),
            (Binary::Pow, _) => y_bar.mul0(y.mul0(a.ln())),
            (Binary::Atan2, 0) => y_bar.mul0(over_square(b, a.hypot(b))),
            (Binary::Atan2, _) => y_bar.mul0(-over_square(a, a.hypot(b))),
            (Binary::Hypot, 0) => y_bar.mul0(over(a, y)),
            (Binary::Hypot, _) => y_bar.mul0(over(b, y)),
            (Binary::Maximum, 0) | (Binary::Minimum, 1) => share(y_bar, a.wins(b)),
            (Binary::Maximum, _) | (Binary::Minimum, _) => share(y_bar, b.wins(a)),
            (Binary::Keep, 1) => a.keep(y_bar),
            // Zeros of ȳ's shape.
            (Binary::Keep, _) => y_bar.number(0.0).mul0(y_bar),
            (Binary::Wins | Binary::Equal, _) => y_bar.number(0.0),
        }
    }

    /// Whether the derivative is zero wherever it exists, by nature: nothing flows back.
    pub(crate) const fn is_flat(self) -> bool {
        matches!(self, Binary::Wins | Binary::Equal)
    }
}

/// ȳ · share, but 0 where the share is 0, and every derivative of it too: what is not chosen has no
/// say, however steep it is there.
#[inline(always)]
fn share<R: Real>(y_bar: R, share: R) -> R {
    share.keep(y_bar * share)
}

/// a / h, but 0 where h is 0, and every derivative of it too: norms have no direction at the origin.
#[inline(always)]
fn over<R: Real>(a: R, h: R) -> R {
    let zero = h.equal(h.number(0.0));
    (-zero).plus(1.0).keep(a / (h + zero))
}

/// a / h², whose square neither overflows nor vanishes.
#[inline(always)]
fn over_square<R: Real>(a: R, h: R) -> R {
    over(over(a, h), h)
}
