// How strong the gradient is on its way back: along the strongest path from the root to the selected node, the
// logarithm of each adjoint's norm, what each edge multiplies it by, and how much of each activation is saturated.

const POINTS_AT_MOST = 48;

/** Nodes from the root to `node`, at each step back the consumer with the largest contribution. */
function strongestPath(trace, node) {
  const path = [];
  for (let at = node; at && path.length <= trace.nodes.length; ) {
    path.push(at);
    at = at.strongest ??= strongestConsumer(at);
  }
  return path.reverse();
}

function strongestConsumer(node) {
  let best = null, most = -1;
  for (const { edge, delta } of node.incoming) {
    const size = edge ? normOf(delta) : 0;
    if (edge && (size > most || Number.isNaN(size))) [best, most] = [edge.consumer, size];
  }
  return best;
}

/** Where the path begins if nothing that has an adjoint is selected: the leaf farthest from the root. */
function defaultLeaf(trace) {
  const depth = new Map();
  let best = null;
  for (const node of [...trace.nodes].reverse()) {
    if (!node.adjoint) continue;
    depth.set(node.id, Math.max(0, ...node.incoming.map(({ edge }) => (edge ? (depth.get(edge.consumer.id) ?? 0) + 1 : 0))));
    if (isLeaf(node) && (!best || depth.get(node.id) > depth.get(best.id))) best = node;
  }
  return best;
}

function renderFlow() {
  const { trace, t: time } = page, pane = byId("flow");
  const node = page.selected?.incoming.length ? page.selected : (trace.farthest ??= defaultLeaf(trace));
  if (!node) return void pane.replaceChildren(h("h2", {}, t("flow.title")), h("p", { class: "note" }, t("flow.none")));
  const path = strongestPath(trace, node);
  const shown = path.length <= POINTS_AT_MOST ? path : Array.from({ length: POINTS_AT_MOST }, (_, i) => path[Math.round((i * (path.length - 1)) / (POINTS_AT_MOST - 1))]);
  const logs = shown.map((node) => logOf(normOf(adjointAt(trace, node, time))));
  const all = shown.map((node) => logOf(normOf(node.adjoint))).filter(Number.isFinite);
  const low = Math.floor(Math.min(0, ...all) - 0.2), high = Math.ceil(Math.max(0, ...all) + 0.2);
  const step = 66, left = 58, width = left + step * shown.length, height = 126;
  const y = (log) => 12 + ((high - Math.max(low, Math.min(high, log))) / (high - low)) * 76, x = (i) => left + step / 2 + i * step;
  const every = Math.max(1, Math.ceil((high - low) / 5)), grid = [];
  for (let log = Math.ceil(low / every) * every; log <= high; log += every) grid.push(s("line", { x1: left, x2: width, y1: y(log), y2: y(log), class: log === 0 ? "zero" : "rule" }), s("text", { x: left - 8, y: y(log) + 4, class: "small end" }, log === 0 ? "1" : `1e${signed(String(log))}`));
  const parts = shown.map((node, i) => {
    const known = Number.isFinite(logs[i]), saturated = saturation(node);
    const gain = i && known && path.length === shown.length ? gainOf(trace, shown[i - 1], node, time) : null;
    return s("g", { class: `bead${node === page.selected ? " selected" : ""}`, data: { node: node.id } },
      i && known && Number.isFinite(logs[i - 1]) ? s("line", { x1: x(i - 1), x2: x(i), y1: y(logs[i - 1]), y2: y(logs[i]), class: "slope" }) : null,
      gain !== null ? s("text", { x: (x(i - 1) + x(i)) / 2, y: Math.min(y(logs[i]), y(logs[i - 1])) - 5, class: "small middle" }, `×${short(Number(gain.toPrecision(2)))}`) : null,
      known ? s("circle", { cx: x(i), cy: y(logs[i]), r: 4.5 }, s("title", {}, `${nodeLabel(node)}: ${short(10 ** logs[i])}`)) : s("circle", { cx: x(i), cy: y(low), r: 3.5, class: "empty" }),
      s("text", { x: x(i), y: 107, class: "label middle" }, clip(node.name || node.op, 9)),
      saturated !== null ? s("text", { x: x(i), y: 121, class: "small middle" + (saturated > 0.5 ? " bad" : "") }, t("flow.saturated", { share: Math.round(100 * saturated) })) : null);
  });
  pane.replaceChildren(h("h2", {}, t("flow.title"), h("span", { class: "note" }, " ", t("flow.path", { from: nodeLabel(path[0]), to: nodeLabel(node), count: path.length }))),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("flow.label") }, s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("flow.read", { list: shown.map((node, i) => `${nodeLabel(node)} ${Number.isFinite(logs[i]) ? short(10 ** logs[i]) : "–"}`).join(", ") }) }, grid, parts)));
}

/** The share of an activation's units that hardly pass anything on; null for other operations. */
function saturation(node) {
  const test = { sigmoid: (x) => x < 0.02 || x > 0.98, tanh: (x) => Math.abs(x) > 0.98, relu: (x) => x === 0 }[node.op];
  if (!test || !node.value?.data?.length) return null;
  return node.value.data.reduce((n, v) => n + (test(v) ? 1 : 0), 0) / node.value.data.length;
}

function gainOf(trace, consumer, node, time) {
  const edge = consumer.edges?.find((edge) => edge.input === node && !edge.skip && edge.at <= time);
  const upstream = edge && normOf(adjointAt(trace, consumer, time));
  return edge && upstream > 0 ? normOf(edge.delta) / upstream : null;
}

function renderAlerts() {
  const pane = byId("alerts"), { alerts } = page;
  const past = alerts.filter((alert) => alert.at <= page.t).length;
  pane.replaceChildren(h("h2", {}, t("alerts.title"), h("span", { class: "note" }, alerts.length ? ` ${past}/${alerts.length}` : "")),
    alerts.length ? h("ul", { tabindex: 0, "aria-label": t("alerts.title") }, alerts.slice(0, 40).map((alert) => h("li", { class: alert.at <= page.t ? "past" : "ahead" }, h("button", { type: "button", class: "link", onclick: () => { selectNode(alert.node, false); goTo(alert.at, false); } }, t("time.at", { t: alert.at })), " ", t(alert.key, alert.values)))) : h("p", { class: "note" }, t("alerts.none")));
}
