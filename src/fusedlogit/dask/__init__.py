"""Logistic regression on Dask arrays and data frames: needs ``pip install "fusedlogit[dask]"``."""

from .estimators import LogisticRegression, LogisticRegressionCV

__all__ = ["LogisticRegression", "LogisticRegressionCV"]
