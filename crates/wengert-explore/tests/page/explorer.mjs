// The page in Chromium, opened from disk with the network blocked. Run by .ci/page, or with PAGE_MODULES (a
// folder with puppeteer-core and axe-core) as `node explorer.mjs [part of a test's name ..]`.
//
// WENGERT_TRACE: a trace that the engine recorded (JSON), to be shown and checked as well.
// WENGERT_PAGE: that trace's page as the crate wrote it, to be compared with the one put together here.
// WENGERT_DRAWINGS: for each of 100 drawings a line {"pixels": [..], "loss": .., "adjoints": {name: ..}} by the
// engine, instead of drawings.json, which holds its losses and hashes of its adjoints' bits.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { assemble, library, texts } from "./assemble.mjs";
import * as fixtures from "./fixtures.mjs";

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", process.env.CHROMIUM].find((path) => path && existsSync(path));
if (!chromium) {
  console.log("skipped: needs chromium");
  process.exit(process.env.CI === "1" ? 1 : 0);
}
const require = createRequire(join(process.env.PAGE_MODULES ?? process.cwd(), "package.json"));
const { default: puppeteer } = await import(pathToFileURL(require.resolve("puppeteer-core")).href);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const folder = mkdtempSync(join(tmpdir(), "page-"));
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu", "--lang=en-GB"], env: { ...process.env, LANGUAGE: "en_GB" } });
const { STRINGS_EN, STRINGS_ZH, arithmetic, rulesOf, readTrace, replay, verify, whyNotReplayable, adjointAt } = library();

/** Opens the page of a trace; any request or error in it fails the test. */
async function open(trace, { hash = "", width = 1440, height = 900, dark = false, reduced = false, language = "en-GB" } = {}) {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.html`);
  writeFileSync(file, trace.startsWith?.("<!DOCTYPE") ? trace : assemble(typeof trace === "string" ? trace : fixtures.stringify(trace)));
  const context = await browser.createBrowserContext(), page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error.stack ?? error)));
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && page.problems.push(message.text()));
  page.on("request", (request) => request.url() === pathToFileURL(file).href + hash || request.url().startsWith("file://" + file) || page.problems.push("request: " + request.url()));
  await page.setOfflineMode(true);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }, { name: "prefers-reduced-motion", value: reduced ? "reduce" : "no-preference" }]);
  await page.evaluateOnNewDocument((language) => Object.defineProperty(navigator, "language", { get: () => language }), language);
  await page.goto(pathToFileURL(file).href + hash);
  await page.waitForSelector("html[data-ready]");
  page.done = async () => {
    assert.deepEqual(page.problems, []);
    await context.close();
  };
  return page;
}

const press = async (page, ...keys) => {
  for (const key of keys) {
    const [modifier, plain] = key.startsWith("Shift+") ? ["Shift", key.slice(6)] : [null, key];
    if (modifier) await page.keyboard.down(modifier);
    await page.keyboard.press(plain);
    if (modifier) await page.keyboard.up(modifier);
  }
};
const text = (page, selector) => page.$eval(selector, (element) => element.textContent);
const settled = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const unsign = (text) => Number(text.replaceAll("\u2212", "-").replace("∞", "Infinity"));

/** {node: {value: [text, number], adjoint}} of the rows in the page. */
const rowsOf = (page) => page.$$eval(".row[data-node]", (rows) => Object.fromEntries(rows.map((row) => [row.dataset.node, Object.fromEntries(["value", "adjoint"].map((name) => {
  const number = row.querySelector(`.${name} .num`);
  return [name, number && [number.textContent, number.dataset.v]];
}))])));
const norm = (tensor) => Math.sqrt(tensor.data.reduce((sum, x) => sum + x * x, 0));
const tall = (trace) => ({ height: 700 + 31 * (trace.nodes.length + 40) });

/** Displayed numbers are those of the trace: bits of scalars, norms of tensors; texts are roundings of them. */
function agree(shown, expected, what) {
  if (!expected) return assert.equal(shown, null, what);
  const number = shown[1] === "-0" ? -0 : Number(shown[1]), [wide] = [expected.data.map((x) => (typeof x === "string" ? Number(x) : x))];
  if (wide.length === 1) assert.ok(Object.is(number, wide[0]), `${what}: ${number}, not ${wide[0]}`);
  else assert.ok(Math.abs(number - norm({ data: wide })) <= 1e-12 * number, `${what}: ${number}`);
  const rounded = unsign(shown[0]), digits = wide.length === 1 && !shown[0].includes("e") ? 0.5001e-4 : 0.5001e-3;
  assert.ok(Object.is(rounded, number) || Math.abs(rounded - number) <= digits * Math.abs(number), `${what}: "${shown[0]}" for ${number}`);
}

const tests = [];
const test = (name, run) => tests.push([name, run]);
const here = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
// Recorded by the engine.
const engines = ["recorded-layers.json", "recorded-operations.json"].map((name) => [name, here(name)]);
if (process.env.WENGERT_TRACE) engines.push(["the given trace", readFileSync(process.env.WENGERT_TRACE, "utf8")]);
const recorded = [...engines];

test("both languages have the same keys, the same places, and no empty text", () => {
  assert.deepEqual(Object.keys(STRINGS_EN), Object.keys(STRINGS_ZH));
  const places = (text) => [...new Set([...text.matchAll(/\{(\w+)[|}]/g)].map((found) => found[1]))].sort();
  for (const [key, text] of Object.entries(STRINGS_EN)) {
    assert.ok(text.trim() && STRINGS_ZH[key].trim(), key);
    assert.deepEqual(places(STRINGS_ZH[key]), places(text), key);
  }
});

test("the page's own code is below 150 KB beside its texts", () => {
  const bytes = Buffer.byteLength(assemble("{}")) - texts;
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  return `${bytes} bytes, and ${texts} of texts`;
});

test("signs that lose their spaces stand in no text", () => {
  for (const text of [...Object.values(STRINGS_EN), ...Object.values(STRINGS_ZH)]) assert.doesNotMatch(text, / (=>|===|!==|&&|\|\||\?|:) |\) \{|\{ | \}/);
});

test("a page that the crate wrote is the page that is tested", () => {
  if (!process.env.WENGERT_PAGE) return "no page given";
  const page = readFileSync(process.env.WENGERT_PAGE, "utf8"), strip = (text) => text.replace(/<title>.*?<\/title>/s, "").replace(/(<script type="application\/json" id="trace">).*?(<\/script>)/s, "$1$2");
  assert.equal(strip(page), strip(assemble("{}")));
});

test("rules have the engine's bits at some of its numbers", () => {
  const f64 = rulesOf(arithmetic("f64")).unary, f32 = rulesOf(arithmetic("f32")).unary;
  // Printed by the engine.
  assert.equal(f64.exp[0](1), 2.7182818284590455);
  assert.equal(f64.tanh[0](-0), -0);
  assert.equal(f64.tanh[0](1e-310), 1e-310);
  assert.equal(f32.exp[0](-0), 1);
  assert.equal(f64.sigmoid[0](-0), 0.5);
  assert.deepEqual([-1, 0, 2].map((x) => f64.relu[1](x, Math.max(x, 0), 5)), [0, 0, 5]);
  assert.ok(Number.isNaN(f64.ln[0](-1)) && f64.ln[0](0) === -Infinity && f64.ln[0](1) === 0);
});

for (const [name, make] of [["a small tape", fixtures.small], ["a network of scalars", fixtures.digit], ["a network of tensors", fixtures.digits], ["a clinic", fixtures.troubled]]) {
  recorded.push([name, fixtures.stringify(make())]);
}
for (const [name, json] of recorded) {
  test(`displayed numbers are the trace's: ${name}`, async () => {
    const trace = JSON.parse(json), page = await open(json, { hash: "#t=1000000000", ...tall(trace) });
    const rows = await rowsOf(page);
    for (const [id, node] of trace.nodes.entries()) {
      if (!node.value.data || !rows[id] || node.value.data.some((x) => typeof x === "string")) continue;
      agree(rows[id].value, node.value, `value of %${id}`);
      if (!node.adjoint?.data?.some((x) => typeof x === "string")) agree(rows[id].adjoint, node.adjoint, `adjoint of %${id}`);
    }
    assert.ok(Object.keys(rows).length > 3);
    assert.equal(await page.$("#failed"), null, "the replay check passes");
    await page.done();
  });
}

test("what the engine recorded adds up, and comes out again when it is computed here", () => {
  for (const [name, json] of engines) {
    const trace = readTrace(JSON.parse(json)), far = trace.dtype === "f32" ? 2e-5 : 1e-13;
    assert.deepEqual(verify(trace), [], name);
    if (whyNotReplayable(trace)) continue;
    const again = replay(trace, new Map());
    assert.deepEqual(verify(again), [], name);
    const close = (a, b, what) => {
      assert.deepEqual(b?.shape, a?.shape, `${name}: ${what}`);
      const largest = Math.max(...(a?.data ?? []).map(Math.abs));
      a?.data.forEach((x, i) => assert.ok(Object.is(x, b.data[i]) || Math.abs(x - b.data[i]) <= far * largest, `${name}: ${what}: ${b.data[i]}, not ${x}`));
    };
    trace.nodes.forEach((node, id) => ["value", "adjoint"].forEach((part) => close(node[part], again.nodes[id][part], `${part} of ${node.text}`)));
    trace.edges.forEach((edge, i) => ["local", "raw", "delta"].forEach((part) => close(edge[part], again.edges[i][part], `${part} of ${edge.consumer.text}`)));
  }
});

test("at each step the rows show the adjoints that have arrived by then", async () => {
  const json = fixtures.stringify(fixtures.small()), trace = readTrace(JSON.parse(json));
  const page = await open(json);
  for (let time = 1; time <= trace.length; time++) {
    await press(page, "Shift+ArrowRight");
    const rows = await rowsOf(page);
    for (const node of trace.nodes) {
      agree(rows[node.id].value, node.forwardAt <= time ? { data: [...node.value.data] } : null, `value of %${node.id} at ${time}`);
      const adjoint = adjointAt(trace, node, time);
      agree(rows[node.id].adjoint, adjoint && { data: [...adjoint.data] }, `adjoint of %${node.id} at ${time}`);
    }
    assert.ok((await text(page, "#count")).includes(`Step ${time} of ${trace.length}`));
  }
  await page.done();
});

test("a + a sends two contributions", async () => {
  const page = await open(fixtures.small(), { hash: "#t=1000&n=a" });
  assert.equal(await page.$$eval(".contributions tbody tr", (rows) => rows.length), 3);
  assert.equal(await page.$$eval(".equation .term", (terms) => terms.length), 9);
  await page.done();
});

test("forward to the end and back to the beginning restores the page", async () => {
  for (const trace of [fixtures.small(), fixtures.digits()]) {
    const page = await open(trace);
    await page.click("#view-both");
    await settled(page);
    const state = () => page.evaluate(() => ["main", "below", "sentence", "count", "banners"].map((id) => document.getElementById(id).outerHTML).join("\n").replaceAll(/ style="[^"]*height[^"]*"/g, ""));
    const before = await state(), seen = new Set([before]);
    let steps = 0;
    while (!(await page.$eval("#forward", (button) => button.disabled))) {
      await press(page, "Shift+ArrowRight");
      seen.add(await state());
      steps++;
    }
    assert.equal(seen.size, steps + 1, "each step shows something else");
    for (; steps > 0; steps--) await press(page, "Shift+ArrowLeft");
    assert.equal(await state(), before);
    await page.done();
  }
});

test("steps of a node go back as they came", async () => {
  const page = await open(fixtures.digits());
  const times = [await text(page, "#count")];
  while (!(await page.$eval("#forward", (button) => button.disabled))) {
    await press(page, "ArrowRight");
    times.push(await text(page, "#count"));
  }
  for (const time of times.reverse().slice(1)) {
    await press(page, "ArrowLeft");
    assert.equal(await text(page, "#count"), time);
  }
  await page.done();
});

test("the keyboard alone reaches everything", async () => {
  const page = await open(fixtures.digits());
  const reached = new Set();
  for (let i = 0; i < 60; i++) {
    await press(page, "Tab");
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.closest("[id]")?.id));
  }
  for (const id of ["view-tape", "view-graph", "search", "quiz", "language", "theme", "help", "first", "slider", "grid", "inspector"].filter((id) => id !== "first")) assert.ok(reached.has(id), id + " is reached by Tab");
  await page.focus(".row[tabindex='0']");
  await press(page, "ArrowDown", "ArrowDown", "ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.row), "3");
  assert.equal(await text(page, "#inspector h2"), "hidden.weight");
  await press(page, "b", "w", "End");
  assert.ok(await page.$(".watches"), "w watches");
  assert.equal(await page.$$eval("#ticks .stop", (ticks) => ticks.length > 0), true, "b sets a breakpoint");
  await press(page, "[");
  assert.notEqual(await text(page, "#count"), "Step 70 of 70");
  await press(page, "Home", "m", "End", "d");
  assert.ok(await page.$(".diff tbody tr"), "d shows what has changed since m");
  await press(page, "2");
  assert.ok(await page.$(".drawing"), "2 shows the graph");
  await page.$eval(".box[tabindex='0']", (box) => box.focus());
  await press(page, "ArrowDown", "Enter");
  await press(page, "1", "/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("op:sigmoid");
  await press(page, "Enter");
  assert.equal(await page.$$eval(".row.matched", (rows) => rows.length), 2);
  await press(page, "Escape");
  await page.focus("#slider");
  await press(page, "?");
  await page.click("#help");
  assert.ok(await page.$eval("#helpbox", (box) => box.open));
  await page.click("#helpbox input");
  await press(page, "Escape");
  await page.focus("#inspector");
  await press(page, "2");
  assert.equal(await page.$eval("#main", (main) => main.dataset.view), "tape", "single keys are off");
  await press(page, "Home");
  assert.equal(await text(page, "#count"), "Step 0 of 70", "others are not");
  await page.done();
});

test("axe finds nothing, in both views, light and dark, narrow and wide", async () => {
  for (const dark of [false, true]) {
    for (const [trace, hash, view, width] of [[fixtures.digits(), "#t=53", "tape", 1440], [fixtures.digits(), "", "graph", 1440], [fixtures.troubled(), "#t=1000&n=u", "both", 1700], [fixtures.digit(), "#t=600", "graph", 390], [fixtures.wrong(), "#t=1000&n=W1[0,0]", "tape", 720], [fixtures.small(), "", "quiz", 1440]]) {
      const page = await open(trace, { dark, hash, width, reduced: true });
      if (view === "quiz") {
        await page.click("#quiz");
        for (let i = 0; i < 14 && !(await page.$("#quizcard")); i++) await press(page, "ArrowRight");
        assert.ok(await page.$("#quizcard"));
      } else await page.click("#view-" + view);
      await page.addStyleTag({ content: "* { transition: none !important }" }).catch(() => {});
      page.problems.length = 0;
      await new Promise((done) => setTimeout(done, 200));
      // Through the protocol, which the page's policy does not bind.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map((node) => node.html.slice(0, 200) + " " + node.failureSummary).join("\n    ")}`), [], `${view}, ${dark ? "dark" : "light"}, ${width}`);
      if (view === "tape" && width === 1440) {
        await page.click("#help");
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
      }
      await page.done();
    }
  }
});

test("5,000 nodes open and step", async () => {
  const trace = fixtures.chain(5000), started = Date.now(), page = await open(trace, { hash: "" });
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? performance.now());
  const steps = await page.evaluate(async (keys) => {
    const times = [];
    for (const [key, shiftKey] of keys) {
      const before = performance.now();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
      void document.body.offsetHeight;
      times.push(performance.now() - before);
    }
    return times;
  }, [["End"], ...Array.from({ length: 20 }, () => ["ArrowLeft"]), ["2"], ...Array.from({ length: 20 }, () => ["ArrowLeft", true]), ["3"], ["Home"], ...Array.from({ length: 20 }, () => ["ArrowRight"])]);
  const sorted = [...steps].sort((a, b) => a - b), median = sorted[Math.floor(sorted.length / 2)];
  assert.ok((await page.$$(".row")).length < 120, "rows out of sight are not in the page");
  assert.ok((await page.$$(".box")).length <= 150, "thousands are not laid out");
  assert.ok(painted < 10_000 && median < 1000, "generous bounds");
  await page.done();
  return `first paint ${Math.round(painted)} ms, a step ${median.toFixed(1)} ms (largest ${sorted.at(-1).toFixed(1)}), open ${Date.now() - started} ms`;
});

test("hostile names are harmless", async () => {
  const trace = fixtures.hostile();
  for (const view of ["tape", "both"]) {
    const page = await open(trace, { hash: "#t=30", width: 1700 });
    await page.click("#view-" + view);
    await press(page, "ArrowRight", "ArrowRight", "End");
    for (let row = 0; row < 8; row++) {
      await page.focus(".row[tabindex='0']");
      await press(page, "ArrowDown", "w");
    }
    assert.notEqual(await page.title(), "broken");
    assert.equal(await page.$$eval("main img, main script, main b b, main i i", (found) => found.length), 0);
    assert.ok((await page.$eval("#tape", (pane) => pane.scrollWidth <= pane.clientWidth + 1)), "long names do not widen the tape");
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)), "nor the page");
    assert.ok((await text(page, "#title")).startsWith("</script>"));
    await page.done();
  }
});

test("a wrong contribution shows FAIL", async () => {
  const page = await open(fixtures.wrong(), { hash: "#t=100000" });
  assert.match(await text(page, "#failed"), /FAIL/);
  await page.click("#failed button");
  assert.match(await text(page, "#inspector .replay.fail"), /FAIL/);
  assert.ok(await page.$(".row .badge.fail"));
  await page.done();
  const good = await open(fixtures.digit(), { hash: "#t=100000" });
  assert.equal(await good.$(".badge.fail, #failed"), null);
  await good.done();
});

test("what differences say of a rule stands at its node", async () => {
  const trace = fixtures.digits("f64"), verdicts = ["pass", "kink", "fail", "skipped"];
  const checked = trace.nodes.filter((node) => node.inputs.length).slice(0, verdicts.length);
  checked.forEach((node, i) => { node.check = { verdict: verdicts[i], note: `because of ${verdicts[i]}`, left: 1, right: 2 }; });
  const page = await open(trace);
  const badges = await page.$$eval(".row .badge", (found) => found.map((badge) => [badge.textContent, badge.title]));
  assert.deepEqual(badges, [["pass", "because of pass"], ["kink", "because of kink"], ["FAIL", "because of fail"]]);
  assert.ok(await page.$$eval(".row .badge", (found) => found.every((badge) => badge.getBoundingClientRect().right <= badge.parentElement.getBoundingClientRect().right && badge.parentElement.scrollWidth <= badge.parentElement.clientWidth)), "and is not cut off");
  await page.done();
});

test("one digit of an adjoint is enough to fail", async () => {
  const trace = fixtures.digits("f64"), node = trace.nodes.find((node) => node.name === "hidden.weight");
  node.adjoint.data[3] *= 1 + 2 ** -52;
  const page = await open(trace);
  assert.match(await text(page, "#failed"), /hidden\.weight/);
  await page.done();
});

test("both languages, by preference and by the switch", async () => {
  const page = await open(fixtures.digits(), { hash: "#t=53", language: "zh-CN" });
  assert.equal(await text(page, "#forward"), "前进");
  assert.equal(await page.$eval("html", (html) => html.lang), "zh-Hans");
  assert.match(await text(page, "#sentence"), /第一份贡献/);
  await page.click("#language");
  assert.equal(await text(page, "#forward"), "Forward");
  assert.match(await text(page, "#sentence"), /first contribution/);
  const left = await page.$$eval("body *", (all) => all.filter((one) => !one.children.length && /\{\w+\}|undefined|NaN|\[object/.test(one.textContent) && !one.closest("script")).map((one) => one.textContent));
  assert.deepEqual(left, []);
  await page.done();
});

test("why: constants, detached paths, zeros; alerts for what goes wrong", async () => {
  const page = await open(fixtures.troubled(), { hash: "#t=100000" });
  const why = async (name) => {
    await page.evaluate((hash) => { location.hash = hash; }, `#t=100000&n=${name}`);
    await settled(page);
    return page.$eval("#inspector .why", (card) => card.textContent).catch(() => "");
  };
  assert.match(await why("lost"), /cut by detach at cut \(examples\/digits\.rs:\d+\)/);
  assert.match(await why("u"), /0 because 1 of 1/);
  const alerts = await text(page, "#alerts");
  for (const part of [/both grew to \[3, 3\]/, /all units of this ReLU are 0/, /first value that is not finite is ln z/]) assert.match(alerts, part);
  await page.done();
});

test("an empty tape is a page, and an unreadable trace says so", async () => {
  const page = await open({ format: "wengert.trace/1", dtype: "f64", nodes: [] });
  await press(page, "ArrowRight", "End", "ArrowLeft", "2", "3", "1", "]", "[");
  assert.match(await text(page, "#sentence"), /Nothing has happened/);
  await page.done();
  for (const json of ["{}", "not json", '{"format": "wengert.trace/2"}']) {
    const page = await open(json);
    assert.match(await text(page, "#title"), /cannot be read/);
    assert.ok((await text(page, "#sentence")).length > 10);
    await page.done();
  }
});

test("shortened tensors are shown as what they are", async () => {
  const trace = fixtures.digits();
  for (const node of trace.nodes.slice(0, 6)) {
    node.value = { shape: node.shape, shortened: true, first: [0, 1, "NaN"], last: [1], min: 0, max: 1, mean: 0.5, std: 0.5, norm: 3, zeros: 4, nans: 1, infinities: 0, negatives: 0 };
    if (node.adjoint) node.adjoint = { ...node.value };
  }
  trace.options.shortened = 6;
  const page = await open(trace, { hash: "#t=70&n=hidden.weight" });
  assert.match(await text(page, "#inspector .map"), /shortened: 0, 1, NaN … 1/);
  assert.match(await text(page, "#banners"), /6 large tensors were shortened/);
  assert.match(await text(page, "#inspector"), /Cannot be computed again here/);
  for (const key of ["Home", "ArrowRight", "End", "2", "ArrowLeft"]) await press(page, key);
  await page.done();
});

test("a moment can be linked to", async () => {
  const page = await open(fixtures.digit(), { hash: "#t=400&n=W1[0,1]" });
  assert.equal(await text(page, "#inspector h2"), "W1[0,1]");
  assert.match(await text(page, "#count"), /400/);
  await press(page, "Shift+ArrowRight");
  assert.match(page.url(), /#t=401&n=W1/);
  await page.done();
});

test("a clicked pixel gives the engine's numbers, bit for bit, for 100 drawings", async () => {
  const hash = (adjoints) => {
    const names = Object.keys(adjoints).sort(), bytes = new DataView(new ArrayBuffer(8 * names.length));
    names.forEach((name, i) => bytes.setFloat64(8 * i, adjoints[name]));
    return createHash("sha256").update(new Uint8Array(bytes.buffer)).digest("hex").slice(0, 16);
  };
  const expected = process.env.WENGERT_DRAWINGS
    ? readFileSync(process.env.WENGERT_DRAWINGS, "utf8").trim().split("\n").map((line) => JSON.parse(line)).map(({ pixels, loss, adjoints }) => [pixels.join(""), loss, hash(adjoints)])
    : JSON.parse(here("drawings.json"));
  const json = JSON.parse(fixtures.stringify(fixtures.digit())), trace = readTrace(json);
  const parameters = trace.nodes.filter((node) => node.op === "parameter");
  assert.equal(parameters.length, 47);
  // All of them by the functions of the page ..
  for (const [pixels, loss, bits] of expected) {
    const again = replay(trace, new Map([...pixels].map((pixel, i) => [i, { shape: [], data: Float64Array.of(Number(pixel)) }])));
    assert.equal(again.nodes.at(-1).value.data[0], loss, pixels);
    assert.equal(hash(Object.fromEntries(parameters.map(({ id, name }) => [name, again.nodes[id].adjoint.data[0]]))), bits, pixels);
  }
  // .. and some by clicking in it.
  const page = await open(json, { hash: "#t=100000", height: 6200 });
  for (const [pixels, loss, bits] of expected.filter((_, i) => i % 10 === 0)) {
    for (let i = 0; i < 12; i++) {
      const button = `.pixel[data-i="${i}"]`;
      if ((await page.$eval(button, (pixel) => pixel.getAttribute("aria-pressed"))) !== String(pixels[i] === "1")) {
        await page.$eval(button, (pixel) => pixel.click());
        await settled(page);
      }
    }
    const rows = await rowsOf(page), number = (shown) => (shown[1] === "-0" ? -0 : Number(shown[1]));
    assert.equal(number(rows[trace.nodes.length - 1].value), loss);
    assert.equal(hash(Object.fromEntries(parameters.map(({ id, name }) => [name, number(rows[id].adjoint)]))), bits);
    assert.equal(await page.$(".badge.fail, #failed"), null);
  }
  assert.match(await text(page, "#whatif"), /bit for bit/);
  await page.click("#whatif button");
  await settled(page);
  assert.equal(await page.$("#whatif"), null);
  agree((await rowsOf(page))[trace.nodes.length - 1].value, json.nodes.at(-1).value, "reset");
  await page.done();
});

test("a dragged weight changes the loss, and stays under the finger", async () => {
  const page = await open(fixtures.digits(), { hash: "#t=70&n=output.bias" });
  const handle = await page.$(".knob input[type=range]"), box = await handle.boundingBox();
  const loss = () => page.$$eval(".outputs .num", (all) => all.at(-1).dataset.v);
  const before = await loss();
  await handle.scrollIntoView();
  const { x, y, width, height } = await handle.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  const seen = new Set();
  for (const part of [0.6, 0.7, 0.8, 0.9]) {
    await page.mouse.move(x + width * part, y + height / 2);
    await settled(page);
    seen.add(await loss());
  }
  await page.mouse.up();
  assert.equal(seen.size, 4);
  assert.ok(!seen.has(before));
  assert.match(await text(page, "#whatif"), /output\.bias.*may differ in the last digits/s);
  await page.done();
});

test("the quiz asks, accepts 1 %, shows the working and keeps score", async () => {
  const trace = fixtures.small(), page = await open(trace, { hash: "#t=9" });
  await page.click("#quiz");
  await press(page, "ArrowRight");
  const h = trace.nodes[6].adjoint.data[0];
  await page.waitForSelector("#quiz-answer");
  await page.type("#quiz-answer", String(h * 1.005));
  await press(page, "Enter");
  assert.match(await text(page, "#quizcard"), /Right/);
  assert.match(await text(page, "#quizcard .score"), /1 of 1/);
  await press(page, "Enter", "ArrowRight");
  await page.type("#quiz-answer", "123");
  await press(page, "Enter");
  assert.match(await text(page, "#quizcard"), /Not 123.*=/s);
  assert.match(await text(page, "#quizcard .score"), /1 of 2/);
  await page.done();
});

test("no number of the tape is cut short", async () => {
  for (const [width, view] of [[360, "tape"], [1100, "tape"], [1440, "tape"], [1700, "both"]]) {
    const page = await open(JSON.parse(here("recorded-operations.json")), { hash: "#t=100000", width, height: 2200 });
    await page.click("#view-" + view);
    const cut = await page.$$eval(".row[data-node] .cell:is(.value, .adjoint, .in)", (cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent));
    assert.deepEqual(cut, [], `${width} wide, ${view}`);
    await page.done();
  }
});

test("narrow and zoomed pages clip nothing, and print", async () => {
  for (const [width, height] of [[360, 740], [720, 450], [1024, 700]]) {
    const page = await open(fixtures.digits(), { hash: "#t=53", width, height });
    const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, svg, .grid, .unseen, #slider, .canvas, dialog")).map((one) => one.outerHTML.slice(0, 120)));
    assert.deepEqual(wide, [], `${width} wide`);
    assert.ok((await page.pdf({ format: "A4" })).length > 1000);
    await page.done();
  }
});

const wanted = process.argv.slice(2);
let failed = 0;
for (const [name, run] of tests) {
  if (wanted.length && !wanted.some((part) => name.includes(part))) continue;
  const started = Date.now();
  try {
    const note = await run();
    console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)${note ? `: ${note}` : ""}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
rmSync(folder, { recursive: true, force: true });
console.log(failed ? `${failed} failed` : "all passed");
process.exit(failed ? 1 : 0);
