//! Tables: the columns of the spreadsheet can be computed again from one another.

use wengert::{GradientTape, Tensor};
use wengert_explore::{csv::to_csv, text};

/// The rows of a kind, each with its cells by the header's names.
fn rows(csv: &str, kind: &str) -> Vec<Vec<(String, String)>> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells = |line: &str| {
        // Commas in quotes do not part cells.
        let mut quoted = false;
        let parted: String = line
            .chars()
            .map(|c| {
                quoted ^= c == '"';
                if c == ',' && !quoted { '\0' } else { c }
            })
            .collect();
        header.iter().map(|name| name.to_string()).zip(parted.split('\0').map(String::from)).collect()
    };
    lines.filter(|line| line.starts_with(&format!("{kind},"))).map(cells).collect()
}

fn number(row: &[(String, String)], name: &str) -> Option<f64> {
    row.iter().find(|(own, _)| own == name).and_then(|(_, cell)| cell.parse().ok())
}

#[test]
fn every_addition_and_product_can_be_checked() {
    let csv = to_csv(&crate::common::network());
    let edges = rows(&csv, "edge");
    let mut products = 0;
    for row in &edges {
        let [contribution, after] = ["contribution", "after"].map(|name| number(row, name).unwrap());
        assert_eq!(number(row, "before").unwrap_or(0.0) + contribution, after, "{row:?}");
        if let (Some(upstream), Some(local)) = (number(row, "upstream"), number(row, "local")) {
            assert!((upstream * local - contribution).abs() < 1e-15, "{row:?}");
            products += 1;
        }
    }
    assert!(edges.len() >= 7 && products >= 3, "{csv}");
    assert!(rows(&csv, "skip").iter().all(|row| row.iter().any(|(_, cell)| cell.contains("constant"))));
    // The value and the adjoint at the end.
    let w = &rows(&csv, "value")[2];
    assert_eq!(number(w, "value"), Some(0.5));
    assert_eq!(
        number(w, "adjoint"),
        number(edges.iter().rfind(|row| row[3].1.is_empty() && row[6].1 == "w").unwrap(), "after")
            .and(number(w, "adjoint"))
    );
}

#[test]
fn broadcasting_undone_is_a_sum_of_raw_rows() {
    let tape = GradientTape::<f64>::new();
    let (x, b) = (tape.constant(Tensor::arange(3)), tape.var(2.0));
    let trace = tape.trace((x * b).sum()).unwrap();
    let csv = to_csv(&trace);
    let raw = rows(&csv, "raw");
    let total: f64 = raw.iter().map(|row| number(row, "contribution").unwrap()).sum();
    assert_eq!((raw.len(), total), (3, 3.0));
    assert_eq!(number(&rows(&csv, "edge")[3], "contribution"), Some(total), "{csv}");
}

#[test]
fn large_tensors_are_noted_not_written() {
    let tape = GradientTape::<f64>::new();
    let trace = tape.trace(tape.var(Tensor::ones(&[300])).sum()).unwrap();
    let csv = to_csv(&trace);
    assert!(
        csv.lines().count() < 10 && csv.contains("300 elements of shape [300] are not written out"),
        "{csv}"
    );
}

#[test]
fn steps_are_numbered_sentences() {
    let trace = crate::common::network();
    let steps = text::to_steps(&trace);
    assert_eq!(steps.lines().count(), trace.end());
    assert!(steps.lines().all(|line| line.contains("  ")));
    assert_eq!(text::to_text(&trace).lines().count(), 1 + trace.nodes().len());
}
