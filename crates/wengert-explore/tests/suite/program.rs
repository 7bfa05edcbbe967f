//! The program `wengert`: what it prints, and its exit codes.

use std::io::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use wengert_explore::json;

struct Place {
    dir: TempDir,
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    /// A folder with a trace.
    fn new() -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        place.write("trace.json", &json::to_json(&crate::common::network()));
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    fn run(&self, args: &[&str], input: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wengert"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut stdin = program.stdin.take().unwrap();
        let input = input.to_string();
        // A program that does not read is no failure of the test.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = program.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn a_script_that_holds_ends_with_0() {
    let place = Place::new();
    place.write("good.txt", "# as in the book\n\nend\nassert adj loss = 1\n");
    let run = place.run(&["step", "trace.json", "-x", "good.txt"], "");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert!(run.out.starts_with("one neuron: "), "{}", run.out);
    assert!(run.out.contains("> assert adj loss = 1\nholds: adj loss is 1\n"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn a_script_that_fails_ends_with_1() {
    let place = Place::new();
    let run = place.run(
        &["step", "trace.json", "-e", "end", "-e", "assert adj loss = 2", "-e", "assert adj loss = 1"],
        "",
    );
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("FAILED: adj loss = 2\n  adj loss is 1\n"), "{}", run.out);
    assert!(run.out.contains("holds"), "the rest is carried out\n{}", run.out);
}

#[test]
fn a_script_that_is_not_understood_ends_with_2_and_its_line() {
    let place = Place::new();
    place.write("bad.txt", "end\n\nfrobnicate\nassert adj loss = 1\n");
    let run = place.run(&["step", "trace.json", "-x", "bad.txt"], "");
    assert_eq!(run.code, Some(2));
    assert!(run.err.starts_with("bad.txt:3: no command is called"), "{}", run.err);
    assert!(!run.out.contains("holds"), "it stops there\n{}", run.out);
    let run = place.run(&["step", "trace.json", "-x", "missing.txt"], "");
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("missing.txt") && run.out.is_empty(), "{}", run.err);
}

#[test]
fn lines_come_through_a_pipe() {
    let place = Place::new();
    let run = place.run(&["step", "trace.json"], "s\n\nnonsense\ns\nq\ns\n");
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("standard input:3"), "{}", run.err);
    let prompts: Vec<&str> = run.out.lines().filter(|line| line.starts_with("fwd ")).collect();
    assert_eq!(prompts.len(), 5, "{}", run.out);
    assert!(
        prompts[1].starts_with("fwd 1/") && prompts[2].starts_with("fwd 2/"),
        "an empty line repeats\n{}",
        run.out
    );
    let run = place.run(&["step", "trace.json", "-e", "n 2", "--interactive"], "n\n");
    assert_eq!(run.code, Some(0));
    assert!(
        run.out.contains("fwd 2/") && run.out.lines().last().unwrap().starts_with(" 3  forward"),
        "{}",
        run.out
    );
}

#[test]
fn a_trace_that_was_tampered_with_ends_with_1() {
    let place = Place::new();
    let mut data = crate::common::network().data().clone();
    let id = data.nodes.iter().position(|node| node.name == "w").unwrap();
    let good = data.nodes[id].adjoint.clone().unwrap();
    data.nodes[id].adjoint = Some(wengert::trace::Shown::Whole(good.tensor().unwrap().map(|x| x * 1.001)));
    place.write("changed.json", &serde_json::to_string(&data).unwrap());
    let run = place.run(&["step", "changed.json", "-e", "end"], "");
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("FAIL %1: its contributions add up to"), "{}", run.out);
    assert!(run.out.contains("was changed after it was recorded"), "{}", run.out);
    let run = place.run(&["check", "changed.json"], "");
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("do NOT add up"), "{}", run.out);

    // A contribution that is wrong in the same way at both ends adds up, but is not what its rule says.
    let mut data = crate::common::network().data().clone();
    let double =
        |x: &wengert::trace::Shown| wengert::trace::Shown::Whole(x.tensor().unwrap().map(|x| x * 2.0));
    data.nodes[id].adjoint = Some(double(&good));
    for edge in data.sweep.iter_mut().flat_map(|visit| &mut visit.edges).filter(|edge| edge.input == id) {
        edge.delta = Some(double(edge.delta.as_ref().unwrap()));
    }
    place.write("changed.json", &serde_json::to_string(&data).unwrap());
    let run = place.run(&["check", "changed.json"], "");
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("ELSE"), "{}", run.out);
    assert_eq!(place.run(&["step", "changed.json", "-e", "check"], "").code, Some(1));
}

#[test]
fn a_true_trace_passes_its_check() {
    let place = Place::new();
    let run = place.run(&["check", "trace.json"], "");
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.out.contains("0 fail"), "{}", run.out);
}

#[test]
fn a_trace_is_shown() {
    let place = Place::new();
    let run = place.run(&["show", "trace.json"], "");
    assert_eq!(run.code, Some(0));
    assert!(run.out.starts_with("id  name  operation"), "{}", run.out);
    let run = place.run(&["show", "--steps", "-"], &json::to_json(&crate::common::network()));
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.lines().last().unwrap().contains("accumulate"), "{}", run.out);
}

#[test]
fn every_format_is_written() {
    let place = Place::new();
    for (format, beginning) in [
        ("html", "<!DOCTYPE html>"),
        ("dot", "digraph"),
        ("mermaid", "flowchart"),
        ("json", "{\"format\""),
        ("csv", "kind,"),
        ("text", "id "),
    ] {
        let option = format!("--{format}");
        let run = place.run(&["export", "trace.json", &option], "");
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert!(run.out.starts_with(beginning), "{}", run.out);
        let written = place.run(&["export", "trace.json", &option, "-o", "out"], "");
        assert_eq!((written.code, written.out.as_str()), (Some(0), ""));
        assert_eq!(place.read("out"), run.out);
    }
    let run = place.run(&["export", "trace.json", "--dot", "--collapse"], "");
    assert!(!run.out.contains("sigmoid"), "{}", run.out);
    let run = place.run(&["export", "trace.json", "--dot", "--collapse", "2"], "");
    assert!(run.out.contains("matmul") && !run.out.contains("sigmoid"), "{}", run.out);
}

#[test]
fn what_is_wrong_ends_with_2() {
    let place = Place::new();
    place.write("cut.json", &place.read("trace.json")[..100]);
    place.write("old.json", &place.read("trace.json").replace("wengert.trace/1", "wengert.trace/0"));
    for (args, part) in [
        (&["step", "missing.json"][..], "missing.json: "),
        (&["show", "cut.json"], "cut.json: line 1, column 100"),
        (&["check", "old.json"], "this version reads"),
        (&["export", "trace.json"], "--dot"),
        (&["export", "trace.json", "--dot", "--csv"], "cannot be used with"),
        (&["export", "trace.json", "--csv", "--collapse"], "--collapse is for drawings"),
        (&["export", "trace.json", "--dot", "--collapse", "0"], "0"),
        (&["export", "trace.json", "--dot", "-o", "missing/x.dot"], "missing"),
        (&["export", "trace.json", "--html", "--collapse"], "--collapse is for drawings"),
        (&["step", "-"], "use -x or -e"),
        (&["dance"], "unrecognized subcommand"),
        (&[], "Usage"),
    ] {
        let run = place.run(args, "");
        assert_eq!(run.code, Some(2), "{args:?}: {}{}", run.out, run.err);
        assert!(run.err.contains(part), "{args:?}: {}", run.err);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    assert_eq!(place.run(&["--help"], "").code, Some(0));
    assert_eq!(place.run(&["step", "--help"], "").code, Some(0));
    assert!(place.run(&["--version"], "").out.starts_with("wengert "));
}

#[test]
fn a_large_page_is_warned_of_and_a_huge_one_refused() {
    let place = Place::new();
    let mut data = crate::common::network().data().clone();
    data.producer = "x".repeat(6_000_000);
    place.write("large.json", &serde_json::to_string(&data).unwrap());
    let run = place.run(&["export", "large.json", "--html", "-o", "page.html"], "");
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains("opens slowly"), "{}", run.err);
    data.producer = "x".repeat(25_000_000);
    place.write("huge.json", &serde_json::to_string(&data).unwrap());
    let run = place.run(&["export", "huge.json", "--html", "-o", "huge.html"], "");
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("at most 25000000") && run.err.contains("TraceOptions::summary"), "{}", run.err);
    assert!(!place.dir.path().join("huge.html").exists());
}

/// The reader goes away, as `head` does, before the text is written.
#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    let mut data = crate::common::network().data().clone();
    data.title = "long ".repeat(100_000);
    place.write("long.json", &serde_json::to_string(&data).unwrap());
    for args in [&["export", "long.json", "--json"][..], &["step", "long.json", "-e", "end"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_wengert"))
            .args(args)
            .current_dir(place.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(program.stdout.take());
        let output = program.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
