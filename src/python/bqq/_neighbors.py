"""Approximate neighbours for scikit-learn."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from . import index_factory

_METRICS = {"euclidean": "l2", "sqeuclidean": "l2", "cosine": "cosine"}


class KNeighborsTransformer(TransformerMixin, BaseEstimator):
    """As sklearn.neighbors.KNeighborsTransformer, by BQQ codes: the graph of the approximate
    neighbours, for estimators that take `metric="precomputed"`.

    Parameters
    ----------
    mode : 'distance' or 'connectivity', what the graph holds
    n_neighbors : neighbours of a sample; with mode 'distance' one more, the sample itself
    metric : 'euclidean', 'sqeuclidean' or 'cosine'; distances are those of the codes
    factory : of the index; None takes 8 bits a feature, at most 1,024, refined by the vectors
    k_factor : candidates for each neighbour that the vectors refine
    random_state : seed of the training

    Attributes
    ----------
    index_ : the bqq.Index
    n_features_in_, n_samples_fit_ : of what fit() was given
    """

    def __init__(
        self,
        mode="distance",
        n_neighbors=5,
        metric="euclidean",
        factory=None,
        k_factor=8,
        random_state=1234,
    ):
        self.mode = mode
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.factory = factory
        self.k_factor = k_factor
        self.random_state = random_state

    def fit(self, X, y=None):
        """Trains on the samples X, n x d, and adds them."""
        if self.mode not in ("distance", "connectivity"):
            raise ValueError(f"mode is {self.mode!r}, it has to be 'distance' or 'connectivity'")
        if self.metric not in _METRICS:
            raise ValueError(f"metric is {self.metric!r}, it has to be one of {sorted(_METRICS)}")
        X = self._check(X, reset=True)
        n, d = X.shape
        factory = self.factory
        if factory is None:
            bits = min(8 * d, 1024, n)
            factory = f"BQQ{bits},RFlat"
        self.index_ = index_factory(d, factory, metric=_METRICS[self.metric])
        self.index_.train(X, seed=self.random_state)
        self.index_.add(X)
        if self.index_.k_factor is not None:
            self.index_.k_factor = self.k_factor
        self.n_samples_fit_ = n
        return self

    def transform(self, X):
        """The graph of the neighbours of X among what fit() was given: sparse, n x n_samples_fit_."""
        check_is_fitted(self)
        X = self._check(X, reset=False)
        k = min(self.n_neighbors + (self.mode == "distance"), self.n_samples_fit_)
        values, labels = self.index_.search(X, k)
        found = labels >= 0
        if self.mode == "connectivity":
            values = np.ones_like(values)
        elif self.metric == "cosine":
            values = np.maximum(1 - values, 0)
        else:
            values = np.maximum(values, 0)
            if self.metric == "euclidean":
                values = np.sqrt(values)
        limits = np.concatenate(([0], np.cumsum(found.sum(axis=1))))
        return csr_matrix(
            (values[found], labels[found], limits), shape=(len(X), self.n_samples_fit_)
        )

    def fit_transform(self, X, y=None):
        """fit(X), then transform(X)."""
        return self.fit(X).transform(X)

    def _more_tags(self):
        return {"preserves_dtype": [np.float32]}

    def _check(self, X, reset):
        X = check_array(X, dtype=np.float32, order="C")
        if reset:
            self.n_features_in_ = X.shape[1]
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return X
