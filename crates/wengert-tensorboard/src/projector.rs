//! Embeddings: points of many dimensions, to be looked at in two or three.
//!
//! They are no events, but files beside them: a list of all of them, and for each a table of numbers, one of
//! labels, and a sprite of pictures. The list is written last and as a whole, so that what it names
//! is there.

use crate::error::Error;
use crate::file::write_whole;
use crate::image::{Image, one_size};
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The name that TensorBoard looks for.
const CONFIG: &str = "projector_config.pbtxt";

/// TensorBoard shows no larger sprite: browsers' limit of textures.
const LARGEST_SPRITE: usize = 8192;

/// Points with labels and pictures.
///
/// ```
/// use wengert_tensorboard::{Embeddings, SummaryWriter};
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let vectors = [[0.1f32, 0.2, 0.3], [0.4, 0.5, 0.6]];
/// let points = Embeddings::new("words", 3, vectors.as_flattened())?.column("word", &["cat", "dog"])?;
/// SummaryWriter::create(folder.join("run"))?.embeddings(&points)?;
/// # Ok::<(), wengert_tensorboard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embeddings {
    name: String,
    dimensions: usize,
    values: Vec<f32>,
    columns: Vec<(String, Vec<String>)>,
    sprite: Vec<Image>,
}

impl Embeddings {
    /// Points of some `dimensions`, one after the other in `values`.
    ///
    /// # Errors
    /// A name without letters, digits or other characters than `. _ -`, which stand in names of files;
    /// no dimensions, no points, values that do not fill the last point, or that are not finite.
    pub fn new(name: impl Into<String>, dimensions: usize, values: &[f32]) -> Result<Embeddings, Error> {
        let name = name.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
            let expected = "a letter or digit, and then letters, digits and . _ -, for names of files";
            return Err(Error::argument("name of embeddings", format!("{name:?}"), expected));
        }
        if dimensions == 0 || values.is_empty() || !values.len().is_multiple_of(dimensions) {
            let found = format!("{} values for {dimensions} dimensions", values.len());
            let expected = "as many values as points times dimensions, one at least";
            return Err(Error::argument(format!("embeddings `{name}`"), found, expected));
        }
        if let Some(i) = values.iter().position(|x| !x.is_finite()) {
            let found = format!("{} in point {}", values[i], i / dimensions);
            return Err(Error::argument(format!("embeddings `{name}`"), found, "finite numbers"));
        }
        Ok(Embeddings { name, dimensions, values: values.into(), columns: Vec::new(), sprite: Vec::new() })
    }

    /// A column of labels: by one of them points are named and coloured.
    ///
    /// # Errors
    /// Not one label for each point.
    pub fn column<L: ToString>(mut self, title: &str, labels: &[L]) -> Result<Embeddings, Error> {
        self.check_count(&format!("column `{title}`"), labels.len())?;
        let labels = labels.iter().map(|label| cell(&label.to_string())).collect();
        self.columns.push((cell(title), labels));
        Ok(self)
    }

    /// A picture for each point, shown in its place.
    ///
    /// # Errors
    /// Not one image for each point, images of different sizes, or too many and too large for a sprite of 8192
    /// times 8192 pixels.
    pub fn sprite(mut self, images: &[Image]) -> Result<Embeddings, Error> {
        self.check_count("sprite", images.len())?;
        one_size("sprite", images)?;
        let side = sprite_side(images.len());
        let longest = images[0].width().max(images[0].height()).saturating_mul(side);
        if longest > LARGEST_SPRITE {
            let found = format!("{} images, {longest} pixels side by side", images.len());
            let expected = format!("at most {LARGEST_SPRITE} pixels: fewer or smaller images");
            return Err(Error::argument("sprite", found, expected));
        }
        self.sprite = images.into();
        Ok(self)
    }

    fn points(&self) -> usize {
        self.values.len() / self.dimensions
    }

    fn check_count(&self, argument: &str, found: usize) -> Result<(), Error> {
        if found == self.points() {
            return Ok(());
        }
        let argument = format!("{argument} of embeddings `{}`", self.name);
        Err(Error::argument(argument, found, format!("{}, one for each point", self.points())))
    }

    /// Writes the files into a run's folder, and adds them to its list.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let file = |what: &str| format!("{}.{what}", self.name);
        let mut entry = format!("embeddings {{\n  tensor_name: \"{}\"\n", self.name);
        let _ = writeln!(entry, "  tensor_shape: {}\n  tensor_shape: {}", self.points(), self.dimensions);
        let mut text = String::new();
        for point in self.values.chunks_exact(self.dimensions) {
            line(&mut text, point.iter());
        }
        write_whole(&folder.join(file("tensors.tsv")), text.as_bytes())?;
        let _ = writeln!(entry, "  tensor_path: \"{}\"", file("tensors.tsv"));
        if !self.columns.is_empty() {
            let mut text = String::new();
            // With a single column, TensorBoard takes the first line for a label.
            if self.columns.len() > 1 {
                line(&mut text, self.columns.iter().map(|(title, _)| title));
            }
            for i in 0..self.points() {
                line(&mut text, self.columns.iter().map(|(_, labels)| &labels[i]));
            }
            write_whole(&folder.join(file("metadata.tsv")), text.as_bytes())?;
            let _ = writeln!(entry, "  metadata_path: \"{}\"", file("metadata.tsv"));
        }
        if let Some(first) = self.sprite.first() {
            write_whole(&folder.join(file("sprite.png")), &self.sprite_image()?.png())?;
            let (width, height) = (first.width(), first.height());
            let _ = writeln!(entry, "  sprite {{\n    image_path: \"{}\"", file("sprite.png"));
            let _ = writeln!(entry, "    single_image_dim: {width}\n    single_image_dim: {height}\n  }}");
        }
        entry.push_str("}\n");
        let path = folder.join(CONFIG);
        let others = match fs::read_to_string(&path) {
            Ok(text) => without(&text, &self.name),
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io(&path, "read the list of embeddings")(error)),
        };
        write_whole(&path, (others + &entry).as_bytes())
    }

    /// All pictures in a square, row by row, without lines between them.
    fn sprite_image(&self) -> Result<Image, Error> {
        let (width, height) = (self.sprite[0].width(), self.sprite[0].height());
        let side = sprite_side(self.sprite.len());
        let row_bytes = side * width * 3;
        let mut pixels = vec![255; row_bytes * side * height];
        for (i, image) in self.sprite.iter().enumerate() {
            for (y, row) in image.pixels().chunks_exact(width * image.channels()).enumerate() {
                let start = (i / side * height + y) * row_bytes + i % side * width * 3;
                let to = pixels[start..start + width * 3].chunks_exact_mut(3);
                for (to, from) in to.zip(row.chunks_exact(image.channels())) {
                    to.iter_mut().enumerate().for_each(|(c, to)| *to = from[c % from.len()]);
                }
            }
        }
        Image::rgb(side * width, side * height, pixels)
    }
}

/// Pictures in a row of a sprite.
fn sprite_side(images: usize) -> usize {
    (1..).find(|side| side * side >= images).expect("the largest number is no square root")
}

/// Cells are divided by tabs and lines.
fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

fn line<C: ToString>(text: &mut String, cells: impl Iterator<Item = C>) {
    let cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
    text.push_str(&cells.join("\t"));
    text.push('\n');
}

/// A list as it is written here, without the entry called `name`.
fn without(list: &str, name: &str) -> String {
    let entries = list.split_inclusive("\n}\n");
    let others = entries.filter(|entry| !entry.contains(&format!("\n  tensor_name: \"{name}\"\n")));
    others.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_same_name_is_replaced_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let points = |name: &str, n: usize| Embeddings::new(name, 1, &vec![0.5; n]).unwrap();
        for embeddings in [points("a", 1), points("b", 2), points("a", 3)] {
            embeddings.write(folder.path()).unwrap();
        }
        let list = fs::read_to_string(folder.path().join(CONFIG)).unwrap();
        assert_eq!(list.matches("embeddings {").count(), 2);
        let first = "embeddings {\n  tensor_name: \"b\"\n  tensor_shape: 2\n  tensor_shape: 1\n  tensor_path: \"b.tensors.tsv\"\n}\n";
        assert!(list.starts_with(first), "{list}");
        assert!(list.ends_with("tensor_shape: 3\n  tensor_shape: 1\n  tensor_path: \"a.tensors.tsv\"\n}\n"));
        assert_eq!(fs::read_to_string(folder.path().join("a.tensors.tsv")).unwrap(), "0.5\n0.5\n0.5\n");
    }

    #[test]
    fn one_column_has_no_title_and_two_have() {
        let folder = tempfile::tempdir().unwrap();
        let points = Embeddings::new("a", 2, &[1.0, -2.5, 3.0, 4.0]).unwrap();
        let one = points.column("word", &["x\ty", "z"]).unwrap();
        one.write(folder.path()).unwrap();
        let metadata = || fs::read_to_string(folder.path().join("a.metadata.tsv")).unwrap();
        assert_eq!(metadata(), "x y\nz\n");
        one.column("class", &[7, 8]).unwrap().write(folder.path()).unwrap();
        assert_eq!(metadata(), "word\tclass\nx y\t7\nz\t8\n");
        assert_eq!(fs::read_to_string(folder.path().join("a.tensors.tsv")).unwrap(), "1\t-2.5\n3\t4\n");
    }

    #[test]
    fn a_sprite_is_a_square_of_pictures_row_by_row() {
        let picture = |grey| Image::grey(2, 1, [grey, grey]).unwrap();
        let points = Embeddings::new("a", 1, &[0.0, 1.0, 2.0]).unwrap();
        let sprite = points.sprite(&[picture(1), picture(2), picture(3)]).unwrap().sprite_image().unwrap();
        assert_eq!((sprite.width(), sprite.height()), (4, 2));
        let greys: Vec<u8> = sprite.pixels().iter().step_by(3).copied().collect();
        assert_eq!(greys, [1, 1, 2, 2, 3, 3, 255, 255]);
    }

    #[test]
    fn what_does_not_fit_is_said_with_both_numbers() {
        let error = |result: Result<Embeddings, Error>| result.unwrap_err().to_string();
        assert!(error(Embeddings::new("../a", 1, &[0.0])).contains("for names of files"));
        assert!(error(Embeddings::new("a", 2, &[0.0; 3])).contains("3 values for 2 dimensions"));
        assert!(error(Embeddings::new("a", 2, &[0.0, 1.0, f32::NAN, 1.0])).contains("NaN in point 1"));
        let points = Embeddings::new("a", 1, &[0.0, 1.0]).unwrap();
        let text = "column `word` of embeddings `a`: found 3, expected 2, one for each point";
        assert_eq!(error(points.clone().column("word", &[1, 2, 3])), text);
        let large = Image::grey(5000, 1, vec![0; 5000]).unwrap();
        assert!(error(points.sprite(&[large.clone(), large])).contains("10000 pixels side by side"));
    }
}
