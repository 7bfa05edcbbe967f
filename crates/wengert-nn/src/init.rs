//! Initialisers: the first values of parameters.
//!
//! Fans are those of a weight `[out, in, ..]`: `fan_in` is `in` times the axes behind it,
//! `fan_out` is `out` times them.

use wengert::rand::Rng;
use wengert::{Float, Tensor};

/// How a parameter gets its first value.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let w: Tensor<f32> = Init::GlorotUniform.tensor(&[512, 784], &mut rng);
/// let limit = (6.0f32 / (512.0 + 784.0)).sqrt();
/// assert!(w.as_slice().iter().all(|x| x.abs() <= limit));
/// let square: Tensor<f64> = Init::Orthogonal(1.0).tensor(&[4, 4], &mut rng);
/// let product = square.matmul(&square.t());
/// assert!((product.get(&[0, 0]).unwrap() - 1.0).abs() < 1e-12 && product.get(&[0, 1]).unwrap().abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// All elements 0.
    Zeros,
    /// All elements 1.
    Ones,
    /// All elements this.
    Constant(f64),
    /// Uniform from `low` to `high`.
    Uniform {
        /// The least.
        low: f64,
        /// What all are below.
        high: f64,
    },
    /// Normal.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// Normal, but drawn again where it is more than two standard deviations from the mean, as in
    /// Keras. The deviation of what is left is 0.88 times `std`.
    TruncatedNormal {
        /// The mean.
        mean: f64,
        /// The standard deviation before what is too far away is drawn again.
        std: f64,
    },
    /// Uniform in ±√(6 / (fan_in + fan_out)): Keras' default for dense layers.
    /// (Glorot and Bengio, 2010, equation 16.)
    GlorotUniform,
    /// Normal with variance 2 / (fan_in + fan_out). (Glorot and Bengio, 2010.)
    GlorotNormal,
    /// Uniform in ±√(6 / fan_in), for relu. (He et al., 2015, equation 10.)
    HeUniform,
    /// Normal with variance 2 / fan_in, for relu. (He et al., 2015, equation 10.)
    HeNormal,
    /// Uniform in ±√(3 / fan_in), for selu. (LeCun et al., "Efficient backprop", 1998, section 4.6.)
    LecunUniform,
    /// Normal with variance 1 / fan_in, for selu. (LeCun et al., 1998, section 4.6.)
    LecunNormal,
    /// This gain times a matrix with orthonormal rows, or columns if there are more rows than columns; all
    /// axes but the first are the columns. (Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear
    /// dynamics of learning in deep linear neural networks", 2014.)
    Orthogonal(f64),
}

impl Init {
    /// A tensor of `shape`; same generator state, same values.
    ///
    /// # Panics
    /// `low` is above `high`, a deviation is negative, or one of them is not finite.
    #[track_caller]
    pub fn tensor<T: Float>(self, shape: &[usize], rng: &mut impl Rng) -> Tensor<T> {
        let (fan_in, fan_out) = fans(shape);
        match self {
            Init::Zeros => Tensor::zeros(shape),
            Init::Ones => Tensor::ones(shape),
            Init::Constant(c) => Tensor::full(shape, T::from_f64(c)),
            Init::Uniform { low, high } => {
                let fits = low.is_finite() && high.is_finite() && low <= high;
                assert!(fits, "Init::Uniform: expected finite bounds in order, got {low} and {high}");
                Tensor::uniform(shape, T::from_f64(low), T::from_f64(high), rng)
            }
            Init::Normal { mean, std } | Init::TruncatedNormal { mean, std } => {
                let fits = mean.is_finite() && std.is_finite() && std >= 0.0;
                assert!(
                    fits,
                    "Init: expected a finite mean and a deviation of at least 0, got {mean} and {std}"
                );
                let mut x = Tensor::<T>::randn(shape, rng);
                let truncated = matches!(self, Init::TruncatedNormal { .. });
                for x in x.get_mut().expect("a new tensor is unshared") {
                    while truncated && x.abs() > T::from_f64(2.0) {
                        *x = Tensor::randn(&[], rng).item();
                    }
                    *x = T::from_f64(mean) + *x * T::from_f64(std);
                }
                x
            }
            Init::GlorotUniform => uniform(shape, 2.0 / (fan_in + fan_out), rng),
            Init::HeUniform => uniform(shape, 2.0 / fan_in, rng),
            Init::LecunUniform => uniform(shape, 1.0 / fan_in, rng),
            Init::GlorotNormal => normal(shape, 2.0 / (fan_in + fan_out), rng),
            Init::HeNormal => normal(shape, 2.0 / fan_in, rng),
            Init::LecunNormal => normal(shape, 1.0 / fan_in, rng),
            Init::Orthogonal(gain) => orthogonal(shape, gain, rng),
        }
    }
}

fn uniform<T: Float>(shape: &[usize], variance: f64, rng: &mut impl Rng) -> Tensor<T> {
    let limit = (3.0 * variance).sqrt();
    Tensor::uniform(shape, T::from_f64(-limit), T::from_f64(limit), rng)
}

fn normal<T: Float>(shape: &[usize], variance: f64, rng: &mut impl Rng) -> Tensor<T> {
    Init::Normal { mean: 0.0, std: variance.sqrt() }.tensor(shape, rng)
}

/// Normal vectors made orthonormal one after the other (Gram and Schmidt), each twice, which is enough in
/// double precision (Giraud, Langou, Rozložník, 2005). They then point anywhere with equal probability.
fn orthogonal<T: Float>(shape: &[usize], gain: f64, rng: &mut impl Rng) -> Tensor<T> {
    let rows = shape.first().copied().unwrap_or(1);
    let columns: usize = shape.iter().skip(1).product();
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut v = Tensor::<f64>::randn(&[len], rng).to_vec();
        for _ in 0..2 {
            for before in &vectors {
                let along = dot(&v, before);
                v.iter_mut().zip(before).for_each(|(x, &b)| *x -= along * b);
            }
            let norm = dot(&v, &v).sqrt();
            v.iter_mut().for_each(|x| *x /= norm);
        }
        // One in as good as infinitely many draws lies among the others.
        if v.iter().all(|x| x.is_finite()) {
            vectors.push(v);
        }
    }
    let element = |row: usize, column: usize| match rows <= columns {
        true => vectors[row][column],
        false => vectors[column][row],
    };
    let flat = (0..rows * columns).map(|i| T::from_f64(gain * element(i / columns, i % columns)));
    Tensor::from_vec(flat.collect(), shape).expect("one element each")
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Inputs and outputs of one unit; at least 1, so that empty layers have finite limits.
fn fans(shape: &[usize]) -> (f64, f64) {
    let behind: usize = shape.iter().skip(2).product();
    let axis = |i: usize| shape.get(i).map_or(1, |&n| n * behind).max(1) as f64;
    (axis(1), axis(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;

    fn moments(init: Init) -> (f64, f64) {
        let w: Tensor<f64> = init.tensor(&[300, 200], &mut seeded(1));
        let n = w.len() as f64;
        let mean = w.as_slice().iter().sum::<f64>() / n;
        (mean, w.as_slice().iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn variances_are_those_of_the_papers() {
        let cases = [
            (Init::GlorotUniform, 2.0 / 500.0),
            (Init::GlorotNormal, 2.0 / 500.0),
            (Init::HeUniform, 2.0 / 200.0),
            (Init::HeNormal, 2.0 / 200.0),
            (Init::LecunUniform, 1.0 / 200.0),
            (Init::LecunNormal, 1.0 / 200.0),
            (Init::Orthogonal(2.0), 4.0 / 300.0),
            (Init::Uniform { low: -0.3, high: 0.3 }, 0.03),
            (Init::Normal { mean: 0.0, std: 0.2 }, 0.04),
            // 1 - 4·φ(2) / (2·Φ(2) - 1)
            (Init::TruncatedNormal { mean: 0.0, std: 0.2 }, 0.04 * 0.773_741),
        ];
        for (init, expected) in cases {
            let (mean, variance) = moments(init);
            let error = (variance / 60_000.0).sqrt();
            assert!(mean.abs() < 4.0 * error, "{init:?}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.03, "{init:?}: variance {variance}");
        }
    }

    #[test]
    fn means_are_moved_and_tails_cut_off() {
        let rng = &mut seeded(2);
        let w: Tensor<f64> = Init::TruncatedNormal { mean: 3.0, std: 0.5 }.tensor(&[10000], rng);
        let (least, largest) = (w.min().item(), w.max().item());
        assert!(least >= 2.0 && largest <= 4.0 && largest > 3.95 && least < 2.05, "{least} to {largest}");
        assert!((w.mean().item() - 3.0).abs() < 0.02);
        let w: Tensor<f64> = Init::Normal { mean: -1.0, std: 0.0 }.tensor(&[3], rng);
        assert_eq!(w, Tensor::full(&[3], -1.0));
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal_times_the_gain() {
        for shape in [&[5, 5][..], &[3, 8], &[8, 3], &[4, 3, 2, 2], &[20, 3, 2], &[7], &[1, 1], &[0, 4], &[]]
        {
            let w: Tensor<f64> = Init::Orthogonal(1.5).tensor(shape, &mut seeded(3));
            assert_eq!(w.shape()[..], *shape);
            let rows = shape.first().copied().unwrap_or(1);
            let columns: usize = shape.iter().skip(1).product();
            let matrix = w.reshape(&[rows, columns]).unwrap();
            let product =
                if rows <= columns { matrix.matmul(&matrix.t()) } else { matrix.t().matmul(&matrix) };
            let expected = Tensor::eye(rows.min(columns)).map(|x: f64| x * 2.25);
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
            assert!(product.as_slice().iter().zip(expected.as_slice()).all(close), "{shape:?}: {product}");
        }
    }

    #[test]
    #[should_panic(expected = "Init::Uniform: expected finite bounds in order, got 1 and -1")]
    fn bounds_in_the_wrong_order_are_refused() {
        Init::Uniform { low: 1.0, high: -1.0 }.tensor::<f32>(&[2], &mut seeded(0));
    }

    #[test]
    fn convolution_fans_count_the_kernel() {
        assert_eq!(fans(&[6, 4, 3, 3]), (36.0, 54.0));
        assert_eq!(fans(&[5]), (1.0, 5.0));
    }
}
