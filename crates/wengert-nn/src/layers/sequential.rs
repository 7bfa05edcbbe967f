//! Layers one after the other.

use super::call::{Call, require};
use crate::forward::{Forward, Layer};
use crate::module::{Module, Path, name_from};
use std::fmt;
use wengert::{Float, Parameter, Var};

/// A model that is a list of layers, each fed with the one before.
///
/// Parameters are named by position, as in PyTorch (`0.weight`), or by the name given with
/// [`named`](Sequential::named); the same word is the scope of the layer's operations on the tape.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let model: Sequential = Sequential::new()
///     .named("hidden", Dense::new(784, 512, &mut rng))
///     .layer(Relu)
///     .layer(Dense::new(512, 10, &mut rng));
/// let names: Vec<String> = model.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["hidden.weight", "hidden.bias", "2.weight", "2.bias"]);
/// ```
#[derive(Default)]
pub struct Sequential<T: Float = f32> {
    layers: Vec<(String, Box<dyn Layer<T>>)>,
}

impl<T: Float> Sequential<T> {
    /// A model without layers: its output is its input.
    pub fn new() -> Sequential<T> {
        Sequential { layers: Vec::new() }
    }

    /// This model with one more layer at the end, named by its position.
    #[must_use]
    #[track_caller]
    pub fn layer(self, layer: impl Layer<T> + 'static) -> Sequential<T> {
        let name = self.layers.len().to_string();
        self.named(&name, layer)
    }

    /// This model with one more layer at the end, under a name.
    ///
    /// # Panics
    /// Another layer has the name, or it is empty or has a dot or slash, which separate names.
    #[must_use]
    #[track_caller]
    pub fn named(mut self, name: &str, layer: impl Layer<T> + 'static) -> Sequential<T> {
        let free = self.layers.iter().all(|(other, _)| other != name);
        require(free, "Sequential", "a name of its own for each layer", format_args!("`{name}` twice"));
        let plain = !name.is_empty() && !name.contains(['.', '/']);
        require(plain, "Sequential", "a name without dots and slashes", format_args!("`{name}`"));
        name_from(&layer, &Path::root().child(name));
        self.layers.push((name.to_string(), Box::new(layer)));
        self
    }

    /// The layer of this name, such as `hidden` or `2`.
    pub fn get(&self, name: &str) -> Option<&dyn Layer<T>> {
        self.layers.iter().find(|(own, _)| own == name).map(|(_, layer)| &**layer)
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<T: Float> Forward<T> for Sequential<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let call = Call::enter_list(self, "sequential", tape);
        // A loop, because a closure would be the place of operations.
        let mut y = x;
        for (name, layer) in &self.layers {
            let _scope = tape.scope_for_layer(name);
            y = layer.forward(y);
        }
        call.output(y)
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        self.layers.iter().for_each(|(name, layer)| layer.visit(&path.child(name), f));
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        self.layers.iter_mut().for_each(|(name, layer)| layer.visit_mut(&path.child(name), f));
    }
}

/// The names of the layers: `Sequential ["hidden", "1"]`.
impl<T: Float> fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sequential ")?;
        f.debug_list().entries(self.layers.iter().map(|(name, _)| name)).finish()
    }
}
