//! One order of derivatives, compared entry by entry or along random directions.

use super::differences::{Rung, Slope, scales, slope};
use super::function::{Function, Order, seeded};
use super::judge::{Judge, range};
use super::line::{Line, wide};
use super::report::{Comparison, GradCheckReport, Row, Verdict};
use super::{Culprit, GradCheckError, Settings, nodes, preconditions};
use crate::element::Float;
use crate::tensor::Tensor;

/// A row with this many wrong derivatives ends.
const ENOUGH: usize = 8;
/// More entries than this, and random directions stand for them.
const MANY: usize = 256;

impl Settings {
    pub(super) fn check_order<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
        report: &mut GradCheckReport,
    ) -> Result<(), GradCheckError> {
        preconditions::must_repeat(function, at)?;
        preconditions::must_have_finite_gradients(at)?;
        let inputs = function.inputs;
        let entries: usize = inputs.iter().map(Tensor::len).sum();
        let mut gravest = Vec::new();
        match self.directions.unwrap_or(if entries > MANY { 8 } else { 0 }) {
            0 => {
                for (i, x) in inputs.iter().enumerate() {
                    let row = Row::new(at.number(), Some((i, x.shape().clone())));
                    let lines = (0..x.len()).map(|j| Line::entry(i, j, inputs));
                    gravest.extend(self.check_row(function, at, row, lines, report)?);
                }
            }
            n => {
                let mut rng = seeded(self.seed ^ 0xd1);
                let lines = (0..n).map(|i| Line::random(i, inputs, &mut rng));
                gravest.extend(self.check_row(function, at, Row::new(at.number(), None), lines, report)?);
            }
        }
        let wrong = gravest.iter().position(|(_, found)| found.verdict == Verdict::Wrong);
        if let Some(wrong) = wrong {
            let (line, failure) = self.entry_of(function, at, gravest.swap_remove(wrong))?;
            let culprit = nodes::culprit(self, function, at, &line);
            return Err(mismatch(failure, report, culprit));
        }
        if let Some((_, untrusted)) = gravest.pop() {
            // Of the whole the differences know nothing, but of each operation alone they may.
            let everywhere = Line::random(0, inputs, &mut seeded(self.seed ^ 0xd1));
            if let Some(culprit) = nodes::wrong_rule(self, at, &everywhere) {
                return Err(mismatch(Comparison { verdict: Verdict::Wrong, ..untrusted }, report, culprit));
            }
        }
        self.sweeps_agree(function, at)?;
        report.adjoint = report.adjoint.max(self.modes_agree(function, at)?);
        Ok(())
    }

    /// For a direction that fails, an entry that fails by itself, if there is one.
    pub(super) fn entry_of<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
        (line, failure): (Line, Comparison),
    ) -> Result<(Line, Comparison), GradCheckError> {
        let wrong = |line: &Line| Ok(self.compare(function, at, line)?.verdict == Verdict::Wrong);
        let Some((input, place)) = nodes::halved(&line, function.inputs, wrong)? else {
            return Ok((line, failure));
        };
        let entry = Line::entry(input, place, function.inputs);
        let found = self.compare(function, at, &entry)?;
        Ok(if found.verdict == Verdict::Wrong { (entry, found) } else { (line, failure) })
    }

    /// Adds a row to the report; its gravest comparison comes back if it is wrong or untrusted.
    fn check_row<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
        mut row: Row,
        lines: impl Iterator<Item = Line>,
        report: &mut GradCheckReport,
    ) -> Result<Option<(Line, Comparison)>, GradCheckError> {
        let mut gravest = None;
        for line in lines {
            let comparison = self.compare(function, at, &line)?;
            if row.add(&comparison) && comparison.verdict >= Verdict::Untrusted {
                gravest = Some((line, comparison.clone()));
            }
            report.add(comparison);
            if row.wrong == ENOUGH {
                break;
            }
        }
        report.rows.push(row);
        Ok(gravest)
    }

    /// Reverse mode against differences along a line: a glance, then all means.
    pub(super) fn compare<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
        line: &Line,
    ) -> Result<Comparison, GradCheckError> {
        let judge = Judge {
            analytic: at.reverse(line),
            // What rounding does to the values, it does to the tape's derivative too.
            atol: self.atol + 8.0 * at.noise,
            rtol: self.rtol,
            largest: at.largest[0].min(at.largest[1] / line.unit),
            unit: line.unit,
            epsilon: self.epsilon,
        };
        let changes = |h: f64| {
            let there = at.weighted(function, &line.at(function.inputs, h))?;
            Ok(there.iter().zip(&at.base).map(|(there, here)| there - here).collect())
        };
        let all = |y: &[f64]| y.iter().sum();
        let first = self.step * line.unit;
        let found = |numeric: Slope, verdict: Verdict, forward: Option<f64>| Comparison {
            order: at.number(),
            entry: line.entry.clone(),
            analytic: judge.analytic,
            numeric,
            forward,
            allowed: judge.allowed(numeric),
            verdict,
        };

        if let Some(glance) = Rung::sample(first, 3, changes)?.smooth(at.noise, &all) {
            let numeric = Slope::Smooth(glance);
            let enough = judge.allowed(numeric) + self.rtol * judge.largest;
            if glance.error <= enough && judge.verdict(numeric) == Verdict::Agrees {
                return Ok(found(numeric, Verdict::Agrees, None));
            }
        }
        let scales = scales(first, line.own, line.unit, self.epsilon).into_iter();
        let rungs =
            scales.map(|h| Rung::sample(h, 4, changes)).collect::<Result<Vec<_>, GradCheckError>>()?;
        let same = judge.allowed(Slope::Unknown);
        let mut numeric = slope(&rungs, at.noise, same, &all);
        if judge.verdict(numeric) == Verdict::Wrong && at.base.len() > 1 {
            // Each result may be at a kink of its own, where it chooses for itself.
            let of = |i: usize| slope(&rungs, 4.0 * self.epsilon * at.base[i].abs(), same, &|y: &[f64]| y[i]);
            numeric = range((0..at.base.len()).map(of)).unwrap_or(numeric);
        }
        let verdict = judge.verdict(numeric);
        if verdict < Verdict::Untrusted {
            return Ok(found(numeric, verdict, None));
        }
        let forward = at.forward(line);
        let agrees = (judge.analytic - forward.value).abs() <= judge.allowed(numeric) + forward.error;
        Ok(found(numeric, if agrees { verdict } else { Verdict::Wrong }, Some(forward.value)))
    }

    /// The recorded sweep has fused rules in another form than the numeric one: both must agree.
    fn sweeps_agree<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
    ) -> Result<(), GradCheckError> {
        let Some((input, place, backward, gradient)) = self.sweeps_differ(at) else { return Ok(()) };
        let line = Line::entry(input, place, function.inputs);
        let culprit = Box::new(nodes::culprit(self, function, at, &line));
        Err(GradCheckError::Sweeps { order: at.number(), entry: line.entry, backward, gradient, culprit })
    }

    /// Input, entry and both numbers where the sweeps first differ.
    pub(super) fn sweeps_differ<T: Float>(&self, at: &Order<'_, T>) -> Option<(usize, usize, f64, f64)> {
        let atol = (self.atol + 8.0 * at.noise) * at.scale.abs();
        for (input, (numeric, recorded)) in at.gradients.iter().zip(&at.recorded).enumerate() {
            let recorded = recorded.value();
            for (place, (&a, b)) in numeric.as_slice().iter().zip(recorded.as_slice()).enumerate() {
                let b = wide(b);
                let agrees = (a - b).abs() <= atol + self.rtol * a.abs().max(b.abs());
                if !agrees {
                    return Some((input, place, a / at.scale, b / at.scale));
                }
            }
        }
        None
    }

    /// <J·v, w> = <v, Jᵀ·w>, without any step.
    fn modes_agree<T: Float>(
        &self,
        function: &Function<'_, T>,
        at: &Order<'_, T>,
    ) -> Result<f64, GradCheckError> {
        let mut rng = seeded(self.seed ^ 0xad);
        let mut worst = 0f64;
        for direction in 0..2 {
            let line = Line::random(direction, function.inputs, &mut rng);
            let (forward, reverse) = (at.forward(&line), at.reverse(&line));
            let error = (forward.value - reverse).abs();
            let agrees = error <= forward.error + self.atol;
            if !agrees {
                let culprit = Box::new(nodes::culprit(self, function, at, &line));
                let (order, forward) = (at.number(), forward.value);
                return Err(GradCheckError::Adjoint { order, direction, forward, reverse, culprit });
            }
            worst = worst.max(error / forward.value.abs().max(reverse.abs()).max(1.0));
        }
        Ok(worst)
    }
}

fn mismatch(failure: Comparison, report: &mut GradCheckReport, culprit: Culprit) -> GradCheckError {
    let report = Box::new(std::mem::take(report));
    GradCheckError::Mismatch { failure: Box::new(failure), report, culprit: Box::new(culprit) }
}
