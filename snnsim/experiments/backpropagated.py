"""The conventional opponents: ReLU networks under Adam, trained until they are as accurate as the network they are compared with.

PyTorch computes the gradients; answers and operations are those of :class:`snnsim.ann.Ann`. The learning rate is constant, so what
goes on learning goes on at the rate that it ended with. Training takes, per image, 3 multiply-accumulates for each of inference
(forward, gradient of weights, gradient of inputs, which the first layer does without); updates of weights are counted apart.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import AnnError, ResultsError
from snnsim.ann import Ann, Conv2d, Dense
from snnsim.datasets import Split
from snnsim.learning.trained import Provenance
from snnsim.training import ConvSpec, Recipe

from .contenders import Contender

__all__ = ["Backpropagated", "Equal"]

_RATE, _BATCH = 1e-3, 32
_FEW_STEPS = 300
_GROWTH = 1.08
"""From check to check of the accuracy so many times the images."""


@dataclasses.dataclass(frozen=True, eq=False)
class Equal:
    """Until when to train: an ``accuracy`` (0 to 1) on held-out ``images`` is reached, or ``most`` passes are over.

    least : passes before which the accuracy is not looked at
    """

    accuracy: float
    images: Split
    most: float
    least: float


class Backpropagated(Contender):
    """A network that learns by backpropagation.

    architecture : as ``"784-400-10"`` or ``"784-12c5s2-32c5s2-10"``
    passes : how often a training from scratch shows all images, a fraction for a part of them
    code : brightness (0 to 1) above which a pixel is one grey value brighter, evenly spaced; () leaves pixels as they are. With the
        latency code of a spiking network it tells what that code does from what spikes do
    """

    spiking = False

    def __init__(
        self,
        architecture: str,
        shape: tuple[int, int],
        code: tuple[float, ...] = (),
        passes: float = 1.0,
        ann: Ann | None = None,
    ) -> None:
        self.name = f"{architecture}, coded pixels" if code else architecture
        self.architecture, self.shape, self.code, self.passes, self.ann = architecture, shape, code, passes, ann

    def learned(self, split: Split, seed: int) -> "Backpropagated":
        """Show so many images as ``passes`` say."""
        return self._trained(self._untrained(seed), split, round(self.passes * len(split)), seed)

    def learned_to(self, split: Split, seed: int, equal: Equal) -> "Backpropagated":
        """Train until it is accurate enough; its ``passes`` are then those that this took."""
        most = round(equal.most * len(split))
        return self._trained(self._untrained(seed), split, most, seed, equal)

    def learned_from_few(self, split: Split, seed: int) -> "Backpropagated":
        """Take a fixed number of steps, after which a few images are learned by heart."""
        return self._trained(self._untrained(seed), split, _FEW_STEPS * min(_BATCH, len(split)), seed)

    def gone_on(self, split: Split, seed: int, passes: int, rate: float = 1.0) -> "Backpropagated":
        """Train further."""
        return self._trained(self._own, split, passes * len(split), seed, rate=rate)

    def answers(self, split: Split) -> NDArray[np.int64]:
        """Return the class of the largest logit."""
        return np.asarray(self._own.logits(self._pixels(split)).argmax(axis=1), np.int64)

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """All but the biases."""
        return [layer.weight.copy() for layer in self._own.layers]

    def with_weights(self, weights: Sequence[NDArray[np.float32]]) -> "Backpropagated":
        """Change the weights; biases stay."""
        changed = tuple(
            dataclasses.replace(layer, weight=weight) for layer, weight in zip(self._own.layers, weights, strict=True)
        )
        return self._with(Ann(self.architecture, changed))

    @property
    def hidden(self) -> list[int]:
        """Units of hidden layers, or channels."""
        return [len(layer.bias) for layer in self._own.layers[:-1]]

    def silenced(self, neurons: Sequence[NDArray[np.int64]]) -> "Backpropagated":
        """Take from units what they receive, bias included."""
        layers = list(self._own.layers)
        for k, silent in enumerate(neurons):
            layer = layers[k]
            weight, bias = layer.weight.copy(), layer.bias.copy()
            weight[(slice(None), silent) if isinstance(layer, Dense) else silent] = 0
            bias[silent] = 0
            layers[k] = dataclasses.replace(layer, weight=weight, bias=bias)
        return self._with(Ann(self.architecture, tuple(layers)))

    def save(self, path: Path, provenance: Provenance, seed: int) -> None:
        """Keep the trained network, and what its training took."""
        about = {"seed": seed, "code": list(self.code), "trained": dataclasses.asdict(provenance),
                 "passes": self.passes, "operations": self.operations, "updates": self.updates}  # fmt: skip
        dataclasses.replace(self._own, provenance=about).save(path)

    def load(self, path: Path, provenance: Provenance, seed: int) -> "Backpropagated":
        """Return the trained network of a file. Raises ResultsError where it is another one."""
        ann = Ann.load(path)
        about: Any = ann.provenance
        own = {"seed": seed, "code": list(self.code), "trained": dataclasses.asdict(provenance)}
        if ann.name != self.architecture or any(about.get(key) != value for key, value in own.items()):
            raise ResultsError(f"{path}: another network, or other data; choose another folder or give --force")
        found = Backpropagated(self.architecture, self.shape, self.code, float(about["passes"]), ann)
        found.operations, found.updates = int(about["operations"]), int(about["updates"])
        return found

    @property
    def _own(self) -> Ann:
        if self.ann is None:
            raise ResultsError(f"{self.name}: has not learned yet")
        return self.ann

    def _pixels(self, split: Split) -> NDArray[np.float32]:
        """Return what the first layer is given."""
        if not self.code:
            return split.pixels
        pixels = split.pixels
        return np.asarray(sum((pixels > least) for least in self.code) / np.float32(len(self.code)), np.float32)

    def _with(self, ann: Ann) -> "Backpropagated":
        return Backpropagated(self.architecture, self.shape, self.code, self.passes, ann)

    def _untrained(self, seed: int) -> Ann:
        """Return the network with normal weights of the variance 2 / inputs (He et al. 2015), 1 / inputs in the last layer."""
        generator = np.random.default_rng([seed, 5])
        shape = (1, *self.shape)
        hidden = Recipe(self.architecture).hidden
        layers: list[Dense | Conv2d] = []

        def normal(gain: float, shape: tuple[int, ...], fan_in: int) -> NDArray[np.float32]:
            return generator.standard_normal(shape, np.float32) * np.float32(math.sqrt(gain / fan_in))

        for spec in hidden:
            if isinstance(spec, ConvSpec):
                size = (spec.channels, shape[0], spec.kernel, spec.kernel)
                weight = normal(2, size, shape[0] * spec.kernel**2)
                convolution = Conv2d(weight, np.zeros(spec.channels, np.float32), spec.stride, shape)
                layers.append(convolution)
                shape = convolution.output_shape
            else:
                n_in = math.prod(shape)
                layers.append(Dense(normal(2, (n_in, spec), n_in), np.zeros(spec, np.float32)))
                shape = (spec, 1, 1)
        n_in, n_out = math.prod(shape), int(self.architecture.split("-")[-1])
        layers.append(Dense(normal(1, (n_in, n_out), n_in), np.zeros(n_out, np.float32)))
        return Ann(self.architecture, tuple(layers))

    def _trained(
        self, ann: Ann, split: Split, shown: int, seed: int, equal: Equal | None = None, rate: float = 1.0
    ) -> "Backpropagated":
        """Show ``shown`` images, or fewer where it is ``equal`` before."""
        try:
            from .adam import Adam
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise AnnError("experiments need PyTorch: python -m pip install 'snnsim[train]'") from error
        training = Adam(ann, rate * _RATE)
        pixels, generator = self._pixels(split), np.random.default_rng([seed, 6])
        held_out = None if equal is None else self._pixels(equal.images)
        order, done, steps, check = np.zeros(0, np.int64), 0, 0, float(min(_BATCH, len(split)))
        while done < shown:
            size = min(_BATCH, len(split), shown - done)
            if len(order) < size:
                order = np.concatenate([order, generator.permutation(len(split))])
            batch, order = order[:size], order[size:]
            training.step(pixels[batch], split.labels[batch])
            done += size
            steps += 1
            if equal is not None and held_out is not None and done >= check:
                check = done * _GROWTH
                if (
                    done >= equal.least * len(split)
                    and float((training.classes(held_out) == equal.images.labels).mean()) >= equal.accuracy
                ):
                    break
        # As it is kept in a file.
        trained = Backpropagated(self.architecture, self.shape, self.code, done / len(split), training.ann().rounded())
        trained.operations = done * (3 * ann.dense_macs - ann.layers[0].n_synapses)
        trained.updates = steps * sum(layer.weight.size for layer in ann.layers)
        return trained
