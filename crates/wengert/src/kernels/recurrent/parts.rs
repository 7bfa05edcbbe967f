//! Rows of buffers: written by the blocks of a batch at the same time, or read at a distance.

use crate::kernels::Matrix;
use std::marker::PhantomData;
use std::ops::Range;

/// A buffer `[steps, batch, width]` that blocks of the batch write their own rows of.
pub(super) struct Parts<'a, T> {
    data: *mut T,
    steps: usize,
    batch: usize,
    width: usize,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: threads get disjoint rows, as `rows` demands.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(super) fn new(data: &'a mut [T], steps: usize, batch: usize, width: usize) -> Parts<'a, T> {
        assert_eq!(data.len(), steps * batch * width, "recurrent: a buffer has another size");
        Parts { data: data.as_mut_ptr(), steps, batch, width, buffer: PhantomData }
    }

    /// Some rows of a step.
    ///
    /// # Safety
    /// No other reference to them is in use, unless all are shared ones.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn rows(&self, step: usize, rows: &Range<usize>) -> &mut [T] {
        assert!(step < self.steps && rows.start <= rows.end && rows.end <= self.batch);
        let start = (step * self.batch + rows.start) * self.width;
        // SAFETY: the rows lie in the buffer, and the caller promises that they are its own.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), rows.len() * self.width) }
    }
}

/// Rows that begin some distance apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    data: &'a [T],
    distance: usize,
}

impl<'a, T> Rows<'a, T> {
    pub(super) fn new(data: &'a [T], distance: usize) -> Rows<'a, T> {
        Rows { data, distance }
    }

    /// One row, again and again.
    pub(super) fn same(row: &'a [T]) -> Rows<'a, T> {
        Rows { data: row, distance: 0 }
    }

    #[inline(always)]
    pub(super) fn row(self, i: usize, len: usize) -> &'a [T] {
        &self.data[i * self.distance..][..len]
    }

    pub(super) fn matrix(self, rows: usize, cols: usize) -> Matrix<'a, T> {
        Matrix { data: self.data, rows, cols, row_stride: self.distance, col_stride: 1 }
    }
}
