//! One case of the golden file: an optimizer's trajectory or a schedule, as PyTorch computed it.
//!
//! An optimizer's `start`, `grads` and `after` are tensors `{"shape": [..], "data": [..]}`: a
//! parameter's first value, its gradient at each step and its value after each step. A schedule's
//! `lr` is the learning rate of each step. Names, attributes and defaults are those of `torch.optim`
//! and `torch.optim.lr_scheduler`; a name or an attribute that is not known here fails.
//!
//! This file needs nothing of its neighbours, so that other test programs can take it in.

use serde_json::{Map, Value};
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

/// Panics with what is wrong, unless this crate gives the case's numbers: in f64, and within what
/// f32 can hold.
#[track_caller]
pub fn check(case: &Value) {
    let (kind, name, attrs) = (&case["kind"], &case["name"], &case["attrs"]);
    if let Err(e) = compare(case) {
        panic!("{kind} {name} {attrs}: {e}");
    }
}

/// What is wrong with the case, or with this crate.
pub fn compare(case: &Value) -> Result<(), String> {
    match case["kind"].as_str() {
        Some("optimizer") => {
            trajectory::<f64>(case, 1e-12)?;
            trajectory::<f32>(case, 1e-5).map_err(|e| format!("in f32: {e}"))
        }
        Some("schedule") => rates(case, 1e-12),
        _ => Err("the kind is unknown here".into()),
    }
}

/// The attributes of a case; each must be asked for.
struct Attrs(Map<String, Value>);

impl Attrs {
    fn of(case: &Value) -> Result<Attrs, String> {
        Ok(Attrs(case["attrs"].as_object().ok_or("attrs is no object")?.clone()))
    }

    fn none_left(&self) -> Result<(), String> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(format!("attributes that are unknown here: {:?}", self.0))
        }
    }

    /// The attribute or its default; without a default it must be there.
    fn take(&mut self, name: &str, default: Option<Value>) -> Result<Value, String> {
        self.0.remove(name).or(default).ok_or_else(|| format!("attribute {name} is missing"))
    }

    fn number(&mut self, name: &str, default: impl Into<Option<f64>>) -> Result<f64, String> {
        let value = self.take(name, default.into().map(Value::from))?;
        value.as_f64().ok_or_else(|| format!("{name} is {value}, expected a number"))
    }

    fn steps(&mut self, name: &str, default: impl Into<Option<u64>>) -> Result<u64, String> {
        let value = self.take(name, default.into().map(Value::from))?;
        value.as_u64().ok_or_else(|| format!("{name} is {value}, expected a number of steps"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        let value = self.take(name, Some(false.into()))?;
        value.as_bool().ok_or_else(|| format!("{name} is {value}, expected a flag"))
    }

    fn pair(&mut self, name: &str, (a, b): (f64, f64)) -> Result<(f64, f64), String> {
        let value = self.take(name, Some([a, b].to_vec().into()))?;
        let wrong = || format!("{name} is {value}, expected two numbers");
        match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => a.as_f64().zip(b.as_f64()).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

/// The optimizer that `name` and its attributes stand for.
fn optimizer<T: Float>(name: &str, attrs: &mut Attrs) -> Result<Box<dyn Optimizer<T>>, String> {
    let mut betas = || attrs.pair("betas", (0.9, 0.999));
    Ok(match name {
        "sgd" => {
            let sgd = Sgd::pytorch(attrs.number("lr", 1e-3)?)
                .momentum(attrs.number("momentum", 0.0)?)
                .dampening(attrs.number("dampening", 0.0)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(if attrs.flag("nesterov")? { sgd.nesterov() } else { sgd })
        }
        "adam" => {
            let (beta1, beta2) = betas()?;
            let adam = Adam::pytorch(attrs.number("lr", 1e-3)?)
                .betas(beta1, beta2)
                .epsilon(attrs.number("eps", 1e-8)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(if attrs.flag("amsgrad")? { adam.amsgrad() } else { adam })
        }
        "adamw" => {
            let (beta1, beta2) = betas()?;
            let adamw = AdamW::pytorch(attrs.number("lr", 1e-3)?)
                .betas(beta1, beta2)
                .epsilon(attrs.number("eps", 1e-8)?)
                .weight_decay(attrs.number("weight_decay", 1e-2)?);
            Box::new(if attrs.flag("amsgrad")? { adamw.amsgrad() } else { adamw })
        }
        "rmsprop" => {
            let rmsprop = RmsProp::pytorch(attrs.number("lr", 1e-2)?)
                .rho(attrs.number("alpha", 0.99)?)
                .epsilon(attrs.number("eps", 1e-8)?)
                .momentum(attrs.number("momentum", 0.0)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(if attrs.flag("centered")? { rmsprop.centered() } else { rmsprop })
        }
        "adagrad" => Box::new(
            Adagrad::pytorch(attrs.number("lr", 1e-2)?)
                .learning_rate_decay(attrs.number("lr_decay", 0.0)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?)
                .initial_accumulator(attrs.number("initial_accumulator_value", 0.0)?)
                .epsilon(attrs.number("eps", 1e-10)?),
        ),
        "adadelta" => Box::new(
            Adadelta::pytorch(attrs.number("lr", 1.0)?)
                .rho(attrs.number("rho", 0.9)?)
                .epsilon(attrs.number("eps", 1e-6)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?),
        ),
        "nadam" => {
            let (beta1, beta2) = betas()?;
            let nadam = Nadam::pytorch(attrs.number("lr", 2e-3)?)
                .betas(beta1, beta2)
                .epsilon(attrs.number("eps", 1e-8)?)
                .momentum_decay(attrs.number("momentum_decay", 4e-3)?);
            let decay = attrs.number("weight_decay", 0.0)?;
            Box::new(match attrs.flag("decoupled_weight_decay")? {
                true => nadam.decoupled_weight_decay(decay),
                false => nadam.weight_decay(decay),
            })
        }
        "radam" => {
            let (beta1, beta2) = betas()?;
            let radam =
                Radam::new(attrs.number("lr", 1e-3)?).betas(beta1, beta2).epsilon(attrs.number("eps", 1e-8)?);
            let decay = attrs.number("weight_decay", 0.0)?;
            Box::new(match attrs.flag("decoupled_weight_decay")? {
                true => radam.decoupled_weight_decay(decay),
                false => radam.weight_decay(decay),
            })
        }
        "adamax" => {
            let (beta1, beta2) = betas()?;
            let adamax = Adamax::pytorch(attrs.number("lr", 2e-3)?)
                .betas(beta1, beta2)
                .epsilon(attrs.number("eps", 1e-8)?)
                .weight_decay(attrs.number("weight_decay", 0.0)?);
            Box::new(adamax)
        }
        _ => return Err("the optimizer is unknown here".into()),
    })
}

/// The schedule that `name` and its attributes stand for; `lr` is the optimizer's.
fn schedule(name: &str, attrs: &mut Attrs) -> Result<Box<dyn Schedule>, String> {
    let lr = attrs.number("lr", None)?;
    Ok(match name {
        "step" => {
            let decay = StepDecay::new(lr, attrs.steps("step_size", None)?);
            Box::new(decay.factor(attrs.number("gamma", 0.1)?))
        }
        "multi_step" => {
            let milestones = attrs.take("milestones", None)?;
            let milestones: Option<Vec<u64>> =
                milestones.as_array().and_then(|all| all.iter().map(Value::as_u64).collect());
            let milestones = milestones.ok_or("milestones is no list of steps")?;
            Box::new(MultiStepDecay::new(lr, milestones).factor(attrs.number("gamma", 0.1)?))
        }
        "exponential" => Box::new(ExponentialDecay::new(lr, attrs.number("gamma", None)?)),
        "cosine" => {
            let annealing = CosineAnnealing::new(lr, attrs.steps("t_max", None)?);
            Box::new(annealing.minimum(attrs.number("eta_min", 0.0)?))
        }
        "linear" => {
            let ramp = LinearRamp::new(lr, attrs.steps("total_iters", 5)?);
            let first = attrs.number("start_factor", 1.0 / 3.0)?;
            Box::new(ramp.factors(first, attrs.number("end_factor", 1.0)?))
        }
        "one_cycle" => {
            let cycle = OneCycle::new(attrs.number("max_lr", None)?, attrs.steps("total_steps", None)?)
                .warmup(attrs.number("pct_start", 0.3)?);
            let first = attrs.number("div_factor", 25.0)?;
            Box::new(cycle.divisors(first, attrs.number("final_div_factor", 1e4)?))
        }
        "polynomial" => {
            let decay = PolynomialDecay::new(lr, attrs.steps("total_iters", 5)?);
            Box::new(decay.power(attrs.number("power", 1.0)?))
        }
        _ => return Err("the schedule is unknown here".into()),
    })
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn tensor(value: &Value) -> Option<Tensor<f64>> {
    let shape: Option<Vec<usize>> =
        value["shape"].as_array()?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect();
    Tensor::from_vec(numbers(&value["data"])?, &shape?).ok()
}

fn tensors(case: &Value, name: &str) -> Result<Vec<Tensor<f64>>, String> {
    let all = case[name].as_array().and_then(|all| all.iter().map(tensor).collect());
    all.ok_or_else(|| format!("{name} is no list of tensors"))
}

fn name(case: &Value) -> Result<&str, String> {
    case["name"].as_str().ok_or_else(|| "name is no word".into())
}

/// Each element must come within `tol` · max(1, largest |expected|).
fn close(found: &[f64], expected: &[f64], tol: f64) -> Result<(), String> {
    let largest = expected.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        // Not `error > ..`: a NaN must fail.
        let close = (f - e).abs() <= tol * largest;
        if !close {
            return Err(format!("element {i} is {f:e}, expected {e:e}"));
        }
    }
    Ok(())
}

/// Repeats an optimizer's steps.
fn trajectory<T: Float>(case: &Value, tol: f64) -> Result<(), String> {
    let mut attrs = Attrs::of(case)?;
    let mut optimizer = optimizer::<T>(name(case)?, &mut attrs)?;
    attrs.none_left()?;
    let start = tensor(&case["start"]).ok_or("start is no tensor")?;
    let (grads, after) = (tensors(case, "grads")?, tensors(case, "after")?);
    if grads.is_empty() || grads.len() != after.len() {
        return Err(format!("{} gradients and {} values after them", grads.len(), after.len()));
    }
    let mut parameter = Parameter::new(start.cast::<T>());
    for (step, (gradient, expected)) in grads.iter().zip(&after).enumerate() {
        let at = |e| format!("step {}: {e}", step + 1);
        for (what, shape) in [("gradient", gradient.shape()), ("value", expected.shape())] {
            if shape != start.shape() {
                return Err(at(format!("the {what} has shape {shape}, the start {}", start.shape())));
            }
        }
        // The gradient of sum(parameter · gradient) is `gradient` itself.
        let tape = GradientTape::new();
        let grads = (tape.parameter(&parameter) * tape.constant(gradient.cast::<T>())).sum().backward();
        optimizer.step(&mut parameter, &grads).map_err(|e| at(e.to_string()))?;
        close(parameter.value().cast::<f64>().as_slice(), expected.as_slice(), tol).map_err(at)?;
    }
    Ok(())
}

/// Asks a schedule for its rates, last step first: they must not depend on the order.
fn rates(case: &Value, tol: f64) -> Result<(), String> {
    let mut attrs = Attrs::of(case)?;
    let schedule = schedule(name(case)?, &mut attrs)?;
    attrs.none_left()?;
    let expected = numbers(&case["lr"]).ok_or("lr is no list of numbers")?;
    if expected.is_empty() {
        return Err("lr has no steps".into());
    }
    let mut found: Vec<f64> = (0..expected.len() as u64).rev().map(|step| schedule.at(step)).collect();
    found.reverse();
    close(&found, &expected, tol)
}
