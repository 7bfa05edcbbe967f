//! Elementwise operations of one operand: value and rule of each on one line.
//!
//! An operation with a number in it (`x + 3`, `x.powi(2)`) is one node, not two: the number
//! stands in a side table and reaches value and rule as `c`, a second one as `d`. Activations are
//! one node too, one pass over memory; what does not fit on a line of theirs is in `activation.rs`.

use super::activation as act;
use crate::real::Real;
use crate::tape::Numbers;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E};

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

            /// Whether the rule asks for the operand; else for no more than the result.
            pub(crate) const fn reads_operand(self) -> bool {
                !matches!(self, Unary::Relu | Unary::Tanh | Unary::Sigmoid)
            }

            /// Where the number stands in a print, for operations that have one.
            #[inline(always)]
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
    /// Two numbers, behind the operand.
    Both,
}

unary! {
    Neg "neg" #[doc = "-x"],
    Exp "exp" #[doc = "eˣ"],
    Exp2 "exp2" #[doc = "2ˣ"],
    ExpM1 "exp_m1" #[doc = "eˣ - 1"],
    Ln "ln" #[doc = "Natural logarithm."],
    Log2 "log2" #[doc = "Logarithm to base 2."],
    Log10 "log10" #[doc = "Logarithm to base 10."],
    Ln1p "ln_1p" #[doc = "ln(1 + x)"],
    Sqrt "sqrt" #[doc = "Square root."],
    Rsqrt "rsqrt" #[doc = "1 / √x"],
    Cbrt "cbrt" #[doc = "Cube root."],
    Sin "sin" #[doc = "Sine."],
    Cos "cos" #[doc = "Cosine."],
    Tan "tan" #[doc = "Tangent."],
    Asin "asin" #[doc = "Inverse sine."],
    Acos "acos" #[doc = "Inverse cosine."],
    Atan "atan" #[doc = "Inverse tangent."],
    Sinh "sinh" #[doc = "Hyperbolic sine."],
    Cosh "cosh" #[doc = "Hyperbolic cosine."],
    Tanh "tanh" #[doc = "Hyperbolic tangent."],
    Asinh "asinh" #[doc = "Inverse hyperbolic sine."],
    Acosh "acosh" #[doc = "Inverse hyperbolic cosine."],
    Atanh "atanh" #[doc = "Inverse hyperbolic tangent."],
    Erf "erf" #[doc = "The error function."],
    Erfc "erfc" #[doc = "1 - erf(x)"],
    Lgamma "lgamma" #[doc = "ln |Γ(x)|"],
    Digamma "digamma" #[doc = "The derivative of ln |Γ(x)|."],
    Polygamma "polygamma" (Last) #[doc = "The nth derivative of digamma."],
    Sigmoid "sigmoid" #[doc = "1 / (1 + e⁻ˣ)"],
    LogSigmoid "log_sigmoid" #[doc = "-ln(1 + e⁻ˣ)"],
    Softplus "softplus" #[doc = "ln(1 + eˣ)"],
    Softsign "softsign" #[doc = "x / (1 + |x|)"],
    Relu "relu" #[doc = "max(x, 0), with slope 0 at 0."],
    Relu6 "relu6" #[doc = "min(max(x, 0), 6), with slope 0 at both."],
    LeakyRelu "leaky_relu" (Last) #[doc = "x where x > 0, else c·x."],
    Elu "elu" (Last) #[doc = "x where x > 0, else c·(eˣ - 1)."],
    Selu "selu" #[doc = "A multiple of elu that keeps mean 0 and variance 1."],
    Gelu "gelu" #[doc = "x·Φ(x), Φ the normal distribution."],
    GeluTanh "gelu_tanh" #[doc = "gelu with Φ by tanh of a cubic."],
    Silu "silu" #[doc = "x·sigmoid(x)"],
    Mish "mish" #[doc = "x·tanh(softplus(x))"],
    HardSigmoid "hard_sigmoid" #[doc = "(x + 3) / 6 between 0 and 1, with slope 0 at both."],
    HardSwish "hard_swish" #[doc = "x·hard_sigmoid(x)"],
    HardTanh "hard_tanh" #[doc = "x between -1 and 1, with slope 0 at both."],
    Clamp "clamp" (Both) #[doc = "x between c and d, with slope 1 at both."],
    Square "square" #[doc = "x²"],
    Abs "abs" #[doc = "|x|, with slope 0 at 0."],
    Sign "sign" #[doc = "-1, 0 or 1; no derivative."],
    Floor "floor" #[doc = "The integer at or below x; no derivative."],
    Ceil "ceil" #[doc = "The integer at or above x; no derivative."],
    Trunc "trunc" #[doc = "The integer towards 0; no derivative."],
    Round "round" #[doc = "The nearest integer, the even one of two; no derivative."],
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
    ///
    /// Right over dual numbers too, so no smooth function has pieces with corners.
    #[inline(always)]
    pub(crate) fn value<R: Real>(self, [c, d]: Numbers, x: R) -> R {
        match self {
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Exp2 => x.exp2(),
            Unary::ExpM1 => x.exp_m1(),
            Unary::Ln => x.ln(),
            Unary::Log2 => x.log2(),
            Unary::Log10 => x.log10(),
            Unary::Ln1p => x.ln_1p(),
            Unary::Sqrt => x.sqrt(),
            Unary::Rsqrt => x.sqrt().divide(1.0),
            Unary::Cbrt => x.cbrt(),
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tan => x.tan(),
            Unary::Asin => x.asin(),
            Unary::Acos => x.acos(),
            Unary::Atan => x.atan(),
            Unary::Sinh => x.sinh(),
            Unary::Cosh => x.cosh(),
            Unary::Tanh => x.tanh(),
            Unary::Asinh => x.asinh(),
            Unary::Acosh => x.acosh(),
            Unary::Atanh => x.atanh(),
            Unary::Erf => x.erf(),
            Unary::Erfc => x.erfc(),
            Unary::Lgamma => x.lgamma(),
            Unary::Digamma => x.digamma(),
            Unary::Polygamma => x.polygamma(c as u32),
            Unary::Sigmoid => x.sigmoid(),
            Unary::LogSigmoid => -(-x).softplus(),
            Unary::Softplus => x.softplus(),
            Unary::Softsign => x / x.abs().plus(1.0),
            Unary::Relu => x.relu(),
            Unary::Relu6 => act::pieces(x, act::inside(x, 0.0, 6.0), 0.0, 6.0),
            Unary::LeakyRelu => x * act::leaky_slope(x, c),
            Unary::Elu => act::elu(x, c),
            Unary::Selu => act::elu(x, act::SELU_ALPHA).times(act::SELU_SCALE),
            Unary::Gelu => act::normal(x).mul0(x),
            Unary::GeluTanh => act::normal_by_tanh(x).mul0(x),
            Unary::Silu => x.sigmoid().mul0(x),
            Unary::Mish => x.softplus().tanh().mul0(x),
            Unary::HardSigmoid => act::hard_sigmoid(x),
            Unary::HardSwish => act::hard_sigmoid(x).mul0(x),
            Unary::HardTanh => act::pieces(x, act::inside(x, -1.0, 1.0), -1.0, 1.0),
            Unary::Clamp => act::pieces(x, act::within(x, c, d), c, d),
            Unary::Square => x * x,
            Unary::Abs => x.abs(),
            Unary::Sign => x.sign(),
            Unary::Floor => floor(x),
            Unary::Ceil => -floor(-x),
            Unary::Trunc => x.sign() * floor(x.abs()),
            Unary::Round => x.round(),
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

    /// x̄ = ȳ · f′(x), where y = f(x); `mul0` where f′ may be infinite or NaN.
    #[inline(always)]
    pub(crate) fn vjp<R: Real>(self, [c, d]: Numbers, x: R, y: R, y_bar: R) -> R {
        match self {
            Unary::Neg | Unary::MinusFrom => -y_bar,
            Unary::Exp => y_bar.mul0(y),
            Unary::Exp2 => y_bar.mul0(y.times(LN_2)),
            // Not y + 1, which is 0 where eˣ is tiny.
            Unary::ExpM1 => y_bar.mul0(x.exp()),
            Unary::Ln => y_bar.mul0(x.divide(1.0)),
            Unary::Log2 => y_bar.mul0(x.divide(LOG2_E)),
            Unary::Log10 => y_bar.mul0(x.divide(LOG10_E)),
            Unary::Ln1p => y_bar.mul0(x.plus(1.0).divide(1.0)),
            Unary::Sqrt => y_bar.mul0(y.divide(0.5)),
            Unary::Rsqrt => y_bar.mul0((y * y * y).times(-0.5)),
            Unary::Cbrt => y_bar.mul0((y * y).divide(1.0 / 3.0)),
            Unary::Sin => y_bar.mul0(x.cos()),
            Unary::Cos => y_bar.mul0(-x.sin()),
            Unary::Tan => y_bar.mul0((y * y).plus(1.0)),
            Unary::Asin => y_bar.mul0(one_minus_square(x).sqrt().divide(1.0)),
            Unary::Acos => y_bar.mul0(one_minus_square(x).sqrt().divide(-1.0)),
            Unary::Atan => y_bar.mul0((x * x).plus(1.0).divide(1.0)),
            Unary::Sinh => y_bar.mul0(x.cosh()),
            Unary::Cosh => y_bar.mul0(x.sinh()),
            Unary::Tanh => y_bar - y_bar * y * y,
            // √(x² + 1) and √(x² - 1), without overflow.
            Unary::Asinh => y_bar.mul0(x.hypot(x.number(1.0)).divide(1.0)),
            Unary::Acosh => y_bar.mul0((x.plus(-1.0).sqrt() * x.plus(1.0).sqrt()).divide(1.0)),
            Unary::Atanh => y_bar.mul0(one_minus_square(x).divide(1.0)),
            Unary::Erf => y_bar.mul0((-(x * x)).exp().times(FRAC_2_SQRT_PI)),
            Unary::Erfc => y_bar.mul0((-(x * x)).exp().times(-FRAC_2_SQRT_PI)),
            Unary::Lgamma => y_bar.mul0(x.digamma()),
            Unary::Digamma => y_bar.mul0(x.polygamma(1)),
            Unary::Polygamma => y_bar.mul0(x.polygamma((c as u32).saturating_add(1))),
            Unary::Sigmoid => y_bar * y - y_bar * y * y,
            Unary::LogSigmoid => y_bar.mul0((-x).sigmoid()),
            Unary::Softplus => y_bar.mul0(x.sigmoid()),
            Unary::Softsign => y_bar.mul0(act::softsign_slope(x)),
            Unary::Relu => y_bar * y.positive(),
            Unary::Relu6 => y_bar * act::both(act::inside(x, 0.0, 6.0)),
            Unary::LeakyRelu => y_bar * act::leaky_slope(x, c),
            Unary::Elu => y_bar.mul0(act::elu_slope(x, c)),
            Unary::Selu => y_bar.mul0(act::elu_slope(x, act::SELU_ALPHA).times(act::SELU_SCALE)),
            Unary::Gelu => y_bar.mul0(act::gelu_slope(x)),
            Unary::GeluTanh => y_bar.mul0(act::gelu_tanh_slope(x)),
            Unary::Silu => y_bar.mul0(act::silu_slope(x)),
            Unary::Mish => y_bar.mul0(act::mish_slope(x)),
            Unary::HardSigmoid => y_bar * act::hard_sigmoid_slope(x),
            Unary::HardSwish => y_bar.mul0(act::hard_swish_slope(x)),
            Unary::HardTanh => y_bar * act::both(act::inside(x, -1.0, 1.0)),
            Unary::Clamp => y_bar * act::both(act::within(x, c, d)),
            Unary::Square => y_bar.mul0(x.times(2.0)),
            Unary::Abs => y_bar * x.sign(),
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Round | Unary::Positive => {
                y_bar.number(0.0)
            }
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
        use Unary::{Ceil, Floor, Positive, Round, Sign, Trunc};
        matches!(self, Sign | Floor | Ceil | Trunc | Round | Positive)
    }
}

/// The integer at or below x: the nearest one, or the one below that.
#[inline(always)]
fn floor<R: Real>(x: R) -> R {
    let nearest = x.round();
    nearest - (nearest - x).positive()
}

/// 1 - x², with all digits next to ±1 too.
#[inline(always)]
fn one_minus_square<R: Real>(x: R) -> R {
    (-x).plus(1.0) * x.plus(1.0)
}
