//! The page about a training: each section says what its data say, names are escaped, nothing comes from
//! elsewhere, and its size has a bound.

use std::fs;
use wengert_nn::datasets::TensorDataset;
use wengert_nn::losses::Target;
use wengert_nn::metrics::ConfusionMatrix;
use wengert_nn::prelude::*;
use wengert_nn::{Mistake, PlotError, Report};

fn mistake(row: usize, truth: usize, predicted: usize) -> Mistake {
    Mistake { row, truth, predicted, probability: 0.875, truth_probability: 0.0001, loss: 2.5 }
}

/// A matrix of these true and predicted classes.
fn matrix(classes: usize, pairs: &[(usize, usize)]) -> ConfusionMatrix {
    let (truth, predicted): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    let output = wengert_nn::datasets::to_one_hot(&Tensor::from(predicted), classes).unwrap();
    let mut matrix = ConfusionMatrix::new();
    Metric::<f32>::update(&mut matrix, &output, Target::Classes(&Tensor::from(truth))).unwrap();
    matrix
}

/// The text between tags, with single spaces.
fn text(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut out = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => inside = true,
            '>' => (inside, out) = (false, out + " "),
            _ if !inside => out.push(c),
            _ => (),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The images of a page, as their bytes.
fn images(page: &str) -> Vec<Vec<u8>> {
    use base64::Engine;
    let start = "data:image/png;base64,";
    let addresses = page.split(start).skip(1).map(|rest| rest.split('"').next().unwrap());
    addresses.map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap()).collect()
}

/// Width, height and samples of a PNG.
fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut samples).unwrap();
    samples.truncate(info.buffer_size());
    (info.width, info.height, samples)
}

#[test]
fn an_empty_report_is_a_page_with_a_title() {
    let page = Report::new("Nothing yet").to_html();
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{page}");
    assert!(page.contains("<title>Nothing yet</title>"));
    assert_eq!(text(&page), format!("Nothing yet Written by wengert {}.", env!("CARGO_PKG_VERSION")));
}

#[test]
fn all_sections_of_a_real_training_are_there_and_nothing_comes_from_elsewhere() {
    let mut rng = seeded(3);
    let x: Tensor = Tensor::uniform(&[60, 4], 0.0, 1.0, &mut rng);
    let labels: Vec<usize> = x.as_slice().chunks(4).map(|x| usize::from(x[0] > x[3])).collect();
    let data = TensorDataset::new(x, Tensor::from(labels)).unwrap();
    let model: Sequential = Sequential::new().named("out", Dense::new(4, 2, &mut rng));
    let mut trainer = Trainer::new(model, Adam::new(0.01), SparseCategoricalCrossEntropy::from_logits())
        .metric(Accuracy::new());
    let history = trainer.fit(&data, FitOptions::new().epochs(15).validation_split(0.2)).unwrap();
    let found = trainer.interpret(&data, 5).unwrap();
    let count = found.mistakes.len();
    assert!(count > 0, "so short a training leaves mistakes");
    let page = Report::new("Corners")
        .fact("batch size", 32)
        .evaluation(&found.evaluation)
        .history(&history)
        .confusion(&found.confusion)
        .summary(&trainer.model().summary(&[0, 4]))
        .weights(trainer.model())
        .mistakes(&found.mistakes, &found.inputs.unwrap().reshape(&[count, 2, 2]).unwrap())
        .unwrap()
        .to_html();
    let text = text(&page);
    let headings = [
        "The run batch size 32 epochs trained 15 time of training",
        "Training",
        "The last 12 of 15 epochs",
        "What was taken for what",
        "The worst mistakes",
        "The model 10 parameters",
        "Weights",
        "out.weight [2, 4]",
        "out.bias [2]",
    ];
    for heading in headings {
        assert!(text.contains(heading), "{heading}: {text}");
    }
    let accuracy = format!("test accuracy {:.4}", found.evaluation.metric("accuracy").unwrap());
    assert!(text.contains(&accuracy), "{accuracy}: {text}");
    assert_eq!(images(&page).len(), count);
    for elsewhere in ["<script", "<link", "@import", "url(", "src=\"http", "href="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    // A name space is no address.
    assert_eq!(page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").matches("http").count(), 0);
}

#[test]
fn the_confusion_matrix_is_a_table_with_shares() {
    let matrix = matrix(3, &[(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 0), (1, 0)]);
    let page = Report::new("x").confusion(&matrix).class_names(["cat", "dog"]).to_html();
    let text = text(&page);
    assert!(text.contains("3 of 7 rows are right, 42.9 %; these were mixed up most often: dog taken for cat , 3 times cat taken for dog , once"), "{text}");
    assert!(
        text.contains(
            "true cat dog 2 recall cat 2 1 0 66.7 % dog 3 1 0 25.0 % 2 0 0 0 – precision 40.0 % 50.0 % –"
        ),
        "{text}"
    );
    assert!(page.contains("<th scope=\"row\">cat</th>") && page.contains("<th scope=\"col\">dog</th>"));
    // The most frequent mistake has the strongest tint.
    assert!(page.contains("<td class=\"wrong\" style=\"--tint: 100%\">3</td>"), "{page}");
    assert!(page.contains("<td class=\"wrong\" style=\"--tint: 33%\">1</td>"), "{page}");
}

#[test]
fn many_classes_are_a_list_of_pairs() {
    let page = Report::new("x").confusion(&matrix(500, &[(499, 3), (7, 7)])).to_html();
    assert!(text(&page).contains("499 taken for 3 , once"), "{}", text(&page));
    assert!(!page.contains("<table"));
}

#[test]
fn mistakes_are_images_with_truth_prediction_and_probability() {
    let images_in = tensor![[[0f32, 0.2], [0.6, 1.0]]];
    let report = Report::new("x").class_names(["a", "b", "c"]);
    let page = report.mistakes(&[mistake(41, 2, 1)], &images_in).unwrap().to_html();
    assert_eq!(decoded(&images(&page)[0]), (2, 2, vec![0, 51, 153, 255]));
    assert!(
        text(&page).contains("c taken for b 87.5 % for b &lt; 0.1 % for c loss 2.5000 row 41"),
        "{}",
        text(&page)
    );
    assert!(page.contains("alt=\"row 41, which is c\""), "{page}");
}

#[test]
fn colours_other_scales_and_numbers_that_are_not_finite_become_pixels() {
    let colour = Tensor::from_vec(vec![1f64, 0.0, 0.0, 0.0, 1.0, 0.5], &[1, 3, 1, 2]).unwrap();
    let page = Report::new("x").mistakes(&[mistake(0, 0, 1)], &colour).unwrap().to_html();
    assert_eq!(decoded(&images(&page)[0]), (2, 1, vec![255, 0, 255, 0, 0, 128]));
    let wide = tensor![[[-1f32, 0.0, 3.0, f32::NAN, f32::INFINITY]]];
    let page = Report::new("x").mistakes(&[mistake(0, 0, 1)], &wide).unwrap().to_html();
    assert_eq!(decoded(&images(&page)[0]), (5, 1, vec![0, 64, 255, 0, 255]));
    let flat = tensor![[[-2f32, -2.0]]];
    Report::new("x").mistakes(&[mistake(0, 0, 1)], &flat).unwrap();
}

#[test]
fn the_size_of_a_page_has_a_bound() {
    let all: Vec<Mistake> = (0..500).map(|row| mistake(row, 0, 1)).collect();
    let images_in = Tensor::<f32>::ones(&[500, 3, 64, 200]);
    let page = Report::new("x").mistakes(&all, &images_in).unwrap().to_html();
    let found = images(&page);
    assert_eq!(found.len(), 60);
    assert_eq!(decoded(&found[0]), (100, 32, vec![255; 100 * 32 * 3]), "long sides are halved");
    let layers: Vec<Dense> = (0..100).map(|_| Dense::new(1, 1, &mut seeded(0))).collect();
    let page = Report::new("x").weights(&layers).to_html();
    assert_eq!(page.matches("<svg class").count(), 60);
    assert!(text(&page).contains("The first 60 of 200 parameters"));
}

#[test]
fn images_that_do_not_fit_are_named_with_what_would() {
    let mistakes = [mistake(0, 0, 1), mistake(1, 0, 1)];
    for shape in [&[2, 784][..], &[3, 2, 2], &[2, 2, 5, 5], &[2, 0, 4]] {
        let error = Report::new("x").mistakes(&mistakes, &Tensor::<f32>::zeros(shape)).unwrap_err();
        let expected = format!(
            "the images have shape {shape:?}; expected [2, height, width], [2, 1, height, width] or [2, 3, height, width], an image for each mistake"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn weights_say_what_is_unusual() {
    let mut layer: Dense = Dense::new(2, 2, &mut seeded(0));
    layer.visit_mut(&wengert_nn::Path::root(), &mut |path, parameter| match path.to_string().as_str() {
        "weight" => _ = parameter.replace(tensor![[f32::NAN, 1.0], [3.0, f32::INFINITY]]),
        _ => _ = parameter.replace(tensor![f32::NAN, f32::NAN]),
    });
    layer.set_trainable(false);
    let text = text(&Report::new("x").weights(&layer).to_html());
    assert!(
        text.contains("weight [2, 2], frozen, 2 not finite 1.0000 3.0000 mean 2.0000, deviation 1.0000"),
        "{text}"
    );
    assert!(text.contains("bias [2], frozen, 2 not finite No finite numbers."), "{text}");
}

#[test]
fn hostile_names_stay_names() {
    let evil = "<img src=x onerror=alert(1)>\"'</style></title>\u{0}\u{202e}";
    let page = Report::new(evil)
        .fact(evil, evil)
        .class_names([evil, evil])
        .confusion(&matrix(2, &[(0, 1)]))
        .mistakes(&[mistake(0, 0, 1)], &Tensor::<f32>::zeros(&[1, 2, 2]))
        .unwrap()
        .to_html();
    let plain = Report::new("x")
        .fact("x", "x")
        .class_names(["x", "x"])
        .confusion(&matrix(2, &[(0, 1)]))
        .mistakes(&[mistake(0, 0, 1)], &Tensor::<f32>::zeros(&[1, 2, 2]))
        .unwrap()
        .to_html();
    assert_eq!(page.matches('<').count(), plain.matches('<').count(), "no name makes a tag");
    assert_eq!(page.matches('"').count(), plain.matches('"').count(), "no name ends an attribute");
    assert!(!page.contains(['\u{0}', '\u{202e}']));
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let report = Report::new("x");
    report.write(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), report.to_html());
    let error = report.write(folder.path().join("report.pdf")).unwrap_err();
    assert!(
        matches!(error, PlotError::Extension { .. })
            && error.to_string().ends_with("report.pdf: the name must end in .html")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
