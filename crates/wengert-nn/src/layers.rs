//! Layers: what a model is made of.
//!
//! Names and layouts of parameters are PyTorch's, so that saved ones move both ways. First values are
//! Keras', and PyTorch's where Keras has no such layer; each layer says so. Layers that are only formulas
//! (activations, pooling, views) are modules without parameters, to stand in a
//! [`Sequential`] beside the others.

mod activation;
mod call;
mod dense;
mod sequential;

pub use activation::{LogSoftmax, Relu, Sigmoid, Softmax, Tanh};
pub use dense::Dense;
pub use sequential::Sequential;
