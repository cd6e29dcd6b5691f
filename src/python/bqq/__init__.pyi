from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, SupportsIndex, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._neighbors import KNeighborsTransformer as KNeighborsTransformer

__version__: str

_Metric = Literal["l2", "ip", "cosine"]
_CodecMetric = Literal["l2", "ip"]
_Atoms = Literal["free", "tied"]
_Path = str | PathLike[str]
_Progress = Callable[[str, int, int], object]
_Filter = range | ArrayLike
_Found = tuple[NDArray[np.float32], NDArray[np.int64]]

class Index:
    @property
    def d(self) -> int: ...
    @property
    def ntotal(self) -> int: ...
    @property
    def is_trained(self) -> bool: ...
    @property
    def metric(self) -> str: ...
    @property
    def factory(self) -> str: ...
    @property
    def memory(self) -> dict[str, int]: ...
    nprobe: int | None
    ef: int | None
    k_factor: float | None
    def train(
        self, x: ArrayLike, seed: int | None = None, progress: _Progress | None = None
    ) -> None: ...
    def add(
        self, x: ArrayLike, ids: ArrayLike | None = None, progress: _Progress | None = None
    ) -> None: ...
    def search(
        self,
        x: ArrayLike,
        k: int,
        *,
        nprobe: int | None = None,
        ef: int | None = None,
        filter: _Filter | None = None,
        exclude: _Filter | None = None,
    ) -> _Found: ...
    def range_search(
        self,
        x: ArrayLike,
        radius: float,
        *,
        nprobe: int | None = None,
        ef: int | None = None,
        filter: _Filter | None = None,
        exclude: _Filter | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]: ...
    def reconstruct(self, ids: SupportsIndex | ArrayLike) -> NDArray[np.float32]: ...
    def remove_ids(self, ids: _Filter) -> int: ...
    def merge_from(self, other: Index, add_id: int = 0) -> None: ...
    def reset(self) -> None: ...
    def save(self, path: _Path) -> None: ...
    def serialize(self) -> bytes: ...
    def __copy__(self) -> Index: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Index: ...
    def __len__(self) -> int: ...

class IndexBQQ(Index):
    def __init__(
        self,
        d: int,
        M: int,
        metric: _CodecMetric = "l2",
        depth: int | None = None,
        bases: int | None = 1,
        atoms: _Atoms | None = None,
    ) -> None: ...

class IndexIVFBQQ(Index):
    def __init__(
        self,
        d: int,
        nlist: int,
        M: int,
        metric: _CodecMetric = "l2",
        depth: int | None = None,
        bases: int | None = 1,
        atoms: _Atoms | None = None,
    ) -> None: ...
    @property
    def nlist(self) -> int: ...

class IndexHNSWBQQ(Index):
    reproducible: bool

class Snapshot:
    @property
    def ntotal(self) -> int: ...
    def search(
        self,
        x: ArrayLike,
        k: int,
        *,
        nprobe: int | None = None,
        ef: int | None = None,
        filter: _Filter | None = None,
        exclude: _Filter | None = None,
    ) -> _Found: ...
    def to_index(self) -> Index: ...
    def save(self, path: _Path) -> None: ...
    def __len__(self) -> int: ...

class ConcurrentIndex:
    def __init__(self, trained: Index) -> None: ...
    @property
    def d(self) -> int: ...
    @property
    def ntotal(self) -> int: ...
    def add(self, x: ArrayLike, ids: ArrayLike) -> None: ...
    def update(self, x: ArrayLike, ids: ArrayLike) -> int: ...
    def remove(self, ids: ArrayLike) -> int: ...
    def search(
        self,
        x: ArrayLike,
        k: int,
        *,
        nprobe: int | None = None,
        ef: int | None = None,
        filter: _Filter | None = None,
        exclude: _Filter | None = None,
    ) -> _Found: ...
    def snapshot(self) -> Snapshot: ...
    def compact(self) -> None: ...
    def save(self, path: _Path) -> None: ...
    def __len__(self) -> int: ...

class Quantizer:
    def __init__(
        self,
        d: int,
        M: int,
        metric: _CodecMetric = "l2",
        depth: int | None = None,
        bases: int | None = 1,
        atoms: _Atoms | None = None,
    ) -> None: ...
    @property
    def d(self) -> int: ...
    @property
    def M(self) -> int: ...
    @property
    def code_size(self) -> int: ...
    @property
    def is_trained(self) -> bool: ...
    def train(
        self, x: ArrayLike, seed: int | None = None, progress: _Progress | None = None
    ) -> None: ...
    def encode(self, x: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]: ...
    def decode(self, codes: ArrayLike, lists: ArrayLike | None = None) -> NDArray[np.float32]: ...

class MatrixCodec:
    @staticmethod
    def compress(
        X: ArrayLike,
        planes: int = 2,
        *,
        rank: int | None = None,
        block_rows: int | None = None,
        block_cols: int | None = None,
        solver: Literal["flips", "amfd"] = "flips",
        joint: bool = False,
        effort: float = 1.0,
        seed: int = 1234,
        progress: _Progress | None = None,
    ) -> MatrixCodec: ...
    @staticmethod
    def load(path: _Path) -> MatrixCodec: ...
    def save(self, path: _Path) -> None: ...
    def keep_planes(self, planes: int) -> None: ...
    def reconstruct(self) -> NDArray[np.float32]: ...
    def __matmul__(self, y: ArrayLike) -> NDArray[np.float32]: ...
    def multiply_transposed(self, y: ArrayLike) -> NDArray[np.float32]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def planes(self) -> int: ...
    @property
    def bits_per_entry(self) -> float: ...
    @property
    def mse_per_plane(self) -> list[float]: ...
    @property
    def nbytes(self) -> int: ...

class ProgressBar:
    def __init__(self, file: TextIO | None = None) -> None: ...
    def __call__(self, stage: str, done: int, total: int) -> None: ...

def index_factory(d: int, description: str, metric: _Metric = "l2") -> Index: ...
def load(path: _Path, mmap: bool = False) -> Index: ...
def verify(path: _Path) -> None: ...

class TunedIndex:
    @property
    def factory(self) -> str: ...
    @property
    def search(self) -> dict[str, int]: ...
    @property
    def bytes(self) -> float: ...
    @property
    def recall(self) -> float: ...
    @property
    def ms(self) -> float: ...

class Tuned(TunedIndex):
    @property
    def metric(self) -> str: ...
    @property
    def d(self) -> int: ...
    @property
    def fulfils(self) -> bool: ...
    @property
    def predicted(self) -> TunedIndex: ...
    @property
    def tried(self) -> list[TunedIndex]: ...
    def make_index(self) -> Index: ...

class Diagnosis:
    vectors: dict[str, float]
    queries: dict[str, float] | None
    coding: list[dict[str, float]]
    index: dict[str, Any] | None
    findings: list[tuple[str, str]]
    spectrum: NDArray[np.float64]
    text: str

def diagnose(
    x: ArrayLike,
    queries: ArrayLike | None = None,
    *,
    metric: _Metric | None = None,
    index: Index | None = None,
    k: int = 10,
    seed: int = 1234,
    progress: _Progress | None = None,
) -> Diagnosis: ...
def tune(
    x: ArrayLike,
    queries: ArrayLike | None = None,
    *,
    metric: _Metric = "l2",
    max_bytes: float | None = None,
    min_recall: float | None = None,
    max_ms: float | None = None,
    k: int = 10,
    seconds: float = 150,
    seed: int = 1234,
    progress: _Progress | None = None,
) -> Tuned: ...
def deserialize(data: bytes | Sequence[int] | NDArray[np.uint8]) -> Index: ...
def set_num_threads(count: int) -> None: ...
def get_num_threads() -> int: ...
