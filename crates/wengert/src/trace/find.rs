//! Nodes by what a reader calls them.

use super::{Trace, TraceError};
use crate::tape::NodeId;

impl Trace {
    /// The node that is called so: by id (`%7` or `7`), by name, by scope and operation (`hidden/matmul`), or
    /// by operation where there is only one.
    ///
    /// # Errors
    /// No node is called so, or several are: the message names them.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(2.0);
    /// let trace = tape.trace(x.exp() * x)?;
    /// assert_eq!(trace.find("%0")?, x.id());
    /// assert_eq!(trace.find("exp")?.index(), 1);
    /// assert!(trace.find("ln").unwrap_err().to_string().contains("no node is called"));
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn find(&self, text: &str) -> Result<NodeId, TraceError> {
        let by_number = text.strip_prefix('%').unwrap_or(text).parse::<u32>().ok();
        if let Some(id) = by_number.filter(|&id| (id as usize) < self.nodes().len()) {
            return Ok(NodeId(id));
        }
        let ways: [&dyn Fn(&super::TraceNode) -> bool; 4] = [
            &|node| !node.name.is_empty() && node.name == text,
            &|node| !node.scope.is_empty() && format!("{}/{}", node.scope, node.op) == text,
            &|node| node.op == text,
            &|node| node.scope == text || node.scope.ends_with(&format!("/{text}")),
        ];
        for way in ways {
            let found: Vec<u32> =
                (0..).zip(self.nodes()).filter(|(_, node)| way(node)).map(|(id, _)| id).collect();
            match found[..] {
                [] => {}
                [id] => return Ok(NodeId(id)),
                _ => {
                    let shown = found
                        .iter()
                        .take(8)
                        .map(|&id| format!("{} {}", NodeId(id), self.nodes()[id as usize].text));
                    let mut candidates = shown.collect::<Vec<_>>().join(", ");
                    if found.len() > 8 {
                        candidates.push_str(&format!(" and {} more", found.len() - 8));
                    }
                    return Err(TraceError::Ambiguous { text: text.into(), candidates });
                }
            }
        }
        let names: Vec<&str> =
            self.nodes().iter().map(|node| node.name.as_str()).filter(|name| !name.is_empty()).collect();
        let last = self.nodes().len() - 1;
        let candidates = match names.is_empty() {
            true => format!("%0 to %{last}"),
            false => {
                format!("%0 to %{last}, {}", names.iter().take(12).copied().collect::<Vec<_>>().join(", "))
            }
        };
        Err(TraceError::NoNode { text: text.into(), candidates })
    }
}
