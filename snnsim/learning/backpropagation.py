"""What backpropagation spends until a conventional network is as accurate: the opponent of the operation counts of local learning.

Multilayer perceptrons of rising size (none to 256 hidden ReLUs), Adam on the cross entropy, batches of 32, are trained until they
answer held-out training images as well as the spiking network answers its test images; the one that needed the fewest
multiply-accumulates (MACs) counts. Per image and layer of n x m weights they are n m forward, n m for the gradient of the weights,
and n m for the gradient of the inputs, which the first layer does without. *Effective* MACs skip zero inputs, activations and
gradients. Updates of weights (Adam's are some ten operations per weight and batch) are not in them.

What no such perceptron reaches is left to small convolutional networks (no teacher, the fewest epochs that suffice), for which
PyTorch is needed.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from snnsim.datasets import Dataset, Split

__all__ = ["Backpropagation", "cheapest_backpropagation", "convolutional_backpropagation"]

_HIDDEN = (0, 16, 32, 64, 128, 256)
_BATCH = 32
_EPOCHS = 6
_HOPELESS = 2.0
"""As many times the errors that are allowed."""
_CONVOLVED = 20
_CONVOLUTIONS = (
    ("6c5s2-12c5s2", 1, False), ("6c5s2-12c5s2", 2, False), ("12c5s2-32c5s2", 1, False), ("6c5s2-12c5s2", 5, False),
    ("12c5s2-32c5s2", 3, False), ("12c5s2-32c5s2", 6, False), ("12c5s2-32c5s2", 12, True), ("12c5s2-32c5s2", 24, True),
)  # fmt: skip
"""Hidden layers, epochs, and whether images are deformed, by cost."""
_CHECKS = 8  # per epoch
_RATE, _MOMENTS, _EPSILON = 2e-3, (0.9, 0.99), 1e-8


@dataclasses.dataclass(frozen=True)
class Backpropagation:
    """A network that became accurate enough, and what that took: ``accuracy`` is that of held-out images, 0 to 1.

    ``effective_training_macs`` is None for a convolutional network: zeros are not counted while it is trained.
    """

    network: str
    accuracy: float
    images: int
    training_macs: int
    effective_training_macs: int | None
    inference_macs: int


class _Perceptron:
    """A multilayer perceptron with at most one hidden layer, and its count of MACs."""

    def __init__(self, sizes: list[int], seed: int) -> None:
        rng = np.random.default_rng([seed, *sizes])
        shapes = list(itertools.pairwise(sizes))
        self.parameters = [np.float32(np.sqrt(2 / n)) * rng.standard_normal((n, m), np.float32) for n, m in shapes]
        self.parameters += [np.zeros(m, np.float32) for _, m in shapes]
        self.layers = len(shapes)
        self.moments = [[np.zeros_like(p) for p in self.parameters] for _ in range(2)]
        self.steps = self.macs = self.effective = 0

    def activations(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the input and what each layer makes of it; the last are logits."""
        found = [x]
        for k in range(self.layers):
            z = found[-1] @ self.parameters[k] + self.parameters[self.layers + k]
            found.append(np.maximum(z, 0) if k < self.layers - 1 else z)
        return found

    def learn(self, x: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Take one step of Adam."""
        found = self.activations(x)
        p = np.exp(found[-1] - found[-1].max(axis=1, keepdims=True))
        delta = p / p.sum(axis=1, keepdims=True)
        delta[np.arange(len(x)), labels] -= 1
        delta /= len(x)
        gradients = [np.zeros(0, np.float32)] * len(self.parameters)
        for k in reversed(range(self.layers)):
            n, m = self.parameters[k].shape
            gradients[k], gradients[self.layers + k] = found[k].T @ delta, delta.sum(axis=0)
            inputs = np.count_nonzero(found[k], axis=1)
            outputs = np.count_nonzero(delta, axis=1)
            self.macs += (3 if k else 2) * n * m * len(x)
            self.effective += int((inputs * m + inputs * outputs).sum())
            if k:
                self.effective += int((outputs * inputs).sum())  # only where the ReLU was active
                delta = (delta @ self.parameters[k].T) * (found[k] > 0)
        self.steps += 1
        rate = _RATE * np.sqrt(1 - _MOMENTS[1] ** self.steps) / (1 - _MOMENTS[0] ** self.steps)
        for parameter, gradient, mean, square in zip(self.parameters, gradients, *self.moments, strict=True):
            mean += (1 - _MOMENTS[0]) * (gradient - mean)
            square += (1 - _MOMENTS[1]) * (gradient**2 - square)
            parameter -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(_EPSILON))


def _stages(split: Split, hidden: int, n_classes: int, seed: int) -> Iterator[Backpropagation]:
    """Train on all but the last sixth of the images; yield where training stands several times an epoch."""
    pixels, n_train = split.pixels, len(split) - len(split) // 6
    sizes = [pixels.shape[1], *([hidden] if hidden else []), n_classes]
    network = _Perceptron(sizes, seed)
    rng = np.random.default_rng([seed, 1])
    shown, per_check = 0, -(-n_train // _CHECKS)
    for _ in range(_EPOCHS):
        order = rng.permutation(n_train)
        for first in range(0, n_train, per_check):
            part = order[first : first + per_check]
            for begin in range(0, len(part), _BATCH):
                batch = part[begin : begin + _BATCH]
                network.learn(pixels[batch], split.labels[batch])
            shown += len(part)
            answers = network.activations(pixels[n_train:])[-1].argmax(axis=1)
            yield Backpropagation(
                "-".join(map(str, sizes)), float((answers == split.labels[n_train:]).mean()), shown, network.macs,
                network.effective, sum(n * m for n, m in itertools.pairwise(sizes)),
            )  # fmt: skip


def cheapest_backpropagation(split: Split, accuracy: float, n_classes: int, seed: int = 0) -> Backpropagation | None:
    """Return what came first to an ``accuracy`` (0 to 1) on held-out images of ``split``; None where nothing did."""
    # scikit-learn needs it as well. Threads that wait for each other cost more than products this small.
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _cheapest(split, accuracy, n_classes, seed)


def _cheapest(split: Split, accuracy: float, n_classes: int, seed: int) -> Backpropagation | None:
    best = None
    for hidden in _HIDDEN:
        for stage in _stages(split, hidden, n_classes, seed):
            if best is not None and stage.training_macs >= best.training_macs:
                break
            # A network that is far off after an epoch will hardly come to the accuracy.
            if stage.images >= (len(split) - len(split) // 6) and 1 - stage.accuracy > _HOPELESS * (1 - accuracy):
                break
            if stage.accuracy >= accuracy:
                best = stage
                break
    return best


def convolutional_backpropagation(dataset: Dataset, accuracy: float, seed: int = 0) -> Backpropagation | None:
    """Return the first of ever more costly trainings of convolutional networks that reaches an ``accuracy`` (0 to 1) on the
    validation split; None where none does, images have fewer than 20 pixels a side, or PyTorch is not installed."""
    if min(dataset.shape) < _CONVOLVED or find_spec("torch") is None:
        return None
    from snnsim.training import Augmentation, Recipe, train

    height, width = dataset.shape
    for hidden, epochs, augmented in _CONVOLUTIONS:
        name = f"{height * width}-{hidden}-{dataset.n_classes}"
        deformed = Augmentation() if augmented else None
        recipe = Recipe(name, epochs=epochs, batch_size=125, learning_rate=1e-2, augmentation=deformed)
        ann = train(recipe, dataset, seed=seed, progress=False)
        found = float(str(ann.provenance["validation_accuracy"]))
        if found >= accuracy:
            images = epochs * len(dataset.train)
            macs = images * (3 * ann.dense_macs - ann.layers[0].n_synapses)
            return Backpropagation(name, found, images, macs, None, ann.dense_macs)
    return None
