"""Logistic regression on Dask arrays and data frames: needs ``pip install "fusedlogit[dask]"``."""

try:
    from .estimators import LogisticRegression, LogisticRegressionCV
except ModuleNotFoundError as error:
    if error.name not in {"dask", "distributed"}:
        raise
    message = 'fusedlogit.dask needs Dask: pip install "fusedlogit[dask]"'
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["LogisticRegression", "LogisticRegressionCV"]
