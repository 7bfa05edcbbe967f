//! Scaled dot-product attention: a composition of products and a softmax, with kernels that never hold
//! the scores of all queries.
//!
//! What may not be attended to gets the score -∞, hence the weight 0; a row that may attend to
//! nothing has weights of 0 throughout, as the softmax of a masked row is zeros.
//! (A. Vaswani et al., "Attention is all you need", 2017, section 3.2.1.)

use super::composed::Composed;
use super::custom::Bars;
use super::matmul::batch_of;
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Attention, AttentionBars, Heads, Strides};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use smallvec::{SmallVec, smallvec};

/// Who attends to whom, and how scores are scaled.
///
/// ```
/// use wengert::AttentionOptions;
/// let options = AttentionOptions::new().causal(true).scale(0.125);
/// assert_eq!((options.causal, options.scale), (true, Some(0.125)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionOptions {
    /// Whether position i attends only to positions up to i.
    pub causal: bool,
    /// True where a query (row) may attend to a key (column); broadcasts with the scores.
    pub mask: Option<Tensor<bool>>,
    /// What scores are multiplied by, if not one over the root of a key's length.
    pub scale: Option<f64>,
}

impl AttentionOptions {
    /// Every query attends to every key, with the usual scale.
    pub fn new() -> AttentionOptions {
        AttentionOptions::default()
    }

    /// Whether position i attends only to positions up to i. Default false.
    pub fn causal(self, causal: bool) -> AttentionOptions {
        AttentionOptions { causal, ..self }
    }

    /// True where a query (row) may attend to a key (column); broadcasts with the scores
    /// `[.., queries, keys]`. With [`causal`](AttentionOptions::causal), both must allow it.
    pub fn mask(self, mask: Tensor<bool>) -> AttentionOptions {
        AttentionOptions { mask: Some(mask), ..self }
    }

    /// What scores are multiplied by. Default: 1 / √(length of a key).
    pub fn scale(self, scale: f64) -> AttentionOptions {
        AttentionOptions { scale: Some(scale), ..self }
    }

    fn scale_of(&self, d: usize) -> f64 {
        self.scale.unwrap_or(1.0 / (d.max(1) as f64).sqrt())
    }
}

/// The shape of the scores.
fn scores(q: &Shape, k: &Shape, v: &Shape) -> Result<Shape, ShapeError> {
    match (&q[..], &k[..], &v[..]) {
        ([batch_q @ .., queries, d], [batch_k @ .., keys, d_k], [.., values, _])
            if d == d_k && keys == values =>
        {
            let batch = Shape::broadcast("attention", &Shape::new(batch_q)?, &Shape::new(batch_k)?)?;
            Shape::new(&batch.iter().chain([queries, keys]).copied().collect::<Shape>())
        }
        _ => {
            let fitting = "q [.., queries, d], k [.., keys, d] and v [.., keys, e]";
            ShapeError::expected("attention", fitting, format!("q {q}, k {k}, v {v}"))
        }
    }
}

/// A mask or bias must stretch to the scores, not the other way round.
fn stretches(what: &str, own: &Shape, scores: &Shape) -> Result<(), ShapeError> {
    match Shape::broadcast("attention", own, scores) {
        Ok(both) if both == *scores => Ok(()),
        _ => {
            let fitting = format!("a {what} that stretches to the scores {scores}");
            ShapeError::expected("attention", fitting, own.to_string())
        }
    }
}

/// The shape of the scores between heads that lie side by side in `x`.
fn own_scores(x: &Shape, heads: usize) -> Result<Shape, ShapeError> {
    match &x[..] {
        [outer @ .., length, width] if heads > 0 && width.is_multiple_of(3 * heads) => {
            Shape::new(&outer.iter().chain([&heads, length, length]).copied().collect::<Shape>())
        }
        _ => {
            let fitting = format!("x [.., length, 3 · width] with a width that {heads} heads divide");
            ShapeError::expected("self_attention", fitting, x.to_string())
        }
    }
}

/// Attention of queries, keys and values, or of all three in one operand with so many heads.
#[derive(PartialEq)]
struct Attend {
    options: AttentionOptions,
    heads: Option<usize>,
}

impl Attend {
    /// The shape of the scores.
    fn scores<T: Float>(&self, inputs: &[&Tensor<T>]) -> Result<Shape, ShapeError> {
        let scores = match (self.heads, inputs) {
            (Some(heads), [x]) => own_scores(x.shape(), heads),
            (_, inputs) => scores(inputs[0].shape(), inputs[1].shape(), inputs[2].shape()),
        }?;
        match &self.options.mask {
            Some(mask) => stretches("mask", mask.shape(), &scores).map(|()| scores),
            None => Ok(scores),
        }
    }

    /// What the kernels are to do.
    fn problem<'a, T: Float>(&'a self, inputs: &[&'a Tensor<T>], scores: &'a Shape) -> Attention<'a, T> {
        let [batch @ .., queries, keys] = &scores[..] else { unreachable!("scores have two axes or more") };
        let (queries, keys) = (*queries, *keys);
        let last = |x: &Tensor<T>| x.shape()[x.ndim() - 1];
        let ([q, k, v], d, e) = match (self.heads, inputs) {
            (Some(heads), [x]) => {
                let d = last(x) / (3 * heads);
                let part = |i| Heads { data: x.as_slice(), layout: Strides::woven(batch, keys, d, i, 3) };
                ([0, 1, 2].map(part), d, d)
            }
            (_, inputs) => {
                let (d, e) = (last(inputs[1]), last(inputs[2]));
                let sizes = [(0, queries, d), (1, keys, d), (2, keys, e)];
                let part = |(i, rows, cols): (usize, usize, usize)| Heads {
                    data: inputs[i].as_slice(),
                    layout: Strides::apart(batch, &batch_of(inputs[i].shape()), rows, cols),
                };
                (sizes.map(part), d, e)
            }
        };
        let mask = self.options.mask.as_ref().map(|mask| {
            let own: SmallVec<[usize; 6]> = smallvec![1; 2];
            let own: SmallVec<[usize; 6]> = own.iter().chain(mask.shape().iter()).copied().collect();
            let (outer, [rows, cols]) = own.split_at(own.len() - 2) else { unreachable!("two axes or more") };
            Heads { data: mask.as_slice(), layout: Strides::apart(batch, outer, *rows, *cols) }
        });
        let (causal, woven) = (self.options.causal, self.heads.is_some());
        let scale = self.options.scale_of(d);
        Attention { batch, queries, keys, d, e, scale, causal, mask, q, k, v, woven }
    }
}

impl Composed for Attend {
    fn name(&self) -> &'static str {
        if self.heads.is_some() { "self_attention" } else { "attention" }
    }

    fn describe(&self) -> Option<String> {
        let AttentionOptions { causal, mask, scale } = &self.options;
        let heads = self.heads.map(|n| format!("heads={n}"));
        let mask = mask.as_ref().map(|mask| format!("mask {}", mask.shape()));
        let scale = scale.map(|scale| format!("scale={scale}"));
        let all = [heads, causal.then(|| "causal".to_string()), mask, scale];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    fn define<'t, T: Float>(&self, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        let (Some(heads), &[x]) = (self.heads, inputs) else {
            return inputs[0].attend(inputs[1], inputs[2], None, &self.options);
        };
        let shape = x.shape();
        let (width, outer) = (shape[shape.len() - 1] / 3, &shape[..shape.len() - 1]);
        let apart: Shape = outer.iter().copied().chain([heads, width / heads]).collect();
        let parts = x.split(&[width; 3], -1);
        let [q, k, v] = [0, 1, 2].map(|i| parts[i].reshape(&apart).transpose(-3, -2));
        let joined: Shape = outer.iter().copied().chain([width]).collect();
        q.attend(k, v, None, &self.options).transpose(-3, -2).reshape(&joined)
    }

    fn forward<T: Float>(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let scores = self.scores(inputs)?;
        let a = self.problem(inputs, &scores);
        let shape = match self.heads {
            Some(heads) => {
                let outer = a.batch[..a.batch.len() - 1].iter();
                Shape::new(&outer.chain([&a.queries, &(heads * a.e)]).copied().collect::<Shape>())?
            }
            None => Shape::new(&a.batch.iter().chain([&a.queries, &a.e]).copied().collect::<Shape>())?,
        };
        let mut scratch = pool.build([a.scratch()].into(), |_| {});
        let y = pool.build(shape, |y| {
            T::attention(&a, scratch.get_mut().expect("nobody else has seen it"), y);
        });
        pool.put(scratch);
        Ok(y)
    }

    fn vjp<T: Float>(
        &self,
        inputs: &[&Tensor<T>],
        _: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let scores = self.scores(inputs).expect("the value has been computed");
        let a = self.problem(inputs, &scores);
        let stretched = |rows, cols| a.batch.iter().copied().chain([rows, cols]).collect::<Shape>();
        let shapes: SmallVec<[Shape; 3]> = match self.heads {
            Some(_) => smallvec![inputs[0].shape().clone()],
            None => smallvec![stretched(a.queries, a.d), stretched(a.keys, a.d), stretched(a.keys, a.e)],
        };
        let mut bars: Bars<Tensor<T>> = shapes
            .into_iter()
            .zip(wanted)
            .map(|(shape, &wanted)| wanted.then(|| pool.build(shape, |_| {})))
            .collect();
        let mut scratch = pool.build([a.vjp_scratch()].into(), |_| {});
        let whole = "nobody else has seen it";
        let targets = match &mut bars[..] {
            [all] => AttentionBars::Woven(all.as_mut().expect("it is wanted").get_mut().expect(whole)),
            [q, k, v] => {
                AttentionBars::Apart([q, k, v].map(|bar| bar.as_mut().map(|bar| bar.get_mut().expect(whole))))
            }
            _ => unreachable!("one operand or three"),
        };
        T::attention_vjp(&a, y_bar.as_slice(), scratch.get_mut().expect(whole), targets);
        pool.put(scratch);
        bars
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// softmax(q·kᵀ·scale)·v: for each query the mean of the values, weighted by how well their keys
    /// fit it. Queries q `[.., queries, d]`, keys k `[.., keys, d]`, values v `[.., keys, e]` give
    /// `[.., queries, e]`; leading axes, such as batch and heads, broadcast.
    ///
    /// A query that may attend to nothing gets zeros.
    ///
    /// # Panics
    /// The shapes are others, or the mask does not stretch to `[.., queries, keys]`.
    ///
    /// ```
    /// use wengert::{AttentionOptions, GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (q, k) = (tape.var(tensor![[1.0], [0.0]]), tape.var(tensor![[5.0], [5.0]]));
    /// let v = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// let all = q.attention(k, v, AttentionOptions::new());
    /// assert_eq!(all.value(), tensor![[2.0, 3.0], [2.0, 3.0]]);
    /// let causal = q.attention(k, v, AttentionOptions::new().causal(true));
    /// assert_eq!(causal.value(), tensor![[1.0, 2.0], [2.0, 3.0]]);
    /// let masked = AttentionOptions::new().mask(tensor![[false, true], [false, false]]);
    /// assert_eq!(q.attention(k, v, masked).value(), tensor![[3.0, 4.0], [0.0, 0.0]]);
    /// ```
    #[track_caller]
    pub fn attention(self, k: Var<'t, T>, v: Var<'t, T>, options: AttentionOptions) -> Var<'t, T> {
        self.tape().composed(Attend { options, heads: None }, &[self, k, v])
    }

    /// [`attention`](Var::attention) of several heads that lie side by side: `[.., length, 3 · width]`,
    /// where each row holds queries, keys and values, one after the other, and in each of them the
    /// heads, gives `[.., length, width]`. Scores, which a mask stretches to, are
    /// `[.., heads, length, length]`.
    ///
    /// The layout is that of one projection to all three (PyTorch's `in_proj`), and nothing of it is
    /// copied: multi-head attention of x is
    /// `x.linear(w_qkv, b_qkv).self_attention(heads, options).linear(w, b)`.
    ///
    /// # Panics
    /// The last axis is not three times a multiple of `heads`, there are fewer than two axes, or the
    /// mask does not stretch to the scores.
    ///
    /// ```
    /// use wengert::{AttentionOptions, GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// // Two heads of one number: q, q, k, k, v, v.
    /// let x = tape.var(tensor![[0.0, 1.0, 1.0, 1.0, 2.0, 3.0], [0.0, 1.0, 1.0, 1.0, 4.0, 5.0]]);
    /// let y = x.self_attention(2, AttentionOptions::new());
    /// assert_eq!(y.value(), tensor![[3.0, 4.0], [3.0, 4.0]]);
    /// ```
    #[track_caller]
    pub fn self_attention(self, heads: usize, options: AttentionOptions) -> Var<'t, T> {
        self.tape().composed(Attend { options, heads: Some(heads) }, &[self])
    }

    /// [`attention`](Var::attention) with a bias that is added to the scores: a mask of other numbers
    /// than 0 and -∞, or one that is learned. It broadcasts with the scores `[.., queries, keys]`.
    ///
    /// # Panics
    /// As there, or the bias does not stretch to the scores.
    #[track_caller]
    pub fn attention_with_bias(
        self,
        k: Var<'t, T>,
        v: Var<'t, T>,
        bias: Var<'t, T>,
        options: AttentionOptions,
    ) -> Var<'t, T> {
        self.attend(k, v, Some(bias), &options)
    }

    /// The composition.
    #[track_caller]
    fn attend(
        self,
        k: Var<'t, T>,
        v: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: &AttentionOptions,
    ) -> Var<'t, T> {
        let shape = GradientTape::<T>::fit(scores(&self.shape(), &k.shape(), &v.shape()));
        let d = k.shape()[k.shape().len() - 1];
        let scale = options.scale_of(d);
        // The queries are scaled: as a rule they are fewer numbers than the scores.
        let mut scores = (self * scale).matmul_nt(k);
        if let Some(bias) = bias {
            GradientTape::<T>::fit(stretches("bias", &bias.shape(), &shape));
            scores += bias;
        }
        if let Some(mask) = &options.mask {
            GradientTape::<T>::fit(stretches("mask", mask.shape(), &shape));
            let allowed = mask.as_slice();
            scores = scores.barred(mask.shape().clone(), |i| allowed[i]);
        }
        if options.causal {
            let [.., queries, keys] = shape[..] else { unreachable!("scores have two axes or more") };
            scores = scores.barred([queries, keys].into(), |i| i % keys <= i / keys);
        }
        scores.softmax(-1).matmul(v)
    }

    /// -∞ where element i of `shape` is not allowed.
    #[track_caller]
    fn barred(self, shape: Shape, allowed: impl Fn(usize) -> bool) -> Var<'t, T> {
        let tape = self.tape();
        let bar = tape.pool.borrow_mut().build(shape, |out| {
            for (i, x) in out.iter_mut().enumerate() {
                *x = if allowed(i) { T::zero() } else { T::neg_infinity() };
            }
        });
        // Infinite on purpose: nothing for `check_finite`. No closure: its line would be the place.
        let checks = tape.checks_finite();
        tape.check_finite(false);
        let barred = self + tape.constant(bar);
        tape.check_finite(checks);
        barred
    }
}
