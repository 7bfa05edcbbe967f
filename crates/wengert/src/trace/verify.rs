//! Whether a trace says what is true: its sums add up, its operations give these values again, and every
//! rule agrees with differences of its operation alone.

use super::data::{Check, Dtype, Shown, Verdict, same_number};
use super::{Trace, TraceError};
use crate::tape::NodeId;
use crate::tensor::Tensor;
use std::fmt;

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
        if self.program.is_some() && found.replay.is_empty() {
            found.checks = self.check_rules();
        }
        found
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

    /// What differences say of each rule.
    fn check_rules(&self) -> Vec<(NodeId, Check)> {
        let visits = self.data.sweep.iter();
        let checked = visits.map(|visit| {
            let skipped =
                |note: &str| Check { verdict: Verdict::Skipped, note: note.into(), left: 0.0, right: 0.0 };
            let check = self.check_rule(visit).unwrap_or_else(|note| skipped(&note));
            (NodeId(visit.node as u32), check)
        });
        checked.collect()
    }

    fn check_rule(&self, visit: &super::Visit) -> Result<Check, String> {
        let program = self.program.as_ref().ok_or("the program is not there")?;
        let node = &self.nodes()[visit.node];
        let whole = |shown: &Shown| shown.tensor().cloned().ok_or("its tensors were shortened");
        let y_bar = whole(node.adjoint.as_ref().ok_or("it has no adjoint")?)?;
        let inputs = node.inputs.iter().map(|&i| whole(&self.nodes()[i].value));
        let inputs = inputs.collect::<Result<Vec<Tensor<f64>>, _>>()?;
        if inputs.iter().chain([&y_bar]).map(Tensor::len).sum::<usize>() > LARGEST {
            return Err("it is too large".into());
        }
        // An operand that is used twice moves as one: its two contributions are added.
        let mut slope = 0.0;
        let mut size = 0.0;
        let mut directions: Vec<Option<Tensor<f64>>> = vec![None; inputs.len()];
        for edge in &visit.edges {
            let Some(delta) = &edge.delta else { continue };
            let delta = whole(delta)?;
            let direction = direction(&inputs[edge.slot], edge.slot);
            for (a, b) in delta.as_slice().iter().zip(direction.as_slice()) {
                slope += a * b;
                size += (a * b).abs();
            }
            directions[edge.slot] = Some(direction);
        }
        let along = |h: f64| -> Result<f64, String> {
            let moved = inputs.iter().zip(&directions).map(|(x, direction)| match direction {
                Some(direction) => x.zip_map(direction, |x, d| x + h * d),
                None => x.clone(),
            });
            let y =
                program.alone(visit.node, &moved.collect::<Vec<_>>()).ok_or("it cannot be computed alone")?;
            Ok(y.as_slice()
                .iter()
                .zip(y_bar.as_slice())
                .map(|(y, bar)| if *bar == 0.0 { 0.0 } else { y * bar })
                .sum())
        };
        let (h, tolerance) = if program.is_wide(visit.node) || self.data.dtype == Dtype::F64 {
            (1e-5, 1e-6)
        } else {
            (1e-2, 2e-2)
        };
        let rounding = if self.data.dtype == Dtype::F32 { 1e-4 } else { 0.0 };
        let middle = along(0.0)?;
        let (right, left) = ((along(h)? - middle) / h, (middle - along(-h)?) / h);
        let half = (along(h / 2.0)? - along(-h / 2.0)?) / h;
        if ![right, left, half, slope].iter().all(|x| x.is_finite()) {
            return Err("numbers are not finite here".into());
        }
        // Fourth order from two second-order ones; their distance is a measure of the error.
        let central = (right + left) / 2.0;
        let best = half + (half - central) / 3.0;
        let noise = 1e-15 * middle.abs() / h * if tolerance > 1e-3 { 1e8 } else { 4.0 };
        let allowed =
            (tolerance + rounding) * (size + slope.abs()) + 2.0 * (half - central).abs() + noise + 1e-9;
        let check = |verdict, note: String| Ok(Check { verdict, note, left, right });
        if (best - slope).abs() <= allowed {
            return check(Verdict::Pass, format!("rule {slope:.6}, differences {best:.6}"));
        }
        let (low, high) = (left.min(right), left.max(right));
        let corner = high - low > 1e-3 * (high.abs() + low.abs());
        if corner && slope >= low - allowed && slope <= high + allowed {
            return check(
                Verdict::Kink,
                format!(
                    "a corner: slopes {left:.6} on the left, {right:.6} on the right, the rule {slope:.6}"
                ),
            );
        }
        check(Verdict::Fail, format!("the rule says {slope:.6}, differences {best:.6}, along one direction"))
    }
}

/// Numbers between ½ and 1 of either sign, in the size of what they move; the same each time.
fn direction(x: &Tensor<f64>, slot: usize) -> Tensor<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(slot as u64 + 1);
    x.map(|x| {
        // xorshift: Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
        let sign = if state & 1 == 0 { 1.0 } else { -1.0 };
        sign * (0.5 + unit / 2.0) * x.abs().clamp(1e-3, 1e3).max(if x == 0.0 { 1.0 } else { 0.0 })
    })
}

fn first_difference(a: &Tensor<f64>, b: &Tensor<f64>) -> Option<(usize, f64, f64)> {
    let pairs = a.as_slice().iter().zip(b.as_slice()).enumerate();
    pairs.map(|(place, (&a, &b))| (place, a, b)).find(|&(_, a, b)| !same_number(a, b))
}
