//! Which operation is to blame: each node of the tape alone, on the values it was recorded with.
//!
//! Along a line on which a derivative is wrong, forward mode says how each node's inputs move, and
//! the sweep which adjoint arrives at it. Differences of the node alone, moved in this way and
//! weighted with this adjoint, must be what its rule says: the first node where they are not is the
//! first one that spoils the result. Halving the set of its moving entries leads to one of them.
//!
//! The price is that of a check along one line for each node up to the culprit.

use super::differences::Estimate;
use super::error::{Culprit, Operation, Rule};
use super::function::{Function, Order, random, seeded};
use super::line::{Line, unit, wide};
use super::report::{Comparison, Entry, Verdict};
use super::{GradCheckError, Settings, Slope};
use crate::element::Float;
use crate::ops::{Leaf, Op};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use std::cell::RefCell;

/// Who is to blame for what is wrong along `line`.
pub(super) fn culprit<T: Float>(
    settings: &Settings,
    function: &Function<'_, T>,
    at: &Order<'_, T>,
    line: &Line,
) -> Culprit {
    let mut search = Search::new(settings, at, line);
    search
        .wrong_rule()
        .or_else(|| search.cut())
        .or_else(|| search.changing_leaf(function, line))
        .unwrap_or_else(
            || if search.kinks.is_empty() { Culprit::Unknown } else { Culprit::Kinks(search.kinks) },
        )
}

/// The operation with a wrong rule along `line`, if there is one.
pub(super) fn wrong_rule<T: Float>(settings: &Settings, at: &Order<'_, T>, line: &Line) -> Option<Culprit> {
    Search::new(settings, at, line).wrong_rule()
}

struct Search<'a, 't, T: Float> {
    settings: &'a Settings,
    at: &'a Order<'t, T>,
    /// How each node moves along the line.
    tangents: Vec<Tensor<f64>>,
    /// Two tapes that know the operations of the first: one for a node, one for the node nearby.
    alone: GradientTape<T>,
    nearby: RefCell<GradientTape<T>>,
    /// Operations at a kink, met on the way.
    kinks: Vec<Operation>,
}

impl<'a, 't, T: Float> Search<'a, 't, T> {
    fn new(settings: &'a Settings, at: &'a Order<'t, T>, line: &Line) -> Search<'a, 't, T> {
        let (tape, tangents) = (at.tape, at.moved(line));
        let (alone, nearby) = (tape.sibling(), RefCell::new(tape.sibling()));
        Search { settings, at, tangents, alone, nearby, kinks: Vec::new() }
    }

    /// The operations whose inputs move along the line: those through which the sweep goes, or those
    /// that let nothing through.
    fn moving(&self, through: bool) -> Vec<usize> {
        let arena = self.at.tape.arena.borrow();
        let tangent = |i: &u32| self.tangents[*i as usize].as_slice();
        let moving = |&id: &usize| {
            let node = &arena.nodes[id];
            let mut tangents = arena.inputs(node).iter().flat_map(tangent);
            node.wants() == through && tangents.clone().all(|t| t.is_finite()) && tangents.any(|t| *t != 0.0)
        };
        (0..self.at.end).filter(moving).collect()
    }

    fn wrong_rule(&mut self) -> Option<Culprit> {
        for id in self.moving(true) {
            let Some(Some(seed)) = self.at.adjoints.get(id) else { continue };
            let found = self.check_node(id, seed, 1);
            if found.is_some() {
                return found;
            }
        }
        // Rules of earlier orders may be right, and yet not depend on their inputs as they should.
        for id in self.moving(true) {
            for order in 2..=self.at.number() - self.at.order_of(id) {
                let shape = self.at.tape.arena.borrow().value(id as u32).shape().clone();
                let seed = random(&shape, &mut seeded(self.settings.seed));
                let found = self.check_node(id, &seed, order);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// The first operation that moves, and lets nothing back.
    fn cut(&mut self) -> Option<Culprit> {
        for id in self.moving(false) {
            let shape = self.at.tape.arena.borrow().value(id as u32).shape().clone();
            let seed = random(&shape, &mut seeded(self.settings.seed));
            let moves = self.with_node(id, |settings, function, tape, line| {
                let (vars, y) = function.on(tape, function.inputs)?;
                let mut at = Order::first(vars, y, seed);
                at.gradients.iter_mut().for_each(|g| *g = Tensor::zeros(g.shape()));
                settings.compare(function, &at, line)
            });
            if moves.is_ok_and(|found| found.verdict == Verdict::Wrong) {
                return Some(Culprit::Cut(Operation::at(self.at.tape, id, self.at.order_of(id))));
            }
        }
        None
    }

    /// The first leaf other than the inputs that has another value a step along the line.
    fn changing_leaf(&self, function: &Function<'_, T>, line: &Line) -> Option<Culprit> {
        let inputs = line.at(function.inputs, self.settings.step * line.unit);
        let here = self.at.tape.arena.borrow();
        let leaf = |op: Op| matches!(op, Op::Leaf(Leaf::Constant | Leaf::Var));
        let same = |a: &Tensor<T>, b: &Tensor<T>| {
            a.shape() == b.shape()
                && a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| wide(a).to_bits() == wide(b).to_bits())
        };
        let changed = function.nodes_at(&inputs, |tape| {
            let there = tape.arena.borrow();
            (inputs.len()..there.nodes.len().min(self.at.end)).find(|&id| {
                let both = leaf(here.nodes[id].op) && leaf(there.nodes[id].op);
                both && !same(&here.value(id as u32), &there.value(id as u32))
            })
        });
        drop(here);
        changed.ok()?.map(|id| Culprit::Leaf(Operation::at(self.at.tape, id, 0)))
    }

    /// Whether node `id` alone is right to `order`, where `seed` arrives.
    fn check_node(&mut self, id: usize, seed: &Tensor<T>, order: usize) -> Option<Culprit> {
        if seed.as_slice().iter().all(|x| x.is_zero()) {
            return None;
        }
        let seed = seed.clone();
        let found = self.with_node(id, |settings, function, tape, line| {
            let (vars, y) = function.on(tape, function.inputs)?;
            let mut rng = seeded(settings.seed);
            let first = Order::first(vars, y, seed);
            let at = (1..order).fold(first, |at, _| at.next(&mut rng));
            Ok::<_, GradCheckError>((settings.examine(function, &at, line)?, at.scale))
        });
        let operation = || Operation::at(self.at.tape, id, self.at.order_of(id));
        let (found, scale) = found.ok()?;
        // In the size that the sweep passes on; there is none where seeds are random.
        let size = if order == 1 { scale / self.at.scale } else { 1.0 };
        match found {
            Found::Right => None,
            Found::Kink => {
                let operation = operation();
                self.kinks.push(operation);
                None
            }
            Found::Wrong { rule, input, index, analytic, numeric } => Some(Culprit::Operation {
                operation: operation(),
                rule,
                order,
                input,
                index,
                analytic: analytic * size,
                numeric: numeric.times(size),
            }),
        }
    }

    /// Runs `check` on the function that node `id` alone is, along the line in which its inputs move.
    fn with_node<R>(
        &mut self,
        id: usize,
        check: impl FnOnce(&Settings, &Function<'_, T>, &GradientTape<T>, &Line) -> R,
    ) -> R {
        let tape = self.at.tape;
        let node = tape.arena.borrow().nodes[id];
        let numbers = tape.arena.borrow().numbers_of(&node);
        let ids = tape.input_ids(&node);
        let inputs: Vec<Tensor<T>> = ids.iter().map(|&i| tape.arena.borrow().value(i)).collect();
        let size = |(x, t): (&Tensor<T>, &u32)| {
            let t = self.tangents[*t as usize].as_slice();
            largest(x.as_slice().iter().zip(t).map(|(x, t)| t / unit(wide(x))))
        };
        let size = largest(inputs.iter().zip(&ids).map(size));
        let by = |&i: &u32| Some(self.tangents[i as usize].map(|t| t / size));
        let line = Line::new(Entry::Direction(0), ids.iter().map(by).collect(), 1.0, &inputs);
        self.alone.reset();
        let function = Function {
            record: &|tape, vars| tape.repeat(node.op, numbers, vars),
            inputs: &inputs,
            nearby: &self.nearby,
        };
        check(self.settings, &function, &self.alone, &line)
    }
}

/// What a node alone is.
enum Found {
    Right,
    Kink,
    Wrong { rule: Rule, input: usize, index: Vec<usize>, analytic: f64, numeric: Estimate },
}

impl Settings {
    /// Every derivative of a small function along a line; if one is wrong, one entry where it is.
    fn examine<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
        line: &Line,
    ) -> Result<Found, GradCheckError> {
        let differs = |line: &Line| Ok(self.compare(function, at, line)?.verdict == Verdict::Wrong);
        let modes_differ = |line: &Line| {
            let (forward, reverse) = (at.forward(line), at.reverse(line));
            let agree = (forward.value - reverse).abs() <= forward.error + self.atol;
            Ok(!agree)
        };
        let verdict = self.compare(function, at, line)?.verdict;
        let (rule, entry) = if verdict == Verdict::Wrong {
            (Rule::Backward, halved(line, function.inputs, differs)?)
        } else if let Some((input, place, ..)) = self.sweeps_differ(at) {
            (Rule::Recorded, Some((input, place)))
        } else if modes_differ(line)? {
            (Rule::Forward, halved(line, function.inputs, modes_differ)?)
        } else {
            return Ok(if verdict == Verdict::Kink { Found::Kink } else { Found::Right });
        };
        let Some((input, place)) = entry else { return Ok(Found::Right) };
        let line = Line::entry(input, place, function.inputs);
        let Comparison { analytic, numeric, .. } = self.compare(function, at, &line)?;
        let analytic = match rule {
            Rule::Backward => analytic,
            Rule::Recorded => wide(&at.recorded[input].value().as_slice()[place]) / at.scale,
            Rule::Forward => at.forward(&line).value,
        };
        let far = |slope: Estimate| (analytic - slope.value).abs();
        let numeric = match numeric {
            Slope::Smooth(numeric) => numeric,
            Slope::Kink { left, right } if far(left) < far(right) => left,
            Slope::Kink { right, .. } => right,
            Slope::Unknown => Estimate { value: f64::NAN, error: f64::INFINITY },
        };
        let index = function.inputs[input].shape().index_of(place);
        Ok(Found::Wrong { rule, input, index, analytic, numeric })
    }
}

/// Input and place of one entry for whose sake `wrong` holds along the line; none if nothing moves.
pub(super) fn halved<T: Float>(
    line: &Line,
    inputs: &[Tensor<T>],
    wrong: impl Fn(&Line) -> Result<bool, GradCheckError>,
) -> Result<Option<(usize, usize)>, GradCheckError> {
    let by = line.by.iter().map(|by| by.as_ref().map_or(&[][..], Tensor::as_slice));
    let moving = by.enumerate().flat_map(|(input, by)| {
        let places = by.iter().enumerate().filter(|(_, by)| **by != 0.0);
        places.map(move |(place, _)| (input, place))
    });
    let moving: Vec<(usize, usize)> = moving.collect();
    let mut suspects = &moving[..];
    while suspects.len() > 1 {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        suspects = if wrong(&line.only(first, inputs))? { first } else { second };
    }
    Ok(suspects.first().copied())
}

fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(f64::abs).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::ops::custom::{Bars, Extension};
    use crate::pool::Pool;
    use crate::tensor;
    use crate::var::Var;
    use smallvec::smallvec;
    use std::sync::Arc;

    /// x², with a factor on each way to its derivative.
    struct Square {
        vjp: f64,
        recorded: f64,
        jvp: f64,
    }

    impl Extension<f64> for Square {
        fn name(&self) -> &'static str {
            "off"
        }
        fn describe(&self) -> Option<String> {
            None
        }
        fn forward(&self, x: &[&Tensor<f64>], _: &mut Pool<f64>) -> Result<Tensor<f64>, crate::ShapeError> {
            Ok(x[0] * x[0])
        }
        fn vjp(
            &self,
            x: &[&Tensor<f64>],
            _: &Tensor<f64>,
            y_bar: &Tensor<f64>,
            _: &[bool],
            _: &mut Pool<f64>,
        ) -> Bars<Tensor<f64>> {
            smallvec![Some(y_bar * x[0] * (2.0 * self.vjp))]
        }
        fn recorded_vjp<'t>(
            &self,
            x: &[Var<'t, f64>],
            _: Var<'t, f64>,
            y_bar: Var<'t, f64>,
        ) -> Bars<Var<'t, f64>> {
            smallvec![Some(y_bar * x[0] * (2.0 * self.recorded))]
        }
        fn jvp(&self, x: &[&Tensor<f64>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64> {
            x[0] * tangents[0].expect("its input moves") * (2.0 * self.jvp)
        }
    }

    fn check(vjp: f64, recorded: f64, jvp: f64) -> Result<(), GradCheckError> {
        let f = |v: &[Var<'_, f64>]| {
            let x = v[0].tanh();
            let y = x.tape().record_extension(Arc::new(Square { vjp, recorded, jvp }), &[x]).unwrap();
            (y * 3.0).sum().id()
        };
        gradcheck(|v| Var::new(v[0].tape(), f(v)), &[tensor![0.3, -0.7, 1.1]]).map(|_| ())
    }

    #[test]
    fn each_way_to_a_derivative_is_checked_by_itself() {
        assert_eq!(check(1.0, 1.0, 1.0), Ok(()));
        let named = |error: &GradCheckError, culprit: &Culprit, expected| {
            let Culprit::Operation { operation, rule, analytic, numeric, .. } = culprit else {
                panic!("{error}")
            };
            assert_eq!((operation.name, *rule), ("off", expected), "{error}");
            assert!((analytic / numeric.value - 1.01).abs() < 1e-9, "{error}");
        };
        match check(1.01, 1.0, 1.0) {
            Err(ref error @ GradCheckError::Mismatch { ref culprit, .. }) => {
                named(error, culprit, Rule::Backward)
            }
            other => panic!("{other:?}"),
        }
        match check(1.0, 1.01, 1.0) {
            Err(ref error @ GradCheckError::Sweeps { order: 1, backward, gradient, ref culprit, .. }) => {
                assert!((gradient / backward - 1.01).abs() < 1e-12, "{error}");
                named(error, culprit, Rule::Recorded);
            }
            other => panic!("{other:?}"),
        }
        match check(1.0, 1.0, 1.01) {
            Err(ref error @ GradCheckError::Adjoint { order: 1, forward, reverse, ref culprit, .. }) => {
                assert!((forward / reverse - 1.01).abs() < 1e-12, "{error}");
                named(error, culprit, Rule::Forward);
            }
            other => panic!("{other:?}"),
        }
    }
}
