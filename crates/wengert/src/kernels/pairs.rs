//! Maxima of 2x2 windows side by side, and their rule: a strip of windows at a time, without branches.
//!
//! Images are rarely as wide as a multiple of a strip. In a row with at least one strip the last
//! overlaps the one before. In a shorter row it reads on in the rows that follow, and what it writes
//! there is overwritten when their turn comes; at the end of the buffers windows go one by one.

use super::Lane;
use super::parallel::{self, Rows};
use super::simd::{Kernel, Level};
use super::windows::{self, Slide, Windows};

/// Windows of a strip: two vectors of AVX-512 in, one out (f32).
const STRIP: usize = 16;

/// Whether windows are 2x2, side by side and all inside of the image.
pub(crate) fn fit(axes: &[Slide; 2]) -> bool {
    axes.iter().all(|a| (a.kernel, a.stride, a.padding, a.dilation) == (2, 2, 0, 1))
}

pub(crate) fn max<T: Lane>(level: Level, x: &[T], w: &Windows, out: &mut [T]) {
    let (image, count) = (windows::image(&w.axes), windows::count(&w.axes));
    assert_eq!(x.len(), w.planes * image, "pooling: the image has another size");
    assert_eq!(out.len(), w.planes * count, "pooling: the result has another size");
    parallel::run(w.planes, image, Rows(out, count), |range, Rows(y, _)| {
        level.run(Max { axes: &w.axes, x: &x[range.start * image..range.end * image], y });
    });
}

/// The transpose of picking where the windows of `keys` have their first largest.
pub(crate) fn unpick<T: Lane>(level: Level, keys: &[T], y: &[T], w: &Windows, out: &mut [T]) {
    let (image, count) = (windows::image(&w.axes), windows::count(&w.axes));
    assert_eq!(keys.len(), w.planes * image, "pooling: the image has another size");
    assert_eq!(y.len(), w.planes * count, "pooling: the windows have another size");
    assert_eq!(out.len(), w.planes * image, "pooling: the result has another size");
    parallel::run(w.planes, image, Rows(out, image), |range, Rows(out, _)| {
        let keys = &keys[range.start * image..range.end * image];
        level.run(Unpick { axes: &w.axes, keys, y: &y[range.start * count..range.end * count], out });
    });
}

/// A loop over strips and single windows; its methods must be `#[inline(always)]`.
trait Strips {
    /// Images that it runs over: their elements, and the windows on them.
    fn len(&self) -> [usize; 2];
    /// A strip of windows, from number `window` on, whose first begins at place `at`.
    fn strip(&mut self, window: usize, at: usize, width: usize);
    /// A single window.
    fn one(&mut self, window: usize, at: usize, width: usize);
    /// A row of windows is done, from place `at` on, without those that an odd width leaves over.
    fn end_of_row(&mut self, _at: usize, _width: usize) {}

    #[inline(always)]
    fn each(&mut self, [rows, cols]: &[Slide; 2]) {
        let (width, count, [elements, windows]) = (cols.image, cols.count, self.len());
        let mut window = 0;
        for plane in (0..elements).step_by((rows.image * width).max(1)) {
            for row in 0..rows.count {
                let at = plane + 2 * row * width;
                if count >= STRIP {
                    for i in (0..count).step_by(STRIP).map(|i| i.min(count - STRIP)) {
                        self.strip(window + i, at + 2 * i, width);
                    }
                } else if window + STRIP <= windows && at + width + 2 * STRIP <= elements {
                    self.strip(window, at, width);
                } else {
                    (0..count).for_each(|i| self.one(window + i, at + 2 * i, width));
                }
                self.end_of_row(at, width);
                window += count;
            }
        }
    }
}

/// Whether b is larger than a; NaN counts as larger than all others.
#[inline(always)]
#[allow(clippy::eq_op, clippy::neg_cmp_op_on_partial_ord)]
fn exceeds<T: Lane>(b: T, a: T) -> bool {
    !(b <= a) & (a == a)
}

#[inline(always)]
fn larger<T: Lane>(a: T, b: T) -> T {
    if exceeds(b, a) { b } else { a }
}

/// y for the first largest of a window, 0 for the others.
#[inline(always)]
fn shares<T: Lane>([p, q, r, s]: [T; 4], y: T) -> [T; 4] {
    let (right, lower_right) = (exceeds(q, p), exceeds(s, r));
    let upper = if right { q } else { p };
    let lower = if lower_right { s } else { r };
    let below = exceeds(lower, upper);
    let give = |wins: bool| if wins { y } else { T::ZERO };
    [give(!below & !right), give(!below & right), give(below & !lower_right), give(below & lower_right)]
}

#[inline(always)]
fn two_strips<T>(x: &[T], at: usize) -> &[T; 2 * STRIP] {
    x[at..at + 2 * STRIP].try_into().expect("of that length")
}

struct Max<'a, T> {
    axes: &'a [Slide; 2],
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Lane> Kernel for Max<'_, T> {
    #[inline(always)]
    fn run(mut self) {
        self.each(self.axes);
    }
}

impl<T: Lane> Strips for Max<'_, T> {
    #[inline(always)]
    fn len(&self) -> [usize; 2] {
        [self.x.len(), self.y.len()]
    }

    #[inline(always)]
    fn strip(&mut self, window: usize, at: usize, width: usize) {
        let (a, b) = (two_strips(self.x, at), two_strips(self.x, at + width));
        let y = &mut self.y[window..window + STRIP];
        for i in 0..STRIP {
            y[i] = larger(larger(a[2 * i], a[2 * i + 1]), larger(b[2 * i], b[2 * i + 1]));
        }
    }

    #[inline(always)]
    fn one(&mut self, window: usize, at: usize, width: usize) {
        let (a, b) = (&self.x[at..at + 2], &self.x[at + width..at + width + 2]);
        self.y[window] = larger(larger(a[0], a[1]), larger(b[0], b[1]));
    }
}

struct Unpick<'a, T> {
    axes: &'a [Slide; 2],
    keys: &'a [T],
    y: &'a [T],
    out: &'a mut [T],
}

impl<T: Lane> Kernel for Unpick<'_, T> {
    #[inline(always)]
    fn run(mut self) {
        self.each(self.axes);
        let [rows, cols] = self.axes;
        if rows.image % 2 == 1 {
            let image = rows.image * cols.image;
            let images = self.out.chunks_exact_mut(image.max(1));
            images.for_each(|out| out[image - cols.image..].fill(T::ZERO));
        }
    }
}

impl<T: Lane> Strips for Unpick<'_, T> {
    #[inline(always)]
    fn len(&self) -> [usize; 2] {
        [self.keys.len(), self.y.len()]
    }

    #[inline(always)]
    fn strip(&mut self, window: usize, at: usize, width: usize) {
        let (a, b) = (two_strips(self.keys, at), two_strips(self.keys, at + width));
        let y = &self.y[window..window + STRIP];
        let (mut upper, mut lower) = ([T::ZERO; 2 * STRIP], [T::ZERO; 2 * STRIP]);
        for i in 0..STRIP {
            let x = [a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]];
            [upper[2 * i], upper[2 * i + 1], lower[2 * i], lower[2 * i + 1]] = shares(x, y[i]);
        }
        // In this order: a short upper row reaches into the lower one.
        self.out[at..at + 2 * STRIP].copy_from_slice(&upper);
        self.out[at + width..at + width + 2 * STRIP].copy_from_slice(&lower);
    }

    #[inline(always)]
    fn one(&mut self, window: usize, at: usize, width: usize) {
        let (keys, out) = (self.keys, &mut *self.out);
        let below = at + width;
        [out[at], out[at + 1], out[below], out[below + 1]] =
            shares([keys[at], keys[at + 1], keys[below], keys[below + 1]], self.y[window]);
    }

    #[inline(always)]
    fn end_of_row(&mut self, at: usize, width: usize) {
        for end in [at + width, at + 2 * width] {
            self.out[end - width % 2..end].fill(T::ZERO);
        }
    }
}
