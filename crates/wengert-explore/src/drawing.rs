//! What a drawing shows: boxes and arrows, with scopes drawn as one box where they are collapsed.
//!
//! An arrow is an operand of an operation, so that `a + a` has two; between collapsed scopes, arrows that
//! run in parallel are one, with their number.

use crate::plain::{cut, one_line};
use std::collections::BTreeMap;
use wengert::trace::{Shown, Trace};

/// A box.
pub(crate) struct Item {
    pub key: String,
    /// The scopes around it, from the outside.
    pub scopes: Vec<String>,
    pub title: String,
    /// Value and adjoint; none of a collapsed scope.
    pub numbers: Option<(String, String)>,
    pub leaf: bool,
    pub scope: bool,
}

/// From an operand to what uses it; items by position.
pub(crate) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: String,
    /// Whether no adjoint comes back along it.
    pub dashed: bool,
}

pub(crate) struct Drawing {
    pub items: Vec<Item>,
    pub arrows: Vec<Arrow>,
}

/// Longer names are cut.
const WIDEST: usize = 40;

impl Drawing {
    /// A trace, with scopes below `collapse` names deep as one box each.
    pub(crate) fn new(trace: &Trace, collapse: Option<usize>) -> Drawing {
        let mut drawing = Drawing { items: Vec::new(), arrows: Vec::new() };
        let mut place = Vec::with_capacity(trace.nodes().len());
        let mut scopes: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for id in trace.ids() {
            let node = trace.node(id);
            let mut path: Vec<String> =
                node.scope.split('/').filter(|name| !name.is_empty()).map(one_line).collect();
            if let Some(depth) = collapse.filter(|&depth| path.len() >= depth.max(1)) {
                path.truncate(depth.max(1));
                let next = drawing.items.len();
                let at = *scopes.entry(path.clone()).or_insert(next);
                if at == next {
                    let title = path.pop().unwrap_or_default();
                    let key = format!("s{next}");
                    drawing.items.push(Item {
                        key,
                        scopes: path,
                        title,
                        numbers: None,
                        leaf: false,
                        scope: true,
                    });
                }
                place.push(at);
                continue;
            }
            place.push(drawing.items.len());
            let name = cut(&one_line(&node.name), WIDEST);
            let text = cut(&one_line(&node.text), WIDEST);
            let title = match name.is_empty() {
                true => format!("{id} {text}"),
                false => format!("{name} {id} {text}"),
            };
            let adjoint = node.adjoint.as_ref().map_or("-".into(), Shown::brief);
            drawing.items.push(Item {
                key: format!("n{}", id.index()),
                scopes: path,
                title,
                numbers: Some((node.value.brief(), adjoint)),
                leaf: node.inputs.is_empty(),
                scope: false,
            });
        }
        drawing.join(trace, &place);
        drawing
    }

    fn join(&mut self, trace: &Trace, place: &[usize]) {
        let mut parallel: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for id in trace.ids() {
            let to = place[id.index()];
            for (slot, &input) in trace.node(id).inputs.iter().enumerate() {
                let from = place[input];
                if from == to {
                    continue;
                }
                if self.items[from].scope || self.items[to].scope {
                    *parallel.entry((from, to)).or_insert(0) += 1;
                    continue;
                }
                let edge = trace.visit(id).map(|visit| &visit.edges[slot]);
                let local = edge.and_then(|edge| edge.local.as_ref());
                let label = local.filter(|x| x.shape().is_empty()).map_or(String::new(), Shown::brief);
                let dashed = edge.is_none_or(|edge| edge.skip.is_some());
                self.arrows.push(Arrow { from, to, label, dashed });
            }
        }
        for ((from, to), count) in parallel {
            let label = if count > 1 { format!("{count}×") } else { String::new() };
            self.arrows.push(Arrow { from, to, label, dashed: false });
        }
    }

    /// Writes all items, each inside of the groups for its scopes: `open` and `close` write a group, with its
    /// depth and its number.
    pub(crate) fn grouped(
        &self,
        out: &mut String,
        open: impl Fn(&mut String, usize, usize, &str),
        close: impl Fn(&mut String, usize),
        item: impl Fn(&mut String, usize, &Item),
    ) {
        let mut groups: BTreeMap<&[String], Vec<&Item>> = BTreeMap::new();
        for each in &self.items {
            groups.entry(&each.scopes).or_default().push(each);
        }
        // In order, a scope comes before those inside of it.
        let mut inside: &[String] = &[];
        let mut number = 0;
        for (path, items) in groups {
            let common = inside.iter().zip(path).take_while(|(a, b)| a == b).count();
            (common..inside.len()).rev().for_each(|depth| close(out, depth));
            for (depth, name) in path.iter().enumerate().skip(common) {
                open(out, depth, number, &cut(name, WIDEST));
                number += 1;
            }
            items.into_iter().for_each(|each| item(out, path.len(), each));
            inside = path;
        }
        (0..inside.len()).rev().for_each(|depth| close(out, depth));
    }
}
