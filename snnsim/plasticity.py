"""Plastic projections in flat arrays, as the learning kernels take them; the columns are those of ``plasticity_layout``."""

import dataclasses
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.by_target import count_by_target, fill_by_target
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.plasticity_layout import Learning, LearningState, Updates
from snnsim_kernels.plasticity_layout import PlasticityColumn as Col
from snnsim_kernels.plasticity_registry import LearningKind, kind_of
from snnsim_kernels.registry import DeliveryKind
from snnsim_models import Plasticity

from ._errors import NetworkError
from .network import Network, Projection
from .placement import Placed
from .regulation import Normalisation

__all__ = ["CompiledPlasticity", "Modulation", "compile_plasticity", "plasticity_bytes"]

_TRACE_CYCLE = 16.0
"""Time constants of a trace after which it gets a new t0: what it is kept as grows by exp(16), which float32 bears."""

_ELIGIBILITY_CYCLE = 1.0
"""The same of an eligibility. It multiplies small differences of a level, so it must not grow much."""

_NEVER = 2**62


class _Index(NamedTuple):
    """How the target side finds its synapses."""

    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    segments: NDArray[np.int32]
    existing: NDArray[np.uint8]


class Modulation(NamedTuple):
    """What modulators bring in a run: the table with the columns of the modulators, the schedule, and the values."""

    rules: NDArray[np.int64]
    schedule: NDArray[np.int32]
    signals: NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledPlasticity:
    """The table of the plastic projections of a network, and what it points into."""

    rules: NDArray[np.int64]
    parameters: NDArray[Any]
    rates: NDArray[np.float64]
    kinds: list[LearningKind]
    names: tuple[str, ...]
    """Of the projections."""
    models: list[Plasticity]
    """Their rules."""
    projections: NDArray[np.int64]
    """Their rows of the projection table."""
    n_traces: int
    n_eligibility: int
    placed: Placed
    """All synapses as they were compiled."""

    def __len__(self) -> int:
        return len(self.rules)

    def state(self) -> LearningState:
        """Return the state before the first step."""
        real = self.parameters.dtype
        return LearningState(
            np.zeros(self.n_traces, real),
            np.zeros(self.n_eligibility, real),
            np.zeros(2 * len(self), np.int64),
            np.zeros(2 * len(self)),
        )

    @cached_property
    def nothing(self) -> Modulation:
        """A run without modulators."""
        return Modulation(self.rules, np.zeros(0, np.int32), np.zeros(1, self.parameters.dtype))

    def learning(self, state: LearningState, modulation: Modulation, bins: int, *, frozen: bool) -> Learning:
        """Return what a run of so many bins learns with: nothing where it is ``frozen``."""
        if frozen or not len(self):
            return self._still
        return Learning(
            modulation.rules, self.parameters, self.rates, *self._index, modulation.schedule, modulation.signals,
            np.zeros((bins, len(self), Updates.COUNT), np.int64), state,
        )  # fmt: skip

    @cached_property
    def _still(self) -> Learning:
        """What nothing learns with; a short run should not have to make it."""
        index = _Index(*(np.zeros(0, kind) for kind in _KINDS))
        counts, state = np.zeros((0, 0, Updates.COUNT), np.int64), self.state()
        return Learning(
            self.rules[:0],
            self.parameters,
            self.rates,
            *index,
            self.nothing.schedule,
            self.nothing.signals,
            counts,
            state,
        )

    def number_of(self, projection: int) -> int | None:
        """Return the row of a projection, given its row in the projection table; None where it is not plastic."""
        found = np.flatnonzero(self.rules[:, Col.PROJECTION] == projection)
        return int(found[0]) if len(found) else None

    def current(self, number: int, own: NDArray[Any], state: LearningState) -> NDArray[Any]:
        """Return the weights that are stored as ``own`` as they are now: some move by themselves."""
        row = self.rules[number]
        if row[Col.ELIGIBILITY] < 0:
            return own
        e, since = self._moving(row, state)
        low, high = self.parameters[row[Col.PARAMETERS] : row[Col.PARAMETERS] + 2]
        return np.asarray(np.clip(own + e * (own.dtype.type(state.levels[2 * number + 1]) - since), low, high))

    def stand(self, number: int, state: LearningState) -> None:
        """Note that the stored weights are up to date."""
        row = self.rules[number]
        if row[Col.ELIGIBILITY] >= 0:
            self._moving(row, state)[1][:] = state.levels[2 * number + 1]

    def _moving(self, row: NDArray[np.int64], state: LearningState) -> NDArray[Any]:
        """Return the eligibilities of a projection, and the levels at which its weights were brought up to date."""
        at, size = int(row[Col.ELIGIBILITY]), int(row[Col.SYNAPSES])
        return np.reshape(state.eligibility[at : at + 2 * size], (2, size))

    @cached_property
    def _index(self) -> _Index:
        parts: tuple[list[NDArray[Any]], ...] = tuple([np.zeros(0, kind)] for kind in _KINDS)
        starts, places, segments, existing = parts
        for row in self.rules:
            projection, kind = self.projections[row[Col.PROJECTION]], self.kinds[row[Col.KIND]]
            if kind.connectivity == "dense":
                at, shape = int(projection[Proj.WEIGHTS]), projection[[Proj.SOURCE_SIZE, Proj.TARGET_SIZE]]
                there = self.placed.weights[at : at + int(row[Col.SYNAPSES])].reshape(shape) != 0
                starts.append(np.count_nonzero(there, axis=0))
                if kind.masked:
                    existing.append(there.ravel().astype(np.uint8))
                continue
            n_delays, n_targets = int(projection[Proj.N_DELAYS]), int(projection[Proj.TARGET_SIZE])
            reached = (self.placed.narrow_targets if kind.narrow else self.placed.targets)[projection[Proj.SYNAPSES] :]
            pointers = self.placed.pointers[projection[Proj.POINTERS] :]
            pointers = pointers[: int(projection[Proj.SOURCE_SIZE]) * n_delays + 1]
            delays_apart = n_delays if row[Col.DENDRITIC] else 1
            ends = np.zeros(int(row[Col.POST_SEGMENTS]) + 1, np.int64)
            count_by_target(ends[1:], pointers, reached, n_delays, delays_apart, n_targets)
            np.cumsum(ends, out=ends)
            own, of = (np.empty(int(row[Col.SYNAPSES]), np.int32) for _ in range(2))
            fill_by_target(own, of, ends[:-1].copy(), pointers, reached, n_delays, delays_apart, n_targets)
            # As a pool they start where this projection's part does.
            starts.append(ends + int(row[Col.PLACES]))
            places.append(own)
            segments.append(of)
        return _Index(*(np.concatenate(part) for part in parts))


_KINDS: tuple[Any, ...] = (np.int64, np.int32, np.int32, np.uint8)


def plasticity_bytes(projection: Projection, n_weights: int, per_weight: int) -> int:
    """Return about how many bytes a projection takes beside its synapses, for its index and eligibilities."""
    rule = projection.plasticity
    if rule is None:
        return 0
    return n_weights * (8 + (2 * per_weight if rule.eligibility is not None else 0))


def compile_plasticity(
    network: Network,
    projections: NDArray[np.int64],
    deliveries: list[DeliveryKind],
    placed: Placed,
    n_weights: list[int],
    precision: str,
) -> CompiledPlasticity:
    """Compile the plastic projections of a network whose synapses are placed.

    Raises NetworkError where an initial weight lies out of its bounds, or a constant beyond the precision.
    """
    real = registry.PRECISIONS[precision]
    normalised = {id(to): rule for to, rule in network.regulations if isinstance(rule, Normalisation)}
    plastic = [number for number, projection in enumerate(network.projections) if projection.plasticity is not None]
    rules = np.zeros((len(plastic), Col.COUNT), np.int64)
    parameters: list[float] = []
    rates: list[float] = []
    kinds: list[LearningKind] = []
    models: list[Plasticity] = []
    traces = eligibility = starts = places = existing = 0
    for row, number in zip(rules, plastic, strict=True):
        described, projection = network.projections[number], projections[number]
        rule, delivery = described.plasticity, deliveries[projection[Proj.KIND]]
        assert rule is not None
        own = placed.weights[projection[Proj.WEIGHTS] :][: n_weights[number]]
        dense = delivery.connectivity == "dense"
        _check_weights(described.name, rule, own[own != 0] if dense else own)
        masked = dense and bool((own == 0).any())
        kind = kind_of(rule, delivery.connectivity, narrow=delivery.narrow, masked=masked)
        if kind not in kinds:
            kinds.append(kind)
        models.append(rule)
        dendritic, parts = described.delay_side == "dendritic", int(projection[Proj.N_DELAYS])
        row[Col.KIND], row[Col.PROJECTION], row[Col.DENDRITIC] = kinds.index(kind), number, dendritic
        row[Col.PARAMETERS], row[Col.RATES] = len(parameters), len(rates)
        both = (*rule.pre_traces, *rule.post_traces)
        parameters += [rule.w_min, rule.w_max, *rule.constants(), *(float(trace.accumulates) for trace in both)]
        rates += [network.dt / trace.tau for trace in both]
        ages = [_TRACE_CYCLE * trace.tau / network.dt for trace in both if math.isfinite(trace.tau)]
        row[Col.PRE_SEGMENTS] = projection[Proj.SOURCE_SIZE] * (1 if dendritic else parts)
        row[Col.POST_SEGMENTS] = projection[Proj.TARGET_SIZE] * (parts if dendritic else 1)
        row[Col.PRE], row[Col.POST] = traces, traces + len(rule.pre_traces) * row[Col.PRE_SEGMENTS]
        traces = int(row[Col.POST]) + len(rule.post_traces) * int(row[Col.POST_SEGMENTS])
        row[Col.SYNAPSES], row[Col.ELIGIBILITY] = len(own), -1
        if rule.eligibility is not None:
            rate, decay = (network.dt / tau for tau in rule.eligibility)
            rates += [rate, decay, -math.expm1(-(rate + decay)) / (rate + decay) * network.dt]
            ages.append(_ELIGIBILITY_CYCLE / rate)
            row[Col.ELIGIBILITY] = eligibility
            eligibility += 2 * len(own)
            if id(described) in normalised:
                row[Col.SETTLE] = round(normalised[id(described)].every / network.dt)
        row[Col.CYCLE] = max(1, min(_NEVER, int(min(ages, default=_NEVER))))
        row[Col.STARTS], row[Col.PLACES], row[Col.EXISTING] = starts, places, existing
        starts += int(row[Col.POST_SEGMENTS]) + (0 if dense else 1)
        places += 0 if dense else len(own)
        existing += len(own) if masked else 0
        row[Col.WHICH], row[Col.SIGNAL_WIDTH] = -1, 1
    with np.errstate(over="ignore"):
        held = np.array(parameters, real)
    if np.any(np.isfinite(parameters) & ~np.isfinite(held)):
        raise NetworkError(f"constants of a plasticity rule beyond the range of {np.dtype(real).name}")
    return CompiledPlasticity(
        rules,
        held,
        # A trace without an eligibility is followed by what nobody reads.
        np.array([*rates, 0.0, 0.0, 0.0]),
        kinds,
        tuple(network.projections[number].name for number in plastic),
        models,
        projections,
        traces,
        eligibility,
        placed,
    )


def _check_weights(name: str, rule: Plasticity, weights: NDArray[Any]) -> None:
    """Raise NetworkError where an initial weight lies out of the rule's bounds."""
    low, high = weights.dtype.type(rule.w_min), weights.dtype.type(rule.w_max)
    if len(weights) and (weights.min() < low or weights.max() > high):
        raise NetworkError(
            f"projection {name}: weights must lie within w_min = {rule.w_min:g} and w_max = {rule.w_max:g} of its "
            f"{type(rule).__name__}, got {weights.min():g} to {weights.max():g}"
        )
