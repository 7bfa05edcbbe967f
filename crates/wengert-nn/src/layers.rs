//! Layers: what a model is made of.
//!
//! Names and layouts of parameters are PyTorch's, so that saved ones move both ways. First values are
//! Keras', and PyTorch's where Keras has no such layer; each layer says so. Layers that are only formulas
//! (activations, pooling, views) are modules without parameters, to stand in a [`Sequential`] beside the
//! others.

mod activation;
mod attention;
mod batch_norm;
mod bilinear;
mod call;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod norm;
mod pool;
mod position;
mod prelu;
mod recurrent;
mod residual;
mod sequential;
mod shape;
mod transformer;

pub use activation::{
    Elu, Gelu, GeluTanh, HardSigmoid, HardSwish, HardTanh, LeakyRelu, LogSigmoid, LogSoftmax, Mish, Relu,
    Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softsign, Tanh,
};
pub use attention::MultiHeadAttention;
pub use batch_norm::{BatchNorm1d, BatchNorm2d};
pub use bilinear::Bilinear;
pub use conv::{Conv1d, Conv2d, ConvTranspose2d};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::{Embedded, Embedding};
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use pool::{AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool2d};
pub use position::PositionalEncoding;
pub use prelu::Prelu;
pub use recurrent::{Gru, Lstm, RecurrentOptions, RecurrentStates, Rnn};
pub use residual::Residual;
pub use sequential::Sequential;
pub use shape::{Flatten, Reshape, Upsample};
pub use transformer::{
    Activation, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
};
