//! A trace as a drawing in Mermaid's language, which many sites draw inside of Markdown.
//!
//! They draw at most [`EDGES`] arrows and [`CHARACTERS`] characters, and show an error beyond; so this refuses
//! what would not be drawn, and says how to shrink it.

use crate::ExploreError;
use crate::drawing::Drawing;
use std::fmt::Write;
use wengert::trace::Trace;

/// Mermaid's `maxEdges`.
pub const EDGES: usize = 500;
/// Mermaid's `maxTextSize`.
pub const CHARACTERS: usize = 50_000;

/// The trace in Mermaid's language. Scopes `collapse` names deep are drawn as one box each.
///
/// # Errors
/// The drawing is larger than Mermaid draws.
///
/// ```
/// let tape = wengert::GradientTape::new();
/// let a = tape.var(2.0);
/// let text = wengert_explore::mermaid::to_mermaid(&*tape.trace(a * a)?, None)?;
/// assert_eq!(text, "\
/// flowchart LR
///   n0([\"%0 var<br/>2 | 4\"])
///   n1[\"%1 mul %0, %0<br/>4 | 1\"]
///   n0 -->|\"2\"| n1
///   n0 -->|\"2\"| n1
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_mermaid(trace: &Trace, collapse: Option<usize>) -> Result<String, ExploreError> {
    let drawing = Drawing::new(trace, collapse);
    let scoped = trace.nodes().iter().any(|node| !node.scope.is_empty());
    let hint = match (collapse, scoped) {
        (None, true) => "draw each scope as one box with `--collapse`",
        (Some(depth), true) if depth > 1 => "collapse scopes further out, `--collapse 1`",
        (_, true) => "give its parts fewer scopes of their own, or write a page or a table instead",
        (_, false) => {
            "name its parts with `tape.scope` and collapse them, or write a page or a table instead"
        }
    };
    let refuse = |what, given, most| Err(ExploreError::Drawing { what, given, most, hint: hint.to_string() });
    if drawing.arrows.len() > EDGES {
        return refuse("edges", drawing.arrows.len(), EDGES);
    }
    let mut out = String::from("flowchart LR\n");
    let indent = |depth: usize| "  ".repeat(depth + 1);
    drawing.grouped(
        &mut out,
        |out, depth, number, name| {
            writeln!(out, "{}subgraph g{number}[\"{}\"]", indent(depth), escaped(name))
                .expect("a string takes all");
        },
        |out, depth| out.push_str(&format!("{}end\n", indent(depth))),
        |out, depth, item| {
            let mut text = escaped(&item.title);
            if let Some((value, adjoint)) = &item.numbers {
                write!(text, "<br/>{} | {}", escaped(value), escaped(adjoint)).expect("a string takes all");
            }
            let (open, close) = match (item.leaf, item.scope) {
                (true, _) => ("([", "])"),
                (_, true) => ("[[", "]]"),
                _ => ("[", "]"),
            };
            writeln!(out, "{}{}{open}\"{text}\"{close}", indent(depth), item.key)
                .expect("a string takes all");
        },
    );
    for arrow in &drawing.arrows {
        let line = if arrow.dashed { "-.->" } else { "-->" };
        let label =
            if arrow.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&arrow.label)) };
        let (from, to) = (&drawing.items[arrow.from].key, &drawing.items[arrow.to].key);
        writeln!(out, "  {from} {line}{label} {to}").expect("a string takes all");
    }
    let length = out.chars().count();
    if length > CHARACTERS { refuse("characters", length, CHARACTERS) } else { Ok(out) }
}

/// Text inside of quotes, with Mermaid's own entities.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' | '"' | '<' | '>' | '&' | '`' | '\\' => {
                write!(out, "#{};", c as u32).expect("a string takes all")
            }
            c => out.push(c),
        }
    }
    out
}
