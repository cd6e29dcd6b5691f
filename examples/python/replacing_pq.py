"""
Another code for the same recall
================================

What product quantizers find with 8 to 32 bytes a vector, and what BQQ codes do. The recall is that
of the ten true neighbours among ten found; the bytes are those of the file.
"""

# %%
# Vectors with a falling spectrum, as embeddings have.
import bqq
import numpy as np

random = np.random.default_rng(1)
D = 128
scale = (1 + np.arange(D)) ** -0.5
turn = np.linalg.qr(random.normal(size=(D, D)))[0]


def vectors(n):
    return ((random.normal(size=(n, D)) * scale) @ turn).astype(np.float32)


base, queries = vectors(16000), vectors(200)

# %%
# The true neighbours: FAISS's exact index, from the same factory.
exact = bqq.index_factory(D, "Flat")
exact.add(base)
true = exact.search(queries, 10)[1]

# %%
# One line is another for each code.
print("index          bytes a vector  10-recall@10")
for factory in ["PQ16x4fs", "PQ32x4fs", "PQ64x4fs", "BQQ64", "BQQ128", "BQQ256"]:
    index = bqq.index_factory(D, factory)
    index.train(base)
    index.add(base)
    labels = index.search(queries, 10)[1]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(labels, true)])
    print(f"{factory:<14} {len(index.serialize()) / len(base):14.1f} {recall:13.3f}")
