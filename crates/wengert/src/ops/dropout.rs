//! Dropout: elements are dropped at random, and the others scaled so that the expected value stays.
//! (N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.)
//!
//! The operation is linear and its own transpose. Its mask is not stored: seed and stream stand in
//! the attributes, so that the rule, or whoever replays the operation, draws the same mask again.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, Mask};
use crate::pool::Pool;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tensor_ops::TensorOps;
use crate::var::Var;

/// The mask as an attribute list, which has room for 32 bits an item on every machine.
fn list(mask: Mask) -> [usize; 6] {
    let [a, b, c] = [mask.seed, mask.stream, mask.rate.to_bits()];
    [a, a >> 32, b, b >> 32, c, c >> 32].map(|word| word as u32 as usize)
}

/// The mask that [`list`] has written.
pub(crate) fn mask(list: &[usize]) -> Mask {
    let number = |i: usize| list[i] as u64 | (list[i + 1] as u64) << 32;
    Mask { seed: number(0), stream: number(2), rate: f64::from_bits(number(4)) }
}

pub(crate) fn forward<T: Kernels>(list: &[usize], x: &Tensor<T>, pool: &mut Pool<T>) -> Tensor<T> {
    pool.build(x.shape().clone(), |out| T::dropout(x.as_slice(), mask(list), out))
}

pub(crate) fn vjp<T: Float, V: TensorOps<T>>(at: At, y_bar: V) -> V {
    V::apply(Op::Dropout(at), &[&y_bar])
}

impl<'t, T: Float> Var<'t, T> {
    /// Each element with probability `rate` 0, otherwise divided by 1 - rate, where the tape
    /// [trains](GradientTape::training); else the variable itself.
    ///
    /// Each call draws another mask, from the tape's [seed](GradientTape::seed).
    ///
    /// # Panics
    /// The rate is not in 0..=1.
    ///
    /// ```
    /// use wengert::{GradientTape, Tensor};
    /// let tape = GradientTape::<f64>::new();
    /// let x = tape.var(Tensor::ones(&[1000]));
    /// let y = x.dropout(0.2);
    /// assert!(y.value().as_slice().iter().all(|&y| y == 0.0 || y == 1.25));
    /// assert!((y.mean().item() - 1.0).abs() < 0.1);
    /// assert_eq!(y.sum().backward().wrt(x), &y.value());
    /// tape.set_training(false);
    /// assert_eq!(x.dropout(0.2).value(), x.value());
    /// ```
    #[track_caller]
    pub fn dropout(self, rate: f64) -> Var<'t, T> {
        GradientTape::<T>::fit(checked(rate));
        let tape = self.tape();
        if rate == 0.0 || !tape.training() {
            return self;
        }
        let (seed, stream) = tape.next_stream();
        let at = tape.push_list(&list(Mask { seed, stream, rate }));
        tape.record(Op::Dropout(at), &[self])
    }
}

fn checked(rate: f64) -> Result<(), ShapeError> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    ShapeError::expected("dropout", "a rate from 0 to 1", rate.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_words_holds_the_whole_mask() {
        let full = Mask { seed: u64::MAX - 1, stream: 1 << 40 | 7, rate: 0.3 };
        assert_eq!(mask(&list(full)), full);
        assert!(list(full).iter().all(|&word| word <= u32::MAX as usize));
    }
}
