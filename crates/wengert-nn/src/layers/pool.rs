//! Pooling: images to smaller ones, window by window, or to one number each.

use super::call::{Call, pair, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, IntoPair, PoolOptions, Shape, Var};

/// What `x` would need, for windows over its last axes to fit.
fn misfit(x: &Shape, axes: usize, options: &PoolOptions) -> Option<String> {
    let (what, lengths) = if axes == 1 { ("sequences", "length") } else { ("images", "height, width") };
    let Some(first) = x.len().checked_sub(axes) else { return Some(format!("[.., {lengths}]")) };
    let has_room = |(&n, axis): (&usize, usize)| {
        n > 0 && n.saturating_add(2 * options.padding[axis]) >= options.kernel[axis]
    };
    let fits = x[first..].iter().zip(2 - axes..).all(has_room);
    (!fits).then(|| format!("{what} with room for a kernel of {}", kernel(axes, options)))
}

fn kernel(axes: usize, options: &PoolOptions) -> String {
    if axes == 1 { options.kernel[1].to_string() } else { pair(options.kernel) }
}

macro_rules! windows {
    ($($(#[$doc:meta])* $name:ident $kind:literal $method:ident $axes:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
        pub struct $name {
            options: PoolOptions,
        }

        impl $name {
            /// Windows of this size, side by side.
            ///
            /// # Panics
            /// A kernel of 0.
            #[track_caller]
            pub fn new(kernel: impl IntoPair) -> $name {
                let options = PoolOptions::new(kernel);
                let kernel = options.kernel;
                require(!kernel.contains(&0), stringify!($name), "a kernel of at least 1", pair(kernel));
                $name { options }
            }

            /// The distance between neighbouring windows. Default: the kernel's size.
            ///
            /// # Panics
            /// It is 0.
            #[must_use]
            #[track_caller]
            pub fn stride(self, stride: impl IntoPair) -> $name {
                let options = self.options.stride(stride);
                let stride = options.stride;
                require(!stride.contains(&0), stringify!($name), "a stride of at least 1", pair(stride));
                $name { options }
            }

            /// How far windows may reach beyond either side of the image. Default 0.
            ///
            /// # Panics
            /// It is not below the kernel.
            #[must_use]
            #[track_caller]
            pub fn padding(self, padding: impl IntoPair) -> $name {
                let options = self.options.padding(padding);
                let (kernel, padding) = (options.kernel, options.padding);
                let fits = padding[0] < kernel[0] && padding[1] < kernel[1];
                let fitting = format_args!("a padding below the kernel {}", pair(kernel));
                require(fits, stringify!($name), fitting, pair(padding));
                $name { options }
            }

            /// Kernel, stride and padding.
            pub fn options(&self) -> &PoolOptions {
                &self.options
            }
        }

        impl<T: Float> Forward<T> for $name {
            /// # Panics
            /// `x` has too few axes, or no room for a window.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let (call, shape) = (Call::enter(self, $kind, x.tape()), x.shape());
                if let Some(expected) = misfit(&shape, $axes, &self.options) {
                    let kernel = kernel($axes, &self.options);
                    call.refuse(format_args!("{} {kernel}", stringify!($name)), expected, shape);
                }
                call.output(x.$method(self.options))
            }
        }
    )*};
}

windows! {
    /// The largest element of each window: `[.., height, width]` to `[.., rows, columns]` of windows,
    /// (n + 2·padding - kernel) / stride + 1 of them along an axis of n, rounded down.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let tape = GradientTape::<f32>::new();
    /// let x = tape.constant(Tensor::zeros(&[4, 3, 32, 32]));
    /// assert_eq!(MaxPool2d::new(2).forward(x).shape()[..], [4, 3, 16, 16]);
    /// assert_eq!(MaxPool2d::new(3).stride(2).padding(1).forward(x).shape()[..], [4, 3, 16, 16]);
    /// ```
    MaxPool2d "max_pool2d" max_pool2d 2;
    /// The mean of each window, as [`MaxPool2d`]; padding counts as zeros.
    AvgPool2d "avg_pool2d" avg_pool2d 2;
    /// The largest element of each window of sequences `[.., length]`; of pairs the second counts.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let tape = GradientTape::<f32>::new();
    /// let x = tape.constant(Tensor::zeros(&[4, 3, 32]));
    /// assert_eq!(MaxPool1d::new(2).forward(x).shape()[..], [4, 3, 16]);
    /// ```
    MaxPool1d "max_pool1d" max_pool1d 1;
    /// The mean of each window of sequences, as [`MaxPool1d`]; padding counts as zeros.
    AvgPool1d "avg_pool1d" avg_pool1d 1;
}

/// The mean of each image: `[batch, channels, height, width]` to `[batch, channels]`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::new();
/// let x = tape.constant(tensor![[[[1.0, 2.0], [3.0, 6.0]]]]);
/// assert_eq!(GlobalAvgPool2d.forward(x).value(), tensor![[3.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct GlobalAvgPool2d;

impl<T: Float> Forward<T> for GlobalAvgPool2d {
    /// # Panics
    /// `x` has no two axes.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "global_avg_pool2d", x.tape()), x.shape());
        if shape.len() < 2 {
            call.refuse("GlobalAvgPool2d", "[.., height, width]", shape);
        }
        call.output(x.global_avg_pool2d())
    }
}

/// The largest element of each image: `[batch, channels, height, width]` to `[batch, channels]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct GlobalMaxPool2d;

impl<T: Float> Forward<T> for GlobalMaxPool2d {
    /// # Panics
    /// `x` has no two axes, or they are empty.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "global_max_pool2d", x.tape()), x.shape());
        if shape.len() < 2 || shape[shape.len() - 2..].contains(&0) {
            call.refuse("GlobalMaxPool2d", "[.., height, width] with elements", shape);
        }
        call.output(x.global_max_pool2d())
    }
}

/// Means over so many parts of an image that the result has a given size, whatever the image's: see
/// [`Var::adaptive_avg_pool2d`].
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::<f32>::new();
/// let x = tape.constant(Tensor::zeros(&[4, 3, 13, 17]));
/// assert_eq!(AdaptiveAvgPool2d::new([2, 3]).forward(x).shape()[..], [4, 3, 2, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct AdaptiveAvgPool2d {
    size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// Height and width of the result.
    pub fn new(size: impl IntoPair) -> AdaptiveAvgPool2d {
        AdaptiveAvgPool2d { size: size.into_pair() }
    }
}

impl<T: Float> Forward<T> for AdaptiveAvgPool2d {
    /// # Panics
    /// `x` has no two axes, or they are empty.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "adaptive_avg_pool2d", x.tape()), x.shape());
        if shape.len() < 2 || shape[shape.len() - 2..].contains(&0) {
            let text = format_args!("AdaptiveAvgPool2d {}", pair(self.size));
            call.refuse(text, "[.., height, width] with elements", shape);
        }
        call.output(x.adaptive_avg_pool2d(self.size))
    }
}
