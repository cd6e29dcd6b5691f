"""Why recall is what it is."""

from dataclasses import dataclass, field

from . import _bqq
from ._metric import prepared


@dataclass(frozen=True)
class Diagnosis:
    """What diagnose() found; print() shows all of it but the spectrum.

    The numbers have the names that print() shows, and are explained there. `findings` are pairs of
    what was found and what to do. `coding` are codes of 8 bits and more of a sample, each a dict of
    bits, bytes, error, shannon and recall; `losses` of an index, in `index["losses"]`, dicts of
    part, recall, knob, value and enough.
    """

    vectors: dict
    queries: dict | None  # where there were some
    coding: list
    index: dict | None  # where there was one
    findings: list
    spectrum: object = field(repr=False)  # variances of the principal directions, falling
    text: str = field(repr=False)

    def __str__(self):
        return self.text


def diagnose(
    x, queries=None, *, metric=None, index=None, k=10, seed=1234, progress=None
):
    """Tells what limits the recall of vectors, queries and, if given, an index of the vectors.

    x: n x d, at least 1,000. queries: at most 1,000 of them count; without them rows of x are
    searched for, each for its neighbours but itself. index: one whose ids are the rows of x; no
    other thread may search it meanwhile. metric: that of the index, or "l2". ValueError for too
    few vectors, k not in 1..100, or an index of other vectors.
    """
    if index is not None:
        if metric not in (None, index.metric):
            raise ValueError(f"metric is {metric!r}, but that of the index is {index.metric!r}")
        metric = index.metric
    metric = metric or "l2"
    x, queries = prepared(metric, x, queries)
    return Diagnosis(**_bqq.diagnose(x, queries, index, metric != "l2", k, seed, progress))
