//! When a derivative is right: how far the tape may be from the differences, and how far those are
//! trusted.

use super::differences::{Estimate, Slope};
use super::report::Verdict;

/// What the tape says, and how far differences may be from it.
pub(super) struct Judge {
    pub analytic: f64,
    /// For an input of size 1.
    pub atol: f64,
    pub rtol: f64,
    /// The largest derivative of the function.
    pub largest: f64,
    /// The size of the input that moves, at least 1.
    pub unit: f64,
    /// The relative distance of neighbouring numbers.
    pub epsilon: f64,
}

impl Judge {
    pub(super) fn allowed(&self, numeric: Slope) -> f64 {
        let size = match numeric {
            Slope::Smooth(slope) => slope.value.abs(),
            Slope::Kink { left, right } => left.value.abs().max(right.value.abs()),
            Slope::Unknown => 0.0,
        };
        self.atol / self.unit + self.rtol * size.max(self.analytic.abs())
    }

    /// A difference counts only beyond the tolerance and the differences' own error, and these are
    /// trusted only if they know a quarter of all digits, of this derivative or of the largest, or half
    /// of them where these are small.
    pub(super) fn verdict(&self, numeric: Slope) -> Verdict {
        let allowed = self.allowed(numeric);
        match numeric {
            Slope::Smooth(Estimate { value, error }) => {
                let size = self.largest.max(self.analytic.abs()).max(value.abs());
                let enough = self.epsilon.sqrt() / self.unit + self.epsilon.powf(0.25) * size;
                let trusted = error <= allowed + enough;
                // An error so large is not known well either.
                let error = if trusted { error } else { 10.0 * error };
                let agrees = (self.analytic - value).abs() <= allowed + error;
                match (agrees, trusted) {
                    (true, true) => Verdict::Agrees,
                    (true, false) => Verdict::Untrusted,
                    (false, _) => Verdict::Wrong,
                }
            }
            Slope::Kink { left, right } => {
                let low = (left.value - left.error).min(right.value - right.error) - allowed;
                let high = (left.value + left.error).max(right.value + right.error) + allowed;
                if (low..=high).contains(&self.analytic) { Verdict::Kink } else { Verdict::Wrong }
            }
            Slope::Unknown => Verdict::Untrusted,
        }
    }
}

/// The sum of slopes, if some are kinks: a range, for each may choose for itself.
pub(super) fn range(slopes: impl Iterator<Item = Slope>) -> Option<Slope> {
    let zero = Estimate { value: 0.0, error: 0.0 };
    let (mut left, mut right, mut kinks) = (zero, zero, 0);
    let plus = |sum: &mut Estimate, term: Estimate| {
        *sum = Estimate { value: sum.value + term.value, error: sum.error + term.error };
    };
    for slope in slopes {
        let (low, high) = match slope {
            Slope::Smooth(slope) => (slope, slope),
            Slope::Kink { left, right } => {
                kinks += 1;
                if left.value < right.value { (left, right) } else { (right, left) }
            }
            Slope::Unknown => return None,
        };
        plus(&mut left, low);
        plus(&mut right, high);
    }
    (kinks > 0).then_some(Slope::Kink { left, right })
}
