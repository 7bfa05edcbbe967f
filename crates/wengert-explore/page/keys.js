// The keyboard. Keys of a single character can be switched off, since speech input and other tools type them
// by accident (WCAG 2.1.4); arrows, Home and End always work.

const KEYS = [
  ["ArrowLeft / ArrowRight", "keys.node"], ["Shift + ← / →", "keys.step"], ["Home / End", "keys.ends"], ["[ / ]", "keys.stops"],
  ["↑ / ↓", "keys.rows"], ["Enter", "keys.open"], ["b", "act.break"], ["w", "act.watch"], ["f", "act.follow"], ["/", "keys.search"],
  ["m", "keys.mark"], ["d", "keys.diff"], ["1 / 2 / 3", "keys.views"], ["Space", "time.play"], ["?", "frame.help"],
];

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || byId("helpbox").open) return;
    if (target.matches("input, textarea, select") && key !== "Escape") return;
    const act = arrows(event) ?? (page.singleKeys ? characters[key] : null);
    if (!act || (key === " " && target.closest("button, [role=button], a"))) return;
    event.preventDefault();
    act();
  });
}

function arrows({ key, shiftKey }) {
  const { t: time, trace } = page;
  return {
    ArrowRight: () => advance(shiftKey ? time + 1 : nextStop(time)),
    ArrowLeft: () => advance(shiftKey ? time - 1 : previousStop(time)),
    Home: () => goTo(0),
    End: () => goTo(trace.length),
    Escape: () => { page.quiz.question = null; byId("search").value = ""; page.matched = null; stopPlaying(); render(); },
  }[key];
}

const selected = (act) => () => page.selected && act(page.selected);
const characters = {
  "[": () => { const past = stops().filter((time) => time < page.t); goTo(past.length ? past.at(-1) : 0); },
  "]": () => { const ahead = stops().find((time) => time > page.t); advance(ahead ?? page.trace.length); },
  b: selected((node) => toggleBreakpoint(node)),
  w: selected((node) => toggleWatch(node)),
  f: () => { page.follow = !page.follow; followEvent(); render(); },
  "/": () => byId("search").focus(),
  m: () => { page.mark = page.t; drawTicks(); announce(t("diff.marked", { t: page.t })); render(); },
  d: () => { page.diff = !page.diff; if (page.mark == null) page.mark = 0; render(); },
  1: () => setView("tape"),
  2: () => setView("graph"),
  3: () => setView("both"),
  " ": () => togglePlay(),
  "?": () => openHelp(),
};

function openHelp() {
  const box = byId("helpbox");
  const close = () => box.close();
  const single = h("input", { type: "checkbox", onchange: (event) => { page.singleKeys = event.target.checked; remember("keys", page.singleKeys ? "on" : "off"); } });
  single.checked = page.singleKeys;
  box.replaceChildren(h("h2", {}, t("help.title")), h("p", {}, t("help.what")),
    h("dl", { class: "keys" }, KEYS.map(([key, what]) => h("div", {}, h("dt", {}, key.split(" / ").map((one, i) => [i ? " " : "", h("kbd", {}, one.replace("ArrowLeft", "←").replace("ArrowRight", "→"))])), h("dd", {}, t(what))))),
    h("p", {}, h("label", {}, single, " ", t("help.single"))), h("h3", {}, t("help.signs")),
    h("ul", { class: "legend" }, ["visited", "receiver", "read", "fed", "leaf"].map((state) => h("li", {}, h("span", { class: "sample " + state, "aria-hidden": "true" }), t("help." + state)))),
    h("p", { class: "note" }, t("help.check")), h("p", { class: "note" }, t("help.search")),
    h("p", {}, h("button", { type: "button", class: "primary", onclick: close }, t("help.close"))));
  box.showModal();
}
