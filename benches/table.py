#!/usr/bin/env python3
"""Turns the JSON lines of peers.py into the table of docs/performance.md.

usage: table.py RUN.jsonl > TABLE.md
"""
import json
import math
import sys
from collections import defaultdict

OURS = "nevel"
PEERS = ["numpy", "torch", "torchc", "jax", "numexpr", "numba", "python"]
NAMES = {"torchc": "torch.compile"}


def show(ms):
    return "" if ms is None else f"{ms:.3g}"


def main():
    rows = defaultdict(dict)
    for line in open(sys.argv[1]):
        if not line.startswith("{"):
            continue
        r = json.loads(line)
        if "min_ms" in r and "workload" in r:
            rows[r["workload"]][r["peer"]] = r["min_ms"]
    columns = [c for c in PEERS if any(c in peers for peers in rows.values())]
    print("| workload | nevel | " + " | ".join(NAMES.get(c, c) for c in columns) + " | best peer | lead |")
    print("| --- | --- |" + " --- |" * len(columns) + " --- | --- |")
    leads = []
    for workload, peers in rows.items():
        if OURS not in peers:
            continue
        others = {p: ms for p, ms in peers.items() if p != OURS}
        best = min(others, key=others.get) if others else None
        lead = others[best] / peers[OURS] if best else None
        if lead and workload[0] in "abcdf":
            leads.append(lead)
        cells = [show(peers.get(c)) for c in columns]
        tail = f"{show(others[best])} {NAMES.get(best, best)} | {lead:.2f}" if best else " | "
        print(f"| `{workload}` | {show(peers[OURS])} | " + " | ".join(cells) + f" | {tail} |")
    if leads:
        mean = math.exp(sum(map(math.log, leads)) / len(leads))
        print(f"\nGeometric mean of the lead over `a_* b_* c_* d_* f_*`: {mean:.2f}.")


main()
