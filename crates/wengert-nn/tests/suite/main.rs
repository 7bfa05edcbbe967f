//! The tests of the crate as one program: each links the whole library, and code that is generic over the
//! number type is compiled anew in every program that uses it. Apart stand those that are asked for by name.

#[path = "../common/mod.rs"]
mod common;

mod attention_layers;
mod callbacks;
mod check;
mod checkpoints;
mod derive;
mod interchange;
mod interpret;
mod layer_errors;
mod layer_gradients;
mod layers;
mod losses;
mod metrics;
mod models;
mod more_losses;
mod optimizer_options;
mod optimizers;
#[cfg(feature = "plot")]
mod plot;
mod recurrent_layers;
#[cfg(feature = "plot")]
mod report;
mod running_statistics;
mod schedules;
mod summary;
mod trainer;
mod training;
mod weights;
