#!/usr/bin/env python3
"""The two ends of wordnet_use_512.sh.

usage: wordnet_use_512.py sentences WORDNET FOLDER COUNT
       wordnet_use_512.py vectors FOLDER COUNT

`sentences` writes wordnet_use512_sentences.txt: different glosses in the order of their SHA-1, so that any
number of them is a sample. `vectors` joins what the encoder wrote for them: the first hundredth of COUNT are
the queries, the rest the base."""

import hashlib
import pathlib
import sys

import numpy as np

DIMENSION = 512
BATCH = 32  # as in wordnet_use_512.js
SENTENCES = "wordnet_use512_sentences.txt"
PART = "wordnet_use512_part"


def glosses(wordnet):
    for part in ("noun", "verb", "adj", "adv"):
        with open(pathlib.Path(wordnet) / f"data.{part}", encoding="utf-8") as file:
            for line in file:
                if not line.startswith(" "):  # the licence
                    yield " ".join(line.partition(" | ")[2].split())


def write_sentences(wordnet, folder, count):
    different = sorted(set(glosses(wordnet)), key=lambda gloss: hashlib.sha1(gloss.encode()).digest())
    wanted = count + count // 100
    if len(different) < wanted:
        sys.exit(f"WordNet has {len(different)} different glosses, {wanted} are wanted")
    text = "".join(gloss + "\n" for gloss in different[:wanted])
    path = folder / SENTENCES
    if path.exists() and path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path} is of another COUNT or WordNet: remove it and {PART}.*")
    path.write_text(text, encoding="utf-8")


def read_vectors(folder, n):
    rows = np.empty((n, DIMENSION), np.float32)
    parts = sorted(folder.glob(f"{PART}.*"), key=lambda part: int(part.suffix[1:]))
    files = [np.fromfile(part, np.float32).reshape(-1, DIMENSION) for part in parts]
    if sum(len(file) for file in files) != n:
        sys.exit(f"{PART}.* have {sum(len(file) for file in files)} vectors, not {n}: "
                 "were they made with another number of cores? Remove them")
    for number, file in enumerate(files):
        for i, first in enumerate(range(number * BATCH, n, len(files) * BATCH)):
            batch = file[i * BATCH:(i + 1) * BATCH]
            rows[first:first + len(batch)] = batch
    return rows


def write(path, rows):
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file:
        np.save(file, rows.astype(np.float16))
    unfinished.rename(path)
    print(f"wrote {path}")


def main():
    arguments = sys.argv[1:]
    if len(arguments) == 4 and arguments[0] == "sentences":
        write_sentences(arguments[1], pathlib.Path(arguments[2]), int(arguments[3]))
    elif len(arguments) == 3 and arguments[0] == "vectors":
        folder, count = pathlib.Path(arguments[1]), int(arguments[2])
        queries = count // 100
        rows = read_vectors(folder, count + queries)
        write(folder / "wordnet_use512_base.npy", rows[queries:])
        write(folder / "wordnet_use512_queries.npy", rows[:queries])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
