//! The reverse sweep: a loop from the end of the tape that adds each node's contributions to its
//! inputs' adjoints.
//!
//! It exists twice. [`Var::backward`] computes plain numbers: runs of scalar operations in one
//! tight loop, tensors through the pool. [`GradientTape::gradient`] records the same rules on the
//! tape, so that its result can be differentiated again, to any order.

use crate::eager::Eager;
use crate::element::Float;
use crate::gradients::{Adjoints, Gradients, NoGradient};
use crate::ops::{At, Binary, Op, Product, Softmax, Unary, loss};
use crate::shape::{Axes, Shape};
use crate::tape::arena::Node;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;

impl<'t, T: Float> Var<'t, T> {
    /// Gradients of this scalar with respect to every variable and parameter that it depends on,
    /// as plain numbers: the fast path. Costs a small multiple of computing the value.
    ///
    /// # Panics
    /// The value is not a scalar: give a seed with [`backward_with`](Var::backward_with), or
    /// reduce it with `sum` or `mean`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let w = tape.var(tensor![1.0, -2.0]);
    /// let grads = w.square().sum().backward();
    /// assert_eq!(grads.wrt(w), &tensor![2.0, -4.0]);
    /// ```
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        self.backward_keeping(&[])
    }

    /// [`backward`](Var::backward) that also keeps the adjoints of these intermediate values,
    /// which otherwise give their memory back as soon as they have been passed on.
    ///
    /// # Panics
    /// The value is not a scalar.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(1.5);
    /// let h = x * 2.0;
    /// let grads = h.square().backward_keeping(&[h]);
    /// assert_eq!((grads.item(h), grads.item(x)), (6.0, 12.0));
    /// ```
    #[track_caller]
    pub fn backward_keeping(self, keep: &[Var<'t, T>]) -> Gradients<T> {
        self.must_be_scalar("backward");
        numeric_sweep(self, Tensor::scalar(T::one()), keep)
    }

    /// Gradients of sum(self · seed): what each variable contributes to a value of any shape,
    /// weighted by `seed` (a vector-Jacobian product).
    ///
    /// # Panics
    /// The seed's shape is not the value's.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// let grads = x.square().backward_with(&tensor![1.0, 10.0]);
    /// assert_eq!(grads.wrt(x), &tensor![2.0, 40.0]);
    /// ```
    #[track_caller]
    pub fn backward_with(self, seed: &Tensor<T>) -> Gradients<T> {
        let shape = self.shape();
        assert!(
            *seed.shape() == shape,
            "backward_with: the seed has shape {}, the value {shape}; they must be equal",
            seed.shape()
        );
        numeric_sweep(self, seed.clone(), &[])
    }

    #[track_caller]
    fn must_be_scalar(self, op: &str) {
        let shape = self.shape();
        assert!(
            shape.is_empty(),
            "{op} needs a scalar, not shape {shape}: reduce it with sum() or mean(), or give a seed with backward_with"
        );
    }
}

impl<T: Float> GradientTape<T> {
    /// Gradients of a scalar, recorded: they can be used in further operations and be
    /// differentiated again. Sources that the target does not depend on get zeros; see
    /// [`try_gradient`](GradientTape::try_gradient).
    ///
    /// # Panics
    /// The target is not a scalar, or a variable belongs to another tape.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(2.0);
    /// let slope = tape.gradient(x.powi(3), &[x])[0];
    /// let curvature = tape.gradient(slope, &[x])[0];
    /// assert_eq!((slope.item(), curvature.item()), (12.0, 12.0));
    /// ```
    #[track_caller]
    pub fn gradient<'t>(&'t self, target: Var<'t, T>, sources: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let adjoints = self.recorded_sweep(target, sources);
        let mut gradients = Vec::with_capacity(sources.len());
        // A loop: a closure would not pass the caller's place on.
        for (source, adjoint) in sources.iter().zip(adjoints) {
            gradients.push(match adjoint {
                Some(gradient) => gradient,
                None => self.constant(Tensor::zeros(&source.shape())),
            });
        }
        gradients
    }

    /// [`gradient`](GradientTape::gradient) with the reason for each source that has none.
    ///
    /// # Panics
    /// The target is not a scalar, or a variable belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, NoGradient};
    /// let tape = GradientTape::new();
    /// let (x, y) = (tape.var(2.0), tape.var(3.0));
    /// let results = tape.try_gradient(x.square(), &[x, y]);
    /// assert_eq!(results[0].as_ref().unwrap().item(), 4.0);
    /// assert_eq!(results[1].as_ref().unwrap_err(), &NoGradient::NeverUsed);
    /// ```
    #[track_caller]
    pub fn try_gradient<'t>(
        &'t self,
        target: Var<'t, T>,
        sources: &[Var<'t, T>],
    ) -> Vec<Result<Var<'t, T>, NoGradient>> {
        let adjoints = self.recorded_sweep(target, sources);
        let reason = |source: &Var<'t, T>| NoGradient::of(*source, target.id());
        sources.iter().zip(adjoints).map(|(source, adjoint)| adjoint.ok_or_else(|| reason(source))).collect()
    }

    #[track_caller]
    fn recorded_sweep<'t>(&'t self, target: Var<'t, T>, sources: &[Var<'t, T>]) -> Vec<Option<Var<'t, T>>> {
        let root = self.own(target);
        target.must_be_scalar("gradient");
        let sources = self.own_all(sources);
        let leads = self.leading_to(&sources, root);
        let mut adjoints: Vec<Option<Var<'t, T>>> = vec![None; root.index() + 1];
        if leads[root.index()] {
            adjoints[root.index()] = Some(self.constant(T::one()));
        }
        for id in (0..=root.index()).rev() {
            let Some(y_bar) = adjoints[id].filter(|_| leads[id]) else { continue };
            let node = self.arena.borrow().nodes[id];
            let inputs = self.input_ids(&node);
            if inputs.is_empty() {
                continue;
            }
            let (vars, y) =
                (inputs.iter().map(|&i| Var::new(self, NodeId(i))), Var::new(self, NodeId(id as u32)));
            let vars: SmallVec<[Var<'t, T>; 3]> = vars.collect();
            for (wrt, &input) in inputs.iter().enumerate() {
                let i = input as usize;
                if leads[i] && self.arena.borrow().nodes[i].wants() {
                    let mut into = Adjoint { shape: vars[wrt].shape(), value: adjoints[i].take() };
                    let numbers = self.arena.borrow().numbers_of(&node);
                    self.relocated(node.location, || {
                        contribute(&node, numbers, wrt, &vars, &y, y_bar, &mut into)
                    });
                    adjoints[i] = into.value;
                }
            }
        }
        sources.iter().map(|id| adjoints.get(id.index()).copied().flatten()).collect()
    }

    /// For each node up to `root`: whether it is, or depends on, one of `sources`.
    fn leading_to(&self, sources: &[NodeId], root: NodeId) -> Vec<bool> {
        let arena = self.arena.borrow();
        let mut leads = vec![false; root.index() + 1];
        for &source in sources.iter().filter(|&&s| s <= root) {
            leads[source.index()] = arena.nodes[source.index()].wants();
        }
        for id in 0..=root.index() {
            let node = &arena.nodes[id];
            leads[id] |= node.wants() && arena.inputs(node).iter().any(|&i| leads[i as usize]);
        }
        leads
    }

    fn input_ids(&self, node: &Node<T>) -> SmallVec<[u32; 3]> {
        SmallVec::from_slice(self.arena.borrow().inputs(node))
    }
}

/// One node's contribution to one of its inputs.
fn contribute<T: Float, V: TensorOps<T>>(
    node: &Node<T>,
    numbers: [f64; 2],
    wrt: usize,
    inputs: &[V],
    y: &V,
    y_bar: V,
    into: &mut Adjoint<V>,
) {
    match node.op {
        Op::Unary(op) => V::unary_vjp(op, numbers, &inputs[0], y, y_bar, into),
        op => op.vjp(wrt, inputs, y, y_bar, into),
    }
}

#[track_caller]
fn numeric_sweep<T: Float>(root: Var<'_, T>, seed: Tensor<T>, keep: &[Var<'_, T>]) -> Gradients<T> {
    let tape = root.tape();
    let keep = tape.own_all(keep);
    let mut adjoints = tape.home.take(&mut tape.pool.borrow_mut());
    {
        let arena = tape.arena.borrow();
        adjoints.scalars.resize(root.id().index() + 1, T::UNREACHED);
        adjoints.tensors.resize(arena.values.len(), None);
        let node = &arena.nodes[root.id().index()];
        if node.wants() {
            if node.is_scalar() {
                adjoints.scalars[root.id().index()] = seed.item();
            } else {
                adjoints.tensors[node.slot as usize] = Some(seed);
            }
        }
    }
    let mut end = root.id().index() + 1;
    while let Some(id) = sweep_scalars(tape, &mut adjoints, end) {
        sweep_node(tape, &mut adjoints, id, &keep);
        end = id;
    }
    tape.each_parameter(|parameter, leaf| {
        let slot = tape.arena.borrow().nodes[leaf.index()].slot;
        adjoints.parameters.push((parameter, leaf, slot));
    });
    adjoints.parameters.sort_unstable_by_key(|&(parameter, ..)| parameter);
    Gradients::new(tape, root.id(), adjoints, &keep)
}

/// Sweeps the run of scalar operations that ends before `end`; returns the first other node.
fn sweep_scalars<T: Float>(tape: &GradientTape<T>, adjoints: &mut Adjoints<T>, end: usize) -> Option<usize> {
    let arena = tape.arena.borrow();
    let (nodes, scalars) = (&arena.nodes[..end], &mut adjoints.scalars[..end]);
    for (id, node) in nodes.iter().enumerate().rev() {
        if !node.wants() {
            continue;
        }
        if !node.is_scalar_op() {
            if matches!(node.op, Op::Leaf(_)) {
                continue;
            }
            return Some(id);
        }
        let y_bar = scalars[id];
        if y_bar.is_unreached() {
            continue;
        }
        let [a, b] = node.inputs.map(|i| i as usize);
        let mut add = |i: usize, x_bar: T| {
            let before = scalars[i];
            scalars[i] = if before.is_unreached() { x_bar } else { before + x_bar };
        };
        match node.op {
            Op::Unary(op) => {
                let numbers = match op.number_place() {
                    Some(_) => arena.attributes.numbers(b as u32),
                    None => [0.0; 2],
                };
                add(a, T::unary_vjp_one(op, numbers, nodes[a].scalar, node.scalar, y_bar));
            }
            Op::Binary(op) => {
                let (left, right) = (&nodes[a], &nodes[b]);
                if left.wants() {
                    add(a, T::binary_vjp_one(op, 0, left.scalar, right.scalar, node.scalar, y_bar));
                }
                if right.wants() {
                    add(b, T::binary_vjp_one(op, 1, left.scalar, right.scalar, node.scalar, y_bar));
                }
            }
            _ => unreachable!("only elementwise operations are scalar operations"),
        }
    }
    None
}

/// Sweeps one node that has a tensor among its inputs or as its value.
fn sweep_node<T: Float>(tape: &GradientTape<T>, adjoints: &mut Adjoints<T>, id: usize, keep: &[NodeId]) {
    let node = tape.arena.borrow().nodes[id];
    let kept = keep.contains(&NodeId(id as u32));
    let Some(y_bar) = adjoints.take(&node, id, kept) else { return };
    let mut y_bar = Some(Eager::new(tape, y_bar));
    let ids = tape.input_ids(&node);
    let eager = |id: u32| Eager::new(tape, tape.arena.borrow().value(id));
    let (inputs, y): (SmallVec<[Eager<T>; 3]>, _) =
        (ids.iter().map(|&i| eager(i)).collect(), eager(id as u32));
    let wanted = |i: &u32| tape.arena.borrow().nodes[*i as usize].wants();
    let Some(last) = ids.iter().rposition(wanted) else { return };
    for wrt in (0..=last).filter(|&wrt| wanted(&ids[wrt])) {
        // The adjoint moves into the last rule that reads it, which may then reuse its buffer.
        let y_bar = if wrt == last { y_bar.take() } else { y_bar.clone() };
        let y_bar = y_bar.expect("only the last rule takes it");
        let i = ids[wrt] as usize;
        let input = tape.arena.borrow().nodes[i];
        let value = adjoints.take(&input, i, false).map(|x| Eager::new(tape, x));
        let mut into = Adjoint { shape: inputs[wrt].shape(), value };
        let numbers = tape.arena.borrow().numbers_of(&node);
        contribute(&node, numbers, wrt, &inputs, &y, y_bar, &mut into);
        if let Some(value) = into.value {
            adjoints.put(&input, i, value.into_value());
        }
    }
}

impl<'t, T: Float> TensorOps<T> for Var<'t, T> {
    fn shape(&self) -> Shape {
        (*self).shape()
    }

    fn list(&self, items: &[usize]) -> At {
        self.tape().push_list(items)
    }

    fn attribute_list(&self, at: At) -> SmallVec<[usize; 18]> {
        SmallVec::from_slice(self.tape().arena.borrow().attributes.list(at))
    }

    fn indices(&self, indices: Tensor<usize>) -> At {
        self.tape().push_indices(indices)
    }

    fn attribute_indices(&self, at: At) -> Tensor<usize> {
        self.tape().arena.borrow().attributes.indices(at).clone()
    }

    fn value(&self) -> Tensor<T> {
        (*self).value()
    }

    fn constant(&self, value: Tensor<T>) -> Self {
        self.tape().constant(value)
    }

    fn apply(op: Op, inputs: &[&Self]) -> Self {
        let inputs: SmallVec<[Self; 3]> = inputs.iter().map(|x| **x).collect();
        inputs[0].tape().record(op, &inputs)
    }

    fn apply_unary(&self, op: Unary, c: f64) -> Self {
        self.tape().record_unary(op, op.number_place().map(|_| [c, 0.0]), self.id())
    }

    fn add_assign(self, x: Self) -> Self {
        self + x
    }

    fn add_product(acc: Self, op: Product, a: &Self, b: &Self) -> Self {
        acc + <Self as TensorOps<T>>::matmul(op, a, b)
    }

    fn unary_vjp(op: Unary, c: [f64; 2], x: &Self, y: &Self, y_bar: Self, into: &mut Adjoint<Self>) {
        into.add(op.vjp(c, *x, *y, y_bar));
    }

    fn binary_vjp(
        op: Binary,
        wrt: usize,
        a: &Self,
        b: &Self,
        y: &Self,
        y_bar: Self,
        into: &mut Adjoint<Self>,
    ) {
        into.add(op.vjp(wrt, *a, *b, *y, y_bar));
    }

    fn cross_entropy_vjp(at: At, logits: &Self, y_bar: Self) -> Self {
        loss::recorded_vjp(at, *logits, y_bar)
    }

    fn softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self {
        Softmax::Softmax.recorded_vjp(axes, y, y_bar)
    }

    fn log_softmax_vjp(axes: Axes, y: &Self, y_bar: Self) -> Self {
        Softmax::LogSoftmax.recorded_vjp(axes, y, y_bar)
    }
}
