//! `ImageDataset`: labelled grey images, kept as the bytes they came in.
//!
//! Bytes take a quarter of the room of `f32` (MNIST: 47 MB instead of 188) and are read faster;
//! they become numbers in [0, 1] when a batch is made. A data set is a list of rows into shared
//! bytes, so shuffles and splits copy no image, only 8 bytes a row.

use crate::DatasetError;
use crate::dataset::{Dataset, check_rows, refill};
use crate::pixels::UnitInterval;
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use wengert::{Float, Shape, Tensor};

/// How many images are looked at together before they are converted: what the cache can hold.
const BLOCK: usize = 128;
/// Bytes that come into the cache together.
const CACHE_LINE: usize = 64;

/// Labelled grey images of one size.
///
/// ```
/// use wengert_datasets::ImageDataset;
/// // Two images of one row and three pixels.
/// let data = ImageDataset::new(vec![0, 51, 255, 255, 0, 0], vec![1, 0], [1, 3], 2)?;
/// assert_eq!((data.len(), data.height(), data.width(), data.classes()), (2, 1, 3, 2));
/// assert_eq!((data.image(0), data.label(0)), (&[0, 51, 255][..], 1));
/// assert_eq!(data.images::<f32>().as_slice(), [0.0, 0.2, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), wengert_datasets::DatasetError>(())
/// ```
#[derive(Clone)]
pub struct ImageDataset {
    source: Arc<Source>,
    /// The images of this set, in its order, as indices into the source.
    pub(crate) rows: Arc<[usize]>,
    scale: u8,
}

/// What subsets share.
struct Source {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
    classes: usize,
}

impl ImageDataset {
    /// A data set of own images: `pixels` of all images, one after the other in row-major order,
    /// a label each, `[height, width]`, and the number of classes. Pixels are 0 to 255; see
    /// [`with_scale`](ImageDataset::with_scale).
    ///
    /// # Errors
    /// A side of 0; the pixels are not as many as labels times height times width; a label is not
    /// below `classes`.
    ///
    /// ```
    /// use wengert_datasets::ImageDataset;
    /// let e = ImageDataset::new(vec![0; 7], vec![0, 1], [2, 2], 2).unwrap_err();
    /// assert_eq!(e.to_string(), "pixels: found 7 bytes, expected 2 images of 2x2 pixels, as there are 2 labels");
    /// ```
    pub fn new(
        pixels: Vec<u8>,
        labels: Vec<u8>,
        [height, width]: [usize; 2],
        classes: usize,
    ) -> Result<ImageDataset, DatasetError> {
        let n = labels.len();
        let wrong =
            |argument, found, expected| Err(DatasetError::Argument { path: None, argument, found, expected });
        if height == 0 || width == 0 || Shape::new(&[n, height, width]).is_err() {
            let expected = "at least one pixel, and no more than memory can address".into();
            return wrong("[height, width]", format!("[{height}, {width}]"), expected);
        }
        if n * height * width != pixels.len() {
            let expected = format!("{n} images of {height}x{width} pixels, as there are {n} labels");
            return wrong("pixels", format!("{} bytes", pixels.len()), expected);
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            let label = labels[index].into();
            return Err(DatasetError::Label { path: None, index, label, classes });
        }
        let rows = (0..labels.len()).collect();
        let source = Arc::new(Source { pixels, labels, height, width, classes });
        Ok(ImageDataset { source, rows, scale: u8::MAX })
    }

    /// The same images where the pixel `scale`, instead of 255, becomes 1.
    ///
    /// # Errors
    /// A scale of 0, or one below some pixel of the data that this set shares.
    pub fn with_scale(self, scale: u8) -> Result<ImageDataset, DatasetError> {
        let brightest = self.source.pixels.iter().copied().max().unwrap_or(0).max(1);
        if scale < brightest {
            return Err(DatasetError::Argument {
                path: None,
                argument: "scale",
                found: scale.to_string(),
                expected: format!("at least {brightest}, the greatest pixel"),
            });
        }
        Ok(ImageDataset { scale, ..self })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of classes: labels are below it, whether or not all occur.
    pub fn classes(&self) -> usize {
        self.source.classes
    }

    /// Rows of pixels in an image.
    pub fn height(&self) -> usize {
        self.source.height
    }

    /// Pixels in a row of an image.
    pub fn width(&self) -> usize {
        self.source.width
    }

    /// The pixel that becomes 1: 255, or what [`with_scale`](ImageDataset::with_scale) set.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// The pixels of image `index`, row by row.
    ///
    /// # Panics
    /// `index` is not below [`len`](ImageDataset::len).
    #[track_caller]
    pub fn image(&self, index: usize) -> &[u8] {
        check_rows(&[index], self.len());
        self.source.image(self.rows[index])
    }

    /// The label of image `index`.
    ///
    /// # Panics
    /// `index` is not below [`len`](ImageDataset::len).
    #[track_caller]
    pub fn label(&self, index: usize) -> usize {
        check_rows(&[index], self.len());
        self.source.labels[self.rows[index]].into()
    }

    /// All labels, of shape `[len]`.
    pub fn labels(&self) -> Tensor<usize> {
        self.gather_labels(None, self.len(), |k| self.rows[k])
    }

    /// All images as numbers from 0 to 1, of shape `[len, height * width]`.
    pub fn images<T: Float>(&self) -> Tensor<T> {
        self.gather_images(None, self.len(), |k| self.rows[k])
    }

    /// The same bytes in another choice or order of rows.
    pub(crate) fn with_rows(&self, rows: Arc<[usize]>) -> ImageDataset {
        ImageDataset { source: self.source.clone(), rows, scale: self.scale }
    }

    /// The batch of the source's rows `row(0)`, ..., `row(n - 1)`, in the tensors of `into` where
    /// possible.
    pub(crate) fn gather_rows<T: Float>(
        &self,
        n: usize,
        row: impl Fn(usize) -> usize + Copy,
        into: &mut Option<(Tensor<T>, Tensor<usize>)>,
    ) {
        let (images, labels) = into.take().unzip();
        *into = Some((self.gather_images(images, n, row), self.gather_labels(labels, n, row)));
    }

    fn gather_images<T: Float>(
        &self,
        old: Option<Tensor<T>>,
        n: usize,
        row: impl Fn(usize) -> usize + Copy,
    ) -> Tensor<T> {
        let size = self.source.image_size();
        let unit = UnitInterval::new(self.scale);
        refill(old, &[n, size], |into| {
            for (block, into) in into.chunks_mut(BLOCK.saturating_mul(size)).enumerate() {
                let images = (block * BLOCK..n.min((block + 1) * BLOCK)).map(|k| self.source.image(row(k)));
                // Shuffled images lie anywhere in memory. Loads that nothing waits for fetch them
                // side by side: a batch of 128 from MNIST takes 26 µs instead of 65.
                let glances = images.clone().flat_map(|image| image.iter().step_by(CACHE_LINE));
                black_box(glances.fold(0, |a, b| a ^ b));
                for (image, into) in images.zip(into.chunks_exact_mut(size)) {
                    unit.convert(image, into);
                }
            }
        })
    }

    fn gather_labels(
        &self,
        old: Option<Tensor<usize>>,
        n: usize,
        row: impl Fn(usize) -> usize,
    ) -> Tensor<usize> {
        refill(old, &[n], |into| {
            for (k, into) in into.iter_mut().enumerate() {
                *into = self.source.labels[row(k)].into();
            }
        })
    }
}

impl Source {
    fn image_size(&self) -> usize {
        self.height * self.width
    }

    fn image(&self, row: usize) -> &[u8] {
        &self.pixels[row * self.image_size()..][..self.image_size()]
    }
}

/// Inputs are images as numbers from 0 to 1, of shape `[rows, height * width]`; targets are labels.
impl<T: Float> Dataset<T> for ImageDataset {
    type Input = Tensor<T>;
    type Target = Tensor<usize>;

    fn len(&self) -> usize {
        self.rows.len()
    }

    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Option<(Tensor<T>, Tensor<usize>)>) {
        check_rows(rows, self.len());
        self.gather_rows(rows.len(), |k| self.rows[rows[k]], into);
    }
}

/// The sizes, not the pixels.
impl fmt::Debug for ImageDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source { height, width, classes, .. } = *self.source;
        write!(f, "ImageDataset({} images of {height}x{width}, {classes} classes)", self.len())
    }
}
