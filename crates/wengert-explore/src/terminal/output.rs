//! Files: the session as a script, and the trace in other forms.

use super::{Answer, Session, error};
use crate::export::{Format, export};
use crate::plain::clean;
use crate::{ExploreError, files};
use std::path::Path;

impl Session {
    pub(super) fn save(&mut self, path: &str) -> Answer {
        if path.is_empty() {
            return error("save needs a path: `save session.txt`");
        }
        let script: String = self.log.iter().map(|line| format!("{line}\n")).collect();
        self.written(path, Ok(script), &format!("{} commands", self.log.len()))
    }

    pub(super) fn export(&mut self, rest: &str) -> Answer {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (format, path, depth) = match words[..] {
            [format, path] => (format, path, None),
            [format, path, depth] => match depth.parse::<usize>() {
                Ok(depth) if depth > 0 => (format, path, Some(depth)),
                _ => return error(format!("{depth:?} is no depth of scopes: a whole number from 1 on")),
            },
            _ => return error("export takes a format and a path: `export dot trace.dot`"),
        };
        let wanted = format.parse::<Format>().or_else(error)?;
        if depth.is_some() && !matches!(wanted, Format::Dot | Format::Mermaid) {
            return error("a depth of scopes is for drawings: dot and mermaid");
        }
        let text = export(self.trace(), wanted, depth);
        self.written(path, text, format)
    }

    fn written(&self, path: &str, text: Result<String, ExploreError>, what: &str) -> Answer {
        match text.and_then(|text| files::write(Path::new(path), &text)) {
            Ok(()) => Ok(clean(&format!("{what} written to {path}\n"))),
            Err(wrong) => error(wrong.to_string()),
        }
    }
}
