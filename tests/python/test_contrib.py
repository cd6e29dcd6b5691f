"""What users of FAISS, scikit-learn and ann-benchmarks look for."""

import os
import re

import bqq
import numpy as np
import pytest


def test_a_script_for_faiss_runs_with_two_lines_changed(tmp_path):
    """The script of docs/python.md, as it stands there."""
    with open(os.path.join(os.environ["BQQ_SOURCE_DIR"], "docs/python.md")) as file:
        blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    script = next(block for block in blocks if "faiss_compat" in block)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        names = {}
        exec(compile(script, "docs/python.md", "exec"), names)
    finally:
        os.chdir(here)
    assert names["labels"].shape == (10, 5)
    assert (names["labels"][:, 0] == np.arange(10)).all()


def test_faiss_compat(base, queries, tmp_path):
    import bqq.contrib.faiss_compat as faiss

    x = base.copy()
    x[3] = 0
    faiss.normalize_L2(x)
    norms = np.linalg.norm(x, axis=1)
    assert norms[3] == 0 and np.allclose(np.delete(norms, 3), 1)
    with pytest.raises(TypeError):
        faiss.normalize_L2(base.astype(np.float64))
    index = faiss.index_factory(32, "BQQ64", faiss.METRIC_INNER_PRODUCT)
    index.train(x)
    index.add(x)
    assert index.metric == "ip"
    assert faiss.index_factory(32, "BQQ64").metric == "l2"
    expected = index.search(queries, 3)[1]
    faiss.write_index(index, str(tmp_path / "index"))
    for read in (
        faiss.read_index(str(tmp_path / "index")),
        faiss.read_index(str(tmp_path / "index"), faiss.IO_FLAG_MMAP),
        faiss.deserialize_index(faiss.serialize_index(index)),
    ):
        np.testing.assert_array_equal(read.search(queries, 3)[1], expected)
    with pytest.raises(ValueError, match="metric is 7"):
        faiss.index_factory(32, "BQQ64", 7)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    assert faiss.omp_get_max_threads() == 1
    faiss.omp_set_num_threads(threads)


@pytest.mark.parametrize("factory", ["Flat", "PQ8x4", "IVF16,Flat", "HNSW16,Flat", "SQ8"])
def test_indexes_of_faiss(base, queries, tmp_path, factory):
    index = bqq.index_factory(32, factory)
    index.train(base)
    index.add(base)
    expected = index.search(queries, 5)
    index.save(tmp_path / "index")
    found = bqq.load(tmp_path / "index").search(queries, 5)
    np.testing.assert_array_equal(found[1], expected[1])
    if factory in ("Flat", "IVF16,Flat"):
        assert (index.search(queries, 5, filter=range(1000))[1] < 1000).all()


@pytest.mark.parametrize(
    "factory",
    ["Flat", "IDMap,Flat", "SQ8", "PQ8x4", "OPQ8,PQ8x4", "PQ8x4,RFlat", "IVF16,Flat", "IVF16,PQ8x4fs",
     "PCA16,IVF16,SQ8", "HNSW16", "HNSW16,SQ8"],
)  # fmt: skip
def test_indexes_that_the_faiss_package_wrote(base, queries, tmp_path, factory):
    faiss = pytest.importorskip("faiss")  # Debian's python3-faiss, in the same process
    theirs = faiss.index_factory(32, factory)
    theirs.train(base)
    if factory.startswith("IDMap"):
        theirs.add_with_ids(base, 3 * np.arange(len(base)))
    else:
        theirs.add(base)
    faiss.write_index(theirs, str(tmp_path / "theirs"))
    ours = bqq.load(tmp_path / "theirs")
    expected, found = theirs.search(queries, 5), ours.search(queries, 5)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    ours.save(tmp_path / "ours")
    np.testing.assert_array_equal(bqq.load(tmp_path / "ours").search(queries, 5)[1], found[1])


def test_neighbours_for_scikit_learn(base):
    pytest.importorskip("sklearn")
    from sklearn.neighbors import KNeighborsTransformer as Exact

    found = bqq.KNeighborsTransformer(n_neighbors=7).fit_transform(base)
    true = Exact(n_neighbors=7).fit_transform(base)
    assert found.shape == true.shape == (2000, 2000)
    assert (np.diff(found.indptr) == 8).all()
    same = np.mean(
        [len(set(found[i].indices) & set(true[i].indices)) / 8 for i in range(0, 2000, 20)])
    assert same > 0.9
    np.testing.assert_allclose(
        found.multiply(true > 0).toarray(), true.multiply(found > 0).toarray(), rtol=1e-3)
    graph = bqq.KNeighborsTransformer(mode="connectivity", n_neighbors=7).fit_transform(base)
    assert (graph.data == 1).all() and graph.nnz == 7 * 2000
    with pytest.raises(ValueError, match="mode is 'other'"):
        bqq.KNeighborsTransformer(mode="other").fit(base)


def test_estimator_checks():
    pytest.importorskip("sklearn")
    from sklearn.utils.estimator_checks import check_estimator

    def checks():
        return check_estimator(bqq.KNeighborsTransformer(), generate_only=True)

    failed = []
    for estimator, check in checks():
        try:
            check(estimator)
        except Exception as error:
            failed.append((check.func.__name__, error))
    assert not failed


def test_ann_benchmarks(base, queries):
    from bqq.ann_benchmarks import BQQ

    threads = bqq.get_num_threads()
    algorithm = BQQ("euclidean", "IVF16,BQQ128")
    algorithm.fit(base)
    algorithm.set_query_arguments(16)
    one = [algorithm.query(q, 10) for q in queries]
    algorithm.batch_query(queries, 10)
    np.testing.assert_array_equal(algorithm.get_batch_results(), one)
    assert "nprobe" in str(algorithm) and algorithm.get_memory_usage() > 0
    graph = BQQ("angular", "HNSW16,BQQ64")
    graph.fit(base)
    graph.set_query_arguments(32)
    assert len(graph.query(queries[0], 4)) == 4
    with pytest.raises(NotImplementedError):
        BQQ("jaccard", "BQQ64")
    bqq.set_num_threads(threads)
