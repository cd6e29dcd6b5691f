"""
Search in texts
===============

Embeds texts, keeps them in a few bytes each, and finds those that are near a question. Embeddings
come from a model, usually; here hashed words and parts of words stand for one, so that the script
needs nothing else, and the texts are Python's own.
"""

# %%
# The texts: the first paragraph of what the standard library says of its functions.
import importlib
import inspect
import zlib

import bqq
import numpy as np

names, texts = [], []
for module in ["argparse", "ast", "collections", "csv", "datetime", "decimal", "email.message",
               "functools", "heapq", "inspect", "itertools", "json", "logging", "math", "os",
               "pathlib", "pickle", "random", "re", "shutil", "socket", "statistics", "string",
               "subprocess", "tarfile", "tempfile", "textwrap", "threading", "time", "zipfile"]:
    for name, member in inspect.getmembers(importlib.import_module(module)):
        members = [(name, member)]
        if inspect.isclass(member):
            members += [(f"{name}.{part}", function) for part, function in vars(member).items()]
        for full_name, function in members:
            text = inspect.getdoc(function) if callable(function) else None
            if text and len(text) > 40 and not full_name.split(".")[-1].startswith("_"):
                names.append(f"{module}.{full_name}")
                texts.append(text.split("\n\n")[0])
print(len(texts), "texts")

# %%
# The embedding: words and their parts of four letters, hashed to directions, rare ones heavier.
D = 256
_rows = np.random.default_rng(1).normal(size=(4096, D)).astype(np.float32)


def pieces(text):
    for word in "".join(c if c.isalnum() else " " for c in text.lower()).split():
        yield word
        yield from (word[i : i + 4] for i in range(len(word) - 3))


def slot(piece):
    return zlib.crc32(piece.encode()) % len(_rows)


frequency = np.ones(len(_rows))
for text in texts:
    frequency[list({slot(piece) for piece in pieces(text)})] += 1
weight = np.log(len(texts) / frequency + 1)


def embed(batch):
    x = np.zeros((len(batch), D), np.float32)
    for i, text in enumerate(batch):
        for piece in pieces(text):
            x[i] += weight[slot(piece)] * _rows[slot(piece)]
    return x


base = embed(texts)

# %%
# An index of cosines, 256 bits a text.
index = bqq.index_factory(D, "BQQ256", metric="cosine")
index.train(base, progress=bqq.ProgressBar())
index.add(base)
print(index, "-", round(len(index.serialize()) / len(texts)), "bytes a text, the bases included")

# %%
# Search.
for question in ["copy a whole folder of files", "the middle value of numbers", "parse a date"]:
    scores, labels = index.search(embed([question])[0], 3)
    print(f"\n{question}?")
    for score, label in zip(scores, labels):
        print(f"  {score:.2f}  {names[label]}: {' '.join(texts[label].split())[:60]}")
