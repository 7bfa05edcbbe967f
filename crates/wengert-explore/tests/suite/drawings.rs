//! Drawings: what they show, and that those who draw them accept them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use wengert::GradientTape;
use wengert::trace::{Trace, TraceOptions};
use wengert_explore::dot::to_dot;
use wengert_explore::mermaid::{CHARACTERS, EDGES, to_mermaid};

fn chain(length: usize, scoped: bool) -> Arc<Trace> {
    let tape = GradientTape::<f64>::new();
    let mut x = tape.var(0.5);
    for i in 0..length {
        let _scope = scoped.then(|| tape.scope(&format!("part{}", i % 3)));
        x = x.sin();
    }
    tape.trace(x).unwrap()
}

/// Whether Graphviz draws it; without it, nothing is known, which CI does not accept.
fn drawn(dot: &str) -> Option<String> {
    let program = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut program) = program else {
        assert!(std::env::var_os("CI").is_none(), "needs graphviz");
        eprintln!("skipped: needs graphviz");
        return None;
    };
    let mut input = program.stdin.take().unwrap();
    let text = dot.to_string();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}\n{dot}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn dot_shows_values_adjoints_scopes_and_local_derivatives() {
    let dot = to_dot(&crate::common::network(), None);
    assert!(dot.contains("label=<one neuron>"));
    for scope in ["label=<hidden>", "label=<act>", "label=<error>"] {
        assert!(dot.contains(scope), "{scope}\n{dot}");
    }
    assert!(dot.contains("<td>[0.5, -0.25]</td>"), "{dot}");
    assert!(dot.contains("n0 -> n3 [style=dashed]"), "no adjoint comes back to a constant\n{dot}");
    if let Some(svg) = drawn(&dot) {
        assert!(svg.contains("one neuron") && svg.contains("sigmoid"));
    }
}

#[test]
fn graphviz_takes_whatever_stands_in_names() {
    let mut data = crate::common::network().data().clone();
    let names = ["<b>&\"'", "\\N\\", "-->|}", "{a|b}", "换行\n\u{1b}[0m", "</table>", "&lt;", ""];
    for (node, name) in data.nodes.iter_mut().zip(names.iter().cycle()) {
        (node.name, node.scope) = (name.to_string(), format!("<{name}>/\"{name}\""));
    }
    data.title = "<i>&".into();
    let trace = Trace::from_data(data).unwrap();
    for collapse in [None, Some(1), Some(2)] {
        if let Some(svg) = drawn(&to_dot(&trace, collapse)) {
            assert!(svg.contains("&lt;"));
        }
    }
}

#[test]
fn an_operand_that_is_used_twice_has_two_arrows() {
    let tape = GradientTape::<f64>::new();
    let a = tape.var(3.0);
    let trace = tape.trace(a * a).unwrap();
    assert_eq!(to_dot(&trace, None).matches("n0 -> n1 [label=<3>]").count(), 2);
    assert_eq!(to_mermaid(&trace, None).unwrap().matches("n0 -->|\"3\"| n1").count(), 2);
}

#[test]
fn scopes_collapse_to_one_box_each() {
    let dot = to_dot(&crate::common::network(), Some(1));
    assert!(!dot.contains("sigmoid") && !dot.contains("cluster"), "{dot}");
    assert_eq!(dot.matches("hidden").count(), 1);
    let two = to_dot(&crate::common::network(), Some(2));
    assert!(two.contains("cluster_0") && two.contains("matmul") && !two.contains("sigmoid"), "{two}");
    drawn(&dot);
    drawn(&two);
}

#[test]
fn mermaid_refuses_what_it_would_not_draw() {
    assert!(to_mermaid(&chain(EDGES, false), None).is_ok());
    let error = to_mermaid(&chain(EDGES + 1, false), None).unwrap_err().to_string();
    assert!(error.contains("501 edges, at most 500") && error.contains("tape.scope"), "{error}");
    let error = to_mermaid(&chain(EDGES + 1, true), None).unwrap_err().to_string();
    assert!(error.contains("--collapse"), "{error}");
    let small = to_mermaid(&chain(EDGES + 1, true), Some(1)).unwrap();
    assert!(small.lines().count() < 20, "{small}");

    let tape = GradientTape::<f64>::new();
    let mut x = tape.var(0.5);
    let mut options = TraceOptions::new();
    for _ in 0..450 {
        x = x.sin();
        options = options.name(x, "n".repeat(200));
    }
    let long = tape.trace_with(x, options).unwrap();
    let error = to_mermaid(&long, None).unwrap_err().to_string();
    assert!(error.contains("characters") && error.contains(&CHARACTERS.to_string()), "{error}");
}

#[test]
fn mermaid_has_no_character_that_ends_a_label() {
    let mut data = crate::common::network().data().clone();
    data.nodes[0].name = "a\"]<b>`#|&\\".into();
    let text = to_mermaid(&Trace::from_data(data).unwrap(), None).unwrap();
    let line = text.lines().find(|line| line.trim_start().starts_with("n0(")).unwrap();
    assert_eq!(line.matches('"').count(), 2, "{line}");
    assert!(line.contains("a#34;]#60;b#62;#96;#35;|#38;#92;"), "{line}");
}
