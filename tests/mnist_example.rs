//! The example `mnist` as a program: what it prints, which folders it finds, and what it says to
//! bad files and bad options.
//!
//! It is run as cargo has built it, in a working directory and with caches of its own, so that
//! nothing on this machine is read.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Folders for one run of the program.
struct Place {
    dir: TempDir,
}

/// How a run ended.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["work", "home", "data"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Place { dir }
    }

    /// A place whose folder for data has the four files.
    fn with(files: &Files) -> Place {
        let place = Place::new();
        files.write(&place.data());
        place
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn cache(&self) -> PathBuf {
        let caches = if cfg!(target_os = "macos") { "home/Library/Caches" } else { "home" };
        self.dir.path().join(caches).join("wengert").join("mnist")
    }

    fn command(&self, args: &[&str]) -> Command {
        // Tests are built into target/<profile>/deps, examples into target/<profile>/examples.
        let deps = std::env::current_exe().expect("a test knows where it is");
        let profile = deps.parent().and_then(Path::parent).expect("a test is in target/<profile>/deps");
        let program = profile.join("examples").join(format!("mnist{}", std::env::consts::EXE_SUFFIX));
        assert!(
            program.exists(),
            "{} is missing: build the examples first, `cargo build --examples` (`cargo test` without a choice of targets does)",
            program.display()
        );
        let mut command = Command::new(program);
        let home = self.dir.path().join("home");
        command.args(args).current_dir(self.dir.path().join("work"));
        command.env_remove("MNIST_DIR").env_remove("RUST_BACKTRACE");
        command.env("HOME", &home).env("XDG_CACHE_HOME", &home).env("LOCALAPPDATA", &home);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        self.finish(self.command(args))
    }

    /// The run on this place's data, named by `--data`.
    fn run_on_data(&self, args: &[&str]) -> Run {
        let data = self.data();
        self.run(&[&["--data", data.to_str().expect("the folder is text")], args].concat())
    }

    /// Runs to the end; no run may panic or leave a file where it was started.
    fn finish(&self, mut command: Command) -> Run {
        let output = command.output().expect("the program can be started");
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        let run = Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!run.err.contains("panicked") && !run.out.contains("panicked"), "{}", run.err);
        let left = std::fs::read_dir(self.dir.path().join("work")).unwrap().count();
        assert_eq!(left, 0, "files were written into the working directory");
        run
    }
}

impl Run {
    #[track_caller]
    fn succeeded(self) -> Run {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self
    }

    /// The lines as JSON objects.
    #[track_caller]
    fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        self.out.lines().map(parse).collect()
    }

    /// The last object, which holds the result.
    #[track_caller]
    fn result(&self) -> Value {
        let last = self.events().pop().expect("at least one line");
        assert_eq!(last["event"], "result", "{last}");
        last
    }
}

/// The four files of a small data set in MNIST's format.
#[derive(Clone)]
struct Files {
    train_images: Vec<u8>,
    train_labels: Vec<u8>,
    test_images: Vec<u8>,
    test_labels: Vec<u8>,
}

const TRAIN: usize = 64;
const TEST: usize = 16;

impl Files {
    fn new() -> Files {
        Files {
            train_images: idx(&[TRAIN, 28, 28], &noise(TRAIN * 784)),
            train_labels: idx(&[TRAIN], &digits(TRAIN)),
            test_images: idx(&[TEST, 28, 28], &noise(TEST * 784)),
            test_labels: idx(&[TEST], &digits(TEST)),
        }
    }

    fn named(&self) -> [(&'static str, &[u8]); 4] {
        [
            ("train-images-idx3-ubyte", &self.train_images),
            ("train-labels-idx1-ubyte", &self.train_labels),
            ("t10k-images-idx3-ubyte", &self.test_images),
            ("t10k-labels-idx1-ubyte", &self.test_labels),
        ]
    }

    fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for (name, bytes) in self.named() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }

    fn write_compressed(&self, folder: &Path) {
        for (name, bytes) in self.named() {
            std::fs::write(folder.join(format!("{name}.gz")), gzip(bytes)).unwrap();
        }
    }
}

/// An IDX file of unsigned bytes.
fn idx(dims: &[usize], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
    file.extend(data);
    file
}

/// Bytes without a pattern, the same at every run (Knuth's multiplicative hash).
fn noise(n: usize) -> Vec<u8> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn digits(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 % 10) as u8).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn without_mnist_it_says_so_in_one_line_and_trains_on_the_digits() {
    let run = Place::new().run(&["--epochs", "2"]).succeeded();
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].starts_with("MNIST not found: training on the embedded 8x8 digits."), "{}", run.out);
    assert!(lines[0].contains("--data DIR") && lines[0].contains("$MNIST_DIR"));
    assert_eq!(lines[1], "digits: 1438 images to train on, 359 to test with");
    assert_eq!(lines[2], "Dense(64 -> 512), relu, Dense(512 -> 10): 38410 parameters");
}

#[test]
fn json_is_one_object_a_line_and_the_last_is_the_result() {
    let run = Place::new().run(&["--epochs", "2", "--json"]).succeeded();
    let events = run.events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["notice", "start", "epoch", "epoch", "result"]);
    assert_eq!((&events[1]["train"], &events[1]["test"]), (&1438.into(), &359.into()));

    let result = run.result();
    let keys: Vec<&str> = result.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "dataset",
        "event",
        "fit_seconds",
        "peak_rss_bytes",
        "step_ms",
        "test_accuracy",
        "test_loss",
        "train_accuracy",
    ];
    assert_eq!(keys, expected);
    assert_eq!(result["dataset"], "digits");
    let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key} is no number: {result}"));
    assert!(number("test_accuracy") > 0.85 && number("test_accuracy") <= 1.0, "{result}");
    assert!(number("train_accuracy") > 0.85 && number("test_loss") < 0.6, "{result}");
    assert_eq!(result["train_accuracy"], events[3]["accuracy"]);
    assert!(number("fit_seconds") > 0.0 && number("step_ms") > 0.0);
    if cfg!(target_os = "linux") {
        assert!(result["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{result}");
    }
}

#[test]
fn text_that_is_not_for_a_terminal_has_a_plain_line_an_epoch() {
    let run = Place::new().run(&["--epochs", "2"]).succeeded();
    assert!(!run.out.contains(['\r', '\x1b']), "{}", run.out);
    let epochs: Vec<&str> = run.out.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(epochs.len(), 2);
    for (i, line) in epochs.iter().enumerate() {
        assert!(line.starts_with(&format!("epoch {}/2  loss 0.", i + 1)) || i == 0, "{line}");
        for part in ["  loss ", "  accuracy 0.", " rows/s  "] {
            assert!(line.contains(part), "{line}");
        }
    }
    assert!(run.out.contains("\ntest loss 0."), "{}", run.out);
}

#[test]
fn text_ends_with_the_confusion_matrix_and_drawn_digits() {
    let run = Place::new().run(&["--epochs", "2"]).succeeded();
    let mut lines = run.out.lines().skip_while(|line| !line.starts_with("confusion: "));
    let head = lines.nth(1).unwrap();
    assert_eq!(head.split_whitespace().collect::<Vec<_>>().join(" "), "0 1 2 3 4 5 6 7 8 9");
    let (mut all, mut right) = (0, 0);
    for digit in 0..10 {
        let row: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!((row.len(), row[0]), (11, digit.to_string().as_str()));
        let counts: Vec<usize> = row[1..].iter().map(|n| n.replace('·', "0").parse().unwrap()).collect();
        all += counts.iter().sum::<usize>();
        right += counts[digit];
    }
    assert_eq!(all, 359);
    let accuracy = format!("test accuracy {:.4}", right as f64 / all as f64);
    assert!(run.out.contains(&accuracy), "{accuracy} is expected:\n{}", run.out);

    // Five digits of 8x8 pixels, two rows of pixels a line, two columns of text a pixel; beside
    // each the five likeliest classes.
    let rest: Vec<&str> = lines.collect();
    let drawn: Vec<usize> = (0..rest.len()).filter(|&i| rest[i].contains("test image ")).collect();
    assert_eq!(drawn.len(), 5);
    for (i, start) in drawn.into_iter().enumerate() {
        assert!(rest[start].contains(&format!("test image {i}, a ")));
        let picture: String = rest[start..start + 4].iter().flat_map(|line| line.chars().take(18)).collect();
        assert!(picture.contains(['█', '▀', '▄', '▒']), "{picture}");
        let bars = &rest[start + 1..start + 6];
        assert!(bars.iter().all(|line| line.contains("%")), "{bars:?}");
        assert_eq!(rest[start + 6], "");
    }
}

#[test]
fn a_folder_is_found_by_option_by_variable_and_in_the_cache() {
    let args = ["--epochs", "1", "--hidden", "8", "--batch-size", "16", "--json"];
    let (place, files) = (Place::new(), Files::new());
    files.write(&place.data());
    let by_option = place.run_on_data(&args).succeeded().result();
    assert_eq!(by_option["dataset"], "mnist");

    let mut command = place.command(&args);
    command.env("MNIST_DIR", place.data());
    let by_variable = place.finish(command).succeeded().result();
    files.write(&place.cache());
    let by_cache = place.run(&args).succeeded().result();
    for found in [by_variable, by_cache] {
        assert_eq!(
            (&found["dataset"], &found["test_loss"]),
            (&by_option["dataset"], &by_option["test_loss"])
        );
    }
}

#[test]
fn compressed_files_give_the_same_result_as_plain_ones() {
    let args = ["--epochs", "1", "--hidden", "8", "--json"];
    let (plain, packed) = (Place::with(&Files::new()), Place::new());
    Files::new().write_compressed(&packed.data());
    let [plain, packed] = [plain, packed].map(|place| place.run_on_data(&args).succeeded());
    assert_eq!(plain.result()["test_loss"], packed.result()["test_loss"]);
    let start = &packed.events()[0];
    assert_eq!((&start["train"], &start["test"]), (&TRAIN.into(), &TEST.into()));
}

#[test]
fn large_images_are_drawn_a_column_a_pixel() {
    let run = Place::with(&Files::new()).run_on_data(&["--epochs", "1", "--hidden", "8"]).succeeded();
    assert!(run.out.starts_with("mnist: 64 images to train on, 16 to test with\n"), "{}", run.out);
    let start = run.out.lines().position(|line| line.contains("test image 0, a 0")).unwrap();
    let picture: Vec<&str> = run.out.lines().skip(start).take(14).collect();
    assert!(picture.iter().all(|line| line.chars().count() >= 2 + 28 && line.contains(['█', '▒'])));
}

/// On noise, with a hidden layer that is large enough to be cut into pieces, and on the digits.
#[test]
fn the_same_seed_gives_the_same_bits_with_any_number_of_threads() {
    let place = Place::with(&Files::new());
    let args = ["--epochs", "1", "--batch-size", "32", "--json", "--threads"];
    let loss = |threads: &str, seed: &str| {
        let on_files = place.run_on_data(&[&args[..], &[threads, "--seed", seed]].concat()).succeeded();
        let on_digits = place.run(&[&args[..], &[threads, "--seed", seed]].concat()).succeeded();
        [on_files, on_digits].map(|run| run.result()["test_loss"].as_f64().expect("a number").to_bits())
    };
    let one = loss("1", "7");
    assert_eq!(loss("2", "7"), one);
    assert_eq!(loss("3", "7"), one);
    let other = loss("1", "8");
    assert!(other[0] != one[0] && other[1] != one[1], "another seed is another run");
}

#[test]
fn all_optimizers_learn() {
    for optimizer in ["sgd", "rmsprop", "adam"] {
        let run = Place::new().run(&["--epochs", "3", "--optimizer", optimizer, "--json"]).succeeded();
        let accuracy = run.result()["test_accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.85, "{optimizer}: {accuracy}");
    }
}

#[test]
fn extreme_options_are_no_reason_to_panic() {
    let place = Place::with(&Files::new());
    let result = place.run_on_data(&["--epochs", "0", "--json"]).succeeded().result();
    assert!(result["train_accuracy"].is_null() && result["test_loss"].is_f64(), "{result}");
    place.run_on_data(&["--epochs", "0"]).succeeded();
    // Weights overflow to infinities and NaN, which are no numbers in JSON.
    let result = place.run_on_data(&["--lr", "1e300", "--epochs", "2", "--json"]).succeeded().result();
    assert!(result["test_loss"].is_null(), "{result}");
    place.run_on_data(&["--lr", "1e300", "--epochs", "2"]).succeeded();
    let largest = (usize::MAX - 1).to_string();
    place.run_on_data(&["--batch-size", &largest, "--epochs", "1", "--hidden", "1"]).succeeded();
    place.run_on_data(&["--seed", &u64::MAX.to_string(), "--epochs", "1", "--hidden", "8"]).succeeded();
}

/// As `| head -1` does.
#[test]
fn a_reader_that_closes_the_output_is_no_reason_to_panic() {
    for args in [&["--epochs", "2"][..], &["--epochs", "2", "--json"]] {
        let place = Place::new();
        let mut child =
            place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn bad_options_are_named_with_what_would_be_right() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--epoch", "1"], &["'--epoch'", "'--epochs'"]),
        (&["mnist"], &["unexpected argument 'mnist'"]),
        (&["--epochs", "many"], &["'many'", "--epochs"]),
        (&["--epochs=-1"], &["'-1'", "--epochs"]),
        (&["--batch-size", "0"], &["'0'", "--batch-size", "0 is not in 1.."]),
        (&["--batch-size", "1.5"], &["'1.5'", "--batch-size"]),
        (&["--hidden", "0"], &["'0'", "--hidden", "0 is not in 1..=65536"]),
        (&["--lr", "0"], &["'0'", "--lr", "expected a positive number"]),
        (&["--lr=-0.1"], &["'-0.1'", "--lr", "expected a positive number"]),
        (&["--lr", "nan"], &["'nan'", "--lr", "expected a positive number"]),
        (&["--lr", "inf"], &["'inf'", "--lr", "expected a positive number"]),
        (&["--lr", "fast"], &["'fast'", "--lr", "expected a positive number"]),
        (&["--seed=-1"], &["'-1'", "--seed"]),
        (&["--threads", "0"], &["'0'", "--threads", "0 is not in 1..=1024"]),
        (&["--threads", "1025"], &["'1025'", "--threads", "1025 is not in 1..=1024"]),
        (&["--optimizer", "lbfgs"], &["'lbfgs'", "--optimizer", "sgd, rmsprop, adam"]),
        (&["--data"], &["--data", "a value is required"]),
    ];
    let place = Place::new();
    for (args, parts) in cases {
        let run = place.run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?}: {}", run.err);
        for part in *parts {
            assert!(run.err.contains(part), "{args:?} says {:?}, expected {part}", run.err);
        }
    }
}

#[test]
fn help_names_every_option() {
    let run = Place::new().run(&["--help"]).succeeded();
    for option in ["data", "epochs", "batch-size", "hidden", "optimizer", "lr", "seed", "threads", "json"] {
        assert!(run.out.contains(&format!("--{option}")), "{option}");
    }
}

/// Fails unless the run ends with code 1 and one line on standard error, before any output.
#[track_caller]
fn refuses(run: &Run, message: &str) {
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{}", run.err);
    assert_eq!(run.err, format!("error: {message}\n"));
}

#[test]
fn missing_folders_and_files_are_named() {
    let place = Place::new();
    let folder = place.dir.path().join("nowhere");
    let missing = format!(
        "{}: no such folder; expected one with the four files of MNIST, plain or .gz",
        folder.display()
    );
    refuses(&place.run(&["--data", folder.to_str().unwrap()]), &missing);
    let mut command = place.command(&["--json"]);
    command.env("MNIST_DIR", &folder);
    let message = format!("the environment variable MNIST_DIR is set, but {missing}");
    refuses(&place.finish(command), &message);

    let files = Files::new();
    for (name, _) in files.named() {
        let dotted = name.replacen("-idx", ".idx", 1);
        let message = |folder: PathBuf| {
            let folder = folder.display();
            format!("{folder}: {name} is missing; looked for {name}, {name}.gz, {dotted}, {dotted}.gz")
        };
        files.write(&place.data());
        std::fs::remove_file(place.data().join(name)).unwrap();
        refuses(&place.run_on_data(&[]), &message(place.data()));
        files.write(&place.cache());
        std::fs::remove_file(place.cache().join(name)).unwrap();
        refuses(&place.run(&[]), &message(place.cache()));
    }
}

/// Writes good files but for one, and fails unless the program refuses that one with `message`.
#[track_caller]
fn refuses_file(name: &str, bytes: &[u8], message: &str) {
    let place = Place::with(&Files::new());
    let plain = name.trim_end_matches(".gz");
    std::fs::remove_file(place.data().join(plain)).unwrap();
    let path = place.data().join(name);
    std::fs::write(&path, bytes).unwrap();
    refuses(&place.run_on_data(&[]), &format!("{}: {message}", path.display()));
}

#[test]
fn files_of_the_wrong_length_are_named_with_both_lengths() {
    let Files { train_images: images, test_labels: labels, .. } = Files::new();
    let whole = 16 + TRAIN * 784;
    let short = &images[..whole - 1];
    refuses_file(
        "train-images-idx3-ubyte",
        short,
        &format!("ends after {} bytes, expected {whole}", whole - 1),
    );
    refuses_file(
        "train-images-idx3-ubyte.gz",
        &gzip(short),
        &format!("ends after {} bytes, expected {whole}", whole - 1),
    );
    refuses_file("train-images-idx3-ubyte", &images[..9], "ends after 9 bytes, expected 16");
    let long = [&labels[..], &[0]].concat();
    refuses_file("t10k-labels-idx1-ubyte", &long, "goes on after 24 bytes, expected its end there");
    refuses_file("t10k-labels-idx1-ubyte.gz", &gzip(&long), "goes on after 24 bytes, expected its end there");
    // The header's count is wrong: more images than there are, fewer, and more than any memory has.
    let counted = |n: u32| [&images[..4], &n.to_be_bytes(), &images[8..]].concat();
    let message = format!("ends after {whole} bytes, expected {}", whole + 784);
    refuses_file("train-images-idx3-ubyte", &counted(TRAIN as u32 + 1), &message);
    let message = format!("goes on after {} bytes, expected its end there", whole - 784);
    refuses_file("train-images-idx3-ubyte", &counted(TRAIN as u32 - 1), &message);
    let huge = idx(&[u32::MAX as usize; 3], &[]);
    let message = "the header announces [4294967295, 4294967295, 4294967295] bytes, expected no more than memory can address";
    refuses_file("train-images-idx3-ubyte", &huge, message);
}

#[test]
fn files_of_another_kind_are_named_with_what_they_start_with() {
    let files = Files::new();
    refuses_file(
        "train-images-idx3-ubyte",
        b"\x7fELF and so on",
        "starts with 7f 45 4c 46, expected the magic number of an IDX file of unsigned bytes, 00 00 08 and the number of axes",
    );
    refuses_file(
        "t10k-images-idx3-ubyte",
        &files.test_labels,
        "the magic number is 0x00000801, expected 0x00000803, images",
    );
    refuses_file(
        "t10k-labels-idx1-ubyte",
        &files.test_images,
        "the magic number is 0x00000803, expected 0x00000801, labels",
    );
    refuses_file(
        "train-labels-idx1-ubyte.gz",
        b"<html>404</html>",
        "is named .gz, but starts with 3c 68 74 6d, expected gzip, which starts with 1f 8b",
    );
    refuses_file("train-labels-idx1-ubyte", b"", "the file is empty, expected an IDX file, plain or gzip");
    refuses_file(
        "t10k-images-idx3-ubyte",
        &idx(&[TEST, 8, 8], &noise(TEST * 64)),
        "images of 8x8 pixels, expected 28x28",
    );
}

#[test]
fn damaged_gzip_is_named() {
    let place = Place::with(&Files::new());
    let name = "train-labels-idx1-ubyte";
    std::fs::remove_file(place.data().join(name)).unwrap();
    let path = place.data().join(format!("{name}.gz"));
    let mut bytes = gzip(&Files::new().train_labels);
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let run = place.run_on_data(&[]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    let start = format!("error: {}: the gzip data is damaged after ", path.display());
    assert!(run.err.starts_with(&start) && run.err.lines().count() == 1, "{}", run.err);
}

#[test]
fn labels_that_do_not_fit_are_named() {
    let mut labels = digits(TRAIN);
    labels[3] = 10;
    let message = "label 3 is 10, expected 0 to 9";
    refuses_file("train-labels-idx1-ubyte", &idx(&[TRAIN], &labels), message);

    let place = Place::with(&Files::new());
    let [images, labels] =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"].map(|name| place.data().join(name));
    std::fs::write(&labels, idx(&[TRAIN - 1], &digits(TRAIN - 1))).unwrap();
    let message = format!(
        "{}: 63 labels, expected 64, as many as there are images in {}",
        labels.display(),
        images.display()
    );
    refuses(&place.run_on_data(&[]), &message);
}

#[test]
fn data_without_images_is_refused() {
    let (images, labels) = (idx(&[0, 28, 28], &[]), idx(&[0], &[]));
    let no_training = Files { train_images: images.clone(), train_labels: labels.clone(), ..Files::new() };
    let no_test = Files { test_images: images, test_labels: labels, ..Files::new() };
    for files in [no_training, no_test] {
        let run = Place::with(&files).run_on_data(&["--epochs", "1", "--hidden", "8"]);
        assert_eq!(run.code, Some(1));
        assert!(run.err.starts_with("error: ") && run.err.lines().count() == 1, "{}", run.err);
    }
}
