//! Pooling: images to smaller ones, window by window, or to one number each.

use super::call::{Call, pair, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, IntoPair, PoolOptions, Shape, Var};

/// What an image `x` would need, for windows to fit.
fn misfit(x: &Shape, options: &PoolOptions) -> Option<String> {
    let Some(first) = x.len().checked_sub(2) else { return Some("[.., height, width]".into()) };
    let has_room = |i: usize| {
        x[first + i].saturating_add(2 * options.padding[i]) >= options.kernel[i] && x[first + i] > 0
    };
    (!has_room(0) || !has_room(1))
        .then(|| format!("images with room for a kernel of {}", pair(options.kernel)))
}

macro_rules! windows {
    ($($(#[$doc:meta])* $name:ident $kind:literal $method:ident;)*) => {$(
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
            /// `x` has no two axes, or no room for a window.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let (call, shape) = (Call::enter(self, $kind, x.tape()), x.shape());
                if let Some(expected) = misfit(&shape, &self.options) {
                    let kernel = pair(self.options.kernel);
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
    MaxPool2d "max_pool2d" max_pool2d;
    /// The mean of each window, as [`MaxPool2d`]; padding counts as zeros.
    AvgPool2d "avg_pool2d" avg_pool2d;
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
