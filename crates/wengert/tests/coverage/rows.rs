//! The rows of the coverage table: each operation, with inputs that it is informative at.
//!
//! A row is written once and is a function over `f64` and over `f32`. Where an operation has several
//! results, the row's function gives all of them, one behind the other.

use crate::common::{
    ABOVE_ONE, BOTH, Intervals, NO_POLES, NO_STEPS, PIECES, POSITIVE, UNIT, alternate, apart, regular,
};
use wengert::{
    AttentionOptions, ConvOptions, CustomOp, Float, PoolOptions, Reduction, Tensor, Var, fused, tensor,
};

pub type Function<T> = for<'t> fn(&[Var<'t, T>]) -> Var<'t, T>;
/// The shape of each operand.
pub type Shapes = &'static [&'static [usize]];

pub struct Row {
    pub name: &'static str,
    pub in_f64: Function<f64>,
    pub in_f32: Function<f32>,
    pub points: Points,
    pub shapes: Shapes,
    pub empty: (Shapes, Empty),
    pub stretch: Stretch,
}

/// Where operands are drawn from.
#[derive(Clone, Copy)]
pub enum Points {
    In(Intervals),
    /// No two elements near each other: for what compares them.
    Distinct,
}
use Points::{Distinct, In};

/// What comes of operands with an axis of length 0.
pub enum Empty {
    /// A value of this shape.
    Gives(&'static [usize]),
    /// A panic at the caller's line that says this.
    Refused(&'static str),
}
use Empty::{Gives, Refused};

/// Whether operands of different shapes are stretched to a common one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stretch {
    /// They are: such operands.
    Over(Shapes),
    /// There is one operand.
    One,
    /// Each operand has a shape of its own, which follows from what it stands for.
    Roles,
    /// The operands must have equal shapes, but for the axis along which they are joined.
    Equal,
}
use Stretch::{Equal, One, Over, Roles};

/// `name: function, points, (operands) (empty operands) => what comes of these, stretch;`
macro_rules! rows {
    ($($name:literal: $f:expr, $points:expr, ($($shape:tt),*) ($($none:tt),*) => $empty:expr, $stretch:expr;)*) => {
        vec![$(Row {
            name: $name,
            in_f64: $f,
            in_f32: $f,
            points: $points,
            shapes: &[$(&$shape),*],
            empty: (&[$(&$none),*], $empty),
            stretch: $stretch,
        }),*]
    };
}

/// `name: function, intervals;` of one operand of any shape, which the result has too.
macro_rules! elementwise {
    ($($name:literal: $f:expr, $intervals:expr;)*) => {
        rows! { $($name: $f, In($intervals), ([2, 3]) ([0, 3]) => Gives(&[0, 3]), One;)* }
    };
}

/// `name: function, points;` of two operands that broadcast.
macro_rules! of_two {
    ($($name:literal: $f:expr, $points:expr;)*) => {
        rows! { $(
            $name: $f, $points, ([2, 3], [2, 3]) ([2, 0], [2, 1]) => Gives(&[2, 0]), Over(&[&[3, 1], &[2, 1, 3]]);
        )* }
    };
}

pub fn all() -> Vec<Row> {
    let groups = [
        operators(),
        functions(),
        activations(),
        reductions(),
        arrangements(),
        picks(),
        products(),
        matrices(),
        networks(),
        losses(),
        extensions(),
    ];
    groups.into_iter().flatten().collect()
}

fn operators() -> Vec<Row> {
    let numbers = elementwise! {
        "-x": |v| -v[0], BOTH;
        "x + c": |v| v[0] + 1.7, BOTH;
        "c + x": |v| 1.7 + v[0], BOTH;
        "x - c": |v| v[0] - 1.7, BOTH;
        "c - x": |v| 1.7 - v[0], BOTH;
        "x * c": |v| v[0] * -2.5, BOTH;
        "c * x": |v| -2.5 * v[0], BOTH;
        "x / c": |v| v[0] / -0.4, BOTH;
        "c / x": |v| -1.2 / v[0], BOTH;
    };
    let mut all = of_two! {
        "x + y": |v| v[0] + v[1], In(BOTH);
        "x - y": |v| v[0] - v[1], In(BOTH);
        "x * y": |v| v[0] * v[1], In(BOTH);
        "x / y": |v| v[0] / v[1], In(BOTH);
    };
    all.extend(numbers);
    all
}

fn functions() -> Vec<Row> {
    let mut all = elementwise! {
        "exp": |v| v[0].exp(), BOTH;
        "exp2": |v| v[0].exp2(), BOTH;
        "exp_m1": |v| v[0].exp_m1(), BOTH;
        "ln": |v| v[0].ln(), POSITIVE;
        "log2": |v| v[0].log2(), POSITIVE;
        "log10": |v| v[0].log10(), POSITIVE;
        "ln_1p": |v| v[0].ln_1p(), UNIT;
        "sqrt": |v| v[0].sqrt(), POSITIVE;
        "rsqrt": |v| v[0].rsqrt(), POSITIVE;
        "cbrt": |v| v[0].cbrt(), BOTH;
        "square": |v| v[0].square(), BOTH;
        "recip": |v| v[0].recip(), BOTH;
        "powi": |v| v[0].powi(-3), BOTH;
        "powf": |v| v[0].powf(2.5), POSITIVE;
        "sin": |v| v[0].sin(), BOTH;
        "cos": |v| v[0].cos(), BOTH;
        "tan": |v| v[0].tan(), BOTH;
        "asin": |v| v[0].asin(), UNIT;
        "acos": |v| v[0].acos(), UNIT;
        "atan": |v| v[0].atan(), BOTH;
        "sinh": |v| v[0].sinh(), BOTH;
        "cosh": |v| v[0].cosh(), BOTH;
        "tanh": |v| v[0].tanh(), BOTH;
        "asinh": |v| v[0].asinh(), BOTH;
        "acosh": |v| v[0].acosh(), ABOVE_ONE;
        "atanh": |v| v[0].atanh(), UNIT;
        "erf": |v| v[0].erf(), BOTH;
        "erfc": |v| v[0].erfc(), BOTH;
        "lgamma": |v| v[0].lgamma(), NO_POLES;
        "digamma": |v| v[0].digamma(), NO_POLES;
        "polygamma": |v| v[0].polygamma(1), NO_POLES;
        "abs": |v| v[0].abs(), BOTH;
        "clamp": |v| v[0].clamp(-0.6, 1.1), PIECES;
        "fract": |v| v[0].fract(), NO_STEPS;
        "sign": |v| v[0].sign(), BOTH;
        "floor": |v| v[0].floor(), NO_STEPS;
        "ceil": |v| v[0].ceil(), NO_STEPS;
        "trunc": |v| v[0].trunc(), NO_STEPS;
        "round": |v| v[0].round(), NO_STEPS;
        "detach": |v| v[0].detach(), BOTH;
    };
    all.extend(of_two! {
        "pow": |v| v[0].pow(v[1]), In(POSITIVE);
        "atan2": |v| v[0].atan2(v[1]), In(BOTH);
        "hypot": |v| v[0].hypot(v[1]), In(BOTH);
        "maximum": |v| v[0].maximum(v[1]), Distinct;
        "minimum": |v| v[0].minimum(v[1]), Distinct;
    });
    all.extend(rows! {
        "where_": |v| v[0].where_(&alternate(&[2, 1]), v[1]), In(BOTH), ([2, 3], [2, 3]) ([2, 0], [2, 1]) =>
            Gives(&[2, 0]), Over(&[&[3], &[2, 1]]);
    });
    all
}

fn activations() -> Vec<Row> {
    let mut all = elementwise! {
        "sigmoid": |v| v[0].sigmoid(), BOTH;
        "log_sigmoid": |v| v[0].log_sigmoid(), BOTH;
        "softplus": |v| v[0].softplus(), BOTH;
        "softsign": |v| v[0].softsign(), BOTH;
        "relu": |v| v[0].relu(), BOTH;
        "relu6": |v| v[0].relu6(), PIECES;
        "leaky_relu": |v| v[0].leaky_relu(0.1), BOTH;
        "elu": |v| v[0].elu(0.7), BOTH;
        "selu": |v| v[0].selu(), BOTH;
        "gelu": |v| v[0].gelu(), BOTH;
        "gelu_tanh": |v| v[0].gelu_tanh(), BOTH;
        "silu": |v| v[0].silu(), BOTH;
        "mish": |v| v[0].mish(), BOTH;
        "hard_sigmoid": |v| v[0].hard_sigmoid(), PIECES;
        "hard_swish": |v| v[0].hard_swish(), PIECES;
        "hard_tanh": |v| v[0].hard_tanh(), PIECES;
        "dropout": |v| v[0].dropout(0.4), BOTH;
    };
    all.extend(rows! {
        "softmax": |v| v[0].softmax(-1), In(BOTH), ([2, 3]) ([3, 0]) => Gives(&[3, 0]), One;
        "log_softmax": |v| v[0].log_softmax(-1), In(BOTH), ([2, 3]) ([3, 0]) => Gives(&[3, 0]), One;
    });
    all
}

fn reductions() -> Vec<Row> {
    rows! {
        "sum": |v| v[0].sum(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "sum_axes": |v| v[0].sum_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "mean": |v| v[0].mean(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "mean_axes": |v| v[0].mean_axes(&[0], true), Distinct, ([2, 3]) ([0, 3]) => Gives(&[1, 3]), One;
        "max": |v| v[0].max(), Distinct, ([2, 3]) ([0, 3]) => Refused("an empty max has no value"), One;
        "max_axes": |v| v[0].max_axes(&[1], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "min": |v| v[0].min(), Distinct, ([2, 3]) ([0, 3]) => Refused("an empty min has no value"), One;
        "min_axes": |v| v[0].min_axes(&[1], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "logsumexp": |v| v[0].logsumexp(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "logsumexp_axes": |v| v[0].logsumexp_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "prod": |v| v[0].prod(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "prod_axes": |v| v[0].prod_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "var": |v| v[0].var(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "var_axes": |v| v[0].var_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "std": |v| v[0].std(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "std_axes": |v| v[0].std_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "norm": |v| v[0].norm(), Distinct, ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "norm_axes": |v| v[0].norm_axes(&[0], false), Distinct, ([2, 3]) ([0, 3]) => Gives(&[3]), One;
        "cumsum": |v| v[0].cumsum(0), In(BOTH), ([3, 2]) ([0, 3]) => Gives(&[0, 3]), One;
        "cumprod": |v| v[0].cumprod(0), In(BOTH), ([3, 2]) ([0, 3]) => Gives(&[0, 3]), One;
        "recurrence": |v| v[0].recurrence(v[1], 0, false), In(BOTH), ([3, 2], [3, 2]) ([0, 3], [0, 3]) =>
            Gives(&[0, 3]), Over(&[&[3, 2], &[3, 1]]);
    }
}

fn arrangements() -> Vec<Row> {
    rows! {
        "reshape": |v| v[0].reshape(&[v[0].shape()[1], v[0].shape()[0]]), In(BOTH), ([2, 3]) ([0, 3]) =>
            Gives(&[3, 0]), One;
        "flatten": |v| v[0].flatten(), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "squeeze": |v| v[0].squeeze(1), In(BOTH), ([3, 1]) ([0, 1]) => Gives(&[0]), One;
        "squeeze_all": |v| v[0].squeeze_all(), In(BOTH), ([1, 3, 1]) ([1, 0]) => Gives(&[0]), One;
        "expand_dims": |v| v[0].expand_dims(-1), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0, 3, 1]), One;
        "broadcast_to": |v| v[0].broadcast_to(&[2, v[0].shape()[1]]), In(BOTH), ([1, 3]) ([1, 0]) =>
            Gives(&[2, 0]), One;
        "permute": |v| v[0].permute(&[1, 2, 0]), In(BOTH), ([2, 1, 3]) ([2, 0, 3]) => Gives(&[0, 3, 2]), One;
        "transpose": |v| v[0].transpose(0, 1), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[3, 0]), One;
        "t": |v| v[0].t(), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[3, 0]), One;
        "slice": |v| v[0].slice(&[(.., -1).into(), (1..).into()]), In(BOTH), ([2, 3]) ([0, 3]) =>
            Gives(&[0, 2]), One;
        "flip": |v| v[0].flip(&[0, 1]), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0, 3]), One;
        "roll": |v| v[0].roll(2, 0), In(BOTH), ([3, 2]) ([0, 3]) => Gives(&[0, 3]), One;
        "tile": |v| v[0].tile(&[2, 2]), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0, 6]), One;
        "pad": |v| v[0].pad(&[[1, 0], [0, 2]], 0.5), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[1, 5]), One;
        "diag": |v| v[0].diag(), In(BOTH), ([3]) ([0]) => Gives(&[0, 0]), One;
        "diagonal": |v| v[0].diagonal(1), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "trace": |v| v[0].trace(), In(BOTH), ([3, 3]) ([0, 0]) => Gives(&[]), One;
        "tril": |v| v[0].tril(0), In(BOTH), ([3, 3]) ([0, 3]) => Gives(&[0, 3]), One;
        "triu": |v| v[0].triu(0), In(BOTH), ([3, 3]) ([0, 3]) => Gives(&[0, 3]), One;
        "split": |v| together(&v[0].split(&[2, 1], 1)), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "chunk": |v| together(&v[0].chunk(3, 1)), In(BOTH), ([2, 6]) ([0, 3]) => Gives(&[0]), One;
        "unbind": |v| together(&v[0].unbind(1)), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "tape.concat": |v| v[0].tape().concat(v, 0), In(BOTH), ([2, 3], [1, 3]) ([0, 3], [2, 3]) =>
            Gives(&[2, 3]), Equal;
        "tape.stack": |v| v[0].tape().stack(v, 1), In(BOTH), ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[0, 2, 3]), Equal;
    }
}

fn picks() -> Vec<Row> {
    rows! {
        "index_select": |v| v[0].index_select(0, &tensor![2, 0, 2]), In(BOTH), ([3, 2]) ([3, 0]) =>
            Gives(&[3, 0]), One;
        "embedding": |v| v[0].embedding(&tensor![[1, 0], [1, 2]]), In(BOTH), ([3, 2]) ([3, 0]) =>
            Gives(&[2, 2, 0]), One;
        "gather": |v| v[0].gather(0, &places(v[0])), In(BOTH), ([3, 2]) ([0, 2]) => Gives(&[0, 2]), One;
        "scatter_add": |v| v[0].scatter_add(0, &places(v[1]), v[1]), In(BOTH), ([3, 2], [2, 2]) ([3, 0], [2, 0]) =>
            Gives(&[3, 0]), Roles;
        "sort": |v| v[0].sort(0, true), Distinct, ([4, 2]) ([0, 3]) => Gives(&[0, 3]), One;
        "topk": |v| v[0].topk(2, 0).0, Distinct, ([4, 2]) ([3, 0]) => Gives(&[2, 0]), One;
        "argsort": |v| numbers(v[0], v[0].argsort(0, false)), Distinct, ([4, 2]) ([0, 3]) => Gives(&[0, 3]), One;
        "argmax": |v| numbers(v[0], v[0].argmax(0)), Distinct, ([4, 2]) ([3, 0]) => Gives(&[0]), One;
        "argmin": |v| numbers(v[0], v[0].argmin(0)), Distinct, ([4, 2]) ([0, 3]) =>
            Refused("an empty argmin has no value"), One;
    }
}

fn products() -> Vec<Row> {
    rows! {
        "matmul": |v| v[0].matmul(v[1]), In(BOTH), ([2, 3], [3, 2]) ([2, 0], [0, 3]) => Gives(&[2, 3]),
            Over(&[&[2, 1, 2, 3], &[2, 3, 1]]);
        "matmul_nt": |v| v[0].matmul_nt(v[1]), In(BOTH), ([2, 3], [2, 3]) ([2, 0], [3, 0]) => Gives(&[2, 3]),
            Over(&[&[2, 1, 2, 3], &[2, 1, 3]]);
        "dot": |v| v[0].dot(v[1]), In(BOTH), ([3], [3]) ([0], [0]) => Gives(&[]), Equal;
        "outer": |v| v[0].outer(v[1]), In(BOTH), ([2], [3]) ([0], [3]) => Gives(&[0, 3]), Roles;
        "tape.einsum": |v| v[0].tape().einsum("...ij,...jk->...ki", v), In(BOTH), ([2, 3], [3, 2]) ([2, 0], [0, 3]) =>
            Gives(&[3, 2]), Over(&[&[2, 1, 2, 3], &[2, 3, 1]]);
        "linear": |v| v[0].linear(v[1], v[2]), In(BOTH), ([2, 3], [4, 3], [4]) ([0, 3], [4, 3], [4]) =>
            Gives(&[0, 4]), Roles;
    }
}

fn matrices() -> Vec<Row> {
    rows! {
        "inverse": |v| regular(v[0]).inverse(), In(UNIT), ([3, 3]) ([0, 0]) => Gives(&[0, 0]), One;
        "solve": |v| regular(v[0]).solve(v[1]), In(UNIT), ([3, 3], [3, 2]) ([0, 0], [0, 2]) => Gives(&[0, 2]),
            Over(&[&[2, 1, 2, 2], &[2, 2, 1]]);
        "det": |v| v[0].det(), In(BOTH), ([3, 3]) ([0, 0]) => Gives(&[]), One;
        "log_det": |v| regular(v[0]).log_det(), In(UNIT), ([3, 3]) ([0, 0]) => Gives(&[]), One;
        "cholesky": |v| regular(v[0]).cholesky(), In(UNIT), ([3, 3]) ([0, 0]) => Gives(&[0, 0]), One;
        "eigh": |v| together(&<[_; 2]>::from(apart(v[0]).eigh())), In(UNIT), ([3, 3]) ([0, 0]) => Gives(&[0]), One;
        "svd": |v| together(&<[_; 3]>::from(apart(v[0]).svd())), In(UNIT), ([2, 2]) ([0, 0]) => Gives(&[0]), One;
    }
}

fn networks() -> Vec<Row> {
    rows! {
        "conv1d": |v| v[0].conv1d(v[1], ConvOptions::new()), In(BOTH), ([1, 2, 4], [2, 2, 2]) ([0, 2, 4], [3, 2, 2]) =>
            Gives(&[0, 3, 3]), Roles;
        "conv2d": |v| v[0].conv2d(v[1], ConvOptions::new()), In(BOTH),
            ([1, 2, 3, 3], [2, 2, 2, 2]) ([0, 2, 3, 3], [3, 2, 2, 2]) => Gives(&[0, 3, 2, 2]), Roles;
        "conv2d_bias": |v| v[0].conv2d_bias(v[1], v[2], ConvOptions::new()), In(BOTH),
            ([1, 2, 3, 3], [2, 2, 2, 2], [2]) ([0, 2, 3, 3], [3, 2, 2, 2], [3]) => Gives(&[0, 3, 2, 2]), Roles;
        "conv_transpose2d": |v| v[0].conv_transpose2d(v[1], ConvOptions::new()), In(BOTH),
            ([1, 2, 2, 2], [2, 1, 2, 2]) ([0, 2, 2, 3], [2, 3, 2, 2]) => Gives(&[0, 3, 3, 4]), Roles;
        "max_pool1d": |v| v[0].max_pool1d(2), Distinct, ([2, 4]) ([0, 4]) => Gives(&[0, 2]), One;
        "max_pool2d": |v| v[0].max_pool2d(2), Distinct, ([2, 2, 4]) ([0, 4, 4]) => Gives(&[0, 2, 2]), One;
        "avg_pool1d": |v| v[0].avg_pool1d(2), In(BOTH), ([2, 4]) ([0, 4]) => Gives(&[0, 2]), One;
        "avg_pool2d": |v| v[0].avg_pool2d(PoolOptions::new(2).stride(1)), In(BOTH), ([2, 3, 3]) ([0, 4, 4]) =>
            Gives(&[0, 3, 3]), One;
        "global_max_pool2d": |v| v[0].global_max_pool2d(), Distinct, ([2, 2, 3]) ([0, 4, 4]) => Gives(&[0]), One;
        "global_avg_pool2d": |v| v[0].global_avg_pool2d(), In(BOTH), ([2, 2, 3]) ([0, 4, 4]) => Gives(&[0]), One;
        "adaptive_avg_pool2d": |v| v[0].adaptive_avg_pool2d(2), In(BOTH), ([3, 4]) ([0, 3, 4]) =>
            Gives(&[0, 2, 2]), One;
        "upsample_nearest2d": |v| v[0].upsample_nearest2d([2, 3]), In(BOTH), ([2, 3]) ([0, 2, 2]) =>
            Gives(&[0, 4, 6]), One;
        "upsample_bilinear2d": |v| v[0].upsample_bilinear2d([3, 4], false), In(BOTH), ([2, 3]) ([0, 2, 2]) =>
            Gives(&[0, 3, 4]), One;
        "layer_norm": |v| v[0].layer_norm(v[1], v[2], 1e-3), In(BOTH), ([2, 4], [4], [4]) ([0, 4], [4], [4]) =>
            Gives(&[0, 4]), Roles;
        "rms_norm": |v| v[0].rms_norm(v[1], 1e-3), In(BOTH), ([2, 4], [4]) ([0, 4], [4]) => Gives(&[0, 4]), Roles;
        "batch_norm": |v| v[0].batch_norm(v[1], v[2], 1e-3), In(BOTH), ([4, 2], [2], [2]) ([0, 3], [3], [3]) =>
            Gives(&[0, 3]), Roles;
        "batch_norm_statistics": |v| together(&<[_; 3]>::from(v[0].batch_norm_statistics(v[1], v[2], 1e-3))),
            In(BOTH), ([4, 2], [2], [2]) ([0, 3], [3], [3]) => Gives(&[6]), Roles;
        "batch_norm_with": |v| v[0].batch_norm_with(v[1], v[2].square(), v[3], v[4], 0.5), In(BOTH),
            ([2, 2], [2], [2], [2], [2]) ([0, 3], [3], [3], [3], [3]) => Gives(&[0, 3]), Roles;
        "group_norm": |v| v[0].group_norm(2, v[1], v[2], 1e-3), In(BOTH), ([1, 4, 2], [4], [4]) ([0, 4, 3], [4], [4]) =>
            Gives(&[0, 4, 3]), Roles;
        "instance_norm": |v| v[0].instance_norm(v[1], v[2], 1e-3), In(BOTH), ([2, 2, 3], [2], [2]) ([0, 2, 3], [2], [2]) =>
            Gives(&[0, 2, 3]), Roles;
        "attention": |v| v[0].attention(v[1], v[2], AttentionOptions::new()), In(BOTH),
            ([2, 2], [3, 2], [3, 1]) ([3, 4], [0, 4], [0, 2]) => Gives(&[3, 2]),
            Over(&[&[2, 1, 1, 2], &[2, 2, 2], &[2, 1]]);
        "self_attention": |v| v[0].self_attention(2, AttentionOptions::new()), In(BOTH),
            ([3, 6]) ([2, 0, 12]) => Gives(&[2, 0, 4]), One;
        "rnn": |v| v[0].rnn(v[1], v[2], Some((v[3], v[4])), None).outputs(), In(UNIT),
            ([2, 2, 3], [2, 3], [2, 2], [2], [2]) ([2, 0, 3], [2, 3], [2, 2], [2], [2]) => Gives(&[2, 0, 2]), Roles;
        "lstm": |v| v[0].lstm(v[1], v[2], Some((v[3], v[4])), None).outputs(), In(UNIT),
            ([2, 2, 3], [8, 3], [8, 2], [8], [8]) ([2, 0, 3], [8, 3], [8, 2], [8], [8]) => Gives(&[2, 0, 2]), Roles;
        "gru": |v| v[0].gru(v[1], v[2], Some((v[3], v[4])), None).outputs(), In(UNIT),
            ([2, 2, 3], [6, 3], [6, 2], [6], [6]) ([2, 0, 3], [6, 3], [6, 2], [6], [6]) => Gives(&[2, 0, 2]), Roles;
        "attention_with_bias": |v| v[0].attention_with_bias(v[1], v[2], v[3], AttentionOptions::new()), In(BOTH),
            ([2, 2], [3, 2], [3, 1], [2, 3]) ([3, 4], [0, 4], [0, 2], [3, 0]) => Gives(&[3, 2]),
            Over(&[&[2, 1, 1, 2], &[2, 2, 2], &[2, 1], &[1, 2]]);
    }
}

fn losses() -> Vec<Row> {
    rows! {
        "cross_entropy": |v| v[0].cross_entropy(&labels(v[0])), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "cross_entropy_rows": |v| v[0].cross_entropy_rows(&labels(v[0])), In(BOTH), ([2, 3]) ([0, 3]) =>
            Gives(&[0]), One;
        "cross_entropy_loss": |v| v[0].cross_entropy_loss(&labels(v[0]), 0.3, Reduction::Mean), In(BOTH),
            ([2, 3]) ([0, 3]) => Gives(&[]), One;
        "nll_loss": |v| v[0].nll_loss(&labels(v[0]), Reduction::None), In(BOTH), ([2, 3]) ([0, 3]) => Gives(&[0]), One;
        "mse_loss": |v| v[0].mse_loss(v[1], Reduction::Mean), In(BOTH), ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[]), Equal;
        "mae_loss": |v| v[0].mae_loss(v[1], Reduction::Sum), Distinct, ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[]), Equal;
        "huber_loss": |v| v[0].huber_loss(v[1], 0.45, Reduction::None), Distinct, ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[0, 3]), Equal;
        "bce_loss": |v| v[0].sigmoid().bce_loss(v[1], Reduction::Mean), In(UNIT), ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[]), Equal;
        "bce_with_logits_loss": |v| v[0].bce_with_logits_loss(v[1], Reduction::Mean), In(BOTH),
            ([2, 3], [2, 3]) ([0, 3], [0, 3]) => Gives(&[]), Equal;
        "kl_div_loss": |v| v[0].kl_div_loss(v[1], Reduction::Mean), In(POSITIVE), ([2, 3], [2, 3]) ([0, 3], [0, 3]) =>
            Gives(&[]), Equal;
    }
}

fn extensions() -> Vec<Row> {
    let mut all = elementwise! {
        // Rules that are those of the value, so that differences have something to say.
        "tape.custom_gradient": |v| {
            v[0].tape().custom_gradient(v, |x| x[0].tanh(), |_, y, y_bar| vec![Some(y_bar - y_bar * y * y)])
        }, BOTH;
        "map_gradient": |v| v[0].map_gradient(|g| g * 4.0).map_gradient(|g| g * 0.25), BOTH;
        "on_gradient": |v| v[0].on_gradient(|_| ()), BOTH;
        "clip_gradient": |v| v[0].clip_gradient(-9.0, 9.0), BOTH;
        "straight_through": |v| v[0].straight_through(|x| x * 1.0), BOTH;
    };
    all.extend(of_two! {
        "tape.custom": |v| v[0].tape().custom(Product, v), In(BOTH);
        "fused!": |v| fused!(|x, y| (x * y).tanh() + 2.0 / y).of([v[0], v[1]]), In(BOTH);
    });
    all
}

/// An operation as users add one.
struct Product;

impl<T: Float> CustomOp<T> for Product {
    fn name(&self) -> &'static str {
        "product"
    }
    fn forward(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        x[0] * x[1]
    }
    fn vjp<'v>(&self, x: &[Var<'v, T>], _: Var<'v, T>, y_bar: Var<'v, T>) -> Vec<Option<Var<'v, T>>> {
        vec![Some(y_bar * x[1]), Some(y_bar * x[0])]
    }
}

/// Several results as one.
#[track_caller]
fn together<'t, T: Float>(all: &[Var<'t, T>]) -> Var<'t, T> {
    let flat: Vec<Var<T>> = all.iter().map(|x| x.flatten()).collect();
    all[0].tape().concat(&flat, 0)
}

/// Integers, which no gradient can flow through, as a variable.
fn numbers<'t, T: Float>(x: Var<'t, T>, integers: Tensor<usize>) -> Var<'t, T> {
    x.tape().constant(integers.cast::<T>())
}

/// For each element of x another row of its own column: the one before, of the first the last.
fn places<T: Float>(x: Var<'_, T>) -> Tensor<usize> {
    let shape = x.shape();
    Tensor::from_fn(&shape, |i| (i[0] + shape[0] - 1) % shape[0])
}

/// A class for each row of x: the first, the second, ..
pub fn labels<T: Float>(x: Var<'_, T>) -> Tensor<usize> {
    let shape = x.shape();
    Tensor::from_fn(&shape[..1], |i| i[0] % shape[1])
}
