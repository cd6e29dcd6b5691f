#!/usr/bin/env python3
"""Writes made-up vectors as float32 .npy files: N x 256 to search in, 1,000 x 256 queries of the same distribution.

usage: decaying_spectrum.py FOLDER [N]

N is 1,000,000 unless given. A vector is one of 20,000 centres plus noise; the variance of both along the j-th of 256
random directions falls as 1 / j. A file that is there already, with as many vectors, is kept.
"""

import pathlib
import sys

import numpy as np

DIMENSION, CENTRES, QUERIES, CENTRE_SHARE, SEED, BATCH = 256, 20000, 1000, 0.7, 1, 10000


def draw(random, centres, scales, n):
    noise = random.standard_normal((n, DIMENSION), np.float32) * scales
    return CENTRE_SHARE * centres[random.integers(0, CENTRES, n)] + noise


def main():
    if not 2 <= len(sys.argv) <= 3 or (len(sys.argv) == 3 and not sys.argv[2].isdigit()):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) == 3 else 1_000_000
    folder.mkdir(parents=True, exist_ok=True)
    base, queries = folder / "decaying_spectrum_base.npy", folder / "decaying_spectrum_queries.npy"
    if base.exists() and queries.exists() and np.load(base, mmap_mode="r").shape == (n, DIMENSION):
        return
    random = np.random.default_rng(SEED)
    directions = np.linalg.qr(random.standard_normal((DIMENSION, DIMENSION)))[0].astype(np.float32)
    scales = np.arange(1, DIMENSION + 1, dtype=np.float32) ** -0.5
    centres = random.standard_normal((CENTRES, DIMENSION), np.float32) * scales
    np.save(queries, draw(random, centres, scales, QUERIES) @ directions)
    unfinished = base.with_suffix(".part")
    rows = np.lib.format.open_memmap(unfinished, "w+", np.float32, (n, DIMENSION))
    for begin in range(0, n, BATCH):
        count = min(BATCH, n - begin)
        rows[begin:begin + count] = draw(random, centres, scales, count) @ directions
    rows.flush()
    unfinished.rename(base)
    print(f"wrote {base} and {queries}")


if __name__ == "__main__":
    main()
