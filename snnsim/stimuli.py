"""Stimuli: input that every neuron of a population gets from a source of its own, without synapses that would have to be stored."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from ._checks import real_number
from ._errors import NetworkError

__all__ = ["PoissonInput"]

_MOST_PER_STEP = 1000.0
_NEGLIGIBLE = 2.0**-34
_LARGEST = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class PoissonInput:
    """Independent Poisson spike trains, one for each target neuron: P(k spikes in a step) = m^k exp(-m) / k! with m = rate dt.

    rate : Hz, at least 0, at most 1,000 spikes per step; it may stand for many sources of lower rates, whose sum it is

    Raises NetworkError for a rate out of bounds.
    """

    rate: float

    def __post_init__(self) -> None:
        rate = real_number("PoissonInput.rate", self.rate, NetworkError)
        if not (math.isfinite(rate) and rate >= 0):
            raise NetworkError(f"PoissonInput.rate must be finite and at least 0 Hz, got {self.rate!r}")

    def thresholds(self, dt: float) -> NDArray[np.uint32]:
        """Return the cumulative distribution of the number of spikes in a step of ``dt`` (ms), as thresholds for 32-bit words.

        A word that exceeds the first k thresholds stands for k spikes. Their number is a multiple of 4; no word exceeds the last.
        Raises NetworkError for more than 1,000 spikes per step.
        """
        mean = self.rate * dt / 1000.0
        if mean > _MOST_PER_STEP:
            raise NetworkError(
                f"PoissonInput.rate must be at most {_MOST_PER_STEP:g} spikes per step of {dt:g} ms, got {mean:g}"
            )
        limits: list[int] = []
        cumulative = 0.0
        while not limits or limits[-1] < _LARGEST:
            k = len(limits)
            cumulative += math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) if mean > 0 else 1.0
            # Beyond the mean, what is left of the sum decides, which rounding may keep from ever reaching 1.
            done = k >= mean and 1.0 - cumulative < _NEGLIGIBLE
            limits.append(_LARGEST if done else min(max(round(cumulative * 2**32) - 1, 0), _LARGEST))
        return np.array(limits + [_LARGEST] * (-len(limits) % 4), np.uint32)
