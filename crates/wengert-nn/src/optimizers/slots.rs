//! What all optimizers share: the learning rate, the decay of weights, accumulators by parameter,
//! and the pass that uses them.
//!
//! Both kinds of decay are in that pass for every rule: two multiplications and an addition an
//! element, where the memory is what costs.

use super::OptimizerError;
use crate::module::{Module, Path};
use std::collections::HashMap;
use wengert::kernels::{update, update_into};
use wengert::{Float, Gradients, Parameter, ParameterId, Tensor};

/// The accumulators of each parameter, `N` of its shape, how many steps were made, and the options
/// that every optimizer has.
#[derive(Debug)]
pub(crate) struct Slots<T: Float> {
    by_parameter: HashMap<ParameterId, Slot<T>>,
    steps: u64,
    pub learning_rate: f64,
    pub weight_decay: f64,
    /// Whether the decay shrinks the weights themselves instead of adding to their gradients.
    pub decoupled: bool,
    pub allow_unused: bool,
}

#[derive(Debug)]
struct Slot<T: Float> {
    accumulators: Vec<Vec<T>>,
    /// The buffer to write into while somebody else holds the parameter's.
    spare: Option<Tensor<T>>,
}

impl<T: Float> Slots<T> {
    pub(crate) fn new(learning_rate: f64) -> Slots<T> {
        Slots {
            by_parameter: HashMap::new(),
            steps: 0,
            learning_rate,
            weight_decay: 0.0,
            decoupled: false,
            allow_unused: false,
        }
    }

    /// The number of the step that comes, from 1.
    pub(crate) fn next_step(&self) -> u64 {
        self.steps + 1
    }

    /// One step: `f(w, g, accumulators)` gives the new weight and accumulators of each element, from
    /// the weight or the gradient after its decay.
    pub(crate) fn step<const N: usize>(
        &mut self,
        model: &mut dyn Module<T>,
        grads: &Gradients<T>,
        f: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
    ) -> Result<(), OptimizerError> {
        if self.steps == 0 {
            model.name_parameters();
            if !self.allow_unused {
                refuse_unused(model, grads)?;
            }
        }
        model.update_state(grads);
        self.steps += 1;
        let (keep, decay) = match self.decoupled {
            true => (1.0 - self.learning_rate * self.weight_decay, 0.0),
            false => (1.0, self.weight_decay),
        };
        let (keep, decay) = (T::from_f64(keep), T::from_f64(decay));
        let f = |w: T, g: T, state: [T; N]| f(keep * w, g + decay * w, state);
        model.visit_mut(&Path::root(), &mut |_, parameter| {
            let Some(gradient) = grads.parameter(parameter) else { return };
            let slot = self.by_parameter.entry(parameter.id()).or_insert_with(|| Slot {
                accumulators: vec![vec![T::zero(); parameter.value().len()]; N],
                spare: None,
            });
            slot.apply(parameter, gradient, f);
        });
        Ok(())
    }
}

impl<T: Float> Slot<T> {
    fn apply<const N: usize>(
        &mut self,
        parameter: &mut Parameter<T>,
        gradient: &Tensor<T>,
        f: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
    ) {
        let mut accumulators = self.accumulators.iter_mut();
        let state: [&mut [T]; N] =
            std::array::from_fn(|_| &mut accumulators.next().expect("N accumulators were made")[..]);
        if let Some(w) = parameter.get_mut() {
            return update(w, gradient.as_slice(), state, f);
        }
        let mut spare = self.spare.take();
        let free = spare.as_mut().is_some_and(|spare| spare.get_mut().is_some());
        let zeros = || Tensor::zeros(parameter.value().shape());
        let mut new = spare.filter(|_| free).unwrap_or_else(zeros);
        let into = new.get_mut().expect("the spare buffer is unshared");
        update_into(parameter.value().as_slice(), into, gradient.as_slice(), state, f);
        self.spare = Some(parameter.replace(new));
    }
}

fn refuse_unused<T: Float>(model: &dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
    let mut unused = None;
    model.visit(&Path::root(), &mut |path, parameter| {
        if !parameter.is_trainable() {
            return;
        }
        if let (None, Some(reason)) = (&unused, grads.why(parameter)) {
            unused = Some(OptimizerError::Unused { path: path.to_string(), reason });
        }
    });
    unused.map_or(Ok(()), Err)
}
