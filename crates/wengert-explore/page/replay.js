// What if an input were another: the tape computed again, forward and back, in the engine's own arithmetic.
// The sweep visits the same nodes in the same order whatever the values are, so the recomputed trace has the
// recorded one's events, with other numbers. It is shown in its place, marked, until it is reset.

/** Small enough to be computed between two frames. */
const LIMITS = { elements: 20000, work: 4e6 };
const STRUCTURAL = ["sum", "mean", "reshape", "broadcast_to", "permute", "matmul", "linear", "detach", "where", "logsumexp", "softmax", "log_softmax", "cross_entropy"];
const INEXACT = ["matmul", "linear", "logsumexp", "softmax", "log_softmax", "cross_entropy"];

/** Why the trace cannot be computed again, as a string's key and its values; null if it can. */
function whyNotReplayable(trace) {
  const rules = rulesOf(trace.math);
  let work = 0;
  for (const node of trace.nodes) {
    if (!node.value?.data) return ["whatif.shortened", { node: nodeLabel(node) }];
    if (isLeaf(node)) continue;
    const size = elements(node.shape) * (["matmul", "linear"].includes(node.op) ? node.inputs.length && trace.nodes[node.inputs[0]].shape.at(-1) : 1);
    work += size;
    if (!node.replayable || !operation(rules, node)) return ["whatif.unknown", { op: node.op, node: nodeLabel(node) }];
    if ((node.op === "matmul") && node.inputs.some((i) => trace.nodes[i].shape.length < 2)) return ["whatif.unknown", { op: node.op, node: nodeLabel(node) }];
  }
  return work > LIMITS.work || trace.nodes.length > LIMITS.elements ? ["whatif.large", {}] : null;
}

function operation(rules, node) {
  if (STRUCTURAL.includes(node.op)) return node.op;
  if (node.inputs.length === 1) return rules.unary[unaryKey(node)];
  return node.inputs.length === 2 ? rules.binary[node.op] : undefined;
}

/** Whether the result has the engine's bits, or may differ in the last ones. */
function isExact(trace) {
  const rules = rulesOf(trace.math);
  return trace.nodes.every((node) => {
    if (isLeaf(node)) return true;
    if (INEXACT.includes(node.op)) return false;
    const rule = operation(rules, node);
    return typeof rule === "string" || rule.at(-1) !== false;
  });
}

const transposes = (node) => {
  const operands = node.text.split(/[\s,]+/).slice(1);
  return [0, 1].map((i) => (operands[i] ?? "").endsWith("ᵀ"));
};
const numbersOf = (node) => node.attrs.numbers ?? [0, 0];
/** Axes of a reduction: a list that begins with whether they are kept; of softmax: the list. */
const axesOf = (node, x) => node.attrs.list?.slice(node.op.endsWith("softmax") ? 0 : 1) ?? node.attrs.axes ?? x.shape.map((_, i) => i);

function compute(trace, rules, node, inputs) {
  const { math } = trace, [a, b, c] = inputs;
  switch (node.op) {
    case "detach": return a;
    case "reshape": return reshaped(a, node.shape);
    case "broadcast_to": return broadcastTo(a, node.shape);
    case "permute": {
      const strides = stridesOf(a.shape), order = node.attrs.axes ?? node.attrs.list;
      return gather(a, node.shape, strided(node.shape, order.map((i) => strides[i]), 0));
    }
    case "sum": return reshaped(sumOver(math, a, axesOf(node, a)), node.shape);
    case "mean": {
      const n = elements(axesOf(node, a).map((i) => a.shape[i]));
      return reshaped(map(sumOver(math, a, axesOf(node, a)), (x) => math.div(x, n)), node.shape);
    }
    case "where": {
      const [p, q] = [broadcastTo(b, node.shape), broadcastTo(c, node.shape)];
      return { shape: node.shape, data: broadcastTo(a, node.shape).data.map((mask, i) => (mask === 0 ? q : p).data[i]) };
    }
    case "logsumexp": return reshaped(logSums(math, a, axesOf(node, a)), node.shape);
    case "softmax": case "log_softmax": return softmax(math, a, axesOf(node, a), node.op === "log_softmax");
    case "cross_entropy": {
      const logs = softmax(math, a, [a.shape.length - 1], true), width = a.shape.at(-1);
      return { shape: node.shape, data: Float64Array.from(node.attrs.indices, (label, row) => -logs.data[row * width + label]) };
    }
    case "matmul": return product(math, a, b, ...transposes(node));
    case "linear": {
      const rows = reshaped(a, [elements(a.shape.slice(0, -1)), a.shape.at(-1)]);
      const y = reshaped(product(math, rows, b, false, true), node.shape);
      return zip(node.shape, y, c, math.add);
    }
  }
  if (inputs.length === 1) {
    const [value] = rules.unary[unaryKey(node)], numbers = numbersOf(node);
    return { shape: node.shape, data: a.data.map((x) => value(x, ...numbers)) };
  }
  return zip(node.shape, a, b, rules.binary[node.op][0]);
}

/** {local, raw, axes, delta} of one edge. */
function contribution(trace, rules, node, slot, inputs, y, yBar) {
  const { math } = trace, x = inputs[slot];
  const plain = (delta) => ({ local: null, raw: null, axes: [], delta });
  const undone = (delta, local = null) => {
    const axes = delta.shape.map((_, i) => i).filter((i) => {
      const lead = delta.shape.length - x.shape.length;
      return i < lead || (x.shape[i - lead] === 1 && delta.shape[i] !== 1);
    });
    const same = x.shape.length === y.shape.length && axes.length === 0;
    return same ? { local, raw: null, axes: [], delta } : { local, raw: delta, axes, delta: sumTo(math, delta, x.shape) };
  };
  switch (node.op) {
    case "reshape": return plain(reshaped(yBar, x.shape));
    case "broadcast_to": return undone(yBar);
    case "permute": {
      const order = node.attrs.axes ?? node.attrs.list, strides = stridesOf(node.shape);
      return plain(gather(yBar, x.shape, strided(x.shape, x.shape.map((_, i) => strides[order.indexOf(i)]), 0)));
    }
    case "sum": case "mean": {
      const axes = axesOf(node, x), kept = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
      const n = elements(axes.map((i) => x.shape[i]));
      const each = node.op === "sum" ? yBar : map(yBar, (g) => math.times(g, 1 / Math.max(n, 1)));
      return plain(broadcastTo(reshaped(each, kept), x.shape));
    }
    case "where": {
      const mask = broadcastTo(inputs[0], node.shape);
      return undone({ shape: node.shape, data: yBar.data.map((g, i) => ((mask.data[i] === 0) === (slot === 1) ? 0 : g)) });
    }
    case "softmax": {
      const axes = axesOf(node, x), sum = sumOver(math, zip(y.shape, y, yBar, math.mul), axes);
      return plain(zip(y.shape, y, zip(y.shape, yBar, sum, math.sub), math.mul));
    }
    case "logsumexp": {
      const axes = axesOf(node, x), kept = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
      return plain(zip(x.shape, softmax(math, x, axes, false), reshaped(yBar, kept), math.mul));
    }
    case "log_softmax": {
      const sum = sumOver(math, yBar, axesOf(node, x));
      return plain(zip(y.shape, yBar, zip(y.shape, map(y, math.exp), sum, math.mul), math.sub));
    }
    case "cross_entropy": {
      const p = softmax(math, x, [x.shape.length - 1], false), width = x.shape.at(-1);
      return plain({ shape: x.shape, data: p.data.map((p, i) => math.mul(yBar.data[yBar.data.length === 1 ? 0 : Math.floor(i / width)], math.sub(p, node.attrs.indices[Math.floor(i / width)] === i % width ? 1 : 0))) });
    }
    case "matmul": {
      const [ta, tb] = transposes(node), [a, b] = inputs;
      const delta = slot === 0
        ? ta ? product(math, b, yBar, tb, true) : product(math, yBar, b, false, !tb)
        : tb ? product(math, yBar, a, true, ta) : product(math, a, yBar, !ta, false);
      const sum = sumTo(math, delta, x.shape);
      return sum === delta ? plain(delta) : { local: null, raw: delta, axes: delta.shape.map((_, i) => i).slice(0, -2), delta: sum };
    }
    case "linear": {
      const [a, w] = inputs, rows = elements(a.shape.slice(0, -1));
      const flat = reshaped(yBar, [rows, node.shape.at(-1)]);
      if (slot === 2) return plain(reshaped(sumOver(math, flat, [0]), x.shape));
      if (slot === 0) return plain(reshaped(product(math, flat, w, false, false), x.shape));
      return plain(product(math, flat, reshaped(a, [rows, a.shape.at(-1)]), true, false));
    }
  }
  if (inputs.length === 1) {
    const [, rule] = rules.unary[unaryKey(node)], numbers = numbersOf(node);
    const each = (g) => ({ shape: node.shape, data: x.data.map((v, i) => rule(v, y.data[i], g(i), ...numbers)) });
    return { ...plain(each((i) => yBar.data[i])), local: each(() => 1) };
  }
  const rule = rules.binary[node.op][1][slot], [a, b] = inputs;
  const each = (g) => zip(node.shape, a, b, (p, q, i) => rule(p, q, y.data[i], g(i)));
  return undone(each((i) => yBar.data[i]), each(() => 1));
}

const writeTensor = (tensor) => tensor && { shape: tensor.shape, data: [...tensor.data] };

/** The trace with other values at leaves, as `Map {id: tensor}`. */
function replay(trace, changes) {
  const rules = rulesOf(trace.math), values = [], adjoints = trace.nodes.map(() => null);
  for (const node of trace.nodes) {
    values.push(isLeaf(node) ? changes.get(node.id) ?? node.value : compute(trace, rules, node, node.inputs.map((i) => values[i])));
  }
  const add = (id, delta) => {
    adjoints[id] = adjoints[id] ? addTensors(trace.math, adjoints[id], delta) : delta;
  };
  for (const root of trace.roots) add(root.node, root.seed);
  const visited = trace.events.filter((event) => event.kind === Kind.VISIT).map((event) => event.node);
  const sweep = visited.map((node) => ({
    node: node.id,
    edges: node.edges.map((edge) => {
      const json = { slot: edge.slot, input: edge.input.id, skip: edge.skip };
      if (edge.skip) return json;
      const found = contribution(trace, rules, node, edge.slot, node.inputs.map((i) => values[i]), values[node.id], adjoints[node.id]);
      add(edge.input.id, found.delta);
      return { ...json, ...Object.fromEntries(Object.entries(found).map(([k, v]) => [k, v?.data ? writeTensor(v) : v])) };
    }),
  }));
  const nodes = trace.nodes.map((node, id) => ({
    op: node.op, text: node.text, name: node.name, inputs: node.inputs, attrs: node.attrs, replayable: node.replayable,
    shape: node.shape, wants: node.wants, scope: node.scope, file: node.file, line: node.line, column: node.column,
    doc: node.doc, why: "", check: null, value: writeTensor(values[id]), adjoint: writeTensor(adjoints[id]),
  }));
  const { title, dtype, producer, options, sources } = trace;
  const roots = trace.roots.map((root) => ({ node: root.node, seed: writeTensor(root.seed) }));
  return readTrace({ format: "wengert.trace/1", title, dtype, producer, options, sources, nodes, roots, sweep });
}
