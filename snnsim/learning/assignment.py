"""Labels for neurons that learned without any: from what they answered to training images, never to test images.

A neuron that fires among the first votes for a class with the logarithm of how much likelier that class has become by its spike,
log P(class | it fires) / P(class): the votes of several, added, are naive Bayes where all classes are alike beforehand. A neuron
that fires by rate votes with shares.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_evidence", "class_log_ratios", "first_spike_votes", "mean_answers", "online_accuracy", "rate_votes"]


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


def class_log_ratios(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log P(class | a neuron fires) / P(class) for each neuron, shape (neurons, classes).

    One observation of all classes, in the proportion in which they are seen, is added to the evidence of each neuron, so that one
    that hardly ever fired has little to say; one of each class alike to all evidence together, so that no logarithm is infinite.
    """
    classes = evidence.sum(axis=0) + 1 / evidence.shape[1]
    classes /= classes.sum()
    return np.asarray(np.log((evidence + classes) / (evidence.sum(axis=1, keepdims=True) + 1) / classes))


def first_spike_votes(
    winners: NDArray[np.int32], ratios: NDArray[np.float64], decay: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class of each image, -1 where no neuron fired, and the votes (images, classes).

    The spike of rank r counts decay^r: neurons that answer the same image are alike, so no vote is independent of those before.
    """
    votes = np.zeros((len(winners), ratios.shape[1]))
    for rank, fired in enumerate(winners.T):
        there = fired >= 0
        votes[there] += ratios[fired[there]] * decay**rank
    return np.where(winners[:, 0] >= 0, votes.argmax(axis=1), -1), votes


def online_accuracy(before: NDArray[np.float64], winners: NDArray[np.int32], labels: NDArray[np.int64]) -> float:
    """Return how many images the first spikes class rightly with the evidence of the images before; NaN without any."""
    if not before.any() or not len(labels):
        return float("nan")
    classes, _ = first_spike_votes(winners[:, :1], class_log_ratios(before), 1.0)
    return float((classes == labels).mean())


def mean_answers(spikes: NDArray[Any], images: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean spikes of each neuron for an image of each class: ``spikes`` (neurons, classes), ``images`` (classes,)."""
    return np.asarray(spikes / np.maximum(images, 1), np.float64)


def rate_votes(answers: NDArray[np.int32], means: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of each image, -1 where no neuron fired that ever fired for the labels.

    answers : (images, neurons), spikes; means : :func:`mean_answers`. A spike votes for each class with the share that the class
    has in the mean answers of its neuron. (The paper gives each neuron its best class, and averages over the neurons of each.)
    """
    shares = means / np.maximum(means.sum(axis=1, keepdims=True), 1e-12)
    votes = answers @ shares
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
