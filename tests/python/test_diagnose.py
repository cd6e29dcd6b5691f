"""bqq.diagnose()."""

import numpy as np
import pytest

import bqq


@pytest.fixture(scope="module")
def lists(base):
    index = bqq.index_factory(32, "IVF16,BQQ32")
    index.train(base)
    index.add(base)
    return index


def test_vectors_queries_and_an_index(base, queries, lists):
    stages = set()
    found = bqq.diagnose(
        base, queries, index=lists, k=5, progress=lambda stage, *_: stages.add(stage)
    )
    assert found.vectors["n"] == 2000 and found.vectors["d"] == 32
    assert found.spectrum.shape == (32,) and (np.diff(found.spectrum) <= 0).all()
    variance = base.var(axis=0).sum()
    assert found.spectrum.sum() == pytest.approx(variance, rel=1e-5)
    assert found.queries["n"] == 50
    assert [point["bits"] for point in found.coding] == [8, 16, 32, 64, 128]
    losses = {loss["part"]: loss for loss in found.index["losses"]}
    assert losses["lists"]["knob"] == "nprobe" and losses["lists"]["value"] == 1
    lost = sum(loss["recall"] for loss in losses.values())
    assert found.index["recall"] + lost == pytest.approx(1)
    assert any("lie in clusters" in what for what, _ in found.findings)
    assert "hubness" in str(found) and lists.nprobe == 1
    assert {"spectrum", "exact search"} <= stages


def test_cosine_is_that_of_the_index(base):
    index = bqq.index_factory(32, "BQQ32", metric="cosine")
    index.train(base)
    index.add(base)
    found = bqq.diagnose(base, index=index)
    assert found.vectors["longest"] == pytest.approx(1, abs=1e-5)
    assert found.queries is None and found.index["bits"] == 32
    assert found.vectors == bqq.diagnose(base, metric="cosine").vectors


def test_vectors_alone(base):
    found = bqq.diagnose(base.astype(np.float64).tolist())
    assert found.index is None and found.vectors["n"] == 2000


def test_errors(base, queries, lists):
    with pytest.raises(ValueError, match="metric is 'ip', but that of the index is 'l2'"):
        bqq.diagnose(base, index=lists, metric="ip")
    with pytest.raises(ValueError, match="metric is 'l1'"):
        bqq.diagnose(base, metric="l1")
    with pytest.raises(ValueError, match="999 vectors"):
        bqq.diagnose(base[:999])
    with pytest.raises(ValueError, match="k = 101"):
        bqq.diagnose(base, k=101)
    with pytest.raises(ValueError, match="queries"):
        bqq.diagnose(base, queries[:, :5])
    with pytest.raises(ValueError, match="1999"):
        bqq.diagnose(base[1:], index=lists)
    with pytest.raises(KeyboardInterrupt):
        bqq.diagnose(base, progress=_interrupt)


def _interrupt(*_):
    raise KeyboardInterrupt
