//! What catches the eye of an experienced reader: adjoints that vanish or explode, units that are dead or
//! saturated, broadcasts that were hardly meant, numbers that are not finite.

use super::{EdgeId, Trace};
use crate::tape::NodeId;
use std::fmt;

/// A kind of alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alarm {
    /// The result is larger than both operands.
    SuspiciousBroadcast,
    /// Everything, or nearly everything, that goes into a relu is negative.
    DeadRelu,
    /// Most of what a sigmoid or tanh gives is at its ends.
    Saturated,
    /// The adjoint has become tiny.
    Vanishing,
    /// The adjoint has become huge.
    Exploding,
    /// A value or an adjoint that is not finite.
    NonFinite,
}

/// An alert, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its kind.
    pub alarm: Alarm,
    /// The node.
    pub node: NodeId,
    /// One sentence.
    pub text: String,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.text)
    }
}

/// How an adjoint changes along one edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowEdge {
    /// The edge.
    pub edge: EdgeId,
    /// The visited node.
    pub from: NodeId,
    /// Its operand.
    pub to: NodeId,
    /// The norm of the visited node's adjoint.
    pub upstream: f64,
    /// The norm of the contribution.
    pub contribution: f64,
    /// Their ratio.
    pub gain: f64,
    /// The share of what a relu, sigmoid or tanh lets hardly anything back through; 0 for others.
    pub saturation: f64,
}

/// From this share on, units are called dead or saturated.
const MOST: f64 = 0.9;
/// Slopes below are as good as none: sigmoid beyond ±5.3, tanh beyond ±2.6.
const FLAT: f64 = 0.02;
/// Ratios of an adjoint's largest element to the root's that are called tiny and huge.
const TINY: f64 = 1e-7;
const HUGE: f64 = 1e7;

impl Trace {
    /// How adjoints grow and shrink, edge by edge, in the order of the sweep.
    pub fn flow(&self) -> Vec<FlowEdge> {
        let mut all = Vec::new();
        for (v, visit) in self.data().sweep.iter().enumerate() {
            let node = &self.nodes()[visit.node];
            let upstream = node.adjoint.as_ref().map_or(0.0, super::Shown::norm);
            for edge in &visit.edges {
                let Some(delta) = &edge.delta else { continue };
                let contribution = delta.norm();
                all.push(FlowEdge {
                    edge: EdgeId { visit: v as u32, slot: edge.slot as u32 },
                    from: NodeId(visit.node as u32),
                    to: NodeId(edge.input as u32),
                    upstream,
                    contribution,
                    gain: if upstream == 0.0 { 0.0 } else { contribution / upstream },
                    saturation: self.saturation(visit.node),
                });
            }
        }
        all
    }

    /// The share of an activation's elements that let hardly anything back.
    fn saturation(&self, id: usize) -> f64 {
        let node = &self.nodes()[id];
        let Some(y) = node.value.tensor().filter(|y| !y.is_empty()) else { return 0.0 };
        let flat =
            |f: fn(f64) -> bool| y.as_slice().iter().filter(|&&y| f(y)).count() as f64 / y.len() as f64;
        match node.op.as_str() {
            "relu" => flat(|y| y <= 0.0),
            "sigmoid" => flat(|y| y * (1.0 - y) < FLAT * 0.25),
            "tanh" => flat(|y| 1.0 - y * y < FLAT),
            _ => 0.0,
        }
    }

    /// What catches the eye, in the order of the nodes.
    pub fn alerts(&self) -> Vec<Alert> {
        let largest = |x: &super::Shown| match x {
            super::Shown::Whole(x) => x.as_slice().iter().fold(0.0f64, |m, x| m.max(x.abs())),
            super::Shown::Shortened(x) => x.max.abs().max(x.min.abs()),
        };
        let seed = self.data().roots.iter().map(|root| largest(&root.seed)).fold(0.0, f64::max);
        let mut all = Vec::new();
        for (id, node) in self.nodes().iter().enumerate() {
            let mut alert = |alarm, text: String| all.push(Alert { alarm, node: NodeId(id as u32), text });
            let operand = |slot: usize| &self.nodes()[node.inputs[slot]];
            let finite_inputs = node.inputs.iter().all(|&i| self.nodes()[i].value.is_finite());
            if !node.value.is_finite() && finite_inputs {
                alert(
                    Alarm::NonFinite,
                    format!("`{}` gives a number that is not finite: {}", node.text, node.value),
                );
            }
            if let Some(adjoint) = node.adjoint.as_ref().filter(|x| !x.is_finite()) {
                let first = self.consumers(NodeId(id as u32)).iter().all(|&(consumer, _)| {
                    self.node(consumer).adjoint.as_ref().is_none_or(super::Shown::is_finite)
                });
                if first {
                    alert(Alarm::NonFinite, format!("its adjoint is not finite: {adjoint}"));
                }
            }
            if node.inputs.len() == 2 && matches!(node.op.as_str(), "add" | "sub" | "mul" | "div") {
                let size = |shape: &[usize]| shape.iter().product::<usize>();
                let (a, b, y) = (&operand(0).shape, &operand(1).shape, &node.shape);
                if size(a) > 1 && size(b) > 1 && size(y) > size(a).max(size(b)) {
                    alert(
                        Alarm::SuspiciousBroadcast,
                        format!("`{}` makes {y:?} of {a:?} and {b:?}: was every pair meant?", node.op),
                    );
                }
            }
            let saturation = self.saturation(id);
            let percent = (100.0 * saturation).round();
            if saturation >= MOST && node.value.shape().iter().product::<usize>() > 1 {
                match node.op.as_str() {
                    "relu" => {
                        alert(Alarm::DeadRelu, format!("{percent} % of this relu is 0 and lets nothing back"))
                    }
                    op => alert(
                        Alarm::Saturated,
                        format!("{percent} % of this {op} is at its ends, where it is flat"),
                    ),
                }
            }
            if let Some(adjoint) = node.adjoint.as_ref().filter(|x| x.is_finite() && seed > 0.0) {
                let size = largest(adjoint) / seed;
                if size > 0.0 && size < TINY {
                    alert(Alarm::Vanishing, format!("its adjoint is tiny: at most {:e}", largest(adjoint)));
                } else if size > HUGE {
                    alert(Alarm::Exploding, format!("its adjoint is huge: up to {:e}", largest(adjoint)));
                }
            }
        }
        all
    }
}
