//! A node's adjoint in four stages: the chain rule, the rules put in, the numbers put in, the value.

use super::data::same;
use super::describe::OPERANDS;
use super::formula::{self, Symbols, short};
use super::{Edge, EdgeId, Event, Shown, Trace, TraceNode};
use crate::ops::{Binary, Unary};
use crate::shape::Shape;
use crate::tape::NodeId;
use crate::tensor::Tensor;
use std::fmt;

/// One contribution to a node's adjoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The node that contributes.
    pub from: NodeId,
    /// As which operand it uses this one.
    pub slot: usize,
    /// Its own adjoint.
    pub upstream: Option<Shown>,
    /// The local derivative, where the operation is elementwise.
    pub local: Option<Shown>,
    /// Before broadcasting was undone.
    pub raw: Option<Shown>,
    /// What was added.
    pub delta: Shown,
    /// The adjoint afterwards; none where a tensor was shortened.
    pub total: Option<Tensor<f64>>,
    /// When.
    pub at: usize,
}

/// How the adjoint of a node differs between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The node.
    pub node: NodeId,
    /// Its adjoint at the one.
    pub before: Option<Tensor<f64>>,
    /// At the other.
    pub after: Option<Tensor<f64>>,
}

/// How a node's adjoint comes about; of a tensor, one element of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Which element: the largest of the adjoint, unless another was asked for.
    pub index: Vec<usize>,
    /// The chain rule: one term an edge.
    pub symbolic: String,
    /// With each operation's own rule.
    pub rule: String,
    /// With numbers.
    pub numbers: String,
    /// The value.
    pub value: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.symbolic)?;
        if !self.rule.is_empty() {
            writeln!(f, "  = {}", self.rule)?;
        }
        if !self.numbers.is_empty() {
            writeln!(f, "  = {}", self.numbers)?;
        }
        write!(f, "  = {}", self.value)
    }
}

impl Trace {
    /// What arrives at a node, in order.
    pub fn contributions(&self, id: NodeId) -> Vec<Contribution> {
        let incoming = self.incoming(id).iter();
        incoming
            .filter_map(|&(at, edge_id)| {
                let (edge, from) = (self.edge(edge_id), self.consumer(edge_id));
                Some(Contribution {
                    from,
                    slot: edge.slot,
                    upstream: self.node(from).adjoint.clone(),
                    local: edge.local.clone(),
                    raw: edge.raw.clone(),
                    delta: edge.delta.clone()?,
                    total: self.adjoint(id, at),
                    at,
                })
            })
            .collect()
    }

    /// How the adjoint of a node comes about, in four stages; of a tensor, for its largest element.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let (a, b) = (tape.var(2.0), tape.var(3.0));
    /// let trace = tape.trace(a * b + a)?;
    /// let text = trace.explain(a.id()).to_string();
    /// assert_eq!(text, "adj(%0) = adj(%3)·∂%3/∂%0 + adj(%2)·∂%2/∂%0\n  = adj(%3) + adj(%2) · %1\n  = 1 + 1 · 3\n  = 4");
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn explain(&self, id: NodeId) -> Explanation {
        let adjoint = self.node(id).adjoint.as_ref().and_then(Shown::tensor);
        let largest = adjoint.and_then(|x| {
            let better = |&(_, a): &(usize, f64), &(_, b): &(usize, f64)| a.total_cmp(&b);
            let sizes =
                x.as_slice().iter().map(|x| if x.is_nan() { f64::INFINITY } else { x.abs() }).enumerate();
            // The first of the largest.
            sizes.rev().max_by(better).map(|(place, _)| x.shape().index_of(place))
        });
        self.explain_element(id, &largest.unwrap_or_default())
    }

    /// The same for one element; an index that is not there stands for the first element.
    pub fn explain_element(&self, id: NodeId, index: &[usize]) -> Explanation {
        let node = self.node(id);
        let shape: Shape = super::shape_of(&node.shape);
        let inside = index.len() == shape.len() && index.iter().zip(&shape[..]).all(|(i, len)| i < len);
        let index = if inside { index.to_vec() } else { vec![0; shape.len()] };
        let at = |id: NodeId| format!("{}{}", self.short_label(id), bracket(&index));
        let (mut symbolic, mut rules, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(root) = self.data.roots.iter().find(|root| root.node == id.index()) {
            symbolic.push("1 because it is the target".to_string());
            let seed = root.seed.tensor().map_or("?".into(), |x| short(x.get(&index).unwrap_or(f64::NAN)));
            rules.push(seed.clone());
            numbers.push(seed);
        }
        for &(_, edge) in self.incoming(id) {
            let from = self.consumer(edge);
            let (by, own) = (self.short_label(from), self.short_label(id));
            symbolic.push(format!("adj({by})·∂{by}/∂{own}"));
            rules.push(self.rule_of(edge));
            numbers.push(self.numbers_of(edge, &index));
        }
        let value = match (&node.adjoint, self.incoming(id).is_empty() && symbolic.is_empty()) {
            (Some(Shown::Whole(x)), _) => short(x.get(&index).unwrap_or(f64::NAN)),
            (Some(Shown::Shortened(_)), _) => "elements that were shortened".into(),
            (None, _) => format!("nothing: {}", node.why),
        };
        let join = |terms: Vec<String>| terms.join(" + ").replace("+ -", "- ");
        Explanation {
            symbolic: match symbolic.is_empty() {
                true => format!("adj({})", at(id)),
                false => format!("adj({}) = {}", at(id), join(symbolic)),
            },
            rule: join(rules),
            numbers: join(numbers),
            index,
            value,
        }
    }

    fn short_label(&self, id: NodeId) -> String {
        let node = self.node(id);
        if node.name.is_empty() { id.to_string() } else { node.name.clone() }
    }

    /// The rule of an edge with the names of its nodes.
    pub(crate) fn rule_of(&self, edge: EdgeId) -> String {
        let from = self.consumer(edge);
        let node = self.node(from);
        let labels: Vec<String> = node.inputs.iter().map(|&i| self.short_label(NodeId(i as u32))).collect();
        let symbols = [self.short_label(from), format!("adj({})", self.short_label(from))];
        if let Some(text) = elementwise(node, edge.slot(), &labels, &symbols[0], &symbols[1]) {
            return text;
        }
        let rule = node.doc.rules.get(edge.slot()).cloned().unwrap_or_default();
        // Names stand for whole words: `a` is not the a of `adj`.
        let mut text = String::new();
        for word in words(&rule) {
            let operand = OPERANDS.iter().position(|name| *name == word).filter(|_| labels.len() > 1);
            text.push_str(match (word, operand) {
                ("x", _) if labels.len() == 1 => &labels[0],
                ("y", _) => &symbols[0],
                ("ȳ", _) => &symbols[1],
                (_, Some(i)) if i < labels.len() => &labels[i],
                (word, _) => word,
            });
        }
        text
    }

    /// One element of an edge's contribution, with the numbers it is computed of.
    fn numbers_of(&self, id: EdgeId, index: &[usize]) -> String {
        let (edge, from) = (self.edge(id), self.consumer(id));
        let node = self.node(from);
        let plain = || match edge.delta.as_ref().and_then(Shown::tensor) {
            Some(delta) => short(delta.get(index).unwrap_or(f64::NAN)),
            None => "?".into(),
        };
        // Broadcasting undone is a sum, a product of matrices too: their value alone.
        if edge.raw.is_some() || edge.local.is_none() {
            return self.product_terms(id, index).unwrap_or_else(plain);
        }
        let number = |x: Option<&Tensor<f64>>| {
            x.and_then(|x| if x.ndim() == index.len() { x.get(index) } else { x.get(&[]) }).map(short)
        };
        let operands: Option<Vec<String>> =
            node.inputs.iter().map(|&i| number(self.nodes()[i].value.tensor())).collect();
        let y = number(node.value.tensor());
        let y_bar = number(node.adjoint.as_ref().and_then(Shown::tensor));
        match (operands, y, y_bar) {
            (Some(operands), Some(y), Some(y_bar)) => {
                elementwise(node, edge.slot, &operands, &y, &y_bar).unwrap_or_else(plain)
            }
            _ => plain(),
        }
    }

    /// A product's contribution element by element: `0.1·0.2 + 0.3·0.4`.
    fn product_terms(&self, id: EdgeId, index: &[usize]) -> Option<String> {
        const MOST: usize = 6;
        let node = self.node(self.consumer(id));
        let (y_bar, other) = (
            node.adjoint.as_ref()?.tensor()?,
            self.nodes()[*node.inputs.get(1 - id.slot().min(1))?].value.tensor()?,
        );
        let &[i, j] = index else { return None };
        let both = y_bar.ndim() == 2 && other.ndim() == 2 && node.inputs.len() == 2;
        let term = |a: Option<f64>, b: Option<f64>| Some(format!("{}·{}", signed(a?), signed(b?)));
        type Term<'a> = Box<dyn Fn(usize) -> Option<String> + 'a>;
        let (count, at): (usize, Term<'_>) = match (node.op.as_str(), node.attrs.kind.as_str(), id.slot()) {
            _ if !both => return None,
            ("matmul", "NN", 0) => {
                (y_bar.shape()[1], Box::new(move |k| term(y_bar.get(&[i, k]), other.get(&[j, k]))))
            }
            ("matmul", "NN", 1) => {
                (y_bar.shape()[0], Box::new(move |k| term(other.get(&[k, i]), y_bar.get(&[k, j]))))
            }
            ("matmul", "NT", 0) => {
                (y_bar.shape()[1], Box::new(move |k| term(y_bar.get(&[i, k]), other.get(&[k, j]))))
            }
            ("matmul", "NT", 1) => {
                (y_bar.shape()[0], Box::new(move |k| term(y_bar.get(&[k, i]), other.get(&[k, j]))))
            }
            _ => return None,
        };
        let mut terms = (0..count.min(MOST)).map(at).collect::<Option<Vec<String>>>()?;
        if count > MOST {
            terms.push(format!("… ({count} terms)"));
        }
        Some(format!("({})", terms.join(" + ")))
    }

    /// One sentence about an event: what happens, with numbers.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// let trace = tape.trace(x * x)?;
    /// let last = trace.events().len();
    /// assert_eq!(trace.sentence(last), "accumulate %1 → %0 (operand 1): 3 + 3 = 6 (2 of 2 contributions)");
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn sentence(&self, time: usize) -> String {
        let Some(&event) = time.checked_sub(1).and_then(|i| self.events.get(i)) else {
            return "the beginning: nothing is computed yet".into();
        };
        let one = Shown::brief;
        match event {
            Event::Forward(id) => {
                let node = self.node(id);
                format!("forward {} = {} = {}", self.label(id), node.text, one(&node.value))
            }
            Event::Seed(id) => {
                let seed = self.data.roots.iter().find(|root| root.node == id.index());
                format!(
                    "seed {}: its adjoint is {}",
                    self.label(id),
                    seed.map_or(String::new(), |root| one(&root.seed))
                )
            }
            Event::Visit(id) => {
                let node = self.node(id);
                let adjoint = node.adjoint.as_ref().map_or("none".into(), &one);
                format!(
                    "visit {} `{}`: all contributions are in, its adjoint is {adjoint}",
                    self.label(id),
                    node.text
                )
            }
            Event::Skip(e) => {
                let edge = self.edge(e);
                let reason = edge.skip.map_or(String::new(), |skip| skip.to_string());
                format!("skip {}: {reason}", self.arrow(e))
            }
            Event::Local(e) => match &self.edge(e).local {
                Some(local) => format!("local {}: {} (rule {})", self.arrow(e), one(local), self.rule_of(e)),
                None => format!("local {}: rule {}", self.arrow(e), self.rule_of(e)),
            },
            Event::Contribute(e) => {
                let edge = self.edge(e);
                let made = edge.raw.as_ref().or(edge.delta.as_ref()).map_or(String::new(), &one);
                format!("contribute {}: {} = {made}", self.arrow(e), self.rule_of(e))
            }
            Event::Reduce(e) => {
                let edge = self.edge(e);
                let made = edge.delta.as_ref().map_or(String::new(), &one);
                format!("reduce {}: summed over axes {:?}, {made}", self.arrow(e), edge.axes)
            }
            Event::Accumulate(e) => self.accumulation(e, time, &one),
        }
    }

    fn accumulation(&self, e: EdgeId, time: usize, one: &dyn Fn(&Shown) -> String) -> String {
        let Edge { input, delta, fused, .. } = self.edge(e);
        let id = NodeId(*input as u32);
        let (now, all) = self.contributions_in(id, time);
        let delta = delta.as_ref().map_or(String::new(), one);
        let whole = |x: Tensor<f64>| one(&Shown::Whole(x));
        let (before, after) = (self.adjoint(id, time - 1).map(whole), self.adjoint(id, time).map(whole));
        let sum = match (before, after) {
            (None, Some(after)) if now == 1 => format!("{after} moves in"),
            (Some(before), Some(after)) => format!("{before} + {delta} = {after}"),
            _ => format!("{delta} is added"),
        };
        let inside = if *fused { ", added inside the kernel" } else { "" };
        format!("accumulate {}: {sum} ({now} of {all} contributions{inside})", self.arrow(e))
    }

    fn arrow(&self, e: EdgeId) -> String {
        let edge = self.edge(e);
        let twice = self.node(self.consumer(e)).inputs.iter().filter(|&&i| i == edge.input).count() > 1;
        let slot = if twice { format!(" (operand {})", edge.slot) } else { String::new() };
        let (from, to) = (self.label(self.consumer(e)), self.label(NodeId(edge.input as u32)));
        format!("{from} → {to}{slot}")
    }

    /// The paths along which an adjoint comes from the target to a node, at most `most`; each begins at
    /// the target.
    pub fn paths(&self, id: NodeId, most: usize) -> Vec<Vec<NodeId>> {
        let mut found = Vec::new();
        let mut open = vec![vec![id]];
        while let Some(path) = open.pop() {
            if found.len() == most {
                break;
            }
            let head = path[path.len() - 1];
            if self.data.roots.iter().any(|root| root.node == head.index()) {
                found.push(path.iter().rev().copied().collect());
            }
            let consumers: Vec<NodeId> =
                self.incoming(head).iter().map(|&(_, edge)| self.consumer(edge)).collect();
            for &consumer in consumers.iter().rev().take(most) {
                open.push(path.iter().copied().chain([consumer]).collect());
            }
        }
        found
    }

    /// The nodes whose adjoint differs between two times.
    pub fn diff(&self, from: usize, to: usize) -> Vec<Change> {
        let ids = (0..self.nodes().len() as u32).map(NodeId);
        ids.map(|node| Change { node, before: self.adjoint(node, from), after: self.adjoint(node, to) })
            .filter(|change| !same_or_none(change.before.as_ref(), change.after.as_ref()))
            .collect()
    }

    /// The nodes whose value or adjoint differs from that in another trace of the same program.
    pub fn compare(&self, other: &Trace) -> Vec<NodeId> {
        let ids = (0..self.nodes().len().max(other.nodes().len()) as u32).map(NodeId);
        let same = |id: &NodeId| match (self.nodes().get(id.index()), other.nodes().get(id.index())) {
            (Some(a), Some(b)) => {
                let adjoints = match (&a.adjoint, &b.adjoint) {
                    (Some(a), Some(b)) => a.same(b),
                    (a, b) => a.is_none() && b.is_none(),
                };
                adjoints && a.value.same(&b.value)
            }
            _ => false,
        };
        ids.filter(|id| !same(id)).collect()
    }
}

/// As [`same`], where there may be nothing.
pub(crate) fn same_or_none(a: Option<&Tensor<f64>>, b: Option<&Tensor<f64>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// The rule of an elementwise operation with other texts for its names.
fn elementwise(node: &TraceNode, slot: usize, operands: &[String], y: &str, y_bar: &str) -> Option<String> {
    let x: Vec<&str> = operands.iter().map(String::as_str).collect();
    let symbols = Symbols { x: &x, y, y_bar };
    let kind = node.attrs.kind.as_str();
    match x.len() {
        1 => {
            let op = Unary::ALL.iter().copied().find(|op| format!("{op:?}") == kind)?;
            let numbers = [0, 1].map(|i| node.attrs.numbers.get(i).copied().unwrap_or(0.0));
            Some(formula::unary_rule(op, numbers, &symbols))
        }
        2 => {
            let op = Binary::ALL.iter().copied().find(|op| format!("{op:?}") == kind)?;
            Some(formula::binary_rule(op, slot, &symbols))
        }
        _ => None,
    }
}

fn signed(x: f64) -> String {
    if x < 0.0 { format!("({})", short(x)) } else { short(x) }
}

fn bracket(index: &[usize]) -> String {
    if index.is_empty() { String::new() } else { format!("{index:?}") }
}

/// Words and what is between them, in order.
fn words(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        // The bar over y is a character of its own in some texts.
        let raised = |c: char| "ᵀ⁻⁰¹²³⁴⁵⁶⁷⁸⁹".contains(c);
        let in_word = |c: char| !raised(c) && (c.is_alphanumeric() || c == '_' || c == '\u{304}');
        let end = rest.find(|c| in_word(c) != in_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(first.len_utf8()));
        all.push(word);
        rest = after;
    }
    all
}
