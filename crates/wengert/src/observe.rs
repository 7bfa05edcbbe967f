//! The numeric sweep, edge by edge, for those who want to look: what each node contributes to each
//! of its inputs.
//!
//! The same rules as in `backward`, but every contribution is computed by itself and shown before
//! it is added, and nothing is reused. It finds out where a gradient became zero or not finite;
//! `backward` itself pays nothing for it.

use crate::eager::Eager;
use crate::element::Float;
use crate::engine::Rule;
use crate::gradients::NoGradient;
use crate::ops::Op;
use crate::ops::custom::Bars;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;

/// A contribution on its way from a node to one of its inputs.
pub(crate) struct Edge<'a, T> {
    pub node: NodeId,
    pub input: NodeId,
    /// The adjoint of the node.
    pub y_bar: &'a Tensor<T>,
    /// What it contributes, in the input's shape.
    pub contribution: &'a Tensor<T>,
}

impl<T: Float> GradientTape<T> {
    /// Sweeps from `roots` and shows each contribution to `see`; returns all adjoints.
    pub(crate) fn observe(
        &self,
        roots: &[NodeId],
        seeds: &[Tensor<T>],
        mut see: impl FnMut(Edge<'_, T>),
    ) -> Vec<Option<Tensor<T>>> {
        let end = roots.iter().max().map_or(0, |root| root.index() + 1);
        let mut adjoints: Vec<Option<Tensor<T>>> = vec![None; end];
        for (root, seed) in roots.iter().zip(seeds) {
            if self.arena.borrow().nodes[root.index()].wants() {
                self.accumulate(&mut adjoints[root.index()], seed.clone());
            }
        }
        for id in (0..end).rev() {
            let Some(y_bar) = adjoints[id].clone() else { continue };
            for (_, input, contribution) in self.contributions(id, &y_bar) {
                see(Edge {
                    node: NodeId(id as u32),
                    input: NodeId(input),
                    y_bar: &y_bar,
                    contribution: &contribution,
                });
                self.accumulate(&mut adjoints[input as usize], contribution);
            }
        }
        adjoints
    }

    fn accumulate(&self, adjoint: &mut Option<Tensor<T>>, contribution: Tensor<T>) {
        let contribution = Eager::new(self, contribution);
        *adjoint = Some(match adjoint.take() {
            Some(before) => Eager::new(self, before).add_assign(contribution).into_value(),
            None => contribution.into_value(),
        });
    }

    /// What one node contributes to each input that wants it: (which, its id, how much).
    pub(crate) fn contributions(&self, id: usize, y_bar: &Tensor<T>) -> Vec<(usize, u32, Tensor<T>)> {
        let node = self.arena.borrow().nodes[id];
        let ids = self.input_ids(&node);
        self.fill(node.op.read(&ids, id as u32));
        let eager = |id: u32| Eager::new(self, self.arena.borrow().value(id));
        let inputs: SmallVec<[Eager<T>; 4]> = ids.iter().map(|&i| eager(i)).collect();
        let y = eager(id as u32);
        let numbers = self.arena.borrow().numbers_of(&node);
        let wanted: SmallVec<[bool; 4]> =
            ids.iter().map(|&i| self.arena.borrow().nodes[i as usize].wants()).collect();
        let mut bars = match node.op {
            Op::Custom(at) => {
                let values: SmallVec<[Tensor<T>; 4]> = inputs.iter().map(|x| x.value()).collect();
                let refs: SmallVec<[&Tensor<T>; 4]> = values.iter().collect();
                let extension = self.extension(at);
                extension.vjp(&refs, &y.value(), y_bar, &wanted, &mut self.pool.borrow_mut())
            }
            _ => Bars::new(),
        };
        let mut all = Vec::new();
        for wrt in (0..ids.len()).filter(|&wrt| wanted[wrt]) {
            let mut into = Adjoint { shape: inputs[wrt].shape(), value: None };
            match node.op {
                Op::Custom(_) => bars[wrt].take().into_iter().for_each(|bar| into.add(Eager::new(self, bar))),
                _ => {
                    let y_bar = Eager::new(self, y_bar.clone());
                    let rule = Rule { node: &node, numbers, wrt };
                    T::contribute(rule, &inputs, &y, y_bar, &mut into);
                }
            }
            if let Some(bar) = into.value {
                all.push((wrt, ids[wrt], bar.filled(&into.shape).into_value()));
            }
        }
        all
    }

    /// Why the gradient of `source` is zero everywhere, for seeds of ones: the first operation on the
    /// way back that turns an adjoint into zeros, or, if there is none, that contributions cancel.
    pub(crate) fn why_zeros(&self, roots: &[NodeId], source: NodeId) -> NoGradient {
        self.zeros_of(self.first_zeros(roots).get(source.index()).copied().flatten())
    }

    /// The reason for zeros that `first` gave first, if anything did.
    pub(crate) fn zeros_of(&self, first: Option<NodeId>) -> NoGradient {
        let arena = self.arena.borrow();
        first.map_or(NoGradient::Cancels, |id| {
            let node = &arena.nodes[id.index()];
            NoGradient::Zeros { op: arena.name(node), at: node.location }
        })
    }

    /// For each node up to the roots, the first operation of the sweep whose rule gave only zeros to one that
    /// depends on the node. It costs one slow sweep, whatever the number of nodes that are asked for.
    pub(crate) fn first_zeros(&self, roots: &[NodeId]) -> Vec<Option<NodeId>> {
        let end = roots.iter().max().map_or(0, |root| root.index() + 1);
        let shape = |root: &NodeId| self.arena.borrow().value(root.0).shape().clone();
        let seeds: Vec<Tensor<T>> = roots.iter().map(|root| Tensor::ones(&shape(root))).collect();
        let zeros = |x: &Tensor<T>| x.as_slice().iter().all(|x| x.is_zero());
        let (mut gave, mut first) = (Vec::new(), vec![usize::MAX; end]);
        self.observe(roots, &seeds, |edge| {
            if zeros(edge.contribution) && !zeros(edge.y_bar) {
                let at = &mut first[edge.input.index()];
                *at = gave.len().min(*at);
                gave.push(edge.node);
            }
        });
        let arena = self.arena.borrow();
        for id in (0..end).rev().filter(|&id| arena.nodes[id].wants()) {
            for &input in arena.inputs(&arena.nodes[id]) {
                first[input as usize] = first[input as usize].min(first[id]);
            }
        }
        first.into_iter().map(|at| gave.get(at).copied()).collect()
    }

    /// # Panics
    /// An adjoint is not finite: names the first one on the way back.
    #[track_caller]
    pub(crate) fn must_sweep_finite(&self, roots: &[NodeId], seeds: &[Tensor<T>]) {
        if let Some(text) = self.not_finite_adjoint(roots, seeds) {
            panic!("check_finite: {text}");
        }
    }

    /// # Panics
    /// The value of a node is not finite.
    #[track_caller]
    pub(crate) fn must_be_finite(&self, id: NodeId) {
        if let Some(text) = self.not_finite_value(id) {
            panic!("check_finite: {text}");
        }
    }

    /// Where numbers stopped to be finite, as a sentence that names the operation, its operands and
    /// its line: the first such value that was recorded up to `target`, else the first such adjoint
    /// on the way back from it. `None` if all are finite.
    ///
    /// It looks at what is on the tape, so that a loop can ask once a loss or a gradient is NaN,
    /// without the cost of [`check_finite`](GradientTape::check_finite) in every step. It costs a
    /// pass over all values and a slow sweep.
    ///
    /// # Panics
    /// The target is of another tape.
    ///
    /// ```
    /// use wengert::GradientTape;
    /// let tape = GradientTape::<f64>::new();
    /// let x = tape.var(-1.0);
    /// let loss = (x + 0.5).ln().square();
    /// assert!(loss.item().is_nan());
    /// let why = tape.find_not_finite(loss).unwrap();
    /// assert!(why.starts_with("%2 `ln %1`"), "{why}");
    /// assert!(why.ends_with("gave NaN at its only element; %1 is -0.5"), "{why}");
    /// ```
    #[track_caller]
    pub fn find_not_finite(&self, target: Var<'_, T>) -> Option<String> {
        self.own(target);
        // What the target depends on, gradients or not.
        let mut needed = vec![false; target.id().index() + 1];
        needed[target.id().index()] = true;
        for id in (0..needed.len()).rev() {
            if needed[id] {
                let arena = self.arena.borrow();
                arena.inputs(&arena.nodes[id]).iter().for_each(|&i| needed[i as usize] = true);
            }
        }
        let ids = (0..=target.id().0).filter(|&id| needed[id as usize]);
        let value = ids.map(NodeId).find_map(|id| {
            // What was dropped after its last use is computed anew.
            self.fill([id.0]);
            self.not_finite_value(id)
        });
        value.or_else(|| self.not_finite_adjoint(&[target.id()], &[Tensor::ones(&target.shape())]))
    }

    /// Calls `see` with every node of the recording, in order: its id, the name of its operation, and its
    /// value. [`location_of`](GradientTape::location_of) and [`scope_of`](GradientTape::scope_of) say more
    /// of an id. Values that were dropped after their last use are computed anew.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::<f64>::new();
    /// tape.var(tensor![1.0, -2.0]).relu().sum();
    /// let mut largest = vec![];
    /// tape.each_value(|_, op, x| largest.push((op.to_string(), x.as_slice()[0])));
    /// assert_eq!(largest, [("var".into(), 1.0), ("relu".into(), 1.0), ("sum".into(), 1.0)]);
    /// ```
    pub fn each_value(&self, mut see: impl FnMut(NodeId, &str, &Tensor<T>)) {
        for id in 0..self.len() as u32 {
            self.fill([id]);
            let (name, value) = {
                let arena = self.arena.borrow();
                (arena.name(&arena.nodes[id as usize]), arena.value(id))
            };
            see(NodeId(id), name, &value);
        }
    }

    fn not_finite_adjoint(&self, roots: &[NodeId], seeds: &[Tensor<T>]) -> Option<String> {
        let mut found = None;
        self.observe(roots, seeds, |edge| {
            if found.is_none()
                && let Some((place, bad)) = not_finite(edge.contribution)
            {
                let (node, input) = (self.line(edge.node), self.line(edge.input));
                found = Some(format!(
                    "the adjoint that {node} passes to {input} is {bad:?} at {place}; its own adjoint is {}",
                    range(edge.y_bar)
                ));
            }
        });
        found
    }

    fn not_finite_value(&self, id: NodeId) -> Option<String> {
        let (value, ids) = {
            let arena = self.arena.borrow();
            (arena.value(id.0), self.input_ids(&arena.nodes[id.index()]))
        };
        let (place, bad) = not_finite(&value)?;
        let input = |&i: &u32| format!("{} is {}", NodeId(i), range(&self.arena.borrow().value(i)));
        let inputs: Vec<String> = ids.iter().map(input).collect();
        let of = if inputs.is_empty() { String::new() } else { format!("; {}", inputs.join(", ")) };
        Some(format!("{} gave {bad:?} at {place}{of}", self.line(id)))
    }

    /// A node as a sentence names it: ``%3 `ln %2` (model.rs:41)``.
    pub(crate) fn line(&self, id: NodeId) -> String {
        let (node, at) = (self.arena.borrow().nodes[id.index()], self.location_of(id));
        format!("{id} `{}` ({}:{})", self.expression(&node), at.file(), at.line())
    }
}

/// Position and value of the first element that is not finite.
fn not_finite<T: Float>(x: &Tensor<T>) -> Option<(String, T)> {
    let at = x.as_slice().iter().position(|x| !x.is_finite())?;
    let place =
        if x.ndim() == 0 { "its only element".into() } else { format!("{:?}", x.shape().index_of(at)) };
    Some((place, x.as_slice()[at]))
}

/// What a tensor holds, in a few words.
fn range<T: Float>(x: &Tensor<T>) -> String {
    let [first, rest @ ..] = x.as_slice() else { return format!("empty, {}", x.shape()) };
    if rest.is_empty() {
        return format!("{first:?}");
    }
    let (low, high) = rest.iter().fold((*first, *first), |(low, high), &x| (low.min(x), high.max(x)));
    format!("{} between {low:?} and {high:?}", x.shape())
}
