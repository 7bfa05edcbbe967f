//! Module scopes: names around runs of nodes, such as `encoder/hidden`.

use super::{GradientTape, NodeId};
use crate::element::Float;

/// Module scopes as runs of ids: from a node on, its full name holds.
#[derive(Default)]
pub(crate) struct Scopes {
    open: Vec<usize>,
    current: String,
    /// Names are kept over resets, so that a training loop allocates none.
    names: Vec<String>,
    runs: Vec<(u32, u32)>,
}

impl Scopes {
    /// Forgets the runs; the names are kept.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.open.clear();
        self.current.clear();
    }

    fn enter(&mut self, name: &str, start: u32) {
        self.open.push(self.current.len());
        if !self.current.is_empty() {
            self.current.push('/');
        }
        self.current.push_str(name);
        self.run_from(start);
    }

    fn leave(&mut self, start: u32) {
        if let Some(len) = self.open.pop() {
            self.current.truncate(len);
            self.run_from(start);
        }
    }

    fn run_from(&mut self, start: u32) {
        let known = self.names.iter().position(|name| *name == self.current);
        let name = known.unwrap_or_else(|| {
            self.names.push(self.current.clone());
            self.names.len() - 1
        });
        if self.runs.last().is_some_and(|run| run.0 == start) {
            self.runs.pop();
        }
        self.runs.push((start, name as u32));
    }
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
        let start = self.len() as u32;
        self.scopes.borrow_mut().enter(name, start);
        Scope { tape: self }
    }

    /// The names of the scopes around a node, joined by `/`.
    pub fn scope_of(&self, id: NodeId) -> String {
        let scopes = self.scopes.borrow();
        let run = scopes.runs.partition_point(|&(start, _)| start <= id.0);
        let name = run.checked_sub(1).map(|run| scopes.runs[run].1 as usize);
        name.map_or(String::new(), |name| scopes.names[name].clone())
    }
}
