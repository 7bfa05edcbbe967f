//! A tensor as cells: sign and size of each element at a glance.
//!
//! Without colours a cell is a sign and a digit, 9 for the largest. With colours, small tensors are the same
//! cells on coloured ground, larger ones half-blocks, two rows a line: blue below 0, orange above, which
//! those who confuse red and green can tell apart. The range stands below in numbers.

use std::fmt::Write;
use wengert::Tensor;
use wengert::trace::short;

/// What is left out beyond.
const ROWS: usize = 64;
const COLUMNS: usize = 64;
const MATRICES: usize = 8;
/// Wider ones are drawn as half-blocks where there are colours.
const CELLS: usize = 24;

pub(super) fn drawn(x: &Tensor<f64>, colour: bool) -> String {
    if x.is_empty() {
        return "it has no elements\n".into();
    }
    let shape = x.shape();
    let columns = shape.last().copied().unwrap_or(1);
    let rows = if shape.len() > 1 { shape[shape.len() - 2] } else { 1 };
    let finite = || x.as_slice().iter().filter(|x| x.is_finite());
    let largest = finite().fold(0.0f64, |m, x| m.max(x.abs()));
    let mut out = String::new();
    let matrices = x.len() / (rows * columns);
    for k in 0..matrices.min(MATRICES) {
        if matrices > 1 {
            let mut index = super::quantity::index_of(shape, k * rows * columns);
            index.truncate(shape.len() - 2);
            let index: Vec<String> = index.iter().map(usize::to_string).collect();
            writeln!(out, "[{}]", index.join(", ")).expect("a string takes all");
        }
        let matrix = &x.as_slice()[k * rows * columns..][..rows * columns];
        let shown = (rows.min(ROWS), columns.min(COLUMNS));
        if colour && (columns > CELLS || rows > CELLS) {
            blocks(&mut out, matrix, columns, shown, largest);
        } else {
            cells(&mut out, matrix, columns, shown, largest, colour);
        }
    }
    let left_out = [(matrices, MATRICES, "matrices"), (rows, ROWS, "rows"), (columns, COLUMNS, "columns")];
    for (count, most, what) in left_out.into_iter().filter(|(count, most, _)| count > most) {
        writeln!(out, "{} more {what}: take a slice", count - most).expect("a string takes all");
    }
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
    match low <= high {
        true => writeln!(
            out,
            "from {} to {}; 9 is {}, 0 below a twentieth of it",
            short(low),
            short(high),
            short(largest)
        ),
        false => writeln!(out, "no element is finite"),
    }
    .expect("a string takes all");
    out
}

/// A sign and a digit.
fn cell(x: f64, largest: f64) -> String {
    match x {
        x if x.is_nan() => " ?".into(),
        x if x.is_infinite() => if x > 0.0 { "+!" } else { "-!" }.into(),
        0.0 => " ·".into(),
        x => format!("{}{}", if x > 0.0 { '+' } else { '-' }, (9.0 * (x.abs() / largest)).round()),
    }
}

/// A colour of the 256: from white to blue below 0, to orange above.
fn ground(x: f64, largest: f64) -> u8 {
    const BELOW: [u8; 6] = [231, 189, 153, 111, 69, 27];
    const ABOVE: [u8; 6] = [231, 230, 223, 216, 209, 202];
    if !x.is_finite() {
        return 201;
    }
    let size = if largest == 0.0 { 0 } else { (5.0 * (x.abs() / largest)).round() as usize };
    if x < 0.0 { BELOW[size] } else { ABOVE[size] }
}

fn cells(
    out: &mut String,
    matrix: &[f64],
    columns: usize,
    shown: (usize, usize),
    largest: f64,
    colour: bool,
) {
    for row in matrix.chunks(columns).take(shown.0) {
        let mut line = String::new();
        for &x in &row[..shown.1] {
            let text = cell(x, largest);
            match colour {
                true => write!(line, "\u{1b}[38;5;16;48;5;{}m{text} \u{1b}[0m", ground(x, largest)),
                false => write!(line, "{text} "),
            }
            .expect("a string takes all");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn blocks(out: &mut String, matrix: &[f64], columns: usize, shown: (usize, usize), largest: f64) {
    let rows: Vec<&[f64]> = matrix.chunks(columns).take(shown.0).collect();
    for pair in rows.chunks(2) {
        for column in 0..shown.1 {
            write!(out, "\u{1b}[38;5;{}", ground(pair[0][column], largest)).expect("a string takes all");
            match pair.get(1) {
                Some(below) => write!(out, ";48;5;{}m▀", ground(below[column], largest)),
                None => write!(out, "m▀"),
            }
            .expect("a string takes all");
        }
        out.push_str("\u{1b}[0m\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_a_sign_and_a_size() {
        let x = Tensor::from_vec(vec![1.0, -0.5, 0.0, f64::NAN, f64::NEG_INFINITY, 0.01], &[2, 3]).unwrap();
        let text = drawn(&x, false);
        assert_eq!(text, "+9 -5  ·\n ? -! +0\nfrom -0.5 to 1; 9 is 1, 0 below a twentieth of it\n");
    }

    #[test]
    fn large_tensors_are_half_blocks_where_there_are_colours() {
        let x = Tensor::full(&[30, 70], -1.0);
        let text = drawn(&x, true);
        assert_eq!(text.matches('▀').count(), 15 * 64);
        assert!(text.contains("6 more columns"));
        assert!(!drawn(&x, false).contains('\u{1b}'));
        assert_eq!(drawn(&Tensor::zeros(&[0, 3]), true), "it has no elements\n");
        assert!(drawn(&Tensor::zeros(&[9, 2, 2]), false).contains("1 more matrices"));
    }
}
