"""The perceptron of `mlp` trained on MNIST for five epochs, in PyTorch. `run` times the whole process. With --flush
denormals count as zero: RMSprop's averages of seldom lit pixels decay into them, and each costs a multiple."""
import json
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

import mnist

torch.set_num_threads(int(os.environ["THREADS"]))
torch.manual_seed(0)
flush = "--flush" in sys.argv
torch.set_flush_denormal(flush)
(x, y), (test_x, test_y) = ([torch.from_numpy(part) for part in mnist.load(name)] for name in ("train", "t10k"))
model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
for _ in range(5):
    for batch in torch.randperm(len(x)).split(128):
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
name = "torch eager (denormals flushed)" if flush else "torch eager"
print(json.dumps(dict(peer=name, version=torch.__version__, accuracy=round(accuracy, 4))))
