//! Weights and activations as images.
//!
//! Small things are enlarged, so that a filter of three times three pixels can be seen, and what belongs
//! together is one image with one scale. Zero is the grey in the middle for weights, black for what follows a
//! relu. Images as large as a screen are enough: of more, the first are shown.

use crate::module::Module;
use wengert::{Float, Tensor};
use wengert_tensorboard::{Error, Image, Scale};

/// What is said with images of filters.
pub(super) const FILTERS: &str = "A tile a filter, coloured where it has three channels. The grey in the middle is 0; which numbers \
     are black and white is said in the text `scales`. Red is not finite.";

/// What is said with images of activations.
pub(super) const ACTIVATIONS: &str = "An image for each input, a tile a channel. Black is the least number of all, white the greatest: \
     see the text `scales`. Red is not finite.";

/// Tiles of a mosaic.
const MOST_TILES: usize = 256;

/// Inputs that activations are shown of.
const MOST_INPUTS: usize = 8;

/// Pixels that a tile is enlarged to, about.
const TILE: usize = 32;

/// Images, and what their grey means.
#[derive(Debug)]
pub(super) struct Pictures {
    pub images: Vec<Image>,
    pub scale: Scale,
}

/// The filters of the first convolution over images, with its weight's path.
pub(super) fn first_filters<T: Float>(
    model: &(impl Module<T> + ?Sized),
) -> Option<(String, Result<Pictures, Error>)> {
    let is_filter =
        |shape: &[usize]| shape.len() == 4 && shape.iter().all(|&n| n > 0) && shape[2] * shape[3] > 1;
    let mut all = model.parameters().into_iter();
    let (path, weight) = all.find(|(_, parameter)| is_filter(parameter.value().shape()))?;
    Some((path, filters(&weight.value().cast())))
}

/// Of shape [out, in, height, width].
fn filters(weight: &Tensor<f64>) -> Result<Pictures, Error> {
    let &[out, inputs, height, width] = &weight.shape()[..] else { unreachable!("it has four axes") };
    let (values, area) = (weight.as_slice(), height * width);
    let scale = Scale::symmetric(values);
    let coloured = inputs == 3 && values.iter().all(|x| x.is_finite());
    let tiles: Result<Vec<Image>, Error> = match coloured {
        true => values
            .chunks_exact(3 * area)
            .take(MOST_TILES)
            .map(|filter| {
                let pixel = |i: usize| [0, 1, 2].map(|c| scale.grey(filter[c * area + i]));
                Image::rgb(width, height, (0..area).flat_map(pixel).collect::<Vec<u8>>())
            })
            .collect(),
        false => {
            let planes = values.chunks_exact(area).take(MOST_TILES);
            planes.map(|plane| Image::scaled(width, height, plane, scale)).collect()
        }
    };
    // Filters of several channels side by side, one a row.
    let columns = if coloured || inputs == 1 { squarish(out) } else { inputs };
    Ok(Pictures { images: vec![mosaic(tiles?, columns)?], scale })
}

/// Of shape [inputs, channels, height, width], or [inputs, features]; none for others.
pub(super) fn activations<T: Float>(x: &Tensor<T>) -> Option<Result<Pictures, Error>> {
    let shape = x.shape().to_vec();
    if shape.contains(&0) {
        return None;
    }
    let values = x.cast::<f64>();
    let values = values.as_slice();
    let scale = Scale::full(values);
    let images: Result<Vec<Image>, Error> = match shape[..] {
        [_, channels, height, width] => {
            let inputs = values.chunks_exact(channels * height * width).take(MOST_INPUTS);
            let image = |input: &[f64]| {
                let planes = input.chunks_exact(height * width).take(MOST_TILES);
                let tiles: Result<Vec<Image>, Error> =
                    planes.map(|plane| Image::scaled(width, height, plane, scale)).collect();
                mosaic(tiles?, squarish(channels))
            };
            inputs.map(image).collect()
        }
        // A line an input.
        [inputs, features] => Image::scaled(features, inputs, values, scale)
            .and_then(|image| image.enlarged((512 / features).clamp(1, TILE)))
            .map(|image| vec![image]),
        _ => return None,
    };
    Some(images.map(|images| Pictures { images, scale }))
}

/// Tiles, enlarged where they are small.
fn mosaic(tiles: Vec<Image>, columns: usize) -> Result<Image, Error> {
    let factor = (TILE / tiles.first().map_or(TILE, Image::width)).max(1);
    let tiles: Result<Vec<Image>, Error> = tiles.iter().map(|tile| tile.enlarged(factor)).collect();
    Image::mosaic(&tiles?, columns)
}

/// As many columns as rows, or one more.
fn squarish(n: usize) -> usize {
    (n.min(MOST_TILES) as f64).sqrt().ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use wengert::tensor;

    #[test]
    fn filters_of_one_channel_are_tiles_of_grey_around_zero() {
        let weight = tensor![[[[-2.0, 0.0]]], [[[1.0, 2.0]]]];
        let Pictures { images, scale } = filters(&weight).unwrap();
        assert_eq!(scale, Scale { black: -2.0, white: 2.0 });
        let image = &images[0];
        // Two tiles of 2 x 1, enlarged 16 times, with a line between them.
        assert_eq!((image.width(), image.height(), image.channels()), (65, 16, 1));
        let row = &image.pixels()[..65];
        assert_eq!([row[0], row[16], row[33], row[64]], [0, 128, 191, 255]);
    }

    #[test]
    fn filters_of_three_channels_are_coloured() {
        let weight = Tensor::from_vec(vec![1.0, 0.0, -1.0], &[1, 3, 1, 1]).unwrap();
        let image = &filters(&weight).unwrap().images[0];
        assert_eq!((image.channels(), &image.pixels()[..3]), (3, &[255, 128, 0][..]));
    }

    #[test]
    fn activations_are_an_image_an_input() {
        let x = Tensor::<f32>::ones(&[20, 5, 28, 28]);
        let pictures = activations(&x).unwrap().unwrap();
        assert_eq!(pictures.images.len(), MOST_INPUTS);
        assert_eq!((pictures.images[0].width(), pictures.images[0].height()), (3 * 29 - 1, 2 * 29 - 1));
        assert!(activations(&Tensor::<f32>::ones(&[2, 3, 4])).is_none());
        assert!(activations(&Tensor::<f32>::ones(&[0, 3])).is_none());
        let rows = activations(&Tensor::<f32>::ones(&[2, 64])).unwrap().unwrap();
        assert_eq!((rows.images[0].width(), rows.images[0].height()), (512, 16));
    }
}
