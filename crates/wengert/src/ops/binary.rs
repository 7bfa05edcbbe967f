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
    Maximum "maximum" #[doc = "The larger; equal operands share the gradient half and half."],
    Wins "wins" #[doc = "1 where a > b, ½ where equal, 0 where a < b; no derivative."],
    Equal "equal" #[doc = "1 where a = b, else 0; no derivative."],
    Mul0 "mul0" #[doc = "a · b, but 0 where a is 0: the product that derivative rules use."],
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
            Binary::Maximum => a.maximum(b),
            Binary::Wins => a.wins(b),
            Binary::Equal => a.equal(b),
            Binary::Mul0 => a.mul0(b),
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
            (Binary::Maximum, 0) => y_bar * a.wins(b),
            (Binary::Maximum, _) => y_bar * b.wins(a),
            (Binary::Wins | Binary::Equal, _) => y_bar.number(0.0),
        }
    }

    /// Whether the derivative is zero wherever it exists, by nature: nothing flows back.
    pub(crate) const fn is_flat(self) -> bool {
        matches!(self, Binary::Wins | Binary::Equal)
    }
}
