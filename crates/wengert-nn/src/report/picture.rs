//! Tensors as small images: PNG, written into the page itself.

use crate::plot::PlotError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wengert::{Element, Float, Tensor};

/// The longest side, in pixels.
const SIDE: usize = 128;

/// Images of one size.
pub(super) struct Pictures<'a, T: Float> {
    elements: &'a [T],
    channels: usize,
    height: usize,
    width: usize,
    /// What becomes black, and what white.
    range: (f64, f64),
}

impl<'a, T: Float> Pictures<'a, T> {
    /// So many images `[n, height, width]`, `[n, 1, height, width]` or `[n, 3, height, width]`.
    pub(super) fn new(images: &'a Tensor<T>, count: usize) -> Result<Pictures<'a, T>, PlotError> {
        let (n, channels, height, width) = match images.shape()[..] {
            [n, height, width] => (n, 1, height, width),
            [n, channels, height, width] => (n, channels, height, width),
            _ => (count, 0, 0, 0),
        };
        if n != count || ![1, 3].contains(&channels) || height * width == 0 {
            let expected = format!(
                "[{count}, height, width], [{count}, 1, height, width] or [{count}, 3, height, width], an image for each mistake"
            );
            return Err(PlotError::Images { found: images.shape().to_vec(), expected });
        }
        let elements = images.as_slice();
        let finite = elements.iter().map(|&x| Element::to_f64(x)).filter(|x| x.is_finite());
        let (low, high) = finite.fold((0.0f64, 1.0f64), |(low, high), x| (low.min(x), high.max(x)));
        // Numbers of another scale are stretched over all of it.
        let range = if (low, high) == (0.0, 1.0) { (low, high) } else { bounds(elements) };
        Ok(Pictures { elements, channels, height, width, range })
    }

    /// Image `i` as a `data:` address.
    pub(super) fn address(&self, i: usize) -> String {
        let Pictures { channels, height, width, .. } = *self;
        // Means of squares of pixels, if there are too many.
        let by = height.max(width).div_ceil(SIDE);
        let (rows, columns) = (height.div_ceil(by), width.div_ceil(by));
        let image = &self.elements[i * channels * height * width..][..channels * height * width];
        let mut bytes = Vec::with_capacity(rows * columns * channels);
        for (row, column) in (0..rows * columns).map(|i| (i / columns, i % columns)) {
            for channel in image.chunks_exact(height * width) {
                let ys = row * by..height.min((row + 1) * by);
                let xs = column * by..width.min((column + 1) * by);
                let all = ys.flat_map(|y| xs.clone().map(move |x| Element::to_f64(channel[y * width + x])));
                let (sum, n) = all.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
                bytes.push(self.byte(sum / n));
            }
        }
        let png = encode(&bytes, columns as u32, rows as u32, channels);
        format!("data:image/png;base64,{}", STANDARD.encode(png))
    }

    fn byte(&self, value: f64) -> u8 {
        // NaN becomes 0 in the conversion.
        (255.0 * (value - self.range.0) / (self.range.1 - self.range.0)).round() as u8
    }
}

/// The least and the greatest of the finite numbers.
fn bounds<T: Float>(elements: &[T]) -> (f64, f64) {
    let finite = elements.iter().map(|&x| Element::to_f64(x)).filter(|x| x.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
}

fn encode(bytes: &[u8], width: u32, height: u32, channels: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(bytes));
    written.expect("memory can be written to, and there is a byte for each channel of each pixel");
    out
}
