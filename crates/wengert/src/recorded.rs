//! The reverse sweep, recorded: gradients as variables, which can be differentiated again.
//!
//! The same rules as in the numeric sweep, on the tape itself, at the places of the operations
//! that they differentiate. Only nodes that lead from the sources to the targets are visited.

use crate::element::Float;
use crate::engine::Rule;
use crate::gradients::NoGradient;
use crate::ops::custom::Bars;
use crate::ops::{At, Binary, Op, Product, Softmax, Unary, loss};
use crate::shape::{Axes, Shape};
use crate::sweep::must_match;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;
use smallvec::SmallVec;

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
        target.must_be_scalar("gradient");
        self.or_zeros(sources, self.recorded_sweep(&[target], None, sources))
    }

    /// [`gradient`](GradientTape::gradient) with the reason for each source that has none: `.ok()`
    /// for a policy of none, `?` for one of errors.
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
        target.must_be_scalar("try_gradient");
        self.or_reasons(&[target], sources, self.recorded_sweep(&[target], None, sources))
    }

    /// Gradients of the sum over targets of sum(target · seed), recorded, also through the seeds:
    /// a vector-Jacobian product of values of any shape. Zeros where nothing arrives.
    ///
    /// # Panics
    /// There is not one seed a target, a seed's shape is not its target's, or a variable belongs
    /// to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// let seed = tape.constant(tensor![1.0, 10.0]);
    /// let product = tape.vjp(&[x.square()], &[seed], &[x])[0];
    /// assert_eq!(product.value(), tensor![2.0, 40.0]);
    /// assert_eq!(tape.gradient(product.sum(), &[x])[0].value(), tensor![2.0, 20.0]);
    /// ```
    #[track_caller]
    pub fn vjp<'t>(
        &'t self,
        targets: &[Var<'t, T>],
        seeds: &[Var<'t, T>],
        sources: &[Var<'t, T>],
    ) -> Vec<Var<'t, T>> {
        must_match("vjp", targets, seeds.iter().map(|seed| seed.shape()));
        self.or_zeros(sources, self.recorded_sweep(targets, Some(seeds), sources))
    }

    /// [`vjp`](GradientTape::vjp) with the reason for each source that has none.
    ///
    /// # Panics
    /// There is not one seed a target, a seed's shape is not its target's, or a variable belongs
    /// to another tape.
    #[track_caller]
    pub fn try_vjp<'t>(
        &'t self,
        targets: &[Var<'t, T>],
        seeds: &[Var<'t, T>],
        sources: &[Var<'t, T>],
    ) -> Vec<Result<Var<'t, T>, NoGradient>> {
        must_match("try_vjp", targets, seeds.iter().map(|seed| seed.shape()));
        self.or_reasons(targets, sources, self.recorded_sweep(targets, Some(seeds), sources))
    }

    /// ∂target/∂source of every element by every element, recorded: the target's shape, then the
    /// source's. One sweep for each element of the target.
    ///
    /// # Panics
    /// The shapes have too many axes together, or a variable belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// let jacobian = tape.jacobian(x.square(), x);
    /// assert_eq!(jacobian.value(), tensor![[2.0, 0.0], [0.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn jacobian<'t>(&'t self, target: Var<'t, T>, source: Var<'t, T>) -> Var<'t, T> {
        let (rows, columns) = (target.shape(), source.shape());
        let shape = Self::fit(Shape::new(&[&rows[..], &columns[..]].concat()));
        let n = rows.elements();
        let one_hot = |i: usize| one_at(&rows, |j| i == j);
        self.stacked(n, shape, &[n, columns.elements()], 0, |i| (target, one_hot(i), source))
    }

    /// ∂target\[b\]/∂source\[b\] for each `b` of a batch, recorded: shape `[batch, target.., source..]`.
    /// It takes for granted that no element of the batch depends on another one, and so needs one
    /// sweep for each element of a single target instead of one for each of the batch's.
    ///
    /// # Panics
    /// Target or source has no axes, or their first ones differ; the shapes have too many axes
    /// together; a variable belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// let jacobians = tape.batch_jacobian(x * x.sum_axes(&[1], true), x);
    /// assert_eq!(jacobians.value(), tensor![[[4.0, 1.0], [2.0, 5.0]], [[10.0, 3.0], [4.0, 11.0]]]);
    /// ```
    #[track_caller]
    pub fn batch_jacobian<'t>(&'t self, target: Var<'t, T>, source: Var<'t, T>) -> Var<'t, T> {
        let (rows, columns) = (target.shape(), source.shape());
        let (Some((&b, row)), Some((&c, column))) = (rows.split_first(), columns.split_first()) else {
            panic!(
                "batch_jacobian: target {rows} and source {columns} must both have a first axis, the batch"
            );
        };
        assert!(
            b == c,
            "batch_jacobian: the batch has {b} elements in target {rows}, {c} in source {columns}"
        );
        let shape = Self::fit(Shape::new(&[&[b], row, column].concat()));
        let (n, m) = (row.iter().product::<usize>(), column.iter().product());
        let one_hot = |i: usize| one_at(&rows, |j| j % n == i);
        self.stacked(n, shape, &[b, n, m], 1, |i| (target, one_hot(i), source))
    }

    /// The products of `n` seeds, one beside the other along `axis` of `flat`, as `shape`.
    #[track_caller]
    fn stacked<'t>(
        &'t self,
        n: usize,
        shape: Shape,
        flat: &[usize],
        axis: usize,
        product: impl Fn(usize) -> (Var<'t, T>, Tensor<T>, Var<'t, T>),
    ) -> Var<'t, T> {
        if shape.elements() == 0 {
            return self.constant(Tensor::zeros(&shape));
        }
        let one: Shape = flat.iter().enumerate().map(|(i, &n)| if i == axis { 1 } else { n }).collect();
        let mut products = Vec::with_capacity(n);
        for i in 0..n {
            let (target, seed, source) = product(i);
            products.push(self.vjp(&[target], &[self.constant(seed)], &[source])[0].reshape(&one));
        }
        self.concat(&products, axis as isize).reshape(&shape)
    }

    #[track_caller]
    fn or_zeros<'t>(&'t self, sources: &[Var<'t, T>], found: Vec<Option<Var<'t, T>>>) -> Vec<Var<'t, T>> {
        let mut gradients = Vec::with_capacity(sources.len());
        // A loop: a closure would not pass the caller's place on.
        for (source, found) in sources.iter().zip(found) {
            gradients.push(match found {
                Some(gradient) => gradient,
                None => self.constant(Tensor::zeros(&source.shape())),
            });
        }
        gradients
    }

    fn or_reasons<'t>(
        &'t self,
        targets: &[Var<'t, T>],
        sources: &[Var<'t, T>],
        found: Vec<Option<Var<'t, T>>>,
    ) -> Vec<Result<Var<'t, T>, NoGradient>> {
        let targets: SmallVec<[NodeId; 4]> = targets.iter().map(|target| target.id()).collect();
        let reason = |source: &Var<'t, T>| NoGradient::of(*source, &targets);
        sources.iter().zip(found).map(|(source, found)| found.ok_or_else(|| reason(source))).collect()
    }

    #[track_caller]
    fn recorded_sweep<'t>(
        &'t self,
        targets: &[Var<'t, T>],
        seeds: Option<&[Var<'t, T>]>,
        sources: &[Var<'t, T>],
    ) -> Vec<Option<Var<'t, T>>> {
        let (roots, sources) = (self.own_all(targets), self.own_all(sources));
        let end = roots.iter().max().map_or(0, |root| root.index() + 1);
        let leads = self.leading_to(&sources, end);
        let mut adjoints: Vec<Option<Var<'t, T>>> = vec![None; end];
        for (i, root) in roots.iter().enumerate().filter(|(_, root)| leads[root.index()]) {
            let seed = match seeds {
                Some(seeds) => seeds[i],
                None => self.constant(T::one()),
            };
            let adjoint = &mut adjoints[root.index()];
            *adjoint = Some(match adjoint.take() {
                Some(before) => before + seed,
                None => seed,
            });
        }
        for id in (0..end).rev() {
            let Some(y_bar) = adjoints[id].filter(|_| leads[id]) else { continue };
            let node = self.arena.borrow().nodes[id];
            let inputs = self.input_ids(&node);
            if inputs.is_empty() {
                continue;
            }
            let (vars, y) =
                (inputs.iter().map(|&i| Var::new(self, NodeId(i))), Var::new(self, NodeId(id as u32)));
            let vars: SmallVec<[Var<'t, T>; 3]> = vars.collect();
            let numbers = self.arena.borrow().numbers_of(&node);
            let bars = match node.op {
                Op::Custom(at) => {
                    let extension = self.extension(at);
                    self.relocated(node.location, || extension.recorded_vjp(&vars, y, y_bar))
                }
                _ => Bars::new(),
            };
            for (wrt, &input) in inputs.iter().enumerate() {
                let i = input as usize;
                if leads[i] && self.arena.borrow().nodes[i].wants() {
                    let mut into = Adjoint { shape: vars[wrt].shape(), value: adjoints[i].take() };
                    self.relocated(node.location, || match node.op {
                        Op::Custom(_) => bars[wrt].into_iter().for_each(|bar| into.add(bar)),
                        _ => {
                            let rule = Rule { node: &node, numbers, wrt };
                            T::contribute_recorded(rule, &vars, &y, y_bar, &mut into);
                        }
                    });
                    adjoints[i] = into.value;
                }
            }
        }
        sources.iter().map(|id| adjoints.get(id.index()).copied().flatten()).collect()
    }

    /// For each of the first `end` nodes: whether it is, or depends on, one of `sources`.
    pub(crate) fn leading_to(&self, sources: &[NodeId], end: usize) -> Vec<bool> {
        let arena = self.arena.borrow();
        let mut leads = vec![false; end];
        for &source in sources.iter().filter(|source| source.index() < end) {
            leads[source.index()] = arena.nodes[source.index()].wants();
        }
        for id in 0..end {
            let node = &arena.nodes[id];
            leads[id] |= node.wants() && arena.inputs(node).iter().any(|&i| leads[i as usize]);
        }
        leads
    }
}

/// 1 where `here` holds of the position, else 0.
fn one_at<T: Float>(shape: &Shape, here: impl Fn(usize) -> bool) -> Tensor<T> {
    let elements = (0..shape.elements()).map(|i| if here(i) { T::one() } else { T::zero() });
    Tensor::from_vec(elements.collect(), shape).expect("one element each")
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
