"""Read by mypy, not run: what the stubs allow and, in comments, what they refuse."""

import bqq
import numpy as np
from numpy.typing import NDArray

base: NDArray[np.float32] = np.zeros((100, 8), np.float32)
index: bqq.Index = bqq.index_factory(8, "IVF4,BQQ16", metric="cosine")
index.train(base, seed=3, progress=bqq.ProgressBar())
index.add(base.tolist(), ids=range(100))
distances, labels = index.search(base, 3, nprobe=2, filter=range(10))
first: np.float32 = distances[0, 0]
label: np.int64 = labels[0, 0]
index.nprobe = 4
tuned: bqq.Tuned = bqq.tune(base, max_bytes=9.5, progress=bqq.ProgressBar())
milliseconds: float = tuned.predicted.ms
codec: bqq.MatrixCodec = bqq.MatrixCodec.compress(base, planes=2)
product: NDArray[np.float32] = codec @ base[0]
shared = bqq.ConcurrentIndex(index)
shared.add(base, np.arange(100))
index.search(base)  # type: ignore[call-arg]
bqq.index_factory(8, "BQQ8", metric="l3")  # type: ignore[arg-type]
index.d = 3  # type: ignore[misc]
