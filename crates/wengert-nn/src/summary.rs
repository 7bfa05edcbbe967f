//! What a model is made of, layer by layer: found by watching a pass over zeros, not by asking layers.
//!
//! Layers tell the tape when they are called, under which name, and what came out. So a summary shows
//! any model, a derived struct like a list of layers, and in the order of its calls. Lengths that depend
//! on the batch are found with a second pass over a larger one.

use crate::forward::Model;
use crate::module::Module;
use std::collections::HashMap;
use std::fmt;
use wengert::{Float, GradientTape, LayerCall, ParameterId, Shape};

/// A model's layers, output shapes and numbers of parameters; prints as a table.
///
/// ```
/// use wengert_nn::prelude::*;
/// let mut rng = seeded(0);
/// let model: Sequential = Sequential::new()
///     .named("hidden", Dense::new(784, 512, &mut rng))
///     .layer(Relu)
///     .named("out", Dense::new(512, 10, &mut rng));
/// let summary = model.summary(&[0, 784]); // 0: of any number
/// assert_eq!(summary.layers[0].output, [None, Some(512)]);
/// assert_eq!((summary.trainable, summary.not_trainable), (407_050, 0));
/// assert_eq!(summary.to_string(), "\
/// layer   kind   output    parameters
/// hidden  dense  [?, 512]     401_920
/// 1       relu   [?, 512]           0
/// out     dense  [?, 10]        5_130
///
/// parameters: 407_050 (1.55 MiB), of which 407_050 trainable, 0 not trainable
/// ");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The layers in the order of their calls.
    pub layers: Vec<LayerSummary>,
    /// How many numbers are trained.
    pub trainable: usize,
    /// How many numbers are frozen.
    pub not_trainable: usize,
    /// How many numbers are state, such as running statistics, which is not among the parameters.
    pub state: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// One call of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// Where it is in the model: `encoder.hidden`; calls after the first have `#2`, `#3`, .. added.
    pub path: String,
    /// What it is: `dense`, `conv2d`, ..
    pub kind: &'static str,
    /// In how many other layers it is.
    pub depth: usize,
    /// The lengths of its output's axes, `None` where they depend on the batch.
    pub output: Vec<Option<usize>>,
    /// How many parameters are its own, and not those of a layer in it.
    pub parameters: usize,
}

impl Summary {
    /// The summary of a model whose inputs are no tensors of numbers, from an example.
    ///
    /// ```
    /// use wengert_nn::{Summary, prelude::*};
    /// let words: Embedding = Embedding::new(1000, 16, &mut seeded(0));
    /// let summary = Summary::of(&words, &tensor![[0usize, 0, 0]]);
    /// assert_eq!(summary.layers[0].output, [Some(1), Some(3), Some(16)]);
    /// assert_eq!(summary.layers[0].parameters, 16_000);
    /// ```
    #[track_caller]
    pub fn of<T: Float, M: Model<T> + ?Sized>(model: &M, input: &M::Input) -> Summary {
        let tape = GradientTape::new();
        tape.set_training(false);
        model.name_parameters();
        model.output(&tape, input);
        Summary::new(model, &calls(&tape))
    }

    /// The summary for inputs of two sizes: what differs depends on them.
    #[track_caller]
    pub(crate) fn of_two<T: Float, M: Model<T> + ?Sized>(model: &M, inputs: [&M::Input; 2]) -> Summary {
        let (first, second) = (Summary::of(model, inputs[0]), Summary::of(model, inputs[1]));
        let mut summary = first;
        for (layer, other) in summary.layers.iter_mut().zip(second.layers) {
            for (length, other) in layer.output.iter_mut().zip(other.output) {
                *length = length.filter(|_| *length == other);
            }
        }
        summary
    }

    /// The summary of a recorded pass.
    #[cfg(feature = "tensorboard")]
    pub(crate) fn of_recording<T: Float>(
        model: &(impl Module<T> + ?Sized),
        tape: &GradientTape<T>,
    ) -> Summary {
        Summary::new(model, &calls(tape))
    }

    fn new<T: Float>(model: &(impl Module<T> + ?Sized), calls: &[(LayerCall, Option<Shape>)]) -> Summary {
        let mut own: HashMap<ParameterId, usize> = HashMap::new();
        let lengths = |shape: &Option<Shape>| shape.iter().flat_map(|s| s.iter().map(|&n| Some(n))).collect();
        let mut layers: Vec<LayerSummary> = calls
            .iter()
            .map(|(call, output)| LayerSummary {
                path: call.path.clone(),
                kind: call.kind,
                depth: call.depth,
                output: lengths(output),
                parameters: 0,
            })
            .collect();
        let mut summary = Summary { layers: Vec::new(), trainable: 0, not_trainable: 0, state: 0, bytes: 0 };
        // A layer alone is called by its kind, which the names of its parameters do not have.
        let mut outer = layers.iter().filter(|layer| layer.depth == 0);
        let alone = match (outer.next(), outer.next()) {
            (Some(layer), None) if layer.path == layer.kind => format!("{}.", layer.kind),
            _ => String::new(),
        };
        let mut rest = 0;
        for (path, parameter) in model.parameters() {
            let n = parameter.value().len();
            // One that stands in two places counts once.
            if own.insert(parameter.id(), n).is_some() {
                continue;
            }
            summary.bytes += n * size_of::<T>();
            match (parameter.is_state(), parameter.is_trainable()) {
                (true, _) => summary.state += n,
                (_, true) => summary.trainable += n,
                (_, false) => summary.not_trainable += n,
            }
            let path = alone.clone() + &path;
            let belongs = |layer: &&mut LayerSummary| {
                path.strip_prefix(&layer.path).is_some_and(|rest| rest.starts_with('.'))
            };
            let n = if parameter.is_state() { 0 } else { n };
            match layers.iter_mut().filter(belongs).max_by_key(|layer| layer.path.len()) {
                Some(layer) => layer.parameters += n,
                None => rest += n,
            }
        }
        if rest > 0 {
            let kind = "not in a layer";
            layers.push(LayerSummary {
                path: String::new(),
                kind,
                depth: 0,
                output: vec![],
                parameters: rest,
            });
        }
        Summary { layers, ..summary }
    }
}

/// The calls of a recording, and the shapes of their results.
fn calls<T: Float>(tape: &GradientTape<T>) -> Vec<(LayerCall, Option<Shape>)> {
    let with_shape = |call: LayerCall| {
        let shape = call.output.map(|id| tape.var_of(id).shape());
        (call, shape)
    };
    tape.layer_calls().into_iter().map(with_shape).collect()
}

/// `401_920`
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// `1.55 MiB`
pub(crate) fn size(bytes: usize) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.2} {}", units[unit]) }
}

impl fmt::Display for LayerSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}: {} parameters", self.path, self.kind, shape(&self.output), self.parameters)
    }
}

pub(crate) fn shape(lengths: &[Option<usize>]) -> String {
    let texts: Vec<String> = lengths.iter().map(|n| n.map_or("?".into(), |n| n.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |layer: &LayerSummary| {
            let inner = "  ".repeat(layer.depth);
            let output = if layer.path.is_empty() { String::new() } else { shape(&layer.output) };
            [inner + &layer.path, layer.kind.to_string(), output, grouped(layer.parameters)]
        };
        let head = ["layer", "kind", "output", "parameters"].map(str::to_string);
        let rows: Vec<[String; 4]> = [head].into_iter().chain(self.layers.iter().map(row)).collect();
        let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let [a, b, c, d] = [0, 1, 2, 3].map(width);
        for [path, kind, output, parameters] in &rows {
            writeln!(f, "{path:<a$}  {kind:<b$}  {output:<c$}  {parameters:>d$}")?;
        }
        let [all, trainable, not] =
            [self.trainable + self.not_trainable, self.trainable, self.not_trainable].map(grouped);
        let bytes = size(self.bytes);
        writeln!(f)?;
        writeln!(f, "parameters: {all} ({bytes}), of which {trainable} trainable, {not} not trainable")?;
        if self.state > 0 {
            writeln!(f, "state: {} numbers", grouped(self.state))?;
        }
        Ok(())
    }
}

/// No layer of this name was called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model called no layer `{name}`; it called {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownLayer {
    /// The name that was asked for.
    pub name: String,
    /// The names of those that were called, in order.
    pub known: Vec<String>,
}

/// The output of the layer called `name` in an evaluation of a model of any inputs; for those that take
/// tensors, [`Forward::activations`](crate::Forward::activations) is shorter.
///
/// # Errors
/// The model called no such layer; the error lists those that it called.
///
/// ```
/// use wengert_nn::prelude::*;
/// let model: Embedded = Embedding::new(9, 4, &mut seeded(0)).then(Flatten);
/// let vectors = wengert_nn::activations(&model, &tensor![[0usize, 3, 8]], "embedding")?;
/// assert_eq!(vectors.shape()[..], [1, 3, 4]);
/// # Ok::<(), wengert_nn::UnknownLayer>(())
/// ```
#[track_caller]
pub fn activations<T: Float, M: Model<T> + ?Sized>(
    model: &M,
    input: &M::Input,
    name: &str,
) -> Result<wengert::Tensor<T>, UnknownLayer> {
    let tape = GradientTape::new();
    tape.set_training(false);
    model.name_parameters();
    model.output(&tape, input);
    let calls = tape.layer_calls();
    let wanted = name.replace('/', ".");
    match calls.iter().find(|call| call.path == wanted && call.output.is_some()) {
        Some(LayerCall { output: Some(id), .. }) => Ok(tape.var_of(*id).value()),
        _ => {
            let known = calls.into_iter().map(|call| call.path).collect();
            Err(UnknownLayer { name: name.into(), known })
        }
    }
}
