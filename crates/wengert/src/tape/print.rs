//! The tape as a Wengert list: one line a node, columns aligned.

use super::arena::Node;
use super::{GradientTape, NodeId};
use crate::element::Float;
use crate::ops::unary::Place;
use crate::ops::{Op, View, conv, dropout, pool2d};
use crate::tensor::Tensor;
use std::fmt;

impl<T: Float> GradientTape<T> {
    /// Name and operands: `mul %0, 4.9`.
    pub(crate) fn expression(&self, node: &Node<T>) -> String {
        let arena = self.arena.borrow();
        let mut operands: Vec<String> = arena.inputs(node).iter().map(|&i| NodeId(i).to_string()).collect();
        match node.op {
            Op::Unary(op) => {
                let [c, d] = arena.numbers_of(node).map(|c| c.to_string());
                match op.number_place() {
                    Some(Place::First) => operands.insert(0, c),
                    Some(Place::Last) => operands.push(c),
                    Some(Place::Both) => operands.extend([c, d]),
                    None => {}
                }
            }
            Op::Reduce { axes, keepdim, .. } => {
                let all = arena.nodes[node.inputs[0] as usize].slot;
                let ndim = arena.values.get(all as usize).map_or(0, |x| x.ndim());
                if axes != crate::Axes::all(ndim) {
                    operands.push(format!("axes={axes:?}"));
                }
                if keepdim {
                    operands.push("keepdim".into());
                }
            }
            Op::Softmax(_, axes) => operands.push(format!("axes={axes:?}")),
            Op::View(View::Permute, at) => operands.push(format!("axes={:?}", arena.attributes.list(at))),
            Op::View(View::Concat, at) => operands.push(format!("axis={}", arena.attributes.list(at)[0])),
            Op::View(View::Slice, at) => {
                let spans = arena.attributes.list(at).chunks_exact(3).map(|s| match (s[1], s[2] as isize) {
                    (count, 1) => format!("{}..{}", s[0], s[0] + count),
                    (count, step @ 2..) => format!("{}..{} step {step}", s[0], s[0] + count * step as usize),
                    // Down to position 0 there is no end to be named before it.
                    (count, step) => {
                        let last = s[0] as isize + (count as isize - 1) * step;
                        format!("{}..={last} step {step}", s[0])
                    }
                });
                operands.push(format!("[{}]", spans.collect::<Vec<_>>().join(", ")));
            }
            Op::View(View::Band, at) => {
                let [lowest, highest] = [0, 1].map(|i| arena.attributes.list(at)[i] as isize);
                let low = if lowest == isize::MIN { String::new() } else { lowest.to_string() };
                let high = if highest == isize::MAX { String::new() } else { format!("={highest}") };
                operands.push(format!("diagonals={low}..{high}"));
            }
            Op::Index(_, at) => operands.push(format!("axis={}", arena.attributes.list(at)[0])),
            Op::Sort(_, at) => {
                let list = arena.attributes.list(at);
                operands.push(format!("axis={}", list[0]));
                if list[2] == 1 {
                    operands.push("descending".into());
                }
            }
            Op::Scan(_, along) => {
                operands.push(format!("axis={}", along.axis));
                if along.reverse {
                    operands.push("reverse".into());
                }
            }
            Op::Conv(_, at) => operands.extend(conv::text(arena.attributes.list(at))),
            Op::Pool2d(_, at) => operands.extend(pool2d::text(arena.attributes.list(at))),
            Op::Dropout(at) => {
                operands.push(format!("rate={}", dropout::mask(arena.attributes.list(at)).rate))
            }
            Op::Matmul(p) => {
                for (transposed, operand) in
                    [p.transposes_a(), p.transposes_b()].into_iter().zip(&mut operands)
                {
                    operand.push_str(if transposed { "ᵀ" } else { "" });
                }
            }
            Op::Custom(at) => operands.extend(arena.extension(at).describe()),
            _ => {}
        }
        format!("{} {}", arena.name(node), operands.join(", ")).trim_end().to_string()
    }

    /// Type, and shape or value: `f32[128, 512]`, `f64 = 9.8`.
    fn result(&self, node: &Node<T>) -> String {
        if node.is_scalar() {
            return format!("{} = {}", T::NAME, Tensor::scalar(node.scalar));
        }
        format!("{}{}", T::NAME, self.arena.borrow().values[node.slot as usize].shape())
    }

    /// All scalar leaves that want a gradient.
    pub(crate) fn scalar_leaves(&self) -> Vec<NodeId> {
        let arena = self.arena.borrow();
        let leaves = arena.nodes.iter().enumerate();
        leaves
            .filter(|(_, node)| node.is_scalar() && node.wants() && matches!(node.op, Op::Leaf(_)))
            .map(|(id, _)| NodeId(id as u32))
            .collect()
    }
}

/// `%3 = relu %2   f32[128, 512]   hidden/relu   model.rs:41`: id, operation and operands, type
/// and shape (a scalar's value), scope, file and line.
impl<T: Float> fmt::Display for GradientTape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.arena.borrow().nodes.clone();
        let rows: Vec<[String; 4]> = nodes
            .iter()
            .enumerate()
            .map(|(id, node)| {
                let id = NodeId(id as u32);
                let file = node.location.file().rsplit(['/', '\\']).next().unwrap_or_default();
                [
                    format!("{id} = {}", self.expression(node)),
                    self.result(node),
                    self.scope_of(id),
                    format!("{file}:{}", node.location.line()),
                ]
            })
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for row in &rows {
            for (text, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
                write!(f, "{text:width$}   ")?;
            }
            writeln!(f, "{}", row[3])?;
        }
        Ok(())
    }
}

impl<T: Float> fmt::Debug for GradientTape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GradientTape<{}> with {} nodes", T::NAME, self.len())
    }
}
