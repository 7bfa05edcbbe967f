//! Averages of weights over the steps of a training, which often predict better than the last
//! weights (Polyak and Juditsky, 1992, as exponential means).

use crate::module::{Module, Path};
use crate::state::{State, StateError};
use std::collections::{BTreeMap, HashMap};
use wengert::kernels::update;
use wengert::{Float, ParameterId, Tensor};

/// Exponential moving averages of all parameters: a ← decay·a + (1 - decay)·w after each step,
/// beginning with the weights of the first.
///
/// [`swap`](Ema::swap) puts them into the model and its weights aside, without a copy; the next
/// swap puts them back. A [`Trainer`](crate::Trainer) does all this with
/// [`ema`](crate::Trainer::ema).
///
/// ```
/// use wengert_nn::{Ema, prelude::*};
/// let mut w = Parameter::new(tensor![1.0f32]);
/// let mut ema = Ema::new(0.75);
/// ema.update(&w);
/// w.replace(tensor![2.0]);
/// ema.update(&w);
///
/// ema.swap(&mut w); // to evaluate
/// assert_eq!(w.value(), &tensor![1.25]);
/// ema.swap(&mut w); // to train on
/// assert_eq!(w.value(), &tensor![2.0]);
/// ```
#[derive(Debug)]
pub struct Ema<T: Float = f32> {
    decay: f64,
    by_parameter: HashMap<ParameterId, Tensor<T>>,
    swapped: bool,
}

impl<T: Float> Ema<T> {
    /// With `decay`, 0 to 1: how much of the average stays at each step, such as 0.999.
    ///
    /// # Panics
    /// The decay is not from 0 to 1.
    #[track_caller]
    pub fn new(decay: f64) -> Ema<T> {
        assert!((0.0..=1.0).contains(&decay), "Ema: a decay of {decay}; it must be from 0 to 1");
        Ema { decay, by_parameter: HashMap::new(), swapped: false }
    }

    /// Takes in the weights after a step.
    ///
    /// # Panics
    /// The averages are swapped into the model: swap back first.
    #[track_caller]
    pub fn update(&mut self, model: &dyn Module<T>) {
        assert!(!self.swapped, "Ema::update: the averages are in the model; swap the weights back first");
        let (decay, rest) = (T::from_f64(self.decay), T::from_f64(1.0 - self.decay));
        model.visit(&Path::root(), &mut |_, parameter| {
            let w = parameter.value();
            // A copy: a shared buffer would keep the optimizer from writing in place.
            let copy = |x: &Tensor<T>| Tensor::from_vec(x.to_vec(), w.shape()).expect("of the same shape");
            let Some(average) = self.by_parameter.get_mut(&parameter.id()) else {
                self.by_parameter.insert(parameter.id(), copy(w));
                return;
            };
            if average.get_mut().is_none() {
                *average = copy(average);
            }
            let average = average.get_mut().expect("nobody else holds it");
            update(average, w.as_slice(), [], |a, w, []| (decay * a + rest * w, []));
        });
    }

    /// Exchanges the model's weights and the averages. Parameters that have no average yet stay.
    pub fn swap(&mut self, model: &mut dyn Module<T>) {
        model.visit_mut(&Path::root(), &mut |_, parameter| {
            if let Some(average) = self.by_parameter.get_mut(&parameter.id()) {
                let value = std::mem::replace(average, Tensor::zeros(&[0]));
                *average = parameter.replace(value);
            }
        });
        self.swapped = !self.swapped;
    }

    /// Whether the averages are in the model, and the weights here.
    pub fn is_swapped(&self) -> bool {
        self.swapped
    }

    /// The averages, by the names of `model`'s parameters.
    ///
    /// # Panics
    /// The averages are swapped into the model: swap back first.
    #[track_caller]
    pub fn state(&self, model: &dyn Module<T>) -> State<T> {
        assert!(!self.swapped, "Ema::state: the averages are in the model; swap the weights back first");
        let mut state = State::new("ema");
        model.visit(&Path::root(), &mut |path, parameter| {
            if let Some(average) = self.by_parameter.get(&parameter.id()) {
                state.set_tensor(path.child("average").to_string(), average.clone());
            }
        });
        state
    }

    /// Takes back what [`state`](Ema::state) gave.
    ///
    /// # Errors
    /// It is the state of something else, or of another model; nothing is changed then.
    pub fn restore(&mut self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError> {
        let kind = "ema";
        state.must_be(kind)?;
        let mut left: BTreeMap<&str, &Tensor<T>> = state.tensors().collect();
        let (mut found, mut error) = (HashMap::new(), None);
        model.visit(&Path::root(), &mut |path, parameter| {
            let name = path.child("average").to_string();
            let Some(average) = left.remove(name.as_str()) else { return };
            let (expected, shape) = (parameter.value().shape().to_vec(), average.shape().to_vec());
            if expected != shape {
                error.get_or_insert(StateError::Shape { kind: kind.into(), name, expected, found: shape });
            }
            found.insert(parameter.id(), average.clone());
        });
        if let Some((name, _)) = left.pop_first() {
            let expected = "a parameter's name with `average` behind it is expected".into();
            error.get_or_insert(StateError::Unknown { kind: kind.into(), name: name.into(), expected });
        }
        match error {
            Some(error) => Err(error),
            None => {
                (self.by_parameter, self.swapped) = (found, false);
                Ok(())
            }
        }
    }
}
