//! Maxima and means over sliding windows of the last two axes.
//!
//! The mean and its transpose are each other's rules. The maximum gives all of its gradient to the
//! first largest element of each window, in row-major order. Which one that is, is not stored but
//! found again from the values, so that a recording that is differentiated again, or moved along a
//! direction, goes by the numbers that it has. Picking elements at those places and its transpose
//! are linear in what is moved, and let nothing back to the values: the places are locally constant.

use super::slide::{self, Steps};
use super::{At, IntoPair, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, Slide, Windows};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// Windows over images. List: the six numbers of each axis' [`Slide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool2d {
    /// The largest of each window.
    Max,
    /// Of two images, the second's elements where the first's windows have their largest.
    MaxPick,
    /// Transpose of that, of an image and windows: zeros, to which each window's element is added
    /// where the image's window has its largest.
    MaxUnpick,
    /// The mean of each window, padding included.
    Avg,
    /// Transpose of the mean: each window gives an equal share to its elements.
    AvgUnpool,
}

impl Pool2d {
    /// Every operation of this family.
    pub const ALL: &[Pool2d] =
        &[Pool2d::Max, Pool2d::MaxPick, Pool2d::MaxUnpick, Pool2d::Avg, Pool2d::AvgUnpool];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Pool2d::Max => "max_pool2d",
            Pool2d::MaxPick => "max_pick2d",
            Pool2d::MaxUnpick => "max_unpick2d",
            Pool2d::Avg => "avg_pool2d",
            Pool2d::AvgUnpool => "avg_unpool2d",
        }
    }

    pub(crate) fn shape(self, list: &[usize], x: &Shape) -> Result<Shape, ShapeError> {
        let last = slide::slides(list).map(|axis| match self {
            Pool2d::Max | Pool2d::MaxPick | Pool2d::Avg => axis.count,
            Pool2d::MaxUnpick | Pool2d::AvgUnpool => axis.image,
        });
        Shape::new(&x[..x.len() - 2].iter().copied().chain(last).collect::<Shape>())
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        list: &[usize],
        inputs: &[&Tensor<T>],
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let planes = shape[..shape.len() - 2].iter().product();
        let w = &Windows { planes, axes: slide::slides(list) };
        let [first, last] = [inputs[0], inputs[inputs.len() - 1]].map(|x| x.as_slice());
        pool.build(shape, |out| match self {
            Pool2d::Max => T::max_pool(first, w, out),
            Pool2d::MaxPick => T::max_pick(first, last, w, out),
            Pool2d::MaxUnpick => T::max_unpick(first, last, w, out),
            Pool2d::Avg => T::avg_pool(first, w, out),
            Pool2d::AvgUnpool => T::avg_unpool(first, w, out),
        })
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        at: At,
        wrt: usize,
        x: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let transpose = match (self, wrt) {
            (Pool2d::Max, _) | (Pool2d::MaxPick, 1) => Pool2d::MaxUnpick,
            (Pool2d::MaxUnpick, 1) => Pool2d::MaxPick,
            (Pool2d::Avg, _) => Pool2d::AvgUnpool,
            (Pool2d::AvgUnpool, _) => Pool2d::Avg,
            _ => return,
        };
        let op = Op::Pool2d(transpose, at);
        into.add(match transpose {
            // Detached, so that whoever asks for a gradient of the places is told what cuts it off.
            Pool2d::MaxPick | Pool2d::MaxUnpick => V::apply(op, &[&V::apply(Op::Detach, &[x]), &y_bar]),
            _ => V::apply(op, &[&y_bar]),
        });
    }
}

/// What a print says: `kernel=[2, 2]`, and so on for what is not as usual.
pub(crate) fn text(list: &[usize]) -> Vec<String> {
    let axes = slide::slides(list);
    let (kernel, stride) = (axes.map(|a| a.kernel), axes.map(|a| a.stride));
    let padding = axes.map(|a| a.padding);
    let mut text = vec![format!("kernel={kernel:?}")];
    text.extend((stride != kernel).then(|| format!("stride={stride:?}")));
    text.extend((padding != [0; 2]).then(|| format!("padding={padding:?}")));
    text
}

/// Which windows slide over an image: each number for both axes, or one for each.
///
/// A kernel alone stands for windows side by side: `x.max_pool2d(2)`. In one dimension the second
/// number counts.
///
/// ```
/// use wengert::PoolOptions;
/// let options = PoolOptions::new(3).stride(2).padding([0, 1]);
/// assert_eq!((options.kernel, options.stride, options.padding), ([3, 3], [2, 2], [0, 1]));
/// assert_eq!(PoolOptions::new([2, 3]).stride, [2, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// The size of a window.
    pub kernel: [usize; 2],
    /// The distance between neighbouring windows.
    pub stride: [usize; 2],
    /// How far windows may reach beyond either side of the image.
    pub padding: [usize; 2],
}

impl PoolOptions {
    /// Windows of this size, side by side.
    pub fn new(kernel: impl IntoPair) -> PoolOptions {
        let kernel = kernel.into_pair();
        PoolOptions { kernel, stride: kernel, padding: [0; 2] }
    }

    /// The distance between neighbouring windows. Default: the kernel's size.
    pub fn stride(self, stride: impl IntoPair) -> PoolOptions {
        PoolOptions { stride: stride.into_pair(), ..self }
    }

    /// How far windows may reach beyond either side of the image. Default 0.
    pub fn padding(self, padding: impl IntoPair) -> PoolOptions {
        PoolOptions { padding: padding.into_pair(), ..self }
    }

    /// The windows of images of one row.
    fn in_a_row(self) -> PoolOptions {
        PoolOptions {
            kernel: [1, self.kernel[1]],
            stride: [1, self.stride[1]],
            padding: [0, self.padding[1]],
        }
    }
}

impl<K: IntoPair> From<K> for PoolOptions {
    fn from(kernel: K) -> PoolOptions {
        PoolOptions::new(kernel)
    }
}

/// The attribute list of windows over the last two axes, if they fit.
fn list(op: &'static str, x: &Shape, options: &PoolOptions) -> Result<[usize; 12], ShapeError> {
    let first = images(op, x)?;
    let slide = |axis: usize, image: usize| -> Result<Slide, ShapeError> {
        let PoolOptions { kernel, stride, padding } = options;
        let (kernel, stride, padding) = (kernel[axis], stride[axis], padding[axis]);
        if image == 0 {
            return ShapeError::expected(op, "images with elements", format!("x {x}"));
        }
        let slide = Steps { stride, padding, dilation: 1, more: 0 }.over(op, image, kernel)?;
        if padding >= kernel {
            // A window in the padding alone would be the largest or the mean of nothing.
            return ShapeError::expected(
                op,
                format!("a padding below the kernel {kernel}"),
                padding.to_string(),
            );
        }
        Ok(slide)
    };
    Ok(slide::list(&[slide(0, x[first])?, slide(1, x[first + 1])?]))
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn pooled(self, op: Pool2d, list: Result<[usize; 12], ShapeError>) -> Var<'t, T> {
        let at = self.tape().push_list(&GradientTape::<T>::fit(list));
        self.tape().record(Op::Pool2d(op, at), &[self])
    }

    /// Pooling of `[.., length]`, as images of one row.
    #[track_caller]
    fn pooled_in_a_row(self, op: Pool2d, name: &'static str, options: PoolOptions) -> Var<'t, T> {
        let shape = self.shape();
        let Some((&length, batch)) = shape.split_last() else {
            panic!("{name}: expected x [.., length], got {shape}");
        };
        let in_a_row: Shape = batch.iter().copied().chain([1, length]).collect();
        let list = GradientTape::<T>::fit(list(name, &in_a_row, &options.in_a_row()));
        let y = self.reshape(&in_a_row).pooled(op, Ok(list));
        let count = y.shape()[in_a_row.len() - 1];
        y.reshape(&batch.iter().copied().chain([count]).collect::<Shape>())
    }

    /// The largest element of each window over the last two axes: `[.., height, width]` to windows
    /// down and along, where an axis of n becomes (n + 2·padding - kernel) / stride + 1, rounded
    /// down. Padding never wins. All of a window's gradient goes to its first largest element in
    /// row-major order.
    ///
    /// # Panics
    /// There are not two axes or they are empty, a kernel or stride is 0, a kernel is larger than the
    /// padded image, or a padding is not below its kernel.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 5.0, 2.0, 2.0], [3.0, 4.0, 2.0, 2.0]]);
    /// let y = x.max_pool2d(2);
    /// assert_eq!(y.value(), tensor![[5.0, 2.0]]);
    /// let first = tensor![[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]];
    /// assert_eq!(y.sum().backward().wrt(x), &first);
    /// ```
    #[track_caller]
    pub fn max_pool2d(self, options: impl Into<PoolOptions>) -> Var<'t, T> {
        self.pooled(Pool2d::Max, list("max_pool2d", &self.shape(), &options.into()))
    }

    /// The mean of each window, as [`max_pool2d`](Var::max_pool2d). Padding counts as zeros: each
    /// sum is divided by the size of the kernel.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn avg_pool2d(self, options: impl Into<PoolOptions>) -> Var<'t, T> {
        self.pooled(Pool2d::Avg, list("avg_pool2d", &self.shape(), &options.into()))
    }

    /// The largest element of each window over the last axis; of pairs in the options the second
    /// counts. Otherwise as [`max_pool2d`](Var::max_pool2d).
    ///
    /// # Panics
    /// As there.
    ///
    /// ```
    /// use wengert::{PoolOptions, tensor};
    /// let x = tensor![1.0, 3.0, 2.0, 0.0, 4.0];
    /// assert_eq!(x.max_pool1d(2), tensor![3.0, 2.0]);
    /// assert_eq!(x.max_pool1d(PoolOptions::new(3).stride(2)), tensor![3.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn max_pool1d(self, options: impl Into<PoolOptions>) -> Var<'t, T> {
        self.pooled_in_a_row(Pool2d::Max, "max_pool1d", options.into())
    }

    /// The mean of each window over the last axis, as [`max_pool1d`](Var::max_pool1d).
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn avg_pool1d(self, options: impl Into<PoolOptions>) -> Var<'t, T> {
        self.pooled_in_a_row(Pool2d::Avg, "avg_pool1d", options.into())
    }

    /// The largest of each image, from `[.., height, width]` to `[..]`. All of the gradient goes to
    /// its first largest element in row-major order.
    ///
    /// # Panics
    /// There are not two axes, or they are empty.
    #[track_caller]
    pub fn global_max_pool2d(self) -> Var<'t, T> {
        let shape = self.shape();
        let images = GradientTape::<T>::fit(images("global_max_pool2d", &shape));
        let list = list("global_max_pool2d", &shape, &PoolOptions::new([shape[images], shape[images + 1]]));
        self.pooled(Pool2d::Max, list).reshape(&shape[..images])
    }

    /// The mean of each image, from `[.., height, width]` to `[..]`.
    ///
    /// # Panics
    /// There are not two axes.
    ///
    /// ```
    /// use wengert::tensor;
    /// let x = tensor![[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]];
    /// assert_eq!(x.global_avg_pool2d(), tensor![3.0, 1.0]);
    /// assert_eq!(x.global_max_pool2d(), tensor![6.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn global_avg_pool2d(self) -> Var<'t, T> {
        GradientTape::<T>::fit(images("global_avg_pool2d", &self.shape()));
        self.mean_axes(&[-2, -1], false)
    }
}

/// The number of axes before height and width.
pub(crate) fn images(op: &'static str, x: &Shape) -> Result<usize, ShapeError> {
    match x.len().checked_sub(2) {
        Some(images) => Ok(images),
        None => ShapeError::expected(op, "x [.., height, width]", x.to_string()),
    }
}
