//! Writes something for every dashboard of TensorBoard: `cargo run --example every_kind -- runs/demo`,
//! and then `tensorboard --logdir runs`.
//!
//! All numbers follow from short formulas, so that a test can compare what TensorBoard makes of them.

use std::error::Error;
use std::f64::consts::TAU;
use wengert_tensorboard::{
    Embeddings, Graph, HParam, Image, Node, Scale, Status, SummaryWriter, WriterOptions,
};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err("which folder? for example: runs/demo".into());
    };
    let folder = std::path::PathBuf::from(folder);
    for (name, rate) in [("slow", 0.05), ("fast", 0.2)] {
        run(&folder.join(name), name, rate)?;
    }
    println!("written; open with: tensorboard --logdir {}", folder.display());
    Ok(())
}

/// One run, with folders for two curves in each chart.
fn run(folder: &std::path::Path, name: &str, rate: f64) -> Result<(), Box<dyn Error>> {
    let mut writer = SummaryWriter::create(folder)?;
    let mut train = SummaryWriter::create(folder.join("train"))?;
    let parameters: [(&str, HParam); 4] = [
        ("learning_rate", rate.into()),
        ("optimizer", "sgd".into()),
        ("units", 64.into()),
        ("bias", true.into()),
    ];
    writer.hparams(&parameters)?;
    train.describe("images/colour", "Red to the right, green downwards; *blue grows* with the step.")?;
    for step in 0..=20 {
        let t = rate * step as f64;
        train.scalar("loss", step, (-t).exp())?;
        train.scalar("learning/rate", step, rate * 0.9f64.powi(step as i32))?;
    }
    let validation = interrupted(&folder.join("validation"), rate)?;
    for (step, x) in (0..).zip([1.0, f64::NAN, 2.0, f64::INFINITY, f64::NEG_INFINITY, 3.0]) {
        train.scalar("odd/not finite", step, x)?;
    }
    for step in 0..=10 {
        let spread = 1.0 + step as f64 * rate;
        let mut values: Vec<f64> =
            (0..1000).map(|i| spread * (TAU * i as f64 / 1000.0).sin().powi(3)).collect();
        if step == 10 {
            values.push(f64::NAN);
        }
        train.histogram("weights", step, &values)?;
        train.histogram("odd/all equal", step, &[0.5f32; 10])?;
        train.histogram("odd/none", step, &[] as &[f32])?;
    }
    for step in 0..3 {
        train.images("images/grey", step, &[waves(step)?])?;
        train.images("images/colour", step, &[wheel(step as u8)?, wheel(step as u8 + 100)?])?;
    }
    train.text(
        "notes",
        0,
        &format!("# Run {name}\n\n| what | value |\n|---|---|\n| rate | **{rate}** |\n"),
    )?;
    train.graph(&network()?)?;
    writer.embeddings(&clusters()?)?;
    writer.hparams_end(Status::Success)?;
    for writer in [&writer, &train, &validation] {
        assert_eq!(writer.dropped(), 0);
    }
    Ok(())
}

/// A run that went wrong after step 14, and went on from there in another process: what was wrong is gone.
fn interrupted(folder: &std::path::Path, rate: f64) -> Result<SummaryWriter, wengert_tensorboard::Error> {
    let loss = |step: u64| 0.1 + (-rate * step as f64 / 1.5).exp();
    let mut writer = SummaryWriter::create(folder)?;
    for step in 0..=25 {
        writer.scalar("loss", step, if step < 15 { loss(step) } else { 9.0 })?;
    }
    drop(writer);
    let mut writer = SummaryWriter::create_with(folder, WriterOptions::new().purge_from(15))?;
    for step in 15..=20 {
        writer.scalar("loss", step, loss(step))?;
    }
    Ok(writer)
}

/// 16 x 8 pixels, with a number that is not finite in the corner of the last step.
fn waves(step: u64) -> Result<Image, wengert_tensorboard::Error> {
    let mut values: Vec<f64> = (0..128).map(|i| (i % 16) as f64 * (i / 16 + step as usize) as f64).collect();
    if step == 2 {
        values[0] = f64::NAN;
    }
    Image::scaled(16, 8, &values, Scale::full(&values))?.enlarged(4)
}

/// Red to the right, green downwards.
fn wheel(blue: u8) -> Result<Image, wengert_tensorboard::Error> {
    let pixels: Vec<u8> = (0..32 * 32).flat_map(|i| [(i % 32 * 8) as u8, (i / 32 * 8) as u8, blue]).collect();
    Image::rgb(32, 32, pixels)
}

fn network() -> Result<Graph, wengert_tensorboard::Error> {
    let mut graph = Graph::new();
    graph.add(Node::new("input", "Input").shape(&[32, 784]))?;
    let mut last = "input".to_string();
    for (scope, inputs, outputs) in [("hidden", 784, 64), ("out", 64, 10)] {
        let name = |name: &str| format!("{scope}/{name}");
        graph.add(Node::new(name("weight"), "Parameter").shape(&[outputs, inputs]))?;
        graph.add(Node::new(name("bias"), "Parameter").shape(&[outputs]))?;
        let linear =
            Node::new(name("linear"), "Linear").shape(&[32, outputs]).attribute("source", "main.rs:7");
        graph.add(linear.input(last).input(name("weight")).input(name("bias")))?;
        graph.add(Node::new(name("relu"), "Relu").input(name("linear")).shape(&[32, outputs]))?;
        last = name("relu");
    }
    graph.add(Node::new("loss", "CrossEntropy").input(last).shape(&[]))?;
    Ok(graph)
}

/// Ninety points around three centres, with two columns of labels and a picture each.
fn clusters() -> Result<Embeddings, wengert_tensorboard::Error> {
    let point = |i: usize| {
        let (cluster, angle) = (i % 3, i as f64);
        let centre = |axis: usize| if cluster == axis { 4.0 } else { 0.0 };
        [centre(0) + angle.sin(), centre(1) + angle.cos(), centre(2) + (2.0 * angle).sin(), angle / 90.0]
    };
    let values: Vec<f32> = (0..90).flat_map(point).map(|x| x as f32).collect();
    let names: Vec<String> = (0..90).map(|i| format!("point {i}")).collect();
    let classes: Vec<usize> = (0..90).map(|i| i % 3).collect();
    let colours = [[220, 60, 60], [60, 160, 60], [60, 60, 220]];
    let pictures: Result<Vec<Image>, _> =
        (0..90).map(|i| Image::rgb(8, 8, colours[i % 3].repeat(64))).collect();
    Embeddings::new("clusters", 4, &values)?
        .column("name", &names)?
        .column("class", &classes)?
        .sprite(&pictures?)
}
