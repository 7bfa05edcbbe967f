//! Normalisation of each example by itself.

use super::call::{Call, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, Parameter, Tensor, Var};

/// A parameter of ones.
pub(crate) fn ones<T: Float>(shape: &[usize]) -> Option<Parameter<T>> {
    Some(Parameter::new(Tensor::ones(shape)))
}

/// A parameter of zeros.
pub(crate) fn zeros<T: Float>(shape: &[usize]) -> Option<Parameter<T>> {
    Some(Parameter::new(Tensor::zeros(shape)))
}

/// Weight and bias on the tape of `x`; where there is none, ones and zeros.
#[track_caller]
pub(crate) fn scale_and_shift<'t, T: Float>(
    x: Var<'t, T>,
    shape: &[usize],
    weight: &Option<Parameter<T>>,
    bias: &Option<Parameter<T>>,
) -> [Var<'t, T>; 2] {
    let tape = x.tape();
    let weight = match weight {
        Some(weight) => tape.parameter(weight),
        None => tape.constant(Tensor::ones(shape)),
    };
    let bias = match bias {
        Some(bias) => tape.parameter(bias),
        None => tape.constant(Tensor::zeros(shape)),
    };
    [weight, bias]
}

/// (x - mean) / √(variance + ε) · weight + bias, with mean and variance over the last axes.
/// (J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.)
///
/// `weight` and `bias` have the lengths of those axes and start as ones and zeros; ε is PyTorch's 10⁻⁵
/// (Keras has 10⁻³).
///
/// ```
/// use wengert_nn::prelude::*;
/// let norm: LayerNorm = LayerNorm::new(2);
/// let tape = GradientTape::new();
/// let y = norm.forward(tape.constant(tensor![[1.0, 3.0]]));
/// assert!((y.value().get(&[0, 1]).unwrap() - 1.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, Module)]
pub struct LayerNorm<T: Float = f32> {
    weight: Option<Parameter<T>>,
    bias: Option<Parameter<T>>,
    #[module(skip)]
    shape: Vec<usize>,
    epsilon: f64,
}

impl<T: Float> LayerNorm<T> {
    /// Over the last axis, of this length.
    pub fn new(dim: usize) -> LayerNorm<T> {
        LayerNorm::over(&[dim])
    }

    /// Over the last axes, of these lengths.
    ///
    /// # Panics
    /// There are none.
    #[track_caller]
    pub fn over(shape: &[usize]) -> LayerNorm<T> {
        require(!shape.is_empty(), "LayerNorm", "at least one axis", "[]");
        LayerNorm { weight: ones(shape), bias: zeros(shape), shape: shape.to_vec(), epsilon: 1e-5 }
    }

    /// What keeps the root positive.
    #[must_use]
    pub fn epsilon(self, epsilon: f64) -> LayerNorm<T> {
        LayerNorm { epsilon, ..self }
    }

    /// Without a bias.
    #[must_use]
    pub fn without_bias(self) -> LayerNorm<T> {
        LayerNorm { bias: None, ..self }
    }

    /// Without weight and bias.
    #[must_use]
    pub fn without_affine(self) -> LayerNorm<T> {
        LayerNorm { weight: None, bias: None, ..self }
    }
}

impl<T: Float> Forward<T> for LayerNorm<T> {
    /// # Panics
    /// The last axes of `x` have other lengths.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "layer_norm", x.tape()), x.shape());
        if !shape.ends_with(&self.shape) {
            let expected = format!("[.., {}", &format!("{:?}", self.shape)[1..]);
            call.refuse(format_args!("LayerNorm {:?}", self.shape), expected, shape);
        }
        let [weight, bias] = scale_and_shift(x, &self.shape, &self.weight, &self.bias);
        call.output(x.layer_norm(weight, bias, self.epsilon))
    }
}

/// x / √(mean of x² + ε) · weight, with the mean over the last axis.
/// (B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.)
///
/// `weight` `[dim]` starts as ones; ε is Keras' 10⁻⁶.
///
/// ```
/// use wengert_nn::prelude::*;
/// let norm: RmsNorm = RmsNorm::new(2);
/// let tape = GradientTape::new();
/// let y = norm.forward(tape.constant(tensor![[1.0, 7.0]])); // the mean of squares is 25
/// assert!((y.value().get(&[0, 1]).unwrap() - 1.4).abs() < 1e-5);
/// ```
#[derive(Clone, Debug, Module)]
pub struct RmsNorm<T: Float = f32> {
    weight: Parameter<T>,
    epsilon: f64,
}

impl<T: Float> RmsNorm<T> {
    /// Over the last axis, of this length.
    pub fn new(dim: usize) -> RmsNorm<T> {
        RmsNorm { weight: Parameter::new(Tensor::ones(&[dim])), epsilon: 1e-6 }
    }

    /// What keeps the root positive.
    #[must_use]
    pub fn epsilon(self, epsilon: f64) -> RmsNorm<T> {
        RmsNorm { epsilon, ..self }
    }
}

impl<T: Float> Forward<T> for RmsNorm<T> {
    /// # Panics
    /// The last axis of `x` has another length.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "rms_norm", x.tape()), x.shape());
        let dim = self.weight.value().len();
        if shape.last() != Some(&dim) {
            call.refuse(format_args!("RmsNorm {dim}"), format_args!("[.., {dim}]"), shape);
        }
        call.output(x.rms_norm(x.tape().parameter(&self.weight), self.epsilon))
    }
}

/// (x - mean) / √(variance + ε) · weight + bias of `[batch, channels, ..]`, with mean and variance over
/// groups of neighbouring channels of each example. (Y. Wu, K. He, "Group normalization", 2018.)
///
/// `weight` and `bias` `[channels]` start as ones and zeros; ε is PyTorch's 10⁻⁵ (Keras has 10⁻³).
///
/// ```
/// use wengert_nn::prelude::*;
/// let norm: GroupNorm = GroupNorm::new(2, 6);
/// let tape = GradientTape::new();
/// let y = norm.forward(tape.constant(Tensor::ones(&[4, 6, 8, 8])));
/// assert_eq!(y.value(), Tensor::zeros(&[4, 6, 8, 8]));
/// ```
#[derive(Clone, Debug, Module)]
pub struct GroupNorm<T: Float = f32> {
    weight: Option<Parameter<T>>,
    bias: Option<Parameter<T>>,
    groups: usize,
    channels: usize,
    epsilon: f64,
}

impl<T: Float> GroupNorm<T> {
    /// So many groups of so many channels.
    ///
    /// # Panics
    /// The groups do not divide the channels.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> GroupNorm<T> {
        let divides = groups > 0 && channels.is_multiple_of(groups);
        require(divides, "GroupNorm", format_args!("groups that divide {channels} channels"), groups);
        let shape = [channels];
        GroupNorm { weight: ones(&shape), bias: zeros(&shape), groups, channels, epsilon: 1e-5 }
    }

    /// What keeps the root positive.
    #[must_use]
    pub fn epsilon(self, epsilon: f64) -> GroupNorm<T> {
        GroupNorm { epsilon, ..self }
    }

    /// Without weight and bias.
    #[must_use]
    pub fn without_affine(self) -> GroupNorm<T> {
        GroupNorm { weight: None, bias: None, ..self }
    }
}

impl<T: Float> Forward<T> for GroupNorm<T> {
    /// # Panics
    /// `x` is not `[batch, channels, ..]`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "group_norm", x.tape()), x.shape());
        let channels = self.channels;
        if shape.get(1) != Some(&channels) {
            let text = format_args!("GroupNorm {} of {channels}", self.groups);
            call.refuse(text, format_args!("[batch, {channels}, ..]"), shape);
        }
        let [weight, bias] = scale_and_shift(x, &[channels], &self.weight, &self.bias);
        call.output(x.group_norm(self.groups, weight, bias, self.epsilon))
    }
}
