//! Multi-head attention.

use super::call::{Call, require};
use super::dense::Dense;
use crate::forward::Forward;
use crate::init::Init;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{AttentionOptions, Float, Parameter, Shape, Tensor, Var};

/// Attention of several heads, each over its own part of a projection of queries, keys and values
/// `[batch, length, dim]`. (A. Vaswani et al., "Attention is all you need", 2017, section 3.2.2.)
///
/// Parameters are PyTorch's: `in_proj_weight` `[3·dim, dim]` with the rows of queries, keys and values,
/// `in_proj_bias` `[3·dim]`, `out_proj.weight` `[dim, dim]`, `out_proj.bias` `[dim]`. As there they start
/// Glorot-uniform (`out_proj` too) and zero.
///
/// [`Forward`] is attention of a sequence to itself, in one operation; [`attend`](Self::attend) that of
/// queries to other keys and values.
///
/// ```
/// use wengert_nn::prelude::*;
/// let attention: MultiHeadAttention = MultiHeadAttention::new(8, 2, &mut seeded(0)).causal(true);
/// let tape = GradientTape::new();
/// let x = tape.constant(Tensor::ones(&[3, 5, 8]));
/// assert_eq!(attention.forward(x).shape()[..], [3, 5, 8]);
/// let memory = tape.constant(Tensor::ones(&[3, 7, 8]));
/// let y = attention.attend(x, memory, memory, AttentionOptions::new());
/// assert_eq!(y.shape()[..], [3, 5, 8]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct MultiHeadAttention<T: Float = f32> {
    in_proj_weight: Parameter<T>,
    in_proj_bias: Option<Parameter<T>>,
    out_proj: Dense<T>,
    heads: usize,
    causal: bool,
    dropout: f64,
}

impl<T: Float> MultiHeadAttention<T> {
    /// Attention of `heads` heads over vectors of `dim` numbers.
    ///
    /// # Panics
    /// The heads do not divide `dim`.
    #[track_caller]
    pub fn new(dim: usize, heads: usize, rng: &mut impl Rng) -> MultiHeadAttention<T> {
        MultiHeadAttention::with_bias(dim, heads, true, rng)
    }

    /// Attention whose projections have no bias.
    ///
    /// # Panics
    /// The heads do not divide `dim`.
    #[track_caller]
    pub fn without_bias(dim: usize, heads: usize, rng: &mut impl Rng) -> MultiHeadAttention<T> {
        MultiHeadAttention::with_bias(dim, heads, false, rng)
    }

    #[track_caller]
    pub(super) fn with_bias(dim: usize, heads: usize, bias: bool, rng: &mut impl Rng) -> Self {
        let divides = heads > 0 && dim > 0 && dim.is_multiple_of(heads);
        let fitting = format_args!("heads that divide the dimension {dim}");
        require(divides, "MultiHeadAttention", fitting, heads);
        let weight = Init::GlorotUniform.tensor(&[3 * dim, dim], rng);
        let layer = MultiHeadAttention {
            in_proj_weight: Parameter::new(weight),
            in_proj_bias: bias.then(|| Parameter::new(Tensor::zeros(&[3 * dim]))),
            out_proj: if bias { Dense::new(dim, dim, rng) } else { Dense::without_bias(dim, dim, rng) },
            heads,
            causal: false,
            dropout: 0.0,
        };
        layer.name_parameters();
        layer
    }

    /// Whether a position attends only to those up to itself, in [`Forward`] too. Default false.
    #[must_use]
    pub fn causal(self, causal: bool) -> MultiHeadAttention<T> {
        MultiHeadAttention { causal, ..self }
    }

    /// Dropout of the weights with which values are summed. Default 0.
    ///
    /// # Panics
    /// The rate is not in 0..=1.
    #[must_use]
    #[track_caller]
    pub fn dropout(self, rate: f64) -> MultiHeadAttention<T> {
        require((0.0..=1.0).contains(&rate), "MultiHeadAttention", "a rate from 0 to 1", rate);
        MultiHeadAttention { dropout: rate, ..self }
    }

    /// The number of heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The length of a vector.
    pub fn dim(&self) -> usize {
        self.in_proj_weight.value().shape()[1]
    }

    /// Attention of `x` to itself, with a mask: true where a query may attend to a key, to be stretched
    /// to the scores `[batch, heads, queries, keys]`. For sequences of different lengths it is
    /// `[batch, 1, 1, keys]`, true within each.
    ///
    /// # Panics
    /// `x` is not `[.., length, dim]`, or the mask does not stretch.
    #[track_caller]
    pub fn forward_with<'t>(&self, x: Var<'t, T>, options: AttentionOptions) -> Var<'t, T> {
        let tape = x.tape();
        let call = Call::enter(self, "multi_head_attention", tape);
        self.must_fit(&call, "x", &x.shape());
        let causal = options.causal || self.causal;
        let options = options.causal(causal);
        let projected = self.projected(x, 0, 3);
        let heads = if self.drops(x) {
            let parts = projected.chunk(3, -1);
            self.joined(self.weighed([parts[0], parts[1], parts[2]], options))
        } else {
            projected.self_attention(self.heads, options)
        };
        call.output(self.out_proj.forward(heads))
    }

    /// Attention of queries to the keys of values, `[.., queries, dim]` and twice `[.., keys, dim]`.
    ///
    /// # Panics
    /// The shapes are others, or the mask does not stretch to `[.., heads, queries, keys]`.
    #[track_caller]
    pub fn attend<'t>(
        &self,
        queries: Var<'t, T>,
        keys: Var<'t, T>,
        values: Var<'t, T>,
        options: AttentionOptions,
    ) -> Var<'t, T> {
        let call = Call::enter(self, "multi_head_attention", queries.tape());
        for (what, x) in [("queries", queries), ("keys", keys), ("values", values)] {
            self.must_fit(&call, what, &x.shape());
        }
        let (of_keys, of_values) = (keys.shape(), values.shape());
        if of_keys != of_values {
            call.refuse(self.text(), format_args!("values of the keys' shape {of_keys}"), of_values);
        }
        let causal = options.causal || self.causal;
        let options = options.causal(causal);
        let q = self.projected(queries, 0, 1);
        let (k, v) = if keys.id() == values.id() {
            let both = self.projected(keys, 1, 3).chunk(2, -1);
            (both[0], both[1])
        } else {
            (self.projected(keys, 1, 2), self.projected(values, 2, 3))
        };
        let heads = self.joined(self.weighed([q, k, v], options));
        call.output(self.out_proj.forward(heads))
    }

    fn text(&self) -> String {
        format!("MultiHeadAttention {}, {} heads", self.dim(), self.heads)
    }

    #[track_caller]
    fn must_fit(&self, call: &Call<'_, T>, what: &str, x: &Shape) {
        if x.len() < 2 || x.last() != Some(&self.dim()) {
            call.refuse(self.text(), format_args!("{what} [.., length, {}]", self.dim()), x);
        }
    }

    fn drops(&self, x: Var<'_, T>) -> bool {
        self.dropout > 0.0 && x.tape().training()
    }

    /// `x` times parts `from..to` of the three that the projection has.
    #[track_caller]
    fn projected<'t>(&self, x: Var<'t, T>, from: usize, to: usize) -> Var<'t, T> {
        let (tape, dim) = (x.tape(), self.dim());
        let rows = [((from * dim) as isize..(to * dim) as isize).into()];
        let mut weight = tape.parameter(&self.in_proj_weight);
        let whole = to - from == 3;
        if !whole {
            weight = weight.slice(&rows);
        }
        match &self.in_proj_bias {
            Some(bias) => {
                let mut bias = tape.parameter(bias);
                if !whole {
                    bias = bias.slice(&rows);
                }
                x.linear(weight, bias)
            }
            None => x.matmul_nt(weight),
        }
    }

    /// `[.., length, dim]` as `[.., heads, length, dim / heads]`.
    #[track_caller]
    fn apart<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        let outer = shape[..shape.len() - 1].iter().copied();
        let apart: Shape = outer.chain([self.heads, self.dim() / self.heads]).collect();
        x.reshape(&apart).transpose(-3, -2)
    }

    /// The other way round.
    #[track_caller]
    fn joined<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let x = x.transpose(-3, -2);
        let shape = x.shape();
        let joined: Shape = shape[..shape.len() - 2].iter().copied().chain([self.dim()]).collect();
        x.reshape(&joined)
    }

    /// What the heads see, `[.., heads, queries, dim / heads]`.
    #[track_caller]
    fn weighed<'t>(&self, [q, k, v]: [Var<'t, T>; 3], options: AttentionOptions) -> Var<'t, T> {
        let drops = self.drops(q);
        let [q, k, v] = [self.apart(q), self.apart(k), self.apart(v)];
        if !drops {
            return q.attention(k, v, options);
        }
        // The weights themselves are needed: attention of the keys' positions gives them.
        let keys = k.shape()[k.shape().len() - 2];
        let positions = q.tape().constant(Tensor::eye(keys));
        q.attention(k, positions, options).dropout(self.dropout).matmul(v)
    }
}

impl<T: Float> Forward<T> for MultiHeadAttention<T> {
    /// # Panics
    /// `x` is not `[.., length, dim]`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_with(x, AttentionOptions::new())
    }
}
