//! One step as a graph: a box for each scope, a node for each operation.
//!
//! What TensorBoard shows of a node when it is clicked are its attributes: here the formula, the value, the
//! adjoint of the sweep, and the user's line. It reads names in its own way, and so they are changed where
//! they would mislead it: numbers that tell operations apart stand behind a hyphen, since five of them
//! behind an underscore would be drawn as one. A layer that is called again has a box for each call:
//! in one box for all, arrows would seem to run in circles.

use crate::module::Module;
use std::collections::{HashMap, HashSet};
use wengert::trace::{Shown, TraceNode, TraceOptions, short};
use wengert::{Float, LayerCall, Var};
use wengert_tensorboard::{Error, Graph, Node};

/// The graph of what was recorded up to `loss`, whose sweep is repeated.
pub(super) fn of_step<T: Float>(loss: Var<'_, T>, model: &(impl Module<T> + ?Sized)) -> Result<Graph, Error> {
    let tape = loss.tape();
    let named = |options: TraceOptions, (path, parameter): (String, &wengert::Parameter<T>)| {
        // The same leaf, if the model uses it.
        options.name(tape.parameter(parameter), path)
    };
    let options = model.parameters().into_iter().fold(TraceOptions::summary(), named);
    let trace = tape.trace_with(loss, options).expect("a loss is a scalar");
    let (mut graph, mut names) = (Graph::new(), Names::of(tape.layer_calls()));
    for node in trace.nodes() {
        let name = names.next(node);
        let drawn = node
            .inputs
            .iter()
            .fold(Node::new(name, &node.op), |drawn, &input| drawn.input(names.all[input].as_str()));
        graph.add(explained(drawn.shape(&node.shape), node))?;
    }
    Ok(graph)
}

/// With what is worth knowing of a node.
fn explained(mut drawn: Node, node: &TraceNode) -> Node {
    let adjoint = node.adjoint.as_ref().map_or_else(|| format!("none: {}", node.why), in_a_line);
    drawn = drawn.attribute("value", in_a_line(&node.value)).attribute("adjoint", adjoint);
    if !node.doc.forward.is_empty() {
        drawn = drawn.attribute("formula", &node.doc.forward);
    }
    if !node.doc.rules.is_empty() {
        drawn = drawn.attribute("rules", node.doc.rules.join("; "));
    }
    drawn.attribute("source", format!("{}:{}", node.file, node.line))
}

/// A number, or what is worth knowing of many: `-0.5 to 2, mean 0.25, norm 3.5, 1 NaN`.
fn in_a_line(x: &Shown) -> String {
    let Shown::Shortened(all) = x else { return x.brief() };
    let [min, max, mean, norm] = [all.min, all.max, all.mean, all.norm].map(short);
    let mut text = format!("{min} to {max}, mean {mean}, norm {norm}");
    for (count, what) in [(all.nans, "NaN"), (all.infinities, "infinite")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

/// Names of nodes, by their ids.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    taken: HashSet<String>,
    /// The last nodes of each call of a layer, by its scope.
    ends: HashMap<String, Vec<usize>>,
}

impl Names {
    fn of(calls: Vec<LayerCall>) -> Names {
        let mut names = Names::default();
        for LayerCall { path, output, .. } in calls {
            let scope = path.split('#').next().unwrap_or_default().replace('.', "/");
            names.ends.entry(scope).or_default().extend(output.map(|id| id.index()));
        }
        names
    }

    /// The name of the next node: a parameter's path, else scopes and operation, and a number from the
    /// second on.
    fn next(&mut self, node: &TraceNode) -> String {
        let wanted = match (node.name.as_str(), node.scope.as_str()) {
            ("", "") => node.op.clone(),
            ("", scope) => format!("{}/{}", self.by_call(scope), node.op),
            (path, _) => path.replace('.', "/"),
        };
        let wanted = allowed(&wanted);
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let mut names = [wanted.clone()].into_iter().chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).expect("numbers do not end");
        self.taken.insert(name.clone());
        self.all.push(name.clone());
        name
    }

    /// A scope of the next node, in which layers that are called again have the number of the call.
    fn by_call(&self, scope: &str) -> String {
        let id = self.all.len();
        let mut named = String::new();
        let ends = scope.match_indices('/').map(|(at, _)| at).chain([scope.len()]);
        for end in ends {
            let outer = &scope[..end];
            named += &outer[outer.rfind('/').unwrap_or(0)..];
            let ends = self.ends.get(outer).map_or(&[][..], Vec::as_slice);
            let call = ends.partition_point(|&end| end < id);
            if call > 0 && call < ends.len() {
                named += &format!("-{}", call + 1);
            }
        }
        named
    }
}

/// A name of the characters that TensorBoard takes, with something between its slashes.
fn allowed(name: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let part = |part: &str| part.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect::<String>();
    let parts: Vec<String> = name.split('/').filter(|part| !part.is_empty()).map(part).collect();
    let name = parts.join("/");
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => name,
        false => format!("n{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_characters_that_tensorboard_takes() {
        let cases = [("a/b", "a/b"), ("block #2//x", "block--2/x"), ("_x", "n_x"), ("ü", "n-"), ("", "n")];
        for (name, expected) in cases {
            assert_eq!(allowed(name), expected);
            assert!(Graph::new().add(Node::new(allowed(name), "op")).is_ok(), "{name:?}");
        }
    }
}
