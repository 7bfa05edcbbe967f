//! What several test files need: deterministic values, bits, and panics as data.
#![allow(dead_code)] // each program of tests uses a part

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use wengert::rand::rngs::ChaCha8Rng;
use wengert::rand::{RngExt, SeedableRng};
use wengert::{Float, GradientTape, Tensor, Var};

/// A function of variables that a test differentiates.
pub type Function = for<'t> fn(&[Var<'t, f64>]) -> Var<'t, f64>;

/// Uniform draws, each from the next of `intervals`, so that both signs occur where two are given.
pub fn from_intervals(shape: &[usize], intervals: &[(f64, f64)], seed: u64) -> Tensor<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut next = intervals.iter().cycle();
    Tensor::from_fn(shape, |_| {
        let &(low, high) = next.next().expect("at least one interval");
        rng.random_range(low..high)
    })
}

/// Uniform in ±1.
pub fn uniform(shape: &[usize], seed: u64) -> Tensor<f64> {
    from_intervals(shape, &[(-1.0, 1.0)], seed)
}

/// Elements no two of which are nearer than 0.1, in a shuffled order; tensors of another `offset`
/// (0 to 1) have none in common.
pub fn distinct(shape: &[usize], offset: f64, seed: u64) -> Tensor<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut left: Vec<usize> = (0..shape.iter().product()).collect();
    let low = -0.2 * (left.len() / 2) as f64;
    Tensor::from_fn(shape, |_| {
        let rank = left.swap_remove(rng.random_range(0..left.len()));
        low + 0.2 * (rank as f64 + offset)
    })
}

/// Where an operation is to be tested: each draw is from the next of these.
pub type Intervals = &'static [(f64, f64)];
pub const BOTH: Intervals = &[(0.2, 1.3), (-1.3, -0.2)];
pub const POSITIVE: Intervals = &[(0.4, 2.5)];
pub const UNIT: Intervals = &[(0.1, 0.8), (-0.8, -0.1)];
pub const ABOVE_ONE: Intervals = &[(1.2, 3.0)];
/// Around the corners at -3, 0, 3 and 6, at none.
pub const PIECES: Intervals = &[(0.2, 2.8), (-2.8, -0.2), (3.2, 5.8), (-5.0, -3.2), (6.2, 8.0)];
/// Between the poles of Γ.
pub const NO_POLES: Intervals = &[(0.3, 4.0), (-0.8, -0.2), (9.0, 12.0), (-2.8, -2.2)];
/// Between integers.
pub const NO_STEPS: Intervals = &[(0.2, 0.45), (-1.8, -1.6), (2.6, 2.9), (-0.4, -0.1)];

/// true, false, true, ..
pub fn alternate(shape: &[usize]) -> Tensor<bool> {
    let mut next = false;
    Tensor::from_fn(shape, |_| {
        next = !next;
        next
    })
}

/// v + 2·1, which is regular: elements of v are within ±1, and no larger than 0.4 beside it.
pub fn regular<T: Float>(v: Var<'_, T>) -> Var<'_, T> {
    let n = v.shape()[v.shape().len() - 1];
    0.4 * v + v.tape().constant(Tensor::eye(n)) * 2.0
}

/// Symmetric, with eigenvalues that are apart: near 0, 3, 6, ..
pub fn apart<T: Float>(v: Var<'_, T>) -> Var<'_, T> {
    let n = v.shape()[v.shape().len() - 1];
    let diagonal =
        Tensor::from_fn(&[n, n], |i| T::from_f64(if i[0] == i[1] { 3.0 * i[0] as f64 } else { 0.0 }));
    0.5 * v + v.tape().constant(diagonal)
}

/// The inner product.
pub fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum()
}

/// The bits of all elements.
pub fn bits<T: Float>(x: &Tensor<T>) -> Vec<u64> {
    x.as_slice().iter().map(|x| wengert::Element::to_f64(*x).to_bits()).collect()
}

/// Fails unless |found - expected| <= tol · max(1, largest |expected|) everywhere.
#[track_caller]
pub fn assert_close(found: &Tensor<f64>, expected: &Tensor<f64>, tol: f64, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let largest = expected.as_slice().iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (i, (f, e)) in found.as_slice().iter().zip(expected.as_slice()).enumerate() {
        // Not `error > tol`: a NaN must fail.
        assert!((f - e).abs() <= tol * largest, "{what}: element {i} is {f:e}, expected {e:e}");
    }
}

/// What a panic said, and where.
pub struct Panicked {
    pub text: String,
    pub file: String,
    pub line: u32,
}

thread_local! {
    static EXPECTING: Cell<bool> = const { Cell::new(false) };
    static PANICKED: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// The panic that `f` ends in, or `None`. It is not printed.
pub fn panic_of(f: impl FnOnce()) -> Option<Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !EXPECTING.get() {
                return before(info);
            }
            let (payload, location) = (info.payload(), info.location().expect("panics have a location"));
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
            let (text, file, line) = (text.to_string(), location.file().to_string(), location.line());
            PANICKED.with_borrow_mut(|last| *last = Some(Panicked { text, file, line }));
        }));
    });
    EXPECTING.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    EXPECTING.set(false);
    result.err()?;
    PANICKED.take()
}

/// Value and gradients, for a seed that weighs each element differently.
pub fn value_and_gradients<T: Float>(
    inputs: &[Tensor<f64>],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
) -> Vec<Tensor<f64>> {
    let tape = GradientTape::<T>::new();
    let vars: Vec<Var<T>> = inputs.iter().map(|x| tape.var(x.cast::<T>())).collect();
    let y = f(&vars);
    let grads = y.backward_with(&uniform(&y.shape(), 9).cast::<T>());
    let gradients = vars.iter().map(|&x| grads.wrt(x).cast::<f64>());
    [y.value().cast::<f64>()].into_iter().chain(gradients).collect()
}
