//! The questions of those who learn: why, how, along which way, and is it right?

use super::quantity::{Slice, split_slice, unquoted};
use super::{Answer, Session, error};
use crate::plain::{clean, one_line, table};
use wengert::NodeId;
use wengert::trace::{Contribution, Shown, short};

/// Paths that are shown where no number is given.
const PATHS: usize = 10;

impl Session {
    pub(super) fn why(&mut self, rest: &str) -> Answer {
        let id = self.node(rest)?;
        let (trace, time) = (self.trace(), self.cursor.time());
        let (node, label) = (trace.node(id), trace.label(id));
        let (now, all) = trace.contributions_in(id, time);
        let mut out = match (&node.adjoint, node.why.is_empty()) {
            (None, true) => format!("{label} has no adjoint: the trace does not say why\n"),
            (None, false) => format!("{label} has no adjoint: {}\n", node.why),
            (Some(_), false) => format!("the adjoint of {label} is 0: {}\n", node.why),
            (Some(adjoint), true) => {
                let from: Vec<String> =
                    trace.incoming(id).iter().map(|&(_, edge)| trace.label(trace.consumer(edge))).collect();
                match from.is_empty() {
                    true => format!("the adjoint of {label} is {}: it is the target\n", adjoint.brief()),
                    false => {
                        format!("the adjoint of {label} is {}, from {}\n", adjoint.brief(), from.join(", "))
                    }
                }
            }
        };
        let done = trace.visit_time(id).is_some_and(|at| at <= time);
        if node.adjoint.is_some() && !done && now < all {
            let phase = if self.in_forward_pass() { "the cursor is still in the forward pass: " } else { "" };
            out.push_str(&format!("now, {phase}{now} of {all} contributions are in\n"));
        }
        Ok(clean(&out))
    }

    fn in_forward_pass(&self) -> bool {
        self.cursor.time() < self.trace().nodes().len()
    }

    pub(super) fn equation(&mut self, rest: &str) -> Answer {
        let (name, slice) = split_slice(self.trace(), rest);
        let id = self.node(unquoted(name))?;
        let shape = &self.trace().node(id).shape;
        let explanation = match slice.map(|slice| Slice::parse(slice, shape)).transpose()? {
            None => self.trace().explain(id),
            Some(slice) => match slice.element() {
                Some(index) => self.trace().explain_element(id, &index),
                None => return error("an equation is of one element: `eq w[0, 2]`"),
            },
        };
        Ok(clean(&format!("{explanation}\n")))
    }

    pub(super) fn contributions(&mut self, rest: &str) -> Answer {
        let id = self.node(rest)?;
        let (trace, time) = (self.trace(), self.cursor.time());
        let all = trace.contributions(id);
        if all.is_empty() {
            return self.why(rest);
        }
        let header = ["", "time", "from", "operand", "upstream", "local", "contribution", "total"];
        let mut rows = vec![header.map(String::from).to_vec()];
        let brief = |x: &Option<Shown>| x.as_ref().map_or("-".into(), Shown::brief);
        let row = |c: &Contribution| {
            vec![
                if c.at <= time { "A" } else { "·" }.to_string(),
                c.at.to_string(),
                one_line(&trace.label(c.from)),
                c.slot.to_string(),
                brief(&c.upstream),
                brief(&c.local),
                c.delta.brief() + if c.raw.is_some() { " (summed)" } else { "" },
                c.total.clone().map_or("shortened".into(), |x| Shown::Whole(x).brief()),
            ]
        };
        rows.extend(all.iter().map(row));
        Ok(format!("{}A: it is in by now; ·: it is still to come\n", table(&rows)))
    }

    pub(super) fn paths(&mut self, rest: &str) -> Answer {
        let (name, most) = match rest.rsplit_once(char::is_whitespace) {
            Some((name, k)) if k.parse::<usize>().is_ok() => (name, k.parse().unwrap_or(PATHS)),
            _ => (rest, PATHS),
        };
        let id = self.node(name)?;
        // One more tells whether there are more.
        let paths = self.trace().paths(id, most.saturating_add(1));
        if paths.is_empty() {
            return self.why(name);
        }
        let line = |path: &Vec<NodeId>| {
            path.iter().map(|&id| self.trace().label(id)).collect::<Vec<_>>().join(" → ") + "\n"
        };
        let mut out: String = paths.iter().take(most).map(line).collect();
        if paths.len() > most {
            out.push_str(&format!("and more than these {most}\n"));
        }
        Ok(clean(&out))
    }

    pub(super) fn flow(&mut self, rest: &str) -> Answer {
        if !rest.is_empty() {
            return error("flow takes nothing after it");
        }
        let trace = self.trace();
        let mut rows =
            vec![["from", "to", "upstream", "contribution", "gain", "saturated"].map(String::from).to_vec()];
        for edge in trace.flow() {
            let saturated = match edge.saturation {
                0.0 => String::new(),
                share => format!("{} %", (100.0 * share).round()),
            };
            rows.push(vec![
                one_line(&trace.label(edge.from)),
                one_line(&trace.label(edge.to)),
                short(edge.upstream),
                short(edge.contribution),
                format!("×{}", short(edge.gain)),
                saturated,
            ]);
        }
        match rows.len() {
            1 => Ok("nothing flows: the target depends on no variable\n".into()),
            _ => Ok(table(&rows)),
        }
    }

    pub(super) fn check(&mut self, rest: &str) -> Answer {
        if !rest.is_empty() {
            return error("check takes nothing after it");
        }
        let found = self.trace().verify();
        if !found.is_ok() {
            self.failures += 1;
        }
        Ok(clean(&format!("{found}\n")))
    }
}
