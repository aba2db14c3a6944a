"""The coefficients of a fitted model that weigh most."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from .drawing import COLOURS, axes_of, last_step, names_of, plain

#: What a coefficient belongs to.
PER_UNIT = "for each unit of the feature"
PER_DEVIATION = "for each standard deviation of the feature"


class CoefficientDisplay:
    """The largest coefficients of a linear classifier, with the names of their features.

    Bars for two classes; for more, a table of coloured cells with a column for each class.

    Parameters
    ----------
    coef : ndarray of shape (1, n_features) or (n_classes, n_features)
    feature_names : list of str
    classes : ndarray of shape (n_classes,)
    unit : str, optional
        What the coefficients belong to, for the label.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer, of two classes
    image_ : matplotlib AxesImage, of more

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from fusedlogit import CoefficientDisplay, LogisticRegression
    >>> wine = load_wine()
    >>> model = LogisticRegression(scaling="standard").fit(wine.data, wine.target)
    >>> display = CoefficientDisplay.from_estimator(
    ...     model, X=wine.data, feature_names=wine.feature_names
    ... )
    """

    ax_: Any
    figure_: Any
    bars_: Any
    image_: Any

    def __init__(
        self,
        coef: NDArray[Any],
        feature_names: list[str],
        classes: NDArray[Any],
        *,
        unit: str = PER_UNIT,
    ) -> None:
        self.coef = coef
        self.feature_names = feature_names
        self.classes = classes
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        feature_names: ArrayLike | None = None,
        max_features: int = 20,
        ax: Any = None,
    ) -> CoefficientDisplay:
        """Draw the coefficients of a fitted model, or of the pipeline that ends with it.

        Parameters
        ----------
        estimator : LogisticRegression, any linear classifier of scikit-learn, or Pipeline
        X : array or sparse matrix of shape (n_samples, n_features), optional
            What the model (not the pipeline) was fitted to: each coefficient is multiplied by the
            standard deviation of its column, so that features of all units compare.
        feature_names : array of str, of shape (n_features,), optional
            Those the model knows if None, or numbers if it knows none.
        max_features, ax
            As in `plot`.

        Returns
        -------
        CoefficientDisplay

        Raises
        ------
        TypeError
            If the model has no coefficients of classes.
        ValueError
            If X or the names are not of so many features.
        """
        model = last_step(estimator)
        if not (hasattr(model, "coef_") and hasattr(model, "classes_")):
            raise TypeError(
                f"{type(model).__name__} has no coefficients of classes: give a fitted linear "
                "classifier, or a pipeline that ends with one"
            )
        coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        names = names_of(estimator, feature_names, coef.shape[1])
        unit = PER_UNIT
        if X is not None:
            if np.ndim(X) != 2 or np.shape(X)[1] != coef.shape[1]:
                raise ValueError(
                    f"X has the shape {np.shape(X)}; the model has {coef.shape[1]} features: give "
                    "an array or sparse matrix of such rows"
                )
            if issparse(X):
                rows = csr_array(X, dtype=np.float64, copy=True)
                rows.sum_duplicates()
                deviation = np.sqrt(mean_variance_axis(rows, axis=0)[1])
            else:
                deviation = np.std(np.asarray(X), axis=0, dtype=np.float64)
            coef, unit = coef * deviation, PER_DEVIATION
        display = cls(coef, names, np.asarray(model.classes_), unit=unit)
        return display.plot(ax, max_features=max_features)

    def plot(self, ax: Any = None, *, max_features: int = 20) -> CoefficientDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Those of a new figure if None.
        max_features : int, default=20
            How many features at most: those of the largest coefficients, the largest on top.

        Returns
        -------
        CoefficientDisplay
            self.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If `max_features` is no whole number from 1 on.
        """
        if not isinstance(max_features, Integral) or max_features < 1:
            raise ValueError(f"max_features must be a whole number from 1 on; got {max_features!r}")
        largest = np.abs(self.coef).max(axis=0)
        order = np.argsort(-largest, kind="stable")[:max_features]
        two = len(self.coef) == 1
        longest = max(len(self.feature_names[j]) for j in order)
        width = 4.2 if two else min(10.0, 2.0 + 0.5 * len(self.coef))
        size = (width + 0.08 * longest, 1.4 + 0.24 * len(order))
        self.ax_ = ax = axes_of(ax, "CoefficientDisplay", size)
        self.figure_ = ax.figure
        if two:
            self._plot_bars(order)
        else:
            self._plot_cells(order)
        ax.set_yticks(range(len(order)), [plain(self.feature_names[j]) for j in order])
        if len(order) < len(largest):
            ax.set_title(f"{len(order)} of {len(largest)} features", fontsize="medium")
        return self

    def _plot_bars(self, order: NDArray[np.intp]) -> None:
        ax, values = self.ax_, self.coef[0, order]
        colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values]
        self.bars_ = ax.barh(range(len(order)), values, color=colours)
        ax.axvline(0, color=COLOURS[-1], linewidth=0.8)
        ax.margins(y=0.02)
        ax.invert_yaxis()
        ax.grid(axis="x", alpha=0.25)
        ax.set_axisbelow(True)
        ax.set_xlabel(f"change of the log odds of class {plain(self.classes[1])},\n{self.unit}")

    def _plot_cells(self, order: NDArray[np.intp]) -> None:
        ax, values = self.ax_, self.coef[:, order].T
        most = float(np.abs(values).max()) or 1.0
        self.image_ = ax.imshow(values, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
        self.figure_.colorbar(self.image_, ax=ax, label=f"change of a class's score,\n{self.unit}")
        shown = np.arange(0, len(self.classes), -(-len(self.classes) // 20))
        names = [plain(self.classes[k]) for k in shown]
        turned = 90 if max(map(len, names)) > 4 else 0
        ax.set_xticks(shown, names, rotation=turned)
        ax.set_xlabel("class")
