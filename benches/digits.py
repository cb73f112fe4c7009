"""The training of examples/digits.nev in eager PyTorch, timed: prints one line of json.

    python benches/digits.py SPLIT.npz [THREADS]
"""
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
torch.manual_seed(7)
d = np.load(sys.argv[1])
x_train = torch.tensor(d["x_train"], dtype=torch.float32)
x_test = torch.tensor(d["x_test"], dtype=torch.float32)
y_train = torch.tensor(d["y_train"]).long()
y_test = torch.tensor(d["y_test"]).long()

w1 = (torch.randn(64, 64) * math.sqrt(2 / 64)).requires_grad_()
b1 = torch.zeros(64, requires_grad=True)
w2 = (torch.randn(64, 10) * math.sqrt(2 / 64)).requires_grad_()
b2 = torch.zeros(10, requires_grad=True)
params = [w1, b1, w2, b2]


def network(x):
    return F.relu(x @ w1 + b1) @ w2 + b2


# The fastest of the three ways that torch has of stepping Adam on a CPU.
opt = torch.optim.Adam(params, lr=3e-3, fused=True)
start = time.perf_counter()
for epoch in range(60):
    order = torch.randperm(len(x_train))
    for i in range(0, len(order), 32):
        at = order[i : i + 32]
        loss = F.cross_entropy(network(x_train[at]), y_train[at])
        opt.zero_grad()
        loss.backward()
        opt.step()
seconds = time.perf_counter() - start
with torch.no_grad():
    right = (network(x_test).argmax(1) == y_test).float().mean().item()
print(json.dumps({"seconds": seconds, "accuracy": right}))
