"""What fits of folds are worth on rows that they have not seen, without reading X again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from inspect import Parameter, signature
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from ..classifier import LinearClassifier
from ..data.distributed import Blocks
from ..data.parts import Parts
from ..errors import one_line
from .folds import Indices

Doubles = NDArray[np.float64]


class Knowing(LinearClassifier):
    """A classifier that knows the decision values of some rows already."""

    _seen: Any = None
    _only_seen = False  # whether it knows them of rows it has not seen, which its coefficients have
    _decisions: Doubles

    def keep(self, fitted: Mapping[str, Any], X: Any, decisions: Doubles) -> Self:
        """Set the fitted attributes, and the decision values (1 or n_classes, n_rows) of an X."""
        for name, value in fitted.items():
            setattr(self, name, value)
        self._seen, self._decisions = X, decisions
        return self

    def _decision(self, X: Any) -> Doubles:
        if self._seen is not None and X is self._seen:
            return self._decisions.copy()
        if self._only_seen:
            raise TypeError(
                "scoring: with cv='loo' a scorer can ask for predictions of the very X that it is "
                "given alone, whose rows are left out; no copy of it, and no other rows"
            )
        return super()._decision(X)


def share_parameters(model: Any, other: Any, leaving: Set[str]) -> Any:
    """Give a model the parameters that another has too, but for some; returns the model."""
    shared = model.get_params().keys() & other.get_params().keys() - leaving
    return model.set_params(**{name: getattr(other, name) for name in shared})


class Scores:
    """Scores of models on the rows of one fold.

    Parameters
    ----------
    scorer : callable
        scorer(estimator, X, y, **parameters) -> float.
    X : array of shape (n_samples, n_features)
        As the user gave it. Rows are taken from it only for scorers that may read them.
    y : ndarray of shape (n_samples,)
    codes : ndarray of shape (n_samples,)
        y as numbers of classes.
    classes : ndarray of shape (n_classes,)
    rows : ndarray of int
        The fold's.
    parameters : dict
        Of the scorer, for all samples.
    """

    def __init__(
        self,
        scorer: Callable[..., float],
        X: Any,
        y: NDArray[Any],
        codes: NDArray[Any],
        classes: NDArray[Any],
        rows: Indices,
        parameters: Mapping[str, Any],
    ) -> None:
        self.rows, self.codes = rows, codes[rows]
        self.parameters = _check_method_params(X, params=dict(parameters), indices=rows)
        weighted = set(self.parameters) <= {"sample_weight"}
        self.by_row = _scored_by_row(scorer) if weighted else None
        weight = self.parameters.get("sample_weight")
        # Scorers made of a function of y and predictions hand X on to the model, unread.
        reads = not hasattr(scorer, "_score_func")
        if not reads and weight is not None and not np.any(weight):
            raise ValueError(
                f"cv: all {len(weight):,} rows that a fold is scored on, the first of them row "
                f"{rows[0]}, have a sample_weight of zero: leave such rows out of X and y"
            )
        self.scorer, self.y = knowing(scorer, classes), y[rows]
        if reads and weight is not None:
            _require_weight_of(scorer)
        self.X = _safe_indexing(_with_rows(X), rows) if reads else rows

    def of(self, model: Knowing, fitted: Mapping[str, Any], decisions: Doubles) -> float:
        """The score of a model, given the decision values of all rows."""
        model.keep(fitted, self.X, np.ascontiguousarray(decisions[:, self.rows]))
        if self.by_row is not None:
            scored = self.by_row(model, self.X, self.codes)
            return float(np.average(scored, weights=self.parameters.get("sample_weight")))
        score = self.scorer(model, self.X, self.y, **self.parameters)
        try:
            return float(score)
        except (TypeError, ValueError):
            raise TypeError(
                f"scoring: a scorer is to return one number, not {one_line(repr(score), 60)}"
            ) from None


def _require_weight_of(scorer: Callable[..., float]) -> None:
    """Raise a TypeError unless a scorer takes weights, of which there are some."""
    kinds = {name: parameter.kind for name, parameter in signature(scorer).parameters.items()}
    if "sample_weight" not in kinds and Parameter.VAR_KEYWORD not in kinds.values():
        raise TypeError(
            "scoring: there are weights, but the scorer takes none: give it a parameter "
            "sample_weight"
        )


def _with_rows(X: Any) -> Any:
    """X as rows can be taken from it."""
    if isinstance(X, Parts | Blocks):
        raise TypeError(
            "scoring: a scorer that reads X itself cannot score Parts or Dask blocks; name one of "
            "scikit-learn's, or make one by make_scorer"
        )
    if issparse(X):
        return X.tocsr()
    return X if hasattr(X, "shape") else np.asarray(X)


def _scored_by_row(scorer: Any) -> Callable[[Knowing, Any, NDArray[Any]], NDArray[Any]] | None:
    """For a scorer that is a mean over rows: what each adds, (model, X, its class) -> number.

    Those of scikit-learn's accuracy and log loss take ten times as long.
    """
    function = getattr(scorer, "_score_func", None)
    if function is accuracy_score and not scorer._kwargs:
        return lambda model, X, codes: model._codes(model._decision(X)) == codes
    if function is log_loss and not scorer._kwargs and scorer._sign == -1:
        return _log_probabilities
    return None


def _log_probabilities(model: Knowing, X: Any, codes: NDArray[Any]) -> Doubles:
    """Logarithms of the probabilities of each row's class, rounded as scikit-learn's scorer does.

    Of two classes, that sees the probability of the second alone.
    """
    probabilities = model.predict_proba(X)
    if probabilities.shape[1] == 2:
        second = probabilities[:, 1]
        own = np.where(codes == 1, second, 1 - second)
    else:
        own = probabilities[np.arange(len(codes)), codes]
    eps = np.finfo(float).eps
    logarithms: Doubles = np.log(np.clip(own, eps, 1 - eps))
    return logarithms


def knowing(scorer: Any, classes: NDArray[Any]) -> Any:
    """A scorer that is told the classes, where its function asks: a fold may not hold them all."""
    function = getattr(scorer, "_score_func", None)
    asked = signature(function).parameters if function is not None else {}
    if "labels" not in asked:
        return scorer
    told: dict[str, Any] = {"labels": classes}
    if len(classes) == 2 and "pos_label" in asked:
        told["pos_label"] = classes[-1]
    return make_scorer(
        function,
        greater_is_better=scorer._sign == 1,
        response_method=scorer._response_method,
        **(told | scorer._kwargs),
    )


def place_of_best(scores: Doubles) -> int:
    """Where the largest score is, that of NaN being the least; the first of several."""
    return int(_numbers(scores).argmax())


def _numbers(scores: Doubles) -> Doubles:
    """Scores in the order of their worth."""
    return np.where(np.isnan(scores), -np.inf, scores)


def table_of(
    Cs: NDArray[Any], l1_ratios: NDArray[Any], scores: Doubles
) -> dict[str, NDArray[Any] | list[dict[str, float]]]:
    """Scores (n_folds, n_l1_ratios, n_cs) as columns of a table, a row for each penalty."""
    by_row = scores.reshape(len(scores), -1)
    ratios, strengths = (grid.ravel() for grid in np.meshgrid(l1_ratios, Cs, indexing="ij"))
    mean = by_row.mean(axis=0)
    order = _numbers(mean)
    table: dict[str, Any] = {
        "param_C": strengths,
        "param_l1_ratio": ratios,
        "params": [
            {"C": float(C), "l1_ratio": float(ratio)}
            for C, ratio in zip(strengths, ratios, strict=True)
        ],
    }
    table |= {f"split{k}_test_score": own for k, own in enumerate(by_row)}
    table["mean_test_score"] = mean
    table["std_test_score"] = by_row.std(axis=0)
    better = (order[None, :] > order[:, None]).sum(axis=1)
    table["rank_test_score"] = (1 + better).astype(np.int32)
    return table
