//! Recurrent networks: a layer's whole sequence as one operation, with the composition as its definition.
//!
//! Step by step it would be some twenty nodes a step, each a pass over memory, and the weights'
//! gradients a sum of as many products as there are steps. The product with the inputs belongs to it,
//! so that gates are computed where their sums lie.
//!
//! There are two nodes. The first holds gates and states of all steps, side by side in rows: six
//! numbers for each output of an LSTM. The second is what a user wants of them. Its rule is that of
//! the whole, reads the first one's value and goes past it: nothing flows back there. So adjoints have the
//! size of outputs, not of rows, which were a fifth of a training step's traffic, most of it zeros.

use super::composed::Composed;
use super::custom::Bars;
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Layout, RecurrentBars, RecurrentInputs, RecurrentValues, Sequence, movement};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::panic::Location;

/// What a recurrent network does in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cell {
    /// i, f, o = sigmoid(..), g = tanh(..), c' = f·c + i·g, h' = o·tanh(c').
    Lstm,
    /// r, z = sigmoid(..), n = tanh(.. + r·(..)), h' = (1 - z)·n + z·h.
    Gru,
    /// h' = tanh(..).
    Tanh,
}

impl Cell {
    /// How a row is made up: i f g o c h, r z q n h (q is what r is multiplied by), and h.
    pub(crate) const fn layout(self) -> Layout {
        match self {
            Cell::Lstm => Layout { planes: 6, gates: 4, sums: 4, apart: None, cell: Some(4) },
            Cell::Gru => Layout { planes: 5, gates: 3, sums: 4, apart: Some(2), cell: None },
            Cell::Tanh => Layout { planes: 1, gates: 1, sums: 1, apart: None, cell: None },
        }
    }
}

/// A cell over a sequence. Inputs: x, both weights, both biases and the initial states, if there are any.
#[derive(Clone, Copy, PartialEq)]
struct Network {
    cell: Cell,
    bias: bool,
    initial: bool,
}

/// Its gates and states, `[steps, batch, planes · hidden]`.
#[derive(PartialEq)]
struct Rows(Network);

/// Its hidden states and then its last cell state, if there is one, `[.., batch, hidden]`. The last
/// input is [`Rows`], where there is more in them than hidden states.
#[derive(PartialEq)]
struct Outputs(Network);

impl Network {
    /// Biases and initial states among the inputs.
    fn optional<'a, V>(&self, inputs: &'a [V]) -> (Option<&'a [V]>, Option<&'a [V]>) {
        let (bias, rest) = inputs[3..].split_at(if self.bias { 2 } else { 0 });
        let states = if self.cell.layout().cell.is_some() { 2 } else { 1 };
        (self.bias.then_some(bias), self.initial.then(|| &rest[..states]))
    }

    fn name(&self) -> &'static str {
        match self.cell {
            Cell::Lstm => "lstm",
            Cell::Gru => "gru",
            Cell::Tanh => "rnn",
        }
    }

    fn sequence(&self, inputs: &[impl Borrow<Shape>]) -> Result<Sequence, ShapeError> {
        let (cell, op, gates) = (self.cell, self.name(), self.cell.layout().gates);
        let shapes: SmallVec<[&Shape; 8]> = inputs.iter().map(|shape| shape.borrow()).collect();
        let ([x, weight_ih, weight_hh, ..], (bias, initial)) = (&shapes[..], self.optional(&shapes)) else {
            unreachable!("a sequence and two weights")
        };
        let sizes = match (&x[..], &weight_ih[..], &weight_hh[..]) {
            (&[steps, batch, inputs], &[rows, i], &[all, hidden])
                if i == inputs && rows == all && Some(rows) == hidden.checked_mul(gates) =>
            {
                Sequence { cell, steps, batch, inputs, hidden }
            }
            _ => {
                let n = if gates == 1 { "hidden".into() } else { format!("{gates}·hidden") };
                let fitting =
                    format!("x [steps, batch, in], weight_ih [{n}, in] and weight_hh [{n}, hidden]");
                let given = format!("x {x}, weight_ih {weight_ih} and weight_hh {weight_hh}");
                return ShapeError::expected(op, fitting, given);
            }
        };
        let Sequence { steps, batch, hidden, .. } = sizes;
        let of_gates = Shape::from([gates * hidden]);
        if let Some(wrong) = bias.into_iter().flatten().find(|&&b| *b != of_gates) {
            return ShapeError::expected(op, format!("biases {of_gates}"), wrong.to_string());
        }
        let of_batch = Shape::from([batch, hidden]);
        if let Some(wrong) = initial.into_iter().flatten().find(|&&state| *state != of_batch) {
            let fitting = format!("initial states {of_batch}, [batch, hidden]");
            return ShapeError::expected(op, fitting, wrong.to_string());
        }
        if steps == 0 {
            return ShapeError::expected(op, "a sequence of at least one step", format!("x {x}"));
        }
        Ok(sizes)
    }

    fn operands<'a, T: Float>(&self, inputs: &[&'a Tensor<T>]) -> RecurrentInputs<'a, T> {
        let (bias, initial) = self.optional(inputs);
        RecurrentInputs {
            x: inputs[0].as_slice(),
            weight_ih: inputs[1].as_slice(),
            weight_hh: inputs[2].as_slice(),
            bias: bias.map(|b| [b[0].as_slice(), b[1].as_slice()]),
            initial: initial.map(|states| [states[0].as_slice(), states[states.len() - 1].as_slice()]),
        }
    }

    fn rows<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let s = self.sequence(&shapes_of(inputs))?;
        let shape = Shape::new(&[s.steps, s.batch, self.cell.layout().planes * s.hidden])?;
        let mut scratch = pool.build([s.scratch()].into(), |_| {});
        let y = pool.build(shape, |out| T::recurrent(&s, self.operands(inputs), elements(&mut scratch), out));
        pool.put(scratch);
        Ok(y)
    }

    /// The planes of each step's row.
    fn unroll<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Vec<SmallVec<[Var<'t, T>; 6]>> {
        let (x, weight_ih, weight_hh) = (inputs[0], inputs[1], inputs[2]);
        let (bias, initial) = self.optional(inputs);
        let sums = |x: Var<'t, T>, w: Var<'t, T>, i: usize| match bias {
            Some(bias) => x.linear(w, bias[i]),
            None => x.matmul_nt(w),
        };
        let zeros = x.tape().constant(Tensor::zeros(&[x.shape()[1], weight_hh.shape()[1]]));
        let (mut h, mut c) = initial.map_or((zeros, zeros), |states| (states[0], states[states.len() - 1]));
        let step = |of_x: Var<'t, T>| -> SmallVec<[Var<'t, T>; 6]> {
            let of_h = sums(h, weight_hh, 1);
            let (of_x, of_h) = match self.cell {
                Cell::Gru => (of_x.chunk(3, -1), of_h.chunk(3, -1)),
                _ => ((of_x + of_h).chunk(self.cell.layout().gates, -1), Vec::new()),
            };
            match self.cell {
                Cell::Lstm => {
                    let [i, f, o] = [0, 1, 3].map(|k: usize| of_x[k].sigmoid());
                    let g = of_x[2].tanh();
                    c = f * c + i * g;
                    h = o * c.tanh();
                    SmallVec::from_slice(&[i, f, g, o, c, h])
                }
                Cell::Gru => {
                    let [r, z] = [0, 1].map(|k: usize| (of_x[k] + of_h[k]).sigmoid());
                    let n = (of_x[2] + r * of_h[2]).tanh();
                    h = (1.0 - z) * n + z * h;
                    SmallVec::from_slice(&[r, z, of_h[2], n, h])
                }
                Cell::Tanh => {
                    h = of_x[0].tanh();
                    SmallVec::from_slice(&[h])
                }
            }
        };
        sums(x, weight_ih, 0).unbind(0).into_iter().map(step).collect()
    }
}

fn shapes_of<'a, T: Float>(inputs: &[&'a Tensor<T>]) -> SmallVec<[&'a Shape; 8]> {
    inputs.iter().map(|x| x.shape()).collect()
}

/// The elements of a tensor that has just been made.
fn elements<T: Float>(x: &mut Tensor<T>) -> &mut [T] {
    x.get_mut().expect("it has just been made")
}

impl Composed for Rows {
    fn name(&self) -> &'static str {
        match self.0.cell {
            Cell::Lstm => "lstm_rows",
            Cell::Gru => "gru_rows",
            Cell::Tanh => "rnn_rows",
        }
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        let tape = inputs[0].tape();
        let rows: Vec<_> = self.0.unroll(inputs).iter().map(|planes| tape.concat(planes, -1)).collect();
        tape.stack(&rows, 0)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        self.0.rows(inputs, pool)
    }

    fn vjp<T: Float>(
        &self,
        _: &[&Tensor<T>],
        _: &Tensor<T>,
        _: &Tensor<T>,
        _: &[bool],
        _: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        unreachable!("recorded in a pause: nothing flows back")
    }
}

impl Composed for Outputs {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        let layout = self.0.cell.layout();
        let steps = self.0.unroll(inputs);
        let last = layout.cell.map(|plane| steps[steps.len() - 1][plane]);
        let outputs: Vec<_> = steps.iter().map(|planes| planes[layout.planes - 1]).chain(last).collect();
        inputs[0].tape().stack(&outputs, 0)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let layout = self.0.cell.layout();
        if layout.planes == 1 {
            return self.0.rows(inputs, pool);
        }
        let Sequence { steps, batch, hidden, .. } = self.0.sequence(&shapes_of(inputs))?;
        let (rows, width) = (inputs[inputs.len() - 1].as_slice(), layout.planes * hidden);
        let shape = Shape::new(&[steps + layout.cell.is_some() as usize, batch, hidden])?;
        Ok(pool.build(shape, |out| {
            if out.is_empty() {
                return;
            }
            let (outputs, cell) = out.split_at_mut(steps * batch * hidden);
            let strides = [width as isize, 1];
            let plane = |k: usize, steps: usize, from: usize, out: &mut [T]| {
                let start = from * batch * width + k * hidden;
                movement::gather(rows, start, &strides, &[steps * batch, hidden], out);
            };
            plane(layout.planes - 1, steps, 0, outputs);
            if let Some(k) = layout.cell {
                plane(k, 1, steps - 1, cell);
            }
        }))
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let Network { cell, bias, initial } = self.0;
        let s = self.0.sequence(&shapes_of(inputs)).expect("it was recorded with these inputs");
        let outputs = s.steps * s.batch * s.hidden;
        let (outputs_bar, cell_bar) = y_bar.as_slice().split_at(outputs);
        let rows = if cell.layout().planes == 1 { y } else { inputs[inputs.len() - 1] };
        let at = RecurrentValues {
            rows: rows.as_slice(),
            outputs: &y.as_slice()[..outputs],
            outputs_bar,
            cell_bar,
        };
        let mut scratch = pool.build([s.scratch_of_rule()].into(), |_| {});
        let new = |(x, wanted): (&&Tensor<T>, &bool)| wanted.then(|| pool.build(x.shape().clone(), |_| {}));
        let mut bars: Bars<Tensor<T>> = inputs.iter().zip(wanted).map(new).collect();
        let mut places = bars.iter_mut().map(|bar| bar.as_mut().map(elements));
        let mut next = |is_there: bool| if is_there { places.next().flatten() } else { None };
        let into = RecurrentBars {
            x: next(true),
            weight_ih: next(true),
            weight_hh: next(true),
            bias: [next(bias), next(bias)],
            initial: [next(initial), next(initial && cell.layout().cell.is_some())],
        };
        T::recurrent_vjp(&s, self.0.operands(inputs), at, elements(&mut scratch), into);
        pool.put(scratch);
        bars
    }
}

/// What a recurrent network with one state gives: its hidden states.
#[derive(Clone, Copy, Debug)]
pub struct HiddenStates<'t, T: Float = f32>(Var<'t, T>);

/// What an LSTM gives: its hidden states and its last cell state.
#[derive(Clone, Copy, Debug)]
pub struct LstmStates<'t, T: Float = f32>(Var<'t, T>);

/// Step `step` of `[steps, batch, hidden]`.
#[track_caller]
fn state<T: Float>(states: Var<'_, T>, step: usize) -> Var<'_, T> {
    let shape = states.shape();
    states.part(0, step, 1).reshape(&shape[1..])
}

impl<'t, T: Float> HiddenStates<'t, T> {
    /// The hidden states after each step, `[steps, batch, hidden]`.
    pub fn outputs(self) -> Var<'t, T> {
        self.0
    }

    /// The hidden state after the last step, `[batch, hidden]`.
    #[track_caller]
    pub fn last(self) -> Var<'t, T> {
        state(self.0, self.0.shape()[0] - 1)
    }
}

impl<'t, T: Float> LstmStates<'t, T> {
    /// The hidden states after each step, `[steps, batch, hidden]`.
    #[track_caller]
    pub fn outputs(self) -> Var<'t, T> {
        self.0.part(0, 0, self.0.shape()[0] - 1)
    }

    /// The hidden state after the last step, `[batch, hidden]`.
    #[track_caller]
    pub fn last(self) -> Var<'t, T> {
        state(self.0, self.0.shape()[0] - 2)
    }

    /// The cell state after the last step, `[batch, hidden]`.
    #[track_caller]
    pub fn last_cell(self) -> Var<'t, T> {
        state(self.0, self.0.shape()[0] - 1)
    }
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn recurrent(
        self,
        cell: Cell,
        weights: [Var<'t, T>; 2],
        bias: Option<(Var<'t, T>, Var<'t, T>)>,
        initial: &[Var<'t, T>],
    ) -> Var<'t, T> {
        let mut inputs: SmallVec<[Var<'t, T>; 8]> = SmallVec::from_slice(&[self, weights[0], weights[1]]);
        inputs.extend(bias.into_iter().flat_map(|(of_inputs, of_states)| [of_inputs, of_states]));
        inputs.extend_from_slice(initial);
        let network = Network { cell, bias: bias.is_some(), initial: !initial.is_empty() };
        let tape = self.tape();
        tape.own_all(&inputs);
        let shapes: SmallVec<[Shape; 8]> = inputs.iter().map(|x| x.shape()).collect();
        GradientTape::<T>::fit(network.sequence(&shapes));
        if cell.layout().planes > 1 {
            let rows = || tape.paused(|| tape.composed(Rows(network), &inputs));
            let rows = tape.located(Location::caller(), rows);
            inputs.push(rows);
        }
        tape.composed(Outputs(network), &inputs)
    }

    /// A long short-term memory network over a sequence x `[steps, batch, in]`:
    /// i, f, o = sigmoid(..), g = tanh(..), c' = f·c + i·g, h' = o·tanh(c'), where each .. is
    /// x·weight_ihᵀ + bias_ih + h·weight_hhᵀ + bias_hh with its own rows of the weights.
    ///
    /// As in PyTorch the rows are those of i, f, g, o: `weight_ih` `[4·hidden, in]`, `weight_hh`
    /// `[4·hidden, hidden]`, both biases `[4·hidden]`. `initial` is the hidden and the cell state before
    /// the first step, `[batch, hidden]` each; zeros if `None`.
    ///
    /// (Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000.)
    ///
    /// # Panics
    /// The shapes are others, or there are no steps.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::<f64>::new();
    /// let x = tape.constant(Tensor::ones(&[5, 2, 3])); // 5 steps of 2 sequences
    /// let weights = [[16, 3], [16, 4]].map(|shape| tape.var(Tensor::full(&shape, 0.1)));
    /// let lstm = x.lstm(weights[0], weights[1], None, None);
    /// assert_eq!(lstm.outputs().shape()[..], [5, 2, 4]);
    /// assert_eq!(lstm.last().shape()[..], [2, 4]);
    /// let next = x.lstm(weights[0], weights[1], None, Some((lstm.last(), lstm.last_cell())));
    /// let grads = next.last().sum().backward();
    /// assert_eq!(grads.wrt(weights[1]).shape()[..], [16, 4]);
    /// ```
    #[track_caller]
    pub fn lstm(
        self,
        weight_ih: Var<'t, T>,
        weight_hh: Var<'t, T>,
        bias: Option<(Var<'t, T>, Var<'t, T>)>,
        initial: Option<(Var<'t, T>, Var<'t, T>)>,
    ) -> LstmStates<'t, T> {
        let initial: SmallVec<[Var<'t, T>; 2]> = initial.into_iter().flat_map(|(h, c)| [h, c]).collect();
        LstmStates(self.recurrent(Cell::Lstm, [weight_ih, weight_hh], bias, &initial))
    }

    /// A gated recurrent unit over a sequence x `[steps, batch, in]`: r, z = sigmoid(..),
    /// n = tanh(x·Wᵀ + b + r·(h·Uᵀ + c)), h' = (1 - z)·n + z·h, where W, U, b and c are rows of the weights
    /// and biases and each .. is made as in [`lstm`](Var::lstm).
    ///
    /// As in PyTorch the rows are those of r, z, n: `weight_ih` `[3·hidden, in]`, `weight_hh`
    /// `[3·hidden, hidden]`, both biases `[3·hidden]`. `initial` is the hidden state before the first step,
    /// `[batch, hidden]`; zeros if `None`.
    ///
    /// (Cho et al. 2014, with the reset after the product.)
    ///
    /// # Panics
    /// The shapes are others, or there are no steps.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::<f64>::new();
    /// let x = tape.constant(Tensor::ones(&[5, 2, 3]));
    /// let weights = [[12, 3], [12, 4]].map(|shape| tape.var(Tensor::full(&shape, 0.1)));
    /// let gru = x.gru(weights[0], weights[1], None, None);
    /// assert_eq!(gru.outputs().shape()[..], [5, 2, 4]);
    /// assert_eq!(gru.last().sum().backward().wrt(weights[0]).shape()[..], [12, 3]);
    /// ```
    #[track_caller]
    pub fn gru(
        self,
        weight_ih: Var<'t, T>,
        weight_hh: Var<'t, T>,
        bias: Option<(Var<'t, T>, Var<'t, T>)>,
        initial: Option<Var<'t, T>>,
    ) -> HiddenStates<'t, T> {
        HiddenStates(self.recurrent(Cell::Gru, [weight_ih, weight_hh], bias, initial.as_slice()))
    }

    /// A plain recurrent network over a sequence x `[steps, batch, in]`:
    /// h' = tanh(x·weight_ihᵀ + bias_ih + h·weight_hhᵀ + bias_hh).
    ///
    /// `weight_ih` `[hidden, in]`, `weight_hh` `[hidden, hidden]`, both biases `[hidden]`. `initial` is the
    /// hidden state before the first step, `[batch, hidden]`; zeros if `None`.
    ///
    /// (Elman 1990.)
    ///
    /// # Panics
    /// The shapes are others, or there are no steps.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::<f64>::new();
    /// let x = tape.constant(tensor![[[1.0]], [[-1.0]]]);
    /// let (w, u) = (tape.var(tensor![[0.5]]), tape.var(tensor![[2.0]]));
    /// let rnn = x.rnn(w, u, None, None);
    /// let expected = (2.0 * 0.5f64.tanh() - 0.5).tanh();
    /// assert!((rnn.last().sum().item() - expected).abs() < 1e-15);
    /// ```
    #[track_caller]
    pub fn rnn(
        self,
        weight_ih: Var<'t, T>,
        weight_hh: Var<'t, T>,
        bias: Option<(Var<'t, T>, Var<'t, T>)>,
        initial: Option<Var<'t, T>>,
    ) -> HiddenStates<'t, T> {
        HiddenStates(self.recurrent(Cell::Tanh, [weight_ih, weight_hh], bias, initial.as_slice()))
    }
}
