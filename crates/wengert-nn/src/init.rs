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
    /// Uniform in ±√(6 / (fan_in + fan_out)): Keras' default for dense layers.
    /// (Glorot and Bengio, 2010, equation 16.)
    GlorotUniform,
    /// Normal with variance 2 / (fan_in + fan_out). (Glorot and Bengio, 2010.)
    GlorotNormal,
    /// Uniform in ±√(6 / fan_in), for relu. (He et al., 2015, equation 10.)
    HeUniform,
    /// Normal with variance 2 / fan_in, for relu. (He et al., 2015, equation 10.)
    HeNormal,
}

impl Init {
    /// A tensor of `shape`; same generator state, same values.
    pub fn tensor<T: Float>(self, shape: &[usize], rng: &mut impl Rng) -> Tensor<T> {
        let (fan_in, fan_out) = fans(shape);
        let mut uniform = |variance: f64| {
            let limit = (3.0 * variance).sqrt();
            Tensor::uniform(shape, T::from_f64(-limit), T::from_f64(limit), rng)
        };
        match self {
            Init::Zeros => Tensor::zeros(shape),
            Init::Ones => Tensor::ones(shape),
            Init::Constant(c) => Tensor::full(shape, T::from_f64(c)),
            Init::GlorotUniform => uniform(2.0 / (fan_in + fan_out)),
            Init::HeUniform => uniform(2.0 / fan_in),
            Init::GlorotNormal => normal(shape, 2.0 / (fan_in + fan_out), rng),
            Init::HeNormal => normal(shape, 2.0 / fan_in, rng),
        }
    }
}

fn normal<T: Float>(shape: &[usize], variance: f64, rng: &mut impl Rng) -> Tensor<T> {
    let mut x = Tensor::randn(shape, rng);
    let scale = T::from_f64(variance.sqrt());
    x.get_mut().expect("a new tensor is unshared").iter_mut().for_each(|x| *x = *x * scale);
    x
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
        ];
        for (init, expected) in cases {
            let (mean, variance) = moments(init);
            assert!(mean.abs() < 1e-3, "{init:?}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.03, "{init:?}: variance {variance}");
        }
    }

    #[test]
    fn convolution_fans_count_the_kernel() {
        assert_eq!(fans(&[6, 4, 3, 3]), (36.0, 54.0));
        assert_eq!(fans(&[5]), (1.0, 5.0));
    }
}
