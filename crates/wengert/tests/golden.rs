//! Values, gradients and second-order products of operations, against numbers made by PyTorch.
//!
//! `WENGERT_GOLDEN` names a file of cases, one JSON object a line; without it this reads its own
//! gzipped copy. `inputs`, `output`, `cotangent`, `grads`, `direction`
//! and `hvp` are tensors `{"shape": [..], "data": [..]}`: `grads` are those of
//! sum(output · cotangent), `hvp` those of the sum over inputs of sum(grad · direction).
//!
//! A name or an attribute that is not known here fails: no case is ever skipped.

mod common;
/// Optimizers and schedules stand in the same file; their crate checks them in the same way.
#[path = "../../wengert-nn/tests/common/golden.rs"]
mod training;

use common::{assert_close, bits};
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use std::io::Read;
use wengert::{
    AttentionOptions, ConvOptions, Float, GradientTape, PoolOptions, Reduction, Span, Tensor, Var,
};

/// The attributes of a case; each must be asked for.
struct Attrs(Map<String, Value>);

impl Attrs {
    fn take(&mut self, name: &str) -> Result<Value, String> {
        self.0.remove(name).ok_or_else(|| format!("attribute {name} is missing"))
    }

    fn integer(&mut self, name: &str) -> Result<isize, String> {
        self.take(name)?.as_i64().map(|i| i as isize).ok_or_else(|| format!("{name} is no integer"))
    }

    fn number(&mut self, name: &str) -> Result<f64, String> {
        self.take(name)?.as_f64().ok_or_else(|| format!("{name} is no number"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        self.take(name)?.as_bool().ok_or_else(|| format!("{name} is no flag"))
    }

    fn word(&mut self, name: &str) -> Result<String, String> {
        Ok(self.take(name)?.as_str().ok_or_else(|| format!("{name} is no word"))?.to_string())
    }

    /// `None` where it is not given.
    fn integer_if_any(&mut self, name: &str) -> Result<Option<isize>, String> {
        if self.0.contains_key(name) { self.integer(name).map(Some) } else { Ok(None) }
    }

    /// Indices nested to any depth.
    fn indices(&mut self, name: &str) -> Result<Tensor<usize>, String> {
        fn collect(value: &Value, depth: usize, shape: &mut Vec<usize>, all: &mut Vec<usize>) -> Option<()> {
            let Some(list) = value.as_array() else {
                all.push(value.as_u64()? as usize);
                return Some(());
            };
            if shape.len() == depth {
                shape.push(list.len());
            }
            list.iter().try_for_each(|value| collect(value, depth + 1, shape, all))
        }
        let (mut shape, mut all) = (Vec::new(), Vec::new());
        collect(&self.take(name)?, 0, &mut shape, &mut all)
            .ok_or_else(|| format!("{name} are no indices"))?;
        Tensor::from_vec(all, &shape).map_err(|e| e.to_string())
    }

    fn integers(&mut self, name: &str) -> Result<Vec<isize>, String> {
        integers(&self.take(name)?).ok_or_else(|| format!("{name} is no list of integers"))
    }

    /// The operation's options of these names, of which absent ones are as usual.
    fn conv(&mut self) -> Result<ConvOptions, String> {
        let mut options = ConvOptions::new();
        options = options.stride(self.integer("stride")? as usize).padding(self.integer("padding")? as usize);
        if self.0.contains_key("dilation") {
            options = options.dilation(self.integer("dilation")? as usize);
        }
        if self.0.contains_key("groups") {
            options = options.groups(self.integer("groups")? as usize);
        }
        if self.0.contains_key("output_padding") {
            options = options.output_padding(self.integer("output_padding")? as usize);
        }
        Ok(options)
    }

    fn pool(&mut self) -> Result<PoolOptions, String> {
        let [kernel, stride, padding] =
            [self.integer("kernel")?, self.integer("stride")?, self.integer("padding")?].map(|n| n as usize);
        Ok(PoolOptions::new(kernel).stride(stride).padding(padding))
    }

    fn reduction(&mut self) -> Result<Reduction, String> {
        match self.word("reduction")?.as_str() {
            "mean" => Ok(Reduction::Mean),
            "sum" => Ok(Reduction::Sum),
            "none" => Ok(Reduction::None),
            other => Err(format!("reduction {other} is unknown here")),
        }
    }

    fn target<T: Float>(&mut self) -> Result<Tensor<T>, String> {
        Ok(tensor(&self.take("target")?).cast())
    }

    fn lengths(&mut self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.integers(name)?.into_iter().map(|n| n as usize).collect())
    }
}

fn integers(value: &Value) -> Option<Vec<isize>> {
    value.as_array()?.iter().map(|i| i.as_i64().map(|i| i as isize)).collect()
}

/// The operation that `name` and its attributes stand for.
fn apply<'t, T: Float>(name: &str, attrs: &mut Attrs, x: &[Var<'t, T>]) -> Result<Var<'t, T>, String> {
    type Reduction<'t, T> = fn(Var<'t, T>, &[isize], bool) -> Var<'t, T>;
    let mut reduce = |f: Reduction<'t, T>| Ok(f(x[0], &attrs.integers("axes")?, attrs.flag("keepdim")?));
    Ok(match name {
        "neg" => -x[0],
        "abs" => x[0].abs(),
        "recip" => x[0].recip(),
        "square" => x[0].square(),
        "sqrt" => x[0].sqrt(),
        "rsqrt" => x[0].rsqrt(),
        "exp" => x[0].exp(),
        "exp2" => x[0].exp2(),
        "exp_m1" => x[0].exp_m1(),
        "ln" => x[0].ln(),
        "log2" => x[0].log2(),
        "log10" => x[0].log10(),
        "ln_1p" => x[0].ln_1p(),
        "sin" => x[0].sin(),
        "cos" => x[0].cos(),
        "tan" => x[0].tan(),
        "asin" => x[0].asin(),
        "acos" => x[0].acos(),
        "atan" => x[0].atan(),
        "sinh" => x[0].sinh(),
        "cosh" => x[0].cosh(),
        "tanh" => x[0].tanh(),
        "asinh" => x[0].asinh(),
        "acosh" => x[0].acosh(),
        "atanh" => x[0].atanh(),
        "erf" => x[0].erf(),
        "erfc" => x[0].erfc(),
        "lgamma" => x[0].lgamma(),
        "digamma" => x[0].digamma(),
        "sigmoid" => x[0].sigmoid(),
        "log_sigmoid" => x[0].log_sigmoid(),
        "softplus" => x[0].softplus(),
        "softsign" => x[0].softsign(),
        "relu" => x[0].relu(),
        "relu6" => x[0].relu6(),
        "selu" => x[0].selu(),
        "gelu" => x[0].gelu(),
        "gelu_tanh" => x[0].gelu_tanh(),
        "silu" => x[0].silu(),
        "mish" => x[0].mish(),
        "hard_sigmoid" => x[0].hard_sigmoid(),
        "hard_swish" => x[0].hard_swish(),
        "hard_tanh" => x[0].hard_tanh(),
        "sign" => x[0].sign(),
        "floor" => x[0].floor(),
        "ceil" => x[0].ceil(),
        "trunc" => x[0].trunc(),
        "round" => x[0].round(),
        "polygamma" => x[0].polygamma(attrs.integer("n")? as u32),
        "leaky_relu" => x[0].leaky_relu(attrs.number("alpha")?),
        "elu" => x[0].elu(attrs.number("alpha")?),
        "clamp" => x[0].clamp(attrs.number("lo")?, attrs.number("hi")?),
        "powi" => x[0].powi(attrs.integer("n")? as i32),
        "powf" => x[0].powf(attrs.number("p")?),
        "add" => x[0] + x[1],
        "sub" => x[0] - x[1],
        "mul" => x[0] * x[1],
        "div" => x[0] / x[1],
        "pow" => x[0].pow(x[1]),
        "atan2" => x[0].atan2(x[1]),
        "hypot" => x[0].hypot(x[1]),
        "maximum" => x[0].maximum(x[1]),
        "minimum" => x[0].minimum(x[1]),
        "where" => x[0].where_(&tensor(&attrs.take("mask")?).cast(), x[1]),
        "sum" => return reduce(Var::sum_axes),
        "mean" => return reduce(Var::mean_axes),
        "max" | "max_ties" => return reduce(Var::max_axes),
        "min" => return reduce(Var::min_axes),
        "prod" => return reduce(Var::prod_axes),
        "var" => return reduce(Var::var_axes),
        "std" => return reduce(Var::std_axes),
        "norm" => return reduce(Var::norm_axes),
        "logsumexp" => return reduce(Var::logsumexp_axes),
        "sum_all" => x[0].sum(),
        "mean_all" => x[0].mean(),
        "max_all" => x[0].max(),
        "prod_all" | "prod_zero" => x[0].prod(),
        "cumsum" => x[0].cumsum(attrs.integer("axis")?),
        "cumprod" => x[0].cumprod(attrs.integer("axis")?),
        "softmax" => x[0].softmax(attrs.integer("axis")?),
        "log_softmax" => x[0].log_softmax(attrs.integer("axis")?),
        "matmul" => x[0].matmul(x[1]),
        "dot" => x[0].dot(x[1]),
        "outer" => x[0].outer(x[1]),
        "einsum" => x[0].tape().einsum(&attrs.word("equation")?, x),
        "reshape" => x[0].reshape(&attrs.lengths("shape")?),
        "broadcast_to" => x[0].broadcast_to(&attrs.lengths("shape")?),
        "permute" => x[0].permute(&attrs.integers("axes")?),
        "transpose" => x[0].transpose(attrs.integer("a")?, attrs.integer("b")?),
        "concat" => x[0].tape().concat(x, attrs.integer("axis")?),
        "stack" => x[0].tape().stack(x, attrs.integer("axis")?),
        "pad" => {
            let pads = attrs.take("pads")?;
            let pair = |pad: &Value| match integers(pad)?[..] {
                [before, after] => Some([before as usize, after as usize]),
                _ => None,
            };
            let pads: Option<Vec<[usize; 2]>> = pads.as_array().and_then(|p| p.iter().map(pair).collect());
            x[0].pad(&pads.ok_or("pads are no lists of before, after")?, attrs.number("value")?)
        }
        "flip" => x[0].flip(&attrs.integers("axes")?),
        "roll" => x[0].roll(attrs.integer("shift")?, attrs.integer("axis")?),
        "tile" => x[0].tile(&attrs.lengths("reps")?),
        "squeeze" => x[0].squeeze(attrs.integer("axis")?),
        "expand_dims" => x[0].expand_dims(attrs.integer("axis")?),
        "diag" => x[0].diag(),
        "diagonal" => x[0].diagonal(attrs.integer_if_any("offset")?.unwrap_or(0)),
        "trace" => x[0].trace(),
        "tril" => x[0].tril(attrs.integer_if_any("k")?.unwrap_or(0)),
        "triu" => x[0].triu(attrs.integer_if_any("k")?.unwrap_or(0)),
        "index_select" => x[0].index_select(attrs.integer("axis")?, &attrs.indices("indices")?),
        "gather" => x[0].gather(attrs.integer("axis")?, &attrs.indices("indices")?),
        "slice" => {
            let ranges = attrs.take("ranges")?;
            let span = |range: &Value| match integers(range)?[..] {
                [start, end, step] => Some(Span::from((start..end, step))),
                _ => None,
            };
            let spans: Option<Vec<Span>> = ranges.as_array().and_then(|r| r.iter().map(span).collect());
            x[0].slice(&spans.ok_or("ranges are no lists of start, end, step")?)
        }
        "inverse" => x[0].inverse(),
        "solve" => x[0].solve(x[1]),
        "det" => x[0].det(),
        "log_det" => x[0].log_det(),
        "cholesky" => x[0].cholesky(),
        "cross_entropy_loss" => {
            let labels = Tensor::from(attrs.lengths("labels")?);
            x[0].cross_entropy_loss(&labels, attrs.number("label_smoothing")?, attrs.reduction()?)
        }
        "nll_loss" => x[0].nll_loss(&Tensor::from(attrs.lengths("labels")?), attrs.reduction()?),
        "mse_loss" => x[0].mse_loss(attrs.target()?, attrs.reduction()?),
        "mae_loss" => x[0].mae_loss(attrs.target()?, attrs.reduction()?),
        "huber_loss" => x[0].huber_loss(attrs.target()?, attrs.number("delta")?, attrs.reduction()?),
        "bce_loss" => x[0].bce_loss(attrs.target()?, attrs.reduction()?),
        "bce_with_logits_loss" => x[0].bce_with_logits_loss(attrs.target()?, attrs.reduction()?),
        "kl_div_loss" => match attrs.word("of")?.as_str() {
            "log_softmax(input, 1)" => x[0].log_softmax(1).kl_div_loss(attrs.target()?, attrs.reduction()?),
            other => return Err(format!("the divergence of {other} is unknown here")),
        },
        "conv1d" => x[0].conv1d(x[1], attrs.conv()?),
        "conv2d" => x[0].conv2d(x[1], attrs.conv()?),
        "conv_transpose2d" => x[0].conv_transpose2d(x[1], attrs.conv()?),
        "max_pool2d" => x[0].max_pool2d(attrs.pool()?),
        "avg_pool2d" => x[0].avg_pool2d(attrs.pool()?),
        "layer_norm" => x[0].layer_norm(x[1], x[2], attrs.number("eps")?),
        "rms_norm" => x[0].rms_norm(x[1], attrs.number("eps")?),
        "batch_norm" => x[0].batch_norm(x[1], x[2], attrs.number("eps")?),
        "group_norm" => x[0].group_norm(attrs.integer("groups")? as usize, x[1], x[2], attrs.number("eps")?),
        "attention" => x[0].attention(x[1], x[2], AttentionOptions::new().causal(attrs.flag("causal")?)),
        _ => return Err("the operation is unknown here".into()),
    })
}

fn tensor(value: &Value) -> Tensor<f64> {
    let shape: Option<Vec<usize>> =
        integers(&value["shape"]).map(|axes| axes.into_iter().map(|n| n as usize).collect());
    let data: Option<Vec<f64>> = value["data"].as_array().and_then(|x| x.iter().map(Value::as_f64).collect());
    Tensor::from_vec(data.expect("data is a list of numbers"), &shape.expect("shape is a list of lengths"))
        .expect("data fills shape")
}

/// `None` for null.
fn tensors(value: &Value) -> Vec<Option<Tensor<f64>>> {
    let all = value.as_array().expect("a list of tensors");
    all.iter().map(|x| (!x.is_null()).then(|| tensor(x))).collect()
}

struct Tolerances {
    first: f64,
    second: f64,
}

fn check<T: Float>(case: &Value, what: &str, tol: &Tolerances) {
    let name = case["op"].as_str().expect("op is a word");
    let mut attrs = Attrs(case["attrs"].as_object().expect("attrs is an object").clone());
    let cast = |x: &Option<Tensor<f64>>| x.as_ref().expect("inputs and directions are not null").cast::<T>();

    let tape = GradientTape::<T>::new();
    let inputs: Vec<Var<T>> = tensors(&case["inputs"]).iter().map(|x| tape.var(cast(x))).collect();
    let output = apply(name, &mut attrs, &inputs).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(attrs.0.is_empty(), "{what}: attributes that are unknown here: {:?}", attrs.0);
    assert_close(&output.value().cast(), &tensor(&case["output"]), tol.first, what);

    let cotangent = tensor(&case["cotangent"]).cast::<T>();
    let numeric = output.backward_with(&cotangent);
    let recorded = tape.gradient((output * tape.constant(&cotangent)).sum(), &inputs);
    // PyTorch's trigamma is off by 5e-10.
    let tol_gradient = if name == "digamma" { tol.first.max(1e-8) } else { tol.first };
    for (i, expected) in tensors(&case["grads"]).into_iter().enumerate() {
        let zeros = || Tensor::zeros(&inputs[i].shape());
        let found = numeric.get(inputs[i]).cloned().unwrap_or_else(|| zeros().cast());
        let (again, both) = (recorded[i].value(), format!("{what}: numeric and recorded, gradient {i}"));
        // These have kernels of their own; recorded, they are the compositions that they stand for.
        match name {
            "attention" | "layer_norm" | "rms_norm" | "batch_norm" | "group_norm" => {
                assert_close(&found.cast(), &again.cast(), tol.first, &both)
            }
            _ => assert_eq!(bits(&found), bits(&again), "{both}"),
        }
        let mut expected = expected.unwrap_or_else(zeros);
        if name == "hard_sigmoid" {
            // PyTorch's slope is 1/6 as an `f32` even in `f64`, too large by 3e-8 of it; its value is not.
            let exact = |g: &f64| g / 6.0 / f64::from(1f32 / 6.0);
            expected = Tensor::from_vec(expected.as_slice().iter().map(exact).collect(), expected.shape())
                .expect("of the same shape");
        }
        assert_close(&found.cast(), &expected, tol_gradient, &format!("{what}: gradient {i}"));
    }

    let directions = tensors(&case["direction"]);
    let terms = recorded.iter().zip(&directions).map(|(&g, d)| (g * tape.constant(cast(d))).sum());
    let inner = terms.reduce(|a, b| a + b).expect("at least one input");
    let products = tape.gradient(inner, &inputs);
    for (i, expected) in tensors(&case["hvp"]).into_iter().enumerate() {
        // Null: there is no second derivative to compare with.
        if let Some(expected) = expected {
            let found = products[i].value().cast();
            assert_close(&found, &expected, tol.second, &format!("{what}: second order {i}"));
        }
    }
}

fn cases() -> String {
    let mut text = String::new();
    match std::env::var_os("WENGERT_GOLDEN") {
        Some(path) => {
            text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        None => {
            let packed = &include_bytes!("data/pytorch.jsonl.gz")[..];
            GzDecoder::new(packed).read_to_string(&mut text).expect("the file is gzipped text");
        }
    }
    text
}

#[test]
fn everything_agrees_with_pytorch() {
    let mut count = 0;
    for (i, line) in cases().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", i + 1));
        match case["kind"].as_str() {
            Some("op") => {}
            Some("optimizer" | "schedule") => {
                training::check(&case);
                count += 1;
                continue;
            }
            kind => panic!("line {}: kind {kind:?} is unknown here", i + 1),
        }
        let what = format!("line {}: {} {}", i + 1, case["op"], case["attrs"]);
        check::<f64>(&case, &what, &Tolerances { first: 1e-10, second: 1e-7 });
        check::<f32>(&case, &format!("{what} in f32"), &Tolerances { first: 1e-5, second: 1e-3 });
        count += 1;
    }
    assert!(count > 0, "the file has no case");
    println!("golden: {count} cases, 0 skipped");
}
