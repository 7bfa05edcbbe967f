//! A line through the point: one entry moves, or all of them at once.

use super::function::{from_elements, random};
use super::report::Entry;
use crate::element::{Element, Float};
use crate::tensor::Tensor;
use crate::var::Var;
use rand::rngs::ChaCha8Rng;

/// By how much each input moves for a step of 1, and for which entry's sake.
pub(super) struct Line {
    pub entry: Entry,
    pub by: Vec<Option<Tensor<f64>>>,
    /// The step that is a step of 1 for an input of ordinary size.
    pub unit: f64,
    /// The step at which some entry has moved by its own size.
    pub own: f64,
}

impl Line {
    pub(super) fn new<T: Float>(
        entry: Entry,
        by: Vec<Option<Tensor<f64>>>,
        unit: f64,
        inputs: &[Tensor<T>],
    ) -> Line {
        let mut own = f64::INFINITY;
        for (x, by) in inputs.iter().zip(&by) {
            for (x, by) in x.as_slice().iter().zip(by.iter().flat_map(|by| by.as_slice())) {
                let steps = (wide(x) / by).abs();
                own = if steps > 0.0 { own.min(steps) } else { own };
            }
        }
        Line { entry, by, unit, own }
    }

    /// One entry of one input.
    pub(super) fn entry<T: Float>(input: usize, at: usize, inputs: &[Tensor<T>]) -> Line {
        let x = &inputs[input];
        let one_hot = from_elements((0..x.len()).map(|i| (i == at) as u8 as f64), x.shape());
        let by = (0..inputs.len()).map(|i| (i == input).then(|| one_hot.clone())).collect();
        let entry = Entry::Of { input, index: x.shape().index_of(at) };
        Line::new(entry, by, unit(wide(&x.as_slice()[at])), inputs)
    }

    /// A random direction, in which each entry moves by its own size.
    pub(super) fn random<T: Float>(number: usize, inputs: &[Tensor<T>], rng: &mut ChaCha8Rng) -> Line {
        let mut one = |x: &Tensor<T>| {
            let u: Tensor<T> = random(x.shape(), rng);
            let sizes = x.as_slice().iter().zip(u.as_slice());
            // Rounded to T, so that forward mode moves exactly as far.
            let by = sizes.map(|(x, u)| T::from_f64(wide(u) * unit(wide(x))).to_f64());
            Some(from_elements(by, x.shape()))
        };
        let by = inputs.iter().map(&mut one).collect();
        Line::new(Entry::Direction(number), by, 1.0, inputs)
    }

    /// The inputs `h` steps along.
    pub(super) fn at<T: Float>(&self, inputs: &[Tensor<T>], h: f64) -> Vec<Tensor<T>> {
        let moved = |(x, by): (&Tensor<T>, &Option<Tensor<f64>>)| match by {
            None => x.clone(),
            Some(by) => from_elements(
                x.as_slice().iter().zip(by.as_slice()).map(|(x, by)| T::from_f64(wide(x) + h * by)),
                x.shape(),
            ),
        };
        inputs.iter().zip(&self.by).map(moved).collect()
    }

    /// The line on which only these entries, each an input and a place, move.
    pub(super) fn only<T: Float>(&self, entries: &[(usize, usize)], inputs: &[Tensor<T>]) -> Line {
        let kept = |(i, by): (usize, &Option<Tensor<f64>>)| {
            let by = by.as_ref()?;
            let mut kept = vec![0.0; by.len()];
            for &(_, place) in entries.iter().filter(|&&(input, _)| input == i) {
                kept[place] = by.as_slice()[place];
            }
            Some(from_elements(kept.into_iter(), by.shape()))
        };
        let by = self.by.iter().enumerate().map(kept).collect();
        Line::new(self.entry.clone(), by, self.unit, inputs)
    }

    pub(super) fn tangents<T: Float>(&self, vars: &[Var<'_, T>]) -> Vec<Tensor<T>> {
        let tangent = |(x, by): (&Var<'_, T>, &Option<Tensor<f64>>)| {
            by.as_ref().map_or_else(|| Tensor::zeros(&x.shape()), Tensor::cast)
        };
        vars.iter().zip(&self.by).map(tangent).collect()
    }

    /// Reverse mode along the line. An entry that stands still adds nothing, whatever its gradient.
    pub(super) fn dot(&self, gradients: &[Tensor<f64>]) -> f64 {
        let moving = self.by.iter().zip(gradients).filter_map(|(by, g)| Some((by.as_ref()?, g)));
        let terms = moving.flat_map(|(by, g)| by.as_slice().iter().zip(g.as_slice()));
        terms.filter(|(by, _)| **by != 0.0).map(|(by, g)| by * g).sum()
    }
}

pub(super) fn wide<T: Float>(x: &T) -> f64 {
    Element::to_f64(*x)
}

/// The size that an entry is measured by.
pub(super) fn unit(x: f64) -> f64 {
    if x.is_finite() { x.abs().max(1.0) } else { 1.0 }
}
