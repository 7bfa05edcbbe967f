//! The program in the READMEs is this one, and it prints what they say.

use std::fmt::Write;
use std::path::Path;
use wengert::prelude::*;

/// What the program prints. Its lines stand between the marks.
fn output() -> String {
    let mut out = String::new();
    macro_rules! println {
        ($($text:tt)*) => { writeln!(out, $($text)*).unwrap() };
    }
    // README {
    let tape = GradientTape::new();
    let x = tape.constant(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let w = tape.var(tensor![-2.0, 1.0]);
    let b = tape.var(1.0);

    let y = (x.matmul(w) + b).relu(); // computed, and recorded
    let loss = (y - 3.0).square().mean();
    println!("{tape}");

    let grads = loss.backward(); // the tape in reverse, as plain numbers
    println!("dloss/dw = {}", grads.wrt(w));
    println!("dloss/db = {}", grads.wrt(b));

    let slope = tape.gradient(loss, &[b])[0]; // recorded too
    println!("d²loss/db² = {}", tape.gradient(slope, &[b])[0]);

    let report = gradcheck(|v| v[0].tanh() * v[1], &[tensor![0.3, -0.7], tensor![2.0]]);
    println!("numerical check: {} derivatives agree", report.unwrap().checked);
    // }
    out
}

/// The program as `main.rs`, and what it prints then.
fn shown() -> String {
    let (before, rest) = include_str!("readme.rs").split_once("    // README {\n").unwrap();
    let (body, _) = rest.split_once("    // }\n").unwrap();
    let program = format!("use wengert::prelude::*;\n\nfn main() {{\n{body}}}\n");
    let mut printed = output();
    for line in 1..=body.lines().count() {
        let here = format!("readme.rs:{}\n", before.lines().count() + 1 + line);
        printed = printed.replace(&here, &format!("main.rs:{}\n", 3 + line));
    }
    format!("```rust\n{program}```\n\nprints\n\n```text\n{printed}```\n")
}

fn check(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap();
    assert!(text.contains(&shown()), "{} should hold this:\n\n{}", page.display(), shown());
}

#[test]
fn the_crates_readme_shows_this_program_and_what_it_prints() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
}

/// A published crate comes without the workspace.
#[test]
fn the_workspaces_readme_shows_this_program_and_what_it_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if root.join("crates").exists() {
        check(&root.join("README.md"));
    }
}
