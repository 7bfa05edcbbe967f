//! Where sliding windows lie: the arithmetic that convolution and pooling share.
//!
//! Element k of window o reads place `o·stride + k·dilation - padding` of its axis, if that is in the
//! image. The windows whose element k is in the image are neighbours, so kernels walk runs of
//! them and test nothing inside.

use std::ops::Range;

/// Windows that slide along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    /// The length of the axis.
    pub image: usize,
    /// How many elements a window has.
    pub kernel: usize,
    /// The distance between neighbouring windows.
    pub stride: usize,
    /// How far the first window begins before the image; the others may end as far behind it.
    pub padding: usize,
    /// The distance between neighbouring elements of a window.
    pub dilation: usize,
    /// How many windows there are.
    pub count: usize,
}

impl Slide {
    /// The windows whose element `k` is in the image, and the place that the first of them reads.
    pub(super) fn inside(&self, k: usize) -> (Range<usize>, usize) {
        self.reading(k, 0..self.image)
    }

    /// The windows whose element `k` is among `places` of the image, and that of the first of them.
    pub(super) fn reading(&self, k: usize, places: Range<usize>) -> (Range<usize>, usize) {
        let at = k * self.dilation;
        let first_beyond = |place: usize| (self.padding + place).saturating_sub(at).div_ceil(self.stride);
        let end = first_beyond(places.end).min(self.count);
        let start = first_beyond(places.start).min(end);
        let place = if start < end { start * self.stride + at - self.padding } else { 0 };
        (start..end, place)
    }

    /// The place that element `k` of window `o` reads, if it is in the image.
    pub(super) fn place(&self, o: usize, k: usize) -> Option<usize> {
        let place = (o * self.stride + k * self.dilation).checked_sub(self.padding)?;
        (place < self.image).then_some(place)
    }

    /// The part of the image that window `o` covers; for windows without gaps, not all in the padding.
    pub(super) fn covered(&self, o: usize) -> Range<usize> {
        let start = o * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel - self.padding).min(self.image)
    }
}

/// Windows that slide over planes, which lie one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How many planes.
    pub planes: usize,
    /// Down the rows, and along them.
    pub axes: [Slide; 2],
}

/// Elements of a plane.
pub(super) fn image(axes: &[Slide; 2]) -> usize {
    axes[0].image * axes[1].image
}

/// Windows over a plane.
pub(super) fn count(axes: &[Slide; 2]) -> usize {
    axes[0].count * axes[1].count
}

/// Elements of a window.
pub(super) fn area(axes: &[Slide; 2]) -> usize {
    axes[0].kernel * axes[1].kernel
}

/// Every element of a window, in row-major order.
pub(super) fn elements(axes: &[Slide; 2]) -> impl Iterator<Item = [usize; 2]> {
    let [rows, cols] = axes.map(|axis| axis.kernel);
    (0..rows).flat_map(move |i| (0..cols).map(move |j| [i, j]))
}

/// For each row of windows whose element `k` is in the image: the first such window, the place in
/// the plane that it reads, and how many there are; the next ones read a stride further each.
#[inline(always)]
pub(super) fn each_run(axes: &[Slide; 2], k: [usize; 2], mut f: impl FnMut(usize, usize, usize)) {
    let [rows, cols] = axes;
    let ((down, top), (along, left)) = (rows.inside(k[0]), cols.inside(k[1]));
    if along.is_empty() {
        return;
    }
    for (i, o) in down.enumerate() {
        let row = top + i * rows.stride;
        f(o * cols.count + along.start, row * cols.image + left, along.len());
    }
}

/// `f(window, place)` for the windows of a run and the places that they read.
#[inline(always)]
pub(super) fn gather<T: Copy>(windows: &mut [T], image: &[T], stride: usize, f: impl Fn(T, T) -> T) {
    if stride == 1 {
        windows.iter_mut().zip(image).for_each(|(a, &b)| *a = f(*a, b));
    } else {
        windows.iter_mut().zip(image.iter().step_by(stride)).for_each(|(a, &b)| *a = f(*a, b));
    }
}

/// Adds what the windows of a run hold to the places that they read.
#[inline(always)]
pub(super) fn scatter<T: Copy + std::ops::AddAssign>(windows: &[T], image: &mut [T], stride: usize) {
    if stride == 1 {
        image.iter_mut().zip(windows).for_each(|(a, &b)| *a += b);
    } else {
        image.iter_mut().step_by(stride).zip(windows).for_each(|(a, &b)| *a += b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(300) })]

        #[test]
        fn runs_are_the_windows_whose_element_is_in_the_image(
            image in 0usize..9, kernel in 1usize..5, stride in 1usize..5, padding in 0usize..6,
            dilation in 1usize..4, count in 1usize..9,
        ) {
            let slide = Slide { image, kernel, stride, padding, dilation, count };
            for k in 0..kernel {
                let inside: Vec<usize> = (0..count).filter(|&o| slide.place(o, k).is_some()).collect();
                let (run, place) = slide.inside(k);
                prop_assert_eq!(run.clone().collect::<Vec<_>>(), inside);
                prop_assert!(run.is_empty() || slide.place(run.start, k) == Some(place));
                let places = image / 3..image * 2 / 3;
                let among = |&o: &usize| slide.place(o, k).is_some_and(|place| places.contains(&place));
                let (run, place) = slide.reading(k, places.clone());
                prop_assert_eq!(run.clone().collect::<Vec<_>>(), (0..count).filter(among).collect::<Vec<_>>());
                prop_assert!(run.is_empty() || slide.place(run.start, k) == Some(place));
            }
        }
    }
}
