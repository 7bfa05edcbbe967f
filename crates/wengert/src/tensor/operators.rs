//! Arithmetic on tensors with NumPy's broadcasting, and functions of one's own, element by element.

use crate::element::{Element, Float};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! operators {
    ($($Trait:ident $method:ident;)*) => {$(
        operators! { @pairs $Trait $method; Tensor<T>, Tensor<T>; &Tensor<T>, Tensor<T>; Tensor<T>, &Tensor<T>; &Tensor<T>, &Tensor<T>; }
        operators! { @number $Trait $method; Tensor<T>; &Tensor<T>; }
    )*};
    (@pairs $Trait:ident $method:ident; $($A:ty, $B:ty;)*) => {$(
        /// # Panics
        /// The shapes do not broadcast.
        impl<T: Float> $Trait<$B> for $A {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: $B) -> Tensor<T> {
                let tape = GradientTape::new();
                tape.constant(self).$method(tape.constant(other)).value()
            }
        }
    )*};
    (@number $Trait:ident $method:ident; $($A:ty;)*) => {$(
        impl<T: Float> $Trait<f64> for $A {
            type Output = Tensor<T>;
            fn $method(self, c: f64) -> Tensor<T> {
                GradientTape::new().constant(self).$method(c).value()
            }
        }
        impl<T: Float> $Trait<$A> for f64 {
            type Output = Tensor<T>;
            fn $method(self, x: $A) -> Tensor<T> {
                self.$method(GradientTape::new().constant(x)).value()
            }
        }
    )*};
}

operators! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl<T: Float> Neg for Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        -&self
    }
}

impl<T: Float> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        (-GradientTape::new().constant(self)).value()
    }
}

impl<T: Element> Tensor<T> {
    /// `f` of every element: masks, integer data, functions that are to have no gradient.
    ///
    /// ```
    /// use wengert::tensor;
    /// assert_eq!(tensor![-1.0, 2.0].map(|x| x > 0.0), tensor![false, true]);
    /// ```
    pub fn map<U: Element>(&self, f: impl FnMut(T) -> U) -> Tensor<U> {
        let elements = self.as_slice().iter().copied().map(f).collect();
        Tensor::from_vec(elements, self.shape()).expect("one element each")
    }

    /// `f` of every pair of elements.
    ///
    /// # Panics
    /// The shapes differ.
    ///
    /// ```
    /// use wengert::tensor;
    /// assert_eq!(tensor![1.0, 5.0].zip_map(&tensor![3.0, 4.0], |a, b| a < b), tensor![true, false]);
    /// ```
    #[track_caller]
    pub fn zip_map<U: Element, V: Element>(
        &self,
        other: &Tensor<U>,
        mut f: impl FnMut(T, U) -> V,
    ) -> Tensor<V> {
        let (a, b) = (self.shape(), other.shape());
        assert!(a == b, "zip_map: shapes {a} and {b} differ");
        let pairs = self.as_slice().iter().zip(other.as_slice());
        Tensor::from_vec(pairs.map(|(&a, &b)| f(a, b)).collect(), self.shape()).expect("one element each")
    }
}
