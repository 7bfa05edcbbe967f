//! Convolutions of sequences and images: one struct of weights, bias and options under three types.

use super::call::{Call, pair, require};
use crate::forward::Forward;
use crate::init::Init;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{ConvOptions, Float, IntoPair, Parameter, Shape, Var};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conv1d,
    Conv2d,
    ConvTranspose2d,
}

/// What all three are.
#[derive(Clone, Debug, Module)]
struct Kernels<T: Float> {
    weight: Parameter<T>,
    bias: Option<Parameter<T>>,
    options: ConvOptions,
    #[module(skip)]
    kind: Kind,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Conv1d => "Conv1d",
            Kind::Conv2d => "Conv2d",
            Kind::ConvTranspose2d => "ConvTranspose2d",
        }
    }

    /// `[out, in / groups, ..]`, transposed `[in, out / groups, ..]`.
    fn weight(self, [inputs, outputs]: [usize; 2], groups: usize, kernel: &[usize]) -> Shape {
        let [first, second] = match self {
            Kind::ConvTranspose2d => [inputs, outputs / groups],
            _ => [outputs, inputs / groups],
        };
        [first, second].iter().chain(kernel).copied().collect()
    }
}

impl<T: Float> Kernels<T> {
    #[track_caller]
    fn new(
        kind: Kind,
        channels: [usize; 2],
        kernel: [usize; 2],
        bias: bool,
        rng: &mut impl Rng,
    ) -> Kernels<T> {
        let kernel = if kind == Kind::Conv1d { &kernel[1..] } else { &kernel };
        let text = format!("{kernel:?}");
        require(!kernel.contains(&0), kind.name(), "a kernel of at least 1", text);
        let weight = Init::GlorotUniform.tensor(&kind.weight(channels, 1, kernel), rng);
        let bias = bias.then(|| Parameter::new(Init::Zeros.tensor(&[channels[1]], rng)));
        Kernels { weight: Parameter::new(weight), bias, options: ConvOptions::new(), kind }
    }

    /// Channels in and out.
    fn channels(&self) -> [usize; 2] {
        let (w, groups) = (self.weight.value().shape(), self.options.groups);
        match self.kind {
            Kind::ConvTranspose2d => [w[0], w[1] * groups],
            _ => [w[1] * groups, w[0]],
        }
    }

    #[track_caller]
    fn groups(mut self, groups: usize, rng: &mut impl Rng) -> Kernels<T> {
        let channels = self.channels();
        let divides = groups > 0 && channels.iter().all(|n| n.is_multiple_of(groups));
        let fitting = format!("groups that divide {} channels in and {} out", channels[0], channels[1]);
        require(divides, self.kind.name(), fitting, groups);
        let kernel = &self.weight.value().shape()[2..];
        let shape = self.kind.weight(channels, groups, kernel);
        self.weight = Parameter::new(Init::GlorotUniform.tensor(&shape, rng));
        self.options.groups = groups;
        self
    }

    #[track_caller]
    fn at_least_one(&self, what: &str, numbers: [usize; 2]) -> [usize; 2] {
        require(
            !numbers.contains(&0),
            self.kind.name(),
            format_args!("a {what} of at least 1"),
            pair(numbers),
        );
        numbers
    }

    #[track_caller]
    fn same_padding(&self) -> [usize; 2] {
        let w = self.weight.value().shape();
        let mut kernel = [w[w.len() - 1]; 2];
        if w.len() == 4 {
            kernel[0] = w[2];
        }
        let beside = [0, 1].map(|axis| self.options.dilation[axis] * (kernel[axis] - 1));
        let even = beside.iter().all(|n| n.is_multiple_of(2));
        require(even, self.kind.name(), "kernels that span odd lengths for the same padding", pair(kernel));
        beside.map(|n| n / 2)
    }

    /// `Conv2d 3 -> 16, kernel 5, stride 2`
    fn text(&self) -> String {
        let ([inputs, outputs], o, w) = (self.channels(), &self.options, self.weight.value().shape());
        let kernel = if w.len() == 3 { w[2].to_string() } else { pair([w[2], w[3]]) };
        let mut text = format!("{} {inputs} -> {outputs}, kernel {kernel}", self.kind.name());
        for (what, numbers, usual) in
            [("stride", o.stride, 1), ("padding", o.padding, 0), ("dilation", o.dilation, 1)]
        {
            if numbers != [usual; 2] {
                text += &format!(", {what} {}", pair(numbers));
            }
        }
        text
    }

    /// What of `x` does not fit.
    fn misfit(&self, x: &Shape) -> Option<String> {
        let (inputs, w) = (self.channels()[0], self.weight.value().shape());
        let lengths = if self.kind == Kind::Conv1d { "length" } else { "height, width" };
        if x.len() != w.len() || x[1] != inputs {
            return Some(format!("[batch, {inputs}, {lengths}]"));
        }
        let o = &self.options;
        let first = 4 - w.len();
        for (axis, (&n, &kernel)) in (first..).zip(x[2..].iter().zip(&w[2..])) {
            let spanned = o.dilation[axis].saturating_mul(kernel - 1).saturating_add(1);
            if self.kind != Kind::ConvTranspose2d && spanned > n.saturating_add(2 * o.padding[axis]) {
                return Some(format!("{lengths} with room for a kernel that spans {spanned}"));
            }
        }
        None
    }

    #[track_caller]
    fn call<'t>(&self, layer: &impl Module<T>, kind: &'static str, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape) = (x.tape(), x.shape());
        let call = Call::enter(layer, kind, tape);
        if let Some(expected) = self.misfit(&shape) {
            call.refuse(self.text(), expected, shape);
        }
        let weight = tape.parameter(&self.weight);
        let bias = self.bias.as_ref();
        call.output(match self.kind {
            Kind::Conv2d => match bias {
                Some(bias) => x.conv2d_bias(weight, tape.parameter(bias), self.options),
                None => x.conv2d(weight, self.options),
            },
            // As images of one row, where the bias is what the sums begin with.
            Kind::Conv1d => match bias {
                Some(bias) => {
                    let o = self.options;
                    let options = ConvOptions {
                        stride: [1, o.stride[1]],
                        padding: [0, o.padding[1]],
                        dilation: [1, o.dilation[1]],
                        ..o
                    };
                    let w = weight.shape();
                    let x = x.reshape(&[shape[0], shape[1], 1, shape[2]]);
                    let weight = weight.reshape(&[w[0], w[1], 1, w[2]]);
                    x.conv2d_bias(weight, tape.parameter(bias), options).squeeze(2)
                }
                None => x.conv1d(weight, self.options),
            },
            Kind::ConvTranspose2d => {
                let y = x.conv_transpose2d(weight, self.options);
                match bias {
                    Some(bias) => y + tape.parameter(bias).reshape(&[self.channels()[1], 1, 1]),
                    None => y,
                }
            }
        })
    }
}

macro_rules! convolutions {
    ($($(#[$doc:meta])* $name:ident $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $name<T: Float = f32>(Kernels<T>);

        impl<T: Float> $name<T> {
            /// A layer from `inputs` to `outputs` channels, with stride 1 and no padding.
            ///
            /// # Panics
            /// A kernel of 0.
            #[track_caller]
            pub fn new(
                inputs: usize,
                outputs: usize,
                kernel: impl IntoPair,
                rng: &mut impl Rng,
            ) -> $name<T> {
                $name(Kernels::new(Kind::$name, [inputs, outputs], kernel.into_pair(), true, rng))
            }

            /// A layer without a bias.
            ///
            /// # Panics
            /// A kernel of 0.
            #[track_caller]
            pub fn without_bias(
                inputs: usize,
                outputs: usize,
                kernel: impl IntoPair,
                rng: &mut impl Rng,
            ) -> $name<T> {
                $name(Kernels::new(Kind::$name, [inputs, outputs], kernel.into_pair(), false, rng))
            }

            /// New first weights.
            #[must_use]
            pub fn weight_init(mut self, init: Init, rng: &mut impl Rng) -> $name<T> {
                self.0.weight = Parameter::new(init.tensor(self.0.weight.value().shape(), rng));
                self
            }

            /// The distance between neighbouring windows. Default 1.
            ///
            /// # Panics
            /// It is 0.
            #[must_use]
            #[track_caller]
            pub fn stride(mut self, stride: impl IntoPair) -> $name<T> {
                self.0.options.stride = self.0.at_least_one("stride", stride.into_pair());
                self
            }

            /// Zeros on either side of what is convolved. Default 0.
            #[must_use]
            pub fn padding(mut self, padding: impl IntoPair) -> $name<T> {
                self.0.options.padding = padding.into_pair();
                self
            }

            /// As much padding as keeps the size of what is convolved with stride 1: Keras' `"same"`, for the
            /// kernel and dilation as they are now.
            ///
            /// # Panics
            /// A kernel spans an even length, which would need more on one side.
            #[must_use]
            #[track_caller]
            pub fn same_padding(mut self) -> $name<T> {
                self.0.options.padding = self.0.same_padding();
                self
            }

            /// The distance between the elements of a kernel. Default 1.
            ///
            /// # Panics
            /// It is 0.
            #[must_use]
            #[track_caller]
            pub fn dilation(mut self, dilation: impl IntoPair) -> $name<T> {
                self.0.options.dilation = self.0.at_least_one("dilation", dilation.into_pair());
                self
            }

            /// Cuts channels in and out into so many groups, each convolved on its own. The weight is
            /// smaller then, and drawn anew.
            ///
            /// # Panics
            /// They do not divide the channels.
            #[must_use]
            #[track_caller]
            pub fn groups(self, groups: usize, rng: &mut impl Rng) -> $name<T> {
                $name(self.0.groups(groups, rng))
            }

            /// The weight.
            pub fn weight(&self) -> &Parameter<T> {
                &self.0.weight
            }

            /// The bias `[out]`, if the layer has one.
            pub fn bias(&self) -> Option<&Parameter<T>> {
                self.0.bias.as_ref()
            }

            /// Stride, padding, dilation and groups.
            pub fn options(&self) -> &ConvOptions {
                &self.0.options
            }
        }

        impl<T: Float> Forward<T> for $name<T> {
            /// # Panics
            /// `x` has other axes or channels, or no room for a kernel.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                self.0.call(self, $kind, x)
            }
        }
    )*};
}

convolutions! {
    /// Convolution of sequences `[batch, in, length]` to `[batch, out, ..]`; of pairs in kernel and
    /// options the second counts.
    ///
    /// `weight` is `[out, in / groups, kernel]` and `bias` `[out]`, as in PyTorch; they start
    /// Glorot-uniform and zero, as in Keras. The length becomes
    /// (length + 2·padding - dilation·(kernel - 1) - 1) / stride + 1, rounded down.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let layer: Conv1d = Conv1d::new(3, 8, 5, &mut seeded(0)).padding(2);
    /// let tape = GradientTape::new();
    /// let y = layer.forward(tape.constant(Tensor::zeros(&[4, 3, 100])));
    /// assert_eq!(y.shape()[..], [4, 8, 100]);
    /// ```
    Conv1d "conv1d";
    /// Convolution of images `[batch, in, height, width]` to `[batch, out, ..]`.
    ///
    /// `weight` is `[out, in / groups, height, width]` and `bias` `[out]`, as in PyTorch; they start
    /// Glorot-uniform and zero, as in Keras. An axis of n becomes
    /// (n + 2·padding - dilation·(kernel - 1) - 1) / stride + 1, rounded down.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let layer: Conv2d = Conv2d::new(3, 16, 3, &mut seeded(0)).stride(2).padding(1);
    /// let tape = GradientTape::new();
    /// let y = layer.forward(tape.constant(Tensor::zeros(&[4, 3, 32, 32])));
    /// assert_eq!(y.shape()[..], [4, 16, 16, 16]);
    /// assert_eq!(layer.parameter_count(), 16 * 3 * 3 * 3 + 16);
    /// let same: Conv2d = Conv2d::new(3, 16, [3, 5], &mut seeded(0)).same_padding();
    /// assert_eq!(same.options().padding, [1, 2]);
    /// ```
    Conv2d "conv2d";
    /// The transpose of a convolution of images: from `[batch, in, height, width]` to `[batch, out, ..]`,
    /// where strides make images larger.
    ///
    /// `weight` is `[in, out / groups, height, width]` and `bias` `[out]`, as in PyTorch; they start
    /// Glorot-uniform and zero, as in Keras. An axis of n becomes
    /// (n - 1)·stride - 2·padding + dilation·(kernel - 1) + 1 + output padding.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let layer: ConvTranspose2d = ConvTranspose2d::new(8, 3, 4, &mut seeded(0)).stride(2).padding(1);
    /// let tape = GradientTape::new();
    /// let y = layer.forward(tape.constant(Tensor::zeros(&[4, 8, 16, 16])));
    /// assert_eq!(y.shape()[..], [4, 3, 32, 32]);
    /// ```
    ConvTranspose2d "conv_transpose2d";
}

impl<T: Float> ConvTranspose2d<T> {
    /// How much larger the result is at its end, of those sizes that a convolution with a stride takes
    /// to one. Default 0.
    #[must_use]
    pub fn output_padding(mut self, output_padding: impl IntoPair) -> ConvTranspose2d<T> {
        self.0.options.output_padding = output_padding.into_pair();
        self
    }
}
