//! Batches of images, one after the other, in tensors that are filled again.
//!
//! The iterator keeps a clone of what it hands out, which costs a count. When the loop's body has
//! let go of a batch (its tape was reset), the next one is written into the same buffers, which
//! are still warm in the cache. It remembers two batches, so that a body that lets go one step
//! later, with a reset at its beginning, allocates nothing either.

use crate::image_dataset::ImageDataset;
use std::iter::FusedIterator;
use wengert::{Float, Tensor};

/// Some images and their labels.
#[derive(Clone, Debug)]
pub struct Batch<T: Float> {
    /// Pixels from 0 to 1, of shape `[n, height * width]`. A convolution wants
    /// `images.reshape(&[n, 1, height, width])`, which copies nothing.
    pub images: Tensor<T>,
    /// The labels, of shape `[n]`.
    pub labels: Tensor<usize>,
}

/// The batches of an [`ImageDataset`], in its order; made by [`ImageDataset::batches`].
#[derive(Clone, Debug)]
pub struct Batches<T: Float> {
    data: ImageDataset,
    size: usize,
    next: usize,
    end: usize,
    /// The last two batches handed out, the latest first.
    spares: [Option<(Tensor<T>, Tensor<usize>)>; 2],
}

impl ImageDataset {
    /// The images in batches of `size`, in order; the last batch may be smaller, see
    /// [`drop_last`](Batches::drop_last).
    ///
    /// # Panics
    /// `size` is 0.
    ///
    /// ```
    /// # use wengert_datasets::ImageDataset;
    /// # let train = ImageDataset::new(vec![0; 10 * 4], (0..10).collect(), [2, 2], 10)?;
    /// for epoch in 0..2 {
    ///     for batch in train.shuffle(epoch).batches::<f32>(4) {
    ///         let n = batch.labels.len();
    ///         assert_eq!(batch.images.shape()[..], [n, 4]);
    ///     }
    /// }
    /// # Ok::<(), wengert_datasets::DatasetError>(())
    /// ```
    #[track_caller]
    pub fn batches<T: Float>(&self, size: usize) -> Batches<T> {
        assert!(size > 0, "batches: the size is 0, expected at least 1");
        Batches { data: self.clone(), size, next: 0, end: self.len(), spares: [None, None] }
    }
}

impl<T: Float> Batches<T> {
    /// Leaves out the last batch if it is smaller than the others.
    #[must_use]
    pub fn drop_last(mut self) -> Batches<T> {
        self.end -= (self.end - self.next) % self.size;
        self
    }
}

impl<T: Float> Iterator for Batches<T> {
    type Item = Batch<T>;

    fn next(&mut self) -> Option<Batch<T>> {
        let rows = self.next..self.end.min(self.next.saturating_add(self.size));
        if rows.is_empty() {
            return None;
        }
        self.next = rows.end;
        if !self.spares[0].as_mut().is_some_and(is_free) {
            self.spares.swap(0, 1);
        }
        let data = &self.data;
        data.gather_rows(rows.len(), |k| data.rows[rows.start + k], &mut self.spares[0]);
        let (images, labels) = self.spares[0].clone()?;
        Some(Batch { images, labels })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl<T: Float> ExactSizeIterator for Batches<T> {}
impl<T: Float> FusedIterator for Batches<T> {}

fn is_free<T: Float>((images, labels): &mut (Tensor<T>, Tensor<usize>)) -> bool {
    images.get_mut().is_some() && labels.get_mut().is_some()
}
