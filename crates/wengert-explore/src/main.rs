//! The program `wengert`: steps through a trace, shows, checks and exports it.
//!
//! Exit code 0: all is well; 1: an assertion failed, or the trace is wrong; 2: a file or an option is wrong.

use clap::{Args, Parser, Subcommand};
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use wengert::trace::Trace;
use wengert_explore::export::{Format, LARGE_PAGE, export};
use wengert_explore::terminal::{Ending, Session, talk, talk_on_terminal};
use wengert_explore::{ExploreError, files, json, text};

/// Steps through a trace of a gradient, shows, checks and exports it.
#[derive(Parser)]
#[command(name = "wengert", version)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Step through a trace, forwards and backwards: a debugger of lines
    Step {
        /// The trace, JSON; `-` is standard input
        trace: PathBuf,
        /// Carry out a script, then end; may be given several times
        #[arg(short = 'x', long = "script", value_name = "FILE")]
        scripts: Vec<PathBuf>,
        /// Carry out a command after the scripts, then end; may be given several times
        #[arg(short = 'e', long = "command", value_name = "COMMAND")]
        commands: Vec<String>,
        /// After scripts and commands, go on by hand
        #[arg(short, long)]
        interactive: bool,
    },
    /// Print a trace as a table
    Show {
        /// The trace, JSON; `-` is standard input
        trace: PathBuf,
        /// Each step instead
        #[arg(long)]
        steps: bool,
    },
    /// Write a trace in another form
    Export {
        /// The trace, JSON; `-` is standard input
        trace: PathBuf,
        #[command(flatten)]
        format: Formats,
        /// Where to; standard output where it is not given
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Draw scopes this many names deep as one box each
        #[arg(long, value_name = "DEPTH", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
        collapse: Option<u16>,
    },
    /// Verify a trace: sums, the program run again, rules against differences
    Check {
        /// The trace, JSON; `-` is standard input
        trace: PathBuf,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Formats {
    /// A page to step through in a browser, without a network
    #[arg(long)]
    html: bool,
    /// A drawing for Graphviz
    #[arg(long)]
    dot: bool,
    /// A drawing for Mermaid
    #[arg(long)]
    mermaid: bool,
    /// The trace itself
    #[arg(long)]
    json: bool,
    /// A table for spreadsheets: each product and each addition
    #[arg(long)]
    csv: bool,
    /// A table to read
    #[arg(long)]
    text: bool,
}

/// What ends the program early.
enum Failure {
    File(ExploreError),
    Output(io::Error),
    Usage(String),
}

impl From<ExploreError> for Failure {
    fn from(error: ExploreError) -> Failure {
        Failure::File(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

fn main() -> ExitCode {
    let ending = match Options::parse().what {
        What::Step { trace, scripts, commands, interactive } => {
            step(&trace, &scripts, &commands, interactive)
        }
        What::Show { trace, steps } => show(&trace, steps),
        What::Export { trace, format, output, collapse } => {
            write(&trace, &format, output.as_deref(), collapse)
        }
        What::Check { trace } => check(&trace),
    };
    match ending {
        Ok(ending) => ExitCode::from(ending.code()),
        // Whoever read this has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let text = match failure {
                Failure::File(error) => error.to_string(),
                Failure::Output(error) => error.to_string(),
                Failure::Usage(text) => text,
            };
            eprintln!("wengert: {text}");
            ExitCode::from(Ending::Wrong.code())
        }
    }
}

fn read(path: &Path) -> Result<Arc<Trace>, ExploreError> {
    if path == Path::new("-") {
        json::read_from(io::stdin().lock(), "standard input")
    } else {
        json::read(path)
    }
}

fn step(path: &Path, scripts: &[PathBuf], commands: &[String], interactive: bool) -> Result<Ending, Failure> {
    let by_hand = interactive || (scripts.is_empty() && commands.is_empty());
    if path == Path::new("-") && by_hand {
        return Err(Failure::Usage(
            "standard input cannot be the trace and the commands: use -x or -e".into(),
        ));
    }
    // What cannot be read is told before anything is done.
    let opened = scripts.iter().map(|path| match File::open(path) {
        Ok(file) => Ok((path.display().to_string(), BufReader::new(file))),
        Err(source) => Err(ExploreError::Io { path: path.clone(), source }),
    });
    let opened = opened.collect::<Result<Vec<_>, ExploreError>>()?;
    let mut session = Session::new(read(path)?);
    let (mut out, mut errors) = (io::stdout(), io::stderr());
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    session.colour =
        out.is_terminal() && unset("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    out.write_all(session.greeting().as_bytes())?;
    let mut ending = if session.failed() { Ending::Failed } else { Ending::Well };
    for (name, lines) in opened {
        ending = ending.max(talk(&mut session, lines, &name, true, &mut out, &mut errors)?);
        if ending == Ending::Wrong || session.has_quit() {
            return Ok(ending);
        }
    }
    for command in commands {
        ending = ending.max(talk(&mut session, command.as_bytes(), "-e", true, &mut out, &mut errors)?);
        if ending == Ending::Wrong || session.has_quit() {
            return Ok(ending);
        }
    }
    if by_hand {
        let last = if io::stdin().is_terminal() && out.is_terminal() {
            talk_on_terminal(&mut session)?
        } else {
            talk(&mut session, io::stdin().lock(), "standard input", false, &mut out, &mut errors)?
        };
        ending = ending.max(last);
    }
    Ok(ending)
}

fn show(path: &Path, steps: bool) -> Result<Ending, Failure> {
    let trace = read(path)?;
    let shown = if steps { text::to_steps(&trace) } else { text::to_text(&trace) };
    print(&shown)
}

fn print(text: &str) -> Result<Ending, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Ending::Well)
}

fn write(
    path: &Path,
    format: &Formats,
    output: Option<&Path>,
    collapse: Option<u16>,
) -> Result<Ending, Failure> {
    let format = match format {
        Formats { html: true, .. } => Format::Html,
        Formats { dot: true, .. } => Format::Dot,
        Formats { mermaid: true, .. } => Format::Mermaid,
        Formats { csv: true, .. } => Format::Csv,
        Formats { text: true, .. } => Format::Text,
        Formats { .. } => Format::Json,
    };
    if collapse.is_some() && !matches!(format, Format::Dot | Format::Mermaid) {
        return Err(Failure::Usage("--collapse is for drawings: --dot and --mermaid".into()));
    }
    let trace = read(path)?;
    // Who is shown nodes is shown whether their rules are right.
    let trace = if matches!(format, Format::Html | Format::Json) { trace.with_checks() } else { trace };
    let text = export(&trace, format, collapse.map(usize::from))?;
    if format == Format::Html && text.len() > LARGE_PAGE {
        let bytes = text.len();
        eprintln!(
            "wengert: the page has {bytes} bytes and opens slowly; `TraceOptions::capped` records less"
        );
    }
    match output {
        None => print(&text),
        Some(path) => {
            files::write(path, &text)?;
            Ok(Ending::Well)
        }
    }
}

fn check(path: &Path) -> Result<Ending, Failure> {
    let found = read(path)?.verify();
    print(&format!("{found}\n"))?;
    Ok(if found.is_ok() { Ending::Well } else { Ending::Failed })
}
