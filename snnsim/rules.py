"""Rules that say which neurons are joined. Deterministic by seed: the same connections on any machine, by any number of threads.

Multapses (several synapses of a pair) occur with the fixed degrees and the fixed total number. ``autapses=False`` keeps a neuron
from reaching itself where source and target are the same population.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from snnsim_kernels.targets import RuleKind, Shape

from ._checks import real_number, whole_number
from ._errors import NetworkError

__all__ = [
    "AllToAll",
    "DistanceDependent",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "OneToOne",
    "Rule",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """Base of all rules. Descriptions: what they say is built by ``snnsim.wiring``."""

    autapses: bool = True

    @abstractmethod
    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw; source j must not reach target j + shift. Raises NetworkError where sizes do not fit."""


def _shape(kind: RuleKind, n_targets: int, shift: int, p: float = 0.0) -> Shape:
    return Shape(int(kind), n_targets, shift, p, 1.0, 1.0, 1, 1, 1, 1, 1.0, 0, 0.0, False)


@dataclasses.dataclass(frozen=True)
class AllToAll(Rule):
    """Every source to every target."""

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw."""
        return _shape(RuleKind.ALL, n_targets, shift)


@dataclasses.dataclass(frozen=True)
class OneToOne(Rule):
    """Source j to target j; both of one size."""

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw. Raises NetworkError where the sizes differ."""
        if n_sources != n_targets:
            raise NetworkError(f"OneToOne joins populations of one size, got {n_sources} and {n_targets}")
        return _shape(RuleKind.ONE, n_targets, shift)


@dataclasses.dataclass(frozen=True)
class FixedProbability(Rule):
    """Each pair with probability p, within [0, 1], at most once."""

    p: float

    def __post_init__(self) -> None:
        if not 0 <= real_number("FixedProbability.p", self.p, NetworkError) <= 1:
            raise NetworkError(f"FixedProbability.p must lie within 0 and 1, got {self.p}")

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw."""
        if self.p == 1:
            return _shape(RuleKind.ALL, n_targets, shift)
        return _shape(RuleKind.PROBABILITY if self.p > 0 else RuleKind.DRAWN, n_targets, shift, float(self.p))


@dataclasses.dataclass(frozen=True)
class FixedInDegree(Rule):
    """k synapses onto each target, k at least 0, their sources drawn with replacement."""

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole_number("FixedInDegree.k", self.k, 0, 2**31 - 1, NetworkError))

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw. Raises NetworkError where a target has no source but itself."""
        _refuse(self, self.k > 0 and n_sources == 1 and 0 <= shift < n_targets)
        return _shape(RuleKind.GIVEN, n_targets, shift)


@dataclasses.dataclass(frozen=True)
class FixedOutDegree(Rule):
    """k synapses from each source, k at least 0, their targets drawn with replacement."""

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole_number("FixedOutDegree.k", self.k, 0, 2**31 - 1, NetworkError))

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw. Raises NetworkError where a source has no target but itself."""
        _refuse(self, self.k > 0 and n_targets == 1 and 0 <= -shift < n_sources)
        return _shape(RuleKind.DRAWN, n_targets, shift)


@dataclasses.dataclass(frozen=True)
class FixedTotalNumber(Rule):
    """n synapses in all, n at least 0, drawn with replacement from all pairs."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", whole_number("FixedTotalNumber.n", self.n, 0, 2**31 - 1, NetworkError))

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw. Raises NetworkError where the only pair is a neuron and itself."""
        _refuse(self, self.n > 0 and n_sources == n_targets == 1 and shift == 0)
        return _shape(RuleKind.DRAWN, n_targets, shift)


def _refuse(rule: Rule, alone: bool) -> None:
    """Raise NetworkError where a neuron that needs a partner has none but itself."""
    if alone:
        raise NetworkError(f"{type(rule).__name__} without autapses needs more than one neuron to draw from")


@dataclasses.dataclass(frozen=True)
class DistanceDependent(Rule):
    """Neurons on two grids over the same sheet, each pair at most once with a probability that falls with its distance d.

    With "gaussian" it is p exp(-d^2 / (2 scale^2)), with "exponential" p exp(-d / scale), with "disc" p where d is at most scale.

    p : within [0, 1], at distance 0
    scale : above 0, in the unit of the extent
    source_grid, target_grid : (rows, columns); neurons are ordered (y, x), each in the middle of its cell of the sheet
    extent : (height, width) of the sheet, by default (rows, columns) of the targets: these are then 1 apart
    periodic : whether the sheet is closed to a torus; a distance is then the shortest
    cutoff : above 0: no synapse is longer

    Raises NetworkError for values out of bounds.
    """

    p: float
    scale: float
    source_grid: tuple[int, int]
    target_grid: tuple[int, int]
    profile: str = "gaussian"
    extent: tuple[float, float] | None = None
    periodic: bool = False
    cutoff: float = math.inf

    PROFILES: ClassVar[tuple[str, ...]] = ("gaussian", "exponential", "disc")

    def __post_init__(self) -> None:
        if not 0 <= real_number("DistanceDependent.p", self.p, NetworkError) <= 1:
            raise NetworkError(f"DistanceDependent.p must lie within 0 and 1, got {self.p}")
        if not 0 < real_number("DistanceDependent.scale", self.scale, NetworkError) < math.inf:
            raise NetworkError(f"DistanceDependent.scale must be finite and above 0, got {self.scale:g}")
        if not real_number("DistanceDependent.cutoff", self.cutoff, NetworkError) > 0:
            raise NetworkError(f"DistanceDependent.cutoff must be above 0, got {self.cutoff:g}")
        if self.profile not in self.PROFILES:
            raise NetworkError(f"DistanceDependent.profile must be one of {list(self.PROFILES)}, got {self.profile!r}")
        for name in ("source_grid", "target_grid"):
            rows, columns = _pair(name, getattr(self, name), "rows, columns")
            sizes = (whole_number(f"DistanceDependent.{name}", n, 1, 2**31 - 1, NetworkError) for n in (rows, columns))
            object.__setattr__(self, name, tuple(sizes))
        extent = _pair("extent", self.target_grid if self.extent is None else self.extent, "height, width")
        for length in extent:
            if not 0 < real_number("DistanceDependent.extent", length, NetworkError) < math.inf:
                raise NetworkError(f"DistanceDependent.extent must be finite and above 0, got {length:g}")
        object.__setattr__(self, "extent", tuple(float(length) for length in extent))

    def shape(self, n_sources: int, n_targets: int, shift: int) -> Shape:
        """Return what the kernels draw. Raises NetworkError where a grid is not as large as its population."""
        for name, grid, n in (("source", self.source_grid, n_sources), ("target", self.target_grid, n_targets)):
            if grid[0] * grid[1] != n:
                raise NetworkError(f"DistanceDependent.{name}_grid {grid} must have as many cells as neurons, {n}")
        assert self.extent is not None
        profile = self.PROFILES.index(self.profile)
        # Beyond these lies less than a word in 2**32. A little more, lest rounding exclude a neuron at the very edge.
        reach = self.scale * (math.sqrt(64 * math.log(2)), 32 * math.log(2), 1.0)[profile]
        reach = min(self.cutoff, reach) * (1 + 1e-9)
        return Shape(
            int(RuleKind.DISTANCE), n_targets, shift, float(self.p), *self.extent, *self.source_grid, *self.target_grid,
            float(self.scale), profile, float(reach), bool(self.periodic),
        )  # fmt: skip


def _pair(name: str, value: Any, parts: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise NetworkError(f"DistanceDependent.{name} must be ({parts}), got {value!r}")
    return value[0], value[1]
