#!/usr/bin/env python3
"""Turns the JSON lines of peers.py into the table of docs/performance.md.

usage: table.py RUN.jsonl > TABLE.md
"""
import json
import math
import sys
from collections import defaultdict

OURS = "nevel"
COLUMNS = ["numpy", "torch", "jax", "numexpr", "numba", "python"]


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
    print("| workload | nevel | " + " | ".join(COLUMNS) + " | best peer | lead |")
    print("| --- | --- |" + " --- |" * len(COLUMNS) + " --- | --- |")
    leads = []
    for workload, peers in rows.items():
        if OURS not in peers:
            continue
        others = {p: ms for p, ms in peers.items() if p != OURS}
        best = min(others, key=others.get) if others else None
        lead = others[best] / peers[OURS] if best else None
        if lead and workload[0] in "abcdf":
            leads.append(lead)
        cells = [show(peers.get(c)) for c in COLUMNS]
        tail = f"{show(others[best])} {best} | {lead:.2f}" if best else " | "
        print(f"| `{workload}` | {show(peers[OURS])} | " + " | ".join(cells) + f" | {tail} |")
    if leads:
        mean = math.exp(sum(map(math.log, leads)) / len(leads))
        print(f"\nGeometric mean of the lead over `a_* b_* c_* d_* f_*`: {mean:.2f}.")


main()
