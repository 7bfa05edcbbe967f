//! Values and derivatives where a function has none, or an infinite one: one written table.
//!
//! Each line below is a line of `docs/kinks.md`, in the same words, and a test holds the page
//! and this file together: neither can say what the other does not. Every line is
//! computed as numbers and recorded, in `f32` and in `f64`, and elementwise ones also on tensors
//! that are long enough for vector instructions.

use std::path::Path;
use wengert::{Float, GradientTape, NoGradient, Reduction, Tensor, Var, tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// One line: what was computed at a point, against what the table says.
struct Line {
    expression: &'static str,
    at: Vec<(&'static str, Tensor<f64>)>,
    expected: Vec<Tensor<f64>>,
    /// By element type and way of computing: `f32 recorded`, ...
    found: Vec<(String, Vec<Tensor<f64>>)>,
}

impl Line {
    /// As the page says it: expression, point, value, derivatives.
    fn text(&self) -> String {
        let at: Vec<String> = self.at.iter().map(|(name, x)| format!("{name} = {}", show(x))).collect();
        let cells: Vec<String> = self.expected.iter().map(show).collect();
        let (value, derivatives) = cells.split_first().expect("a value comes first");
        format!("| `{}` | {} | {value} | {} |", self.expression, at.join(", "), derivatives.join(", "))
    }

    fn check(&self) {
        for (how, found) in &self.found {
            let shown = |all: &[Tensor<f64>]| all.iter().map(show).collect::<Vec<_>>();
            assert_eq!(shown(found), shown(&self.expected), "{how}: {}", self.text());
        }
    }
}

/// `0`, `-∞`, `[1, 0.5]`, `[[1, 0], [0, 1]]`; there is one zero and one NaN.
fn show(x: &Tensor<f64>) -> String {
    let number = |x: &f64| format!("{}", if *x == 0.0 { 0.0 } else { *x }).replace("inf", "∞");
    let mut all: Vec<String> = x.as_slice().iter().map(number).collect();
    for &n in x.shape().iter().rev() {
        all = if n == 0 {
            vec!["[]".into()]
        } else {
            all.chunks(n).map(|x| format!("[{}]", x.join(", "))).collect()
        };
    }
    all.concat()
}

trait Point {
    fn tensor(self) -> Tensor<f64>;
}

impl Point for f64 {
    fn tensor(self) -> Tensor<f64> {
        Tensor::scalar(self)
    }
}

impl<const N: usize> Point for [f64; N] {
    fn tensor(self) -> Tensor<f64> {
        Tensor::from_vec(self.to_vec(), &[N]).unwrap()
    }
}

impl Point for Tensor<f64> {
    fn tensor(self) -> Tensor<f64> {
        self
    }
}

/// Value and gradients of `f`'s sum, as numbers and recorded.
fn first_order<T: Float>(
    line: &mut Line,
    f: impl for<'t> Fn(&'t GradientTape<T>, &[Var<'t, T>]) -> Var<'t, T>,
) {
    let points: Vec<Tensor<T>> = line.at.iter().map(|(_, x)| x.cast()).collect();
    let mut run = |points: Vec<Tensor<T>>, how: &str, first: fn(&Tensor<f64>) -> Tensor<f64>| {
        let tape = GradientTape::new();
        let x: Vec<Var<T>> = points.iter().map(|x| tape.var(x)).collect();
        let y = f(&tape, &x);
        let numbers = y.sum().backward();
        let zeros = |x: &Var<T>| Tensor::zeros(&x.shape());
        let numeric = x.iter().map(|&x| numbers.get(x).cloned().unwrap_or_else(|| zeros(&x)));
        let recorded = tape.gradient(y.sum(), &x).into_iter().map(|g| g.value());
        for (sweep, gradients) in [("numbers", numeric.collect::<Vec<_>>()), ("recorded", recorded.collect())]
        {
            let all = std::iter::once(y.value()).chain(gradients);
            let found = all.map(|x| first(&x.cast())).collect();
            line.found.push((format!("{} {how} {sweep}", T::NAME), found));
        }
    };
    run(points.clone(), "as given", |x| x.clone());
    if points.iter().all(|x| x.ndim() == 0) {
        let long = points.iter().map(|x| Tensor::full(&[67], x.item())).collect();
        run(long, "tensor", |x| {
            assert!(
                x.as_slice().iter().all(|e| e.to_bits() == x.as_slice()[0].to_bits()),
                "lanes differ: {x}"
            );
            Tensor::scalar(x.as_slice()[0])
        });
    }
}

/// Value and three derivatives of `f`, each the recorded gradient of the one before.
fn three_orders<T: Float>(
    line: &mut Line,
    f: impl for<'t> Fn(&'t GradientTape<T>, &[Var<'t, T>]) -> Var<'t, T>,
) {
    let tape = GradientTape::new();
    let x = tape.var(T::from_f64(line.at[0].1.item()));
    let mut all = vec![f(&tape, &[x])];
    for order in 0..3 {
        all.push(tape.gradient(all[order], &[x])[0]);
    }
    line.found.push((T::NAME.into(), all.iter().map(|y| y.value().cast()).collect()));
}

/// `expression; x = point, ..; value; derivatives`.
macro_rules! lines {
    ($orders:ident: $($f:expr; $($x:ident = $at:expr),+; $value:expr; $($derivative:expr),+;)*) => {
        vec![$({
            let mut line = Line {
                expression: stringify!($f),
                at: vec![$((stringify!($x), Point::tensor($at))),+],
                expected: vec![Point::tensor($value), $(Point::tensor($derivative)),+],
                found: Vec::new(),
            };
            lines!(@run $orders, f32, line, $f, $($x)+);
            lines!(@run $orders, f64, line, $f, $($x)+);
            line
        }),*]
    };
    (@run $orders:ident, $t:ident, $line:ident, $f:expr, $($x:ident)+) => {
        $orders::<$t>(&mut $line, |_, x| {
            let [$($x),+] = x[..] else { unreachable!() };
            $f
        });
    };
}

fn first_derivatives() -> Vec<Line> {
    lines! { first_order:
        x.relu(); x = 0.0; 0.0; 0.0;
        x.abs(); x = 0.0; 0.0; 0.0;
        x.sign(); x = 0.0; 0.0; 0.0;
        x.floor(); x = 1.0; 1.0; 0.0;
        x.ceil(); x = 1.0; 1.0; 0.0;
        x.trunc(); x = -1.0; -1.0; 0.0;
        x.round(); x = 0.5; 0.0; 0.0;
        x.round(); x = 1.5; 2.0; 0.0;
        x.fract(); x = -1.0; 0.0; 1.0;
        x.clamp(-1.0, 2.0); x = -1.0; -1.0; 1.0;
        x.clamp(-1.0, 2.0); x = 2.0; 2.0; 1.0;
        x.clamp(0.0, INF); x = INF; INF; 1.0;
        x.clamp(0.0, 1.0); x = NAN; NAN; 1.0;
        x.relu6(); x = 0.0; 0.0; 0.0;
        x.relu6(); x = 6.0; 6.0; 0.0;
        x.relu6(); x = NAN; NAN; NAN;
        x.hard_tanh(); x = -1.0; -1.0; 0.0;
        x.hard_tanh(); x = 1.0; 1.0; 0.0;
        x.hard_sigmoid(); x = -3.0; 0.0; 0.0;
        x.hard_sigmoid(); x = 3.0; 1.0; 0.0;
        x.hard_swish(); x = -3.0; 0.0; 0.0;
        x.hard_swish(); x = 3.0; 3.0; 1.0;
        x.leaky_relu(0.25); x = 0.0; 0.0; 0.25;
        x.elu(0.25); x = 0.0; 0.0; 0.25;
        a.maximum(b); a = 1.0, b = 1.0; 1.0; 0.5, 0.5;
        a.maximum(b); a = -INF, b = -INF; -INF; 0.5, 0.5;
        a.minimum(b); a = 1.0, b = 1.0; 1.0; 0.5, 0.5;
        a.minimum(b); a = 1.0, b = NAN; NAN; 0.5, 0.5;
        x.max(); x = [1.0, 1.0, 0.0]; 1.0; [0.5, 0.5, 0.0];
        x.max(); x = [2.0, 2.0, 2.0, 2.0]; 2.0; [0.25, 0.25, 0.25, 0.25];
        x.max(); x = [-INF, -INF]; -INF; [0.5, 0.5];
        x.min(); x = [1.0, 1.0, 2.0]; 1.0; [0.5, 0.5, 0.0];
        x.topk(1, 0).0; x = [2.0, 2.0]; [2.0]; [1.0, 0.0];
        x.topk(2, 0).0; x = [1.0, 3.0, 3.0, 3.0]; [3.0, 3.0]; [0.0, 1.0, 1.0, 0.0];
        x.max_pool1d(3); x = [0.0, 1.0, 1.0]; [1.0]; [0.0, 1.0, 0.0];
        x.max_pool1d(2); x = [-INF, -INF]; [-INF]; [1.0, 0.0];
        x.norm(); x = [0.0, 0.0]; 0.0; [0.0, 0.0];
        x.std(); x = [2.0, 2.0]; 0.0; [0.0, 0.0];

        x.prod(); x = [0.0, 2.0, 3.0]; 0.0; [6.0, 0.0, 0.0];
        x.prod(); x = [0.0, 0.0, 3.0]; 0.0; [0.0, 0.0, 0.0];
        x.prod(); x = [INF, 2.0]; INF; [2.0, INF];
        x.cumprod(0); x = [2.0, 0.0, 3.0]; [2.0, 0.0, 0.0]; [1.0, 8.0, 0.0];
        x.cumprod(0).slice(&[(..1).into()]); x = [1.0, INF]; [1.0]; [1.0, 0.0];

        x.sqrt(); x = 0.0; 0.0; INF;
        x.sqrt() * 0.0; x = 0.0; 0.0; 0.0;
        x.square().sqrt(); x = 0.0; 0.0; NAN;
        x.sqrt().square(); x = 0.0; 0.0; 0.0;
        x.ln(); x = 0.0; -INF; INF;
        x.ln() * 0.0; x = 0.0; NAN; 0.0;
        x.ln_1p(); x = -1.0; -INF; INF;
        x.rsqrt(); x = 0.0; INF; -INF;
        x.cbrt(); x = 0.0; 0.0; INF;
        x.acos(); x = 1.0; 0.0; -INF;
        x.acosh(); x = 1.0; 0.0; INF;
        x.acosh(); x = 0.5; NAN; NAN;
        x.atanh(); x = 1.0; INF; INF;
        x.lgamma(); x = 0.0; INF; -INF;
        x.lgamma(); x = -1.0; INF; NAN;
        x.lgamma() * 0.0; x = -1.0; NAN; 0.0;
        x.digamma(); x = 0.0; -INF; INF;
        x.digamma(); x = -1.0; NAN; INF;
        x.polygamma(1); x = -1.0; INF; -INF;
        x.recip(); x = 0.0; INF; -INF;
        1.0 / x; x = 0.0; INF; -INF;
        a / b; a = 0.0, b = 1.0; 0.0; 1.0, 0.0;
        a / b; a = 1.0, b = 0.0; INF; INF, -INF;
        a / b; a = 0.0, b = 0.0; NAN; INF, NAN;
        a * b; a = 0.0, b = INF; NAN; INF, 0.0;
        a.hypot(b); a = 0.0, b = 0.0; 0.0; 0.0, 0.0;
        a.atan2(b); a = 0.0, b = 0.0; 0.0; 0.0, 0.0;
        a.hypot(b); a = INF, b = 1.0; INF; NAN, 0.0;

        x.ln().where_(&Tensor::scalar(false), x * 2.0); x = 0.0; 0.0; 2.0;
        x.ln().where_(&Tensor::scalar(false), x * 2.0).sqrt(); x = 0.0; 0.0; INF;
        x.ln().where_(&Tensor::scalar(true), x * 2.0); x = 0.0; -INF; INF;
        (x * 2.0).where_(&Tensor::scalar(true), x.digamma()); x = -1.0; -2.0; 2.0;

        x.powi(0); x = 0.0; 1.0; 0.0;
        x.powi(1); x = 0.0; 0.0; 1.0;
        x.powi(-1); x = 0.0; INF; -INF;
        x.powf(0.0); x = 0.0; 1.0; 0.0;
        x.powf(0.5); x = 0.0; 0.0; INF;
        x.powf(1.0); x = 0.0; 0.0; 1.0;
        x.powf(1.5); x = 0.0; 0.0; 0.0;
        x.powf(0.5); x = -1.0; NAN; NAN;
        x.pow(y); x = 0.0, y = 2.0; 0.0; 0.0, 0.0;
        x.pow(y); x = 0.0, y = 1.0; 0.0; 1.0, 0.0;
        x.pow(y); x = 0.0, y = 0.5; 0.0; INF, 0.0;
        x.pow(y); x = 0.0, y = 0.0; 1.0; 0.0, -INF;
        x.pow(y); x = -2.0, y = 3.0; -8.0; 12.0, NAN;

        x.exp(); x = -INF; 0.0; 0.0;
        x.exp(); x = INF; INF; INF;
        x.tanh(); x = INF; 1.0; 0.0;
        x.sigmoid(); x = -INF; 0.0; 0.0;
        x.softplus(); x = -INF; 0.0; 0.0;
        x.softplus(); x = INF; INF; 1.0;
        x.log_sigmoid(); x = -INF; -INF; 1.0;
        x.log_sigmoid(); x = INF; 0.0; 0.0;
        x.silu(); x = -INF; 0.0; 0.0;
        x.silu(); x = INF; INF; 1.0;
        x.mish(); x = -INF; 0.0; 0.0;
        x.mish(); x = INF; INF; 1.0;
        x.gelu(); x = -INF; 0.0; 0.0;
        x.gelu(); x = INF; INF; 1.0;
        x.gelu_tanh(); x = -INF; 0.0; 0.0;
        x.gelu_tanh(); x = INF; INF; 1.0;
        x.hard_swish(); x = -INF; 0.0; 0.0;
        x.elu(1.0); x = -INF; -1.0; 0.0;
        x.elu(1.0); x = INF; INF; 1.0;
        x.softsign(); x = INF; NAN; 0.0;
        x.erf(); x = INF; 1.0; 0.0;
        x.erfc(); x = INF; 0.0; 0.0;
        x.sin(); x = INF; NAN; NAN;
        x.sin() * 0.0; x = INF; NAN; 0.0;

        x.softmax(-1).square(); x = [-INF, -INF]; [0.0, 0.0]; [0.0, 0.0];
        x.softmax(-1).square(); x = [0.0, -INF]; [1.0, 0.0]; [0.0, 0.0];
        x.log_softmax(-1); x = [-INF, -INF]; [-INF, -INF]; [1.0, 1.0];
        x.log_softmax(-1); x = [0.0, -INF]; [0.0, -INF]; [-1.0, 1.0];
        x.logsumexp(); x = [-INF, -INF]; -INF; [0.0, 0.0];
        x.cross_entropy(&Tensor::scalar(1)); x = [0.0, -INF]; INF; [1.0, -1.0];
        x.cross_entropy(&Tensor::scalar(1)); x = [-INF, -INF]; NAN; [0.0, -1.0];

        x.reshape(&[1, 2]).tril(0); x = [1.0, INF]; tensor![[1.0, 0.0]]; [1.0, 0.0];
        x.reshape(&[1, 2]).tril(0).ln(); x = [1.0, 2.0]; tensor![[0.0, -INF]]; [1.0, 0.0];
        x.pad(&[[1, 0]], 0.0).ln(); x = [1.0]; [-INF, 0.0]; [1.0];

        x.det(); x = tensor![[0.0]]; 0.0; tensor![[1.0]];
        x.det(); x = tensor![[0.0, 0.0], [0.0, 3.0]]; 0.0; tensor![[3.0, 0.0], [0.0, 0.0]];
        x.det(); x = tensor![[0.0, 0.0], [0.0, 0.0]]; 0.0; tensor![[0.0, 0.0], [0.0, 0.0]];
        x.log_det(); x = tensor![[0.0]]; -INF; tensor![[NAN]];
        x.log_det() * 0.0; x = tensor![[0.0]]; NAN; tensor![[0.0]];
        x.log_det(); x = tensor![[-2.0]]; NAN; tensor![[-0.5]];
        x.eigh().0.square(); x = tensor![[2.0, 0.0], [0.0, 2.0]]; [4.0, 4.0]; tensor![[4.0, 0.0], [0.0, 4.0]];
        x.eigh().1; x = tensor![[2.0, 0.0], [0.0, 2.0]]; tensor![[1.0, 0.0], [0.0, 1.0]]; tensor![[NAN, NAN], [NAN, NAN]];
        x.svd().1; x = tensor![[3.0, 0.0], [0.0, 3.0]]; [3.0, 3.0]; tensor![[1.0, 0.0], [0.0, 1.0]];
        x.svd().1; x = tensor![[0.0]]; [0.0]; tensor![[1.0]];

        x.sum(); x = []; 0.0; [];
        x.mean(); x = []; NAN; [];
        x.logsumexp(); x = []; -INF; [];
        x.prod(); x = []; 1.0; [];
        x.var(); x = []; NAN; [];
        x.std(); x = []; NAN; [];
        x.norm(); x = []; 0.0; [];
        x.max(); x = [1.0, NAN]; NAN; [NAN, NAN];
        x.min(); x = [1.0, NAN]; NAN; [NAN, NAN];
        x.sort(0, false); x = [2.0, NAN, 1.0]; [1.0, 2.0, NAN]; [1.0, 1.0, 1.0];
        x.sort(0, true); x = [1.0, NAN, 2.0]; [2.0, 1.0, NAN]; [1.0, 1.0, 1.0];
        x.topk(1, 0).0; x = [NAN, 1.0]; [1.0]; [0.0, 1.0];
        x.max_pool1d(3); x = [1.0, NAN, NAN]; [NAN]; [0.0, 1.0, 0.0];

        a.mae_loss(b, Reduction::None); a = 1.0, b = 1.0; 0.0; 0.0, 0.0;
        a.huber_loss(b, 0.5, Reduction::None); a = 1.0, b = 0.5; 0.125; 0.5, -0.5;
        a.bce_loss(b, Reduction::None); a = 0.0, b = 1.0; 100.0; 0.0, 100.0;
        a.bce_loss(b, Reduction::None); a = 1.0, b = 1.0; 0.0; -1.0, -100.0;
        a.kl_div_loss(b, Reduction::None); a = 0.0, b = 0.0; 0.0; 0.0, -INF;
        a.kl_div_loss(b, Reduction::None); a = -INF, b = 0.0; 0.0; 0.0, NAN;
        a.kl_div_loss(b, Reduction::None); a = -INF, b = 1.0; INF; -1.0, INF;
    }
}

fn higher_derivatives() -> Vec<Line> {
    lines! { three_orders:
        x.relu(); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x.abs(); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x * x.abs(); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x.maximum(x * 2.0); x = 0.0; 0.0; 1.5, 0.0, 0.0;
        x.square(); x = 0.0; 0.0; 0.0, 2.0, 0.0;
        x.powi(2); x = 0.0; 0.0; 0.0, 2.0, 0.0;
        x.powi(3); x = 0.0; 0.0; 0.0, 0.0, 6.0;
        x.powf(2.0); x = 0.0; 0.0; 0.0, 2.0, 0.0;
        x.powf(2.5); x = 0.0; 0.0; 0.0, 0.0, INF;
        x.ln().square(); x = 1.0; 0.0; 0.0, 2.0, -6.0;
        x.norm(); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x.tile(&[3]).std(); x = 1.0; 0.0; 0.0, 0.0, 0.0;
        x.tile(&[3]).prod(); x = 0.0; 0.0; 0.0, 0.0, 6.0;
        x.tile(&[3]).cumprod(0).sum(); x = 0.0; 0.0; 1.0, 2.0, 6.0;
        x.huber_loss(x * 0.0, 1.0, Reduction::None); x = 0.0; 0.0; 0.0, 1.0, 0.0;
        x.clamp(-1.0, 1.0); x = 1.0; 1.0; 1.0, 0.0, 0.0;
        x.hard_swish(); x = 3.0; 3.0; 1.0, 0.0, 0.0;
        x.elu(1.0); x = 0.0; 0.0; 1.0, 1.0, 1.0;
        x.softsign(); x = 0.0; 0.0; 1.0, 0.0, 0.0;
        x.silu(); x = 0.0; 0.0; 0.5, 0.5, 0.0;
        x.asinh(); x = 0.0; 0.0; 1.0, 0.0, -1.0;
        x.hypot(x); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x.atan2(x); x = 0.0; 0.0; 0.0, 0.0, 0.0;
        x.ln().where_(&Tensor::scalar(false), x.square()); x = 0.0; 0.0; 0.0, 2.0, 0.0;
        (x * 2.0).where_(&Tensor::scalar(true), x.lgamma()); x = -1.0; -2.0; 2.0, 0.0, 0.0;

        x.sigmoid(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.sigmoid(); x = 1000.0; 1.0; 0.0, 0.0, 0.0;
        x.log_sigmoid(); x = -1000.0; -1000.0; 1.0, 0.0, 0.0;
        x.log_sigmoid(); x = 1000.0; 0.0; 0.0, 0.0, 0.0;
        x.softplus(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.softplus(); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.elu(1.0); x = -1000.0; -1.0; 0.0, 0.0, 0.0;
        x.elu(1.0); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.gelu(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.gelu(); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.gelu_tanh(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.gelu_tanh(); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.silu(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.silu(); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.mish(); x = -1000.0; 0.0; 0.0, 0.0, 0.0;
        x.mish(); x = 1000.0; 1000.0; 1.0, 0.0, 0.0;
        x.erfc(); x = -1000.0; 2.0; 0.0, 0.0, 0.0;
        x.erfc(); x = 1000.0; 0.0; 0.0, 0.0, 0.0;
    }
}

#[test]
fn values_and_slopes_are_those_of_the_table() {
    first_derivatives().iter().for_each(Line::check);
}

#[test]
fn higher_derivatives_are_those_of_the_table() {
    higher_derivatives().iter().for_each(Line::check);
}

/// The page has these lines, in this order, and no others.
#[test]
fn the_page_says_what_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Ok(page) = std::fs::read_to_string(root.join("docs/kinks.md")) else {
        assert!(
            !root.join("docs").exists(),
            "docs/kinks.md is missing: only a published crate comes without it"
        );
        return;
    };
    let on_page: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let tested: Vec<String> =
        first_derivatives().iter().chain(&higher_derivatives()).map(Line::text).collect();
    for (on_page, tested) in on_page.iter().zip(&tested) {
        assert_eq!(on_page, tested, "docs/kinks.md on the left, this file on the right");
    }
    assert_eq!(on_page.len(), tested.len(), "docs/kinks.md and this file have different numbers of lines");
}

/// Where a slope is a choice, both modes make the same.
#[test]
fn forward_mode_has_the_slopes_of_the_table_at_corners() {
    type Function = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;
    let corners: [(Function, f64, f64); 16] = [
        (|x| x.relu(), 0.0, 0.0),
        (|x| x.abs(), 0.0, 0.0),
        (|x| x.relu6(), 6.0, 0.0),
        (|x| x.hard_tanh(), -1.0, 0.0),
        (|x| x.hard_sigmoid(), 3.0, 0.0),
        (|x| x.hard_swish(), 3.0, 1.0),
        (|x| x.clamp(-1.0, 2.0), -1.0, 1.0),
        (|x| x.clamp(-1.0, 2.0), 2.0, 1.0),
        (|x| x.leaky_relu(0.25), 0.0, 0.25),
        (|x| x.elu(0.25), 0.0, 0.25),
        (|x| x.maximum(x * 2.0), 0.0, 1.5),
        (|x| x.minimum(x * 2.0), 0.0, 1.5),
        (|x| x.hypot(x * 2.0), 0.0, 0.0),
        (|x| x.atan2(x * 2.0), 0.0, 0.0),
        (|x| x.ln().relu(), 0.0, 0.0),
        (|x| x.ln().maximum(x - 100.0), 0.0, 1.0),
    ];
    for (f, x, slope) in corners {
        let tape = GradientTape::new();
        let x = tape.var(x);
        let y = f(x);
        assert_eq!(tape.jvp(&[y], &[x], &[Tensor::scalar(1.0)])[0].item(), slope, "{tape}");
        assert_eq!(y.backward().get(x).map_or(0.0, Tensor::item), slope, "{tape}");
    }
}

#[test]
fn the_slope_of_sign_is_not_zero_but_absent_and_says_so() {
    let tape = GradientTape::new();
    let x = tape.var(0.0);
    let reason = x.sign().backward().why(x);
    assert!(matches!(reason, Some(NoGradient::Cut { op: "sign", .. })), "{reason:?}");
    assert_eq!(tape.gradient(x.sign(), &[x])[0].item(), 0.0);
}

#[test]
#[should_panic(expected = "an empty max has no value")]
fn the_largest_of_nothing_is_refused() {
    let tape = GradientTape::<f64>::new();
    tape.var(Tensor::zeros(&[0])).max();
}

#[test]
#[should_panic(expected = "an empty min has no value")]
fn the_smallest_of_nothing_is_refused() {
    let tape = GradientTape::<f64>::new();
    tape.var(Tensor::zeros(&[0])).min();
}
