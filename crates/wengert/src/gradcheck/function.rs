//! A function at a point: its derivatives of one order as the tape has them, and its values nearby.
//!
//! Order 1 is about the function itself, order 2 about its gradient for given seeds, and so on:
//! each order has targets on the tape, a random seed for each of them, and the gradients of
//! sum(target · seed). So all orders are checked in the same way.

use super::GradCheckError;
use super::differences::Estimate;
use super::line::{Line, unit, wide};
use crate::element::{Element, Float};
use crate::shape::Shape;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::var::Var;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::cell::RefCell;

/// Records a function of variables.
pub(super) type Record<'a, T> = &'a dyn for<'t> Fn(&'t GradientTape<T>, &[Var<'t, T>]) -> Var<'t, T>;

/// A function, the point, and a tape on which it is recorded at one other point after the other.
pub(super) struct Function<'a, T: Float> {
    pub record: Record<'a, T>,
    pub inputs: &'a [Tensor<T>],
    pub nearby: &'a RefCell<GradientTape<T>>,
}

impl<T: Float> Function<'_, T> {
    /// Variables for `inputs`, and the value there.
    pub(super) fn on<'t>(
        &self,
        tape: &'t GradientTape<T>,
        inputs: &[Tensor<T>],
    ) -> Result<(Vec<Var<'t, T>>, Var<'t, T>), GradCheckError> {
        let vars: Vec<Var<T>> = inputs.iter().map(|x| tape.var(x)).collect();
        let y = (self.record)(tape, &vars);
        if !std::ptr::eq(y.tape(), tape) {
            return Err(GradCheckError::OtherTape { at: y.tape().location_of(y.id()) });
        }
        Ok((vars, y))
    }

    /// The value at `inputs`, or, with seeds, the gradients of the order that they are for.
    pub(super) fn values(
        &self,
        inputs: &[Tensor<T>],
        seeds: &[Vec<Tensor<T>>],
        shape: &Shape,
    ) -> Result<Vec<Tensor<T>>, GradCheckError> {
        let tape = &mut *self.nearby.borrow_mut();
        let tape = as_new(tape);
        let (vars, y) = self.on(tape, inputs)?;
        if y.shape() != *shape {
            return Err(GradCheckError::ShapeChanges { first: shape.clone(), second: y.shape() });
        }
        let Some((last, earlier)) = seeds.split_last() else { return Ok(vec![y.value()]) };
        let targets = earlier.iter().fold(vec![y], |y, seeds| recorded(tape, &y, seeds, &vars));
        Ok(numeric(tape, &targets, last, &vars))
    }

    /// The tape after recording at `inputs`, for those who look at its nodes.
    pub(super) fn nodes_at<R>(
        &self,
        inputs: &[Tensor<T>],
        look: impl FnOnce(&GradientTape<T>) -> R,
    ) -> Result<R, GradCheckError> {
        let tape = &mut *self.nearby.borrow_mut();
        let tape = as_new(tape);
        self.on(tape, inputs)?;
        Ok(look(tape))
    }
}

/// The tape without a trace of what was on it, but for its memory.
fn as_new<T: Float>(tape: &mut GradientTape<T>) -> &GradientTape<T> {
    tape.reset();
    tape.seed(0);
    tape.set_training(true);
    tape
}

/// Gradients from the numeric sweep; zeros where nothing arrives.
fn numeric<T: Float>(
    tape: &GradientTape<T>,
    targets: &[Var<'_, T>],
    seeds: &[Tensor<T>],
    vars: &[Var<'_, T>],
) -> Vec<Tensor<T>> {
    let grads = tape.backward(targets, seeds);
    vars.iter().map(|&x| grads.get(x).cloned().unwrap_or_else(|| Tensor::zeros(&x.shape()))).collect()
}

/// Gradients from the recorded sweep.
fn recorded<'t, T: Float>(
    tape: &'t GradientTape<T>,
    targets: &[Var<'t, T>],
    seeds: &[Tensor<T>],
    vars: &[Var<'t, T>],
) -> Vec<Var<'t, T>> {
    let seeds: Vec<Var<T>> = seeds.iter().map(|seed| tape.constant(seed)).collect();
    tape.vjp(targets, &seeds, vars)
}

/// The derivatives of one order.
pub(super) struct Order<'t, T: Float> {
    pub tape: &'t GradientTape<T>,
    pub vars: Vec<Var<'t, T>>,
    pub targets: Vec<Var<'t, T>>,
    /// Those of each order up to this one; the last are for the targets.
    pub seeds: Vec<Vec<Tensor<T>>>,
    /// Where on the tape the targets of each order begin, and where these end.
    pub starts: Vec<usize>,
    pub end: usize,
    /// The largest seed. Numbers are divided by it, so that those of a scalar are its own.
    pub scale: f64,
    /// What the numeric sweep says, not divided.
    pub gradients: Vec<Tensor<f64>>,
    /// What the recorded sweep says: the targets of the next order.
    pub recorded: Vec<Var<'t, T>>,
    /// What the sweep brings to each node.
    pub adjoints: Vec<Option<Tensor<T>>>,
    /// The targets' elements, each times its seed's.
    pub base: Vec<f64>,
    /// How far rounding may move their sum.
    pub noise: f64,
    /// The largest gradient; then for inputs that move by their own size.
    pub largest: [f64; 2],
}

impl<'t, T: Float> Order<'t, T> {
    pub(super) fn first(vars: Vec<Var<'t, T>>, y: Var<'t, T>, seed: Tensor<T>) -> Order<'t, T> {
        Order::new(vars, vec![y], vec![vec![seed]], vec![0])
    }

    /// The order above, of which this one's gradients are the targets.
    pub(super) fn next(mut self, rng: &mut ChaCha8Rng) -> Order<'t, T> {
        self.starts.push(self.end);
        self.seeds.push(self.recorded.iter().map(|g| random(&g.shape(), rng)).collect());
        Order::new(self.vars, self.recorded, self.seeds, self.starts)
    }

    fn new(
        vars: Vec<Var<'t, T>>,
        targets: Vec<Var<'t, T>>,
        seeds: Vec<Vec<Tensor<T>>>,
        starts: Vec<usize>,
    ) -> Order<'t, T> {
        let tape = targets[0].tape();
        let last = seeds.last().expect("an order has seeds");
        let gradients: Vec<Tensor<f64>> =
            numeric(tape, &targets, last, &vars).iter().map(Tensor::cast).collect();
        let seeds_of_all = last.iter().flat_map(|seed| seed.as_slice()).map(wide);
        let scale =
            seeds_of_all.fold(0.0, |most: f64, seed| if seed.abs() > most.abs() { seed } else { most });
        let scale = if scale == 0.0 { 1.0 } else { scale };
        let largest = |unit: fn(f64) -> f64| {
            let pairs = vars.iter().zip(&gradients).map(|(x, g)| (x.value(), g));
            let size = |(x, g): (&T, &f64)| (g * unit(wide(x)) / scale).abs();
            let largest = |(x, g): (Tensor<T>, &Tensor<f64>)| {
                x.as_slice().iter().zip(g.as_slice()).map(size).fold(0.0, f64::max)
            };
            pairs.map(largest).fold(0.0, f64::max)
        };
        let largest = [largest(|_| 1.0), largest(unit)];
        let roots: Vec<NodeId> = targets.iter().map(|y| y.id()).collect();
        let adjoints = tape.observe(&roots, last, |_| {});
        let base = weighted(&targets.iter().map(|y| y.value()).collect::<Vec<_>>(), last, scale);
        let own: f64 = base.iter().map(|x| x * x).sum();
        let digits = 2.0 * wide(&T::epsilon());
        let noise = digits * (squares(tape, &adjoints, scale) + own).sqrt();
        let end = tape.len();
        let recorded = recorded(tape, &targets, last, &vars);
        Order {
            tape,
            vars,
            targets,
            seeds,
            starts,
            end,
            scale,
            gradients,
            recorded,
            adjoints,
            base,
            noise,
            largest,
        }
    }

    /// Which derivative: 1, 2, ..
    pub(super) fn number(&self) -> usize {
        self.seeds.len()
    }

    /// Which order's targets a node is recorded for, from 0.
    pub(super) fn order_of(&self, id: usize) -> usize {
        self.starts.partition_point(|&start| start <= id) - 1
    }

    /// The seeds of the targets.
    pub(super) fn last_seeds(&self) -> &[Tensor<T>] {
        self.seeds.last().expect("an order has seeds")
    }

    /// The targets' elements nearby, each times its seed's.
    pub(super) fn weighted(
        &self,
        function: &Function<'_, T>,
        inputs: &[Tensor<T>],
    ) -> Result<Vec<f64>, GradCheckError> {
        let earlier = &self.seeds[..self.seeds.len() - 1];
        let values = function.values(inputs, earlier, self.seeds[0][0].shape())?;
        Ok(weighted(&values, self.last_seeds(), self.scale))
    }

    /// How each node up to the targets moves along `line`, by forward mode.
    pub(super) fn moved(&self, line: &Line) -> Vec<Tensor<f64>> {
        let nodes: Vec<Var<T>> = (0..self.end).map(|id| Var::new(self.tape, NodeId(id as u32))).collect();
        let moved = self.tape.jvp(&nodes, &self.vars, &line.tangents(&self.vars));
        moved.iter().map(Tensor::cast).collect()
    }

    /// Reverse mode along `line`.
    pub(super) fn reverse(&self, line: &Line) -> f64 {
        line.dot(&self.gradients) / self.scale
    }

    /// Forward mode along `line`: the derivative, and how far from reverse mode it may be. Through each
    /// node flows a part of it, the node's movement times its adjoint; of the widest such flow half of
    /// the digits must agree.
    pub(super) fn forward(&self, line: &Line) -> Estimate {
        let moved = self.moved(line);
        let terms = |id: usize, seed: &Tensor<T>| -> Vec<f64> {
            moved[id].as_slice().iter().zip(seed.as_slice()).map(|(t, y_bar)| t * wide(y_bar)).collect()
        };
        let targets = self.targets.iter().zip(self.last_seeds());
        let value: f64 = targets.flat_map(|(y, seed)| terms(y.id().index(), seed)).sum();
        let flow = |(id, y_bar): (usize, &Option<Tensor<T>>)| {
            y_bar.as_ref().map_or(0.0, |y_bar| terms(id, y_bar).iter().map(|x| x.abs()).sum())
        };
        let widest = self.adjoints.iter().enumerate().map(flow).fold(0.0, f64::max);
        let half = wide(&T::epsilon()).sqrt() / self.scale.abs();
        Estimate { value: value / self.scale, error: half * widest + 8.0 * self.noise }
    }
}

fn weighted<T: Float>(values: &[Tensor<T>], seeds: &[Tensor<T>], scale: f64) -> Vec<f64> {
    let pairs = values.iter().zip(seeds).flat_map(|(x, seed)| x.as_slice().iter().zip(seed.as_slice()));
    pairs.map(|(x, seed)| wide(x) * (wide(seed) / scale)).collect()
}

/// How far rounding may move the weighted sum of the targets over `scale`, squared and in units of the last digit:
/// each value on the tape may be off by its last digits, and its adjoint says what comes of that
/// (M. Iri 1984; independent roundings add up as squares).
fn squares<T: Float>(tape: &GradientTape<T>, adjoints: &[Option<Tensor<T>>], scale: f64) -> f64 {
    tape.fill_all();
    let arena = tape.arena.borrow();
    let mut squares = 0.0;
    for (id, y_bar) in adjoints.iter().enumerate() {
        let Some(y_bar) = y_bar else { continue };
        let y = arena.value(id as u32);
        let terms =
            y.as_slice().iter().zip(y_bar.as_slice()).map(|(y, y_bar)| wide(y) * (wide(y_bar) / scale));
        squares += terms.filter(|x| x.is_finite()).map(|x| x * x).sum::<f64>();
    }
    squares
}

/// Uniform in ±[½, 1½]: no entry is near 0, so that none is left out of a sum.
pub(super) fn random<T: Float>(shape: &Shape, rng: &mut ChaCha8Rng) -> Tensor<T> {
    let one = |_| {
        let u: f64 = rng.random_range(-1.0..1.0);
        T::from_f64(u + if u < 0.0 { -0.5 } else { 0.5 })
    };
    from_elements((0..shape.elements()).map(one), shape)
}

pub(super) fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(super) fn from_elements<U: Element>(elements: impl Iterator<Item = U>, shape: &Shape) -> Tensor<U> {
    Tensor::from_vec(elements.collect(), shape).expect("one element each")
}
