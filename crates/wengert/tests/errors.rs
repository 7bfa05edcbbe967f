//! Every error as a user sees it: the sentence, and the line that it points to.
//!
//! A panic for shapes that do not fit is the caller's: it names the operation, what was given and
//! what would be right, and its place is the caller's line. Anything that an operation is given
//! ends in a result, an `Err` or such a panic, never in one from inside the library.

mod common;

use common::panic_of;
use wengert::{GradientTape, Gradients, Parameter, Shape, ShapeError, Span, Tensor, Var, tensor};

type Tape = GradientTape<f64>;

fn ones<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t, f64> {
    tape.var(Tensor::ones(shape))
}

fn span(start: isize, end: isize, step: isize) -> Span {
    Span::from((start..end, step))
}

struct Case {
    f: fn(&Tape),
    text: String,
}

/// `statement => its panic's text`, one a line, after the line that the macro is called at.
macro_rules! panics {
    ($($tape:ident: $body:expr => $text:expr;)*) => {
        vec![$(Case {
            f: |$tape: &Tape| {
                #[allow(unused_must_use)]
                { $body; }
            },
            text: $text.to_string(),
        }),*]
    };
}

#[rustfmt::skip] // one a line, whatever its length
fn cases() -> (u32, Vec<Case>) {
    let first = line!() + 2;
    (first, panics! {
        t: ones(t, &[3, 4]) + ones(t, &[3]) => "add: shapes [3, 4] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1 (did you mean to reshape [3] to [3, 1]?)";
        t: ones(t, &[2, 3]) * ones(t, &[4]) => "mul: shapes [2, 3] and [4] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2]).maximum(ones(t, &[3])) => "maximum: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2]).hypot(ones(t, &[3])) => "hypot: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2]).where_(&tensor![true, false], ones(t, &[3])) => "where: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2]).where_(&tensor![true, false, true], ones(t, &[2])) => "where: shapes [3] and [2] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2]).clamp(1.0, 0.5) => "clamp: expected a lower bound that is not above the upper one, got 1 and 0.5";
        t: ones(t, &[2]).clamp(f64::NAN, 0.5) => "clamp: expected a lower bound that is not above the upper one, got NaN and 0.5";
        t: { let mut x = ones(t, &[2]); x -= ones(t, &[3]) } => "sub: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2, 3]).sum_axes(&[2], false) => "sum: axis 2 is outside shape [2, 3], whose axes are 0..=1 (or -2..=-1)";
        t: ones(t, &[2, 3]).mean_axes(&[1, -1], true) => "mean: axis -1 of shape [2, 3] is named twice";
        t: ones(t, &[]).max_axes(&[0], false) => "max: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[2]).logsumexp_axes(&[-2], false) => "logsumexp: axis -2 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[0]).max() => "max: shape [0] has no elements along the reduced axes, and an empty max has no value";
        t: ones(t, &[2, 0]).max_axes(&[1], false) => "max: shape [2, 0] has no elements along the reduced axes, and an empty max has no value";
        t: ones(t, &[2, 0]).min_axes(&[1], false) => "min: shape [2, 0] has no elements along the reduced axes, and an empty min has no value";
        t: ones(t, &[2]).prod_axes(&[1], false) => "prod: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2]).var_axes(&[0, 0], false) => "var: axis 0 of shape [2] is named twice";
        t: ones(t, &[2]).std_axes(&[2], false) => "std: axis 2 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[]).norm_axes(&[0], false) => "norm: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[]).cumsum(0) => "cumsum: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[2]).cumprod(1) => "cumprod: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2]).recurrence(ones(t, &[]), 1, false) => "recurrence: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2]).recurrence(ones(t, &[3]), 0, true) => "recurrence: expected factors that stretch to shape [2], got [3]";
        t: ones(t, &[2]).sort(-2, true) => "sort: axis -2 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2, 3]).topk(4, 1) => "topk: expected k of at most 3, the length of axis 1 of shape [2, 3], got 4";
        t: ones(t, &[]).argsort(0, false) => "argsort: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[2, 0]).argmax(1) => "argmax: shape [2, 0] has no elements along the reduced axes, and an empty argmax has no value";
        _t: tensor![1u8, 2].argmin(1) => "argmin: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2, 3]).index_select(1, &tensor![0, 3]) => "index_select: expected indices below 3, the length of axis 1 of shape [2, 3], got 3 at [1] of the indices";
        t: ones(t, &[2, 3]).index_select(2, &tensor![0]) => "index_select: axis 2 is outside shape [2, 3], whose axes are 0..=1 (or -2..=-1)";
        t: ones(t, &[5, 3]).embedding(&tensor![[0, 1], [7, 2]]) => "embedding: expected indices below 5, the length of axis 0 of shape [5, 3], got 7 at [1, 0] of the indices";
        t: ones(t, &[]).embedding(&tensor![0]) => "embedding: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[2, 3]).gather(-1, &tensor![[0, 1], [9, 2]]) => "gather: expected indices below 3, the length of axis -1 of shape [2, 3], got 9 at [1, 0] of the indices";
        t: ones(t, &[2, 3]).gather(1, &tensor![[0, 1]]) => "gather: expected indices of shape [2, 3] but along axis 1, got [1, 2]";
        t: ones(t, &[2, 3]).gather(1, &tensor![0, 1]) => "gather: expected indices of shape [2, 3] but along axis 1, got [2]";
        t: ones(t, &[3]).scatter_add(0, &tensor![0, 1], ones(t, &[3])) => "scatter_add: expected a source of shape [2], that of the indices, got [3]";
        t: ones(t, &[3]).scatter_add(0, &tensor![0, 3], ones(t, &[2])) => "scatter_add: expected indices below 3, the length of axis 0 of shape [3], got 3 at [1] of the indices";
        t: ones(t, &[2]).softmax(1) => "softmax: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[]).log_softmax(-1) => "log_softmax: axis -1 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[32, 784]).matmul(ones(t, &[10, 784])) => "matmul: inner dimensions differ: [32, 784] x [10, 784] (did you mean the transpose of the second?)";
        t: ones(t, &[784, 32]).matmul(ones(t, &[784, 10])) => "matmul: inner dimensions differ: [784, 32] x [784, 10] (did you mean the transpose of the first?)";
        t: ones(t, &[2, 3]).matmul(ones(t, &[4, 5])) => "matmul: inner dimensions differ: [2, 3] x [4, 5]";
        t: ones(t, &[2, 3, 4]).matmul(ones(t, &[3, 4, 5])) => "matmul: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[]).matmul(ones(t, &[2])) => "matmul: expected operands with at least one axis, got [] x [2]";
        t: ones(t, &[4, 3]).linear(ones(t, &[2, 5]), ones(t, &[2])) => "linear: expected x [.., in], weight [out, in] and bias [out], got x [4, 3], weight [2, 5], bias [2]";
        t: ones(t, &[4, 3]).cross_entropy(&tensor![0, 1]) => "cross_entropy: expected logits of shape [.., classes] and one label a row, for labels [2], got logits [4, 3]";
        t: ones(t, &[2, 3]).cross_entropy_rows(&tensor![0, 3]) => "cross_entropy: expected labels below 3, the number of classes, got label 3 in row 1";
        t: ones(t, &[2, 3]).reshape(&[4]) => "reshape: 6 elements do not fill shape [4], which has 4";
        t: ones(t, &[1]).reshape(&[1; 33]) => format!("shape {:?} is too large: at most 32 axes, and elements that fit in memory", [1; 33]);
        t: ones(t, &[2, 3]).broadcast_to(&[2]) => "broadcast_to: expected a shape that [2, 3] stretches to, got [2]";
        t: ones(t, &[1]).broadcast_to(&[usize::MAX, 2]) => format!("shape [{}, 2] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
        t: ones(t, &[2, 3]).permute(&[0]) => "permute: [0] does not name each of the 2 axes of shape [2, 3] once";
        t: ones(t, &[2, 3]).permute(&[0, 0]) => "permute: axis 0 of shape [2, 3] is named twice";
        t: ones(t, &[2, 3]).permute(&[0, 5]) => "permute: axis 5 is outside shape [2, 3], whose axes are 0..=1 (or -2..=-1)";
        t: ones(t, &[2, 3]).transpose(0, 2) => "transpose: axis 2 is outside shape [2, 3], whose axes are 0..=1 (or -2..=-1)";
        t: ones(t, &[2, 3]).slice(&[span(0, 1, 1); 3]) => "slice: 3 spans for shape [2, 3], which has 2 axes";
        t: ones(t, &[2]).slice(&[span(0, 1, 0)]) => "slice: expected a step other than 0, got 0";
        t: t.concat(&[], 0) => "concat: expected at least one operand, got none";
        t: t.concat(&[ones(t, &[2, 3]), ones(t, &[3, 3])], 1) => "concat: expected operands that are equal to [2, 3] but along axis 1, got [3, 3]";
        t: t.concat(&[ones(t, &[]), ones(t, &[])], 0) => "concat: axis 0 is outside shape [], a scalar, which has no axes";
        t: t.stack(&[], 0) => "stack: expected at least one operand, got none";
        t: t.stack(&[ones(t, &[2]), ones(t, &[3])], 0) => "stack: expected operands of one shape, [2] as the first, got [3]";
        t: t.stack(&[ones(t, &[2])], 2) => "stack: expected a new axis in -2..=1 for shape [2], got 2";
        t: ones(t, &[2, 5]).split(&[2, 2], 1) => "split: expected lengths that add up to 5, the length of axis 1 of shape [2, 5], got [2, 2]";
        t: ones(t, &[2, 5]).split(&[usize::MAX, 6], 1) => format!("split: expected lengths that add up to 5, the length of axis 1 of shape [2, 5], got [{}, 6]", usize::MAX);
        t: ones(t, &[2, 5]).chunk(2, -1) => "chunk: expected a number of parts that divides 5, the length of axis -1 of shape [2, 5], got 2";
        t: ones(t, &[2, 5]).chunk(0, 0) => "chunk: expected a number of parts that divides 2, the length of axis 0 of shape [2, 5], got 0";
        t: ones(t, &[2]).unbind(1) => "unbind: axis 1 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        t: ones(t, &[2]).t() => "t: expected at least two axes, got shape [2]";
        t: ones(t, &[2, 1]).squeeze(0) => "squeeze: expected an axis of length 1, got axis 0 of shape [2, 1]";
        t: ones(t, &[2, 1]).expand_dims(3) => "expand_dims: expected a new axis in -3..=2 for shape [2, 1], got 3";
        t: ones(t, &[2, 1]).flip(&[0, -2]) => "flip: axis -2 of shape [2, 1] is named twice";
        t: ones(t, &[]).roll(1, 0) => "roll: axis 0 is outside shape [], a scalar, which has no axes";
        t: ones(t, &[2]).tile(&[usize::MAX]) => format!("shape [{}, 2] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
        t: ones(t, &[2, 3]).pad(&[[1, 1]], 0.0) => "pad: expected [before, after] for each axis of shape [2, 3], got [[1, 1]]";
        t: ones(t, &[2]).pad(&[[usize::MAX, 1]], 1.0) => format!("shape [{}] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
        t: ones(t, &[2, 2, 2]).diag() => "diag: expected a vector or a matrix, got shape [2, 2, 2]";
        t: ones(t, &[2]).diagonal(0) => "diagonal: expected at least two axes, got shape [2]";
        t: ones(t, &[2]).trace() => "trace: expected at least two axes, got shape [2]";
        t: ones(t, &[]).tril(0) => "tril: expected at least two axes, got shape []";
        t: ones(t, &[2]).triu(0) => "triu: expected at least two axes, got shape [2]";
        t: ones(t, &[2]).dot(ones(t, &[3])) => "dot: expected two vectors of one length, got [2] and [3]";
        t: ones(t, &[2]).outer(ones(t, &[3, 1])) => "outer: expected two vectors, got [2] and [3, 1]";
        t: t.einsum("ij,jk", &[ones(t, &[2, 3]), ones(t, &[4, 5])]) => "einsum: expected one length (or 1) for index j, got 3 in operand 0 and 4 in operand 1";
        _t: wengert::einsum("ij", &[&tensor![1.0]]) => "einsum: expected 2 axes for \"ij\", got shape [1] as operand 0";
        _t: Tensor::<f64>::stack(&[], 0) => "stack: expected at least one operand, got none";
        t: ones(t, &[2, 3]).inverse() => "inverse: expected a square matrix [.., n, n], got [2, 3]";
        t: ones(t, &[2]).det() => "det: expected a square matrix [.., n, n], got [2]";
        t: ones(t, &[]).log_det() => "log_det: expected a square matrix [.., n, n], got []";
        t: ones(t, &[3]).svd() => "svd: expected a matrix [.., m, n], got [3]";
        t: ones(t, &[1, 2]).eigh() => "eigh: expected a square matrix [.., n, n], got [1, 2]";
        t: ones(t, &[1, 1]).solve(ones(t, &[])) => "solve: expected right sides [.., n, k] or [.., n], got []";
        t: ones(t, &[1, 1]).solve(ones(t, &[2, 3])) => "solve: expected right sides [.., 1, k] or [.., 1] for a matrix [1, 1], got [2, 3]";
        t: ones(t, &[2, 1, 1]).solve(ones(t, &[3, 1, 1])) => "solve: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2, 2]).inverse() => "inverse: matrix 0 of the batch is singular: pivot 1 is 0, so column 1 is a combination of those before it";
        t: ones(t, &[3, 2, 2]).solve(ones(t, &[2])) => "solve: matrix 0 of the batch is singular: pivot 1 is 0, so column 1 is a combination of those before it";
        t: (-ones(t, &[1, 1])).cholesky() => "cholesky: matrix 0 of the batch is not positive definite: pivot 0 is -1e0 and must be above 0 (where only rounding is to blame, add a small multiple of the identity)";
        t: ones(t, &[2]).backward() => "backward needs a scalar, not shape [2]: reduce it with sum() or mean(), or give a seed with backward_with";
        t: t.gradient(ones(t, &[1]), &[]) => "gradient needs a scalar, not shape [1]: reduce it with sum() or mean(), or give a seed with backward_with";
        t: ones(t, &[2]).backward_with(&tensor![1.0]) => "backward_with: the seed has shape [1], the value [2]; they must be equal";
        t: ones(t, &[2]).item() => "item: a tensor of shape [2] has 2 elements, not one";
        t: { let x = t.var(1.0); x.exp().backward().wrt(t.constant(1.0)); } => "no gradient: it is a constant; record it with `var` or `parameter` to get a gradient";
        t: { let x = t.var(1.0); x.exp().backward().item(t.var(1.0)) } => "no gradient: it was recorded after the target";
        t: { t.var(1.0).backward().wrt(Parameter::new(tensor![1.0])); } => "no gradient: the parameter was not used in this recording";
        _t: Parameter::new(tensor![1.0]).replace(tensor![1.0, 2.0]) => "a parameter of shape [1] cannot take a value of shape [2]";
        _t: tensor![1.0, 2.0].item() => "item: a tensor of shape [2] has 2 elements, not one";
        _t: tensor![1.0, 2.0].softmax(3) => "softmax: axis 3 is outside shape [2], whose axes are 0..=0 (or -1..=-1)";
        _t: Shape::from([usize::MAX, 2]) => format!("shape [{}, 2] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
        _t: Tensor::<f64>::zeros(&[usize::MAX, 2]) => format!("shape [{}, 2] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
    })
}

#[test]
fn errors_read_as_sentences_and_point_to_the_callers_line() {
    let (first, cases) = cases();
    for (Case { f, text }, line) in cases.into_iter().zip(first..) {
        let panicked = panic_of(|| f(&Tape::new())).unwrap_or_else(|| panic!("line {line} gave a result"));
        assert_eq!(panicked.text, text, "line {line}");
        assert_eq!((&panicked.file[..], panicked.line), (file!(), line), "the place of: {text}");
    }
}

#[test]
fn a_mix_of_tapes_names_the_foreign_variables_line() {
    let (here, there) = (Tape::new(), Tape::new());
    let (x, y) = (here.var(1.0), there.var(2.0));
    let recorded = line!() - 1;
    let mixes: [&dyn Fn(); 12] = [
        &|| _ = x * y,
        &|| _ = here.var(tensor![1.0]) + y,
        &|| _ = x.pow(y),
        &|| _ = x.matmul(y),
        &|| _ = here.concat(&[here.var(tensor![1.0]), y], 0),
        &|| _ = here.stack(&[x, y], 0),
        &|| _ = here.einsum(",", &[x, y]),
        &|| _ = here.var(tensor![1.0]).scatter_add(0, &tensor![], y),
        &|| _ = x.linear(x, y),
        &|| drop(here.gradient(x, &[y])),
        &|| drop(here.gradient(y, &[x])),
        &|| drop(x.backward_keeping(&[y])),
    ];
    for (i, mix) in mixes.into_iter().enumerate() {
        let panicked = panic_of(mix).unwrap_or_else(|| panic!("mix {i} gave a result"));
        let start = format!("a variable recorded at {}:{recorded}:", file!());
        let end = " belongs to another tape; bring its value over with `tape.constant(x.value())`";
        assert!(panicked.text.starts_with(&start) && panicked.text.ends_with(end), "{i}: {}", panicked.text);
        assert_eq!(panicked.file, file!(), "{i}");
    }
}

#[test]
fn try_forms_return_the_sentences_that_the_others_panic_with() {
    let t = &Tape::new();
    let (a, b) = (ones(t, &[2, 3]), ones(t, &[4, 5]));
    let length = t.len();
    let pairs: [(Option<ShapeError>, &dyn Fn()); 10] = [
        (a.try_reshape(&[4]).err(), &|| _ = a.reshape(&[4])),
        (a.try_matmul(b).err(), &|| _ = a.matmul(b)),
        (t.try_concat(&[a, b], 0).err(), &|| _ = t.concat(&[a, b], 0)),
        (t.try_stack(&[a, b], 0).err(), &|| _ = t.stack(&[a, b], 0)),
        (t.try_einsum("ij,jk", &[a, b]).err(), &|| _ = t.einsum("ij,jk", &[a, b])),
        (a.try_index_select(0, &tensor![2]).err(), &|| _ = a.index_select(0, &tensor![2])),
        (a.try_embedding(&tensor![3]).err(), &|| _ = a.embedding(&tensor![3])),
        (a.try_gather(0, &tensor![0]).err(), &|| _ = a.gather(0, &tensor![0])),
        (a.try_scatter_add(0, &tensor![0], b).err(), &|| _ = a.scatter_add(0, &tensor![0], b)),
        (a.try_cross_entropy_rows(&tensor![0, 3]).err(), &|| _ = a.cross_entropy_rows(&tensor![0, 3])),
    ];
    for (error, panics) in pairs {
        let text = panic_of(panics).expect("a panic").text;
        assert_eq!(error.expect("an error").to_string(), text);
    }
    assert_eq!(t.len(), length, "nothing is recorded of what failed");
    assert_eq!(a.try_reshape(&[3, 2]).expect("it fits").sum().backward().wrt(a), &Tensor::ones(&[2, 3]));
}

#[test]
fn errors_are_data() {
    let t = &Tape::new();
    let error = ones(t, &[2, 3]).try_matmul(ones(t, &[4, 5])).unwrap_err();
    assert_eq!(error, ShapeError::Matmul { left: [2, 3].into(), right: [4, 5].into() });
    let error = Tensor::from_vec(vec![1.0, 2.0], &[3]).unwrap_err();
    assert_eq!(error, ShapeError::Elements { op: "from_vec", given: 2, shape: [3].into() });
    let error = tensor![1.0, 2.0].reshape(&[3]).unwrap_err();
    assert_eq!(error.to_string(), "reshape: 2 elements do not fill shape [3], which has 3");
    fn is_error<E: std::error::Error + Send + Sync + 'static>(_: E) {}
    is_error(error);
}

#[test]
fn a_panic_leaves_the_tape_as_it_was() {
    let t = Tape::new();
    let x = ones(&t, &[2]);
    let y = x.exp().sum();
    assert!(panic_of(|| _ = x + ones(&t, &[3])).is_some());
    assert!(panic_of(|| _ = x.softmax(7)).is_some());
    assert!(panic_of(|| drop(x.backward())).is_some());
    assert_eq!(y.backward().wrt(x), &x.exp().value());
}

const SMALL: [&[usize]; 8] = [&[], &[1], &[0], &[3], &[1, 1], &[0, 3], &[3, 0], &[2, 0, 3]];

type Operation = for<'t> fn(&'t Tape, Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;

fn operations() -> Vec<Operation> {
    vec![
        |_, a, _| (-a).exp().tanh().sigmoid().relu().square().abs().sign(),
        |_, a, _| a.ln() + a.sqrt() + 1.0 / a,
        |_, a, _| a.powi(i32::MIN),
        |_, a, _| a.powi(i32::MAX),
        |_, a, _| a.powf(f64::NAN),
        |_, a, b| a + b,
        |_, a, b| a - b,
        |_, a, b| a * b,
        |_, a, b| a / b,
        |_, a, b| a.pow(b),
        |_, a, b| a.maximum(b),
        |_, a, _| a.sum(),
        |_, a, _| a.mean(),
        |_, a, _| a.max(),
        |_, a, _| a.logsumexp(),
        |_, a, _| a.min(),
        |_, a, _| a.prod(),
        |_, a, _| a.var(),
        |_, a, _| a.std(),
        |_, a, _| a.norm(),
        |_, a, _| a.min_axes(&[0], false),
        |_, a, _| a.prod_axes(&[0], true),
        |_, a, _| a.prod_axes(&[0, -1], false),
        |_, a, _| a.var_axes(&[-1], true),
        |_, a, _| a.std_axes(&[0, -1], false),
        |_, a, _| a.norm_axes(&[0], false),
        |_, a, _| a.cumsum(0),
        |_, a, _| a.cumprod(-1),
        |_, a, b| a.recurrence(b, -1, false),
        |_, a, b| a.recurrence(b, 0, true),
        |_, a, _| a.sort(0, false),
        |_, a, _| a.sort(-1, true),
        |_, a, b| a.topk(b.shape().len(), -1).0,
        |t, a, _| t.constant(a.argsort(0, true).cast::<f64>()) * a,
        |t, a, _| t.constant(a.argmax(0).cast::<f64>()) * a,
        |t, a, _| t.constant(a.argmin(-1).cast::<f64>()) * a,
        |_, a, b| a.index_select(-1, &Tensor::zeros(&b.shape())),
        |_, a, b| a.index_select(0, &Tensor::full(&b.shape(), usize::MAX)),
        |_, a, b| a.embedding(&Tensor::zeros(&b.shape())),
        |_, a, b| a.gather(0, &Tensor::zeros(&b.shape())),
        |_, a, b| a.gather(-1, &Tensor::ones(&b.shape())),
        |_, a, b| a.scatter_add(-1, &Tensor::zeros(&b.shape()), b),
        |t, a, b| t.einsum("i,j", &[a, b]),
        |t, a, b| t.einsum("i,i", &[a, b]),
        |t, a, b| t.einsum("ij,jk", &[a, b]),
        |t, a, b| t.einsum("ii,...", &[a, b]),
        |t, a, b| t.einsum("...,...", &[a, b]),
        |t, a, b| t.einsum("...i,i...->...", &[a, b]),
        |_, a, b| a.dot(b),
        |_, a, b| a.outer(b),
        |_, a, _| a.sum_axes(&[0], true),
        |_, a, _| a.mean_axes(&[-1], false),
        |_, a, _| a.max_axes(&[0], false),
        |_, a, _| a.logsumexp_axes(&[0], false),
        |_, a, _| a.logsumexp_axes(&[0, -1], true),
        |_, a, _| a.softmax(0),
        |_, a, _| a.softmax(-1),
        |_, a, _| a.log_softmax(-1),
        |_, a, b| a.matmul(b),
        |_, a, b| a.matmul_nt(b),
        |_, a, b| a.linear(b, b.sum_axes(&[-1], false)),
        |t, a, b| t.concat(&[a, b], 0),
        |t, a, b| t.concat(&[a, b, a], -1),
        |t, a, b| t.stack(&[a, b], 0),
        |t, a, b| t.stack(&[a, b], -1),
        |_, a, b| a.split(&[b.shape().elements(), 1], 0)[1],
        |_, a, b| a.chunk(b.shape().elements(), -1)[0],
        |_, a, _| a.unbind(0).into_iter().reduce(|a, b| a + b).unwrap_or(a),
        |_, a, _| a.t(),
        |_, a, _| a.flatten(),
        |_, a, _| a.squeeze(0),
        |_, a, _| a.squeeze_all(),
        |_, a, b| a.expand_dims(b.shape().len() as isize),
        |_, a, _| a.expand_dims(isize::MIN),
        |_, a, _| a.flip(&[0]),
        |_, a, _| a.roll(1, -1),
        |_, a, _| a.roll(isize::MIN, 0),
        |_, a, b| a.tile(&b.shape()),
        |_, a, _| a.tile(&[0, 3]),
        |_, a, b| a.pad(&[[2, 1]].repeat(b.shape().len()), 0.5),
        |_, a, _| a.pad(&[[usize::MAX, usize::MAX]], 0.0),
        |_, a, _| a.diag(),
        |_, a, _| a.diagonal(0),
        |_, a, _| a.diagonal(-1),
        |_, a, _| a.diagonal(isize::MIN),
        |_, a, _| a.diagonal(isize::MAX),
        |_, a, _| a.trace(),
        |_, a, _| a.tril(0),
        |_, a, _| a.tril(isize::MIN),
        |_, a, _| a.triu(isize::MAX),
        |_, a, _| a.triu(1),
        |_, a, b| a.reshape(&b.shape()),
        |_, a, b| a.broadcast_to(&b.shape()),
        |_, a, _| a.permute(&[1, 0]),
        |_, a, _| a.transpose(0, -1),
        |_, a, _| a.slice(&[Span::from(1..), Span::from((.., -1))]),
        |_, a, _| a.slice(&[span(isize::MIN, isize::MAX, isize::MAX)]),
        |_, a, _| a.slice(&[Span::from((.., isize::MIN))]),
        |_, a, _| a.slice(&[span(-1, isize::MIN, -1)]),
        |_, a, b| a.cross_entropy_rows(&Tensor::zeros(&b.shape())),
        |_, a, b| a.cross_entropy(&Tensor::full(&b.shape(), usize::MAX)),
        |_, a, _| a.detach(),
        |_, a, _| a.inverse(),
        |_, a, b| a.solve(b),
        |_, a, _| a.det(),
        |_, a, _| a.log_det(),
        |_, a, _| a.cholesky(),
        |_, a, _| a.eigh().0,
        |_, a, _| a.eigh().1,
        |_, a, _| a.svd().0,
        |_, a, _| a.svd().1,
        |_, a, _| a.svd().2,
    ]
}

/// Forward, and both sweeps backward.
fn run(op: Operation, a: &[usize], b: &[usize]) -> (Gradients<f64>, Shape) {
    let t = &Tape::new();
    let (a, b) = (ones(t, a), ones(t, b));
    let y = op(t, a, b);
    let recorded = t.gradient(y.sum(), &[a, b]);
    let numbers = y.backward_with(&Tensor::ones(&y.shape()));
    for (x, recorded) in [a, b].into_iter().zip(recorded) {
        assert_eq!(recorded.shape(), x.shape());
        assert!(numbers.get(x).is_none_or(|numeric| *numeric.shape() == x.shape()));
    }
    (numbers, y.shape())
}

#[test]
fn whatever_the_shapes_there_is_a_result_or_an_error_of_the_callers() {
    let mut results = 0;
    for (i, op) in operations().into_iter().enumerate() {
        for a in SMALL {
            for b in SMALL {
                match panic_of(|| drop(run(op, a, b))) {
                    None => results += 1,
                    Some(p) => {
                        assert!(p.file == file!(), "operation {i}, {a:?}, {b:?}: {} in {}", p.text, p.file);
                    }
                }
            }
        }
    }
    assert!(results > 1000, "{results}");
}
