//! The code of the book, compiled and run; and its links, followed.
#![allow(dead_code)] // the network is the example's, which uses more of it

#[path = "../examples/step/images.rs"]
mod images;
#[path = "../examples/step/network.rs"]
mod network;

use images::images;
use network::{Weights, score, tensors, trained};
use std::path::Path;
use wengert::GradientTape;
use wengert::trace::{Event, TraceOptions};

#[test]
fn a_derivative_by_hand() {
    // ANCHOR: by_hand
    let f = |x: f64| x * x + 3.0 * x;
    let quotient = |h: f64| (f(2.0 + h) - f(2.0)) / h;
    assert!((quotient(0.1) - 7.1).abs() < 1e-9);
    assert!((quotient(0.001) - 7.001).abs() < 1e-9);
    assert!((quotient(1e-15) - 7.0).abs() > 0.01, "a difference without digits");
    // ANCHOR_END: by_hand
}

#[test]
fn the_list() {
    // ANCHOR: list
    let tape = GradientTape::new();
    let x = tape.var(2.0);
    let y = x.square() + x * 3.0;
    assert_eq!(y.item(), 10.0);
    assert_eq!(y.backward().item(x), 7.0);
    println!("{tape}");
    // ANCHOR_END: list
    assert_eq!(tape.len(), 4);
}

#[test]
fn sharing() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: sharing
    let tape = GradientTape::new();
    let a = tape.var(3.0);
    let trace = tape.trace(a + a)?;
    let totals: Vec<f64> =
        trace.contributions(a.id()).iter().filter_map(|c| Some(c.total.as_ref()?.item())).collect();
    assert_eq!(totals, [1.0, 2.0]);
    // ANCHOR_END: sharing

    // ANCHOR: back
    let mut s = trace.stepper();
    s.seek(trace.end());
    assert_eq!(s.sentence(), "accumulate %1 → %0 (operand 1): 1 + 1 = 2 (2 of 2 contributions)");
    s.back_step();
    assert_eq!(s.adjoint(a.id()).map(|x| x.item()), Some(1.0));
    // ANCHOR_END: back

    // ANCHOR: explain
    let (a, b) = (tape.var(2.0), tape.var(3.0));
    let y = a * b + a;
    let trace = tape.trace_with(y, TraceOptions::new().name(a, "a").name(b, "b").name(y, "y"))?;
    let explanation = trace.explain(a.id());
    assert_eq!(explanation.rule, "adj(y) + adj(%4) · b");
    assert_eq!(explanation.numbers, "1 + 1 · 3");
    assert_eq!(explanation.value, "4");
    // ANCHOR_END: explain
    Ok(())
}

#[test]
fn the_network() {
    // ANCHOR: network
    let all = images();
    let (cost, right) = score(&Weights::by_hand(), &all);
    assert_eq!((right, all.len()), (64, 64));

    let weights = trained(Weights::random(0), &all, 200, 0.5);
    let (trained_cost, right) = score(&weights, &all);
    assert!(right == 64 && trained_cost < cost);
    // ANCHOR_END: network
}

#[test]
fn stepping() -> Result<(), Box<dyn std::error::Error>> {
    let all = images();
    let weights = trained(Weights::random(0), &all, 200, 0.5);
    let (image, label) = &all[0];
    // ANCHOR: stepping
    let tape = GradientTape::new();
    let network = tensors(&tape, &weights, image, *label);
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new()))?;

    let mut s = trace.stepper();
    s.seek(16);
    assert_eq!(s.step().map(|step| step.text).as_deref(), Some("seed %15: its adjoint is 1"));
    // Node by node: · ½, the sum, the square, the difference, the sigmoid.
    for op in ["mul", "sum", "square", "sub", "sigmoid"] {
        s.next();
        assert_eq!(s.node().map(|id| trace.node(id).op.as_str()), Some(op));
    }
    // What has arrived at the output's weighted inputs are its errors δ.
    let z = trace.find("output/add")?;
    let (a, delta) = (network.outputs.value(), s.adjoint(z).expect("it has arrived"));
    for ((a, delta), target) in a.as_slice().iter().zip(delta.as_slice()).zip([1.0, 0.0]) {
        assert!((delta - (a - target) * a * (1.0 - a)).abs() < 1e-12);
    }
    // One node back, and it has not arrived.
    s.back_next();
    assert_eq!(s.adjoint(z), None);
    // ANCHOR_END: stepping

    // The times that the book's links name.
    assert_eq!(trace.end(), 68);
    let subject = |time: usize| match trace.events()[time - 1] {
        Event::Seed(id) => (id.index(), "seed"),
        Event::Accumulate(edge) => (trace.edge(edge).input, "accumulate"),
        other => panic!("{other:?}"),
    };
    assert_eq!(subject(17), (15, "seed"));
    assert_eq!(subject(38), (z.index(), "accumulate"));
    assert_eq!(subject(45), (trace.find("b2")?.index(), "accumulate"));
    assert_eq!(subject(52), (trace.find("hidden/sigmoid")?.index(), "accumulate"));

    assert_eq!(subject(67), (trace.find("w1")?.index(), "accumulate"));

    // ANCHOR: verify
    let verification = trace.verify();
    assert!(verification.is_ok(), "{verification}");
    // ANCHOR_END: verify
    Ok(())
}

/// Every anchor that a page includes is here, and every link of a page leads to a file of the book, or
/// to one that building the book makes.
#[test]
fn links_and_listings_of_the_book_are_there() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/book/src");
    let code = include_str!("book.rs");
    let made = ["pages/tape.html", "pages/scalar/tape.html"];
    let mut pages = 0;
    for entry in std::fs::read_dir(&book).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        pages += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for listing in text.split("{{#include code/book.rs:").skip(1) {
            let anchor = listing.split("}}").next().unwrap();
            assert!(code.contains(&format!("ANCHOR: {anchor}\n")), "{}: no listing {anchor}", path.display());
        }
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            let known = made.contains(&file) || book.join(file).is_file();
            assert!(known, "{}: the link to {target} leads nowhere", path.display());
        }
    }
    assert!(pages >= 2);
}
