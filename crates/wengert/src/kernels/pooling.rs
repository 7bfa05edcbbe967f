//! Maxima and means over sliding windows, and their rules.
//!
//! Values are found element by element of the window over whole rows of windows, which vectorises
//! where the stride is 1. The rule of the maximum looks for the first largest element again, window
//! by window: that costs as much as the value did, and no positions need to be kept. Windows of 2x2
//! side by side, the usual ones, have [loops of their own](pairs).

use super::Lane;
use super::pairs;
use super::parallel::{self, Rows};
use super::simd::Level;
use super::windows::{self, Slide, Windows};
use crate::element::Element;
use std::ops::Add;

/// Calls `f` with each plane's number and its part of `out`, which has `size` elements a plane.
fn each_plane<U: Send>(w: &Windows, size: usize, out: &mut [U], f: impl Fn(usize, &mut [U]) + Sync) {
    assert_eq!(out.len(), w.planes * size, "pooling: the result has another size");
    if out.is_empty() {
        return;
    }
    let cost = windows::count(&w.axes).saturating_mul(windows::area(&w.axes));
    parallel::run(w.planes, cost, Rows(out, size), |range, Rows(out, _)| {
        range.zip(out.chunks_exact_mut(size)).for_each(|(plane, out)| f(plane, out));
    });
}

/// Plane `i` of `x`, which has `size` elements a plane.
fn plane<T>(x: &[T], i: usize, size: usize) -> &[T] {
    &x[i * size..][..size]
}

fn fold<T: Lane>(axes: &[Slide; 2], image: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
    for k in windows::elements(axes) {
        windows::each_run(axes, k, |to, from, n| {
            windows::gather(&mut out[to..to + n], &image[from..], axes[1].stride, &f);
        });
    }
}

pub(crate) fn max<T: Lane>(level: Level, x: &[T], w: &Windows, out: &mut [T]) {
    if pairs::fit(&w.axes) {
        return pairs::max(level, x, w, out);
    }
    each_plane(w, windows::count(&w.axes), out, |i, out| {
        out.fill(T::LOWEST);
        fold(&w.axes, plane(x, i, windows::image(&w.axes)), out, T::maximum);
    });
}

pub(crate) fn mean<T: Lane>(x: &[T], w: &Windows, out: &mut [T]) {
    let area = T::from_f64(windows::area(&w.axes) as f64);
    each_plane(w, windows::count(&w.axes), out, |i, out| {
        out.fill(T::ZERO);
        fold(&w.axes, plane(x, i, windows::image(&w.axes)), out, |sum, x| sum + x);
        out.iter_mut().for_each(|y| *y = *y / area);
    });
}

/// The transpose of the mean.
pub(crate) fn spread<T: Lane>(y: &[T], w: &Windows, out: &mut [T]) {
    let area = T::from_f64(windows::area(&w.axes) as f64);
    each_plane(w, windows::image(&w.axes), out, |i, out| {
        let y = plane(y, i, windows::count(&w.axes));
        out.fill(T::ZERO);
        for k in windows::elements(&w.axes) {
            windows::each_run(&w.axes, k, |from, to, n| {
                windows::scatter(&y[from..from + n], &mut out[to..], w.axes[1].stride);
            });
        }
        out.iter_mut().for_each(|x| *x = *x / area);
    });
}

/// Calls `f` with each window's number and the place in the plane of its first largest element; NaN
/// counts as larger than all.
#[inline(always)]
fn each_first_largest<T: Element>(axes: &[Slide; 2], image: &[T], mut f: impl FnMut(usize, usize)) {
    let [rows, cols] = axes;
    for window in 0..windows::count(axes) {
        let (down, along) = (rows.covered(window / cols.count), cols.covered(window % cols.count));
        let mut best = down.start * cols.image + along.start;
        for row in down {
            for place in row * cols.image + along.start..row * cols.image + along.end {
                let (x, largest) = (image[place].to_f64(), image[best].to_f64());
                if x > largest || (x.is_nan() && !largest.is_nan()) {
                    best = place;
                }
            }
        }
        f(window, best);
    }
}

pub(crate) fn pick<T: Element>(keys: &[T], x: &[T], w: &Windows, out: &mut [T]) {
    let size = windows::image(&w.axes);
    each_plane(w, windows::count(&w.axes), out, |i, out| {
        let x = plane(x, i, size);
        each_first_largest(&w.axes, plane(keys, i, size), |window, place| out[window] = x[place]);
    });
}

/// [`unpick`], by what is fastest.
pub(crate) fn give<T: Lane>(level: Level, keys: &[T], y: &[T], w: &Windows, out: &mut [T]) {
    if pairs::fit(&w.axes) { pairs::unpick(level, keys, y, w, out) } else { unpick(keys, y, w, out) }
}

pub(crate) fn unpick<T: Element + Add<Output = T>>(keys: &[T], y: &[T], w: &Windows, out: &mut [T]) {
    let (size, count) = (windows::image(&w.axes), windows::count(&w.axes));
    each_plane(w, size, out, |i, out| {
        let y = plane(y, i, count);
        out.fill(T::default());
        each_first_largest(&w.axes, plane(keys, i, size), |window, place| {
            out[place] = out[place] + y[window]
        });
    });
}
