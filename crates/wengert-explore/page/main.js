// The page's state, and what changes it. Everything on screen is drawn from it by render().

const page = {
  original: null, trace: null, t: 0, selected: null, follow: true, view: "tape", element: 0, failures: [], alerts: [],
  breakpoints: new Set(), watches: new Set(), mark: null, diff: false, matched: null, singleKeys: true, playing: null,
  quiz: { on: false, question: null, asked: new Set(), right: 0, total: 0 },
};

function render() {
  renderTimeline();
  renderBanners();
  renderTape();
  renderGraph();
  renderInspector();
  renderFlow();
  renderAlerts();
  writeHash();
}

/** Shows a trace: the recorded one, or one computed again with other values. */
function showTrace(trace) {
  const { selected } = page;
  page.trace = trace;
  page.failures = verify(trace);
  page.alerts = findAlerts(trace);
  page.t = Math.min(page.t, trace.length);
  page.selected = selected && trace.nodes[selected.id];
  buildTimeline();
  buildTape();
  render();
}

function setTime(time) {
  page.t = Math.max(0, Math.min(page.trace.length, Math.round(time)));
  followEvent();
}

/** Selects what the present event is about, unless the selection is held. */
function followEvent() {
  if (!page.follow) return;
  page.selected = page.t ? subject(page.trace.events[page.t - 1]) : null;
  if (page.selected) page.element = Math.min(page.element, Math.max(0, (page.selected.value?.data?.length ?? 1) - 1));
  revealSelected();
}

function revealSelected() {
  if (page.view === "graph") return;
  if (!page.selected && tape.focus >= 0) {
    tape.focus = -1;
    arrangeRows();
  }
  const row = page.selected ? rowFor(page.selected) : 0;
  tape.cursor = row;
  if (page.selected) revealRow(row);
  else byId("tape").scrollTop = 0;
}

function goTo(time, follow = page.follow) {
  const kept = page.follow;
  page.follow = follow;
  if (page.quiz.question) page.quiz.question = null;
  setTime(time);
  page.follow = kept;
  render();
}

/** As goTo, but in a quiz stops at questions on the way forward. */
function advance(time) {
  const to = Math.max(0, Math.min(page.trace.length, time));
  if (page.quiz.question?.state === "open" && to > page.t) return void byId("quiz-answer")?.focus();
  const edge = to > page.t ? nextQuestion(page.t, to) : null;
  if (edge) ask(edge);
  else goTo(to);
}

function selectNode(node, release = true) {
  page.selected = page.trace.nodes[node.id];
  if (release && page.follow && page.t && subject(page.trace.events[page.t - 1]) !== page.selected) page.follow = false;
  if (!page.t && release) page.follow = false;
  page.element = 0;
  revealSelected();
  render();
}

function toggleBreakpoint(node) {
  if (!page.breakpoints.delete(node.id)) page.breakpoints.add(node.id);
  drawTicks();
  render();
}
function toggleWatch(node) {
  if (!page.watches.delete(node.id)) page.watches.add(node.id);
  drawTicks();
  render();
}

function setView(view) {
  page.view = view;
  byId("main").dataset.view = view;
  for (const name of ["tape", "graph", "both"]) byId("view-" + name).setAttribute("aria-pressed", String(name === view));
  revealSelected();
  render();
}

function togglePlay() {
  if (page.playing) return stopPlaying();
  const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1600 : 700;
  page.playing = setInterval(() => {
    if (page.t >= page.trace.length || page.quiz.question) return stopPlaying();
    const next = byId("small").checked ? page.t + 1 : nextStop(page.t), stop = stops().find((time) => time > page.t && time <= next && page.breakpoints.size);
    advance(stop ?? next);
    if (stop) stopPlaying();
  }, pace);
  byId("play").setAttribute("aria-pressed", "true");
}
function stopPlaying() {
  clearInterval(page.playing);
  page.playing = null;
  byId("play").setAttribute("aria-pressed", "false");
}

function announce(text) {
  byId("sentence").append(" ", text);
}

/** Enter in the search box: the next match; with "break " in front: breakpoints on all of them. */
function search(query, select) {
  const stop = /^break\s+(.*)$/u.exec(query), text = stop ? stop[1] : query;
  const found = text.trim() ? page.trace.nodes.filter((node) => matches(node, text)) : [];
  page.matched = text.trim() ? new Set(found.map((node) => node.id)) : null;
  if (select && stop) {
    for (const node of found) page.breakpoints.add(node.id);
    drawTicks();
  }
  const exactly = findNode(page.trace, text.trim());
  const next = exactly ?? found.find((node) => node.id > (page.selected?.id ?? -1)) ?? found[0];
  if (select && next) selectNode(next);
  else render();
  if (select) announce(t("search.found", { count: found.length }));
}

/** "#t=37&n=W1": a moment that can be linked to; n holds the selection. */
function writeHash() {
  const parts = [];
  if (page.t) parts.push(`t=${page.t}`);
  if (!page.follow && page.selected) parts.push(`n=${encodeURIComponent(page.selected.name && page.selected.name.length < 200 ? page.selected.name : "%" + page.selected.id)}`);
  const hash = parts.length ? "#" + parts.join("&") : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname + location.search);
}
function readHash(hash) {
  const values = new URLSearchParams(hash.slice(1)), node = values.get("n") && findNode(page.trace, values.get("n"));
  if (node) [page.selected, page.follow] = [node, false];
  setTime(Number(values.get("t")) || 0);
  revealSelected();
  render();
}

/** Preferences outlive the page where the browser lets a file keep them. */
function remember(key, value) {
  try { localStorage.setItem("wengert." + key, value); } catch { /* not allowed here */ }
}
function remembered(key) {
  try { return localStorage.getItem("wengert." + key); } catch { return null; }
}

function setLanguage(name) {
  language.now = name;
  translateFrame();
  buildTimeline();
  buildTape();
  render();
}
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  render();
}

function listen() {
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  const forward = () => (byId("small").checked ? page.t + 1 : nextStop(page.t));
  const back = () => (byId("small").checked ? page.t - 1 : previousStop(page.t));
  on("first", "click", () => goTo(0));
  on("back", "click", () => goTo(back()));
  on("forward", "click", () => advance(forward()));
  on("last", "click", () => goTo(page.trace.length));
  on("play", "click", togglePlay);
  on("slider", "input", (event) => goTo(Number(event.target.value)));
  for (const view of ["tape", "graph", "both"]) on("view-" + view, "click", () => setView(view));
  on("quiz", "click", toggleQuiz);
  on("help", "click", openHelp);
  on("language", "click", () => { setLanguage(language.now === "en" ? "zh" : "en"); remember("language", language.now); });
  on("theme", "click", () => { setTheme(dark() ? "light" : "dark"); remember("theme", document.documentElement.dataset.theme); });
  on("search-form", "submit", (event) => { event.preventDefault(); search(byId("search").value, true); });
  on("search", "input", (event) => search(event.target.value, false));
  byId("flow").addEventListener("click", (event) => { const bead = event.target.closest("[data-node]"); if (bead) selectNode(page.trace.nodes[Number(bead.dataset.node)]); });
  addEventListener("hashchange", () => readHash(location.hash));
  addEventListener("resize", () => { renderTape(); renderGraph(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
  listenToTape();
  listenToGraph();
  listenToKeys();
}

function start() {
  language.now = remembered("language") ?? ((navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en");
  page.singleKeys = remembered("keys") !== "off";
  const theme = remembered("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  translateFrame();
  try {
    page.original = readTrace(JSON.parse(byId("trace").textContent));
  } catch (error) {
    byId("title").textContent = t("frame.unreadable");
    byId("sentence").textContent = String(error.message ?? error);
    document.documentElement.dataset.ready = "no";
    return;
  }
  const { original } = page;
  byId("title").textContent = clip(original.title || t("frame.untitled"), 120);
  byId("facts").textContent = t("frame.facts", { nodes: original.nodes.length, steps: original.length, dtype: original.dtype });
  prepareWhatIf();
  byId("small").checked = true;
  listen();
  page.trace = original;
  if (original.nodes.length <= 20 && innerWidth >= 1700) page.view = "both";
  byId("main").dataset.view = page.view;
  for (const name of ["tape", "graph", "both"]) byId("view-" + name).setAttribute("aria-pressed", String(name === page.view));
  const link = location.hash;
  showTrace(original);
  if (link) readHash(link);
  document.documentElement.dataset.ready = "yes";
}

start();
