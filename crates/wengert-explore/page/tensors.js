// Tensors of the recomputed trace: broadcasting and its undoing, sums in the engine's order
// (kernels/fold.rs), matrix products. Written for small tensors and to be read.

const scalar = (x) => ({ shape: [], data: Float64Array.of(x) });
const filled = (shape, x) => ({ shape, data: new Float64Array(elements(shape)).fill(x) });

/** Offsets into `from`, stretched to `shape`, of each element of `shape` in order. */
function stretched(from, shape) {
  const lead = shape.length - from.length;
  let step = 1;
  const strides = shape.map(() => 0);
  for (let i = from.length - 1; i >= 0; i--) {
    strides[lead + i] = from[i] === 1 ? 0 : step;
    step *= from[i];
  }
  return strided(shape, strides, 0);
}

function strided(shape, strides, start) {
  const offsets = new Int32Array(elements(shape)), at = shape.map(() => 0);
  for (let i = 0, offset = start; i < offsets.length; i++) {
    offsets[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]++;
      offset += strides[axis];
      if (at[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return offsets;
}

const stridesOf = (shape) => {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
};
const gather = (x, shape, offsets) => ({ shape, data: Float64Array.from(offsets, (o) => x.data[o]) });
const broadcastTo = (x, shape) => gather(x, shape, stretched(x.shape, shape));
const reshaped = (x, shape) => ({ shape, data: x.data });
const map = (x, f) => ({ shape: x.shape, data: x.data.map(f) });

/** f(a, b) element by element over the shape that both stretch to. */
function zip(shape, a, b, f) {
  const ia = stretched(a.shape, shape), ib = stretched(b.shape, shape);
  return { shape, data: Float64Array.from(ia, (o, i) => f(a.data[o], b.data[ib[i]], i)) };
}

/** The sum of n numbers, in the order of the engine's vector registers. */
function sumOf(math, n, at) {
  if (n > 4096) {
    const half = Math.ceil(n / 8192) * 4096;
    return math.add(sumOf(math, half, at), sumOf(math, n - half, (i) => at(half + i)));
  }
  let sum = 0;
  if (n <= 16) {
    for (let i = 0; i < n; i++) sum = math.add(sum, at(i));
    return sum;
  }
  let lanes = new Array(32).fill(0);
  for (let i = 0; i < n; i++) lanes[i % 32] = math.add(lanes[i % 32], at(i));
  for (let width = 16; width >= 1; width /= 2) lanes = lanes.slice(0, width).map((x, l) => math.add(x, lanes[l + width]));
  return lanes[0];
}

/** Sums over `axes`, which stay with length 1. */
function sumOver(math, x, axes) {
  const kept = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
  const strides = stridesOf(x.shape), over = x.shape.filter((_, i) => axes.includes(i));
  const inner = strided(over, strides.filter((_, i) => axes.includes(i)), 0);
  const starts = strided(kept, strides.map((s, i) => (axes.includes(i) ? 0 : s)), 0);
  return { shape: kept, data: Float64Array.from(starts, (s) => sumOf(math, inner.length, (i) => x.data[s + inner[i]])) };
}

/** Broadcasting undone: the axes that were stretched are summed over. */
function sumTo(math, x, shape) {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return axes.length ? reshaped(sumOver(math, x, axes), shape) : x;
}

/** A·B over the last two axes; leading axes stretch. One after the other: last bits may differ from the engine's. */
function product(math, a, b, transposeA, transposeB) {
  const matrix = (x, flip) => {
    const [rows, columns] = x.shape.slice(-2);
    return flip ? { rows: columns, columns: rows, down: 1, across: columns } : { rows, columns, down: columns, across: 1 };
  };
  const A = matrix(a, transposeA), B = matrix(b, transposeB);
  const lead = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [batchA, batchB] = [a, b].map((x) => stretched(x.shape.slice(0, -2), lead));
  const out = filled([...lead, A.rows, B.columns], 0);
  for (let batch = 0, o = 0; batch < batchA.length; batch++) {
    const [from, with_] = [batchA[batch] * A.rows * A.columns, batchB[batch] * B.rows * B.columns];
    for (let i = 0; i < A.rows; i++) {
      for (let j = 0; j < B.columns; j++, o++) {
        let sum = 0;
        for (let k = 0; k < A.columns; k++) {
          sum = math.add(sum, math.mul(a.data[from + i * A.down + k * A.across], b.data[with_ + k * B.down + j * B.across]));
        }
        out.data[o] = sum;
      }
    }
  }
  return out;
}

function broadcastShape(a, b) {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => {
    const [x, y] = [a[a.length - length + i] ?? 1, b[b.length - length + i] ?? 1];
    return x === 1 ? y : x;
  });
}

/** The largest over axes, what is left of x below it, and the sum of the exponentials of that: nothing overflows. */
function exponentials(math, x, axes) {
  const kept = x.shape.map((length, i) => (axes.includes(i) ? 1 : length)), peak = filled(kept, -Infinity);
  stretched(kept, x.shape).forEach((o, i) => (peak.data[o] = math.maximum(peak.data[o], x.data[i])));
  const shift = map(peak, (most) => (most === -Infinity ? 0 : most)), rest = zip(x.shape, x, shift, math.sub);
  return { shift, rest, sum: sumOver(math, map(rest, math.exp), axes) };
}

/** Softmax over axes, or its logarithm. */
function softmax(math, x, axes, logarithm) {
  const { rest, sum } = exponentials(math, x, axes);
  return logarithm ? zip(x.shape, rest, map(sum, math.ln), math.sub) : zip(x.shape, map(rest, math.exp), sum, math.div);
}

function logSums(math, x, axes) {
  const { shift, sum } = exponentials(math, x, axes);
  return zip(shift.shape, shift, map(sum, math.ln), math.add);
}
