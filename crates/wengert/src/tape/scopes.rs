//! Module scopes: names around runs of nodes, such as `encoder/hidden`.
//!
//! A layer opens one too. It knows where it stands in its model (`encoder.hidden`), perhaps not at
//! all, and who called it may have opened part of that already. So it opens only the rest: what of
//! its own path the scopes around it do not end with.

use super::{GradientTape, NodeId};
use crate::element::Float;
use crate::var::Var;

/// Module scopes as runs of ids: from a node on, a full name holds, or none.
#[derive(Default)]
pub(crate) struct Scopes {
    open: Vec<Open>,
    current: String,
    now: Option<u32>,
    /// Names are kept over resets, so that a training loop allocates none.
    names: Vec<String>,
    /// The name that a recording like the last one asks for next.
    expected: usize,
    runs: Vec<(u32, Option<u32>)>,
    calls: Vec<Call>,
    /// How many layers are being called.
    depth: usize,
}

/// A scope that is open.
struct Open {
    /// The length of the name around it, and that name.
    before: usize,
    around: Option<u32>,
    /// Made for a layer that has not been called yet.
    vacant: bool,
}

/// A layer that was called: its scope, kind and result.
struct Call {
    name: Option<u32>,
    named: bool,
    kind: &'static str,
    depth: usize,
    output: Option<NodeId>,
}

impl Scopes {
    /// Forgets the runs; the names are kept.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.open.clear();
        self.current.clear();
        self.now = None;
        self.expected = 0;
        self.calls.clear();
        self.depth = 0;
    }

    fn enter<'n>(&mut self, names: impl Iterator<Item = &'n str>, start: u32, vacant: bool) {
        self.open.push(Open { before: self.current.len(), around: self.now, vacant });
        for name in names {
            if !self.current.is_empty() {
                self.current.push('/');
            }
            self.current.push_str(name);
        }
        let name = self.name_of_current();
        self.run_from(start, Some(name));
    }

    fn leave(&mut self, start: u32) {
        if let Some(open) = self.open.pop() {
            self.current.truncate(open.before);
            self.run_from(start, open.around);
        }
    }

    fn run_from(&mut self, start: u32, name: Option<u32>) {
        if self.runs.last().is_some_and(|run| run.0 == start) {
            self.runs.pop();
        }
        self.runs.push((start, name));
        self.now = name;
    }

    fn name_of_current(&mut self) -> u32 {
        let is_current = |name: &String| *name == self.current;
        let name = match self.names.get(self.expected).is_some_and(is_current) {
            true => self.expected,
            false => self.names.iter().position(is_current).unwrap_or(self.names.len()),
        };
        if name == self.names.len() {
            self.names.push(self.current.clone());
        }
        self.expected = name + 1;
        name as u32
    }

    /// Opens what a layer's path has more than the scopes around it; whether anything was opened.
    fn enter_layer(&mut self, path: Option<&str>, kind: &'static str, start: u32) -> bool {
        let rest = path.map_or(kind, |path| beyond(&self.current, path));
        let vacant = self.open.last().is_some_and(|open| open.vacant);
        let opens = if path.is_some() { !rest.is_empty() } else { !vacant };
        if opens {
            // A path in a model, `encoder.hidden`, is a scope in a scope.
            self.enter(rest.split('.'), start, false);
        } else if let Some(open) = self.open.last_mut() {
            open.vacant = false;
        }
        let named = path.is_some() || !opens;
        self.calls.push(Call { name: self.now, named, kind, depth: self.depth, output: None });
        self.depth += 1;
        opens
    }

    fn text(&self, name: Option<u32>) -> &str {
        name.map_or("", |name| &self.names[name as usize])
    }
}

/// What of a path comes after the longest part of it that `scopes` end with.
fn beyond<'p>(scopes: &str, path: &'p str) -> &'p str {
    let mut ends = [path.len()].into_iter().chain(path.rmatch_indices('.').map(|(at, _)| at));
    let is_open = |part: &str| {
        let around = scopes.len().checked_sub(part.len()).and_then(|at| scopes.split_at_checked(at));
        around.is_some_and(|(before, tail)| {
            let same = tail.bytes().zip(part.bytes()).all(|(a, b)| a == b || (a == b'/' && b == b'.'));
            same && (before.is_empty() || before.ends_with('/'))
        })
    };
    let open = ends.find(|&end| is_open(&path[..end]));
    open.map_or(path, |end| path.get(end + 1..).unwrap_or(""))
}

/// An open scope; see [`GradientTape::scope`].
pub struct Scope<'t, T: Float = f32> {
    tape: &'t GradientTape<T>,
}

impl<T: Float> Drop for Scope<'_, T> {
    fn drop(&mut self) {
        let start = self.tape.len() as u32;
        self.tape.scopes.borrow_mut().leave(start);
    }
}

/// A layer that is being called; see [`GradientTape::layer_scope`].
pub struct LayerScope<'t, T: Float = f32> {
    tape: &'t GradientTape<T>,
    /// Its place among the calls; none for a model as a whole.
    call: Option<usize>,
    opened: bool,
}

impl<'t, T: Float> LayerScope<'t, T> {
    /// Where the layer stands, as far as its path or the scopes around it say so: `encoder.hidden`.
    pub fn path(&self) -> Option<String> {
        let scopes = self.tape.scopes.borrow();
        let call = scopes.calls.get(self.call?)?;
        call.named.then(|| scopes.text(call.name).replace('/', "."))
    }

    /// Notes the layer's result, and closes the scope.
    pub fn output(self, output: Var<'t, T>) -> Var<'t, T> {
        let mut scopes = self.tape.scopes.borrow_mut();
        if let Some(call) = self.call.and_then(|call| scopes.calls.get_mut(call)) {
            call.output = Some(output.id());
        }
        drop(scopes);
        output
    }
}

impl<T: Float> Drop for LayerScope<'_, T> {
    fn drop(&mut self) {
        let start = self.tape.len() as u32;
        let mut scopes = self.tape.scopes.borrow_mut();
        scopes.depth = scopes.depth.saturating_sub(self.call.is_some() as usize);
        if self.opened {
            scopes.leave(start);
        }
    }
}

/// A layer that was called in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerCall {
    /// Its scope, joined by dots: `encoder.hidden`. Later calls in the same scope have `#2`, `#3`, .. added.
    pub path: String,
    /// What it is: `dense`, `conv2d`, ..
    pub kind: &'static str,
    /// In how many other layers it was called.
    pub depth: usize,
    /// Its result; `None` if it has not been noted.
    pub output: Option<NodeId>,
}

impl<T: Float> GradientTape<T> {
    /// Opens a scope: nodes recorded until the guard is dropped carry its name.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// let y = {
    ///     let _scope = tape.scope("hidden");
    ///     x.tanh()
    /// };
    /// assert_eq!(tape.scope_of(y.id()), "hidden");
    /// assert_eq!(tape.scope_of(x.id()), "");
    /// ```
    #[must_use = "the scope closes when the guard is dropped"]
    pub fn scope(&self, name: &str) -> Scope<'_, T> {
        self.open_scope(name, false)
    }

    /// [`scope`](GradientTape::scope) for a layer that does not know where it stands: it opens none of
    /// its own then.
    #[must_use = "the scope closes when the guard is dropped"]
    pub fn scope_for_layer(&self, name: &str) -> Scope<'_, T> {
        self.open_scope(name, true)
    }

    fn open_scope(&self, name: &str, vacant: bool) -> Scope<'_, T> {
        let start = self.len() as u32;
        self.scopes.borrow_mut().enter([name].into_iter(), start, vacant);
        Scope { tape: self }
    }

    /// Opens the scope of a layer, by its path in the model, as far as it is not open already. Without
    /// a path it is the one opened [for it](GradientTape::scope_for_layer), else one called by its kind.
    /// The empty path is the model itself, which has no scope and is not among the calls.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// let _encoder = tape.scope("encoder");
    /// let y = {
    ///     let layer = tape.layer_scope(Some("encoder.hidden"), "activation");
    ///     layer.output(x.tanh())
    /// };
    /// assert_eq!(tape.scope_of(y.id()), "encoder/hidden");
    /// let [call] = &tape.layer_calls()[..] else { panic!() };
    /// assert_eq!((call.path.as_str(), call.kind, call.output), ("encoder.hidden", "activation", Some(y.id())));
    /// ```
    #[must_use = "the scope closes when the guard is dropped"]
    pub fn layer_scope(&self, path: Option<&str>, kind: &'static str) -> LayerScope<'_, T> {
        if path == Some("") {
            return LayerScope { tape: self, call: None, opened: false };
        }
        let start = self.len() as u32;
        let mut scopes = self.scopes.borrow_mut();
        let opened = scopes.enter_layer(path, kind, start);
        LayerScope { tape: self, call: Some(scopes.calls.len() - 1), opened }
    }

    /// The layers that were called in this recording, in the order of their calls.
    pub fn layer_calls(&self) -> Vec<LayerCall> {
        let scopes = self.scopes.borrow();
        let mut calls: Vec<LayerCall> = Vec::with_capacity(scopes.calls.len());
        for (i, call) in scopes.calls.iter().enumerate() {
            let before = scopes.calls[..i].iter().filter(|other| other.name == call.name).count();
            let again = if before > 0 { format!("#{}", before + 1) } else { String::new() };
            let path = scopes.text(call.name).replace('/', ".") + &again;
            calls.push(LayerCall { path, kind: call.kind, depth: call.depth, output: call.output });
        }
        calls
    }

    /// The names of the scopes around a node, joined by `/`.
    pub fn scope_of(&self, id: NodeId) -> String {
        let scopes = self.scopes.borrow();
        let run = scopes.runs.partition_point(|&(start, _)| start <= id.0);
        scopes.text(run.checked_sub(1).and_then(|run| scopes.runs[run].1)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_of_a_path_is_not_opened_again() {
        assert_eq!(beyond("", "a.b"), "a.b");
        assert_eq!(beyond("a", "a.b"), "b");
        assert_eq!(beyond("a/b", "a.b"), "");
        assert_eq!(beyond("step/a", "a.b.c"), "b.c");
        assert_eq!(beyond("0", "0.0"), "0");
        assert_eq!(beyond("0/0", "0.0.0"), "0");
        assert_eq!(beyond("data", "a.b"), "a.b");
        assert_eq!(beyond("ä/b", "b.c"), "c");
    }

    #[test]
    fn layers_take_the_scope_that_was_opened_for_them_once() {
        let tape = GradientTape::<f64>::new();
        {
            let _first = tape.scope_for_layer("first");
            drop(tape.layer_scope(None, "dense"));
            drop(tape.layer_scope(None, "relu"));
        }
        drop(tape.layer_scope(None, "relu"));
        drop(tape.layer_scope(None, "relu"));
        let paths: Vec<String> = tape.layer_calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths, ["first", "first.relu", "relu", "relu#2"]);
    }
}
