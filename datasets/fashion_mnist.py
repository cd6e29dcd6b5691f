#!/usr/bin/env python3
"""Writes Fashion-MNIST as uint8 .npy files: 60,000 x 784 to search in, 1,000 x 784 queries.

usage: fashion_mnist.py FOLDER

Reads the files of the Debian package dataset-fashion-mnist, or those in the folder that the
environment variable FASHION_MNIST names. Files that are there already are kept.
"""

import gzip
import os
import pathlib
import sys

import numpy as np

SOURCE = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
QUERIES = 1000


def read_images(path):
    """An IDX file of images as an array, one image a row."""
    with gzip.open(path, "rb") as file:
        magic, n, height, width = np.frombuffer(file.read(16), ">i4")
        if magic != 0x803:
            sys.exit(f"{path}: not an IDX file of images (magic number {magic:#x}, not 0x803)")
        return np.frombuffer(file.read(), np.uint8).reshape(n, height * width)


def write(path, source, rows=None):
    if path.exists():
        return
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file:
        np.save(file, read_images(os.path.join(SOURCE, source))[:rows])
    unfinished.rename(path)
    print(f"wrote {path}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "fashion_mnist_base.npy", "train-images-idx3-ubyte.gz")
    write(folder / "fashion_mnist_queries.npy", "t10k-images-idx3-ubyte.gz", QUERIES)


if __name__ == "__main__":
    main()
