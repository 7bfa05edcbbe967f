//! What several test files need: bits to compare, and steps whose gradient is given.
#![allow(dead_code)] // each test file is a program of its own and uses a part

use wengert_nn::prelude::*;
use wengert_nn::wengert::{Element, Float};

/// The bits of all elements.
pub fn bits<T: Float>(x: &Tensor<T>) -> Vec<u64> {
    x.as_slice().iter().map(|x| Element::to_f64(*x).to_bits()).collect()
}

/// Names and bits of all parameters.
pub fn weights<T: Float>(model: &(impl Module<T> + ?Sized)) -> Vec<(String, Vec<u64>)> {
    model.parameters().into_iter().map(|(name, p)| (name, bits(p.value()))).collect()
}

/// The gradients of sum(parameter · gradient), which are `gradient` itself.
pub fn gradients<T: Float>(parameter: &Parameter<T>, gradient: &Tensor<T>) -> Gradients<T> {
    let tape = GradientTape::new();
    let grads = (tape.parameter(parameter) * tape.constant(gradient)).sum().backward();
    assert_eq!(bits(grads.wrt(parameter)), bits(gradient), "the gradient is the constant factor");
    grads
}

/// One step of a lone parameter along a given gradient.
pub fn step<T: Float>(optimizer: &mut dyn Optimizer<T>, parameter: &mut Parameter<T>, gradient: &Tensor<T>) {
    let grads = gradients(parameter, gradient);
    optimizer.step(parameter, &grads).expect("the parameter has a gradient");
}

/// Writes a file anew: some systems write to the disk at once what is written over an old file.
pub fn rewrite(path: &std::path::Path, bytes: &[u8]) {
    std::fs::remove_file(path).expect("there is an old one");
    std::fs::write(path, bytes).expect("it can be written");
}
