//! Ways to make a tensor: filled, counted, random, from a function, from nested arrays, `tensor!`.
//!
//! Literals are arrays, so a ragged one does not compile, and an expected type such as
//! `Tensor<f32>` reaches the numbers inside; that is why there is one `From` for each depth and
//! no trait over all of them. Random numbers are computed here in `f64` from the generator's bits:
//! a few lines whose stream of draws is ours to keep, where a crate of distributions may change
//! its own, and `f32` tensors hold the same numbers as `f64` ones, rounded.

use super::Tensor;
use crate::element::{Element, Float};
use crate::shape::Shape;
use rand::Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

impl<T: Element> Tensor<T> {
    /// A tensor of `shape` filled with 0 (`false` for `bool`).
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    ///
    /// ```
    /// let a = wengert::Tensor::<f32>::zeros(&[2, 3]);
    /// assert_eq!(a.as_slice(), [0.0; 6]);
    /// ```
    #[track_caller]
    pub fn zeros(shape: &[usize]) -> Tensor<T> {
        Tensor::full(shape, T::default())
    }

    /// A tensor of `shape` filled with 1 (`true` for `bool`).
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    #[track_caller]
    pub fn ones(shape: &[usize]) -> Tensor<T> {
        Tensor::full(shape, T::from_f64(1.0))
    }

    /// A tensor of `shape` filled with `value`.
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// assert_eq!(Tensor::full(&[2], 0.5), tensor![0.5, 0.5]);
    /// ```
    #[track_caller]
    pub fn full(shape: &[usize], value: T) -> Tensor<T> {
        let shape = Shape::from(shape);
        Tensor::from_buffer(Arc::new(vec![value; shape.elements()]), shape)
    }

    /// The numbers 0, 1, .., n - 1.
    ///
    /// # Panics
    /// `T` cannot hold one of them exactly: `bool` above 1, `u8` above 255, `f32` above 2^24.
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// assert_eq!(Tensor::arange(3), tensor![0i64, 1, 2]);
    /// ```
    #[track_caller]
    pub fn arange(n: usize) -> Tensor<T> {
        let shape = Shape::from([n]);
        // A loop, since `track_caller` does not reach into closures.
        let mut elements = Vec::with_capacity(n);
        for i in 0..n {
            let x = T::from_f64(i as f64);
            assert!(x.to_f64() == i as f64, "arange: {} cannot hold {i} exactly, but n is {n}", T::NAME);
            elements.push(x);
        }
        Tensor::from_buffer(Arc::new(elements), shape)
    }

    /// The identity matrix: shape `[n, n]`, 1 on the diagonal and 0 elsewhere.
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// assert_eq!(Tensor::eye(2), tensor![[1.0, 0.0], [0.0, 1.0]]);
    /// ```
    #[track_caller]
    pub fn eye(n: usize) -> Tensor<T> {
        let shape = Shape::from([n, n]);
        let mut elements = vec![T::default(); shape.elements()];
        elements.iter_mut().step_by(n + 1).for_each(|x| *x = T::from_f64(1.0));
        Tensor::from_buffer(Arc::new(elements), shape)
    }

    /// A tensor of `shape` whose element at an index is what `f` says, asked in row-major order.
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// let table = Tensor::from_fn(&[2, 3], |index| (index[0] + 1) * (index[1] + 1));
    /// assert_eq!(table, tensor![[1, 2, 3], [2, 4, 6]]);
    /// ```
    #[track_caller]
    pub fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> T) -> Tensor<T> {
        let shape = Shape::from(shape);
        let mut index = vec![0; shape.len()];
        let mut next = || {
            let element = f(&index);
            for (i, &n) in index.iter_mut().zip(shape.iter()).rev() {
                *i += 1;
                if *i < n {
                    break;
                }
                *i = 0;
            }
            element
        };
        let elements = (0..shape.elements()).map(|_| next()).collect();
        Tensor::from_buffer(Arc::new(elements), shape)
    }
}

impl<T: Float> Tensor<T> {
    /// `count` numbers from `start` to `stop` at equal distances; the last is exactly `stop`.
    ///
    /// They are `start + i · (stop - start) / (count - 1)`, computed in `f64`; NumPy's bits for
    /// `f64`. One number alone is `start`.
    ///
    /// ```
    /// use wengert::{Tensor, tensor};
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5), tensor![0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    pub fn linspace(start: T, stop: T, count: usize) -> Tensor<T> {
        let from = Element::to_f64(start);
        let steps = count.saturating_sub(1);
        let step = (Element::to_f64(stop) - from) / steps as f64;
        let mut elements: Vec<T> = (0..steps).map(|i| T::from_f64(i as f64 * step + from)).collect();
        match count {
            0 => {}
            1 => elements.push(start),
            _ => elements.push(stop),
        }
        Tensor::from(elements)
    }

    /// Independent draws from the standard normal distribution: mean 0, variance 1.
    ///
    /// Two numbers at a time by Box and Muller's formula ("A note on the generation of random
    /// normal deviates", 1958), in `f64`: √(-2 ln u) · (cos 2πv, sin 2πv), where u = 1 - a and
    /// v = b, and a, b are draws of [`Tensor::uniform`] from 0 to 1. So none is beyond ±8.6.
    /// The same seed gives the same bits wherever the standard library's `ln` and `sin_cos` do.
    ///
    /// # Panics
    /// The shape is too large: see [`Shape::new`].
    ///
    /// ```
    /// use wengert::Tensor;
    /// use wengert::rand::{SeedableRng, rngs::ChaCha8Rng};
    /// let weights = Tensor::<f32>::randn(&[100, 100], &mut ChaCha8Rng::seed_from_u64(1));
    /// let mean = weights.as_slice().iter().sum::<f32>() / 1e4;
    /// assert!(mean.abs() < 0.03);
    /// ```
    #[track_caller]
    pub fn randn(shape: &[usize], rng: &mut (impl Rng + ?Sized)) -> Tensor<T> {
        let shape = Shape::from(shape);
        let mut elements = Vec::with_capacity(shape.elements());
        while elements.len() < shape.elements() {
            let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
            let (sin, cos) = (TAU * unit(rng)).sin_cos();
            elements.push(T::from_f64(radius * cos));
            if elements.len() < shape.elements() {
                elements.push(T::from_f64(radius * sin));
            }
        }
        Tensor::from_buffer(Arc::new(elements), shape)
    }

    /// Independent draws from the uniform distribution over `low <= x < high`.
    ///
    /// Each is `low + (high - low) · k / 2^53`, computed in `f64`, where k is the upper 53 bits of
    /// the generator's `next_u64`; one that rounds to `high` is drawn again. The same seed gives
    /// the same bits everywhere.
    ///
    /// # Panics
    /// `low` is not below `high`, one of them or `high - low` is not finite, or the shape is too
    /// large: see [`Shape::new`].
    ///
    /// ```
    /// use wengert::Tensor;
    /// use wengert::rand::{SeedableRng, rngs::ChaCha8Rng};
    /// let a = Tensor::uniform(&[1000], -0.5, 0.5, &mut ChaCha8Rng::seed_from_u64(1));
    /// assert!(a.as_slice().iter().all(|x| (-0.5..0.5).contains(x)));
    /// ```
    #[track_caller]
    pub fn uniform(shape: &[usize], low: T, high: T, rng: &mut (impl Rng + ?Sized)) -> Tensor<T> {
        let shape = Shape::from(shape);
        let from = Element::to_f64(low);
        let width = Element::to_f64(high) - from;
        assert!(
            low < high && width.is_finite(),
            "uniform: expected finite bounds with low < high, got low {low:?} and high {high:?}"
        );
        let mut draw = || {
            loop {
                let x = T::from_f64(from + width * unit(rng));
                if x < high {
                    return x;
                }
            }
        };
        let elements = (0..shape.elements()).map(|_| draw()).collect();
        Tensor::from_buffer(Arc::new(elements), shape)
    }
}

/// Uniform in [0, 1): a multiple of 2^-53.
fn unit(rng: &mut (impl Rng + ?Sized)) -> f64 {
    (rng.next_u64() >> 11) as f64 * (f64::EPSILON / 2.0)
}

/// A scalar.
impl<T: Element> From<T> for Tensor<T> {
    fn from(value: T) -> Tensor<T> {
        Tensor::scalar(value)
    }
}

/// One axis; the vector is moved in, not copied.
impl<T: Element> From<Vec<T>> for Tensor<T> {
    fn from(elements: Vec<T>) -> Tensor<T> {
        let shape = [elements.len()].into_iter().collect();
        Tensor::from_buffer(Arc::new(elements), shape)
    }
}

/// A vector.
impl<T: Element, const N: usize> From<[T; N]> for Tensor<T> {
    fn from(elements: [T; N]) -> Tensor<T> {
        Tensor::from(elements.to_vec())
    }
}

/// A matrix, given by rows.
impl<T: Element, const M: usize, const N: usize> From<[[T; N]; M]> for Tensor<T> {
    fn from(rows: [[T; N]; M]) -> Tensor<T> {
        Tensor::from(rows.as_flattened().to_vec()).reshaped(Shape::from([M, N]))
    }
}

/// Three axes, outermost first.
impl<T: Element, const L: usize, const M: usize, const N: usize> From<[[[T; N]; M]; L]> for Tensor<T> {
    fn from(matrices: [[[T; N]; M]; L]) -> Tensor<T> {
        let elements = matrices.as_flattened().as_flattened().to_vec();
        Tensor::from(elements).reshaped(Shape::from([L, M, N]))
    }
}

/// Four axes, outermost first.
impl<T: Element, const K: usize, const L: usize, const M: usize, const N: usize> From<[[[[T; N]; M]; L]; K]>
    for Tensor<T>
{
    fn from(blocks: [[[[T; N]; M]; L]; K]) -> Tensor<T> {
        let elements = blocks.as_flattened().as_flattened().as_flattened().to_vec();
        Tensor::from(elements).reshaped(Shape::from([K, L, M, N]))
    }
}

/// A [`Tensor`](crate::Tensor) from its elements, nested up to four deep; like `vec!`, the
/// outermost list makes an axis, so `tensor![1.0]` has shape `[1]`.
///
/// For a scalar write `Tensor::scalar(1.0)` or `Tensor::from(1.0)`. A macro cannot see its own
/// brackets: `tensor!(1.0)` is `tensor![1.0]`.
///
/// Bare decimals make an `f64` tensor unless another type is expected. Bare integers need one:
/// Rust makes them `i32`, which is no element type.
///
/// ```
/// use wengert::{Tensor, tensor};
/// let matrix = tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// assert_eq!(matrix.shape()[..], [2, 3]);
///
/// let single: Tensor<f32> = tensor![0.5, 0.25,];
/// let labels = tensor![3usize, 1, 4];
/// let empty: Tensor<bool> = tensor![];
/// assert_eq!((single.len(), labels.len(), empty.len()), (2, 3, 0));
/// ```
///
/// Rows of different lengths do not compile:
///
/// ```compile_fail
/// let ragged = wengert::tensor![[1.0, 2.0], [3.0]];
/// ```
#[macro_export]
macro_rules! tensor {
    () => { $crate::Tensor::from(::std::vec::Vec::new()) };
    ($($element:expr),+ $(,)?) => { $crate::Tensor::from([$($element),+]) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    fn seeded(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    fn panic_text(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(f).unwrap_err();
        payload.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    #[test]
    fn every_element_type_can_be_filled_and_counted() {
        fn check<T: Element>() {
            let values = |t: Tensor<T>| t.as_slice().iter().map(|x| x.to_f64()).collect::<Vec<_>>();
            assert_eq!(values(Tensor::zeros(&[2, 1])), [0.0, 0.0], "{}", T::NAME);
            assert_eq!(values(Tensor::ones(&[1, 2])), [1.0, 1.0], "{}", T::NAME);
            assert_eq!(values(Tensor::arange(2)), [0.0, 1.0], "{}", T::NAME);
            assert_eq!(values(Tensor::eye(2)), [1.0, 0.0, 0.0, 1.0], "{}", T::NAME);
            assert_eq!(Tensor::<T>::zeros(&[]).ndim(), 0);
            assert_eq!(Tensor::<T>::eye(0).shape()[..], [0, 0]);
        }
        check::<f32>();
        check::<f64>();
        check::<u8>();
        check::<i64>();
        check::<usize>();
        check::<bool>();
    }

    #[test]
    fn a_shape_too_large_is_refused_with_the_shape_in_the_text() {
        let text = panic_text(|| drop(Tensor::<u8>::zeros(&[usize::MAX, 2])));
        assert!(text.starts_with(&format!("shape [{}, 2] is too large", usize::MAX)), "{text}");
    }

    #[test]
    fn arange_refuses_to_saturate_or_round() {
        assert_eq!(Tensor::<u8>::arange(256).as_slice()[255], 255);
        let text = panic_text(|| drop(Tensor::<u8>::arange(300)));
        assert_eq!(text, "arange: u8 cannot hold 256 exactly, but n is 300");
    }

    #[test]
    fn linspace_ends_exactly_at_stop() {
        let a = Tensor::linspace(0.0, 0.7, 8);
        assert_eq!((a.len(), a.as_slice()[0], a.as_slice()[7]), (8, 0.0, 0.7));
        assert_eq!(Tensor::linspace(1.0, 0.0, 3), tensor![1.0, 0.5, 0.0]);
        assert_eq!(Tensor::linspace(2f32, 5.0, 1), tensor![2.0]);
        assert_eq!(Tensor::linspace(2f32, 5.0, 0), tensor![]);
    }

    #[test]
    fn from_fn_asks_in_row_major_order_and_once_for_a_scalar() {
        let mut asked = Vec::new();
        let a = Tensor::from_fn(&[2, 1, 2], |i| {
            asked.push(i.to_vec());
            asked.len()
        });
        assert_eq!(asked, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]);
        assert_eq!(a, tensor![[[1usize, 2]], [[3, 4]]]);
        assert_eq!(Tensor::from_fn(&[], |i| i.len()), Tensor::scalar(0));
        assert!(Tensor::<f32>::from_fn(&[3, 0], |_| unreachable!()).is_empty());
    }

    #[test]
    fn a_seed_fixes_the_numbers_and_f32_is_f64_rounded() {
        let wide = Tensor::<f64>::randn(&[5, 3], &mut seeded(3));
        assert_eq!(wide, Tensor::randn(&[5, 3], &mut seeded(3)));
        assert_ne!(wide, Tensor::randn(&[5, 3], &mut seeded(4)));
        assert_eq!(wide.cast::<f32>(), Tensor::randn(&[5, 3], &mut seeded(3)));
    }

    #[test]
    fn randn_is_box_and_muller_of_the_generators_bits() {
        let mut bits = seeded(5);
        let mut unit = || (bits.next_u64() >> 11) as f64 / 2f64.powi(53);
        let (u, v) = (1.0 - unit(), unit());
        let radius = (-2.0 * u.ln()).sqrt();
        let expected = [radius * (TAU * v).cos(), radius * (TAU * v).sin()];
        assert_eq!(Tensor::randn(&[2], &mut seeded(5)), Tensor::from(expected));
    }

    #[test]
    fn randn_has_the_moments_and_quantiles_of_the_normal_distribution() {
        let draws = Tensor::<f64>::randn(&[20_000], &mut seeded(1)).to_vec();
        let mean = |f: &dyn Fn(f64) -> f64| draws.iter().map(|&x| f(x)).sum::<f64>() / draws.len() as f64;
        // Each tolerance is four standard errors.
        assert!(mean(&|x| x).abs() < 0.028);
        assert!((mean(&|x| x * x) - 1.0).abs() < 0.04);
        assert!(mean(&|x| x.powi(3)).abs() < 0.11);
        assert!((mean(&|x| x.powi(4)) - 3.0).abs() < 0.28);
        assert!((mean(&|x| (x.abs() < 1.0) as u8 as f64) - 0.6827).abs() < 0.013);
    }

    #[test]
    fn uniform_stays_below_high_even_where_rounding_would_reach_it() {
        let high = 1f32.next_up();
        let a = Tensor::uniform(&[64], 1f32, high, &mut seeded(2));
        assert!(a.as_slice().iter().all(|&x| x == 1.0));
        let b = Tensor::uniform(&[10_000], 2.0, 4.0, &mut seeded(2));
        let mean = b.as_slice().iter().sum::<f64>() / 1e4;
        assert!(b.as_slice().iter().all(|x| (2.0..4.0).contains(x)) && (mean - 3.0).abs() < 0.024);
    }

    #[test]
    fn uniform_refuses_bounds_that_are_no_interval() {
        for (low, high) in
            [(1.0, 1.0), (2.0, 1.0), (0.0, f64::NAN), (0.0, f64::INFINITY), (-f64::MAX, f64::MAX)]
        {
            let text = panic_text(move || drop(Tensor::uniform(&[1], low, high, &mut seeded(0))));
            let expected = format!("got low {low:?} and high {high:?}");
            assert!(
                text.starts_with("uniform: expected finite bounds") && text.ends_with(&expected),
                "{text}"
            );
        }
    }

    #[test]
    fn nested_arrays_become_axes() {
        assert_eq!(Tensor::from(3.0).shape()[..], [0usize; 0]);
        assert_eq!(tensor![true].shape()[..], [1]);
        assert_eq!(tensor![[1u8, 2, 3]].shape()[..], [1, 3]);
        assert_eq!(tensor![[[1.0], [2.0]]].shape()[..], [1, 2, 1]);
        assert_eq!(tensor![[[[1i64, 2]], [[3, 4]]]].shape()[..], [1, 2, 1, 2]);
        assert_eq!(tensor![[[[1i64, 2]], [[3, 4]]]].as_slice(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_literal_takes_the_expected_type() {
        let single: Tensor<f32> = tensor![[1.0, 0.1], [2.0, 0.2]];
        assert_eq!(single.get(&[0, 1]), Some(0.1f32));
        let empty: Tensor<f32> = tensor![];
        assert_eq!(empty.shape()[..], [0]);
        let scalar: Tensor<u8> = 7.into();
        assert_eq!(scalar.item(), 7);
    }
}
