"""Rules that say which neurons are joined. Deterministic by seed: the same connections on any machine.

Multapses (several synapses of a pair) occur with the fixed degrees and the fixed total number. ``autapses=False`` keeps a neuron
from reaching itself where source and target are the same population.
"""

import dataclasses
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import building

from ._checks import real_array, real_number, whole_number
from ._errors import NetworkError
from .connections import Sparse
from .distributions import Distribution

__all__ = ["AllToAll", "FixedInDegree", "FixedOutDegree", "FixedProbability", "FixedTotalNumber", "OneToOne", "Rule"]

Edges = tuple[NDArray[np.int64], NDArray[np.int32]]
_ANYWHERE = 2**40  # a shift beyond every population: no neuron is excluded
_WEIGHTS, _DELAYS = 1, 2  # rows of the random numbers for values


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """Base of all rules."""

    autapses: bool = True

    @abstractmethod
    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets) as in :class:`Sparse`; source j must not reach target j + shift."""

    def build(
        self,
        n_sources: int,
        n_targets: int,
        *,
        weight: float | Distribution | Any,
        delay: float | Distribution | Any,
        own: int | None,
        dt: float,
        seed: int,
        stream: int,
    ) -> Sparse:
        """Return the synapses, with their weights and, where they differ, their delays (ms, rounded to steps of dt).

        weight, delay : one value, an array with one value per synapse, or a distribution
        own : where source and target are the same population, the target that source 0 is; else None
        stream : numbers the projection
        """
        shift = _ANYWHERE if self.autapses or own is None else own
        pointers, targets = self.edges(n_sources, n_targets, shift, seed, stream)
        weights = _values("weight", weight, len(targets), seed, stream, _WEIGHTS)
        delays = None
        if not np.isscalar(delay):
            drawn = _values("delay", delay, len(targets), seed, stream, _DELAYS)
            # Only what is drawn is put on the grid; what a user gives must be there.
            delays = np.maximum(np.rint(drawn / dt), 0) * dt if isinstance(delay, Distribution) else drawn
        if not np.isscalar(weight):
            # What is drawn or given as 0, as by a distribution that is clipped there, joins nobody.
            kept = weights != 0
            pointers = np.concatenate([[0], np.cumsum(kept)])[pointers]
            targets, weights = targets[kept], weights[kept]
            delays = None if delays is None else delays[kept]
        return Sparse(pointers, targets, weights, n_targets, delays)


def _values(name: str, given: Any, n: int, seed: int, stream: int, row: int) -> NDArray[np.float64]:
    if isinstance(given, Distribution):
        return given.draw(n, seed, stream, row)
    array = real_array(name, given, NetworkError)
    if array.shape not in ((), (n,)):
        raise NetworkError(
            f"{name} must be one value, a distribution, or one per synapse ({n}), got shape {array.shape}"
        )
    return np.broadcast_to(array, n)


@dataclasses.dataclass(frozen=True)
class AllToAll(Rule):
    """Every source to every target."""

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        joined = np.arange(n_targets) != np.arange(n_sources)[:, None] + shift
        pointers = np.concatenate([[0], np.cumsum(joined.sum(axis=1))])
        return pointers, np.nonzero(joined)[1].astype(np.int32)


@dataclasses.dataclass(frozen=True)
class OneToOne(Rule):
    """Source j to target j; both sides must have the same size."""

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        if n_sources != n_targets:
            raise NetworkError(f"OneToOne joins populations of one size, got {n_sources} and {n_targets}")
        if shift == 0:
            return np.zeros(n_sources + 1, np.int64), np.zeros(0, np.int32)
        return np.arange(n_sources + 1), np.arange(n_sources, dtype=np.int32)


@dataclasses.dataclass(frozen=True)
class FixedProbability(Rule):
    """Each pair with probability p, within [0, 1], at most once."""

    p: float

    def __post_init__(self) -> None:
        if not 0 <= real_number("FixedProbability.p", self.p, NetworkError) <= 1:
            raise NetworkError(f"FixedProbability.p must lie within 0 and 1, got {self.p}")

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        if self.p == 0:
            return np.zeros(n_sources + 1, np.int64), np.zeros(0, np.int32)
        if self.p == 1:
            return AllToAll().edges(n_sources, n_targets, shift, seed, stream)
        made: Edges = building.fixed_probability(n_sources, n_targets, self.p, shift, np.uint64(seed), stream)
        return made


@dataclasses.dataclass(frozen=True)
class FixedInDegree(Rule):
    """k synapses onto each target, k at least 0, their sources drawn with replacement."""

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole_number("FixedInDegree.k", self.k, 0, 2**31 - 1, NetworkError))

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        _refuse(self, self.k > 0 and n_sources == 1 and 0 <= shift < n_targets)
        made: Edges = building.fixed_in_degree(n_sources, n_targets, self.k, shift, np.uint64(seed), stream)
        return made


@dataclasses.dataclass(frozen=True)
class FixedOutDegree(Rule):
    """k synapses from each source, k at least 0, their targets drawn with replacement."""

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole_number("FixedOutDegree.k", self.k, 0, 2**31 - 1, NetworkError))

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        _refuse(self, self.k > 0 and n_targets == 1 and 0 <= -shift < n_sources)
        made: Edges = building.fixed_out_degree(n_sources, n_targets, self.k, shift, np.uint64(seed), stream)
        return made


@dataclasses.dataclass(frozen=True)
class FixedTotalNumber(Rule):
    """n synapses in all, n at least 0, both ends drawn with replacement."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", whole_number("FixedTotalNumber.n", self.n, 0, 2**31 - 1, NetworkError))

    def edges(self, n_sources: int, n_targets: int, shift: int, seed: int, stream: int) -> Edges:
        """Return (pointers, targets)."""
        _refuse(self, self.n > 0 and n_sources == n_targets == 1 and shift == 0)
        made: Edges = building.fixed_total_number(n_sources, n_targets, self.n, shift, np.uint64(seed), stream)
        return made


def _refuse(rule: Rule, alone: bool) -> None:
    """Raise NetworkError where a neuron that needs a partner has none but itself."""
    if alone:
        raise NetworkError(f"{type(rule).__name__} without autapses needs more than one neuron to draw from")
