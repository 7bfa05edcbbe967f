//! What layers say to an input that does not fit, and to options that cannot be: where the layer is, what
//! it is, what would be right, and the user's line.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use wengert_nn::layers::*;
use wengert_nn::prelude::*;

thread_local! {
    static EXPECTING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<(String, String, u32)> = const { RefCell::new((String::new(), String::new(), 0)) };
}

/// Text, file and line of the panic in `f`.
fn panic_of<R>(f: impl FnOnce() -> R) -> (String, String, u32) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !EXPECTING.get() {
                return before(info);
            }
            let text = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
            let place = info.location().expect("panics have a location");
            LAST.set((text, place.file().to_string(), place.line()));
        }));
    });
    EXPECTING.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    EXPECTING.set(false);
    assert!(result.is_err(), "it did not panic");
    LAST.take()
}

type Tape = GradientTape<f32>;

fn zeros<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    tape.constant(Tensor::zeros(shape))
}

struct Case {
    f: fn(&Tape),
    text: &'static str,
}

macro_rules! panics {
    ($($tape:ident: $body:expr => $text:expr;)*) => {
        vec![$(Case {
            f: |$tape: &Tape| {
                #[allow(unused_must_use)]
                { $body; }
            },
            text: $text,
        }),*]
    };
}

#[track_caller]
fn all_are_named(first: u32, cases: Vec<Case>) {
    for (i, Case { f, text }) in cases.into_iter().enumerate() {
        let (found, file, line) = panic_of(|| f(&Tape::new()));
        assert_eq!(found, text);
        assert!(file.ends_with("layer_errors.rs"), "{text}: at {file}:{line}");
        assert_eq!(line, first + i as u32, "{text}");
    }
}

#[test]
#[rustfmt::skip] // one a line, whatever its length
fn inputs_that_do_not_fit() {
    let first = line!() + 2;
    all_are_named(first, panics! {
        t: Dense::new(784, 512, &mut seeded(0)).forward(zeros(t, &[32, 28, 28])) => "Dense 784 -> 512: expected [.., 784], got [32, 28, 28]; flatten it first?";
        t: Conv1d::new(3, 4, 3, &mut seeded(0)).forward(zeros(t, &[2, 3])) => "Conv1d 3 -> 4, kernel 3: expected [batch, 3, length], got [2, 3]";
        t: Conv2d::new(3, 4, 3, &mut seeded(0)).forward(zeros(t, &[2, 8, 8, 3])) => "Conv2d 3 -> 4, kernel 3: expected [batch, 3, height, width], got [2, 8, 8, 3]";
        t: Conv2d::new(3, 4, [3, 5], &mut seeded(0)).stride(2).forward(zeros(t, &[2, 3, 4, 4])) => "Conv2d 3 -> 4, kernel [3, 5], stride 2: expected height, width with room for a kernel that spans 5, got [2, 3, 4, 4]";
        t: ConvTranspose2d::new(3, 4, 3, &mut seeded(0)).forward(zeros(t, &[2, 4, 8, 8])) => "ConvTranspose2d 3 -> 4, kernel 3: expected [batch, 3, height, width], got [2, 4, 8, 8]";
        t: MaxPool2d::new(3).forward(zeros(t, &[2, 3, 2, 2])) => "MaxPool2d 3: expected images with room for a kernel of 3, got [2, 3, 2, 2]";
        t: AvgPool2d::new(3).forward(zeros(t, &[2])) => "AvgPool2d 3: expected [.., height, width], got [2]";
        t: MaxPool1d::new(3).forward(zeros(t, &[2, 2])) => "MaxPool1d 3: expected sequences with room for a kernel of 3, got [2, 2]";
        t: GlobalAvgPool2d.forward(zeros(t, &[2])) => "GlobalAvgPool2d: expected [.., height, width], got [2]";
        t: AdaptiveAvgPool2d::new(2).forward(zeros(t, &[2, 0, 3])) => "AdaptiveAvgPool2d 2: expected [.., height, width] with elements, got [2, 0, 3]";
        t: Flatten.forward(zeros(t, &[])) => "Flatten: expected [batch, ..], got []";
        t: Reshape::new(&[3, 4]).forward(zeros(t, &[2, 13])) => "Reshape [3, 4]: expected [batch, ..] with 12 elements an example, got [2, 13]";
        t: Upsample::nearest(2).forward(zeros(t, &[2])) => "Upsample 2: expected [.., height, width], got [2]";
        t: Embedding::new(7, 4, &mut seeded(0)).forward(t, &tensor![1usize, 9]) => "Embedding 7 -> 4: expected tokens below 7, got 9";
        t: PositionalEncoding::sinusoidal(5, 4).forward(zeros(t, &[2, 6, 4])) => "PositionalEncoding 5 x 4: expected [.., steps, 4] with at most 5 steps, got [2, 6, 4]";
        t: BatchNorm1d::new(3).forward(zeros(t, &[2, 4])) => "BatchNorm1d 3: expected [batch, 3] or [batch, 3, length], got [2, 4]";
        t: BatchNorm2d::new(3).forward(zeros(t, &[2, 3])) => "BatchNorm2d 3: expected [batch, 3, height, width], got [2, 3]";
        t: BatchNorm1d::new(3).forward(zeros(t, &[1, 3])) => "BatchNorm1d 3: expected more than one number a channel in training, got [1, 3]";
        t: LayerNorm::over(&[4, 3]).forward(zeros(t, &[2, 3, 4])) => "LayerNorm [4, 3]: expected [.., 4, 3], got [2, 3, 4]";
        t: RmsNorm::new(4).forward(zeros(t, &[2, 3])) => "RmsNorm 4: expected [.., 4], got [2, 3]";
        t: GroupNorm::new(2, 4).forward(zeros(t, &[2, 3, 5])) => "GroupNorm 2 of 4: expected [batch, 4, ..], got [2, 3, 5]";
        t: Lstm::new(3, 4, &mut seeded(0)).forward(zeros(t, &[2, 5, 4])) => "Lstm 3 -> 4: expected [batch, steps, 3] with at least one step, got [2, 5, 4]";
        t: Gru::new(3, 4, &mut seeded(0)).states_of_lengths(zeros(t, &[2, 5, 3]), &[5, 6]) => "Gru 3 -> 4: expected 2 lengths from 1 to 5, got [5, 6]";
        t: Rnn::new(3, 4, &mut seeded(0)).states_from(zeros(t, &[2, 5, 3]), zeros(t, &[2, 4])) => "Rnn 3 -> 4: expected initial states [1, 2, 4], got [2, 4]";
        t: MultiHeadAttention::new(8, 2, &mut seeded(0)).forward(zeros(t, &[2, 5, 6])) => "MultiHeadAttention 8, 2 heads: expected x [.., length, 8], got [2, 5, 6]";
        t: Prelu::of_channels(3).forward(zeros(t, &[2, 4])) => "Prelu 3: expected [batch, 3, ..], got [2, 4]";
        t: Bilinear::new(3, 4, 2, &mut seeded(0)).forward(zeros(t, &[5, 3]), zeros(t, &[6, 4])) => "Bilinear 3, 4 -> 2: expected [.., 3] and [.., 4], got [5, 3] and [6, 4]";
        t: Residual::new(Dense::new(3, 4, &mut seeded(0))).forward(zeros(t, &[2, 3])) => "Residual: expected a body with output [2, 3], got [2, 4]; give it a shortcut of its own?";
    });
}

#[test]
#[rustfmt::skip] // one a line, whatever its length
fn options_that_cannot_be() {
    let first = line!() + 2;
    all_are_named(first, panics! {
        _t: Conv2d::<f32>::new(3, 4, [3, 0], &mut seeded(0)) => "Conv2d: expected a kernel of at least 1, got [3, 0]";
        _t: Conv2d::<f32>::new(3, 4, 3, &mut seeded(0)).stride(0) => "Conv2d: expected a stride of at least 1, got 0";
        _t: Conv1d::<f32>::new(3, 4, 3, &mut seeded(0)).dilation(0) => "Conv1d: expected a dilation of at least 1, got 0";
        _t: Conv2d::<f32>::new(3, 4, 3, &mut seeded(0)).groups(2, &mut seeded(0)) => "Conv2d: expected groups that divide 3 channels in and 4 out, got 2";
        _t: Conv2d::<f32>::new(3, 4, [3, 2], &mut seeded(0)).same_padding() => "Conv2d: expected kernels that span odd lengths for the same padding, got [3, 2]";
        _t: MaxPool2d::new(0) => "MaxPool2d: expected a kernel of at least 1, got 0";
        _t: AvgPool2d::new(2).stride([0, 1]) => "AvgPool2d: expected a stride of at least 1, got [0, 1]";
        _t: MaxPool2d::new(2).padding(2) => "MaxPool2d: expected a padding below the kernel 2, got 2";
        _t: Dropout::new(1.5) => "Dropout: expected a rate from 0 to 1, got 1.5";
        _t: Dropout::new(f64::NAN) => "Dropout: expected a rate from 0 to 1, got NaN";
        _t: LayerNorm::<f32>::over(&[]) => "LayerNorm: expected at least one axis, got []";
        _t: GroupNorm::<f32>::new(4, 6) => "GroupNorm: expected groups that divide 6 channels, got 4";
        _t: BatchNorm1d::<f32>::new(3).momentum(1.5) => "BatchNorm1d: expected a momentum from 0 to 1, got 1.5";
        _t: MultiHeadAttention::<f32>::new(6, 0, &mut seeded(0)) => "MultiHeadAttention: expected heads that divide the dimension 6, got 0";
        _t: TransformerEncoderLayer::<f32>::new(6, 4, 8, &mut seeded(0)) => "MultiHeadAttention: expected heads that divide the dimension 6, got 4";
        _t: Lstm::<f32>::new(3, 0, &mut seeded(0)) => "Lstm: expected at least one hidden number, got 0";
        _t: Gru::<f32>::with_options(3, 2, RecurrentOptions::new().layers(0), &mut seeded(0)) => "Gru: expected at least one layer, got 0";
        _t: Prelu::<f32>::of_channels(0) => "Prelu: expected at least one channel, got 0";
        _t: Upsample::bilinear([1, 0]) => "Upsample: expected a factor of at least 1, got [1, 0]";
        _t: LeakyRelu::new(f64::INFINITY) => "LeakyRelu: expected a finite alpha, got inf";
        _t: Sequential::<f32>::new().named("a", Relu).named("a", Relu) => "Sequential: expected a name of its own for each layer, got `a` twice";
        _t: Sequential::<f32>::new().named("a.b", Relu) => "Sequential: expected a name without dots and slashes, got `a.b`";
    });
}

#[derive(Module)]
struct Model {
    encoder: Sequential,
    head: Dense,
}

impl Forward for Model {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.head.forward(self.encoder.forward(x))
    }
}

#[test]
fn a_layer_in_a_model_says_where_it_is_at_the_line_that_called_the_model() {
    let rng = &mut seeded(0);
    let encoder = Sequential::new().layer(Relu).named("hidden", Dense::new(784, 512, rng)).layer(Flatten);
    let model = Model { encoder, head: Dense::new(256, 10, rng) };
    model.name_parameters();
    let tape = Tape::new();
    let line = line!() + 1;
    let (text, file, found) = panic_of(|| model.forward(zeros(&tape, &[32, 1, 28, 28])));
    let hint = "expected [.., 784], got [32, 1, 28, 28]; flatten it first?";
    assert_eq!(text, format!("model.encoder.hidden (Dense 784 -> 512): {hint}"));
    assert!(file.ends_with("layer_errors.rs") && found == line, "{file}:{found}");

    let tape = Tape::new();
    let (text, ..) = panic_of(|| model.forward(zeros(&tape, &[32, 784])));
    assert_eq!(text, "model.head (Dense 256 -> 10): expected [.., 256], got [32, 512]");
}

#[test]
fn a_tape_goes_on_after_a_layer_has_refused() {
    let model: Sequential = Sequential::new().named("hidden", Dense::new(3, 2, &mut seeded(0)));
    let tape = Tape::new();
    panic_of(|| model.forward(zeros(&tape, &[4, 4])));
    let y = model.forward(zeros(&tape, &[4, 3]));
    assert_eq!(tape.scope_of(y.id()), "hidden");
}
