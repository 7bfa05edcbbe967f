//! Sequences of different lengths in one batch.
//!
//! Sorted by length, the longest first, those that still run at a step are the first ones of the
//! batch. So steps between two lengths are one run of the network over fewer sequences, from the states
//! of the run before: nothing is computed behind the end of a sequence, and its last states are
//! simply those of its last run. (What PyTorch calls a packed sequence.)

use super::stack::{Direction, Outputs, States};
use wengert::{Float, Span, Tensor, Var};

/// Where sequences end.
pub(super) struct Packing {
    steps: usize,
    lengths: Vec<usize>,
    /// The sequences by falling length, and the place of each in that order.
    order: Tensor<usize>,
    place: Tensor<usize>,
    /// Ends of runs and how many sequences are in each.
    runs: Vec<(usize, usize)>,
}

impl Packing {
    pub(super) fn new(lengths: &[usize], steps: usize) -> Packing {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &i)| place[i] = at);
        let mut ends: Vec<usize> = lengths.to_vec();
        ends.sort_unstable();
        ends.dedup();
        let running = |end: usize| lengths.iter().filter(|&&n| n >= end).count();
        let runs = ends.into_iter().map(|end| (end, running(end))).collect();
        Packing { steps, lengths: lengths.to_vec(), order: order.into(), place: place.into(), runs }
    }

    /// Each sequence of `x` `[steps, batch, ..]` the other way round; what is behind its end stays.
    #[track_caller]
    pub(super) fn reversed<'t, T: Float>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, batch) = (x.shape(), self.lengths.len());
        let rows = Tensor::from_fn(&[self.steps, batch], |at| {
            let (step, i) = (at[0], at[1]);
            let from = if step < self.lengths[i] { self.lengths[i] - 1 - step } else { step };
            from * batch + i
        });
        x.reshape(&[self.steps * batch, shape[2]]).embedding(&rows)
    }

    /// Runs `direction` over each sequence to its end; outputs behind it are zeros.
    #[track_caller]
    pub(super) fn run<'t, T: Float>(
        &self,
        direction: &Direction<T>,
        x: Var<'t, T>,
        initial: Option<States<'t, T>>,
    ) -> Outputs<'t, T> {
        if self.runs.is_empty() {
            return direction.run(x, initial);
        }
        let (tape, batch) = (x.tape(), self.lengths.len());
        let x = x.index_select(1, &self.order);
        let mut states = None;
        if let Some(initial) = initial {
            states = Some(of_rows(initial, &self.order));
        }
        let (mut outputs, mut hidden, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for (i, &(end, running)) in self.runs.iter().enumerate() {
            let part = x.slice(&[span(start, end), span(0, running)]);
            let found = direction.run(part, states);
            outputs.push(found.outputs.pad(&[[0, 0], [0, batch - running], [0, 0]], 0.0));
            let going_on = self.runs.get(i + 1).map_or(0, |run| run.1);
            hidden.push(rows(found.last.hidden, going_on, running));
            if let Some(cell) = found.last.cell {
                cells.push(rows(cell, going_on, running));
            }
            if going_on > 0 {
                let mut cell = None;
                if let Some(last) = found.last.cell {
                    cell = Some(rows(last, 0, going_on));
                }
                states = Some(States { hidden: rows(found.last.hidden, 0, going_on), cell });
            }
            start = end;
        }
        let joined = tape.concat(&outputs, 0).pad(&[[0, self.steps - start], [0, 0], [0, 0]], 0.0);
        // Those that end last stand first.
        hidden.reverse();
        cells.reverse();
        let mut last = States { hidden: tape.concat(&hidden, 0), cell: None };
        if !cells.is_empty() {
            last.cell = Some(tape.concat(&cells, 0));
        }
        Outputs { outputs: joined.index_select(1, &self.place), last: of_rows(last, &self.place) }
    }
}

#[track_caller]
fn of_rows<'t, T: Float>(states: States<'t, T>, rows: &Tensor<usize>) -> States<'t, T> {
    let mut cell = None;
    if let Some(own) = states.cell {
        cell = Some(own.index_select(0, rows));
    }
    States { hidden: states.hidden.index_select(0, rows), cell }
}

#[track_caller]
fn rows<T: Float>(x: Var<'_, T>, from: usize, to: usize) -> Var<'_, T> {
    x.slice(&[span(from, to)])
}

fn span(from: usize, to: usize) -> Span {
    Span::from(from as isize..to as isize)
}
