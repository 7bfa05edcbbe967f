//! Einstein's summation convention, in NumPy's notation: `ij,jk->ik`.
//!
//! Every operand is first brought to one axis an index: repeated ones to their diagonal, axes that
//! only broadcast dropped, those that nobody else has summed. Then operands are contracted from left
//! to right, as written, so that the caller decides the order: two at a time, by one batched matrix
//! product, or by an elementwise one where a matrix product would have a single row and column.
//! Operands are permuted only where none of the forms of a product reads them as they are.

mod equation;

use super::{Op, Product, Reduce, View};
use crate::element::Float;
use crate::error::ShapeError;
use crate::shape::{Axes, Shape};
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::var::Var;
use equation::{Equation, Labels};
use smallvec::SmallVec;
use std::panic::Location;

/// A value with an index for each of its axes.
#[derive(Clone)]
struct Factor<'t, T: Float> {
    x: Var<'t, T>,
    labels: Labels,
}

impl<'t, T: Float> Factor<'t, T> {
    fn view(self, view: View, list: &[usize], labels: Labels) -> Result<Self, ShapeError> {
        let at = self.x.tape().push_list(list);
        Ok(Factor { x: self.x.tape().try_record(Op::View(view, at), &[self.x])?, labels })
    }

    fn length(&self, label: u8) -> Option<usize> {
        let axis = self.labels.iter().position(|&l| l == label)?;
        Some(self.x.shape()[axis])
    }

    fn lengths(&self, labels: &[u8]) -> SmallVec<[usize; 6]> {
        labels.iter().map(|&l| self.length(l).unwrap_or(1)).collect()
    }

    /// Under another shape of as many elements; the indices are those of what it will be used for.
    fn reshaped(self, shape: &[usize]) -> Result<Self, ShapeError> {
        if *self.x.shape() == *shape {
            return Ok(self);
        }
        let labels = self.labels.clone();
        self.view(View::Reshape, shape, labels)
    }

    /// With the indices in the order that they have in `order`, which has all of them.
    fn ordered(self, order: &[u8]) -> Result<Self, ShapeError> {
        let labels: Labels = order.iter().copied().filter(|l| self.labels.contains(l)).collect();
        if labels == self.labels {
            return Ok(self);
        }
        let place = |l: &u8| self.labels.iter().position(|own| own == l).expect("an index of its own");
        let axes: SmallVec<[usize; 6]> = labels.iter().map(place).collect();
        self.view(View::Permute, &axes, labels)
    }

    /// Whether `order` would permute it.
    fn moves(&self, order: &[u8]) -> bool {
        order.iter().filter(|l| self.labels.contains(l)).ne(&self.labels)
    }

    /// Each repeated index once: the diagonal, as a slice of the two axes flattened.
    fn diagonals(mut self) -> Result<Self, ShapeError> {
        while let Some(label) = repeated(&self.labels) {
            let kept = |&i: &usize| self.labels[i] != label;
            let twice: SmallVec<[usize; 6]> = (0..self.labels.len()).filter(|i| !kept(i)).collect();
            let mut axes: SmallVec<[usize; 6]> = (0..self.labels.len()).filter(kept).collect();
            // A third and further ones wait for the next round.
            axes.extend_from_slice(&twice[2..]);
            let mut labels: Labels = axes.iter().map(|&i| self.labels[i]).collect();
            axes.extend_from_slice(&twice[..2]);
            let permuted = self.view(View::Permute, &axes, Labels::new())?;
            let shape = permuted.x.shape();
            let (others, n) = (&shape[..labels.len()], shape[labels.len()]);
            let flat: SmallVec<[usize; 6]> = others.iter().copied().chain([n * n]).collect();
            let whole = others.iter().flat_map(|&m| [0, m, 1]);
            let list: SmallVec<[usize; 18]> = whole.chain([0, n, n + 1]).collect();
            labels.push(label);
            self = permuted.reshaped(&flat)?.view(View::Slice, &list, labels)?;
        }
        Ok(self)
    }

    /// Without the axes of length 1 of indices that are longer elsewhere: they only broadcast.
    fn without_broadcasts(self, equation: &Equation) -> Result<Self, ShapeError> {
        let shape = self.x.shape();
        let kept = |&i: &usize| shape[i] == equation.length(self.labels[i]);
        let axes: SmallVec<[usize; 6]> = (0..shape.len()).filter(kept).collect();
        let labels: Labels = axes.iter().map(|&i| self.labels[i]).collect();
        let lengths: SmallVec<[usize; 6]> = axes.iter().map(|&i| shape[i]).collect();
        Ok(Factor { labels, ..self.reshaped(&lengths)? })
    }

    fn summed(self, over: impl Fn(u8) -> bool) -> Result<Self, ShapeError> {
        let axes = (0..self.labels.len()).filter(|&i| over(self.labels[i])).fold(Axes::NONE, Axes::with);
        if axes.is_empty() {
            return Ok(self);
        }
        let op = Op::Reduce { what: Reduce::Sum, axes, keepdim: false };
        let labels = self.labels.iter().copied().filter(|&l| !over(l)).collect();
        Ok(Factor { x: self.x.tape().try_record(op, &[self.x])?, labels })
    }

    /// The product with `other`, summed over the indices of both that are not `needed` any more.
    fn times(self, other: Self, needed: impl Fn(u8) -> bool) -> Result<Self, ShapeError> {
        let (common, free): (Labels, Labels) =
            self.labels.iter().copied().partition(|l| other.labels.contains(l));
        let (batch, inner): (Labels, Labels) = common.into_iter().partition(|&l| needed(l));
        let is_new = |l: &u8| !self.labels.contains(l);
        let others: Labels = other.labels.iter().copied().filter(is_new).collect();
        let labels: Labels = [&batch[..], &free, &others].concat().into();
        if inner.is_empty() || (free.is_empty() && others.is_empty()) {
            let all = [&labels[..], &inner].concat();
            let (a, b) = (self.spread(&all)?, other.spread(&all)?);
            let x = a.x.tape().try_record(Op::Binary(super::Binary::Mul), &[a.x, b.x])?;
            return Factor { x, labels: all.into() }.summed(|l| inner.contains(&l));
        }
        let order = |middle: &[u8], last: &[u8]| [&batch[..], middle, last].concat();
        // The form that permutes the fewest operands.
        let forms = [
            (Product::NN, order(&free, &inner), order(&inner, &others)),
            (Product::NT, order(&free, &inner), order(&others, &inner)),
            (Product::TN, order(&inner, &free), order(&inner, &others)),
        ];
        let permutes = |(_, a, b): &(_, Vec<u8>, Vec<u8>)| self.moves(a) as u8 + other.moves(b) as u8;
        let (product, order_a, order_b) = forms.into_iter().min_by_key(permutes).expect("three forms");
        let count = |x: &Self, labels: &[u8]| x.lengths(labels).iter().product::<usize>();
        let (lengths, k) = (self.lengths(&batch), count(&self, &inner));
        let (m, n) = (count(&self, &free), count(&other, &others));
        let shape = |a: usize, b: usize| lengths.iter().copied().chain([a, b]).collect::<Shape>();
        let left = if product.transposes_a() { shape(k, m) } else { shape(m, k) };
        let right = if product.transposes_b() { shape(n, k) } else { shape(k, n) };
        let full: SmallVec<[usize; 6]> =
            [lengths.clone(), self.lengths(&free), other.lengths(&others)].concat().into();
        let a = self.ordered(&order_a)?.reshaped(&left)?;
        let b = other.ordered(&order_b)?.reshaped(&right)?;
        let x = a.x.tape().try_record(Op::Matmul(product), &[a.x, b.x])?;
        Factor { x, labels }.reshaped(&full)
    }

    /// In the order of `all`, with axes of length 1 for the indices that it lacks.
    fn spread(self, all: &[u8]) -> Result<Self, ShapeError> {
        let shape = self.lengths(all);
        self.ordered(all)?.reshaped(&shape)
    }
}

/// An index that occurs twice.
fn repeated(labels: &[u8]) -> Option<u8> {
    labels.iter().enumerate().find(|(i, l)| labels[..*i].contains(l)).map(|(_, &l)| l)
}

fn contract<'t, T: Float>(equation: &Equation, operands: &[Var<'t, T>]) -> Result<Var<'t, T>, ShapeError> {
    let mut factors: Vec<Factor<'t, T>> = Vec::with_capacity(operands.len());
    for (&x, labels) in operands.iter().zip(&equation.operands) {
        let factor = Factor { x, labels: labels.clone() };
        factors.push(factor.diagonals()?.without_broadcasts(equation)?);
    }
    let needed = |label: u8, others: &[Factor<'t, T>]| {
        equation.output.contains(&label) || others.iter().any(|x| x.labels.contains(&label))
    };
    for i in 0..factors.len() {
        let (before, from) = factors.split_at(i);
        let alone = |label| !needed(label, before) && !needed(label, &from[1..]);
        factors[i] = from[0].clone().summed(alone)?;
    }
    let mut rest = factors.into_iter();
    let mut result = rest.next().expect("an equation has at least one term");
    while let Some(next) = rest.next() {
        result = result.times(next, |label| needed(label, rest.as_slice()))?;
    }
    Ok(result.ordered(&equation.output)?.x)
}

impl<T: Float> GradientTape<T> {
    /// The sum of products that `equation` says, in the notation of NumPy's `einsum`: for each
    /// operand a letter an axis, and after `->` the letters of the result.
    ///
    /// Letters that the result lacks are summed over. A letter repeated in one operand is its
    /// diagonal. `...` stands for any further axes, which broadcast. Without `->`, the result
    /// has the letters that occur once, in alphabetical order. Lengths of 1 broadcast. Three and
    /// more operands are multiplied from left to right; what is summed over goes as early as it can.
    ///
    /// # Panics
    /// An equation that cannot be read, terms that do not fit the operands' axes, or a letter
    /// with two lengths.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (a, b) = (tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]), tape.var(tensor![1.0, 10.0]));
    /// assert_eq!(tape.einsum("ij,j->i", &[a, b]).value(), tensor![21.0, 43.0]);
    /// assert_eq!(tape.einsum("ii", &[a]).item(), 5.0);
    /// assert_eq!(tape.einsum("i,j", &[b, b]).value(), tensor![[1.0, 10.0], [10.0, 100.0]]);
    /// ```
    #[track_caller]
    pub fn einsum<'t>(&'t self, equation: &str, operands: &[Var<'t, T>]) -> Var<'t, T> {
        Self::fit(self.try_einsum(equation, operands))
    }

    /// [`einsum`](GradientTape::einsum) with an error instead of a panic.
    ///
    /// # Errors
    /// An equation that cannot be read, terms that do not fit the operands' axes, or a letter
    /// with two lengths.
    #[track_caller]
    pub fn try_einsum<'t>(
        &'t self,
        equation: &str,
        operands: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ShapeError> {
        self.own_all(operands);
        let shapes: Vec<Shape> = operands.iter().map(|x| x.shape()).collect();
        let equation = Equation::new(equation, &shapes)?;
        self.located(Location::caller(), || contract(&equation, operands))
    }
}

/// [`GradientTape::einsum`] as a plain computation.
///
/// # Panics
/// As there.
///
/// ```
/// use wengert::{einsum, tensor};
/// let (a, b) = (tensor![[1.0, 2.0], [3.0, 4.0]], tensor![[0.0, 1.0], [1.0, 0.0]]);
/// assert_eq!(einsum("ij,jk->ik", &[&a, &b]), tensor![[2.0, 1.0], [4.0, 3.0]]);
/// ```
#[track_caller]
pub fn einsum<T: Float>(equation: &str, operands: &[&Tensor<T>]) -> Tensor<T> {
    let tape = GradientTape::new();
    let operands: Vec<Var<T>> = operands.iter().map(|&x| tape.constant(x)).collect();
    tape.einsum(equation, &operands).value()
}
