//! What an equation says: for each operand an index an axis, and those of the result.
//!
//! An index is a letter. The axes that `...` stands for get numbers from [`ELLIPSIS`] on, counted
//! from the last, so that they line up as broadcasting does, and are then indices as any others.

use crate::error::ShapeError;
use crate::shape::Shape;
use smallvec::SmallVec;

/// An index for each axis.
pub(super) type Labels = SmallVec<[u8; 16]>;

/// The last axis of an ellipsis; no letter reaches it.
const ELLIPSIS: u8 = 128;

/// An equation and the lengths of its indices, which fit.
pub(super) struct Equation {
    pub operands: Vec<Labels>,
    pub output: Labels,
    lengths: Vec<(u8, usize)>,
}

fn wrong<V>(expected: impl Into<String>, given: impl Into<String>) -> Result<V, ShapeError> {
    Err(ShapeError::Expected { op: "einsum", expected: expected.into(), given: given.into() })
}

/// `index i`, or which axis of the ellipsis.
fn name(label: u8) -> String {
    match label.checked_sub(ELLIPSIS) {
        None => format!("index {}", label as char),
        Some(i) => format!("axis -{} of ...", i + 1),
    }
}

impl Equation {
    pub(super) fn new(equation: &str, shapes: &[Shape]) -> Result<Equation, ShapeError> {
        let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = match text.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (&text[..], None),
        };
        let terms: Vec<&str> = inputs.split(',').collect();
        if terms.len() != shapes.len() {
            return wrong(
                format!("one operand for each of the {} terms of \"{equation}\"", terms.len()),
                shapes.len().to_string(),
            );
        }
        let mut operands = Vec::with_capacity(terms.len());
        for (i, (term, shape)) in terms.into_iter().zip(shapes).enumerate() {
            operands.push(term_of(term, shape, i, equation)?);
        }
        let lengths = lengths(&operands, shapes)?;
        let output = match output {
            Some(output) => explicit(output, &operands, equation)?,
            None => implicit(&operands),
        };
        Ok(Equation { operands, output, lengths })
    }

    /// The length of an index: the longest of all operands, since 1 stretches.
    pub(super) fn length(&self, label: u8) -> usize {
        let place = self.lengths.iter().position(|&(l, _)| l == label);
        self.lengths[place.expect("an index of an operand")].1
    }
}

/// Letters before and after the ellipsis, and whether there is one.
fn letters<'a>(term: &'a str, equation: &str) -> Result<(&'a [u8], &'a [u8], bool), ShapeError> {
    let (before, after, ellipsis) = match term.split_once("...") {
        Some((before, after)) => (before, after, true),
        None => (term, "", false),
    };
    match before.chars().chain(after.chars()).find(|c| !c.is_ascii_alphabetic()) {
        Some(other) => {
            wrong("letters, commas, one ... a term and one ->", format!("'{other}' in \"{equation}\""))
        }
        None => Ok((before.as_bytes(), after.as_bytes(), ellipsis)),
    }
}

/// Letters around as many axes of an ellipsis.
fn around(before: &[u8], axes: usize, after: &[u8]) -> Labels {
    let ellipsis = (0..axes).rev().map(|i| ELLIPSIS + i as u8);
    before.iter().copied().chain(ellipsis).chain(after.iter().copied()).collect()
}

fn term_of(term: &str, shape: &Shape, operand: usize, equation: &str) -> Result<Labels, ShapeError> {
    let (before, after, ellipsis) = letters(term, equation)?;
    let named = before.len() + after.len();
    match shape.len().checked_sub(named) {
        Some(further) if ellipsis || further == 0 => Ok(around(before, further, after)),
        _ => wrong(
            format!("{}{named} axes for \"{term}\"", if ellipsis { "at least " } else { "" }),
            format!("shape {shape} as operand {operand}"),
        ),
    }
}

/// The length of each index: equal in all operands, or 1, but the same where one operand repeats it.
fn lengths(operands: &[Labels], shapes: &[Shape]) -> Result<Vec<(u8, usize)>, ShapeError> {
    // Index, length, and an operand that has it.
    let mut known: Vec<(u8, usize, usize)> = Vec::new();
    for (operand, (labels, shape)) in operands.iter().zip(shapes).enumerate() {
        for (i, (&label, &n)) in labels.iter().zip(shape.iter()).enumerate() {
            if let Some(j) = labels[..i].iter().position(|&l| l == label)
                && shape[j] != n
            {
                return wrong(
                    format!("one length for {}, whose diagonal is taken", name(label)),
                    format!("{} and {n} in operand {operand}", shape[j]),
                );
            }
            match known.iter_mut().find(|(l, ..)| *l == label) {
                None => known.push((label, n, operand)),
                Some((_, length, of)) if *length == 1 => (*length, *of) = (n, operand),
                Some((_, length, of)) if *length != n && n != 1 => {
                    return wrong(
                        format!("one length (or 1) for {}", name(label)),
                        format!("{length} in operand {of} and {n} in operand {operand}"),
                    );
                }
                Some(_) => {}
            }
        }
    }
    Ok(known.into_iter().map(|(label, n, _)| (label, n)).collect())
}

fn ellipsis_axes(operands: &[Labels]) -> usize {
    operands
        .iter()
        .flatten()
        .filter(|&&l| l >= ELLIPSIS)
        .map(|&l| (l - ELLIPSIS) as usize + 1)
        .max()
        .unwrap_or(0)
}

fn explicit(output: &str, operands: &[Labels], equation: &str) -> Result<Labels, ShapeError> {
    let (before, after, ellipsis) = letters(output, equation)?;
    let axes = ellipsis_axes(operands);
    if axes > 0 && !ellipsis {
        return wrong(
            "... in the result, since it stands for axes of the operands",
            format!("\"{equation}\""),
        );
    }
    let labels = around(before, axes, after);
    for (i, &label) in labels.iter().enumerate() {
        if !operands.iter().any(|operand| operand.contains(&label)) {
            return wrong(
                "indices in the result that an operand has",
                format!("{} in \"{equation}\"", label as char),
            );
        }
        if labels[..i].contains(&label) {
            return wrong(
                "each index of the result once",
                format!("{} twice in \"{equation}\"", label as char),
            );
        }
    }
    Ok(labels)
}

/// The ellipsis, then the letters that occur once, in alphabetical order.
fn implicit(operands: &[Labels]) -> Labels {
    let all: Vec<u8> = operands.iter().flatten().copied().filter(|&l| l < ELLIPSIS).collect();
    let mut once: Vec<u8> =
        all.iter().copied().filter(|l| all.iter().filter(|m| *m == l).count() == 1).collect();
    once.sort_unstable();
    around(&[], ellipsis_axes(operands), &once)
}
