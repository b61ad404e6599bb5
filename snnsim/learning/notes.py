"""What becomes of thresholds and weights over a training, noted now and then; part of a learner's state."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .learner import History

__all__ = ["Notes"]

_PARTS = 20
"""So often it is noted, at even distances."""


class Notes:
    """Thresholds of ``neurons`` neurons, and how many weights lie in each of the ``bins``, (edges,), at 21 times of a training."""

    def __init__(self, neurons: int, bins: NDArray[np.float64]) -> None:
        self._bins = bins
        self._noted = np.zeros(_PARTS + 1, np.int64)  # what was done then, and 1; 0: not noted
        self._thresholds = np.zeros((_PARTS + 1, neurons), np.float32)
        self._weights = np.zeros((_PARTS + 1, len(bins) - 1), np.int64)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays themselves, by name."""
        return {"noted": self._noted, "noted_thresholds": self._thresholds, "noted_weights": self._weights}

    def take(self, done: int, total: int, thresholds: NDArray[Any], weights: NDArray[Any]) -> None:
        """Note how it stands when ``done`` of ``total`` is done, unless this part of the training has been noted."""
        part = done * _PARTS // total
        if self._noted[part] == 0:
            self._noted[part] = done + 1
            self._thresholds[part] = thresholds
            self._weights[part] = np.histogram(weights, self._bins)[0]

    def __bool__(self) -> bool:
        return bool(self._noted.any())

    def history(self, weight_unit: str = "mV") -> History:
        """Return what has been noted."""
        there = self._noted > 0
        return History(
            self._noted[there] - 1, self._thresholds[there], self._weights[there], self._bins, weight_unit=weight_unit
        )
