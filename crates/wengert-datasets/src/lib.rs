//! Data for [`wengert`]: images and labels, from files or from this crate itself, in batches.
//!
//! # A task without a download
//!
//! [`digits()`] are 1,797 handwritten digits of 8x8 pixels, inside the library:
//!
//! ```
//! # #[cfg(feature = "digits")] {
//! let (train, test) = wengert_datasets::digits().split_stratified(0.2, 42);
//! assert_eq!((train.len(), test.len()), (1438, 359));
//! for epoch in 0..3 {
//!     for batch in train.shuffle(epoch).batches::<f32>(128) {
//!         // batch.images: [128, 64], pixels from 0 to 1; batch.labels: [128]
//!         assert_eq!(batch.images.shape()[1], 64);
//!     }
//! }
//! # }
//! ```
//!
//! # MNIST and its family
//!
//! [`Mnist::load`] reads the four files of a folder, plain or gzip, and says exactly what is wrong
//! with a file that is not what it should be. [`Mnist::find`] looks where they may be: in a folder
//! that the program was told, in `$MNIST_DIR`, in the user's cache. Nothing is downloaded.
//!
//! ```no_run
//! use wengert_datasets::Mnist;
//! let mnist = Mnist::load("data/mnist")?;
//! let (train, val) = mnist.train.split_validation(0.1);
//! for batch in train.shuffle(1).batches::<f32>(128) {
//!     // ...
//! }
//! # Ok::<(), wengert_datasets::DatasetError>(())
//! ```
//!
//! # Your own data
//!
//! [`ImageDataset::new`] takes bytes, [`ImageDataset::from_idx`] files of images of any size,
//! [`TensorDataset`] a pair of tensors. A trainer takes anything that implements [`Dataset`].
//!
//! # What it costs
//!
//! Images stay the bytes that they are in the file, shared by all shuffles and splits. A batch is
//! converted when it is asked for, into tensors that are filled again as soon as nobody holds
//! them: a loop over batches allocates nothing, and 128 images of MNIST take about 26 µs.
//!
//! # Features
//!
//! `gzip` (default) reads compressed files; `digits` (default) embeds the digits, which are
//! licensed CC BY 4.0.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod batches;
mod dataset;
#[cfg(feature = "digits")]
mod digits;
mod error;
mod idx;
mod image_dataset;
mod mnist;
mod one_hot;
mod pixels;
mod subsets;

pub use batches::{Batch, Batches};
pub use dataset::{Dataset, TensorDataset, refill};
#[cfg(feature = "digits")]
pub use digits::digits;
pub use error::DatasetError;
pub use idx::Idx;
pub use image_dataset::ImageDataset;
pub use mnist::Mnist;
pub use one_hot::to_one_hot;
