// The second view of the same selection: a drawing of the whole tape if it is small, else of the selected
// node's neighbourhood, with scopes far from it as single boxes. Thousands of nodes are never laid out.

const ALL_UP_TO = 50, SCOPES_UP_TO = 500, FAN = 7, BOXES_AT_MOST = 150, HOPS = 2;
const graph = { key: "", drawing: null };

/** What is drawn: {boxes, links, left: how many nodes are not}. */
function visiblePart(trace, centre) {
  const near = new Map();
  if (trace.nodes.length <= ALL_UP_TO) trace.nodes.forEach((node) => near.set(node.id, 0));
  else {
    let open = [centre.id];
    near.set(centre.id, 0);
    for (let hop = 1; hop <= HOPS; hop++) {
      const next = [];
      for (const id of open) {
        const node = trace.nodes[id];
        for (const list of [[...new Set(node.inputs)], [...new Set(node.uses.map(([use]) => use))]]) {
          for (const other of list.slice(0, hop === 1 ? 12 : FAN)) {
            if (near.has(other) || near.size >= BOXES_AT_MOST) continue;
            near.set(other, hop);
            next.push(other);
          }
        }
      }
      open = next;
    }
  }
  // Of a large tape only the scopes that the neighbourhood touches are drawn.
  const touched = new Set();
  for (const id of near.keys()) for (const other of [...trace.nodes[id].inputs, ...trace.nodes[id].uses.map(([use]) => use)]) touched.add(other);
  const drawn = trace.nodes.length <= SCOPES_UP_TO ? trace.nodes : [...new Set([...near.keys(), ...touched])].sort((a, b) => a - b).map((id) => trace.nodes[id]);
  const boxes = new Map(), keys = new Map();
  let inside = 0;
  for (const node of drawn) {
    const key = near.has(node.id) ? `n${node.id}` : node.scope ? `g${node.scope.split("/")[0]}` : null;
    if (!key || (!boxes.has(key) && !near.has(node.id) && boxes.size >= BOXES_AT_MOST)) continue;
    const box = boxes.get(key) ?? (near.has(node.id) ? { key, node, order: node.id } : { key, scope: node.scope.split("/")[0], count: 0, order: node.id, first: node });
    if (!box.node) box.count++;
    boxes.set(key, box);
    keys.set(node.id, key);
    inside++;
  }
  const links = [], seen = new Map();
  for (const node of drawn) {
    const to = keys.get(node.id);
    if (!to) continue;
    node.inputs.forEach((input, slot) => {
      const from = keys.get(input);
      if (!from || from === to) return;
      const plain = near.has(input) && near.has(node.id), both = `${from} ${to}`;
      if (!plain && seen.has(both)) return void seen.get(both).count++;
      const link = { from, to, slot, node, input: trace.nodes[input], count: 1, plain };
      seen.set(both, link);
      links.push(link);
    });
  }
  return { boxes: [...boxes.values()], links: links.slice(0, 400), left: trace.nodes.length - inside, at: boxes };
}

function renderGraph() {
  const pane = byId("graph");
  if (page.view === "tape") return void pane.replaceChildren();
  const { trace } = page;
  const centre = page.selected ?? trace.nodes[trace.roots[0]?.node ?? trace.nodes.length - 1];
  if (!centre) return;
  const key = trace.nodes.length <= ALL_UP_TO ? "all" : `${centre.id}`;
  if (graph.key !== key || graph.trace !== trace) {
    const part = visiblePart(trace, centre);
    Object.assign(graph, { key, trace, ...part, width: 0 });
  }
  if (graph.width !== pane.clientWidth) {
    // From the top down where it would be too wide from left to right.
    const fit = (size) => Math.min(1.15, (pane.clientWidth - 34) / size.width);
    graph.size = layOut(graph.boxes, graph.links, false);
    if (fit(graph.size) < 0.85) {
      const across = fit(graph.size);
      graph.size = layOut(graph.boxes, graph.links, true);
      if (fit(graph.size) < across) graph.size = layOut(graph.boxes, graph.links, false);
    }
    graph.width = pane.clientWidth;
  }
  const now = situation(), { size } = graph;
  const zoom = Math.max(0.62, Math.min(1.15, (pane.clientWidth - 34) / size.width));
  const svg = s("svg", { class: "drawing", viewBox: `0 0 ${size.width} ${size.height}`, width: size.width * zoom, height: size.height * zoom, role: "group", "aria-label": t("graph.label") },
    s("defs", {}, ["plain", "hot"].map((kind) => s("marker", { id: `arrow-${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { d: "M0 0L8 4L0 8z", class: `arrow ${kind}` })))),
    graph.links.map((link) => drawLink(link, now)), graph.boxes.map((box) => drawBox(box, now)));
  const focused = pane.contains(document.activeElement) ? document.activeElement.dataset.box : null;
  const scroll = [pane.scrollLeft, pane.scrollTop];
  pane.replaceChildren(h("p", { class: "note" }, graph.left || key !== "all" ? t("graph.part", { shown: graph.boxes.length, left: graph.left }) : t("graph.all"), " ", t("graph.table")), h("div", { class: "canvas" }, svg));
  [pane.scrollLeft, pane.scrollTop] = scroll;
  if (focused) pane.querySelector(`[data-box="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  if (page.selected) revealBox(pane, graph.boxes.find((box) => box.node === page.selected), zoom);
}

function revealBox(pane, box, zoom) {
  if (!box) return;
  const [x, y] = [(box.x - BOX.width / 2) * zoom, box.y * zoom + 40];
  if (x < pane.scrollLeft + 30 || x + BOX.width * zoom > pane.scrollLeft + pane.clientWidth - 30) pane.scrollLeft = x - pane.clientWidth / 2 + (BOX.width * zoom) / 2;
  if (y < pane.scrollTop + 60 || y > pane.scrollTop + pane.clientHeight - 60) pane.scrollTop = y - pane.clientHeight / 2;
}

function drawBox(box, now) {
  const { node } = box, { trace, t: time } = page, { width, height } = BOX;
  const [x, top] = [box.x - width / 2, box.y - height / 2];
  if (!node) {
    return s("g", { class: "box group", transform: `translate(${x} ${top})`, role: "button", tabindex: -1, data: { box: box.key, first: box.first.id } },
      s("rect", { width, height, rx: 8 }), s("text", { x: width / 2, y: 20, class: "label" }, clip(box.scope, 18)), " ", s("text", { x: width / 2, y: 37, class: "small" }, t("tape.nodes", { count: box.count })));
  }
  const known = node.forwardAt <= time, adjoint = adjointAt(trace, node, time);
  const text = (tensor, digits) => (!tensor ? "" : isScalar(tensor) ? short(tensor.data[0], digits) : "‖" + short(normOf(tensor), 3) + "‖");
  const state = [isLeaf(node) && "leaf", !known && "unknown", now.visited === node && "visited", now.receiver === node && "receiver", page.selected === node && "selected", now.reads.has(node.id) && "read", now.feeds.has(node.id) && "fed", node.replay === false && "fail"].filter(Boolean).join(" ");
  const under = !node.name ? `%${node.id}` : isLeaf(node) ? "" : clip(node.op, 8), label = clip(node.name || node.op, under ? 17 - under.length : 17);
  return s("g", { class: `box ${state}`, transform: `translate(${x} ${top})`, role: "button", tabindex: node === (page.selected ?? graph.boxes[0].node) ? 0 : -1, data: { box: box.key, node: node.id } },
    s("rect", { width, height, rx: isLeaf(node) ? 4 : 10 }),
    s("text", { x: 10, y: 19, class: "label" }, label), " ", s("text", { x: width - 10, y: 19, class: "small end" }, under), " ",
    s("text", { x: 10, y: 38, class: "v" }, known ? text(node.value, 4) : ""), " ", s("text", { x: width - 10, y: 38, class: "a end" }, text(adjoint, 3)));
}

function drawLink(link, now) {
  const from = graph.at.get(link.from), to = graph.at.get(link.to);
  // Operands arrive side by side, in their order.
  const place = link.plain ? (link.slot + 1) / (link.node.inputs.length + 1) - 0.5 : 0, { down } = graph.size;
  const half = down ? BOX.height / 2 : BOX.width / 2, spread = place * (down ? BOX.width : BOX.height) * 0.8;
  // [along, side] of the direction, turned at the end.
  const turn = (along, side) => (down ? `${side} ${along}` : `${along} ${side}`), of = (box) => (down ? [box.y, box.x] : [box.x, box.y]);
  const ends = link.bends.flatMap((bend) => [[of(bend)[0] - half, of(bend)[1]], [of(bend)[0] + half, of(bend)[1]]]);
  const points = [[of(from)[0] + half, of(from)[1]], ...ends, [of(to)[0] - half - 1, of(to)[1] + spread]];
  let d = `M${turn(...points[0])}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]], mid = (a[0] + b[0]) / 2;
    d += `C${turn(mid, a[1])} ${turn(mid, b[1])} ${turn(...b)}`;
  }
  const edge = link.plain ? link.node.edges?.find((edge) => edge.slot === link.slot) : null, { t: time } = page;
  const active = edge && now.event?.edge === edge, done = edge && !edge.skip && edge.at <= time;
  const state = active ? "hot" : done ? "done" : link.node === page.selected || link.input === page.selected ? "near" : "";
  const local = edge && !edge.skip && edge.firstAt <= time && isScalar(edge.local) ? short(edge.local.data[0]) : link.count > 1 ? `×${link.count}` : "";
  const last = points.at(-1), [px, py] = down ? [last[1] - 6, last[0] - 8] : [last[0] - 8, last[1]];
  const back = link.bends.length === 0 && of(from)[0] >= of(to)[0];
  return s("g", { class: `link ${state}${back ? " back" : ""}` }, s("path", { d, "marker-end": `url(#arrow-${active ? "hot" : "plain"})` }), local ? s("text", { x: px, y: py - 4, class: "small end" }, local) : null);
}

function listenToGraph() {
  const pane = byId("graph");
  const choose = (element) => element && selectNode(page.trace.nodes[Number(element.dataset.node ?? element.dataset.first)]);
  pane.addEventListener("click", (event) => choose(event.target.closest("[data-box]")));
  pane.addEventListener("keydown", (event) => {
    const element = event.target.closest("[data-box]");
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...graph.boxes].sort((a, b) => a.order - b.order), i = all.findIndex((box) => box.key === element.dataset.box);
    const next = { ArrowDown: all[i + 1], ArrowUp: all[i - 1] }[event.key];
    if (event.key === "Enter" || event.key === " ") choose(element);
    else if (next) pane.querySelector(`[data-box="${CSS.escape(next.key)}"]`)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
