//! A cursor over a trace: forwards and backwards, step by step, node by node, or to where something happens.
//!
//! It owns its trace and does no input or output. A step back is as cheap as a step forward, because
//! nothing is undone: time is a number, and the trace can tell what is so at any time.

use crate::tape::NodeId;
use crate::tensor::Tensor;
use crate::trace::{Event, Trace, same_or_none};
use std::fmt;
use std::sync::Arc;

/// Where to stop; see [`Stepper::add_break`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Break {
    /// At this node: when its value appears and when the sweep visits it.
    Node(NodeId),
    /// At every node of this operation.
    Op(String),
    /// In this scope, or one inside of it.
    Scope(String),
    /// At every node recorded at this line of a file whose path ends so.
    Line(String, u32),
    /// Where a value or an adjoint that is not finite first appears.
    NonFinite,
    /// Where this holds.
    When(Condition),
}

/// What a breakpoint asks of the cursor.
pub type Condition = Arc<dyn Fn(&Stepper) -> bool + Send + Sync>;

impl fmt::Debug for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Break::Node(id) => write!(f, "node {id}"),
            Break::Op(op) => write!(f, "op:{op}"),
            Break::Scope(scope) => write!(f, "scope:{scope}"),
            Break::Line(file, line) => write!(f, "{file}:{line}"),
            Break::NonFinite => write!(f, "nonfinite"),
            Break::When(_) => write!(f, "a condition"),
        }
    }
}

/// What to look at; see [`Stepper::watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watch {
    /// A node's value.
    Value(NodeId),
    /// A node's adjoint.
    Adjoint(NodeId),
    /// One element of a node's adjoint.
    Element(NodeId, Vec<usize>),
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Watch::Value(id) => write!(f, "value of {id}"),
            Watch::Adjoint(id) => write!(f, "adjoint of {id}"),
            Watch::Element(id, index) => write!(f, "adjoint of {id}{index:?}"),
        }
    }
}

/// Why [`Stepper::cont`] stopped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stop {
    /// At a breakpoint, by its number.
    Break(usize),
    /// What is watched has changed: by the watch's number, before and after.
    Watch(usize, Option<Tensor<f64>>, Option<Tensor<f64>>),
    /// A number that is not finite appeared at this node.
    NonFinite(NodeId),
    /// At the end, or at the beginning.
    End,
}

/// One event, as a step shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The time after it.
    pub time: usize,
    /// The event.
    pub event: Event,
    /// What happened, in a sentence.
    pub text: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A cursor over a trace; [`Trace::stepper`] makes one.
///
/// ```
/// use wengert::{GradientTape, stepper::{Break, Stop}};
/// let tape = GradientTape::new();
/// let x = tape.var(0.5);
/// let trace = tape.trace(x.sin() * x)?;
///
/// let mut s = trace.stepper();
/// s.add_break(Break::Op("sin".into()));
/// assert!(matches!(s.cont(), Stop::Break(_)), "its value appears");
/// assert!(matches!(s.cont(), Stop::Break(_)), "the sweep visits it");
/// assert_eq!(s.contributions_in(x.id()), (1, 2), "one of two contributions to x is in");
/// s.back_next(); // to before the visit of sin,
/// s.back_next(); // and of the product
/// assert_eq!(s.adjoint(x.id()), None);
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stepper {
    trace: Arc<Trace>,
    time: usize,
    breaks: Vec<(usize, Break, bool)>,
    watches: Vec<(usize, Watch)>,
    /// The number of the next breakpoint or watch.
    next_number: usize,
}

impl Stepper {
    pub(crate) fn new(trace: Arc<Trace>) -> Stepper {
        Stepper { trace, time: 0, breaks: Vec::new(), watches: Vec::new(), next_number: 1 }
    }

    /// The same cursor over another trace of the same program, say with another value
    /// ([`Trace::replay_with`]): with the breakpoints and watches of this one, after the same event, or at the same
    /// time where the other trace has no such event.
    #[must_use]
    pub fn on(&self, trace: Arc<Trace>) -> Stepper {
        let same = self.event().and_then(|event| trace.events().iter().position(|other| *other == event));
        let time = same.map_or(self.time, |at| at + 1).min(trace.end());
        Stepper { trace, time, ..self.clone() }
    }

    /// The trace.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// How many events have happened.
    pub fn time(&self) -> usize {
        self.time
    }

    /// The last event that has happened.
    pub fn event(&self) -> Option<Event> {
        self.time.checked_sub(1).map(|i| self.trace.events()[i])
    }

    /// The node that the last event is about.
    pub fn node(&self) -> Option<NodeId> {
        self.event().map(|event| self.trace.subject(event))
    }

    /// What has just happened, in a sentence.
    pub fn sentence(&self) -> String {
        self.trace.sentence(self.time)
    }

    /// The value of a node now.
    pub fn value(&self, id: NodeId) -> Option<Tensor<f64>> {
        self.trace.value(id, self.time)?.tensor().cloned()
    }

    /// The adjoint of a node now.
    pub fn adjoint(&self, id: NodeId) -> Option<Tensor<f64>> {
        self.trace.adjoint(id, self.time)
    }

    /// How many contributions to a node are in now, and how many there will be.
    pub fn contributions_in(&self, id: NodeId) -> (usize, usize) {
        self.trace.contributions_in(id, self.time)
    }

    fn here(&self) -> Step {
        let event = self.trace.events()[self.time - 1];
        Step { time: self.time, event, text: self.sentence() }
    }

    /// One event forward; none at the end.
    pub fn step(&mut self) -> Option<Step> {
        if self.time == self.trace.end() {
            return None;
        }
        self.time += 1;
        Some(self.here())
    }

    /// One event back, which is the one returned; none at the beginning.
    pub fn back_step(&mut self) -> Option<Step> {
        if self.time == 0 {
            return None;
        }
        let undone = self.here();
        self.time -= 1;
        Some(undone)
    }

    /// To the end of the present node: in the forward pass one node, in the sweep one visit with all its
    /// edges. Returns the last event; none at the end.
    #[allow(clippy::should_implement_trait)] // The debugger's word; iterators are `into_iter`.
    pub fn next(&mut self) -> Option<Step> {
        let mut last = self.step()?;
        while self.trace.events().get(self.time).is_some_and(|&event| !begins(event)) {
            last = self.step()?;
        }
        Some(last)
    }

    /// Back to before the present node; none at the beginning.
    pub fn back_next(&mut self) -> Option<Step> {
        let mut last = self.back_step()?;
        while !begins(last.event) {
            last = self.back_step()?;
        }
        Some(last)
    }

    /// On until what comes next is outside the scope of the present node, by one node at least; to the end
    /// where there is no scope. None at the end.
    pub fn finish(&mut self) -> Option<Step> {
        let scope = self.scope_at(self.time);
        let mut last = self.next()?;
        while self.scope_at(self.time + 1).is_some_and(|now| within(Some(now), scope.as_deref())) {
            last = self.next()?;
        }
        Some(last)
    }

    /// Back until the scope of the present node is left, by one node at least; none at the beginning.
    pub fn back_finish(&mut self) -> Option<Step> {
        let scope = self.scope_at(self.time);
        let mut last = self.back_next()?;
        while self.scope_at(self.time).is_some_and(|now| within(Some(now), scope.as_deref())) {
            last = self.back_next()?;
        }
        Some(last)
    }

    /// The scope of the event that ends at a time.
    fn scope_at(&self, time: usize) -> Option<String> {
        let event = time.checked_sub(1).and_then(|i| self.trace.events().get(i))?;
        Some(self.trace.node(self.trace.subject(*event)).scope.clone())
    }

    /// To a time; one beyond the end is the end.
    pub fn seek(&mut self, time: usize) {
        self.time = time.min(self.trace.end());
    }

    /// On until a node's value appears or the sweep visits it, whichever comes first; whether that
    /// happens.
    pub fn run_to(&mut self, id: NodeId) -> bool {
        self.until(|s| matches!(s.event(), Some(Event::Forward(node) | Event::Visit(node)) if node == id))
    }

    /// On until a condition holds after an event; at the end if it never does. Whether it does.
    pub fn until(&mut self, holds: impl Fn(&Stepper) -> bool) -> bool {
        while self.step().is_some() {
            if holds(self) {
                return true;
            }
        }
        false
    }

    /// Sets a breakpoint; returns its number.
    pub fn add_break(&mut self, at: Break) -> usize {
        let number = self.take_number();
        self.breaks.push((number, at, true));
        number
    }

    /// Stops where something changes; returns the watch's number.
    pub fn watch(&mut self, what: Watch) -> usize {
        let number = self.take_number();
        self.watches.push((number, what));
        number
    }

    fn take_number(&mut self) -> usize {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Deletes a breakpoint or a watch; whether there was one.
    pub fn delete(&mut self, number: usize) -> bool {
        let before = self.breaks.len() + self.watches.len();
        self.breaks.retain(|(own, ..)| *own != number);
        self.watches.retain(|(own, _)| *own != number);
        self.breaks.len() + self.watches.len() < before
    }

    /// Switches a breakpoint on or off; whether there is one.
    pub fn enable(&mut self, number: usize, on: bool) -> bool {
        let found = self.breaks.iter_mut().find(|(own, ..)| *own == number);
        found.map(|(.., enabled)| *enabled = on).is_some()
    }

    /// The breakpoints: number, where, whether switched on.
    pub fn breaks(&self) -> &[(usize, Break, bool)] {
        &self.breaks
    }

    /// The watches.
    pub fn watches(&self) -> &[(usize, Watch)] {
        &self.watches
    }

    /// What a watch sees at a time.
    pub fn watched(&self, what: &Watch, time: usize) -> Option<Tensor<f64>> {
        match what {
            Watch::Value(id) => self.trace.value(*id, time)?.tensor().cloned(),
            Watch::Adjoint(id) => self.trace.adjoint(*id, time),
            Watch::Element(id, index) => self.trace.adjoint(*id, time)?.get(index).map(Tensor::scalar),
        }
    }

    /// On to the next breakpoint or change of a watch, or to the end.
    pub fn cont(&mut self) -> Stop {
        while self.step().is_some() {
            if let Some(stop) = self.stops(self.time - 1, self.time) {
                return stop;
            }
        }
        Stop::End
    }

    /// Back to the last breakpoint or to before the last change of a watch, or to the beginning.
    pub fn reverse_cont(&mut self) -> Stop {
        while self.back_step().is_some() {
            // A watch has changed in the event that was just taken back.
            if let Some(stop) = self.changed(self.time + 1, self.time) {
                return stop;
            }
            if self.time > 0
                && let Some(stop) = self.breaks_here()
            {
                return stop;
            }
        }
        Stop::End
    }

    /// On to the first number that is not finite, or to the end.
    pub fn cont_to_non_finite(&mut self) -> Stop {
        while self.step().is_some() {
            if let Some(id) = self.non_finite() {
                return Stop::NonFinite(id);
            }
        }
        Stop::End
    }

    fn stops(&self, before: usize, after: usize) -> Option<Stop> {
        self.changed(before, after).or_else(|| self.breaks_here())
    }

    fn changed(&self, before: usize, after: usize) -> Option<Stop> {
        self.watches.iter().find_map(|(number, what)| {
            let (old, new) = (self.watched(what, before), self.watched(what, after));
            let changed = !same_or_none(old.as_ref(), new.as_ref());
            changed.then_some(Stop::Watch(*number, old, new))
        })
    }

    fn breaks_here(&self) -> Option<Stop> {
        let enabled = self.breaks.iter().filter(|(.., on)| *on);
        let hit = enabled.filter(|(_, at, _)| self.is_at(at)).map(|(number, ..)| *number).next()?;
        Some(Stop::Break(hit))
    }

    /// Whether the last event is one where a breakpoint stops.
    pub fn is_at(&self, at: &Break) -> bool {
        let Some(event) = self.event() else { return false };
        let id = self.trace.subject(event);
        let node = self.trace.node(id);
        let arrives = matches!(event, Event::Forward(_) | Event::Visit(_));
        match at {
            Break::Node(wanted) => arrives && *wanted == id,
            Break::Op(op) => arrives && node.op == *op,
            Break::Scope(scope) => arrives && within(Some(node.scope.clone()), Some(scope)),
            Break::Line(file, line) => arrives && node.line == *line && node.file.ends_with(file.as_str()),
            Break::NonFinite => self.non_finite().is_some(),
            Break::When(holds) => holds(self),
        }
    }

    /// The node at which the last event made a number that is not finite.
    fn non_finite(&self) -> Option<NodeId> {
        let finite = |x: Option<Tensor<f64>>| x.is_none_or(|x| x.as_slice().iter().all(|x| x.is_finite()));
        match self.event()? {
            Event::Forward(id) => (!self.trace.node(id).value.is_finite()).then_some(id),
            Event::Accumulate(edge) => {
                let id = NodeId(self.trace.edge(edge).input as u32);
                let was_finite = finite(self.trace.adjoint(id, self.time - 1));
                (was_finite && !finite(self.trace.adjoint(id, self.time))).then_some(id)
            }
            _ => None,
        }
    }
}

/// Whether an event begins the steps of a node.
fn begins(event: Event) -> bool {
    matches!(event, Event::Forward(_) | Event::Seed(_) | Event::Visit(_))
}

/// Whether a scope is another one, or inside of it.
fn within(scope: Option<String>, outer: Option<&str>) -> bool {
    match (scope, outer) {
        (Some(scope), Some(outer)) => {
            outer.is_empty()
                || scope == outer
                || scope.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        }
        _ => false,
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace of {} nodes, {} events", self.nodes().len(), self.end())
    }
}

/// The events that are still to come, one by one.
pub struct Steps(Stepper);

impl Iterator for Steps {
    type Item = Step;
    fn next(&mut self) -> Option<Step> {
        self.0.step()
    }
}

impl IntoIterator for Stepper {
    type Item = Step;
    type IntoIter = Steps;
    fn into_iter(self) -> Steps {
        Steps(self)
    }
}
