"""Makes numpy_print.txt: `python numpy_print.py > numpy_print.txt`, with NumPy 2.4.

Each case is a line `type [shape] .precision = elements`, where the precision is optional and the
elements are a list, or `a + b i` for the i-th of too many to list; then the text, behind bars.
"""

import numpy as np

TYPES = {"f32": np.float32, "f64": np.float64, "u8": np.uint8, "i64": np.int64, "usize": np.uint64, "bool": np.bool_}


def case(kind, shape, elements, precision=None):
    count = int(np.prod(shape, dtype=int))
    if isinstance(elements, tuple):
        start, step = elements
        flat = (start + step * np.arange(count)).astype(TYPES[kind])
        source = f"{start} + {step} i"
    else:
        flat = np.array(elements, dtype=TYPES[kind])
        source = " ".join(str(x) for x in flat)
    array = flat.reshape(shape)
    text = str(array[()])
    if precision is not None:
        with np.printoptions(precision=precision, floatmode="fixed"):
            text = str(array)
    head = f"{kind} {list(shape)}" + ("" if precision is None else f" .{precision}") + f" = {source}"
    lines = [head.rstrip()] + ["|" + line for line in text.split("\n")]
    # Booleans are spelled as in Rust.
    print("\n".join(lines).replace("True", "true").replace("False", "false"))


print("# Made by numpy_print.py with NumPy", np.__version__)
nan, inf = np.nan, np.inf

for kind in ["f32", "f64"]:
    # Without axes: plain or scientific, at the bounds of either.
    for x in [0.0, -0.0, 2.0, -0.5, 0.1, 123.456, 0.001, 1.5e-7, 1e-5, 999999.0, 1e6, 1e16, 3e30, nan, inf, -inf]:
        case(kind, [], [x])
    for row in [
        [1.0],
        [1.0, 2.0, 3.0],
        [1.0, 2.5, -10.25],
        [0.0, -0.0],
        [0.1, 0.2, 0.3],
        [1 / 3, 2 / 3, 1.0],
        [1e-4, 0.05],
        [9.9e-5, 0.05],
        [1.0, 1000.0],
        [1.0, 1001.0],
        [99999.0, 999999.0, 1e5],
        [999999.0, 1000000.0],
        [99999990.0, 1e8 - 16],
        [1e8, 5e7],
        [1e10, 1.0, 0.0],
        [-1e-10, 2.5e-8],
        [3e38, 1e-38],
        [nan, 1.0, inf],
        [nan, -1.5, -inf],
        [nan, inf],
        [nan, -inf],
        [inf, 1e-10],
        [nan, 123456.0],
        [0.123456789, 12.0],
        [9.999999999, 1.0],
        [0.1 + 0.2, 1.0],
    ]:
        case(kind, [len(row)], row)
    for precision in [0, 1, 3]:
        case(kind, [3], [0.5, 1.5, -2.675], precision)
        case(kind, [2], [1.25e-5, 1.0], precision)
        case(kind, [3], [nan, -inf, 99.95], precision)
    case(kind, [2], [1.0, 0.1], 12)
    case(kind, [2, 3], [1.0, 2.0, 3.0, -4.5, 5.0, 6.0])
    case(kind, [2, 1, 2, 2], [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 40.0])
    case(kind, [3, 7], np.sin(np.arange(21.0)))
    case(kind, [30], np.cos(np.arange(30.0)))
    case(kind, [1001], (0.0, 0.5))
    case(kind, [50, 40], (-3.0, 0.25))
    case(kind, [50, 40], (-3.0, 0.25), 2)
    case(kind, [4, 300], (0.0, 3.0))

case("f64", [2], [1e100, 1.0])
case("f64", [2], [5e-324, 1.7976931348623157e308])
case("f64", [2], [1e-5, 1e-100])
case("f64", [], [1e100])
case("f64", [], [1e-100])
case("f64", [], [0.30000000000000004])
case("f32", [2], [1e11, 0.1])
case("f64", [0], [])
case("f32", [2, 0, 3], [])
case("u8", [], [7])
case("u8", [3], [0, 10, 255])
case("u8", [2, 3], [1, 2, 3, 4, 5, 6])
case("i64", [3], [-1, 0, 10])
case("i64", [2], [-(2**63), 2**63 - 1])
case("i64", [2, 2, 2], [1, 2, 3, 4, -5, 6, 7, 8])
case("i64", [25], (1000, -77))
case("i64", [1000], (0, 1))
case("i64", [1001], (0, 1))
case("i64", [1001, 1], (0, 1))
case("i64", [11, 10, 10], (0, 1))
case("i64", [2, 3, 200], (0, 1))
case("i64", [7, 1, 7, 30], (0, 7))
case("usize", [2], [0, 2**64 - 1])
case("usize", [1, 12], (12345678, 1000))
case("usize", [1, 1, 1, 1, 2], [1, 2])
case("bool", [], [True])
case("bool", [2, 2], [True, False, False, True])
case("bool", [15], [i % 3 == 0 for i in range(15)])

random = np.random.default_rng(1)
for shape in [(4,), (3, 3), (2, 2, 3), (9,)]:
    for scale in [1.0, 1e-3, 1e5]:
        case("f32", shape, random.normal(size=np.prod(shape)) * scale)
        case("f64", shape, random.normal(size=np.prod(shape)) * scale)
