//! One recorded operation alone: what is said of its rule, whoever says it, against differences of it.
//!
//! A trace holds the adjoint that arrived at a node and what the node's rule passed on. Here nothing of
//! that is computed again: a number that was changed on the way is as wrong as a rule that is.
//!
//! It costs a sweep over the node and six evaluations of it, some seventy at kinks and where something is
//! wrong.

use super::error::GradCheckError;
use super::function::{Function, Order, seeded};
use super::line::{Line, wide};
use super::report::{Comparison, Verdict};
use super::{GradCheck, Settings, Slope};
use crate::element::Float;
use crate::ops::Op;
use crate::tape::{GradientTape, Numbers};
use crate::tensor::Tensor;
use std::cell::RefCell;

/// What is said of one node.
pub(crate) struct Claim<'a> {
    /// The values of its operands.
    pub inputs: &'a [Tensor<f64>],
    /// The adjoint that arrived.
    pub y_bar: &'a Tensor<f64>,
    /// What was passed on to each operand.
    pub bars: &'a [Option<Tensor<f64>>],
    /// Whether it was computed in `f32`.
    pub single: bool,
}

/// Where operations are checked alone: a tape for each, and one for what is nearby, that know all of them.
pub(crate) struct Alone<T: Float> {
    tape: GradientTape<T>,
    nearby: RefCell<GradientTape<T>>,
}

impl<T: Float> Alone<T> {
    /// For the operations that `tape` knows.
    pub(crate) fn new(tape: GradientTape<T>) -> Alone<T> {
        Alone { nearby: RefCell::new(tape.sibling()), tape }
    }

    /// Compares along one direction, in which every operand that was passed something moves; where that is
    /// wrong, at one entry.
    pub(crate) fn check(
        &mut self,
        op: Op,
        numbers: Numbers,
        claim: &Claim<'_>,
    ) -> Result<Comparison, GradCheckError> {
        let check = GradCheck::new().order(1).allow_f32();
        let check = if claim.single { check.rtol(1e-3).atol(1e-6) } else { check };
        let mut settings: Settings = check.settings::<T>()?;
        let inputs: Vec<Tensor<T>> = claim.inputs.iter().map(Tensor::cast).collect();
        self.tape.reset();
        let function = Function {
            record: &|tape, vars| tape.repeat(op, numbers, vars),
            inputs: &inputs,
            nearby: &self.nearby,
        };
        let (vars, y) = function.on(&self.tape, &inputs)?;
        let mut at = Order::first(vars, y, claim.y_bar.cast());
        for (gradient, bar) in at.gradients.iter_mut().zip(claim.bars) {
            if let Some(bar) = bar {
                gradient.clone_from(bar);
            }
        }
        // Numbers below the normal ones have lost their digits.
        let least = if claim.single { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) };
        settings.atol += 8.0 * least / at.scale.abs();
        if claim.single {
            // What rounding to `f32` does on the way; the differences may know better.
            settings.atol += 8.0 * at.noise * f64::from(f32::EPSILON) / wide(&T::epsilon());
        }
        let all = Line::random(0, &inputs, &mut seeded(settings.seed));
        let by = all.by.into_iter().zip(claim.bars).map(|(by, bar)| by.filter(|_| bar.is_some()));
        let line = Line::new(all.entry, by.collect(), all.unit, &inputs);
        let mut found = settings.compare(&function, &at, &line)?;
        if found.verdict == Verdict::Wrong {
            found = settings.entry_of(&function, &at, (line, found))?.1;
        }
        found.analytic *= at.scale;
        found.numeric = match found.numeric {
            Slope::Smooth(slope) => Slope::Smooth(slope.times(at.scale)),
            Slope::Kink { left, right } => {
                Slope::Kink { left: left.times(at.scale), right: right.times(at.scale) }
            }
            Slope::Unknown => Slope::Unknown,
        };
        Ok(found)
    }
}
