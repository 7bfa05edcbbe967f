//! Loops over slices: all arithmetic on more than one element happens here.
//!
//! What a kernel may assume: buffers are contiguous and row-major, lengths fit (asserted once a
//! call, not once an element), and the output holds stale numbers, so every element is written.
//! What it must keep: the same bits for any number of threads and on every instruction set (which
//! of several NaNs comes out excepted; matrix products and convolutions keep them on one
//! instruction set). So work is cut at places that depend on shapes alone, sums have a fixed tree,
//! and no product is contracted into a fused multiply-add outside of those two.
//!
//! The loops are generic inside and reach the rest of the crate through [`Kernels`], implemented
//! for `f32` and `f64` by one macro: so each is compiled here, once for each type and instruction
//! set, not again in every crate that names a tensor.
//!
//! This is the only folder of the crate where `unsafe` is allowed: for calls into functions
//! compiled for other instruction sets, for vectors by name, and for the pointers of strided copies
//! and products.
#![allow(unsafe_code)]
// Loops by index over slices of one checked length are what the compiler vectorises best.
#![allow(clippy::needless_range_loop)]

mod attention;
mod broadcast;
mod channels;
mod conv;
mod cross_entropy;
mod direct;
mod dropout;
mod elementwise;
pub(crate) mod erf;
mod fold;
mod fused;
mod gemm;
pub(crate) mod index;
pub(crate) mod linalg;
mod logsumexp;
pub(crate) mod math;
pub(crate) mod movement;
#[cfg(test)]
mod naive;
mod norm;
pub(crate) mod order;
mod pairs;
mod parallel;
mod plain;
mod pooling;
mod recurrent;
mod scan;
mod simd;
mod softmax;
pub(crate) mod special;
#[cfg(test)]
mod tests;
mod thin;
mod tile;
mod transpose;
mod unfold;
mod update;
mod windows;

use crate::element::Element;
use crate::ops::Linalg;
use crate::ops::{Binary, Conv, Elementwise, Unary};
use crate::real::Real;
use crate::tape::Numbers;
use simd::Level;
use std::ops::AddAssign;

pub use attention::{Attention, Bars as AttentionBars, Heads, Strides};
pub use channels::{ChannelBars, ChannelNorm, moments_scratch};
pub use conv::ConvSizes;
pub use dropout::Mask;
pub use linalg::Systems;
pub use norm::{RowBars, RowNorm};
pub use recurrent::{Layout, RecurrentBars, RecurrentInputs, RecurrentValues, Sequence};
pub use update::{update, update_into};
pub use windows::{Slide, Windows};

/// A tensor as one operand of a broadcasting operation.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    /// The elements in row-major order.
    pub data: &'a [T],
    /// The operand's own shape, which is stretched to the result's by NumPy's rule.
    pub shape: &'a [usize],
}

/// A row-major buffer seen as `[outer, n, inner]`, to be reduced over `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The product of the axes before the reduced ones.
    pub outer: usize,
    /// The product of the reduced axes.
    pub n: usize,
    /// The product of the axes after the reduced ones.
    pub inner: usize,
}

impl Groups {
    fn elements(self) -> usize {
        self.outer * self.n * self.inner
    }
}

/// A matrix over part of a buffer: element (i, j) is `data[i · row_stride + j · col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    /// The elements, from the matrix's first on.
    pub data: &'a [T],
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub cols: usize,
    /// Distance between elements that are neighbours in a column.
    pub row_stride: usize,
    /// Distance between elements that are neighbours in a row.
    pub col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// The transpose, over the same elements.
    #[must_use]
    pub fn t(self) -> Matrix<'a, T> {
        Matrix {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// What the loops need of a number beyond the rules' arithmetic.
pub(crate) trait Lane:
    Real + RuleKernels + PartialOrd + AddAssign + gemm::Gemm + tile::Tile + transpose::Squares
{
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    const HIGHEST: Self;
}

/// The forward loops that operations are made of, for one element type.
///
/// Sealed: `f32` and `f64` implement it, and the dual numbers of the forward mode.
pub trait Kernels: Element {
    /// y = f(x) of one element.
    fn unary_one(op: Unary, c: Numbers, x: Self) -> Self;
    /// y = f(a, b) of one element.
    fn binary_one(op: Binary, a: Self, b: Self) -> Self;
    /// `out = f(x)`.
    fn unary(op: Unary, c: Numbers, x: &[Self], out: &mut [Self]);
    /// `x = f(x)`
    fn unary_in_place(op: Unary, c: Numbers, x: &mut [Self]) {
        x.iter_mut().for_each(|x| *x = Self::unary_one(op, c, *x));
    }
    /// `out = f(a, b)`, both stretched to `shape`.
    fn binary(op: Binary, a: Operand<Self>, b: Operand<Self>, shape: &[usize], out: &mut [Self]);

    /// Sum of each group; of nothing, 0.
    fn sum(x: &[Self], g: Groups, out: &mut [Self]);
    /// Largest of each group; NaN wins; of nothing, -∞.
    fn max(x: &[Self], g: Groups, out: &mut [Self]);
    /// Smallest of each group; NaN wins; of nothing, ∞.
    fn min(x: &[Self], g: Groups, out: &mut [Self]);
    /// ln(sum(eˣ)) of each group, stable; of nothing or of -∞ alone, -∞.
    fn logsumexp(x: &[Self], g: Groups, out: &mut [Self]);
    /// eˣ / sum(eˣ) in each group, stable; a group of -∞ alone gives zeros.
    fn softmax(x: &[Self], g: Groups, out: &mut [Self]);
    /// x - ln(sum(eˣ)) in each group, stable; a group of -∞ alone gives -∞.
    fn log_softmax(x: &[Self], g: Groups, out: &mut [Self]);
    /// ln(sum(eˣ)) - x\[label\] of each row of `logits`, `[labels.len(), classes]`.
    fn cross_entropy(logits: &[Self], labels: &[usize], classes: usize, losses: &mut [Self]);

    /// yⱼ = xⱼ + yⱼ₋₁ in each group, from its end if `reverse`.
    fn cumsum(x: &[Self], g: Groups, reverse: bool, out: &mut [Self]);
    /// yⱼ = xⱼ + yⱼ₋₁·aⱼ in each group of x and a, from its end if `reverse`; if `mul0`, a yⱼ₋₁ of 0
    /// makes any product 0.
    fn recurrence(mul0: bool, x_a: [&[Self]; 2], g: Groups, reverse: bool, out: &mut [Self]);
    /// Zeros of shape `g`, with the rows of `x`, of shape `[g.outer, indices.len(), g.inner]`,
    /// added where `indices` say.
    fn index_add(x: &[Self], g: Groups, indices: &[usize], out: &mut [Self]);

    /// `c = a·b`, or `c += a·b`; `c` is row-major, `[a.rows, b.cols]`.
    ///
    /// # Panics
    /// Inner dimensions differ, `c` has another length, or a matrix reaches beyond its data.
    fn gemm(a: Matrix<Self>, b: Matrix<Self>, accumulate: bool, c: &mut [Self]);

    /// How many elements of scratch [`conv`](Kernels::conv) is to be given.
    fn conv_scratch(op: Conv, s: &ConvSizes) -> usize;
    /// The member `op` of the family of convolutions; results of a forward one begin as their
    /// channel's `bias`. `scratch` is overwritten.
    ///
    /// # Panics
    /// `scratch` has another length than [`conv_scratch`](Kernels::conv_scratch) says, or an operand
    /// is too short.
    fn conv(
        op: Conv,
        s: &ConvSizes,
        operands: [&[Self]; 2],
        bias: Option<&[Self]>,
        scratch: &mut [Self],
        out: &mut [Self],
    );
    /// Largest of each window; NaN wins. Each window has an element in the image.
    fn max_pool(x: &[Self], w: &Windows, out: &mut [Self]);
    /// Of each window the element of `x` at the place of the first largest one of `keys`.
    fn max_pick(keys: &[Self], x: &[Self], w: &Windows, out: &mut [Self]);
    /// The transpose of [`max_pick`](Kernels::max_pick): zeros, to which each window's element of `y`
    /// is added at its place.
    fn max_unpick(keys: &[Self], y: &[Self], w: &Windows, out: &mut [Self]);
    /// Mean of each window; outside of the image there are zeros.
    fn avg_pool(x: &[Self], w: &Windows, out: &mut [Self]);
    /// The transpose of [`avg_pool`](Kernels::avg_pool).
    fn avg_unpool(y: &[Self], w: &Windows, out: &mut [Self]);

    /// `out` = x / (1 - rate) where the mask keeps it, else 0.
    fn dropout(x: &[Self], mask: Mask, out: &mut [Self]);

    /// `out = op(a)`, for each `[rows, cols]` of a batch; see [`Linalg`] for what an operation gives.
    /// NaN where there is no result.
    fn linalg(op: Linalg, a: &[Self], rows: usize, cols: usize, out: &mut [Self]);
    /// x of each system a·x = b; NaN where the matrix is singular.
    fn solve(systems: Systems<Self>, out: &mut [Self]);
}

/// The loops of derivative rules, for one element type.
///
/// Sealed: `f32` and `f64` implement it. The bound to use is [`Float`](crate::Float).
pub trait RuleKernels: Kernels {
    /// Marks an adjoint that nothing has reached yet: a signalling NaN, which arithmetic, whose
    /// NaNs are quiet, never makes.
    const UNREACHED: Self;
    /// Whether the bits are those of [`UNREACHED`](RuleKernels::UNREACHED).
    fn is_unreached(self) -> bool;

    /// x̄ = ȳ · f′(x) of one element. Rules that are a few instructions are compiled into the
    /// caller, the others are a call, laid out as if it were rare: with all of them in one place even
    /// the short ones took half as long again.
    fn unary_vjp_one(op: Unary, c: Numbers, x: Self, y: Self, y_bar: Self) -> Self;
    /// ȳ · ∂f/∂a (`wrt` 0) or ȳ · ∂f/∂b (`wrt` 1) of one element, likewise.
    fn binary_vjp_one(op: Binary, wrt: usize, a: Self, b: Self, y: Self, y_bar: Self) -> Self;
    /// `x_bar += y_bar · f′(x)`.
    fn unary_vjp(op: Unary, c: Numbers, x: &[Self], y: &[Self], y_bar: &[Self], x_bar: &mut [Self]);
    /// `x_bar = y_bar · f′(x)`, where `y_bar` is one number for all.
    fn unary_vjp_of_one(op: Unary, c: Numbers, x: &[Self], y: &[Self], y_bar: Self, x_bar: &mut [Self]);
    /// `out = x`.
    fn fill(out: &mut [Self], x: Self);
    /// `y_bar = y_bar · f′(x)`.
    fn unary_vjp_in_place(op: Unary, c: Numbers, x: &[Self], y: &[Self], y_bar: &mut [Self]);
    /// `out` = the rule of operand `wrt`, at the result's `shape`, which all stretch to.
    #[allow(clippy::too_many_arguments)]
    fn binary_vjp(
        op: Binary,
        wrt: usize,
        a: Operand<Self>,
        b: Operand<Self>,
        shape: &[usize],
        y: Operand<Self>,
        y_bar: Operand<Self>,
        out: &mut [Self],
    );
    /// `out = f(inputs)`, all stretched to `shape`.
    fn fused<E: Elementwise<N>, const N: usize>(
        f: E,
        inputs: [Operand<Self>; N],
        shape: &[usize],
        out: &mut [Self],
    );
    /// `outs[k] = y_bar · ∂f/∂inputs[k]`, at the result's `shape`; `y_bar` has it, or is one element.
    fn fused_vjp<E: Elementwise<N>, const N: usize>(
        f: E,
        inputs: [Operand<Self>; N],
        shape: &[usize],
        y_bar: Operand<Self>,
        outs: [&mut [Self]; N],
    );
    /// `acc += x`.
    fn add_assign(acc: &mut [Self], x: &[Self]);
    /// `y_bar = y·(y_bar - sum(y·y_bar))` in each group.
    fn softmax_vjp(y: &[Self], g: Groups, y_bar: &mut [Self]);
    /// `y_bar = y_bar - eʸ·sum(y_bar)` in each group.
    fn log_softmax_vjp(y: &[Self], g: Groups, y_bar: &mut [Self]);
    /// `out` = losses_bar · (softmax - one_hot), row by row.
    fn cross_entropy_vjp(
        logits: &[Self],
        labels: &[usize],
        classes: usize,
        losses_bar: &[Self],
        out: &mut [Self],
    );
    /// `y` = softmax(q·kᵀ·scale)·v of each head. `scratch` is overwritten.
    ///
    /// # Panics
    /// `scratch` has not the length that [`Attention::scratch`] says, or an operand is too short.
    fn attention(a: &Attention<Self>, scratch: &mut [Self], y: &mut [Self]);
    /// The contributions of `y_bar`; `scratch` is as long as [`Attention::vjp_scratch`] says.
    fn attention_vjp(a: &Attention<Self>, y_bar: &[Self], scratch: &mut [Self], bars: AttentionBars<Self>);
    /// `y` = (x - mean) / √(variance + eps) · weight + bias, row by row.
    fn row_norm(r: &RowNorm<Self>, y: &mut [Self]);
    /// The contributions of `y_bar`; `scratch` is as long as [`RowNorm::scratch_of_rule`] says.
    fn row_norm_vjp(r: &RowNorm<Self>, y_bar: &[Self], scratch: &mut [Self], bars: RowBars<Self>);
    /// Mean and variance of `x [outer, n, inner]` over the first and last axis, `[2, n]`; `scratch` is as
    /// long as [`moments_scratch`] says.
    fn channel_moments(x: &[Self], g: Groups, scratch: &mut [Self], out: &mut [Self]);
    /// The contribution of the moments' adjoints, `[2, n]`; `scratch` is as long as they are.
    fn channel_moments_vjp(
        x: &[Self],
        g: Groups,
        moments: &[Self],
        bars: &[Self],
        scratch: &mut [Self],
        x_bar: &mut [Self],
    );
    /// `y` = (x - mean) / √(variance + eps) · weight + bias, channel by channel; `scratch` is as long as
    /// [`ChannelNorm::scratch`] says.
    fn channel_norm(c: &ChannelNorm<Self>, scratch: &mut [Self], y: &mut [Self]);
    /// The contributions of `y_bar`; `scratch` is as long as [`ChannelNorm::scratch_of_rule`] says.
    fn channel_norm_vjp(c: &ChannelNorm<Self>, y_bar: &[Self], scratch: &mut [Self], bars: ChannelBars<Self>);
    /// Gates and states of a recurrent cell, `[steps, batch, planes · hidden]`. `scratch` is overwritten.
    ///
    /// # Panics
    /// `scratch` has not the length that [`Sequence::scratch`] says, or an operand is too short.
    fn recurrent(s: &Sequence, from: RecurrentInputs<Self>, scratch: &mut [Self], out: &mut [Self]);
    /// Its rule. `scratch` is overwritten.
    ///
    /// # Panics
    /// `scratch` has not the length that [`Sequence::scratch_of_rule`] says, or a slice is too short.
    fn recurrent_vjp(
        s: &Sequence,
        from: RecurrentInputs<Self>,
        at: RecurrentValues<Self>,
        scratch: &mut [Self],
        bars: RecurrentBars<Self>,
    );
}

/// The operations that are named as constants, and one expression for all others.
macro_rules! short {
    ($op:ident, $Family:ident: $($name:ident)*; $k:ident => $inline:expr, $call:expr) => {
        match $op {
            $($Family::$name => { let $k = $Family::$name; $inline })*
            _ => $call,
        }
    };
}

macro_rules! kernels {
    ($t:ident, $unreached:literal) => {
        impl Lane for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const LOWEST: $t = $t::NEG_INFINITY;
            const HIGHEST: $t = $t::INFINITY;
        }

        impl Kernels for $t {
            #[inline(always)]
            fn unary_one(op: Unary, c: Numbers, x: $t) -> $t {
                op.value(c, x)
            }
            #[inline(always)]
            fn binary_one(op: Binary, a: $t, b: $t) -> $t {
                op.value(a, b)
            }
            fn unary(op: Unary, c: Numbers, x: &[$t], out: &mut [$t]) {
                elementwise::unary(Level::current(), op, c, x, out);
            }
            fn unary_in_place(op: Unary, c: Numbers, x: &mut [$t]) {
                elementwise::unary_in_place(Level::current(), op, c, x);
            }
            fn binary(op: Binary, a: Operand<$t>, b: Operand<$t>, shape: &[usize], out: &mut [$t]) {
                broadcast::binary(Level::current(), op, a, b, shape, out);
            }
            fn sum(x: &[$t], g: Groups, out: &mut [$t]) {
                fold::sum(Level::current(), x, g, out);
            }
            fn max(x: &[$t], g: Groups, out: &mut [$t]) {
                fold::max(Level::current(), x, g, out);
            }
            fn min(x: &[$t], g: Groups, out: &mut [$t]) {
                fold::min(Level::current(), x, g, out);
            }
            fn logsumexp(x: &[$t], g: Groups, out: &mut [$t]) {
                logsumexp::logsumexp(Level::current(), x, g, out);
            }
            fn softmax(x: &[$t], g: Groups, out: &mut [$t]) {
                softmax::softmax(Level::current(), x, g, out);
            }
            fn log_softmax(x: &[$t], g: Groups, out: &mut [$t]) {
                softmax::log_softmax(Level::current(), x, g, out);
            }
            fn cross_entropy(logits: &[$t], labels: &[usize], classes: usize, losses: &mut [$t]) {
                cross_entropy::losses(Level::current(), logits, labels, classes, losses);
            }
            fn cumsum(x: &[$t], g: Groups, reverse: bool, out: &mut [$t]) {
                scan::cumsum(x, g, reverse, out);
            }
            fn recurrence(mul0: bool, x_a: [&[$t]; 2], g: Groups, reverse: bool, out: &mut [$t]) {
                scan::recurrence(mul0, x_a, g, reverse, out);
            }
            fn index_add(x: &[$t], g: Groups, indices: &[usize], out: &mut [$t]) {
                index::add(x, g, indices, out);
            }
            fn gemm(a: Matrix<$t>, b: Matrix<$t>, accumulate: bool, c: &mut [$t]) {
                gemm::gemm(Level::current(), a, b, accumulate, c);
            }
            fn conv_scratch(op: Conv, s: &ConvSizes) -> usize {
                conv::scratch::<$t>(Level::current(), op, s)
            }
            fn conv(
                op: Conv,
                s: &ConvSizes,
                operands: [&[$t]; 2],
                bias: Option<&[$t]>,
                scratch: &mut [$t],
                out: &mut [$t],
            ) {
                conv::conv(Level::current(), op, s, operands, bias, scratch, out);
            }
            fn max_pool(x: &[$t], w: &Windows, out: &mut [$t]) {
                pooling::max(Level::current(), x, w, out);
            }
            fn max_pick(keys: &[$t], x: &[$t], w: &Windows, out: &mut [$t]) {
                pooling::pick(keys, x, w, out);
            }
            fn max_unpick(keys: &[$t], y: &[$t], w: &Windows, out: &mut [$t]) {
                pooling::give(Level::current(), keys, y, w, out);
            }
            fn avg_pool(x: &[$t], w: &Windows, out: &mut [$t]) {
                pooling::mean(x, w, out);
            }
            fn avg_unpool(y: &[$t], w: &Windows, out: &mut [$t]) {
                pooling::spread(y, w, out);
            }
            fn dropout(x: &[$t], mask: Mask, out: &mut [$t]) {
                dropout::dropout(x, mask, out);
            }
            fn linalg(op: Linalg, a: &[$t], rows: usize, cols: usize, out: &mut [$t]) {
                linalg::run(Level::current(), op, a, rows, cols, out);
            }
            fn solve(systems: Systems<$t>, out: &mut [$t]) {
                linalg::solve(Level::current(), systems, out);
            }
        }

        impl RuleKernels for $t {
            const UNREACHED: $t = $t::from_bits($unreached);
            #[inline(always)]
            fn is_unreached(self) -> bool {
                self.to_bits() == $unreached
            }
            #[inline(always)]
            fn unary_vjp_one(op: Unary, c: Numbers, x: $t, y: $t, y_bar: $t) -> $t {
                #[cold]
                #[inline(never)]
                fn any(op: Unary, c: Numbers, x: $t, y: $t, y_bar: $t) -> $t {
                    op.vjp(c, x, y, y_bar)
                }
                short! { op, Unary: Neg Exp Ln Sqrt Tanh Sigmoid Relu Square Abs Plus Minus MinusFrom Times Over Divide;
                    k => k.vjp(c, x, y, y_bar), any(op, c, x, y, y_bar) }
            }
            #[inline(always)]
            fn binary_vjp_one(op: Binary, wrt: usize, a: $t, b: $t, y: $t, y_bar: $t) -> $t {
                #[cold]
                #[inline(never)]
                fn any(op: Binary, wrt: usize, a: $t, b: $t, y: $t, y_bar: $t) -> $t {
                    op.vjp(wrt, a, b, y, y_bar)
                }
                short! { op, Binary: Add Sub Mul Div;
                    k => k.vjp(wrt, a, b, y, y_bar), any(op, wrt, a, b, y, y_bar) }
            }
            fn unary_vjp(op: Unary, c: Numbers, x: &[$t], y: &[$t], y_bar: &[$t], x_bar: &mut [$t]) {
                elementwise::unary_vjp(Level::current(), op, c, x, y, y_bar, x_bar);
            }
            fn unary_vjp_of_one(op: Unary, c: Numbers, x: &[$t], y: &[$t], y_bar: $t, x_bar: &mut [$t]) {
                elementwise::unary_vjp_of_one(Level::current(), op, c, x, y, y_bar, x_bar);
            }
            fn fill(out: &mut [$t], x: $t) {
                parallel::run(out.len(), 1, out, |_, out| out.fill(x));
            }
            fn unary_vjp_in_place(op: Unary, c: Numbers, x: &[$t], y: &[$t], y_bar: &mut [$t]) {
                elementwise::unary_vjp_in_place(Level::current(), op, c, x, y, y_bar);
            }
            fn binary_vjp(
                op: Binary,
                wrt: usize,
                a: Operand<$t>,
                b: Operand<$t>,
                shape: &[usize],
                y: Operand<$t>,
                y_bar: Operand<$t>,
                out: &mut [$t],
            ) {
                broadcast::binary_vjp(Level::current(), op, wrt, a, b, shape, y, y_bar, out);
            }
            fn fused<E: Elementwise<N>, const N: usize>(
                f: E,
                inputs: [Operand<$t>; N],
                shape: &[usize],
                out: &mut [$t],
            ) {
                fused::value(Level::current(), f, inputs, shape, out);
            }
            fn fused_vjp<E: Elementwise<N>, const N: usize>(
                f: E,
                inputs: [Operand<$t>; N],
                shape: &[usize],
                y_bar: Operand<$t>,
                outs: [&mut [$t]; N],
            ) {
                fused::vjp(Level::current(), f, inputs, shape, y_bar, outs);
            }
            fn add_assign(acc: &mut [$t], x: &[$t]) {
                elementwise::add_assign(Level::current(), acc, x);
            }
            fn softmax_vjp(y: &[$t], g: Groups, y_bar: &mut [$t]) {
                softmax::softmax_vjp(Level::current(), y, g, y_bar);
            }
            fn log_softmax_vjp(y: &[$t], g: Groups, y_bar: &mut [$t]) {
                softmax::log_softmax_vjp(Level::current(), y, g, y_bar);
            }
            fn cross_entropy_vjp(
                logits: &[$t],
                labels: &[usize],
                classes: usize,
                losses_bar: &[$t],
                out: &mut [$t],
            ) {
                cross_entropy::vjp(Level::current(), logits, labels, classes, losses_bar, out);
            }
            fn attention(a: &Attention<$t>, scratch: &mut [$t], y: &mut [$t]) {
                attention::attention(Level::current(), a, scratch, y);
            }
            fn attention_vjp(
                a: &Attention<$t>,
                y_bar: &[$t],
                scratch: &mut [$t],
                bars: AttentionBars<$t>,
            ) {
                attention::vjp(Level::current(), a, y_bar, scratch, bars);
            }
            fn row_norm(r: &RowNorm<$t>, y: &mut [$t]) {
                norm::rows(Level::current(), r, y);
            }
            fn row_norm_vjp(r: &RowNorm<$t>, y_bar: &[$t], scratch: &mut [$t], bars: RowBars<$t>) {
                norm::vjp(Level::current(), r, y_bar, scratch, bars);
            }
            fn channel_moments(x: &[$t], g: Groups, scratch: &mut [$t], out: &mut [$t]) {
                channels::moments(Level::current(), x, g, scratch, out);
            }
            fn channel_moments_vjp(
                x: &[$t],
                g: Groups,
                moments: &[$t],
                bars: &[$t],
                scratch: &mut [$t],
                x_bar: &mut [$t],
            ) {
                channels::moments_vjp(Level::current(), x, g, moments, bars, scratch, x_bar);
            }
            fn channel_norm(c: &ChannelNorm<$t>, scratch: &mut [$t], y: &mut [$t]) {
                channels::norm(Level::current(), c, scratch, y);
            }
            fn channel_norm_vjp(
                c: &ChannelNorm<$t>,
                y_bar: &[$t],
                scratch: &mut [$t],
                bars: ChannelBars<$t>,
            ) {
                channels::vjp(Level::current(), c, y_bar, scratch, bars);
            }
            fn recurrent(s: &Sequence, from: RecurrentInputs<$t>, scratch: &mut [$t], out: &mut [$t]) {
                recurrent::rows(Level::current(), s, from, scratch, out);
            }
            fn recurrent_vjp(
                s: &Sequence,
                from: RecurrentInputs<$t>,
                at: RecurrentValues<$t>,
                scratch: &mut [$t],
                bars: RecurrentBars<$t>,
            ) {
                recurrent::rule(Level::current(), s, from, at, scratch, bars);
            }
        }
    };
}

kernels!(f32, 0xffa7_4e55);
kernels!(f64, 0xfff4_5741_4954_4544);
