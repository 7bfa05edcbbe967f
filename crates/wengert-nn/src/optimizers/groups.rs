//! Groups of parameters: those whose name says that they learn otherwise, or not at all.
//!
//! A name is looked at once, when its parameter is first met; later steps read what was found.

use std::fmt;
use std::sync::Arc;

/// Parameters with a learning rate or a weight decay of their own, or frozen.
///
/// Given to an optimizer with `group`. Where a parameter fits several groups, the one that was
/// given last counts.
///
/// ```
/// use wengert_nn::{optimizers::ParameterGroup, prelude::*};
///
/// #[derive(Module)]
/// struct Model { body: Dense, head: Dense }
/// # let mut rng = seeded(0);
/// # let mut model = Model { body: Dense::new(3, 4, &mut rng), head: Dense::new(4, 2, &mut rng) };
///
/// let mut optimizer = AdamW::new(1e-3)
///     .group(ParameterGroup::new(|name| name.ends_with("bias")).weight_decay(0.0))
///     .group(ParameterGroup::new(|name| name == "body.weight").learning_rate_factor(0.1))
///     .freeze(|name| name == "body.bias");
/// # let before = model.body.bias().unwrap().value().to_vec();
/// # let tape = GradientTape::new();
/// # let h = model.body.forward(tape.constant(Tensor::ones(&[1, 3])));
/// # let grads = model.head.forward(h).sum().backward();
/// optimizer.step(&mut model, &grads)?;
/// # assert_eq!(model.body.bias().unwrap().value().to_vec(), before);
/// # Ok::<(), wengert_nn::OptimizerError>(())
/// ```
#[derive(Clone)]
pub struct ParameterGroup {
    fits: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub(super) rate: Rate,
    pub(super) weight_decay: Option<f64>,
    pub(super) decoupled: Option<bool>,
    pub(super) frozen: bool,
}

/// The learning rate of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    Times(f64),
    Own(f64),
}

impl Rate {
    pub(super) fn of(self, rate: f64) -> f64 {
        match self {
            Rate::Times(factor) => rate * factor,
            Rate::Own(own) => own,
        }
    }
}

impl ParameterGroup {
    /// The parameters whose name `fits`, such as `layers.0.weight`; so far they learn as all do.
    pub fn new(fits: impl Fn(&str) -> bool + Send + Sync + 'static) -> ParameterGroup {
        ParameterGroup {
            fits: Arc::new(fits),
            rate: Rate::Times(1.0),
            weight_decay: None,
            decoupled: None,
            frozen: false,
        }
    }

    /// A learning rate of their own, which no schedule changes.
    pub fn learning_rate(self, learning_rate: f64) -> ParameterGroup {
        ParameterGroup { rate: Rate::Own(learning_rate), ..self }
    }

    /// The optimizer's learning rate, scheduled or not, times `factor`.
    pub fn learning_rate_factor(self, factor: f64) -> ParameterGroup {
        ParameterGroup { rate: Rate::Times(factor), ..self }
    }

    /// Another amount of weight decay, of the optimizer's kind.
    pub fn weight_decay(self, weight_decay: f64) -> ParameterGroup {
        ParameterGroup { weight_decay: Some(weight_decay), ..self }
    }

    /// Weight decay that adds to the gradient, whatever the optimizer's kind is.
    pub fn coupled_weight_decay(self, weight_decay: f64) -> ParameterGroup {
        ParameterGroup { weight_decay: Some(weight_decay), decoupled: Some(false), ..self }
    }

    /// Weight decay that shrinks the weights themselves, whatever the optimizer's kind is.
    pub fn decoupled_weight_decay(self, weight_decay: f64) -> ParameterGroup {
        ParameterGroup { weight_decay: Some(weight_decay), decoupled: Some(true), ..self }
    }

    /// They are never changed, and need no gradient.
    pub fn frozen(self) -> ParameterGroup {
        ParameterGroup { frozen: true, ..self }
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        (self.fits)(name)
    }
}

impl fmt::Debug for ParameterGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterGroup")
            .field("rate", &self.rate)
            .field("weight_decay", &self.weight_decay)
            .field("decoupled", &self.decoupled)
            .field("frozen", &self.frozen)
            .finish_non_exhaustive()
    }
}
