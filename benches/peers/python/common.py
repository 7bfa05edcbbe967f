"""What the Python programs share: the clock, the lines they print, and the sizes.

A program takes names of workloads as its arguments; none means all. `THREADS` says how many threads it was given,
`PEER_SECONDS` how long a workload is measured after a second of warm-up. To be imported before the framework, which
reads the variables of the environment that `run` has set.
"""
import json
import os
import sys
import time

THREADS = int(os.environ.get("THREADS", "1"))
SECONDS = float(os.environ.get("PEER_SECONDS", "3"))
WORKLOADS = [word for word in sys.argv[1:] if not word.startswith("--")]

# Distinct batches that the training steps walk through: a whole epoch for the perceptron.
MLP_BATCHES = 469
BATCHES = 128
MATMULS = [
    ("matmul-128x784x512", 128, 784, 512),
    ("matmul-1024", 1024, 1024, 1024),
    ("matmul-43264x288x64", 43264, 288, 64),
]
# Eight a pair, and 98 additions less one that is free.
ROSENBROCK_OPERATIONS = 791

UNITS = {
    "ms": lambda seconds: seconds * 1e3,
    "us": lambda seconds: seconds * 1e6,
    "ns/op": lambda seconds: seconds * 1e9 / ROSENBROCK_OPERATIONS,
}


def wanted(workload):
    return not WORKLOADS or workload in WORKLOADS


def option(name):
    return name in sys.argv


def measure(workload, peer, version, step, unit="ms", operations=None):
    """Prints median, least and 90th percentile of the times of `step`, which returns when its result is there, as a
    line of JSON. With `operations`, as GFLOP/s."""
    clock = time.perf_counter
    start = clock()
    calls = 0
    while calls < 3 or clock() - start < 1:
        step()
        calls += 1
    lap = clock()
    step()
    # At least 0.2 ms between two looks at the clock.
    repeats = max(1, int(2e-4 / (clock() - lap)))
    times = []
    start = clock()
    while len(times) < 5 or clock() - start < SECONDS:
        lap = clock()
        for _ in range(repeats):
            step()
        times.append((clock() - lap) / repeats)
    times.sort()
    if operations:
        unit, figure = "GFLOP/s", lambda seconds: operations / seconds / 1e9
    else:
        figure = UNITS[unit]
    median, least, p90 = (round(figure(times[i]), 4) for i in (len(times) // 2, 0, len(times) * 9 // 10))
    line = dict(workload=workload, peer=peer, version=version, threads=THREADS, median=median, min=least, p90=p90,
                unit=unit)
    print(json.dumps(line), flush=True)


def rosenbrock(variables):
    """100·(y - x²)² + (1 - x)² over neighbours, summed one by one."""
    total = None
    for x, y in zip(variables, variables[1:]):
        t = y - x * x
        u = 1.0 - x
        term = 100.0 * (t * t) + u * u
        total = term if total is None else total + term
    return total


# The 100 variables of `rosenbrock`.
START = [0.5 + 0.01 * i for i in range(100)]
