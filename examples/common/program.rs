//! What the examples that train are as programs: options, a pool of threads, an exit code, a line or an
//! object for each epoch.

use clap::Args;
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;
use wengert_nn::Epoch;
use wengert_nn::callbacks::{Callback, CallbackError, Context};
use wengert_nn::prelude::*;

/// `println!` that stays silent where nobody reads any more, as behind `| head -1`.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// The options of all of them.
#[derive(Args)]
pub struct Common {
    /// Threads [default: all cores]
    #[arg(long, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,
    /// Print one JSON object a line instead of text
    #[arg(long, display_order = 900)]
    pub json: bool,
}

impl Common {
    /// Runs the program; its error is printed and is the exit code.
    pub fn run(&self, program: impl FnOnce() -> Result<(), Box<dyn Error>> + Send) -> ExitCode {
        // The whole run happens inside the pool, so that no step waits at its door.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).build();
        let result = match pool {
            Ok(pool) => pool.install(|| program().map_err(|error| error.to_string())),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = result {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    /// The trainer, which tells how it gets on.
    pub fn watched<M: Model>(&self, trainer: Trainer<M>) -> Trainer<M> {
        match self.json {
            true => trainer.callback(JsonLines),
            false => trainer.callback(ProgressBar::new()),
        }
    }
}

/// The value of an option, as clap asks for it.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a positive number".into()),
    }
}

/// One line an epoch.
struct JsonLines;

impl Callback for JsonLines {
    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_>) -> Result<(), CallbackError> {
        let mut event =
            json!({"event": "epoch", "epoch": epoch.epoch, "loss": epoch.loss, "seconds": epoch.seconds});
        for (name, value) in &epoch.metrics {
            event[name] = Value::from(*value);
        }
        say!("{event}");
        Ok(())
    }
}

/// Time of a training, without its validations.
pub fn fit_seconds(history: &History) -> f64 {
    history.epochs.iter().map(|epoch| epoch.seconds).sum()
}
