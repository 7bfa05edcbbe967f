// The page checks what it shows: accumulating the contributions of each node must give the engine's adjoint
// bit for bit, and each contribution must be the adjoint above times the local derivative, up to rounding.

/** {ok, message key, ...} by node; `ok` is null where shortened tensors leave nothing to compare. */
function verify(trace) {
  const failures = [];
  for (const node of trace.nodes) {
    node.replay = replayed(trace, node);
    if (node.replay === false) failures.push({ node, edge: null });
  }
  for (const edge of trace.edges) {
    edge.fits = fits(trace, edge);
    if (edge.fits === false) failures.push({ node: edge.input, edge });
  }
  return failures;
}

function replayed(trace, node) {
  const { incoming, adjoint } = node;
  if (!adjoint) return incoming.length === 0 ? null : false;
  if (incoming.length === 0) return false;
  const total = totalsOf(trace, node).at(-1);
  if (!total?.data || !adjoint.data) return null;
  return sameBits(total.data, adjoint.data);
}

const sameBits = (a, b) => a.length === b.length && a.every((x, i) => Object.is(x, b[i]));

function fits(trace, edge) {
  if (edge.skip) return null;
  const upstream = edge.consumer.adjoint, product = edge.raw ?? edge.delta;
  if (edge.raw && edge.delta?.data && edge.raw.data) {
    const reduced = sumTo(trace.math, edge.raw, edge.delta.shape);
    if (!near(trace, reduced.data, edge.delta.data, edge.raw.data)) return false;
  }
  if (!edge.local?.data || !upstream?.data || !product?.data) return null;
  const spread = (tensor, i) => tensor.data[tensor.data.length === 1 ? 0 : i];
  const expected = product.data.map((_, i) => trace.math.mul0(spread(upstream, i), spread(edge.local, i)));
  // A rule may be rounded otherwise: ȳ·y - ȳ·y² is the difference of numbers as large as ȳ.
  return near(trace, expected, product.data, [...expected, ...upstream.data]);
}

/** Equal up to some roundings of the largest of `scale`. */
function near(trace, a, b, scale) {
  const largest = scale.reduce((most, x) => (Number.isFinite(x) && Math.abs(x) > most ? Math.abs(x) : most), 0);
  const tolerance = trace.dtype === "f32" ? 1e-5 : 1e-13;
  return a.every((x, i) => Object.is(x, b[i]) || x === b[i] || Math.abs(x - b[i]) <= tolerance * largest + Number.MIN_VALUE || Number.isNaN(x) && Number.isNaN(b[i]));
}
