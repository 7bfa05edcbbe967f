"""PyTorch, eager, or with --compile through torch.compile. A workload that it has several good forms of is measured in
each; the table takes the best."""
from itertools import cycle

from common import *

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(THREADS)
torch.set_num_interop_threads(1)
torch.manual_seed(0)
COMPILE = option("--compile")
PEER = "torch.compile" if COMPILE else "torch eager"
VERSION = torch.__version__
compiled = torch.compile if COMPILE else lambda function: function


def report(workload, step, remark="", **keywords):
    measure(workload, PEER + (f" ({remark})" if remark else ""), VERSION, step, **keywords)


def train(workload, model, optimizer, batches, remark="", optimize=None):
    batches = cycle(batches)
    optimize = optimize or optimizer.step
    loss_of = compiled(lambda x, y: F.cross_entropy(model(x), y))

    def step():
        x, y = next(batches)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, y)
        loss.backward()
        optimize()
        return loss

    report(workload, step, remark)
    assert step().isfinite()


def batches(count, *shape):
    return [(torch.randn(shape), torch.randint(0, 10, shape[:1])) for _ in range(count)]


if wanted("mlp"):
    data = batches(MLP_BATCHES, 128, 784)
    for foreach in (False, True):
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
        optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, foreach=foreach)
        if not COMPILE:
            train("mlp", model, optimizer, data, "foreach optimizer" if foreach else "")
        elif foreach:
            train("mlp", model, optimizer, data, "optimizer too", optimize=torch.compile(optimizer.step))
        else:
            train("mlp", model, optimizer, data)

if wanted("cnn"):
    # Contiguous images are the default, but its convolutions are made for channels that vary fastest.
    for layout, fused in (
            (torch.contiguous_format, False), (torch.channels_last, False), (torch.channels_last, True)):
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1600, 10)).to(memory_format=layout)
        data = [(x.to(memory_format=layout), y) for x, y in batches(BATCHES, 64, 1, 28, 28)]
        remark = "channels last" * (layout == torch.channels_last) + ", fused Adam" * fused
        train("cnn", model, torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused), data, remark)

if wanted("lstm"):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTM(64, 128, batch_first=True)
            self.output = nn.Linear(128, 10)

        def forward(self, x):
            return self.output(self.cell(x)[0][:, -1])

    model = Classifier()
    train("lstm", model, torch.optim.SGD(model.parameters(), lr=0.01), batches(BATCHES, 32, 64, 64))

if wanted("scalar") and not COMPILE:
    variables = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in START]

    def step():
        for x in variables:
            x.grad = None
        rosenbrock(variables).backward()

    report("scalar", step, unit="ns/op")

if wanted("small"):
    shapes = [(32, 16), (32,), (1, 32), (1,)]
    w1, b1, w2, b2 = parameters = [torch.randn(shape, requires_grad=True) for shape in shapes]
    x = torch.randn(1, 16)
    output = compiled(lambda: F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2).sum())

    def step():
        for parameter in parameters:
            parameter.grad = None
        output().backward()

    report("small", step, unit="us")

if wanted("elementwise"):
    x, w, b = (torch.randn(1_000_000, requires_grad=True) for _ in range(3))
    output = compiled(lambda: (torch.tanh(x * w + b) * torch.sigmoid(x)).sum())

    def step():
        x.grad = w.grad = b.grad = None
        output().backward()

    report("elementwise", step)

if wanted("attention"):
    class Attention(nn.Module):
        def __init__(self, fused):
            super().__init__()
            self.project = nn.Linear(256, 768)
            self.output = nn.Linear(256, 256)
            self.fused = fused
            self.register_buffer("mask", torch.full((128, 128), float("-inf")).triu(1))

        def forward(self, x):
            q, k, v = self.project(x).view(8, 128, 3, 8, 32).permute(2, 0, 3, 1, 4)
            if self.fused:
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                y = torch.softmax(q @ k.transpose(-1, -2) / 32 ** 0.5 + self.mask, -1) @ v
            return self.output(y.transpose(1, 2).reshape(8, 128, 256))

    for fused in (False, True):
        model = Attention(fused)
        x = torch.randn(8, 128, 256, requires_grad=True)
        loss = compiled(lambda x: model(x).square().mean())

        def step():
            model.zero_grad(set_to_none=True)
            x.grad = None
            loss(x).backward()

        report("attention", step, "fused attention" if fused else "")

for workload, m, k, n in MATMULS:
    if wanted(workload) and not COMPILE:
        a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
        report(workload, lambda: torch.mm(a, b, out=c), operations=2 * m * k * n)
