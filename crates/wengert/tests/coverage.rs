//! How each public operation is tested: the table of `docs/coverage.md`, a cell at a time.
//!
//! A cell is written by the check that it stands for, after it has run the row's inputs: a page that
//! says more than is tested, or less, differs from what comes out here and fails. So does a method in
//! the sources that has no row. `WENGERT_BLESS=1 cargo test -p wengert --test coverage` writes the page anew.

mod common;
#[path = "coverage/rows.rs"]
mod rows;
#[path = "coverage/values.rs"]
mod values;

use common::{BOTH, assert_close, distinct, dot, from_intervals, panic_of, uniform};
use flate2::read::GzDecoder;
use rows::{Empty, Function, Points, Row, Shapes, Stretch};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use values::Value;
use wengert::{Float, GradientTape, Tensor, Var, gradcheck};

/// Why an operation has no derivative to be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum NoDerivative {
    /// Constant between its steps.
    Flat,
    /// The result is integers.
    Integers,
    /// It is there to let nothing back.
    Cut,
}

impl NoDerivative {
    fn of(name: &str) -> Option<NoDerivative> {
        match name {
            "sign" | "floor" | "ceil" | "trunc" | "round" => Some(NoDerivative::Flat),
            "argsort" | "argmax" | "argmin" => Some(NoDerivative::Integers),
            "detach" => Some(NoDerivative::Cut),
            _ => None,
        }
    }

    fn why(self) -> &'static str {
        match self {
            NoDerivative::Flat => {
                "constant between its steps; differences say 0, and the gradient is absent with a reason"
            }
            NoDerivative::Integers => {
                "the result is integers; differences say 0, and the gradient is absent with a reason"
            }
            NoDerivative::Cut => "it is there to let nothing back; the gradient is absent with a reason",
        }
    }
}

impl Stretch {
    fn word(self) -> &'static str {
        match self {
            Stretch::Over(_) => "differences",
            Stretch::One => "one operand",
            Stretch::Roles => "roles",
            Stretch::Equal => "equal shapes",
        }
    }

    fn why(self) -> &'static str {
        match self {
            Stretch::Over(_) => "operands of different shapes, to first and second order",
            Stretch::One => "there is nothing to be stretched to",
            Stretch::Roles => {
                "each operand has a shape that follows from what it stands for, as a weight or a bias"
            }
            Stretch::Equal => "operands must have equal shapes, but for the axis along which they are joined",
        }
    }
}

/// Methods of `Var` and `GradientTape` that are no operations, with what they are.
const NO_OPERATIONS: [(&str, &[&str]); 5] = [
    (
        "read a value, or say what is recorded",
        &[
            "tape",
            "id",
            "value",
            "shape",
            "item",
            "tape.len",
            "tape.is_empty",
            "tape.bytes",
            "tape.bytes_of_values",
            "tape.location_of",
            "tape.scope_of",
            "tape.layer_calls",
            "tape.var_of",
            "tape.training",
            "tape.find_not_finite",
            "tape.each_value",
            "tape.trace",
            "tape.trace_with",
        ],
    ),
    (
        "make a tape, empty it, or put a leaf on it",
        &["tape.new", "tape.reset", "tape.var", "tape.constant", "tape.parameter", "tape.substitute"],
    ),
    (
        "say how operations are recorded",
        &[
            "tape.paused",
            "tape.check_finite",
            "tape.located",
            "tape.checkpoint",
            "tape.seed",
            "tape.set_training",
            "tape.scope",
            "tape.scope_for_layer",
            "tape.layer_scope",
            "tape.update_state",
        ],
    ),
    (
        "are the sweeps that the columns are computed with",
        &[
            "backward",
            "backward_keeping",
            "backward_with",
            "tape.backward",
            "tape.gradient",
            "tape.vjp",
            "tape.jvp",
        ],
    ),
    ("are several sweeps, compared in `tests/suite/gradients.rs`", &["tape.jacobian", "tape.batch_jacobian"]),
];

impl Points {
    fn draw(self, shapes: Shapes) -> Vec<Tensor<f64>> {
        let draw = |(i, shape): (usize, &&[usize])| match self {
            Points::In(intervals) => from_intervals(shape, intervals, 70 + i as u64),
            Points::Distinct => distinct(shape, 0.3 * i as f64, 70 + i as u64),
        };
        shapes.iter().enumerate().map(draw).collect()
    }
}

/// What the golden file has of an operation.
#[derive(Clone, Copy, Default)]
struct Golden {
    gradient: bool,
    second: bool,
}

/// By name in the file. `tests/golden.rs` checks every case of it, in `f64` and in `f32`.
fn golden_file() -> BTreeMap<String, Golden> {
    let mut text = String::new();
    let packed = &include_bytes!("data/pytorch.jsonl.gz")[..];
    GzDecoder::new(packed).read_to_string(&mut text).expect("the file is gzipped text");
    let mut all: BTreeMap<String, Golden> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let Some(op) = case["op"].as_str() else { continue };
        let has = |what: &str| case[what].as_array().is_some_and(|all| all.iter().any(|x| !x.is_null()));
        let golden = all.entry(op.to_string()).or_default();
        golden.gradient |= has("grads");
        golden.second |= has("hvp");
    }
    all
}

/// The operation's name in the golden file, and what `tests/golden.rs` calls under it.
fn in_golden_file(name: &str) -> (String, String) {
    let name = name.trim_start_matches("tape.");
    let method = format!(".{name}(");
    match name {
        "-x" => ("neg".into(), "-x[0]".into()),
        "x + y" => ("add".into(), "x[0] + x[1]".into()),
        "x - y" => ("sub".into(), "x[0] - x[1]".into()),
        "x * y" => ("mul".into(), "x[0] * x[1]".into()),
        "x / y" => ("div".into(), "x[0] / x[1]".into()),
        "where_" => ("where".into(), method),
        // Without a suffix, the file's names are those of reductions over given axes.
        "sum" | "mean" | "max" | "min" | "prod" | "var" | "std" | "norm" | "logsumexp" => {
            (format!("{name}_all"), method)
        }
        _ => match name.strip_suffix("_axes") {
            Some(short) => (short.into(), format!("Var::{name})")),
            None => (name.into(), method),
        },
    }
}

/// Value and gradients, zeros included, of the sum of `f` weighted by fixed numbers.
fn first_order<T: Float>(f: Function<T>, inputs: &[Tensor<T>]) -> (Tensor<f64>, Vec<Tensor<f64>>) {
    let tape = GradientTape::new();
    let x: Vec<Var<T>> = inputs.iter().map(|x| tape.var(x)).collect();
    let y = f(&x);
    let grads = y.backward_with(&uniform(&y.shape(), 41).cast());
    let gradient = |&x: &Var<T>| grads.get(x).map_or_else(|| Tensor::zeros(&x.shape()), Tensor::cast);
    (y.value().cast(), x.iter().map(gradient).collect())
}

fn same_in_single_precision(row: &Row) {
    let single: Vec<Tensor<f32>> = row.points.draw(row.shapes).iter().map(Tensor::cast).collect();
    let double: Vec<Tensor<f64>> = single.iter().map(Tensor::cast).collect();
    let (value, gradients) = first_order(row.in_f32, &single);
    let (expected, slopes) = first_order(row.in_f64, &double);
    assert_close(&value, &expected, 1e-4, "value in f32");
    for (gradient, slope) in gradients.iter().zip(&slopes) {
        assert_close(gradient, slope, 1e-4, "gradient in f32");
    }
}

/// To second order, for every entry. Each operand has a slope: a rule that gives zeros would agree where
/// there is none.
fn agrees_with_differences(row: &Row, shapes: Shapes) {
    let inputs = row.points.draw(shapes);
    let report = gradcheck(row.in_f64, &inputs).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(report.checked, 2 * inputs.iter().map(Tensor::len).sum::<usize>());
    let (_, gradients) = first_order(row.in_f64, &inputs);
    for (i, gradient) in gradients.iter().enumerate() {
        assert!(gradient.as_slice().iter().any(|g| *g != 0.0), "operand {i} does not matter at these points");
    }
}

/// <J v, w> = <v, Jᵀ w> of the function (order 1) and of its recorded gradient (order 2).
fn forward_mode_is_the_transpose(row: &Row, shapes: Shapes) {
    let inputs = row.points.draw(shapes);
    let tape = GradientTape::new();
    let x: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
    let along: Vec<Tensor<f64>> = inputs.iter().zip(50..).map(|(x, i)| uniform(x.shape(), i)).collect();
    let mut y = (row.in_f64)(&x);
    for order in 1..=2 {
        let w = from_intervals(&y.shape(), BOTH, 41);
        let forward = dot(&tape.jvp(&[y], &x, &along)[0], &w);
        let gradients = tape.gradient((y * tape.constant(&w)).sum(), &x);
        let terms = gradients.iter().zip(&along).map(|(g, v)| dot(&g.value(), v));
        let reverse: f64 = terms.sum();
        let scale = 1f64.max(forward.abs()).max(reverse.abs());
        assert!(
            (forward - reverse).abs() <= 1e-11 * scale,
            "order {order}: forward mode says {forward:e}, the rules say {reverse:e}"
        );
        let terms = gradients.into_iter().zip(&along).map(|(g, v)| (g * tape.constant(v)).sum());
        y = terms.reduce(|a, b| a + b).expect("there is an operand");
    }
}

/// Nothing arrives, and there is a reason; forward mode says 0, and so do differences.
fn has_no_derivative(row: &Row, reason: NoDerivative) {
    let inputs = row.points.draw(row.shapes);
    let tape = GradientTape::new();
    let x: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
    let y = (row.in_f64)(&x);
    let grads = y.sum().backward();
    for &x in &x {
        assert!(grads.get(x).is_none() && grads.why(x).is_some(), "{:?}", grads.why(x));
    }
    let along: Vec<Tensor<f64>> = inputs.iter().map(|x| Tensor::ones(x.shape())).collect();
    assert_eq!(tape.jvp(&[y], &x, &along)[0], Tensor::zeros(&y.shape()));
    if reason != NoDerivative::Cut {
        gradcheck(row.in_f64, &inputs).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Value, gradient as numbers and recorded gradient have the shapes they must have.
fn empty_operands_give<T: Float>(f: Function<T>, inputs: &[Tensor<f64>], shape: &[usize]) {
    let tape = GradientTape::<T>::new();
    let x: Vec<Var<T>> = inputs.iter().map(|x| tape.var(x.cast::<T>())).collect();
    let y = f(&x);
    assert_eq!(y.shape()[..], *shape, "the value's shape");
    let seed = Tensor::ones(&y.shape());
    let grads = y.backward_with(&seed);
    let recorded = tape.gradient((y * tape.constant(seed)).sum(), &x);
    for (x, recorded) in x.iter().zip(recorded) {
        let shape = x.shape();
        assert!(grads.get(*x).is_none_or(|g| *g.shape() == shape), "a gradient's shape");
        assert_eq!(recorded.value().shape(), &shape, "a recorded gradient's shape");
    }
}

/// The sentence, for operands that are refused.
fn empty_operands(row: &Row) -> Option<String> {
    let (shapes, expected) = &row.empty;
    assert!(shapes.iter().any(|shape| shape.contains(&0)), "no operand is empty");
    let inputs = row.points.draw(shapes);
    match expected {
        Empty::Gives(shape) => {
            empty_operands_give(row.in_f64, &inputs, shape);
            empty_operands_give(row.in_f32, &inputs, shape);
            None
        }
        Empty::Refused(text) => {
            let tape = GradientTape::new();
            let x: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
            let panicked = panic_of(|| _ = (row.in_f64)(&x)).expect("it is refused");
            assert!(panicked.text.contains(text), "{}", panicked.text);
            assert!(panicked.file.ends_with("rows.rs"), "the place is not the caller's: {}", panicked.file);
            Some(panicked.text)
        }
    }
}

/// Runs all checks of a row; gives its line, and the sentence that refuses empty operands.
fn line(row: &Row, golden: &BTreeMap<String, Golden>) -> (String, Option<String>) {
    let (golden_name, _) = in_golden_file(row.name);
    let golden = golden.get(&golden_name).copied();
    let with = |has: bool, how: &str| if has { format!("golden, {how}") } else { how.to_string() };

    let value = match (golden, Value::of(row.name)) {
        (Some(_), None) => "golden".to_string(),
        (None, Some(Value::Test(name))) => format!("`{name}`"),
        (None, Some(Value::Formula(formula))) => {
            let (found, _) = first_order(row.in_f64, &row.points.draw(row.shapes));
            let (expected, _) = first_order(formula, &row.points.draw(row.shapes));
            assert_close(&found, &expected, 1e-13, "formula");
            "formula".to_string()
        }
        (Some(_), Some(_)) => panic!("the golden file has it: it needs no line in values.rs"),
        (None, None) => panic!("the golden file does not have it: it needs a line in values.rs"),
    };
    same_in_single_precision(row);
    let of_golden = |f: fn(Golden) -> bool| golden.is_some_and(f);
    let slopes = match NoDerivative::of(row.name) {
        Some(reason) => {
            has_no_derivative(row, reason);
            let reason = format!("{reason:?}").to_lowercase();
            [reason.clone(), reason.clone(), reason]
        }
        None => {
            agrees_with_differences(row, row.shapes);
            forward_mode_is_the_transpose(row, row.shapes);
            [
                with(of_golden(|g| g.gradient), "differences"),
                with(of_golden(|g| g.second), "differences, forward over reverse"),
                "transpose".to_string(),
            ]
        }
    };
    let refused = empty_operands(row);
    if let Stretch::Over(shapes) = row.stretch {
        assert!(shapes.iter().any(|shape| shape != &shapes[0]), "the shapes do not differ");
        agrees_with_differences(row, shapes);
        forward_mode_is_the_transpose(row, shapes);
    } else {
        assert_eq!(row.stretch == Stretch::One, row.shapes.len() == 1, "how many operands are there?");
    }
    let [gradient, second, forward] = slopes;
    let line = [
        format!("`{}`", row.name),
        value,
        gradient,
        second,
        forward,
        with(golden.is_some(), "as f64"),
        with(golden.is_some(), if NoDerivative::of(row.name).is_some() { "value" } else { "differences" }),
        if refused.is_some() { "error" } else { "runs" }.to_string(),
        row.stretch.word().to_string(),
    ];
    (format!("| {} |", line.join(" | ")), refused)
}

const HEAD: &str = "\
# Coverage: how each operation is tested

One line for each public operation: each method of `Var`, each one of `GradientTape` that computes a value,
and the operators (`c` is a number). The page is written by the test `crates/wengert/tests/coverage.rs`, which
runs the checks that a line names, and fails where the page differs or an operation has no line.
`WENGERT_BLESS=1 cargo test -p wengert --test coverage` writes it anew.

| column | what stands in it |
|---|---|
| value | *golden*: numbers made by PyTorch, which `tests/golden.rs` compares to 1e-10 (f32 to 1e-5); *formula*: the same from other operations, to 1e-13; else the name of the test |
| gradient | *differences*: extrapolated central differences, every entry, as numbers and recorded; *golden*: PyTorch's too |
| second order | the same of the recorded gradient; *forward over reverse*: forward mode through the recorded gradient |
| forward mode | *transpose*: ⟨J·v, w⟩ = ⟨v, Jᵀ·w⟩, where J·v is forward mode, which uses no rule |
| f32 | *as f64*: value and gradient in `f32`, to 1e-4 of those in `f64` |
| f64 | what is computed in `f64`: differences, or the value alone |
| empty | operands with an axis of length 0: *runs*: value, gradient and recorded gradient have their shapes, in `f32` and in `f64`; *error*: a sentence, below |
| broadcast | *differences*: operands of different shapes, to second order, and forward mode |

Words in place of a check:
";

fn page(rows: &[Row]) -> String {
    let golden = golden_file();
    let (mut lines, mut errors, mut failures) = (String::new(), String::new(), Vec::new());
    let (mut missing, mut stretches) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        missing.extend(NoDerivative::of(row.name));
        stretches.extend(Some(row.stretch).filter(|stretch| !matches!(stretch, Stretch::Over(_))));
        let mut checked = None;
        match panic_of(|| checked = Some(line(row, &golden))) {
            Some(panicked) => failures.push(format!("{}: {}", row.name, panicked.text)),
            None => {
                let (line, refused) = checked.expect("it has not panicked");
                writeln!(lines, "{line}").expect("a string takes it");
                if let Some(sentence) = refused {
                    writeln!(errors, "| `{}` | {sentence} |", row.name).expect("a string takes it");
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let mut words = String::new();
    for reason in missing {
        let word = format!("{reason:?}").to_lowercase();
        writeln!(words, "- *{word}*: {}", reason.why()).expect("a string takes it");
    }
    for stretch in stretches {
        writeln!(words, "- *{}*: {}", stretch.word(), stretch.why()).expect("a string takes it");
    }
    let mut others = String::new();
    for (what, names) in NO_OPERATIONS {
        writeln!(others, "- `{}`: {what}", names.join("`, `")).expect("a string takes it");
    }
    format!(
        "{HEAD}\n{words}\n## Operations\n\n\
         | operation | value | gradient | second order | forward mode | f32 | f64 | empty | broadcast |\n\
         |---|---|---|---|---|---|---|---|---|\n{lines}\n\
         ## What refuses empty operands\n\n| operation | the sentence |\n|---|---|\n{errors}\n\
         ## Methods that are no operations\n\n{others}"
    )
}

#[test]
fn the_page_says_how_each_operation_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = page(&rows::all());
    let path = root.join("docs/coverage.md");
    if std::env::var_os("WENGERT_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return;
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    for (i, (found, tested)) in on_disk.lines().zip(page.lines()).enumerate() {
        assert_eq!(
            found,
            tested,
            "line {} of docs/coverage.md is stale: on the left the page, on the right what is tested \
             (WENGERT_BLESS=1 writes it anew)",
            i + 1
        );
    }
    assert_eq!(on_disk.lines().count(), page.lines().count(), "docs/coverage.md has other lines at its end");
}

/// The text of all files below `folder`.
fn sources(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(std::fs::read_to_string(&path).expect("it is text"));
        }
    }
    all
}

/// The public methods of `Var`, and of `GradientTape` as `tape.name`. `try_` forms go by the name of the form
/// that panics.
fn public_methods() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let (mut within, mut listed, mut owner) = (false, false, "");
        for line in text.lines() {
            if !line.starts_with([' ', '\t']) && !line.is_empty() {
                let of_ours = line.contains("Var<'") || line.contains("GradientTape<");
                within = line.starts_with("impl") && of_ours && !line.contains(" for ");
                listed = line.starts_with("unary_methods! {");
                owner = if line.contains("GradientTape<") { "tape." } else { "" };
            }
            let line = line.trim();
            let name = if within {
                let head = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub const fn "));
                head.and_then(|head| head.split(['(', '<']).next())
            } else if listed && !line.starts_with("//") {
                // A line of the list: `exp Exp;`.
                line.strip_suffix(';').and_then(|pair| pair.split(' ').next())
            } else {
                None
            };
            all.extend(name.map(|name| format!("{owner}{}", name.strip_prefix("try_").unwrap_or(name))));
        }
    }
    all
}

#[test]
fn every_operation_has_a_row() {
    let rows = rows::all();
    let named: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    assert_eq!(named.len(), rows.len(), "a name has two rows");
    let others: BTreeSet<&str> = NO_OPERATIONS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let methods = public_methods();
    let without: Vec<&String> =
        methods.iter().filter(|name| !named.contains(&name[..]) && !others.contains(&name[..])).collect();
    assert!(without.is_empty(), "no row in tests/coverage/rows.rs: {without:?}");
    let is_method =
        |name: &&&str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let gone: Vec<&&str> =
        named.union(&others).filter(is_method).filter(|name| !methods.contains(**name)).collect();
    assert!(gone.is_empty(), "rows or exceptions without a method: {gone:?}");
    assert!(named.is_disjoint(&others), "both an operation and none");
}

/// The name of a golden case stands for the operation that the row says.
#[test]
fn golden_cases_call_what_their_row_names() {
    let (_, text) = include_str!("golden.rs").split_once("\nfn apply<").expect("it applies operations");
    let golden = golden_file();
    for row in rows::all() {
        let (name, call) = in_golden_file(row.name);
        if golden.contains_key(&name) {
            let from = text.find(&format!("\"{name}\" ")).unwrap_or_else(|| panic!("{name} is not applied"));
            // The arm ends where the next one begins.
            let arm = text[from..].split("\n        \"").next().expect("there is a first part");
            assert!(arm.contains(&call), "{name} stands for something else than {}: {arm}", row.name);
        }
    }
}

#[test]
fn tests_that_are_named_exist_and_call_the_operation() {
    let texts = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    for (name, value) in values::ALL {
        let Value::Test(test) = value else { continue };
        let head = format!("#[test]\nfn {test}() {{");
        let body =
            texts.iter().find_map(|text| text.split_once(&head)).unwrap_or_else(|| panic!("no test {test}"));
        let body = body.1.split("\n}\n").next().expect("there is a first part");
        assert!(body.contains(&format!(".{name}(")), "{test} does not call {name}");
    }
}
