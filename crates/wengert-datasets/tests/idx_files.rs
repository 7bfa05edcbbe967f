//! Good IDX files are read in every form, and every bad one is refused with a sentence that says
//! which file, what was found and what was expected.

use std::io::Write;
use std::path::{Path, PathBuf};
use wengert_datasets::{Idx, ImageDataset};

/// A folder that vanishes, and files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(data);
    file
}

/// Two images of two rows and three pixels.
fn images() -> Vec<u8> {
    idx(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
}

/// The text of the error for such a file, which must begin with its path, without it.
#[track_caller]
fn refused(name: &str, content: &[u8]) -> String {
    let folder = Folder::new();
    without_path(&folder.write(name, content))
}

#[track_caller]
fn without_path(path: &Path) -> String {
    let text = Idx::read(path).unwrap_err().to_string();
    let start = format!("{}: ", path.display());
    text.strip_prefix(&start).unwrap_or_else(|| panic!("{text:?} does not begin with {start:?}")).to_string()
}

#[test]
fn a_plain_file_is_read_whatever_its_name() {
    let folder = Folder::new();
    for name in ["images", "images.gz"] {
        let idx = Idx::read(folder.write(name, &images())).unwrap();
        assert_eq!(idx, Idx { dims: vec![2, 2, 3], data: (1..=12).collect() });
    }
}

#[test]
#[cfg(feature = "gzip")]
fn a_gzip_file_is_read_whatever_its_name() {
    let folder = Folder::new();
    for name in ["images", "images.gz"] {
        let idx = Idx::read(folder.write(name, &gzip(&images()))).unwrap();
        assert_eq!(idx, Idx { dims: vec![2, 2, 3], data: (1..=12).collect() });
    }
}

#[test]
#[cfg(feature = "gzip")]
fn a_gzip_file_may_have_several_members() {
    let file = [gzip(&images()[..10]), gzip(&images()[10..])].concat();
    assert_eq!(Idx::read(Folder::new().write("images.gz", &file)).unwrap().data.len(), 12);
}

#[test]
#[cfg(not(feature = "gzip"))]
fn without_the_feature_a_gzip_file_is_refused() {
    assert_eq!(
        refused("images.gz", &gzip(&images())),
        "is gzip, expected a plain file, since wengert-datasets was built without its feature `gzip`"
    );
}

#[test]
fn a_file_of_no_images_or_no_axes_is_read() {
    let folder = Folder::new();
    assert_eq!(Idx::read(folder.write("none", &idx(&[0, 28, 28], &[]))).unwrap().data, []);
    assert_eq!(
        Idx::read(folder.write("scalar", &idx(&[], &[5]))).unwrap(),
        Idx { dims: vec![], data: vec![5] }
    );
}

#[test]
fn a_missing_file_is_refused() {
    let folder = Folder::new();
    assert!(without_path(&folder.0.path().join("nothing")).starts_with("cannot be read: "));
}

#[test]
fn a_folder_is_refused_as_a_file() {
    let folder = Folder::new();
    assert!(without_path(folder.0.path()).starts_with("cannot be read: "));
}

#[test]
fn an_empty_file_is_refused() {
    assert_eq!(refused("images", &[]), "the file is empty, expected an IDX file, plain or gzip");
}

#[test]
fn a_web_page_named_gz_is_refused() {
    assert_eq!(
        refused("images.gz", b"<!doctype html>"),
        "is named .gz, but starts with 3c 21 64 6f, expected gzip, which starts with 1f 8b"
    );
}

#[test]
fn a_wrong_magic_number_is_refused() {
    let expected =
        "expected the magic number of an IDX file of unsigned bytes, 00 00 08 and the number of axes";
    let page = refused("page", b"<!doctype html>");
    assert_eq!(page, format!("starts with 3c 21 64 6f, {expected}"));
    let floats = refused("floats", &[0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(floats, format!("starts with 00 00 0d 01, {expected}"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = images();
    for n in 1..whole.len() {
        let expected = match n {
            ..4 => 4,
            4..16 => 16,
            _ => 28,
        };
        assert_eq!(refused("images", &whole[..n]), format!("ends after {n} bytes, expected {expected}"));
    }
}

#[test]
fn a_file_that_goes_on_is_refused() {
    assert_eq!(
        refused("images", &[images(), vec![0]].concat()),
        "goes on after 28 bytes, expected its end there"
    );
}

#[test]
fn sizes_that_cannot_be_true_are_refused_before_memory_is_reserved() {
    assert_eq!(
        refused("images", &idx(&[u32::MAX; 3], &[1, 2])),
        "the header announces [4294967295, 4294967295, 4294967295] bytes, expected no more than memory can address"
    );
    assert_eq!(
        refused("images", &idx(&[1 << 20, 28, 28], &[1, 2])),
        "ends after 18 bytes, expected 822083600"
    );
}

#[test]
#[cfg(feature = "gzip")]
fn a_gzip_file_cut_anywhere_is_refused() {
    use wengert_datasets::DatasetError;
    let folder = Folder::new();
    let whole = gzip(&images());
    for n in 2..whole.len() {
        let error = Idx::read(folder.write("images.gz", &whole[..n])).unwrap_err();
        assert!(
            matches!(error, DatasetError::Truncated { found: ..28, .. } | DatasetError::CorruptGzip { .. }),
            "{n}: {error}"
        );
    }
    assert_eq!(refused("images.gz", &whole[..2]), "ends after 0 bytes, expected 4");
    assert!(
        refused("images.gz", &whole[..whole.len() - 1])
            .starts_with("the gzip data is damaged after 28 decompressed bytes: ")
    );
}

#[test]
#[cfg(feature = "gzip")]
fn damaged_gzip_is_refused_wherever_it_matters() {
    let folder = Folder::new();
    let whole = gzip(&images());
    // The header's ten bytes hold a time and a system, which mean nothing here; damage from the
    // compressed data on is found, by the checksum at the latest.
    for i in 10..whole.len() {
        let mut file = whole.clone();
        file[i] ^= 0x10;
        assert!(Idx::read(folder.write("images.gz", &file)).is_err(), "byte {i}");
    }
    let mut file = whole.clone();
    let checksum = file.len() - 8;
    file[checksum] ^= 1;
    let text = refused("images.gz", &file);
    assert!(text.starts_with("the gzip data is damaged after 28 decompressed bytes: "), "{text}");
}

#[test]
#[cfg(feature = "gzip")]
fn a_gzip_bomb_is_refused_after_the_bytes_that_its_header_announces() {
    let bomb = gzip(&idx(&[3], &vec![0; 1 << 24]));
    assert!(bomb.len() < 1 << 15);
    assert_eq!(refused("labels.gz", &bomb), "goes on after 11 bytes, expected its end there");
}

#[test]
fn a_pair_of_files_becomes_a_data_set() {
    let folder = Folder::new();
    let data = ImageDataset::from_idx(
        folder.write("images", &images()),
        folder.write("labels", &idx(&[2], &[1, 0])),
        2,
    )
    .unwrap();
    assert_eq!(format!("{data:?}"), "ImageDataset(2 images of 2x3, 2 classes)");
    assert_eq!((data.image(1), data.label(1)), (&[7, 8, 9, 10, 11, 12][..], 0));
}

/// The text for a pair of files, where `I` and `L` stand for their paths.
fn pair_refused(images: &[u8], labels: &[u8]) -> String {
    let folder = Folder::new();
    let (images, labels) = (folder.write("images", images), folder.write("labels", labels));
    let error = ImageDataset::from_idx(&images, &labels, 10).unwrap_err().to_string();
    error.replace(&*images.to_string_lossy(), "I").replace(&*labels.to_string_lossy(), "L")
}

#[test]
fn files_in_each_others_place_are_refused() {
    let labels = idx(&[2], &[1, 0]);
    assert_eq!(
        pair_refused(&labels, &labels),
        "I: the magic number is 0x00000801, expected 0x00000803, images"
    );
    assert_eq!(
        pair_refused(&images(), &images()),
        "L: the magic number is 0x00000803, expected 0x00000801, labels"
    );
}

#[test]
fn another_number_of_labels_is_refused() {
    let text = pair_refused(&images(), &idx(&[3], &[1, 0, 1]));
    assert_eq!(text, "L: 3 labels, expected 2, as many as there are images in I");
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    assert_eq!(pair_refused(&images(), &idx(&[2], &[9, 10])), "L: label 1 is 10, expected 0 to 9");
}

#[test]
fn images_without_pixels_are_refused() {
    let expected = "expected at least one pixel, and no more than memory can address";
    let text = pair_refused(&idx(&[2, 0, 3], &[]), &idx(&[2], &[1, 0]));
    assert_eq!(text, format!("I: [height, width]: found [0, 3], {expected}"));
    let text = pair_refused(&idx(&[0, u32::MAX, u32::MAX], &[]), &idx(&[0], &[]));
    assert_eq!(text, format!("I: [height, width]: found [4294967295, 4294967295], {expected}"));
}
