//! Elementwise operations of one operand: value and rule of each on one line.
//!
//! An operation with a number in it (`x + 3`, `x.powi(2)`) is one node, not two: the number
//! stands in a side table and reaches value and rule as `c`.

use crate::real::Real;
use crate::tape::Numbers;

macro_rules! unary {
    ($($op:ident $name:literal $(($place:ident))? #[doc = $doc:literal],)*) => {
        /// An elementwise operation of one operand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Unary { $(#[doc = $doc] $op,)* }

        impl Unary {
            /// Every operation of this family.
            pub const ALL: &[Unary] = &[$(Unary::$op),*];

            /// The name on the tape.
            pub const fn name(self) -> &'static str {
                match self { $(Unary::$op => $name),* }
            }

            /// Where the number stands in a print, for operations that have one.
            pub(crate) const fn number_place(self) -> Option<Place> {
                match self { $(Unary::$op => unary!(@place $($place)?)),* }
            }
        }

        /// Runs `$body` with `$k` bound to the operation as a constant, so that the `match` of
        /// value and rule is outside the loop and folds away inside.
        macro_rules! each_unary {
            ($the:expr, $k:ident => $body:expr) => {
                match $the { $(Unary::$op => { let $k = Unary::$op; $body })* }
            };
        }
        pub(crate) use each_unary;
    };
    (@place) => { None };
    (@place $place:ident) => { Some(Place::$place) };
}

/// Where an operation's number stands in a print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Last,
}

unary! {
    Neg "neg" #[doc = "-x"],
    Exp "exp" #[doc = "eˣ"],
    Ln "ln" #[doc = "Natural logarithm."],
    Sqrt "sqrt" #[doc = "Square root."],
    Tanh "tanh" #[doc = "Hyperbolic tangent."],
    Sigmoid "sigmoid" #[doc = "1 / (1 + e⁻ˣ)"],
    Relu "relu" #[doc = "max(x, 0), with slope 0 at 0."],
    Square "square" #[doc = "x²"],
    Abs "abs" #[doc = "|x|, with slope 0 at 0."],
    Sign "sign" #[doc = "-1, 0 or 1; no derivative."],
    Positive "positive" #[doc = "1 where x > 0, else 0; no derivative."],
    Plus "add" (Last) #[doc = "x + c"],
    Minus "sub" (Last) #[doc = "x - c"],
    MinusFrom "sub" (First) #[doc = "c - x"],
    Times "mul" (Last) #[doc = "x · c"],
    Over "div" (Last) #[doc = "x / c"],
    Divide "div" (First) #[doc = "c / x"],
    Powi "powi" (Last) #[doc = "xⁿ, n an integer."],
    Powf "powf" (Last) #[doc = "x to a constant power."],
}

impl Unary {
    /// y = f(x).
    #[inline(always)]
    pub(crate) fn value<R: Real>(self, [c, _]: Numbers, x: R) -> R {
        match self {
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Ln => x.ln(),
            Unary::Sqrt => x.sqrt(),
            Unary::Tanh => x.tanh(),
            Unary::Sigmoid => x.sigmoid(),
            Unary::Relu => x.relu(),
            Unary::Square => x * x,
            Unary::Abs => x.abs(),
            Unary::Sign => x.sign(),
            Unary::Positive => x.positive(),
            Unary::Plus => x.plus(c),
            Unary::Minus => x.plus(-c),
            Unary::MinusFrom => (-x).plus(c),
            Unary::Times => x.times(c),
            Unary::Over => x / x.number(c),
            Unary::Divide => x.divide(c),
            Unary::Powi => x.powi(c as i32),
            Unary::Powf => x.powf(c),
        }
    }

    /// x̄ = ȳ · f′(x), where y = f(x); `mul0` where f′ may be infinite.
    #[inline(always)]
    pub(crate) fn vjp<R: Real>(self, [c, _]: Numbers, x: R, y: R, y_bar: R) -> R {
        match self {
            Unary::Neg | Unary::MinusFrom => -y_bar,
            Unary::Exp => y_bar.mul0(y),
            Unary::Ln => y_bar.mul0(x.divide(1.0)),
            Unary::Sqrt => y_bar.mul0(y.divide(0.5)),
            Unary::Tanh => y_bar - y_bar * y * y,
            Unary::Sigmoid => y_bar * y - y_bar * y * y,
            Unary::Relu => y_bar * y.positive(),
            Unary::Square => y_bar.mul0(x.times(2.0)),
            Unary::Abs => y_bar * x.sign(),
            Unary::Sign | Unary::Positive => y_bar.number(0.0),
            Unary::Plus | Unary::Minus => y_bar,
            Unary::Times => y_bar.times(c),
            Unary::Over => y_bar / y_bar.number(c),
            Unary::Divide => y_bar.mul0(-(y / x)),
            // Zeros of ȳ's shape: the rule of a constant.
            Unary::Powi | Unary::Powf if c == 0.0 => y_bar.number(0.0).mul0(y_bar),
            Unary::Powi => y_bar.mul0(x.powi((c as i32).saturating_sub(1)).times(c)),
            Unary::Powf => y_bar.mul0(x.powf(c - 1.0).times(c)),
        }
    }

    /// Whether the derivative is zero wherever it exists, by nature: nothing flows back.
    pub(crate) const fn is_flat(self) -> bool {
        matches!(self, Unary::Sign | Unary::Positive)
    }
}
