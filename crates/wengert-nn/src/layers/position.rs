//! Where in a sequence a vector stands, added to it.

use super::call::Call;
use crate::forward::Forward;
use crate::init::Init;
use crate::module::Module;
use wengert::rand::Rng;
use wengert::{Float, Parameter, Span, Tensor, Var};

/// x `[.., steps, dim]` plus a vector for each step, learned or made of sines.
///
/// Sines: position p has sin(p / 10000^(2i/dim)) at 2i and the cosine of the same at 2i + 1
/// (A. Vaswani et al., "Attention is all you need", 2017, section 3.5). Learned: `weight`
/// `[longest, dim]`, normal with deviation 0.02, as GPT-2 has it.
///
/// ```
/// use wengert_nn::prelude::*;
/// let positions: PositionalEncoding = PositionalEncoding::sinusoidal(100, 4);
/// let tape = GradientTape::new();
/// let y = positions.forward(tape.constant(Tensor::zeros(&[2, 3, 4])));
/// assert_eq!(y.value().get(&[1, 0, 1]), Some(1.0)); // cos 0
/// assert_eq!(y.value().get(&[1, 2, 0]), Some(2f32.sin()));
/// ```
#[derive(Clone, Debug, Module)]
pub struct PositionalEncoding<T: Float = f32> {
    #[module(skip)]
    fixed: Option<Tensor<T>>,
    weight: Option<Parameter<T>>,
}

impl<T: Float> PositionalEncoding<T> {
    /// Sines for sequences of up to `longest` steps.
    pub fn sinusoidal(longest: usize, dim: usize) -> PositionalEncoding<T> {
        let table = Tensor::from_fn(&[longest, dim], |at| {
            let angle = at[0] as f64 / 10000f64.powf((at[1] / 2 * 2) as f64 / dim as f64);
            T::from_f64(if at[1].is_multiple_of(2) { angle.sin() } else { angle.cos() })
        });
        PositionalEncoding { fixed: Some(table), weight: None }
    }

    /// A vector to learn for each of up to `longest` steps.
    pub fn learned(longest: usize, dim: usize, rng: &mut impl Rng) -> PositionalEncoding<T> {
        let weight = Init::Normal { mean: 0.0, std: 0.02 }.tensor(&[longest, dim], rng);
        PositionalEncoding { fixed: None, weight: Some(Parameter::new(weight)) }
    }

    /// The vectors `[longest, dim]`.
    pub fn table(&self) -> &Tensor<T> {
        let learned = self.weight.as_ref().map(Parameter::value);
        self.fixed.as_ref().or(learned).expect("the encoding is fixed or learned")
    }
}

impl<T: Float> Forward<T> for PositionalEncoding<T> {
    /// # Panics
    /// `x` is not `[.., steps, dim]`, or has more steps than there are vectors.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape, table) = (x.tape(), x.shape(), self.table().shape());
        let call = Call::enter(self, "positional_encoding", tape);
        let [longest, dim] = table[..] else { unreachable!("a table has two axes") };
        let fits = matches!(shape[..], [.., steps, width] if steps <= longest && width == dim);
        if !fits {
            let expected = format_args!("[.., steps, {dim}] with at most {longest} steps");
            call.refuse(format_args!("PositionalEncoding {longest} x {dim}"), expected, shape);
        }
        let all = match (&self.weight, &self.fixed) {
            (Some(weight), _) => tape.parameter(weight),
            (_, fixed) => tape.constant(fixed.as_ref().expect("the encoding is fixed or learned")),
        };
        let steps = shape[shape.len() - 2];
        let table = if steps < longest { all.slice(&[Span::from(0..steps as isize)]) } else { all };
        call.output(x + table)
    }
}
