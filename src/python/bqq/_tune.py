"""An index for a wish."""

from dataclasses import dataclass, field

import numpy as np

from . import _bqq
from ._metric import prepared

_NAMES = {"nprobe": "nprobe", "efSearch": "ef", "k_factor_rf": "k_factor"}  # FAISS's and ours


@dataclass(frozen=True)
class TunedIndex:
    """An index and what was measured of it.

    `bytes` are those of its file, `recall` is k-recall@k, `ms` the time of a query with one thread;
    `search` are the attributes of an Index that it was searched with.
    """

    factory: str
    search: dict
    bytes: float
    recall: float
    ms: float


@dataclass(frozen=True)
class Tuned(TunedIndex):
    """The choice of tune(), built of all vectors and measured."""

    metric: str
    d: int
    fulfils: bool  # whether it is what was wished for
    predicted: TunedIndex  # of the trial
    tried: list = field(repr=False)

    def make_index(self):
        """The index, untrained, with its search parameters."""
        index = _bqq.index_factory(self.d, self.factory, self.metric)
        for name, value in self.search.items():
            setattr(index, name, value)
        return index


def _arguments(measured):
    search = {_NAMES[name]: int(value) for name, value in measured["search"].items()}
    return {**measured, "search": search}


def tune(
    x,
    queries=None,
    *,
    metric="l2",
    max_bytes=None,
    min_recall=None,
    max_ms=None,
    k=10,
    seconds=150,
    seed=1234,
    progress=None,
):
    """Finds the index that has the highest recall in `max_bytes` a vector, or the fewest bytes for
    `min_recall`, or takes at most `max_ms` a query; several may be given.

    x: vectors, n x d, at least 1,000. queries: some hundreds from where queries will come; without
    them a tenth of x, at most 1,000, is held out. After `seconds` nothing new is tried. ValueError
    for a wish for nothing or for what cannot be.
    """
    x, queries = prepared(metric, x, queries)
    if queries is None:
        x = np.asarray(x)
        out = np.zeros(len(x), dtype=bool)
        out[np.random.default_rng(seed).permutation(len(x))[: min(1000, len(x) // 10)]] = True
        x, queries = x[~out], x[out]
    predicted, measured, fulfils, tried = _bqq.tune(
        x, queries, metric != "l2", max_bytes, min_recall, max_ms, k, seconds, seed, progress
    )
    return Tuned(
        **_arguments(measured),
        metric=metric,
        d=np.shape(x)[1],
        fulfils=fulfils,
        predicted=TunedIndex(**_arguments(predicted)),
        tried=[TunedIndex(**_arguments(index)) for index in tried],
    )
