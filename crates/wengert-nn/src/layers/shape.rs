//! Layers that only change the shape of each example, or the size of images.

use super::call::{Call, pair, require};
use crate::forward::Forward;
use crate::module::Module;
use wengert::{Float, IntoPair, Shape, Var};

/// All axes but the first as one: `[batch, ..]` to `[batch, n]`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::<f32>::new();
/// let x = tape.constant(Tensor::zeros(&[4, 3, 8, 8]));
/// assert_eq!(Flatten.forward(x).shape()[..], [4, 192]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Module)]
pub struct Flatten;

impl<T: Float> Forward<T> for Flatten {
    /// # Panics
    /// `x` is a scalar.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "flatten", x.tape()), x.shape());
        let Some((&batch, each)) = shape.split_first() else { call.refuse("Flatten", "[batch, ..]", shape) };
        call.output(x.reshape(&[batch, each.iter().product()]))
    }
}

/// Each example in another shape: `[batch, ..]` to `[batch, shape ..]`.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::<f32>::new();
/// let x = tape.constant(Tensor::zeros(&[4, 784]));
/// assert_eq!(Reshape::new(&[1, 28, 28]).forward(x).shape()[..], [4, 1, 28, 28]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Module)]
pub struct Reshape {
    shape: Shape,
}

impl Reshape {
    /// The shape of one example.
    ///
    /// # Panics
    /// It is too large.
    #[track_caller]
    pub fn new(shape: &[usize]) -> Reshape {
        match Shape::new(shape) {
            Ok(shape) => Reshape { shape },
            Err(error) => panic!("Reshape: {error}"),
        }
    }
}

impl<T: Float> Forward<T> for Reshape {
    /// # Panics
    /// An example has another number of elements.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "reshape", x.tape()), x.shape());
        let each = self.shape.elements();
        if shape.is_empty() || shape[1..].iter().product::<usize>() != each {
            let expected = format_args!("[batch, ..] with {each} elements an example");
            call.refuse(format_args!("Reshape {}", self.shape), expected, shape);
        }
        let to: Shape = [shape[0]].iter().chain(self.shape.iter()).copied().collect();
        call.output(x.reshape(&to))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nearest,
    Bilinear { align_corners: bool },
}

/// Images `[.., height, width]` made larger by whole factors.
///
/// ```
/// use wengert_nn::prelude::*;
/// let tape = GradientTape::new();
/// let x = tape.constant(tensor![[0.0, 4.0]]);
/// assert_eq!(Upsample::nearest([1, 2]).forward(x).value(), tensor![[0.0, 0.0, 4.0, 4.0]]);
/// assert_eq!(Upsample::bilinear([1, 2]).forward(x).value(), tensor![[0.0, 1.0, 3.0, 4.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Module)]
pub struct Upsample {
    factor: [usize; 2],
    #[module(skip)]
    between: Between,
}

impl Upsample {
    /// Every element is repeated.
    ///
    /// # Panics
    /// A factor of 0.
    #[track_caller]
    pub fn nearest(factor: impl IntoPair) -> Upsample {
        let factor = factor.into_pair();
        require(!factor.contains(&0), "Upsample", "a factor of at least 1", pair(factor));
        Upsample { factor, between: Between::Nearest }
    }

    /// Linear interpolation along both axes, where the images' edges lie on each other.
    ///
    /// # Panics
    /// A factor of 0.
    #[track_caller]
    pub fn bilinear(factor: impl IntoPair) -> Upsample {
        Upsample { between: Between::Bilinear { align_corners: false }, ..Upsample::nearest(factor) }
    }

    /// Linear interpolation where the corners' elements lie on each other instead of the edges.
    #[must_use]
    pub fn align_corners(self) -> Upsample {
        Upsample { between: Between::Bilinear { align_corners: true }, ..self }
    }
}

impl<T: Float> Forward<T> for Upsample {
    /// # Panics
    /// `x` has no two axes, or they are empty.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (call, shape) = (Call::enter(self, "upsample", x.tape()), x.shape());
        let [.., height, width] = shape[..] else {
            call.refuse(format_args!("Upsample {}", pair(self.factor)), "[.., height, width]", shape)
        };
        if shape[shape.len() - 2..].contains(&0) {
            call.refuse(format_args!("Upsample {}", pair(self.factor)), "images with elements", shape);
        }
        let [down, along] = self.factor;
        call.output(match self.between {
            Between::Nearest => x.upsample_nearest2d(self.factor),
            Between::Bilinear { align_corners } => {
                let size = [height.saturating_mul(down), width.saturating_mul(along)];
                x.upsample_bilinear2d(size, align_corners)
            }
        })
    }
}
