//! What a training has seen: epochs, and evaluations.

/// What [`Trainer::fit`](crate::Trainer::fit) has seen, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
}

impl History {
    /// A quantity epoch by epoch, by its name in logs: see [`Epoch::value`].
    pub fn values(&self, name: &str) -> Vec<Option<f64>> {
        self.epochs.iter().map(|epoch| epoch.value(name)).collect()
    }
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Mean loss over its rows, each measured before the step that used it.
    pub loss: f64,
    /// Names and values of the metrics, measured likewise.
    pub metrics: Vec<(String, f64)>,
    /// Loss and metrics on the validation data after the epoch.
    pub validation: Option<Evaluation>,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Time of the training, without the validation.
    pub seconds: f64,
}

impl Epoch {
    /// A quantity by its name in logs: `loss`, the name of a metric, `learning_rate`, or one of the
    /// validation, as `val_loss`.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.logs().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All quantities with their names in logs, in the order in which they are best shown.
    pub fn logs(&self) -> Vec<(String, f64)> {
        let mut all = vec![("loss".to_string(), self.loss)];
        all.extend(self.metrics.iter().cloned());
        if let Some(validation) = &self.validation {
            all.push(("val_loss".into(), validation.loss));
            all.extend(validation.metrics.iter().map(|(name, value)| (format!("val_{name}"), *value)));
        }
        all.push(("learning_rate".into(), self.learning_rate));
        all
    }
}

/// Loss and metrics over a data set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean loss over all rows.
    pub loss: f64,
    /// Names and values of the metrics.
    pub metrics: Vec<(String, f64)>,
}

impl Evaluation {
    /// The value of a metric by name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(n, _)| n == name).map(|&(_, value)| value)
    }
}
