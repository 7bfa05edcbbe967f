//! Running values, such as those of batch normalisation: what a forward pass has to say about
//! parameters that no gradient moves.
//!
//! A layer that is only borrowed cannot change them, and a pass that no step follows should not. So
//! the tape keeps what is to be done, a sweep hands on what its targets depend on, and the step that
//! uses the gradients does it. Linear updates, k·old + a, do without the old value until then; so two
//! passes of one recording follow each other as two steps would.

use super::{GradientTape, NodeId};
use crate::element::Float;
use crate::gradients::Gradients;
use crate::parameter::{Parameter, ParameterId};
use crate::tensor::Tensor;
use crate::var::Var;

/// A parameter's value becomes keep · value + add.
#[derive(Clone)]
pub(crate) struct Update<T> {
    parameter: ParameterId,
    /// What the forward pass goes on with.
    of: NodeId,
    keep: f64,
    add: Tensor<T>,
}

impl<T: Float> GradientTape<T> {
    /// Has a [state](Parameter::state) become `keep` · state + `add`, by the step that uses gradients
    /// of something that depends on `of`; see [`Gradients::update_state`].
    ///
    /// # Panics
    /// The parameter is no state, `add` has another shape, or `of` belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, Parameter, tensor};
    /// let mut mean = Parameter::state(tensor![1.0]);
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![4.0, 6.0]);
    /// tape.update_state(&mean, 0.9, tensor![0.1 * 5.0], x); // a running mean with momentum 0.1
    /// let grads = x.square().sum().backward();
    /// assert!(grads.update_state(&mut mean));
    /// assert_eq!(mean.value(), &tensor![1.4]);
    /// ```
    #[track_caller]
    pub fn update_state(&self, parameter: &Parameter<T>, keep: f64, add: Tensor<T>, of: Var<'_, T>) {
        assert!(parameter.is_state(), "update_state: expected a parameter made by `Parameter::state`");
        let (own, given) = (parameter.value().shape(), add.shape());
        assert!(own == given, "update_state: expected an addend of the state's shape {own}, got {given}");
        let of = self.own(of);
        self.updates.borrow_mut().push(Update { parameter: parameter.id(), of, keep, add });
    }

    /// What is to be done to states if these targets are gone down from.
    pub(crate) fn updates_on_the_way_to(&self, targets: &[NodeId]) -> Vec<Update<T>> {
        let (updates, arena) = (self.updates.borrow(), self.arena.borrow());
        let Some(start) = updates.iter().map(|update| update.of.index()).min() else { return Vec::new() };
        let end = targets.iter().max().map_or(0, |target| target.index() + 1).max(start);
        let mut needed = vec![false; end - start];
        let in_range = |id: usize| (start..end).contains(&id).then(|| id - start);
        targets.iter().filter_map(|target| in_range(target.index())).for_each(|i| needed[i] = true);
        for id in (start..end).rev() {
            if needed[id - start] {
                let inputs = arena.inputs(&arena.nodes[id]).iter();
                inputs.filter_map(|&input| in_range(input as usize)).for_each(|i| needed[i] = true);
            }
        }
        let is_needed = |update: &&Update<T>| in_range(update.of.index()).is_some_and(|i| needed[i]);
        updates.iter().filter(is_needed).cloned().collect()
    }
}

impl<T: Float> Gradients<T> {
    /// Does to a state what the forward passes under these gradients asked for with
    /// [`GradientTape::update_state`], in their order; gives whether there was anything. Optimizers do
    /// it in each step.
    pub fn update_state(&self, parameter: &mut Parameter<T>) -> bool {
        let mut any = false;
        let id = parameter.id();
        for Update { keep, add, .. } in self.updates.iter().filter(|update| update.parameter == id) {
            let keep = T::from_f64(*keep);
            let new = parameter.value().zip_map(add, |old, add| keep * old + add);
            parameter.replace(new);
            any = true;
        }
        any
    }
}
