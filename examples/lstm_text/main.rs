//! Trains an LSTM to continue a text character by character, and lets it write.
//!
//! `cargo run --release --example lstm_text` trains on the first scenes of Shakespeare's Coriolanus,
//! `--data FILE` on any other text. With `--checkpoint DIR` it saves after each epoch; stop it
//! whenever you like, and go on with `--checkpoint DIR --resume`.

#[macro_use]
#[path = "../common/program.rs"]
mod program;
mod report;
#[path = "../common/saving.rs"]
mod saving;
mod text;

use clap::Parser;
use program::{Common, positive};
use saving::Saving;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use text::Text;
use wengert_nn::metrics::Perplexity;
use wengert_nn::prelude::*;
use wengert_nn::wengert::rand::RngExt;

#[derive(Parser)]
#[command(about = "Trains an LSTM on a text, character by character, and lets it write")]
struct Options {
    /// A text in UTF-8 [default: the first scenes of Coriolanus]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Times to go through the text
    #[arg(long, default_value_t = 20)]
    epochs: usize,
    /// Passages a step
    #[arg(long, default_value_t = 32, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch_size: usize,
    /// Characters of a passage
    #[arg(long, default_value_t = 64, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4096))]
    passage: usize,
    /// Units of the LSTM
    #[arg(long, default_value_t = 128, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4096))]
    hidden: usize,
    /// The largest learning rate: it rises to it, and falls to almost nothing
    #[arg(long, default_value_t = 5e-3, value_parser = positive, allow_hyphen_values = true)]
    lr: f64,
    /// Characters to write at the end
    #[arg(long, default_value_t = 400)]
    length: usize,
    /// How daring the writing is: below 1 it takes likelier characters
    #[arg(long, default_value_t = 0.7, value_parser = positive, allow_hyphen_values = true)]
    temperature: f64,
    /// Seed of weights, order, dropout and writing
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    saving: Saving,
}

/// Which character comes next, after each character of a passage.
#[derive(Module)]
struct Writer {
    embedding: Embedding,
    lstm: Lstm,
    dropout: Dropout,
    out: Dense,
}

impl Writer {
    fn new(characters: usize, hidden: usize, seed: u64) -> Writer {
        let mut rng = seeded(seed);
        Writer {
            embedding: Embedding::new(characters, 32, &mut rng),
            lstm: Lstm::new(32, hidden, &mut rng),
            dropout: Dropout::new(0.2),
            out: Dense::new(hidden, characters, &mut rng),
        }
    }

    /// Writes on after `start`, a character at a time: each is drawn by its probability.
    fn write(&self, start: &[usize], length: usize, temperature: f64, seed: u64) -> Vec<usize> {
        let (mut rng, mut tape) = (seeded(seed), GradientTape::new());
        tape.set_training(false);
        let (mut memory, mut read, mut written): (Option<[Tensor; 2]>, _, _) = (None, start.to_vec(), vec![]);
        while written.len() < length {
            let x = self
                .embedding
                .forward(&tape, &Tensor::from_vec(read.clone(), &[1, read.len()]).expect("a row"));
            let states = match &memory {
                None => self.lstm.states(x),
                Some([hidden, cell]) => self.lstm.states_from(x, tape.constant(hidden), tape.constant(cell)),
            };
            let logits = self.out.forward(states.hidden.reshape(&[1, self.lstm_units()]));
            let likely = (logits * (1.0 / temperature)).softmax(-1).value();
            memory = Some([states.hidden.value(), states.cell.expect("an LSTM has cells").value()]);
            tape.reset();
            let mut left: f32 = rng.random();
            let drawn = likely.as_slice().iter().position(|p| {
                left -= p;
                left < 0.0
            });
            // Rounding may leave a little of the last one.
            read = vec![drawn.unwrap_or(likely.len() - 1)];
            written.extend(&read);
        }
        written
    }

    fn lstm_units(&self) -> usize {
        self.out.weight().value().shape()[1]
    }
}

impl Model for Writer {
    type Input = Tensor<usize>;

    fn output<'t>(&self, tape: &'t GradientTape, passages: &Tensor<usize>) -> Var<'t> {
        let x = self.lstm.forward(self.embedding.forward(tape, passages));
        self.out.forward(self.dropout.forward(x))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.common.run(|| run(&options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let json = options.common.json;
    let text = Text::read(options.data.as_deref())?;
    let data = text.passages(options.passage)?;
    let model = Writer::new(text.characters.len(), options.hidden, options.seed);
    let mut fit = FitOptions::new().epochs(options.epochs).batch_size(options.batch_size).seed(options.seed);
    let resumed = options.saving.resumed()?;
    report::start(json, &text, data.len(), model.parameter_count(), resumed.as_deref());
    if let Some(path) = resumed {
        fit = fit.resume(path);
    }

    let steps = (options.epochs * data.len().div_ceil(options.batch_size)).max(1) as u64;
    let loss = SparseCategoricalCrossEntropy::from_logits();
    let trainer = Trainer::new(model, Adam::new(options.lr).clip_global_norm(1.0), loss)
        .schedule(OneCycle::new(options.lr, steps))
        .seed(options.seed)
        .metric(Perplexity::from_logits())
        .metric(Accuracy::new());
    let mut trainer = options.saving.saved(options.common.watched(trainer));
    let history = trainer.fit(&data, fit)?;
    let start = &text.numbers[..options.passage.min(16)];
    let written = trainer.model().write(start, options.length, options.temperature, options.seed);
    report::end(json, &history, &text.spell(start), &text.spell(&written));
    Ok(())
}
