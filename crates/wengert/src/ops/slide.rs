//! How windows slide along an axis: what convolution and pooling are told about it, whether that fits,
//! and how it stands in their attribute lists.

use crate::error::ShapeError;
use crate::kernels::Slide;

/// A number, or one for the rows and one for the columns of an image.
pub trait IntoPair {
    /// Down the rows, and along them.
    fn into_pair(self) -> [usize; 2];
}

impl IntoPair for usize {
    fn into_pair(self) -> [usize; 2] {
        [self, self]
    }
}

impl IntoPair for [usize; 2] {
    fn into_pair(self) -> [usize; 2] {
        self
    }
}

impl IntoPair for (usize, usize) {
    fn into_pair(self) -> [usize; 2] {
        [self.0, self.1]
    }
}

/// How windows step along one axis: the options of a convolution or of pooling.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    /// The output padding.
    pub more: usize,
}

impl Steps {
    /// How far a kernel reaches: from its first element to behind its last.
    fn reach(self, op: &'static str, kernel: usize) -> Result<u128, ShapeError> {
        // The kernel first: it is the stride of a pool that is told no other.
        for (name, number) in [("kernel", kernel), ("stride", self.stride), ("dilation", self.dilation)] {
            if number == 0 {
                return ShapeError::expected(op, format!("a {name} of at least 1"), "0");
            }
        }
        Ok(self.dilation as u128 * (kernel as u128 - 1) + 1)
    }

    /// The windows of a kernel over an image.
    pub(crate) fn over(self, op: &'static str, image: usize, kernel: usize) -> Result<Slide, ShapeError> {
        let Steps { stride, padding, dilation, .. } = self;
        let reach = self.reach(op, kernel)?;
        let padded = image as u128 + 2 * padding as u128;
        if padded > isize::MAX as u128 {
            return ShapeError::expected(op, "a padding that an image can have", padding.to_string());
        }
        if reach > padded {
            return ShapeError::expected(
                op,
                format!("a kernel that spans at most {padded}, which is {image} with padding {padding}"),
                format!("one of {kernel} with dilation {dilation}, which spans {reach}"),
            );
        }
        let count = (padded - reach) as usize / stride + 1;
        Ok(Slide { image, kernel, stride, padding, dilation, count })
    }

    /// The windows of a kernel that a transposed convolution begins with.
    pub(crate) fn under(self, op: &'static str, count: usize, kernel: usize) -> Result<Slide, ShapeError> {
        let Steps { stride, padding, dilation, more } = self;
        let reach = self.reach(op, kernel)?;
        if count == 0 {
            return ShapeError::expected(op, "axes of at least 1 along rows and columns", "0");
        }
        if more >= stride.max(dilation) {
            let bound = format!("an output padding below the stride {stride} or the dilation {dilation}");
            return ShapeError::expected(op, bound, more.to_string());
        }
        let whole = (count as u128 - 1) * stride as u128 + reach + more as u128;
        match whole.checked_sub(2 * padding as u128) {
            Some(image @ 1..) if whole <= isize::MAX as u128 => {
                Ok(Slide { image: image as usize, kernel, stride, padding, dilation, count })
            }
            _ => ShapeError::expected(
                op,
                "a result of at least 1 along each axis that memory can hold",
                format!("{count} windows that span {whole} in all, less twice the padding {padding}"),
            ),
        }
    }
}

/// The numbers of both axes, as they stand in an attribute list.
pub(crate) fn list(axes: &[Slide; 2]) -> [usize; 12] {
    let [a, b] = axes.map(|a| [a.image, a.kernel, a.stride, a.padding, a.dilation, a.count]);
    std::array::from_fn(|i| if i < 6 { a[i] } else { b[i - 6] })
}

/// The axes that [`list`] has written.
pub(crate) fn slides(list: &[usize]) -> [Slide; 2] {
    [0, 6].map(|i| {
        let [image, kernel, stride, padding, dilation, count] =
            list[i..i + 6].try_into().expect("six numbers");
        Slide { image, kernel, stride, padding, dilation, count }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_as_many_windows_as_fit() {
        let along = |stride, padding, dilation| Steps { stride, padding, dilation, more: 0 };
        let count = |a: Steps, image, kernel| a.over("conv2d", image, kernel).map(|s| s.count);
        assert_eq!(count(along(1, 0, 1), 7, 3), Ok(5));
        assert_eq!(count(along(2, 1, 1), 7, 3), Ok(4));
        assert_eq!(count(along(2, 1, 1), 6, 3), Ok(3));
        assert_eq!(count(along(1, 2, 2), 7, 3), Ok(7));
        assert_eq!(count(along(usize::MAX, 0, 1), 7, 3), Ok(1));
        assert!(count(along(1, 0, usize::MAX), 7, usize::MAX).is_err());
        assert!(count(along(1, usize::MAX, 1), 7, 3).is_err());
    }

    /// Of all sizes that a convolution takes to `count`, the output padding picks one.
    #[test]
    fn the_transpose_of_an_axis_leads_back_to_it() {
        for (stride, padding, dilation, kernel) in [(1, 0, 1, 3), (2, 1, 1, 3), (3, 2, 2, 3), (5, 0, 1, 2)] {
            for more in 0..stride {
                let along = Steps { stride, padding, dilation, more };
                let under = along.under("conv_transpose2d", 4, kernel).unwrap();
                assert_eq!(along.over("conv2d", under.image, kernel), Ok(under));
            }
        }
        let along = Steps { stride: usize::MAX, padding: 0, dilation: usize::MAX, more: 0 };
        assert!(along.under("conv_transpose2d", 1 << 60, 1 << 60).is_err());
    }
}
