"""Conventional ways with few labels: the nearest image, and features that were learned from many images without labels.

What spiking networks that learn without labels have to be better than. Features feed a logistic regression on the few images.

References
----------
Coates, Ng & Lee 2011, An analysis of single-layer networks in unsupervised feature learning, AISTATS: k-means on patches, the
"triangle" code, max(0, mean distance - distance to a centre), and sums over quadrants.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from snnsim.datasets import Split
from snnsim.learning.assignment import class_evidence, class_log_ratios, first_spike_votes

__all__ = [
    "ClassCentres", "Features", "KMeansFeatures", "KMeansPatches", "PrincipalComponents", "nearest_neighbour", "regression",
    "squared_distances", "votes_of_centres",
]  # fmt: skip

Float32 = NDArray[np.float32]
_BLOCK = 500


def nearest_neighbour(few: Split, images: Split) -> NDArray[np.int64]:
    """Return for each image the label of that of the few which is nearest in squared differences of pixels."""
    return np.asarray(few.labels[squared_distances(images.pixels, few.pixels).argmin(axis=1)], np.int64)


class Features(ABC):
    """Features that were learned from images without their labels."""

    @abstractmethod
    def of(self, split: Split) -> Float32:
        """Return the features of images, shape (images, features)."""


def regression(few: Float32, labels: NDArray[np.int64], features: Float32) -> NDArray[np.int64]:
    """Return the classes of features, by a logistic regression on those of the few; these are standardised together."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = few.mean(axis=0), float(few.std()) or 1.0
    model = LogisticRegression(C=1.0, max_iter=300).fit((few - mean) / spread, labels)
    return np.asarray(model.predict((features - mean) / spread), np.int64)


class PrincipalComponents(Features):
    """The first ``n`` principal components of the pixels."""

    def __init__(self, unlabelled: Split, n: int, seed: int) -> None:
        from sklearn.decomposition import PCA

        pixels = unlabelled.pixels
        self._pca = PCA(min(n, *pixels.shape), svd_solver="covariance_eigh", random_state=seed).fit(pixels)

    def of(self, split: Split) -> Float32:
        """Project images."""
        return np.asarray(self._pca.transform(split.pixels), np.float32)


class KMeansFeatures(Features):
    """The triangle code of whole images, from ``n`` centres."""

    def __init__(self, unlabelled: Split, n: int, seed: int) -> None:
        self._centres = _centres(unlabelled.pixels, n, seed)

    def of(self, split: Split) -> Float32:
        """Compare images with the centres."""
        return _triangle(split.pixels, self._centres)


def votes_of_centres(centres: Features, votes: int, decay: float, few: Split, images: Split) -> NDArray[np.int64]:
    """Return classes by what the first-spike network does, with the order of distances in the place of that of spikes: centres
    stand for the few images that they are among the nearest to, the r-th nearest (from 0) with the weight decay^r."""
    ranked = [
        np.argsort(-centres.of(split), axis=1, kind="stable")[:, :votes].astype(np.int32) for split in (few, images)
    ]
    n_centres = centres.of(few).shape[1]
    evidence = class_evidence(ranked[0], few.labels, n_centres, int(few.labels.max()) + 1, decay)
    return first_spike_votes(ranked[1], class_log_ratios(evidence), decay)[0]


class ClassCentres:
    """``n`` k-means centres for each class: the nearest one tells. A new class takes nothing from those before it.

    By default there are as many for ten classes as a first-spike network has neurons.
    """

    NAME = "k-means for each class"

    def __init__(self, n: int = 40) -> None:
        self._n = n
        self._centres = np.zeros((0, 0), np.float32)
        self._classes = np.zeros(0, np.int64)

    def with_classes(self, split: Split, seed: int) -> "ClassCentres":
        """Return what has centres for the classes of ``split``, too."""
        pixels, found = split.pixels, ClassCentres(self._n)
        classes = np.unique(split.labels)
        own = [_centres(pixels[split.labels == c], self._n, seed) for c in classes]
        found._centres = np.concatenate([*([self._centres] if len(self._classes) else []), *own])
        counts = [len(centres) for centres in own]
        found._classes = np.concatenate([self._classes, np.repeat(classes, counts)])
        return found

    def accuracy(self, split: Split) -> float:
        """Return the share of right answers, 0 to 1."""
        return float((self.answers(split) == split.labels).mean())

    def answers(self, split: Split) -> NDArray[np.int64]:
        """Return the class of the nearest centre."""
        return np.asarray(self._classes[squared_distances(split.pixels, self._centres).argmin(axis=1)], np.int64)


class KMeansPatches(Features):
    """The triangle code of normalised patches, from ``n`` centres, summed over the quadrants of the image.

    kernel, stride, padding : of patches, as in PatchSettings
    """

    def __init__(self, unlabelled: Split, n: int, kernel: int, stride: int, padding: int, seed: int) -> None:
        self._kernel, self._stride, self._padding = kernel, stride, padding
        generator = np.random.default_rng([seed, 10])
        chosen = generator.permutation(len(unlabelled))[:2000]
        patches = self._patches(Split(unlabelled.images[chosen], unlabelled.labels[chosen], unlabelled.full_scale))
        flat = patches.reshape(-1, patches.shape[-1])
        flat = flat[(flat != 0).any(axis=1)]
        self._centres = _centres(flat[generator.permutation(len(flat))[:50_000]], n, seed)

    def of(self, split: Split) -> Float32:
        """Compare all patches with the centres."""
        found = []
        for first in range(0, len(split), _BLOCK):
            part = slice(first, first + _BLOCK)
            patches = self._patches(Split(split.images[part], split.labels[part], split.full_scale))
            n, rows, columns, size = patches.shape
            code = _triangle(patches.reshape(-1, size), self._centres).reshape(n, rows, columns, -1)
            halves = [
                (slice(0, rows // 2), slice(rows // 2, rows)),
                (slice(0, columns // 2), slice(columns // 2, columns)),
            ]
            found.append(np.concatenate([code[:, y, x].sum(axis=(1, 2)) for y in halves[0] for x in halves[1]], axis=1))
        return np.concatenate(found)

    def _patches(self, split: Split) -> Float32:
        """Return patches (images, rows, columns, kernel^2), each with mean 0 and, unless it is even, norm 1."""
        margin = (self._padding,) * 2
        padded = np.pad(split.pixels.reshape(split.images.shape), ((0, 0), margin, margin))
        windows = sliding_window_view(padded, (self._kernel,) * 2, axis=(1, 2))  # type: ignore[call-overload, unused-ignore]
        patches = windows[:, :: self._stride, :: self._stride].reshape(*self._grid(windows), -1)
        patches = patches - patches.mean(axis=-1, keepdims=True)
        norm = np.linalg.norm(patches, axis=-1, keepdims=True)
        return np.asarray(np.where(norm > 1e-3, patches / np.maximum(norm, 1e-3), 0), np.float32)

    def _grid(self, windows: NDArray[np.float32]) -> tuple[int, int, int]:
        n, rows, columns = windows.shape[:3]
        return n, -(-rows // self._stride), -(-columns // self._stride)


def _centres(points: Float32, n: int, seed: int) -> Float32:
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(min(n, len(points)), batch_size=2048, n_init=1, max_iter=30, random_state=seed)
    return np.asarray(model.fit(points).cluster_centers_, np.float32)


def squared_distances(points: Float32, centres: Float32) -> Float32:
    """Return the squared distance of each point from each centre, shape (points, centres)."""
    products = points @ centres.T
    squares = (points**2).sum(axis=1)[:, None] - 2 * products + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squares, 0), np.float32)


def _triangle(points: Float32, centres: Float32) -> Float32:
    distances = np.sqrt(squared_distances(points, centres))
    return np.asarray(np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0), np.float32)
