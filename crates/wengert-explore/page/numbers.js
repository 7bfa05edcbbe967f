// Numbers as text: short in tables (five digits), complete where one can look closely.

const MINUS = "\u2212";
const signed = (text) => text.replace(/-/g, MINUS);

/** Five digits (or so many), as people write them; four beside an exponent. */
function short(x, digits = 5) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : MINUS + "∞";
  if (x === 0) return "0";
  const a = Math.abs(x);
  if (a >= 1e-3 && a < 1e6) return signed(String(Number(x.toPrecision(digits))));
  return signed(Number(x.toPrecision(Math.min(digits, 4))).toExponential().replace("e+", "e"));
}

/** The fewest digits that read back as the same number. */
function exact(x, dtype = page.trace.dtype) {
  if (!Number.isFinite(x)) return short(x);
  if (Object.is(x, -0)) return MINUS + "0";
  if (dtype === "f32") {
    for (let digits = 1; digits <= 9; digits++) {
      if (Math.fround(Number(x.toPrecision(digits))) === x) return signed(String(Number(x.toPrecision(digits))));
    }
  }
  return signed(String(x));
}

/** A number in the page: short, with all digits for those who point at it, and for tests. */
const num = (x, className = "", digits = 5) => h("span", { class: `num ${className}`, title: exact(x), data: { v: Object.is(x, -0) ? "-0" : String(x) } }, short(x, digits));

const shapeText = (shape) => `[${shape.join(", ")}]`;

/** A tensor in a table cell: its number, or its first elements and how many there are. */
function brief(tensor, className = "") {
  if (!tensor) return h("span", { class: "none" }, "–");
  if (isScalar(tensor)) return num(tensor.data[0], className);
  const s = statistics(tensor);
  return h("span", { class: `tensor ${className}`, title: shapeText(tensor.shape) },
    h("span", { class: "shape" }, tensor.shape.join("×") || "1"), h("span", { class: "norm" }, "‖", num(s.norm, "", 4), "‖"));
}

const logOf = (norm) => (norm > 0 && Number.isFinite(norm) ? Math.log10(norm) : norm === 0 ? -Infinity : NaN);
