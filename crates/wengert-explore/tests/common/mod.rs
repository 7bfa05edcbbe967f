//! Traces that several tests look at, with places in the program that do not move when this file changes.
#![allow(dead_code)] // each test file is a program of its own and uses a part

use std::collections::BTreeMap;
use std::sync::Arc;
use wengert::trace::{Trace, TraceData, TraceOptions};
use wengert::{GradientTape, tensor};

/// A layer of one neuron, σ(x · w + b), and its squared error; named, in scopes, with source lines.
pub fn network() -> Arc<Trace> {
    let tape = GradientTape::<f64>::new();
    let x = tape.constant(tensor![[1.0, 2.0]]);
    let (w, b) = (tape.var(tensor![[0.5], [-0.25]]), tape.var(tensor![0.1]));
    let hidden = {
        let _scope = tape.scope("hidden");
        let z = x.matmul(w) + b;
        let _scope = tape.scope("act");
        z.sigmoid()
    };
    let _scope = tape.scope("error");
    let loss = (hidden - 1.0).square().sum();
    let options =
        TraceOptions::new().title("one neuron").name(x, "x").name(w, "w").name(b, "b").name(loss, "loss");
    placed(&tape.trace_with(loss, options).unwrap())
}

/// 1 / x at x = 0, on a way that the sum also goes: numbers that are not finite, forwards and back.
pub fn division_by_zero() -> Arc<Trace> {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(0.0);
    let loss = x.recip() + x;
    placed(&tape.trace_with(loss, TraceOptions::new().title("1 / 0").name(x, "x")).unwrap())
}

/// A variable that the loss does not depend on, one cut off, and a relu of which nothing comes back.
pub fn dead_ends() -> Arc<Trace> {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![-1.0, -2.0]);
    let (unused, cut) = (tape.var(1.0), tape.var(2.0));
    let loss = (x.relu() * cut.detach()).sum();
    let options = TraceOptions::new().title("dead ends").name(x, "x").name(unused, "unused").name(cut, "cut");
    placed(&tape.trace_with(loss, options).unwrap())
}

/// As from a file, each node on a line of its own of `src/model.rs`.
fn placed(trace: &Trace) -> Arc<Trace> {
    let mut data: TraceData = trace.data().clone();
    let mut lines = BTreeMap::new();
    for (id, node) in data.nodes.iter_mut().enumerate() {
        (node.file, node.line, node.column) = ("src/model.rs".into(), 10 + id as u32, 5);
        // Reasons name lines of this file.
        if let Some(at) = node.why.find(" at crates/") {
            node.why.truncate(at);
        }
        lines.insert(node.line, format!("let v{id} = {};", node.op));
    }
    data.sources = [("src/model.rs".to_string(), lines)].into();
    Trace::from_data(data).unwrap()
}
