//! The options and the bookkeeping that every optimizer has, written once.

/// The builder methods that all optimizers share; `$slots` is where an optimizer keeps its
/// [`Slots`](super::slots::Slots).
macro_rules! shared_options {
    ($optimizer:ident: $($slots:tt).+) => {
        impl<T: Float> $optimizer<T> {
            /// Permits parameters that get no gradient.
            pub fn allow_unused(mut self) -> Self {
                self.$($slots).+.allow_unused = true;
                self
            }

            /// Parameters with a learning rate or a weight decay of their own: see
            /// [`ParameterGroup`](super::ParameterGroup).
            pub fn group(mut self, group: super::ParameterGroup) -> Self {
                self.$($slots).+.add_group(group);
                self
            }

            /// Never changes the parameters whose name fits, which then need no gradient.
            pub fn freeze(self, fits: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
                self.group(super::ParameterGroup::new(fits).frozen())
            }

            /// Cuts each element of a gradient to -bound..=bound. Of the three ways to clip, the
            /// last one that was asked for holds; all come before weight decay.
            ///
            /// # Panics
            /// The bound is not above 0.
            #[track_caller]
            pub fn clip_value(mut self, bound: f64) -> Self {
                use super::clipping::Clipping;
                self.$($slots).+.clipping = Clipping::checked("clip_value", bound, Clipping::Value);
                self
            }

            /// Shortens each parameter's gradient to at most this length (root of its sum of squares).
            ///
            /// # Panics
            /// The bound is not above 0.
            #[track_caller]
            pub fn clip_norm(mut self, bound: f64) -> Self {
                use super::clipping::Clipping;
                self.$($slots).+.clipping = Clipping::checked("clip_norm", bound, Clipping::Norm);
                self
            }

            /// Shortens all gradients by one factor, so that together they are at most this long:
            /// the direction of the step stays (Pascanu, Mikolov and Bengio, 2013). Frozen
            /// parameters do not count.
            ///
            /// # Panics
            /// The bound is not above 0.
            #[track_caller]
            pub fn clip_global_norm(mut self, bound: f64) -> Self {
                use super::clipping::Clipping;
                self.$($slots).+.clipping = Clipping::checked("clip_global_norm", bound, Clipping::GlobalNorm);
                self
            }

            /// Takes one step with the mean of the gradients of each `batches` calls of
            /// [`step`](super::Optimizer::step); the calls between change nothing. It costs a
            /// buffer a parameter.
            ///
            /// # Panics
            /// `batches` is 0.
            #[track_caller]
            pub fn accumulate(mut self, batches: u64) -> Self {
                assert!(batches > 0, "accumulate: a step every 0 batches; at least 1 is needed");
                self.$($slots).+.batches = batches;
                self
            }
        }
    };
}

/// The two kinds of weight decay.
macro_rules! weight_decay_options {
    ($optimizer:ident) => {
        impl<T: Float> $optimizer<T> {
            /// Adds this much of each weight to its gradient. Default 0.
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                (self.slots.weight_decay, self.slots.decoupled) = (weight_decay, false);
                self
            }

            /// Shrinks the weights themselves, as [`AdamW`](super::AdamW) does: times the learning
            /// rate, what each loses of itself at a step. Default 0.
            pub fn decoupled_weight_decay(mut self, weight_decay: f64) -> Self {
                (self.slots.weight_decay, self.slots.decoupled) = (weight_decay, true);
                self
            }
        }
    };
}

/// The methods of [`Optimizer`](super::Optimizer) besides `step`, for one whose `accumulators()`
/// names what it keeps of each parameter.
macro_rules! shared_methods {
    ($kind:literal) => {
        fn learning_rate(&self) -> f64 {
            self.slots.learning_rate
        }

        fn set_learning_rate(&mut self, learning_rate: f64) {
            self.slots.learning_rate = learning_rate;
        }

        fn steps(&self) -> u64 {
            self.slots.steps()
        }

        fn state(&self, model: &dyn Module<T>) -> crate::State<T> {
            self.slots.state($kind, self.accumulators(), model)
        }

        fn restore(
            &mut self,
            model: &dyn Module<T>,
            state: &crate::State<T>,
        ) -> Result<(), crate::StateError> {
            let names = self.accumulators();
            self.slots.restore($kind, names, model, state)
        }
    };
}

pub(super) use {shared_methods, shared_options, weight_decay_options};
