//! The table of commands: one line of help and one example each. Any beginning of a name will do that begins
//! no other.

use super::{Answer, CommandError, Session, error};
use std::fmt::Write;

/// A command.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What follows the name.
    pub operands: &'static str,
    /// What it does.
    pub what: &'static str,
    /// A line that a user may type.
    pub example: &'static str,
    pub(super) act: fn(&mut Session, &str) -> Answer,
}

macro_rules! table {
    ($($name:literal $operands:literal $example:literal $act:expr, $what:literal;)*) => {
        &[$(Command { name: $name, operands: $operands, what: $what, example: $example, act: $act }),*]
    };
}

const ALL: &[Command] = table! {
    "s" "[N]" "s 3" Session::step, "step: one event forward, or N";
    "n" "[N]" "n" Session::next, "next: to the end of the present node; backwards in the sweep, one visit with all its edges";
    "fin" "" "fin" Session::finish, "finish: on until the scope is left";
    "rs" "[N]" "rs" Session::back_step, "step back";
    "rn" "[N]" "rn 2" Session::back_next, "next, back: to before the present node";
    "rc" "" "rc" Session::back_cont, "continue, back: to the last breakpoint, or to before what is watched changed";
    "rfin" "" "rfin" Session::back_finish, "finish, back: until the scope is left";
    "c" "[nonfinite]" "c nonfinite" Session::cont, "continue: to the next breakpoint or change of a watch; to the first number that is not finite";
    "u" "NODE" "u loss" Session::until, "until: on to where a node's value appears, or the sweep visits it";
    "goto" "TIME|MARK" "goto 12" Session::goto, "to a time, or to a mark";
    "start" "" "start" Session::start, "to the beginning";
    "end" "" "end" Session::end, "to the end";
    "mark" "[NAME]" "mark before" Session::mark, "call the present time by a name; without one, list the marks";
    "back" "" "back" Session::back, "to where the cursor was before it moved";
    "forward" "" "forward" Session::forward, "undo `back`";
    "b" "[PLACE] [if TEST]" "b op:log if min val %1 < 1e-3" Session::add_break, "breakpoint at PLACE: a node, op:NAME, scope:NAME, FILE:LINE or nonfinite; without one, at the present node";
    "tb" "[PLACE] [if TEST]" "tb scope:hidden" Session::add_once, "a breakpoint that is deleted when it is reached";
    "d" "NUMBER|all" "d 1" Session::delete, "delete a breakpoint, a watch, or all of them and what is displayed";
    "dis" "NUMBER" "dis 1" Session::disable, "disable a breakpoint";
    "ena" "NUMBER" "ena 1" Session::enable, "enable a breakpoint";
    "w" "adj|val NODE[INDEX]" "w adj w[0]" Session::watch, "watch: `c` stops where it changes";
    "disp" "adj|val NODE[SLICE]" "disp adj w" Session::display, "display after each move";
    "p" "[adj|val] [NODE[SLICE]]" "p adj w[0]" Session::print, "print a value, or an adjoint as it is now; slices are NumPy's: w[0, 1:3], w[:, -1]";
    "x" "[adj|val] [NODE[SLICE]]" "x w" Session::heatmap, "print a tensor as a heatmap";
    "bt" "[NODE]" "bt loss" Session::backtrace, "backtrace: what a node is computed of, down to the leaves";
    "up" "[K]" "up" Session::up, "select the node's consumer, or the K-th";
    "down" "[K]" "down 1" Session::down, "select the node's operand, or the K-th";
    "l" "[NODE]" "l" Session::list, "list the source lines around a node's";
    "info" "tape [all]|scopes|pending|alerts|b|marks" "info tape" Session::info, "the tape with · nothing, V value, A adjoint, * here, ! alert; scopes; contributions that are missing; alerts; breakpoints; marks";
    "why" "[NODE]" "why w" Session::why, "why a node has no adjoint, or one that is 0, or where it comes from";
    "eq" "[NODE[INDEX]]" "eq w[0]" Session::equation, "a node's adjoint in four stages: chain rule, rules, numbers, value";
    "contrib" "[NODE]" "contrib w" Session::contributions, "what is added to a node's adjoint: upstream, local, contribution, total";
    "paths" "[NODE] [K]" "paths w 3" Session::paths, "paths along which the adjoint comes from the target, at most K";
    "flow" "" "flow" Session::flow, "how the adjoint grows and shrinks along each edge";
    "check" "" "check" Session::check, "verify the trace: sums, the program run again, rules against differences; a failure counts as one of `assert`";
    "set" "NODE[SLICE] = VALUE" "set x = [[1, 2]]" Session::set, "what if a node had another value: the program is run again";
    "unset" "[NODE]" "unset x" Session::unset, "take back `set`, for one node or all";
    "diff" "[TIME|MARK TIME|MARK]" "diff before end" Session::diff, "what differs between two times; in a what-if without times, from what was recorded";
    "assert" "TEST|check|sums" "assert adj w[0] ~ 0.25 1e-3" Session::assert, "a test that must hold; see `h tests`";
    "save" "PATH" "save session.txt" Session::save, "write the commands so far as a script for `-x`";
    "export" "FORMAT PATH [DEPTH]" "export dot trace.dot" Session::export, "write the trace as html, json, dot, mermaid, csv or text; scopes DEPTH names deep are drawn as one box";
    "h" "[COMMAND|tests]" "h b" Session::help, "help";
    "q" "" "q" Session::stop, "quit";
};

/// Longer names that users of other debuggers know.
const ALIASES: &[(&str, &str)] = &[
    ("step", "s"),
    ("next", "n"),
    ("finish", "fin"),
    ("reverse-step", "rs"),
    ("reverse-next", "rn"),
    ("reverse-continue", "rc"),
    ("reverse-finish", "rfin"),
    ("continue", "c"),
    ("until", "u"),
    ("break", "b"),
    ("tbreak", "tb"),
    ("delete", "d"),
    ("disable", "dis"),
    ("enable", "ena"),
    ("watch", "w"),
    ("display", "disp"),
    ("print", "p"),
    ("backtrace", "bt"),
    ("list", "l"),
    ("contributions", "contrib"),
    ("equation", "eq"),
    ("help", "h"),
    ("?", "h"),
    ("quit", "q"),
    ("exit", "q"),
];

/// All commands, in the order in which help lists them.
pub fn commands() -> &'static [Command] {
    ALL
}

fn named(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name == name)
}

/// The command that a name, or a beginning of one, stands for.
pub(super) fn find(text: &str) -> Result<&'static Command, CommandError> {
    let alias = |text: &str| ALIASES.iter().find(|(alias, _)| *alias == text).map(|&(_, name)| name);
    if let Some(command) = named(text).or_else(|| named(alias(text)?)) {
        return Ok(command);
    }
    let mut found: Vec<&str> =
        ALL.iter().map(|command| command.name).filter(|name| name.starts_with(text)).collect();
    found.extend(ALIASES.iter().filter(|(alias, _)| alias.starts_with(text)).map(|&(_, name)| name));
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [name] => Ok(named(name).expect("each alias is one of a command")),
        [] => error(format!("no command is called {text:?}; h lists them")),
        _ => error(format!("{text:?} could be {}", found.join(", "))),
    }
}

const TESTS: &str = "\
tests, for `assert` and after `if`:
  X < Y, <=, >, >=, =       every element; shapes are equal, or one is a number
  X != Y                    where X = Y does not hold
  X ~ Y [TOLERANCE]         nearly equal; without a tolerance, to the digits that Y is written with:
                            ~ 0.0412 is within 0.00005, a whole number within a millionth of itself
  finite X, zero X, there X all elements are finite; are 0; the value or the adjoint is there by now
  A and B, A or B, not A, ( A )
X and Y are a number, a list [[1, 2], [3, 4]], t (the time), adj NODE[SLICE], val NODE[SLICE], or one of
norm, max, min, mean, sum before those. What is not there yet compares with nothing: the test does not hold.
`.` is the present node; a name with spaces stands in quotes.
  assert adj W1[0, 2] ~ 0.0412
  assert val h = [[1, 2]]
  b %3 if norm adj . > 1e3 or not finite val %2
";

impl Session {
    fn help(&mut self, about: &str) -> Answer {
        if about == "tests" {
            return Ok(TESTS.into());
        }
        let mut out = String::new();
        if !about.is_empty() {
            let Command { name, operands, what, example, .. } = find(about)?;
            writeln!(out, "{name} {operands}").expect("a string takes all");
            let out = out.trim_end().to_string() + "\n";
            return Ok(format!("{out}  {what}\n  example: {example}\n"));
        }
        for Command { name, operands, what, .. } in ALL {
            let what = what.split(';').next().unwrap_or(what);
            let usage = format!("{name} {operands}");
            writeln!(out, "{usage:<46}{what}").expect("a string takes all");
        }
        out.push_str("any beginning of a name that begins no other will do; an empty line repeats; # begins a comment\n");
        out.push_str("h COMMAND says more, h tests how tests are written\n");
        Ok(out)
    }

    fn stop(&mut self, _: &str) -> Answer {
        self.quit = true;
        Ok(String::new())
    }
}
