//! What a check has found, as data and as text.

use std::fmt;

/// What [`Trainer::check`](crate::Trainer::check) has found. Its text is for people.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Check {
    /// What should be looked at; empty if nothing should.
    pub findings: Vec<Finding>,
    /// The mean loss of the batch before any step.
    pub loss: f64,
    /// What guessing would give, if it is known.
    pub chance: Option<f64>,
    /// The first and the smallest loss of the batch when it was learned by heart, if that was tried.
    pub learned: Option<(f64, f64)>,
    /// Rows of the batch.
    pub rows: usize,
}

/// One thing that should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// What was seen.
    pub what: String,
    /// What to do.
    pub advice: String,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum About {
    /// Numbers that are not finite.
    Numbers,
    /// The scale of inputs.
    Inputs,
    /// Targets that say nothing.
    Targets,
    /// The scale of results inside the model.
    Activations,
    /// The first loss.
    Loss,
    /// Gradients of parameters.
    Gradients,
    /// Whether a batch can be learned by heart.
    Learning,
}

impl Check {
    pub(super) fn new(rows: usize) -> Check {
        Check { findings: Vec::new(), loss: f64::NAN, chance: None, learned: None, rows }
    }

    pub(super) fn find(&mut self, about: About, what: String, advice: &str) {
        self.findings.push(Finding { about, what, advice: advice.into() });
    }

    /// Whether nothing was found.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something was found about this.
    pub fn has(&self, about: About) -> bool {
        self.findings.iter().any(|finding| finding.about == about)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checked on {} rows: first loss {:.4}", self.rows, self.loss)?;
        if let Some(chance) = self.chance {
            write!(f, " (guessing gives {chance:.4})")?;
        }
        if let Some((_, last)) = self.learned {
            write!(f, ", by heart {last:.4}")?;
        }
        if self.is_good() {
            return write!(f, "\nnothing to complain of");
        }
        for finding in &self.findings {
            write!(f, "\n- {}\n  {}", finding.what, finding.advice)?;
        }
        Ok(())
    }
}
