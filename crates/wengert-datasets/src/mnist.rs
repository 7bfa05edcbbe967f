//! MNIST, and the data sets that share its format: Fashion-MNIST, KMNIST, ...
//!
//! Nothing is downloaded: mirrors come and go, and a library that reads files is one that works
//! offline. Four files in a folder are found under the names in which they are published.

use crate::DatasetError;
use crate::image_dataset::ImageDataset;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const VARIABLE: &str = "MNIST_DIR";
const SIZE: [usize; 2] = [28, 28];
const CLASSES: usize = 10;

const TRAIN_IMAGES: FileName = FileName { stem: "train-images", axes: 3 };
const TRAIN_LABELS: FileName = FileName { stem: "train-labels", axes: 1 };
const TEST_IMAGES: FileName = FileName { stem: "t10k-images", axes: 3 };
const TEST_LABELS: FileName = FileName { stem: "t10k-labels", axes: 1 };

/// 60,000 images to train on and 10,000 to test with, 28x28 pixels in ten classes.
///
/// The data set is Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten
/// digits"; every data set with files of the same names, sizes and classes can be loaded too,
/// with any number of images.
///
/// ```no_run
/// use wengert_datasets::Mnist;
/// let mnist = Mnist::load("data/mnist")?;
/// let (train, val) = mnist.train.split_validation(0.1);
/// # Ok::<(), wengert_datasets::DatasetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mnist {
    /// What to train on.
    pub train: ImageDataset,
    /// What to test with.
    pub test: ImageDataset,
}

impl Mnist {
    /// Reads the four files of a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each perhaps with `.gz`, perhaps
    /// with a dot for the last dash but one (`train-images.idx3-ubyte`).
    ///
    /// MNIST takes 90 ms if compressed, and 55 MB of memory.
    ///
    /// # Errors
    /// The folder or one of its files is missing or is not what it should be: see
    /// [`DatasetError`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Mnist, DatasetError> {
        let folder = folder.as_ref();
        if !folder.is_dir() {
            return Err(DatasetError::MissingFolder { folder: folder.into() });
        }
        // All four are looked for before any is read, so that a missing one is reported at once.
        let train = [TRAIN_IMAGES.find(folder)?, TRAIN_LABELS.find(folder)?];
        let test = [TEST_IMAGES.find(folder)?, TEST_LABELS.find(folder)?];
        Ok(Mnist { train: load_part(train)?, test: load_part(test)? })
    }

    /// Reads the folder `explicit` if it is given, else the one that the environment variable
    /// `MNIST_DIR` names, else [`Mnist::cache_folder`]; `None` if there is nothing in the last one.
    ///
    /// # Errors
    /// As [`Mnist::load`]; what somebody named must be there and complete.
    ///
    /// ```no_run
    /// use wengert_datasets::Mnist;
    /// match Mnist::find(None)? {
    ///     Some(mnist) => println!("{mnist:?}"),
    ///     None => println!("put the four files into {:?} or set MNIST_DIR", Mnist::cache_folder()),
    /// }
    /// # Ok::<(), wengert_datasets::DatasetError>(())
    /// ```
    pub fn find(explicit: Option<&Path>) -> Result<Option<Mnist>, DatasetError> {
        find(explicit, |name| std::env::var_os(name))
    }

    /// `wengert/mnist` in the user's folder of caches: `$XDG_CACHE_HOME` or `~/.cache`, on macOS
    /// `~/Library/Caches`, on Windows `%LOCALAPPDATA%`. `None` if no home folder is known.
    pub fn cache_folder() -> Option<PathBuf> {
        cache_folder(|name| std::env::var_os(name))
    }
}

/// [`Mnist::find`] in an environment that a test can make up.
fn find(
    explicit: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Mnist>, DatasetError> {
    if let Some(folder) = explicit {
        return Mnist::load(folder).map(Some);
    }
    if let Some(folder) = variable(VARIABLE).filter(|folder| !folder.is_empty()) {
        let named = |e| DatasetError::Variable { variable: VARIABLE, source: Box::new(e) };
        return Mnist::load(folder).map(Some).map_err(named);
    }
    let some_file = |folder: &PathBuf| {
        [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].iter().any(|name| name.find(folder).is_ok())
    };
    cache_folder(variable).filter(some_file).map(Mnist::load).transpose()
}

fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path is to be ignored, by the XDG base directory specification.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    Some(caches?.join("wengert").join("mnist"))
}

fn load_part([images, labels]: [PathBuf; 2]) -> Result<ImageDataset, DatasetError> {
    let part = ImageDataset::from_idx(&images, labels, CLASSES)?;
    let found = [part.height(), part.width()];
    if found != SIZE {
        return Err(DatasetError::ImageSize { path: images, found, expected: SIZE });
    }
    Ok(part)
}

/// What the names of one file have in common.
struct FileName {
    stem: &'static str,
    axes: usize,
}

impl FileName {
    /// The file of this name in `folder`, which exists.
    fn find(&self, folder: &Path) -> Result<PathBuf, DatasetError> {
        let FileName { stem, axes } = self;
        let [name, dotted] = [format!("{stem}-idx{axes}-ubyte"), format!("{stem}.idx{axes}-ubyte")];
        let tried = vec![name.clone(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
        match tried.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
            Some(path) => Ok(path),
            None => Err(DatasetError::MissingFile { folder: folder.into(), name, tried }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// The four files: three images to train on and two to test with.
    fn write_files(folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for (name, count) in [(TRAIN_IMAGES, 3u8), (TRAIN_LABELS, 3), (TEST_IMAGES, 2), (TEST_LABELS, 2)] {
            let mut file = vec![0, 0, 8, name.axes as u8, 0, 0, 0, count];
            if name.axes == 3 {
                file.extend([0, 0, 0, 28, 0, 0, 0, 28]);
            }
            let size = if name.axes == 3 { 28 * 28 } else { 1 };
            file.resize(file.len() + usize::from(count) * size, 7);
            std::fs::write(folder.join(format!("{}-idx{}-ubyte", name.stem, name.axes)), file).unwrap();
        }
    }

    fn environment(variables: &[(&str, &Path)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let map: HashMap<String, OsString> =
            variables.iter().map(|(name, value)| (name.to_string(), value.into())).collect();
        move |name| map.get(name).cloned()
    }

    #[test]
    fn a_given_folder_is_preferred_and_must_be_complete() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
        write_files(&good);
        let found = find(Some(&good), environment(&[(VARIABLE, &bad)])).unwrap().unwrap();
        assert_eq!((found.train.len(), found.test.len()), (3, 2));
        let e = find(Some(&bad), environment(&[(VARIABLE, &good)])).unwrap_err();
        assert_eq!(
            e.to_string(),
            format!(
                "{}: no such folder; expected one with the four files of MNIST, plain or .gz",
                bad.display()
            )
        );
    }

    #[test]
    fn the_variable_comes_next_and_its_error_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
        write_files(&good);
        assert!(find(None, environment(&[(VARIABLE, &good)])).unwrap().is_some());
        let e = find(None, environment(&[(VARIABLE, &bad)])).unwrap_err();
        assert_eq!(
            e.to_string(),
            format!(
                "the environment variable MNIST_DIR is set, but {}: no such folder; expected one with the four files of MNIST, plain or .gz",
                bad.display()
            )
        );
    }

    /// The variables that make `folder` the place of caches, on whatever system.
    fn caches(folder: &Path) -> impl Fn(&str) -> Option<OsString> + use<> {
        environment(&[("XDG_CACHE_HOME", folder), ("LOCALAPPDATA", folder), ("HOME", folder)])
    }

    #[test]
    fn the_cache_comes_last_and_may_be_missing_but_not_incomplete() {
        let dir = tempfile::tempdir().unwrap();
        let variables = caches(dir.path());
        let folder = cache_folder(&variables).unwrap();
        assert!(folder.starts_with(dir.path()) && folder.ends_with("wengert/mnist"), "{folder:?}");
        assert!(find(None, &variables).unwrap().is_none(), "no folder");
        std::fs::create_dir_all(&folder).unwrap();
        assert!(find(None, &variables).unwrap().is_none(), "an empty folder");
        write_files(&folder);
        assert!(find(None, &variables).unwrap().is_some());
        std::fs::remove_file(folder.join("t10k-labels-idx1-ubyte")).unwrap();
        assert!(matches!(find(None, &variables), Err(DatasetError::MissingFile { .. })));
        assert!(find(None, |_| None).unwrap().is_none(), "no home either");
    }

    #[test]
    fn relative_and_empty_variables_are_ignored() {
        assert_eq!(cache_folder(caches(Path::new("here"))), None);
        assert!(find(None, environment(&[(VARIABLE, Path::new(""))])).unwrap().is_none());
    }
}
