//! Traces: a sweep recorded as an immutable log, to be stepped through in both directions.
//!
//! [`GradientTape::trace`](crate::GradientTape::trace) sweeps with the engine's own rules and kernels and writes down what each node
//! hands to each of its operands. The log holds no snapshots: values are assigned once, and the
//! adjoint of a node at any time is the sum of the contributions so far, so that any moment can be
//! shown, and a step back costs no more than a step forward. What the log says is what
//! [`backward`](crate::Var::backward) computes, to the bit; [`Trace::check_sums`] adds it up again.
//!
//! An edge is a (consumer, operand) pair, so that `a + a` has two. In formulas the operands are `x`,
//! or `a`, `b`, ... where there are several, `y` is the result, `ȳ` its adjoint, `c` and `d` are numbers
//! of the operation.
//!
//! Tracing is asked for, and costs nothing where it is not: `backward` does not know of it.

mod alerts;
mod codec;
mod data;
mod describe;
mod expand;
mod explain;
mod find;
mod formula;
mod record;
mod replay;
#[cfg(feature = "serde")]
mod serial;
mod validate;
mod verify;

pub use alerts::{Alarm, Alert, FlowEdge};
pub use data::{
    Attributes, Check, Detail, Dtype, Edge, FORMAT, OpDoc, Recorded, Root, Shortened, Shown, Skip, TraceData,
    TraceNode, Verdict, Visit,
};
pub use explain::{Change, Contribution, Explanation};
pub use formula::short;
pub use record::TraceOptions;
pub use validate::TraceError;
pub use verify::Verification;

pub(crate) use explain::same_or_none;

use crate::shape::Shape;
use crate::stepper::Stepper;
use crate::tape::NodeId;
use crate::tensor::Tensor;
use std::sync::Arc;

/// One micro-step of a trace. Time is the number of events that have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The node's value is computed.
    Forward(NodeId),
    /// The sweep begins: the root's adjoint is its seed.
    Seed(NodeId),
    /// All contributions to the node are in; the sweep comes to it.
    Visit(NodeId),
    /// Nothing flows along the edge; it says why.
    Skip(EdgeId),
    /// The local derivative, or the rule.
    Local(EdgeId),
    /// The node's adjoint goes through the rule.
    Contribute(EdgeId),
    /// Broadcasting is undone: the contribution is summed over the repeated axes.
    Reduce(EdgeId),
    /// The contribution is added to the operand's adjoint.
    Accumulate(EdgeId),
}

/// An edge of the sweep: which visit, and which operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId {
    pub(crate) visit: u32,
    pub(crate) slot: u32,
}

impl EdgeId {
    /// The position of the visit in [`TraceData::sweep`].
    pub fn visit(self) -> usize {
        self.visit as usize
    }

    /// Which operand of the visited node.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// A sweep, recorded.
///
/// ```
/// use wengert::{GradientTape, trace::Event};
/// let tape = GradientTape::new();
/// let a = tape.var(3.0);
/// let trace = tape.trace(a * a)?;
/// // Two nodes, the seed, the visit of the product, and for each of its two edges the local
/// // derivative, the contribution, and its addition.
/// assert_eq!(trace.events().len(), 2 + 1 + 1 + 2 * 3);
/// let adjoint = |time| trace.adjoint(a.id(), time).map(|x| x.item());
/// assert_eq!(adjoint(trace.end()), Some(6.0));
/// assert_eq!(adjoint(trace.end() - 1), Some(3.0), "before the second contribution is added");
/// assert_eq!(adjoint(3), None);
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
pub struct Trace {
    data: TraceData,
    events: Vec<Event>,
    /// When each node's value appears, and when its seed.
    forward: Vec<usize>,
    seeded: Vec<Option<usize>>,
    /// The contributions to each node, with the time of their addition.
    incoming: Vec<Vec<(usize, EdgeId)>>,
    /// The visit of each node, with its time.
    visits: Vec<Option<(usize, u32)>>,
    /// The program itself, which a trace from a file may not have.
    program: Option<Arc<dyn replay::Program>>,
}

impl Trace {
    fn new(data: TraceData, program: Option<Arc<dyn replay::Program>>) -> Trace {
        let n = data.nodes.len();
        let mut trace = Trace {
            events: Vec::new(),
            forward: Vec::with_capacity(n),
            seeded: vec![None; n],
            incoming: vec![Vec::new(); n],
            visits: vec![None; n],
            program,
            data,
        };
        let (data, events) = (&trace.data, &mut trace.events);
        for id in 0..n {
            trace.forward.push(events.len() + 1);
            events.push(Event::Forward(NodeId(id as u32)));
        }
        for root in &data.roots {
            events.push(Event::Seed(NodeId(root.node as u32)));
            trace.seeded[root.node] = Some(events.len());
        }
        for (v, visit) in data.sweep.iter().enumerate() {
            events.push(Event::Visit(NodeId(visit.node as u32)));
            trace.visits[visit.node] = Some((events.len(), v as u32));
            for (slot, edge) in visit.edges.iter().enumerate() {
                let id = EdgeId { visit: v as u32, slot: slot as u32 };
                if edge.skip.is_some() {
                    events.push(Event::Skip(id));
                    continue;
                }
                events.extend([Event::Local(id), Event::Contribute(id)]);
                if edge.raw.is_some() {
                    events.push(Event::Reduce(id));
                }
                events.push(Event::Accumulate(id));
                trace.incoming[edge.input].push((events.len(), id));
            }
        }
        trace
    }

    /// What was recorded, as plain data.
    pub fn data(&self) -> &TraceData {
        &self.data
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> &[TraceNode] {
        &self.data.nodes
    }

    /// The ids of all nodes, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.data.nodes.len()).map(|id| NodeId(id as u32))
    }

    /// The id of the node at a position, if there is one.
    pub fn id(&self, index: usize) -> Option<NodeId> {
        (index < self.data.nodes.len()).then_some(NodeId(index as u32))
    }

    /// One node.
    ///
    /// # Panics
    /// The trace has no node of this id.
    #[track_caller]
    pub fn node(&self, id: NodeId) -> &TraceNode {
        &self.data.nodes[id.index()]
    }

    /// All events, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The time after the last event.
    pub fn end(&self) -> usize {
        self.events.len()
    }

    /// One edge.
    ///
    /// # Panics
    /// The edge belongs to another trace.
    #[track_caller]
    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.data.sweep[id.visit()].edges[id.slot()]
    }

    /// The node whose adjoint flows along an edge.
    ///
    /// # Panics
    /// The edge belongs to another trace.
    #[track_caller]
    pub fn consumer(&self, id: EdgeId) -> NodeId {
        NodeId(self.data.sweep[id.visit()].node as u32)
    }

    /// The node that an event is about: for an edge, the one that is visited.
    pub fn subject(&self, event: Event) -> NodeId {
        match event {
            Event::Forward(id) | Event::Seed(id) | Event::Visit(id) => id,
            Event::Skip(e)
            | Event::Local(e)
            | Event::Contribute(e)
            | Event::Reduce(e)
            | Event::Accumulate(e) => self.consumer(e),
        }
    }

    /// A cursor over the events, at the beginning.
    pub fn stepper(self: &Arc<Self>) -> Stepper {
        Stepper::new(self.clone())
    }

    /// The value of a node at a time: none before it is computed.
    pub fn value(&self, id: NodeId, time: usize) -> Option<&Shown> {
        (self.forward[id.index()] <= time).then(|| &self.data.nodes[id.index()].value)
    }

    /// The adjoint of a node at a time: none before its seed or its first contribution. Only for
    /// tensors that were not shortened.
    pub fn adjoint(&self, id: NodeId, time: usize) -> Option<Tensor<f64>> {
        let mut total = self.seed(id).filter(|_| self.seeded[id.index()].is_some_and(|at| at <= time));
        for &(at, edge) in &self.incoming[id.index()] {
            if at > time {
                break;
            }
            total = Some(self.added(total, edge)?);
        }
        total
    }

    fn seed(&self, id: NodeId) -> Option<Tensor<f64>> {
        let root = self.data.roots.iter().find(|root| root.node == id.index())?;
        root.seed.tensor().cloned()
    }

    /// The running total after an edge's contribution.
    fn added(&self, before: Option<Tensor<f64>>, edge: EdgeId) -> Option<Tensor<f64>> {
        let edge = self.edge(edge);
        if edge.fused {
            return edge.after.as_ref()?.tensor().cloned();
        }
        let delta = edge.delta.as_ref()?.tensor()?;
        Some(match before {
            None => delta.clone(),
            Some(before) => before.zip_map(delta, |a, b| self.data.dtype.add(a, b)),
        })
    }

    /// How many contributions to a node have been added at a time, and how many there are in all.
    pub fn contributions_in(&self, id: NodeId, time: usize) -> (usize, usize) {
        let all = &self.incoming[id.index()];
        (all.partition_point(|&(at, _)| at <= time), all.len())
    }

    /// The edges into a node, in the order in which they are added, with the time at which they are.
    pub fn incoming(&self, id: NodeId) -> &[(usize, EdgeId)] {
        &self.incoming[id.index()]
    }

    /// When the sweep visits a node.
    pub fn visit_time(&self, id: NodeId) -> Option<usize> {
        self.visits[id.index()].map(|(at, _)| at)
    }

    /// The sweep at a node.
    pub fn visit(&self, id: NodeId) -> Option<&Visit> {
        self.visits[id.index()].map(|(_, visit)| &self.data.sweep[visit as usize])
    }

    /// Which nodes use a node, and as which operand.
    pub fn consumers(&self, id: NodeId) -> Vec<(NodeId, usize)> {
        let nodes = self.data.nodes.iter().enumerate();
        let slots = nodes.flat_map(|(consumer, node)| {
            node.inputs.iter().enumerate().map(move |(slot, &input)| (NodeId(consumer as u32), slot, input))
        });
        slots.filter(|&(.., input)| input == id.index()).map(|(consumer, slot, _)| (consumer, slot)).collect()
    }

    /// What names a node to a reader: its name and id, or its id alone.
    pub fn label(&self, id: NodeId) -> String {
        let node = self.node(id);
        if node.name.is_empty() { id.to_string() } else { format!("{} ({id})", node.name) }
    }
}

fn shape_of(shape: &[usize]) -> Shape {
    shape.iter().copied().collect()
}
