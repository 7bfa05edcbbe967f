//! Elements from one arrangement to another: transposes, slices, broadcasts and their reverses.
//!
//! One walk serves all: nested loops over axes with a stride on either side. Neighbouring axes that
//! one pair of strides serves are merged, runs that lie alike on both sides are copied whole, and
//! where the unit strides belong to different axes (a transpose) the two are walked in squares, so
//! that cache lines are used up on both sides. Elements move as words of their size, so that the
//! loops are compiled here, once a size, whatever the types.

use super::parallel::{self, Rows};
use crate::element::Element;
use smallvec::SmallVec;

/// Edge of the squares of a transpose.
const SQUARE: usize = 16;

/// `out[i] = x[offset + i·strides]` for every index i of `shape`; `out` is row-major.
///
/// A stride of 0 repeats, a negative one reverses.
///
/// # Panics
/// An index lies outside `x`, or `out` has another length than `shape`.
pub(crate) fn gather<T: Element>(x: &[T], offset: usize, strides: &[isize], shape: &[usize], out: &mut [T]) {
    check("gather", x.len(), offset, strides, shape, out.len());
    if out.is_empty() {
        return;
    }
    // The outermost axis that is one is cut among threads.
    let axis = shape.iter().position(|&n| n > 1).unwrap_or(shape.len());
    let Some((&n, inside)) = shape[axis..].split_first() else {
        out[0] = x[offset];
        return;
    };
    let (stride, strides) = (strides[axis], &strides[axis + 1..]);
    let size = inside.iter().product();
    parallel::run(n, size, Rows(out, size), |range, Rows(out, _)| {
        let mut axes = axes(strides, inside, |strided, dense| (strided, dense));
        push(&mut axes, Axis { n: range.len(), from: stride, to: size as isize });
        let first = offset.wrapping_add_signed(range.start as isize * stride);
        // SAFETY: `check` has shown that every index of the strided side lies in `x`; the dense
        // side's are those of a row-major buffer of this shape, which `out` is.
        unsafe { copy(x.as_ptr().wrapping_add(first), out.as_mut_ptr(), &axes) }
    });
}

/// `out[offset + i·strides] = x[i]` for every index i of `shape`; `x` is row-major, and the rest of
/// `out` stays as it is.
///
/// # Panics
/// An index lies outside `out`, or `x` has another length than `shape`.
pub(crate) fn scatter<T: Element>(x: &[T], offset: usize, strides: &[isize], shape: &[usize], out: &mut [T]) {
    check("scatter", out.len(), offset, strides, shape, x.len());
    if !x.is_empty() {
        let axes = axes(strides, shape, |strided, dense| (dense, strided));
        // SAFETY: as in `gather`, with the sides exchanged.
        unsafe { copy(x.as_ptr(), out.as_mut_ptr().wrapping_add(offset), &axes) }
    }
}

fn check(name: &str, len: usize, offset: usize, strides: &[isize], shape: &[usize], dense: usize) {
    assert_eq!(strides.len(), shape.len(), "{name}: one stride an axis");
    assert_eq!(shape.iter().product::<usize>(), dense, "{name}: the elements do not fill {shape:?}");
    if dense == 0 {
        return;
    }
    let (mut lowest, mut highest) = (offset as i128, offset as i128);
    for (&n, &stride) in shape.iter().zip(strides) {
        let reach = (n as i128 - 1) * stride as i128;
        *(if reach < 0 { &mut lowest } else { &mut highest }) += reach;
    }
    assert!(
        lowest >= 0 && highest < len as i128,
        "{name}: indices {lowest}..={highest} reach outside of {len} elements"
    );
}

/// An axis of a walk: its length and its stride on either side.
#[derive(Clone, Copy)]
struct Axis {
    n: usize,
    from: isize,
    to: isize,
}

type Axes = SmallVec<[Axis; 6]>;

/// The axes of `shape`, innermost first; `sides` orders the strided and the row-major side.
fn axes(strides: &[isize], shape: &[usize], sides: impl Fn(isize, isize) -> (isize, isize)) -> Axes {
    let mut axes = Axes::new();
    let mut dense = 1;
    for (&n, &stride) in shape.iter().zip(strides).rev() {
        let (from, to) = sides(stride, dense);
        push(&mut axes, Axis { n, from, to });
        dense *= n as isize;
    }
    axes
}

/// Adds an axis outside of the others: as part of the last, where both strides allow.
fn push(axes: &mut Axes, axis: Axis) {
    match axes.last_mut() {
        _ if axis.n == 1 => {}
        Some(last) if [axis.from, axis.to] == [last.from, last.to].map(|s| s * last.n as isize) => {
            last.n *= axis.n;
        }
        _ => axes.push(axis),
    }
}

/// Copies along all axes.
///
/// # Safety
/// Every index of either side lies in its buffer; the buffers do not overlap.
unsafe fn copy<T: Element>(from: *const T, to: *mut T, axes: &[Axis]) {
    // SAFETY: elements are plain numbers, so words of the same size and alignment carry them.
    unsafe {
        match (size_of::<T>(), align_of::<T>()) {
            (1, _) => copy_u8(from.cast(), to.cast(), axes),
            (4, 4) => copy_u32(from.cast(), to.cast(), axes),
            (8, 8) => copy_u64(from.cast(), to.cast(), axes),
            (16, 8) => copy_pair(from.cast(), to.cast(), axes),
            _ => copy_words(from, to, axes),
        }
    }
}

/// Two words: a dual number.
type Pair = [u64; 2];

macro_rules! copies {
    ($($name:ident $word:ident)*) => {$(
        /// [`copy_words`], compiled in this crate.
        ///
        /// # Safety
        /// As [`copy`].
        #[inline(never)]
        unsafe fn $name(from: *const $word, to: *mut $word, axes: &[Axis]) {
            // SAFETY: the caller's promise.
            unsafe { copy_words(from, to, axes) }
        }
    )*};
}

copies! { copy_u8 u8 copy_u32 u32 copy_u64 u64 copy_pair Pair }

/// # Safety
/// As [`copy`].
#[inline(always)]
unsafe fn copy_words<T: Copy>(from: *const T, to: *mut T, axes: &[Axis]) {
    const ONE: Axis = Axis { n: 1, from: 1, to: 1 };
    let mut axes: Axes = axes.into();
    while axes.len() < 2 {
        axes.push(ONE);
    }
    // The innermost axis has the unit stride of the row-major side; if another one has that of the
    // strided side, these two are a transpose.
    let is_unit = |axis: &Axis| axis.from.abs() == 1 && axis.to.abs() == 1;
    let has_unit = |axis: &Axis| axis.from.abs() == 1 || axis.to.abs() == 1;
    let other =
        (1..axes.len()).find(|&i| has_unit(&axes[i])).filter(|_| !is_unit(&axes[0]) && has_unit(&axes[0]));
    let (inner, outer) = (axes[0], axes.remove(other.unwrap_or(1)));
    let rest = &axes[1..];

    let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, rest.len());
    let (mut at, mut dest) = (0isize, 0isize);
    loop {
        // SAFETY: these offsets are part of an index of the walk, as the caller has promised.
        unsafe {
            let (from, to) = (from.offset(at), to.offset(dest));
            match other {
                Some(_) => transpose(from, to, outer, inner),
                None => lines(from, to, outer, inner),
            }
        }
        // The other axes count like an odometer.
        let mut i = 0;
        loop {
            let Some(axis) = rest.get(i) else { return };
            if index[i] + 1 < axis.n {
                index[i] += 1;
                at += axis.from;
                dest += axis.to;
                break;
            }
            at -= axis.from * index[i] as isize;
            dest -= axis.to * index[i] as isize;
            index[i] = 0;
            i += 1;
        }
    }
}

/// # Safety
/// As [`copy`].
#[inline(always)]
unsafe fn lines<T: Copy>(from: *const T, to: *mut T, outer: Axis, inner: Axis) {
    for i in 0..outer.n as isize {
        // SAFETY: the caller's promise.
        unsafe {
            let (from, to) = (from.offset(i * outer.from), to.offset(i * outer.to));
            match (inner.from, inner.to) {
                (1, 1) => to.copy_from_nonoverlapping(from, inner.n),
                (0, 1) => std::slice::from_raw_parts_mut(to, inner.n).fill(*from),
                (a, b) => {
                    for j in 0..inner.n as isize {
                        *to.offset(j * b) = *from.offset(j * a);
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`copy`].
#[inline(always)]
unsafe fn transpose<T: Copy>(from: *const T, to: *mut T, outer: Axis, inner: Axis) {
    for i in (0..outer.n).step_by(SQUARE) {
        for j in (0..inner.n).step_by(SQUARE) {
            let part = |axis: Axis, start: usize| Axis { n: SQUARE.min(axis.n - start), ..axis };
            let (o, k) = (part(outer, i), part(inner, j));
            let (i, j) = (i as isize, j as isize);
            // SAFETY: the caller's promise.
            unsafe {
                let from = from.offset(i * o.from + j * k.from);
                let to = to.offset(i * o.to + j * k.to);
                match (o.n, k.n, o.from, k.to) {
                    // Constants where they matter: this loop is unrolled.
                    (SQUARE, SQUARE, 1, 1) => {
                        square(from, to, Axis { from: 1, ..o }, Axis { to: 1, ..k });
                    }
                    (SQUARE, SQUARE, ..) => square(from, to, o, k),
                    _ => lines(from, to, o, k),
                }
            }
        }
    }
}

/// # Safety
/// As [`copy`]; both axes have the length of a square.
#[inline(always)]
unsafe fn square<T: Copy>(from: *const T, to: *mut T, outer: Axis, inner: Axis) {
    for i in 0..SQUARE as isize {
        for j in 0..SQUARE as isize {
            // SAFETY: the caller's promise.
            unsafe { *to.offset(i * outer.to + j * inner.to) = *from.offset(i * outer.from + j * inner.from) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    /// (shape, strides, offset, length of the strided side): axes of a buffer in any order and
    /// direction, some of them repeated.
    fn walks() -> impl Strategy<Value = (Vec<usize>, Vec<isize>, usize, usize)> {
        let length = prop_oneof![6 => 1usize..6, 1 => Just(0), 2 => 30usize..70];
        let axis = (length, 0..4u8, any::<u32>());
        prop::collection::vec(axis, 0..4).prop_map(|axes| {
            let mut order: Vec<usize> = (0..axes.len()).collect();
            order.sort_by_key(|&i| axes[i].2);
            let (mut strides, mut offset, mut len) = (vec![0; axes.len()], 0, 1);
            for i in order {
                let (n, kind, _) = axes[i];
                let reach = len * n.saturating_sub(1);
                match kind {
                    0 => {}
                    1 => (strides[i], offset, len) = (-(len as isize), offset + reach, len + reach),
                    // With a gap, as a slice with a step has.
                    2 => (strides[i], len) = (2 * len as isize, len + 2 * reach),
                    _ => (strides[i], len) = (len as isize, len + reach),
                }
            }
            (axes.iter().map(|a| a.0).collect(), strides, offset, len)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(300) })]

        #[test]
        fn gather_reads_and_scatter_writes_where_the_index_says((shape, strides, offset, len) in walks()) {
            let x: Vec<usize> = (0..len).collect();
            let places = naive::places(offset, &strides, &shape);
            let mut out = vec![usize::MAX; places.len()];
            gather(&x, offset, &strides, &shape, &mut out);
            prop_assert_eq!(&out, &places);

            // Where strides repeat, several sources share a place; which of them wins is open.
            let mut back = vec![usize::MAX; len];
            scatter(&places, offset, &strides, &shape, &mut back);
            let mut want = vec![usize::MAX; len];
            places.iter().for_each(|&i| want[i] = i);
            prop_assert_eq!(back, want);
        }
    }

    #[test]
    #[should_panic(expected = "gather: indices -1..=1 reach outside of 5 elements")]
    fn an_index_below_the_buffer_panics() {
        gather(&[0i64; 5], 1, &[-1, 0], &[3, 1], &mut [0; 3]);
    }

    #[test]
    #[should_panic(expected = "scatter: indices 2..=5 reach outside of 5 elements")]
    fn an_index_beyond_the_buffer_panics() {
        scatter(&[0i64; 4], 2, &[1], &[4], &mut [0; 5]);
    }

    #[test]
    fn an_empty_walk_may_lie_anywhere() {
        gather(&[0u8; 0], 7, &[1, 1], &[0, 3], &mut []);
    }
}
