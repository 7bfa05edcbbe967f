//! What a user points at: `W1[0, 2]`, `adj W1`, `val hidden/act`. Slices are NumPy's.

use super::{CommandError, Session, error};
use wengert::stepper::Stepper;
use wengert::trace::{Shown, Trace};
use wengert::{NodeId, Shape, Tensor};

/// A value or an adjoint, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    pub node: NodeId,
    pub adjoint: bool,
    pub slice: Option<Slice>,
    /// As the user wrote it.
    pub text: String,
}

/// A part of a tensor: for each axis its positions, and whether the axis stays.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    axes: Vec<(Vec<usize>, bool)>,
}

impl Slice {
    /// `0, 1:3, ::-1`: an index or a range for each axis; axes that are not named are whole.
    pub(super) fn parse(text: &str, shape: &[usize]) -> Result<Slice, CommandError> {
        let mut axes = Vec::new();
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let parts = if parts == [""] { Vec::new() } else { parts };
        if parts.len() > shape.len() {
            return error(format!(
                "[{text}] has {} indices, the shape {shape:?} {} axes",
                parts.len(),
                shape.len()
            ));
        }
        for (axis, &len) in shape.iter().enumerate() {
            axes.push(match parts.get(axis) {
                None | Some(&":" | &"...") => ((0..len).collect(), true),
                Some(part) if part.contains(':') => (range(part, len)?, true),
                Some(part) => (vec![index(part, len, axis)?], false),
            });
        }
        Ok(Slice { axes })
    }

    fn shape(&self) -> Vec<usize> {
        self.axes.iter().filter(|(_, stays)| *stays).map(|(at, _)| at.len()).collect()
    }

    /// The places of its elements in the whole tensor, in order.
    fn places(&self, shape: &[usize]) -> Vec<usize> {
        self.axes.iter().zip(shape).fold(vec![0], |places, ((at, _), len)| {
            places.iter().flat_map(|place| at.iter().map(move |i| place * len + i)).collect()
        })
    }

    /// The index, where it is of one element.
    pub(super) fn element(&self) -> Option<Vec<usize>> {
        let one = |(at, stays): &(Vec<usize>, bool)| if *stays { None } else { at.first().copied() };
        self.axes.iter().map(one).collect()
    }

    pub(super) fn of(&self, x: &Tensor<f64>) -> Tensor<f64> {
        let elements = self.places(x.shape()).into_iter().map(|place| x.as_slice()[place]).collect();
        Tensor::from_vec(elements, &self.shape()).expect("as many elements as the shape has")
    }

    /// The whole tensor with other elements in this part: one for all, or one each.
    pub(super) fn replaced(
        &self,
        whole: &Tensor<f64>,
        part: &Tensor<f64>,
    ) -> Result<Tensor<f64>, CommandError> {
        let shape = self.shape();
        if part.shape()[..] != shape[..] && !part.shape().is_empty() {
            return error(format!("this part has shape {shape:?}, the value {}", part.shape()));
        }
        let mut elements = whole.to_vec();
        for (i, place) in self.places(whole.shape()).into_iter().enumerate() {
            elements[place] = if part.shape().is_empty() { part.item() } else { part.as_slice()[i] };
        }
        Ok(Tensor::from_vec(elements, whole.shape()).expect("its own shape"))
    }
}

fn index(part: &str, len: usize, axis: usize) -> Result<usize, CommandError> {
    let Ok(i) = part.parse::<i64>() else {
        return error(format!("{part:?} is no index: a whole number, or a range like 1:3"));
    };
    let from_start = if i < 0 { i + len as i64 } else { i };
    match usize::try_from(from_start) {
        Ok(at) if at < len => Ok(at),
        _ => error(format!("index {i} is outside of axis {axis}, which has {len} elements")),
    }
}

fn range(part: &str, len: usize) -> Result<Vec<usize>, CommandError> {
    let fields: Vec<&str> = part.split(':').map(str::trim).collect();
    let number = |text: &str| match text {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(i) => Ok(Some(i)),
            Err(_) => error(format!("{part:?} is no range: whole numbers, start:stop or start:stop:step")),
        },
    };
    if fields.len() > 3 {
        return error(format!("{part:?} is no range: start:stop or start:stop:step"));
    }
    let field = |i: usize| number(fields.get(i).copied().unwrap_or(""));
    let (start, stop, step) = (field(0)?, field(1)?, field(2)?.unwrap_or(1));
    let len = len as i64;
    let clamp =
        |i: i64, low: i64, high: i64| (if i < 0 { i.saturating_add(len) } else { i }).clamp(low, high);
    let (mut at, end) = match step {
        0 => return error("a range cannot have the step 0"),
        1.. => (start.map_or(0, |i| clamp(i, 0, len)), stop.map_or(len, |i| clamp(i, 0, len))),
        _ => (start.map_or(len - 1, |i| clamp(i, -1, len - 1)), stop.map_or(-1, |i| clamp(i, -1, len - 1))),
    };
    let mut found = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        found.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(found)
}

/// A node's name and what stands in brackets after it; a name may have brackets of its own.
pub(super) fn split_slice<'a>(trace: &Trace, text: &'a str) -> (&'a str, Option<&'a str>) {
    let whole = (text, None);
    if trace.find(text).is_ok() {
        return whole;
    }
    match text.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((name, slice)) => (name.trim(), Some(slice)),
        None => whole,
    }
}

impl Session {
    /// `[adj|val] [NODE[SLICE]]`; without a node, the present one.
    pub(super) fn quantity(&self, text: &str) -> Result<Quantity, CommandError> {
        let text = text.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (adjoint, name) = match first {
            "adj" => (true, rest),
            "val" => (false, rest),
            _ => (false, text),
        };
        let (name, slice) = split_slice(self.trace(), name.trim());
        let node = self.node(unquoted(name))?;
        let shape = &self.trace().node(node).shape;
        let slice = slice.map(|slice| Slice::parse(slice, shape)).transpose()?;
        let text = match (name, adjoint) {
            ("", true) => format!("adj {}", self.trace().label(node)),
            ("" | ".", false) => self.trace().label(node),
            _ => text.to_string(),
        };
        Ok(Quantity { node, adjoint, slice, text })
    }

    /// What a quantity is now, for a reader.
    pub(super) fn line_of(&self, quantity: &Quantity) -> String {
        let text = match quantity.now(&self.cursor) {
            Now::There(x) => match x.ndim() {
                0 => format!(" {}", Shown::Whole(x).brief()),
                1 => format!(" {x}"),
                _ => format!("\n{x}"),
            },
            Now::Shortened(x) => format!(" {x}"),
            Now::Not(reason) => format!(" {reason}"),
        };
        crate::plain::clean(&format!("{} ={text}", quantity.text))
    }
}

pub(super) fn unquoted(name: &str) -> &str {
    name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name)
}

/// What a quantity is at a time.
pub(super) enum Now {
    There(Tensor<f64>),
    /// Its elements were not recorded.
    Shortened(Shown),
    /// Why it is not there.
    Not(String),
}

impl Quantity {
    pub(super) fn now(&self, at: &Stepper) -> Now {
        let trace = at.trace();
        let node = trace.node(self.node);
        let whole = match self.adjoint {
            true => at.adjoint(self.node),
            false => at.value(self.node),
        };
        if let Some(x) = whole {
            return Now::There(match &self.slice {
                // In another trace the node may have another shape.
                Some(slice) if slice.axes.len() == x.ndim() => slice.of(&x),
                _ => x,
            });
        }
        if !self.adjoint {
            return match trace.value(self.node, at.time()) {
                Some(shown) => Now::Shortened(shown.clone()),
                None => Now::Not("not computed yet".into()),
            };
        }
        match (&node.adjoint, trace.contributions_in(self.node, at.time())) {
            (None, _) => Now::Not(match node.why.is_empty() {
                true => "none".into(),
                false => format!("none: {}", node.why),
            }),
            (Some(_), (0, all)) => Now::Not(format!("none yet: 0 of {all} contributions are in")),
            (Some(shown), (now, all)) if now == all => Now::Shortened(shown.clone()),
            (Some(_), (now, all)) => Now::Not(format!("shortened; {now} of {all} contributions are in")),
        }
    }

    /// Its elements, if they are there.
    pub(super) fn tensor(&self, at: &Stepper) -> Option<Tensor<f64>> {
        match self.now(at) {
            Now::There(x) => Some(x),
            _ => None,
        }
    }
}

/// A number, or lists of numbers in brackets; NaN, inf and -inf are numbers.
pub(super) fn tensor(text: &str) -> Result<Tensor<f64>, CommandError> {
    let text = text.trim();
    if !text.starts_with('[') {
        return match text.parse::<f64>() {
            Ok(x) => Ok(Tensor::scalar(x)),
            Err(_) => error(format!("{text:?} is no number, and no list of numbers like [1, 2]")),
        };
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let mut elements = Vec::new();
    let shape = reader.list(&mut elements)?;
    if !reader.text[reader.at..].trim().is_empty() {
        return error(format!("after the list stands {:?}", reader.text[reader.at..].trim()));
    }
    Tensor::from_vec(elements, &shape).or_else(|wrong| error(wrong.to_string()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
        self.text[self.at..].chars().next()
    }

    /// The shape of the list that begins here, whose elements are added.
    fn list(&mut self, elements: &mut Vec<f64>) -> Result<Vec<usize>, CommandError> {
        self.depth += 1;
        if self.depth > wengert::MAX_AXES {
            return error(format!("lists are at most {} deep", wengert::MAX_AXES));
        }
        self.at += 1;
        let (mut count, mut inner): (usize, Option<Vec<usize>>) = (0, None);
        while self.next() != Some(']') {
            let shape = match self.next() {
                None => return error(format!("{:?} has no closing bracket", self.text)),
                Some('[') => self.list(elements)?,
                Some(_) => {
                    let rest = &self.text[self.at..];
                    let number = &rest[..rest.find([',', ']', '[']).unwrap_or(rest.len())];
                    self.at += number.len();
                    elements.push(
                        number
                            .trim()
                            .parse()
                            .or_else(|_| error(format!("{:?} is no number", number.trim())))?,
                    );
                    Vec::new()
                }
            };
            if inner.as_ref().is_some_and(|first| *first != shape) {
                return error(format!("{:?} has lists of different lengths", self.text));
            }
            inner = Some(shape);
            count += 1;
            if self.next() == Some(',') {
                self.at += 1;
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok([count].into_iter().chain(inner.unwrap_or_default()).collect())
    }
}

/// The elements' place that is the largest.
pub(super) fn index_of(shape: &Shape, mut place: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &len) in index.iter_mut().zip(shape.iter()).rev() {
        (*i, place) = (place % len, place / len);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_numpys() {
        let x = Tensor::from_vec((0..12).map(f64::from).collect(), &[3, 4]).unwrap();
        let cut = |text: &str| Slice::parse(text, x.shape()).unwrap().of(&x);
        assert_eq!(cut("1").as_slice(), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(cut("-1, -1").as_slice(), [11.0]);
        assert_eq!(cut("-1, -1").ndim(), 0);
        assert_eq!(cut(":, 1").as_slice(), [1.0, 5.0, 9.0]);
        assert_eq!(cut("1:, ::2").as_slice(), [4.0, 6.0, 8.0, 10.0]);
        assert_eq!(cut("::-1, 0").as_slice(), [8.0, 4.0, 0.0]);
        assert_eq!(cut("-2:100, 3").as_slice(), [7.0, 11.0]);
        assert_eq!(cut("2:1, 0").len(), 0);
        for (text, part) in [
            ("3", "outside of axis 0"),
            ("0, 0, 0", "3 indices"),
            ("a", "no index"),
            ("::0", "step 0"),
            ("1:2:3:4", "no range"),
            ("x:", "no range"),
        ] {
            let wrong = Slice::parse(text, x.shape()).unwrap_err().to_string();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }

    #[test]
    fn lists_are_tensors() {
        assert_eq!(tensor("-0.5").unwrap().item(), -0.5);
        assert_eq!(tensor("[[1, 2], [3, NaN]]").unwrap().shape()[..], [2, 2]);
        assert_eq!(tensor("[]").unwrap().shape()[..], [0]);
        for (text, part) in [
            ("[1, [2]]", "different lengths"),
            ("[1", "no closing bracket"),
            ("[1] 2", "after the list"),
            ("one", "no number"),
            ("[a]", "no number"),
            (&"[".repeat(wengert::MAX_AXES + 1), "deep"),
        ] {
            let wrong = tensor(text).unwrap_err().to_string();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }
}
