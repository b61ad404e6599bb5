"""From a network description to the flat arrays that kernels run on."""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.registry import DeliveryKind, NeuronKind, ReceptorKind

from ._errors import NetworkError
from .network import Network, Population, Projection
from .placement import place, plan_of

__all__ = ["CompiledNetwork", "State", "compile_network"]

_NEVER = 2**62


class State(NamedTuple):
    """All that changes while a network runs, one row per copy."""

    values: NDArray[Any]
    """State variables (copies, states), in the precision of the network."""
    held: NDArray[np.int32]
    """Steps for which a neuron is still refractory (copies, neurons)."""
    history: NDArray[np.int32]
    """Spike lists of the last steps, as far back as delays reach (copies, entries)."""
    lengths: NDArray[np.int32]
    """The lengths of these lists (copies, lists)."""


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """Tables and flat arrays of a network in one precision; the columns are those of ``snnsim_kernels.layout``."""

    network: Network
    """The description as it was when it was compiled."""
    precision: str
    populations: NDArray[np.int64]
    projections: NDArray[np.int64]
    initial: NDArray[Any]
    """One copy's state array before the first step."""
    constants: NDArray[Any]
    pointers: NDArray[np.int64]
    targets: NDArray[np.int32]
    narrow_targets: NDArray[np.uint16]
    """Targets of the projections that reach at most 65,536 neurons."""
    weights: NDArray[Any]
    delays: NDArray[np.int64]
    history: int
    """Entries of a copy's spike lists."""
    lengths: int
    """Number of a copy's spike lists."""
    neuron_kinds: list[NeuronKind]
    deliveries: list[DeliveryKind]

    @property
    def n_neurons(self) -> int:
        """The number of neurons of one copy."""
        return self.network.n_neurons

    def state(self, copies: int) -> State:
        """Return the state before the first step."""
        return State(
            np.tile(self.initial, (copies, 1)),
            np.zeros((copies, self.n_neurons), np.int32),
            np.zeros((copies, self.history), np.int32),
            np.zeros((copies, self.lengths), np.int32),
        )

    def index(self, name: str) -> int:
        """Return the row of the population ``name``."""
        return list(self.network.populations).index(name)

    def state_offset(self, population: Population, variable: str) -> int:
        """Return where the state variable of the population's first neuron lies in a copy's state array."""
        row = self.populations[self.index(population.name)]
        return int(row[Pop.STATE]) + population.model.states.index(variable) * population.size


class _Pool:
    """Arrays that are appended to one flat array; ``add`` returns the offset."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.parts, self.size = dtype, [np.zeros(0, dtype)], 0

    def add(self, array: Any) -> int:
        part = np.ascontiguousarray(array, dtype=self.dtype).ravel()
        offset = self.size
        self.parts.append(part)
        self.size += part.size
        return offset

    def array(self) -> NDArray[Any]:
        return np.concatenate(self.parts)


def compile_network(network: Network, precision: str) -> CompiledNetwork:
    """Compile a network for ``precision``, "float32" or "float64". Raises NetworkError where it has no population."""
    if precision not in registry.PRECISIONS:
        raise NetworkError(f"precision must be one of {list(registry.PRECISIONS)}, got {precision!r}")
    if not network.populations:
        raise NetworkError("the network has no population")
    network = network.snapshot()
    real = registry.PRECISIONS[precision]
    states, constants = _Pool(real), _Pool(real)
    neuron_kinds: list[NeuronKind] = []
    deliveries: list[DeliveryKind] = []

    populations = np.zeros((len(network.populations), Pop.COUNT), dtype=np.int64)
    neuron = 0
    for row, population in zip(populations, network.populations.values(), strict=True):
        neuron_kind, values = _constants(population, network.dt)
        if neuron_kind not in neuron_kinds:
            neuron_kinds.append(neuron_kind)
        start, stop = (value / network.dt for value in population.active)
        row[Pop.KIND] = neuron_kinds.index(neuron_kind)
        row[Pop.RESET] = row[Pop.KIND] if neuron_kind.model.RESET is not None else -1
        row[Pop.SIZE], row[Pop.NEURON] = population.size, neuron
        row[Pop.FIRST_STEP] = round(start)
        row[Pop.LAST_STEP] = round(stop) if math.isfinite(stop) else _NEVER
        row[Pop.TRAIN], row[Pop.SLOTS] = -1, 1
        row[Pop.CONSTANTS] = constants.add(values)
        row[Pop.STATE] = states.size
        own = population.model.initial(network.dt)
        for value in (*own, *(0.0 for _ in population.model.states[len(own) :])):
            states.add(np.broadcast_to(value, population.size))
        neuron += population.size

    names = list(network.populations)
    projections = np.zeros((len(network.projections), Proj.COUNT), dtype=np.int64)
    plans = [plan_of(projection, network.dt) for projection in network.projections]
    for row, projection, plan in zip(projections, network.projections, plans, strict=True):
        if plan.kind not in deliveries:
            deliveries.append(plan.kind)
        row[Proj.KIND] = deliveries.index(plan.kind)
        source, target = projection.source, projection.target
        row[Proj.SOURCE] = names.index(source.population.name)
        row[Proj.SOURCE_NEURON], row[Proj.SOURCE_SIZE] = source.start, len(source)
        row[Proj.TARGET_STATE] = _receptor_state(populations, names, projection)
        row[Proj.TARGET_SIZE] = len(target)
        row[Proj.PAYLOAD] = populations[row[Proj.SOURCE], Pop.STATE]
        sender = populations[row[Proj.SOURCE]]
        sender[Pop.SLOTS] = max(sender[Pop.SLOTS], plan.delays.max() + 1)
    placed = place(plans, [projection.name for projection in network.projections], projections, real)

    lists = populations[:, Pop.SLOTS] * populations[:, Pop.SIZE]
    populations[:, Pop.HISTORY] = np.cumsum(lists) - lists
    populations[:, Pop.LENGTHS] = np.cumsum(populations[:, Pop.SLOTS]) - populations[:, Pop.SLOTS]
    return CompiledNetwork(
        network=network,
        precision=precision,
        populations=populations,
        projections=projections,
        initial=states.array(),
        constants=constants.array(),
        pointers=placed.pointers,
        targets=placed.targets,
        narrow_targets=placed.narrow_targets,
        weights=placed.weights,
        delays=placed.delays,
        history=int(lists.sum()),
        lengths=int(populations[:, Pop.SLOTS].sum()),
        neuron_kinds=neuron_kinds,
        deliveries=deliveries,
    )


def _constants(population: Population, dt: float) -> tuple[NeuronKind, NDArray[np.float64]]:
    """Return the kind of a population and its constants, shape (constants, 1) or (constants, neurons)."""
    model = population.model
    try:
        own = model.constants(dt)
        received = model.receptor_constants(dt)
    except ValueError as error:
        raise NetworkError(f"population {population.name!r}: {error}") from error
    values = [np.asarray(value, dtype=np.float64) for part in (own, *received) for value in part]
    per_neuron = model.STOCHASTIC or any(value.ndim for value in values)
    width = population.size if per_neuron else 1
    table = np.array([np.broadcast_to(value, width) for value in values]).reshape(len(values), width)
    dynamic = model.dynamic_receptors.values()
    kinds = tuple(ReceptorKind(type(r), len(part)) for r, part in zip(dynamic, received, strict=True))
    return NeuronKind(type(model), len(own), per_neuron, kinds), table


def _receptor_state(populations: NDArray[np.int64], names: list[str], projection: Projection) -> int:
    target = projection.target
    model = target.population.model
    variable = model.states.index(model.arrival(projection.receptor))
    row = populations[names.index(target.population.name)]
    return int(row[Pop.STATE]) + variable * target.population.size + target.start
