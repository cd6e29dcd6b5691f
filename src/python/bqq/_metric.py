"""How vectors are compared."""

import numpy as np


def prepared(metric, *arrays):
    """The arrays, None among them, as `metric` compares them: for cosine scaled to norm one."""
    if metric not in ("l2", "ip", "cosine"):
        raise ValueError(f"metric is {metric!r}, it has to be 'l2', 'ip' or 'cosine'")
    if metric != "cosine":
        return arrays
    return tuple(None if x is None else _normalized(x) for x in arrays)


def _normalized(x):
    x = np.asarray(x, dtype=np.float32)
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(norms > 0, norms, 1)
