//! Operations of one's own: used, differentiated to any order, and refused where they are wrong.

use crate::common::panic_of;
use std::sync::{Arc, Mutex};
use wengert::{CustomOp, GradientTape, Shape, ShapeError, Tensor, Var, gradcheck, tensor};

/// a·b + a, of two inputs that broadcast.
struct Affine;

impl CustomOp<f64> for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }
    fn forward(&self, x: &[&Tensor<f64>]) -> Tensor<f64> {
        x[0] * x[1] + x[0]
    }
    fn vjp<'v>(
        &self,
        x: &[Var<'v, f64>],
        _y: Var<'v, f64>,
        y_bar: Var<'v, f64>,
    ) -> Vec<Option<Var<'v, f64>>> {
        vec![Some(y_bar * (x[1] + 1.0)), Some(y_bar * x[0])]
    }
    fn shape(&self, inputs: &[&Shape]) -> Result<Option<Shape>, ShapeError> {
        Shape::broadcast("affine", inputs[0], inputs[1]).map(Some)
    }
    fn describe(&self) -> Option<String> {
        Some("(a·b + a)".into())
    }
}

fn affine<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    v[0].tape().custom(Affine, &[v[0], v[1]])
}

#[test]
fn a_custom_operation_is_right_to_second_order_and_undoes_broadcasting() {
    let a = tensor![[0.3, -1.2], [0.7, 0.1]];
    gradcheck(|v| affine(v).tanh(), &[a.clone(), tensor![0.5, -0.4]]).unwrap();
    gradcheck(|v| affine(v).square(), &[tensor!(0.3), a]).unwrap();
}

#[test]
fn forward_mode_transposes_the_rule() {
    let tape = GradientTape::new();
    let (a, b) = (tape.var(tensor![[0.3, -1.2], [0.7, 0.1]]), tape.var(tensor![0.5, -0.4]));
    let (custom, plain) = (affine(&[a, b]), a * b + a);
    let along = [tensor![[1.0, 2.0], [-3.0, 0.5]], tensor![-1.0, 4.0]];
    let moved = tape.jvp(&[custom, plain], &[a, b], &along);
    assert_eq!(moved[0], moved[1]);
}

#[test]
fn the_tape_prints_its_name_and_its_words() {
    let tape = GradientTape::new();
    let x = tape.var(1.0);
    let y = affine(&[x, tape.var(2.0)]);
    assert!(tape.to_string().contains("%2 = affine %0, %1, (a·b + a)   f64 = 3"), "{tape}");
    let flat = tape.paused(|| affine(&[x, y]));
    let reason = flat.backward().why(x).unwrap().to_string();
    assert!(reason.contains("cut by `affine` at"), "{reason}");
}

#[test]
fn shapes_are_refused_before_anything_is_computed() {
    let text = panic_of(|| {
        let tape = GradientTape::new();
        affine(&[tape.var(tensor![1.0, 2.0]), tape.var(tensor![1.0, 2.0, 3.0])]);
    });
    let text = text.unwrap().text;
    assert!(text.starts_with("affine: shapes [2] and [3] do not broadcast"), "{text}");
    let tape = GradientTape::<f64>::new();
    let error = tape.try_custom(Affine, &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "affine: expected at least one input, got none; a value without inputs is a `constant`"
    );
}

#[test]
fn a_rule_of_the_wrong_form_is_named() {
    type Rule = for<'v> fn(&[Var<'v, f64>], Var<'v, f64>, Var<'v, f64>) -> Vec<Option<Var<'v, f64>>>;
    let sweep = |vjp: Rule| {
        let panicked = panic_of(|| {
            let tape = GradientTape::new();
            let x = tape.var(tensor![1.0, 2.0]);
            let y = tape.custom_gradient(&[x], |x| x[0].sum(), vjp);
            y.backward();
        });
        panicked.unwrap().text
    };
    assert_eq!(
        sweep(|_, _, y_bar| vec![Some(y_bar), None]),
        "custom_gradient: its vjp gave 2 contributions for 1 inputs: one each, None where nothing flows"
    );
    assert_eq!(
        sweep(|_, _, y_bar| vec![Some(y_bar)]),
        "custom_gradient: its vjp gave a contribution of shape [] to input 0, which has shape [2]"
    );
}

#[test]
fn gradients_are_scaled_clipped_and_shown_on_their_way_back() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![3.0, -0.1, -4.0]);
    let grads = x.clip_gradient(-1.0, 2.0).square().sum().backward();
    assert_eq!(grads.wrt(x), &tensor![2.0, -0.2, -1.0]);
    // Reversed, also to second order: d/dx of -2x·(-1).
    let y = tape.var(5.0);
    let slope = tape.gradient(y.map_gradient(|g| -g).square(), &[y])[0];
    assert_eq!((slope.item(), tape.gradient(slope, &[y])[0].item()), (-10.0, 2.0));
}

#[test]
fn straight_through_keeps_the_value_of_the_function_exactly() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![0.1, -1e-17]);
    let y = x.straight_through(|x| x.sign());
    assert_eq!(y.value(), tensor![1.0, -1.0]);
    assert_eq!((y * 3.0).sum().backward().wrt(x), &tensor![3.0, 3.0]);
}

#[test]
fn a_hook_sees_each_adjoint_that_flows_back_and_nothing_else() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let tape = GradientTape::<f64>::new();
    let x = tape.var(3.0);
    let y = x.on_gradient(move |g| log.lock().unwrap().push(g.item())).square();
    assert_eq!((y.backward().item(x), tape.gradient(y, &[x])[0].item()), (6.0, 6.0));
    assert_eq!(tape.jvp(&[y], &[x], &[Tensor::scalar(1.0)])[0].item(), 6.0);
    assert_eq!(*seen.lock().unwrap(), [6.0, 6.0], "once a sweep, and not in forward mode");
}
