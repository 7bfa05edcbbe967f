//! Layers with a way around them.

use super::call::Call;
use crate::forward::{Forward, Layer};
use crate::module::Module;
use std::fmt;
use wengert::{Float, Var};

/// x + body(x), or shortcut(x) + body(x). (K. He et al., "Deep residual learning", 2015.)
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let block: Residual = Residual::new(Sequential::new().layer(Relu).layer(Dense::new(8, 8, &mut rng)));
/// let wider: Residual = Residual::new(Dense::new(8, 16, &mut rng)).shortcut(Dense::new(8, 16, &mut rng));
/// let tape = GradientTape::new();
/// let x = tape.constant(Tensor::ones(&[4, 8]));
/// assert_eq!(block.forward(x).shape()[..], [4, 8]);
/// assert_eq!(wider.forward(x).shape()[..], [4, 16]);
/// ```
#[derive(Module)]
pub struct Residual<T: Float = f32> {
    body: Box<dyn Layer<T>>,
    shortcut: Option<Box<dyn Layer<T>>>,
}

impl<T: Float> Residual<T> {
    /// x + body(x).
    pub fn new(body: impl Layer<T> + 'static) -> Residual<T> {
        let block = Residual { body: Box::new(body), shortcut: None };
        block.name_parameters();
        block
    }

    /// A layer that brings x to the body's shape.
    #[must_use]
    pub fn shortcut(self, shortcut: impl Layer<T> + 'static) -> Residual<T> {
        let block = Residual { shortcut: Some(Box::new(shortcut)), ..self };
        block.name_parameters();
        block
    }
}

impl<T: Float> Forward<T> for Residual<T> {
    /// # Panics
    /// The body's output has another shape than what it is added to.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let call = Call::enter(self, "residual", tape);
        let body = {
            let _scope = tape.scope_for_layer("body");
            self.body.forward(x)
        };
        let around = match &self.shortcut {
            Some(shortcut) => {
                let _scope = tape.scope_for_layer("shortcut");
                shortcut.forward(x)
            }
            None => x,
        };
        let (expected, given) = (around.shape(), body.shape());
        if expected != given {
            let hint = if self.shortcut.is_none() { "; give it a shortcut of its own?" } else { "" };
            call.refuse(
                "Residual",
                format_args!("a body with output {expected}"),
                format_args!("{given}{hint}"),
            );
        }
        call.output(around + body)
    }
}

impl<T: Float> fmt::Debug for Residual<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Residual").field("shortcut", &self.shortcut.is_some()).finish_non_exhaustive()
    }
}
