//! The dense layer.

use super::call::Call;
use crate::forward::Forward;
use crate::init::Init;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{Float, Parameter, Var};

/// y = x·Wᵀ + b, over the last axis: `[.., in]` to `[.., out]`.
///
/// `weight` is `[out, in]` and `bias` `[out]`, as in PyTorch; they start Glorot-uniform and zero,
/// as in Keras.
///
/// ```
/// use wengert_nn::prelude::*;
/// let layer: Dense = Dense::new(784, 512, &mut seeded(0));
/// assert_eq!(layer.parameter_count(), 784 * 512 + 512);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Dense<T: Float = f32> {
    weight: Parameter<T>,
    bias: Option<Parameter<T>>,
}

impl<T: Float> Dense<T> {
    /// A layer with Glorot-uniform weights and zero bias.
    pub fn new(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Dense<T> {
        let bias = Parameter::new(Init::Zeros.tensor(&[outputs], rng));
        Dense { bias: Some(bias), ..Dense::without_bias(inputs, outputs, rng) }
    }

    /// A layer that only multiplies.
    pub fn without_bias(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Dense<T> {
        Dense { weight: Parameter::new(Init::GlorotUniform.tensor(&[outputs, inputs], rng)), bias: None }
    }

    /// New first weights.
    #[must_use]
    pub fn weight_init(self, init: Init, rng: &mut impl Rng) -> Dense<T> {
        Dense { weight: Parameter::new(init.tensor(self.weight.value().shape(), rng)), ..self }
    }

    /// The weight `[out, in]`.
    pub fn weight(&self) -> &Parameter<T> {
        &self.weight
    }

    /// The bias `[out]`, if the layer has one.
    pub fn bias(&self) -> Option<&Parameter<T>> {
        self.bias.as_ref()
    }
}

impl<T: Float> Forward<T> for Dense<T> {
    /// # Panics
    /// The last axis of `x` is not the layer's number of inputs.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let call = Call::enter(self, "dense", tape);
        let (shape, weight) = (x.shape(), self.weight.value().shape());
        let [outputs, inputs] = weight[..] else { unreachable!("a weight has two axes") };
        if shape.last() != Some(&inputs) {
            let flat = shape.len() > 2 && shape.iter().skip(1).product::<usize>() == inputs;
            let hint = if flat { "; flatten it first?" } else { "" };
            call.refuse(
                format_args!("Dense {inputs} -> {outputs}"),
                format_args!("[.., {inputs}]"),
                format_args!("{shape}{hint}"),
            );
        }
        let weight = tape.parameter(&self.weight);
        call.output(match &self.bias {
            Some(bias) => x.linear(weight, tape.parameter(bias)),
            None => x.matmul_nt(weight),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;
    use wengert::{GradientTape, Tensor, tensor};

    #[test]
    fn it_multiplies_by_the_transposed_weight_and_adds_the_bias() {
        let mut layer = Dense::<f64>::new(2, 3, &mut seeded(0));
        layer.weight.replace(tensor![[1., 2.], [3., 4.], [5., 6.]]);
        layer.bias.as_mut().unwrap().replace(tensor![10., 20., 30.]);
        let tape = GradientTape::new();
        let x = tape.var(tensor![[1., -1.]]);
        let y = layer.forward(x);
        assert_eq!(y.value(), tensor![[9., 19., 29.]]);
        let grads = y.sum().backward();
        assert_eq!(grads.wrt(x), &tensor![[9., 12.]]);
        assert_eq!(grads.wrt(layer.weight()), &tensor![[1., -1.], [1., -1.], [1., -1.]]);
        assert_eq!(grads.wrt(layer.bias().unwrap()), &tensor![1., 1., 1.]);
    }

    #[test]
    fn operations_carry_the_line_that_called_the_layer() {
        let layer = Dense::<f32>::new(2, 2, &mut seeded(0));
        let tape = GradientTape::new();
        let x = tape.constant(Tensor::ones(&[1, 2]));
        let (y, line) = (layer.forward(x), line!());
        assert_eq!(tape.location_of(y.id()).line(), line);
        assert!(tape.location_of(y.id()).file().ends_with("dense.rs"));
    }

    #[test]
    #[should_panic(expected = "Dense 784 -> 10: expected [.., 784], got [32, 28, 28]; flatten it first?")]
    fn images_that_are_not_flat_are_named() {
        let layer = Dense::<f32>::new(784, 10, &mut seeded(0));
        layer.forward(GradientTape::new().constant(Tensor::zeros(&[32, 28, 28])));
    }
}
