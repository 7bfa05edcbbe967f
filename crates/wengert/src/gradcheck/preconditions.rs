//! What must hold before derivatives can be compared: finite numbers, and the same ones each time.

use super::GradCheckError;
use super::error::Operation;
use super::function::{Function, Order};
use super::line::wide;
use super::report::Entry;
use crate::element::Float;
use crate::tape::NodeId;
use crate::tensor::Tensor;
use crate::var::Var;

fn not_finite<T: Float>(x: &Tensor<T>) -> Option<(Vec<usize>, f64)> {
    let place = x.as_slice().iter().position(|x| !x.is_finite())?;
    Some((x.shape().index_of(place), wide(&x.as_slice()[place])))
}

/// An error that names the operation that the number came from.
pub(super) fn must_be_finite<T: Float>(y: Var<'_, T>) -> Result<(), GradCheckError> {
    let Some((index, value)) = not_finite(&y.value()) else { return Ok(()) };
    let tape = y.tape();
    tape.fill_all();
    // From operand to operand as long as it is of the same kind: masks may well be infinite.
    let alike = |x: &T| if value.is_nan() { x.is_nan() } else { x.is_infinite() };
    let mut id = y.id().0;
    let from = |id: u32| {
        let arena = tape.arena.borrow();
        let inputs = arena.inputs(&arena.nodes[id as usize]).iter().copied();
        inputs.into_iter().find(|&input| arena.value(input).as_slice().iter().any(alike))
    };
    while let Some(earlier) = from(id) {
        id = earlier;
    }
    let origin = Some(Box::new(Operation::at(tape, id as usize, 0)));
    Err(GradCheckError::NotFinite { index, value, origin })
}

/// An error that names the first operation, on the way back, that passes on such a number.
pub(super) fn must_have_finite_gradients<T: Float>(at: &Order<'_, T>) -> Result<(), GradCheckError> {
    let found = at.gradients.iter().enumerate().find_map(|(input, g)| Some((input, not_finite(g)?)));
    let Some((input, (index, value))) = found else { return Ok(()) };
    let roots: Vec<NodeId> = at.targets.iter().map(|y| y.id()).collect();
    let mut first = None;
    at.tape.observe(&roots, at.last_seeds(), |edge| {
        if first.is_none() && not_finite(edge.contribution).is_some() {
            first = Some(edge.node.index());
        }
    });
    let origin = first.map(|id| Box::new(Operation::at(at.tape, id, at.order_of(id))));
    Err(GradCheckError::NotFiniteGradient {
        order: at.number(),
        entry: Entry::Of { input, index },
        value,
        origin,
    })
}

/// Values and gradients must have the same bits when they are computed again.
pub(super) fn must_repeat<T: Float>(
    function: &Function<'_, T>,
    at: &Order<'_, T>,
) -> Result<(), GradCheckError> {
    let shape = at.seeds[0][0].shape();
    let must_equal = |order: usize, first: &[Tensor<f64>]| {
        let second = function.values(function.inputs, &at.seeds[..order], shape)?;
        for (input, (a, b)) in first.iter().zip(&second).enumerate() {
            for (i, (&first, second)) in a.as_slice().iter().zip(b.as_slice()).enumerate() {
                let second = wide(second);
                if first.to_bits() != second.to_bits() {
                    let index = a.shape().index_of(i);
                    return Err(GradCheckError::NotDeterministic { order, input, index, first, second });
                }
            }
        }
        Ok(())
    };
    if at.number() == 1 {
        must_equal(0, &[at.targets[0].value().cast()])?;
    }
    must_equal(at.number(), &at.gradients)
}
