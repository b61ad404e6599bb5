"""Rules at the level of a population or of a projection, given to :meth:`Network.regulate`."""

import dataclasses
import math

from ._checks import positive_time, real_number, whole_number
from ._errors import NetworkError

__all__ = ["Homeostasis", "Normalisation", "Regulation", "WinnerTakeAll"]


class Regulation:
    """Base of all such rules."""


@dataclasses.dataclass(frozen=True)
class WinnerTakeAll(Regulation):
    """Of the neurons of a group that reach their thresholds in the same step, only those with the highest potentials spike.

    inhibition : ms, a multiple of dt, above 0, or ``inf`` (until the state is reset): for so long all others of the group are held,
        as if they were refractory, and start from their reset potentials again
    group : neurons per group, which are neighbours in a population, at least 2; the whole population by default
    winners : at least 1, how many spikes a group has in one step at most

    Of equal potentials that of the lower number wins. Raises NetworkError for values out of bounds.
    """

    inhibition: float
    group: int | None = None
    winners: int = 1

    def __post_init__(self) -> None:
        if not (real_number("WinnerTakeAll.inhibition", self.inhibition, NetworkError) > 0):
            raise NetworkError(f"WinnerTakeAll.inhibition must be above 0 ms, got {self.inhibition!r}")
        if self.group is not None:
            whole_number("WinnerTakeAll.group", self.group, 2, 2**31 - 1, NetworkError)
        whole_number("WinnerTakeAll.winners", self.winners, 1, 2**31 - 1, NetworkError)


@dataclasses.dataclass(frozen=True)
class Homeostasis(Regulation):
    """Each spike of the population lowers the adaptive thresholds of all its neurons by ``decrement`` (mV, at least 0).

    With the ``theta_plus`` of the neurons divided by their number as the decrement, the mean threshold stays where it is, and who
    fires seldom becomes easier to excite. Raises NetworkError for a value out of bounds.
    """

    decrement: float

    def __post_init__(self) -> None:
        value = real_number("Homeostasis.decrement", self.decrement, NetworkError)
        if not (math.isfinite(value) and value >= 0):
            raise NetworkError(f"Homeostasis.decrement must be finite and at least 0 mV, got {self.decrement!r}")


@dataclasses.dataclass(frozen=True)
class Normalisation(Regulation):
    """The weights onto each target are scaled, so that their absolute values sum to ``total`` (above 0), every ``every`` ms.

    A target without synapses stays as it is. Raises NetworkError for values out of bounds.
    """

    total: float
    every: float

    def __post_init__(self) -> None:
        value = real_number("Normalisation.total", self.total, NetworkError)
        if not (math.isfinite(value) and value > 0):
            raise NetworkError(f"Normalisation.total must be finite and above 0, got {self.total!r}")
        positive_time("Normalisation.every", self.every, NetworkError)
