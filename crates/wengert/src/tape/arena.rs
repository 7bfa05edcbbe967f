//! The node table: 40 bytes a node, appended to and never changed.
//!
//! A scalar's value stands in its node, so that scalar programs touch one cache line an
//! operation; everything of variable size (tensors, numbers, attribute lists, integer data, long
//! input lists) is in side tables that nodes point into. Resetting keeps all capacity.

use super::Numbers;
use crate::element::Float;
use crate::error::ShapeError;
use crate::ops::custom::Extension;
use crate::ops::{At, Op};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

/// A node's position on its tape; a node's inputs have smaller ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position as a number, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Clone, Copy)]
pub struct Node<T> {
    pub op: Op,
    /// One or two ids; an id and the place of its number; or start and count in the long lists.
    pub inputs: [u32; 2],
    /// The value of a scalar.
    pub scalar: T,
    /// The place of a tensor's value; [`Node::NO_SLOT`] for a scalar.
    pub slot: u32,
    flags: u32,
    pub location: &'static Location<'static>,
}

const _: () = assert!(size_of::<Node<f64>>() == 40 && size_of::<Node<f32>>() <= 40 && size_of::<Op>() == 8);

const WANTS: u32 = 1;
const SCALAR_OP: u32 = 2;
/// From this bit on, the number of inputs if they stand in the node, else [`LONG`].
const ARITY: u32 = 2;
const LONG: u32 = 3;

impl<T: Float> Node<T> {
    pub(crate) const NO_SLOT: u32 = u32::MAX;

    #[inline(always)]
    pub(crate) fn new(
        op: Op,
        arity: u32,
        inputs: [u32; 2],
        wants: bool,
        location: &'static Location<'static>,
    ) -> Node<T> {
        let flags = wants as u32 | arity << ARITY;
        Node { op, inputs, scalar: T::zero(), slot: Self::NO_SLOT, flags, location }
    }

    /// An elementwise operation on scalars alone: recorded and swept without a tensor.
    #[inline(always)]
    pub(crate) fn scalar_op(mut self, value: T) -> Node<T> {
        self.flags |= SCALAR_OP;
        self.with(value)
    }

    /// The same node with a scalar as its value.
    #[inline(always)]
    pub(crate) fn with(self, scalar: T) -> Node<T> {
        Node { scalar, ..self }
    }

    /// The same node, but no gradient flows to it.
    pub(crate) fn unwanted(mut self) -> Node<T> {
        self.flags &= !WANTS;
        self
    }

    /// Whether a gradient can flow to or through this node.
    #[inline(always)]
    pub(crate) fn wants(&self) -> bool {
        self.flags & WANTS != 0
    }

    #[inline(always)]
    pub(crate) fn is_scalar(&self) -> bool {
        self.slot == Self::NO_SLOT
    }

    #[inline(always)]
    pub(crate) fn is_scalar_op(&self) -> bool {
        self.flags & SCALAR_OP != 0
    }
}

/// Nodes and side tables of one recording.
pub(crate) struct Arena<T> {
    pub nodes: Vec<Node<T>>,
    pub values: Vec<Tensor<T>>,
    pub attributes: Attributes,
    long_inputs: Vec<u32>,
    extensions: Vec<Arc<dyn Extension<T>>>,
    /// Those of the last recording that may be taken again, and how many have been.
    recalled: (Vec<Arc<dyn Extension<T>>>, usize),
    /// Runs of nodes that are replayed in the sweep: disjoint, in ascending order.
    pub checkpoints: Vec<Range<u32>>,
    /// How many values are not there, because they are in checkpoints or no rule reads them.
    pub hollow: usize,
    /// The buffer that they share meanwhile.
    pub nothing: Arc<Vec<T>>,
    /// How many numbers, lists, indices and extensions are another tape's: they outlast a reset.
    inherited: [usize; 4],
}

/// What does not fit into an [`Op`]'s eight bytes.
#[derive(Clone, Default)]
pub struct Attributes {
    numbers: Vec<Numbers>,
    /// Each list is its length, then its items.
    lists: Vec<usize>,
    indices: Vec<Tensor<usize>>,
}

impl Attributes {
    #[inline(always)]
    pub(crate) fn push_numbers(&mut self, numbers: Numbers) -> u32 {
        self.numbers.push(numbers);
        self.numbers.len() as u32 - 1
    }

    #[inline(always)]
    pub(crate) fn numbers(&self, at: u32) -> Numbers {
        self.numbers[at as usize]
    }

    pub(crate) fn push_list(&mut self, items: &[usize]) -> At {
        let at = self.lists.len();
        self.lists.push(items.len());
        self.lists.extend_from_slice(items);
        At(at as u32)
    }

    pub(crate) fn list(&self, At(at): At) -> &[usize] {
        let (len, items) = self.lists[at as usize..].split_first().expect("a list starts with its length");
        &items[..*len]
    }

    pub(crate) fn push_indices(&mut self, indices: Tensor<usize>) -> At {
        self.indices.push(indices);
        At(self.indices.len() as u32 - 1)
    }

    pub(crate) fn indices(&self, At(at): At) -> &Tensor<usize> {
        &self.indices[at as usize]
    }
}

impl<T: Float> Arena<T> {
    pub(crate) fn new() -> Arena<T> {
        Arena {
            nodes: Vec::new(),
            values: Vec::new(),
            attributes: Attributes::default(),
            long_inputs: Vec::new(),
            extensions: Vec::new(),
            recalled: (Vec::new(), 0),
            checkpoints: Vec::new(),
            hollow: 0,
            nothing: Arc::default(),
            inherited: [0; 4],
        }
    }

    /// An empty one in which the operations of this one can be recorded: it has their attributes.
    pub(crate) fn sibling(&self) -> Arena<T> {
        let Attributes { numbers, lists, indices } = &self.attributes;
        Arena {
            inherited: [numbers.len(), lists.len(), indices.len(), self.extensions.len()],
            attributes: self.attributes.clone(),
            extensions: self.extensions.clone(),
            ..Arena::new()
        }
    }

    /// The same for operations on `f64`, without those that users added.
    pub(crate) fn without_extensions(&self) -> Arena<f64> {
        let Attributes { numbers, lists, indices } = &self.attributes;
        Arena {
            inherited: [numbers.len(), lists.len(), indices.len(), 0],
            attributes: self.attributes.clone(),
            ..Arena::new()
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, node: Node<T>) -> NodeId {
        let id = self.nodes.len();
        assert!(id < u32::MAX as usize, "a tape holds at most 2^32 - 1 nodes: reset it between steps");
        self.nodes.push(node);
        NodeId(id as u32)
    }

    /// Appends a node with its value, which goes into the node if it is a scalar.
    pub(crate) fn push_with(&mut self, mut node: Node<T>, value: Tensor<T>) -> NodeId {
        if value.shape().is_empty() {
            node.scalar = value.item();
        } else {
            node.slot = self.values.len() as u32;
            self.values.push(value);
        }
        self.push(node)
    }

    /// A node for `op`, its inputs inline where they fit.
    pub(crate) fn node(
        &mut self,
        op: Op,
        inputs: &[NodeId],
        location: &'static Location<'static>,
    ) -> Node<T> {
        let wants = !op.is_flat() && inputs.iter().any(|i| self.nodes[i.index()].wants());
        match *inputs {
            [] => Node::new(op, 0, [0, 0], wants, location),
            [a] => Node::new(op, 1, [a.0, a.0], wants, location),
            [a, b] => Node::new(op, 2, [a.0, b.0], wants, location),
            _ => {
                let start = self.long_inputs.len();
                self.long_inputs.extend(inputs.iter().map(|i| i.0));
                Node::new(op, LONG, [start as u32, inputs.len() as u32], wants, location)
            }
        }
    }

    /// The input ids of a node.
    pub(crate) fn inputs<'a>(&'a self, node: &'a Node<T>) -> &'a [u32] {
        match node.flags >> ARITY {
            LONG => {
                let [start, count] = node.inputs.map(|i| i as usize);
                &self.long_inputs[start..start + count]
            }
            arity => &node.inputs[..arity as usize],
        }
    }

    /// The number of an elementwise operation, if it has one.
    pub(crate) fn numbers_of(&self, node: &Node<T>) -> Numbers {
        match node.op {
            Op::Unary(op) if op.number_place().is_some() => self.attributes.numbers(node.inputs[1]),
            _ => [0.0; 2],
        }
    }

    /// The value of a node; sharing the buffer, not copying it.
    pub(crate) fn value(&self, id: u32) -> Tensor<T> {
        let node = &self.nodes[id as usize];
        if node.is_scalar() { Tensor::scalar(node.scalar) } else { self.values[node.slot as usize].clone() }
    }

    pub(crate) fn push_extension(&mut self, extension: Arc<dyn Extension<T>>) -> At {
        self.extensions.push(extension);
        At(self.extensions.len() as u32 - 1)
    }

    /// The last recording's next extension that can be recalled, if it was made from something equal:
    /// steps of a training record the same, and so allocate nothing.
    pub(crate) fn recall<C: PartialEq + 'static>(&mut self, from: &C) -> Option<Arc<dyn Extension<T>>> {
        let (extensions, next) = &mut self.recalled;
        let extension = extensions.get(*next)?;
        *next += 1;
        let is_equal = extension.recall().and_then(|own| own.downcast_ref()) == Some(from);
        is_equal.then(|| extension.clone())
    }

    pub(crate) fn extension(&self, At(at): At) -> &Arc<dyn Extension<T>> {
        &self.extensions[at as usize]
    }

    /// A node's name: that of its operation, or what a user calls it.
    pub(crate) fn name(&self, node: &Node<T>) -> &'static str {
        match node.op {
            Op::Custom(at) => self.extension(at).name(),
            op => op.name(),
        }
    }

    /// The value of `op`, whatever it is, of the values of nodes `ids`.
    pub(crate) fn compute(
        &self,
        op: Op,
        numbers: Numbers,
        ids: impl Iterator<Item = u32> + Clone,
        pool: &mut Pool<T>,
    ) -> Result<Tensor<T>, ShapeError> {
        let nodes = ids.map(|i| &self.nodes[i as usize]);
        let scalars = nodes.clone().filter(|node| node.is_scalar()).map(|node| Tensor::scalar(node.scalar));
        let scalars: SmallVec<[Tensor<T>; 4]> = scalars.collect();
        let mut scalar = scalars.iter();
        let refs: SmallVec<[&Tensor<T>; 4]> = nodes
            .map(|node| match node.is_scalar() {
                true => scalar.next().expect("as many as there are"),
                false => &self.values[node.slot as usize],
            })
            .collect();
        match op {
            Op::Unary(op) => {
                let x = refs[0];
                Ok(pool.build(x.shape().clone(), |out| T::unary(op, numbers, x.as_slice(), out)))
            }
            Op::Custom(at) => self.extension(at).forward(&refs, pool),
            op => {
                let shapes: SmallVec<[&Shape; 4]> = refs.iter().map(|x| x.shape()).collect();
                let shape = op.shape(&shapes, &self.attributes)?;
                Ok(T::forward(op, &refs, shape, &self.attributes, pool))
            }
        }
    }

    /// Empties all tables, but for what is inherited, and keeps their capacity; the values go to
    /// `give_back`.
    pub(crate) fn clear(&mut self, give_back: impl FnMut(Tensor<T>)) {
        let [numbers, lists, indices, extensions] = self.inherited;
        self.nodes.clear();
        self.values.drain(..).for_each(give_back);
        self.long_inputs.clear();
        let last = self.extensions.drain(extensions..).filter(|extension| extension.recall().is_some());
        self.recalled.0.clear();
        self.recalled.0.extend(last);
        self.recalled.1 = 0;
        self.checkpoints.clear();
        self.hollow = 0;
        self.attributes.numbers.truncate(numbers);
        self.attributes.lists.truncate(lists);
        self.attributes.indices.truncate(indices);
    }

    /// Bytes of nodes and side tables, without the tensors' elements.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<T>>()
            + self.values.capacity() * size_of::<Tensor<T>>()
            + self.long_inputs.capacity() * 4
            + self.attributes.numbers.capacity() * size_of::<Numbers>()
            + self.attributes.lists.capacity() * size_of::<usize>()
    }
}
