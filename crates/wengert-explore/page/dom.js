// Elements from code. Text from the trace only ever becomes a text node or an attribute's value: names may
// hold anything, and nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg", MATHML = "http://www.w3.org/1998/Math/MathML";

function build(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}
const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);
const m = (tag, ...children) => build(document.createElementNS(MATHML, tag), {}, children);
const byId = (id) => document.getElementById(id);

/** A name from the trace, which may be long or run from right to left. */
const nameOf = (node, length = 60) => h("bdi", { class: node.name ? "name" : "name plain", title: node.name ? clip(node.name, 400) : null }, node.name ? clip(node.name, length) : `%${node.id}`);
