//! Embeddings: rows of a table by number.

use super::call::{Call, require};
use crate::forward::{Layer, Model};
use crate::init::Init;
use crate::module::Module;
use std::fmt;
use wengert::rand::Rng;
use wengert::{Float, GradientTape, Parameter, Tensor, Var};

/// A vector for each token: tokens of any shape to that shape with an axis of `dim` behind it.
///
/// `weight` is `[count, dim]`, as in PyTorch; it starts uniform in ±0.05, as in Keras. It is a
/// [`Model`] of tokens; [`then`](Embedding::then) puts layers behind it.
///
/// ```
/// use wengert_nn::prelude::*;
/// let words: Embedding = Embedding::new(1000, 16, &mut seeded(0));
/// let tape = GradientTape::new();
/// let y = words.output(&tape, &tensor![[3usize, 1, 4], [1, 5, 9]]);
/// assert_eq!(y.shape()[..], [2, 3, 16]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Embedding<T: Float = f32> {
    weight: Parameter<T>,
    padding: Option<usize>,
}

impl<T: Float> Embedding<T> {
    /// A table of `count` rows.
    pub fn new(count: usize, dim: usize, rng: &mut impl Rng) -> Embedding<T> {
        let weight = Init::Uniform { low: -0.05, high: 0.05 }.tensor(&[count, dim], rng);
        Embedding { weight: Parameter::new(weight), padding: None }
    }

    /// New first weights.
    #[must_use]
    pub fn weight_init(self, init: Init, rng: &mut impl Rng) -> Embedding<T> {
        Embedding { weight: Parameter::new(init.tensor(self.weight.value().shape(), rng)), ..self }
    }

    /// Has this token stand for nothing: its vector becomes zero, and gets no gradient.
    ///
    /// # Panics
    /// It is not below the number of rows.
    #[must_use]
    #[track_caller]
    pub fn padding(mut self, token: usize) -> Embedding<T> {
        let weight = self.weight.value();
        let [count, dim] = weight.shape()[..] else { unreachable!("a table has two axes") };
        require(token < count, "Embedding", format_args!("a token below {count} for padding"), token);
        let rows = weight.as_slice().chunks_exact(dim.max(1)).enumerate();
        let zeroed =
            rows.flat_map(|(i, row)| row.iter().map(move |&x| if i == token { T::zero() } else { x }));
        let zeroed = Tensor::from_vec(zeroed.collect(), &[count, dim]).expect("one element each");
        self.weight.replace(zeroed);
        Embedding { padding: Some(token), ..self }
    }

    /// The table `[count, dim]`.
    pub fn weight(&self) -> &Parameter<T> {
        &self.weight
    }

    /// A model of tokens: the embedding, then `layers`.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut rng = seeded(0);
    /// let model: Embedded = Embedding::new(50, 8, &mut rng)
    ///     .then(Sequential::new().layer(Flatten).layer(Dense::new(24, 2, &mut rng)));
    /// let tape = GradientTape::new();
    /// assert_eq!(model.output(&tape, &tensor![[3usize, 1, 4]]).shape()[..], [1, 2]);
    /// ```
    pub fn then(self, layers: impl Layer<T> + 'static) -> Embedded<T> {
        let model = Embedded { embedding: self, layers: Box::new(layers) };
        model.name_parameters();
        model
    }

    /// The vectors of `tokens`.
    ///
    /// # Panics
    /// A token is not below the number of rows.
    #[track_caller]
    pub fn forward<'t>(&self, tape: &'t GradientTape<T>, tokens: &Tensor<usize>) -> Var<'t, T> {
        let call = Call::enter(self, "embedding", tape);
        let weight = self.weight.value().shape();
        let [count, dim] = weight[..] else { unreachable!("a table has two axes") };
        if let Some(token) = tokens.as_slice().iter().find(|&&token| token >= count) {
            let text = format_args!("Embedding {count} -> {dim}");
            call.refuse(text, format_args!("tokens below {count}"), token);
        }
        let mut y = tape.parameter(&self.weight).embedding(tokens);
        if let Some(padding) = self.padding {
            let mut mask = tokens.shape().to_vec();
            mask.push(1);
            let trained = tokens.map(|token| token != padding).reshape(&mask).expect("one element each");
            y = y.where_(&trained, y.detach());
        }
        call.output(y)
    }
}

/// An [`Embedding`] and the layers behind it: a [`Model`] of tokens.
#[derive(Module)]
pub struct Embedded<T: Float = f32> {
    embedding: Embedding<T>,
    layers: Box<dyn Layer<T>>,
}

impl<T: Float> Embedded<T> {
    /// The embedding.
    pub fn embedding(&self) -> &Embedding<T> {
        &self.embedding
    }

    /// The output for `tokens`.
    ///
    /// # Panics
    /// A token is not below the number of rows.
    #[track_caller]
    pub fn forward<'t>(&self, tape: &'t GradientTape<T>, tokens: &Tensor<usize>) -> Var<'t, T> {
        let x = self.embedding.forward(tape, tokens);
        let _scope = tape.scope_for_layer("layers");
        self.layers.forward(x)
    }
}

impl<T: Float> fmt::Debug for Embedded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("embedding", &self.embedding).finish_non_exhaustive()
    }
}

macro_rules! models {
    ($($name:ident $number:ty;)*) => {$(
        // Not for every T: another crate's number type could make this type `Forward` too.
        impl Model<$number> for $name<$number> {
            type Input = Tensor<usize>;

            #[track_caller]
            fn output<'t>(
                &self,
                tape: &'t GradientTape<$number>,
                tokens: &Tensor<usize>,
            ) -> Var<'t, $number> {
                self.forward(tape, tokens)
            }
        }
    )*};
}

models! { Embedding f32; Embedding f64; Embedded f32; Embedded f64; }
