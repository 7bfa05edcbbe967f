//! A debugger of lines over a trace: what gdb and rr are for programs, for a sweep.
//!
//! [`Session`] takes a line and gives text, without input or output of its own, so that a person on a terminal, a
//! script and a test drive the same thing. Times, values and adjoints are the trace's own; the session only
//! keeps where it is, breakpoints, marks, and what was asked. `h` lists the commands.
//!
//! | file | idea |
//! |---|---|
//! | `commands.rs` | the table of commands: names, help, examples |
//! | `motion.rs` `points.rs` | moving through time; where to stop |
//! | `look.rs` `tables.rs` `heatmap.rs` | what is there: a node, all nodes, a tensor as cells |
//! | `questions.rs` | why, and how an adjoint comes about |
//! | `whatif.rs` `judge.rs` `output.rs` | other values; assertions; files |
//! | `quantity.rs` `condition.rs` | the grammar: `adj W1[0, 2]`, `max adj W1 > 1e3` |
//! | `conversation.rs` | lines in, text out, exit code |

mod commands;
mod condition;
mod conversation;
#[cfg(feature = "cli")]
mod editor;
mod heatmap;
mod judge;
mod look;
mod motion;
mod output;
mod points;
mod quantity;
mod questions;
mod tables;
mod whatif;

pub use commands::{Command, commands};
pub use conversation::{Ending, talk};
#[cfg(feature = "cli")]
pub use editor::talk_on_terminal;

use crate::plain::clean;
use quantity::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;
use wengert::stepper::Stepper;
use wengert::trace::{Event, Trace};
use wengert::{NodeId, Tensor};

/// A command that is not understood, or that cannot be done; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CommandError(String);

type Answer = Result<String, CommandError>;

fn error<R>(text: impl Into<String>) -> Result<R, CommandError> {
    Err(CommandError(clean(&text.into())))
}

impl From<wengert::trace::TraceError> for CommandError {
    fn from(error: wengert::trace::TraceError) -> CommandError {
        CommandError(clean(&error.to_string()))
    }
}

/// A trace with a cursor, and all that a user has set up around it.
///
/// ```
/// use wengert_explore::terminal::Session;
/// let tape = wengert::GradientTape::new();
/// let x = tape.var(0.5);
/// let mut session = Session::new(tape.trace(x.sin() * x)?);
/// assert_eq!(session.run("n 2")?, " 1  forward %0 = var = 0.5\n 2  forward %1 = sin %0 = 0.479426\n");
/// assert_eq!(session.prompt(), "fwd 2/15 %1 sin> ");
/// session.run("b op:sin")?;
/// assert!(session.run("c")?.starts_with("breakpoint 1 (op:sin)\n"));
/// session.run("assert val %2 ~ 0.2397")?;
/// assert!(!session.failed());
/// assert!(session.run("frobnicate").unwrap_err().to_string().contains("no command"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Session {
    /// The trace that was opened; the cursor's may be another in a what-if.
    recorded: Arc<Trace>,
    cursor: Stepper,
    changes: Vec<(NodeId, Tensor<f64>)>,
    points: BTreeMap<usize, Point>,
    displays: Vec<Quantity>,
    marks: BTreeMap<String, usize>,
    past: Vec<usize>,
    future: Vec<usize>,
    /// The node that commands are about where none is named, if it is not the cursor's.
    selected: Option<NodeId>,
    /// The commands that were understood, for `save`.
    log: Vec<String>,
    tampered: Vec<(NodeId, String)>,
    failures: usize,
    quit: bool,
    /// Whether colours may be used.
    pub colour: bool,
}

/// A breakpoint or a watch, as the user wrote it.
#[derive(Clone)]
struct Point {
    text: String,
    once: bool,
    watch: bool,
}

impl Session {
    /// At the beginning of a trace, whose sums are checked.
    pub fn new(trace: Arc<Trace>) -> Session {
        Session {
            cursor: trace.stepper(),
            tampered: trace.check_sums(),
            recorded: trace,
            changes: Vec::new(),
            points: BTreeMap::new(),
            displays: Vec::new(),
            marks: BTreeMap::new(),
            past: Vec::new(),
            future: Vec::new(),
            selected: None,
            log: Vec::new(),
            failures: 0,
            quit: false,
            colour: false,
        }
    }

    /// What to say first: what this is a trace of, and what is wrong with it.
    pub fn greeting(&self) -> String {
        let data = self.recorded.data();
        let title = if data.title.is_empty() { "a trace" } else { &data.title };
        let mut text = format!(
            "{title}: {} nodes, {} events, {}; h lists the commands\n",
            data.nodes.len(),
            self.recorded.end(),
            if self.recorded.can_replay() { "can be run again" } else { "cannot be run again" },
        );
        if data.options.shortened > 0 {
            text.push_str(&format!(
                "{} tensors were shortened when it was recorded\n",
                data.options.shortened
            ));
        }
        for (id, what) in &self.tampered {
            text.push_str(&format!("FAIL {id}: {what}\n"));
        }
        if !self.tampered.is_empty() {
            text.push_str("this trace does not add up: it was changed after it was recorded\n");
        }
        clean(&text)
    }

    /// Carries out one line and gives what it prints; `#` begins a comment, an empty line repeats the last
    /// command.
    ///
    /// # Errors
    /// The line is not understood, or cannot be done here.
    pub fn run(&mut self, line: &str) -> Result<String, CommandError> {
        let line = without_comment(line).trim();
        let line = match (line.is_empty(), self.log.last()) {
            (true, Some(last)) => last.clone(),
            (true, None) => return Ok(String::new()),
            (false, _) => line.to_string(),
        };
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let command = commands::find(name)?;
        let (before, was) = (self.cursor.time(), Arc::clone(self.cursor.trace()));
        let mut text = (command.act)(self, rest.trim())?;
        if (self.cursor.time(), &*was as *const Trace) != (before, &**self.cursor.trace() as *const Trace) {
            self.selected = None;
            text.push_str(&self.displayed());
        }
        self.log.push(line);
        Ok(text)
    }

    /// What stands before a line: the pass, the time, and where.
    pub fn prompt(&self) -> String {
        let what_if = if self.changes.is_empty() { "" } else { "(what-if) " };
        let (time, end) = (self.cursor.time(), self.trace().end());
        let pass = match self.cursor.event() {
            None | Some(Event::Forward(_)) => "fwd",
            Some(_) => "bwd",
        };
        let place = self.cursor.node().map_or(String::new(), |id| format!(" {}", self.place(id)));
        crate::plain::one_line(&format!("{what_if}{pass} {time}/{end}{place}> "))
    }

    /// Whether an assertion failed, or the trace does not add up: exit code 1.
    pub fn failed(&self) -> bool {
        self.failures > 0 || !self.tampered.is_empty()
    }

    /// Whether `q` was given.
    pub fn has_quit(&self) -> bool {
        self.quit
    }

    /// The trace that is looked at: in a what-if, the other one.
    pub fn trace(&self) -> &Arc<Trace> {
        self.cursor.trace()
    }

    /// Where a node is: scope and operation, or name, or id and operation.
    fn place(&self, id: NodeId) -> String {
        let node = self.trace().node(id);
        match (node.scope.is_empty(), node.name.is_empty()) {
            (false, _) => format!("{}/{}", node.scope, node.op),
            (true, false) => node.name.clone(),
            (true, true) => format!("{id} {}", node.op),
        }
    }

    /// The node that a command is about: the one named, else the one selected, else the cursor's.
    fn node(&self, text: &str) -> Result<NodeId, CommandError> {
        match text.trim() {
            "" | "." => match self.selected.or(self.cursor.node()) {
                Some(id) => Ok(id),
                None => error("nothing has happened yet: name a node, or take a step first"),
            },
            text => Ok(self.trace().find(text)?),
        }
    }

    fn displayed(&self) -> String {
        self.displays.iter().map(|quantity| format!("  {}\n", self.line_of(quantity))).collect()
    }

    /// The event at a time, with its number.
    fn event_line(&self, time: usize) -> String {
        let width = self.trace().end().to_string().len();
        format!("{time:>width$}  {}\n", clean(&self.trace().sentence(time)))
    }
}

/// A line up to `#`, which begins a comment at the line's start or after a space.
fn without_comment(line: &str) -> &str {
    let begins = |&(at, _): &(usize, &str)| at == 0 || line[..at].ends_with(char::is_whitespace);
    line.match_indices('#').find(begins).map_or(line, |(at, _)| &line[..at])
}
