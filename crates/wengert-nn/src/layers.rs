//! Layers: what a model is made of.
//!
//! Names and layouts of parameters are PyTorch's, so that saved ones move both ways. First values are
//! Keras', and PyTorch's where Keras has no such layer; each layer says so. Layers that are only formulas
//! (activations, pooling, views) are modules without parameters, to stand in a [`Sequential`] beside the
//! others.
//!
//! | here | parameters | first values |
//! |---|---|---|
//! | [`Dense`], [`Conv1d`], [`Conv2d`], [`ConvTranspose2d`] | `weight`, `bias` | Glorot-uniform, zero (Keras) |
//! | [`Embedding`] | `weight` | uniform in ±0.05 (Keras) |
//! | [`PositionalEncoding`] | `weight` if learned | normal, deviation 0.02 (GPT-2) |
//! | [`LayerNorm`], [`GroupNorm`], [`RmsNorm`] | `weight`, `bias` (not of the last) | one, zero |
//! | [`BatchNorm1d`], [`BatchNorm2d`] | `weight`, `bias`; state `running_mean`, `running_var`, `num_batches_tracked` | one, zero; 0, 1, 0 |
//! | [`Rnn`], [`Lstm`], [`Gru`] | `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `.._l0_reverse`, `.._l1`, .. | Glorot-uniform, orthogonal, zero, an LSTM's forget gate 1 (Keras) |
//! | [`MultiHeadAttention`] | `in_proj_weight`, `in_proj_bias`, `out_proj.*` | Glorot-uniform, zero (PyTorch) |
//! | [`TransformerEncoderLayer`], [`TransformerDecoderLayer`] | `self_attn.*`, `multihead_attn.*`, `linear1`, `linear2`, `norm1`, `norm2`, `norm3` | those of their parts |
//! | [`Bilinear`] | `weight`, `bias` | uniform in ±1/√in (PyTorch) |
//! | [`Prelu`] | `weight` | 0.25 (PyTorch) |
//!
//! What differs between training and use ([`Dropout`], batch normalisation) asks the tape:
//! [`GradientTape::set_training`](wengert::GradientTape::set_training). A tape begins in training.

mod activation;
mod attention;
mod batch_norm;
mod bilinear;
mod call;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod lambda;
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
pub use lambda::Lambda;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use pool::{
    AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool1d, MaxPool2d,
};
pub use position::PositionalEncoding;
pub use prelu::Prelu;
pub use recurrent::{Gru, Lstm, RecurrentOptions, RecurrentStates, Rnn};
pub use residual::Residual;
pub use sequential::Sequential;
pub use shape::{Flatten, Reshape, Upsample};
pub use transformer::{
    Activation, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
};
