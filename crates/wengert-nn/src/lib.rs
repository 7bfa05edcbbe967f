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
//! or hand it to a [`Trainer`], which knows epochs, validation, [metrics] and [callbacks]:
//!
//! ```
//! use wengert_nn::{datasets::TensorDataset, prelude::*};
//! # let mut rng = seeded(0);
//! # let x: Tensor = Tensor::randn(&[64, 2], &mut rng);
//! # let labels = x.as_slice().chunks(2).map(|x| usize::from(x[0] > x[1])).collect::<Vec<_>>();
//! # let data = TensorDataset::new(x, Tensor::from(labels))?;
//! # let model: Sequential =
//! #     Sequential::new().layer(Dense::new(2, 8, &mut rng)).layer(Tanh).layer(Dense::new(8, 2, &mut rng));
//! let optimizer = AdamW::new(0.01).clip_global_norm(1.0);
//! let mut trainer = Trainer::new(model, optimizer, SparseCategoricalCrossEntropy::from_logits())
//!     .schedule(CosineAnnealing::new(0.01, 200).warmed_up(10))
//!     .metric(Accuracy::new())
//!     .callback(EarlyStopping::new().patience(5).restore_best())
//!     .callback(TerminateOnNan::new());
//! let check = trainer.check(&data)?; // says in words what is wrong, before an hour of training
//! assert!(check.is_good(), "{check}");
//! let history = trainer.fit(&data, FitOptions::new().epochs(20).batch_size(8).validation_split(0.2))?;
//! println!("{:?}", history.values("val_accuracy"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [Weights](checkpoint::Weights) are saved and loaded in files that PyTorch reads and writes, and a
//! training that was [saved](callbacks::ModelCheckpoint) [goes on](FitOptions::resume) as if it had
//! never stopped. With the feature `plot`, `history.plot("history.svg")` draws its curves and `Report`
//! writes a page about it: curves, confusion matrix, the worst mistakes, weights.

// What `#[derive(Module)]` writes refers to this crate by its name, here too.
extern crate self as wengert_nn;

pub mod callbacks;
pub mod checkpoint;
mod ema;
mod forward;
mod init;
pub mod layers;
pub mod losses;
pub mod metrics;
mod module;
pub mod optimizers;
#[cfg(feature = "plot")]
mod plot;
mod progress;
#[cfg(feature = "plot")]
mod report;
pub mod schedules;
mod state;
mod summary;
mod trainer;

pub use checkpoint::CheckpointError;
pub use ema::Ema;
pub use forward::{Forward, Layer, Model};
pub use init::Init;
pub use losses::Loss;
pub use module::{Module, Path};
pub use optimizers::{Optimizer, OptimizerError};
#[cfg(feature = "plot")]
pub use plot::PlotError;
#[cfg(feature = "plot")]
pub use report::Report;
pub use schedules::Schedule;
pub use state::{State, StateError};
pub use summary::{LayerSummary, Summary, UnknownLayer, activations};
pub use trainer::{About, Check, Finding, shuffle};
pub use trainer::{
    Epoch, Evaluation, FitOptions, History, Interpretation, Mistake, SharedError, StepResult, TrainError,
    TrainStep, Trainer,
};
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
    pub use crate::callbacks::ModelCheckpoint;
    #[cfg(feature = "tensorboard")]
    pub use crate::callbacks::TensorBoard;
    pub use crate::callbacks::{Callback, ProgressBar};
    pub use crate::callbacks::{CsvLogger, EarlyStopping, JsonLogger, ReduceLrOnPlateau, TerminateOnNan};
    pub use crate::checkpoint::{Checkpoint, LoadOptions, SaveOptions, Weights};
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
    pub use crate::losses::{BinaryCrossEntropy, Huber, MeanAbsoluteError};
    pub use crate::losses::{CategoricalCrossEntropy, Loss, MeanSquaredError, SparseCategoricalCrossEntropy};
    pub use crate::metrics::{Accuracy, Metric};
    pub use crate::metrics::{BinaryAccuracy, F1Score, Precision, Recall, RocAuc, TopKAccuracy};
    pub use crate::optimizers::ParameterGroup;
    pub use crate::optimizers::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, Optimizer, Radam, RmsProp, Sgd,
    };
    pub use crate::schedules::{
        CosineAnnealing, CosineRestarts, ExponentialDecay, LinearRamp, MultiStepDecay, OneCycle,
        PolynomialDecay, Schedule, StepDecay,
    };
    pub use crate::{Ema, State};
    pub use crate::{FitOptions, Forward, History, Init, Layer, Model, Module, Trainer, seeded};
    pub use wengert::prelude::*;
}
