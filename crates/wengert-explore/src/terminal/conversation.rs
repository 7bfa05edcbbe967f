//! Lines in, text out: a script, a pipe. What a session ends with is the exit code.

use super::Session;
use std::io::{self, BufRead, Write};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All went well: exit code 0.
    Well,
    /// An assertion failed, or the trace does not add up: exit code 1.
    Failed,
    /// A command was not understood: exit code 2.
    Wrong,
}

impl Ending {
    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Carries out lines until they end or one of them is `q`, and prints each after its prompt, as it would
/// stand on a terminal. What is wrong with a line goes to `errors`, with `name` and the line's number.
///
/// A script, `whole`, stops at a line that is not understood, and its empty lines mean nothing; in a pipe the next line
/// is another chance.
///
/// # Errors
/// The output takes no more, say because the pipe is closed.
///
/// ```
/// use wengert_explore::terminal::{Ending, Session, talk};
/// let tape = wengert::GradientTape::new();
/// let mut session = Session::new(tape.trace(tape.var(2.0).square())?);
/// let (mut out, mut errors) = (Vec::new(), Vec::new());
/// let script = "end # all of it\nassert adj %0 = 5\n";
/// let ending = talk(&mut session, script.as_bytes(), "script", true, &mut out, &mut errors)?;
/// assert_eq!(ending, Ending::Failed);
/// assert!(String::from_utf8(out)?.ends_with("FAILED: adj %0 = 5\n  adj %0 is 4\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn talk(
    session: &mut Session,
    lines: impl BufRead,
    name: &str,
    whole: bool,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Ending> {
    let mut wrong = false;
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        if whole && line.trim().is_empty() {
            continue;
        }
        writeln!(out, "{}{}", session.prompt(), crate::plain::one_line(line.trim()))?;
        match session.run(&line) {
            Ok(text) => out.write_all(text.as_bytes())?,
            Err(error) => {
                out.flush()?;
                writeln!(errors, "{name}:{}: {error}", number + 1)?;
                wrong = true;
                if whole {
                    break;
                }
            }
        }
        if session.has_quit() {
            break;
        }
    }
    out.flush()?;
    Ok(ending(session, wrong))
}

pub(super) fn ending(session: &Session, wrong: bool) -> Ending {
    match (wrong, session.failed()) {
        (true, _) => Ending::Wrong,
        (_, true) => Ending::Failed,
        _ => Ending::Well,
    }
}
