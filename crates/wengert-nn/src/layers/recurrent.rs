//! Recurrent networks: layers over layers, in one direction or both, over sequences of one length or
//! several.
//!
//! One struct of weights under three types, which differ in the operation of a layer. That runs over
//! `[steps, batch, ..]`; batches come first outside, as everywhere in this crate, unless asked otherwise.

mod packed;
mod stack;

use super::call::{Call, require};
use crate::forward::Forward;
use crate::module::{Module, Path};
use stack::{Cell, Run, Stack};
use wengert::rand::Rng;
use wengert::{Float, Parameter, Var};

/// How a recurrent network is made up.
///
/// ```
/// use wengert_nn::prelude::*;
/// let options = RecurrentOptions::new().layers(2).bidirectional(true);
/// let network: Lstm = Lstm::with_options(8, 16, options, &mut seeded(0));
/// let tape = GradientTape::new();
/// let y = network.forward(tape.constant(Tensor::zeros(&[4, 5, 8])));
/// assert_eq!(y.shape()[..], [4, 5, 32]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    layers: usize,
    bidirectional: bool,
    bias: bool,
    dropout: f64,
    batch_first: bool,
    return_sequences: bool,
}

impl Default for RecurrentOptions {
    fn default() -> Self {
        RecurrentOptions {
            layers: 1,
            bidirectional: false,
            bias: true,
            dropout: 0.0,
            batch_first: true,
            return_sequences: true,
        }
    }
}

impl RecurrentOptions {
    /// One layer in one direction, with biases, batches first, and the outputs of all steps.
    pub fn new() -> RecurrentOptions {
        RecurrentOptions::default()
    }

    /// So many layers, each over the outputs of the one before. Default 1.
    pub fn layers(self, layers: usize) -> RecurrentOptions {
        RecurrentOptions { layers, ..self }
    }

    /// Whether each layer also runs from the last step to the first, and gives both outputs side by
    /// side. Default false.
    pub fn bidirectional(self, bidirectional: bool) -> RecurrentOptions {
        RecurrentOptions { bidirectional, ..self }
    }

    /// Whether there are biases. Default true.
    pub fn bias(self, bias: bool) -> RecurrentOptions {
        RecurrentOptions { bias, ..self }
    }

    /// Dropout of each layer's outputs but the last one's. Default 0.
    pub fn dropout(self, rate: f64) -> RecurrentOptions {
        RecurrentOptions { dropout: rate, ..self }
    }

    /// Whether sequences are `[batch, steps, ..]`, as in Keras, or `[steps, batch, ..]`. Default true.
    pub fn batch_first(self, batch_first: bool) -> RecurrentOptions {
        RecurrentOptions { batch_first, ..self }
    }

    /// Whether [`Forward`] gives the last layer's outputs of all steps, or after the last step alone:
    /// `[batch, directions · hidden]`. Default true.
    pub fn return_sequences(self, return_sequences: bool) -> RecurrentOptions {
        RecurrentOptions { return_sequences, ..self }
    }
}

/// What a recurrent network gives.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RecurrentStates<'t, T: Float = f32> {
    /// The last layer's outputs, `[batch, steps, directions · hidden]`, or `[steps, batch, ..]` if
    /// batches do not come first. Behind the end of a shorter sequence they are zeros.
    pub outputs: Var<'t, T>,
    /// The hidden states after the last step of each sequence, `[layers · directions, batch, hidden]`.
    pub hidden: Var<'t, T>,
    /// The cell states after the last step, likewise, of an LSTM.
    pub cell: Option<Var<'t, T>>,
}

macro_rules! networks {
    ($($(#[$doc:meta])* $name:ident $cell:ident $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T: Float = f32> {
            stack: Stack<T>,
            options: RecurrentOptions,
        }

        impl<T: Float> $name<T> {
            /// One layer from `inputs` to `hidden` numbers a step.
            ///
            /// # Panics
            /// `hidden` is 0.
            #[track_caller]
            pub fn new(inputs: usize, hidden: usize, rng: &mut impl Rng) -> $name<T> {
                $name::with_options(inputs, hidden, RecurrentOptions::new(), rng)
            }

            /// A network with other [options](RecurrentOptions).
            ///
            /// # Panics
            /// `hidden` or the number of layers is 0, or dropout is not in 0..=1.
            #[track_caller]
            pub fn with_options(
                inputs: usize,
                hidden: usize,
                options: RecurrentOptions,
                rng: &mut impl Rng,
            ) -> $name<T> {
                let RecurrentOptions { layers, dropout, .. } = options;
                require(hidden > 0, stringify!($name), "at least one hidden number", hidden);
                require(layers > 0, stringify!($name), "at least one layer", layers);
                require((0.0..=1.0).contains(&dropout), stringify!($name), "a dropout from 0 to 1", dropout);
                $name { stack: Stack::new(Cell::$cell, inputs, hidden, &options, rng), options }
            }

            /// How it is made up.
            pub fn options(&self) -> &RecurrentOptions {
                &self.options
            }

            /// Outputs and last states of sequences `x` from states of zero.
            ///
            /// # Panics
            /// `x` is not `[batch, steps, inputs]`, or has no steps.
            #[track_caller]
            pub fn states<'t>(&self, x: Var<'t, T>) -> RecurrentStates<'t, T> {
                self.run(x, None, None)
            }

            /// [`states`](Self::states) of sequences of different lengths, whose ends are filled up with
            /// anything: what is behind the end is not looked at.
            ///
            /// # Panics
            /// As there, or there is not one length a sequence, from 1 to the number of steps.
            #[track_caller]
            pub fn states_of_lengths<'t>(&self, x: Var<'t, T>, lengths: &[usize]) -> RecurrentStates<'t, T> {
                self.run(x, Some(lengths), None)
            }

            #[track_caller]
            fn run<'t>(
                &self,
                x: Var<'t, T>,
                lengths: Option<&[usize]>,
                initial: Option<(Var<'t, T>, Option<Var<'t, T>>)>,
            ) -> RecurrentStates<'t, T> {
                let call = Call::enter(self, $kind, x.tape());
                let text = || self.stack.text(stringify!($name));
                if let Some(expected) = self.stack.misfit(&x.shape(), self.options.batch_first) {
                    call.refuse(text(), expected, x.shape());
                }
                let [steps, batch] = stack::steps_and_batch(&x.shape(), self.options.batch_first);
                if let Some(lengths) = lengths
                    && (lengths.len() != batch || lengths.iter().any(|n| !(1..=steps).contains(n)))
                {
                    let expected = format_args!("{batch} lengths from 1 to {steps}");
                    call.refuse(text(), expected, format_args!("{lengths:?}"));
                }
                let fitting = [self.stack.directions(), batch, self.stack.hidden()];
                if let Some((hidden, cell)) = initial {
                    for state in [hidden].into_iter().chain(cell) {
                        if state.shape()[..] != fitting {
                            call.refuse(text(), format_args!("initial states {fitting:?}"), state.shape());
                        }
                    }
                }
                let run = Run { lengths, initial, dropout: self.options.dropout };
                let states = self.stack.run(x, run, self.options.batch_first);
                call.output(states.outputs);
                states
            }
        }

        impl<T: Float> Forward<T> for $name<T> {
            /// The outputs of all steps, or after the last one: see [`RecurrentOptions::return_sequences`].
            ///
            /// # Panics
            /// `x` is not `[batch, steps, inputs]`, or has no steps.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let states = self.run(x, None, None);
                if self.options.return_sequences { states.outputs } else { self.stack.last(states.hidden) }
            }
        }

        impl<T: Float> Module<T> for $name<T> {
            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
                self.stack.visit(path, f);
            }

            fn visit_mut<'a>(
                &'a mut self,
                path: &Path<'_>,
                f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>),
            ) {
                self.stack.visit_mut(path, f);
            }
        }
    )*};
}

networks! {
    /// Plain recurrent networks: see [`Var::rnn`].
    ///
    /// Parameters are PyTorch's: `weight_ih_l0` `[hidden, in]`, `weight_hh_l0` `[hidden, hidden]`,
    /// `bias_ih_l0`, `bias_hh_l0` `[hidden]`, with the number of the layer, and `_reverse` behind it for the
    /// other direction. As in Keras they start Glorot-uniform, orthogonal and zero.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let network: Rnn = Rnn::new(3, 4, &mut seeded(0));
    /// let tape = GradientTape::new();
    /// let states = network.states(tape.constant(Tensor::ones(&[2, 5, 3])));
    /// assert_eq!(states.outputs.shape()[..], [2, 5, 4]);
    /// assert_eq!(states.hidden.shape()[..], [1, 2, 4]);
    /// ```
    Rnn Tanh "rnn";
    /// Long short-term memory: see [`Var::lstm`].
    ///
    /// Parameters are PyTorch's: `weight_ih_l0` `[4·hidden, in]`, `weight_hh_l0` `[4·hidden, hidden]`,
    /// `bias_ih_l0`, `bias_hh_l0` `[4·hidden]` with the rows of the gates i, f, g, o, the number of the layer,
    /// and `_reverse` behind it for the other direction. As in Keras they start Glorot-uniform, orthogonal
    /// and zero, but for `bias_ih` of the forget gate, which is 1 (R. Jozefowicz et al., 2015).
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let network: Lstm = Lstm::new(3, 4, &mut seeded(0));
    /// let tape = GradientTape::new();
    /// let x = tape.constant(Tensor::ones(&[2, 5, 3]));
    /// let states = network.states_of_lengths(x, &[5, 2]);
    /// assert_eq!(states.outputs.value().get(&[1, 2, 0]), Some(0.0)); // behind the end
    /// let next = network.states_from(x, states.hidden, states.cell.unwrap());
    /// assert_eq!(next.outputs.shape()[..], [2, 5, 4]);
    /// ```
    Lstm Lstm "lstm";
    /// Gated recurrent units: see [`Var::gru`].
    ///
    /// Parameters are PyTorch's: `weight_ih_l0` `[3·hidden, in]`, `weight_hh_l0` `[3·hidden, hidden]`,
    /// `bias_ih_l0`, `bias_hh_l0` `[3·hidden]` with the rows of the gates r, z, n, the number of the layer, and
    /// `_reverse` behind it for the other direction. As in Keras they start Glorot-uniform, orthogonal and
    /// zero.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let options = RecurrentOptions::new().return_sequences(false);
    /// let network: Gru = Gru::with_options(3, 4, options, &mut seeded(0));
    /// let tape = GradientTape::new();
    /// let y = network.forward(tape.constant(Tensor::ones(&[2, 5, 3])));
    /// assert_eq!(y.shape()[..], [2, 4]);
    /// ```
    Gru Gru "gru";
}

macro_rules! from_hidden {
    ($($name:ident)*) => {$(
        impl<T: Float> $name<T> {
            /// [`states`](Self::states) from given hidden states, `[layers · directions, batch, hidden]`.
            ///
            /// # Panics
            /// As there, or the states have another shape.
            #[track_caller]
            pub fn states_from<'t>(&self, x: Var<'t, T>, hidden: Var<'t, T>) -> RecurrentStates<'t, T> {
                self.run(x, None, Some((hidden, None)))
            }
        }
    )*};
}

from_hidden! { Rnn Gru }

impl<T: Float> Lstm<T> {
    /// [`states`](Self::states) from given hidden and cell states, `[layers · directions, batch, hidden]`.
    ///
    /// # Panics
    /// As there, or the states have another shape.
    #[track_caller]
    pub fn states_from<'t>(
        &self,
        x: Var<'t, T>,
        hidden: Var<'t, T>,
        cell: Var<'t, T>,
    ) -> RecurrentStates<'t, T> {
        self.run(x, None, Some((hidden, Some(cell))))
    }
}
