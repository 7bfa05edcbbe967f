//! candle, with the layers and losses of candle-nn.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW, RNN, SGD, VarBuilder, VarMap};
use harness::{BATCHES, MATMULS, MLP_BATCHES, Peer, Random, Unit, start, wanted};

const CANDLE: Peer = Peer { name: "candle", version: "0.11.1" };
const CPU: &Device = &Device::Cpu;

fn main() -> Result<()> {
    for (name, workload) in [
        ("mlp", mlp as fn() -> Result<()>),
        ("cnn", cnn),
        ("lstm", lstm),
        ("scalar", scalar),
        ("small", small),
        ("elementwise", elementwise),
        ("attention", attention),
    ] {
        if wanted(name) {
            workload()?;
        }
    }
    for (name, m, k, n) in MATMULS {
        if wanted(name) {
            let (a, b) = (Tensor::randn(0f32, 1.0, (m, k), CPU)?, Tensor::randn(0f32, 1.0, (k, n), CPU)?);
            CANDLE.measure(name, Unit::Gflops(2.0 * (m * k * n) as f64), || drop(a.matmul(&b).unwrap()));
        }
    }
    Ok(())
}

/// Steps over `count` random batches of this shape.
fn train(
    workload: &str,
    count: usize,
    shape: &[usize],
    mut optimizer: impl Optimizer,
    model: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let mut random = Random::default();
    let batches: Vec<(Tensor, Tensor)> = (0..count)
        .map(|_| {
            let (images, labels) = (random.numbers(shape.iter().product()), random.labels(shape[0]));
            Ok((Tensor::from_vec(images, shape, CPU)?, Tensor::from_vec(labels, shape[0], CPU)?))
        })
        .collect::<Result<_>>()?;
    let mut batches = batches.iter().cycle();
    let mut step = || {
        let (x, y) = batches.next().unwrap();
        let loss = candle_nn::loss::cross_entropy(&model(x)?, y)?;
        optimizer.backward_step(&loss)?;
        loss.to_scalar::<f32>()
    };
    CANDLE.train(workload, || step().unwrap());
    Ok(())
}

/// candle-nn has SGD and AdamW only. This is what a user of candle would write.
struct RmsProp {
    variables: Vec<(Var, Tensor)>,
    learning_rate: f64,
}

impl Optimizer for RmsProp {
    type Config = f64;

    fn new(variables: Vec<Var>, learning_rate: f64) -> Result<Self> {
        let variables =
            variables.into_iter().map(|v| Ok((v.clone(), v.zeros_like()?))).collect::<Result<_>>()?;
        Ok(RmsProp { variables, learning_rate })
    }

    fn step(&mut self, gradients: &candle_core::backprop::GradStore) -> Result<()> {
        for (variable, average) in &mut self.variables {
            let gradient = gradients.get(variable).unwrap();
            *average = ((&*average * 0.9)? + (gradient.sqr()? * 0.1)?)?;
            let change = (gradient * self.learning_rate)?.div(&(average.sqrt()? + 1e-7)?)?;
            variable.set(&(variable.as_tensor() - change)?)?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }
}

fn parameters() -> (VarMap, VarBuilder<'static>) {
    let map = VarMap::new();
    let builder = VarBuilder::from_varmap(&map, DType::F32, CPU);
    (map, builder)
}

fn mlp() -> Result<()> {
    let (map, at) = parameters();
    let hidden = candle_nn::linear(784, 512, at.pp("hidden"))?;
    let output = candle_nn::linear(512, 10, at.pp("output"))?;
    let optimizer = RmsProp::new(map.all_vars(), 1e-3)?;
    train("mlp", MLP_BATCHES, &[128, 784], optimizer, |x| output.forward(&hidden.forward(x)?.relu()?))
}

fn cnn() -> Result<()> {
    let (map, at) = parameters();
    let first = candle_nn::conv2d(1, 32, 3, Default::default(), at.pp("first"))?;
    let second = candle_nn::conv2d(32, 64, 3, Default::default(), at.pp("second"))?;
    let output = candle_nn::linear(1600, 10, at.pp("output"))?;
    // Without decay AdamW is Adam.
    let optimizer =
        AdamW::new(map.all_vars(), ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..Default::default() })?;
    train("cnn", BATCHES, &[64, 1, 28, 28], optimizer, |x| {
        let x = first.forward(x)?.relu()?.max_pool2d(2)?;
        let x = second.forward(&x)?.relu()?.max_pool2d(2)?;
        output.forward(&x.flatten_from(1)?)
    })
}

fn lstm() -> Result<()> {
    let (map, at) = parameters();
    let cell = candle_nn::lstm(64, 128, Default::default(), at.pp("cell"))?;
    let output = candle_nn::linear(128, 10, at.pp("output"))?;
    train("lstm", BATCHES, &[32, 64, 64], SGD::new(map.all_vars(), 0.01)?, |x| {
        output.forward(cell.seq(x)?.last().unwrap().h())
    })
}

fn scalar() -> Result<()> {
    let variables: Vec<Var> = start().into_iter().map(|value| Var::new(value, CPU)).collect::<Result<_>>()?;
    let step = || -> Result<()> {
        let mut sum: Option<Tensor> = None;
        for pair in variables.windows(2) {
            let (x, y) = (pair[0].as_tensor(), pair[1].as_tensor());
            let t = (y - (x * x)?)?;
            let u = x.affine(-1.0, 1.0)?;
            let term = (((&t * &t)? * 100.0)? + (&u * &u)?)?;
            sum = Some(match sum {
                None => term,
                Some(sum) => (sum + term)?,
            });
        }
        assert!(sum.unwrap().backward()?.get(&variables[0]).is_some());
        Ok(())
    };
    CANDLE.measure("scalar", Unit::NanosecondsAnOperation, || step().unwrap());
    Ok(())
}

fn small() -> Result<()> {
    let variable = |rows, columns| Var::randn(0f32, 1.0, (rows, columns), CPU);
    let (w1, b1, w2, b2) = (variable(16, 32)?, variable(1, 32)?, variable(32, 1)?, variable(1, 1)?);
    let x = Tensor::randn(0f32, 1.0, (1, 16), CPU)?;
    let step = || -> Result<()> {
        let gradients = x.matmul(&w1)?.add(&b1)?.tanh()?.matmul(&w2)?.add(&b2)?.sum_all()?.backward()?;
        assert!([&w1, &b1, &w2, &b2].iter().all(|variable| gradients.get(variable).is_some()));
        Ok(())
    };
    CANDLE.measure("small", Unit::Microseconds, || step().unwrap());
    Ok(())
}

fn elementwise() -> Result<()> {
    let variable = || Var::randn(0f32, 1.0, 1_000_000, CPU);
    let (x, w, b) = (variable()?, variable()?, variable()?);
    let step = || -> Result<()> {
        let y = (((x.as_tensor() * w.as_tensor())? + b.as_tensor())?.tanh()? * candle_nn::ops::sigmoid(&x)?)?;
        let gradients = y.sum_all()?.backward()?;
        assert!([&x, &w, &b].iter().all(|variable| gradients.get(variable).is_some()));
        Ok(())
    };
    CANDLE.measure("elementwise", Unit::Milliseconds, || step().unwrap());
    Ok(())
}

fn attention() -> Result<()> {
    let (_map, at) = parameters();
    let project = candle_nn::linear(256, 768, at.pp("project"))?;
    let output = candle_nn::linear(256, 256, at.pp("output"))?;
    let x = Var::randn(0f32, 1.0, (8, 128, 256), CPU)?;
    let mask: Vec<f32> =
        (0..128 * 128).map(|i| if i % 128 > i / 128 { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mask = Tensor::from_vec(mask, (128, 128), CPU)?;
    let step = || -> Result<()> {
        let h = project.forward(&x)?.reshape((8, 128, 3, 8, 32))?.permute((2, 0, 3, 1, 4))?;
        let (q, k, v) = (h.get(0)?.contiguous()?, h.get(1)?.contiguous()?, h.get(2)?.contiguous()?);
        let scores = (q.matmul(&k.t()?)? / 32f64.sqrt())?.broadcast_add(&mask)?;
        let y = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
        let y = output.forward(&y.transpose(1, 2)?.reshape((8, 128, 256))?)?;
        assert!(y.sqr()?.mean_all()?.backward()?.get(&x).is_some());
        Ok(())
    };
    CANDLE.measure("attention", Unit::Milliseconds, || step().unwrap());
    Ok(())
}
