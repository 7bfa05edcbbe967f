//! The rule of a recurrent cell: from the last step to the first, again one pass and one product each.
//!
//! What the passes leave behind, adjoints of the sums, makes the weights' in a few large products. They
//! are taken chunk by chunk, while those adjoints are still in a near cache: with 32 rows, 128 units and
//! 64 steps that saves 3 of 4 MiB of memory that each step of a training loop would walk through.

use super::cells::{Gru, Lstm, Tanh};
use super::parts::{Parts, Rows};
use super::passes::{Back, Of};
use super::{RecurrentInputs, Sequence, row_major};
use crate::kernels::gemm::gemm_rows;
use crate::kernels::simd::Level;
use crate::kernels::{Groups, Lane, fold};
use crate::ops::Cell;
use std::ops::Range;

/// Rows of a chunk: enough for the weights' products to be no slower than in one.
const CHUNK: usize = 512;

/// What the rule reads beside the operation's inputs.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentValues<'a, T> {
    /// Gates and states of all steps, `[steps, batch, planes · hidden]`.
    pub rows: &'a [T],
    /// The hidden states, `[steps, batch, hidden]`.
    pub outputs: &'a [T],
    /// Their adjoint.
    pub outputs_bar: &'a [T],
    /// The adjoint of the last cell state, `[batch, hidden]`, of cells that have one.
    pub cell_bar: &'a [T],
}

/// Where the rule writes adjoints; what is not wanted is `None`.
#[derive(Debug)]
pub struct RecurrentBars<'a, T> {
    /// Of the inputs of all steps.
    pub x: Option<&'a mut [T]>,
    /// Of the inputs' weight.
    pub weight_ih: Option<&'a mut [T]>,
    /// Of the states' weight.
    pub weight_hh: Option<&'a mut [T]>,
    /// Of both biases.
    pub bias: [Option<&'a mut [T]>; 2],
    /// Of the hidden and of the cell state before the first step.
    pub initial: [Option<&'a mut [T]>; 2],
}

impl Sequence {
    /// How many elements of scratch memory the rule takes.
    pub fn scratch_of_rule(&self) -> usize {
        let layout = self.cell.layout();
        let sums = (self.chunk() * self.batch + 2) * layout.sums;
        let states = (1 + layout.cell.is_some() as usize) * self.batch + 1;
        (sums + states) * self.hidden
    }

    /// Steps of a chunk.
    fn chunk(&self) -> usize {
        (CHUNK / self.batch.max(1)).clamp(1, self.steps.max(1))
    }
}

/// The adjoints of all that is wanted. `scratch` is overwritten.
pub(crate) fn rule<T: Lane>(
    level: Level,
    s: &Sequence,
    from: RecurrentInputs<T>,
    at: RecurrentValues<T>,
    scratch: &mut [T],
    mut bars: RecurrentBars<T>,
) {
    let (layout, hidden) = (s.cell.layout(), s.hidden);
    let (sums, states) = (layout.sums * hidden, s.batch * hidden);
    assert_eq!(scratch.len(), s.scratch_of_rule(), "recurrent: scratch memory of another size");
    let (sums_bar, rest) = scratch.split_at_mut(s.chunk() * s.batch * sums);
    let (bias, rest) = rest.split_at_mut(sums);
    let (of_chunk, rest) = rest.split_at_mut(sums);
    let (zeros, rest) = rest.split_at_mut(hidden);
    let (hidden_bar, cell_bar) = rest.split_at_mut(states);
    bias.fill(T::ZERO);
    zeros.fill(T::ZERO);
    hidden_bar.fill(T::ZERO);
    cell_bar.copy_from_slice(at.cell_bar);
    // Products add to these, chunk by chunk.
    let weights = [&mut bars.weight_ih, &mut bars.weight_hh];
    weights.into_iter().flatten().for_each(|bar| bar.fill(T::ZERO));

    let mut end = s.steps;
    while end > 0 {
        let chunk = end.saturating_sub(s.chunk())..end;
        end = chunk.start;
        let sums_bar = &mut sums_bar[..chunk.len() * s.batch * sums];
        if !sums_bar.is_empty() {
            back(level, s, from, at, &chunk, zeros, [hidden_bar, cell_bar, sums_bar], &bars);
        }
        products(level, s, from, at, &chunk, sums_bar, &mut bars);
        if bars.bias.iter().any(Option::is_some) {
            let rows = Groups { outer: 1, n: chunk.len() * s.batch, inner: sums };
            fold::sum(level, sums_bar, rows, of_chunk);
            bias.iter_mut().zip(&*of_chunk).for_each(|(sum, &b)| *sum += b);
        }
    }

    let [of_inputs, of_states] = bars.bias;
    if let Some(bar) = of_inputs {
        for (planes, of_weight) in layout.inputs() {
            let found = &bias[planes.start * hidden..planes.end * hidden];
            bar[of_weight.start * hidden..of_weight.end * hidden].copy_from_slice(found);
        }
    }
    if let Some(bar) = of_states {
        bar.copy_from_slice(&bias[..layout.gates * hidden]);
    }
    for (bar, found) in bars.initial.into_iter().zip([&*hidden_bar, &*cell_bar]) {
        if let Some(bar) = bar {
            bar.copy_from_slice(found);
        }
    }
}

/// A chunk's steps, the last one first: adjoints of their sums, and of the states before them.
#[allow(clippy::too_many_arguments)]
fn back<T: Lane>(
    level: Level,
    s: &Sequence,
    from: RecurrentInputs<T>,
    at: RecurrentValues<T>,
    chunk: &Range<usize>,
    zeros: &[T],
    [hidden_bar, cell_bar, sums_bar]: [&mut [T]; 3],
    bars: &RecurrentBars<T>,
) {
    let (layout, hidden, width) = (s.cell.layout(), s.hidden, s.width());
    let sums = layout.sums * hidden;
    let weight = row_major(from.weight_hh, layout.gates * hidden, hidden);
    let hidden_bars = Parts::new(hidden_bar, 1, s.batch, hidden);
    let cell_bars = Parts::new(cell_bar, 1, s.batch, if layout.cell.is_some() { hidden } else { 0 });
    let sums_bars = Parts::new(sums_bar, chunk.len(), s.batch, sums);
    s.each_block(chunk.len(), |block| {
        // SAFETY: only this block's rows, here and below.
        let hidden_bar = unsafe { hidden_bars.rows(0, &block) };
        let cell_bar = unsafe { cell_bars.rows(0, &block) };
        for step in chunk.clone().rev() {
            let sums_bar = unsafe { sums_bars.rows(step - chunk.start, &block) };
            let place = |step: usize, width: usize| {
                let row = |i: usize| (step * s.batch + i) * width;
                row(block.start)..row(block.end)
            };
            let memory = match step.checked_sub(1) {
                Some(before) => Rows::new(&at.rows[place(before, width)][layout.memory() * hidden..], width),
                None => from
                    .initial
                    .map_or(Rows::same(zeros), |[_, x]| Rows::new(&x[block.start * hidden..], hidden)),
            };
            let step_back = Back {
                hidden,
                memory,
                rows: &at.rows[place(step, width)],
                outputs_bar: &at.outputs_bar[place(step, hidden)],
                hidden_bar: &mut *hidden_bar,
                cell_bar: &mut *cell_bar,
                sums_bar: &mut *sums_bar,
            };
            match s.cell {
                Cell::Lstm => level.run(Of::<_, _, 4, 6>(step_back, Lstm)),
                Cell::Gru => level.run(Of::<_, _, 4, 5>(step_back, Gru)),
                Cell::Tanh => level.run(Of::<_, _, 1, 1>(step_back, Tanh)),
            }
            if step > 0 || bars.initial[0].is_some() {
                let of_gates = Rows::new(sums_bar, sums).matrix(block.len(), layout.gates * hidden);
                // What goes on to the state before directly is there already.
                s.product(level, [of_gates, weight], true, hidden_bar, hidden);
            }
        }
    });
}

/// What a chunk contributes to inputs and weights.
fn products<T: Lane>(
    level: Level,
    s: &Sequence,
    from: RecurrentInputs<T>,
    at: RecurrentValues<T>,
    chunk: &Range<usize>,
    sums_bar: &[T],
    bars: &mut RecurrentBars<T>,
) {
    let (layout, hidden) = (s.cell.layout(), s.hidden);
    let sums = layout.sums * hidden;
    // Some planes of some of the chunk's steps.
    let of_sums = |planes: &Range<usize>, steps: Range<usize>| {
        let start = steps.start * s.batch * sums + planes.start * hidden;
        let data = sums_bar.get(start..).unwrap_or(&[]);
        Rows::new(data, sums).matrix(steps.len() * s.batch, planes.len() * hidden)
    };
    let all = 0..chunk.len();
    let of_x = chunk.start * s.batch * s.inputs..chunk.end * s.batch * s.inputs;
    for (planes, of_weight) in layout.inputs() {
        let size = hidden * s.inputs;
        let of_weight = of_weight.start * size..of_weight.end * size;
        let found = of_sums(&planes, all.clone());
        if let Some(bar) = &mut bars.x {
            let w = row_major(&from.weight_ih[of_weight.clone()], found.cols, s.inputs);
            gemm_rows(level, found, w, planes.start > 0, &mut bar[of_x.clone()], s.inputs);
        }
        if let Some(bar) = &mut bars.weight_ih {
            let x = row_major(&from.x[of_x.clone()], found.rows, s.inputs);
            gemm_rows(level, found.t(), x, true, &mut bar[of_weight], s.inputs);
        }
    }
    if let Some(bar) = &mut bars.weight_hh {
        let gates = 0..layout.gates;
        // Each step with the state before it.
        let before = chunk.start.saturating_sub(1)..chunk.end - 1;
        let skipped = chunk.len() - before.len();
        let states = &at.outputs[before.start * s.batch * hidden..before.end * s.batch * hidden];
        let states = row_major(states, before.len() * s.batch, hidden);
        gemm_rows(level, of_sums(&gates, skipped..chunk.len()).t(), states, true, bar, hidden);
        if let (1, Some([state, _])) = (skipped, from.initial) {
            let state = row_major(state, s.batch, hidden);
            gemm_rows(level, of_sums(&gates, 0..1).t(), state, true, bar, hidden);
        }
    }
}
