#!/usr/bin/env python3
"""Reads the weights that wengert-nn has written into a folder, and writes some for it to read.

    .ci/safetensors.py FOLDER

The test `interchange` of wengert-nn calls it. It needs the packages safetensors, numpy and
ml_dtypes (for numpy's bfloat16), and says `missing: NAME` with exit code 3 where one is not there.
"""

import pathlib
import sys

# This file's own folder would make it the package of that name.
sys.path.pop(0)

try:
    import ml_dtypes
    import numpy as np
    from safetensors import deserialize, safe_open
    from safetensors.numpy import load_file, save_file
except ImportError as error:
    print(f"missing: {error.name}")
    sys.exit(3)

folder = pathlib.Path(sys.argv[1])
TYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}

# The same numbers as in the test: few bits, so that every type holds them.
EXPECTED = {
    "0.weight": np.arange(6).reshape(2, 3) / 4 - 1,
    "0.bias": np.arange(2) / 4 + 2,
    "1.weight": np.ones(2),
    "1.bias": np.zeros(2),
    "1.running_mean": np.array([0.5, -8.0]),
    "1.running_var": np.array([2.0, 0.125]),
    "1.num_batches_tracked": np.array(12),
}


def check(found, dtype, where):
    assert sorted(found) == sorted(EXPECTED), (where, sorted(found))
    for name, expected in EXPECTED.items():
        wanted = np.int64 if name.endswith("num_batches_tracked") else dtype
        tensor = found[name]
        assert tensor.dtype == wanted, (where, name, tensor.dtype)
        assert tensor.shape == expected.shape, (where, name, tensor.shape)
        assert (tensor.astype(np.float64) == expected).all(), (where, name, tensor)


def load(path, dtype):
    if dtype != ml_dtypes.bfloat16:
        return load_file(path)
    # The library reads it, but knows no numpy type for it.
    types = {"BF16": dtype, "I64": np.int64}
    entries = deserialize(path.read_bytes())
    return {name: np.frombuffer(x["data"], types[x["dtype"]]).reshape(x["shape"]) for name, x in entries}


def weights(dtype):
    counts = {"1.num_batches_tracked": np.array(12, np.int64)}
    return {name: np.ascontiguousarray(x, dtype) for name, x in EXPECTED.items()} | counts


for name, dtype in TYPES.items():
    path = folder / f"ours-{name}.safetensors"
    check(load(path, dtype), dtype, path)
    with safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt", "author": "wengert"}, file.metadata()
    save_file(weights(dtype), folder / f"theirs-{name}.safetensors", {"format": "pt"})
    if name != "bf16":
        path = folder / f"ours-{name}.npz"
        with np.load(path) as file:
            check(dict(file), dtype, path)
        save = np.savez if name == "f32" else np.savez_compressed
        by_columns = {name: np.array(x, order="F") for name, x in weights(dtype).items()}
        save(folder / f"theirs-{name}.npz", **by_columns)

with safe_open(folder / "training.safetensors", "np") as file:
    names = [name for name in file.keys() if not name.startswith("training/")]
    assert sorted(names) == sorted(EXPECTED), names
    assert "training/optimizer.0.weight.first_moment" in file.keys() or any(
        name.startswith("training/optimizer.0.weight.") for name in file.keys()
    ), list(file.keys())
print("ok")
