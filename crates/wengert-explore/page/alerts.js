// What goes wrong in networks, found in the numbers: broadcasts that nobody meant, units that are dead or
// saturated, gradients that vanish or explode, numbers that are none.

/** What goes wrong in networks, as [{key, node, at, values}]: found once, shown from time `at` on. */
function findAlerts(trace) {
  const alerts = [];
  const add = (key, node, at, values = {}) => alerts.push({ key, node, at, values: { node: nodeLabel(node), ...values } });
  const share = (tensor, test) => tensor.data.reduce((n, x) => n + (test(x) ? 1 : 0), 0) / tensor.data.length;
  const percent = (x) => `${Math.round(100 * x)} %`;
  const bad = (tensor) => { const s = statistics(tensor); return s && s.nans + s.infinities > 0; };
  let [badValue, badAdjoint] = [false, false];
  for (const node of trace.nodes) {
    const inputs = node.inputs.map((id) => trace.nodes[id]);
    if (!badValue && bad(node.value)) {
      badValue = true;
      add("alert.nonfinite", node, node.forwardAt, { of: inputs.map(nodeLabel).join(", ") || "–" });
    }
    const [a, b] = inputs;
    const grew = (x) => elements(x.shape) < elements(node.shape) && elements(x.shape) > 1;
    if (inputs.length === 2 && !["matmul"].includes(node.op) && grew(a) && grew(b)) {
      add("alert.broadcast", node, node.forwardAt, { a: shapeText(a.shape), b: shapeText(b.shape), result: shapeText(node.shape) });
    }
    if (!node.value?.data || node.value.data.length === 0) continue;
    if (node.op === "relu" && share(node.value, (x) => x === 0) === 1) add("alert.dead", node, node.forwardAt);
    else if (node.op === "relu" && deadColumns(node.value)) add("alert.units", node, node.forwardAt, { units: deadColumns(node.value) });
    const limits = { sigmoid: (x) => x < 0.02 || x > 0.98, tanh: (x) => Math.abs(x) > 0.98 }[node.op];
    if (limits && share(node.value, limits) > 0.5) add("alert.saturated", node, node.forwardAt, { share: percent(share(node.value, limits)) });
  }
  const rms = (tensor) => normOf(tensor) / Math.sqrt(Math.max(1, elements(tensor.shape)));
  const start = Math.max(...trace.roots.map((root) => rms(root.seed)));
  for (const node of [...trace.nodes].reverse()) {
    if (!node.adjoint) continue;
    const at = Math.max(node.incoming.at(-1)?.at ?? 0, 1), size = rms(node.adjoint);
    if (!badAdjoint && bad(node.adjoint)) {
      badAdjoint = true;
      add("alert.nonfiniteadjoint", node, at, { from: node.incoming.map(({ edge }) => (edge ? nodeLabel(edge.consumer) : "")).join(", ") });
    }
    if (size > 0 && size < start * 1e-6) alerts.some((a) => a.key === "alert.vanishing") || add("alert.vanishing", node, at, { size: short(size) });
    if (size > start * 1e4) alerts.some((a) => a.key === "alert.exploding") || add("alert.exploding", node, at, { size: short(size) });
  }
  return alerts.sort((a, b) => a.at - b.at);
}

/** Columns of a batch that are 0 in all rows. */
function deadColumns(tensor) {
  const width = tensor.shape.at(-1), rows = tensor.data.length / width;
  if (tensor.shape.length !== 2 || rows < 2) return 0;
  let dead = 0;
  for (let j = 0; j < width; j++) {
    let zeros = 0;
    for (let i = 0; i < rows; i++) zeros += tensor.data[i * width + j] === 0 ? 1 : 0;
    if (zeros === rows) dead++;
  }
  return dead;
}
