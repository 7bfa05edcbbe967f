//! One step of training, to be stepped through.

use super::step::{Part, mean_loss};
use super::{TrainError, Trainer};
use crate::forward::Model;
use crate::losses::AsTarget;
use std::sync::Arc;
use wengert::Float;
use wengert::trace::{Trace, TraceOptions};

impl<T: Float, M: Model<T>> Trainer<M, T> {
    /// The sweep of one batch, say of one sample, as a [`Trace`]: to be stepped through, explained, verified,
    /// written to a file. Parameters are called by their paths, fused operations are shown in
    /// their plain steps. [`with_checks`](Trace::with_checks) adds what differences say of each rule.
    /// Nothing is trained, and neither state nor metrics change.
    ///
    /// # Errors
    /// A target that the loss cannot take.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut rng = seeded(0);
    /// let model: Sequential = Sequential::new()
    ///     .named("hidden", Dense::new(2, 3, &mut rng))
    ///     .layer(Tanh)
    ///     .named("out", Dense::new(3, 2, &mut rng));
    /// let mut trainer = Trainer::new(model, Adam::new(0.1), SparseCategoricalCrossEntropy::from_logits());
    /// let trace = trainer.trace(&tensor![[1.0, 0.0]], &tensor![1usize])?;
    /// println!("{}", trace.explain(trace.find("hidden.weight")?));
    /// assert!(trace.verify().sums.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn trace<Y: AsTarget<T>>(&mut self, input: &M::Input, target: &Y) -> Result<Arc<Trace>, TrainError> {
        self.trace_with(input, target, TraceOptions::teaching())
    }

    /// [`trace`](Trainer::trace) with options.
    ///
    /// # Errors
    /// A target that the loss cannot take.
    #[track_caller]
    pub fn trace_with<Y: AsTarget<T>>(
        &mut self,
        input: &M::Input,
        target: &Y,
        options: TraceOptions,
    ) -> Result<Arc<Trace>, TrainError> {
        let Trainer { model, loss, tapes, .. } = self;
        let tape = &mut tapes[0];
        tape.reset();
        tape.set_training(true);
        let output = model.output(tape, input);
        let part = Part { input, target: target.as_target(), weights: None, rows: 0 };
        let (loss, _) = mean_loss(&**loss, output, part)?;
        let named = |options: TraceOptions, (path, parameter): (String, &wengert::Parameter<T>)| {
            // The same leaf, if the model uses it.
            options.name(tape.parameter(parameter), path)
        };
        let options = model.parameters().into_iter().fold(options, named);
        let trace = tape.trace_with(loss, options).expect("a mean loss is a scalar");
        tape.reset();
        Ok(trace)
    }
}
