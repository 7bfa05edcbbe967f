//! One case of the golden file of layers: parameters, inputs, and what PyTorch computed from them.
//!
//! A tensor is `{"shape": [..], "data": [..]}`. `params` and `state_before` are set by name; `output`, the
//! gradients of sum(output · cotangent) in `grad_input` and `grad_params`, and `state_after` are compared.
//! Names and attributes are those of `torch.nn`, as far as the parameters' shapes do not say it. A layer,
//! an attribute or a parameter that is not known here fails, and so does a parameter that the case lacks.

use serde_json::{Map, Value};
use wengert_nn::Path;
use wengert_nn::prelude::*;
use wengert_nn::wengert::Float;

/// What is wrong with the case, or with this crate: in f64, and within what f32 can hold.
pub fn compare(case: &Value) -> Result<(), String> {
    if case["kind"] != "layer" {
        return Err("the kind is unknown here".into());
    }
    run::<f64>(case, 1e-10)?;
    run::<f32>(case, 1e-5).map_err(|e| format!("in f32: {e}"))
}

/// The attributes of a case; each must be asked for.
struct Attrs(Map<String, Value>);

impl Attrs {
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

    fn number(&mut self, name: &str, default: f64) -> Result<f64, String> {
        let value = self.take(name, Some(default.into()))?;
        value.as_f64().ok_or_else(|| format!("{name} is {value}, expected a number"))
    }

    fn count(&mut self, name: &str, default: impl Into<Option<usize>>) -> Result<usize, String> {
        let value = self.take(name, default.into().map(Value::from))?;
        value.as_u64().map(|n| n as usize).ok_or_else(|| format!("{name} is {value}, expected a count"))
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, String> {
        let value = self.take(name, Some(default.into()))?;
        value.as_bool().ok_or_else(|| format!("{name} is {value}, expected a flag"))
    }

    fn word(&mut self, name: &str, default: &str) -> Result<String, String> {
        let value = self.take(name, Some(default.into()))?;
        value.as_str().map(str::to_string).ok_or_else(|| format!("{name} is {value}, expected a word"))
    }

    /// One count for both, or two.
    fn pair(&mut self, name: &str, default: impl Into<Option<usize>>) -> Result<[usize; 2], String> {
        let value = self.take(name, default.into().map(Value::from))?;
        let count = |value: &Value| {
            let whole = value.as_f64().filter(|x| x.fract() == 0.0 && *x >= 0.0);
            whole.map(|x| x as usize).ok_or_else(|| format!("{name} is {value}, expected counts"))
        };
        match value.as_array().map(Vec::as_slice) {
            None => count(&value).map(|n| [n, n]),
            Some([n]) => count(n).map(|n| [n, n]),
            Some([a, b]) => Ok([count(a)?, count(b)?]),
            Some(_) => Err(format!("{name} is {value}, expected one count or two")),
        }
    }

    fn counts(&mut self, name: &str) -> Result<Vec<usize>, String> {
        let value = self.take(name, None)?;
        let all = value.as_array().and_then(|all| all.iter().map(|n| Some(n.as_u64()? as usize)).collect());
        all.ok_or_else(|| format!("{name} is {value}, expected counts"))
    }
}

/// PyTorch's attention in a module of its own.
#[derive(Module)]
struct Heads<T: Float> {
    m: MultiHeadAttention<T>,
}

impl<T: Float> Forward<T> for Heads<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.m.forward(x)
    }
}

/// What a case is about.
enum Subject<T: Float> {
    Layer(Box<dyn Layer<T>>),
    Embedding(Embedding<T>),
    Bilinear(Bilinear<T>),
    Decoder(Box<TransformerDecoderLayer<T>>),
}

impl<T: Float> Subject<T> {
    fn module(&self) -> &dyn Module<T> {
        match self {
            Subject::Layer(layer) => layer,
            Subject::Embedding(layer) => layer,
            Subject::Bilinear(layer) => layer,
            Subject::Decoder(layer) => &**layer,
        }
    }

    fn module_mut(&mut self) -> &mut dyn Module<T> {
        match self {
            Subject::Layer(layer) => layer,
            Subject::Embedding(layer) => layer,
            Subject::Bilinear(layer) => layer,
            Subject::Decoder(layer) => &mut **layer,
        }
    }

    fn output<'t>(&self, tape: &'t GradientTape<T>, inputs: &[Var<'t, T>]) -> Result<Var<'t, T>, String> {
        Ok(match (self, inputs) {
            (Subject::Layer(layer), &[x]) => layer.forward(x),
            (Subject::Embedding(layer), &[x]) => {
                layer.forward(tape, &x.value().cast::<f64>().map(|x| x as usize))
            }
            (Subject::Bilinear(layer), &[a, b]) => layer.forward(a, b),
            (Subject::Decoder(layer), &[x, memory]) => layer.forward(x, memory),
            _ => return Err(format!("{} inputs", inputs.len())),
        })
    }
}

fn subject<T: Float>(case: &Value, attrs: &mut Attrs) -> Result<Subject<T>, String> {
    let rng = &mut seeded(0);
    let name = case["name"].as_str().ok_or("name is no word")?;
    let params = case["params"].as_object().ok_or("params is no object")?;
    let shape = |name: &str| -> Result<Vec<usize>, String> {
        let value = params.get(name).ok_or_else(|| format!("params lacks {name}"))?;
        Ok(tensor::<f64>(value).ok_or_else(|| format!("{name} is no tensor"))?.shape().to_vec())
    };
    let has_bias = params.contains_key("bias");
    let layer: Box<dyn Layer<T>> = match name {
        "linear" => {
            let (w, bias) = (shape("weight")?, attrs.flag("bias", true)?);
            for known in ["in", "out"] {
                attrs.0.remove(known);
            }
            Box::new(if bias { Dense::new(w[1], w[0], rng) } else { Dense::without_bias(w[1], w[0], rng) })
        }
        "conv1d" | "conv2d" | "conv_transpose2d" => {
            let (inputs, outputs) = (attrs.count("in", None)?, attrs.count("out", None)?);
            let (kernel, stride) = (attrs.pair("kernel", None)?, attrs.pair("stride", 1)?);
            let (padding, dilation) = (attrs.pair("padding", 0)?, attrs.pair("dilation", 1)?);
            let (groups, bias) = (attrs.count("groups", 1)?, attrs.flag("bias", true)?);
            macro_rules! convolution {
                ($name:ident) => {{
                    let layer = match bias {
                        true => $name::new(inputs, outputs, kernel, rng),
                        false => $name::without_bias(inputs, outputs, kernel, rng),
                    };
                    layer.stride(stride).padding(padding).dilation(dilation).groups(groups, rng)
                }};
            }
            match name {
                "conv1d" => Box::new(convolution!(Conv1d)),
                "conv2d" => Box::new(convolution!(Conv2d)),
                _ => {
                    let more = attrs.pair("output_padding", 0)?;
                    Box::new(convolution!(ConvTranspose2d).output_padding(more))
                }
            }
        }
        "batch_norm1d" | "batch_norm2d" => {
            let mean = &case["state_before"]["running_mean"];
            let channels = tensor::<f64>(mean).ok_or("running_mean is no tensor")?.len();
            let (momentum, eps) = (attrs.number("momentum", 0.1)?, attrs.number("eps", 1e-5)?);
            let affine = attrs.flag("affine", has_bias)?;
            macro_rules! norm {
                ($name:ident) => {{
                    let norm = $name::new(channels).momentum(momentum).epsilon(eps);
                    if affine { norm } else { norm.without_affine() }
                }};
            }
            if name == "batch_norm1d" { Box::new(norm!(BatchNorm1d)) } else { Box::new(norm!(BatchNorm2d)) }
        }
        "layer_norm" => {
            let own = if params.contains_key("weight") { Some(shape("weight")?) } else { None };
            let given = if attrs.0.contains_key("shape") { Some(attrs.counts("shape")?) } else { None };
            let affine = attrs.flag("affine", own.is_some())?;
            let bias = attrs.flag("bias", has_bias)?;
            let over = own.or(given).ok_or("neither a weight nor a shape says which axes")?;
            let norm = LayerNorm::over(&over).epsilon(attrs.number("eps", 1e-5)?);
            Box::new(match (affine, bias) {
                (false, _) => norm.without_affine(),
                (true, false) => norm.without_bias(),
                (true, true) => norm,
            })
        }
        "group_norm" => {
            let x = tensor::<f64>(&case["input"][0]).filter(|x| x.ndim() > 1).ok_or("no channels")?;
            let affine = attrs.flag("affine", has_bias)?;
            let norm = GroupNorm::new(attrs.count("groups", None)?, x.shape()[1]);
            let norm = norm.epsilon(attrs.number("eps", 1e-5)?);
            Box::new(if affine { norm } else { norm.without_affine() })
        }
        "rms_norm" => Box::new(RmsNorm::new(shape("weight")?[0]).epsilon(attrs.number("eps", 1e-6)?)),
        "rnn_tanh" | "lstm" | "gru" => {
            let (inputs, hidden) = (attrs.count("input", None)?, attrs.count("hidden", None)?);
            attrs.0.remove("gates"); // says what the layouts are
            let options = RecurrentOptions::new()
                .layers(attrs.count("layers", 1)?)
                .bidirectional(attrs.flag("bidirectional", false)?)
                .bias(attrs.flag("bias", true)?)
                .dropout(attrs.number("dropout", 0.0)?)
                .batch_first(attrs.flag("batch_first", false)?);
            match name {
                "rnn_tanh" => Box::new(Rnn::with_options(inputs, hidden, options, rng)),
                "lstm" => Box::new(Lstm::with_options(inputs, hidden, options, rng)),
                _ => Box::new(Gru::with_options(inputs, hidden, options, rng)),
            }
        }
        "multi_head_self_attention" => {
            let (dim, heads) = (attrs.count("dim", None)?, attrs.count("heads", None)?);
            let m = match attrs.flag("bias", true)? {
                true => MultiHeadAttention::new(dim, heads, rng),
                false => MultiHeadAttention::without_bias(dim, heads, rng),
            };
            Box::new(Heads { m: m.causal(attrs.flag("causal", false)?) })
        }
        "transformer_encoder_layer" | "transformer_decoder_layer" => {
            let (dim, heads) = (attrs.count("dim", None)?, attrs.count("heads", None)?);
            let inner = attrs.count("feed_forward", None)?;
            let activation = match attrs.word("activation", "relu")?.as_str() {
                "relu" => Activation::Relu,
                "gelu" => Activation::Gelu,
                other => return Err(format!("the activation {other} is unknown here")),
            };
            let (first, rate) = (attrs.flag("norm_first", false)?, attrs.number("dropout", 0.0)?);
            let (eps, causal) = (attrs.number("eps", 1e-5)?, attrs.flag("causal", false)?);
            let bias = attrs.flag("bias", true)?;
            macro_rules! block {
                ($name:ident) => {{
                    let block = match bias {
                        true => $name::new(dim, heads, inner, rng),
                        false => $name::without_bias(dim, heads, inner, rng),
                    };
                    block.activation(activation).norm_first(first).dropout(rate).epsilon(eps).causal(causal)
                }};
            }
            if name == "transformer_decoder_layer" {
                return Ok(Subject::Decoder(Box::new(block!(TransformerDecoderLayer))));
            }
            Box::new(block!(TransformerEncoderLayer))
        }
        "embedding" => {
            let (count, dim) = (attrs.count("count", None)?, attrs.count("dim", None)?);
            let layer = Embedding::new(count, dim, rng);
            return Ok(Subject::Embedding(match attrs.0.contains_key("padding_idx") {
                true => layer.padding(attrs.count("padding_idx", None)?),
                false => layer,
            }));
        }
        "bilinear" => {
            let (w, bias) = (shape("weight")?, attrs.flag("bias", true)?);
            return Ok(Subject::Bilinear(match bias {
                true => Bilinear::new(w[1], w[2], w[0], rng),
                false => Bilinear::without_bias(w[1], w[2], w[0], rng),
            }));
        }
        "prelu" => Box::new(Prelu::of_channels(shape("weight")?[0])),
        "upsample_nearest" => Box::new(Upsample::nearest(attrs.pair("scale", None)?)),
        "upsample_bilinear" => {
            let layer = Upsample::bilinear(attrs.pair("scale", None)?);
            Box::new(if attrs.flag("align_corners", false)? { layer.align_corners() } else { layer })
        }
        "adaptive_avg_pool2d" => Box::new(AdaptiveAvgPool2d::new(attrs.pair("output", None)?)),
        "global_avg_pool2d" => Box::new(GlobalAvgPool2d),
        "max_pool2d" | "avg_pool2d" => {
            let kernel = attrs.pair("kernel", None)?;
            let stride = if attrs.0.contains_key("stride") { attrs.pair("stride", None)? } else { kernel };
            let padding = attrs.pair("padding", 0)?;
            match name {
                "max_pool2d" => Box::new(MaxPool2d::new(kernel).stride(stride).padding(padding)),
                _ => Box::new(AvgPool2d::new(kernel).stride(stride).padding(padding)),
            }
        }
        "flatten" => Box::new(Flatten),
        "reshape" => Box::new(Reshape::new(&attrs.counts("shape")?)),
        "dropout" => Box::new(Dropout::new(attrs.number("rate", 0.5)?)),
        _ => return Err("the layer is unknown here".into()),
    };
    Ok(Subject::Layer(layer))
}

fn tensor<T: Float>(value: &Value) -> Option<Tensor<T>> {
    let shape: Option<Vec<usize>> =
        value["shape"].as_array()?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect();
    let data: Option<Vec<f64>> = value["data"].as_array()?.iter().map(Value::as_f64).collect();
    Some(Tensor::from_vec(data?, &shape?).ok()?.cast::<T>())
}

fn object<'a>(case: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    case[name].as_object().ok_or_else(|| format!("{name} is no object"))
}

/// Each element must come within `tol` · max(1, largest |expected|).
fn close<T: Float>(what: &str, found: &Tensor<T>, expected: &Value, tol: f64) -> Result<(), String> {
    let expected = tensor::<f64>(expected).ok_or_else(|| format!("{what} is no tensor"))?;
    if found.shape() != expected.shape() {
        return Err(format!("{what}: shape {}, expected {}", found.shape(), expected.shape()));
    }
    let largest = expected.as_slice().iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    let found = found.cast::<f64>();
    for (i, (f, e)) in found.as_slice().iter().zip(expected.as_slice()).enumerate() {
        // Not `error > ..`: a NaN must fail.
        let close = (f - e).abs() <= tol * largest;
        if !close {
            return Err(format!("{what}: element {i} is {f:e}, expected {e:e}"));
        }
    }
    Ok(())
}

/// Sets parameters and state by name.
fn load<T: Float>(module: &mut dyn Module<T>, case: &Value) -> Result<(), String> {
    let (params, state) = (object(case, "params")?, object(case, "state_before")?);
    let mut set = Vec::new();
    let mut problem = None;
    module.visit_mut(&Path::root(), &mut |path, parameter| {
        let name = path.to_string();
        let value = if parameter.is_state() { state.get(&name) } else { params.get(&name) };
        let Some(value) = value else {
            // PyTorch's count of batches changes nothing, and not every file has it.
            if !parameter.is_state() {
                problem = Some(format!("params lacks {name}"));
            }
            return;
        };
        match tensor::<T>(value).filter(|value| value.shape() == parameter.value().shape()) {
            Some(value) => {
                parameter.replace(value);
                set.push(name);
            }
            None => problem = Some(format!("{name} has not the shape {}", parameter.value().shape())),
        }
    });
    match params.keys().chain(state.keys()).find(|&name| !set.contains(name)) {
        _ if problem.is_some() => Err(problem.unwrap_or_default()),
        Some(unknown) => Err(format!("the layer has no parameter {unknown}")),
        None => Ok(()),
    }
}

fn run<T: Float>(case: &Value, tol: f64) -> Result<(), String> {
    let mut attrs = Attrs(object(case, "attrs")?.clone());
    let training = attrs.flag("training", true)?;
    let mut subject = subject::<T>(case, &mut attrs)?;
    attrs.none_left()?;
    load(subject.module_mut(), case)?;

    let tape = GradientTape::new();
    tape.set_training(training);
    let inputs = case["input"].as_array().ok_or("input is no list")?;
    let inputs: Option<Vec<_>> = inputs.iter().map(|x| Some(tape.var(tensor::<T>(x)?))).collect();
    let inputs = inputs.ok_or("an input is no tensor")?;
    let output = subject.output(&tape, &inputs)?;
    close("output", &output.value(), &case["output"], tol)?;

    let cotangent = tensor::<T>(&case["cotangent"]).ok_or("cotangent is no tensor")?;
    let grads = output.backward_with(&cotangent);
    let expected = case["grad_input"].as_array().ok_or("grad_input is no list")?;
    if expected.len() != inputs.len() {
        return Err(format!("{} inputs and {} gradients", inputs.len(), expected.len()));
    }
    for (i, (x, expected)) in inputs.iter().zip(expected).enumerate().filter(|(_, (_, e))| !e.is_null()) {
        let what = format!("gradient of input {i}");
        let found = grads.get(*x).ok_or_else(|| format!("{what}: there is none"))?;
        close(&what, found, expected, tol)?;
    }
    let expected = object(case, "grad_params")?;
    for (name, parameter) in subject.module().parameters() {
        if parameter.is_state() {
            continue;
        }
        let expected = expected.get(&name).ok_or_else(|| format!("grad_params lacks {name}"))?;
        let what = format!("gradient of {name}");
        let found = grads.parameter(parameter).ok_or_else(|| format!("{what}: there is none"))?;
        close(&what, found, expected, tol)?;
    }

    subject.module_mut().update_state(&grads);
    let expected = object(case, "state_after")?;
    for (name, parameter) in subject.module().parameters() {
        if let Some(expected) = expected.get(&name) {
            close(&format!("{name} after"), parameter.value(), expected, tol)?;
        }
    }
    Ok(())
}
