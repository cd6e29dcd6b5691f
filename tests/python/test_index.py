"""The indexes: results, conversions, errors, files."""

import copy
import os
import pickle
import subprocess

import bqq
import numpy as np
import pytest

FACTORIES = ["BQQ64", "BQQ32g4", "IVF16,BQQ64", "PCA16,IVF8,BQQ32", "BQQ64,RFlat", "HNSW16,BQQ64"]


def built(base, factory="BQQ64", metric="l2"):
    index = bqq.index_factory(base.shape[1], factory, metric=metric)
    index.train(base)
    index.add(base)
    return index


def exact(base, queries, k):
    distances = ((queries[:, None] - base[None]) ** 2).sum(axis=2)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


def recall(found, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true)])


@pytest.mark.parametrize("factory", FACTORIES)
def test_finds_neighbours(base, queries, factory):
    index = built(base, factory)
    assert index.ntotal == len(index) == 2000 and index.is_trained and index.d == 32
    distances, labels = index.search(queries, 10, **({"nprobe": 8} if "IVF" in factory else {}))
    assert distances.dtype == np.float32 and labels.dtype == np.int64
    assert distances.shape == labels.shape == (50, 10)
    assert (np.diff(distances, axis=1) >= 0).all()
    assert recall(labels, exact(base, queries, 10)) > 0.4


@pytest.mark.parametrize("metric", ["l2", "ip", "cosine"])
def test_metrics(base, queries, metric):
    index = built(base, "BQQ128", metric)
    assert index.metric == metric
    distances, _ = index.search(queries, 5)
    if metric == "l2":
        assert (np.diff(distances, axis=1) >= 0).all()
    else:
        assert (np.diff(distances, axis=1) <= 0).all()
    if metric == "cosine":
        assert np.abs(distances).max() < 1.1


@pytest.mark.parametrize("metric, name", [("l2", "l2"), ("ip", "ip"), ("cosine", "cosine")])
def test_results_are_those_of_the_command(base, queries, tmp_path, metric, name):
    index = built(base, "IVF16,BQQ64", metric)
    distances, labels = index.search(queries, 10, nprobe=4)
    np.save(tmp_path / "base.npy", base)
    np.save(tmp_path / "queries.npy", queries)

    def run(*arguments):
        subprocess.run([os.environ["BQQ_COMMAND"], *arguments], cwd=tmp_path, check=True)

    run("build", "--base", "base.npy", "--factory", "IVF16,BQQ64", "--metric", name, "--out", "i")
    run("search", "--index", "i", "--queries", "queries.npy", "--k", "10", "--nprobe", "4",
        "--out", "labels.npy", "--distances", "distances.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), labels)
    np.testing.assert_array_equal(np.load(tmp_path / "distances.npy"), distances)
    np.testing.assert_array_equal(bqq.load(tmp_path / "i").search(queries, 10, nprobe=4)[1], labels)
    index.save(tmp_path / "j")
    assert (tmp_path / "i").read_bytes() == (tmp_path / "j").read_bytes()


def test_one_query_is_a_vector(base, queries):
    index = built(base)
    distances, labels = index.search(queries, 3)
    one_distances, one_labels = index.search(queries[7], 3)
    assert one_labels.shape == one_distances.shape == (3,)
    np.testing.assert_array_equal(one_labels, labels[7])
    np.testing.assert_array_equal(one_distances, distances[7])
    assert index.search(queries[:0], 3)[1].shape == (0, 3)


def test_missing_neighbours_are_minus_one(base, queries):
    index = built(base[:40], "BQQ16")
    assert (index.search(queries, 50)[1][:, 40:] == -1).all()


class Tensor:
    """Has what a DLPack tensor has, and no __array__."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **arguments):
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_numbers_of_other_types_are_converted(base, queries):
    index = built(base)
    whole = np.round(10 * queries)
    expected = index.search(whole.astype(np.float32), 5)
    for x in [
        whole.astype(np.float64),
        whole.astype(np.float16),
        whole.astype(np.int8),
        whole.astype(np.int64),
        whole.astype(">f4"),
        np.asfortranarray(whole.astype(np.float32)),
        whole.astype(np.float32)[::-1][::-1],
        whole.tolist(),
        Tensor(whole.astype(np.float64)),
        Tensor(whole.astype(np.float32)),
    ]:
        found = index.search(x, 5)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_tensors_of_torch(base, queries):
    torch = pytest.importorskip("torch")
    index = bqq.index_factory(32, "BQQ64")
    index.train(torch.from_numpy(base))
    index.add(torch.from_numpy(base).double())
    x = torch.from_numpy(queries)
    expected = built(base).search(queries, 5)
    for tensor in (x, x.double(), x.T.contiguous().T):
        np.testing.assert_array_equal(index.search(tensor, 5)[1], expected[1])
    found = index.search(x, 5, filter=torch.arange(10, 90))[1]
    assert ((found >= 10) & (found < 90)).all()
    assert index.remove_ids(torch.arange(3)) == 3
    with pytest.raises(RuntimeError, match="requires grad"):  # torch's own words
        index.search(x.requires_grad_(), 5)


@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.zeros((3, 31), np.float32), ValueError, r"x has shape \(3, 31\), but d is 32"),
        (np.zeros((3, 32, 1), np.float32), ValueError, r"x has shape \(3, 32, 1\)"),
        (np.float32(3), ValueError, r"x has shape \(\)"),
        (np.full((3, 32), np.nan, np.float32), ValueError, "row 0, column 0"),
        (np.full((3, 32), 1e300), ValueError, "inf"),
        (np.zeros((3, 32), bool), TypeError, "x has dtype bool"),
        (np.zeros((3, 32), complex), TypeError, "x has dtype complex128"),
        (np.array([["a"] * 32]), TypeError, "x has dtype <U1"),
        (np.array([[None] * 32]), TypeError, "x has dtype object"),
        ([[1, 2], [3]], (ValueError, TypeError), "x "),
        ("text", TypeError, "x is 'text'"),
        (None, TypeError, "x is None"),
    ],
)
def test_wrong_vectors_are_named(base, x, error, message):
    index = built(base)
    empty = bqq.index_factory(32, "BQQ2")
    with np.errstate(over="ignore"):
        for call in (lambda: index.search(x, 1), lambda: index.add(x), lambda: empty.train(x)):
            with pytest.raises(error, match=message):
                call()
    assert index.ntotal == 2000


def test_other_errors(base, queries):
    index = bqq.index_factory(32, "BQQ64")
    with pytest.raises(ValueError, match=r"search\(\) before train\(\)"):
        index.search(queries, 1)
    with pytest.raises(ValueError, match=r"add\(\) before train\(\)"):
        index.add(base)
    index.train(base)
    for k in (0, -1, 1 << 50):
        with pytest.raises(ValueError, match=f"k is {k}"):
            index.search(queries, k)
    with pytest.raises(ValueError, match="no inverted lists"):
        index.search(queries, 1, nprobe=3)
    with pytest.raises(ValueError, match="no graph"):
        index.search(queries, 1, ef=3)
    with pytest.raises(AttributeError, match="IndexBQQ has no nprobe"):
        index.nprobe = 3
    with pytest.raises(ValueError, match="0 bits a vector"):
        bqq.index_factory(32, "BQQ0")
    with pytest.raises(ValueError, match="metric is 'l3'"):
        bqq.index_factory(32, "BQQ64", metric="l3")
    with pytest.raises(ValueError, match="d is 0"):
        bqq.index_factory(0, "BQQ64")
    with pytest.raises(ValueError, match="ids has 3 numbers, but there are 2000 vectors"):
        bqq.index_factory(32, "IDMap,BQQ64").add(base, ids=[1, 2, 3])
    with pytest.raises(TypeError, match="ids has dtype float64"):
        index.add(base, ids=np.zeros(2000))
    ivf = built(base, "IVF16,BQQ64")
    with pytest.raises(ValueError, match="nprobe is 0"):
        ivf.search(queries, 1, nprobe=0)


def test_ids_filters_and_removal(base, queries):
    index = bqq.index_factory(32, "IVF16,BQQ64")
    index.train(base)
    ids = np.arange(2000) * 3 + 1
    index.add(base, ids=ids)
    labels = index.search(queries, 10, nprobe=16)[1]
    assert np.isin(labels, ids).all()
    some = ids[::2]
    mask = np.zeros(ids.max() + 1, bool)
    mask[some] = True
    filtered = index.search(queries, 10, nprobe=16, filter=some)[1]
    assert np.isin(filtered, some).all()
    np.testing.assert_array_equal(
        index.search(queries, 10, nprobe=16, filter=mask)[1], filtered)
    np.testing.assert_array_equal(
        index.search(queries, 10, nprobe=16, exclude=ids[1::2])[1], filtered)
    low = index.search(queries, 10, nprobe=16, filter=range(0, 3000))[1]
    assert (low < 3000).all() and (low >= 0).all()
    both = index.search(queries, 10, nprobe=16, filter=range(0, 3000), exclude=some)[1]
    assert (both < 3000).all() and not np.isin(both, some).any()
    with pytest.raises(ValueError, match="step 1"):
        index.search(queries, 10, filter=range(0, 10, 2))
    assert index.remove_ids(some) == 1000
    assert index.ntotal == 1000
    assert not np.isin(index.search(queries, 10, nprobe=16)[1], some).any()


def test_range_search(base, queries):
    index = built(base)
    limits, distances, labels = index.range_search(queries, 12.0)
    assert limits.shape == (51,) and limits[0] == 0 and limits[-1] == len(labels) > 0
    assert (distances < 12).all()
    nearest = index.search(queries, 2000)
    for i in range(50):
        inside = nearest[1][i][nearest[0][i] < 12]
        assert set(labels[limits[i] : limits[i + 1]]) == set(inside)


def test_reconstruct(base):
    index = built(base, "BQQ256")
    assert index.reconstruct(5).shape == (32,)
    decoded = index.reconstruct([5, 7])
    np.testing.assert_array_equal(decoded[0], index.reconstruct(5))
    assert np.mean((index.reconstruct(np.arange(2000)) - base) ** 2) < 0.2 * np.var(base)
    with pytest.raises(ValueError, match="2000"):
        index.reconstruct(2000)


def test_merge_and_reset(base, queries):
    whole = built(base)
    first = bqq.index_factory(32, "BQQ64")
    first.train(base)
    second = copy.copy(first)
    first.add(base[:700])
    second.add(base[700:])
    first.merge_from(second)
    assert first.ntotal == 2000 and second.ntotal == 0
    np.testing.assert_array_equal(first.search(queries, 9)[1], whole.search(queries, 9)[1])
    first.reset()
    assert first.ntotal == 0 and first.is_trained
    with pytest.raises(ValueError):
        first.merge_from(built(base, "BQQ32"))


@pytest.mark.parametrize("factory", FACTORIES)
def test_files_pickle_and_copies(base, queries, tmp_path, factory):
    index = built(base, factory)
    expected = index.search(queries, 7)
    index.save(tmp_path / "index")
    bqq.verify(tmp_path / "index")
    for other in [
        bqq.load(tmp_path / "index"),
        bqq.load(str(tmp_path / "index"), mmap=True),
        bqq.deserialize(index.serialize()),
        pickle.loads(pickle.dumps(index)),
        copy.copy(index),
        copy.deepcopy(index),
    ]:
        assert type(other) is type(index)
        found = other.search(queries, 7)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
    copied = copy.copy(index)
    copied.reset()
    assert index.ntotal == 2000


def test_file_errors(base, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        bqq.load(tmp_path / "missing")
    (tmp_path / "foreign").write_bytes(b"no index" * 100)
    with pytest.raises(OSError, match="foreign"):
        bqq.load(tmp_path / "foreign")
    index = built(base)
    index.save(tmp_path / "index")
    text = bytearray((tmp_path / "index").read_bytes())
    text[len(text) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(text)
    for call in (bqq.load, bqq.verify):
        with pytest.raises(OSError, match="damaged"):
            call(tmp_path / "damaged")
    with pytest.raises(OSError, match="missing/index"):
        index.save(tmp_path / "missing/index")
    with pytest.raises(OSError, match="[Nn]o space"):
        index.save("/dev/full")
    with pytest.raises(ValueError):
        bqq.deserialize(bytes(text))


def test_says_what_it_is(base):
    index = built(base, "IVF16,BQQ64", "cosine")
    assert repr(index) == (
        "<bqq index L2norm,IVF16,BQQ64: 2000 vectors, d = 32, cosine>")
    assert "not trained" in repr(bqq.IndexBQQ(8, 16))
    assert index.memory["codes"] >= 2000 * 9
    assert index.memory["total"] == sum(v for k, v in index.memory.items() if k != "total")
    assert index.nprobe == 1 and index.ef is None and index.k_factor is None
    index.nprobe = 5
    assert index.nprobe == 5


def test_classes():
    index = bqq.IndexIVFBQQ(32, 16, 64, metric="ip", depth=3, bases=2, atoms="tied")
    assert (index.d, index.nlist, index.metric) == (32, 16, "ip")
    assert index.factory == "IVF16,BQQ64z3tg2"
    assert isinstance(bqq.index_factory(32, "BQQ64"), bqq.IndexBQQ)
    assert isinstance(bqq.index_factory(32, "HNSW8,BQQ64"), bqq.IndexHNSWBQQ)
    with pytest.raises(ValueError, match="M is 0"):
        bqq.IndexBQQ(32, 0)
    with pytest.raises(ValueError, match="atoms is 'loose'"):
        bqq.IndexBQQ(32, 8, atoms="loose")
    with pytest.raises(ValueError, match="cosine"):
        bqq.IndexBQQ(32, 8, metric="cosine")
