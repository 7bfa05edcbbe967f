//! Traces from outside: what a file says is checked before anything believes it.

use super::data::{FORMAT, Shown, TraceData};
use super::{Trace, replay};
use crate::error::ShapeError;
use crate::shape::{MAX_AXES, Shape};
use std::sync::Arc;

/// What is wrong with a trace, or with what is asked of it.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum TraceError {
    /// The target is no scalar.
    #[error("a trace begins at a scalar, not at shape {shape}: reduce it with sum() or mean()")]
    NotScalar {
        /// The target's shape.
        shape: Shape,
    },
    /// The format is not known.
    #[error("the trace has format {given:?}; this version reads {FORMAT:?}")]
    Format {
        /// What the file says.
        given: String,
    },
    /// There are no nodes.
    #[error("the trace has no nodes")]
    Empty,
    /// Something contradicts itself.
    #[error("the trace contradicts itself: {what}")]
    Invalid {
        /// What, and where.
        what: String,
    },
    /// No node is called so.
    #[error("no node is called {text:?}; there are {candidates}")]
    NoNode {
        /// What was asked for.
        text: String,
        /// Names that there are.
        candidates: String,
    },
    /// Several nodes are called so.
    #[error("{text:?} could be {candidates}; which one?")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// The nodes that it could be.
        candidates: String,
    },
    /// A value of another shape.
    #[error("%{node} has shape {expected}, the new value {given}; they must be equal")]
    OtherShape {
        /// The node.
        node: usize,
        /// Its shape.
        expected: Shape,
        /// The value's shape.
        given: Shape,
    },
    /// A node that cannot be computed again from a file.
    #[error(
        "this trace cannot be run again: %{node} ({op}) cannot be computed from what the file says; trace it in the program itself"
    )]
    NotReplayable {
        /// The node.
        node: usize,
        /// Its operation.
        op: String,
    },
    /// A node that does not fit its operands when it is computed again.
    #[error("%{node} cannot be computed again: {error}")]
    Replay {
        /// The node.
        node: usize,
        /// What is wrong.
        error: ShapeError,
    },
    /// A tensor that was shortened.
    #[error(
        "%{node} was shortened when it was recorded: its elements are not there; record with a larger budget"
    )]
    Shortened {
        /// The node.
        node: usize,
    },
}

fn invalid<R>(what: String) -> Result<R, TraceError> {
    Err(TraceError::Invalid { what })
}

/// Elements that a program from a file may have in all: 512 MiB.
const MOST: usize = 1 << 26;

impl Trace {
    /// A trace from data, say from a file, after checking that it is one: formats, ids, shapes.
    ///
    /// # Errors
    /// It is of another version, or contradicts itself; the message says where.
    pub fn from_data(data: TraceData) -> Result<Arc<Trace>, TraceError> {
        if data.format != FORMAT {
            return Err(TraceError::Format { given: data.format });
        }
        if data.nodes.is_empty() {
            return Err(TraceError::Empty);
        }
        if u32::try_from(data.nodes.len()).is_err() {
            return invalid(format!("{} nodes are more than 2^32", data.nodes.len()));
        }
        let mut elements = 0usize;
        for (id, node) in data.nodes.iter().enumerate() {
            if let Some(input) = node.inputs.iter().find(|&&input| input >= id) {
                return invalid(format!("%{id} uses %{input}, which is not before it"));
            }
            let is_leaf = matches!(node.op.as_str(), "var" | "parameter" | "constant");
            if is_leaf != node.inputs.is_empty() {
                return invalid(format!("%{id} is a {:?} with {} operands", node.op, node.inputs.len()));
            }
            if node.shape.len() > MAX_AXES {
                return invalid(format!("%{id} has {} axes", node.shape.len()));
            }
            fits(&format!("the value of %{id}"), &node.value, &node.shape)?;
            if let Some(adjoint) = &node.adjoint {
                fits(&format!("the adjoint of %{id}"), adjoint, &node.shape)?;
            }
            let size = node.shape.iter().try_fold(1usize, |n, &len| n.checked_mul(len));
            let all = size.and_then(|size| elements.checked_add(size));
            elements = match all {
                Some(all) => all,
                None => return invalid(format!("%{id} has more elements than can be counted")),
            };
        }
        let mut seeded = vec![false; data.nodes.len()];
        for root in &data.roots {
            let Some(node) = data.nodes.get(root.node) else {
                return invalid(format!("the root %{} is not there", root.node));
            };
            if std::mem::replace(&mut seeded[root.node], true) {
                return invalid(format!("%{} is a root twice", root.node));
            }
            fits(&format!("the seed of %{}", root.node), &root.seed, &node.shape)?;
        }
        let mut last = data.nodes.len();
        for visit in &data.sweep {
            if visit.node >= last {
                return invalid(format!("the sweep comes to %{} after %{last}", visit.node));
            }
            last = visit.node;
            edges_fit(&data, visit.node, &visit.edges)?;
        }
        let program = if elements <= MOST { replay::of_data(&data) } else { None };
        Ok(Arc::new(Trace::new(data, program)))
    }
}

fn edges_fit(data: &TraceData, id: usize, edges: &[super::Edge]) -> Result<(), TraceError> {
    let node = &data.nodes[id];
    if edges.len() != node.inputs.len() {
        return invalid(format!("%{id} has {} operands, its visit {} edges", node.inputs.len(), edges.len()));
    }
    for (slot, (edge, &input)) in edges.iter().zip(&node.inputs).enumerate() {
        if (edge.slot, edge.input) != (slot, input) {
            let (given, to) = (edge.slot, edge.input);
            return invalid(format!(
                "edge {slot} of %{id} goes to %{input}, but is written as {given} to %{to}"
            ));
        }
        let shape = &data.nodes[input].shape;
        let place = |what: &str| format!("the {what} from %{id} to %{input}");
        match (&edge.delta, edge.skip) {
            (Some(delta), None) => fits(&place("contribution"), delta, shape)?,
            (None, Some(_)) => {}
            (None, None) => return invalid(format!("{} is missing", place("contribution"))),
            (Some(_), Some(_)) => return invalid(format!("{} is skipped and there", place("contribution"))),
        }
        if edge.fused != edge.after.is_some() {
            return invalid(format!("{} is fused without its sum", place("contribution")));
        }
        for (what, shown, shape) in [
            ("sum", &edge.after, shape),
            ("local derivative", &edge.local, &node.shape),
            ("contribution before the reduction", &edge.raw, &node.shape),
        ] {
            shown.as_ref().map_or(Ok(()), |shown| fits(&place(what), shown, shape))?;
        }
        if let Some(axis) = edge.axes.iter().find(|&&axis| axis >= node.shape.len()) {
            return invalid(format!("{} is summed over axis {axis}", place("contribution")));
        }
    }
    Ok(())
}

fn fits(what: &str, shown: &Shown, shape: &[usize]) -> Result<(), TraceError> {
    if shown.shape() == shape {
        return Ok(());
    }
    invalid(format!("{what} has shape {:?}, not {shape:?}", shown.shape()))
}
