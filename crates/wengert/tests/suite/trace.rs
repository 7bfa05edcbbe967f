//! Traces: what the log says is what the engine does, at any time, forwards and backwards.

use crate::common::{bits, panic_of, uniform};
use std::sync::Arc;
use wengert::stepper::{Break, Stop, Watch};
use wengert::trace::{Alarm, Event, Shown, Skip, Trace, TraceError, TraceOptions, Verdict};
use wengert::{AttentionOptions, CustomOp, GradientTape, Tensor, Var, tensor};

/// A dense network with a loss, in one call.
fn network<'t>(tape: &'t GradientTape<f64>) -> [Var<'t, f64>; 6] {
    let x = tape.constant(uniform(&[4, 3], 1));
    let (w, b) = (tape.var(uniform(&[5, 3], 2)), tape.var(uniform(&[5], 3)));
    let v = tape.var(uniform(&[2, 5], 4));
    let h = {
        let _scope = tape.scope("hidden");
        x.linear(w, b).tanh()
    };
    let loss = h.matmul_nt(v).cross_entropy(&tensor![0usize, 1, 1, 0]);
    [x, w, b, v, h, loss]
}

fn adjoint(trace: &Trace, x: Var<'_, f64>) -> Option<Vec<u64>> {
    trace.adjoint(x.id(), trace.end()).as_ref().map(bits)
}

#[test]
fn adjoints_at_the_end_are_the_gradients_of_backward() {
    let tape = GradientTape::new();
    let [_, w, b, v, h, loss] = network(&tape);
    let trace = tape.trace(loss).unwrap();
    let grads = loss.backward_keeping(&[h]);
    for x in [w, b, v, h] {
        assert_eq!(adjoint(&trace, x), Some(bits(grads.wrt(x))));
    }
    assert_eq!(trace.check_sums(), []);
    let verification = trace.verify();
    assert!(verification.is_ok() && verification.replayed, "{verification}");
    assert_eq!(verification.count(Verdict::Pass), trace.data().sweep.len(), "{verification}");
}

#[test]
fn a_sum_with_itself_has_two_edges() {
    let tape = GradientTape::new();
    let a = tape.var(3.0);
    let trace = tape.trace(a + a).unwrap();
    let totals: Vec<f64> =
        trace.contributions(a.id()).iter().map(|c| c.total.as_ref().unwrap().item()).collect();
    assert_eq!(totals, [1.0, 2.0]);
    assert_eq!(
        trace.explain(a.id()).to_string(),
        "adj(%0) = adj(%1)·∂%1/∂%0 + adj(%1)·∂%1/∂%0\n  = adj(%1) + adj(%1)\n  = 1 + 1\n  = 2"
    );
}

#[test]
fn undoing_a_broadcast_is_a_step_with_its_axes() {
    let tape = GradientTape::new();
    let (x, b) = (tape.var(uniform(&[4, 1, 3], 1)), tape.var(uniform(&[2, 1], 2)));
    let trace = tape.trace((x * b).sum()).unwrap();
    let edge = |var: Var<'_, f64>| trace.edge(trace.incoming(var.id())[0].1).clone();
    assert_eq!((edge(x).axes, edge(b).axes), (vec![1], vec![0, 2]));
    let raw = edge(b).raw.unwrap();
    assert_eq!((raw.shape(), edge(b).delta.unwrap().shape()), (&[4, 2, 3][..], &[2, 1][..]));
    let reductions = trace.events().iter().filter(|event| matches!(event, Event::Reduce(_)));
    assert_eq!(reductions.count(), 2);
}

#[test]
fn edges_say_why_nothing_flows() {
    let tape = GradientTape::new();
    let (x, c) = (tape.var(2.0), tape.constant(3.0));
    let paused = tape.paused(|| x * 5.0);
    let y = x * c + x.detach() * x + x.sign() * x + paused * x;
    let trace = tape.trace(y).unwrap();
    let reason = |id: Var<'_, f64>| {
        let edges = trace.data().sweep.iter().flat_map(|visit| &visit.edges);
        edges.filter(|edge| edge.input == id.id().index()).find_map(|edge| edge.skip)
    };
    assert_eq!(reason(c), Some(Skip::Constant));
    assert_eq!(reason(paused), Some(Skip::Unwanted));
    let skips = trace.data().sweep.iter().flat_map(|visit| &visit.edges).filter_map(|edge| edge.skip);
    let skips: Vec<Skip> = skips.collect();
    assert!(skips.contains(&Skip::Detached) && skips.contains(&Skip::Flat), "{skips:?}");
    assert!(trace.node(c.id()).why.contains("constant"), "{}", trace.node(c.id()).why);
}

#[test]
fn products_that_add_inside_say_so() {
    let tape = GradientTape::new();
    // Four products contribute to w; sums with one rounding less show as fused.
    let w = tape.var(uniform(&[40, 8], 1));
    let inputs = [2, 3, 4, 5].map(|seed| tape.constant(uniform(&[3000, 40], seed)));
    let loss = inputs.map(|x| x.matmul(w).sum()).into_iter().reduce(|a, b| a + b).unwrap();
    let trace = tape.trace(loss).unwrap();
    let fused = trace.incoming(w.id()).iter().filter(|(_, edge)| trace.edge(*edge).fused).count();
    assert!(fused >= 1, "{fused}");
    assert_eq!(adjoint(&trace, w), Some(bits(loss.backward().wrt(w))));
    assert_eq!(trace.check_sums(), []);
}

#[test]
fn teaching_takes_fused_operations_apart() {
    let tape = GradientTape::new();
    let [_, w, b, v, _, loss] = network(&tape);
    let options = TraceOptions::teaching().name(w, "w").name(b, "bias").title("a step");
    let trace = tape.trace_with(loss, options).unwrap();
    let ops: Vec<&str> = trace.nodes().iter().map(|node| node.op.as_str()).collect();
    assert!(!ops.contains(&"linear") && !ops.contains(&"cross_entropy"), "{ops:?}");
    // The bias's un-broadcast is a step of its own.
    let bias = trace.find("bias").unwrap();
    assert_eq!(trace.edge(trace.incoming(bias)[0].1).axes, [0]);
    assert_eq!(trace.node(trace.find("hidden/tanh").unwrap()).scope, "hidden");
    // The same gradients, to rounding.
    let grads = loss.backward();
    for (x, name) in [(w, "w"), (b, "bias")] {
        let traced = trace.adjoint(trace.find(name).unwrap(), trace.end()).unwrap();
        crate::common::assert_close(&traced, grads.wrt(x), 1e-12, name);
    }
    assert!(trace.nodes().iter().all(|node| node.file.ends_with("trace.rs")), "places stay the user's");
    let attention = tape.var(uniform(&[2, 3, 12], 9)).self_attention(2, AttentionOptions::new()).sum();
    let trace = tape.trace_with(attention, TraceOptions::teaching()).unwrap();
    assert!(trace.nodes().iter().any(|node| node.op == "softmax"));
    assert!(trace.verify().is_ok(), "{}", trace.verify());
    let _ = v;
}

#[test]
fn what_is_too_large_is_shortened_and_says_so() {
    let tape = GradientTape::new();
    let x = tape.var(uniform(&[100, 100], 1));
    let y = x.square().sum();
    for (options, shortened) in [
        (TraceOptions::new(), true),
        (TraceOptions::summary(), true),
        (TraceOptions::capped(usize::MAX), false),
        (TraceOptions::capped(80_000), true),
    ] {
        let trace = tape.trace_with(y, options).unwrap();
        assert_eq!(trace.data().options.shortened > 0, shortened);
        assert_eq!(trace.check_sums(), [], "what cannot be added up is not called wrong");
        if let Some(Shown::Shortened(short)) = &trace.node(x.id()).adjoint {
            assert_eq!((&short.shape[..], short.first.len(), short.last.len()), (&[100, 100][..], 8, 8));
            let gradient = y.backward().wrt(x).clone();
            let norm = gradient.as_slice().iter().map(|g| g * g).sum::<f64>().sqrt();
            assert!((short.norm - norm).abs() < 1e-9 * norm);
        }
    }
}

#[test]
fn a_stepper_goes_back_the_way_it_came() {
    let tape = GradientTape::new();
    let [.., loss] = network(&tape);
    let trace = tape.trace_with(loss, TraceOptions::teaching()).unwrap();
    let mut s = trace.stepper();
    let state = |s: &wengert::stepper::Stepper| {
        let ids = (0..trace.nodes().len()).map(|i| trace.find(&i.to_string()).unwrap());
        ids.map(|id| (s.value(id), s.adjoint(id), s.contributions_in(id))).collect::<Vec<_>>()
    };
    let mut states = vec![state(&s)];
    let mut texts = vec![];
    while let Some(step) = s.step() {
        texts.push(step.text);
        states.push(state(&s));
    }
    assert_eq!(states.len(), trace.end() + 1);
    for time in (0..trace.end()).rev() {
        assert_eq!(s.back_step().unwrap().text, texts[time]);
        assert_eq!(state(&s), states[time], "at {time}");
    }
    assert_eq!(s.back_step(), None);
    // Nodes, forwards and backwards.
    let mut times = vec![0];
    while s.next().is_some() {
        times.push(s.time());
    }
    while s.back_next().is_some() {
        times.pop();
        assert_eq!(Some(&s.time()), times.last());
    }
    // `finish` leaves the scope.
    s.run_to(trace.find("hidden/matmul").unwrap());
    s.finish();
    assert_eq!(trace.node(s.node().unwrap()).scope, "hidden");
    let next = s.step().unwrap();
    assert_eq!(trace.node(trace.subject(next.event)).scope, "");
}

#[test]
fn breakpoints_and_watches_stop_in_both_directions() {
    let tape = GradientTape::new();
    let [_, w, _, v, h, loss] = network(&tape);
    let trace = tape.trace(loss).unwrap();
    let mut s = trace.stepper();
    let at = s.add_break(Break::Node(h.id()));
    assert_eq!((s.cont(), s.event()), (Stop::Break(at), Some(Event::Forward(h.id()))));
    assert_eq!((s.cont(), s.event()), (Stop::Break(at), Some(Event::Visit(h.id()))));
    assert_eq!(s.reverse_cont(), Stop::Break(at));
    assert_eq!(s.event(), Some(Event::Forward(h.id())));
    assert!(s.delete(at) && !s.delete(at));

    let watch = s.watch(Watch::Adjoint(v.id()));
    let Stop::Watch(number, None, Some(after)) = s.cont() else { panic!("it changes") };
    assert_eq!((number, bits(&after)), (watch, bits(loss.backward().wrt(v))));
    assert!(s.delete(watch));

    let element = s.watch(Watch::Element(w.id(), vec![0, 1]));
    assert!(matches!(s.cont(), Stop::Watch(number, None, Some(_)) if number == element));
    assert_eq!(s.cont(), Stop::End);
    s.delete(element);

    let line = trace.node(h.id()).line;
    s.seek(0);
    s.add_break(Break::Line("tests/suite/trace.rs".into(), line));
    assert!(matches!(s.cont(), Stop::Break(_)));
    assert_eq!(trace.node(s.node().unwrap()).line, line);
    s.add_break(Break::When(Arc::new(|s| s.event().is_some_and(|event| matches!(event, Event::Seed(_))))));
    s.seek(trace.nodes().len());
    assert!(matches!(s.cont(), Stop::Break(_)));
    assert_eq!(s.sentence(), format!("seed {}: its adjoint is 1", loss.id()));
}

#[test]
fn the_first_number_that_is_not_finite_is_found() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![1.0, 0.0]);
    let y = x.ln();
    let loss = (y * x).sum();
    let trace = tape.trace(loss).unwrap();
    let mut s = trace.stepper();
    assert_eq!(s.cont_to_non_finite(), Stop::NonFinite(y.id()));
    let alerts = trace.alerts();
    assert!(alerts.iter().any(|alert| alert.alarm == Alarm::NonFinite && alert.node == y.id()), "{alerts:?}");
}

#[test]
fn alerts_name_what_an_experienced_reader_sees() {
    let alarm = |f: fn(&GradientTape<f64>) -> Arc<Trace>| -> Vec<Alarm> {
        let tape = GradientTape::new();
        f(&tape).alerts().into_iter().map(|alert| alert.alarm).collect()
    };
    let pairs = alarm(|tape| {
        let (a, b) = (tape.var(uniform(&[5, 1], 1)), tape.constant(uniform(&[5], 2)));
        tape.trace((a - b).square().mean()).unwrap()
    });
    assert_eq!(pairs, [Alarm::SuspiciousBroadcast]);
    let dead = alarm(|tape| tape.trace((tape.var(uniform(&[20], 1)) - 3.0).relu().sum()).unwrap());
    assert_eq!(dead, [Alarm::DeadRelu]);
    let saturated = alarm(|tape| tape.trace((tape.var(uniform(&[20], 1)) + 30.0).sigmoid().sum()).unwrap());
    assert!(saturated.contains(&Alarm::Saturated) && saturated.contains(&Alarm::Vanishing), "{saturated:?}");
    let exploding = alarm(|tape| tape.trace((tape.var(tensor![2.0, 3.0]) * 1e9).sum()).unwrap());
    assert_eq!(exploding, [Alarm::Exploding]);
    let fine = alarm(|tape| tape.trace(network(tape)[5]).unwrap());
    assert_eq!(fine, []);
}

#[test]
fn flow_follows_adjoints_edge_by_edge() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![3.0, 4.0]);
    let trace = tape.trace((x * 2.0).sum()).unwrap();
    let gains: Vec<f64> = trace.flow().iter().map(|edge| edge.gain).collect();
    assert!((gains[0] - 2f64.sqrt()).abs() < 1e-15 && gains[1] == 2.0, "{gains:?}");
    assert_eq!(trace.paths(x.id(), 5), [[trace.find("sum").unwrap(), trace.find("mul").unwrap(), x.id()]]);
}

#[test]
fn what_if_runs_the_program_with_another_value() {
    let tape = GradientTape::new();
    let (x, y) = (tape.var(2.0), tape.var(5.0));
    let product = x * y;
    let trace = tape.trace(product.square()).unwrap();
    let other = trace.replay_with(&[(x.id(), Tensor::scalar(3.0))]).unwrap();
    assert_eq!(other.adjoint(y.id(), other.end()).unwrap().item(), 2.0 * 15.0 * 3.0);
    assert_eq!(other.compare(&trace).len(), 4, "all but y's value, whose adjoint differs");
    // A value in between is cut off from what it was computed of.
    let cut = trace.replay_with(&[(product.id(), Tensor::scalar(1.0))]).unwrap();
    assert_eq!(cut.adjoint(x.id(), cut.end()), None);
    assert_eq!(cut.adjoint(product.id(), cut.end()).unwrap().item(), 2.0);
    let error = trace.replay_with(&[(x.id(), tensor![1.0])]).unwrap_err();
    assert_eq!(error.to_string(), "%0 has shape [], the new value [1]; they must be equal");
}

/// x³ with a rule that is off by a factor.
struct Cube(f64);

impl CustomOp<f64> for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }
    fn forward(&self, x: &[&Tensor<f64>]) -> Tensor<f64> {
        x[0].map(|x| x * x * x)
    }
    fn vjp<'t>(&self, x: &[Var<'t, f64>], _: Var<'t, f64>, y_bar: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
        vec![Some(y_bar * x[0].square() * (3.0 * self.0))]
    }
    fn doc(&self) -> Option<wengert::trace::OpDoc> {
        Some(wengert::trace::OpDoc { forward: "y = x³".into(), rules: vec!["ȳ · 3 · x²".into()] })
    }
}

#[test]
fn numbers_that_have_lost_their_digits_are_not_called_wrong() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(0.5);
    // Adjoints fall below the normal numbers, and then to 0.
    let y = (0..1100).fold(x, |y, _| y * 0.5 + x);
    let verification = tape.trace(y).unwrap().verify();
    assert_eq!(
        (verification.count(Verdict::Fail), verification.count(Verdict::Pass)),
        (0, 2200),
        "{verification}"
    );
}

#[test]
fn rules_are_checked_node_by_node_with_kinks_apart() {
    let tape = GradientTape::new();
    let check = |loss: Var<'_, f64>| {
        let verification = tape.trace(loss).unwrap().verify();
        (verification.is_ok(), verification.to_string())
    };
    let x = tape.var(tensor![0.5, -1.5]);
    let (ok, text) = check(tape.custom(Cube(1.0), &[x]).sum());
    assert!(ok, "{text}");
    let (ok, text) = check(tape.custom(Cube(1.1), &[x]).sum());
    assert!(!ok && text.contains("FAIL %"), "{text}");
    let (ok, text) = check((x - 0.5).relu().sum());
    assert!(ok && text.contains("1 at a kink"), "{text}");
}

#[test]
fn custom_operations_bring_their_formulas() {
    let tape = GradientTape::new();
    let x = tape.var(2.0);
    let trace = tape.trace_with(tape.custom(Cube(1.0), &[x]), TraceOptions::new().name(x, "x")).unwrap();
    let cube = trace.find("cube").unwrap();
    assert_eq!(trace.node(cube).doc.forward, "y = x³");
    assert_eq!(trace.explain(x.id()).rule, "adj(%1) · 3 · x²");

    let (w, v) = (tape.var(uniform(&[2, 3], 1)), tape.var(uniform(&[3, 2], 2)));
    let trace = tape.trace_with(w.matmul(v).sum(), TraceOptions::new().name(w, "w").name(v, "v")).unwrap();
    assert_eq!(trace.explain(w.id()).rule, "adj(%4)·vᵀ");
}

#[test]
fn a_trace_that_was_tampered_with_is_told() {
    let tape = GradientTape::new();
    let [_, w, .., loss] = network(&tape);
    let mut data = tape.trace(loss).unwrap().data().clone();
    assert!(Trace::from_data(data.clone()).unwrap().verify().is_ok());
    let edge =
        data.sweep.iter_mut().flat_map(|visit| &mut visit.edges).find(|edge| edge.input == w.id().index());
    let Some(Shown::Whole(delta)) = &mut edge.unwrap().delta else { panic!("it is whole") };
    *delta = &*delta + 1e-9;
    let wrong = Trace::from_data(data).unwrap().verify();
    assert!(!wrong.is_ok(), "{wrong}");
    assert_eq!(wrong.sums[0].0, w.id());
}

#[test]
fn traces_that_contradict_themselves_are_refused() {
    let tape = GradientTape::new();
    let [.., loss] = network(&tape);
    let good = tape.trace(loss).unwrap().data().clone();
    let refused = |change: fn(&mut wengert::trace::TraceData)| {
        let mut data = good.clone();
        change(&mut data);
        Trace::from_data(data).map(|_| ()).unwrap_err().to_string()
    };
    assert!(
        refused(|d| d.format = "wengert.trace/9".into()).contains("this version reads \"wengert.trace/1\"")
    );
    assert_eq!(refused(|d| d.nodes.clear()), TraceError::Empty.to_string());
    assert!(refused(|d| d.nodes[4].inputs[0] = 7).contains("%4 uses %7, which is not before it"));
    assert!(refused(|d| d.nodes[1].shape = vec![7]).contains("the value of %1 has shape [5, 3], not [7]"));
    assert!(refused(|d| d.roots[0].node = 99).contains("root %99"));
    assert!(refused(|d| d.sweep.reverse()).contains("the sweep comes to"));
    assert!(refused(|d| d.sweep[0].edges.clear()).contains("its visit 0 edges"));
    assert!(refused(|d| d.sweep[0].edges[0].delta = None).contains("is missing"));
    assert!(refused(|d| d.sweep[0].edges[0].fused = true).contains("fused without its sum"));
}

#[test]
fn attributes_from_outside_cannot_break_a_replay() {
    let tape = GradientTape::<f64>::new();
    let x = tape.var(uniform(&[2, 3], 1));
    let y = x.transpose(0, 1).sum_axes(&[1], false).softmax(0).reshape(&[1, 3]).max();
    let good = tape.trace(y).unwrap().data().clone();
    assert!(Trace::from_data(good.clone()).unwrap().can_replay());
    for id in 0..good.nodes.len() {
        for list in [vec![], vec![-1], vec![0, 99], vec![i64::MAX, 2], vec![5, 5, 5], vec![1, 0, 1, 0]] {
            let mut data = good.clone();
            data.nodes[id].attrs.list = list;
            let trace = Trace::from_data(data).unwrap();
            // It cannot be run again, or gives something else, or this list is as good as the other.
            let _ = trace.verify().to_string();
        }
    }
    let mut data = good;
    data.nodes[1].attrs.kind = "Sigmoid; rm".into();
    let trace = Trace::from_data(data).unwrap();
    assert!(!trace.can_replay());
    assert!(trace.replay_with(&[]).unwrap_err().to_string().contains("cannot be run again"));
}

#[test]
fn nodes_are_found_by_id_name_scope_and_operation() {
    let tape = GradientTape::new();
    let [_, w, .., h, loss] = network(&tape);
    let trace = tape.trace_with(loss, TraceOptions::new().name(w, "weight")).unwrap();
    for text in ["%1", "1", "weight"] {
        assert_eq!(trace.find(text), Ok(w.id()));
    }
    assert_eq!((trace.find("hidden/tanh"), trace.find("tanh")), (Ok(h.id()), Ok(h.id())));
    assert!(matches!(trace.find("hidden"), Err(TraceError::Ambiguous { .. })));
    let error = trace.find("bias").unwrap_err().to_string();
    assert_eq!(error, "no node is called \"bias\"; there are %0 to %8, weight");
}

#[test]
fn only_a_scalar_can_be_traced() {
    let tape = GradientTape::new();
    let x = tape.var(tensor![1.0, 2.0]);
    let error = tape.trace(x).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a trace begins at a scalar, not at shape [2]: reduce it with sum() or mean()"
    );
    let other = GradientTape::new();
    let message = panic_of(|| drop(other.trace(x.sum()))).expect("it panics").text;
    assert!(message.contains("belongs to another tape"), "{message}");
}

#[test]
fn a_target_without_variables_has_a_trace_without_a_sweep() {
    let tape = GradientTape::new();
    let trace = tape.trace(tape.constant(2.0).square()).unwrap();
    assert_eq!((trace.end(), trace.data().sweep.len()), (2, 0));
    assert!(trace.verify().is_ok());
}
