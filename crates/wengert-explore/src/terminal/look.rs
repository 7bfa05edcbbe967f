//! One node: its numbers, what it is computed of, where it stands in the program.

use super::{Answer, CommandError, Session, error};
use crate::plain::clean;
use std::collections::HashSet;
use wengert::NodeId;
use wengert::trace::Shown;

/// Longer trees are cut.
const LINES: usize = 200;

impl Session {
    pub(super) fn print(&mut self, rest: &str) -> Answer {
        let quantity = self.quantity(rest)?;
        Ok(format!("{}\n", self.line_of(&quantity)))
    }

    /// A node in a line: what it is, its value and adjoint now.
    pub(super) fn node_line(&self, id: NodeId) -> String {
        let (trace, time) = (self.trace(), self.cursor.time());
        let node = trace.node(id);
        let value = trace.value(id, time).map_or("not computed yet".into(), Shown::brief);
        let adjoint = match trace.adjoint(id, time) {
            Some(x) => format!(", adjoint {}", Shown::Whole(x).brief()),
            None => String::new(),
        };
        clean(&format!("{} {} = {value}{adjoint}", trace.label(id), node.text))
    }

    pub(super) fn backtrace(&mut self, rest: &str) -> Answer {
        let root = self.node(rest)?;
        let (mut seen, mut open) = (HashSet::new(), vec![(root, 0usize)]);
        let (mut out, mut lines) = (String::new(), 0);
        while let Some((id, depth)) = open.pop() {
            if lines == LINES {
                out.push_str("...\n");
                break;
            }
            lines += 1;
            let node = self.trace().node(id);
            let again = !seen.insert(id) && !node.inputs.is_empty();
            let indent = "  ".repeat(depth.min(40));
            out.push_str(&format!(
                "{indent}{}{}\n",
                self.node_line(id),
                if again { " (see above)" } else { "" }
            ));
            if !again {
                let operands = node.inputs.iter().rev().filter_map(|&i| self.trace().id(i));
                open.extend(operands.map(|operand| (operand, depth + 1)));
            }
        }
        Ok(out)
    }

    /// Selects the K-th of some nodes.
    fn select(&mut self, rest: &str, all: &[NodeId], what: &str) -> Answer {
        let of = self.trace().label(self.node("")?);
        let k = match rest {
            "" => 0,
            text => match text.parse::<usize>() {
                Ok(k) if k < all.len() => k,
                _ => return error(format!("{text:?} is no {what} of {of}: it has {}", all.len())),
            },
        };
        let Some(&id) = all.get(k) else { return error(format!("{of} has no {what}")) };
        self.selected = Some(id);
        let others = match all.len() {
            1 => String::new(),
            n => format!("  ({what} {k} of {n})"),
        };
        Ok(format!("{}{others}\n", self.node_line(id)))
    }

    pub(super) fn up(&mut self, rest: &str) -> Answer {
        let consumers = self.trace().consumers(self.node("")?);
        let mut consumers: Vec<NodeId> = consumers.into_iter().map(|(id, _)| id).collect();
        consumers.dedup();
        self.select(rest, &consumers, "consumer")
    }

    pub(super) fn down(&mut self, rest: &str) -> Answer {
        let inputs = self.trace().node(self.node("")?).inputs.clone();
        let operands: Vec<NodeId> = inputs.into_iter().filter_map(|i| self.trace().id(i)).collect();
        self.select(rest, &operands, "operand")
    }

    pub(super) fn list(&mut self, rest: &str) -> Answer {
        const AROUND: u32 = 3;
        let id = self.node(rest)?;
        let node = self.trace().node(id);
        if node.line == 0 {
            return error(format!("the trace does not say where {} was recorded", self.trace().label(id)));
        }
        let mut out = format!("{} at {}:{}:{}\n", self.trace().label(id), node.file, node.line, node.column);
        let Some(lines) = self.trace().data().sources.get(&node.file) else {
            out.push_str("the trace does not have the text of this file\n");
            return Ok(clean(&out));
        };
        let range = node.line.saturating_sub(AROUND)..=node.line.saturating_add(AROUND);
        for (line, text) in lines.range(range) {
            let mark = if *line == node.line { '>' } else { ' ' };
            out.push_str(&format!("{mark} {line:>5}  {text}\n"));
        }
        Ok(clean(&out))
    }

    pub(super) fn heatmap(&mut self, rest: &str) -> Result<String, CommandError> {
        let quantity = self.quantity(rest)?;
        let Some(x) = quantity.tensor(&self.cursor) else {
            return error(self.line_of(&quantity));
        };
        Ok(format!("{} {}\n{}", clean(&quantity.text), x.shape(), super::heatmap::drawn(&x, self.colour)))
    }
}
