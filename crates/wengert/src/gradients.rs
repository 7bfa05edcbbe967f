//! Gradients: what a numeric sweep returns, and the reason where there is none.
//!
//! They borrow nothing from the tape. The recording's stamp goes with them, so that an equal id
//! of a later recording never reads a wrong gradient, and when they are dropped their buffers go
//! home to the tape.

use crate::element::Float;
use crate::ops::{Leaf, Op};
use crate::parameter::{Parameter, ParameterId};
use crate::pool::Pool;
use crate::tape::arena::Node;
use crate::tape::{GradientTape, NodeId, Update};
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The adjoints of one sweep: scalars by node, tensors by slot.
pub(crate) struct Adjoints<T> {
    pub scalars: Vec<T>,
    pub tensors: Vec<Option<Tensor<T>>>,
    /// Parameters in ascending order, with their leaf and its slot.
    pub parameters: Vec<(ParameterId, NodeId, u32)>,
}

impl<T: Float> Adjoints<T> {
    fn empty() -> Adjoints<T> {
        Adjoints { scalars: Vec::new(), tensors: Vec::new(), parameters: Vec::new() }
    }

    /// The adjoint that has arrived at a node, moved out unless it is to be kept.
    pub(crate) fn take(&mut self, node: &Node<T>, id: usize, keep: bool) -> Option<Tensor<T>> {
        if node.is_scalar() {
            let x = self.scalars[id];
            return (!x.is_unreached()).then(|| Tensor::scalar(x));
        }
        let adjoint = &mut self.tensors[node.slot as usize];
        if keep { adjoint.clone() } else { adjoint.take() }
    }

    pub(crate) fn put(&mut self, node: &Node<T>, id: usize, adjoint: Tensor<T>) {
        if node.is_scalar() {
            self.scalars[id] = adjoint.item();
        } else {
            self.tensors[node.slot as usize] = Some(adjoint);
        }
    }

    fn clear(&mut self, pool: &mut Pool<T>) {
        self.scalars.clear();
        self.tensors.drain(..).flatten().for_each(|tensor| pool.put(tensor));
        self.parameters.clear();
    }
}

/// Where dropped gradients leave their memory for the tape that made them.
pub(crate) struct Home<T> {
    returned: Mutex<Vec<Adjoints<T>>>,
}

impl<T> Default for Home<T> {
    fn default() -> Self {
        Home { returned: Mutex::new(Vec::new()) }
    }
}

impl<T: Float> Home<T> {
    /// Empty adjoints, in returned memory if there is any.
    pub(crate) fn take(&self, pool: &mut Pool<T>) -> Adjoints<T> {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut adjoints = returned.unwrap_or_else(Adjoints::empty);
        adjoints.clear(pool);
        adjoints
    }

    /// Hands all returned tensors to the pool.
    pub(crate) fn collect(&self, pool: &mut Pool<T>) {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.iter_mut().for_each(|adjoints| adjoints.clear(pool));
        // One sweep at a time needs one; a few more serve several targets a step.
        returned.truncate(4);
    }
}

/// Gradients of one value with respect to the variables and parameters it depends on.
///
/// ```
/// use wengert::{GradientTape, NoGradient};
/// let tape = GradientTape::new();
/// let (x, unused) = (tape.var(3.0), tape.var(1.0));
/// let grads = x.square().backward();
/// assert_eq!(grads.item(x), 6.0);
/// assert_eq!(grads.get(unused), None);
/// assert_eq!(grads.why(unused), Some(NoGradient::NeverUsed));
/// ```
pub struct Gradients<T: Float = f32> {
    recording: u64,
    targets: SmallVec<[NodeId; 4]>,
    /// Where the last target was recorded.
    of: &'static Location<'static>,
    adjoints: Adjoints<T>,
    kept: SmallVec<[NodeId; 4]>,
    /// Scalar gradients as tensors, made when one is first asked for by reference.
    scalars: OnceLock<Vec<(NodeId, Tensor<T>)>>,
    home: Arc<Home<T>>,
    /// What is to be done to running values.
    pub(crate) updates: Vec<Update<T>>,
    /// Of parameters that only other recordings have used: see `accumulate`.
    others: Vec<(ParameterId, Tensor<T>)>,
}

impl<T: Float> Gradients<T> {
    #[track_caller]
    pub(crate) fn new(
        tape: &GradientTape<T>,
        targets: &[NodeId],
        adjoints: Adjoints<T>,
        kept: &[NodeId],
    ) -> Gradients<T> {
        Gradients {
            recording: tape.recording(),
            targets: SmallVec::from_slice(targets),
            of: targets.iter().max().map_or(Location::caller(), |&target| tape.location_of(target)),
            adjoints,
            kept: SmallVec::from_slice(kept),
            scalars: OnceLock::new(),
            home: tape.home.clone(),
            updates: tape.updates_on_the_way_to(targets),
            others: Vec::new(),
        }
    }

    /// Adds another recording's gradients of parameters to these, in place: as if the sum of both
    /// targets had been swept. Those of variables stay as they are, and what is to be done to running
    /// values is what these say alone.
    ///
    /// So a batch can be cut in parts, each with a tape of its own, perhaps on a thread of its own;
    /// added up in the same order, they give the same bits.
    ///
    /// ```
    /// use wengert::{GradientTape, Parameter, tensor};
    /// let w = Parameter::new(tensor![1.0, 2.0]);
    /// let tapes = [GradientTape::new(), GradientTape::new()];
    /// let [mut grads, other] = tapes.each_ref().map(|tape| tape.parameter(&w).square().sum().backward());
    /// grads.accumulate(&other);
    /// assert_eq!(grads.wrt(&w), &tensor![4.0, 8.0]);
    /// ```
    pub fn accumulate(&mut self, other: &Gradients<T>) {
        // Made anew where a scalar is next asked for by reference.
        self.scalars = OnceLock::new();
        for &(id, leaf, slot) in &other.adjoints.parameters {
            if let Some(gradient) = other.of_leaf(leaf, slot) {
                self.add(id, gradient);
            }
        }
        for (id, gradient) in &other.others {
            self.add(*id, gradient);
        }
    }

    fn add(&mut self, id: ParameterId, gradient: &Tensor<T>) {
        let Adjoints { scalars, tensors, parameters } = &mut self.adjoints;
        let at = parameters.binary_search_by_key(&id, |&(id, ..)| id).ok().map(|at| parameters[at]);
        let own = match at {
            Some((_, leaf, Node::<T>::NO_SLOT)) => {
                if let Some(x) = scalars.get_mut(leaf.index()).filter(|x| !x.is_unreached()) {
                    *x = *x + gradient.item();
                    return;
                }
                None
            }
            Some((_, _, slot)) => tensors.get_mut(slot as usize).and_then(Option::as_mut),
            None => None,
        };
        let own = match own {
            Some(own) => own,
            None => match self.others.iter().position(|(known, _)| *known == id) {
                Some(at) => &mut self.others[at].1,
                None => return self.others.push((id, gradient.clone())),
            },
        };
        if own.get_mut().is_none() {
            *own = Tensor::from_vec(own.to_vec(), own.shape()).expect("of the same shape");
        }
        let own = own.get_mut().expect("nobody else holds it");
        crate::kernels::update(own, gradient.as_slice(), [], |a, b, []| (a + b, []));
    }

    fn of_leaf(&self, leaf: NodeId, slot: u32) -> Option<&Tensor<T>> {
        match slot == Node::<T>::NO_SLOT {
            true => self.scalar(leaf, Vec::new),
            false => self.adjoints.tensors.get(slot as usize).and_then(Option::as_ref),
        }
    }

    /// The gradient with respect to a variable or a parameter.
    ///
    /// # Panics
    /// There is none; the message says why. Or the variable belongs to another recording.
    #[track_caller]
    pub fn wrt(&self, source: impl Source<T>) -> &Tensor<T> {
        match source.find(self) {
            Ok(gradient) => gradient,
            Err(reason) => panic!("no gradient: {reason}"),
        }
    }

    /// The gradient with respect to a variable or a parameter, if there is one.
    ///
    /// # Panics
    /// The variable belongs to another recording.
    #[track_caller]
    pub fn get(&self, source: impl Source<T>) -> Option<&Tensor<T>> {
        source.find(self).ok()
    }

    /// Why there is no gradient with respect to a variable or a parameter, or why that of a
    /// variable is zero everywhere; `None` if there is one that is not. To explain zeros it sweeps
    /// again, from seeds of ones.
    ///
    /// # Panics
    /// The variable belongs to another recording.
    ///
    /// ```
    /// use wengert::{GradientTape, NoGradient, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![-1.0, -2.0]);
    /// let grads = x.relu().sum().backward();
    /// assert_eq!(grads.wrt(x), &tensor![0.0, 0.0]);
    /// assert!(matches!(grads.why(x), Some(NoGradient::Zeros { op: "relu", .. })));
    /// ```
    #[track_caller]
    pub fn why(&self, source: impl Source<T>) -> Option<NoGradient> {
        match source.find(self) {
            Err(reason) => Some(reason),
            Ok(gradient) if gradient.as_slice().iter().all(|x| x.is_zero()) && !gradient.is_empty() => {
                source.why_zeros(&self.targets)
            }
            Ok(_) => None,
        }
    }

    /// The gradient of a parameter, if there is one.
    pub fn parameter(&self, parameter: &Parameter<T>) -> Option<&Tensor<T>> {
        parameter.find(self).ok()
    }

    /// The gradient with respect to a scalar variable, as a number.
    ///
    /// # Panics
    /// There is none; the message says why. Or the variable is not a scalar.
    #[track_caller]
    pub fn item(&self, source: Var<'_, T>) -> T {
        self.must_be_of(source);
        match self.adjoints.scalars.get(source.id().index()) {
            Some(&x) if !x.is_unreached() && self.readable(source).is_ok() => x,
            _ => self.wrt(source).item(),
        }
    }

    /// Whether a sweep keeps this node's adjoint.
    fn readable(&self, source: Var<'_, T>) -> Result<(u32, bool), NoGradient> {
        let node = source.tape().arena.borrow().nodes[source.id().index()];
        let leaf = matches!(node.op, Op::Leaf(_));
        if leaf
            || self.kept.contains(&source.id())
            || !node.wants()
            || self.targets.iter().all(|&target| source.id() > target)
        {
            Ok((node.slot, node.is_scalar()))
        } else {
            Err(NoGradient::NotKept)
        }
    }

    #[track_caller]
    fn must_be_of(&self, source: Var<'_, T>) {
        assert!(
            source.tape().recording() == self.recording,
            "these gradients are of the value recorded at {}, on another recording than the variable recorded at {}: read gradients before the tape is reset, with variables of the same tape",
            self.of,
            source.tape().location_of(source.id())
        );
    }

    fn scalar(&self, id: NodeId, ids: impl FnOnce() -> Vec<NodeId>) -> Option<&Tensor<T>> {
        let known = self.scalars.get_or_init(|| {
            let mut ids = ids();
            ids.extend(self.adjoints.parameters.iter().map(|&(_, leaf, _)| leaf));
            ids.extend(&self.kept);
            ids.sort_unstable();
            ids.dedup();
            let reached = |id: NodeId| self.adjoints.scalars.get(id.index()).filter(|x| !x.is_unreached());
            ids.into_iter().filter_map(|id| Some((id, Tensor::scalar(*reached(id)?)))).collect()
        });
        let at = known.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(&known[at].1)
    }
}

impl<T: Float> Drop for Gradients<T> {
    fn drop(&mut self) {
        let adjoints = std::mem::replace(&mut self.adjoints, Adjoints::empty());
        self.home.returned.lock().unwrap_or_else(PoisonError::into_inner).push(adjoints);
    }
}

/// What gradients can be asked for: a [`Var`] or a reference to a [`Parameter`].
pub trait Source<T: Float>: sealed::Sealed {
    /// The gradient, or why there is none.
    #[doc(hidden)]
    #[track_caller]
    fn find<'g>(&self, gradients: &'g Gradients<T>) -> Result<&'g Tensor<T>, NoGradient>;
    /// Why its gradient is zero everywhere, where that can be found out.
    #[doc(hidden)]
    fn why_zeros(&self, targets: &[NodeId]) -> Option<NoGradient> {
        let _ = targets;
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T: crate::Float> Sealed for crate::Var<'_, T> {}
    impl<T: crate::Float> Sealed for crate::Parameter<T> {}
    impl<T: crate::Float> Sealed for &crate::Parameter<T> {}
}

impl<T: Float> Source<T> for Var<'_, T> {
    #[track_caller]
    fn find<'g>(&self, gradients: &'g Gradients<T>) -> Result<&'g Tensor<T>, NoGradient> {
        gradients.must_be_of(*self);
        let (slot, is_scalar) = gradients.readable(*self)?;
        let found = if is_scalar {
            gradients.scalar(self.id(), || self.tape().scalar_leaves())
        } else {
            gradients.adjoints.tensors.get(slot as usize).and_then(Option::as_ref)
        };
        found.ok_or_else(|| NoGradient::of(*self, &gradients.targets))
    }

    fn why_zeros(&self, targets: &[NodeId]) -> Option<NoGradient> {
        Some(self.tape().why_zeros(targets, self.id()))
    }
}

impl<T: Float> Source<T> for Parameter<T> {
    fn find<'g>(&self, gradients: &'g Gradients<T>) -> Result<&'g Tensor<T>, NoGradient> {
        let (parameters, id) = (&gradients.adjoints.parameters, self.id());
        let at = parameters.binary_search_by_key(&id, |&(id, ..)| id).ok();
        let own = at.and_then(|at| gradients.of_leaf(parameters[at].1, parameters[at].2));
        let other = || gradients.others.iter().find(|(known, _)| *known == id).map(|(_, gradient)| gradient);
        own.or_else(other).ok_or(match at {
            None => NoGradient::NotRecorded,
            Some(_) if !self.is_trainable() => NoGradient::Constant,
            Some(_) => NoGradient::NotOnPath,
        })
    }
}

impl<T: Float> Source<T> for &Parameter<T> {
    fn find<'g>(&self, gradients: &'g Gradients<T>) -> Result<&'g Tensor<T>, NoGradient> {
        (**self).find(gradients)
    }
}

/// Why a source has no gradient. None is ever silently missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoGradient {
    /// No operation uses it.
    NeverUsed,
    /// It is used, but the target does not depend on any of those results.
    NotOnPath,
    /// It is a constant: gradients were not asked for when it was recorded.
    Constant,
    /// It was recorded after the target.
    AfterTarget,
    /// Every path to the target goes through an operation that lets nothing back.
    Cut {
        /// The operation: `detach`, one without a derivative such as `sign`, or any that was
        /// recorded while the tape was paused.
        op: &'static str,
        /// Where it was recorded.
        at: &'static Location<'static>,
    },
    /// It is an intermediate value, whose adjoint was not kept.
    NotKept,
    /// The parameter was not used in this recording.
    NotRecorded,
    /// There is a gradient, but all of it is zero: on its way back it was multiplied by zeros.
    Zeros {
        /// The first operation, from the target on, whose rule gave zeros.
        op: &'static str,
        /// Where it was recorded.
        at: &'static Location<'static>,
    },
    /// There is a gradient, but all of it is zero: contributions cancel each other.
    Cancels,
}

impl NoGradient {
    /// Why nothing from `targets` arrives at `source`.
    pub(crate) fn of<T: Float>(source: Var<'_, T>, targets: &[NodeId]) -> NoGradient {
        let arena = source.tape().arena.borrow();
        let (start, end) = (source.id().index(), targets.iter().max().map_or(0, |target| target.index()));
        let node = &arena.nodes[start];
        if !node.wants() {
            let leaf = node.op == Op::Leaf(Leaf::Constant);
            let cut = NoGradient::Cut { op: arena.name(node), at: node.location };
            return if leaf { NoGradient::Constant } else { cut };
        }
        if start > end {
            return NoGradient::AfterTarget;
        }
        // Backwards from the targets: what they depend on, gradients or not.
        let mut needed = vec![false; end + 1];
        targets.iter().for_each(|target| needed[target.index()] = true);
        for id in (start..=end).rev().filter(|&id| arena.nodes[id].wants() || id > start) {
            if needed[id] {
                arena.inputs(&arena.nodes[id]).iter().for_each(|&i| needed[i as usize] = true);
            }
        }
        // Forwards from the source: the first result on the way that lets nothing back.
        let mut reached = vec![false; arena.nodes.len()];
        reached[start] = true;
        let mut used = false;
        for (id, node) in arena.nodes.iter().enumerate().skip(start + 1) {
            if !arena.inputs(node).iter().any(|&i| reached[i as usize]) {
                continue;
            }
            used = true;
            reached[id] = node.wants();
            if !node.wants() && id <= end && needed[id] {
                return NoGradient::Cut { op: arena.name(node), at: node.location };
            }
        }
        if used { NoGradient::NotOnPath } else { NoGradient::NeverUsed }
    }
}

impl fmt::Display for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoGradient::NeverUsed => write!(f, "no operation uses this variable"),
            NoGradient::NotOnPath => write!(f, "the target does not depend on it"),
            NoGradient::Constant => {
                write!(f, "it is a constant; record it with `var` or `parameter` to get a gradient")
            }
            NoGradient::AfterTarget => write!(f, "it was recorded after the target"),
            NoGradient::Cut { op, at } => {
                write!(f, "the path to the target is cut by `{op}` at {}:{}", at.file(), at.line())
            }
            NoGradient::NotKept => {
                write!(f, "it is an intermediate value; name it in `backward_keeping` to keep its adjoint")
            }
            NoGradient::NotRecorded => write!(f, "the parameter was not used in this recording"),
            NoGradient::Zeros { op, at } => {
                write!(f, "it is zero: the rule of `{op}` at {}:{} gives zeros", at.file(), at.line())
            }
            NoGradient::Cancels => write!(f, "it is zero: its contributions cancel each other"),
        }
    }
}

impl std::error::Error for NoGradient {}
