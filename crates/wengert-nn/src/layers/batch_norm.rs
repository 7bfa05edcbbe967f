//! Batch normalisation: by the batch's mean and variance in training, by running ones otherwise.
//!
//! Running statistics are state: a forward pass tells the tape what they should become, and the step
//! that uses its gradients does it. A pass that nothing is done with leaves no trace.

use super::call::{Call, require};
use super::norm::{ones, scale_and_shift, zeros};
use crate::forward::Forward;
use crate::module::Module;
use std::ops::RangeInclusive;
use wengert::{Float, Parameter, Tensor, Var};

/// What both are.
#[derive(Clone, Debug, Module)]
struct Statistics<T: Float> {
    weight: Option<Parameter<T>>,
    bias: Option<Parameter<T>>,
    running_mean: Parameter<T>,
    running_var: Parameter<T>,
    num_batches_tracked: Parameter<T>,
    momentum: f64,
    epsilon: f64,
}

impl<T: Float> Statistics<T> {
    fn new(channels: usize) -> Statistics<T> {
        Statistics {
            weight: ones(&[channels]),
            bias: zeros(&[channels]),
            running_mean: Parameter::state(Tensor::zeros(&[channels])),
            running_var: Parameter::state(Tensor::ones(&[channels])),
            num_batches_tracked: Parameter::state(Tensor::scalar(T::zero())),
            momentum: 0.1,
            epsilon: 1e-5,
        }
    }

    fn channels(&self) -> usize {
        self.running_mean.value().len()
    }

    #[track_caller]
    fn call<'t>(
        &self,
        (layer, name, kind): (&impl Module<T>, &str, &'static str),
        axes: RangeInclusive<usize>,
        x: Var<'t, T>,
    ) -> Var<'t, T> {
        let (tape, shape, channels) = (x.tape(), x.shape(), self.channels());
        let call = Call::enter(layer, kind, tape);
        if !axes.contains(&shape.len()) || shape[1] != channels {
            let expected = match *axes.end() {
                4 => format!("[batch, {channels}, height, width]"),
                _ => format!("[batch, {channels}] or [batch, {channels}, length]"),
            };
            call.refuse(format_args!("{name} {channels}"), expected, shape);
        }
        let [weight, bias] = scale_and_shift(x, &[channels], &self.weight, &self.bias);
        let each = shape[0] * shape[2..].iter().product::<usize>();
        // No statistics of nothing: an empty batch goes through as in evaluation.
        if !tape.training() || each == 0 {
            let mean = tape.parameter(&self.running_mean);
            let variance = tape.parameter(&self.running_var);
            return call.output(x.batch_norm_with(mean, variance, weight, bias, self.epsilon));
        }
        if each == 1 {
            let expected = "more than one number a channel in training";
            call.refuse(format_args!("{name} {channels}"), expected, shape);
        }
        let (y, mean, variance) = x.batch_norm_statistics(weight, bias, self.epsilon);
        let (keep, momentum) = (1.0 - self.momentum, T::from_f64(self.momentum));
        // The running variance is that of the population, estimated without bias.
        let unbiased = T::from_f64(self.momentum * each as f64 / (each - 1) as f64);
        tape.update_state(&self.running_mean, keep, mean.value().map(|x| x * momentum), y);
        tape.update_state(&self.running_var, keep, variance.value().map(|x| x * unbiased), y);
        tape.update_state(&self.num_batches_tracked, 1.0, Tensor::scalar(T::one()), y);
        call.output(y)
    }
}

macro_rules! batch_norms {
    ($($(#[$doc:meta])* $name:ident $kind:literal $axes:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $name<T: Float = f32>(Statistics<T>);

        impl<T: Float> $name<T> {
            /// Of so many channels.
            pub fn new(channels: usize) -> $name<T> {
                $name(Statistics::new(channels))
            }

            /// How much of a batch's statistics goes into the running ones. Default 0.1; Keras' momentum,
            /// 0.99, is one minus this.
            ///
            /// # Panics
            /// It is not in 0..=1.
            #[must_use]
            #[track_caller]
            pub fn momentum(mut self, momentum: f64) -> $name<T> {
                require((0.0..=1.0).contains(&momentum), stringify!($name), "a momentum from 0 to 1", momentum);
                self.0.momentum = momentum;
                self
            }

            /// What keeps the root positive. Default PyTorch's 10⁻⁵; Keras' is 10⁻³.
            #[must_use]
            pub fn epsilon(mut self, epsilon: f64) -> $name<T> {
                self.0.epsilon = epsilon;
                self
            }

            /// Without weight and bias.
            #[must_use]
            pub fn without_affine(mut self) -> $name<T> {
                (self.0.weight, self.0.bias) = (None, None);
                self
            }

            /// The running mean `[channels]`.
            pub fn running_mean(&self) -> &Tensor<T> {
                self.0.running_mean.value()
            }

            /// The running variance `[channels]`, estimated without bias.
            pub fn running_var(&self) -> &Tensor<T> {
                self.0.running_var.value()
            }
        }

        impl<T: Float> Forward<T> for $name<T> {
            /// # Panics
            /// `x` has other axes or channels; in training, a channel has one number, which has no variance.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                self.0.call((self, stringify!($name), $kind), $axes, x)
            }
        }
    )*};
}

batch_norms! {
    /// (x - mean) / √(variance + ε) · weight + bias of each channel of `[batch, channels]` or
    /// `[batch, channels, length]`. (S. Ioffe, C. Szegedy, "Batch normalization", 2015.)
    ///
    /// Mean and variance are the batch's while the tape [trains](wengert::GradientTape::training), and
    /// running ones otherwise. These follow each step of an optimizer (or
    /// [`Module::update_state`]): running ← (1 - momentum)·running + momentum·batch.
    ///
    /// Parameters are PyTorch's: `weight` and `bias`, which start as ones and zeros, and as state
    /// `running_mean`, `running_var` and `num_batches_tracked`.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut norm: BatchNorm1d = BatchNorm1d::new(1);
    /// let tape = GradientTape::new();
    /// let y = norm.forward(tape.var(tensor![[1.0], [3.0]]));
    /// assert!((y.value().get(&[1, 0]).unwrap() - 1.0).abs() < 1e-4);
    /// let grads = y.square().sum().backward();
    /// Sgd::new(0.01).step(&mut norm, &grads)?;
    /// assert!((norm.running_mean().as_slice()[0] - 0.2).abs() < 1e-6);
    /// # Ok::<(), wengert_nn::OptimizerError>(())
    /// ```
    BatchNorm1d "batch_norm1d" 2..=3;
    /// [`BatchNorm1d`] of the channels of images `[batch, channels, height, width]`.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let norm: BatchNorm2d = BatchNorm2d::new(3);
    /// let tape = GradientTape::new();
    /// let y = norm.forward(tape.var(Tensor::ones(&[2, 3, 4, 4])));
    /// assert_eq!(y.value(), Tensor::zeros(&[2, 3, 4, 4]));
    /// ```
    BatchNorm2d "batch_norm2d" 4..=4;
}
