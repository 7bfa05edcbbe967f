//! The network of 12 inputs, 3 hidden units and 2 outputs that tells a 0 from a 1, with 47 parameters: once
//! over tensors, in ten operations, once number by number, in ninety-five.
//!
//! Sigmoids, and half the sum of the squared errors.

use crate::images::Image;
use wengert::rand::SeedableRng;
use wengert::rand::rngs::ChaCha8Rng;
use wengert::trace::TraceOptions;
use wengert::{GradientTape, Tensor, Var};

/// The 47 parameters: a row of weights a unit, and its bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    pub hidden: Tensor<f64>,
    pub hidden_bias: Tensor<f64>,
    pub output: Tensor<f64>,
    pub output_bias: Tensor<f64>,
}

impl Weights {
    /// Set by hand, so that it can be followed: hidden unit A likes pixels 4 and 7, B 5 and 8, C 6 and 9.
    /// A and C speak for a zero, B for a one. The biases ignore what is only one pixel.
    pub fn by_hand() -> Weights {
        let likes = |pixels: [usize; 2]| (1..=12).map(move |i| if pixels.contains(&i) { 2.0 } else { 0.0 });
        let hidden = likes([4, 7]).chain(likes([5, 8])).chain(likes([6, 9])).collect();
        let tensor = |numbers: Vec<f64>, shape: &[usize]| Tensor::from_vec(numbers, shape).expect("it fits");
        Weights {
            hidden: tensor(hidden, &[3, 12]),
            hidden_bias: tensor(vec![-3.0; 3], &[3]),
            output: tensor(vec![2.0, -2.0, 2.0, -2.0, 2.0, -2.0], &[2, 3]),
            output_bias: tensor(vec![-0.5, 0.5], &[2]),
        }
    }

    /// Where training begins: uniform between -1 and 1.
    pub fn random(seed: u64) -> Weights {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = |shape: &[usize]| Tensor::uniform(shape, -1.0, 1.0, rng);
        Weights {
            hidden: uniform(&[3, 12]),
            hidden_bias: uniform(&[3]),
            output: uniform(&[2, 3]),
            output_bias: uniform(&[2]),
        }
    }

    /// The four tensors in order, with their names.
    pub fn named(&self) -> [(&'static str, &Tensor<f64>); 4] {
        [("w1", &self.hidden), ("b1", &self.hidden_bias), ("w2", &self.output), ("b2", &self.output_bias)]
    }

    /// A step down the gradients.
    fn descend(&mut self, gradients: &[Tensor<f64>; 4], rate: f64) {
        let own = [&mut self.hidden, &mut self.hidden_bias, &mut self.output, &mut self.output_bias];
        for (w, g) in own.into_iter().zip(gradients) {
            *w = &*w - g * rate;
        }
    }
}

/// What the outputs should be.
pub fn target(label: usize) -> [f64; 2] {
    if label == 0 { [1.0, 0.0] } else { [0.0, 1.0] }
}

/// A network recorded over tensors.
pub struct Tensors<'t> {
    pub x: Var<'t, f64>,
    /// w1, b1, w2, b2.
    pub parameters: [Var<'t, f64>; 4],
    pub outputs: Var<'t, f64>,
    pub cost: Var<'t, f64>,
}

/// The network over tensors, on one image: ten operations.
pub fn tensors<'t>(
    tape: &'t GradientTape<f64>,
    weights: &Weights,
    image: &Image,
    label: usize,
) -> Tensors<'t> {
    let x = tape.constant(Tensor::from_vec(image.to_vec(), &[12, 1]).expect("12 pixels"));
    let column = |b: &Tensor<f64>| b.reshape(&[b.len(), 1]).expect("a column");
    let parameters = [
        tape.var(&weights.hidden),
        tape.var(column(&weights.hidden_bias)),
        tape.var(&weights.output),
        tape.var(column(&weights.output_bias)),
    ];
    let [w1, b1, w2, b2] = parameters;
    let hidden = {
        let _scope = tape.scope("hidden");
        (w1.matmul(x) + b1).sigmoid()
    };
    let outputs = {
        let _scope = tape.scope("output");
        (w2.matmul(hidden) + b2).sigmoid()
    };
    let _scope = tape.scope("cost");
    let target = tape.constant(Tensor::from_vec(target(label).to_vec(), &[2, 1]).expect("two outputs"));
    let cost = (target - outputs).square().sum() * 0.5;
    Tensors { x, parameters, outputs, cost }
}

impl Tensors<'_> {
    /// How the trace calls them.
    pub fn named(&self, options: TraceOptions) -> TraceOptions {
        let [w1, b1, w2, b2] = self.parameters;
        options.name(self.x, "x").name(w1, "w1").name(b1, "b1").name(w2, "w2").name(b2, "b2")
    }
}

/// A network recorded number by number.
pub struct Scalars<'t> {
    pub x: Vec<Var<'t, f64>>,
    /// w1, b1, w2, b2, each row by row.
    pub parameters: [Vec<Var<'t, f64>>; 4],
    pub cost: Var<'t, f64>,
}

/// The network number by number, on one image: ninety-five operations.
pub fn scalars<'t>(
    tape: &'t GradientTape<f64>,
    weights: &Weights,
    image: &Image,
    label: usize,
) -> Scalars<'t> {
    let x: Vec<Var<f64>> = image.iter().map(|&pixel| tape.constant(pixel)).collect();
    let parameters =
        weights.named().map(|(_, w)| w.as_slice().iter().map(|&w| tape.var(w)).collect::<Vec<Var<f64>>>());
    let target = target(label).map(|t| tape.constant(t));
    let layer = |name: &str, inputs: &[Var<'t, f64>], w: &[Var<'t, f64>], b: &[Var<'t, f64>]| {
        let rows = w.chunks(inputs.len()).zip(b).enumerate();
        rows.map(|(unit, (row, &bias))| {
            let _scope = tape.scope(&format!("{name}{}", unit + 1));
            let products = row.iter().zip(inputs).map(|(&w, &x)| w * x).collect::<Vec<_>>();
            let sum = products.into_iter().reduce(|sum, product| sum + product).expect("there are inputs");
            (sum + bias).sigmoid()
        })
        .collect::<Vec<Var<f64>>>()
    };
    let [w1, b1, w2, b2] = &parameters;
    let hidden = layer("hidden", &x, w1, b1);
    let outputs = layer("output", &hidden, w2, b2);
    let _scope = tape.scope("cost");
    let errors = target.iter().zip(&outputs).map(|(&t, &a)| (t - a).square()).collect::<Vec<_>>();
    let cost = errors.into_iter().reduce(|sum, error| sum + error).expect("two outputs") * 0.5;
    Scalars { x, parameters, cost }
}

impl Scalars<'_> {
    /// How the trace calls them: `x4` is the fourth pixel, `w1[2,4]` unit 2's weight for it.
    pub fn named(&self, mut options: TraceOptions) -> TraceOptions {
        for (i, &x) in self.x.iter().enumerate() {
            options = options.name(x, format!("x{}", i + 1));
        }
        let [w1, b1, w2, b2] = &self.parameters;
        for (name, weights, columns) in [("w1", w1, 12), ("w2", w2, 3)] {
            for (i, &w) in weights.iter().enumerate() {
                options = options.name(w, format!("{name}[{},{}]", i / columns + 1, i % columns + 1));
            }
        }
        for (name, biases) in [("b1", b1), ("b2", b2)] {
            for (i, &b) in biases.iter().enumerate() {
                options = options.name(b, format!("{name}[{}]", i + 1));
            }
        }
        options
    }
}

/// Which digit the network sees.
pub fn classify(weights: &Weights, image: &Image) -> usize {
    let tape = GradientTape::new();
    let outputs = tensors(&tape, weights, image, 0).outputs.value();
    (outputs.as_slice()[1] > outputs.as_slice()[0]) as usize
}

/// Cost over all images, and how many are told right.
pub fn score(weights: &Weights, images: &[(Image, usize)]) -> (f64, usize) {
    let cost = |(image, label): &(Image, usize)| {
        let tape = GradientTape::new();
        tensors(&tape, weights, image, *label).cost.item()
    };
    let right = images.iter().filter(|(image, label)| classify(weights, image) == *label).count();
    (images.iter().map(cost).sum(), right)
}

/// Gradient descent over all images at once, from `weights`.
pub fn trained(mut weights: Weights, images: &[(Image, usize)], steps: usize, rate: f64) -> Weights {
    let mut tape = GradientTape::new();
    for _ in 0..steps {
        let mut sums = weights.named().map(|(_, w)| Tensor::zeros(w.shape()));
        for (image, label) in images {
            let network = tensors(&tape, &weights, image, *label);
            let grads = network.cost.backward();
            for (sum, parameter) in sums.iter_mut().zip(network.parameters) {
                let shape = sum.shape().to_vec();
                *sum = &*sum + &grads.wrt(parameter).reshape(&shape).expect("as many");
            }
            tape.reset();
        }
        weights.descend(&sums, rate);
    }
    weights
}
