// The line of time: three bands (forward, seed, backward), a slider, and ticks where something stands out.

const TICKS_AT_MOST = 600;

function buildTimeline() {
  const { trace } = page;
  const bands = [["forward", trace.forwardEnd], ["seed", trace.seedEnd - trace.forwardEnd], ["backward", trace.length - trace.seedEnd]];
  byId("bands").replaceChildren(...bands.map(([name, length]) => {
    const band = h("span", { class: "band " + name }, h("span", {}, length / trace.length > 0.08 ? t("phase." + name) : ""));
    band.style.flexGrow = length;
    return band;
  }));
  const slider = byId("slider");
  slider.max = trace.length;
  drawTicks();
}

/** Accumulations are drawn while there are few of them; breakpoints and alerts always. */
function drawTicks() {
  const { trace } = page, marks = [];
  const few = trace.edges.length <= TICKS_AT_MOST;
  if (few) for (const edge of trace.edges) if (!edge.skip) marks.push([edge.at, "accumulate"]);
  for (const time of stops().slice(0, TICKS_AT_MOST)) marks.push([time, "stop"]);
  for (const alert of page.alerts.slice(0, TICKS_AT_MOST)) marks.push([alert.at, "alert"]);
  if (page.mark != null) marks.push([page.mark, "mark"]);
  byId("ticks").replaceChildren(...marks.map(([time, kind]) => {
    const tick = h("i", { class: kind });
    tick.style.left = `${(100 * time) / trace.length}%`;
    return tick;
  }));
}

function renderTimeline() {
  const { trace } = page, slider = byId("slider");
  slider.value = page.t;
  slider.style.setProperty("--done", `${(100 * page.t) / trace.length}%`);
  const said = sentence(trace, page.t);
  slider.setAttribute("aria-valuetext", `${page.t}: ${clip(said, 200)}`);
  byId("count").textContent = t("time.step", { t: page.t, total: trace.length });
  const spoken = t("time.step", { t: page.t, total: trace.length }) + ". " + said;
  const line = byId("sentence");
  line.dataset.kind = page.t === 0 ? "start" : KIND_NAMES[trace.events[page.t - 1].kind];
  line.replaceChildren(h("span", { class: "unseen" }, t("time.step", { t: page.t, total: trace.length }) + ". "), said);
  line.title = clip(spoken, 400);
  byId("first").disabled = byId("back").disabled = page.t === 0;
  byId("forward").disabled = byId("last").disabled = page.t === trace.length;
}

/** The end of the present node's events, where "next" goes; forward in time. */
function nextStop(time) {
  const { trace } = page;
  if (time < trace.seedEnd || time >= trace.length) return time + 1;
  const event = trace.events[time];
  return event.node.leaveAt ?? time + 1;
}

/** Where "next" came from: the beginning of the present node's events. */
function previousStop(time) {
  const { trace } = page;
  if (time <= trace.seedEnd) return Math.max(0, time - 1);
  return trace.events[time - 1].node.visitAt - 1;
}

/** Times at which a breakpoint's node gets its value or passes its adjoint on, a watched one changes, and alerts. */
function stops() {
  const times = new Set(page.alerts.map((alert) => alert.at));
  for (const id of page.breakpoints) {
    const node = page.trace.nodes[id];
    times.add(node.forwardAt);
    if (node.visitAt < Infinity) times.add(node.visitAt);
    else if (node.incoming.length) times.add(node.incoming.at(-1).at);
  }
  for (const id of page.watches) for (const { at } of page.trace.nodes[id].incoming) times.add(at);
  return [...times].sort((a, b) => a - b);
}
