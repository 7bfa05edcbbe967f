//! The weights of a recurrent network, and how its layers and directions follow each other.

use super::packed::Packing;
use super::{RecurrentOptions, RecurrentStates};
use crate::init::Init;
use crate::module::Path;
use wengert::rand::Rng;
use wengert::{Float, Parameter, Shape, Tensor, Var};

/// What a network does in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Tanh,
    Lstm,
    Gru,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Cell::Tanh => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }
}

/// One layer in one direction: both weights and then both biases, if there are any, with PyTorch's names.
#[derive(Clone, Debug)]
pub(super) struct Direction<T: Float> {
    cell: Cell,
    parameters: Vec<(String, Parameter<T>)>,
}

/// The outputs of one direction, and its states after the last step.
pub(super) struct Outputs<'t, T: Float> {
    pub outputs: Var<'t, T>,
    pub last: States<'t, T>,
}

/// A hidden state, and of an LSTM a cell state, `[batch, hidden]`.
#[derive(Clone, Copy)]
pub(super) struct States<'t, T: Float> {
    pub hidden: Var<'t, T>,
    pub cell: Option<Var<'t, T>>,
}

impl<T: Float> Direction<T> {
    fn new(
        cell: Cell,
        [inputs, hidden]: [usize; 2],
        bias: bool,
        suffix: &str,
        rng: &mut impl Rng,
    ) -> Direction<T> {
        let rows = cell.gates() * hidden;
        let weight_ih = Init::GlorotUniform.tensor(&[rows, inputs], rng);
        let weight_hh = Init::Orthogonal(1.0).tensor(&[rows, hidden], rng);
        let mut all = vec![("weight_ih", weight_ih), ("weight_hh", weight_hh)];
        if bias {
            // The forget gate is open at first.
            let open = |i: usize| cell == Cell::Lstm && i / hidden.max(1) == 1;
            let bias_ih = Tensor::from_fn(&[rows], |at| if open(at[0]) { T::one() } else { T::zero() });
            all.extend([("bias_ih", bias_ih), ("bias_hh", Tensor::zeros(&[rows]))]);
        }
        let named = |(name, value)| (format!("{name}_{suffix}"), Parameter::new(value));
        Direction { cell, parameters: all.into_iter().map(named).collect() }
    }

    /// Runs over `x` `[steps, batch, in]`.
    #[track_caller]
    pub(super) fn run<'t>(&self, x: Var<'t, T>, initial: Option<States<'t, T>>) -> Outputs<'t, T> {
        let tape = x.tape();
        let (w, u) = (tape.parameter(&self.parameters[0].1), tape.parameter(&self.parameters[1].1));
        let bias = match &self.parameters[2..] {
            [of_inputs, of_states] => Some((tape.parameter(&of_inputs.1), tape.parameter(&of_states.1))),
            _ => None,
        };
        let (states, cell) = match self.cell {
            Cell::Lstm => {
                let initial = initial.and_then(|states| Some((states.hidden, states.cell?)));
                let states = x.lstm(w, u, bias, initial);
                return Outputs {
                    outputs: states.outputs(),
                    last: States { hidden: states.last(), cell: Some(states.last_cell()) },
                };
            }
            Cell::Gru => (x.gru(w, u, bias, initial.map(|states| states.hidden)), None),
            Cell::Tanh => (x.rnn(w, u, bias, initial.map(|states| states.hidden)), None),
        };
        Outputs { outputs: states.outputs(), last: States { hidden: states.last(), cell } }
    }
}

/// All layers.
#[derive(Clone, Debug)]
pub(super) struct Stack<T: Float> {
    inputs: usize,
    hidden: usize,
    layers: Vec<Vec<Direction<T>>>,
}

/// What a run is asked for.
pub(super) struct Run<'t, 'a, T: Float> {
    pub lengths: Option<&'a [usize]>,
    /// Hidden states, and of an LSTM cell states, `[layers · directions, batch, hidden]`.
    pub initial: Option<(Var<'t, T>, Option<Var<'t, T>>)>,
    pub dropout: f64,
}

/// Steps and batch of `x`, which has three axes.
pub(super) fn steps_and_batch(x: &Shape, batch_first: bool) -> [usize; 2] {
    if batch_first { [x[1], x[0]] } else { [x[0], x[1]] }
}

impl<T: Float> Stack<T> {
    pub(super) fn new(
        cell: Cell,
        inputs: usize,
        hidden: usize,
        options: &RecurrentOptions,
        rng: &mut impl Rng,
    ) -> Stack<T> {
        let directions = if options.bidirectional { 2 } else { 1 };
        let mut layers = Vec::with_capacity(options.layers);
        for layer in 0..options.layers {
            let inputs = if layer == 0 { inputs } else { directions * hidden };
            let mut both = Vec::with_capacity(directions);
            for reverse in ["", "_reverse"].into_iter().take(directions) {
                let suffix = format!("l{layer}{reverse}");
                both.push(Direction::new(cell, [inputs, hidden], options.bias, &suffix, rng));
            }
            layers.push(both);
        }
        Stack { inputs, hidden, layers }
    }

    /// `Lstm 8 -> 16, 2 layers`
    pub(super) fn text(&self, name: &str) -> String {
        let layers = match self.layers.len() {
            1 => String::new(),
            n => format!(", {n} layers"),
        };
        format!("{name} {} -> {}{layers}", self.inputs, self.hidden)
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// Directions of all layers.
    pub(super) fn directions(&self) -> usize {
        self.layers.iter().map(Vec::len).sum()
    }

    /// What of `x` does not fit.
    pub(super) fn misfit(&self, x: &Shape, batch_first: bool) -> Option<String> {
        let outer = if batch_first { "batch, steps" } else { "steps, batch" };
        let fits = x.len() == 3 && x[2] == self.inputs && steps_and_batch(x, batch_first)[0] > 0;
        (!fits).then(|| format!("[{outer}, {}] with at least one step", self.inputs))
    }

    #[track_caller]
    pub(super) fn run<'t>(
        &self,
        x: Var<'t, T>,
        run: Run<'t, '_, T>,
        batch_first: bool,
    ) -> RecurrentStates<'t, T> {
        let tape = x.tape();
        let mut x = if batch_first { x.transpose(0, 1) } else { x };
        let [steps, batch] = steps_and_batch(&x.shape(), false);
        let packing = run.lengths.map(|lengths| Packing::new(lengths, steps));
        let (mut hidden, mut cells) = (Vec::new(), Vec::new());
        for (layer, directions) in self.layers.iter().enumerate() {
            let mut outputs = Vec::with_capacity(2);
            for (i, direction) in directions.iter().enumerate() {
                let initial = initial_of(run.initial, hidden.len());
                let backwards = i == 1;
                let input = if backwards { reversed(x, packing.as_ref()) } else { x };
                let found = match &packing {
                    Some(packing) => packing.run(direction, input, initial),
                    None => direction.run(input, initial),
                };
                let own = found.outputs;
                outputs.push(if backwards { reversed(own, packing.as_ref()) } else { own });
                hidden.push(found.last.hidden);
                cells.extend(found.last.cell);
            }
            x = if outputs.len() == 1 { outputs[0] } else { tape.concat(&outputs, -1) };
            if layer + 1 < self.layers.len() {
                x = x.dropout(run.dropout);
            }
        }
        debug_assert_eq!(x.shape()[..2], [steps, batch]);
        let outputs = if batch_first { x.transpose(0, 1) } else { x };
        let cell = if cells.is_empty() { None } else { Some(tape.stack(&cells, 0)) };
        RecurrentStates { outputs, hidden: tape.stack(&hidden, 0), cell }
    }

    /// The last layer's hidden states of both directions side by side, `[batch, directions · hidden]`.
    #[track_caller]
    pub(super) fn last<'t>(&self, hidden: Var<'t, T>) -> Var<'t, T> {
        let (all, last) = (self.directions(), self.layers[self.layers.len() - 1].len());
        let first = nth_of(hidden, all - last);
        if last == 1 { first } else { hidden.tape().concat(&[first, nth_of(hidden, all - 1)], -1) }
    }

    pub(super) fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        let all = self.layers.iter().flatten().flat_map(|direction| &direction.parameters);
        all.for_each(|(name, parameter)| f(&path.child(name), parameter));
    }

    pub(super) fn visit_mut<'a>(
        &'a mut self,
        path: &Path<'_>,
        f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>),
    ) {
        let all = self.layers.iter_mut().flatten().flat_map(|direction| &mut direction.parameters);
        all.for_each(|(name, parameter)| f(&path.child(name), parameter));
    }
}

/// Part `n` of the first axis, without it.
#[track_caller]
fn nth_of<T: Float>(x: Var<'_, T>, n: usize) -> Var<'_, T> {
    x.slice(&[(n as isize..n as isize + 1).into()]).squeeze(0)
}

/// What direction `n` begins with.
#[track_caller]
fn initial_of<'t, T: Float>(
    initial: Option<(Var<'t, T>, Option<Var<'t, T>>)>,
    n: usize,
) -> Option<States<'t, T>> {
    let (hidden, cells) = initial?;
    // No closure, whose line would be the place.
    let mut cell = None;
    if let Some(cells) = cells {
        cell = Some(nth_of(cells, n));
    }
    Some(States { hidden: nth_of(hidden, n), cell })
}

/// The steps of each sequence the other way round.
#[track_caller]
fn reversed<'t, T: Float>(x: Var<'t, T>, packing: Option<&Packing>) -> Var<'t, T> {
    match packing {
        Some(packing) => packing.reversed(x),
        None => x.flip(&[0]),
    }
}
