//! The tape itself: what it prints, where it says things were recorded, scopes, parameters, reset,
//! and that its length costs memory alone.

use crate::common::{panic_of, uniform};
use std::panic::Location;
use wengert::{GradientTape, Gradients, NodeId, Parameter, Span, Tensor, Var, tensor};

/// The printed tape, with lines of this file counted from `start`.
fn printed<T: wengert::Float>(tape: &GradientTape<T>, start: u32) -> String {
    let relative = |line: &str| {
        let (row, number) = line.rsplit_once(':').expect("a row ends with file and line");
        let number: u32 = number.parse().expect("a number of a line");
        format!("{row}:+{}\n", number - start)
    };
    tape.to_string().lines().map(relative).collect()
}

fn line_of<T: wengert::Float>(x: Var<'_, T>) -> u32 {
    let location = x.tape().location_of(x.id());
    assert_eq!(location.file(), file!());
    location.line()
}

#[test]
fn a_scalar_program_prints_as_wengerts_list() {
    let (tape, start) = (GradientTape::new(), line!());
    let t = tape.var(2.0);
    let position = 4.9 * t * t;
    let velocity = tape.gradient(position, &[t])[0];
    assert_eq!(velocity.item(), 19.6);
    let expected = "\
%0 = var          f64 = 2.0    tape.rs:+1
%1 = mul %0, 4.9  f64 = 9.8    tape.rs:+2
%2 = mul %1, %0   f64 = 19.6   tape.rs:+2
%3 = constant     f64 = 1.0    tape.rs:+3
%4 = mul0 %3, %0  f64 = 2.0    tape.rs:+2
%5 = mul0 %3, %1  f64 = 9.8    tape.rs:+2
%6 = mul %4, 4.9  f64 = 9.8    tape.rs:+2
%7 = add %5, %6   f64 = 19.6   tape.rs:+2
";
    assert_eq!(printed(&tape, start), expected.replace("  f64", "   f64"));
}

#[test]
fn a_network_prints_with_shapes_and_scopes() {
    let weight = Parameter::new(Tensor::<f32>::full(&[3, 2], 0.5));
    let bias = Parameter::new(Tensor::<f32>::zeros(&[3]));
    let (tape, start) = (GradientTape::new(), line!());
    let x = tape.constant(Tensor::<f32>::ones(&[4, 2]));
    let hidden = {
        let _hidden = tape.scope("hidden");
        let sum = x.linear(tape.parameter(&weight), tape.parameter(&bias));
        let _relu = tape.scope("relu");
        sum.relu()
    };
    let loss = hidden.cross_entropy(&tensor![0, 1, 2, 0]);
    assert_eq!(loss.item(), 3f32.ln());
    let expected = "\
%0 = constant            f32[4, 2]                       tape.rs:+1
%1 = parameter           f32[3, 2]         hidden        tape.rs:+4
%2 = parameter           f32[3]            hidden        tape.rs:+4
%3 = linear %0, %1, %2   f32[4, 3]         hidden        tape.rs:+4
%4 = relu %3             f32[4, 3]         hidden/relu   tape.rs:+6
%5 = cross_entropy %4    f32[4]                          tape.rs:+8
%6 = mean %5             f32 = 1.0986123                 tape.rs:+8
";
    assert_eq!(printed(&tape, start), expected);
}

/// `%2 = ..` of a row.
fn expression<T: wengert::Float>(x: Var<'_, T>) -> String {
    let text = x.tape().to_string();
    let row = text.lines().nth(x.id().index()).expect("a row for each node");
    row.split("   ").next().unwrap_or_default().to_string()
}

#[test]
fn numbers_and_attributes_print_where_they_belong() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[2, 3, 4], 1));
    let after = |y: Var<f64>| expression(y).split_once(" = ").expect("an id first").1.to_string();
    assert_eq!(after(x - 0.5), "sub %0, 0.5");
    assert_eq!(after(0.5 - x), "sub 0.5, %0");
    assert_eq!(after(x / 2.0), "div %0, 2");
    assert_eq!(after(2.0 / x), "div 2, %0");
    assert_eq!(after(x.powi(-3)), "powi %0, -3");
    assert_eq!(after(x.recip()), "div 1, %0");
    assert_eq!(after(x.leaky_relu(0.01)), "leaky_relu %0, 0.01");
    assert_eq!(after(x.polygamma(2)), "polygamma %0, 2");
    assert_eq!(after(x.clamp(-0.5, f64::INFINITY)), "clamp %0, -0.5, inf");
    assert_eq!(
        after(x.where_(&Tensor::scalar(true), x * 2.0)),
        format!("where %{}, %0, %{}", tape.len() - 2, tape.len() - 3)
    );
    assert_eq!(after(x.sum()), "sum %0");
    assert_eq!(after(x.sum_axes(&[0, -1], false)), "sum %0, axes=[0, 2]");
    assert_eq!(after(x.softmax(1)), "softmax %0, axes=[1]");
    assert_eq!(after(x.permute(&[2, 0, 1])), "permute %0, axes=[2, 0, 1]");
    assert_eq!(after(tape.concat(&[x, x], -1)), "concat %0, %0, axis=2");
    assert_eq!(
        after(x.slice(&[Span::from(..), (1..).into(), (.., 3).into()])),
        "slice %0, [0..2, 1..3, 0..6 step 3]"
    );
    assert_eq!(after(x.slice(&[Span::from((.., -1))])), "slice %0, [1..=0 step -1, 0..3, 0..4]");
    assert_eq!(after(x.max_axes(&[1], true)), "max %0, axes=[1], keepdim");
    assert_eq!(after(x.matmul_nt(x)), "matmul %0, %0ᵀ");
    assert_eq!(after(x.detach()), "detach %0");
    assert_eq!(after(tape.var(1.0).sum()), format!("sum %{}", tape.len() - 2));
}

#[test]
fn a_node_is_where_the_caller_wrote_it() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(tensor![1.0, 2.0]);
    assert_eq!(line_of(x), line!() - 1);
    let c = tape.constant(2.0);
    assert_eq!(line_of(c), line!() - 1);
    let p = tape.parameter(&Parameter::new(tensor![0.5, 0.5]));
    assert_eq!(line_of(p), line!() - 1);
    let (mut y, line) = (x, line!() + 1);
    y += c;
    assert_eq!(line_of(y), line);
    y *= 2.0;
    assert_eq!(line_of(y), line + 2);
}

/// `tape.rs:41` for a line of this file.
fn places<T: wengert::Float>(tape: &GradientTape<T>, from: usize) -> Vec<u32> {
    let rows = tape.to_string();
    let place = |row: &str| {
        let line = row.rsplit_once(" tape.rs:").unwrap_or_else(|| panic!("not a line of this file: {row}")).1;
        line.parse().expect("the number of a line")
    };
    rows.lines().skip(from).map(place).collect()
}

#[test]
fn every_method_records_at_its_callers_line() {
    let tape = GradientTape::<f64>::new();
    let (x, c) = (tape.var(tensor![1.0, 2.0]), tape.constant(2.0));
    let (w, b) = (tape.var(Tensor::ones(&[3, 2])), tape.var(Tensor::ones(&[3])));
    let labels = Tensor::scalar(1);
    let (from, first) = (tape.len(), line!());
    let _ = (x + c, x - c, x * c, x / c, -x);
    let _ = (x + 1.0, x - 1.0, x * 2.0, x / 2.0, 1.0 + x, 1.0 - x, 2.0 * x, 2.0 / x);
    let _ = (x.exp(), x.ln(), x.sqrt(), x.tanh(), x.sigmoid(), x.relu(), x.square(), x.abs(), x.sign());
    let _ = (x.powi(2), x.powf(2.0), x.pow(c), x.maximum(c), x.detach());
    let _ = (x.recip(), x.fract(), x.leaky_relu(0.1), x.elu(1.0), x.clamp(0.0, 1.0), x.polygamma(1));
    let _ = (x.minimum(c), x.atan2(c), x.hypot(c), x.where_(&tensor![true, false], c));
    let _ = (x.sum(), x.mean(), x.max(), x.logsumexp());
    let _ = (x.sum_axes(&[0], true), x.mean_axes(&[0], true));
    let _ = (x.max_axes(&[0], true), x.logsumexp_axes(&[0], true));
    let _ = (x.reshape(&[2, 1]), x.try_reshape(&[2, 1]), x.broadcast_to(&[3, 2]));
    let _ = (x.permute(&[0]), x.transpose(0, -1), x.slice(&[(..).into()]));
    let _ = (tape.concat(&[x, x], 0), tape.try_concat(&[x, x], 0));
    let _ = (x.softmax(0), x.log_softmax(0));
    let _ = (x.matmul(x), x.try_matmul(x), x.matmul_nt(w), x.linear(w, b));
    let _ = (x.cross_entropy(&labels), x.cross_entropy_rows(&labels), x.try_cross_entropy_rows(&labels));
    let places = places(&tape, from);
    // fract, where_ and cross_entropy are two nodes.
    assert_eq!(places.len(), 65);
    assert!(places.is_sorted() && places[0] == first + 1 && places[64] == line!() - 4, "{places:?}");
}

#[test]
fn what_a_recorded_sweep_adds_stands_at_the_differentiated_line() {
    let tape = GradientTape::new();
    let (x, unused) = (tape.var(2.0), tape.var(tensor![1.0]));
    let y = x.square();
    let line = line!() - 1;
    let gradients = tape.gradient(y, &[x, unused]);
    let called = line!() - 1;
    assert_eq!(line_of(gradients[0]), line);
    assert_eq!(line_of(gradients[1]), called, "the zeros of a source that nothing leads to");
    assert_eq!(places(&tape, 0).len(), tape.len());
}

#[test]
fn a_layer_passes_its_callers_line_on() {
    #[track_caller]
    fn layer(x: Var<'_, f64>) -> Var<'_, f64> {
        x.tape().located(Location::caller(), || inner(x.square()))
    }
    #[track_caller]
    fn inner(x: Var<'_, f64>) -> Var<'_, f64> {
        x.tape().located(Location::caller(), || x.exp())
    }
    let tape = GradientTape::new();
    let x = tape.var(0.5);
    let y = layer(x);
    let called = line!() - 1;
    assert_eq!(line_of(y), called, "the outermost place holds");
    let z = x.exp();
    assert_eq!(line_of(z), line!() - 1, "and only inside");
}

#[test]
fn a_gradient_inside_a_layer_leaves_the_layers_line_in_place() {
    let tape = GradientTape::new();
    let x = tape.var(0.5);
    let here = Location::caller();
    let penalty = tape.located(here, || tape.gradient(x.square(), &[x])[0].square());
    assert_eq!(line_of(penalty), here.line());
}

#[test]
fn scopes_nest_close_and_come_again() {
    let tape = GradientTape::new();
    let x = tape.var(1.0);
    let outer = tape.scope("model");
    let a = x.exp();
    let inner = tape.scope("layer 1");
    let b = a.exp();
    drop(inner);
    let c = b.exp();
    let again = tape.scope("layer 1");
    let empty = tape.scope("nothing is recorded here");
    drop(empty);
    let d = c.exp();
    drop(again);
    drop(outer);
    let e = d.exp();
    let names: Vec<String> = [x, a, b, c, d, e].iter().map(|v| tape.scope_of(v.id())).collect();
    assert_eq!(names, ["", "model", "model/layer 1", "model", "model/layer 1", ""]);
}

#[test]
fn a_scope_ends_with_a_panic_inside_it_and_with_the_recording() {
    let mut tape = GradientTape::<f64>::new();
    assert!(
        panic_of(|| {
            let _scope = tape.scope("broken");
            tape.var(tensor![1.0]).reshape(&[2]);
        })
        .is_some()
    );
    assert_eq!(tape.scope_of(tape.var(1.0).id()), "");
    std::mem::forget(tape.scope("never closed"));
    tape.reset();
    assert_eq!(tape.scope_of(tape.var(1.0).id()), "");
}

#[test]
fn paused_operations_are_constants_and_the_pause_ends() {
    let tape = GradientTape::new();
    let x = tape.var(3.0);
    let frozen = tape.paused(|| tape.paused(|| x * 2.0) + x);
    assert_eq!(frozen.item(), 9.0);
    let y = frozen * x;
    assert_eq!(y.backward().item(x), 9.0, "only the path outside of the pause counts");
    assert!(panic_of(|| tape.paused(|| panic!("inside"))).is_some());
    assert_eq!((x * x).backward().item(x), 6.0, "a panic ends the pause too");
}

#[test]
fn a_pause_holds_for_every_kind_of_operation() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let kinds: [for<'t> fn(Var<'t, f64>) -> Var<'t, f64>; 8] = [
        |x| x.exp(),
        |x| x * 2.0,
        |x| x * x,
        |x| x.sum_axes(&[0], true),
        |x| x.transpose(0, 1),
        |x| x.matmul(x),
        |x| x.softmax(0),
        |x| x.tape().concat(&[x, x, x], 0).slice(&[(..2).into()]),
    ];
    for kind in kinds {
        let frozen = tape.paused(|| kind(x));
        let grads = (frozen * x).sum().backward();
        assert_eq!(grads.wrt(x), &frozen.broadcast_to(&[2, 2]).value(), "{}", expression(frozen));
    }
}

#[test]
fn detach_shares_the_value_and_cuts_the_history() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![1.0, 2.0]);
    let y = x * 3.0;
    let cut = y.detach();
    assert_eq!(cut.value().as_slice().as_ptr(), y.value().as_slice().as_ptr());
    let grads = (cut * x).sum().backward();
    assert_eq!(grads.wrt(x), &tensor![3.0, 6.0]);
}

#[test]
fn a_parameter_is_recorded_without_a_copy_and_once() {
    let mut tape = GradientTape::new();
    let w = Parameter::new(tensor![1.0, 2.0]);
    let leaf = tape.parameter(&w);
    assert_eq!(leaf.value().as_slice().as_ptr(), w.value().as_slice().as_ptr());
    assert_eq!((tape.parameter(&w).id(), tape.len()), (leaf.id(), 1));
    let grads = (leaf * tape.parameter(&w)).sum().backward();
    assert_eq!(grads.wrt(&w), &tensor![2.0, 4.0], "both uses count");
    assert_ne!(tape.parameter(&w.clone()).id(), leaf.id(), "a clone is another parameter");
    tape.reset();
    let _other = tape.var(0.0);
    assert_eq!(tape.parameter(&w).id().index(), 1, "a new recording, a new leaf");
}

#[test]
fn a_parameter_first_used_in_a_pause_still_has_a_gradient_outside() {
    let tape = GradientTape::new();
    let w = Parameter::new(Tensor::scalar(2.0));
    let frozen = tape.paused(|| tape.parameter(&w) * 5.0);
    let grads = (tape.parameter(&w) * frozen).backward();
    assert_eq!(grads.parameter(&w), Some(&Tensor::scalar(10.0)));
}

#[test]
fn a_parameter_can_be_written_in_place_once_the_tape_let_go() {
    let mut tape = GradientTape::new();
    let mut w = Parameter::new(tensor![1.0, 2.0]);
    tape.parameter(&w).sum();
    assert!(w.get_mut().is_none(), "the tape holds the value");
    tape.reset();
    w.get_mut().expect("nobody else holds it")[0] = 5.0;
    assert_eq!(w.value(), &tensor![5.0, 2.0]);
}

/// A step of training; data is made anew in each.
fn step(tape: &GradientTape<f32>) -> f32 {
    let x = tape.var(Tensor::<f32>::full(&[8, 9], 0.5));
    let h = x.tanh().matmul(tape.constant(Tensor::<f32>::ones(&[9, 7])));
    h.sigmoid().mean().backward().wrt(x).as_slice()[0]
}

#[test]
fn reset_empties_the_tape_and_keeps_its_memory() {
    let mut tape = GradientTape::<f64>::new();
    let program = |tape: &GradientTape<f64>| {
        let x = tape.var(0.5);
        let y = (0..100).fold(x, |y, _| y * 0.5 + x).broadcast_to(&[100]);
        (y.sum().item(), tape.len())
    };
    let first = program(&tape);
    let bytes = tape.bytes();
    tape.reset();
    assert!(tape.is_empty());
    assert_eq!(tape.to_string(), "");
    assert_eq!(tape.bytes(), bytes);
    assert_eq!((program(&tape), tape.bytes()), (first, bytes), "and the next recording needs no more");
}

#[test]
fn a_scalar_operation_takes_forty_bytes_however_many_there_are() {
    let tape = GradientTape::<f64>::new();
    let (x, w) = (tape.var(0.5), tape.var(0.9));
    let mut y = x;
    // Where the node table, which grows by doubling, is full: nothing else grows with it.
    for nodes in [1 << 10, 1 << 15, 1 << 20] {
        while tape.len() < nodes {
            y = y * w + x;
        }
        assert_eq!(tape.bytes(), 40 * nodes, "{nodes} nodes");
    }
}

#[test]
fn the_memory_of_a_training_loop_does_not_grow() {
    let mut tape = GradientTape::new();
    let mut after = |steps: usize| {
        for _ in 0..steps {
            step(&tape);
            tape.reset();
        }
        tape.bytes()
    };
    let warm = after(20);
    assert_eq!(after(50), warm, "bytes after 70 steps and after 20");
}

#[test]
fn reset_recycles_buffers_but_not_those_that_are_held() {
    let mut tape = GradientTape::new();
    let thousand = |tape: &GradientTape<f64>| tape.constant(2.0).broadcast_to(&[1000]).value();
    let address = thousand(&tape).as_slice().as_ptr();
    tape.reset();
    let held = thousand(&tape);
    assert_eq!(held.as_slice().as_ptr(), address, "the same buffer");
    tape.reset();
    tape.constant(3.0).broadcast_to(&[1000]);
    assert_eq!(held, Tensor::full(&[1000], 2.0), "and another one while somebody holds it");
}

#[test]
fn ids_count_up_from_zero_and_print_with_a_percent_sign() {
    let tape = GradientTape::new();
    let x = tape.var(1.0);
    let ids: Vec<NodeId> = [x, x.exp(), x + 1.0].iter().map(|v| v.id()).collect();
    assert!(ids.is_sorted() && ids.iter().map(|id| id.index()).eq(0..3));
    assert_eq!((ids[2].to_string(), format!("{:?}", ids[2])), ("%2".into(), "%2".into()));
    assert_eq!(format!("{tape:?}"), "GradientTape<f64> with 3 nodes");
    assert_eq!(format!("{} {x:?}", x), "1.0 %0 = Tensor<f64>[] 1.0");
}

#[test]
fn a_variable_is_a_copy() {
    let tape = GradientTape::new();
    let x = tape.var(2.0);
    let y = x;
    assert_eq!((x * y).item(), 4.0);
}

#[test]
fn numbers_are_doubles_on_every_tape() {
    let tape = GradientTape::<f32>::new();
    let x = tape.var(2.0f32);
    let half = 0.5f32;
    assert_eq!((1.0 / (x * 2.0 + f64::from(half))).item(), 1.0 / 4.5f32);
}

/// y ← c·y + x, n times from y = x on: dy/dx = cⁿ + (cⁿ - 1) / (c - 1).
#[test]
fn a_million_scalar_nodes_need_no_recursion() {
    let (tape, c, n) = (GradientTape::new(), 0.999_999, 500_000);
    let x = tape.var(1.0);
    let mut y = x;
    for _ in 0..n {
        y = y * c + x;
    }
    assert_eq!(tape.len(), 2 * n + 1);
    let power = c.powi(n as i32);
    let expected = power + (power - 1.0) / (c - 1.0);
    let gradient = y.backward().item(x);
    assert!((gradient / expected - 1.0).abs() < 1e-9, "{gradient} {expected}");
}

#[test]
fn a_hundred_thousand_tensor_nodes_need_no_recursion() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![1.0, -2.0]);
    let mut y = x;
    for _ in 0..50_000 {
        y = x - y;
        y *= 1.0;
    }
    assert_eq!(y.sum().backward().wrt(x), &tensor![1.0, 1.0]);
    assert_eq!(tape.gradient(y.sum(), &[x])[0].value(), tensor![1.0, 1.0]);
}

#[test]
fn a_tape_moves_to_another_thread_with_its_recording() {
    let tape = GradientTape::new();
    tape.var(2.0).exp();
    let length = std::thread::spawn(move || {
        tape.var(3.0);
        tape.len()
    });
    assert_eq!(length.join().expect("the thread has not panicked"), 3);
}

const _: () = {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn copy<T: Copy>() {}
    send::<Tensor<f32>>();
    sync::<Tensor<f32>>();
    send::<Parameter<f32>>();
    sync::<Parameter<f32>>();
    send::<GradientTape<f32>>();
    send::<Gradients<f32>>();
    copy::<Var<'static, f32>>();
};
