"""Label spreading: a few labels spread along a graph of nearest neighbours of images without labels.

F = alpha S F + (1 - alpha) Y, iterated; S is the graph, with weights of 1 between neighbours, normalised as D^-1/2 W D^-1/2. A
labelled image gives its label to its nearest neighbours in the graph, an image that is to be classed asks its own.

References
----------
Zhou, Bousquet, Lal, Weston & Schoelkopf 2004, Learning with local and global consistency, NIPS 16.
"""

import numpy as np
from numpy.typing import NDArray

from snnsim.datasets import Split

from .baselines import squared_distances

__all__ = ["LabelSpreading"]

_BLOCK = 1000
_ALPHA, _ROUNDS = 0.99, 200


class LabelSpreading:
    """A graph of unlabelled images, given once, over which any few labels can be spread.

    unlabelled : their labels are not looked at; neighbours : of each, at least 1; components : principal ones that distances are in
    """

    def __init__(self, unlabelled: Split, neighbours: int, components: int, seed: int) -> None:
        # scipy and scikit-learn are slow to load.
        from scipy.sparse import coo_array, diags_array
        from sklearn.decomposition import PCA

        pixels = unlabelled.pixels
        self._neighbours = min(neighbours, len(pixels) - 1)
        self._pca = PCA(min(components, *pixels.shape), svd_solver="covariance_eigh", random_state=seed).fit(pixels)
        self._points = np.asarray(self._pca.transform(pixels), np.float32)
        # Each is its own nearest.
        nearest = self._nearest(self._points, self._neighbours + 1)[:, 1:]
        n = len(pixels)
        ones = np.ones(nearest.size)
        graph = coo_array((ones, (np.repeat(np.arange(n), self._neighbours), nearest.ravel())), shape=(n, n)).tocsr()
        graph = graph.maximum(graph.T)
        scale = diags_array(1 / np.sqrt(np.asarray(graph.sum(axis=1)).ravel()))
        self._graph = scale @ graph @ scale

    def __call__(self, few: Split, images: Split) -> NDArray[np.int64]:
        """Return the classes of images, given the few labelled ones."""
        given = np.zeros((len(self._points), int(few.labels.max()) + 1))
        for row, label in zip(self._nearest(self._projected(few), self._neighbours), few.labels, strict=True):
            given[row, label] += 1
        spread = given
        for _ in range(_ROUNDS):
            spread = _ALPHA * (self._graph @ spread) + (1 - _ALPHA) * given
        # What a class has gathered in all must not decide: labelled images lie in denser and in thinner places.
        shares = spread / np.maximum(spread.sum(axis=0), 1e-12)
        votes = shares[self._nearest(self._projected(images), self._neighbours)].sum(axis=1)
        return np.asarray(votes.argmax(axis=1), np.int64)

    def _projected(self, split: Split) -> NDArray[np.float32]:
        return np.asarray(self._pca.transform(split.pixels), np.float32)

    def _nearest(self, points: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Return the numbers of the k nearest images of the graph, nearest first."""
        found = []
        for first in range(0, len(points), _BLOCK):
            distances = squared_distances(points[first : first + _BLOCK], self._points)
            part = np.argpartition(distances, k - 1, axis=1)[:, :k]
            order = np.take_along_axis(distances, part, axis=1).argsort(axis=1, kind="stable")
            found.append(np.take_along_axis(part, order, axis=1))
        return np.concatenate(found).astype(np.int64)
