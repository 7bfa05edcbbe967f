//! Optimizers and schedules, against numbers made by PyTorch.
//!
//! `WENGERT_GOLDEN` names a file of cases, one JSON object a line; without it this reads its own
//! gzipped copy of the optimizers and schedules. What a case is, `common/golden.rs` says. No case
//! is ever skipped.

#[path = "common/golden.rs"]
mod golden;

use flate2::read::GzDecoder;
use golden::compare;
use serde_json::{Value, json};
use std::io::Read;

fn cases() -> String {
    let mut text = String::new();
    match std::env::var_os("WENGERT_GOLDEN") {
        Some(path) => {
            text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        None => {
            let packed = &include_bytes!("data/pytorch_optimizers.jsonl.gz")[..];
            GzDecoder::new(packed).read_to_string(&mut text).expect("the file is gzipped text");
        }
    }
    text
}

#[test]
fn optimizers_and_schedules_agree_with_pytorch() {
    let mut count = 0;
    for (i, line) in cases().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", i + 1));
        // The same file holds operations for the core, which tests them.
        if case["kind"] == "op" {
            continue;
        }
        golden::check(&case);
        count += 1;
    }
    assert!(count > 0, "the file has no optimizer and no schedule");
    println!("golden: {count} cases, 0 skipped");
}

/// One step of PyTorch's SGD with a learning rate of 0.5: 1 - 0.5 · 2 = 0.
fn small_case() -> Value {
    let tensor = |x: f64| json!({"shape": [1], "data": [x]});
    json!({"kind": "optimizer", "name": "sgd", "attrs": {"lr": 0.5}, "start": tensor(1.0),
           "grads": [tensor(2.0)], "after": [tensor(0.0)]})
}

fn small_schedule() -> Value {
    json!({"kind": "schedule", "name": "exponential", "attrs": {"lr": 1.0, "gamma": 0.5}, "lr": [1.0, 0.5]})
}

#[test]
fn the_comparison_fails_on_what_it_does_not_know() {
    for small in [small_case(), small_schedule()] {
        assert_eq!(compare(&small), Ok(()));

        let mut case = small.clone();
        case["attrs"]["maximize"] = json!(true);
        let e = compare(&case).unwrap_err();
        assert!(e.starts_with("attributes that are unknown here: ") && e.contains("maximize"), "{e}");

        let mut case = small.clone();
        case["name"] = json!("lion");
        assert_eq!(compare(&case), Err(format!("the {} is unknown here", small["kind"].as_str().unwrap())));

        let mut case = small;
        case["kind"] = json!("sampler");
        assert_eq!(compare(&case), Err("the kind is unknown here".into()));
    }
}

#[test]
fn the_comparison_fails_on_a_wrong_value() {
    let mut case = small_case();
    case["after"][0]["data"][0] = json!(1e-11);
    assert_eq!(compare(&case), Err("step 1: element 0 is 0e0, expected 1e-11".into()));
    case["after"] = json!([]);
    assert_eq!(compare(&case), Err("1 gradients and 0 values after them".into()));

    let mut case = small_schedule();
    case["lr"][1] = json!(0.5 + 1e-11);
    assert_eq!(compare(&case), Err("element 1 is 5e-1, expected 5.0000000001e-1".into()));
    case["lr"] = json!([]);
    assert_eq!(compare(&case), Err("lr has no steps".into()));
}

#[test]
fn a_parameter_may_have_any_shape() {
    for (shape, len) in [(json!([]), 1), (json!([0]), 0), (json!([2, 0, 3]), 0), (json!([1, 2, 3]), 6)] {
        let tensor = |x: f64| json!({"shape": shape, "data": vec![x; len]});
        let mut case = small_case();
        case["start"] = tensor(1.0);
        (case["grads"], case["after"]) = (json!([tensor(2.0)]), json!([tensor(0.0)]));
        assert_eq!(compare(&case), Ok(()), "{shape}");
    }
}

#[test]
#[should_panic(expected = r#""optimizer" "lion" {"lr":0.5}: the optimizer is unknown here"#)]
fn a_failing_case_is_named() {
    let mut case = small_case();
    case["name"] = json!("lion");
    golden::check(&case);
}
