"""Folds as numbers of rows: weights of zero in the place of copies of X."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.target import Fold, Target
from ..fitting import Labels

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

#: The number of rows that no fold of a group leaves out; also how many folds a group may have.
NONE = 255

#: What a target of all rows holds out.
NO_ROWS = -1


@dataclass(frozen=True)
class Split:
    """One fold.

    Attributes
    ----------
    train, test : ndarray of int
        Rows, in any order; a row may be drawn for training more than once.
    """

    train: Indices
    test: Indices


def splits_of(pairs: Iterable[tuple[Any, Any]], n_samples: int) -> list[Split]:
    """What a splitter yields, as numbers of rows.

    Raises
    ------
    ValueError
        If there is no fold, or one without rows, or with rows that X does not have.
    """
    splits = []
    for k, pair in enumerate(pairs):
        try:
            train, test = pair
        except (TypeError, ValueError):
            raise ValueError(
                f"cv: fold {k} is no pair of training rows and test rows: give such, or a splitter"
            ) from None
        splits.append(
            Split(_rows(train, n_samples, k, "training"), _rows(test, n_samples, k, "test"))
        )
    if not splits:
        raise ValueError("cv yields no folds; use a number of at least 2, or a splitter")
    return splits


def _rows(rows: Any, n_samples: int, k: int, part: str) -> Indices:
    """One part of a fold, which may be given as a mask."""
    found = np.asarray(rows)
    if found.dtype == bool:
        if found.shape != (n_samples,):
            raise ValueError(
                f"cv: the {part} mask of fold {k} has shape {found.shape}; X has {n_samples} rows"
            )
        found = np.flatnonzero(found)
    if found.size == 0:
        raise ValueError(f"cv: fold {k} has no {part} rows")
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"cv: the {part} rows of fold {k} must be a list of row numbers or a mask")
    if found.min() < -n_samples or found.max() >= n_samples:
        raise ValueError(
            f"cv: fold {k} has {part} rows from {found.min()} to {found.max()}; X has {n_samples}"
        )
    return found.astype(np.intp) % n_samples


def targets_of(
    labels: Labels, weight: Doubles | None, splits: Sequence[Split]
) -> tuple[Target, list[Target]]:
    """The target of all rows, and that of each fold's training rows.

    Folds that leave out different rows of the same target share numbers, and so passes.

    Raises
    ------
    ValueError
        If a fold has no training rows (with a weight) of some class.
    """
    whole = labels.target(weight)
    groups: list[NDArray[np.uint8]] = []
    sizes: list[int] = []
    targets = []
    for k, split in enumerate(splits):
        times = np.bincount(split.train, minlength=len(labels.codes))
        own = times.astype(np.float64) if weight is None else times * weight
        _require_classes(labels, own, k)
        fold = None
        if times.max() == 1:
            fold = _join(groups, sizes, times == 0, whole)
        targets.append(Target(whole.y, own, whole.link, fold))
    if groups:
        whole = Target(whole.y, weight, whole.link, Fold(whole, groups[0], NO_ROWS))
    return whole, targets


def without_one(target: Target, rows: Indices) -> list[Target]:
    """Targets that each leave out one row; at most `NONE` of them."""
    numbers = np.full(len(target.y), NONE, dtype=np.uint8)
    numbers[rows] = np.arange(len(rows))
    weight = target.row_weight
    whole = replace(target, fold=None)
    targets = []
    for k, row in enumerate(rows):
        own = weight.copy()
        own[row] = 0.0
        targets.append(Target(target.y, own, target.link, Fold(whole, numbers, k)))
    return targets


def _join(
    groups: list[NDArray[np.uint8]], sizes: list[int], left_out: NDArray[np.bool_], whole: Target
) -> Fold:
    """Number the rows that a fold leaves out, in the first group that leaves out none of them."""
    for place, numbers in enumerate(groups):
        if sizes[place] < NONE and (numbers[left_out] == NONE).all():
            break
    else:
        place, numbers = len(groups), np.full(len(left_out), NONE, dtype=np.uint8)
        groups.append(numbers)
        sizes.append(0)
    numbers[left_out] = sizes[place]
    sizes[place] += 1
    return Fold(whole, numbers, sizes[place] - 1)


def _require_classes(labels: Labels, weight: Doubles, k: int) -> None:
    """Refuse a fold that cannot be fitted."""
    total = np.bincount(labels.codes, weight, labels.n_classes)
    if (total == 0).any():
        label = labels.classes[total == 0].tolist()[0]
        raise ValueError(
            f"cv: fold {k} has no training rows (with a weight) of class {label!r}; use fewer "
            "folds, a splitter that stratifies, or leave that class out"
        )
