"""Quantizer, MatrixCodec, ConcurrentIndex."""

import threading

import bqq
import numpy as np
import pytest


@pytest.mark.parametrize("bases", [1, 3])
def test_quantizer(base, bases):
    codec = bqq.Quantizer(32, 128, bases=bases)
    with pytest.raises(RuntimeError, match="train"):
        codec.encode(base)
    codec.train(base)
    codes, lists = codec.encode(base)
    assert codes.shape == (2000, codec.code_size) and codes.dtype == np.uint8
    assert lists.shape == (2000,) and lists.max() == bases - 1
    decoded = codec.decode(codes, lists)
    assert np.mean((decoded - base) ** 2) < 0.3 * np.var(base)
    one, of_list = codec.encode(base[3])
    np.testing.assert_array_equal(one[0], codes[3])
    with pytest.raises(ValueError, match=r"codes has shape \(2000, 5\)"):
        codec.decode(codes[:, :5], lists)
    with pytest.raises(ValueError):
        codec.decode(codes, np.full(2000, 7, np.uint32))


def test_matrix_codec(tmp_path):
    random = np.random.default_rng(3)
    X = random.normal(size=(24, 40)).astype(np.float32)
    codec = bqq.MatrixCodec.compress(X, planes=3)
    assert codec.shape == (24, 40) and codec.planes == 3 and len(codec.mse_per_plane) == 3
    Y = codec.reconstruct()
    assert np.mean((X - Y) ** 2) == pytest.approx(codec.mse_per_plane[-1], rel=1e-3)
    assert codec.mse_per_plane[-1] < 0.1
    v = random.normal(size=40).astype(np.float32)
    V = random.normal(size=(40, 5))
    np.testing.assert_allclose(codec @ v, Y @ v, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(codec @ V, Y @ V, rtol=1e-4, atol=1e-4)
    w = random.normal(size=24)
    np.testing.assert_allclose(codec.multiply_transposed(w), Y.T @ w, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"shape \(24,\), but the matrix has 40 columns"):
        codec @ w
    codec.save(tmp_path / "matrix")
    read = bqq.MatrixCodec.load(tmp_path / "matrix")
    np.testing.assert_array_equal(read.reconstruct(), Y)
    read.keep_planes(1)
    assert read.planes == 1 and codec.planes == 3
    with pytest.raises(OSError, match="missing"):
        bqq.MatrixCodec.load(tmp_path / "missing")
    with pytest.raises(ValueError, match="solver is 'none'"):
        bqq.MatrixCodec.compress(X, solver="none")
    X[2, 3] = np.nan
    with pytest.raises(ValueError, match="row 2, column 3"):
        bqq.MatrixCodec.compress(X)


@pytest.mark.parametrize("factory", ["IDMap,BQQ64", "IVF16,BQQ64"])
def test_concurrent_index(base, queries, tmp_path, factory):
    trained = bqq.index_factory(32, factory)
    trained.train(base)
    whole = bqq.deserialize(trained.serialize())
    whole.add(base, ids=np.arange(2000))
    options = {"nprobe": 16} if "IVF" in factory else {}
    index = bqq.ConcurrentIndex(trained)
    done = threading.Event()
    errors = []

    def search():
        while not done.is_set():
            labels = index.search(queries, 10, **options)[1]
            if labels.shape != (50, 10) or labels.max() >= 2000:
                errors.append(labels)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(0, 2000, 100):
        index.add(base[i : i + 100], np.arange(i, i + 100))
    empty = index.snapshot()
    assert index.remove(np.arange(0, 500)) == 500
    assert index.update(base[:500], np.arange(500)) == 0
    assert index.update(base[500:600], np.arange(500, 600)) == 100
    done.set()
    for thread in threads:
        thread.join()
    assert not errors and len(index) == 2000 and index.d == 32
    expected = whole.search(queries, 10, **options)
    np.testing.assert_array_equal(index.search(queries, 10, **options)[0], expected[0])
    assert len(empty) == 2000
    index.compact()
    index.save(tmp_path / "index")
    np.testing.assert_array_equal(
        bqq.load(tmp_path / "index").search(queries, 10, **options)[0], expected[0])
    np.testing.assert_array_equal(
        index.snapshot().to_index().search(queries, 10, **options)[0], expected[0])
    assert (index.search(queries, 10, filter=range(100), **options)[1] < 100).all()
    with pytest.raises(ValueError, match="ids has 2 numbers"):
        index.add(base, [1, 2])
    with pytest.raises(ValueError):
        bqq.ConcurrentIndex(bqq.index_factory(32, "Flat"))
