//! Curves as pictures: what is in them, what is left out, and files that are whole or as they were.

use roxmltree::{Document, Node};
use std::fs;
use wengert_nn::datasets::TensorDataset;
use wengert_nn::prelude::*;
use wengert_nn::{Epoch, PlotError};

/// A history of epochs that a trainer has made, changed afterwards.
fn history(epochs: usize, change: impl Fn(&mut Epoch)) -> History {
    let (x, labels) = (Tensor::uniform(&[12, 2], -1.0, 1.0, &mut seeded(1)), [0usize, 1, 1].repeat(4));
    let data = TensorDataset::new(x, Tensor::from(labels)).unwrap();
    let model: Dense = Dense::new(2, 2, &mut seeded(0));
    let mut trainer = Trainer::new(model, Sgd::new(0.1), SparseCategoricalCrossEntropy::from_logits())
        .metric(Accuracy::new())
        .metric(TopKAccuracy::new(2));
    let mut history = trainer.fit(&data, FitOptions::new().epochs(epochs).validation(&data)).unwrap();
    history.epochs.iter_mut().for_each(change);
    history
}

/// The colours by which a picture tells curves apart: their attributes in light and dark.
const TRAINING: &str = "#0072B2";
const VALIDATION: &str = "#C65A00";

/// Elements of a name that have an attribute of this value.
fn with<'a>(document: &'a Document, tag: &str, attribute: &str, value: &str) -> Vec<Node<'a, 'a>> {
    let found = |node: &Node| node.tag_name().name() == tag && node.attribute(attribute) == Some(value);
    document.descendants().filter(found).collect()
}

fn text(node: Node) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect::<String>().trim().into()
}

/// The texts of a picture, which must be well-formed.
fn texts(picture: &str) -> Vec<String> {
    let document = Document::parse(picture).unwrap();
    let name = ("http://www.w3.org/2000/svg", "text");
    document.descendants().filter(|node| node.has_tag_name(name)).map(text).collect()
}

fn titles(document: &Document) -> Vec<String> {
    with(document, "text", "font-weight", "bold").into_iter().map(text).collect()
}

/// The points of each line of this colour, those of the legends left out.
fn lines(document: &Document, colour: &str) -> Vec<Vec<[f64; 2]>> {
    let number = |text: &str| text.parse().unwrap();
    let point = |text: &str| text.split_once(',').map(|(x, y)| [number(x), number(y)]).unwrap();
    let all = with(document, "polyline", "stroke", colour);
    let points =
        all.iter().map(|line| line.attribute("points").unwrap().split_whitespace().map(point).collect());
    let legend = |line: &Vec<[f64; 2]>| line.len() == 2 && line[1][0] - line[0][0] == 280.0;
    points.filter(|line| !legend(line)).collect()
}

#[test]
fn loss_and_metrics_have_a_chart_each_with_training_and_validation() {
    let picture = history(4, |_| ()).to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    assert_eq!(
        titles(&document),
        ["loss", "accuracy", "top_2_accuracy"],
        "the learning rate does not change"
    );
    for colour in [TRAINING, VALIDATION] {
        // In each chart one mark in the legend, and one of four points, which a line connects.
        assert_eq!(with(&document, "circle", "fill", colour).len(), 3 * 5, "{colour}");
        let points: Vec<_> = lines(&document, colour).iter().map(Vec::len).collect();
        assert_eq!(points, [4; 3], "{colour}");
    }
    assert!(picture.contains(&format!("polyline[stroke=\"{VALIDATION}\"] {{ stroke-dasharray:")));
    let texts = texts(&picture);
    for text in ["epoch", "training", "validation", "1", "4"] {
        assert_eq!(
            texts.iter().filter(|found| *found == text).count() % 3,
            0,
            "{text} in each chart: {texts:?}"
        );
        assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
    }
    let label = document.root_element().attribute("aria-label").unwrap();
    assert!(
        label.starts_with("loss by epoch: training from 0.") && label.contains(", validation from "),
        "{label}"
    );
}

#[test]
fn each_colour_has_another_in_the_dark() {
    let picture = history(4, |_| ()).to_svg().unwrap();
    let (_, dark) = picture.split_once("prefers-color-scheme: dark").unwrap();
    let document = Document::parse(&picture).unwrap();
    let mut colours = 0;
    for node in document.descendants() {
        for name in ["fill", "stroke"] {
            let Some(colour) = node.attribute(name).filter(|colour| colour.starts_with('#')) else {
                continue;
            };
            assert!(dark.contains(&format!("[{name}=\"{colour}\"]")), "{name} {colour}");
            colours += 1;
        }
    }
    assert!(colours > 100, "{colours}");
}

#[test]
fn a_learning_rate_that_changes_is_drawn() {
    let picture = history(3, |epoch| epoch.learning_rate = 0.1 / epoch.epoch as f64).to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    assert_eq!(titles(&document)[3], "learning rate");
    assert_eq!(lines(&document, TRAINING).len(), 4);
    let legends = with(&document, "polyline", "stroke", TRAINING).len() - 4;
    assert_eq!(legends, 3, "it has one curve, and no legend");
}

#[test]
fn points_are_where_their_values_are() {
    let history = history(3, |epoch| {
        (epoch.loss, epoch.validation) = ([4.0, 1.0, 0.0][epoch.epoch - 1], None);
        epoch.metrics.clear();
    });
    let picture = history.to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    let at = &lines(&document, TRAINING)[0];
    let apart = [at[1][0] - at[0][0], at[2][0] - at[1][0]];
    assert!((apart[0] - apart[1]).abs() <= 1.0, "epochs are evenly spaced: {at:?}");
    let (whole, first) = (at[2][1] - at[0][1], at[1][1] - at[0][1]);
    assert!(whole > 1000.0 && (first / whole - 0.75).abs() < 1e-3, "{at:?}");
    let spots = with(&document, "circle", "class", "spot");
    let said = |i: usize| text(spots[i].first_element_child().unwrap());
    assert_eq!((spots.len(), said(0)), (3, "epoch 1, training: 4.0000".into()));
    for (spot, at) in spots.iter().zip(at) {
        assert_eq!(["cx", "cy"].map(|name| spot.attribute(name).unwrap().parse()), at.map(Ok), "on its mark");
    }
}

#[test]
fn one_epoch_is_a_point_in_the_middle() {
    let picture = history(1, |epoch| epoch.epoch = 7).to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    let marks = with(&document, "circle", "fill", TRAINING);
    assert_eq!(marks.len(), 3 * 2);
    let tick = with(&document, "text", "text-anchor", "middle").into_iter().find(|node| text(*node) == "7");
    assert_eq!(marks[1].attribute("cx"), tick.unwrap().attribute("x"));
}

#[test]
fn epochs_are_whole_numbers() {
    let picture = history(40, |_| ()).to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    let centred: Vec<_> =
        with(&document, "text", "text-anchor", "middle").into_iter().take(9).map(text).collect();
    assert_eq!(centred, ["epoch", "5", "10", "15", "20", "25", "30", "35", "40"]);
}

#[test]
fn many_epochs_are_lines_without_marks() {
    let picture = history(200, |_| ()).to_svg().unwrap();
    let document = Document::parse(&picture).unwrap();
    assert_eq!(with(&document, "circle", "fill", TRAINING).len(), 3, "those of the legends");
    assert_eq!(lines(&document, TRAINING)[0].len(), 200);
}

#[test]
fn what_is_not_finite_is_a_gap_and_said_so() {
    let history = history(9, |epoch| {
        if epoch.epoch == 3 {
            epoch.loss = f64::NAN;
        }
        let validation = epoch.validation.as_mut().unwrap();
        validation.loss = if [2, 3, 5, 8].contains(&epoch.epoch) { 1.0 } else { f64::INFINITY };
        validation.metrics[0].1 = f64::NAN;
        epoch.metrics[0].1 = f64::NAN;
    });
    let picture = history.to_svg().unwrap();
    let texts = texts(&picture);
    let note = "epochs left out, not finite: training 3; validation 1, 4, 6–7 and 1 more";
    assert!(texts.iter().any(|text| text == note), "{texts:?}");
    let document = Document::parse(&picture).unwrap();
    let runs: Vec<_> = lines(&document, TRAINING).iter().map(Vec::len).collect();
    assert_eq!(runs, [2, 6, 9], "the line of the loss is interrupted, and accuracy has none");
    assert!(!picture.contains("NaN") && !picture.contains("inf\""), "no coordinate is undefined");
    let label = document.root_element().attribute("aria-label").unwrap();
    assert!(label.contains("accuracy by epoch: training never finite"), "{label}");
}

#[test]
fn a_loss_over_many_powers_of_ten_has_a_logarithmic_axis() {
    let picture = history(4, |epoch| {
        (epoch.loss, epoch.validation) = (10f64.powi(3 - 2 * epoch.epoch as i32), None);
    });
    let texts = texts(&picture.to_svg().unwrap());
    assert!(texts.contains(&"loss (logarithmic)".to_string()), "{texts:?}");
    assert_eq!(texts[3..8], ["1e-6", "0.0001", "0.01", "1", "100"]);
}

#[test]
fn extreme_values_are_no_reason_to_panic() {
    for values in
        [[f64::MAX, f64::MIN], [1e300, 0.0], [5e-324, 0.0], [-0.0, 0.0], [1e16, 1e16 + 2.0], [1e-320, 1e100]]
    {
        let history = history(2, |epoch| epoch.loss = values[epoch.epoch - 1]);
        Document::parse(&history.to_svg().unwrap()).unwrap();
    }
    for last in [0, 1, 10_000, usize::MAX] {
        let history = history(2, |epoch| epoch.epoch = if epoch.epoch == 1 { last } else { last / 2 });
        Document::parse(&history.to_svg().unwrap()).unwrap();
    }
}

#[test]
fn hostile_names_stay_names() {
    let name = "<script>alert(1)</script>&\"'\u{0}\u{202e}".repeat(9);
    let history = history(2, |epoch| epoch.metrics[0].0 = name.clone());
    let picture = history.to_svg().unwrap();
    assert!(!picture.contains("<script"));
    let texts = texts(&picture);
    let shown =
        texts.iter().find(|text| text.starts_with("<script>alert(1)</script>&\"'\u{fffd}\u{fffd}")).unwrap();
    assert!(shown.chars().count() < 60 && shown.ends_with('…'), "{shown}");
}

#[test]
fn the_same_history_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.svg", "b.SVG"].map(|name| folder.path().join(name));
    paths.iter().for_each(|path| history(3, |_| ()).plot(path).unwrap());
    assert_eq!(fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap());
}

#[test]
fn a_file_is_written_whole_or_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("history.svg");
    history(2, |_| ()).plot(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), history(2, |_| ()).to_svg().unwrap());
    let error = History::default().plot(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the history has no epochs; expected at least one, as Trainer::fit returns it"
    );
    assert!(fs::metadata(&path).unwrap().len() > 1000, "the old picture is still there");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "and nothing beside it");
}

#[test]
fn a_file_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(1, |_| ());
    let error = history.plot("curves.png").unwrap_err();
    assert!(matches!(error, PlotError::Extension { .. }));
    assert_eq!(error.to_string(), "curves.png: the name must end in .svg");
    assert_eq!(history.plot("curves").unwrap_err().to_string(), "curves: the name must end in .svg");
    let taken = folder.path().join("taken.svg");
    fs::create_dir(&taken).unwrap();
    let error = history.plot(&taken).unwrap_err();
    assert!(matches!(&error, PlotError::Io { path, .. } if *path == taken), "{error}");
    assert!(error.to_string().contains("taken.svg: cannot write it: "), "{error}");
}
