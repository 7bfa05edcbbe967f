//! Choices and orders of a data set's images: shuffles and splits.
//!
//! Each is a new list of rows into the shared bytes, so it costs 8 bytes a row and no copy of an
//! image. What is random depends on the seed alone: ChaCha's stream is the same everywhere.

use crate::image_dataset::ImageDataset;
use wengert::rand::SeedableRng;
use wengert::rand::rngs::ChaCha8Rng;
use wengert::rand::seq::SliceRandom;

impl ImageDataset {
    /// The same images in a random order, which depends on `seed` alone.
    ///
    /// Give every epoch another seed: `train.shuffle(epoch)`.
    #[must_use]
    pub fn shuffle(&self, seed: u64) -> ImageDataset {
        self.select(shuffled(self.rows.to_vec(), &mut ChaCha8Rng::seed_from_u64(seed)))
    }

    /// The first `n` images, or all if there are fewer.
    #[must_use]
    pub fn take(&self, n: usize) -> ImageDataset {
        self.select(self.rows[..n.min(self.len())].to_vec())
    }

    /// The first `at` images, and the others.
    ///
    /// # Panics
    /// `at` is greater than [`len`](ImageDataset::len).
    #[must_use]
    #[track_caller]
    pub fn split(&self, at: usize) -> (ImageDataset, ImageDataset) {
        assert!(at <= self.len(), "split: at {at}, expected at most {}, the number of images", self.len());
        let (first, second) = self.rows.split_at(at);
        (self.select(first.to_vec()), self.select(second.to_vec()))
    }

    /// Images for training, and the last `fraction` of them for validation, as Keras'
    /// `validation_split`: the first `floor(len * (1 - fraction))` are for training.
    ///
    /// No order is changed: shuffle before, if the images are sorted.
    ///
    /// # Panics
    /// `fraction` is not from 0 to 1.
    ///
    /// ```
    /// # use wengert_datasets::ImageDataset;
    /// # let train = ImageDataset::new(vec![0; 60], (0..60).collect(), [1, 1], 60)?;
    /// let (train, val) = train.split_validation(0.1);
    /// assert_eq!((train.len(), val.len()), (54, 6));
    /// assert_eq!(val.label(0), 54);
    /// # Ok::<(), wengert_datasets::DatasetError>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn split_validation(&self, fraction: f64) -> (ImageDataset, ImageDataset) {
        check_fraction("split_validation", fraction);
        self.split((self.len() as f64 * (1.0 - fraction)).floor() as usize)
    }

    /// Images for training and for testing: of each label's images the same `fraction`, rounded to
    /// the nearest number, goes to the second set. Both are shuffled, by `seed` alone.
    ///
    /// # Panics
    /// `fraction` is not from 0 to 1.
    ///
    /// ```
    /// # use wengert_datasets::ImageDataset;
    /// // Twenty images of class 0, then ten of class 1.
    /// let labels = (0..30).map(|i| u8::from(i >= 20)).collect();
    /// let data = ImageDataset::new(vec![0; 30], labels, [1, 1], 2)?;
    /// let (train, test) = data.split_stratified(0.2, 42);
    /// assert_eq!((train.len(), test.len()), (24, 6));
    /// assert_eq!(test.labels().as_slice().iter().filter(|&&label| label == 1).count(), 2);
    /// # Ok::<(), wengert_datasets::DatasetError>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> (ImageDataset, ImageDataset) {
        check_fraction("split_stratified", fraction);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut by_label = vec![Vec::new(); self.classes()];
        for i in 0..self.len() {
            by_label[self.label(i)].push(self.rows[i]);
        }
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for rows in by_label {
            let rows = shuffled(rows, &mut rng);
            let (first, second) = rows.split_at((rows.len() as f64 * fraction).round() as usize);
            test.extend_from_slice(first);
            train.extend_from_slice(second);
        }
        (self.select(shuffled(train, &mut rng)), self.select(shuffled(test, &mut rng)))
    }

    fn select(&self, rows: Vec<usize>) -> ImageDataset {
        self.with_rows(rows.into())
    }
}

fn shuffled(mut rows: Vec<usize>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    rows.shuffle(rng);
    rows
}

#[track_caller]
fn check_fraction(what: &str, fraction: f64) {
    assert!((0.0..=1.0).contains(&fraction), "{what}: fraction {fraction}, expected one from 0 to 1");
}
