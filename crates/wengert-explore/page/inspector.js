// Everything about the selected node at this time, the most important first.

function renderInspector() {
  const { selected: node, trace, t: time } = page;
  const content = [page.quiz.question && quizCard(), watchCard(), diffCard()];
  if (!node) content.push(...overview());
  else content.push(...nodeCards(trace, node, time));
  const pane = byId("inspector"), focus = focusPath(pane), top = pane.scrollTop;
  keepAttached(pane, content.filter(Boolean));
  if (top) pane.scrollTop = top;
  focus?.();
}

/** As replaceChildren, but children that stay are never taken out: a slider in them is being dragged. */
function keepAttached(pane, content) {
  const staying = new Set(content);
  for (const child of [...pane.childNodes]) if (!staying.has(child)) child.remove();
  content.forEach((child, i) => pane.childNodes[i] === child || pane.insertBefore(child, pane.childNodes[i] ?? null));
}

/** Restores the focus to the element that takes the focused one's place. */
function focusPath(pane) {
  const active = document.activeElement;
  if (!pane.contains(active) || active === pane || active.closest(".try, .change")) return null;
  const all = (root) => [...root.querySelectorAll("button, input, [tabindex]")];
  const key = active.dataset.key, index = all(pane).indexOf(active);
  return () => (key ? pane.querySelector(`[data-key="${CSS.escape(key)}"]`) : pane.querySelector("td.picked button") ?? all(pane)[index])?.focus({ preventScroll: true });
}

function overview() {
  const { trace } = page;
  return [h("section", { class: "card welcome" }, h("h2", {}, t("over.title")), h("p", {}, t("over.what")),
    h("ol", {}, ["forward", "seed", "backward"].map((phase) => h("li", { class: phase }, h("b", {}, t("phase." + phase)), " ", t("over." + phase)))),
    h("p", { class: "note" }, t("over.keys"))),
  tryCard()];
}

function nodeCards(trace, node, time) {
  const known = node.forwardAt <= time, adjoint = adjointAt(trace, node, time);
  const size = node.value?.data?.length ?? 0;
  if (page.element >= Math.max(1, size)) page.element = 0;
  const pick = size > 1 ? (index) => { page.element = index; render(); } : null;
  const picked = size > 1 ? page.element : -1;
  const reason = why(trace, node, time), waiting = node.adjoint && receivedAt(node, time) < node.incoming.length;
  const scalars = node.value?.data?.length === 1;
  const tile = (name, tensor, key) => h("div", { class: "tile " + name }, h("span", { class: "caption" }, t(key)), tensor ? num(tensor.data[0], short(tensor.data[0]).length > 9 ? name + " long" : name) : h("span", { class: "none" }, "–"), tensor ? h("span", { class: "digits" }, exact(tensor.data[0])) : null);
  return [
    h("header", { class: "card nodehead" },
      h("div", { class: "named" }, h("h2", {}, nameOf(node, 80)), h("span", { class: "id" }, `%${node.id} · `, h("bdi", {}, clip(node.op, 40)), ` · ${shapeText(node.shape)}`), badge(node, time)),
      h("p", { class: "expression" }, h("bdi", {}, clip(node.text, 160))),
      h("div", { class: "actions" },
        toggle("act.break", "b", page.breakpoints.has(node.id), () => toggleBreakpoint(node)),
        toggle("act.watch", "w", page.watches.has(node.id), () => toggleWatch(node)),
        toggle("act.follow", "f", page.follow, () => { page.follow = !page.follow; followEvent(); render(); }))),
    scalars ? h("div", { class: "tiles" }, tile("v", known ? node.value : null, "ins.value"), tile("a", adjoint, "ins.adjoint")) : null,
    !scalars && known ? h("div", { class: "card maps" }, heatmap(t("ins.value"), node.value, { pick, picked, grid: pictureGrid(node), className: "v" }), adjoint ? heatmap(t("ins.adjoint"), adjoint, { pick, picked, grid: pictureGrid(node), className: "a" }) : null) : null,
    reason ? (waiting ? h("p", { class: "waiting note" }, reason) : h("p", { class: "card why" }, h("b", {}, t("why.title")), " ", reason)) : null,
    replayCard(node, time),
    time > trace.forwardEnd ? equation(trace, node, time, page.element) : null,
    contributions(trace, node, time),
    known ? forwardEquation(node) : null,
    edgeMaps(trace, node, time),
    isLeaf(node) ? changeCard(node) : null,
    known ? tryCard() : null,
    sourceCard(trace, node),
    node.check && node.check.verdict !== "skipped" ? h("section", { class: "card check" }, h("h3", {}, t("check.title")), h("p", {}, badge(node, 0) ?? "", " ", clip(node.check.note ?? "", 300)), node.check.left != null ? h("p", { class: "note" }, t("check.slopes", { left: short(toNumber(node.check.left)), right: short(toNumber(node.check.right)) })) : null) : null,
  ];
}

const toggle = (key, shortcut, on, act) => h("button", { type: "button", "aria-pressed": String(on), data: { key }, onclick: act }, t(key), h("kbd", { "aria-hidden": "true" }, shortcut));

/** The page's own check: accumulating gives the engine's adjoint, or does not. */
function replayCard(node, time) {
  if (!node.incoming.length || receivedAt(node, time) < node.incoming.length) return null;
  const bad = node.incoming.filter(({ edge }) => edge?.fits === false);
  if (node.replay === false || bad.length) {
    return h("p", { class: "card replay fail", role: "note" }, h("b", { class: "badge fail" }, "FAIL"), " ", node.replay === false ? t("check.bits") : "", bad.map(({ edge }) => h("span", {}, " ", t("check.edge", { from: nodeLabel(edge.consumer) }))));
  }
  return node.replay ? h("p", { class: "replay pass" }, h("span", { "aria-hidden": "true" }, "✓ "), t("check.same")) : null;
}

function contributions(trace, node, time) {
  const parts = node.incoming;
  if (!parts.length || time <= trace.forwardEnd) return null;
  const received = receivedAt(node, time), totals = totalsOf(trace, node), widened = parts.some(({ edge }) => edge?.raw);
  const shown = parts.slice(0, 40);
  const head = ["from", "upstream", "local", ...(widened ? ["raw"] : []), "delta", "total"];
  const row = ({ edge, delta, at }, k) => {
    const arrived = k < received, visited = edge && edge.firstAt <= time;
    const cells = edge
      ? [linkTo(edge.consumer, edge), brief(edge.consumer.visitAt <= time ? adjointAt(trace, edge.consumer, time) : null, "a"), visited ? (edge.local ? brief(edge.local) : h("span", { class: "rule" }, ruleOf(edge))) : brief(null)]
      : [t("ins.seed"), "", ""];
    if (widened) cells.push(edge?.raw && at - 2 < time && at - 1 <= time ? brief(edge.raw) : brief(null));
    const contributed = edge ? time > edge.firstAt : arrived;
    cells.push(contributed ? brief(delta, "a") : brief(null), arrived ? [brief(totals[k], "a"), edge?.fused ? h("span", { class: "note", title: t("ins.fusedhint") }, " ", t("ins.fused")) : null] : brief(null));
    return h("tr", { class: [arrived ? "arrived" : "pending", time === at ? "now" : "", edge?.fits === false && arrived ? "fail" : ""].join(" ").trim() }, cells.map((cell, i) => h(i ? "td" : "th", i ? {} : { scope: "row" }, cell)));
  };
  return h("section", { class: "card" }, h("h3", {}, t("ins.contributions"), h("span", { class: "note" }, ` ${received}/${parts.length}`)),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("ins.contributions") }, h("table", { class: "contributions" }, h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, t("ins." + name))))), h("tbody", {}, shown.map(row)))),
    parts.length > shown.length ? h("p", { class: "note" }, t("eq.more", { count: parts.length - shown.length })) : null);
}

const linkTo = (node, edge) => h("button", { type: "button", class: "link", onclick: () => selectNode(node) }, nameOf(node, 24), edge && node.inputs.filter((id) => id === edge.input.id).length > 1 ? h("sub", {}, String(edge.slot + 1)) : null);

/** The tensors of the edge that is worked on, or of the last one that arrived. */
function edgeMaps(trace, node, time) {
  const event = time ? trace.events[time - 1] : null;
  const edge = event?.edge && event.edge.input === node && !event.edge.skip ? event.edge : node.incoming[receivedAt(node, time) - 1]?.edge;
  if (!edge || edge.firstAt > time || node.value?.data?.length === 1 && edge.consumer.value?.data?.length === 1) return null;
  const from = nodeLabel(edge.consumer);
  const contributed = time > edge.firstAt;
  if (!edge.local && !contributed) return null;
  return h("div", { class: "card maps" }, edge.local ? heatmap(t("ins.localof", { from }), edge.local) : null,
    edge.raw && contributed ? heatmap(t("ins.rawof", { from, axes: edge.axes.join(", ") }), edge.raw) : null,
    contributed ? heatmap(t("ins.deltaof", { from }), edge.delta, { grid: pictureGrid(node) }) : null);
}

function sourceCard(trace, node) {
  if (!node.file) return null;
  const line = trace.sources[node.file]?.[String(node.line)];
  return h("section", { class: "card source" }, h("h3", {}, t("ins.source")), h("p", { class: "where" }, h("bdi", {}, clip(node.file, 120)), `:${node.line}`, node.scope ? [" · ", h("bdi", {}, clip(node.scope, 80))] : null), line ? h("pre", { tabindex: 0 }, h("code", {}, clip(line.trim(), 300))) : null);
}

function watchCard() {
  if (!page.watches.size) return null;
  const { trace, t: time } = page;
  const row = (node) => {
    const [now, before] = [adjointAt(trace, node, time), time ? adjointAt(trace, node, time - 1) : null];
    return h("tr", { class: now !== before ? "now" : null }, h("th", { scope: "row" }, linkTo(node)), h("td", {}, node.forwardAt <= time ? brief(node.value, "v") : ""), h("td", {}, brief(now, "a")));
  };
  return h("section", { class: "card watches" }, h("h3", {}, t("watch.title")), h("table", {}, h("thead", {}, h("tr", {}, ["from", "value", "adjoint"].map((key) => h("th", { scope: "col" }, t(key === "from" ? "tape.node" : "ins." + key))))), h("tbody", {}, [...page.watches].map((id) => row(trace.nodes[id])))));
}

/** What has changed between the marked time and now. */
function diffCard() {
  if (!page.diff || page.mark == null) return null;
  const { trace } = page, [from, to] = [page.mark, page.t].sort((a, b) => a - b), changed = new Map();
  for (const event of trace.events.slice(from, to)) {
    if (event.kind === Kind.FORWARD || event.kind === Kind.SEED || event.kind === Kind.ACCUMULATE) changed.set(subject(event).id, event.kind);
  }
  const rows = [...changed].slice(0, 60).map(([id, kind]) => {
    const node = trace.nodes[id], value = kind === Kind.FORWARD && !adjointAt(trace, node, to);
    const at = (time) => (value ? (node.forwardAt <= time ? node.value : null) : adjointAt(trace, node, time));
    return h("tr", {}, h("th", { scope: "row" }, linkTo(node)), h("td", {}, t(value ? "ins.value" : "ins.adjoint")), h("td", {}, brief(at(page.mark))), h("td", {}, brief(at(page.t))));
  });
  return h("section", { class: "card diff" }, h("h3", {}, t("diff.title", { from: page.mark, to: page.t })), rows.length ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("diff.label") }, h("table", {}, h("thead", {}, h("tr", {}, ["node", "what", "then", "now"].map((key) => h("th", { scope: "col" }, t("diff." + key))))), h("tbody", {}, rows))) : h("p", { class: "note" }, t("diff.none")), changed.size > 60 ? h("p", { class: "note" }, t("eq.more", { count: changed.size - 60 })) : null);
}
