//! What random layers ask of their tape: where to draw from, and whether it trains.
//!
//! Every random operation of a tape gets a stream of its own of one seeded generator. So masks of a
//! step differ from each other and from those of the step before, and a program that is run again
//! draws the same ones, on any number of threads.

use super::GradientTape;
use crate::element::Float;
use std::cell::Cell;

pub(super) struct Random {
    seed: Cell<u64>,
    /// Streams that were given out. Stream 0 is left to those who seed a generator of their own with
    /// the same number.
    drawn: Cell<u64>,
    training: Cell<bool>,
}

impl Random {
    pub(super) fn new() -> Random {
        Random { seed: Cell::new(0), drawn: Cell::new(0), training: Cell::new(true) }
    }
}

impl<T: Float> GradientTape<T> {
    /// Starts the random numbers of [`dropout`](crate::Var::dropout) anew: equal seeds are followed
    /// by equal masks. A new tape has seed 0.
    ///
    /// A [`reset`](GradientTape::reset) starts nothing anew: the next step goes on with other masks.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let mut tape = GradientTape::<f64>::new();
    /// let x = Tensor::ones(&[100]);
    /// let mut step = |seed: Option<u64>| {
    ///     tape.reset();
    ///     seed.inspect(|&seed| tape.seed(seed));
    ///     tape.constant(&x).dropout(0.5).value()
    /// };
    /// let first = step(Some(7));
    /// assert_ne!(step(None), first);
    /// assert_eq!(step(Some(7)), first);
    /// ```
    pub fn seed(&self, seed: u64) {
        self.random.seed.set(seed);
        self.random.drawn.set(0);
    }

    /// Seed and stream of a generator for one more random operation.
    pub(crate) fn next_stream(&self) -> (u64, u64) {
        self.random.drawn.set(self.random.drawn.get() + 1);
        (self.random.seed.get(), self.random.drawn.get())
    }

    /// Whether layers that train otherwise than they are used, such as dropout, shall train. A new
    /// tape does; it stays as it is over a [`reset`](GradientTape::reset).
    pub fn training(&self) -> bool {
        self.random.training.get()
    }

    /// Sets [`training`](GradientTape::training) for what is recorded from here on.
    pub fn set_training(&self, training: bool) {
        self.random.training.set(training);
    }
}
