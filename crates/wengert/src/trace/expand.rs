//! Fused operations taken apart: the same program in plain steps, for reading.

use crate::element::Float;
use crate::ops::{Leaf, Op, Product};
use crate::tape::arena::Node;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::var::Var;

/// A program in plain steps, and where each node of the original is in it.
pub(super) struct Expanded<T: Float> {
    pub tape: GradientTape<T>,
    pub ids: Vec<NodeId>,
}

/// The program up to `root`, with `linear`, `cross_entropy`, and operations that stand for a composition
/// as what they are composed of.
pub(super) fn expanded<T: Float>(original: &GradientTape<T>, root: NodeId) -> Expanded<T> {
    original.fill(0..=root.0);
    let tape = original.sibling();
    let mut ids: Vec<NodeId> = Vec::with_capacity(root.index() + 1);
    for id in 0..=root.0 {
        let node = original.arena.borrow().nodes[id as usize];
        let numbers = original.arena.borrow().numbers_of(&node);
        let inputs: Vec<Var<T>> =
            original.input_ids(&node).iter().map(|&i| Var::new(&tape, ids[i as usize])).collect();
        let scope = original.scope_of(NodeId(id));
        let _scope = (!scope.is_empty()).then(|| tape.scope(&scope));
        let record = || match node.op {
            Op::Leaf(leaf) => {
                let value = original.arena.borrow().value(id);
                if leaf == Leaf::Constant { tape.constant(value) } else { tape.var(value) }
            }
            op => plain(&tape, op, &inputs).unwrap_or_else(|| tape.repeat(op, numbers, &inputs)),
        };
        let var = tape.located(node.location, || {
            if was_paused(original, &node) { tape.paused(record) } else { record() }
        });
        ids.push(var.id());
    }
    Expanded { tape, ids }
}

/// Whether a node lets nothing back although it could.
pub(super) fn was_paused<T: Float>(tape: &GradientTape<T>, node: &Node<T>) -> bool {
    let arena = tape.arena.borrow();
    let leads = arena.inputs(node).iter().any(|&i| arena.nodes[i as usize].wants());
    !node.wants() && leads && !node.op.is_flat()
}

/// A fused operation in plain steps.
fn plain<'t, T: Float>(tape: &'t GradientTape<T>, op: Op, inputs: &[Var<'t, T>]) -> Option<Var<'t, T>> {
    match (op, inputs) {
        (Op::Linear, [x, w, b]) => Some(tape.record(Op::Matmul(Product::NT), &[*x, *w]) + *b),
        (Op::CrossEntropy(at), [x]) => {
            let labels = tape.arena.borrow().attributes.indices(at).clone();
            let shape = x.shape();
            let classes = shape[shape.len() - 1];
            let mut one_hot = vec![T::zero(); labels.len() * classes];
            labels
                .as_slice()
                .iter()
                .enumerate()
                .for_each(|(row, &label)| one_hot[row * classes + label] = T::one());
            let one_hot = tape.constant(Tensor::from_vec(one_hot, &shape).expect("one row a label"));
            let axis = &[-1];
            Some(x.logsumexp_axes(axis, false) - (*x * one_hot).sum_axes(axis, false))
        }
        (Op::Custom(at), inputs) => tape.extension(at).define(inputs),
        _ => None,
    }
}
