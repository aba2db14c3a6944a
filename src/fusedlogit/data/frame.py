"""The frame in which X is read: features (x - center) unit, where x itself would lose digits.

float32 knows 7 digits and float64 16. Where a column's mean is much larger than its spread (years,
prices, timestamps), sums of x spend them on the mean; where its unit is extreme, products leave
the range. Such data is read in float64, each element centred and brought to a common unit in the
register. It takes more arithmetic but no more memory, so it is done only where a first look at
some rows asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .protocol import Data


Doubles = NDArray[np.float64]

#: Means, in spreads of their column, beyond which sums of x lose too much: by compute in float64.
#: Of 7 digits 5.5 are left, of 16 digits 13.
FAR = {False: 32.0, True: 1e3}

#: Sizes of elements whose products with coefficients and with each other stay in range.
RANGE = {False: (1e-12, 1e12), True: (1e-90, 1e90)}

#: Rows of a first look, at least and at most, and elements if these may be more than the least.
LEAST_ROWS, MOST_ROWS = 16, 64
ELEMENTS_SEEN = 1 << 15


@dataclass(frozen=True)
class Frame:
    """Features (x - center) unit.

    Attributes
    ----------
    center : ndarray of shape (n_features,)
        Zero where the origin of X matters.
    unit : ndarray of shape (n_features,)
        Powers of two, near the inverse of the column's deviation.
    mean, deviation : ndarray of shape (n_features,)
        Of the features. The mean is zero where they are centred, the deviation where a column is
        constant.
    """

    center: Doubles
    unit: Doubles
    mean: Doubles
    deviation: Doubles

    def to_data(self, coef: Doubles, intercept: Any) -> tuple[Doubles, Any]:
        """Coefficients of the features as coefficients of x; the intercept's sum is exact."""
        coef = coef * self.unit
        far = coef.astype(np.longdouble) @ self.center.astype(np.longdouble)
        return coef, np.float64(intercept - far)

    def from_data(self, coef: Doubles, intercept: Any) -> tuple[Doubles, Any]:
        """Coefficients of x as coefficients of the features."""
        far = coef.astype(np.longdouble) @ self.center.astype(np.longdouble)
        return coef / self.unit, np.float64(intercept + far)


@dataclass(frozen=True)
class Look:
    """What is known of the columns before a fit.

    Attributes
    ----------
    frame : Frame or None
        In which X calls to be read; None where x itself will do.
    mean : ndarray of shape (n_features,)
        Of the columns, as far as was looked at.
    deviation : ndarray of shape (n_features,) or None
        Known if the moments were asked for, or a frame is called for; then the mean is exact.
    far : float
        The largest mean, in spreads of its column, in the frame: by which rounding grows.
    constant : ndarray of bool, of shape (n_features,), or None
        Columns that the intercept stands for: known with the deviation, where there is no frame.
    """

    frame: Frame | None
    mean: Doubles
    deviation: Doubles | None = None
    far: float = 1.0
    constant: NDArray[np.bool_] | None = None

    def as_it_lies(self) -> Look:
        """Of X itself, whatever it calls for, and with all of its columns."""
        far = self.far
        if self.frame is not None:
            assert self.deviation is not None
            varies = self.deviation > 0
            with np.errstate(over="ignore"):
                spreads = np.abs(self.mean[varies]) / self.deviation[varies]
            far = float(spreads.max(initial=far))
        return replace(self, frame=None, far=far, constant=None)


def look_at(data: Data, sample_weight: Doubles | None, *, moments: bool, centred: bool) -> Look:
    """See whether X calls for a frame: by some rows, at no cost, and by its moments, in one pass.

    Parameters
    ----------
    data : Data
    sample_weight : ndarray of shape (n_samples,) or None
    moments : bool
        Whether to take the moments in any case.
    centred : bool
        Whether the features may be moved: an intercept is fitted, or `scaling` centres.
    """
    in_float64, farthest = data.computes_in_float64, FAR[data.computes_in_float64]
    if not data.centres_freely:
        farthest = FAR[False]
    seen = data.first_look()
    asked, still, far = _extreme(seen, in_float64), False, 1.0
    if centred and not asked:
        varies = seen.spread > 0
        still = bool(seen.mean[~varies].any())
        far = float((np.abs(seen.mean[varies]) / seen.spread[varies]).max(initial=1.0))
        asked = far > farthest
    if not asked and not moments and not still:
        return Look(None, seen.mean, far=far)
    unit = power_of_two(seen.largest)
    mean, variance = data.moments(sample_weight, unit)
    deviation = np.sqrt(variance)  # times unit
    varies = deviation > 0
    if centred and varies.any():
        far = max(far, float(((np.abs(mean) * unit)[varies] / deviation[varies]).max()))
    if not asked and far <= farthest:
        return Look(None, mean, deviation / unit, far, ~varies if centred else None)
    zero = np.zeros_like(mean)
    if not centred:
        return Look(Frame(zero, unit, mean * unit, deviation), mean, deviation / unit)
    with np.errstate(over="ignore"):  # beyond the range there is no larger unit
        finer = np.minimum(power_of_two(deviation), LARGEST / unit)
    if data.centres_freely:
        return Look(Frame(mean, unit * finer, zero, deviation * finer), mean, deviation / unit)
    beyond = varies & (np.abs(mean) * unit > farthest * deviation)
    rest = np.where(beyond, 0, mean * unit * finer)
    frame = Frame(np.where(beyond, mean, 0), unit * finer, rest, deviation * finer)
    return Look(frame, mean, deviation / unit, min(far, farthest))


@dataclass(frozen=True)
class Seen:
    """Of each column, what some rows show."""

    largest: Doubles
    mean: Doubles
    spread: Doubles


def seen_in(some_rows: Callable[[int, slice], NDArray[Any]], n_features: int) -> Seen:
    """What rows show that are evenly spread over X; a few columns at a time, to save memory.

    some_rows(n_rows, features) is a table of them.
    """
    n_rows = int(np.clip(ELEMENTS_SEEN // n_features, LEAST_ROWS, MOST_ROWS))
    width = ELEMENTS_SEEN // n_rows + 1
    parts = [
        _summary(some_rows(n_rows, slice(begin, begin + width)))
        for begin in range(0, n_features, width)
    ]
    if len(parts) == 1:
        return parts[0]
    return Seen(
        np.concatenate([part.largest for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.spread for part in parts]),
    )


def _summary(rows: NDArray[Any]) -> Seen:
    """What a few columns show."""
    seen = rows.astype(np.float64)
    largest = np.abs(seen).max(axis=0)
    if not np.isfinite(largest).all():
        seen[~np.isfinite(seen)] = 0.0  # a pass will name them
        largest = np.abs(seen).max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # of extreme sizes
        varies = seen.min(axis=0) < seen.max(axis=0)
        mean = seen.mean(axis=0)
        seen -= mean
        spread = np.sqrt(np.einsum("ij,ij->j", seen, seen) / len(seen))
        return Seen(largest, mean, np.where(varies, spread, 0.0))


def _extreme(seen: Seen, in_float64: bool) -> bool:
    """Whether rows show columns of extreme size."""
    low, high = RANGE[in_float64]
    return bool(((seen.largest > high) | ((seen.largest < low) & (seen.largest > 0))).any())


LARGEST = 2.0**1022


def power_of_two(size: Doubles) -> Doubles:
    """The power of two next to 1 / size, within the range of normal float64."""
    exponent = np.frexp(np.where(size > 0, size, 1.0))[1]
    unit: Doubles = np.ldexp(1.0, np.clip(-exponent, -1021, 1022))
    return unit
