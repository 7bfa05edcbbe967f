//! What the program prints: text for people, or one JSON object a line.

use crate::program::fit_seconds;
use crate::task::Task;
use serde_json::json;
use std::io::Write;
use wengert_nn::Evaluation;
use wengert_nn::prelude::*;

/// `print!`, as `say!` is `println!`.
macro_rules! say_part {
    ($($text:tt)*) => {{ let _ = write!(std::io::stdout(), $($text)*); }};
}

/// How many test digits to draw.
const DRAWN: usize = 5;

pub fn start(json: bool, task: &Task, hidden: usize, parameters: usize) {
    let (train, test, classes) = (task.train.len(), task.test.len(), task.train.classes());
    if json {
        let threads = rayon::current_num_threads();
        say!(
            "{}",
            json!({"event": "start", "dataset": task.name, "train": train, "test": test, "hidden": hidden,
                   "parameters": parameters, "epochs": task.epochs, "batch_size": task.batch_size, "threads": threads})
        );
        return;
    }
    let inputs = task.train.height() * task.train.width();
    say!("{}: {train} images to train on, {test} to test with", task.name);
    say!("Dense({inputs} -> {hidden}), relu, Dense({hidden} -> {classes}): {parameters} parameters");
}

pub fn end(json: bool, task: &Task, history: &History, evaluation: &Evaluation, probabilities: &Tensor) {
    let accuracy = evaluation.metric("accuracy");
    let (fit_seconds, step_ms) = (fit_seconds(history), task.step_ms(history));
    if json {
        let last = history.epochs.last();
        say!(
            "{}",
            json!({"event": "result", "dataset": task.name, "test_loss": evaluation.loss, "test_accuracy": accuracy,
                   "train_accuracy": last.map(|epoch| epoch.metrics[0].1), "fit_seconds": fit_seconds,
                   "step_ms": step_ms, "peak_rss_bytes": peak_rss_bytes()})
        );
        return;
    }
    say!("\ntest loss {:.4}, test accuracy {:.4}", evaluation.loss, accuracy.unwrap_or(f64::NAN));
    say_part!("{fit_seconds:.2} s of training, {step_ms:.2} ms a step");
    match peak_rss_bytes() {
        Some(bytes) => say!(", {} MiB of memory at most\n", bytes >> 20),
        None => say!("\n"),
    }
    confusion(task, probabilities);
    (0..task.test.len().min(DRAWN)).for_each(|i| digit(task, i, row(probabilities, i)));
}

fn row(probabilities: &Tensor, i: usize) -> &[f32] {
    let classes = probabilities.shape()[1];
    &probabilities.as_slice()[i * classes..][..classes]
}

/// Classes in order of falling probability.
fn ranking(row: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..row.len()).collect();
    classes.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    classes
}

fn confusion(task: &Task, probabilities: &Tensor) {
    let classes = task.test.classes();
    let mut counts = vec![0usize; classes * classes];
    for i in 0..task.test.len() {
        counts[task.test.label(i) * classes + ranking(row(probabilities, i))[0]] += 1;
    }
    let width = counts.iter().max().map_or(1, |n| n.to_string().len()).max(2) + 1;
    say!("confusion: a row for each true digit, a column for each predicted one");
    say_part!("    ");
    (0..classes).for_each(|class| say_part!("{class:>width$}"));
    say!();
    for (truth, row) in counts.chunks(classes).enumerate() {
        say_part!("{truth:>3} ");
        row.iter()
            .for_each(|&n| if n == 0 { say_part!("{:>width$}", "·") } else { say_part!("{n:>width$}") });
        say!();
    }
    say!();
}

/// The image in half blocks, two pixel rows a line, and the five likeliest classes beside it.
fn digit(task: &Task, i: usize, row: &[f32]) {
    let (image, width) = (task.test.image(i), task.test.width());
    let wide = if width < 16 { 2 } else { 1 };
    let (dark, grey) = (u32::from(task.test.scale()) * 5 / 8, u32::from(task.test.scale()) / 4);
    let level = |pixel: u8| (u32::from(pixel) > grey) as usize + (u32::from(pixel) > dark) as usize;
    let ranking = ranking(row);
    let mut beside = vec![format!("test image {i}, a {}", task.test.label(i))];
    for &class in ranking.iter().take(5) {
        let p = row[class];
        let bar = "#".repeat((p * 20.0).round() as usize);
        beside.push(format!("  {class}  {:6.2}%  {bar}", p * 100.0));
    }
    let mut lines: Vec<String> = Vec::new();
    lines.extend(image.chunks(2 * width).map(|pair| {
        let (top, bottom) = pair.split_at(width);
        let below = |x: usize| bottom.get(x).copied().map_or(0, level);
        let block = |x: usize| match (level(top[x]), below(x)) {
            (0, 0) => " ",
            (1, 0) => "'",
            (0, 1) => ".",
            (2, 0) => "▀",
            (0, 2) => "▄",
            (1, 1) => "░",
            (2, 2) => "█",
            _ => "▒",
        };
        (0..width).map(|x| block(x).repeat(wide)).collect::<String>()
    }));
    while lines.len() > beside.len() && lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let mut beside = beside.into_iter();
    for line in lines {
        say!("  {line}   {}", beside.next().unwrap_or_default());
    }
    beside.for_each(|text| say!("  {:width$}   {text}", "", width = width * wide));
    say!();
}

/// The most memory that the process has had resident, where the system tells.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
