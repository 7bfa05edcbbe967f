//! Images: pixels of bytes, and the way from numbers to pixels.
//!
//! An image holds its pixels until it is written, as PNG, which is lossless. Numbers become grey by a
//! [`Scale`] that can be printed, since a grey without one says nothing.

use crate::error::Error;
use std::fmt;

/// An image of eight bits a channel.
///
/// ```
/// use wengert_tensorboard::{Image, Scale};
/// let values = [-1.0f32, 0.0, 0.5, 1.0];
/// let scale = Scale::symmetric(&values);
/// let image = Image::scaled(2, 2, &values, scale)?;
/// assert_eq!(image.pixels(), [0, 128, 191, 255]);
/// assert_eq!(scale.to_string(), "black -1, white 1");
/// # Ok::<(), wengert_tensorboard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    /// 1 or 3.
    channels: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// A grey image, row by row from the top: 0 is black.
    ///
    /// # Errors
    /// Lengths of 0, or pixels that are not `width * height` bytes.
    pub fn grey(width: usize, height: usize, pixels: impl Into<Vec<u8>>) -> Result<Image, Error> {
        Image::new(width, height, 1, pixels.into())
    }

    /// A coloured image, row by row from the top: red, green and blue of each pixel side by side.
    ///
    /// # Errors
    /// Lengths of 0, or pixels that are not `width * height * 3` bytes.
    pub fn rgb(width: usize, height: usize, pixels: impl Into<Vec<u8>>) -> Result<Image, Error> {
        Image::new(width, height, 3, pixels.into())
    }

    fn new(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Result<Image, Error> {
        let fits = |n: usize| n > 0 && u32::try_from(n).is_ok();
        if !fits(width) || !fits(height) {
            let found = format!("{width} x {height} pixels");
            return Err(Error::argument("image", found, "a width and a height from 1 to 2^32 - 1"));
        }
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(channels));
        if expected != Some(pixels.len()) {
            let found = format!("{} bytes", pixels.len());
            let expected = format!("{width} x {height} x {channels} (width, height, channels)");
            return Err(Error::argument("image", found, expected));
        }
        Ok(Image { width, height, channels, pixels })
    }

    /// Numbers as grey, row by row from the top. Those that are not finite become red, and the image
    /// coloured.
    ///
    /// # Errors
    /// Lengths of 0, or values that are not `width * height`.
    pub fn scaled<T: Copy + Into<f64>>(
        width: usize,
        height: usize,
        values: &[T],
        scale: Scale,
    ) -> Result<Image, Error> {
        let finite = values.iter().all(|&x| x.into().is_finite());
        let mut pixels = Vec::with_capacity(values.len() * if finite { 1 } else { 3 });
        for x in values.iter().map(|&x| x.into()) {
            match (finite, x.is_finite()) {
                (true, _) => pixels.push(scale.grey(x)),
                (_, true) => pixels.extend([scale.grey(x); 3]),
                (_, false) => pixels.extend([255, 0, 0]),
            }
        }
        Image::new(width, height, if finite { 1 } else { 3 }, pixels)
    }

    /// This image with each pixel as a square of `factor` times `factor`: small filters can be seen.
    ///
    /// # Errors
    /// A factor of 0, or an image that would not fit into memory.
    pub fn enlarged(&self, factor: usize) -> Result<Image, Error> {
        let lengths = (self.width.checked_mul(factor), self.height.checked_mul(factor));
        let (Some(width), Some(height)) = lengths else {
            return Err(Error::argument("enlarged", factor, "a factor that memory can hold"));
        };
        let bytes = width.checked_mul(height).and_then(|n| n.checked_mul(self.channels));
        if factor == 0 || bytes.is_none_or(|n| n > MOST_BYTES) {
            return Err(Error::argument("enlarged", factor, "a factor from 1, with an image below 1 GiB"));
        }
        let mut pixels = Vec::with_capacity(width * height * self.channels);
        for y in 0..height {
            let row = &self.pixels[y / factor * self.width * self.channels..];
            for pixel in row.chunks_exact(self.channels).take(self.width) {
                (0..factor).for_each(|_| pixels.extend(pixel));
            }
        }
        Image::new(width, height, self.channels, pixels)
    }

    /// Images of one size side by side in `columns`, as many rows as it takes, with lines of one pixel
    /// in between. Coloured if one of them is.
    ///
    /// # Errors
    /// No images, no columns, or images of different sizes.
    ///
    /// ```
    /// use wengert_tensorboard::Image;
    /// let dot = Image::grey(1, 1, [255])?;
    /// let mosaic = Image::mosaic(&[dot.clone(), dot.clone(), dot], 2)?;
    /// assert_eq!((mosaic.width(), mosaic.height()), (3, 3));
    /// # Ok::<(), wengert_tensorboard::Error>(())
    /// ```
    pub fn mosaic(images: &[Image], columns: usize) -> Result<Image, Error> {
        let Some(first) = images.first() else {
            return Err(Error::argument("mosaic", "no images", "at least one"));
        };
        if columns == 0 {
            return Err(Error::argument("mosaic", "0 columns", "at least one"));
        }
        one_size("mosaic", images)?;
        let columns = columns.min(images.len());
        let rows = images.len().div_ceil(columns);
        let (width, height) = (columns * (first.width + 1) - 1, rows * (first.height + 1) - 1);
        let channels = images.iter().map(|image| image.channels).max().unwrap_or(1);
        // A tone that is neither black nor white.
        let mut pixels = vec![64; width * height * channels];
        for (i, image) in images.iter().enumerate() {
            let (left, top) = (i % columns * (first.width + 1), i / columns * (first.height + 1));
            for y in 0..image.height {
                for x in 0..image.width {
                    let from = &image.pixels[(y * image.width + x) * image.channels..][..image.channels];
                    let to = &mut pixels[((top + y) * width + left + x) * channels..][..channels];
                    // Grey in all three channels, or each in its own.
                    to.iter_mut().enumerate().for_each(|(c, to)| *to = from[c % from.len()]);
                }
            }
        }
        Image::new(width, height, channels, pixels)
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 for grey, 3 for red, green and blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All bytes, row by row from the top, channels side by side.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The image as a file.
    pub(crate) fn png(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(if self.channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels));
        written.expect("a vector takes every byte, and `new` has checked the sizes");
        file
    }
}

/// Beyond it an image is a mistake.
const MOST_BYTES: usize = 1 << 30;

/// Refuses images of different sizes.
pub(crate) fn one_size(argument: &str, images: &[Image]) -> Result<(), Error> {
    let size = |image: &Image| (image.width, image.height);
    let Some(first) = images.first() else { return Ok(()) };
    match images.iter().position(|image| size(image) != size(first)) {
        None => Ok(()),
        Some(i) => {
            let found = format!("{} x {} pixels in image {i}", images[i].width, images[i].height);
            let expected = format!("{} x {}, as in image 0", first.width, first.height);
            Err(Error::argument(argument, found, expected))
        }
    }
}

/// Which number is black, and which is white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// This and what is below is black.
    pub black: f64,
    /// This and what is above is white.
    pub white: f64,
}

impl Scale {
    /// From the least to the greatest finite value.
    pub fn full<T: Copy + Into<f64>>(values: &[T]) -> Scale {
        let finite = values.iter().map(|&x| x.into()).filter(|x: &f64| x.is_finite());
        let [black, white] =
            finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], x| [a.min(x), b.max(x)]);
        if black > white { Scale { black: 0.0, white: 0.0 } } else { Scale { black, white } }
    }

    /// As far below zero as above, so that zero is the grey in the middle: for weights.
    pub fn symmetric<T: Copy + Into<f64>>(values: &[T]) -> Scale {
        let Scale { black, white } = Scale::full(values);
        let largest = white.max(-black);
        Scale { black: -largest, white: largest }
    }

    /// The byte of a number, from 0 for black to 255 for white; 128 for NaN, and where black and white are
    /// the same number.
    pub fn grey(self, x: f64) -> u8 {
        // Halves, since the range itself may be too large for a number.
        let share = (x / 2.0 - self.black / 2.0) / (self.white / 2.0 - self.black / 2.0);
        if share.is_nan() { 128 } else { (share * 255.0).round().clamp(0.0, 255.0) as u8 }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = f.precision().unwrap_or(3);
        let short = |x: f64| format!("{:.places$e}", x).parse::<f64>().unwrap_or(x);
        write!(f, "black {}, white {}", short(self.black), short(self.white))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_do_not_fill_the_image_are_refused_with_both_numbers() {
        let error = Image::grey(3, 2, [0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "image: found 5 bytes, expected 3 x 2 x 1 (width, height, channels)");
        assert!(Image::rgb(3, 2, [0; 6]).is_err() && Image::rgb(0, 2, []).is_err());
    }

    #[test]
    fn grey_runs_from_black_to_white_and_equal_values_are_in_the_middle() {
        let grey =
            |values: &[f64]| Image::scaled(values.len(), 1, values, Scale::full(values)).unwrap().pixels;
        assert_eq!(grey(&[1.0, 2.0, 3.0]), [0, 128, 255]);
        assert_eq!(grey(&[5.0, 5.0]), [128, 128]);
        assert_eq!(grey(&[-f64::MAX, 0.0, f64::MAX]), [0, 128, 255]);
    }

    #[test]
    fn a_symmetric_scale_has_zero_in_the_middle() {
        let values = [-1.0f32, 0.0, 4.0];
        assert_eq!(Scale::symmetric(&values), Scale { black: -4.0, white: 4.0 });
        assert_eq!(Image::scaled(3, 1, &values, Scale::symmetric(&values)).unwrap().pixels, [96, 128, 255]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_red() {
        let values = [0.0, f64::NAN, 1.0];
        let image = Image::scaled(3, 1, &values, Scale::full(&values)).unwrap();
        assert_eq!((image.channels, &image.pixels[..]), (3, &[0, 0, 0, 255, 0, 0, 255, 255, 255][..]));
    }

    #[test]
    fn enlarging_repeats_pixels_in_both_directions() {
        let image = Image::grey(2, 1, [1, 2]).unwrap().enlarged(2).unwrap();
        assert_eq!((image.width, image.height, &image.pixels[..]), (4, 2, &[1, 1, 2, 2, 1, 1, 2, 2][..]));
        assert!(image.enlarged(0).is_err() && image.enlarged(usize::MAX).is_err());
    }

    #[test]
    fn a_mosaic_puts_images_in_rows_with_lines_between() {
        let pixel = |grey| Image::grey(1, 1, [grey]).unwrap();
        let mosaic = Image::mosaic(&[pixel(1), pixel(2), pixel(3)], 2).unwrap();
        assert_eq!(mosaic.pixels, [1, 64, 2, 64, 64, 64, 3, 64, 64]);
        let coloured = Image::mosaic(&[pixel(1), Image::rgb(1, 1, [7, 8, 9]).unwrap()], 5).unwrap();
        assert_eq!(coloured.pixels, [1, 1, 1, 64, 64, 64, 7, 8, 9]);
        assert!(Image::mosaic(&[], 1).is_err() && Image::mosaic(&[pixel(1)], 0).is_err());
        assert!(Image::mosaic(&[pixel(1), Image::grey(2, 1, [0, 0]).unwrap()], 1).is_err());
    }
}
