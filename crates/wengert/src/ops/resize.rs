//! Images of another size: means over adaptive windows, and upsampling.
//!
//! These are linear in each axis on its own, so they are products with a small constant matrix from
//! either side, whose rules are those of products; a nearest neighbour is a broadcast.

use super::{IntoPair, pool2d};
use crate::element::Float;
use crate::error::ShapeError;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::var::Var;

/// Height and width of the images, which a resized one can be made of.
fn sizes(op: &'static str, x: &Shape, to: [usize; 2]) -> Result<[usize; 2], ShapeError> {
    let first = pool2d::images(op, x)?;
    let from = [x[first], x[first + 1]];
    if from.iter().zip(to).any(|(&n, to)| n == 0 && to != 0) {
        let given = format!("x {x} for {} x {}", to[0], to[1]);
        return ShapeError::expected(op, "images with elements", given);
    }
    let resized = x[..first].iter().copied().chain(to).collect::<Shape>();
    Shape::new(&resized)?;
    Ok(from)
}

/// Row `i` of `n` of the means over parts of an axis, from ⌊i·len/n⌋ to ⌈(i + 1)·len/n⌉.
fn part_of<T: Float>(i: usize, n: usize, row: &mut [T]) {
    let len = row.len();
    let part = &mut row[i * len / n..((i + 1) * len).div_ceil(n)];
    part.fill(T::one() / T::from_f64(part.len() as f64));
}

/// Row `i` of `n` of linear interpolation between the elements of an axis: between the first and
/// the last of either if the corners are aligned, else between the centres of equal cells.
fn between<T: Float>(i: usize, n: usize, align_corners: bool, row: &mut [T]) {
    let last = (row.len() - 1) as f64;
    let at = match align_corners {
        true => i as f64 * if n > 1 { last / (n - 1) as f64 } else { 0.0 },
        false => ((i as f64 + 0.5) * (row.len() as f64 / n as f64) - 0.5).max(0.0),
    };
    let at = at.min(last);
    let (low, share) = (at as usize, at.fract());
    row[low] = T::from_f64(1.0 - share);
    if share > 0.0 {
        row[low + 1] = T::from_f64(share);
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// A constant matrix `[n, len]`, of whose rows of zeros `fill` fills each.
    #[track_caller]
    fn matrix(self, n: usize, len: usize, fill: impl Fn(usize, &mut [T])) -> Var<'t, T> {
        let matrix = self.tape().pool.borrow_mut().build([n, len].into(), |out| {
            out.fill(T::zero());
            out.chunks_exact_mut(len.max(1)).enumerate().for_each(|(i, row)| fill(i, row));
        });
        self.tape().constant(matrix)
    }

    /// The means over `height` times `width` parts of each image `[.., h, w]`, which cover it: the
    /// result is `[.., height, width]`, whatever the image's size. Part i of n of an axis of length l
    /// goes from ⌊i·l/n⌋ to ⌈(i + 1)·l/n⌉; parts may overlap by an element.
    ///
    /// # Panics
    /// There are not two axes, or they are empty.
    ///
    /// ```
    /// use wengert::tensor;
    /// let x = tensor![[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]];
    /// assert_eq!(x.adaptive_avg_pool2d([1, 2]), tensor![[3.5, 4.5]]);
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d(self, size: impl IntoPair) -> Var<'t, T> {
        let [height, width] = size.into_pair();
        let [h, w] = GradientTape::<T>::fit(sizes("adaptive_avg_pool2d", &self.shape(), [height, width]));
        let rows = self.matrix(height, h, |i, row| part_of(i, height, row));
        let cols = self.matrix(width, w, |i, row| part_of(i, width, row));
        rows.matmul(self.matmul_nt(cols))
    }

    /// Images `[.., h, w]` with each element repeated `factor` times along both axes, or as often
    /// along each as a pair says.
    ///
    /// # Panics
    /// There are not two axes, or the result is too large.
    ///
    /// ```
    /// use wengert::tensor;
    /// let x = tensor![[1.0, 2.0]];
    /// assert_eq!(x.upsample_nearest2d(2), tensor![[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]);
    /// ```
    #[track_caller]
    pub fn upsample_nearest2d(self, factor: impl IntoPair) -> Var<'t, T> {
        let (x, [down, along]) = (self.shape(), factor.into_pair());
        let first = GradientTape::<T>::fit(pool2d::images("upsample_nearest2d", &x));
        let (images, h, w) = (&x[..first], x[first], x[first + 1]);
        let of = |last: &[usize]| images.iter().chain(last).copied().collect::<Shape>();
        let repeated = self.reshape(&of(&[h, 1, w, 1])).broadcast_to(&of(&[h, down, w, along]));
        repeated.reshape(&of(&[h * down, w * along]))
    }

    /// Images `[.., h, w]` resized to `[.., height, width]` by linear interpolation along both axes.
    /// With `align_corners` the corners' elements lie on each other, else the images' edges do, and
    /// what lies beyond the centres of the outermost elements is as these.
    ///
    /// # Panics
    /// There are not two axes, they are empty, or the result is too large.
    ///
    /// ```
    /// use wengert::tensor;
    /// let x = tensor![[0.0, 4.0]];
    /// assert_eq!(x.upsample_bilinear2d([1, 4], false), tensor![[0.0, 1.0, 3.0, 4.0]]);
    /// assert_eq!(x.upsample_bilinear2d([1, 5], true), tensor![[0.0, 1.0, 2.0, 3.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn upsample_bilinear2d(self, size: impl IntoPair, align_corners: bool) -> Var<'t, T> {
        let [height, width] = size.into_pair();
        let [h, w] = GradientTape::<T>::fit(sizes("upsample_bilinear2d", &self.shape(), [height, width]));
        let rows = self.matrix(height, h, |i, row| between(i, height, align_corners, row));
        let cols = self.matrix(width, w, |i, row| between(i, width, align_corners, row));
        rows.matmul(self.matmul_nt(cols))
    }
}
