"""TensorFlow with Keras' layers and optimizers, each step a tf.function; with --xla compiled by XLA."""
from itertools import cycle

from common import *

import keras
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
XLA = option("--xla")
PEER = "tf.function (XLA)" if XLA else "tf.function"
VERSION = tf.__version__
random = np.random.default_rng(0)
layers = keras.layers


def normal(*shape, scale=1.0):
    return tf.constant((random.standard_normal(shape) * scale).astype(np.float32))


def batches(count, *shape):
    return [(normal(*shape), tf.constant(random.integers(0, 10, shape[0]))) for _ in range(count)]


def train(workload, model, optimizer, batches):
    batches = cycle(batches)
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function(jit_compile=XLA)
    def improve(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=True)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    def step():
        return improve(*next(batches)).numpy()

    measure(workload, PEER, VERSION, step)
    assert np.isfinite(step())


if wanted("mlp"):
    model = keras.Sequential([layers.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10)])
    train("mlp", model, keras.optimizers.RMSprop(1e-3, rho=0.9), batches(MLP_BATCHES, 128, 784))

if wanted("cnn"):
    model = keras.Sequential([
        layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPool2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(10)])
    train("cnn", model, keras.optimizers.Adam(1e-3), batches(BATCHES, 64, 28, 28, 1))

if wanted("lstm"):
    model = keras.Sequential([layers.Input((64, 64)), layers.LSTM(128), layers.Dense(10)])
    train("lstm", model, keras.optimizers.SGD(0.01), batches(BATCHES, 32, 64, 64))

if wanted("scalar") and not XLA:
    variables = [tf.Variable(value, dtype=tf.float64) for value in START]

    def step():
        with tf.GradientTape() as tape:
            total = rosenbrock([x.value() for x in variables])
        return tape.gradient(total, variables)

    measure("scalar", "tf eager", VERSION, step, unit="ns/op")

if wanted("small"):
    w1, b1, w2, b2 = parameters = [tf.Variable(normal(*shape)) for shape in ((16, 32), (32,), (32, 1), (1,))]
    x = normal(1, 16)

    @tf.function(jit_compile=XLA)
    def gradients():
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.tanh(x @ w1 + b1) @ w2 + b2)
        return tape.gradient(y, parameters)

    measure("small", PEER, VERSION, lambda: gradients()[0].numpy(), unit="us")

if wanted("elementwise"):
    x, w, b = variables = [tf.Variable(normal(1_000_000)) for _ in range(3)]

    @tf.function(jit_compile=XLA)
    def gradients():
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.tanh(x * w + b) * tf.sigmoid(x))
        return tape.gradient(y, variables)

    measure("elementwise", PEER, VERSION, lambda: [gradient[0].numpy() for gradient in gradients()])

if wanted("attention"):
    shapes = ((256, 768), (768,), (256, 256), (256,), (8, 128, 256))
    w1, b1, w2, b2, x = variables = [
        tf.Variable(normal(*shape, scale=1.0 if len(shape) == 3 else 0.05)) for shape in shapes]
    mask = tf.constant(np.triu(np.full((128, 128), -np.inf, np.float32), 1))

    @tf.function(jit_compile=XLA)
    def gradients():
        with tf.GradientTape() as tape:
            h = tf.reshape(tf.reshape(x, (1024, 256)) @ w1 + b1, (8, 128, 3, 8, 32))
            q, k, v = tf.unstack(tf.transpose(h, (2, 0, 3, 1, 4)))
            y = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / 32 ** 0.5 + mask) @ v
            y = tf.reshape(tf.transpose(y, (0, 2, 1, 3)), (1024, 256))
            loss = tf.reduce_mean(tf.square(y @ w2 + b2))
        return tape.gradient(loss, variables)

    measure("attention", PEER, VERSION, lambda: [gradient.numpy() for gradient in gradients()])

for workload, m, k, n in MATMULS:
    if wanted(workload) and not XLA:
        product = tf.function(lambda a, b: a @ b)
        a, b = normal(m, k), normal(k, n)
        measure(workload, PEER, VERSION, lambda: product(a, b).numpy(), operations=2 * m * k * n)
