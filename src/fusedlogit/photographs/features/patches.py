"""PatchFeatures: from the bytes of photographs to features that a neuron can tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ...runtime.blas import blas_threads
from ...validation import unchanged_by_errors
from ..images import CHANNELS
from ..workers import for_each
from .effort import Effort, LayerCosts, OnShare
from .layer import ACTIVATIONS, Floats, Layer, LayerShape, Map, Reduction, folded, root
from .learning import DICTIONARIES, learn_layer, learn_reduction, learning_costs
from .resizing import resized, resizing_matrix

OnDone = Callable[[int], None]

#: Small patches of pixels, then patches of what these found, each cell a quarter of the photograph.
DEFAULT_LAYERS = (
    LayerShape(patch_size=5, stride=1, n_filters=256, n_components=75, grid=20, n_channels=64),
    LayerShape(patch_size=3, stride=1, n_filters=4096, n_components=100, grid=2),
)

# Contrast below which a patch counts as flat: of gray levels, and of what a layer hands on.
_PIXEL_FLOOR = 10.0
_MAP_FLOOR = 0.01

# Photographs that filters are learnt from, at most.
_MOST_IMAGES = 1000


@dataclass(frozen=True)
class Chain:
    """The layers that a photograph of one size goes through.

    Attributes
    ----------
    size : int
        Width and height that the photograph is resized to.
    layers : tuple of Layer
    reductions : tuple of Reduction
        Between each layer and the next.
    """

    size: int
    layers: tuple[Layer, ...]
    reductions: tuple[Reduction, ...]

    def features(self, pixels: Floats) -> Floats:
        """Return the features of one photograph of shape (size, size, 3), of the last grid."""
        return root(folded(self.layers[-1].pooled(self.last_map(pixels))))

    def last_map(self, pixels: Floats) -> Map:
        """Return what the last layer sees of a photograph."""
        seen = Map.of_photograph(pixels)
        for layer, reduction in zip(self.layers, self.reductions, strict=False):
            seen = reduction.map_of(layer.pooled(seen))
        return seen


class PatchFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features from whitened patches and a dictionary learnt from the photographs.

    Each layer whitens the patches of a map, compares them with a dictionary of filters, activates
    the responses and pools them in cells; the first sees pixels, each other one the principal
    components of what the layer before has pooled. The features are the square roots of what the
    last layer pools, added up over photograph and mirror image: a linear model on them answers
    as one that was trained on both and averages over both.

    Parameters
    ----------
    sizes : tuple of int, default=(64,)
        Widths and heights at which the photographs are looked at. Each has layers of its own,
        and their features are put side by side.
    layers : tuple of LayerShape
        What the layers look at.
    activation : {"two-sided", "relu", "abs", "tanh", "sigmoid", "softplus"}, default="two-sided"
        "two-sided" has an output for what exceeds the threshold and one for what lies below its
        negative.
    threshold : float, default=1.0
        Of "two-sided", "relu" and "abs", in standard deviations of a response.
    dictionary : {"random", "kmeans"}, default="kmeans"
        Patches drawn at random, or centres of spherical k-means.
    random_state : int, RandomState or None, default=0
        Draws photographs and patches to learn from.
    n_jobs : int or None, default=None
        Threads; None for all usable cores.

    Attributes
    ----------
    chains_ : tuple of Chain
        What was learnt, by size.
    n_features_in_ : int
    n_features_out_ : int
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "sizes": [tuple],
        "layers": [tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "dictionary": [StrOptions(set(DICTIONARIES))],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        *,
        sizes: tuple[int, ...] = (64,),
        layers: tuple[LayerShape, ...] = DEFAULT_LAYERS,
        activation: str = "two-sided",
        threshold: float = 1.0,
        dictionary: str = "kmeans",
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.sizes = sizes
        self.layers = layers
        self.activation = activation
        self.threshold = threshold
        self.dictionary = dictionary
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @unchanged_by_errors
    def fit(self, X: ArrayLike, y: object = None, on_share: OnShare | None = None) -> PatchFeatures:
        """Learn the filters.

        Parameters
        ----------
        X : array of uint8, shape (n_samples, size * size * 3)
            Square photographs, row by row from the top left, red, green and blue.
        y : ignored
        on_share : callable, optional
            Called with the share of the work that is done, from 0 to 1.

        Returns
        -------
        PatchFeatures
            self.

        Raises
        ------
        ValueError
            If X is no such array, or smaller than a patch. The transformer is then as it was.
        """
        pixels = self._photographs(X, reset=True)
        seed = check_random_state(self.random_state).randint(2**31)
        generator = np.random.default_rng(seed)
        count = min(len(pixels), _MOST_IMAGES)
        drawn = pixels[np.sort(generator.choice(len(pixels), count, replace=False))]
        costs = [
            learning_costs(
                self.layers,
                size,
                count,
                activation=self.activation,
                dictionary=self.dictionary,
            )
            for size in self.sizes
        ]
        total = sum(layer.total for of_size in costs for layer in of_size)
        effort = Effort(self.n_jobs, total, on_share)
        with blas_threads(1):
            self.chains_ = tuple(
                self._learn_chain(drawn, size, generator, effort, of_size)
                for size, of_size in zip(self.sizes, costs, strict=True)
            )
        return self

    def transform(
        self, X: ArrayLike, out: NDArray[np.float16] | None = None, on_done: OnDone | None = None
    ) -> NDArray[np.float16]:
        """Compute the features.

        Parameters
        ----------
        X : array of uint8, shape (n_samples, size * size * 3)
        out : ndarray of float16, shape (n_samples, n_features_out_), optional
            Where to put them; a new array by default.
        on_done : callable, optional
            Called with the number of photographs finished since the last call.

        Returns
        -------
        ndarray of float16, shape (n_samples, n_features_out_)
            By size, then by cell (row by row), then by output and filter.
        """
        check_is_fitted(self)
        pixels = self._photographs(X, reset=False)
        features = np.empty((len(pixels), self.n_features_out_), np.float16) if out is None else out
        matrices = [resizing_of(pixels.shape[1], chain.size) for chain in self.chains_]

        def work(row: int) -> None:
            first = 0
            for chain, matrix in zip(self.chains_, matrices, strict=True):
                values = chain.features(resized(pixels[row], matrix)).ravel()
                features[row, first : first + len(values)] = values
                first += len(values)

        with blas_threads(1):
            for_each(work, len(pixels), n_threads=self.n_jobs, on_done=on_done)
        return features

    @property
    def n_features_out_(self) -> int:
        """Number of features of a photograph."""
        return sum(math.prod(shape) for shape in self.feature_shapes_)

    @property
    def feature_shapes_(self) -> tuple[tuple[int, int, int, int], ...]:
        """For each size, the grid's rows and columns, the outputs of a filter, and the filters."""
        outputs = ACTIVATIONS[self.activation]
        last = self.layers[-1]
        return ((last.grid, last.grid, outputs, last.n_filters // 2),) * len(self.sizes)

    def _photographs(self, X: ArrayLike, *, reset: bool) -> NDArray[np.uint8]:
        """Check X; return it as (n_samples, size, size, 3)."""
        given = validate_data(self, X, reset=reset, order="C")
        with np.errstate(invalid="ignore"):
            pixels = given.astype(np.uint8, copy=False)
        if given.dtype != np.uint8 and (pixels != given).any():
            raise ValueError(
                f"X holds {given[pixels != given][0]}, which is no byte of a pixel: give whole "
                "numbers from 0 to 255"
            )
        size = math.isqrt(pixels.shape[1] // CHANNELS)
        if size * size * CHANNELS != pixels.shape[1]:
            raise ValueError(
                f"X has {pixels.shape[1]} columns; square photographs have size * size * 3"
            )
        square: NDArray[np.uint8] = pixels.reshape(-1, size, size, CHANNELS)
        return square

    def _learn_chain(
        self,
        pixels: NDArray[np.uint8],
        size: int,
        generator: np.random.Generator,
        effort: Effort,
        costs: list[LayerCosts],
    ) -> Chain:
        """Learn layer after layer, each from what those before it make of the photographs."""
        matrix = resizing_of(pixels.shape[1], size)
        maps = [Map.of_photograph(resized(one, matrix)) for one in pixels]
        layers: list[Layer] = []
        reductions: list[Reduction] = []
        for number, shape in enumerate(self.layers):
            layer = learn_layer(
                shape,
                maps,
                centred=number == 0,
                contrast_floor=_MAP_FLOOR if number else _PIXEL_FLOOR,
                activation=self.activation,
                threshold=self.threshold,
                dictionary=self.dictionary,
                generator=generator,
                effort=effort,
                costs=costs[number],
            )
            layers.append(layer)
            if number + 1 < len(self.layers):
                pooled = self._pooled(layer, maps, effort, costs[number].pooling)
                reductions.append(
                    learn_reduction(pooled, shape.n_channels, effort, costs[number].components)
                )
                maps = [reductions[-1].map_of(one.astype(np.float32)) for one in pooled]
        return Chain(size, tuple(layers), tuple(reductions))

    def _pooled(
        self, layer: Layer, maps: list[Map], effort: Effort, cost: float
    ) -> NDArray[np.float16]:
        shape = layer.shape
        outputs, pairs = ACTIVATIONS[self.activation], shape.n_filters // 2
        pooled = np.empty((len(maps), shape.grid, shape.grid, outputs, 2, pairs), np.float16)

        def work(number: int) -> None:
            pooled[number] = layer.pooled(maps[number])

        effort.each(work, len(maps), cost=cost)
        return pooled


def resizing_of(size: int, new_size: int) -> Floats | None:
    """Return the weights that resize photographs, None where they have the size already."""
    return None if size == new_size else resizing_matrix(size, new_size)
