//! Assertions, which make a script a test: one that fails is counted, and is the exit code.

use super::{Answer, Session, error};
use crate::plain::clean;

impl Session {
    pub(super) fn assert(&mut self, rest: &str) -> Answer {
        let (holds, text) = match rest {
            "" => return error("assert needs a test: `assert adj w[0] ~ 0.25`; see `h tests`"),
            "check" => {
                let found = self.trace().verify();
                (found.is_ok(), found.to_string())
            }
            "sums" => {
                let wrong = self.trace().check_sums();
                let lines: Vec<String> = wrong.iter().map(|(id, what)| format!("{id}: {what}")).collect();
                (wrong.is_empty(), if lines.is_empty() { "all sums add up".into() } else { lines.join("; ") })
            }
            test => {
                let outcome = self.test(test)?.at(&self.cursor);
                (outcome.holds, outcome.text)
            }
        };
        if holds {
            return Ok(clean(&format!("holds: {text}\n")));
        }
        self.failures += 1;
        Ok(clean(&format!("FAILED: {rest}\n  {text}\n")))
    }
}
