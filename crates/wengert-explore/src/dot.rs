//! A trace as a drawing in Graphviz's language: `dot -Tsvg trace.dot > trace.svg`.
//!
//! Boxes show value | adjoint, arrows an operand of an operation with its local derivative where that is one
//! number, clusters scopes. No adjoint comes back along dashed arrows. Written by hand, because what
//! writes DOT elsewhere knows no clusters.

use crate::drawing::Drawing;
use std::fmt::Write;
use wengert::trace::Trace;

/// The trace in DOT. Scopes `collapse` names deep are drawn as one box each.
///
/// ```
/// let tape = wengert::GradientTape::new();
/// let a = tape.var(2.0);
/// let dot = wengert_explore::dot::to_dot(&*tape.trace(a + a)?, None);
/// assert_eq!(dot.matches("n0 -> n1").count(), 2, "one for each operand");
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
pub fn to_dot(trace: &Trace, collapse: Option<usize>) -> String {
    let drawing = Drawing::new(trace, collapse);
    let mut out =
        String::from("digraph trace {\n  rankdir=LR;\n  node [shape=plain fontname=\"monospace\"];\n");
    let title = &trace.data().title;
    if !title.is_empty() {
        writeln!(out, "  label=<{}>;", escaped(&crate::plain::one_line(title))).expect("a string takes all");
    }
    let indent = |depth: usize| "  ".repeat(depth + 1);
    drawing.grouped(
        &mut out,
        |out, depth, number, name| {
            let indent = indent(depth);
            writeln!(out, "{indent}subgraph cluster_{number} {{\n{indent}  label=<{}>;", escaped(name))
                .expect("a string takes all");
        },
        |out, depth| out.push_str(&format!("{}}}\n", indent(depth))),
        |out, depth, item| {
            let title = escaped(&item.title);
            let color = if item.leaf { " bgcolor=\"#eeeeee\"" } else { "" };
            let table = format!("<table border=\"0\" cellborder=\"1\" cellspacing=\"0\"{color}>");
            let body = match &item.numbers {
                Some((value, adjoint)) => format!(
                    "<tr><td colspan=\"2\">{title}</td></tr><tr><td>{}</td><td>{}</td></tr>",
                    escaped(value),
                    escaped(adjoint)
                ),
                None => format!("<tr><td cellpadding=\"8\">{title}</td></tr>"),
            };
            writeln!(out, "{}{} [label=<{table}{body}</table>>];", indent(depth), item.key)
                .expect("a string takes all");
        },
    );
    for arrow in &drawing.arrows {
        let mut attributes = Vec::new();
        if !arrow.label.is_empty() {
            attributes.push(format!("label=<{}>", escaped(&arrow.label)));
        }
        if arrow.dashed {
            attributes.push("style=dashed".into());
        }
        let (from, to) = (&drawing.items[arrow.from].key, &drawing.items[arrow.to].key);
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(" ")) };
        writeln!(out, "  {from} -> {to}{attributes};").expect("a string takes all");
    }
    out.push_str("}\n");
    out
}

/// Text inside of an HTML-like label. Where there is none, a space, because such labels may not be empty.
fn escaped(text: &str) -> String {
    if text.is_empty() {
        return " ".into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
