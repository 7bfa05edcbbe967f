//! Recurrent cells over a whole sequence: per step one product and one pass over what it has touched.
//!
//! A row holds, for one step and one element of the batch, all that the rule needs again: activated
//! gates and states, side by side ([`Layout`]). Products are added up where the gates will lie, and gates
//! are activated there, in the first cache.
//!
//! The batch is cut into blocks of at most [`BLOCK`] rows, and a block walks through all steps by itself:
//! threads meet once a sequence, not once a step. Blocks depend on the batch alone, so the bits do not
//! depend on the number of threads. It costs nothing on one: with 128 units and 64 steps (f32, AVX-512)
//! step products of 16 rows run at 205 GFLOP/s, of 32 at 200, of 8 at 158. They read transposed weights,
//! which are laid out once a sequence: from weights as they lie, 95 and 135.
//! A single block's products are cut themselves where they are large.

mod back;
mod cells;
mod parts;
mod passes;

use super::gemm::{gemm_rows, gemm_rows_alone};
use super::simd::Level;
use super::{Lane, Matrix, movement, parallel};
use crate::ops::Cell;
use cells::{Gru, Lstm, Tanh};
use parts::{Parts, Rows};
use passes::{Of, Step};
use std::ops::Range;

pub(crate) use back::rule;
pub use back::{RecurrentBars, RecurrentValues};

/// Rows of the batch that walk through the sequence together.
const BLOCK: usize = 16;
/// Steps from which on weights are transposed first: it costs as much as packing them a few times.
const SEVERAL: usize = 4;

/// The lengths of a sequence and of what it runs through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Which cell.
    pub cell: Cell,
    /// How many steps.
    pub steps: usize,
    /// How many sequences side by side.
    pub batch: usize,
    /// Numbers of an input.
    pub inputs: usize,
    /// Numbers of a state.
    pub hidden: usize,
}

/// How a row is made up of planes, each as long as a state. The first are sums before and gates after
/// their activation, the last is the hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many planes.
    pub planes: usize,
    /// Products of the hidden state with the rows of its weight are added to as many first planes.
    pub gates: usize,
    /// How many first planes are sums of products and biases.
    pub sums: usize,
    /// The sum that takes no product with the input.
    pub apart: Option<usize>,
    /// The plane of a cell state beside the hidden one.
    pub cell: Option<usize>,
}

impl Layout {
    /// Where the products with the rows of the input's weight go: runs of planes, and of the weight.
    pub fn inputs(self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let first = self.apart.unwrap_or(self.sums);
        let rest = (first + 1).min(self.sums)..self.sums;
        let of_weight = first..first + rest.len();
        [(0..first, 0..first), (rest, of_weight)].into_iter().filter(|(planes, _)| !planes.is_empty())
    }

    /// The plane of the state that activations of the next step read themselves.
    pub fn memory(self) -> usize {
        self.cell.unwrap_or(self.planes - 1)
    }
}

/// What a recurrent operation is computed from; matrices are row-major.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentInputs<'a, T> {
    /// `[steps, batch, inputs]`.
    pub x: &'a [T],
    /// `[gates · hidden, inputs]`.
    pub weight_ih: &'a [T],
    /// `[gates · hidden, hidden]`.
    pub weight_hh: &'a [T],
    /// What is added to either product, `[gates · hidden]` each.
    pub bias: Option<[&'a [T]; 2]>,
    /// Before the first step the hidden state, and the cell state, or the hidden state again:
    /// `[batch, hidden]` each; zeros if there is none.
    pub initial: Option<[&'a [T]; 2]>,
}

impl Sequence {
    /// How many elements of scratch memory the rows take.
    pub fn scratch(&self) -> usize {
        let sums = self.cell.layout().sums;
        (sums + 1) * self.hidden + self.transposed(self.inputs) + self.transposed(self.hidden)
    }

    /// Elements of a weight's transpose, with as many columns of the weight; 0 if it is read as it lies.
    fn transposed(&self, cols: usize) -> usize {
        if self.steps < SEVERAL { 0 } else { self.cell.layout().gates * self.hidden * cols }
    }

    fn width(&self) -> usize {
        self.cell.layout().planes * self.hidden
    }

    fn blocks(&self) -> usize {
        self.batch.div_ceil(BLOCK)
    }

    /// The rows of the batch that make up block `i`: all blocks have about the same size.
    fn block(&self, i: usize) -> Range<usize> {
        let start = |i: usize| i * self.batch / self.blocks();
        start(i)..start(i + 1)
    }

    /// Calls `f` with each block, in parallel where there is much to do in `steps`.
    fn each_block(&self, steps: usize, f: impl Fn(Range<usize>) + Sync) {
        let cost = steps * BLOCK * self.width();
        parallel::run(self.blocks(), cost, (), |blocks, ()| blocks.for_each(|i| f(self.block(i))));
    }

    /// `c = a·b`, or `c += a·b`, in one of the blocks.
    fn product<T: Lane>(
        &self,
        level: Level,
        [a, b]: [Matrix<T>; 2],
        accumulate: bool,
        c: &mut [T],
        c_row: usize,
    ) {
        let product = if self.blocks() > 1 { gemm_rows_alone } else { gemm_rows };
        product(level, a, b, accumulate, c, c_row);
    }
}

fn row_major<T>(data: &[T], rows: usize, cols: usize) -> Matrix<'_, T> {
    Matrix { data, rows, cols, row_stride: cols, col_stride: 1 }
}

/// The transpose of a row-major weight, laid out in `space`; only read so where there is none.
fn transpose<'a, T: Lane>(weight: &'a [T], cols: usize, space: &'a mut [T]) -> Matrix<'a, T> {
    let shape = [cols, weight.len() / cols.max(1)];
    if space.is_empty() {
        return row_major(weight, shape[1], cols).t();
    }
    movement::gather(weight, 0, &[1, cols as isize], &shape, space);
    row_major(space, shape[0], shape[1])
}

/// The biases of each sum, of either product; zeros if there are none.
fn sum_biases<T: Lane>(layout: Layout, hidden: usize, bias: Option<[&[T]; 2]>, out: &mut [T]) {
    out.fill(T::ZERO);
    let Some([of_inputs, of_states]) = bias else { return };
    for (planes, of_weight) in layout.inputs() {
        let from = &of_inputs[of_weight.start * hidden..of_weight.end * hidden];
        out[planes.start * hidden..planes.end * hidden].copy_from_slice(from);
    }
    out.iter_mut().zip(of_states).for_each(|(sum, &b)| *sum += b);
}

/// The rows of all steps: `[steps, batch, planes · hidden]`. `scratch` is overwritten.
pub(crate) fn rows<T: Lane>(
    level: Level,
    s: &Sequence,
    from: RecurrentInputs<T>,
    scratch: &mut [T],
    out: &mut [T],
) {
    let (layout, hidden, width) = (s.cell.layout(), s.hidden, s.width());
    assert_eq!(scratch.len(), s.scratch(), "recurrent: scratch memory of another size");
    if out.is_empty() {
        return;
    }
    let (bias, rest) = scratch.split_at_mut(layout.sums * hidden);
    let (zeros, rest) = rest.split_at_mut(hidden);
    let (for_ih, for_hh) = rest.split_at_mut(s.transposed(s.inputs));
    zeros.fill(T::ZERO);
    sum_biases(layout, hidden, from.bias, bias);
    let weight_ih = transpose(from.weight_ih, s.inputs, for_ih);
    let weight_hh = transpose(from.weight_hh, hidden, for_hh);
    let (bias, zeros) = (&*bias, &*zeros);

    // A single block's inputs are multiplied at once; else each block's step by step, just before the
    // sums are needed, so that they never leave the nearer caches.
    let at_once = s.blocks() == 1;
    let of_inputs = |x: &[T], out: &mut [T]| {
        let x = row_major(x, out.len() / width, s.inputs);
        for (planes, of_weight) in layout.inputs() {
            let w = weight_ih.cut_cols(of_weight.start * hidden..of_weight.end * hidden);
            s.product(level, [x, w], false, &mut out[planes.start * hidden..], width);
        }
    };
    if at_once {
        of_inputs(from.x, out);
    }
    let out = Parts::new(out, s.steps, s.batch, width);
    s.each_block(s.steps, |block| {
        for step in 0..s.steps {
            // SAFETY: this block's rows of this step; below, of the step before.
            let rows = unsafe { out.rows(step, &block) };
            if !at_once {
                let place = |row: usize| (step * s.batch + row) * s.inputs;
                of_inputs(&from.x[place(block.start)..place(block.end)], rows);
            }
            if let Some(plane) = layout.apart {
                for row in rows.chunks_exact_mut(width) {
                    row[plane * hidden..][..hidden].fill(T::ZERO);
                }
            }
            let before = match step.checked_sub(1) {
                Some(before) => {
                    let rows = unsafe { &*out.rows(before, &block) };
                    let plane = |k: usize| Rows::new(&rows[k * hidden..], width);
                    Some([plane(layout.planes - 1), plane(layout.memory())])
                }
                None => from.initial.map(|x| x.map(|x| Rows::new(&x[block.start * hidden..], hidden))),
            };
            if let Some([state, _]) = before {
                s.product(level, [state.matrix(block.len(), hidden), weight_hh], true, rows, width);
            }
            let memory = before.map_or(Rows::same(zeros), |[_, memory]| memory);
            let step = Step { hidden, bias, memory, rows };
            match s.cell {
                Cell::Lstm => level.run(Of::<_, _, 4, 6>(step, Lstm)),
                Cell::Gru => level.run(Of::<_, _, 4, 5>(step, Gru)),
                Cell::Tanh => level.run(Of::<_, _, 1, 1>(step, Tanh)),
            }
        }
    });
}
