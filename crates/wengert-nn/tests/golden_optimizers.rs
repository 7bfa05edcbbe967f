//! Trajectories of optimizers, against numbers made by PyTorch.
//!
//! `WENGERT_GOLDEN` names a file of cases, one JSON object a line; without it this reads its own
//! gzipped copy of the optimizers. `start`, `grads` and `after` are tensors
//! `{"shape": [..], "data": [..]}`: a parameter's first value, its gradient at each step and its
//! value after each step. Names, attributes and defaults are those of `torch.optim`.
//!
//! A name or an attribute that is not known here fails. Optimizers that are known and not in this
//! crate yet are on a list of their own, and are counted.

mod common;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use std::io::Read;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

/// In PyTorch, and not in this crate yet.
const NOT_IN_THIS_CRATE: &[&str] = &["adadelta", "adagrad", "adamax", "adamw", "nadam", "radam"];

/// The attributes of a case; each must be asked for.
struct Attrs(Map<String, Value>);

impl Attrs {
    fn number(&mut self, name: &str, default: f64) -> Result<f64, String> {
        let Some(value) = self.0.remove(name) else { return Ok(default) };
        value.as_f64().ok_or_else(|| format!("{name} is {value}, expected a number"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        let Some(value) = self.0.remove(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| format!("{name} is {value}, expected a flag"))
    }

    fn pair(&mut self, name: &str, default: (f64, f64)) -> Result<(f64, f64), String> {
        let Some(value) = self.0.remove(name) else { return Ok(default) };
        let wrong = || format!("{name} is {value}, expected two numbers");
        match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => a.as_f64().zip(b.as_f64()).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

/// The optimizer that `name` and its attributes stand for.
fn optimizer<T: Float>(name: &str, attrs: &mut Attrs) -> Result<Box<dyn Optimizer<T>>, String> {
    Ok(match name {
        "sgd" => {
            let sgd = Sgd::pytorch(attrs.number("lr", 1e-3)?)
                .momentum(attrs.number("momentum", 0.0)?)
                .dampening(attrs.number("dampening", 0.0)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(if attrs.flag("nesterov")? { sgd.nesterov() } else { sgd })
        }
        "adam" => {
            let (beta1, beta2) = attrs.pair("betas", (0.9, 0.999))?;
            let adam = Adam::pytorch(attrs.number("lr", 1e-3)?)
                .betas(beta1, beta2)
                .epsilon(attrs.number("eps", 1e-8)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(if attrs.flag("amsgrad")? { adam.amsgrad() } else { adam })
        }
        "rmsprop" => {
            let rmsprop = RmsProp::pytorch(attrs.number("lr", 1e-2)?)
                .rho(attrs.number("alpha", 0.99)?)
                .epsilon(attrs.number("eps", 1e-8)?)
                .momentum(attrs.number("momentum", 0.0)?);
            Box::new(if attrs.flag("centered")? { rmsprop.centered() } else { rmsprop })
        }
        _ => return Err("the optimizer is unknown here".into()),
    })
}

fn tensor(value: &Value) -> Option<Tensor<f64>> {
    let shape: Option<Vec<usize>> =
        value["shape"].as_array()?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect();
    let data: Option<Vec<f64>> = value["data"].as_array()?.iter().map(Value::as_f64).collect();
    Tensor::from_vec(data?, &shape?).ok()
}

fn tensors(case: &Value, name: &str) -> Result<Vec<Tensor<f64>>, String> {
    let all = case[name].as_array().and_then(|all| all.iter().map(tensor).collect());
    all.ok_or_else(|| format!("{name} is no list of tensors"))
}

/// Repeats a trajectory; each element must come within `tol` · max(1, largest |expected|).
fn replay<T: Float>(case: &Value, tol: f64) -> Result<(), String> {
    let name = case["name"].as_str().ok_or("name is no word")?;
    let mut attrs = Attrs(case["attrs"].as_object().ok_or("attrs is no object")?.clone());
    let mut optimizer = optimizer::<T>(name, &mut attrs)?;
    if !attrs.0.is_empty() {
        return Err(format!("attributes that are unknown here: {:?}", attrs.0));
    }
    let start = tensor(&case["start"]).ok_or("start is no tensor")?;
    let (grads, after) = (tensors(case, "grads")?, tensors(case, "after")?);
    if grads.is_empty() || grads.len() != after.len() {
        return Err(format!("{} gradients and {} values after them", grads.len(), after.len()));
    }
    let mut parameter = Parameter::new(start.cast::<T>());
    for (step, (gradient, expected)) in grads.iter().zip(&after).enumerate() {
        common::step(&mut *optimizer, &mut parameter, &gradient.cast());
        let found = parameter.value().cast::<f64>();
        if found.shape() != expected.shape() {
            return Err(format!("shape {} after step {}", expected.shape(), step + 1));
        }
        let largest = expected.as_slice().iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        for (i, (f, e)) in found.as_slice().iter().zip(expected.as_slice()).enumerate() {
            // Not `error > ..`: a NaN must fail.
            let close = (f - e).abs() <= tol * largest;
            if !close {
                return Err(format!("step {}: element {i} is {f:e}, expected {e:e}", step + 1));
            }
        }
    }
    Ok(())
}

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
fn optimizers_agree_with_pytorch() {
    let (mut count, mut missing, mut schedules) = (0, 0, 0);
    for (i, line) in cases().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", i + 1));
        match case["kind"].as_str() {
            Some("optimizer") => {}
            // The same file holds operations for the core, which tests them.
            Some("op") => continue,
            // No schedule is in this crate yet.
            Some("schedule") => {
                schedules += 1;
                continue;
            }
            kind => panic!("line {}: kind {kind:?} is unknown here", i + 1),
        }
        if case["name"].as_str().is_some_and(|name| NOT_IN_THIS_CRATE.contains(&name)) {
            missing += 1;
            continue;
        }
        let what = format!("line {}: {} {}", i + 1, case["name"], case["attrs"]);
        replay::<f64>(&case, 1e-12).unwrap_or_else(|e| panic!("{what}: {e}"));
        replay::<f32>(&case, 1e-5).unwrap_or_else(|e| panic!("{what} in f32: {e}"));
        count += 1;
    }
    assert!(count > 0, "the file has no case of an optimizer that is in this crate");
    println!("golden: {count} optimizers, {missing} not in this crate");
    if schedules > 0 {
        println!("golden: {schedules} schedules, all not in this crate");
    }
}

/// One step of PyTorch's SGD with a learning rate of 0.5: 1 - 0.5 · 2 = 0.
fn small_case() -> Value {
    let tensor = |x: f64| json!({"shape": [1], "data": [x]});
    json!({"kind": "optimizer", "name": "sgd", "attrs": {"lr": 0.5}, "start": tensor(1.0),
           "grads": [tensor(2.0)], "after": [tensor(0.0)]})
}

#[test]
fn the_comparison_fails_on_what_it_does_not_know() {
    assert_eq!(replay::<f64>(&small_case(), 1e-12), Ok(()));

    let mut case = small_case();
    case["attrs"]["maximize"] = json!(true);
    let e = replay::<f64>(&case, 1e-12).unwrap_err();
    assert!(e.starts_with("attributes that are unknown here: ") && e.contains("maximize"), "{e}");

    let mut case = small_case();
    case["name"] = json!("lion");
    assert_eq!(replay::<f64>(&case, 1e-12), Err("the optimizer is unknown here".into()));
}

#[test]
fn the_comparison_fails_on_a_wrong_value() {
    let mut case = small_case();
    case["after"][0]["data"][0] = json!(1e-11);
    let e = replay::<f64>(&case, 1e-12).unwrap_err();
    assert_eq!(e, "step 1: element 0 is 0e0, expected 1e-11");
    case["after"] = json!([]);
    assert_eq!(replay::<f64>(&case, 1e-12), Err("1 gradients and 0 values after them".into()));
}
