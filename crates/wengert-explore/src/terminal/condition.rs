//! Tests that hold or not at a time: `max adj W1 > 1e3 and finite val .`. For `assert` and for breakpoints.

use super::quantity::{Quantity, tensor};
use super::{CommandError, Session, error};
use wengert::Tensor;
use wengert::stepper::Stepper;
use wengert::trace::{Shown, short};

#[derive(Clone, Debug)]
pub(super) enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Compare(Operand, Relation, Operand, f64),
    Is(Property, Place),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Tensor(Tensor<f64>),
    Time,
    Quantity(Option<Function>, Place),
}

/// A quantity, of a fixed node or of the one that the cursor is at.
#[derive(Clone, Debug)]
pub(super) struct Place {
    quantity: Quantity,
    here: bool,
}

impl Place {
    fn tensor(&self, s: &Stepper) -> Option<Tensor<f64>> {
        let mut quantity = self.quantity.clone();
        if self.here {
            quantity.node = s.node()?;
        }
        quantity.tensor(s)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relation {
    Less,
    LessEqual,
    More,
    MoreEqual,
    Equal,
    Unequal,
    Near,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Norm,
    Max,
    Min,
    Mean,
    Sum,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Property {
    Finite,
    Zero,
    There,
}

/// Deeper brackets are refused.
const DEEPEST: usize = 50;

/// Whether a test holds, and what its sides are.
pub(super) struct Outcome {
    pub holds: bool,
    pub text: String,
}

impl Test {
    pub(super) fn at(&self, s: &Stepper) -> Outcome {
        match self {
            Test::Any(tests) => joined(tests, s, " or ", |all| all.iter().any(|x| x.holds)),
            Test::All(tests) => joined(tests, s, " and ", |all| all.iter().all(|x| x.holds)),
            Test::Not(test) => {
                let inner = test.at(s);
                Outcome { holds: !inner.holds, text: inner.text }
            }
            Test::Compare(a, how, b, tolerance) => compare(a, *how, b, *tolerance, s),
            Test::Is(property, place) => {
                let x = place.tensor(s);
                let all = |f: fn(&f64) -> bool| x.as_ref().is_some_and(|x| x.as_slice().iter().all(f));
                let holds = match property {
                    Property::Finite => all(|x| x.is_finite()),
                    Property::Zero => all(|x| *x == 0.0),
                    Property::There => x.is_some(),
                };
                Outcome { holds, text: format!("{} is {}", place.quantity.text, brief(x)) }
            }
        }
    }
}

fn joined(tests: &[Test], s: &Stepper, word: &str, holds: impl Fn(&[Outcome]) -> bool) -> Outcome {
    let all: Vec<Outcome> = tests.iter().map(|test| test.at(s)).collect();
    let text = all.iter().map(|x| x.text.as_str()).collect::<Vec<_>>().join(word);
    Outcome { holds: holds(&all), text }
}

fn brief(x: Option<Tensor<f64>>) -> String {
    x.map_or("not there yet".into(), |x| Shown::Whole(x).brief())
}

impl Operand {
    fn get(&self, s: &Stepper) -> Option<Tensor<f64>> {
        match self {
            Operand::Tensor(x) => Some(x.clone()),
            Operand::Time => Some(Tensor::scalar(s.time() as f64)),
            Operand::Quantity(function, place) => {
                let x = place.tensor(s)?;
                let all = || x.as_slice().iter().copied();
                let number = match function {
                    None => return Some(x),
                    Some(Function::Norm) => Shown::Whole(x.clone()).norm(),
                    Some(Function::Sum) => all().sum(),
                    Some(Function::Mean) => all().sum::<f64>() / x.len() as f64,
                    // Of numbers among which one is none, the largest is none.
                    Some(Function::Max) => all().reduce(|a, b| if a.is_nan() || a > b { a } else { b })?,
                    Some(Function::Min) => all().reduce(|a, b| if a.is_nan() || a < b { a } else { b })?,
                };
                Some(Tensor::scalar(number))
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Operand::Tensor(x) => Shown::Whole(x.clone()).brief(),
            Operand::Time => "t".into(),
            Operand::Quantity(function, place) => {
                let name = function.map_or(String::new(), |f| format!("{f:?} ").to_lowercase());
                format!("{name}{}", place.quantity.text)
            }
        }
    }
}

fn compare(a: &Operand, how: Relation, b: &Operand, tolerance: f64, s: &Stepper) -> Outcome {
    let known = |x: &Operand| matches!(x, Operand::Tensor(_));
    let (x, y) = (a.get(s), b.get(s));
    let mut text = match (known(a), known(b)) {
        (false, true) => format!("{} is {}", a.text(), brief(x.clone())),
        (true, false) => format!("{} is {}", b.text(), brief(y.clone())),
        _ => format!("{} is {}, {} is {}", a.text(), brief(x.clone()), b.text(), brief(y.clone())),
    };
    if how == Relation::Unequal && x.is_some() && y.is_some() {
        return Outcome { holds: !compare(a, Relation::Equal, b, 0.0, s).holds, text };
    }
    let (Some(x), Some(y)) = (x, y) else { return Outcome { holds: false, text } };
    if how == Relation::Near {
        text.push_str(&format!(", to be within {}", short(tolerance)));
    }
    let holds = |a: f64, b: f64| match how {
        Relation::Less => a < b,
        Relation::LessEqual => a <= b,
        Relation::More => a > b,
        Relation::MoreEqual => a >= b,
        Relation::Equal | Relation::Unequal => a == b || (a.is_nan() && b.is_nan()),
        Relation::Near => a == b || (a - b).abs() <= tolerance || (a.is_nan() && b.is_nan()),
    };
    let (x, y) = (&x, &y);
    let wrong = match (x.shape() == y.shape(), x.shape().is_empty(), y.shape().is_empty()) {
        (true, ..) => x.as_slice().iter().zip(y.as_slice()).position(|(&a, &b)| !holds(a, b)),
        (_, _, true) => x.as_slice().iter().position(|&a| !holds(a, y.item())),
        (_, true, _) => y.as_slice().iter().position(|&b| !holds(x.item(), b)),
        _ => {
            text.push_str(&format!(": shapes {} and {}", x.shape(), y.shape()));
            return Outcome { holds: false, text };
        }
    };
    let larger = if x.shape().is_empty() { y } else { x };
    if let (Some(place), false) = (wrong, larger.shape().is_empty()) {
        let at = super::quantity::index_of(larger.shape(), place);
        text.push_str(&format!(", not so at {at:?}: {}", short(larger.as_slice()[place])));
    }
    Outcome { holds: wrong.is_none(), text }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    /// What stands in brackets, with them.
    Bracket(String),
    Sign(&'static str),
}

const SIGNS: [&str; 10] = ["<=", ">=", "==", "!=", "<", ">", "=", "~", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token>, CommandError> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push(Token::Sign(sign));
            sign.len()
        } else if first == '"' {
            let Some(len) = rest[1..].find('"') else { return error(format!("{rest} has no closing quote")) };
            found.push(Token::Quoted(rest[1..=len].into()));
            len + 2
        } else if first == '[' {
            let mut depth = 0;
            let close = rest.char_indices().find(|&(_, c)| {
                depth += match c {
                    '[' => 1,
                    ']' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let Some((len, _)) = close else { return error(format!("{rest} has no closing bracket")) };
            found.push(Token::Bracket(rest[..=len].into()));
            len + 1
        } else {
            let ends = |c: char| c.is_whitespace() || "<>=!~()[\"".contains(c);
            // A sign that stands alone where none can is a word of its own, to be complained about.
            let len = rest.find(ends).unwrap_or(rest.len()).max(first.len_utf8());
            found.push(Token::Word(rest[..len].into()));
            len
        };
        rest = rest[used..].trim_start();
    }
    Ok(found)
}

struct Parser<'a> {
    session: &'a Session,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Session {
    /// A test from text.
    pub(super) fn test(&self, text: &str) -> Result<Test, CommandError> {
        let mut parser = Parser { session: self, tokens: tokens(text)?, at: 0, depth: 0 };
        let test = parser.any()?;
        match parser.peek() {
            None => Ok(test),
            Some(token) => error(format!("after the test stands {}; see `h tests`", token.text())),
        }
    }
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Word(text) | Token::Bracket(text) => format!("`{text}`"),
            Token::Quoted(text) => format!("`\"{text}\"`"),
            Token::Sign(sign) => format!("`{sign}`"),
        }
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(text)) if text == word);
        self.at += found as usize;
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(text)) if *text == sign);
        self.at += found as usize;
        found
    }

    fn any(&mut self) -> Result<Test, CommandError> {
        self.list("or", Self::all, Test::Any)
    }

    fn all(&mut self) -> Result<Test, CommandError> {
        self.list("and", Self::one, Test::All)
    }

    fn list(
        &mut self,
        word: &str,
        each: fn(&mut Self) -> Result<Test, CommandError>,
        joined: fn(Vec<Test>) -> Test,
    ) -> Result<Test, CommandError> {
        let first = each(self)?;
        if !self.word(word) {
            return Ok(first);
        }
        let mut tests = vec![first, each(self)?];
        while self.word(word) {
            tests.push(each(self)?);
        }
        Ok(joined(tests))
    }

    fn one(&mut self) -> Result<Test, CommandError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return error(format!("a test is at most {DEEPEST} deep"));
        }
        let test = self.single();
        self.depth -= 1;
        test
    }

    fn single(&mut self) -> Result<Test, CommandError> {
        if self.word("not") {
            return Ok(Test::Not(Box::new(self.one()?)));
        }
        if self.sign("(") {
            let test = self.any()?;
            return if self.sign(")") { Ok(test) } else { error("a closing bracket is missing") };
        }
        for (word, property) in
            [("finite", Property::Finite), ("zero", Property::Zero), ("there", Property::There)]
        {
            if self.word(word) {
                return Ok(Test::Is(property, self.place()?));
            }
        }
        let left = self.operand()?.0;
        let relations = [
            ("<=", Relation::LessEqual),
            (">=", Relation::MoreEqual),
            ("==", Relation::Equal),
            ("!=", Relation::Unequal),
            ("<", Relation::Less),
            (">", Relation::More),
            ("=", Relation::Equal),
            ("~", Relation::Near),
        ];
        let Some((_, how)) = relations.into_iter().find(|(sign, _)| self.sign(sign)) else {
            return error(match self.peek() {
                Some(token) => format!("{} is no comparison: one of < <= > >= = != ~", token.text()),
                None => "a comparison is missing: < <= > >= = != or ~, and what to compare with".into(),
            });
        };
        let (right, digits) = self.operand()?;
        let mut tolerance = digits;
        if how == Relation::Near
            && let Some(Token::Word(text)) = self.peek()
            && let Ok(given) = text.parse::<f64>()
        {
            if given.is_nan() || given < 0.0 {
                return error(format!("{text} is no tolerance: 0 or more"));
            }
            tolerance = given;
            self.at += 1;
        }
        Ok(Test::Compare(left, how, right, tolerance))
    }

    /// An operand, and the tolerance that its digits mean.
    fn operand(&mut self) -> Result<(Operand, f64), CommandError> {
        const RELATIVE: f64 = 1e-6;
        let largest = |x: &Tensor<f64>| x.as_slice().iter().fold(0.0f64, |m, x| m.max(x.abs()));
        match self.peek().cloned() {
            Some(Token::Bracket(text)) => {
                self.at += 1;
                let x = tensor(&text)?;
                let tolerance = RELATIVE * largest(&x);
                return Ok((Operand::Tensor(x), tolerance));
            }
            Some(Token::Word(text)) => {
                if let Ok(x) = text.parse::<f64>() {
                    self.at += 1;
                    return Ok((
                        Operand::Tensor(Tensor::scalar(x)),
                        last_digit(&text).unwrap_or(RELATIVE * x.abs()),
                    ));
                }
                if text == "t" && self.session.trace().find("t").is_err() {
                    self.at += 1;
                    return Ok((Operand::Time, RELATIVE));
                }
            }
            Some(_) => {}
            None => return error("a number, `adj NODE` or `val NODE` is missing; see `h tests`"),
        }
        let functions = [
            ("norm", Function::Norm),
            ("max", Function::Max),
            ("min", Function::Min),
            ("mean", Function::Mean),
            ("sum", Function::Sum),
        ];
        let function = functions.into_iter().find(|(word, _)| {
            let next = self.tokens.get(self.at + 1);
            // An operation may be called `sum`: a function has something after it.
            matches!(next, Some(Token::Word(_) | Token::Quoted(_))) && self.word(word)
        });
        Ok((Operand::Quantity(function.map(|(_, f)| f), self.place()?), RELATIVE))
    }

    fn place(&mut self) -> Result<Place, CommandError> {
        let mut text = String::new();
        if self.word("adj") {
            text.push_str("adj ");
        } else {
            self.word("val");
        }
        let here = matches!(self.peek(), Some(Token::Word(name)) if name == ".");
        match self.peek().cloned() {
            Some(Token::Word(name)) => text.push_str(&name),
            Some(Token::Quoted(name)) => text.push_str(&format!("\"{name}\"")),
            _ => return error("a node is missing after adj or val"),
        }
        self.at += 1;
        if let Some(Token::Bracket(slice)) = self.peek().cloned() {
            if here {
                return error("`.` is a different node each time: it takes no slice");
            }
            text.push_str(&slice);
            self.at += 1;
        }
        if here && self.session.cursor.node().is_none() {
            // Not there yet: any node stands for it until it is.
            let adjoint = text.starts_with("adj");
            let node = self.session.trace().id(0).expect("a trace has nodes");
            return Ok(Place { quantity: Quantity { node, adjoint, slice: None, text }, here });
        }
        let quantity = self.session.quantity(&text)?;
        Ok(Place { quantity: Quantity { text, ..quantity }, here })
    }
}

/// Half a unit in the last digit of a number with a point or an exponent.
fn last_digit(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (_, after) = digits.split_once('.').or((exponent != 0).then_some(("", "")))?;
    // Half a unit is itself rounded: 1e-9 more of it.
    Some(0.5 * (1.0 + 1e-9) * 10f64.powi(exponent - after.len() as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_the_digits_it_is_written_with() {
        for (text, expected) in [("0.0412", 5e-5), ("2.50", 5e-3), ("1e-3", 5e-4), ("1.5e2", 5.0)] {
            let got = last_digit(text).unwrap();
            assert!((got / expected - 1.0).abs() < 1e-6, "{text}: {got}");
        }
        assert_eq!(last_digit("3"), None);
    }
}
