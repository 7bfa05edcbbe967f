//! 1,797 handwritten digits of 8x8 pixels inside the library: a real task without a download.
//!
//! They are the test set of "Optical Recognition of Handwritten Digits", E. Alpaydin and
//! C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0, as scikit-learn's `load_digits`
//! gives them. The file is kept as it was found, compressed CSV of 57 KB; it is decoded once, in
//! about 2 ms.

use crate::image_dataset::ImageDataset;
use std::io::Read;
use std::sync::OnceLock;

const SIDE: usize = 8;

/// 1,797 handwritten digits, 8x8 pixels of 0 to 16 in ten classes, in scikit-learn's order.
///
/// E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
/// Repository, 1998, licensed CC BY 4.0.
///
/// ```
/// let digits = wengert_datasets::digits();
/// assert_eq!((digits.len(), digits.height(), digits.width()), (1797, 8, 8));
/// let (train, test) = digits.split_stratified(0.2, 1);
/// assert_eq!((train.len(), test.len()), (1438, 359));
/// ```
pub fn digits() -> ImageDataset {
    static DIGITS: OnceLock<ImageDataset> = OnceLock::new();
    DIGITS.get_or_init(decode).clone()
}

/// The embedded file is a part of the program, so that an error here is one of the program: a test
/// decodes it.
fn decode() -> ImageDataset {
    let mut csv = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("../data/digits.csv.gz")[..])
        .read_to_string(&mut csv)
        .expect("the embedded digits are gzip");
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in csv.lines() {
        pixels.extend(line.split(',').map(|n| n.parse::<u8>().expect("the embedded digits are bytes")));
        labels.extend(pixels.pop());
    }
    ImageDataset::new(pixels, labels, [SIDE, SIDE], 10)
        .and_then(|digits| digits.with_scale(16))
        .expect("the embedded digits have 64 pixels and a label a line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_scikit_learn() {
        let digits = digits();
        let mut counts = [0; 10];
        digits.labels().as_slice().iter().for_each(|&label| counts[label] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits.image(0)[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
        assert_eq!((digits.label(0), digits.label(1796)), (0, 8));
        let sum: usize =
            (0..digits.len()).flat_map(|i| digits.image(i)).map(|&pixel| usize::from(pixel)).sum();
        assert_eq!(sum, 561_718);
    }

    #[test]
    fn sixteen_becomes_one() {
        let images = digits().images::<f64>();
        assert_eq!(images.get(&[0, 3]), Some(13.0 / 16.0));
        assert_eq!(images.as_slice().iter().copied().fold(0.0, f64::max), 1.0);
    }

    #[test]
    fn every_call_shares_one_copy() {
        assert_eq!(digits().image(0).as_ptr(), digits().image(0).as_ptr());
    }
}
