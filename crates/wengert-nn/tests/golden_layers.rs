//! Layers, against numbers made by PyTorch: outputs, gradients of inputs and parameters, and running
//! statistics.
//!
//! `WENGERT_GOLDEN_LAYERS` names a file of cases, one JSON object a line; without it this reads its own
//! gzipped copy. What a case is, `common/golden_layers.rs` says. No case is ever skipped.

#[path = "common/golden_layers.rs"]
mod golden_layers;

use flate2::read::GzDecoder;
use golden_layers::compare;
use serde_json::{Value, json};
use std::io::Read;

fn cases() -> String {
    let mut text = String::new();
    match std::env::var_os("WENGERT_GOLDEN_LAYERS") {
        Some(path) => {
            text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        None => {
            let packed = &include_bytes!("data/pytorch_layers.jsonl.gz")[..];
            GzDecoder::new(packed).read_to_string(&mut text).expect("the file is gzipped text");
        }
    }
    text
}

#[test]
fn layers_agree_with_pytorch() {
    let mut count = 0;
    for (i, line) in cases().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", i + 1));
        if let Err(e) = compare(&case) {
            panic!("line {}: {} {}: {e}", i + 1, case["name"], case["attrs"]);
        }
        count += 1;
    }
    assert!(count > 0, "the file has no layer");
    println!("golden: {count} layers, 0 skipped");
}

/// y = 2·x + 1 at 3.
fn small_case() -> Value {
    let tensor = |shape: &[usize], x: f64| json!({"shape": shape, "data": [x]});
    json!({"kind": "layer", "name": "linear", "attrs": {}, "state_before": {}, "state_after": {},
           "params": {"weight": tensor(&[1, 1], 2.0), "bias": tensor(&[1], 1.0)},
           "input": [tensor(&[1, 1], 3.0)], "output": tensor(&[1, 1], 7.0),
           "cotangent": tensor(&[1, 1], 1.0), "grad_input": [tensor(&[1, 1], 2.0)],
           "grad_params": {"weight": tensor(&[1, 1], 3.0), "bias": tensor(&[1], 1.0)}})
}

#[test]
fn the_comparison_fails_on_what_it_does_not_know() {
    assert_eq!(compare(&small_case()), Ok(()));

    let mut case = small_case();
    case["attrs"]["device"] = json!("cpu");
    let e = compare(&case).unwrap_err();
    assert!(e.starts_with("attributes that are unknown here: ") && e.contains("device"), "{e}");

    let mut case = small_case();
    case["name"] = json!("maxout");
    assert_eq!(compare(&case), Err("the layer is unknown here".into()));

    let mut case = small_case();
    case["kind"] = json!("sampler");
    assert_eq!(compare(&case), Err("the kind is unknown here".into()));

    let mut case = small_case();
    case["params"]["scale"] = case["params"]["bias"].clone();
    assert_eq!(compare(&case), Err("the layer has no parameter scale".into()));

    let mut case = small_case();
    case["grad_params"].as_object_mut().unwrap().remove("bias");
    assert_eq!(compare(&case), Err("grad_params lacks bias".into()));
}

#[test]
fn the_comparison_fails_on_a_wrong_value() {
    for (place, what) in [
        ("/output", "output"),
        ("/grad_input/0", "gradient of input 0"),
        ("/grad_params/weight", "gradient of weight"),
    ] {
        let mut case = small_case();
        let number = case.pointer_mut(&format!("{place}/data/0")).unwrap();
        *number = json!(number.as_f64().unwrap() + 1e-8);
        let e = compare(&case).unwrap_err();
        assert!(e.starts_with(&format!("{what}: element 0 is ")), "{e}");
    }
    let mut case = small_case();
    case["output"]["shape"] = json!([1]);
    assert_eq!(compare(&case), Err("output: shape [1, 1], expected [1]".into()));
}
