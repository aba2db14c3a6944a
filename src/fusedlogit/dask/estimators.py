"""The estimators on Dask collections: fitted where blocks lie, with predictions that are lazy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ..classifier import LinearClassifier
from ..cross_validation import FoldModel
from ..cross_validation import LogisticRegressionCV as CVInMemory
from ..data.per_row import each
from ..estimator import LogisticRegression as InMemory
from ..validation import present
from .collections import Table, is_collection
from .predictions import bare, fitted, predicted


class _OnDask(LinearClassifier):
    """Takes Dask collections, and any other data as in memory.

    Attributes
    ----------
    client : distributed.Client or None
        Whose workers fit; None for the current one. It is not pickled.
    """

    client: Client | None = None

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "client"}

    def _given(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        if not is_collection(X):
            return X, y, sample_weight
        present(self, y)
        table = Table(X, self.client)
        return table.blocks, table.labels(y), table.weights(sample_weight)

    def _predicted(self, X: Any, method: str) -> Any:
        if not is_collection(X):
            return getattr(super(), method)(X)
        return predicted(bare(self), X, method)

    def decision_function(self, X: Any) -> Any:
        """Decision values, as `fusedlogit.LogisticRegression` gives them; of Dask's X, lazily.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).

        Returns
        -------
        dask.array.Array or ndarray of float64, of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._predicted(X, "decision_function")

    def predict(self, X: Any) -> Any:
        """Class of each sample; of Dask's X, lazily.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).

        Returns
        -------
        dask.array.Array or ndarray of shape (n_samples,)
        """
        return self._predicted(X, "predict")

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes; of Dask's X, lazily.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).

        Returns
        -------
        dask.array.Array or ndarray of float64, of shape (n_samples, n_classes)
        """
        return self._predicted(X, "predict_proba")

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the probabilities; of Dask's X, lazily.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).

        Returns
        -------
        dask.array.Array or ndarray of float64, of shape (n_samples, n_classes)
        """
        return self._predicted(X, "predict_log_proba")


class LogisticRegression(_OnDask, InMemory):
    """`fusedlogit.LogisticRegression` on Dask arrays and data frames.

    Blocks stay on the workers that hold them, and so does what is told of each row. Coefficients
    go out, sums over blocks come back through a tree: one round trip an evaluation. What is lost
    with a worker Dask makes anew, from the coefficients it belongs to, and the fit goes on. It
    finds what it would find in memory, and ends with the same proof.

    Parameters and attributes are those of `fusedlogit.LogisticRegression`, but for `n_jobs`: the
    threads of a task, None for one, as a worker runs as many tasks as it has threads. Fitted
    attributes are NumPy arrays. Samples of rows that solvers ask for are fetched. `solver="sgd"`
    and `partial_fit` do not go over blocks.

    `fit` takes X as a Dask array of dense or sparse blocks or as a Dask data frame, y and
    `sample_weight` as Dask collections of the same rows or as what is in memory. It raises
    RuntimeError where there is no Dask client or an asynchronous one, and ValueError with the name
    of a block whose columns or type are not those of the first, or that holds NaN, infinity or
    text, or whose rows lack a label.

    Attributes
    ----------
    client : distributed.Client or None
        Set it to use another client than the current one. It is not pickled.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> from distributed import Client
    >>> from fusedlogit.dask import LogisticRegression
    >>> X = da.from_array(np.array([[0.0], [1.0], [2.0], [3.0]]), chunks=(2, 1))
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     LogisticRegression().fit(X, np.array([0, 0, 1, 1])).predict(X).compute().tolist()
    [0, 0, 1, 1]
    """

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of the samples whose class is predicted, by weight.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).
        y : dask.array.Array, dask.dataframe.Series or array of shape (n_samples,)
        sample_weight : likewise, optional

        Returns
        -------
        float
        """
        if not is_collection(X):
            return float(super().score(X, y, sample_weight))
        X, y, weight = self._given(X, y, sample_weight)
        decision = self._decision(X)
        right = each(partial(_right, bare(self)._codes, self.classes_), decision, y)[0]
        if weight is None:
            return float(right.sum()) / len(X)
        total = float(weight.sum())
        if total == 0:
            raise ValueError("sample_weight must not be zero throughout")
        return float((right * weight).sum()) / total


class LogisticRegressionCV(_OnDask, CVInMemory):
    """`fusedlogit.LogisticRegressionCV` on Dask arrays and data frames.

    As `fusedlogit.dask.LogisticRegression`. Besides samples of rows, labels, weights and the
    decision values of held-out rows come to the client: splitters and scorers ask for them.
    ``cv="loo"`` and scorers that read X itself are refused.

    Attributes
    ----------
    client : distributed.Client or None
        Set it to use another client than the current one. It is not pickled.
    """

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """The score by `scoring`: labels and decision values come to the client.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame, array or sparse matrix
            Of shape (n_samples, n_features).
        y : dask.array.Array, dask.dataframe.Series or array of shape (n_samples,)
        sample_weight : likewise, optional
        **params
            Passed to the scorer, with metadata routing.

        Returns
        -------
        float
        """
        if not is_collection(X):
            return super().score(X, y, sample_weight, **params)
        blocks, y, weight = self._given(X, y, sample_weight)
        seen = np.arange(len(blocks))
        model = FoldModel(threshold=self.threshold).keep(
            fitted(self), seen, self._decision(blocks)[:, :]
        )
        routed = self._routed("score", None if weight is None else weight[:], params)
        return float(self._get_scorer()(model, seen, y[:], **routed.scorer.score))


def _right(
    codes_of: Callable[[NDArray[Any]], NDArray[Any]],
    classes: NDArray[Any],
    decision: NDArray[Any],
    y: NDArray[Any],
) -> NDArray[np.bool_]:
    """Whether the class of each row is predicted, (1, n_samples)."""
    texts = [labels.dtype.kind in "SUT" for labels in (classes, y)]
    if texts[0] != texts[1] and "O" not in classes.dtype.kind + y.dtype.kind:
        raise ValueError(f"y holds {y.dtype}; the classes of the model are {classes.dtype}")
    right: NDArray[np.bool_] = classes[codes_of(decision)] == y
    return right[None]
