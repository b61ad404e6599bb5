"""Graceful damage: synapses deleted, weights in few bits, neurons silenced, after training and without repair.

Where positions share weights, a weight is deleted or rounded wherever it is used, and what is silenced is a map. A large network
has more to lose, so each spiking one stands beside a small ANN of equal accuracy and one that is as large as itself.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import NetworkError

from .arena import PATCHES, Arena
from .contenders import Contender
from .measurement import Experiment, Measurement

__all__ = ["DAMAGE", "deleted", "quantised", "silent"]

_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
_BITS = (8, 4, 3, 2)
_SCALES = np.linspace(0.2, 1.0, 41)
"""Shares of the largest weight that are tried as the largest level."""
_SYNAPSES, _WEIGHTS, _NEURONS = "synapses deleted", "bits of a weight", "neurons silenced"


def deleted(weights: NDArray[np.float32], share: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return weights of which a random ``share`` (0 to 1) is 0. Raises NetworkError for another share."""
    chosen = generator.permutation(weights.size)[: _number(weights.size, share)]
    found = weights.copy()
    found.reshape(-1)[chosen] = 0
    return found


def quantised(weights: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Return weights rounded to evenly spaced levels, 0 among them; the spacing is that of the least mean squared error.

    Where a weight is negative there are 2^bits - 1 levels, as many above 0 as below, else 2^bits. Raises NetworkError below 2 bits.
    """
    if bits < 2:
        raise NetworkError(f"quantised: bits must be at least 2, got {bits}")
    signed = bool((weights < 0).any())
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    largest = float(np.abs(weights).max())
    if largest == 0:
        return weights.copy()
    best, least = weights, np.inf
    for scale in _SCALES:
        step = scale * largest / most
        rounded = np.clip(np.rint(weights / step), -most if signed else 0, most) * np.float32(step)
        error = float(np.square(rounded - weights, dtype=np.float64).sum())
        if error < least:
            best, least = rounded.astype(np.float32), error
    return best


def silent(neurons: int, share: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of a random ``share`` (0 to 1) of neurons. Raises NetworkError for another share."""
    return np.asarray(np.sort(generator.permutation(neurons)[: _number(neurons, share)]), np.int64)


def _number(n: int, share: float) -> int:
    if not 0 <= share <= 1:
        raise NetworkError(f"the share that is damaged must lie within 0 and 1, got {share:g}")
    return round(n * share)


def _measure(arena: Arena, seed: int) -> Iterator[Measurement]:
    for name in _contenders(arena):
        one = arena.trained(name, seed)
        arena.tell(f"seed {seed}: {name} is damaged")
        whole = one.accuracy(arena.dataset.test)
        for test in (_SYNAPSES, _WEIGHTS, _NEURONS):
            yield Measurement(name, test, "none" if test != _WEIGHTS else "all", whole)
            for level, damaged in _damaged(one, test, seed):
                yield Measurement(name, test, level, damaged.accuracy(arena.dataset.test))


def _damaged(one: Contender, test: str, seed: int) -> Iterator[tuple[str, Contender]]:
    if test == _WEIGHTS:
        for bits in _BITS:
            yield str(bits), one.with_weights([quantised(weights, bits) for weights in one.weights])
        return
    for k, share in enumerate(_SHARES):
        generator = np.random.default_rng([seed, 9, k])
        if test == _SYNAPSES:
            damaged = one.with_weights([deleted(weights, share, generator) for weights in one.weights])
        else:
            damaged = one.silenced([silent(n, share, generator) for n in one.hidden])
        yield f"{share:.0%}", damaged


def _contenders(arena: Arena) -> list[str]:
    return [*arena.names, arena.large]


def _rivals(arena: Arena) -> Mapping[str, Sequence[str]]:
    return {**arena.opponents, PATCHES: [*arena.opponents[PATCHES], arena.large]}


DAMAGE = Experiment(
    "damage",
    "Graceful damage",
    "Do spiking networks lose less when synapses are deleted, weights rounded to a few bits, or neurons silenced, without learning "
    "again? Weights are rounded to evenly spaced levels of the least squared error, layer by layer; neurons of hidden layers are "
    "silenced (maps where weights are shared); biases, thresholds and labels stay.",
    {
        _SYNAPSES: "share of the synapses of every layer",
        _WEIGHTS: "bits",
        _NEURONS: "share of the neurons or maps of every layer",
    },
    _measure,
    _rivals,
    _contenders,
)
