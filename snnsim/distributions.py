"""Values that are drawn, one per synapse: weights and delays. Deterministic by seed, in compiled code."""

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.tables import Table, table_of
from snnsim_kernels.values import ValueKind, Values, draw_values

from ._checks import real_number
from ._errors import NetworkError

__all__ = ["DelayTable", "Distribution", "Lognormal", "Normal", "Uniform"]

_FARTHEST = 6.8  # standard deviations: no normal number that is made of 32-bit words lies beyond
_REACH = 6.5  # standard deviations: beyond them lies less than a word in 2**32


class DelayTable(NamedTuple):
    """A distribution on the grid: the step of a word is ``first`` plus the number that the table gives for it."""

    first: int
    table: Table

    @property
    def last(self) -> int:
        """The longest possible delay in steps."""
        return self.first + len(self.table.thresholds)


class Distribution(ABC):
    """Base of all distributions."""

    @abstractmethod
    def values(self) -> Values:
        """Return what the kernels draw."""

    @abstractmethod
    def cumulative(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a value of at most x, clipping included."""

    @abstractmethod
    def range(self) -> tuple[float, float]:
        """Return bounds outside of which lies less than one word in 2**32."""

    @property
    def drops(self) -> bool:
        """Whether values are clipped to exactly 0: as weights, these are no synapses."""
        values = self.values()
        clipped = values.kind == ValueKind.NORMAL and 0.0 in (values.low, values.high)
        return clipped and abs(values.a) < _FARTHEST * values.b

    def draw(self, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
        """Return n values, shape (n,): those of the first n synapses of a row (source) of a projection (stream)."""
        drawn: NDArray[np.float64] = draw_values(n, self.values(), np.uint64(seed), row, stream)
        return drawn

    def delay_table(self, dt: float, longest: int) -> DelayTable:
        """Return the distribution rounded to steps of ``dt`` ms, what is negative put to 0.

        Raises NetworkError where a delay of more than ``longest`` steps is possible.
        """
        low, high = (bound / dt for bound in self.range())
        if not high <= longest:
            raise NetworkError(f"delay must be at most {longest} steps, {self} gives up to {high:g}")
        first = max(0, math.floor(max(low, -1.0)) - 1)
        steps = np.arange(first, max(first, math.ceil(high) + 1) + 1)
        # From half a step below to half a step above: what the nearest step stands for.
        skipped, table = table_of(self.cumulative(np.asarray((steps + 0.5) * dt, np.float64)))
        return DelayTable(first + skipped, table)


def _numbers(distribution: Any) -> None:
    for field in dataclasses.fields(distribution):
        real_number(f"{type(distribution).__name__}.{field.name}", getattr(distribution, field.name), NetworkError)


def _checked(name: str, low: float, high: float) -> None:
    if not low < high:
        raise NetworkError(f"{name}: low must be below high, got {low:g} and {high:g}")


def _normal_cumulative(x: NDArray[np.float64], mean: float, std: float) -> NDArray[np.float64]:
    if std == 0:
        return (x >= mean).astype(np.float64)
    return np.array([0.5 * math.erfc((mean - value) / (std * math.sqrt(2.0))) for value in x.tolist()])


def _clipped(x: NDArray[np.float64], cumulative: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return np.where(x < low, 0.0, np.where(x >= high, 1.0, cumulative))


@dataclasses.dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform in (low, high); low < high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _numbers(self)
        _checked("Uniform", self.low, self.high)
        if not math.isfinite(self.low) or not math.isfinite(self.high):
            raise NetworkError(f"Uniform: low and high must be finite, got {self.low:g} and {self.high:g}")

    def values(self) -> Values:
        """Return what the kernels draw."""
        return Values(int(ValueKind.UNIFORM), float(self.low), float(self.high) - float(self.low), -math.inf, math.inf)

    def cumulative(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a value of at most x."""
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    def range(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high


@dataclasses.dataclass(frozen=True)
class Normal(Distribution):
    """Normal with ``mean`` and ``std`` (at least 0), clipped to [low, high]."""

    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _numbers(self)
        _checked("Normal", self.low, self.high)
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std >= 0):
            raise NetworkError(f"Normal: mean must be finite and std at least 0, got {self.mean:g} and {self.std:g}")

    def values(self) -> Values:
        """Return what the kernels draw."""
        low, high = float(self.low), float(self.high)
        if self.std == 0:
            return Values(int(ValueKind.CONSTANT), min(max(float(self.mean), low), high), 0.0, low, high)
        return Values(int(ValueKind.NORMAL), float(self.mean), float(self.std), low, high)

    def cumulative(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a value of at most x."""
        return _clipped(x, _normal_cumulative(x, self.mean, self.std), self.low, self.high)

    def range(self) -> tuple[float, float]:
        """Return bounds outside of which lies less than one word in 2**32."""
        low, high = self.mean - _REACH * self.std, self.mean + _REACH * self.std
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)


@dataclasses.dataclass(frozen=True)
class Lognormal(Distribution):
    """exp of a normal with mean ``mu`` and standard deviation ``sigma`` (at least 0), clipped to [low, high]; low at least 0."""

    mu: float
    sigma: float
    low: float = 0.0
    high: float = math.inf

    def __post_init__(self) -> None:
        _numbers(self)
        _checked("Lognormal", self.low, self.high)
        if not (math.isfinite(self.mu) and math.isfinite(self.sigma) and self.sigma >= 0):
            raise NetworkError(f"Lognormal: mu must be finite and sigma at least 0, got {self.mu:g} and {self.sigma:g}")
        if self.low < 0:
            raise NetworkError(f"Lognormal: low must be at least 0, got {self.low:g}")

    def values(self) -> Values:
        """Return what the kernels draw."""
        # Nothing of it lies at 0, so a low of 0 clips nothing.
        low, high = float(self.low) or -math.inf, float(self.high)
        if self.sigma == 0:
            return Values(int(ValueKind.CONSTANT), min(max(_exp(self.mu), low), high), 0.0, low, high)
        return Values(int(ValueKind.LOGNORMAL), float(self.mu), float(self.sigma), low, high)

    def cumulative(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a value of at most x."""
        with np.errstate(divide="ignore"):
            logarithm = np.log(np.maximum(x, 0.0))
        return _clipped(x, _normal_cumulative(logarithm, self.mu, self.sigma), self.low, self.high)

    def range(self) -> tuple[float, float]:
        """Return bounds outside of which lies less than one word in 2**32."""
        low, high = _exp(self.mu - _REACH * self.sigma), _exp(self.mu + _REACH * self.sigma)
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.0 else math.inf
