//! What must be kept to go on as if nothing had been interrupted: tensors and numbers by name.
//!
//! Optimizers, averages of weights, callbacks and trainers give all that they remember as one flat
//! list, and take it back. Who writes it to a file needs to know none of them: names are text,
//! values are tensors, `f64` and `u64`, and everything is in an order that does not vary. The parts
//! of a whole stand behind a prefix, as `optimizer.` and `average.` of a trainer.

use std::collections::BTreeMap;
use wengert::{Float, Tensor};

/// Tensors and numbers by name.
///
/// ```
/// use wengert_nn::{State, prelude::*};
/// let mut optimizer = State::<f32>::new("sgd");
/// optimizer.set_tensor("weight.velocity", tensor![0.5, -0.5]);
/// optimizer.set_integer("steps", 3);
///
/// let mut all = State::new("trainer");
/// all.insert("optimizer", optimizer.clone());
/// assert_eq!(all.integer("optimizer.steps"), Ok(3));
/// assert_eq!(all.part("optimizer").unwrap(), optimizer);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State<T: Float = f32> {
    /// What this is the state of, such as `adam`: by prefix, the whole's own under the empty one.
    kinds: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor<T>>,
    numbers: BTreeMap<String, f64>,
    integers: BTreeMap<String, u64>,
}

impl<T: Float> State<T> {
    /// Nothing yet, of a kind such as `adam`.
    pub fn new(kind: impl Into<String>) -> State<T> {
        let kinds = BTreeMap::from([(String::new(), kind.into())]);
        State { kinds, tensors: BTreeMap::new(), numbers: BTreeMap::new(), integers: BTreeMap::new() }
    }

    /// What this is the state of; empty if nothing was said.
    pub fn kind(&self) -> &str {
        self.kinds.get("").map_or("", String::as_str)
    }

    /// What each part is the state of, by its prefix: the empty one is the whole.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.iter().map(|(prefix, kind)| (prefix.as_str(), kind.as_str()))
    }

    /// Says what the part behind `prefix` is the state of, as one who reads a file does.
    pub fn set_kind(&mut self, prefix: impl Into<String>, kind: impl Into<String>) {
        self.kinds.insert(prefix.into(), kind.into());
    }

    /// All tensors in order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor<T>)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// All numbers in order of their names.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        self.numbers.iter().map(|(name, &number)| (name.as_str(), number))
    }

    /// All whole numbers in order of their names.
    pub fn integers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.integers.iter().map(|(name, &number)| (name.as_str(), number))
    }

    /// Keeps a tensor.
    pub fn set_tensor(&mut self, name: impl Into<String>, tensor: Tensor<T>) {
        self.tensors.insert(name.into(), tensor);
    }

    /// Keeps a number.
    pub fn set_number(&mut self, name: impl Into<String>, number: f64) {
        self.numbers.insert(name.into(), number);
    }

    /// Keeps a whole number.
    pub fn set_integer(&mut self, name: impl Into<String>, number: u64) {
        self.integers.insert(name.into(), number);
    }

    /// The tensor of that name, if there is one.
    pub fn tensor(&self, name: &str) -> Option<&Tensor<T>> {
        self.tensors.get(name)
    }

    /// A number.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn number(&self, name: &str) -> Result<f64, StateError> {
        self.numbers.get(name).copied().ok_or_else(|| self.missing("number", name))
    }

    /// A whole number.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn integer(&self, name: &str) -> Result<u64, StateError> {
        self.integers.get(name).copied().ok_or_else(|| self.missing("whole number", name))
    }

    fn missing(&self, what: &'static str, name: &str) -> StateError {
        StateError::Missing { kind: self.kind().into(), what, name: name.into() }
    }

    /// Takes in all of a part, behind `prefix` and a dot.
    pub fn insert(&mut self, prefix: &str, part: State<T>) {
        let longer = |name: String| if name.is_empty() { prefix.into() } else { format!("{prefix}.{name}") };
        self.kinds.extend(part.kinds.into_iter().map(|(name, x)| (longer(name), x)));
        self.tensors.extend(part.tensors.into_iter().map(|(name, x)| (longer(name), x)));
        self.numbers.extend(part.numbers.into_iter().map(|(name, x)| (longer(name), x)));
        self.integers.extend(part.integers.into_iter().map(|(name, x)| (longer(name), x)));
    }

    /// The part behind `prefix`, if there is one.
    pub fn part(&self, prefix: &str) -> Option<State<T>> {
        fn behind<X: Clone>(all: &BTreeMap<String, X>, prefix: &str) -> BTreeMap<String, X> {
            let rest = |name: &str| match name.strip_prefix(prefix)? {
                "" => Some(String::new()),
                rest => rest.strip_prefix('.').map(String::from),
            };
            all.iter().filter_map(|(name, x)| Some((rest(name)?, x.clone()))).collect()
        }
        let part = State {
            kinds: behind(&self.kinds, prefix),
            tensors: behind(&self.tensors, prefix),
            numbers: behind(&self.numbers, prefix),
            integers: behind(&self.integers, prefix),
        };
        part.kinds.contains_key("").then_some(part)
    }

    /// # Errors
    /// This is the state of something else.
    pub(crate) fn must_be(&self, kind: &str) -> Result<(), StateError> {
        if self.kind() == kind {
            return Ok(());
        }
        Err(StateError::Kind { expected: kind.into(), found: self.kind().into() })
    }
}

/// Why a state cannot be taken back. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is the state of something else.
    #[error("this is the state of `{found}`; one of `{expected}` is needed")]
    Kind {
        /// What takes it.
        expected: String,
        /// What gave it.
        found: String,
    },
    /// Something is not there.
    #[error("the state of `{kind}` has no {what} `{name}`")]
    Missing {
        /// What it is the state of.
        kind: String,
        /// Tensor, number or whole number.
        what: &'static str,
        /// What it should be called.
        name: String,
    },
    /// Something belongs to no parameter of the model, or is no accumulator of this optimizer.
    #[error("the state of `{kind}` has a tensor `{name}`, which belongs to nothing here: {expected}")]
    Unknown {
        /// What it is the state of.
        kind: String,
        /// What it is called.
        name: String,
        /// What would belong somewhere.
        expected: String,
    },
    /// A tensor has another shape than its parameter.
    #[error("the state of `{kind}` has `{name}` of shape {found:?}; its parameter has shape {expected:?}")]
    Shape {
        /// What it is the state of.
        kind: String,
        /// What it is called.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
}
