"""Nearest-neighbour search over embeddings in very few bytes.

    import bqq

    index = bqq.index_factory(512, "IVF1024,BQQ256", metric="cosine")
    index.train(base)                     # base: n x 512
    index.add(base)
    distances, labels = index.search(queries, 10, nprobe=16)
    index.save("index.bqq")

Vectors are numpy arrays, n x d or a single one of d numbers. Arrays of float32 in C order are used
where they are; float16, float64 and integers, lists, and tensors (torch's, by DLPack) are converted
to float32. Booleans, complex numbers, text and objects are a TypeError; another shape, a NaN or an
infinity is a ValueError that names it. Long calls release the global interpreter lock, and Ctrl-C
ends them.
"""

from ._bqq import (
    ConcurrentIndex,
    Index,
    IndexBQQ,
    IndexHNSWBQQ,
    IndexIVFBQQ,
    MatrixCodec,
    Quantizer,
    Snapshot,
    __version__,
    get_num_threads,
    index_factory,
    load,
    set_num_threads,
    verify,
)
from ._bqq import deserialize as _deserialize
from ._diagnose import Diagnosis, diagnose
from ._progress import ProgressBar
from ._tune import Tuned, TunedIndex, tune

__all__ = [
    "ConcurrentIndex",
    "Diagnosis",
    "Index",
    "IndexBQQ",
    "IndexHNSWBQQ",
    "IndexIVFBQQ",
    "KNeighborsTransformer",
    "MatrixCodec",
    "ProgressBar",
    "Quantizer",
    "Snapshot",
    "Tuned",
    "TunedIndex",
    "__version__",
    "deserialize",
    "diagnose",
    "get_num_threads",
    "index_factory",
    "load",
    "set_num_threads",
    "tune",
    "verify",
]


def deserialize(data):
    """The index that Index.serialize() gave the bytes of. ValueError for others."""
    return _deserialize(bytes(data))


def __getattr__(name):
    # scikit-learn takes a second to import.
    if name == "KNeighborsTransformer":
        from ._neighbors import KNeighborsTransformer

        return KNeighborsTransformer
    raise AttributeError(f"module 'bqq' has no attribute '{name}'")
