//! Graphs: boxes and arrows, in TensorFlow's `GraphDef`.
//!
//! TensorBoard opens and closes boxes by the slashes in names, draws an arrow for each input, writes
//! shapes beside arrows, and shows all attributes of the box that is clicked. Nodes are added after their
//! inputs, so that a graph has no cycle and no arrow without a beginning.

use crate::error::Error;
use crate::proto::{Attr, AttrList, AttrValue, GraphDef, NodeDef, TensorShapeProto, VersionDef};
use std::collections::HashSet;

/// TensorBoard hides longer attributes.
const LONGEST: usize = 1024;

/// A graph of named operations.
///
/// ```
/// use wengert_tensorboard::{Graph, Node};
/// let mut graph = Graph::new();
/// graph.add(Node::new("input", "Placeholder").shape(&[32, 784]))?;
/// graph.add(Node::new("dense/weight", "Parameter").shape(&[10, 784]))?;
/// graph.add(
///     Node::new("dense/matmul", "MatMul")
///         .input("input")
///         .input("dense/weight")
///         .shape(&[32, 10])
///         .attribute("source", "main.rs:12"),
/// )?;
/// assert_eq!(graph.len(), 3);
/// # Ok::<(), wengert_tensorboard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    nodes: Vec<NodeDef>,
    names: HashSet<String>,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// Adds a node.
    ///
    /// # Errors
    /// A name that is taken, or that TensorBoard would take apart (see [`Node::new`]); an input that is
    /// not there yet.
    pub fn add(&mut self, node: Node) -> Result<(), Error> {
        let Node { def } = node;
        if let Some(bad) = def.name.chars().find(|&c| !is_allowed(c)) {
            let found = format!("{bad:?} in `{}`", def.name);
            return Err(Error::argument("name of a node", found, "letters, digits and . _ - /"));
        }
        if !def.name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.') {
            let found = format!("`{}`", def.name);
            return Err(Error::argument("name of a node", found, "a letter, a digit or a dot first"));
        }
        if def.name.split('/').any(str::is_empty) {
            let found = format!("`{}`", def.name);
            return Err(Error::argument("name of a node", found, "something between slashes"));
        }
        if self.names.contains(&def.name) {
            let found = format!("`{}` twice", def.name);
            return Err(Error::argument("name of a node", found, "each name once"));
        }
        if let Some(input) = def.input.iter().find(|&input| !self.names.contains(input)) {
            let expected = "a node that has been added before";
            return Err(Error::argument(format!("input of `{}`", def.name), format!("`{input}`"), expected));
        }
        self.names.insert(def.name.clone());
        self.nodes.push(def);
        Ok(())
    }

    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn to_proto(&self) -> GraphDef {
        // The version of TensorFlow's graphs since 2016; TensorBoard wants one.
        GraphDef { node: self.nodes.clone(), versions: Some(VersionDef { producer: 22 }) }
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')
}

/// An operation of a [`Graph`].
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    def: NodeDef,
}

impl Node {
    /// A node called `name`, of the operation `op`, such as `MatMul`. Boxes are the parts of the name
    /// before slashes. It consists of letters, digits and `. _ - /`, and begins with a letter, a digit
    /// or a dot. Five and more neighbours that differ in a number after `_` are drawn as one.
    ///
    /// TensorBoard draws operations with `Const` in their names as small marks on their users, and not as boxes.
    pub fn new(name: impl Into<String>, op: impl Into<String>) -> Node {
        let (name, op) = (name.into(), op.into());
        Node { def: NodeDef { name, op, ..NodeDef::default() } }
    }

    /// What it computes from: the name of a node of the graph. Call it once for each operand, in order.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>) -> Node {
        self.def.input.push(name.into());
        self
    }

    /// The lengths of its result's axes, which stand at the arrows to its users.
    #[must_use]
    pub fn shape(mut self, lengths: &[usize]) -> Node {
        let list = AttrList { shape: vec![TensorShapeProto::of(lengths)] };
        let value = Some(Attr::List(list));
        self.def.attr.insert("_output_shapes".into(), AttrValue { value });
        self
    }

    /// Something to be read where the node is clicked. Only the first kilobyte is kept, since
    /// TensorBoard shows nothing of longer ones.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, text: impl Into<String>) -> Node {
        let mut text: String = text.into();
        if text.len() > LONGEST {
            let end = (0..=LONGEST - '…'.len_utf8()).rev().find(|&end| text.is_char_boundary(end));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        let value = Some(Attr::S(text.into_bytes()));
        self.def.attr.insert(name.into(), AttrValue { value });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_before_those_that_use_them() {
        let mut graph = Graph::new();
        let error = graph.add(Node::new("b", "Add").input("a")).unwrap_err();
        let text = "input of `b`: found `a`, expected a node that has been added before";
        assert_eq!(error.to_string(), text);
        assert!(graph.is_empty());
        graph.add(Node::new("a", "Var")).unwrap();
        graph.add(Node::new("b", "Add").input("a").input("a")).unwrap();
        assert_eq!(graph.to_proto().node[1].input, ["a", "a"]);
    }

    #[test]
    fn names_are_refused_that_tensorboard_would_take_apart() {
        let mut graph = Graph::new();
        graph.add(Node::new("a", "Var")).unwrap();
        for name in ["a", "", "x:0", "^x", "x y", "x//y", "x/", "/x", "_x", "é"] {
            assert!(graph.add(Node::new(name, "Var")).is_err(), "{name:?}");
        }
        for name in ["a/b", "0.weight", "conv-1/x_2", ".5"] {
            graph.add(Node::new(name, "Var")).unwrap();
        }
    }

    #[test]
    fn long_attributes_are_shortened_between_characters() {
        let node = Node::new("a", "Var").attribute("value", "é".repeat(600));
        let Some(Attr::S(text)) = &node.def.attr["value"].value else { panic!() };
        let text = std::str::from_utf8(text).unwrap();
        assert!(text.len() <= LONGEST && text.ends_with("é…"), "{}", text.len());
    }
}
