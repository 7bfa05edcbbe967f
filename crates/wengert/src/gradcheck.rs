//! Numerical checks of gradients: central differences in `f64`.
//!
//! Each derivative is estimated at step h and at h/2, and Richardson's extrapolation removes the
//! h² term: (4·D(h/2) - D(h)) / 3 (L. F. Richardson, 1911). With h = 10⁻⁴ that is good to about
//! 10⁻¹⁰ for functions of ordinary scale, which leaves a wide gap between a right rule and a wrong one.
//! The second order is checked by default: the same comparison for a random projection of the
//! recorded gradient.

use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::fmt;

/// Checks the gradients of `f` at `inputs`, to second order, with default settings.
///
/// A result of any shape is projected on a random direction first. Give the closure in the call,
/// or as a `fn`.
///
/// # Errors
/// [`GradCheckError`] names order, input and entry, with both numbers.
///
/// ```
/// use wengert::{gradcheck, tensor};
/// let (a, b) = (tensor![[0.3, -1.2], [0.7, 0.1]], tensor![[0.5], [-0.4]]);
/// let report = gradcheck(|v| v[0].matmul(v[1]).tanh(), &[a, b])?;
/// assert!(report.worst < 1e-8);
/// # Ok::<(), wengert::GradCheckError>(())
/// ```
pub fn gradcheck<F>(f: F, inputs: &[Tensor<f64>]) -> Result<GradCheckReport, GradCheckError>
where
    F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
{
    GradCheck::new().check(f, inputs)
}

/// The settings of a check.
#[derive(Clone, Debug)]
pub struct GradCheck {
    step: f64,
    rtol: f64,
    atol: f64,
    order: usize,
    directions: Option<usize>,
    seed: u64,
}

impl Default for GradCheck {
    fn default() -> Self {
        GradCheck { step: 1e-4, rtol: 1e-6, atol: 1e-7, order: 2, directions: None, seed: 0 }
    }
}

impl GradCheck {
    /// Second order, every entry (random directions above 256 entries), 10⁻⁶ relative and 10⁻⁷
    /// absolute tolerance.
    pub fn new() -> GradCheck {
        GradCheck::default()
    }

    /// The step of the differences, for entries up to 1 in size; larger ones scale it. Default 10⁻⁴.
    pub fn step(self, step: f64) -> GradCheck {
        GradCheck { step, ..self }
    }

    /// Relative tolerance. Default 10⁻⁶.
    pub fn rtol(self, rtol: f64) -> GradCheck {
        GradCheck { rtol, ..self }
    }

    /// Absolute tolerance. Default 10⁻⁷.
    pub fn atol(self, atol: f64) -> GradCheck {
        GradCheck { atol, ..self }
    }

    /// How many derivatives to check: 1 the gradient, 2 (the default) also that of the gradient.
    pub fn order(self, order: usize) -> GradCheck {
        GradCheck { order, ..self }
    }

    /// Every entry of every input, however many.
    pub fn full(self) -> GradCheck {
        GradCheck { directions: Some(0), ..self }
    }

    /// Only this many random directions: two evaluations each, whatever the number of entries.
    pub fn directions(self, count: usize) -> GradCheck {
        GradCheck { directions: Some(count.max(1)), ..self }
    }

    /// The seed of projections and directions.
    pub fn seed(self, seed: u64) -> GradCheck {
        GradCheck { seed, ..self }
    }

    /// Checks the gradients of `f` at `inputs`.
    ///
    /// # Errors
    /// The first entry that differs by more than `atol + rtol · |larger|`, or a result that is not finite.
    pub fn check<F>(&self, f: F, inputs: &[Tensor<f64>]) -> Result<GradCheckReport, GradCheckError>
    where
        F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    {
        let mut report = GradCheckReport { worst: 0.0, checked: 0 };
        for order in 1..=self.order {
            let projected = Projected { f: &f, order, seed: self.seed };
            self.check_order(&projected, inputs, &mut report)?;
        }
        Ok(report)
    }

    fn check_order<F>(
        &self,
        projected: &Projected<'_, F>,
        inputs: &[Tensor<f64>],
        report: &mut GradCheckReport,
    ) -> Result<(), GradCheckError>
    where
        F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    {
        let order = projected.order;
        let tape = GradientTape::new();
        let vars: Vec<Var<f64>> = inputs.iter().map(|x| tape.var(x)).collect();
        let value = projected.on(&tape, &vars);
        if !value.item().is_finite() {
            return Err(GradCheckError::NotFinite { order, value: value.item() });
        }
        let grads = value.backward();
        let analytic: Vec<Tensor<f64>> = vars
            .iter()
            .map(|&v| grads.get(v).cloned().unwrap_or_else(|| Tensor::zeros(&v.shape())))
            .collect();

        self.compare_sweeps(order, &analytic, &tape.gradient(value, &vars))?;

        let entries: usize = inputs.iter().map(Tensor::len).sum();
        let directions = self.directions.unwrap_or(if entries > 256 { 8 } else { 0 });
        if directions > 0 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0xd1);
            for direction in 0..directions {
                let along: Vec<Tensor<f64>> =
                    inputs.iter().map(|x| random_like(x.shape(), &mut rng)).collect();
                let dot = |(a, d): (&Tensor<f64>, &Tensor<f64>)| -> f64 {
                    a.as_slice().iter().zip(d.as_slice()).map(|(a, d)| a * d).sum()
                };
                let analytic = analytic.iter().zip(&along).map(dot).sum();
                let numeric =
                    self.difference(self.step, |h| projected.at(inputs, |i, j| h * along[i].as_slice()[j]));
                self.compare(order, Entry::Direction(direction), analytic, numeric, report)?;
            }
            return Ok(());
        }
        for (i, x) in inputs.iter().enumerate() {
            for j in 0..x.len() {
                let h = self.step * x.as_slice()[j].abs().max(1.0);
                let moved = |h: f64| projected.at(inputs, |a, b| if (a, b) == (i, j) { h } else { 0.0 });
                let entry = Entry::Of { input: i, index: x.shape().index_of(j) };
                self.compare(order, entry, analytic[i].as_slice()[j], self.difference(h, moved), report)?;
            }
        }
        Ok(())
    }

    /// The recorded sweep has fused rules in another form than the numeric one: both must agree.
    fn compare_sweeps(
        &self,
        order: usize,
        numeric: &[Tensor<f64>],
        recorded: &[Var<'_, f64>],
    ) -> Result<(), GradCheckError> {
        for (input, (numeric, recorded)) in numeric.iter().zip(recorded).enumerate() {
            let recorded = recorded.value();
            for (j, (&a, &b)) in numeric.as_slice().iter().zip(recorded.as_slice()).enumerate() {
                // Equal infinities and NaN agree here; the differences have their say on them.
                let same = a == b || (a.is_nan() && b.is_nan());
                let within = same || (a - b).abs() <= self.atol + self.rtol * a.abs().max(b.abs());
                if !within {
                    let entry = Entry::Of { input, index: numeric.shape().index_of(j) };
                    return Err(GradCheckError::Sweeps { order, entry, backward: a, gradient: b });
                }
            }
        }
        Ok(())
    }

    /// Richardson's extrapolation of central differences.
    fn difference(&self, h: f64, f: impl Fn(f64) -> f64) -> f64 {
        let central = |h: f64| (f(h) - f(-h)) / (2.0 * h);
        (4.0 * central(h / 2.0) - central(h)) / 3.0
    }

    fn compare(
        &self,
        order: usize,
        entry: Entry,
        analytic: f64,
        numeric: f64,
        report: &mut GradCheckReport,
    ) -> Result<(), GradCheckError> {
        let error = (analytic - numeric).abs();
        let allowed = self.atol + self.rtol * analytic.abs().max(numeric.abs());
        // Not `error > allowed`: a NaN must fail.
        let within = error <= allowed;
        if !within {
            return Err(GradCheckError::Mismatch { order, entry, analytic, numeric, error, allowed });
        }
        report.checked += 1;
        report.worst = report.worst.max(error / analytic.abs().max(numeric.abs()).max(1.0));
        Ok(())
    }
}

/// `f` projected to a scalar: sum(f · random) for order 1; for order n + 1, the gradients of the
/// projection of order n, projected again.
struct Projected<'f, F> {
    f: &'f F,
    order: usize,
    seed: u64,
}

impl<F> Projected<'_, F>
where
    F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
{
    fn on<'t>(&self, tape: &'t GradientTape<f64>, vars: &[Var<'t, f64>]) -> Var<'t, f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let project = |x: Var<'t, f64>, rng: &mut ChaCha8Rng| {
            let direction = tape.constant(random_like(&x.shape(), rng));
            (x * direction).sum()
        };
        let mut value = project((self.f)(vars), &mut rng);
        for _ in 1..self.order {
            let gradients = tape.gradient(value, vars);
            let terms = gradients.into_iter().map(|g| project(g, &mut rng));
            value = terms.reduce(|a, b| a + b).unwrap_or_else(|| tape.constant(0.0));
        }
        value
    }

    /// The value with every entry `j` of input `i` moved by `by(i, j)`.
    fn at(&self, inputs: &[Tensor<f64>], by: impl Fn(usize, usize) -> f64) -> f64 {
        let tape = GradientTape::new();
        let moved = |(i, x): (usize, &Tensor<f64>)| {
            let elements = x.as_slice().iter().enumerate().map(|(j, x)| x + by(i, j)).collect();
            tape.var(Tensor::from_vec(elements, x.shape()).expect("the shape of a tensor fits it"))
        };
        let vars: Vec<Var<f64>> = inputs.iter().enumerate().map(moved).collect();
        self.on(&tape, &vars).item()
    }
}

/// Uniform in ±[½, 1½]: no entry is near 0, so that none is left out of a projection.
fn random_like(shape: &Shape, rng: &mut ChaCha8Rng) -> Tensor<f64> {
    let one = |_| {
        let u: f64 = rng.random_range(-1.0..1.0);
        u + if u < 0.0 { -0.5 } else { 0.5 }
    };
    Tensor::from_vec((0..shape.elements()).map(one).collect(), shape).expect("one number an element")
}

/// What a passed check has seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradCheckReport {
    /// The largest |analytic - numeric| / max(1, |analytic|, |numeric|).
    pub worst: f64,
    /// How many derivatives were compared, over all orders.
    pub checked: usize,
}

/// Which derivative was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// With respect to one entry of one input.
    Of {
        /// Which input.
        input: usize,
        /// Which entry, one number an axis.
        index: Vec<usize>,
    },
    /// Along a random direction over all inputs.
    Direction(usize),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Of { input, index } => write!(f, "input {input} at {index:?}"),
            Entry::Direction(i) => write!(f, "random direction {i}"),
        }
    }
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GradCheckError {
    /// A derivative differs from its numerical estimate.
    #[error(
        "derivative {order} of {entry}: the tape says {analytic:e}, differences say {numeric:e}; they differ by {error:.1e}, more than the {allowed:.1e} allowed"
    )]
    Mismatch {
        /// 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Which derivative.
        entry: Entry,
        /// What the tape computed.
        analytic: f64,
        /// What the differences estimate.
        numeric: f64,
        /// How much they differ.
        error: f64,
        /// How much they may.
        allowed: f64,
    },
    /// The numeric sweep (`backward`) and the recorded one (`gradient`) differ.
    #[error("derivative {order} of {entry}: backward says {backward:e}, gradient says {gradient:e}")]
    Sweeps {
        /// 1 for the gradient, 2 for the gradient of a projection of it.
        order: usize,
        /// Which derivative.
        entry: Entry,
        /// What the numeric sweep computed.
        backward: f64,
        /// What the recorded sweep computed.
        gradient: f64,
    },
    /// The function is not finite at the given inputs, so differences say nothing.
    #[error(
        "the function (for derivative {order}) is {value} at the given inputs: check at a point where it is finite"
    )]
    NotFinite {
        /// Which derivative was to be checked.
        order: usize,
        /// The value that was found.
        value: f64,
    },
}
