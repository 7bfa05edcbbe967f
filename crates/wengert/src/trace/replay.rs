//! The program of a trace, run again: to ask "what if this value were another", and to check what the log
//! says against what the operations do.

use super::data::{Detail, Dtype, Shown, TraceData};
use super::expand::was_paused;
use super::record::{self, TraceOptions};
use super::{Trace, TraceError, codec};
use crate::element::Float;
use crate::error::ShapeError;
use crate::gradcheck::{Alone, Claim, Comparison, GradCheckError};
use crate::ops::{Leaf, Op};
use crate::shape::Shape;
use crate::tape::arena::Arena;
use crate::tape::{GradientTape, NodeId, Numbers};
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;
use std::panic::Location;
use std::sync::Arc;

/// A program that can be run again, whatever its number type.
pub(super) trait Program: Send + Sync {
    /// Its trace where some nodes have other values.
    fn trace(&self, changes: &[(usize, Tensor<f64>)], options: &TraceOptions) -> Result<Trace, TraceError>;
    /// Compares what is said of one node after the other with differences of it, in `f64` where that can be.
    fn checker(&self) -> Checker<'_>;
}

/// Takes a node's id and what is said of it.
pub(super) type Checker<'p> = Box<dyn FnMut(usize, &Claim<'_>) -> Result<Comparison, GradCheckError> + 'p>;

struct Step<T> {
    op: Op,
    numbers: Numbers,
    inputs: SmallVec<[u32; 4]>,
    /// The value of a leaf.
    leaf: Option<Tensor<T>>,
    paused: bool,
    scope: String,
    location: &'static Location<'static>,
    /// The shape that a file says it has.
    shape: Option<Shape>,
}

struct Recipe<T: Float> {
    steps: Vec<Step<T>>,
    /// The attributes of the operations.
    operations: Arena<T>,
    /// The same for computing in `f64`: without operations of users.
    wide: Arena<f64>,
}

fn tape_with<T: Float>(operations: &Arena<T>) -> GradientTape<T> {
    let tape = GradientTape::new();
    *tape.arena.borrow_mut() = operations.sibling();
    tape
}

/// The program on a tape, up to `root`.
pub(super) fn of_tape<T: Float>(tape: &GradientTape<T>, root: NodeId) -> Arc<dyn Program> {
    let step = |id: u32| {
        let node = tape.arena.borrow().nodes[id as usize];
        let arena = tape.arena.borrow();
        Step {
            op: node.op,
            numbers: arena.numbers_of(&node),
            inputs: SmallVec::from_slice(arena.inputs(&node)),
            leaf: matches!(node.op, Op::Leaf(_)).then(|| arena.value(id)),
            paused: was_paused(tape, &node),
            scope: tape.scope_of(NodeId(id)),
            location: node.location,
            shape: None,
        }
    };
    let steps = (0..=root.0).map(step).collect();
    let arena = tape.arena.borrow();
    Arc::new(Recipe { steps, operations: arena.sibling(), wide: arena.without_extensions() })
}

/// The program that a file describes, if all of its operations can be computed again.
#[track_caller]
pub(super) fn of_data(data: &TraceData) -> Option<Arc<dyn Program>> {
    match data.dtype {
        Dtype::F32 => recipe::<f32>(data),
        Dtype::F64 => recipe::<f64>(data),
    }
}

#[track_caller]
fn recipe<T: Float>(data: &TraceData) -> Option<Arc<dyn Program>> {
    let tape = GradientTape::<T>::new();
    let mut steps = Vec::with_capacity(data.nodes.len());
    for node in &data.nodes {
        let leaf = match node.op.as_str() {
            "var" | "parameter" => Some(Leaf::Var),
            "constant" => Some(Leaf::Constant),
            _ => None,
        };
        let (op, numbers) = match leaf {
            Some(leaf) => (Op::Leaf(leaf), [0.0; 2]),
            None => codec::decode(&tape, node, &data.nodes[*node.inputs.first()?].shape)?,
        };
        let leads = node.inputs.iter().any(|&i| data.nodes[i].wants);
        let value = match leaf {
            Some(_) => Some(node.value.tensor()?.cast()),
            None => None,
        };
        steps.push(Step {
            op,
            numbers,
            inputs: node.inputs.iter().map(|&i| i as u32).collect(),
            leaf: value,
            paused: leaf.is_none() && !node.wants && leads && !op.is_flat(),
            scope: node.scope.clone(),
            location: Location::caller(),
            shape: Some(super::shape_of(&node.shape)),
        });
    }
    let arena = tape.arena.borrow();
    Some(Arc::new(Recipe { steps, operations: arena.sibling(), wide: arena.without_extensions() }))
}

impl<T: Float> Recipe<T> {
    fn run<'t>(
        &self,
        tape: &'t GradientTape<T>,
        changes: &[(usize, Tensor<f64>)],
    ) -> Result<Vec<Var<'t, T>>, TraceError> {
        let mut vars: Vec<Var<T>> = Vec::with_capacity(self.steps.len());
        for (id, step) in self.steps.iter().enumerate() {
            let _scope = (!step.scope.is_empty()).then(|| tape.scope(&step.scope));
            let changed = changes.iter().find(|(node, _)| *node == id);
            let inputs: SmallVec<[Var<T>; 4]> = step.inputs.iter().map(|&i| vars[i as usize]).collect();
            let operation = changed.is_none() && step.leaf.is_none();
            if let (true, Some(said)) = (operation, &step.shape) {
                let shapes: SmallVec<[Shape; 4]> = inputs.iter().map(|x| x.shape()).collect();
                let shapes: SmallVec<[&Shape; 4]> = shapes.iter().collect();
                let failed = |error| TraceError::Replay { node: id, error };
                let shape = step.op.shape(&shapes, &tape.arena.borrow().attributes).map_err(failed)?;
                if shape != *said {
                    let expected = format!("a result of shape {said}, as the file says");
                    let op = step.op.name();
                    return Err(failed(ShapeError::Expected { op, expected, given: shape.to_string() }));
                }
            }
            let record = || match (changed, &step.leaf, step.op) {
                (Some((_, value)), _, Op::Leaf(Leaf::Constant)) => Ok(tape.constant(value.cast())),
                (Some((_, value)), ..) => Ok(tape.var(value.cast())),
                (None, Some(value), Op::Leaf(Leaf::Constant)) => Ok(tape.constant(value)),
                (None, Some(value), _) => Ok(tape.var(value)),
                (None, None, Op::Unary(_) | Op::Binary(_)) => Ok(tape.repeat(step.op, step.numbers, &inputs)),
                (None, None, op) => tape.try_record(op, &inputs),
            };
            let var =
                tape.located(step.location, || if step.paused { tape.paused(record) } else { record() });
            vars.push(var.map_err(|error| TraceError::Replay { node: id, error })?);
        }
        Ok(vars)
    }
}

impl<T: Float> Program for Recipe<T> {
    fn trace(&self, changes: &[(usize, Tensor<f64>)], options: &TraceOptions) -> Result<Trace, TraceError> {
        let tape = tape_with(&self.operations);
        let vars = self.run(&tape, changes)?;
        let root = vars.last().ok_or(TraceError::Empty)?;
        if !root.shape().is_empty() {
            return Err(TraceError::NotScalar { shape: root.shape() });
        }
        Ok(record::recorded(&tape, root.id(), options))
    }

    fn checker(&self) -> Checker<'_> {
        let mut own = Alone::new(tape_with(&self.operations));
        let mut wide = Alone::new(tape_with(&self.wide));
        Box::new(move |id, claim| {
            let Step { op, numbers, .. } = self.steps[id];
            match op {
                Op::Custom(_) => own.check(op, numbers, claim),
                op => wide.check(op, numbers, claim),
            }
        })
    }
}

impl Trace {
    /// What if these nodes had other values: the program is run again, and swept. A node that is no leaf is
    /// cut off from what it was computed of.
    ///
    /// # Errors
    /// The program is not there (a file with operations that cannot be computed again), there is no such
    /// node, or a value has another shape than the node.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(2.0);
    /// let trace = tape.trace(x.powi(3))?;
    /// let other = trace.replay_with(&[(x.id(), Tensor::scalar(3.0))])?;
    /// assert_eq!(other.adjoint(x.id(), other.end()).map(|x| x.item()), Some(27.0));
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    pub fn replay_with(&self, changes: &[(NodeId, Tensor<f64>)]) -> Result<Arc<Trace>, TraceError> {
        let program = self.program.as_ref().ok_or_else(|| self.cannot_replay())?;
        for (id, value) in changes {
            let node = self.nodes().get(id.index()).ok_or_else(|| TraceError::NoNode {
                text: id.to_string(),
                candidates: format!("%0 to %{}", self.nodes().len().saturating_sub(1)),
            })?;
            if value.shape()[..] != node.shape[..] {
                let (expected, given) = (super::shape_of(&node.shape), value.shape().clone());
                return Err(TraceError::OtherShape { node: id.index(), expected, given });
            }
        }
        let changes: Vec<(usize, Tensor<f64>)> =
            changes.iter().map(|(id, value)| (id.index(), value.clone())).collect();
        let budget = self.data.options.budget.unwrap_or(usize::MAX);
        let options = match self.data.options.detail {
            Detail::Summary => TraceOptions::summary(),
            _ => TraceOptions::capped(budget),
        };
        let mut trace = program.trace(&changes, &options.title(self.data.title.clone()))?;
        trace.data.options = self.data.options;
        trace.data.sources = self.data.sources.clone();
        for (id, (new, old)) in trace.data.nodes.iter_mut().zip(&self.data.nodes).enumerate() {
            new.name = old.name.clone();
            (new.file, new.line, new.column) = (old.file.clone(), old.line, old.column);
            if !changes.iter().any(|(changed, _)| *changed == id) || old.inputs.is_empty() {
                (new.op, new.text) = (old.op.clone(), old.text.clone());
            }
        }
        Ok(Arc::new(trace))
    }

    pub(super) fn cannot_replay(&self) -> TraceError {
        let node = self.nodes().iter().position(|node| {
            !node.replayable || (node.inputs.is_empty() && !matches!(node.value, Shown::Whole(_)))
        });
        let node = node.unwrap_or(0);
        TraceError::NotReplayable {
            node,
            op: self.nodes().get(node).map_or(String::new(), |node| node.op.clone()),
        }
    }

    /// Whether the program is there, so that it can be run again.
    pub fn can_replay(&self) -> bool {
        self.program.is_some()
    }
}
