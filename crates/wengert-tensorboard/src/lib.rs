//! Writes what [TensorBoard](https://www.tensorflow.org/tensorboard) reads, from any Rust program.
//!
//! ```
//! use wengert_tensorboard::{Image, Scale, Status, SummaryWriter};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # std::env::set_current_dir(&folder).unwrap();
//! let mut writer = SummaryWriter::create("runs/first")?;
//! writer.hparams(&[("optimizer", "sgd".into()), ("learning_rate", 0.1.into())])?;
//! let mut weights = [0.5f32, -1.5, 2.0, 0.0];
//! for step in 0..50 {
//!     weights.iter_mut().for_each(|w| *w -= 0.1 * *w);
//!     let loss: f64 = weights.iter().map(|&w| f64::from(w * w) / 2.0).sum();
//!     writer.scalar("loss", step, loss)?;
//!     if step % 10 == 0 {
//!         writer.histogram("weights", step, &weights)?;
//!         let image = Image::scaled(2, 2, &weights, Scale::symmetric(&weights))?;
//!         writer.images("weights/image", step, &[image.enlarged(32)?])?;
//!     }
//! }
//! writer.text("notes", 0, "| what | how |\n|---|---|\n| task | weights go to **zero** |")?;
//! writer.hparams_end(Status::Success)?;
//! # Ok::<(), wengert_tensorboard::Error>(())
//! ```
//!
//! ```sh
//! pip install tensorboard
//! tensorboard --logdir runs
//! ```
//!
//! # What is shown
//!
//! | | |
//! |---|---|
//! | [`scalar`](SummaryWriter::scalar) | curves |
//! | [`histogram`](SummaryWriter::histogram) | distributions over steps |
//! | [`images`](SummaryWriter::images) | grey and coloured [images](Image), numbers by a [`Scale`] |
//! | [`text`](SummaryWriter::text) | Markdown |
//! | [`graph`](SummaryWriter::graph) | a [`Graph`] of operations, with what one likes to know of each |
//! | [`hparams`](SummaryWriter::hparams) | a table of runs, by what they were made with |
//! | [`embeddings`](SummaryWriter::embeddings) | points of many dimensions, turned in three |
//!
//! # What happens when something goes wrong
//!
//! Every call returns a `Result`. A program that must not end because of its log may ignore it: what was
//! not written is [counted](SummaryWriter::dropped), the [first error](SummaryWriter::first_error) is kept, and
//! the file holds whole records only, so that all else can be read. A record is handed to the system
//! before the call returns; a process that is killed loses nothing. Two writers for one run are refused.
//!
//! # What it costs
//!
//! A scalar takes 3 µs, most of it the system's, a histogram of a million values 10 ms. There is no thread, no
//! buffer to be flushed, no C++ and no Python. Messages are declared by hand over
//! [prost](https://docs.rs/prost), so that no `protoc` is needed.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod file;
mod graph;
mod histogram;
mod hparams;
mod image;
mod options;
mod projector;
mod proto;
mod record;
mod writer;

pub use error::{Error, Kind};
pub use graph::{Graph, Node};
pub use hparams::{HParam, Status};
pub use image::{Image, Scale};
pub use options::WriterOptions;
pub use projector::Embeddings;
pub use writer::SummaryWriter;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
