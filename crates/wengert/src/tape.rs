//! `GradientTape`: Wengert's list of elementary operations, recorded as they are computed.
//!
//! The tape only appends, and a node's inputs have smaller ids, so the tape *is* a topological
//! order: the reverse sweep is a loop from the end. Handles ([`Var`]) borrow the tape, and
//! [`GradientTape::reset`] takes it mutably, so the compiler knows that no handle outlives a reset.

pub(crate) mod arena;
pub(crate) mod checkpoint;
mod print;
mod random;
mod scopes;
mod state;

use crate::element::Float;
use crate::error::ShapeError;
use crate::gradients::Home;
use crate::ops::{At, Binary, Leaf, Op, Unary};
use crate::parameter::{Parameter, ParameterId};
use crate::pool::{IdHasher, Pool};
use crate::tensor::Tensor;
use crate::var::Var;
use arena::{Arena, Node};
use scopes::Scopes;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use arena::NodeId;
pub use checkpoint::Results;
pub use scopes::{LayerCall, LayerScope, Scope};
pub(crate) use state::Update;

/// The numbers of an elementwise operation, such as the exponent of `powi`; unused ones are 0.
pub type Numbers = [f64; 2];

/// A tape that operations are recorded on as they are computed, to be replayed in reverse.
///
/// ```
/// use wengert::GradientTape;
/// let tape = GradientTape::new();
/// let t = tape.var(2.0);
/// let position = 4.9 * t * t;
/// let velocity = tape.gradient(position, &[t])[0]; // recorded: it can be differentiated again
/// let acceleration = tape.gradient(velocity, &[t])[0];
/// assert_eq!(acceleration.item(), 9.8);
/// ```
pub struct GradientTape<T: Float = f32> {
    pub(crate) arena: RefCell<Arena<T>>,
    pub(crate) pool: RefCell<Pool<T>>,
    /// Where finished [`Gradients`](crate::Gradients) leave their buffers.
    pub(crate) home: Arc<Home<T>>,
    parameters: RefCell<HashMap<ParameterId, NodeId, BuildHasherDefault<IdHasher>>>,
    scopes: RefCell<Scopes>,
    /// Overrides the caller's location: set by the sweep and by layers.
    location: Cell<Option<&'static Location<'static>>>,
    modes: Cell<u8>,
    random: random::Random,
    updates: RefCell<Vec<Update<T>>>,
    recording: u64,
}

/// Bit of the modes: what is recorded gets no gradient.
const PAUSED: u8 = 1;
/// Bit of the modes: the first value or adjoint that is not finite stops the program.
const CHECK_FINITE: u8 = 2;

/// Recordings are numbered over the whole process, so that gradients of one are never read by a
/// variable of another that happens to have an equal id.
static RECORDINGS: AtomicU64 = AtomicU64::new(1);

impl<T: Float> Default for GradientTape<T> {
    fn default() -> Self {
        GradientTape::new()
    }
}

impl<T: Float> GradientTape<T> {
    /// An empty tape. Variables made of plain `1.0` literals make it a tape of `f64`.
    pub fn new() -> GradientTape<T> {
        GradientTape {
            arena: RefCell::new(Arena::new()),
            pool: RefCell::new(Pool::new()),
            home: Arc::default(),
            parameters: RefCell::default(),
            scopes: RefCell::default(),
            location: Cell::new(None),
            modes: Cell::new(0),
            random: random::Random::new(),
            updates: RefCell::default(),
            recording: RECORDINGS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// An empty tape on which the operations of this one can be recorded again.
    pub(crate) fn sibling(&self) -> GradientTape<T> {
        GradientTape { arena: RefCell::new(self.arena.borrow().sibling()), ..GradientTape::new() }
    }

    /// Forgets all nodes and keeps all memory: every buffer goes back to the tape's pool.
    ///
    /// It takes the tape mutably, so a [`Var`] of the recording cannot outlive it:
    ///
    /// ```compile_fail,E0502
    /// let mut tape = wengert::GradientTape::<f64>::new();
    /// let x = tape.var(1.0);
    /// tape.reset();
    /// x.item();
    /// ```
    pub fn reset(&mut self) {
        let pool = self.pool.get_mut();
        self.arena.get_mut().clear(|tensor| pool.put(tensor));
        self.home.collect(pool);
        pool.grow_older();
        self.parameters.get_mut().clear();
        self.scopes.get_mut().clear();
        self.updates.get_mut().clear();
        self.location.set(None);
        self.recording = RECORDINGS.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.arena.borrow().nodes.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the tape holds: nodes, values on the tape, buffers waiting in its pool.
    pub fn bytes(&self) -> usize {
        let arena = self.arena.borrow();
        arena.bytes() + self.bytes_of_values() + self.pool.borrow().bytes()
    }

    /// A leaf that gradients are wanted of: a number, a tensor or a reference to one.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (x, w) = (tape.var(3.0), tape.var(tensor![1.0, 2.0]));
    /// let grads = (x * w).sum().backward();
    /// assert_eq!((grads.item(x), grads.wrt(w)), (3.0, &tensor![3.0, 3.0]));
    /// ```
    #[track_caller]
    #[inline]
    pub fn var(&self, value: impl IntoValue<T>) -> Var<'_, T> {
        self.leaf(Leaf::Var, value)
    }

    /// A leaf without a gradient: data.
    #[track_caller]
    #[inline]
    pub fn constant(&self, value: impl IntoValue<T>) -> Var<'_, T> {
        self.leaf(Leaf::Constant, value)
    }

    /// The leaf of a parameter; its buffer is shared, not copied. Using a parameter again on the
    /// same recording gives the same leaf. One that is [not trainable](Parameter::is_trainable) is a
    /// constant.
    #[track_caller]
    pub fn parameter(&self, parameter: &Parameter<T>) -> Var<'_, T> {
        if let Some(&id) = self.parameters.borrow().get(&parameter.id()) {
            return Var::new(self, id);
        }
        let leaf = if parameter.is_trainable() { Leaf::Parameter } else { Leaf::Constant };
        let var = self.leaf(leaf, parameter.value());
        self.parameters.borrow_mut().insert(parameter.id(), var.id());
        var
    }

    /// Has `var` stand for a parameter in this recording: whoever uses the parameter from here on gets
    /// it. So a model can be a function of its parameters: for [`gradcheck`](crate::gradcheck()), or to
    /// differentiate through a step of training.
    ///
    /// # Panics
    /// The shapes differ, or the variable belongs to another tape.
    ///
    /// ```
    /// use wengert::{GradientTape, Parameter, tensor};
    /// let w = Parameter::new(tensor![2.0]);
    /// let tape = GradientTape::new();
    /// let (rate, start) = (tape.var(0.25), tape.var(w.value()));
    /// let before = (start - 1.0).square().sum();
    /// tape.substitute(&w, start - rate * tape.gradient(before, &[start])[0]);
    /// let after = (tape.parameter(&w) - 1.0).square().sum();
    /// assert_eq!((before.item(), after.item()), (1.0, 0.25));
    /// assert_eq!(after.backward().item(rate), -2.0); // a larger rate would be better
    /// ```
    #[track_caller]
    pub fn substitute(&self, parameter: &Parameter<T>, var: Var<'_, T>) {
        let (own, given) = (parameter.value().shape(), var.shape());
        assert!(*own == given, "substitute: expected a variable of the parameter's shape {own}, got {given}");
        let id = self.own(var);
        self.parameters.borrow_mut().insert(parameter.id(), id);
    }

    /// Runs `f` and records what it computes as constants: no gradient flows through.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// let scale = tape.paused(|| x * 2.0);
    /// assert_eq!((x * scale).backward().item(x), 6.0);
    /// ```
    pub fn paused<R>(&self, f: impl FnOnce() -> R) -> R {
        let before = self.modes.get();
        self.modes.set(before | PAUSED);
        let _restore = Restore { cell: &self.modes, before };
        f()
    }

    #[inline(always)]
    fn is_paused(&self) -> bool {
        self.modes.get() & PAUSED != 0
    }

    /// Whether NaN and infinities flow on, as in IEEE 754 (the default), or the first one stops the
    /// program with a panic that names its operation, inputs, file and line: in the forward pass
    /// and in sweeps. It costs a pass over each value, and sweeps twice.
    ///
    /// ```should_panic
    /// let tape = wengert::GradientTape::<f64>::new();
    /// tape.check_finite(true);
    /// let x = tape.var(-1.0);
    /// x.ln(); // panics here: check_finite: `ln %0` gave NaN ..
    /// ```
    pub fn check_finite(&self, on: bool) {
        let others = self.modes.get() & !CHECK_FINITE;
        self.modes.set(others | if on { CHECK_FINITE } else { 0 });
    }

    #[inline(always)]
    pub(crate) fn checks_finite(&self) -> bool {
        self.modes.get() & CHECK_FINITE != 0
    }

    /// Runs `f` with `location` as the place of every operation that it records; where one is
    /// already set, that stays. Layers of a library pass their caller's.
    pub fn located<R>(&self, location: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
        let before = self.location.get();
        self.location.set(before.or(Some(location)));
        let _restore = Restore { cell: &self.location, before };
        f()
    }

    /// The file and line that recorded a node.
    ///
    /// # Panics
    /// The tape has no such node.
    #[track_caller]
    pub fn location_of(&self, id: NodeId) -> &'static Location<'static> {
        match self.arena.borrow().nodes.get(id.index()) {
            Some(node) => node.location,
            None => panic!("location_of: expected a node below %{}, got {id}", self.len()),
        }
    }

    /// The handle of a node.
    ///
    /// # Panics
    /// The tape has no such node.
    ///
    /// ```
    /// let tape = wengert::GradientTape::new();
    /// let x = tape.var(3.0);
    /// assert_eq!(tape.var_of(x.id()).item(), 3.0);
    /// ```
    #[track_caller]
    pub fn var_of(&self, id: NodeId) -> Var<'_, T> {
        assert!(id.index() < self.len(), "var_of: expected a node below %{}, got {id}", self.len());
        Var::new(self, id)
    }

    /// Runs `f` with `location` as the place of what it records, whatever was set: recorded rules
    /// get the place of the node that they differentiate.
    pub(crate) fn relocated<R>(&self, location: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
        let _restore = Restore { cell: &self.location, before: self.location.replace(Some(location)) };
        f()
    }

    /// The stamp of this recording.
    pub(crate) fn recording(&self) -> u64 {
        self.recording
    }

    /// The parameters used in this recording and their leaves.
    pub(crate) fn each_parameter(&self, mut f: impl FnMut(ParameterId, NodeId)) {
        self.parameters.borrow().iter().for_each(|(&parameter, &id)| f(parameter, id));
    }

    #[inline(always)]
    #[track_caller]
    fn here(&self) -> &'static Location<'static> {
        self.location.get().unwrap_or(Location::caller())
    }

    #[inline(always)]
    #[track_caller]
    pub(crate) fn leaf(&self, leaf: Leaf, value: impl IntoValue<T>) -> Var<'_, T> {
        // Even in a pause: what is cut off there is operations, and a parameter's leaf may be used again.
        let wants = leaf != Leaf::Constant;
        let node = Node::new(Op::Leaf(leaf), 0, [0, 0], wants, self.here());
        let id = match value.number() {
            Some(x) => self.arena.borrow_mut().push(node.with(x)),
            None => self.arena.borrow_mut().push_with(node, value.into_value()),
        };
        self.recorded(id)
    }

    /// The handle of a node that has just been recorded.
    #[inline(always)]
    #[track_caller]
    fn recorded(&self, id: NodeId) -> Var<'_, T> {
        if self.checks_finite() {
            self.must_be_finite(id);
        }
        Var::new(self, id)
    }

    /// Records an operation.
    ///
    /// # Panics
    /// Shapes that do not fit.
    #[track_caller]
    pub(crate) fn record<'t>(&'t self, op: Op, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        Self::fit(self.try_record(op, inputs))
    }

    /// Unwraps, with the error's sentence as the panic's.
    #[track_caller]
    pub(crate) fn fit<V, E: fmt::Display>(result: Result<V, E>) -> V {
        // Not `unwrap_or_else`: a closure would be the panic's place.
        match result {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    pub(crate) fn try_record<'t>(&'t self, op: Op, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, ShapeError> {
        self.try_record_if(op, inputs, |_| Ok(()))
    }

    /// [`try_record`](GradientTape::try_record), where `accept` sees the result before it is
    /// recorded: what it refuses leaves nothing behind.
    #[track_caller]
    pub(crate) fn try_record_if<'t, E: From<ShapeError>>(
        &'t self,
        op: Op,
        inputs: &[Var<'t, T>],
        accept: impl FnOnce(&Tensor<T>) -> Result<(), E>,
    ) -> Result<Var<'t, T>, E> {
        let ids = self.own_all(inputs);
        let location = self.here();
        self.fill(ids.iter().map(|id| id.0));
        let mut arena = self.arena.borrow_mut();
        let node = arena.node(op, &ids, location);
        let node = if self.is_paused() { node.unwanted() } else { node };
        let ids = ids.iter().map(|id| id.0);
        let value = arena.compute(op, [0.0; 2], ids, &mut self.pool.borrow_mut())?;
        accept(&value)?;
        if let Some(x) = arena.take_over(op, inputs.first().map(|x| x.id())) {
            self.pool.borrow_mut().put(x);
        }
        let id = arena.push_with(node, value);
        drop(arena);
        Ok(self.recorded(id))
    }

    /// Records an elementwise operation of one operand.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn record_unary(&self, op: Unary, numbers: Option<Numbers>, x: NodeId) -> Var<'_, T> {
        let location = self.here();
        let mut arena = self.arena.borrow_mut();
        let at = numbers.map_or(x.0, |numbers| arena.attributes.push_numbers(numbers));
        let input = arena.nodes[x.index()];
        let wants = input.wants() && !op.is_flat() && !self.is_paused();
        let node = Node::new(Op::Unary(op), 1, [x.0, at], wants, location);
        let numbers = numbers.unwrap_or_default();
        if input.is_scalar() {
            let id = arena.push(node.scalar_op(T::unary_one(op, numbers, input.scalar)));
            drop(arena);
            return self.recorded(id);
        }
        drop(arena);
        self.push_unary_tensor(node, op, numbers, x)
    }

    #[inline(never)]
    #[track_caller]
    fn push_unary_tensor(&self, node: Node<T>, op: Unary, numbers: Numbers, x: NodeId) -> Var<'_, T> {
        self.fill([x.0]);
        let mut arena = self.arena.borrow_mut();
        let value = match arena.take_over(Op::Unary(op), Some(x)) {
            Some(mut value) => {
                T::unary_in_place(op, numbers, value.get_mut().expect("nobody else holds it"));
                value
            }
            None => {
                let x = &arena.values[arena.nodes[x.index()].slot as usize];
                let build = |out: &mut [T]| T::unary(op, numbers, x.as_slice(), out);
                self.pool.borrow_mut().build(x.shape().clone(), build)
            }
        };
        let id = arena.push_with(node, value);
        drop(arena);
        self.recorded(id)
    }

    /// Records an elementwise operation of two operands.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn record_binary<'t>(&'t self, op: Binary, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let (a, b) = (self.own(a), self.own(b));
        let mut arena = self.arena.borrow_mut();
        let (left, right) = (arena.nodes[a.index()], arena.nodes[b.index()]);
        if left.is_scalar() && right.is_scalar() {
            let wants = (left.wants() || right.wants()) && !op.is_flat() && !self.is_paused();
            let node = Node::new(Op::Binary(op), 2, [a.0, b.0], wants, self.here());
            let value = T::binary_one(op, left.scalar, right.scalar);
            let id = arena.push(node.scalar_op(value));
            drop(arena);
            return self.recorded(id);
        }
        drop(arena);
        self.record(Op::Binary(op), &[Var::new(self, a), Var::new(self, b)])
    }

    /// Records the operation of another recording on variables of this one. `numbers` are those of a unary
    /// operation.
    ///
    /// # Panics
    /// Shapes that do not fit.
    #[track_caller]
    pub(crate) fn repeat<'t>(&'t self, op: Op, numbers: Numbers, vars: &[Var<'t, T>]) -> Var<'t, T> {
        match op {
            Op::Unary(op) => self.record_unary(op, op.number_place().map(|_| numbers), vars[0].id()),
            Op::Binary(op) => self.record_binary(op, vars[0], vars[1]),
            op => self.record(op, vars),
        }
    }

    /// The id of a variable of this tape.
    ///
    /// # Panics
    /// It belongs to another one.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn own(&self, x: Var<'_, T>) -> NodeId {
        if !std::ptr::eq(self, x.tape()) {
            self.refuse(x)
        }
        x.id()
    }

    /// The ids of variables of this tape; a loop, because a closure would be a panic's place.
    ///
    /// # Panics
    /// One belongs to another tape.
    #[track_caller]
    pub(crate) fn own_all(&self, variables: &[Var<'_, T>]) -> SmallVec<[NodeId; 4]> {
        let mut ids = SmallVec::new();
        for &x in variables {
            ids.push(self.own(x));
        }
        ids
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn refuse(&self, x: Var<'_, T>) -> ! {
        panic!(
            "a variable recorded at {} belongs to another tape; bring its value over with `tape.constant(x.value())`",
            x.tape().location_of(x.id())
        )
    }

    pub(crate) fn push_list(&self, items: &[usize]) -> At {
        self.arena.borrow_mut().attributes.push_list(items)
    }

    pub(crate) fn push_indices(&self, indices: Tensor<usize>) -> At {
        self.arena.borrow_mut().attributes.push_indices(indices)
    }
}

/// Puts a state back, also when the code between panics.
struct Restore<'a, V: Copy> {
    cell: &'a Cell<V>,
    before: V,
}

impl<V: Copy> Drop for Restore<'_, V> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

/// What can become a leaf: a number, a tensor or a reference to one.
///
/// A bare literal such as `2.0` is an `f64`, and so makes a `GradientTape<f64>`.
pub trait IntoValue<T> {
    /// The value as a tensor; a number needs no allocation, a reference shares the buffer.
    fn into_value(self) -> Tensor<T>;

    /// The value if it is a number: it goes into its node without ever being a tensor.
    #[doc(hidden)]
    #[inline(always)]
    fn number(&self) -> Option<T> {
        None
    }
}

impl<T: Float> IntoValue<T> for T {
    fn into_value(self) -> Tensor<T> {
        Tensor::scalar(self)
    }
    #[inline(always)]
    fn number(&self) -> Option<T> {
        Some(*self)
    }
}

impl<T: Float> IntoValue<T> for Tensor<T> {
    fn into_value(self) -> Tensor<T> {
        self
    }
}

impl<T: Float> IntoValue<T> for &Tensor<T> {
    fn into_value(self) -> Tensor<T> {
        self.clone()
    }
}

/// What an operation takes where it needs no gradient of it but may give one: a variable of its
/// tape, or a tensor, which becomes a constant.
pub trait IntoVar<'t, T: Float> {
    /// The variable.
    #[track_caller]
    fn into_var(self, tape: &'t GradientTape<T>) -> Var<'t, T>;
}

impl<'t, T: Float> IntoVar<'t, T> for Var<'t, T> {
    fn into_var(self, _: &'t GradientTape<T>) -> Var<'t, T> {
        self
    }
}

impl<'t, T: Float> IntoVar<'t, T> for Tensor<T> {
    #[track_caller]
    fn into_var(self, tape: &'t GradientTape<T>) -> Var<'t, T> {
        tape.constant(self)
    }
}

impl<'t, T: Float> IntoVar<'t, T> for &Tensor<T> {
    #[track_caller]
    fn into_var(self, tape: &'t GradientTape<T>) -> Var<'t, T> {
        tape.constant(self)
    }
}
