//! Sixty-four images of 4x3 pixels, drawn for this example: thirty-two zeros and thirty-two ones.
//!
//! Each is a drawing in which some pixels are left to a shaky hand, and all ways to fill those in are taken.

/// An image: 12 pixels, row by row, 0 or 1; pixel 1 is the first.
pub type Image = [f64; 12];

/// `#` is ink, `.` is paper, and a hand may leave `?` either way.
const ZERO: [&str; 4] = ["?#?", "#.#", "#.#", "??#"];
const ONE: [&str; 4] = ["??.", ".#.", ".#.", "???"];

/// Zeros, then ones, with their label.
pub fn images() -> Vec<(Image, usize)> {
    let filled = |drawing: [&str; 4], label: usize| {
        let pixels: Vec<char> = drawing.iter().flat_map(|row| row.chars()).collect();
        let open = pixels.iter().filter(|&&pixel| pixel == '?').count();
        (0..1u32 << open).map(move |way| {
            let mut next = 0;
            let mut image = [0.0; 12];
            for (pixel, &drawn) in image.iter_mut().zip(&pixels) {
                let ink = match drawn {
                    '?' => {
                        next += 1;
                        way >> (next - 1) & 1 == 1
                    }
                    drawn => drawn == '#',
                };
                *pixel = ink as u8 as f64;
            }
            (image, label)
        })
    };
    // Both ways of an open pixel double the number: 2^4 zeros, with and without noise inside.
    let zeros = filled(ZERO, 0).flat_map(|(image, label)| {
        let mut noisy = image;
        noisy[4] = 1.0;
        [(image, label), (noisy, label)]
    });
    zeros.chain(filled(ONE, 1)).collect()
}

/// An image as text, a row a line.
pub fn drawn(image: &Image) -> String {
    let row = |row: &[f64]| row.iter().map(|&ink| if ink > 0.5 { "██" } else { "··" }).collect::<String>();
    image.chunks(3).map(row).collect::<Vec<_>>().join("\n")
}
