//! Formulas of elementwise operations, from the very lines that compute them.
//!
//! Values and rules are generic over [`Real`]. Here the number is a node of an expression, so that
//! running a rule writes it down: what is shown can never differ from what is computed. With names
//! as leaves it is the rule in symbols, with numbers as leaves the rule as it was computed.

use crate::ops::{Binary, Unary};
use crate::real::Real;
use crate::tape::Numbers;
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What an expression is made of; operands by position.
#[derive(Clone, PartialEq)]
enum Part {
    /// A name, or a number that stands for one.
    Leaf(String),
    Number(f64),
    Neg(usize),
    /// Operands joined by a sign.
    Infix(&'static str, usize, usize),
    /// A function's name and its operands.
    Call(&'static str, Vec<usize>),
    /// A power.
    Power(usize, String),
    /// 1 where a relation of two operands holds, else 0.
    Holds(usize, &'static str, usize),
}

/// Where expressions are built.
#[derive(Default)]
pub(crate) struct Formulas(RefCell<Vec<Part>>);

/// An expression.
#[derive(Clone, Copy)]
pub(crate) struct Formula<'a> {
    all: &'a Formulas,
    at: usize,
}

/// How tightly an expression binds: sums, products, signs, the rest.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binding {
    Sum,
    Product,
    Sign,
    Tight,
}

impl Formulas {
    fn push(&self, part: Part) -> Formula<'_> {
        let mut parts = self.0.borrow_mut();
        // Equal parts are one, so that x·x is seen to be a square.
        let at = parts.iter().position(|known| *known == part).unwrap_or_else(|| {
            parts.push(part);
            parts.len() - 1
        });
        Formula { all: self, at }
    }

    /// A name, or the text of a number.
    pub(crate) fn leaf(&self, text: &str) -> Formula<'_> {
        self.push(Part::Leaf(text.to_string()))
    }

    fn text(&self, at: usize, least: Binding) -> String {
        let part = self.0.borrow()[at].clone();
        let (binding, text) = match part {
            Part::Leaf(text) => (if text.starts_with('-') { Binding::Sum } else { Binding::Tight }, text),
            Part::Number(c) if c < 0.0 => (Binding::Sum, short(c)),
            Part::Number(c) => (Binding::Tight, short(c)),
            Part::Neg(x) => (Binding::Sum, format!("-{}", self.text(x, Binding::Sign))),
            Part::Infix(sign @ ("+" | "-"), a, b) => {
                let right = if sign == "-" { Binding::Product } else { Binding::Sum };
                (Binding::Sum, format!("{} {sign} {}", self.text(a, Binding::Sum), self.text(b, right)))
            }
            Part::Infix(sign, a, b) => {
                let right = if sign == "/" { Binding::Sign } else { Binding::Product };
                let (a, b) = (self.text(a, Binding::Product), self.text(b, right));
                (Binding::Product, format!("{a} {sign} {b}"))
            }
            Part::Call(name, operands) => {
                let operands: Vec<String> = operands.iter().map(|&x| self.text(x, Binding::Sum)).collect();
                (Binding::Tight, format!("{name}({})", operands.join(", ")))
            }
            Part::Power(x, n) => (Binding::Tight, format!("{}{n}", self.text(x, Binding::Tight))),
            Part::Holds(a, relation, b) => {
                let (a, b) = (self.text(a, Binding::Sum), self.text(b, Binding::Sum));
                (Binding::Tight, format!("[{a} {relation} {b}]"))
            }
        };
        if binding < least { format!("({text})") } else { text }
    }
}

/// A number in at most six digits: `0.333333`, `1e-12`.
pub fn short(c: f64) -> String {
    if c == 0.0 || (1e-4..1e7).contains(&c.abs()) || !c.is_finite() {
        let rounded: f64 = format!("{c:.5e}").parse().unwrap_or(c);
        return rounded.to_string();
    }
    let text = format!("{c:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}e{exponent}")
}

/// The digits of an exponent, raised.
fn raised(n: &str) -> Option<String> {
    let digit = |c: char| match c {
        '-' => Some('⁻'),
        '0'..='9' => "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(c as usize - '0' as usize),
        _ => None,
    };
    n.chars().map(digit).collect()
}

impl std::fmt::Display for Formula<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.all.text(self.at, Binding::Sum))
    }
}

impl<'a> Formula<'a> {
    fn call(self, name: &'static str, others: &[Formula<'a>]) -> Formula<'a> {
        let operands = [self.at].into_iter().chain(others.iter().map(|x| x.at)).collect();
        self.all.push(Part::Call(name, operands))
    }

    fn is(self, c: f64) -> bool {
        self.all.0.borrow()[self.at] == Part::Number(c)
    }

    fn power(self, n: String) -> Formula<'a> {
        match raised(&n) {
            Some(n) => self.all.push(Part::Power(self.at, n)),
            None => self.call("pow", &[self.all.leaf(&n)]),
        }
    }

    fn holds(self, relation: &'static str, other: Formula<'a>) -> Formula<'a> {
        self.all.push(Part::Holds(self.at, relation, other.at))
    }
}

impl<'a> Add for Formula<'a> {
    type Output = Formula<'a>;
    fn add(self, b: Formula<'a>) -> Formula<'a> {
        let part = self.all.0.borrow()[b.at].clone();
        match part {
            Part::Neg(x) => self.all.push(Part::Infix("-", self.at, x)),
            Part::Number(c) if c < 0.0 => {
                let c = self.all.push(Part::Number(-c));
                self.all.push(Part::Infix("-", self.at, c.at))
            }
            _ => self.all.push(Part::Infix("+", self.at, b.at)),
        }
    }
}

impl<'a> Sub for Formula<'a> {
    type Output = Formula<'a>;
    fn sub(self, b: Formula<'a>) -> Formula<'a> {
        self.all.push(Part::Infix("-", self.at, b.at))
    }
}

impl<'a> Mul for Formula<'a> {
    type Output = Formula<'a>;
    fn mul(self, b: Formula<'a>) -> Formula<'a> {
        let part = self.all.0.borrow()[b.at].clone();
        if let Part::Infix("/", one, x) = part
            && (Formula { at: one, ..b }).is(1.0)
        {
            // Times one over x is over x.
            return self.all.push(Part::Infix("/", self.at, x));
        }
        match (self.is(1.0), b.is(1.0)) {
            (true, _) => b,
            (_, true) => self,
            _ if self.at == b.at => self.power("2".into()),
            _ => self.all.push(Part::Infix("·", self.at, b.at)),
        }
    }
}

impl<'a> Div for Formula<'a> {
    type Output = Formula<'a>;
    fn div(self, b: Formula<'a>) -> Formula<'a> {
        if b.is(1.0) { self } else { self.all.push(Part::Infix("/", self.at, b.at)) }
    }
}

impl<'a> Neg for Formula<'a> {
    type Output = Formula<'a>;
    fn neg(self) -> Formula<'a> {
        let part = self.all.0.borrow()[self.at].clone();
        match part {
            Part::Neg(x) => Formula { at: x, ..self },
            _ => self.all.push(Part::Neg(self.at)),
        }
    }
}

macro_rules! functions {
    ($($f:ident $(($other:ident))? $name:literal,)*) => {$(
        fn $f(self $(, $other: Self)?) -> Self {
            self.call($name, &[$($other)?])
        }
    )*};
}

impl Real for Formula<'_> {
    fn number(self, c: f64) -> Self {
        self.all.push(Part::Number(c))
    }
    /// Where it differs from a product, both are 0.
    fn mul0(self, d: Self) -> Self {
        self * d
    }
    fn keep(self, x: Self) -> Self {
        self * x
    }
    fn positive(self) -> Self {
        self.holds(">", self.number(0.0))
    }
    fn wins(self, other: Self) -> Self {
        self.holds(">", other)
    }
    fn equal(self, other: Self) -> Self {
        self.holds("=", other)
    }
    fn powi(self, n: i32) -> Self {
        match n {
            1 => self,
            n => self.power(n.to_string()),
        }
    }
    fn powf(self, c: f64) -> Self {
        if c == 1.0 { self } else { self.call("pow", &[self.number(c)]) }
    }
    fn polygamma(self, n: u32) -> Self {
        self.call("polygamma", &[self.number(n as f64)])
    }
    functions! {
        exp "exp", exp2 "exp2", exp_m1 "exp_m1", ln "ln", log2 "log2", log10 "log10", ln_1p "ln_1p", sqrt "√",
        cbrt "cbrt", sin "sin", cos "cos", tan "tan", asin "asin", acos "acos", atan "atan", sinh "sinh",
        cosh "cosh", tanh "tanh", asinh "asinh", acosh "acosh", atanh "atanh", sigmoid "σ", softplus "softplus",
        erf "erf", erfc "erfc", lgamma "lgamma", digamma "digamma", abs "abs", sign "sign", round "round",
        relu "relu", maximum(other) "max", pow(other) "pow", atan2(other) "atan2", hypot(other) "hypot",
    }
}

/// What an elementwise formula is of: names, or texts of numbers.
pub(crate) struct Symbols<'s> {
    pub x: &'s [&'s str],
    pub y: &'s str,
    pub y_bar: &'s str,
}

/// y of an operation of one operand.
pub(crate) fn unary(op: Unary, numbers: Numbers, symbols: &Symbols<'_>) -> String {
    let all = Formulas::default();
    let [x] = symbols.x else { return String::new() };
    op.value(numbers, all.leaf(x)).to_string()
}

/// Its rule.
pub(crate) fn unary_rule(op: Unary, numbers: Numbers, symbols: &Symbols<'_>) -> String {
    let all = Formulas::default();
    let [x] = symbols.x else { return String::new() };
    op.vjp(numbers, all.leaf(x), all.leaf(symbols.y), all.leaf(symbols.y_bar)).to_string()
}

/// y of an operation of two operands.
pub(crate) fn binary(op: Binary, symbols: &Symbols<'_>) -> String {
    let all = Formulas::default();
    let [a, b] = symbols.x else { return String::new() };
    op.value(all.leaf(a), all.leaf(b)).to_string()
}

/// The rule of operand `wrt`.
pub(crate) fn binary_rule(op: Binary, wrt: usize, symbols: &Symbols<'_>) -> String {
    let all = Formulas::default();
    let [a, b] = symbols.x else { return String::new() };
    let [a, b, y, y_bar] = [a, b, symbols.y, symbols.y_bar].map(|text| all.leaf(text));
    op.vjp(wrt, a, b, y, y_bar).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: Symbols<'_> = Symbols { x: &["x"], y: "y", y_bar: "ȳ" };
    const PAIR: Symbols<'_> = Symbols { x: &["a", "b"], y: "y", y_bar: "ȳ" };

    #[test]
    fn formulas_are_written_by_the_rules_themselves() {
        let rule = |op, numbers| unary_rule(op, numbers, &SYMBOLS);
        assert_eq!(rule(Unary::Tanh, [0.0; 2]), "ȳ - ȳ · y · y");
        assert_eq!(rule(Unary::Sigmoid, [0.0; 2]), "ȳ · y - ȳ · y · y");
        assert_eq!(rule(Unary::Relu, [0.0; 2]), "ȳ · [y > 0]");
        assert_eq!(rule(Unary::Ln, [0.0; 2]), "ȳ / x");
        assert_eq!(rule(Unary::Square, [0.0; 2]), "ȳ · x · 2");
        assert_eq!(rule(Unary::Powi, [3.0, 0.0]), "ȳ · x² · 3");
        assert_eq!(unary(Unary::MinusFrom, [1.0, 0.0], &SYMBOLS), "-x + 1");
        assert_eq!(unary(Unary::Minus, [2.5, 0.0], &SYMBOLS), "x - 2.5");
        assert_eq!(binary_rule(Binary::Mul, 0, &PAIR), "ȳ · b");
        assert_eq!(binary_rule(Binary::Div, 1, &PAIR), "ȳ · (-(y / b))");
        assert_eq!(binary(Binary::Hypot, &PAIR), "hypot(a, b)");
    }

    #[test]
    fn with_numbers_as_names_they_are_what_was_computed() {
        let numbers = Symbols { x: &["-2", "0.5"], y: "-1", y_bar: "3" };
        assert_eq!(binary_rule(Binary::Mul, 1, &numbers), "3 · (-2)");
        assert_eq!(binary(Binary::Sub, &numbers), "-2 - 0.5");
    }

    #[test]
    fn every_operation_has_formulas() {
        for &op in Unary::ALL {
            let (y, rule) = (unary(op, [2.0, 3.0], &SYMBOLS), unary_rule(op, [2.0, 3.0], &SYMBOLS));
            assert!(y.contains('x') && !rule.is_empty(), "{}: {y}; {rule}", op.name());
        }
        for &op in Binary::ALL {
            assert!([0, 1].iter().all(|&wrt| !binary_rule(op, wrt, &PAIR).is_empty()), "{}", op.name());
        }
    }

    #[test]
    fn numbers_are_short() {
        for (c, text) in
            [(0.1, "0.1"), (1.0 / 3.0, "0.333333"), (-2.0, "-2"), (1e-12, "1e-12"), (2.5e9, "2.5e9")]
        {
            assert_eq!(short(c), text);
        }
    }
}
