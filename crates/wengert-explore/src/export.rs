//! A trace in any of the forms that it can be written in.

use crate::{ExploreError, csv, dot, html, json, mermaid, text};
use std::str::FromStr;
use wengert::trace::Trace;

/// Larger pages are refused: browsers take long to open them.
pub const LARGEST_PAGE: usize = 25_000_000;
/// Larger pages open slowly.
pub const LARGE_PAGE: usize = 5_000_000;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A page to step through, [`html`].
    Html,
    /// The trace itself, [`json`].
    Json,
    /// A drawing for Graphviz, [`dot`].
    Dot,
    /// A drawing for Mermaid, [`mermaid`].
    Mermaid,
    /// A table for spreadsheets, [`csv`].
    Csv,
    /// A table to read, [`text`].
    Text,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        Ok(match name {
            "html" => Format::Html,
            "json" => Format::Json,
            "dot" => Format::Dot,
            "mermaid" => Format::Mermaid,
            "csv" => Format::Csv,
            "text" => Format::Text,
            _ => return Err(format!("{name:?} is no format: html, json, dot, mermaid, csv or text")),
        })
    }
}

/// The trace in this form. In drawings, scopes `collapse` names deep are one box each.
///
/// # Errors
/// It would be larger than those who show it accept: a page than [`LARGEST_PAGE`], a drawing than
/// Mermaid draws.
///
/// ```
/// use wengert_explore::export::{Format, export};
/// let tape = wengert::GradientTape::new();
/// let trace = tape.trace(tape.var(0.0).cos())?;
/// assert!(export(&trace, Format::Html, None)?.starts_with("<!DOCTYPE html>"));
/// assert!(export(&trace, "dot".parse()?, None)?.starts_with("digraph"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(trace: &Trace, format: Format, collapse: Option<usize>) -> Result<String, ExploreError> {
    Ok(match format {
        Format::Json => json::to_json(trace) + "\n",
        Format::Dot => dot::to_dot(trace, collapse),
        Format::Mermaid => mermaid::to_mermaid(trace, collapse)?,
        Format::Csv => csv::to_csv(trace),
        Format::Text => text::to_text(trace),
        Format::Html => {
            let title = &trace.data().title;
            let page = html::page(&json::to_json(trace), if title.is_empty() { "wengert" } else { title });
            match page.len() {
                bytes if bytes > LARGEST_PAGE => {
                    return Err(ExploreError::PageTooLarge { bytes, most: LARGEST_PAGE });
                }
                _ => page,
            }
        }
    })
}
