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
      input: nodeLabel(input), rule: withNames(node.doc?.rules?.[edge.slot] ?? "", node), upstream: say(adjointAt(trace, node, time)),
      local: say(edge.local), product: say(edge.raw ?? edge.delta), delta: say(edge.delta), axes: edge.axes.join(", "),
      from: edge.raw ? shapeText(edge.raw.shape) : "", to: edge.delta ? shapeText(edge.delta.shape) : "",
    });
    if (kind === Kind.SKIP) values.reason = t("skip." + edge.skip);
    if (kind === Kind.ACCUMULATE) {
      Object.assign(values, { after: say(adjointAt(trace, input, time)), before: k > 1 ? say(totalsOf(trace, input)[k - 2]) : "", k, of: input.incoming.length });
      return t(k === 1 ? "say.first" : isScalar(edge.delta) ? "say.accumulate" : "say.accumulateall", values);
    }
    if (kind === Kind.LOCAL && !edge.local) return t("say.rule", values);
    if (kind === Kind.CONTRIBUTE && !edge.local) return t("say.product", values);
    if (kind === Kind.CONTRIBUTE && !isScalar(edge.local)) return t("say.elements", values);
  }
  if (kind === Kind.FORWARD && isLeaf(node)) return t("say.leaf", values);
  return t("say." + KIND_NAMES[kind], values);
}

/** The documentation's notation in parts: strings, and {label, adjoint} where a node stands for a, b, x, y or ȳ. */
function substitute(text, node, put) {
  if (!text) return [];
  const parts = new Map(), at = (id) => page.trace.nodes[id];
  // One operand is x, several are a, b, c ..; "y = a part of x" is no formula of a.
  if (node.inputs.length === 1) parts.set("x", put(at(node.inputs[0])));
  else node.inputs.slice(0, 8).forEach((id, slot) => parts.set("abcdefgh"[slot], put(at(id))));
  parts.set("y", put(node)).set("y" + BAR, put(node, true));
  if (node.inputs.length < 3) (node.attrs.numbers ?? []).slice(0, 2).forEach((c, i) => parts.set("cd"[i], short(c)));
  const symbol = /(?<![\p{Ll}\p{Lu}\p{Nd}_])(y\u0304|[xya-h])(?![\p{Ll}\p{Lu}\p{Nd}_\u0304])/u;
  return text.normalize("NFD").split(symbol).map((part, i) => (i % 2 ? parts.get(part) ?? part : part.normalize("NFC"))).filter((part) => part !== "");
}
const inWords = (parts) => parts.map((part) => (typeof part === "string" ? part : part.adjoint ? bar(part.label) : part.label)).join("");
const labelled = (other, adjoint) => ({ label: nodeLabel(other), adjoint });

/** A formula with the names of the nodes in it, as text; or as elements, with a bar over what is an adjoint. */
const withNames = (text, node) => inWords(substitute(text, node, labelled));
const formula = (text, node) => substitute(text, node, labelled).map((part) => (typeof part === "string" ? part : part.adjoint ? barred(part.label) : part.label));
const barred = (label) => h("span", { class: "bar", "aria-label": bar(label), role: "img" }, label);
const numbersIn = (text, node, time) => inWords(substitute(text, node, (other, adjoint) => {
  const tensor = adjoint ? adjointAt(page.trace, other, time) : other.value;
  if (!tensor) return "?";
  return isScalar(tensor) ? inBrackets(tensor.data[0]) : shapeText(tensor.shape);
}));
const inBrackets = (x) => (x < 0 || Object.is(x, -0) ? `(${short(x)})` : short(x));
