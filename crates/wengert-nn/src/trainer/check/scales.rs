//! Inputs and activations: neither huge, nor tiny, nor all alike.

use super::{About, Check};
use wengert::{Element, Float, GradientTape, NodeId, Tensor};

/// Looks at the first `inner` nodes of a tape: those of the model.
pub(super) fn check<T: Float>(check: &mut Check, tape: &GradientTape<T>, inner: usize) {
    let mut seen = Seen::default();
    tape.each_value(|id, op, x| {
        if id.index() >= inner || x.len() < 2 {
            return;
        }
        let (mean, deviation, largest) = moments(x);
        // The first leaf is the batch of inputs; inputs that are no numbers have none.
        if id.index() == 0 && op == "constant" {
            check_inputs(check, largest, mean, deviation);
            return;
        }
        let place = || place(tape, id, op);
        let ones = || share(x, |x| x.abs() > 0.99);
        if op == "relu" && largest == 0.0 && !seen.dead {
            seen.dead = true;
            check.find(
                About::Activations,
                format!("{} is zero everywhere", place()),
                "nothing flows back through it: smaller first weights, a smaller learning rate, or leaky_relu",
            );
        } else if (op == "tanh" || op == "sigmoid") && !seen.saturated && saturated(op, x, ones) {
            seen.saturated = true;
            check.find(
                About::Activations,
                format!("{} is saturated: more than 9 of 10 values are at its bounds", place()),
                "little flows back through it: scale the inputs to about -1 to 1, or start with smaller weights",
            );
        } else if largest > 1e4 && !seen.large && !op.contains("constant") && op != "parameter" {
            seen.large = true;
            check.find(
                About::Activations,
                format!("{} goes up to {largest:.1e}", place()),
                "scale the inputs to about -1 to 1, start with smaller weights, or normalise between layers",
            );
        }
    });
}

/// What has been named once is not named again for every layer behind it.
#[derive(Default)]
struct Seen {
    dead: bool,
    saturated: bool,
    large: bool,
}

fn check_inputs(check: &mut Check, largest: f64, mean: f64, deviation: f64) {
    let scale = "bring them to about -1 to 1: divide by their largest value, or subtract their mean and divide by their standard deviation";
    if largest > 100.0 {
        check.find(About::Inputs, format!("inputs go up to {largest:.4}"), scale);
    } else if deviation == 0.0 {
        check.find(
            About::Inputs,
            format!("all inputs of the batch are {mean:.4}"),
            "look how the data was read; there is nothing to learn from",
        );
    } else if largest < 1e-2 {
        check.find(About::Inputs, format!("inputs are tiny, at most {largest:.1e}"), scale);
    } else if mean.abs() > 10.0 * deviation {
        let what = format!("inputs lie around {mean:.4}, and differ from it by {deviation:.4} only");
        check.find(About::Inputs, what, scale);
    }
}

fn saturated<T: Float>(op: &str, x: &Tensor<T>, ones: impl Fn() -> f64) -> bool {
    let zeros = || share(x, |x| !(0.01..=0.99).contains(&x));
    if op == "tanh" { ones() > 0.9 } else { zeros() > 0.9 }
}

fn share<T: Float>(x: &Tensor<T>, is: impl Fn(f64) -> bool) -> f64 {
    let count = x.as_slice().iter().filter(|&&x| is(Element::to_f64(x))).count();
    count as f64 / x.len() as f64
}

/// Mean, standard deviation and largest absolute value.
fn moments<T: Float>(x: &Tensor<T>) -> (f64, f64, f64) {
    let all = || x.as_slice().iter().map(|&x| Element::to_f64(x));
    let n = x.len() as f64;
    let mean = all().sum::<f64>() / n;
    let variance = all().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt(), all().fold(0.0, |largest, x| largest.max(x.abs())))
}

/// A node as a finding names it.
fn place<T: Float>(tape: &GradientTape<T>, id: NodeId, op: &str) -> String {
    let (at, scope) = (tape.location_of(id), tape.scope_of(id));
    let scope = if scope.is_empty() { String::new() } else { format!(" of {scope}") };
    format!("`{op}`{scope} ({}:{})", at.file(), at.line())
}
