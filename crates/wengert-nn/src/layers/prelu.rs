//! A relu whose slope below zero is learned.

use super::call::{Call, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, Parameter, Tensor, Var};

/// x where x > 0, else weight·x, with one weight for all or one for each channel of
/// `[batch, channels, ..]`. (K. He et al., "Delving deep into rectifiers", 2015.)
///
/// `weight` `[1]` or `[channels]` starts at PyTorch's 0.25.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::new();
/// let y = Prelu::new().forward(tape.constant(tensor![-4.0f32, 4.0]));
/// assert_eq!(y.value(), tensor![-1.0, 4.0]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Prelu<T: Float = f32> {
    weight: Parameter<T>,
}

impl<T: Float> Prelu<T> {
    /// With one weight.
    pub fn new() -> Prelu<T> {
        Prelu::of_channels(1)
    }

    /// With a weight for each channel, the second axis.
    ///
    /// # Panics
    /// There are no channels.
    #[track_caller]
    pub fn of_channels(channels: usize) -> Prelu<T> {
        require(channels > 0, "Prelu", "at least one channel", channels);
        Prelu { weight: Parameter::new(Tensor::full(&[channels], T::from_f64(0.25))) }
    }

    /// The slopes below zero.
    pub fn weight(&self) -> &Parameter<T> {
        &self.weight
    }
}

impl<T: Float> Default for Prelu<T> {
    fn default() -> Prelu<T> {
        Prelu::new()
    }
}

impl<T: Float> Forward<T> for Prelu<T> {
    /// # Panics
    /// The second axis of `x` is not the number of weights, if there are several.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape, channels) = (x.tape(), x.shape(), self.weight.value().len());
        let call = Call::enter(self, "prelu", tape);
        if channels != 1 && shape.get(1) != Some(&channels) {
            call.refuse(format_args!("Prelu {channels}"), format_args!("[batch, {channels}, ..]"), shape);
        }
        let mut weight = tape.parameter(&self.weight);
        if channels != 1 {
            let mut along = vec![1; shape.len() - 1];
            along[0] = channels;
            weight = weight.reshape(&along);
        } else {
            weight = weight.reshape(&[]);
        }
        let above = x.value().map(|x| x > T::zero());
        call.output(x.where_(&above, x * weight))
    }
}
