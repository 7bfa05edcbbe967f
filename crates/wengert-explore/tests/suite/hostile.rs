//! Files from anywhere: whatever is changed in one, it is refused with a sentence, or everything can be asked of it.

use wengert::rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use wengert_explore::terminal::Session;
use wengert_explore::{csv, dot, json, mermaid, text};

const QUESTIONS: &[&str] = &[
    "info tape",
    "n 3",
    "p",
    "x",
    "bt",
    "l",
    "why",
    "eq",
    "contrib",
    "paths",
    "c",
    "end",
    "info tape",
    "info scopes",
    "info pending",
    "info alerts",
    "why %0",
    "eq %1",
    "contrib %1",
    "paths %1",
    "flow",
    "check",
    "diff start end",
    "set %0 = 1",
    "set %1[:, 0] = 1",
    "rc",
    "rfin",
    "rn",
    "start",
    "c nonfinite",
    "assert check",
    "bt %3",
    "x adj %1",
];

fn asked_of(text: &str) {
    let Ok(trace) = json::from_json(text) else { return };
    let mut session = Session::new(trace.clone());
    session.greeting();
    for question in QUESTIONS {
        session.prompt();
        // What cannot be done is said; what must not be is a panic.
        if let Ok(answer) = session.run(question) {
            assert!(!answer.contains('\u{1b}'), "{question} moves the cursor");
        }
    }
    text::to_text(&trace);
    text::to_steps(&trace);
    csv::to_csv(&trace);
    dot::to_dot(&trace, Some(1));
    let _ = mermaid::to_mermaid(&trace, None);
}

#[test]
fn a_changed_byte_is_no_accident() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for trace in [crate::common::network(), crate::common::dead_ends(), crate::common::division_by_zero()] {
        let good = json::to_json(&trace).into_bytes();
        for _ in 0..250 {
            let mut text = good.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..text.len());
                text[at] = b"0123456789-.eE,[]{}\":truefalsn "[rng.random_range(0..31)];
            }
            asked_of(&String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn changed_numbers_of_a_kind_are_no_accident() {
    let good = json::to_json(&crate::common::network());
    for from in [
        "\"shape\":[",
        "\"list\":[",
        "\"inputs\":[",
        "\"axes\":[",
        "\"node\":",
        "\"input\":",
        "\"data\":[",
        "\"line\":",
    ] {
        for (at, _) in good.match_indices(from) {
            for to in
                ["18446744073709551615,", "-1,", "0,", "1e308,", "4294967296,", "4294967296,4294967296,"]
            {
                let mut text = good.clone();
                let list = from.ends_with('[');
                text.insert_str(at + from.len(), if list { to } else { to.trim_end_matches(',') });
                asked_of(&text);
            }
        }
    }
}

#[test]
fn names_do_nothing_to_a_terminal() {
    let mut data = crate::common::network().data().clone();
    for (id, node) in data.nodes.iter_mut().enumerate() {
        node.name = format!("\u{1b}[31m{id}\u{202e}\r\n=cmd|</script>\"{{}}");
        node.scope = format!("a\u{7}/{}", "x".repeat(10_000));
        node.text = "\u{9b}2J".into();
        node.file = "\u{1b}]0;title\u{7}".into();
        node.why = "\u{1b}c".into();
    }
    data.title = "\u{1b}[2J".into();
    let text = serde_json::to_string(&data).unwrap();
    asked_of(&text);
    let trace = json::from_json(&text).unwrap();
    let moves = |text: &str| text.contains(['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}']);
    let session = Session::new(trace.clone());
    assert!(!moves(&session.greeting()) && !moves(&session.prompt()));
    assert!(!moves(&text::to_text(&trace)) && !moves(&dot::to_dot(&trace, None)));
    assert!(csv::to_csv(&trace).lines().all(|line| !line.starts_with('=')));
}

#[test]
fn everything_can_be_asked_of_what_was_shortened() {
    let tape = wengert::GradientTape::<f32>::new();
    let x = tape.var(wengert::Tensor::ones(&[3, 40]));
    let trace = tape.trace_with((x * x).sigmoid().sum(), wengert::trace::TraceOptions::summary()).unwrap();
    asked_of(&json::to_json(&trace));
    let mut session = Session::new(trace);
    session.run("end").unwrap();
    assert!(session.run("p adj %0").unwrap().contains("(shortened)"));
    assert!(session.run("x %0").unwrap_err().to_string().contains("shortened"));
    assert!(session.run("set %0[0, 0] = 1").unwrap_err().to_string().contains("shortened"));
}

#[test]
fn names_with_spaces_stand_in_quotes() {
    let mut data = crate::common::network().data().clone();
    (data.nodes[1].name, data.nodes[2].name) = ("my w".into(), "b[0]".into());
    let mut session = Session::new(wengert::trace::Trace::from_data(data).unwrap());
    session.run("end").unwrap();
    for (line, answer) in [
        ("p \"my w\"[0, 0]", "\"my w\"[0, 0] = 0.5\n"),
        ("p my w[0, 0]", "my w[0, 0] = 0.5\n"),
        ("p b[0]", "b[0] = [0.1]\n"),
        ("p b[0][0]", "b[0][0] = 0.1\n"),
        ("assert val \"my w\"[1, 0] = -0.25", "holds: \"my w\"[1, 0] is -0.25\n"),
    ] {
        assert_eq!(session.run(line).unwrap(), answer);
    }
}
