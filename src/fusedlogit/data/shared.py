"""A dense X of many fits: what several ask for is made once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dense import DenseMatrix

Doubles = NDArray[np.float64]

#: Samples kept.
KEPT = 4


class SharedMatrix(DenseMatrix):
    """A dense X that keeps the last samples of its rows, copied, and their Gram products.

    Fits of the same seed draw the same rows.
    """

    _samples: dict[bytes, _SharedSample] | None = None

    def features(self, center: Doubles, unit: Doubles) -> SharedMatrix:
        """The same X, its features centred and in units."""
        matrix = SharedMatrix(self.X, self._n_threads, self.source, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def sample(self, rows: NDArray[np.intp]) -> DenseMatrix:
        """Some of the rows as a matrix of their own, copied the first time."""
        if self._samples is None:
            self._samples = {}
        key = rows.tobytes()
        found = self._samples.pop(key, None)
        if found is None:
            if len(self._samples) == KEPT:
                self._samples.pop(next(iter(self._samples)))
            found = _SharedSample(
                self.X[rows], self._n_threads, self.source, self.center, self.unit
            )
        self._samples[key] = found
        return found.fresh()


class _SharedSample(DenseMatrix):
    """A sample whose Gram product of all rows is formed once, about a mean near all others."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.products: dict[tuple[bytes, type], tuple[Doubles, NDArray[Any]]] = {}

    def fresh(self) -> _SharedSample:
        """The same matrix, of which no passes are counted yet."""
        other = _SharedSample(self.X, self._n_threads, self.source, self.center, self.unit)
        other.products = self.products
        return other

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """A A^T, lower triangle in Fortran order, with A = diag(root) (X - mean) scale.

        For rows x about another mean than those of the product at hand, by a vector d from one to
        the other, products are less x . d of both rows, and |d|^2 more.
        """
        key = scale.tobytes(), dtype
        if key not in self.products:
            about = mean.copy()
            self.products[key] = about, super().gram(about, scale, np.ones(len(root)), dtype)
        about, product = self.products[key]
        change = (mean - about) * scale
        moved = change * scale
        (along,) = self.decision_values(moved[None], np.array([-(moved @ about)]))
        along -= change @ change / 2
        result: NDArray[Any] = np.array(product, order="F")
        result -= along.astype(dtype)[:, None]
        result -= along.astype(dtype)
        result *= root.astype(dtype)[:, None]
        result *= root.astype(dtype)
        return result
