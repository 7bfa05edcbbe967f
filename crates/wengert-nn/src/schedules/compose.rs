//! Schedules one after the other.

use super::Schedule;

/// A schedule, and after some steps another one, which counts from 0 again. Made by
/// [`Schedule::then`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Then<A, B> {
    pub(super) first: A,
    pub(super) steps: u64,
    pub(super) second: B,
}

impl<A: Schedule, B: Schedule> Schedule for Then<A, B> {
    fn at(&self, step: u64) -> f64 {
        if step < self.steps { self.first.at(step) } else { self.second.at(step - self.steps) }
    }
}

/// A straight line up to a schedule's first rate, and then that schedule. Made by
/// [`Schedule::warmed_up`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp<S> {
    pub(super) steps: u64,
    pub(super) schedule: S,
}

impl<S: Schedule> Schedule for WarmUp<S> {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.schedule.at(step - self.steps);
        }
        self.schedule.at(0) * (step as f64 + 1.0) / (self.steps as f64 + 1.0)
    }
}
