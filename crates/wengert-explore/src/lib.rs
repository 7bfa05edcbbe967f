//! Looking at a traced sweep of [`wengert`]: everything that happened on the tape, forward and back, in a
//! terminal, as a page, as text, tables and drawings.
//!
//! A [`Trace`](wengert::trace::Trace) is immutable and knows what is so at any time. What is here only shows it, so
//! that all of it agrees with the engine:
//!
//! - [`json`]: traces as files, the source of all the others;
//! - [`terminal`]: a debugger of lines, forwards and backwards, with breakpoints, what-if and assertions, which the
//!   program `wengert` runs on a terminal, in a pipe or from a script;
//! - [`html`]: one page to step through in a browser, without a network;
//! - [`text`]: the table that books print;
//! - [`csv`]: each addition of the sweep, for a spreadsheet that checks them;
//! - [`dot`] and [`mermaid`]: drawings;
//! - [`export`](mod@export): any of them by name.
//!
//! ```
//! use wengert_explore::{json, terminal::Session};
//! let tape = wengert::GradientTape::new();
//! let x = tape.var(3.0);
//! let trace = tape.trace(x * x)?;
//! // As a file, and back.
//! let trace = json::from_json(&json::to_json(&trace))?;
//! let mut session = Session::new(trace);
//! session.run("end")?;
//! assert_eq!(session.run("p adj %0")?, "adj %0 = 6\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod csv;
pub mod dot;
mod drawing;
mod error;
pub mod export;
pub mod files;
pub mod html;
pub mod json;
pub mod mermaid;
mod plain;
pub mod terminal;
pub mod text;

pub use error::ExploreError;
