"""MNIST's four gzipped IDX files, from the folder named by MNIST_DIR: images in [0, 1], labels."""
import gzip
import os

import numpy as np


def read(name, header):
    with gzip.open(os.path.join(os.environ["MNIST_DIR"], name)) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(part):
    """`train` or `t10k`."""
    images = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 255
    return images, read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64)
