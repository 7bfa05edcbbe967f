// Value and derivative rule of each elementwise operation, as the engine states them (ops/unary.rs,
// ops/binary.rs, ops/activation.rs); in the arithmetic of arithmetic.js. What calls the C library there
// (sin, powf ..) is marked inexact: its last digit may differ.

/** Operations by the name and number of operands on the tape: {value(x.., y, numbers), vjp, exact}. */
function rulesOf(m) {
  const { add, sub, mul, div, plus, times, divide, mul0, keep, positive, number, library } = m;
  const not = (mask) => plus(-mask, 1);
  const square = (x) => mul(x, x);
  const inside = (x, lo, hi) => [m.relu(m.sign(plus(x, -lo))), m.relu(m.sign(plus(-x, hi)))];
  const within = (x, lo, hi) => [not(positive(plus(-x, lo))), not(positive(plus(x, -hi)))];
  const both = ([above, below]) => mul(above, below);
  const pieces = (x, masks, lo, hi) =>
    add(keep(both(masks), x), add(keep(not(masks[0]), number(lo)), keep(not(masks[1]), number(hi))));
  const leaky = (x, c) => add(positive(x), times(not(positive(x)), c));
  const elu = (x, c) => add(keep(positive(x), x), times(m.exp_m1(keep(not(positive(x)), x)), c));
  const eluSlope = (x, c) => {
    const below = not(positive(x));
    return add(not(below), times(mul(below, m.exp(keep(below, x))), c));
  };
  const [alpha, scale] = [1.6732632423543772, 1.0507009873554805];
  const linear = 1.5957691216057308, cubic = 0.044715 * linear;
  const normalByTanh = (x) => m.sigmoid(mul(x, plus(times(square(x), cubic), linear)));
  const siluSlope = (x) => {
    const s = m.sigmoid(x);
    return add(s, mul0(sub(s, mul(s, s)), x));
  };
  const hardSigmoid = (x) => times(plus(pieces(x, inside(x, -3, 3), -3, 3), 3), 1 / 6);
  const hardSigmoidSlope = (x) => times(both(inside(x, -3, 3)), 1 / 6);
  const floor = (x) => {
    const nearest = m.round(x);
    return sub(nearest, positive(sub(nearest, x)));
  };
  const oneMinusSquare = (x) => mul(plus(-x, 1), plus(x, 1));
  const flat = () => 0;

  // [value(x, c, d), rule(x, y, ȳ, c, d), exact]
  const unary = {
    neg: [(x) => -x, (x, y, g) => -g],
    exp: [(x) => m.exp(x), (x, y, g) => mul0(g, y)],
    exp2: [(x) => library("pow", 2, x), (x, y, g) => mul0(g, times(y, Math.LN2)), false],
    exp_m1: [(x) => m.exp_m1(x), (x, y, g) => mul0(g, m.exp(x))],
    ln: [(x) => m.ln(x), (x, y, g) => mul0(g, divide(x, 1))],
    log2: [(x) => library("log2", x), (x, y, g) => mul0(g, divide(x, Math.LOG2E)), false],
    log10: [(x) => library("log10", x), (x, y, g) => mul0(g, divide(x, Math.LOG10E)), false],
    ln_1p: [(x) => m.ln_1p(x), (x, y, g) => mul0(g, divide(plus(x, 1), 1))],
    sqrt: [(x) => m.sqrt(x), (x, y, g) => mul0(g, divide(y, 0.5))],
    rsqrt: [(x) => divide(m.sqrt(x), 1), (x, y, g) => mul0(g, times(mul(mul(y, y), y), -0.5))],
    cbrt: [(x) => library("cbrt", x), (x, y, g) => mul0(g, divide(mul(y, y), 1 / 3)), false],
    sin: [(x) => library("sin", x), (x, y, g) => mul0(g, library("cos", x)), false],
    cos: [(x) => library("cos", x), (x, y, g) => mul0(g, -library("sin", x)), false],
    tan: [(x) => library("tan", x), (x, y, g) => mul0(g, plus(mul(y, y), 1)), false],
    asin: [(x) => library("asin", x), (x, y, g) => mul0(g, divide(m.sqrt(oneMinusSquare(x)), 1)), false],
    acos: [(x) => library("acos", x), (x, y, g) => mul0(g, divide(m.sqrt(oneMinusSquare(x)), -1)), false],
    atan: [(x) => library("atan", x), (x, y, g) => mul0(g, divide(plus(mul(x, x), 1), 1)), false],
    sinh: [(x) => library("sinh", x), (x, y, g) => mul0(g, library("cosh", x)), false],
    cosh: [(x) => library("cosh", x), (x, y, g) => mul0(g, library("sinh", x)), false],
    tanh: [(x) => m.tanh(x), (x, y, g) => sub(g, mul(mul(g, y), y))],
    asinh: [(x) => library("asinh", x), (x, y, g) => mul0(g, divide(library("hypot", x, 1), 1)), false],
    atanh: [
      (x) => mul(0.5, sub(library("log1p", x), library("log1p", -x))),
      (x, y, g) => mul0(g, divide(oneMinusSquare(x), 1)),
      false,
    ],
    acosh: [
      (x) => {
        const above = sub(x, 1);
        return library("log1p", add(above, mul(m.sqrt(above), m.sqrt(add(x, 1)))));
      },
      (x, y, g) => mul0(g, divide(mul(m.sqrt(plus(x, -1)), m.sqrt(plus(x, 1))), 1)),
      false,
    ],
    sigmoid: [(x) => m.sigmoid(x), (x, y, g) => sub(mul(g, y), mul(mul(g, y), y))],
    log_sigmoid: [(x) => -m.softplus(-x), (x, y, g) => mul0(g, m.sigmoid(-x))],
    softplus: [(x) => m.softplus(x), (x, y, g) => mul0(g, m.sigmoid(x))],
    softsign: [
      (x) => div(x, plus(Math.abs(x), 1)),
      (x, y, g) => mul0(g, square(divide(plus(Math.abs(x), 1), 1))),
    ],
    relu: [(x) => m.relu(x), (x, y, g) => mul(g, positive(y))],
    relu6: [(x) => pieces(x, inside(x, 0, 6), 0, 6), (x, y, g) => mul(g, both(inside(x, 0, 6)))],
    leaky_relu: [(x, c) => mul(x, leaky(x, c)), (x, y, g, c) => mul(g, leaky(x, c))],
    elu: [(x, c) => elu(x, c), (x, y, g, c) => mul0(g, eluSlope(x, c))],
    selu: [(x) => times(elu(x, alpha), scale), (x, y, g) => mul0(g, times(eluSlope(x, alpha), scale))],
    gelu_tanh: [
      (x) => mul0(normalByTanh(x), x),
      (x, y, g) => {
        const s = normalByTanh(x);
        return mul0(g, add(s, mul0(sub(s, mul(s, s)), mul(x, plus(times(square(x), 3 * cubic), linear)))));
      },
    ],
    silu: [(x) => mul0(m.sigmoid(x), x), (x, y, g) => mul0(g, siluSlope(x))],
    mish: [
      (x) => mul0(m.tanh(m.softplus(x)), x),
      (x, y, g) => {
        const t = m.tanh(m.softplus(x));
        return mul0(g, add(t, mul0(mul(plus(-mul(t, t), 1), m.sigmoid(x)), x)));
      },
    ],
    hard_sigmoid: [hardSigmoid, (x, y, g) => mul(g, hardSigmoidSlope(x))],
    hard_swish: [
      (x) => mul0(hardSigmoid(x), x),
      (x, y, g) => mul0(g, add(hardSigmoid(x), mul0(hardSigmoidSlope(x), x))),
    ],
    hard_tanh: [(x) => pieces(x, inside(x, -1, 1), -1, 1), (x, y, g) => mul(g, both(inside(x, -1, 1)))],
    clamp: [(x, c, d) => pieces(x, within(x, c, d), c, d), (x, y, g, c, d) => mul(g, both(within(x, c, d)))],
    square: [square, (x, y, g) => mul0(g, times(x, 2))],
    abs: [(x) => Math.abs(x), (x, y, g) => mul(g, m.sign(x))],
    sign: [(x) => m.sign(x), flat],
    floor: [floor, flat],
    ceil: [(x) => -floor(-x), flat],
    trunc: [(x) => mul(m.sign(x), floor(Math.abs(x))), flat],
    round: [(x) => m.round(x), flat],
    positive: [(x) => positive(x), flat],
    // With a number in them; `c ∘ x` where the number stands first.
    "add c": [(x, c) => plus(x, c), (x, y, g) => g],
    "sub c": [(x, c) => plus(x, -c), (x, y, g) => g],
    "c sub": [(x, c) => plus(-x, c), (x, y, g) => -g],
    "mul c": [(x, c) => times(x, c), (x, y, g, c) => times(g, c)],
    "div c": [(x, c) => div(x, number(c)), (x, y, g, c) => div(g, number(c))],
    "c div": [(x, c) => divide(x, c), (x, y, g) => mul0(g, -div(y, x))],
    powi: [
      (x, c) => m.powi(x, c),
      (x, y, g, c) => (c === 0 ? mul0(0, g) : mul0(g, times(m.powi(x, c - 1), c))),
    ],
    powf: [
      (x, c) => library("pow", x, number(c)),
      (x, y, g, c) => (c === 0 ? mul0(0, g) : mul0(g, times(library("pow", x, number(c - 1)), c))),
      false,
    ],
  };

  const share = (g, part) => keep(part, mul(g, part));
  const over = (a, h) => {
    const zero = m.equal(h, 0);
    return keep(plus(-zero, 1), div(a, add(h, zero)));
  };
  // [value(a, b), rules by slot (a, b, y, ȳ), exact]
  const binary = {
    add: [add, [(a, b, y, g) => g, (a, b, y, g) => g]],
    sub: [sub, [(a, b, y, g) => g, (a, b, y, g) => -g]],
    mul: [mul, [(a, b, y, g) => mul0(g, b), (a, b, y, g) => mul0(g, a)]],
    mul0: [mul0, [(a, b, y, g) => mul0(g, b), (a, b, y, g) => mul0(g, a)]],
    div: [div, [(a, b, y, g) => mul0(g, divide(b, 1)), (a, b, y, g) => mul0(g, -div(y, b))]],
    pow: [
      (a, b) => library("pow", a, b),
      [
        (a, b, y, g) => mul0(g, mul0(b, library("pow", a, plus(b, -1)))),
        (a, b, y, g) => mul0(g, mul0(y, m.ln(a))),
      ],
      false,
    ],
    atan2: [
      (a, b) => library("atan2", a, b),
      [
        (a, b, y, g) => mul0(g, over(over(b, library("hypot", a, b)), library("hypot", a, b))),
        (a, b, y, g) => mul0(g, -over(over(a, library("hypot", a, b)), library("hypot", a, b))),
      ],
      false,
    ],
    hypot: [
      (a, b) => library("hypot", a, b),
      [(a, b, y, g) => mul0(g, over(a, y)), (a, b, y, g) => mul0(g, over(b, y))],
      false,
    ],
    maximum: [
      m.maximum,
      [(a, b, y, g) => share(g, m.wins(a, b)), (a, b, y, g) => share(g, m.wins(b, a))],
    ],
    minimum: [
      (a, b) => -m.maximum(-a, -b),
      [(a, b, y, g) => share(g, m.wins(b, a)), (a, b, y, g) => share(g, m.wins(a, b))],
    ],
    wins: [m.wins, [flat, flat]],
    equal: [m.equal, [flat, flat]],
    keep: [keep, [(a, b, y, g) => mul0(0, g), (a, b, y, g) => keep(a, g)]],
  };
  return { unary, binary };
}

/** Which row of the table a node of one operand is: "sub 3, %0" is "c sub". */
function unaryKey(node) {
  if (!["add", "sub", "mul", "div"].includes(node.op)) return node.op;
  const first = /^\S+\s+[^%]/.test(node.text);
  return first ? "c " + node.op : node.op + " c";
}
