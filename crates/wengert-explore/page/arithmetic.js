// The engine's elementary functions, operation by operation (crates/wengert/src/kernels/math.rs), so that
// a recomputed trace has the engine's bits: JavaScript's own Math.exp and Math.tanh differ in the last ones.
// f32 is f64 rounded after each operation, which for + - · / and √ is the same as computing in f32.

const Bits = (() => {
  const buffer = new DataView(new ArrayBuffer(8));
  return {
    /** 2^k for the exponents of normal numbers. */
    powerOfTwo(k) {
      buffer.setUint32(0, (k + 1023) << 20);
      buffer.setUint32(4, 0);
      return buffer.getFloat64(0);
    },
    /** [k, m] with x = m·2^k and √½ ≤ m < √2; `above` are the bits of 1 minus those of √½. */
    splitF64(x) {
      const one = 0x3ff0000000000000n, above = one - 0x3fe6a09e667f3bcdn;
      buffer.setFloat64(0, x);
      const bits = BigInt.asUintN(64, buffer.getBigUint64(0) + above);
      buffer.setBigUint64(0, (bits & 0xfffffffffffffn) + (one - above));
      return [Number(bits >> 52n) - 1023, buffer.getFloat64(0)];
    },
    splitF32(x) {
      const one = 0x3f800000, above = one - 0x3f3504f3;
      buffer.setFloat32(0, x);
      const bits = (buffer.getUint32(0) + above) >>> 0;
      buffer.setUint32(0, (bits & 0x7fffff) + (one - above));
      return [(bits >>> 23) - 127, buffer.getFloat32(0)];
    },
  };
})();

const CONSTANTS = {
  f32: {
    magic: 1.5 * 2 ** 23, bias: 127, whole: 2 ** 23, lowest: -104, highest: 89, tanh: 10,
    ln2: [6.9314575195e-1, 1.4286067653e-6], tiny: 25, smallest: 2 ** -126,
    q: [0.5, 0.16666576563, 0.041666373828, 0.0083632488699, 0.0013941240706],
    r: [0.66666685322, 0.39988695883, 0.29583087689],
    split: (x) => Bits.splitF32(x),
  },
  f64: {
    magic: 1.5 * 2 ** 52, bias: 1023, whole: 2 ** 52, lowest: -746, highest: 710, tanh: 20,
    ln2: [6.93147180369123816490e-1, 1.90821492927058770002e-10], tiny: 54, smallest: 2 ** -1022,
    q: [
      0.50000000000000010338, 0.16666666666666674626, 0.04166666666662373925, 0.0083333333333220966205,
      0.0013888888917407558672, 0.00019841269886934441939, 0.0000248015209952016462,
      2.7557241944123736539e-6, 2.7620231288467180967e-7, 2.5110198736696953735e-8,
    ],
    r: [
      0.66666666666666697486, 0.39999999999897887531, 0.28571428626651412462, 0.22222211031785453267,
      0.18182896202767403105, 0.15331497980300121004, 0.14619093866306983293,
    ],
    split: (x) => Bits.splitF64(x),
  },
};

/** Arithmetic of "f32" or "f64": the operations that values and rules are written in (real.rs). */
function arithmetic(dtype) {
  const r = dtype === "f32" ? Math.fround : (x) => x;
  const k = CONSTANTS[dtype];
  const [ln2High, ln2Low] = k.ln2.map(r);
  const log2e = r(Math.LOG2E);
  const q = k.q.map(r), rest = k.r.map(r);

  const copysign = (x, sign) => (sign < 0 || Object.is(sign, -0) ? -Math.abs(x) : Math.abs(x));
  const polynomial = (x, a) => {
    let sum = a[a.length - 1];
    for (let i = a.length - 2; i >= 0; i--) sum = r(r(sum * x) + a[i]);
    return sum;
  };
  /** [q, n]: eˣ = 2ⁿ·(1 + q). */
  const reduce = (x) => {
    const n = r(r(r(x * log2e) + k.magic) - k.magic);
    const f = r(r(x - r(n * ln2High)) - r(n * ln2Low));
    return [r(f + r(r(f * f) * polynomial(f, q))), n];
  };
  const exp = (x) => {
    const [q, n] = reduce(x > k.highest ? k.highest : x < k.lowest ? k.lowest : x);
    const half = Math.floor((n + 4 * k.bias) / 2) - 2 * k.bias;
    return r(r(r(1 + q) * Bits.powerOfTwo(half)) * Bits.powerOfTwo(n - half));
  };
  const exp_m1 = (x) => {
    const [q, n] = reduce(x > k.highest ? k.highest : x < -2 * k.tanh ? -2 * k.tanh : x);
    const scale = Bits.powerOfTwo(n - 1);
    return copysign(r(2 * r(r(scale * q) + r(scale - 0.5))), x);
  };
  const ln = (x) => {
    if (!(x >= 0)) return NaN;
    if (x === 0) return -Infinity;
    if (x === Infinity) return x;
    const tiny = x < k.smallest;
    const [exponent, m] = k.split(tiny ? r(x * 2 ** k.tiny) : x);
    const n = tiny ? exponent - k.tiny : exponent;
    const f = r(m - 1), s = r(f / r(2 + f)), z = r(s * s), halfSquare = r(r(0.5 * f) * f);
    const tail = r(r(s * r(halfSquare + r(z * polynomial(z, rest)))) + r(n * ln2Low));
    return r(r(r(tail - halfSquare) + f) + r(n * ln2High));
  };
  const ln_1p = (x) => {
    const u = r(1 + x);
    const lost = r(r(x - r(u - 1)) / u);
    return copysign(r(ln(u) + (Math.abs(lost) < 1 ? lost : 0)), x);
  };
  const softplus = (x) => r((x > 0 ? x : 0) + ln_1p(exp(-Math.abs(x))));
  const round = (x) => {
    const a = Math.abs(x);
    return copysign(a < k.whole ? r(r(a + k.whole) - k.whole) : a, x);
  };
  const tanh = (x) => {
    const a = Math.abs(x) > k.tanh ? k.tanh : Math.abs(x);
    const [q, n] = reduce(r(2 * a));
    const scale = Bits.powerOfTwo(n);
    const t = r(r(scale * q) + r(scale - 1));
    return copysign(r(t / r(t + 2)), x);
  };
  const sigmoid = (x) => {
    const e = exp(-Math.abs(x));
    return r((x < 0 ? e : 1) / r(1 + e));
  };
  // As compiler-rt's __powidf2, which Rust's powi calls.
  const powi = (x, n) => {
    let power = 1;
    for (let i = Math.abs(n), a = x; ; a = r(a * a)) {
      if (i % 2 === 1) power = r(power * a);
      i = Math.floor(i / 2);
      if (i === 0) break;
    }
    return n < 0 ? r(1 / power) : power;
  };

  return {
    exp, exp_m1, ln, ln_1p, softplus, round, tanh, sigmoid, powi,
    number: r,
    add: (a, b) => r(a + b),
    sub: (a, b) => r(a - b),
    mul: (a, b) => r(a * b),
    div: (a, b) => r(a / b),
    plus: (x, c) => r(x + r(c)),
    times: (x, c) => r(x * r(c)),
    divide: (x, c) => r(r(c) / x),
    mul0: (s, d) => (s === 0 ? 0 : r(s * d)),
    keep: (mask, x) => (mask === 0 ? 0 : x),
    sqrt: (x) => r(Math.sqrt(x)),
    sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : x * 0),
    positive: (x) => (x > 0 ? 1 : 0),
    relu: (x) => (x < 0 ? 0 : x),
    maximum: (a, b) => (Number.isNaN(a) ? a : a > b ? a : Number.isNaN(b) ? b : b),
    wins: (a, b) => (a > b ? 1 : a < b ? 0 : 0.5),
    equal: (a, b) => (a === b ? 1 : 0),
    // Those of the C library: the last digit may be another one here.
    library: (name, ...x) => r(Math[name](...x)),
  };
}
