//! A session at the line stepper as a test: a script asserts all 47 adjoints of the example's network, as
//! they are found on paper.
#![allow(dead_code)] // the network is the example's, which uses more of it

#[path = "../../../examples/step/images.rs"]
mod images;
#[path = "../../../examples/step/network.rs"]
mod network;
#[path = "../../../examples/step/on_paper.rs"]
mod on_paper;

use images::images;
use network::{Weights, scalars, tensors, trained};
use on_paper::closed_form;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use wengert::GradientTape;
use wengert::trace::{Trace, TraceOptions};
use wengert_explore::json;

/// The network after some steps, on one image: its trace over tensors and number by number, and the
/// derivatives on paper.
fn traces() -> ([Arc<Trace>; 2], [Vec<f64>; 4]) {
    let all = images();
    let weights = trained(Weights::random(0), &all, 30, 0.5);
    let (image, label) = &all[40];
    let tape = GradientTape::new();
    let network = tensors(&tape, &weights, image, *label);
    let whole = tape.trace_with(network.cost, network.named(TraceOptions::new())).unwrap();
    let tape = GradientTape::new();
    let network = scalars(&tape, &weights, image, *label);
    let single = tape.trace_with(network.cost, network.named(TraceOptions::new())).unwrap();
    ([whole, single], closed_form(&weights, image, *label))
}

/// One assertion a parameter: elements of tensors count from 0, names of numbers from 1.
fn script(derivatives: &[Vec<f64>; 4], single: bool) -> String {
    let mut script =
        String::from("# All 47 adjoints, as they are found on paper.\nend\nassert sums\nassert check\n");
    for ((name, columns), values) in [("w1", 12), ("b1", 1), ("w2", 3), ("b2", 1)].iter().zip(derivatives) {
        for (i, value) in values.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let place = match (single, name.starts_with('b')) {
                (false, _) => format!("{name}[{row},{column}]"),
                (true, false) => format!("{name}[{},{}]", row + 1, column + 1),
                (true, true) => format!("{name}[{}]", row + 1),
            };
            writeln!(script, "assert adj {place} ~ {value:e} 1e-12").unwrap();
        }
    }
    script
}

fn step(folder: &Path, script: &str) -> Output {
    std::fs::write(folder.join("script.txt"), script).unwrap();
    let program = env!("CARGO_BIN_EXE_wengert");
    Command::new(program)
        .current_dir(folder)
        .args(["step", "trace.json", "-x", "script.txt"])
        .output()
        .unwrap()
}

#[test]
fn a_script_asserts_all_forty_seven_adjoints() {
    let (traces, derivatives) = traces();
    for (trace, single) in traces.iter().zip([false, true]) {
        let folder = tempfile::tempdir().unwrap();
        json::write(trace, folder.path().join("trace.json")).unwrap();
        let script = script(&derivatives, single);
        assert_eq!(script.matches("assert adj").count(), 47);
        let output = step(folder.path(), &script);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.matches("holds").count(), 49, "{text}");

        let mut wrong = derivatives.clone();
        wrong[2][1] *= 1.001;
        let output = step(folder.path(), &self::script(&wrong, single));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_tampered_trace_exits_with_one() {
    let (traces, _) = traces();
    let folder = tempfile::tempdir().unwrap();
    let mut data = traces[0].data().clone();
    let edge = data.sweep.iter_mut().flat_map(|visit| &mut visit.edges).find(|edge| edge.delta.is_some());
    if let Some(wengert::trace::Shown::Whole(delta)) = &mut edge.unwrap().delta {
        *delta = &*delta * 1.5;
    }
    json::write(&Trace::from_data(data).unwrap(), folder.path().join("trace.json")).unwrap();
    assert_eq!(step(folder.path(), "info tape\n").status.code(), Some(1));
    let mut check = Command::new(env!("CARGO_BIN_EXE_wengert"));
    let output = check.current_dir(folder.path()).args(["check", "trace.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn adjoints_in_the_file_are_the_bits_of_backward() {
    let all = images();
    let weights = trained(Weights::random(0), &all, 30, 0.5);
    let (image, label) = &all[7];
    let tape = GradientTape::new();
    let network = scalars(&tape, &weights, image, *label);
    let grads = network.cost.backward();
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new())).unwrap();
    let read = json::from_json(&json::to_json(&trace)).unwrap();
    for &w in network.parameters.iter().flatten() {
        let adjoint = read.node(w.id()).adjoint.as_ref().and_then(|shown| shown.tensor()).unwrap().item();
        assert_eq!(adjoint.to_bits(), grads.item(w).to_bits());
    }
}
