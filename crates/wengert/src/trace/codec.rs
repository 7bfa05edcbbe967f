//! Operations as data: what a file needs to say so that a node can be computed again.
//!
//! Elementwise operations, sums and means, softmax, products and changes of shape can be, which is what
//! small networks are made of. Others say that they cannot; their contributions are in the log all
//! the same.

use super::data::{Attributes, TraceNode};
use crate::element::Float;
use crate::ops::{Binary, Op, Product, Reduce, Softmax, Unary, View};
use crate::shape::Axes;
use crate::tape::arena::Node;
use crate::tape::{GradientTape, Numbers};
use crate::tensor::Tensor;

const REDUCTIONS: [Reduce; 5] = [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min, Reduce::LogSumExp];
const PRODUCTS: [Product; 3] = [Product::NN, Product::NT, Product::TN];

/// The attributes of a node, or none where a file could not hold them.
pub(super) fn encode<T: Float>(tape: &GradientTape<T>, node: &Node<T>) -> Option<Attributes> {
    let arena = tape.arena.borrow();
    let all = |axes: Axes| axes.iter().map(|axis| axis as i64).collect::<Vec<i64>>();
    let list = |at| arena.attributes.list(at).iter().map(|&i| i as i64).collect();
    let mut attrs = Attributes::default();
    match node.op {
        Op::Leaf(_) | Op::Detach | Op::Where | Op::Linear => {}
        Op::Unary(op) => {
            attrs.kind = format!("{op:?}");
            if op.number_place().is_some() {
                attrs.numbers = arena.numbers_of(node).to_vec();
            }
        }
        Op::Binary(op) => attrs.kind = format!("{op:?}"),
        Op::Reduce { what, axes, keepdim } => {
            attrs.kind = format!("{what:?}");
            attrs.list = [keepdim as i64].into_iter().chain(all(axes)).collect();
        }
        Op::Softmax(op, axes) => (attrs.kind, attrs.list) = (format!("{op:?}"), all(axes)),
        Op::Matmul(op) => attrs.kind = format!("{op:?}"),
        Op::CrossEntropy(at) => {
            let labels = arena.attributes.indices(at);
            (attrs.indices, attrs.indices_shape) = (labels.to_vec(), labels.shape().to_vec());
        }
        Op::View(op @ (View::Reshape | View::BroadcastTo | View::Permute), at) => {
            (attrs.kind, attrs.list) = (format!("{op:?}"), list(at));
        }
        _ => return None,
    }
    Some(attrs)
}

/// The operation that a file names, with its attributes on `tape`; none if there is no such operation or
/// its attributes do not fit the shape of its first operand. Leaves are not operations.
pub(super) fn decode<T: Float>(
    tape: &GradientTape<T>,
    node: &TraceNode,
    operand: &[usize],
) -> Option<(Op, Numbers)> {
    let attrs = &node.attrs;
    fn named<O: Copy + std::fmt::Debug>(all: &[O], kind: &str) -> Option<O> {
        all.iter().copied().find(|op| format!("{op:?}") == kind)
    }
    let lengths = || attrs.list.iter().map(|&i| usize::try_from(i).ok()).collect::<Option<Vec<usize>>>();
    let axes = |list: &[i64]| {
        let axes = list.iter().map(|&i| usize::try_from(i).ok().filter(|&i| i < operand.len()));
        axes.collect::<Option<Vec<usize>>>().map(|axes| axes.into_iter().fold(Axes::NONE, Axes::with))
    };
    let inputs = |n: usize| (node.inputs.len() == n).then_some(());
    let op = match node.op.as_str() {
        "detach" => inputs(1).map(|()| Op::Detach)?,
        "where" => inputs(3).map(|()| Op::Where)?,
        "linear" => inputs(3).map(|()| Op::Linear)?,
        "matmul" => inputs(2).and(named(&PRODUCTS, &attrs.kind)).map(Op::Matmul)?,
        "cross_entropy" => {
            inputs(1)?;
            let labels = Tensor::from_vec(attrs.indices.clone(), &attrs.indices_shape).ok()?;
            Op::CrossEntropy(tape.push_indices(labels))
        }
        "reshape" | "broadcast_to" | "permute" => {
            inputs(1)?;
            let op = named(&[View::Reshape, View::BroadcastTo, View::Permute], &attrs.kind)?;
            let list = lengths()?;
            let mut sorted = list.clone();
            sorted.sort_unstable();
            let fits = op != View::Permute || sorted.into_iter().eq(0..operand.len());
            fits.then(|| Op::View(op, tape.push_list(&list)))?
        }
        _ if inputs(2).is_some() => Op::Binary(named(Binary::ALL, &attrs.kind)?),
        _ => {
            inputs(1)?;
            if let Some(op) = named(Unary::ALL, &attrs.kind) {
                let [c, d] = match attrs.numbers[..] {
                    [] if op.number_place().is_none() => [0.0; 2],
                    [c] => [c, 0.0],
                    [c, d] => [c, d],
                    _ => return None,
                };
                return Some((Op::Unary(op), [c, d]));
            } else if let Some(op) = named(Softmax::ALL, &attrs.kind) {
                Op::Softmax(op, axes(&attrs.list)?)
            } else {
                let what = named(&REDUCTIONS, &attrs.kind)?;
                let (keepdim, list) = attrs.list.split_first()?;
                Op::Reduce { what, axes: axes(list)?, keepdim: *keepdim != 0 }
            }
        }
    };
    Some((op, [0.0; 2]))
}
