//! The examples `mnist_cnn` and `lstm_text` as programs: they learn, save, and go on where they were
//! stopped.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Folders for runs of a program.
struct Place {
    program: &'static str,
    dir: TempDir,
}

impl Place {
    fn new(program: &'static str) -> Place {
        Place { program, dir: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs to the end: exit code, standard output and standard error. No run may panic.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        // Tests are built into target/<profile>/deps, examples into target/<profile>/examples.
        let deps = std::env::current_exe().expect("a test knows where it is");
        let profile = deps.parent().and_then(Path::parent).expect("a test is in target/<profile>/deps");
        let name = format!("{}{}", self.program, std::env::consts::EXE_SUFFIX);
        let program = profile.join("examples").join(name);
        assert!(
            program.exists(),
            "{} is missing: build the examples first, `cargo build --examples`",
            program.display()
        );
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).env_remove("MNIST_DIR");
        for home in ["HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"] {
            command.env(home, self.dir.path());
        }
        let output = command.output().expect("the program can be started");
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked") && !out.contains("panicked"), "{err}");
        (output.status.code(), out, err)
    }

    /// The events of a run that succeeds, but for times.
    #[track_caller]
    fn events(&self, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.run(&[args, &["--json"]].concat());
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        let parse = |line| {
            let mut event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let fields = event.as_object_mut().expect("an object a line");
            for time in ["seconds", "fit_seconds", "step_ms", "resumed"] {
                fields.remove(time);
            }
            event
        };
        out.lines().map(parse).collect()
    }
}

/// All runs of a program with three epochs: at once, and stopped after two.
fn goes_on(program: &'static str, args: &[&str]) {
    let place = Place::new(program);
    let with = |more: &[&str]| place.events(&[args, more].concat());
    let at_once = with(&["--epochs", "3"]);
    let whole = with(&["--epochs", "3", "--checkpoint", "whole"]);
    assert_eq!(whole, at_once, "saving changes nothing");
    let mut names: Vec<_> =
        std::fs::read_dir(place.path("whole")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["best-weights.safetensors", "epoch-002.safetensors", "epoch-003.safetensors"]);
    // As if it had been killed in its third epoch.
    std::fs::remove_file(place.path("whole").join("epoch-003.safetensors")).unwrap();
    let rest = with(&["--epochs", "3", "--checkpoint", "whole", "--resume"]);
    let epochs = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| event["event"] == "epoch").cloned().collect()
    };
    assert_eq!(epochs(&rest), epochs(&whole)[2..]);
    assert_eq!(rest.last(), whole.last(), "the result is that of never having stopped");
    // Nothing is left to do, and a folder without a checkpoint is no obstacle.
    assert_eq!(with(&["--epochs", "3", "--checkpoint", "whole", "--resume"]).len(), rest.len() - 1);
    assert_eq!(with(&["--epochs", "3", "--checkpoint", "new", "--resume"]), whole);
}

#[test]
fn the_network_of_digits_goes_on_where_it_was_stopped() {
    goes_on("mnist_cnn", &["--channels", "2", "--batch-size", "128"]);
}

#[test]
fn the_writer_goes_on_where_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "Ein Männlein steht im Walde, ganz still und stumm. ".repeat(20)).unwrap();
    goes_on(
        "lstm_text",
        &["--data", text.to_str().unwrap(), "--hidden", "8", "--passage", "16", "--length", "20"],
    );
}

#[test]
fn the_network_of_digits_learns() {
    let events = Place::new("mnist_cnn").events(&["--epochs", "10", "--channels", "8"]);
    let accuracy = events.last().unwrap()["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
}

#[test]
fn the_writer_learns_a_rhyme() {
    let place = Place::new("lstm_text");
    std::fs::write(place.path("text"), "hickory dickory dock, ".repeat(50)).unwrap();
    let args = [
        "--data",
        "text",
        "--epochs",
        "20",
        "--batch-size",
        "8",
        "--hidden",
        "32",
        "--passage",
        "22",
        "--length",
        "22",
    ];
    let result = place.events(&args).pop().unwrap();
    let (start, text) = (result["start"].as_str().unwrap(), result["text"].as_str().unwrap());
    assert_eq!(format!("{start}{text}")[..38], "hickory dickory dock, ".repeat(3)[..38], "{result}");
}

#[test]
fn the_curves_and_a_page_are_written_when_asked_for() {
    let place = Place::new("mnist_cnn");
    let with = |more: &[&str]| place.events(&[&["--epochs", "2", "--channels", "2"], more].concat());
    assert_eq!(
        with(&["--plot", "new/curves.svg", "--report", "report.html"]),
        with(&[]),
        "pictures change nothing"
    );
    let curves = std::fs::read_to_string(place.path("new").join("curves.svg")).unwrap();
    assert!(curves.starts_with("<svg") && curves.contains("\nvalidation\n"), "{curves}");
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    for part in ["<h2>Training</h2>", "<h2>What was taken for what</h2>", "data:image/png", "conv1.weight"] {
        assert!(page.contains(part), "{part} is missing");
    }
    // People are told where they are.
    let (_, out, _) = place.run(&["--epochs", "1", "--channels", "2", "--report", "report.html"]);
    assert!(out.ends_with("the report: report.html (open it in a browser)\n"), "{out}");
}

#[test]
fn what_is_wrong_is_named() {
    let (cnn, writer) = (Place::new("mnist_cnn"), Place::new("lstm_text"));
    std::fs::write(writer.path("short"), "abc").unwrap();
    std::fs::write(writer.path("binary"), b"abc\xff").unwrap();
    for (place, args, parts) in [
        (&cnn, &["--resume"][..], &["--checkpoint"][..]),
        (&writer, &["--resume"], &["--checkpoint"]),
        (&cnn, &["--lr", "0"], &["--lr", "expected a positive number"]),
        (&writer, &["--temperature", "0"], &["--temperature", "expected a positive number"]),
        (&cnn, &["--plot", "curves.png"], &["--plot", "expected a name that ends in .svg"]),
        (&cnn, &["--report", "page"], &["--report", "expected a name that ends in .html"]),
        (&writer, &["--passage", "0"], &["--passage", "0 is not in 1..=4096"]),
        (&cnn, &["--data", "nowhere"], &["error: nowhere: no such folder"]),
        (&writer, &["--data", "nowhere"], &["error: nowhere: "]),
        (
            &writer,
            &["--data", "short"],
            &["error: short: 3 characters, expected more than the 64 of a passage"],
        ),
        (&writer, &["--data", "binary"], &["error: binary: byte 3 is no UTF-8; expected a text"]),
    ] {
        let (code, out, err) = place.run(args);
        assert!(code.is_some_and(|code| code != 0) && out.is_empty(), "{args:?}: {out}{err}");
        for part in parts {
            assert!(err.contains(part), "{args:?} says {err:?}, expected {part}");
        }
    }
    // A checkpoint of another network, and one that is cut off.
    let run = |args: &[&str]| cnn.run(&[&["--epochs", "1", "--checkpoint", "c"], args].concat());
    assert_eq!(run(&["--channels", "2"]).0, Some(0));
    let (code, _, err) = run(&["--channels", "3", "--resume"]);
    assert_eq!(code, Some(1));
    let expected = "`conv1.weight` has shape [2, 1, 3, 3], expected [3, 1, 3, 3]";
    assert!(err.starts_with("error: cannot resume: ") && err.contains(expected), "{err}");
    let file = cnn.path("c").join("epoch-001.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (code, _, err) = run(&["--channels", "2", "--resume"]);
    assert!(code == Some(1) && err.contains("epoch-001.safetensors: ends after "), "{err}");
}

#[test]
fn help_names_every_option() {
    for (program, options) in [
        (
            "mnist_cnn",
            &["data", "epochs", "batch-size", "channels", "lr", "seed", "threads", "plot", "report"][..],
        ),
        (
            "lstm_text",
            &[
                "data",
                "epochs",
                "batch-size",
                "passage",
                "hidden",
                "lr",
                "length",
                "temperature",
                "seed",
                "threads",
            ],
        ),
    ] {
        let (_, out, _) = Place::new(program).run(&["--help"]);
        for option in options.iter().chain(&["checkpoint", "resume", "json"]) {
            assert!(out.contains(&format!("--{option}")), "{program}: {option}");
        }
    }
}
