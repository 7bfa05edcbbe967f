// Trying it out: pixels to click and weights to drag. Each change computes the whole tape again, forward and
// back, and shows the new trace in the recorded one's place until it is reset.

const whatIf = { changes: new Map(), reason: null, exact: true, cards: new Map(), due: false };

function prepareWhatIf() {
  whatIf.reason = whyNotReplayable(page.original);
  whatIf.exact = isExact(page.original);
  whatIf.pictures = whatIf.reason ? [] : findPictures(page.original);
  whatIf.cards.clear();
}

/** Leaves that are a picture: one tensor of pixels, or scalars whose names count through; {label, rows, columns, cells: [[node, index]]}. */
function findPictures(trace) {
  const pictures = [], groups = new Map();
  const picture = /^(x|X|image|input|pixels?|inputs|images|data)([\W_\d]|$)/;
  for (const node of trace.nodes) {
    if (!isLeaf(node) || node.op === "parameter" || !node.value?.data) continue;
    const { length } = node.value.data;
    if (length === 1) {
      const counted = /^(.*?)[\s_[(]*(\d+)(?:\D+(\d+))?[\])]*$/u.exec(node.name);
      if (counted && picture.test(counted[1] + " ")) {
        const list = groups.get(counted[1]) ?? groups.set(counted[1], []).get(counted[1]);
        list.push({ node, row: Number(counted[2]), column: counted[3] === undefined ? null : Number(counted[3]) });
      }
    } else if (picture.test(node.name)) {
      const grid = pictureShape(node.shape, length);
      if (grid) pictures.push({ label: node.name, rows: grid[0], columns: grid[1], cells: Array.from({ length: grid[0] * grid[1] }, (_, i) => [node, i]) });
    }
  }
  for (const [label, list] of groups) {
    const grid = list[0].column === null ? pictureShape([list.length], list.length) : ["row", "column"].map((axis) => new Set(list.map((pixel) => pixel[axis])).size);
    if (grid && grid[0] * grid[1] === list.length) pictures.push({ label, rows: grid[0], columns: grid[1], cells: list.map(({ node }) => [node, 0]) });
  }
  return pictures.slice(0, 2);
}

/** Rows and columns of a picture of so many pixels: the first image of a batch. */
function pictureShape(shape, length) {
  const known = { 12: [4, 3], 15: [5, 3], 20: [5, 4], 35: [7, 5] };
  // A column is a vector too.
  shape = shape.filter((length) => length !== 1);
  const flat = shape.at(-1) ?? 1, square = Math.sqrt(flat);
  if (known[flat]) return known[flat];
  if (Number.isInteger(square) && square >= 3 && square <= 28) return [square, square];
  const [rows, columns] = shape.slice(-2);
  return shape.length >= 2 && rows >= 3 && columns >= 3 && rows * columns <= 784 ? [rows, columns] : null;
}

/** Rows and columns of the pictures that a heatmap is drawn as: of the input itself, and of weights that have one for each pixel. */
function pictureGrid(node) {
  const { rows, columns } = whatIf.pictures?.[0] ?? {}, pixels = rows * columns, { shape } = node;
  if (!pixels || !node.value?.data) return null;
  const count = node.value.data.length / pixels;
  if (count === 1 && whatIf.pictures[0].cells[0][0].id === node.id) return { rows, columns, count, at: (_, i) => i };
  if (shape.length !== 2 || count < 1 || count > 16) return null;
  if (shape[1] === pixels) return { rows, columns, count, at: (picture, i) => picture * pixels + i };
  return shape[0] === pixels ? { rows, columns, count, at: (picture, i) => i * count + picture } : null;
}

const leafValue = (id) => whatIf.changes.get(id) ?? page.original.nodes[id].value;

function changeLeaf(id, index, x) {
  const before = leafValue(id), data = Float64Array.from(before.data);
  data[index] = page.original.math.number(x);
  whatIf.changes.set(id, { shape: before.shape, data });
  recompute();
}

/** At most once a frame, however fast a slider is dragged. */
function recompute() {
  if (whatIf.due) return;
  whatIf.due = true;
  requestAnimationFrame(() => {
    whatIf.due = false;
    showTrace(whatIf.changes.size ? replay(page.original, whatIf.changes) : page.original);
  });
}

function resetWhatIf() {
  whatIf.changes.clear();
  recompute();
}

function renderBanners() {
  const banners = [], { original, trace } = page;
  if (page.failures.length) {
    const nodes = [...new Set(page.failures.map(({ node }) => node))];
    banners.push(h("div", { class: "banner fail", role: "alert", id: "failed" }, h("b", {}, "FAIL"), " ", t("banner.fail", { count: nodes.length }), " ", nodes.slice(0, 5).map((node) => h("button", { type: "button", class: "link", onclick: () => selectNode(node) }, nameOf(node, 30)))));
  }
  if (trace !== original) {
    const root = trace.roots[0]?.node, [before, now] = [original, trace].map((any) => any.nodes[root]?.value);
    banners.push(h("div", { class: "banner whatif", id: "whatif", role: "group", "aria-label": t("whatif.name") }, h("b", {}, t("whatif.name")), " ", h("span", {}, t("whatif.changed", { list: [...whatIf.changes.keys()].slice(0, 4).map((id) => nodeLabel(original.nodes[id])).join(", ") + (whatIf.changes.size > 4 ? " …" : "") })),
      isScalar(before) ? h("span", { class: "result" }, h("bdi", {}, nodeLabel(trace.nodes[root])), " ", num(before.data[0]), " → ", num(now.data[0], "v")) : null,
      h("span", { class: "note" }, t(whatIf.exact ? "whatif.exact" : "whatif.nearly")), h("button", { type: "button", onclick: resetWhatIf, data: { key: "reset" } }, t("whatif.reset"))));
  }
  if (page.original.options.shortened) banners.push(h("div", { class: "banner" }, t("banner.shortened", { count: page.original.options.shortened })));
  replaceUnlessSame(byId("banners"), banners);
}

/** Replaces the children only if their text has changed, so that alerts are not read out at each step. */
function replaceUnlessSame(parent, children) {
  const text = (list) => [...list].map((child) => child.textContent).join("\n");
  if (text(parent.children) !== text(children)) parent.replaceChildren(...children);
}

/** Pixels to click, and what the network makes of them. The card stays in the page while one clicks. */
function tryCard() {
  if (whatIf.reason || !whatIf.pictures.length) return null;
  if (!whatIf.cards.has("try")) whatIf.cards.set("try", h("section", { class: "card try" }));
  const card = whatIf.cards.get("try");
  if (card.dataset.language !== language.now) {
    card.dataset.language = language.now;
    card.replaceChildren(h("h3", {}, t("try.title")), h("p", { class: "note" }, t("try.how")),
      h("div", { class: "trial" }, whatIf.pictures.map(pixels), h("dl", { class: "outputs" })));
  }
  for (const button of card.querySelectorAll("button.pixel")) {
    const x = leafValue(Number(button.dataset.node)).data[Number(button.dataset.index)];
    button.setAttribute("aria-pressed", String(x >= 0.5));
    const grey = Math.round(255 * (1 - Math.max(0, Math.min(1, x))));
    button.style.backgroundColor = `rgb(${grey},${grey},${grey})`;
  }
  card.querySelector(".outputs").replaceChildren(...outputsOf(page.trace).map((node) => h("div", {}, h("dt", {}, h("bdi", {}, clip(node.name || node.scope.split("/").at(-1) || nodeLabel(node), 16))), h("dd", {}, brief(node.value, "v"), node.op === "sigmoid" && isScalar(node.value) ? meter(node.value.data[0]) : null))));
  return card;
}
const meter = (x) => {
  const inner = h("i", {}), outer = h("span", { class: "meter", "aria-hidden": "true" }, inner);
  inner.style.width = `${100 * x}%`;
  return outer;
};

function pixels({ label, rows, columns, cells }) {
  const button = ([node, index], i) => h("button", { type: "button", class: "pixel", tabindex: i ? -1 : 0, "aria-label": t("try.pixel", { row: Math.floor(i / columns) + 1, column: (i % columns) + 1 }), data: { node: node.id, index, i }, onclick: (event) => {
    changeLeaf(node.id, index, leafValue(node.id).data[index] >= 0.5 ? 0 : 1);
    rove(event.currentTarget);
  } });
  const grid = h("div", { class: "picture", role: "group", "aria-label": clip(label) }, cells.map(button));
  const rove = (to) => {
    for (const one of grid.children) one.tabIndex = one === to ? 0 : -1;
    to.focus({ preventScroll: true });
  };
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  grid.style.width = `${columns * (columns > 12 ? 10 : 34)}px`;
  grid.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const to = grid.children[Number(event.target.dataset.i) + move];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    rove(to);
  });
  return grid;
}

/** Named results near the root: the activations that feed the loss, and the roots. */
function outputsOf(trace) {
  const roots = trace.roots.map((root) => trace.nodes[root.node]), found = new Set();
  const activations = trace.nodes.filter((node) => ["sigmoid", "softmax", "tanh"].includes(node.op) && node.value?.data?.length <= 10);
  const fed = new Set(activations.filter((node) => { let later = false; downstream(trace, node, (other) => { if (other.op === node.op) later = true; }); return !later; }));
  for (const node of fed) if (found.size < 10) found.add(node);
  for (const root of roots) found.add(root);
  return [...found];
}

/** A slider for one element of a leaf; the card stays in the page while one drags. */
function changeCard(node) {
  if (whatIf.reason) {
    const [key, values] = whatIf.reason;
    return h("p", { class: "card note" }, t("whatif.not"), " ", t(key, values));
  }
  const key = `${node.id} ${page.element} ${language.now}`;
  if (!whatIf.cards.has(key)) {
    const index = Math.min(page.element, node.value.data.length - 1), place = node.value.data.length > 1 ? placeText(node.value, index) : "";
    const recorded = page.original.nodes[node.id].value.data[index], reach = Math.max(2, Math.ceil(2 * Math.abs(recorded)) || 2);
    const [id, set] = [node.id, (event) => event.target.value !== "" && changeLeaf(node.id, index, Number(event.target.value))];
    const label = t("change.value", { node: nodeLabel(node) + place });
    const slider = h("input", { type: "range", min: -reach, max: reach, step: reach / 400, "aria-label": label, oninput: set });
    const field = h("input", { type: "number", step: "any", "aria-label": label, onchange: set });
    const card = h("section", { class: "card change" }, h("h3", {}, t("change.title"), place ? h("span", { class: "note" }, " ", place) : null), h("div", { class: "knob" }, slider, field), h("p", { class: "note" }, t("change.how", { value: short(recorded) })));
    card.update = () => {
      const x = leafValue(id).data[index];
      if (Number(slider.value) !== x) slider.value = x;
      if (document.activeElement !== field) field.value = String(x);
    };
    if (whatIf.cards.size > 50) whatIf.cards.clear();
    whatIf.cards.set(key, card);
  }
  const card = whatIf.cards.get(key);
  card.update();
  return card;
}
