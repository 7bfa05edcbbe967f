//! Forward mode: the recorded operations computed again over dual numbers, from the start.
//!
//! A node's derivative along a direction comes from evaluating its own forward computation, at
//! the values that the tape holds, so it owes nothing to the reverse rules. One pass gives the
//! derivative of everything recorded with respect to one direction; a recorded gradient can be
//! passed through too, which gives Hessian-vector products. The loops are plain ones: a pass took
//! 8 times as long as recording at 100 elements, 35 times at 10,000, where recording vectorises.

use crate::dual::Dual;
use crate::element::{Element, Float};
use crate::engine::Forward;
use crate::kernels::Kernels;
use crate::ops::{At, Op};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tape::arena::{Arena, Node};
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;

impl<T: Float> GradientTape<T> {
    /// Derivatives of `targets` along a direction: that in which each source moves by its tangent.
    /// Forward mode, over dual numbers (in `f64`): nothing is recorded, no reverse rule is used.
    ///
    /// # Panics
    /// A tangent's shape is not its source's, there is not one tangent a source, or a variable
    /// belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![1.0, 2.0]);
    /// let y = x.square();
    /// assert_eq!(tape.jvp(&[y], &[x], &[tensor![1.0, 10.0]])[0], tensor![2.0, 40.0]);
    /// // Through a recorded gradient: a Hessian-vector product.
    /// let gradient = tape.gradient(x.powi(3).sum(), &[x])[0];
    /// assert_eq!(tape.jvp(&[gradient], &[x], &[tensor![1.0, 0.0]])[0], tensor![6.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn jvp<'t>(
        &'t self,
        targets: &[Var<'t, T>],
        sources: &[Var<'t, T>],
        tangents: &[Tensor<T>],
    ) -> Vec<Tensor<T>> {
        let (ends, starts) = (self.own_all(targets), self.own_all(sources));
        assert!(
            starts.len() == tangents.len(),
            "jvp: {} sources, but {} tangents: there must be one each",
            starts.len(),
            tangents.len()
        );
        let last = ends.iter().max().map_or(0, |id| id.index() + 1);
        self.fill_all();
        let arena = self.arena.borrow();
        let mut moves = Moves { arena: &arena, tangents: vec![None; last], pool: Pool::new() };
        for ((source, id), tangent) in sources.iter().zip(&starts).zip(tangents) {
            let shape = source.shape();
            assert!(
                *tangent.shape() == shape,
                "jvp: a tangent has shape {}, its source {shape}; they must be equal",
                tangent.shape()
            );
            if id.index() < last {
                let before = moves.tangents[id.index()].take();
                let tangent = before.map_or_else(|| tangent.cast(), |before| sum(&before, &tangent.cast()));
                moves.tangents[id.index()] = Some(tangent);
            }
        }
        let first = starts.iter().min().map_or(last, |id| id.index());
        for id in first..last {
            // A source that is itself computed from others moves as it was told to.
            if moves.tangents[id].is_none() {
                moves.tangents[id] = moves.through(id);
            }
        }
        let of = |(target, id): (&Var<'t, T>, &crate::tape::NodeId)| match &moves.tangents[id.index()] {
            Some(tangent) => tangent.cast(),
            None => Tensor::zeros(&target.shape()),
        };
        targets.iter().zip(&ends).map(of).collect()
    }
}

/// How far each node moves; `None` is not at all.
struct Moves<'a, T> {
    arena: &'a Arena<T>,
    tangents: Vec<Option<Tensor<f64>>>,
    pool: Pool<Dual>,
}

impl<T: Float> Moves<'_, T> {
    /// The tangent of a node whose inputs' tangents are known.
    fn through(&mut self, id: usize) -> Option<Tensor<f64>> {
        let node = &self.arena.nodes[id];
        let ids = self.arena.inputs(node);
        let moved = ids.iter().any(|&i| self.tangents[i as usize].is_some());
        if !node.wants() || !moved {
            return None;
        }
        if let Op::Custom(at) = node.op {
            return Some(self.through_extension(at, ids));
        }
        let inputs: SmallVec<[Tensor<Dual>; 3]> = ids.iter().map(|&i| self.dual(i)).collect();
        let y = self.forward(node, &inputs);
        Some(map(&y, |y| y.eps[0]))
    }

    fn dual(&self, id: u32) -> Tensor<Dual> {
        let value = self.arena.value(id);
        match &self.tangents[id as usize] {
            None => value.cast(),
            Some(tangent) => {
                let pairs = value.as_slice().iter().zip(tangent.as_slice());
                build(
                    pairs.map(|(x, &eps)| Dual { re: Element::to_f64(*x), eps: [eps] }).collect(),
                    value.shape(),
                )
            }
        }
    }

    fn forward(&mut self, node: &Node<T>, inputs: &[Tensor<Dual>]) -> Tensor<Dual> {
        let inputs: SmallVec<[&Tensor<Dual>; 3]> = inputs.iter().collect();
        let attributes = &self.arena.attributes;
        match node.op {
            Op::Unary(op) => {
                let (x, numbers) = (inputs[0], self.arena.numbers_of(node));
                self.pool.build(x.shape().clone(), |out| Dual::unary(op, numbers, x.as_slice(), out))
            }
            op => {
                let shapes: SmallVec<[&Shape; 3]> = inputs.iter().map(|x| x.shape()).collect();
                let shape = op.shape(&shapes, attributes).expect("it was recorded with these shapes");
                Dual::forward(op, &inputs, shape, attributes, &mut self.pool)
            }
        }
    }

    /// The tangent of an operation outside of the enum, which has a way of its own.
    fn through_extension(&self, at: At, ids: &[u32]) -> Tensor<f64> {
        let values: SmallVec<[Tensor<T>; 3]> = ids.iter().map(|&i| self.arena.value(i)).collect();
        let values: SmallVec<[&Tensor<T>; 3]> = values.iter().collect();
        let tangents: SmallVec<[Option<&Tensor<f64>>; 3]> =
            ids.iter().map(|&i| self.tangents[i as usize].as_ref()).collect();
        self.arena.extension(at).jvp(&values, &tangents)
    }
}

fn build<U: Element>(elements: Vec<U>, shape: &Shape) -> Tensor<U> {
    Tensor::from_vec(elements, shape).expect("one element each")
}

fn map<U: Element>(x: &Tensor<Dual>, f: impl Fn(&Dual) -> U) -> Tensor<U> {
    build(x.as_slice().iter().map(f).collect(), x.shape())
}

fn sum(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    build(a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a + b).collect(), a.shape())
}
