//! Moving through time: every move is remembered, so that `back` undoes it.

use super::{Answer, CommandError, Session, error};
use crate::plain::clean;
use std::cmp::Ordering;
use wengert::Tensor;
use wengert::stepper::Stop;

/// A count of 1 where none is given.
fn count(text: &str) -> Result<usize, CommandError> {
    match text {
        "" => Ok(1),
        text => text
            .parse()
            .ok()
            .filter(|&n| n > 0)
            .ok_or(())
            .or_else(|()| error(format!("{text:?} is no count: give a whole number from 1 on"))),
    }
}

fn none(text: &str, name: &str) -> Result<(), CommandError> {
    if text.is_empty() { Ok(()) } else { error(format!("{name} takes nothing after it, not {text:?}")) }
}

pub(super) const AT_END: &str = "this is the end; rs and rn go back\n";
const AT_START: &str = "this is the beginning; s and n go on\n";

impl Session {
    /// Moves, and says which events went by.
    fn moved(&mut self, go: impl FnOnce(&mut Session) -> bool) -> String {
        let before = self.cursor.time();
        let went = go(self);
        let now = self.cursor.time();
        if now != before {
            self.past.push(before);
            self.future.clear();
        }
        match (went, now.cmp(&before)) {
            (_, Ordering::Greater) => (before + 1..=now).map(|time| self.event_line(time)).collect(),
            (_, Ordering::Less) => {
                (now + 1..=before).rev().map(|time| format!("undone  {}", self.event_line(time))).collect()
            }
            (false, _) if now == 0 => AT_START.into(),
            _ => AT_END.into(),
        }
    }

    /// Moves, and says where that led.
    fn jumped(&mut self, go: impl FnOnce(&mut Session)) -> String {
        let before = self.cursor.time();
        go(self);
        if self.cursor.time() != before {
            self.past.push(before);
            self.future.clear();
        }
        self.event_line(self.cursor.time())
    }

    pub(super) fn step(&mut self, n: &str) -> Answer {
        let n = count(n)?;
        Ok(self.moved(|s| (0..n).all(|_| s.cursor.step().is_some())))
    }

    pub(super) fn next(&mut self, n: &str) -> Answer {
        let n = count(n)?;
        Ok(self.moved(|s| (0..n).all(|_| s.cursor.next().is_some())))
    }

    pub(super) fn back_step(&mut self, n: &str) -> Answer {
        let n = count(n)?;
        Ok(self.moved(|s| (0..n).all(|_| s.cursor.back_step().is_some())))
    }

    pub(super) fn back_next(&mut self, n: &str) -> Answer {
        let n = count(n)?;
        Ok(self.moved(|s| (0..n).all(|_| s.cursor.back_next().is_some())))
    }

    pub(super) fn finish(&mut self, rest: &str) -> Answer {
        none(rest, "fin")?;
        if self.cursor.time() == self.trace().end() {
            return Ok(AT_END.into());
        }
        Ok(self.jumped(|s| {
            s.cursor.finish();
        }))
    }

    pub(super) fn back_finish(&mut self, rest: &str) -> Answer {
        none(rest, "rfin")?;
        if self.cursor.time() == 0 {
            return Ok(AT_START.into());
        }
        Ok(self.jumped(|s| {
            s.cursor.back_finish();
        }))
    }

    pub(super) fn start(&mut self, rest: &str) -> Answer {
        none(rest, "start")?;
        Ok(self.jumped(|s| s.cursor.seek(0)))
    }

    pub(super) fn end(&mut self, rest: &str) -> Answer {
        none(rest, "end")?;
        Ok(self.jumped(|s| s.cursor.seek(usize::MAX)))
    }

    pub(super) fn goto(&mut self, rest: &str) -> Answer {
        let time = self.time(rest)?;
        Ok(self.jumped(|s| s.cursor.seek(time)))
    }

    /// A time by number or mark.
    pub(super) fn time(&self, text: &str) -> Result<usize, CommandError> {
        let end = self.trace().end();
        if let Some(&time) = self.marks.get(text) {
            return Ok(time.min(end));
        }
        match (text, text.parse::<usize>()) {
            ("start", _) => Ok(0),
            ("end", _) => Ok(end),
            (_, Ok(time)) if time <= end => Ok(time),
            (_, Ok(time)) => error(format!("{time} is after the end: times go from 0 to {end}")),
            _ => {
                let marks: Vec<&str> = self.marks.keys().map(String::as_str).collect();
                let known = if marks.is_empty() {
                    "there are no marks".into()
                } else {
                    format!("marks are {}", marks.join(", "))
                };
                error(format!("{text:?} is no time from 0 to {end} and no mark: {known}"))
            }
        }
    }

    pub(super) fn until(&mut self, rest: &str) -> Answer {
        if rest.is_empty() {
            return error("u needs a node: `u loss`; `n` goes on by one");
        }
        let id = self.node(rest)?;
        let mut ahead = self.cursor.clone();
        if !ahead.run_to(id) {
            let label = self.trace().label(id);
            return error(format!(
                "{label} is neither computed nor visited after this: `rc`, `start` and `goto` go back"
            ));
        }
        Ok(self.jumped(|s| s.cursor = ahead))
    }

    pub(super) fn cont(&mut self, rest: &str) -> Answer {
        match rest {
            "" => Ok(self.run_on(|s| s.cursor.cont())),
            "nonfinite" => Ok(self.run_on(|s| s.cursor.cont_to_non_finite())),
            other => error(format!("c takes nothing or nonfinite after it, not {other:?}")),
        }
    }

    pub(super) fn back_cont(&mut self, rest: &str) -> Answer {
        none(rest, "rc")?;
        Ok(self.run_on(|s| s.cursor.reverse_cont()))
    }

    fn run_on(&mut self, go: impl FnOnce(&mut Session) -> Stop) -> String {
        let mut stop = Stop::End;
        let here = self.jumped(|s| stop = go(s));
        let reason = match stop {
            Stop::Break(number) => {
                let Some(point) = self.points.get(&number).cloned() else { return here };
                if point.once {
                    self.points.remove(&number);
                    self.cursor.delete(number);
                }
                format!("breakpoint {number} ({})\n", point.text)
            }
            Stop::Watch(number, before, after) => {
                let text = self.points.get(&number).map_or(String::new(), |point| point.text.clone());
                let shown = |x: Option<Tensor<f64>>| {
                    x.map_or("none".to_string(), |x| wengert::trace::Shown::Whole(x).brief())
                };
                format!("watch {number} ({text}): {} → {}\n", shown(before), shown(after))
            }
            Stop::NonFinite(id) => {
                let node = self.trace().node(id);
                let operands = node.inputs.iter().filter_map(|&i| self.trace().id(i));
                let each =
                    |id| format!("  {} = {}\n", self.trace().label(id), self.trace().node(id).value.brief());
                format!("not finite: {}, at {}:{}\n", self.trace().label(id), node.file, node.line)
                    + &operands.map(each).collect::<String>()
            }
            _ if self.cursor.time() == 0 => return AT_START.into(),
            _ => return here + AT_END,
        };
        clean(&reason) + &here
    }

    pub(super) fn mark(&mut self, name: &str) -> Answer {
        if name.is_empty() {
            return self.info("marks");
        }
        if name.parse::<f64>().is_ok()
            || name.contains(char::is_whitespace)
            || ["start", "end"].contains(&name)
        {
            return error(format!("{name:?} cannot be a mark's name: take a word"));
        }
        self.marks.insert(name.into(), self.cursor.time());
        Ok(format!("{name} is {}\n", self.cursor.time()))
    }

    pub(super) fn back(&mut self, rest: &str) -> Answer {
        none(rest, "back")?;
        let Some(time) = self.past.pop() else { return error("the cursor has not moved before this") };
        self.future.push(self.cursor.time());
        self.cursor.seek(time);
        Ok(self.event_line(self.cursor.time()))
    }

    pub(super) fn forward(&mut self, rest: &str) -> Answer {
        none(rest, "forward")?;
        let Some(time) = self.future.pop() else { return error("nothing was undone by `back`") };
        self.past.push(self.cursor.time());
        self.cursor.seek(time);
        Ok(self.event_line(self.cursor.time()))
    }
}
