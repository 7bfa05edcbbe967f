//! Checkpoints: parts of the forward pass that are computed again in the sweep instead of kept.
//!
//! The tape is data, so computing again is replaying the recorded operations of a run of nodes on
//! the values of their inputs: the same kernels, the same attributes (a dropout's seed among
//! them), the same bits. Between forward pass and sweep such a run keeps its shapes and its
//! scalars, and its tensors' memory goes to the pool. Whoever reads a value in it has it replayed.
//!
//! What no rule reads need not be kept either: a convolution or product before the activation that
//! directly follows it, a square or product before its sum. An activation writes over such an
//! operand, a sum hands its memory to the pool. What a convolutional network keeps for its sweep
//! falls by nearly a half. Whoever reads such a value all the same, has it computed again.
//!
//! Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".

use super::arena::Arena;
use super::{GradientTape, NodeId};
use crate::element::Float;
use crate::ops::Op;
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;
use std::ops::Range;

/// From how many elements on an activation writes over its operand: below, nobody would notice,
/// and small tapes are read and stepped through.
const WORTH_TAKING: usize = 1 << 12;

/// What [`GradientTape::checkpoint`] may return: variables, alone or in tuples, arrays and vectors.
pub trait Results<T: Float> {
    /// Calls `f` with each variable.
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>));
}

impl<T: Float> Results<T> for Var<'_, T> {
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>)) {
        f(*self);
    }
}

impl<T: Float, R: Results<T>> Results<T> for Vec<R> {
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>)) {
        self.iter().for_each(|result| result.each(f));
    }
}

impl<T: Float, R: Results<T>, const N: usize> Results<T> for [R; N] {
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>)) {
        self.iter().for_each(|result| result.each(f));
    }
}

impl<T: Float, A: Results<T>, B: Results<T>> Results<T> for (A, B) {
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>)) {
        self.0.each(f);
        self.1.each(f);
    }
}

impl<T: Float, A: Results<T>, B: Results<T>, C: Results<T>> Results<T> for (A, B, C) {
    fn each(&self, f: &mut dyn FnMut(Var<'_, T>)) {
        self.0.each(f);
        self.1.each(f);
        self.2.each(f);
    }
}

impl<T: Float> Arena<T> {
    /// Whether a node's value was let go.
    fn is_hollow(&self, id: u32) -> bool {
        let node = &self.nodes[id as usize];
        !node.is_scalar() && self.values[node.slot as usize].is_hollow()
    }

    /// The value of `x` out of the tape, if `x` is the newest node before `op` and no rule reads it,
    /// neither that of `op` nor its own.
    pub(crate) fn take_over(&mut self, op: Op, x: Option<NodeId>) -> Option<Tensor<T>> {
        let x = x.filter(|x| x.index() + 1 == self.nodes.len())?.0;
        let node = &self.nodes[x as usize];
        if op.reads_operands() || node.op.reads_result() || node.is_scalar() {
            return None;
        }
        let value = &self.values[node.slot as usize];
        let whole = value.len() >= WORTH_TAKING && value.is_unshared();
        whole.then(|| self.empty(x)).flatten()
    }

    /// The checkpoint that a node is in.
    fn checkpoint_of(&self, id: u32) -> Option<Range<u32>> {
        let after = self.checkpoints.partition_point(|range| range.start <= id);
        let range = self.checkpoints[..after].last()?;
        range.contains(&id).then(|| range.clone())
    }

    /// Lets go of a node's value; its shape stays.
    fn empty(&mut self, id: u32) -> Option<Tensor<T>> {
        let node = self.nodes[id as usize];
        if node.is_scalar() || self.is_hollow(id) {
            return None;
        }
        let value = &mut self.values[node.slot as usize];
        let hollow = value.hollow(&self.nothing);
        let value = std::mem::replace(value, hollow);
        self.hollow += self.is_hollow(id) as usize;
        Some(value)
    }
}

impl<T: Float> GradientTape<T> {
    /// Runs `f`, and keeps of what it records only the results: all else is computed again, to the
    /// same bits, when the sweep comes to it. Memory falls by those values, at the price of a second
    /// forward pass through `f`'s operations. Inside of another checkpoint only the outer one counts.
    ///
    /// Values in between may still be read: the checkpoint is then replayed, and stays.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(Tensor::<f64>::linspace(-1.0, 1.0, 1000));
    /// let y = tape.checkpoint(|| x.tanh().exp().sigmoid());
    /// assert_eq!(tape.bytes_of_values(), 2 * 8000, "x and y");
    /// let kept = x.tanh().exp().sigmoid();
    /// assert_eq!(y.sum().backward().wrt(x), kept.sum().backward().wrt(x));
    /// ```
    pub fn checkpoint<R: Results<T>>(&self, f: impl FnOnce() -> R) -> R {
        let start = self.len() as u32;
        let results = f();
        let end = self.len() as u32;
        let mut keep: SmallVec<[NodeId; 4]> = SmallVec::new();
        results.each(&mut |result| keep.push(result.id()));
        let (mut arena, mut pool) = (self.arena.borrow_mut(), self.pool.borrow_mut());
        for id in start..end {
            let is_leaf = matches!(arena.nodes[id as usize].op, Op::Leaf(_));
            if !is_leaf && !keep.contains(&NodeId(id)) {
                arena.empty(id).into_iter().for_each(|value| pool.put(value));
            }
        }
        while arena.checkpoints.last().is_some_and(|inner| inner.start >= start) {
            arena.checkpoints.pop();
        }
        arena.checkpoints.push(start..end);
        results
    }

    /// Bytes of the values that nodes hold.
    pub fn bytes_of_values(&self) -> usize {
        self.arena.borrow().values.iter().map(|x| x.len() * size_of::<T>()).sum()
    }

    /// Makes sure that the values of these nodes are there.
    pub(crate) fn fill(&self, ids: impl IntoIterator<Item = u32>) {
        if self.arena.borrow().hollow == 0 {
            return;
        }
        for id in ids {
            if self.arena.borrow().is_hollow(id) {
                self.replay(id);
            }
        }
    }

    /// Makes sure that all values are there.
    pub(crate) fn fill_all(&self) {
        self.fill(0..self.len() as u32);
    }

    /// Computes a node again, or the checkpoint around it; returns the nodes whose values came back.
    fn replay(&self, id: u32) -> Vec<u32> {
        let range = self.arena.borrow().checkpoint_of(id).unwrap_or(id..id + 1);
        let mut filled = Vec::new();
        for id in range {
            if !self.arena.borrow().is_hollow(id) {
                continue;
            }
            let node = self.arena.borrow().nodes[id as usize];
            let ids = self.input_ids(&node);
            // An input from another checkpoint that something outside of it uses.
            self.fill(ids.iter().copied());
            let mut arena = self.arena.borrow_mut();
            let numbers = arena.numbers_of(&node);
            let value = arena.compute(node.op, numbers, ids.iter().copied(), &mut self.pool.borrow_mut());
            arena.values[node.slot as usize] = value.expect("it was recorded with these inputs");
            arena.hollow -= 1;
            filled.push(id);
        }
        filled
    }
}

/// The checkpoint that a sweep is in, replayed for as long.
#[derive(Default)]
pub(crate) struct Window {
    start: u32,
    filled: Vec<u32>,
}

impl Window {
    /// The sweep, which walks backwards, comes to node `id`.
    pub(crate) fn move_to<T: Float>(&mut self, tape: &GradientTape<T>, id: u32) {
        if !self.filled.is_empty() && id < self.start {
            self.close(tape);
        }
        if tape.arena.borrow().hollow == 0 || !self.filled.is_empty() {
            return;
        }
        let range = tape.arena.borrow().checkpoint_of(id);
        if let Some(range) = range {
            self.start = range.start;
            let hollow = range.clone().find(|&id| tape.arena.borrow().is_hollow(id));
            self.filled = hollow.map_or(Vec::new(), |id| tape.replay(id));
        }
    }

    /// Lets go of the values again.
    pub(crate) fn close<T: Float>(&mut self, tape: &GradientTape<T>) {
        let (mut arena, mut pool) = (tape.arena.borrow_mut(), tape.pool.borrow_mut());
        for id in self.filled.drain(..) {
            arena.empty(id).into_iter().for_each(|value| pool.put(value));
        }
    }
}
