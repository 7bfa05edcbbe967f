//! The progress bar of a training: a moving line in a terminal, a plain line an epoch elsewhere.

use crate::callbacks::{Callback, CallbackError, Context, Progress};
use crate::trainer::Epoch;
use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use wengert::Float;

/// Shows loss, metrics, rows a second and the time left of each epoch, on standard output.
///
/// ```text
/// epoch 2/5 [================>-------------] 259/469  loss 0.1123  accuracy 0.9668  96,071 rows/s  0s left
/// ```
#[derive(Debug, Default)]
pub struct ProgressBar {
    epochs: usize,
    bar: Option<Bar>,
    rows_per_second: f64,
}

impl ProgressBar {
    /// A bar if standard output is a terminal, else a line at each epoch's end.
    pub fn new() -> ProgressBar {
        ProgressBar::default()
    }
}

impl<T: Float> Callback<T> for ProgressBar {
    fn on_epoch_begin(&mut self, context: &mut Context<'_, T>) -> Result<(), CallbackError> {
        self.epochs = context.epochs;
        if std::io::stdout().is_terminal() {
            let bar = Bar::with_draw_target(None, ProgressDrawTarget::stdout());
            let style = "{prefix} [{bar:30}] {pos}/{len}  {msg}";
            bar.set_style(
                ProgressStyle::with_template(style).expect("the template is right").progress_chars("=>-"),
            );
            bar.set_prefix(format!("epoch {}/{}", context.epoch, self.epochs));
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        progress: &Progress<'_>,
        _: &mut Context<'_, T>,
    ) -> Result<(), CallbackError> {
        let seconds = progress.elapsed.as_secs_f64();
        self.rows_per_second = progress.rows as f64 / seconds.max(1e-9);
        let Some(bar) = &self.bar else { return Ok(()) };
        bar.set_length(progress.batches as u64);
        let left = seconds / progress.batch as f64 * (progress.batches - progress.batch) as f64;
        bar.set_message(format!(
            "{}  {} rows/s  {} left",
            numbers(progress.loss, progress.metrics),
            thousands(self.rows_per_second),
            duration(left)
        ));
        bar.set_position(progress.batch as u64);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &Epoch, _: &mut Context<'_, T>) -> Result<(), CallbackError> {
        let mut line = numbers(epoch.loss, &epoch.metrics);
        if let Some(validation) = &epoch.validation {
            let _ = write!(
                line,
                "  val_{}",
                numbers(validation.loss, &validation.metrics).replace("  ", "  val_")
            );
        }
        let _ = write!(line, "  {} rows/s  {:.2}s", thousands(self.rows_per_second), epoch.seconds);
        match self.bar.take() {
            Some(bar) => bar.abandon_with_message(line),
            // Not `println!`, which panics where nobody reads any more, as behind `| head -1`.
            None => {
                let _ = writeln!(std::io::stdout(), "epoch {}/{}  {line}", epoch.epoch, self.epochs);
            }
        }
        Ok(())
    }
}

fn numbers(loss: f64, metrics: &[(String, f64)]) -> String {
    let mut line = format!("loss {loss:.4}");
    for (name, value) in metrics {
        let _ = write!(line, "  {name} {value:.4}");
    }
    line
}

/// 96071.2 as `96,071`.
fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

fn duration(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        s @ 0..60 => format!("{s}s"),
        s => format!("{}m{:02}s", s / 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(thousands(96071.2), "96,071");
        assert_eq!(thousands(71.0), "71");
        assert_eq!((duration(0.2), duration(61.0)), ("1s".into(), "1m01s".into()));
        assert_eq!(numbers(0.5, &[("accuracy".into(), 0.25)]), "loss 0.5000  accuracy 0.2500");
    }
}
