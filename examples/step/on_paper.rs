//! The gradients of the network as one finds them on paper, to compare the tape with.

use crate::images::Image;
use crate::network::{Weights, target};
use wengert::Tensor;

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The 47 derivatives as one finds them on paper: for cost ½·Σ(t - a)², output errors
/// δ = (a - t)·a·(1 - a), hidden errors Σ w·δ·h·(1 - h), and each weight's its unit's error times its input.
pub fn closed_form(weights: &Weights, image: &Image, label: usize) -> [Vec<f64>; 4] {
    let layer = |w: &Tensor<f64>, b: &Tensor<f64>, x: &[f64]| -> Vec<f64> {
        let rows = w.as_slice().chunks(x.len()).zip(b.as_slice());
        rows.map(|(row, b)| sigmoid(row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + b)).collect()
    };
    let h = layer(&weights.hidden, &weights.hidden_bias, image);
    let a = layer(&weights.output, &weights.output_bias, &h);
    let outer = |deltas: &[f64], x: &[f64]| -> Vec<f64> {
        deltas.iter().flat_map(|delta| x.iter().map(move |x| delta * x)).collect()
    };
    let errors: Vec<f64> = a.iter().zip(target(label)).map(|(a, t)| (a - t) * a * (1.0 - a)).collect();
    let back = |j: usize| (0..2).map(|k| weights.output.as_slice()[3 * k + j] * errors[k]).sum::<f64>();
    let hidden: Vec<f64> = (0..3).map(|j| back(j) * h[j] * (1.0 - h[j])).collect();
    [outer(&hidden, image), hidden, outer(&errors, &h), errors]
}
