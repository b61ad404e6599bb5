"""Parts of a data set that experiments learn from: some classes, a few images of each, splits joined or repeated."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import DatasetError
from snnsim.datasets import Split

__all__ = ["few_of_each", "joined", "of_classes", "repeated", "taken"]


def taken(split: Split, images: NDArray[np.int64]) -> Split:
    """Return the images of these numbers, in this order."""
    return Split(split.images[images], split.labels[images], split.full_scale)


def of_classes(split: Split, classes: Collection[int]) -> Split:
    """Return all images of some classes, in the order of the split."""
    return taken(split, np.flatnonzero(np.isin(split.labels, list(classes))))


def joined(splits: Sequence[Split]) -> Split:
    """Return all images of several splits of one data set, one after the other."""
    images, labels = (np.concatenate([getattr(s, name) for s in splits]) for name in ("images", "labels"))
    return Split(images, labels, splits[0].full_scale)


def few_of_each(split: Split, n: int, classes: Sequence[int], rng: np.random.Generator) -> Split:
    """Return ``n`` random images of each class, class by class. Raises DatasetError where a class has fewer."""
    chosen = []
    for c in classes:
        there = np.flatnonzero(split.labels == c)
        if len(there) < n:
            raise DatasetError(f"few_of_each: class {c} has {len(there)} images, {n} are needed; give a higher --limit")
        chosen.append(rng.choice(there, n, replace=False))
    return taken(split, np.concatenate(chosen))


def repeated(split: Split, least: int) -> Split:
    """Return the images over and over, as often as gives at least so many."""
    return joined([split] * -(-least // len(split)))
