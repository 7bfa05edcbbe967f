//! Where to stop, and what to show each time: breakpoints, watches, displays.

use super::{Answer, CommandError, Point, Session, error};
use crate::plain::clean;
use std::sync::Arc;
use wengert::stepper::{Break, Watch};

impl Session {
    pub(super) fn add_break(&mut self, rest: &str) -> Answer {
        self.stop_at(rest, false)
    }

    pub(super) fn add_once(&mut self, rest: &str) -> Answer {
        self.stop_at(rest, true)
    }

    fn stop_at(&mut self, rest: &str, once: bool) -> Answer {
        if rest == "if" || rest.ends_with(" if") {
            return error("a test is missing after if; see `h tests`");
        }
        let (place, test) = match rest.strip_prefix("if ") {
            Some(test) => ("", Some(test)),
            None => rest.split_once(" if ").map_or((rest, None), |(place, test)| (place.trim(), Some(test))),
        };
        let mut at = match (place, test) {
            // A test alone is asked after each event.
            ("", Some(_)) => None,
            _ => Some(self.break_place(place)?),
        };
        if let Some(test) = test {
            let (test, place) = (self.test(test)?, at.take());
            at = Some(Break::When(Arc::new(move |s| {
                place.as_ref().is_none_or(|place| s.is_at(place)) && test.at(s).holds
            })));
        }
        let text = match (rest, &at) {
            ("", Some(at)) => at.to_string(),
            _ => rest.to_string(),
        };
        let number = self.cursor.add_break(at.expect("a place or a test"));
        let said = clean(&format!("breakpoint {number} at {text}\n"));
        self.points.insert(number, Point { text, once, watch: false });
        Ok(said)
    }

    fn break_place(&self, place: &str) -> Result<Break, CommandError> {
        let nodes = self.trace().nodes();
        if place == "nonfinite" {
            return Ok(Break::NonFinite);
        }
        if let Some(op) = place.strip_prefix("op:") {
            if !nodes.iter().any(|node| node.op == op) {
                return error(format!(
                    "no node has the operation {op:?}; there are {}",
                    names(nodes.iter().map(|x| &*x.op))
                ));
            }
            return Ok(Break::Op(op.into()));
        }
        if let Some(scope) = place.strip_prefix("scope:") {
            let inside =
                |own: &str| own == scope || own.strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'));
            if !nodes.iter().any(|node| inside(&node.scope)) {
                return error(format!(
                    "no node is in the scope {scope:?}; there are {}",
                    names(nodes.iter().map(|x| &*x.scope))
                ));
            }
            return Ok(Break::Scope(scope.into()));
        }
        if let Some((file, line)) = place.rsplit_once(':')
            && let Ok(line) = line.parse::<u32>()
        {
            if !nodes.iter().any(|node| node.line == line && node.file.ends_with(file)) {
                let lines = nodes
                    .iter()
                    .filter(|node| node.file.ends_with(file))
                    .map(|node| format!("{}:{}", node.file, node.line));
                let lines: Vec<String> = lines.collect();
                let known = match lines.is_empty() {
                    true => format!("files are {}", names(nodes.iter().map(|x| &*x.file))),
                    false => format!("there are {}", names(lines.iter().map(String::as_str))),
                };
                return error(format!("nothing was recorded at {place}; {known}"));
            }
            return Ok(Break::Line(file.into(), line));
        }
        Ok(Break::Node(self.node(place)?))
    }

    fn number(&self, text: &str) -> Result<usize, CommandError> {
        let Ok(number) = text.parse::<usize>() else {
            return error(format!("{text:?} is no number of a breakpoint; `info b` lists them"));
        };
        match self.points.contains_key(&number) {
            true => Ok(number),
            false => error(format!("there is no breakpoint {number}; `info b` lists them")),
        }
    }

    pub(super) fn delete(&mut self, rest: &str) -> Answer {
        if rest == "all" {
            for number in std::mem::take(&mut self.points).into_keys() {
                self.cursor.delete(number);
            }
            self.displays.clear();
            return Ok("all are deleted\n".into());
        }
        let number = self.number(rest)?;
        self.cursor.delete(number);
        self.points.remove(&number);
        Ok(format!("{number} is deleted\n"))
    }

    pub(super) fn disable(&mut self, rest: &str) -> Answer {
        self.switch(rest, false)
    }

    pub(super) fn enable(&mut self, rest: &str) -> Answer {
        self.switch(rest, true)
    }

    fn switch(&mut self, rest: &str, on: bool) -> Answer {
        let number = self.number(rest)?;
        if !self.cursor.enable(number, on) {
            return error(format!("{number} is a watch: delete it with `d {number}`"));
        }
        Ok(format!("breakpoint {number} is {}\n", if on { "on" } else { "off" }))
    }

    pub(super) fn watch(&mut self, rest: &str) -> Answer {
        if rest.is_empty() {
            return error("w needs what to watch: `w adj w[0]` or `w val h`");
        }
        let quantity = self.quantity(rest)?;
        let what = match (&quantity.slice, quantity.adjoint) {
            (None, true) => Watch::Adjoint(quantity.node),
            (None, false) => Watch::Value(quantity.node),
            (Some(slice), true) => match slice.element() {
                Some(index) => Watch::Element(quantity.node, index),
                None => return error("a watch is of a whole tensor or of one element: `w adj w[0, 2]`"),
            },
            (Some(_), false) => return error("a value appears as a whole: watch it without an index"),
        };
        let number = self.cursor.watch(what);
        let said = clean(&format!("watch {number} of {}\n", quantity.text));
        self.points.insert(number, Point { text: quantity.text, once: false, watch: true });
        Ok(said)
    }

    pub(super) fn display(&mut self, rest: &str) -> Answer {
        if rest.is_empty() {
            return Ok(self.displayed());
        }
        let quantity = self.quantity(rest)?;
        let line = self.line_of(&quantity);
        self.displays.push(quantity);
        Ok(format!("  {line}\n"))
    }

    /// `info b`.
    pub(super) fn list_points(&self) -> String {
        let mut out = String::new();
        for (number, point) in &self.points {
            let off = self.cursor.breaks().iter().any(|(own, _, on)| own == number && !on);
            let kind = if point.watch { "watch" } else { "breakpoint" };
            let notes = [(point.once, ", once"), (off, ", off")];
            let notes: String = notes.iter().filter(|(on, _)| *on).map(|(_, note)| *note).collect();
            out.push_str(&format!("{number}  {kind} {}{notes}\n", point.text));
        }
        out.extend(self.displays.iter().map(|quantity| format!("   display {}\n", quantity.text)));
        if out.is_empty() { "there are none; `b` and `w` set them\n".into() } else { clean(&out) }
    }
}

/// Different names, at most a dozen.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = all.filter(|name| !name.is_empty()).collect();
    all.sort_unstable();
    all.dedup();
    let more = all.len().saturating_sub(12);
    let shown = all[..all.len() - more].join(", ");
    match (all.is_empty(), more) {
        (true, _) => "none".into(),
        (_, 0) => shown,
        _ => format!("{shown} and {more} more"),
    }
}
