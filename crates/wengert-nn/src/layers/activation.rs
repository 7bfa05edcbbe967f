//! Activations as layers, for models that are lists of layers.

use super::call::{Call, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, Var};

macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident $kind:literal $(($($argument:expr),*))? $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
        pub struct $name;

        impl<T: Float> Forward<T> for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let call = Call::enter(self, $kind, x.tape());
                call.output(x.$method($($($argument),*)?))
            }
        }
    )*};
}

activations! {
    /// max(x, 0)
    Relu "relu" relu;
    /// min(max(x, 0), 6)
    Relu6 "relu6" relu6;
    /// 1 / (1 + e⁻ˣ)
    Sigmoid "sigmoid" sigmoid;
    /// ln(sigmoid(x))
    LogSigmoid "log_sigmoid" log_sigmoid;
    /// Hyperbolic tangent.
    Tanh "tanh" tanh;
    /// ln(1 + eˣ)
    Softplus "softplus" softplus;
    /// x / (1 + |x|)
    Softsign "softsign" softsign;
    /// The self-normalising unit: see [`Var::selu`].
    Selu "selu" selu;
    /// x·Φ(x), with the exact normal distribution Φ.
    Gelu "gelu" gelu;
    /// x·Φ(x), with Φ approximated by tanh, as GPT-2 has it.
    GeluTanh "gelu_tanh" gelu_tanh;
    /// x·sigmoid(x), also called swish.
    Silu "silu" silu;
    /// x·tanh(softplus(x))
    Mish "mish" mish;
    /// (x + 3) / 6 between 0 and 1
    HardSigmoid "hard_sigmoid" hard_sigmoid;
    /// x·hard_sigmoid(x)
    HardSwish "hard_swish" hard_swish;
    /// x between -1 and 1
    HardTanh "hard_tanh" hard_tanh;
    /// eˣ / sum(eˣ) along the last axis.
    Softmax "softmax" (-1) softmax;
    /// x - ln(sum(eˣ)) along the last axis.
    LogSoftmax "log_softmax" (-1) log_softmax;
}

macro_rules! with_slope {
    ($($(#[$doc:meta])* $name:ident $kind:literal $method:ident $default:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Module)]
        pub struct $name {
            alpha: f64,
        }

        impl $name {
            /// With this α.
            ///
            /// # Panics
            /// It is not finite.
            #[track_caller]
            pub fn new(alpha: f64) -> $name {
                require(alpha.is_finite(), stringify!($name), "a finite alpha", alpha);
                $name { alpha }
            }
        }

        #[doc = concat!("α is ", stringify!($default), ".")]
        impl Default for $name {
            fn default() -> $name {
                $name { alpha: $default }
            }
        }

        impl<T: Float> Forward<T> for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let call = Call::enter(self, $kind, x.tape());
                call.output(x.$method(self.alpha))
            }
        }
    )*};
}

with_slope! {
    /// x where x > 0, else α·x; α is PyTorch's 0.01 by default.
    LeakyRelu "leaky_relu" leaky_relu 0.01;
    /// x where x > 0, else α·(eˣ - 1); α is 1 by default.
    Elu "elu" elu 1.0;
}
