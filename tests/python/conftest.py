import numpy as np
import pytest

D = 32


@pytest.fixture(scope="session")
def base():
    """2,000 vectors in clusters, float32."""
    random = np.random.default_rng(1)
    centres = random.normal(size=(20, D))
    x = centres[random.integers(20, size=2000)] + 0.5 * random.normal(size=(2000, D))
    return x.astype(np.float32)


@pytest.fixture(scope="session")
def queries(base):
    random = np.random.default_rng(2)
    return (base[:50] + 0.2 * random.normal(size=(50, D))).astype(np.float32)
