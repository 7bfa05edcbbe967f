//! All nodes, or those that something is to be said about: `info`.

use super::{Answer, Session, error};
use crate::plain::{clean, cut, one_line, table};
use std::collections::{BTreeMap, HashSet};
use wengert::NodeId;
use wengert::trace::Shown;

/// A tape of more nodes is shown around the present one.
const WHOLE: usize = 60;
const AROUND: usize = 20;

impl Session {
    pub(super) fn info(&mut self, rest: &str) -> Answer {
        match rest {
            "tape" => Ok(self.tape(false)),
            "tape all" => Ok(self.tape(true)),
            "scopes" => Ok(self.scopes()),
            "pending" => Ok(self.pending()),
            "alerts" => Ok(self.alerts()),
            "b" | "breakpoints" | "break" => Ok(self.list_points()),
            "marks" => Ok(match self.marks.is_empty() {
                true => "there are no marks; `mark NAME` sets one\n".into(),
                false => clean(
                    &self.marks.iter().map(|(name, time)| format!("{name}  {time}\n")).collect::<String>(),
                ),
            }),
            other => error(format!("info takes tape, scopes, pending, alerts, b or marks, not {other:?}")),
        }
    }

    /// Whether an alert is about the node, and visible by now.
    fn alarmed(&self) -> HashSet<NodeId> {
        let visible = |id: &NodeId| self.trace().value(*id, self.cursor.time()).is_some();
        self.trace().alerts().into_iter().map(|alert| alert.node).filter(visible).collect()
    }

    fn tape(&self, all: bool) -> String {
        let (trace, time, here) = (self.trace(), self.cursor.time(), self.cursor.node());
        let (count, alarmed) = (trace.nodes().len(), self.alarmed());
        let middle = here.map_or(0, NodeId::index);
        let range = match all || count <= WHOLE {
            true => 0..count,
            false => middle.saturating_sub(AROUND)..(middle + AROUND + 1).min(count),
        };
        let mut rows = Vec::new();
        for id in range.clone().filter_map(|i| trace.id(i)) {
            let node = trace.node(id);
            let (value, adjoint) = (trace.value(id, time), trace.adjoint(id, time));
            let begun = adjoint.is_some() || trace.contributions_in(id, time).0 > 0;
            let state = match (value, begun) {
                (_, true) => 'A',
                (Some(_), false) => 'V',
                (None, false) => '·',
            };
            let current = if here == Some(id) { '*' } else { ' ' };
            let alert = if alarmed.contains(&id) { '!' } else { ' ' };
            rows.push(vec![
                format!("{state}{current}{alert}"),
                id.to_string(),
                cut(&one_line(&node.name), 24),
                cut(&one_line(&node.scope), 24),
                cut(&one_line(&node.text), 40),
                value.map_or("·".into(), Shown::brief),
                adjoint.map_or("·".into(), |x| Shown::Whole(x).brief()),
            ]);
        }
        let mut out = table(&rows);
        if range.len() < count {
            out.push_str(&format!("{} of {count} nodes; `info tape all` shows the others\n", range.len()));
        }
        out
    }

    fn scopes(&self) -> String {
        let mut scopes: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for node in self.trace().nodes() {
            let mut end = node.scope.len();
            while end > 0 {
                let entry = scopes.entry(&node.scope[..end]).or_default();
                entry.0 += 1;
                if node.inputs.is_empty() && node.wants {
                    entry.1 += 1;
                    entry.2 += node.shape.iter().product::<usize>();
                }
                end = node.scope[..end].rfind('/').unwrap_or(0);
            }
        }
        if scopes.is_empty() {
            return "there are no scopes; `tape.scope(\"name\")` makes them\n".into();
        }
        let row = |(scope, (nodes, leaves, numbers)): (&&str, &(usize, usize, usize))| {
            let indent = "  ".repeat(scope.matches('/').count().min(20));
            let name = scope.rsplit('/').next().unwrap_or(scope);
            vec![
                format!("{indent}{}", cut(&one_line(name), 40)),
                format!("{nodes} {}", if *nodes == 1 { "node" } else { "nodes" }),
                format!("{leaves} variables of {numbers} numbers"),
            ]
        };
        table(&scopes.iter().map(row).collect::<Vec<_>>())
    }

    fn pending(&self) -> String {
        let (trace, time) = (self.trace(), self.cursor.time());
        let mut out = String::new();
        for id in trace.ids() {
            let (now, all) = trace.contributions_in(id, time);
            if now < all {
                out.push_str(&format!("{}: {now}/{all} contributions are in\n", trace.label(id)));
            }
        }
        if out.is_empty() { "no contribution is missing\n".into() } else { clean(&out) }
    }

    fn alerts(&self) -> String {
        let alerts = self.trace().alerts();
        let line =
            |alert: &wengert::trace::Alert| format!("! {}: {}\n", self.trace().label(alert.node), alert.text);
        match alerts.is_empty() {
            true => "nothing catches the eye\n".into(),
            false => clean(&alerts.iter().map(line).collect::<String>()),
        }
    }
}
