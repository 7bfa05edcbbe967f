//! Lines on a terminal: edited, remembered, completed. rustyline does it; this says what completes what.

use super::conversation::{Ending, ending};
use super::{Session, commands};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::io::{self, Write};

/// Commands for the first word, nodes' names for the others.
struct Names(Vec<String>);

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let begin = line[..at].rfind(char::is_whitespace).map_or(0, |space| space + 1);
        let word = &line[begin..at];
        let names: Vec<&str> = match begin {
            0 => commands().iter().map(|command| command.name).collect(),
            _ => self.0.iter().map(String::as_str).collect(),
        };
        Ok((begin, names.into_iter().filter(|name| name.starts_with(word)).map(String::from).collect()))
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}

fn names(session: &Session) -> Vec<String> {
    let nodes = session.trace().nodes().iter();
    let each = nodes.flat_map(|node| [node.name.clone(), format!("{}/{}", node.scope, node.op)]);
    let mut all: Vec<String> = each.filter(|name| !name.is_empty() && !name.starts_with('/')).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Talks with a person on a terminal until they quit. Ctrl-C gives up a line, Ctrl-D quits. Words that are
/// not understood are no failure here.
///
/// # Errors
/// The terminal is gone.
pub fn talk_on_terminal(session: &mut Session) -> io::Result<Ending> {
    let failed = |error: ReadlineError| io::Error::other(error.to_string());
    let config = Config::builder().completion_type(CompletionType::List).build();
    let mut editor = Editor::<Names, MemHistory>::with_history(config, MemHistory::new()).map_err(failed)?;
    editor.set_helper(Some(Names(names(session))));
    while !session.has_quit() {
        let line = match editor.readline(&session.prompt()) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        };
        if !line.trim().is_empty() {
            editor.add_history_entry(&line).map_err(failed)?;
        }
        let text = session.run(&line).unwrap_or_else(|error| format!("{error}\n"));
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(ending(session, false))
}
