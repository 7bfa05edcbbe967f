//! Files of weights that Python reads and writes, with the libraries that define their formats.

use crate::common::weights;
use std::path::Path;
use std::process::Command;
use wengert_nn::checkpoint::Precision;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

/// A model with the numbers that `.ci/safetensors.py` knows too.
fn known<T: Float>() -> (Dense<T>, BatchNorm1d<T>) {
    let mut model = (Dense::new(3, 2, &mut seeded(0)), BatchNorm1d::new(2));
    model.visit_mut(&wengert_nn::Path::root(), &mut |path, parameter| {
        let ramp = |n: usize, start: f64| (0..n).map(|i| i as f64 / 4.0 + start).collect();
        let numbers: Vec<f64> = match path.to_string().as_str() {
            "0.weight" => ramp(6, -1.0),
            "0.bias" => ramp(2, 2.0),
            "1.weight" => vec![1.0; 2],
            "1.bias" => vec![0.0; 2],
            "1.running_mean" => vec![0.5, -8.0],
            "1.running_var" => vec![2.0, 0.125],
            "1.num_batches_tracked" => vec![12.0],
            name => panic!("{name} is new"),
        };
        let numbers = numbers.into_iter().map(|x| T::from(x).expect("few bits")).collect();
        parameter.replace(Tensor::from_vec(numbers, parameter.value().shape()).unwrap());
    });
    model
}

#[track_caller]
fn check<T: Float>(path: &Path) {
    let mut model = (Dense::<T>::new(3, 2, &mut seeded(9)), BatchNorm1d::new(2));
    model.load(path).unwrap();
    assert_eq!(weights(&model), weights(&known::<T>()), "{}", path.display());
}

/// `WENGERT_PYTHON` names the interpreter; `python3` by default. Without the packages it is skipped,
/// but not with `CI` in the environment.
#[test]
fn python_reads_what_is_written_and_writes_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let precisions = [
        ("f16", Precision::F16),
        ("bf16", Precision::Bf16),
        ("f32", Precision::F32),
        ("f64", Precision::F64),
    ];
    for (name, precision) in precisions {
        let options = SaveOptions::new().precision(precision).metadata("author", "wengert");
        known::<f32>().save_with(path(format!("ours-{name}.safetensors")), &options).unwrap();
        if cfg!(feature = "npz") && name != "bf16" {
            known::<f64>().save_with(path(format!("ours-{name}.npz")), &options).unwrap();
        }
    }
    let mut model = Sequential::<f32>::new().layer(known().0).layer(known().1);
    let mut optimizer = Adam::new(0.0);
    let x = Tensor::randn(&[4, 3], &mut seeded(1));
    let tape = GradientTape::new();
    tape.set_training(false);
    let grads = model.forward(tape.constant(x)).square().sum().backward();
    optimizer.step(&mut model, &grads).unwrap();
    let mut state = wengert_nn::State::new("training");
    state.insert("optimizer", optimizer.state(&model));
    Checkpoint::new(&model, state).save(path("training.safetensors".into())).unwrap();

    let python = std::env::var("WENGERT_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/safetensors.py");
    let output = Command::new(&python).arg(&script).arg(folder.path()).output();
    let Some(output) = output.ok().filter(|output| script.exists() && output.status.code() != Some(3)) else {
        assert!(std::env::var_os("CI").is_none(), "{python} lacks safetensors, numpy or ml_dtypes");
        return eprintln!("skipped: needs safetensors for Python");
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    for (name, _) in precisions {
        check::<f32>(&path(format!("theirs-{name}.safetensors")));
        check::<f64>(&path(format!("theirs-{name}.safetensors")));
        if cfg!(feature = "npz") && name != "bf16" {
            check::<f32>(&path(format!("theirs-{name}.npz")));
        }
    }
}
