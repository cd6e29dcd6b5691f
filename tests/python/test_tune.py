"""bqq.tune()."""

import numpy as np
import pytest

import bqq


def exact_recall(index, x, queries, k):
    products = queries @ x.T
    keys = (x**2).sum(1) - 2 * products if index.metric == "l2" else -products
    nearest = np.argsort(keys, axis=1)[:, :k]
    labels = index.search(queries, k)[1]
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(labels, nearest)])


@pytest.mark.parametrize("metric", ["l2", "ip"])
def test_what_is_chosen_can_be_built(base, queries, metric):
    tuned = bqq.tune(base, queries, metric=metric, max_bytes=12, k=5, seconds=60)
    assert tuned.fulfils and tuned.bytes <= 12
    assert (tuned.factory, tuned.search) in [(t.factory, t.search) for t in tuned.tried]
    index = tuned.make_index()
    index.train(base)
    index.add(base)
    assert index.factory == tuned.factory and index.metric == metric
    assert len(index.serialize()) / len(base) == pytest.approx(tuned.bytes)
    assert exact_recall(index, base, queries, 5) == pytest.approx(tuned.recall, abs=1e-6)


def test_lists_are_searched_as_they_were_tuned(base, queries):
    tuned = bqq.tune(base, queries, max_ms=1000, min_recall=0.5, k=5, seconds=60)
    names = {name for t in tuned.tried for name in t.search}
    assert "nprobe" in names and names <= {"nprobe", "ef", "k_factor"}
    lists = [t for t in tuned.tried if t.search.get("nprobe", 1) > 1]
    index = bqq.Tuned(
        **vars(lists[0]), metric="l2", d=32, fulfils=True, predicted=lists[0], tried=[]
    ).make_index()
    assert index.nprobe == lists[0].search["nprobe"]


def test_cosine(base):
    tuned = bqq.tune(base, metric="cosine", max_bytes=12, k=5, seconds=60)
    assert tuned.metric == "cosine" and 0.1 < tuned.recall
    assert tuned.make_index().metric == "cosine"


def test_queries_are_held_out(base, monkeypatch):
    def told(x, queries, *_):
        rows, held_out = {row.tobytes() for row in x}, {row.tobytes() for row in queries}
        assert len(rows) == 1800 and len(held_out) == 200
        assert rows | held_out == {row.tobytes() for row in base}
        raise InterruptedError

    monkeypatch.setattr(bqq._bqq, "tune", told)
    with pytest.raises(InterruptedError):
        bqq.tune(base, max_bytes=12)


def test_errors(base, queries):
    with pytest.raises(ValueError, match="at least one of max_bytes, min_recall and max_ms"):
        bqq.tune(base, queries)
    with pytest.raises(ValueError, match="min_recall = 2"):
        bqq.tune(base, queries, min_recall=2)
    with pytest.raises(ValueError, match="metric is 'l1'"):
        bqq.tune(base, queries, metric="l1", max_bytes=9)
    with pytest.raises(ValueError, match="queries"):
        bqq.tune(base, queries[:, :5], max_bytes=9)
