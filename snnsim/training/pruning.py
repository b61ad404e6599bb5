"""Magnitude pruning while training: synapses go gradually, and with them the hidden units that lead nowhere."""

import torch

from snnsim.ann import Dense

__all__ = ["Pruner", "without_idle_units"]

# Pruning runs over this part of the training; what remains is for the surviving weights to settle.
_BEGIN, _END = 0.06, 0.6
_UPDATES = 150


class Pruner:
    """Shrinks dense layers to a given number of nonzero weights along a cubic schedule (Zhu & Gupta 2017).

    A hidden weight is scored ``|w| / sigma * ||w_out|| ** 0.5``: its size against the spread sigma of its unit's
    input, times how much the unit matters to the next layer. An output weight is scored by its size.

    Parameters
    ----------
    weights
        One tensor (n_out, n_in) per layer, pruned in place.
    nonzero
        Weights to leave in each.
    n_steps
        Steps of the whole training.
    """

    def __init__(self, weights: list[torch.Tensor], nonzero: tuple[int, ...], n_steps: int) -> None:
        self.weights = weights
        self.nonzero = [min(count, weight.numel()) for count, weight in zip(nonzero, weights, strict=True)]
        self.masks = [torch.ones_like(weight) for weight in weights]
        self.begin, self.end = int(_BEGIN * n_steps), max(int(_END * n_steps), 1)
        self.every = max((self.end - self.begin) // _UPDATES, 1)

    def step(self, step: int, spreads: list[torch.Tensor]) -> None:
        """Prune after training step number `step` (from 1), given each hidden layer's `spreads` sigma, (n_out,)."""
        with torch.no_grad():
            due = self.begin <= step <= self.end and (step - self.begin) % self.every == 0
            if due or step == self.end:
                progress = (step - self.begin) / max(self.end - self.begin, 1)
                removed = 1 - (1 - progress) ** 3
                for i in reversed(range(len(self.weights))):
                    weight = self.weights[i]
                    score = weight.abs()
                    if i < len(spreads):
                        importance = self.weights[i + 1].norm(dim=0).clamp(min=1e-3).sqrt()
                        score = score * (importance / spreads[i])[:, None]
                    keep = round(weight.numel() ** (1 - removed) * self.nonzero[i] ** removed)
                    # An own index per weight, so that equal scores cannot leave more than asked for.
                    kept = (score * self.masks[i]).flatten().topk(keep).indices
                    self.masks[i] = torch.zeros(weight.numel()).scatter_(0, kept, 1.0).view_as(weight) * self.masks[i]
            for weight, mask in zip(self.weights, self.masks, strict=True):
                weight *= mask


def without_idle_units(layers: list[Dense]) -> list[Dense]:
    """Return the same function without the synapses of hidden units that lack inputs or outputs.

    A unit without inputs is a constant: it moves into the next layer's biases. The layers keep their widths; idle
    units are all zeros.
    """
    weights = [layer.weight.copy() for layer in layers]
    biases = [layer.bias.copy() for layer in layers]
    for i in range(len(layers) - 1):
        constant = ~weights[i].any(axis=0)
        biases[i + 1] += biases[i].clip(min=0)[constant] @ weights[i + 1][constant]
        weights[i + 1][constant] = 0
    for i in reversed(range(len(layers) - 1)):
        unheard = ~weights[i + 1].any(axis=1)
        weights[i][:, unheard] = 0
        biases[i][unheard] = 0
    return [Dense(weight, bias) for weight, bias in zip(weights, biases, strict=True)]
