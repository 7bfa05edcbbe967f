//! Activations as layers, for models that are lists of layers.

use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, Var};

macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
        pub struct $name;

        impl<T: Float> Forward<T> for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                x.$method()
            }
        }
    )*};
}

activations! {
    /// max(x, 0)
    Relu relu;
    /// 1 / (1 + e⁻ˣ)
    Sigmoid sigmoid;
    /// Hyperbolic tangent.
    Tanh tanh;
}

/// eˣ / sum(eˣ) along the last axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct Softmax;

impl<T: Float> Forward<T> for Softmax {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.softmax(-1)
    }
}

/// x - ln(sum(eˣ)) along the last axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct LogSoftmax;

impl<T: Float> Forward<T> for LogSoftmax {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.log_softmax(-1)
    }
}
