"""Times functions of Nevel beside NumPy's and PyTorch's, and prints those that are behind, the furthest first.

usage: sweep.py NEVEL THREADS [LEAD]

In: the cases of sweep.txt. Out: lead, microseconds of both and the expression, for all whose lead is below LEAD (1 if none is given).
Each is the best of many calls; the three programs run one after the other, so ratios hold only on a machine that is idle.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

NEVEL, THREADS = sys.argv[1], sys.argv[2]
LEAD = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
HERE = Path(__file__).parent

DATA = {
    "numpy": """
x, y, p = randn(1_000_000), randn(1_000_000), rand(1_000_000) + 0.01
i, j = randint(0, 1000, 1_000_000), randint(1, 50, 1_000_000)
m, s, h, v = randn(1000, 1000), randn(300, 300), randn(100, 100, 100), randn(1000)
u, u2 = randn(100_000, 3), randn(100_000, 3)
b, f, w3, w64, srt = x > 0, f32(x), array([1.0, 2.0, 3.0]), randn(64), sort(x)
force((x, y, p, i, j, m, s, h, v, u, u2, b, f, w3, w64, srt))
""",
    "torch": """
x, y, p = f32(randn(1_000_000)), f32(randn(1_000_000)), f32(rand(1_000_000))
m, W, w, b = f32(randn(1000, 1000)), f32(randn(1000, 1000)), f32(randn(1000)), f32(randn(1000))
t, ids = randint(0, 1000, 1000), randint(0, 1000, 100_000)
E, q, h = f32(randn(1000, 64)), f32(randn(8, 256, 64)), f32(randn(64, 100, 100))
a, s = f32(randn(1000, 32)), f32(randn(300, 300))
force((x, y, p, m, W, w, b, t, ids, E, q, h, a, s))
""",
}
OURS = """
go(number, work) = {
    force(work())
    best, total, n = inf, 0.0, 0
    while n < 3 or (total < 0.05 and n < 40) {
        t = clock()
        force(work())
        took = clock() - t
        best, total, n = min(best, took), total + took, n + 1
    }
    print(number, best * 1e6)
}
"""
PEERS = {
    "numpy": """
import numpy as np
np.seterr(all="ignore")
rng = np.random.default_rng(1)
n = rng.standard_normal
x, y, p = n(10**6), n(10**6), rng.random(10**6) + 0.01
i, j = rng.integers(0, 1000, 10**6), rng.integers(1, 50, 10**6)
m, s, h, v, u, u2 = n((1000, 1000)), n((300, 300)), n((100, 100, 100)), n(1000), n((100000, 3)), n((100000, 3))
b, f, w3, w64, srt = x > 0, x.astype("f4"), np.array([1.0, 2.0, 3.0]), n(64), np.sort(x)
""",
    "torch": """
import torch, torch.nn.functional as F
torch.set_num_threads(THREADS)
r = torch.randn
x, y, p, m, W, w, b = r(10**6), r(10**6), torch.rand(10**6), r(1000, 1000), r(1000, 1000), r(1000), r(1000)
t, ids, E, q = torch.randint(0, 1000, (1000,)), torch.randint(0, 1000, (100000,)), r(1000, 64), r(8, 256, 64)
h, a, s = r(64, 100, 100), r(1000, 32), r(300, 300)
def G(f, v):
    v = v.detach().requires_grad_(True)
    return torch.autograd.grad(f(v), v)[0]
""",
}
THEIRS = """
import time
def go(number, work):
    work()
    best, total, n = 9e9, 0, 0
    while n < 3 or (total < 0.05 and n < 40):
        t = time.perf_counter()
        work()
        took = time.perf_counter() - t
        best, total, n = min(best, took), total + took, n + 1
    print(number, best * 1e6)
"""


def times(command, suffix, text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"sweep{suffix}"
        file.write_text(text)
        threads = {name: THREADS for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        out = subprocess.run([*command, file], capture_output=True, text=True, env=os.environ | threads)
    if out.returncode:
        sys.exit(out.stderr)
    return {int(n): float(us) for n, us in (line.split() for line in out.stdout.splitlines())}


def main():
    cases = {"numpy": [], "torch": []}
    for line in (HERE / "sweep.txt").read_text().splitlines():
        if line.startswith("# ") and line[2:] in cases:
            current = cases[line[2:]]
        elif " | " in line and not line.startswith("#"):
            current.append(line.split(" | "))
    rows = []
    for peer, all_of_it in cases.items():
        ours = "".join(f"go({k}, () -> {ours})\n" for k, (ours, _) in enumerate(all_of_it))
        theirs = "".join(f"go({k}, lambda: {theirs})\n" for k, (_, theirs) in enumerate(all_of_it))
        setup = PEERS[peer].replace("THREADS", THREADS)
        us = times([NEVEL, "-j", THREADS], ".nev", "seed(1)" + DATA[peer] + OURS + ours)
        them = times([sys.executable], ".py", setup + THEIRS + theirs)
        rows += [(them[k] / us[k], us[k], them[k], peer, case[0]) for k, case in enumerate(all_of_it)]
    behind = sorted(row for row in rows if row[0] < LEAD)
    print(f"{len(behind)} of {len(rows)} have a lead below {LEAD:g}.")
    for lead, us, them, peer, what in behind:
        print(f"{lead:5.2f} {us:10.0f} us, {peer} {them:8.0f}  {what}")


main()
