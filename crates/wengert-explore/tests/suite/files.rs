//! Traces as files: what is written is read, to the bit; what is no trace is refused, with its place.

use std::path::Path;
use wengert::trace::{Dtype, Shown, Trace, TraceOptions};
use wengert::{GradientTape, Tensor};
use wengert_explore::json::{from_json, read, read_from, to_json, write};

fn bits(trace: &Trace) -> Vec<u64> {
    let data = trace.data();
    let nodes = data.nodes.iter().flat_map(|node| [Some(&node.value), node.adjoint.as_ref()]);
    let edges = data.sweep.iter().flat_map(|visit| &visit.edges);
    let edges = edges.flat_map(|edge| [&edge.local, &edge.raw, &edge.delta, &edge.after].map(Option::as_ref));
    // NaN is NaN: which of them is not kept.
    let bits = |x: &f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
    nodes
        .chain(edges)
        .flatten()
        .filter_map(Shown::tensor)
        .flat_map(|x| x.to_vec())
        .map(|x| bits(&x))
        .collect()
}

fn wrong(text: &str) -> String {
    from_json(text).expect_err(text).to_string()
}

#[test]
fn what_is_written_is_read_to_the_bit() {
    let odd =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX, 0.1, 1.0 / 3.0, 123456789.123];
    let tape = GradientTape::<f64>::new();
    let x = tape.var(Tensor::from_vec(odd.to_vec(), &[3, 3]).unwrap());
    let trace = tape.trace((x * 0.3).sum()).unwrap();
    let again = from_json(&to_json(&trace)).unwrap();
    assert_eq!(bits(&again), bits(&trace));
    assert_eq!(to_json(&again), to_json(&trace));
    for text in ["\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "-0.0", "5e-324"] {
        assert!(to_json(&trace).contains(text), "{text}");
    }

    let tape = GradientTape::<f32>::new();
    let x = tape.var(Tensor::from_vec(odd.map(|x| x as f32).to_vec(), &[9]).unwrap());
    let trace = tape.trace(x.sin().sum()).unwrap();
    let again = from_json(&to_json(&trace)).unwrap();
    assert_eq!((again.data().dtype, bits(&again)), (Dtype::F32, bits(&trace)));
}

#[test]
fn random_numbers_are_read_to_the_bit() {
    use wengert::rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let numbers: Vec<f64> = (0..3000).map(|_| f64::from_bits(rng.random())).collect();
    let tape = GradientTape::<f64>::new();
    let trace = tape.trace(tape.var(Tensor::from_vec(numbers, &[3000]).unwrap()).sum()).unwrap();
    assert_eq!(bits(&from_json(&to_json(&trace)).unwrap()), bits(&trace));
}

#[test]
fn all_that_is_recorded_is_written() {
    for trace in [crate::common::network(), crate::common::dead_ends(), crate::common::division_by_zero()] {
        let again = from_json(&to_json(&trace)).unwrap();
        assert_eq!(to_json(&again), to_json(&trace));
        assert_eq!(again.events(), trace.events());
    }
    let tape = GradientTape::<f64>::new();
    let trace = tape.trace_with(tape.var(Tensor::ones(&[5, 5])).sum(), TraceOptions::summary()).unwrap();
    let again = from_json(&to_json(&trace)).unwrap();
    assert_eq!(again.data(), trace.data());
    assert!(matches!(again.nodes()[0].value, Shown::Shortened(_)));
}

#[test]
fn unknown_fields_are_ignored() {
    let text = to_json(&crate::common::network()).replacen(
        "{\"format\"",
        "{\"later\": [1, {\"a\": 2}], \"format\"",
        1,
    );
    assert!(from_json(&text).is_ok());
}

#[test]
fn what_is_no_trace_is_refused_with_its_place() {
    let good = to_json(&crate::common::network());
    let cases = [
        ("", "line 1, column 0: it ends too early"),
        ("{\n  \"format\": \"wengert.trace/1\",\n  oops\n}", "line 3, column 3"),
        ("[1, 2", "line 1"),
        ("not json", "this is no JSON"),
        ("{}", "missing field `format`"),
        ("{\"format\": 1}", "at format: invalid type: integer `1`, expected a string"),
    ];
    for (text, part) in cases {
        assert!(wrong(text).contains(part), "{text}: {}", wrong(text));
    }
    let changes = [
        ("wengert.trace/1", "wengert.trace/2", "this version reads \"wengert.trace/1\""),
        ("\"dtype\":\"f64\"", "\"dtype\":\"f16\"", "unknown variant `f16`, expected `f32` or `f64`"),
        ("\"shape\":[1,2]", "\"shape\":[1,3]", "the value of %0 has shape [1, 2], not [1, 3]"),
        ("\"shape\":[1,2],\"data\"", "\"shape\":[1,3],\"data\"", "at nodes[0].value"),
        ("\"inputs\":[0,1]", "\"inputs\":[0,99]", "%3 uses %99, which is not before it"),
        ("\"data\":[1.0,2.0]", "\"data\":[1.0,\"two\"]", "expected a number, or one of \"NaN\""),
        ("\"data\":[1.0,2.0]", "\"data\":[1.0,[2.0]]", "at nodes[0].value.data[1]"),
        ("\"skip\":\"constant\"", "\"skip\":\"lazy\"", "unknown variant `lazy`"),
    ];
    for (from, to, part) in changes {
        assert!(good.contains(from), "{from} is not in the trace");
        let text = good.replacen(from, to, 1);
        assert!(wrong(&text).contains(part), "{to}: {}", wrong(&text));
    }
    assert!(wrong(&good.replace("\"nodes\":[", "\"nodes\":[],\"old\":[")).contains("no nodes"));
    assert!(wrong(&(good.clone() + "{}")).contains("trailing"));
    assert!(wrong(&good[..good.len() / 2]).contains("cut off"));
    // Depth costs no stack: what is not known is skipped, what is known is not deep.
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    assert!(from_json(&good.replacen('{', &format!("{{\"later\":{open}{close},"), 1)).is_ok());
    assert!(wrong(&format!("{{\"later\":{open}")).contains("cut off"));
    let deep = good.replacen("\"data\":[1.0,2.0]", &format!("\"data\":{open}{close}"), 1);
    assert!(wrong(&deep).contains("expected a number"), "{}", wrong(&deep));
}

#[test]
fn a_tensor_is_whole_or_shortened() {
    let good = to_json(&crate::common::network());
    let both = good.replacen("\"data\":[1.0,2.0]", "\"data\":[1.0,2.0],\"shortened\":true", 1);
    assert!(wrong(&both).contains("not both"), "{}", wrong(&both));
    let neither = good.replacen(",\"data\":[1.0,2.0]", "", 1);
    assert!(wrong(&neither).contains("missing field `data`"), "{}", wrong(&neither));
    let some = good.replacen("\"data\":[1.0,2.0]", "\"shortened\":true,\"first\":[]", 1);
    assert!(wrong(&some).contains("missing field `min`"), "{}", wrong(&some));
}

#[test]
fn files_are_named_in_what_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("trace.json");
    let error = read(&path).unwrap_err().to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");

    write(&crate::common::network(), &path).unwrap();
    assert_eq!(read(&path).unwrap().nodes().len(), crate::common::network().nodes().len());
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);

    std::fs::write(&path, "{").unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("trace.json: line 1"), "{error}");

    let error = write(&crate::common::network(), place.path().join("missing").join("trace.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing"), "{error}");
    assert!(read(place.path()).is_err(), "a folder is no trace");
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("large.json");
    // Without blocks on disk.
    std::fs::File::create(&path).unwrap().set_len(512_000_001).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("512000001 bytes are more than the 512000000"), "{error}");
    assert!(error.contains("TraceOptions::summary"), "{error}");
}

#[test]
fn what_is_no_text_is_refused() {
    let error = read_from(&b"{\"format\": \"\xff\xfe\"}"[..], "standard input").unwrap_err().to_string();
    assert!(error.starts_with("standard input: line 1"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_keeps_its_file() {
    let place = tempfile::tempdir().unwrap();
    let (path, link) = (place.path().join("a.json"), place.path().join("b.json"));
    std::fs::write(&path, "old").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    write(&crate::common::network(), &link).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(read(&path).is_ok());
    write(&crate::common::network(), Path::new("/dev/null")).unwrap();
    assert!(std::fs::metadata("/dev/null").is_ok_and(|meta| !meta.is_file()));
}
