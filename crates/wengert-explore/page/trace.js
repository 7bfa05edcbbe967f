// The trace as the page sees it: nodes, edges and micro-events, and the adjoint of each node at each time.
// Time t is the number of events that have happened. Values never change and contributions are only added
// up, so the state at any time is read off the trace: nothing is undone when stepping back.

const Kind = { FORWARD: 0, SEED: 1, VISIT: 2, SKIP: 3, LOCAL: 4, CONTRIBUTE: 5, REDUCE: 6, ACCUMULATE: 7 };
const KIND_NAMES = ["forward", "seed", "visit", "skip", "local", "contribute", "reduce", "accumulate"];
const SPECIAL = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

const toNumber = (x) => (typeof x === "number" ? x : SPECIAL[x] ?? NaN);
const elements = (shape) => shape.reduce((n, length) => n * length, 1);

function readTensor(json) {
  if (!json) return null;
  if (json.data) return { shape: json.shape, data: Float64Array.from(json.data, toNumber) };
  const summary = {};
  for (const key of ["min", "max", "mean", "std", "norm", "zeros", "nans", "infinities", "negatives"]) {
    summary[key] = json[key] == null ? null : toNumber(json[key]);
  }
  for (const end of ["first", "last"]) summary[end] = (json[end] ?? []).map(toNumber);
  return { shape: json.shape, data: null, summary };
}

/** The trace of a JSON object of format "wengert.trace/1"; throws a sentence if it is none. */
function readTrace(json) {
  if (json.format !== "wengert.trace/1") throw new Error(`format "${json.format}", not "wengert.trace/1"`);
  const trace = {
    title: json.title ?? "", dtype: json.dtype, producer: json.producer ?? "", options: json.options ?? {},
    sources: json.sources ?? {}, math: arithmetic(json.dtype), nodes: [], edges: [], events: [], roots: [],
  };
  trace.nodes = json.nodes.map((node, id) => ({
    ...node, id, inputs: node.inputs ?? [], attrs: node.attrs ?? {}, scope: node.scope ?? "",
    value: readTensor(node.value), adjoint: readTensor(node.adjoint),
    uses: [], incoming: [], seeds: [], visitAt: Infinity, totals: null,
  }));
  for (const node of trace.nodes) node.inputs.forEach((input, slot) => trace.nodes[input].uses.push([node.id, slot]));
  trace.roots = (json.roots ?? []).map((root) => ({ node: root.node, seed: readTensor(root.seed) }));
  const event = (kind, node, edge = null, root = null) =>
    trace.events.push({ kind, node, edge, root }) && trace.events.length;
  for (const node of trace.nodes) node.forwardAt = event(Kind.FORWARD, node);
  for (const root of trace.roots) {
    const node = trace.nodes[root.node];
    node.incoming.push({ at: event(Kind.SEED, node, null, root), edge: null, delta: root.seed });
  }
  for (const visit of json.sweep ?? []) {
    const node = trace.nodes[visit.node];
    node.visitAt = event(Kind.VISIT, node);
    node.edges = visit.edges.map((json) => {
      const edge = {
        index: trace.edges.length, consumer: node, slot: json.slot, input: trace.nodes[json.input],
        skip: json.skip ?? null, fused: json.fused ?? false, axes: json.axes ?? [],
        local: readTensor(json.local), raw: readTensor(json.raw), delta: readTensor(json.delta),
        after: readTensor(json.after),
      };
      trace.edges.push(edge);
      if (edge.skip) {
        edge.firstAt = edge.at = event(Kind.SKIP, node, edge);
        return edge;
      }
      edge.firstAt = event(Kind.LOCAL, node, edge);
      event(Kind.CONTRIBUTE, node, edge);
      if (edge.raw) event(Kind.REDUCE, node, edge);
      edge.at = event(Kind.ACCUMULATE, node, edge);
      edge.input.incoming.push({ at: edge.at, edge, delta: edge.delta });
      return edge;
    });
    node.leaveAt = trace.events.length;
  }
  trace.length = trace.events.length;
  trace.forwardEnd = trace.nodes.length;
  trace.seedEnd = trace.forwardEnd + trace.roots.length;
  return trace;
}

/** a + b in the engine's arithmetic; null where one is shortened. */
function addTensors(math, a, b) {
  if (!a?.data || !b?.data || a.data.length !== b.data.length) return null;
  return { shape: b.shape, data: a.data.map((x, i) => math.add(x, b.data[i])) };
}

/** Running totals of the node's contributions, in order: totals[k] is its adjoint after k + 1 of them. */
function totalsOf(trace, node) {
  if (!node.totals) {
    let total = null;
    node.totals = node.incoming.map(({ edge, delta }, k) => {
      total = edge?.fused && edge.after ? edge.after : k === 0 ? delta : addTensors(trace.math, total, delta);
      return total;
    });
  }
  return node.totals;
}

/** How many contributions the node has received at time t. */
function receivedAt(node, t) {
  let k = 0;
  while (k < node.incoming.length && node.incoming[k].at <= t) k++;
  return k;
}

/** The node's adjoint at time t; null: nothing has arrived. */
function adjointAt(trace, node, t) {
  const k = receivedAt(node, t);
  return k === 0 ? null : totalsOf(trace, node)[k - 1];
}

const isScalar = (tensor) => tensor?.data?.length === 1;
const nodeLabel = (node) => (node.name ? clip(node.name) : `%${node.id}`);
const clip = (text, length = 60) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
const isLeaf = (node) => node.inputs.length === 0;

/** Minimum, maximum, mean, L2 norm and counts of what is unusual; tensors never change, so once is enough. */
const statistics = (tensor) => tensor && (tensor.statistics ??= tensor.data ? measure(tensor) : { ...tensor.summary, count: elements(tensor.shape) });

function measure(tensor) {
  const s = { min: Infinity, max: -Infinity, mean: 0, norm: 0, zeros: 0, nans: 0, infinities: 0, count: tensor.data.length };
  let peak = 0;
  for (const x of tensor.data) {
    if (Number.isNaN(x)) s.nans++;
    else if (!Number.isFinite(x)) s.infinities++;
    else {
      if (x < s.min) s.min = x;
      if (x > s.max) s.max = x;
      if (x === 0) s.zeros++;
      if (Math.abs(x) > peak) peak = Math.abs(x);
      s.mean += x;
    }
  }
  // Scaled, so that squares neither overflow nor vanish.
  if (peak > 0) for (const x of tensor.data) if (Number.isFinite(x)) s.norm += (x / peak) ** 2;
  s.norm = s.nans ? NaN : s.infinities ? Infinity : Math.sqrt(s.norm) * peak;
  s.mean /= s.count - s.nans - s.infinities;
  return s;
}
const normOf = (tensor) => (isScalar(tensor) ? Math.abs(tensor.data[0]) : (statistics(tensor)?.norm ?? NaN));

/** The node that a text means: a name, "%12" or "12". */
function findNode(trace, text) {
  const named = trace.nodes.find((node) => node.name && node.name === text);
  if (named) return named;
  const id = /^%?(\d+)$/.exec(text);
  return (id && trace.nodes[Number(id[1])]) ?? null;
}

/** Whether the node is selected by a text such as "relu", "op:relu", "scope:hidden", "line:main.rs:12". */
function matches(node, query) {
  const [, key, rest] = /^(?:(op|scope|line|name):)?(.*)$/su.exec(query);
  const has = (text) => (text ?? "").toLowerCase().includes(rest.trim().toLowerCase());
  if (key === "op") return node.op.toLowerCase() === rest.trim().toLowerCase();
  if (key === "scope") return has(node.scope);
  if (key === "line") return has(`${node.file}:${node.line}`);
  if (key === "name") return has(node.name);
  return has(node.name) || has(node.op) || has(node.scope) || has(`%${node.id} `) || has(`${node.file}:${node.line}`);
}
