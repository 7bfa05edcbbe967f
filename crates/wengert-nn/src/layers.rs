//! Layers.

mod activation;
mod dense;
mod sequential;

pub use activation::{LogSoftmax, Relu, Sigmoid, Softmax, Tanh};
pub use dense::Dense;
pub use sequential::Sequential;
