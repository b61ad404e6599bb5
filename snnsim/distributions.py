"""Values that are drawn, one per synapse: weights and delays. Deterministic by seed, in compiled code."""

import dataclasses
import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import building

from ._checks import real_number
from ._errors import NetworkError

__all__ = ["Distribution", "Lognormal", "Normal", "Uniform"]


class Distribution(ABC):
    """Base of all distributions."""

    @abstractmethod
    def draw(self, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
        """Return n values, shape (n,), from the numbers of a seed, a projection (stream) and a purpose (row)."""


def _numbers(distribution: Distribution) -> None:
    for field in dataclasses.fields(distribution):  # type: ignore[arg-type]
        real_number(f"{type(distribution).__name__}.{field.name}", getattr(distribution, field.name), NetworkError)


def _checked(name: str, low: float, high: float) -> None:
    if not low < high:
        raise NetworkError(f"{name}: low must be below high, got {low:g} and {high:g}")


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

    def draw(self, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
        """Return n values, shape (n,)."""
        return np.asarray(self.low + (self.high - self.low) * building.uniform_unit(n, np.uint64(seed), stream, row))


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

    def draw(self, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
        """Return n values, shape (n,)."""
        return np.asarray(
            np.clip(self.mean + self.std * building.normal(n, np.uint64(seed), stream, row), self.low, self.high)
        )


@dataclasses.dataclass(frozen=True)
class Lognormal(Distribution):
    """exp of a normal with mean ``mu`` and standard deviation ``sigma`` (at least 0)."""

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        _numbers(self)
        if not (math.isfinite(self.mu) and math.isfinite(self.sigma) and self.sigma >= 0):
            raise NetworkError(f"Lognormal: mu must be finite and sigma at least 0, got {self.mu:g} and {self.sigma:g}")

    def draw(self, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
        """Return n values, shape (n,)."""
        return np.asarray(np.exp(self.mu + self.sigma * building.normal(n, np.uint64(seed), stream, row)))
