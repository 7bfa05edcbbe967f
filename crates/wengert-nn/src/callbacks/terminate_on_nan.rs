//! An end of training where a number stopped to be finite, before it spoils the weights.

use super::{Backward, Callback, CallbackError, Context};
use crate::module::Path;
use wengert::Float;

/// Ends the training at the first loss or gradient that is not finite, with an error that names the
/// operation that made it and its line. The optimizer's step is not made: the weights are those of
/// the last good step.
///
/// It costs a pass over the gradients a step; to find the operation is another sweep, once.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNan;

impl TerminateOnNan {
    /// The callback.
    pub fn new() -> TerminateOnNan {
        TerminateOnNan
    }
}

impl<T: Float> Callback<T> for TerminateOnNan {
    fn on_backward(
        &mut self,
        backward: &Backward<'_, T>,
        context: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        let mut what = (!backward.loss.is_finite()).then(|| format!("the loss is {}", backward.loss));
        context.model.visit(&Path::root(), &mut |path, parameter| {
            let Some(gradient) = backward.gradients.parameter(parameter).filter(|_| what.is_none()) else {
                return;
            };
            if let Some(x) = gradient.as_slice().iter().find(|x| !x.is_finite()) {
                what = Some(format!("the gradient of `{path}` has {x:?}"));
            }
        });
        let Some(what) = what else { return Ok(()) };
        let node = match backward.recorded {
            Some(loss) => loss.tape().find_not_finite(loss),
            None => Some("train without data_parallel to see which operation made it".into()),
        };
        Err(node.map_or(what.clone(), |node| format!("{what}: {node}")).into())
    }
}
