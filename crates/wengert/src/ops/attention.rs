//! Scaled dot-product attention, composed of products and a softmax.
//!
//! What may not be attended to gets the score -∞, hence the weight 0; a row that may attend to
//! nothing has weights of 0 throughout, as the softmax of a masked row is zeros.
//! (A. Vaswani et al., "Attention is all you need", 2017, section 3.2.1.)

use crate::element::Float;
use crate::error::ShapeError;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;

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
        self.attend(k, v, None, options)
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
        self.attend(k, v, Some(bias), options)
    }

    #[track_caller]
    fn attend(
        self,
        k: Var<'t, T>,
        v: Var<'t, T>,
        bias: Option<Var<'t, T>>,
        options: AttentionOptions,
    ) -> Var<'t, T> {
        let shape = GradientTape::<T>::fit(scores(&self.shape(), &k.shape(), &v.shape()));
        let d = k.shape()[k.shape().len() - 1];
        let scale = options.scale.unwrap_or(1.0 / (d.max(1) as f64).sqrt());
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
