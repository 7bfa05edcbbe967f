//! Operations of variables as plain computations on tensors: one table.
//!
//! Each is recorded as constants on a tape of its own, which is dropped, so that there is one
//! implementation of each operation. That costs a fraction of a microsecond a call.

use crate::element::Float;
use crate::ops::Span;
use crate::tape::GradientTape;
use crate::tensor::Tensor;

macro_rules! methods {
    ($($name:ident($($arg:ident: $kind:ty),*);)*) => {
        impl<T: Float> Tensor<T> {$(
            #[doc = concat!("[`Var::", stringify!($name), "`](crate::Var::", stringify!($name), ") as a plain computation.")]
            ///
            /// # Panics
            /// As there.
            #[track_caller]
            pub fn $name(&self, $($arg: $kind),*) -> Tensor<T> {
                GradientTape::new().constant(self).$name($($arg),*).value()
            }
        )*}
    };
}

/// The same for operations of two tensors.
macro_rules! methods_of_two {
    ($($name:ident($other:ident $(, $arg:ident: $kind:ty)*);)*) => {
        impl<T: Float> Tensor<T> {$(
            #[doc = concat!("[`Var::", stringify!($name), "`](crate::Var::", stringify!($name), ") as a plain computation.")]
            ///
            /// # Panics
            /// As there.
            #[track_caller]
            pub fn $name(&self, $other: &Tensor<T>, $($arg: $kind),*) -> Tensor<T> {
                let tape = GradientTape::new();
                tape.constant(self).$name(tape.constant($other), $($arg),*).value()
            }
        )*}
    };
}

methods! {
    abs();
    exp();
    ln();
    relu();
    sigmoid();
    sign();
    sqrt();
    square();
    tanh();
    powi(n: i32);
    powf(c: f64);

    sum();
    sum_axes(axes: &[isize], keepdim: bool);
    mean();
    mean_axes(axes: &[isize], keepdim: bool);
    max();
    max_axes(axes: &[isize], keepdim: bool);
    logsumexp();
    logsumexp_axes(axes: &[isize], keepdim: bool);

    softmax(axis: isize);
    log_softmax(axis: isize);

    broadcast_to(shape: &[usize]);
    permute(order: &[isize]);
    transpose(a: isize, b: isize);
    slice(spans: &[Span]);

    cross_entropy(labels: &Tensor<usize>);
    cross_entropy_rows(labels: &Tensor<usize>);
}

methods_of_two! {
    matmul(other);
    maximum(other);
    pow(exponent);
}
