//! A page about a training: one HTML file that opens from disk, without a network and without scripts.
//!
//! Sections are built from data that any training has, and each can be left out. All is in the file: the
//! curves as SVG, images as PNG in the text, the style sheet. What could grow without bound does not: of
//! mistakes, weights, classes and epochs a page shows so many and says how many there are. A page of MNIST
//! is about 75 KB. Names from outside are escaped by the library that writes the markup, and nowhere else.

mod confusion;
mod epochs;
mod mistakes;
mod model;
mod picture;
mod weights;

use crate::checkpoint::atomic;
use crate::metrics::ConfusionMatrix;
use crate::module::Module;
use crate::plot::text::{clean, short};
use crate::plot::{PlotError, check_extension, draw};
use crate::summary::{self, Summary};
use crate::trainer::{Evaluation, History, Mistake};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mistakes::Pictured;
use std::fmt::Display;
use std::path::Path;
use weights::Histogram;
use wengert::{Float, Tensor};

const STYLE: &str = include_str!("report/page.css");

/// A page about a training, to be written as one HTML file: hand it what there is, and the rest is left
/// out.
///
/// ```
/// use wengert_nn::{Report, datasets::TensorDataset, prelude::*};
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// # let mut rng = seeded(0);
/// # let x: Tensor = Tensor::uniform(&[40, 4], 0.0, 1.0, &mut rng);
/// # let labels: Vec<usize> = x.as_slice().chunks(4).map(|x| usize::from(x[0] > x[3])).collect();
/// # let (train, test) = (TensorDataset::new(x, Tensor::from(labels))?, ());
/// # let test = train.clone();
/// # let model: Sequential = Sequential::new().named("hidden", Dense::new(4, 8, &mut rng)).layer(Relu).named("out", Dense::new(8, 2, &mut rng));
/// let mut trainer = Trainer::new(model, Adam::new(0.01), SparseCategoricalCrossEntropy::from_logits())
///     .metric(Accuracy::new());
/// let history = trainer.fit(&train, FitOptions::new().epochs(3))?;
/// let found = trainer.interpret(&test, 24)?;
///
/// let mut report = Report::new("Which corner is brighter")
///     .fact("batch size", 32)
///     .fact("seed", 0)
///     .evaluation(&found.evaluation)
///     .history(&history)
///     .class_names(["the last", "the first"])
///     .confusion(&found.confusion)
///     .summary(&trainer.model().summary(&[0, 4]))
///     .weights(trainer.model());
/// if let Some(inputs) = &found.inputs {
///     // The rows are images of 2 by 2 pixels.
///     report = report.mistakes(&found.mistakes, &inputs.reshape(&[found.mistakes.len(), 2, 2])?)?;
/// }
/// report.write(folder.join("report.html"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    facts: Vec<(String, String)>,
    history: Option<History>,
    evaluation: Option<Evaluation>,
    class_names: Vec<String>,
    confusion: Option<ConfusionMatrix>,
    mistakes: Option<Vec<Pictured>>,
    summary: Option<Summary>,
    weights: Option<Vec<Histogram>>,
}

impl Report {
    /// A page with a title and nothing else.
    pub fn new(title: impl Into<String>) -> Report {
        Report {
            title: title.into(),
            facts: Vec::new(),
            history: None,
            evaluation: None,
            class_names: Vec::new(),
            confusion: None,
            mistakes: None,
            summary: None,
            weights: None,
        }
    }

    /// One more fact about the run: a hyper-parameter, a seed, a version, in the order of the calls.
    #[must_use]
    pub fn fact(mut self, name: impl Display, value: impl Display) -> Report {
        self.facts.push((name.to_string(), value.to_string()));
        self
    }

    /// The curves of a training, as [`History::plot`] draws them, and a table of its last epochs.
    #[must_use]
    pub fn history(self, history: &History) -> Report {
        Report { history: Some(history.clone()), ..self }
    }

    /// Loss and metrics on data that were not trained on, at the head of the page.
    #[must_use]
    pub fn evaluation(self, evaluation: &Evaluation) -> Report {
        Report { evaluation: Some(evaluation.clone()), ..self }
    }

    /// What the classes are called, from class 0; by default, and where there are too few, by number.
    #[must_use]
    pub fn class_names<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Report {
        Report { class_names: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// What was taken for what, with each class' recall and precision. Up to 40 classes are a table;
    /// of more, only the pairs that were mixed up most often are listed.
    #[must_use]
    pub fn confusion(self, matrix: &ConfusionMatrix) -> Report {
        Report { confusion: Some(matrix.clone()), ..self }
    }

    /// The images that were taken for something else, as [`Trainer::interpret`](crate::Trainer::interpret)
    /// finds them; the first 60 are shown.
    ///
    /// Images are numbers from 0, black, to 1, white; if some are not, the least of all is black and the
    /// greatest white. Those with more than 128 pixels a side are reduced.
    ///
    /// # Errors
    /// The images are not of shape `[mistakes, height, width]`, `[mistakes, 1, height, width]` or
    /// `[mistakes, 3, height, width]`.
    pub fn mistakes<T: Float>(self, mistakes: &[Mistake], images: &Tensor<T>) -> Result<Report, PlotError> {
        Ok(Report { mistakes: Some(mistakes::pictured(mistakes, images)?), ..self })
    }

    /// The layers of the model.
    #[must_use]
    pub fn summary(self, summary: &Summary) -> Report {
        Report { summary: Some(summary.clone()), ..self }
    }

    /// How the numbers of each parameter are distributed; of more than 60 parameters the first.
    #[must_use]
    pub fn weights<T: Float>(self, model: &(impl Module<T> + ?Sized)) -> Report {
        Report { weights: Some(weights::histograms(model)), ..self }
    }

    /// Writes the page. A file of this name is replaced at once, or left as it was.
    ///
    /// # Errors
    /// The name does not end in `.html`, or the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        check_extension(path, ".html")?;
        let page = self.to_html();
        atomic::write(path, |out| out.write_all(page.as_bytes()))
    }

    /// What [`write`](Report::write) writes, as text.
    pub fn to_html(&self) -> String {
        let title = clean(&self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content={ "wengert " (env!("CARGO_PKG_VERSION")) };
                    title { (title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(draw::STYLE)) }
                }
                body {
                    main {
                        h1 { (title) }
                        (self.headline())
                        (self.run())
                        @if let Some(history) = &self.history { (epochs::section(history)) }
                        @if let Some(matrix) = &self.confusion { (confusion::section(matrix, self)) }
                        @if let Some(mistakes) = &self.mistakes { (mistakes::section(mistakes, self)) }
                        @if let Some(summary) = &self.summary { (model::section(summary)) }
                        @if let Some(weights) = &self.weights { (weights::section(weights)) }
                    }
                    footer { "Written by wengert " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        };
        page.into_string()
    }

    /// What one wants to know first.
    fn headline(&self) -> Markup {
        let mut all: Vec<(String, String)> = Vec::new();
        if let Some(evaluation) = &self.evaluation {
            let metrics =
                evaluation.metrics.iter().map(|(name, value)| (clean(name).replace('_', " "), short(*value)));
            all.extend(metrics);
            all.push(("loss".into(), short(evaluation.loss)));
        }
        let tested = all.len();
        if let Some(summary) = &self.summary {
            all.push(("parameters".into(), grouped(summary.trainable + summary.not_trainable)));
        }
        html! {
            @if !all.is_empty() {
                dl.headline {
                    @for (i, (name, value)) in all.iter().enumerate() {
                        div {
                            dt { @if i < tested { "test " } (name) }
                            dd { (value) }
                        }
                    }
                }
            }
        }
    }

    /// Facts of the run, those of the history among them.
    fn run(&self) -> Markup {
        let mut facts = self.facts.clone();
        if let Some(history) = &self.history {
            let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
            facts.push(("epochs trained".into(), history.epochs.len().to_string()));
            facts.push(("time of training".into(), duration(seconds)));
        }
        html! {
            @if !facts.is_empty() {
                section {
                    h2 { "The run" }
                    dl.facts {
                        @for (name, value) in &facts {
                            div { dt { (clean(name)) } dd { (clean(value)) } }
                        }
                    }
                }
            }
        }
    }

    /// What a class is called.
    fn class(&self, class: usize) -> String {
        self.class_names.get(class).map_or_else(|| class.to_string(), |name| clean(name))
    }
}

/// `206,922`
fn grouped(n: usize) -> String {
    summary::grouped(n).replace('_', ",")
}

/// `3 h 05 min`, `2 min 10 s`, `4.2 s`
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.2} s"),
        10..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}
