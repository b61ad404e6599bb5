"""Labels for neurons that learned without any: from what they answered to training images, never to test images.

A neuron that fires votes for a class with the share of that class among all training images that made it fire: an estimate of
P(class | it fires).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_evidence", "class_shares", "first_spike_votes", "online_accuracy"]


def class_evidence(
    winners: NDArray[np.int32], labels: NDArray[np.int64], n_neurons: int, n_classes: int, decay: float
) -> NDArray[np.float64]:
    """Return how often each neuron was among the first to fire for images of each class, shape (neurons, classes).

    winners : (images, k), the neurons that fired first, in order, -1 where none did; the spike of rank r (from 0) counts decay^r.
    """
    evidence = np.zeros((n_neurons, n_classes))
    for rank, fired in enumerate(winners.T):
        there = fired >= 0
        np.add.at(evidence, (fired[there], labels[there]), decay**rank)
    return evidence


def class_shares(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each class in the evidence of each neuron, shape (neurons, classes).

    One observation of no class at all is added, so that a neuron that hardly ever fired has little to say.
    """
    return np.asarray(evidence / (evidence.sum(axis=1, keepdims=True) + 1))


def first_spike_votes(
    winners: NDArray[np.int32], shares: NDArray[np.float64], decay: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class of each image, -1 where no neuron fired, and the votes (images, classes)."""
    votes = np.zeros((len(winners), shares.shape[1]))
    for rank, fired in enumerate(winners.T):
        there = fired >= 0
        votes[there] += shares[fired[there]] * decay**rank
    return np.where(winners[:, 0] >= 0, votes.argmax(axis=1), -1), votes


def online_accuracy(before: NDArray[np.float64], winners: NDArray[np.int32], labels: NDArray[np.int64]) -> float:
    """Return how many images the first spikes class rightly with the evidence of the images before; NaN without any."""
    if not before.any() or not len(labels):
        return float("nan")
    classes, _ = first_spike_votes(winners[:, :1], class_shares(before), 1.0)
    return float((classes == labels).mean())
