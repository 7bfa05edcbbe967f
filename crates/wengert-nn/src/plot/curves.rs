//! Which charts a history has, and what is in each.

use super::chart::{Chart, Curve, Kind};
use super::text::clean;
use crate::trainer::{Epoch, History};

/// What is drawn as it is; larger numbers would not leave room for others on an axis of doubles.
const DRAWABLE: f64 = 1e100;

/// The charts: the loss, each metric, and the learning rate if it changes; none without epochs.
pub(crate) fn charts(history: &History) -> Vec<Chart> {
    if history.epochs.is_empty() {
        return Vec::new();
    }
    let both = |name: &str| {
        let validation = format!("val_{name}");
        let curves = [(Kind::Training, name), (Kind::Validation, &validation)];
        let curves = curves.map(|(kind, name)| curve(history, kind, name));
        chart(history, name, curves.into_iter().flatten().collect())
    };
    let mut charts: Vec<Chart> = names(history).iter().map(|name| both(name)).collect();
    let rates = curve(history, Kind::Alone, "learning_rate");
    let changes = history.epochs.windows(2).any(|pair| pair[0].learning_rate != pair[1].learning_rate);
    if let Some(rates) = rates.filter(|_| changes) {
        charts.push(chart(history, "learning rate", vec![rates]));
    }
    charts
}

fn chart(history: &History, title: &str, curves: Vec<Curve>) -> Chart {
    let epochs = history.epochs.iter().map(|epoch| epoch.epoch);
    let (first, last) = (epochs.clone().min().unwrap_or(0), epochs.max().unwrap_or(0));
    Chart { title: clean(title), epochs: (first, last), curves }
}

/// `loss`, and the names of the metrics in the order in which they first occur.
fn names(history: &History) -> Vec<String> {
    let mut names = vec!["loss".to_string()];
    let of = |epoch: &Epoch| {
        let validation = epoch.validation.iter().flat_map(|validation| validation.metrics.clone());
        epoch.metrics.iter().cloned().chain(validation).map(|(name, _)| name).collect::<Vec<_>>()
    };
    for name in history.epochs.iter().flat_map(of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A quantity over the epochs, if it was ever measured.
fn curve(history: &History, kind: Kind, name: &str) -> Option<Curve> {
    let mut curve = Curve { kind, values: Vec::new(), left_out: Vec::new() };
    for epoch in &history.epochs {
        match epoch.value(name) {
            Some(value) if value.abs() <= DRAWABLE => curve.values.push((epoch.epoch, Some(value))),
            found => {
                curve.values.push((epoch.epoch, None));
                curve.left_out.extend(found.map(|_| epoch.epoch));
            }
        }
    }
    let measured = !curve.left_out.is_empty() || curve.values.iter().any(|(_, value)| value.is_some());
    measured.then_some(curve)
}
