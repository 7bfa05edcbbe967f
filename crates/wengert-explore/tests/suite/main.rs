//! The tests of the crate as one program: each links the whole library, and code that is generic over the
//! number type is compiled anew in every program that uses it. Apart stand those that are asked for by name.

#[path = "../common/mod.rs"]
mod common;

mod drawings;
mod files;
mod hostile;
mod program;
mod schema;
mod tables;
mod transcripts;
