//! Operations of all families as steps of a random program: each finds points of its own domain in
//! whatever it is given, and keeps its result at about ±1, so that a long program stays smooth.
//!
//! What jumps (`floor`, `fract`) is not here: there are no differences to compare with.

use crate::common::uniform;
use wengert::{
    AttentionOptions, ConvOptions, Float, PoolOptions, Reduction, Shape, Span, Tensor, Var, fused,
};

type Family<T> = for<'t> fn(Var<'t, T>, Var<'t, T>, usize) -> Var<'t, T>;

/// An operation of the family that `family` names, which one `c` says.
pub fn step<'t, T: Float>(family: usize, a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let families: [Family<T>; FAMILIES] = [
        smooth, smooth, bent, of_two, reduced, arranged, joined, indexed, ordered, contracted, windows,
        matrices, decomposed, normed, lost, again,
    ];
    if a.value().is_empty() {
        return of_nothing(a, b, c);
    }
    families[family % FAMILIES](small(a), small(filled(b)), c)
}

pub const FAMILIES: usize = 16;

/// The mean, and 0 of nothing.
pub fn scalar<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    if x.value().is_empty() { x.sum() } else { x.mean() }
}

/// `b` if it broadcasts with `a`, else a scalar.
pub fn fitted<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    if Shape::broadcast("fit", &a.shape(), &b.shape()).is_ok() { b } else { scalar(b) }
}

/// A scalar instead of nothing.
pub fn filled<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    if x.value().is_empty() { x.sum() } else { x }
}

/// At most 36 elements on at most 4 axes.
fn small<T: Float>(mut x: Var<'_, T>) -> Var<'_, T> {
    while x.shape().len() > 4 || x.value().len() > 36 {
        x = if x.shape()[0] > 6 { x.slice(&[Span::from(..6)]) } else { x.mean_axes(&[0], false) };
    }
    x
}

/// An axis of `x`; a scalar gets one first.
fn with_axis<T: Float>(x: Var<'_, T>, c: usize) -> (Var<'_, T>, isize) {
    let x = if x.shape().is_empty() { x.reshape(&[1]) } else { x };
    (x, (c % x.shape().len()) as isize)
}

/// `r` rows of `n`, repeated from the elements of `x`.
fn matrix<T: Float>(x: Var<'_, T>, r: usize, n: usize) -> Var<'_, T> {
    let x = x.flatten();
    let indices: Vec<usize> = (0..r * n).map(|i| i % x.shape()[0]).collect();
    x.index_select(0, &Tensor::from(indices)).reshape(&[r, n])
}

/// Numbers that do not move.
fn numbers<'t, T: Float>(x: Var<'t, T>, shape: &[usize], seed: usize) -> Var<'t, T> {
    x.tape().constant(uniform(shape, seed as u64).cast::<T>())
}

fn smooth<'t, T: Float>(a: Var<'t, T>, _: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (inside, positive) = (a.tanh() * 0.8, a.square() + 0.5);
    match c % 36 {
        0 => inside.exp2() - 1.0,
        1 => inside.exp_m1(),
        2 => positive.log2() * 0.5,
        3 => positive.log10(),
        4 => inside.ln_1p(),
        5 => positive.rsqrt() * 0.5,
        6 => positive.cbrt() - 0.5,
        7 => (a * 2.0).sin(),
        8 => (a * 2.0).cos(),
        9 => inside.tan(),
        10 => inside.asin(),
        11 => inside.acos() - 1.0,
        12 => a.atan(),
        13 => inside.sinh(),
        14 => inside.cosh() - 1.0,
        15 => a.asinh(),
        16 => (positive + 1.0).acosh() * 0.5,
        17 => inside.atanh(),
        18 => a.erf(),
        19 => a.erfc() - 1.0,
        20 => positive.lgamma(),
        21 => (positive + 0.5).digamma() * 0.3,
        22 => (positive + 0.5).polygamma(1 + c as u32 / 36 % 3) * 0.1,
        23 => a.log_sigmoid() * 0.5,
        24 => a.softplus() * 0.5,
        25 => a.gelu(),
        26 => a.gelu_tanh(),
        27 => a.silu(),
        28 => a.mish(),
        29 => positive.recip() * 0.5,
        30 => inside.map_gradient(|g| g * 1.0),
        31 => inside.straight_through(|x| x * 1.0),
        32 => a.powi(c as i32 / 36 % 4) * positive.powi(-2) * 0.2,
        33 => fused!(|x| x.sin() * x.sigmoid() - 0.5 * x).of([a]),
        34 => {
            a.tape().custom_gradient(&[inside], |x| x[0].sin(), |x, _, y_bar| vec![Some(y_bar * x[0].cos())])
        }
        _ => a.softsign(),
    }
}

/// With corners, which a program meets by chance alone.
fn bent<'t, T: Float>(a: Var<'t, T>, _: Var<'t, T>, c: usize) -> Var<'t, T> {
    match c % 10 {
        0 => a.relu(),
        1 => (a * 4.0).relu6() * 0.2,
        2 => a.selu() * 0.5,
        3 => (a * 4.0).hard_sigmoid(),
        4 => (a * 4.0).hard_swish() * 0.2,
        5 => (a * 2.0).hard_tanh(),
        6 => a.abs(),
        7 => a.leaky_relu(0.1),
        8 => a.elu(0.7),
        _ => a.clamp(-0.4, 0.6),
    }
}

fn of_two<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let b = fitted(a, b);
    let mask =
        |shape: &[usize]| Tensor::from_fn(shape, |i| (c >> (i.iter().sum::<usize>() % 8)).is_multiple_of(2));
    match c / 256 % 8 {
        0 => a.atan2(b.square() + 0.5),
        1 => a.hypot(b.square() + 0.5) * 0.5,
        2 => a.maximum(b),
        3 => a.minimum(b),
        4 => a.where_(&mask(&b.shape()), b),
        5 => (a - 5.0).ln().where_(&Tensor::scalar(false), b),
        6 => fused!(|x, y| (x * y).tanh() + 0.1 * x / (1.0 + y * y)).of([a, b]),
        _ => a.tape().custom_gradient(
            &[a, b],
            |x| x[0] * x[1],
            |x, _, y_bar| vec![Some(y_bar * x[1]), Some(y_bar * x[0])],
        ),
    }
}

fn reduced<'t, T: Float>(a: Var<'t, T>, _: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (a, axis) = with_axis(a, c);
    let (axes, keepdim) = (&[axis][..], (c / 4).is_multiple_of(2));
    let ramp = numbers(a, &a.shape(), c);
    match c / 8 % 12 {
        0 => a.max_axes(axes, keepdim),
        1 => a.min_axes(axes, keepdim),
        2 => (a * 0.5 + 1.0).prod_axes(axes, keepdim) * 0.1,
        3 => a.prod_axes(axes, keepdim),
        4 => a.var_axes(axes, keepdim),
        5 => (a * 0.1 + ramp).std_axes(axes, keepdim),
        6 => (a + 2.0).norm_axes(axes, keepdim) * 0.1,
        7 => a.max() - a.min() * 0.5,
        8 => (a * 0.1 + 1.0).prod() * 0.1,
        9 => a.var() + (a + 2.0).norm() * 0.1,
        10 => (a * 0.1 + ramp).std(),
        _ => a.logsumexp() * 0.2,
    }
}

fn arranged<'t, T: Float>(a: Var<'t, T>, _: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (a, axis) = with_axis(a, c);
    let ndim = a.shape().len();
    match c / 4 % 14 {
        0 => a.flip(&[axis]),
        1 => a.roll(c as isize / 64 - 3, axis),
        2 => a.tile(&[2]),
        3 => a.tile(&[2, 1]),
        4 => a.pad(&vec![[1, c % 2]; ndim], 0.0),
        5 => a.pad(&vec![[c % 2, 1]; ndim], 0.3),
        6 => a.expand_dims(axis).squeeze(axis).expand_dims(-1),
        7 => a.squeeze_all().flatten(),
        8 => matrix(a, 2, 3).diagonal(c as isize / 64 % 3 - 1),
        9 => matrix(a, 1, 3).flatten().diag(),
        10 => matrix(a, 3, 2).tril(c as isize / 64 % 3 - 1),
        11 => matrix(a, 3, 3).triu(c as isize / 64 % 3 - 1).t(),
        12 => matrix(a, 3, 3).trace() * 0.3,
        _ => a.slice(&[Span::from(0..0)]),
    }
}

fn joined<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let tape = a.tape();
    let (b, axis) = (fitted(a, b), (c % (a.shape().len() + 1)) as isize);
    match c / 8 % 4 {
        0 => tape.stack(&[a, a * b.mean(), a], axis),
        1 => {
            let parts = tape.stack(&[a, a.tanh()], axis).unbind(axis);
            parts[0] * parts[1]
        }
        2 => {
            let parts = tape.concat(&[a.flatten(), b.flatten(), a.flatten()], 0).chunk(1, 0);
            parts[0]
        }
        _ => {
            let n = a.value().len();
            let parts = tape.concat(&[a.flatten(), b.flatten()], 0).split(&[n, b.value().len()], -1);
            parts[0] * parts[1].mean()
        }
    }
}

fn indexed<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (a, axis) = with_axis(a, c);
    let shape = a.shape();
    let n = shape[axis as usize];
    let mut rows = shape.clone().to_vec();
    rows[axis as usize] = 1 + c / 8 % 3;
    let each = Tensor::from_fn(&rows, |i| (i.iter().sum::<usize>() * 2 + c) % n);
    match c / 32 % 5 {
        0 => a.index_select(axis, &Tensor::from(vec![c % n, 0, c % n])),
        1 if shape.len() < 4 => a.index_select(axis, &Tensor::from_fn(&[2, 2], |i| (i[0] + i[1] * c) % n)),
        2 => a.embedding(&Tensor::from(vec![shape[0] - 1, 0])),
        3 => a.scatter_add(axis, &each, a.gather(axis, &each) * scalar(b)) * 0.5,
        _ => a.gather(axis, &each),
    }
}

fn ordered<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (a, axis) = with_axis(a, c);
    let n = a.shape()[axis as usize];
    let descending = (c / 8).is_multiple_of(2);
    match c / 16 % 7 {
        0 => a.sort(axis, descending),
        1 => a.topk(1 + c % n, axis).0,
        2 => a.gather(axis, &a.argsort(axis, descending)),
        3 => a.gather(axis, &a.argmax(axis).reshape(&keeping(&a.shape(), axis)).expect("one index a row")),
        4 => a.cumsum(axis) * 0.4,
        5 => a.cumprod(axis),
        _ => {
            let factors = a.tanh() * scalar(b);
            a.recurrence(factors, axis, descending)
        }
    }
}

fn keeping(shape: &[usize], axis: isize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis as usize] = 1;
    shape
}

fn contracted<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let tape = a.tape();
    let (m, n) = (matrix(a, 2, 3), matrix(b, 3, 3));
    let y = match c % 13 {
        0 => tape.einsum("ij,jk->ik", &[m, n]),
        1 => tape.einsum("ij,jk->ki", &[m, n]),
        2 => tape.einsum("ii->i", &[n]),
        3 => tape.einsum("ij,ij,kj->j", &[m, m, n]),
        4 => tape.einsum("ii,...i->...", &[n, m]),
        5 => tape.einsum("ij,kl->", &[m, n]),
        6 => tape.einsum("...j,j...", &[n, n]),
        7 => m.flatten().dot(m.flatten() * scalar(b)),
        8 => m.flatten().outer(b.flatten()),
        9 => n.matmul(m.t()),
        10 => m.matmul(n.matmul_nt(m)),
        11 => m.reshape(&[2, 1, 3]).matmul(n.reshape(&[1, 3, 3])),
        _ => {
            let options = AttentionOptions::new().causal(c.is_multiple_of(2));
            n.attention(matrix(a, 3, 3), matrix(a * 0.5, 3, 2), options)
        }
    };
    y * 0.4
}

/// Images `[1, 2, h, w]`, with windows that overlap, skip, and hang over the edge.
fn windows<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (h, w) = (3 + c % 2, 3 + c / 2 % 2);
    let plane = matrix(a, h, w).reshape(&[1, 1, h, w]);
    let x = a.tape().concat(&[plane, plane.tanh() * scalar(b)], 1);
    let filter = |shape: &[usize]| numbers(a, shape, c) + matrix(b, 1, shape.iter().product()).reshape(shape);
    let (stride, padding) = (1 + c / 4 % 2, c / 8 % 2);
    let options = ConvOptions::new().stride(stride).padding([padding, 0]);
    let pool = PoolOptions::new([2, 1 + c / 16 % 2]).stride(stride).padding([padding, 0]);
    match c / 32 % 10 {
        0 => x.conv2d(filter(&[3, 2, 2, 3]), options) * 0.2,
        1 => x.conv2d(filter(&[2, 1, 2, 2]), options.groups(2).dilation([1, 2])) * 0.2,
        // With a bias: one number of b, a channel each.
        2 if c.is_multiple_of(2) => {
            x.conv2d_bias(filter(&[2, 2, 2, 1]), matrix(b, 1, 2).reshape(&[2]), options) * 0.2
        }
        2 => x.reshape(&[2, h, w]).conv1d(filter(&[2, h, 2]), ConvOptions::new().stride(stride)) * 0.2,
        3 => x.conv_transpose2d(filter(&[2, 1, 2, 2]), options.output_padding(stride - 1)) * 0.2,
        4 => x.max_pool2d(pool),
        5 => x.avg_pool2d(pool),
        6 => x.adaptive_avg_pool2d([2, 1]),
        7 => x.upsample_nearest2d(2) * 0.5,
        8 => x.upsample_bilinear2d([2, 5], c.is_multiple_of(2)),
        _ => x.global_max_pool2d() + x.global_avg_pool2d(),
    }
}

/// Symmetric, with eigenvalues near 1, 2 and 3.
fn definite<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let m = matrix(x, 2, 3);
    m.t().matmul(m) * 0.05 + x.tape().constant(Tensor::from(vec![1.0, 2.0, 3.0]).cast::<T>()).diag()
}

fn matrices<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let m = definite(a) + matrix(b, 3, 3) * 0.1;
    match c % 6 {
        0 => m.inverse(),
        1 => m.solve(matrix(b, 3, 2)),
        2 => m.solve(matrix(b, 1, 3).flatten()),
        3 => m.det() * 0.1,
        4 => definite(a).log_det() * 0.5,
        _ => a.tape().stack(&[m, m.t()], 0).inverse(),
    }
}

/// Vectors by their squares: their signs are a convention.
fn decomposed<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    match c % 5 {
        0 => definite(a).cholesky() * 0.5,
        1 => definite(a).eigh().0 * 0.3,
        2 => definite(a).eigh().1.square(),
        3 => (definite(a) + matrix(b, 3, 3) * 0.1).svd().1 * 0.3,
        _ => {
            let (u, _, vt) = (definite(a) + matrix(b, 3, 3) * 0.1).slice(&[Span::from(..2)]).svd();
            u.square().matmul(vt.square())
        }
    }
}

fn normed<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let x = matrix(a, 4, 3).reshape(&[2, 2, 3]);
    let (weight, bias) = (matrix(b, 1, 3).flatten(), matrix(b * 0.5, 1, 3).flatten());
    let of_channels = |x: Var<'t, T>| x.slice(&[Span::from(..2)]);
    let (w, v) = (of_channels(weight), of_channels(bias));
    match c % 7 {
        0 => x.layer_norm(weight, bias, 0.1),
        1 => x.rms_norm(weight, 0.1),
        2 => x.batch_norm(w, v, 0.1),
        3 => x.batch_norm_with(v, w.square() + 0.1, w, v, 0.1),
        4 => x.group_norm(2, w, v, 0.1),
        5 => x.instance_norm(w, v, 0.1),
        _ => {
            let (y, mean, variance) = x.batch_norm_statistics(w, v, 0.1);
            y * (mean + variance).mean()
        }
    }
}

fn lost<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (x, y) = (matrix(a, 2, 3), matrix(b, 2, 3));
    let labels = Tensor::from(vec![c % 3, c / 3 % 3]);
    let reduction = [Reduction::Mean, Reduction::Sum, Reduction::None][c / 9 % 3];
    let loss = match c / 27 % 9 {
        0 => x.mse_loss(y, reduction),
        1 => x.mae_loss(y, reduction),
        2 => x.huber_loss(y, 0.5, reduction),
        3 => x.sigmoid().bce_loss(y.sigmoid(), reduction),
        4 => x.bce_with_logits_loss(y.sigmoid(), reduction),
        5 => x.cross_entropy_loss(&labels, 0.1, reduction),
        6 => x.log_softmax(-1).nll_loss(&labels, reduction),
        7 => x.log_softmax(-1).kl_div_loss(y.softmax(-1), reduction),
        _ => x.cross_entropy_rows(&labels),
    };
    loss * 0.3
}

/// A step inside of a checkpoint, or of a scope.
fn again<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (family, c) = (c % (FAMILIES - 1), c / 2);
    let inner = || smooth(step(family, a, b, c), b, c);
    if c.is_multiple_of(4) {
        let _scope = a.tape().scope("inner");
        return inner();
    }
    a.tape().checkpoint(inner)
}

fn of_nothing<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: usize) -> Var<'t, T> {
    let (tape, shape) = (a.tape(), a.shape());
    let axis = (c % shape.len()) as isize;
    match c / 8 % 20 {
        0 => a.tanh(),
        1 => a.relu() * fitted(a, b),
        2 => a.sum_axes(&[axis], c.is_multiple_of(2)),
        3 => a.prod_axes(&[axis], c.is_multiple_of(2)) * 0.5,
        4 => a.cumsum(axis),
        5 => a.cumprod(axis),
        6 => a.sort(axis, true),
        7 => a.transpose(axis, 0),
        8 => a.reshape(&[3, 0]).matmul(b.flatten().slice(&[Span::from(0..0)]).reshape(&[0, 2])),
        9 => tape.concat(&[a, a], axis),
        10 => tape.stack(&[a, a], axis).tile(&[2]),
        11 => a.flatten().pad(&[[1, 1]], 0.5),
        12 => a.softmax(axis).log_softmax(axis),
        13 => tape.einsum("ij,kj->ik", &[a.reshape(&[2, 0]), a.reshape(&[3, 0])]),
        14 => a.reshape(&[0, 1, 3, 3]).conv2d(numbers(a, &[2, 1, 2, 2], c), ConvOptions::new()),
        15 => a.reshape(&[0, 2, 4, 4]).max_pool2d(2),
        16 => a.index_select(axis, &Tensor::<usize>::from(vec![])),
        17 => a.reshape(&[0, 2, 2]).inverse().det(),
        18 => a.flatten().flip(&[0]).roll(1, 0),
        _ => fused!(|x, y| x * y + 1.0).of([a, fitted(a, b)]),
    }
}
