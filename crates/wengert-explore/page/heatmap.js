// A tensor as coloured cells: blue below 0, orange above, the range symmetric about 0 so that a colour always
// means the same sign; NaN and infinities hatched. Few cells carry their numbers, many are drawn on a canvas.

const PRINTED_AT_MOST = 72, SAMPLE = 56;

const dark = () => document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

/** Red, green and blue of x in [-1, 1]: blue, paper, orange; light at 0, or dark on a dark page. */
function diverging(x) {
  const scheme = dark() ? { zero: [38, 41, 48], below: [76, 148, 222], above: [232, 145, 60] } : { zero: [246, 244, 239], below: [33, 102, 172], above: [196, 98, 16] };
  const end = x < 0 ? scheme.below : scheme.above, part = Math.min(1, Math.abs(x)) ** 0.8;
  return scheme.zero.map((c, i) => Math.round(c + (end[i] - c) * part));
}
const rgb = (c) => `rgb(${c.join(",")})`;
const luminance = (c) => c.map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const inkOn = (c) => (luminance(c) > 0.179 ? "#000000" : "#ffffff");

/** Rows and columns: leading axes are stacked; a vector is a row, or the picture that it is known to be. */
function gridOf(tensor) {
  const { shape } = tensor, n = elements(shape);
  if (shape.length < 2) return [1, n];
  const picture = shape.length >= 2 && shape.slice(0, -1).every((length) => length === 1);
  return picture ? [1, n] : [n / shape.at(-1), shape.at(-1)];
}
const placeText = (tensor, index) => {
  const at = [];
  for (let axis = tensor.shape.length - 1, rest = index; axis >= 0; rest = Math.floor(rest / tensor.shape[axis--])) at.unshift(rest % tensor.shape[axis]);
  return `[${at.join(", ")}]`;
};

/** A figure of the tensor under a heading; picking a cell calls `pick(index)`. */
function heatmap(title, tensor, { pick = null, picked = -1, grid = null, className = "" } = {}) {
  if (!tensor) return null;
  const stats = statistics(tensor);
  const caption = h("figcaption", {}, h("b", {}, title), " ", h("span", { class: "shape" }, tensor.shape.length ? tensor.shape.join("×") : t("map.scalar")), tensor.data?.length === 1 ? null : h("span", { class: "range" }, rangeText(stats)));
  const figure = (...content) => h("figure", { class: "map " + className }, caption, ...content);
  if (!tensor.data) return figure(h("p", { class: "note" }, t("map.shortened", { first: tensor.summary.first.map((x) => short(x)).join(", "), last: tensor.summary.last.map((x) => short(x)).join(", ") })));
  if (tensor.data.length === 0) return figure(h("p", { class: "note" }, t("map.empty")));
  const scale = Math.max(Math.abs(stats.min), Math.abs(stats.max)) || 1;
  if (grid && tensor.data.length <= PRINTED_AT_MOST) return figure(h("div", { class: "pictures" }, Array.from({ length: grid.count }, (_, picture) => printed(grid.count > 1 ? `${title} ${picture + 1}` : title, tensor, grid.rows, grid.columns, scale, pick, picked, (i) => grid.at(picture, i), grid.count > 1 ? 2 : 3))));
  const [rows, columns] = gridOf(tensor);
  if (tensor.data.length <= PRINTED_AT_MOST && columns <= 12) return figure(printed(title, tensor, rows, columns, scale, pick, picked));
  return figure(painted(title, tensor, rows, columns, scale, pick, picked));
}

const rangeText = (stats) => {
  const odd = [stats.nans && `${stats.nans} NaN`, stats.infinities && `${stats.infinities} ∞`].filter(Boolean);
  return ` ${short(stats.min)} … ${short(stats.max)}${odd.length ? ", " + odd.join(", ") : ""}`;
};

function printed(title, tensor, rows, columns, scale, pick, picked, at = (i) => i, digits = 3) {
  const cell = (place) => {
    const i = at(place);
    const x = tensor.data[i], colour = Number.isFinite(x) ? diverging(x / scale) : null;
    const content = num(x, "", digits);
    const td = h("td", { class: [colour ? "" : "odd", i === picked ? "picked" : ""].join(" ").trim() || null }, pick ? h("button", { type: "button", tabindex: i === Math.max(at(0), picked) ? 0 : -1, "aria-label": `${placeText(tensor, i)}: ${short(x, digits)}`, "aria-pressed": String(i === picked), onclick: () => pick(i) }, content) : content);
    if (colour) {
      td.style.backgroundColor = rgb(colour);
      td.style.color = inkOn(colour);
    }
    return td;
  };
  const table = h("table", { class: "cells", "aria-label": title }, h("tbody", {}, Array.from({ length: rows }, (_, i) => h("tr", {}, Array.from({ length: columns }, (_, j) => cell(i * columns + j))))));
  if (pick) table.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const places = Array.from({ length: rows * columns }, (_, place) => at(place)), to = places[Math.max(0, places.indexOf(picked)) + move];
    if (move === undefined || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    pick(to);
  });
  return h("div", { class: "scroll", tabindex: columns > 6 ? 0 : null, role: columns > 6 ? "group" : null, "aria-label": columns > 6 ? title : null }, table);
}

/** 255 colours from blue to orange: making one for each of thousands of cells takes longer than to paint them. */
const palette = () => Array.from({ length: 255 }, (_, i) => rgb(diverging((i - 127) / 127)));

function painted(title, tensor, rows, columns, scale, pick, picked) {
  // A long vector wraps, and a large matrix shows its upper left corner.
  if (rows === 1 && columns > 32) [rows, columns] = [Math.ceil(columns / 28), 28];
  const shown = [Math.min(rows, SAMPLE), Math.min(columns, SAMPLE)];
  const size = Math.max(4, Math.min(18, Math.floor(336 / shown[1])));
  const stats = statistics(tensor);
  const canvas = h("canvas", { width: shown[1] * size * 2, height: shown[0] * size * 2, role: "img", "aria-label": `${title}, ${shapeText(tensor.shape)}: ${rangeText(stats)}` });
  canvas.style.width = `${shown[1] * size}px`;
  const pen = canvas.getContext("2d");
  pen.scale(2, 2);
  const colours = palette(), odd = dark() ? "#15171c" : "#ffffff";
  for (let i = 0; i < shown[0]; i++) {
    for (let j = 0; j < shown[1] && i * columns + j < tensor.data.length; j++) {
      const x = tensor.data[i * columns + j];
      pen.fillStyle = Number.isFinite(x) ? colours[127 + Math.round((127 * x) / scale)] : odd;
      pen.fillRect(j * size, i * size, size, size);
      if (Number.isFinite(x)) continue;
      pen.strokeStyle = dark() ? "#ffb3a7" : "#a4161a";
      pen.beginPath();
      for (const [a, b, c, d] of [[0, size, size, 0], [0, size / 2, size / 2, 0], [size / 2, size, size, size / 2]]) {
        pen.moveTo(j * size + a, i * size + b);
        pen.lineTo(j * size + c, i * size + d);
      }
      pen.stroke();
    }
  }
  if (picked >= 0) {
    pen.strokeStyle = dark() ? "#ffffff" : "#101216";
    pen.lineWidth = 1.5;
    pen.strokeRect((picked % columns) * size + 0.5, Math.floor(picked / columns) * size + 0.5, size - 1, size - 1);
  }
  const read = h("p", { class: "readout" }, picked >= 0 ? `${placeText(tensor, picked)} = ${exact(tensor.data[picked])}` : shown[0] * shown[1] < rows * columns ? t("map.corner", { rows: shown[0], columns: shown[1] }) : "\u00a0");
  const at = (event) => Math.floor(event.offsetY / size) * columns + Math.floor(event.offsetX / size);
  canvas.addEventListener("mousemove", (event) => {
    const i = at(event);
    if (i >= 0 && i < tensor.data.length) read.textContent = `${placeText(tensor, i)} = ${exact(tensor.data[i])}`;
  });
  if (pick) canvas.addEventListener("click", (event) => at(event) < tensor.data.length && pick(at(event)));
  return h("div", { class: "painted" }, canvas, read);
}
