//! What a sweep gives back: gradients by variable and by parameter, the reason where there is
//! none, and gradients that are recorded and differentiated again.

use crate::common::{assert_close, bits, panic_of, uniform};
use wengert::real::Real;
use wengert::{GradientTape, NoGradient, Parameter, Tensor, Var, fused, tensor};

fn cut(op: &'static str, x: Var<'_, f64>) -> Option<NoGradient> {
    Some(NoGradient::Cut { op, at: x.tape().location_of(x.id()) })
}

#[test]
fn gradients_are_read_by_variable_as_tensor_option_or_number() {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(3.0), tape.var(tensor![1.0, 2.0]));
    let grads = (x * w).sum().backward();
    assert_eq!(grads.wrt(w), &tensor![3.0, 3.0]);
    assert_eq!(grads.get(w), Some(&tensor![3.0, 3.0]));
    assert_eq!(grads.why(w), None);
    assert_eq!((grads.item(x), grads.wrt(x)), (3.0, &Tensor::scalar(3.0)));
    assert_eq!(grads.get(x), Some(&Tensor::scalar(3.0)));
}

#[test]
fn a_gradient_has_its_variables_shape_whatever_the_broadcast() {
    let tape = GradientTape::new();
    let shapes: [&[usize]; 5] = [&[], &[1], &[4], &[3, 1], &[1, 3, 4]];
    let vars: Vec<Var<f64>> = shapes.iter().map(|shape| tape.var(Tensor::ones(shape))).collect();
    let sum = vars.iter().skip(1).fold(vars[0], |sum, &x| sum + x);
    let grads = sum.sum().backward();
    for (x, shape) in vars.iter().zip(shapes) {
        let count = 12.0 / shape.iter().product::<usize>() as f64;
        assert_eq!(grads.wrt(*x), &Tensor::full(shape, count));
    }
}

#[test]
fn every_missing_gradient_has_its_reason() {
    let tape = GradientTape::new();
    let (x, unused, beside) = (tape.var(2.0), tape.var(1.0), tape.var(1.0));
    let (data, middle) = (tape.constant(5.0), x * 3.0);
    let _dead_end = beside.exp();
    let target = middle * data;
    let late = tape.var(1.0);
    let later = late * target;
    let grads = target.backward();
    assert_eq!(grads.why(x), None);
    assert_eq!(grads.why(unused), Some(NoGradient::NeverUsed));
    assert_eq!(grads.why(beside), Some(NoGradient::NotOnPath));
    assert_eq!(grads.why(data), Some(NoGradient::Constant));
    assert_eq!(grads.why(late), Some(NoGradient::AfterTarget));
    assert_eq!(grads.why(later), Some(NoGradient::AfterTarget));
    assert_eq!(grads.why(middle), Some(NoGradient::NotKept));
    let foreign = Parameter::new(tensor![1.0]);
    assert_eq!(grads.why(&foreign), Some(NoGradient::NotRecorded));
    for missing in [unused, beside, data, late, later, middle] {
        assert_eq!(grads.get(missing), None);
    }
}

#[test]
fn a_cut_is_named_with_its_line() {
    let tape = GradientTape::new();
    let (a, b, c, d) = (tape.var(2.0), tape.var(2.0), tape.var(2.0), tape.var(tensor![2.0, 3.0]));
    let detached = a.exp().detach();
    let sign = b.sign();
    let paused = tape.paused(|| c * 2.0);
    let masked = d.wins(tape.constant(2.5));
    let grads = (detached + sign + paused + masked.sum()).backward();
    assert_eq!(grads.why(a), cut("detach", detached));
    assert_eq!(grads.why(b), cut("sign", sign));
    assert_eq!(grads.why(c), cut("mul", paused));
    assert_eq!(grads.why(d), cut("wins", masked));
    let NoGradient::Cut { at, .. } = grads.why(a).expect("a reason") else { unreachable!() };
    assert_eq!((at.file(), at.line()), (file!(), line!() - 10));
}

#[test]
fn a_cut_counts_only_on_the_way_to_the_target() {
    let tape = GradientTape::new();
    let x = tape.var(2.0);
    let _cut_elsewhere = x.detach().exp();
    let target = tape.var(1.0).exp();
    assert_eq!(target.backward().why(x), Some(NoGradient::NotOnPath));
    // One path is cut, another is not.
    assert_eq!((x.detach() * x).backward().item(x), 2.0);
}

#[test]
fn reasons_read_as_sentences() {
    let tape = GradientTape::new();
    let x = tape.var(1.0);
    let cut = x.detach();
    let reason = cut.backward().why(x).expect("a reason").to_string();
    assert_eq!(reason, format!("the path to the target is cut by `detach` at {}:{}", file!(), line!() - 2));
    let sentences = [
        (NoGradient::NeverUsed, "no operation uses this variable"),
        (NoGradient::NotOnPath, "the target does not depend on it"),
        (NoGradient::Constant, "it is a constant; record it with `var` or `parameter` to get a gradient"),
        (NoGradient::AfterTarget, "it was recorded after the target"),
        (
            NoGradient::NotKept,
            "it is an intermediate value; name it in `backward_keeping` to keep its adjoint",
        ),
        (NoGradient::NotRecorded, "the parameter was not used in this recording"),
    ];
    for (reason, sentence) in sentences {
        assert_eq!(reason.to_string(), sentence);
    }
}

#[test]
fn parameters_are_read_by_reference_and_may_be_scalars() {
    let tape = GradientTape::new();
    let (w, b) = (Parameter::new(tensor![1.0, 2.0]), Parameter::new(Tensor::scalar(0.5)));
    let (unused, elsewhere) = (Parameter::new(tensor![1.0]), Parameter::new(tensor![1.0]));
    tape.parameter(&elsewhere).exp();
    let grads = (tape.parameter(&w) * tape.parameter(&b)).sum().backward();
    assert_eq!((grads.wrt(&w), grads.parameter(&w)), (&tensor![0.5, 0.5], Some(&tensor![0.5, 0.5])));
    assert_eq!((grads.wrt(&b), grads.get(&b)), (&Tensor::scalar(3.0), Some(&Tensor::scalar(3.0))));
    assert_eq!((grads.parameter(&unused), grads.why(&unused)), (None, Some(NoGradient::NotRecorded)));
    assert_eq!((grads.parameter(&elsewhere), grads.why(&elsewhere)), (None, Some(NoGradient::NotOnPath)));
}

#[test]
fn gradients_of_another_recording_are_refused_with_both_places() {
    let mut tape = GradientTape::new();
    let grads = tape.var(3.0).square().backward();
    let target = line!() - 1;
    tape.reset();
    let x = tape.var(5.0);
    let variable = line!() - 1;
    assert_eq!(x.id().index(), 0, "the id that the gradients know");
    let refused = [
        panic_of(|| _ = grads.wrt(x)),
        panic_of(|| _ = grads.get(x)),
        panic_of(|| _ = grads.why(x)),
        panic_of(|| _ = grads.item(x)),
    ];
    for refused in refused {
        let text = refused.expect("a panic").text;
        for line in [target, variable] {
            assert!(text.contains(&format!("{}:{line}:", file!())), "line {line} is not in: {text}");
        }
    }
    let other = GradientTape::new();
    let same_id = other.var(1.0);
    assert!(panic_of(|| _ = x.square().backward().get(same_id)).is_some());
}

#[test]
fn gradients_outlive_the_reset_and_the_tape() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let mut tape = GradientTape::new();
    let grads = tape.parameter(&w).square().sum().backward();
    tape.reset();
    // Whatever the tape does with its buffers, these are not among them.
    tape.parameter(&w).exp().sum().backward();
    tape.reset();
    tape.var(tensor![7.0, 8.0]).exp().sum().backward();
    assert_eq!(grads.wrt(&w), &tensor![2.0, 4.0]);
    drop(tape);
    assert_eq!(grads.wrt(&w), &tensor![2.0, 4.0]);
}

#[test]
fn kept_adjoints_are_those_of_the_intermediate_values() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![0.5, -1.0]);
    let (h, unrelated) = (x.square(), x.exp());
    let y = (h * h + h).sum();
    let doubled = y * 2.0;
    let grads = doubled.backward_keeping(&[h, y, h, unrelated, doubled, x]);
    assert_eq!(grads.wrt(h), &tensor![2.0 * 1.5, 2.0 * 3.0]);
    assert_eq!((grads.item(y), grads.item(doubled)), (2.0, 1.0));
    assert_eq!(grads.wrt(x), &tensor![3.0, -12.0]);
    assert_eq!(grads.why(unrelated), Some(NoGradient::NeverUsed));
    assert_eq!(bits(grads.wrt(x)), bits(doubled.backward().wrt(x)), "keeping changes nothing else");
}

#[test]
fn one_recording_serves_several_sweeps() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[3], 1));
    let (a, b) = (x.tanh().sum(), (x * x.exp()).sum());
    let (first, of_b, again) = (a.backward(), b.backward(), a.backward());
    assert_eq!(bits(first.wrt(x)), bits(again.wrt(x)));
    assert_ne!(first.wrt(x), of_b.wrt(x));
    let both = (a + b).backward();
    let sum = tape.constant(first.wrt(x)) + tape.constant(of_b.wrt(x));
    assert_close(both.wrt(x), &sum.value(), 1e-15, "gradients add");
}

#[test]
fn a_seed_weighs_the_result_and_is_not_written_to() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let seed = tensor![[1.0, 10.0], [0.0, -1.0]];
    let grads = (x.square() + x).backward_with(&seed);
    assert_eq!(grads.wrt(x), &tensor![[3.0, 50.0], [0.0, -9.0]]);
    assert_eq!(seed, tensor![[1.0, 10.0], [0.0, -1.0]]);
    assert_eq!((x.square().sum() * 3.0).backward_with(&Tensor::scalar(2.0)).wrt(x), &(x * 12.0).value());
    // The seed may be the variable's own value.
    assert_eq!(x.square().backward_with(&x.value()).wrt(x), &(x.square() * 2.0).value());
    assert_eq!(x.value(), tensor![[1.0, 2.0], [3.0, 4.0]]);
}

#[test]
fn a_target_that_is_a_leaf_or_a_constant_has_the_obvious_gradients() {
    let tape = GradientTape::new();
    let (x, c) = (tape.var(2.0), tape.constant(3.0));
    assert_eq!(x.backward().item(x), 1.0);
    assert_eq!((c * 2.0).backward().why(x), Some(NoGradient::NeverUsed));
    assert_eq!(tape.gradient(x, &[x])[0].item(), 1.0);
    assert_eq!(items(&tape.gradient(c * 2.0, &[x, c])), [0.0, 0.0]);
}

fn items(all: &[Var<'_, f64>]) -> Vec<f64> {
    all.iter().map(|x| x.item()).collect()
}

#[test]
fn a_shared_value_gathers_all_its_contributions() {
    let tape = GradientTape::new();
    let x = tape.var(1.5);
    let a = x * 2.0;
    let (b, c) = (a.square(), a.exp());
    let y = b * c + a;
    let expected = 2.0 * ((2.0 * 3.0 + 9.0) * 3f64.exp() + 1.0);
    assert_close(y.backward().wrt(x), &Tensor::scalar(expected), 1e-14, "dy/dx");
}

#[test]
fn gradient_gives_zeros_where_try_gradient_gives_the_reason() {
    let tape = GradientTape::new();
    let (x, unused) = (tape.var(tensor![1.0, 2.0]), tape.var(tensor![[1.0], [2.0]]));
    let detached = x.detach();
    let target = (x.square() * detached).sum();
    let late = tape.var(1.0);
    let sources = [x, unused, detached, late, tape.constant(1.0)];
    let gradients = tape.gradient(target, &sources);
    assert_eq!(gradients[0].value(), tensor![2.0, 8.0]);
    assert_eq!(gradients[1].value(), Tensor::zeros(&[2, 1]));
    assert_eq!(gradients[2].value(), tensor![0.0, 0.0]);
    assert_eq!((gradients[3].item(), gradients[4].item()), (0.0, 0.0));
    let reasons: Vec<Option<NoGradient>> =
        tape.try_gradient(target, &sources).into_iter().map(Result::err).collect();
    let (never, after) = (Some(NoGradient::NeverUsed), Some(NoGradient::AfterTarget));
    let expected = [None, never, cut("detach", detached), after, Some(NoGradient::Constant)];
    assert_eq!(reasons, expected);
}

#[test]
fn sources_may_be_intermediate_repeated_and_depend_on_each_other() {
    let tape = GradientTape::new();
    let x = tape.var(3.0);
    let h = x.square();
    let y = h * x;
    let gradients = tape.gradient(y, &[h, x, h, y]);
    assert_eq!(items(&gradients), [3.0, 27.0, 3.0, 1.0]);
    let only_through = tape.gradient(h.square(), &[h]);
    assert_eq!(only_through[0].item(), 18.0);
}

#[test]
fn a_recorded_gradient_is_a_value_like_any_other() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![0.5, -0.5, 1.0]);
    let slope = tape.gradient(x.powi(3).sum(), &[x])[0];
    let loss = (slope * x).sum();
    // 3x³, so 9x².
    assert_close(loss.backward().wrt(x), &tensor![2.25, 2.25, 9.0], 1e-14, "numbers");
    assert_close(&tape.gradient(loss, &[x])[0].value(), &tensor![2.25, 2.25, 9.0], 1e-14, "recorded");
}

#[test]
fn a_hessian_is_symmetric() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[4], 2));
    let w = tape.constant(uniform(&[4, 4], 3));
    let y = w.matmul(x).tanh().softmax(0).matmul(x.exp()) + x.logsumexp() * x.square().mean();
    let gradient = tape.gradient(y, &[x])[0];
    let row = |i: usize| gradient.slice(&[(i as isize..i as isize + 1).into()]).sum();
    let rows: Vec<Var<f64>> = (0..4).map(|i| tape.gradient(row(i), &[x])[0].reshape(&[1, 4])).collect();
    let hessian = tape.concat(&rows, 0);
    assert_close(&hessian.value(), &hessian.transpose(0, 1).value(), 1e-14, "the Hessian and its transpose");
    assert!(hessian.abs().max().item() > 0.1, "and not because it is zero");
}

/// Trains on loss + |∂loss/∂w|², which needs the gradient of a gradient in every step.
#[test]
fn a_gradient_penalty_trains() {
    let (x, y) = (uniform(&[16, 3], 4), uniform(&[16, 1], 5));
    let mut w = Parameter::new(uniform(&[3, 1], 6));
    let mut tape = GradientTape::new();
    let mut history = Vec::new();
    for _ in 0..40 {
        let leaf = tape.parameter(&w);
        let loss = (tape.constant(&x).matmul(leaf).tanh() - tape.constant(&y)).square().mean();
        let slope = tape.gradient(loss, &[leaf])[0];
        let total = loss + slope.square().sum();
        history.push(total.item());
        let grads = total.backward();
        tape.reset();
        let w_bar = grads.wrt(&w).clone();
        let elements = w.get_mut().expect("the tape has let go");
        elements.iter_mut().zip(w_bar.as_slice()).for_each(|(w, g)| *w -= 0.5 * g);
    }
    let (first, last) = (history[0], history[39]);
    assert!(last < 0.8 * first, "from {first} to {last}");
    assert!(history.windows(2).all(|pair| pair[1] <= pair[0]), "downhill in every step: {history:?}");
}

#[test]
fn a_gradient_that_is_zero_has_a_reason_too() {
    let tape = GradientTape::new();
    let (x, w, unused) = (tape.var(tensor![-1.0, -2.0]), tape.var(tensor![3.0, 4.0]), tape.var(0.0));
    let product = x * w;
    let dead = product.relu();
    let loss = (dead * 2.0).sum() + unused * 0.0;
    let grads = loss.backward();
    let zeros = NoGradient::Zeros { op: "relu", at: tape.location_of(dead.id()) };
    assert_eq!((grads.why(x), grads.why(w)), (Some(zeros.clone()), Some(zeros.clone())));
    assert!(matches!(grads.why(unused), Some(NoGradient::Zeros { op: "mul", .. })));
    assert!(zeros.to_string().starts_with("it is zero: the rule of `relu` at "), "{zeros}");
    let grads = (product - product).sum().backward();
    assert_eq!((grads.wrt(x), grads.why(x)), (&tensor![0.0, 0.0], Some(NoGradient::Cancels)));
    let grads = (product - x).sum().backward();
    assert_eq!(grads.why(x), None);
}

#[test]
fn several_targets_with_seeds_are_swept_at_once() {
    let tape = GradientTape::new();
    let (x, y) = (tape.var(tensor![1.0, 2.0]), tape.var(3.0));
    let (a, b) = (x * y, y.square());
    // b is on the way to c as well, and a target twice.
    let c = b * 2.0;
    let seeds = [tensor![1.0, 10.0], Tensor::scalar(1.0), Tensor::scalar(2.0), Tensor::scalar(-1.0)];
    let targets = [a, b, c, b];
    let grads = tape.backward(&targets, &seeds);
    let by_y = 21.0 + 6.0 + 2.0 * 12.0 - 6.0;
    assert_eq!((grads.wrt(x), grads.item(y)), (&tensor![3.0, 30.0], by_y));
    let vars: Vec<Var<f64>> = seeds.iter().map(|seed| tape.constant(seed)).collect();
    let recorded = tape.vjp(&targets, &vars, &[x, y]);
    assert_eq!((recorded[0].value(), recorded[1].item()), (tensor![3.0, 30.0], by_y));
    // Through the seeds, too: d/ds of sum(s·x·y) is x·y.
    let seed = tape.var(tensor![1.0, 1.0]);
    let product = tape.vjp(&[a], &[seed], &[y])[0];
    assert_eq!(tape.gradient(product, &[seed])[0].value(), tensor![1.0, 2.0]);
    let unused = tape.var(1.0);
    let found = tape.try_vjp(&[a, b], &vars[..2], &[unused, x]);
    assert_eq!(found[0].as_ref().err(), Some(&NoGradient::AfterTarget));
    assert!(found[1].is_ok());
    assert_eq!(tape.backward(&[], &[]).get(x), None);
}

#[test]
fn seeds_that_do_not_fit_are_refused() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![1.0, 2.0]);
    let text = |f: &dyn Fn()| panic_of(f).unwrap().text;
    assert_eq!(
        text(&|| _ = tape.backward(&[x], &[])),
        "backward: 1 targets, but 0 seeds: there must be one each"
    );
    assert_eq!(
        text(&|| _ = tape.vjp(&[x], &[tape.constant(1.0)], &[x])),
        "vjp: the seed has shape [], the value [2]; they must be equal"
    );
    assert_eq!(
        text(&|| _ = tape.batch_jacobian(x, tape.var(tensor![1.0]))),
        "batch_jacobian: the batch has 2 elements in target [2], 1 in source [1]"
    );
}

#[test]
fn jacobians_are_recorded_and_can_be_differentiated() {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(uniform(&[3], 1)), tape.var(uniform(&[2, 3], 2)));
    let y = w.matmul(x).square();
    let by_w = tape.jacobian(y, w);
    assert_eq!(by_w.shape()[..], [2, 2, 3]);
    // ∂yᵢ/∂x = 2·(w·x)ᵢ·wᵢ, and its sum's derivative by x is Σᵢ 2·wᵢ·Σⱼwᵢⱼ.
    let by_x = tape.jacobian(y, x);
    let expected = w.value() * w.matmul(x).value().reshape(&[2, 1]).unwrap() * 2.0;
    assert_close(&by_x.value(), &expected, 1e-15, "Jacobian");
    let again = tape.gradient(by_x.sum(), &[x])[0].value();
    let expected = (w.value() * w.value().sum_axes(&[1], true) * 2.0).sum_axes(&[0], false);
    assert_close(&again, &expected, 1e-14, "its derivative");

    let batch = tape.var(uniform(&[4, 3], 3));
    let rows = batch.matmul(w.transpose(0, 1)).tanh();
    let each = tape.batch_jacobian(rows, batch).value();
    let all = tape.jacobian(rows, batch).value();
    for (b, i, j) in (0..4).flat_map(|b| (0..2).flat_map(move |i| (0..3).map(move |j| (b, i, j)))) {
        assert_eq!(each.get(&[b, i, j]), all.get(&[b, i, b, j]));
    }
    assert_eq!(tape.jacobian(x.slice(&[(0..0).into()]), w).shape()[..], [0, 2, 3]);
    assert_eq!(tape.jacobian(tape.constant(1.0), x).value(), tensor![0.0, 0.0, 0.0]);
}

#[test]
fn a_mean_of_nothing_leaves_second_derivatives_of_others_alone() {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(Tensor::zeros(&[0, 2])), tape.var(tensor![1.0, 2.0]));
    let y = (w * (x - x.mean_axes(&[0], true)).square()).sum();
    let first = tape.gradient(y, &[x, w]);
    let second = tape.gradient(first[0].sum() + first[1].sum(), &[w])[0];
    assert_eq!(second.value(), tensor![0.0, 0.0]);
}

/// Not even in the second derivative, where ln x is infinitely steep.
#[test]
fn what_a_maximum_does_not_choose_has_no_say() {
    let tape = GradientTape::new();
    let x = tape.var(0.0);
    for y in [x.ln().maximum(x * x), -(-x.ln()).minimum(-x * x)] {
        let first = tape.gradient(y, &[x])[0];
        assert_eq!((first.item(), first.backward().item(x)), (0.0, 2.0));
    }
}

/// What a sum or mean of all hands back is one number as long as that serves; here it meets
/// operations that take it so and others that do not, a second contribution, and a kept value.
#[test]
fn one_number_for_all_elements_is_as_good_as_all_of_them() {
    let tape = GradientTape::<f64>::new();
    let (a, b) = (tape.var(tensor![[1.0, -2.0], [3.0, 0.5]]), tape.var(tensor![2.0, -1.0]));
    let product = a * b;
    let programs: [Var<f64>; 6] = [
        product,
        product.square() + a,
        (a - b).tanh(),
        a.matmul(a),
        a.softmax(-1),
        fused!(|a, b| a * b.exp()).of([a, b]),
    ];
    for y in programs {
        let ones = Tensor::ones(&y.shape());
        let all = y.backward_with(&ones);
        for (target, factor) in
            [(y.sum(), 1.0), (y.mean(), 0.25), (y.sum() + y.sum_axes(&[0], false).sum(), 2.0)]
        {
            let grads = target.backward_keeping(&[y]);
            assert_eq!(grads.wrt(y), &(&ones * factor), "{target:?}");
            assert_eq!(grads.wrt(a), &(all.wrt(a) * factor), "{target:?}");
            assert_eq!(grads.get(b), all.get(b).map(|g| g * factor).as_ref(), "{target:?}");
        }
    }
    assert_eq!(a.sum().backward().wrt(a), &Tensor::ones(&[2, 2]));
}

#[test]
fn gradients_of_several_recordings_add_up_by_parameter() {
    let [a, b, c, scalar, lone] =
        [tensor![1.0, 2.0], tensor![3.0], tensor![4.0], Tensor::scalar(5.0), Tensor::scalar(6.0)]
            .map(Parameter::<f64>::new);
    let tapes = [GradientTape::new(), GradientTape::new(), GradientTape::new()];
    // `c` and `lone` are of the second recording alone; `b` of the first.
    let x = tapes[0].var(tensor![7.0]);
    let first = tapes[0].parameter(&a).square().sum()
        + tapes[0].parameter(&b).sum()
        + tapes[0].parameter(&scalar).square()
        + x.square().sum();
    let of_second = |tape: &GradientTape<f64>| {
        let [a, c, scalar, lone] = [&a, &c, &scalar, &lone].map(|p| tape.parameter(p));
        (a.sum() + c.square().sum() + scalar * 3.0 + lone * 2.0).backward()
    };
    let mut grads = first.backward();
    let kept = grads.wrt(&a).clone();
    assert_eq!(grads.wrt(&scalar).item(), 10.0);
    grads.accumulate(&of_second(&tapes[1]));
    grads.accumulate(&of_second(&tapes[2]));
    assert_eq!(grads.wrt(&a), &tensor![4.0, 6.0]);
    assert_eq!(grads.wrt(&b), &tensor![1.0]);
    assert_eq!(grads.wrt(&c), &tensor![16.0]);
    assert_eq!((grads.wrt(&scalar).item(), grads.wrt(&lone).item()), (16.0, 4.0));
    assert_eq!(grads.wrt(x), &tensor![14.0], "variables keep their own");
    assert_eq!(kept, tensor![2.0, 4.0], "a buffer that is held elsewhere keeps its numbers");

    // And on: sums of sums.
    let mut sum = tapes[1].parameter(&b).sum().backward();
    sum.accumulate(&grads);
    assert_eq!((sum.wrt(&c), sum.wrt(&b)), (&tensor![16.0], &tensor![2.0]));
}
