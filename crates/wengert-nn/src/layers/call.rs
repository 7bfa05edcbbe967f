//! A layer that is being called: its scope on the tape, and what it says to an input that does not fit.
//!
//! Everything here is `#[track_caller]`, and no layer calls an operation in a closure, which would be
//! its place: so places on the tape and panics are the line that called the model, through any number
//! of layers.

use crate::module::{Module, Path};
use std::fmt::Display;
use wengert::{Float, GradientTape, LayerScope, Var};

/// An open call of a layer.
pub(crate) struct Call<'t, T: Float> {
    scope: LayerScope<'t, T>,
}

impl<'t, T: Float> Call<'t, T> {
    /// Opens the scope of `layer`.
    pub(crate) fn enter(
        layer: &(impl Module<T> + ?Sized),
        kind: &'static str,
        tape: &'t GradientTape<T>,
    ) -> Call<'t, T> {
        with_path(layer, |path| Call { scope: tape.layer_scope(path.filter(|path| !path.is_empty()), kind) })
    }

    /// Opens the scope of a list of layers, which has none where it is the whole model.
    pub(crate) fn enter_list(
        list: &(impl Module<T> + ?Sized),
        kind: &'static str,
        tape: &'t GradientTape<T>,
    ) -> Call<'t, T> {
        with_path(list, |path| Call { scope: tape.layer_scope(path, kind) })
    }

    /// Panics with where the layer is, what it is, what it takes and what it was given.
    #[track_caller]
    pub(crate) fn refuse(&self, layer: impl Display, expected: impl Display, given: impl Display) -> ! {
        match self.scope.path() {
            Some(path) => panic!("model.{path} ({layer}): expected {expected}, got {given}"),
            None => panic!("{layer}: expected {expected}, got {given}"),
        }
    }

    /// Closes the scope after the layer's result.
    pub(crate) fn output(self, y: Var<'t, T>) -> Var<'t, T> {
        self.scope.output(y)
    }
}

/// Where a layer stands in its model: what its first parameter's name has before its own path in the
/// layer.
fn with_path<T: Float, R>(layer: &(impl Module<T> + ?Sized), f: impl FnOnce(Option<&str>) -> R) -> R {
    let (mut name, mut len, mut first) = (None, None, true);
    layer.visit(&Path::root(), &mut |own, parameter| {
        if first {
            name = parameter.name();
            len = name.as_deref().and_then(|name| own.before(name)).map(str::len);
            first = false;
        }
    });
    f(name.as_deref().zip(len).map(|(name, len)| &name[..len]))
}

/// A panic where a layer is made, unless `fits`.
#[track_caller]
pub(crate) fn require(fits: bool, layer: &str, expected: impl Display, given: impl Display) {
    if !fits {
        panic!("{layer}: expected {expected}, got {given}");
    }
}

/// One number for a pair of equal ones.
pub(crate) fn pair([a, b]: [usize; 2]) -> String {
    if a == b { a.to_string() } else { format!("[{a}, {b}]") }
}
