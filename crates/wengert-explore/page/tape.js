// The tape as a treegrid: only the rows in sight are in the page, so that 5,000 cost what 50 do.

const ROW = 30, LANE = 11, ROWS_ON_PAPER = 2000;
const tape = { rows: [], first: 0, last: 0, collapsed: new Set(), unfolded: new Set(), rowOf: new Map(), cursor: 0, focus: -1 };

function buildTape() {
  const { trace } = page, grid = byId("grid");
  tape.lanes = assignLanes(trace);
  tape.passing = passingLanes(trace, tape.lanes);
  tape.gutter = 16 + LANE * Math.min(tape.lanes.width, LANES_AT_MOST);
  tape.columns = ["node", "operation", "value", "adjoint", "in", "check"];
  tape.head = h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row", "aria-rowindex": 1, class: "row" }, tape.columns.map((name) => h("div", { role: "columnheader", class: "cell " + name }, t("tape." + name)))));
  tape.body = h("div", { role: "rowgroup", class: "body" });
  grid.replaceChildren(tape.head, tape.body);
  grid.style.setProperty("--gutter", `${tape.gutter}px`);
  grid.classList.toggle("unchecked", !page.failures.length && trace.nodes.every((node) => !node.check || node.check.verdict === "skipped"));
  grid.setAttribute("aria-colcount", tape.columns.length);
  arrangeRows();
}

/** After a group is opened or closed. */
function arrangeRows() {
  tape.rows = buildRows(page.trace, tape.collapsed, tape.unfolded, tape.focus);
  tape.rowOf = new Map();
  for (const row of tape.rows) {
    const { kind, node, group, to, from } = row;
    if (kind === "node") tape.rowOf.set(node.id, row.index);
    else for (let id = kind === "more" ? from.first : group.first, end = kind === "more" ? to.last : group.last; id <= end; id++) if (!tape.rowOf.has(id) || kind === "more" || !row.open) tape.rowOf.set(id, row.index);
  }
  tape.cursor = Math.max(0, Math.min(tape.cursor, tape.rows.length - 1));
  tape.body.style.height = `${tape.rows.length * ROW}px`;
  byId("grid").setAttribute("aria-rowcount", tape.rows.length + 1);
  renderTape();
}

function renderTape() {
  if (page.view === "graph") return;
  const pane = byId("tape"), height = pane.clientHeight || 600;
  // On paper all rows are in sight.
  const first = tape.printing ? 0 : Math.max(0, Math.floor(pane.scrollTop / ROW) - 6);
  const last = Math.min(tape.rows.length, tape.printing ? ROWS_ON_PAPER : Math.ceil((pane.scrollTop + height) / ROW) + 6);
  const focused = tape.body.contains(document.activeElement);
  Object.assign(tape, { first, last });
  const now = situation();
  const shown = tape.rows.slice(first, last).map((row) => drawRow(row, now));
  // The cursor's row stays in the page, so that Tab finds it.
  if (tape.rows.length && (tape.cursor < first || tape.cursor >= last)) {
    const row = drawRow(tape.rows[tape.cursor], now);
    tape.cursor < first ? shown.unshift(row) : shown.push(row);
  }
  tape.body.replaceChildren(...shown);
  if (focused) tape.body.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
}

/** What stands out now: the node that is visited, the one that receives, and those the selected one reads and feeds. */
function situation() {
  const event = page.t ? page.trace.events[page.t - 1] : null, { selected } = page;
  return {
    event, visited: event?.node ?? null, receiver: event?.edge?.input ?? null,
    reads: new Set(selected?.inputs ?? []), feeds: new Set((selected?.uses ?? []).map(([id]) => id)),
  };
}

function drawRow(row, now) {
  const attributes = { role: "row", class: "row " + row.kind, "aria-level": row.level, "aria-rowindex": row.index + 2, tabindex: row.index === tape.cursor ? 0 : -1, data: { row: row.index } };
  const element = row.kind === "node" ? nodeRow(row, attributes, now) : groupRow(row, attributes);
  element.style.top = `${row.index * ROW}px`;
  element.style.setProperty("--level", row.level - 1);
  return element;
}

function groupRow(row, attributes) {
  const { group, kind } = row, passing = lanesBefore(kind === "more" ? row.from.first : group.first);
  const label = kind === "more" ? t("tape.more", { count: row.count }) : group.name;
  return h("div", { ...attributes, "aria-expanded": String(kind === "group" && row.open) },
    h("div", { role: "gridcell", class: "cell node" }, h("span", { class: "dot" }), s("svg", { class: "lanes", width: tape.gutter, height: ROW, "aria-hidden": "true" }, passing), h("span", { class: "twist indent", "aria-hidden": "true" }, kind === "group" && row.open ? "▾" : "▸"), h("bdi", { class: "scope" }, clip(label))),
    h("div", { role: "gridcell", class: "cell operation" }, t("tape.nodes", { count: kind === "more" ? row.to.last - row.from.first + 1 : group.last - group.first + 1 })),
    ["value", "adjoint", "in", "check"].map((name) => h("div", { role: "gridcell", class: "cell " + name })));
}

function nodeRow(row, attributes, now) {
  const { node } = row, { trace } = page, time = page.t;
  const known = node.forwardAt <= time, adjoint = adjointAt(trace, node, time);
  const state = [
    isLeaf(node) && "leaf", !known && "unknown", now.visited === node && "visited", now.receiver === node && "receiver",
    page.selected === node && "selected", now.reads.has(node.id) && "read", now.feeds.has(node.id) && "fed", page.matched?.has(node.id) && "matched",
  ].filter(Boolean);
  attributes.class += " " + state.join(" ");
  attributes["aria-selected"] = String(page.selected === node);
  attributes.data.node = node.id;
  const received = receivedAt(node, time), expected = node.incoming.length;
  return h("div", attributes,
    h("div", { role: "gridcell", class: "cell node" },
      h("button", { type: "button", class: "dot", tabindex: -1, "aria-pressed": String(page.breakpoints.has(node.id)), "aria-label": t("tape.break", { node: nodeLabel(node) }), data: { action: "break" } }),
      drawLanes(node, now), h("span", { class: "indent" }), nameOf(node), node.name ? h("span", { class: "id" }, `%${node.id}`) : null),
    h("div", { role: "gridcell", class: "cell operation" }, h("bdi", {}, expressionOf(node))),
    h("div", { role: "gridcell", class: "cell value" }, known ? brief(node.value, "v") : ""),
    h("div", { role: "gridcell", class: "cell adjoint" }, adjoint ? brief(adjoint, "a") : time > trace.seedEnd && expected === 0 && node.wants ? h("span", { class: "none" }, "–") : ""),
    h("div", { role: "gridcell", class: "cell in" }, time > trace.forwardEnd && expected ? h("span", { class: received === expected ? "all" : "some" }, `${received}/${expected}`) : ""),
    h("div", { role: "gridcell", class: "cell check" }, badge(node, time)));
}

/** The expression with names: `mul W1, x` as "W1 · x" where the documentation has a formula, else the tape's text. */
function expressionOf(node) {
  if (isLeaf(node)) return t("tape." + node.op) === "tape." + node.op ? node.op : t("tape." + node.op);
  const formula = node.doc?.forward ?? "";
  const right = formula.includes("=") ? formula.slice(formula.indexOf("=") + 1).trim() : formula;
  const put = withNames(right, node);
  const all = node.inputs.every((id) => put.includes(nodeLabel(page.trace.nodes[id])));
  return clip(right && all ? put : node.text.replace(/%(\d+)/g, (_, id) => nodeLabel(page.trace.nodes[id] ?? { id })), 120);
}

/** A numerical check's verdict; a failed replay is shown as soon as the adjoint is complete. */
function badge(node, time) {
  const complete = node.incoming.length && receivedAt(node, time) === node.incoming.length;
  if (complete && (node.replay === false || node.incoming.some(({ edge }) => edge?.fits === false))) return h("span", { class: "badge fail", title: t("check.replay") }, "FAIL");
  if (!node.check || node.check.verdict === "skipped") return null;
  const verdict = node.check.verdict;
  return h("span", { class: "badge " + verdict, title: clip(node.check.note ?? "", 300) }, t("check." + verdict));
}

const laneX = (lane) => 8 + LANE * Math.min(lane, LANES_AT_MOST);

/** Lanes of values that are still read at or after node `first`. */
function lanesBefore(first) {
  const [own, ...rest] = [tape.lanes.lanes[first], ...tape.passing[first]];
  const node = page.trace.nodes[first], ending = node.inputs.filter((id) => id < first && tape.lanes.lanes[id]).map((id) => [tape.lanes.lanes[id].lane, id]);
  const lanes = new Map([...rest, ...ending].filter(([lane]) => lane < LANES_AT_MOST).map(([lane]) => [lane, lane]));
  if (own) lanes.delete(ending.some(([lane]) => lane === own.lane) ? null : own.lane);
  return [...lanes.keys()].map((lane) => s("path", { d: `M${laneX(lane)} 0V${ROW}`, class: `lane l${lane % 5}` }));
}

function drawLanes(node, now) {
  const x = laneX, middle = ROW / 2, own = tape.lanes.lanes[node.id];
  const lane = own ? own.lane : 0, { selected } = page;
  const hot = (id) => (selected && (id === selected.id || node.id === selected.id && node.inputs.includes(id)) ? " hot" : "");
  const parts = tape.passing[node.id].map(([at, id]) => s("path", { d: `M${x(at)} 0V${ROW}`, class: `lane l${at % 5}${hot(id)}` }));
  for (const id of new Set(node.inputs)) {
    const from = tape.lanes.lanes[id];
    if (!from || from.lane >= LANES_AT_MOST) continue;
    if (x(from.lane) !== x(lane)) parts.push(s("path", { d: `M${x(from.lane)} 0C${x(from.lane)} ${middle} ${x(lane)} 0 ${x(lane)} ${middle}`, class: `lane l${from.lane % 5}${hot(id)}` }));
    else parts.push(s("path", { d: `M${x(lane)} 0V${middle}`, class: `lane l${from.lane % 5}${hot(id)}` }));
  }
  if (own && own.until > node.id && own.lane < LANES_AT_MOST) parts.push(s("path", { d: `M${x(lane)} ${middle}V${ROW}`, class: `lane l${lane % 5}${hot(node.id)}` }));
  const shape = isLeaf(node) ? s("rect", { x: x(lane) - 3.5, y: middle - 3.5, width: 7, height: 7, rx: 1.5, class: "point" }) : s("circle", { cx: x(lane), cy: middle, r: now.visited === node ? 5.5 : 4, class: "point" });
  return s("svg", { class: "lanes", width: tape.gutter, height: ROW, "aria-hidden": "true" }, parts, shape);
}

/** The node's row; among repeated scopes, the node's own is unfolded. */
function rowFor(node) {
  const row = () => tape.rows[tape.rowOf.get(node.id) ?? 0];
  if (row().kind === "more") {
    tape.focus = node.id;
    arrangeRows();
  }
  return row().index;
}

/** Brings the node's row into sight. */
function revealRow(index) {
  const pane = byId("tape"), top = index * ROW, margin = ROW * 3;
  if (top < pane.scrollTop + margin) pane.scrollTop = Math.max(0, top - margin);
  else if (top + ROW > pane.scrollTop + pane.clientHeight - margin - ROW) pane.scrollTop = top + 2 * ROW + margin - pane.clientHeight;
}

function moveCursor(index, select = true) {
  tape.cursor = Math.max(0, Math.min(tape.rows.length - 1, index));
  const row = tape.rows[tape.cursor];
  revealRow(tape.cursor);
  if (select && row.kind === "node") selectNode(row.node);
  else renderTape();
  tape.body.querySelector(`[data-row="${tape.cursor}"]`)?.focus({ preventScroll: true });
}

function toggleRow(row) {
  const { key } = row.group;
  if (row.kind === "more") tape.unfolded.add(key);
  else if (!tape.collapsed.delete(key)) tape.collapsed.add(key);
  arrangeRows();
}

function listenToTape() {
  const pane = byId("tape");
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => {
    tape.printing = printing;
    renderTape();
  });
  pane.addEventListener("scroll", () => {
    const first = Math.floor(pane.scrollTop / ROW), last = Math.ceil((pane.scrollTop + pane.clientHeight) / ROW);
    if (first < tape.first || last > tape.last) renderTape();
  });
  byId("grid").addEventListener("click", (event) => {
    const element = event.target.closest("[data-row]");
    if (!element) return;
    const row = tape.rows[Number(element.dataset.row)];
    tape.cursor = row.index;
    if (row.kind !== "node") toggleRow(row);
    else if (event.target.closest("[data-action=break]")) toggleBreakpoint(row.node);
    else selectNode(row.node);
  });
  byId("grid").addEventListener("keydown", (event) => {
    const row = tape.rows[tape.cursor];
    const page_ = Math.max(1, Math.floor(pane.clientHeight / ROW) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page_, PageUp: -page_ };
    if (event.key in moves && !event.ctrlKey && !event.metaKey && !event.altKey) moveCursor(tape.cursor + moves[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && row.kind !== "node") toggleRow(row);
    else if (event.key === "Enter") selectNode(row.node);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
