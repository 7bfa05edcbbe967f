//! Files of weights: what is written is read, by us and by others; and what does not fit is named,
//! with nothing changed.

use crate::common::{rewrite, weights};
use wengert_nn::checkpoint::{CheckpointError, Misfit, Precision};
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

/// One of each: matrices, vectors, running statistics with their count.
#[derive(Module)]
struct Model<T: Float = f32> {
    conv: Conv2d<T>,
    norm: BatchNorm2d<T>,
    out: Dense<T>,
}

fn model<T: Float>(seed: u64) -> Model<T> {
    let mut rng = seeded(seed);
    let mut model = Model {
        conv: Conv2d::new(1, 2, 3, &mut rng),
        norm: BatchNorm2d::new(2),
        out: Dense::new(2, 3, &mut rng),
    };
    model.visit_mut(&wengert_nn::Path::root(), &mut |path, parameter| {
        if path.to_string() == "norm.num_batches_tracked" {
            parameter.replace(Tensor::scalar(T::from(seed).expect("a small number")));
        }
    });
    model
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

#[test]
fn what_is_saved_is_loaded_to_the_bit() {
    fn check<T: Float>(name: &str) {
        let folder = folder();
        let path = folder.path().join("new").join(name);
        let (saved, mut loaded) = (model::<T>(7), model::<T>(8));
        saved.save(&path).unwrap();
        assert_ne!(weights(&loaded), weights(&saved));
        loaded.load(&path).unwrap();
        assert_eq!(weights(&loaded), weights(&saved));
        let names: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left beside it");
    }
    for name in ["w.safetensors", "w.npz", "W.SafeTensors"] {
        check::<f32>(name);
        check::<f64>(name);
    }
}

#[test]
fn equal_weights_are_equal_files() {
    let folder = folder();
    for name in ["safetensors", "npz"] {
        let [a, b] = ["a", "b"].map(|file| folder.path().join(file).with_extension(name));
        let options = SaveOptions::new().metadata("one", "1").metadata("two", "2");
        model::<f32>(7).save_with(&a, &options).unwrap();
        model::<f32>(7).save_with(&b, &options).unwrap();
        assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    }
}

#[test]
fn stored_precision_may_differ_from_the_models() {
    let value = tensor![1.0f64, 1.0 + 1.0 / 1024.0, 1.0 / 3.0, 65504.0, -0.0, f64::INFINITY];
    let parameter = [Parameter::new(value)];
    // By the definitions: 11, 8 and 24 bits, ties to even.
    let cases: [(Precision, [f64; 3]); 4] = [
        (Precision::F16, [1.0 + 1.0 / 1024.0, 0.333251953125, 65504.0]),
        (Precision::Bf16, [1.0, 0.333984375, 65536.0]),
        (Precision::F32, [1.0 + 1.0 / 1024.0, f64::from(1f32 / 3.0), 65504.0]),
        (Precision::F64, [1.0 + 1.0 / 1024.0, 1.0 / 3.0, 65504.0]),
    ];
    for (precision, [second, third, fourth]) in cases {
        let bytes = parameter.to_safetensors(&SaveOptions::new().precision(precision));
        let expected = [1.0, second, third, fourth, -0.0, f64::INFINITY];
        let mut double = [Parameter::new(Tensor::<f64>::zeros(&[6]))];
        double.load_safetensors(&bytes, &LoadOptions::new()).unwrap();
        assert_eq!(double[0].value().as_slice(), expected, "{precision:?}");
        assert!(double[0].value().as_slice()[4].is_sign_negative());
        let mut single = [Parameter::new(Tensor::<f32>::zeros(&[6]))];
        single.load_safetensors(&bytes, &LoadOptions::new()).unwrap();
        assert_eq!(single[0].value().as_slice(), expected.map(|x| x as f32), "{precision:?}");
    }
    let folder = folder();
    let path = folder.path().join("half.npz");
    model::<f32>(1).save_with(&path, &SaveOptions::new().precision(Precision::F16)).unwrap();
    model::<f64>(2).load(&path).unwrap();
    let error = model::<f32>(1).save_with(&path, &SaveOptions::new().precision(Precision::Bf16));
    let error = error.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "half.npz: npz has no type for BF16; expected F16, F32 or F64, or a .safetensors file"
        ),
        "{error}"
    );
}

#[test]
fn names_may_gain_and_lose_a_prefix() {
    let (whole, mut out) = (model::<f32>(7), Dense::<f32>::new(2, 3, &mut seeded(0)));
    let bytes = whole.to_safetensors(&SaveOptions::new().prefix("module."));
    let options = LoadOptions::new().strip_prefix("module.out.").allow_unexpected();
    let loaded = out.load_safetensors(&bytes, &options).unwrap();
    assert_eq!(out.weight().value(), whole.out.weight().value());
    assert_eq!((loaded.missing.len(), loaded.unexpected.len()), (0, 7));
    assert_eq!(loaded.unexpected[0], "module.conv.bias");

    let mut other = model::<f32>(8);
    let bytes = out.to_safetensors(&SaveOptions::new().metadata("author", "somebody"));
    let options = LoadOptions::new().add_prefix("out.").allow_missing();
    let loaded = other.load_safetensors(&bytes, &options).unwrap();
    assert_eq!(other.out.weight().value(), whole.out.weight().value());
    assert_eq!(loaded.missing[0], "conv.weight");
    let texts: Vec<_> = loaded.metadata.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    assert_eq!(texts, [("author", "somebody"), ("format", "pt")]);
}

/// Loads `bytes` into a model, which must refuse them and stay as it is.
#[track_caller]
fn refused(bytes: &[u8], options: &LoadOptions) -> CheckpointError {
    let mut model = model::<f32>(8);
    let before = weights(&model);
    let error = model.load_safetensors(bytes, options).expect_err("it does not fit");
    assert_eq!(weights(&model), before);
    error
}

#[test]
fn everything_that_does_not_fit_is_named_at_once() {
    #[derive(Module)]
    struct Other {
        conv: Conv2d,
        out: Dense,
        extra: Parameter,
    }
    let rng = &mut seeded(0);
    let other = Other {
        conv: Conv2d::new(1, 2, 3, rng),
        out: Dense::new(2, 4, rng),
        extra: Parameter::new(tensor![1.0, 2.0]),
    };
    let error = refused(&other.to_safetensors(&SaveOptions::new()), &LoadOptions::new());
    let CheckpointError::Misfits { misfits, hint, .. } = &error else { panic!("{error}") };
    assert_eq!(*hint, None);
    let (name, expected, found) = ("out.weight".into(), vec![3, 2], vec![4, 2]);
    assert_eq!(misfits[0], Misfit::Shape { name, expected, found });
    assert_eq!(
        error.to_string(),
        "<bytes>: does not fit the model: `out.weight` has shape [4, 2], expected [3, 2]; \
         `out.bias` has shape [4], expected [3]; `norm.weight` of shape [2] is missing; \
         `norm.bias` of shape [2] is missing; `norm.running_mean` of shape [2] is missing; \
         `norm.running_var` of shape [2] is missing; `norm.num_batches_tracked` of shape [] is missing; \
         `extra` of shape [2] belongs to no parameter"
    );
    // What is allowed is not named, but what is misshapen always is.
    let error = refused(
        &other.to_safetensors(&SaveOptions::new()),
        &LoadOptions::new().allow_missing().allow_unexpected(),
    );
    assert!(error.to_string().ends_with("`out.bias` has shape [4], expected [3]"), "{error}");
}

#[test]
fn a_prefix_too_many_or_too_few_is_seen() {
    let bytes = model::<f32>(1).to_safetensors(&SaveOptions::new().prefix("module."));
    let error = refused(&bytes, &LoadOptions::new()).to_string();
    assert!(error.ends_with("(the file's names begin with `module.`: strip_prefix(\"module.\"))"), "{error}");
    let bytes = Dense::<f32>::new(2, 3, &mut seeded(0)).to_safetensors(&SaveOptions::new());
    let error = refused(&bytes, &LoadOptions::new().allow_missing()).to_string();
    assert!(error.contains("`weight` of shape [3, 2] belongs to no parameter"), "{error}");
    assert!(error.ends_with("(the file's names lack `out.`: add_prefix(\"out.\"))"), "{error}");
}

/// A safetensors file of one tensor called `0`.
fn file(dtype: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header =
        format!(r#"{{"0":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, bytes.len());
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), bytes].concat()
}

#[test]
fn integers_are_no_weights() {
    let mut one = [Parameter::new(tensor![1.0f32])];
    for (dtype, size) in [("I64", 8), ("I32", 4), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1), ("C64", 8)] {
        let error = one.load_safetensors(&file(dtype, "[1]", &[0; 8][..size]), &LoadOptions::new());
        assert_eq!(
            error.unwrap_err().to_string(),
            format!(
                "<bytes>: does not fit the model: `0` is stored as {dtype}, expected F16, BF16, F32 or F64"
            )
        );
    }
    assert_eq!(one[0].value(), &tensor![1.0f32]);
}

#[test]
fn files_that_are_no_weights_say_what_they_are() {
    let load = |bytes: &[u8]| {
        let mut one = [Parameter::new(tensor![1.0f32])];
        one.load_safetensors(bytes, &LoadOptions::new()).expect_err("it is no such file").to_string()
    };
    let whole = file("F32", "[1]", &[0; 4]);
    assert_eq!(load(b""), "<bytes>: ends after 0 bytes, expected 8: it is not whole");
    let n = whole.len();
    assert_eq!(
        load(&whole[..n - 1]),
        format!("<bytes>: ends after {} bytes, expected {n}: it is not whole", n - 1)
    );
    assert_eq!(
        load(&whole[..9]),
        format!("<bytes>: ends after 9 bytes, expected {}: it is not whole", n - 4)
    );
    let of_format = "expected a safetensors file, which is the length of its header, the header and numbers";
    for bytes in [
        &b"PK\x03\x04 and so on and on"[..],
        b"<html>404</html>",
        &file("F33", "[1]", &[0; 4]),
        &file("F32", "[2]", &[0; 4]),
        &file("F32", "[18446744073709551615,8]", &[0; 4]),
        &[&whole[..], b"x"].concat(),
    ] {
        let error = load(bytes);
        assert!(error.starts_with("<bytes>: ") && error.ends_with(of_format), "{error}");
    }

    let folder = folder();
    let mut model = model::<f32>(1);
    let path = folder.path().join("missing.safetensors");
    let error = model.load(&path).unwrap_err();
    assert!(matches!(&error, CheckpointError::Io { what: "read it", .. }), "{error}");
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    for name in ["w.pt", "w", "safetensors"] {
        let error = model.save(folder.path().join(name)).unwrap_err().to_string();
        assert!(error.ends_with("the name must end in .safetensors or .npz"), "{error}");
    }
}

/// Every cut and every flipped bit of a file: an error or weights, never a panic, and never a part.
#[test]
fn damaged_files_are_no_reason_to_panic() {
    let folder = folder();
    for ending in ["safetensors", "npz"] {
        let path = folder.path().join("w").with_extension(ending);
        let saved = Dense::<f32>::new(2, 3, &mut seeded(1));
        saved.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut model = Dense::<f32>::new(2, 3, &mut seeded(2));
        let before = weights(&model);
        for end in 0..whole.len() {
            rewrite(&path, &whole[..end]);
            let error = model.load(&path).expect_err("a part is not the whole").to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
            assert_eq!(weights(&model), before);
        }
        for i in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[i / 8] ^= 1 << (i % 8);
            rewrite(&path, &bytes);
            let mut model = Dense::<f32>::new(2, 3, &mut seeded(2));
            if model.load(&path).is_err() {
                assert_eq!(weights(&model), before);
            }
        }
    }
}

/// What `numpy.savez_compressed(path, weight=numpy.asfortranarray(w), bias=b)` writes, in effect.
#[test]
fn arrays_by_columns_and_compressed_ones_are_read() {
    use std::io::Write;
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};
    let npy = |text: &str, numbers: &[f64]| {
        let numbers: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        [b"\x93NUMPY\x02\x00", &(text.len() as u32).to_le_bytes()[..], text.as_bytes(), &numbers].concat()
    };
    let folder = folder();
    let path = folder.path().join("w.npz");
    let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive.start_file("weight.npy", options).unwrap();
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n";
    archive.write_all(&npy(header, &[1., 4., 2., 5., 3., 6.])).unwrap();
    archive.start_file("bias.npy", options).unwrap();
    archive
        .write_all(&npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", &[7., 8.]))
        .unwrap();
    archive.finish().unwrap();
    let mut layer: Dense = Dense::new(3, 2, &mut seeded(0));
    layer.load(&path).unwrap();
    assert_eq!(layer.weight().value(), &tensor![[1., 2., 3.], [4., 5., 6.]]);
}
