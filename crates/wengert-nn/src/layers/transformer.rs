//! Blocks of transformers. (A. Vaswani et al., "Attention is all you need", 2017.)
//!
//! Parameters are PyTorch's, so that trained ones move both ways.

use super::attention::MultiHeadAttention;
use super::call::{Call, require};
use super::dense::Dense;
use super::norm::LayerNorm;
use crate::forward::Forward;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{AttentionOptions, Float, Var};

/// The function between both products of a block's feed-forward part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// max(x, 0)
    #[default]
    Relu,
    /// x·Φ(x)
    Gelu,
    /// x·Φ(x), with Φ approximated by tanh
    GeluTanh,
    /// x·sigmoid(x)
    Silu,
}

impl Activation {
    #[track_caller]
    fn of<'t, T: Float>(self, x: Var<'t, T>) -> Var<'t, T> {
        match self {
            Activation::Relu => x.relu(),
            Activation::Gelu => x.gelu(),
            Activation::GeluTanh => x.gelu_tanh(),
            Activation::Silu => x.silu(),
        }
    }
}

/// What an encoder's and a decoder's block share in how they are made up.
#[derive(Clone, Copy, Debug)]
struct Style {
    activation: Activation,
    norm_first: bool,
    dropout: f64,
}

impl Style {
    const USUAL: Style = Style { activation: Activation::Relu, norm_first: false, dropout: 0.1 };

    /// linear2(dropout(activation(linear1(x))))
    #[track_caller]
    fn feed_forward<'t, T: Float>(
        &self,
        x: Var<'t, T>,
        linear1: &Dense<T>,
        linear2: &Dense<T>,
    ) -> Var<'t, T> {
        linear2.forward(self.activation.of(linear1.forward(x)).dropout(self.dropout))
    }

    /// What a part of the block reads: the norm of x or x itself.
    #[track_caller]
    fn before<'t, T: Float>(&self, x: Var<'t, T>, norm: &LayerNorm<T>) -> Var<'t, T> {
        if self.norm_first { norm.forward(x) } else { x }
    }

    /// x plus what the part made of it, and the norm of that if it has not been taken before.
    #[track_caller]
    fn after<'t, T: Float>(&self, x: Var<'t, T>, part: Var<'t, T>, norm: &LayerNorm<T>) -> Var<'t, T> {
        let sum = x + part.dropout(self.dropout);
        if self.norm_first { sum } else { norm.forward(sum) }
    }
}

fn dense<T: Float>(inputs: usize, outputs: usize, bias: bool, rng: &mut impl Rng) -> Dense<T> {
    if bias { Dense::new(inputs, outputs, rng) } else { Dense::without_bias(inputs, outputs, rng) }
}

fn norm<T: Float>(dim: usize, bias: bool) -> LayerNorm<T> {
    if bias { LayerNorm::new(dim) } else { LayerNorm::new(dim).without_bias() }
}

macro_rules! styled {
    ($($name:ident: $($attention:ident)*;)*) => {$(
        impl<T: Float> $name<T> {
            /// A block over vectors of `dim` numbers, with `heads` heads and `feed_forward` numbers between
            /// both products: relu, norms after each part, dropout 0.1.
            ///
            /// # Panics
            /// The heads do not divide `dim`.
            #[track_caller]
            pub fn new(dim: usize, heads: usize, feed_forward: usize, rng: &mut impl Rng) -> $name<T> {
                $name::with_bias(dim, heads, feed_forward, true, rng)
            }

            /// A block without any bias.
            ///
            /// # Panics
            /// The heads do not divide `dim`.
            #[track_caller]
            pub fn without_bias(
                dim: usize,
                heads: usize,
                feed_forward: usize,
                rng: &mut impl Rng,
            ) -> $name<T> {
                $name::with_bias(dim, heads, feed_forward, false, rng)
            }

            /// The function between both products. Default [`Activation::Relu`].
            #[must_use]
            pub fn activation(mut self, activation: Activation) -> $name<T> {
                self.style.activation = activation;
                self
            }

            /// Whether norms are taken before each part instead of after the sum. Default false.
            #[must_use]
            pub fn norm_first(mut self, norm_first: bool) -> $name<T> {
                self.style.norm_first = norm_first;
                self
            }

            /// Dropout of each part, of what is between both products, and of attention's weights.
            /// Default 0.1.
            ///
            /// # Panics
            /// The rate is not in 0..=1.
            #[must_use]
            #[track_caller]
            pub fn dropout(mut self, rate: f64) -> $name<T> {
                require((0.0..=1.0).contains(&rate), stringify!($name), "a rate from 0 to 1", rate);
                self.style.dropout = rate;
                $(self.$attention = self.$attention.dropout(rate);)*
                self
            }

            /// Whether a position attends only to those of its own sequence up to itself. Default false.
            #[must_use]
            pub fn causal(mut self, causal: bool) -> $name<T> {
                self.self_attn = self.self_attn.causal(causal);
                self
            }

            /// What keeps the norms' roots positive. Default 10⁻⁵.
            #[must_use]
            pub fn epsilon(mut self, epsilon: f64) -> $name<T> {
                self.each_norm(|norm| norm.epsilon(epsilon));
                self
            }
        }
    )*};
}

styled! {
    TransformerEncoderLayer: self_attn;
    TransformerDecoderLayer: self_attn multihead_attn;
}

/// A block of a transformer's encoder over `[batch, length, dim]`: attention of a sequence to itself, then
/// two products with a function between them, each added to what it was given.
///
/// Parameters are PyTorch's: `self_attn.*` of [`MultiHeadAttention`], `linear1`, `linear2`, `norm1`, `norm2`.
/// They start Glorot-uniform and zero, norms as ones and zeros.
///
/// ```
/// use wengert_nn::prelude::*;
/// let block: TransformerEncoderLayer = TransformerEncoderLayer::new(8, 2, 32, &mut seeded(0))
///     .activation(Activation::Gelu)
///     .norm_first(true);
/// let tape = GradientTape::new();
/// assert_eq!(block.forward(tape.constant(Tensor::ones(&[3, 5, 8]))).shape()[..], [3, 5, 8]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoderLayer<T: Float = f32> {
    self_attn: MultiHeadAttention<T>,
    linear1: Dense<T>,
    linear2: Dense<T>,
    norm1: LayerNorm<T>,
    norm2: LayerNorm<T>,
    #[module(skip)]
    style: Style,
}

impl<T: Float> TransformerEncoderLayer<T> {
    #[track_caller]
    fn with_bias(dim: usize, heads: usize, feed_forward: usize, bias: bool, rng: &mut impl Rng) -> Self {
        let layer = TransformerEncoderLayer {
            self_attn: MultiHeadAttention::with_bias(dim, heads, bias, rng).dropout(Style::USUAL.dropout),
            linear1: dense(dim, feed_forward, bias, rng),
            linear2: dense(feed_forward, dim, bias, rng),
            norm1: norm(dim, bias),
            norm2: norm(dim, bias),
            style: Style::USUAL,
        };
        layer.name_parameters();
        layer
    }

    fn each_norm(&mut self, f: impl Fn(LayerNorm<T>) -> LayerNorm<T>) {
        [&mut self.norm1, &mut self.norm2].into_iter().for_each(|norm| *norm = f(norm.clone()));
        self.name_parameters();
    }

    /// The block of `x`, with a mask of who attends to whom: see [`MultiHeadAttention::forward_with`].
    ///
    /// # Panics
    /// `x` is not `[.., length, dim]`, or the mask does not stretch.
    #[track_caller]
    pub fn forward_with<'t>(&self, x: Var<'t, T>, options: AttentionOptions) -> Var<'t, T> {
        let call = Call::enter(self, "transformer_encoder_layer", x.tape());
        let seen = self.self_attn.forward_with(self.style.before(x, &self.norm1), options);
        let x = self.style.after(x, seen, &self.norm1);
        let fed = self.style.feed_forward(self.style.before(x, &self.norm2), &self.linear1, &self.linear2);
        call.output(self.style.after(x, fed, &self.norm2))
    }
}

impl<T: Float> Forward<T> for TransformerEncoderLayer<T> {
    /// # Panics
    /// `x` is not `[.., length, dim]`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, AttentionOptions::new())
    }
}

/// A block of a transformer's decoder: attention of `[batch, length, dim]` to itself, then to a memory
/// `[batch, others, dim]`, then two products with a function between them, each added to what it was given.
///
/// Parameters are PyTorch's: `self_attn.*` and `multihead_attn.*` of [`MultiHeadAttention`], `linear1`,
/// `linear2`, `norm1`, `norm2`, `norm3`. They start Glorot-uniform and zero, norms as ones and zeros.
///
/// ```
/// use wengert_nn::prelude::*;
/// let block: TransformerDecoderLayer = TransformerDecoderLayer::new(8, 2, 32, &mut seeded(0)).causal(true);
/// let tape = GradientTape::new();
/// let (x, memory) = (tape.constant(Tensor::ones(&[3, 5, 8])), tape.constant(Tensor::ones(&[3, 7, 8])));
/// assert_eq!(block.forward(x, memory).shape()[..], [3, 5, 8]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoderLayer<T: Float = f32> {
    self_attn: MultiHeadAttention<T>,
    multihead_attn: MultiHeadAttention<T>,
    linear1: Dense<T>,
    linear2: Dense<T>,
    norm1: LayerNorm<T>,
    norm2: LayerNorm<T>,
    norm3: LayerNorm<T>,
    #[module(skip)]
    style: Style,
}

impl<T: Float> TransformerDecoderLayer<T> {
    #[track_caller]
    fn with_bias(dim: usize, heads: usize, feed_forward: usize, bias: bool, rng: &mut impl Rng) -> Self {
        let rate = Style::USUAL.dropout;
        let layer = TransformerDecoderLayer {
            self_attn: MultiHeadAttention::with_bias(dim, heads, bias, rng).dropout(rate),
            multihead_attn: MultiHeadAttention::with_bias(dim, heads, bias, rng).dropout(rate),
            linear1: dense(dim, feed_forward, bias, rng),
            linear2: dense(feed_forward, dim, bias, rng),
            norm1: norm(dim, bias),
            norm2: norm(dim, bias),
            norm3: norm(dim, bias),
            style: Style::USUAL,
        };
        layer.name_parameters();
        layer
    }

    fn each_norm(&mut self, f: impl Fn(LayerNorm<T>) -> LayerNorm<T>) {
        let norms = [&mut self.norm1, &mut self.norm2, &mut self.norm3];
        norms.into_iter().for_each(|norm| *norm = f(norm.clone()));
        self.name_parameters();
    }

    /// The block of `x`, which attends to `memory`.
    ///
    /// # Panics
    /// They are not `[.., length, dim]`.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, memory: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, memory, AttentionOptions::new(), AttentionOptions::new())
    }

    /// [`forward`](Self::forward) with masks of who attends to whom: within `x`, and from it to the
    /// memory. See [`MultiHeadAttention::forward_with`].
    ///
    /// # Panics
    /// As there, or a mask does not stretch.
    #[track_caller]
    pub fn forward_with<'t>(
        &self,
        x: Var<'t, T>,
        memory: Var<'t, T>,
        own: AttentionOptions,
        of_memory: AttentionOptions,
    ) -> Var<'t, T> {
        let (call, style) = (Call::enter(self, "transformer_decoder_layer", x.tape()), &self.style);
        let seen = self.self_attn.forward_with(style.before(x, &self.norm1), own);
        let x = style.after(x, seen, &self.norm1);
        let asked = style.before(x, &self.norm2);
        let seen = self.multihead_attn.attend(asked, memory, memory, of_memory);
        let x = style.after(x, seen, &self.norm2);
        let fed = style.feed_forward(style.before(x, &self.norm3), &self.linear1, &self.linear2);
        call.output(style.after(x, fed, &self.norm3))
    }
}

/// Blocks of an encoder, one after the other, and perhaps a norm behind the last.
///
/// Parameters are PyTorch's: `layers.0.*`, `layers.1.*`, .., `norm.*`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let blocks = (0..2).map(|_| TransformerEncoderLayer::new(8, 2, 32, &mut rng).norm_first(true));
/// let encoder: TransformerEncoder = TransformerEncoder::new(blocks).norm(LayerNorm::new(8));
/// let tape = GradientTape::new();
/// assert_eq!(encoder.forward(tape.constant(Tensor::ones(&[3, 5, 8]))).shape()[..], [3, 5, 8]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoder<T: Float = f32> {
    layers: Vec<TransformerEncoderLayer<T>>,
    norm: Option<LayerNorm<T>>,
}

impl<T: Float> TransformerEncoder<T> {
    /// These blocks.
    pub fn new(layers: impl IntoIterator<Item = TransformerEncoderLayer<T>>) -> TransformerEncoder<T> {
        let encoder = TransformerEncoder { layers: layers.into_iter().collect(), norm: None };
        encoder.name_parameters();
        encoder
    }

    /// A norm behind the last block, as those with norms first need it.
    #[must_use]
    pub fn norm(self, norm: LayerNorm<T>) -> TransformerEncoder<T> {
        let encoder = TransformerEncoder { norm: Some(norm), ..self };
        encoder.name_parameters();
        encoder
    }

    /// The encoder of `x`, with a mask: see [`MultiHeadAttention::forward_with`].
    ///
    /// # Panics
    /// `x` is not `[.., length, dim]`, or the mask does not stretch.
    #[track_caller]
    pub fn forward_with<'t>(&self, x: Var<'t, T>, options: AttentionOptions) -> Var<'t, T> {
        let call = Call::enter(self, "transformer_encoder", x.tape());
        let mut y = x;
        for layer in &self.layers {
            y = layer.forward_with(y, options.clone());
        }
        if let Some(norm) = &self.norm {
            y = norm.forward(y);
        }
        call.output(y)
    }
}

impl<T: Float> Forward<T> for TransformerEncoder<T> {
    /// # Panics
    /// `x` is not `[.., length, dim]`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, AttentionOptions::new())
    }
}

/// Blocks of a decoder, one after the other, and perhaps a norm behind the last.
///
/// Parameters are PyTorch's: `layers.0.*`, `layers.1.*`, .., `norm.*`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let blocks = (0..2).map(|_| TransformerDecoderLayer::new(8, 2, 32, &mut rng).causal(true));
/// let decoder: TransformerDecoder = TransformerDecoder::new(blocks);
/// let tape = GradientTape::new();
/// let (x, memory) = (tape.constant(Tensor::ones(&[3, 5, 8])), tape.constant(Tensor::ones(&[3, 7, 8])));
/// assert_eq!(decoder.forward(x, memory).shape()[..], [3, 5, 8]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoder<T: Float = f32> {
    layers: Vec<TransformerDecoderLayer<T>>,
    norm: Option<LayerNorm<T>>,
}

impl<T: Float> TransformerDecoder<T> {
    /// These blocks.
    pub fn new(layers: impl IntoIterator<Item = TransformerDecoderLayer<T>>) -> TransformerDecoder<T> {
        let decoder = TransformerDecoder { layers: layers.into_iter().collect(), norm: None };
        decoder.name_parameters();
        decoder
    }

    /// A norm behind the last block, as those with norms first need it.
    #[must_use]
    pub fn norm(self, norm: LayerNorm<T>) -> TransformerDecoder<T> {
        let decoder = TransformerDecoder { norm: Some(norm), ..self };
        decoder.name_parameters();
        decoder
    }

    /// The decoder of `x`, which attends to `memory`.
    ///
    /// # Panics
    /// They are not `[.., length, dim]`.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, memory: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, memory, AttentionOptions::new(), AttentionOptions::new())
    }

    /// [`forward`](Self::forward) with masks: see [`TransformerDecoderLayer::forward_with`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn forward_with<'t>(
        &self,
        x: Var<'t, T>,
        memory: Var<'t, T>,
        own: AttentionOptions,
        of_memory: AttentionOptions,
    ) -> Var<'t, T> {
        let call = Call::enter(self, "transformer_decoder", x.tape());
        let mut y = x;
        for layer in &self.layers {
            y = layer.forward_with(y, memory, own.clone(), of_memory.clone());
        }
        if let Some(norm) = &self.norm {
            y = norm.forward(y);
        }
        call.output(y)
    }
}
