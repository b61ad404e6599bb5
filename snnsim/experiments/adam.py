"""Adam on the cross-entropy of an :class:`snnsim.ann.Ann`, at a constant learning rate, on one thread; needs PyTorch.

The recipes of :mod:`snnsim.training` end at a learning rate of zero. What is to go on learning needs a rate that stays.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own convention
from numpy.typing import NDArray

from snnsim.ann import Ann, Conv2d, Dense
from snnsim.training.trainer import limited

__all__ = ["Adam"]

_BLOCK = 2000


class Adam:
    """A network under training, from the weights of ``ann``, which stay as they are."""

    def __init__(self, ann: Ann, rate: float) -> None:
        self._ann = ann
        self._parameters = [
            (torch.tensor(layer.weight, requires_grad=True), torch.tensor(layer.bias, requires_grad=True))
            for layer in ann.layers
        ]
        self._optimizer = torch.optim.Adam([p for pair in self._parameters for p in pair], lr=rate, fused=True)

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Take one step on a batch, pixels (n, inputs) in [0, 1]."""
        with limited(1):
            self._optimizer.zero_grad()
            F.cross_entropy(self._logits(torch.from_numpy(pixels)), torch.from_numpy(labels)).backward()
            self._optimizer.step()

    def classes(self, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the class of the largest logit for each image."""
        with limited(1), torch.no_grad():
            found = [self._logits(block).argmax(1) for block in torch.from_numpy(pixels).split(_BLOCK)]
            return np.asarray(torch.cat(found).numpy(), np.int64)

    def ann(self) -> Ann:
        """Return the network as it is now."""
        layers: list[Dense | Conv2d] = []
        for layer, pair in zip(self._ann.layers, self._parameters, strict=True):
            weight, bias = (p.detach().numpy().copy() for p in pair)
            if isinstance(layer, Dense):
                layers.append(Dense(weight, bias))
            else:
                layers.append(Conv2d(weight, bias, layer.stride, layer.input_shape))
        return Ann(self._ann.name, tuple(layers))

    def _logits(self, a: torch.Tensor) -> torch.Tensor:
        for k, (layer, (weight, bias)) in enumerate(zip(self._ann.layers, self._parameters, strict=True)):
            if isinstance(layer, Dense):
                a = a @ weight + bias
            else:
                a = F.conv2d(a.view(len(a), *layer.input_shape), weight, bias, layer.stride).flatten(1)
            if k < len(self._parameters) - 1:
                a = F.relu(a)
        return a
