//! Layers, losses, optimizers and a trainer for [`wengert`], as Keras users know them.
//!
//! A model is any struct of parameters and layers with `#[derive(Module)]`; what it computes is
//! plain code over recorded variables. Train it by hand:
//!
//! ```
//! use wengert_nn::prelude::*;
//!
//! let mut rng = seeded(0);
//! let mut model: Sequential =
//!     Sequential::new().layer(Dense::new(2, 8, &mut rng)).layer(Tanh).layer(Dense::new(8, 2, &mut rng));
//! let mut optimizer = Adam::new(0.05);
//! let (x, labels) = (tensor![[0., 0.], [0., 1.], [1., 0.], [1., 1.]], tensor![0usize, 1, 1, 0]);
//!
//! let mut tape = GradientTape::new();
//! let mut losses = vec![];
//! for _ in 0..100 {
//!     let loss = model.forward(tape.constant(&x)).cross_entropy(&labels);
//!     losses.push(loss.item());
//!     let grads = loss.backward();
//!     tape.reset(); // the tape lets go of the parameters, so the step is in place
//!     optimizer.step(&mut model, &grads)?;
//! }
//! assert!(losses[0] > 0.5 && losses[99] < 0.05);
//! # Ok::<(), wengert_nn::OptimizerError>(())
//! ```
//!
//! or hand it to a [`Trainer`].

// What `#[derive(Module)]` writes refers to this crate by its name, here too.
extern crate self as wengert_nn;

pub mod callbacks;
mod forward;
mod init;
pub mod layers;
pub mod losses;
pub mod metrics;
mod module;
pub mod optimizers;
mod progress;
pub mod schedules;
mod summary;
mod trainer;

pub use forward::{Forward, Layer, Model};
pub use init::Init;
pub use losses::Loss;
pub use module::{Module, Path};
pub use optimizers::{Optimizer, OptimizerError};
pub use schedules::Schedule;
pub use summary::{LayerSummary, Summary, UnknownLayer, activations};
pub use trainer::{Epoch, Evaluation, FitOptions, History, TrainError, Trainer};
pub use wengert;
pub use wengert_datasets as datasets;

use wengert::rand::SeedableRng;
use wengert::rand::rngs::ChaCha8Rng;

/// A generator of random numbers whose stream is the same on every machine and in every release.
pub fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// What most programs use: `use wengert_nn::prelude::*;`.
pub mod prelude {
    pub use crate::callbacks::{Callback, ProgressBar};
    pub use crate::layers::{Activation, MultiHeadAttention, PositionalEncoding};
    pub use crate::layers::{AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MaxPool2d};
    pub use crate::layers::{AvgPool1d, Lambda, MaxPool1d};
    pub use crate::layers::{BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RmsNorm};
    pub use crate::layers::{
        Bilinear, Dense, Dropout, Embedded, Embedding, Flatten, Prelu, Reshape, Upsample,
    };
    pub use crate::layers::{Conv1d, Conv2d, ConvTranspose2d, Residual, Sequential};
    pub use crate::layers::{Elu, Gelu, GeluTanh, HardSigmoid, HardSwish, HardTanh, LeakyRelu, LogSigmoid};
    pub use crate::layers::{Gru, Lstm, RecurrentOptions, RecurrentStates, Rnn};
    pub use crate::layers::{
        LogSoftmax, Mish, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softsign, Tanh,
    };
    pub use crate::layers::{TransformerDecoder, TransformerDecoderLayer};
    pub use crate::layers::{TransformerEncoder, TransformerEncoderLayer};
    pub use crate::losses::{CategoricalCrossEntropy, Loss, MeanSquaredError, SparseCategoricalCrossEntropy};
    pub use crate::metrics::{Accuracy, Metric};
    pub use crate::optimizers::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, Nadam, Optimizer, Radam, RmsProp, Sgd,
    };
    pub use crate::schedules::{
        CosineAnnealing, ExponentialDecay, LinearRamp, MultiStepDecay, OneCycle, PolynomialDecay, Schedule,
        StepDecay,
    };
    pub use crate::{FitOptions, Forward, History, Init, Layer, Model, Module, Trainer, seeded};
    pub use wengert::prelude::*;
}
