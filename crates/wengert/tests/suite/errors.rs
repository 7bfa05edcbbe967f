//! Every error as a user sees it: the sentence, and the line that it points to.
//!
//! A panic for shapes that do not fit is the caller's: it names the operation, what was given and
//! what would be right, and its place is the caller's line. Anything that an operation is given
//! ends in a result, an `Err` or such a panic, never in one from inside the library.

use crate::common::panic_of;
use wengert::{
    AttentionOptions, ConvOptions, GradientTape, Gradients, Parameter, PoolOptions, Reduction, Shape,
    ShapeError, Span, Tensor, Var, tensor,
};

type Tape = GradientTape<f64>;

fn ones<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t, f64> {
    tape.var(Tensor::ones(shape))
}

fn span(start: isize, end: isize, step: isize) -> Span {
    Span::from((start..end, step))
}

fn conv() -> ConvOptions {
    ConvOptions::new()
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
        t: ones(t, &[4, 3]).nll_loss(&tensor![0, 1], Reduction::Sum) => "nll_loss: expected logits of shape [.., classes] and one label a row, for labels [2], got logits [4, 3]";
        t: ones(t, &[1, 3]).nll_loss(&tensor![3], Reduction::Sum) => "nll_loss: expected labels below 3, the number of classes, got label 3 in row 0";
        t: ones(t, &[1, 3]).cross_entropy_loss(&tensor![0], 1.5, Reduction::Sum) => "cross_entropy_loss: expected a label smoothing from 0 to 1, got 1.5";
        t: ones(t, &[3]).mse_loss(ones(t, &[3, 1]), Reduction::Sum) => "mse_loss: expected a target of the value's shape [3], got [3, 1]";
        t: ones(t, &[3]).bce_loss(Tensor::ones(&[1]), Reduction::Sum) => "bce_loss: expected a target of the value's shape [3], got [1]";
        t: ones(t, &[3]).huber_loss(Tensor::ones(&[3]), 0.0, Reduction::Sum) => "huber_loss: expected a delta above 0, got 0";
        t: ones(t, &[3]).huber_loss(Tensor::ones(&[3]), f64::NAN, Reduction::Sum) => "huber_loss: expected a delta above 0, got NaN";
        t: ones(t, &[2, 3, 4]).conv2d(ones(t, &[5, 2, 1, 1]), conv()) => "conv2d: expected x [batch, in, height, width] and weight [out, in / groups, height, width], got x [2, 3, 4], weight [5, 2, 1, 1]";
        t: ones(t, &[2, 3, 4]).conv1d(ones(t, &[5, 2]), conv()) => "conv1d: expected x [batch, in, length] and weight [out, in / groups, length], got x [2, 3, 4], weight [5, 2]";
        t: ones(t, &[1, 3, 4, 4]).conv2d_bias(ones(t, &[6, 3, 3, 3]), ones(t, &[6, 1, 1]), conv()) => "conv2d_bias: expected a bias [6] for the channels of the weight [6, 3, 3, 3], got bias [6, 1, 1]";
        t: ones(t, &[1, 3, 4, 4]).conv2d(ones(t, &[6, 2, 3, 3]), conv()) => "conv2d: expected a weight [out, 3, ..] for the 3 channels of x, got weight [6, 2, 3, 3]";
        t: ones(t, &[1, 4, 4, 4]).conv2d(ones(t, &[6, 4, 3, 3]), conv().groups(2)) => "conv2d: expected a weight [out, 2, ..] for the 4 channels of x in 2 groups, got weight [6, 4, 3, 3]";
        t: ones(t, &[1, 3, 4, 4]).conv2d(ones(t, &[6, 1, 3, 3]), conv().groups(2)) => "conv2d: expected groups that divide 3 channels of x and 6 of the weight, got 2 groups";
        t: ones(t, &[1, 3, 4, 4]).conv2d(ones(t, &[6, 1, 3, 3]), conv().groups(0)) => "conv2d: expected groups that divide 3 channels of x and 6 of the weight, got 0 groups";
        t: ones(t, &[1, 1, 4, 4]).conv2d(ones(t, &[1, 1, 3, 3]), conv().stride([1, 0])) => "conv2d: expected a stride of at least 1, got 0";
        t: ones(t, &[1, 1, 4, 4]).conv2d(ones(t, &[1, 1, 3, 3]), conv().dilation(0)) => "conv2d: expected a dilation of at least 1, got 0";
        t: ones(t, &[1, 1, 4, 4]).conv2d(ones(t, &[1, 1, 0, 3]), conv()) => "conv2d: expected a kernel of at least 1, got 0";
        t: ones(t, &[1, 1, 4, 9]).conv2d(ones(t, &[1, 1, 4, 4]), conv().padding(1).dilation(2)) => "conv2d: expected a kernel that spans at most 6, which is 4 with padding 1, got one of 4 with dilation 2, which spans 7";
        t: ones(t, &[1, 1, 5]).conv1d(ones(t, &[1, 1, 6]), conv()) => "conv1d: expected a kernel that spans at most 5, which is 5 with padding 0, got one of 6 with dilation 1, which spans 6";
        t: ones(t, &[1, 1, 4, 4]).conv2d(ones(t, &[1, 1, 3, 3]), conv().output_padding(1)) => "conv2d: expected no output padding, which is for transposed convolutions, got [1, 1]";
        t: ones(t, &[1, 1, 4, 4]).conv2d(ones(t, &[1, 1, 3, 3]), conv().padding(usize::MAX)) => format!("conv2d: expected a padding that an image can have, got {}", usize::MAX);
        t: ones(t, &[1, 3, 4, 4]).conv_transpose2d(ones(t, &[2, 3, 2, 2]), conv()) => "conv_transpose2d: expected a weight [in, out / groups, ..] for the 3 channels of x, got weight [2, 3, 2, 2]";
        t: ones(t, &[1, 3, 4, 4]).conv_transpose2d(ones(t, &[3, 2, 2, 2]), conv().groups(2)) => "conv_transpose2d: expected groups that divide 3 channels of x and 3 of the weight, got 2 groups";
        t: ones(t, &[1, 1, 4, 4]).conv_transpose2d(ones(t, &[1, 1, 2, 2]), conv().stride(2).output_padding(2)) => "conv_transpose2d: expected an output padding below the stride 2 or the dilation 1, got 2";
        t: ones(t, &[1, 1, 4, 4]).conv_transpose2d(ones(t, &[1, 1, 2, 2]), conv().padding(3)) => "conv_transpose2d: expected a result of at least 1 along each axis that memory can hold, got 4 windows that span 5 in all, less twice the padding 3";
        t: ones(t, &[1, 1, 0, 4]).conv_transpose2d(ones(t, &[1, 1, 2, 2]), conv()) => "conv_transpose2d: expected axes of at least 1 along rows and columns, got 0";
        t: ones(t, &[4]).max_pool2d(2) => "max_pool2d: expected x [.., height, width], got [4]";
        t: ones(t, &[]).avg_pool1d(2) => "avg_pool1d: expected x [.., length], got []";
        t: ones(t, &[4, 4]).max_pool2d(5) => "max_pool2d: expected a kernel that spans at most 4, which is 4 with padding 0, got one of 5 with dilation 1, which spans 5";
        t: ones(t, &[4, 4]).avg_pool2d(PoolOptions::new(2).stride(0)) => "avg_pool2d: expected a stride of at least 1, got 0";
        t: ones(t, &[4, 4]).max_pool2d(PoolOptions::new(2).padding(2)) => "max_pool2d: expected a padding below the kernel 2, got 2";
        t: ones(t, &[4, 0]).global_max_pool2d() => "global_max_pool2d: expected images with elements, got x [4, 0]";
        t: ones(t, &[4]).global_avg_pool2d() => "global_avg_pool2d: expected x [.., height, width], got [4]";
        t: ones(t, &[2, 0]).adaptive_avg_pool2d(1) => "adaptive_avg_pool2d: expected images with elements, got x [2, 0] for 1 x 1";
        t: ones(t, &[2]).upsample_nearest2d(2) => "upsample_nearest2d: expected x [.., height, width], got [2]";
        t: ones(t, &[2, 2]).upsample_bilinear2d([usize::MAX, 1], false) => format!("shape [{}, 1] is too large: at most 32 axes, and elements that fit in memory", usize::MAX);
        t: ones(t, &[2, 3]).layer_norm(ones(t, &[2]), ones(t, &[2]), 0.1) => "layer_norm: expected weight and bias of the lengths of the last axes of x [2, 3], got [2]";
        t: ones(t, &[2, 3]).layer_norm(ones(t, &[3]), ones(t, &[2, 3]), 0.1) => "layer_norm: expected weight and bias of the lengths of the last axes of x [2, 3], got [2, 3]";
        t: ones(t, &[2, 3]).rms_norm(ones(t, &[]), 0.1) => "rms_norm: expected a weight of the lengths of the last axes of x [2, 3], got []";
        t: ones(t, &[3]).batch_norm(ones(t, &[3]), ones(t, &[3]), 0.1) => "batch_norm: expected x [batch, channels, ..], got [3]";
        t: ones(t, &[2, 3]).batch_norm(ones(t, &[2]), ones(t, &[3]), 0.1) => "batch_norm: expected one number for each of 3 channels, got [2]";
        t: ones(t, &[2, 4]).group_norm(3, ones(t, &[4]), ones(t, &[4]), 0.1) => "group_norm: expected groups that divide 4 channels, got 3 groups";
        t: ones(t, &[2, 3]).attention(ones(t, &[4, 3]), ones(t, &[5, 3]), AttentionOptions::new()) => "attention: expected q [.., queries, d], k [.., keys, d] and v [.., keys, e], got q [2, 3], k [4, 3], v [5, 3]";
        t: ones(t, &[2, 2, 3]).attention(ones(t, &[3, 4, 3]), ones(t, &[4, 3]), AttentionOptions::new()) => "attention: shapes [2] and [3] do not broadcast: aligned at the last axis, lengths must be equal or 1";
        t: ones(t, &[2, 3]).attention(ones(t, &[4, 3]), ones(t, &[4, 3]), AttentionOptions::new().mask(Tensor::ones(&[4, 2]))) => "attention: expected a mask that stretches to the scores [2, 4], got [4, 2]";
        t: ones(t, &[2, 3]).attention_with_bias(ones(t, &[4, 3]), ones(t, &[4, 3]), ones(t, &[1, 2, 4]), AttentionOptions::new()) => "attention: expected a bias that stretches to the scores [2, 4], got [1, 2, 4]";
        t: ones(t, &[2]).dropout(1.5) => "dropout: expected a rate from 0 to 1, got 1.5";
        t: ones(t, &[2]).dropout(f64::NAN) => "dropout: expected a rate from 0 to 1, got NaN";
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
        t: ones(t, &[1, 1, 2, 2]).max_pool2d(0) => "max_pool2d: expected a kernel of at least 1, got 0";
        t: t.location_of(Tape::new().var(1.0).exp().id()) => "location_of: expected a node below %0, got %1";
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
    let foreign = |shape: &[usize]| there.var(Tensor::ones(shape));
    let recorded = line!() - 1;
    let (x, y) = (here.var(1.0), foreign(&[]));
    let (row, channel, options) = (ones(&here, &[1, 1, 1]), foreign(&[1]), AttentionOptions::new);
    let mixes: [&dyn Fn(); 20] = [
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
        &|| _ = row.conv1d(foreign(&[1, 1, 1]), conv()),
        &|| _ = row.layer_norm(channel, channel, 0.1),
        &|| _ = row.batch_norm(channel, channel, 0.1),
        &|| _ = row.batch_norm_with(channel, channel, channel, channel, 0.1),
        &|| _ = row.group_norm(1, channel, channel, 0.1),
        &|| _ = row.attention(row, foreign(&[1, 1, 1]), options()),
        &|| _ = row.attention_with_bias(row, row, channel, options()),
        &|| _ = x.bce_loss(y, Reduction::Mean),
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

/// With leading axes of 1 up to four.
fn images(x: Var<'_, f64>) -> Var<'_, f64> {
    let shape = x.shape();
    x.reshape(&[&[1; 4][..4 - shape.len()], &shape].concat())
}

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
        |_, a, b| a.conv2d(b, conv()),
        |_, a, b| images(a).conv2d(images(b), conv().padding(1)),
        |_, a, b| images(a).conv2d(images(b), conv().stride(usize::MAX).padding([3, 0])),
        |_, a, b| images(a).conv2d(images(b), conv().dilation(usize::MAX).groups(usize::MAX)),
        |_, a, b| images(a).conv2d(images(b), conv().padding(usize::MAX / 2)),
        |_, a, b| a.conv1d(b, conv().padding(2)),
        |_, a, b| images(a).conv_transpose2d(images(b), conv()),
        |_, a, b| images(a).conv_transpose2d(images(b), conv().stride(3).output_padding([2, 0])),
        |_, a, b| images(a).conv_transpose2d(images(b), conv().stride(usize::MAX).dilation(usize::MAX)),
        |_, a, b| images(a).conv_transpose2d(images(b), conv().padding(usize::MAX)),
        |_, a, _| a.max_pool2d(1),
        |_, a, _| a.avg_pool2d(PoolOptions::new(3).stride(usize::MAX).padding(2)),
        |_, a, _| a.max_pool2d(PoolOptions::new(usize::MAX).padding(usize::MAX)),
        |_, a, _| a.max_pool1d(PoolOptions::new(2).padding(1)),
        |_, a, _| a.avg_pool1d(usize::MAX),
        |_, a, _| a.global_max_pool2d() + a.global_avg_pool2d(),
        |_, a, _| a.adaptive_avg_pool2d([2, 1]),
        |_, a, _| a.adaptive_avg_pool2d([0, 2]),
        |_, a, _| a.adaptive_avg_pool2d(usize::MAX),
        |_, a, _| a.upsample_nearest2d([2, 0]),
        |_, a, _| a.upsample_nearest2d(usize::MAX),
        |_, a, _| a.upsample_bilinear2d([1, 4], true),
        |_, a, _| a.upsample_bilinear2d([3, 0], false),
        |_, a, b| a.layer_norm(b, b, 0.1),
        |_, a, b| a.rms_norm(b, 0.1),
        |_, a, b| a.batch_norm(b, b, 0.1),
        |_, a, b| a.batch_norm_with(b, b, b, b, 0.1),
        |_, a, b| a.group_norm(1, b, b, 0.1),
        |_, a, b| a.instance_norm(b, b, 0.1),
        |_, a, b| a.attention(b, b, AttentionOptions::new().causal(true)),
        |_, a, b| a.attention(b, a, AttentionOptions::new().mask(Tensor::ones(&b.shape()))),
        |_, a, b| a.attention_with_bias(a, a, b, AttentionOptions::new()),
        |_, a, _| a.dropout(0.5),
        |_, a, b| a.mse_loss(b, Reduction::Mean) + a.mae_loss(b, Reduction::Sum),
        |_, a, b| a.huber_loss(b, 0.5, Reduction::None),
        |_, a, b| a.bce_loss(b, Reduction::Sum) + a.bce_with_logits_loss(b, Reduction::Mean),
        |_, a, b| a.kl_div_loss(b, Reduction::Mean),
        |_, a, b| a.nll_loss(&Tensor::zeros(&b.shape()), Reduction::None),
        |_, a, b| a.cross_entropy_loss(&Tensor::zeros(&b.shape()), 0.1, Reduction::Mean),
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
