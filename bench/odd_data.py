#!/usr/bin/env python3
"""Recall of the clean rows of a base of which 1 % are odd, for BQQ and FAISS's codes.

odd_data.py COMMAND BASE.npy QUERIES.npy prints a table in Markdown: one row for each kind of odd rows,
one column for each index; an entry is the 10-recall@10, "error" where the index cannot be built.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

INDEXES = ["BQQ64", "BQQ128g4", "IVF16,BQQ64", "PQ16x4", "SQ8", "HNSW16,Flat"]


def one_value(value):
    def change(rows, random):
        rows[np.arange(len(rows)), random.integers(0, rows.shape[1], len(rows))] = value
    return change


def times(factor):
    def change(rows, random):
        rows *= np.float32(factor)
    return change


def constant(value):
    def change(rows, random):
        rows[:] = value
    return change


# How rows are changed. The unit is the root mean square of a number.
KINDS = {
    "none": lambda rows, random: None,
    "one number 1e4": one_value(1e4),
    "one number 1e30": one_value(1e30),
    "times 10": times(10),
    "times 1e6": times(1e6),
    "times 1e-6": times(1e-6),
    "all numbers 1e3": constant(1e3),
    "all numbers 0": constant(0),
}


def recall(command, folder, base, queries, factory):
    np.save(folder / "base.npy", base)
    np.save(folder / "queries.npy", queries)
    run = subprocess.run(
        [command, "eval", "--base", folder / "base.npy", "--queries", folder / "queries.npy",
         "--metric", "l2", "--k", "10", "--factory", factory, "--nprobe", "8", "--ef", "64", "--seconds", "0",
         "--json", folder / "result.json"], capture_output=True, check=False)
    if run.returncode != 0:
        return "error"
    return f'{json.loads((folder / "result.json").read_text())[0]["recall_k_at_k"]:.3f}'


ROWS = 20_000  # at most, of the base


def main():
    command, base_path, queries_path = sys.argv[1:]
    base = np.load(base_path)[:ROWS].astype(np.float32)
    queries = np.load(queries_path).astype(np.float32)
    unit = np.sqrt(np.mean(base.astype(np.float64) ** 2))
    base, queries = np.float32(base / unit), np.float32(queries / unit)
    print("| 1 % of the rows |", " | ".join(INDEXES), "|")
    print("|---" * (len(INDEXES) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, change in KINDS.items():
            random = np.random.default_rng(1)
            odd = base.copy()
            chosen = random.choice(len(base), len(base) // 100, replace=False)
            rows = odd[chosen]
            change(rows, random)
            odd[chosen] = rows
            entries = [recall(command, pathlib.Path(folder), odd, queries, factory) for factory in INDEXES]
            print("|", name, "|", " | ".join(entries), "|", flush=True)


if __name__ == "__main__":
    main()
