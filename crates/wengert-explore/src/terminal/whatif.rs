//! What if a value were another: the program is run again, and its trace takes the place of the recorded one.

use super::quantity::{Slice, split_slice, tensor, unquoted};
use super::{Answer, Session, error};
use crate::plain::{clean, one_line, table};
use std::sync::Arc;
use wengert::trace::{Change, Shown};
use wengert::{NodeId, Tensor};

impl Session {
    pub(super) fn set(&mut self, rest: &str) -> Answer {
        let Some((name, value)) = rest.split_once('=') else {
            return error("set needs a value: `set x = 3`, `set w[0, 2] = 0.5`, `set x = [[1, 2]]`");
        };
        let (name, slice) = split_slice(self.trace(), name.trim());
        let id = self.node(unquoted(name))?;
        let mut value = tensor(value)?;
        if let Some(slice) = slice {
            let old = &self.trace().node(id).value;
            let Some(old) = old.tensor() else {
                return error(format!(
                    "{} was shortened: its other elements are not there",
                    self.trace().label(id)
                ));
            };
            value = Slice::parse(slice, old.shape())?.replaced(old, &value)?;
        }
        let mut changes = self.changes.clone();
        changes.retain(|(changed, _)| *changed != id);
        changes.push((id, value));
        self.replay(changes)
    }

    pub(super) fn unset(&mut self, rest: &str) -> Answer {
        if self.changes.is_empty() {
            return error("nothing is set");
        }
        let mut changes = self.changes.clone();
        if rest.is_empty() {
            changes.clear();
        } else {
            let id = self.node(rest)?;
            changes.retain(|(changed, _)| *changed != id);
            if changes.len() == self.changes.len() {
                let set: Vec<String> = changes.iter().map(|(id, _)| self.trace().label(*id)).collect();
                return error(format!("{rest} is not set; set are {}", set.join(", ")));
            }
        }
        self.replay(changes)
    }

    fn replay(&mut self, changes: Vec<(NodeId, Tensor<f64>)>) -> Answer {
        let trace = match changes.is_empty() {
            true => Arc::clone(&self.recorded),
            false => self.recorded.replay_with(&changes)?,
        };
        self.cursor = self.cursor.on(trace);
        self.changes = changes;
        if self.changes.is_empty() {
            return Ok("back to what was recorded\n".into());
        }
        let target = self.recorded.data().roots.first().and_then(|root| self.trace().id(root.node));
        let target = target.or(self.trace().ids().next_back());
        let mut out = String::new();
        if let Some(id) = target {
            let (old, new) = (&self.recorded.node(id).value, &self.trace().node(id).value);
            out.push_str(&format!("{}: {} → {}\n", self.trace().label(id), old.brief(), new.brief()));
        }
        let count = self.recorded.compare(self.trace()).len();
        out.push_str(&format!("{count} nodes differ; `diff` lists them, `unset` goes back\n"));
        Ok(clean(&out))
    }

    pub(super) fn diff(&mut self, rest: &str) -> Answer {
        let words: Vec<&str> = rest.split_whitespace().collect();
        match words[..] {
            [] if !self.changes.is_empty() => Ok(self.differences_to_recorded()),
            [from, to] => Ok(self.differences(self.time(from)?, self.time(to)?)),
            [] => error("diff takes two times or marks: `diff start end`; in a what-if it needs none"),
            _ => error("diff takes two times or marks: `diff start end`"),
        }
    }

    fn differences_to_recorded(&self) -> String {
        let (old, new) = (&self.recorded, self.trace());
        let mut rows = Vec::new();
        let brief = |x: Option<&Shown>| x.map_or("none".into(), Shown::brief);
        for id in old.compare(new) {
            let (a, b) = (old.node(id), new.node(id));
            let label = one_line(&new.label(id));
            if !a.value.same(&b.value) {
                rows.push(vec![label.clone(), "value".into(), a.value.brief(), "→".into(), b.value.brief()]);
            }
            if a.adjoint != b.adjoint {
                let (a, b) = (brief(a.adjoint.as_ref()), brief(b.adjoint.as_ref()));
                rows.push(vec![label, "adjoint".into(), a, "→".into(), b]);
            }
        }
        if rows.is_empty() { "nothing differs\n".into() } else { table(&rows) }
    }

    fn differences(&self, from: usize, to: usize) -> String {
        let trace = self.trace();
        let mut rows = Vec::new();
        for id in trace.ids() {
            let (a, b) = (trace.value(id, from), trace.value(id, to));
            if a.is_some() != b.is_some() {
                let brief = |x: Option<&Shown>| x.map_or("none".into(), Shown::brief);
                rows.push(vec![one_line(&trace.label(id)), "value".into(), brief(a), "→".into(), brief(b)]);
            }
        }
        let brief = |x: Option<Tensor<f64>>| x.map_or("none".into(), |x| Shown::Whole(x).brief());
        for Change { node: id, before: a, after: b } in trace.diff(from, to) {
            rows.push(vec![one_line(&trace.label(id)), "adjoint".into(), brief(a), "→".into(), brief(b)]);
        }
        if rows.is_empty() { "nothing differs\n".into() } else { table(&rows) }
    }
}
