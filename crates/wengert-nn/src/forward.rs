//! From inputs to outputs: layers take a variable, models take a tape and a batch.

use crate::module::Module;
use crate::summary::{self, Summary, UnknownLayer};
use wengert::{Float, GradientTape, Tensor, Var};

/// What maps one variable to another: a layer, or a model made of layers.
///
/// Operations inside carry the line that called `forward`, if the implementation has
/// `#[track_caller]` and calls them in no closure (or in [`GradientTape::located`]); the layers of this
/// crate do.
///
/// ```
/// use wengert_nn::prelude::*;
///
/// #[derive(Module)]
/// struct Mlp { hidden: Dense, out: Dense }
///
/// impl Forward for Mlp {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         self.out.forward(self.hidden.forward(x).relu())
///     }
/// }
/// # let mut rng = seeded(0);
/// let model = Mlp { hidden: Dense::new(4, 8, &mut rng), out: Dense::new(8, 2, &mut rng) };
/// let tape = GradientTape::new();
/// let logits = model.forward(tape.constant(Tensor::ones(&[3, 4])));
/// assert_eq!(logits.shape()[..], [3, 2]);
/// ```
pub trait Forward<T: Float = f32> {
    /// The output for `x`, recorded on `x`'s tape.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;

    /// The model's layers, with the shapes of their outputs and how many parameters they have, for
    /// inputs of this shape. A length of 0 stands for any, as a rule that of the batch: what depends on
    /// it is shown as `?`. See [`Summary`]; it is found by an evaluation of zeros.
    ///
    /// # Panics
    /// The model does not take inputs of this shape.
    #[track_caller]
    fn summary(&self, input_shape: &[usize]) -> Summary
    where
        Self: Module<T> + Sized,
    {
        let zeros = |any: usize| {
            let shape: Vec<usize> = input_shape.iter().map(|&n| if n == 0 { any } else { n }).collect();
            Tensor::zeros(&shape)
        };
        match input_shape.contains(&0) {
            true => Summary::of_two(self, [&zeros(1), &zeros(2)]),
            false => Summary::of(self, &zeros(1)),
        }
    }

    /// The output of the layer called `name` (as in the [`summary`](Forward::summary)) in an evaluation
    /// of the model.
    ///
    /// # Errors
    /// The model called no such layer; the error lists those that it called.
    ///
    /// # Panics
    /// The model does not take inputs of this shape.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut rng = seeded(0);
    /// let model: Sequential = Sequential::new()
    ///     .named("conv1", Conv2d::new(1, 4, 3, &mut rng))
    ///     .layer(Flatten);
    /// let images = Tensor::ones(&[2, 1, 8, 8]);
    /// assert_eq!(model.activations(&images, "conv1")?.shape()[..], [2, 4, 6, 6]);
    /// let error = model.activations(&images, "conv2").unwrap_err();
    /// assert_eq!(error.to_string(), "the model called no layer `conv2`; it called conv1, 1");
    /// # Ok::<(), wengert_nn::UnknownLayer>(())
    /// ```
    #[track_caller]
    fn activations(&self, x: &Tensor<T>, name: &str) -> Result<Tensor<T>, UnknownLayer>
    where
        Self: Module<T> + Sized,
    {
        summary::activations(self, x, name)
    }
}

/// As what is inside.
impl<T: Float, L: Forward<T> + ?Sized> Forward<T> for Box<L> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        (**self).forward(x)
    }
}

/// As what is inside; `None` changes nothing.
impl<T: Float, L: Forward<T>> Forward<T> for Option<L> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        match self {
            Some(layer) => layer.forward(x),
            None => x,
        }
    }
}

macro_rules! lists {
    ($($(const $n:ident,)? $list:ty;)*) => {$(
        /// One after the other.
        impl<T: Float, L: Forward<T> $(, const $n: usize)?> Forward<T> for $list {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                // A loop, because a closure would be the place of operations.
                let mut y = x;
                for layer in self {
                    y = layer.forward(y);
                }
                y
            }
        }
    )*};
}

lists! { [L]; Vec<L>; const N, [L; N]; }

/// A layer that can stand in a [`Sequential`](crate::layers::Sequential) beside others.
pub trait Layer<T: Float = f32>: Forward<T> + Module<T> + Send + Sync {}

impl<T: Float, L: Forward<T> + Module<T> + Send + Sync> Layer<T> for L {}

/// What a [`Trainer`](crate::Trainer) trains: a tape and a batch in, a variable out.
///
/// Everything that is [`Forward`] is a model over tensors. Implement this trait itself for inputs
/// that are not numbers to differentiate, such as tokens.
pub trait Model<T: Float = f32>: Module<T> {
    /// A batch of inputs.
    type Input;
    /// The output for a batch, recorded on `tape`.
    #[track_caller]
    fn output<'t>(&self, tape: &'t GradientTape<T>, input: &Self::Input) -> Var<'t, T>;
}

impl<T: Float, M: Forward<T> + Module<T>> Model<T> for M {
    type Input = Tensor<T>;

    #[track_caller]
    fn output<'t>(&self, tape: &'t GradientTape<T>, input: &Tensor<T>) -> Var<'t, T> {
        self.forward(tape.constant(input))
    }
}
