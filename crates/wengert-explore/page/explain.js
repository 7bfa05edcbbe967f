// What a moment means in words, and formulas with names and numbers put in.

const BAR = "\u0304";
const bar = (label) => label + BAR;
const subject = (event) => (event.edge ? event.edge.input : event.node);

/** One sentence about event number t (0: the beginning). */
function sentence(trace, time) {
  if (time === 0) return t("say.start", { total: trace.length });
  const { kind, node, edge } = trace.events[time - 1];
  const say = (tensor) => (!tensor ? "–" : isScalar(tensor) ? short(tensor.data[0]) : t("say.tensor", { shape: shapeText(tensor.shape), norm: short(normOf(tensor)) }));
  const values = { node: nodeLabel(node), op: node.op, value: say(node.value) };
  if (kind === Kind.SEED) values.seed = say(trace.events[time - 1].root.seed);
  if (kind === Kind.VISIT) Object.assign(values, { adjoint: say(adjointAt(trace, node, time)), count: node.incoming.length });
  if (edge) {
    const { input } = edge, k = receivedAt(input, time);
    Object.assign(values, {
      input: nodeLabel(input), rule: node.doc?.rules?.[edge.slot] ?? "", upstream: say(adjointAt(trace, node, time)),
      local: say(edge.local), raw: say(edge.raw), delta: say(edge.delta), axes: edge.axes.join(", "),
      from: edge.raw ? shapeText(edge.raw.shape) : "", to: edge.delta ? shapeText(edge.delta.shape) : "",
    });
    if (kind === Kind.SKIP) values.reason = t("skip." + edge.skip);
    if (kind === Kind.ACCUMULATE) {
      Object.assign(values, { after: say(adjointAt(trace, input, time)), before: k > 1 ? say(totalsOf(trace, input)[k - 2]) : "", k, of: input.incoming.length });
      return t(k > 1 ? "say.accumulate" : "say.first", values);
    }
    if (kind === Kind.LOCAL && !edge.local) return t("say.rule", values);
    if (kind === Kind.CONTRIBUTE && !edge.local) return t("say.product", values);
  }
  if (kind === Kind.FORWARD && isLeaf(node)) return t("say.leaf", values);
  return t("say." + KIND_NAMES[kind], values);
}

/** Text in the notation of the documentation with the node's names (or numbers) in place of a, b, x, y. */
function substitute(text, node, put) {
  if (!text) return "";
  const labels = new Map();
  node.inputs.forEach((id, slot) => labels.set(["a", "b"][slot] ?? "c" + (slot + 1), put(page.trace.nodes[id])));
  if (node.inputs.length === 1) labels.set("x", put(page.trace.nodes[node.inputs[0]]));
  labels.set("y", put(node)).set("y" + BAR, put(node, true));
  (node.attrs.numbers ?? []).slice(0, 2).forEach((c, i) => labels.set(["c", "d"][i], short(c)));
  return text.normalize("NFD").replace(/(?<![\p{Ll}\p{Lu}\p{Nd}_])(y\u0304|x|y|a|b|c\d*|d)(?![\p{Ll}\p{Lu}\p{Nd}_\u0304])/gu, (symbol) => labels.get(symbol) ?? symbol).normalize("NFC");
}
const withNames = (text, node) => substitute(text, node, (other, adjoint) => (adjoint ? bar(nodeLabel(other)) : nodeLabel(other)));
const numbersIn = (text, node, time, element) => substitute(text, node, (other, adjoint) => {
  const tensor = adjoint ? adjointAt(page.trace, other, time) : other.value;
  if (!tensor) return "?";
  if (!tensor.data) return shapeText(tensor.shape);
  if (tensor.data.length === 1) return inBrackets(tensor.data[0]);
  return shapeText(tensor.shape);
});
const inBrackets = (x) => (x < 0 || Object.is(x, -0) ? `(${short(x)})` : short(x));
