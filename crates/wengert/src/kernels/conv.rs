//! The family of convolutions: what they compute, and which way does it.
//!
//! Where channels fill the lanes of vectors, [directly](direct); else by [unfolding](unfold).

use super::simd::Level;
use super::windows::{self, Slide};
use super::{Lane, direct, unfold};
use crate::ops::Conv;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSizes {
    /// How many images.
    pub images: usize,
    /// How many groups the channels are in.
    pub groups: usize,
    /// Channels of an image in one group.
    pub inputs: usize,
    /// Channels of a result in one group.
    pub outputs: usize,
    /// Down the rows of an image, and along them.
    pub axes: [Slide; 2],
}

/// The gradients of the kernels are added up in this many parts: shapes alone decide which images
/// go into which, so the bits do not depend on the number of threads.
const PARTS: usize = 8;

/// From this many elements of all kernels on, one part: its products have enough rows and columns
/// to be cut themselves, and the memory of many parts would be felt.
const LARGE: usize = 1 << 18;

impl ConvSizes {
    /// Elements of one group of an image, of its kernels, and of its results.
    pub(super) fn image(&self) -> usize {
        self.inputs * windows::image(&self.axes)
    }

    pub(super) fn kernels(&self) -> usize {
        self.outputs * self.taps()
    }

    pub(super) fn results(&self) -> usize {
        self.outputs * self.windows()
    }

    /// Elements that one window sees: the rows of the unfolding. Its columns are the windows.
    pub(super) fn taps(&self) -> usize {
        self.inputs * windows::area(&self.axes)
    }

    pub(super) fn windows(&self) -> usize {
        windows::count(&self.axes)
    }

    /// Images of each part, when they are cut into at most `parts`.
    pub(super) fn share(&self, parts: usize) -> usize {
        self.images.div_ceil(parts.max(1)).max(1)
    }

    /// Parts of the kernels' gradient.
    pub(super) fn parts(&self) -> usize {
        let most = if self.groups * self.kernels() >= LARGE { 1 } else { PARTS };
        self.images.div_ceil(self.share(most))
    }

    /// The multiply-adds of an image, in the unit that loops over elements are cut by.
    pub(super) fn cost(&self) -> usize {
        self.groups.saturating_mul(self.kernels()).saturating_mul(self.windows()) / 16
    }
}

/// How many elements of scratch [`conv`] is to be given.
pub(crate) fn scratch<T: Lane>(level: Level, op: Conv, s: &ConvSizes) -> usize {
    match direct::Plan::new::<T>(level, op, s) {
        Some(plan) => plan.scratch(),
        None => unfold::scratch(op, s),
    }
}

pub(crate) fn conv<T: Lane>(
    level: Level,
    op: Conv,
    s: &ConvSizes,
    operands: [&[T]; 2],
    bias: Option<&[T]>,
    room: &mut [T],
    out: &mut [T],
) {
    assert_eq!(room.len(), scratch::<T>(level, op, s), "conv: the scratch has another size");
    match direct::Plan::new::<T>(level, op, s) {
        _ if out.is_empty() => {}
        Some(plan) => plan.run(operands, bias, room, out),
        None => unfold::conv(level, op, s, operands, bias, room, out),
    }
}

/// Part `i` of a buffer of parts of one size.
pub(super) fn part<T>(x: &[T], i: usize, size: usize) -> &[T] {
    &x[i * size..][..size]
}

/// Calls `f` with the positions in image, kernels and result of every product that a convolution
/// adds up: its definition, index by index.
pub(super) fn each_product(s: &ConvSizes, mut f: impl FnMut(usize, usize, usize)) {
    let [rows, cols] = &s.axes;
    for i in 0..s.images * s.groups {
        for (input, output) in (0..s.inputs).flat_map(|a| (0..s.outputs).map(move |b| (a, b))) {
            let plane = i * s.inputs + input;
            let kernel = (i % s.groups * s.outputs + output) * s.inputs + input;
            let result = i * s.outputs + output;
            for [ky, kx] in windows::elements(&s.axes) {
                for (oy, ox) in (0..rows.count).flat_map(|a| (0..cols.count).map(move |b| (a, b))) {
                    if let (Some(y), Some(x)) = (rows.place(oy, ky), cols.place(ox, kx)) {
                        f(
                            (plane * rows.image + y) * cols.image + x,
                            (kernel * rows.kernel + ky) * cols.kernel + kx,
                            (result * rows.count + oy) * cols.count + ox,
                        );
                    }
                }
            }
        }
    }
}
