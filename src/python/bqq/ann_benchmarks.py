"""bqq for ann-benchmarks (https://github.com/erikbern/ann-benchmarks).

In its folder algorithms/bqq, module.py is `from bqq.ann_benchmarks import BQQ`; docs/python.md has
the config.yml.
"""

import numpy as np

from . import index_factory, set_num_threads

try:
    from ann_benchmarks.algorithms.base.module import BaseANN
except ImportError:  # outside of ann-benchmarks

    class BaseANN:
        """What ann-benchmarks calls."""


class BQQ(BaseANN):
    """An index from a factory string; `nprobe`, `ef` or `k_factor` are what a run varies."""

    _METRICS = {"angular": "cosine", "euclidean": "l2"}

    def __init__(self, metric, factory):
        if metric not in self._METRICS:
            raise NotImplementedError(f"bqq has no metric {metric}")
        self._metric = self._METRICS[metric]
        self._factory = factory
        self._index = None
        self._found = None
        self._arguments = {}

    def fit(self, X):
        X = np.ascontiguousarray(X, dtype=np.float32)
        self._index = index_factory(X.shape[1], self._factory, metric=self._metric)
        self._index.train(X)
        self._index.add(X)
        set_num_threads(1)

    def set_query_arguments(self, nprobe=None, k_factor=None):
        if nprobe is not None:
            if self._index.nprobe is None:
                self._index.ef = nprobe
            else:
                self._index.nprobe = nprobe
        if k_factor is not None:
            self._index.k_factor = k_factor
        self._arguments = {"nprobe": nprobe, "k_factor": k_factor}

    def query(self, v, n):
        return self._index.search(v, n)[1]

    def batch_query(self, X, n):
        self._found = self._index.search(X, n)[1]

    def get_batch_results(self):
        return self._found

    def get_memory_usage(self):
        return self._index.memory["total"] / 1024

    def __str__(self):
        return f"BQQ({self._factory}, {self._arguments})"
