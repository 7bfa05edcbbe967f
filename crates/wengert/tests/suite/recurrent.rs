//! Recurrent networks against their formulas, written out step by step, at sizes that fill the
//! kernels' blocks and miss them; to second order; and the same bits on any number of threads.

use crate::common::{assert_close, bits, uniform, value_and_gradients};
use wengert::{Float, GradientTape, Tensor, Var, gradcheck};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Rnn,
    Lstm,
    Gru,
}

const CELLS: [Cell; 3] = [Cell::Rnn, Cell::Lstm, Cell::Gru];

/// x, both weights, both biases, the initial hidden state, and the cell state of an LSTM.
fn inputs(cell: Cell, [steps, batch, from, hidden]: [usize; 4]) -> Vec<Tensor<f64>> {
    let gates = match cell {
        Cell::Rnn => hidden,
        Cell::Lstm => 4 * hidden,
        Cell::Gru => 3 * hidden,
    };
    let mut shapes = vec![
        vec![steps, batch, from],
        vec![gates, from],
        vec![gates, hidden],
        vec![gates],
        vec![gates],
        vec![batch, hidden],
    ];
    shapes.extend((cell == Cell::Lstm).then(|| vec![batch, hidden]));
    // Larger weights would make chaos of it, where a rounding error decides.
    let scale = |i: usize| if i == 1 || i == 2 { 1.0 / (hidden as f64).sqrt() } else { 1.0 };
    shapes.iter().enumerate().map(|(i, shape)| uniform(shape, i as u64 + 1) * scale(i)).collect()
}

/// All that the operation gives, one behind the other.
fn fast<'t, T: Float>(cell: Cell, v: &[Var<'t, T>]) -> Var<'t, T> {
    let bias = Some((v[3], v[4]));
    let parts = match cell {
        Cell::Rnn => {
            let y = v[0].rnn(v[1], v[2], bias, Some(v[5]));
            vec![y.outputs(), y.last()]
        }
        Cell::Lstm => {
            let y = v[0].lstm(v[1], v[2], bias, Some((v[5], v[6])));
            vec![y.outputs(), y.last(), y.last_cell()]
        }
        Cell::Gru => {
            let y = v[0].gru(v[1], v[2], bias, Some(v[5]));
            vec![y.outputs(), y.last()]
        }
    };
    let parts: Vec<Var<T>> = parts.into_iter().map(Var::flatten).collect();
    v[0].tape().concat(&parts, 0)
}

/// The same by the formulas.
fn written_out<'t, T: Float>(cell: Cell, v: &[Var<'t, T>]) -> Var<'t, T> {
    let (tape, hidden) = (v[0].tape(), v[2].shape()[1]);
    let part = |x: Var<'t, T>, i: usize| x.split(&vec![hidden; x.shape()[1] / hidden], -1)[i];
    let (mut h, mut c) = (v[5], v[v.len() - 1]);
    let mut outputs = Vec::new();
    for x in v[0].unbind(0) {
        let (a, b) = (x.matmul(v[1].t()) + v[3], h.matmul(v[2].t()) + v[4]);
        match cell {
            Cell::Rnn => h = (a + b).tanh(),
            Cell::Lstm => {
                let z = a + b;
                let [i, f, o] = [0, 1, 3].map(|k| part(z, k).sigmoid());
                c = f * c + i * part(z, 2).tanh();
                h = o * c.tanh();
            }
            Cell::Gru => {
                let [r, z] = [0, 1].map(|k| (part(a, k) + part(b, k)).sigmoid());
                let n = (part(a, 2) + r * part(b, 2)).tanh();
                h = (1.0 - z) * n + z * h;
            }
        }
        outputs.push(h);
    }
    let mut parts = vec![tape.stack(&outputs, 0), h];
    parts.extend((cell == Cell::Lstm).then_some(c));
    let parts: Vec<Var<T>> = parts.into_iter().map(Var::flatten).collect();
    tape.concat(&parts, 0)
}

/// Steps, batch, inputs, hidden.
const SIZES: [[usize; 4]; 8] = [
    [1, 1, 1, 1],
    [3, 2, 3, 4],
    [7, 5, 2, 17],
    [4, 33, 9, 40],
    [20, 16, 8, 32],
    [2, 3, 70, 5],
    [3, 0, 2, 2],
    [5, 40, 3, 130],
];

#[test]
fn recurrent_networks_are_those_of_their_formulas() {
    for cell in CELLS {
        for sizes in SIZES {
            let inputs = inputs(cell, sizes);
            let name = format!("{cell:?} {sizes:?}");
            let want = value_and_gradients::<f64>(&inputs, |v| written_out(cell, v));
            for (got, want) in value_and_gradients::<f64>(&inputs, |v| fast(cell, v)).iter().zip(&want) {
                assert_close(got, want, 1e-12, &name);
            }
            for (got, want) in value_and_gradients::<f32>(&inputs, |v| fast(cell, v)).iter().zip(&want) {
                assert_close(got, want, 1e-4, &name);
            }
        }
    }
}

#[test]
fn without_biases_and_states_these_are_zeros() {
    let x = uniform(&[3, 2, 4], 1);
    let tape = GradientTape::<f64>::new();
    let x = tape.var(&x);
    for (cell, gates) in CELLS.into_iter().zip([1, 4, 3]) {
        let (w, u) = (tape.var(uniform(&[gates * 5, 4], 2)), tape.var(uniform(&[gates * 5, 5], 3)));
        let zeros = |shape: &[usize]| tape.constant(Tensor::zeros(shape));
        let (b, h) = (zeros(&[gates * 5]), zeros(&[2, 5]));
        let (short, long) = match cell {
            Cell::Rnn => (x.rnn(w, u, None, None).last(), x.rnn(w, u, Some((b, b)), Some(h)).last()),
            Cell::Lstm => (x.lstm(w, u, None, None).last(), x.lstm(w, u, Some((b, b)), Some((h, h))).last()),
            Cell::Gru => (x.gru(w, u, None, None).last(), x.gru(w, u, Some((b, b)), Some(h)).last()),
        };
        assert_close(&short.value(), &long.value(), 1e-15, &format!("{cell:?}"));
        let (short, long) = (short.sum().backward(), long.sum().backward());
        for v in [x, w, u] {
            assert_close(short.wrt(v), long.wrt(v), 1e-14, &format!("{cell:?}"));
        }
    }
}

#[test]
fn they_are_right_to_second_order() {
    gradcheck(|v| fast(Cell::Rnn, v), &inputs(Cell::Rnn, [2, 2, 1, 2])).unwrap();
    gradcheck(|v| fast(Cell::Lstm, v), &inputs(Cell::Lstm, [2, 1, 2, 2])).unwrap();
    gradcheck(|v| fast(Cell::Gru, v), &inputs(Cell::Gru, [2, 1, 2, 2])).unwrap();
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for cell in CELLS {
        let inputs = inputs(cell, [9, 50, 20, 96]);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| value_and_gradients::<f32>(&inputs, |v| fast(cell, v)))
        };
        let one = with(1);
        for threads in [2, 3] {
            for (a, b) in one.iter().zip(with(threads)) {
                assert_eq!(bits(a), bits(&b), "{cell:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "lstm: ")]
fn no_steps_are_refused() {
    let tape = GradientTape::<f64>::new();
    let ones = |shape: &[usize]| tape.constant(Tensor::ones(shape));
    ones(&[0, 2, 3]).lstm(ones(&[8, 3]), ones(&[8, 2]), None, None);
}
