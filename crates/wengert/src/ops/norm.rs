//! Normalisation: elements are shifted and scaled to mean 0 and variance 1, over different sets of
//! axes, then scaled and shifted by parameters.
//!
//! Here are the methods and what they are composed of, which defines them; the mean is subtracted before
//! the squares are taken, so that nothing cancels where the mean is large. On the tape each is one
//! operation with kernels of its own, a sixth of the composition's time or less, forward and back, for large operands on one thread.

mod channels;
mod rows;

use super::custom::Bars;
use crate::element::Float;
use crate::error::ShapeError;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use channels::{ChannelWise, Given, Kept, Moments};
use rows::RowWise;
use smallvec::SmallVec;
use std::panic::Location;

type Axes = SmallVec<[isize; 6]>;

/// The last axes of `x`, which all `parameters` have.
fn last_axes(op: &'static str, x: &Shape, parameters: &[&Shape]) -> Result<Axes, ShapeError> {
    for own in parameters {
        if own.is_empty() || !x.ends_with(own) || *own != parameters[0] {
            let what = if parameters.len() == 1 { "a weight" } else { "weight and bias" };
            let fitting = format!("{what} of the lengths of the last axes of x {x}");
            return ShapeError::expected(op, fitting, own.to_string());
        }
    }
    Ok((1..=parameters[0].len() as isize).map(|i| -i).collect())
}

/// The number of channels of `x [batch, channels, ..]`, which all `parameters` have.
fn channels(op: &'static str, x: &Shape, parameters: &[&Shape]) -> Result<usize, ShapeError> {
    let &[_, channels, ..] = &x[..] else {
        return ShapeError::expected(op, "x [batch, channels, ..]", x.to_string());
    };
    match parameters.iter().find(|own| own[..] != [channels]) {
        None => Ok(channels),
        Some(own) => {
            ShapeError::expected(op, format!("one number for each of {channels} channels"), own.to_string())
        }
    }
}

/// A buffer for each contribution that is wanted.
fn bars<T: Float>(inputs: &[&Tensor<T>], wanted: &[bool], pool: &mut Pool<T>) -> Bars<Tensor<T>> {
    let bar = |(x, wanted): (&&Tensor<T>, &bool)| wanted.then(|| pool.build(x.shape().clone(), |_| {}));
    inputs.iter().zip(wanted).map(bar).collect()
}

/// The elements of a tensor that has just been made.
fn elements<T: Float>(x: &mut Tensor<T>) -> &mut [T] {
    x.get_mut().expect("it has just been made")
}

/// All axes but that of channels.
fn other_axes(x: &Shape) -> Axes {
    (0..x.len() as isize).filter(|&i| i != 1).collect()
}

/// `x [batch, channels, ..]` as `[batch, groups, elements]`.
fn grouped(x: &Shape, groups: usize) -> [usize; 3] {
    [x[0], groups, x[1] / groups * x[2..].iter().product::<usize>()]
}

/// A vector of channels, to broadcast with `x [batch, channels, ..]`.
#[track_caller]
fn along_channels<'t, T: Float>(v: Var<'t, T>, x: &Shape) -> Var<'t, T> {
    let mut shape: SmallVec<[usize; 6]> = SmallVec::from_elem(1, x.len() - 1);
    shape[0] = x[1];
    v.reshape(&shape)
}

impl<'t, T: Float> Var<'t, T> {
    /// x - mean over `axes`, and the mean and variance, which keep those axes.
    #[track_caller]
    fn centered(self, axes: &[isize]) -> [Var<'t, T>; 3] {
        let mean = self.mean_axes(axes, true);
        let centered = self - mean;
        [centered, mean, centered.square().mean_axes(axes, true)]
    }

    /// The composition of [`layer_norm`](Var::layer_norm), or without bias of [`rms_norm`](Var::rms_norm).
    #[track_caller]
    fn normed_rows(self, weight: Var<'t, T>, bias: Option<Var<'t, T>>, eps: f64) -> Var<'t, T> {
        let axes: Axes = (1..=weight.shape().len() as isize).map(|i| -i).collect();
        let Some(bias) = bias else {
            return self * (1.0 / (self.square().mean_axes(&axes, true) + eps).sqrt()) * weight;
        };
        let [centered, _, variance] = self.centered(&axes);
        centered * (1.0 / (variance + eps).sqrt()) * weight + bias
    }

    /// That of [`batch_norm`](Var::batch_norm) and, with so many groups, of
    /// [`group_norm`](Var::group_norm).
    #[track_caller]
    fn normed_sets(
        self,
        groups: Option<usize>,
        weight: Var<'t, T>,
        bias: Var<'t, T>,
        eps: f64,
    ) -> Var<'t, T> {
        let x = self.shape();
        let (weight, bias) = (along_channels(weight, &x), along_channels(bias, &x));
        match groups {
            None => {
                let [centered, _, variance] = self.centered(&other_axes(&x));
                centered * (1.0 / (variance + eps).sqrt()) * weight + bias
            }
            Some(groups) => {
                let [centered, _, variance] = self.reshape(&grouped(&x, groups)).centered(&[-1]);
                (centered * (1.0 / (variance + eps).sqrt())).reshape(&x) * weight + bias
            }
        }
    }

    /// That of mean and variance of each set, `[2, sets]`.
    #[track_caller]
    fn moments(self, groups: Option<usize>) -> Var<'t, T> {
        let x = self.shape();
        let [_, mean, variance] = match groups {
            None => self.centered(&other_axes(&x)),
            Some(groups) => self.reshape(&grouped(&x, groups)).centered(&[-1]),
        };
        self.tape().stack(&[mean.flatten(), variance.flatten()], 0)
    }

    /// That of [`batch_norm_with`](Var::batch_norm_with).
    #[track_caller]
    fn normed_with(self, [mean, variance, weight, bias]: [Var<'t, T>; 4], eps: f64) -> Var<'t, T> {
        let x = self.shape();
        let scale = along_channels(weight / (variance + eps).sqrt(), &x);
        (self - along_channels(mean, &x)) * scale + along_channels(bias, &x)
    }

    /// (x - mean) / √(variance + eps) · weight + bias, with mean and variance over the last axes:
    /// those of `weight` and `bias`. (J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.)
    ///
    /// # Panics
    /// `weight` and `bias` have not the lengths of the last axes.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor, tensor};
    /// let tape = GradientTape::new();
    /// let (weight, bias) = (tape.var(tensor![2.0, 2.0]), tape.var(tensor![0.0, 1.0]));
    /// let x = tape.var(tensor![[1.0, 3.0], [1e6, 1e6 + 8.0]]);
    /// let y = x.layer_norm(weight, bias, 0.0);
    /// assert_eq!(y.value(), tensor![[-2.0, 3.0], [-2.0, 3.0]]);
    /// ```
    #[track_caller]
    pub fn layer_norm(self, weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> Var<'t, T> {
        let axes = last_axes("layer_norm", &self.shape(), &[&weight.shape(), &bias.shape()]);
        GradientTape::<T>::fit(axes);
        self.tape().composed(RowWise { centered: true, eps }, &[self, weight, bias])
    }

    /// x / √(mean of x² + eps) · weight, with the mean over the last axes: those of `weight`.
    /// (B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.)
    ///
    /// # Panics
    /// `weight` has not the lengths of the last axes.
    #[track_caller]
    pub fn rms_norm(self, weight: Var<'t, T>, eps: f64) -> Var<'t, T> {
        GradientTape::<T>::fit(last_axes("rms_norm", &self.shape(), &[&weight.shape()]));
        self.tape().composed(RowWise { centered: false, eps }, &[self, weight])
    }

    /// (x - mean) / √(variance + eps) · weight + bias of each channel of `[batch, channels, ..]`, with
    /// the mean and variance of the batch, which gradients flow through: the form for training.
    /// (S. Ioffe, C. Szegedy, "Batch normalization", 2015.)
    ///
    /// # Panics
    /// There is no axis of channels, or `weight` and `bias` are not `[channels]`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (weight, bias) = (tape.var(tensor![1.0, 1.0]), tape.var(tensor![0.0, 5.0]));
    /// let x = tape.var(tensor![[1.0, 20.0], [3.0, 10.0]]);
    /// assert_eq!(x.batch_norm(weight, bias, 0.0).value(), tensor![[-1.0, 6.0], [1.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn batch_norm(self, weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> Var<'t, T> {
        let (x, groups) = (self.shape(), None);
        GradientTape::<T>::fit(channels("batch_norm", &x, &[&weight.shape(), &bias.shape()]));
        self.normed_channels("batch_norm", groups, weight, bias, eps).0
    }

    /// [`batch_norm`](Var::batch_norm) together with mean and variance of the batch, each
    /// `[channels]`, for running statistics. The variance is divided by the number n of elements of a
    /// channel; running statistics usually keep n / (n - 1) of it.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn batch_norm_statistics(
        self,
        weight: Var<'t, T>,
        bias: Var<'t, T>,
        eps: f64,
    ) -> (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
        let (x, groups) = (self.shape(), None);
        let channels = channels("batch_norm", &x, &[&weight.shape(), &bias.shape()]);
        let channels = GradientTape::<T>::fit(channels);
        let (y, moments) = self.normed_channels("batch_norm", groups, weight, bias, eps);
        let moments = self.tape().composed(Kept(Moments { groups }), &[self, moments]);
        (y, moments.part(0, 0, 1).reshape(&[channels]), moments.part(0, 1, 1).reshape(&[channels]))
    }

    /// [`batch_norm`](Var::batch_norm) with a given mean and variance, each `[channels]`: the form
    /// for inference, with running statistics.
    ///
    /// # Panics
    /// There is no axis of channels, or one of the others is not `[channels]`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let of = |x: f64| tape.constant(tensor![x]);
    /// let x = tape.var(tensor![[3.0], [5.0]]);
    /// let y = x.batch_norm_with(of(1.0), of(4.0), of(10.0), of(0.5), 0.0);
    /// assert_eq!(y.value(), tensor![[10.5], [20.5]]);
    /// ```
    #[track_caller]
    pub fn batch_norm_with(
        self,
        mean: Var<'t, T>,
        variance: Var<'t, T>,
        weight: Var<'t, T>,
        bias: Var<'t, T>,
        eps: f64,
    ) -> Var<'t, T> {
        let x = self.shape();
        let all = [&mean.shape(), &variance.shape(), &weight.shape(), &bias.shape()];
        GradientTape::<T>::fit(channels("batch_norm", &x, &all));
        self.tape().composed(Given { eps }, &[self, mean, variance, weight, bias])
    }

    /// (x - mean) / √(variance + eps) · weight + bias of `[batch, channels, ..]`, with mean and variance
    /// over groups of neighbouring channels of each example. (Y. Wu, K. He, "Group normalization", 2018.)
    ///
    /// # Panics
    /// There is no axis of channels, `groups` does not divide it, or `weight` and `bias` are not
    /// `[channels]`.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (weight, bias) = (tape.var(tensor![1.0, 1.0, 1.0, 1.0]), tape.var(tensor![0.0, 0.0, 0.0, 9.0]));
    /// let x = tape.var(tensor![[1.0, 3.0, 60.0, 40.0]]);
    /// assert_eq!(x.group_norm(2, weight, bias, 0.0).value(), tensor![[-1.0, 1.0, 1.0, 8.0]]);
    /// ```
    #[track_caller]
    pub fn group_norm(self, groups: usize, weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> Var<'t, T> {
        self.normed_groups("group_norm", Some(groups), weight, bias, eps)
    }

    /// [`group_norm`](Var::group_norm) with a group for each channel. (D. Ulyanov, A. Vedaldi,
    /// V. Lempitsky, "Instance normalization", 2016.)
    ///
    /// # Panics
    /// There is no axis of channels, or `weight` and `bias` are not `[channels]`.
    #[track_caller]
    pub fn instance_norm(self, weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> Var<'t, T> {
        self.normed_groups("instance_norm", None, weight, bias, eps)
    }

    #[track_caller]
    fn normed_groups(
        self,
        op: &'static str,
        groups: Option<usize>,
        weight: Var<'t, T>,
        bias: Var<'t, T>,
        eps: f64,
    ) -> Var<'t, T> {
        let x = self.shape();
        let channels = GradientTape::<T>::fit(channels(op, &x, &[&weight.shape(), &bias.shape()]));
        let groups = groups.unwrap_or(channels.max(1));
        if groups == 0 || !channels.is_multiple_of(groups) {
            panic!("{op}: expected groups that divide {channels} channels, got {groups} groups");
        }
        self.normed_channels(op, Some(groups), weight, bias, eps).0
    }

    /// Channels, or so many groups of them, with their moments, which nothing flows back through: the
    /// rule takes that path too.
    #[track_caller]
    fn normed_channels(
        self,
        name: &'static str,
        groups: Option<usize>,
        weight: Var<'t, T>,
        bias: Var<'t, T>,
        eps: f64,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let tape = self.tape();
        tape.own_all(&[weight, bias]);
        let moments = || tape.paused(|| tape.composed(Moments { groups }, &[self]));
        let moments = tape.located(Location::caller(), moments);
        let inputs = [self, weight, bias, moments];
        (tape.composed(ChannelWise { name, groups, eps }, &inputs), moments)
    }
}
