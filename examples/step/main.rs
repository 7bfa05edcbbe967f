//! Trains a network of 47 parameters to tell a 0 from a 1, and writes one step of it on one image to be looked at:
//! as a trace, a table, graphs, and a page to step through.
//!
//! `cargo run --release --example step -- --out DIR`

mod images;
mod network;

use clap::Parser;
use images::{drawn, images};
use network::{Weights, scalars, score, tensors, trained};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use wengert::GradientTape;
use wengert::trace::{Trace, TraceOptions};
use wengert_explore::{csv, dot, files, html, json, mermaid, text};

#[derive(Parser)]
#[command(about = "Writes one step of a small network, to be stepped through")]
struct Options {
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which of the 64 images
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..64))]
    image: u8,
    /// Steps of gradient descent before
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Take the weights set by hand instead of training
    #[arg(long)]
    by_hand: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let all = images();
    let by_hand = Weights::by_hand();
    let (cost, right) = score(&by_hand, &all);
    println!("set by hand:  cost {cost:.4}, {right} of {} images right", all.len());
    let weights = if options.by_hand {
        by_hand
    } else {
        let weights = trained(Weights::random(0), &all, options.steps, 0.5);
        let (cost, right) = score(&weights, &all);
        println!("trained:      cost {cost:.4}, {right} of {} images right", all.len());
        weights
    };
    let (image, label) = &all[options.image as usize];
    println!("\nimage {}, a {label}:\n{}\n", options.image, drawn(image));

    let tape = GradientTape::new();
    let network = tensors(&tape, &weights, image, *label);
    let title = format!("A 4x3-pixel {label}, one step");
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new().title(&title)))?;
    println!("{}", text::to_text(&trace));
    write(&options.out, &trace.with_checks())?;

    let tape = GradientTape::new();
    let network = scalars(&tape, &weights, image, *label);
    let title = format!("A 4x3-pixel {label}, number by number");
    let trace = tape.trace_with(network.cost, network.named(TraceOptions::new().title(&title)))?;
    write(&options.out.join("scalar"), &trace.with_checks())?;

    let out = options.out.display();
    println!("Written to {out} (tensors) and {out}/scalar (number by number):");
    println!(
        "  trace.json  the trace; step through it: cargo run --release -p wengert-explore -- step {out}/trace.json"
    );
    println!("  tape.html   the page; open it in a browser, no network is needed");
    println!("  tape.txt    the table above, and what happens step by step");
    println!("  tape.csv    the steps, to be checked in a spreadsheet");
    println!("  tape.dot    the graph: dot -Tsvg {out}/tape.dot -o tape.svg");
    println!("  tape.mmd    the graph for Mermaid, as in Markdown on many sites");
    Ok(())
}

fn write(folder: &Path, trace: &Arc<Trace>) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let put = |name: &str, content: String| files::write(&folder.join(name), &content);
    json::write(trace, folder.join("trace.json"))?;
    put("tape.txt", format!("{}\n{}", text::to_text(trace), text::to_steps(trace)))?;
    put("tape.dot", dot::to_dot(trace, None))?;
    put("tape.mmd", mermaid::to_mermaid(trace, None)?)?;
    put("tape.csv", csv::to_csv(trace))?;
    put("tape.html", html::page(&json::to_json(trace), &trace.data().title))?;
    Ok(())
}
