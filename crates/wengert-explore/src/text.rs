//! A trace as the table that books print: one row a node, forwards; and as a list of its steps.

use crate::plain::{cut, one_line, table};
use wengert::trace::{Edge, Shown, Trace};

/// The longest cell.
const WIDEST: usize = 44;

/// A table with a row a node: id, name, operation, value, local derivatives, adjoint.
///
/// A local derivative is a number where the operation is elementwise, else the rule in symbols: `ȳ` is
/// the node's own adjoint.
///
/// ```
/// use wengert::trace::TraceOptions;
/// let tape = wengert::GradientTape::new();
/// let (x, w) = (tape.constant(2.0), tape.var(3.0));
/// let trace = tape.trace_with((x * w).square(), TraceOptions::new().name(x, "x").name(w, "w"))?;
/// assert_eq!(wengert_explore::text::to_text(&trace), "\
/// id  name  operation   value  local derivatives   adjoint
/// %0  x     constant    2                          -
/// %1  w     var         3                          24
/// %2        mul %0, %1  6      ∂/∂%0 -, ∂/∂%1 = 2  12
/// %3        square %2   36     ∂/∂%2 = 12          1
/// ");
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
pub fn to_text(trace: &Trace) -> String {
    let header = ["id", "name", "operation", "value", "local derivatives", "adjoint"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for id in trace.ids() {
        let node = trace.node(id);
        let cell = |text: &str| cut(&one_line(text), WIDEST);
        rows.push(vec![
            id.to_string(),
            cell(&node.name),
            cell(&node.text),
            node.value.brief(),
            cut(&locals(trace, id), 2 * WIDEST),
            node.adjoint.as_ref().map_or("-".into(), Shown::brief),
        ]);
    }
    table(&rows)
}

fn locals(trace: &Trace, id: wengert::NodeId) -> String {
    let Some(visit) = trace.visit(id) else { return String::new() };
    let each = |edge: &Edge| {
        let of = format!("∂/∂%{}", edge.input);
        match (&edge.local, edge.skip) {
            (_, Some(_)) => format!("{of} -"),
            (Some(local), None) => format!("{of} = {}", local.brief()),
            (None, None) => {
                let rule = trace.node(id).doc.rules.get(edge.slot).map_or("a rule", String::as_str);
                format!("%{} += {}", edge.input, one_line(rule))
            }
        }
    };
    visit.edges.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Every event of the trace, a line each: its time, and what happens.
///
/// ```
/// let tape = wengert::GradientTape::new();
/// let trace = tape.trace(tape.var(0.0).sin())?;
/// let steps = wengert_explore::text::to_steps(&trace);
/// assert_eq!(steps.lines().next(), Some("1  forward %0 = var = 0"));
/// assert_eq!(steps.lines().last(), Some("7  accumulate %1 → %0: 1 moves in (1 of 1 contributions)"));
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
pub fn to_steps(trace: &Trace) -> String {
    let width = trace.end().to_string().len();
    let line = |time| format!("{time:>width$}  {}\n", one_line(&trace.sentence(time)));
    (1..=trace.end()).map(line).collect()
}
