// The page around a trace, as src/html.rs puts it together: its list of parts is read, not repeated.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const crate = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, crate), "utf8");
const parts = [...read("src/html.rs").matchAll(/include_str!\("\.\.\/page\/(.*?\.js)"\)/g)].map((found) => found[1]);

const withoutComments = (text) => text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("//") && !line.startsWith("/**")).map((line) => line + "\n").join("").replaceAll(/ (=>|===|!==|&&|\|\||\?|:) /g, "$1").replaceAll(") {", "){").replaceAll("{ ", "{").replaceAll(" }", "}");

export const texts = parts.filter((name) => name.startsWith("strings.")).map((name) => Buffer.byteLength(withoutComments(read("page/" + name)))).reduce((a, b) => a + b);
const SPACES = [": ", "; ", " {", "{ ", " }", ", ", ",\n", "{\n", ";\n"];
export const style = SPACES.reduce((text, space) => text.replaceAll(space, space.trim()), read("page/style.css").split("\n").map((line) => line.trim()).join("\n"));
export const script = `(() => {\n"use strict";\n${parts.map((name) => withoutComments(read("page/" + name))).join("")}})();\n`;

export function assemble(trace) {
  const json = typeof trace === "string" ? trace : JSON.stringify(trace);
  const hash = (text) => "sha256-" + createHash("sha256").update(text).digest("base64");
  const policy = `default-src 'none'; script-src '${hash(script)}'; style-src '${hash(style)}'; base-uri 'none'; form-action 'none'`;
  const fill = { policy, style, script, title: "A tape", trace: json.replaceAll("<", "\\u003c") };
  return read("page/page.html").split("\n").map((line) => line.trim()).join("\n").replace(/\{\{(\w+)\}\}/g, (_, key) => fill[key]);
}

/** Functions of the page's files that draw nothing, for fixtures and for tests without a browser. */
export function library() {
  const names = ["strings.en.js", "strings.zh.js", "language.js", "numbers.js", "arithmetic.js", "rules.js", "tensors.js", "trace.js", "check.js", "replay.js"];
  const exported = "STRINGS_EN, STRINGS_ZH, arithmetic, rulesOf, readTrace, verify, replay, whyNotReplayable, adjointAt, isLeaf, Kind";
  return vm.runInThisContext(`(() => {\n"use strict";\n${names.map((name) => read("page/" + name)).join("")}\nreturn { ${exported} };\n})()`);
}
