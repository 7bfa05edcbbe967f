//! A product of two inputs.

use super::call::Call;
use crate::init::Init;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{Float, Parameter, Var};

/// yₒ = aᵀ·Wₒ·b + bias, over the last axes: `[.., in1]` and `[.., in2]` to `[.., out]`.
///
/// `weight` is `[out, in1, in2]` and `bias` `[out]`; both start uniform in ±1/√in1, as in PyTorch.
///
/// ```
/// use wengert_nn::prelude::*;
/// let layer: Bilinear = Bilinear::new(3, 4, 2, &mut seeded(0));
/// let tape = GradientTape::new();
/// let (a, b) = (tape.constant(Tensor::ones(&[5, 3])), tape.constant(Tensor::ones(&[5, 4])));
/// assert_eq!(layer.forward(a, b).shape()[..], [5, 2]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Bilinear<T: Float = f32> {
    weight: Parameter<T>,
    bias: Option<Parameter<T>>,
}

impl<T: Float> Bilinear<T> {
    /// A layer of two inputs of these lengths.
    pub fn new(first: usize, second: usize, outputs: usize, rng: &mut impl Rng) -> Bilinear<T> {
        let layer = Bilinear::without_bias(first, second, outputs, rng);
        Bilinear { bias: Some(Parameter::new(start(first).tensor(&[outputs], rng))), ..layer }
    }

    /// A layer that only multiplies.
    pub fn without_bias(first: usize, second: usize, outputs: usize, rng: &mut impl Rng) -> Bilinear<T> {
        let weight = start(first).tensor(&[outputs, first, second], rng);
        Bilinear { weight: Parameter::new(weight), bias: None }
    }

    /// The weight `[out, in1, in2]`.
    pub fn weight(&self) -> &Parameter<T> {
        &self.weight
    }

    /// The outputs for two inputs whose axes but the last are equal.
    ///
    /// # Panics
    /// They are not, or the last ones are not those of the layer.
    #[track_caller]
    pub fn forward<'t>(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let tape = a.tape();
        let call = Call::enter(self, "bilinear", tape);
        let (left, right, weight) = (a.shape(), b.shape(), self.weight.value().shape());
        let [outputs, first, second] = weight[..] else { unreachable!("a weight has three axes") };
        let rows = match (left.split_last(), right.split_last()) {
            (Some((&m, rows)), Some((&n, others))) if m == first && n == second && rows == others => rows,
            _ => {
                let expected = format_args!("[.., {first}] and [.., {second}]");
                let text = format_args!("Bilinear {first}, {second} -> {outputs}");
                call.refuse(text, expected, format_args!("{left} and {right}"))
            }
        };
        let n = rows.iter().product();
        let (a, b) = (a.reshape(&[n, first]), b.reshape(&[n, second]));
        // One large product, then one of rows: [n, out, in2] · [n, in2, 1].
        let weight = tape.parameter(&self.weight).transpose(0, 1).reshape(&[first, outputs * second]);
        let of_a = a.matmul(weight).reshape(&[n, outputs, second]);
        let mut y = of_a.matmul(b.reshape(&[n, second, 1])).reshape(&[n, outputs]);
        if let Some(bias) = &self.bias {
            y += tape.parameter(bias);
        }
        let shape: Vec<usize> = rows.iter().copied().chain([outputs]).collect();
        call.output(y.reshape(&shape))
    }
}

fn start(inputs: usize) -> Init {
    let limit = 1.0 / (inputs.max(1) as f64).sqrt();
    Init::Uniform { low: -limit, high: limit }
}
