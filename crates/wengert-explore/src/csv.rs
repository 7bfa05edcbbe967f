//! A trace as a table for spreadsheets, in which each product and each addition of the sweep can be computed again.
//!
//! One table, a row an element; `kind` says what a row is:
//!
//! - `value`: a node's `value`, and its `adjoint` at the end;
//! - `raw`: where broadcasting was undone, `contribution = upstream · local` before it was, in the shape of the
//!   node that contributes;
//! - `edge`: `after = before + contribution`, and `contribution = upstream · local` where both are given;
//! - `skip`: nothing flows, `note` says why.
//!
//! Larger tensors get one row, and a note. Numbers are whole, so that sums agree to the bit where the tape is of
//! `f64`. A text that a spreadsheet would take for a formula begins with an apostrophe, and has no line ends.

use crate::plain::one_line;
use wengert::trace::{Edge, EdgeId, Event, Shown, Trace};
use wengert::{NodeId, Shape, Tensor};

/// More elements than these are not written out.
const MOST: usize = 256;

const HEADER: &str = "kind,time,from,name,op,to,to_name,slot,index,value,adjoint,upstream,local,contribution,before,after,note\r\n";

/// The trace as CSV (RFC 4180).
///
/// ```
/// let tape = wengert::GradientTape::new();
/// let x = tape.var(3.0);
/// let csv = wengert_explore::csv::to_csv(&*tape.trace(x * x)?);
/// let last = csv.lines().last().unwrap();
/// assert_eq!(last, "edge,10,%1,,mul,%0,,1,[],,,1,3,3,3,6,");
/// # Ok::<(), wengert::trace::TraceError>(())
/// ```
pub fn to_csv(trace: &Trace) -> String {
    let mut out = String::from(HEADER);
    for (i, &event) in trace.events().iter().enumerate() {
        match event {
            Event::Forward(id) => values(trace, id, i + 1, &mut out),
            Event::Skip(edge) => {
                let note = trace.edge(edge).skip.map_or(String::new(), |skip| skip.to_string());
                Row { kind: "skip", note, ..Row::of(trace, edge, i + 1) }.write(&mut out);
            }
            Event::Reduce(edge) => raw(trace, edge, i + 1, &mut out),
            Event::Accumulate(edge) => added(trace, edge, i + 1, &mut out),
            _ => {}
        }
    }
    out
}

#[derive(Clone, Default)]
struct Row {
    kind: &'static str,
    time: usize,
    from: String,
    name: String,
    op: String,
    to: String,
    to_name: String,
    slot: String,
    index: String,
    /// value, adjoint, upstream, local, contribution, before, after.
    numbers: [Option<f64>; 7],
    note: String,
}

impl Row {
    fn of(trace: &Trace, edge: EdgeId, time: usize) -> Row {
        let from = trace.consumer(edge);
        let (node, edge) = (trace.node(from), trace.edge(edge));
        Row {
            time,
            from: from.to_string(),
            name: node.name.clone(),
            op: node.op.clone(),
            to: format!("%{}", edge.input),
            to_name: trace.nodes()[edge.input].name.clone(),
            slot: edge.slot.to_string(),
            ..Row::default()
        }
    }

    fn write(&self, out: &mut String) {
        let number = |x: &Option<f64>| x.map_or(String::new(), number);
        let mut cells = vec![self.kind.to_string(), self.time.to_string()];
        cells.extend([&self.from, &self.name, &self.op, &self.to, &self.to_name].map(|text| cell(text)));
        cells.extend([self.slot.clone(), cell(&self.index)]);
        cells.extend(self.numbers.iter().map(number));
        cells.push(cell(&self.note));
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
}

fn number(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".into(),
        x if x.is_infinite() => if x > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        x if x == 0.0 || (1e-5..1e15).contains(&x.abs()) => x.to_string(),
        x => format!("{x:e}"),
    }
}

/// A text in a cell: quoted where it must be, and never a formula.
fn cell(text: &str) -> String {
    let text = one_line(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// The elements, if they are few enough to be written out; else why they are not.
fn few(x: &Shown) -> Result<&Tensor<f64>, String> {
    match x.tensor() {
        Some(x) if x.len() <= MOST => Ok(x),
        Some(x) => Err(format!("{} elements of shape {} are not written out", x.len(), x.shape())),
        None => Err("shortened when it was recorded".into()),
    }
}

fn indices(shape: &Shape) -> impl Iterator<Item = (usize, String)> {
    (0..shape.elements()).map(move |place| (place, index_text(shape, place)))
}

fn index_text(shape: &Shape, mut place: usize) -> String {
    let mut index = vec![0; shape.len()];
    for (i, &len) in index.iter_mut().zip(shape.iter()).rev() {
        (*i, place) = (place % len, place / len);
    }
    format!("{index:?}")
}

fn values(trace: &Trace, id: NodeId, time: usize, out: &mut String) {
    let node = trace.node(id);
    let (from, name, op) = (id.to_string(), node.name.clone(), node.op.clone());
    let row = Row { kind: "value", time, from, name, op, ..Row::default() };
    match few(&node.value) {
        Err(note) => Row { note, ..row }.write(out),
        Ok(value) => {
            let adjoint = node.adjoint.as_ref().and_then(Shown::tensor);
            for (i, index) in indices(value.shape()) {
                let numbers = [Some(value.as_slice()[i]), adjoint.map(|x| x.as_slice()[i])];
                let mut row = Row { index, ..row.clone() };
                row.numbers[..2].copy_from_slice(&numbers);
                row.write(out);
            }
        }
    }
}

fn upstream(trace: &Trace, edge: EdgeId) -> Option<&Tensor<f64>> {
    trace.node(trace.consumer(edge)).adjoint.as_ref()?.tensor()
}

fn raw(trace: &Trace, id: EdgeId, time: usize, out: &mut String) {
    let Edge { raw: Some(raw), local, axes, .. } = trace.edge(id) else { return };
    let row = Row { kind: "raw", ..Row::of(trace, id, time) };
    let note = format!("summed over axes {axes:?}");
    match few(raw) {
        Err(note) => Row { note, ..row }.write(out),
        Ok(raw) => {
            let local = local.as_ref().and_then(Shown::tensor);
            for (i, index) in indices(raw.shape()) {
                let at = |x: Option<&Tensor<f64>>| x.map(|x| x.as_slice()[i]);
                let mut row = Row { index, note: note.clone(), ..row.clone() };
                row.numbers[2..5].copy_from_slice(&[at(upstream(trace, id)), at(local), at(Some(raw))]);
                row.write(out);
            }
        }
    }
}

fn added(trace: &Trace, id: EdgeId, time: usize, out: &mut String) {
    let edge = trace.edge(id);
    let Some(delta) = &edge.delta else { return };
    let row = Row { kind: "edge", ..Row::of(trace, id, time) };
    let delta = match few(delta) {
        Err(note) => return Row { note, ..row }.write(out),
        Ok(delta) => delta,
    };
    let to = trace.id(edge.input).expect("an edge leads to a node");
    let (before, after) = (trace.adjoint(to, time - 1), trace.adjoint(to, time));
    let plain = edge.raw.is_none() && edge.local.is_some();
    let local = edge.local.as_ref().and_then(Shown::tensor).filter(|_| plain);
    let upstream = upstream(trace, id).filter(|_| plain);
    let note = if edge.fused { "added inside the kernel" } else { "" };
    for (i, index) in indices(delta.shape()) {
        let at = |x: Option<&Tensor<f64>>| x.map(|x| x.as_slice()[i]);
        let mut row = Row { index, note: note.into(), ..row.clone() };
        let numbers = [at(upstream), at(local), at(Some(delta)), at(before.as_ref()), at(after.as_ref())];
        row.numbers[2..].copy_from_slice(&numbers);
        row.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=x\n", "\\t=x\\n"),
            ("a,b", "\"a,b\""),
            ("=\"a\"", "\"'=\"\"a\"\"\""),
            ("plain", "plain"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn numbers_read_back() {
        for x in [0.1, -0.0, 1e-300, 1.7976931348623157e308, 123456.789] {
            assert_eq!(number(x).parse::<f64>().map(f64::to_bits), Ok(x.to_bits()));
        }
    }
}
