// Traces to show in tests: small tapes built here, computed and swept with the page's own arithmetic. What the
// engine itself records is tested where a trace of it is given (see explorer.mjs).
import { library } from "./assemble.mjs";

const { replay, readTrace } = library();

const FORMULAS = {
  add: ["y = a + b", ["ȳ", "ȳ"]], sub: ["y = a - b", ["ȳ", "-ȳ"]], mul: ["y = a · b", ["ȳ · b", "ȳ · a"]],
  sigmoid: ["y = 1 / (1 + e^(-x))", ["ȳ · y · (1 - y)"]], tanh: ["y = tanh(x)", ["ȳ · (1 - y²)"]],
  square: ["y = x²", ["ȳ · 2 · x"]], "mul c": ["y = x · c", ["ȳ · c"]], sum: ["y = sum of x", ["ȳ spread over x's shape"]],
  matmul: ["y = a · b", ["ȳ · bᵀ", "aᵀ · ȳ"]], relu: ["y = max(x, 0)", ["ȳ · [y > 0]"]], ln: ["y = ln(x)", ["ȳ / x"]],
  detach: ["y = x", [""]],
};

/** A tape that is written down, and computed at the end by the page's own replay. */
export class Tape {
  constructor(title, dtype = "f64") {
    Object.assign(this, { title, dtype, nodes: [], scope: "" });
  }
  leaf(op, name, value, shape = []) {
    const data = Array.isArray(value) ? value : [value];
    return this.push({ op, text: op, name, inputs: [], shape, value: { shape, data }, wants: op !== "constant" });
  }
  op(op, inputs, { name = "", numbers, shape, axes } = {}) {
    const shapes = inputs.map((id) => this.nodes[id].shape);
    const operands = [...inputs.map((id) => `%${id}`), ...(numbers ?? []).slice(0, 1)];
    shape ??= op === "matmul" ? [shapes[0][0], shapes[1][1]] : op === "sum" ? [] : shapes.reduce((a, b) => (b.length > a.length || b.reduce((x, y) => x * y, 1) > a.reduce((x, y) => x * y, 1) ? b : a));
    const doc = FORMULAS[numbers ? op + " c" : op] ?? ["", []];
    return this.push({
      op, text: `${op} ${operands.join(", ")}`, name, inputs, shape, attrs: { ...(numbers && { numbers }), ...(axes && { axes }) },
      value: null, wants: op !== "detach" && inputs.some((id) => this.nodes[id].wants), doc: { forward: doc[0], rules: doc[1] },
    });
  }
  push(node) {
    const line = 10 + (this.nodes.length % 40);
    this.nodes.push({ attrs: {}, replayable: true, scope: this.scope, file: "examples/digits.rs", line, column: 9, why: "", check: null, adjoint: null, ...node });
    return this.nodes.length - 1;
  }
  /** The trace, swept from `root`. */
  trace(root) {
    const reached = new Set([root]), sweep = [];
    for (let id = root; id >= 0; id--) {
      const node = this.nodes[id];
      if (!reached.has(id) || !node.inputs.length || !node.wants) continue;
      const edges = node.inputs.map((input, slot) => {
        const wanted = this.nodes[input].wants;
        if (wanted) reached.add(input);
        return { slot, input, skip: wanted ? null : this.nodes[input].op === "constant" ? "constant" : this.nodes[input].op === "detach" ? "detached" : "unwanted" };
      });
      sweep.push({ node: id, edges });
    }
    const fill = (node) => ({ ...node, value: node.value ?? { shape: node.shape, data: new Array(node.shape.reduce((a, b) => a * b, 1)).fill(0) } });
    const roots = [{ node: root, seed: { shape: [], data: [1] } }];
    const sources = { "examples/digits.rs": Object.fromEntries(Array.from({ length: 50 }, (_, i) => [10 + i, `let z = w * x + b; // line ${10 + i}`])) };
    const shell = { format: "wengert.trace/1", producer: "wengert 0.1.0", dtype: this.dtype, title: this.title, options: { detail: "teaching", budget: null, shortened: 0 }, nodes: this.nodes.map(fill), roots, sweep, sources };
    return write(replay(readTrace(shell), new Map()), shell);
  }
}

const number = (x) => (Number.isFinite(x) ? x : String(x));
const tensor = (x) => x && { shape: x.shape, data: [...x.data].map(number) };

/** Back to JSON: what was computed, put into the shell. */
function write(trace, shell) {
  const nodes = trace.nodes.map((node, id) => ({ ...shell.nodes[id], value: tensor(node.value), adjoint: tensor(node.adjoint) }));
  const edges = new Map(trace.edges.map((edge) => [`${edge.consumer.id} ${edge.slot}`, edge]));
  const sweep = shell.sweep.map((visit) => ({
    node: visit.node,
    edges: visit.edges.map((edge) => {
      if (edge.skip) return edge;
      const { local, raw, delta, axes } = edges.get(`${visit.node} ${edge.slot}`);
      return { ...edge, local: tensor(local), raw: tensor(raw), delta: tensor(delta), axes, fused: false, after: null };
    }),
  }));
  return { ...shell, nodes, sweep };
}

/** JSON with -0 written as -0.0, which JSON.stringify loses. */
export const stringify = (value) => JSON.stringify(value, (_, x) => (Object.is(x, -0) ? "\u0000-0\u0000" : x)).replaceAll(/"\\u0000-0\\u0000"/g, "-0.0");

/** The same numbers everywhere: a linear congruential generator, in ±1. */
export function random(seed = 1) {
  let state = seed;
  return () => ((state = (state * 1103515245 + 12345) % 2147483648) / 1073741824) - 1;
}

export const DRAWING = [0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0];

/** A node that is used twice by one operation: y = (a·b + a)², and a + a. */
export function small() {
  const tape = new Tape("y = (a·b + a + a)²");
  const a = tape.leaf("var", "a", 2), b = tape.leaf("var", "b", -3), c = tape.leaf("constant", "c", 0.5);
  const p = tape.op("mul", [a, b], { name: "p" }), twice = tape.op("add", [a, a], { name: "a2" });
  const sum = tape.op("add", [p, twice], { name: "s" }), scaled = tape.op("mul", [sum, c], { name: "h" });
  return tape.trace(tape.op("square", [scaled], { name: "y" }));
}

/** The 12-3-2 network for one drawing, each number a node: 47 parameters, C = ½ Σ (t - a)². */
export function digit(drawing = DRAWING, scopes = false) {
  const tape = new Tape("A handwritten 0, twelve pixels, 47 parameters"), draw = random(7);
  const x = drawing.map((pixel, i) => tape.leaf("constant", `x[${i}]`, pixel));
  let inputs = x;
  [3, 2].forEach((width, layer) => {
    const next = [];
    for (let j = 0; j < width; j++) {
      tape.scope = scopes ? `layer${layer + 1}/neuron${j + 1}` : "";
      const tag = `${layer + 1}[${j}`;
      const w = inputs.map((_, i) => tape.leaf("parameter", `W${tag},${i}]`, Math.round(draw() * 1000) / 500));
      const bias = tape.leaf("parameter", `b${tag}]`, Math.round(draw() * 1000) / 1000);
      let z = tape.op("mul", [w[0], inputs[0]]);
      for (let i = 1; i < inputs.length; i++) z = tape.op("add", [z, tape.op("mul", [w[i], inputs[i]])]);
      z = tape.op("add", [z, bias], { name: `z${tag}]` });
      next.push(tape.op("sigmoid", [z], { name: `a${tag}]` }));
    }
    inputs = next;
  });
  tape.scope = scopes ? "loss" : "";
  const t = [1, 0].map((target, j) => tape.leaf("constant", `t[${j}]`, target));
  const errors = inputs.map((a, j) => tape.op("square", [tape.op("sub", [t[j], a])]));
  return tape.trace(tape.op("mul", [tape.op("add", errors)], { numbers: [0.5, 0], name: "C" }));
}

/** The same network over a batch of four drawings, as tensors. */
export function digits(dtype = "f32") {
  const tape = new Tape("Four digits through a 12-3-2 network", dtype), draw = random(7);
  const drawings = [DRAWING, [0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1], [1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1]];
  const round = dtype === "f32" ? Math.fround : (v) => v;
  const weights = (n) => Array.from({ length: n }, () => round(Math.round(draw() * 1000) / 500));
  const x = tape.leaf("constant", "x", drawings.flat(), [4, 12]), t = tape.leaf("constant", "t", [1, 0, 0, 1, 1, 0, 0, 1], [4, 2]);
  let a = x;
  [[12, 3, "hidden"], [3, 2, "output"]].forEach(([m, n, scope]) => {
    tape.scope = scope;
    const w = tape.leaf("parameter", `${scope}.weight`, weights(m * n), [m, n]), b = tape.leaf("parameter", `${scope}.bias`, weights(n), [n]);
    a = tape.op("sigmoid", [tape.op("add", [tape.op("matmul", [a, w]), b], { name: `${scope}.z` })], { name: `${scope}.a` });
  });
  tape.scope = "loss";
  const e = tape.op("square", [tape.op("sub", [t, a])]);
  return tape.trace(tape.op("mul", [tape.op("sum", [e])], { numbers: [0.5, 0], name: "C" }));
}

/** A long chain with side inputs, of about `count` nodes. */
export function chain(count) {
  const tape = new Tape(`A tape of ${count} nodes`), draw = random(3);
  let h = tape.leaf("var", "h0", 0.3);
  const shared = tape.leaf("parameter", "shared", 0.9);
  for (let i = 0; tape.nodes.length < count - 4; i++) {
    tape.scope = `step${i}`;
    const w = tape.leaf("parameter", `w${i}`, Math.round(1000 * (1.1 + 0.4 * draw())) / 1000);
    h = tape.op("tanh", [tape.op("add", [tape.op("mul", [w, h]), tape.op("mul", [shared, h])])], { name: `h${i + 1}` });
  }
  tape.scope = "";
  return tape.trace(tape.op("square", [h], { name: "loss" }));
}

/** What networks suffer from: a broadcast that nobody meant, a dead ReLU, ln 0, a detached path. */
export function troubled() {
  const tape = new Tape("A clinic");
  const a = tape.leaf("var", "a", [1, -2, 3], [3, 1]), b = tape.leaf("var", "b", [1, 2, 0], [3]), u = tape.leaf("var", "u", [-1, -2], [2]), z = tape.leaf("var", "z", [0, 1], [2]), lost = tape.leaf("var", "lost", 4);
  const square = tape.op("sub", [a, b], { name: "a - b", shape: [3, 3] });
  const parts = [square, tape.op("relu", [u], { name: "dead" }), tape.op("ln", [z], { name: "ln z" })].map((x) => tape.op("sum", [x], { shape: [] }));
  const cut = tape.op("detach", [lost], { name: "cut" });
  return tape.trace(tape.op("add", [tape.op("add", [tape.op("add", [parts[0], parts[1]]), parts[2]]), cut], { name: "loss" }));
}

/** Names that try to be something else. */
export function hostile() {
  const trace = small();
  trace.title = "</script><script>document.title='broken'</script>";
  ["</script><img src=x onerror=\"document.title='broken'\">", "\u202eright to left אבג", "x".repeat(10000), "{{trace}}", "<b>bold</b>", "\u0000\u0007", "a\nb"].forEach((name, i) => (trace.nodes[i].name = name));
  trace.nodes[3].scope = "</div>/<script>";
  trace.nodes[4].file = "<img src=x>";
  trace.nodes[5].why = "<i>why</i>";
  return trace;
}

/** One contribution is wrong, as an engine with `=` for `+=` or a wrong rule would write it. */
export function wrong() {
  const trace = digit();
  const edge = trace.sweep.flatMap((visit) => visit.edges).filter((edge) => !edge.skip)[20];
  edge.delta.data[0] *= 1.5;
  return trace;
}
