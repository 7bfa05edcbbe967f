"""The perceptron of `mlp` trained on MNIST for five epochs, with Keras' fit. `run` times the whole process."""
import json
import os

import keras
import tensorflow as tf

import mnist

tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["THREADS"]))
(x, y), (test_x, test_y) = mnist.load("train"), mnist.load("t10k")
layers = keras.layers
model = keras.Sequential([layers.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10)])
model.compile(keras.optimizers.RMSprop(1e-3, rho=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])
model.fit(x, y, batch_size=128, epochs=5, verbose=0)
accuracy = model.evaluate(test_x, test_y, batch_size=1000, verbose=0)[1]
print(json.dumps(dict(peer="keras fit", version=tf.__version__, accuracy=round(accuracy, 4))))
