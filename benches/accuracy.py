"""The errors of elementary functions in units of the last place, ours and our peers': the tables of docs/accuracy.md.

usage: accuracy.py NEVEL STEP

In: the program `nevel`, which reads and writes .npy, and the peers of this environment. Out: Markdown. A f32 is tried for
every STEPth pattern of bits, against the f64 functions of NumPy (of PyTorch for erf). f64 is tried at points of all sizes,
in the interval where the function does something, and next to its hard places, against MPFR at 160 bits.
"""
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import gmpy2
import jax
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
warnings.filterwarnings("ignore")
np.seterr(all="ignore")
gmpy2.get_context().precision = 160
NEVEL, STEP = sys.argv[1], int(sys.argv[2])
CHUNK = 1 << 22
PEERS = ["nevel", "numpy", "torch", "jax"]
PI, E = np.pi, np.e

# Name, the name elsewhere, the interval where the function does something, its hard places.
ONE = [
    ("exp", "exp", (-746, 710), [0, 709.78, -708.4, -745.13, 0.3466]),
    ("expm1", "expm1", (-40, 710), [0, 0.3466, -0.3466, 1, 709.78]),
    ("log", "log", (0, 10), [1, 0.7071, 1.4142, 2]),
    ("log2", "log2", (0, 10), [1, 0.7071, 1.4142, 2, 4]),
    ("log10", "log10", (0, 10), [1, 0.7071, 1.4142, 10]),
    ("log1p", "log1p", (-1, 10), [0, -0.2929, 0.4142, -1]),
    ("sqrt", "sqrt", (0, 10), [0, 1, 2]),
    ("sin", "sin", (-100, 100), [PI, 2 * PI, PI / 2, 1e5 * PI, 1e9, 2.0**30]),
    ("cos", "cos", (-100, 100), [PI / 2, 1.5 * PI, PI, 1e5 * PI, 1e9, 2.0**30]),
    ("tan", "tan", (-100, 100), [PI / 4, PI / 2, PI, 1e5 * PI, 1e9, 2.0**30]),
    ("asin", "arcsin", (-1, 1), [0.5, 1, -1]),
    ("acos", "arccos", (-1, 1), [0, 0.5, 1, -1]),
    ("atan", "arctan", (-4, 4), [0.4142, 1, 2.4142]),
    ("sinh", "sinh", (-711, 711), [0, 0.3466, 1, 600, 710.47]),
    ("cosh", "cosh", (-711, 711), [0, 0.3466, 1, 600, 710.47]),
    ("tanh", "tanh", (-20, 20), [0, 0.1733, 0.55, 1, 9, 19]),
    ("asinh", "arcsinh", (-10, 10), [0, 0.002, 1, 1e150]),
    ("acosh", "arccosh", (1, 10), [1, 1.5, 1e150]),
    ("atanh", "arctanh", (-1, 1), [0, 0.5, 1, -1]),
    ("erf", None, (-6.2, 6.2), [0, 0.85, 1, 5.9]),
]
TWO = [("pow", "power"), ("atan2", "arctan2")]
NAMES = {"pow": "pow", "acosh": "acosh"}


def ours(name, arrays):
    """Through the program itself: files in, a file out."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.npy" for i in range(len(arrays))]
        for file, array in zip(files, arrays):
            np.save(file, array)
        out = Path(folder) / "out.npy"
        args = ", ".join(f'load("{file}")' for file in files)
        subprocess.run([NEVEL, "-e", f'save("{out}", {name}({args}))'], check=True, stdout=subprocess.DEVNULL)
        return np.load(out)


def peer(which, name, other, arrays):
    """None where the peer has no such function."""
    if which == "nevel":
        return ours(name, arrays)
    if which == "numpy":
        return getattr(np, other)(*arrays) if other else None
    if which == "torch":
        return getattr(torch, name)(*map(torch.from_numpy, arrays)).numpy()
    function = jax.scipy.special.erf if name == "erf" else getattr(jax.numpy, other)
    return np.asarray(function(*map(jax.numpy.asarray, arrays)))


def unit(truth, dtype):
    """The unit of the last place there, down to that of subnormal numbers."""
    info = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(truth))
    return np.ldexp(1.0, np.maximum(exponent - 1, info.minexp) - info.nmant)


def errors(got, truth, rest, dtype):
    """In units of the last place; `rest` is what `truth` leaves out, in those units. Infinite where only one is a nan or infinite."""
    exact = truth.astype(dtype)
    off = np.abs((got.astype(np.float64) - truth) / unit(truth, dtype) - rest)
    even = (np.isnan(got) & np.isnan(exact)) | (got == exact) & np.isinf(exact)
    odd = np.isnan(got) | np.isnan(exact) | np.isinf(got) | np.isinf(exact)
    # Next to the largest number one side may round to infinity: the unit there is still finite.
    largest = np.finfo(dtype).max
    edge = odd & ~even & (np.abs(truth) > largest * (1 - 1e-6)) & ~np.isnan(got) & np.isfinite(truth)
    off = np.where(edge, np.abs(np.clip(got, -largest, largest) - truth) / unit(np.float64(largest), dtype), off)
    return np.where(even, 0, np.where(odd & ~edge, np.inf, off))


class Worst:
    def __init__(self):
        self.off, self.at = -1.0, None

    def see(self, off, arrays):
        i = int(np.argmax(off))
        if off[i] > self.off:
            self.off, self.at = float(off[i]), [float(a[i]) for a in arrays]

    def cell(self, place=False):
        if self.at is None:
            return ""
        off = "wrong" if np.isinf(self.off) else f"{self.off:.2f}" if self.off < 100 else f"{self.off:.1e}"
        return f"{off} | {', '.join(f'{x:.9g}' for x in self.at)}" if place else off


def all_of_f32():
    for start in range(0, 1 << 32, CHUNK * STEP):
        yield (np.arange(start, min(start + CHUNK * STEP, 1 << 32), STEP, dtype=np.uint64).astype(np.uint32).view(np.float32),)


def pairs(dtype, n, dice):
    """All kinds: any bits, sizes near one, and for pow a base near one with results in range."""
    bits = np.uint32 if dtype == np.float32 else np.uint64
    top = np.iinfo(bits).max
    any_bits = [dice.integers(0, top, n, dtype=bits).view(dtype) for _ in range(2)]
    sized = [(dice.choice([-1, 1], n) * np.exp2(dice.uniform(-40, 40, n))).astype(dtype) for _ in range(2)]
    x = np.exp2(dice.uniform(*((-120, 120) if dtype == np.float32 else (-1000, 1000)), n)).astype(dtype)
    y = (dice.uniform(*((-149, 128) if dtype == np.float32 else (-1074, 1024)), n) / np.log2(x.astype(np.float64))).astype(dtype)
    near = (1 + dice.choice([-1, 1], n) * np.exp2(dice.uniform(-20, -1, n))).astype(dtype)
    far = (dice.uniform(-80, 80, n) / np.log(near.astype(np.float64))).astype(dtype)
    return tuple(np.concatenate(c) for c in ((any_bits[0], sized[0], x, near), (any_bits[1], sized[1], y, far)))


def points(interval, places, dice, n=20_000):
    """f64 of all exponents, in the interval, and next to the hard places."""
    parts = [dice.integers(0, 1 << 63, n, dtype=np.uint64).view(np.float64) * dice.choice([-1, 1], n)]
    parts.append(dice.choice([-1, 1], n) * np.exp2(dice.uniform(-60, 30, n)))
    parts.append(dice.uniform(*interval, 4 * n))
    for place in map(np.float64, places):
        parts.append((place.view(np.uint64) + np.arange(200, dtype=np.uint64)).view(np.float64) if place > 0 else np.array([place]))
        parts.append(place + dice.choice([-1, 1], n // 4) * np.exp2(dice.uniform(-50, -1, n // 4)) * max(abs(place), 1))
    return np.concatenate(parts)


def exact(name, arrays):
    """The value rounded to f64, and what that leaves out in units of the last place."""
    function = {"pow": lambda x, y: x**y, "log": gmpy2.log}.get(name) or getattr(gmpy2, name)
    truth = np.empty(len(arrays[0]))
    rest = np.zeros(len(arrays[0]))
    for i, xs in enumerate(zip(*(a.tolist() for a in arrays))):
        t = function(*map(gmpy2.mpfr, xs))
        truth[i] = high = float(t)
        if high - high == 0 and t != 0:
            # By shifts of the exponent, for the difference may be below the smallest number.
            e = max(gmpy2.get_exp(t) - 53, -1074)
            rest[i] = float(gmpy2.mul_2exp(t - high, -e) if e < 0 else gmpy2.div_2exp(t - high, e))
    return truth, rest


def measure(name, other, dtype, chunks, reference):
    worst = {p: Worst() for p in PEERS}
    for arrays in chunks:
        truth, rest = reference(arrays)
        for p in PEERS:
            got = peer(p, name, other, arrays)
            if got is not None:
                worst[p].see(errors(got, truth, rest, dtype), arrays)
    return worst


def table(title, rows):
    print(f"\n## {title}\n\n| function | nevel | at | numpy | torch | jax |\n| --- | --- | --- | --- | --- | --- |")
    for name, worst in rows:
        print(f"| `{name}` | {worst['nevel'].cell(True)} | " + " | ".join(worst[p].cell() for p in PEERS[1:]) + " |", flush=True)


def f64_reference(name, other):
    def reference(arrays):
        wide = [a.astype(np.float64) for a in arrays]
        truth = torch.erf(torch.from_numpy(wide[0])).numpy() if other is None else getattr(np, other)(*wide)
        return truth, 0.0
    return reference


def singles():
    for name, other, _, _ in ONE:
        yield name, measure(name, other, np.float32, all_of_f32(), f64_reference(name, other))
    for name, other in TWO:
        chunks = (pairs(np.float32, CHUNK // 4, np.random.default_rng(i)) for i in range(max(64 // STEP, 2)))
        yield name, measure(name, other, np.float32, chunks, f64_reference(name, other))


def doubles():
    dice = np.random.default_rng(1)
    for name, other, interval, places in ONE:
        yield name, measure(name, other, np.float64, [(points(interval, places, dice),)], lambda a: exact(name, a))
    for name, other in TWO:
        yield name, measure(name, other, np.float64, [pairs(np.float64, 40_000, dice)], lambda a: exact(name, a))


def special_values():
    """Ours, with a star where MPFR (which follows the C standard's Annex F) has something else."""
    print("\n## Special values\n")
    at = np.array([-np.inf, -1, -0.0, 0.0, 1, np.inf, np.nan])
    print("| function | " + " | ".join(f"{x:g}" for x in at) + " |\n| --- |" + " --- |" * len(at))
    for name, _, _, _ in ONE:
        cells = []
        wide, narrow = ours(name, [at]), ours(name, [at.astype(np.float32)])
        truth, _ = exact(name, (at,))
        for x, y, t in zip(wide, narrow, truth):
            same = (np.isnan(x) and np.isnan(t)) or (abs(x - t) <= np.spacing(abs(t)) or x == t) and np.signbit(x) == np.signbit(t)
            same = same and ((np.isnan(y) and np.isnan(x)) or (np.float32(x) == y and np.signbit(x) == np.signbit(y)))
            cells.append(f"{x:.5g}" + ("" if same else " *"))
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


HEAD = """# How accurate

`benches/accuracy {step} > docs/accuracy.md` made this page, with NumPy {numpy}, PyTorch {torch} and JAX {jax} on the same machine.
It has the largest errors found, in units of the last place (1 is the distance to the next number), and where ours is. A
correctly rounded result is off by one half at most; within 1 there is nothing between a result and the truth. "wrong" is a nan or an
infinity where the truth is a number, or the other way round; errors beyond 10^6 are subnormal numbers that became zero.

f64 is tried at some 100 000 points a function: of all exponents, in the interval where the function does something, and next to
its hard places, against MPFR at 160 bits. Of f32 {share} numbers there are, subnormal ones and nan included, against the f64
functions of NumPy (of PyTorch for erf); for functions of two numbers pairs of all kinds.

On machines without fused multiply-add (`NEVEL_CPU=baseline` takes their path) errors are the same to within 0.1 (of tanh and erf in f32 smaller by half a unit), and below 1 as
well; the unit tests of `src/base/math` hold every path to its bounds."""

print(HEAD.format(step=STEP, numpy=np.__version__, torch=torch.__version__.split("+")[0], jax=jax.__version__,
                  share="every one of the 2^32" if STEP == 1 else f"one in {STEP} of all the"), flush=True)
table("f64", doubles())
table("f32", singles())
special_values()
