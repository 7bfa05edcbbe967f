//! What all optimizers share: the learning rate, the decay of weights, accumulators by parameter,
//! and the pass that uses them.
//!
//! Clipping and both kinds of decay are in that pass for every rule: a few multiplications and
//! comparisons an element, where the memory is what costs.

use super::OptimizerError;
use super::clipping::{Clipping, shortening, sum_of_squares};
use super::groups::{ParameterGroup, Rate};
use crate::module::{Module, Path};
use crate::state::{State, StateError};
use std::collections::{BTreeMap, HashMap};
use wengert::kernels::{update, update_into};
use wengert::{Float, Gradients, Parameter, ParameterId, Tensor};

/// The accumulators of each parameter, `N` of its shape, how many steps were made, and the options
/// that every optimizer has.
#[derive(Debug)]
pub(crate) struct Slots<T: Float> {
    by_parameter: HashMap<ParameterId, Slot<T>>,
    steps: u64,
    /// Batches that the next step has seen.
    seen: u64,
    groups: Vec<ParameterGroup>,
    pub learning_rate: f64,
    pub weight_decay: f64,
    /// Whether the decay shrinks the weights themselves instead of adding to their gradients.
    pub decoupled: bool,
    pub allow_unused: bool,
    pub clipping: Clipping,
    /// Batches a step.
    pub batches: u64,
}

#[derive(Debug)]
struct Slot<T: Float> {
    /// Made when the first gradient comes.
    accumulators: Vec<Vec<T>>,
    /// The buffer to write into while somebody else holds the parameter's.
    spare: Option<Tensor<T>>,
    /// The sum of the gradients since the last step, where several batches make one.
    sum: Vec<T>,
    /// Whether there were any.
    summed: bool,
    /// Which group the parameter is in, once it has been looked up.
    group: Option<Option<usize>>,
}

impl<T: Float> Slots<T> {
    pub(crate) fn new(learning_rate: f64) -> Slots<T> {
        Slots {
            by_parameter: HashMap::new(),
            steps: 0,
            seen: 0,
            groups: Vec::new(),
            learning_rate,
            weight_decay: 0.0,
            decoupled: false,
            allow_unused: false,
            clipping: Clipping::None,
            batches: 1,
        }
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of the step that comes, from 1.
    pub(crate) fn next_step(&self) -> u64 {
        self.steps + 1
    }

    pub(crate) fn add_group(&mut self, group: ParameterGroup) {
        self.groups.push(group);
        // Parameters that were met already are looked at anew.
        self.by_parameter.values_mut().for_each(|slot| slot.group = None);
    }

    /// One step: `rule(learning rate)(w, g, accumulators)` gives the new weight and accumulators of
    /// each element, from the weight or the gradient after its decay. Where several batches make a
    /// step, the calls before the last one only add.
    pub(crate) fn step<const N: usize, F>(
        &mut self,
        model: &mut dyn Module<T>,
        grads: &Gradients<T>,
        rule: impl Fn(f64) -> F,
    ) -> Result<(), OptimizerError>
    where
        F: Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
    {
        if self.steps == 0 && self.seen == 0 {
            model.name_parameters();
        }
        self.meet(model);
        let ready = self.batches == 1 || self.gather(model, grads);
        if ready && self.steps == 0 && !self.allow_unused {
            self.refuse_unused(model, grads)?;
        }
        model.update_state(grads);
        if !ready {
            return Ok(());
        }
        self.steps += 1;
        let share = 1.0 / self.batches as f64;
        let shorter = match self.clipping {
            Clipping::GlobalNorm(bound) => shortening(share * self.length(model, grads), bound),
            _ => 1.0,
        };
        let bound =
            if let Clipping::Value(bound) = self.clipping { T::from_f64(bound) } else { T::infinity() };
        // Written so that NaN stays.
        let cut = move |g: T| match (g > bound, g < -bound) {
            (true, _) => bound,
            (_, true) => -bound,
            _ => g,
        };
        let Slots { by_parameter, groups, learning_rate, weight_decay, decoupled, .. } = self;
        let (clipping, summing) = (self.clipping, self.batches > 1);
        model.visit_mut(&Path::root(), &mut |_, parameter| {
            let slot = by_parameter.get_mut(&parameter.id()).expect("every parameter was met");
            let group = slot.group.flatten().map(|group| &groups[group]);
            let Slot { accumulators, spare, sum, summed, .. } = slot;
            let gradient = match summing {
                true => summed.then_some(&sum[..]),
                false => grads.parameter(parameter).map(Tensor::as_slice),
            };
            let Some(gradient) = gradient.filter(|_| !group.is_some_and(|group| group.frozen)) else {
                return;
            };
            let rate = group.map_or(Rate::Times(1.0), |group| group.rate).of(*learning_rate);
            let decay = group.and_then(|group| group.weight_decay).unwrap_or(*weight_decay);
            let (keep, decay) = match group.and_then(|group| group.decoupled).unwrap_or(*decoupled) {
                true => (1.0 - rate * decay, 0.0),
                false => (1.0, decay),
            };
            let factor = match clipping {
                Clipping::Norm(bound) => share * shortening(share * sum_of_squares(gradient).sqrt(), bound),
                _ => share * shorter,
            };
            let [keep, decay, factor] = [keep, decay, factor].map(T::from_f64);
            let rule = rule(rate);
            let f = |w: T, g: T, state: [T; N]| rule(keep * w, cut(factor * g) + decay * w, state);
            if accumulators.len() < N {
                accumulators.resize_with(N, || vec![T::zero(); gradient.len()]);
            }
            apply(parameter, gradient, accumulators, spare, f);
            if summing {
                sum.fill(T::zero());
                *summed = false;
            }
        });
        self.seen = 0;
        Ok(())
    }

    /// Gives a slot to every parameter that has none, and looks up its group.
    fn meet(&mut self, model: &dyn Module<T>) {
        let Slots { by_parameter, groups, .. } = self;
        model.visit(&Path::root(), &mut |path, parameter| {
            let slot = by_parameter.entry(parameter.id()).or_insert_with(Slot::new);
            slot.group.get_or_insert_with(|| group_of(groups, path));
        });
    }

    /// Adds the gradients of one more batch to the sums; whether it was the last before a step.
    fn gather(&mut self, model: &dyn Module<T>, grads: &Gradients<T>) -> bool {
        model.visit(&Path::root(), &mut |_, parameter| {
            let Some(gradient) = grads.parameter(parameter) else { return };
            let slot = self.by_parameter.get_mut(&parameter.id()).expect("every parameter was met");
            if slot.group.flatten().is_some_and(|group| self.groups[group].frozen) {
                return;
            }
            slot.sum.resize(gradient.len(), T::zero());
            update(&mut slot.sum, gradient.as_slice(), [], |sum, g, []| (sum + g, []));
            slot.summed = true;
        });
        self.seen += 1;
        self.seen >= self.batches
    }

    fn is_frozen(&self, parameter: &Parameter<T>) -> bool {
        let slot = self.by_parameter.get(&parameter.id());
        slot.and_then(|slot| slot.group?).is_some_and(|group| self.groups[group].frozen)
    }

    /// The length of all gradients together, of which `batches` were added up or one came.
    fn length(&self, model: &dyn Module<T>, grads: &Gradients<T>) -> f64 {
        let mut squares = 0.0;
        model.visit(&Path::root(), &mut |_, parameter| {
            if self.is_frozen(parameter) {
                return;
            }
            if self.batches == 1 {
                squares += grads.parameter(parameter).map_or(0.0, |g| sum_of_squares(g.as_slice()));
            } else if let Some(slot) = self.by_parameter.get(&parameter.id()).filter(|slot| slot.summed) {
                squares += sum_of_squares(&slot.sum);
            }
        });
        squares.sqrt()
    }

    fn refuse_unused(&mut self, model: &dyn Module<T>, grads: &Gradients<T>) -> Result<(), OptimizerError> {
        let mut unused = None;
        model.visit(&Path::root(), &mut |path, parameter| {
            let summed = self.by_parameter.get(&parameter.id()).is_some_and(|slot| slot.summed);
            let wanted = parameter.is_trainable() && !self.is_frozen(parameter);
            if unused.is_some() || summed || !wanted {
                return;
            }
            unused =
                grads.why(parameter).map(|reason| OptimizerError::Unused { path: path.to_string(), reason });
        });
        let Some(unused) = unused else { return Ok(()) };
        // The batches that were to make this step are forgotten with it.
        self.seen = 0;
        for slot in self.by_parameter.values_mut() {
            slot.sum.fill(T::zero());
            slot.summed = false;
        }
        Err(unused)
    }

    /// All that is remembered, by the names of the model's parameters.
    pub(crate) fn state(&self, kind: &str, names: &[&str], model: &dyn Module<T>) -> State<T> {
        let mut state = State::new(kind);
        state.set_integer("steps", self.steps);
        state.set_number("learning_rate", self.learning_rate);
        if self.batches > 1 {
            state.set_integer("batches_seen", self.seen);
        }
        model.visit(&Path::root(), &mut |path, parameter| {
            let Some(slot) = self.by_parameter.get(&parameter.id()) else { return };
            let shape = parameter.value().shape();
            let mut keep = |name: &str, x: &[T]| {
                let tensor = Tensor::from_vec(x.to_vec(), shape).expect("of the parameter's length");
                state.set_tensor(path.child(name).to_string(), tensor);
            };
            names.iter().zip(&slot.accumulators).for_each(|(name, x)| keep(name, x));
            if slot.summed {
                keep(SUM, &slot.sum);
            }
        });
        state
    }

    /// Takes back what [`state`](Slots::state) gave; on an error nothing is changed.
    pub(crate) fn restore(
        &mut self,
        kind: &'static str,
        names: &[&str],
        model: &dyn Module<T>,
        state: &State<T>,
    ) -> Result<(), StateError> {
        state.must_be(kind)?;
        let mut left: BTreeMap<&str, &Tensor<T>> = state.tensors().collect();
        let (mut slots, mut error) = (HashMap::new(), None);
        model.visit(&Path::root(), &mut |path, parameter| {
            let mut slot = Slot::new();
            let shape = parameter.value().shape();
            let mut find = |name: &str| {
                let name = path.child(name).to_string();
                let found = left.remove(name.as_str())?;
                if found.shape() != shape {
                    let (expected, found) = (shape.to_vec(), found.shape().to_vec());
                    error.get_or_insert(StateError::Shape { kind: kind.into(), name, expected, found });
                }
                Some(found.to_vec())
            };
            let found: Vec<_> = names.iter().map(|name| find(name)).collect();
            slot.summed = find(SUM).map(|sum| slot.sum = sum).is_some();
            // None is a parameter that has not learned yet; some, but not all, is another optimizer.
            if let Some(missing) = found.iter().position(Option::is_none) {
                if found.iter().any(Option::is_some) {
                    let name = path.child(names[missing]).to_string();
                    error.get_or_insert(StateError::Missing { kind: kind.into(), what: "tensor", name });
                }
            } else {
                slot.accumulators = found.into_iter().flatten().collect();
            }
            slots.insert(parameter.id(), slot);
        });
        if let Some((name, _)) = left.pop_first() {
            let expected = format!("a parameter's name with one of {names:?} behind it is expected");
            error.get_or_insert(StateError::Unknown { kind: kind.into(), name: name.into(), expected });
        }
        let (steps, learning_rate) = (state.integer("steps")?, state.number("learning_rate")?);
        let seen = if self.batches > 1 { state.integer("batches_seen")? } else { 0 };
        if let Some(error) = error {
            return Err(error);
        }
        (self.by_parameter, self.steps, self.seen, self.learning_rate) = (slots, steps, seen, learning_rate);
        Ok(())
    }
}

/// The name of the gradients that were added up for the next step.
const SUM: &str = "gradient_sum";

impl<T: Float> Slot<T> {
    fn new() -> Slot<T> {
        Slot { accumulators: Vec::new(), spare: None, sum: Vec::new(), summed: false, group: None }
    }
}

/// The last group that fits.
fn group_of(groups: &[ParameterGroup], path: &Path<'_>) -> Option<usize> {
    if groups.is_empty() {
        return None;
    }
    let name = path.to_string();
    groups.iter().rposition(|group| group.fits(&name))
}

fn apply<T: Float, const N: usize>(
    parameter: &mut Parameter<T>,
    gradient: &[T],
    accumulators: &mut [Vec<T>],
    spare: &mut Option<Tensor<T>>,
    f: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Sync,
) {
    let mut accumulators = accumulators.iter_mut();
    let state: [&mut [T]; N] =
        std::array::from_fn(|_| &mut accumulators.next().expect("N accumulators were made")[..]);
    if let Some(w) = parameter.get_mut() {
        return update(w, gradient, state, f);
    }
    let mut old = spare.take();
    let free = old.as_mut().is_some_and(|spare| spare.get_mut().is_some());
    let zeros = || Tensor::zeros(parameter.value().shape());
    let mut new = old.filter(|_| free).unwrap_or_else(zeros);
    let into = new.get_mut().expect("the spare buffer is unshared");
    update_into(parameter.value().as_slice(), into, gradient, state, f);
    *spare = Some(parameter.replace(new));
}
