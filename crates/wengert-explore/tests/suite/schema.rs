//! `docs/trace.schema.json` against traces as they are written: they are valid, and have no field that the
//! schema does not name.
//!
//! The keywords that the schema uses are few, and one that is not known here fails the test. Python's `jsonschema`, where
//! it is installed, says the same independently.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use wengert::trace::TraceOptions;
use wengert::{GradientTape, Tensor, tensor};
use wengert_explore::json::to_json;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/trace.schema.json")
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

/// What is wrong with `value` at `place`: strictly, for no other fields are allowed than those that are named.
fn wrong(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut all = Vec::new();
    let object = schema.as_object().expect("a schema is an object");
    for (keyword, what) in object {
        let fits = match keyword.as_str() {
            "$schema"
            | "$defs"
            | "title"
            | "description"
            | "minItems"
            | "minimum"
            | "properties"
            | "additionalProperties" => true,
            "$ref" => {
                let name = what.as_str().unwrap().strip_prefix("#/$defs/").expect("a definition");
                all.extend(wrong(root, &root["$defs"][name], value, place));
                true
            }
            "type" => match what.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "null" => value.is_null(),
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64(),
                other => panic!("{other} is not known here"),
            },
            "const" => what == value,
            "enum" => what.as_array().unwrap().contains(value),
            "oneOf" => {
                let choices = what.as_array().unwrap();
                choices.iter().filter(|choice| wrong(root, choice, value, place).is_empty()).count() == 1
            }
            "required" => {
                let missing = what
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|name| value.get(name.as_str().unwrap()).is_none());
                all.extend(missing.map(|name| format!("{place} has no {name}")));
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                all.extend(items.flat_map(|(i, item)| wrong(root, what, item, &format!("{place}[{i}]"))));
                true
            }
            other => panic!("the keyword {other} is not known here"),
        };
        if !fits {
            all.push(format!("{place} is {value}, against {keyword}: {what}"));
        }
    }
    if let (Some(limit), Some(x)) = (object.get("minimum"), value.as_f64())
        && x < limit.as_f64().unwrap()
    {
        all.push(format!("{place} is {x}"));
    }
    if let (Some(limit), Some(list)) = (object.get("minItems"), value.as_array())
        && (list.len() as u64) < limit.as_u64().unwrap()
    {
        all.push(format!("{place} has {} items", list.len()));
    }
    if object.contains_key("properties") || object.contains_key("additionalProperties") {
        for (name, inner) in value.as_object().into_iter().flatten() {
            let place = format!("{place}.{name}");
            match object
                .get("properties")
                .and_then(|known| known.get(name))
                .or(object.get("additionalProperties"))
            {
                Some(known) => all.extend(wrong(root, known, inner, &place)),
                None => all.push(format!("{place} is not in the schema")),
            }
        }
    }
    all
}

/// One of each kind: broadcasting, fused sums, shortened tensors, numbers that are not finite, indices, `f32`.
fn traces() -> Vec<String> {
    let tape = GradientTape::<f32>::new();
    let (x, w, b) = (
        tape.var(tensor![[0.1, 0.2]]),
        tape.var(tensor![[0.5, 0.5], [1.0, 2.0]]),
        tape.var(tensor![0.1, 0.2]),
    );
    let loss = x.linear(w, b).cross_entropy(&Tensor::from_vec(vec![1], &[1]).unwrap());
    let [full, teaching, summary] = [TraceOptions::new(), TraceOptions::teaching(), TraceOptions::summary()]
        .map(|options| to_json(&tape.trace_with(loss, options).unwrap()));
    let wide = GradientTape::<f64>::new();
    let x = wide.var(Tensor::ones(&[100]));
    let small = wide.trace_with((x * x + f64::INFINITY).sum(), TraceOptions::capped(64)).unwrap();
    let mut checked = crate::common::network().data().clone();
    checked.nodes[3].check = crate::common::network().verify().checks.pop().map(|(_, check)| check);
    let others = [crate::common::network(), crate::common::dead_ends(), crate::common::division_by_zero()];
    let mut all = vec![full, teaching, summary, to_json(&small), serde_json::to_string(&checked).unwrap()];
    all.extend(others.iter().map(|trace| to_json(trace)));
    all
}

#[test]
fn traces_are_as_the_schema_says() {
    let schema = schema();
    for text in traces() {
        let trace: Value = serde_json::from_str(&text).unwrap();
        let wrong = wrong(&schema, &schema, &trace, "trace");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn the_schema_tells_what_is_wrong() {
    let (schema, good) = (schema(), to_json(&crate::common::network()));
    for (from, to) in [
        ("wengert.trace/1", "wengert.trace/2"),
        ("\"f64\"", "\"f16\""),
        ("\"wants\":", "\"wish\":"),
        ("\"inputs\":[0,1]", "\"inputs\":[0,-1]"),
        ("\"data\":[1.0,2.0]", "\"data\":[1.0,\"two\"]"),
        ("\"data\":[1.0,2.0]", "\"data\":[1.0,2.0],\"shortened\":true,\"min\":0"),
        ("\"skip\":\"constant\"", "\"skip\":\"lazy\""),
    ] {
        assert!(good.contains(from), "{from}");
        let trace: Value = serde_json::from_str(&good.replacen(from, to, 1)).unwrap();
        assert!(!wrong(&schema, &schema, &trace, "trace").is_empty(), "{to} is found right");
    }
}

/// The other way round: each field of the schema is one that is written, so that none is misspelt.
#[test]
fn every_field_of_the_schema_is_written() {
    let all = traces().concat();
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for name in definitions
        .filter_map(|one| one.get("properties"))
        .flat_map(|fields| fields.as_object().unwrap().keys())
    {
        assert!(all.contains(&format!("\"{name}\":")), "{name} is written nowhere");
    }
}

#[test]
fn pythons_jsonschema_agrees() {
    let known = Command::new("python3").args(["-W", "ignore", "-c", "import jsonschema"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: needs Python's jsonschema");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut paths = vec![path()];
    for (i, text) in traces().into_iter().enumerate() {
        paths.push(place.path().join(format!("{i}.json")));
        std::fs::write(&paths[i + 1], text).unwrap();
    }
    let program = "import json, sys, jsonschema\nschema, *traces = (json.load(open(path)) for path in sys.argv[1:])\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        for trace in traces: jsonschema.Draft202012Validator(schema).validate(trace)";
    let output = Command::new("python3").args(["-W", "ignore", "-c", program]).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
