//! Every command as a user sees it: scripts in `transcripts/`, beside them what they print.
//!
//! `WENGERT_BLESS=1 cargo test -p wengert-explore --test suite transcripts` writes what they print anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use wengert::trace::Trace;
use wengert_explore::terminal::{Ending, Session, commands, talk};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("transcripts")
}

/// Runs the script `name` as from a pipe, so that it goes on after errors, and compares what it prints.
fn transcript(name: &str, trace: Arc<Trace>, expected: Ending) {
    let script = std::fs::read_to_string(folder().join(name).with_extension("script")).unwrap();
    let place = tempfile::tempdir().unwrap();
    // Files are written into a folder that vanishes, and called as the script calls them.
    let script = script.replace("DIR", &place.path().display().to_string());
    let mut session = Session::new(trace);
    let mut out = session.greeting().into_bytes();
    let mut both = Both { text: std::mem::take(&mut out), errors: Vec::new() };
    let mut ending = Ending::Well;
    for line in script.lines() {
        let (mut text, mut errors) = (Vec::new(), Vec::new());
        ending =
            ending.max(talk(&mut session, line.as_bytes(), "error", false, &mut text, &mut errors).unwrap());
        // An empty line is none to `lines`: it stands for itself.
        if line.is_empty() {
            talk(&mut session, "\n".as_bytes(), "error", false, &mut text, &mut errors).unwrap();
        }
        both.text.extend(text);
        both.text.extend(&errors);
        both.errors.extend(errors);
    }
    let text = String::from_utf8(both.text).unwrap().replace(&place.path().display().to_string(), "DIR");
    let golden = folder().join(name).with_extension("txt");
    if std::env::var_os("WENGERT_BLESS").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    for (number, (a, b)) in text.lines().zip(known.lines()).enumerate() {
        assert_eq!(a, b, "{name}.txt:{}", number + 1);
    }
    assert_eq!(text.lines().count(), known.lines().count(), "{name}.txt");
    assert_eq!(ending, expected);
}

struct Both {
    text: Vec<u8>,
    errors: Vec<u8>,
}

#[test]
fn moving_through_time() {
    transcript("motion", crate::common::network(), Ending::Well);
}

#[test]
fn stopping_and_watching() {
    transcript("points", crate::common::network(), Ending::Well);
}

#[test]
fn looking_at_nodes() {
    transcript("look", crate::common::network(), Ending::Well);
}

#[test]
fn questions() {
    transcript("questions", crate::common::network(), Ending::Well);
    transcript("why", crate::common::dead_ends(), Ending::Well);
    transcript("nonfinite", crate::common::division_by_zero(), Ending::Well);
}

#[test]
fn other_values() {
    transcript("whatif", crate::common::network(), Ending::Well);
}

#[test]
fn assertions_and_files() {
    transcript("assert", crate::common::network(), Ending::Failed);
}

#[test]
fn what_is_wrong_is_said() {
    transcript("wrong", crate::common::network(), Ending::Wrong);
}

#[test]
fn help() {
    transcript("help", crate::common::network(), Ending::Well);
}

#[test]
fn every_command_is_in_a_transcript() {
    let mut scripts = String::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "script") {
            scripts.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let used: Vec<&str> = scripts.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for command in commands() {
        assert!(used.contains(&command.name), "{} is in no transcript", command.name);
    }
}

#[test]
fn the_examples_of_help_are_understood() {
    let place = tempfile::tempdir().unwrap();
    for command in commands() {
        let mut session = Session::new(crate::common::network());
        for line in ["n 4", "mark before", "set x = [[3, 1]]", "b", "n"] {
            session.run(line).unwrap();
        }
        if command.name == "forward" {
            session.run("back").unwrap();
        }
        // Names of the examples that this trace does not have.
        let example = command
            .example
            .replace("op:log", "op:sigmoid")
            .replace("session.txt", "DIR/s")
            .replace("trace.dot", "DIR/t");
        let example = example.replace("DIR", &place.path().display().to_string()).replace("w[0]", "w[0, 0]");
        session.run(&example).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn a_session_saved_is_a_script_that_does_the_same() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("script");
    let mut session = Session::new(crate::common::network());
    for line in ["n 3", "b op:sigmoid", "c", "assert val w = [[0.5], [-0.25]]"] {
        session.run(line).unwrap();
    }
    session.run(&format!("save {}", path.display())).unwrap();
    let mut again = Session::new(crate::common::network());
    let script = std::fs::read_to_string(path).unwrap();
    let ending =
        talk(&mut again, script.as_bytes(), "script", true, &mut Vec::new(), &mut Vec::new()).unwrap();
    assert_eq!((ending, again.prompt()), (Ending::Well, session.prompt()));
}

#[test]
fn all_the_way_forward_and_back_is_where_it_began() {
    let mut session = Session::new(crate::common::network());
    let beginning = session.run("info tape").unwrap();
    let forward = session.run("s 1000").unwrap();
    let back = session.run("rs 1000").unwrap();
    assert_eq!(session.run("info tape").unwrap(), beginning);
    let mut undone: Vec<String> = back.lines().map(|line| line.replacen("undone  ", "", 1)).collect();
    undone.reverse();
    assert_eq!(forward.lines().collect::<Vec<_>>(), undone);
}

#[test]
fn numbers_shown_are_the_traces_own() {
    let trace = crate::common::network();
    let mut session = Session::new(trace.clone());
    for time in 0..=trace.end() {
        session.run(&format!("goto {time}")).unwrap();
        for id in trace.ids() {
            let shown = session
                .run(&format!("p adj {id}[{}]", vec!["0"; trace.node(id).shape.len()].join(",")))
                .unwrap();
            let expected = trace.adjoint(id, time).map(|x| wengert::trace::short(x.as_slice()[0]));
            match expected {
                Some(number) => assert!(shown.ends_with(&format!("= {number}\n")), "{shown}"),
                None => assert!(shown.contains("none"), "{shown}"),
            }
        }
    }
}
