"""Compares what the real TensorBoard reads with what wengert-tensorboard's example `every_kind` has written.

    tensorboard.py FOLDER PROTO_RS

FOLDER/runs holds the runs. Numbers are computed here again, by the formulas of the example. First the fields
of the messages in PROTO_RS are compared with the descriptors that TensorBoard carries. FOLDER/trained holds a
training of the example `mnist_cnn`, and FOLDER/trained.jsonl what it has printed. `.ci/tensorboard` calls it.
"""

import io
import json
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# This file's own folder would make it the package of that name.
sys.path.pop(0)

import numpy as np
from google.protobuf import struct_pb2, text_format
from PIL import Image
from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.compat.proto import attr_value_pb2, node_def_pb2, types_pb2, versions_pb2
from tensorboard.plugins.hparams import plugin_data_pb2 as hparams_pb2

FOLDER, PROTO_RS = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
RATES = {"slow": 0.05, "fast": 0.2}
compared = 0


def same(found, expected, where):
    """Compares anything, numbers bit by bit; counts."""
    global compared
    compared += 1
    as_bits = lambda x: struct.pack("<d", x) if isinstance(x, float) else x
    assert as_bits(found) == as_bits(expected), f"{where}: found {found!r}, expected {expected!r}"


# --- The messages ---

# Where ours are called otherwise.
DESCRIPTORS = {
    "Event": event_pb2.Event,
    "SourceMetadata": event_pb2.SourceMetadata,
    "SessionLog": event_pb2.SessionLog,
    "Summary": summary_pb2.Summary,
    "Value": summary_pb2.Summary.Value,
    "SummaryMetadata": summary_pb2.SummaryMetadata,
    "PluginData": summary_pb2.SummaryMetadata.PluginData,
    "TensorProto": tensor_pb2.TensorProto,
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
    "GraphDef": graph_pb2.GraphDef,
    "VersionDef": versions_pb2.VersionDef,
    "NodeDef": node_def_pb2.NodeDef,
    "AttrValue": attr_value_pb2.AttrValue,
    "AttrList": attr_value_pb2.AttrValue.ListValue,
    "HParamsPluginData": hparams_pb2.HParamsPluginData,
    "SessionStartInfo": hparams_pb2.SessionStartInfo,
    "SessionEndInfo": hparams_pb2.SessionEndInfo,
    "HParamValue": struct_pb2.Value,
    # The enums of alternatives, with the message that they stand in.
    "What": event_pb2.Event,
    "Attr": attr_value_pb2.AttrValue,
    "HParamsData": hparams_pb2.HParamsPluginData,
    "HParamKind": struct_pb2.Value,
}
NAMES = {("HParamKind", "number"): "number_value", ("HParamKind", "text"): "string_value"}
NAMES[("HParamKind", "flag")] = "bool_value"


def check_messages():
    text = re.sub(r"//[^\n]*", "", PROTO_RS.read_text())
    seen = set()
    for kind, name, body in re.findall(r"pub (struct|enum) (\w+) \{(.*?)\n\}", text, re.S):
        seen.add(name)
        descriptor = DESCRIPTORS[name].DESCRIPTOR
        field = r"#\[prost\(([^\]]*)\)\]\s*(?:pub )?(\w+)"
        for attributes, ours in re.findall(field, body):
            if attributes.startswith("oneof"):
                union = re.search(r'tags = "([\d, ]+)"', attributes)[1].split(", ")
                alternatives = re.search(r'oneof = "(\w+)"', attributes)[1]
                variants = text.split(f"pub enum {alternatives} {{")[1].split("\n}")[0]
                same(union, re.findall(r'tag = "(\d+)"', variants), f"tags of {name}.{ours}")
                continue
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", ours).lower()
            theirs = descriptor.fields_by_name[NAMES.get((name, snake), snake)]
            where = f"{name}.{ours}"
            same(int(re.search(r'tag = "(\d+)"', attributes)[1]), theirs.number, f"number of {where}")
            repeated = getattr(theirs, "is_repeated", None)
            if repeated is None:
                repeated = theirs.label == theirs.LABEL_REPEATED
            same("repeated" in attributes or "map" in attributes, repeated, f"repetition of {where}")
            ours_type = re.match(r"\w+", attributes)[0].replace("btree_map", "message")
            types = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string", 11: "message", 12: "bytes", 14: "int32"}
            same(ours_type, types[theirs.type], f"type of {where}")
    # None is left out by the expressions above.
    same(seen, set(DESCRIPTORS), "messages")
    for constant, number in re.findall(r"pub const (\w+): i32 = (\d+);", text):
        same(int(number), types_pb2.DataType.Value(constant), constant)


# --- The server ---


class Server:
    """TensorBoard over a folder, until the end of the block."""

    def __init__(self, logdir, fast):
        self.fast = fast
        arguments = ["--logdir", logdir, "--port", "0", "--samples_per_plugin", "images=100"]
        arguments += ["--load_fast", "true" if fast else "false"]
        # By default the fast loader compares no checksums.
        arguments += ["--extra_data_server_flags=--checksum"] if fast else []
        self.log = open(FOLDER / "log", "w+")
        command = [sys.executable, "-m", "tensorboard.main", *arguments]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for _ in range(600):
            found = re.search(r"at http://[^:]+:(\d+)/", (FOLDER / "log").read_text())
            if found or self.process.poll() is not None:
                break
            time.sleep(0.1)
        assert found, f"tensorboard did not start:\n{(FOLDER / 'log').read_text()}"
        self.address = f"http://127.0.0.1:{found[1]}/data/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def bytes(self, path, body=None, **query):
        url = self.address + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            return answer.read()

    def json(self, path, body=None, **query):
        return json.loads(self.bytes(path, body, **query))

    def until_loaded(self, check):
        """Loading goes on after the start."""
        for attempt in range(100):
            try:
                return check(self)
            except (AssertionError, LookupError, ValueError, urllib.error.HTTPError):
                if attempt == 99:
                    raise
                time.sleep(0.3)

    def wait(self, ready):
        for _ in range(300):
            try:
                if ready():
                    return
            except urllib.error.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not loaded after 30 s:\n{(FOLDER / 'log').read_text()}")


def scalars(server, run, tag):
    rows = server.json("plugin/scalars/scalars", run=run, tag=tag)
    assert all(isinstance(wall, float) and wall > 1e9 for wall, _, _ in rows)
    return [(step, float(value)) for _, step, value in rows]


def f32(x):
    with np.errstate(over="ignore"):
        return float(np.float32(x))


# --- The values ---


def close(found, expected, where):
    """Sines and powers may differ in their last bit from one library to the next."""
    global compared
    compared += 1
    assert np.shape(found) == np.shape(expected), f"{where}: {np.shape(found)}, not {np.shape(expected)}"
    assert np.allclose(found, expected, rtol=2e-7, atol=1e-12), f"{where}: found {found}, expected {expected}"


def check_scalars(server, name, rate):
    expected = {
        ("train", "loss"): [math.exp(-rate * step) for step in range(21)],
        ("validation", "loss"): [0.1 + math.exp(-rate * step / 1.5) for step in range(21)],
        ("train", "learning/rate"): [rate * 0.9**step for step in range(21)],
    }
    for (run, tag), values in expected.items():
        found = scalars(server, f"{name}/{run}", tag)
        same([step for step, _ in found], list(range(21)), tag)
        close([x for _, x in found], values, f"{run} {tag}")
    odd = scalars(server, f"{name}/train", "odd/not finite")
    for (step, x), expected in zip(odd, [1.0, math.nan, 2.0, math.inf, -math.inf, 3.0], strict=True):
        same(math.isnan(x) or x, math.isnan(expected) or expected, f"odd, step {step}")
    same(scalars(server, f"{name}/train", "weights/nonfinite"), [(10, 1.0)], "count of NaN")


def check_histograms(server, name, rate):
    read = lambda tag: server.json("plugin/histograms/histograms", run=f"{name}/train", tag=tag)
    rows = read("weights")
    same([step for _, step, _ in rows], list(range(11)), "steps of histograms")
    for _, step, buckets in rows:
        values = (1 + step * rate) * np.sin(2 * np.pi * np.arange(1000) / 1000) ** 3
        counts, edges = np.histogram(values, bins=30)
        found = np.array(buckets)
        close(found[:, 0], edges[:-1], "left edges")
        close(found[:, 1], edges[1:], "right edges")
        same(found[:, 2].sum(), 1000.0, "number of values")
        # Values at an edge may fall to either side of it.
        assert np.abs(np.cumsum(found[:, 2]) - np.cumsum(counts)).max() <= 2, (found[:, 2], counts)
    for _, step, buckets in read("odd/all equal"):
        same(buckets, [[0.5, 0.5, 0.0]] * 29 + [[0.5, 0.5, 10.0]], f"equal values, step {step}")
    same([buckets for _, _, buckets in read("odd/none")], [[]] * 11, "no values")


def check_images(server, name):
    def read(tag, sample):
        rows = server.json("plugin/images/images", run=f"{name}/train", tag=tag, sample=sample)
        same([row["step"] for row in rows], [0, 1, 2], tag)
        for row in rows:
            file = server.bytes("plugin/images/individualImage?" + row["query"])
            yield row["step"], np.array(Image.open(io.BytesIO(file)))

    for step, pixels in read("images/grey", 0):
        values = np.outer(np.arange(8) + step, np.arange(16)).astype(float)
        grey = np.floor(values / values.max() * 255 + 0.5).astype(np.uint8)
        if step == 2:
            grey = np.repeat(grey[:, :, None], 3, axis=2)
            grey[0, 0] = [255, 0, 0]
        expected = grey.repeat(4, axis=0).repeat(4, axis=1)
        same((pixels.dtype, pixels.shape), (expected.dtype, expected.shape), "grey image")
        same((pixels == expected).all(), True, f"pixels of the grey image, step {step}")
    for sample in [0, 1]:
        for step, pixels in read("images/colour", sample):
            y, x = np.mgrid[:32, :32] * 8
            expected = np.stack([x, y, np.full((32, 32), step + 100 * sample)], axis=2)
            same((pixels == expected).all() and pixels.shape == expected.shape, True, f"colours, step {step}")


def graph_of(server, run):
    query = dict(run=run, conceptual="false", limit_attr_size="1024", large_attrs_key="too_large")
    graph = text_format.Parse(server.bytes("plugin/graphs/graph", **query), graph_pb2.GraphDef())
    return {node.name: node for node in graph.node}


def check_graph(server, name):
    nodes = graph_of(server, f"{name}/train")
    inputs = {
        "input": [],
        "hidden/weight": [],
        "hidden/bias": [],
        "hidden/linear": ["input", "hidden/weight", "hidden/bias"],
        "hidden/relu": ["hidden/linear"],
        "out/weight": [],
        "out/bias": [],
        "out/linear": ["hidden/relu", "out/weight", "out/bias"],
        "out/relu": ["out/linear"],
        "loss": ["out/relu"],
    }
    same({name: list(node.input) for name, node in nodes.items()}, inputs, "inputs of the graph")
    same(nodes["hidden/linear"].attr["source"].s, b"main.rs:7", "an attribute")
    same(nodes["loss"].op, "CrossEntropy", "an operation")
    shape = nodes["hidden/weight"].attr["_output_shapes"].list.shape[0]
    same([dim.size for dim in shape.dim], [64, 784], "a shape")
    same(len(nodes["loss"].attr["_output_shapes"].list.shape[0].dim), 0, "the shape of a number")


def check_text(server, name, rate):
    [row] = server.json("plugin/text/text", run=f"{name}/train", tag="notes")
    for part in [f"<h1>Run {name}</h1>", "<table>", f"<strong>{rate}</strong>"]:
        same(part in row["text"], True, f"{part} in {row['text']}")


def session_groups(server):
    states = ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_FAILURE", "STATUS_UNKNOWN"]
    question = {"experimentName": "", "allowedStatuses": states, "colParams": [], "startIndex": 0, "sliceSize": 9}
    return server.json("plugin/hparams/session_groups", question)["sessionGroups"]


def check_hparams(server):
    experiment = server.json("plugin/hparams/experiment", {"experimentName": ""})
    infos = {info["name"]: info for info in experiment["hparamInfos"]}
    same(set(infos), {"learning_rate", "optimizer", "units", "bias"}, "names of hyper-parameters")
    same(infos["learning_rate"]["domainInterval"], {"minValue": 0.05, "maxValue": 0.2}, "learning rates")
    groups = session_groups(server)
    same(sorted(group["name"] for group in groups), ["fast", "slow"], "rows of the table")
    for group in groups:
        rate = RATES[group["name"]]
        expected = {"learning_rate": rate, "optimizer": "sgd", "units": 64.0, "bias": True}
        same(group["hparams"], expected, "hyper-parameters")
        [session] = group["sessions"]
        same(session["status"], "STATUS_SUCCESS", "how it has ended")
        assert 1e9 < session["startTimeSecs"] <= session["endTimeSecs"]
        metrics = {(m["name"]["group"], m["name"]["tag"]): m for m in group["metricValues"]}
        for run, expected in [("train", math.exp(-20 * rate)), ("validation", 0.1 + math.exp(-20 * rate / 1.5))]:
            close(metrics[(run, "loss")]["value"], expected, f"loss of {run} in the table")
            same(metrics[(run, "loss")]["trainingStep"], 20, "its step")


def check_projector(server, name):
    [info] = server.json("plugin/projector/info", run=name)["embeddings"]
    same((info["tensorName"], info["tensorShape"]), ("clusters", [90, 4]), "the list of embeddings")
    query = dict(run=name, name="clusters")
    points = np.frombuffer(server.bytes("plugin/projector/tensor", **query), "<f4").reshape(90, 4)
    i = np.arange(90.0)
    expected = np.stack([np.sin(i), np.cos(i), np.sin(2 * i), i / 90], axis=1)
    expected[:, :3] += 4 * np.eye(3)[np.arange(90) % 3]
    close(points, expected.astype(np.float32), "points")
    lines = server.bytes("plugin/projector/metadata", **query).decode().splitlines()
    same(lines, ["name\tclass"] + [f"point {i}\t{i % 3}" for i in range(90)], "labels")
    sprite = np.array(Image.open(io.BytesIO(server.bytes("plugin/projector/sprite_image", **query))))
    same(sprite.shape, (80, 80, 3), "the sprite")
    colours = [[220, 60, 60], [60, 160, 60], [60, 60, 220]]
    same(all((sprite[i // 10 * 8 : i // 10 * 8 + 8, i % 10 * 8 : i % 10 * 8 + 8] == colours[i % 3]).all() for i in range(90)), True, "its pixels")


def check_runs(fast):
    with Server(FOLDER / "runs", fast) as server:
        same(server.json("environment")["debug"]["flags"]["load_fast"], "true" if fast else "false", "loader")
        provider = server.json("environment")["debug"]["data_provider"]
        same(provider.startswith("GrpcDataProvider"), fast, f"loader {provider}")
        server.until_loaded(check_all)


def check_training(fast):
    """Losses and accuracies are those that were printed."""
    events = [json.loads(line) for line in (FOLDER / "trained.jsonl").read_text().splitlines()]
    epochs = [event for event in events if event["event"] == "epoch"]
    [result] = [event for event in events if event["event"] == "result"]
    same(len(epochs), 2, "epochs printed")

    def check(server):
        train, validation = "digits/train", "digits/validation"
        for name in ["loss", "accuracy"]:
            expected = [(event["epoch"], f32(event[name])) for event in epochs]
            same(scalars(server, train, f"epoch/{name}"), expected, f"{name} in training")
            same(scalars(server, validation, f"epoch/{name}")[-1], (2, f32(result[f"test_{name}"])), f"last {name}")
        graph = graph_of(server, train)
        same(len(graph["conv1/conv2d"].input), 3, "inputs of the first convolution")
        same(b"norm" in graph["out/weight"].attr["adjoint"].s, True, "an adjoint")
        histograms = server.json("plugin/histograms/histograms", run=train, tag="weights/conv1.weight")
        same([step for _, step, _ in histograms], [0, 1, 2], "steps of histograms")
        same([sum(count for _, _, count in buckets) for _, _, buckets in histograms], [18.0] * 3, "weights counted")
        images = server.json("plugin/images/tags")[train]
        samples = {name: images[name]["samples"] for name in images}
        same(samples, {"filters/conv1.weight": 1, "activations/conv1": 4}, "images")
        [group] = session_groups(server)
        same(group["hparams"]["optimizer"], "adam", "the optimizer")
        metrics = {(m["name"]["group"], m["name"]["tag"]): m["value"] for m in group["metricValues"]}
        same(metrics[("validation", "epoch/loss")], f32(result["test_loss"]), "a result in the table")

    with Server(FOLDER / "trained", fast) as server:
        server.until_loaded(check)


def check_all(server):
    runs = {f"{name}{part}" for name in RATES for part in ["", "/train", "/validation"]}
    same(set(server.json("runs")), runs, "runs")
    tags = server.json("plugin/images/tags")["fast/train"]
    same(tags["images/colour"]["samples"], 2, "samples of a tag of images")
    same("blue grows" in tags["images/colour"]["description"], True, "a description")
    for name, rate in RATES.items():
        check_scalars(server, name, rate)
        check_histograms(server, name, rate)
        check_images(server, name)
        check_graph(server, name)
        check_text(server, name, rate)
        check_projector(server, name)
    check_hparams(server)


def check_damage(fast):
    """One flipped bit in the value of the tenth loss, and reading stops there."""
    damaged = FOLDER / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(FOLDER / "runs/fast/train", damaged / "run")
    [path] = (damaged / "run").glob("*tfevents*")
    data = bytearray(path.read_bytes())
    value = struct.pack("<f", math.exp(-0.2 * 10))
    at = data.find(value)
    assert data.count(value) == 1, "the value is there once"
    data[at] ^= 1
    path.write_bytes(data)
    with Server(damaged, fast) as server:
        server.wait(lambda: len(scalars(server, "run", "loss")) >= 10)
        # More would come now.
        time.sleep(2)
        same([step for step, _ in scalars(server, "run", "loss")], list(range(10)), "steps before the damage")


def main():
    check_messages()
    loaders = [False]
    try:
        import tensorboard_data_server

        loaders += [True] if tensorboard_data_server.server_binary() else []
    except ImportError:
        pass
    if len(loaders) == 1:
        print("skipped: needs tensorboard-data-server, for the fast loader")
        if os.environ.get("CI") == "1":
            sys.exit(1)
    for fast in loaders:
        check_runs(fast)
        check_damage(fast)
        check_training(fast)
    print(f"ok: {compared} comparisons, {len(loaders)} loaders")


main()
