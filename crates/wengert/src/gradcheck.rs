//! Gradients against differences, forward mode and each other, to any order.
//!
//! Four ways to a derivative that share as little as they can: `backward` (rules over numbers),
//! `gradient` (rules, recorded), forward mode (the operations themselves over dual numbers), and
//! differences (values alone). Differences know their own error, and are believed no further:
//! `differences.rs` says how. A wrong derivative is traced to the first operation that is wrong by
//! itself: `nodes.rs`.
//!
//! A check costs six evaluations for each entry and order, some seventy where the first glance does
//! not settle it: at kinks, at steep places, and where something is wrong.

mod alone;
mod compare;
mod differences;
mod error;
mod function;
mod judge;
mod line;
mod nodes;
mod preconditions;
mod report;

use crate::element::Float;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use function::{Function, Order, seeded};
use std::cell::RefCell;

pub(crate) use alone::{Alone, Claim};
pub use differences::{Estimate, Slope};
pub use error::{Culprit, GradCheckError, Operation, Rule};
pub use report::{Comparison, Entry, GradCheckReport, Row, Verdict};

/// Checks the gradients of `f` at `inputs`, to second order, with default settings.
///
/// A result of any shape is projected on a random direction first. Give the closure in the call,
/// or as a `fn`. In tests, [`assert_gradients!`](crate::assert_gradients) says the same in fewer words.
///
/// # Errors
/// [`GradCheckError`] names order, input and entry, with both numbers, and the operation that is to
/// blame, with its line.
///
/// ```
/// use wengert::{gradcheck, tensor};
/// let (a, b) = (tensor![[0.3, -1.2], [0.7, 0.1]], tensor![[0.5], [-0.4]]);
/// let report = gradcheck(|v| v[0].matmul(v[1]).tanh(), &[a, b])?;
/// assert!(report.worst < 1e-8);
///
/// // What is wrong is named: the operation, its line, and one entry with both numbers.
/// let error = gradcheck(|v| v[0].map_gradient(|g| g * 0.5).square(), &[tensor![1.0]]).unwrap_err();
/// assert!(error.to_string().contains("culprit: %1 `map_gradient %0` ("), "{error}");
///
/// // At a corner there is no derivative: the check says so, and accepts either slope.
/// let report = gradcheck(|v| v[0].relu(), &[tensor![-1.0, 0.0, 1.0]])?;
/// assert_eq!(report.kinks[0].entry.to_string(), "input 0 at [1]");
/// # Ok::<(), wengert::GradCheckError>(())
/// ```
pub fn gradcheck<T: Float, F>(f: F, inputs: &[Tensor<T>]) -> Result<GradCheckReport, GradCheckError>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    GradCheck::new().check(f, inputs)
}

/// The settings of a check.
///
/// ```
/// use wengert::{GradCheck, tensor};
/// let report = GradCheck::new().order(3).check(|v| v[0].exp(), &[tensor![0.1, 0.2]])?;
/// assert_eq!(report.checked, 6);
/// # Ok::<(), wengert::GradCheckError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GradCheck {
    step: Option<f64>,
    rtol: Option<f64>,
    atol: Option<f64>,
    order: usize,
    directions: Option<usize>,
    seed: u64,
    f32: bool,
}

impl Default for GradCheck {
    fn default() -> Self {
        GradCheck { step: None, rtol: None, atol: None, order: 2, directions: None, seed: 0, f32: false }
    }
}

impl GradCheck {
    /// Second order; every entry, or eight random directions above 256 entries.
    pub fn new() -> GradCheck {
        GradCheck::default()
    }

    /// The widest step, for an input of up to 1 in size; larger ones scale it. Narrower ones are
    /// tried where they are needed. Default 1/128; 1/16 in `f32`.
    pub fn step(self, step: f64) -> GradCheck {
        GradCheck { step: Some(step), ..self }
    }

    /// Relative tolerance, beyond the error of the differences. Default 10⁻⁶; 10⁻³ in `f32`.
    pub fn rtol(self, rtol: f64) -> GradCheck {
        GradCheck { rtol: Some(rtol), ..self }
    }

    /// Absolute tolerance, beyond the error of the differences, of the derivative by an input that is
    /// measured by its own size, or by 1 if it is smaller. Default 10⁻¹²; 10⁻⁶ in `f32`.
    pub fn atol(self, atol: f64) -> GradCheck {
        GradCheck { atol: Some(atol), ..self }
    }

    /// How many derivatives to check: 1 the gradient, 2 (the default) also that of the gradient.
    pub fn order(self, order: usize) -> GradCheck {
        GradCheck { order, ..self }
    }

    /// Every entry of every input, however many.
    pub fn full(self) -> GradCheck {
        GradCheck { directions: Some(0), ..self }
    }

    /// Only this many random directions over all inputs, whatever the number of entries.
    pub fn directions(self, count: usize) -> GradCheck {
        GradCheck { directions: Some(count.max(1)), ..self }
    }

    /// The seed of projections and directions.
    pub fn seed(self, seed: u64) -> GradCheck {
        GradCheck { seed, ..self }
    }

    /// Takes `f32` too, with its tolerances. Differences of `f32` keep about four digits.
    pub fn allow_f32(self) -> GradCheck {
        GradCheck { f32: true, ..self }
    }

    /// Checks the gradients of `f` at `inputs`. Panics of `f` itself pass through.
    ///
    /// # Errors
    /// [`GradCheckError`]: a derivative is wrong, not finite or not deterministic, or the inputs or
    /// settings allow no check.
    pub fn check<T: Float, F>(&self, f: F, inputs: &[Tensor<T>]) -> Result<GradCheckReport, GradCheckError>
    where
        F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
    {
        self.check_recorded(&|_, v| f(v), inputs)
    }

    fn check_recorded<T: Float>(
        &self,
        record: function::Record<'_, T>,
        inputs: &[Tensor<T>],
    ) -> Result<GradCheckReport, GradCheckError> {
        let settings = self.settings::<T>()?;
        if inputs.is_empty() {
            return Err(GradCheckError::NoInputs);
        }
        let nearby = RefCell::new(GradientTape::new());
        let function = Function { record, inputs, nearby: &nearby };
        let tape = GradientTape::new();
        let (vars, y) = function.on(&tape, inputs)?;
        preconditions::must_be_finite(y)?;
        let mut rng = seeded(self.seed);
        let mut report = GradCheckReport { result: y.shape(), ..GradCheckReport::default() };
        let mut order = Order::first(vars, y, function::random(&y.shape(), &mut rng));
        settings.check_order(&function, &order, &mut report)?;
        for _ in 1..self.order {
            order = order.next(&mut rng);
            settings.check_order(&function, &order, &mut report)?;
        }
        Ok(report)
    }

    fn settings<T: Float>(&self) -> Result<Settings, GradCheckError> {
        let single = T::NAME == "f32";
        if single && !self.f32 {
            return Err(GradCheckError::SinglePrecision);
        }
        let (step, rtol, atol) = if single { (1.0 / 16.0, 1e-3, 1e-6) } else { (1.0 / 128.0, 1e-6, 1e-12) };
        let settings = Settings {
            step: self.step.unwrap_or(step),
            rtol: self.rtol.unwrap_or(rtol),
            atol: self.atol.unwrap_or(atol),
            epsilon: line::wide(&T::epsilon()),
            directions: self.directions,
            seed: self.seed,
        };
        let refuse = |name, value, expected| Err(GradCheckError::Setting { name, value, expected });
        match settings {
            Settings { step, .. } if !(step > 0.0 && step.is_finite()) => refuse("step", step, "above 0"),
            Settings { rtol, .. } if rtol.is_nan() || rtol < 0.0 => refuse("rtol", rtol, "at least 0"),
            Settings { atol, .. } if atol.is_nan() || atol < 0.0 => refuse("atol", atol, "at least 0"),
            _ if self.order == 0 => refuse("order", 0.0, "at least 1"),
            settings => Ok(settings),
        }
    }
}

/// The settings of a check in numbers.
struct Settings {
    step: f64,
    rtol: f64,
    atol: f64,
    /// The relative distance of neighbouring numbers.
    epsilon: f64,
    directions: Option<usize>,
    seed: u64,
}

/// Checks gradients as [`gradcheck`](crate::gradcheck()) and panics, at the caller's line, with the
/// table and the operation that is to blame. Methods of [`GradCheck`](crate::GradCheck) follow as
/// settings.
///
/// ```
/// use wengert::{assert_gradients, tensor};
/// let (a, b) = (tensor![0.3, -0.7], tensor![2.0, 0.5]);
/// assert_gradients!(|v| v[0] * v[1], [a, b]);
/// let report = assert_gradients!(|v| v[0].tanh(), [a], order = 3, seed = 7);
/// assert_eq!(report.checked, 6);
/// ```
///
/// ```should_panic
/// use wengert::{assert_gradients, tensor};
/// assert_gradients!(|v| v[0] * v[0].detach(), [tensor![0.3]]); // %1 `detach %0` lets no gradient back
/// ```
#[macro_export]
macro_rules! assert_gradients {
    ($f:expr, [$($input:expr),+ $(,)?] $($settings:tt)*) => {{
        let inputs = [$($input.clone()),+];
        $crate::assert_gradients!($f, inputs $($settings)*)
    }};
    ($f:expr, $inputs:expr $(, $setting:ident $(= $value:expr)?)* $(,)?) => {
        match $crate::GradCheck::new()$(.$setting($($value)?))*.check($f, &$inputs) {
            ::std::result::Result::Ok(report) => report,
            ::std::result::Result::Err(error) => ::std::panic!("{error}"),
        }
    };
}
