//! Whether a trace says what is true: its sums add up, its operations give these values again, and every
//! rule agrees with differences of its operation alone.

use super::data::{Check, Dtype, Shown, Verdict, same_number};
use super::replay::Checker;
use super::{Trace, TraceError, Visit, short};
use crate::gradcheck::{self, Claim, Entry, Slope};
use crate::tape::NodeId;
use crate::tensor::Tensor;
use std::fmt;
use std::sync::Arc;

/// What [`Trace::verify`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// Nodes whose contributions do not add up to their adjoint, and how.
    pub sums: Vec<(NodeId, String)>,
    /// Nodes that give something else when the program is run again, and what.
    pub replay: Vec<(NodeId, String)>,
    /// What differences say of each rule that the sweep used.
    pub checks: Vec<(NodeId, Check)>,
    /// Whether the program was there to be run again.
    pub replayed: bool,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        let failed = self.checks.iter().any(|(_, check)| check.verdict == Verdict::Fail);
        self.sums.is_empty() && self.replay.is_empty() && !failed
    }

    /// How many rules have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|(_, check)| check.verdict == verdict).count()
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, what) in self.sums.iter().chain(&self.replay) {
            writeln!(f, "FAIL {id}: {what}")?;
        }
        for (id, check) in &self.checks {
            if check.verdict != Verdict::Pass {
                writeln!(f, "{} {id}: {}", check.verdict, check.note)?;
            }
        }
        let sums = if self.sums.is_empty() { "add up to the bit" } else { "do NOT add up" };
        let replay = match (self.replayed, self.replay.is_empty()) {
            (false, _) => "the program is not there to be run again",
            (true, true) => "run again, the program gives the same bits",
            (true, false) => "run again, the program gives something ELSE",
        };
        let [pass, fail, kink, skipped] =
            [Verdict::Pass, Verdict::Fail, Verdict::Kink, Verdict::Skipped].map(|v| self.count(v));
        write!(
            f,
            "contributions {sums}; {replay}; rules against differences: {pass} pass, {fail} fail, {kink} at a kink, {skipped} skipped"
        )
    }
}

/// Elements of a node beyond which its rule is not checked.
const LARGEST: usize = 1 << 16;

impl Trace {
    /// Checks the trace against itself and against the program: contributions are added up again, to the
    /// bit; the program is run again, to the bit, where it is there; and each node's rule is
    /// compared with differences of its operation alone, along a direction.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(0.5);
    /// let verification = tape.trace(x.sin() * x)?.verify();
    /// assert!(verification.is_ok(), "{verification}");
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn verify(&self) -> Verification {
        let mut found = Verification { sums: self.check_sums(), ..Verification::default() };
        match self.replay_with(&[]) {
            Ok(again) => {
                found.replayed = true;
                found.replay = self.differences_to(&again);
            }
            Err(TraceError::NotReplayable { .. }) => {}
            Err(error) => {
                found.replayed = true;
                found.replay.push((NodeId(0), error.to_string()));
            }
        }
        if let Some(program) = &self.program
            && found.replay.is_empty()
        {
            found.checks = self.check_rules(program.checker());
        }
        found
    }

    /// The same trace, where each node has what [`verify`](Trace::verify) found of its rule, for those who
    /// are shown it.
    ///
    /// ```
    /// use wengert::trace::Verdict;
    /// let tape = wengert::GradientTape::new();
    /// let y = tape.var(0.5).sin();
    /// let trace = tape.trace(y)?.with_checks();
    /// assert_eq!(trace.node(y.id()).check.as_ref().map(|check| check.verdict), Some(Verdict::Pass));
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn with_checks(&self) -> Arc<Trace> {
        let mut data = self.data.clone();
        for (id, check) in self.verify().checks {
            data.nodes[id.index()].check = Some(check);
        }
        Arc::new(Trace::new(data, self.program.clone()))
    }

    /// The nodes whose contributions do not add up, in order and to the bit, to the adjoint that is
    /// recorded. Needs no program: it tells a trace that was tampered with.
    pub fn check_sums(&self) -> Vec<(NodeId, String)> {
        let mut wrong = Vec::new();
        for (id, node) in self.nodes().iter().enumerate() {
            let id = NodeId(id as u32);
            let complete = |shown: &Option<Shown>| shown.as_ref().is_none_or(|x| x.tensor().is_some());
            let incoming = self.incoming(id);
            let edges_complete = incoming.iter().all(|&(_, e)| {
                let edge = self.edge(e);
                complete(&edge.delta) && complete(&edge.after)
            });
            if !complete(&node.adjoint) || !edges_complete {
                continue;
            }
            let total = self.adjoint(id, self.end());
            let expected = node.adjoint.as_ref().and_then(Shown::tensor);
            match (&total, expected) {
                (None, None) => {}
                (Some(total), Some(expected)) => {
                    if let Some((place, a, b)) = first_difference(total, expected) {
                        let index = total.shape().index_of(place);
                        wrong.push((
                            id,
                            format!("its contributions add up to {a} at {index:?}, its adjoint is {b}"),
                        ));
                    }
                }
                (Some(_), None) => wrong.push((id, "it gets contributions, but has no adjoint".into())),
                (None, Some(_)) => {
                    wrong.push((id, "it has an adjoint, but nothing contributes to it".into()))
                }
            }
            if let Some(what) = self.wrong_reduction(id) {
                wrong.push((id, what));
            }
        }
        wrong
    }

    /// A contribution that is not what its local derivative, or its own sum over axes, says.
    fn wrong_reduction(&self, id: NodeId) -> Option<String> {
        let epsilon = if self.data.dtype == Dtype::F32 { 1e-4 } else { 1e-10 };
        for &(_, e) in self.incoming(id) {
            let (edge, from) = (self.edge(e), self.consumer(e));
            let whole = |shown: &Option<Shown>| shown.as_ref().and_then(|x| x.tensor().cloned());
            let before = whole(&edge.raw).or_else(|| whole(&edge.delta))?;
            let expected = match (whole(&edge.local), whole(&self.node(from).adjoint)) {
                // 0 times an infinite slope is 0, as the rules have it.
                (Some(local), Some(y_bar)) => {
                    local.zip_map(&y_bar, |d, y| if y == 0.0 { 0.0 } else { d * y })
                }
                _ => continue,
            };
            let far = |(a, b): (&f64, &f64)| (a - b).abs() > epsilon * (1.0 + a.abs().max(b.abs()));
            let pairs = || before.as_slice().iter().zip(expected.as_slice());
            if before.len() == expected.len() && pairs().any(far) {
                let place = pairs().position(far).unwrap_or(0);
                return Some(format!(
                    "the contribution from {from} is {}, its local derivative times the adjoint {}",
                    before.as_slice()[place],
                    expected.as_slice()[place]
                ));
            }
        }
        None
    }

    /// What differs, to the bit, from the same program run again.
    fn differences_to(&self, again: &Trace) -> Vec<(NodeId, String)> {
        let mut wrong = Vec::new();
        for (id, (old, new)) in self.nodes().iter().zip(again.nodes()).enumerate() {
            let pairs = [
                ("value", Some(&old.value), Some(&new.value)),
                ("adjoint", old.adjoint.as_ref(), new.adjoint.as_ref()),
            ];
            for (what, old, new) in pairs {
                let (Some(old), Some(new)) = (old.and_then(Shown::tensor), new.and_then(Shown::tensor))
                else {
                    continue;
                };
                if let Some((place, a, b)) = first_difference(old, new) {
                    let index = old.shape().index_of(place);
                    wrong
                        .push((NodeId(id as u32), format!("its {what} is {a} at {index:?}; run again, {b}")));
                }
            }
        }
        for (old, new) in self.data.sweep.iter().zip(&again.data.sweep) {
            for (a, b) in old.edges.iter().zip(&new.edges) {
                let whole = |shown: &Option<Shown>| shown.as_ref().and_then(|x| x.tensor().cloned());
                if let (Some(x), Some(y)) = (whole(&a.delta), whole(&b.delta))
                    && let Some((_, p, q)) = first_difference(&x, &y)
                {
                    let to = NodeId(a.input as u32);
                    wrong.push((
                        NodeId(old.node as u32),
                        format!("it contributes {p} to {to}; run again, {q}"),
                    ));
                }
            }
        }
        wrong
    }

    /// What differences say of each rule that was used.
    fn check_rules(&self, mut checker: Checker<'_>) -> Vec<(NodeId, Check)> {
        let visits = self.data.sweep.iter();
        let checked = visits.map(|visit| {
            let check = self.check_rule(&mut checker, visit);
            let skipped = |note| Check { verdict: Verdict::Skipped, note, left: 0.0, right: 0.0 };
            (NodeId(visit.node as u32), check.unwrap_or_else(skipped))
        });
        checked.collect()
    }

    /// The verdict on one rule, or why there is none.
    fn check_rule(&self, checker: &mut Checker<'_>, visit: &Visit) -> Result<Check, String> {
        let node = &self.nodes()[visit.node];
        let whole = |shown: &Shown| shown.tensor().cloned().ok_or("its tensors were shortened");
        let y_bar = whole(node.adjoint.as_ref().ok_or("it has no adjoint")?)?;
        let inputs = node.inputs.iter().map(|&i| whole(&self.nodes()[i].value));
        let inputs = inputs.collect::<Result<Vec<Tensor<f64>>, _>>()?;
        if inputs.iter().chain([&y_bar]).map(Tensor::len).sum::<usize>() > LARGEST {
            return Err("it is too large".into());
        }
        let mut bars = vec![None; inputs.len()];
        for edge in &visit.edges {
            bars[edge.slot] = edge.delta.as_ref().map(whole).transpose()?;
        }
        if bars.iter().all(|bar: &Option<Tensor<f64>>| bar.as_ref().is_none_or(|bar| bar.is_empty())) {
            return Err("it passes nothing on".into());
        }
        let numbers = inputs.iter().chain([&y_bar]).chain(bars.iter().flatten());
        if numbers.flat_map(|x| x.as_slice()).any(|x| !x.is_finite()) {
            return Err("numbers are not finite here".into());
        }
        let single = self.data.dtype == Dtype::F32;
        let claim = Claim { inputs: &inputs, y_bar: &y_bar, bars: &bars, single };
        let found = checker(visit.node, &claim).map_err(|error| error.to_string())?;
        let (verdict, what) = match found.verdict {
            gradcheck::Verdict::Agrees => (Verdict::Pass, "as differences say"),
            gradcheck::Verdict::Kink => (Verdict::Kink, "at a corner, between the slopes of both sides"),
            gradcheck::Verdict::Untrusted => (Verdict::Skipped, "the differences are too coarse here"),
            gradcheck::Verdict::Wrong => (Verdict::Fail, "differences say otherwise"),
        };
        let (left, right) = match found.numeric {
            Slope::Smooth(slope) => (slope.value, slope.value),
            Slope::Kink { left, right } => (left.value, right.value),
            Slope::Unknown => (0.0, 0.0),
        };
        let slopes = match found.numeric {
            Slope::Smooth(slope) => format!("differences {}", short(slope.value)),
            Slope::Kink { .. } => format!("differences {} and {}", short(left), short(right)),
            Slope::Unknown => "no differences".into(),
        };
        let along = match &found.entry {
            Entry::Direction(_) => "along one direction".into(),
            entry => format!("by {entry}"),
        };
        let note = format!("{what}: {along}, the rule has {}, {slopes}", short(found.analytic));
        Ok(Check { verdict, note, left, right })
    }
}

fn first_difference(a: &Tensor<f64>, b: &Tensor<f64>) -> Option<(usize, f64, f64)> {
    let pairs = a.as_slice().iter().zip(b.as_slice()).enumerate();
    pairs.map(|(place, (&a, &b))| (place, a, b)).find(|&(_, a, b)| !same_number(a, b))
}
