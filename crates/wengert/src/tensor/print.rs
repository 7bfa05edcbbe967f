//! `Display` and `Debug` of tensors: the text that NumPy 2 prints for the same array.
//!
//! Aligned columns, a blank line between matrices, lines of at most 75 characters; above 1000
//! elements each long axis shows three at either end. Floats get the fewest digits that identify
//! them, at most 8 after the point, and one notation for the whole tensor. The rules, and their
//! odd corners, are those of NumPy's `_core/arrayprint.py`; `tests/numpy_print.txt` holds texts
//! made by it.
//!
//! Where this differs from NumPy:
//! - booleans are `true` and `false`, and take no more room than the longest shown;
//! - where two shortest texts of a float are equally near to it, Rust takes the upper one and
//!   NumPy the even one: 2^-12 as `f32` is `0.00024414063` here, `...62` there;
//! - `{:.3}` fixes the digits after the point, as `precision=3, floatmode='fixed'` does, and of a
//!   tensor without axes it is what Rust prints for that number. There are no other settings.
//!
//! The cost is a few strings for each element shown, at most 6 along each long axis.

use super::Tensor;
use crate::element::Element;
use std::fmt;

const LINE_WIDTH: usize = 75;
/// More elements than this, and long axes are shortened.
const THRESHOLD: usize = 1000;
/// How many are shown at either end of a shortened axis.
const EDGE: usize = 3;
/// The most digits after the point, unless the format string says another number.
const PRECISION: usize = 8;

/// NumPy's `str(array)`. `{:.3}` fixes the digits after the point; a width aligns a scalar.
///
/// ```
/// use wengert::{Tensor, tensor};
/// assert_eq!(tensor![[1.0, 2.5], [-10.0, 0.25]].to_string(), "[[  1.     2.5 ]\n [-10.     0.25]]");
/// assert_eq!(tensor![1e-5, 2.0].to_string(), "[1.e-05 2.e+00]");
/// assert_eq!(Tensor::<i64>::arange(2000).to_string(), "[   0    1    2 ... 1997 1998 1999]");
/// assert_eq!(format!("{:.3}", tensor![2.0, 1.0 / 3.0]), "[2.000 0.333]");
/// assert_eq!(Tensor::scalar(2.0).to_string(), "2.0");
/// ```
impl<T: Element> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ndim() == 0 {
            let text = scalar(self.item(), f.precision());
            return f.pad_integral(!text.starts_with('-'), "", text.trim_start_matches('-'));
        }
        if self.is_empty() {
            return f.write_str("[]");
        }
        let layout = Layout { axes: self.shape(), shortened: self.len() > THRESHOLD };
        let shown: Vec<T> = layout.offsets().iter().map(|&i| self.as_slice()[i]).collect();
        let mut text = String::new();
        layout.write(&mut text, &mut columns(&shown, f.precision()).iter(), 0);
        write!(f, "[{text}]")
    }
}

/// The element type and the shape, then the text of `Display`: below, if it has several lines.
///
/// ```
/// use wengert::{Tensor, tensor};
/// assert_eq!(format!("{:?}", tensor![1f32, 2.0]), "Tensor<f32>[2] [1. 2.]");
/// assert_eq!(format!("{:?}", tensor![[1u8], [2]]), "Tensor<u8>[2, 1]\n[[1]\n [2]]");
/// assert_eq!(format!("{:?}", Tensor::<f64>::zeros(&[0, 3])), "Tensor<f64>[0, 3] []");
/// ```
impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match f.precision() {
            Some(digits) => format!("{self:.digits$}"),
            None => self.to_string(),
        };
        let gap = if text.contains('\n') { '\n' } else { ' ' };
        write!(f, "Tensor<{}>{}{gap}{text}", T::NAME, self.shape())
    }
}

/// Which elements are shown, and the brackets, gaps and line breaks around their texts.
struct Layout<'a> {
    axes: &'a [usize],
    shortened: bool,
}

impl Layout<'_> {
    /// How many elements of an axis are shown before the dots and after them; without dots, all
    /// are after them.
    fn ends(&self, n: usize) -> (usize, usize) {
        if self.shortened && n > 2 * EDGE { (EDGE, EDGE) } else { (0, n) }
    }

    /// Where the shown elements are in the buffer, in order.
    fn offsets(&self) -> Vec<usize> {
        let mut offsets = vec![0];
        for &n in self.axes {
            let (leading, trailing) = self.ends(n);
            let along = |block: usize| (0..leading).chain(n - trailing..n).map(move |i| block * n + i);
            offsets = offsets.into_iter().flat_map(along).collect();
        }
        offsets
    }

    /// What is inside the brackets of `axis`, its elements taken from `cells`.
    fn write<'c>(&self, out: &mut String, cells: &mut impl Iterator<Item = &'c String>, axis: usize) {
        let (leading, trailing) = self.ends(self.axes[axis]);
        let indent = " ".repeat(axis + 1);
        let below = self.axes.len() - axis - 1;
        if below == 0 {
            let mut words: Vec<&str> = cells.take(leading + trailing).map(String::as_str).collect();
            if leading > 0 {
                words.insert(leading, "...");
            }
            return write_row(out, &words, &indent);
        }
        let gap = "\n".repeat(below) + &indent;
        for i in 0..leading + trailing {
            if i > 0 {
                out.push_str(&gap);
            }
            if leading > 0 && i == leading {
                out.push_str("...");
                out.push_str(&gap);
            }
            out.push('[');
            self.write(out, cells, axis + 1);
            out.push(']');
        }
    }
}

/// The words of the last axis, wrapped into lines that leave room for the closing brackets.
fn write_row(out: &mut String, words: &[&str], indent: &str) {
    let limit = LINE_WIDTH - indent.len();
    let mut column = indent.len();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            column += 1;
            if column + word.len() > limit {
                // A padded column before the break leaves no spaces at the end of the line.
                out.truncate(out.trim_end().len());
                out.push('\n');
                out.push_str(indent);
                column = indent.len();
            } else {
                out.push(' ');
            }
        }
        out.push_str(word);
        column += word.len();
    }
}

fn is_float<T: Element>() -> bool {
    matches!(T::NAME, "f32" | "f64")
}

/// The texts of all shown elements, aligned to one width.
fn columns<T: Element>(shown: &[T], precision: Option<usize>) -> Vec<String> {
    let texts: Vec<String> = if is_float::<T>() {
        floats(shown, precision)
    } else {
        shown.iter().map(|x| format!("{x:?}")).collect()
    };
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.into_iter().map(|text| format!("{text:>width$}")).collect()
}

/// Floats in one notation, with as many digits after the point and in the exponent.
fn floats<T: Element>(shown: &[T], precision: Option<usize>) -> Vec<String> {
    let scientific = needs_exponent(shown);
    let number = |&x: &T| match (non_finite(x.to_f64()), precision) {
        (Some(text), _) => Err(text),
        (None, Some(digits)) => Ok(Number::rounded(x, scientific, digits)),
        (None, None) => Ok(Number::shortest(x, scientific).at_most(PRECISION, x)),
    };
    let mut numbers: Vec<Result<Number, &str>> = shown.iter().map(number).collect();
    let finite = || numbers.iter().flatten();
    let digits = finite().map(|n| n.fraction.len()).max().unwrap_or(0);
    let power = finite().filter_map(|n| n.exponent).map(|e| format!("{e:+03}").len()).max().unwrap_or(0);
    if scientific {
        // NumPy fills up with digits of the exact value here, with spaces in plain decimals.
        for (number, &x) in numbers.iter_mut().zip(shown) {
            if let Ok(short) = number
                && short.fraction.len() < digits
            {
                *short = Number::rounded(x, scientific, digits);
            }
        }
    }
    let text = |number: &Result<Number, &str>| match number {
        Ok(Number { whole, fraction, exponent: Some(e) }) => format!("{whole}.{fraction}e{e:+0power$}"),
        Ok(Number { whole, fraction, exponent: None }) => format!("{whole}.{fraction:<digits$}"),
        Err(text) => text.to_string(),
    };
    numbers.iter().map(text).collect()
}

/// Whether plain decimals would be too long or too uneven: NumPy's rule, in the arithmetic of `T`.
fn needs_exponent<T: Element>(shown: &[T]) -> bool {
    let sizes = || shown.iter().map(|x| x.to_f64().abs()).filter(|&x| x > 0.0 && x.is_finite());
    let (max, min) = (sizes().fold(0.0, f64::max), sizes().fold(f64::INFINITY, f64::min));
    let rounded = |x: f64| T::from_f64(x).to_f64();
    let large = if T::NAME == "f32" { 1e6 } else { 1e8 };
    max > 0.0 && (max >= large || min < rounded(1e-4) || rounded(max / min) > 1000.0)
}

fn non_finite(x: f64) -> Option<&'static str> {
    match x {
        f64::INFINITY => Some("inf"),
        f64::NEG_INFINITY => Some("-inf"),
        x => x.is_nan().then_some("nan"),
    }
}

/// A tensor without axes: NumPy's `str` of a scalar, all digits that identify it.
fn scalar<T: Element>(x: T, precision: Option<usize>) -> String {
    let wide = x.to_f64();
    if !is_float::<T>() {
        return format!("{x:?}");
    }
    if let Some(text) = non_finite(wide) {
        return text.to_owned();
    }
    if let Some(digits) = precision {
        return format!("{wide:.digits$}");
    }
    let plain = 1e-4..if T::NAME == "f32" { 1e6 } else { 1e16 };
    let scientific = wide != 0.0 && !plain.contains(&wide.abs());
    let Number { whole, fraction, exponent } = Number::shortest(x, scientific);
    match (exponent, fraction.is_empty()) {
        (None, true) => format!("{whole}.0"),
        (None, false) => format!("{whole}.{fraction}"),
        (Some(e), true) => format!("{whole}e{e:+03}"),
        (Some(e), false) => format!("{whole}.{fraction}e{e:+03}"),
    }
}

/// A finite number in parts; scientific notation has an exponent.
struct Number {
    whole: String,
    fraction: String,
    exponent: Option<i32>,
}

impl Number {
    /// The fewest digits that identify `x` among the values of its own type.
    fn shortest<T: Element>(x: T, scientific: bool) -> Number {
        let wide = x.to_f64();
        let narrow = wide as f32;
        Number::parse(&match (T::NAME, scientific) {
            ("f32", false) => format!("{narrow}"),
            ("f32", true) => format!("{narrow:e}"),
            (_, false) => format!("{wide}"),
            (_, true) => format!("{wide:e}"),
        })
    }

    /// The exact value rounded, half to even.
    fn rounded<T: Element>(x: T, scientific: bool, digits: usize) -> Number {
        let wide = x.to_f64();
        Number::parse(&if scientific { format!("{wide:.digits$e}") } else { format!("{wide:.digits$}") })
    }

    /// This number, which is `x`, or `x` rounded without trailing zeros, if there are more digits.
    fn at_most<T: Element>(self, digits: usize, x: T) -> Number {
        if self.fraction.len() <= digits {
            return self;
        }
        let mut rounded = Number::rounded(x, self.exponent.is_some(), digits);
        rounded.fraction.truncate(rounded.fraction.trim_end_matches('0').len());
        rounded
    }

    /// From Rust's text, such as `-12`, `0.5` or `1.5e-7`.
    fn parse(text: &str) -> Number {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, ""));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Number { whole: whole.to_owned(), fraction: fraction.to_owned(), exponent: exponent.parse().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor;
    use std::str::FromStr;

    /// The text of one case of `tests/numpy_print.txt`, whose format `tests/numpy_print.py` tells.
    fn printed<T: Element + FromStr>(shape: &[usize], elements: &str, precision: Option<usize>) -> String {
        let number = |x: &str| x.parse::<f64>().unwrap();
        let elements = match elements.trim_end_matches(" i").split_once(" + ") {
            Some((start, step)) => {
                let element = |i: usize| T::from_f64(number(start) + number(step) * i as f64);
                (0..shape.iter().product()).map(element).collect()
            }
            None => elements.split_whitespace().map(|x| x.parse().ok().unwrap()).collect(),
        };
        let tensor = Tensor::from_vec(elements, shape).unwrap();
        precision.map_or_else(|| tensor.to_string(), |digits| format!("{tensor:.digits$}"))
    }

    #[test]
    fn the_text_is_numpys() {
        let mut lines = include_str!("../../tests/numpy_print.txt").lines().skip(1).peekable();
        let mut cases = 0;
        while let Some(head) = lines.next() {
            let text: Vec<&str> =
                std::iter::from_fn(|| lines.next_if(|l| l.starts_with('|')).map(|l| &l[1..])).collect();
            let (left, elements) = head.split_once(" =").unwrap();
            let (kind, left) = left.split_once(" [").unwrap();
            let (shape, precision) = left.split_once(']').unwrap();
            let shape: Vec<usize> = shape.split(", ").filter_map(|n| n.parse().ok()).collect();
            let precision = precision.strip_prefix(" .").map(|p| p.parse().unwrap());
            let print = match kind {
                "f32" => printed::<f32>,
                "f64" => printed::<f64>,
                "u8" => printed::<u8>,
                "i64" => printed::<i64>,
                "usize" => printed::<usize>,
                _ => printed::<bool>,
            };
            assert_eq!(print(&shape, elements.trim(), precision), text.join("\n"), "{head}");
            cases += 1;
        }
        assert!(cases > 150);
    }

    #[test]
    fn debug_adds_type_and_shape_and_keeps_the_precision() {
        assert_eq!(format!("{:?}", Tensor::scalar(2.0)), "Tensor<f64>[] 2.0");
        assert_eq!(format!("{:.1?}", tensor![[1f32], [2.25]]), "Tensor<f32>[2, 1]\n[[1.0]\n [2.2]]");
        assert_eq!(format!("{:?}", tensor![true, false]), "Tensor<bool>[2] [ true false]");
    }

    #[test]
    fn a_width_aligns_a_scalar() {
        assert_eq!(format!("[{:8.3}]", Tensor::scalar(-1.5)), "[  -1.500]");
        assert_eq!(format!("[{:6}]", Tensor::scalar(2.0)), "[   2.0]");
        assert_eq!(format!("[{:<6}]", Tensor::scalar(7u8)), "[7     ]");
    }

    #[test]
    fn differences_from_numpy_are_as_documented() {
        assert_eq!(tensor![true, true].to_string(), "[true true]");
        assert_eq!(Tensor::scalar(2f32.powi(-12)).to_string(), "0.00024414063");
        assert_eq!(format!("{:.2}", Tensor::scalar(1e-5)), "0.00");
    }
}
