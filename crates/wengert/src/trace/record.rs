//! The traced sweep: the engine's own, edge by edge, written down.
//!
//! Each contribution is computed twice: by itself, to be shown, and into the adjoint as it is, as the
//! engine does it. Where the two disagree in the last bits, a kernel has added inside (a matrix
//! product with beta = 1), and the edge says so and keeps the adjoint.

use super::data::*;
use super::{Trace, TraceError, codec, describe, expand, replay};
use crate::eager::Eager;
use crate::element::{Element, Float};
use crate::engine::Rule;
use crate::gradients::NoGradient;
use crate::ops::{Leaf, Op};
use crate::shape::Shape;
use crate::tape::arena::Node;
use crate::tape::{GradientTape, NodeId};
use crate::tensor::Tensor;
use crate::tensor_ops::Adjoint;
use crate::var::Var;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of a sweep [`GradientTape::trace_with`] records.
///
/// ```
/// use wengert::{GradientTape, tensor, trace::TraceOptions};
/// let tape = GradientTape::new();
/// let (x, w) = (tape.constant(tensor![[1.0, 2.0]]), tape.var(tensor![[0.5, 0.5]]));
/// let b = tape.var(tensor![0.1]);
/// let loss = x.linear(w, b).sum();
/// let options = TraceOptions::teaching().title("a dense layer").name(w, "w").name(b, "b");
/// let trace = tape.trace_with(loss, options)?;
/// assert!(trace.nodes().iter().any(|node| node.op == "matmul"), "linear in its plain steps");
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TraceOptions {
    detail: Detail,
    budget: Option<usize>,
    title: String,
    names: BTreeMap<NodeId, String>,
}

/// Elements that are shown of a tensor where nothing else is said; larger ones are shortened.
const SHOWN: usize = 4096;

impl TraceOptions {
    /// Everything, as it was recorded; tensors of more than 4,096 elements are shortened.
    pub fn new() -> TraceOptions {
        TraceOptions::default()
    }

    /// Fused operations (`linear`, `cross_entropy`, attention, ...) are shown as the plain steps that
    /// they stand for. It is those that are swept, so that gradients may differ from the fused ones
    /// in the last bits.
    pub fn teaching() -> TraceOptions {
        TraceOptions { detail: Detail::Teaching, ..TraceOptions::new() }
    }

    /// Shapes, statistics and the ends of tensors; scalars are whole.
    pub fn summary() -> TraceOptions {
        TraceOptions { detail: Detail::Summary, ..TraceOptions::new() }
    }

    /// As much as fits into so many bytes of elements, eight each; what comes later is shortened. A
    /// limit here also lifts the one of 4,096 elements a tensor.
    pub fn capped(bytes: usize) -> TraceOptions {
        TraceOptions { budget: Some(bytes), ..TraceOptions::new() }
    }

    /// The same with a budget of bytes; see [`capped`](TraceOptions::capped).
    #[must_use]
    pub fn budget(self, bytes: usize) -> TraceOptions {
        TraceOptions { budget: Some(bytes), ..self }
    }

    /// What the trace is called.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> TraceOptions {
        TraceOptions { title: title.into(), ..self }
    }

    /// What a variable is called.
    #[must_use]
    pub fn name<T: Float>(mut self, variable: Var<'_, T>, name: impl Into<String>) -> TraceOptions {
        self.names.insert(variable.id(), name.into());
        self
    }
}

impl<T: Float> GradientTape<T> {
    /// Sweeps from a scalar as [`backward`](Var::backward) does, and records what happens: to be stepped through
    /// ([`Trace::stepper`]), explained ([`Trace::explain`]), verified ([`Trace::verify`]), written to a file.
    ///
    /// # Errors
    /// The value is not a scalar.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(2.0);
    /// for step in tape.trace(x.square() * 3.0)?.stepper() {
    ///     println!("{step}");
    /// }
    /// # Ok::<(), wengert::trace::TraceError>(())
    /// ```
    #[track_caller]
    pub fn trace(&self, target: Var<'_, T>) -> Result<Arc<Trace>, TraceError> {
        self.trace_with(target, TraceOptions::new())
    }

    /// [`trace`](GradientTape::trace) with options.
    ///
    /// # Errors
    /// The value is not a scalar.
    #[track_caller]
    pub fn trace_with(&self, target: Var<'_, T>, options: TraceOptions) -> Result<Arc<Trace>, TraceError> {
        let root = self.own(target);
        let shape = target.shape();
        if !shape.is_empty() {
            return Err(TraceError::NotScalar { shape });
        }
        if options.detail == Detail::Teaching {
            let expanded = expand::expanded(self, root);
            let names = options.names.iter();
            let names = names.filter_map(|(id, name)| Some((*expanded.ids.get(id.index())?, name.clone())));
            let options = TraceOptions { names: names.collect(), ..options };
            return Ok(Arc::new(recorded(&expanded.tape, expanded.ids[root.index()], &options)));
        }
        Ok(Arc::new(recorded(self, root, &options)))
    }
}

/// Shows tensors as long as the budget lasts.
struct Budget {
    detail: Detail,
    left: Option<usize>,
    shortened: usize,
}

impl Budget {
    fn show<T: Float>(&mut self, x: &Tensor<T>) -> Shown {
        let bytes = 8 * x.len();
        let fits = match self.left {
            Some(left) => bytes <= left,
            None => x.len() <= SHOWN,
        };
        let small = x.shape().is_empty();
        if small || (fits && self.detail != Detail::Summary) {
            self.left = self.left.map(|left| left.saturating_sub(bytes));
            return Shown::whole(x);
        }
        self.shortened += 1;
        Shown::shortened(&x.cast())
    }
}

/// The trace of the sweep from `root`.
pub(super) fn recorded<T: Float>(tape: &GradientTape<T>, root: NodeId, options: &TraceOptions) -> Trace {
    tape.fill(0..=root.0);
    let mut budget = Budget { detail: options.detail, left: options.budget, shortened: 0 };
    let n = root.index() + 1;
    let mut nodes: Vec<TraceNode> = (0..n).map(|id| node(tape, id, options, &mut budget)).collect();
    let seed = Tensor::scalar(T::one());
    let mut adjoints: Vec<Option<Tensor<T>>> = vec![None; n];
    let wants = tape.arena.borrow().nodes[root.index()].wants();
    adjoints[root.index()] = wants.then(|| seed.clone());
    let mut sweep = Vec::new();
    for id in (0..n).rev() {
        let Some(y_bar) = adjoints[id].clone() else { continue };
        let inputs = tape.input_ids(&tape.arena.borrow().nodes[id]);
        if !inputs.is_empty() {
            sweep.push(visit(tape, id, &y_bar, &mut adjoints, &mut budget));
        }
    }
    let zeros = |x: &Tensor<T>| !x.is_empty() && x.as_slice().iter().all(|x| x.is_zero());
    let first_zeros = adjoints.iter().flatten().any(zeros).then(|| tape.first_zeros(&[root]));
    for (id, (node, adjoint)) in nodes.iter_mut().zip(&adjoints).enumerate() {
        node.adjoint = adjoint.as_ref().map(|x| budget.show(x));
        // Where there is no adjoint, or where all of it is zero.
        node.why = match (adjoint, &first_zeros) {
            (None, _) => NoGradient::of(Var::new(tape, NodeId(id as u32)), &[root]).to_string(),
            (Some(x), Some(first)) if zeros(x) => tape.zeros_of(first[id]).to_string(),
            _ => String::new(),
        };
    }
    let roots = if wants { vec![Root { node: root.index(), seed: Shown::whole(&seed) }] } else { Vec::new() };
    let data = TraceData {
        format: FORMAT.into(),
        producer: concat!("wengert ", env!("CARGO_PKG_VERSION")).into(),
        dtype: Dtype::of::<T>(),
        title: options.title.clone(),
        options: Recorded { detail: options.detail, budget: options.budget, shortened: budget.shortened },
        sources: sources(&nodes),
        nodes,
        roots,
        sweep,
    };
    Trace::new(data, Some(replay::of_tape(tape, root)))
}

fn node<T: Float>(
    tape: &GradientTape<T>,
    id: usize,
    options: &TraceOptions,
    budget: &mut Budget,
) -> TraceNode {
    let (node, value, inputs) = {
        let arena = tape.arena.borrow();
        let node = arena.nodes[id];
        let inputs = arena.inputs(&node).iter().map(|&i| i as usize).collect();
        (node, arena.value(id as u32), inputs)
    };
    let place = node.location;
    let attrs = codec::encode(tape, &node);
    TraceNode {
        op: tape.arena.borrow().name(&node).to_string(),
        text: tape.expression(&node),
        name: options.names.get(&NodeId(id as u32)).cloned().unwrap_or_default(),
        inputs,
        replayable: attrs.is_some(),
        attrs: attrs.unwrap_or_default(),
        shape: value.shape().to_vec(),
        value: budget.show(&value),
        wants: node.wants(),
        scope: tape.scope_of(NodeId(id as u32)),
        file: place.file().to_string(),
        line: place.line(),
        column: place.column(),
        doc: describe::doc(tape, &node),
        adjoint: None,
        why: String::new(),
        check: None,
    }
}

/// The sweep at one node, which adds to its operands' adjoints.
fn visit<T: Float>(
    tape: &GradientTape<T>,
    id: usize,
    y_bar: &Tensor<T>,
    adjoints: &mut [Option<Tensor<T>>],
    budget: &mut Budget,
) -> Visit {
    let node = tape.arena.borrow().nodes[id];
    let ids = tape.input_ids(&node);
    let mut bars = match node.op {
        Op::Custom(_) => {
            tape.contributions(id, y_bar).into_iter().map(|(slot, _, bar)| (slot, bar)).collect()
        }
        _ => Vec::new(),
    };
    let wanted = |i: u32| tape.arena.borrow().nodes[i as usize].wants();
    let mut edges = Vec::with_capacity(ids.len());
    for (slot, &input) in ids.iter().enumerate() {
        let mut edge = Edge {
            slot,
            input: input as usize,
            skip: None,
            local: None,
            raw: None,
            axes: Vec::new(),
            delta: None,
            fused: false,
            after: None,
        };
        let alone = if !wanted(input) {
            None
        } else if let Op::Custom(_) = node.op {
            bars.iter().position(|&(wrt, _)| wrt == slot).map(|at| bars.swap_remove(at).1)
        } else {
            through_rule(tape, &node, slot, y_bar, None, None)
        };
        let Some(delta) = alone else {
            edge.skip = Some(skip(tape, input));
            edges.push(edge);
            continue;
        };
        let before = adjoints[input as usize].take();
        let after = match (&before, node.op) {
            (None, _) => delta.clone(),
            (Some(before), Op::Custom(_)) => sum(before, &delta),
            (Some(before), _) => {
                through_rule(tape, &node, slot, y_bar, Some(before.clone()), None).expect("it contributes")
            }
        };
        edge.fused = before.as_ref().is_some_and(|before| !same_bits(&sum(before, &delta), &after));
        edge.after = edge.fused.then(|| budget.show(&after));
        if matches!(node.op, Op::Unary(_) | Op::Binary(_)) {
            let shape = y_bar.shape();
            let ones = Tensor::ones(shape);
            let local = through_rule(tape, &node, slot, &ones, None, Some(shape.clone()));
            edge.local = local.map(|x| budget.show(&x));
            if delta.shape() != shape {
                let raw = through_rule(tape, &node, slot, y_bar, None, Some(shape.clone()));
                edge.raw = raw.map(|x| budget.show(&x));
                edge.axes = summed_axes(delta.shape(), shape);
            }
        }
        edge.delta = Some(budget.show(&delta));
        adjoints[input as usize] = Some(after);
        edges.push(edge);
    }
    Visit { node: id, edges }
}

/// What the rule of operand `slot` makes of `y_bar`, added to `before` by the engine's own kernels; in
/// the operand's shape or in that of `stretched`.
fn through_rule<T: Float>(
    tape: &GradientTape<T>,
    node: &Node<T>,
    slot: usize,
    y_bar: &Tensor<T>,
    before: Option<Tensor<T>>,
    stretched: Option<Shape>,
) -> Option<Tensor<T>> {
    let ids = tape.input_ids(node);
    if node.is_scalar_op() {
        let delta = scalar_rule(tape, node, &ids, slot, y_bar.item());
        return Some(Tensor::scalar(before.map_or(delta, |before| before.item() + delta)));
    }
    let arena = tape.arena.borrow();
    let numbers = arena.numbers_of(node);
    let values: SmallVec<[Tensor<T>; 3]> = ids.iter().map(|&i| arena.value(i)).collect();
    let y =
        if node.is_scalar() { Tensor::scalar(node.scalar) } else { arena.values[node.slot as usize].clone() };
    drop(arena);
    let inputs: SmallVec<[Eager<T>; 3]> = values.into_iter().map(|x| Eager::new(tape, x)).collect();
    let shape = stretched.unwrap_or_else(|| crate::tensor_ops::TensorOps::shape(&inputs[slot]));
    // The engine adds in place only to what nobody else holds.
    let before =
        before.map(|x| Eager::new(tape, Tensor::from_vec(x.to_vec(), x.shape()).expect("its own shape")));
    let mut into = Adjoint { shape: shape.clone(), value: before };
    let y_bar = Eager::new(tape, y_bar.clone());
    T::contribute(Rule { node, numbers, wrt: slot }, &inputs, &Eager::new(tape, y), y_bar, &mut into);
    into.value.map(|x| x.filled(&shape).into_value())
}

/// As in the sweep of scalars.
fn scalar_rule<T: Float>(tape: &GradientTape<T>, node: &Node<T>, ids: &[u32], slot: usize, y_bar: T) -> T {
    let arena = tape.arena.borrow();
    let scalar = |i: usize| arena.nodes[ids[i] as usize].scalar;
    match node.op {
        Op::Unary(op) => T::unary_vjp_one(op, arena.numbers_of(node), scalar(0), node.scalar, y_bar),
        Op::Binary(op) => T::binary_vjp_one(op, slot, scalar(0), scalar(1), node.scalar, y_bar),
        _ => unreachable!("only elementwise operations are scalar operations"),
    }
}

/// The axes of `to` over which something of shape `from` was repeated.
fn summed_axes(from: &Shape, to: &Shape) -> Vec<usize> {
    let new = to.len() - from.len();
    (0..to.len()).filter(|&axis| axis < new || (from[axis - new] == 1 && to[axis] != 1)).collect()
}

fn sum<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    a.zip_map(b, |a, b| a + b)
}

fn same_bits<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> bool {
    // Every f32 is an f64, so that equal bits there are equal bits here.
    let bits = |x: &T| Element::to_f64(*x).to_bits();
    a.shape() == b.shape() && a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| bits(a) == bits(b))
}

/// Why nothing flows to node `id`.
fn skip<T: Float>(tape: &GradientTape<T>, id: u32) -> Skip {
    let arena = tape.arena.borrow();
    let node = &arena.nodes[id as usize];
    let from_constants =
        |node: &Node<T>| arena.inputs(node).iter().all(|&i| !arena.nodes[i as usize].wants());
    match node.op {
        Op::Leaf(Leaf::Constant) => Skip::Constant,
        Op::Detach => Skip::Detached,
        op if op.is_flat() && !from_constants(node) => Skip::Flat,
        _ if from_constants(node) => Skip::Constant,
        _ => Skip::Unwanted,
    }
}

/// The lines that nodes were recorded at, as far as the files are there.
fn sources(nodes: &[TraceNode]) -> BTreeMap<String, BTreeMap<u32, String>> {
    let mut wanted: BTreeMap<String, BTreeMap<u32, String>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.line > 0) {
        wanted.entry(node.file.clone()).or_default().insert(node.line, String::new());
    }
    wanted.retain(|file, lines| {
        let Some(text) = source_text(file) else { return false };
        let all: Vec<&str> = text.lines().collect();
        lines.retain(|&line, found| {
            let text = all.get(line as usize - 1);
            *found = text.map_or(String::new(), |text| text.trim().chars().take(200).collect());
            text.is_some()
        });
        !lines.is_empty()
    });
    wanted
}

/// A file as the compiler named it, from the place where its package or workspace is built.
fn source_text(file: &str) -> Option<String> {
    const LARGEST: u64 = 4 << 20;
    let path = std::path::Path::new(file);
    let readable = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST);
    readable.then(|| std::fs::read_to_string(path).ok()).flatten()
}
