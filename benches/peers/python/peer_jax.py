"""JAX, each step compiled as one. XLA's convolutions on a CPU want channels last."""
from functools import partial
from itertools import cycle

from common import *

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_map

PEER = "jax.jit"
VERSION = jax.__version__
random = np.random.default_rng(0)


def normal(*shape, scale=1.0):
    return jnp.asarray((random.standard_normal(shape) * scale).astype(np.float32))


def batches(count, *shape):
    return [(normal(*shape), jnp.asarray(random.integers(0, 10, shape[0]))) for _ in range(count)]


def train(workload, model, parameters, optimizer, batches):
    """`optimizer` is its first state, and a function of parameters, state and gradients."""
    state, update = optimizer
    batches = cycle(batches)

    def loss_of(parameters, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(model(parameters, x)), y[:, None], 1))

    @partial(jax.jit, donate_argnums=(0, 1))
    def improve(parameters, state, x, y):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        return *update(parameters, state, gradients), loss

    def step():
        nonlocal parameters, state
        parameters, state, loss = improve(parameters, state, *next(batches))
        jax.block_until_ready(parameters)
        return loss

    measure(workload, PEER, VERSION, step)
    assert jnp.isfinite(step())


def sgd():
    return 0, lambda p, state, g: (tree_map(lambda p, g: p - 0.01 * g, p, g), state)


def rmsprop(parameters):
    def update(p, average, g):
        average = tree_map(lambda v, g: 0.9 * v + 0.1 * g * g, average, g)
        return tree_map(lambda p, g, v: p - 1e-3 * g / (jnp.sqrt(v) + 1e-7), p, g, average), average

    return tree_map(jnp.zeros_like, parameters), update


def adam(parameters):
    def update(p, state, g):
        mean, square, t = state
        t = t + 1
        mean = tree_map(lambda m, g: 0.9 * m + 0.1 * g, mean, g)
        square = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, square, g)
        m, v = 1 - 0.9 ** t, 1 - 0.999 ** t
        p = tree_map(lambda p, a, b: p - 1e-3 * (a / m) / (jnp.sqrt(b / v) + 1e-8), p, mean, square)
        return p, (mean, square, t)

    # Each a tree of its own: the step gives its buffers away.
    return (tree_map(jnp.zeros_like, parameters), tree_map(jnp.zeros_like, parameters), jnp.zeros(())), update


if wanted("mlp"):
    parameters = [normal(784, 512, scale=0.05), jnp.zeros(512), normal(512, 10, scale=0.05), jnp.zeros(10)]
    model = lambda p, x: jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3]
    train("mlp", model, parameters, rmsprop(parameters), batches(MLP_BATCHES, 128, 784))

if wanted("cnn"):
    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def model(p, x):
        x = pool(jax.nn.relu(convolve(x, p[0]) + p[1]))
        x = pool(jax.nn.relu(convolve(x, p[2]) + p[3]))
        return x.reshape(x.shape[0], -1) @ p[4] + p[5]

    parameters = [normal(3, 3, 1, 32, scale=0.1), jnp.zeros(32), normal(3, 3, 32, 64, scale=0.05), jnp.zeros(64),
                  normal(1600, 10, scale=0.02), jnp.zeros(10)]
    train("cnn", model, parameters, adam(parameters), batches(BATCHES, 64, 28, 28, 1))

if wanted("lstm"):
    def model(p, x):
        def cell(state, x):
            h, c = state
            i, f, g, o = jnp.split(x + h @ p[1], 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zero = jnp.zeros((x.shape[0], 128))
        (h, _), _ = jax.lax.scan(cell, (zero, zero), jnp.swapaxes(x @ p[0] + p[2], 0, 1))
        return h @ p[3] + p[4]

    parameters = [normal(64, 512, scale=0.1), normal(128, 512, scale=0.1), jnp.zeros(512), normal(128, 10, scale=0.1),
                  jnp.zeros(10)]
    train("lstm", model, parameters, sgd(), batches(BATCHES, 32, 64, 64))

if wanted("scalar"):
    jax.config.update("jax_enable_x64", True)
    variables = [jnp.float64(value) for value in START]
    # Compiled once: no recording, and nearly all of its time is the passing of 100 arguments.
    gradient = jax.jit(jax.grad(rosenbrock))
    measure("scalar", PEER, VERSION, lambda: jax.block_until_ready(gradient(variables)), unit="ns/op")
    jax.config.update("jax_enable_x64", False)

if wanted("small"):
    parameters = [normal(16, 32), jnp.zeros(32), normal(32, 1), jnp.zeros(1)]
    x = normal(1, 16)
    gradient = jax.jit(jax.value_and_grad(lambda p, x: (jnp.tanh(x @ p[0] + p[1]) @ p[2] + p[3]).sum()))
    measure("small", PEER, VERSION, lambda: jax.block_until_ready(gradient(parameters, x)), unit="us")

if wanted("elementwise"):
    variables = [normal(1_000_000) for _ in range(3)]
    gradient = jax.jit(jax.value_and_grad(
        lambda x, w, b: (jnp.tanh(x * w + b) * jax.nn.sigmoid(x)).sum(), argnums=(0, 1, 2)))
    measure("elementwise", PEER, VERSION, lambda: jax.block_until_ready(gradient(*variables)))

if wanted("attention"):
    mask = jnp.triu(jnp.full((128, 128), -jnp.inf), 1)

    def loss(p, x):
        h = (x @ p[0] + p[1]).reshape(8, 128, 3, 8, 32)
        q, k, v = jnp.moveaxis(h, (2, 3), (0, 2))
        y = jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / 32 ** 0.5 + mask) @ v
        y = jnp.swapaxes(y, 1, 2).reshape(8, 128, 256)
        return jnp.mean((y @ p[2] + p[3]) ** 2)

    parameters = [normal(256, 768, scale=0.05), jnp.zeros(768), normal(256, 256, scale=0.05), jnp.zeros(256)]
    x = normal(8, 128, 256)
    gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    measure("attention", PEER, VERSION, lambda: jax.block_until_ready(gradient(parameters, x)))

for workload, m, k, n in MATMULS:
    if wanted(workload):
        product = jax.jit(lambda a, b: a @ b)
        a, b = normal(m, k), normal(k, n)
        measure(workload, PEER, VERSION, lambda: product(a, b).block_until_ready(), operations=2 * m * k * n)
