//! A folder of MNIST's four files is found under each of their names, and what is missing or wrong
//! is named.

use std::fs;
use std::path::Path;
use wengert_datasets::{DatasetError, Mnist};

fn write(path: impl AsRef<Path>, dims: &[u32], element: u8) {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|n| file.extend(n.to_be_bytes()));
    let count: u32 = dims.iter().product();
    file.resize(file.len() + count as usize, element);
    fs::write(path, file).unwrap();
}

/// The four files, their names ending as `images` and `labels` say.
fn folder(images: &str, labels: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (stem, count) in [("train", 4), ("t10k", 2)] {
        write(folder.path().join(format!("{stem}-images{images}")), &[count, 28, 28], 255);
        write(folder.path().join(format!("{stem}-labels{labels}")), &[count], 9);
    }
    folder
}

#[test]
fn every_usual_name_is_found() {
    for (images, labels) in [
        ("-idx3-ubyte", "-idx1-ubyte"),
        ("-idx3-ubyte.gz", "-idx1-ubyte.gz"),
        (".idx3-ubyte", ".idx1-ubyte"),
        (".idx3-ubyte.gz", ".idx1-ubyte.gz"),
    ] {
        let folder = folder(images, labels);
        let mnist = Mnist::load(folder.path()).unwrap_or_else(|e| panic!("{images}: {e}"));
        assert_eq!((mnist.train.len(), mnist.test.len()), (4, 2));
        assert_eq!((mnist.train.height(), mnist.train.width(), mnist.train.classes()), (28, 28, 10));
        assert_eq!((mnist.test.label(1), mnist.test.image(1)[783]), (9, 255));
    }
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mnist");
    let error = Mnist::load(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: no such folder; expected one with the four files of MNIST, plain or .gz",
            path.display()
        )
    );
}

#[test]
fn a_missing_file_is_named_with_all_that_would_do() {
    let folder = folder("-idx3-ubyte", "-idx1-ubyte");
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = Mnist::load(folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: t10k-labels-idx1-ubyte is missing; looked for t10k-labels-idx1-ubyte, \
             t10k-labels-idx1-ubyte.gz, t10k-labels.idx1-ubyte, t10k-labels.idx1-ubyte.gz",
            folder.path().display()
        )
    );
}

#[test]
fn images_of_another_size_are_refused() {
    let folder = folder("-idx3-ubyte", "-idx1-ubyte");
    let path = folder.path().join("t10k-images-idx3-ubyte");
    write(&path, &[2, 32, 28], 0);
    let error = Mnist::load(folder.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: images of 32x28 pixels, expected 28x28", path.display()));
}

#[test]
fn a_label_above_nine_is_refused() {
    let folder = folder("-idx3-ubyte", "-idx1-ubyte");
    let path = folder.path().join("train-labels-idx1-ubyte");
    write(&path, &[4], 26);
    let error = Mnist::load(folder.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: label 0 is 26, expected 0 to 9", path.display()));
    assert!(matches!(error, DatasetError::Label { index: 0, label: 26, classes: 10, .. }));
}

#[test]
fn an_error_can_be_sent_to_another_thread() {
    fn check<T: Send + Sync + 'static>() {}
    check::<DatasetError>();
    check::<Mnist>();
}
