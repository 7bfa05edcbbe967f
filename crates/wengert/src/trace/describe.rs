//! The formulas of every operation, in symbols. Those of elementwise operations write themselves; see
//! `formula.rs`. The others stand here, a line each.

use super::data::OpDoc;
use super::formula::{self, Symbols};
use crate::element::Float;
use crate::ops::{Linalg, Op, Pool2d, Product, Reduce, Scan, Softmax, Sort, View};
use crate::tape::GradientTape;
use crate::tape::arena::Node;

/// Names of operands in formulas.
pub(super) const OPERANDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub(super) fn doc<T: Float>(tape: &GradientTape<T>, node: &Node<T>) -> OpDoc {
    let arena = tape.arena.borrow();
    let inputs = arena.inputs(node).len();
    let (forward, rules): (&str, &[&str]) = match node.op {
        Op::Leaf(_) => return OpDoc::default(),
        Op::Unary(op) => {
            let numbers = arena.numbers_of(node);
            let symbols = Symbols { x: &["x"], y: "y", y_bar: "ȳ" };
            return OpDoc {
                forward: format!("y = {}", formula::unary(op, numbers, &symbols)),
                rules: vec![formula::unary_rule(op, numbers, &symbols)],
            };
        }
        Op::Binary(op) => {
            let symbols = Symbols { x: &["a", "b"], y: "y", y_bar: "ȳ" };
            return OpDoc {
                forward: format!("y = {}", formula::binary(op, &symbols)),
                rules: [0, 1].map(|wrt| formula::binary_rule(op, wrt, &symbols)).to_vec(),
            };
        }
        Op::Custom(at) => {
            let name = arena.extension(at).name();
            let doc = arena.extension(at).doc();
            return doc.unwrap_or_else(|| OpDoc {
                forward: format!("y = {name}({})", OPERANDS[..inputs.min(8)].join(", ")),
                rules: vec!["the operation's own vjp".into(); inputs],
            });
        }
        Op::Detach => ("y = x", &["nothing: x is cut off"]),
        Op::Where => {
            ("y = b where a, else c", &["nothing: a chooses", "ȳ where a, else 0", "0 where a, else ȳ"])
        }
        Op::Reduce { what: Reduce::Sum, .. } => ("y = Σ x", &["ȳ, repeated over the summed axes"]),
        Op::Reduce { what: Reduce::Mean, .. } => ("y = Σ x / n", &["ȳ / n, repeated over the summed axes"]),
        Op::Reduce { what: Reduce::Max, .. } => {
            ("y = max x", &["ȳ where x is the maximum, shared evenly by ties"])
        }
        Op::Reduce { what: Reduce::Min, .. } => {
            ("y = min x", &["ȳ where x is the minimum, shared evenly by ties"])
        }
        Op::Reduce { what: Reduce::LogSumExp, .. } => ("y = ln Σ exp(x)", &["ȳ · exp(x - y)"]),
        Op::View(View::Reshape, _) => ("y = x in another shape", &["ȳ in the shape of x"]),
        Op::View(View::BroadcastTo, _) => ("y = x, repeated", &["ȳ, summed over the repeated axes"]),
        Op::View(View::Permute, _) => ("y = x with its axes in another order", &["ȳ with its axes put back"]),
        Op::View(View::Slice, _) => ("y = a part of x", &["ȳ in its place, 0 elsewhere"]),
        Op::View(View::Unslice, _) => ("y = x in its place, 0 elsewhere", &["that part of ȳ"]),
        Op::View(View::Concat, _) => {
            return OpDoc {
                forward: "y = the operands one after the other".into(),
                rules: vec!["its part of ȳ".into(); inputs],
            };
        }
        Op::View(View::Band, _) => ("y = a band of x, 0 elsewhere", &["the same band of ȳ"]),
        Op::Index(crate::ops::Index::Select, _) => ("y = x at the indices", &["ȳ added up at the indices"]),
        Op::Index(crate::ops::Index::Add, _) => ("y = x added up at the indices", &["ȳ at the indices"]),
        Op::Sort(Sort::Sort, _) => ("y = x in order", &["ȳ put back where it came from"]),
        Op::Sort(Sort::SortBy, _) => {
            ("y = b in the order of a", &["nothing: a gives the order", "ȳ put back"])
        }
        Op::Sort(Sort::Unsort, _) => ("y = b put back from the order of a", &["nothing", "ȳ in that order"]),
        Op::Scan(Scan::Sum, _) => ("y = running sums of x", &["running sums of ȳ from the other end"]),
        Op::Scan(..) => {
            ("y[i] = a[i] · y[i-1] + b[i]", &["λ[i] · y[i-1], λ the recurrence of ȳ run backwards", "λ"])
        }
        Op::Matmul(Product::NN) => ("y = a·b", &["ȳ·bᵀ", "aᵀ·ȳ"]),
        Op::Matmul(Product::NT) => ("y = a·bᵀ", &["ȳ·b", "ȳᵀ·a"]),
        Op::Matmul(Product::TN) => ("y = aᵀ·b", &["b·ȳᵀ", "a·ȳ"]),
        Op::Linear => ("y = a·bᵀ + c", &["ȳ·b", "ȳᵀ·a", "ȳ, summed over rows"]),
        Op::Softmax(Softmax::Softmax, _) => ("y = exp(x) / Σ exp(x)", &["y · (ȳ - Σ y·ȳ)"]),
        Op::Softmax(Softmax::LogSoftmax, _) => ("y = x - ln Σ exp(x)", &["ȳ - exp(y) · Σ ȳ"]),
        Op::CrossEntropy(_) => ("y = ln Σ exp(x) - x[label]", &["ȳ · (softmax(x) - one_hot(label))"]),
        Op::Conv(crate::ops::Conv::Forward, _) => (
            "y = a ⋆ b (+ c), a sum over each window",
            &[
                "the transposed convolution of ȳ with b",
                "the correlation of a with ȳ",
                "ȳ, summed over images and places",
            ],
        ),
        Op::Conv(crate::ops::Conv::Input, _) => {
            ("y = a ⋆ᵀ b, the transposed convolution", &["ȳ ⋆ b", "the correlation of ȳ with a"])
        }
        Op::Conv(..) => {
            ("y = the correlation of a with b", &["the transposed convolution of b with ȳ", "a ⋆ ȳ"])
        }
        Op::Pool2d(Pool2d::Max, _) => {
            ("y = the maximum of each window", &["ȳ at the first maximum of each window"])
        }
        Op::Pool2d(Pool2d::Avg, _) => ("y = the mean of each window", &["ȳ / n, spread over each window"]),
        Op::Pool2d(Pool2d::MaxPick, _) => {
            ("y = b at the maxima of a's windows", &["nothing", "ȳ at those places"])
        }
        Op::Pool2d(Pool2d::MaxUnpick, _) => {
            ("y = b at the places of a's maxima", &["nothing", "ȳ picked there"])
        }
        Op::Pool2d(Pool2d::AvgUnpool, _) => {
            ("y = x / n, spread over each window", &["the mean of each window of ȳ"])
        }
        Op::Dropout(_) => ("y = x · mask / (1 - rate)", &["ȳ · mask / (1 - rate)"]),
        Op::Linalg(Linalg::Inverse) => ("y = x⁻¹", &["-yᵀ·ȳ·yᵀ"]),
        Op::Linalg(Linalg::Solve) => ("y = a⁻¹·b", &["-(a⁻ᵀ·ȳ)·yᵀ", "a⁻ᵀ·ȳ"]),
        Op::Linalg(Linalg::Det) => ("y = det x", &["ȳ · the cofactors of x"]),
        Op::Linalg(Linalg::LogDet) => ("y = ln |det x|", &["ȳ · x⁻ᵀ"]),
        Op::Linalg(Linalg::Cholesky) => ("y = L with x = L·Lᵀ", &["L⁻ᵀ·Φ(Lᵀ·ȳ)·L⁻¹, made symmetric"]),
        Op::Linalg(_) => ("y = a decomposition of x", &["through its factors"]),
    };
    OpDoc { forward: forward.into(), rules: rules.iter().take(inputs).map(|rule| rule.to_string()).collect() }
}
