//! The reverse sweep: a loop from the end of the tape that adds each node's contributions to its
//! inputs' adjoints.
//!
//! It exists twice. Here it computes plain numbers: runs of scalar operations in one tight loop,
//! tensors through the pool. In `recorded.rs` the same rules are recorded on the tape, so that
//! their result can be differentiated again, to any order.

use crate::eager::Eager;
use crate::element::Float;
use crate::engine::Rule;
use crate::gradients::{Adjoints, Gradients};
use crate::ops::custom::Bars;
use crate::ops::{At, Op};
use crate::shape::Shape;
use crate::tape::arena::Node;
use crate::tape::checkpoint::Window;
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
        numeric_sweep(self.tape(), &[self], &[Tensor::scalar(T::one())], keep)
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
        must_match("backward_with", &[self], [seed.shape().clone()].into_iter());
        numeric_sweep(self.tape(), &[self], std::slice::from_ref(seed), &[])
    }

    #[track_caller]
    pub(crate) fn must_be_scalar(self, op: &str) {
        let shape = self.shape();
        assert!(
            shape.is_empty(),
            "{op} needs a scalar, not shape {shape}: reduce it with sum() or mean(), or give a seed with backward_with"
        );
    }
}

impl<T: Float> GradientTape<T> {
    /// Gradients of the sum over targets of sum(target · seed), in one sweep.
    ///
    /// # Panics
    /// There is not one seed a target, a seed's shape is not its target's, or a variable belongs
    /// to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(3.0);
    /// let (one, ten) = (Tensor::scalar(1.0), Tensor::scalar(10.0));
    /// let grads = tape.backward(&[x.square(), x * 2.0], &[one, ten]);
    /// assert_eq!(grads.item(x), 26.0);
    /// ```
    #[track_caller]
    pub fn backward(&self, targets: &[Var<'_, T>], seeds: &[Tensor<T>]) -> Gradients<T> {
        must_match("backward", targets, seeds.iter().map(|seed| seed.shape().clone()));
        numeric_sweep(self, targets, seeds, &[])
    }

    pub(crate) fn input_ids(&self, node: &Node<T>) -> SmallVec<[u32; 4]> {
        SmallVec::from_slice(self.arena.borrow().inputs(node))
    }
}

/// One seed a target, of its shape.
#[track_caller]
pub(crate) fn must_match<T: Float>(
    op: &str,
    targets: &[Var<'_, T>],
    seeds: impl ExactSizeIterator<Item = Shape>,
) {
    let (targets_len, seeds_len) = (targets.len(), seeds.len());
    assert!(
        targets_len == seeds_len,
        "{op}: {targets_len} targets, but {seeds_len} seeds: there must be one each"
    );
    for (target, seed) in targets.iter().zip(seeds) {
        let shape = target.shape();
        assert!(seed == shape, "{op}: the seed has shape {seed}, the value {shape}; they must be equal");
    }
}

/// One node's contribution to one of its inputs.
pub(crate) fn contribute<T: Float, V: TensorOps<T>>(
    Rule { node, numbers, wrt }: Rule<'_, T>,
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
fn numeric_sweep<T: Float>(
    tape: &GradientTape<T>,
    targets: &[Var<'_, T>],
    seeds: &[Tensor<T>],
    keep: &[Var<'_, T>],
) -> Gradients<T> {
    let (roots, keep) = (tape.own_all(targets), tape.own_all(keep));
    if tape.checks_finite() {
        tape.must_sweep_finite(&roots, seeds);
    }
    T::sweep(tape, &roots, seeds, &keep)
}

/// The sweep itself: from `roots`, whose adjoints begin as `seeds`.
pub(crate) fn numeric<T: Float>(
    tape: &GradientTape<T>,
    roots: &[NodeId],
    seeds: &[Tensor<T>],
    keep: &[NodeId],
) -> Gradients<T> {
    let mut adjoints = tape.home.take(&mut tape.pool.borrow_mut());
    let mut end = roots.iter().max().map_or(0, |root| root.index() + 1);
    adjoints.scalars.resize(end, T::UNREACHED);
    adjoints.tensors.resize(tape.arena.borrow().values.len(), None);
    for (root, seed) in roots.iter().zip(seeds) {
        let node = tape.arena.borrow().nodes[root.index()];
        if node.wants() {
            let before = adjoints.take(&node, root.index(), false).map(|x| Eager::new(tape, x));
            let seed = Eager::new(tape, seed.clone());
            let seed = before.map_or(seed.clone(), |before| before.add_assign(seed));
            adjoints.put(&node, root.index(), seed.into_value());
        }
    }
    let mut window = Window::default();
    while let Some(id) = sweep_scalars(tape, &mut adjoints, end) {
        sweep_node(tape, &mut adjoints, id, keep, &mut window);
        end = id;
    }
    window.close(tape);
    tape.each_parameter(|parameter, leaf| {
        let slot = tape.arena.borrow().nodes[leaf.index()].slot;
        adjoints.parameters.push((parameter, leaf, slot));
    });
    adjoints.parameters.sort_unstable_by_key(|&(parameter, ..)| parameter);
    Gradients::new(tape, roots, adjoints, keep)
}

/// Sweeps the run of scalar operations that ends before `end`; returns the first other node.
fn sweep_scalars<T: Float>(tape: &GradientTape<T>, adjoints: &mut Adjoints<T>, end: usize) -> Option<usize> {
    let arena = tape.arena.borrow();
    let (nodes, scalars) = (&arena.nodes[..end], &mut adjoints.scalars[..end]);
    let mut id = end;
    while id > 0 {
        id -= 1;
        let node = &nodes[id];
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
fn sweep_node<T: Float>(
    tape: &GradientTape<T>,
    adjoints: &mut Adjoints<T>,
    id: usize,
    keep: &[NodeId],
    window: &mut Window,
) {
    let node = tape.arena.borrow().nodes[id];
    let kept = keep.contains(&NodeId(id as u32));
    let Some(y_bar) = adjoints.take(&node, id, kept) else { return };
    let y_bar = Eager::new(tape, y_bar);
    let ids = tape.input_ids(&node);
    window.move_to(tape, id as u32);
    tape.fill(node.op.read(&ids, id as u32));
    let eager = |id: u32| Eager::new(tape, tape.arena.borrow().value(id));
    let (inputs, y): (SmallVec<[Eager<T>; 4]>, _) =
        (ids.iter().map(|&i| eager(i)).collect(), eager(id as u32));
    let takes_one = match node.op {
        Op::Unary(_) | Op::Binary(_) => true,
        Op::Custom(at) => tape.extension(at).takes_one(),
        _ => false,
    };
    let mut y_bar = Some(if takes_one { y_bar } else { y_bar.filled(&y.shape()) });
    let wanted = |i: &u32| tape.arena.borrow().nodes[*i as usize].wants();
    let Some(last) = ids.iter().rposition(wanted) else { return };
    let numbers = tape.arena.borrow().numbers_of(&node);
    let mut bars = match node.op {
        Op::Custom(at) => custom_vjp(tape, at, &inputs, &y, y_bar.as_ref().expect("it has arrived"), &ids),
        _ => Bars::new(),
    };
    for wrt in (0..=last).filter(|&wrt| wanted(&ids[wrt])) {
        let i = ids[wrt] as usize;
        let input = tape.arena.borrow().nodes[i];
        let shape = inputs[wrt].shape();
        let value = adjoints.take(&input, i, false).map(|x| Eager::new(tape, x).filled(&shape));
        let mut into = Adjoint { shape, value };
        if let Op::Custom(_) = node.op {
            bars[wrt].take().into_iter().for_each(|bar| into.add(Eager::new(tape, bar)));
        } else {
            // The adjoint moves into the last rule that reads it, which may then reuse its buffer.
            let y_bar = if wrt == last { y_bar.take() } else { y_bar.clone() };
            let y_bar = y_bar.expect("only the last rule takes it");
            T::contribute(Rule { node: &node, numbers, wrt }, &inputs, &y, y_bar, &mut into);
        }
        if let Some(mut value) = into.value {
            // What can be read from outside has all its elements.
            if matches!(input.op, Op::Leaf(_)) || keep.contains(&NodeId(ids[wrt])) {
                value = value.filled(&into.shape);
            }
            adjoints.put(&input, i, value.into_value());
        }
    }
}

/// The contributions of an operation outside of the enum, all at once.
fn custom_vjp<T: Float>(
    tape: &GradientTape<T>,
    at: At,
    inputs: &[Eager<'_, T>],
    y: &Eager<'_, T>,
    y_bar: &Eager<'_, T>,
    ids: &[u32],
) -> Bars<Tensor<T>> {
    let extension = tape.extension(at);
    let inputs: SmallVec<[Tensor<T>; 4]> = inputs.iter().map(|x| x.value()).collect();
    let inputs: SmallVec<[&Tensor<T>; 4]> = inputs.iter().collect();
    let wanted: SmallVec<[bool; 4]> =
        ids.iter().map(|&i| tape.arena.borrow().nodes[i as usize].wants()).collect();
    extension.vjp(&inputs, &y.value(), &y_bar.value(), &wanted, &mut tape.pool.borrow_mut())
}
