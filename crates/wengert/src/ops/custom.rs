//! Operations that users add: a name, a forward computation over tensors, a rule over variables.
//!
//! The rule computes on whatever tape its variables are on. In a recorded sweep that is the tape
//! itself, so that the result can be differentiated again, to any order; in a numeric sweep it is
//! a tape of its own, which is dropped with all that the rule has recorded.

use super::{At, Op};
use crate::element::Float;
use crate::error::ShapeError;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::trace::OpDoc;
use crate::var::Var;
use smallvec::{SmallVec, smallvec};
use std::any::Any;
use std::sync::Arc;

/// An operation of one's own, of any number of inputs: recorded by [`GradientTape::custom`].
///
/// ```
/// use wengert::{CustomOp, GradientTape, Tensor, Var, gradcheck, tensor};
///
/// struct Cube;
/// impl CustomOp<f64> for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn forward(&self, x: &[&Tensor<f64>]) -> Tensor<f64> {
///         x[0].powi(3)
///     }
///     fn vjp<'v>(&self, x: &[Var<'v, f64>], _y: Var<'v, f64>, y_bar: Var<'v, f64>) -> Vec<Option<Var<'v, f64>>> {
///         vec![Some(y_bar * 3.0 * x[0].square())]
///     }
/// }
/// gradcheck(|v| v[0].tape().custom(Cube, &[v[0]]), &[tensor![0.5, -2.0]])?; // to second order
/// # Ok::<(), wengert::GradCheckError>(())
/// ```
pub trait CustomOp<T: Float = f32>: Send + Sync {
    /// The name on the tape.
    fn name(&self) -> &'static str;

    /// The value.
    fn forward(&self, inputs: &[&Tensor<T>]) -> Tensor<T>;

    /// What the adjoint of the value, `y_bar`, contributes to each input's: one entry an input,
    /// `None` where nothing flows. Of the input's shape, or of one that the input was stretched to.
    ///
    /// Linear in `y_bar`, and made of operations on variables, so that it can be differentiated.
    fn vjp<'v>(&self, inputs: &[Var<'v, T>], y: Var<'v, T>, y_bar: Var<'v, T>) -> Vec<Option<Var<'v, T>>>;

    /// The shape of the value, if it is to be checked before `forward` runs.
    ///
    /// # Errors
    /// Shapes that the operation cannot take.
    fn shape(&self, inputs: &[&Shape]) -> Result<Option<Shape>, ShapeError> {
        let _ = inputs;
        Ok(None)
    }

    /// What a print of the tape says beside name and operands.
    fn describe(&self) -> Option<String> {
        None
    }

    /// Value and rule as formulas, for those who step through the tape: operands are called `x`, or `a`,
    /// `b`, ... where there are several, the result `y`, its adjoint `ȳ`.
    fn doc(&self) -> Option<OpDoc> {
        None
    }
}

impl<T: Float, O: CustomOp<T>> CustomOp<T> for Arc<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn forward(&self, inputs: &[&Tensor<T>]) -> Tensor<T> {
        (**self).forward(inputs)
    }
    fn vjp<'v>(&self, inputs: &[Var<'v, T>], y: Var<'v, T>, y_bar: Var<'v, T>) -> Vec<Option<Var<'v, T>>> {
        (**self).vjp(inputs, y, y_bar)
    }
    fn shape(&self, inputs: &[&Shape]) -> Result<Option<Shape>, ShapeError> {
        (**self).shape(inputs)
    }
    fn describe(&self) -> Option<String> {
        (**self).describe()
    }
    fn doc(&self) -> Option<OpDoc> {
        (**self).doc()
    }
}

/// One contribution an input; `None` where nothing flows.
pub(crate) type Bars<V> = SmallVec<[Option<V>; 4]>;

/// What the tape needs of an operation that is no member of the closed enum.
pub(crate) trait Extension<T: Float>: Send + Sync {
    fn name(&self) -> &'static str;
    fn describe(&self) -> Option<String>;
    fn forward(&self, inputs: &[&Tensor<T>], pool: &mut Pool<T>) -> Result<Tensor<T>, ShapeError>;
    /// Whether `vjp` takes a `y_bar` of one element that stands for all.
    fn takes_one(&self) -> bool {
        false
    }
    /// The contributions to all inputs in numbers; those that are not `wanted` may be left out.
    fn vjp(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        wanted: &[bool],
        pool: &mut Pool<T>,
    ) -> Bars<Tensor<T>>;
    /// The same, recorded.
    fn recorded_vjp<'t>(&self, inputs: &[Var<'t, T>], y: Var<'t, T>, y_bar: Var<'t, T>) -> Bars<Var<'t, T>>;
    /// The derivative along `tangents`, in `f64`.
    fn jvp(&self, inputs: &[&Tensor<T>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64>;
    /// Its formulas, for those who step through the tape.
    fn doc(&self) -> Option<OpDoc> {
        None
    }
    /// The plain steps that it stands for, if it does.
    fn define<'t>(&self, _: &[Var<'t, T>]) -> Option<Var<'t, T>> {
        None
    }
    /// What it is made from, if the next recording may take it again for something equal.
    fn recall(&self) -> Option<&dyn Any> {
        None
    }
}

/// A [`CustomOp`] as the tape sees it.
struct Custom<O>(O);

impl<O> Custom<O> {
    /// One contribution an input, each of a shape that its input can have been stretched to.
    fn checked<'v, T: Float>(
        &self,
        inputs: &[Var<'v, T>],
        bars: Vec<Option<Var<'v, T>>>,
    ) -> Vec<Option<Var<'v, T>>>
    where
        O: CustomOp<T>,
    {
        let name = self.0.name();
        let (given, expected) = (bars.len(), inputs.len());
        assert!(
            given == expected,
            "{name}: its vjp gave {given} contributions for {expected} inputs: one each, None where nothing flows"
        );
        for (i, (x, bar)) in inputs.iter().zip(&bars).enumerate() {
            let Some(bar) = bar else { continue };
            let (x, bar) = (x.shape(), bar.shape());
            assert!(
                Shape::broadcast(name, &x, &bar).as_ref() == Ok(&bar),
                "{name}: its vjp gave a contribution of shape {bar} to input {i}, which has shape {x}"
            );
        }
        bars
    }
}

impl<T: Float, O: CustomOp<T>> Extension<T> for Custom<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> Option<String> {
        self.0.describe()
    }

    fn doc(&self) -> Option<OpDoc> {
        self.0.doc()
    }

    fn forward(&self, inputs: &[&Tensor<T>], _: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        let shapes: SmallVec<[&Shape; 4]> = inputs.iter().map(|x| x.shape()).collect();
        let expected = self.0.shape(&shapes)?;
        let y = self.0.forward(inputs);
        match expected {
            Some(shape) if shape != *y.shape() => Err(ShapeError::Expected {
                op: self.0.name(),
                expected: format!("a value of shape {shape}, as its own `shape` says"),
                given: y.shape().to_string(),
            }),
            _ => Ok(y),
        }
    }

    fn vjp(
        &self,
        inputs: &[&Tensor<T>],
        y: &Tensor<T>,
        y_bar: &Tensor<T>,
        _: &[bool],
        _: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        let tape = GradientTape::new();
        let inputs: Vec<Var<T>> = inputs.iter().map(|&x| tape.constant(x)).collect();
        let bars = self.0.vjp(&inputs, tape.constant(y), tape.constant(y_bar));
        self.checked(&inputs, bars).into_iter().map(|bar| bar.map(Var::value)).collect()
    }

    fn recorded_vjp<'t>(&self, inputs: &[Var<'t, T>], y: Var<'t, T>, y_bar: Var<'t, T>) -> Bars<Var<'t, T>> {
        self.checked(inputs, self.0.vjp(inputs, y, y_bar)).into()
    }

    /// The rule is linear, ū ↦ Jᵀ·ū, so its own transpose is J: the derivative of <Jᵀ·ū, v> with
    /// respect to ū is J·v. There is no other way to it than through the rule.
    fn jvp(&self, inputs: &[&Tensor<T>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64> {
        let tape = GradientTape::new();
        let vars: Vec<Var<T>> = inputs.iter().map(|&x| tape.constant(x)).collect();
        let y = tape.constant(self.0.forward(inputs));
        let u = tape.var(Tensor::zeros(&y.shape()));
        let bars = self.checked(&vars, self.0.vjp(&vars, y, u));
        let mut products = tape.constant(T::zero());
        for ((bar, tangent), x) in bars.into_iter().zip(tangents).zip(&vars) {
            if let (Some(bar), Some(tangent)) = (bar, tangent) {
                // A contribution of a stretched shape stands for its sum over the repeated axes.
                let along = tape.constant(tangent.cast::<T>()).broadcast_to(&bar.shape());
                debug_assert_eq!(*tangent.shape(), x.shape());
                products += (bar * along).sum();
            }
        }
        products.backward().get(u).map_or_else(|| Tensor::zeros(&y.shape()), Tensor::cast)
    }
}

impl<T: Float> GradientTape<T> {
    /// Records an operation of one's own.
    ///
    /// # Panics
    /// The operation's own `shape` refuses the inputs, or differs from its value's; there are no
    /// inputs, or one belongs to another tape.
    #[track_caller]
    pub fn custom<'t>(&'t self, op: impl CustomOp<T> + 'static, inputs: &[Var<'t, T>]) -> Var<'t, T> {
        Self::fit(self.try_custom(op, inputs))
    }

    /// [`custom`](GradientTape::custom) with an error instead of a panic.
    ///
    /// # Errors
    /// The operation's own `shape` refuses the inputs, or differs from its value's.
    #[track_caller]
    pub fn try_custom<'t>(
        &'t self,
        op: impl CustomOp<T> + 'static,
        inputs: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ShapeError> {
        self.record_extension(Arc::new(Custom(op)), inputs)
    }

    #[track_caller]
    pub(crate) fn record_extension<'t>(
        &'t self,
        extension: Arc<dyn Extension<T>>,
        inputs: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ShapeError> {
        if inputs.is_empty() {
            return Err(ShapeError::Expected {
                op: extension.name(),
                expected: "at least one input".into(),
                given: "none; a value without inputs is a `constant`".into(),
            });
        }
        let at = self.arena.borrow_mut().push_extension(extension);
        self.try_record(Op::Custom(at), inputs)
    }

    pub(crate) fn extension(&self, at: At) -> Arc<dyn Extension<T>> {
        self.arena.borrow().extension(at).clone()
    }

    /// A function with a gradient of its own, given as two closures: `forward` over tensors, and
    /// `vjp` from inputs, value and the value's adjoint to one contribution an input
    /// (see [`CustomOp`]).
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// // ln(1 + eˣ), which does not overflow, and whose rule does not either.
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![-1000.0, 0.0, 1000.0]);
    /// let y = tape.custom_gradient(
    ///     &[x],
    ///     |x| x[0].relu() + (-x[0].abs()).exp().map(f64::ln_1p),
    ///     |x, _y, y_bar| vec![Some(y_bar * x[0].sigmoid())],
    /// );
    /// assert_eq!(y.sum().backward().wrt(x), &tensor![0.0, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn custom_gradient<'t, F, G>(&'t self, inputs: &[Var<'t, T>], forward: F, vjp: G) -> Var<'t, T>
    where
        F: Fn(&[&Tensor<T>]) -> Tensor<T> + Send + Sync + 'static,
        G: for<'v> Fn(&[Var<'v, T>], Var<'v, T>, Var<'v, T>) -> Vec<Option<Var<'v, T>>>
            + Send
            + Sync
            + 'static,
    {
        self.custom(Closures { name: "custom_gradient", forward, vjp }, inputs)
    }
}

struct Closures<F, G> {
    name: &'static str,
    forward: F,
    vjp: G,
}

impl<T: Float, F, G> CustomOp<T> for Closures<F, G>
where
    F: Fn(&[&Tensor<T>]) -> Tensor<T> + Send + Sync,
    G: for<'v> Fn(&[Var<'v, T>], Var<'v, T>, Var<'v, T>) -> Vec<Option<Var<'v, T>>> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }
    fn forward(&self, inputs: &[&Tensor<T>]) -> Tensor<T> {
        (self.forward)(inputs)
    }
    fn vjp<'v>(&self, inputs: &[Var<'v, T>], y: Var<'v, T>, y_bar: Var<'v, T>) -> Vec<Option<Var<'v, T>>> {
        (self.vjp)(inputs, y, y_bar)
    }
}

/// The identity that shows adjoints to a closure. No [`CustomOp`], whose forward mode goes through
/// the rule: nothing flows back there, and there is nothing to show.
struct Hook<F>(F);

impl<T: Float, F: Fn(&Tensor<T>) + Send + Sync> Extension<T> for Hook<F> {
    fn name(&self) -> &'static str {
        "on_gradient"
    }
    fn describe(&self) -> Option<String> {
        None
    }
    fn forward(&self, inputs: &[&Tensor<T>], _: &mut Pool<T>) -> Result<Tensor<T>, ShapeError> {
        Ok(inputs[0].clone())
    }
    fn vjp(
        &self,
        _: &[&Tensor<T>],
        _: &Tensor<T>,
        y_bar: &Tensor<T>,
        _: &[bool],
        _: &mut Pool<T>,
    ) -> Bars<Tensor<T>> {
        (self.0)(y_bar);
        smallvec![Some(y_bar.clone())]
    }
    fn recorded_vjp<'t>(&self, _: &[Var<'t, T>], _: Var<'t, T>, y_bar: Var<'t, T>) -> Bars<Var<'t, T>> {
        (self.0)(&y_bar.value());
        smallvec![Some(y_bar)]
    }
    fn jvp(&self, inputs: &[&Tensor<T>], tangents: &[Option<&Tensor<f64>>]) -> Tensor<f64> {
        tangents[0].cloned().unwrap_or_else(|| Tensor::zeros(inputs[0].shape()))
    }
}

/// The value of input `i`, with `vjp` as its rule.
fn identity<T: Float, G>(name: &'static str, i: usize, vjp: G) -> impl CustomOp<T>
where
    G: for<'v> Fn(&[Var<'v, T>], Var<'v, T>, Var<'v, T>) -> Vec<Option<Var<'v, T>>> + Send + Sync,
{
    Closures { name, forward: move |x: &[&Tensor<T>]| x[i].clone(), vjp }
}

impl<'t, T: Float> Var<'t, T> {
    /// The same value, whose gradient passes through `f` on its way back: to scale it, to clip it,
    /// to reverse its sign. `f` computes on variables, so it counts in second derivatives too.
    ///
    /// ```
    /// let tape = wengert::GradientTape::<f64>::new();
    /// let x = tape.var(3.0);
    /// let reversed = x.map_gradient(|g| -g);
    /// assert_eq!(reversed.square().backward().item(x), -6.0);
    /// ```
    #[track_caller]
    pub fn map_gradient<G>(self, f: G) -> Var<'t, T>
    where
        G: for<'v> Fn(Var<'v, T>) -> Var<'v, T> + Send + Sync + 'static,
    {
        self.tape().custom(identity("map_gradient", 0, move |_, _, y_bar| vec![Some(f(y_bar))]), &[self])
    }

    /// The same value, whose gradient is shown to `hook` on its way back.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use std::sync::Arc;
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let log = seen.clone();
    /// let tape = wengert::GradientTape::<f64>::new();
    /// let x = tape.var(3.0);
    /// let h = (x * 2.0).on_gradient(move |g| log.lock().unwrap().push(g.item()));
    /// h.square().backward();
    /// assert_eq!(*seen.lock().unwrap(), [12.0]);
    /// ```
    #[track_caller]
    pub fn on_gradient<F>(self, hook: F) -> Var<'t, T>
    where
        F: Fn(&Tensor<T>) + Send + Sync + 'static,
    {
        GradientTape::<T>::fit(self.tape().record_extension(Arc::new(Hook(hook)), &[self]))
    }

    /// The same value, whose gradient is clipped to `[low, high]`, element by element, on its way
    /// back.
    ///
    /// # Panics
    /// `low` is above `high`, or one of them is NaN.
    ///
    /// ```
    /// let tape = wengert::GradientTape::<f64>::new();
    /// let x = tape.var(3.0);
    /// assert_eq!(x.clip_gradient(-1.0, 1.0).square().backward().item(x), 1.0);
    /// ```
    #[track_caller]
    pub fn clip_gradient(self, low: f64, high: f64) -> Var<'t, T> {
        assert!(low <= high, "clip_gradient: the lower bound {low} must not be above the upper bound {high}");
        let op = identity("clip_gradient", 0, move |_, _, y_bar| {
            let number = |c: f64| y_bar.tape().constant(T::from_f64(c));
            vec![Some(-(-y_bar.maximum(number(low))).maximum(number(-high)))]
        });
        self.tape().custom(op, &[self])
    }

    /// The value of `f(self)` with the gradient of `self`: the straight-through estimator for
    /// functions whose derivative is zero or absent, such as rounding and thresholds
    /// (Bengio, Léonard and Courville 2013, section 4).
    ///
    /// # Panics
    /// `f` changes the shape.
    ///
    /// ```
    /// let tape = wengert::GradientTape::<f64>::new();
    /// let x = tape.var(0.3);
    /// let spike = x.straight_through(|x| x.sign());
    /// assert_eq!((spike.item(), spike.backward().item(x)), (1.0, 1.0));
    /// ```
    #[track_caller]
    pub fn straight_through(self, f: impl FnOnce(Var<'t, T>) -> Var<'t, T>) -> Var<'t, T> {
        let y = self.tape().paused(|| f(self));
        let (given, expected) = (y.shape(), self.shape());
        assert!(
            given == expected,
            "straight_through: the function gave shape {given} for {expected}; it must keep it"
        );
        let op = identity("straight_through", 1, |_, _, y_bar| vec![Some(y_bar), None]);
        self.tape().custom(op, &[self, y])
    }
}
