//! The tests of the crate as one program: each links the whole library, and code that is generic over the
//! number type is compiled anew in every program that uses it. Apart stand those that are asked for by name.

#[path = "../common/mod.rs"]
mod common;

mod attention;
mod checker;
mod checkpoint;
mod custom;
mod einsum;
mod errors;
mod finite;
mod functional;
mod fused;
mod gradients;
mod kinks;
mod linalg;
mod networks;
mod norm;
mod random_programs;
mod readme;
mod recurrent;
mod rules;
mod state;
mod structure;
mod tape;
mod trace;
