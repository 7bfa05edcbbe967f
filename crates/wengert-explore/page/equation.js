// A node's adjoint in four stages: the chain rule in symbols, the rules put in, the numbers put in, the value.

const TERMS_AT_MOST = 4;

function equation(trace, node, time, element) {
  const parts = node.incoming, shown = parts.slice(0, TERMS_AT_MOST), more = parts.length - shown.length;
  if (!parts.length) return null;
  const root = (trace.roots.length === 1 && clip(trace.nodes[trace.roots[0].node].name)) || "L";
  const received = receivedAt(node, time);
  const join = (terms) => [terms.map((term, i) => [i ? h("span", { class: "op" }, " + ") : "", h("span", { class: i < received ? "term" : "term pending" }, term)]), more > 0 ? h("span", { class: "op" }, ` + … (${t("eq.more", { count: more })})`) : ""];
  const line = (key, left, ...content) => h("div", { class: "stage" }, h("span", { class: "which" }, t(key)), h("span", { class: "formula" }, left ? [left, h("span", { class: "op" }, " = ")] : h("span", { class: "op" }, "= "), content));
  const partial = (top, below) => m("mfrac", m("mrow", m("mo", "∂"), m("mi", clip(top, 18))), m("mrow", m("mo", "∂"), m("mi", clip(below, 18))));
  const name = (node) => (node.id === trace.roots[0]?.node ? root : nodeLabel(node)), label = name(node);
  const symbolic = ({ edge }) => (edge ? m("math", partial(root, name(edge.consumer)), m("mo", "·"), partial(name(edge.consumer), label)) : m("math", partial(root, label)));
  const rules = ({ edge }) => (!edge ? t("eq.seed") : ruleOf(edge));
  const numbers = (part) => numbersOfTerm(trace, part, time, element);
  const now = adjointAt(trace, node, time);
  const total = !now ? h("span", { class: "none" }, t("eq.pending")) : isScalar(now) ? num(now.data[0], "a") : now.data ? num(now.data[element], "a") : brief(now, "a");
  const place = node.value?.data?.length > 1 ? ` ${placeText(node.value, element)}` : "";
  return h("section", { class: "card equation" }, h("h3", {}, t("eq.title")),
    line("eq.chain", m("math", partial(root, label)), join(shown.map(symbolic))),
    line("eq.rules", h("span", { class: "a" }, barred(label)), join(shown.map(rules))),
    line("eq.numbers", place ? h("span", { class: "a" }, barred(label), place) : null, join(shown.map((part, i) => (i < received ? numbers(part) : "?")))),
    line("eq.value", null, total, received < parts.length && now ? h("span", { class: "note" }, " ", t("eq.sofar", { k: received, of: parts.length })) : null));
}

/** The rule of an edge with names put in. */
function ruleOf({ consumer, slot }) {
  const parts = formula(consumer.doc?.rules?.[slot] ?? "", consumer);
  return parts.length ? parts : [barred(nodeLabel(consumer)), " · ∂"];
}

/** One contribution with its numbers, at one element if it is a tensor. */
function numbersOfTerm(trace, { edge, delta }, time, element) {
  const at = (tensor, i) => tensor.data[tensor.data.length === 1 ? 0 : i];
  if (!edge) return delta.data ? inBrackets(at(delta, element)) : shapeText(delta.shape);
  const upstream = adjointAt(trace, edge.consumer, time), sum = sumsBehind(trace, edge, element, upstream);
  if (sum) return sum.slice(0, 6).map(([u, v], i) => (i ? " + " : "(") + (v === null ? inBrackets(u) : `${inBrackets(u)} · ${inBrackets(v)}`)).join("") + (sum.length > 6 ? ` + … (${t("eq.more", { count: sum.length - 6 })}))` : ")");
  if (edge.local?.data && upstream?.data && !edge.raw) return `${inBrackets(at(upstream, element))} · ${inBrackets(at(edge.local, element))}`;
  if (edge.delta?.data) return inBrackets(at(edge.delta, element));
  return numbersIn(edge.consumer.doc?.rules?.[edge.slot] ?? "", edge.consumer, time);
}

/** The products (or summands) whose sum is the contribution's element, for matrix products and undone broadcasts. */
function sumsBehind(trace, edge, element, upstream) {
  const { consumer, slot, raw, delta } = edge;
  if (raw?.data && delta?.data) {
    const offsets = stretched(delta.shape, raw.shape), terms = [];
    offsets.forEach((o, i) => o === element && terms.push([raw.data[i], null]));
    return terms.length > 1 ? terms : null;
  }
  const inputs = consumer.inputs.map((id) => trace.nodes[id].value);
  if (!upstream?.data || inputs.some((x) => !x?.data || x.shape.length > 2) || consumer.shape.length !== 2) return null;
  const [rows, columns] = consumer.shape, [a, b] = inputs;
  const [ta, tb] = consumer.op === "linear" ? [false, true] : consumer.op === "matmul" ? transposes(consumer) : [null];
  if (ta === null || inputs[Math.min(slot, 1)].shape.length !== 2) return null;
  const pick = (x, i, j, flip) => x.data[flip ? j * x.shape[1] + i : i * x.shape[1] + j];
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  if (slot === 2) return range(rows).map((i) => [upstream.data[i * columns + element], null]);
  const width = inputs[slot].shape[1], [p, q] = [Math.floor(element / width), element % width];
  if (slot === 0) {
    const [i, k] = ta ? [q, p] : [p, q];
    return range(columns).map((j) => [upstream.data[i * columns + j], pick(b, k, j, tb)]);
  }
  const [k, j] = tb ? [q, p] : [p, q];
  return range(rows).map((i) => [pick(a, i, k, ta), upstream.data[i * columns + j]]);
}

/** How the value came about, with names and with numbers. */
function forwardEquation(node) {
  const text = node.doc?.forward;
  if (!text || isLeaf(node)) return null;
  const named = withNames(text, node), scalar = node.value?.data?.length === 1 && node.inputs.every((id) => page.trace.nodes[id].value?.data?.length === 1);
  const right = text.slice(text.indexOf("=") + 1).trim();
  const reads = node.inputs.every((id) => named.includes(nodeLabel(page.trace.nodes[id])));
  const where = reads ? null : h("div", { class: "where note" }, t("eq.where", { list: node.inputs.map((id, slot) => `${node.inputs.length === 1 ? "x" : "abcdefgh"[slot]} = ${nodeLabel(page.trace.nodes[id])}`).join(", ") }));
  return h("section", { class: "card equation" }, h("h3", {}, t("eq.forward")),
    h("div", { class: "stage" }, h("span", { class: "which" }, t("eq.formula")), h("span", { class: "formula" }, formula(text, node))), where,
    scalar && reads ? h("div", { class: "stage" }, h("span", { class: "which" }, t("eq.numbers")), h("span", { class: "formula" }, h("span", { class: "op" }, "= "), numbersIn(right, node, page.t))) : null,
    node.value?.data?.length === 1 ? h("div", { class: "stage" }, h("span", { class: "which" }, t("eq.value")), h("span", { class: "formula" }, h("span", { class: "op" }, "= "), num(node.value.data[0], "v"))) : null);
}
