//! Convolution as a family of three that is closed under its own rules, as matrix products are.
//!
//! Image x, kernels w and result y are bound by one trilinear form, the sum of all products that a
//! window makes: y from (x, w) is the convolution, x from (y, w) the transposed one, w from (x, y)
//! what its gradient needs. So the two rules of each member are the other two, and all share one
//! attribute list with every size in it.

use super::slide::{self, Steps};
use super::{At, IntoPair, Op, Reduce};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{ConvSizes, Kernels, Slide};
use crate::pool::Pool;
use crate::shape::{Axes, Shape};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// A member of the family. List: the number of groups, then the six numbers of each axis' [`Slide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conv {
    /// y from (x, w): a convolution, or rather a correlation, since nothing is flipped.
    Forward,
    /// x from (y, w): the transposed convolution.
    Input,
    /// w from (x, y).
    Weight,
}

impl Conv {
    /// Every operation of this family.
    pub const ALL: &[Conv] = &[Conv::Forward, Conv::Input, Conv::Weight];

    /// The name on the tape.
    pub const fn name(self) -> &'static str {
        match self {
            Conv::Forward => "conv2d",
            Conv::Input => "conv_transpose2d",
            Conv::Weight => "conv2d_weight",
        }
    }

    /// Both operands of this member and then its result.
    pub(crate) fn order<P>(self, x: P, w: P, y: P) -> [P; 3] {
        match self {
            Conv::Forward => [x, w, y],
            Conv::Input => [y, w, x],
            Conv::Weight => [x, y, w],
        }
    }

    fn sizes(self, list: &[usize], a: &Shape, b: &Shape) -> ConvSizes {
        let groups = list[0];
        let (inputs, outputs) = match self {
            Conv::Forward | Conv::Input => (b[1], b[0] / groups),
            Conv::Weight => (a[1] / groups, b[1] / groups),
        };
        ConvSizes { images: a[0], groups, inputs, outputs, axes: slide::slides(&list[1..]) }
    }

    pub(crate) fn shape(self, list: &[usize], a: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
        let ConvSizes { images, groups, inputs, outputs, axes: [rows, cols] } = self.sizes(list, a, b);
        let x = [images, groups * inputs, rows.image, cols.image];
        let w = [groups * outputs, inputs, rows.kernel, cols.kernel];
        let y = [images, groups * outputs, rows.count, cols.count];
        // What one image is unfolded to must have a size, too.
        Shape::new(&[inputs, rows.kernel, cols.kernel, rows.count, cols.count])?;
        let [.., result] = self.order(x, w, y);
        Shape::new(&result)
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        list: &[usize],
        inputs: &[&Tensor<T>],
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        let (a, b, bias) = (inputs[0], inputs[1], inputs.get(2).map(|bias| bias.as_slice()));
        let sizes = self.sizes(list, a.shape(), b.shape());
        let mut scratch = pool.build([T::conv_scratch(self, &sizes)].into(), |_| {});
        let result = pool.build(shape, |out| {
            let scratch = scratch.get_mut().expect("nobody else has seen it");
            T::conv(self, &sizes, [a.as_slice(), b.as_slice()], bias, scratch, out);
        });
        pool.put(scratch);
        result
    }

    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        at: At,
        wrt: usize,
        a: &V,
        b: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let (op, a, b) = match (self, wrt) {
            (_, 2) => return into.add(y_bar.reduce(Reduce::Sum, Axes::all(4).without(1), false)),
            (Conv::Forward, 0) => (Conv::Input, &y_bar, b),
            (Conv::Forward, _) => (Conv::Weight, a, &y_bar),
            (Conv::Input, 0) => (Conv::Forward, &y_bar, b),
            (Conv::Input, _) => (Conv::Weight, &y_bar, a),
            (Conv::Weight, 0) => (Conv::Input, b, &y_bar),
            (Conv::Weight, _) => (Conv::Forward, a, &y_bar),
        };
        into.add(V::apply(Op::Conv(op, at), &[a, b]));
    }
}

/// What a print says: `stride=[2, 2]`, and so on for what is not as usual.
pub(crate) fn text(list: &[usize]) -> Vec<String> {
    let axes = slide::slides(&list[1..]);
    let all = [
        ("stride", axes.map(|a| a.stride), [1; 2]),
        ("padding", axes.map(|a| a.padding), [0; 2]),
        ("dilation", axes.map(|a| a.dilation), [1; 2]),
    ];
    let unusual = all.into_iter().filter(|(_, pair, usual)| pair != usual);
    let groups = (list[0] != 1).then(|| format!("groups={}", list[0]));
    unusual.map(|(name, pair, _)| format!("{name}={pair:?}")).chain(groups).collect()
}

/// How kernels slide over an image: each number for both axes, or one for each.
///
/// In one dimension the second number counts.
///
/// ```
/// use wengert::ConvOptions;
/// let options = ConvOptions::new().stride(2).padding([1, 0]);
/// assert_eq!((options.stride, options.padding, options.groups), ([2, 2], [1, 0], 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// The distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros on either side of the image.
    pub padding: [usize; 2],
    /// The distance between the elements of a kernel.
    pub dilation: [usize; 2],
    /// Channels in and out are cut into so many groups, each convolved on its own.
    pub groups: usize,
    /// For transposed convolutions: rows and columns that the result has more at its end, of those
    /// sizes that a convolution with a stride takes to one.
    pub output_padding: [usize; 2],
}

impl Default for ConvOptions {
    fn default() -> Self {
        ConvOptions { stride: [1; 2], padding: [0; 2], dilation: [1; 2], groups: 1, output_padding: [0; 2] }
    }
}

impl ConvOptions {
    /// Stride 1, no padding, dilation 1, one group.
    pub fn new() -> ConvOptions {
        ConvOptions::default()
    }

    /// The distance between neighbouring windows. Default 1.
    pub fn stride(self, stride: impl IntoPair) -> ConvOptions {
        ConvOptions { stride: stride.into_pair(), ..self }
    }

    /// Zeros on either side of the image. Default 0.
    pub fn padding(self, padding: impl IntoPair) -> ConvOptions {
        ConvOptions { padding: padding.into_pair(), ..self }
    }

    /// The distance between the elements of a kernel. Default 1.
    pub fn dilation(self, dilation: impl IntoPair) -> ConvOptions {
        ConvOptions { dilation: dilation.into_pair(), ..self }
    }

    /// The number of groups. Default 1.
    pub fn groups(self, groups: usize) -> ConvOptions {
        ConvOptions { groups, ..self }
    }

    /// For transposed convolutions, how much larger the result is at its end. Default 0.
    pub fn output_padding(self, output_padding: impl IntoPair) -> ConvOptions {
        ConvOptions { output_padding: output_padding.into_pair(), ..self }
    }

    /// The options along one axis.
    fn along(&self, axis: usize) -> Steps {
        let [stride, padding, dilation, more] =
            [self.stride, self.padding, self.dilation, self.output_padding].map(|pair| pair[axis]);
        Steps { stride, padding, dilation, more }
    }
}

/// The axis that a one-dimensional convolution does not have.
const NO_AXIS: Slide = Slide { image: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, count: 1 };

/// `[a, b, height, width]` or `[a, b, length]` as four numbers.
fn with_axes(shape: &Shape, axes: usize) -> Option<[usize; 4]> {
    match (axes, &shape[..]) {
        (1, &[a, b, length]) => Some([a, b, 1, length]),
        (2, &[a, b, height, width]) => Some([a, b, height, width]),
        _ => None,
    }
}

/// The attribute list of a convolution, if everything fits.
fn list(
    op: &'static str,
    axes: usize,
    x: &Shape,
    w: &Shape,
    options: &ConvOptions,
) -> Result<[usize; 13], ShapeError> {
    let transposed = op.starts_with("conv_transpose");
    let (Some([_, channels, x_axes @ ..]), Some([first, second, w_axes @ ..])) =
        (with_axes(x, axes), with_axes(w, axes))
    else {
        let lengths = if axes == 1 { "length" } else { "height, width" };
        let weight = if transposed { "in, out / groups" } else { "out, in / groups" };
        let fitting = format!("x [batch, in, {lengths}] and weight [{weight}, {lengths}]");
        return ShapeError::expected(op, fitting, format!("x {x}, weight {w}"));
    };
    let groups = options.groups;
    let divides = |n: usize| groups != 0 && n.is_multiple_of(groups);
    if !divides(channels) || !divides(first) {
        let fitting = format!("groups that divide {channels} channels of x and {first} of the weight");
        return ShapeError::expected(op, fitting, format!("{groups} groups"));
    }
    if transposed && first != channels {
        let fitting = format!("a weight [in, out / groups, ..] for the {channels} channels of x");
        return ShapeError::expected(op, fitting, format!("weight {w}"));
    }
    if !transposed && second != channels / groups {
        let each = channels / groups;
        let of = if groups == 1 { String::new() } else { format!(" in {groups} groups") };
        let fitting = format!("a weight [out, {each}, ..] for the {channels} channels of x{of}");
        return ShapeError::expected(op, fitting, format!("weight {w}"));
    }
    if !transposed && options.output_padding != [0; 2] {
        let given = format!("{:?}", options.output_padding);
        return ShapeError::expected(op, "no output padding, which is for transposed convolutions", given);
    }
    let mut slides = [NO_AXIS; 2];
    for i in 2 - axes..2 {
        let along = options.along(i);
        slides[i] = match transposed {
            false => along.over(op, x_axes[i], w_axes[i])?,
            true => along.under(op, x_axes[i], w_axes[i])?,
        };
    }
    let numbers = slide::list(&slides);
    Ok(std::array::from_fn(|i| if i == 0 { groups } else { numbers[i - 1] }))
}

impl<'t, T: Float> Var<'t, T> {
    #[track_caller]
    fn convolve(self, op: Conv, weight: Var<'t, T>, list: Result<[usize; 13], ShapeError>) -> Var<'t, T> {
        let at = self.tape().push_list(&GradientTape::<T>::fit(list));
        self.tape().record(Op::Conv(op, at), &[self, weight])
    }

    /// [`conv2d`](Var::conv2d) plus a bias `[out]`, one number a channel, in one operation: the bias is
    /// what the sums begin with, so that it costs no pass over the result.
    ///
    /// # Panics
    /// As there, or the bias has another shape.
    ///
    /// ```
    /// use wengert::{ConvOptions, GradientTape, Tensor, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]);
    /// let (w, b) = (tape.var(Tensor::ones(&[1, 1, 2, 2])), tape.var(tensor![10.0]));
    /// let y = x.conv2d_bias(w, b, ConvOptions::new());
    /// assert_eq!(y.value(), tensor![[[[22.0, 26.0]]]]);
    /// assert_eq!(y.sum().backward().wrt(b), &tensor![2.0]);
    /// ```
    #[track_caller]
    pub fn conv2d_bias(self, weight: Var<'t, T>, bias: Var<'t, T>, options: ConvOptions) -> Var<'t, T> {
        let (w, b) = (weight.shape(), bias.shape());
        let numbers = GradientTape::<T>::fit(list("conv2d_bias", 2, &self.shape(), &w, &options));
        if b[..] != w[..1] {
            let fitting = format!("a bias [{}] for the channels of the weight {w}", w[0]);
            return GradientTape::<T>::fit(ShapeError::expected("conv2d_bias", fitting, format!("bias {b}")));
        }
        let at = self.tape().push_list(&numbers);
        self.tape().record(Op::Conv(Conv::Forward, at), &[self, weight, bias])
    }

    /// Convolution of images `[batch, in, height, width]` with kernels
    /// `[out, in / groups, height, width]`: `[batch, out, ..]`, where an axis of n becomes
    /// (n + 2·padding - dilation·(kernel - 1) - 1) / stride + 1, rounded down.
    ///
    /// As everywhere in neural networks it is a correlation: kernels are not flipped. A bias
    /// `[out, 1, 1]` can be added; [`conv2d_bias`](Var::conv2d_bias) has it for less.
    ///
    /// # Panics
    /// The shapes are others, the groups do not divide the channels, a stride or dilation is 0, or
    /// a kernel spans more than the padded image.
    ///
    /// ```
    /// use wengert::{ConvOptions, GradientTape, Tensor, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]);
    /// let w = tape.var(Tensor::ones(&[1, 1, 2, 2]));
    /// assert_eq!(x.conv2d(w, ConvOptions::new()).value(), tensor![[[[12.0, 16.0]]]]);
    /// let y = x.conv2d(w, ConvOptions::new().stride(2).padding([0, 1]));
    /// assert_eq!(y.value(), tensor![[[[5.0, 16.0]]]]);
    /// assert_eq!(y.sum().backward().wrt(w), &tensor![[[[2.0, 4.0], [5.0, 10.0]]]]);
    /// ```
    #[track_caller]
    pub fn conv2d(self, weight: Var<'t, T>, options: ConvOptions) -> Var<'t, T> {
        self.convolve(Conv::Forward, weight, list("conv2d", 2, &self.shape(), &weight.shape(), &options))
    }

    /// Convolution of sequences `[batch, in, length]` with kernels `[out, in / groups, length]`:
    /// [`conv2d`](Var::conv2d) of images with one row. Of pairs in the options the second counts.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn conv1d(self, weight: Var<'t, T>, options: ConvOptions) -> Var<'t, T> {
        let (x, w) = (self.shape(), weight.shape());
        let list = GradientTape::<T>::fit(list("conv1d", 1, &x, &w, &options));
        self.tape().own(weight);
        let (x, w) = (self.reshape(&[x[0], x[1], 1, x[2]]), weight.reshape(&[w[0], w[1], 1, w[2]]));
        let y = x.convolve(Conv::Forward, w, Ok(list));
        let shape = y.shape();
        y.reshape(&[shape[0], shape[1], shape[3]])
    }

    /// The transpose of a convolution: what [`conv2d`](Var::conv2d) with the same kernels gives back
    /// to its image. From `[batch, in, height, width]` and kernels `[in, out / groups, height, width]`
    /// to `[batch, out, ..]`, where an axis of n becomes
    /// (n - 1)·stride - 2·padding + dilation·(kernel - 1) + 1 + output padding.
    ///
    /// # Panics
    /// The shapes are others, the groups do not divide the channels, a stride or dilation is 0, the
    /// output padding is neither below the stride nor below the dilation, or nothing would be left.
    ///
    /// ```
    /// use wengert::{ConvOptions, GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[[[1.0, 2.0]]]]);
    /// let w = tape.var(tensor![[[[1.0, 10.0]]]]);
    /// let y = x.conv_transpose2d(w, ConvOptions::new().stride(2));
    /// assert_eq!(y.value(), tensor![[[[1.0, 10.0, 2.0, 20.0]]]]);
    /// ```
    #[track_caller]
    pub fn conv_transpose2d(self, weight: Var<'t, T>, options: ConvOptions) -> Var<'t, T> {
        let list = list("conv_transpose2d", 2, &self.shape(), &weight.shape(), &options);
        self.convolve(Conv::Input, weight, list)
    }
}
