"""
Filters, and changes while others search
========================================

An inverted file with ids of its own, searched among some of the vectors only; then an index that
threads search while another one changes it.
"""

# %%
import threading

import bqq
import numpy as np

random = np.random.default_rng(1)
D, N = 64, 20000
centres = random.normal(size=(50, D))
base = (centres[random.integers(50, size=N)] + 0.5 * random.normal(size=(N, D))).astype(np.float32)
year = random.integers(2000, 2026, size=N)

# %%
# Ids are any integers. A search among few vectors looks at more lists by itself.
ids = np.arange(N) + 1_000_000
index = bqq.index_factory(D, "IVF64,BQQ128")
index.train(base)
index.add(base, ids=ids)
index.nprobe = 8

everything = index.search(base[:3], 3)[1]
recent = index.search(base[:3], 3, filter=ids[year >= 2020])[1]
not_itself = index.search(base[:3], 3, exclude=ids[:3])[1]
print("all\n", everything, "\nsince 2020\n", recent, "\nnot the vectors themselves\n", not_itself)
assert (year[recent - 1_000_000] >= 2020).all()

# %%
# Searches see the vectors of one moment: an update is there whole or not at all.
shared = bqq.ConcurrentIndex(index)
done = threading.Event()
seen = set()


def search():
    while not done.is_set():
        labels = shared.search(base[:10], 5, nprobe=8)[1]
        seen.add(int(labels.max() >= 2_000_000))


threads = [threading.Thread(target=search) for _ in range(4)]
for thread in threads:
    thread.start()
for i in range(0, N, 1000):  # vectors move to new ids, a thousand at a time
    shared.remove(ids[i : i + 1000])
    shared.add(base[i : i + 1000], ids[i : i + 1000] + 1_000_000)
done.set()
for thread in threads:
    thread.join()
labels = shared.search(base[:10], 5, nprobe=8)[1]
assert (labels >= 2_000_000).all() and len(shared) == N
print("searches saw ids of", len(seen), "generations;", len(shared), "vectors as before")

# %%
# A snapshot stays as it is, and can be saved meanwhile.
snapshot = shared.snapshot()
shared.remove(ids + 1_000_000)
print(len(snapshot), "vectors in the snapshot,", len(shared), "in the index")
