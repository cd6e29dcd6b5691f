"""The names of FAISS's Python module that a script needs to use bqq instead.

    import bqq.contrib.faiss_compat as faiss

    index = faiss.index_factory(d, "IVF1024,BQQ256", faiss.METRIC_INNER_PRODUCT)

Indexes that FAISS wrote are read, too.
"""

import numpy as np

from .. import Index, deserialize, get_num_threads, load, set_num_threads
from .. import index_factory as _index_factory

METRIC_INNER_PRODUCT = 0
METRIC_L2 = 1
IO_FLAG_MMAP = 1

_METRICS = {METRIC_INNER_PRODUCT: "ip", METRIC_L2: "l2"}

__all__ = [
    "IO_FLAG_MMAP",
    "Index",
    "METRIC_INNER_PRODUCT",
    "METRIC_L2",
    "deserialize_index",
    "index_factory",
    "normalize_L2",
    "omp_get_max_threads",
    "omp_set_num_threads",
    "read_index",
    "serialize_index",
    "write_index",
]


def index_factory(d, description, metric=METRIC_L2):
    """An untrained index. ValueError for a metric that is neither of the two."""
    if metric not in _METRICS:
        raise ValueError(f"metric is {metric}, it has to be METRIC_L2 or METRIC_INNER_PRODUCT")
    return _index_factory(d, description, metric=_METRICS[metric])


def read_index(path, io_flags=0):
    """An index that bqq or FAISS wrote. OSError for a file that is missing, damaged or foreign."""
    return load(path, mmap=bool(io_flags & IO_FLAG_MMAP))


def write_index(index, path):
    """Writes an index, whole or not at all. OSError when it cannot be written."""
    index.save(path)


def serialize_index(index):
    """The bytes of an index's file, as an array of uint8."""
    return np.frombuffer(index.serialize(), dtype=np.uint8)


def deserialize_index(data):
    """The index that serialize_index gave the bytes of."""
    return deserialize(data)


def normalize_L2(x):
    """Scales the rows of an array of float32 to norm one, in place; rows of zeros stay."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim != 2:
        raise TypeError("x has to be an array of float32 with two dimensions")
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    np.divide(x, norms, out=x, where=norms > 0)


def omp_set_num_threads(count):
    """Threads of all later calls."""
    set_num_threads(count)


def omp_get_max_threads():
    """Threads of a call."""
    return get_num_threads()
